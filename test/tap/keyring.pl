#!/usr/bin/perl
# Where the keyring comes from: a file that changes under a running server, and a
# command, which is run at the start and at each reload, and never by a backend.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('file', init => [ allows_streaming => 1 ]);
my $db = 'school';
attest_database($node, $db);
my $tenant = new_tenant($node, $db, 'alpha');

sub name_of
{
	my ($where) = @_;
	my $result = as_tenant($where, $db, 'app', ticket($where, $db, 'alpha', 'manager'), q{SELECT last_name FROM attest.people WHERE reference = 'alpha-1'});
	return $result->{ok} ? $result->{out} : $result->{state};
}

# --- a file ---

is(name_of($node), 'Keralpha', 'a name opens');
my $first = slurp_file($node->{keyring});

# A standby has a copy of its own, which knows the next epoch before anything is wrapped by it.
is(value($node, $db, 'operator', 'SELECT attest.prepare_kek(), attest.prepare_kek()'), '2|2', 'an epoch is prepared, once');
is(value($node, $db, 'operator', q{SELECT string_agg(epoch || state, ' ') FROM attest.kek_epochs()}), '1active 2prepared', 'and wraps nothing yet');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
system_or_bail('cp', '-p', $node->{keyring}, "$node->{keyring}.standby");
$standby->append_conf('postgresql.conf', "attest.keyring_file = '$node->{keyring}.standby'");
$standby->start;
is(value($node, $db, 'operator', 'SELECT attest.rotate_kek()'), 2, 'a rotation takes it into use');
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is(as_tenant($standby, $db, 'app', ticket($node, $db, 'alpha', 'manager'), q{SELECT last_name FROM attest.people WHERE reference = 'alpha-1'})->{out}, 'Keralpha',
	'a standby with the keyring of before takes the tickets and opens the names');
$standby->stop;
my $both = slurp_file($node->{keyring});
like($both, qr/^kek 1 retiring \S+ \S+\nkek 2 active \S+ \S+\n\z/m, 'the file holds both');
is((stat $node->{keyring})[2] & 07777, 0600, 'and is open to its owner only');
is(-e "$node->{keyring}.new" ? 1 : 0, 0, 'nothing is left beside it');

sub rewrite
{
	my ($path, $text) = @_;

	unlink $path;
	PostgreSQL::Test::Utils::append_to_file($path, $text);
	chmod 0600, $path;
	return;
}

# In one session: the file changes between two statements of it.
my $change = <<'SQL';
SELECT attest_internal.tenant_key_fault(1, 1, 2, wrapped) FROM attest_data.tenant_key WHERE tenant_id = 1;
\! cp -p :keyring.first :keyring.tmp && mv :keyring.tmp :keyring
SELECT attest_internal.tenant_key_fault(1, 1, 2, wrapped) FROM attest_data.tenant_key WHERE tenant_id = 1;
\! cp -p :keyring.both :keyring.tmp && mv :keyring.tmp :keyring
SELECT attest_internal.tenant_key_fault(1, 1, 2, wrapped) FROM attest_data.tenant_key WHERE tenant_id = 1;
SQL
rewrite("$node->{keyring}.first", $first);
rewrite("$node->{keyring}.both", $both);
$change =~ s/:keyring/$node->{keyring}/g;
is(value($node, $db, 'postgres', $change), "\nKEK epoch 2 is not in the keyring\n",
	'a session uses a key no more that was taken out of the file, and finds it again');
$node->stop;
rewrite($node->{keyring}, "kek 1 active nonsense\n");
$node->start;
$node->wait_for_log(qr/the keyring of attest cannot be used: the keyring file cannot be read .*1 the key is not 32 bytes/);
pass('the server says at its start what is wrong with the keyring');
rewrite($node->{keyring}, $both);
is(name_of($node), 'Keralpha', 'and uses it once it is mended');

# --- a command ---

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $count = sub { return -e "$dir/runs" ? scalar(() = slurp_file("$dir/runs") =~ /\n/g) : 0 };
rewrite("$dir/keys", $both);
$node->append_conf('postgresql.conf', "attest.keyring_command = 'echo \$PPID >> $dir/runs; cat $dir/keys'\nattest.keyring_command_timeout = 2\n");
rename $node->{keyring}, "$node->{keyring}.away";
$node->restart;
is(name_of($node), 'Keralpha', 'a name opens with the keys that a command prints');
is($count->(), 1, 'it has run once');
name_of($node) for 1 .. 3;
is($count->(), 1, 'however many sessions use it');
is_refused(run_sql($node, $db, 'operator', 'SELECT attest.rotate_kek()'), 'TA310', 'adding an epoch to it');
is_refused(run_sql($node, $db, 'operator', 'SELECT attest.create_keyring()'), 'TA310', 'creating a file beside it');

sub reload
{
	my ($number) = @_;
	$node->reload;
	for (1 .. 100) { last if $count->() >= $number; select undef, undef, undef, 0.05 }
	select undef, undef, undef, 0.3;
	return;
}
my $third = $both =~ s/active/retiring/r . "kek 3 active AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE vzVfxgqsRsU\n";
rewrite("$dir/keys", $third);
reload(2);
is(value($node, $db, 'operator', 'SELECT attest.rotate_kek()'), 3, 'an epoch that the command has added is used after a reload');
is_refused(run_sql($node, $db, 'operator', q{SELECT attest.confirm_backup('b', clock_timestamp()); SELECT attest.retire_kek(2, '{postgres}')}),
	'TA310', 'retiring an epoch of it, once nothing needs it');
rewrite("$dir/keys", $third =~ s/^kek 2 .*\n//mr);
reload(3);
is(name_of($node), 'Keralpha', 'without that epoch a name opens still');
is(value($node, $db, 'operator', q{SELECT string_agg(epoch || ' ' || state, ',') FROM attest.kek_epochs()}), '1 retiring,3 active', 'it is gone');
rewrite("$dir/keys", 'nonsense');
reload(4);
$node->wait_for_log(qr/attest.keyring_command gave no keyring: line 1 of its output: it does not begin with kek/);
is(name_of($node), 'Keralpha', 'when it prints nonsense, the last keys stay in use');
$node->stop;
$node->append_conf('postgresql.conf', "attest.keyring_command = 'echo \$\$ > $dir/pid; exec sleep 30'\n");
$node->start;
is(run_sql($node, $db, 'operator', q{SELECT attest.issue_ticket('alpha', 'manager')})->{state}, 'TA309', 'a command that takes too long gives no keys');
$node->wait_for_log(qr/gave no keyring: it took longer than attest.keyring_command_timeout/);
my $pid = slurp_file("$dir/pid");
ok($pid > 0 && !kill(0, $pid), 'and is ended');
$node->stop;
$node->append_conf('postgresql.conf', "attest.keyring_command = 'cat $dir/keys; exit 3'\n");
rewrite("$dir/keys", $both);
$node->start;
$node->wait_for_log(qr/gave no keyring: it ended with status 3/);
is(run_sql($node, $db, 'operator', q{SELECT attest.issue_ticket('alpha', 'manager')})->{state}, 'TA309', 'nor one that fails');
is(value($node, $db, 'postgres', q{SELECT count(*) FROM attest.doctor() WHERE code = 'keyring_unusable'}), 1, 'the doctor says so');

done_testing();
