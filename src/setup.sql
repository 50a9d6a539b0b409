-- Wiring: what needs several rooms at once.

CREATE FUNCTION attest.setup() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
  steps int;
  tables int;
BEGIN
  CREATE SCHEMA IF NOT EXISTS attest_data AUTHORIZATION attest_owner;
  CREATE SCHEMA IF NOT EXISTS attest_report AUTHORIZATION attest_owner;
  -- A restore may have made the schemas before the role was there.
  ALTER SCHEMA attest_data OWNER TO attest_owner;
  ALTER SCHEMA attest_report OWNER TO attest_owner;
  COMMENT ON SCHEMA attest_data IS 'The data of the tenants: ordinary tables under row level security.';
  COMMENT ON SCHEMA attest_report IS 'Reporting views, of plain types, for BI tools.';
  GRANT USAGE ON SCHEMA attest_data TO attest_operator, attest_app, attest_analyst, attest_auditor;
  GRANT USAGE ON SCHEMA attest_report TO attest_app, attest_analyst;
  steps := attest_internal.run_steps();
  tables := attest_internal.protect_tables();
  PERFORM attest_internal.wake_workers(false);
  RETURN format('attest %s is set up: %s steps run, %s tenant tables protected.', attest.version(), steps, tables);
END
$$;
COMMENT ON FUNCTION attest.setup() IS
'Creates or brings up to date the tables, views and policies of attest in this database, as ordinary objects of attest_owner. Safe to run again. For a superuser, after CREATE EXTENSION and after ALTER EXTENSION UPDATE.';
