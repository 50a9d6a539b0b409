-- attendance: two people become one.

CREATE FUNCTION attest_internal.merge_enrolments(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  joined record;
  settled int := 0;
BEGIN
  FOR joined IN
    SELECT e.session_id, range_agg(daterange(e.since, e.until, '[]')) AS periods
    FROM attest_data.enrolment e
    WHERE e.tenant_id = attest_internal.required_tenant() AND e.person_id IN (keep, dropped)
    GROUP BY e.session_id
    HAVING range_agg(daterange(e.since, e.until, '[]')) FILTER (WHERE e.person_id = keep)
      && range_agg(daterange(e.since, e.until, '[]')) FILTER (WHERE e.person_id = dropped)
  LOOP
    DELETE FROM attest_data.enrolment e
    WHERE e.tenant_id = attest.current_tenant() AND e.session_id = joined.session_id AND e.person_id IN (keep, dropped);
    INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until)
    SELECT attest.current_tenant(), attest.uuid_v7(), joined.session_id, keep, lower(p), upper(p) - 1 FROM unnest(joined.periods) p;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_enrolments(uuid, uuid) IS
'Joins the periods of both in sessions where they overlap. Returns the number of sessions.';

CREATE FUNCTION attest_internal.merge_presences(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled int;
BEGIN
  -- An absence that a countersignature filled in is not a fact that somebody saw.
  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended, claimed_at, flags, reason)
  SELECT DISTINCT ON (l.slot_id) attest.current_tenant(), attest.uuid_v7(), l.slot_id, keep, l.status, 'entry', l.minutes_attended,
    now(), ARRAY['MERGED'], attest.seal('two records of one person', keep, 'presence.reason')
  FROM (
    SELECT DISTINCT ON (p.slot_id, p.person_id) p.* FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id IN (keep, dropped)
    ORDER BY p.slot_id, p.person_id, p.recorded_at DESC, p.presence_id DESC
  ) l
  WHERE EXISTS (SELECT FROM attest_data.presence k WHERE k.tenant_id = l.tenant_id AND k.slot_id = l.slot_id AND k.person_id = keep)
    AND EXISTS (SELECT FROM attest_data.presence d WHERE d.tenant_id = l.tenant_id AND d.slot_id = l.slot_id AND d.person_id = dropped)
  ORDER BY l.slot_id, l.method = 'countersignature', l.person_id <> keep;
  GET DIAGNOSTICS settled = ROW_COUNT;
  -- Countersignatures cover the id that an event was recorded for.
  UPDATE attest_data.presence p SET recorded_for = coalesce(p.recorded_for, p.person_id)
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_presences(uuid, uuid) IS
'Where both have events on a slot, records the one that counts as a last event: not an automatic absence, if there is another; that of the kept one, otherwise. Returns the number of slots.';

CREATE FUNCTION attest_internal.attendance_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  twice int;
BEGIN
  SELECT count(*) INTO twice FROM attest_data.presence k
  JOIN attest_data.presence d ON d.tenant_id = k.tenant_id AND d.slot_id = k.slot_id AND d.person_id = dropped AND d.method = 'signature'
  WHERE k.tenant_id = attest_internal.required_tenant() AND k.person_id = keep AND k.method = 'signature';
  IF twice > 0 THEN
    PERFORM attest_internal.fail('merge_refused', twice::text);
  END IF;
  DELETE FROM attest_data.slot_trainer t WHERE t.tenant_id = attest.current_tenant() AND t.trainer_id = dropped
    AND EXISTS (SELECT FROM attest_data.slot_trainer k WHERE k.tenant_id = t.tenant_id AND k.slot_id = t.slot_id AND k.trainer_id = keep);
  UPDATE attest_data.countersignature c SET trainer_id = keep
  WHERE c.tenant_id = attest.current_tenant() AND c.trainer_id = dropped;
  RETURN attest_internal.merge_enrolments(keep, dropped) + attest_internal.merge_presences(keep, dropped);
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_merge(uuid, uuid) IS
'What attendance settles before two people become one: enrolments and events of both. Error TA356 where both signed for a slot. Returns how many sessions and slots.';

CREATE FUNCTION attest_internal.is_same_event(before jsonb, after jsonb) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT NOT EXISTS (
    SELECT FROM jsonb_each_text(before) b JOIN jsonb_each_text(after) a USING (key)
    WHERE b.value IS DISTINCT FROM a.value AND NOT coalesce(CASE
      WHEN key = 'recorded_for' THEN b.value IS NULL AND a.value = before ->> 'person_id'
      WHEN key IN ('person_id', 'trainer_id') THEN EXISTS (SELECT FROM attest_data.person_alias l
        WHERE l.tenant_id = attest.current_tenant() AND l.alias_id::text = b.value AND l.person_id::text = a.value)
      WHEN b.value LIKE 'att1:%' AND a.value LIKE 'att1:%' THEN before ->> 'person_id' <> after ->> 'person_id'
        OR attest_internal.is_resealed(b.value::attest.sealed, a.value::attest.sealed)
      END, false))
$$;
COMMENT ON FUNCTION attest_internal.is_same_event(jsonb, jsonb) IS
'Whether two versions of a row tell the same event: they differ in what is sealed, and holds the same, and in a person who was merged into another.';
