-- attendance: two people become one.

CREATE FUNCTION attest_internal.keep_rest(enrolment uuid, keep uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dropped attest_data.enrolment;
  rest record;
BEGIN
  SELECT * INTO dropped FROM attest_data.enrolment e
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.enrolment_id = keep_rest.enrolment;
  FOR rest IN
    SELECT lower(d.days) AS since, upper(d.days) - 1 AS until
    FROM unnest(datemultirange(daterange(dropped.since, dropped.until, '[]')) - (
      SELECT range_agg(daterange(k.since, k.until, '[]')) FROM attest_data.enrolment k
      WHERE k.tenant_id = dropped.tenant_id AND k.session_id = dropped.session_id AND k.person_id = keep)) d (days)
  LOOP
    UPDATE attest_data.enrolment k
    SET since = least(k.since, rest.since), until = greatest(k.until, rest.until),
      withdrawn_at = CASE WHEN rest.until > k.until THEN dropped.withdrawn_at ELSE k.withdrawn_at END
    WHERE k.tenant_id = dropped.tenant_id AND k.enrolment_id = (SELECT n.enrolment_id FROM attest_data.enrolment n
      WHERE n.tenant_id = dropped.tenant_id AND n.session_id = dropped.session_id AND n.person_id = keep
        AND (n.until = rest.since - 1 OR n.since = rest.until + 1)
        AND (n.funder_id, n.funding_reference) IS NOT DISTINCT FROM (dropped.funder_id, dropped.funding_reference) LIMIT 1);
    IF NOT FOUND THEN
      INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until, funder_id, funding_reference, enrolled_at, withdrawn_at)
      VALUES (dropped.tenant_id, attest.uuid_v7(), dropped.session_id, keep, rest.since, rest.until, dropped.funder_id, dropped.funding_reference,
        dropped.enrolled_at, dropped.withdrawn_at);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.keep_rest(uuid, uuid) IS
'Gives the kept person the days of an enrolment of the dropped one on which they have none: with who pays for them, as part of the period next to them where that is the same.';

CREATE FUNCTION attest_internal.merge_enrolments(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other record;
  settled int := 0;
BEGIN
  FOR other IN
    SELECT d.*, EXISTS (SELECT FROM attest_data.enrolment k WHERE k.tenant_id = d.tenant_id AND k.session_id = d.session_id AND k.person_id = keep
      AND daterange(k.since, k.until, '[]') && daterange(d.since, d.until, '[]')) AS overlaps
    FROM attest_data.enrolment d
    WHERE d.tenant_id = attest_internal.required_tenant() AND d.person_id = dropped
      AND EXISTS (SELECT FROM attest_data.enrolment k WHERE k.tenant_id = d.tenant_id AND k.session_id = d.session_id AND k.person_id = keep)
    ORDER BY d.session_id, d.since
  LOOP
    IF other.overlaps THEN
      PERFORM attest_internal.keep_rest(other.enrolment_id, keep);
    ELSE
      UPDATE attest_data.enrolment e SET person_id = keep WHERE e.tenant_id = other.tenant_id AND e.enrolment_id = other.enrolment_id;
    END IF;
    PERFORM attest_internal.take_over(k.enrolment_id) FROM attest_data.enrolment k
    WHERE k.tenant_id = other.tenant_id AND k.session_id = other.session_id AND k.person_id = keep;
    CONTINUE WHEN NOT other.overlaps;
    -- What was recorded after a withdrawal is of no period: it stays with the last one.
    UPDATE attest_data.presence_state st SET enrolment_id = (SELECT k.enrolment_id FROM attest_data.enrolment k
      WHERE k.tenant_id = other.tenant_id AND k.session_id = other.session_id AND k.person_id = keep ORDER BY k.since DESC LIMIT 1)
    WHERE st.tenant_id = other.tenant_id AND st.enrolment_id = other.enrolment_id;
    DELETE FROM attest_data.enrolment_total t WHERE t.tenant_id = other.tenant_id AND t.enrolment_id = other.enrolment_id;
    DELETE FROM attest_data.enrolment e WHERE e.tenant_id = other.tenant_id AND e.enrolment_id = other.enrolment_id;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_enrolments(uuid, uuid) IS
'Of two enrolments that overlap, that of the kept person stands, with who pays and what counts for them; the other days of the dropped one stay with who pays for those. Returns how many enrolments of the dropped person were joined.';

CREATE FUNCTION attest_internal.merge_slots(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pair record;
  settled int := 0;
BEGIN
  FOR pair IN
    SELECT k.slot_id, k.presence_id AS kept, d.presence_id AS dropped, d.signed,
      k.status = attest_internal.status_code('cancelled') AS kept_left, d.status = attest_internal.status_code('cancelled') AS dropped_left,
      CASE WHEN k.method IN ('automatic', 'countersignature') AND d.method NOT IN ('automatic', 'countersignature') THEN d.status ELSE k.status END AS status,
      CASE WHEN k.method IN ('automatic', 'countersignature') AND d.method NOT IN ('automatic', 'countersignature') THEN d.minutes_attended ELSE k.minutes_attended END AS attended
    FROM attest_data.presence_state k
    JOIN attest_data.presence_state d ON d.tenant_id = k.tenant_id AND d.slot_id = k.slot_id AND d.person_id = merge_slots.dropped
    WHERE k.tenant_id = attest_internal.required_tenant() AND k.person_id = keep
  LOOP
    -- A record that was withdrawn says nothing where the other one was not.
    IF NOT pair.dropped_left AND (pair.kept_left OR pair.kept IS NULL AND pair.dropped IS NOT NULL) THEN
      DELETE FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = keep;
      CONTINUE;
    END IF;
    DELETE FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = merge_slots.dropped;
    IF pair.dropped IS NOT NULL AND NOT pair.dropped_left THEN
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
'One state a slot: where both have events, a last event says which counts: not an automatic absence, if there is another; that of the kept one, otherwise. What a withdrawal cancelled does not count beside the other record. Returns the number of slots.';

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
