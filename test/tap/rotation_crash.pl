#!/usr/bin/perl
# kill -9 in every step of rotations and erasures: after each the server recovers, the
# call is made again, nobody is lost and nobody is half erased.  Then readers and
# writers at work during rotations, and an erasure felt in open transactions.
use strict;
use warnings;

use Attest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = attest_cluster('crash', conf => "autovacuum = off\n");
my $db = 'school';
attest_database($node, $db);
my $number = 30;
my $kills = 0;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $seed = $ENV{CRASH_SEED} // time;
srand(int $seed);
note('CRASH_SEED=' . int $seed);

value($node, $db, 'operator', q{SELECT attest.create_tenant('alpha', 'Alpha', 'departement'), attest.create_account('alpha', 'manager', 'manager'),
  attest.create_tenant('beta', 'Beta', 'departement'), attest.create_account('beta', 'manager', 'manager')});

sub as_manager
{
	my ($sql, %variable) = @_;
	return as_tenant($node, $db, 'app', ticket($node, $db, delete $variable{tenant} // 'alpha', 'manager'), $sql, %variable);
}

# --- people, and what must hold of them at any time ---

my (%id, %erased);

sub add_person
{
	my $name = 'p' . (1 + keys %id);
	my $added = as_manager(q{SELECT attest.add_person(jsonb_build_object('reference', :'name', 'profile', 'learner', 'gender', 'F',
	  'last_name', 'Nom ' || :'name', 'first_name', 'P', 'birth_date', '1990-01-02', 'email', :'name' || '@x.example'))}, name => $name);
	die $added->{err} unless $added->{ok};
	$id{$name} = $added->{out};
	return $name;
}

sub is_sound
{
	my ($name) = @_;
	my $expected = join ' ', map { "$_=Nom $_" } sort grep { !$erased{$_} } keys %id;
	my $opened = as_manager(q{SELECT string_agg(reference || '=' || last_name, ' ' ORDER BY reference COLLATE "C") FROM attest.people WHERE reference ~ '^p[0-9]+$'});
	my $faults = value($node, $db, 'postgres', q{
	  SELECT 'half erased ' || person_id FROM attest_data.person p
	  WHERE (anonymised_at IS NOT NULL) <> EXISTS (SELECT FROM attest_data.erased_subject e WHERE e.subject_id = p.person_id)
	    OR (anonymised_at IS NOT NULL) = EXISTS (SELECT FROM attest_data.subject_key k WHERE k.subject_id = p.person_id)
	    OR (anonymised_at IS NOT NULL) = (last_name IS NOT NULL)
	  UNION ALL SELECT 'under a key that is gone ' || subject_id FROM attest_data.subject_key k
	  WHERE NOT EXISTS (SELECT FROM attest_data.tenant_key t WHERE t.tenant_id = k.tenant_id AND t.generation = k.tenant_generation AND t.state <> 'destroyed')
	  UNION ALL SELECT 'active keys ' || count(*) FROM attest_data.tenant_key WHERE state = 'active' GROUP BY tenant_id HAVING count(*) <> 1
	  UNION ALL SELECT attest_internal.unreadable_tenant_keys()
	  UNION ALL SELECT 'keyring ' || s FROM attest_internal.keyring_status() s WHERE s IS NOT NULL});

	my $gone = value($node, $db, 'postgres', 'SELECT count(*) FROM attest_data.erased_subject');

	return ok($opened->{out} eq $expected && $faults eq '' && $gone == keys %erased, $name)
	  || diag("$opened->{err}$opened->{out}\nwanted $expected\n$faults\nerased $gone");
}

# --- dying ---

value($node, $db, 'postgres', <<'SQL');
CREATE SEQUENCE public.fuse;
CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF nextval('public.fuse') = TG_ARGV[0]::int THEN
    EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid());
    PERFORM pg_sleep(60);
  END IF;
  RETURN NULL;
END $$;
SQL

sub wait_for_server
{
	for (1 .. 600)
	{
		my $result = run_sql($node, 'postgres', 'postgres', 'SELECT NOT pg_is_in_recovery()');
		return if $result->{ok} && $result->{out} eq 't';
		sleep 0.05;
	}
	die 'the server does not come back';
}

# A call dies when the nth row is written so; or at its commit.
sub dies
{
	my ($what, $call, $on, $nth, $at_commit) = @_;
	my $when = $at_commit ? 'CONSTRAINT TRIGGER die AFTER %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW' : 'TRIGGER die AFTER %s FOR EACH ROW';

	value($node, $db, 'postgres', "SELECT setval('public.fuse', 1, false); CREATE " . sprintf($when, $on) . " EXECUTE FUNCTION public.die($nth)");
	my $result = $call->();
	my ($table) = $on =~ /ON (\S+)/;
	my $died = !$result->{ok} && $result->{err} =~ /server closed the connection|connection to server was lost|terminating connection/;
	ok($died, "$what dies at $on $nth" . ($at_commit ? ', at commit' : '')) or diag($result->{err});
	$kills++ if $died;
	wait_for_server();
	is_sound("$what: all is well after recovery");
	value($node, $db, 'postgres', "DROP TRIGGER die ON $table");
	return;
}

sub operator { my ($sql, %variable) = @_; return sub { run_sql($node, $db, 'operator', $sql, %variable) } }

# Again, until the end.
sub completes
{
	my ($what, $call) = @_;
	my $result = $call->();

	ok($result->{ok}, "$what: done when called again") or diag($result->{err});
	return is_sound("$what: all is well at the end");
}

sub nothing_runs
{
	return is(value($node, $db, 'postgres', q{SELECT count(*) FROM attest_data.key_rotation WHERE state <> 'done'}), 0, 'no rotation is left half done');
}

add_person() for 1 .. $number;
as_manager(q{SELECT attest.add_person('{"reference": "b", "profile": "learner", "last_name": "B", "first_name": "B", "gender": "F"}')}, tenant => 'beta');
is_sound('people are there');

my $kek = operator('SELECT attest.rotate_kek()');
for my $point ([ 'UPDATE ON attest_data.tenant_key', 1 ], [ 'UPDATE ON attest_data.tenant_key', 2 ],
	[ 'INSERT ON attest_data.tenant_key_wrapping', 2 ], [ 'INSERT ON attest_data.key_rotation', 1 ], [ 'INSERT ON attest_data.key_rotation', 1, 1 ])
{
	dies('rotating the KEK', $kek, @$point);
}
completes('rotating the KEK', $kek);
is(value($node, $db, 'operator', q{SELECT max(epoch), max(epoch) FILTER (WHERE tenants > 0) FROM attest.kek_epochs()}), '2|2',
	'each try used the epoch that the first one made');

my $tenant_key = operator(q{CALL attest.rotate_tenant_key('alpha')});
for my $point ([ 'INSERT ON attest_data.tenant_key', 1 ], [ 'INSERT ON attest_data.key_rotation', 1 ], [ 'INSERT ON attest_data.key_rotation', 1, 1 ],
	[ 'UPDATE ON attest_data.subject_key', 1 ], [ 'UPDATE ON attest_data.key_rotation', 7, 1 ], [ 'UPDATE ON attest_data.subject_key', 9 ],
	[ 'UPDATE OF state ON attest_data.tenant_key', 1 ], [ 'UPDATE OF state ON attest_data.tenant_key', 1, 1 ], [ 'UPDATE OF state ON attest_data.key_rotation', 1, 1 ])
{
	dies('rotating a tenant key', $tenant_key, @$point);
}
completes('rotating a tenant key', $tenant_key);
nothing_runs();

my $reseal = operator(q{CALL attest.reseal_people('alpha')});
for my $point ([ 'INSERT ON attest_data.subject_key', 5 ], [ 'UPDATE ON attest_data.subject_key', 3 ], [ 'INSERT ON attest_data.key_rotation', 1, 1 ],
	[ 'UPDATE ON attest_data.person', 2 ], [ 'UPDATE ON attest_data.subject_key', 4 ], [ 'UPDATE ON attest_data.key_rotation', 6, 1 ],
	[ 'UPDATE OF state ON attest_data.key_rotation', 1 ])
{
	dies('sealing again', $reseal, @$point);
}
completes('sealing again', $reseal);
nothing_runs();

sub erasing
{
	my ($name) = @_;
	return sub { as_manager(q{SELECT attest.erase_person(:'who', 'GDPR art. 17', 'DPO')}, who => $id{$name}) };
}
my $goes = add_person();
for my $point ([ 'UPDATE ON attest_data.person', 1 ], [ 'INSERT ON attest_data.erased_subject', 1 ], [ 'DELETE ON attest_data.subject_key', 1 ],
	[ 'INSERT ON attest_data.erased_subject', 1, 1 ])
{
	dies('erasing', erasing($goes), @$point);
}
$erased{$goes} = 1;
completes('erasing', erasing($goes));

my $all = operator('CALL attest.rotate_keys()');
for my $point ([ 'INSERT ON attest_data.tenant_key', 1 ], [ 'UPDATE ON attest_data.subject_key', 2 ], [ 'UPDATE OF state ON attest_data.tenant_key', 1 ],
	[ 'UPDATE OF wrapped ON attest_data.tenant_key', 2 ], [ 'UPDATE OF kek_epoch ON attest_data.tenant_key', 1, 1 ])
{
	dies('rotating all that is due', $all, @$point);
}
completes('rotating all that is due', $all);
nothing_runs();

value($node, $db, 'operator', q{SELECT attest.confirm_backup('b', clock_timestamp())});
my $retire = operator(q{SELECT attest.retire_kek(1, '{postgres}'), attest.retire_kek(2, '{postgres}')});
dies('retiring an epoch', $retire, 'INSERT OR UPDATE ON attest_data.kek_epoch', 1);
dies('retiring an epoch', operator(q{SELECT attest.retire_kek(1, '{postgres}')}), 'INSERT OR UPDATE ON attest_data.kek_epoch', 1, 1);
completes('retiring an epoch', operator(q{SELECT attest.retire_kek(e, '{postgres}') FROM (SELECT epoch AS e FROM attest.kek_epochs() WHERE state <> 'active') e}));
is(value($node, $db, 'postgres', 'SELECT string_agg(epoch::text, $$ $$) FROM attest_data.kek_epoch WHERE retired_at IS NULL'),
	value($node, $db, 'operator', q{SELECT max(epoch) FROM attest.kek_epochs()}), 'also where only the row was missing');
is(value($node, $db, 'operator', q{SELECT attest.erasure_horizon('alpha') = now()}), 't', 'the erasure has reached the backups');

my $export = value($node, $db, 'operator', 'SELECT attest.export_keys()');
my $import = operator(q{SELECT attest.import_keys(:'export')}, export => $export);
for my $point ([ 'DELETE ON attest_data.tenant_key', 1 ], [ 'UPDATE ON attest_data.person', 11 ], [ 'INSERT ON attest_data.tenant_key', 1, 1 ])
{
	dies('importing keys', $import, @$point);
}
completes('importing keys', $import);

# --- dying at any moment ---

# Starts a script in a session of its own.
sub session
{
	my ($name, $role, $sql, @option) = @_;

	unlink "$dir/$name.sql";
	append_to_file("$dir/$name.sql", $sql);
	return IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', @option, '-f', "$dir/$name.sql",
		$node->connstr($db) . " user=$role application_name=$name" ], '>', "$dir/$name.out", '2>', "$dir/$name.err");
}

# Starts a call, and kills its session after a while.
sub killed_after
{
	my ($delay, $role, $sql) = @_;
	my $run = session('victim', $role, $sql);
	my $pid = '';

	for (1 .. 20)
	{
		$pid = run_sql($node, $db, 'postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'})->{out};
		last if $pid;
	}
	sleep $delay;
	kill 9, $pid if $pid;
	$run->finish;
	$kills++ if slurp_file("$dir/victim.err") =~ /server closed|lost|terminating/;
	wait_for_server();
	return;
}

for my $round (1 .. 18)
{
	my ($what, $call, $sql) = @{ ([ 'a tenant key', $tenant_key, q{CALL attest.rotate_tenant_key('alpha', 10)} ], [ 'sealing again', $reseal, q{CALL attest.reseal_people('alpha', 10)} ],
		[ 'all that is due', $all, 'CALL attest.rotate_keys(10)' ])[ $round % 3 ] };
	if ($what eq 'all that is due')
	{
		my $name = add_person();
		my $ticket = ticket($node, $db, 'alpha', 'manager');
		killed_after(rand 0.1, 'app',
			"BEGIN; SELECT attest.enter('$ticket'); SELECT pg_sleep(0.05); SELECT attest.erase_person('$id{$name}', 'r', 'a'); SELECT pg_sleep(0.05); COMMIT");
		$erased{$name} = 1 if value($node, $db, 'postgres', "SELECT count(*) FROM attest_data.erased_subject WHERE subject_id = '$id{$name}'");
		is_sound("round $round: an erasure that was killed is whole or nothing");
		if (!$erased{$name})
		{
			$erased{$name} = 1;
			completes('erasing', erasing($name));
		}
	}
	killed_after(rand 0.3, 'operator', $sql);
	is_sound("round $round: $what, killed");
	completes("round $round: $what", $call) if $round % 2;
}
completes($_->[0], $_->[1]) for [ 'a tenant key', $tenant_key ], [ 'sealing again', $reseal ], [ 'all that is due', $all ];
nothing_runs();
cmp_ok($kills, '>=', 50, "killed $kills times");

# --- readers and writers during rotations ---

# A session that repeats a transaction.
sub worker
{
	my ($name, $sql) = @_;
	my $ticket = ticket($node, $db, 'alpha', 'manager', '1 hour');
	my $text = join '', map { "BEGIN;\nSELECT attest.enter(:'ticket') \\g /dev/null\n$sql;\nCOMMIT;\n" } 1 .. 150;

	return { name => $name, run => session($name, 'app', $text, '-v', "ticket=$ticket") };
}

my @workers = map { worker(@$_) }
  [ 'reader', q{SELECT count(last_name) > 0 FROM attest.people WHERE reference IS NOT NULL} ],
  [ 'writer', q{SELECT attest.add_person(jsonb_build_object('reference', attest.uuid_v7(), 'profile', 'learner', 'gender', 'F', 'last_name', 'Nouveau', 'first_name', 'P')) \g /dev/null
    SELECT count(*) > 0 FROM attest.people WHERE last_name = 'Nouveau'} ],
  [ 'sealer', qq{SELECT attest.unseal(attest.seal('x', '$id{p1}', 'p'))} ];
my $calls = 0;
my $until = time + 60;
while (time < $until && value($node, $db, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('reader', 'writer', 'sealer')}) > 0)
{
	for my $call ($tenant_key, $reseal)
	{
		my $result = $call->();
		ok($result->{ok}, 'a rotation while others work') or diag($result->{err});
		$calls++;
	}
}
$_->{run}->finish for @workers;
cmp_ok($calls, '>=', 2, "$calls rotations");
for my $worker (@workers)
{
	is(slurp_file("$dir/$worker->{name}.err"), '', "the $worker->{name} saw no error");
	is(scalar(grep { /^[tx]$/ } split /\n/, slurp_file("$dir/$worker->{name}.out")), 150, "the $worker->{name} did all its work");
}
is_sound('all is well');

# --- an erasure is felt in an open transaction ---

for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	my $name = add_person();
	my $sealed = value($node, $db, 'postgres', "SELECT last_name FROM attest_data.person WHERE person_id = '$id{$name}'");
	my $ticket = ticket($node, $db, 'alpha', 'manager');
	my $reader = session('long', 'app', "BEGIN ISOLATION LEVEL $level; SELECT attest.enter('$ticket') \\g /dev/null
SELECT attest.unseal('$sealed');
SELECT count(attest.unseal(coalesce('$sealed', g::text)::attest.sealed) || pg_sleep(0.01)::text) FROM generate_series(1, 2000) g;\n",
		'-v', 'VERBOSITY=verbose');
	for (1 .. 200) { last if -s "$dir/long.out"; sleep 0.02 }
	sleep 0.2;
	my $erasing = erasing($name)->();
	my $committed = time;
	ok($erasing->{ok}, "$level: the person is erased by another") or diag($erasing->{err});
	$erased{$name} = 1;
	$reader->finish;
	my $took = time - $committed;
	my ($out, $err) = map { slurp_file("$dir/long.$_") } qw(out err);
	like($out, qr/^Nom $name$/m, "$level: a transaction had opened the name");
	like($err, qr/ TA307:/, "$level: the statement that was running is told") or diag($out);
	cmp_ok($took, '<', 1, sprintf('%s: after %.0f ms', $level, $took * 1000));
}
is_sound('all is well at the end');
done_testing();
