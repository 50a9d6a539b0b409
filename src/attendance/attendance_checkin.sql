-- attendance, check-in: challenges, codes, countersigning, who is on the board.

CREATE FUNCTION attest.slot_code(slot uuid, OUT code text, OUT qr text, OUT valid_until timestamptz) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  random bytea := uuid_send(gen_random_uuid());
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.lock_flags(slot);
  -- Eight of 32 characters that are not taken for one another, from bytes of the uuid that are all random.
  SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + (get_byte(random, b) & 31), 1), '') INTO code
  FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) b;
  valid_until := now() + interval '1 minute';
  qr := format('attest:1:%s:%s', slot, code);
  DELETE FROM attest_data.slot_code c WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot AND c.expires_at < now();
  INSERT INTO attest_data.slot_code (tenant_id, slot_id, hash, expires_at)
  VALUES (attest.current_tenant(), slot, sha256(convert_to(slot || ':' || code, 'UTF8')), valid_until);
END
$$;
COMMENT ON FUNCTION attest.slot_code(uuid) IS
'A new code to show in the room, good for a minute, and the text of its QR code. Call it every half minute: the last two are good. Only its hash is kept. For managers and trainers.';

CREATE FUNCTION attest_internal.require_code(slot uuid, person uuid, code text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  guesser text := format('slot code %s', person);
BEGIN
  IF NOT attest_internal.take_guess(guesser) OR NOT EXISTS (SELECT FROM attest_data.slot_code c
      WHERE c.tenant_id = attest_internal.required_tenant() AND c.slot_id = slot
        AND c.hash = sha256(convert_to(slot || ':' || upper(code), 'UTF8')) AND c.expires_at > now()) THEN
    PERFORM attest_internal.fail('code_invalid', slot::text);
  END IF;
  PERFORM attest_internal.forgive_guesses(guesser);
END
$$;
COMMENT ON FUNCTION attest_internal.require_code(uuid, uuid, text) IS 'Error TA116 unless the code is one that the slot shows now; after five wrong ones, for growing times.';

CREATE FUNCTION attest.challenge(slot uuid, person uuid, device uuid, code text DEFAULT NULL) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Twice 122 random bits.
  answer bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  signed_already boolean;
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF device IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'device');
  END IF;
  SELECT st.signed INTO signed_already FROM attest_data.presence_state st
  WHERE st.tenant_id = attest_internal.required_tenant() AND st.slot_id = slot AND st.person_id = person;
  IF NOT FOUND THEN
    PERFORM attest_internal.refuse_stranger(slot);
  ELSIF signed_already THEN
    PERFORM attest_internal.signed_earlier(slot, person, NULL);
  END IF;
  IF code IS NOT NULL THEN
    PERFORM attest_internal.require_code(slot, person, code);
  END IF;
  INSERT INTO attest_data.challenge AS c (tenant_id, slot_id, person_id, device_id, hash, expires_at, coded)
  VALUES (attest.current_tenant(), slot, person, device, sha256(answer), now() + interval '2 minutes', challenge.code IS NOT NULL)
  ON CONFLICT ON CONSTRAINT challenge_pkey DO UPDATE SET hash = EXCLUDED.hash, expires_at = EXCLUDED.expires_at, coded = EXCLUDED.coded;
  RETURN answer;
END
$$;
COMMENT ON FUNCTION attest.challenge(uuid, uuid, uuid, text) IS
'32 bytes that let one device sign one slot for one person once, within two minutes: attest.sign() takes them. code: what the slot shows in the room now, which raises the evidence. Only a hash is kept. Errors TA103, TA104, TA116.';

CREATE FUNCTION attest.list_digest(slot uuid) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  PERFORM attest_internal.require_slot(slot);
  RETURN attest_internal.list_digest(slot);
END
$$;
COMMENT ON FUNCTION attest.list_digest(uuid) IS
'What a countersignature is bound to: SHA-256 of the id of the slot and then a line "person status minutes_attended" for each person on it, ordered by person, separated by line feeds. A client may compute it from what it shows.';

CREATE FUNCTION attest.countersign(
  slot uuid, signature attest.signature, shown bytea DEFAULT NULL, client_id uuid DEFAULT NULL, claimed_at timestamptz DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known uuid;
  earlier attest_data.countersignature;
  signed_at timestamptz := coalesce(claimed_at, now());
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
  known := attest_internal.earlier_call(client_id, 'countersign', slot, NULL);
  IF known IS NOT NULL THEN
    RETURN known;
  ELSIF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;
  SELECT * INTO earlier FROM attest_data.countersignature c
  WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_countersigned', slot::text, earlier.countersigned_at::text);
  END IF;
  -- Whoever is signing holds the row of their state: wait for them, and see them.
  PERFORM FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
  ORDER BY st.person_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NOT NULL) THEN
    PERFORM attest_internal.fail('nothing_to_countersign', slot::text);
  END IF;
  digest := attest_internal.list_digest(slot);
  IF shown <> digest THEN
    PERFORM attest_internal.fail('list_changed', slot::text, encode(shown, 'hex'), encode(digest, 'hex'));
  END IF;
  PERFORM attest_internal.lock_flags(slot);

  -- Who is expected and has no event by now is absent: the trainer signs that too.
  PERFORM attest_internal.add_event(slot, st.person_id, 'absent', 0, 'countersignature', signed_at)
  FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NULL;
  UPDATE attest_data.presence_state st SET countersigned = true
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot;
  INSERT INTO attest_data.countersignature (tenant_id, countersignature_id, slot_id, trainer_id, signature_id, list_digest, shown, events, countersigned_at, client_id)
  VALUES (attest.current_tenant(), event, slot, attest.current_person(),
    attest_internal.store_signature(slot, attest.current_person(), 'trainer', signature, signed_at), digest, countersign.shown IS NOT NULL,
    ARRAY(SELECT st.presence_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot ORDER BY st.person_id), signed_at, countersign.client_id);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.countersign(uuid, attest.signature, bytea, uuid, timestamptz) IS
'The trainer of the ticket countersigns a slot: who has no event becomes absent, and the signature is bound to exactly the list. shown: attest.list_digest() of the list that the trainer saw; another list now is error TA117. Without it, the list as it stands is countersigned. client_id makes the call safe to repeat; claimed_at is the time on the device where it was offline. Errors TA106 not a trainer of the slot, TA107 already done, TA108 nothing recorded, TA109 future, TA112 client id of another slot, TA114 locked, TA118 cancelled.';

CREATE FUNCTION attest.live_board(
  slot uuid, OUT person_id uuid, OUT last_name text, OUT first_name text, OUT status text, OUT at timestamptz, OUT method text,
  OUT minutes_attended int, OUT evidence smallint, OUT countersigned boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager');
  PERFORM attest_internal.require_slot(slot);
  RETURN QUERY
  SELECT b.person_id, attest.unseal(p.last_name, p.person_id, 'person.last_name'),
    attest.unseal(p.first_name, p.person_id, 'person.first_name'), b.status, b.claimed_at, b.method,
    b.minutes_attended, b.evidence, b.countersigned
  FROM attest.presences b
  JOIN attest_data.person p ON p.tenant_id = attest.current_tenant() AND p.person_id = b.person_id
  WHERE b.slot_id = slot
  ORDER BY 2, 3;
END
$$;
COMMENT ON FUNCTION attest.live_board(uuid) IS
'Who is expected on a slot and where each stands now: expected until an event, then its status, time, method, minutes and level of evidence.';
