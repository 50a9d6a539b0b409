-- person: the register of people.

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

CREATE FUNCTION attest.assign_case(referent uuid, person uuid, since date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.require_person(referent);
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.caseload (tenant_id, referent_id, person_id, since)
  VALUES (attest.current_tenant(), referent, person, coalesce(assign_case.since, attest_internal.local_day()))
  ON CONFLICT ON CONSTRAINT caseload_pkey DO UPDATE SET until = NULL;
END
$$;
COMMENT ON FUNCTION attest.assign_case(uuid, uuid, date) IS 'Puts a person on the caseload of a referent or counsellor, from a day on, today by default. For managers and HR managers.';

CREATE FUNCTION attest.close_case(referent uuid, person uuid, last_day date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  UPDATE attest_data.caseload c SET until = coalesce(last_day, attest_internal.local_day() - 1)
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
