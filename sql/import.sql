\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- Names as a search compares them.
SELECT attest_internal.search_name('Le Gall-Riou', 'Maëlle', NULL);
SELECT attest_internal.search_name('d’Épreuve', 'Œnone', 'Straße'), attest_internal.search_name('LE GALL', 'Zoé', 'le-gall');
SELECT attest_internal.search_name(NULL, '-', '') IS NULL AS nothing;

SELECT attest.create_tenant('intake', 'Intake', 'training_organisation') IS NOT NULL AS made,
  attest.create_account('intake', 'boss', 'manager') IS NOT NULL AS manager,
  attest.create_account('intake', 'anna', 'dpo') IS NOT NULL AS dpo, attest.create_account('intake', 'lea', 'learner') IS NOT NULL AS learner;
SELECT attest.issue_ticket('intake', 'boss') AS boss, attest.issue_ticket('intake', 'anna') AS anna, attest.issue_ticket('intake', 'lea') AS lea,
  attest.issue_ticket('south', 'boss') AS south \gset
SET ROLE app;

-- Staging: parts may end anywhere; what is staged is sealed.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.open_import() AS import \gset
SELECT attest.stage_rows(:'import', E'\uFEFFreference;profile;last_name;first_name;gender;birth_date;isced\r\nM-1;learner;Testard');
SELECT attest.stage_rows(:'import', E';Ida;F;1999-02-28;3\r\nM-2;learner;Testard;Ivo;M;2000-13-01;3\r\nM-3;lear');
SELECT attest.stage_rows(:'import', convert_to(E'ner;;Ivo;M;2000-12-01;3\r\n"M-4";"learner";"Le ""Gall"";\r\nRiou";Ma', 'UTF8') || '\xc3'::bytea);
SELECT attest.stage_rows(:'import', '\xab6c6c653b463b313938302d30322d32393b0d0a4d2d353b'::bytea);
SELECT attest.stage_rows(:'import', E'learner;Testard\r\nM-1;learner;Autre;Doublon;M;2000-12-01;3\r\nM-6;learner;=1+2;Zoé;F;2020-02-29;\r\nM-7;learner;TÉSTARD;Idâ;F;1999-02-28;\r\nM-8;learner;Martin;Zoé;F;1990-01-01;');
SELECT line, outcome, person_id, column_name, code, reason FROM attest.check_import(:'import');
SELECT count(*) AS people FROM attest.people;
SELECT format, source, state, records, loaded, rejected FROM attest.imports;
SELECT line, outcome, person_id IS NOT NULL AS id, column_name, code FROM attest.load_import(:'import');
SELECT reference, last_name, first_name, birth_date FROM attest.people ORDER BY reference;
SELECT state, records, loaded, rejected, kept_until - opened_at AS kept FROM attest.imports;
SELECT attest.rejected_rows(:'import') AS file \gset
\echo :file
-- Corrected and sent again; the marks of the report are passed over, the apostrophe is taken off.
SELECT line, outcome, code FROM attest.import_people(replace(replace(:'file', '2000-13-01', '2000-12-31'), '2020-02-29', '1990-02-28'));
SELECT reference, last_name FROM attest.people WHERE reference IN ('M-2', 'M-6') ORDER BY 1;
-- Nothing more can be staged; the rejected rows go when the import is discarded.
SAVEPOINT a; SELECT attest.stage_rows(:'import', 'x'); ROLLBACK TO a;
SELECT * FROM attest.load_import(:'import'); ROLLBACK TO a;
SELECT attest.discard_import(:'import');
SELECT attest.rejected_rows(:'import') LIKE E'%reference;profile%reason\n' AS header_only, state, kept_until FROM attest.imports WHERE import_id = :'import';
COMMIT;
RESET ROLE;
SELECT count(*) AS blocks FROM attest_data.import_block WHERE import_id = :'import';
SELECT count(*) AS keys FROM attest_data.subject_key WHERE subject_id = :'import';
SELECT count(DISTINCT import_id) AS imports, count(*) FILTER (WHERE source = 'file') AS from_file FROM attest_data.person WHERE reference LIKE 'M-%';

-- Whole files that are refused: the form, the columns, the encoding; nothing stays of them.
SET ROLE app;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SAVEPOINT a;
SELECT attest.import_people(''); ROLLBACK TO a;
SELECT attest.import_people(E'reference,profile,surname\n'); ROLLBACK TO a;
SELECT attest.import_people(E'X-1,learner,Testard\n'); ROLLBACK TO a;
SELECT attest.import_people(E'reference,profile,last_name,first_name\n"X-1,learner,Testard,Ida\n'); ROLLBACK TO a;
SELECT attest.import_people(E'reference,profile,last_name,first_name\nX-1,"a"b,Testard,Ida\n'); ROLLBACK TO a;
SELECT attest.import_people(E'reference,profile,last_name,first_name\nX-1,learner,Testard,Zo'::bytea || '\xe9'::bytea || E'\n'::bytea); ROLLBACK TO a;
SELECT attest.import_people(E'reference,profile,last_name,first_name\nX-1,learner,Testard,Zo\u0089\n'); ROLLBACK TO a;
SELECT attest.import_people(E'reference,profile,last_name,first_name\nX-1,learner,Testard,Zo\uFFFD\n'); ROLLBACK TO a;
SELECT attest.import_people('[{"reference": "X-1"', 'json'); ROLLBACK TO a;
SELECT attest.import_people('[1]', 'json'); ROLLBACK TO a;
SELECT attest.import_people('x', 'xml'); ROLLBACK TO a;
SELECT attest.open_import('csv', 'nowhere'); ROLLBACK TO a;
SELECT attest.check_import('00000000-0000-0000-0000-000000000000'); ROLLBACK TO a;
SELECT count(*) FROM attest.imports WHERE records = 0;
COMMIT;
-- Only managers import; another tenant sees no import.
BEGIN; SELECT attest.enter(:'anna') \g /dev/null
SELECT attest.open_import(); ROLLBACK;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT count(*) FROM attest.imports;
\set VERBOSITY sqlstate
SELECT attest.rejected_rows(:'import'); ROLLBACK;
\set VERBOSITY default
SELECT count(*) FROM attest.imports;

-- JSON: an array of objects, or one a line; values that are no text, keys that are none of ours.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT line, outcome, column_name, code, reason FROM attest.import_people($$[{"reference": "J-1", "profile": "learner", "last_name": "Kervella", "first_name": "Maëlle", "gender": "F", "isced": 3, "email": null},
{"reference": "J-2", "profile": "learner", "last_name": ["Kervella"], "first_name": "Ivo", "gender": "M"},
{"reference": "J-3", "profile": "learner", "last_name": "Kervella", "first_name": "Ivo", "sex": "M"},
{"reference": "J-4", "profile": "learner", "last_name": "Kervella", "first_name": "", "gender": "M"}]$$, 'json');
SELECT reference, last_name, isced, email FROM attest.people WHERE reference LIKE 'J-%';
SELECT attest.rejected_rows(import_id) FROM attest.imports WHERE format = 'json';
SELECT line, outcome, code FROM attest.import_people(E'{"reference": "J-5", "profile": "learner", "last_name": "Le Bihan", "first_name": "Zoé", "gender": "F", "source": "form"}\n{"reference": "J-6"}', 'json', true);
SELECT count(*) AS dry FROM attest.people WHERE reference = 'J-5';
-- As programs write it, in one line: objects are counted, not lines.
SELECT outcome, count(*), min(line), max(line), count(DISTINCT line) FROM attest.import_people((SELECT jsonb_agg(jsonb_build_object('reference', 'K-' || n, 'profile', 'learner',
  'last_name', 'Kerk' || n, 'first_name', 'Ana', 'gender', CASE WHEN n = 600 THEN 'X' ELSE 'F' END) ORDER BY n) FROM generate_series(1, 1200) n)::text, 'json') GROUP BY 1;
SELECT attest.rejected_rows(import_id) FROM attest.imports WHERE format = 'json' AND records = 1200;
ROLLBACK;

-- An import checks and stores what add_person() does.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT jsonb_build_object('reference', 'A-1', 'profile', 'learner', 'civility', 'MME', 'last_name', 'Le Gall', 'first_name', 'Maëlle',
  'birth_name', 'Kervella', 'gender', 'F', 'birth_date', '2010-05-17', 'birth_place', 'Brest', 'email', 'Maelle@example.org', 'mobile', '0612345678',
  'postcode', '29200', 'commune', '29019', 'isced', '2', 'employer_siret', '732 829 320 00074', 'disability', 'refused', 'parental_date', '2026-01-02',
  'parental_reference', 'dossier 12', 'last_activity', '2026-02-03', 'source', 'erp') AS one \gset
SELECT attest.add_person(:'one') AS by_hand \gset
SELECT person_id AS by_file FROM attest.import_people(jsonb_build_array(jsonb_set(:'one', '{reference}', '"A-2"') || '{"allow_duplicate": true}')::text, 'json') \gset
RESET ROLE;
SELECT count(*) AS differ FROM attest_data.person a, attest_data.person b, jsonb_each_text(to_jsonb(a)) x JOIN jsonb_each_text(to_jsonb(b)) y USING (key)
WHERE a.person_id = :'by_hand' AND b.person_id = :'by_file' AND key NOT IN ('person_id', 'reference', 'import_id')
  AND CASE WHEN x.value LIKE 'att1:%' THEN attest.unseal(x.value::attest.sealed, :'by_hand', 'person.' || key) ELSE x.value END
    IS DISTINCT FROM CASE WHEN y.value LIKE 'att1:%' THEN attest.unseal(y.value::attest.sealed, :'by_file', 'person.' || key) ELSE y.value END;
SELECT count(*) FILTER (WHERE value LIKE 'att1:%') AS sealed, count(*) AS columns FROM attest_data.person p, jsonb_each_text(to_jsonb(p)) WHERE person_id = :'by_file' AND value IS NOT NULL;
SELECT given_on, attest.unseal(reference, person_id, 'person.parental_reference') FROM attest_data.parental_authorisation WHERE person_id = :'by_file';
ROLLBACK;
-- Each value refused by one is refused by the other, with the same code.
CREATE TABLE pg_temp.wrong (field text, value text);
INSERT INTO pg_temp.wrong VALUES ('profile', 'boss'), ('gender', 'X'), ('birth_date', '1999-02-29'), ('birth_date', '29/02/2000'), ('email', 'a@b'), ('nir', '295109912611199'),
  ('nir', '29510991261119'), ('nir', '295109912611193'), ('employer_siret', '73282932000075'), ('employer_siret', '1'), ('postcode', '2920'), ('commune', '2C004'),
  ('isced', '9'), ('disability', 'maybe'), ('civility', 'Mme'), ('contract', 'x'), ('source', 'x'), ('parental_date', '2099-01-01'), ('parental_reference', 'x'),
  ('birth_date', '2020-01-01'), ('job_sought', 'x'), ('comments', 'x'), ('last_name', ''), ('first_name', ''), ('gender', ''), ('profile', ''), ('reference', ''), ('reference', '2 95 10 99 126 111 93'), ('last_activity', 'x');
CREATE FUNCTION pg_temp.by_hand(details jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE fact text;
BEGIN PERFORM attest.add_person(details); RETURN 'stored';
EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS fact = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || concat_ws(': ', SQLERRM, nullif(fact, '')); END $$;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT w.field, w.value, h.said AS by_hand, f.said AS by_file FROM pg_temp.wrong w,
  LATERAL (SELECT jsonb_build_object('reference', 'W', 'profile', 'learner', 'last_name', 'Le Goff', 'first_name', 'Yann', 'gender', 'M', w.field, w.value)) d (details),
  LATERAL (SELECT pg_temp.by_hand(d.details) OFFSET 0) h (said), LATERAL (SELECT code || ' ' || reason FROM attest.import_people(d.details::text, 'json', true)) f (said)
WHERE h.said IS DISTINCT FROM f.said;
SELECT count(*) AS refused FROM pg_temp.wrong w, LATERAL attest.import_people(jsonb_build_object('reference', 'W', 'profile', 'learner', 'last_name', 'Le Goff',
  'first_name', 'Yann', 'gender', 'M', w.field, w.value)::text, 'json', true) r WHERE r.outcome = 'rejected';
ROLLBACK;

-- A rule of the tenant, and its authorisation for social security numbers.
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.set_field_policy('learner', 'phone', 'forbidden'), attest.set_field_policy('learner', 'email', 'required');
SELECT line, outcome, column_name, code FROM attest.import_people(E'reference,profile,last_name,first_name,gender,email,phone\nP-1,learner,A,B,F,,\nP-2,learner,A,B,F,a@b.fr,02\nP-3,trainer,A,B,F,,02\n');
ROLLBACK;
RESET ROLE;
SELECT attest.authorise_nir('intake', 'decree 2019-341', 'register') IS NOT NULL AS authorised;
SET ROLE app;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT line, outcome, code, reason FROM attest.import_people(E'reference,profile,last_name,first_name,gender,nir,allow_duplicate\nQ-1,learner,A,B,F,2 95 10 99 126 111 93,\nQ-2,learner,C,D,F,295109912611193,\nQ-3,learner,E,F,F,295109912611193,yes\nQ-4,learner,E,F,F,295109912611199,\n');
SELECT line, outcome, code, reason FROM attest.import_people(E'reference,profile,last_name,first_name,gender,nir\nQ-9,learner,G,H,F,295109912611193\n');
RESET ROLE;
SELECT attest_internal.import_job() AS nothing_old;
UPDATE attest_data.import SET opened_at = now() - interval '31 days' WHERE emptied_at IS NULL AND import_id <> :'import';
SELECT count(*) > 0 AS held FROM attest_data.import_block;
SELECT attest_internal.import_job() > 0 AS emptied;
SELECT count(*) AS blocks FROM attest_data.import_block WHERE tenant_id = attest.current_tenant();
ROLLBACK;

-- Whoever is erased is not read in imports either: rejected records, their faults and staged ones go.
SET ROLE app;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.add_person('{"reference": "E-1", "profile": "learner", "last_name": "Quéré", "first_name": "Nolwenn", "gender": "F", "birth_date": "1985-03-03"}') AS nolwenn,
  attest.open_import() AS rejecting, attest.open_import() AS staging \gset
SELECT attest.stage_rows(:'rejecting', E'reference,profile,last_name,first_name,gender,birth_date\nE-2,learner,Quéré,Nolwenn,F,1985-03-03\nE-3,learner,Le Bris,Paol,M,1991-01-01\n') AS staged;
SELECT line, outcome, code FROM attest.load_import(:'rejecting');
SELECT attest.stage_rows(:'staging', E'reference,profile,last_name,first_name,gender\nE-4,learner,Quéré,Nolwenn,F\nE-5,learner,Qué') AS staged;
SELECT attest.rejected_rows(:'rejecting') LIKE '%Quéré%' AS readable;
COMMIT;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.erase_person(:'nolwenn', 'GDPR art. 17', 'DPO');
SELECT attest.rejected_rows(:'rejecting') LIKE '%Quéré%' AS readable;
SELECT state, loaded, rejected, kept_until FROM attest.imports WHERE import_id IN (:'rejecting', :'staging') ORDER BY import_id;
SELECT outcome FROM attest.load_import(:'staging');
ROLLBACK;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT attest.erase_person(:'nolwenn', 'GDPR art. 17', 'DPO') ->> 'import' AS emptied;
RESET ROLE;
SELECT count(*) AS blocks FROM attest_data.import_block WHERE tenant_id = attest.current_tenant();
SELECT count(*) AS faults FROM attest_data.import_fault WHERE tenant_id = attest.current_tenant();
SELECT count(*) AS keys FROM attest_data.subject_key WHERE subject_id IN (:'nolwenn', :'rejecting', :'staging');
SELECT attest_internal.import_erase(:'staging') AS again;
ROLLBACK;

-- Finding: whole words first, any order, without accents; only whom the profile sees.
SET ROLE app;
BEGIN; SELECT attest.enter(:'boss') \g /dev/null
SELECT outcome, count(*) FROM attest.import_people(E'reference,profile,last_name,first_name,birth_name,gender\nF-1,learner,Le Gall-Riou,Maëlle,,F\nF-2,learner,Gallois,Maël,,M\nF-3,learner,Nguyễn,Łucja,Œuvrard,F\nF-4,learner,d''Épreuve,Jean-Noël,,M\n') GROUP BY 1;
SELECT reference, last_name, first_name FROM attest.find_people('gall');
SELECT reference FROM attest.find_people('MAEL gal');
SELECT reference FROM attest.find_people('noel epreuve');
SELECT reference FROM attest.find_people('oeuv nguy');
SELECT reference FROM attest.find_people('lucja', 1);
SELECT count(*) FROM attest.find_people('all');
SELECT person_id AS riou FROM attest.find_people('riou') WHERE reference = 'F-1' \gset
SAVEPOINT a;
SELECT attest.find_people('-'); ROLLBACK TO a;
SELECT attest.find_people(NULL); ROLLBACK TO a;
SELECT attest.find_people('gall', 0); ROLLBACK TO a;
SELECT attest.change_person(:'riou', '{"last_name": "Corentin"}');
SELECT reference FROM attest.find_people('corentin maelle');
SELECT count(*) FROM attest.find_people('gall riou maelle') WHERE reference = 'F-1';
COMMIT;
BEGIN; SELECT attest.enter(:'lea') \g /dev/null
SELECT attest.find_people('gall'); ROLLBACK;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT count(*) FROM attest.find_people('nguyen'); ROLLBACK;
SELECT attest.find_people('gall');
RESET ROLE;
