-- attendance: courses, sessions, slots, enrolments; the presences are in attendance_presence.sql.

CREATE FUNCTION attest_internal.status_code(name text) RETURNS smallint
AS 'MODULE_PATHNAME', 'attest_status_code' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.status_code(text) IS 'Code of a status of presence; NULL where there is none of this name.';

CREATE FUNCTION attest.status_name(code smallint) RETURNS text
AS 'MODULE_PATHNAME', 'attest_status_name' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.status_name(smallint) IS 'Name of a status of presence; NULL where there is none of this code.';

CREATE FUNCTION attest.presence_statuses(OUT code smallint, OUT name text, OUT description text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_presence_statuses' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12;
COMMENT ON FUNCTION attest.presence_statuses() IS 'The statuses of a presence: code as stored, name, what it says.';

CREATE FUNCTION attest_internal.count_minutes(as_attended int, as_planned int, grain int, status smallint, planned int, attended int) RETURNS int
AS 'MODULE_PATHNAME', 'attest_count_minutes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.count_minutes(int, int, int, smallint, int, int) IS
'Minutes that count: those planned or attended where the status (bit = code) is in the set, rounded down to the grain; 0 for other statuses.';

CREATE FUNCTION attest_internal.minutes_counted(rule_version int, status smallint, planned int, attended int) RETURNS int
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Without a rule of the funder: what was attended, and an exempted person as there. A disputed
  -- presence counts by attest_internal.contested_status().
  IF rule_version = 0 THEN
    RETURN attest_internal.count_minutes(542, 256, 1, status, planned, attended);
  END IF;
  RETURN (SELECT attest_internal.count_minutes(r.as_attended, r.as_planned, r.grain, status, planned, attended)
    FROM attest_data.counting_rule r
    WHERE r.tenant_id = attest.current_tenant() AND r.rule_version = minutes_counted.rule_version);
END
$$;
COMMENT ON FUNCTION attest_internal.minutes_counted(int, smallint, int, int) IS
'Minutes that count under a version of a rule of the entered tenant. Version 0: attended for present, late, left_early, partial and in_company, planned for exempted, none else.';

CREATE FUNCTION attest_internal.rule_for(funder uuid, day date) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT r.rule_version FROM attest_data.counting_rule r
    WHERE r.tenant_id = attest.current_tenant() AND r.funder_id = funder AND r.valid_from <= day
    ORDER BY r.valid_from DESC, r.rule_version DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION attest_internal.rule_for(uuid, date) IS 'The version of the rule that a funder counts a day by; 0 where it has none.';

CREATE TYPE attest_internal.slot_facts AS (
  slot_id uuid, session_id uuid, day date, starts_at timestamptz, ends_at timestamptz, late_after interval
);
COMMENT ON TYPE attest_internal.slot_facts IS 'What the rules of attendance need to know of a slot.';

CREATE FUNCTION attest_internal.minutes_between(since timestamptz, until timestamptz) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN floor(extract(epoch FROM until - since) / 60)::int;
END
$$;
COMMENT ON FUNCTION attest_internal.minutes_between(timestamptz, timestamptz) IS
'Elapsed whole minutes between two instants, across changes of the clock too.';

CREATE FUNCTION attest_internal.instant_after(since timestamptz, delay interval, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  days interval := date_trunc('day', delay);
BEGIN
  RETURN (since AT TIME ZONE zone + days) AT TIME ZONE zone + (delay - days);
END
$$;
COMMENT ON FUNCTION attest_internal.instant_after(timestamptz, interval, text) IS
'An instant later by so many days on the clock of a place, whatever the time zone of the session, and by so many hours.';

CREATE FUNCTION attest_internal.hold_rules(session uuid, only_enrolment uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT FROM attest_data.funder f
  WHERE f.tenant_id = attest_internal.required_tenant() AND f.funder_id IN (SELECT e.funder_id FROM attest_data.enrolment e
    WHERE e.tenant_id = attest.current_tenant() AND e.session_id = session AND (only_enrolment IS NULL OR e.enrolment_id = only_enrolment))
  ORDER BY f.funder_id FOR SHARE
$$;
COMMENT ON FUNCTION attest_internal.hold_rules(uuid, uuid) IS
'Lets no new rule of the funders of a session, or of one enrolment, come in before the transaction ends: attest.set_counting_rule() would not see what is expected by the old one.';

CREATE FUNCTION attest_internal.expect(session uuid, only_slot uuid, only_enrolment uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  added int;
BEGIN
  PERFORM attest_internal.hold_rules(session, only_enrolment);
  INSERT INTO attest_data.presence_state (tenant_id, slot_id, person_id, enrolment_id, session_id, day, minutes_planned, rule_version)
  SELECT sl.tenant_id, sl.slot_id, e.person_id, e.enrolment_id, sl.session_id, sl.day,
    extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60,
    CASE WHEN e.funder_id IS NULL THEN 0 ELSE attest_internal.rule_for(e.funder_id, sl.day) END
  FROM attest_data.enrolment e
  JOIN attest_data.slot sl ON sl.tenant_id = e.tenant_id AND sl.session_id = e.session_id AND sl.day BETWEEN e.since AND e.until
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND sl.cancelled_at IS NULL
    AND (only_slot IS NULL OR sl.slot_id = only_slot) AND (only_enrolment IS NULL OR e.enrolment_id = only_enrolment)
  ORDER BY e.enrolment_id, sl.starts_at
  -- Taken over already, with what was recorded.
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS added = ROW_COUNT;
  RETURN added;
END
$$;
COMMENT ON FUNCTION attest_internal.expect(uuid, uuid, uuid) IS
'Expects the people enrolled in a session on its slots, all or one of a kind: one row of presence_state each, where there is none. The caller holds the row of the session.';

CREATE FUNCTION attest_internal.take_over(enrolment uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  coming attest_data.enrolment;
  taken int;
BEGIN
  SELECT * INTO coming FROM attest_data.enrolment e
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.enrolment_id = enrolment;
  PERFORM attest_internal.hold_rules(coming.session_id, enrolment);
  -- Cancelled on a slot that takes place: by attest.withdraw(). The person is expected as if there had been no event.
  UPDATE attest_data.presence_state st
  SET status = attest_internal.status_code('expected'), evidence = 0, minutes_counted = 0, method = NULL, presence_id = NULL, claimed_at = NULL,
    minutes_planned = attest_internal.minutes_between(sl.starts_at, sl.ends_at)
  FROM attest_data.slot sl
  WHERE sl.tenant_id = coming.tenant_id AND sl.slot_id = st.slot_id AND sl.cancelled_at IS NULL
    AND st.tenant_id = coming.tenant_id AND st.person_id = coming.person_id AND st.session_id = coming.session_id
    AND st.day BETWEEN coming.since AND coming.until AND st.status = attest_internal.status_code('cancelled');
  -- Periods do not overlap, so these are of one that has ended: what was recorded counts for who pays now.
  UPDATE attest_data.presence_state st
  SET enrolment_id = coming.enrolment_id, rule_version = r.version, minutes_counted = attest_internal.minutes_counted(r.version,
    CASE st.status WHEN attest_internal.status_code('disputed') THEN attest_internal.contested_status(st.slot_id, st.person_id) ELSE st.status END,
    st.minutes_planned, st.minutes_attended)
  FROM attest_data.slot sl CROSS JOIN LATERAL (SELECT CASE WHEN coming.funder_id IS NULL THEN 0 ELSE attest_internal.rule_for(coming.funder_id, sl.day) END) r (version)
  WHERE sl.tenant_id = coming.tenant_id AND sl.slot_id = st.slot_id
    AND st.tenant_id = coming.tenant_id AND st.person_id = coming.person_id AND st.session_id = coming.session_id
    AND st.day BETWEEN coming.since AND coming.until;
  GET DIAGNOSTICS taken = ROW_COUNT;
  RETURN taken;
END
$$;
COMMENT ON FUNCTION attest_internal.take_over(uuid) IS
'Gives an enrolment the slots of its days that are left of an earlier one of the same person, which withdrew: with what was recorded, under the rule of the new funder; what the withdrawal had cancelled is expected again. Returns how many. The caller holds the row of the session.';

-- --- planning ---

CREATE FUNCTION attest.create_course(
  code text, title text, nature text DEFAULT 'training', provider text DEFAULT NULL, provider_nda text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_course uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, title');
  END IF;
  IF (nature = ANY (ARRAY['training', 'skills_assessment', 'validation_of_experience', 'apprenticeship', 'integration'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'nature',
      'training, skills_assessment, validation_of_experience, apprenticeship, integration');
  END IF;
  -- Declaration number: 11 digits (verp-formation.fr, L6351-1 of the Labour Code).
  IF provider_nda !~ '^[0-9]{11}$' THEN
    PERFORM attest_internal.fail('field_unknown_value', 'provider_nda', '11 digits');
  END IF;
  INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature, provider, provider_nda)
  VALUES (attest_internal.required_tenant(), new_course, create_course.code, create_course.title, create_course.nature,
    nullif(create_course.provider, ''), create_course.provider_nda)
  ON CONFLICT ON CONSTRAINT course_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_course.code);
  END IF;
  RETURN new_course;
END
$$;
COMMENT ON FUNCTION attest.create_course(text, text, text, text, text) IS
'Creates a course; provider and its declaration number (NDA, 11 digits) where another organisation gives it. Nature of the action (L6313-1 of the Labour Code, and integration): training, skills_assessment, validation_of_experience, apprenticeship, integration.';

CREATE FUNCTION attest.plan_session(
  course uuid, title text, starts_on date, ends_on date, place text DEFAULT NULL, late_after interval DEFAULT '10 minutes'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_session uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF NOT EXISTS (SELECT FROM attest_data.course c
      WHERE c.tenant_id = attest_internal.required_tenant() AND c.course_id = course) THEN
    PERFORM attest_internal.fail('unknown_object', 'course', coalesce(course::text, '-'));
  END IF;
  IF coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'title');
  END IF;
  IF starts_on IS NULL OR ends_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF late_after IS NULL OR late_after < interval '0' THEN
    PERFORM attest_internal.fail('bad_value', 'late_after', 'a time from 0 on');
  END IF;
  INSERT INTO attest_data.session (tenant_id, session_id, course_id, title, starts_on, ends_on, place, late_after)
  VALUES (attest_internal.required_tenant(), new_session, course, plan_session.title, plan_session.starts_on,
    plan_session.ends_on, plan_session.place, plan_session.late_after);
  RETURN new_session;
END
$$;
COMMENT ON FUNCTION attest.plan_session(uuid, text, date, date, text, interval) IS
'Plans a session of a course between two local days. Who signs later than late_after from the start of a slot is late.';

CREATE FUNCTION attest.plan_slot(
  session uuid, starts_at timestamptz, ends_at timestamptz, modality text DEFAULT 'on_site', place text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  here attest_data.place;
  zone text;
  local_day date;
  new_slot uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,trainer');
  -- Slots and enrolments of a session are planned one after the other: each sees all of the other.
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  IF starts_at IS NULL OR ends_at IS NULL OR ends_at <= starts_at THEN
    PERFORM attest_internal.fail('slot_bounds', coalesce(starts_at::text, '-'), coalesce(ends_at::text, '-'));
  END IF;
  IF ends_at - starts_at > interval '12 hours' THEN
    PERFORM attest_internal.fail('slot_too_long', starts_at::text, ends_at::text);
  END IF;
  IF (modality = ANY (ARRAY['on_site', 'remote', 'in_company', 'work_handed_in'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'modality', 'on_site, remote, in_company, work_handed_in');
  END IF;
  SELECT * INTO here FROM attest_data.place p
  WHERE p.tenant_id = attest.current_tenant() AND p.name = coalesce(plan_slot.place, planned.place);
  IF plan_slot.place IS NOT NULL AND here.place_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'place', plan_slot.place);
  END IF;
  zone := coalesce(here.time_zone, (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest.current_tenant()));
  local_day := (starts_at AT TIME ZONE zone)::date;
  IF NOT local_day BETWEEN planned.starts_on AND planned.ends_on THEN
    PERFORM attest_internal.fail('outside_session', planned.starts_on::text, planned.ends_on::text, local_day::text);
  END IF;
  INSERT INTO attest_data.slot (tenant_id, slot_id, session_id, day, starts_at, ends_at, modality, time_zone, place_id, holiday)
  VALUES (attest.current_tenant(), new_slot, session, local_day, plan_slot.starts_at, plan_slot.ends_at, plan_slot.modality,
    zone, here.place_id, attest.holiday(local_day, coalesce(here.holiday_zone, 'mainland')) IS NOT NULL);
  PERFORM attest_internal.expect(session, new_slot, NULL);
  RETURN new_slot;
END
$$;
COMMENT ON FUNCTION attest.plan_slot(uuid, timestamptz, timestamptz, text, text) IS
'Plans a slot of a session, half a day as a rule, twelve hours at most; everybody enrolled on its day is expected. Modality: on_site, remote, in_company, work_handed_in. place: one of attest.add_place(), by default that of the session; its time zone gives the day. Errors TA101 bounds, TA102 length, TA110 outside the session.';

CREATE FUNCTION attest_internal.require_slot(slot uuid) RETURNS attest_internal.slot_facts
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
BEGIN
  SELECT sl.slot_id, sl.session_id, sl.day, sl.starts_at, sl.ends_at, se.late_after INTO facts
  FROM attest_data.slot sl
  JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
  WHERE sl.tenant_id = attest_internal.required_tenant() AND sl.slot_id = slot;
  IF facts.slot_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'slot', coalesce(slot::text, '-'));
  END IF;
  RETURN facts;
END
$$;
COMMENT ON FUNCTION attest_internal.require_slot(uuid) IS 'The slot of the entered tenant, with the tolerance of its session; error TA105 when there is none.';

CREATE FUNCTION attest.assign_trainer(slot uuid, trainer uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(trainer);
  INSERT INTO attest_data.slot_trainer (tenant_id, slot_id, trainer_id)
  VALUES (attest.current_tenant(), slot, trainer) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION attest.assign_trainer(uuid, uuid) IS 'Puts a trainer on a slot; a slot may have several.';

CREATE FUNCTION attest.enrol(
  session uuid, person uuid, since date DEFAULT NULL, until date DEFAULT NULL, funder text DEFAULT NULL, funding_reference text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  held_since date;
  held_until date;
  payer uuid;
  new_enrolment uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  -- Slots and enrolments of a session are planned one after the other: each sees all of the other.
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  since := coalesce(since, planned.starts_on);
  until := coalesce(until, planned.ends_on);
  IF until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  SELECT e.since, e.until INTO held_since, held_until FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.session_id = session AND e.person_id = person
    AND e.since <= enrol.until AND e.until >= enrol.since LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_enrolled', held_since::text, held_until::text);
  END IF;
  IF funder IS NOT NULL THEN
    SELECT f.funder_id INTO payer FROM attest_data.funder f WHERE f.tenant_id = attest.current_tenant() AND f.code = funder;
    IF NOT FOUND THEN
      PERFORM attest_internal.fail('unknown_object', 'funder', funder);
    END IF;
  END IF;
  INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until, funder_id, funding_reference)
  VALUES (attest.current_tenant(), new_enrolment, session, person, enrol.since, enrol.until, payer, enrol.funding_reference);
  -- Slots that have ended are looked at again: who comes late is absent from none of them unseen.
  UPDATE attest_data.slot s SET closed_at = NULL
  WHERE s.tenant_id = attest.current_tenant() AND s.session_id = session AND s.closed_at IS NOT NULL
    AND s.day BETWEEN enrol.since AND enrol.until;
  PERFORM attest_internal.take_over(new_enrolment);
  PERFORM attest_internal.expect(session, NULL, new_enrolment);
  RETURN new_enrolment;
END
$$;
COMMENT ON FUNCTION attest.enrol(uuid, uuid, date, date, text, text) IS
'Enrols a person in a session for a period of local days, the whole session by default, and expects them on its slots. A person may come late, and come back for a later period, which takes over what was recorded on its days. funder: code of attest.add_funder(), one an enrolment, so that a session may have several.';

CREATE FUNCTION attest.withdraw(session uuid, person uuid, last_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  left_enrolment uuid;
  missed record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  UPDATE attest_data.enrolment e SET until = last_day, withdrawn_at = now()
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND e.person_id = person
    AND last_day BETWEEN e.since AND e.until
  RETURNING e.enrolment_id INTO left_enrolment;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'enrolment', coalesce(person::text, '-'));
  END IF;
  DELETE FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = left_enrolment AND st.day > last_day AND st.presence_id IS NULL
    AND NOT EXISTS (SELECT FROM attest_data.presence p
      WHERE p.tenant_id = st.tenant_id AND p.slot_id = st.slot_id AND p.person_id = st.person_id);
  -- Absences that nobody stated, and what an earlier withdrawal had cancelled, of days on which the person had already left.
  FOR missed IN
    SELECT st.slot_id FROM attest_data.presence_state st
    WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = left_enrolment AND st.day > last_day
      AND (st.presence_id IS NULL OR st.method IN ('automatic', 'countersignature'))
    ORDER BY st.slot_id
  LOOP
    PERFORM attest_internal.add_event(missed.slot_id, person, 'cancelled', 0, 'cancellation', flags => '{WITHDRAWN}');
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.withdraw(uuid, uuid, date) IS
'Ends the enrolment that holds the day; that day is the last one. The person is expected no more afterwards; what was recorded stays, but an absence that followed from nothing recorded is cancelled.';

CREATE FUNCTION attest.add_place(name text, time_zone text, commune text DEFAULT NULL, holiday_zone text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_place uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'name');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = add_place.time_zone) THEN
    PERFORM attest_internal.fail('bad_value', 'time_zone', 'a name such as Europe/Paris or Indian/Reunion');
  END IF;
  IF commune !~ '^([0-9]{2}|2[AB])[0-9]{3}$' THEN
    PERFORM attest_internal.fail('field_unknown_value', 'commune', 'commune code of INSEE, such as 44109 or 2A004');
  END IF;
  holiday_zone := coalesce(holiday_zone, CASE left(commune, 3) WHEN '971' THEN 'guadeloupe' WHEN '972' THEN 'martinique'
    WHEN '973' THEN 'guyane' WHEN '974' THEN 'reunion' WHEN '975' THEN 'saint_pierre_et_miquelon' WHEN '976' THEN 'mayotte'
    WHEN '977' THEN 'saint_barthelemy' WHEN '978' THEN 'saint_martin'
    ELSE CASE WHEN left(commune, 2) IN ('57', '67', '68') THEN 'alsace_moselle' ELSE 'mainland' END END);
  PERFORM attest.holiday('2026-01-01', holiday_zone);
  INSERT INTO attest_data.place (tenant_id, place_id, name, time_zone, commune, holiday_zone)
  VALUES (attest_internal.required_tenant(), new_place, add_place.name, add_place.time_zone, add_place.commune, add_place.holiday_zone)
  ON CONFLICT ON CONSTRAINT place_tenant_id_name_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', add_place.name);
  END IF;
  RETURN new_place;
END
$$;
COMMENT ON FUNCTION attest.add_place(text, text, text, text) IS
'A place of slots: its time zone (IANA), its commune (code of INSEE), and the zone of its public holidays as attest.holiday() takes it, by default that of the commune; alsace_moselle_protestant is to be said. Slots keep the zone that they were planned in.';

CREATE FUNCTION attest.add_funder(code text, name text, kind text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_funder uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, name');
  END IF;
  IF (kind = ANY (ARRAY['company', 'opco', 'cpf', 'region', 'departement', 'france_travail', 'state', 'european_union', 'person', 'other'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind',
      'company, opco, cpf, region, departement, france_travail, state, european_union, person, other');
  END IF;
  INSERT INTO attest_data.funder (tenant_id, funder_id, code, name, kind)
  VALUES (attest_internal.required_tenant(), new_funder, add_funder.code, add_funder.name, add_funder.kind)
  ON CONFLICT ON CONSTRAINT funder_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', add_funder.code);
  END IF;
  RETURN new_funder;
END
$$;
COMMENT ON FUNCTION attest.add_funder(text, text, text) IS
'Who pays for trainings. Kind, as the BPF (Cerfa 10443) asks for the origin of the money: company, opco, cpf, region, departement, france_travail, state, european_union, person, other.';

CREATE FUNCTION attest_internal.status_set(names text[]) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text;
  bits int := 0;
BEGIN
  FOREACH name IN ARRAY names LOOP
    IF attest_internal.status_code(name) IS NULL THEN
      PERFORM attest_internal.fail('field_unknown_value', 'status', (SELECT string_agg(s.name, ', ' ORDER BY s.code) FROM attest.presence_statuses() s));
    END IF;
    bits := bits | (1 << attest_internal.status_code(name));
  END LOOP;
  RETURN bits;
END
$$;
COMMENT ON FUNCTION attest_internal.status_set(text[]) IS 'Statuses as a set of bits; error TA334 for a name that is none.';

CREATE FUNCTION attest.set_counting_rule(
  funder text, valid_from date, as_attended text[], as_planned text[], basis text, grain int DEFAULT 1
) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  payer uuid;
  new_version int;
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF coalesce(basis, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis');
  END IF;
  IF valid_from IS NULL OR as_attended IS NULL OR as_planned IS NULL OR grain IS NULL OR NOT grain BETWEEN 1 AND 1440 THEN
    PERFORM attest_internal.fail('bad_value', 'valid_from, as_attended, as_planned, grain', 'given; grain from 1 to 1440 minutes');
  END IF;
  SELECT f.funder_id INTO payer FROM attest_data.funder f
  WHERE f.tenant_id = attest_internal.required_tenant() AND f.code = funder;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'funder', coalesce(funder, '-'));
  END IF;
  -- Two rules at once would take one number: the funders of the tenant are the lock.
  PERFORM FROM attest_data.funder f WHERE f.tenant_id = attest.current_tenant() ORDER BY f.funder_id FOR NO KEY UPDATE;
  SELECT coalesce(max(r.rule_version), 0) + 1 INTO new_version FROM attest_data.counting_rule r WHERE r.tenant_id = attest.current_tenant();
  INSERT INTO attest_data.counting_rule (tenant_id, rule_version, funder_id, valid_from, as_attended, as_planned, grain, basis)
  VALUES (attest.current_tenant(), new_version, payer, set_counting_rule.valid_from, attest_internal.status_set(as_attended),
    attest_internal.status_set(as_planned), set_counting_rule.grain, set_counting_rule.basis);
  UPDATE attest_data.presence_state st
  SET rule_version = new_version,
    minutes_counted = attest_internal.minutes_counted(new_version, CASE st.status WHEN attest_internal.status_code('disputed')
      THEN attest_internal.contested_status(st.slot_id, st.person_id) ELSE st.status END, st.minutes_planned, st.minutes_attended)
  FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.funder_id = payer
    AND st.tenant_id = e.tenant_id AND st.enrolment_id = e.enrolment_id AND attest_internal.rule_for(payer, st.day) = new_version;
  RETURN new_version;
END
$$;
COMMENT ON FUNCTION attest.set_counting_rule(text, date, text[], text[], text, int) IS
'A new version of what counts for a funder, from a day of slots on: which statuses count the minutes attended, which those planned, rounded down to a grain in minutes; basis: where that is written. Earlier days keep their version; minutes counted of the days it covers are counted anew. Returns the number of the version. For managers.';
