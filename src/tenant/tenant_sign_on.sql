-- tenant, sign-on: secrets, tokens of identity providers, login roles.

-- --- secrets ---

CREATE FUNCTION attest_internal.hash_secret(secret text, salt bytea, cost int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_hash_secret' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.hash_secret(text, bytea, int) IS 'scrypt (RFC 7914): N = 2^cost, r = 8, p = 1, 32 bytes.';

CREATE FUNCTION attest_internal.secret_matches(secret text, salt bytea, cost int, hash bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_secret_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.secret_matches(text, bytea, int, bytea) IS 'Whether a secret has the hash; compared in constant time.';

CREATE FUNCTION attest_internal.take_guess(name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_take_guess' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.take_guess(text) IS
'Whether a secret may be tried for the name now, after the wrong ones before. The try counts as wrong at once, in shared memory: sessions that try together are not all let in, and ROLLBACK does not undo it.';

CREATE FUNCTION attest_internal.forgive_guesses(name text) RETURNS void
AS 'MODULE_PATHNAME', 'attest_forgive_guesses' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forgive_guesses(text) IS 'Forgets the wrong tries of the name, after a right one.';

CREATE FUNCTION attest.set_secret(tenant_code text, identifier text, secret text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  salt bytea := uuid_send(gen_random_uuid());
  found_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT a.account_id INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = set_secret.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  -- Length over composition (NIST SP 800-63B, 5.1.1.2).
  IF length(secret) < 12 OR length(secret) > 256 THEN
    PERFORM attest_internal.fail('weak_secret', '12 to 256 characters');
  ELSIF (SELECT count(DISTINCT c) FROM regexp_split_to_table(lower(secret), '') c) < 6 THEN
    PERFORM attest_internal.fail('weak_secret', '6 different characters');
  ELSIF position(lower(identifier) IN lower(secret)) > 0 OR position(lower(tenant_code) IN lower(secret)) > 0 THEN
    PERFORM attest_internal.fail('weak_secret', 'neither the identifier nor the tenant''s code in it');
  END IF;
  INSERT INTO attest_data.account_secret AS s (tenant_id, account_id, salt, cost, hash)
  VALUES (attest.current_tenant(), found_account, salt, 15, attest_internal.hash_secret(secret, salt, 15))
  ON CONFLICT ON CONSTRAINT account_secret_pkey DO UPDATE
  SET salt = EXCLUDED.salt, cost = EXCLUDED.cost, hash = EXCLUDED.hash, crypt_hash = NULL, set_at = now();
END
$$;
COMMENT ON FUNCTION attest.set_secret(text, text, text) IS
'Sets the secret of an account for attest.login(); stored as scrypt. Pass it as a bind parameter. Error TA016 for a weak one: 12 characters, 6 of them different, without the identifier.';

CREATE FUNCTION attest_internal.secret_of(
  tenant_code text, identifier text, OUT tenant int, OUT salt bytea, OUT cost int, OUT hash bytea, OUT crypt_hash text, OUT crypt_setting text
) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' SET enable_seqscan = off AS $$
BEGIN
  -- No tenant has id 0: the same tables and indexes are read and locked whether there is such a tenant.
  tenant := coalesce((SELECT t.id FROM attest_data.tenant t WHERE t.code = tenant_code), 0);
  PERFORM attest_internal.enter_tenant(tenant);
  SELECT c.setting INTO crypt_setting FROM attest_data.crypt_setting c
  ORDER BY c.weight DESC, c.setting DESC LIMIT 1;
  SELECT s.salt, s.cost, s.hash, s.crypt_hash INTO salt, cost, hash, crypt_hash
  FROM attest_data.account a JOIN attest_data.account_secret s ON s.tenant_id = a.tenant_id AND s.account_id = a.account_id
  WHERE a.tenant_id = secret_of.tenant AND a.identifier = secret_of.identifier;
END
$$;
COMMENT ON FUNCTION attest_internal.secret_of(text, text) IS
'The stored hash of an account''s secret, NULL where there is none; and the costliest kind of crypt() hash that was ever imported.';

CREATE FUNCTION attest.login(tenant_code text, identifier text, secret text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := current_database() || '/' || coalesce(tenant_code, '') || '/' || coalesce(identifier, '');
  is_open boolean;
  stored record;
  is_right boolean;
  is_imported boolean := false;
BEGIN
  PERFORM attest_internal.hide_statement();
  IF to_regclass('attest_data.account_secret') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  is_open := attest_internal.take_guess(name);
  stored := attest_internal.secret_of(tenant_code, identifier);
  -- The same work whether there is such an account, and whether the guess is let in.
  is_right := attest_internal.secret_matches(coalesce(left(secret, 256), ''), coalesce(stored.salt, decode(repeat('00', 16), 'hex')),
    coalesce(stored.cost, 15), coalesce(stored.hash, sha256('attest')));
  is_right := is_right AND stored.hash IS NOT NULL;
  IF stored.crypt_setting IS NOT NULL THEN
    is_imported := attest_internal.crypt_matches(coalesce(left(secret, 256), ''), coalesce(stored.crypt_hash, stored.crypt_setting));
    is_imported := is_imported AND stored.crypt_hash IS NOT NULL;
  END IF;
  is_right := (is_right OR is_imported) AND length(secret) <= 256;
  IF NOT is_open THEN
    RETURN NULL;
  END IF;
  IF NOT is_right THEN
    RETURN NULL;
  END IF;
  PERFORM attest_internal.forgive_guesses(name);
  IF is_imported AND current_setting('transaction_read_only') = 'off' THEN
    PERFORM attest_internal.replace_imported(stored.tenant, identifier, secret);
  END IF;
  RETURN attest_internal.ticket_for(stored.tenant, identifier, '8 hours');
END
$$;
COMMENT ON FUNCTION attest.login(text, text, text) IS
'A ticket of 8 hours for the right secret, otherwise NULL: the same answer, after the same work, for an unknown tenant or identifier, a wrong secret, a revoked account, and while the identifier is closed after wrong guesses (5 are free, then 2, 4, 8 ... seconds to 15 minutes). Pass the secret as a bind parameter.';

-- --- external sign-on ---

CREATE FUNCTION attest_internal.base64url_bytes(value text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_base64url_bytes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.base64url_bytes(text) IS 'Bytes of strict base64url (RFC 4648, 5, without padding); NULL for anything else.';

CREATE FUNCTION attest_internal.jws_key_is_usable(alg text, first bytea, second bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_jws_key_is_usable' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.jws_key_is_usable(text, bytea, bytea) IS 'Whether the members of a JWK make a key for HS256, RS256, ES256 or EdDSA.';

CREATE FUNCTION attest_internal.verify_jws(alg text, first bytea, second bytea, input bytea, signature bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_verify_jws' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION attest_internal.verify_jws(text, bytea, bytea, bytea, bytea) IS 'Whether the signature of a JWS is right (RFC 7515, 7518, 8037).';

CREATE FUNCTION attest.add_identity_provider(
  tenant_code text, issuer text, audience text, account_claim text DEFAULT 'sub', clock_skew interval DEFAULT '30 seconds'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(issuer, '') = '' OR coalesce(audience, '') = '' OR coalesce(account_claim, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'issuer, audience, account_claim');
  END IF;
  IF clock_skew IS NULL OR clock_skew < interval '0' OR clock_skew > interval '5 minutes' THEN
    PERFORM attest_internal.fail('bad_value', 'clock_skew', 'from 0 to 5 minutes');
  END IF;
  INSERT INTO attest_data.identity_provider (issuer, audience, tenant, account_claim, clock_skew)
  VALUES (add_identity_provider.issuer, add_identity_provider.audience, attest_internal.tenant_of(tenant_code),
    add_identity_provider.account_claim, add_identity_provider.clock_skew)
  ON CONFLICT ON CONSTRAINT identity_provider_pkey DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', issuer || ' ' || audience);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.add_identity_provider(text, text, text, text, interval) IS
'Lets tokens of an issuer for an audience sign on to a tenant. An issuer and audience belong to one tenant. account_claim names the claim that holds the identifier of the account.';

CREATE FUNCTION attest.import_jwk(issuer text, audience text, jwk jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alg text := jwk ->> 'alg';
  provider_tenant int;
  first bytea;
  second bytea := '';
BEGIN
  PERFORM attest_internal.hide_statement();
  SELECT p.tenant INTO provider_tenant FROM attest_data.identity_provider p
  WHERE p.issuer = import_jwk.issuer AND p.audience = import_jwk.audience;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'identity provider', coalesce(issuer, '-'));
  END IF;
  CASE
    WHEN alg = 'HS256' AND jwk ->> 'kty' = 'oct' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'k');
    WHEN alg = 'RS256' AND jwk ->> 'kty' = 'RSA' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'n');
      second := attest_internal.base64url_bytes(jwk ->> 'e');
    WHEN alg = 'ES256' AND jwk ->> 'kty' = 'EC' AND jwk ->> 'crv' = 'P-256' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'x');
      second := attest_internal.base64url_bytes(jwk ->> 'y');
    WHEN alg = 'EdDSA' AND jwk ->> 'kty' = 'OKP' AND jwk ->> 'crv' = 'Ed25519' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'x');
    ELSE
      PERFORM attest_internal.fail('bad_key', 'alg and kty are not RS256 with RSA, ES256 with EC P-256, EdDSA with OKP Ed25519, or HS256 with oct');
  END CASE;
  IF coalesce(jwk ->> 'use', 'sig') <> 'sig' OR coalesce(jwk ->> 'kid', '') = '' OR jwk ? 'd' THEN
    PERFORM attest_internal.fail('bad_key', 'it has no kid, is not for signatures, or is a private key');
  END IF;
  IF attest_internal.jws_key_is_usable(alg, first, second) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_key', 'it is malformed or too short');
  END IF;
  INSERT INTO attest_data.identity_key AS k (issuer, audience, tenant, kid, alg, first, second)
  VALUES (import_jwk.issuer, import_jwk.audience, provider_tenant, jwk ->> 'kid', alg, first, second)
  ON CONFLICT ON CONSTRAINT identity_key_pkey DO UPDATE
  SET alg = EXCLUDED.alg, first = EXCLUDED.first, second = EXCLUDED.second, imported_at = now();
END
$$;
COMMENT ON FUNCTION attest.import_jwk(text, text, jsonb) IS
'Imports a key of an identity provider, as a JWK (RFC 7517) with kid and alg; the key serves that algorithm only. Importing the same kid again replaces it.';

CREATE FUNCTION attest.drop_jwk(issuer text, audience text, kid text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM attest_data.identity_key k
  WHERE k.issuer = drop_jwk.issuer AND k.audience = drop_jwk.audience AND k.kid = drop_jwk.kid;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION attest.drop_jwk(text, text, text) IS 'Forgets a key of an identity provider; whether there was one.';

CREATE FUNCTION attest_internal.json_of(value text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN convert_from(attest_internal.base64url_bytes(value), 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.json_of(text) IS 'The JSON behind a part of a JWS; NULL where there is none.';

CREATE FUNCTION attest_internal.token_ticket(token text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parts text[] := CASE WHEN length(token) <= 8192 THEN string_to_array(token, '.') END;
  header jsonb;
  claims jsonb;
  known record;
  until timestamptz;
  now_utc numeric := extract(epoch FROM now());
BEGIN
  IF cardinality(parts) IS DISTINCT FROM 3 THEN
    RETURN NULL;
  END IF;
  header := attest_internal.json_of(parts[1]);
  claims := attest_internal.json_of(parts[2]);
  -- crit names extensions that must be understood (RFC 7515, 4.1.11): there are none here.
  IF jsonb_typeof(header) IS DISTINCT FROM 'object' OR jsonb_typeof(claims) IS DISTINCT FROM 'object' OR header ? 'crit' THEN
    RETURN NULL;
  END IF;
  -- The key decides the algorithm; the header may only agree (RFC 8725, 3.1).
  SELECT p.tenant, p.account_claim, extract(epoch FROM p.clock_skew) AS skew, k.alg, k.first, k.second,
    min(p.tenant) OVER () < max(p.tenant) OVER () AS of_several INTO known
  FROM attest_data.identity_provider p JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience
  WHERE p.issuer = claims ->> 'iss' AND k.kid = header ->> 'kid' AND k.alg = header ->> 'alg'
    AND (claims -> 'aud' = to_jsonb(p.audience) OR (jsonb_typeof(claims -> 'aud') = 'array' AND claims -> 'aud' ? p.audience))
  ORDER BY p.audience LIMIT 1;
  -- A token for the audiences of two tenants does not say which.
  IF NOT FOUND OR known.of_several OR attest_internal.verify_jws(known.alg, known.first, known.second,
      convert_to(parts[1] || '.' || parts[2], 'UTF8'), attest_internal.base64url_bytes(parts[3])) IS NOT TRUE THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(claims -> 'exp') IS DISTINCT FROM 'number' OR (claims ->> 'exp')::numeric <= now_utc - known.skew
    OR (claims ? 'nbf' AND (jsonb_typeof(claims -> 'nbf') <> 'number' OR (claims ->> 'nbf')::numeric > now_utc + known.skew))
    OR (claims ? 'iat' AND (jsonb_typeof(claims -> 'iat') <> 'number' OR (claims ->> 'iat')::numeric > now_utc + known.skew))
    OR jsonb_typeof(claims -> known.account_claim) IS DISTINCT FROM 'string' THEN
    RETURN NULL;
  END IF;
  RETURN attest_internal.ticket_for(known.tenant, claims ->> known.account_claim,
    make_interval(secs => least(86400, greatest(1, (claims ->> 'exp')::numeric - now_utc + known.skew))::double precision));
END
$$;
COMMENT ON FUNCTION attest_internal.token_ticket(text) IS
'The ticket that a JSON Web Token is good for; NULL for any token that is not right in every respect.';

CREATE FUNCTION attest.enter_jwt(token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ticket text;
BEGIN
  PERFORM attest_internal.hide_statement();
  ticket := attest_internal.token_ticket(token);
  IF ticket IS NULL THEN
    PERFORM attest_internal.fail('token_invalid');
  END IF;
  PERFORM attest.enter(ticket);
END
$$;
COMMENT ON FUNCTION attest.enter_jwt(text) IS
'Enters the tenant that a JSON Web Token stands for (RFC 7519; HS256, RS256, ES256, EdDSA), until the end of the transaction. Issuer, audience, expiry, kid and algorithm must match a key imported for one tenant, and the account must be active. Error TA017 for everything else, without saying what.';

-- --- login roles that stand for a tenant ---

CREATE FUNCTION attest.grant_tenant(role_name name, tenant_code text, profile text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
    PERFORM attest_internal.fail('unknown_object', 'role', coalesce(role_name::text, '-'));
  END IF;
  IF (profile = ANY ('{analyst,manager,hr_manager,dpo}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'profile', 'analyst, manager, hr_manager or dpo');
  END IF;
  INSERT INTO attest_data.role_tenant AS r (role_name, tenant, profile)
  VALUES (grant_tenant.role_name, attest_internal.tenant_of(tenant_code), grant_tenant.profile)
  ON CONFLICT ON CONSTRAINT role_tenant_pkey DO UPDATE
  SET tenant = EXCLUDED.tenant, profile = EXCLUDED.profile, granted_at = now();
  PERFORM attest_internal.rights_changed();
END
$$;
COMMENT ON FUNCTION attest.grant_tenant(name, text, text) IS
'Makes a login role stand for a tenant when no ticket is set, for BI tools and psql: it needs no call before its queries. One tenant a role. Profiles: analyst, manager, hr_manager, dpo.';

CREATE FUNCTION attest.revoke_tenant(role_name name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.rights_changed();
  DELETE FROM attest_data.role_tenant r WHERE r.role_name = revoke_tenant.role_name;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION attest.revoke_tenant(name) IS 'Takes back attest.grant_tenant(); whether there was a grant.';
