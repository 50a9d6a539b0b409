\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SELECT attest.issue_ticket('north', 'boss') AS north, attest.issue_ticket('south', 'boss') AS south \gset
\set anna '00000000-0000-7000-8000-00000000000a'
\set boris '00000000-0000-7000-8000-00000000000b'
-- Plain text is no sealed value, in whatever form.
SELECT 'Anna'::attest.sealed;
SELECT 'att1:'::attest.sealed;
SELECT 'att1:QW5uYQ'::attest.sealed;
SELECT 'att1:!!!!'::attest.sealed;
SELECT attest.seal('Anna', :'anna', 'person.first_name');

BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SELECT attest.seal('Anna', :'anna', 'person.first_name')::text AS sealed \gset
SELECT attest.unseal(:'sealed'::attest.sealed) AS opened, attest.unseal(:'sealed'::attest.sealed, :'anna', 'person.first_name') AS opened_as_expected;
SELECT :'sealed'::attest.sealed::text = :'sealed' AS text_form_kept, length(:'sealed') AS characters;
-- The same text never seals to the same value; short texts seal to one length.
SELECT count(DISTINCT attest.seal('Anna', :'anna', 'p')::text) AS different FROM generate_series(1, 100);
SELECT DISTINCT length(attest.seal(repeat('x', n), :'anna', 'p')::text) AS characters FROM generate_series(0, 15) n;
SELECT attest.unseal(attest.seal(t, :'anna', 'p')) = t AS round_trip FROM unnest(ARRAY['', 'é', 'Nguyễn', repeat('long ', 2000), E'a\nb', '€']) t;
SELECT attest.seal('x', :'anna', '');
ROLLBACK;

-- Swapped between persons, purposes and tenants; damaged in any byte: one answer.
BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SELECT attest.seal('Anna', :'anna', 'person.first_name')::text AS sealed \gset
SELECT attest.seal('Boris', :'boris', 'person.first_name')::text AS sealed_b \gset
COMMIT;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.unseal(:'sealed'::attest.sealed, :'boris', 'person.first_name'); ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.unseal(:'sealed'::attest.sealed, :'anna', 'person.last_name'); ROLLBACK;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT attest.unseal(:'sealed'::attest.sealed); ROLLBACK;
CREATE FUNCTION pg_temp.opens(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN attest.unseal(value::attest.sealed);
EXCEPTION WHEN SQLSTATE 'TA305' OR SQLSTATE 'TA306' THEN RETURN SQLSTATE;
END $$;
BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SELECT pg_temp.opens(overlay(:'sealed' PLACING CASE substr(:'sealed', n, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM n FOR 1)) AS answer, count(*) > 0 AS some
FROM generate_series(6, length(:'sealed')) n GROUP BY 1 ORDER BY 1;
SELECT pg_temp.opens(left(:'sealed', n)) AS answer, count(*) > 0 AS some FROM generate_series(5, length(:'sealed') - 1) n GROUP BY 1 ORDER BY 1;
-- The header of one on the body of the other.
SELECT pg_temp.opens(left(:'sealed', 64) || substr(:'sealed_b', 65)) AS answer;
COMMIT;

-- No comparison, no order, no group, no cast to text.
\set VERBOSITY sqlstate
SELECT :'sealed'::attest.sealed = :'sealed'::attest.sealed;
\set VERBOSITY default
CREATE TEMP TABLE s (v attest.sealed);
INSERT INTO s VALUES (:'sealed'), (:'sealed_b');
SELECT DISTINCT v FROM s;
CREATE INDEX ON s (v);
-- Binary form, there and back.
\copy s TO 'sealed.bin' (FORMAT binary)
\copy s FROM 'sealed.bin' (FORMAT binary)
\! rm -f sealed.bin
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.unseal(v) FROM s; ROLLBACK;

-- A failed subtransaction takes the key it made with it, in the cache too.
BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SAVEPOINT a;
SELECT attest.seal('x', '00000000-0000-7000-8000-00000000000c', 'p') IS NOT NULL AS sealed;
ROLLBACK TO a;
SELECT attest.seal('kept', '00000000-0000-7000-8000-00000000000c', 'p')::text AS sealed_c \gset
COMMIT;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.unseal(:'sealed_c'::attest.sealed); ROLLBACK;

-- Erased: nothing opens, nothing seals.
BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SELECT attest.unseal(:'sealed'::attest.sealed);
SELECT attest_internal.destroy_subject_key(:'anna', 'test');
\set VERBOSITY sqlstate
SAVEPOINT a;
SELECT attest.unseal(:'sealed'::attest.sealed) = 'x';
ROLLBACK TO a;
SELECT attest.seal('again', :'anna', 'p');
ROLLBACK TO a;
SELECT attest_internal.destroy_subject_key(:'anna', 'test');
ROLLBACK;
\set VERBOSITY default
-- Rolled back: there again.
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT attest.unseal(:'sealed'::attest.sealed); ROLLBACK;

-- Opened values have memory of their own and write no temporary file; the settings of the client stay as they are.
BEGIN;
SELECT attest.enter(:'north') \g /dev/null
SET LOCAL work_mem = '64kB';
CREATE TEMP TABLE sealed_names ON COMMIT DROP AS SELECT n, attest.seal(repeat('name ', 20) || n, :'boris', 'p') AS name FROM generate_series(1, 2000) n;
SELECT count(*) FROM (SELECT name FROM sealed_names ORDER BY md5(n::text) OFFSET 0) s;
SELECT count(*), max(current_setting('work_mem')) AS work_mem FROM (SELECT attest.unseal(name) AS name FROM sealed_names ORDER BY 1 OFFSET 0) s;
SHOW work_mem;
SHOW temp_file_limit;
SAVEPOINT a;
SET LOCAL attest.opened_memory = '64kB';
SELECT count(*) FROM (SELECT attest.unseal(name) AS name FROM sealed_names ORDER BY 1 OFFSET 0) s;
ROLLBACK TO a;
-- What such a query sets of it ends with the query, and an error inside a function that sets it leaves nothing.
SELECT attest.unseal(name) IS NOT NULL AS opened, set_config('work_mem', '128kB', true) FROM sealed_names LIMIT 1;
SHOW work_mem;
SAVEPOINT b;
SELECT count(*) FROM attest.find_people('-');
ROLLBACK TO b;
SHOW work_mem;
COMMIT;
SHOW temp_file_limit;
SHOW work_mem;
