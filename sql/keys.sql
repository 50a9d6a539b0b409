\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SET client_min_messages = warning;
-- A tenant of its own, so that the counts are ours.
SELECT attest.create_tenant('keys', 'Keys', 'training_organisation') IS NOT NULL AS made, attest.create_account('keys', 'boss', 'manager') IS NOT NULL AS boss,
  attest.create_account('keys', 'teacher', 'trainer') IS NOT NULL AS teacher;
SELECT attest.issue_ticket('keys', 'boss', '1 hour') AS boss, attest.issue_ticket('keys', 'teacher', '1 hour') AS teacher,
  (SELECT id FROM attest_data.tenant WHERE code = 'keys') AS tenant \gset
BEGIN;
SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.add_person('{"reference": "k-1", "profile": "learner", "last_name": "Kerlan", "first_name": "Anne", "gender": "F"}') AS anne,
  attest.add_person('{"reference": "k-2", "profile": "learner", "last_name": "Penn", "first_name": "Bruno", "gender": "M"}') AS bruno,
  attest.add_person('{"reference": "k-3", "profile": "learner", "last_name": "Tanguy", "first_name": "Clara", "gender": "F"}') AS clara \gset
SELECT last_name AS kept FROM attest_data.person WHERE person_id = :'anne' \gset
-- Keys of many new people at once, and who has one or is erased is left alone.
SELECT attest_internal.create_subject_keys(ARRAY[:'anne', '00000000-0000-7000-8000-00000000001a', '00000000-0000-7000-8000-00000000001b']::uuid[]) AS made;
SELECT attest_internal.create_subject_keys(ARRAY['00000000-0000-7000-8000-00000000001c']::uuid[]) AS made;
SELECT attest.unseal(attest.seal('x', '00000000-0000-7000-8000-00000000001c', 'p')) AS opened;
ROLLBACK;
BEGIN;
SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.add_person('{"reference": "k-1", "profile": "learner", "last_name": "Kerlan", "first_name": "Anne", "gender": "F"}') AS anne,
  attest.add_person('{"reference": "k-2", "profile": "learner", "last_name": "Penn", "first_name": "Bruno", "gender": "M"}') AS bruno,
  attest.add_person('{"reference": "k-3", "profile": "learner", "last_name": "Tanguy", "first_name": "Clara", "gender": "F"}') AS clara \gset
SELECT last_name AS kept FROM attest_data.person WHERE person_id = :'anne' \gset
COMMIT;
SELECT generation, state, kek_epoch, wrapped IS NOT NULL AS there FROM attest_data.tenant_key WHERE tenant_id = :tenant ORDER BY 1;

-- A new epoch of the keyring: every tenant's key is wrapped under it.
SELECT attest.rotate_kek() AS epoch;
SELECT epoch, state, tenants, last_left IS NOT NULL AS left FROM attest.kek_epochs();
SELECT kind, tenant, state, done = total AS all_done FROM attest.key_rotations ORDER BY started_at;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT last_name, first_name FROM attest.people ORDER BY 1; COMMIT;
SELECT count(*) AS unreadable FROM attest_internal.unreadable_tenant_keys();
-- Retiring it: not while it is needed, not without a backup, not blindly for other databases.
SELECT attest.retire_kek(2);
SELECT attest.retire_kek(1);
SELECT attest.retire_kek(99, ARRAY['postgres']);
\set VERBOSITY sqlstate
SELECT attest.retire_kek(1, ARRAY['postgres']);
\set VERBOSITY default
SELECT attest.confirm_backup('', now());
SELECT attest.confirm_backup('tomorrow', now() + interval '1 day');
SELECT attest.confirm_backup('too old', now() - interval '1 day');
\set VERBOSITY sqlstate
SELECT attest.retire_kek(1, ARRAY['postgres']);
\set VERBOSITY default
SELECT attest.confirm_backup('nightly', clock_timestamp());
SELECT attest.confirm_backup('nightly', now());
SELECT attest.retire_kek(1, ARRAY['postgres']);
SELECT retired_at AS retired_at FROM attest_data.kek_epoch WHERE epoch = 1 \gset
SELECT attest.retire_kek(1, ARRAY['postgres']);
SELECT retired_at = :'retired_at' AS kept FROM attest_data.kek_epoch WHERE epoch = 1;
-- As after a crash between the file and the commit.
UPDATE attest_data.kek_epoch SET retired_at = NULL WHERE epoch = 1;
SELECT attest.retire_kek(1, ARRAY['postgres']);
SELECT retired_at IS NOT NULL AS retired FROM attest_data.kek_epoch WHERE epoch = 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT attest.retire_kek(1, ARRAY['postgres']); ROLLBACK;
SELECT epoch, state, tenants FROM attest.kek_epochs();
-- Tickets of the retired epoch hold no more.
BEGIN; SELECT attest.enter(:'boss'); ROLLBACK;
SELECT attest.issue_ticket('keys', 'boss', '1 hour') AS boss, attest.issue_ticket('keys', 'teacher', '1 hour') AS teacher \gset

-- A new tenant key.
CALL attest.rotate_tenant_key('keys');
SELECT generation, state, kek_epoch, wrapped IS NOT NULL AS there, destroyed_at IS NOT NULL AS destroyed FROM attest_data.tenant_key WHERE tenant_id = :tenant ORDER BY 1;
SELECT tenant_generation, generation, state, count(*) FROM attest_data.subject_key WHERE tenant_id = :tenant GROUP BY 1, 2, 3;
SELECT kind, tenant, generation, state, done, total FROM attest.key_rotations WHERE tenant = 'keys';
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT last_name, first_name FROM attest.people ORDER BY 1; COMMIT;
-- New keys of people, and every value sealed again: also what an import holds.  A table of nobody's keeps the old ones needed.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.open_import() AS import \gset
SELECT attest.stage_rows(:'import', E'reference,profile,last_name,first_name,gender\nk-7,learner,Salaün,Erwan,M\nk-8,learner,Le') AS staged;
CREATE TABLE public.elsewhere AS SELECT n, CASE n WHEN 2 THEN last_name END AS name FROM attest_data.person, generate_series(1, 2) n WHERE person_id = :'anne';
COMMIT;
CALL attest.reseal_people('keys', 1);
SELECT generation, state, count(*) FROM attest_data.subject_key WHERE tenant_id = :tenant GROUP BY 1, 2 ORDER BY 1;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT last_name, first_name FROM attest.people ORDER BY 1;
SELECT attest.unseal(:'kept'::attest.sealed) AS kept_elsewhere, last_name::text <> :'kept' AS sealed_again FROM attest_data.person WHERE person_id = :'anne'; COMMIT;
SELECT attest.destroy_retired_keys('keys') AS destroyed_before_backup;
SELECT attest.confirm_backup('nightly', clock_timestamp());
SELECT attest.destroy_retired_keys('keys') AS destroyed;
SELECT count(*) AS retired FROM attest_data.subject_key WHERE tenant_id = :tenant AND state = 'retired';
-- A value of another tenant, for somebody of the same id, keeps nothing; but a tenant_id that attest does not watch says nothing.
ALTER TABLE public.elsewhere ADD tenant_id int NOT NULL DEFAULT 0;
\set VERBOSITY sqlstate
SELECT attest.destroy_retired_keys('keys') AS destroyed;
\set VERBOSITY default
SELECT attest.protect('public.elsewhere');
SELECT attest.destroy_retired_keys('keys') AS destroyed;
DROP TABLE public.elsewhere;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.stage_rows(:'import', E' Gac,Soizic,F\n') AS staged;
SELECT line, outcome FROM attest.load_import(:'import');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.unseal(:'kept'::attest.sealed) AS kept_elsewhere; ROLLBACK;
-- As calls, not within anything.
CALL attest.rotate_tenant_key('nobody');
CALL attest.rotate_tenant_key('keys', -1);
BEGIN; CALL attest.rotate_tenant_key('keys'); ROLLBACK;
DO $$ BEGIN EXECUTE 'CALL attest.rotate_keys()'; PERFORM 1; END $$;

-- Erasing: who may, and what stays.
BEGIN; SELECT attest.enter(:'teacher') \g /dev/null
SELECT attest.erase_person(:'anne', 'GDPR art. 17', 'DPO'); ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.erase_person(:'anne', '', 'DPO'); ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.erase_person(:'anne', 'GDPR art. 17', NULL); ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.place_hold(:'anne', 'court');
\set VERBOSITY sqlstate
SELECT attest.erase_person(:'anne', 'GDPR art. 17', 'DPO'); ROLLBACK;
\set VERBOSITY default
-- Nor in a snapshot that passes over what others have written for the person since.
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT attest.enter(:'boss') \g /dev/null
SAVEPOINT a;
SELECT attest.erase_person(:'anne', 'GDPR art. 17', 'DPO'); ROLLBACK TO a;
\set VERBOSITY sqlstate
SELECT attest.merge_people(:'anne', :'clara', 'twice'); ROLLBACK TO a;
SELECT attest.destroy_retired_keys('keys'); ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT attest.erasure_horizon() = now() AS nothing_waits;
SELECT attest.erase_person(:'anne', 'GDPR art. 17', 'DPO'); COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT person_id = :'anne' AS anne, reason, authority, tenant_generation, kek_epochs, waits_for FROM attest.erasures WHERE reason <> 'import';
SELECT attest.erasure_horizon() < now() AS waits; COMMIT;
SELECT attest.erasure_horizon('keys') < now() AS waits;
-- Reaching the backups: a new tenant key under a new epoch, then the old epoch goes.
CALL attest.rotate_keys();
SELECT generation, state, kek_epoch FROM attest_data.tenant_key WHERE tenant_id = :tenant ORDER BY 1;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT waits_for FROM attest.erasures WHERE reason <> 'import'; COMMIT;
SELECT epoch, state, tenants FROM attest.kek_epochs();
SELECT attest.confirm_backup('weekly', clock_timestamp());
SELECT attest.retire_kek(2, ARRAY['postgres']);
SELECT attest.issue_ticket('keys', 'boss', '1 hour') AS boss \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT waits_for IS NULL AS reached FROM attest.erasures WHERE reason <> 'import';
SELECT attest.erasure_horizon() = now() AS nothing_waits;
SELECT last_name, first_name FROM attest.people WHERE last_name IS NOT NULL ORDER BY 1; COMMIT;
CALL attest.rotate_keys();
SELECT max(generation) AS generations, (SELECT max(epoch) FROM attest.kek_epochs()) AS epochs FROM attest_data.tenant_key WHERE tenant_id = :tenant;

-- What was left undone, the doctor says.
BEGIN;
UPDATE attest_data.key_rotation SET state = 'running', updated_at = now() - interval '2 hours' WHERE kind = 'subject_keys';
SELECT code, object FROM attest.doctor() WHERE code IN ('rotation_interrupted', 'erasure_waiting');
ROLLBACK;
BEGIN;
UPDATE attest_data.erased_subject SET erased_at = now() - interval '31 days', tenant_generation = 3 WHERE tenant_id = :tenant;
SELECT code, object FROM attest.doctor() WHERE code IN ('rotation_interrupted', 'erasure_waiting');
ROLLBACK;

-- A key that is missing is named; a row of another place does not open.
BEGIN;
UPDATE attest_data.subject_key SET tenant_generation = 99 WHERE subject_id = :'bruno';
SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.unseal(last_name) FROM attest_data.person WHERE person_id = :'bruno'; ROLLBACK;
BEGIN;
UPDATE attest_data.tenant_key SET kek_epoch = 77 WHERE tenant_id = :tenant AND state = 'active';
SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.unseal(last_name) FROM attest_data.person WHERE person_id = :'bruno'; ROLLBACK;
BEGIN;
UPDATE attest_data.subject_key SET wrapped = (SELECT wrapped FROM attest_data.subject_key WHERE subject_id = :'clara') WHERE subject_id = :'bruno';
SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.unseal(last_name) FROM attest_data.person WHERE person_id = :'bruno'; ROLLBACK;

-- Export and import.
SELECT attest.export_keys() AS export \gset
SELECT :'export' ~ '^[{]' AS a_line, :'export' ~ 'mac [0-9a-f]{64}.$' AS its_mac, :'export' LIKE '%Kerlan%' AS tells;
SELECT attest.import_keys('nonsense');
SELECT attest.import_keys(NULL);
SELECT attest.import_keys(replace(:'export', 'keys', 'other'));
BEGIN;
SELECT people > 0 AS imported, erased FROM attest.import_keys(:'export');
SELECT attest.enter(:'boss') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT last_name, first_name FROM attest.people WHERE last_name IS NOT NULL ORDER BY 1;
ROLLBACK;
-- Somebody who was added after the export was made keeps the key, and who was erased since stays erased.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.add_person('{"reference": "k-9", "profile": "learner", "last_name": "Tardif", "first_name": "Yann", "gender": "M"}') AS late,
  attest.erase_person(:'clara', 'GDPR art. 17', 'DPO') IS NOT NULL AS erased \gset
SELECT people > 0 AS imported, erased FROM attest.import_keys(:'export');
SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) AS keys FROM attest_data.subject_key WHERE subject_id = :'clara';
SET LOCAL ROLE attest_app;
SELECT reference, last_name FROM attest.people WHERE reference IS NOT NULL ORDER BY 1;
ROLLBACK;
-- A key of another course of things: nobody is lost silently.
BEGIN;
INSERT INTO attest_data.subject_key SELECT k.tenant_id, '00000000-0000-7000-8000-00000000001d', 1, 'active', k.tenant_generation, k.wrapped
FROM attest_data.subject_key k WHERE k.subject_id = :'bruno' ORDER BY k.generation DESC LIMIT 1;
SELECT attest.import_keys(:'export');
ROLLBACK;
-- One that was damaged comes back from the export; one that was replaced and opens no more goes.
BEGIN;
UPDATE attest_data.subject_key SET wrapped = overlay(wrapped PLACING '\x00'::bytea FROM 20) WHERE subject_id = :'bruno';
INSERT INTO attest_data.subject_key SELECT k.tenant_id, k.subject_id, 1, 'retired', k.tenant_generation, k.wrapped
FROM attest_data.subject_key k WHERE k.subject_id = :'bruno' AND k.generation = 2;
SELECT people > 0 AS imported FROM attest.import_keys(:'export');
SELECT attest.enter(:'boss') \g /dev/null
SELECT last_name FROM attest.people WHERE reference = 'k-2';
SELECT generation FROM attest_data.subject_key WHERE subject_id = :'bruno';
ROLLBACK;
-- An export from before a rotation would take keys away.
CALL attest.rotate_tenant_key('keys');
SELECT attest.import_keys(:'export');

-- --- new keys: totals and counts, which are sealed for the operation, open under them ---
SELECT attest.create_tenant('esf-keys', 'ESF', 'departement') > 0 AS made, attest.create_account('esf-keys', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.issue_ticket('esf-keys', 'boss') AS keys_boss \gset
BEGIN; SELECT attest.enter(:'keys_boss') \g /dev/null
SELECT attest.create_operation('K-1', 'Keys', 'esf+', '2025-01-01', '2025-12-31') AS operation,
  attest.add_person('{"reference": "K-1", "profile": "beneficiary", "last_name": "Kev", "first_name": "Kim", "gender": "N", "birth_date": "1990-01-01", "isced": 3}') AS kim \gset
SELECT attest.record_participation(:'operation', :'kim', '{"entry": "2025-03-01", "status_entry": "employed"}') AS participation \gset
SELECT attest_internal.esf_totals_job() AS folded;
SELECT attest.correct_participation(:'participation', '{"rural": true}', 'told') \g /dev/null
COMMIT;
CALL attest.reseal_people('esf-keys');
CALL attest.rotate_tenant_key('esf-keys');
SELECT attest.issue_ticket('esf-keys', 'boss') AS keys_boss \gset
BEGIN; SELECT attest.enter(:'keys_boss') \g /dev/null
SELECT operation, ok FROM attest.recount_esf('K-1');
SELECT state, count(*) FROM attest_data.subject_key WHERE tenant_id = attest.current_tenant() GROUP BY 1 ORDER BY 1;
SELECT attest.destroy_retired_keys('esf-keys') > 0 AS destroyed \g /dev/null
SELECT code, non_binary, total FROM attest.esf_report('K-1') WHERE total > 0;
COMMIT;
