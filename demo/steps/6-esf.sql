\set ON_ERROR_STOP on
\echo
\echo '== 6. ESF+ indicators by gender, for the participations of the département'
SELECT attest.issue_ticket('departement-44', 'chef-de-service') AS ticket \gset
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
SELECT attest.create_operation('ASI-2026', 'Accompagnement socio-professionnel', 'esf+', '2022-01-01', '2027-12-31') AS operation \gset
-- A questionnaire as referents fill it in: statuses, answers that are refused, exits and what follows them.
SELECT count(attest.record_participation(:'operation', person_id, jsonb_strip_nulls(jsonb_build_object(
  'entry', date '2025-01-06' + n * 9,
  'status_entry', (ARRAY['unemployed', 'unemployed', 'inactive', 'unemployed', 'employed'])[1 + n % 5],
  'unemployed_months', CASE WHEN n % 5 IN (0, 1, 3) THEN (n * 7) % 31 END,
  'in_education', n % 5 = 2 AND n % 4 = 0,
  'disability', CASE WHEN n % 11 = 0 THEN to_jsonb(true) WHEN n % 7 = 0 THEN to_jsonb('refused'::text) ELSE to_jsonb(false) END,
  'third_country_national', n % 6 = 0, 'rural', n % 3 = 0, 'homeless', n % 13 = 0,
  'exit', CASE WHEN n % 2 = 0 THEN date '2025-01-06' + n * 9 + 120 END,
  'status_exit', CASE WHEN n % 2 = 0 THEN (ARRAY['employed', 'job_searching', 'unemployed'])[1 + n % 3] END,
  'changes_after_exit', CASE WHEN n % 8 = 0 THEN jsonb_build_array(jsonb_build_object('on', date '2025-01-06' + n * 9 + 140, 'status', 'employed')) END,
  'qualification', CASE WHEN n % 2 = 0 THEN n % 4 = 0 END)))) AS participations
FROM (SELECT person_id, row_number() OVER (ORDER BY reference)::int AS n FROM attest.people
  WHERE profiles @> '{beneficiary}' AND birth_date IS NOT NULL) AS beneficiary;
SELECT code, title, women, men, non_binary, total FROM attest.esf_report('ASI-2026') WHERE total > 0;
\echo 'The facts behind them are sealed too:'
SELECT left(facts::text, 48) || '…' AS facts FROM attest_data.participation_version LIMIT 1;
COMMIT;
