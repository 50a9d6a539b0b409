\set ON_ERROR_STOP on
\echo
\echo '== 2. People, imported from CSV; bad rows are reported, the others are loaded'
SELECT attest.issue_ticket('departement-44', 'chef-de-service') AS ticket_a, attest.issue_ticket('formation-ocean', 'direction') AS ticket_b \gset
\set file_a `cat demo/departement-44.csv`
\set file_b `cat demo/formation-ocean.csv`
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket_a') \g /dev/null
CREATE TEMP TABLE report ON COMMIT DROP AS SELECT 'departement-44.csv' AS file, * FROM attest.import_people(:'file_a');
SELECT file, outcome, count(*) FROM report GROUP BY 1, 2 ORDER BY 1, 2;
SELECT line, column_name AS column, code, reason FROM report WHERE outcome = 'rejected' ORDER BY line;
COMMIT;
BEGIN;
SELECT attest.enter(:'ticket_b') \g /dev/null
CREATE TEMP TABLE report ON COMMIT DROP AS SELECT 'formation-ocean.csv' AS file, * FROM attest.import_people(:'file_b');
SELECT file, outcome, count(*) FROM report GROUP BY 1, 2 ORDER BY 1, 2;
SELECT line, column_name AS column, code, reason FROM report WHERE outcome = 'rejected' ORDER BY line;
COMMIT;
RESET SESSION AUTHORIZATION;

\echo
\echo 'The raw table, as a superuser, a dump or a stolen disk shows it: what names a person is ciphertext.'
SELECT left(last_name::text, 40) || '…' AS last_name, left(nir::text, 40) || '…' AS nir, gender, birth_year, commune
FROM attest_data.person WHERE nir IS NOT NULL ORDER BY person_id LIMIT 3;
\echo
\echo 'The same people, opened by right, with a ticket:'
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket_a') \g /dev/null
SELECT last_name, first_name, birth_date, birth_place, commune FROM attest.people ORDER BY person_id LIMIT 3;
COMMIT;
