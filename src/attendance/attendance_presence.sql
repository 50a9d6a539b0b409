-- attendance, presences: events, and the one status that they come to.

CREATE FUNCTION attest_internal.event_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_event_server' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.event_server() IS
'The system identifier of this cluster; whoever listens is woken once the transaction has committed.';

CREATE FUNCTION attest_internal.this_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_this_server' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.this_server() IS 'The system identifier of this cluster.';

CREATE FUNCTION attest_internal.lock_flags(slot uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_at timestamptz;
  called_off timestamptz;
BEGIN
  SELECT attest_internal.instant_after(s.ends_at, p.lock_after, s.time_zone), s.cancelled_at INTO locked_at, called_off
  FROM attest_data.slot s LEFT JOIN attest_data.attendance_policy p ON p.tenant_id = s.tenant_id
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.slot_id = slot;
  IF called_off IS NOT NULL THEN
    PERFORM attest_internal.fail('slot_cancelled', slot::text, called_off::text);
  ELSIF locked_at < now() THEN
    IF attest.current_profile() <> 'manager' THEN
      PERFORM attest_internal.fail('slot_locked', locked_at::text);
    END IF;
    RETURN '{AFTER_LOCK}';
  END IF;
  RETURN '{}';
END
$$;
COMMENT ON FUNCTION attest_internal.lock_flags(uuid) IS
'What the lock of a slot gives to look at: AFTER_LOCK for a manager, error TA114 for others; TA118 once cancelled.';

CREATE FUNCTION attest_internal.event_rank(method text) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN method IN ('automatic', 'countersignature') THEN 1 WHEN method IS NULL THEN 0 WHEN method = 'cancellation' THEN 3 ELSE 2 END;
END
$$;
COMMENT ON FUNCTION attest_internal.event_rank(text) IS
'Which event wins: a cancellation over all others, one that somebody stated over one that followed from nothing recorded; within a rank, the later by claimed_at; where that is the same, the greater status, method and minutes, so that events may arrive in any order.';

CREATE FUNCTION attest_internal.contested_status(slot uuid, person uuid) RETURNS smallint
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT p.status FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.slot_id = slot AND p.person_id = person
      AND p.status NOT IN (attest_internal.status_code('disputed'), attest_internal.status_code('cancelled'))
      -- What came in later, with an earlier claim, was not contested.
      AND p.recorded_at <= coalesce((SELECT d.recorded_at FROM attest_data.presence_state st
        JOIN attest_data.presence d ON d.tenant_id = st.tenant_id AND d.presence_id = st.presence_id
        WHERE st.tenant_id = p.tenant_id AND st.slot_id = slot AND st.person_id = person
          AND st.status = attest_internal.status_code('disputed')), 'infinity')
    ORDER BY attest_internal.event_rank(p.method) DESC, p.claimed_at DESC, p.status DESC, p.method DESC, p.minutes_attended DESC
    LIMIT 1), attest_internal.status_code('expected'))
$$;
COMMENT ON FUNCTION attest_internal.contested_status(uuid, uuid) IS
'The status beneath a dispute, by which its minutes count: a dispute decides nothing.';

CREATE FUNCTION attest_internal.add_event(
  slot uuid, person uuid, status text, attended int, method text, claimed_at timestamptz DEFAULT NULL, reason text DEFAULT NULL,
  flags text[] DEFAULT '{}', client_id uuid DEFAULT NULL, justification uuid DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  code smallint := attest_internal.status_code(status);
  event uuid := attest.uuid_v7();
  level smallint := CASE WHEN method IN ('automatic', 'countersignature') THEN 0 ELSE 1 END;
  held attest_data.presence_state;
  counts smallint := code;
  keeps boolean;
  planned int;
BEGIN
  -- The row of the state is the lock of all events of a person on a slot.
  SELECT * INTO held FROM attest_data.presence_state st
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND OR held.status = attest_internal.status_code('cancelled') AND add_event.status <> 'cancelled' THEN
    PERFORM attest_internal.refuse_stranger(slot);
  ELSIF add_event.status = 'disputed' THEN
    counts := attest_internal.contested_status(slot, person);
  END IF;
  SELECT CASE WHEN add_event.status = 'cancelled' THEN 0 ELSE attest_internal.minutes_between(sl.starts_at, sl.ends_at) END INTO planned
  FROM attest_data.slot sl WHERE sl.tenant_id = tenant AND sl.slot_id = slot;
  -- What is done here and now comes after all that is held, also after what a fast clock claimed.
  claimed_at := coalesce(claimed_at, greatest(clock_timestamp(), held.claimed_at + interval '1 microsecond'));
  -- A document for minutes missed leaves the status, and who stated it, as it was.
  keeps := method = 'justification' AND code = held.status;
  INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
    claimed_at, method, client_id, justification_id, channel, flags, reason)
  VALUES (tenant, planned, attended, code, level, event, slot, person, add_event.claimed_at, add_event.method, add_event.client_id,
    justification, add_event.channel, add_event.flags, attest.seal(add_event.reason, person, 'presence.reason'));
  UPDATE attest_data.presence_state st
  SET status = code, evidence = CASE WHEN keeps THEN st.evidence ELSE level END, minutes_planned = planned, minutes_attended = attended,
    late_minutes = CASE WHEN counts = attest_internal.status_code('late') THEN planned - attended ELSE 0 END,
    minutes_counted = attest_internal.minutes_counted(st.rule_version, counts, planned, attended),
    countersigned = keeps AND st.countersigned, method = add_event.method, presence_id = event, claimed_at = add_event.claimed_at
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person
    AND (st.presence_id IS NULL OR (attest_internal.event_rank(add_event.method), add_event.claimed_at, code, add_event.method, attended)
      >= (attest_internal.event_rank(st.method), st.claimed_at, st.status, st.method, st.minutes_attended));
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind)
  VALUES (tenant, event, slot, person, attest_internal.event_server(), add_event.status);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest_internal.add_event(uuid, uuid, text, int, text, timestamptz, text, text[], uuid, uuid, text) IS
'Writes an event, the status that it comes to and the notice of it; without claimed_at it happens now, after all that is held. Errors TA103 where the person is not expected on the slot, TA118 where it is cancelled.';

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

CREATE FUNCTION attest_internal.require_signer(person uuid, signed_at timestamptz, claimed_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,learner,beneficiary,candidate,department_referent');
  IF attest.current_profile() IN ('learner', 'beneficiary', 'candidate') AND person IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('profile_refused', attest.current_profile(), 'the person who signs, or a trainer or manager');
  END IF;
  IF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_signer(uuid, timestamptz, timestamptz) IS
'Who may sign for whom: learners for themselves, staff for all; error TA005. And when: TA109 for a time to come.';

CREATE FUNCTION attest_internal.refuse_stranger(slot uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  called_off timestamptz;
BEGIN
  PERFORM attest_internal.require_slot(slot);
  SELECT s.cancelled_at INTO called_off FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  IF called_off IS NOT NULL THEN
    PERFORM attest_internal.fail('slot_cancelled', slot::text, called_off::text);
  END IF;
  PERFORM attest_internal.fail('not_enrolled', slot::text);
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_stranger(uuid) IS
'Why a person cannot be recorded on a slot: error TA105 without such a slot, TA118 where it is cancelled, else TA103: never enrolled, or gone by then.';

CREATE FUNCTION attest_internal.earlier_call(client uuid, kind text, slot uuid, person uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earlier record;
BEGIN
  IF kind = 'countersign' THEN
    SELECT c.countersignature_id AS id, c.slot_id = slot AS same INTO earlier FROM attest_data.countersignature c
    WHERE c.tenant_id = attest_internal.required_tenant() AND c.client_id = client;
  ELSE
    -- recorded_for: the person may have been merged into another since.
    SELECT p.presence_id AS id, p.slot_id = slot AND person IN (p.person_id, coalesce(p.recorded_for, p.person_id))
      AND (kind = 'sign') = (p.method = 'signature') AS same INTO earlier FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.client_id = client;
  END IF;
  IF FOUND AND earlier.same IS NOT TRUE THEN
    PERFORM attest_internal.fail('client_id_reused', client::text);
  END IF;
  RETURN earlier.id;
END
$$;
COMMENT ON FUNCTION attest_internal.earlier_call(uuid, text, uuid, uuid) IS
'What an earlier call (kind: sign, record, countersign) with this client id made, or NULL; error TA112 where the id stands for another slot, person or kind.';

CREATE FUNCTION attest_internal.signed_earlier(slot uuid, person uuid, client_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known uuid := attest_internal.earlier_call(client_id, 'sign', slot, person);
  signed_at timestamptz;
BEGIN
  IF known IS NULL THEN
    SELECT p.claimed_at INTO signed_at FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.slot_id = slot AND p.person_id = person AND p.method = 'signature' LIMIT 1;
    PERFORM attest_internal.fail('already_signed', slot::text, signed_at::text);
  END IF;
  RETURN known;
END
$$;
COMMENT ON FUNCTION attest_internal.signed_earlier(uuid, uuid, uuid) IS
'The event of an earlier call with the same client id; error TA104 where it is another signature, TA112 where the id stands for another slot.';

CREATE FUNCTION attest_internal.check_signing(slot uuid, level int, signed_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules attest_data.session;
  starts_at timestamptz;
  ends_at timestamptz;
BEGIN
  PERFORM attest_internal.lock_flags(slot);
  SELECT s.starts_at, s.ends_at INTO starts_at, ends_at FROM attest_data.slot s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.slot_id = slot;
  SELECT se.* INTO rules FROM attest_data.slot s
  JOIN attest_data.session se ON se.tenant_id = s.tenant_id AND se.session_id = s.session_id
  WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  IF signed_at < starts_at - rules.opens_before OR signed_at > ends_at + rules.closes_after THEN
    PERFORM attest_internal.fail('signing_closed', coalesce((starts_at - rules.opens_before)::text, '-'),
      coalesce((ends_at + rules.closes_after)::text, '-'), signed_at::text);
  ELSIF level < rules.own_device_evidence AND attest.current_profile() IN ('learner', 'beneficiary', 'candidate') THEN
    PERFORM attest_internal.fail('proof_too_weak', level::text, rules.own_device_evidence::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_signing(uuid, int, timestamptz) IS
'Why a signature is refused: TA118 cancelled, TA114 locked, TA113 outside the window, TA123 less evidence than the session asks of who signs for themselves.';

CREATE FUNCTION attest_internal.take_challenge(slot uuid, person uuid, device uuid, challenge bytea) RETURNS smallint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  coded boolean;
BEGIN
  DELETE FROM attest_data.challenge c
  WHERE c.tenant_id = attest_internal.required_tenant() AND c.slot_id = slot AND c.person_id = person AND c.device_id = device
    AND c.hash = sha256(challenge) AND c.expires_at > now()
  RETURNING c.coded INTO coded;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('challenge_invalid', slot::text);
  END IF;
  RETURN CASE WHEN coded THEN 4 ELSE 3 END;
END
$$;
COMMENT ON FUNCTION attest_internal.take_challenge(uuid, uuid, uuid, bytea) IS
'Uses a challenge up; returns the level of evidence that it gives. Error TA115.';

CREATE FUNCTION attest.sign(
  slot uuid, person uuid, signature attest.signature, challenge bytea DEFAULT NULL, device uuid DEFAULT NULL,
  client_id uuid DEFAULT NULL, claimed_at timestamptz DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  signed_at timestamptz := coalesce(claimed_at, now());
  held record;
  level smallint;
  missed int := 0;
  code smallint := 1;
  wins boolean;
  event uuid := attest.uuid_v7();
BEGIN
  -- Conditions are expressions, and the call that names the fault comes after: PERFORM is a run of the executor.
  IF (attest.current_profile() IN ('manager', 'trainer')) IS NOT TRUE OR signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.require_signer(person, signed_at, claimed_at);
  END IF;
  -- The row of the state is the lock of all events of a person on a slot; it says who is expected, too.
  SELECT st.signed, st.presence_id, st.method, st.claimed_at, st.status, st.minutes_attended, sl.starts_at, sl.ends_at, sl.holiday, sl.cancelled_at,
    se.late_after, se.opens_before, se.closes_after, se.own_device_evidence, po.lock_after, extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60 AS planned,
    st.rule_version, coalesce(r.rule_version, 0) AS read_version, coalesce(r.as_attended, 542) AS as_attended, coalesce(r.as_planned, 256) AS as_planned, coalesce(r.grain, 1) AS grain INTO held
  FROM attest_data.presence_state st
  JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
  JOIN attest_data.session se ON se.tenant_id = st.tenant_id AND se.session_id = st.session_id
  JOIN attest_data.person p ON p.tenant_id = st.tenant_id AND p.person_id = st.person_id
  LEFT JOIN attest_data.counting_rule r ON r.tenant_id = st.tenant_id AND r.rule_version = st.rule_version
  LEFT JOIN attest_data.attendance_policy po ON po.tenant_id = st.tenant_id
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person
  FOR NO KEY UPDATE OF st FOR KEY SHARE OF p;
  IF NOT FOUND OR held.status = attest_internal.status_code('cancelled') AND NOT held.signed THEN
    PERFORM attest_internal.refuse_stranger(slot);
  ELSIF held.signed THEN
    RETURN attest_internal.signed_earlier(slot, person, client_id);
  END IF;
  level := CASE WHEN challenge IS NULL THEN 2 ELSE attest_internal.take_challenge(slot, person, device, challenge) END;
  IF held.cancelled_at IS NOT NULL OR now() > held.ends_at + held.lock_after OR signed_at < held.starts_at - held.opens_before
      OR signed_at > held.ends_at + held.closes_after OR level < held.own_device_evidence THEN
    PERFORM attest_internal.check_signing(slot, level, signed_at);
  END IF;
  IF signed_at - held.starts_at > held.late_after THEN
    missed := least(held.planned, floor(extract(epoch FROM signed_at - held.starts_at) / 60));
    code := CASE WHEN missed > 0 THEN 2 ELSE 1 END;
  END IF;
  wins := held.presence_id IS NULL OR (2, signed_at, code, 'signature', held.planned - missed) >= (attest_internal.event_rank(held.method), held.claimed_at, held.status, held.method, held.minutes_attended);
  IF attest_internal.require_ink(signature) IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  WITH s AS (
    INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
    VALUES (attest.current_tenant(), event, slot, person, 'learner', attest.signature_kind(signature),
      attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
      attest.signature_digest(signature), attest.signature_reasons(signature), signed_at)
  ), e AS (
    INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
      claimed_at, method, client_id, device_id, signature_id, channel, flags)
    VALUES (attest.current_tenant(), held.planned, held.planned - missed, code, level, event, slot, person, signed_at, 'signature',
      sign.client_id, device, event, sign.channel,
      array_remove(ARRAY[
        CASE WHEN signed_at < held.starts_at - interval '15 minutes' OR signed_at > held.ends_at + interval '15 minutes' THEN 'OUTSIDE_SLOT' END,
        CASE WHEN signed_at < held.starts_at - interval '15 minutes' THEN 'BEFORE_SLOT' END,
        CASE WHEN held.holiday THEN 'PUBLIC_HOLIDAY' END, CASE WHEN now() > held.ends_at + held.lock_after THEN 'AFTER_LOCK' END,
        CASE WHEN now() - signed_at > interval '5 minutes' THEN 'OFFLINE' END], NULL))
    ON CONFLICT DO NOTHING RETURNING presence.status
  ), u AS (
    UPDATE attest_data.presence_state st
    SET signed = true, status = code, evidence = level, minutes_planned = held.planned, minutes_attended = held.planned - missed,
      late_minutes = missed, countersigned = false, method = 'signature', presence_id = event, claimed_at = signed_at,
      -- Where another rule, or enrolment, came in while this waited for the row, the rule that was read beside it is that of before.
      minutes_counted = CASE held.read_version WHEN held.rule_version THEN attest_internal.count_minutes(held.as_attended, held.as_planned, held.grain, code, held.planned, held.planned - missed)
        ELSE attest_internal.minutes_counted(held.rule_version, code, held.planned, held.planned - missed) END
    FROM e
    WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person AND wins
  )
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind) SELECT attest.current_tenant(), event, slot, person, attest_internal.event_server(), CASE code WHEN 2 THEN 'late' ELSE 'present' END FROM e;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', sign.client_id::text);
  ELSIF NOT wins THEN
    UPDATE attest_data.presence_state st SET signed = true
    WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person;
  END IF;
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text) IS
'A person signs a slot; returns the presence_id. challenge: what attest.challenge() gave this device. client_id makes the call safe to repeat; claimed_at is the time on the device where it was offline (flag OFFLINE). Later than the tolerance of the session: late, with the minutes missed taken off. Learners sign for themselves only. Errors TA103 not enrolled, TA104 already signed, TA109 future, TA113 outside the window, TA114 locked, TA115 challenge, TA118 cancelled, TA123 evidence, TA202 and TA203 ink.';

CREATE FUNCTION attest.record_presence(
  slot uuid, person uuid, status text, reason text, minutes_attended int DEFAULT NULL, claimed_at timestamptz DEFAULT NULL,
  client_id uuid DEFAULT NULL, method text DEFAULT 'entry'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  stated_at timestamptz := coalesce(claimed_at, clock_timestamp());
  minutes_planned int;
  most int;
  known uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  facts := attest_internal.require_slot(slot);
  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  most := CASE WHEN status IN ('absent', 'excused', 'exempted') THEN 0 ELSE minutes_planned END;
  IF status = 'justified' THEN
    PERFORM attest_internal.fail('document_needed');
  ELSIF (status = ANY (ARRAY['present', 'late', 'left_early', 'partial', 'absent', 'excused', 'exempted', 'in_company'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'status', 'present, late, left_early, partial, absent, excused, exempted, in_company');
  ELSIF (method = ANY (ARRAY['entry', 'import', 'badge', 'connection_log', 'work_handed_in', 'paper'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'method', 'entry, import, badge, connection_log, work_handed_in, paper');
  ELSIF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF stated_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  ELSIF status = 'excused' AND stated_at > facts.starts_at THEN
    PERFORM attest_internal.fail('excused_late', facts.starts_at::text, stated_at::text);
  END IF;
  minutes_attended := coalesce(minutes_attended, CASE WHEN status IN ('present', 'in_company') THEN minutes_planned
    WHEN most = 0 THEN 0 END);
  IF minutes_attended IS NULL OR NOT minutes_attended BETWEEN 0 AND most THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_attended', format('from 0 to %s', most));
  END IF;
  PERFORM attest_internal.require_person(person);
  PERFORM FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  known := attest_internal.earlier_call(client_id, 'record', slot, person);
  IF known IS NOT NULL THEN
    RETURN known;
  END IF;
  RETURN attest_internal.add_event(slot, person, status, minutes_attended, method, claimed_at, reason,
    attest_internal.lock_flags(slot), client_id);
END
$$;
COMMENT ON FUNCTION attest.record_presence(uuid, uuid, text, text, int, timestamptz, uuid, text) IS
'Records a presence, an absence or a correction, as a new event with its reason (sealed) and author. Minutes: all for present and in_company, none for absences and exemptions, required for late, left_early and partial. excused: claimed_at, when the excuse came, lies before the start (TA119). method: entry, import, badge, connection_log, work_handed_in, paper. client_id makes the call safe to repeat. Locked: managers only, flagged AFTER_LOCK (TA114). Errors TA103, TA118, TA120.';

CREATE FUNCTION attest_internal.list_digest(slot uuid) RETURNS bytea
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(concat_ws(E'\n', slot, string_agg(
    format('%s %s %s', st.person_id, attest.status_name(st.status), st.minutes_attended), E'\n' ORDER BY st.person_id)), 'UTF8'))
  FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
$$;
COMMENT ON FUNCTION attest_internal.list_digest(uuid) IS
'SHA-256 of the list of a slot as it stands: see attest.list_digest().';

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
  documents int;
BEGIN
  -- Times, minutes and digests stay: they are the totals, and name nobody.
  UPDATE attest_data.slot_signature s SET signature = NULL
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.person_id = person AND s.signature IS NOT NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  UPDATE attest_data.justification j SET document = NULL
  WHERE j.tenant_id = attest.current_tenant() AND j.person_id = person AND j.document IS NOT NULL;
  GET DIAGNOSTICS documents = ROW_COUNT;
  RETURN emptied + documents;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_erase(uuid) IS 'What attendance forgets of a person at erasure: the captures and documents; returns their number.';

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
