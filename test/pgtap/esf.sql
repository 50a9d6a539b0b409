-- The indicators of 5,000 participations in each framework, counted by plain SQL over plain
-- columns, equal attest's: by gender, from records, in running totals, after exits, corrections
-- and second stays, as of an earlier time, by the ends of periods, and in parallel.  The plain formulas are written from
-- the annexes (Regulation (EU) 2021/1057, Annex I; (EU) 1304/2013, Annexes I and II), not from C.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL jit = off;
-- For the sorts of the plain formulas.
SET LOCAL attest.opened_memory = '1GB';
SELECT plan(24);

-- --- a population, in plain columns ---
SELECT setseed(0.5);
CREATE FUNCTION pg_temp.pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT nullif(choices[1 + floor(random() * cardinality(choices))::int], '') $$;

CREATE TEMP TABLE pop AS
SELECT n, pg_temp.pick('F', 'F', 'F', 'M', 'M', 'M', 'N') AS sex,
  CASE WHEN n % 41 = 0 THEN date '2000-02-29' ELSE date '1945-01-01' + floor(random() * 22900)::int END AS birth,
  CASE WHEN n % 41 = 0 THEN date '2018-02-28' + n % 3 ELSE date '2018-01-10' + floor(random() * 700)::int END AS entry,
  pg_temp.pick('unemployed', 'unemployed', 'inactive', 'inactive', 'employed') AS status_entry,
  CASE WHEN random() < 0.95 THEN floor(random() * 30)::int END AS months,
  CASE WHEN n % 97 <> 0 THEN floor(random() * 9)::int END AS isced,
  pg_temp.pick('true', 'false', '"refused"', '') AS in_education, pg_temp.pick('true', 'false', '"refused"', '') AS disability,
  pg_temp.pick('true', 'false', '"refused"', '') AS third_country, pg_temp.pick('true', 'false', '"refused"', '') AS foreign_background,
  pg_temp.pick('true', 'false', '"refused"', '') AS minority, pg_temp.pick('true', 'false', 'false', '') AS homeless,
  pg_temp.pick('true', 'false', '"refused"', '') AS rural, pg_temp.pick('true', 'false', 'false', '"refused"', '') AS other,
  pg_temp.pick('true', 'false', '') AS jobless, pg_temp.pick('true', 'false', '') AS children, pg_temp.pick('true', 'false', '') AS single,
  pg_temp.pick('true', 'true', 'false', '') AS yei, n % 10 < 8 AS has_left, n % 3 = 0 AS leaves_later
FROM generate_series(1, 5000) n;
UPDATE pop SET birth = NULL WHERE n % 89 = 0;
UPDATE pop SET status_entry = NULL WHERE n % 101 = 0;

-- What is known of the exit, in versions: 1 as first recorded.
CREATE TEMP TABLE result AS
SELECT n, entry + 5 + floor(random() * 200)::int AS exit, pg_temp.pick('unemployed', 'inactive', 'employed', 'job_searching', '') AS status_exit,
  pg_temp.pick('true', 'false', '"refused"', '') AS new_education, pg_temp.pick('true', 'false', '"refused"', '') AS qualification,
  pg_temp.pick('unemployed', 'inactive', 'employed', 'job_searching', '') AS status_6m, pg_temp.pick('true', 'false', '"refused"', '') AS improved,
  pg_temp.pick('true', 'false', '') AS completed, pg_temp.pick('true', 'false', '') AS offer,
  pg_temp.pick('true', 'false', '') AS education_6m, pg_temp.pick('true', 'false', '') AS self_employed
FROM pop;
CREATE TEMP TABLE change AS
SELECT r.n, k AS seq, r.exit + (ARRAY[0, 1, 14, 27, 28, 28, 29, 40])[1 + floor(random() * 8)::int] AS changed,
  pg_temp.pick('unemployed', 'inactive', 'employed', 'job_searching') AS status
FROM result r CROSS JOIN generate_series(1, 3) k WHERE random() < 0.4;

-- The end of the period that is reported; who came back later is told of the first stay before that.
CREATE TEMP TABLE period AS SELECT date 'infinity' AS ends;
CREATE TEMP TABLE returned (n int);
CREATE TEMP TABLE first_result (LIKE result);
CREATE TEMP TABLE first_change (LIKE change);
CREATE TEMP VIEW result_then AS
SELECT r.* FROM result r, period WHERE period.ends >= '2021-03-01' OR r.n NOT IN (SELECT n FROM returned)
UNION ALL SELECT r.* FROM first_result r, period WHERE period.ends < '2021-03-01';
CREATE TEMP VIEW change_then AS
SELECT c.* FROM change c, period WHERE period.ends >= '2021-03-01' OR c.n NOT IN (SELECT n FROM returned)
UNION ALL SELECT c.* FROM first_change c, period WHERE period.ends < '2021-03-01';

CREATE INDEX ON pop (n);
CREATE INDEX ON result (n);
CREATE INDEX ON change (n);
ANALYZE pop, result, change;

CREATE FUNCTION pg_temp.results(n int) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('exit', r.exit, 'status_exit', r.status_exit, 'new_education', r.new_education::jsonb,
    'qualification', r.qualification::jsonb, 'status_6m', r.status_6m, 'improved_6m', r.improved::jsonb, 'yei_completed', r.completed::jsonb,
    'yei_offer', r.offer::jsonb, 'education_6m', r.education_6m::jsonb, 'self_employed_6m', r.self_employed::jsonb,
    'changes_after_exit', (SELECT jsonb_agg(jsonb_build_object('on', c.changed, 'status', c.status) ORDER BY c.seq) FROM change c WHERE c.n = r.n)))
  FROM result r WHERE r.n = results.n
$$;
CREATE FUNCTION pg_temp.facts(p pop, with_exit boolean) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('entry', p.entry, 'status_entry', p.status_entry, 'unemployed_months', p.months, 'isced', p.isced,
    'in_education', p.in_education::jsonb, 'disability', p.disability::jsonb, 'third_country_national', p.third_country::jsonb,
    'foreign_background', p.foreign_background::jsonb, 'minority', p.minority::jsonb, 'homeless', p.homeless::jsonb, 'rural', p.rural::jsonb,
    'other_disadvantaged', p.other::jsonb, 'jobless_household', p.jobless::jsonb, 'dependent_children', p.children::jsonb,
    'single_adult', p.single::jsonb, 'yei', p.yei::jsonb)) || CASE WHEN with_exit THEN pg_temp.results(p.n) ELSE '{}' END
$$;

-- --- the plain formulas ---
-- Written out once for each state of the population.
CREATE TEMP VIEW plain AS
SELECT p.*, r.exit, r.status_6m, date_part('year', age(p.entry, p.birth)) AS age,
  p.sex IS NOT NULL AND p.birth IS NOT NULL AND p.status_entry IS NOT NULL AND p.isced IS NOT NULL
    AND (p.status_entry <> 'unemployed' OR p.months IS NOT NULL) AS complete,
  p.has_left AND r.exit <= period.ends AS gone, p.has_left AND r.exit + interval '6 months' <= period.ends AS gone_6m,
  coalesce((SELECT c.status FROM change_then c WHERE c.n = p.n AND c.changed BETWEEN r.exit AND r.exit + 28 ORDER BY c.changed DESC, c.seq DESC LIMIT 1),
    r.status_exit) AS final,
  r.new_education = 'true' AND p.in_education IS DISTINCT FROM 'true' AS learns, r.qualification = 'true' AS qualified, r.improved = 'true' AS improved,
  r.completed = 'true' AS completed, r.offer = 'true' AS offer, r.education_6m = 'true' AS learns_6m, r.self_employed = 'true' AS own_boss,
  p.status_entry IN ('unemployed', 'inactive') AS jobless_at_entry,
  p.status_entry = 'inactive' AND p.in_education IS DISTINCT FROM 'true' AS neet,
  (p.third_country = 'true' OR p.foreign_background = 'true' OR p.minority = 'true') IS TRUE AS migrant,
  (p.other = 'true' OR p.homeless = 'true') IS TRUE AS otherwise
FROM pop p JOIN result_then r USING (n) CROSS JOIN period WHERE p.entry <= period.ends;

CREATE TEMP VIEW by_hand_plus AS
SELECT sex, count(*) AS "EECO01",
  count(*) FILTER (WHERE status_entry = 'unemployed') AS "EECO02", count(*) FILTER (WHERE status_entry = 'unemployed' AND months > 12) AS "EECO03",
  count(*) FILTER (WHERE status_entry = 'inactive') AS "EECO04", count(*) FILTER (WHERE status_entry = 'employed') AS "EECO05",
  count(*) FILTER (WHERE age < 18) AS "EECO06", count(*) FILTER (WHERE age BETWEEN 18 AND 29) AS "EECO07", count(*) FILTER (WHERE age >= 55) AS "EECO08",
  count(*) FILTER (WHERE isced <= 2) AS "EECO09", count(*) FILTER (WHERE isced IN (3, 4)) AS "EECO10", count(*) FILTER (WHERE isced >= 5) AS "EECO11",
  count(*) FILTER (WHERE disability = 'true') AS "EECO12", count(*) FILTER (WHERE third_country = 'true') AS "EECO13",
  count(*) FILTER (WHERE foreign_background = 'true') AS "EECO14", count(*) FILTER (WHERE minority = 'true') AS "EECO15",
  count(*) FILTER (WHERE homeless = 'true') AS "EECO16", count(*) FILTER (WHERE rural = 'true') AS "EECO17",
  count(*) FILTER (WHERE gone AND status_entry = 'inactive' AND final IN ('job_searching', 'unemployed')) AS "EECR01",
  count(*) FILTER (WHERE gone AND learns) AS "EECR02", count(*) FILTER (WHERE gone AND qualified) AS "EECR03",
  count(*) FILTER (WHERE gone AND jobless_at_entry AND final = 'employed') AS "EECR04",
  count(*) FILTER (WHERE gone_6m AND jobless_at_entry AND status_6m = 'employed') AS "EECR05",
  count(*) FILTER (WHERE gone_6m AND status_entry = 'employed' AND improved) AS "EECR06"
FROM plain WHERE complete GROUP BY sex;

CREATE TEMP VIEW by_hand_esf AS
SELECT sex,
  count(*) FILTER (WHERE status_entry = 'unemployed') AS "CO01",
  count(*) FILTER (WHERE status_entry = 'unemployed' AND months > CASE WHEN age < 25 THEN 6 ELSE 12 END) AS "CO02",
  count(*) FILTER (WHERE status_entry = 'inactive') AS "CO03", count(*) FILTER (WHERE neet) AS "CO04", count(*) FILTER (WHERE status_entry = 'employed') AS "CO05",
  count(*) FILTER (WHERE age < 25) AS "CO06", count(*) FILTER (WHERE age > 54) AS "CO07",
  count(*) FILTER (WHERE age > 54 AND (status_entry = 'unemployed' OR neet)) AS "CO08",
  count(*) FILTER (WHERE isced IN (1, 2)) AS "CO09", count(*) FILTER (WHERE isced IN (3, 4)) AS "CO10", count(*) FILTER (WHERE isced >= 5) AS "CO11",
  count(*) FILTER (WHERE jobless = 'true') AS "CO12", count(*) FILTER (WHERE jobless = 'true' AND children = 'true') AS "CO13",
  count(*) FILTER (WHERE single = 'true' AND children = 'true') AS "CO14", count(*) FILTER (WHERE migrant) AS "CO15",
  count(*) FILTER (WHERE disability = 'true') AS "CO16", count(*) FILTER (WHERE otherwise) AS "CO17",
  count(*) FILTER (WHERE homeless = 'true') AS "CO18", count(*) FILTER (WHERE rural = 'true') AS "CO19",
  count(*) FILTER (WHERE gone AND status_entry = 'inactive' AND final IN ('job_searching', 'unemployed')) AS "CR01",
  count(*) FILTER (WHERE gone AND learns) AS "CR02", count(*) FILTER (WHERE gone AND qualified) AS "CR03",
  count(*) FILTER (WHERE gone AND jobless_at_entry AND final = 'employed') AS "CR04",
  count(*) FILTER (WHERE gone AND jobless_at_entry AND disadvantaged
    AND (learns OR qualified OR final = 'employed' OR (status_entry = 'inactive' AND final IN ('job_searching', 'unemployed')))) AS "CR05",
  count(*) FILTER (WHERE gone_6m AND jobless_at_entry AND status_6m = 'employed') AS "CR06",
  count(*) FILTER (WHERE gone_6m AND status_entry = 'employed' AND improved) AS "CR07",
  count(*) FILTER (WHERE gone_6m AND jobless_at_entry AND status_6m = 'employed' AND age > 54) AS "CR08",
  count(*) FILTER (WHERE gone_6m AND jobless_at_entry AND status_6m = 'employed' AND disadvantaged) AS "CR09",
  count(*) FILTER (WHERE y AND status_entry = 'unemployed' AND completed) AS "CI01", count(*) FILTER (WHERE y AND status_entry = 'unemployed' AND offer) AS "CI02",
  count(*) FILTER (WHERE y AND status_entry = 'unemployed' AND (learns OR qualified OR final = 'employed')) AS "CI03",
  count(*) FILTER (WHERE y AND status_entry = 'unemployed' AND months > CASE WHEN age < 25 THEN 6 ELSE 12 END AND completed) AS "CI04",
  count(*) FILTER (WHERE y AND status_entry = 'unemployed' AND months > CASE WHEN age < 25 THEN 6 ELSE 12 END AND offer) AS "CI05",
  count(*) FILTER (WHERE y AND status_entry = 'unemployed' AND months > CASE WHEN age < 25 THEN 6 ELSE 12 END AND (learns OR qualified OR final = 'employed')) AS "CI06",
  count(*) FILTER (WHERE y AND neet AND completed) AS "CI07", count(*) FILTER (WHERE y AND neet AND offer) AS "CI08",
  count(*) FILTER (WHERE y AND neet AND (learns OR qualified OR final = 'employed')) AS "CI09",
  count(*) FILTER (WHERE y AND gone_6m AND learns_6m) AS "CI10", count(*) FILTER (WHERE y AND gone_6m AND status_6m = 'employed') AS "CI11",
  count(*) FILTER (WHERE y AND gone_6m AND status_6m = 'employed' AND own_boss) AS "CI12"
FROM (SELECT *, gone AND yei = 'true' AS y,
    (jobless = 'true' OR (single = 'true' AND children = 'true') OR migrant OR disability = 'true' OR otherwise) IS TRUE AS disadvantaged FROM plain) x
WHERE complete GROUP BY sex;

-- One line a code: women, men, non-binary, as text.
CREATE TEMP VIEW by_hand_now AS
SELECT framework, code, coalesce(max(v) FILTER (WHERE sex = 'F'), 0) AS women, coalesce(max(v) FILTER (WHERE sex = 'M'), 0) AS men,
  coalesce(max(v) FILTER (WHERE sex = 'N'), 0) AS non_binary, sum(v)::bigint AS total, (SELECT count(*) FROM plain WHERE NOT complete) AS incomplete
FROM (
  SELECT 'esf+' AS framework, h.sex, j.key AS code, j.value::bigint AS v FROM by_hand_plus h, jsonb_each_text(to_jsonb(h) - 'sex') j
  UNION ALL SELECT 'esf', h.sex, j.key, j.value::bigint FROM by_hand_esf h, jsonb_each_text(to_jsonb(h) - 'sex') j
) x GROUP BY 1, 2;

CREATE TEMP TABLE by_hand AS TABLE by_hand_now;
CREATE TEMP TABLE code_of (framework text, operation text);
INSERT INTO code_of VALUES ('esf+', 'PLUS'), ('esf', 'OLD');
-- Lines where the two differ, of the codes that are counted of people.
CREATE FUNCTION pg_temp.differences(as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT count(*) FROM code_of c
  CROSS JOIN LATERAL (
    (SELECT r.code, r.women, r.men, r.non_binary, r.total, r.incomplete FROM attest.esf_report(c.operation, as_of, period_end) r WHERE r.women IS NOT NULL
      EXCEPT SELECT h.code, h.women, h.men, h.non_binary, h.total, h.incomplete FROM by_hand h WHERE h.framework = c.framework)
    UNION ALL
    (SELECT h.code, h.women, h.men, h.non_binary, h.total, h.incomplete FROM by_hand h WHERE h.framework = c.framework
      EXCEPT SELECT r.code, r.women, r.men, r.non_binary, r.total, r.incomplete FROM attest.esf_report(c.operation, as_of, period_end) r)
  ) d
$$;

-- The same for the end of a period: lines that differ, and how many people the plain formulas count.
CREATE FUNCTION pg_temp.differences_by(period_end date, OUT differ bigint, OUT people numeric) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  UPDATE period SET ends = period_end;
  TRUNCATE by_hand;
  INSERT INTO by_hand TABLE by_hand_now;
  differ := pg_temp.differences(NULL, period_end);
  people := (SELECT sum(total) FROM by_hand);
  UPDATE period SET ends = 'infinity';
END $$;
-- Ends of years and half-years; the eve of the second stays, while they last, their last day, six months after it and the eve.
CREATE TEMP TABLE period_end AS SELECT unnest(ARRAY['2018-06-30', '2018-12-31', '2019-06-30', '2019-12-31', '2021-02-28', '2021-03-31',
  '2021-06-30', '2021-12-29', '2021-12-30', 'infinity']::date[]) AS d;

-- --- records alone: the pure rules and the aggregate, in one pass ---
CREATE TEMP TABLE record AS
SELECT f AS framework, p.sex, pg_temp.facts(p, p.has_left) || jsonb_strip_nulls(jsonb_build_object('sex', p.sex, 'birth', p.birth)) AS facts
FROM pop p, unnest(ARRAY['esf+', 'esf']) f;
SELECT is((SELECT count(*) FROM record WHERE attest.esf_codes(framework, attest.esf_indicator_set(framework, facts)) <> attest.esf_indicators(framework, facts)),
  0::bigint, 'the set has the codes of esf_indicators()');
SELECT is_empty($$
  SELECT h.* FROM by_hand h JOIN (SELECT framework, attest.tally_esf(framework, sex, attest.esf_indicator_set(framework, facts)) AS t FROM record GROUP BY 1) a USING (framework)
  WHERE (h.women, h.men, h.non_binary, h.total, h.incomplete) IS DISTINCT FROM (attest.esf_count(t, code, 'F'), attest.esf_count(t, code, 'M'),
    attest.esf_count(t, code, 'N'), attest.esf_count(t, code), attest.esf_count(t, 'incomplete'))$$,
  'tally_esf() over 10,000 records equals plain SQL, by framework, code and gender');
SELECT ok((SELECT min(total) FROM by_hand) > 0, 'every code is counted for somebody: no formula is vacuous');

-- --- parallel ---
CREATE TABLE public.esf_rows AS SELECT framework, sex, attest.esf_indicator_set(framework, facts) AS indicators FROM record;
CREATE TABLE public.esf_parts AS SELECT framework, attest.tally_esf(framework, sex, indicators) AS t FROM public.esf_rows GROUP BY framework, indicators % 997;
ANALYZE public.esf_rows, public.esf_parts;
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || chr(10); END LOOP; RETURN plan; END $$;
SELECT string_agg(framework || t::text, ' ' ORDER BY framework) AS serial FROM (SELECT framework, attest.tally_esf(framework, sex, indicators) AS t FROM public.esf_rows GROUP BY 1) x \gset
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT matches(pg_temp.plan_of('SELECT framework, attest.tally_esf(framework, sex, indicators) FROM public.esf_rows GROUP BY 1'), 'Partial (Hash|Group)Aggregate', 'tally_esf() has a parallel plan');
SELECT matches(pg_temp.plan_of('SELECT framework, attest.merge_esf_tally(t) FROM public.esf_parts GROUP BY 1'), 'Partial (Hash|Group)Aggregate', 'merge_esf_tally() has a parallel plan');
SELECT is((SELECT string_agg(framework || t::text, ' ' ORDER BY framework) FROM (SELECT framework, attest.tally_esf(framework, sex, indicators) AS t FROM public.esf_rows GROUP BY 1) x),
  :'serial', 'tally_esf() in parallel equals one process');
SELECT is((SELECT string_agg(framework || t::text, ' ' ORDER BY framework) FROM (SELECT framework, attest.merge_esf_tally(t) AS t FROM public.esf_parts GROUP BY 1) x),
  :'serial', 'merge_esf_tally() of parts, in parallel, equals the whole');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- --- in the database: recorded, sealed, counted in running totals ---
SELECT attest.create_tenant('esf-year', 'ESF', 'departement'), attest.create_account('esf-year', 'boss', 'manager') \g /dev/null
SELECT attest.issue_ticket('esf-year', 'boss') AS ticket \gset
SELECT attest.enter(:'ticket') \g /dev/null
SELECT attest.create_operation('PLUS', 'Plus', 'esf+', '2018-01-01', '2021-12-31') AS plus, attest.create_operation('OLD', 'Old', 'esf', '2018-01-01', '2021-12-31') AS old \gset
SELECT count(*) FROM (VALUES (1)) v, attest.import_people((SELECT 'reference,profile,last_name,first_name,gender,birth_date' || chr(10)
  || string_agg(format('P-%s,beneficiary,L%s,F%s,%s,%s', n, n, n, sex, birth), chr(10)) FROM pop)) i WHERE i.outcome <> 'loaded' \g /dev/null
CREATE TEMP TABLE who ON COMMIT DROP AS SELECT substr(reference, 3)::int AS n, person_id FROM attest_data.person WHERE tenant_id = attest.current_tenant();
CREATE TEMP TABLE joined ON COMMIT DROP AS
SELECT w.n, o.operation, attest.record_participation(o.operation, w.person_id, pg_temp.facts(p, p.has_left)) AS participation
FROM who w JOIN pop p USING (n) CROSS JOIN (VALUES (:'plus'::uuid), (:'old'::uuid)) o (operation);
SELECT is((SELECT count(*) FROM joined), 10000::bigint, '5,000 people take part in an operation of each framework');
SELECT is(pg_temp.differences(), 0::bigint, 'reports equal plain SQL once recorded');
CREATE TEMP TABLE first_report ON COMMIT DROP AS SELECT c.operation, r.* FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation) r;
CREATE TEMP TABLE by_period ON COMMIT DROP AS SELECT p.* FROM period_end CROSS JOIN LATERAL pg_temp.differences_by(d) p;
SELECT is((SELECT sum(differ) FROM by_period), 0::numeric, 'by the ends of periods, all recorded after them, they do too');
SELECT is((SELECT count(DISTINCT people) FROM by_period), 5::bigint, 'each before the last exits with numbers of its own');
SELECT is((SELECT count(*) FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation, period_end => '2018-01-09') r WHERE r.total > 0 OR r.incomplete > 0), 0::bigint,
  'before the first entry, nobody');
CREATE TEMP TABLE first_half ON COMMIT DROP AS SELECT c.operation, r.* FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation, period_end => '2019-06-30') r;
SELECT clock_timestamp() AS recorded \gset

-- --- exits told later, changes, corrections, second stays: the plain columns change in the same way ---
SELECT count(attest.record_exit(j.participation, (pg_temp.results(p.n) ->> 'exit')::date, pg_temp.results(p.n) - 'exit' - 'changes_after_exit'))
FROM joined j JOIN pop p USING (n) WHERE NOT p.has_left AND p.leaves_later \g /dev/null
-- In the order in which they were told: of two on one day the later one counts.
SELECT count(attest.record_change_after_exit(x.participation, x.changed, x.status)) FROM (
  SELECT j.participation, c.changed, c.status FROM joined j JOIN pop p USING (n) JOIN change c USING (n)
  WHERE NOT p.has_left AND p.leaves_later ORDER BY j.participation, c.seq OFFSET 0) x \g /dev/null
UPDATE pop SET has_left = true WHERE leaves_later;

UPDATE pop SET status_entry = 'unemployed', months = 13, minority = 'true', isced = 5, in_education = NULL WHERE n % 7 = 0;
SELECT count(attest.correct_participation(j.participation, '{"status_entry": "unemployed", "unemployed_months": 13, "minority": true, "isced": 5, "in_education": null}', 'file read again'))
FROM joined j WHERE n % 7 = 0 \g /dev/null

INSERT INTO returned SELECT n FROM pop WHERE has_left AND n % 5 = 0;
INSERT INTO first_result SELECT r.* FROM result r JOIN returned USING (n);
INSERT INTO first_change SELECT c.* FROM change c JOIN returned USING (n);
UPDATE result SET exit = date '2021-06-30', status_exit = 'employed', new_education = NULL, qualification = 'true', status_6m = NULL, improved = 'true',
  completed = NULL, offer = 'true', education_6m = NULL, self_employed = NULL WHERE n IN (SELECT n FROM pop WHERE has_left AND n % 5 = 0);
DELETE FROM change WHERE n IN (SELECT n FROM pop WHERE has_left AND n % 5 = 0);
SELECT count(attest.record_participation(j.operation, w.person_id, '{"entry": "2021-03-01", "exit": "2021-06-30", "status_exit": "employed", "qualification": true,
  "improved_6m": true, "yei_offer": true, "status_entry": "employed", "isced": 8}'))
FROM joined j JOIN who w USING (n) JOIN pop p USING (n) WHERE p.has_left AND n % 5 = 0 \g /dev/null
-- Corrected after the second stay, what was true at entry counts for the first stay too.
UPDATE pop SET status_entry = 'employed', months = NULL WHERE n % 11 = 0;
SELECT count(attest.correct_participation(j.participation, '{"status_entry": "employed", "unemployed_months": null}', 'contract found'))
FROM joined j WHERE n % 11 = 0 \g /dev/null

TRUNCATE by_hand;
INSERT INTO by_hand TABLE by_hand_now;
SELECT is(pg_temp.differences(), 0::bigint, 'reports equal plain SQL after exits, changes, corrections and second stays');
SELECT is(pg_temp.differences(clock_timestamp()), 0::bigint, 'as of now, from versions, they do too');
SELECT is((SELECT sum(p.differ) FROM period_end CROSS JOIN LATERAL pg_temp.differences_by(d) p), 0::numeric,
  'by the ends of periods, before, between, in and after second stays, they do too');
TRUNCATE by_hand;
INSERT INTO by_hand TABLE by_hand_now;
SELECT is((SELECT count(*) FROM (SELECT c.operation, r.* FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation, :'recorded', '2019-06-30') r EXCEPT TABLE first_half) d), 0::bigint,
  'a period as of before is the one of before');
SELECT isnt((SELECT count(*) FROM (SELECT c.operation, r.* FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation, period_end => '2019-06-30') r EXCEPT TABLE first_half) d), 0::bigint,
  'and not the one of now');
SELECT is((SELECT count(*) FROM code_of c CROSS JOIN period_end CROSS JOIN LATERAL attest.esf_check(c.operation, period_end => d) k WHERE NOT k.ok), 0::bigint, 'every arithmetic rule holds by the end of each period');
SELECT is((SELECT count(*) FROM (SELECT c.operation, r.* FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation, :'recorded') r EXCEPT TABLE first_report) d), 0::bigint,
  'as of before, the report is the one of before');
SELECT isnt((SELECT count(*) FROM (SELECT c.operation, r.* FROM code_of c CROSS JOIN LATERAL attest.esf_report(c.operation) r EXCEPT TABLE first_report) d), 0::bigint,
  'and not the one of now');
SELECT cmp_ok(attest_internal.esf_totals_job(), '>', 10000::bigint, 'what is pending is added to the running totals');
SELECT is(pg_temp.differences(), 0::bigint, 'reports equal plain SQL from running totals alone');
SELECT is((SELECT count(*) FROM code_of c CROSS JOIN LATERAL attest.recount_esf(c.operation) r WHERE NOT r.ok), 0::bigint, 'counting every record again gives the same');
SELECT is((SELECT count(*) FROM code_of c CROSS JOIN LATERAL attest.esf_check(c.operation) k WHERE NOT k.ok), 0::bigint, 'every arithmetic rule holds, for each gender');
SELECT * FROM finish();
ROLLBACK;
