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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA attest, attest_internal FROM PUBLIC;
REVOKE ALL ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest_internal.slot_facts,
  attest_internal.participation_facts FROM PUBLIC;

GRANT USAGE ON SCHEMA attest, attest_internal
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT CREATE ON SCHEMA attest TO attest_owner;
GRANT SELECT ON attest_internal.setup_step TO attest_owner;
GRANT USAGE ON TYPE attest_internal.slot_facts, attest_internal.participation_facts TO attest_owner;
GRANT USAGE ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature
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
      AND p.proname ~ '^(nir|siret|sealed|signature)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash)$'
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
  attest.uuid_v7(), attest.worker_status(), attest.may_see(uuid),
  attest.login(text, text, text), attest.enter_jwt(text),
  attest.holiday(date, text), attest.holidays(int, text), attest.add_working_days(date, int, text, text),
  attest.due_day(date, interval, text, boolean)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Thin clients; the profile of the ticket decides what each call accepts.
GRANT EXECUTE ON FUNCTION
  attest.seal(text, uuid, text), attest.unseal(attest.sealed), attest.unseal(attest.sealed, uuid, text),
  attest.import_columns(), attest.add_person(jsonb), attest.import_people(text), attest.set_last_activity(uuid, date),
  attest.create_course(text, text, text),
  attest.plan_session(uuid, text, date, date, text, interval),
  attest.plan_slot(uuid, timestamptz, timestamptz, text),
  attest.assign_trainer(uuid, uuid),
  attest.enrol(uuid, uuid, date, date), attest.withdraw(uuid, uuid, date),
  attest.sign(uuid, uuid, attest.signature, timestamptz, uuid),
  attest.countersign(uuid, attest.signature),
  attest.record_presence(uuid, uuid, text, text, int),
  attest.live_board(uuid),
  attest.signature_kind(attest.signature), attest.signature_digest(attest.signature),
  attest.signature_payload(attest.signature), attest.signature_reasons(attest.signature),
  attest.create_operation(text, text, text, date, date),
  attest.record_participation(uuid, uuid, jsonb),
  attest.esf_indicators(text, jsonb), attest.esf_missing(text, jsonb),
  attest.assign_case(uuid, uuid, date), attest.close_case(uuid, uuid, date),
  attest.object(uuid), attest.withdraw_objection(uuid),
  attest.set_retention_rule(text, interval, text), attest.place_hold(uuid, text), attest.lift_hold(uuid, text)
  TO attest_app;

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

GRANT EXECUTE ON FUNCTION attest.esf_report(text), attest.esf_catalogue() TO attest_app, attest_analyst;

-- Operators of the installation.
GRANT EXECUTE ON FUNCTION
  attest.create_keyring(), attest.create_tenant(text, text, text, text),
  attest.create_account(text, text, text, uuid, date, date),
  attest.issue_ticket(text, text, interval), attest.set_secret(text, text, text),
  attest.revoke_account(text, text, text), attest.reinstate_account(text, text, text),
  attest.declare_compromise(text, text, timestamptz),
  attest.add_identity_provider(text, text, text, text, interval), attest.import_jwk(text, text, jsonb),
  attest.drop_jwk(text, text, text), attest.grant_tenant(name, text, text), attest.revoke_tenant(name),
  attest.protect(regclass), attest.check_protectable(regclass),
  attest.run_job(text), attest.doctor()
  TO attest_operator;
