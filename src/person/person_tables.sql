CREATE TABLE attest_data.person (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  person_id uuid NOT NULL,
  reference text,
  profiles text[] NOT NULL,
  -- identification
  civility text,
  last_name attest.sealed,
  first_name attest.sealed,
  birth_name attest.sealed,
  gender text CHECK (gender IN ('F', 'M', 'N')),
  birth_date attest.sealed,
  birth_year int,
  birth_place attest.sealed,
  birth_continent attest.sealed,
  nir attest.sealed,
  -- contact
  email attest.sealed,
  other_email attest.sealed,
  phone attest.sealed,
  mobile attest.sealed,
  address attest.sealed,
  postcode text,
  commune text,
  -- training
  isced smallint CHECK (isced BETWEEN 0 AND 8),
  diploma attest.sealed,
  training_goal attest.sealed,
  -- job search
  france_travail_number attest.sealed,
  caf_number attest.sealed,
  job_sought attest.sealed,
  unemployed_since attest.sealed,
  -- professional life
  employer_siret attest.siret,
  employer_name attest.sealed,
  job_title attest.sealed,
  contract attest.sealed,
  hired_on attest.sealed,
  -- personal life
  disability attest.sealed,
  parents_birth_place attest.sealed,
  -- support
  service attest.sealed,
  professional_status attest.sealed,
  comments attest.sealed,
  -- derived: for searching, and for finding the same person again
  search_name attest.sealed,
  nir_blind bytea,
  email_blind bytea,
  identity_blind bytea,
  -- the register's own
  last_activity date,
  source text NOT NULL DEFAULT 'manual',
  import_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by uuid DEFAULT attest.current_account(),
  anonymised_at timestamptz,
  PRIMARY KEY (tenant_id, person_id),
  UNIQUE (tenant_id, reference)
);
COMMENT ON TABLE attest_data.person IS 'The register of people; what names a person is sealed. Fields: attest.person_fields().';
CREATE INDEX person_tenant_last_activity_idx ON attest_data.person (tenant_id, last_activity) WHERE anonymised_at IS NULL;
CREATE INDEX person_tenant_nir_idx ON attest_data.person (tenant_id, nir_blind) WHERE nir_blind IS NOT NULL;
CREATE INDEX person_tenant_email_idx ON attest_data.person (tenant_id, email_blind) WHERE email_blind IS NOT NULL;
CREATE INDEX person_tenant_identity_idx ON attest_data.person (tenant_id, identity_blind) WHERE identity_blind IS NOT NULL;

CREATE TABLE attest_data.person_change (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  change_id uuid NOT NULL,
  person_id uuid NOT NULL,
  field text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by uuid DEFAULT attest.current_account(),
  source text NOT NULL,
  import_id uuid,
  previous attest.sealed,
  PRIMARY KEY (tenant_id, change_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.person_change IS 'What people were before: one row a field that changed, the value that it replaced sealed.';
CREATE INDEX person_change_tenant_person_idx ON attest_data.person_change (tenant_id, person_id, field, changed_at);

CREATE TABLE attest_data.person_alias (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  alias_id uuid NOT NULL,
  person_id uuid NOT NULL,
  reference text,
  source text NOT NULL,
  import_id uuid,
  created_at timestamptz NOT NULL,
  created_by uuid,
  merged_at timestamptz NOT NULL DEFAULT now(),
  merged_by uuid DEFAULT attest.current_account(),
  reason attest.sealed,
  PRIMARY KEY (tenant_id, alias_id),
  UNIQUE (tenant_id, reference),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.person_alias IS 'Ids of people who were merged into another, with the provenance of their record.';
CREATE INDEX person_alias_tenant_person_idx ON attest_data.person_alias (tenant_id, person_id);

CREATE TABLE attest_data.field_policy (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  field text NOT NULL,
  rule text NOT NULL CHECK (rule IN ('required', 'optional', 'forbidden')),
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, profile, field)
);
COMMENT ON TABLE attest_data.field_policy IS 'Where a tenant departs from the default rules of fields.';

CREATE TABLE attest_data.nir_authorisation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  authorisation_id uuid NOT NULL,
  basis text NOT NULL,
  reference text NOT NULL,
  since date NOT NULL,
  until date,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by name NOT NULL DEFAULT session_user,
  revoked_at timestamptz,
  revoked_by name,
  revoke_reason text,
  PRIMARY KEY (tenant_id, authorisation_id),
  CHECK (until >= since)
);
COMMENT ON TABLE attest_data.nir_authorisation IS 'On what basis, and when, a tenant may hold social security numbers.';

CREATE TABLE attest_data.parental_authorisation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  authorisation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  given_on date NOT NULL,
  reference attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by uuid DEFAULT attest.current_account(),
  revoked_at timestamptz,
  revoked_by uuid,
  bars_until date,
  PRIMARY KEY (tenant_id, authorisation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.parental_authorisation IS 'Authorisations of holders of parental authority for people under 18.';
CREATE INDEX parental_authorisation_tenant_person_idx ON attest_data.parental_authorisation (tenant_id, person_id);

CREATE TABLE attest_data.caseload (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  referent_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, referent_id, person_id, since),
  FOREIGN KEY (tenant_id, referent_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.caseload IS 'Which referent or counsellor follows whom, and when.';
CREATE INDEX caseload_tenant_person_idx ON attest_data.caseload (tenant_id, person_id);
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.caseload FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();

CREATE TABLE attest_data.objection (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  objection_id uuid NOT NULL,
  person_id uuid NOT NULL,
  objected_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (tenant_id, objection_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
);
COMMENT ON TABLE attest_data.objection IS 'Objections of people to counsellors seeing their space.';
CREATE INDEX objection_tenant_person_idx ON attest_data.objection (tenant_id, person_id);
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.objection FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();

CREATE TABLE attest_data.import (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  import_id uuid NOT NULL,
  format text NOT NULL CHECK (format IN ('csv', 'json')),
  source text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'loaded', 'discarded')),
  layout text,
  columns text[],
  marked boolean NOT NULL DEFAULT false,
  next_line int NOT NULL DEFAULT 1,
  rest attest.sealed,
  records int NOT NULL DEFAULT 0,
  loaded int,
  rejected int,
  opened_at timestamptz NOT NULL DEFAULT now(),
  opened_by uuid DEFAULT attest.current_account(),
  loaded_at timestamptz,
  loaded_by uuid,
  emptied_at timestamptz,
  PRIMARY KEY (tenant_id, import_id)
);
COMMENT ON TABLE attest_data.import IS 'Imports of people. What is staged is sealed under a key of the import, which is the subject; the row stays as provenance.';

CREATE TABLE attest_data.import_block (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  import_id uuid NOT NULL,
  first_line int NOT NULL,
  records int NOT NULL,
  source attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, import_id, first_line),
  FOREIGN KEY (tenant_id, import_id) REFERENCES attest_data.import (tenant_id, import_id)
);
COMMENT ON TABLE attest_data.import_block IS 'Staged records as they were sent, sealed by the block; after loading, those that were rejected.';

CREATE TABLE attest_data.import_fault (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  import_id uuid NOT NULL,
  line int NOT NULL,
  column_name text,
  error text NOT NULL,
  facts text[] NOT NULL,
  PRIMARY KEY (tenant_id, import_id, line),
  FOREIGN KEY (tenant_id, import_id) REFERENCES attest_data.import (tenant_id, import_id)
);
COMMENT ON TABLE attest_data.import_fault IS 'Why records of an import are rejected: an error of the catalogue and its facts, never a value but a reference.';

SELECT attest_internal.register_job('import', 'import_job', '1 day', 'Destroys the staged and rejected records of imports that are 30 days old.');
