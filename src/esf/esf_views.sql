CREATE OR REPLACE VIEW attest.operations WITH (security_invoker = true) AS
SELECT operation_id, code, title, framework, starts_on, ends_on FROM attest_data.operation;
COMMENT ON VIEW attest.operations IS 'Operations of the entered tenant.';
COMMENT ON COLUMN attest.operations.operation_id IS 'Id of the operation.';
COMMENT ON COLUMN attest.operations.code IS 'Code, for attest.esf_report().';
COMMENT ON COLUMN attest.operations.title IS 'Title.';
COMMENT ON COLUMN attest.operations.framework IS 'esf+ (2021-2027) or esf (2014-2020).';
COMMENT ON COLUMN attest.operations.starts_on IS 'First day.';
COMMENT ON COLUMN attest.operations.ends_on IS 'Last day.';
GRANT SELECT ON attest_data.operation, attest.operations TO attest_app, attest_analyst;
GRANT SELECT ON attest_data.participation TO attest_app;
