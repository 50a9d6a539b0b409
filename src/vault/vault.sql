-- vault: keyring, keys, sealed values.

CREATE TYPE attest.sealed;
COMMENT ON TYPE attest.sealed IS
'A value that is ciphertext everywhere: on disk, in dumps, in replicas and on its way to the client. Input and output are att1:<base64url>; anything else is error TA306. It has no comparison. Made by attest.seal(), opened by attest.unseal().';

CREATE FUNCTION attest_internal.sealed_in(cstring) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_sealed_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_out(attest.sealed) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_sealed_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_recv(internal) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_sealed_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_send(attest.sealed) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_sealed_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.sealed_in(cstring) IS 'Text input of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_out(attest.sealed) IS 'Text output of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_recv(internal) IS 'Binary input of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_send(attest.sealed) IS 'Binary output of attest.sealed: ciphertext only.';

CREATE TYPE attest.sealed (
  INTERNALLENGTH = VARIABLE, STORAGE = external,
  INPUT = attest_internal.sealed_in, OUTPUT = attest_internal.sealed_out,
  RECEIVE = attest_internal.sealed_recv, SEND = attest_internal.sealed_send
);

CREATE FUNCTION attest.seal(plain text, subject uuid, purpose text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_seal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest.seal(text, uuid, text) IS
'Seals a text under the key of a person (made at first use) for a purpose such as person.last_name. Needs a ticket. Error TA307 once the person is erased.';

CREATE FUNCTION attest.unseal(sealed attest.sealed) RETURNS text
AS 'MODULE_PATHNAME', 'attest_unseal' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.unseal(attest.sealed) IS
'Opens a sealed text of the entered tenant. One error, TA305, for every failure but a missing key (TA304) and an erased person (TA307).';

CREATE FUNCTION attest.unseal(sealed attest.sealed, subject uuid, purpose text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_unseal' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.unseal(attest.sealed, uuid, text) IS
'As attest.unseal(sealed), and refuses with TA305 a value that was sealed for another person or purpose: rows whose values were swapped do not open.';

CREATE FUNCTION attest_internal.seal_bytes(plain bytea, subject uuid, purpose text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_seal_bytes' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.seal_bytes(bytea, uuid, text) IS 'As attest.seal, for bytes.';

CREATE FUNCTION attest_internal.unseal_bytes(sealed attest.sealed, subject uuid, purpose text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_unseal_bytes' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest_internal.unseal_bytes(attest.sealed, uuid, text) IS 'As attest.unseal, for bytes.';

CREATE FUNCTION attest_internal.transfer(value attest.sealed, dropped uuid, kept uuid) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_transfer' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.transfer(attest.sealed, uuid, uuid) IS
'A value that is sealed for the dropped person, sealed for the kept one, for the same purpose; other values as they are. For merging two records of one person.';

CREATE FUNCTION attest.create_keyring() RETURNS text
AS 'MODULE_PATHNAME', 'attest_create_keyring' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.create_keyring() IS
'Creates the file of attest.keyring_file with one new key, and returns its path. Error TA308 when the file is there. Back it up apart from the data.';

CREATE FUNCTION attest_internal.keyring_status() RETURNS text
AS 'MODULE_PATHNAME', 'attest_keyring_status' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keyring_status() IS
'Reads the keyring again: NULL when it is usable, otherwise the SQLSTATE that a use of it would raise.';

CREATE FUNCTION attest_internal.keyring_epochs(OUT epoch int, OUT state text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_keyring_epochs' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 4;
COMMENT ON FUNCTION attest_internal.keyring_epochs() IS
'Epochs of the keyring as it is now: prepared, active, retiring, or retired where only the number is left.';

CREATE FUNCTION attest.prepare_kek() RETURNS int
AS 'MODULE_PATHNAME', 'attest_prepare_kek' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.prepare_kek() IS
'Adds an epoch to the keyring file that opens and wraps nothing yet, unless there is one, and returns its number: copy the keyring to standbys, then attest.rotate_kek() or attest.rotate_keys() take it into use. It stays when the transaction is rolled back. Error TA310 where a command prints the keyring. For operators.';

CREATE FUNCTION attest_internal.add_kek_epoch() RETURNS int
AS 'MODULE_PATHNAME', 'attest_add_kek_epoch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.add_kek_epoch() IS
'Adds an active epoch to the keyring file, the prepared one where there is one; the others become retiring; returns its number. It stays when the transaction is rolled back. Error TA310 where a command prints the keyring.';

CREATE FUNCTION attest_internal.remove_kek_epoch(epoch int) RETURNS void
AS 'MODULE_PATHNAME', 'attest_remove_kek_epoch' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.remove_kek_epoch(int) IS
'Destroys the key of an epoch in the keyring file, whatever becomes of the transaction; its number stays taken. Checks nothing: attest.retire_kek() does.';

CREATE FUNCTION attest_internal.keys_are_locked() RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_keys_are_locked' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keys_are_locked() IS
'Whether the memory that holds the keyring and tenant keys is locked, so that they are not written to swap.';

CREATE FUNCTION attest_internal.keyring_mac(epoch int, body text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_keyring_mac' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keyring_mac(int, text) IS
'HMAC-SHA-256 of an export of keys, under a key derived from the epoch.';

CREATE FUNCTION attest_internal.forget_keys() RETURNS void
AS 'MODULE_PATHNAME', 'attest_forget_keys' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forget_keys() IS 'Wipes the unwrapped keys that this transaction holds.';

CREATE FUNCTION attest_internal.keys_changed() RETURNS void
AS 'MODULE_PATHNAME', 'attest_keys_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keys_changed() IS
'Wipes the unwrapped keys that this transaction holds and, when it commits, those of every backend, also within their transactions.';

CREATE FUNCTION attest_internal.create_subject_keys(subjects uuid[]) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_create_subject_keys' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.create_subject_keys(uuid[]) IS
'Makes the keys of many new people of the entered tenant at once, and keeps them for the transaction: an import seals for them without a look-up each. Leaves alone who has a key or is erased; returns how many it made.';

CREATE FUNCTION attest_internal.room_functions(suffix text) RETURNS regproc[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(p.oid::regproc ORDER BY p.proname), '{}') FROM pg_proc p
  WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, length(suffix)) = suffix
    AND p.pronargs = 1 AND p.proargtypes[0] = 'uuid'::regtype AND p.prorettype = 'int'::regtype
$$;
COMMENT ON FUNCTION attest_internal.room_functions(text) IS
'The functions attest_internal.<room><suffix>(person uuid) RETURNS int: _erase forgets the person, _reblind computes blind values again, _reseal seals again, _owns says whether it is the id of something else.';

CREATE FUNCTION attest_internal.call_rooms(functions regproc[], person uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  task regproc;
  rows_done int;
  done jsonb := '{}';
BEGIN
  FOREACH task IN ARRAY functions LOOP
    EXECUTE format('SELECT %s($1)', task) INTO rows_done USING person;
    done := done || jsonb_build_object(substring(task::text FROM '[.](.*)_[a-z]+$'), rows_done);
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.call_rooms(regproc[], uuid) IS
'Calls each function for a person, and returns what each answered, by room. Whoever does many people looks the functions up once.';

CREATE FUNCTION attest_internal.in_every_room(suffix text, person uuid) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.call_rooms(attest_internal.room_functions(suffix), person)
$$;
COMMENT ON FUNCTION attest_internal.in_every_room(text, uuid) IS
'Calls attest_internal.<room><suffix>(person) of every room that has one, and returns what each answered.';

CREATE FUNCTION attest_internal.require_latest() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    PERFORM attest_internal.fail('snapshot_too_old');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_latest() IS
'Error TA319 where a statement does not see what is committed when it begins: what is to go, or to move, would be passed over, and stay without its key.';

CREATE FUNCTION attest_internal.destroy_subject_key(subject uuid, reason text, authority text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  erased date;
  newest int;
BEGIN
  SELECT e.erased_at::date INTO erased FROM attest_data.erased_subject e
  WHERE e.tenant_id = tenant AND e.subject_id = subject;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_erased', erased::text);
  END IF;
  -- Whoever makes new generations for everybody must not make one for a person who goes.
  PERFORM pg_advisory_xact_lock_shared(attest_internal.subject_key_lock(), tenant);
  SELECT coalesce(max(k.generation), 0) INTO newest FROM attest_data.tenant_key k WHERE k.tenant_id = tenant;
  -- The tombstone forbids that a new key is made for the same person.
  INSERT INTO attest_data.erased_subject (tenant_id, subject_id, reason, authority, tenant_generation, kek_epochs)
  VALUES (tenant, subject, destroy_subject_key.reason, destroy_subject_key.authority, newest,
    ARRAY(SELECT DISTINCT w.kek_epoch FROM attest_data.tenant_key_wrapping w
      WHERE w.tenant_id = tenant AND w.generation <= newest ORDER BY 1));
  DELETE FROM attest_data.subject_key k WHERE k.tenant_id = tenant AND k.subject_id = subject;
  PERFORM attest_internal.keys_changed();
END
$$;
COMMENT ON FUNCTION attest_internal.destroy_subject_key(uuid, text, text) IS
'Destroys every key of a person and leaves a tombstone: what was sealed for them opens no more, in any backend, once this is committed. Error TA601 when already done.';

CREATE FUNCTION attest_internal.subject_key_lock() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT 1635018853 $$;
COMMENT ON FUNCTION attest_internal.subject_key_lock() IS
'Class of the advisory locks, one a tenant, that keep erasing people (shared) and making keys for everybody (exclusive) apart.';

CREATE FUNCTION attest_internal.unreadable_tenant_keys() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
BEGIN
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    RETURN QUERY SELECT format('key generation %s of tenant %s: %s', k.generation, owner.code, k.fault)
    FROM (SELECT k.generation, attest_internal.tenant_key_fault(owner.id, k.generation, k.kek_epoch, k.wrapped) AS fault
      FROM attest_data.tenant_key k WHERE k.tenant_id = owner.id AND k.state <> 'destroyed') k
    WHERE k.fault IS NOT NULL;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.unreadable_tenant_keys() IS 'The tenant keys that today''s keyring does not open, and why.';

CREATE FUNCTION attest_internal.vault_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fault text := attest_internal.keyring_status();
BEGIN
  IF fault IS NOT NULL THEN
    RETURN QUERY SELECT 'keyring_unusable', 'critical', 'attest.keyring_file',
      c.message || ' (' || fault || ')', c.hint
    FROM attest.error_catalog() c WHERE c.sqlstate = fault;
  ELSIF to_regclass('attest_data.tenant_key') IS NOT NULL THEN
    RETURN QUERY SELECT 'tenant_key_unreadable', 'critical', 'attest_data.tenant_key', k,
      'Bring back the keyring that holds it; in a restored database, import today''s keys with attest.import_keys().'
    FROM attest_internal.unreadable_tenant_keys() k;
  END IF;
  IF NOT attest_internal.keys_are_locked() THEN
    RETURN QUERY SELECT 'keys_not_locked', 'warning', 'max locked memory',
      'keys may be written to swap: the limit on locked memory is too low',
      'Allow the server 64 kB of locked memory a session (LimitMEMLOCK in its systemd unit), or encrypt the swap.';
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.vault_findings() IS 'What attest.doctor() says about keys.';
