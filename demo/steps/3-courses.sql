\set ON_ERROR_STOP on
\echo
\echo '== 3. A course, a session, half-day slots, enrolments'
SELECT attest.issue_ticket('formation-ocean', 'direction') AS ticket \gset
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
SELECT attest.create_course('APH-1', 'Agent de propreté et d''hygiène', 'training') AS course \gset
SELECT attest.plan_session(:'course', 'Automne', current_date - 3, current_date + 1, 'Salle Ouessant') AS session \gset
-- Three half-days that are over, and one that is running now.
SELECT count(attest.plan_slot(:'session', (current_date + day + starts) AT TIME ZONE 'Europe/Paris',
  (current_date + day + ends) AT TIME ZONE 'Europe/Paris')) AS half_days_over
FROM (VALUES (-2, time '09:00', time '12:30'), (-2, time '14:00', time '17:30'), (-1, time '09:00', time '12:30')) AS d (day, starts, ends);
SELECT attest.plan_slot(:'session', now() - interval '5 minutes', now() + interval '3 hours 25 minutes') IS NOT NULL AS slot_running;

SELECT count(attest.enrol(:'session', person_id)) AS learners_enrolled
FROM (SELECT person_id FROM attest.people WHERE profiles @> '{learner}' AND last_activity IS NULL ORDER BY reference LIMIT 24) AS learner;
SELECT count(attest.assign_trainer(s.slot_id, t.person_id)) AS slots_with_a_trainer
FROM attest_data.slot s, (SELECT person_id FROM attest.people WHERE profiles @> '{trainer}' ORDER BY reference LIMIT 1) t;
SELECT to_char(starts_at AT TIME ZONE 'Europe/Paris', 'Dy DD Mon HH24:MI') AS starts, to_char(ends_at AT TIME ZONE 'Europe/Paris', 'HH24:MI') AS ends, modality
FROM attest_data.slot ORDER BY starts_at;
COMMIT;
RESET SESSION AUTHORIZATION;

-- The trainer gets an account, tied to her record in the register.
SELECT attest.issue_ticket('formation-ocean', 'direction') AS ticket \gset
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
SELECT person_id AS trainer FROM attest.people WHERE profiles @> '{trainer}' ORDER BY reference LIMIT 1 \gset
COMMIT;
SELECT attest.create_account('formation-ocean', 'formatrice-1', 'trainer', :'trainer') IS NOT NULL AS trainer_account;
