-- The measurements, as an application role within a transaction that has entered; each
-- names what it is measured against, and what neither can do without.
BEGIN;
SELECT attest.enter(:'ticket');
INSERT INTO bench.place SELECT 'session', attest.plan_session(attest.create_course('c', 'Course'), 'Session', current_date - 2, current_date + 2);
INSERT INTO bench.learner SELECT attest.add_person(jsonb_build_object('reference', 'L-' || n, 'profile', 'learner', 'last_name', 'L',
  'first_name', n::text, 'gender', 'F')) FROM generate_series(1, 100) n;
SELECT attest.enrol((SELECT id FROM bench.place WHERE name = 'session'), person_id) FROM bench.learner;
ANALYZE bench.learner;

-- --- isolation ---
SELECT bench.compare('lookup', 'look-up by key under the policy, in a loop of PL/pgSQL', 'WHERE tenant_id = 1', 'one descent of the index', 5000,
  (SELECT sum(7 + 1 + (i * 7919) % 10000) FROM generate_series(1, 5000) i)::text,
  'SELECT bench.lookup_policy(5000)::text', 'SELECT bench.lookup_literal(5000)::text', rounds => 41);
SET LOCAL bench.tenant = '1';
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT bench.compare('scan', 'scan of a million rows under the policy', 'WHERE tenant_id = 1', 'reading every row', 1,
  '10000', 'SELECT count(*)::text FROM attest_data.bench_row', 'SELECT count(*)::text FROM public.bench_row WHERE tenant_id = 1');
SELECT bench.compare('scan setting', 'scan of a million rows under the policy', 'WHERE tenant_id = current_setting(...)::int, what people write by hand', 'reading every row', 1,
  '10000', 'SELECT count(*)::text FROM attest_data.bench_row', 'SELECT count(*)::text FROM public.bench_row WHERE tenant_id = current_setting(''bench.tenant'')::int');
RESET enable_indexscan;
RESET enable_indexonlyscan;
RESET enable_bitmapscan;

-- --- sealed values of 20 bytes ---
CREATE TABLE bench.value AS SELECT n, format('%s-%s', md5(n::text)::char(13), to_char(n, 'FM000000')) AS v,
  (SELECT person_id FROM bench.learner LIMIT 1) AS subject FROM generate_series(1, 20000) n;
DO $$ BEGIN IF EXISTS (SELECT FROM bench.value WHERE octet_length(v) <> 20) THEN RAISE EXCEPTION 'values are not of 20 bytes'; END IF; END $$;
CREATE TABLE bench.closed AS SELECT n, v, attest.seal(v, subject, 'bench') AS sealed,
  encrypt(v::bytea, '0123456789abcdef0123456789abcdef', 'aes') AS aes FROM bench.value;
CREATE TABLE bench.closed_pgp AS SELECT n, v, pgp_sym_encrypt(v, 'a pass phrase of some length') AS pgp FROM bench.value WHERE n <= 10000;
ANALYZE bench.value, bench.closed, bench.closed_pgp;
SELECT bench.compare('seal aes', 'seal() of 20 bytes, 20,000 for one person', 'encrypt(..., ''aes''), neither bound nor authenticated', 'one AES of two blocks, one nonce', 20000, '20000',
  'SELECT count(attest.seal(v, subject, ''bench''))::text FROM bench.value',
  'SELECT count(encrypt(v::bytea, ''0123456789abcdef0123456789abcdef'', ''aes''))::text FROM bench.value');
SELECT bench.compare('unseal aes', 'unseal() of them', 'decrypt(..., ''aes'')', 'one AES of two blocks', 20000, '20000',
  'SELECT count(*)::text FROM bench.closed WHERE attest.unseal(sealed) = v',
  'SELECT count(*)::text FROM bench.closed WHERE convert_from(decrypt(aes, ''0123456789abcdef0123456789abcdef'', ''aes''), ''UTF8'') = v');
SELECT bench.compare('seal pgp', 'seal() of 20 bytes, 10,000 for one person', 'pgp_sym_encrypt()', 'one AES of two blocks, one nonce', 10000, '10000',
  'SELECT count(attest.seal(v, subject, ''bench''))::text FROM bench.value WHERE n <= 10000',
  'SELECT count(pgp_sym_encrypt(v, ''a pass phrase of some length''))::text FROM bench.value WHERE n <= 10000');
SELECT bench.compare('unseal pgp', 'unseal() of them', 'pgp_sym_decrypt()', 'one AES of two blocks', 10000, '10000',
  'SELECT count(*)::text FROM bench.closed WHERE attest.unseal(sealed) = v AND n <= 10000',
  'SELECT count(*)::text FROM bench.closed_pgp WHERE pgp_sym_decrypt(pgp, ''a pass phrase of some length'') = v');

-- --- people ---
SELECT bench.compare('import', 'import_people(), a person of 14 columns, 8 of them sealed', 'INSERT in clear, nothing checked', 'two rows, a new key, 8 seals', 500, '500',
  'SELECT count(*)::text FROM attest.import_people(bench.csv(500, $1)) WHERE outcome = ''loaded''',
  'WITH kept AS (INSERT INTO bench.plain_person SELECT 1, gen_random_uuid(), f[1], ARRAY[f[2]], f[3], f[4], f[5], f[6]::date, f[7], f[8], f[9], f[10], f[12], f[13], f[14],
     right(f[15], 1)::int FROM (SELECT string_to_array(l, '','') FROM regexp_split_to_table(bench.csv(500, $1), E''\n'') WITH ORDINALITY t (l, n) WHERE n > 1) x (f)
   RETURNING 1) SELECT count(*)::text FROM kept');

SELECT bench.compare('open', 'reading the names of 500 people, a key each', 'the same in clear', 'a row and a key read, both opened', 500, '500',
  'SELECT count(*)::text FROM attest.people WHERE reference LIKE ''B-'' || $1 || ''-%'' AND last_name LIKE ''Kerbench%''',
  'SELECT count(*)::text FROM bench.plain_person WHERE reference LIKE ''B-'' || $1 || ''-%'' AND last_name LIKE ''Kerbench%''',
  'SELECT bench.forget($1)');

-- --- signatures ---
SELECT bench.compare('sign', 'sign(), a PNG', 'INSERT of a presence and the data URL, nothing checked', 'storing the image', 100, '100',
  'SELECT count(attest.sign(p.id, l.person_id, (SELECT text FROM bench.capture WHERE kind = ''png'')::attest.signature))::text
   FROM bench.learner l, bench.place p WHERE p.name = ''slot '' || $1',
  'WITH s AS (INSERT INTO bench.plain_signature SELECT 1, gen_random_uuid(), p.id, l.person_id, c.text, now()
     FROM bench.learner l, bench.place p, bench.capture c WHERE p.name = ''slot '' || $1 AND c.kind = ''png'' RETURNING *),
   e AS (INSERT INTO bench.plain_presence SELECT 1, gen_random_uuid(), slot_id, person_id, ''present'', 180, id, now() FROM s RETURNING 1)
   SELECT count(*)::text FROM e',
  'INSERT INTO bench.place SELECT ''slot '' || $1, attest.plan_slot(id, now() - interval ''2 minutes'', now() + interval ''3 hours'') FROM bench.place WHERE name = ''session''');
SELECT bench.compare('png', 'input of a PNG of 480 x 180: every byte, chunk and pixel checked', 'decode() and sha256() of it', 'inflating and hashing it', 100, '100',
  'SELECT count((left(text, n * 0) || text)::attest.signature)::text FROM bench.capture, generate_series(1, 100) n WHERE kind = ''png''',
  'SELECT count(sha256(decode(split_part(left(text, n * 0) || text, '','', 2), ''base64'')))::text FROM bench.capture, generate_series(1, 100) n WHERE kind = ''png''');
SELECT bench.compare('strokes', 'input of strokes: every point checked', 'a cast to jsonb', 'reading the text once', 100, '100',
  'SELECT count((left(text, n * 0) || text)::attest.signature)::text FROM bench.capture, generate_series(1, 100) n WHERE kind = ''strokes''',
  'SELECT count((left(text, n * 0) || text)::jsonb)::text FROM bench.capture, generate_series(1, 100) n WHERE kind = ''strokes''');

-- --- ESF ---
CREATE TABLE bench.participation AS SELECT jsonb_build_object('sex', (ARRAY['F', 'M', 'N'])[1 + n % 3], 'birth', date '1960-01-01' + n * 2,
  'entry', '2023-03-01', 'exit', '2024-01-31', 'status_entry', (ARRAY['unemployed', 'inactive', 'employed'])[1 + n % 3], 'unemployed_months', n % 30,
  'isced', n % 9, 'in_education', false, 'disability', n % 7 = 0, 'homeless', false, 'rural', n % 2 = 0, 'minority', 'refused', 'new_education', false,
  'qualification', n % 2 = 0, 'status_exit', 'employed', 'status_6m', 'employed') AS facts FROM generate_series(1, 5000) n;
ANALYZE bench.participation;
SELECT bench.compare('esf', 'esf_indicators() of a record of 16 keys', 'jsonb_to_record() of them: reading alone, no rule', 'reading the record once', 5000, '5000',
  'SELECT count(*)::text FROM bench.participation WHERE cardinality(attest.esf_indicators(''esf+'', facts)) > 2',
  'SELECT count(*)::text FROM bench.participation, jsonb_to_record(facts) AS r (sex text, birth date, entry date, exit date, status_entry text,
     unemployed_months int, isced int, in_education text, disability text, homeless text, rural text, minority text, new_education text, qualification text,
     status_exit text, status_6m text) WHERE r.sex IS NOT NULL');

-- A million participations: every ESF+ indicator of people by gender, in one pass.
CREATE TABLE bench.indicator_set AS
WITH s AS MATERIALIZED (SELECT attest.esf_indicator_set('esf+', facts) AS indicators, facts ->> 'sex' AS gender FROM bench.participation)
SELECT indicators, gender FROM s, generate_series(1, 200);
ANALYZE bench.indicator_set;
SELECT sum(cardinality(attest.esf_indicators('esf+', facts)) * 200)::text AS counted FROM bench.participation \gset
CREATE TABLE bench.plain_participation AS
SELECT (facts ->> 'birth')::date AS birth, (facts ->> 'entry')::date AS entry, (facts ->> 'exit')::date AS exit, (facts ->> 'unemployed_months')::int AS months,
  (facts ->> 'isced')::int AS isced, (facts ->> 'in_education')::boolean AS in_education, (facts ->> 'disability')::boolean AS disability,
  false AS third_country, false AS foreign_background, false AS minority, (facts ->> 'homeless')::boolean AS homeless, (facts ->> 'rural')::boolean AS rural,
  (facts ->> 'new_education')::boolean AS new_education, (facts ->> 'qualification')::boolean AS qualification, false AS improved,
  facts ->> 'sex' AS gender, facts ->> 'status_entry' AS status, facts ->> 'status_exit' AS final, facts ->> 'status_6m' AS status_6m
FROM bench.participation, generate_series(1, 200);
ANALYZE bench.plain_participation;
SELECT bench.compare('esf tally', 'tally_esf(): every ESF+ indicator by gender, a million participations', '23 columns count(*) FILTER over plain columns, GROUP BY gender', 'reading every row', 1, :'counted',
  'SELECT sum(r.total)::text FROM attest.esf_rows((SELECT attest.tally_esf(''esf+'', gender, indicators) FROM bench.indicator_set)) r',
  'SELECT sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11 + c12 + c13 + c14 + c15 + c16 + c17 + c18 + c19 + c20 + c21 + c22)::text FROM (SELECT gender, count(*) FILTER (WHERE true) AS c0, count(*) FILTER (WHERE status = ''unemployed'') AS c1, count(*) FILTER (WHERE status = ''unemployed'' AND months > 12) AS c2, count(*) FILTER (WHERE status = ''inactive'') AS c3, count(*) FILTER (WHERE status = ''employed'') AS c4, count(*) FILTER (WHERE entry < birth + interval ''18 years'') AS c5, count(*) FILTER (WHERE entry >= birth + interval ''18 years'' AND entry < birth + interval ''30 years'') AS c6, count(*) FILTER (WHERE entry >= birth + interval ''55 years'') AS c7, count(*) FILTER (WHERE isced <= 2) AS c8, count(*) FILTER (WHERE isced IN (3, 4)) AS c9, count(*) FILTER (WHERE isced >= 5) AS c10, count(*) FILTER (WHERE disability) AS c11, count(*) FILTER (WHERE third_country) AS c12, count(*) FILTER (WHERE foreign_background) AS c13, count(*) FILTER (WHERE minority) AS c14, count(*) FILTER (WHERE homeless) AS c15, count(*) FILTER (WHERE rural) AS c16, count(*) FILTER (WHERE exit IS NOT NULL AND status = ''inactive'' AND final IN (''job_searching'', ''unemployed'')) AS c17, count(*) FILTER (WHERE exit IS NOT NULL AND new_education AND NOT in_education) AS c18, count(*) FILTER (WHERE exit IS NOT NULL AND qualification) AS c19, count(*) FILTER (WHERE exit IS NOT NULL AND status <> ''employed'' AND final = ''employed'') AS c20, count(*) FILTER (WHERE exit IS NOT NULL AND status <> ''employed'' AND status_6m = ''employed'') AS c21, count(*) FILTER (WHERE exit IS NOT NULL AND status = ''employed'' AND improved) AS c22 FROM bench.plain_participation GROUP BY gender) x');
SELECT bench.compare('esf bits', 'tally_esf(): every ESF+ indicator by gender, a million participations', '23 columns count(*) FILTER over the same bits, GROUP BY gender', 'reading every row', 1, :'counted',
  'SELECT sum(r.total)::text FROM attest.esf_rows((SELECT attest.tally_esf(''esf+'', gender, indicators) FROM bench.indicator_set)) r',
  'SELECT sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11 + c12 + c13 + c14 + c15 + c16 + c19 + c20 + c21 + c22 + c23 + c24)::text FROM (SELECT gender, count(*) FILTER (WHERE indicators & 1 <> 0) AS c0, count(*) FILTER (WHERE indicators & 2 <> 0) AS c1, count(*) FILTER (WHERE indicators & 4 <> 0) AS c2, count(*) FILTER (WHERE indicators & 8 <> 0) AS c3, count(*) FILTER (WHERE indicators & 16 <> 0) AS c4, count(*) FILTER (WHERE indicators & 32 <> 0) AS c5, count(*) FILTER (WHERE indicators & 64 <> 0) AS c6, count(*) FILTER (WHERE indicators & 128 <> 0) AS c7, count(*) FILTER (WHERE indicators & 256 <> 0) AS c8, count(*) FILTER (WHERE indicators & 512 <> 0) AS c9, count(*) FILTER (WHERE indicators & 1024 <> 0) AS c10, count(*) FILTER (WHERE indicators & 2048 <> 0) AS c11, count(*) FILTER (WHERE indicators & 4096 <> 0) AS c12, count(*) FILTER (WHERE indicators & 8192 <> 0) AS c13, count(*) FILTER (WHERE indicators & 16384 <> 0) AS c14, count(*) FILTER (WHERE indicators & 32768 <> 0) AS c15, count(*) FILTER (WHERE indicators & 65536 <> 0) AS c16, count(*) FILTER (WHERE indicators & 524288 <> 0) AS c19, count(*) FILTER (WHERE indicators & 1048576 <> 0) AS c20, count(*) FILTER (WHERE indicators & 2097152 <> 0) AS c21, count(*) FILTER (WHERE indicators & 4194304 <> 0) AS c22, count(*) FILTER (WHERE indicators & 8388608 <> 0) AS c23, count(*) FILTER (WHERE indicators & 16777216 <> 0) AS c24 FROM bench.indicator_set GROUP BY gender) x');
SELECT bench.compare('esf scan', 'tally_esf(): every ESF+ indicator by gender, a million participations', 'count(*), which counts one thing', 'reading every row', 1, :'counted',
  'SELECT sum(r.total)::text FROM attest.esf_rows((SELECT attest.tally_esf(''esf+'', gender, indicators) FROM bench.indicator_set)) r',
  'SELECT CASE count(*) WHEN 1000000 THEN ' || quote_literal(:'counted') || ' END FROM bench.indicator_set');
COMMIT;
