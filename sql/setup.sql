\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- What every other file relies on: the extension, two tenants, an application role.
SET client_min_messages = warning;
CREATE EXTENSION attest CASCADE;
RESET client_min_messages;
-- Before setup, calls say what to do.
SELECT attest.create_tenant('too-early', 'Too early', 'company');
SELECT count(*) FROM attest.doctor() WHERE code IN ('setup_missing', 'keyring_unusable');
SELECT attest.setup() ~ '^attest 1\.0 is set up: \d+ steps run, \d+ tenant tables protected\.$' AS setup;
-- Again: only views are made anew.
SELECT attest.setup() ~ 'is set up' AS again;
SELECT attest.create_account('nowhere', 'x', 'manager');
SELECT attest.create_tenant('north', 'North', 'departement');
\set VERBOSITY sqlstate
SELECT attest.create_account('north', 'boss', 'manager');
\set VERBOSITY default
SELECT attest.create_keyring() IS NOT NULL AS created;
SELECT attest.create_account('north', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.create_tenant('south', 'South', 'training_organisation', 'Indian/Reunion');
SELECT attest.create_account('south', 'boss', 'manager') IS NOT NULL AS boss;
CREATE ROLE app LOGIN IN ROLE attest_app;
SELECT attest.issue_ticket('north', 'boss') ~ '^attest1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$' AS ticket;
-- The scheduler may not have started yet.
SELECT * FROM attest.doctor() WHERE code <> 'worker_down';

-- Operators: bad input.
SELECT attest.create_tenant('North!', 'x', 'departement');
SELECT attest.create_tenant('north', 'x', 'departement');
SELECT attest.create_tenant('west', 'x', 'circus');
SELECT attest.create_tenant('west', 'x', 'departement', 'Mars/Olympus');
SELECT attest.create_account('east', 'x', 'manager');
SELECT attest.create_account('north', 'x', 'king');
SELECT attest.create_account('north', 'boss', 'manager');
SELECT attest.issue_ticket('north', 'nobody');
SELECT attest.issue_ticket('north', 'boss', '2 days');
SELECT attest.issue_ticket('north', 'boss', '0');
SELECT attest.create_account('north', 'tomorrow', 'manager', NULL, current_date + 1) IS NOT NULL AS made;
SELECT attest.issue_ticket('north', 'tomorrow');
SELECT attest.run_job('tea');
