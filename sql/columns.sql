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
