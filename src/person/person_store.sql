-- person: recording and changing people.

CREATE FUNCTION attest_internal.store_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_person uuid := attest.uuid_v7();
  field text;
  value text;
  sealed jsonb := '{}';
BEGIN
  FOREACH field IN ARRAY ARRAY['last_name', 'first_name', 'birth_date', 'birth_place', 'email', 'phone', 'address', 'nir',
    'disability', 'parents_birth_place']
  LOOP
    value := nullif(details ->> field, '');
    IF field = 'nir' THEN
      value := value::attest.nir::text;
    END IF;
    sealed := sealed || jsonb_build_object(field, attest.seal(value, new_person, 'person.' || field)::text);
  END LOOP;
  INSERT INTO attest_data.person (tenant_id, person_id, reference, profiles, last_name, first_name, gender,
    birth_date, birth_year, birth_place, email, phone, address, postcode, commune, nir, employer_siret, isced,
    disability, parents_birth_place, last_activity)
  VALUES (attest_internal.required_tenant(), new_person, details ->> 'reference', ARRAY[details ->> 'profile'],
    (sealed ->> 'last_name')::attest.sealed, (sealed ->> 'first_name')::attest.sealed, details ->> 'gender',
    (sealed ->> 'birth_date')::attest.sealed, left(nullif(details ->> 'birth_date', ''), 4)::int,
    (sealed ->> 'birth_place')::attest.sealed, (sealed ->> 'email')::attest.sealed,
    (sealed ->> 'phone')::attest.sealed, (sealed ->> 'address')::attest.sealed,
    nullif(details ->> 'postcode', ''), nullif(details ->> 'commune', ''), (sealed ->> 'nir')::attest.sealed,
    nullif(details ->> 'employer_siret', '')::attest.siret, nullif(details ->> 'isced', '')::smallint,
    (sealed ->> 'disability')::attest.sealed, (sealed ->> 'parents_birth_place')::attest.sealed,
    attest_internal.date_of(nullif(details ->> 'last_activity', '')))
  ON CONFLICT (tenant_id, reference) DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', details ->> 'reference');
  END IF;
  RETURN new_person;
END
$$;
COMMENT ON FUNCTION attest_internal.store_person(jsonb) IS 'Stores a person whose fields have been checked.';

CREATE FUNCTION attest.add_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  IF jsonb_typeof(details) IS DISTINCT FROM 'object'
      OR NOT ARRAY(SELECT c.name FROM attest.import_columns() c) @> ARRAY(SELECT jsonb_object_keys(details)) THEN
    PERFORM attest_internal.fail('bad_value', 'details', 'an object whose keys are in attest.import_columns()');
  END IF;
  FOR item IN SELECT c.name FROM attest.import_columns() c LOOP
    PERFORM attest_internal.check_person_field(item.name, details ->> item.name);
  END LOOP;
  RETURN attest_internal.store_person(details);
END
$$;
COMMENT ON FUNCTION attest.add_person(jsonb) IS
'Adds a person to the register; keys as attest.import_columns(). Returns the person_id. For managers and HR managers.';

