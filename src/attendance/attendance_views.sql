CREATE OR REPLACE VIEW attest.presences WITH (security_invoker = true) AS
SELECT st.slot_id, st.person_id, st.session_id, se.course_id, st.day, sl.starts_at, sl.ends_at, st.minutes_planned,
  attest.status_name(st.status) AS status, st.minutes_attended, st.method, st.claimed_at, p.recorded_at,
  p.flags || CASE WHEN NOT st.countersigned AND st.presence_id IS NOT NULL AND EXISTS (SELECT FROM attest_data.countersignature c
    WHERE c.tenant_id = st.tenant_id AND c.slot_id = st.slot_id) THEN '{AFTER_COUNTERSIGNATURE}'::text[] ELSE '{}' END AS flags,
  st.presence_id, st.minutes_counted, st.late_minutes, st.evidence, st.signed, st.countersigned, st.enrolment_id, st.rule_version
FROM attest_data.presence_state st
JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
JOIN attest_data.session se ON se.tenant_id = st.tenant_id AND se.session_id = st.session_id
LEFT JOIN attest_data.presence p ON p.tenant_id = st.tenant_id AND p.presence_id = st.presence_id;
COMMENT ON VIEW attest.presences IS 'One row for each slot and person expected on it, with the status that the events come to.';
COMMENT ON COLUMN attest.presences.slot_id IS 'Id of the slot.';
COMMENT ON COLUMN attest.presences.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.presences.session_id IS 'Id of the session.';
COMMENT ON COLUMN attest.presences.course_id IS 'Id of the course.';
COMMENT ON COLUMN attest.presences.day IS 'Local day of the slot.';
COMMENT ON COLUMN attest.presences.starts_at IS 'Start of the slot.';
COMMENT ON COLUMN attest.presences.ends_at IS 'End of the slot.';
COMMENT ON COLUMN attest.presences.minutes_planned IS 'Length of the slot, in minutes; 0 once cancelled.';
COMMENT ON COLUMN attest.presences.status IS 'One of attest.presence_statuses(); expected while there is no event.';
COMMENT ON COLUMN attest.presences.minutes_attended IS 'Minutes attended; 0 while expected.';
COMMENT ON COLUMN attest.presences.method IS 'signature, entry (by a trainer or manager), countersignature (absence stated by it), automatic, justification (a document was accepted; beside late, left_early or partial: for the minutes missed), dispute or cancellation.';
COMMENT ON COLUMN attest.presences.claimed_at IS 'When it happened, by the device that was offline or by the server.';
COMMENT ON COLUMN attest.presences.recorded_at IS 'When the server recorded it.';
COMMENT ON COLUMN attest.presences.flags IS 'Facts to look at: OUTSIDE_SLOT, AFTER_COUNTERSIGNATURE, OFFLINE.';
COMMENT ON COLUMN attest.presences.presence_id IS 'Id of the event; NULL while expected.';
COMMENT ON COLUMN attest.presences.minutes_counted IS 'Minutes that count under the rule of the funder.';
COMMENT ON COLUMN attest.presences.late_minutes IS 'Minutes late.';
COMMENT ON COLUMN attest.presences.evidence IS '0 nothing was stated, 1 stated by staff, 2 signed, 3 signed in answer to a challenge, 4 and with the code of the room.';
COMMENT ON COLUMN attest.presences.signed IS 'The person has signed.';
COMMENT ON COLUMN attest.presences.countersigned IS 'A trainer has countersigned this status.';
COMMENT ON COLUMN attest.presences.enrolment_id IS 'Id of the enrolment.';
COMMENT ON COLUMN attest.presences.rule_version IS 'Version of the rule that minutes_counted follows; 0: that of attest.';

CREATE OR REPLACE VIEW attest.learner_totals WITH (security_invoker = true) AS
SELECT m.person_id, m.session_id, s.course_id,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, t.person_id, t.session_id, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t GROUP BY t.tenant_id, t.person_id, t.session_id) m
JOIN attest_data.session s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id;
COMMENT ON VIEW attest.learner_totals IS 'Totals of each person in each session: sums of the running totals of enrolments.';
COMMENT ON COLUMN attest.learner_totals.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.learner_totals.session_id IS 'Id of the session.';
COMMENT ON COLUMN attest.learner_totals.course_id IS 'Id of the course.';
COMMENT ON COLUMN attest.learner_totals.slots IS 'Slots, of every status.';
COMMENT ON COLUMN attest.learner_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.';
COMMENT ON COLUMN attest.learner_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.';
COMMENT ON COLUMN attest.learner_totals.minutes_attended IS 'Minutes attended.';
COMMENT ON COLUMN attest.learner_totals.minutes_counted IS 'Minutes counted by the rules of the funders.';
COMMENT ON COLUMN attest.learner_totals.rate IS 'Attended of due minutes, in percent.';
COMMENT ON COLUMN attest.learner_totals.present IS 'Slots present, from the start to the end.';
COMMENT ON COLUMN attest.learner_totals.late IS 'Slots late.';
COMMENT ON COLUMN attest.learner_totals.left_early IS 'Slots left early.';
COMMENT ON COLUMN attest.learner_totals.absent IS 'Slots absent, without a ground.';
COMMENT ON COLUMN attest.learner_totals.excused IS 'Slots excused, justified or exempted.';
COMMENT ON COLUMN attest.learner_totals.not_recorded IS 'Slots without an outcome yet.';
COMMENT ON COLUMN attest.learner_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.';

CREATE OR REPLACE VIEW attest.session_totals WITH (security_invoker = true) AS
SELECT m.session_id, s.course_id, s.title, s.starts_on, s.ends_on, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, t.session_id, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t GROUP BY t.tenant_id, t.session_id) m
JOIN attest_data.session s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id;
COMMENT ON VIEW attest.session_totals IS 'Totals of each session: sums of the running totals of enrolments.';
COMMENT ON COLUMN attest.session_totals.session_id IS 'Id of the session.';
COMMENT ON COLUMN attest.session_totals.course_id IS 'Id of the course.';
COMMENT ON COLUMN attest.session_totals.title IS 'Title of the session.';
COMMENT ON COLUMN attest.session_totals.starts_on IS 'First day.';
COMMENT ON COLUMN attest.session_totals.ends_on IS 'Last day.';
COMMENT ON COLUMN attest.session_totals.learners IS 'Persons expected on a slot at least.';
COMMENT ON COLUMN attest.session_totals.slots IS 'Slots, of every status.';
COMMENT ON COLUMN attest.session_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.';
COMMENT ON COLUMN attest.session_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.';
COMMENT ON COLUMN attest.session_totals.minutes_attended IS 'Minutes attended.';
COMMENT ON COLUMN attest.session_totals.minutes_counted IS 'Minutes counted by the rules of the funders.';
COMMENT ON COLUMN attest.session_totals.rate IS 'Attended of due minutes, in percent.';
COMMENT ON COLUMN attest.session_totals.present IS 'Slots present, from the start to the end.';
COMMENT ON COLUMN attest.session_totals.late IS 'Slots late.';
COMMENT ON COLUMN attest.session_totals.left_early IS 'Slots left early.';
COMMENT ON COLUMN attest.session_totals.absent IS 'Slots absent, without a ground.';
COMMENT ON COLUMN attest.session_totals.excused IS 'Slots excused, justified or exempted.';
COMMENT ON COLUMN attest.session_totals.not_recorded IS 'Slots without an outcome yet.';
COMMENT ON COLUMN attest.session_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.';

CREATE OR REPLACE VIEW attest.course_totals WITH (security_invoker = true) AS
SELECT m.course_id, c.code, c.title, c.nature, m.sessions, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, s.course_id, count(DISTINCT t.session_id) AS sessions, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t
  JOIN attest_data.session s ON s.tenant_id = t.tenant_id AND s.session_id = t.session_id
  GROUP BY t.tenant_id, s.course_id) m
JOIN attest_data.course c ON c.tenant_id = m.tenant_id AND c.course_id = m.course_id;
COMMENT ON VIEW attest.course_totals IS 'Totals of each course: sums of the running totals of enrolments.';
COMMENT ON COLUMN attest.course_totals.course_id IS 'Id of the course.';
COMMENT ON COLUMN attest.course_totals.code IS 'Code of the course.';
COMMENT ON COLUMN attest.course_totals.title IS 'Title of the course.';
COMMENT ON COLUMN attest.course_totals.nature IS 'Nature of the action.';
COMMENT ON COLUMN attest.course_totals.sessions IS 'Sessions with a slot at least.';
COMMENT ON COLUMN attest.course_totals.learners IS 'Different persons.';
COMMENT ON COLUMN attest.course_totals.slots IS 'Slots, of every status.';
COMMENT ON COLUMN attest.course_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.';
COMMENT ON COLUMN attest.course_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.';
COMMENT ON COLUMN attest.course_totals.minutes_attended IS 'Minutes attended.';
COMMENT ON COLUMN attest.course_totals.minutes_counted IS 'Minutes counted by the rules of the funders.';
COMMENT ON COLUMN attest.course_totals.rate IS 'Attended of due minutes, in percent.';
COMMENT ON COLUMN attest.course_totals.present IS 'Slots present, from the start to the end.';
COMMENT ON COLUMN attest.course_totals.late IS 'Slots late.';
COMMENT ON COLUMN attest.course_totals.left_early IS 'Slots left early.';
COMMENT ON COLUMN attest.course_totals.absent IS 'Slots absent, without a ground.';
COMMENT ON COLUMN attest.course_totals.excused IS 'Slots excused, justified or exempted.';
COMMENT ON COLUMN attest.course_totals.not_recorded IS 'Slots without an outcome yet.';
COMMENT ON COLUMN attest.course_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.';

CREATE OR REPLACE VIEW attest.funder_totals WITH (security_invoker = true) AS
SELECT m.funder_id, f.code, f.name, f.kind, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, e.funder_id, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t
  JOIN attest_data.enrolment e ON e.tenant_id = t.tenant_id AND e.enrolment_id = t.enrolment_id
  GROUP BY t.tenant_id, e.funder_id) m
LEFT JOIN attest_data.funder f ON f.tenant_id = m.tenant_id AND f.funder_id = m.funder_id;
COMMENT ON VIEW attest.funder_totals IS 'Totals of each funder, over the enrolments that it pays for; a row without funder for the others.';
COMMENT ON COLUMN attest.funder_totals.funder_id IS 'Id of the funder; NULL: none was named.';
COMMENT ON COLUMN attest.funder_totals.code IS 'Code of the funder.';
COMMENT ON COLUMN attest.funder_totals.name IS 'Name of the funder.';
COMMENT ON COLUMN attest.funder_totals.kind IS 'Origin of the money, as the BPF asks for it.';
COMMENT ON COLUMN attest.funder_totals.learners IS 'Different persons.';
COMMENT ON COLUMN attest.funder_totals.slots IS 'Slots, of every status.';
COMMENT ON COLUMN attest.funder_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.';
COMMENT ON COLUMN attest.funder_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.';
COMMENT ON COLUMN attest.funder_totals.minutes_attended IS 'Minutes attended.';
COMMENT ON COLUMN attest.funder_totals.minutes_counted IS 'Minutes counted by the rules of the funders.';
COMMENT ON COLUMN attest.funder_totals.rate IS 'Attended of due minutes, in percent.';
COMMENT ON COLUMN attest.funder_totals.present IS 'Slots present, from the start to the end.';
COMMENT ON COLUMN attest.funder_totals.late IS 'Slots late.';
COMMENT ON COLUMN attest.funder_totals.left_early IS 'Slots left early.';
COMMENT ON COLUMN attest.funder_totals.absent IS 'Slots absent, without a ground.';
COMMENT ON COLUMN attest.funder_totals.excused IS 'Slots excused, justified or exempted.';
COMMENT ON COLUMN attest.funder_totals.not_recorded IS 'Slots without an outcome yet.';
COMMENT ON COLUMN attest.funder_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.';

CREATE OR REPLACE VIEW attest.month_totals WITH (security_invoker = true) AS
SELECT m.month, m.course_id, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT date_trunc('month', st.day)::date AS month, s.course_id, count(DISTINCT st.person_id) AS learners,
    attest.tally_presence(st.status, st.minutes_planned, st.minutes_attended, st.minutes_counted, st.late_minutes, st.signed, st.countersigned) AS total
  FROM attest_data.presence_state st
  JOIN attest_data.session s ON s.tenant_id = st.tenant_id AND s.session_id = st.session_id
  GROUP BY date_trunc('month', st.day), s.course_id) m;
COMMENT ON VIEW attest.month_totals IS 'Totals of each course and month, by the local days of the slots.';
COMMENT ON COLUMN attest.month_totals.month IS 'First day of the month.';
COMMENT ON COLUMN attest.month_totals.course_id IS 'Id of the course.';
COMMENT ON COLUMN attest.month_totals.learners IS 'Different persons.';
COMMENT ON COLUMN attest.month_totals.slots IS 'Slots, of every status.';
COMMENT ON COLUMN attest.month_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.';
COMMENT ON COLUMN attest.month_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.';
COMMENT ON COLUMN attest.month_totals.minutes_attended IS 'Minutes attended.';
COMMENT ON COLUMN attest.month_totals.minutes_counted IS 'Minutes counted by the rules of the funders.';
COMMENT ON COLUMN attest.month_totals.rate IS 'Attended of due minutes, in percent.';
COMMENT ON COLUMN attest.month_totals.present IS 'Slots present, from the start to the end.';
COMMENT ON COLUMN attest.month_totals.late IS 'Slots late.';
COMMENT ON COLUMN attest.month_totals.left_early IS 'Slots left early.';
COMMENT ON COLUMN attest.month_totals.absent IS 'Slots absent, without a ground.';
COMMENT ON COLUMN attest.month_totals.excused IS 'Slots excused, justified or exempted.';
COMMENT ON COLUMN attest.month_totals.not_recorded IS 'Slots without an outcome yet.';
COMMENT ON COLUMN attest.month_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.';

CREATE OR REPLACE VIEW attest.bpf_hours WITH (security_invoker = true) AS
SELECT extract(year FROM st.day)::int AS year, c.nature, f.kind AS funding, count(DISTINCT st.person_id) AS trainees,
  round(sum(st.minutes_attended) / 60.0, 2) AS trainee_hours
FROM attest_data.presence_state st
JOIN attest_data.session s ON s.tenant_id = st.tenant_id AND s.session_id = st.session_id
JOIN attest_data.course c ON c.tenant_id = s.tenant_id AND c.course_id = s.course_id
JOIN attest_data.enrolment e ON e.tenant_id = st.tenant_id AND e.enrolment_id = st.enrolment_id
LEFT JOIN attest_data.funder f ON f.tenant_id = e.tenant_id AND f.funder_id = e.funder_id
WHERE st.minutes_attended > 0
GROUP BY 1, 2, 3;
COMMENT ON VIEW attest.bpf_hours IS 'Trainees and trainee-hours of a calendar year for the bilan pédagogique et financier (Cerfa 10443, frame F): sum over trainees of the hours followed.';
COMMENT ON COLUMN attest.bpf_hours.year IS 'Calendar year of the local days of the slots.';
COMMENT ON COLUMN attest.bpf_hours.nature IS 'Nature of the action.';
COMMENT ON COLUMN attest.bpf_hours.funding IS 'Origin of the money; NULL: no funder was named.';
COMMENT ON COLUMN attest.bpf_hours.trainees IS 'Different persons who attended.';
COMMENT ON COLUMN attest.bpf_hours.trainee_hours IS 'Hours followed, summed over the trainees.';

CREATE OR REPLACE VIEW attest.presence_flags WITH (security_invoker = true) AS
WITH rule AS (
  SELECT coalesce(max(p.chain_people), 3) AS people, coalesce(max(p.chain_within), '10 seconds') AS within,
    coalesce(max(p.end_margin), '15 minutes') AS margin
  FROM attest_data.attendance_policy p WHERE p.tenant_id = attest.current_tenant()
)
SELECT p.presence_id, p.slot_id, p.person_id, f.flag, p.claimed_at,
  CASE f.flag WHEN 'PUBLIC_HOLIDAY' THEN 'the day of the slot is a public holiday at its place'
    WHEN 'OFFLINE' THEN format('told %s minutes later', floor(extract(epoch FROM p.recorded_at - p.claimed_at) / 60))
    WHEN 'AFTER_LOCK' THEN 'recorded by a manager after the slot was locked'
    WHEN 'WITHDRAWN' THEN 'the person had left the session'
    ELSE format('slot from %s to %s', sl.starts_at AT TIME ZONE sl.time_zone, sl.ends_at AT TIME ZONE sl.time_zone) END AS reason
FROM attest_data.presence p
JOIN attest_data.slot sl ON sl.tenant_id = p.tenant_id AND sl.slot_id = p.slot_id
CROSS JOIN LATERAL unnest(p.flags) f (flag)
UNION ALL
SELECT st.presence_id, st.slot_id, st.person_id, 'AFTER_COUNTERSIGNATURE', st.claimed_at,
  format('the countersignature of %s does not cover it', c.countersigned_at AT TIME ZONE sl.time_zone)
FROM attest_data.presence_state st
JOIN attest_data.countersignature c ON c.tenant_id = st.tenant_id AND c.slot_id = st.slot_id
JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
WHERE NOT st.countersigned AND st.presence_id IS NOT NULL
UNION ALL
SELECT a.presence_id, a.slot_id, a.person_id, 'TWO_PLACES', a.claimed_at,
  format('also %s for the slot from %s to %s', CASE WHEN b.signed THEN 'signed' ELSE 'recorded' END,
    other.starts_at AT TIME ZONE other.time_zone, other.ends_at AT TIME ZONE other.time_zone)
FROM attest_data.presence_state a
JOIN attest_data.slot own ON own.tenant_id = a.tenant_id AND own.slot_id = a.slot_id
JOIN attest_data.presence_state b ON b.tenant_id = a.tenant_id AND b.person_id = a.person_id
  AND b.day BETWEEN a.day - 1 AND a.day + 1 AND b.slot_id <> a.slot_id AND (b.signed OR b.minutes_attended > 0)
JOIN attest_data.slot other ON other.tenant_id = b.tenant_id AND other.slot_id = b.slot_id
WHERE (a.signed OR a.minutes_attended > 0) AND own.starts_at < other.ends_at AND other.starts_at < own.ends_at
UNION ALL
SELECT c.presence_id, c.slot_id, c.person_id, 'DEVICE_CHAIN', c.claimed_at,
  format('%s people from one device within %s', c.people, rule.within)
FROM rule CROSS JOIN LATERAL (
  SELECT p.presence_id, p.slot_id, p.person_id, p.claimed_at, count(*) OVER (PARTITION BY p.tenant_id, p.slot_id, p.device_id
    ORDER BY p.claimed_at RANGE BETWEEN rule.within PRECEDING AND rule.within FOLLOWING) AS people
  FROM attest_data.presence p WHERE p.method = 'signature' AND p.device_id IS NOT NULL
) c WHERE c.people >= rule.people
UNION ALL
SELECT c.presence_id, c.slot_id, c.person_id, 'ALL_AT_END', c.claimed_at,
  format('all %s signatures of the slot came at its end', c.people)
FROM rule CROSS JOIN LATERAL (
  SELECT p.presence_id, p.slot_id, p.person_id, p.claimed_at, count(*) OVER of_slot AS people, min(p.claimed_at) OVER of_slot AS first, sl.ends_at
  FROM attest_data.presence p JOIN attest_data.slot sl ON sl.tenant_id = p.tenant_id AND sl.slot_id = p.slot_id
  WHERE p.method = 'signature' WINDOW of_slot AS (PARTITION BY p.tenant_id, p.slot_id)
) c WHERE c.people >= rule.people AND c.first >= c.ends_at - rule.margin;
COMMENT ON VIEW attest.presence_flags IS 'What a person should look at, with the reason: facts, never a sanction. OUTSIDE_SLOT, BEFORE_SLOT, PUBLIC_HOLIDAY, OFFLINE, AFTER_LOCK, AFTER_COUNTERSIGNATURE, WITHDRAWN, TWO_PLACES, DEVICE_CHAIN, ALL_AT_END. Filter by slot_id or person_id.';
COMMENT ON COLUMN attest.presence_flags.presence_id IS 'Id of the event.';
COMMENT ON COLUMN attest.presence_flags.slot_id IS 'Id of the slot.';
COMMENT ON COLUMN attest.presence_flags.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.presence_flags.flag IS 'What there is to look at.';
COMMENT ON COLUMN attest.presence_flags.claimed_at IS 'When the event happened.';
COMMENT ON COLUMN attest.presence_flags.reason IS 'The fact behind it.';

CREATE OR REPLACE VIEW attest.justifications WITH (security_invoker = true) AS
SELECT j.justification_id, j.slot_id, j.person_id, j.motive, j.digest, j.submitted_at, d.accepted, d.decided_at
FROM attest_data.justification j
LEFT JOIN attest_data.justification_decision d ON d.tenant_id = j.tenant_id AND d.justification_id = j.justification_id;
COMMENT ON VIEW attest.justifications IS 'Documents handed in for absences and lateness, and what was decided.';
COMMENT ON COLUMN attest.justifications.justification_id IS 'Id of the justification.';
COMMENT ON COLUMN attest.justifications.slot_id IS 'Id of the slot.';
COMMENT ON COLUMN attest.justifications.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.justifications.motive IS 'medical, family, transport, summons, employer, examination or other.';
COMMENT ON COLUMN attest.justifications.digest IS 'SHA-256 of the document.';
COMMENT ON COLUMN attest.justifications.submitted_at IS 'When it was handed in.';
COMMENT ON COLUMN attest.justifications.accepted IS 'The decision; NULL while there is none.';
COMMENT ON COLUMN attest.justifications.decided_at IS 'When it was decided.';

CREATE OR REPLACE VIEW attest.compromised_presences WITH (security_invoker = true) AS
SELECT p.presence_id, p.slot_id, p.person_id, attest.status_name(p.status) AS status, p.method, p.recorded_at, a.identifier AS account, c.since AS compromised_since
FROM attest_data.presence p
JOIN attest_data.account_compromise c ON c.tenant_id = p.tenant_id AND c.account_id = p.recorded_by AND p.recorded_at >= c.since
JOIN attest_data.account a ON a.tenant_id = c.tenant_id AND a.account_id = c.account_id;
COMMENT ON VIEW attest.compromised_presences IS 'Events that an account recorded since it was in other hands: to be looked at by people.';
COMMENT ON COLUMN attest.compromised_presences.presence_id IS 'Id of the event.';
COMMENT ON COLUMN attest.compromised_presences.slot_id IS 'Id of the slot.';
COMMENT ON COLUMN attest.compromised_presences.person_id IS 'Id of the person.';
COMMENT ON COLUMN attest.compromised_presences.status IS 'Status the event gives.';
COMMENT ON COLUMN attest.compromised_presences.method IS 'Method of the event.';
COMMENT ON COLUMN attest.compromised_presences.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN attest.compromised_presences.account IS 'Identifier of the account.';
COMMENT ON COLUMN attest.compromised_presences.compromised_since IS 'Since when the account was in other hands.';
GRANT SELECT ON attest_data.account_compromise, attest.compromised_presences TO attest_auditor;
GRANT SELECT (tenant_id, account_id, identifier) ON attest_data.account TO attest_auditor;
GRANT SELECT ON attest_data.presence TO attest_auditor;

GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.slot_trainer, attest_data.enrolment, attest_data.presence,
  attest_data.presence_state, attest_data.place, attest_data.funder, attest_data.counting_rule, attest_data.attendance_policy,
  attest_data.countersignature, attest_data.justification, attest_data.justification_decision, attest_data.enrolment_total, attest.presences,
  attest.presence_flags, attest.justifications, attest.learner_totals, attest.session_totals, attest.course_totals,
  attest.funder_totals, attest.month_totals, attest.bpf_hours TO attest_app;
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.enrolment, attest_data.presence,
  attest_data.presence_state, attest_data.countersignature, attest_data.place, attest_data.funder, attest_data.counting_rule TO attest_analyst;
