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
REVOKE ALL ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest.esf_tally, attest_internal.slot_facts,
  attest_internal.file_record FROM PUBLIC;

GRANT USAGE ON SCHEMA attest, attest_internal
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT CREATE ON SCHEMA attest TO attest_owner;
GRANT SELECT ON attest_internal.setup_step TO attest_owner;
GRANT USAGE ON TYPE attest_internal.slot_facts, attest_internal.file_record TO attest_owner;
GRANT USAGE ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest.esf_tally
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
      AND p.proname ~ '^(nir|siret|sealed|signature|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$'
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
  attest.login(text, text, text), attest.enter_jwt(text)
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
  attest.create_operation(text, text, text, date, date, text, text, text, text), attest.record_entities(uuid, text, bigint),
  attest.record_participation(uuid, uuid, jsonb), attest.record_exit(uuid, date, jsonb),
  attest.record_change_after_exit(uuid, date, text), attest.record_followup(uuid, jsonb),
  attest.correct_participation(uuid, jsonb, text), attest.verify_participation(uuid, text),
  attest.esf_incomplete(text), attest.recount_esf(text), attest.esf_columns(),
  attest.export_participations(text), attest.import_participations(text, text),
  attest.esf_indicators(text, jsonb), attest.esf_missing(text, jsonb), attest.esf_indicator_set(text, jsonb),
  attest.assign_case(uuid, uuid, date), attest.close_case(uuid, uuid, date),
  attest.object(uuid), attest.withdraw_objection(uuid),
  attest.set_retention_rule(text, interval, text), attest.place_hold(uuid, text), attest.lift_hold(uuid, text)
  TO attest_app;

GRANT EXECUTE ON FUNCTION
  attest.esf_report(text, timestamptz, boolean), attest.esf_report(text, date, boolean), attest.esf_programme_report(text, timestamptz),
  attest.esf_published(text, timestamptz, int), attest.esf_check(text, timestamptz), attest.esf_check(attest.esf_tally), attest.esf_check_sums(attest.esf_tally, jsonb),
  attest.esf_tally_at(text, timestamptz, boolean), attest.esf_rules(), attest.esf_catalogue(), attest.esf_codes(text, bigint),
  attest.esf_tally_of(text, text, bigint), attest.esf_count(attest.esf_tally, text, text), attest.esf_framework(attest.esf_tally),
  attest.esf_rows(attest.esf_tally), attest.tally_esf(text, text, bigint), attest.merge_esf_tally(attest.esf_tally)
  TO attest_app, attest_analyst;

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
