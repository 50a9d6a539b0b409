-- attendance: two people become one.

CREATE FUNCTION attest_internal.merge_enrolments(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  joined record;
  survivor uuid;
  others uuid[];
  settled int := 0;
BEGIN
  FOR joined IN
    SELECT e.session_id, unnest(range_agg(daterange(e.since, e.until, '[]'))) AS period
    FROM attest_data.enrolment e
    WHERE e.tenant_id = attest_internal.required_tenant() AND e.person_id IN (keep, dropped)
    GROUP BY e.session_id
  LOOP
    SELECT (array_agg(e.enrolment_id ORDER BY e.person_id <> keep, e.since))[1], (array_agg(e.enrolment_id ORDER BY e.person_id <> keep, e.since))[2:]
    INTO survivor, others FROM attest_data.enrolment e
    WHERE e.tenant_id = attest.current_tenant() AND e.session_id = joined.session_id AND e.person_id IN (keep, dropped)
      AND daterange(e.since, e.until, '[]') <@ joined.period
    HAVING count(DISTINCT e.person_id) = 2;
    CONTINUE WHEN NOT FOUND OR survivor IS NULL;
    UPDATE attest_data.presence_state st SET enrolment_id = survivor WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = ANY (others);
    DELETE FROM attest_data.enrolment_total t WHERE t.tenant_id = attest.current_tenant() AND t.enrolment_id = ANY (others);
    DELETE FROM attest_data.enrolment e WHERE e.tenant_id = attest.current_tenant() AND e.enrolment_id = ANY (others);
    UPDATE attest_data.enrolment e SET since = lower(joined.period), until = upper(joined.period) - 1
    WHERE e.tenant_id = attest.current_tenant() AND e.enrolment_id = survivor;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_enrolments(uuid, uuid) IS
'Joins the periods of both in sessions where they meet, under the enrolment and funder of the kept one. Returns the number of periods.';

CREATE FUNCTION attest_internal.merge_slots(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pair record;
  settled int := 0;
BEGIN
  FOR pair IN
    SELECT k.slot_id, k.presence_id AS kept, d.presence_id AS dropped, d.signed,
      CASE WHEN k.method IN ('automatic', 'countersignature') AND d.method NOT IN ('automatic', 'countersignature') THEN d.status ELSE k.status END AS status,
      CASE WHEN k.method IN ('automatic', 'countersignature') AND d.method NOT IN ('automatic', 'countersignature') THEN d.minutes_attended ELSE k.minutes_attended END AS attended
    FROM attest_data.presence_state k
    JOIN attest_data.presence_state d ON d.tenant_id = k.tenant_id AND d.slot_id = k.slot_id AND d.person_id = merge_slots.dropped
    WHERE k.tenant_id = attest_internal.required_tenant() AND k.person_id = keep
  LOOP
    IF pair.kept IS NULL AND pair.dropped IS NOT NULL THEN
      DELETE FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = keep;
      CONTINUE;
    END IF;
    DELETE FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = merge_slots.dropped;
    IF pair.dropped IS NOT NULL THEN
      UPDATE attest_data.presence_state st SET signed = st.signed OR pair.signed
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = keep;
      PERFORM attest_internal.add_event(pair.slot_id, keep, attest.status_name(pair.status), pair.attended, 'entry',
        reason => 'two records of one person', flags => '{MERGED}');
      settled := settled + 1;
    END IF;
  END LOOP;
  UPDATE attest_data.presence_state st SET person_id = keep WHERE st.tenant_id = attest.current_tenant() AND st.person_id = merge_slots.dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_slots(uuid, uuid) IS
'One state a slot: where both have events, a last event says which counts: not an automatic absence, if there is another; that of the kept one, otherwise. Returns the number of slots.';

CREATE FUNCTION attest_internal.attendance_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  twice int;
  settled int;
BEGIN
  SELECT count(*) INTO twice FROM attest_data.presence_state k
  JOIN attest_data.presence_state d ON d.tenant_id = k.tenant_id AND d.slot_id = k.slot_id AND d.person_id = dropped AND d.signed
  WHERE k.tenant_id = tenant AND k.person_id = keep AND k.signed;
  IF twice > 0 THEN
    PERFORM attest_internal.fail('merge_refused', twice::text);
  END IF;
  DELETE FROM attest_data.slot_trainer t WHERE t.tenant_id = tenant AND t.trainer_id = dropped
    AND EXISTS (SELECT FROM attest_data.slot_trainer k WHERE k.tenant_id = t.tenant_id AND k.slot_id = t.slot_id AND k.trainer_id = keep);
  UPDATE attest_data.countersignature c SET trainer_id = keep WHERE c.tenant_id = tenant AND c.trainer_id = dropped;
  SET CONSTRAINTS attest_data.presence_state_fkey, attest_data.justification_state_fkey DEFERRED;
  -- Countersignatures cover the id that an event was recorded for.
  UPDATE attest_data.presence p SET person_id = keep, recorded_for = coalesce(p.recorded_for, p.person_id), reason = attest_internal.transfer(p.reason, dropped, keep)
  WHERE p.tenant_id = tenant AND p.person_id = dropped;
  UPDATE attest_data.justification j SET person_id = keep, document = attest_internal.transfer(j.document, dropped, keep)
  WHERE j.tenant_id = tenant AND j.person_id = dropped;
  UPDATE attest_data.justification_decision d SET person_id = keep, reason = attest_internal.transfer(d.reason, dropped, keep)
  WHERE d.tenant_id = tenant AND d.person_id = dropped;
  UPDATE attest_data.slot_signature s SET person_id = keep, signature = attest_internal.transfer(s.signature, dropped, keep)
  WHERE s.tenant_id = tenant AND s.person_id = dropped;
  DELETE FROM attest_data.challenge c WHERE c.tenant_id = tenant AND c.person_id = dropped;
  UPDATE attest_data.event_outbox o SET person_id = keep WHERE o.tenant_id = tenant AND o.person_id = dropped;
  UPDATE attest_data.event_gone g SET person_id = keep WHERE g.tenant_id = tenant AND g.person_id = dropped;
  settled := attest_internal.merge_slots(keep, dropped) + attest_internal.merge_enrolments(keep, dropped);
  SET CONSTRAINTS attest_data.presence_state_fkey, attest_data.justification_state_fkey IMMEDIATE;
  UPDATE attest_data.enrolment_total t SET person_id = keep WHERE t.tenant_id = tenant AND t.person_id = dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_merge(uuid, uuid) IS
'What attendance settles before two people become one: what was recorded for the one, sealed anew for the other, and enrolments and events of both. Error TA356 where both signed for a slot. Returns how many periods and slots.';

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
