CREATE OR REPLACE VIEW attest.tenants WITH (security_invoker = true) AS
SELECT id, code, name, kind, time_zone, created_at FROM attest_data.tenant;
COMMENT ON VIEW attest.tenants IS 'The tenants: all for an operator, the entered one for everybody else.';
COMMENT ON COLUMN attest.tenants.id IS 'Number of the tenant, the tenant_id of its rows.';
COMMENT ON COLUMN attest.tenants.code IS 'Short name used in calls.';
COMMENT ON COLUMN attest.tenants.name IS 'Name of the organisation.';
COMMENT ON COLUMN attest.tenants.kind IS 'departement, training_organisation, guidance_centre, certifier or company.';
COMMENT ON COLUMN attest.tenants.time_zone IS 'Time zone of the local days of the tenant.';
COMMENT ON COLUMN attest.tenants.created_at IS 'When the tenant was created.';
GRANT SELECT ON attest_data.tenant, attest.tenants TO attest_operator, attest_app, attest_analyst, attest_auditor;

CREATE OR REPLACE VIEW attest.identity_providers WITH (security_invoker = true) AS
SELECT t.code AS tenant, p.issuer, p.audience, p.account_claim, p.clock_skew, k.kid, k.alg, k.imported_at
FROM attest_data.identity_provider p JOIN attest_data.tenant t ON t.id = p.tenant
LEFT JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience;
COMMENT ON VIEW attest.identity_providers IS 'Identity providers and their keys, a row a key.';
COMMENT ON COLUMN attest.identity_providers.tenant IS 'Code of the tenant.';
COMMENT ON COLUMN attest.identity_providers.issuer IS 'Claim iss of the tokens.';
COMMENT ON COLUMN attest.identity_providers.audience IS 'Claim aud of the tokens.';
COMMENT ON COLUMN attest.identity_providers.account_claim IS 'Claim that holds the identifier of the account.';
COMMENT ON COLUMN attest.identity_providers.clock_skew IS 'By how much the clocks may differ.';
COMMENT ON COLUMN attest.identity_providers.kid IS 'Id of the key; NULL while no key is imported.';
COMMENT ON COLUMN attest.identity_providers.alg IS 'The one algorithm the key serves.';
COMMENT ON COLUMN attest.identity_providers.imported_at IS 'When the key was imported.';

CREATE OR REPLACE VIEW attest.tenant_roles WITH (security_invoker = true) AS
SELECT r.role_name, t.code AS tenant, r.profile, r.granted_at
FROM attest_data.role_tenant r JOIN attest_data.tenant t ON t.id = r.tenant;
COMMENT ON VIEW attest.tenant_roles IS 'Login roles that stand for a tenant when no ticket is set.';
COMMENT ON COLUMN attest.tenant_roles.role_name IS 'Login role.';
COMMENT ON COLUMN attest.tenant_roles.tenant IS 'Code of the tenant.';
COMMENT ON COLUMN attest.tenant_roles.profile IS 'Profile it has there.';
COMMENT ON COLUMN attest.tenant_roles.granted_at IS 'Since when.';
GRANT SELECT ON attest_data.identity_provider, attest_data.role_tenant, attest.identity_providers, attest.tenant_roles TO attest_operator, attest_auditor;
GRANT SELECT (issuer, audience, kid, alg, imported_at) ON attest_data.identity_key TO attest_operator, attest_auditor;
