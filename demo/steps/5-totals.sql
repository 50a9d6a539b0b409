\set ON_ERROR_STOP on
\echo
\echo '== 5. Totals, and the live board of the slot that is running'
SELECT attest.issue_ticket('formation-ocean', 'direction') AS ticket \gset
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
SELECT p.last_name, t.slots, t.minutes_planned AS planned, t.minutes_attended AS attended, t.rate, t.late, t.absent, t.excused
FROM attest.learner_totals t JOIN attest.people p USING (person_id) ORDER BY t.rate, p.last_name LIMIT 8;
SELECT title AS session, learners, minutes_planned, minutes_attended, rate, late, absent, excused FROM attest.session_totals;
SELECT code AS course, sessions, learners, minutes_planned, minutes_attended, rate FROM attest.course_totals;
SELECT slot_id AS running FROM attest_data.slot WHERE now() BETWEEN starts_at AND ends_at LIMIT 1 \gset
\echo 'Live board:'
SELECT status, count(*) FROM attest.live_board(:'running') GROUP BY 1 ORDER BY 1;
SELECT last_name, first_name, status FROM attest.live_board(:'running') WHERE status = 'expected' LIMIT 4;
COMMIT;
