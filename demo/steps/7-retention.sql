\set ON_ERROR_STOP on
\echo
\echo '== 7. A background worker anonymises the people who are past their retention'
SELECT attest.issue_ticket('departement-44', 'chef-de-service') AS ticket \gset
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
SELECT attest.set_retention_rule('beneficiary', '10 years', 'co-financed by the ESF: kept ten years') \g /dev/null
SELECT count(*) AS people_due, min(due_on) AS since FROM attest.retention_due WHERE due_on <= current_date;
SELECT person_id AS held FROM attest.retention_due WHERE due_on <= current_date ORDER BY person_id LIMIT 1 \gset
SELECT attest.place_hold(:'held', 'litigation 2026/17') \g /dev/null
\echo 'One of them is under a hold: that person must stay.'

-- What the statistics say before, to compare.
SELECT md5(string_agg(r::text, E'\n' ORDER BY r.code)) AS esf_before FROM attest.esf_report('ASI-2026') r \gset
SELECT md5(string_agg(concat_ws(',', profile, gender, birth_decade, isced, people), E'\n' ORDER BY profile, gender, birth_decade, isced)) AS people_before
FROM attest_report.people_by_profile \gset
SELECT person_id AS gone, last_name::text AS ciphertext FROM attest_data.person JOIN attest.retention_due USING (person_id)
WHERE due_on <= current_date AND NOT on_hold ORDER BY person_id LIMIT 1 \gset
COMMIT;
RESET SESSION AUTHORIZATION;

SELECT attest.run_job('retention') \g /dev/null
DO $$
BEGIN
  FOR i IN 1 .. 300 LOOP
    EXIT WHEN EXISTS (SELECT FROM attest_data.job_run WHERE job = 'retention' AND outcome <> 'running');
    PERFORM pg_sleep(0.1);
  END LOOP;
END
$$;
SELECT job, outcome, done AS persons, round(extract(epoch FROM ended_at - started_at)::numeric, 3) AS seconds FROM attest.job_runs;

SELECT attest.issue_ticket('departement-44', 'chef-de-service') AS ticket \gset
SET SESSION AUTHORIZATION tablet;
BEGIN;
SELECT attest.enter(:'ticket') \g /dev/null
\echo 'The certificate of what it did:'
SELECT persons, body ->> 'method' AS method, body #>> '{persons,0,basis}' AS basis, body #> '{persons,0,records}' AS first_person,
  digest = sha256(convert_to(body::text, 'UTF8')) AS digest_right FROM attest.destruction_certificates;
SELECT count(*) AS people_still_due FROM attest.retention_due WHERE due_on <= current_date AND NOT on_hold;
SELECT reference, profiles, gender, anonymised_at IS NOT NULL AS anonymised, last_name FROM attest.people WHERE person_id = :'gone';
SELECT md5(string_agg(r::text, E'\n' ORDER BY r.code)) = :'esf_before' AS esf_indicators_the_same FROM attest.esf_report('ASI-2026') r;
SELECT md5(string_agg(concat_ws(',', profile, gender, birth_decade, isced, people), E'\n' ORDER BY profile, gender, birth_decade, isced)) = :'people_before' AS statistics_the_same
FROM attest_report.people_by_profile;
\echo 'A copy of the old ciphertext, from a backup say, opens no more:'
\set ON_ERROR_STOP off
SELECT attest.unseal(:'ciphertext'::attest.sealed);
ROLLBACK;
