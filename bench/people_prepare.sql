-- A file of 100,000 people for each round, and the table that somebody would load it into
-- in clear: the columns of the register as text, with its keys, constraints and indexes.
SET client_min_messages = error;
SELECT attest.authorise_nir('alpha', 'bench', 'bench'), attest.authorise_nir('beta', 'bench', 'bench') WHERE NOT EXISTS (SELECT FROM attest_data.nir_authorisation WHERE tenant_id = 2);
DO $$
DECLARE
  columns text;
BEGIN
  SELECT string_agg(format('%I %s%s', a.attname, CASE WHEN t.typname IN ('sealed', 'siret') THEN 'text' ELSE format_type(a.atttypid, a.atttypmod) END,
    CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum) INTO columns
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = 'attest_data.person'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT LIKE '%\_blind';
  EXECUTE format('CREATE TABLE bench.clear_person (%s, PRIMARY KEY (tenant_id, person_id), UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id) REFERENCES attest_data.tenant (id), CHECK (gender IN (''F'', ''M'', ''N'')), CHECK (isced BETWEEN 0 AND 8))', columns);
END $$;
ALTER TABLE bench.clear_person ALTER created_at SET DEFAULT now();
CREATE INDEX ON bench.clear_person (tenant_id, last_activity) WHERE anonymised_at IS NULL;
CREATE INDEX ON bench.clear_person (tenant_id, nir) WHERE nir IS NOT NULL;
CREATE INDEX ON bench.clear_person (tenant_id, email) WHERE email IS NOT NULL;
CREATE INDEX ON bench.clear_person (tenant_id, search_name, birth_date) WHERE birth_date IS NOT NULL;
ALTER TABLE bench.clear_person OWNER TO app;

CREATE TABLE bench.staged (f text[]);
CREATE FUNCTION bench.long_nir(round int, i int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT body || lpad((97 - body::bigint % 97)::text, 2, '0')
  FROM (SELECT '2' || lpad((50 + round)::text, 2, '0') || lpad((1 + i / 90000)::text, 2, '0') || lpad((1 + i % 90)::text, 2, '0')
    || lpad((1 + i / 90 % 900)::text, 3, '0') || lpad((1 + i / 90 % 999)::text, 3, '0')) b (body)
$$;
CREATE FUNCTION bench.fill(n int, round int) RETURNS void LANGUAGE sql AS $$
  TRUNCATE bench.staged;
  -- Names and addresses in no order, as they are in a file.
  INSERT INTO bench.staged SELECT ARRAY[format('L-%s-%s', round, i), 'learner', initcap(left(md5('l' || round || '-' || i), 9)), initcap(left(md5('f' || i), 6)), 'F',
    (date '1950-01-01' + (i * 7919) % 15000)::text, 'Nantes', left(md5('e' || round || '-' || i), 10) || '@example.org', '0199001234', '1 rue ' || i, '44000', '44109',
    bench.long_nir(round, i), (i % 9)::text] FROM generate_series(1, n) i
$$;
CREATE FUNCTION bench.stage(n int, round int) RETURNS void LANGUAGE sql AS $$
  SELECT bench.fill(n, round);
  INSERT INTO bench.place SELECT 'import ' || round, attest.open_import();
  SELECT attest.stage_rows((SELECT id FROM bench.place WHERE name = 'import ' || round),
    'reference,profile,last_name,first_name,gender,birth_date,birth_place,email,phone,address,postcode,commune,nir,isced' || E'\n' || string_agg(array_to_string(f, ','), E'\n'))
  FROM bench.staged
$$;
ALTER TABLE bench.staged OWNER TO app;
