-- worker: jobs and who runs them.

CREATE FUNCTION attest_internal.wake_workers(insist boolean) RETURNS void
AS 'MODULE_PATHNAME', 'attest_wake_workers' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.wake_workers(boolean) IS
'Wakes the launcher and the scheduler of this database when the transaction commits. With insist, error TA009 where the library is not preloaded.';

CREATE FUNCTION attest.worker_status(OUT preloaded boolean, OUT launcher_pid int, OUT scheduler_pid int) RETURNS record
AS 'MODULE_PATHNAME', 'attest_worker_status' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION attest.worker_status() IS
'Whether the library is preloaded, and the processes: the launcher of the cluster and the scheduler of this database; NULL where none runs.';

CREATE FUNCTION attest.run_job(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass('attest_data.job') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  PERFORM attest_internal.wake_workers(true);
  UPDATE attest_data.job SET next_run = now() WHERE job.name = run_job.name;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_job', coalesce(run_job.name, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.run_job(text) IS
'Makes a job due now; the scheduler starts it once the transaction commits. Follow it in attest.job_runs.';

CREATE FUNCTION attest_internal.register_job(name text, function text, every interval, description text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.job (name, function, every, description) VALUES (name, function, every, description)
  ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION attest_internal.register_job(text, text, interval, text) IS
'Registers a job: a function of attest_internal without arguments that works for the entered tenant and returns how many things it did.';

CREATE FUNCTION attest_internal.worker_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  status record := attest.worker_status();
BEGIN
  IF NOT status.preloaded THEN
    RETURN QUERY SELECT 'not_preloaded', 'critical', 'shared_preload_libraries',
      'the library is not preloaded: no background work, and hooks only in sessions that call attest',
      'Add attest to shared_preload_libraries and restart the server.';
  ELSIF status.scheduler_pid IS NULL THEN
    RETURN QUERY SELECT 'worker_down', 'critical', current_database()::text,
      'no scheduler runs for this database: retention and other jobs do not happen',
      'Check max_worker_processes and the server log; SELECT attest.setup(); wakes the launcher.';
  END IF;
  IF to_regclass('attest_data.job_run') IS NOT NULL THEN
    RETURN QUERY SELECT 'job_failed', 'warning', j.name, format('the last run failed: %s %s', r.sqlstate, r.message),
      'See attest.job_runs, mend the cause, then SELECT attest.run_job(...);'
    FROM attest_data.job j
    JOIN LATERAL (SELECT * FROM attest_data.job_run r WHERE r.job = j.name ORDER BY r.started_at DESC LIMIT 1) r ON true
    WHERE r.outcome = 'failed';
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.worker_findings() IS 'What attest.doctor() says about background work.';
