CREATE TABLE attest_data.kek_epoch (
  epoch int PRIMARY KEY CHECK (epoch > 0),
  first_used_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
COMMENT ON TABLE attest_data.kek_epoch IS 'Epochs of the keyring that ever wrapped a key of this database: a lookup table. Whether an epoch is still there, the keyring says.';

CREATE TABLE attest_data.tenant_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  generation int NOT NULL CHECK (generation > 0),
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retiring', 'destroyed')),
  kek_epoch int NOT NULL,
  wrapped bytea CHECK ((wrapped IS NULL) = (state = 'destroyed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  destroyed_at timestamptz,
  PRIMARY KEY (tenant_id, generation)
);
COMMENT ON TABLE attest_data.tenant_key IS 'Keys of the tenants, wrapped under a key of the keyring. Active: wraps and opens; retiring: opens, while a rotation goes on; destroyed: gone, the row stays.';
CREATE UNIQUE INDEX tenant_key_tenant_active_idx ON attest_data.tenant_key (tenant_id) WHERE state = 'active';

CREATE TABLE attest_data.tenant_key_wrapping (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  generation int NOT NULL,
  kek_epoch int NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  left_at timestamptz,
  PRIMARY KEY (tenant_id, generation, kek_epoch),
  FOREIGN KEY (tenant_id, generation) REFERENCES attest_data.tenant_key (tenant_id, generation)
);
COMMENT ON TABLE attest_data.tenant_key_wrapping IS 'Which epochs ever wrapped which tenant key: an old backup opens with any of them.';

CREATE TABLE attest_data.subject_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(), -- that there is such a tenant, the tenant key says
  subject_id uuid NOT NULL,
  generation int NOT NULL CHECK (generation > 0),
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retiring', 'retired')),
  tenant_generation int NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz,
  PRIMARY KEY (tenant_id, subject_id, generation)
);
COMMENT ON TABLE attest_data.subject_key IS 'Keys of the persons, wrapped under the key of their tenant. The newest generation seals; older ones open: retiring while values are sealed again, retired once only old backups need them.';

CREATE TABLE attest_data.erased_subject (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  subject_id uuid NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now(),
  reason text NOT NULL,
  authority text,
  tenant_generation int NOT NULL,
  kek_epochs int[] NOT NULL,
  PRIMARY KEY (tenant_id, subject_id)
);
COMMENT ON TABLE attest_data.erased_subject IS 'Tombstones: persons whose keys were destroyed, with the newest tenant key and the epochs that could open a backup of theirs at that time.';

CREATE TABLE attest_data.key_rotation (
  rotation_id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('kek', 'tenant_key', 'subject_keys')),
  tenant int REFERENCES attest_data.tenant (id),
  generation int NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  done bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE attest_data.key_rotation IS 'Rotations of keys and how far they are: a lookup table.';
CREATE UNIQUE INDEX key_rotation_running_idx ON attest_data.key_rotation (kind, tenant) WHERE state = 'running';

CREATE TABLE attest_data.backup_confirmation (
  started_at timestamptz NOT NULL,
  label text NOT NULL,
  confirmed_at timestamptz NOT NULL DEFAULT now(),
  confirmed_by name NOT NULL DEFAULT session_user,
  PRIMARY KEY (started_at, label)
);
COMMENT ON TABLE attest_data.backup_confirmation IS 'Backups that an operator states are complete and were tried: a lookup table.';

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
