-- person: which fields a tenant may hold of whom.

CREATE FUNCTION attest_internal.field_defaults(OUT kind text, OUT profile text, OUT required text[], OUT optional text[]) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE ROWS 14 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What the published policies of such services list; what they do not list is forbidden.
  RETURN QUERY VALUES
    (NULL, 'learner', ARRAY['gender'], ARRAY['civility', 'birth_name', 'birth_date', 'birth_place', 'nir', 'email', 'other_email',
      'phone', 'mobile', 'address', 'postcode', 'commune', 'isced', 'diploma', 'training_goal', 'employer_siret', 'employer_name',
      'job_title', 'contract', 'hired_on', 'disability', 'parents_birth_place', 'parental_date', 'parental_reference']),
    (NULL, 'beneficiary', ARRAY['gender'], ARRAY['civility', 'birth_name', 'birth_date', 'birth_place', 'nir', 'email', 'other_email',
      'phone', 'mobile', 'address', 'postcode', 'commune', 'isced', 'diploma', 'training_goal', 'france_travail_number', 'caf_number',
      'job_sought', 'unemployed_since', 'employer_siret', 'employer_name', 'job_title', 'contract', 'hired_on', 'disability',
      'parents_birth_place', 'parental_date', 'parental_reference']),
    (NULL, 'candidate', '{}', ARRAY['civility', 'gender', 'birth_name', 'birth_date', 'birth_place', 'birth_continent', 'nir', 'email',
      'other_email', 'phone', 'mobile', 'address', 'postcode', 'commune', 'isced', 'diploma', 'employer_siret', 'employer_name',
      'job_title', 'contract', 'hired_on', 'parental_date', 'parental_reference']),
    (NULL, 'trainer', '{}', ARRAY['civility', 'gender', 'birth_date', 'email', 'phone', 'mobile', 'address', 'postcode', 'commune',
      'employer_siret', 'employer_name']),
    (NULL, 'counsellor', '{}', ARRAY['civility', 'gender', 'email', 'other_email', 'phone', 'mobile', 'employer_siret', 'employer_name']),
    -- No e-mail address is listed for those who manage the software.
    (NULL, 'manager', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments', 'employer_siret']),
    (NULL, 'hr_manager', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments', 'employer_siret']),
    (NULL, 'department_referent', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments',
      'employer_siret']),
    (NULL, 'external_referent', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments',
      'employer_siret']),
    (NULL, 'jury_member', '{}', ARRAY['civility', 'gender', 'email', 'phone', 'mobile', 'employer_name', 'job_title']),
    (NULL, 'contact', '{}', ARRAY['civility', 'gender', 'email', 'phone', 'mobile', 'employer_siret', 'employer_name', 'job_title']),
    (NULL, 'signatory', ARRAY['email'], ARRAY['civility', 'gender', 'phone', 'mobile', 'employer_siret', 'employer_name', 'job_title']),
    ('guidance_centre', 'counsellor', ARRAY['email'], ARRAY['other_email', 'mobile']),
    -- The counsellor who administers the centre, of whom the same is taken.
    ('guidance_centre', 'manager', ARRAY['email'], ARRAY['other_email', 'mobile']),
    ('guidance_centre', 'beneficiary', ARRAY['birth_date', 'isced'], ARRAY['email', 'phone', 'mobile', 'parental_date', 'parental_reference']);
END
$$;
COMMENT ON FUNCTION attest_internal.field_defaults() IS
'Fields that people of a profile must and may have where a tenant, of any kind or of the kind named, says nothing else.';

CREATE FUNCTION attest.field_rules(profiles text[] DEFAULT NULL, OUT profile text, OUT field text, OUT rule text, OUT set_at timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT d.profile, f.name,
    CASE WHEN f.name IN ('reference', 'profile', 'last_name', 'first_name') THEN 'required'
      WHEN f.name IN ('last_activity', 'source', 'allow_duplicate') THEN 'optional'
      WHEN p.rule IS NOT NULL THEN p.rule
      WHEN f.name = ANY (d.required) THEN 'required'
      WHEN f.name = ANY (d.optional) THEN 'optional'
      ELSE 'forbidden' END,
    p.set_at
  FROM (
    SELECT DISTINCT ON (d.profile) d.* FROM attest_internal.field_defaults() d
    WHERE (profiles IS NULL OR d.profile = ANY (profiles)) AND attest.current_tenant() IS NOT NULL
      AND (d.kind IS NULL OR d.kind = (SELECT t.kind FROM attest_data.tenant t WHERE t.id = attest.current_tenant()))
    ORDER BY d.profile, d.kind NULLS LAST
  ) d
  CROSS JOIN attest.person_fields() f
  LEFT JOIN attest_data.field_policy p ON p.tenant_id = attest.current_tenant() AND p.profile = d.profile AND p.field = f.name;
END
$$;
COMMENT ON FUNCTION attest.field_rules(text[]) IS
'Which fields the entered tenant holds of people of the profiles named, or of every profile: required, optional or forbidden, and when attest.set_field_policy() said so; NULL for a default.';

CREATE FUNCTION attest.set_field_policy(profile text, field text, rule text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(profile, '') = '' OR coalesce(field, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'profile, field');
  END IF;
  PERFORM attest_internal.check_person_field('profile', profile);
  IF NOT EXISTS (SELECT FROM attest.person_fields() f WHERE f.name = field AND f.category NOT IN ('register', 'instruction')
      AND f.name NOT IN ('last_name', 'first_name')) THEN
    PERFORM attest_internal.fail('bad_value', 'field', 'a field of attest.person_fields() that is not part of every record');
  END IF;
  IF rule IS NULL THEN
    DELETE FROM attest_data.field_policy p WHERE p.tenant_id = attest_internal.required_tenant()
      AND p.profile = set_field_policy.profile AND p.field = set_field_policy.field;
    RETURN;
  END IF;
  IF NOT rule = ANY ('{required,optional,forbidden}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'rule', 'required, optional, forbidden');
  END IF;
  INSERT INTO attest_data.field_policy AS p (tenant_id, profile, field, rule)
  VALUES (attest_internal.required_tenant(), set_field_policy.profile, set_field_policy.field, set_field_policy.rule)
  ON CONFLICT ON CONSTRAINT field_policy_pkey DO UPDATE SET rule = EXCLUDED.rule, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_field_policy(text, text, text) IS
'Makes a field of attest.person_fields() required, optional or forbidden for people of a profile, from now on; NULL: the default again. What is held already stays. attest.field_rules() shows the rules. For managers and the DPO.';

CREATE FUNCTION attest_internal.check_rules(profiles text[], given jsonb, whole boolean) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  broken record;
BEGIN
  -- With several profiles, what one needs is required and what one may have is allowed.
  SELECT r.field, bool_or(r.rule = 'required') AS required INTO broken
  FROM attest.field_rules(profiles) r JOIN attest.person_fields() WITH ORDINALITY f (name) ON f.name = r.field
  WHERE whole OR given ? r.field
  GROUP BY r.field, f.ordinality
  HAVING CASE WHEN coalesce(given ->> r.field, '') = '' THEN bool_or(r.rule = 'required') ELSE bool_and(r.rule = 'forbidden') END
  ORDER BY f.ordinality LIMIT 1;
  IF broken.required THEN
    PERFORM attest_internal.fail('field_required', broken.field);
  ELSIF FOUND THEN
    PERFORM attest_internal.fail('field_forbidden', broken.field, array_to_string(profiles, ', '));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_rules(text[], jsonb, boolean) IS
'Error TA351 where a forbidden field is given, TA333 where a required one is empty: of the whole record, or of the fields given.';

-- --- social security numbers ---

CREATE FUNCTION attest.authorise_nir(
  tenant_code text, basis text, reference text, since date DEFAULT NULL, until date DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  new_authorisation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  IF coalesce(basis, '') = '' OR coalesce(reference, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis, reference');
  END IF;
  since := coalesce(since, attest_internal.local_day());
  IF until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  INSERT INTO attest_data.nir_authorisation (tenant_id, authorisation_id, basis, reference, since, until)
  VALUES (attest.current_tenant(), new_authorisation, authorise_nir.basis, authorise_nir.reference, authorise_nir.since,
    authorise_nir.until);
  RETURN new_authorisation;
END
$$;
COMMENT ON FUNCTION attest.authorise_nir(text, text, text, date, date) IS
'Records that a tenant may hold social security numbers: the basis (such as decree 2019-341), the reference of the document, and the days within which it holds. Without it a number is refused with TA352. For operators.';

CREATE FUNCTION attest.revoke_nir(tenant_code text, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  revoked int;
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  UPDATE attest_data.nir_authorisation a
  SET revoked_at = now(), revoked_by = session_user, revoke_reason = revoke_nir.reason
  WHERE a.tenant_id = attest.current_tenant() AND a.revoked_at IS NULL;
  GET DIAGNOSTICS revoked = ROW_COUNT;
  RETURN revoked;
END
$$;
COMMENT ON FUNCTION attest.revoke_nir(text, text) IS
'Revokes every authorisation of a tenant to hold social security numbers, and returns how many there were: no further number is taken. Those held stay sealed. For operators.';

CREATE FUNCTION attest_internal.nir_authorised() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM attest_data.nir_authorisation a WHERE a.tenant_id = attest.current_tenant() AND a.revoked_at IS NULL
    AND attest_internal.local_day() BETWEEN a.since AND coalesce(a.until, 'infinity'))
$$;
COMMENT ON FUNCTION attest_internal.nir_authorised() IS 'Whether the entered tenant may hold social security numbers today.';

-- --- minors ---

CREATE FUNCTION attest_internal.is_minor(birth_date date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT birth_date + interval '18 years' > attest_internal.local_day()
$$;
COMMENT ON FUNCTION attest_internal.is_minor(date) IS 'Whether somebody born that day is under 18 on the local day of the tenant.';

CREATE FUNCTION attest_internal.check_authorisation(given jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(given ->> 'parental_date', '') = '' AND coalesce(given ->> 'parental_reference', '') = '' THEN
    IF attest_internal.is_minor(attest_internal.date_of(given ->> 'birth_date')) THEN
      PERFORM attest_internal.fail('minor_not_authorised');
    END IF;
  ELSIF coalesce(given ->> 'parental_date', '') = '' OR coalesce(given ->> 'parental_reference', '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'parental_date, parental_reference');
  ELSIF attest_internal.date_of(given ->> 'parental_date') > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('field_unknown_value', 'parental_date', 'today or earlier');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_authorisation(jsonb) IS
'Error TA353 where the record is of somebody under 18 and gives no authorisation; TA333 or TA334 where it gives half of one, or one of the future.';

CREATE FUNCTION attest_internal.store_authorisation(person uuid, given_on date, reference text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.parental_authorisation (tenant_id, authorisation_id, person_id, given_on, reference)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person, given_on,
    attest.seal(reference, person, 'person.parental_reference'))
$$;
COMMENT ON FUNCTION attest_internal.store_authorisation(uuid, date, text) IS 'Stores a parental authorisation that has been checked.';

CREATE FUNCTION attest.authorise_minor(person uuid, given_on date, reference text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.lock_person(person);
  IF given_on IS NULL OR coalesce(reference, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'given_on, reference');
  END IF;
  IF given_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'given_on', 'today or earlier');
  END IF;
  PERFORM attest_internal.store_authorisation(person, given_on, reference);
END
$$;
COMMENT ON FUNCTION attest.authorise_minor(uuid, date, text) IS
'Records an authorisation of a holder of parental authority for somebody under 18: its day, and where it is kept (sealed). For managers and HR managers.';

CREATE FUNCTION attest.revoke_minor(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  born date;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo');
  PERFORM attest_internal.lock_person(person);
  SELECT attest.unseal(p.birth_date, p.person_id, 'person.birth_date')::date INTO born FROM attest_data.person p
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  -- Whole months: the column is in clear, and must not tell the day of birth.
  UPDATE attest_data.parental_authorisation a
  SET revoked_at = now(), revoked_by = attest.current_account(),
    bars_until = (date_trunc('month', born + interval '18 years') + interval '1 month')::date
  WHERE a.tenant_id = attest.current_tenant() AND a.person_id = person AND a.revoked_at IS NULL;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'authorisation', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.revoke_minor(uuid) IS
'Takes the authorisations for somebody under 18 back: nothing more is recorded for them (TA353) until a new one, or the month after they turn 18. For managers, HR managers and the DPO.';
