\set ON_ERROR_STOP on
\echo
\echo '== 1. Two tenants: a département and a training organisation'
SET client_min_messages = warning;
CREATE EXTENSION attest CASCADE;
RESET client_min_messages;
SELECT attest.setup();
SELECT attest.create_keyring() IS NOT NULL AS keyring_created;
SELECT attest.create_tenant('departement-44', 'Département de la Loire-Bleue', 'departement');
SELECT attest.create_tenant('formation-ocean', 'Formation Océan', 'training_organisation');
SELECT * FROM attest.tenants ORDER BY id;
-- Social security numbers are taken only of tenants that may hold them.
SELECT count(attest.authorise_nir(code, 'invented, for the demo', 'DEMO-1')) AS may_hold_social_security_numbers FROM attest.tenants;

-- An application connects as a plain member of attest_app: no superuser, no BYPASSRLS.
CREATE ROLE tablet LOGIN IN ROLE attest_app;
SELECT attest.create_account('departement-44', 'chef-de-service', 'manager') IS NOT NULL AS account_a;
SELECT attest.create_account('formation-ocean', 'direction', 'manager') IS NOT NULL AS account_b;
\echo 'Is the installation sound? (attest.doctor(): no row, all is well)'
SELECT * FROM attest.doctor();
