-- followup: the weekly account, deadlines, alerts.
-- What these functions call is estimated at a thousand rows each: compiling such a plan
-- would take longer than running it, hence jit = off.

CREATE FUNCTION attest_internal.account_weeks(who uuid, first_week date, last_week date, today date,
  OUT person_id uuid, OUT week date, OUT state text, OUT minutes int, OUT training int, OUT commitment int, OUT pending int, OUT circumstances text[]
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH setting AS MATERIALIZED (
    SELECT attest_internal.followup_setting('zone') AS zone, attest_internal.followup_setting('weekly_minutes')::int AS weekly_minutes
  ),
  holidays AS (
    SELECT DISTINCT attest_internal.week_of(first_week + n) AS week
    FROM setting CROSS JOIN generate_series(0, last_week - first_week + 6) n
    WHERE n % 7 < 5 AND attest.holiday(first_week + n, setting.zone) IS NOT NULL
  )
  SELECT person_id, week,
    CASE WHEN week + 7 > today THEN 'running' WHEN coalesce(m.recorded, false) THEN 'recorded' ELSE 'unknown' END,
    m.minutes, m.training, c.commitment, coalesce(m.pending, 0),
    array_remove(ARRAY[
      CASE WHEN c.leave_days > 0 THEN 'leave' END, CASE WHEN c.exempt_days > 0 THEN 'exempted' END,
      CASE WHEN c.reduced_days > 0 OR c.commitment * 5 < c.days * setting.weekly_minutes AND c.exempt_days = 0 THEN 'reduced' END,
      CASE WHEN c.days < 5 THEN 'part_of_week' END, CASE WHEN h.week IS NOT NULL THEN 'public_holiday' END], NULL)
  FROM attest_internal.week_minutes(who, first_week, last_week, today) m
  FULL JOIN attest_internal.week_commitments(who, first_week, last_week) c USING (person_id, week)
  LEFT JOIN holidays h USING (week)
  CROSS JOIN setting
$$;
COMMENT ON FUNCTION attest_internal.account_weeks(uuid, date, date, date) IS 'The weeks of attest.weekly_account(), before they are judged.';

CREATE FUNCTION attest.weekly_account(
  person uuid DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL, as_of date DEFAULT NULL,
  OUT person_id uuid, OUT week date, OUT iso_week text, OUT state text, OUT minutes int, OUT training int, OUT commitment int,
  OUT low boolean, OUT pending int, OUT circumstances text[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  today date := coalesce(as_of, attest_internal.local_day());
  last_week date := attest_internal.week_of(coalesce(until, today));
  first_week date := attest_internal.week_of(coalesce(since, last_week - 84));
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor,beneficiary,learner,dpo,analyst');
  IF (last_week - first_week BETWEEN 0 AND 3660) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since, ten years later at most');
  END IF;
  RETURN QUERY
  SELECT w.person_id, w.week, to_char(w.week, 'IYYY-"W"IW'), w.state, w.minutes, w.training, w.commitment,
    CASE WHEN w.state = 'recorded' AND w.commitment > 0 THEN w.minutes + w.pending < w.commitment END, w.pending, w.circumstances
  FROM attest_internal.account_weeks(weekly_account.person, first_week, last_week, today) w
  ORDER BY w.person_id, w.week;
END
$$;
COMMENT ON FUNCTION attest.weekly_account(uuid, date, date, date) IS
'Account of one person, or of all whom the profile sees, by ISO week of the tenant''s local time, whole weeks, by default the last thirteen before as_of (today). state: running, recorded, unknown (nothing was recorded: minutes are NULL, never 0). minutes: done, attended training included, overlaps counted once; training: the part from attendance; commitment: a fifth of the weekly duration for each day from Monday to Friday on which a contract runs and no exemption, NULL without contract; pending: minutes planned and not recorded. low: recorded, and even the pending minutes would not reach the commitment; NULL where nothing can be said. circumstances: leave, exempted, reduced, part_of_week, public_holiday: a low week with none is unexplained. Facts to look at, never a sanction. Source: L5411-6 of the Labour Code. For managers, referents, counsellors, the DPO, analysts, and the person.';

CREATE FUNCTION attest_internal.low_runs(who uuid, first_day date, today date, OUT person_id uuid, OUT since date, OUT until date, OUT weeks int, OUT minutes int, OUT commitment int)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Weeks that follow each other have the same number; an unknown week or one with leave is not there, and breaks the series.
  SELECT w.person_id, min(w.week), max(w.week) + 6, count(*)::int, sum(w.minutes)::int, sum(w.commitment)::int
  FROM (SELECT a.*, a.week - 7 * row_number() OVER (PARTITION BY a.person_id ORDER BY a.week)::int AS series
    FROM attest_internal.account_weeks(who, attest_internal.week_of(first_day) - 91, attest_internal.week_of(today), today) a
    WHERE a.state = 'recorded' AND a.commitment > 0 AND a.minutes + a.pending < a.commitment AND NOT 'leave' = ANY (a.circumstances)) w
  GROUP BY w.person_id, w.series
  HAVING count(*) >= attest_internal.followup_setting('low_weeks')::int
$$;
COMMENT ON FUNCTION attest_internal.low_runs(uuid, date, date) IS
'Series of consecutive low weeks that were recorded, without leave, that have ended by the last day, from thirteen weeks before the first one on.';

-- --- deadlines ---

CREATE FUNCTION attest_internal.decisions(who uuid, day date, known_at timestamptz,
  OUT person_id uuid, OUT decided_on date, OUT notified_on date, OUT path text, OUT outcome text, OUT vulnerable boolean,
  OUT next_decided_on date, OUT next_oriented_on date
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.person_id, o.decided_on, CASE WHEN o.notified_on <= day THEN o.notified_on END, o.path, o.outcome, o.vulnerable,
    lead(o.decided_on) OVER (PARTITION BY o.person_id ORDER BY o.decided_on, o.recorded_at),
    min(o.decided_on) FILTER (WHERE o.outcome = 'oriented') OVER (PARTITION BY o.person_id ORDER BY o.decided_on, o.recorded_at
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
  FROM attest_internal.orientations_at(who, known_at) o
  WHERE o.decided_on <= day
$$;
COMMENT ON FUNCTION attest_internal.decisions(uuid, date, timestamptz) IS 'Decisions until a day, each with the one that follows it.';

CREATE FUNCTION attest_internal.deadline_rows(who uuid, day date, known_at timestamptz,
  OUT person_id uuid, OUT deadline text, OUT starts_on date, OUT period interval, OUT done_on date, OUT interrupted_on date, OUT source text, OUT note text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH situation AS (SELECT * FROM attest_internal.situations_at(who, day, known_at)),
  decision AS (SELECT * FROM attest_internal.decisions(who, day, known_at)),
  signed AS (SELECT c.person_id, c.signed_on FROM attest_internal.contracts_at(who, known_at) c WHERE c.kind = 'engagement' AND c.signed_on <= day),
  number AS (SELECT d.name, attest_internal.followup_setting(d.name)::int AS n FROM attest_internal.followup_default() d WHERE d.minimum IS NOT NULL)
  SELECT s.person_id, 'registration', s.applied_on, interval '0', CASE WHEN s.registered_on <= day THEN s.registered_on END, NULL::date,
    'Labour Code L5411-1 2°', NULL::text
  FROM situation s WHERE s.applied_on BETWEEN '2025-01-01' AND day AND s.registration_exempt IS NOT TRUE
  UNION ALL
  SELECT s.person_id, 'orientation', s.informed_on, make_interval(weeks => (SELECT n FROM number WHERE name = 'orientation_weeks')),
    (SELECT min(d.decided_on) FROM decision d WHERE d.person_id = s.person_id AND d.outcome = 'oriented' AND d.decided_on >= s.informed_on), NULL,
    'Code of Social Action D262-65-2', 'once it has passed, France Travail decides the orientation'
  FROM situation s WHERE s.informed_on BETWEEN '2025-01-01' AND day
  UNION ALL
  SELECT d.person_id, 'contract', d.notified_on, make_interval(months => (SELECT n FROM number WHERE name = 'contract_months')),
    (SELECT min(c.signed_on) FROM signed c WHERE c.person_id = d.person_id AND c.signed_on >= d.decided_on
      AND c.signed_on < coalesce(d.next_oriented_on, 'infinity')), d.next_oriented_on,
    'Labour Code D5411-14-1, D5411-8-2', 'a new decision of orientation starts a new month'
  FROM decision d WHERE d.outcome = 'oriented' AND d.decided_on >= '2025-01-01' AND d.notified_on IS NOT NULL
  UNION ALL
  SELECT s.person_id, 'contract_stock', date '2025-01-01', make_interval(years => (SELECT n FROM number WHERE name =
      CASE WHEN attest_internal.followup_setting('zone') IN ('mainland', 'alsace_moselle', 'alsace_moselle_protestant') THEN 'stock_years' ELSE 'stock_years_overseas' END)),
    (SELECT min(c.signed_on) FROM signed c WHERE c.person_id = s.person_id AND c.signed_on >= '2025-01-01'), NULL,
    'Labour Code D5411-8-2; decrees of 30 December 2024 and 13 August 2025', 'those who received the RSA before 2025'
  FROM situation s
  WHERE s.entered_on < '2025-01-01' AND day >= '2025-01-01'
    AND NOT EXISTS (SELECT FROM decision d WHERE d.person_id = s.person_id AND d.outcome = 'oriented' AND d.decided_on >= '2025-01-01')
  UNION ALL
  SELECT d.person_id, 'review', d.decided_on, make_interval(months => (SELECT n FROM number WHERE name =
      CASE WHEN d.vulnerable THEN 'review_months_vulnerable' ELSE 'review_months' END)), d.next_decided_on, NULL,
    'Code of Social Action L262-31, D262-65-2-1', CASE WHEN d.vulnerable THEN 'longer: vulnerabilities were identified' END
  FROM decision d WHERE d.path = 'social' AND d.decided_on >= '2025-01-01'
$$;
COMMENT ON FUNCTION attest_internal.deadline_rows(uuid, date, timestamptz) IS
'Deadlines since 1 January 2025 that have started by a day: event, period, what met them.';

CREATE FUNCTION attest.deadlines(
  person uuid DEFAULT NULL, as_of date DEFAULT NULL, known_at timestamptz DEFAULT 'infinity',
  OUT person_id uuid, OUT deadline text, OUT starts_on date, OUT due_on date, OUT done_on date, OUT state text, OUT source text, OUT note text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  today date := coalesce(as_of, attest_internal.local_day());
  zone text := attest_internal.followup_setting('zone');
  extend boolean := attest_internal.followup_setting('extend_deadlines') = '1';
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor,beneficiary,dpo,analyst');
  RETURN QUERY
  SELECT r.person_id, r.deadline, r.starts_on, r.due_on, r.done_on,
    CASE WHEN r.done_on <= r.due_on THEN 'met' WHEN r.done_on IS NOT NULL THEN 'met_late'
      WHEN r.interrupted_on IS NOT NULL THEN 'interrupted' WHEN s.rights = 'closed' THEN 'right_closed'
      WHEN r.due_on < today THEN 'overdue' ELSE 'running' END,
    r.source, r.note
  FROM (SELECT d.*, attest.due_day(d.starts_on, d.period, zone, extend) AS due_on
    FROM attest_internal.deadline_rows(deadlines.person, today, coalesce(known_at, 'infinity')) d) r
  LEFT JOIN attest_internal.situations_at(deadlines.person, today, coalesce(known_at, 'infinity')) s ON s.person_id = r.person_id
  ORDER BY r.person_id, r.starts_on, r.deadline;
END
$$;
COMMENT ON FUNCTION attest.deadlines(uuid, date, timestamptz) IS
'Deadlines of the law on full employment, of one person or of all whom the profile sees, as they stand on a day (today) by what was recorded until known_at: registration (on the day of the application), orientation (six weeks from the information), contract (one month from the notification; a new decision interrupts it), contract_stock (two years for those from before 2025, three overseas), review of a social path (six months from the decision, twelve with vulnerabilities). The first day does not count; due_on is the last day in time. state: met, met_late, running, overdue, interrupted, right_closed. Lengths are settings. For managers, referents, counsellors, the DPO, analysts, and the person.';

-- --- alerts ---

CREATE FUNCTION attest.followup_alerts(
  person uuid DEFAULT NULL, as_of date DEFAULT NULL,
  OUT person_id uuid, OUT code text, OUT since date, OUT until date, OUT facts jsonb
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  today date := coalesce(as_of, attest_internal.local_day());
  zone text := (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant());
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor');
  RETURN QUERY
  SELECT r.person_id, 'LOW_WEEKS', r.since, r.until, jsonb_build_object('weeks', r.weeks, 'minutes', r.minutes, 'commitment', r.commitment)
  FROM attest_internal.low_runs(followup_alerts.person, today, today) r
  UNION ALL
  SELECT d.person_id, 'DEADLINE_PASSED', d.due_on, NULL, jsonb_build_object('deadline', d.deadline, 'source', d.source)
  FROM attest.deadlines(followup_alerts.person, today) d WHERE d.state = 'overdue'
  UNION ALL
  SELECT i.person_id, 'INVITATION_UNANSWERED', i.day, NULL, jsonb_build_object('days', today - i.day)
  FROM attest_internal.interactions_at(followup_alerts.person, zone, today) i
  WHERE i.kind = 'invitation' AND NOT i.followed AND today - i.day >= attest_internal.followup_setting('reminder_days')::int
  UNION ALL
  SELECT s.person_id, 'NO_CONTACT', c.since, NULL, jsonb_build_object('days', today - c.since) || CASE WHEN l.day IS NULL THEN jsonb '{"never": true}' ELSE '{}' END
  FROM attest_internal.situations_at(followup_alerts.person, today, 'infinity') s
  LEFT JOIN (SELECT i.person_id, max(i.day) AS day FROM attest_internal.interactions_at(followup_alerts.person, zone, today) i GROUP BY 1) l
    ON l.person_id = s.person_id
  CROSS JOIN LATERAL (SELECT coalesce(l.day, s.informed_on, s.entered_on)) c (since)
  WHERE s.rights <> 'closed' AND today - c.since >= attest_internal.followup_setting('no_contact_days')::int
  ORDER BY 1, 3, 2;
END
$$;
COMMENT ON FUNCTION attest.followup_alerts(uuid, date) IS
'Facts to look at, with their reasons; never a sanction, and nothing is decided by them (GDPR art. 22). LOW_WEEKS: consecutive low weeks that were recorded, of the last thirteen, two at least; DEADLINE_PASSED; INVITATION_UNANSWERED: nothing follows it after reminder_days; NO_CONTACT: none since no_contact_days; with never, none at all since the département was informed, or else since the entry. For managers, referents and counsellors.';
