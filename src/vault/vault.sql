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
'Reads the keyring file again: NULL when it is usable, otherwise the SQLSTATE that a use of it would raise.';

CREATE FUNCTION attest_internal.forget_keys() RETURNS void
AS 'MODULE_PATHNAME', 'attest_forget_keys' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forget_keys() IS 'Wipes the unwrapped keys that this transaction holds.';

CREATE FUNCTION attest_internal.destroy_subject_key(subject uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased date;
BEGIN
  SELECT e.erased_at::date INTO erased FROM attest_data.erased_subject e
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.subject_id = subject;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_erased', erased::text);
  END IF;
  -- The tombstone forbids that a new key is made for the same person.
  INSERT INTO attest_data.erased_subject (tenant_id, subject_id, reason)
  VALUES (attest_internal.required_tenant(), subject, destroy_subject_key.reason);
  DELETE FROM attest_data.subject_key k
  WHERE k.tenant_id = attest_internal.required_tenant() AND k.subject_id = subject;
  PERFORM attest_internal.forget_keys();
END
$$;
COMMENT ON FUNCTION attest_internal.destroy_subject_key(uuid, text) IS
'Destroys every key of a person and leaves a tombstone: what was sealed for them opens no more. Error TA601 when already done.';

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
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.vault_findings() IS 'What attest.doctor() says about keys.';
