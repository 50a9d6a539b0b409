# Helpers of the TAP tests: clusters with attest, SQL as a role with a ticket, a
# tenant filled through the API, and digests of everything that is stored.
package Attest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  attest_cluster attest_database new_tenant ticket
  run_sql as_tenant value values_of eventually
  signature demo_file digests is_refused
);

my $top = $ENV{ATTEST_TOP} // '.';

# attest_cluster(name, preload => 1, keyring => path, conf => text, init => [options of init]): a running
# cluster.  Its keyring lies outside the data directory, at $node->{keyring}.
sub attest_cluster
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$ENV{PGUSER} = 'postgres';
	$node->{keyring} = $option{keyring} // PostgreSQL::Test::Utils::tempdir_short() . '/keyring';
	$node->init(@{ $option{init} // [] }, extra => [ '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', <<"CONF");
attest.keyring_file = '$node->{keyring}'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = none
restart_after_crash = on
CONF
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'attest'\n")
	  if $option{preload} // 1;
	$node->append_conf('postgresql.conf', $option{conf}) if $option{conf};
	$node->start;
	return $node;
}

# attest_database(node, name): a database with attest set up, made unless it is there,
# and the login roles app, operator, analyst and auditor (made once a cluster).
sub attest_database
{
	my ($node, $db) = @_;

	value($node, 'postgres', 'postgres', qq{CREATE DATABASE "$db"})
	  unless value($node, 'postgres', 'postgres', "SELECT 1 FROM pg_database WHERE datname = '$db'");
	value($node, $db, 'postgres', 'SET client_min_messages = error; CREATE EXTENSION attest CASCADE');
	value($node, $db, 'postgres', 'SELECT attest.create_keyring()') unless -e $node->{keyring};
	value($node, $db, 'postgres', 'SELECT attest.setup()');
	for my $role (qw(app operator analyst auditor))
	{
		value($node, $db, 'postgres', "CREATE ROLE $role LOGIN IN ROLE attest_$role")
		  unless value($node, $db, 'postgres', "SELECT 1 FROM pg_roles WHERE rolname = '$role'");
	}
	return;
}

# run_sql(node, database, role, sql, variable => value, ...): what psql said, with
# the SQLSTATE and hint of the error that stopped it.
sub run_sql
{
	my ($node, $db, $role, $sql, %variable) = @_;
	my @psql = ('psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-U', $role, '-d', $db,
		'-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose');
	my ($out, $err) = ('', '');

	push @psql, '-v', "$_=$variable{$_}" for sort keys %variable;
	my $ok = IPC::Run::run([ @psql, '-f', '-' ], '<', \"$sql\n;", '>', \$out, '2>', \$err);
	chomp $out;
	my ($state) = $err =~ /(?:ERROR|FATAL):\s+(\w{5}):/;
	my ($hint) = $err =~ /^HINT:\s+(.+)/m;
	return { ok => $ok, out => $out, err => $err, state => $state // '', hint => $hint // '' };
}

# The same within a transaction that has entered with the ticket.
sub as_tenant
{
	my ($node, $db, $role, $ticket, $sql, %variable) = @_;

	return run_sql($node, $db, $role,
		"BEGIN;\nSELECT attest.enter(:'ticket') \\gset\n$sql\n;COMMIT", ticket => $ticket, %variable);
}

# The output of SQL that must not fail.
sub value
{
	my ($node, $db, $role, $sql, %variable) = @_;
	my $result = run_sql($node, $db, $role, $sql, %variable);

	die "as $role: $sql\n$result->{err}" unless $result->{ok};
	return $result->{out};
}

# The lines "key=value" of an output, as a hash.
sub values_of
{
	my ($result) = @_;

	die $result->{err} unless $result->{ok};
	return map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, $result->{out};
}

# Asks again for up to 30 seconds until the output is the one wanted.
sub eventually
{
	my ($node, $db, $sql, $wanted, $name) = @_;
	my $got = '';

	for (1 .. 300)
	{
		my $result = run_sql($node, $db, 'postgres', $sql);
		$got = $result->{ok} ? $result->{out} : $result->{err};
		last if $got eq $wanted;
		select undef, undef, undef, 0.1;
	}
	return is($got, $wanted, $name);
}

sub demo_file
{
	my ($path) = @_;

	return PostgreSQL::Test::Utils::slurp_file("$top/demo/$path");
}

# signature('s01-1', 'png' or 'strokes'): a capture, as a pad sends it.
sub signature
{
	my ($name, $kind) = @_;
	my $capture = JSON::PP->new->decode(demo_file("signatures/$name.json"));

	return $kind eq 'png' ? $capture->{png} : JSON::PP->new->canonical->encode($capture->{strokes});
}

sub ticket
{
	my ($node, $db, $tenant, $identifier, $lifetime) = @_;

	return value($node, $db, 'operator', q{SELECT attest.issue_ticket(:'tenant', :'who', :'lifetime')},
		tenant => $tenant, who => $identifier, lifetime => $lifetime // '1 hour');
}

# What new_tenant() does with the manager's ticket.
my $fill = <<'SQL';
SELECT attest.add_person(jsonb_build_object('reference', :'code' || '-1', 'profile', 'learner',
  'last_name', 'Ker' || :'code', 'first_name', 'Une ' || :'code', 'gender', 'F', 'birth_date', '1990-05-17',
  'birth_place', 'Bourg ' || :'code', 'email', 'une@' || :'code' || '.example', 'isced', '3',
  'nir', '265068699587047')) AS learner,
  attest.add_person(jsonb_build_object('reference', :'code' || '-2', 'profile', 'learner',
  'last_name', 'Pen' || :'code', 'first_name', 'Deux ' || :'code', 'gender', 'M', 'birth_date', '1971-11-02')) AS second,
  attest.add_person(jsonb_build_object('reference', :'code' || '-3', 'profile', 'trainer',
  'last_name', 'Tre' || :'code', 'first_name', 'Trois ' || :'code', 'gender', 'F')) AS trainer,
  attest.add_person(jsonb_build_object('reference', :'code' || '-4', 'profile', 'trainer',
  'last_name', 'Pol' || :'code', 'first_name', 'Quatre ' || :'code', 'gender', 'N')) AS stranger,
  attest.create_course(:'code' || '-course', 'Cours ' || :'code') AS course,
  attest.create_operation(:'code' || '-fse', 'Fonds ' || :'code', 'esf+', '2022-01-01', '2027-12-31') AS operation
\gset
SELECT attest.plan_session(:'course', 'Session ' || :'code', (now() AT TIME ZONE 'Europe/Paris')::date - 10,
  (now() AT TIME ZONE 'Europe/Paris')::date + 10, 'Salle ' || :'code') AS session \gset
SELECT attest.plan_slot(:'session', now() - interval '2 minutes', now() + interval '3 hours') AS slot,
  attest.plan_slot(:'session', now() - interval '2 days', now() - interval '45 hours') AS past_slot,
  attest.enrol(:'session', :'learner') AS enrolment, attest.enrol(:'session', :'second') AS enrolment_2
\gset
SELECT attest.assign_trainer(:'slot', :'trainer'), attest.assign_trainer(:'past_slot', :'trainer') \gset t_
SELECT attest.sign(:'past_slot', :'learner', :'png') AS presence,
  attest.record_presence(:'past_slot', :'second', 'excused', 'Motif ' || :'code', claimed_at => now() - interval '3 days') AS absence,
  attest.record_participation(:'operation', :'learner', '{"entry": "2023-03-01", "status_entry": "inactive"}')
    AS participation \gset
SELECT attest.verify_participation(:'participation', 'verified'), attest.record_entities(:'operation', 'EECO18', 1),
  attest.set_operation_parameters(:'operation', '{"ltu_at_least": true}', 'Guide ' || :'code') \gset t_
SELECT attest.set_retention_rule('learner', '3 years', 'Base ' || :'code') \gset t_
\echo learner=:learner
\echo second=:second
\echo trainer=:trainer
\echo stranger=:stranger
\echo course=:course
\echo operation=:operation
\echo session=:session
\echo slot=:slot
\echo past_slot=:past_slot
\echo enrolment=:enrolment
\echo presence=:presence
\echo participation=:participation
SQL

# new_tenant(node, database, code): a tenant filled through the API; returns the ids
# of its objects.  Every text it holds contains the code.
#	accounts: manager, trainer (of both slots), stranger (a trainer without slot), learner
#	slot: runs now, nobody has signed; past_slot: two days ago, one signed, one excused
sub new_tenant
{
	my ($node, $db, $code) = @_;
	my %tenant = (code => $code);

	$tenant{id} = value($node, $db, 'operator', q{SELECT attest.create_tenant(:'code', 'Org ' || :'code', 'training_organisation')},
		code => $code);
	value($node, $db, 'operator', q{SELECT attest.create_account(:'code', 'manager', 'manager'),
		attest.authorise_nir(:'code', 'test', 'T-1')}, code => $code);
	%tenant = (%tenant, values_of(as_tenant($node, $db, 'app', ticket($node, $db, $code, 'manager'), $fill,
		code => $code, png => signature('s02-1', 'png'))));
	value($node, $db, 'operator', <<'SQL', code => $code, map { ($_ => $tenant{$_}) } qw(learner trainer stranger));
SELECT attest.create_account(:'code', 'learner', 'learner', :'learner'),
  attest.create_account(:'code', 'trainer', 'trainer', :'trainer'),
  attest.create_account(:'code', 'stranger', 'trainer', :'stranger')
SQL
	return \%tenant;
}

# digests(node, database, without => [tables]): a line for each table of attest_data,
# with its count and the digest of its rows.
sub digests
{
	my ($node, $db, @without) = @_;
	my $tables = value($node, $db, 'postgres', q{SELECT relname FROM pg_class
	  WHERE relnamespace = 'attest_data'::regnamespace AND relkind = 'r' ORDER BY 1});
	my @queries;

	for my $table (split /\n/, $tables)
	{
		next if grep { $_ eq $table } @without;
		push @queries, qq{SELECT '$table', count(*), md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), ''))
		  FROM attest_data."$table" t};
	}
	return value($node, $db, 'postgres', join("\nUNION ALL\n", @queries) . ' ORDER BY 1');
}

# The result is this error, with a hint, and its text holds none of the secrets.
sub is_refused
{
	my ($result, $state, $name, @secrets) = @_;
	my $leaked = join ', ', grep { length && index($result->{err}, $_) >= 0 } @secrets;

	is($result->{state}, $state, "$name: $state") or diag($result->{err} || $result->{out});
	isnt($result->{hint}, '', "$name: with a hint") or diag($result->{err});
	is($leaked, '', "$name: repeats no personal data") if @secrets;
	return;
}

1;
