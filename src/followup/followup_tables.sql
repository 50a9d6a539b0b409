CREATE TABLE attest_data.followup_setting (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  name text NOT NULL,
  value text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, name)
);
COMMENT ON TABLE attest_data.followup_setting IS 'Where a tenant departs from the defaults of attest.followup_settings().';

CREATE TABLE attest_data.referent_organisation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  organisation_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  siret attest.siret,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, organisation_id),
  UNIQUE (tenant_id, code),
  CHECK (until >= since)
);
COMMENT ON TABLE attest_data.referent_organisation IS 'Organisations that people are referred to (L5411-5-1 of the Labour Code).';

CREATE TABLE attest_data.referent_membership (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  referent_id uuid NOT NULL,
  organisation_id uuid NOT NULL,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, referent_id, since),
  FOREIGN KEY (tenant_id, referent_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  CHECK (until >= since)
);
COMMENT ON TABLE attest_data.referent_membership IS 'Which organisation a referent or counsellor works for, and when: one at a time.';

CREATE TABLE attest_data.rsa_situation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  situation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  rights text NOT NULL CHECK (rights IN ('open', 'suspended', 'closed')),
  obliged boolean,
  applied_on date,
  registered_on date,
  registration_exempt boolean,
  informed_on date,
  entered_on date,
  couple boolean,
  children boolean,
  education text CHECK (education IN ('VI_Vbis', 'V', 'IV', 'III_I')),
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, situation_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.rsa_situation (tenant_id, situation_id)
);
COMMENT ON TABLE attest_data.rsa_situation IS 'What is known of the right to the RSA: append-only; of the rows recorded by then and not cancelled, the one with the last day counts.';
CREATE INDEX rsa_situation_tenant_person_idx ON attest_data.rsa_situation (tenant_id, person_id, since);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.rsa_situation FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();

CREATE TABLE attest_data.orientation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  orientation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  organisation_id uuid NOT NULL,
  decided_on date NOT NULL,
  notified_on date,
  decided_by text NOT NULL CHECK (decided_by IN ('departement', 'delegate', 'france_travail')),
  path text NOT NULL CHECK (path IN ('employment', 'social_professional', 'social')),
  outcome text NOT NULL CHECK (outcome IN ('oriented', 'maintained')),
  vulnerable boolean NOT NULL,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, orientation_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.orientation (tenant_id, orientation_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  CHECK (notified_on >= decided_on)
);
COMMENT ON TABLE attest_data.orientation IS 'Decisions of orientation and re-examination: append-only; a correction replaces a row.';
CREATE INDEX orientation_tenant_person_idx ON attest_data.orientation (tenant_id, person_id, decided_on);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.orientation FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();

CREATE TABLE attest_data.engagement_contract (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  contract_id uuid NOT NULL,
  person_id uuid NOT NULL,
  organisation_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('engagement', 'cer', 'ppae')),
  signed_on date NOT NULL,
  starts_on date NOT NULL,
  ends_on date,
  weekly_minutes int NOT NULL CHECK (weekly_minutes > 0),
  actions text[] NOT NULL,
  renews uuid,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  ground attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, contract_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  FOREIGN KEY (tenant_id, renews) REFERENCES attest_data.engagement_contract (tenant_id, contract_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.engagement_contract (tenant_id, contract_id),
  CHECK (ends_on >= starts_on)
);
COMMENT ON TABLE attest_data.engagement_contract IS 'Contracts of engagement, and the CER and PPAE before them: append-only; a correction replaces a row.';
CREATE INDEX engagement_contract_tenant_person_idx ON attest_data.engagement_contract (tenant_id, person_id, starts_on);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.engagement_contract FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();

CREATE TABLE attest_data.commitment_period (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  period_id uuid NOT NULL,
  person_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('reduction', 'exemption', 'leave')),
  since date NOT NULL,
  until date,
  weekly_minutes int CHECK (weekly_minutes > 0),
  requested_on date,
  decided_on date,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  ground attest.sealed,
  proof attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, period_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.commitment_period (tenant_id, period_id),
  CHECK (until >= since),
  CHECK ((kind = 'reduction') = (weekly_minutes IS NOT NULL))
);
COMMENT ON TABLE attest_data.commitment_period IS 'Periods with a reduced weekly duration, with none, or on leave: append-only; a correction replaces a row. The ground may be about health: it is sealed.';
CREATE INDEX commitment_period_tenant_person_idx ON attest_data.commitment_period (tenant_id, person_id, since);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.commitment_period FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();

CREATE TABLE attest_data.activity (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  activity_id uuid NOT NULL,
  person_id uuid NOT NULL,
  kind text NOT NULL,
  day date NOT NULL,
  starts_at timestamptz,
  outcome text NOT NULL CHECK (outcome IN ('planned', 'done', 'absent', 'excused')),
  minutes_planned int CHECK (minutes_planned > 0),
  minutes_done int CHECK (minutes_done >= 0),
  client_id uuid,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  proof attest.sealed,
  note attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, activity_id),
  UNIQUE (tenant_id, client_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.activity (tenant_id, activity_id),
  CHECK ((outcome = 'planned') = (minutes_done IS NULL))
);
COMMENT ON TABLE attest_data.activity IS 'Activities other than training recorded by attendance: append-only; a correction replaces a row.';
CREATE INDEX activity_tenant_person_idx ON attest_data.activity (tenant_id, person_id, day);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.activity FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();

CREATE TABLE attest_data.interaction (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  interaction_id uuid NOT NULL,
  person_id uuid NOT NULL,
  kind text NOT NULL,
  happened_at timestamptz NOT NULL,
  author_id uuid,
  organisation_id uuid,
  audience text NOT NULL CHECK (audience IN ('caseload', 'organisation', 'author')),
  follows uuid,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  content attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, interaction_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, author_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  FOREIGN KEY (tenant_id, follows) REFERENCES attest_data.interaction (tenant_id, interaction_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.interaction (tenant_id, interaction_id)
);
COMMENT ON TABLE attest_data.interaction IS 'History of interactions and comments, sealed under the key of the person: append-only; a correction replaces a row.';
CREATE INDEX interaction_tenant_person_idx ON attest_data.interaction (tenant_id, person_id, happened_at);
CREATE INDEX interaction_tenant_follows_idx ON attest_data.interaction (tenant_id, follows) WHERE follows IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.interaction FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();

CREATE TABLE attest_data.interaction_reading (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  reading_id uuid NOT NULL,
  person_id uuid NOT NULL,
  read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  read_by uuid DEFAULT attest.current_account(),
  profile text,
  interactions int NOT NULL,
  PRIMARY KEY (tenant_id, reading_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.interaction_reading IS 'Who read the interactions of whom, and when: append-only.';
CREATE INDEX interaction_reading_tenant_person_idx ON attest_data.interaction_reading (tenant_id, person_id, read_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.interaction_reading FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record();
