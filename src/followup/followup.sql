-- followup: people who receive the RSA, from their right to their contract.
-- Every record is dated and append-only: a correction is a new row that replaces an
-- older one, so a report of a past day can be made again.

CREATE FUNCTION attest_internal.keep_record() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NOT EXISTS (
    SELECT FROM jsonb_each_text(to_jsonb(OLD)) b JOIN jsonb_each_text(to_jsonb(NEW)) a USING (key)
    WHERE b.value IS DISTINCT FROM a.value
      -- Erasure empties what is sealed; a new key seals it anew.
      AND (b.value LIKE 'att1:%' AND coalesce(a.value, 'att1:') LIKE 'att1:%') IS NOT TRUE
      -- A person who was merged into another gives way.
      AND NOT (key IN ('person_id', 'author_id') AND EXISTS (SELECT FROM attest_data.person_alias l
        WHERE l.tenant_id = attest.current_tenant() AND l.alias_id::text = b.value AND l.person_id::text = a.value))
  ) THEN
    RETURN NEW;
  END IF;
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.keep_record() IS
'Trigger of the tables of followup: they only grow. What is sealed may be emptied or sealed anew, and a person who was merged into another give way.';

-- --- settings ---

CREATE FUNCTION attest_internal.followup_default(OUT name text, OUT value text, OUT unit text, OUT minimum int, OUT maximum int, OUT source text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 13 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('weekly_minutes', '900', 'minutes', 60, 2100, 'Labour Code L5411-6: at least 15 hours a week'),
    ('weekly_minutes_max', '2100', 'minutes', 900, 2880, 'choice of attest: 35 hours; Constitutional Council 2023-858 DC, par. 35, says never excessive'),
    ('low_weeks', '2', 'weeks', 2, 12, 'practice: a fact to look at after two consecutive low weeks that were recorded'),
    ('no_contact_days', '60', 'days', 1, 366, 'choice of attest'),
    ('reminder_days', '3', 'days', 1, 60, 'practice of rdv-insertion'),
    ('orientation_weeks', '6', 'weeks', 1, 52, 'Code of Social Action D262-65-2'),
    ('contract_months', '1', 'months', 1, 12, 'Labour Code D5411-14-1, D5411-8-2'),
    ('review_months', '6', 'months', 1, 24, 'Code of Social Action D262-65-2-1'),
    ('review_months_vulnerable', '12', 'months', 1, 24, 'Code of Social Action D262-65-2-1'),
    ('stock_years', '2', 'years', 1, 5, 'decrees of 30 December 2024'),
    ('stock_years_overseas', '3', 'years', 1, 5, 'decree of 13 August 2025'),
    ('extend_deadlines', '0', '0 or 1', 0, 1, 'Code of Civil Procedure, art. 642, which no text extends to these deadlines'),
    ('zone', 'mainland', 'zone', NULL, NULL, 'zone of public holidays, as attest.holiday(); overseas zones have the longer deadline of the stock')
$$;
COMMENT ON FUNCTION attest_internal.followup_default() IS 'The settings of followup: defaults, bounds, sources.';

CREATE FUNCTION attest_internal.followup_setting(wanted text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT s.value FROM attest_data.followup_setting s WHERE s.tenant_id = attest_internal.required_tenant() AND s.name = d.name), d.value)
  FROM attest_internal.followup_default() d WHERE d.name = wanted
$$;
COMMENT ON FUNCTION attest_internal.followup_setting(text) IS 'Value of a setting of followup for the entered tenant.';

CREATE FUNCTION attest.followup_settings(OUT name text, OUT value text, OUT default_value text, OUT unit text, OUT source text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.name, attest_internal.followup_setting(d.name), d.value, d.unit, d.source FROM attest_internal.followup_default() d
$$;
COMMENT ON FUNCTION attest.followup_settings() IS 'The numbers that the follow-up of the RSA rests on: value for the tenant, default, unit, source.';

CREATE FUNCTION attest.set_followup(name text, value text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known record;
BEGIN
  PERFORM attest_internal.require_profile('manager');
  SELECT * INTO known FROM attest_internal.followup_default() d WHERE d.name = set_followup.name;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('field_unknown_value', 'name', (SELECT string_agg(d.name, ', ') FROM attest_internal.followup_default() d));
  ELSIF known.minimum IS NULL THEN
    PERFORM attest.holiday('2000-01-01', coalesce(value, '-'));
  ELSIF (value ~ '^[0-9]{1,5}$') IS NOT TRUE OR NOT value::int BETWEEN known.minimum AND known.maximum THEN
    PERFORM attest_internal.fail('bad_value', name, format('from %s to %s %s', known.minimum, known.maximum, known.unit));
  END IF;
  INSERT INTO attest_data.followup_setting (tenant_id, name, value)
  VALUES (attest_internal.required_tenant(), set_followup.name, set_followup.value)
  ON CONFLICT ON CONSTRAINT followup_setting_pkey DO UPDATE SET value = EXCLUDED.value, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_followup(text, text) IS
'Changes a setting of attest.followup_settings() for the tenant. For managers. Errors TA334 unknown, TA012 out of bounds.';

-- --- organisations of referents ---

CREATE FUNCTION attest.organisation_kinds(OUT kind text, OUT employment_service boolean, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 11 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('france_travail', true, 'France Travail'), ('mission_locale', true, 'Mission locale'),
    ('employment_partner', true, 'Maison de l''emploi, PLIE, Cap emploi'), ('business_creation', true, 'Support of business creation'),
    ('iae', true, 'Insertion par l''activité économique'), ('other_placement', true, 'Other placement body'),
    ('departement', false, 'Service of the département'), ('caf', false, 'CAF'), ('msa', false, 'MSA'),
    ('ccas', false, 'CCAS or CIAS'), ('other', false, 'Other body')
$$;
COMMENT ON FUNCTION attest.organisation_kinds() IS
'Kinds of referent organisations, and whether they belong to the public employment service in the widest sense. Source: the lines of table 1 of the yearly OARSA survey (DREES).';

CREATE FUNCTION attest.create_organisation(code text, name text, kind text, since date, until date DEFAULT NULL, siret attest.siret DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, name');
  END IF;
  IF NOT EXISTS (SELECT FROM attest.organisation_kinds() k WHERE k.kind = create_organisation.kind) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', (SELECT string_agg(k.kind, ', ') FROM attest.organisation_kinds() k));
  END IF;
  IF since IS NULL OR until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  INSERT INTO attest_data.referent_organisation (tenant_id, organisation_id, code, name, kind, siret, since, until)
  VALUES (attest_internal.required_tenant(), made, create_organisation.code, create_organisation.name, create_organisation.kind,
    create_organisation.siret, create_organisation.since, create_organisation.until)
  ON CONFLICT ON CONSTRAINT referent_organisation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_organisation.code);
  END IF;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.create_organisation(text, text, text, date, date, attest.siret) IS
'Adds an organisation that people are referred to; kind as attest.organisation_kinds(). For managers and department referents.';

CREATE FUNCTION attest_internal.require_organisation(organisation uuid, day date) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.referent_organisation;
BEGIN
  SELECT * INTO held FROM attest_data.referent_organisation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.organisation_id = organisation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'organisation', coalesce(organisation::text, '-'));
  ELSIF NOT day BETWEEN held.since AND coalesce(held.until, 'infinity') THEN
    PERFORM attest_internal.fail('organisation_closed', held.code, held.since::text, coalesce(held.until::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_organisation(uuid, date) IS 'Error TA105 unless the organisation is there, TA417 unless it works on that day.';

CREATE FUNCTION attest.join_organisation(referent uuid, organisation uuid, since date, until date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager');
  PERFORM attest_internal.require_person(referent);
  IF since IS NULL OR until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  PERFORM attest_internal.require_organisation(organisation, since);
  IF EXISTS (SELECT FROM attest_data.referent_membership m WHERE m.tenant_id = attest.current_tenant() AND m.referent_id = referent
      AND m.since >= join_organisation.since) THEN
    PERFORM attest_internal.fail('bad_value', 'since', 'a day after the start of the last organisation');
  END IF;
  UPDATE attest_data.referent_membership m SET until = join_organisation.since - 1
  WHERE m.tenant_id = attest.current_tenant() AND m.referent_id = referent AND coalesce(m.until, 'infinity') >= join_organisation.since;
  INSERT INTO attest_data.referent_membership (tenant_id, referent_id, organisation_id, since, until)
  VALUES (attest.current_tenant(), referent, organisation, join_organisation.since, join_organisation.until);
END
$$;
COMMENT ON FUNCTION attest.join_organisation(uuid, uuid, date, date) IS
'Says which organisation a referent or counsellor works for from a day on; the one before ends the day before. For managers.';

CREATE FUNCTION attest_internal.organisation_of(referent uuid, day date) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.organisation_id FROM attest_data.referent_membership m
  WHERE m.tenant_id = attest.current_tenant() AND m.referent_id = referent AND day BETWEEN m.since AND coalesce(m.until, 'infinity')
  ORDER BY m.since DESC LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.organisation_of(uuid, date) IS 'The organisation that a referent works for on a day, or NULL.';

-- --- corrections ---

CREATE FUNCTION attest_internal.followup_tables(OUT kind text, OUT tab text, OUT id text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('orientation', 'orientation', 'orientation_id'), ('contract', 'engagement_contract', 'contract_id'),
    ('period', 'commitment_period', 'period_id'), ('activity', 'activity', 'activity_id'), ('interaction', 'interaction', 'interaction_id'),
    ('situation', 'rsa_situation', 'situation_id')
$$;
COMMENT ON FUNCTION attest_internal.followup_tables() IS 'The kinds of records that can be corrected or cancelled, and where they are.';

CREATE FUNCTION attest_internal.require_current(kind text, record uuid, person uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
  held jsonb;
  replaced boolean;
BEGIN
  SELECT * INTO place FROM attest_internal.followup_tables() t WHERE t.kind = require_current.kind;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', (SELECT string_agg(t.kind, ', ') FROM attest_internal.followup_tables() t));
  END IF;
  -- The row is the lock of two corrections at once.
  EXECUTE format('SELECT to_jsonb(t) FROM attest_data.%I t WHERE t.tenant_id = attest_internal.required_tenant() AND t.%I = $1
    AND ($2 IS NULL OR t.person_id = $2) FOR NO KEY UPDATE', place.tab, place.id) INTO held USING record, person;
  IF held IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', kind, coalesce(record::text, '-'));
  END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM attest_data.%I t WHERE t.tenant_id = attest.current_tenant() AND t.replaces = $1)', place.tab)
  INTO replaced USING record;
  IF replaced OR (held ->> 'cancelled')::boolean THEN
    PERFORM attest_internal.fail('already_replaced', kind, record::text);
  END IF;
  RETURN held;
END
$$;
COMMENT ON FUNCTION attest_internal.require_current(text, uuid, uuid) IS
'The record that a correction replaces, locked; error TA105 when there is none of this person, TA414 when it has been replaced or cancelled.';

CREATE FUNCTION attest_internal.check_correction(kind text, corrects uuid, person uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_person(person);
  IF corrects IS NULL THEN
    RETURN;
  END IF;
  PERFORM attest_internal.require_current(kind, corrects, person);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_correction(text, uuid, uuid, text) IS
'Checks the person and, of a correction, the record that it replaces and its reason.';

CREATE FUNCTION attest.cancel_record(kind text, record uuid, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
  place record;
  made uuid := attest.uuid_v7();
BEGIN
  -- Whoever may record the right may take it back.
  PERFORM attest_internal.require_profile(CASE WHEN kind = 'situation' THEN 'manager,department_referent'
    ELSE 'manager,department_referent,external_referent,counsellor' END);
  held := attest_internal.require_current(kind, record, NULL);
  PERFORM attest_internal.require_person((held ->> 'person_id')::uuid);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  IF kind = 'interaction' AND (held ->> 'author_id')::uuid IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('unknown_object', kind, record::text);
  END IF;
  SELECT * INTO place FROM attest_internal.followup_tables() t WHERE t.kind = cancel_record.kind;
  held := held || jsonb_build_object(place.id, made, 'replaces', record, 'cancelled', true, 'client_id', NULL,
    'recorded_at', clock_timestamp(), 'recorded_by', attest.current_account(),
    'reason', attest.seal(reason, (held ->> 'person_id')::uuid, 'followup.reason'));
  EXECUTE format('INSERT INTO attest_data.%I SELECT (jsonb_populate_record(NULL::attest_data.%I, $1)).*', place.tab, place.tab) USING held;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.cancel_record(text, uuid, text) IS
'Cancels a record, as a new one with a reason (sealed) that replaces it; kind: orientation, contract, period, activity, interaction (by its author only), situation (later ones keep what they took over from it). Errors TA105, TA414 when it has been replaced or cancelled already. For managers, referents and counsellors; situations, for managers and department referents.';
