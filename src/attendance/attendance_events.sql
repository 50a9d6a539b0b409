-- attendance, around the clock: absences, notices of events, and what comes from tablets that were offline.

CREATE FUNCTION attest_internal.attendance_absence_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended record;
  missing record;
  done bigint := 0;
BEGIN
  -- A slot is closed once, however long the worker was down. Who enrols late opens it again.
  FOR ended IN
    SELECT sl.slot_id, sl.modality FROM attest_data.slot sl
    JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
    LEFT JOIN attest_data.attendance_policy p ON p.tenant_id = sl.tenant_id
    WHERE sl.tenant_id = attest_internal.required_tenant() AND sl.closed_at IS NULL AND sl.ends_at < now()
      AND sl.ends_at + coalesce(se.closes_after, '0') < now()
      AND attest_internal.instant_after(sl.ends_at, CASE WHEN p.tenant_id IS NULL THEN interval '1 day' ELSE p.absence_after END, sl.time_zone) < now()
    ORDER BY sl.ends_at, sl.slot_id
    LIMIT 500 FOR NO KEY UPDATE OF sl SKIP LOCKED
  LOOP
    -- Whoever signs at this moment is waited for, and is then no longer expected.
    FOR missing IN
      SELECT st.person_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = ended.slot_id AND st.status = 0
      ORDER BY st.person_id FOR NO KEY UPDATE
    LOOP
      PERFORM attest_internal.add_event(ended.slot_id, missing.person_id,
        CASE ended.modality WHEN 'in_company' THEN 'in_company' ELSE 'absent' END, 0, 'automatic');
      done := done + 1;
    END LOOP;
    UPDATE attest_data.slot sl SET closed_at = now() WHERE sl.tenant_id = attest.current_tenant() AND sl.slot_id = ended.slot_id;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_absence_job() IS
'Records as absent whoever is still expected on a slot that has ended, by the policy of the tenant; on a slot in the company, as in_company with no minutes. 500 slots a run at most. Returns how many people.';

CREATE FUNCTION attest_internal.attendance_purge_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here bigint := attest_internal.this_server();
  gone bigint;
BEGIN
  DELETE FROM attest_data.challenge c WHERE c.tenant_id = attest_internal.required_tenant() AND c.expires_at < now();
  DELETE FROM attest_data.slot_code c WHERE c.tenant_id = attest.current_tenant() AND c.expires_at < now();
  -- Of another server: told to nobody here.
  DELETE FROM attest_data.event_outbox o
  WHERE o.tenant_id = attest.current_tenant() AND o.server <> here AND o.at < now() - interval '7 days';
  -- In the order in which they are told, so that what is kept follows on what is gone; and where that ends for whom.
  WITH newest AS (
    SELECT o.transaction, o.event_id FROM attest_data.event_outbox o
    WHERE o.tenant_id = attest.current_tenant() AND o.server = here AND o.at < now() - interval '7 days'
    ORDER BY o.transaction DESC, o.event_id DESC LIMIT 1
  ), removed AS (
    DELETE FROM attest_data.event_outbox o USING newest n
    WHERE o.tenant_id = attest.current_tenant() AND o.server = here AND (o.transaction, o.event_id) <= (n.transaction, n.event_id)
    RETURNING o.person_id, o.transaction, o.event_id
  ), replaced AS (
    DELETE FROM attest_data.event_gone g USING removed r WHERE g.tenant_id = attest.current_tenant() AND g.person_id = r.person_id
  ), remembered AS (
    INSERT INTO attest_data.event_gone (tenant_id, person_id, server, transaction, event_id)
    SELECT DISTINCT ON (r.person_id) attest.current_tenant(), r.person_id, here, r.transaction, r.event_id
    FROM removed r ORDER BY r.person_id, r.transaction DESC, r.event_id DESC
  )
  SELECT count(*) INTO gone FROM removed;
  RETURN gone;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_purge_job() IS
'Removes challenges and codes past their time, and notices older than a week; returns the number of notices.';

CREATE FUNCTION attest.events_since(
  after text DEFAULT NULL, most int DEFAULT 100, OUT "position" text, OUT kind text, OUT slot_id uuid, OUT person_id uuid,
  OUT presence_id uuid, OUT at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here bigint := attest_internal.this_server();
  parts text[];
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager,learner,beneficiary,candidate');
  IF after IS NOT NULL AND after !~ '^-?[0-9]{1,19}:[0-9]{1,19}:[0-9a-f-]{36}$' THEN
    PERFORM attest_internal.fail('bad_value', 'after', 'a position of attest.events_since()');
  END IF;
  parts := string_to_array(coalesce(after, here || ':0:00000000-0000-0000-0000-000000000000'), ':');
  IF parts[1] <> here::text OR after IS NOT NULL AND EXISTS (SELECT FROM attest_data.event_gone g
      WHERE g.tenant_id = attest.current_tenant() AND g.server = here AND (g.transaction, g.event_id) > (parts[2]::xid8, parts[3]::uuid)) THEN
    PERFORM attest_internal.fail('position_unknown');
  END IF;
  -- Transactions are told in the order of their numbers, and only those before the oldest that still
  -- runs: whatever commits later has a greater number than all that was told.
  RETURN QUERY
  SELECT format('%s:%s:%s', here, o.transaction, o.event_id), o.kind, o.slot_id, o.person_id, o.event_id, o.at
  FROM attest_data.event_outbox o
  WHERE o.tenant_id = attest.current_tenant() AND o.server = here
    AND (o.transaction, o.event_id) > (parts[2]::xid8, parts[3]::uuid)
    AND o.transaction < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY o.transaction, o.event_id
  LIMIT least(greatest(coalesce(most, 100), 1), 10000);
END
$$;
COMMENT ON FUNCTION attest.events_since(text, int) IS
'What happened after a position, in one order for all readers of a tenant: a client that reconnects gives the last position it has and misses nothing. NULL: from the oldest kept, a week back. The server notifies on attest_events, without a payload, when there may be more; an event waits for older transactions that write, so look every few seconds too. Error TA122 for a position of another server (a restored copy), and for one after which events are no longer kept: then everything is to be read again.';

CREATE FUNCTION attest_internal.sync_item(item jsonb, device uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client uuid := (item ->> 'client_id')::uuid;
  slot uuid := (item ->> 'slot')::uuid;
  person uuid := (item ->> 'person')::uuid;
  claimed timestamptz := (item ->> 'claimed_at')::timestamptz;
  drawn attest.signature;
BEGIN
  IF client IS NULL OR slot IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'client_id, slot');
  ELSIF claimed IS NULL AND item ->> 'kind' <> 'countersign' THEN
    PERFORM attest_internal.fail('field_required', 'claimed_at');
  END IF;
  IF item ->> 'kind' IN ('sign', 'countersign') THEN
    drawn := (item ->> 'signature')::attest.signature;
  END IF;
  CASE item ->> 'kind'
    WHEN 'sign' THEN
      RETURN attest.sign(slot, person, drawn, NULL, coalesce((item ->> 'device')::uuid, device), client, claimed,
        coalesce(item ->> 'channel', 'offline'));
    WHEN 'record' THEN
      RETURN attest.record_presence(slot, person, item ->> 'status', item ->> 'reason', (item ->> 'minutes_attended')::int,
        claimed, client, coalesce(item ->> 'method', 'entry'));
    WHEN 'countersign' THEN
      RETURN attest.countersign(slot, drawn, decode(item ->> 'shown', 'hex'), client, claimed);
    ELSE
      PERFORM attest_internal.fail('field_unknown_value', 'kind', 'sign, record, countersign');
  END CASE;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.sync_item(jsonb, uuid) IS 'Does what one item of attest.sync() says.';

CREATE FUNCTION attest.sync(
  batch jsonb, OUT item int, OUT client_id text, OUT outcome text, OUT code text, OUT message text, OUT id uuid
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
  work record;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,learner,beneficiary,candidate');
  IF jsonb_typeof(batch -> 'items') IS DISTINCT FROM 'array' OR jsonb_array_length(batch -> 'items') > 1000
      OR pg_column_size(batch) > 67108864 THEN
    PERFORM attest_internal.fail('bad_value', 'batch', 'an object with items, an array of 1000 at most and 64 MB');
  END IF;
  -- One order for all batches, so that two of them never wait for each other; countersignatures last.
  FOR work IN
    SELECT i.number::int, i.body, i.body ->> 'client_id' AS client FROM jsonb_array_elements(batch -> 'items') WITH ORDINALITY i (body, number)
    ORDER BY i.body ->> 'kind' IS NOT DISTINCT FROM 'countersign', i.body ->> 'slot', i.body ->> 'person', i.body ->> 'claimed_at', i.number
  LOOP
    item := work.number;
    client_id := work.client;
    code := NULL;
    message := NULL;
    BEGIN
      id := attest_internal.earlier_call(work.client::uuid, work.body ->> 'kind', (work.body ->> 'slot')::uuid, (work.body ->> 'person')::uuid);
      outcome := CASE WHEN id IS NULL THEN 'stored' ELSE 'repeated' END;
      id := coalesce(id, attest_internal.sync_item(work.body, (batch ->> 'device')::uuid));
    EXCEPTION WHEN OTHERS THEN
      -- What is not the item's fault ends the batch: it is sent again as a whole.
      IF SQLSTATE !~ '^(TA|22)' THEN
        RAISE;
      END IF;
      outcome := 'refused';
      code := SQLSTATE;
      -- A message of class 22 may repeat what was sent.
      message := CASE WHEN SQLSTATE ~ '^TA' THEN SQLERRM ELSE 'a value cannot be read' END;
      id := NULL;
    END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.sync(jsonb) IS
'Takes what a tablet gathered while it was offline: {"device": uuid, "items": [...]}, 1000 items and 64 MB at most. An item has kind (sign, record, countersign), client_id, slot, person, claimed_at, and signature or status, reason, minutes_attended; for countersign signature and shown, the digest in hexadecimal. A row an item: stored, repeated (it was here already, for the same kind, slot and person) or refused with the code and message of its error; one refused item spoils no other. Safe to send twice and in any order: the later claim holds, and who sends again sends the same.';
