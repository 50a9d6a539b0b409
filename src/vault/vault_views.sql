CREATE OR REPLACE VIEW attest.key_rotations WITH (security_invoker = true) AS
SELECT r.rotation_id, r.kind, t.code AS tenant, r.generation, r.state, r.done, r.total, r.started_at, r.updated_at
FROM attest_data.key_rotation r LEFT JOIN attest_data.tenant t ON t.id = r.tenant;
COMMENT ON VIEW attest.key_rotations IS 'Rotations of keys and how far they are.';
COMMENT ON COLUMN attest.key_rotations.rotation_id IS 'Id of the rotation.';
COMMENT ON COLUMN attest.key_rotations.kind IS 'kek (tenant keys under a new epoch), tenant_key (people''s keys under a new tenant key) or subject_keys (values under new keys of people).';
COMMENT ON COLUMN attest.key_rotations.tenant IS 'Code of the tenant; NULL for kind kek, which does them all.';
COMMENT ON COLUMN attest.key_rotations.generation IS 'The new epoch (kek) or generation (tenant_key); otherwise 0.';
COMMENT ON COLUMN attest.key_rotations.state IS 'running (or interrupted, when updated_at stands still: call it again) or done.';
COMMENT ON COLUMN attest.key_rotations.done IS 'People done; for kek, tenants.';
COMMENT ON COLUMN attest.key_rotations.total IS 'People there were at the start; for kek, tenants.';
COMMENT ON COLUMN attest.key_rotations.started_at IS 'Start.';
COMMENT ON COLUMN attest.key_rotations.updated_at IS 'Last progress; the end, when it is done.';

CREATE OR REPLACE VIEW attest.erasures WITH (security_invoker = true) AS
SELECT e.subject_id AS person_id, e.erased_at, e.reason, e.authority, e.tenant_generation, e.kek_epochs,
  attest.erasure_waits_for(e.tenant_generation) AS waits_for
FROM attest_data.erased_subject e;
COMMENT ON VIEW attest.erasures IS 'People who were erased, and whether backups can still bring them back.';
COMMENT ON COLUMN attest.erasures.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.erasures.erased_at IS 'When their keys were destroyed.';
COMMENT ON COLUMN attest.erasures.reason IS 'Reason given; retention for the job.';
COMMENT ON COLUMN attest.erasures.authority IS 'Who decided, or on what ground.';
COMMENT ON COLUMN attest.erasures.tenant_generation IS 'The newest tenant key at that time.';
COMMENT ON COLUMN attest.erasures.kek_epochs IS 'Epochs that had wrapped it or an older one by then.';
COMMENT ON COLUMN attest.erasures.waits_for IS 'What still has to go before no backup opens, and the call for it; NULL when none does.';

CREATE OR REPLACE VIEW attest.backup_confirmations WITH (security_invoker = true) AS
SELECT started_at, label, confirmed_at, confirmed_by FROM attest_data.backup_confirmation;
COMMENT ON VIEW attest.backup_confirmations IS 'Backups that operators have confirmed.';
COMMENT ON COLUMN attest.backup_confirmations.started_at IS 'When the backup began.';
COMMENT ON COLUMN attest.backup_confirmations.label IS 'Its name.';
COMMENT ON COLUMN attest.backup_confirmations.confirmed_at IS 'When it was confirmed.';
COMMENT ON COLUMN attest.backup_confirmations.confirmed_by IS 'By which login role.';

GRANT SELECT ON attest_data.key_rotation, attest.key_rotations TO attest_operator;
GRANT SELECT ON attest_data.backup_confirmation, attest.backup_confirmations TO attest_operator, attest_auditor;
GRANT SELECT ON attest_data.erased_subject, attest.erasures TO attest_app, attest_auditor;
CREATE OR REPLACE VIEW attest.adoptions WITH (security_invoker = true) AS
SELECT table_name, column_name, kind, state,
  CASE WHEN state = 'done' OR blocks = 0 THEN 100 ELSE round(100.0 * next_block / blocks) END AS percent,
  rows_sealed, started_at, ended_at
FROM attest_data.adoption;
COMMENT ON VIEW attest.adoptions IS 'Columns under attest.adopt(), and how far it is.';
COMMENT ON COLUMN attest.adoptions.table_name IS 'Table, with its schema.';
COMMENT ON COLUMN attest.adoptions.column_name IS 'Column.';
COMMENT ON COLUMN attest.adoptions.kind IS 'What it held: clear, pgp_sym or aes.';
COMMENT ON COLUMN attest.adoptions.state IS 'running, also after an interruption, until a call ends it; done.';
COMMENT ON COLUMN attest.adoptions.percent IS 'How much of the table it has walked over.';
COMMENT ON COLUMN attest.adoptions.rows_sealed IS 'Rows that it has sealed; those that clients wrote meanwhile come on top.';
COMMENT ON COLUMN attest.adoptions.started_at IS 'When it began.';
COMMENT ON COLUMN attest.adoptions.ended_at IS 'When the sealed column took the place of the old one.';
GRANT SELECT (table_name, column_name, kind, state, next_block, blocks, rows_sealed, started_at, ended_at) ON attest_data.adoption TO attest_operator, attest_auditor;
GRANT SELECT ON attest.adoptions TO attest_operator, attest_auditor;
