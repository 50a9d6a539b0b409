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
