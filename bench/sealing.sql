-- Microseconds of seal() and unseal() for a value, the second time of two.
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
SELECT bench.timed('SELECT count(attest.seal(v, subject, ''bench''))::text FROM bench.value', 20000, '20000');
SELECT bench.timed('SELECT count(*)::text FROM bench.closed WHERE attest.unseal(sealed) = v', 20000, '20000');
COMMIT;
