\echo Use "CREATE EXTENSION attest" to load this file. \quit

-- Roles belong to the cluster: made when missing, never dropped, not members.
DO $roles$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['attest_owner', 'attest_operator', 'attest_app', 'attest_analyst', 'attest_auditor']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', role_name);
    END IF;
  END LOOP;
END
$roles$;

COMMENT ON SCHEMA attest IS 'Public interface of attest: functions, types and views for applications.';

CREATE SCHEMA attest_internal;
COMMENT ON SCHEMA attest_internal IS 'Inner parts of attest: nothing here is for applications.';

-- The statements that attest.setup() runs. A table step runs once in the life of
-- a database; a view step runs at each setup.
CREATE TABLE attest_internal.setup_step (
  position int PRIMARY KEY,
  room text NOT NULL,
  step int NOT NULL,
  kind text NOT NULL CHECK (kind IN ('table', 'view')),
  statement text NOT NULL,
  UNIQUE (room, kind, step)
);
COMMENT ON TABLE attest_internal.setup_step IS 'The statements that attest.setup() runs, in order.';
