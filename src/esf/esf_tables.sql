CREATE TABLE attest_data.operation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  framework text NOT NULL CHECK (framework IN ('esf+', 'esf')),
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  UNIQUE (tenant_id, code),
  CHECK (ends_on >= starts_on)
);
COMMENT ON TABLE attest_data.operation IS 'Operations funded by the European Social Fund.';

CREATE TABLE attest_data.participation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  gender text,
  entered_on date NOT NULL,
  exited_on date,
  facts attest.sealed,
  frozen_indicators text[],
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, participation_id),
  UNIQUE (tenant_id, operation_id, person_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.participation IS 'Participations in operations; the facts are sealed, and at erasure give way to the indicators they counted for.';
CREATE INDEX participation_tenant_person_idx ON attest_data.participation (tenant_id, person_id);
