CREATE OR REPLACE VIEW attest.jobs WITH (security_invoker = true) AS
SELECT name, every, next_run, description FROM attest_data.job;
COMMENT ON VIEW attest.jobs IS 'Background jobs.';
COMMENT ON COLUMN attest.jobs.name IS 'Name, for attest.run_job().';
COMMENT ON COLUMN attest.jobs.every IS 'Time between two runs.';
COMMENT ON COLUMN attest.jobs.next_run IS 'When it is due next.';
COMMENT ON COLUMN attest.jobs.description IS 'What it does.';

CREATE OR REPLACE VIEW attest.job_runs WITH (security_invoker = true) AS
SELECT run_id, job, started_at, ended_at, outcome, done, sqlstate, message FROM attest_data.job_run;
COMMENT ON VIEW attest.job_runs IS 'Runs of the background jobs.';
COMMENT ON COLUMN attest.job_runs.run_id IS 'Id of the run.';
COMMENT ON COLUMN attest.job_runs.job IS 'Name of the job.';
COMMENT ON COLUMN attest.job_runs.started_at IS 'Start.';
COMMENT ON COLUMN attest.job_runs.ended_at IS 'End; NULL while it runs, or after a crash.';
COMMENT ON COLUMN attest.job_runs.outcome IS 'running, done or failed (for one tenant at least).';
COMMENT ON COLUMN attest.job_runs.done IS 'How many things it did, over all tenants.';
COMMENT ON COLUMN attest.job_runs.sqlstate IS 'SQLSTATE of the last failure.';
COMMENT ON COLUMN attest.job_runs.message IS 'Message of the last failure.';

-- Operators only: a run counts all tenants, and its message may come from any of them.
GRANT SELECT ON attest_data.job, attest_data.job_run, attest.jobs, attest.job_runs TO attest_operator;
