-- person: the register of people, and its import.

CREATE FUNCTION attest_internal.csv_rows(source text, OUT line int, OUT fields text[]) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_csv_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.csv_rows(text) IS
'Records of a CSV text (RFC 4180): the line where each begins, and its fields. Error TA332 where the text is not well-formed.';

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
      column_name := NULL;
      PERFORM attest_internal.check_fields(details, '{}');
      PERFORM attest_internal.check_person(details);
      column_name := 'reference';
      person_id := attest_internal.store_person(details);
      column_name := NULL;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR SQLSTATE 'TA011' OR SQLSTATE 'TA321'
        OR SQLSTATE 'TA322' OR SQLSTATE 'TA323' OR SQLSTATE 'TA324' OR SQLSTATE 'TA332' OR SQLSTATE 'TA333'
        OR SQLSTATE 'TA334' OR SQLSTATE 'TA351' OR SQLSTATE 'TA352' OR SQLSTATE 'TA353' OR SQLSTATE 'TA354' THEN
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

CREATE FUNCTION attest_internal.person_missing(person uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alias attest_data.person_alias;
BEGIN
  SELECT * INTO alias FROM attest_data.person_alias a
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.alias_id = person;
  IF FOUND THEN
    PERFORM attest_internal.fail('person_merged', alias.merged_at::date::text, alias.person_id::text);
  END IF;
  PERFORM attest_internal.fail('unknown_object', 'person', coalesce(person::text, '-'));
END
$$;
COMMENT ON FUNCTION attest_internal.person_missing(uuid) IS 'Raises, for a person who is not in the register: TA355 where they were merged into another, TA105 otherwise.';

CREATE FUNCTION attest_internal.require_person(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
  barred boolean;
BEGIN
  -- The lock makes an erasure wait for this transaction, or this one for the erasure.
  SELECT p.anonymised_at, EXISTS (SELECT FROM attest_data.parental_authorisation a
      WHERE a.tenant_id = p.tenant_id AND a.person_id = p.person_id
      HAVING max(a.bars_until) > attest_internal.local_day() AND bool_and(a.revoked_at IS NOT NULL))
  INTO anonymised, barred FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM attest_internal.person_missing(person);
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('person_erased', anonymised::date::text);
  ELSIF barred THEN
    PERFORM attest_internal.fail('minor_not_authorised');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_person(uuid) IS
'Error TA105 unless the person is in the register of the entered tenant, TA355 once merged into another, TA307 once erased, TA353 where a parental authorisation was taken back; keeps the person from being erased until the transaction ends.';

CREATE FUNCTION attest_internal.lock_person(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
BEGIN
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.person_missing(person);
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('person_erased', anonymised::date::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.lock_person(uuid) IS
'As attest_internal.require_person(), for changes of the record itself: one at a time, and whatever a parental authorisation says.';

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
  PERFORM attest_internal.lock_person(person);
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
