#!/usr/bin/perl
# Totals of attendance over a generated year, against an independent calculation in plain
# SQL from the planning and the events: for every grouping, to the minute, the minutes that
# count under versioned rules of funders too, also after corrections, disputes, withdrawals,
# re-entries with another funder and cancelled slots, in three time zones and across both
# changes of the clock.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Utils;
use Test::More;

my $learners = $ENV{TOTALS_LEARNERS} // 400;
my $strokes = signature('s03-1', 'strokes');
my $node = attest_cluster('totals', conf => "attest.scheduler_interval = 86400\nfsync = off\n");
my $db = 'year';
attest_database($node, $db);
sub sql { return value($node, $db, 'postgres', @_) }

sql("SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation'), attest.create_account('alpha', 'manager', 'manager')");
my $manager = ticket($node, $db, 'alpha', 'manager', '4 hours');
sub manage
{
	my ($query, %variable) = @_;
	my $result = as_tenant($node, $db, 'postgres', $manager, $query, %variable);
	die "$query\n$result->{err}" unless $result->{ok};
	return $result->{out};
}

# --- the year: 40 sessions of 10 slots; every third place in another zone ---

manage("SELECT attest.import_people(E'reference,profile,last_name,first_name,gender\\n' || string_agg(format('L-%s,learner,Nom%s,P,F', n, n), E'\\n'))
  FROM generate_series(1, $learners) n \\g /dev/null");
manage(<<'SQL');
SELECT attest.add_place('Nantes', 'Europe/Paris'), attest.add_place('Saint-Denis', 'Indian/Reunion'), attest.add_place('Pointe-à-Pitre', 'America/Guadeloupe') \g /dev/null
SELECT attest.add_funder('opco', 'An OPCO', 'opco'), attest.add_funder('region', 'A region', 'region') \g /dev/null
SELECT attest.create_course('C-' || n, 'Course ' || n) FROM generate_series(1, 5) n \g /dev/null
-- Days that hold the changes of the clock of 2025: 30 March and 26 October.
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, attest.plan_session((SELECT course_id FROM attest_data.course WHERE code = 'C-' || 1 + n % 5), 'S-' || n,
  CASE n % 4 WHEN 0 THEN date '2025-03-26' WHEN 1 THEN date '2025-10-22' ELSE date '2025-01-06' + 9 * n END,
  CASE n % 4 WHEN 0 THEN date '2025-03-26' WHEN 1 THEN date '2025-10-22' ELSE date '2025-01-06' + 9 * n END + 9,
  (ARRAY['Nantes', 'Saint-Denis', 'Pointe-à-Pitre'])[1 + n % 3]) AS session
FROM generate_series(1, 40) n;
SELECT count(attest.enrol(m.session, p.person_id, s.starts_on + CASE WHEN p.n % 7 = 0 THEN 2 ELSE 0 END, s.ends_on,
  CASE p.n % 3 WHEN 0 THEN 'opco' WHEN 1 THEN 'region' END))
FROM made m JOIN attest_data.session s ON s.session_id = m.session
JOIN (SELECT person_id, row_number() OVER (ORDER BY reference) AS n FROM attest_data.person) p ON p.n % 40 = m.n - 1;
-- Mornings, afternoons, nights that hold the change of the clock, and odd lengths.
SELECT count(attest.plan_slot(m.session,
  (s.starts_on + d + (ARRAY[time '09:00', time '13:30', time '22:30', time '08:17'])[1 + (m.n + d) % 4]) AT TIME ZONE z.zone,
  (s.starts_on + d + (ARRAY[time '09:00', time '13:30', time '22:30', time '08:17'])[1 + (m.n + d) % 4]) AT TIME ZONE z.zone
    + (ARRAY[interval '3 hours 30 minutes', interval '3 hours', interval '7 hours', interval '1 hour 43 minutes'])[1 + (m.n + d) % 4]))
FROM made m JOIN attest_data.session s ON s.session_id = m.session
CROSS JOIN LATERAL (SELECT (ARRAY['Europe/Paris', 'Indian/Reunion', 'America/Guadeloupe'])[1 + m.n % 3] AS zone) z
CROSS JOIN generate_series(0, 9) d;
SQL
is(manage('SELECT count(*) FROM attest_data.slot'), 400, '400 slots');
is(manage(q{SELECT bool_and(st.day = (sl.starts_at AT TIME ZONE sl.time_zone)::date) FROM attest_data.presence_state st JOIN attest_data.slot sl USING (tenant_id, slot_id)}),
	't', 'days are those of the place');

# --- what counts for whom: versions, the last two set when all has happened ---

sql(<<'SQL');
CREATE TABLE public.rule AS SELECT * FROM (VALUES
  (1, 'opco', date '2025-01-01', '{present,late}'::text[], '{exempted}'::text[], 30),
  (2, 'region', date '2025-03-01', '{present,late,left_early,partial}', '{excused,in_company}', 1),
  (3, 'opco', date '2025-06-15', '{present,partial}', '{late}', 15),
  (4, 'region', date '2025-03-01', '{present,late,partial,in_company}', '{exempted,justified}', 10)) v (n, funder, valid_from, as_attended, as_planned, grain);
SQL
sub set_rules
{
	my ($first, $last) = @_;
	return manage("SELECT attest.set_counting_rule(funder, valid_from, as_attended, as_planned, 'agreement', grain) FROM public.rule WHERE n BETWEEN $first AND $last ORDER BY n");
}
is(set_rules(1, 2), "1\n2", 'two rules of funders');

# --- what happened: a status for most, signatures, withdrawals and re-entries, corrections, disputes, cancelled slots ---

my $happened = <<'SQL';
SELECT count(attest_internal.add_event(st.slot_id, st.person_id,
  (ARRAY['present', 'late', 'left_early', 'partial', 'absent', 'excused', 'justified', 'exempted', 'in_company', 'present'])[1 + h % 10],
  CASE WHEN h % 10 IN (0, 8, 9) THEN st.minutes_planned WHEN h % 10 IN (1, 2, 3) THEN (h / 10) % (st.minutes_planned + 1) ELSE 0 END,
  'entry', st.day + time '20:00' + h % 1000 * interval '1 second', 'a reason'))
FROM (SELECT *, abs(hashtext(slot_id::text || person_id::text || :'round')) AS h FROM attest_data.presence_state) st
WHERE h % 100 < :part AND st.status <> attest_internal.status_code('cancelled');
SQL
sub events { my ($round, $part) = @_; return as_tenant($node, $db, 'postgres', $manager, $happened, round => $round, part => $part)->{out} }
manage(q{SELECT attest.withdraw(e.session_id, e.person_id, e.since + 4) FROM attest_data.enrolment e WHERE abs(hashtext(e.enrolment_id::text)) % 9 = 0 \g /dev/null});
manage(q{SELECT attest.enrol(e.session_id, e.person_id, e.until + 2, s.ends_on, 'region') FROM attest_data.enrolment e JOIN attest_data.session s USING (tenant_id, session_id)
  WHERE e.withdrawn_at IS NOT NULL AND e.until + 2 <= s.ends_on AND abs(hashtext(e.person_id::text)) % 2 = 0 \g /dev/null});
# Signatures of some, from five minutes before the start on: those in time are present, the others late.
sub signatures
{
	my ($round) = @_;
	return manage(q{SELECT count(attest.sign(st.slot_id, st.person_id, :'strokes', claimed_at => sl.starts_at + (st.h / 10 % 60 - 5) * interval '1 minute'))
  FROM (SELECT *, abs(hashtext(slot_id::text || person_id::text || :'round')) AS h FROM attest_data.presence_state) st JOIN attest_data.slot sl USING (tenant_id, slot_id)
  WHERE st.h % 10 = 0 AND NOT st.signed AND st.status <> attest_internal.status_code('cancelled')}, round => $round, strokes => $strokes);
}
cmp_ok(events('first', 80), '>', $learners * 7, 'events for most');
cmp_ok(signatures('first'), '>', $learners / 2, 'signatures');
# Half of the others are absent because nobody said anything.
manage(q{SELECT attest_internal.add_event(slot_id, person_id, 'absent', 0, 'automatic') FROM attest_data.presence_state
  WHERE presence_id IS NULL AND abs(hashtext(slot_id::text || person_id::text)) % 2 = 0 \g /dev/null});
# People leave before slots on which something was recorded; half of them come back the next day, paid for by another.
my $left = q{e.withdrawn_at IS NOT NULL AND abs(hashtext(e.enrolment_id::text)) % 11 = 0};
manage(q{SELECT attest.withdraw(e.session_id, e.person_id, e.since + 5) FROM attest_data.enrolment e WHERE e.withdrawn_at IS NULL AND e.since + 5 < e.until AND abs(hashtext(e.enrolment_id::text)) % 11 = 0 \g /dev/null});
cmp_ok(manage(qq{SELECT count(*) FROM attest_data.presence_state st JOIN attest_data.enrolment e USING (tenant_id, enrolment_id)
  WHERE $left AND st.day > e.until AND st.status <> attest_internal.status_code('cancelled')}), '>', $learners / 20, 'people left before slots with events');
cmp_ok(manage(qq{SELECT count(attest.enrol(e.session_id, e.person_id, e.until + 1, s.ends_on, CASE f.code WHEN 'opco' THEN 'region' ELSE 'opco' END))
  FROM attest_data.enrolment e JOIN attest_data.session s USING (tenant_id, session_id) LEFT JOIN attest_data.funder f USING (tenant_id, funder_id)
  WHERE $left AND abs(hashtext(e.person_id::text)) % 2 = 0
    AND NOT EXISTS (SELECT FROM attest_data.enrolment o WHERE o.session_id = e.session_id AND o.person_id = e.person_id AND o.since > e.since)}), '>', 1, 'some came back');
cmp_ok(events('correction', 15), '>', $learners, 'corrections');
cmp_ok(manage(q{SELECT count(attest.dispute(slot_id, person_id, 'no')) FROM attest_data.presence_state
  WHERE abs(hashtext(slot_id::text || person_id::text)) % 17 = 0 AND presence_id IS NOT NULL AND status <> attest_internal.status_code('cancelled')}), '>', $learners / 4, 'disputes');
events('again', 20);
cmp_ok(signatures('again'), '>', $learners / 2, 'more signatures');
manage(q{SELECT attest.cancel_slot(slot_id, 'no heating') FROM attest_data.slot WHERE abs(hashtext(slot_id::text)) % 25 = 0 \g /dev/null});
is(set_rules(3, 4), "3\n4", 'two more rules');

# --- the same from the planning and the events alone ---

# A slot is that of the last enrolment that began by then: one that covers the day, or one that ended before, where
# something was recorded. The event that counts: a cancellation, then what somebody stated before what followed from
# nothing, then the latest by the time claimed, then the greater status, method and minutes. Who enrols again starts
# anew: absences that nobody stated, and the cancellation by the withdrawal, are of the enrolment before. A dispute
# counts as what it contests.
my $independent = <<'SQL';
DROP TABLE IF EXISTS public.fact; CREATE TABLE public.fact AS
WITH planned AS (
  SELECT sl.*, (sl.starts_at AT TIME ZONE sl.time_zone)::date AS local_day, extract(epoch FROM sl.ends_at)::bigint / 60 - extract(epoch FROM sl.starts_at)::bigint / 60 AS minutes
  FROM attest_data.slot sl
), belongs AS (
  SELECT DISTINCT ON (sl.slot_id, e.person_id) sl.slot_id, sl.session_id, sl.local_day, sl.time_zone, sl.starts_at, sl.minutes, sl.cancelled_at IS NOT NULL AS called_off,
    e.enrolment_id, e.person_id, e.funder_id, sl.local_day <= e.until AS covered, e.enrolled_at
  FROM planned sl JOIN attest_data.enrolment e ON e.session_id = sl.session_id AND e.since <= sl.local_day
  ORDER BY sl.slot_id, e.person_id, e.since DESC
), event AS (
  SELECT p.slot_id, p.person_id, n.name, p.minutes_attended, p.recorded_at, p.method = 'signature' AS is_signature,
    NOT (b.covered AND p.recorded_at < b.enrolled_at AND p.method IN ('automatic', 'countersignature', 'cancellation')) AS is_of_now,
    row_number() OVER (PARTITION BY p.slot_id, p.person_id ORDER BY p.method <> 'cancellation', p.method IN ('automatic', 'countersignature'),
      p.claimed_at DESC, p.status DESC, p.method DESC, p.minutes_attended DESC) AS place
  FROM attest_data.presence p JOIN belongs b USING (slot_id, person_id) JOIN attest.presence_statuses() n ON n.code = p.status
), outcome AS (
  SELECT b.*, CASE WHEN b.called_off THEN 'cancelled' ELSE coalesce(won.name, 'expected') END AS status, CASE WHEN b.called_off THEN 0 ELSE coalesce(won.minutes_attended, 0) END AS attended,
    won.recorded_at, EXISTS (SELECT FROM event e WHERE e.slot_id = b.slot_id AND e.person_id = b.person_id AND e.is_signature) AS signed
  FROM belongs b
  LEFT JOIN LATERAL (SELECT * FROM event e WHERE e.slot_id = b.slot_id AND e.person_id = b.person_id AND e.is_of_now ORDER BY e.place LIMIT 1) won ON true
  WHERE b.covered OR EXISTS (SELECT FROM event e WHERE e.slot_id = b.slot_id AND e.person_id = b.person_id)
), counting AS (
  SELECT o.*, CASE WHEN o.status = 'cancelled' THEN 0 ELSE o.minutes END AS planned,
    CASE WHEN o.status = 'disputed' THEN (SELECT e.name FROM event e WHERE e.slot_id = o.slot_id AND e.person_id = o.person_id AND e.is_of_now
      AND e.name <> 'disputed' AND e.recorded_at < o.recorded_at ORDER BY e.place LIMIT 1) ELSE o.status END AS counts_as
  FROM outcome o
)
SELECT c.session_id, s.course_id, c.enrolment_id, c.person_id, f.code AS funder, to_char(c.starts_at AT TIME ZONE c.time_zone, 'YYYY-MM') AS month,
  c.status, c.planned, c.attended, c.signed, c.counts_as, CASE WHEN c.counts_as = 'late' THEN c.planned - c.attended ELSE 0 END AS late_minutes,
  CASE WHEN r.n IS NULL THEN CASE WHEN c.counts_as IN ('present', 'late', 'left_early', 'partial', 'in_company') THEN c.attended WHEN c.counts_as = 'exempted' THEN c.planned ELSE 0 END
    WHEN c.counts_as = ANY (r.as_planned) THEN c.planned / r.grain * r.grain
    WHEN c.counts_as = ANY (r.as_attended) THEN c.attended / r.grain * r.grain ELSE 0 END AS counted
FROM counting c
JOIN attest_data.session s USING (session_id)
LEFT JOIN attest_data.funder f ON f.funder_id = c.funder_id
LEFT JOIN LATERAL (SELECT * FROM public.rule r WHERE r.funder = f.code AND r.valid_from <= c.local_day ORDER BY r.valid_from DESC, r.n DESC LIMIT 1) r ON true;
SQL
sql('ANALYZE');
manage($independent);
my %grouping = (
	learner => [ 'person_id, session_id', 'attest.learner_totals', 'person_id, session_id' ],
	session => [ 'session_id', 'attest.session_totals', 'session_id' ],
	course => [ 'course_id', 'attest.course_totals', 'course_id' ],
	funder => [ 'funder', 'attest.funder_totals', 'code' ],
	month => [ 'month, course_id', 'attest.month_totals', q{to_char(month, 'YYYY-MM'), course_id} ]);
for my $name (sort keys %grouping)
{
	my ($ours, $view, $theirs) = @{ $grouping{$name} };
	my $result = manage(<<"SQL");
WITH a AS (SELECT $ours, count(*) AS slots, sum(planned) AS planned, coalesce(sum(planned) FILTER (WHERE status NOT IN ('expected', 'cancelled', 'exempted')), 0) AS due,
    coalesce(sum(planned) FILTER (WHERE status = 'expected'), 0) AS ahead, sum(attended) AS attended, sum(counted) AS counted, sum(late_minutes) AS late_minutes,
    count(*) FILTER (WHERE signed) AS signatures, count(*) FILTER (WHERE status IN ('present', 'late', 'left_early', 'partial', 'in_company')) AS presences,
    count(*) FILTER (WHERE status IN ('absent', 'excused', 'justified')) AS absences, count(*) FILTER (WHERE status = 'late') AS late, count(*) FILTER (WHERE status = 'absent') AS absent,
    count(*) FILTER (WHERE status IN ('excused', 'justified', 'exempted')) AS excused, count(*) FILTER (WHERE status = 'expected') AS not_recorded
  FROM public.fact GROUP BY $ours),
b AS (SELECT $theirs, slots, minutes_planned, minutes_due, attest.minutes_ahead(total), minutes_attended, minutes_counted, attest.minutes_late(total), attest.signatures(total),
    attest.presences(total), attest.absences(total), late, absent, excused, not_recorded FROM $view)
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM ((TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)) d),
  (SELECT sum(minutes_attended) > 0 AND sum(minutes_counted) > 0 AND sum(minutes_attended) <> sum(minutes_counted) AND sum(minutes_late) > 0 AND sum(signatures) > 0 FROM b)
SQL
	my ($groups, $differences, $some) = split /\|/, $result;
	ok($groups > 0 && $differences == 0 && $some eq 't', "by $name: $groups groups, $differences differ");
}
is(manage('SELECT count(*) FROM attest_internal.total_differences()'), 0, 'every running total is that of its presences');
is(manage(q{SELECT attest.merge_tally(total) OPERATOR(attest.=) (SELECT attest.tally_presence(status, minutes_planned, minutes_attended, minutes_counted,
  late_minutes, signed, countersigned) FROM attest_data.presence_state) FROM attest_data.enrolment_total}), 't', 'the sum of all is the sum of its parts');
is(manage("SELECT count(*) FROM (SELECT sum(attended) FROM public.fact) a (x) JOIN (SELECT sum(trainee_hours * 60) FROM attest.bpf_hours) b (x) ON abs(a.x - b.x) < 1"),
	1, 'the hours of the BPF are those of the year');

# --- what a change of the clock does: elapsed minutes ---

is(manage(q{SELECT string_agg(DISTINCT st.minutes_planned::text, ' ' ORDER BY st.minutes_planned::text) FROM attest_data.presence_state st
  JOIN attest_data.slot sl USING (tenant_id, slot_id) WHERE st.minutes_planned > 300}), '420', 'seven hours are seven hours on those nights too');

# --- a planted fault is found ---

sql('SET session_replication_role = replica; UPDATE attest_data.presence_state SET minutes_attended = minutes_attended + 1
  WHERE ctid = (SELECT min(ctid) FROM attest_data.presence_state)');
is(manage('SELECT count(*) FROM attest_internal.total_differences()'), 1, 'a row changed by hand shows');

# --- forecast ---

is(manage(q{SELECT count(*) FROM (SELECT enrolment_id, round(100.0 * (attended + ahead) / nullif(due + ahead, 0), 1) AS best, ahead, round(100.0 * attended / nullif(due, 0), 1) AS rate
    FROM (SELECT enrolment_id, sum(attended) AS attended, coalesce(sum(planned) FILTER (WHERE status = 'expected'), 0) AS ahead,
      coalesce(sum(planned) FILTER (WHERE status NOT IN ('expected', 'cancelled', 'exempted')), 0) AS due FROM public.fact GROUP BY enrolment_id) x) a
  FULL JOIN attest.forecast(80) f USING (enrolment_id)
  WHERE (f.minutes_ahead, f.rate, f.best_rate, f.out_of_reach) IS DISTINCT FROM (a.ahead, a.rate, a.best, a.best < 80)
    AND EXISTS (SELECT FROM public.fact WHERE fact.enrolment_id = coalesce(a.enrolment_id, f.enrolment_id))}), 0, 'who can no longer reach the threshold');
cmp_ok(manage('SELECT count(*) FROM attest.forecast(80) WHERE out_of_reach'), '>', 10, 'some cannot');

# --- many slots of one enrolment in a statement: one write; a statement that fails: none ---

is(manage(q{SELECT attest.enrol(s.session_id, p.person_id) FROM attest_data.session s, attest_data.person p
  WHERE NOT EXISTS (SELECT FROM attest_data.enrolment e WHERE (e.session_id, e.person_id) = (s.session_id, p.person_id)) LIMIT 1 \g /dev/null
  SELECT n_tup_ins, n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'enrolment_total'}), '1|0', 'who enters a session of ten slots has a total at once');
manage(<<'SQL');
DO $$
DECLARE
  chosen uuid := (SELECT enrolment_id FROM attest_data.presence_state GROUP BY enrolment_id HAVING count(*) > 1 LIMIT 1);
  fault text;
BEGIN
  BEGIN
    -- the first row has been followed when the reference of the second is checked
    UPDATE attest_data.presence_state st SET minutes_attended = minutes_attended + 1,
      slot_id = CASE WHEN st.ctid = (SELECT min(ctid) FROM attest_data.presence_state WHERE enrolment_id = chosen) THEN slot_id ELSE gen_random_uuid() END
    WHERE enrolment_id = chosen;
  EXCEPTION WHEN foreign_key_violation THEN
    fault := SQLERRM;
  END;
  ASSERT fault IS NOT NULL, 'no reference was checked';
  UPDATE attest_data.presence_state SET signed = NOT signed WHERE enrolment_id = chosen;
END
$$;
SQL
is(manage('SELECT count(*) FROM attest_internal.total_differences()'), 1, 'a statement that failed half-way adds to no total');

done_testing();
