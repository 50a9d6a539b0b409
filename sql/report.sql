\set SHOW_CONTEXT never
SET datestyle = 'ISO, YMD';
SET timezone = 'Europe/Paris';
-- Reporting views, as an analyst: plain types, no names, the entered tenant only.
CREATE ROLE analyst LOGIN IN ROLE attest_analyst;
SELECT attest.issue_ticket('north', 'boss') AS north, attest.issue_ticket('south', 'boss') AS south \gset
SET ROLE analyst;
SELECT count(*) FROM attest_report.people_by_profile;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT profile, sum(people) AS people FROM attest_report.people_by_profile GROUP BY 1 ORDER BY 1;
SELECT sum(slots) AS slots FROM attest_report.attendance_by_month;
COMMIT;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT last_name FROM attest_data.person;
ROLLBACK;
BEGIN; SELECT attest.enter(:'south') \g /dev/null
SELECT * FROM attest.people;
ROLLBACK;
BEGIN; SELECT attest.enter(:'north') \g /dev/null
SELECT sum(slots) AS slots FROM attest_report.attendance_by_month;
COMMIT;
RESET ROLE;
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'attest_report' AND data_type NOT IN ('text', 'date', 'integer', 'bigint', 'numeric', 'timestamp with time zone');
