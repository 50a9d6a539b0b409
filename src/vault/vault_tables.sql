CREATE TABLE attest_data.tenant_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  generation int NOT NULL CHECK (generation > 0),
  kek_epoch int NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, generation)
);
COMMENT ON TABLE attest_data.tenant_key IS 'Keys of the tenants, wrapped under a key of the keyring.';

CREATE TABLE attest_data.subject_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  subject_id uuid NOT NULL,
  generation int NOT NULL CHECK (generation > 0),
  tenant_generation int NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, subject_id, generation),
  FOREIGN KEY (tenant_id, tenant_generation) REFERENCES attest_data.tenant_key (tenant_id, generation)
);
COMMENT ON TABLE attest_data.subject_key IS 'Keys of the persons, wrapped under the key of their tenant.';

CREATE TABLE attest_data.erased_subject (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  subject_id uuid NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now(),
  reason text NOT NULL,
  PRIMARY KEY (tenant_id, subject_id)
);
COMMENT ON TABLE attest_data.erased_subject IS 'Tombstones: persons whose keys were destroyed.';

CREATE TABLE attest_data.adoption (
  table_name text NOT NULL,
  column_name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('clear', 'pgp_sym', 'aes')),
  subject_column text NOT NULL,
  secret_file text,
  secret_command text,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  next_block bigint NOT NULL DEFAULT 0,
  blocks bigint NOT NULL,
  rows_sealed bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (table_name, column_name)
);
COMMENT ON TABLE attest_data.adoption IS 'Columns of users'' tables that attest.adopt() seals, and how far it is: a lookup table.';
