-- person: what the register forgets at erasure.

CREATE FUNCTION attest_internal.person_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  -- What stays counts in statistics and names nobody: gender, birth year, level, department, profiles.
  UPDATE attest_data.person p
  SET reference = NULL, civility = NULL, last_name = NULL, first_name = NULL, birth_name = NULL, birth_date = NULL, birth_place = NULL,
    birth_continent = NULL, nir = NULL, email = NULL, other_email = NULL, phone = NULL, mobile = NULL, address = NULL, postcode = NULL,
    diploma = NULL, training_goal = NULL, france_travail_number = NULL, caf_number = NULL, job_sought = NULL, unemployed_since = NULL,
    employer_siret = NULL, employer_name = NULL, job_title = NULL, contract = NULL, hired_on = NULL, disability = NULL,
    parents_birth_place = NULL, service = NULL, professional_status = NULL, comments = NULL, search_name = NULL, nir_blind = NULL,
    email_blind = NULL, identity_blind = NULL, import_id = NULL,
    commune = left(p.commune, CASE WHEN p.commune LIKE '97%' THEN 3 ELSE 2 END), anonymised_at = now()
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND p.anonymised_at IS NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  DELETE FROM attest_data.person_change c WHERE c.tenant_id = attest_internal.required_tenant() AND c.person_id = person;
  DELETE FROM attest_data.parental_authorisation a WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  -- The old ids keep saying whom they stand for, and nothing else.
  UPDATE attest_data.person_alias a SET reference = NULL, reason = NULL, import_id = NULL
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  DELETE FROM attest_data.account_secret s USING attest_data.account a
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person
    AND s.tenant_id = a.tenant_id AND s.account_id = a.account_id;
  UPDATE attest_data.account a
  SET revoked_at = coalesce(a.revoked_at, now()), identifier = 'erased-' || a.account_id, person_id = NULL
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  DELETE FROM attest_data.caseload c
  WHERE c.tenant_id = attest_internal.required_tenant() AND person IN (c.person_id, c.referent_id);
  DELETE FROM attest_data.objection o WHERE o.tenant_id = attest_internal.required_tenant() AND o.person_id = person;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.person_erase(uuid) IS
'What the register forgets of a person at erasure; returns how many records were emptied.';
