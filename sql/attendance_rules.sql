-- Every status and rule of attendance, each with its source: B.n, R30 and the threads are those of
-- domain/systems.md; the issue is "Attendance, RSA and ESF".
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
\set strokes `python3 -c 'import json; print(json.dumps(json.load(open("demo/signatures/s04-1.json"))["strokes"]))'`
SELECT attest.create_tenant('rules', 'Rules', 'training_organisation') > 0 AS tenant, attest.create_account('rules', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.issue_ticket('rules', 'boss') AS boss \gset
-- What a slot came to, with the person's reference.
CREATE FUNCTION pg_temp.board(slot uuid) RETURNS TABLE (reference text, status text, planned int, attended int, counted int, late int, method text, evidence smallint, flags text[])
LANGUAGE sql AS $$ SELECT p.reference, r.status, r.minutes_planned, r.minutes_attended, r.minutes_counted, r.late_minutes, r.method, r.evidence, r.flags
FROM attest.presences r JOIN attest.people p USING (person_id) WHERE r.slot_id = slot ORDER BY p.reference $$;

BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender\n'
  'Y-1,learner,Un,Ada,F\nY-2,learner,Deux,Bob,M\nY-3,learner,Trois,Cléo,F\nY-4,learner,Quatre,Dan,M\nY-5,learner,Cinq,Eve,F\nY-6,learner,Six,Flo,F\nY-9,trainer,Neuf,Tina,F\n');
SELECT max(person_id::text) FILTER (WHERE reference = 'Y-1') AS r1, max(person_id::text) FILTER (WHERE reference = 'Y-2') AS r2,
  max(person_id::text) FILTER (WHERE reference = 'Y-3') AS r3, max(person_id::text) FILTER (WHERE reference = 'Y-4') AS r4,
  max(person_id::text) FILTER (WHERE reference = 'Y-5') AS r5, max(person_id::text) FILTER (WHERE reference = 'Y-6') AS r6,
  max(person_id::text) FILTER (WHERE reference = 'Y-9') AS tina FROM attest.people WHERE reference LIKE 'Y-%' \gset
-- B.2, attendance sheet practice: title of the action, provider and its NDA.
SELECT attest.create_course('R', 'Soudure', 'training', 'Atelier', '11755555555') AS course \gset
SELECT attest.plan_session(:'course', 'Year', '2025-01-01', '2025-12-31') AS session \gset
-- B.1, R7 and R8: the funder pays for its own trainees, so one session mixes funders.
SELECT attest.add_funder('REG', 'Région', 'region') IS NOT NULL AS region, attest.add_funder('OPCO', 'An OPCO', 'opco') IS NOT NULL AS opco;
SELECT attest.enrol(:'session', :'r1', funder => 'REG', funding_reference => 'M-17') IS NOT NULL AS r1, attest.enrol(:'session', :'r2', funder => 'OPCO') IS NOT NULL AS r2,
  attest.enrol(:'session', :'r3') IS NOT NULL AS r3, attest.enrol(:'session', :'r4') IS NOT NULL AS r4, attest.enrol(:'session', :'r5') IS NOT NULL AS r5;
SELECT attest.plan_slot(:'session', '2025-06-02 09:00+02', '2025-06-02 12:30+02') AS slot \gset
SELECT attest.assign_trainer(:'slot', :'tina');
COMMIT;
SELECT attest.create_account('rules', 'tina', 'trainer', :'tina') IS NOT NULL AS trainer, attest.create_account('rules', 'ada', 'learner', :'r1') IS NOT NULL AS learner;
SELECT attest.issue_ticket('rules', 'tina') AS trainer, attest.issue_ticket('rules', 'ada') AS ada \gset

-- B.3, the statuses: expected; present; late with its minutes; left early; partial; excused before; exempted counts as present (erpnext#7060); in company.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT * FROM attest.presence_statuses();
SELECT attest.sign(:'slot', :'r1', :'strokes', claimed_at => '2025-06-02 09:10+02') IS NOT NULL AS present, attest.sign(:'slot', :'r2', :'strokes', claimed_at => '2025-06-02 09:10:01+02') IS NOT NULL AS late,
  attest.record_presence(:'slot', :'r3', 'left_early', 'a train', 180) IS NOT NULL AS left_early, attest.record_presence(:'slot', :'r4', 'partial', 'two interviews', 100) IS NOT NULL AS partial;
SELECT * FROM pg_temp.board(:'slot');
SELECT attest.record_presence(:'slot', :'r5', 'excused', 'told by phone', claimed_at => '2025-06-01 18:00+02') IS NOT NULL AS excused;
SELECT status, attended, counted FROM pg_temp.board(:'slot') WHERE reference = 'Y-5';
SELECT attest.record_presence(:'slot', :'r5', 'exempted', 'has the certificate') IS NOT NULL AS exempted;
SELECT status, attended, counted FROM pg_temp.board(:'slot') WHERE reference = 'Y-5';
SELECT attest.record_presence(:'slot', :'r5', 'in_company', 'as planned') IS NOT NULL AS in_company;
SELECT status, attended, counted FROM pg_temp.board(:'slot') WHERE reference = 'Y-5';
SELECT attest.record_presence(:'slot', :'r5', 'absent', 'was not there') IS NOT NULL AS absent;
-- Every event is kept, with its author; the reason is sealed.
SELECT attest.status_name(status) AS status, method, recorded_by IS NOT NULL AS author, attest.unseal(reason, person_id, 'presence.reason') AS reason
FROM attest_data.presence WHERE slot_id = :'slot' AND person_id = :'r5' ORDER BY presence_id;
-- Disputed: the minutes stay. Then somebody says what holds.
SELECT attest.dispute(:'slot', :'r4', 'there for longer') IS NOT NULL AS disputed;
SELECT status, attended, counted FROM pg_temp.board(:'slot') WHERE reference = 'Y-4';
SELECT attest.record_presence(:'slot', :'r4', 'present', 'the trainer confirms') IS NOT NULL AS settled;
-- Justified after, with document and decision (B.3; CFA practice, R33).
SELECT attest.submit_justification(:'slot', :'r5', 'medical', '\x25504446') AS paper \gset
SELECT status FROM pg_temp.board(:'slot') WHERE reference = 'Y-5';
SELECT attest.decide_justification(:'paper', true, 'a doctor') IS NOT NULL AS justified;
SELECT status, attended, counted, method FROM pg_temp.board(:'slot') WHERE reference = 'Y-5';
SELECT motive, accepted, attest.open_justification(justification_id) AS document, digest = sha256('\x25504446') AS digest FROM attest.justifications WHERE slot_id = :'slot';
SAVEPOINT a; SELECT attest.decide_justification(:'paper', false, 'again'); ROLLBACK TO a;
SELECT attest.submit_justification(:'slot', :'r4', 'other', '\x00') AS other \gset
SELECT attest.decide_justification(:'other', false, 'unreadable') IS NULL AS refused;
SELECT status FROM pg_temp.board(:'slot') WHERE reference = 'Y-4';
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r5', 'justified', 'x'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r5', 'excused', 'x', claimed_at => '2025-06-02 09:00:01+02'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r5', 'partial', 'x'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r5', 'exempted', 'x', 1); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r6', 'present', 'x'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r5', 'present', 'x', method => 'dream'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.submit_justification(:'slot', :'r5', 'mood', '\x00'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.submit_justification(:'slot', :'r5', 'other', ''); ROLLBACK TO a;
COMMIT;

-- Minutes counted, by rules per funder, versioned (the issue; B.3: funders count differently).
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_counting_rule('OPCO', '2025-01-01', '{present,late}', '{exempted}', 'agreement of 2025, article 4', 60) AS version;
SELECT attended, counted FROM pg_temp.board(:'slot') WHERE reference = 'Y-2';
SELECT attest.set_counting_rule('OPCO', '2025-07-01', '{present}', '{late}', 'agreement of July 2025') AS version;
SELECT attended, counted FROM pg_temp.board(:'slot') WHERE reference = 'Y-2';
SELECT attest.plan_slot(:'session', '2025-07-01 09:00+02', '2025-07-01 12:30+02') AS july \gset
SELECT attest.sign(:'july', :'r2', :'strokes', claimed_at => '2025-07-01 09:40+02') IS NOT NULL AS signed;
SELECT status, attended, counted FROM pg_temp.board(:'july') WHERE reference = 'Y-2';
SAVEPOINT a; SELECT attest.set_counting_rule('OPCO', '2025-07-01', '{asleep}', '{}', 'x'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.set_counting_rule('NOBODY', '2025-07-01', '{}', '{}', 'x'); ROLLBACK TO a;
COMMIT;
SELECT attest_internal.count_minutes(6, 256, 60, s.code, 210, 199) AS counted, s.name FROM attest.presence_statuses() s ORDER BY s.code;

-- Late enrolment (mod_attendance#282) and withdrawal; an absence after leaving is cancelled.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.enrol(:'session', :'r6', since => '2025-06-15') IS NOT NULL AS late_enrolment;
SELECT slot_id = :'july' AS july, status FROM attest.presences WHERE person_id = :'r6';
SELECT attest_internal.attendance_absence_job() AS absences;
SELECT reference, status, method FROM pg_temp.board(:'july');
SELECT attest_internal.attendance_absence_job() AS exactly_once;
SELECT attest.withdraw(:'session', :'r6', '2025-06-20');
SELECT reference, status, planned, flags FROM pg_temp.board(:'july') WHERE reference = 'Y-6';
SELECT attest.enrol(:'session', :'r6', since => '2025-09-01') IS NOT NULL AS came_back;
COMMIT;

-- Zones: a day is that of the place (mod_attendance#305), minutes are those that pass, also when the clocks change.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.add_place('Paris', 'Europe/Paris', '75056') IS NOT NULL AS paris, attest.add_place('Saint-Denis', 'Indian/Reunion', '97411') IS NOT NULL AS reunion,
  attest.add_place('Basse-Terre', 'America/Guadeloupe', '97105') IS NOT NULL AS guadeloupe, attest.add_place('Colmar', 'Europe/Paris', '68066', 'alsace_moselle_protestant') IS NOT NULL AS colmar;
SAVEPOINT a; SELECT attest.add_place('Mars', 'Mars/Olympus'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.add_place('Paris', 'Europe/Paris'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.add_place('Brest', 'Europe/Paris', '29019', 'bretagne'); ROLLBACK TO a;
CREATE TEMP TABLE night (place text, d date, slot uuid) ON COMMIT DROP;
INSERT INTO night SELECT z.name, d, attest.plan_slot(:'session', (d + time '01:00') AT TIME ZONE z.time_zone, (d + time '04:00') AT TIME ZONE z.time_zone, 'remote', z.name)
FROM attest_data.place z, (VALUES (date '2025-03-30'), ('2025-10-26')) n (d) WHERE z.name <> 'Colmar';
SELECT n.place, n.d AS local_night, r.day, r.minutes_planned, count(*) AS people FROM night n JOIN attest.presences r ON r.slot_id = n.slot GROUP BY 1, 2, 3, 4 ORDER BY 2, 1;
-- 22:00 in Guadeloupe is the next day in Paris.
SELECT attest.plan_slot(:'session', '2025-05-26 22:00-04', '2025-05-26 23:30-04', 'remote', 'Basse-Terre') AS evening \gset
SELECT day, day = (starts_at AT TIME ZONE 'Europe/Paris')::date AS same_in_paris FROM attest_data.slot WHERE slot_id = :'evening';
COMMIT;

-- Flags with reasons, never sanctions (R30: what inspectors find wrong).
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'session', '2025-05-27 09:00-04', '2025-05-27 12:00-04', 'on_site', 'Basse-Terre') AS holiday \gset
SELECT attest.plan_slot(:'session', '2025-04-18 09:00+02', '2025-04-18 12:00+02', 'on_site', 'Colmar') AS friday \gset
SELECT attest.plan_slot(:'session', '2025-06-03 09:00+02', '2025-06-03 12:00+02') AS chain \gset
SELECT attest.plan_slot(:'session', '2025-06-03 11:00+02', '2025-06-03 13:00+02') AS overlap \gset
SELECT attest.plan_slot(:'session', '2025-06-04 09:00+02', '2025-06-04 12:00+02') AS atend \gset
\set tablet '00000000-0000-4000-8000-00000000000a'
SELECT count(attest.sign(slot::uuid, :'r1', :'strokes', claimed_at => at::timestamptz)) FROM (VALUES
  (:'holiday', '2025-05-27 09:00-04'), (:'friday', '2025-04-18 09:00+02'), (:'overlap', '2025-06-03 10:00+02')) w (slot, at);
SELECT count(attest.sign(:'chain', person::uuid, :'strokes', device => :'tablet', claimed_at => timestamptz '2025-06-03 09:00+02' + n * interval '2 seconds'))
FROM (VALUES (:'r1', 0), (:'r2', 1), (:'r3', 2), (:'r4', 60)) w (person, n);
SELECT count(attest.sign(:'atend', person::uuid, :'strokes', claimed_at => '2025-06-04 11:50+02')) FROM (VALUES (:'r1'), (:'r2'), (:'r3')) w (person);
SELECT p.reference, f.flag, f.reason FROM attest.presence_flags f JOIN attest.people p USING (person_id)
WHERE f.slot_id IN (:'holiday', :'friday', :'chain', :'overlap', :'atend') AND f.flag <> 'OFFLINE' ORDER BY f.claimed_at, f.slot_id, p.reference, f.flag;
COMMIT;

-- Windows per session (mod_attendance#297, #874): outside, nobody signs.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'Windows', '2025-01-01', '2025-12-31') AS windows \gset
SELECT attest.set_signing(:'windows', '10 minutes', '0');
SELECT attest.plan_slot(:'windows', '2025-06-05 09:00+02', '2025-06-05 12:00+02') AS window \gset
SELECT attest.enrol(:'windows', :'r1') IS NOT NULL AS r1;
SAVEPOINT a; SELECT attest.sign(:'window', :'r1', :'strokes', claimed_at => '2025-06-05 08:49:59+02'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.sign(:'window', :'r1', :'strokes', claimed_at => '2025-06-05 12:00:01+02'); ROLLBACK TO a;
SELECT attest.sign(:'window', :'r1', :'strokes', claimed_at => '2025-06-05 08:50+02') IS NOT NULL AS open;
SAVEPOINT a; SELECT attest.set_signing(:'windows', own_device_evidence => 5); ROLLBACK TO a;
-- Cancelled: nothing is planned any more, and nobody signs.
SELECT attest.plan_slot(:'windows', '2025-06-06 09:00+02', '2025-06-06 12:00+02') AS off \gset
SELECT attest.cancel_slot(:'off', 'no heating') AS people;
SELECT reference, status, planned, attended, counted, method FROM pg_temp.board(:'off');
SAVEPOINT a; SELECT attest.sign(:'off', :'r1', :'strokes', claimed_at => '2025-06-06 09:00+02'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'off', :'r1', 'present', 'x'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.cancel_slot(:'off', 'again'); ROLLBACK TO a;
SELECT attest.plan_session(:'course', 'To come', current_date + 10, current_date + 20) AS to_come \gset
SELECT count(attest.plan_slot(:'to_come', (current_date + n + time '09:00')::timestamptz, (current_date + n + time '12:00')::timestamptz)) FROM generate_series(11, 13) n;
SELECT attest.cancel_session(:'to_come', 'too few people') AS slots;
COMMIT;

-- Locked after the delay of the tenant (mod_attendance#228): managers only, flagged.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_attendance_policy(lock_after => '10 days');
SELECT attest.record_presence(:'slot', :'r3', 'present', 'found the sheet') IS NOT NULL AS by_manager;
SELECT status, flags FROM pg_temp.board(:'slot') WHERE reference = 'Y-3';
COMMIT;
BEGIN; SELECT attest.enter(:'trainer') \g /dev/null
SAVEPOINT a; SELECT attest.record_presence(:'slot', :'r3', 'absent', 'x'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.sign(:'slot', :'r5', :'strokes', claimed_at => '2025-06-02 09:00+02'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.countersign(:'slot', :'strokes'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.set_attendance_policy(); ROLLBACK TO a;
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SAVEPOINT a; SELECT attest.set_attendance_policy(lock_after => '-1 day'); ROLLBACK TO a;
SELECT attest.set_attendance_policy();
COMMIT;

-- A challenge: single-use, short-lived, for one person, slot and device (B.5, mod_attendance#918); codes with grace (#746).
\set phone '00000000-0000-4000-8000-00000000000b'
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'Codes', current_date - 1, current_date + 1) AS codes \gset
SELECT attest.plan_slot(:'codes', now() - interval '5 minutes', now() + interval '3 hours') AS live \gset
SELECT attest.plan_slot(:'codes', now() - interval '4 minutes', now() + interval '3 hours') AS live2 \gset
SELECT attest.enrol(:'codes', :'r1') IS NOT NULL AS r1, attest.enrol(:'codes', :'r2') IS NOT NULL AS r2;
SELECT attest.assign_trainer(:'live', :'tina');
SELECT attest.set_signing(:'codes', own_device_evidence => 4);
SELECT code AS earlier FROM attest.slot_code(:'live') \gset
SELECT code, qr = format('attest:1:%s:%s', :'live', code) AS qr, code ~ '^[0-9A-HJKMNP-TV-Z]{8}$' AS clear, valid_until - now() AS good FROM attest.slot_code(:'live') \gset
\echo :qr :clear :good
SELECT count(*) AS hashes, bool_and(octet_length(hash) = 32) AS only FROM attest_data.slot_code WHERE slot_id = :'live';
COMMIT;
BEGIN; SELECT attest.enter(:'ada') \g /dev/null
SAVEPOINT a; SELECT attest.slot_code(:'live'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.sign(:'live', :'r1', :'strokes'); ROLLBACK TO a;
SELECT attest.challenge(:'live', :'r1', :'phone') AS plain \gset
SAVEPOINT a; SELECT attest.sign(:'live', :'r1', :'strokes', :'plain', :'phone'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.challenge(:'live', :'r2', :'phone'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.challenge(:'live', :'r1', NULL); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.challenge(:'live', :'r1', :'phone', 'AAAAAAAA'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.challenge(:'live2', :'r1', :'phone', :'code'); ROLLBACK TO a;
SELECT octet_length(attest.challenge(:'live', :'r1', :'phone', lower(:'earlier'))) AS grace;
SELECT attest.challenge(:'live', :'r1', :'phone', :'code') AS answer \gset
SELECT attest.challenge(:'live2', :'r1', :'phone') AS other \gset
-- For another device, another slot; replaced by a newer one; right, and then used up.
SAVEPOINT a; SELECT attest.sign(:'live', :'r1', :'strokes', :'answer', :'tablet'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.sign(:'live', :'r1', :'strokes', :'other', :'phone'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.sign(:'live', :'r1', :'strokes', :'plain', :'phone'); ROLLBACK TO a;
SELECT attest.sign(:'live', :'r1', :'strokes', :'answer', :'phone', :'phone', channel => 'own_device') IS NOT NULL AS signed;
SAVEPOINT a; SELECT attest.sign(:'live', :'r1', :'strokes', :'answer', :'phone'); ROLLBACK TO a;
SELECT attest.sign(:'live', :'r1', :'strokes', :'answer', :'phone', :'phone') IS NOT NULL AS repeated;
SAVEPOINT a; SELECT attest.challenge(:'live', :'r1', :'phone'); ROLLBACK TO a;
SELECT status, evidence, signed FROM attest.presences WHERE slot_id = :'live' AND person_id = :'r1';
COMMIT;
-- It expires.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.challenge(:'live', :'r2', :'tablet') AS stale \gset
UPDATE attest_data.challenge SET expires_at = now() - interval '1 second';
SAVEPOINT a; SELECT attest.sign(:'live', :'r2', :'strokes', :'stale', :'tablet'); ROLLBACK TO a;
SELECT attest_internal.attendance_purge_job() AS notices;
SELECT count(*) AS challenges FROM attest_data.challenge;
COMMIT;

-- A trainer countersigns exactly the list that was shown.
BEGIN; SELECT attest.enter(:'trainer') \g /dev/null
SELECT attest.list_digest(:'live') AS seen \gset
SELECT attest.sign(:'live', :'r2', :'strokes') IS NOT NULL AS meanwhile;
\set VERBOSITY sqlstate
SAVEPOINT a; SELECT attest.countersign(:'live', :'strokes', :'seen'); ROLLBACK TO a;
\set VERBOSITY terse
SELECT attest.list_digest(:'live') AS seen, sha256(convert_to(:'live' || E'\n' || (SELECT string_agg(format('%s %s %s', person_id, status, minutes_attended), E'\n' ORDER BY person_id)
  FROM attest.live_board(:'live')), 'UTF8')) = attest.list_digest(:'live') AS computed_by_client \gset
\echo :computed_by_client
SELECT attest.countersign(:'live', :'strokes', :'seen', :'phone') = attest.countersign(:'live', :'strokes', :'seen', :'phone') AS repeated;
SELECT list_digest = :'seen' AS bound, shown, cardinality(events) AS events FROM attest_data.countersignature WHERE slot_id = :'live';
SELECT status, evidence, countersigned FROM attest.live_board(:'live');
COMMIT;
-- A correction afterwards is a new event that the countersignature does not cover.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_presence(:'live', :'r2', 'partial', 'left at once', 1) IS NOT NULL AS corrected;
SELECT flag FROM attest.presence_flags WHERE slot_id = :'live' AND person_id = :'r2';
COMMIT;

-- Hours of work of a tablet that was offline: in any order, sent twice, one bad item spoils nothing.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'session', '2025-06-10 09:00+02', '2025-06-10 12:00+02') AS one \gset
SELECT attest.plan_slot(:'session', '2025-06-11 09:00+02', '2025-06-11 12:00+02') AS two \gset
SELECT attest.assign_trainer(s::uuid, :'tina') FROM (VALUES (:'one'), (:'two')) v (s);
COMMIT;
-- What happens on a slot: events with claimed times, numbered.
CREATE FUNCTION pg_temp.day(slot uuid, day date, people uuid[], strokes text) RETURNS TABLE (n int, body jsonb) LANGUAGE sql AS $$
  SELECT n, jsonb_build_object('kind', kind, 'client_id', format('00000000-0000-4000-9000-%s%s', to_char(day, 'YYYYMMDD'), lpad(n::text, 4, '0')), 'slot', slot,
    'person', people[who], 'claimed_at', (day + at::time)::timestamp AT TIME ZONE 'Europe/Paris', 'signature', CASE kind WHEN 'sign' THEN strokes END,
    'status', status, 'reason', CASE kind WHEN 'record' THEN 'offline' END, 'minutes_attended', minutes)
  FROM (VALUES (1, 'sign', 1, '09:02', NULL, NULL), (2, 'sign', 2, '09:20', NULL, NULL), (3, 'record', 2, '11:00', 'partial', 60), (4, 'record', 3, '08:30', 'excused', NULL),
    (5, 'record', 3, '09:30', 'late', 150), (6, 'sign', 3, '09:30', NULL, NULL), (7, 'sing', 4, '09:00', NULL, NULL), (8, 'record', 4, '09:00', 'asleep', NULL),
    (10, 'record', 4, '10:00', 'absent', NULL)) v (n, kind, who, at, status, minutes)
$$;
BEGIN; SELECT attest.enter(:'trainer') \g /dev/null
SELECT array[:'r1', :'r2', :'r3', :'r4']::uuid[] AS people \gset
SELECT item, outcome, code, message FROM attest.sync((SELECT jsonb_build_object('device', :'tablet', 'items', jsonb_agg(body ORDER BY n)) FROM pg_temp.day(:'one', '2025-06-10', :'people', :'strokes'))) ORDER BY item;
SELECT item, outcome, code FROM attest.sync((SELECT jsonb_build_object('device', :'tablet', 'items', jsonb_agg(body ORDER BY n)) FROM pg_temp.day(:'one', '2025-06-10', :'people', :'strokes'))) ORDER BY item;
-- Backwards, in batches of one.
SELECT outcome, count(*) FROM (SELECT * FROM pg_temp.day(:'two', '2025-06-11', :'people', :'strokes') ORDER BY n DESC) d, attest.sync(jsonb_build_object('items', jsonb_build_array(d.body))) GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.board(:'one');
SELECT (SELECT array_agg((b.reference, b.status, b.attended, b.counted, b.late, b.method)) FROM pg_temp.board(:'one') b)
  = (SELECT array_agg((b.reference, b.status, b.attended, b.counted, b.late, b.method)) FROM pg_temp.board(:'two') b) AS same_in_any_order,
  (SELECT count(*) FROM attest_data.presence WHERE slot_id = :'one') AS events_of_one, (SELECT count(*) FROM attest_data.presence WHERE slot_id = :'two') AS events_of_two;
SELECT encode(attest.list_digest(:'one'), 'hex') AS seen \gset
SELECT outcome, code FROM attest.sync(jsonb_build_object('items', jsonb_build_array(
  jsonb_build_object('kind', 'countersign', 'client_id', '00000000-0000-4000-9000-0000000000c1', 'slot', :'two', 'signature', :'strokes', 'shown', :'seen'),
  jsonb_build_object('kind', 'countersign', 'client_id', '00000000-0000-4000-9000-0000000000c2', 'slot', :'one', 'signature', :'strokes', 'shown', :'seen'),
  jsonb_build_object('kind', 'countersign', 'slot', :'one')))) ORDER BY item;
SAVEPOINT a; SELECT attest.sync('[]'); ROLLBACK TO a;
SAVEPOINT a; SELECT count(*) FROM attest.sync((SELECT jsonb_build_object('items', jsonb_agg(n)) FROM generate_series(1, 1001) n)); ROLLBACK TO a;
COMMIT;

-- A document for lateness leaves the minutes attended: only who was not there is justified instead (B.3). Evidence and
-- countersignature stay, too. A second session, so that its totals are only of this.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'Grounds', '2025-01-01', '2025-12-31') AS grounds \gset
SELECT attest.enrol(:'grounds', p::uuid) IS NOT NULL AS enrolled FROM (VALUES (:'r1'), (:'r2'), (:'r3'), (:'r4'), (:'r5')) v (p);
SELECT attest.plan_slot(:'grounds', '2025-06-16 09:00+02', '2025-06-16 12:30+02') AS ground \gset
SELECT attest.assign_trainer(:'ground', :'tina');
SELECT attest.sign(:'ground', :'r1', :'strokes', claimed_at => '2025-06-16 09:20+02') IS NOT NULL AS late, attest.sign(:'ground', :'r2', :'strokes', claimed_at => '2025-06-16 12:30+02') IS NOT NULL AS at_the_end,
  attest.record_presence(:'ground', :'r3', 'left_early', 'a train', 180) IS NOT NULL AS left_early, attest.record_presence(:'ground', :'r4', 'exempted', 'has the certificate') IS NOT NULL AS exempted;
COMMIT;
BEGIN; SELECT attest.enter(:'trainer') \g /dev/null
SELECT attest.countersign(:'ground', :'strokes') IS NOT NULL AS countersigned;
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
CREATE TEMP TABLE paper ON COMMIT DROP AS SELECT attest.submit_justification(:'ground', p::uuid, 'transport', '\x25504446') AS id FROM (VALUES (:'r1'), (:'r2'), (:'r3'), (:'r4'), (:'r5')) v (p);
SELECT attest.decide_justification(id, true, 'a strike') IS NOT NULL AS accepted FROM paper;
SELECT * FROM pg_temp.board(:'ground');
SELECT p.reference, r.status, j.accepted, r.signed, r.countersigned FROM attest.presences r JOIN attest.people p USING (person_id) JOIN attest.justifications j USING (slot_id, person_id)
WHERE r.slot_id = :'ground' ORDER BY p.reference;
SELECT p.reference, attest.status_name(e.status) AS status, e.minutes_attended, e.justification_id IS NOT NULL AS document, attest.unseal(e.reason, e.person_id, 'presence.reason') AS reason
FROM attest_data.presence e JOIN attest.people p USING (person_id) WHERE e.slot_id = :'ground' AND e.method = 'justification' ORDER BY p.reference;
-- An exemption weighs on no rate (B.3): neither due nor missed, and it puts nobody out of reach.
SELECT p.reference, t.minutes_planned AS planned, t.minutes_due AS due, t.minutes_attended AS attended, t.minutes_counted AS counted, t.rate FROM attest.learner_totals t JOIN attest.people p USING (person_id)
WHERE t.session_id = :'grounds' ORDER BY p.reference;
SELECT attest.plan_slot(:'grounds', '2025-06-17 09:00+02', '2025-06-17 10:00+02') AS ahead \gset
SELECT p.reference, f.minutes_planned AS planned, f.minutes_ahead AS ahead, f.rate, f.best_rate, f.out_of_reach FROM attest.forecast(80) f JOIN attest.people p USING (person_id)
WHERE f.session_id = :'grounds' ORDER BY p.reference;

-- A dispute decides nothing: planned, attended, late and counted stay, under a new rule of the funder too.
SELECT attest.dispute(:'ground', p::uuid, 'no') IS NOT NULL AS disputed FROM (VALUES (:'r1'), (:'r4')) v (p);
SELECT reference, status, planned, attended, counted, late FROM pg_temp.board(:'ground') WHERE reference IN ('Y-1', 'Y-4');
SELECT attest.plan_session(:'course', 'Paid', '2025-01-01', '2025-12-31') AS paid \gset
SELECT attest.enrol(:'paid', :'r4', funder => 'REG') IS NOT NULL AS enrolled;
SELECT attest.plan_slot(:'paid', '2025-06-16 14:00+02', '2025-06-16 17:30+02') AS paid_slot \gset
SELECT attest.record_presence(:'paid_slot', :'r4', 'exempted', 'has the certificate') IS NOT NULL AS exempted, attest.dispute(:'paid_slot', :'r4', 'no') IS NOT NULL AS disputed;
SELECT status, counted FROM pg_temp.board(:'paid_slot');
SELECT attest.set_counting_rule('REG', '2025-01-01', '{present}', '{exempted}', 'agreement', 60) > 0 AS ruled;
SELECT status, counted FROM pg_temp.board(:'paid_slot');
SELECT attest.set_counting_rule('REG', '2025-01-02', '{present}', '{}', 'agreement') > 0 AS ruled;
SELECT status, counted FROM pg_temp.board(:'paid_slot');
-- What is cancelled takes no dispute and no document, and stays as it is.
SELECT attest.submit_justification(:'off', :'r1', 'medical', '\x25504446') AS late_paper \gset
SAVEPOINT a; SELECT attest.dispute(:'off', :'r1', 'I was there'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.decide_justification(:'late_paper', true, 'ill'); ROLLBACK TO a;
SELECT status, planned FROM pg_temp.board(:'off');
COMMIT;

-- A device whose clock is ahead: what the server does afterwards comes after it all the same, and a cancellation always wins.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'codes', now() - interval '3 minutes', now() + interval '3 hours') AS fast \gset
SELECT count(attest.sign(:'fast', p::uuid, :'strokes', claimed_at => now() + interval '4 minutes')) AS signed FROM (VALUES (:'r1'), (:'r2')) v (p);
SELECT attest.record_presence(:'fast', :'r1', 'absent', 'somebody else signed') IS NOT NULL AS corrected, attest.dispute(:'fast', :'r2', 'it was not me') IS NOT NULL AS disputed;
SELECT reference, status, method FROM pg_temp.board(:'fast');
SELECT attest.record_presence(:'fast', :'r1', 'partial', 'came back', 0, now() + interval '4 minutes 30 seconds') IS NOT NULL AS claimed_later;
SELECT attest.submit_justification(:'fast', :'r2', 'medical', '\x25504446') AS fast_paper \gset
SELECT attest.record_presence(:'fast', :'r2', 'absent', 'it was another') IS NOT NULL AS absent, attest.decide_justification(:'fast_paper', true, 'ill') IS NOT NULL AS justified;
SELECT reference, status, method FROM pg_temp.board(:'fast');
SELECT attest.cancel_slot(:'fast', 'fire alarm') AS people;
SELECT reference, status, planned, method FROM pg_temp.board(:'fast');
ROLLBACK;

-- Back after a withdrawal, with another funder: what was recorded on those days goes with the person, and what the
-- withdrawal had cancelled is expected again.
CREATE FUNCTION pg_temp.slots(session uuid) RETURNS TABLE (day date, status text, planned int, counted int, method text, funder text, since date, until date)
LANGUAGE sql AS $$ SELECT r.day, r.status, r.minutes_planned, r.minutes_counted, r.method, f.code, e.since, e.until
FROM attest.presences r JOIN attest_data.enrolment e USING (enrolment_id) JOIN attest_data.funder f USING (funder_id) WHERE r.session_id = session ORDER BY r.day $$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'Back', '2025-01-01', '2025-12-31') AS back \gset
SELECT attest.enrol(:'back', :'r2', funder => 'REG') IS NOT NULL AS enrolled;
SELECT attest.plan_slot(:'back', '2025-06-13 09:00+02', '2025-06-13 12:30+02') AS back1, attest.plan_slot(:'back', '2025-06-17 09:00+02', '2025-06-17 12:30+02') AS back2,
  attest.plan_slot(:'back', '2025-06-18 09:00+02', '2025-06-18 12:30+02') AS back3, attest.plan_slot(:'back', '2025-06-19 09:00+02', '2025-06-19 12:30+02') AS back4 \gset
SELECT attest.record_presence(:'back2', :'r2', 'late', 'a train', 125) IS NOT NULL AS stated, attest.cancel_slot(:'back4', 'no heating') AS cancelled;
SELECT attest_internal.attendance_absence_job() > 0 AS absences;
SELECT attest.withdraw(:'back', :'r2', '2025-06-15');
SELECT * FROM pg_temp.slots(:'back');
-- Gone: nobody signs, disputes or records.
SAVEPOINT a; SELECT attest.sign(:'back3', :'r2', :'strokes', claimed_at => '2025-06-18 09:00+02'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.dispute(:'back3', :'r2', 'no'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.record_presence(:'back3', :'r2', 'present', 'x'); ROLLBACK TO a;
SELECT attest.enrol(:'back', :'r2', '2025-06-16', funder => 'OPCO') IS NOT NULL AS came_back;
SELECT * FROM pg_temp.slots(:'back');
-- Gone once more, before anything happened; and back.
SELECT attest.withdraw(:'back', :'r2', '2025-06-16');
SELECT * FROM pg_temp.slots(:'back') WHERE day > '2025-06-16';
SELECT attest.enrol(:'back', :'r2', '2025-06-17', funder => 'OPCO') IS NOT NULL AS came_back;
SELECT attest.sign(:'back3', :'r2', :'strokes', claimed_at => '2025-06-18 09:05+02') IS NOT NULL AS signed;
SELECT * FROM pg_temp.slots(:'back');
SELECT count(*) AS differences FROM attest_internal.total_differences();
COMMIT;

-- A client id stands for one thing: of another slot, person or kind it is refused, not taken for a repetition.
BEGIN; SELECT attest.enter(:'trainer') \g /dev/null
SELECT body AS item FROM pg_temp.day(:'one', '2025-06-10', :'people', :'strokes') WHERE n = 1 \gset
SELECT item, outcome, code, message FROM attest.sync(jsonb_build_object('items', jsonb_build_array(:'item'::jsonb, :'item'::jsonb || jsonb_build_object('slot', :'two'), :'item'::jsonb || jsonb_build_object('person', :'r4'),
  :'item'::jsonb || '{"kind": "record", "status": "present", "reason": "x"}'))) ORDER BY item;
SELECT outcome, code FROM attest.sync(jsonb_build_object('items', jsonb_build_array(
  jsonb_build_object('kind', 'countersign', 'client_id', '00000000-0000-4000-9000-0000000000c2', 'slot', :'two', 'signature', :'strokes'),
  jsonb_build_object('kind', 'countersign', 'client_id', '00000000-0000-4000-9000-0000000000c2', 'slot', :'one', 'signature', :'strokes')))) ORDER BY item;
-- The time of a countersignature is that of the tablet, too.
SELECT outcome, code FROM attest.sync(jsonb_build_object('items', jsonb_build_array(
  jsonb_build_object('kind', 'countersign', 'client_id', '00000000-0000-4000-9000-0000000000c3', 'slot', :'two', 'signature', :'strokes', 'claimed_at', now() + interval '6 minutes'),
  jsonb_build_object('kind', 'countersign', 'client_id', '00000000-0000-4000-9000-0000000000c4', 'slot', :'two', 'signature', :'strokes', 'claimed_at', '2025-06-11T12:05:00+02:00')))) ORDER BY item;
SELECT c.countersigned_at, s.claimed_at, s.received_at > c.countersigned_at AS told_later, (SELECT count(*) > 0 AND bool_and(p.claimed_at = c.countersigned_at) FROM attest_data.presence p
  WHERE p.slot_id = :'two' AND p.method = 'countersignature') AS absences_too
FROM attest_data.countersignature c JOIN attest_data.slot_signature s USING (signature_id) WHERE c.slot_id = :'two';
COMMIT;

-- Notices: nothing of a transaction that still runs; a reader resumes where it was.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_presence(:'two', :'r5', 'present', 'of this transaction') AS own \gset
SELECT count(*) AS own_event_before_commit FROM attest.events_since(NULL, 10000) WHERE presence_id = :'own';
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT kind FROM attest.events_since(NULL, 10000) WHERE presence_id = :'own';
ROLLBACK;
CREATE FUNCTION pg_temp.pages(size int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE at text; seen text[] := '{}'; page text[];
BEGIN
  LOOP
    SELECT array_agg(e."position") INTO page FROM attest.events_since(at, size) e;
    EXIT WHEN page IS NULL;
    seen := seen || page;
    at := page[cardinality(page)];
  END LOOP;
  RETURN seen;
END $$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT pg_temp.pages(7) = pg_temp.pages(10000) AS resumed, cardinality(pg_temp.pages(7)) = (SELECT count(*) FROM attest_data.event_outbox WHERE tenant_id = attest.current_tenant()) AS all_told;
SAVEPOINT a; SELECT attest.events_since('rubbish'); ROLLBACK TO a;
SAVEPOINT a; SELECT attest.events_since('1:5:00000000-0000-0000-0000-000000000000'); ROLLBACK TO a;
COMMIT;
-- A learner is told of herself only.
BEGIN; SELECT attest.enter(:'ada') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT bool_and(person_id = :'r1') AS own_only, count(*) > 3 AS some FROM attest.events_since(NULL, 10000);
COMMIT;

-- Notices are kept for a week. Who read them all may go on from there; a position after which some are gone is refused,
-- for the people that the reader sees.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT e."position" AS last FROM attest.events_since(NULL, 10000) WITH ORDINALITY e ("position", kind, slot_id, person_id, presence_id, at, n) ORDER BY n DESC LIMIT 1 \gset
SELECT e."position" AS early FROM attest.events_since(NULL, 10000) e WHERE person_id = :'r1' LIMIT 1 \gset
COMMIT;
BEGIN; SELECT attest.enter(:'ada') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT (array_agg(e."position"))[count(*)] AS ada_last FROM attest.events_since(NULL, 10000) e \gset
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
UPDATE attest_data.event_outbox SET at = at - interval '8 days' WHERE tenant_id = attest.current_tenant();
SELECT attest.record_presence(:'one', :'r5', 'present', 'of today') IS NOT NULL AS today;
SELECT attest_internal.attendance_purge_job() > 0 AS gone;
SELECT count(*) AS kept FROM attest_data.event_outbox WHERE tenant_id = attest.current_tenant();
SELECT attest_internal.attendance_purge_job() AS none;
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT kind FROM attest.events_since(:'last');
SELECT kind FROM attest.events_since(NULL);
\set VERBOSITY default
SAVEPOINT a; SELECT attest.events_since(:'early'); ROLLBACK TO a;
\set VERBOSITY terse
COMMIT;
-- What others missed is no matter to Ada, who read all of hers.
BEGIN; SELECT attest.enter(:'ada') \g /dev/null
SET LOCAL ROLE attest_app;
SELECT :'ada_last' <> :'last' AS others_since, (SELECT count(*) FROM attest.events_since(:'ada_last')) AS news;
SAVEPOINT a; SELECT attest.events_since(:'early'); ROLLBACK TO a;
COMMIT;

-- Two records of one person: of the days of both the kept one's funder pays, and its rule counts; of the others, who paid
-- before. What a withdrawal cancelled says nothing beside the other record.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender\nY-7,learner,Sept,Gil,M\nY-8,learner,Sept,Gilles,M\nY-10,learner,Dix,Hal,M\nY-11,learner,Dix,Halle,M\n');
SELECT max(person_id::text) FILTER (WHERE reference = 'Y-7') AS r7, max(person_id::text) FILTER (WHERE reference = 'Y-8') AS r8,
  max(person_id::text) FILTER (WHERE reference = 'Y-10') AS r10, max(person_id::text) FILTER (WHERE reference = 'Y-11') AS r11 FROM attest.people \gset
SELECT count(attest.add_funder(f, f, 'other')) FROM unnest('{MA,MB,MC}'::text[]) f;
SELECT attest.set_counting_rule('MA', '2025-01-01', '{late}', '{}', 'agreement', 60) > 0 AS a, attest.set_counting_rule('MB', '2025-01-01', '{}', '{late}', 'agreement') > 0 AS b;
SELECT attest.plan_session(:'course', 'Twice', '2025-09-01', '2025-09-30') AS twice \gset
SELECT count(attest.enrol(:'twice', person::uuid, since::date, until::date, funder)) FROM (VALUES (:'r7', '2025-09-01', '2025-09-10', 'MA'),
  (:'r7', '2025-09-11', '2025-09-20', 'MB'), (:'r8', '2025-09-05', '2025-09-25', 'MC'), (:'r8', '2025-09-26', '2025-09-30', 'MA')) e (person, since, until, funder);
SELECT count(attest.plan_slot(:'twice', day + time '09:00', day + time '12:30')) FROM unnest('{2025-09-03,2025-09-05,2025-09-12,2025-09-22,2025-09-29}'::date[]) day;
SELECT count(attest.record_presence(r.slot_id, r.person_id, 'late', 'seen', 100)) FROM attest.presences r
WHERE r.session_id = :'twice' AND (r.person_id = :'r8' AND r.day <> '2025-09-12' OR r.person_id = :'r7' AND r.day = '2025-09-12');
SELECT attest.plan_session(:'course', 'Left', '2025-10-01', '2025-10-31') AS left_early \gset
SELECT attest.enrol(:'left_early', :'r10') IS NOT NULL AS enrolled;
SELECT count(attest.plan_slot(:'left_early', day + time '09:00', day + time '12:30')) FROM unnest('{2025-10-06,2025-10-20,2025-10-27}'::date[]) day;
SELECT attest_internal.attendance_absence_job() > 0 AS absences;
SELECT attest.withdraw(:'left_early', :'r10', '2025-10-10');
SELECT attest.enrol(:'left_early', :'r11') IS NOT NULL AS enrolled_again;
SELECT attest.sign(slot_id, person_id, :'strokes', claimed_at => '2025-10-20 09:05+02') IS NOT NULL AS signed FROM attest.presences WHERE person_id = :'r11' AND day = '2025-10-20';
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.merge_people(:'r7', :'r8', 'registered twice') -> 'settled' ->> 'attendance' AS settled, attest.merge_people(:'r10', :'r11', 'registered twice') -> 'settled' ->> 'attendance' AS settled_2;
SELECT * FROM pg_temp.slots(:'twice');
SELECT f.code, e.since, e.until FROM attest_data.enrolment e JOIN attest_data.funder f USING (funder_id) WHERE e.session_id = :'twice' ORDER BY e.since;
SELECT code, minutes_planned AS planned, minutes_attended AS attended, minutes_counted AS counted FROM attest.funder_totals WHERE code IN ('MA', 'MB', 'MC') ORDER BY code;
SELECT r.day, r.status, r.minutes_planned AS planned, r.method, r.signed, e.since, e.until, e.withdrawn_at FROM attest.presences r JOIN attest_data.enrolment e USING (enrolment_id)
WHERE r.session_id = :'left_early' ORDER BY r.day;
SELECT count(*) AS differences FROM attest_internal.total_differences();
ROLLBACK;

-- A slot is cancelled for who was erased, too: without the reason, which nothing seals any more.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'Erased', '2025-11-01', '2025-11-30') AS erased \gset
SELECT attest.enrol(:'erased', p::uuid) IS NOT NULL AS enrolled FROM (VALUES (:'r7'), (:'r3')) v (p);
SELECT attest.plan_slot(:'erased', '2025-11-03 09:00', '2025-11-03 10:00') AS of_erased \gset
SELECT attest_internal.anonymise_person(:'r7', 'test') IS NOT NULL AS erased_person;
SELECT attest.cancel_slot(:'of_erased', 'no heating') AS people;
SELECT p.status = 10 AS cancelled, attest.unseal(p.reason, p.person_id, 'presence.reason') AS reason FROM attest_data.presence p WHERE p.slot_id = :'of_erased' ORDER BY 2;
ROLLBACK;

-- Out of reach is judged exactly, not as shown: two of three slots are less than 66.7 % (mod_attendance#718).
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_session(:'course', 'Thirds', '2025-11-01', '2025-11-30') AS thirds \gset
SELECT attest.enrol(:'thirds', :'r3') IS NOT NULL AS enrolled;
SELECT count(attest.plan_slot(:'thirds', day + time '09:00', day + time '10:00')) FROM unnest('{2025-11-03,2025-11-04,2025-11-05}'::date[]) day;
SELECT count(attest.record_presence(slot_id, person_id, CASE day WHEN '2025-11-03' THEN 'absent' ELSE 'present' END, 'seen')) FROM attest.presences WHERE session_id = :'thirds';
SELECT threshold, f.best_rate, f.out_of_reach FROM unnest('{66.6,66.7}'::numeric[]) threshold CROSS JOIN LATERAL attest.forecast(threshold) f WHERE f.session_id = :'thirds' ORDER BY 1;
-- In two places at once is also who was recorded there without a signature.
SELECT attest.plan_session(:'course', 'Elsewhere', '2025-11-01', '2025-11-30') AS elsewhere \gset
SELECT attest.enrol(:'elsewhere', :'r3') IS NOT NULL AS enrolled;
SELECT attest.plan_slot(:'elsewhere', '2025-11-04 09:30', '2025-11-04 12:00') AS same_time, attest.plan_slot(:'elsewhere', '2025-11-03 09:30', '2025-11-03 12:00') AS while_absent \gset
SELECT attest.record_presence(:'same_time', :'r3', 'present', 'on paper', method => 'paper') IS NOT NULL AS on_paper,
  attest.sign(:'while_absent', :'r3', :'strokes', claimed_at => '2025-11-03 09:30') IS NOT NULL AS signed;
SELECT s.title, f.reason FROM attest.presence_flags f JOIN attest.presences r USING (presence_id) JOIN attest_data.session s ON s.session_id = r.session_id
WHERE f.flag = 'TWO_PLACES' AND r.session_id IN (:'thirds', :'elsewhere') ORDER BY 1;
ROLLBACK;

-- --- tallies: in and out, every received value checked ---
SELECT attest.tally_of(2::smallint, 210, 198, 195, 12, true, true) AS late, attest.tally_of(8::smallint, 60, 0, 60) AS exempted, attest.tally_of(0::smallint, 30, NULL, NULL) AS expected,
  attest.tally_of(NULL, 210, 0, 0) IS NULL AS nothing;
SELECT attest.tally_of(12::smallint, 1, 1, 1);
SELECT 'slots=1'::attest.tally;
SELECT 'slots=1 asleep=1'::attest.tally;
CREATE TEMP TABLE tallies (n int, t attest.tally);
CREATE TEMP TABLE again (LIKE tallies);
INSERT INTO tallies SELECT s.code, attest.tally_of(s.code, 210, 100 + s.code, 90, s.code, s.code = 1, s.code = 2) FROM attest.presence_statuses() s;
INSERT INTO tallies VALUES (20, 'slots=0'), (21, 'slots=9223372036854775807 late=9223372036854775807 late_minutes=-9223372036854775808'), (22, NULL);
SELECT current_setting('data_directory') || '/../attendance_tallies' AS file \gset
COPY tallies TO :'file' (FORMAT binary);
COPY again FROM :'file' (FORMAT binary);
SELECT count(*) FILTER (WHERE a.t OPERATOR(attest.=) b.t AND a.t::text = b.t::text AND a.t::text::attest.tally OPERATOR(attest.=) a.t) AS the_same, count(*) FILTER (WHERE a.t IS NULL AND b.t IS NULL) AS none,
  max(length(attest_internal.tally_send(a.t))) AS bytes FROM tallies a JOIN again b USING (n);
-- Of another version, and whose slots are not the sum of the statuses: refused. The file, from the header of 19 bytes on: a row of one field.
CREATE FUNCTION pg_temp.receive(version int, slots int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  file text := current_setting('data_directory') || '/../attendance_tally';
  value bytea := set_byte(set_byte(attest_internal.tally_send(attest.tally_of(1::smallint, 210, 210, 210)), 1, version), 9, slots);
  large oid;
BEGIN
  large := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000' || int2send(1::int2) || int4send(length(value)) || value || int2send((-1)::int2));
  PERFORM lo_export(large, file), lo_unlink(large);
  CREATE TEMP TABLE received (t attest.tally) ON COMMIT DROP;
  EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
  RETURN (SELECT t FROM received);
EXCEPTION WHEN OTHERS THEN
  RETURN SQLERRM;
END $$;
SELECT pg_temp.receive(1, 1) AS whole;
SELECT pg_temp.receive(2, 1) AS version, pg_temp.receive(1, 2) AS sum;
-- Adding up and taking away.
SELECT a OPERATOR(attest.+) b AS sum, a OPERATOR(attest.+) b OPERATOR(attest.-) b OPERATOR(attest.=) a AS back, a OPERATOR(attest.-) b AS difference, a OPERATOR(attest.<>) b AS unlike
FROM (SELECT attest.tally_of(2::smallint, 210, 198, 195, 12, true), attest.tally_of(5::smallint, 180, 0, 0)) v (a, b);
SELECT 'slots=9223372036854775807 late=9223372036854775807'::attest.tally OPERATOR(attest.+) 'slots=1 late=1';
SELECT 'slots=-9223372036854775808 late=-9223372036854775808'::attest.tally OPERATOR(attest.-) 'slots=1 late=1';
-- What each accessor reads, over one slot of each status.
SELECT attest.slots(t) AS slots, attest.minutes_planned(t) AS planned, attest.minutes_due(t) AS due, attest.minutes_ahead(t) AS ahead, attest.minutes_attended(t) AS attended, attest.minutes_counted(t) AS counted,
  attest.minutes_late(t) AS late, attest.signatures(t) AS signatures, attest.countersigned_slots(t) AS countersigned, attest.presences(t) AS presences, attest.absences(t) AS absences, attest.rate(t) AS rate,
  attest.slots(t, 'disputed') AS disputed
FROM (SELECT attest.merge_tally(t) FROM tallies WHERE n < 20) v (t);
SELECT attest.slots('slots=0'::attest.tally, 'asleep');
SELECT attest.rate('slots=0') IS NULL AS no_rate, attest.merge_tally(NULL) AS no_tallies;
SELECT s.name, attest.presences(t) AS presences, attest.absences(t) AS absences, attest.minutes_due(t) AS due, attest.minutes_ahead(t) AS ahead
FROM attest.presence_statuses() s CROSS JOIN LATERAL attest.tally_of(s.code, 10, 0, 0) t ORDER BY s.code;
-- In parallel the same as alone.
CREATE TABLE public.tally_slot AS SELECT (n % 12)::smallint AS status, n % 400 AS planned, n % 300 AS attended, n % 250 AS counted, n % 60 AS late, n % 3 = 0 AS signed, n % 5 = 0 AS countersigned FROM generate_series(1, 60000) n;
ANALYZE public.tally_slot;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query; END $$;
\set query 'SELECT attest.tally_presence(status, planned, attended, counted, late, signed, countersigned) AS of_slots, attest.merge_tally(attest.tally_of(status, planned, attended, counted, late, signed, countersigned)) AS of_tallies FROM public.tally_slot'
SELECT count(*) AS partial FROM pg_temp.plan(:'query') p WHERE p ~ 'Partial Aggregate';
SELECT of_slots AS parallel, of_slots OPERATOR(attest.=) of_tallies AS both FROM (:query) q \gset
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS partial FROM pg_temp.plan(:'query') p WHERE p ~ 'Partial Aggregate';
SELECT of_slots, of_slots OPERATOR(attest.=) :'parallel'::attest.tally AS the_same, :'both'::boolean AS both FROM (:query) q;
SELECT attest.slots(of_slots) = count AS slots, attest.minutes_attended(of_slots) = attended AS attended, attest.minutes_late(of_slots) = late AS late, attest.signatures(of_slots) = signed AS signatures
FROM (:query) q, (SELECT count(*), sum(attended) AS attended, sum(late) AS late, count(*) FILTER (WHERE signed) AS signed FROM public.tally_slot) c;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE public.tally_slot;

-- A day later on the clock of the place, whatever that of the session; hours are hours.
SET TimeZone = 'UTC';
SELECT attest_internal.instant_after('2026-10-24 12:00+02', '1 day', 'Europe/Paris') = '2026-10-25 12:00+01' AS day,
  attest_internal.instant_after('2026-10-24 23:30+02', '5 hours', 'Europe/Paris') = '2026-10-25 03:30+01' AS hours,
  attest_internal.instant_after('2026-10-24 12:00+02', '1 day 02:00', 'Europe/Paris') = '2026-10-25 14:00+01' AS both,
  attest_internal.instant_after('2026-10-24 12:00+04', '1 day', 'Indian/Reunion') = '2026-10-25 12:00+04' AS reunion;
RESET TimeZone;
