-- retention: how long people are kept, and what remains of them afterwards.

CREATE FUNCTION attest.set_retention_rule(profile text, keep interval, basis text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  PERFORM attest_internal.check_person_field('profile', profile);
  IF keep IS NULL OR keep < interval '1 month' THEN
    PERFORM attest_internal.fail('bad_value', 'keep', 'one month or more');
  END IF;
  IF coalesce(basis, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis');
  END IF;
  INSERT INTO attest_data.retention_rule AS r (tenant_id, profile, keep, basis)
  VALUES (attest_internal.required_tenant(), set_retention_rule.profile, set_retention_rule.keep, set_retention_rule.basis)
  ON CONFLICT ON CONSTRAINT retention_rule_pkey DO UPDATE
  SET keep = EXCLUDED.keep, basis = EXCLUDED.basis, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_retention_rule(text, interval, text) IS
'How long people of a profile are kept after their last activity, and on what basis (law, contract, decision). A person with several profiles is kept for the longest; without a rule for each of them, for good. For managers and the DPO.';

CREATE FUNCTION attest.place_hold(person uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.legal_hold (tenant_id, hold_id, person_id, reason, placed_by)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person,
    attest.seal(place_hold.reason, person, 'hold.reason'), attest.current_account());
END
$$;
COMMENT ON FUNCTION attest.place_hold(uuid, text) IS
'Forbids erasing a person until the hold is lifted, for a litigation or a requisition. For managers and the DPO.';

CREATE FUNCTION attest.lift_hold(person uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifted int;
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  UPDATE attest_data.legal_hold h
  SET lifted_at = now(), lifted_by = attest.current_account(),
    lift_reason = attest.seal(lift_hold.reason, person, 'hold.reason')
  WHERE h.tenant_id = attest_internal.required_tenant() AND h.person_id = person AND h.lifted_at IS NULL;
  GET DIAGNOSTICS lifted = ROW_COUNT;
  RETURN lifted;
END
$$;
COMMENT ON FUNCTION attest.lift_hold(uuid, text) IS 'Lifts the holds on a person and returns how many there were. For managers and the DPO.';

CREATE FUNCTION attest_internal.require_subject(subject uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- One erasure at a time: the other one then finds the tombstone.
  PERFORM FROM attest_data.subject_key k
  WHERE k.tenant_id = attest_internal.required_tenant() AND k.subject_id = subject FOR UPDATE;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM attest_data.erased_subject e
        WHERE e.tenant_id = attest.current_tenant() AND e.subject_id = subject)
      OR EXISTS (SELECT FROM attest_data.person_alias a WHERE a.tenant_id = attest.current_tenant() AND a.alias_id = subject)
      OR EXISTS (SELECT FROM jsonb_each_text(attest_internal.in_every_room('_owns', subject)) o WHERE o.value <> '0') THEN
    PERFORM attest_internal.person_missing(subject);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_subject(uuid) IS
'Raises, for somebody who is not in the register, unless there is, or was, a key of theirs: columns of attest.protect_columns() take any uuid as a person. The key of an import or an operation is nobody''s.';

CREATE FUNCTION attest_internal.anonymise_person(person uuid, reason text, authority text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
  held date;
  emptied jsonb;
BEGIN
  PERFORM attest_internal.require_latest();
  -- Whoever writes for the person holds a lock of require_person(): wait for them.
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.require_subject(person);
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('already_erased', anonymised::date::text);
  END IF;
  SELECT h.placed_at::date INTO held FROM attest_data.legal_hold h
  WHERE h.tenant_id = attest_internal.required_tenant() AND h.person_id = person AND h.lifted_at IS NULL LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('person_on_hold', held::text);
  END IF;
  -- The key goes last: the rooms may need it to keep what is anonymous.
  emptied := attest_internal.in_every_room('_erase', person);
  PERFORM attest_internal.destroy_subject_key(person, reason, authority);
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.anonymise_person(uuid, text, text) IS
'Anonymises a person: every room empties its records, then the key is destroyed. Returns records emptied by room. Error TA602 while a hold stands.';

CREATE FUNCTION attest.erase_person(person uuid, reason text, authority text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF coalesce(authority, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'authority');
  END IF;
  RETURN attest_internal.anonymise_person(person, reason, authority);
END
$$;
COMMENT ON FUNCTION attest.erase_person(uuid, text, text) IS
'Erases a person for good: names, contacts, captures and blind values go, what counts in statistics and names nobody stays, the key is destroyed, and every session of the server forgets it at once. A tombstone keeps id, time, reason (such as GDPR art. 17) and the authority that decided: write no names there. Backups follow with attest.rotate_keys(); attest.erasures shows how far. So for somebody whom only columns of attest.protect_columns() know. Imports that hold records, staged or rejected, are emptied, as these may be about the person: a NOTICE says so. Returns records emptied by room. Errors TA601 already erased, TA602 on hold, TA319 outside READ COMMITTED. For managers and the DPO.';

CREATE FUNCTION attest_internal.retention_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due record;
  people jsonb := '[]';
  body jsonb;
BEGIN
  FOR due IN
    SELECT d.person_id, d.due_on, d.basis FROM attest.retention_due d
    WHERE d.due_on <= attest_internal.local_day() AND NOT d.on_hold
    ORDER BY d.due_on, d.person_id
    LIMIT 1000
  LOOP
    people := people || jsonb_build_object('person', due.person_id, 'due_on', due.due_on, 'basis', due.basis,
      'records', attest_internal.anonymise_person(due.person_id, 'retention', due.basis));
  END LOOP;
  IF jsonb_array_length(people) = 0 THEN
    RETURN 0;
  END IF;
  body := jsonb_build_object('tenant', (SELECT t.code FROM attest_data.tenant t WHERE t.id = attest.current_tenant()),
    'done_at', now(), 'engine', 'attest ' || attest.version(), 'method', 'destruction of the key of the person (AES-256) and emptying of records',
    'persons', people);
  INSERT INTO attest_data.destruction_certificate (tenant_id, certificate_id, persons, body, digest)
  VALUES (attest.current_tenant(), attest.uuid_v7(), jsonb_array_length(people), body, sha256(convert_to(body::text, 'UTF8')));
  RETURN jsonb_array_length(people);
END
$$;
COMMENT ON FUNCTION attest_internal.retention_job() IS
'Anonymises the people of the entered tenant who are past their retention, a thousand a run at most, and leaves one certificate of destruction.';
