-- The weekly account of a generated year, against a calculation in plain SQL that counts
-- minute by minute and shares nothing with it: 240 people, 53 ISO weeks, in three zones.
-- Rules: a fifth of the duration a day from Monday to Friday (L5411-6 of the Labour Code,
-- pro rata), overlaps once, local ISO weeks, a week without data unknown.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set ON_ERROR_STOP 1
SET timezone = 'Asia/Tokyo';
SET client_min_messages = warning;
SELECT plan(15);

-- A ticket keeps temporary tables as they are: what is expected goes into ordinary ones.
CREATE SCHEMA year;
SET search_path = year, public;
-- A sequence that is the same on every run.
CREATE TABLE noise AS SELECT n, ('x' || substr(md5('followup' || n), 1, 7))::bit(28)::int AS x FROM generate_series(1, 60000) n;
CREATE UNIQUE INDEX ON noise (n);
CREATE FUNCTION year.noise(at int, below int) RETURNS int LANGUAGE sql AS $$ SELECT x % below FROM noise WHERE n = at % 60000 + 1 $$;
CREATE TABLE expected_activity (zone text, person_id uuid, starts_at timestamptz, day date, minutes int, source text);
CREATE TABLE expected_pending (zone text, person_id uuid, day date, minutes int);
CREATE TABLE expected_day (zone text, person_id uuid, day date, fifths int);
CREATE TABLE ticket (zone text, code text, ticket text);

CREATE TABLE slot_of (zone text, i int, slot uuid, at timestamptz);

-- People, slots and enrolments: a transaction of their own, since in one that changes rights every look at a row asks anew.
CREATE PROCEDURE year.make_base(tenant_zone text) LANGUAGE plpgsql AS $$
DECLARE
  session uuid;
  at timestamptz;
BEGIN
  PERFORM attest.import_people(E'reference,profile,last_name,first_name,gender\n'
    || (SELECT string_agg(format('G-%s,beneficiary,Nom%s,Prénom%s,%s', n, n, n, CASE WHEN n % 2 = 0 THEN 'F' ELSE 'M' END), E'\n') FROM generate_series(1, 80) n));
  PERFORM attest.create_organisation('CD', 'CD', 'departement', '2020-01-01');
  session := attest.plan_session(attest.create_course('C', 'C', 'integration'), 'Année', '2025-12-29', '2026-11-22');
  -- A slot of three hours and a half every ten days, some across midnight from Sunday to Monday, some across a change of the clock.
  FOR i IN 1..32 LOOP
    at := ('2025-12-29'::date + i * 10)::timestamp AT TIME ZONE tenant_zone + interval '9 hours';
    IF i % 4 = 3 THEN
      at := ('2025-12-28'::date + i * 7)::timestamp AT TIME ZONE tenant_zone + interval '22 hours 30 minutes';
    ELSIF i = 10 THEN
      at := timestamp '2026-03-29 00:30' AT TIME ZONE tenant_zone;
    ELSIF i = 30 THEN
      at := timestamp '2026-10-25 00:30' AT TIME ZONE tenant_zone;
    END IF;
    INSERT INTO slot_of VALUES (tenant_zone, i, attest.plan_slot(session, at, at + interval '3 hours 30 minutes'), at);
  END LOOP;
  PERFORM attest.enrol(session, p.person_id) FROM attest_data.person p
  WHERE p.tenant_id = attest.current_tenant() AND p.reference LIKE 'G-%' AND substr(p.reference, 3)::int % 3 = 0;
END
$$;

CREATE PROCEDURE year.make_contracts(tenant_zone text, person uuid, n int, k int) LANGUAGE plpgsql AS $$
DECLARE
  organisation uuid := (SELECT o.organisation_id FROM attest_data.referent_organisation o WHERE o.tenant_id = attest.current_tenant());
  first_day date := '2025-12-29'::date + year.noise(k, 90);
  weekly int := 900 + year.noise(k + 1, 5) * 60;
  made uuid;
BEGIN
  -- None for some; a renewal, a reduction, an exemption for some.
  IF n % 10 = 0 THEN
    RETURN;
  END IF;
  made := attest.sign_contract(person, organisation, first_day, first_day, '2026-12-31', weekly);
  INSERT INTO expected_day SELECT tenant_zone, person, first_day + d, weekly FROM generate_series(0, '2026-12-31'::date - first_day) d;
  IF n % 10 = 1 THEN
    PERFORM attest.sign_contract(person, organisation, '2026-06-10', '2026-06-17', '2026-09-30', 601, 'health', renews => made);
    UPDATE expected_day SET fifths = 601 WHERE person_id = person AND day BETWEEN '2026-06-17' AND '2026-09-30';
    DELETE FROM expected_day WHERE person_id = person AND day > '2026-09-30';
  END IF;
  IF n % 10 = 2 THEN
    PERFORM attest.record_period(person, 'reduction', 'carer', first_day + 40, first_day + 75, 421);
    UPDATE expected_day SET fifths = 421 WHERE person_id = person AND day BETWEEN first_day + 40 AND first_day + 75;
  END IF;
  IF n % 10 IN (2, 3) THEN
    PERFORM attest.record_period(person, 'exemption', 'health', first_day + 60, first_day + 92, requested_on => first_day);
    UPDATE expected_day SET fifths = 0 WHERE person_id = person AND day BETWEEN first_day + 60 AND first_day + 92;
  END IF;
END
$$;

CREATE PROCEDURE year.make_activities(tenant_zone text, person uuid, k int) LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz; duration int; chance int; made uuid;
BEGIN
  -- None in some weeks. Odd minutes, overlaps, no start on some, corrections and cancellations on some.
  FOR i IN 0..46 LOOP
    CONTINUE WHEN year.noise(k + i, 4) = 0;
    FOR j IN 1..2 LOOP
      at := ('2025-12-29'::date + i * 7)::timestamp AT TIME ZONE tenant_zone + make_interval(mins => year.noise(k + i * 7 + j, 10080));
      duration := 7 + year.noise(k + i * 11 + j, 400);
      chance := year.noise(k + i * 13 + j, 20);
      IF j = 2 AND i % 3 = 0 THEN
        PERFORM attest.record_activity(person, 'job_search', duration, day => '2025-12-29'::date + i * 7 + i % 7);
        INSERT INTO expected_activity VALUES (tenant_zone, person, NULL, '2025-12-29'::date + i * 7 + i % 7, duration, 'activity');
        CONTINUE;
      END IF;
      made := attest.record_activity(person, 'workshop', duration, at);
      IF chance = 0 THEN
        PERFORM attest.cancel_record('activity', made, 'never');
      ELSIF chance = 1 THEN
        PERFORM attest.record_activity(person, 'workshop', duration + 31, at, corrects => made, reason => 'longer');
        INSERT INTO expected_activity VALUES (tenant_zone, person, at, NULL, duration + 31, 'activity');
      ELSE
        INSERT INTO expected_activity VALUES (tenant_zone, person, at, NULL, duration, 'activity');
      END IF;
    END LOOP;
  END LOOP;
END
$$;

CREATE PROCEDURE year.make_presences(tenant_zone text, person uuid, k int) LANGUAGE plpgsql AS $$
DECLARE
  s slot_of; status text; duration int; local_day date;
BEGIN
  -- Late (there at the end), partly there, absent, present, not recorded: the job makes absences of these, which say nothing.
  FOR s IN SELECT * FROM slot_of o WHERE o.zone = tenant_zone ORDER BY o.i LOOP
    local_day := s.at AT TIME ZONE tenant_zone;
    status := (ARRAY['present', 'late', 'left_early', 'absent', 'none'])[1 + year.noise(k + s.i * 17, 5)];
    duration := CASE status WHEN 'present' THEN 210 WHEN 'absent' THEN 0 ELSE 1 + year.noise(k + s.i * 19, 200) END;
    IF status = 'none' THEN
      INSERT INTO expected_pending VALUES (tenant_zone, person, local_day, 210);
      CONTINUE;
    END IF;
    PERFORM attest.record_presence(s.slot, person, status, 'generated', duration);
    INSERT INTO expected_activity VALUES (tenant_zone, person, CASE WHEN duration = 0 THEN NULL
      WHEN status = 'late' THEN s.at + make_interval(mins => 210 - duration) ELSE s.at END, local_day, duration, 'attendance');
  END LOOP;
END
$$;

CREATE PROCEDURE year.make_year(tenant_zone text, seed int) LANGUAGE plpgsql AS $$
DECLARE
  p record;
BEGIN
  FOR p IN SELECT person_id, substr(reference, 3)::int AS n FROM attest_data.person
    WHERE tenant_id = attest.current_tenant() AND reference LIKE 'G-%' ORDER BY 2 LOOP
    CALL year.make_contracts(tenant_zone, p.person_id, p.n, seed + p.n * 500);
    CALL year.make_activities(tenant_zone, p.person_id, seed + p.n * 500);
    IF p.n % 3 = 0 THEN
      CALL year.make_presences(tenant_zone, p.person_id, seed + p.n * 500);
    END IF;
  END LOOP;
  PERFORM attest_internal.attendance_absence_job();
END
$$;

SELECT attest.create_tenant('y1', 'Y', 'departement', 'Europe/Paris'), attest.create_tenant('y2', 'Y', 'departement', 'Indian/Reunion'),
  attest.create_tenant('y3', 'Y', 'departement', 'America/Guadeloupe') \g /dev/null
INSERT INTO ticket SELECT z, c, attest.issue_ticket(c, 'boss') FROM (VALUES ('Europe/Paris', 'y1'), ('Indian/Reunion', 'y2'), ('America/Guadeloupe', 'y3')) v (z, c)
WHERE attest.create_account(c, 'boss', 'manager') IS NOT NULL;
CREATE TABLE account (zone text, person_id uuid, week date, state text, minutes int, training int, commitment int, low boolean, pending int);
CREATE TABLE alert (zone text, person_id uuid, since date, until date);
CREATE TABLE report (zone text, people int, weeks int, weeks_unknown int, weeks_low int, minutes int, commitment int);

\set fill 'INSERT INTO account SELECT current_setting(''test.zone''), person_id, week, state, minutes, training, commitment, low, pending FROM attest.weekly_account(NULL, ''2025-12-29'', ''2026-12-31'', ''2026-11-25''); INSERT INTO alert SELECT current_setting(''test.zone''), person_id, since, until FROM attest.followup_alerts(NULL, ''2026-11-25'') WHERE code = ''LOW_WEEKS''; INSERT INTO report SELECT current_setting(''test.zone''), people, weeks, weeks_unknown, weeks_low, minutes, commitment FROM attest.followup_report(''2026-01-05'', ''2026-10-25'', ''all'');'
SELECT ticket AS t1 FROM ticket WHERE code = 'y1' \gset
SELECT ticket AS t2 FROM ticket WHERE code = 'y2' \gset
SELECT ticket AS t3 FROM ticket WHERE code = 'y3' \gset
BEGIN; SELECT attest.enter(:'t1') \g /dev/null
CALL year.make_base('Europe/Paris');
COMMIT;
BEGIN; SELECT attest.enter(:'t1') \g /dev/null
CALL year.make_year('Europe/Paris', 1);
COMMIT;
BEGIN; SET LOCAL test.zone = 'Europe/Paris'; SELECT attest.enter(:'t1') \g /dev/null
:fill
COMMIT;
BEGIN; SELECT attest.enter(:'t2') \g /dev/null
CALL year.make_base('Indian/Reunion');
COMMIT;
BEGIN; SELECT attest.enter(:'t2') \g /dev/null
CALL year.make_year('Indian/Reunion', 20000);
COMMIT;
BEGIN; SET LOCAL test.zone = 'Indian/Reunion'; SELECT attest.enter(:'t2') \g /dev/null
:fill
COMMIT;
BEGIN; SELECT attest.enter(:'t3') \g /dev/null
CALL year.make_base('America/Guadeloupe');
COMMIT;
BEGIN; SELECT attest.enter(:'t3') \g /dev/null
CALL year.make_year('America/Guadeloupe', 40000);
COMMIT;
BEGIN; SET LOCAL test.zone = 'America/Guadeloupe'; SELECT attest.enter(:'t3') \g /dev/null
:fill
COMMIT;

-- --- the same, minute by minute ---
CREATE TABLE minute AS
SELECT e.zone, e.person_id, e.source, e.starts_at + make_interval(mins => m) AS at
FROM expected_activity e CROSS JOIN LATERAL generate_series(0, e.minutes - 1) m WHERE e.starts_at IS NOT NULL;
CREATE TABLE expected AS
WITH timed AS (
  SELECT zone, person_id, to_char(at AT TIME ZONE zone, 'IYYY-IW') AS week, count(DISTINCT at) AS minutes,
    count(DISTINCT at) FILTER (WHERE source = 'attendance') AS training
  FROM minute GROUP BY 1, 2, 3
), untimed AS (
  SELECT zone, person_id, to_char(day, 'IYYY-IW') AS week, sum(minutes) AS minutes FROM expected_activity WHERE starts_at IS NULL GROUP BY 1, 2, 3
), pending AS (
  SELECT zone, person_id, to_char(day, 'IYYY-IW') AS week, sum(minutes) AS minutes FROM expected_pending GROUP BY 1, 2, 3
), slot_day AS (
  -- Whoever comes to a slot of Sunday evening after midnight was recorded in that week, with nothing.
  SELECT DISTINCT zone, person_id, to_char(day, 'IYYY-IW') AS week, true AS recorded FROM expected_activity WHERE source = 'attendance'
), promised AS (
  SELECT zone, person_id, to_char(day, 'IYYY-IW') AS week, floor(sum(fifths) / 5.0)::int AS commitment
  FROM expected_day WHERE extract(dow FROM day) BETWEEN 1 AND 5 GROUP BY 1, 2, 3
)
SELECT zone, person_id, week, timed.minutes IS NOT NULL OR untimed.minutes IS NOT NULL OR slot_day.recorded IS NOT NULL AS recorded,
  coalesce(timed.minutes, 0) + coalesce(untimed.minutes, 0) AS minutes, coalesce(timed.training, 0) AS training, promised.commitment,
  coalesce(pending.minutes, 0) AS pending
FROM timed FULL JOIN untimed USING (zone, person_id, week) FULL JOIN pending USING (zone, person_id, week) FULL JOIN promised USING (zone, person_id, week)
  FULL JOIN slot_day USING (zone, person_id, week);

SELECT is((SELECT count(DISTINCT person_id)::int FROM account), 240, '240 people have an account');
SELECT cmp_ok((SELECT count(*)::int FROM minute), '>', 1000000, 'over a million minutes were counted one by one');
SELECT is((SELECT count(DISTINCT week)::int FROM account), 53, '53 ISO weeks');
SELECT cmp_ok((SELECT count(*)::int FROM attest_data.presence WHERE method = 'automatic' AND person_id IN (SELECT person_id FROM account)), '>', 300,
  'many absences were made by the job');
SELECT ok((SELECT count(*) > 30 FROM minute a JOIN minute b USING (zone, person_id, at) WHERE a.source < b.source), 'some training overlaps an activity');
SELECT is((SELECT count(*)::int FROM account a FULL JOIN expected e ON e.person_id = a.person_id AND e.week = to_char(a.week, 'IYYY-IW')
  WHERE a.person_id IS NULL OR e.person_id IS NULL), 0, 'the same people and weeks');
SELECT is((SELECT count(*)::int FROM account a JOIN expected e ON e.person_id = a.person_id AND e.week = to_char(a.week, 'IYYY-IW')
  WHERE a.state <> 'running' AND (a.state = 'recorded') IS DISTINCT FROM e.recorded), 0, 'a week is recorded, or unknown, where it should be');
SELECT is((SELECT count(*)::int FROM account a JOIN expected e ON e.person_id = a.person_id AND e.week = to_char(a.week, 'IYYY-IW')
  WHERE a.minutes IS DISTINCT FROM CASE WHEN e.recorded THEN e.minutes END), 0, 'minutes are equal, to the minute; unknown is never zero');
SELECT is((SELECT count(*)::int FROM account a JOIN expected e ON e.person_id = a.person_id AND e.week = to_char(a.week, 'IYYY-IW')
  WHERE a.training IS DISTINCT FROM CASE WHEN e.recorded THEN e.training END), 0, 'so are those of training');
SELECT is((SELECT count(*)::int FROM account a JOIN expected e ON e.person_id = a.person_id AND e.week = to_char(a.week, 'IYYY-IW')
  WHERE a.commitment IS DISTINCT FROM e.commitment OR a.pending <> e.pending), 0, 'so are commitments, and minutes not recorded yet');
SELECT is((SELECT count(*)::int FROM account a JOIN expected e ON e.person_id = a.person_id AND e.week = to_char(a.week, 'IYYY-IW')
  WHERE a.low IS DISTINCT FROM CASE WHEN e.recorded AND a.state <> 'running' AND e.commitment > 0 THEN e.minutes + e.pending < e.commitment END), 0, 'a low week is one in both');
SELECT cmp_ok((SELECT count(*)::int FROM account WHERE low), '>', 300, 'and there are some');
-- Alerts: a low week whose neighbour is low too, of the thirteen before the day.
CREATE TABLE low AS SELECT a.zone, a.person_id, a.week FROM account a WHERE a.low AND a.week BETWEEN date '2026-11-23' - 91 AND date '2026-11-22';
SELECT is((SELECT sum((until + 1 - since) / 7)::int FROM alert), (SELECT count(*)::int FROM low l WHERE EXISTS (SELECT FROM low n
  WHERE n.person_id = l.person_id AND n.week IN (l.week - 7, l.week + 7))), 'alerts cover the low weeks that have a low neighbour, and no other');
SELECT cmp_ok((SELECT count(*)::int FROM alert), '>', 10, 'and there are some');
SELECT is((SELECT jsonb_agg(jsonb_build_array(zone, weeks, weeks_unknown, weeks_low, minutes, commitment) ORDER BY zone) FROM report),
  (SELECT jsonb_agg(s ORDER BY s -> 0) FROM (SELECT jsonb_build_array(zone, count(*), count(*) FILTER (WHERE NOT recorded),
      count(*) FILTER (WHERE recorded AND minutes + pending < commitment), sum(minutes) FILTER (WHERE recorded), sum(commitment) FILTER (WHERE recorded)) AS s
    FROM expected e WHERE week BETWEEN '2026-02' AND '2026-43' AND EXISTS (SELECT FROM expected_day d WHERE d.person_id = e.person_id AND d.day <= '2026-10-25')
    GROUP BY zone) x), 'the report of the period has the same totals');
SELECT * FROM finish();
RESET search_path;
DROP SCHEMA year CASCADE;
