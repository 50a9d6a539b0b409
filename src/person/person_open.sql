-- person: reading one person, by right.

CREATE FUNCTION attest.may_open(person uuid, purpose text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_may_open' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION attest.may_open(uuid, text) IS
'Whether the profile of the ticket opens what is sealed of a person for a purpose, such as person.nir; attest.unseal() refuses the rest with TA357. Managers, HR managers, the DPO and the person themselves open every field; department referents all but the NIR; external referents and counsellors neither NIR nor what is delicate (disability, origin); trainers names and contact data; jury members names; others nothing. Purposes of other rooms: whoever sees the person.';

CREATE FUNCTION attest.person_details(person uuid, category text DEFAULT NULL, OUT field text, OUT value text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields text[];
BEGIN
  PERFORM attest_internal.required_tenant();
  IF NOT EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person) THEN
    PERFORM attest_internal.person_missing(person);
  END IF;
  IF NOT person_details.category IN (SELECT f.category FROM attest.person_fields() f WHERE f.name = ANY (attest_internal.person_columns())) THEN
    PERFORM attest_internal.fail('bad_value', 'category', 'a category of attest.person_fields()');
  END IF;
  fields := ARRAY(SELECT f.name FROM attest.person_fields() f
    WHERE f.category = coalesce(person_details.category, f.category) AND attest.may_open(person, 'person.' || f.name));
  IF cardinality(fields) = 0 THEN
    PERFORM attest_internal.fail('field_closed', coalesce(attest.current_profile(), '-'));
  END IF;
  RETURN QUERY SELECT f.name, o.value
  FROM jsonb_each_text(attest_internal.opened_fields(person, fields)) o JOIN attest.person_fields() WITH ORDINALITY f (name) ON f.name = o.key
  WHERE o.value IS NOT NULL ORDER BY f.ordinality;
END
$$;
COMMENT ON FUNCTION attest.person_details(uuid, text) IS
'The fields of a person that are filled in, of one category of attest.person_fields() or of all, opened: those that the profile of the ticket opens. Error TA357 where it opens none of the category.';

CREATE FUNCTION attest.person_provenance(
  person uuid, OUT field text, OUT since timestamptz, OUT account_id uuid, OUT source text, OUT import_id uuid
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.required_tenant();
  IF NOT EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person) THEN
    PERFORM attest_internal.person_missing(person);
  END IF;
  RETURN QUERY
  SELECT f.name, coalesce(c.changed_at, p.created_at), CASE WHEN c.change_id IS NULL THEN p.created_by ELSE c.changed_by END,
    coalesce(c.source, p.source), CASE WHEN c.change_id IS NULL THEN p.import_id ELSE c.import_id END
  FROM attest_data.person p CROSS JOIN LATERAL jsonb_each_text(to_jsonb(p)) v (name, value)
  JOIN attest.person_fields() WITH ORDINALITY f (name) ON f.name = v.name OR (f.name = 'profile' AND v.name = 'profiles')
  LEFT JOIN LATERAL (
    SELECT * FROM attest_data.person_change h
    WHERE h.tenant_id = p.tenant_id AND h.person_id = p.person_id AND h.field = f.name AND h.source <> 'set_aside'
    ORDER BY h.change_id DESC LIMIT 1
  ) c ON true
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person AND v.value IS NOT NULL
    AND attest.may_open(person, 'person.' || f.name)
  ORDER BY f.ordinality;
END
$$;
COMMENT ON FUNCTION attest.person_provenance(uuid) IS
'Where the values of a person come from: for each field that is filled in and that the profile opens, since when it has its value, from which account, source and import.';
