-- Loading 100,000 people, as an application role within a transaction that has entered.
BEGIN;
SELECT attest.enter(:'ticket');
SELECT bench.compare('load', 'load_import() of 100,000 staged people of 14 columns: checked, 9 values sealed', 'INSERT ... SELECT in clear, same keys and indexes', 'two rows, a new key, 9 seals', 100000, '100000',
  'SELECT count(*)::text FROM attest.load_import((SELECT id FROM bench.place WHERE name = ''import '' || $1)) WHERE outcome = ''loaded''',
  'WITH kept AS (INSERT INTO bench.clear_person (tenant_id, person_id, reference, profiles, last_name, first_name, gender, birth_date, birth_year, birth_place, email, phone, address,
     postcode, commune, nir, isced, search_name, source, import_id)
   SELECT 1, gen_random_uuid(), f[1], ARRAY[f[2]], f[3], f[4], f[5], f[6], left(f[6], 4)::int, f[7], f[8], f[9], f[10], f[11], f[12], f[13], f[14]::smallint, lower(f[3] || '' '' || f[4]),
     ''file'', gen_random_uuid() FROM bench.staged RETURNING 1) SELECT count(*)::text FROM kept',
  'SELECT bench.stage(100000, $1)');
COMMIT;
