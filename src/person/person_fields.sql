-- person: the catalogue of fields, and the checks of their values.

CREATE FUNCTION attest.person_fields(
  OUT name text, OUT category text, OUT sealed boolean, OUT sensitivity text, OUT kind text, OUT pattern text,
  OUT accepted text, OUT description text
) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE ROWS 40 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY VALUES
    ('reference', 'register', false, 'ordinary', 'text', NULL, NULL, 'your own number for the person, unique in the tenant; no social security number'),
    ('profile', 'register', false, 'ordinary', 'code',
      '^(learner|beneficiary|candidate|trainer|counsellor|manager|hr_manager|department_referent|external_referent|jury_member|contact|signatory)$',
      'learner, beneficiary, candidate, trainer, counsellor, manager, hr_manager, department_referent, external_referent, jury_member, contact, signatory',
      'what the person is to you; a person may have several'),
    ('civility', 'identification', false, 'ordinary', 'code', '^(MME|M)$', 'MME, M', 'form of address'),
    ('last_name', 'identification', true, 'ordinary', 'text', NULL, NULL, 'last name in use'),
    ('first_name', 'identification', true, 'ordinary', 'text', NULL, NULL, 'first name'),
    ('birth_name', 'identification', true, 'ordinary', 'text', NULL, NULL, 'last name at birth, where it differs'),
    ('gender', 'identification', false, 'ordinary', 'code', '^[FMN]$', 'F, M, N', 'F, M or N (non-binary)'),
    ('birth_date', 'identification', true, 'ordinary', 'date', NULL, NULL, 'date of birth; the year stays in clear'),
    ('birth_place', 'identification', true, 'ordinary', 'text', NULL, NULL, 'place of birth'),
    ('birth_continent', 'identification', true, 'origin', 'code', '^(africa|america|asia|europe|oceania)$',
      'africa, america, asia, europe, oceania', 'continent of birth; may reveal an origin'),
    ('nir', 'identification', true, 'national_id', 'nir', NULL, NULL, 'social security number of 15 characters'),
    ('email', 'contact', true, 'ordinary', 'text', '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$', 'an e-mail address', 'e-mail address'),
    ('other_email', 'contact', true, 'ordinary', 'text', '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$', 'an e-mail address',
      'second e-mail address, independent of the organisation'),
    ('phone', 'contact', true, 'ordinary', 'text', NULL, NULL, 'landline'),
    ('mobile', 'contact', true, 'ordinary', 'text', NULL, NULL, 'mobile telephone'),
    ('address', 'contact', true, 'ordinary', 'text', NULL, NULL, 'postal address'),
    ('postcode', 'contact', false, 'ordinary', 'code', '^[0-9]{5}$', '5 digits', 'postcode'),
    ('commune', 'contact', false, 'ordinary', 'code', '^([0-9]{2}|2[AB])[0-9]{3}$',
      'commune code of INSEE, such as 44109 or 2A004', 'commune code of INSEE, 5 characters'),
    ('isced', 'training', false, 'ordinary', 'code', '^[0-8]$', '0 to 8', 'level of education, ISCED 0 to 8'),
    ('diploma', 'training', true, 'ordinary', 'text', NULL, NULL, 'titles of diplomas'),
    ('training_goal', 'training', true, 'ordinary', 'text', NULL, NULL, 'what the person wants to learn, and what for'),
    ('france_travail_number', 'job_search', true, 'ordinary', 'code', '^([0-9]{7}[0-9A-Z]|[0-9]{11})$', '8 or 11 characters',
      'number of the job seeker at France Travail'),
    ('caf_number', 'job_search', true, 'ordinary', 'code', '^[0-9]{7}$', '7 digits', 'number of the beneficiary at the CAF'),
    ('job_sought', 'job_search', true, 'ordinary', 'text', NULL, NULL, 'job that the person looks for'),
    ('unemployed_since', 'job_search', true, 'ordinary', 'date', NULL, NULL, 'first day without a job'),
    ('employer_siret', 'professional_life', false, 'ordinary', 'siret', NULL, NULL, 'SIRET of the employer, 14 digits'),
    ('employer_name', 'professional_life', true, 'ordinary', 'text', NULL, NULL, 'name of the employer'),
    ('job_title', 'professional_life', true, 'ordinary', 'text', NULL, NULL, 'job held'),
    ('contract', 'professional_life', true, 'ordinary', 'code', '^(permanent|fixed_term|temporary|apprenticeship|professionalisation|self_employed|none)$',
      'permanent, fixed_term, temporary, apprenticeship, professionalisation, self_employed, none', 'kind of employment contract'),
    ('hired_on', 'professional_life', true, 'ordinary', 'date', NULL, NULL, 'first day with the employer'),
    ('disability', 'personal_life', true, 'health', 'code', '^(yes|no|refused)$', 'yes, no, refused',
      'disability status: data on health (GDPR art. 9)'),
    ('parents_birth_place', 'personal_life', true, 'origin', 'text', NULL, NULL, 'place of birth of the parents; may reveal an origin'),
    ('service', 'support', true, 'ordinary', 'text', NULL, NULL, 'department or service that the person works in'),
    ('professional_status', 'support', true, 'ordinary', 'text', NULL, NULL, 'professional status'),
    ('comments', 'support', true, 'ordinary', 'text', NULL, NULL, 'comments and feedback of the person'),
    ('parental_date', 'authorisation', false, 'ordinary', 'date', NULL, NULL,
      'day of the authorisation of a holder of parental authority; required under 18 years'),
    ('parental_reference', 'authorisation', true, 'ordinary', 'text', NULL, NULL, 'where that authorisation is kept; required under 18 years'),
    ('last_activity', 'register', false, 'ordinary', 'date', NULL, NULL, 'last activity; empty while the person is active'),
    ('source', 'instruction', false, 'ordinary', 'code', '^(manual|file|erp|application|form)$', 'manual, file, erp, application, form',
      'where the values come from'),
    ('allow_duplicate', 'instruction', false, 'ordinary', 'code', '^(yes|no|true|false)$', 'yes, no', 'yes: store the person even if they seem to be there');
END
$$;
COMMENT ON FUNCTION attest.person_fields() IS
'Every field of a person: category; whether it is sealed; sensitivity (ordinary, health, origin, national_id); kind of value (text, code, date YYYY-MM-DD, nir, siret), the pattern and the values it takes. Fields of the category authorisation are kept beside the person, those of instruction direct the recording. Connection data is in accounts, the history of interactions with a beneficiary in their own follow-up: neither belongs to a field.';

CREATE FUNCTION attest.import_columns(OUT name text, OUT required boolean, OUT description text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.name, f.name IN ('reference', 'profile', 'last_name', 'first_name'),
    concat_ws('; ', f.description, CASE WHEN f.kind = 'date' THEN 'YYYY-MM-DD' ELSE f.accepted END, CASE WHEN f.sealed THEN 'sealed' END)
  FROM attest.person_fields() f
$$;
COMMENT ON FUNCTION attest.import_columns() IS
'The columns that attest.import_people() and the keys that attest.add_person() take. Those not required here may be by the rules of the tenant: attest.field_rules().';

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

-- One query for all fields, since one for each would cost more than the checks.
CREATE FUNCTION attest_internal.check_person_values(given jsonb, names text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  expected record;
BEGIN
  FOR expected IN
    SELECT f.name, f.kind, f.pattern, f.accepted, nullif(given ->> f.name, '') AS value
    FROM unnest(names) WITH ORDINALITY n (name, place) JOIN attest.person_fields() f ON f.name = n.name
    WHERE given ->> f.name <> '' OR f.name IN ('reference', 'profile', 'last_name', 'first_name')
    ORDER BY n.place
  LOOP
    IF expected.value IS NULL THEN
      PERFORM attest_internal.fail('field_required', expected.name);
    ELSIF expected.kind = 'nir' THEN
      PERFORM expected.value::attest.nir;
    ELSIF expected.kind = 'siret' THEN
      PERFORM expected.value::attest.siret;
    ELSIF expected.kind = 'date' THEN
      IF attest_internal.date_of(expected.value) IS NULL THEN
        PERFORM attest_internal.fail('field_unknown_value', expected.name, 'a date that exists, as YYYY-MM-DD');
      END IF;
    ELSIF expected.name = 'reference' AND attest.nir_check(expected.value, 'plausible') IS NULL THEN
      -- The reference lies in clear, is searched, and stands in errors: nothing of that may happen to a NIR.
      PERFORM attest_internal.fail('field_unknown_value', 'reference', 'a number of your own, no social security number');
    ELSIF expected.value !~ expected.pattern THEN
      PERFORM attest_internal.fail('field_unknown_value', expected.name, expected.accepted);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.check_person_values(jsonb, text[]) IS
'Raises unless the values of the fields named are acceptable for attest.person_fields(), at the first that is not, in the order of the names. Never repeats a value.';

CREATE FUNCTION attest_internal.check_person_field(field text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.check_person_values(jsonb_build_object(field, value), ARRAY[field]);
END
$$;
COMMENT ON FUNCTION attest_internal.check_person_field(text, text) IS
'Raises unless the value is acceptable for the field of attest.person_fields(). Never repeats the value.';
