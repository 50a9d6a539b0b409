-- esf: ESF+ 2021-2027 and ESF 2014-2020 common indicators.

CREATE FUNCTION attest.esf_indicators(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_indicators'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicators(text, jsonb) IS
'Codes of the common indicators that one participation (one person in one operation) counts for, sorted; empty when the record is incomplete (see attest.esf_missing). framework: esf+ (2021-2027) or esf (2014-2020). Keys of participation, each optional and null when not known: sex (F, M, N); birth, entry, exit (YYYY-MM-DD); status_entry (unemployed, inactive, employed); unemployed_months (completed months); isced (0 to 8); in_education, disability, third_country_national, foreign_background, minority, homeless, rural, other_disadvantaged, jobless_household, dependent_children, single_adult (at entry), new_education, qualification (upon leaving), improved_6m (true, false or "refused"); status_exit, status_6m (as status_entry, and job_searching); changes_after_exit (array of {"on": date, "status": status}; the last one within 28 days of the exit counts). Only true counts; refused counts as no. Age is in completed years at entry. Results need an exit. Anything else is error 22023. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annex I; Commission FAQ on the reference period of immediate results.';

CREATE FUNCTION attest.esf_missing(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_missing'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_missing(text, jsonb) IS
'Keys that keep a participation out of every indicator, in the order sex, birth, entry, status_entry, isced, unemployed_months (only of the unemployed); empty when the record is complete. Same arguments and errors as attest.esf_indicators. Source: Regulation (EU) 2021/1057 Art. 17(5); Commission FAQ on completeness (2014-2020).';

CREATE FUNCTION attest.esf_catalogue()
RETURNS TABLE (framework text, code text, title text)
AS 'MODULE_PATHNAME', 'attest_esf_catalogue'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_catalogue() IS
'Every common indicator of both frameworks (esf+, esf): code as used in SFC and English title. Also those that attest.esf_indicators never returns: of entities (EECO18, EECO19, CO20 to CO23) and of the Youth Employment Initiative (CI01 to CI12). ESF 2014-2020 has no code for the total, which is CO01 + CO03 + CO05. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annexes I and II.';

CREATE TYPE attest_internal.participation_facts AS (
  framework text, person_id uuid, facts attest.sealed, frozen text[]
);
COMMENT ON TYPE attest_internal.participation_facts IS 'What the indicators of a participation follow from.';

CREATE FUNCTION attest.create_operation(code text, title text, framework text, starts_on date, ends_on date) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_operation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, title');
  END IF;
  IF framework IS NULL OR NOT framework = ANY ('{esf+,esf}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'framework', 'esf+, esf');
  END IF;
  IF starts_on IS NULL OR ends_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  INSERT INTO attest_data.operation (tenant_id, operation_id, code, title, framework, starts_on, ends_on)
  VALUES (attest_internal.required_tenant(), new_operation, create_operation.code, create_operation.title,
    create_operation.framework, create_operation.starts_on, create_operation.ends_on)
  ON CONFLICT ON CONSTRAINT operation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_operation.code);
  END IF;
  RETURN new_operation;
END
$$;
COMMENT ON FUNCTION attest.create_operation(text, text, text, date, date) IS
'Creates an operation funded by the European Social Fund; framework esf+ (2021-2027) or esf (2014-2020).';

CREATE FUNCTION attest.record_participation(operation uuid, person uuid, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  entered date;
  whole jsonb;
  new_participation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(person);
  -- Sex, birth and level come from the register, so that a record cannot contradict it.
  SELECT facts || jsonb_strip_nulls(jsonb_build_object('sex', p.gender, 'isced', p.isced,
    'birth', attest.unseal(p.birth_date, p.person_id, 'person.birth_date'))) INTO whole
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  -- Raises on facts that contradict themselves.
  PERFORM attest.esf_missing(funded.framework, whole);
  entered := (whole ->> 'entry')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation (tenant_id, participation_id, operation_id, person_id, gender, entered_on, exited_on, facts)
  VALUES (attest.current_tenant(), new_participation, operation, person, whole ->> 'sex', entered, (whole ->> 'exit')::date,
    attest.seal(whole::text, person, 'esf.facts'))
  ON CONFLICT ON CONSTRAINT participation_tenant_id_operation_id_person_id_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('already_participates', funded.code, entered::text);
  END IF;
  RETURN new_participation;
END
$$;
COMMENT ON FUNCTION attest.record_participation(uuid, uuid, jsonb) IS
'Records that a person takes part in an operation, once (Regulation (EU) 2021/1057: one participation a person and operation). facts: keys as attest.esf_indicators(); sex, birth and isced are those of the register, where it has them. The facts are sealed.';

CREATE FUNCTION attest_internal.participation_codes(participation attest_internal.participation_facts) RETURNS text[]
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(participation.frozen,
    attest.esf_indicators(participation.framework,
      attest.unseal(participation.facts, participation.person_id, 'esf.facts')::jsonb))
$$;
COMMENT ON FUNCTION attest_internal.participation_codes(attest_internal.participation_facts) IS
'Indicators of one participation: frozen at the erasure of the person, otherwise from the sealed facts.';

CREATE FUNCTION attest.esf_report(
  operation_code text, OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
BEGIN
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.code = operation_code;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation_code, '-'));
  END IF;
  RETURN QUERY
  WITH counted AS (
    SELECT p.gender, c.code AS indicator
    FROM attest_data.participation p
    CROSS JOIN LATERAL unnest(attest_internal.participation_codes(ROW(funded.framework, p.person_id, p.facts, p.frozen_indicators))) AS c (code)
    WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = funded.operation_id
  )
  SELECT k.code, k.title, count(*) FILTER (WHERE n.gender = 'F'), count(*) FILTER (WHERE n.gender = 'M'),
    count(*) FILTER (WHERE n.gender = 'N'), count(n.gender)
  FROM attest.esf_catalogue() k LEFT JOIN counted n ON n.indicator = k.code
  WHERE k.framework = funded.framework
  GROUP BY k.code, k.title
  ORDER BY k.code;
END
$$;
COMMENT ON FUNCTION attest.esf_report(text) IS
'Common indicators of an operation by gender, from complete records only. Persons who were anonymised still count. Indicators of entities are listed and stay 0.';

CREATE FUNCTION attest_internal.esf_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  -- In a restored backup the key may be gone before: then nothing is left to count.
  UPDATE attest_data.participation p
  SET frozen_indicators = CASE
      WHEN EXISTS (SELECT FROM attest_data.erased_subject e WHERE e.tenant_id = p.tenant_id AND e.subject_id = p.person_id) THEN '{}'
      ELSE attest_internal.participation_codes(ROW(o.framework, p.person_id, p.facts, NULL)) END, facts = NULL
  FROM attest_data.operation o
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND p.facts IS NOT NULL
    AND o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_erase(uuid) IS
'What ESF forgets of a person at erasure: the facts; the indicators they counted for stay. Returns how many records were emptied.';

CREATE FUNCTION attest_internal.esf_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled int;
BEGIN
  -- One participation a person and operation: the first entry stands, and the last exit.
  -- Whoever is still in one of them has not left, so what is known of the time after does not hold.
  UPDATE attest_data.participation p
  SET exited_on = v.exit, facts = attest.seal(((attest.unseal(p.facts, p.person_id, 'esf.facts')::jsonb
      || CASE WHEN v.exit IS NULL THEN '{}' ELSE jsonb_build_object('exit', v.exit) END)
      - CASE WHEN v.exit IS NULL THEN ARRAY['exit', 'status_exit', 'changes_after_exit', 'new_education', 'qualification',
        'status_6m', 'improved_6m'] ELSE '{}' END)::text, p.person_id, 'esf.facts')
  FROM attest_data.participation o
  CROSS JOIN LATERAL (SELECT max(e.exited_on) FROM attest_data.participation e
    WHERE e.tenant_id = o.tenant_id AND e.operation_id = o.operation_id AND e.person_id IN (keep, dropped)
    HAVING bool_and(e.exited_on IS NOT NULL) UNION ALL SELECT NULL LIMIT 1) v (exit)
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id IN (keep, dropped)
    AND o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
    AND o.person_id IN (keep, dropped) AND o.person_id <> p.person_id AND p.exited_on IS DISTINCT FROM v.exit;
  DELETE FROM attest_data.participation p USING attest_data.participation o
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id IN (keep, dropped)
    AND o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id AND o.person_id IN (keep, dropped)
    AND (o.entered_on, o.person_id <> keep, o.participation_id) < (p.entered_on, p.person_id <> keep, p.participation_id);
  GET DIAGNOSTICS settled = ROW_COUNT;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_merge(uuid, uuid) IS
'What ESF settles before two people become one: of two participations in one operation the first entry stands, with its facts, and the last exit. Returns how many were joined.';
