-- followup: interactions and comments, the file of a person, erasure, merging.

CREATE FUNCTION attest.interaction_kinds() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['comment', 'call', 'letter', 'email', 'sms', 'visit', 'meeting', 'invitation', 'reminder', 'convocation', 'excuse',
    'observations', 'hearing', 'answer']
$$;
COMMENT ON FUNCTION attest.interaction_kinds() IS
'Kinds of interactions: what referents keep a history of, and the steps from an invitation to a hearing.';

CREATE FUNCTION attest_internal.versions_before(interaction uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE version AS (
    SELECT i.interaction_id, i.replaces FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant() AND i.interaction_id = interaction
    UNION ALL
    SELECT i.interaction_id, i.replaces FROM version v JOIN attest_data.interaction i ON i.tenant_id = attest.current_tenant() AND i.interaction_id = v.replaces
  )
  SELECT v.interaction_id FROM version v
$$;
COMMENT ON FUNCTION attest_internal.versions_before(uuid) IS 'A version of an interaction and all that it replaces; none for NULL.';

CREATE FUNCTION attest_internal.interactions_at(who uuid, zone text, day date,
  OUT interaction_id uuid, OUT person_id uuid, OUT kind text, OUT day date, OUT followed boolean
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.interaction_id, i.person_id, i.kind, (i.happened_at AT TIME ZONE zone)::date,
    -- What follows an earlier version of it follows it too.
    EXISTS (SELECT FROM attest_data.interaction f WHERE f.tenant_id = i.tenant_id
      AND (f.follows = i.interaction_id OR f.follows IN (SELECT attest_internal.versions_before(i.replaces))) AND NOT f.cancelled
      AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = f.tenant_id AND r.replaces = f.interaction_id))
  FROM attest_data.interaction i
  WHERE i.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR i.person_id = who)
    AND (i.happened_at AT TIME ZONE zone)::date <= interactions_at.day AND NOT i.cancelled AND i.kind <> 'comment'
    AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = i.tenant_id AND r.replaces = i.interaction_id)
$$;
COMMENT ON FUNCTION attest_internal.interactions_at(uuid, text, date) IS
'Interactions that stand, until a local day, without their content; comments are none.';

CREATE FUNCTION attest.record_interaction(
  person uuid, kind text, content text, happened_at timestamptz DEFAULT now(), follows uuid DEFAULT NULL, audience text DEFAULT 'caseload',
  corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('department_referent,external_referent,counsellor');
  PERFORM attest_internal.check_correction('interaction', corrects, person, reason);
  -- Nobody corrects what another one wrote.
  IF corrects IS NOT NULL AND NOT EXISTS (SELECT FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant()
      AND i.interaction_id = corrects AND i.author_id = attest.current_person()) THEN
    PERFORM attest_internal.fail('unknown_object', 'interaction', corrects::text);
  END IF;
  IF (kind = ANY (attest.interaction_kinds())) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', array_to_string(attest.interaction_kinds(), ', '));
  END IF;
  IF (audience = ANY ('{caseload,organisation,author}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'audience', 'caseload, organisation, author');
  END IF;
  IF coalesce(content, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'content');
  END IF;
  IF (happened_at <= clock_timestamp()) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'happened_at', 'now or earlier');
  END IF;
  IF follows IS NOT NULL AND NOT EXISTS (SELECT FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant()
      AND i.interaction_id = record_interaction.follows AND i.person_id = person) THEN
    PERFORM attest_internal.fail('unknown_object', 'interaction', follows::text);
  END IF;
  IF kind = 'convocation' AND NOT EXISTS (SELECT FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant()
      AND i.person_id = person AND i.kind IN ('invitation', 'reminder') AND i.happened_at < record_interaction.happened_at AND NOT i.cancelled
      AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = i.tenant_id AND r.replaces = i.interaction_id)) THEN
    PERFORM attest_internal.fail('convocation_uninvited');
  END IF;
  INSERT INTO attest_data.interaction (tenant_id, interaction_id, person_id, kind, happened_at, author_id, organisation_id, audience, follows,
    replaces, content, reason)
  VALUES (attest.current_tenant(), made, person, record_interaction.kind, record_interaction.happened_at, attest.current_person(),
    attest_internal.organisation_of(attest.current_person(), attest_internal.local_day()), record_interaction.audience, record_interaction.follows,
    corrects, attest.seal(record_interaction.content, person, 'followup.interaction'), attest.seal(record_interaction.reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_interaction(uuid, text, text, timestamptz, uuid, text, uuid, text) IS
'Adds to the history of a person; kind of attest.interaction_kinds(). The content is sealed under the key of the person. audience: caseload (referents who follow the person), organisation (those of the author''s), author. follows names the interaction that this one answers or continues. A convocation needs an earlier invitation or reminder: error TA415. A correction is by the author, names the record that it replaces, and says why. For referents and counsellors.';

CREATE FUNCTION attest.read_interactions(
  person uuid, OUT interaction_id uuid, OUT kind text, OUT happened_at timestamptz, OUT author_id uuid, OUT organisation text,
  OUT audience text, OUT follows uuid, OUT corrected boolean, OUT content text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own uuid := attest_internal.organisation_of(attest.current_person(), attest_internal.local_day());
  item record;
  shown int := 0;
BEGIN
  PERFORM attest_internal.require_profile('department_referent,external_referent,counsellor,dpo');
  PERFORM attest_internal.require_person(person);
  FOR item IN
    SELECT i.*, o.code FROM attest_data.interaction i
    LEFT JOIN attest_data.referent_organisation o ON o.tenant_id = i.tenant_id AND o.organisation_id = i.organisation_id
    WHERE i.tenant_id = attest.current_tenant() AND i.person_id = person AND NOT i.cancelled
      AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = i.tenant_id AND r.replaces = i.interaction_id)
      AND (attest.current_profile() = 'dpo' OR i.author_id = attest.current_person() OR i.audience = 'caseload'
        OR i.audience = 'organisation' AND i.organisation_id = own)
    ORDER BY i.happened_at, i.recorded_at
  LOOP
    interaction_id := item.interaction_id; kind := item.kind; happened_at := item.happened_at; author_id := item.author_id;
    organisation := item.code; audience := item.audience; follows := item.follows; corrected := item.replaces IS NOT NULL;
    content := attest.unseal(item.content, person, 'followup.interaction');
    shown := shown + 1;
    RETURN NEXT;
  END LOOP;
  INSERT INTO attest_data.interaction_reading (tenant_id, reading_id, person_id, profile, interactions)
  VALUES (attest.current_tenant(), attest.uuid_v7(), person, attest.current_profile(), shown);
END
$$;
COMMENT ON FUNCTION attest.read_interactions(uuid) IS
'History of a person, opened: for referents and counsellors on whose caseload the person is, and the DPO. Each reading is recorded, unless its transaction is rolled back: attest.interaction_readings().';

CREATE FUNCTION attest.interaction_readings(
  person uuid DEFAULT NULL, OUT person_id uuid, OUT read_at timestamptz, OUT read_by uuid, OUT profile text, OUT interactions int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('dpo');
  RETURN QUERY SELECT r.person_id, r.read_at, r.read_by, r.profile, r.interactions FROM attest_data.interaction_reading r
  WHERE r.tenant_id = attest_internal.required_tenant() AND (interaction_readings.person IS NULL OR r.person_id = interaction_readings.person)
  ORDER BY r.read_at;
END
$$;
COMMENT ON FUNCTION attest.interaction_readings(uuid) IS 'Who read the interactions of whom, and when: account, profile, how many. For the DPO.';

CREATE FUNCTION attest.followup_file(
  person uuid, OUT kind text, OUT record_id uuid, OUT since date, OUT facts jsonb, OUT stands boolean, OUT recorded_at timestamptz, OUT recorded_by uuid
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor,beneficiary,dpo');
  PERFORM attest_internal.require_person(person);
  FOR place IN
    SELECT t.kind, t.tab, t.id, CASE t.kind WHEN 'orientation' THEN 'decided_on' WHEN 'contract' THEN 'starts_on'
      WHEN 'activity' THEN 'day' ELSE 'since' END AS day
    FROM attest_internal.followup_tables() t WHERE t.kind <> 'interaction'
  LOOP
    RETURN QUERY EXECUTE format(
      'SELECT %L, t.%I, t.%I, attest_internal.opened_record(t.person_id, to_jsonb(t)), NOT coalesce((to_jsonb(t) ->> ''cancelled'')::boolean, false)
         AND NOT EXISTS (SELECT FROM attest_data.%I r WHERE r.tenant_id = t.tenant_id AND to_jsonb(r) ->> ''replaces'' = t.%I::text
           AND r.person_id = t.person_id), t.recorded_at, t.recorded_by
       FROM attest_data.%I t WHERE t.tenant_id = attest.current_tenant() AND t.person_id = $1 ORDER BY 3, t.recorded_at',
      place.kind, place.id, place.day, place.tab, place.id, place.tab) USING person;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.followup_file(uuid) IS
'Every record of a person''s follow-up but the interactions, opened, also those that were corrected or cancelled (stands is false): situation, orientation, contract, period, activity. For managers, referents, counsellors, the DPO, and the person.';

CREATE FUNCTION attest_internal.opened_record(person uuid, record jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_object_agg(k.key, CASE WHEN k.value #>> '{}' LIKE 'att1:%'
    THEN to_jsonb(attest.unseal((k.value #>> '{}')::attest.sealed, person, 'followup.' || k.key)) ELSE k.value END)
  FROM jsonb_each(jsonb_strip_nulls(record - ARRAY['tenant_id', 'person_id', 'recorded_at', 'recorded_by'])) k
$$;
COMMENT ON FUNCTION attest_internal.opened_record(uuid, jsonb) IS 'A record of followup without what is in every row, its sealed values opened.';

-- --- found by name ---

CREATE FUNCTION attest_internal.followup_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
  emptied int;
  total int := 0;
BEGIN
  -- Days, minutes and decisions stay: they are the totals of past reports, and name nobody.
  FOR place IN
    SELECT t.tab, string_agg(format('%I = NULL', a.attname), ', ') AS empty, string_agg(format('%I IS NOT NULL', a.attname), ' OR ') AS full_of
    FROM attest_internal.followup_tables() t
    JOIN pg_attribute a ON a.attrelid = ('attest_data.' || t.tab)::regclass AND a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped
    GROUP BY t.tab
  LOOP
    EXECUTE format('UPDATE attest_data.%I t SET %s WHERE t.tenant_id = attest_internal.required_tenant() AND t.person_id = $1 AND (%s)',
      place.tab, place.empty, place.full_of) USING person;
    GET DIAGNOSTICS emptied = ROW_COUNT;
    total := total + emptied;
  END LOOP;
  RETURN total;
END
$$;
COMMENT ON FUNCTION attest_internal.followup_erase(uuid) IS
'What followup forgets of a person at erasure: contents, notes, grounds, proofs, reasons; returns how many records were emptied.';

CREATE FUNCTION attest_internal.followup_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled int;
BEGIN
  -- One organisation at a time: that of the kept referent.
  DELETE FROM attest_data.referent_membership m
  WHERE m.tenant_id = attest_internal.required_tenant() AND m.referent_id = dropped
    AND EXISTS (SELECT FROM attest_data.referent_membership k WHERE k.tenant_id = m.tenant_id AND k.referent_id = keep
      AND daterange(k.since, k.until, '[]') && daterange(m.since, m.until, '[]'));
  GET DIAGNOSTICS settled = ROW_COUNT;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.followup_merge(uuid, uuid) IS
'What followup settles before two people become one: of two referents, the organisations of the kept one. Situations, decisions, contracts and activities of both stand beside each other: of two contracts on a day the one signed last counts. Returns the memberships dropped.';
