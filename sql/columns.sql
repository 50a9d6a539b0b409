\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SELECT attest.issue_ticket('north', 'boss') AS north, attest.issue_ticket('south', 'boss') AS south \gset
\set anna '00000000-0000-7000-8000-00000000000a'
\set boris '00000000-0000-7000-8000-00000000000b'
-- --- blind values ---
SELECT attest.blind('person.email', 'anna@example.org');
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.blind('person.email', 'anna@example.org') AS north_email, attest.blind('person.nir', 'anna@example.org') AS north_nir \gset
SELECT length(:'north_email'::bytea) AS bytes, :'north_email' <> :'north_nir' AS by_purpose,
  attest.blind('person.email', 'anna@example.org') = :'north_email' AS repeats,
  attest.blind('person.email', 'Anna@example.org') = :'north_email' AS normalises,
  attest.blind('person.email', NULL) IS NULL AS null_for_null;
SELECT attest.blind_candidates('person.email', 'anna@example.org') = ARRAY[:'north_email'::bytea] AS candidates;
SELECT count(DISTINCT attest.blind('person.email', n || '@example.org')) AS different FROM generate_series(1, 1000) n;
COMMIT;
-- Another tenant has other values for the same.
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT attest.blind('person.email', 'anna@example.org') = :'north_email' AS same,
  :'north_email' = ANY (attest.blind_candidates('person.email', 'anna@example.org')) AS found;
COMMIT;
-- What few values would give away.
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SAVEPOINT a;
SELECT attest.blind('person.gender', 'female');
ROLLBACK TO a;
SELECT attest.blind_candidates('crm.client.Birth-Country', 'France');
ROLLBACK TO a;
SELECT attest.blind('person.email', 'yes');
ROLLBACK TO a;
SELECT attest.blind('', 'anna@example.org');
ROLLBACK TO a;
SELECT attest.blind(repeat('p', 64), 'anna@example.org');
ROLLBACK TO a;
-- A word within another is another word.
SELECT length(attest.blind('crm.essex_agenda', 'anna@example.org')) AS bytes;
ROLLBACK;

-- --- carriers and what a sealed value tells ---
SELECT attest.plain('Anna') AS printed, attest.is_sealed(attest.plain('Anna')) AS sealed;
SELECT attest.plain(NULL) IS NULL AS null_for_null;
SELECT attest.sealed_info(attest.plain('Anna'));
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.seal('Anna', :'anna', 'person.first_name')::text AS sealed \gset
SELECT version, algorithm, content, generation, purpose_fingerprint = substr(sha256('person.first_name'), 1, 8) AS fingerprint, bytes_at_most
FROM attest.sealed_info(:'sealed');
SELECT attest.is_sealed(:'sealed') AS sealed, attest.is_sealed(:'sealed', :'anna', 'person.first_name') AS here,
  attest.is_sealed(:'sealed', :'boris', 'person.first_name') AS other_person, attest.is_sealed(:'sealed', :'anna', 'person.last_name') AS other_purpose;
SELECT n, bytes_at_most FROM unnest(ARRAY[0, 15, 16, 1000]) n, attest.sealed_info(attest.seal(repeat('x', n), :'anna', 'p'));
SAVEPOINT a;
SELECT attest.unseal(attest.plain('Anna'));
ROLLBACK TO a;
SELECT attest.unseal(attest.plain('Anna'), :'anna', 'p');
ROLLBACK TO a;
SELECT attest.seal('x', :'anna', 'p') IS NOT NULL AS sealed, attest.is_sealed(attest.seal('x', :'anna', 'p'), :'anna', '');
ROLLBACK;
-- A carrier is not sent either, nor read in either form, nor stored where nothing would seal it.
COPY (SELECT attest.plain('Anna')) TO STDOUT;
\copy (SELECT attest.plain('Anna')) TO 'carried.bin' (FORMAT binary)
\! rm -f carried.bin
CREATE TEMP TABLE carried (v attest.sealed, note text);
INSERT INTO carried SELECT attest.plain('Anna');
WITH c AS (SELECT attest.plain('Anna') AS v) INSERT INTO carried SELECT v FROM c;
INSERT INTO carried (note) VALUES ('none') RETURNING v;
UPDATE carried SET v = attest.plain('Anna');
PREPARE carry AS INSERT INTO carried VALUES (attest.plain($1));
EXECUTE carry ('Anna');
DEALLOCATE carry;
CREATE TEMP TABLE carried_too AS SELECT attest.plain('Anna') AS v;
SELECT attest.plain('Anna') AS v INTO TEMP carried_too;
CREATE MATERIALIZED VIEW carried_too AS SELECT attest.plain('Anna') AS v;
-- Past that by a variable: what is stored is in clear nowhere, and lost.
CREATE TABLE public.strayed (v attest.sealed);
DO $$ DECLARE carrier attest.sealed := attest.plain('Strayed marker'); BEGIN INSERT INTO public.strayed VALUES (carrier); END $$;
CHECKPOINT;
SELECT v, attest.is_sealed(v) AS sealed, position('Strayed marker'::bytea IN pg_read_binary_file(pg_relation_filepath('public.strayed'))) AS in_clear FROM public.strayed;
DROP TABLE public.strayed;
CREATE TEMP TABLE is_carried AS SELECT attest.is_sealed(attest.plain('Anna')) AS sealed;
SELECT v, sealed FROM carried, is_carried;
DROP TABLE carried, is_carried;
SELECT '<unsealed>'::attest.sealed;
-- att1: of the bytes 1 0 0 0 and a text
SELECT 'att1:AQAAAEFubmE'::attest.sealed;

-- --- protect_columns: what cannot be protected ---
CREATE ROLE crm LOGIN IN ROLE attest_operator;
CREATE SCHEMA crm AUTHORIZATION crm;
GRANT USAGE ON SCHEMA crm TO app;
SET ROLE crm;
CREATE TABLE crm.client (
  tenant_id int NOT NULL, client_id uuid NOT NULL, person uuid, email attest.sealed, email_blind bytea,
  name text DEFAULT 'unknown', visits int NOT NULL DEFAULT 0, PRIMARY KEY (tenant_id, client_id));
INSERT INTO crm.client (tenant_id, client_id, name) VALUES (1, :'anna', 'Anna in clear');
CALL attest.protect_columns('crm.client', 'person', '{email,name}');
DELETE FROM crm.client;
CALL attest.protect_columns('crm.client', 'person', '{}');
CALL attest.protect_columns('crm.client', 'person', '{phone}');
CALL attest.protect_columns('crm.client', 'visits', '{email}');
CALL attest.protect_columns('crm.client', 'person', '{person}');
CALL attest.protect_blind('crm.client', 'email', 'email_blind');
CALL attest.protect_columns('attest_data.person', 'person_id', '{email}');
SELECT count(*) FROM attest.protected_columns();
-- What can, and again.
CALL attest.protect_columns('crm.client', 'person', '{email,name}');
CALL attest.protect_columns('crm.client', 'person', '{email,name}');
CALL attest.protect_columns('crm.client', 'client_id', '{email}');
CALL attest.protect_blind('crm.client', 'email', 'visits');
CALL attest.protect_blind('crm.client', 'email', 'email_blind');
CALL attest.protect_blind('crm.client', 'name', 'email_blind');
ALTER TABLE crm.client ADD gender attest.sealed, ADD gender_blind bytea;
CALL attest.protect_columns('crm.client', 'person', '{gender}');
CALL attest.protect_blind('crm.client', 'gender', 'gender_blind');
ALTER TABLE crm.client DROP gender, DROP gender_blind;
SELECT * FROM attest.protected_columns();
\d crm.client
GRANT SELECT, INSERT, UPDATE, DELETE ON crm.client TO app;
SECURITY LABEL FOR attest ON COLUMN crm.client.email IS NULL;
SECURITY LABEL FOR attest ON COLUMN crm.client.email IS 'sealed ';
SECURITY LABEL FOR attest ON SCHEMA crm IS 'tenant';
DROP TRIGGER zz_attest_seal ON crm.client;
ALTER TABLE crm.client DISABLE TRIGGER zz_attest_seal;
RESET ROLE;

-- Whoever is no operator cannot make attest work on a table of theirs.
CREATE ROLE stranger;
CREATE SCHEMA stranger AUTHORIZATION stranger;
SET ROLE stranger;
CREATE TABLE stranger.t (tenant_id int NOT NULL, person uuid);
SECURITY LABEL FOR attest ON COLUMN stranger.t.person IS 'subject';
CALL attest.protect_columns('stranger.t', 'person', '{person}');
RESET ROLE;
DROP SCHEMA stranger CASCADE;
DROP ROLE stranger;

-- --- writing ---
SET ROLE app;
INSERT INTO crm.client (client_id, person, email) VALUES (:'anna', :'anna', attest.plain('anna@example.org'));
BEGIN; SELECT attest.enter(:'north') \g /dev/null
INSERT INTO crm.client (client_id, person, email, name) VALUES (:'anna', :'anna', attest.plain('anna@example.org'), attest.plain('Anna'));
INSERT INTO crm.client (client_id, person, email, name) VALUES (:'boris', :'boris', attest.plain('boris@example.org'), NULL);
SELECT attest.unseal(email, person, 'crm.client.email') AS email, attest.unseal(name, person, 'crm.client.name') AS name,
  email_blind = attest.blind('crm.client.email', attest.unseal(email)) AS blind, email_blind = ANY (attest.blind_candidates('crm.client.email', 'anna@example.org')) AS anna
FROM crm.client ORDER BY client_id;
-- An upsert seals what is new, and keeps the rest as it is.
SELECT name::text AS name_before, email::text AS email_before FROM crm.client WHERE client_id = :'anna' \gset
INSERT INTO crm.client (client_id, person, email, name) VALUES (:'anna', :'anna', attest.plain('anna@example.com'), attest.plain('Anne'))
ON CONFLICT (tenant_id, client_id) DO UPDATE SET email = EXCLUDED.email, visits = client.visits + 1;
INSERT INTO crm.client (client_id, person, email) VALUES (:'anna', :'anna', attest.plain('nobody@example.com')) ON CONFLICT DO NOTHING;
SELECT attest.unseal(email, person, 'crm.client.email') AS email, name::text = :'name_before' AS name_kept, visits,
  email_blind = attest.blind('crm.client.email', 'anna@example.com') AS blind FROM crm.client WHERE client_id = :'anna';
-- Written back as it is: not sealed twice.
SELECT email::text AS email_before FROM crm.client WHERE client_id = :'anna' \gset
UPDATE crm.client SET email = email, name = :'name_before', visits = 5 WHERE client_id = :'anna';
SELECT email::text = :'email_before' AS email_kept, name::text = :'name_before' AS name_kept FROM crm.client WHERE client_id = :'anna';
-- A blind value can go, but not become another one; it goes with its value.
UPDATE crm.client SET email_blind = '\x00' WHERE client_id = :'anna';
SELECT email_blind = attest.blind('crm.client.email', 'anna@example.com') AS blind FROM crm.client WHERE client_id = :'anna';
UPDATE crm.client SET email_blind = NULL WHERE client_id = :'anna';
SELECT email_blind FROM crm.client WHERE client_id = :'anna';
UPDATE crm.client SET email = attest.plain('anna@example.net') WHERE client_id = :'anna';
SELECT email_blind = attest.blind('crm.client.email', 'anna@example.net') AS blind FROM crm.client WHERE client_id = :'anna';
UPDATE crm.client SET email = NULL WHERE client_id = :'anna' RETURNING email_blind;
UPDATE crm.client SET email = :'email_before' WHERE client_id = :'anna'
RETURNING attest.unseal(email) AS email, email_blind = attest.blind('crm.client.email', 'anna@example.com') AS blind;
COMMIT;

-- --- refused ---
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SAVEPOINT a;
UPDATE crm.client SET email = 'anna@example.org';
ROLLBACK TO a;
UPDATE crm.client c SET email = o.email FROM crm.client o WHERE o.client_id <> c.client_id;
ROLLBACK TO a;
UPDATE crm.client SET name = email;
ROLLBACK TO a;
UPDATE crm.client SET person = attest.uuid_v7();
ROLLBACK TO a;
UPDATE crm.client SET person = NULL WHERE client_id = :'anna';
ROLLBACK TO a;
INSERT INTO crm.client (client_id, email) VALUES (attest.uuid_v7(), attest.plain('nobody@example.org'));
ROLLBACK TO a;
INSERT INTO crm.client (client_id, person, email) VALUES (attest.uuid_v7(), :'anna', attest.plain('abc'));
ROLLBACK TO a;
INSERT INTO crm.client (tenant_id, client_id, person, email) VALUES (2, attest.uuid_v7(), :'anna', attest.plain('anna@example.org'));
ROLLBACK;
-- Of another tenant, for the same person and purpose: it does not open there.
BEGIN; SELECT attest.enter(:'south') \g /dev/null
INSERT INTO crm.client (client_id, person, email) VALUES (:'anna', :'anna', :'email_before');
ROLLBACK;
RESET ROLE;
-- Without the trigger, the CHECK: nothing clear reaches the table.
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SET LOCAL session_replication_role = replica;
\set VERBOSITY terse
INSERT INTO crm.client (tenant_id, client_id, person, email) VALUES (1, attest.uuid_v7(), :'anna', attest.plain('anna@example.org'));
ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SET LOCAL session_replication_role = replica;
UPDATE crm.client c SET email = o.email FROM crm.client o WHERE o.client_id <> c.client_id;
ROLLBACK;
\set VERBOSITY default
-- A trigger of the owner's sees what is unsealed as such, and cannot put it past ours.
SET ROLE crm;
CREATE FUNCTION crm.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE 'email: %', left(NEW.email::text, 10);
  NEW.name := attest.plain('meddled');
  RETURN NEW;
END $$;
CREATE TRIGGER a_meddle BEFORE INSERT ON crm.client FOR EACH ROW EXECUTE FUNCTION crm.meddle();
RESET ROLE;
SET ROLE app;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
INSERT INTO crm.client (client_id, person, email) VALUES (attest.uuid_v7(), :'anna', attest.plain('other@example.org'))
RETURNING attest.unseal(name, person, 'crm.client.name') AS name;
ROLLBACK;
RESET ROLE;
SET ROLE crm;
DROP TRIGGER a_meddle ON crm.client;
DROP FUNCTION crm.meddle();

-- --- a view that is written through ---
CREATE VIEW crm.clients WITH (security_invoker = true) AS
SELECT client_id, person AS who, attest.unseal(email, person, 'crm.client.email') AS mail, attest.unseal(name, person, 'crm.client.name') AS name,
  visits, tenant_id, visits > 3 AS regular FROM crm.client;
CREATE TRIGGER write INSTEAD OF INSERT OR UPDATE OR DELETE ON crm.clients FOR EACH ROW EXECUTE FUNCTION attest.write_view();
GRANT SELECT, INSERT, UPDATE, DELETE ON crm.clients TO app;
CREATE VIEW crm.without_key WITH (security_invoker = true) AS SELECT attest.unseal(email) AS mail FROM crm.client;
CREATE TRIGGER write INSTEAD OF UPDATE ON crm.without_key FOR EACH ROW EXECUTE FUNCTION attest.write_view();
GRANT SELECT, UPDATE ON crm.without_key TO app;
RESET ROLE;
SET ROLE app;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
COPY crm.clients (client_id, who, mail, name) FROM STDIN (FORMAT csv);
00000000-0000-7000-8000-00000000000c,00000000-0000-7000-8000-00000000000c,chloe@example.org,Chloé
00000000-0000-7000-8000-00000000000d,00000000-0000-7000-8000-00000000000d,david@example.org,
\.
SELECT c.client_id, c.mail, c.name, c.visits, attest.is_sealed(t.email) AS sealed, t.email_blind = attest.blind('crm.client.email', c.mail) AS blind
FROM crm.clients c JOIN crm.client t USING (client_id) ORDER BY 1;
SELECT name::text AS name_before FROM crm.client WHERE client_id = '00000000-0000-7000-8000-00000000000c' \gset
UPDATE crm.clients SET mail = 'c@example.org', visits = 9 WHERE mail = 'chloe@example.org' RETURNING mail, regular;
SELECT mail, visits, regular, t.name::text = :'name_before' AS name_kept FROM crm.clients c JOIN crm.client t USING (client_id, visits) WHERE visits = 9;
DELETE FROM crm.clients WHERE mail = 'david@example.org';
SELECT count(*) FROM crm.clients;
SAVEPOINT a;
UPDATE crm.clients SET regular = false WHERE visits = 9;
ROLLBACK TO a;
UPDATE crm.without_key SET mail = 'x@example.org';
ROLLBACK TO a;
COPY crm.client (client_id, person, email) FROM STDIN (FORMAT csv);
00000000-0000-7000-8000-00000000000e,00000000-0000-7000-8000-00000000000e,emma@example.org
\.
ROLLBACK;
RESET ROLE;

-- --- renamed ---
SET ROLE crm;
ALTER TABLE crm.client RENAME name TO full_name;
ALTER TABLE crm.client ADD name attest.sealed;
CALL attest.protect_columns('crm.client', 'person', '{name}');
RESET ROLE;
SELECT column_name, purpose FROM attest.protected_columns() WHERE kind = 'sealed';
SET ROLE app;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
UPDATE crm.client SET full_name = attest.plain('Anna Maria'), name = attest.plain('new') WHERE client_id = :'anna'
RETURNING attest.unseal(full_name, person, 'crm.client.name') AS full_name, attest.unseal(name, person, 'crm.client.name+') AS name;
COMMIT;
RESET ROLE;

-- --- all rows of a person ---
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SET LOCAL ROLE attest_owner;
SELECT attest_internal.columns_reblind(:'anna') AS reblinded, attest_internal.columns_reseal(:'anna') AS resealed;
SELECT attest_internal.columns_erase(:'anna') AS erased, attest_internal.columns_erase(:'anna') AS again, attest_internal.columns_reblind(:'anna') AS reblinded;
RESET ROLE;
SELECT email_blind IS NULL AS gone, email IS NULL AS email_gone FROM crm.client WHERE client_id = :'anna';
SELECT email_blind IS NULL AS gone FROM crm.client WHERE client_id = :'boris';
ROLLBACK;

-- --- erasing somebody whom only these columns know ---
SET ROLE app;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT count(*) AS in_register FROM attest.people WHERE person_id = :'anna';
SELECT attest.erase_person(:'anna', 'GDPR art. 17', 'DPO');
SELECT email_blind IS NULL AS gone FROM crm.client WHERE client_id = :'anna';
SELECT person_id = :'anna' AS anna, reason, authority FROM attest.erasures WHERE person_id = :'anna';
SAVEPOINT a;
SELECT attest.unseal(email, person, 'crm.client.email') FROM crm.client WHERE client_id = :'anna';
ROLLBACK TO a;
SELECT attest.erase_person(:'anna', 'GDPR art. 17', 'DPO');
ROLLBACK TO a;
UPDATE crm.client SET email = attest.plain('anna@example.org') WHERE client_id = :'anna';
ROLLBACK;
-- Not what is no person: an import, an operation, nothing.
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.open_import() AS import, attest.create_operation('COL', 'Columns', 'esf+', '2025-01-01', '2025-12-31') AS operation \gset
SELECT attest.stage_rows(:'import', E'reference,profile,last_name,first_name\nC-1,learner,A,B\n') AS staged;
SELECT attest.unseal(attest.seal('total', :'operation', 'esf.total')) AS total;
SAVEPOINT a;
\set VERBOSITY sqlstate
SELECT attest.erase_person(:'import', 'GDPR art. 17', 'DPO'); ROLLBACK TO a;
SELECT attest.erase_person(:'operation', 'GDPR art. 17', 'DPO'); ROLLBACK TO a;
SELECT attest.erase_person('00000000-0000-7000-8000-0000000000ff', 'GDPR art. 17', 'DPO'); ROLLBACK TO a;
SELECT attest.erase_person(NULL, 'GDPR art. 17', 'DPO');
\set VERBOSITY default
ROLLBACK;
RESET ROLE;

-- --- adoption ---
SELECT attest.import_account('north', 'pgcrypto', 'manager', 'no hash');
SET client_min_messages = warning;
SET ROLE crm;
CREATE TABLE crm.contact (
  tenant_id int NOT NULL, person uuid NOT NULL, phone bytea NOT NULL, note varchar(40), badge bytea, PRIMARY KEY (tenant_id, person));
RESET ROLE;
INSERT INTO crm.contact SELECT 1 + n % 2, attest.uuid_v7(), public.pgp_sym_encrypt('06 ' || n, 'old passphrase', 's2k-mode=0'),
  nullif('note ' || n, 'note 7'), public.encrypt(convert_to('badge ' || n, 'UTF8'), '\x00112233445566778899aabbccddeeff', 'aes') FROM generate_series(1, 20) n;
\! umask 077; mkdir adopt; printf 'old passphrase\n' > adopt/pass; printf '\\x00112233445566778899aabbccddeeff\n' > adopt/key; printf 'wrong' > adopt/wrong; printf 'x' > adopt/open; chmod 644 adopt/open; ln -s pass adopt/link; : > adopt/empty
\set pass `pwd`/adopt/pass
\set key `pwd`/adopt/key
\set wrong `pwd`/adopt/wrong
\set open `pwd`/adopt/open
\set link `pwd`/adopt/link
\set empty `pwd`/adopt/empty
\set command 'cat ' :pass
SET ROLE app;
CALL attest.adopt('crm.contact', 'note', 'clear', 'person');
RESET ROLE;
SET ROLE crm;
\set VERBOSITY sqlstate
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person');
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', :'open');
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', :'link');
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', :'empty');
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', '/nowhere');
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', NULL, :'command');
CALL attest.adopt('crm.contact', 'phone', 'rot13', 'person', :'pass');
CALL attest.adopt('crm.contact', 'note', 'pgp_sym', 'person', :'pass');
CALL attest.adopt('crm.contact', 'note', 'clear', 'person', :'pass');
CALL attest.adopt('crm.contact', 'nothing', 'clear', 'person');
CALL attest.adopt('crm.contact', NULL, 'clear', 'person');
CALL attest.adopt('attest_data.course', 'title', 'clear', 'course_id');
BEGIN;
CALL attest.adopt('crm.contact', 'note', 'clear', 'person');
ROLLBACK;
\set VERBOSITY default
SELECT count(*) FROM attest.adoptions;
-- The wrong key leaves the old column, and says where it was; then the right one.
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', :'wrong');
SELECT table_name, column_name, kind, state, percent, rows_sealed FROM attest.adoptions;
CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', :'pass');
CALL attest.adopt('crm.contact', 'note', 'clear', 'person');
CALL attest.adopt('crm.contact', 'note', 'clear', 'person');
RESET ROLE;
ALTER TABLE crm.contact OWNER TO postgres;
\set command 'cat ' :key
CALL attest.adopt('crm.contact', 'badge', 'aes', 'person', secret_command => :'command');
\! rm -r adopt
RESET client_min_messages;
SELECT table_name, column_name, kind, state, percent, rows_sealed, ended_at >= started_at AS ended FROM attest.adoptions;
SELECT column_name, kind, purpose FROM attest.protected_columns() WHERE tab = 'crm.contact'::regclass;
SELECT attname, atttypid::regtype, attnotnull FROM pg_attribute WHERE attrelid = 'crm.contact'::regclass AND attnum > 0 AND NOT attisdropped;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'crm.contact'::regclass AND NOT tgisinternal;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT attest.unseal(phone, person, 'crm.contact.phone') AS phone, attest.unseal(note, person, 'crm.contact.note') AS note,
  attest.unseal(badge, person, 'crm.contact.badge') AS badge FROM crm.contact WHERE tenant_id = 2 ORDER BY person;
COMMIT;
SELECT code, object FROM attest.doctor() WHERE code <> 'worker_down';

-- --- accounts with crypt() hashes ---
SELECT attest.import_account('north', 'imported', 'manager', public.crypt('the old secret', public.gen_salt('bf', 4))) IS NOT NULL AS imported;
SELECT attest.import_account('north', 'from-php', 'manager', overlay(public.crypt('the old secret', public.gen_salt('bf', 4)) PLACING '$2y$' FROM 1)) IS NOT NULL AS imported;
SELECT attest.import_account('south', 'md5', 'manager', public.crypt('the old secret', public.gen_salt('md5'))) IS NOT NULL AS imported;
SELECT attest.import_secret('north', 'from-php', public.crypt('short', public.gen_salt('des')));
SELECT attest.import_secret('north', 'from-php', NULL);
SELECT attest.import_secret('north', 'from-php', '$2a$31$' || repeat('x', 53));
SELECT attest.import_secret('north', 'nobody', public.crypt('the old secret', public.gen_salt('md5')));
SELECT attest.login('north', 'imported', 'another secret') IS NULL AS wrong, attest.login('north', 'imported', NULL) IS NULL AS none;
SELECT attest.login('north', 'imported', 'the old secret') IS NOT NULL AS first, attest.login('north', 'from-php', 'the old secret') IS NOT NULL AS php,
  attest.login('south', 'md5', 'the old secret') IS NOT NULL AS md5;
SELECT count(*) AS secrets, count(crypt_hash) AS imported FROM attest_data.account_secret;
SELECT attest.login('north', 'imported', 'the old secret') IS NOT NULL AS again, attest.login('north', 'imported', 'another secret') IS NULL AS wrong;
-- A secret that is set takes the place of an imported one at once.
SELECT attest.import_secret('north', 'imported', public.crypt('the old secret', public.gen_salt('bf', 4)));
SELECT attest.set_secret('north', 'imported', 'correct horse battery');
SELECT attest.login('north', 'imported', 'the old secret') IS NULL AS old, attest.login('north', 'imported', 'correct horse battery') IS NOT NULL AS new;
SELECT weight, setting FROM attest_data.crypt_setting ORDER BY weight;
DROP SCHEMA crm CASCADE;
DROP OWNED BY crm;
DROP ROLE crm;
