#!/usr/bin/perl
# Totals of attendance over a generated year, against an independent calculation in plain
# SQL from the planning and the events: for every grouping, to the minute, also after
# corrections, withdrawals, re-entries and cancelled slots, in three time zones and across
# both changes of the clock.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Utils;
use Test::More;

my $learners = $ENV{TOTALS_LEARNERS} // 400;
my $node = attest_cluster('totals', conf => "attest.scheduler_interval = 86400\nfsync = off\n");
my $db = 'year';
attest_database($node, $db);
sub sql { return value($node, $db, 'postgres', @_) }

sql("SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation'), attest.create_account('alpha', 'manager', 'manager')");
my $manager = ticket($node, $db, 'alpha', 'manager', '4 hours');
sub manage
{
	my ($query) = @_;
	my $result = as_tenant($node, $db, 'postgres', $manager, $query);
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

# --- what happened: withdrawals and re-entries, a status for most, corrections for some, cancelled slots ---

my $happened = <<'SQL';
SELECT count(attest_internal.add_event(st.slot_id, st.person_id,
  (ARRAY['present', 'late', 'left_early', 'partial', 'absent', 'excused', 'justified', 'exempted', 'in_company', 'disputed'])[1 + h % 10],
  CASE WHEN h % 10 IN (0, 8) THEN st.minutes_planned WHEN h % 10 IN (1, 2, 3) THEN (h / 10) % (st.minutes_planned + 1) ELSE 0 END,
  'entry', st.day + time '20:00' + h % 1000 * interval '1 second', 'a reason'))
FROM (SELECT *, abs(hashtext(slot_id::text || person_id::text || :'round')) AS h FROM attest_data.presence_state) st
WHERE h % 100 < :part;
SQL
sub events { my ($round, $part) = @_; return as_tenant($node, $db, 'postgres', $manager, $happened, round => $round, part => $part)->{out} }
manage(q{SELECT attest.withdraw(e.session_id, e.person_id, e.since + 4) FROM attest_data.enrolment e WHERE abs(hashtext(e.enrolment_id::text)) % 9 = 0 \g /dev/null});
manage(q{SELECT attest.enrol(e.session_id, e.person_id, e.until + 2, s.ends_on, 'region') FROM attest_data.enrolment e JOIN attest_data.session s USING (tenant_id, session_id)
  WHERE e.withdrawn_at IS NOT NULL AND e.until + 2 <= s.ends_on AND abs(hashtext(e.person_id::text)) % 2 = 0 \g /dev/null});
cmp_ok(events('first', 90), '>', $learners * 8, 'events for most');
cmp_ok(events('correction', 15), '>', $learners, 'corrections');
events('again', 20);
manage(q{SELECT attest.cancel_slot(slot_id, 'no heating') FROM attest_data.slot WHERE abs(hashtext(slot_id::text)) % 25 = 0 \g /dev/null})
  if manage(q{SELECT count(*) FROM pg_proc WHERE proname = 'cancel_slot'});

# --- the same from the planning and the events alone ---

# The event that counts: stated by somebody before those that followed from nothing, then
# the latest by the time claimed, then the greater status, method and minutes.
my $independent = <<'SQL';
DROP TABLE IF EXISTS public.fact; CREATE TABLE public.fact AS
SELECT s.session_id, s.course_id, e.enrolment_id, e.person_id, f.code AS funder, to_char(sl.starts_at AT TIME ZONE sl.time_zone, 'YYYY-MM') AS month,
  coalesce(n.name, 'expected') AS status,
  CASE WHEN n.name = 'cancelled' THEN 0 ELSE extract(epoch FROM sl.ends_at)::bigint / 60 - extract(epoch FROM sl.starts_at)::bigint / 60 END AS planned,
  coalesce(ev.minutes_attended, 0) AS attended
FROM attest_data.slot sl
JOIN attest_data.session s USING (tenant_id, session_id)
JOIN attest_data.enrolment e ON e.session_id = s.session_id AND (sl.starts_at AT TIME ZONE sl.time_zone)::date BETWEEN e.since AND e.until
LEFT JOIN attest_data.funder f ON f.funder_id = e.funder_id
LEFT JOIN LATERAL (SELECT p.status, p.minutes_attended FROM attest_data.presence p
  WHERE p.slot_id = sl.slot_id AND p.person_id = e.person_id
  ORDER BY p.method IN ('automatic', 'countersignature'), p.claimed_at DESC, p.status DESC, p.method DESC, p.minutes_attended DESC LIMIT 1) ev ON true
LEFT JOIN attest.presence_statuses() n ON n.code = ev.status;
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
WITH a AS (SELECT $ours, count(*) AS slots, sum(planned) AS planned, sum(planned) FILTER (WHERE status NOT IN ('expected', 'cancelled')) AS due,
    sum(attended) AS attended, count(*) FILTER (WHERE status = 'late') AS late, count(*) FILTER (WHERE status = 'absent') AS absent,
    count(*) FILTER (WHERE status IN ('excused', 'justified', 'exempted')) AS excused, count(*) FILTER (WHERE status = 'expected') AS not_recorded
  FROM public.fact GROUP BY $ours),
b AS (SELECT $theirs, slots, minutes_planned, minutes_due, minutes_attended, late, absent, excused, not_recorded FROM $view)
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM ((TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)) d),
  (SELECT sum(minutes_attended) FROM b) > 0
SQL
	my ($groups, $differences, $some) = split /\|/, $result;
	ok($groups > 0 && $differences == 0 && $some eq 't', "by $name: $groups groups, $differences differ");
}
is(manage('SELECT count(*) FROM attest_internal.total_differences()'), 0, 'every running total is that of its presences');
manage(q{SELECT attest.withdraw(e.session_id, e.person_id, e.since + 5) FROM attest_data.enrolment e WHERE e.withdrawn_at IS NULL AND e.since + 5 <= e.until AND abs(hashtext(e.enrolment_id::text)) % 11 = 0 \g /dev/null});
is(manage('SELECT count(*) FROM attest_internal.total_differences()'), 0, 'also after withdrawals of people who have events');
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

is(manage(q{SELECT count(*) FROM attest.forecast(80) f WHERE out_of_reach IS DISTINCT FROM
  (100.0 * (minutes_attended + minutes_ahead) / nullif(minutes_planned, 0) < 79.95) AND minutes_planned > 0}), 0, 'who can no longer reach the threshold');
cmp_ok(manage('SELECT count(*) FROM attest.forecast(80) WHERE out_of_reach'), '>', 10, 'some cannot');

done_testing();
