-- The last part: ownership and privileges of every function, in one place.

-- A definer function works as attest_owner, which row level security binds.
DO $owners$
DECLARE
  fn regprocedure;
BEGIN
  FOR fn IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND p.prosecdef
  LOOP
    EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO attest_owner', fn);
  END LOOP;
END
$owners$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA attest, attest_internal FROM PUBLIC;
REVOKE ALL ON TYPE attest.nir, attest.siret, attest.siren, attest.sealed, attest.signature, attest.tally, attest.esf_tally,
  attest_internal.slot_facts, attest_internal.file_record, attest_internal.import_rules FROM PUBLIC;

GRANT USAGE ON SCHEMA attest, attest_internal
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT CREATE ON SCHEMA attest TO attest_owner;
GRANT SELECT ON attest_internal.setup_step TO attest_owner;
GRANT USAGE ON TYPE attest_internal.slot_facts, attest_internal.file_record, attest_internal.import_rules TO attest_owner;
GRANT USAGE ON TYPE attest.nir, attest.siret, attest.siren, attest.sealed, attest.signature, attest.tally, attest.esf_tally
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA attest, attest_internal TO attest_owner;

-- Input and output of the types, and what policies, defaults and views call.
DO $types$
DECLARE
  fn regprocedure;
BEGIN
  FOR fn IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace
      AND p.proname ~ '^(nir|siret|siren|sealed|signature|tally|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$'
  LOOP
    EXECUTE pg_catalog.format(
      'GRANT EXECUTE ON FUNCTION %s TO attest_operator, attest_app, attest_analyst, attest_auditor', fn);
  END LOOP;
END
$types$;

-- Everybody who works with attest.
GRANT EXECUTE ON FUNCTION
  attest.version(), attest.error_catalog(), attest.enter(text), attest.whoami(),
  attest.current_tenant(), attest.current_account(), attest.current_profile(), attest.current_person(),
  attest.uuid_v7(), attest.nir_check(text, text), attest.siret_check(text), attest.siren_check(text),
  attest.nir_parts(attest.nir, date), attest.siren(attest.siret),
  attest.grouped(attest.nir), attest.grouped(attest.siret), attest.grouped(attest.siren), attest.worker_status(), attest.may_see(uuid),
  attest.is_sealed(attest.sealed), attest.is_sealed(attest.sealed, uuid, text),
  attest.login(text, text, text), attest.enter_jwt(text),
  attest.presence_statuses(), attest.status_name(smallint),
  attest.holiday(date, text), attest.holidays(int, text), attest.add_working_days(date, int, text, text),
  attest.due_day(date, interval, text, boolean)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Totals are sums and name nobody.
GRANT EXECUTE ON FUNCTION
  attest.tally_of(smallint, int, int, int, int, boolean, boolean),
  attest.tally_presence(smallint, int, int, int, int, boolean, boolean), attest.merge_tally(attest.tally),
  attest.slots(attest.tally), attest.slots(attest.tally, text), attest.minutes_planned(attest.tally), attest.minutes_due(attest.tally), attest.minutes_ahead(attest.tally),
  attest.minutes_attended(attest.tally), attest.minutes_counted(attest.tally), attest.minutes_late(attest.tally),
  attest.signatures(attest.tally), attest.countersigned_slots(attest.tally), attest.presences(attest.tally),
  attest.absences(attest.tally), attest.rate(attest.tally)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Thin clients; the profile of the ticket decides what each call accepts.
GRANT EXECUTE ON FUNCTION
  attest.seal(text, uuid, text), attest.unseal(attest.sealed), attest.unseal(attest.sealed, uuid, text),
  attest.blind(text, text), attest.blind_candidates(text, text), attest.plain(text), attest.sealed_info(attest.sealed),
  attest.person_fields(), attest.may_open(uuid, text), attest.person_details(uuid, text), attest.person_provenance(uuid),
  attest.change_person(uuid, jsonb, text), attest.set_field_policy(text, text, text), attest.authorise_minor(uuid, date, text),
  attest.revoke_minor(uuid), attest.find_duplicates(jsonb), attest.resolve_person(uuid), attest.merge_people(uuid, uuid, text),
  attest.field_rules(text[]),
  attest.find_people(text, int),
  attest.import_columns(), attest.add_person(jsonb),
  attest.import_people(text, text, boolean), attest.import_people(bytea, text, boolean),
  attest.open_import(text, text), attest.stage_rows(uuid, text), attest.stage_rows(uuid, bytea), attest.check_import(uuid),
  attest.load_import(uuid), attest.discard_import(uuid), attest.rejected_rows(uuid), attest.set_last_activity(uuid, date),
  attest.create_course(text, text, text, text, text), attest.add_place(text, text, text, text), attest.add_funder(text, text, text),
  attest.set_counting_rule(text, date, text[], text[], text, int),
  attest.plan_session(uuid, text, date, date, text, interval),
  attest.plan_slot(uuid, timestamptz, timestamptz, text, text),
  attest.assign_trainer(uuid, uuid),
  attest.enrol(uuid, uuid, date, date, text, text), attest.withdraw(uuid, uuid, date),
  attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text),
  attest.countersign(uuid, attest.signature, bytea, uuid, timestamptz),
  attest.record_presence(uuid, uuid, text, text, int, timestamptz, uuid, text),
  attest.slot_code(uuid), attest.challenge(uuid, uuid, uuid, text), attest.list_digest(uuid),
  attest.set_signing(uuid, interval, interval, int), attest.set_attendance_policy(interval, interval, int, interval, interval),
  attest.cancel_slot(uuid, text), attest.cancel_session(uuid, text), attest.dispute(uuid, uuid, text),
  attest.submit_justification(uuid, uuid, text, bytea), attest.open_justification(uuid), attest.decide_justification(uuid, boolean, text),
  attest.events_since(text, int), attest.sync(jsonb),
  attest.live_board(uuid),
  attest.signature_kind(attest.signature), attest.signature_digest(attest.signature),
  attest.signature_payload(attest.signature), attest.signature_reasons(attest.signature),
  attest.create_operation(text, text, text, date, date, text, text, text, text, jsonb), attest.set_operation_parameters(uuid, jsonb, text),
  attest.record_entities(uuid, text, bigint, date),
  attest.record_participation(uuid, uuid, jsonb), attest.record_exit(uuid, date, jsonb),
  attest.record_change_after_exit(uuid, date, text), attest.record_followup(uuid, jsonb),
  attest.correct_participation(uuid, jsonb, text), attest.verify_participation(uuid, text),
  attest.esf_incomplete(text), attest.recount_esf(text), attest.esf_columns(),
  attest.export_participations(text), attest.import_participations(text, text),
  attest.esf_indicators(text, jsonb), attest.esf_missing(text, jsonb), attest.esf_indicator_set(text, jsonb),
  attest.esf_indicators(text, jsonb, jsonb), attest.esf_indicator_set(text, jsonb, jsonb), attest.esf_parameters(text, jsonb),
  attest.assign_case(uuid, uuid, date), attest.close_case(uuid, uuid, date),
  attest.object(uuid), attest.withdraw_objection(uuid),
  attest.set_retention_rule(text, interval, text), attest.place_hold(uuid, text), attest.lift_hold(uuid, text),
  attest.erase_person(uuid, text, text), attest.erasure_horizon(), attest.erasure_waits_for(int)
  TO attest_app;

GRANT EXECUTE ON FUNCTION attest.forecast(numeric) TO attest_app, attest_analyst;
GRANT EXECUTE ON FUNCTION
  attest.esf_report(text, timestamptz, date, boolean), attest.esf_programme_report(text, timestamptz, date),
  attest.esf_published(text, timestamptz, date, int), attest.esf_check(text, timestamptz, date), attest.esf_check(attest.esf_tally), attest.esf_check_sums(attest.esf_tally, jsonb),
  attest.esf_check_progress(attest.esf_tally, attest.esf_tally),
  attest.esf_tally_at(text, timestamptz, date, boolean), attest.esf_rules(), attest.esf_catalogue(), attest.esf_codes(text, bigint),
  attest.esf_tally_of(text, text, bigint), attest.esf_count(attest.esf_tally, text, text), attest.esf_framework(attest.esf_tally),
  attest.esf_rows(attest.esf_tally), attest.tally_esf(text, text, bigint), attest.merge_esf_tally(attest.esf_tally)
  TO attest_app, attest_analyst;
-- The follow-up of the RSA: lists and reports, to analysts too.
GRANT EXECUTE ON FUNCTION
  attest.followup_settings(), attest.organisation_kinds(), attest.commitment_grounds(), attest.contract_actions(),
  attest.activity_kinds(), attest.interaction_kinds(), attest.oarsa_lines(),
  attest.weekly_account(uuid, date, date, date), attest.deadlines(uuid, date, timestamptz),
  attest.followup_report(date, date, text), attest.oarsa_table(int, int, timestamptz, boolean)
  TO attest_app, attest_analyst;
GRANT EXECUTE ON FUNCTION
  attest.set_followup(text, text), attest.create_organisation(text, text, text, date, date, attest.siret),
  attest.join_organisation(uuid, uuid, date, date), attest.cancel_record(text, uuid, text),
  attest.record_situation(uuid, date, jsonb),
  attest.orient(uuid, uuid, date, text, date, text, text, boolean, text, uuid),
  attest.sign_contract(uuid, uuid, date, date, date, int, text, text[], text, uuid, uuid, text),
  attest.record_period(uuid, text, text, date, date, int, date, date, text, uuid, text),
  attest.record_activity(uuid, text, int, timestamptz, date, text, int, text, text, uuid, uuid, text),
  attest.followup_alerts(uuid, date), attest.followup_file(uuid),
  attest.record_interaction(uuid, text, text, timestamptz, uuid, text, uuid, text),
  attest.read_interactions(uuid), attest.interaction_readings(uuid)
  TO attest_app;


-- Operators of the installation.
GRANT EXECUTE ON FUNCTION
  attest.create_keyring(), attest.create_tenant(text, text, text, text),
  attest.create_account(text, text, text, uuid, date, date),
  attest.issue_ticket(text, text, interval), attest.set_secret(text, text, text),
  attest.import_secret(text, text, text), attest.import_account(text, text, text, text, uuid, date, date),
  attest.revoke_account(text, text, text), attest.reinstate_account(text, text, text),
  attest.declare_compromise(text, text, timestamptz),
  attest.add_identity_provider(text, text, text, text, interval), attest.import_jwk(text, text, jsonb),
  attest.drop_jwk(text, text, text), attest.grant_tenant(name, text, text), attest.revoke_tenant(name),
  attest.authorise_nir(text, text, text, date, date), attest.revoke_nir(text, text),
  attest.protect(regclass), attest.check_protectable(regclass), attest.protected_columns(), attest.protection_statements(regclass, name, text[]),
  attest.blind_statement(regclass, name, name), attest.refuse_clear(text), attest.seal_columns(), attest.write_view(),
  attest.register_adoption(regclass, text, text, text, text, text), attest.adoption_statements(regclass, name),
  attest.adopt_step(regclass, name), attest.adoption_end(regclass, name), attest.adopt_column(),
  attest.run_job(text), attest.doctor(),
  attest.prepare_kek(), attest.rotate_kek(), attest.confirm_backup(text, timestamptz), attest.retire_kek(int, name[]), attest.kek_epochs(),
  attest.destroy_retired_keys(text), attest.export_keys(), attest.import_keys(text), attest.erasure_horizon(text)
  TO attest_operator;
GRANT EXECUTE ON PROCEDURE
  attest.protect_columns(regclass, name, text[]), attest.protect_blind(regclass, name, name),
  attest.adopt(regclass, name, text, name, text, text),
  attest.rotate_tenant_key(text, int), attest.reseal_people(text, int), attest.rotate_keys(int)
  TO attest_operator;
GRANT EXECUTE ON FUNCTION attest.erasure_waits_for(int) TO attest_auditor;

-- Born here, after privileges were given: it has no list of them, which takes the least time to check.  Nobody but
-- attest's own roles can name it, and it tells what attest.current_tenant() tells.
CREATE FUNCTION attest_internal.planned_tenant() RETURNS int
AS 'MODULE_PATHNAME', 'attest_planned_tenant' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.planned_tenant() IS
'What the planner puts in the place of attest.current_tenant() for those who may execute that: every look-up checks the privileges of the function that it calls, twice.';
