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
SELECT attest.esf_missing('esf+', '{"birth": "1902-09-01", "entry": "2023-09-01"}');
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

-- Parameters: what guidance and national practice decide. Defaults, and other rules.
SELECT f AS framework, attest.esf_parameters(f, '{}') FROM unnest(ARRAY['esf+', 'esf']) f;
SELECT months, attest.esf_indicators('esf+', record) AS by_default, attest.esf_indicators('esf+', record, '{}') AS the_same,
  attest.esf_indicators('esf+', record, '{"ltu_at_least": true}') AS at_least_12
FROM generate_series(11, 13) months, jsonb_build_object('sex', 'F', 'birth', '1980-01-01', 'entry', '2023-09-01', 'status_entry', 'unemployed',
  'isced', 3, 'unemployed_months', months) record;
SELECT attest.esf_codes('esf+', attest.esf_indicator_set('esf+', '{"sex": "M", "birth": "1980-01-01", "entry": "2023-09-01", "exit": "2024-01-31", "status_entry": "inactive",
  "isced": 3, "changes_after_exit": [{"on": "2024-02-28", "status": "employed"}]}', parameters)) AS codes, parameters
FROM (VALUES ('{"exit_window_days": 27}'::jsonb), ('{"exit_window_days": null, "ltu_youth_below": 30}')) p (parameters);
PREPARE counts AS SELECT attest.esf_indicators($1, $2);
EXECUTE counts('esf', '{"sex": "M", "birth": "2000-01-01", "entry": "2020-09-01", "status_entry": "unemployed", "unemployed_months": 6, "isced": 3}');
DEALLOCATE counts;
SELECT attest.esf_indicators('esf+', '{}', NULL) IS NULL AS parameters;
SELECT attest.esf_parameters('esf+', '[]');
SELECT attest.esf_indicators('esf+', '{}', '{"ltu_months": 12}');
\echo :LAST_ERROR_SQLSTATE
SELECT attest.esf_indicator_set('esf+', '{}', '{"ltu_youth_below": 121}');
SELECT attest.esf_parameters('esf', '{"ltu_months_adult": 12.5}');
SELECT attest.esf_parameters('esf', '{"exit_window_days": "28"}');
SELECT attest.esf_parameters('esf', '{"cr05_employed_too": "refused"}');

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
-- The facts are sealed; erasing the person leaves what they counted for, sealed for the operation.
SELECT DISTINCT left(facts::text, 5) AS facts FROM attest_data.participation_version WHERE tenant_id = attest.current_tenant();
SELECT attest_internal.anonymise_person(:'eva', 'test');
SELECT operation, ok FROM attest.recount_esf('OP');
SELECT facts, dossier FROM attest_data.participation_version WHERE person_id = :'eva';
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

-- --- tallies: in and out, every received value checked ---
SELECT 'none'::attest.esf_tally AS none, 'esf+'::attest.esf_tally AS zero, 'esf;left=1/0/0;complete=1/2/3;CO23=0/0/4;incomplete=0/0/0/9'::attest.esf_tally AS some;
\set VERBOSITY sqlstate
SELECT ''::attest.esf_tally;
SELECT 'esf2027'::attest.esf_tally;
SELECT 'esf+;'::attest.esf_tally;
SELECT 'esf+;EECO01'::attest.esf_tally;
SELECT 'esf+;EECO01=1/2'::attest.esf_tally;
SELECT 'esf+;EECO01=1/2/3/4'::attest.esf_tally;
SELECT 'esf+;EECO01=-1/2/3'::attest.esf_tally;
SELECT 'esf+;EECO01=1/2/3;EECO01=1/2/3'::attest.esf_tally;
SELECT 'esf+;CO01=1/2/3'::attest.esf_tally;
SELECT 'none;complete=1/1/1'::attest.esf_tally;
SELECT 'esf+;EECO01=1000000000000001/0/0'::attest.esf_tally;
\set VERBOSITY default
SELECT 'esf+;EECO01=1/2'::attest.esf_tally;
CREATE TEMP TABLE tallies (n int, t attest.esf_tally);
CREATE TEMP TABLE again (LIKE tallies);
INSERT INTO tallies VALUES (1, 'esf;left=1/0/0;complete=1/2/3;CO23=0/0/4;incomplete=0/0/0/9'), (2, 'esf+;EECO01=999999999999999/1/0'), (3, 'none');
SELECT current_setting('data_directory') || '/../tallies' AS file \gset
COPY tallies TO :'file' (FORMAT binary);
COPY again FROM :'file' (FORMAT binary);
SELECT count(*) FILTER (WHERE a.t::text = b.t::text) AS the_same, min(length(attest_internal.esf_tally_send(a.t))) AS bytes FROM tallies a JOIN again b USING (n);

-- Adding up, and what does not add up
SELECT 'esf+;complete=1/0/0;EECO01=1/0/0'::attest.esf_tally OPERATOR(attest.+) 'esf+;complete=0/2/0;EECO01=0/2/0;EECO05=0/1/0'::attest.esf_tally AS sum,
  'esf+;complete=1/0/0;EECO01=1/0/0'::attest.esf_tally OPERATOR(attest.-) 'esf+;complete=1/0/0;EECO01=1/0/0'::attest.esf_tally AS rest,
  'none'::attest.esf_tally OPERATOR(attest.+) 'esf;complete=1/0/0'::attest.esf_tally AS first,
  'esf'::attest.esf_tally OPERATOR(attest.=) 'none'::attest.esf_tally AS equal;
SELECT 'esf+'::attest.esf_tally OPERATOR(attest.+) 'esf'::attest.esf_tally;
SELECT 'esf+'::attest.esf_tally OPERATOR(attest.-) 'esf+;complete=1/0/0'::attest.esf_tally;
SELECT 'esf+;complete=1000000000000000/0/0'::attest.esf_tally OPERATOR(attest.+) 'esf+;complete=1/0/0'::attest.esf_tally;
SELECT attest.esf_tally_of('esf+', 'F', 3), attest.esf_tally_of('esf', NULL, 0), attest.esf_tally_of('esf', 'M', NULL) IS NULL AS nothing;
SELECT attest.esf_tally_of('esf+', NULL, 3);
SELECT attest.esf_tally_of('esf+', 'W', 3);
SELECT attest.esf_tally_of('esf+', 'F', 1::bigint << 25);
SELECT attest.esf_tally_of('esf+', 'F', -1);
SELECT attest.esf_codes('esf', attest.esf_indicator_set('esf', '{}')) AS codes, attest.esf_codes('esf+', (1::bigint << 62) + 1) AS left_too;
SELECT attest.tally_esf(f, g, s) FROM (VALUES ('esf+', 'F', 3), ('esf+', 'F', 1), ('esf+', 'N', 0), (NULL, 'F', 1), ('esf+', 'M', NULL), ('esf+', NULL, 0)) v (f, g, s);
SELECT attest.tally_esf(f, 'F', 1) FROM (VALUES ('esf+'), ('esf')) v (f);
SELECT attest.tally_esf('esf+', 'F', 1) OVER (ORDER BY n) FROM generate_series(1, 3) n;
SELECT attest.tally_esf('esf+', 'F', 1) AS no_rows, attest.merge_esf_tally(NULL) AS no_tallies WHERE false;
SELECT attest.merge_esf_tally(t) FROM tallies;
SELECT attest.esf_count(t, 'CO23'), attest.esf_count(t, 'CO23', 'N'), attest.esf_count(t, 'complete', 'M'), attest.esf_count(t, 'left'),
  attest.esf_count(t, 'incomplete'), attest.esf_framework(t), (SELECT count(*) FROM attest.esf_rows(t)) FROM tallies WHERE attest.esf_framework(t) = 'esf';
SELECT attest.esf_count('esf+', 'CO01');
SELECT attest.esf_count('esf+', 'EECO01', 'X');

-- Youth Employment Initiative: Annex II of (EU) 1304/2013
SELECT attest.esf_indicators('esf', base || extra) FROM (SELECT '{"sex": "F", "birth": "1995-01-01", "entry": "2015-03-01", "exit": "2015-09-01", "status_entry": "unemployed",
  "unemployed_months": 7, "isced": 2, "qualification": true, "status_6m": "employed", "yei_completed": true, "yei_offer": true, "self_employed_6m": true, "education_6m": "refused"}'::jsonb) b (base),
  (VALUES ('{}'::jsonb), ('{"yei": true}'), ('{"yei": true, "unemployed_months": 6}'), ('{"yei": true, "status_entry": "inactive"}'),
    ('{"yei": true, "status_entry": "inactive", "in_education": true}'), ('{"yei": true, "exit": null}')) e (extra);

-- --- the rules of esf_check(): each can fail ---
SELECT framework, count(*), count(DISTINCT rule) AS rules FROM attest.esf_rules() GROUP BY 1 ORDER BY 1;
-- A man too many in the first count of the smaller side breaks each rule.
SELECT r.framework, count(*) AS rules, count(*) FILTER (WHERE NOT c.ok) AS broken, string_agg(r.rule, '; ') FILTER (WHERE c.ok) AS whole
FROM attest.esf_rules() r
CROSS JOIN LATERAL (SELECT CASE WHEN r.rule ~ '>=' THEN regexp_replace(r.rule, '.* ', '') ELSE regexp_replace(r.rule, ' .*', '') END) l (code)
CROSS JOIN LATERAL attest.esf_check((r.framework || ';' || l.code || '=0/1/0')::attest.esf_tally) c
WHERE c.rule = r.rule AND c.gender = 'M' GROUP BY 1 ORDER BY 1;
SELECT rule, "left", "right", ok, gender FROM attest.esf_check_sums('esf+;EECO02=1/0/0;EECO04=2/0/0', '{"EECO02+04": {"F": 3, "M": 1}}');
SELECT attest.esf_check_sums('esf+', '{"EECO02-04": {}}');
-- Cumulated values do not fall from one report to the next.
SELECT count(*) AS compared, count(*) FILTER (WHERE NOT ok) AS fell FROM attest.esf_check_progress('esf+', 'esf+;complete=1/0/0;EECO01=1/0/0');
SELECT * FROM attest.esf_check_progress('esf;complete=2/3/1;CO01=2/3/1;CR03=1/0/0', 'esf;complete=4/2/1;CO01=4/2/1;CR03=0/1/0') WHERE NOT ok;
SELECT * FROM attest.esf_check_progress('esf+', 'esf');

-- --- an operation from its first day to its table ---
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-1', 'Premier pas', 'esf', '2019-01-01', '2020-12-31', 'PO-974', '1', '1.2', 'mars');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-1', 'Premier pas', 'esf', '2019-01-01', '2020-12-31', 'PO-974', '1', '1.2', 'outermost') AS first,
  attest.create_operation('OP-2', 'Rebond', 'esf', '2019-01-01', '2020-12-31', 'PO-974', '1', '1.2', 'outermost') AS second,
  attest.create_operation('OP-3', 'Relais', 'esf', '2019-01-01', '2020-12-31', 'PO-974', '2', '2.1', 'outermost') AS third \gset
COMMIT;
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-4', 'x', 'esf+', '2022-01-01', '2022-12-31', 'PO-974');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-4', 'x', 'esf', '2022-01-01', '2022-12-31', 'OP-1');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_entities(:'first', 'EECO18', 1);
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_entities(:'first', 'CO20', -1);
ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT outcome, count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender,birth_date,isced\n'
  'F-1,beneficiary,=Un,Ana,F,1995-06-15,0\nF-2,beneficiary,Deux,Bob,M,1950-01-01,2\nF-3,beneficiary,Trois,Cléo,N,1990-01-01,7\n') GROUP BY 1;
SELECT person_id AS ana FROM attest.people WHERE reference = 'F-1' \gset
SELECT person_id AS bob FROM attest.people WHERE reference = 'F-2' \gset
SELECT attest.record_participation(:'first', :'ana', '{"entry": "2019-03-01", "status_entry": "inactive", "minority": "refused", "homeless": true}') AS p \gset
SELECT attest.record_participation(:'first', :'bob', '{"entry": "2019-03-01", "status_entry": "unemployed"}') AS q \gset
SELECT attest.record_participation(:'second', :'ana', '{"entry": "2019-04-01", "status_entry": "employed"}') AS r \gset
SELECT attest.record_participation(:'third', :'ana', '{"entry": "2019-04-01", "status_entry": "employed"}') AS s \gset
SELECT attest.record_entities(:'first', 'CO20', 2), attest.record_entities(:'second', 'CO20', 3);
COMMIT;
SELECT clock_timestamp() AS begun \gset
-- What comes too early, too late or wrong
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_change_after_exit(:'p', '2019-04-01', 'employed');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_followup(:'p', '{"status_6m": "employed"}');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_exit(:'p', '2019-02-28');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_exit(:'p', '2019-06-30', '{"isced": 3}');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_participation(:'first', :'ana', '{"entry": "2020-01-15", "status_entry": "inactive"}');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.correct_participation(:'p', '{"rural": true}', '');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.verify_participation(:'p', 'maybe');
ROLLBACK;
\set VERBOSITY default
-- Exit, a change on the 28th day, six months after; months told later
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_exit(:'p', '2019-06-30', '{"status_exit": "inactive", "qualification": true}');
SELECT attest.record_change_after_exit(:'p', '2019-07-28', 'employed');
SELECT attest.record_followup(:'p', '{"status_6m": "employed"}');
SELECT attest.correct_participation(:'q', '{"unemployed_months": 14}', 'told by phone');
SELECT attest.verify_participation(:'p', 'verified');
COMMIT;
-- Whatever is told of the time six months after was told then.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_exit(:'r', '2019-06-30');
SELECT attest.record_followup(:'r', '{"education_6m": true}');
SELECT followup_recorded_at IS NOT NULL AS told FROM attest.participations WHERE participation_id = :'r';
ROLLBACK;
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_exit(:'p', '2019-07-01');
ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT code, women, men, non_binary, total, incomplete FROM attest.esf_report('OP-1') WHERE total > 0;
SELECT code, women, men, non_binary, total, incomplete FROM attest.esf_report('OP-1', :'begun') WHERE total > 0;
SELECT code, total FROM attest.esf_report('OP-1', verified_only => true) WHERE total > 0;
SELECT count(*) AS not_yet FROM attest.esf_report('OP-1', '2019-12-31 12:00') WHERE total > 0 OR incomplete > 0;
-- What had happened by the end of a period, by what is known now: the exit on 30 June 2019, six months after it.
SELECT period_end, string_agg(r.code, ' ' ORDER BY r.code) FILTER (WHERE r.total > 0) AS codes, max(r.incomplete) AS incomplete
FROM unnest(ARRAY['2019-02-28', '2019-03-01', '2019-06-29', '2019-06-30', '2019-12-29', '2019-12-30']::date[]) period_end
CROSS JOIN LATERAL attest.esf_report('OP-1', period_end => period_end) r GROUP BY 1 ORDER BY 1;
SELECT code, total FROM attest.esf_report('OP-1', :'begun', '2019-12-31') WHERE total > 0;
SELECT count(*) AS differs FROM (SELECT * FROM attest.esf_report('PO-974') EXCEPT SELECT * FROM attest.esf_report('PO-974', period_end => 'infinity')) d;
SELECT priority, code, total FROM attest.esf_programme_report('PO-974', period_end => '2019-03-31') WHERE code IN ('CO03', 'CO05') ORDER BY 1, 2;
SELECT total FROM attest.esf_report('OP-1', verified_only => true, period_end => '2019-06-29') WHERE code IN ('CO03', 'CR03') ORDER BY code;
SELECT "left", "right", ok FROM attest.esf_check('OP-1', period_end => '2019-06-30') WHERE rule = 'CR06 + CR07 <= left' AND gender = 'all';
SELECT code, women, total FROM attest.esf_published('OP-1', period_end => '2019-06-29', threshold => 2) WHERE code IN ('CO03', 'CR03');
-- Entities have a day too.
SELECT attest.record_entities(:'first', 'CO20', 1, '2019-06-15') \g /dev/null
SELECT period_end, (SELECT r.total FROM attest.esf_report('OP-1', period_end => period_end) r WHERE r.code = 'CO20') AS entities
FROM unnest(ARRAY['2019-06-14', '2019-06-15', NULL]::date[]) period_end;
SELECT total FROM attest.esf_report('OP-1') WHERE code = 'CO20';
SELECT count(*) AS differs FROM (SELECT * FROM attest.esf_report('PO-974') EXCEPT SELECT * FROM attest.esf_report('PO-974', clock_timestamp())) d;
SELECT code, women, total FROM attest.esf_report('PO-974') WHERE code IN ('CO03', 'CO05', 'CO20');
SELECT priority, specific_objective, region_category, code, total FROM attest.esf_programme_report('PO-974') WHERE code IN ('CO05', 'CO20') ORDER BY 1, 4;
SELECT count(*) AS checks, count(DISTINCT priority) AS groups, bool_and(ok) AS all_hold FROM attest.esf_check('PO-974');
SELECT operation, ok FROM attest.recount_esf('PO-974') ORDER BY 1;
COMMIT;
-- A day in the place of a moment would be read as its midnight: refused, typed or not.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT * FROM attest.esf_report('OP-1', '2019-12-31');
ROLLBACK;
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT * FROM attest.esf_report('OP-1', date '2019-12-31');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT * FROM attest.esf_programme_report('PO-974', '2019-12-31');
ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
-- A second stay: first entry, last exit, new results; the level learnt meanwhile is not that at entry.
SELECT attest.record_participation(:'first', :'ana', '{"entry": "2020-02-01", "exit": "2020-03-01", "status_exit": "job_searching", "isced": 8}') = :'p' AS one_participation;
SELECT unnest(indicators) AS ana_now FROM attest.participations WHERE participation_id = :'p';
SELECT stay, entered_on, exited_on FROM attest.participation_stays WHERE participation_id = :'p' ORDER BY 1;
-- A period that ended between the stays has the results of the first, by what was true at entry as known now.
SELECT period_end, string_agg(r.code, ' ' ORDER BY r.code) FILTER (WHERE r.women > 0 AND r.code ~ '^C[OR]') AS codes
FROM unnest(ARRAY['2019-12-30', '2020-01-31', '2020-02-01', '2020-03-01']::date[]) period_end
CROSS JOIN LATERAL attest.esf_report('OP-1', period_end => period_end) r GROUP BY 1 ORDER BY 1;
SAVEPOINT s;
SELECT attest.correct_participation(:'p', '{"status_entry": "employed"}', 'contract of work found') \g /dev/null
SELECT string_agg(r.code, ' ' ORDER BY r.code) AS corrected FROM attest.esf_report('OP-1', period_end => '2020-01-31') r WHERE r.women > 0;
ROLLBACK TO s;
SELECT version, kind, reason, facts ->> 'status_exit' AS status_exit FROM attest.participation_history WHERE participation_id IN (:'p', :'q') ORDER BY participation_id, version;
SELECT recorded_at < exit_recorded_at AS exit_after, corrected_at IS NULL AS not_corrected, evidence, entered_on, exited_on, followup_recorded_at IS NULL AS open_again
FROM attest.participations WHERE participation_id = :'p';
\set VERBOSITY terse
SELECT attest.correct_participation(:'p', '{"entry": "2019-07-01"}', 'after the first exit');
ROLLBACK TO s;
\set VERBOSITY default
-- Folding what is pending into the running totals changes no number.
SELECT count(*) > 0 AS pending FROM attest_data.operation_pending WHERE operation_id = :'first';
SELECT attest.esf_tally_at('OP-1') AS before \gset
SELECT attest_internal.esf_totals_job() > 0 AS folded, attest_internal.esf_totals_job() AS again;
SELECT attest.esf_tally_at('OP-1')::text = :'before' AS the_same, (SELECT count(*) FROM attest_data.operation_pending) AS pending;
SELECT operation, ok FROM attest.recount_esf('OP-1');
SELECT person_id = :'bob' AS is_bob, missing FROM attest.esf_incomplete('OP-1');
SELECT attest.correct_participation(:'q', '{"unemployed_months": null}', 'not sure');
SELECT person_id = :'bob' AS is_bob, missing FROM attest.esf_incomplete('OP-1');
SELECT code, total, incomplete FROM attest.esf_report('OP-1') WHERE code = 'CO01';
COMMIT;

-- --- parameters of an operation: who recorded before is counted again, reports of before stay ---
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_operation_parameters(:'first', '{"ltu_at_least": true}', '');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_operation_parameters(:'first', '["ltu_at_least"]', 'guide');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_operation_parameters(:'first', '{"ltu_at_least": 1}', 'guide');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_operation_parameters(:'p', '{"ltu_at_least": true}', 'guide');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-7', 'x', 'esf+', '2025-01-01', '2025-12-31', parameters => '{"ltu_strict": true}');
ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-6', 'At least', 'esf+', '2025-01-01', '2025-12-31', parameters => '{"exit_window_days": 14}') AS sixth \gset
SELECT reference, attest.record_participation(:'sixth', person_id, '{"entry": "2025-03-03", "status_entry": "unemployed", "unemployed_months": 12, "isced": 3}') AS of_it
FROM attest.people WHERE reference LIKE 'F-_' ORDER BY 1 \g /dev/null
SELECT participation_id AS t FROM attest.participations JOIN attest.people USING (person_id) WHERE operation_id = :'sixth' AND reference = 'F-1' \gset
SELECT attest.correct_participation(:'t', '{"unemployed_months": 13}', 'certificate') \g /dev/null
SELECT clock_timestamp() AS more_than \gset
SELECT code, total FROM attest.esf_report('OP-6') WHERE code IN ('EECO01', 'EECO02', 'EECO03');
SELECT attest_internal.anonymise_person((SELECT person_id FROM attest.people WHERE reference = 'F-2'), 'test') \g /dev/null
SELECT attest.set_operation_parameters(:'sixth', '{"ltu_at_least": true, "exit_window_days": null}', 'guide of the authority, 2026') AS counted_otherwise;
SELECT attest.set_operation_parameters(:'sixth', '{"ltu_at_least": true}', 'again') AS counted_otherwise;
SELECT parameters, reason FROM attest.operation_parameters;
SELECT parameters FROM attest.operations WHERE code = 'OP-6';
SELECT code, total FROM attest.esf_report('OP-6') WHERE code = 'EECO03';
SELECT code, total FROM attest.esf_report('OP-6', :'more_than') WHERE code = 'EECO03';
SELECT reference, version, kind, reason FROM attest.participation_history h JOIN attest.people USING (person_id)
WHERE participation_id IN (SELECT participation_id FROM attest.participations WHERE operation_id = :'sixth') ORDER BY 1, 2;
SELECT reference, 'EECO03' = ANY (indicators) AS long_term FROM attest.participations JOIN attest.people USING (person_id) WHERE operation_id = :'sixth' ORDER BY 1;
SELECT operation, ok FROM attest.recount_esf('OP-6');
ROLLBACK;

-- --- the file ---
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) AS lines, min((string_to_array(l, ','))[2]) AS a_name FROM attest.export_participations('OP-1') l;
ROLLBACK;
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_operation('OP-5', 'x', 'esf', '2019-01-01', '2020-12-31') \g /dev/null
SELECT * FROM attest.export_participations('OP-5');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT * FROM attest.import_participations('OP-1', E'a,b\n');
ROLLBACK;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT string_agg(l, E'\n') AS file FROM attest.export_participations('OP-1') l \gset
SELECT outcome, count(*) FROM attest.import_participations('OP-1', :'file') GROUP BY 1;
-- A spreadsheet of a French user writes semicolons.
SELECT outcome, count(*) FROM attest.import_participations('OP-1', replace(:'file', ',', ';')) GROUP BY 1;
SELECT array_to_string(attest.esf_columns(), ',') AS header \gset
SELECT line, outcome, code, reason, detail FROM attest.import_participations('OP-1', :'header' || E'\n'
  'F-3,,,,,,OP-1,04/02/2019,,agréé IAE,oui,,,,,formation,,CITE 7,refus,non,2019-02-05,,,emploi_durable,,,,,\n'
  'F-3,,,,,,OP-1,2019-02-04,2019-05-31,,,,,,,,,,,,,,,emploi_durable,,,injoignable,2019-11-30,\n'
  'F-9,,,,,,OP-1,2019-02-04,,,,,,,,,,,,,,,,,,,,,\n'
  'F-2,,,,,,OP-1,,,,,,,,,,12_24m,,,,,,,,,,,,\n'
  'F-2,,,,,,OP-1,,,,,,,,,,long,,,,,,,,,,,,\n'
  'F-2,,,,,,OP-2,,,,,,,,,,,,,,,,,,,,,,\n'
  'F-2,,,,,,OP-1,4.2.2019,,,,,,,,,,,,,,,,,,,,,\n'
  'F-2,too,short\n');
SELECT facts - 'sex' - 'birth' AS facts FROM attest.participations p JOIN attest.people USING (person_id) WHERE reference = 'F-3';
SELECT (string_to_array(l, ','))[10:11] || (string_to_array(l, ','))[16:22] || (string_to_array(l, ','))[24:24] || (string_to_array(l, ','))[27:28] AS cells
FROM attest.export_participations('OP-1') l WHERE l LIKE 'F-3%';
SELECT operation, ok FROM attest.recount_esf('OP-1');
ROLLBACK;
-- A code that is corrected takes away all that the code before stood for; one that says what is held changes nothing.
CREATE FUNCTION pg_temp.import_line(entry text, single text, exit text, six_months text) RETURNS TABLE (outcome text, facts jsonb, counts text, cells text) LANGUAGE plpgsql AS $$
DECLARE
  done record;
BEGIN
  SELECT i.* INTO done FROM attest.import_participations('OP-1', array_to_string(attest.esf_columns(), ',') || E'\n'
    || format(E'F-3,,,,,,OP-1,2019-02-04,2019-05-31,,,,,,,%s,,,%s,,,,,%s,,,%s,,\n', entry, single, exit, six_months)) i;
  RETURN QUERY SELECT done.outcome, p.facts - '{sex,birth,isced,entry,exit}'::text[], (SELECT string_agg(c, ' ') FROM unnest(p.indicators) c WHERE c ~ '^CO(0[34]|1[34])|^CR'),
    concat_ws(' ', c[16], c[19], c[24], c[27])
  FROM attest.participations p, attest.export_participations('OP-1') l, string_to_array(l, ',') c
  WHERE p.participation_id = done.participation_id AND c[1] = 'F-3';
END
$$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT * FROM pg_temp.import_line('formation', 'oui', 'formation', 'formation');
SELECT * FROM pg_temp.import_line('formation', 'OUI', 'formation', 'formation');
SELECT * FROM pg_temp.import_line('inactif', '', 'chomage', 'injoignable');
SELECT * FROM pg_temp.import_line('', 'non', 'emploi_durable', 'emploi_transition');
SELECT * FROM pg_temp.import_line('', '', '', '');
SELECT * FROM pg_temp.import_line('', '', 'inconnue', 'inconnue');
SELECT * FROM pg_temp.import_line('', '', 'inconnue', 'inconnue');
-- What was recorded beside a code stays: a course at entry of an unemployed person, a single adult without children.
SELECT attest.correct_participation(participation_id, '{"status_entry": "unemployed", "unemployed_months": 3, "in_education": true, "single_adult": true,
  "dependent_children": false, "status_exit": "employed", "new_education": true}', 'test')
FROM attest.participations JOIN attest.people USING (person_id) WHERE reference = 'F-3' \g /dev/null
SELECT * FROM pg_temp.import_line('demandeur_emploi', 'oui', 'emploi', '');
SELECT * FROM pg_temp.import_line('', '', 'emploi_durable', 'emploi');
SELECT * FROM pg_temp.import_line('inactif', '', 'inactivite', '');
-- Of a new stay a file has said nothing yet.
SELECT attest.record_participation(:'first', person_id, '{"entry": "2019-09-02"}') IS NOT NULL AS back FROM attest.people WHERE reference = 'F-3';
SELECT concat_ws(' ', c[16], c[24], c[27]) AS cells FROM attest.export_participations('OP-1') l, string_to_array(l, ',') c WHERE c[1] = 'F-3';
SELECT operation, ok FROM attest.recount_esf('OP-1');
ROLLBACK;
SELECT attest_internal.csv_cell(c) FROM unnest(ARRAY['=1+1', '+33', '-2', '@x', '  =1', E'\t=1', E'\rx', 'a"b', 'a,b', 'a;b', ' a', 'plain', '', NULL]) c;
SELECT attest_internal.file_text(c) FROM unnest(ARRAY['''=1+1', '''+33', '''plain', ' x ', '']) c;
-- In a spreadsheet set to semicolons the quotes of a line of commas do not hold: a cell begins behind any separator.
SELECT attest_internal.csv_cell(c) AS cell, attest_internal.file_text(replace(btrim(attest_internal.csv_cell(c), '"'), '""', '"')) = c AS again
FROM unnest(ARRAY['x;=1+1;', 'x, @y', E'x\n-1', E'\t=1', E'\tx', E'a;\n=1', 'a;b', 'jeu-concours']) c;

-- --- published: small cells, and those that would give them away ---
SELECT r.code, r.women, r.men, r.non_binary, r.total FROM attest_internal.esf_suppressed_rows(
  'esf+;complete=103/50/0;EECO01=103/50/0;EECO02=3/20/0;EECO04=50/30/0;EECO05=50/0/0;EECO09=40/20/0;EECO10=40/20/0;EECO11=23/10/0;EECO12=7/3/0;EECO13=0/5/0;EECO14=2/2/0;EECR03=1/1/40', 5) r
WHERE r.code IN ('EECO01', 'EECO02', 'EECO04', 'EECO05', 'EECO09', 'EECO12', 'EECO13', 'EECO14', 'EECR03');
-- Three parts that are no zeros make three at least, and a total of five of three genders three at most: not both are shown.
SELECT r.code, r.women, r.men, r.non_binary, r.total FROM attest_internal.esf_suppressed_rows(
  'esf+;complete=8/3/1;EECO01=8/3/1;EECO02=0/1/0;EECO04=2/1/0;EECO05=6/1/1;EECO09=1/3/1;EECO10=5/0/0;EECO11=2/0/0', 5) r WHERE r.total IS NULL OR r.total > 0;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT code, women, men, non_binary, total, incomplete FROM attest.esf_published('OP-1') WHERE code IN ('CO01', 'CO02', 'CO03', 'CO20');
SELECT attest.esf_published('OP-1', threshold => 1);
ROLLBACK;

-- --- by right: a counsellor records for the caseload and sees the totals ---
SELECT attest.create_account('north', 'esf-counsellor', 'counsellor', :'ana') IS NOT NULL AS made;
SELECT attest.issue_ticket('north', 'esf-counsellor') AS counsellor \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.assign_case(:'ana', :'bob');
COMMIT;
SET SESSION AUTHORIZATION app;
BEGIN; SELECT attest.enter(:'counsellor') \g /dev/null
SELECT attest.correct_participation(:'q', '{"unemployed_months": 13}', 'seen today');
SELECT code, women, men, total FROM attest.esf_report('OP-1') WHERE code IN ('CO01', 'CO03');
SELECT count(*) AS seen FROM attest.participations;
ROLLBACK;
\set VERBOSITY terse
BEGIN; SELECT attest.enter(:'counsellor') \g /dev/null
SELECT count(*) FROM attest_data.participation_count;
ROLLBACK;
BEGIN; SELECT attest.enter(:'counsellor') \g /dev/null
SELECT count(*) FROM attest.esf_report('OP-1', verified_only => true);
ROLLBACK;
RESET SESSION AUTHORIZATION;
