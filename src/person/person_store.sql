-- person: recording and changing people.

CREATE FUNCTION attest_internal.person_columns() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT array_agg(f.name) FROM attest.person_fields() f WHERE f.category NOT IN ('authorisation', 'instruction') AND f.name <> 'profile');
END
$$;
COMMENT ON FUNCTION attest_internal.person_columns() IS 'Fields of attest.person_fields() that are columns of the person.';

CREATE FUNCTION attest_internal.canonical(kind text, value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN value = '' THEN NULL WHEN kind = 'nir' THEN value::attest.nir::text WHEN kind = 'siret' THEN value::attest.siret::text
    ELSE value END;
END
$$;
COMMENT ON FUNCTION attest_internal.canonical(text, text) IS 'A checked value of a kind of attest.person_fields() as it is stored; NULL for an empty one.';

CREATE FUNCTION attest_internal.sealed_fields(person uuid, given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_object_agg(f.name,
    CASE WHEN f.sealed THEN attest.seal(v.value, person, 'person.' || f.name)::text ELSE v.value END), '{}')
  FROM attest.person_fields() f CROSS JOIN LATERAL attest_internal.canonical(f.kind, given ->> f.name) v (value)
  WHERE f.name = ANY (attest_internal.person_columns()) AND given ? f.name);
END
$$;
COMMENT ON FUNCTION attest_internal.sealed_fields(uuid, jsonb) IS 'The given fields as the columns of the person hold them.';

CREATE FUNCTION attest_internal.opened_fields(person uuid, fields text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT jsonb_object_agg(f.name,
    CASE WHEN f.sealed THEN attest.unseal(c.value::attest.sealed, person, 'person.' || f.name) ELSE c.value END)
  FROM attest_data.person p CROSS JOIN LATERAL jsonb_each_text(to_jsonb(p)) c (name, value)
  JOIN attest.person_fields() f ON f.name = c.name
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND f.name = ANY (fields));
END
$$;
COMMENT ON FUNCTION attest_internal.opened_fields(uuid, text[]) IS 'Fields of a person, opened. Error TA357 for one that the profile of the ticket does not open.';

CREATE FUNCTION attest_internal.identity_of(opened jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.search_name(opened ->> 'last_name', opened ->> 'first_name', NULL) || ' ' || nullif(opened ->> 'birth_date', '')
$$;
COMMENT ON FUNCTION attest_internal.identity_of(jsonb) IS
'What tells a person from others of the tenant when there is no number: last name, first name and birth date, as a search folds names; NULL without a birth date.';

CREATE FUNCTION attest_internal.derived_fields(person uuid, opened jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'birth_year', left(nullif(opened ->> 'birth_date', ''), 4)::int,
    'search_name', attest.seal(attest_internal.search_name(opened ->> 'last_name', opened ->> 'first_name',
      nullif(opened ->> 'birth_name', '')), person, 'person.search_name')::text,
    'nir_blind', attest.blind('person.nir', attest_internal.canonical('nir', opened ->> 'nir')),
    'email_blind', attest.blind('person.email', lower(nullif(opened ->> 'email', ''))),
    'identity_blind', attest.blind('person.identity', attest_internal.identity_of(opened)))
$$;
COMMENT ON FUNCTION attest_internal.derived_fields(uuid, jsonb) IS
'The columns that follow from names, birth date, NIR and e-mail: the year of birth, the sealed name for searching, the blind values.';

CREATE FUNCTION attest_internal.derived_from() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['last_name', 'first_name', 'birth_name', 'birth_date', 'nir', 'email']
$$;
COMMENT ON FUNCTION attest_internal.derived_from() IS 'Fields that attest_internal.derived_fields() needs.';

CREATE FUNCTION attest_internal.write_person(person uuid, columns jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  assignments text;
BEGIN
  SELECT string_agg(format('%I = r.%I', c.name, c.name), ', ') INTO assignments FROM jsonb_object_keys(columns) c (name);
  IF assignments IS NOT NULL THEN
    EXECUTE format('UPDATE attest_data.person p SET %s FROM jsonb_populate_record(NULL::attest_data.person, $1) r '
      'WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = $2', assignments) USING columns, person;
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.write_person(uuid, jsonb) IS 'Sets columns of a person.';

-- Each blind value is looked up by itself: = ANY (...) would be left to a plan that reads all people of the tenant when
-- it was made while the register was small.
CREATE FUNCTION attest_internal.find_same(opened jsonb, other_than uuid, OUT reference text, OUT person_id uuid, OUT shared text)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
BEGIN
  SELECT s.reference, s.person_id, 'nir' INTO reference, person_id, shared
  FROM unnest(attest.blind_candidates('person.nir', attest_internal.canonical('nir', opened ->> 'nir'))) v (blind)
  CROSS JOIN LATERAL (SELECT p.reference, p.person_id FROM attest_data.person p
    WHERE p.tenant_id = tenant AND p.nir_blind = v.blind AND p.person_id IS DISTINCT FROM other_than OFFSET 0) s
  ORDER BY s.person_id LIMIT 1;
  IF person_id IS NULL THEN
    SELECT s.reference, s.person_id, 'last_name, first_name, birth_date' INTO reference, person_id, shared
    FROM unnest(attest.blind_candidates('person.identity', attest_internal.identity_of(opened))) v (blind)
    CROSS JOIN LATERAL (SELECT p.reference, p.person_id FROM attest_data.person p
      WHERE p.tenant_id = tenant AND p.identity_blind = v.blind AND p.person_id IS DISTINCT FROM other_than OFFSET 0) s
    ORDER BY s.person_id LIMIT 1;
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.find_same(jsonb, uuid) IS
'Somebody of the register with the same NIR, or the same last and first name and birth date; looked up by blind values.';

CREATE FUNCTION attest_internal.check_unknown(opened jsonb, other_than uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  same record;
BEGIN
  IF coalesce(opened ->> 'allow_duplicate', '') IN ('yes', 'true') THEN
    RETURN;
  END IF;
  SELECT * INTO same FROM attest_internal.find_same(opened, other_than);
  IF same.person_id IS NOT NULL THEN
    PERFORM attest_internal.fail('person_known', same.shared, coalesce(same.reference, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_unknown(jsonb, uuid) IS 'Error TA354 where the person seems to be in the register already, unless allow_duplicate says yes.';

CREATE FUNCTION attest_internal.check_reference(reference text, other_than uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant()
        AND p.reference = check_reference.reference AND p.person_id IS DISTINCT FROM other_than)
      OR EXISTS (SELECT FROM attest_data.person_alias a WHERE a.tenant_id = attest_internal.required_tenant()
        AND a.reference = check_reference.reference) THEN
    PERFORM attest_internal.fail('code_taken', reference);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_reference(text, uuid) IS 'Error TA011 where another person, or one merged into another, has the reference.';

CREATE FUNCTION attest_internal.check_fields(given jsonb, names text[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF jsonb_typeof(given) IS DISTINCT FROM 'object'
      OR NOT ARRAY(SELECT f.name FROM attest.person_fields() f) @> ARRAY(SELECT jsonb_object_keys(given)) THEN
    PERFORM attest_internal.fail('bad_value', 'details', 'an object whose keys are in attest.person_fields()');
  END IF;
  PERFORM attest_internal.check_person_values(given, coalesce(names, ARRAY(SELECT jsonb_object_keys(given))));
  IF coalesce(given ->> 'nir', '') <> '' AND NOT attest_internal.nir_authorised() THEN
    PERFORM attest_internal.fail('nir_not_authorised');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_fields(jsonb, text[]) IS
'Raises unless the keys are fields, the values of those named (NULL: of those given) are acceptable, and the tenant may hold a social security number that is given.';

CREATE FUNCTION attest_internal.check_person(details jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.check_rules(ARRAY[details ->> 'profile'], details, true);
  PERFORM attest_internal.check_authorisation(details);
  PERFORM attest_internal.check_reference(details ->> 'reference', NULL);
  PERFORM attest_internal.check_unknown(details, NULL);
END
$$;
COMMENT ON FUNCTION attest_internal.check_person(jsonb) IS
'Raises unless a person whose fields have been checked may be recorded: rules of fields, parental authorisation, reference, duplicates.';

CREATE FUNCTION attest_internal.store_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_person uuid := attest.uuid_v7();
BEGIN
  INSERT INTO attest_data.person
  SELECT r.* FROM jsonb_populate_record(NULL::attest_data.person,
    attest_internal.sealed_fields(new_person, details) || attest_internal.derived_fields(new_person, details)
    || jsonb_build_object('tenant_id', attest_internal.required_tenant(), 'person_id', new_person,
      'profiles', ARRAY[details ->> 'profile'], 'source', coalesce(nullif(details ->> 'source', ''), 'manual'),
      'import_id', details ->> 'import_id', 'created_at', now(), 'created_by', attest.current_account())) r
  ON CONFLICT (tenant_id, reference) DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', details ->> 'reference');
  END IF;
  IF coalesce(details ->> 'parental_date', '') <> '' THEN
    PERFORM attest_internal.store_authorisation(new_person, (details ->> 'parental_date')::date, details ->> 'parental_reference');
  END IF;
  RETURN new_person;
END
$$;
COMMENT ON FUNCTION attest_internal.store_person(jsonb) IS
'Stores a person whose record has been checked, with the provenance of its values: source, import_id, account, time.';

CREATE FUNCTION attest.add_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.check_fields(details, ARRAY(SELECT f.name FROM attest.person_fields() f));
  PERFORM attest_internal.check_person(details);
  RETURN attest_internal.store_person(details);
END
$$;
COMMENT ON FUNCTION attest.add_person(jsonb) IS
'Adds a person to the register; keys as attest.person_fields(). Returns the person_id. Errors TA333, TA334 and those of NIR and SIRET for a value, TA351 for a forbidden field, TA352 for a NIR without authorisation, TA353 for somebody under 18 without authorisation, TA354 for somebody who is there already (allow_duplicate: yes stores them all the same), TA011 for a reference that is taken. For managers and HR managers.';

CREATE FUNCTION attest_internal.record_change(person uuid, field text, previous attest.sealed, source text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO attest_data.person_change (tenant_id, change_id, person_id, field, source, previous)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person, field, source, previous);
END
$$;
COMMENT ON FUNCTION attest_internal.record_change(uuid, text, attest.sealed, text) IS
'Records that a field of a person changes, with the value that it replaces, sealed for the person and the purpose person.<field>.';

CREATE FUNCTION attest_internal.change_fields(person uuid, given jsonb, held jsonb, source text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed jsonb;
  item record;
BEGIN
  SELECT coalesce(jsonb_object_agg(f.name, given ->> f.name), '{}') INTO changed
  FROM attest.person_fields() f
  WHERE f.name = ANY (attest_internal.person_columns()) AND given ? f.name
    AND attest_internal.canonical(f.kind, given ->> f.name) IS DISTINCT FROM held ->> f.name;
  FOR item IN SELECT c.name FROM jsonb_object_keys(changed) c (name) LOOP
    PERFORM attest_internal.record_change(person, item.name,
      attest.seal(held ->> item.name, person, 'person.' || item.name), source);
  END LOOP;
  PERFORM attest_internal.write_person(person, attest_internal.sealed_fields(person, changed)
    || CASE WHEN changed ?| attest_internal.derived_from() THEN attest_internal.derived_fields(person, held || changed) ELSE '{}' END);
  RETURN ARRAY(SELECT c.name FROM jsonb_object_keys(changed) c (name) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION attest_internal.change_fields(uuid, jsonb, jsonb, text) IS
'Gives fields of a person that differ from those held their new values, and records the ones replaced. Returns the fields that changed.';

CREATE FUNCTION attest_internal.add_profile(person uuid, profile text, source text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held text[];
BEGIN
  SELECT p.profiles INTO held FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person;
  IF profile = ANY (held) THEN
    RETURN '{}';
  END IF;
  PERFORM attest_internal.record_change(person, 'profile',
    attest.seal(array_to_string(held, ', '), person, 'person.profile'), source);
  UPDATE attest_data.person p SET profiles = held || profile
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person;
  RETURN '{profile}';
END
$$;
COMMENT ON FUNCTION attest_internal.add_profile(uuid, text, text) IS 'Gives a person one profile more.';

CREATE FUNCTION attest_internal.needed_fields(profiles text[], held jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(r.field, held -> r.field), '{}')
  FROM attest.field_rules(profiles[cardinality(profiles):]) r
  WHERE r.rule = 'required' AND r.field = ANY (attest_internal.person_columns())
    AND NOT r.profile = ANY (profiles[:cardinality(profiles) - 1])
$$;
COMMENT ON FUNCTION attest_internal.needed_fields(text[], jsonb) IS
'What a person holds of the fields that the last of these profiles requires, unless it is among the others too: fields of one more profile are checked like given ones.';

CREATE FUNCTION attest.change_person(person uuid, changes jsonb, source text DEFAULT 'manual') RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
  profiles text[];
  changed text[] := '{}';
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.lock_person(person);
  IF coalesce(changes ->> 'parental_date', '') = '' THEN
    PERFORM attest_internal.require_person(person);
  END IF;
  changes := changes - 'source';
  PERFORM attest_internal.check_fields(changes, NULL);
  PERFORM attest_internal.check_person_field('source', source);
  SELECT p.profiles || ARRAY(SELECT changes ->> 'profile' WHERE changes ? 'profile') INTO profiles
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  held := attest_internal.opened_fields(person, attest_internal.person_columns());
  PERFORM attest_internal.check_rules(profiles,
    CASE WHEN changes ? 'profile' THEN attest_internal.needed_fields(profiles, held) ELSE '{}' END || changes, false);
  IF changes ?| ARRAY['birth_date', 'parental_date', 'parental_reference']
      AND (changes ?| ARRAY['parental_date', 'parental_reference'] OR NOT attest_internal.has_authorisation(person)) THEN
    PERFORM attest_internal.check_authorisation(changes);
  END IF;
  IF changes ? 'reference' THEN
    PERFORM attest_internal.check_reference(changes ->> 'reference', person);
  END IF;
  IF changes ?| ARRAY['nir', 'last_name', 'first_name', 'birth_date'] THEN
    PERFORM attest_internal.check_unknown(held || changes, person);
  END IF;
  IF coalesce(changes ->> 'profile', '') <> '' THEN
    changed := attest_internal.add_profile(person, changes ->> 'profile', source);
  END IF;
  IF coalesce(changes ->> 'parental_date', '') <> '' THEN
    PERFORM attest_internal.store_authorisation(person, (changes ->> 'parental_date')::date, changes ->> 'parental_reference');
  END IF;
  RETURN changed || attest_internal.change_fields(person, changes, held, source);
END
$$;
COMMENT ON FUNCTION attest.change_person(uuid, jsonb, text) IS
'Changes fields of a person; keys as attest.person_fields(), NULL empties a field, profile adds one. source: manual, file, erp, application or form. The values replaced are kept, sealed: attest.person_history. Returns the fields that changed. Errors as attest.add_person(). For managers and HR managers.';

CREATE FUNCTION attest_internal.has_authorisation(person uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM attest_data.parental_authorisation a WHERE a.tenant_id = attest.current_tenant()
    AND a.person_id = person AND a.revoked_at IS NULL)
$$;
COMMENT ON FUNCTION attest_internal.has_authorisation(uuid) IS 'Whether a parental authorisation of the person stands.';

CREATE FUNCTION attest.set_last_activity(person uuid, day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held date;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,counsellor');
  PERFORM attest_internal.lock_person(person);
  IF day > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'day', 'today or earlier');
  END IF;
  SELECT p.last_activity INTO held FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  IF held IS NOT DISTINCT FROM day THEN
    RETURN;
  END IF;
  PERFORM attest_internal.record_change(person, 'last_activity',
    attest.seal(to_char(held, 'YYYY-MM-DD'), person, 'person.last_activity'), 'manual');
  UPDATE attest_data.person p SET last_activity = day
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
END
$$;
COMMENT ON FUNCTION attest.set_last_activity(uuid, date) IS
'States the day of a person''s last activity, from which retention counts; NULL: the person is active again.';

CREATE FUNCTION attest_internal.person_reblind(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person
    AND p.anonymised_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  PERFORM attest_internal.write_person(person,
    attest_internal.derived_fields(person, attest_internal.opened_fields(person, attest_internal.derived_from())));
  RETURN 1;
END
$$;
COMMENT ON FUNCTION attest_internal.person_reblind(uuid) IS
'Computes the blind values of a person again, under the active key of the tenant. For the rotation of keys, which finds it by its name; returns how many records.';
