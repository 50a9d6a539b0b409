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
