-- person: two records of one human being.

CREATE FUNCTION attest.find_duplicates(
  details jsonb DEFAULT NULL, OUT person_id uuid, OUT reference text, OUT duplicate_id uuid, OUT duplicate_reference text, OUT shared text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo');
  IF details IS NOT NULL THEN
    PERFORM attest_internal.check_fields(details - ARRAY['reference', 'profile'], ARRAY['nir', 'birth_date']);
    RETURN QUERY SELECT s.person_id, s.reference, NULL::uuid, NULL::text, s.shared
    FROM attest_internal.find_same(details, NULL) s WHERE s.person_id IS NOT NULL;
    RETURN;
  END IF;
  RETURN QUERY
  SELECT a.person_id, a.reference, b.person_id, b.reference, 'nir'
  FROM attest_data.person a JOIN attest_data.person b ON b.tenant_id = a.tenant_id AND b.nir_blind = a.nir_blind
  WHERE a.tenant_id = attest_internal.required_tenant() AND b.person_id > a.person_id
  UNION ALL
  SELECT a.person_id, a.reference, b.person_id, b.reference, 'last_name, first_name, birth_date'
  FROM attest_data.person a JOIN attest_data.person b ON b.tenant_id = a.tenant_id AND b.identity_blind = a.identity_blind
  WHERE a.tenant_id = attest_internal.required_tenant() AND b.person_id > a.person_id
  ORDER BY 1, 3, 5;
END
$$;
COMMENT ON FUNCTION attest.find_duplicates(jsonb) IS
'Pairs of people of the register with the same NIR, or the same last and first name (as a search folds them) and birth date; with details as for attest.add_person(), somebody who is there already. Values are not opened. Two people recorded at the same moment do not hold each other up, so look here after imports. While the keys of the tenant rotate, pairs across the old and the new key are not found. For managers, HR managers and the DPO.';

CREATE FUNCTION attest.resolve_person(person uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.person_id FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
  UNION ALL
  SELECT a.person_id FROM attest_data.person_alias a WHERE a.tenant_id = attest.current_tenant() AND a.alias_id = person
$$;
COMMENT ON FUNCTION attest.resolve_person(uuid) IS 'The id that stands for a person today: their own, or the one that they were merged into; NULL for nobody that the profile sees.';

CREATE FUNCTION attest_internal.move_references(keep uuid, dropped uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ref record;
  moved bigint;
  report jsonb := '{}';
BEGIN
  FOR ref IN
    SELECT c.conrelid::regclass AS tab, local.attname AS col,
      (SELECT tenant.attname FROM pg_attribute tenant WHERE tenant.attrelid = c.conrelid AND tenant.attnum = c.conkey[3 - k.n]) AS tenant,
      (SELECT string_agg(format(', %I = attest_internal.transfer(%I, $2, $1)', s.attname, s.attname), '')
        FROM pg_attribute s WHERE s.attrelid = c.conrelid AND s.atttypid = 'attest.sealed'::regtype AND NOT s.attisdropped) AS sealed,
      tab.relnamespace = 'attest_data'::regnamespace AND tab.relowner = 'attest_owner'::regrole AS own
    FROM pg_constraint c JOIN pg_class tab ON tab.oid = c.conrelid
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k (col, target, n)
    JOIN pg_attribute foreign_col ON foreign_col.attrelid = c.confrelid AND foreign_col.attnum = k.target
    JOIN pg_attribute local ON local.attrelid = c.conrelid AND local.attnum = k.col
    WHERE c.contype = 'f' AND c.confrelid = 'attest_data.person'::regclass AND c.conparentid = 0
      AND cardinality(c.conkey) = 2 AND foreign_col.attname = 'person_id'
    ORDER BY c.conrelid::regclass::text, local.attname
  LOOP
    IF ref.own THEN
      EXECUTE format('UPDATE %s SET %I = $1%s WHERE %I = attest_internal.required_tenant() AND %I = $2',
        ref.tab, ref.col, ref.sealed, ref.tenant, ref.col) USING keep, dropped;
      GET DIAGNOSTICS moved = ROW_COUNT;
    ELSE
      moved := attest_internal.move_rows(ref.tab, ref.tenant, ref.col, keep, dropped);
    END IF;
    IF moved > 0 THEN
      report := report || jsonb_build_object(format('%s.%s', ref.tab, ref.col), moved);
    END IF;
  END LOOP;
  RETURN report;
END
$$;
COMMENT ON FUNCTION attest_internal.move_references(uuid, uuid) IS
'Lets every foreign key to the dropped person point at the kept one, in users'' tables too, as their owner, and seals what was sealed for the one for the other. Returns the rows moved by table and column.';

CREATE FUNCTION attest_internal.merge_fields(keep uuid, dropped uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields text[] := array_remove(attest_internal.person_columns(), 'reference');
  held jsonb := attest_internal.opened_fields(keep, fields);
  other jsonb := attest_internal.opened_fields(dropped, fields);
  given jsonb;
  item record;
BEGIN
  -- Active in one of the records is active; otherwise the last activity of both counts.
  SELECT jsonb_build_object('last_activity', CASE WHEN held ->> 'last_activity' IS NOT NULL AND other ->> 'last_activity' IS NOT NULL
      THEN greatest(held ->> 'last_activity', other ->> 'last_activity') END)
    || coalesce(jsonb_object_agg(o.key, o.value) FILTER (WHERE held ->> o.key IS NULL AND o.value IS NOT NULL), '{}')
  INTO given FROM jsonb_each_text(other - 'last_activity') o;
  FOR item IN SELECT o.key, o.value FROM jsonb_each_text(other - 'last_activity') o WHERE o.value <> held ->> o.key LOOP
    PERFORM attest_internal.record_change(keep, item.key, attest.seal(item.value, keep, 'person.' || item.key), 'set_aside');
  END LOOP;
  PERFORM attest_internal.change_fields(keep, given, held, 'merge');
  PERFORM attest_internal.add_profile(keep, profile, 'merge') FROM attest_data.person p CROSS JOIN LATERAL unnest(p.profiles) profile
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_fields(uuid, uuid) IS
'Gives the kept person the fields that only the dropped one has (source merge), and keeps in the history those that differ (source set_aside): the value of the kept one stands.';

CREATE FUNCTION attest_internal.person_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled int;
BEGIN
  -- The same case twice, or a case of themselves.
  DELETE FROM attest_data.caseload c WHERE c.tenant_id = attest_internal.required_tenant()
    AND dropped IN (c.referent_id, c.person_id)
    AND ((c.referent_id IN (keep, dropped) AND c.person_id IN (keep, dropped))
      OR EXISTS (SELECT FROM attest_data.caseload k WHERE k.tenant_id = c.tenant_id AND k.since = c.since
        AND k.referent_id = CASE c.referent_id WHEN dropped THEN keep ELSE c.referent_id END
        AND k.person_id = CASE c.person_id WHEN dropped THEN keep ELSE c.person_id END));
  GET DIAGNOSTICS settled = ROW_COUNT;
  -- Their tickets name a person who is no more.
  UPDATE attest_data.account a SET person_id = keep, tickets_after = now()
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.person_merge(uuid, uuid) IS
'What the register settles before two people become one: cases that both have; accounts go to the kept one, with new tickets. Returns the cases dropped.';

CREATE FUNCTION attest.merge_people(keep uuid, dropped uuid, reason text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  merger regproc;
  settled int;
  report jsonb := '{}';
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  IF keep = dropped THEN
    PERFORM attest_internal.fail('bad_value', 'dropped', 'another person than the one to keep');
  END IF;
  PERFORM attest_internal.require_latest();
  -- Whoever writes for one of them holds a lock of require_person(): wait for them.
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id IN (keep, dropped)
  ORDER BY p.person_id FOR UPDATE;
  PERFORM attest_internal.lock_person(keep), attest_internal.lock_person(dropped);
  INSERT INTO attest_data.person_alias (tenant_id, alias_id, person_id, reference, source, import_id, created_at, created_by, reason)
  SELECT p.tenant_id, p.person_id, keep, p.reference, p.source, p.import_id, p.created_at, p.created_by,
    attest.seal(merge_people.reason, keep, 'person.merge_reason')
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
  -- Each room where two people cannot just become one has a function <room>_merge(keep, dropped).
  FOR merger IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, 6) = '_merge' ORDER BY p.proname
  LOOP
    EXECUTE format('SELECT %s($1, $2)', merger) INTO settled USING keep, dropped;
    report := report || jsonb_build_object(replace(split_part(merger::text, '.', 2), '_merge', ''), settled);
  END LOOP;
  PERFORM attest_internal.merge_fields(keep, dropped);
  report := jsonb_build_object('settled', report, 'moved', attest_internal.move_references(keep, dropped));
  DELETE FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
  -- Last: nothing is sealed for the dropped one any more.
  PERFORM attest_internal.destroy_subject_key(dropped, 'merged');
  RETURN report;
END
$$;
COMMENT ON FUNCTION attest.merge_people(uuid, uuid, text) IS
'Makes two records of one human being one. Fields that only the dropped one has go to the kept one; those that differ stay in its history. Everything recorded for the dropped one is sealed anew for the kept one, whose record says since when the old id is an alias (attest.resolve_person()); the key of the dropped one is destroyed. Of enrolments that overlap, that of the kept one stands, and the other days stay with who pays for them; participations in one operation one participation; where both were recorded for a slot, the event that somebody made counts before an automatic absence, and that of the kept one before the other. Error TA356 where both have signed for a slot, TA319 outside READ COMMITTED. Returns what each room settled, and the rows moved. For managers and HR managers.';
