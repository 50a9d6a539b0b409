#!/usr/bin/perl
# Many sign at once: on one slot, on a thousand, from tablets that send everything twice,
# and through a crash.  No signature is lost, doubled or made to wait.
use strict;
use warnings;

use Attest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('signing', conf => "max_connections = 100\nattest.launcher_interval = 1\nattest.scheduler_interval = 600\n"
	  . "log_lock_waits = on\ndeadlock_timeout = 1s\nautovacuum = off\n");
my $db = 'school';
attest_database($node, $db);
my $strokes = signature('s03-1', 'strokes');

sub sql { return value($node, $db, 'postgres', @_) }

value($node, $db, 'operator', q{SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation'), attest.create_account('alpha', 'manager', 'manager')});
my $ticket = ticket($node, $db, 'alpha', 'manager', '4 hours');

# One slot for all; 1,024 slots with one person each; and another for the crash.
my %plan = values_of(as_tenant($node, $db, 'app', $ticket, <<'SQL'));
SELECT count(attest.add_person(jsonb_build_object('reference', 'P-' || n, 'profile', 'learner', 'last_name', 'Nom ' || n, 'first_name', 'P',
  'gender', 'F', 'birth_date', '1990-01-01'))) FROM generate_series(0, 63) n;
SELECT attest.create_course('c', 'Course') AS course \gset
SELECT attest.plan_session(:'course', 'All', current_date - 1, current_date + 1) AS all, attest.plan_session(:'course', 'Thousand', current_date - 1, current_date + 1) AS thousand,
  attest.plan_session(:'course', 'Crash', current_date - 1, current_date + 1) AS crash \gset
SELECT attest.plan_slot(:'all', now() - interval '1 minute', now() + interval '3 hours') AS one \gset
SELECT count(attest.plan_slot(:'crash', now() - interval '1 minute' - n * interval '1 second', now() + interval '3 hours')) FROM generate_series(1, 60) n;
SELECT count(attest.plan_slot(:'thousand', now() - interval '1 minute' - n * interval '1 ms', now() + interval '3 hours')) FROM generate_series(1, 1024) n;
SELECT count(attest.enrol(:'all', person_id)), count(attest.enrol(:'crash', person_id)) FROM attest.people;
SELECT attest.enrol(:'thousand', person_id) AS enrolment FROM attest.people WHERE reference = 'P-0' \gset
\echo all=:all
\echo thousand=:thousand
\echo crash=:crash
\echo one=:one
SQL
sql(q{CREATE TABLE work AS SELECT CASE session_id WHEN :'all' THEN 'one' WHEN :'thousand' THEN 'many' ELSE 'crash' END AS kind,
  row_number() OVER (PARTITION BY session_id ORDER BY slot_id, person_id) - 1 AS n, slot_id AS slot, person_id AS person, gen_random_uuid() AS client
  FROM attest_data.presence_state; CREATE INDEX ON work (kind, n); GRANT SELECT ON work TO app}, %plan);

# pgbench(kind, clients, transactions): each transaction signs another line of the work.
sub pgbench
{
	my ($kind, $clients, $transactions) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir_short() . '/script';
	my ($out, $err) = ('', '');

	append_to_file($script, <<"SQL");
\\set k :k + 1
\\set n :k * $clients + :client_id
BEGIN;
SELECT attest.enter(:ticket);
SELECT attest.sign(slot, person, :strokes, client_id => client) FROM public.work WHERE kind = '$kind' AND n = :n;
COMMIT;
SQL
	IPC::Run::run([ 'pgbench', '-n', '-M', 'prepared', '-h', $node->host, '-p', $node->port, '-U', 'app', '-c', $clients, '-j', 2,
		'-t', $transactions, '-D', 'k=-1', '-D', "ticket=$ticket", '-D', "strokes=$strokes", '-f', $script, $db ], '>', \$out, '2>', \$err);
	my ($done) = $out =~ /actually processed: (\d+)/;
	my ($failed) = $out =~ /failed transactions: (\d+)/;
	diag($err) if $err =~ /ERROR/;
	return ($done // -1, $failed // -1);
}

# For a kind of work: states signed, events, different people and slots of events, captures.
sub stored
{
	return sql(q{SELECT count(*) FILTER (WHERE st.signed), count(p.presence_id), count(DISTINCT (p.slot_id, p.person_id)), count(DISTINCT p.client_id), count(s.signature_id)
	  FROM work w JOIN attest_data.presence_state st ON (st.slot_id, st.person_id) = (w.slot, w.person)
	  LEFT JOIN attest_data.presence p ON (p.slot_id, p.person_id) = (w.slot, w.person)
	  LEFT JOIN attest_data.slot_signature s USING (signature_id) WHERE w.kind = :'kind'}, kind => $_[0]);
}

# --- 64 clients at once ---

is(join(' ', pgbench('one', 64, 1)), '64 0', '64 clients sign one slot at once');
is(stored('one'), '64|64|64|64|64', 'each signature is there once');
is(join(' ', pgbench('many', 64, 16)), '1024 0', '64 clients sign 1,024 slots');
is(stored('many'), '1024|1024|1024|1024|1024', 'each signature is there once');
is(join(' ', pgbench('one', 64, 1)), '64 0', 'all of them again, with the same client ids');
is(stored('one'), '64|64|64|64|64', 'adds nothing');
unlike(slurp_file($node->logfile), qr/still waiting for|deadlock/, 'nobody waited for another');

# --- readers ---

my $events = as_tenant($node, $db, 'app', $ticket, q{SELECT count(*), count(DISTINCT presence_id), bool_and("position" = any (seen)) FROM (
  SELECT *, array_agg("position") OVER () AS seen FROM attest.events_since(NULL, 10000)) e});
is($events->{out}, '1088|1088|t', 'every signature was told, once') or diag($events->{err});
my $client = "PGPORT=" . $node->port . " PGHOST=" . $node->host;
my $heard = run_sql($node, $db, 'postgres', qq{LISTEN attest_events;
\\! $client psql -XqAt -U app -d $db -v ON_ERROR_STOP=1 -c 'BEGIN' -c "SELECT attest.enter('$ticket')" -c "SELECT attest.record_presence(slot, person, 'partial', 'left', 1) FROM work WHERE kind = 'one' AND n = 0" -c COMMIT >/dev/null
SELECT pg_sleep(3);
SELECT 1;});
like($heard->{out}, qr/Asynchronous notification "attest_events" received/, 'who listens is woken') or diag($heard->{out} . $heard->{err});

# --- a tablet that sends everything twice, at the same moment ---

my $batch = as_tenant($node, $db, 'app', $ticket, q{SELECT jsonb_build_object('items', jsonb_agg(jsonb_build_object('kind', 'sign', 'client_id', client,
  'slot', slot, 'person', person, 'claimed_at', now(), 'signature', :'strokes'))) FROM work WHERE kind = 'crash' AND n < 200}, strokes => $strokes)->{out};
my @both = map {
	my $run = { out => '', err => '' };
	$run->{in} = "BEGIN;\nSELECT attest.enter('$ticket') \\gset\nSELECT outcome, count(*) FROM attest.sync('$batch') GROUP BY 1 ORDER BY 1;\nCOMMIT;\n";
	$run->{handle} = IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-U', 'app', '-d', $db ], '<', \$run->{in}, '>', \$run->{out}, '2>', \$run->{err});
	$run;
} (1, 2);
$_->{handle}->finish for @both;
is(join(' ', sort map { $_->{out} =~ s/\n//r } @both), 'repeated|200 stored|200', 'the same batch from two connections: stored by one, repeated by the other')
  or diag($both[0]{err} . $both[1]{err});
is(sql(q{SELECT count(*), count(DISTINCT client_id) FROM attest_data.presence p JOIN work w ON w.client = p.client_id WHERE w.kind = 'crash'}), '200|200', 'nothing is double');

# --- kill -9 ---

# Four clients, which print the client id of each signature once it is committed.
my @signers = map {
	my $from = 200 + $_ * 900;
	my $run = { out => '', err => '', in => '' };
	$run->{in} .= "BEGIN; SELECT attest.enter('$ticket') \\gset\nSELECT client, attest.sign(slot, person, :'strokes', client_id => client) AS done FROM work WHERE kind = 'crash' AND n = $_ \\gset\nCOMMIT;\n\\echo :client\n"
	  for $from .. $from + 899;
	$run->{handle} = IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-U', 'app', '-d', $db, '-v', 'ON_ERROR_STOP=1', '-v', "strokes=$strokes" ],
		'<', \$run->{in}, '>', \$run->{out}, '2>', \$run->{err});
	$run;
} (0 .. 3);
my $until = time + 60;
while (time < $until)
{
	$_->{handle}->pump_nb for @signers;
	last if (grep { ($_->{out} =~ tr/\n//) >= 15 } @signers) == 4;
	select undef, undef, undef, 0.01;
}
my $victim = sql(q{SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND datname = current_database() LIMIT 1});
kill 'KILL', $victim;
eval { $_->{handle}->finish } for @signers;
my @acknowledged = map { split /\n/, $_->{out} } @signers;
cmp_ok(scalar(@acknowledged), '>=', 60, 'signatures were acknowledged before the kill');
cmp_ok(scalar(@acknowledged), '<', 3600, 'and it came in the middle');
eventually($node, $db, 'SELECT 1', '1', 'the server is back');
my $list = join ',', map { "'$_'" } @acknowledged;
is(sql(qq{SELECT count(*) FROM attest_data.presence p JOIN attest_data.slot_signature s USING (signature_id)
  JOIN attest_data.presence_state st ON (st.slot_id, st.person_id) = (p.slot_id, p.person_id) AND st.signed
  JOIN attest_data.event_outbox o ON o.event_id = p.presence_id WHERE p.client_id IN ($list)}), scalar(@acknowledged), 'every acknowledged signature is there, whole');
is(sql(q{SELECT count(*) FROM attest_data.presence_state st WHERE st.signed <> EXISTS (SELECT FROM attest_data.presence p
  WHERE (p.slot_id, p.person_id) = (st.slot_id, st.person_id) AND p.method = 'signature')}), 0, 'states and events agree');

# --- absences after downtime ---

sql(q{UPDATE attest_data.slot SET starts_at = now() - interval '4 days', ends_at = now() - interval '4 days' + interval '3 hours' WHERE session_id = :'crash'}, %plan);
my $expected = sql(q{SELECT count(*) FROM attest_data.presence_state WHERE session_id = :'crash' AND status = 0}, %plan);
$node->stop('immediate');
$node->start;
eventually($node, $db, 'SELECT scheduler_pid IS NOT NULL FROM attest.worker_status()', 't', 'the scheduler is back');
value($node, $db, 'operator', q{SELECT attest.run_job('absences')});
eventually($node, $db, q{SELECT outcome || ' ' || done FROM attest.job_runs WHERE job = 'absences' AND outcome <> 'running' ORDER BY started_at DESC LIMIT 1}, "done $expected",
	'who did not sign while the worker was down is absent');
value($node, $db, 'operator', q{SELECT attest.run_job('absences')});
eventually($node, $db, q{SELECT count(*) FROM attest.job_runs WHERE job = 'absences' AND outcome = 'done'}, 2, 'the job ran again');
is(sql(q{SELECT count(*) = :'expected' FROM attest_data.presence WHERE method = 'automatic'}, expected => $expected), 't', 'exactly once');

$node->stop;
done_testing();
