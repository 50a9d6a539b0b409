-- person: the register of people, and its import.

CREATE FUNCTION attest_internal.csv_rows(source text, OUT line int, OUT fields text[]) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_csv_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.csv_rows(text) IS
'Records of a CSV text (RFC 4180): the line where each begins, and its fields. Error TA332 where the text is not well-formed.';

CREATE FUNCTION attest.import_columns(OUT name text, OUT required boolean, OUT description text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('reference', true, 'your own number for the person, unique in the tenant'),
    ('profile', true, 'learner, trainer, beneficiary, department_referent, external_referent, counsellor, candidate, manager, hr_manager'),
    ('last_name', true, 'sealed'),
    ('first_name', true, 'sealed'),
    ('gender', true, 'F, M or N (non-binary)'),
    ('birth_date', false, 'YYYY-MM-DD; sealed, the year stays in clear'),
    ('birth_place', false, 'sealed'),
    ('email', false, 'sealed'),
    ('phone', false, 'sealed'),
    ('address', false, 'sealed'),
    ('postcode', false, '5 digits'),
    ('commune', false, 'commune code of INSEE, 5 characters'),
    ('nir', false, 'social security number of 15 characters; sealed'),
    ('employer_siret', false, 'SIRET of the employer, 14 digits'),
    ('isced', false, 'level of education, ISCED 0 to 8'),
    ('disability', false, 'yes, no or refused; sealed'),
    ('parents_birth_place', false, 'sealed'),
    ('last_activity', false, 'YYYY-MM-DD; empty while the person is active')
$$;
COMMENT ON FUNCTION attest.import_columns() IS
'The columns that attest.import_people() and the keys that attest.add_person() take.';

CREATE FUNCTION attest_internal.date_of(value text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
  SELECT CASE
    WHEN value !~ '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN NULL
    WHEN right(value, 2)::int > extract(day FROM (left(value, 7) || '-01')::date + interval '1 month - 1 day') THEN NULL
    ELSE value::date
  END
$$;
COMMENT ON FUNCTION attest_internal.date_of(text) IS
'The date written as YYYY-MM-DD, of the years 1900 to 2099, or NULL: unlike a cast it never repeats the value in an error.';

CREATE FUNCTION attest_internal.check_person_field(field text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  accepted text;
BEGIN
  IF value IS NULL OR value = '' THEN
    IF field IN ('reference', 'profile', 'last_name', 'first_name', 'gender') THEN
      PERFORM attest_internal.fail('field_required', field);
    END IF;
    RETURN;
  END IF;
  CASE field
    WHEN 'nir' THEN PERFORM value::attest.nir;
    WHEN 'employer_siret' THEN PERFORM value::attest.siret;
    WHEN 'profile' THEN
      IF (value = ANY (ARRAY['learner', 'trainer', 'beneficiary', 'department_referent', 'external_referent',
          'counsellor', 'candidate', 'manager', 'hr_manager'])) IS NOT TRUE THEN
        accepted := 'learner, trainer, beneficiary, department_referent, external_referent, counsellor, candidate, manager, hr_manager';
      END IF;
    WHEN 'gender' THEN IF value !~ '^[FMN]$' THEN accepted := 'F, M, N'; END IF;
    WHEN 'disability' THEN IF (value = ANY ('{yes,no,refused}')) IS NOT TRUE THEN accepted := 'yes, no, refused'; END IF;
    WHEN 'isced' THEN IF value !~ '^[0-8]$' THEN accepted := '0 to 8'; END IF;
    WHEN 'postcode' THEN IF value !~ '^[0-9]{5}$' THEN accepted := '5 digits'; END IF;
    WHEN 'commune' THEN
      IF value !~ '^([0-9]{2}|2[AB])[0-9]{3}$' THEN accepted := 'commune code of INSEE, such as 44109 or 2A004'; END IF;
    WHEN 'email' THEN
      IF value !~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$' THEN accepted := 'an e-mail address'; END IF;
    WHEN 'birth_date', 'last_activity' THEN
      IF attest_internal.date_of(value) IS NULL THEN accepted := 'a date that exists, as YYYY-MM-DD'; END IF;
    ELSE
  END CASE;
  IF accepted IS NOT NULL THEN
    PERFORM attest_internal.fail('field_unknown_value', field, accepted);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_person_field(text, text) IS
'Raises unless the value is acceptable for the field of attest.import_columns(). Never repeats the value.';

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

CREATE FUNCTION attest_internal.check_header(header text[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  missing text;
  unknown text;
BEGIN
  SELECT string_agg(c.name, ', ') INTO missing FROM attest.import_columns() c WHERE c.required AND NOT c.name = ANY (header);
  -- The first record of a file without a header is a person: only numbers of columns, then.
  SELECT string_agg(CASE WHEN is_header THEN h.name ELSE h.number::text END, ', ' ORDER BY h.number) INTO unknown
  FROM unnest(header) WITH ORDINALITY h (name, number),
    (SELECT header && array_agg(c.name) FROM attest.import_columns() c) AS known (is_header)
  WHERE NOT h.name IN (SELECT c.name FROM attest.import_columns() c) OR h.number > array_position(header, h.name);
  IF missing IS NOT NULL OR unknown IS NOT NULL THEN
    PERFORM attest_internal.fail('csv_columns', coalesce(missing, '-'), coalesce(left(unknown, 200), '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_header(text[]) IS 'Error TA331 unless the first record names the columns of attest.import_columns().';

CREATE FUNCTION attest.import_people(
  source text, OUT line int, OUT outcome text, OUT person_id uuid, OUT column_name text, OUT code text,
  OUT reason text, OUT hint text
) RETURNS SETOF record
-- The records wait in memory: on disk they would be in clear.
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
DECLARE
  header text[];
  item record;
  details jsonb;
  fact text;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  FOR item IN SELECT r.line, r.fields FROM attest_internal.csv_rows(source) r LOOP
    IF header IS NULL THEN
      header := item.fields;
      PERFORM attest_internal.check_header(header);
      CONTINUE;
    END IF;
    line := item.line;
    column_name := NULL; code := NULL; reason := NULL; hint := NULL; person_id := NULL;
    outcome := 'loaded';
    BEGIN
      IF cardinality(item.fields) <> cardinality(header) THEN
        PERFORM attest_internal.fail('csv_malformed', item.line::text,
          format('%s fields instead of %s', cardinality(item.fields), cardinality(header)));
      END IF;
      details := jsonb_object(header, item.fields);
      FOREACH column_name IN ARRAY header LOOP
        PERFORM attest_internal.check_person_field(column_name, details ->> column_name);
      END LOOP;
      column_name := 'reference';
      person_id := attest_internal.store_person(details);
      column_name := NULL;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR SQLSTATE 'TA011' OR SQLSTATE 'TA321'
        OR SQLSTATE 'TA322' OR SQLSTATE 'TA323' OR SQLSTATE 'TA324' OR SQLSTATE 'TA332' OR SQLSTATE 'TA333'
        OR SQLSTATE 'TA334' THEN
      outcome := 'rejected';
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, fact = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      -- Only the details of attest are known never to repeat a value.
      reason := concat_ws(': ', reason, CASE WHEN code LIKE 'TA%' THEN nullif(fact, '') END);
    END;
    RETURN NEXT;
  END LOOP;
  IF header IS NULL THEN
    PERFORM attest_internal.check_header('{}');
  END IF;
END
$$;
COMMENT ON FUNCTION attest.import_people(text) IS
'Imports people from a CSV text whose first record names the columns (attest.import_columns()). A row a record: its line, loaded or rejected, the person_id, or the column, SQLSTATE, reason and hint. Rejected rows change nothing; the others are loaded. Error TA331 on wrong columns, TA332 on a text that is not CSV.';

CREATE FUNCTION attest_internal.require_person(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
BEGIN
  -- The lock makes an erasure wait for this transaction, or this one for the erasure.
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'person', coalesce(person::text, '-'));
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('person_erased', anonymised::date::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_person(uuid) IS
'Error TA105 unless the person is in the register of the entered tenant, TA307 once erased; keeps the person from being erased until the transaction ends.';

CREATE FUNCTION attest.set_last_activity(person uuid, day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,counsellor');
  PERFORM attest_internal.require_person(person);
  IF day > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'day', 'today or earlier');
  END IF;
  UPDATE attest_data.person p SET last_activity = day
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person AND p.anonymised_at IS NULL;
END
$$;
COMMENT ON FUNCTION attest.set_last_activity(uuid, date) IS
'States the day of a person''s last activity, from which retention counts; NULL: the person is active again.';

-- --- who sees whom ---

CREATE FUNCTION attest.may_see(person uuid) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_may_see' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION attest.may_see(uuid) IS
'Whether the profile of the ticket lets a person through. Managers, HR managers, the DPO and analysts see everybody of their tenant; learners, beneficiaries and candidates themselves; trainers the people enrolled in the sessions of their slots; referents and counsellors their caseload, a counsellor without those who object. The policies of every table with people call it.';

CREATE FUNCTION attest_internal.person_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.person_id FROM attest_data.caseload c
  WHERE c.tenant_id = attest.current_tenant() AND c.referent_id = person
    AND profile IN ('department_referent', 'external_referent', 'counsellor')
    AND attest_internal.local_day() BETWEEN c.since AND coalesce(c.until, 'infinity')
    AND NOT (profile = 'counsellor' AND EXISTS (SELECT FROM attest_data.objection o
      WHERE o.tenant_id = c.tenant_id AND o.person_id = c.person_id AND o.withdrawn_at IS NULL))
$$;
COMMENT ON FUNCTION attest_internal.person_visible(text, uuid) IS 'People that the register lets a profile see: the caseload, less those who object to a counsellor.';

CREATE FUNCTION attest.assign_case(referent uuid, person uuid, since date DEFAULT current_date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.require_person(referent);
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.caseload (tenant_id, referent_id, person_id, since)
  VALUES (attest.current_tenant(), referent, person, assign_case.since)
  ON CONFLICT ON CONSTRAINT caseload_pkey DO UPDATE SET until = NULL;
END
$$;
COMMENT ON FUNCTION attest.assign_case(uuid, uuid, date) IS 'Puts a person on the caseload of a referent or counsellor, from a day on. For managers and HR managers.';

CREATE FUNCTION attest.close_case(referent uuid, person uuid, last_day date DEFAULT current_date - 1) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  UPDATE attest_data.caseload c SET until = last_day
  WHERE c.tenant_id = attest_internal.required_tenant() AND c.referent_id = referent AND c.person_id = person
    AND c.until IS NULL;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'case', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.close_case(uuid, uuid, date) IS 'Takes a person off a caseload; last_day, yesterday by default, is the last day on it. For managers and HR managers.';

CREATE FUNCTION attest.object(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo,learner,beneficiary,candidate');
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.objection (tenant_id, objection_id, person_id)
  SELECT attest.current_tenant(), attest.uuid_v7(), person
  WHERE NOT EXISTS (SELECT FROM attest_data.objection o WHERE o.tenant_id = attest.current_tenant()
    AND o.person_id = person AND o.withdrawn_at IS NULL);
END
$$;
COMMENT ON FUNCTION attest.object(uuid) IS
'Records that a person objects to counsellors seeing their space (GDPR art. 21): it is hidden from the next statement on. For the person, a manager or the DPO.';

CREATE FUNCTION attest.withdraw_objection(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo,learner,beneficiary,candidate');
  PERFORM attest_internal.require_person(person);
  UPDATE attest_data.objection o SET withdrawn_at = now()
  WHERE o.tenant_id = attest.current_tenant() AND o.person_id = person AND o.withdrawn_at IS NULL;
END
$$;
COMMENT ON FUNCTION attest.withdraw_objection(uuid) IS 'Takes back attest.object(). For the person, a manager or the DPO.';

CREATE FUNCTION attest_internal.person_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What stays counts in statistics and names nobody: gender, birth year, level, department, profiles.
  UPDATE attest_data.person p
  SET reference = NULL, last_name = NULL, first_name = NULL, birth_date = NULL, birth_place = NULL, email = NULL,
    phone = NULL, address = NULL, postcode = NULL, nir = NULL, disability = NULL, parents_birth_place = NULL,
    employer_siret = NULL, commune = left(p.commune, CASE WHEN p.commune LIKE '97%' THEN 3 ELSE 2 END),
    anonymised_at = now()
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND p.anonymised_at IS NULL;
  DELETE FROM attest_data.account_secret s USING attest_data.account a
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person
    AND s.tenant_id = a.tenant_id AND s.account_id = a.account_id;
  UPDATE attest_data.account a
  SET revoked_at = coalesce(a.revoked_at, now()), identifier = 'erased-' || a.account_id, person_id = NULL
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  DELETE FROM attest_data.caseload c
  WHERE c.tenant_id = attest_internal.required_tenant() AND person IN (c.person_id, c.referent_id);
  DELETE FROM attest_data.objection o WHERE o.tenant_id = attest_internal.required_tenant() AND o.person_id = person;
  RETURN 1;
END
$$;
COMMENT ON FUNCTION attest_internal.person_erase(uuid) IS
'What the register forgets of a person at erasure; returns how many records were emptied.';
