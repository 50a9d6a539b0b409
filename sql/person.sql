\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SELECT attest.issue_ticket('north', 'boss') AS north, attest.issue_ticket('south', 'boss') AS south \gset
SELECT name, required FROM attest.import_columns();
SELECT attest.add_person('{"reference": "N-1"}');

BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.import_people(''); ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.import_people(E'reference,profile,surname\n'); ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.add_person('{"reference": "N-1", "profile": "learner", "last_name": "Testard", "first_name": "Ida"}'); ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.add_person('{"reference": "N-1", "profile": "learner", "last_name": "Testard", "first_name": "Ida", "gender": "F", "nir": "295109912611199"}'); ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.add_person('{"reference": "N-1", "profile": "learner", "last_name": "Testard", "first_name": "Ida", "gender": "F", "birth_date": "1999-02-29"}'); ROLLBACK;

-- One bad row does not keep the others out.
BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SELECT line, outcome, person_id IS NOT NULL AS id, column_name, code, reason FROM attest.import_people(
E'reference,profile,last_name,first_name,gender,birth_date,isced\n'
'N-1,learner,Testard,Ida,F,1999-02-28,3\n'
'N-2,learner,Testard,Ivo,M,2000-13-01,3\n'
'N-3,learner,,Ivo,M,2000-12-01,3\n'
'N-4,learner,Testard\n'
'N-1,learner,Testard,Doublon,M,2000-12-01,3\n'
'N-5,"trainer","d''Épreuve, la ""vraie""",Zoé,F,1980-02-29,\n');
SELECT reference, profiles, last_name, first_name, gender, birth_date, isced FROM attest.people ORDER BY reference;
COMMIT;
-- Ciphertext in the table, another tenant sees nothing, no ticket sees nothing.
SELECT count(*) AS rows, count(*) FILTER (WHERE last_name::text LIKE 'att1:%') AS sealed FROM attest_data.person WHERE reference LIKE 'N-%';
SET ROLE app;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT count(*) FROM attest.people; COMMIT;
SELECT count(*) FROM attest.people;
RESET ROLE;
