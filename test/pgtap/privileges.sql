-- What each role may call and read: the whole list, so that every change is seen here.
-- attest_owner may call everything; it is nobody's login.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set ON_ERROR_STOP 1
BEGIN;
SELECT plan(12);

CREATE TEMP VIEW client (role, short, position) AS
SELECT 'attest_' || short, short, position
FROM unnest(ARRAY['operator', 'app', 'analyst', 'auditor']) WITH ORDINALITY AS r (short, position);

CREATE TEMP VIEW fn AS
SELECT p.oid, p.oid::regprocedure::text AS name FROM pg_proc p
WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace);

-- What a value needs to come in, go out, be compared and be indexed.
CREATE TEMP VIEW type_support (fn) AS
SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend]::oid[]) FROM pg_type
  WHERE typnamespace = 'attest'::regnamespace AND typtype = 'b' AND typelem = 0
UNION SELECT oprcode FROM pg_operator WHERE oprnamespace = 'attest'::regnamespace
UNION SELECT amproc FROM pg_amproc WHERE amproclefttype IN (SELECT oid FROM pg_type WHERE typnamespace = 'attest'::regnamespace);

CREATE TEMP VIEW may_call AS
SELECT f.name, string_agg(c.short, ' ' ORDER BY c.position) AS roles
FROM fn f JOIN client c ON has_function_privilege(c.role, f.oid, 'EXECUTE')
WHERE f.oid NOT IN (SELECT fn FROM type_support)
GROUP BY f.name;

CREATE TEMP VIEW relation AS
SELECT c.oid, c.oid::regclass::text AS name, c.relkind FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relnamespace IN
  ('attest'::regnamespace, 'attest_internal'::regnamespace, 'attest_data'::regnamespace, 'attest_report'::regnamespace);

CREATE TEMP VIEW may_read AS
SELECT r.name || coalesce(' (' || part.columns || ')', '') AS name, string_agg(c.short, ' ' ORDER BY c.position) AS roles
FROM relation r CROSS JOIN client c
CROSS JOIN LATERAL (
  SELECT string_agg(a.attname, ', ' ORDER BY a.attname) AS columns FROM pg_attribute a
  WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND has_column_privilege(c.role, r.oid, a.attnum, 'SELECT') AND NOT has_table_privilege(c.role, r.oid, 'SELECT')
) part
WHERE has_table_privilege(c.role, r.oid, 'SELECT') OR part.columns IS NOT NULL
GROUP BY 1;

CREATE TEMP TABLE expected_call (name text, roles text);
INSERT INTO expected_call VALUES
  ('attest.activity_kinds()', 'app analyst'),
  ('attest.add_identity_provider(text,text,text,text,interval)', 'operator'),
  ('attest.add_person(jsonb)', 'app'),
  ('attest.adopt(regclass,name,text,name,text,text)', 'operator'),
  ('attest.adopt_column()', 'operator'),
  ('attest.adopt_step(regclass,name)', 'operator'),
  ('attest.adoption_end(regclass,name)', 'operator'),
  ('attest.adoption_statements(regclass,name)', 'operator'),
  ('attest.assign_case(uuid,uuid,date)', 'app'),
  ('attest.minutes_planned(attest.tally)', 'operator app analyst auditor'),
  ('attest.minutes_late(attest.tally)', 'operator app analyst auditor'),
  ('attest.minutes_attended(attest.tally)', 'operator app analyst auditor'),
  ('attest.tally_of(smallint,integer,integer,integer,integer,boolean,boolean)', 'operator app analyst auditor'),
  ('attest.rate(attest.tally)', 'operator app analyst auditor'),
  ('attest.minutes_counted(attest.tally)', 'operator app analyst auditor'),
  ('attest.tally_presence(smallint,integer,integer,integer,integer,boolean,boolean)', 'operator app analyst auditor'),
  ('attest.absences(attest.tally)', 'operator app analyst auditor'),
  ('attest.slots(attest.tally,text)', 'operator app analyst auditor'),
  ('attest.merge_tally(attest.tally)', 'operator app analyst auditor'),
  ('attest.countersigned_slots(attest.tally)', 'operator app analyst auditor'),
  ('attest.signatures(attest.tally)', 'operator app analyst auditor'),
  ('attest.presences(attest.tally)', 'operator app analyst auditor'),
  ('attest.minutes_due(attest.tally)', 'operator app analyst auditor'),
  ('attest.minutes_ahead(attest.tally)', 'operator app analyst auditor'),
  ('attest.add_working_days(date,integer,text,text)', 'operator app analyst auditor'),
  ('attest.slots(attest.tally)', 'operator app analyst auditor'),
  ('attest.forecast(numeric)', 'app analyst'),
  ('attest.add_funder(text,text,text)', 'app'),
  ('attest.add_place(text,text,text,text)', 'app'),
  ('attest.set_counting_rule(text,date,text[],text[],text,integer)', 'app'),
  ('attest.slot_code(uuid)', 'app'),
  ('attest.challenge(uuid,uuid,uuid,text)', 'app'),
  ('attest.list_digest(uuid)', 'app'),
  ('attest.set_signing(uuid,interval,interval,integer)', 'app'),
  ('attest.set_attendance_policy(interval,interval,integer,interval,interval)', 'app'),
  ('attest.cancel_slot(uuid,text)', 'app'),
  ('attest.cancel_session(uuid,text)', 'app'),
  ('attest.dispute(uuid,uuid,text)', 'app'),
  ('attest.submit_justification(uuid,uuid,text,bytea)', 'app'),
  ('attest.open_justification(uuid)', 'app'),
  ('attest.decide_justification(uuid,boolean,text)', 'app'),
  ('attest.events_since(text,integer)', 'app'),
  ('attest.sync(jsonb)', 'app'),
  ('attest.presence_statuses()', 'operator app analyst auditor'),
  ('attest.status_name(smallint)', 'operator app analyst auditor'),
  ('attest.assign_trainer(uuid,uuid)', 'app'),
  ('attest.authorise_minor(uuid,date,text)', 'app'),
  ('attest.authorise_nir(text,text,text,date,date)', 'operator'),
  ('attest.blind(text,text)', 'app'),
  ('attest.blind_candidates(text,text)', 'app'),
  ('attest.blind_statement(regclass,name,name)', 'operator'),
  ('attest.cancel_record(text,uuid,text)', 'app'),
  ('attest.change_person(uuid,jsonb,text)', 'app'),
  ('attest.check_import(uuid)', 'app'),
  ('attest.check_protectable(regclass)', 'operator'),
  ('attest.close_case(uuid,uuid,date)', 'app'),
  ('attest.countersign(uuid,attest.signature,bytea,uuid,timestamp with time zone)', 'app'),
  ('attest.commitment_grounds()', 'app analyst'),
  ('attest.confirm_backup(text,timestamp with time zone)', 'operator'),
  ('attest.contract_actions()', 'app analyst'),
  ('attest.create_account(text,text,text,uuid,date,date)', 'operator'),
  ('attest.create_course(text,text,text,text,text)', 'app'),
  ('attest.create_keyring()', 'operator'),
  ('attest.create_operation(text,text,text,date,date,text,text,text,text,jsonb)', 'app'),
  ('attest.correct_participation(uuid,jsonb,text)', 'app'),
  ('attest.create_organisation(text,text,text,date,date,attest.siret)', 'app'),
  ('attest.create_tenant(text,text,text,text)', 'operator'),
  ('attest.current_account()', 'operator app analyst auditor'),
  ('attest.current_person()', 'operator app analyst auditor'),
  ('attest.current_profile()', 'operator app analyst auditor'),
  ('attest.current_tenant()', 'operator app analyst auditor'),
  ('attest_internal.planned_tenant()', 'operator app analyst auditor'),
  ('attest.deadlines(uuid,date,timestamp with time zone)', 'app analyst'),
  ('attest.declare_compromise(text,text,timestamp with time zone)', 'operator'),
  ('attest.destroy_retired_keys(text)', 'operator'),
  ('attest.discard_import(uuid)', 'app'),
  ('attest.doctor()', 'operator'),
  ('attest.drop_jwk(text,text,text)', 'operator'),
  ('attest.enrol(uuid,uuid,date,date,text,text)', 'app'),
  ('attest.due_day(date,interval,text,boolean)', 'operator app analyst auditor'),
  ('attest.enter(text)', 'operator app analyst auditor'),
  ('attest.enter_jwt(text)', 'operator app analyst auditor'),
  ('attest.erase_person(uuid,text,text)', 'app'),
  ('attest.erasure_horizon()', 'app'),
  ('attest.erasure_horizon(text)', 'operator'),
  ('attest.erasure_waits_for(integer)', 'app auditor'),
  ('attest.error_catalog()', 'operator app analyst auditor'),
  ('attest.esf_catalogue()', 'app analyst'),
  ('attest.esf_check(attest.esf_tally)', 'app analyst'),
  ('attest.esf_check(text,timestamp with time zone,date)', 'app analyst'),
  ('attest.esf_check_progress(attest.esf_tally,attest.esf_tally)', 'app analyst'),
  ('attest.esf_check_sums(attest.esf_tally,jsonb)', 'app analyst'),
  ('attest.esf_codes(text,bigint)', 'app analyst'),
  ('attest.esf_columns()', 'app'),
  ('attest.esf_count(attest.esf_tally,text,text)', 'app analyst'),
  ('attest.esf_framework(attest.esf_tally)', 'app analyst'),
  ('attest.esf_incomplete(text)', 'app'),
  ('attest.esf_indicator_set(text,jsonb)', 'app'),
  ('attest.esf_indicator_set(text,jsonb,jsonb)', 'app'),
  ('attest.esf_indicators(text,jsonb)', 'app'),
  ('attest.esf_indicators(text,jsonb,jsonb)', 'app'),
  ('attest.esf_missing(text,jsonb)', 'app'),
  ('attest.esf_parameters(text,jsonb)', 'app'),
  ('attest.esf_programme_report(text,timestamp with time zone,date)', 'app analyst'),
  ('attest.esf_published(text,timestamp with time zone,date,integer)', 'app analyst'),
  ('attest.esf_report(text,timestamp with time zone,date,boolean)', 'app analyst'),
  ('attest.esf_rows(attest.esf_tally)', 'app analyst'),
  ('attest.esf_rules()', 'app analyst'),
  ('attest.esf_tally_at(text,timestamp with time zone,date,boolean)', 'app analyst'),
  ('attest.esf_tally_of(text,text,bigint)', 'app analyst'),
  ('attest.export_participations(text)', 'app'),
  ('attest.export_keys()', 'operator'),
  ('attest.field_rules(text[])', 'app'),
  ('attest.find_duplicates(jsonb)', 'app'),
  ('attest.find_people(text,integer)', 'app'),
  ('attest.followup_alerts(uuid,date)', 'app'),
  ('attest.followup_file(uuid)', 'app'),
  ('attest.followup_report(date,date,text)', 'app analyst'),
  ('attest.followup_settings()', 'app analyst'),
  ('attest.grant_tenant(name,text,text)', 'operator'),
  ('attest.grouped(attest.nir)', 'operator app analyst auditor'),
  ('attest.grouped(attest.siren)', 'operator app analyst auditor'),
  ('attest.grouped(attest.siret)', 'operator app analyst auditor'),
  ('attest.holiday(date,text)', 'operator app analyst auditor'),
  ('attest.holidays(integer,text)', 'operator app analyst auditor'),
  ('attest.import_account(text,text,text,text,uuid,date,date)', 'operator'),
  ('attest.import_columns()', 'app'),
  ('attest.import_jwk(text,text,jsonb)', 'operator'),
  ('attest.import_participations(text,text)', 'app'),
  ('attest.import_keys(text)', 'operator'),
  ('attest.import_people(bytea,text,boolean)', 'app'),
  ('attest.import_people(text,text,boolean)', 'app'),
  ('attest.import_secret(text,text,text)', 'operator'),
  ('attest.interaction_kinds()', 'app analyst'),
  ('attest.interaction_readings(uuid)', 'app'),
  ('attest.is_sealed(attest.sealed)', 'operator app analyst auditor'),
  ('attest.is_sealed(attest.sealed,uuid,text)', 'operator app analyst auditor'),
  ('attest.issue_ticket(text,text,interval)', 'operator'),
  ('attest.join_organisation(uuid,uuid,date,date)', 'app'),
  ('attest.kek_epochs()', 'operator'),
  ('attest.lift_hold(uuid,text)', 'app'),
  ('attest.live_board(uuid)', 'app'),
  ('attest.load_import(uuid)', 'app'),
  ('attest.login(text,text,text)', 'operator app analyst auditor'),
  ('attest.may_open(uuid,text)', 'app'),
  ('attest.may_see(uuid)', 'operator app analyst auditor'),
  ('attest.merge_esf_tally(attest.esf_tally)', 'app analyst'),
  ('attest.merge_people(uuid,uuid,text)', 'app'),
  ('attest.nir_check(text,text)', 'operator app analyst auditor'),
  ('attest.nir_parts(attest.nir,date)', 'operator app analyst auditor'),
  ('attest.oarsa_lines()', 'app analyst'),
  ('attest.oarsa_table(integer,integer,timestamp with time zone,boolean)', 'app analyst'),
  ('attest.object(uuid)', 'app'),
  ('attest.open_import(text,text)', 'app'),
  ('attest.organisation_kinds()', 'app analyst'),
  ('attest.orient(uuid,uuid,date,text,date,text,text,boolean,text,uuid)', 'app'),
  ('attest.person_details(uuid,text)', 'app'),
  ('attest.person_fields()', 'app'),
  ('attest.person_provenance(uuid)', 'app'),
  ('attest.place_hold(uuid,text)', 'app'),
  ('attest.plain(text)', 'app'),
  ('attest.plan_session(uuid,text,date,date,text,interval)', 'app'),
  ('attest.plan_slot(uuid,timestamp with time zone,timestamp with time zone,text,text)', 'app'),
  ('attest.prepare_kek()', 'operator'),
  ('attest.protect(regclass)', 'operator'),
  ('attest.record_change_after_exit(uuid,date,text)', 'app'),
  ('attest.record_entities(uuid,text,bigint,date)', 'app'),
  ('attest.record_exit(uuid,date,jsonb)', 'app'),
  ('attest.record_followup(uuid,jsonb)', 'app'),
  ('attest.recount_esf(text)', 'app'),
  ('attest.protect_blind(regclass,name,name)', 'operator'),
  ('attest.protect_columns(regclass,name,text[])', 'operator'),
  ('attest.protected_columns()', 'operator'),
  ('attest.protection_statements(regclass,name,text[])', 'operator'),
  ('attest.read_interactions(uuid)', 'app'),
  ('attest.record_activity(uuid,text,integer,timestamp with time zone,date,text,integer,text,text,uuid,uuid,text)', 'app'),
  ('attest.record_interaction(uuid,text,text,timestamp with time zone,uuid,text,uuid,text)', 'app'),
  ('attest.record_participation(uuid,uuid,jsonb)', 'app'),
  ('attest.record_presence(uuid,uuid,text,text,integer,timestamp with time zone,uuid,text)', 'app'),
  ('attest.record_period(uuid,text,text,date,date,integer,date,date,text,uuid,text)', 'app'),
  ('attest.record_situation(uuid,date,jsonb)', 'app'),
  ('attest.refuse_clear(text)', 'operator'),
  ('attest.register_adoption(regclass,text,text,text,text,text)', 'operator'),
  ('attest.reinstate_account(text,text,text)', 'operator'),
  ('attest.rejected_rows(uuid)', 'app'),
  ('attest.reseal_people(text,integer)', 'operator'),
  ('attest.resolve_person(uuid)', 'app'),
  ('attest.retire_kek(integer,name[])', 'operator'),
  ('attest.revoke_account(text,text,text)', 'operator'),
  ('attest.revoke_minor(uuid)', 'app'),
  ('attest.revoke_nir(text,text)', 'operator'),
  ('attest.revoke_tenant(name)', 'operator'),
  ('attest.rotate_kek()', 'operator'),
  ('attest.rotate_keys(integer)', 'operator'),
  ('attest.rotate_tenant_key(text,integer)', 'operator'),
  ('attest.run_job(text)', 'operator'),
  ('attest.seal(text,uuid,text)', 'app'),
  ('attest.seal_columns()', 'operator'),
  ('attest.sealed_info(attest.sealed)', 'app'),
  ('attest.set_field_policy(text,text,text)', 'app'),
  ('attest.set_followup(text,text)', 'app'),
  ('attest.set_operation_parameters(uuid,jsonb,text)', 'app'),
  ('attest.set_last_activity(uuid,date)', 'app'),
  ('attest.set_retention_rule(text,interval,text)', 'app'),
  ('attest.set_secret(text,text,text)', 'operator'),
  ('attest.sign(uuid,uuid,attest.signature,bytea,uuid,uuid,timestamp with time zone,text)', 'app'),
  ('attest.sign_contract(uuid,uuid,date,date,date,integer,text,text[],text,uuid,uuid,text)', 'app'),
  ('attest.signature_digest(attest.signature)', 'app'),
  ('attest.signature_kind(attest.signature)', 'app'),
  ('attest.signature_payload(attest.signature)', 'app'),
  ('attest.signature_reasons(attest.signature)', 'app'),
  ('attest.tally_esf(text,text,bigint)', 'app analyst'),
  ('attest.siren(attest.siret)', 'operator app analyst auditor'),
  ('attest.siren_check(text)', 'operator app analyst auditor'),
  ('attest.siret_check(text)', 'operator app analyst auditor'),
  ('attest.stage_rows(uuid,bytea)', 'app'),
  ('attest.stage_rows(uuid,text)', 'app'),
  ('attest.unseal(attest.sealed)', 'app'),
  ('attest.unseal(attest.sealed,uuid,text)', 'app'),
  ('attest.uuid_v7()', 'operator app analyst auditor'),
  ('attest.verify_participation(uuid,text)', 'app'),
  ('attest.version()', 'operator app analyst auditor'),
  ('attest.weekly_account(uuid,date,date,date)', 'app analyst'),
  ('attest.whoami()', 'operator app analyst auditor'),
  ('attest.withdraw(uuid,uuid,date)', 'app'),
  ('attest.withdraw_objection(uuid)', 'app'),
  ('attest.worker_status()', 'operator app analyst auditor'),
  ('attest.write_view()', 'operator');

CREATE TEMP TABLE expected_read (name text, roles text);
INSERT INTO expected_read VALUES
  ('attest.month_totals', 'app'),
  ('attest.bpf_hours', 'app'),
  ('attest.funder_totals', 'app'),
  ('attest_data.enrolment_total', 'app'),
  ('attest.presence_flags', 'app'),
  ('attest.justifications', 'app'),
  ('attest.adoptions', 'operator auditor'),
  ('attest.backup_confirmations', 'operator auditor'),
  ('attest.compromised_presences', 'auditor'),
  ('attest.course_totals', 'app'),
  ('attest.destruction_certificates', 'app auditor'),
  ('attest.erasures', 'app auditor'),
  ('attest.identity_providers', 'operator auditor'),
  ('attest.imports', 'app'),
  ('attest.job_runs', 'operator'),
  ('attest.jobs', 'operator'),
  ('attest.key_rotations', 'operator'),
  ('attest.learner_totals', 'app'),
  ('attest.nir_authorisations', 'app auditor'),
  ('attest.operation_parameters', 'app analyst'),
  ('attest.operations', 'app analyst'),
  ('attest.participation_history', 'app'),
  ('attest.participation_stays', 'app'),
  ('attest.participations', 'app'),
  ('attest.parental_authorisations', 'app'),
  ('attest.people', 'app'),
  ('attest.person_aliases', 'app'),
  ('attest.person_history', 'app'),
  ('attest.presences', 'app analyst'),
  ('attest.retention_due', 'app auditor'),
  ('attest.retention_rules', 'app auditor'),
  ('attest.session_totals', 'app'),
  ('attest.tenant_roles', 'operator auditor'),
  ('attest.tenants', 'operator app analyst auditor'),
  ('attest_data.account (account_id, identifier, tenant_id)', 'auditor'),
  ('attest_data.account_compromise', 'auditor'),
  ('attest_data.countersignature', 'app analyst'),
  ('attest_data.adoption (blocks, column_name, ended_at, kind, next_block, rows_sealed, started_at, state, table_name)', 'operator auditor'),
  ('attest_data.backup_confirmation', 'operator auditor'),
  ('attest_data.course', 'app analyst'),
  ('attest_data.destruction_certificate', 'app auditor'),
  ('attest_data.enrolment', 'app analyst'),
  ('attest_data.erased_subject', 'app auditor'),
  ('attest_data.identity_key (alg, audience, imported_at, issuer, kid)', 'operator auditor'),
  ('attest_data.identity_provider', 'operator auditor'),
  ('attest_data.import', 'app'),
  ('attest_data.job', 'operator'),
  ('attest_data.job_run', 'operator'),
  ('attest_data.key_rotation', 'operator'),
  ('attest_data.legal_hold', 'app auditor'),
  ('attest_data.nir_authorisation', 'app auditor'),
  ('attest_data.operation', 'app analyst'),
  ('attest_data.operation_parameters', 'app analyst'),
  ('attest_data.parental_authorisation', 'app'),
  ('attest_data.participation', 'app'),
  ('attest_data.participation_stay', 'app'),
  ('attest_data.participation_version', 'app'),
  ('attest_data.person (anonymised_at, birth_year, gender, isced, profiles, tenant_id)', 'analyst'),
  ('attest_data.person (anonymised_at, last_activity, person_id, profiles, tenant_id)', 'auditor'),
  ('attest_data.person', 'app'),
  ('attest_data.presence_state', 'app analyst'),
  ('attest_data.place', 'app analyst'),
  ('attest_data.funder', 'app analyst'),
  ('attest_data.counting_rule', 'app analyst'),
  ('attest_data.attendance_policy', 'app'),
  ('attest_data.justification', 'app'),
  ('attest_data.justification_decision', 'app'),
  ('attest_data.person_alias', 'app'),
  ('attest_data.person_change', 'app'),
  ('attest_data.presence', 'app analyst auditor'),
  ('attest_data.retention_rule', 'app auditor'),
  ('attest_data.role_tenant', 'operator auditor'),
  ('attest_data.session', 'app analyst'),
  ('attest_data.slot', 'app analyst'),
  ('attest_data.slot_trainer', 'app'),
  ('attest_data.tenant', 'operator app analyst auditor'),
  ('attest_report.attendance_by_month', 'app analyst'),
  ('attest_report.people_by_profile', 'app analyst'),
  ('attest_report.rsa_weeks', 'app analyst');

-- --- the lists ---

SELECT bag_eq('SELECT name, roles FROM may_call', 'SELECT name, roles FROM expected_call', 'each role may call what is listed, and nothing else');
SELECT bag_eq('SELECT name, roles FROM may_read', 'SELECT name, roles FROM expected_read', 'each role may read what is listed, and nothing else');

SELECT is_empty($$
  SELECT name FROM may_call WHERE name LIKE 'attest\_internal.%' AND name <> 'attest_internal.planned_tenant()'
$$, 'no client calls attest_internal, but for what its types need and what stands for current_tenant() in plans');

SELECT is_empty($$
  SELECT p.oid::regprocedure FROM pg_proc p JOIN type_support t ON t.fn = p.oid
  WHERE p.prosecdef OR p.provolatile <> 'i'
$$, 'what types need is immutable and works with the rights of its caller');

SELECT is_empty($$
  SELECT c.role, f.name FROM client c JOIN type_support t ON true JOIN fn f ON f.oid = t.fn
  WHERE NOT has_function_privilege(c.role, f.oid, 'EXECUTE')
$$, 'every client may use the types');

-- --- what may be read can be read ---

-- A view works with the rights of its caller, who needs what lies under it too.
CREATE FUNCTION pg_temp.view_that_fails() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT c.role, r.name FROM relation r JOIN client c ON has_table_privilege(c.role, r.oid, 'SELECT')
    WHERE r.relkind = 'v' ORDER BY 1, 2
  LOOP
    BEGIN
      EXECUTE format('SET LOCAL ROLE %I', item.role);
      EXECUTE format('SELECT FROM (SELECT * FROM %s) v LIMIT 1', item.name);
    EXCEPTION WHEN OTHERS THEN
      RETURN NEXT item.role || ' reading ' || item.name || ': ' || SQLERRM;
    END;
    RESET ROLE;
  END LOOP;
END
$$;
SELECT is_empty('SELECT pg_temp.view_that_fails()', 'a role that may read a view can read it');

-- --- the tests can fail ---

CREATE FUNCTION pg_temp.sees(query text, fault text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  before text;
  after text;
BEGIN
  query := format('SELECT string_agg(q::text, chr(10) ORDER BY q::text) FROM (%s) q', query);
  EXECUTE query INTO before;
  BEGIN
    EXECUTE fault;
    EXECUTE query INTO after;
    RAISE SQLSTATE 'ZZ001';
  EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    RETURN after IS DISTINCT FROM before;
  END;
END
$$;

SELECT ok(pg_temp.sees(query, fault), 'seen: ' || fault)
FROM (VALUES
  (1, 'SELECT name, roles FROM may_call', 'GRANT EXECUTE ON FUNCTION attest.doctor() TO attest_app'),
  (2, 'SELECT name, roles FROM may_call', 'GRANT attest_operator TO attest_app'),
  (3, 'SELECT name, roles FROM may_call', 'GRANT EXECUTE ON FUNCTION attest_internal.enter_tenant(int) TO attest_app'),
  (4, 'SELECT name, roles FROM may_call', 'REVOKE EXECUTE ON FUNCTION attest.enter(text) FROM attest_app'),
  (5, 'SELECT name, roles FROM may_read', 'GRANT SELECT (last_name) ON attest_data.person TO attest_analyst'),
  (6, 'SELECT pg_temp.view_that_fails()', 'REVOKE SELECT ON attest_data.slot FROM attest_analyst')
) AS planted (nth, query, fault) ORDER BY nth;

SELECT * FROM finish();
ROLLBACK;
