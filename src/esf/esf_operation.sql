-- esf: operations and what is recorded for them as a whole.

CREATE FUNCTION attest_internal.check_programme(programme text, framework text, code text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant()
      AND o.programme = check_programme.programme AND o.framework <> check_programme.framework) THEN
    PERFORM attest_internal.fail('bad_value', 'framework', 'the framework of the other operations of the programme');
  END IF;
  IF EXISTS (SELECT FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant()
      AND (o.code = check_programme.programme OR o.programme = check_programme.code)) OR programme = code THEN
    PERFORM attest_internal.fail('bad_value', 'programme', 'a code that is not the code of an operation');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_programme(text, text, text) IS
'Error TA010 where operations of a programme would be of two frameworks, or an operation and a programme have one code.';

CREATE FUNCTION attest.create_operation(
  code text, title text, framework text, starts_on date, ends_on date,
  programme text DEFAULT NULL, priority text DEFAULT NULL, specific_objective text DEFAULT NULL, region_category text DEFAULT NULL,
  parameters jsonb DEFAULT '{}'
) RETURNS uuid
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
  IF NOT region_category = ANY ('{less_developed,transition,more_developed,outermost}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'region_category', 'less_developed, transition, more_developed, outermost');
  END IF;
  PERFORM attest_internal.required_tenant(), attest_internal.check_programme(nullif(programme, ''), framework, code);
  INSERT INTO attest_data.operation (tenant_id, operation_id, code, title, framework, starts_on, ends_on,
    programme, priority, specific_objective, region_category, parameters)
  VALUES (attest_internal.required_tenant(), new_operation, create_operation.code, create_operation.title,
    create_operation.framework, create_operation.starts_on, create_operation.ends_on, nullif(create_operation.programme, ''),
    create_operation.priority, create_operation.specific_objective, create_operation.region_category,
    attest.esf_parameters(create_operation.framework, coalesce(create_operation.parameters, '{}')))
  ON CONFLICT ON CONSTRAINT operation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_operation.code);
  END IF;
  INSERT INTO attest_data.operation_total (tenant_id, operation_id, total)
  VALUES (attest.current_tenant(), new_operation, attest_internal.seal_tally(create_operation.framework::attest.esf_tally, new_operation));
  RETURN new_operation;
END
$$;
COMMENT ON FUNCTION attest.create_operation(text, text, text, date, date, text, text, text, text, jsonb) IS
'Creates an operation funded by the European Social Fund; framework esf+ (2021-2027) or esf (2014-2020). Programme (such as a CCI number), priority, specific objective and category of region (less_developed, transition, more_developed, outermost) group operations in reports; operations of a programme are of one framework. parameters: what the authority rules otherwise than the defaults of attest.esf_parameters(). For managers and department referents.';

CREATE FUNCTION attest.set_operation_parameters(operation uuid, changes jsonb, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  wanted jsonb;
BEGIN
  -- All participations are opened and counted again: a profile that sees some people would leave the others.
  PERFORM attest_internal.require_profile('manager');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    PERFORM attest_internal.fail('bad_value', 'changes', 'an object with the parameters to change');
  END IF;
  -- Who records by the old parameters has committed, who begins waits: see lock_participation().
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  wanted := attest.esf_parameters(funded.framework, funded.parameters || changes);
  IF wanted = funded.parameters THEN
    RETURN 0;
  END IF;
  UPDATE attest_data.operation o SET parameters = wanted WHERE o.tenant_id = funded.tenant_id AND o.operation_id = operation;
  INSERT INTO attest_data.operation_parameters (tenant_id, entry_id, operation_id, parameters, reason)
  VALUES (funded.tenant_id, attest.uuid_v7(), operation, wanted, set_operation_parameters.reason);
  RETURN attest_internal.recount_participations(operation, funded.parameters, set_operation_parameters.reason);
END
$$;
COMMENT ON FUNCTION attest.set_operation_parameters(uuid, jsonb, text) IS
'Changes parameters by which the indicators of an operation are counted (attest.esf_parameters(); null: the default), and counts what is recorded again: a participation that counts for something else gets a version of kind parameters, so reports as of an earlier time stay as they were. People who were erased count for what they counted for. Returns how many participations count otherwise. attest.operation_parameters lists the changes. For managers.';

CREATE FUNCTION attest_internal.recount_participations(operation uuid, before jsonb, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
  facts jsonb;
  recounted bigint := 0;
BEGIN
  FOR one IN
    SELECT p.participation_id, p.person_id, o.framework, o.parameters
    FROM attest_data.participation p JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.operation_id = operation
    ORDER BY p.participation_id
  LOOP
    -- Nobody is erased while their facts are written again; who is erased already keeps what they counted for.
    PERFORM FROM attest_data.person r
    WHERE r.tenant_id = attest.current_tenant() AND r.person_id = one.person_id AND r.anonymised_at IS NULL FOR KEY SHARE;
    CONTINUE WHEN NOT FOUND;
    facts := attest_internal.participation_facts(one.participation_id);
    IF EXISTS (SELECT FROM attest_internal.stay_facts(one.participation_id, facts) s
        WHERE attest.esf_indicator_set(one.framework, s.facts, one.parameters) <> attest.esf_indicator_set(one.framework, s.facts, before)) THEN
      PERFORM attest_internal.write_participation(one.participation_id, facts, 'parameters', reason);
      recounted := recounted + 1;
    END IF;
  END LOOP;
  RETURN recounted;
END
$$;
COMMENT ON FUNCTION attest_internal.recount_participations(uuid, jsonb, text) IS
'Adds a version to each participation of an operation, which the caller has locked, that counts for something else by its parameters than by those of before. Returns how many.';

CREATE FUNCTION attest.record_entities(operation uuid, code text, entities bigint, counted_on date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  accepted text;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  accepted := CASE funded.framework WHEN 'esf+' THEN 'EECO18, EECO19' ELSE 'CO20, CO21, CO22, CO23' END;
  IF code IS NULL OR NOT code = ANY (string_to_array(accepted, ', ')) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'code', accepted);
  END IF;
  IF entities IS NULL OR entities < 0 THEN
    PERFORM attest_internal.fail('bad_value', 'entities', 'a number from 0 on');
  END IF;
  INSERT INTO attest_data.operation_entity (tenant_id, entry_id, operation_id, code, entities, counted_on)
  VALUES (attest.current_tenant(), attest.uuid_v7(), operation, record_entities.code, record_entities.entities,
    coalesce(record_entities.counted_on, attest_internal.local_day()));
END
$$;
COMMENT ON FUNCTION attest.record_entities(uuid, text, bigint, date) IS
'Records how many entities an operation has supported up to a day (today by default): EECO18 public administrations and services, EECO19 small and medium-sized firms (esf+); CO20 projects of social partners, CO21 for women in employment, CO22 for public administrations, CO23 firms (esf). The number of the last day of a code counts; earlier ones stay for reports of an earlier period or as of an earlier time. For managers and department referents.';

CREATE FUNCTION attest_internal.esf_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.operation_id FROM attest_data.operation o
  WHERE o.tenant_id = attest.current_tenant() AND profile IN ('department_referent', 'counsellor')
$$;
COMMENT ON FUNCTION attest_internal.esf_visible(text, uuid) IS
'No people: the operations, whose totals are sealed as if for a person, so that those who record participations can open them.';

CREATE FUNCTION attest_internal.seal_tally(tally attest.esf_tally, operation uuid) RETURNS attest.sealed
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.seal(tally::text, operation, 'esf.total')
$$;
COMMENT ON FUNCTION attest_internal.seal_tally(attest.esf_tally, uuid) IS 'Seals the total of an operation under a key of its own.';

CREATE FUNCTION attest_internal.add_pending(operation uuid, participation uuid, version int) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.operation_pending (tenant_id, operation_id, participation_id, version, stay, added, removed)
  SELECT n.tenant_id, n.operation_id, n.participation_id, n.version, n.stay, n.counted,
    (SELECT b.counted FROM attest_data.participation_count b WHERE b.tenant_id = n.tenant_id AND b.operation_id = n.operation_id
      AND b.participation_id = n.participation_id AND b.version = n.version - 1 ORDER BY b.stay DESC LIMIT 1)
  FROM attest_data.participation_count n
  WHERE n.tenant_id = attest_internal.required_tenant() AND n.operation_id = operation AND n.participation_id = participation
    AND n.version = add_pending.version
  ORDER BY n.stay DESC LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.add_pending(uuid, uuid, int) IS
'Notes what a version of a participation changes in the running total of its operation, by its last stay; it is pending until the total holds it. Writers of an operation do not wait for each other.';

CREATE FUNCTION attest_internal.esf_total(operation uuid) RETURNS attest.esf_tally
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.unseal(t.total, t.operation_id, 'esf.total')::attest.esf_tally
    OPERATOR(attest.+) n.added OPERATOR(attest.-) n.removed
  FROM attest_data.operation_total t
  JOIN attest_data.operation o ON o.tenant_id = t.tenant_id AND o.operation_id = t.operation_id
  CROSS JOIN LATERAL (
    SELECT attest.merge_esf_tally(attest_internal.tally_of_count(o.framework, attest.unseal(p.added, p.operation_id, 'esf.count'))) AS added,
      attest.merge_esf_tally(attest_internal.tally_of_count(o.framework, attest.unseal(p.removed, p.operation_id, 'esf.count'))) AS removed
    FROM attest_data.operation_pending p
    WHERE p.tenant_id = t.tenant_id AND p.operation_id = t.operation_id
  ) n
  WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation
$$;
COMMENT ON FUNCTION attest_internal.esf_total(uuid) IS
'The tally of an operation as recorded so far: its running total and what is pending.';

CREATE FUNCTION attest_internal.esf_totals_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operation uuid;
  added bigint := 0;
  taken bigint;
BEGIN
  FOR operation IN
    SELECT t.operation_id FROM attest_data.operation_total t
    WHERE t.tenant_id = attest_internal.required_tenant() AND EXISTS (SELECT FROM attest_data.operation_pending p
      WHERE p.tenant_id = t.tenant_id AND p.operation_id = t.operation_id)
    ORDER BY t.operation_id
  LOOP
    -- One at a time for each operation; what others record meanwhile stays pending.
    PERFORM FROM attest_data.operation_total t
    WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation FOR UPDATE;
    taken := attest_internal.fold_total(operation);
    added := added + taken;
  END LOOP;
  RETURN added;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_totals_job() IS
'Adds what is pending to the running totals of the operations of the entered tenant; returns how many versions.';

CREATE FUNCTION attest_internal.fold_total(operation uuid) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  -- One statement: what it deletes is what it counts, by the same snapshot.
  WITH taken AS (
    DELETE FROM attest_data.operation_pending p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.operation_id = operation
    RETURNING 1
  ), kept AS (
    UPDATE attest_data.operation_total t SET total = attest_internal.seal_tally(attest_internal.esf_total(operation), operation)
    WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation
  )
  SELECT count(*) FROM taken
$$;
COMMENT ON FUNCTION attest_internal.fold_total(uuid) IS
'Adds what is pending to the running total of an operation whose total the caller has locked.';

CREATE FUNCTION attest_internal.tally_of_count(framework text, counted text) RETURNS attest.esf_tally
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE counted WHEN 'void' THEN 'none'
    ELSE attest.esf_tally_of(framework, nullif(left(counted, 1), '-'), substr(counted, 2)::bigint) END
$$;
COMMENT ON FUNCTION attest_internal.tally_of_count(text, text) IS
'The tally of a line of participation_count: gender (- when not known) and indicator set, or void for a participation that was joined to another.';

CREATE FUNCTION attest_internal.esf_reseal(subject uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  totals int;
  counts int;
BEGIN
  UPDATE attest_data.operation_total t SET total = attest_internal.reseal(t.total)
  WHERE t.tenant_id = attest_internal.required_tenant() AND t.operation_id = subject;
  GET DIAGNOSTICS totals = ROW_COUNT;
  UPDATE attest_data.participation_count c SET counted = attest_internal.reseal(c.counted)
  WHERE c.tenant_id = attest.current_tenant() AND c.operation_id = subject;
  GET DIAGNOSTICS counts = ROW_COUNT;
  UPDATE attest_data.operation_pending p SET added = attest_internal.reseal(p.added), removed = attest_internal.reseal(p.removed)
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = subject;
  RETURN totals + counts;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_reseal(uuid) IS
'Seals the totals and counts of an operation again under its newest key; nothing for the id of a person. Returns how many totals and counts there are.';

CREATE FUNCTION attest_internal.esf_owns(subject uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*)::int FROM attest_data.operation o WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = subject
$$;
COMMENT ON FUNCTION attest_internal.esf_owns(uuid) IS '1 where the key of this id seals the totals of an operation, 0 otherwise.';
