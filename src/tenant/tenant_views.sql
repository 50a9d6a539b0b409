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
