\echo
\echo '== 8. The training organisation tries to read and write the rows of the département'
\set ON_ERROR_STOP on
SELECT attest.issue_ticket('departement-44', 'chef-de-service') AS ticket_a, attest.issue_ticket('formation-ocean', 'direction') AS ticket_b \gset
BEGIN;
SELECT attest.enter(:'ticket_a') \g /dev/null
SELECT p.person_id AS person_of_a, p.last_name::text AS sealed_of_a FROM attest_data.person p WHERE tenant_id = 1 AND last_name IS NOT NULL LIMIT 1 \gset
COMMIT;
SET SESSION AUTHORIZATION tablet;
\set ON_ERROR_STOP off

\echo '-- no ticket'
SELECT count(*) AS rows_seen FROM attest_data.person;
\echo '-- ticket of B, asking for the rows of A'
BEGIN; SELECT attest.enter(:'ticket_b') \g /dev/null
SELECT count(*) AS rows_of_a FROM attest_data.person WHERE tenant_id = 1;
SELECT count(*) AS rows_of_a FROM attest.people WHERE person_id = :'person_of_a';
SELECT count(*) AS keys_of_a FROM attest_data.subject_key;
ROLLBACK;
\echo '-- as careless a policy as an owner can add opens nothing'
RESET SESSION AUTHORIZATION;
BEGIN;
SET LOCAL ROLE attest_owner;
CREATE POLICY oops ON attest_data.person USING (true);
SET LOCAL ROLE tablet;
SELECT attest.enter(:'ticket_b') \g /dev/null
SELECT count(*) AS rows_of_a FROM attest_data.person WHERE tenant_id = 1;
ROLLBACK;
\echo '-- and nobody, owner or superuser, takes the protection off'
ALTER TABLE attest_data.person DISABLE ROW LEVEL SECURITY;
DROP POLICY tenant_isolation ON attest_data.person;
SET SESSION AUTHORIZATION tablet;
\echo '-- opening a sealed value of A'
BEGIN; SELECT attest.enter(:'ticket_b') \g /dev/null
SELECT attest.unseal(:'sealed_of_a'::attest.sealed);
ROLLBACK;
\echo '-- enrolling a person of A by id'
BEGIN; SELECT attest.enter(:'ticket_b') \g /dev/null
SELECT attest.enrol(session_id, :'person_of_a') FROM attest_data.session;
ROLLBACK;
\echo '-- writing past the functions'
BEGIN; SELECT attest.enter(:'ticket_b') \g /dev/null
UPDATE attest_data.person SET gender = 'F' WHERE tenant_id = 1;
ROLLBACK;
BEGIN; SELECT attest.enter(:'ticket_b') \g /dev/null
TRUNCATE attest_data.person;
ROLLBACK;
\echo '-- a second tenant in the same transaction'
BEGIN; SELECT attest.enter(:'ticket_b') \g /dev/null
SELECT attest.enter(:'ticket_a');
ROLLBACK;
\echo '-- a ticket with one character changed'
BEGIN;
SELECT attest.enter(overlay(:'ticket_b' PLACING CASE substr(:'ticket_b', 20, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 20 FOR 1));
ROLLBACK;
\echo '-- a ticket left over by a session-level SET (behind a pooler): nobody in the next transaction'
SET attest.ticket = :'ticket_a';
SELECT count(*) AS rows_seen FROM attest.people;
\echo '-- minting a ticket of one''s own'
SELECT attest_internal.mint_ticket(1, NULL, 'manager', NULL, '1 hour');
\echo '-- turning row level security off'
SET row_security = off;
SELECT count(*) FROM attest_data.person;
RESET row_security;
\echo
\echo '== Summary'
RESET SESSION AUTHORIZATION;
SELECT (SELECT count(*) FROM attest_data.person) AS people, (SELECT count(*) FROM attest_data.person WHERE anonymised_at IS NOT NULL) AS anonymised,
  (SELECT count(*) FROM attest_data.slot) AS slots, (SELECT count(*) FROM attest_data.presence) AS presences,
  (SELECT count(*) FROM attest_data.slot_signature) AS signatures, (SELECT count(*) FROM attest_data.participation) AS participations,
  (SELECT count(*) FROM attest_data.subject_key) AS subject_keys, (SELECT count(*) FROM attest.doctor()) AS doctor_findings;
