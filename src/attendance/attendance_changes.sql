-- attendance, what changes a plan or a status afterwards: windows, locks, cancellations, disputes, justifications.

CREATE FUNCTION attest.set_signing(
  session uuid, opens_before interval DEFAULT NULL, closes_after interval DEFAULT NULL, own_device_evidence int DEFAULT 2
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF (own_device_evidence BETWEEN 2 AND 4) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'own_device_evidence', '2 signed, 3 challenged or 4 with the code of the room');
  END IF;
  UPDATE attest_data.session s
  SET opens_before = set_signing.opens_before, closes_after = set_signing.closes_after, own_device_evidence = set_signing.own_device_evidence
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.set_signing(uuid, interval, interval, int) IS
'When signing is open around each slot of a session, by the time claimed (NULL: without limit; outside it is error TA113, TA123 for too little evidence), and the least level of evidence of who signs for themselves: 2 a signature, 3 in answer to a challenge, 4 and with the code shown in the room.';

CREATE FUNCTION attest.set_attendance_policy(
  lock_after interval DEFAULT NULL, absence_after interval DEFAULT '1 day', chain_people int DEFAULT 3,
  chain_within interval DEFAULT '10 seconds', end_margin interval DEFAULT '15 minutes'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF lock_after < interval '0' OR absence_after < interval '0' THEN
    PERFORM attest_internal.fail('bad_value', 'lock_after, absence_after', 'a time from 0 on, or NULL');
  END IF;
  IF (chain_people >= 2 AND chain_within > interval '0' AND end_margin >= interval '0') IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'chain_people, chain_within, end_margin', '2 or more, and times');
  END IF;
  INSERT INTO attest_data.attendance_policy AS p (tenant_id, lock_after, absence_after, chain_people, chain_within, end_margin)
  VALUES (attest_internal.required_tenant(), set_attendance_policy.lock_after, set_attendance_policy.absence_after,
    set_attendance_policy.chain_people, set_attendance_policy.chain_within, set_attendance_policy.end_margin)
  ON CONFLICT ON CONSTRAINT attendance_policy_pkey DO UPDATE
  SET lock_after = EXCLUDED.lock_after, absence_after = EXCLUDED.absence_after, chain_people = EXCLUDED.chain_people,
    chain_within = EXCLUDED.chain_within, end_margin = EXCLUDED.end_margin, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_attendance_policy(interval, interval, int, interval, interval) IS
'Choices of the tenant. lock_after: how long after its end a slot takes changes from others than managers (NULL: always, the default). absence_after: when who did not sign is absent (a day by default; NULL: only by countersigning). The rest is what attest.presence_flags points at: how many people from one device within what time, and what is the end of a slot.';

CREATE FUNCTION attest.cancel_slot(slot uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  cancelled int;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR NO KEY UPDATE;
  PERFORM attest_internal.lock_flags(slot);
  UPDATE attest_data.slot s SET cancelled_at = now(), closed_at = coalesce(s.closed_at, now())
  WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  -- Of who was erased nothing is sealed any more: the slot is cancelled for them without the reason.
  SELECT count(attest_internal.add_event(slot, st.person_id, 'cancelled', 0, 'cancellation', NULL, CASE WHEN NOT st.erased THEN cancel_slot.reason END)) INTO cancelled
  FROM (SELECT s.person_id, p.anonymised_at IS NOT NULL AS erased FROM attest_data.presence_state s
    JOIN attest_data.person p ON p.tenant_id = s.tenant_id AND p.person_id = s.person_id
    WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot ORDER BY s.person_id) st;
  RETURN cancelled;
END
$$;
COMMENT ON FUNCTION attest.cancel_slot(uuid, text) IS
'The slot does not take place: everybody expected on it is recorded as cancelled, nothing is planned any more, and nobody signs it (TA118). Returns how many people. For managers.';

CREATE FUNCTION attest.cancel_session(session uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slots int;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  SELECT count(attest.cancel_slot(sl.slot_id, reason)) INTO slots
  FROM (SELECT s.slot_id FROM attest_data.slot s
    WHERE s.tenant_id = attest.current_tenant() AND s.session_id = session AND s.starts_at > now() AND s.cancelled_at IS NULL
    ORDER BY s.starts_at, s.slot_id) sl;
  RETURN slots;
END
$$;
COMMENT ON FUNCTION attest.cancel_session(uuid, text) IS
'Cancels the slots of a session that have not started; what took place stays. Returns how many slots. For managers.';

CREATE FUNCTION attest.dispute(slot uuid, person uuid, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  attended int;
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(person);
  SELECT st.minutes_attended INTO attended FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  RETURN attest_internal.add_event(slot, person, 'disputed', attended, 'dispute', NULL, reason);
END
$$;
COMMENT ON FUNCTION attest.dispute(uuid, uuid, text) IS
'Contests what is recorded, at any time: minutes planned, attended and counted stay as they are until attest.record_presence() says what holds. Learners for themselves; trainers and managers for others. Error TA118 where the slot is cancelled.';

CREATE FUNCTION attest.submit_justification(slot uuid, person uuid, motive text, document bytea) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_justification uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF (motive = ANY (ARRAY['medical', 'family', 'transport', 'summons', 'employer', 'examination', 'other'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'motive', 'medical, family, transport, summons, employer, examination, other');
  END IF;
  IF (octet_length(document) BETWEEN 1 AND 10485760) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'document', 'from 1 byte to 10 MB');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(person);
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person) THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  INSERT INTO attest_data.justification (tenant_id, justification_id, slot_id, person_id, motive, document, digest)
  VALUES (attest.current_tenant(), new_justification, slot, person, submit_justification.motive,
    attest_internal.seal_bytes(submit_justification.document, person, 'justification.document'), sha256(submit_justification.document));
  RETURN new_justification;
END
$$;
COMMENT ON FUNCTION attest.submit_justification(uuid, uuid, text, bytea) IS
'Hands in a document for an absence or lateness; it is sealed. Motive: medical, family, transport, summons, employer, examination, other. Nothing changes until attest.decide_justification().';

CREATE FUNCTION attest.open_justification(justification uuid) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.justification;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,learner,beneficiary,candidate');
  SELECT * INTO held FROM attest_data.justification j
  WHERE j.tenant_id = attest_internal.required_tenant() AND j.justification_id = justification;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'justification', coalesce(justification::text, '-'));
  END IF;
  RETURN attest_internal.unseal_bytes(held.document, held.person_id, 'justification.document');
END
$$;
COMMENT ON FUNCTION attest.open_justification(uuid) IS 'The document that was handed in; NULL once the person is erased.';

CREATE FUNCTION attest.decide_justification(justification uuid, accepted boolean, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.justification;
  decided timestamptz;
  stands attest_data.presence_state;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent');
  IF accepted IS NULL OR coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'accepted, reason');
  END IF;
  SELECT * INTO held FROM attest_data.justification j
  WHERE j.tenant_id = attest_internal.required_tenant() AND j.justification_id = justification;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'justification', coalesce(justification::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(held.person_id);
  INSERT INTO attest_data.justification_decision (tenant_id, justification_id, person_id, accepted, reason)
  VALUES (attest.current_tenant(), held.justification_id, held.person_id, decide_justification.accepted,
    attest.seal(decide_justification.reason, held.person_id, 'justification.reason'))
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT d.decided_at INTO decided FROM attest_data.justification_decision d
    WHERE d.tenant_id = attest.current_tenant() AND d.justification_id = held.justification_id;
    PERFORM attest_internal.fail('already_decided', decided::text);
  ELSIF NOT accepted THEN
    RETURN NULL;
  END IF;
  SELECT * INTO stands FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = held.slot_id AND st.person_id = held.person_id FOR NO KEY UPDATE;
  -- Only who was not there is absent with a ground (systems.md B.3). Who came late or left early keeps the
  -- minutes, and the document is for those missed; an exemption needs none.
  RETURN attest_internal.add_event(held.slot_id, held.person_id,
    CASE WHEN stands.minutes_attended > 0 OR attest.status_name(stands.status) IN ('present', 'late', 'left_early', 'partial', 'exempted')
      THEN attest.status_name(stands.status) ELSE 'justified' END,
    stands.minutes_attended, 'justification', NULL, reason, attest_internal.lock_flags(held.slot_id), NULL, held.justification_id);
END
$$;
COMMENT ON FUNCTION attest.decide_justification(uuid, boolean, text) IS
'Decides on a document, once, with the reason (sealed). Accepted: an absence becomes justified; who was there for a part keeps the status and the minutes, and the event, of method justification, says that those missed are justified. Returns the event, NULL where refused. Error TA121 when already decided. For managers and HR managers.';
