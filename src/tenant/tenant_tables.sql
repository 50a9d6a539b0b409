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
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  UNIQUE (tenant_id, identifier)
);
COMMENT ON TABLE attest_data.account IS 'Accounts: who may get a ticket, with which profile, and when.';
