CREATE TABLE attest_data.tenant (
  id int PRIMARY KEY,
  code text NOT NULL UNIQUE,
  name text NOT NULL,
  kind text NOT NULL,
  time_zone text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE attest_data.tenant IS 'The tenants: a lookup table, of which each tenant sees its own row.';
ALTER TABLE attest_data.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE attest_data.tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON attest_data.tenant FOR SELECT USING (id = attest.current_tenant());
CREATE POLICY every_tenant ON attest_data.tenant TO attest_owner, attest_operator USING (true) WITH CHECK (true);

CREATE TABLE attest_data.account (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  identifier text NOT NULL,
  profile text NOT NULL,
  person_id uuid,
  valid_from date NOT NULL,
  valid_until date,
  revoked_at timestamptz,
  tickets_after timestamptz,
  change_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  UNIQUE (tenant_id, identifier)
);
COMMENT ON TABLE attest_data.account IS 'Accounts: who may get a ticket, with which profile, and when.';
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.account FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights();

CREATE TABLE attest_data.account_secret (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  salt bytea NOT NULL,
  cost int NOT NULL,
  hash bytea,
  crypt_hash text,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES attest_data.account (tenant_id, account_id),
  CHECK ((hash IS NULL) <> (crypt_hash IS NULL))
);
COMMENT ON TABLE attest_data.account_secret IS 'Secrets of accounts, as scrypt hashes, or as imported crypt() hashes until the first login.';

CREATE TABLE attest_data.account_compromise (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  since timestamptz NOT NULL,
  declared_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES attest_data.account (tenant_id, account_id)
);
COMMENT ON TABLE attest_data.account_compromise IS 'Accounts that were in other hands, and since when.';

CREATE TABLE attest_data.identity_provider (
  issuer text NOT NULL,
  audience text NOT NULL,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  account_claim text NOT NULL,
  clock_skew interval NOT NULL,
  PRIMARY KEY (issuer, audience)
);
COMMENT ON TABLE attest_data.identity_provider IS 'Whose tokens sign on to which tenant: a lookup table, of which each tenant sees its own rows.';
ALTER TABLE attest_data.identity_provider ENABLE ROW LEVEL SECURITY;
ALTER TABLE attest_data.identity_provider FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON attest_data.identity_provider FOR SELECT USING (tenant = attest.current_tenant());
CREATE POLICY every_tenant ON attest_data.identity_provider TO attest_owner, attest_operator USING (true) WITH CHECK (true);

CREATE TABLE attest_data.identity_key (
  issuer text NOT NULL,
  audience text NOT NULL,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  kid text NOT NULL,
  alg text NOT NULL,
  first bytea NOT NULL,
  second bytea NOT NULL,
  imported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (issuer, audience, kid),
  FOREIGN KEY (issuer, audience) REFERENCES attest_data.identity_provider (issuer, audience)
);
COMMENT ON TABLE attest_data.identity_key IS 'Keys that verify their tokens, as the decoded members of a JWK.';
ALTER TABLE attest_data.identity_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE attest_data.identity_key FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON attest_data.identity_key FOR SELECT USING (tenant = attest.current_tenant());
CREATE POLICY every_tenant ON attest_data.identity_key TO attest_owner, attest_operator USING (true) WITH CHECK (true);

CREATE TABLE attest_data.role_tenant (
  role_name name PRIMARY KEY,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE attest_data.role_tenant IS 'Login roles that stand for a tenant when no ticket is set.';
ALTER TABLE attest_data.role_tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE attest_data.role_tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON attest_data.role_tenant FOR SELECT USING (tenant = attest.current_tenant());
CREATE POLICY every_tenant ON attest_data.role_tenant TO attest_owner, attest_operator USING (true) WITH CHECK (true);

CREATE TABLE attest_data.crypt_setting (
  weight int NOT NULL,
  setting text NOT NULL,
  PRIMARY KEY (weight, setting)
);
COMMENT ON TABLE attest_data.crypt_setting IS 'Kinds and costs of the crypt() hashes that were imported, with a salt of no account: a lookup table.';
