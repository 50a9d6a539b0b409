\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'America/New_York';
\set strokes `python3 -c 'import json; print(json.dumps(json.load(open("demo/signatures/s04-1.json"))["strokes"]))'`
-- A département of its own; the client sits in another time zone than the tenant.
SELECT attest.create_tenant('rsa', 'Département', 'departement') > 0 AS tenant;
SELECT attest.create_account('rsa', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.issue_ticket('rsa', 'boss') AS boss \gset
CREATE FUNCTION pg_temp.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  code text; message text; detail text;
BEGIN
  EXECUTE 'SELECT ' || call;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  RETURN code || ' ' || message || ' | ' || regexp_replace(detail, '[0-9a-f]{8}-[0-9a-f-]{27}', '<id>', 'g');
END
$$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender,birth_date,isced\n'
  'RSA-B1,beneficiary,Un,Ada,F,1990-05-01,3\nRSA-B2,beneficiary,Deux,Bob,M,2001-12-31,2\nRSA-B3,beneficiary,Trois,Cléo,F,1966-01-01,5\n'
  'RSA-B4,beneficiary,Quatre,Dan,M,,\nRSA-R1,department_referent,Référente,Rita,F,,\nRSA-R2,external_referent,Externe,Xavier,M,,\n'
  'RSA-R3,counsellor,Conseil,Carla,F,,\nRSA-T1,trainer,Neuf,Tina,F,,\n');
SELECT person_id AS ada FROM attest.people WHERE reference = 'RSA-B1' \gset
SELECT person_id AS bob FROM attest.people WHERE reference = 'RSA-B2' \gset
SELECT person_id AS cleo FROM attest.people WHERE reference = 'RSA-B3' \gset
SELECT person_id AS dan FROM attest.people WHERE reference = 'RSA-B4' \gset
SELECT person_id AS rita FROM attest.people WHERE reference = 'RSA-R1' \gset
SELECT person_id AS xavier FROM attest.people WHERE reference = 'RSA-R2' \gset
SELECT person_id AS carla FROM attest.people WHERE reference = 'RSA-R3' \gset
SELECT person_id AS tina FROM attest.people WHERE reference = 'RSA-T1' \gset
SELECT attest.assign_case(:'rita', :'ada', '2025-01-01'), attest.assign_case(:'rita', :'bob', '2025-01-01'),
  attest.assign_case(:'xavier', :'ada', '2025-06-01'), attest.assign_case(:'carla', :'ada', '2025-06-01') \g /dev/null
COMMIT;
SELECT attest.create_account('rsa', 'rita', 'department_referent', :'rita') IS NOT NULL AS rita, attest.create_account('rsa', 'xavier', 'external_referent', :'xavier') IS NOT NULL AS xavier,
  attest.create_account('rsa', 'carla', 'counsellor', :'carla') IS NOT NULL AS carla, attest.create_account('rsa', 'dpo', 'dpo') IS NOT NULL AS dpo,
  attest.create_account('rsa', 'ada', 'beneficiary', :'ada') IS NOT NULL AS ada, attest.create_account('rsa', 'tina', 'trainer', :'tina') IS NOT NULL AS tina;
SELECT attest.issue_ticket('rsa', 'rita') AS rita_ticket, attest.issue_ticket('rsa', 'xavier') AS xavier_ticket, attest.issue_ticket('rsa', 'carla') AS carla_ticket,
  attest.issue_ticket('rsa', 'dpo') AS dpo_ticket, attest.issue_ticket('rsa', 'ada') AS ada_ticket, attest.issue_ticket('rsa', 'tina') AS tina_ticket \gset

-- --- settings: every number of the follow-up, with its source ---
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT name, value, unit FROM attest.followup_settings();
SELECT count(*) FILTER (WHERE source = '') AS without_source FROM attest.followup_settings();
SELECT pg_temp.attempt($$attest.set_followup('coffee', '1')$$) UNION ALL
SELECT pg_temp.attempt($$attest.set_followup('low_weeks', '1')$$) UNION ALL
SELECT pg_temp.attempt($$attest.set_followup('low_weeks', NULL)$$) UNION ALL
SELECT pg_temp.attempt($$attest.set_followup('low_weeks', 'two')$$) UNION ALL
SELECT pg_temp.attempt($$attest.set_followup('zone', 'lune')$$);
ROLLBACK;
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT pg_temp.attempt($$attest.set_followup('low_weeks', '3')$$);
ROLLBACK;

-- --- organisations ---
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_organisation('CD', 'Service insertion', 'departement', '2020-01-01') AS cd, attest.create_organisation('FT', 'France Travail', 'france_travail', '2020-01-01') AS ft,
  attest.create_organisation('ML', 'Mission locale', 'mission_locale', '2020-01-01', '2025-12-31') AS ml, attest.create_organisation('IAE', 'Chantier', 'iae', '2020-01-01', siret => '73282932000074') AS iae \gset
SELECT pg_temp.attempt($$attest.create_organisation('CD', 'Again', 'caf', '2020-01-01')$$) UNION ALL
SELECT pg_temp.attempt($$attest.create_organisation('', 'x', 'caf', '2020-01-01')$$) UNION ALL
SELECT pg_temp.attempt($$attest.create_organisation('Z', 'x', 'circus', '2020-01-01')$$) UNION ALL
SELECT pg_temp.attempt($$attest.create_organisation('Z', 'x', 'caf', '2020-01-02', '2020-01-01')$$);
SELECT attest.join_organisation(:'rita', :'cd', '2024-01-01'), attest.join_organisation(:'xavier', :'cd', '2024-01-01'), attest.join_organisation(:'xavier', :'iae', '2025-06-01') \g /dev/null
SELECT o.code, m.since, m.until FROM attest_data.referent_membership m JOIN attest_data.referent_organisation o USING (tenant_id, organisation_id) WHERE m.referent_id = :'xavier' ORDER BY 2;
SELECT pg_temp.attempt(format($$attest.join_organisation(%L, %L, '2025-06-01')$$, :'xavier', :'ft')) UNION ALL
SELECT pg_temp.attempt(format($$attest.join_organisation(%L, %L, '2026-06-01')$$, :'xavier', :'ml')) UNION ALL
SELECT pg_temp.attempt(format($$attest.join_organisation(%L, %L, '2026-06-01', '2026-05-01')$$, :'xavier', :'ft')) UNION ALL
SELECT pg_temp.attempt(format($$attest.join_organisation(%L, NULL, '2026-06-01')$$, :'xavier'));
COMMIT;

-- --- the right, the orientation ---
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT attest.record_situation(:'ada', '2025-03-03', '{"rights": "open", "obliged": true, "applied_on": "2025-02-20", "registered_on": "2025-02-20",
  "informed_on": "2025-03-03", "entered_on": "2025-03-01", "couple": false, "children": true, "education": "V"}') IS NOT NULL AS ada;
SELECT attest.record_situation(:'bob', '2024-01-01', '{"rights": "open", "obliged": true, "entered_on": "2020-12-31", "couple": true, "children": false}') IS NOT NULL AS bob;
SELECT attest.record_situation(:'bob', '2025-11-01', '{"rights": "suspended"}') IS NOT NULL AS bob_suspended;
SELECT since, rights, obliged, entered_on, couple FROM attest_data.rsa_situation WHERE person_id = :'bob' ORDER BY since;
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '{"obliged": true}')$$, :'ada')) AS carried UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2999-03-03', '{"rights": "open"}')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '{"rights": "half"}')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '{"right": "open"}')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '{"education": "VII"}')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '[]')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '{"rights": "open"}')$$, :'cleo')) AS not_on_her_caseload;
-- Recorded by mistake: a month too early, then what never was. Taken back with a reason, kept, known as of then.
SELECT attest.record_situation(:'bob', '2025-10-01', '{"rights": "closed", "education": "IV"}') AS early \gset
SELECT clock_timestamp() AS known \gset
SELECT attest.cancel_record('situation', :'early', 'a month too early') IS NOT NULL AS cancelled;
SELECT n, rights, education FROM (VALUES (1, 'infinity'::timestamptz), (2, :'known')) k (n, at), attest_internal.situations_at(:'bob', '2025-10-15', k.at) ORDER BY n;
SELECT attest.record_situation(:'bob', '2025-10-15', '{"couple": false}') AS carried \gset
SELECT rights, education, couple FROM attest_internal.situations_at(:'bob', '2025-10-15', 'infinity');
SELECT attest.cancel_record('situation', :'carried', 'never') IS NOT NULL AS cancelled;
SELECT since, facts ->> 'rights' AS rights, facts ->> 'reason' AS reason, stands FROM attest.followup_file(:'bob') WHERE kind = 'situation' ORDER BY recorded_at;
SELECT pg_temp.attempt(format($$attest.cancel_record('situation', %L, 'again')$$, :'early')) UNION ALL
SELECT pg_temp.attempt(format($$attest.cancel_record('situation', %L, '')$$, (SELECT situation_id FROM attest_data.rsa_situation WHERE person_id = :'ada' LIMIT 1)));
SELECT attest.orient(:'ada', :'cd', '2025-04-14', 'social', '2025-04-16') AS first \gset
SELECT attest.orient(:'ada', :'cd', '2025-04-14', 'social', '2025-04-15', reason => 'wrong day', corrects => :'first') AS second \gset
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-04-14', 'social', corrects => %L, reason => 'x')$$, :'ada', :'cd', :'first')) AS replaced_already UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-04-14', 'social', corrects => %L)$$, :'ada', :'cd', :'second')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-04-14', 'social', corrects => %L, reason => 'x')$$, :'bob', :'cd', :'second')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2026-02-01', 'social')$$, :'ada', :'ml')) AS closed UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, NULL, '2026-02-01', 'social')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2999-02-01', 'social')$$, :'ada', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-02-02', 'social', '2025-02-01')$$, :'ada', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-02-02', 'moon')$$, :'ada', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-02-02', 'social', decided_by => 'boss')$$, :'ada', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-02-02', 'social', outcome => 'x')$$, :'ada', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-02-02', 'social', outcome => 'maintained')$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt($$attest.cancel_record('orientation', NULL, 'x')$$) UNION ALL
SELECT pg_temp.attempt($$attest.cancel_record('dinner', NULL, 'x')$$) UNION ALL
SELECT pg_temp.attempt(format($$attest.cancel_record('orientation', %L, '')$$, :'second'));
COMMIT;
-- An external referent does not decide.
BEGIN; SELECT attest.enter(:'xavier_ticket') \g /dev/null
SELECT pg_temp.attempt(format($$attest.orient(%L, %L, '2025-02-02', 'social')$$, :'ada', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_situation(%L, '2025-03-03', '{"rights": "closed"}')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.cancel_record('situation', %L, 'x')$$, (SELECT situation_id FROM attest_data.rsa_situation WHERE person_id = :'ada' LIMIT 1))) UNION ALL
SELECT pg_temp.attempt(format($$attest.create_organisation('Z', 'x', 'caf', '2020-01-02')$$));
ROLLBACK;
-- Without any situation that stands, nobody is of the follow-up.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_situation(:'cleo', '2025-03-03', '{"rights": "open"}') AS mistaken \gset
SELECT people FROM attest.followup_report('2025-03-03', '2025-03-09', 'all');
SELECT attest.cancel_record('situation', :'mistaken', 'another person') IS NOT NULL AS cancelled;
SELECT people FROM attest.followup_report('2025-03-03', '2025-03-09', 'all');
ROLLBACK;

-- --- contracts: 15 hours by default, fewer with a ground (Labour Code L5411-6) ---
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT attest.sign_contract(:'ada', :'cd', '2025-05-12', '2025-05-14', '2025-10-31', actions => '{mobility,skills,mobility}') AS contract \gset
SELECT weekly_minutes, actions, ground FROM attest_data.engagement_contract WHERE contract_id = :'contract';
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-06-01', '2025-07-31')$$, :'ada', :'cd')) AS overlaps UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', weekly_minutes => 899)$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', weekly_minutes => 2101)$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', weekly_minutes => 0, ground => 'health')$$, :'bob', :'cd')) AS never_zero UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', weekly_minutes => 600, ground => 'laziness')$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2999-05-12', '2025-05-12')$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', '2025-05-11')$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', kind => 'pact')$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', actions => '{singing}')$$, :'bob', :'cd')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2026-05-12', '2026-05-12')$$, :'bob', :'ml')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-12', renews => %L)$$, :'bob', :'cd', :'contract')) UNION ALL
SELECT pg_temp.attempt(format($$attest.sign_contract(%L, %L, '2025-05-12', '2025-05-14', renews => %L)$$, :'ada', :'cd', :'contract'));
-- A renewal ends the contract before it; the ground is sealed.
SELECT attest.sign_contract(:'ada', :'cd', '2025-09-25', '2025-10-01', NULL, 600, 'single_parent', '{care}', renews => :'contract') AS renewed \gset
SELECT c.starts_on, c.ends_on, c.weekly_minutes, c.renews IS NOT NULL AS renews FROM attest_internal.contracts_at(:'ada', 'infinity') c ORDER BY 1;
SELECT since, facts - 'contract_id' - 'organisation_id' - 'renews' - 'replaces' AS facts, stands FROM attest.followup_file(:'ada') WHERE kind = 'contract' ORDER BY recorded_at;
SELECT count(*) AS in_clear FROM attest_data.engagement_contract c WHERE c.person_id = :'ada' AND to_jsonb(c)::text ~ 'single_parent';
COMMIT;
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT kind, ground FROM attest.commitment_grounds();
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'reduction', 'health', '2025-06-02', '2025-06-08')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'exemption', 'health', '2025-06-02', '2025-06-08', 10, requested_on => '2025-06-01')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'exemption', 'health', '2025-06-02', '2025-06-08')$$, :'ada')) AS on_request_only UNION ALL
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'exemption', 'individual_situation', '2025-06-02', '2025-06-08', requested_on => '2025-06-01')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'holiday', 'health', '2025-06-02')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'leave', 'sick_leave', '2025-06-08', '2025-06-02')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'leave', NULL, '2025-06-02')$$, :'ada'));
-- Reduced from Wednesday 4 June for two weeks; exempted from 16 to 18 June; on leave in the week of 23 June.
SELECT attest.record_period(:'ada', 'reduction', 'health', '2025-06-04', '2025-06-15', 300) IS NOT NULL AS reduced,
  attest.record_period(:'ada', 'exemption', 'carer', '2025-06-16', '2025-06-20', requested_on => '2025-06-10', decided_on => '2025-06-12') AS exempted,
  attest.record_period(:'ada', 'leave', 'sick_leave', '2025-06-23', '2025-06-27') IS NOT NULL AS leave \gset
SELECT pg_temp.attempt(format($$attest.record_period(%L, 'exemption', 'carer', '2025-06-20', requested_on => '2025-06-10')$$, :'ada'));
SELECT attest.record_period(:'ada', 'exemption', 'carer', '2025-06-16', '2025-06-18', requested_on => '2025-06-10', corrects => :'exempted', reason => 'ends earlier') IS NOT NULL AS corrected;
-- A fifth a day from Monday to Friday: three days of the first week, 2 x 180 + 3 x 60, 5 x 60, 2 x 180, then a whole one.
SELECT week, commitment, circumstances FROM attest.weekly_account(:'ada', '2025-05-12', '2025-06-29');
COMMIT;

-- --- activities, and the account of weeks ---
BEGIN; SELECT attest.enter(:'carla_ticket') \g /dev/null
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'nap', 60, day => '2025-05-14')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 60)$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 60, day => '2999-05-14')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 0, day => '2025-05-14')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', NULL, day => '2025-05-14')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 1441, day => '2025-05-14')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 60, day => '2025-05-14', outcome => 'absent')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', NULL, day => '2025-05-14', outcome => 'planned')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', NULL, day => '2025-05-14', outcome => 'late')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 60, day => '2025-05-14')$$, :'bob')) AS not_on_her_caseload;
-- Two hours with a start, of which one overlaps another activity; half an hour without; a client that repeats itself.
SELECT attest.record_activity(:'ada', 'workshop', 120, '2025-05-14 09:00+02', proof => 'DOC-12', note => 'CV', client_id => '11111111-1111-4111-8111-111111111111') AS workshop \gset
SELECT attest.record_activity(:'ada', 'workshop', 120, '2025-05-14 09:00+02', client_id => '11111111-1111-4111-8111-111111111111') = :'workshop' AS same;
SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'workshop', 90, '2025-05-14 09:00+02', client_id => '11111111-1111-4111-8111-111111111111')$$, :'ada'));
SELECT attest.record_activity(:'ada', 'interview', 90, '2025-05-14 10:00+02') AS interview, attest.record_activity(:'ada', 'job_search', 30, day => '2025-05-15') IS NOT NULL AS steps \gset
SELECT minutes, training, low FROM attest.weekly_account(:'ada', '2025-05-12', '2025-05-12') AS overlapping;
-- A correction is a new event: 30 minutes only. Then it is cancelled.
SELECT attest.record_activity(:'ada', 'interview', 30, '2025-05-14 10:00+02', corrects => :'interview', reason => 'left early') AS corrected \gset
SELECT minutes FROM attest.weekly_account(:'ada', '2025-05-12', '2025-05-12') AS corrected;
SELECT attest.cancel_record('activity', :'workshop', 'another person') IS NOT NULL AS cancelled;
SELECT minutes FROM attest.weekly_account(:'ada', '2025-05-12', '2025-05-12') AS cancelled;
SELECT pg_temp.attempt(format($$attest.cancel_record('activity', %L, 'again')$$, :'workshop'));
SELECT facts ->> 'kind' AS kind, facts ->> 'minutes_done' AS done, facts ->> 'proof' AS proof, facts ->> 'note' AS note, facts ->> 'reason' AS reason, stands FROM attest.followup_file(:'ada') WHERE kind = 'activity' ORDER BY recorded_at;
COMMIT;
-- Nothing is overwritten or deleted, by anybody.
\set VERBOSITY sqlstate
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
UPDATE attest_data.activity SET minutes_done = 0; ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
DELETE FROM attest_data.orientation; ROLLBACK;
\set VERBOSITY default

-- ISO weeks, in local time: across new year, a year of 53 weeks, both changes of the clock, Sunday to Monday.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_activity(:'dan', 'work', 60, day => d) IS NOT NULL AS made FROM unnest('{2020-12-31,2021-01-01,2021-01-03,2021-01-04,2024-12-29,2024-12-30,2026-01-01}'::date[]) d \g /dev/null
SELECT iso_week, week, minutes FROM attest.weekly_account(:'dan', '2020-12-28', '2026-01-04') ORDER BY week;
-- 22:00 on Sunday to 02:00 on Monday, Paris: half in each week. On 29 March 2026 the clock jumps from 2 to 3: 01:30 and 60 minutes end at 03:30.
SELECT attest.record_activity(:'dan', 'work', 240, '2026-02-08 22:00+01') IS NOT NULL AS night,
  attest.record_activity(:'dan', 'work', 60, '2026-03-29 01:30+01') IS NOT NULL AS spring, attest.record_activity(:'dan', 'workshop', 60, '2026-03-29 03:00+02') IS NOT NULL AS overlapping,
  -- On 25 October 2026 02:30 comes twice: two different hours.
  attest.record_activity(:'dan', 'work', 60, '2026-10-25 02:00+02') IS NOT NULL AS autumn, attest.record_activity(:'dan', 'work', 60, '2026-10-25 02:00+01') IS NOT NULL AS again;
SELECT iso_week, minutes FROM attest.weekly_account(:'dan', '2026-02-02', '2026-11-01') ORDER BY week;
COMMIT;

-- Training comes from attendance by itself; late is the end of the slot, so the interview before it does not overlap.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.create_course('RSA-1', 'Remise à niveau', 'integration') AS course \gset
SELECT attest.plan_session(:'course', 'Juillet', '2025-07-01', '2025-07-31', 'Nantes') AS session \gset
SELECT attest.enrol(:'session', :'ada') IS NOT NULL AS enrolled;
SELECT attest.plan_slot(:'session', '2025-07-01 09:00+02', '2025-07-01 12:00+02') AS slot_1, attest.plan_slot(:'session', '2025-07-02 09:00+02', '2025-07-02 12:00+02') AS slot_2,
  attest.plan_slot(:'session', '2025-07-08 09:00+02', '2025-07-08 12:00+02') AS slot_3, attest.plan_slot(:'session', '2025-07-15 09:00+02', '2025-07-15 12:00+02') AS slot_4 \gset
SELECT attest.record_presence(:'slot_1', :'ada', 'late', 'bus', 120) IS NOT NULL AS late, attest.record_activity(:'ada', 'interview', 90, '2025-07-01 08:45+02') IS NOT NULL AS interview;
SELECT attest.record_presence(:'slot_3', :'ada', 'absent', 'not seen') IS NOT NULL AS absent;
-- W27: 120 minutes of the slot until 12:00, 90 of interview until 10:15, of which 15 overlap; a slot not recorded. W28: absent, which is known, and zero. W29: nothing is known.
SELECT iso_week, state, minutes, training, commitment, low, pending FROM attest.weekly_account(:'ada', '2025-06-30', '2025-07-20');
COMMIT;

-- --- alerts: two consecutive low weeks that were recorded ---
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT code, since, until, facts FROM attest.followup_alerts(:'ada', '2025-07-14') WHERE code = 'LOW_WEEKS';
-- The slot not recorded is three hours: it would not have been enough. Were it, nothing could be said.
SELECT attest.record_activity(:'ada', 'immersion', 600, day => '2025-07-03') AS immersion \gset
SELECT iso_week, minutes, pending, commitment, low FROM attest.weekly_account(:'ada', '2025-06-30', '2025-06-30');
SELECT count(*) AS alerts FROM attest.followup_alerts(:'ada', '2025-07-14') WHERE code = 'LOW_WEEKS';
ROLLBACK;
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
-- An unknown week breaks the series: low in W27, W28, unknown in W29, low in W30 and W31; the week that runs says nothing.
SELECT attest.record_activity(:'ada', 'job_search', 30, day => d) IS NOT NULL AS made FROM unnest('{2025-07-21,2025-07-30,2025-08-05}'::date[]) d \g /dev/null
SELECT since, until, facts FROM attest.followup_alerts(:'ada', '2025-07-28') WHERE code = 'LOW_WEEKS';
SELECT since, until, facts FROM attest.followup_alerts(:'ada', '2025-08-05') WHERE code = 'LOW_WEEKS';
-- One single low week is none; nor is a week of leave.
SELECT attest.record_period(:'ada', 'leave', 'sick_leave', '2025-07-30', '2025-07-30') IS NOT NULL AS leave;
SELECT since, until, facts FROM attest.followup_alerts(:'ada', '2025-08-05') WHERE code = 'LOW_WEEKS';
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_followup('low_weeks', '3');
SELECT count(*) AS alerts FROM attest.followup_alerts(:'ada', '2025-07-14') WHERE code = 'LOW_WEEKS';
ROLLBACK;

-- What the job states because nobody stated anything is not known, and no zero: a tablet that was down for two weeks alerts nobody.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.plan_slot(:'session', '2025-07-22 09:00+02', '2025-07-22 12:00+02') AS slot_5, attest.plan_slot(:'session', '2025-07-29 09:00+02', '2025-07-29 12:00+02') AS slot_6 \gset
SELECT attest_internal.attendance_absence_job() AS absences;
SELECT status, method, count(*) FROM attest.presences WHERE session_id = :'session' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT iso_week, state, minutes, training, low, pending FROM attest.weekly_account(:'ada', '2025-06-30', '2025-08-03');
SELECT since, until, facts FROM attest.followup_alerts(:'ada', '2025-08-04') WHERE code = 'LOW_WEEKS';
-- A dispute tells nothing either. What somebody states is known, disputed or not; so is what a trainer countersigns.
SELECT attest.dispute(:'slot_4', :'ada', 'I was there') IS NOT NULL AS unknown, attest.record_presence(:'slot_5', :'ada', 'absent', 'not seen') IS NOT NULL AS stated,
  attest.dispute(:'slot_5', :'ada', 'I was there') IS NOT NULL AS stated_and_disputed;
SELECT attest.assign_trainer(:'slot_6', :'tina') \g /dev/null
COMMIT;
BEGIN; SELECT attest.enter(:'tina_ticket') \g /dev/null
SELECT attest.countersign(:'slot_6', :'strokes') IS NOT NULL AS countersigned;
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT iso_week, state, minutes, pending FROM attest.weekly_account(:'ada', '2025-07-14', '2025-08-03');
COMMIT;

-- --- deadlines, each with its source ---
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
-- Six weeks from 3 March 2025 is 14 April; a month from the notification of 15 April is 15 May; six months from the decision is 14 October.
SELECT deadline, starts_on, due_on, done_on, state, source FROM attest.deadlines(:'ada', '2025-04-13') ORDER BY 2, 1;
SELECT deadline, due_on, done_on, state FROM attest.deadlines(:'ada', '2025-05-11') WHERE deadline <> 'registration' ORDER BY 2, 1;
SELECT deadline, due_on, done_on, state FROM attest.deadlines(:'ada', '2025-10-15') WHERE deadline <> 'registration' ORDER BY 2, 1;
-- A re-examination that maintains does not start a new month, a new orientation does; vulnerabilities make it twelve months.
SELECT attest.orient(:'ada', :'cd', '2025-10-01', 'social', outcome => 'maintained', vulnerable => true) IS NOT NULL AS maintained,
  attest.orient(:'ada', :'iae', '2026-03-02', 'employment', '2026-01-31'::date + 30) IS NOT NULL AS reoriented;
SELECT deadline, starts_on, due_on, done_on, state FROM attest.deadlines(:'ada', '2026-03-03') WHERE deadline IN ('contract', 'review') ORDER BY 2, 1;
-- Before 2025: two years; the right is suspended, not closed.
SELECT deadline, starts_on, due_on, state, source FROM attest.deadlines(:'bob', '2027-01-01');
SELECT state FROM attest.deadlines(:'bob', '2027-01-02');
SELECT attest.orient(:'bob', :'ft', '2026-01-30', 'employment', '2026-01-31') AS bobs \gset
SELECT deadline, starts_on, due_on, state FROM attest.deadlines(:'bob', '2026-02-28');
SELECT attest.orient(:'bob', :'cd', '2026-02-20', 'employment', '2026-02-20') IS NOT NULL AS again;
SELECT deadline, starts_on, due_on, state FROM attest.deadlines(:'bob', '2026-03-01');
SELECT attest.record_situation(:'bob', '2026-03-10', '{"rights": "closed"}') IS NOT NULL AS closed;
SELECT deadline, due_on, state FROM attest.deadlines(:'bob', '2026-03-21');
-- Nothing was known yet an hour ago.
SELECT count(*) AS known FROM attest.deadlines(:'bob', '2026-03-21', now() - interval '1 hour');
SELECT code, facts FROM attest.followup_alerts(:'ada', '2026-04-15') WHERE code = 'DEADLINE_PASSED';
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
-- 28 February 2026 is a Saturday: extended to Monday (Code of Civil Procedure, art. 642) where the tenant says so; three years overseas.
SELECT attest.set_followup('extend_deadlines', '1'), attest.set_followup('zone', 'reunion') \g /dev/null
SELECT due_on FROM attest.deadlines(:'bob', '2026-01-01') WHERE deadline = 'contract_stock';
SELECT attest.orient(:'bob', :'ft', '2026-01-30', 'employment', '2026-01-31') IS NOT NULL AS oriented;
SELECT due_on FROM attest.deadlines(:'bob', '2026-02-28') WHERE deadline = 'contract';
SELECT attest.set_followup('contract_months', '2') \g /dev/null
SELECT due_on FROM attest.deadlines(:'bob', '2026-02-28') WHERE deadline = 'contract';
ROLLBACK;

-- --- interactions and comments: sealed, for those who follow the person ---
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'convocation', 'Come', '2025-09-01 10:00+02')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'sermon', 'Come')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'call', '')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'call', 'x', '2999-01-01')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'call', 'x', audience => 'world')$$, :'ada')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'call', 'x', follows => %L)$$, :'ada', :'bob')) UNION ALL
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'call', 'x')$$, :'cleo')) AS not_on_her_caseload;
SELECT attest.record_interaction(:'ada', 'invitation', 'Premier rendez-vous', '2025-09-01 10:00+02') AS invitation, attest.record_interaction(:'ada', 'comment', 'Confidentiel CD', '2025-09-02 10:00+02', audience => 'organisation') AS private,
  attest.record_interaction(:'ada', 'comment', 'Pour moi', '2025-09-02 11:00+02', audience => 'author') IS NOT NULL AS own \gset
-- Three days without an answer.
SELECT count(*) FROM attest.followup_alerts(:'ada', '2025-09-03') WHERE code = 'INVITATION_UNANSWERED';
SELECT since, facts FROM attest.followup_alerts(:'ada', '2025-09-04') WHERE code = 'INVITATION_UNANSWERED';
SELECT attest.record_interaction(:'ada', 'reminder', 'Rappel', '2025-09-04 10:00+02', follows => :'invitation') IS NOT NULL AS reminder,
  attest.record_interaction(:'ada', 'convocation', 'Convocation', '2025-09-08 10:00+02') IS NOT NULL AS convocation;
SELECT count(*) FROM attest.followup_alerts(:'ada', '2025-09-08') WHERE code = 'INVITATION_UNANSWERED';
-- Corrected twice, the invitation has been answered all the same.
SAVEPOINT twice;
SELECT attest.record_interaction(:'ada', 'invitation', 'Premier rendez-vous, salle 2', '2025-09-01 10:00+02', corrects => :'invitation', reason => 'room') AS invitation_2 \gset
SELECT attest.record_interaction(:'ada', 'invitation', 'Premier rendez-vous, salle 3', '2025-09-01 10:00+02', corrects => :'invitation_2', reason => 'room') IS NOT NULL AS corrected_twice;
SELECT count(*) FROM attest.followup_alerts(:'ada', '2025-09-08') WHERE code = 'INVITATION_UNANSWERED';
ROLLBACK TO twice;
SELECT count(*) AS no_contact FROM attest.followup_alerts(:'ada', '2025-11-06') WHERE code = 'NO_CONTACT';
SELECT since, facts FROM attest.followup_alerts(:'ada', '2025-11-07') WHERE code = 'NO_CONTACT';
-- Nobody ever spoke to Bob, who entered in 2020; nor to Ada until the first invitation, six months after the département was informed.
SELECT since, facts FROM attest.followup_alerts(:'bob', '2025-11-07') WHERE code = 'NO_CONTACT';
SELECT since, facts FROM attest.followup_alerts(:'ada', '2025-08-31') WHERE code = 'NO_CONTACT';
SELECT count(*) AS too_early FROM attest.followup_alerts(:'ada', '2025-05-01') WHERE code = 'NO_CONTACT';
SELECT kind, happened_at AT TIME ZONE 'Europe/Paris' AS at, organisation, audience, corrected, content FROM attest.read_interactions(:'ada');
SELECT count(*) AS in_clear FROM attest_data.interaction i WHERE to_jsonb(i)::text ~ 'Confidentiel|rendez';
COMMIT;
-- The external referent works for another organisation: what is for the caseload only, and nobody corrects another one's.
BEGIN; SELECT attest.enter(:'xavier_ticket') \g /dev/null
SELECT kind, organisation, content FROM attest.read_interactions(:'ada');
SELECT pg_temp.attempt(format($$attest.record_interaction(%L, 'comment', 'x', corrects => %L, reason => 'x')$$, :'ada', :'private')) UNION ALL
SELECT pg_temp.attempt(format($$attest.cancel_record('interaction', %L, 'x')$$, :'private')) UNION ALL
SELECT pg_temp.attempt(format($$attest.read_interactions(%L)$$, :'bob')) AS not_on_his_caseload;
COMMIT;
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT attest.record_interaction(:'ada', 'comment', 'Corrigé', '2025-09-02 10:00+02', audience => 'caseload', corrects => :'private', reason => 'for all') IS NOT NULL AS corrected;
COMMIT;
BEGIN; SELECT attest.enter(:'xavier_ticket') \g /dev/null
SELECT content, corrected FROM attest.read_interactions(:'ada') WHERE kind = 'comment';
COMMIT;
-- The manager, a trainer and the person do not read them; the DPO sees all, and who has read.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT pg_temp.attempt(format($$attest.read_interactions(%L)$$, :'ada'));
ROLLBACK;
BEGIN; SELECT attest.enter(:'ada_ticket') \g /dev/null
SELECT pg_temp.attempt(format($$attest.read_interactions(%L)$$, :'ada')) UNION ALL SELECT pg_temp.attempt(format($$attest.followup_file(%L)$$, :'bob'));
SELECT count(*) > 0 AS own_file FROM attest.followup_file(:'ada');
SELECT count(*) AS weeks FROM attest.weekly_account(NULL, '2025-05-12', '2025-05-12');
ROLLBACK;
SET ROLE app;
BEGIN; SELECT attest.enter(:'tina_ticket') \g /dev/null
\set VERBOSITY sqlstate
SELECT attest.weekly_account(:'ada'); ROLLBACK;
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT count(*) FROM attest_data.interaction; ROLLBACK;
RESET ROLE;
\set VERBOSITY default
BEGIN; SELECT attest.enter(:'dpo_ticket') \g /dev/null
SELECT count(*) FROM attest.read_interactions(:'ada');
SELECT profile, interactions FROM attest.interaction_readings(:'ada');
ROLLBACK;
-- Opposition: hidden from the counsellor from the next statement on, not from the referents.
BEGIN; SELECT attest.enter(:'carla_ticket') \g /dev/null
SELECT count(*) AS weeks FROM attest.weekly_account(:'ada', '2025-05-12', '2025-05-12');
ROLLBACK;
BEGIN; SELECT attest.enter(:'ada_ticket') \g /dev/null
SELECT attest.object(:'ada') \g /dev/null
COMMIT;
BEGIN; SELECT attest.enter(:'carla_ticket') \g /dev/null
SELECT count(*) AS weeks FROM attest.weekly_account(NULL, '2025-05-12', '2025-05-12');
SELECT count(*) AS deadlines FROM attest.deadlines(NULL, '2025-05-12');
SELECT count(*) AS alerts FROM attest.followup_alerts(NULL, '2025-07-14');
SELECT pg_temp.attempt(format($$attest.read_interactions(%L)$$, :'ada')) UNION ALL SELECT pg_temp.attempt(format($$attest.record_activity(%L, 'work', 60, day => '2025-05-14')$$, :'ada'));
ROLLBACK;
BEGIN; SELECT attest.enter(:'rita_ticket') \g /dev/null
SELECT count(*) AS weeks FROM attest.weekly_account(:'ada', '2025-05-12', '2025-05-12');
ROLLBACK;

-- --- reports ---
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT group_code, people, with_contract, weeks, weeks_unknown, weeks_low, minutes, commitment, interactions, people_alerted FROM attest.followup_report('2025-06-30', '2025-07-20', 'all');
-- A year has its series of July too; a series across the beginning of the period ends in it.
SELECT people_alerted AS in_the_year FROM attest.followup_report('2025-01-01', '2025-12-31', 'all');
SELECT people_alerted AS across_the_start FROM attest.followup_report('2025-07-07', '2025-12-31', 'all');
SELECT people_alerted AS afterwards FROM attest.followup_report('2025-08-04', '2025-12-31', 'all');
SELECT group_code, people, with_contract, minutes FROM attest.followup_report('2025-06-30', '2025-07-20', 'organisation');
SELECT group_code, people, minutes FROM attest.followup_report('2025-06-30', '2025-07-20', 'path');
SELECT group_id = :'rita' AS rita, group_id = :'xavier' AS xavier, group_id = :'carla' AS carla, group_code, people FROM attest.followup_report('2025-06-30', '2025-07-20', 'referent') ORDER BY 1, 2, 3;
SELECT group_id = :'ada' AS ada, weeks, weeks_unknown, weeks_low, minutes FROM attest.followup_report('2025-06-30', '2025-07-20', 'person') ORDER BY 1;
-- In a period that has not ended, the week that runs says nothing yet.
SELECT attest_internal.local_day() AS today \gset
SELECT attest.sign_contract(:'dan', :'cd', :'today'::date - 28, :'today'::date - 28) IS NOT NULL AS signed,
  attest.record_activity(:'dan', 'job_search', 30, day => :'today'::date - 7) IS NOT NULL AS last_week, attest.record_activity(:'dan', 'job_search', 30, day => :'today'::date) IS NOT NULL AS this_week;
SELECT people_alerted FROM attest.followup_report(:'today'::date - 28, :'today'::date + 30, 'person') WHERE group_id = :'dan';
SELECT pg_temp.attempt($$attest.followup_report('2025-06-30', '2025-07-20', 'colour')$$) UNION ALL
SELECT pg_temp.attempt($$attest.followup_report('2025-06-30', '2025-06-20')$$) UNION ALL
SELECT pg_temp.attempt($$attest.weekly_account(NULL, '2025-06-30', '2025-06-20')$$);
ROLLBACK;
BEGIN; SELECT attest.enter(:'xavier_ticket') \g /dev/null
SELECT group_code, people FROM attest.followup_report('2025-06-30', '2025-07-20');
ROLLBACK;

-- --- OARSA, on 31 December 2025 (DREES; the rules of each table in attest.oarsa_table()) ---
SELECT attest.create_tenant('oarsa', 'Autre département', 'departement') > 0 AS tenant;
SELECT attest.create_account('oarsa', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.issue_ticket('oarsa', 'boss') AS boss \gset
CREATE FUNCTION pg_temp.p(n int) RETURNS uuid LANGUAGE sql AS $$ SELECT person_id FROM attest_data.person WHERE tenant_id = attest.current_tenant() AND reference = 'OARSA-' || n $$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,gender,birth_date,isced\n'
  'OARSA-1,beneficiary,Un,A,F,1990-05-01,3\nOARSA-2,beneficiary,Deux,B,M,2001-12-31,2\nOARSA-3,beneficiary,Trois,C,F,1966-01-01,5\nOARSA-4,beneficiary,Quatre,D,M,,\n'
  'OARSA-5,beneficiary,Cinq,E,F,1985-01-01,4\nOARSA-6,beneficiary,Six,F,M,1985-01-01,4\nOARSA-7,beneficiary,Sept,G,F,1975-01-01,4\nOARSA-8,beneficiary,Huit,H,M,1985-01-01,3\n'
  'OARSA-9,beneficiary,Neuf,I,N,1995-12-31,4\nOARSA-10,beneficiary,Dix,J,M,1965-12-31,0\n');
SELECT attest.create_organisation('CD', 'CD', 'departement', '2020-01-01') AS cd, attest.create_organisation('FT', 'FT', 'france_travail', '2020-01-01') AS ft,
  attest.create_organisation('ML', 'ML', 'mission_locale', '2020-01-01') AS ml, attest.create_organisation('IAE', 'IAE', 'iae', '2020-01-01') AS iae \gset
SELECT count(attest.record_situation(pg_temp.p(n), entered, jsonb_build_object('rights', rights, 'obliged', obliged, 'entered_on', entered, 'couple', couple, 'children', children, 'education', education, 'registered_on', registered)))
FROM (VALUES (1, date '2020-12-31', 'open', true, false, true, 'V', NULL::date), (2, '2025-07-01', 'open', true, false, false, NULL, '2025-07-01'), (3, '2025-06-30', 'open', true, true, true, NULL, NULL),
  (4, '2025-01-15', 'open', true, NULL, NULL, NULL, NULL), (5, '2024-01-01', 'open', NULL, NULL, NULL, NULL, NULL), (6, '2024-01-01', 'open', true, NULL, NULL, NULL, NULL),
  (7, '2024-12-31', 'suspended', true, true, false, NULL, NULL), (8, '2023-12-31', 'open', true, NULL, NULL, NULL, NULL), (9, '2023-01-01', 'open', true, NULL, NULL, NULL, NULL),
  (10, '2022-01-01', 'open', true, NULL, NULL, NULL, NULL)) v (n, entered, rights, obliged, couple, children, education, registered);
SELECT attest.record_situation(pg_temp.p(6), '2025-12-01', '{"rights": "closed"}') IS NOT NULL AS closed, attest.record_situation(pg_temp.p(1), '2026-01-01', '{"rights": "closed"}') IS NOT NULL AS closed_later;
SELECT count(attest.orient(pg_temp.p(n), organisation::uuid, decided, 'social'))
FROM (VALUES (1, :'cd', date '2025-02-01'), (2, :'ft', '2025-07-21'), (3, :'ml', '2025-07-20'), (4, :'iae', '2025-02-18'), (8, :'ft', '2025-01-10'), (8, :'cd', '2025-03-10'), (8, :'ft', '2025-09-10'),
  (9, :'ml', '2025-02-01'), (9, :'cd', '2025-05-01'), (10, :'cd', '2025-05-01'), (7, :'cd', '2026-01-01')) v (n, organisation, decided);
SELECT count(attest.sign_contract(pg_temp.p(n), organisation::uuid, signed, signed, ends, actions => actions::text[]))
FROM (VALUES (1, :'cd', date '2025-03-01', date '2026-02-28', '{skills,mobility}'), (3, :'ml', '2025-08-10', '2026-02-08', '{skills}'), (4, :'iae', '2025-03-20', '2025-12-31', '{iae}'),
  (10, :'cd', '2025-05-01', '2025-11-30', '{care}')) v (n, organisation, signed, ends, actions);
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT n AS table_no, t.line, t.people, t.mean_days FROM generate_series(1, 6) n, attest.oarsa_table(n, 2025, consolidated => true) t WHERE t.dimension = 'total' AND t.people > 0 ORDER BY n;
-- Age on 31 December; seniority: a day on the edge of a band belongs to the longer one (an entry five years ago to the day is five years and more).
SELECT t.dimension, t.category, t.people FROM attest.oarsa_table(1, 2025, consolidated => true) t WHERE t.line = 'obliged' AND t.people > 0;
-- Every breakdown of every line adds up to its total.
SELECT count(*) AS lines, count(*) FILTER (WHERE total <> parts) AS wrong FROM (
  SELECT n, t.line, t.dimension, sum(t.people) AS parts, sum(sum(t.people)) FILTER (WHERE t.dimension = 'total') OVER (PARTITION BY n, t.line) AS total
  FROM generate_series(1, 6) n, attest.oarsa_table(n, 2025, consolidated => true) t GROUP BY n, t.line, t.dimension) s;
-- The right is the one that was known on 31 December, and nothing was; nothing at all was known a year before.
SELECT sum(people) AS not_consolidated FROM attest.oarsa_table(1, 2025);
SELECT sum(people) AS not_known FROM attest.oarsa_table(1, 2025, '2025-06-01', true);
SELECT pg_temp.attempt('attest.oarsa_table(7, 2025)') UNION ALL SELECT pg_temp.attempt('attest.oarsa_table(1, NULL)');
COMMIT;
-- A report can be made again as it was before a correction.
SELECT clock_timestamp() AS before \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.cancel_record('orientation', o.orientation_id, 'never decided') IS NOT NULL AS cancelled FROM attest_data.orientation o WHERE o.tenant_id = attest.current_tenant() AND o.person_id = pg_temp.p(10);
SELECT t.people AS now FROM attest.oarsa_table(1, 2025, consolidated => true) t WHERE line = 'oriented' AND dimension = 'total';
SELECT t.people AS before FROM attest.oarsa_table(1, 2025, :'before', true) t WHERE line = 'oriented' AND dimension = 'total';
-- RSA never makes a participant of an ESF operation.
SELECT count(*) AS participations FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant();
COMMIT;

-- --- erasure: what is sealed goes, the totals stay ---
SELECT attest.issue_ticket('rsa', 'boss') AS boss \gset
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT sum(minutes) AS minutes FROM attest.weekly_account(NULL, '2025-05-12', '2025-08-12') \gset before_
SELECT attest_internal.followup_erase(:'ada') > 0 AS emptied, attest_internal.followup_erase(:'ada') AS nothing_left;
SELECT sum(minutes) = :before_minutes AS minutes_the_same FROM attest.weekly_account(NULL, '2025-05-12', '2025-08-12');
SELECT count(content) AS contents FROM attest_data.interaction WHERE person_id = :'ada';
SELECT attest_internal.anonymise_person(:'ada', 'test') ->> 'followup' AS records;
SELECT left(pg_temp.attempt(format($$attest.followup_file(%L)$$, :'ada')), 5);
ROLLBACK;

-- --- two records of one person: what was recorded for the one stands for the other ---
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.record_activity(:'dan', 'workshop', 45, day => '2026-05-04', note => 'sealed anew') IS NOT NULL AS noted;
SELECT attest.merge_people(:'bob', :'dan', 'twice') -> 'settled' ->> 'followup' AS settled;
SELECT facts ->> 'note' AS note FROM attest.followup_file(:'bob') WHERE kind = 'activity' AND since = '2026-05-04';
SELECT iso_week, minutes FROM attest.weekly_account(:'bob', '2026-05-04', '2026-05-04');
\set VERBOSITY sqlstate
SAVEPOINT a;
UPDATE attest_data.activity SET person_id = :'ada' WHERE person_id = :'bob'; ROLLBACK TO a;
ROLLBACK;
\set VERBOSITY default

-- An analyst: counts, nobody by name.
CREATE ROLE rsa_bi LOGIN IN ROLE attest_analyst;
SELECT attest.grant_tenant('rsa_bi', 'rsa', 'analyst') \g /dev/null
SET SESSION AUTHORIZATION rsa_bi;
SELECT count(*) FROM attest_report.rsa_weeks;
SELECT group_code, people FROM attest.followup_report('2025-06-30', '2025-07-20');
\set VERBOSITY sqlstate
SELECT count(*) FROM attest.followup_report('2025-06-30', '2025-07-20', 'person');
\set VERBOSITY default
RESET SESSION AUTHORIZATION;
