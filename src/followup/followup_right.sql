-- followup: the right to the RSA, orientation.

CREATE FUNCTION attest_internal.situation_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['rights', 'obliged', 'applied_on', 'registered_on', 'registration_exempt', 'informed_on', 'entered_on', 'couple', 'children', 'education']
$$;
COMMENT ON FUNCTION attest_internal.situation_keys() IS 'The facts of a situation.';

CREATE FUNCTION attest.record_situation(person uuid, since date, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  whole jsonb;
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  IF since IS NULL OR since > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'since', 'today or earlier');
  END IF;
  IF jsonb_typeof(facts) IS DISTINCT FROM 'object' OR NOT attest_internal.situation_keys() @> ARRAY(SELECT jsonb_object_keys(facts)) THEN
    PERFORM attest_internal.fail('bad_value', 'facts', 'an object of ' || array_to_string(attest_internal.situation_keys(), ', '));
  END IF;
  -- What is not said stays as it was.
  SELECT to_jsonb(s) INTO whole FROM attest_data.rsa_situation s
  WHERE s.tenant_id = attest.current_tenant() AND s.person_id = person AND s.since <= record_situation.since AND NOT s.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.rsa_situation r WHERE r.tenant_id = s.tenant_id AND r.replaces = s.situation_id)
  ORDER BY s.since DESC, s.recorded_at DESC, s.situation_id DESC LIMIT 1;
  whole := coalesce(whole, '{}') || facts || jsonb_build_object('tenant_id', attest.current_tenant(), 'situation_id', made,
    'person_id', person, 'since', since, 'cancelled', false, 'recorded_at', clock_timestamp(), 'recorded_by', attest.current_account());
  IF (whole ->> 'rights' = ANY ('{open,suspended,closed}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'rights', 'open, suspended, closed');
  END IF;
  IF NOT coalesce(whole ->> 'education', 'V') = ANY ('{VI_Vbis,V,IV,III_I}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'education', 'VI_Vbis, V, IV, III_I');
  END IF;
  INSERT INTO attest_data.rsa_situation SELECT (jsonb_populate_record(NULL::attest_data.rsa_situation, whole)).*;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_situation(uuid, date, jsonb) IS
'Records what is known of a person''s RSA from a day on; what facts leave out stays as it was. Keys: rights (open, suspended, closed), obliged (subject to rights and duties, L262-28 of the Code of Social Action; null: unknown), applied_on, registered_on (on the list of France Travail), registration_exempt, informed_on (the département received the information on the opening or the transfer), entered_on (most recent entry of the household''s claimant), couple, children (dependent, as the RSA means it), education (VI_Vbis, V, IV, III_I). One with the same day stands in the place of the one before; attest.cancel_record() takes one back. Nothing here makes anybody a participant of an ESF operation. For managers and department referents.';

CREATE FUNCTION attest_internal.situations_at(who uuid, day date, known_at timestamptz,
  OUT person_id uuid, OUT rights text, OUT obliged boolean, OUT applied_on date, OUT registered_on date, OUT registration_exempt boolean,
  OUT informed_on date, OUT entered_on date, OUT couple boolean, OUT children boolean, OUT education text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT ON (s.person_id) s.person_id, s.rights, s.obliged, s.applied_on, s.registered_on, s.registration_exempt,
    s.informed_on, s.entered_on, s.couple, s.children, s.education
  FROM attest_data.rsa_situation s
  WHERE s.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR s.person_id = who)
    AND s.since <= day AND s.recorded_at <= known_at AND NOT s.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.rsa_situation r WHERE r.tenant_id = s.tenant_id AND r.replaces = s.situation_id AND r.recorded_at <= known_at)
  ORDER BY s.person_id, s.since DESC, s.recorded_at DESC, s.situation_id DESC
$$;
COMMENT ON FUNCTION attest_internal.situations_at(uuid, date, timestamptz) IS
'The situation of one person, or of all, on a day, as it was known at an instant.';

CREATE FUNCTION attest_internal.orientations_at(who uuid, known_at timestamptz,
  OUT orientation_id uuid, OUT person_id uuid, OUT organisation_id uuid, OUT kind text, OUT decided_on date, OUT notified_on date,
  OUT path text, OUT outcome text, OUT vulnerable boolean, OUT recorded_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.orientation_id, o.person_id, o.organisation_id, g.kind, o.decided_on, o.notified_on, o.path, o.outcome, o.vulnerable, o.recorded_at
  FROM attest_data.orientation o
  JOIN attest_data.referent_organisation g ON g.tenant_id = o.tenant_id AND g.organisation_id = o.organisation_id
  WHERE o.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR o.person_id = who)
    AND o.recorded_at <= known_at AND NOT o.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.orientation r WHERE r.tenant_id = o.tenant_id AND r.replaces = o.orientation_id AND r.recorded_at <= known_at)
$$;
COMMENT ON FUNCTION attest_internal.orientations_at(uuid, timestamptz) IS 'Decisions that stood at an instant, of one person or of all.';

CREATE FUNCTION attest.orient(
  person uuid, organisation uuid, decided_on date, path text, notified_on date DEFAULT NULL, decided_by text DEFAULT 'departement',
  outcome text DEFAULT 'oriented', vulnerable boolean DEFAULT false, reason text DEFAULT NULL, corrects uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.check_correction('orientation', corrects, person, reason);
  IF decided_on IS NULL OR decided_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'decided_on', 'today or earlier');
  END IF;
  IF notified_on < decided_on OR notified_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'notified_on', 'a day from decided_on to today');
  END IF;
  PERFORM attest_internal.require_organisation(organisation, decided_on);
  IF (path = ANY ('{employment,social_professional,social}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'path', 'employment, social_professional, social');
  END IF;
  IF (decided_by = ANY ('{departement,delegate,france_travail}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'decided_by', 'departement, delegate, france_travail');
  END IF;
  IF (outcome = ANY ('{oriented,maintained}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'outcome', 'oriented, maintained');
  END IF;
  IF outcome = 'maintained' AND NOT EXISTS (SELECT FROM attest_internal.orientations_at(person, clock_timestamp()) o
      WHERE o.decided_on <= orient.decided_on AND o.orientation_id IS DISTINCT FROM corrects) THEN
    PERFORM attest_internal.fail('bad_value', 'outcome', 'oriented, since no earlier decision can be maintained');
  END IF;
  INSERT INTO attest_data.orientation (tenant_id, orientation_id, person_id, organisation_id, decided_on, notified_on, decided_by, path,
    outcome, vulnerable, replaces, reason)
  VALUES (attest.current_tenant(), made, person, organisation, orient.decided_on, orient.notified_on, orient.decided_by, orient.path,
    orient.outcome, coalesce(orient.vulnerable, false), corrects, attest.seal(reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.orient(uuid, uuid, date, text, date, text, text, boolean, text, uuid) IS
'Records a decision of orientation towards an organisation (L5411-5-1 of the Labour Code), or of its re-examination: outcome maintained. path: employment, social_professional, social. decided_by: departement, delegate, france_travail (past six weeks, D262-65-2 of the Code of Social Action). vulnerable lengthens the delay of re-examination (D262-65-2-1); the reason is sealed. A correction names the record it replaces and says why. For managers and department referents.';
