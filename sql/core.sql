\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
SELECT attest.version();
-- Every error has a code of class TA, a message and a hint; codes and names are unique.
SELECT count(*) = count(DISTINCT sqlstate) AS codes_unique, count(*) = count(DISTINCT name) AS names_unique,
  bool_and(sqlstate ~ '^TA[0-9]{3}$') AS class_ta, bool_and(message ~ '^[a-z]') AS lower_case, bool_and(hint ~ '[.]$') AS hint_is_a_sentence
FROM attest.error_catalog();
SELECT sqlstate, name, message, detail, hint FROM attest.error_catalog() WHERE name = 'slot_bounds';
-- Facts take the places of %1 to %3; one that is missing shows as -.
\set VERBOSITY sqlstate
SELECT attest_internal.fail('slot_bounds', 'ten', 'nine');
\set VERBOSITY default
SELECT attest_internal.fail('slot_bounds', 'ten', NULL);
SELECT attest_internal.fail('slot_bounds', '%1 %2', '%%');
SELECT attest_internal.fail('no_such_error');
