CREATE TABLE attest_data.operation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  framework text NOT NULL CHECK (framework IN ('esf+', 'esf')),
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  programme text,
  priority text,
  specific_objective text,
  region_category text CHECK (region_category IN ('less_developed', 'transition', 'more_developed', 'outermost')),
  parameters jsonb NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  UNIQUE (tenant_id, code),
  CHECK (ends_on >= starts_on)
);
COMMENT ON TABLE attest_data.operation IS 'Operations funded by the European Social Fund.';
CREATE INDEX operation_tenant_programme_idx ON attest_data.operation (tenant_id, programme);
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.operation FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();

CREATE TABLE attest_data.operation_parameters (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  entry_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  parameters jsonb NOT NULL,
  reason text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, entry_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
);
COMMENT ON TABLE attest_data.operation_parameters IS 'Parameters of the indicators of an operation, as changed one after the other; the last ones are those of the operation.';
CREATE INDEX operation_parameters_tenant_operation_idx ON attest_data.operation_parameters (tenant_id, operation_id);

CREATE TABLE attest_data.participation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  version int NOT NULL DEFAULT 0,
  entered_on date NOT NULL,
  exited_on date,
  evidence text NOT NULL DEFAULT 'unverified' CHECK (evidence IN ('unverified', 'verified', 'rejected')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  exit_recorded_at timestamptz,
  followup_recorded_at timestamptz,
  corrected_at timestamptz,
  PRIMARY KEY (tenant_id, participation_id),
  UNIQUE (tenant_id, operation_id, person_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  CHECK (exited_on >= entered_on)
);
COMMENT ON TABLE attest_data.participation IS 'Participations: one a person and operation. What the indicators follow from is in the versions, sealed.';
CREATE INDEX participation_tenant_person_idx ON attest_data.participation (tenant_id, person_id);

CREATE TABLE attest_data.participation_version (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  version int NOT NULL CHECK (version > 0),
  stay int NOT NULL CHECK (stay > 0),
  person_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('entry', 're_entry', 'exit', 'change', 'followup', 'correction', 'import', 'merge', 'parameters')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  reason attest.sealed,
  facts attest.sealed,
  dossier attest.sealed,
  PRIMARY KEY (tenant_id, participation_id, version),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.participation_version IS 'What was known of a participation after each write, sealed for the person; emptied when the person is erased.';
CREATE INDEX participation_version_tenant_person_idx ON attest_data.participation_version (tenant_id, person_id);

CREATE TABLE attest_data.participation_stay (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  stay int NOT NULL CHECK (stay > 0),
  person_id uuid NOT NULL,
  entered_on date NOT NULL,
  exited_on date CHECK (exited_on >= entered_on),
  PRIMARY KEY (tenant_id, participation_id, stay),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.participation_stay IS 'From when to when a person was in the operation, each time.';
CREATE INDEX participation_stay_tenant_person_idx ON attest_data.participation_stay (tenant_id, person_id);

CREATE TABLE attest_data.participation_evidence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  evidence_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  evidence text NOT NULL CHECK (evidence IN ('unverified', 'verified', 'rejected')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, evidence_id),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.participation_evidence IS 'Verdicts on the pieces of proof of a participation, one after the other.';
CREATE INDEX participation_evidence_tenant_participation_idx ON attest_data.participation_evidence (tenant_id, participation_id);
CREATE INDEX participation_evidence_tenant_person_idx ON attest_data.participation_evidence (tenant_id, person_id);

CREATE TABLE attest_data.participation_count (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  version int NOT NULL CHECK (version > 0),
  stay int NOT NULL CHECK (stay > 0),
  recorded_at timestamptz NOT NULL,
  entered_on date,
  exited_on date,
  counted attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, operation_id, participation_id, version, stay),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
);
COMMENT ON TABLE attest_data.participation_count IS 'What each version of a participation counted for, up to the end of each stay: gender and indicators, sealed for the operation. It stays when the person is erased.';

CREATE TABLE attest_data.operation_pending (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  version int NOT NULL,
  stay int NOT NULL,
  added attest.sealed NOT NULL,
  removed attest.sealed,
  PRIMARY KEY (tenant_id, operation_id, participation_id, version),
  FOREIGN KEY (tenant_id, operation_id, participation_id, version, stay)
    REFERENCES attest_data.participation_count (tenant_id, operation_id, participation_id, version, stay)
);
COMMENT ON TABLE attest_data.operation_pending IS 'Versions that the running total of their operation does not hold yet: what each counts for, and what the one before did.';

CREATE TABLE attest_data.operation_total (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  total attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
);
COMMENT ON TABLE attest_data.operation_total IS 'Running totals of the operations: tallies, sealed for the operation, without what is pending.';

CREATE TABLE attest_data.operation_entity (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  entry_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  code text NOT NULL,
  entities bigint NOT NULL CHECK (entities >= 0),
  counted_on date NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, entry_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
);
COMMENT ON TABLE attest_data.operation_entity IS 'Numbers of supported services, firms and projects; the last day of a code counts, and of that day what was recorded last.';
CREATE INDEX operation_entity_tenant_operation_idx ON attest_data.operation_entity (tenant_id, operation_id, code, recorded_at);

SELECT attest_internal.register_job('esf_totals', 'esf_totals_job', '10 minutes', 'Adds to the running totals of ESF operations what was recorded since, so that reports stay fast. They are exact without it.');
