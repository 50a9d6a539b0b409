-- attendance: courses, sessions, slots, enrolments, presences.
-- Presences are events: the last one of a person on a slot gives the status, none is ever changed.

CREATE TYPE attest_internal.slot_facts AS (
  slot_id uuid, session_id uuid, day date, starts_at timestamptz, ends_at timestamptz, late_after interval
);
COMMENT ON TYPE attest_internal.slot_facts IS 'What the rules of attendance need to know of a slot.';

CREATE FUNCTION attest_internal.minutes_between(since timestamptz, until timestamptz) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT floor(extract(epoch FROM until - since) / 60)::int
$$;
COMMENT ON FUNCTION attest_internal.minutes_between(timestamptz, timestamptz) IS
'Elapsed whole minutes between two instants, across changes of the clock too.';

-- --- planning ---

CREATE FUNCTION attest.create_course(code text, title text, nature text DEFAULT 'training') RETURNS uuid
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
  INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature)
  VALUES (attest_internal.required_tenant(), new_course, create_course.code, create_course.title, create_course.nature)
  ON CONFLICT ON CONSTRAINT course_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_course.code);
  END IF;
  RETURN new_course;
END
$$;
COMMENT ON FUNCTION attest.create_course(text, text, text) IS
'Creates a course. Nature of the action (L6313-1 of the Labour Code, and integration): training, skills_assessment, validation_of_experience, apprenticeship, integration.';

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

CREATE FUNCTION attest.plan_slot(session uuid, starts_at timestamptz, ends_at timestamptz, modality text DEFAULT 'on_site') RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  zone text;
  new_slot uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,trainer');
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
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
  SELECT t.time_zone INTO zone FROM attest_data.tenant t WHERE t.id = attest.current_tenant();
  IF NOT (starts_at AT TIME ZONE zone)::date BETWEEN planned.starts_on AND planned.ends_on THEN
    PERFORM attest_internal.fail('outside_session', planned.starts_on::text, planned.ends_on::text,
      ((starts_at AT TIME ZONE zone)::date)::text);
  END IF;
  INSERT INTO attest_data.slot (tenant_id, slot_id, session_id, day, starts_at, ends_at, modality)
  VALUES (attest.current_tenant(), new_slot, session, (starts_at AT TIME ZONE zone)::date, plan_slot.starts_at,
    plan_slot.ends_at, plan_slot.modality);
  RETURN new_slot;
END
$$;
COMMENT ON FUNCTION attest.plan_slot(uuid, timestamptz, timestamptz, text) IS
'Plans a slot of a session, half a day as a rule, twelve hours at most. Modality: on_site, remote, in_company, work_handed_in. Errors TA101 bounds, TA102 length, TA110 outside the session.';

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

CREATE FUNCTION attest.enrol(session uuid, person uuid, since date DEFAULT NULL, until date DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  held_since date;
  held_until date;
  new_enrolment uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  -- Two enrolments of a person at once: the row of the person is the lock.
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
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
  INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until)
  VALUES (attest.current_tenant(), new_enrolment, session, person, enrol.since, enrol.until);
  RETURN new_enrolment;
END
$$;
COMMENT ON FUNCTION attest.enrol(uuid, uuid, date, date) IS
'Enrols a person in a session for a period of local days, the whole session by default. A person may come back for a later period.';

CREATE FUNCTION attest.withdraw(session uuid, person uuid, last_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  UPDATE attest_data.enrolment e SET until = last_day
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND e.person_id = person
    AND last_day BETWEEN e.since AND e.until;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'enrolment', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.withdraw(uuid, uuid, date) IS 'Ends the enrolment that holds the day; that day is the last one.';

-- --- presence ---

CREATE FUNCTION attest_internal.require_enrolled(slot uuid, person uuid) RETURNS attest_internal.slot_facts
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts := attest_internal.require_slot(slot);
BEGIN
  IF NOT EXISTS (SELECT FROM attest_data.enrolment e WHERE e.tenant_id = attest.current_tenant()
      AND e.session_id = facts.session_id AND e.person_id = person AND facts.day BETWEEN e.since AND e.until) THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  PERFORM attest_internal.require_person(person);
  RETURN facts;
END
$$;
COMMENT ON FUNCTION attest_internal.require_enrolled(uuid, uuid) IS 'The slot; error TA103 unless the person is enrolled in its session on its day.';

CREATE FUNCTION attest_internal.store_signature(slot uuid, person uuid, role text, signature attest.signature, claimed_at timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_signature uuid := attest.uuid_v7();
BEGIN
  IF signature IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  PERFORM attest_internal.require_ink(signature);
  INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
  VALUES (attest.current_tenant(), new_signature, slot, person, role, attest.signature_kind(signature),
    attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
    attest.signature_digest(signature), attest.signature_reasons(signature), claimed_at);
  RETURN new_signature;
END
$$;
COMMENT ON FUNCTION attest_internal.store_signature(uuid, uuid, text, attest.signature, timestamptz) IS
'Stores a capture: sealed under the key of its signer, its digest and reasons in clear.';

CREATE FUNCTION attest.sign(
  slot uuid, person uuid, signature attest.signature, claimed_at timestamptz DEFAULT NULL, client_id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  signed_at timestamptz := coalesce(claimed_at, now());
  earlier attest_data.presence;
  signed_before timestamptz;
  minutes_late int;
  minutes_planned int;
  flags text[] := '{}';
  event uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,learner,beneficiary,candidate,department_referent');
  IF attest.current_profile() IN ('learner', 'beneficiary', 'candidate') AND person IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('profile_refused', attest.current_profile(), 'the person who signs, or a trainer or manager');
  END IF;
  facts := attest_internal.require_enrolled(slot, person);
  IF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;

  -- One signature a person and slot: the row of the enrolment is the lock.
  PERFORM FROM attest_data.enrolment e WHERE e.tenant_id = attest.current_tenant()
    AND e.session_id = facts.session_id AND e.person_id = person AND facts.day BETWEEN e.since AND e.until FOR UPDATE;
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.client_id = sign.client_id;
  IF FOUND THEN
    IF (earlier.slot_id, earlier.person_id) <> (slot, person) THEN
      PERFORM attest_internal.fail('client_id_reused', sign.client_id::text);
    END IF;
    RETURN earlier.presence_id;
  END IF;
  SELECT p.claimed_at INTO signed_before FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot AND p.person_id = person AND p.method = 'signature' LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_signed', slot::text, signed_before::text);
  END IF;

  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  minutes_late := least(minutes_planned, greatest(0, attest_internal.minutes_between(facts.starts_at, signed_at)));
  IF signed_at - facts.starts_at <= facts.late_after THEN
    minutes_late := 0;
  END IF;
  IF NOT signed_at BETWEEN facts.starts_at - interval '15 minutes' AND facts.ends_at + interval '15 minutes' THEN
    flags := flags || 'OUTSIDE_SLOT'::text;
  END IF;
  -- A countersignature that is there already does not cover this event.
  IF EXISTS (SELECT FROM attest_data.countersignature c WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot) THEN
    flags := flags || 'AFTER_COUNTERSIGNATURE'::text;
  END IF;
  IF now() - signed_at > interval '5 minutes' THEN
    flags := flags || 'OFFLINE'::text;
  END IF;

  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended,
    claimed_at, client_id, signature_id, flags)
  VALUES (attest.current_tenant(), attest.uuid_v7(), slot, person, CASE WHEN minutes_late > 0 THEN 'late' ELSE 'present' END,
    'signature', minutes_planned - minutes_late, signed_at, sign.client_id,
    attest_internal.store_signature(slot, person, 'learner', signature, signed_at), flags)
  RETURNING presence_id INTO event;
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.sign(uuid, uuid, attest.signature, timestamptz, uuid) IS
'A person signs a slot; returns the presence_id. claimed_at is the time on the device where it was offline (flag OFFLINE); client_id makes the call safe to repeat. Later than the tolerance of the session: late, with the minutes missed taken off. Learners sign for themselves only. Errors TA103 not enrolled, TA104 already signed, TA109 future, TA202 and TA203 ink.';

CREATE FUNCTION attest.record_presence(slot uuid, person uuid, status text, reason text, minutes_attended int DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  minutes_planned int;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  facts := attest_internal.require_enrolled(slot, person);
  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  IF (status = ANY (ARRAY['present', 'late', 'left_early', 'absent', 'excused', 'justified', 'exempted'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'status', 'present, late, left_early, absent, excused, justified, exempted');
  END IF;
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  minutes_attended := coalesce(minutes_attended, CASE WHEN status = 'present' THEN minutes_planned
    WHEN status IN ('absent', 'excused', 'justified', 'exempted') THEN 0 END);
  IF minutes_attended IS NULL OR NOT minutes_attended BETWEEN 0 AND minutes_planned THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_attended', format('from 0 to %s', minutes_planned));
  END IF;
  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended, claimed_at, reason)
  VALUES (attest.current_tenant(), event, slot, person, record_presence.status, 'entry', record_presence.minutes_attended,
    now(), attest.seal(record_presence.reason, person, 'presence.reason'));
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.record_presence(uuid, uuid, text, text, int) IS
'Records a presence, an absence or a correction, as a new event with its reason (sealed). Status: present, late, left_early, absent, excused, justified, exempted. Minutes: all for present, none for absences, required for late and left_early.';

CREATE FUNCTION attest.countersign(slot uuid, signature attest.signature) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  signed_before timestamptz;
  list text;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('trainer');
  facts := attest_internal.require_slot(slot);
  -- Two trainers at once, or one twice: the row of the slot is the lock.
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.slot_trainer t WHERE t.tenant_id = attest.current_tenant() AND t.slot_id = slot
      AND t.trainer_id = attest.current_person()) THEN
    PERFORM attest_internal.fail('trainer_only', slot::text);
  END IF;
  SELECT c.countersigned_at INTO signed_before FROM attest_data.countersignature c
  WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_countersigned', slot::text, signed_before::text);
  END IF;
  IF NOT EXISTS (SELECT FROM attest_data.presence p WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot) THEN
    PERFORM attest_internal.fail('nothing_to_countersign', slot::text);
  END IF;

  -- Who is enrolled and has no event by now is absent: the trainer signs that too.
  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended, claimed_at)
  SELECT e.tenant_id, attest.uuid_v7(), slot, e.person_id, 'absent', 'countersignature', 0, now()
  FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.session_id = facts.session_id AND facts.day BETWEEN e.since AND e.until
    AND NOT EXISTS (SELECT FROM attest_data.presence p
      WHERE p.tenant_id = e.tenant_id AND p.slot_id = slot AND p.person_id = e.person_id);

  SELECT string_agg(format('%s %s %s %s', p.presence_id, p.person_id, p.status, p.minutes_attended), E'\n' ORDER BY p.presence_id)
  INTO list FROM attest_data.presence p WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot;
  INSERT INTO attest_data.countersignature (tenant_id, countersignature_id, slot_id, trainer_id, signature_id, list_digest)
  VALUES (attest.current_tenant(), event, slot, attest.current_person(),
    attest_internal.store_signature(slot, attest.current_person(), 'trainer', signature, now()),
    sha256(convert_to(list, 'UTF8')));
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.countersign(uuid, attest.signature) IS
'The trainer of the ticket countersigns a slot: who has no event becomes absent, and the signature is bound to exactly the list of events (SHA-256 of its lines). Errors TA106 not a trainer of the slot, TA107 already done, TA108 nothing recorded.';

CREATE FUNCTION attest.live_board(
  slot uuid, OUT person_id uuid, OUT last_name text, OUT first_name text, OUT status text, OUT at timestamptz, OUT method text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager');
  PERFORM attest_internal.require_slot(slot);
  RETURN QUERY
  SELECT b.person_id, attest.unseal(p.last_name, p.person_id, 'person.last_name'),
    attest.unseal(p.first_name, p.person_id, 'person.first_name'), b.status, b.claimed_at, b.method
  FROM attest.presences b
  JOIN attest_data.person p ON p.tenant_id = attest.current_tenant() AND p.person_id = b.person_id
  WHERE b.slot_id = slot
  ORDER BY 2, 3;
END
$$;
COMMENT ON FUNCTION attest.live_board(uuid) IS
'Who is expected on a slot and where each stands now: expected until an event, then its status, time and method.';

CREATE FUNCTION attest_internal.attendance_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.person_id
  FROM attest_data.slot_trainer t
  JOIN attest_data.slot s ON s.tenant_id = t.tenant_id AND s.slot_id = t.slot_id
  JOIN attest_data.enrolment e ON e.tenant_id = s.tenant_id AND e.session_id = s.session_id
  WHERE t.tenant_id = attest.current_tenant() AND t.trainer_id = person AND profile = 'trainer'
$$;
COMMENT ON FUNCTION attest_internal.attendance_visible(text, uuid) IS 'People that attendance lets a trainer see: those enrolled in the sessions of their slots.';

CREATE FUNCTION attest_internal.attendance_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  -- Times, minutes and digests stay: they are the totals, and name nobody.
  UPDATE attest_data.slot_signature s SET signature = NULL
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.person_id = person AND s.signature IS NOT NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_erase(uuid) IS 'What attendance forgets of a person at erasure: the captures; returns their number.';

CREATE FUNCTION attest_internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- A rotation of keys seals the same text again, and two records of a person become one: no change of the event.
  IF TG_OP = 'UPDATE' AND attest_internal.is_same_event(to_jsonb(OLD), to_jsonb(NEW)) THEN
    RETURN NEW;
  END IF;
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_change() IS
'Trigger of append-only tables: a correction is a new row. What is sealed may be sealed anew, and a person who was merged into another give way.';
