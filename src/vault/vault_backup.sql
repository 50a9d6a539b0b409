-- vault: what backups can still open: retiring epochs, exporting and importing keys, the horizon of erasures.

CREATE FUNCTION attest_internal.erasure_waits(generation int, OUT generations int[], OUT epochs int[]) RETURNS record
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT
    ARRAY(SELECT k.generation FROM attest_data.tenant_key k
      WHERE k.tenant_id = attest.current_tenant() AND k.generation <= erasure_waits.generation AND k.state <> 'destroyed' ORDER BY 1),
    ARRAY(SELECT DISTINCT w.kek_epoch FROM attest_data.tenant_key_wrapping w
      JOIN attest_internal.keyring_epochs() e ON e.epoch = w.kek_epoch AND e.state <> 'retired'
      WHERE w.tenant_id = attest.current_tenant() AND w.generation <= erasure_waits.generation ORDER BY 1)
$$;
COMMENT ON FUNCTION attest_internal.erasure_waits(int) IS
'What keeps an erasure of the entered tenant from reaching backups, by the newest tenant key at its time: tenant keys up to it that are not destroyed (a backup holds the person''s key wrapped under one of them), and epochs still in the keyring that ever wrapped one of these. Both empty: no backup opens.';

CREATE FUNCTION attest.erasure_waits_for(tenant_generation int) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  waits record := attest_internal.erasure_waits(tenant_generation);
BEGIN
  PERFORM attest_internal.required_tenant();
  RETURN nullif(concat_ws('; ',
    'key generation ' || nullif(array_to_string(waits.generations, ', '), '') || ' of the tenant: attest.rotate_keys()',
    'KEK epoch ' || nullif(array_to_string(waits.epochs, ', '), '') || ': attest.retire_kek()'), '');
END
$$;
COMMENT ON FUNCTION attest.erasure_waits_for(int) IS
'What an erasure still waits for before no backup can bring the person back, and the call that does it; NULL when it has reached them all. For the view attest.erasures.';

CREATE FUNCTION attest_internal.horizon() RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(min(e.erased_at), now()) FROM (
    SELECT s.tenant_generation, min(s.erased_at) AS erased_at FROM attest_data.erased_subject s
    WHERE s.tenant_id = attest.current_tenant() GROUP BY s.tenant_generation) e
  WHERE attest.erasure_waits_for(e.tenant_generation) IS NOT NULL
$$;
COMMENT ON FUNCTION attest_internal.horizon() IS 'attest.erasure_horizon() of the entered tenant.';

CREATE FUNCTION attest.erasure_horizon() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  RETURN attest_internal.horizon();
END
$$;
COMMENT ON FUNCTION attest.erasure_horizon() IS
'No backup can bring back anybody who was erased before this moment, with all keys that exist today: the time of the first erasure that still waits for something (attest.erasures says for what), or now when none does. For managers and the DPO.';

CREATE FUNCTION attest.erasure_horizon(tenant_code text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  RETURN attest_internal.horizon();
END
$$;
COMMENT ON FUNCTION attest.erasure_horizon(text) IS 'As attest.erasure_horizon(), for operators.';

CREATE FUNCTION attest_internal.key_work_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
  reached timestamptz;
BEGIN
  -- Nothing to say without tables, nor of erasures without a keyring.
  IF to_regclass('attest_data.key_rotation') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT 'rotation_interrupted', 'warning', r.kind, format('a rotation stands still since %s', r.updated_at),
    'Call it again: it goes on where it stopped. See attest.key_rotations.'
  FROM attest_data.key_rotation r WHERE r.state = 'running' AND r.updated_at < now() - interval '1 hour';
  IF attest_internal.keyring_status() IS NOT NULL THEN
    RETURN;
  END IF;
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    reached := attest_internal.horizon();
    IF reached < now() - interval '30 days' THEN
      RETURN QUERY SELECT 'erasure_waiting', 'warning', owner.code, format('backups can still bring back who was erased since %s', reached),
        'CALL attest.rotate_keys(), confirm a backup, then attest.retire_kek(); attest.erasures says what is missing.';
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.key_work_findings() IS
'What attest.doctor() says about work on keys that was left undone.';

-- --- backups and epochs ---

CREATE FUNCTION attest.confirm_backup(label text, started_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(label, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'label');
  END IF;
  IF (started_at <= clock_timestamp()) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'started_at', 'the moment when the backup began, in the past');
  END IF;
  INSERT INTO attest_data.backup_confirmation (started_at, label)
  VALUES (confirm_backup.started_at, confirm_backup.label) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION attest.confirm_backup(text, timestamptz) IS
'States that a backup of this database that began at this moment is complete and can be restored. attest cannot know: attest.retire_kek() takes your word for it. For operators.';

CREATE FUNCTION attest_internal.epoch_use(checked int, OUT tenants text[], OUT last_left timestamptz) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
BEGIN
  tenants := '{}';
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    IF EXISTS (SELECT FROM attest_data.tenant_key k WHERE k.tenant_id = owner.id AND k.state <> 'destroyed' AND k.kek_epoch = checked) THEN
      tenants := tenants || owner.code;
    END IF;
    SELECT greatest(last_left, max(w.left_at)) INTO last_left FROM attest_data.tenant_key_wrapping w
    WHERE w.tenant_id = owner.id AND w.kek_epoch = checked;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.epoch_use(int) IS
'The tenants whose keys an epoch wraps now, and when the last key has left it.';

CREATE FUNCTION attest_internal.why_not_retire(checked int, other_databases name[]) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  used record := attest_internal.epoch_use(checked);
  unchecked text;
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    RETURN 'this transaction would not see the latest keys; call it in READ COMMITTED';
  END IF;
  IF used.tenants <> '{}' THEN
    RETURN format('it wraps the key of %s tenants, such as %s', cardinality(used.tenants), used.tenants[1]);
  END IF;
  -- The keyring belongs to the server: what another database has wrapped cannot be seen from here.
  SELECT string_agg(d.datname, ', ' ORDER BY d.datname) INTO unchecked FROM pg_database d
  WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> current_database()
    AND d.datname <> ALL (coalesce(other_databases, '{}'));
  IF unchecked IS NOT NULL THEN
    RETURN format('databases not named as free of it: %s', unchecked);
  END IF;
  IF used.last_left IS NOT NULL AND NOT EXISTS (SELECT FROM attest_data.backup_confirmation b WHERE b.started_at > used.last_left) THEN
    RETURN format('no backup begun after %s is confirmed', date_trunc('second', used.last_left) + interval '1 second');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.why_not_retire(int, name[]) IS 'What keeps an epoch from being retired; NULL when nothing does.';

CREATE FUNCTION attest.retire_kek(epoch int, other_databases name[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  obstacle text;
  held_state text;
BEGIN
  -- Waits for transactions that have wrapped a key and not committed; a look from then on sees what they wrote.
  LOCK TABLE attest_data.tenant_key IN SHARE MODE;
  obstacle := attest_internal.why_not_retire(epoch, other_databases);
  IF obstacle IS NOT NULL THEN
    PERFORM attest_internal.fail('kek_in_use', retire_kek.epoch::text, obstacle);
  END IF;
  SELECT e.state INTO held_state FROM attest_internal.keyring_epochs() e WHERE e.epoch = retire_kek.epoch;
  -- No new use of it can begin meanwhile: a retiring epoch wraps nothing.
  IF held_state = 'active' THEN
    PERFORM attest_internal.fail('kek_refused', 'KEK epoch ' || retire_kek.epoch, 'it is active; attest.rotate_kek() makes another one');
  END IF;
  INSERT INTO attest_data.kek_epoch AS k (epoch, retired_at) VALUES (retire_kek.epoch, now())
  ON CONFLICT ON CONSTRAINT kek_epoch_pkey DO UPDATE SET retired_at = coalesce(k.retired_at, now());
  -- A crash after the file was changed leaves only the row to write.
  IF held_state IS DISTINCT FROM 'retired' THEN
    PERFORM attest_internal.remove_kek_epoch(retire_kek.epoch);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.retire_kek(int, name[]) IS
'Destroys the key of an epoch in the keyring file: backups that need it open no more, unless today''s keys are imported. Refused (TA312) while a key of this database is wrapped by it, until a backup that began after the last key left it is confirmed, and unless every other database of the server is named, by which you state that nothing there is wrapped by it either. Waits for transactions that are making keys of tenants. Does nothing more where the epoch is retired already. Destroy the copies of the keyring that hold it, too. Error TA310 where a command prints the keyring: once the checks pass, take it out there. For operators.';

CREATE FUNCTION attest.kek_epochs(OUT epoch int, OUT state text, OUT tenants int, OUT last_left timestamptz) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  used record;
BEGIN
  FOR epoch, state IN SELECT e.epoch, e.state FROM attest_internal.keyring_epochs() e ORDER BY e.epoch LOOP
    used := attest_internal.epoch_use(epoch);
    tenants := cardinality(used.tenants);
    last_left := used.last_left;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.kek_epochs() IS
'Epochs of the keyring: number; prepared (opens, and is the next to be active), active (the newest wraps), retiring (opens only) or retired (its key is gone); how many tenants of this database have a key wrapped by it; and when the last key left it. For operators.';

CREATE FUNCTION attest_internal.find_sealed(tables regclass[], tenant int, subjects uuid[], generations int[]) RETURNS regclass
AS 'MODULE_PATHNAME', 'attest_find_sealed' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.find_sealed(regclass[], int, uuid[], int[]) IS
'The first of the tables that holds a value sealed under one of these keys: subjects and generations side by side. Opens nothing; passes over rows of other tenants, where attest.protect() holds. NULL for none.';

CREATE FUNCTION attest_internal.sealed_tables() RETURNS regclass[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(c.oid::regclass ORDER BY c.oid) FROM pg_class c
  WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION attest_internal.sealed_tables() IS 'Every table and materialized view of the database with a column of type attest.sealed, whoever owns it.';

CREATE FUNCTION attest.destroy_retired_keys(tenant_code text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner int := attest_internal.tenant_of(tenant_code);
  subjects uuid[];
  generations int[];
  needed_by regclass;
  destroyed bigint;
BEGIN
  PERFORM attest_internal.require_latest();
  PERFORM attest_internal.enter_tenant(owner);
  WITH gone AS (
    DELETE FROM attest_data.subject_key k
    WHERE k.tenant_id = owner AND k.state = 'retired' AND k.retired_at < (SELECT max(b.started_at) FROM attest_data.backup_confirmation b)
    RETURNING k.subject_id, k.generation)
  SELECT count(*), array_agg(g.subject_id), array_agg(g.generation) INTO destroyed, subjects, generations FROM gone g;
  needed_by := attest_internal.find_sealed(attest_internal.sealed_tables(), owner, subjects, generations);
  IF needed_by IS NOT NULL THEN
    PERFORM attest_internal.fail('keys_in_use', needed_by::text);
  END IF;
  PERFORM attest_internal.keys_changed();
  RETURN destroyed;
END
$$;
COMMENT ON FUNCTION attest.destroy_retired_keys(text) IS
'Destroys the keys of people that attest.reseal_people() has replaced before the last confirmed backup began; returns how many. What was sealed under them outside the columns of this database, and in older backups, opens no more. Error TA318 where a column of type attest.sealed, of any table, still holds a value under one of them, TA319 outside READ COMMITTED. For operators.';

-- --- export and import ---

CREATE FUNCTION attest_internal.export_tenant(owner int) RETURNS SETOF text
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('tenant', owner, 'code', (SELECT t.code FROM attest_data.tenant t WHERE t.id = owner),
    'tenant_keys', (SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.generation), '[]') FROM attest_data.tenant_key k WHERE k.tenant_id = owner),
    'wrappings', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]') FROM attest_data.tenant_key_wrapping w WHERE w.tenant_id = owner),
    'erased', (SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM attest_data.erased_subject e WHERE e.tenant_id = owner))::text
  UNION ALL
  SELECT jsonb_build_object('tenant', owner, 'subject_keys', jsonb_agg(s.subject_key))::text
  FROM (SELECT to_jsonb(k) AS subject_key, (row_number() OVER (ORDER BY k.subject_id, k.generation) - 1) / 1000 AS page
    FROM attest_data.subject_key k WHERE k.tenant_id = owner) s
  GROUP BY s.page
$$;
COMMENT ON FUNCTION attest_internal.export_tenant(int) IS
'The lines of an export for the entered tenant: one of its keys and tombstones, then its people''s keys, a thousand a line. All keys are wrapped.';

CREATE FUNCTION attest.export_keys() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  newest int := attest_internal.newest_epoch();
  lines text[];
  owner int;
  body text;
BEGIN
  lines := ARRAY[jsonb_build_object('attest_keys', 1, 'made_at', now(), 'kek_epoch', newest)::text];
  FOR owner IN SELECT t.id FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner);
    lines := lines || ARRAY(SELECT attest_internal.export_tenant(owner));
  END LOOP;
  body := array_to_string(lines, chr(10));
  RETURN body || chr(10) || 'mac ' || encode(attest_internal.keyring_mac(newest, body), 'hex') || chr(10);
END
$$;
COMMENT ON FUNCTION attest.export_keys() IS
'All keys of this database, wrapped, and the tombstones, as text under a MAC of the keyring: with the keyring they open a backup that is older than a rotation, see attest.import_keys(). About 300 bytes a person. For operators.';

CREATE FUNCTION attest_internal.export_body(export text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lines text[] := string_to_array(rtrim(replace(export, chr(13), ''), chr(10)), chr(10));
  body text[] := lines[1:cardinality(lines) - 1];
  header jsonb;
BEGIN
  IF (body[1] LIKE '{%"attest_keys": 1%}' AND lines[cardinality(lines)] ~ '^mac [0-9a-f]{64}$') IS NOT TRUE THEN
    PERFORM attest_internal.fail('export_malformed', 'It does not begin and end as one');
  END IF;
  header := body[1]::jsonb;
  IF attest_internal.keyring_mac((header ->> 'kek_epoch')::int, array_to_string(body, chr(10)))
      <> decode(right(lines[cardinality(lines)], 64), 'hex') THEN
    PERFORM attest_internal.fail('export_malformed', 'Its MAC is wrong');
  END IF;
  RETURN body;
END
$$;
COMMENT ON FUNCTION attest_internal.export_body(text) IS 'The lines of an export whose MAC is right.';

CREATE FUNCTION attest_internal.import_tenant(entry jsonb) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner int := attest_internal.required_tenant();
  newest int;
  newly_erased uuid[];
BEGIN
  SELECT max((k.value ->> 'generation')::int) INTO newest FROM jsonb_array_elements(entry -> 'tenant_keys') k;
  IF EXISTS (SELECT FROM attest_data.tenant_key k WHERE k.tenant_id = owner AND k.generation > coalesce(newest, 0)) THEN
    PERFORM attest_internal.fail('export_refused', format('It is older than the keys of tenant %s', entry ->> 'code'));
  END IF;
  PERFORM pg_advisory_xact_lock(attest_internal.subject_key_lock(), owner);
  DELETE FROM attest_data.tenant_key_wrapping w WHERE w.tenant_id = owner;
  DELETE FROM attest_data.tenant_key k WHERE k.tenant_id = owner;
  INSERT INTO attest_data.tenant_key
  SELECT * FROM jsonb_populate_recordset(NULL::attest_data.tenant_key, entry -> 'tenant_keys');
  INSERT INTO attest_data.tenant_key_wrapping
  SELECT * FROM jsonb_populate_recordset(NULL::attest_data.tenant_key_wrapping, entry -> 'wrappings');
  WITH added AS (
    INSERT INTO attest_data.erased_subject
    SELECT * FROM jsonb_populate_recordset(NULL::attest_data.erased_subject, entry -> 'erased')
    ON CONFLICT DO NOTHING RETURNING subject_id)
  SELECT coalesce(array_agg(a.subject_id), '{}') INTO newly_erased FROM added a;
  DELETE FROM attest_data.subject_key k WHERE k.tenant_id = owner AND k.subject_id = ANY (newly_erased);
  PERFORM attest_internal.forget_keys();
  RETURN newly_erased;
END
$$;
COMMENT ON FUNCTION attest_internal.import_tenant(jsonb) IS
'Replaces the keys of the entered tenant by those of an export, all but those of people, and adds its tombstones, under which no key stays; returns whose were new.';

CREATE FUNCTION attest_internal.subject_key_opens(subject uuid, generation int, tenant_generation int, wrapped bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_subject_key_opens' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.subject_key_opens(uuid, int, int, bytea) IS
'Whether a wrapped key of a person opens under a key of the entered tenant that is there.';

CREATE FUNCTION attest_internal.import_subject_keys(entry jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  imported bigint;
BEGIN
  -- A tombstone of this database holds against any export, and so does a key that opens; in which state keys are,
  -- follows from the values that are here.
  WITH given AS MATERIALIZED (
    SELECT k.* FROM jsonb_populate_recordset(NULL::attest_data.subject_key, entry -> 'subject_keys') k
    WHERE NOT EXISTS (SELECT FROM attest_data.erased_subject e WHERE e.tenant_id = k.tenant_id AND e.subject_id = k.subject_id)
  ), stored AS (
    INSERT INTO attest_data.subject_key AS h SELECT g.* FROM given g
    ON CONFLICT ON CONSTRAINT subject_key_pkey DO UPDATE SET tenant_generation = EXCLUDED.tenant_generation, wrapped = EXCLUDED.wrapped
    WHERE NOT attest_internal.subject_key_opens(h.subject_id, h.generation, h.tenant_generation, h.wrapped))
  SELECT count(*) INTO imported FROM given;
  RETURN imported;
END
$$;
COMMENT ON FUNCTION attest_internal.import_subject_keys(jsonb) IS
'Takes the keys of people of an export into the entered tenant, but for keys that are there and open, and for people who are erased; returns how many it has of the others.';

CREATE FUNCTION attest_internal.settle_subject_keys(tenant_code text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lost bigint;
BEGIN
  -- Those that a rotation has destroyed since: later generations of the same people came with the export.
  DELETE FROM attest_data.subject_key k
  WHERE k.tenant_id = attest_internal.required_tenant()
    AND NOT attest_internal.subject_key_opens(k.subject_id, k.generation, k.tenant_generation, k.wrapped)
    AND EXISTS (SELECT FROM attest_data.subject_key n WHERE n.tenant_id = k.tenant_id AND n.subject_id = k.subject_id
      AND n.generation > k.generation);
  SELECT count(*) INTO lost FROM attest_data.subject_key k
  WHERE k.tenant_id = attest.current_tenant()
    AND NOT attest_internal.subject_key_opens(k.subject_id, k.generation, k.tenant_generation, k.wrapped);
  IF lost > 0 THEN
    PERFORM attest_internal.fail('export_refused',
      format('%s keys of people of tenant %s are not in it, and open under no key that is', lost, tenant_code));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.settle_subject_keys(text) IS
'After an import of keys: takes away replaced keys of people that open no more. Error TA314 where somebody would be lost: keys that were made here, beside the server that made the export.';

CREATE FUNCTION attest_internal.reblind_everybody() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  functions regproc[] := attest_internal.room_functions('_reblind');
  subject uuid;
  done bigint := 0;
BEGIN
  FOR subject IN SELECT DISTINCT k.subject_id FROM attest_data.subject_key k WHERE k.tenant_id = attest_internal.required_tenant() LOOP
    PERFORM attest_internal.call_rooms(functions, subject);
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.reblind_everybody() IS
'Computes the blind values of the entered tenant again: those of a restored backup come from a tenant key that is gone.';

CREATE FUNCTION attest.import_keys(export text, OUT people bigint, OUT erased bigint) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  body text[] := attest_internal.export_body(export);
  entries jsonb[] := ARRAY(SELECT l::jsonb FROM unnest(body[2:]) l);
  entry jsonb;
  owner record;
  gone uuid;
BEGIN
  people := 0;
  erased := 0;
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t LOOP
    IF NOT EXISTS (SELECT FROM unnest(entries) e WHERE e ->> 'code' = owner.code AND (e ->> 'tenant')::int = owner.id) THEN
      PERFORM attest_internal.fail('export_refused', format('Tenant %s is not in it', owner.code));
    END IF;
    PERFORM attest_internal.enter_tenant(owner.id);
    FOR entry IN SELECT e FROM unnest(entries) e WHERE (e ->> 'tenant')::int = owner.id ORDER BY e ? 'code' DESC LOOP
      IF entry ? 'code' THEN
        FOREACH gone IN ARRAY attest_internal.import_tenant(entry) LOOP
          -- Their key is gone already: what needed it cannot be kept.
          PERFORM attest_internal.in_every_room('_erase', gone);
          erased := erased + 1;
        END LOOP;
      ELSE
        people := people + attest_internal.import_subject_keys(entry);
      END IF;
    END LOOP;
    PERFORM attest_internal.settle_subject_keys(owner.code);
    PERFORM attest_internal.reblind_everybody();
  END LOOP;
  PERFORM attest_internal.keys_changed();
END
$$;
COMMENT ON FUNCTION attest.import_keys(text) IS
'After restoring a backup: takes the keys of attest.export_keys(), under today''s keyring. Whoever was erased since the backup is erased in it again, and cannot be opened; everybody else opens, also who was added after the export was made: a key that opens is never taken away. Tenants made since the backup are left out. Errors TA313 damaged, or made under another keyring; TA314 older than a rotation of keys, or of another course of things, so that somebody would be lost: nothing is changed then. Returns the keys of people in it, and how many people were erased again. For operators.';
