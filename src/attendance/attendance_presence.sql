-- attendance, presences: events, and the one status that they come to.

CREATE FUNCTION attest_internal.event_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_event_server' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.event_server() IS
'The system identifier of this cluster; whoever waits for events is woken when the transaction commits.';

CREATE FUNCTION attest_internal.event_rank(method text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN method IN ('automatic', 'countersignature') THEN 1 WHEN method IS NULL THEN 0 ELSE 2 END
$$;
COMMENT ON FUNCTION attest_internal.event_rank(text) IS
'Which event wins: one that somebody stated over one that followed from nothing recorded; within a rank, the later by claimed_at, then the greater status. So events may arrive in any order.';

CREATE FUNCTION attest_internal.add_event(
  slot uuid, person uuid, status text, attended int, method text, claimed_at timestamptz DEFAULT now(), reason text DEFAULT NULL,
  flags text[] DEFAULT '{}', client_id uuid DEFAULT NULL, justification uuid DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  code smallint := attest_internal.status_code(status);
  event uuid := attest.uuid_v7();
  level smallint := CASE WHEN method IN ('automatic', 'countersignature') THEN 0 ELSE 1 END;
  planned int;
  late int;
BEGIN
  SELECT CASE WHEN add_event.status = 'cancelled' THEN 0 ELSE attest_internal.minutes_between(sl.starts_at, sl.ends_at) END INTO planned
  FROM attest_data.slot sl WHERE sl.tenant_id = tenant AND sl.slot_id = slot;
  late := CASE WHEN add_event.status = 'late' THEN planned - attended ELSE 0 END;
  -- The row of the state is the lock of all events of a person on a slot.
  PERFORM FROM attest_data.presence_state st
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
    claimed_at, method, client_id, justification_id, channel, flags, reason)
  VALUES (tenant, planned, attended, code, level, event, slot, person, add_event.claimed_at, add_event.method, add_event.client_id,
    justification, add_event.channel, add_event.flags, attest.seal(add_event.reason, person, 'presence.reason'));
  UPDATE attest_data.presence_state st
  SET status = code, evidence = level, minutes_planned = planned, minutes_attended = attended, late_minutes = late,
    minutes_counted = attest_internal.minutes_counted(st.rule_version, code, planned, attended),
    countersigned = false, method = add_event.method, presence_id = event, claimed_at = add_event.claimed_at
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person
    AND (st.presence_id IS NULL OR (attest_internal.event_rank(add_event.method), add_event.claimed_at, code)
      >= (attest_internal.event_rank(st.method), st.claimed_at, st.status));
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind)
  VALUES (tenant, event, slot, person, attest_internal.event_server(), add_event.status);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest_internal.add_event(uuid, uuid, text, int, text, timestamptz, text, text[], uuid, uuid, text) IS
'Writes an event, the status that it comes to and the notice of it. Error TA103 where the person is not expected on the slot.';

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

CREATE FUNCTION attest_internal.time_flags(
  starts_at timestamptz, ends_at timestamptz, holiday boolean, claimed_at timestamptz, received_at timestamptz
) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_remove(ARRAY[
    CASE WHEN claimed_at < starts_at - interval '15 minutes' OR claimed_at > ends_at + interval '15 minutes' THEN 'OUTSIDE_SLOT' END,
    CASE WHEN claimed_at < starts_at - interval '15 minutes' THEN 'BEFORE_SLOT' END,
    CASE WHEN holiday THEN 'PUBLIC_HOLIDAY' END,
    CASE WHEN received_at - claimed_at > interval '5 minutes' THEN 'OFFLINE' END], NULL)
$$;
COMMENT ON FUNCTION attest_internal.time_flags(timestamptz, timestamptz, boolean, timestamptz, timestamptz) IS
'What the time of a signature gives to look at: outside the slot by more than a quarter of an hour, before it, on a public holiday, told later than five minutes after.';

CREATE FUNCTION attest_internal.refuse_stranger(slot uuid, person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.fail('not_enrolled', slot::text);
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_stranger(uuid, uuid) IS 'Why a person cannot be recorded on a slot: error TA105 without such a slot, else TA103.';

CREATE FUNCTION attest_internal.signed_earlier(slot uuid, person uuid, client_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earlier attest_data.presence;
BEGIN
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.client_id = signed_earlier.client_id;
  IF FOUND AND (earlier.slot_id, earlier.person_id) = (slot, person) THEN
    RETURN earlier.presence_id;
  ELSIF FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', client_id::text);
  END IF;
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot AND p.person_id = person AND p.method = 'signature' LIMIT 1;
  PERFORM attest_internal.fail('already_signed', slot::text, earlier.claimed_at::text);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.signed_earlier(uuid, uuid, uuid) IS
'The event of an earlier call with the same client id; error TA104 where it is another signature, TA112 where the id stands for another slot.';

CREATE FUNCTION attest.sign(
  slot uuid, person uuid, signature attest.signature, challenge bytea DEFAULT NULL, device uuid DEFAULT NULL,
  client_id uuid DEFAULT NULL, claimed_at timestamptz DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int;
  signed_at timestamptz := coalesce(claimed_at, now());
  held record;
  level smallint := 2;
  missed int := 0;
  attended int;
  wins boolean;
  marks text[];
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,learner,beneficiary,candidate,department_referent');
  tenant := attest.current_tenant();
  IF attest.current_profile() IN ('learner', 'beneficiary', 'candidate') AND person IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('profile_refused', attest.current_profile(), 'the person who signs, or a trainer or manager');
  END IF;
  IF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;
  -- The row of the state is the lock of all events of a person on a slot; it says who is expected, too.
  SELECT st.signed, st.presence_id, st.method, st.claimed_at, st.status, sl.starts_at, sl.ends_at, sl.day, sl.holiday, sl.cancelled_at, se.late_after, se.opens_before, se.closes_after,
    p.anonymised_at, extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60 AS planned INTO held
  FROM attest_data.presence_state st
  JOIN attest_data.slot sl ON sl.tenant_id = tenant AND sl.slot_id = sign.slot
  JOIN attest_data.session se ON se.tenant_id = tenant AND se.session_id = sl.session_id
  JOIN attest_data.person p ON p.tenant_id = tenant AND p.person_id = sign.person
  WHERE st.tenant_id = tenant AND st.slot_id = sign.slot AND st.person_id = sign.person
  FOR NO KEY UPDATE OF st FOR KEY SHARE OF p;
  IF NOT FOUND THEN
    PERFORM attest_internal.refuse_stranger(slot, person);
  END IF;
  IF held.signed THEN
    RETURN attest_internal.signed_earlier(slot, person, client_id);
  END IF;
  IF signature IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  PERFORM attest_internal.require_ink(signature);
  attended := held.planned;
  IF signed_at - held.starts_at > held.late_after THEN
    missed := least(held.planned, attest_internal.minutes_between(held.starts_at, signed_at));
    attended := held.planned - missed;
  END IF;
  wins := held.presence_id IS NULL OR (2, signed_at, CASE WHEN missed > 0 THEN 2 ELSE 1 END)
    >= (attest_internal.event_rank(held.method), held.claimed_at, held.status);
  marks := attest_internal.time_flags(held.starts_at, held.ends_at, held.holiday, signed_at, now());
  WITH s AS (
    INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
    VALUES (tenant, event, slot, person, 'learner', attest.signature_kind(signature),
      attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
      attest.signature_digest(signature), attest.signature_reasons(signature), signed_at)
  ), e AS (
    INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
      claimed_at, method, client_id, device_id, signature_id, channel, flags)
    VALUES (tenant, held.planned, attended, CASE WHEN missed > 0 THEN 2 ELSE 1 END, level, event, slot, person,
      signed_at, 'signature', sign.client_id, device, event, sign.channel, marks)
    ON CONFLICT DO NOTHING RETURNING presence.status
  ), u AS (
    UPDATE attest_data.presence_state st
    SET signed = true, status = n.status, evidence = level, minutes_planned = held.planned, minutes_attended = attended, late_minutes = missed,
      minutes_counted = attest_internal.minutes_counted(st.rule_version, n.status, held.planned, attended),
      countersigned = false, method = 'signature', presence_id = event, claimed_at = signed_at
    FROM e n
    WHERE st.tenant_id = tenant AND st.slot_id = sign.slot AND st.person_id = sign.person AND wins
  )
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind)
  SELECT tenant, event, slot, person, attest_internal.event_server(), CASE WHEN missed > 0 THEN 'late' ELSE 'present' END FROM e;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', sign.client_id::text);
  END IF;
  IF NOT wins THEN
    UPDATE attest_data.presence_state st SET signed = true
    WHERE st.tenant_id = tenant AND st.slot_id = sign.slot AND st.person_id = sign.person;
  END IF;
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text) IS
'A person signs a slot; returns the presence_id. claimed_at is the time on the device where it was offline (flag OFFLINE); client_id makes the call safe to repeat. Later than the tolerance of the session: late, with the minutes missed taken off. Learners sign for themselves only. Errors TA103 not enrolled, TA104 already signed, TA109 future, TA202 and TA203 ink.';

CREATE FUNCTION attest.record_presence(slot uuid, person uuid, status text, reason text, minutes_attended int DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  minutes_planned int;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  facts := attest_internal.require_slot(slot);
  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  IF (status = ANY (ARRAY['present', 'late', 'left_early', 'partial', 'absent', 'excused', 'justified', 'exempted', 'in_company'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'status', 'present, late, left_early, partial, absent, excused, justified, exempted, in_company');
  END IF;
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  minutes_attended := coalesce(minutes_attended, CASE WHEN status IN ('present', 'in_company') THEN minutes_planned
    WHEN status IN ('absent', 'excused', 'justified', 'exempted') THEN 0 END);
  IF minutes_attended IS NULL OR NOT minutes_attended BETWEEN 0 AND minutes_planned THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_attended', format('from 0 to %s', minutes_planned));
  END IF;
  RETURN attest_internal.add_event(slot, person, status, minutes_attended, 'entry', reason => record_presence.reason);
END
$$;
COMMENT ON FUNCTION attest.record_presence(uuid, uuid, text, text, int) IS
'Records a presence, an absence or a correction, as a new event with its reason (sealed). Minutes: all for present and in_company, none for absences, required for late, left_early and partial.';

CREATE FUNCTION attest_internal.list_digest(slot uuid) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(coalesce(string_agg(
    format('%s %s %s', st.person_id, attest.status_name(st.status), st.minutes_attended), E'\n' ORDER BY st.person_id), ''), 'UTF8'))
  FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
$$;
COMMENT ON FUNCTION attest_internal.list_digest(uuid) IS
'SHA-256 of the list of a slot as it stands: a line "person status minutes_attended" for each person expected, ordered by person, separated by line feeds.';

CREATE FUNCTION attest.countersign(slot uuid, signature attest.signature) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  signed_before timestamptz;
  digest bytea;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('trainer');
  PERFORM attest_internal.require_slot(slot);
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
  -- Whoever is signing holds the row of their state: wait for them, and see them.
  PERFORM FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
  ORDER BY st.person_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NOT NULL) THEN
    PERFORM attest_internal.fail('nothing_to_countersign', slot::text);
  END IF;
  digest := attest_internal.list_digest(slot);

  -- Who is expected and has no event by now is absent: the trainer signs that too.
  PERFORM attest_internal.add_event(slot, st.person_id, 'absent', 0, 'countersignature')
  FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NULL;
  UPDATE attest_data.presence_state st SET countersigned = true
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot;
  INSERT INTO attest_data.countersignature (tenant_id, countersignature_id, slot_id, trainer_id, signature_id, list_digest, events)
  VALUES (attest.current_tenant(), event, slot, attest.current_person(),
    attest_internal.store_signature(slot, attest.current_person(), 'trainer', signature, now()), digest,
    ARRAY(SELECT st.presence_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot ORDER BY st.person_id));
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.countersign(uuid, attest.signature) IS
'The trainer of the ticket countersigns a slot: who has no event becomes absent, and the signature is bound to exactly the list (SHA-256 of its lines). Errors TA106 not a trainer of the slot, TA107 already done, TA108 nothing recorded.';

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
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_change() IS 'Trigger of append-only tables: a correction is a new row.';
