-- tenant, imported accounts: crypt() hashes of the system before, good until the first login.

CREATE FUNCTION attest_internal.crypt_matches(secret text, crypt_hash text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_crypt_matches' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.crypt_matches(text, text) IS 'Whether crypt() of pgcrypto gives the hash; compared in constant time.';

CREATE FUNCTION attest.import_secret(tenant_code text, identifier text, crypt_hash text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  -- $2b$ and $2y$ are other names of what pgcrypto calls $2a$.
  hash text := regexp_replace(crypt_hash, '^[$]2[by][$]', '$2a$');
  found_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  -- A cost beyond these would hold up every login; plain DES looks at 8 characters only.
  IF (hash ~ '^([$]2[ax][$](0[4-9]|1[0-4])[$][./0-9A-Za-z]{53}|[$]1[$][./0-9A-Za-z]{1,8}[$][./0-9A-Za-z]{22}|_[./0-9A-Za-z]{3}[.][./0-9A-Za-z]{15})$') IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'crypt_hash', 'a hash of crypt(): bf up to cost 14, md5, or xdes');
  END IF;
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT a.account_id INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = import_secret.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  -- The cost of bf doubles with its number; md5 and xdes as pgcrypto makes it are cheaper than most.
  INSERT INTO attest_data.crypt_setting (weight, setting)
  VALUES (CASE left(hash, 2) WHEN '$2' THEN substr(hash, 5, 2)::int WHEN '$1' THEN 2 ELSE 3 END, CASE left(hash, 2) WHEN '$2' THEN left(hash, 7) || repeat('.', 22) WHEN '$1' THEN '$1$........$' ELSE left(hash, 5) || '....' END)
  ON CONFLICT DO NOTHING;
  INSERT INTO attest_data.account_secret AS s (tenant_id, account_id, salt, cost, crypt_hash)
  VALUES (attest.current_tenant(), found_account, uuid_send(gen_random_uuid()), 15, hash)
  ON CONFLICT ON CONSTRAINT account_secret_pkey DO UPDATE SET hash = NULL, crypt_hash = EXCLUDED.crypt_hash, set_at = now();
END
$$;
COMMENT ON FUNCTION attest.import_secret(text, text, text) IS
'Gives an account the secret behind a hash of crypt() (bf, md5, xdes; also $2b$ and $2y$ of other systems). The first right attest.login() puts an scrypt hash in its place. Pass it as a bind parameter.';

CREATE FUNCTION attest.import_account(
  tenant_code text, identifier text, profile text, crypt_hash text, person uuid DEFAULT NULL,
  valid_from date DEFAULT NULL, valid_until date DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  new_account := attest.create_account(tenant_code, identifier, profile, person, valid_from, valid_until);
  PERFORM attest.import_secret(tenant_code, identifier, crypt_hash);
  RETURN new_account;
END
$$;
COMMENT ON FUNCTION attest.import_account(text, text, text, text, uuid, date, date) IS
'attest.create_account() and attest.import_secret() in one call: an account of the system before, with its crypt() hash.';

CREATE FUNCTION attest_internal.replace_imported(tenant int, identifier text, secret text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  new_salt bytea := uuid_send(gen_random_uuid());
BEGIN
  PERFORM attest_internal.enter_tenant(tenant);
  UPDATE attest_data.account_secret s
  SET salt = new_salt, cost = 15, hash = attest_internal.hash_secret(secret, new_salt, 15), crypt_hash = NULL, set_at = now()
  FROM attest_data.account a
  WHERE s.tenant_id = replace_imported.tenant AND a.tenant_id = s.tenant_id AND a.account_id = s.account_id
    AND a.identifier = replace_imported.identifier AND s.crypt_hash IS NOT NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.replace_imported(int, text, text) IS 'Puts the scrypt hash of a secret in the place of its imported hash.';
