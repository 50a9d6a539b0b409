-- Messages come in French where lc_messages asks for it and po/ is installed.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set ON_ERROR_STOP 1
BEGIN;
SELECT plan(4);

CREATE FUNCTION pg_temp.speak(language text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('lc_messages', language, true);
  RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END
$$;

SELECT pg_temp.speak('C') AS english \gset
CREATE TEMP TABLE english AS SELECT * FROM attest.error_catalog();
SELECT pg_temp.speak('fr_FR.UTF-8') AS french \gset
\if :french
SELECT throws_ok('SELECT attest_internal.required_tenant()', 'TA001',
  'aucune entité n''est ouverte dans cette transaction', 'an error of the catalogue speaks French');
SELECT throws_ok($$SELECT attest.esf_missing('esf+', '[]')$$, '22023',
  'la participation n''est pas un objet JSON', 'an error outside the catalogue speaks French');
SELECT is_empty($$
  SELECT c.name FROM attest.error_catalog() c JOIN english e ON e.sqlstate = c.sqlstate
  WHERE c.message = e.message OR c.hint = e.hint
$$, 'every error of the catalogue has a French message and hint');
\else
SELECT skip('no French locale here', 3);
\endif
SELECT ok(pg_temp.speak('C'), 'lc_messages goes back');
SELECT * FROM finish();
ROLLBACK;
