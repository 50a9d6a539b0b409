#!/usr/bin/perl
# Erasing reaches the backups: a base backup and its WAL from before an erasure, restored
# with every key that still exists, does not give the person back, and gives everybody
# else back once today's keys are imported.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('live', init => [ has_archiving => 1, allows_streaming => 1 ]);
my $db = 'school';
attest_database($node, $db);
my %tenant = map { ($_ => new_tenant($node, $db, $_)) } qw(alpha beta);

# A table of a user's own, with blind values.
value($node, $db, 'postgres', <<'SQL');
CREATE ROLE crm LOGIN IN ROLE attest_operator;
CREATE SCHEMA crm AUTHORIZATION crm;
GRANT USAGE ON SCHEMA crm TO app;
SET ROLE crm;
CREATE TABLE crm.card (tenant_id int NOT NULL, person uuid NOT NULL, nir attest.sealed, nir_blind bytea, PRIMARY KEY (tenant_id, person));
SELECT attest.protect('crm.card');
CALL attest.protect_columns('crm.card', 'person', '{nir}');
CALL attest.protect_blind('crm.card', 'nir', 'nir_blind');
GRANT SELECT, INSERT ON crm.card TO app;
SQL
my %nir = (learner => '265068699587047', second => '171110698745219');
for my $code (sort keys %tenant)
{
	my $stored = as_tenant($node, $db, 'app', ticket($node, $db, $code, 'manager'), q{INSERT INTO crm.card (person, nir)
	  VALUES (:'learner', attest.plain(:'nir_1')), (:'second', attest.plain(:'nir_2'))}, %{ $tenant{$code} }, nir_1 => $nir{learner}, nir_2 => $nir{second});
	ok($stored->{ok}, "$code: a table of a user holds sealed and blind values") or diag($stored->{err});
}

# Who is found by a NIR.
sub found
{
	my ($where, $code, $who) = @_;
	return opened($where, $code, qq{SELECT string_agg(person::text, ' ') FROM crm.card WHERE nir_blind = ANY (attest.blind_candidates('crm.card.nir', '$nir{$who}'))});
}

my $people = q{SELECT reference, last_name, first_name, birth_date, email FROM attest.people WHERE reference IS NOT NULL ORDER BY reference};

# What the manager of a tenant reads, or the error.
sub opened
{
	my ($where, $code, $query) = @_;
	my $result = as_tenant($where, $db, 'app', ticket($where, $db, $code, 'manager'), $query // $people);

	return $result->{ok} ? $result->{out} : $result->{err};
}

sub operator { return value($_[0], $db, 'operator', $_[1]) }

# A server from the base backup and the archived WAL, up to a moment, with a keyring.
sub restore
{
	my ($name, $backup, $until, $keyring) = @_;
	my $copy = PostgreSQL::Test::Cluster->new($name);

	$copy->init_from_backup($node, $backup, has_restoring => 1, standby => 0);
	$copy->append_conf('postgresql.conf', "attest.keyring_file = '$keyring'\narchive_mode = off\n");
	$copy->append_conf('postgresql.conf', "recovery_target_time = '$until'\nrecovery_target_action = promote\n") if $until;
	$copy->start;
	$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
	return $copy;
}

# --- before: a backup, and work after it that only the WAL holds ---

my %before = map { ($_ => opened($node, $_)) } sort keys %tenant;
like($before{alpha}, qr/^alpha-1\|Keralpha\|Une alpha\|1990-05-17\|une\@alpha\.example$/m, 'people are there');
$node->backup('before');
my $early_export = operator($node, 'SELECT attest.export_keys()');
my $late = as_tenant($node, $db, 'app', ticket($node, $db, 'alpha', 'manager'),
	q{SELECT attest.add_person('{"reference": "alpha-9", "profile": "learner", "last_name": "Le Tardif", "first_name": "Yann", "gender": "M"}')});
ok($late->{ok}, 'somebody is added after the backup') or diag($late->{err});
$before{alpha} = opened($node, 'alpha');
my $gone = $tenant{alpha}{learner};
my $old_name = value($node, $db, 'postgres', "SELECT last_name FROM attest_data.person WHERE person_id = '$gone'");
my $old_key = value($node, $db, 'postgres', "SELECT wrapped FROM attest_data.subject_key WHERE subject_id = '$gone'");
is(found($node, 'alpha', 'learner'), $gone, 'the person is found by their NIR');
my $old_blind = value($node, $db, 'postgres', "SELECT nir_blind FROM crm.card WHERE person = '$gone'");
my $old_export = operator($node, 'SELECT attest.export_keys()');
my $old_keyring = "$node->{keyring}.old";
system_or_bail('cp', '-p', $node->{keyring}, $old_keyring);
select undef, undef, undef, 0.1;
my $until = value($node, $db, 'postgres', 'SELECT clock_timestamp()');
select undef, undef, undef, 0.1;

# --- the erasure, and what makes it reach the backups ---

my $erase = q{SELECT attest.erase_person(:'who', 'GDPR art. 17', 'DPO')};
ok(as_tenant($node, $db, 'app', ticket($node, $db, 'alpha', 'manager'), $erase, who => $gone)->{ok}, 'a person is erased');
is(operator($node, q{SELECT attest.erasure_horizon('alpha') < now(), attest.erasure_horizon('beta') = now()}), 't|t',
	'the horizon of the tenant stands still, that of the other does not');
is(opened($node, 'alpha', 'SELECT waits_for FROM attest.erasures'),
	'key generation 1 of the tenant: attest.rotate_keys(); KEK epoch 1: attest.retire_kek()', 'the erasure says what it waits for');

my $segment = value($node, $db, 'postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver") or die 'the WAL is not archived';
my $proof = restore('proof', 'before', $until, $old_keyring);
is(opened($proof, 'alpha'), $before{alpha}, 'before that, a backup with the keyring of its time brings the person back');
my $early = run_sql($proof, $db, 'operator', q{SELECT erased FROM attest.import_keys(:'export')}, export => $early_export);
is($early->{out}, 0, 'an export that is older than what was restored is taken') or diag($early->{err});
is(opened($proof, 'alpha'), $before{alpha}, 'and who was added after it opens still');
$proof->stop;

operator($node, 'CALL attest.rotate_keys()');
is(found($node, 'alpha', 'second'), $tenant{alpha}{second}, 'another person is found by their NIR after the rotation');
is(found($node, 'alpha', 'learner'), '', 'the one who was erased is not');
my %after = map { ($_ => opened($node, $_)) } sort keys %tenant;
is($after{alpha}, join("\n", grep { !/^alpha-1\|/ } split /\n/, $before{alpha}), 'after the rotation all others are there');
is($after{beta}, $before{beta}, 'and the other tenant');
is(run_sql($node, $db, 'operator', q{SELECT attest.retire_kek(1, '{postgres}')})->{state}, 'TA312',
	'the epoch is not retired before a newer backup is confirmed');
my $started = value($node, $db, 'postgres', 'SELECT clock_timestamp()');
$node->backup('after');
operator($node, qq{SELECT attest.confirm_backup('after', '$started'); SELECT attest.retire_kek(1, '{postgres}')});
unlike(slurp_file($node->{keyring}), qr/^kek 1 (active|retiring)/m, 'the key of the epoch is out of the keyring');
is(operator($node, q{SELECT attest.erasure_horizon('alpha') = now()}), 't', 'the horizon has passed the erasure');
is(opened($node, 'alpha', 'SELECT count(*), count(waits_for) FROM attest.erasures'), '1|0', 'the erasure waits for nothing');
is(opened($node, 'alpha'), $after{alpha}, 'everybody opens still');
my $export = operator($node, 'SELECT attest.export_keys()');

# --- the old backup, with today's keyring ---

my $restored = restore('restored', 'before', $until, $node->{keyring});
my $refused = as_tenant($restored, $db, 'app', ticket($restored, $db, 'alpha', 'manager'), $people);
is_refused($refused, 'TA304', 'reading without importing keys', 'Keralpha');
like($refused->{err}, qr/KEK epoch 1 is not in the keyring/, 'the error names the missing key');
like($refused->{hint}, qr/import/, 'and says what to do');
is_refused(as_tenant($restored, $db, 'app', ticket($restored, $db, 'alpha', 'manager'), q{SELECT attest.seal('x', attest.uuid_v7(), 'p')}),
	'TA304', 'sealing without importing keys');
like(value($restored, $db, 'operator', q{SELECT string_agg(message, chr(32)) FROM attest.doctor() WHERE code = 'tenant_key_unreadable'}),
	qr/key generation 1 of tenant alpha: KEK epoch 1 is not in the keyring.*tenant beta/, 'the doctor names the keys');
is_refused(run_sql($restored, $db, 'operator', q{SELECT attest.import_keys(:'export')}, export => $old_export), 'TA304',
	'an export from before the erasure');
is_refused(run_sql($restored, $db, 'operator', q{SELECT attest.import_keys(:'export')}, export => $export =~ s/alpha/alphb/r), 'TA313',
	'an export that was changed');

# Whatever key there is, tried on what the backup holds: the tenant's old key opens with
# no epoch, and the person's old key with no key of a tenant.
my $tried = value($restored, $db, 'postgres', q{SELECT count(*), count(*) FILTER (WHERE f IS NULL) FROM attest_data.tenant_key k,
  attest_internal.keyring_epochs() e, LATERAL attest_internal.tenant_key_fault(k.tenant_id, k.generation, e.epoch, k.wrapped) f});
is($tried, '4|0', 'no epoch of the keyring opens a tenant key of the backup');

is(operator($restored, "SELECT erased FROM attest.import_keys(" . join(' || chr(10) || ', map { "\$e\$$_\$e\$" } split /\n/, $export) . ')'), 1,
	'the keys are imported, and one person is erased again');
is(opened($restored, 'alpha'), $after{alpha}, 'all others open');
is(opened($restored, 'beta'), $before{beta}, 'also of the other tenant');
is_refused(as_tenant($restored, $db, 'app', ticket($restored, $db, 'alpha', 'manager'), qq{SELECT attest.unseal('$old_name')}),
	'TA307', 'the old sealed name of the person', 'Keralpha');
is(value($restored, $db, 'postgres', "SELECT count(*) FROM attest_data.subject_key WHERE subject_id = '$gone'"), 0, 'there is no key of theirs');
is(opened($restored, 'alpha', qq{SELECT count(*) FROM attest_data.person p, jsonb_each_text(to_jsonb(p)) f
  WHERE p.person_id = '$gone' AND (f.value ~ '^att1:' OR f.value LIKE '%alpha%')}), 0, 'nor anything that names them');
is(found($restored, 'alpha', 'second'), $tenant{alpha}{second}, 'another person is found by their NIR');
is(found($restored, 'beta', 'learner'), $tenant{beta}{learner}, 'also in the other tenant');
is(found($restored, 'alpha', 'learner'), '', 'the one who was erased is not');
is(opened($restored, 'alpha', qq{SELECT '$old_blind' = ANY (attest.blind_candidates('crm.card.nir', '$nir{learner}'))}), 'f',
	'and no key of today makes the blind value that the backup holds of the right NIR');
is(value($restored, $db, 'postgres', qq{SELECT count(*) FROM crm.card WHERE nir_blind = '$old_blind'}), 0, 'which is gone from the restored table, too');
my $generations = value($restored, $db, 'postgres', q{SELECT string_agg(generation::text, ' ' ORDER BY generation) FROM attest_data.tenant_key
  WHERE tenant_id = 1 AND state <> 'destroyed'});
for my $generation (split / /, $generations)
{
	is_refused(as_tenant($restored, $db, 'postgres', ticket($restored, $db, 'alpha', 'manager'),
		qq{SELECT attest_internal.rewrap_subject_key('$gone', 1, $generation, '$old_key', $generation)}), 'TA305',
		"the person's key of the backup under tenant key $generation");
}
is($generations, '2', 'that was every tenant key there is');
is(value($restored, $db, 'operator', q{SELECT string_agg(code, ' ') FROM attest.doctor() WHERE code NOT IN ('worker_down')}), '',
	'the doctor finds nothing any more');
ok(as_tenant($restored, $db, 'app', ticket($restored, $db, 'alpha', 'manager'),
	q{SELECT attest.add_person('{"reference": "new", "profile": "learner", "last_name": "Neuf", "first_name": "N", "gender": "N"}')})->{ok},
	'work goes on in the restored database');
$restored->stop;

# --- a newer backup needs nothing ---

my $newer = restore('newer', 'after', undef, $node->{keyring});
is(opened($newer, 'alpha'), $after{alpha}, 'a backup from after the rotation opens as it is');
is(opened($newer, 'beta'), $before{beta}, 'also of the other tenant');

done_testing();
