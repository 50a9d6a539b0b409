# What the attacks need: a cluster with two tenants, a pooler before it, and a judge
# that searches all that comes back, and the server log, for what is the victim's.
package Attack;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(attempt session pooled judged say_sql ask admin start_cluster start_pooler fill_tenant
  note_victims ticket victim_values group counts variable);

my $top = $ENV{ATTEST_TOP} // '.';
my $db = 'school';
my ($node, $pooler, $group, %attempts);
my %variables;    # psql variables of every attempt
my %values;       # of each tenant: what the other must never see

sub group { $group = shift; return note("--- $group") }
sub counts { return map { "$_: $attempts{$_}" } sort keys %attempts }

sub variable
{
	my ($name, $value) = @_;

	$variables{$name} = $value if defined $value;
	return $variables{$name};
}

# --- the cluster ---

sub start_cluster
{
	$ENV{PGUSER} = 'postgres';
	$ENV{PGTZ} = 'Europe/Paris';
	$node = PostgreSQL::Test::Cluster->new('attack');
	my $keyring = PostgreSQL::Test::Utils::tempdir_short() . '/keyring';
	$node->init(extra => [ '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'attest'
attest.keyring_file = '$keyring'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = none
max_prepared_transactions = 5
max_connections = 60
CONF
	$node->start;
	admin("CREATE DATABASE $db", database => 'postgres');
	admin('SET client_min_messages = error; CREATE EXTENSION attest CASCADE');
	admin('SELECT attest.create_keyring()');
	admin('SELECT attest.setup()');
	admin("CREATE ROLE $_ LOGIN IN ROLE attest_$_") for qw(app operator analyst auditor);
	return $node;
}

# A pooler in transaction mode with one connection to the server.
sub start_pooler
{
	my ($bouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my ($host, $port) = ($node->host, $node->port);

	return 0 unless $bouncer;
	PostgreSQL::Test::Utils::append_to_file("$dir/users", qq("app" ""\n));
	PostgreSQL::Test::Utils::append_to_file("$dir/ini", <<"INI");
[databases]
* = host=$host port=$port pool_size=1
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users
pool_mode = transaction
max_client_conn = 50
logfile = $dir/log
pidfile = $dir/pid
INI
	$pooler = { dir => $dir };
	$pooler->{run} = IPC::Run::start([ $bouncer, "$dir/ini" ], '<', '/dev/null', '>', "$dir/out", '2>&1');
	for (1 .. 100)
	{
		last if -S "$dir/.s.PGSQL.6432";
		select undef, undef, undef, 0.05;
	}
	return 1;
}

END
{
	my $status = $?;
	$pooler->{run}->kill_kill if $pooler;
	$? = $status;
}

# --- running SQL ---

# say_sql(role, sql, variable => value, ...): output, errors and the first SQLSTATE of
# a psql session that goes on after an error, as an attacker would.  pooler => 1 goes
# through the pooler; database; options => those of the connection.
sub say_sql
{
	my ($role, $sql, %option) = @_;
	my @where = delete $option{pooler} ? ($pooler->{dir}, 6432) : ($node->host, $node->port);
	local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)} = (@where, delete $option{database} // $db, $role);
	local $ENV{PGOPTIONS} = delete $option{options};
	delete $ENV{PGOPTIONS} unless defined $ENV{PGOPTIONS};
	my @psql = qw(psql -XqAt -v VERBOSITY=verbose -v SHOW_CONTEXT=always -f -);
	my ($out, $err) = ('', '');

	my %all = (%variables, %option);
	push @psql, '-v', "$_=$all{$_}" for sort keys %all;
	IPC::Run::run(\@psql, '<', \"$sql\n;", '>', \$out, '2>', \$err);
	chomp $out;
	my ($state) = $err =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}):/;
	$state //= $err =~ /FATAL/ ? 'FATAL' : '';
	return { out => $out, err => $err, state => $state };
}

# The output of SQL as a role, which must not fail.
sub ask
{
	my ($role, $sql, %option) = @_;
	my $said = say_sql($role, $sql, %option);

	die "$role: $sql\n$said->{err}" if $said->{state};
	return $said->{out};
}

sub admin { return ask('postgres', @_) }

sub ticket
{
	my ($tenant, $identifier, $lifetime) = @_;

	return ask('operator', q{SELECT attest.issue_ticket(:'tenant', :'who', :'lifetime')},
		tenant => $tenant, who => $identifier, lifetime => $lifetime // '1 hour');
}

# --- the tenants ---

# What fill_tenant() does as the manager: every text holds the word.
my $fill = <<'SQL';
BEGIN;
SELECT attest.enter(:'ticket') \gset t_
SELECT attest.add_person(jsonb_build_object('reference', :'word' || '-1', 'profile', 'learner',
  'last_name', 'Ker' || :'word', 'first_name', 'Une ' || :'word', 'gender', 'F', 'birth_date', '1990-05-17',
  'birth_place', 'Bourg ' || :'word', 'email', 'une@' || :'word' || '.example', 'commune', '44109')) AS learner,
  attest.add_person(jsonb_build_object('reference', :'word' || '-2', 'profile', 'learner',
  'last_name', 'Pen' || :'word', 'first_name', 'Deux ' || :'word', 'gender', 'M')) AS second,
  attest.add_person(jsonb_build_object('reference', :'word' || '-3', 'profile', 'trainer',
  'last_name', 'Tre' || :'word', 'first_name', 'Trois ' || :'word', 'gender', 'F')) AS trainer,
  attest.add_person(jsonb_build_object('reference', :'word' || '-4', 'profile', 'counsellor',
  'last_name', 'Pol' || :'word', 'first_name', 'Quatre ' || :'word', 'gender', 'N')) AS counsellor,
  attest.create_course(:'word' || '-course', 'Cours ' || :'word') AS course,
  attest.create_operation(:'word' || '-fse', 'Fonds ' || :'word', 'esf+', '2022-01-01', '2027-12-31') AS operation \gset
SELECT attest.plan_session(:'course', 'Session ' || :'word', (now() AT TIME ZONE 'Europe/Paris')::date - 10,
  (now() AT TIME ZONE 'Europe/Paris')::date + 10, 'Salle ' || :'word') AS session \gset
SELECT attest.plan_slot(:'session', now() - interval '2 days', now() - interval '45 hours') AS slot,
  attest.enrol(:'session', :'learner') AS enrolment \gset
SELECT attest.assign_trainer(:'slot', :'trainer'), attest.assign_case(:'counsellor', :'learner', current_date - 30),
  attest.assign_case(:'counsellor', :'second', current_date - 30) \gset t_
SELECT attest.sign(:'slot', :'learner', :'png') AS presence,
  attest.record_participation(:'operation', :'learner', '{"entry": "2023-03-01", "status_entry": "inactive"}') AS participation \gset
SELECT attest.verify_participation(:'participation', 'verified'), attest.record_entities(:'operation', 'EECO18', 1) \gset t_
SELECT attest.set_retention_rule('learner', '3 years', 'Base ' || :'word'), attest.place_hold(:'second', 'Motif ' || :'word') \gset t_
COMMIT;
\echo learner=:learner
\echo second=:second
\echo trainer=:trainer
\echo counsellor=:counsellor
\echo course=:course
\echo operation=:operation
\echo session=:session
\echo slot=:slot
\echo enrolment=:enrolment
\echo presence=:presence
\echo participation=:participation
SQL

# fill_tenant(code, word): a tenant whose every text holds the word, with the accounts
# manager (secret: horse battery <word>), learner, trainer and counsellor.
sub fill_tenant
{
	my ($code, $word) = @_;
	my $capture = PostgreSQL::Test::Utils::slurp_file("$top/demo/signatures/s02-1.json");
	my %tenant = (code => $code, word => $word);

	variable(png => JSON::PP->new->decode($capture)->{png});
	$tenant{id} = ask('operator', qq{SELECT attest.create_tenant('$code', 'Org $word', 'training_organisation')});
	ask('operator', qq{SELECT attest.create_account('$code', 'manager', 'manager')});
	my $said = ask('app', $fill, ticket => ticket($code, 'manager'), word => $word);
	$tenant{$1} = $2 while $said =~ /^(\w+)=(.+)$/mg;
	ask('operator', "SELECT attest.create_account('$code', '$_', '$_', '$tenant{$_}', current_date - 30)") for qw(learner trainer counsellor);
	ask('operator', qq{SELECT attest.set_secret('$code', 'manager', 'horse battery $word')});
	variable("${code}_$_", $tenant{$_}) for keys %tenant;
	return;
}

# note_victims(code, ...): reads what is a tenant's, its ids, sealed values and word,
# and makes the manager's ticket.
sub note_victims
{
	for my $code (@_)
	{
		my %own = ($variables{"${code}_word"} => 1);
		my $tables = admin(q{SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'tenant_id'
		  WHERE relnamespace = 'attest_data'::regnamespace AND relkind = 'r'});
		for my $table (split /\n/, $tables)
		{
			$own{$_} = 1 for split /\n/, admin(qq{SELECT DISTINCT f.value FROM $table t, jsonb_each_text(to_jsonb(t)) f
			  WHERE t.tenant_id = $variables{"${code}_id"} AND f.value ~ '^([0-9a-f]{8}-[0-9a-f-]{27}|att1:.*|\\\\x.{40,})\$' LIMIT 200});
		}
		my $ticket = variable("${code}_ticket", ticket($code, 'manager', '8 hours'));
		$values{$code} = { %own, $ticket => 1 };
	}
	return;
}

sub victim_values { return scalar keys %{ $values{ $_[0] } } }

# --- the judge ---

# What of the victim stands in a text; ids that the attempt itself gave do not count.
sub leaked
{
	my ($victim, $text, @given) = @_;

	$text =~ s/\Q$_\E//g for sort { length $b <=> length $a } @given;
	return sort grep { index($text, $_) >= 0 } keys %{ $values{$victim} };
}

# The ids and words of the tenants that a text names as psql variables; never a ticket.
sub named
{
	my ($sql) = @_;

	return map { /_ticket$/ ? () : $variables{$_} // () } $sql =~ /:'?((?:alpha|beta)_\w+)/g;
}

# judged(name, answer, expected, victim, size of the log before, given): one TAP line.
# Expected: the output; qr/SQLSTATE/; a function of the answer; undef for anything.
sub judged
{
	my ($name, $said, $expected, $victim, $log, @given) = @_;
	my $logged = substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $log);
	my @found = leaked($victim, $said->{out} . $said->{err}, @given);
	my @in_log = leaked($victim, $logged, @given);
	my $as_expected =
		!defined $expected      ? 1
	  : ref $expected eq 'CODE' ? $expected->($said)
	  : ref $expected           ? $said->{state} =~ $expected
	  :                           $said->{state} eq '' && $said->{out} eq $expected;

	$attempts{$group}++;
	return 1 if ok(!@found && !@in_log && $as_expected, "$group: $name");
	diag('of the victim in the answer: ' . substr("@found", 0, 200)) if @found;
	diag('of the victim in the server log: ' . substr("@in_log", 0, 200)) if @in_log;
	diag("not as expected: $expected") unless $as_expected;
	diag('answer: ' . substr($said->{out}, 0, 400) . "\n" . substr($said->{err}, 0, 700));
	return 0;
}

# session(name, sql, expected, option => value): a session of the attacker.  role =>
# 'app'; victim => 'beta'; given => [ids]; for the rest see say_sql().
sub session
{
	my ($name, $sql, $expected, %option) = @_;
	my $role = delete $option{role} // 'app';
	my $victim = delete $option{victim} // 'beta';
	my @given = @{ delete $option{given} // [] };
	my $log = -s $node->logfile;

	return judged($name, say_sql($role, $sql, %option), $expected, $victim, $log, @given, named($sql));
}

# The same within a transaction that has entered: alpha's manager, or as => another.
sub attempt
{
	my ($name, $sql, $expected, %option) = @_;
	my $as = delete $option{as} // $variables{alpha_ticket};

	return session($name, "BEGIN;\nSELECT attest.enter(:'as') \\g /dev/null\n$sql\n;COMMIT", $expected, as => $as, %option);
}

# pooled(name, expected, victim, transactions): each from a client of its own, through
# the pooler, on the one connection to the server; what the last one is told is judged.
sub pooled
{
	my ($name, $expected, $victim, @steps) = @_;
	my $log = -s $node->logfile;
	my (%pids, $said);

	for my $step (@steps)
	{
		$said = say_sql('app', "SELECT pg_backend_pid() AS pid \\gset\n\\qecho pid :pid\n$step", pooler => 1);
		$pids{$1} = 1 if $said->{out} =~ s/^pid (\d+)\n?//m;
	}
	my $one = keys %pids == 1;
	diag('more than one connection: ' . join ' ', sort keys %pids) unless $one;
	judged($name, $said, $one ? $expected : sub { 0 }, $victim, $log, named($steps[-1]));
	# What was left behind must not serve the next attempt.
	say_sql('app', 'DISCARD ALL', pooler => 1);
	return;
}

1;
