-- A search by name over 50,000 people of one tenant.
BEGIN;
SELECT attest.enter(:'ticket');
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT bench.compare('find', 'find_people(), 50,000 people, a key each', 'the same in clear: a pattern over a column', 'reading 50,000 rows', 1, '22',
  'SELECT count(*)::text FROM attest.find_people(''Zoé kerbench77'', 1000) WHERE first_name = ''Zoé''',
  'SELECT count(*)::text FROM bench.clear_name WHERE name ~ ''(^| )zoe'' AND name ~ ''(^| )kerbench77''', rounds => 9);
COMMIT;
