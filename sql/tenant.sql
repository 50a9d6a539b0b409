\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- Accounts, secrets, sign-on, roles, sight, guard. First: nothing works without a ticket.
SELECT * FROM attest.whoami();
SELECT attest.current_tenant(), attest.current_account(), attest.current_person(), attest.current_profile();
SELECT attest.enter('');
SELECT attest.enter('attest1.AAAA.BBBB');
SELECT attest.enter(NULL);

-- Secrets: weak ones are refused, and answers do not tell why.
SELECT attest.set_secret('north', 'boss', 'short');
SELECT attest.set_secret('north', 'boss', 'aaaaaaaaaaaaaaaa');
SELECT attest.set_secret('north', 'boss', 'the-boss-is-clever');
SELECT attest.set_secret('north', 'nobody', 'correct horse battery');
SELECT attest.set_secret('north', 'boss', 'correct horse battery');
SELECT attest.login('north', 'boss', 'correct horse battery') IS NOT NULL AS right_secret, attest.login('north', 'boss', 'correct horse batterz') AS wrong_secret,
  attest.login('north', 'nobody', 'correct horse battery') AS unknown_account, attest.login('nowhere', 'boss', 'correct horse battery') AS unknown_tenant,
  attest.login('north', 'boss', NULL) AS no_secret, attest.login('south', 'boss', 'correct horse battery') AS no_secret_set;
BEGIN;
SELECT attest.enter(attest.login('north', 'boss', 'correct horse battery'));
SELECT tenant, profile, explanation FROM attest.whoami();
COMMIT;
-- Five wrong ones are free; a ROLLBACK does not give them back.
SELECT attest.create_account('north', 'guessed', 'manager') IS NOT NULL AS made;
SELECT attest.set_secret('north', 'guessed', 'staple battery horse');
BEGIN;
SELECT attest.login('north', 'guessed', 'wrong ' || n) FROM generate_series(1, 3) n;
ROLLBACK;
BEGIN;
SELECT attest.login('north', 'guessed', 'wrong ' || n) FROM generate_series(4, 6) n;
ROLLBACK;
SELECT attest.login('north', 'guessed', 'staple battery horse') IS NULL AS closed;
SELECT pg_sleep(2.1);
SELECT attest.login('north', 'guessed', 'staple battery horse') IS NOT NULL AS open_again;

-- Revoked: from the next transaction on. Reinstated: with new tickets only.
SELECT attest.issue_ticket('north', 'guessed') AS ticket \gset
SELECT attest.revoke_account('north', 'nobody', 'left');
SELECT attest.revoke_account('north', 'guessed', 'left');
SELECT attest.issue_ticket('north', 'guessed');
SELECT attest.login('north', 'guessed', 'staple battery horse') IS NULL AS refused;
BEGIN;
SELECT attest.enter(:'ticket');
ROLLBACK;
BEGIN;
SET LOCAL attest.ticket = :'ticket';
SELECT attest.current_tenant() IS NULL AS nobody;
SELECT explanation FROM attest.whoami();
SELECT attest.create_course('X', 'X');
ROLLBACK;
SELECT attest.reinstate_account('north', 'guessed', 'back');
BEGIN; SELECT attest.enter(:'ticket'); ROLLBACK;
SELECT attest.issue_ticket('north', 'guessed') AS ticket \gset
BEGIN; SELECT attest.enter(:'ticket'); SELECT attest.current_tenant() IS NOT NULL AS new_ticket_holds; ROLLBACK;

-- Tokens of an identity provider. HS256 here; the other algorithms in the client tests.
CREATE FUNCTION pg_temp.b64(value bytea) RETURNS text LANGUAGE sql AS $$ SELECT rtrim(translate(encode(value, 'base64'), E'+/\n', '-_'), '=') $$;
CREATE FUNCTION pg_temp.token(header jsonb, claims jsonb, key bytea DEFAULT '0123456789abcdef0123456789abcdef') RETURNS text LANGUAGE sql AS $$
  SELECT t || '.' || pg_temp.b64(hmac(convert_to(t, 'UTF8'), key, 'sha256'))
  FROM (SELECT pg_temp.b64(convert_to(header::text, 'UTF8')) || '.' || pg_temp.b64(convert_to(claims::text, 'UTF8')) AS t) s $$;
CREATE FUNCTION pg_temp.enters(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM attest.enter_jwt(token);
  RETURN attest.current_profile();
EXCEPTION WHEN SQLSTATE 'TA017' THEN RETURN SQLSTATE;
END $$;
SELECT attest.add_identity_provider('north', 'https://id.example.org', 'attest-north');
SELECT attest.add_identity_provider('south', 'https://id.example.org', 'attest-north');
SELECT attest.import_jwk('https://id.example.org', 'attest-north', '{"kty": "oct", "alg": "HS256", "kid": "k1", "k": "c2hvcnQ"}');
SELECT attest.import_jwk('https://id.example.org', 'attest-north', '{"kty": "oct", "alg": "none", "kid": "k1", "k": ""}');
SELECT attest.import_jwk('https://id.example.org', 'attest-north', '{"kty": "RSA", "alg": "RS256", "kid": "k1", "n": "AQAB", "e": "AQAB"}');
SELECT attest.import_jwk('https://elsewhere.example.org', 'x', '{}');
SELECT attest.import_jwk('https://id.example.org', 'attest-north',
  jsonb_build_object('kty', 'oct', 'alg', 'HS256', 'kid', 'k1', 'k', pg_temp.b64('0123456789abcdef0123456789abcdef')));
SELECT extract(epoch FROM now())::bigint AS now \gset
SELECT jsonb_build_object('iss', 'https://id.example.org', 'aud', 'attest-north', 'sub', 'boss', 'exp', :now + 60) AS claims,
  '{"alg": "HS256", "kid": "k1"}' AS header \gset
SELECT what, pg_temp.enters(token) AS answer FROM (VALUES
  (1, 'right', pg_temp.token(:'header', :'claims')),
  (2, 'audience in a list', pg_temp.token(:'header', :'claims'::jsonb || '{"aud": ["x", "attest-north"]}')),
  (3, 'other audience', pg_temp.token(:'header', :'claims'::jsonb || '{"aud": "attest-south"}')),
  (4, 'other issuer', pg_temp.token(:'header', :'claims'::jsonb || '{"iss": "https://evil.example.org"}')),
  (5, 'expired', pg_temp.token(:'header', :'claims'::jsonb || jsonb_build_object('exp', :now - 31))),
  (6, 'expired within the skew', pg_temp.token(:'header', :'claims'::jsonb || jsonb_build_object('exp', :now - 10))),
  (7, 'no expiry', pg_temp.token(:'header', :'claims'::jsonb - 'exp')),
  (8, 'expiry as text', pg_temp.token(:'header', :'claims'::jsonb || '{"exp": "9999999999"}')),
  (9, 'not yet valid', pg_temp.token(:'header', :'claims'::jsonb || jsonb_build_object('nbf', :now + 60))),
  (10, 'issued in the future', pg_temp.token(:'header', :'claims'::jsonb || jsonb_build_object('iat', :now + 60))),
  (11, 'unknown account', pg_temp.token(:'header', :'claims'::jsonb || '{"sub": "nobody"}')),
  (12, 'account as number', pg_temp.token(:'header', :'claims'::jsonb || '{"sub": 1}')),
  (13, 'alg none', split_part(pg_temp.token('{"alg": "none", "kid": "k1"}', :'claims'), '.', 1) || '.' || split_part(pg_temp.token(:'header', :'claims'), '.', 2) || '.'),
  (14, 'alg none, signed', pg_temp.token('{"alg": "none", "kid": "k1"}', :'claims')),
  (15, 'other alg', pg_temp.token('{"alg": "RS256", "kid": "k1"}', :'claims')),
  (16, 'other kid', pg_temp.token('{"alg": "HS256", "kid": "k2"}', :'claims')),
  (17, 'no kid', pg_temp.token('{"alg": "HS256"}', :'claims')),
  (18, 'critical extension', pg_temp.token('{"alg": "HS256", "kid": "k1", "crit": ["b64"], "b64": false}', :'claims')),
  (19, 'other key', pg_temp.token(:'header', :'claims', 'another key of thirty-two bytes.')),
  (20, 'signature cut', left(pg_temp.token(:'header', :'claims'), -2)),
  (21, 'signature padded', pg_temp.token(:'header', :'claims') || '='),
  (22, 'two parts', split_part(pg_temp.token(:'header', :'claims'), '.', 1) || '.x'),
  (23, 'not JSON', 'AAAA.AAAA.AAAA'),
  (24, 'header is a list', pg_temp.token('["HS256"]', :'claims')),
  (25, 'empty', ''),
  (26, 'very long', repeat('a', 9000))
) AS t (n, what, token) ORDER BY n;
SELECT tenant, issuer, audience, kid, alg FROM attest.identity_providers;
SELECT attest.drop_jwk('https://id.example.org', 'attest-north', 'k1') AS dropped, attest.drop_jwk('https://id.example.org', 'attest-north', 'k1') AS again;
SELECT pg_temp.enters(pg_temp.token(:'header', :'claims')) AS without_its_key;

-- A login role that stands for a tenant.
CREATE ROLE bi LOGIN IN ROLE attest_analyst;
SELECT attest.grant_tenant('no-such-role', 'south', 'analyst');
SELECT attest.grant_tenant('bi', 'south', 'learner');
SET SESSION AUTHORIZATION bi;
SELECT count(*) FROM attest.tenants;
RESET SESSION AUTHORIZATION;
SELECT attest.grant_tenant('bi', 'south', 'analyst');
SET SESSION AUTHORIZATION bi;
SELECT tenant, profile FROM attest.whoami();
SELECT code FROM attest.tenants;
SELECT sum(people) > 0 AS people FROM attest_report.people_by_profile;
-- A ticket that holds no more is nobody, not the role's tenant.
SELECT attest.enter(:'ticket');
SET attest.ticket = :'ticket';
SELECT tenant FROM attest.whoami();
RESET attest.ticket;
SELECT tenant FROM attest.whoami();
RESET SESSION AUTHORIZATION;
SELECT attest.revoke_tenant('bi') AS revoked;
SET SESSION AUTHORIZATION bi;
SELECT tenant FROM attest.whoami();
RESET SESSION AUTHORIZATION;

-- Who sees whom. In south, Tina trains Ada, Bob and Cléo; in north nobody trains anybody.
SELECT attest.issue_ticket('south', 'boss') AS boss, attest.issue_ticket('south', 'tina') AS tina, attest.issue_ticket('south', 'ada') AS ada \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.add_person('{"reference": "S-20", "profile": "counsellor", "last_name": "Conseil", "first_name": "Ève", "gender": "F"}') AS counsellor \gset
SELECT attest.add_person('{"reference": "S-21", "profile": "beneficiary", "last_name": "Suivie", "first_name": "Fanny", "gender": "F"}') AS fanny \gset
SELECT attest.assign_case(:'counsellor', :'fanny');
SELECT last_name::text AS sealed_bob FROM attest_data.person WHERE reference = 'S-2' \gset
COMMIT;
SELECT attest.create_account('south', 'eve', 'counsellor', :'counsellor') IS NOT NULL AS counsellor_account;
SELECT attest.create_account('south', 'fanny', 'beneficiary', :'fanny') IS NOT NULL AS beneficiary_account;
SELECT attest.issue_ticket('south', 'eve') AS eve, attest.issue_ticket('south', 'fanny') AS fanny_ticket \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT 'manager' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
COMMIT;
BEGIN; SELECT attest.enter(:'tina') \g /dev/null
SELECT 'trainer' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
COMMIT;
BEGIN; SELECT attest.enter(:'ada') \g /dev/null
SELECT 'learner' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
SELECT count(*) AS others FROM attest.presences WHERE person_id <> attest.current_person();
-- What is sealed for others does not open, wherever the ciphertext came from.
SELECT attest.unseal(:'sealed_bob'::attest.sealed);
COMMIT;
BEGIN; SELECT attest.enter(:'eve') \g /dev/null
SELECT 'counsellor' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
COMMIT;
-- Fanny objects: hidden at the next statement; and only she, a manager or the DPO may say so.
BEGIN; SELECT attest.enter(:'eve') \g /dev/null
SELECT attest.object(:'fanny');
ROLLBACK;
BEGIN; SELECT attest.enter(:'fanny_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT attest.object(:'counsellor');
\set VERBOSITY default
ROLLBACK;
BEGIN; SELECT attest.enter(:'fanny_ticket') \g /dev/null
SELECT attest.object(:'fanny');
COMMIT;
BEGIN; SELECT attest.enter(:'eve') \g /dev/null
SELECT 'counsellor' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
COMMIT;
BEGIN; SELECT attest.enter(:'fanny_ticket') \g /dev/null
SELECT attest.withdraw_objection(:'fanny');
COMMIT;
BEGIN; SELECT attest.enter(:'eve') \g /dev/null
SELECT 'counsellor' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
COMMIT;
RESET ROLE;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.close_case(:'counsellor', :'fanny');
COMMIT;
SET ROLE app;
BEGIN; SELECT attest.enter(:'eve') \g /dev/null
SELECT 'counsellor' AS sees, array_agg(first_name ORDER BY first_name) FROM attest.people;
COMMIT;

-- Refused while a ticket is bound: what outlives the transaction.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT statement, pg_temp.refused(statement) FROM unnest(ARRAY['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'CREATE TEMP TABLE kept (a int)',
  'CREATE TEMP TABLE kept AS SELECT 1', 'CREATE TEMP TABLE dropped ON COMMIT DROP AS SELECT 1', 'CREATE TEMP VIEW v AS SELECT 1', 'CREATE TEMP SEQUENCE s',
  'LISTEN attest', 'NOTIFY attest', 'SELECT pg_notify(''attest'', ''x'')', 'PREPARE p AS SELECT 1', 'SELECT pg_advisory_lock(1)', 'SELECT pg_try_advisory_lock(1, 2)',
  'SELECT pg_advisory_xact_lock(1)', 'SELECT lo_create(0)', 'SELECT lo_from_bytea(0, ''x'')', 'EXPLAIN ANALYZE SELECT 1', 'EXPLAIN ANALYZE SELECT FROM attest.people', 'EXPLAIN (COSTS OFF) SELECT FROM attest.people']) statement;
ROLLBACK;
-- Rows in a temporary table that was there before would stay there.
CREATE TEMP TABLE older (a text);
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
INSERT INTO older SELECT first_name FROM attest.people;
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
\copy older FROM '/dev/null'
ROLLBACK;
DROP TABLE older;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
CREATE TEMP TABLE newer ON COMMIT DROP AS SELECT first_name FROM attest.people;
INSERT INTO newer VALUES ('one more');
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
PREPARE TRANSACTION 'kept';
ROLLBACK;
RESET ROLE;
-- Refused to everybody: what takes the protection off.
SET client_min_messages = error;
SELECT statement, pg_temp.refused(statement) FROM unnest(ARRAY['ALTER TABLE attest_data.person DISABLE ROW LEVEL SECURITY',
  'ALTER TABLE attest_data.person NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE attest_data.presence DISABLE TRIGGER ALL', 'ALTER TABLE attest_data.person OWNER TO app',
  'DROP POLICY tenant_isolation ON attest_data.person', 'ALTER POLICY tenant_rows ON attest_data.person USING (true)', 'DROP TRIGGER append_only ON attest_data.presence',
  'TRUNCATE attest_data.objection', 'TRUNCATE pg_temp.nothing, attest_data.objection', 'CREATE MATERIALIZED VIEW m AS SELECT * FROM attest.people',
  'CREATE MATERIALIZED VIEW m AS SELECT (SELECT count(*) FROM attest_data.person)', 'DROP EXTENSION attest CASCADE', 'ALTER TABLE attest_data.person ADD COLUMN note text']) statement;
RESET client_min_messages;
ALTER TABLE attest_data.person DROP COLUMN note;
SET ROLE attest_owner;
TRUNCATE attest_data.objection;
RESET ROLE;

-- A table of one's own, under the same isolation.
CREATE TABLE note (id int PRIMARY KEY, body text);
SELECT attest.protect('note');
DROP TABLE note;
CREATE TABLE note (tenant_id int NOT NULL, id int UNIQUE, body text, PRIMARY KEY (tenant_id, id));
SELECT attest.protect('note');
ALTER TABLE note DROP CONSTRAINT note_id_key;
CREATE UNIQUE INDEX note_id_key ON note (id) INCLUDE (tenant_id);
SELECT attest.protect('note');
DROP INDEX note_id_key;
CREATE POLICY tenant_isolation ON note USING (true);
SELECT attest.protect('note');
DROP POLICY tenant_isolation ON note;
SELECT attest.protect('note');
GRANT ALL ON note TO app;
SELECT attest.issue_ticket('north', 'boss') AS north \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
INSERT INTO note (id, body) VALUES (1, 'of south');
COMMIT;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT * FROM note;
INSERT INTO note (id, body) VALUES (1, 'of north');
INSERT INTO note (tenant_id, id, body) VALUES (2, 2, 'of south?');
ROLLBACK;
SELECT * FROM note;
RESET ROLE;
SELECT pg_temp.refused('ALTER TABLE note DISABLE ROW LEVEL SECURITY'), pg_temp.refused('TRUNCATE note'), pg_temp.refused('SECURITY LABEL FOR attest ON TABLE note IS NULL');
CREATE TABLE pointer (tenant_id int NOT NULL PRIMARY KEY, person_id uuid REFERENCES note (id));
CREATE TABLE pointer (tenant_id int NOT NULL, id int NOT NULL, note_tenant int, note_id int, PRIMARY KEY (tenant_id, id), FOREIGN KEY (note_tenant, note_id) REFERENCES note (tenant_id, id));
SELECT attest.protect('pointer');
DROP TABLE pointer;

-- What an account did since it was in other hands.
SELECT attest.declare_compromise('south', 'ada', now() + interval '1 day');
SELECT attest.declare_compromise('south', 'ada', now() - interval '1 day');
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT status, method, account FROM attest.compromised_presences;
COMMIT;
BEGIN; SELECT attest.enter(:'ada'); ROLLBACK;
