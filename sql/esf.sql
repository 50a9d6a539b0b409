\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
--
-- ESF+ 2021-2027 and ESF 2014-2020 common indicators: what one participation
-- counts for.  Rules and their sources: src/esf/indicator.c, test/unit/esf_test.c.
--

-- Bad input: a clear error that names the key, never the value
SELECT attest.esf_indicators('esf2027', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT attest.esf_missing('ESF+', '{}');
SELECT attest.esf_indicators('', '{}');
SELECT attest.esf_indicators('esf+', '[]');
SELECT attest.esf_indicators('esf+', '"F"');
SELECT attest.esf_indicators('esf+', 'null');
SELECT attest.esf_indicators('esf+', '{"gender": "F"}');
\echo :LAST_ERROR_SQLSTATE
SELECT attest.esf_missing('esf', '{"Sex": "F"}');
SELECT attest.esf_indicators('esf+', '{"sex": "f"}');
\echo :LAST_ERROR_SQLSTATE
SELECT attest.esf_indicators('esf+', '{"sex": true}');
SELECT attest.esf_indicators('esf+', '{"birth": "1983-02-29"}');
SELECT attest.esf_indicators('esf+', '{"birth": "29/02/1984"}');
SELECT attest.esf_indicators('esf+', '{"birth": 1984}');
SELECT attest.esf_indicators('esf+', '{"entry": "2023-09-01T00:00"}');
SELECT attest.esf_indicators('esf+', '{"exit": ""}');
SELECT attest.esf_indicators('esf+', '{"status_entry": "retired"}');
SELECT attest.esf_indicators('esf+', '{"status_entry": "job_searching"}');
SELECT attest.esf_indicators('esf+', '{"status_exit": "refused"}');
SELECT attest.esf_indicators('esf+', '{"status_6m": ["employed"]}');
SELECT attest.esf_indicators('esf+', '{"unemployed_months": "12"}');
SELECT attest.esf_indicators('esf+', '{"unemployed_months": 12.5}');
SELECT attest.esf_indicators('esf+', '{"unemployed_months": -1}');
SELECT attest.esf_indicators('esf+', '{"unemployed_months": 1e300}');
SELECT attest.esf_indicators('esf+', '{"isced": 9}');
SELECT attest.esf_indicators('esf+', '{"isced": -1}');
SELECT attest.esf_indicators('esf+', '{"disability": "yes"}');
SELECT attest.esf_indicators('esf+', '{"minority": 1}');
SELECT attest.esf_indicators('esf+', '{"homeless": {}}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": "2024-02-01"}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": {"on": "2024-02-01", "status": "employed"}}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": ["employed"]}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": [{"on": "2024-02-01"}]}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": [{"on": "2024-02-30", "status": "employed"}]}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": [{"on": "2024-02-01", "status": null}]}');
SELECT attest.esf_indicators('esf+', '{"changes_after_exit": [{"on": "2024-02-01", "status": "employed", "by": "phone"}]}');

-- Contradictory dates
SELECT attest.esf_missing('esf+', '{"birth": "2023-09-02", "entry": "2023-09-01"}');
\echo :LAST_ERROR_SQLSTATE
SELECT attest.esf_missing('esf+', '{"entry": "2023-09-01", "exit": "2023-08-31"}');
SELECT attest.esf_missing('esf+', '{"exit": "2024-01-31", "changes_after_exit": [{"on": "2024-01-30", "status": "employed"}]}');

-- Strict
SELECT attest.esf_indicators(NULL, '{}') IS NULL AS framework,
       attest.esf_indicators('esf+', NULL) IS NULL AS participation;

-- Incomplete records count nowhere; only what is listed blocks
SELECT attest.esf_indicators('esf+', '{}'), attest.esf_missing('esf+', '{}');
SELECT attest.esf_missing('esf', '{"sex": null, "birth": null, "isced": null, "homeless": null, "changes_after_exit": null}');
SELECT attest.esf_missing('esf+', '{"sex": "N", "birth": "1990-05-10", "entry": "2023-09-01", "status_entry": "unemployed", "isced": 0}');
SELECT attest.esf_missing('esf+', '{"sex": "N", "birth": "1990-05-10", "entry": "2023-09-01", "status_entry": "inactive", "isced": 0}');

-- One record, both frameworks: 22 years, 8 months unemployed, left into a job
WITH record (participation) AS (VALUES ('{
  "sex": "F", "birth": "2001-03-15", "entry": "2023-09-01", "exit": "2024-01-31",
  "status_entry": "unemployed", "unemployed_months": 8, "in_education": false, "isced": 2,
  "disability": "refused", "third_country_national": false, "foreign_background": true,
  "minority": "refused", "homeless": false, "rural": true, "other_disadvantaged": null,
  "jobless_household": true, "dependent_children": true, "single_adult": true,
  "status_exit": "unemployed",
  "changes_after_exit": [{"on": "2024-02-28", "status": "employed"}, {"on": "2024-02-10", "status": "inactive"}],
  "new_education": false, "qualification": true, "status_6m": "employed", "improved_6m": true}'::jsonb))
SELECT framework, attest.esf_indicators(framework, participation), attest.esf_missing(framework, participation)
FROM record, (VALUES ('esf+'), ('esf')) AS f (framework);

-- The window after the exit: 28 days, the last one included, the last change counts
SELECT label, attest.esf_indicators('esf+', '{"sex": "M", "birth": "1980-01-01", "entry": "2023-09-01",
  "exit": "2024-01-31", "status_entry": "inactive", "isced": 3, "status_exit": "inactive"}'::jsonb
  || jsonb_build_object('changes_after_exit', changes)) AS indicators
FROM (VALUES
  ('no change', '[]'::jsonb),
  ('28th day', '[{"on": "2024-02-28", "status": "employed"}]'),
  ('29th day', '[{"on": "2024-02-29", "status": "employed"}]'),
  ('job searching last', '[{"status": "job_searching", "on": "2024-02-12"}, {"on": "2024-02-01", "status": "employed"}]')
) AS c (label, changes);

-- Age in completed years at entry
SELECT birth, attest.esf_indicators('esf+', base || jsonb_build_object('birth', birth)) AS esf_plus,
       attest.esf_indicators('esf', base || jsonb_build_object('birth', birth)) AS esf
FROM (SELECT '{"sex": "F", "entry": "2023-02-28", "status_entry": "employed", "isced": 5.0}'::jsonb) AS r (base),
     (VALUES ('2005-03-01'), ('2005-02-28'), ('1993-03-01'), ('1993-02-28'), ('1998-03-01'), ('1998-02-28'),
             ('1968-03-01'), ('1968-02-28'), ('2004-02-29')) AS b (birth);

-- More changes than one page of jsonb offsets
SELECT attest.esf_indicators('esf', '{"sex": "M", "birth": "1960-01-01", "entry": "2018-01-01", "exit": "2018-03-01",
  "status_entry": "unemployed", "unemployed_months": 13, "isced": 1, "homeless": true}'::jsonb
  || jsonb_build_object('changes_after_exit', (
       SELECT jsonb_agg(jsonb_build_object('on', '2018-03-' || to_char(1 + n / 20, 'FM00'),
                                           'status', CASE WHEN n = 499 THEN 'employed' ELSE 'inactive' END))
       FROM generate_series(0, 499) AS n)));

-- The catalogue: every code of both frameworks, those not of persons included
SELECT * FROM attest.esf_catalogue();
SELECT framework, count(*), count(DISTINCT code) AS codes FROM attest.esf_catalogue() GROUP BY framework ORDER BY framework;

-- Nothing to PUBLIC
SELECT p.oid::regprocedure AS function, has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc AS p
WHERE p.oid IN ('attest.esf_indicators(text, jsonb)'::regprocedure, 'attest.esf_missing(text, jsonb)'::regprocedure,
                'attest.esf_catalogue()'::regprocedure)
ORDER BY p.proname;

-- An operation, its participations and its report.
SELECT attest.issue_ticket('north', 'boss') AS boss \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP', 'x', 'erdf', '2025-01-01', '2025-12-31');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP', 'x', 'esf+', '2025-01-01', '2024-12-31');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP', 'Insertion', 'esf+', '2025-01-01', '2025-12-31') AS operation \gset
SELECT outcome, count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender,birth_date,isced\n'
  'E-1,beneficiary,Premier,Eva,F,2000-06-15,3\nE-2,beneficiary,Second,Max,M,1960-01-01,2\nE-3,beneficiary,Tiers,Sacha,N,1990-01-01,7\nE-4,beneficiary,Incomplet,Léo,M,,2\n') GROUP BY 1;
SELECT person_id AS eva FROM attest.people WHERE reference = 'E-1' \gset
SELECT count(attest.record_participation(:'operation', person_id, '{"entry": "2025-03-01", "status_entry": "unemployed", "unemployed_months": 13, "exit": "2025-09-01", "status_exit": "employed", "rural": true, "disability": "refused"}'))
FROM attest.people WHERE reference LIKE 'E-%';
SELECT code, women, men, non_binary, total FROM attest.esf_report('OP') WHERE total > 0;
SELECT md5(string_agg(r::text, ',' ORDER BY code)) AS report_before FROM attest.esf_report('OP') r \gset
-- The facts are sealed; erasing the person freezes what they counted for.
SELECT DISTINCT left(facts::text, 5) AS facts FROM attest_data.participation WHERE tenant_id = attest.current_tenant();
SELECT attest_internal.anonymise_person(:'eva', 'test');
SELECT facts, frozen_indicators FROM attest_data.participation WHERE person_id = :'eva';
SELECT md5(string_agg(r::text, ',' ORDER BY code)) = :'report_before' AS report_the_same FROM attest.esf_report('OP') r;
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT 1 FROM attest.record_participation(:'operation', (SELECT person_id FROM attest.people WHERE reference = 'E-2'), '{"entry": "2025-03-01"}');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT 1 FROM attest.record_participation(:'operation', (SELECT person_id FROM attest.people WHERE reference = 'E-2'), '{"entry": "2031-03-01"}');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.esf_report('NO-SUCH');
ROLLBACK;
