#!/usr/bin/perl
# The launcher, the schedulers and the retention job: who is anonymised and who is
# not, what stays, and what a failure, a crash or a missing preload does.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Utils;
use Test::More;

# The scheduler looks by itself only after ten minutes: what runs sooner was woken.
my $node = attest_cluster('worker', conf => "attest.launcher_interval = 1\nattest.scheduler_interval = 600\n");
my $db = 'school';
attest_database($node, $db);

sub sql { return value($node, $db, 'postgres', @_) }
sub scheduler { return value($node, $_[0] // $db, 'postgres', 'SELECT scheduler_pid FROM attest.worker_status()') }
sub has_scheduler
{
	return eventually($node, $_[0], 'SELECT scheduler_pid IS NOT NULL FROM attest.worker_status()', 't', $_[1]);
}
sub run_of { return sql(q{SELECT outcome, coalesce(done, -1) FROM attest.job_runs ORDER BY started_at DESC LIMIT 1}) }

# Runs the retention job and waits for the end of that run.
sub run_retention
{
	my ($outcome, $name) = @_;
	my $last = sql(q{SELECT coalesce(max(started_at), '-infinity') FROM attest.job_runs});

	value($node, $db, 'operator', q{SELECT attest.run_job('retention')});
	return eventually($node, $db, qq{SELECT outcome FROM attest.job_runs WHERE outcome <> 'running' AND started_at > '$last'
	  ORDER BY started_at DESC LIMIT 1}, $outcome, $name);
}

has_scheduler($db, 'a scheduler starts after setup');
is(sql(q{SELECT preloaded, launcher_pid IS NOT NULL FROM attest.worker_status()}), 't|t', 'the launcher runs');
is(sql(q{SELECT string_agg(code, ' ') FROM attest.doctor()}), '', 'the doctor finds nothing');

# --- who is due ---

my %who = (due_today => [ 'learner', q{current_date - interval '3 years'} ], due_long => [ 'learner', q{date '2011-06-30'} ],
	tomorrow => [ 'learner', q{current_date - interval '3 years' + interval '1 day'} ], active => [ 'learner', 'NULL' ],
	held => [ 'learner', q{date '2012-01-01'} ], no_rule => [ 'trainer', q{date '2010-01-01'} ]);
my %tenant;
for my $code (qw(alpha beta gamma))
{
	my $tenant = $tenant{$code} = new_tenant($node, $db, $code);
	my $sql = '';
	for my $name (sort keys %who)
	{
		my ($profile, $left) = @{ $who{$name} };
		my $more = $profile eq 'learner' ? q{'isced', '3', 'nir', '265068699587047', 'allow_duplicate', 'yes',} : '';
		$sql .= qq{SELECT attest.add_person(jsonb_strip_nulls(jsonb_build_object('reference', '$name', 'profile', '$profile', 'gender', 'F',
		  'last_name', 'Nom $name $code', 'first_name', 'P', 'birth_date', '1980-01-02', 'commune', '44109', $more 'last_activity', ($left)::date))) AS $name \\gset\n\\echo $name=:$name\n};
	}
	my $manager = ticket($node, $db, $code, 'manager');
	%$tenant = (%$tenant, values_of(as_tenant($node, $db, 'app', $manager, $sql)));
	$tenant->{sealed} = as_tenant($node, $db, 'app', $manager, <<'SQL', %$tenant, png => signature('s04-1', 'png'))->{out};
SELECT attest.enrol(:'session', :'due_long'), attest.sign(:'past_slot', :'due_long', :'png'),
  attest.record_participation(:'operation', :'due_long', '{"entry": "2023-03-01", "status_entry": "unemployed", "unemployed_months": 14, "exit": "2024-01-31", "qualification": true}'),
  attest.place_hold(:'held', 'litigation') \gset t_
SELECT last_name FROM attest_data.person WHERE person_id = :'due_long';
SQL
	like($tenant->{sealed}, qr/^att1:/, "$code: people have left");
	value($node, $db, 'operator', qq{SELECT attest.create_account('$code', 'gone', 'learner', '$tenant->{due_long}')});
}

my @due = qw(due_today due_long);
my $statistics = q{SELECT * FROM attest_report.attendance_by_month ORDER BY 1, 2, 3;
  SELECT profile, gender, birth_decade, isced, people FROM attest_report.people_by_profile ORDER BY 1, 2, 3, 4;
  SELECT * FROM attest.learner_totals ORDER BY 1, 2; SELECT * FROM attest.session_totals ORDER BY 1;
  SELECT * FROM attest.course_totals ORDER BY 1; SELECT * FROM attest.esf_report(:'code' || '-fse') ORDER BY 1};

sub statistics
{
	my ($code) = @_;
	my $result = as_tenant($node, $db, 'app', ticket($node, $db, $code, 'manager'), $statistics, code => $code);
	return $result->{ok} ? $result->{out} : $result->{err};
}

sub erased
{
	my ($code) = @_;
	return sql(qq{SELECT string_agg(coalesce(person_id::text, ''), ' ' ORDER BY person_id) FROM attest_data.person
	  WHERE tenant_id = $tenant{$code}{id} AND anonymised_at IS NOT NULL});
}

sub those { my ($code, @names) = @_; return join ' ', sort map { $tenant{$code}{$_} } @names }

my %before = map { ($_ => statistics($_)) } keys %tenant;
like($before{alpha}, qr/EECO/, 'there are statistics');

# --- one tenant fails ---

sql(<<SQL);
CREATE FUNCTION public.stumble() RETURNS trigger LANGUAGE plpgsql AS
\$\$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = 'XX001'; END \$\$;
CREATE TRIGGER stumble BEFORE INSERT ON attest_data.destruction_certificate FOR EACH ROW
WHEN (NEW.tenant_id = $tenant{beta}{id}) EXECUTE FUNCTION public.stumble();
SQL
run_retention('failed', 'a failure for one tenant fails the run');
is(erased('alpha'), those('alpha', @due), 'the tenant before is done: exactly who is due');
is(erased('beta'), '', 'the tenant that failed keeps everybody');
is(erased('gamma'), those('gamma', @due), 'the tenant after is done');
is(sql(q{SELECT sqlstate, message, done FROM attest.job_runs WHERE outcome = 'failed'}), 'XX001|planted|4', 'the run says what failed');
is(sql(q{SELECT string_agg(code || ' ' || object, ',') FROM attest.doctor()}), 'job_failed retention', 'and so does the doctor');
is(statistics('beta'), $before{beta}, 'the statistics of the tenant that failed are as before');

sql('DROP TRIGGER stumble ON attest_data.destruction_certificate');
run_retention('done', 'the next run is done');
is(run_of(), 'done|2', 'it did what was left');
is(erased('beta'), those('beta', @due), 'who was due is anonymised now');
is(sql(q{SELECT string_agg(code, ' ') FROM attest.doctor()}), '', 'the doctor finds nothing any more');

# --- what anonymising does ---

for my $code (sort keys %tenant)
{
	my $tenant = $tenant{$code};
	is(statistics($code), $before{$code}, "$code: the statistics are equal before and after");
	is(sql(qq{SELECT count(*), sum(persons), bool_and(digest = sha256(convert_to(body::text, 'UTF8'))),
	  bool_and(body ->> 'tenant' = '$code' AND jsonb_array_length(body -> 'persons') = persons)
	  FROM attest_data.destruction_certificate WHERE tenant_id = $tenant->{id}}), '1|2|t|t',
		"$code: one certificate, its digest right");
	is(sql(qq{SELECT string_agg(p ->> 'person', ' ' ORDER BY p ->> 'person') FROM attest_data.destruction_certificate,
	  jsonb_array_elements(body -> 'persons') p WHERE tenant_id = $tenant->{id}}), those($code, @due), "$code: it names exactly who was due");
	is(sql(qq{SELECT count(*) FROM attest_data.subject_key WHERE subject_id IN ('$tenant->{due_today}', '$tenant->{due_long}')}), 0,
		"$code: their keys are destroyed");
	is(sql(qq{SELECT count(*) FROM attest_data.person p, jsonb_each_text(to_jsonb(p)) f
	  WHERE p.anonymised_at IS NOT NULL AND p.tenant_id = $tenant->{id}
	  AND (f.value ~ '^att1:' OR f.value ~ 'due_' OR f.key ~ '^(reference|postcode|employer_siret)\$' AND f.value IS NOT NULL)}), 0,
		"$code: nothing is left that names them");
	is(sql(qq{SELECT DISTINCT commune FROM attest_data.person WHERE person_id = '$tenant->{due_long}'}), '44', "$code: the department stays");
	is(sql(qq{SELECT count(*) FILTER (WHERE signature IS NULL), count(*) FROM attest_data.slot_signature WHERE person_id = '$tenant->{due_long}'}),
		'1|1', "$code: the capture is gone, its digest stays");
	my $manager = ticket($node, $db, $code, 'manager');
	is_refused(as_tenant($node, $db, 'app', $manager, q{SELECT attest.unseal(:'sealed')}, sealed => $tenant->{sealed}),
		'TA307', "$code: a copy of a sealed name", "Nom due_long $code");
	is_refused(as_tenant($node, $db, 'app', $manager, q{SELECT attest.seal('x', :'due_long', 'p')}, %$tenant), 'TA307',
		"$code: sealing for them again");
	is_refused(run_sql($node, $db, 'operator', "SELECT attest.issue_ticket('$code', 'gone')"), 'TA007', "$code: their account");
	is(as_tenant($node, $db, 'app', $manager, q{SELECT last_name FROM attest.people WHERE person_id = :'held'}, %$tenant)->{out},
		"Nom held $code", "$code: who is on hold stays");
}
run_retention('done', 'a run with nothing to do');
is(run_of(), 'done|0', 'does nothing');
as_tenant($node, $db, 'app', ticket($node, $db, 'alpha', 'manager'), q{SELECT attest.lift_hold(:'held', 'ended')}, %{ $tenant{alpha} });
# What the database says of isolation does not keep the job from seeing the latest records.
my $before_default = scheduler();
sql(qq{ALTER DATABASE $db SET default_transaction_isolation = serializable});
sql("SELECT pg_terminate_backend($before_default)");
eventually($node, $db, "SELECT scheduler_pid <> $before_default FROM attest.worker_status()", 't', 'a scheduler under another default of isolation');
run_retention('done', 'a run after a hold was lifted');
sql(qq{ALTER DATABASE $db RESET default_transaction_isolation});
is(erased('alpha'), those('alpha', @due, 'held'), 'anonymises that person');

# --- databases that are dropped, copied, renamed ---

attest_database($node, 'victim');
has_scheduler('victim', 'a second database has a scheduler');
is(run_sql($node, 'postgres', 'postgres', 'CREATE DATABASE twin TEMPLATE victim')->{err}, '', 'CREATE DATABASE TEMPLATE works');
has_scheduler('twin', 'the copy has a scheduler');
has_scheduler('victim', 'the template has one again');
is(run_sql($node, 'postgres', 'postgres', 'ALTER DATABASE victim RENAME TO renamed')->{err}, '', 'RENAME works');
has_scheduler('renamed', 'the renamed database has a scheduler again');
my $space = PostgreSQL::Test::Utils::tempdir_short();
is(run_sql($node, 'postgres', 'postgres', qq{CREATE TABLESPACE aside LOCATION '$space'})->{err}, '', 'a tablespace');
is(run_sql($node, 'postgres', 'postgres', 'ALTER DATABASE renamed SET TABLESPACE aside')->{err}, '', 'SET TABLESPACE works');
has_scheduler('renamed', 'the moved database has a scheduler again');
value($node, 'renamed', 'postgres', <<'SQL');
CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
CREATE TRIGGER linger AFTER INSERT ON attest_data.job_run FOR EACH ROW EXECUTE FUNCTION public.linger();
SELECT attest.run_job('retention');
SQL
eventually($node, 'renamed', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'}, 1, 'a job takes its time');
is(run_sql($node, 'postgres', 'postgres', 'DROP DATABASE renamed')->{err}, '', 'DROP DATABASE works all the same');
is(run_sql($node, 'postgres', 'postgres', 'DROP DATABASE twin')->{err}, '', 'and for the copy');

for my $statement ('DROP DATABASE school', 'ALTER DATABASE school RENAME TO gone', 'CREATE DATABASE mine TEMPLATE school',
	'ALTER DATABASE school SET TABLESPACE aside')
{
	has_scheduler($db, 'the scheduler runs');
	my $pid = scheduler();
	is(run_sql($node, 'postgres', 'app', $statement)->{state}, '42501', "an app role may not: $statement");
	select undef, undef, undef, 0.3;
	is(scheduler(), $pid, 'and does not stop the scheduler by trying');
}

# --- what a scheduler may be made to run ---

# The owner of a database is no superuser; what he plants must not run as one.
value($node, 'postgres', 'postgres', 'CREATE ROLE landlord LOGIN');
value($node, 'postgres', 'postgres', 'CREATE DATABASE rented OWNER landlord');
value($node, 'rented', 'landlord', <<'SQL');
CREATE SCHEMA planted;
GRANT USAGE ON SCHEMA planted TO PUBLIC;
CREATE FUNCTION planted.le(a timestamptz, b timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF session_user <> 'landlord' THEN
    PERFORM set_config('session_authorization', 'postgres', false);
    ALTER ROLE landlord SUPERUSER;
  END IF;
  RETURN pg_catalog.timestamptz_le(a, b);
END $$;
CREATE OPERATOR planted.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = planted.le);
ALTER DATABASE rented SET search_path = planted, pg_catalog;
SQL
attest_database($node, 'rented');
has_scheduler('rented', 'a database with an owner of its own has a scheduler');
value($node, 'rented', 'postgres', q{SET search_path = pg_catalog; SELECT attest.run_job('retention')});
eventually($node, 'rented', q{SET search_path = pg_catalog; SELECT outcome FROM attest.job_runs}, 'done', 'its job runs');
is(sql(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'landlord'}), 'f', 'an operator in its search_path makes nobody superuser');
value($node, 'postgres', 'postgres', 'ALTER ROLE landlord NOSUPERUSER');
is(run_sql($node, 'postgres', 'postgres', 'DROP DATABASE rented')->{err}, '', 'that database goes');

# --- crashes ---

has_scheduler($db, 'before the crash a scheduler runs');
my $pid = scheduler();
kill 'KILL', $pid;
eventually($node, $db, "SELECT scheduler_pid <> $pid FROM attest.worker_status()", 't', 'it comes back after kill -9');

sql(<<'SQL');
CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
CREATE TRIGGER linger BEFORE INSERT ON attest_data.destruction_certificate FOR EACH ROW EXECUTE FUNCTION public.linger();
SQL
as_tenant($node, $db, 'app', ticket($node, $db, 'beta', 'manager'), q{SELECT attest.lift_hold(:'held', 'ended')}, %{ $tenant{beta} });
value($node, $db, 'operator', q{SELECT attest.run_job('retention')});
eventually($node, $db, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'attest scheduler' AND wait_event = 'PgSleep'}, 1,
	'a run is in the middle of its work');
is(run_of(), 'running|-1', 'its row is there already');
kill 'KILL', scheduler();
has_scheduler($db, 'a scheduler comes back after kill -9 in the middle of a run');
is(run_of(), 'running|-1', 'the run that was interrupted never ended');
is(erased('beta'), those('beta', @due), 'and did nothing');
sql('DROP TRIGGER linger ON attest_data.destruction_certificate');
run_retention('done', 'the next run completes');
is(erased('beta'), those('beta', @due, 'held'), 'and does what the other did not');
is(sql(q{SELECT count(*) FROM attest.job_runs WHERE outcome = 'running'}), 1, 'the interrupted run stays on record');

$node->restart;
has_scheduler($db, 'a scheduler runs after a restart');
$node->stop('immediate');
$node->start;
has_scheduler($db, 'and after a crash of the whole server');

# --- the extension goes and comes back ---

value($node, 'postgres', 'postgres', 'CREATE DATABASE bare');
value($node, 'bare', 'postgres', 'SET client_min_messages = error; CREATE EXTENSION attest CASCADE');
is(run_sql($node, 'bare', 'postgres', 'DROP EXTENSION attest; CREATE EXTENSION attest; DROP EXTENSION attest')->{err}, '',
	'without data the extension can be dropped and made again');
attest_database($node, 'leaving');
new_tenant($node, 'leaving', 'delta');
has_scheduler('leaving', 'a database that is to lose the extension has a scheduler');
is(run_sql($node, 'leaving', 'postgres', 'DROP EXTENSION attest')->{state}, '2BP01', 'with data DROP EXTENSION is refused');
is(run_sql($node, 'leaving', 'postgres', "SET client_min_messages = error; $_")->{state}, 'TA015', "$_ too")
  for 'DROP EXTENSION attest CASCADE', 'DROP EXTENSION pgcrypto CASCADE', 'DROP SCHEMA attest CASCADE';
is(run_sql($node, 'leaving', 'postgres', 'SELECT count(last_name) FROM attest_data.person')->{out}, 4, 'the data is all there');
is(run_sql($node, 'leaving', 'postgres', 'SET client_min_messages = error; DROP SCHEMA attest_data, attest_report CASCADE; DROP EXTENSION attest CASCADE')->{err},
	'', 'the data first, on purpose, then the extension');
$node->append_conf('postgresql.conf', "attest.scheduler_interval = 1\n");
$node->reload;
eventually($node, 'leaving', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'attest scheduler' AND datname = 'leaving'}, 0,
	'its scheduler leaves at its next look');
unlike(slurp_file($node->logfile), qr/attest\.\w+\(\) does not exist/, 'without an error');
has_scheduler($db, 'the other database keeps its own');
$node->stop;

# --- without preload ---

my $plain = attest_cluster('plain', preload => 0, conf => "attest.launcher_interval = 30\nattest.scheduler_interval = 30\n");
attest_database($plain, $db);
my $delta = new_tenant($plain, $db, 'delta');
new_tenant($plain, $db, 'epsilon');
my $manager = ticket($plain, $db, 'delta', 'manager');
my $signed = as_tenant($plain, $db, 'app', $manager, q{SELECT attest.sign(:'slot', :'learner', :'png') IS NOT NULL;
  SELECT last_name FROM attest.people WHERE person_id = :'learner'}, %$delta, png => signature('s01-1', 'png'));
is($signed->{out}, "t\nKerdelta", 'without preload people sign and views open') or diag($signed->{err});
is($signed->{err}, '', 'and nobody is warned of settings of attest');
is(run_sql($plain, $db, 'app', 'SELECT count(*) FROM attest.people')->{out}, 0, 'without a ticket nothing is visible');
is_refused(run_sql($plain, $db, 'operator', q{SELECT attest.run_job('retention')}), 'TA009', 'run_job without preload');
is(value($plain, $db, 'operator', q{SELECT code, severity FROM attest.doctor()}), 'not_preloaded|critical', 'the doctor says so');
is(value($plain, $db, 'postgres', 'SELECT * FROM attest.worker_status()'), 'f||', 'there are no processes');
is(value($plain, $db, 'postgres', 'SELECT attest.setup() IS NOT NULL'), 't', 'setup runs again');

# A ticket set before the library is there to look at it counts for nothing: it could be
# of any earlier transaction.  attest.enter() loads the library first.
my $stale = run_sql($plain, $db, 'app', q{SET attest.ticket = :'t'; SELECT count(*) FROM attest.people;
  SELECT attest.current_tenant() IS NULL}, t => $manager);
is($stale->{out}, "0\nt", 'a session-level ticket set before the library is loaded shows nothing') or diag($stale->{err});
my $local = run_sql($plain, $db, 'app', q{BEGIN; SET LOCAL attest.ticket = :'t'; SELECT count(*) FROM attest.people}, t => $manager);
is($local->{out}, 0, 'nor does a local one') or diag($local->{err});
$plain->stop;

done_testing();
