\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SELECT attest.issue_ticket('north', 'boss') AS boss \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_retention_rule('king', '10 years', 'custom');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_retention_rule('learner', '1 day', 'haste');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_retention_rule('learner', '10 years', '');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT outcome, count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender,birth_date,isced,commune,last_activity\n'
  'R-1,learner,Vieux,Léon,M,1960-05-01,2,44109,2010-06-30\nR-2,learner,Ancienne,Rose,F,1970-05-01,3,97411,2010-06-30\n'
  'R-3,learner,Récent,Paul,M,1990-05-01,4,44109,2025-06-30\nR-4,trainer,Sansrègle,Anne,F,1980-05-01,,44109,2001-01-01\n') GROUP BY 1;
SELECT attest.set_retention_rule('learner', '10 years', 'contract, article 24');
SELECT person_id AS leon FROM attest.people WHERE reference = 'R-1' \gset
SELECT person_id AS rose FROM attest.people WHERE reference = 'R-2' \gset
SELECT last_name::text AS sealed FROM attest_data.person WHERE person_id = :'leon' \gset
SELECT attest.place_hold(:'rose', 'litigation');
SELECT p.reference, d.last_activity, d.due_on, d.basis, d.on_hold FROM attest.retention_due d JOIN attest.people p USING (person_id) WHERE reference LIKE 'R-%' ORDER BY 1;
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.place_hold('00000000-0000-0000-0000-000000000000', 'x');
ROLLBACK;
-- Who becomes active again is due no more.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_last_activity(:'leon', NULL);
SELECT count(*) AS due FROM attest.retention_due WHERE person_id = :'leon';
SELECT attest.set_last_activity(:'leon', current_date + 1);
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
\set VERBOSITY sqlstate
SELECT attest_internal.anonymise_person(:'rose', 'test');
\set VERBOSITY default
ROLLBACK;

BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) AS groups, sum(people) AS people FROM attest_report.people_by_profile \gset before_
SELECT attest_internal.retention_job() AS anonymised;
SELECT count(*) = :before_groups AS groups_the_same, sum(people) = :before_people AS people_the_same, sum(anonymised) AS anonymised FROM attest_report.people_by_profile;
SELECT reference, gender, isced, commune, last_name, anonymised_at = now() AS anonymised FROM attest.people WHERE person_id = :'leon';
SELECT persons, body ->> 'tenant' AS tenant, body #>> '{persons,0,basis}' AS basis, body #> '{persons,0,records}' AS records,
  body #>> '{persons,0,person}' = :'leon' AS leon, digest = sha256(convert_to(body::text, 'UTF8')) AS digest_right
FROM attest.destruction_certificates;
SELECT attest_internal.retention_job() AS nothing_left;
SAVEPOINT a;
\set VERBOSITY sqlstate
SELECT attest.unseal(:'sealed'::attest.sealed) = '';
\set VERBOSITY default
ROLLBACK TO a;
-- The hold is lifted: Rose goes too.
SELECT attest.lift_hold(:'rose', 'settled') AS lifted;
SELECT attest_internal.retention_job() AS anonymised;
ROLLBACK;
