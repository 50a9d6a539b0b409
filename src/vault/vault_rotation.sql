-- vault: rotation of keys. Procedures in C (rotation.c) call the steps, each in a transaction.

CREATE FUNCTION attest_internal.make_tenant_key(tenant int, generation int, OUT kek_epoch int, OUT wrapped bytea) RETURNS record
AS 'MODULE_PATHNAME', 'attest_make_tenant_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.make_tenant_key(int, int) IS 'A new tenant key, wrapped under the newest epoch.';

CREATE FUNCTION attest_internal.rewrap_tenant_key(
  tenant int, generation int, kek_epoch int, wrapped bytea, OUT new_epoch int, OUT new_wrapped bytea) RETURNS record
AS 'MODULE_PATHNAME', 'attest_rewrap_tenant_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.rewrap_tenant_key(int, int, int, bytea) IS 'A wrapped tenant key, wrapped under the newest epoch.';

CREATE FUNCTION attest_internal.tenant_key_fault(tenant int, generation int, kek_epoch int, wrapped bytea) RETURNS text
AS 'MODULE_PATHNAME', 'attest_tenant_key_fault' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.tenant_key_fault(int, int, int, bytea) IS 'What keeps a wrapped tenant key from being opened; NULL when nothing does.';

CREATE FUNCTION attest_internal.make_subject_key(subject uuid, generation int, tenant_generation int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_make_subject_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.make_subject_key(uuid, int, int) IS 'A new key of a person, wrapped under a key of the entered tenant.';

CREATE FUNCTION attest_internal.rewrap_subject_key(
  subject uuid, generation int, tenant_generation int, wrapped bytea, new_tenant_generation int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_rewrap_subject_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.rewrap_subject_key(uuid, int, int, bytea, int) IS
'A wrapped key of a person, wrapped under another generation of the tenant''s key.';

CREATE FUNCTION attest_internal.reseal(value attest.sealed) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_reseal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION attest_internal.reseal(attest.sealed) IS
'The same value sealed under the newest key of its person, with its purpose; itself where it already is.';

CREATE FUNCTION attest_internal.is_resealed(before attest.sealed, after attest.sealed) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_is_resealed' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION attest_internal.is_resealed(attest.sealed, attest.sealed) IS
'Whether two sealed values hold the same, for the same person and purpose.';

-- --- KEK ---

CREATE FUNCTION attest_internal.newest_epoch() RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(e.epoch) FROM attest_internal.keyring_epochs() e WHERE e.state = 'active'
$$;
COMMENT ON FUNCTION attest_internal.newest_epoch() IS 'The epoch of the keyring that wraps.';

CREATE FUNCTION attest_internal.note_wrapping(tenant int, generation int, epoch int) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE attest_data.tenant_key_wrapping w SET left_at = clock_timestamp()
  WHERE w.tenant_id = tenant AND w.generation = note_wrapping.generation AND w.kek_epoch <> epoch AND w.left_at IS NULL;
  INSERT INTO attest_data.kek_epoch (epoch) VALUES (note_wrapping.epoch) ON CONFLICT DO NOTHING;
  INSERT INTO attest_data.tenant_key_wrapping (tenant_id, generation, kek_epoch)
  VALUES (tenant, note_wrapping.generation, note_wrapping.epoch)
  ON CONFLICT ON CONSTRAINT tenant_key_wrapping_pkey DO UPDATE SET left_at = NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.note_wrapping(int, int, int) IS
'Records that an epoch wraps a tenant key from now on, and that the one before has left it.';

CREATE FUNCTION attest_internal.rewrap_tenant_keys() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  newest int := attest_internal.newest_epoch();
  owner int;
  old attest_data.tenant_key;
  made record;
  done int := 0;
BEGIN
  -- As in attest_internal.new_tenant_generation().
  LOCK TABLE attest_data.tenant_key IN ROW EXCLUSIVE MODE;
  FOR owner IN SELECT t.id FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner);
    -- A retiring key is about to go: it must not be wrapped by an epoch that stays.
    SELECT * INTO old FROM attest_data.tenant_key k
    WHERE k.tenant_id = owner AND k.state = 'active' AND k.kek_epoch <> newest FOR NO KEY UPDATE;
    CONTINUE WHEN NOT FOUND;
    made := attest_internal.rewrap_tenant_key(owner, old.generation, old.kek_epoch, old.wrapped);
    UPDATE attest_data.tenant_key k SET kek_epoch = made.new_epoch, wrapped = made.new_wrapped
    WHERE k.tenant_id = owner AND k.generation = old.generation;
    PERFORM attest_internal.note_wrapping(owner, old.generation, made.new_epoch);
    done := done + 1;
  END LOOP;
  IF done > 0 THEN
    INSERT INTO attest_data.key_rotation (rotation_id, kind, generation, state, done, total, updated_at)
    VALUES (attest.uuid_v7(), 'kek', newest, 'done', done, done, clock_timestamp());
  END IF;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.rewrap_tenant_keys() IS
'Wraps the active key of every tenant under the newest epoch; returns how many were under another.';

CREATE FUNCTION attest_internal.has_older_wrapping(newest int) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner int;
BEGIN
  FOR owner IN SELECT t.id FROM attest_data.tenant t LOOP
    PERFORM attest_internal.enter_tenant(owner);
    IF EXISTS (SELECT FROM attest_data.tenant_key k WHERE k.tenant_id = owner AND k.state = 'active' AND k.kek_epoch <> newest) THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END
$$;
COMMENT ON FUNCTION attest_internal.has_older_wrapping(int) IS 'Whether a tenant''s active key is wrapped by another epoch than this one.';

CREATE FUNCTION attest.rotate_kek() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  newest int := attest_internal.newest_epoch();
BEGIN
  -- A new epoch that is not in use everywhere yet comes from a rotation that was
  -- interrupted, or made for another database: it is used up first.
  IF NOT attest_internal.has_older_wrapping(newest) THEN
    newest := attest_internal.add_kek_epoch();
  END IF;
  PERFORM attest_internal.rewrap_tenant_keys();
  RETURN newest;
END
$$;
COMMENT ON FUNCTION attest.rotate_kek() IS
'Adds an epoch to the keyring file, or takes that of attest.prepare_kek(), unless the newest one is not in use for every tenant yet, and wraps the active keys of all tenants of this database under it. Returns the epoch. Error TA310 where a command prints the keyring and its newest epoch is in use already: add one there first. For operators.';

-- --- tenant keys and keys of people ---

CREATE FUNCTION attest_internal.new_tenant_generation(tenant int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  next_generation int;
  made record;
BEGIN
  -- An epoch that is being retired is gone by then, and not the one to wrap under.
  LOCK TABLE attest_data.tenant_key IN ROW EXCLUSIVE MODE;
  SELECT coalesce(max(k.generation), 0) + 1 INTO next_generation FROM attest_data.tenant_key k WHERE k.tenant_id = tenant;
  made := attest_internal.make_tenant_key(tenant, next_generation);
  UPDATE attest_data.tenant_key k SET state = 'retiring' WHERE k.tenant_id = tenant AND k.state = 'active';
  INSERT INTO attest_data.tenant_key (tenant_id, generation, kek_epoch, wrapped)
  VALUES (tenant, next_generation, made.kek_epoch, made.wrapped);
  PERFORM attest_internal.note_wrapping(tenant, next_generation, made.kek_epoch);
  RETURN next_generation;
END
$$;
COMMENT ON FUNCTION attest_internal.new_tenant_generation(int) IS 'Makes a new tenant key active, the one before retiring; returns its generation.';

CREATE FUNCTION attest_internal.renew_subject_keys(tenant int) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrapping int;
  renewed bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(attest_internal.subject_key_lock(), tenant);
  SELECT k.generation INTO wrapping FROM attest_data.tenant_key k WHERE k.tenant_id = tenant AND k.state = 'active';
  INSERT INTO attest_data.subject_key (tenant_id, subject_id, generation, tenant_generation, wrapped)
  SELECT tenant, n.subject_id, n.generation + 1, wrapping, attest_internal.make_subject_key(n.subject_id, n.generation + 1, wrapping)
  FROM (SELECT k.subject_id, max(k.generation) AS generation FROM attest_data.subject_key k
    WHERE k.tenant_id = tenant GROUP BY k.subject_id) n;
  GET DIAGNOSTICS renewed = ROW_COUNT;
  UPDATE attest_data.subject_key k SET state = 'retiring'
  WHERE k.tenant_id = tenant AND k.state = 'active' AND EXISTS (SELECT FROM attest_data.subject_key n
    WHERE n.tenant_id = tenant AND n.subject_id = k.subject_id AND n.generation > k.generation);
  RETURN renewed;
END
$$;
COMMENT ON FUNCTION attest_internal.renew_subject_keys(int) IS
'Makes a new key for everybody of a tenant who has one; those before are retiring. Returns how many.';

CREATE FUNCTION attest_internal.start_rotation(kind text, tenant_code text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner int := attest_internal.tenant_of(tenant_code);
  rotation uuid;
  target int := 0;
  people bigint;
BEGIN
  SELECT r.rotation_id INTO rotation FROM attest_data.key_rotation r
  WHERE r.kind = start_rotation.kind AND r.tenant = owner AND r.state = 'running';
  IF FOUND THEN
    RETURN rotation;
  END IF;
  PERFORM attest_internal.enter_tenant(owner);
  IF kind = 'tenant_key' THEN
    target := attest_internal.new_tenant_generation(owner);
    SELECT count(DISTINCT k.subject_id) INTO people FROM attest_data.subject_key k WHERE k.tenant_id = owner;
  ELSE
    people := attest_internal.renew_subject_keys(owner);
  END IF;
  rotation := attest.uuid_v7();
  INSERT INTO attest_data.key_rotation (rotation_id, kind, tenant, generation, total)
  VALUES (rotation, start_rotation.kind, owner, target, people);
  PERFORM attest_internal.keys_changed();
  RETURN rotation;
END
$$;
COMMENT ON FUNCTION attest_internal.start_rotation(text, text) IS 'Starts a rotation of a tenant, or finds the one that was not finished.';

CREATE FUNCTION attest_internal.rotation_people(rotation uuid, after uuid) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  task attest_data.key_rotation;
BEGIN
  SELECT * INTO task FROM attest_data.key_rotation r WHERE r.rotation_id = rotation;
  PERFORM attest_internal.enter_tenant(task.tenant);
  RETURN QUERY SELECT DISTINCT k.subject_id FROM attest_data.subject_key k
  WHERE k.tenant_id = task.tenant AND k.subject_id > after
    AND CASE task.kind WHEN 'tenant_key' THEN k.tenant_generation < task.generation ELSE k.state = 'retiring' END
  ORDER BY 1 LIMIT 500;
END
$$;
COMMENT ON FUNCTION attest_internal.rotation_people(uuid, uuid) IS 'The next people that a rotation has to do, in order of their ids.';

CREATE FUNCTION attest_internal.reseal_rows(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tab record;
  done int;
  total int := 0;
BEGIN
  FOR tab IN
    SELECT c.oid::regclass AS name, string_agg(format('%1$I = attest_internal.reseal(%1$I)', a.attname), ', ') AS changes
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped
    WHERE c.relnamespace = 'attest_data'::regnamespace AND c.relkind = 'r'
      AND EXISTS (SELECT FROM pg_attribute p WHERE p.attrelid = c.oid AND p.attname = 'person_id' AND NOT p.attisdropped)
    GROUP BY c.oid ORDER BY c.oid::regclass::text
  LOOP
    EXECUTE format('UPDATE %s SET %s WHERE tenant_id = attest.current_tenant() AND person_id = $1', tab.name, tab.changes) USING person;
    GET DIAGNOSTICS done = ROW_COUNT;
    total := total + done;
  END LOOP;
  RETURN total;
END
$$;
COMMENT ON FUNCTION attest_internal.reseal_rows(uuid) IS
'Seals what the tables of attest_data hold of a person under the newest key; returns how many rows there are. What other rooms hold, their functions <room>_reseal() do.';

CREATE FUNCTION attest_internal.rotate_person(rotation uuid, person uuid, functions regproc[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  task attest_data.key_rotation;
BEGIN
  SELECT * INTO task FROM attest_data.key_rotation r WHERE r.rotation_id = rotation;
  PERFORM attest_internal.enter_tenant(task.tenant);
  -- First the records of the person, then their keys: the order in which erasing locks.
  IF task.kind = 'tenant_key' THEN
    PERFORM attest_internal.call_rooms(functions, person);
    UPDATE attest_data.subject_key k
    SET wrapped = attest_internal.rewrap_subject_key(person, k.generation, k.tenant_generation, k.wrapped, task.generation),
      tenant_generation = task.generation
    WHERE k.tenant_id = task.tenant AND k.subject_id = person AND k.tenant_generation < task.generation;
  ELSIF EXISTS (SELECT FROM attest_data.subject_key k WHERE k.tenant_id = task.tenant AND k.subject_id = person) THEN
    PERFORM attest_internal.reseal_rows(person);
    PERFORM attest_internal.call_rooms(functions, person);
    UPDATE attest_data.subject_key k SET state = 'retired', retired_at = clock_timestamp()
    WHERE k.tenant_id = task.tenant AND k.subject_id = person AND k.state = 'retiring';
  END IF;
  UPDATE attest_data.key_rotation r SET done = r.done + 1, updated_at = clock_timestamp() WHERE r.rotation_id = rotation;
END
$$;
COMMENT ON FUNCTION attest_internal.rotate_person(uuid, uuid, regproc[]) IS
'Does one person of a rotation: wraps their keys under the new tenant key and computes their blind values again, or seals their values under their new key, by the functions of the rooms. Doing it again does nothing.';

CREATE FUNCTION attest_internal.finish_rotation(rotation uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  task attest_data.key_rotation;
BEGIN
  SELECT * INTO task FROM attest_data.key_rotation r WHERE r.rotation_id = rotation FOR UPDATE;
  PERFORM attest_internal.enter_tenant(task.tenant);
  -- Waits for those who are making a key under it: they hold a lock on its row.
  PERFORM FROM attest_data.tenant_key k
  WHERE k.tenant_id = task.tenant AND k.generation < task.generation AND k.state = 'retiring' FOR UPDATE;
  IF EXISTS (SELECT FROM attest_data.subject_key k WHERE k.tenant_id = task.tenant
      AND CASE task.kind WHEN 'tenant_key' THEN k.tenant_generation < task.generation ELSE k.state = 'retiring' END) THEN
    RETURN false;
  END IF;
  UPDATE attest_data.tenant_key k SET state = 'destroyed', wrapped = NULL, destroyed_at = clock_timestamp()
  WHERE k.tenant_id = task.tenant AND k.generation < task.generation AND k.state = 'retiring';
  UPDATE attest_data.tenant_key_wrapping w SET left_at = clock_timestamp()
  WHERE w.tenant_id = task.tenant AND w.generation < task.generation AND w.left_at IS NULL;
  UPDATE attest_data.key_rotation r SET state = 'done', updated_at = clock_timestamp() WHERE r.rotation_id = rotation;
  PERFORM attest_internal.keys_changed();
  RETURN true;
END
$$;
COMMENT ON FUNCTION attest_internal.finish_rotation(uuid) IS
'Destroys the retiring tenant key once nothing is wrapped under it; false, and nothing done, while something is.';

CREATE FUNCTION attest_internal.prepare_rotation() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
  waits record;
  newest int := attest_internal.newest_epoch();
  spoilt boolean := false;
BEGIN
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    SELECT * INTO waits FROM attest_internal.erasure_waits(
      (SELECT max(e.tenant_generation) FROM attest_data.erased_subject e WHERE e.tenant_id = owner.id));
    spoilt := spoilt OR newest = ANY (waits.epochs);
    IF waits.generations <> '{}' OR EXISTS (SELECT FROM attest_data.tenant_key k
        WHERE k.tenant_id = owner.id AND k.state = 'retiring') THEN
      RETURN NEXT owner.code;
    END IF;
  END LOOP;
  -- The newest epoch has wrapped what must go: the next keys need another.
  IF spoilt THEN
    PERFORM attest_internal.add_kek_epoch();
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.prepare_rotation() IS
'The tenants whose key has to be rotated for erasures, or is being rotated. Adds an epoch where the newest one must be retired for them.';

CREATE PROCEDURE attest.rotate_tenant_key(tenant_code text, pause_ms int DEFAULT 0)
AS 'MODULE_PATHNAME', 'attest_rotate_tenant_key' LANGUAGE C;
COMMENT ON PROCEDURE attest.rotate_tenant_key(text, int) IS
'Gives a tenant a new key: wraps the keys of its people under it and computes blind values again, person by person while the tenant works, with a pause after each, then destroys the old key. Takes up what was interrupted. It first waits for the transactions that are running. Commits as it goes: CALL it outside a transaction. For operators; progress in attest.key_rotations.';

CREATE PROCEDURE attest.reseal_people(tenant_code text, pause_ms int DEFAULT 0)
AS 'MODULE_PATHNAME', 'attest_reseal_people' LANGUAGE C;
COMMENT ON PROCEDURE attest.reseal_people(text, int) IS
'Gives every person of a tenant a new key and seals all their values again under it, person by person while the tenant works. The old keys stay, retired, for backups and values kept elsewhere, until attest.destroy_retired_keys(). Otherwise as attest.rotate_tenant_key().';

CREATE PROCEDURE attest.rotate_keys(pause_ms int DEFAULT 0)
AS 'MODULE_PATHNAME', 'attest_rotate_keys' LANGUAGE C;
COMMENT ON PROCEDURE attest.rotate_keys(int) IS
'All that erasures need to reach backups, short of retiring an epoch: a new epoch where the newest one is concerned, a new key for every tenant that has erased somebody since its last one, and the other tenants'' keys under the newest epoch. Does nothing where nothing is due. Then confirm a backup and call attest.retire_kek(). For operators.';
