CREATE TABLE attest_data.job (
  name text PRIMARY KEY,
  function text NOT NULL,
  every interval NOT NULL CHECK (every > interval '0'),
  next_run timestamptz NOT NULL DEFAULT now() + interval '1 hour',
  description text NOT NULL
);
COMMENT ON TABLE attest_data.job IS 'Background jobs, registered by the rooms.';

CREATE TABLE attest_data.job_run (
  run_id uuid PRIMARY KEY,
  job text NOT NULL REFERENCES attest_data.job (name),
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text NOT NULL CHECK (outcome IN ('running', 'done', 'failed')),
  done bigint,
  sqlstate text,
  message text
);
COMMENT ON TABLE attest_data.job_run IS 'Runs of the jobs; the row is written before the work starts.';
CREATE INDEX job_run_job_started_at_idx ON attest_data.job_run (job, started_at);
