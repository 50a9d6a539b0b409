\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SELECT attest.issue_ticket('south', 'boss') AS boss \gset
\set first `cat demo/signatures/s01-1.json`
\set second `cat demo/signatures/s02-1.json`
\set third `cat demo/signatures/s03-1.json`
SELECT :'first'::jsonb ->> 'png' AS png_1, :'first'::jsonb ->> 'strokes' AS strokes_1, :'second'::jsonb ->> 'png' AS png_2,
  :'third'::jsonb ->> 'strokes' AS strokes_3 \gset
-- The tenant lives in La Réunion (UTC+4); days are its own.
BEGIN;
SELECT attest.enter(:'boss') \g /dev/null
SELECT outcome FROM attest.import_people(E'reference,profile,last_name,first_name,gender\n'
  'S-1,learner,Un,Ada,F\nS-2,learner,Deux,Bob,M\nS-3,learner,Trois,Cléo,F\nS-9,trainer,Neuf,Tina,F\n');
SELECT attest.create_course('C-1', '', 'training');
ROLLBACK;
BEGIN;
SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender\n'
  'S-1,learner,Un,Ada,F\nS-2,learner,Deux,Bob,M\nS-3,learner,Trois,Cléo,F\nS-9,trainer,Neuf,Tina,F\n');
SELECT person_id AS ada FROM attest.people WHERE reference = 'S-1' \gset
SELECT person_id AS bob FROM attest.people WHERE reference = 'S-2' \gset
SELECT person_id AS cleo FROM attest.people WHERE reference = 'S-3' \gset
SELECT person_id AS tina FROM attest.people WHERE reference = 'S-9' \gset
SELECT attest.create_course('C-1', 'Hygiène', 'training') AS course \gset
SELECT attest.plan_session(:'course', 'Mars', '2026-03-02', '2026-03-06', 'Saint-Pierre') AS session \gset
SELECT attest.plan_slot(:'session', '2026-03-02 08:00+04', '2026-03-02 12:00+04') AS morning \gset
SELECT attest.plan_slot(:'session', '2026-03-02 13:00+04', '2026-03-02 17:00+04', 'remote') AS afternoon \gset
COMMIT;
SELECT attest.create_account('south', 'tina', 'trainer', :'tina') IS NOT NULL AS trainer;
SELECT attest.create_account('south', 'ada', 'learner', :'ada') IS NOT NULL AS learner;
SELECT attest.issue_ticket('south', 'tina') AS trainer_ticket, attest.issue_ticket('south', 'ada') AS ada_ticket \gset

-- Bad planning.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_course('C-1', 'Again', 'training');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session('00000000-0000-0000-0000-000000000000', 'x', '2026-03-02', '2026-03-06');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'x', '2026-03-06', '2026-03-02');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'session', '2026-03-03 12:00+04', '2026-03-03 08:00+04');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'session', '2026-03-03 08:00+04', '2026-03-03 21:00+04');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
-- 23:00 in Paris on the 6th is the 7th in La Réunion.
SELECT attest.plan_slot(:'session', '2026-03-06 23:00+01', '2026-03-06 23:30+01');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'session', '2026-03-03 08:00+04', '2026-03-03 12:00+04', 'moon');
ROLLBACK;

-- Enrolments: Bob leaves after the first day, Cléo comes late.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.enrol(:'session', :'ada') IS NOT NULL AS ada, attest.enrol(:'session', :'bob') IS NOT NULL AS bob,
  attest.enrol(:'session', :'cleo', '2026-03-02', '2026-03-06') IS NOT NULL AS cleo;
SELECT attest.withdraw(:'session', :'bob', '2026-03-02');
SELECT attest.assign_trainer(:'morning', :'tina'), attest.assign_trainer(:'afternoon', :'tina');
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT 1 FROM attest.enrol(:'session', :'ada');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
\set VERBOSITY sqlstate
SELECT attest.withdraw(:'session', :'bob', '2026-03-05');
\set VERBOSITY default
ROLLBACK;

-- Signing. Ada signs for herself; nobody else.
BEGIN; SELECT attest.enter(:'ada_ticket') \g /dev/null
SELECT attest.sign(:'morning', :'ada', :'png_1', claimed_at => '2026-03-02 08:05+04', client_id => '00000000-0000-4000-8000-000000000001') IS NOT NULL AS signed;
SELECT attest.sign(:'morning', :'ada', :'png_1', claimed_at => '2026-03-02 08:05+04', client_id => '00000000-0000-4000-8000-000000000001') IS NOT NULL AS repeated_safely;
COMMIT;
-- The same client id for another slot is another signature.
BEGIN; SELECT attest.enter(:'ada_ticket') \g /dev/null
SELECT attest.sign(:'afternoon', :'ada', :'png_1', claimed_at => '2026-03-02 13:05+04', client_id => '00000000-0000-4000-8000-000000000001');
ROLLBACK;
BEGIN; SELECT attest.enter(:'ada_ticket') \g /dev/null
SELECT attest.sign(:'morning', :'bob', :'png_2', claimed_at => '2026-03-02 08:05+04');
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT 1 FROM attest.sign(:'morning', :'ada', :'strokes_1', claimed_at => '2026-03-02 08:06+04');
\set VERBOSITY default
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT 1 FROM attest.sign(:'morning', :'tina', :'png_2');
\set VERBOSITY default
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT 1 FROM attest.sign(:'morning', :'bob', :'png_2', claimed_at => '2999-03-02 08:06+04');
\set VERBOSITY default
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT 1 FROM attest.sign(:'morning', :'bob', 'data:,');
\set VERBOSITY default
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
SELECT 1 FROM attest.sign(:'morning', :'bob', '[{"points": []}]');
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
-- Bob is half an hour late; Cléo signs long after.
SELECT attest.sign(:'morning', :'bob', :'png_2', claimed_at => '2026-03-02 08:30+04') IS NOT NULL AS bob;
SELECT attest.sign(:'afternoon', :'ada', :'strokes_1', claimed_at => '2026-03-02 12:50+04') IS NOT NULL AS ada;
SELECT attest.record_presence(:'afternoon', :'bob', 'excused', 'medical appointment', claimed_at => '2026-03-02 07:30+04') IS NOT NULL AS excused;
COMMIT;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
SELECT attest.record_presence(:'afternoon', :'bob', 'excused', '');
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
SELECT attest.record_presence(:'afternoon', :'bob', 'late', 'bus');
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
SELECT attest.record_presence(:'afternoon', :'bob', 'asleep', 'x');
ROLLBACK;

-- Countersigning: by a trainer of the slot, once, and the rest is absent.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.countersign(:'morning', :'strokes_3');
ROLLBACK;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
SELECT attest.countersign(:'morning', :'strokes_3') IS NOT NULL AS countersigned;
SELECT person_id = :'cleo' AS cleo, status, method FROM attest.presences WHERE slot_id = :'morning' AND status = 'absent';
-- What was signed is the list as it stood before the absences that followed from it.
SELECT list_digest = sha256(convert_to(:'morning' || E'\n' || (SELECT string_agg(format('%s %s %s', r.person_id, CASE r.method WHEN 'countersignature' THEN 'expected' ELSE r.status END,
    r.minutes_attended), E'\n' ORDER BY r.person_id) FROM attest.presences r WHERE slot_id = :'morning'), 'UTF8')) AS list_bound, cardinality(events) AS events
FROM attest_data.countersignature;
COMMIT;
BEGIN; SELECT attest.enter(:'trainer_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT 1 FROM attest.countersign(:'morning', :'strokes_3');
\set VERBOSITY default
ROLLBACK;

-- A correction is a new event; the list that was countersigned stays as it was.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.submit_justification(:'morning', :'cleo', 'transport', 'strike of the buses') AS paper \gset
SELECT attest.decide_justification(:'paper', true, 'known to all') IS NOT NULL AS corrected;
SELECT p.reference, r.status, r.minutes_planned AS planned, r.minutes_attended AS attended, r.method, r.flags,
  to_char(r.starts_at AT TIME ZONE 'Indian/Reunion', 'HH24:MI') AS slot
FROM attest.presences r JOIN attest.people p USING (person_id) ORDER BY r.starts_at, p.reference;
SELECT p.reference, t.slots, t.minutes_planned, t.minutes_attended, t.rate, t.present, t.late, t.absent, t.excused, t.not_recorded
FROM attest.learner_totals t JOIN attest.people p USING (person_id) ORDER BY 1;
SELECT title, learners, minutes_planned, minutes_attended, rate FROM attest.session_totals;
SELECT code, sessions, learners, minutes_planned, minutes_attended, rate FROM attest.course_totals;
SELECT last_name, status, method FROM attest.live_board(:'afternoon');
SELECT month, course, status, slots, minutes_planned, minutes_attended FROM attest_report.attendance_by_month ORDER BY status;
COMMIT;
-- Events are never changed, by the owner of the table either.
SET ROLE attest_owner;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
UPDATE attest_data.presence SET minutes_attended = 240;
ROLLBACK;
RESET ROLE;
DELETE FROM attest_data.countersignature;
