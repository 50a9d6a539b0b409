CREATE OR REPLACE VIEW attest_report.rsa_weeks WITH (security_invoker = true) AS
SELECT a.week, a.iso_week, count(*) AS people, count(*) FILTER (WHERE a.state = 'recorded') AS recorded,
  count(*) FILTER (WHERE a.state = 'unknown') AS unknown, count(*) FILTER (WHERE a.low) AS low,
  sum(a.minutes) AS minutes, sum(a.training) AS training_minutes, sum(a.commitment) FILTER (WHERE a.state = 'recorded') AS commitment
FROM attest.weekly_account() a
WHERE a.state <> 'running' AND attest.current_tenant() IS NOT NULL
GROUP BY a.week, a.iso_week;
COMMENT ON VIEW attest_report.rsa_weeks IS 'Weeks of people with a contract or an activity, the last thirteen that have ended; small numbers are not suppressed.';
COMMENT ON COLUMN attest_report.rsa_weeks.week IS 'Monday of the week.';
COMMENT ON COLUMN attest_report.rsa_weeks.iso_week IS 'ISO week, such as 2026-W48.';
COMMENT ON COLUMN attest_report.rsa_weeks.people IS 'People with a contract or an activity in the week.';
COMMENT ON COLUMN attest_report.rsa_weeks.recorded IS 'Of whom something was recorded.';
COMMENT ON COLUMN attest_report.rsa_weeks.unknown IS 'Of whom nothing was recorded.';
COMMENT ON COLUMN attest_report.rsa_weeks.low IS 'Recorded, below the commitment.';
COMMENT ON COLUMN attest_report.rsa_weeks.minutes IS 'Person-minutes done.';
COMMENT ON COLUMN attest_report.rsa_weeks.training_minutes IS 'Of these, in training recorded by attendance.';
COMMENT ON COLUMN attest_report.rsa_weeks.commitment IS 'Person-minutes promised in the recorded weeks.';
GRANT SELECT ON attest_report.rsa_weeks TO attest_app, attest_analyst;
