CREATE OR REPLACE VIEW attest_report.attendance_by_month WITH (security_invoker = true) AS
SELECT date_trunc('month', p.day)::date AS month, c.code AS course, p.status, count(*) AS slots,
  sum(p.minutes_planned) AS minutes_planned, sum(p.minutes_attended) AS minutes_attended
FROM attest.presences p
JOIN attest_data.course c ON c.tenant_id = attest.current_tenant() AND c.course_id = p.course_id
WHERE p.ends_at <= now()
GROUP BY 1, 2, 3;
COMMENT ON VIEW attest_report.attendance_by_month IS 'Attendance by month, course and status, over the slots that have ended. One row a combination that occurs.';
COMMENT ON COLUMN attest_report.attendance_by_month.month IS 'First day of the month.';
COMMENT ON COLUMN attest_report.attendance_by_month.course IS 'Code of the course.';
COMMENT ON COLUMN attest_report.attendance_by_month.status IS 'Status of the presences, as in attest.presences.';
COMMENT ON COLUMN attest_report.attendance_by_month.slots IS 'Person-slots.';
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_planned IS 'Person-minutes planned.';
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_attended IS 'Person-minutes attended.';

CREATE OR REPLACE VIEW attest_report.people_by_profile WITH (security_invoker = true) AS
SELECT profile, p.gender, p.birth_year / 10 * 10 AS birth_decade, p.isced::int AS isced, count(*) AS people,
  count(p.anonymised_at) AS anonymised
FROM attest_data.person p CROSS JOIN LATERAL unnest(p.profiles) AS profile
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW attest_report.people_by_profile IS 'People by profile, gender, decade of birth and level of education; those anonymised still count. One row a combination that occurs.';
COMMENT ON COLUMN attest_report.people_by_profile.profile IS 'Profile, such as learner.';
COMMENT ON COLUMN attest_report.people_by_profile.gender IS 'F, M or N (non-binary).';
COMMENT ON COLUMN attest_report.people_by_profile.birth_decade IS 'Decade of birth, such as 1980.';
COMMENT ON COLUMN attest_report.people_by_profile.isced IS 'Level of education, ISCED 0 to 8.';
COMMENT ON COLUMN attest_report.people_by_profile.people IS 'People.';
COMMENT ON COLUMN attest_report.people_by_profile.anonymised IS 'Of whom anonymised.';

GRANT SELECT (tenant_id, profiles, gender, birth_year, isced, anonymised_at) ON attest_data.person TO attest_analyst;
GRANT SELECT ON attest.presences TO attest_analyst;
GRANT SELECT ON attest_report.attendance_by_month, attest_report.people_by_profile TO attest_app, attest_analyst;
