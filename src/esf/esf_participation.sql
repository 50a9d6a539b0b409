-- esf: participations, one a person and operation, version by version.

CREATE FUNCTION attest_internal.result_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['exit', 'status_exit', 'changes_after_exit', 'new_education', 'qualification', 'yei_completed', 'yei_offer']
    || attest_internal.followup_keys()
$$;
COMMENT ON FUNCTION attest_internal.result_keys() IS 'Keys of facts that tell of the exit and the time after: those of the last stay count.';

CREATE FUNCTION attest_internal.followup_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['status_6m', 'improved_6m', 'reached_6m', 'education_6m', 'self_employed_6m']
$$;
COMMENT ON FUNCTION attest_internal.followup_keys() IS 'Keys of facts that tell of the situation six months after the exit.';

CREATE FUNCTION attest_internal.only_results(facts jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(r.key, r.value), '{}') FROM jsonb_each(facts) r WHERE r.key = ANY (attest_internal.result_keys())
$$;
COMMENT ON FUNCTION attest_internal.only_results(jsonb) IS 'What facts tell of the exit and the time after.';

CREATE FUNCTION attest_internal.check_keys(facts jsonb, accepted text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF facts IS NULL OR jsonb_typeof(facts) <> 'object' OR EXISTS (SELECT FROM jsonb_object_keys(facts) k WHERE NOT k = ANY (accepted)) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'keys of the facts', array_to_string(accepted, ', '));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_keys(jsonb, text[]) IS 'Error TA334 unless the facts are an object with no other keys than those.';

CREATE FUNCTION attest_internal.participation_facts(participation uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb
  FROM attest_data.participation p JOIN attest_data.participation_version v USING (tenant_id, participation_id, version)
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation
$$;
COMMENT ON FUNCTION attest_internal.participation_facts(uuid) IS 'What is known of a participation, opened; NULL once the person is erased.';

CREATE FUNCTION attest_internal.stay_facts(participation uuid, whole jsonb, OUT stay int, OUT entered_on date, OUT facts jsonb) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.stay, s.entered_on, CASE WHEN s.stay = max(s.stay) OVER () THEN whole
    ELSE (whole - attest_internal.result_keys()) || (
      SELECT attest_internal.only_results(attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb) FROM attest_data.participation_version v
      WHERE v.tenant_id = s.tenant_id AND v.participation_id = s.participation_id AND v.stay = s.stay ORDER BY v.version DESC LIMIT 1) END
  FROM attest_data.participation_stay s
  WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = stay_facts.participation
$$;
COMMENT ON FUNCTION attest_internal.stay_facts(uuid, jsonb) IS
'The facts of a participation as they stood at the end of each stay: what was true at the first entry as known in whole, with the exit and results of that stay, which for the last one are those of whole.';

CREATE FUNCTION attest_internal.participation_dossier(participation uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(attest.unseal(v.dossier, v.person_id, 'esf.dossier')::jsonb, '{}')
  FROM attest_data.participation p JOIN attest_data.participation_version v USING (tenant_id, participation_id, version)
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation
$$;
COMMENT ON FUNCTION attest_internal.participation_dossier(uuid) IS 'What imports kept of a participation besides the facts, opened.';

CREATE FUNCTION attest_internal.lock_participation(participation uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  person uuid;
  operation uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT p.person_id, p.operation_id INTO person, operation FROM attest_data.participation p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'participation', coalesce(participation::text, '-'));
  END IF;
  -- Before all, the operation: its parameters stand while something is counted by them.
  PERFORM FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = operation FOR KEY SHARE;
  -- Then the person, then what is recorded of them: the order in which erasing locks.
  PERFORM attest_internal.require_person(person);
  PERFORM FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION attest_internal.lock_participation(uuid) IS
'Lets one transaction at a time write a participation, and keeps the person from being erased and the parameters of the operation from being changed meanwhile. Errors TA005 by profile, TA105 for no participation that the profile sees, TA307.';

CREATE FUNCTION attest_internal.with_register(facts jsonb, person uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Sex and birth are the register's, so that a record cannot contradict it. The level of
  -- education is that at the first entry: what was recorded stands when the person learns more.
  SELECT jsonb_strip_nulls(jsonb_build_object('isced', p.isced)) || jsonb_strip_nulls(facts)
    || jsonb_strip_nulls(jsonb_build_object('sex', p.gender, 'birth', attest.unseal(p.birth_date, p.person_id, 'person.birth_date')))
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
$$;
COMMENT ON FUNCTION attest_internal.with_register(jsonb, uuid) IS
'Facts with sex and birth of the register, and its level of education where none is given.';

CREATE FUNCTION attest_internal.write_participation(participation uuid, facts jsonb, kind text, reason text DEFAULT NULL, dossier jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.participation;
  funded attest_data.operation;
  whole jsonb;
  entered date;
  left_on date;
BEGIN
  SELECT * INTO held FROM attest_data.participation p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  SELECT * INTO funded FROM attest_data.operation o WHERE o.tenant_id = held.tenant_id AND o.operation_id = held.operation_id FOR KEY SHARE;
  whole := attest_internal.with_register(facts, held.person_id);
  -- Raise on values that are not accepted and on dates that contradict each other, also those of earlier stays.
  PERFORM attest.esf_missing(funded.framework, whole);
  PERFORM attest.esf_missing(funded.framework, s.facts) FROM attest_internal.stay_facts(participation, whole) s;
  entered := (whole ->> 'entry')::date;
  left_on := (whole ->> 'exit')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation_version (tenant_id, participation_id, version, stay, person_id, kind, reason, facts, dossier)
  VALUES (held.tenant_id, participation, held.version + 1, attest_internal.write_stay(participation, held.person_id, whole, write_participation.kind),
    held.person_id, write_participation.kind,
    attest.seal(write_participation.reason, held.person_id, 'esf.reason'), attest.seal(whole::text, held.person_id, 'esf.facts'),
    coalesce(attest.seal(jsonb_strip_nulls(write_participation.dossier)::text, held.person_id, 'esf.dossier'),
      (SELECT v.dossier FROM attest_data.participation_version v WHERE v.tenant_id = held.tenant_id
        AND v.participation_id = held.participation_id AND v.version = held.version)));
  PERFORM attest_internal.count_stays(participation, held.version + 1, whole);
  -- The first recording of what is known of an exit is kept: a later correction is no delay.
  UPDATE attest_data.participation p
  SET version = held.version + 1, entered_on = entered, exited_on = left_on,
    exit_recorded_at = CASE WHEN left_on IS NULL THEN NULL WHEN write_participation.kind = 're_entry' THEN clock_timestamp()
      ELSE coalesce(p.exit_recorded_at, clock_timestamp()) END,
    followup_recorded_at = CASE WHEN whole ?| attest_internal.followup_keys()
      THEN CASE WHEN write_participation.kind = 're_entry' THEN clock_timestamp() ELSE coalesce(p.followup_recorded_at, clock_timestamp()) END END,
    corrected_at = CASE WHEN write_participation.kind = 'correction' THEN clock_timestamp() ELSE p.corrected_at END
  WHERE p.tenant_id = held.tenant_id AND p.participation_id = participation;
END
$$;
COMMENT ON FUNCTION attest_internal.write_participation(uuid, jsonb, text, text, jsonb) IS
'Adds a version of a participation that the caller has locked, and what it counts for; sex and birth are read from the register again. Nothing of it is ever changed.';

CREATE FUNCTION attest_internal.count_stays(participation uuid, version int, whole jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  recorded timestamptz := clock_timestamp();
BEGIN
  SELECT o.* INTO funded FROM attest_data.participation p JOIN attest_data.operation o USING (tenant_id, operation_id)
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  INSERT INTO attest_data.participation_count (tenant_id, operation_id, participation_id, version, stay, recorded_at, entered_on, exited_on, counted)
  SELECT funded.tenant_id, funded.operation_id, participation, count_stays.version, s.stay, recorded, s.entered_on, (s.facts ->> 'exit')::date,
    attest.seal(coalesce(s.facts ->> 'sex', '-') || attest.esf_indicator_set(funded.framework, s.facts, funded.parameters),
      funded.operation_id, 'esf.count')
  FROM attest_internal.stay_facts(participation, whole) s;
  PERFORM attest_internal.add_pending(funded.operation_id, participation, count_stays.version);
END
$$;
COMMENT ON FUNCTION attest_internal.count_stays(uuid, int, jsonb) IS
'Records what a version of a participation counts for up to the end of each stay, all at one time, so that a period that ended between two stays is reported from the first one.';

CREATE FUNCTION attest_internal.write_stay(participation uuid, person uuid, facts jsonb, kind text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int := (SELECT max(s.stay) FROM attest_data.participation_stay s
    WHERE s.tenant_id = attest_internal.required_tenant() AND s.participation_id = participation);
BEGIN
  IF last IS NULL THEN
    INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
    VALUES (attest.current_tenant(), participation, 1, person, (facts ->> 'entry')::date, (facts ->> 'exit')::date);
  ELSIF kind <> 're_entry' THEN
    UPDATE attest_data.participation_stay s
    SET exited_on = CASE s.stay WHEN last THEN (facts ->> 'exit')::date ELSE s.exited_on END,
      entered_on = CASE s.stay WHEN 1 THEN (facts ->> 'entry')::date ELSE s.entered_on END
    WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = participation AND s.stay IN (1, last);
  END IF;
  RETURN coalesce(last, 1);
END
$$;
COMMENT ON FUNCTION attest_internal.write_stay(uuid, uuid, jsonb, text) IS
'Keeps the stays of a participation in step with its facts; a further one was added by the re-entry itself. Returns the last one.';

CREATE FUNCTION attest_internal.re_enter(participation uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.participation;
  held_facts jsonb;
  entered date;
  code text;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  SELECT * INTO held FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
  SELECT o.code INTO code FROM attest_data.operation o WHERE o.tenant_id = held.tenant_id AND o.operation_id = held.operation_id;
  -- Raises where the facts of this stay are not such by themselves.
  PERFORM attest.esf_missing('esf', facts);
  entered := (facts ->> 'entry')::date;
  IF held.exited_on IS NULL OR entered IS NULL OR entered < held.exited_on THEN
    PERFORM attest_internal.fail('already_participates', code, held.entered_on::text);
  END IF;
  held_facts := attest_internal.participation_facts(participation);
  INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
  SELECT held.tenant_id, participation, max(s.stay) + 1, held.person_id, entered, (facts ->> 'exit')::date
  FROM attest_data.participation_stay s WHERE s.tenant_id = held.tenant_id AND s.participation_id = participation;
  PERFORM attest_internal.write_participation(participation,
    (held_facts - attest_internal.result_keys()) || attest_internal.only_results(facts),
    -- What a file said of the exit before is not said of the new stay.
    're_entry', dossier => attest_internal.participation_dossier(participation) - '{exit_situation,followup_situation,followup}'::text[]);
END
$$;
COMMENT ON FUNCTION attest_internal.re_enter(uuid, jsonb) IS
'A further stay: the first entry and what was true then stay, exit and results become those of the new stay, or open. Error TA401 while the person has not left, or for an entry before they left. Source: Commission FAQ for 2014-2020, participants who enter several times.';

CREATE FUNCTION attest.record_participation(operation uuid, person uuid, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  entered date;
  found_participation uuid;
  new_participation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(person);
  -- Raises on facts that contradict themselves.
  PERFORM attest.esf_missing(funded.framework, facts);
  entered := (facts ->> 'entry')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation (tenant_id, participation_id, operation_id, person_id, entered_on)
  VALUES (attest.current_tenant(), new_participation, operation, person, entered)
  ON CONFLICT ON CONSTRAINT participation_tenant_id_operation_id_person_id_key DO NOTHING;
  IF FOUND THEN
    PERFORM attest_internal.write_participation(new_participation, facts, 'entry');
    RETURN new_participation;
  END IF;
  SELECT p.participation_id INTO found_participation FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = record_participation.operation AND p.person_id = person;
  PERFORM attest_internal.re_enter(found_participation, facts);
  RETURN found_participation;
END
$$;
COMMENT ON FUNCTION attest.record_participation(uuid, uuid, jsonb) IS
'Records that a person takes part in an operation, and what is known: facts with keys as attest.esf_indicators(). A person has one participation in an operation: entered again after an exit, the first entry stands with what was true then, and exit and results become those of the new stay (Commission FAQ for 2014-2020); error TA401 before that. Sex and birth are those of the register where it has them, so is isced unless given. Whether somebody takes part is only ever recorded, never deduced from a social status. For managers, department referents and counsellors.';

CREATE FUNCTION attest.record_exit(participation uuid, exit date, results jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  PERFORM attest_internal.check_keys(results, attest_internal.result_keys());
  held := attest_internal.participation_facts(participation);
  IF held ? 'exit' THEN
    PERFORM attest_internal.fail('already_left', held ->> 'exit');
  ELSIF exit IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'exit');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || results || jsonb_build_object('exit', record_exit.exit), 'exit');
END
$$;
COMMENT ON FUNCTION attest.record_exit(uuid, date, jsonb) IS
'Records the last day of a participation and the results upon leaving: status_exit, new_education, qualification, yei_completed, yei_offer. When it was first recorded is kept (attest.participations): authorities ask for it within 30 days. Errors TA451 when the exit is known already, 22023 before the entry.';

CREATE FUNCTION attest.record_change_after_exit(participation uuid, changed_on date, status text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  held := attest_internal.participation_facts(participation);
  IF NOT held ? 'exit' THEN
    PERFORM attest_internal.fail('not_left');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || jsonb_build_object('changes_after_exit',
    coalesce(held -> 'changes_after_exit', '[]') || jsonb_build_object('on', changed_on, 'status', status)), 'change');
END
$$;
COMMENT ON FUNCTION attest.record_change_after_exit(uuid, date, text) IS
'Adds a change of status after the exit: unemployed, inactive, employed or job_searching. Changes are only added; of those within 28 days of the exit the last one counts, of one day the one recorded last. Error TA452 before the exit is recorded.';

CREATE FUNCTION attest.record_followup(participation uuid, results jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  PERFORM attest_internal.check_keys(results, attest_internal.followup_keys());
  held := attest_internal.participation_facts(participation);
  IF NOT held ? 'exit' THEN
    PERFORM attest_internal.fail('not_left');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || results, 'followup');
END
$$;
COMMENT ON FUNCTION attest.record_followup(uuid, jsonb) IS
'Records the situation six months after the exit: status_6m, improved_6m, education_6m, self_employed_6m, or reached_6m false when the person could not be reached, which is not the same as not asked. Error TA452 before the exit is recorded.';

CREATE FUNCTION attest.correct_participation(participation uuid, changes jsonb, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    PERFORM attest_internal.fail('bad_value', 'changes', 'an object with the keys to change');
  END IF;
  PERFORM attest_internal.write_participation(participation,
    attest_internal.participation_facts(participation) || changes, 'correction', correct_participation.reason);
END
$$;
COMMENT ON FUNCTION attest.correct_participation(uuid, jsonb, text) IS
'Corrects what is known of a participation: each key of changes replaces the value, null takes it away; sex and birth are read from the register again, also with changes {}. What was known before stays in attest.participation_history, and in reports as of an earlier time.';

CREATE FUNCTION attest.verify_participation(participation uuid, evidence text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.lock_participation(participation);
  IF evidence IS NULL OR NOT evidence = ANY ('{unverified,verified,rejected}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'evidence', 'unverified, verified, rejected');
  END IF;
  INSERT INTO attest_data.participation_evidence (tenant_id, evidence_id, participation_id, person_id, evidence)
  SELECT p.tenant_id, attest.uuid_v7(), p.participation_id, p.person_id, verify_participation.evidence
  FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
  UPDATE attest_data.participation p SET evidence = verify_participation.evidence
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
END
$$;
COMMENT ON FUNCTION attest.verify_participation(uuid, text) IS
'Says whether the pieces of proof of a participation were checked: unverified, verified, rejected. Earlier verdicts stay. attest.esf_report() counts verified ones alone when asked. For managers and department referents.';

CREATE FUNCTION attest_internal.esf_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  UPDATE attest_data.participation_version v SET facts = NULL, dossier = NULL, reason = NULL
  WHERE v.tenant_id = attest_internal.required_tenant() AND v.person_id = person AND v.facts IS NOT NULL;
  SELECT count(*) INTO emptied FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_erase(uuid) IS
'What ESF forgets of a person at erasure: everything known in any version; what the versions counted for stays, sealed for the operation. Returns how many participations there are.';

CREATE FUNCTION attest_internal.esf_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pair record;
  settled int := 0;
BEGIN
  FOR pair IN
    SELECT a.participation_id AS first, b.participation_id AS second, b.operation_id, b.version, a.exited_on, a.person_id,
      b.exit_recorded_at, b.followup_recorded_at,
      a.exited_on IS NULL OR b.exited_on IS NULL AS is_open, b.exited_on > a.exited_on AS second_left_last
    FROM attest_data.participation a
    JOIN attest_data.participation b ON b.tenant_id = a.tenant_id AND b.operation_id = a.operation_id AND b.participation_id <> a.participation_id
    WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id IN (keep, dropped) AND b.person_id IN (keep, dropped)
      AND (a.entered_on, a.person_id <> keep) < (b.entered_on, b.person_id <> keep)
    ORDER BY a.participation_id
  LOOP
    -- Who left and came back under another record has two stays; what overlaps, or is more than one, becomes one.
    INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
    SELECT attest.current_tenant(), pair.first, (SELECT max(f.stay) + 1 FROM attest_data.participation_stay f
      WHERE f.tenant_id = attest.current_tenant() AND f.participation_id = pair.first), pair.person_id, min(s.entered_on), min(s.exited_on)
    FROM attest_data.participation_stay s WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = pair.second
    HAVING count(*) = 1 AND min(s.entered_on) >= pair.exited_on;
    PERFORM attest_internal.write_participation(pair.first,
      (attest_internal.participation_facts(pair.first) - CASE WHEN pair.is_open OR pair.second_left_last THEN attest_internal.result_keys() ELSE '{}' END)
        || CASE WHEN pair.is_open OR NOT pair.second_left_last THEN '{}' ELSE attest_internal.only_results(attest_internal.participation_facts(pair.second)) END, 'merge');
    -- An exit was first recorded when it was, under whichever record.
    UPDATE attest_data.participation p SET exit_recorded_at = pair.exit_recorded_at, followup_recorded_at = pair.followup_recorded_at
    WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = pair.first AND pair.second_left_last;
    -- The other one counts no more from now on; that it did stays, for reports as of an earlier time.
    INSERT INTO attest_data.participation_count (tenant_id, operation_id, participation_id, version, stay, recorded_at, counted)
    VALUES (attest.current_tenant(), pair.operation_id, pair.second, pair.version + 1, 1, clock_timestamp(), attest.seal('void', pair.operation_id, 'esf.count'));
    PERFORM attest_internal.add_pending(pair.operation_id, pair.second, pair.version + 1);
    DELETE FROM attest_data.participation_version v WHERE v.tenant_id = attest.current_tenant() AND v.participation_id = pair.second;
    DELETE FROM attest_data.participation_stay s WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = pair.second;
    DELETE FROM attest_data.participation_evidence e WHERE e.tenant_id = attest.current_tenant() AND e.participation_id = pair.second;
    DELETE FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = pair.second;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_merge(uuid, uuid) IS
'What ESF settles before two people become one: of two participations in one operation the first entry stands, with its facts, and the last exit with its results, or none while either is open. Returns how many were joined.';
