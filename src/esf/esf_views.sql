CREATE OR REPLACE VIEW attest.operations WITH (security_invoker = true) AS
SELECT operation_id, code, title, framework, starts_on, ends_on, programme, priority, specific_objective, region_category, parameters
FROM attest_data.operation;
COMMENT ON VIEW attest.operations IS 'Operations of the entered tenant.';
COMMENT ON COLUMN attest.operations.operation_id IS 'Id of the operation.';
COMMENT ON COLUMN attest.operations.code IS 'Code, for attest.esf_report().';
COMMENT ON COLUMN attest.operations.title IS 'Title.';
COMMENT ON COLUMN attest.operations.framework IS 'esf+ (2021-2027) or esf (2014-2020).';
COMMENT ON COLUMN attest.operations.starts_on IS 'First day.';
COMMENT ON COLUMN attest.operations.ends_on IS 'Last day.';
COMMENT ON COLUMN attest.operations.programme IS 'Code of the programme, for attest.esf_report() too.';
COMMENT ON COLUMN attest.operations.priority IS 'Priority of the programme.';
COMMENT ON COLUMN attest.operations.specific_objective IS 'Specific objective.';
COMMENT ON COLUMN attest.operations.region_category IS 'less_developed, transition, more_developed or outermost.';
COMMENT ON COLUMN attest.operations.parameters IS 'Parameters by which its indicators are counted: attest.esf_parameters().';

CREATE OR REPLACE VIEW attest.operation_parameters WITH (security_invoker = true) AS
SELECT operation_id, parameters, reason, recorded_at, recorded_by FROM attest_data.operation_parameters;
COMMENT ON VIEW attest.operation_parameters IS 'Changes of the parameters of operations, by attest.set_operation_parameters().';
COMMENT ON COLUMN attest.operation_parameters.operation_id IS 'Operation.';
COMMENT ON COLUMN attest.operation_parameters.parameters IS 'All parameters from then on.';
COMMENT ON COLUMN attest.operation_parameters.reason IS 'Why: the rule of the authority.';
COMMENT ON COLUMN attest.operation_parameters.recorded_at IS 'When it was changed.';
COMMENT ON COLUMN attest.operation_parameters.recorded_by IS 'Account that changed it.';

CREATE OR REPLACE VIEW attest.participations WITH (security_invoker = true) AS
SELECT p.participation_id, p.operation_id, p.person_id, p.entered_on, p.exited_on, p.evidence, p.recorded_at, p.exit_recorded_at,
  p.followup_recorded_at, p.corrected_at, f.facts,
  attest.esf_missing(o.framework, f.facts) AS missing, attest.esf_indicators(o.framework, f.facts, o.parameters) AS indicators
FROM attest_data.participation p
JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
CROSS JOIN LATERAL (SELECT attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb OFFSET 0) f (facts);
COMMENT ON VIEW attest.participations IS 'Participations of the people that the profile sees, with what is known of them, opened.';
COMMENT ON COLUMN attest.participations.participation_id IS 'Id of the participation.';
COMMENT ON COLUMN attest.participations.operation_id IS 'Operation.';
COMMENT ON COLUMN attest.participations.person_id IS 'Person.';
COMMENT ON COLUMN attest.participations.entered_on IS 'First entry.';
COMMENT ON COLUMN attest.participations.exited_on IS 'Last exit; NULL while the person takes part.';
COMMENT ON COLUMN attest.participations.evidence IS 'unverified, verified or rejected, by attest.verify_participation().';
COMMENT ON COLUMN attest.participations.recorded_at IS 'When it was first recorded.';
COMMENT ON COLUMN attest.participations.exit_recorded_at IS 'When the exit was first recorded; corrections do not change it.';
COMMENT ON COLUMN attest.participations.followup_recorded_at IS 'When the situation six months after was first recorded.';
COMMENT ON COLUMN attest.participations.corrected_at IS 'When it was last corrected; NULL when never.';
COMMENT ON COLUMN attest.participations.facts IS 'What is known, with the keys of attest.esf_indicators(); NULL once the person is erased.';
COMMENT ON COLUMN attest.participations.missing IS 'Keys that keep it out of every indicator.';
COMMENT ON COLUMN attest.participations.indicators IS 'Codes that it counts for.';

CREATE OR REPLACE VIEW attest.participation_history WITH (security_invoker = true) AS
SELECT v.participation_id, v.version, v.person_id, v.kind, v.recorded_at, v.recorded_by,
  attest.unseal(v.reason, v.person_id, 'esf.reason') AS reason, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb AS facts
FROM attest_data.participation_version v;
COMMENT ON VIEW attest.participation_history IS 'What was known of participations after each write, opened.';
COMMENT ON COLUMN attest.participation_history.participation_id IS 'Id of the participation.';
COMMENT ON COLUMN attest.participation_history.version IS 'Number of the version, from 1.';
COMMENT ON COLUMN attest.participation_history.person_id IS 'Person.';
COMMENT ON COLUMN attest.participation_history.kind IS 'entry, re_entry, exit, change (after the exit), followup, correction, import, merge or parameters (of the operation were changed).';
COMMENT ON COLUMN attest.participation_history.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN attest.participation_history.recorded_by IS 'Account that recorded it.';
COMMENT ON COLUMN attest.participation_history.reason IS 'Why it was corrected, or the parameters changed.';
COMMENT ON COLUMN attest.participation_history.facts IS 'What was known; NULL once the person is erased.';

CREATE OR REPLACE VIEW attest.participation_stays WITH (security_invoker = true) AS
SELECT s.participation_id, s.stay, s.person_id, s.entered_on, s.exited_on FROM attest_data.participation_stay s;
COMMENT ON VIEW attest.participation_stays IS 'From when to when people were in an operation, each time.';
COMMENT ON COLUMN attest.participation_stays.participation_id IS 'Id of the participation.';
COMMENT ON COLUMN attest.participation_stays.stay IS 'Number of the stay, from 1.';
COMMENT ON COLUMN attest.participation_stays.person_id IS 'Person.';
COMMENT ON COLUMN attest.participation_stays.entered_on IS 'Entry.';
COMMENT ON COLUMN attest.participation_stays.exited_on IS 'Exit; NULL while it lasts.';

GRANT SELECT ON attest_data.operation, attest_data.operation_parameters, attest.operations, attest.operation_parameters TO attest_app, attest_analyst;
GRANT SELECT ON attest_data.participation, attest_data.participation_version, attest_data.participation_stay,
  attest.participations, attest.participation_history, attest.participation_stays TO attest_app;
