CREATE TABLE attest_data.person (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  person_id uuid NOT NULL,
  reference text,
  profiles text[] NOT NULL,
  last_name attest.sealed,
  first_name attest.sealed,
  gender text NOT NULL CHECK (gender IN ('F', 'M', 'N')),
  birth_date attest.sealed,
  birth_year int,
  birth_place attest.sealed,
  email attest.sealed,
  phone attest.sealed,
  address attest.sealed,
  postcode text,
  commune text,
  nir attest.sealed,
  employer_siret attest.siret,
  isced smallint CHECK (isced BETWEEN 0 AND 8),
  disability attest.sealed,
  parents_birth_place attest.sealed,
  last_activity date,
  created_at timestamptz NOT NULL DEFAULT now(),
  anonymised_at timestamptz,
  PRIMARY KEY (tenant_id, person_id),
  UNIQUE (tenant_id, reference)
);
COMMENT ON TABLE attest_data.person IS 'The register of people; what names a person is sealed.';
CREATE INDEX person_tenant_last_activity_idx ON attest_data.person (tenant_id, last_activity) WHERE anonymised_at IS NULL;

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
