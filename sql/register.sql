\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- The register: which fields a tenant holds of whom, who opens them, what they were, and two records of one person.
SELECT attest.create_tenant('port', 'Port', 'departement') IS NOT NULL AS tenant, attest.create_account('port', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.issue_ticket('port', 'boss') AS port, attest.issue_ticket('south', 'boss') AS south \gset
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.add_person('{"reference": "N-1", "profile": "learner", "last_name": "Testard", "first_name": "Ida", "gender": "F"}') IS NOT NULL AS ida;
COMMIT;
-- --- which fields a tenant holds ---
-- Who works in a guidance centre, its administrator too, has an address to write to.
SELECT attest.create_tenant('compass', 'Compass', 'guidance_centre') IS NOT NULL AS tenant, attest.create_account('compass', 'boss', 'manager') IS NOT NULL AS boss;
SELECT attest.issue_ticket('compass', 'boss') AS compass \gset
BEGIN; SELECT attest.enter(:'compass') \g /dev/null
SELECT profile, rule, string_agg(field, ', ' ORDER BY field) AS fields FROM attest.field_rules('{counsellor,manager}')
WHERE rule <> 'forbidden' AND field NOT IN ('allow_duplicate', 'last_activity', 'source') GROUP BY 1, 2 ORDER BY 1, 2 DESC;
ROLLBACK;
SELECT category, count(*) AS fields, count(*) FILTER (WHERE sealed) AS sealed, string_agg(DISTINCT sensitivity, ', ') AS sensitivity
FROM attest.person_fields() GROUP BY 1 ORDER BY 1;
CREATE FUNCTION pg_temp.state(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; fact text;
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, fact = PG_EXCEPTION_DETAIL;
  RETURN concat_ws(': ', state, message, nullif(fact, ''));
END $$;
CREATE FUNCTION pg_temp.add(fields text) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.state(format('SELECT attest.add_person(%L || %L::jsonb)',
    '{"reference": "N-20", "profile": "learner", "last_name": "Deschamps", "first_name": "Ama", "gender": "F"}', fields))
$$;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
-- Defaults: disability for learners and beneficiaries only, no e-mail of those who manage, job search of beneficiaries.
SELECT profile, string_agg(field, ', ' ORDER BY field) FILTER (WHERE rule = 'required') AS required, count(*) FILTER (WHERE rule = 'optional') AS optional,
  bool_or(field = 'disability' AND rule <> 'forbidden') AS disability, bool_or(field = 'email' AND rule <> 'forbidden') AS email,
  bool_or(field = 'nir' AND rule <> 'forbidden') AS nir, bool_or(field = 'job_sought' AND rule <> 'forbidden') AS job_sought
FROM attest.field_rules() GROUP BY 1 ORDER BY 1;
SELECT pg_temp.add('{"job_sought": "Soudeuse"}');
-- A reference lies in clear: no NIR.
SELECT pg_temp.add('{"reference": "295109912611193"}'), pg_temp.add('{"reference": "295109912611194"}');
SELECT pg_temp.add('{"profile": "manager", "email": "a@example.org"}');
SELECT pg_temp.add('{"profile": "trainer", "disability": "no"}');
SELECT pg_temp.add('{"profile": "signatory"}');
SELECT pg_temp.add('{"profile": "king"}');
SELECT pg_temp.add('{"contract": "forever"}'), pg_temp.add('{"nickname": "Am"}'), pg_temp.add('{"source": "hearsay"}');
SELECT pg_temp.state($$SELECT attest.set_field_policy('learner', 'last_name', 'optional')$$);
SELECT pg_temp.state($$SELECT attest.set_field_policy('learner', 'shoe_size', 'optional')$$);
SELECT pg_temp.state($$SELECT attest.set_field_policy('learner', 'email', 'wanted')$$);
SELECT pg_temp.state($$SELECT attest.set_field_policy(NULL, 'email', 'optional')$$);
SELECT attest.set_field_policy('learner', 'email', 'required'), attest.set_field_policy('learner', 'phone', 'forbidden');
SELECT pg_temp.add('{}');
SELECT pg_temp.add('{"email": "ama@example.org", "phone": "0240000000"}');
SELECT pg_temp.add('{"email": "ama@example.org"}');
SELECT field, rule, set_at IS NOT NULL AS set FROM attest.field_rules('{learner}') WHERE field IN ('email', 'phone', 'mobile') ORDER BY 1;
SELECT attest.set_field_policy('learner', 'email', NULL), attest.set_field_policy('learner', 'phone', NULL);
SELECT field, rule, set_at IS NOT NULL AS set FROM attest.field_rules('{learner}') WHERE field IN ('email', 'phone') ORDER BY 1;
ROLLBACK;

-- --- NIR: only with an authorisation, which has days and can be revoked ---
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add('{"nir": "265068699587047"}'); ROLLBACK;
SELECT pg_temp.state($$SELECT attest.authorise_nir('port', '', 'x')$$);
SELECT pg_temp.state($$SELECT attest.authorise_nir('port', 'decree 2019-341', 'ARR-7', '2026-02-01', '2026-01-01')$$);
SELECT attest.authorise_nir('port', 'decree 2019-341', 'ARR-7', current_date - 20, current_date - 10) IS NOT NULL AS past;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add('{"nir": "265068699587047"}'); ROLLBACK;
SELECT attest.authorise_nir('port', 'decree 2019-341', 'ARR-8') IS NOT NULL AS present;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add('{"nir": "265068699587047"}');
SELECT reference, since < current_date AS past, until IS NOT NULL AS ends, revoked_at FROM attest.nir_authorisations WHERE reference LIKE 'ARR-_' ORDER BY since; ROLLBACK;
SELECT pg_temp.state($$SELECT attest.revoke_nir('port', '')$$);
SELECT attest.revoke_nir('port', 'end of the contract');
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add('{"nir": "265068699587047"}'); ROLLBACK;
SELECT attest.authorise_nir('port', 'decree 2019-341', 'ARR-9') IS NOT NULL AS again;

-- --- minors ---
SELECT (now() AT TIME ZONE 'Europe/Paris')::date - interval '18 years' AS born18, (now() AT TIME ZONE 'Europe/Paris')::date + 1 - interval '18 years' AS born17 \gset
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add(jsonb_build_object('birth_date', left(:'born17', 10))::text);
SELECT pg_temp.add(jsonb_build_object('birth_date', left(:'born18', 10))::text);
ROLLBACK;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add(jsonb_build_object('birth_date', left(:'born17', 10), 'parental_date', '2026-01-05')::text);
SELECT pg_temp.add(jsonb_build_object('birth_date', left(:'born17', 10), 'parental_date', '2098-01-05', 'parental_reference', 'x')::text);
SELECT attest.add_person(jsonb_build_object('reference', 'N-21', 'profile', 'learner', 'last_name', 'Mineur', 'first_name', 'Tom', 'gender', 'M',
  'birth_date', left(:'born17', 10), 'parental_date', '2026-01-05', 'parental_reference', 'Dossier 12')) AS tom \gset
SELECT given_on, reference, revoked_at FROM attest.parental_authorisations WHERE person_id = :'tom';
SELECT attest.revoke_minor(:'tom');
SELECT pg_temp.state(format($$SELECT attest_internal.require_person(%L)$$, :'tom'));
SELECT pg_temp.state(format($$SELECT attest.change_person(%L, '{"phone": "0240111111"}')$$, :'tom'));
SELECT pg_temp.state(format($$SELECT attest.change_person(%L, '{"phone": "0240111111", "parental_date": ""}')$$, :'tom'));
SAVEPOINT a;
SELECT attest.change_person(:'tom', '{"phone": "0240111111", "parental_date": "2026-02-01", "parental_reference": "Dossier 13"}');
SELECT pg_temp.state(format($$SELECT attest.change_person(%L, '{"phone": "0240111112"}')$$, :'tom'));
ROLLBACK TO a;
-- In clear, only the month after.
SELECT extract(day FROM bars_until) AS day, bars_until > current_date AS later FROM attest_data.parental_authorisation WHERE person_id = :'tom';
SELECT attest.authorise_minor(:'tom', '2026-02-01', 'Dossier 13');
SELECT pg_temp.state(format($$SELECT attest_internal.require_person(%L)$$, :'tom'));
SELECT pg_temp.state(format($$SELECT attest.authorise_minor(%L, '2098-02-01', 'Dossier 13')$$, :'tom'));
SELECT pg_temp.state(format($$SELECT attest.authorise_minor(%L, '2026-02-01', '')$$, :'tom'));
ROLLBACK;

-- --- change, history, provenance ---
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.add_person('{"reference": "N-30", "profile": "beneficiary", "last_name": "Le Gall", "first_name": "Maëlle", "gender": "F",
  "birth_date": "1990-05-17", "nir": "2 90 05 44 109 001 35", "email": "Maelle@Example.org", "disability": "no", "isced": "3", "source": "erp"}') AS maelle \gset
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.change_person(:'maelle', '{"last_name": "Riou", "birth_name": "Le Gall", "isced": 5, "email": "Maelle@Example.org", "disability": null}');
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.change_person(:'maelle', '{"profile": "learner", "phone": "0240111111"}', 'form');
SELECT attest.set_last_activity(:'maelle', '2026-03-01');
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT field, source, previous, changed_by IS NOT NULL AS account FROM attest.person_history WHERE person_id = :'maelle' ORDER BY changed_at, field;
SELECT v.field, v.source, v.since > p.created_at AS changed FROM attest.person_provenance(:'maelle') v, attest_data.person p WHERE p.person_id = :'maelle';
SELECT * FROM attest.person_details(:'maelle');
SELECT * FROM attest.person_details(:'maelle', 'job_search');
SELECT reference, profiles, last_name, birth_name, email, phone FROM attest.people WHERE person_id = :'maelle';
-- What is derived follows.
SELECT birth_year, attest.unseal(search_name) AS search_name, nir_blind = attest.blind('person.nir', '290054410900135') AS nir,
  email_blind = attest.blind('person.email', 'maelle@example.org') AS email FROM attest_data.person WHERE person_id = :'maelle';
SELECT nir_blind AS nir_before, search_name::text AS name_before FROM attest_data.person WHERE person_id = :'maelle' \gset
SELECT attest_internal.in_every_room('_reblind', :'maelle');
SELECT nir_blind = :'nir_before' AS same_key, search_name::text <> :'name_before' AS sealed_anew FROM attest_data.person WHERE person_id = :'maelle';
-- One profile more needs what it requires: of the change, or held already.
SELECT attest.set_field_policy('trainer', 'mobile', 'required'), attest.set_field_policy('beneficiary', 'address', 'required');
SAVEPOINT a;
SELECT pg_temp.state(format($$SELECT attest.change_person(%L, '{"profile": "trainer"}')$$, :'maelle'));
SELECT pg_temp.state(format($$SELECT attest.change_person(%L, '{"profile": "trainer", "mobile": ""}')$$, :'maelle'));
SELECT attest.change_person(:'maelle', '{"profile": "beneficiary"}') AS has_it_already, attest.change_person(:'maelle', '{"job_sought": "Soudeuse"}') AS another_field;
SELECT attest.change_person(:'maelle', '{"profile": "trainer", "mobile": "0611111111"}'); ROLLBACK TO a;
SELECT attest.change_person(:'maelle', '{"mobile": "0611111111"}'), attest.change_person(:'maelle', '{"profile": "trainer"}'); ROLLBACK TO a;
SELECT attest.set_field_policy('trainer', 'mobile', NULL), attest.set_field_policy('beneficiary', 'address', NULL);
-- Nothing that is refused changes anything.
SELECT pg_temp.state(format('SELECT attest.change_person(%L, %L)', :'maelle', c.changes)) FROM (VALUES
  ('{"service": "A"}'), ('{"last_name": ""}'), ('{"gender": null}'), ('{"reference": "N-1"}'), ('{"nir": "290054410900136"}'), ('{"birth_date": "2020-01-01"}'),
  ('{"x": 1}'), ('[]'), ('{"profile": "king"}')) c (changes);
SELECT pg_temp.state(format($$SELECT attest.change_person(%L, '{"phone": "1"}', 'rumour')$$, :'maelle'));
SELECT pg_temp.state($$SELECT attest.change_person('00000000-0000-7000-8000-00000000000a', '{"phone": "1"}')$$);
SELECT pg_temp.state($$SELECT attest.change_person(NULL, '{"phone": "1"}')$$), pg_temp.state(format($$SELECT attest.change_person(%L, NULL)$$, :'maelle'));
SELECT count(*) AS changes FROM attest.person_history WHERE person_id = :'maelle';
COMMIT;
SET ROLE app;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT count(*) FROM attest.person_history;
SELECT count(*) FROM attest.nir_authorisations;
SELECT attest.resolve_person(:'maelle') IS NULL AS nobody;
SELECT regexp_replace(pg_temp.state(format(c, :'maelle')), '[0-9a-f-]{36}', '…') FROM unnest(ARRAY['SELECT * FROM attest.person_details(%L)',
  'SELECT * FROM attest.person_provenance(%L)', 'SELECT attest.merge_people(%L, attest.uuid_v7(), $$x$$)', 'SELECT attest.revoke_minor(%L)']) c;
ROLLBACK;
RESET ROLE;

-- --- who opens what ---
SELECT count(attest.create_account('port', p || '-fields', p)) AS accounts FROM unnest(ARRAY['counsellor', 'trainer', 'department_referent', 'dpo']) p;
SELECT attest.create_account('port', 'maelle', 'beneficiary', :'maelle') IS NOT NULL AS maelle_account;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.add_person('{"reference": "N-40", "profile": "counsellor", "last_name": "Conseil", "first_name": "Luc"}') AS luc,
  attest.add_person('{"reference": "N-41", "profile": "department_referent", "last_name": "Référente", "first_name": "Ana"}') AS ana \gset
SELECT attest.assign_case(:'luc', :'maelle'), attest.assign_case(:'ana', :'maelle');
UPDATE attest_data.account SET person_id = CASE identifier WHEN 'counsellor-fields' THEN :'luc'::uuid ELSE :'ana' END
WHERE identifier IN ('counsellor-fields', 'department_referent-fields');
COMMIT;
CREATE TEMP TABLE opener (name text, ticket text);
INSERT INTO opener SELECT n, attest.issue_ticket('port', n) FROM unnest(ARRAY['boss', 'dpo-fields', 'department_referent-fields', 'counsellor-fields', 'trainer-fields', 'maelle']) n;
GRANT SELECT ON opener TO app;
-- Each in turn, as an application: what the list shows, what details show, what unseal() opens of the NIR and of the name.
\set who boss
SELECT ticket FROM opener WHERE name = :'who' \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT last_name, birth_date, email, job_sought FROM attest.people WHERE person_id = :'maelle';
SELECT string_agg(field, ' ') AS fields FROM attest.person_details(:'maelle');
SELECT attest.unseal(nir) FROM attest_data.person WHERE person_id = :'maelle';
-- The library knows every field of the catalogue, and no other.
SELECT name AS unknown_to_the_library FROM attest.person_fields() WHERE category <> 'instruction' AND NOT attest.may_open(:'maelle', 'person.' || name);
SELECT attest.may_open(:'maelle', 'person.shoe_size') AS shoe_size, attest.may_open(:'maelle', 'presence.reason') AS of_another_room; ROLLBACK;
RESET ROLE;
\set who department_referent-fields
SELECT ticket FROM opener WHERE name = :'who' \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT string_agg(field, ' ') AS fields FROM attest.person_details(:'maelle');
SELECT attest.may_open(:'maelle', 'person.disability') AS disability, attest.may_open(:'maelle', 'person.nir') AS nir;
SELECT attest.unseal(nir) FROM attest_data.person WHERE person_id = :'maelle'; ROLLBACK;
RESET ROLE;
\set who counsellor-fields
SELECT ticket FROM opener WHERE name = :'who' \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT last_name, birth_date, email FROM attest.people;
SELECT string_agg(field, ' ') AS fields FROM attest.person_details(:'maelle');
SELECT name, sensitivity FROM attest.person_fields() WHERE category <> 'instruction' AND NOT attest.may_open(:'maelle', 'person.' || name);
SELECT field, previous FROM attest.person_history WHERE person_id = :'maelle' AND field IN ('disability', 'last_name') ORDER BY 1;
SELECT attest.unseal(nir, person_id, 'person.nir') FROM attest_data.person WHERE person_id = :'maelle'; ROLLBACK;
-- Nor does guessing open it: a blind value would tell whether a guess is right.
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT purpose, pg_temp.state(format('SELECT attest.blind(%L, %L)', purpose, '290054410900135')) AS blind,
  pg_temp.state(format('SELECT attest.blind_candidates(%L, %L)', purpose, '290054410900135')) AS candidates
FROM unnest(ARRAY['person.nir', 'person.identity', 'person.email', 'crm.client.email']) purpose; ROLLBACK;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT * FROM attest.person_details(:'maelle', 'personal_life'); ROLLBACK;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT attest.change_person(:'maelle', '{"phone": "1"}'); ROLLBACK;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT attest.merge_people(:'maelle', :'luc', 'x'); ROLLBACK;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT * FROM attest.find_duplicates(); ROLLBACK;
RESET ROLE;
\set who trainer-fields
SELECT ticket FROM opener WHERE name = :'who' \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT purpose, pg_temp.state(format('SELECT attest.blind(%L, %L)', purpose, 'le gall maelle 1990-05-17')) AS blind
FROM unnest(ARRAY['person.nir', 'person.identity', 'person.email', 'crm.client.email']) purpose; ROLLBACK;
RESET ROLE;
\set who maelle
SELECT ticket FROM opener WHERE name = :'who' \gset
SET ROLE app;
BEGIN; SELECT attest.enter(:'ticket') \g /dev/null
SELECT value AS own_nir FROM attest.person_details(:'maelle') WHERE field = 'nir'; ROLLBACK;
SELECT attest.set_field_policy('learner', 'email', 'optional');
RESET ROLE;

-- --- duplicates and merge ---
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.add('{"nir": "290054410900135"}');
SELECT pg_temp.add('{"last_name": "RIOU", "first_name": "maelle", "birth_date": "1990-05-17"}');
SELECT reference, shared FROM attest.find_duplicates('{"last_name": "riou", "first_name": "Maelle", "birth_date": "1990-05-17"}');
SELECT reference, shared FROM attest.find_duplicates('{"nir": "290054410900135"}');
SELECT attest.add_person('{"reference": "N-31", "profile": "learner", "last_name": "Riou", "first_name": "Maelle", "gender": "F", "birth_date": "1990-05-17",
  "email": "other@example.org", "mobile": "0611111111", "parents_birth_place": "Brest", "allow_duplicate": "yes", "source": "file"}') AS double \gset
SELECT reference, duplicate_reference, shared FROM attest.find_duplicates();
-- Both in one session, each with an event of their own; both in one operation.
SELECT attest.create_course('N-C', 'Merging') AS course \gset
SELECT attest.plan_session(:'course', 'Merging', '2026-01-05', '2026-01-30') AS session \gset
SELECT attest.plan_slot(:'session', '2026-01-05 09:00', '2026-01-05 12:00') AS slot, attest.plan_slot(:'session', '2026-01-06 09:00', '2026-01-06 12:00') AS slot_2 \gset
SELECT count(attest.enrol(:'session', p, f, t)) FROM (VALUES (:'maelle'::uuid, '2026-01-05'::date, '2026-01-10'::date), (:'double'::uuid, '2026-01-05', '2026-01-20')) e (p, f, t);
SELECT count(attest.record_presence(:'slot_2', p, s, r, claimed_at => CASE s WHEN 'excused' THEN timestamptz '2026-01-05 18:00' END)) FROM (VALUES (:'double'::uuid, 'excused', 'Doctor'), (:'maelle'::uuid, 'present', 'Seen')) e (p, s, r);
SELECT attest.assign_case(:'luc', :'double');
SELECT attest.place_hold(:'double', 'Litigation');
SELECT attest.create_operation('N-O', 'Merging', 'esf+', '2025-01-01', '2027-12-31') AS operation \gset
SELECT count(attest.record_participation(:'operation', p, jsonb_build_object('entry', e, 'exit', x, 'status_entry', 'inactive', 'status_exit', s)))
FROM (VALUES (:'maelle'::uuid, '2026-02-01'::date, '2026-03-01'::date, 'employed'), (:'double'::uuid, '2026-01-01', '2026-02-15', 'inactive')) v (p, e, x, s);
COMMIT;
-- In another operation, of which one record has not left.
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.create_operation('N-P', 'Still in', 'esf+', '2025-01-01', '2027-12-31') AS operation_2 \gset
SELECT count(attest.record_participation(:'operation_2', p, jsonb_strip_nulls(jsonb_build_object('entry', e, 'exit', x, 'status_entry', 'inactive', 'qualification', x IS NOT NULL))))
FROM (VALUES (:'maelle'::uuid, '2026-02-01'::date, '2026-03-01'::date), (:'double', '2026-02-15', NULL)) v (p, e, x);
COMMIT;
-- And in one that the person left and entered again under the other record.
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT attest.create_operation('N-Q', 'Back again', 'esf+', '2025-01-01', '2027-12-31') AS operation_3 \gset
SELECT count(attest.record_participation(:'operation_3', p, jsonb_build_object('entry', e, 'exit', x, 'status_entry', 'inactive', 'status_exit', s, 'isced', 3)))
FROM (VALUES (:'maelle'::uuid, '2026-01-05'::date, '2026-01-20'::date, 'employed'), (:'double'::uuid, '2026-02-02', '2026-03-20', 'job_searching')) v (p, e, x, s);
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT exit_recorded_at AS left_recorded_at FROM attest.participations WHERE person_id = :'double' AND operation_id = :'operation_3' \gset
COMMIT;
-- A table of the application that points at people: its triggers work with the rights of its owner.
CREATE ROLE badge_owner;
CREATE TABLE public.badge (tenant_id int NOT NULL, person_id uuid NOT NULL, note attest.sealed, colour attest.sealed,
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id) DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION public.badge_moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'moved as %', current_user; RETURN NEW; END $$;
CREATE TRIGGER moves BEFORE UPDATE ON public.badge FOR EACH ROW EXECUTE FUNCTION public.badge_moves();
ALTER TABLE public.badge OWNER TO badge_owner;
-- And one whose columns are protected, with a blind value and without a foreign key.
CREATE TABLE public.locker (tenant_id int NOT NULL, locker_id int, holder uuid NOT NULL, code attest.sealed, code_blind bytea, PRIMARY KEY (tenant_id, locker_id));
CALL attest.protect_columns('public.locker', 'holder', '{code}');
CALL attest.protect_blind('public.locker', 'code', 'code_blind');
-- What its owner checks at the end of a transaction does not stand in the way of a merge, nor of an erasure.
CREATE CONSTRAINT TRIGGER moves AFTER UPDATE ON public.locker DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.badge_moves();
BEGIN; SELECT attest.enter(:'port') \g /dev/null
INSERT INTO public.locker VALUES (attest.current_tenant(), 1, :'double', attest.plain('4711-4712'), NULL);
INSERT INTO public.badge SELECT attest.current_tenant(), :'double', attest.seal('blue', :'double', 'badge.note');
-- Both signed for one slot: not one person. An absence filled in by a countersignature: of no weight.
SAVEPOINT before;
\set ink '[{"points": [{"x": 10, "y": 40, "time": 1748847720000}, {"x": 42, "y": 12, "time": 1748847720095}, {"x": 60, "y": 44, "time": 1748847720210}, {"x": 95, "y": 15, "time": 1748847720320}]}]'
SELECT count(attest.sign(:'slot_2', p, :'ink', claimed_at => '2026-01-06 09:00')) FROM unnest(ARRAY[:'maelle'::uuid, :'double']) p;
SELECT pg_temp.state(format('SELECT attest.merge_people(%L, %L, %L)', :'maelle', :'double', 'x'));
ROLLBACK TO before;
SELECT attest_internal.add_event(:'slot', :'maelle', 'absent', 0, 'countersignature') IS NOT NULL AS absent,
  attest.sign(:'slot', :'double', :'ink', claimed_at => '2026-01-05 09:00') IS NOT NULL AS signed;
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT pg_temp.state(format('SELECT attest.merge_people(%L, %L, %L)', k, d, r)) FROM (VALUES (:'maelle', :'maelle', 'x'), (:'maelle', :'double', ''),
  (:'maelle', '00000000-0000-7000-8000-00000000000a', 'x')) v (k, d, r);
SELECT (SELECT jsonb_object_agg(regexp_replace(key, '^attest_data[.]', ''), value) FROM jsonb_each(m -> 'moved')) AS moved, m -> 'settled' AS settled
FROM attest.merge_people(:'maelle', :'double', 'Registered twice') m;
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT reference, profiles, last_name, email, mobile FROM attest.people WHERE person_id IN (:'maelle', :'double');
SELECT field, value FROM attest.person_details(:'maelle', 'personal_life');
SELECT field, source, previous FROM attest.person_history WHERE person_id = :'maelle' AND source IN ('merge', 'set_aside') ORDER BY field;
SELECT field, source FROM attest.person_provenance(:'maelle') WHERE field IN ('email', 'mobile', 'first_name');
SELECT attest.resolve_person(:'double') = :'maelle' AS resolved, attest.resolve_person(:'maelle') = :'maelle' AS itself,
  attest.resolve_person('00000000-0000-7000-8000-00000000000a') AS nobody;
SELECT reference, source, reason FROM attest.person_aliases;
SELECT since, until FROM attest_data.enrolment WHERE person_id = :'maelle';
SELECT day, status, minutes_attended, flags FROM attest.presences WHERE session_id = :'session' ORDER BY day;
SELECT attest.status_name(status) AS status, attest.unseal(reason) AS reason, recorded_for = :'double' AS was_for_the_other FROM attest_data.presence WHERE person_id = :'maelle' ORDER BY recorded_at;
SELECT entered_on, exited_on, facts - 'birth' AS facts FROM attest.participations WHERE person_id = :'maelle' ORDER BY 1;
SELECT code, r.total, ok FROM (VALUES ('N-O'), ('N-P')) o (operation) CROSS JOIN LATERAL attest.esf_report(o.operation) r CROSS JOIN LATERAL attest.recount_esf(o.operation) c
WHERE r.code IN ('EECO01', 'EECR03', 'EECR04') OR r.incomplete > 0 AND r.code = 'EECO02' ORDER BY o.operation, 1;
-- Of who left and came back under the other record, a period between has the first results.
SELECT stay, entered_on, exited_on FROM attest.participation_stays
WHERE participation_id = (SELECT participation_id FROM attest.participations WHERE operation_id = :'operation_3') ORDER BY 1;
-- When an exit was first recorded is known of either record: it is no early one.
SELECT exited_on, exit_recorded_at = :'left_recorded_at' AS as_recorded FROM attest.participations WHERE operation_id = :'operation_3';
SELECT period_end, string_agg(r.code, ' ' ORDER BY r.code) FILTER (WHERE r.total > 0) AS codes, max(r.incomplete) AS incomplete
FROM unnest(ARRAY['2026-01-31', '2026-02-28', '2026-03-31', NULL]::date[]) period_end CROSS JOIN LATERAL attest.esf_report('N-Q', period_end => period_end) r GROUP BY 1 ORDER BY 1;
SELECT attest.unseal(code, :'maelle', 'public.locker.code') AS code, code_blind = attest.blind('public.locker.code', '4711-4712') AS blind FROM public.locker WHERE holder = :'maelle';
SELECT attest.unseal(note, :'maelle', 'badge.note') AS badge FROM public.badge WHERE person_id = :'maelle';
SELECT attest.unseal(reason) AS hold FROM attest_data.legal_hold WHERE person_id = :'maelle';
SELECT count(*) AS key_of_the_other FROM attest_data.subject_key WHERE subject_id = :'double';
SELECT reason AS tombstone FROM attest_data.erased_subject WHERE subject_id = :'double';
-- The old id and the old reference say where to go; the events still only grow.
SELECT regexp_replace(pg_temp.state(format($$SELECT attest.change_person(%L, '{"phone": "1"}')$$, :'double')), '[0-9a-f-]{36}|[0-9]{4}-[0-9-]{5}', '…', 'g');
SELECT pg_temp.add('{"reference": "N-31"}');
SELECT pg_temp.state(format($$UPDATE attest_data.presence SET status = 5 WHERE person_id = %L$$, :'maelle'));
SELECT pg_temp.state(format($$UPDATE attest_data.presence SET person_id = %L WHERE person_id = %L$$, :'luc', :'maelle'));
SELECT pg_temp.state(format($$DELETE FROM attest_data.presence WHERE person_id = %L$$, :'maelle'));
SELECT * FROM attest.find_duplicates();
ROLLBACK;

-- --- erasure reaches every column and table of the register ---
BEGIN; SELECT attest.enter(:'port') \g /dev/null
DELETE FROM public.badge;
SELECT attest.lift_hold(:'maelle', 'Settled');
SELECT attest_internal.anonymise_person(:'maelle', 'test') ? 'person' AS erased;
SELECT code_blind IS NULL AS blind_gone FROM public.locker WHERE holder = :'maelle';
COMMIT;
BEGIN; SELECT attest.enter(:'port') \g /dev/null
SELECT key, value FROM attest_data.person p, jsonb_each(to_jsonb(p)) WHERE person_id = :'maelle' AND value <> 'null'
  AND key NOT IN ('tenant_id', 'person_id', 'created_at', 'created_by', 'anonymised_at') ORDER BY key;
SELECT (SELECT count(*) FROM attest_data.person_change WHERE person_id = :'maelle') AS changes,
  (SELECT count(*) FROM attest_data.parental_authorisation WHERE person_id = :'maelle') AS authorisations,
  (SELECT count(*) FROM attest_data.person_alias WHERE person_id = :'maelle' AND num_nonnulls(reference, reason::text, import_id) > 0) AS aliases;
COMMIT;
SELECT attest.revoke_nir('port', 'end of the test');
DROP TABLE public.badge, public.locker;
DROP FUNCTION public.badge_moves();
DROP ROLE badge_owner;
