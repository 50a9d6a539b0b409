-- followup: activities, and the account of weeks.

CREATE FUNCTION attest.activity_kinds(OUT kind text, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 14 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('training', 'Training that is not recorded by attendance'), ('workshop', 'Workshop, writing a CV'),
    ('interview', 'Interview with a referent'), ('immersion', 'Immersion in a company (PMSMP), a row a day'),
    ('work', 'Paid work, such as a CDDI'), ('job_search', 'Steps of job search'), ('access_to_rights', 'Steps of access to rights'),
    ('health', 'Steps of health'), ('housing', 'Steps of housing'), ('childcare', 'Steps of child care'),
    ('driving_licence', 'Driving licence'), ('volunteering', 'Association, volunteering'), ('own_business', 'Developing an activity of one''s own'),
    ('other', 'Other activity of the plan')
$$;
COMMENT ON FUNCTION attest.activity_kinds() IS
'What counts as an activity of the weekly duration. Source: Ministry of Labour, on L5411-6 of the Labour Code.';

CREATE FUNCTION attest_internal.check_activity(kind text, day date, starts_at timestamptz, outcome text, minutes_planned int, minutes_done int) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM attest.activity_kinds() k WHERE k.kind = check_activity.kind) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', (SELECT string_agg(k.kind, ', ') FROM attest.activity_kinds() k));
  END IF;
  IF (outcome = ANY ('{planned,done,absent,excused}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'outcome', 'planned, done, absent, excused');
  END IF;
  IF day IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'day, starts_at');
  END IF;
  IF outcome <> 'planned' AND day > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'day', 'today or earlier');
  END IF;
  IF minutes_planned NOT BETWEEN 1 AND 1440 OR (outcome = 'planned' AND minutes_planned IS NULL) THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_planned', 'from 1 to 1440');
  END IF;
  IF (CASE outcome WHEN 'planned' THEN minutes_done IS NOT NULL
      WHEN 'done' THEN (minutes_done BETWEEN 1 AND 1440) IS NOT TRUE ELSE coalesce(minutes_done, 0) <> 0 END) THEN
    PERFORM attest_internal.fail('bad_value', 'minutes', 'from 1 to 1440 for what was done, and absent otherwise');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_activity(text, date, timestamptz, text, int, int) IS 'Checks an activity: errors TA334, TA333, TA012.';

CREATE FUNCTION attest_internal.same_activity(client uuid, person uuid, kind text, day date, outcome text, done int) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.activity;
BEGIN
  SELECT * INTO held FROM attest_data.activity a WHERE a.tenant_id = attest_internal.required_tenant() AND a.client_id = client;
  IF held.activity_id IS NOT NULL
      AND (held.person_id, held.kind, held.day, held.outcome, held.minutes_done) IS DISTINCT FROM (person, kind, day, outcome, done) THEN
    PERFORM attest_internal.fail('client_id_taken', client::text);
  END IF;
  RETURN held.activity_id;
END
$$;
COMMENT ON FUNCTION attest_internal.same_activity(uuid, uuid, text, date, text, int) IS
'The activity that a client id stands for, or NULL; error TA418 when it is another one.';

CREATE FUNCTION attest.record_activity(
  person uuid, kind text, minutes int, starts_at timestamptz DEFAULT NULL, day date DEFAULT NULL, outcome text DEFAULT 'done',
  minutes_planned int DEFAULT NULL, proof text DEFAULT NULL, note text DEFAULT NULL, client_id uuid DEFAULT NULL,
  corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
  done int := CASE WHEN outcome <> 'planned' THEN coalesce(minutes, 0) END;
  held uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor');
  IF starts_at IS NOT NULL THEN
    SELECT (record_activity.starts_at AT TIME ZONE t.time_zone)::date INTO day FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant();
  END IF;
  held := attest_internal.same_activity(client_id, person, kind, day, outcome, done);
  IF held IS NOT NULL THEN
    RETURN held;
  END IF;
  PERFORM attest_internal.check_correction('activity', corrects, person, reason);
  PERFORM attest_internal.check_activity(kind, day, starts_at, outcome, minutes_planned, minutes);
  INSERT INTO attest_data.activity (tenant_id, activity_id, person_id, kind, day, starts_at, outcome, minutes_planned, minutes_done,
    client_id, replaces, proof, note, reason)
  VALUES (attest.current_tenant(), made, person, record_activity.kind, record_activity.day, record_activity.starts_at, record_activity.outcome,
    record_activity.minutes_planned, done, record_activity.client_id, corrects,
    attest.seal(proof, person, 'followup.proof'), attest.seal(note, person, 'followup.note'), attest.seal(reason, person, 'followup.reason'))
  ON CONFLICT ON CONSTRAINT activity_tenant_id_client_id_key DO NOTHING;
  IF NOT FOUND THEN
    -- The same call came in at the same time.
    made := attest_internal.same_activity(client_id, person, kind, day, outcome, done);
    IF made IS NULL THEN
      PERFORM attest_internal.fail('client_id_taken', client_id::text);
    END IF;
  END IF;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_activity(uuid, text, int, timestamptz, date, text, int, text, text, uuid, uuid, text) IS
'Records an activity of attest.activity_kinds(): with its start (it then never counts twice where it overlaps another one), or only its local day. outcome: planned (with minutes_planned), done (with minutes, 1440 at most), absent, excused. Training that attendance records counts by itself: do not record it here. proof (a reference), note and reason are sealed. The same client_id again is the same activity. A correction names the record that it replaces, states everything, and says why. Errors TA414 replaced already, TA418 client id of another activity. For managers, referents and counsellors.';

CREATE FUNCTION attest_internal.activity_facts(who uuid, first_day date, last_day date,
  OUT person_id uuid, OUT source text, OUT day date, OUT starts_at timestamptz, OUT minutes_planned int, OUT minutes_done int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Who came late was there at the end of the slot; who attended a part otherwise, at its start. What the job states
  -- because nobody stated anything, and no trainer countersigned, is not known (a tablet may be down): nor does a dispute tell.
  SELECT p.person_id, 'attendance', p.day,
    CASE WHEN p.status = 'late' THEN p.ends_at - make_interval(mins => p.minutes_attended) ELSE p.starts_at END,
    p.minutes_planned,
    CASE WHEN p.status <> 'expected' AND (p.method NOT IN ('automatic', 'dispute') OR p.countersigned
      OR EXISTS (SELECT FROM attest_data.presence e WHERE e.tenant_id = attest_internal.required_tenant() AND e.slot_id = p.slot_id
        AND e.person_id = p.person_id AND e.method NOT IN ('automatic', 'dispute'))) THEN p.minutes_attended END
  FROM attest.presences p
  WHERE (who IS NULL OR p.person_id = who) AND p.day BETWEEN first_day - 1 AND last_day AND p.status <> 'cancelled'
  UNION ALL
  SELECT a.person_id, 'activity', a.day, a.starts_at, a.minutes_planned, a.minutes_done
  FROM attest_data.activity a
  WHERE a.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR a.person_id = who) AND a.day BETWEEN first_day - 1 AND last_day
    AND NOT a.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.activity r WHERE r.tenant_id = a.tenant_id AND r.replaces = a.activity_id)
$$;
COMMENT ON FUNCTION attest_internal.activity_facts(uuid, date, date) IS
'Activities and attended slots around local days; minutes_done is NULL where nothing is recorded yet, or only an absence that the job made for want of anything.';

CREATE FUNCTION attest_internal.week_of(day date) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT day - (extract(isodow FROM day)::int - 1)
$$;
COMMENT ON FUNCTION attest_internal.week_of(date) IS 'The Monday of the ISO week of a day.';

CREATE FUNCTION attest_internal.elapsed_minutes(spans tstzmultirange) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT floor(sum(extract(epoch FROM upper(s) - lower(s))) / 60)::int FROM unnest(spans) s
$$;
COMMENT ON FUNCTION attest_internal.elapsed_minutes(tstzmultirange) IS 'Whole minutes in spans of time, across changes of the clock too; NULL in none.';

CREATE FUNCTION attest_internal.week_minutes(who uuid, first_week date, last_week date, today date,
  OUT person_id uuid, OUT week date, OUT recorded boolean, OUT minutes int, OUT training int, OUT pending int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH zone AS (SELECT t.time_zone AS name FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant()),
  facts AS (SELECT * FROM attest_internal.activity_facts(who, first_week, last_week + 6)),
  spans AS (
    -- What goes past midnight from Sunday to Monday is cut there.
    SELECT f.person_id, w::date AS week, f.source,
      tstzrange(f.starts_at, f.ends_at) * tstzrange(w AT TIME ZONE zone.name, (w + interval '7 days') AT TIME ZONE zone.name) AS span
    FROM (SELECT f.*, f.starts_at + make_interval(mins => f.minutes_done) AS ends_at FROM facts f
      WHERE f.starts_at IS NOT NULL AND f.minutes_done > 0) f
    CROSS JOIN zone
    CROSS JOIN LATERAL generate_series(date_trunc('week', f.starts_at AT TIME ZONE zone.name),
      date_trunc('week', (f.ends_at - interval '1 microsecond') AT TIME ZONE zone.name), interval '7 days') w
  ),
  timed AS (
    SELECT s.person_id, s.week, attest_internal.elapsed_minutes(range_agg(s.span)) AS minutes,
      attest_internal.elapsed_minutes(range_agg(s.span) FILTER (WHERE s.source = 'attendance')) AS training
    FROM spans s GROUP BY s.person_id, s.week
  ),
  told AS (
    SELECT f.person_id, attest_internal.week_of(f.day) AS week, bool_or(f.minutes_done IS NOT NULL) AS recorded,
      sum(f.minutes_done) FILTER (WHERE f.starts_at IS NULL) AS untimed,
      sum(f.minutes_planned) FILTER (WHERE f.minutes_done IS NULL AND f.day < today) AS pending
    FROM facts f GROUP BY 1, 2
  )
  SELECT person_id, week, coalesce(told.recorded, false) OR timed.minutes IS NOT NULL,
    CASE WHEN told.recorded OR timed.minutes IS NOT NULL THEN (coalesce(timed.minutes, 0) + coalesce(told.untimed, 0))::int END,
    CASE WHEN told.recorded OR timed.minutes IS NOT NULL THEN coalesce(timed.training, 0) END, coalesce(told.pending, 0)::int
  FROM timed FULL JOIN told USING (person_id, week)
  WHERE week BETWEEN first_week AND last_week
$$;
COMMENT ON FUNCTION attest_internal.week_minutes(uuid, date, date, date) IS
'Minutes done by person and ISO week of the tenant''s local time: what has a start, without double counting, and what only has a day. NULL where nothing is recorded; pending: planned before today and not recorded.';

CREATE FUNCTION attest_internal.week_commitments(who uuid, first_week date, last_week date,
  OUT person_id uuid, OUT week date, OUT days int, OUT commitment int, OUT exempt_days int, OUT reduced_days int, OUT leave_days int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH promised AS (
    SELECT DISTINCT ON (c.person_id, d.day) c.person_id, d.day, c.weekly_minutes
    FROM (SELECT first_week + n AS day FROM generate_series(0, last_week - first_week + 6) n WHERE n % 7 < 5) d
    JOIN attest_internal.contracts_at(who, 'infinity') c ON d.day BETWEEN c.starts_on AND coalesce(c.ends_on, 'infinity')
    ORDER BY c.person_id, d.day, c.signed_on DESC, c.recorded_at DESC
  ),
  days AS (
    SELECT p.person_id, p.day, p.weekly_minutes, coalesce(bool_or(q.kind = 'exemption'), false) AS exempt, min(q.weekly_minutes) AS reduced,
      coalesce(bool_or(q.kind = 'leave'), false) AS leave
    FROM promised p
    LEFT JOIN attest_internal.periods_at(who, 'infinity') q ON q.person_id = p.person_id AND p.day BETWEEN q.since AND coalesce(q.until, 'infinity')
    GROUP BY p.person_id, p.day, p.weekly_minutes
  )
  SELECT d.person_id, attest_internal.week_of(d.day), count(*)::int,
    -- A fifth of the weekly duration for each day from Monday to Friday.
    (sum(CASE WHEN d.exempt THEN 0 ELSE least(d.weekly_minutes, d.reduced) END) / 5)::int,
    count(*) FILTER (WHERE d.exempt)::int, count(*) FILTER (WHERE d.reduced < d.weekly_minutes)::int, count(*) FILTER (WHERE d.leave)::int
  FROM days d
  GROUP BY 1, 2
$$;
COMMENT ON FUNCTION attest_internal.week_commitments(uuid, date, date) IS
'Minutes promised by person and ISO week: a fifth of the weekly duration for each day from Monday to Friday on which a contract runs, none on days of exemption, rounded down.';
