# Sealed columns of users' own tables: written in every way, dumped and restored, found
# by blind values through rotations and erasures, and adopted from pgcrypto while in use,
# with the server killed in between.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('columns', conf => "fsync = on\n");
attest_database($node, 'crm');
my $alpha = new_tenant($node, 'crm', 'alpha');
my $beta = new_tenant($node, 'crm', 'beta');
my $dir = PostgreSQL::Test::Utils::tempdir();

value($node, 'crm', 'postgres', <<'SQL');
CREATE ROLE owner LOGIN IN ROLE attest_operator;
CREATE SCHEMA crm AUTHORIZATION owner;
GRANT USAGE ON SCHEMA crm TO app;
SQL
value($node, 'crm', 'owner', <<'SQL');
CREATE TABLE crm.client (
  tenant_id int NOT NULL, client_id uuid NOT NULL, person uuid NOT NULL, email attest.sealed, email_blind bytea, name attest.sealed,
  visits int NOT NULL DEFAULT 0, PRIMARY KEY (tenant_id, client_id));
CALL attest.protect_columns('crm.client', 'person', '{email,name}');
CALL attest.protect_blind('crm.client', 'email', 'email_blind');
CREATE INDEX client_email_idx ON crm.client (tenant_id, email_blind);
CREATE VIEW crm.clients WITH (security_invoker = true) AS
SELECT client_id, person, attest.unseal(email, person, 'crm.client.email') AS email, attest.unseal(name, person, 'crm.client.name') AS name, visits
FROM crm.client;
CREATE TRIGGER write INSTEAD OF INSERT OR UPDATE ON crm.clients FOR EACH ROW EXECUTE FUNCTION attest.write_view();
GRANT SELECT, INSERT, UPDATE, DELETE ON crm.client, crm.clients TO app;
SQL

sub as_manager
{
	my ($db, $tenant, $sql, %variable) = @_;

	return as_tenant($node, $db, 'app', ticket($node, $db, $tenant->{code}, 'manager'), $sql, %$tenant, %variable);
}

sub out
{
	my $result = as_manager(@_);

	die $result->{err} unless $result->{ok};
	return $result->{out};
}

# --- every way of writing ---

out('crm', $alpha, q{INSERT INTO crm.client (client_id, person, email, name)
  VALUES (:'learner', :'learner', attest.plain('une@marker.example'), attest.plain('Markerune')),
    (:'second', :'second', attest.plain('deux@marker.example'), attest.plain('Markerdeux'))});
is(out('crm', $alpha, q{INSERT INTO crm.client AS c (client_id, person, email)
  VALUES (:'learner', :'learner', attest.plain('premiere@marker.example'))
  ON CONFLICT (tenant_id, client_id) DO UPDATE SET email = EXCLUDED.email, visits = c.visits + 1;
  UPDATE crm.client SET name = attest.plain('Markersecond'), email = email WHERE client_id = :'second';
  SELECT email, name, visits FROM crm.clients ORDER BY name}),
	"deux\@marker.example|Markersecond|0\npremiere\@marker.example|Markerune|1", 'upsert and update');

my $row = "SELECT attest.uuid_v7() AS client_id, attest.uuid_v7() AS person, n || '\@marker.example' AS email, 'Marker' || n AS name";
my @copied = map { "$dir/copied.$_" } qw(text binary);
value($node, 'crm', 'postgres', "COPY ($row FROM generate_series(1, 200) n) TO '$copied[0]'");
value($node, 'crm', 'postgres', "COPY ($row FROM generate_series(201, 400) n) TO '$copied[1]' (FORMAT binary)");
out('crm', $alpha, "\\copy crm.clients (client_id, person, email, name) FROM '$copied[0]'");
out('crm', $alpha, "\\copy crm.clients (client_id, person, email, name) FROM '$copied[1]' (FORMAT binary)");
is(out('crm', $alpha, q{SELECT count(*), count(DISTINCT c.email), count(DISTINCT t.email_blind),
  bool_and(attest.is_sealed(t.name, t.person, 'crm.client.name')), bool_and(t.email_blind = attest.blind('crm.client.email', c.email))
  FROM crm.clients c JOIN crm.client t USING (client_id)}), '402|402|402|t|t', 'COPY through the view, as text and binary');
is_refused(as_manager('crm', $beta, q{INSERT INTO crm.client (client_id, person, email) VALUES (:'learner', :'learner', 'une@marker.example')}),
	'TA306', 'a clear text', 'une@marker.example');

# What was sealed cannot change places, by SQL nor on the disk.
is_refused(as_manager('crm', $alpha, q{UPDATE crm.client c SET email = o.email FROM crm.client o WHERE o.client_id <> c.client_id}),
	'TA343', 'values swapped between rows');
my $lifted = out('crm', $alpha, q{SELECT email FROM crm.client WHERE client_id = :'learner'});
is_refused(as_manager('crm', $beta, q{INSERT INTO crm.client (client_id, person, email) VALUES (:'theirs', :'theirs', :'lifted')},
	lifted => $lifted, theirs => $alpha->{learner}), 'TA305', 'a value lifted from another tenant');
my $swapped = run_sql($node, 'crm', 'postgres', q{BEGIN; SET LOCAL session_replication_role = replica;
  ALTER TABLE crm.client DROP CONSTRAINT email_is_sealed;
  UPDATE crm.client c SET email = o.email FROM crm.client o WHERE c.client_id = :'learner' AND o.client_id = :'second';
  SELECT attest.enter(:'ticket'); SELECT count(email) FROM crm.clients; ROLLBACK},
	%$alpha, ticket => ticket($node, 'crm', 'alpha', 'manager'));
is_refused($swapped, 'TA305', 'values swapped behind the back of attest', 'deux@marker.example');

# --- dumped and restored ---

my $everything = q{SELECT md5(string_agg(c::text, ',' ORDER BY client_id)), count(*) FROM crm.client c};
my $definitions = q{SELECT string_agg(fact, E'\n' ORDER BY fact) FROM (
  SELECT pg_get_triggerdef(oid) AS fact FROM pg_trigger WHERE tgrelid IN ('crm.client'::regclass, 'crm.clients'::regclass)
  UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crm.client'::regclass
  UNION ALL SELECT p::text FROM attest.protected_columns() p) f};
my $rows = value($node, 'crm', 'postgres', $everything);
my $facts = value($node, 'crm', 'postgres', $definitions);
my $opened = out('crm', $alpha, 'SELECT * FROM crm.clients ORDER BY client_id');
my @from = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');

command_ok([ 'pg_dump', @from, '-Fc', '-f', "$dir/crm.dump", 'crm' ], 'pg_dump');
command_ok([ 'pg_dump', @from, '--data-only', '-t', 'crm.client', '-f', "$dir/client.sql", 'crm' ], 'pg_dump of the data of the table');
unlike(slurp_file("$dir/client.sql"), qr/marker/i, 'it holds no clear text');
command_ok([ 'createdb', @from, 'copy' ], 'a second database');
command_ok([ 'pg_restore', @from, '--exit-on-error', '-d', 'copy', "$dir/crm.dump" ], 'pg_restore into it');
is(value($node, 'copy', 'postgres', $everything), $rows, 'restored: every value is equal, none sealed again');
is(value($node, 'copy', 'postgres', $definitions), $facts, 'restored: labels, triggers and CHECKs are equal');
is(out('copy', $alpha, 'SELECT * FROM crm.clients ORDER BY client_id'), $opened, 'restored: every value opens');
is(out('copy', $alpha, q{UPDATE crm.client SET name = attest.plain('Markerneu') WHERE client_id = :'learner'
  RETURNING attest.unseal(name, person, 'crm.client.name')}), 'Markerneu', 'restored: the trigger seals');
is(value($node, 'copy', 'operator', q{SELECT string_agg(code, ' ') FROM attest.doctor() WHERE code <> 'worker_down'}), '', 'restored: the doctor finds nothing');
value($node, 'copy', 'postgres', 'DELETE FROM crm.client');
command_ok([ 'psql', @from, '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', "$dir/client.sql" ], 'the data alone, past the trigger');
is(value($node, 'copy', 'postgres', $everything), $rows, 'every value is equal, blind values too');

# --- blind values through rotations and erasures ---

my $find = q{SELECT count(*) FROM crm.client WHERE email_blind = ANY (attest.blind_candidates('crm.client.email', :'email'))};
my $before = value($node, 'crm', 'postgres', q{SELECT email_blind FROM crm.client WHERE client_id = :'learner'}, %$alpha);
value($node, 'crm', 'operator', q{CALL attest.rotate_tenant_key('alpha')});
isnt(value($node, 'crm', 'postgres', q{SELECT email_blind FROM crm.client WHERE client_id = :'learner'}, %$alpha), $before,
	'a rotation of the tenant key changes blind values');
is(out('crm', $alpha, q{SELECT count(*) FROM crm.client t JOIN crm.clients c USING (client_id)
  WHERE t.email_blind = attest.blind('crm.client.email', c.email)}), 402, 'all of them');
is(out('crm', $alpha, $find, email => 'deux@marker.example'), 1, 'and they are found');
my $sealed = value($node, 'crm', 'postgres', q{SELECT md5(string_agg(email::text, '' ORDER BY client_id)) FROM crm.client});
value($node, 'crm', 'operator', q{CALL attest.reseal_people('alpha')});
isnt(value($node, 'crm', 'postgres', q{SELECT md5(string_agg(email::text, '' ORDER BY client_id)) FROM crm.client}), $sealed,
	'new keys of people seal the columns again');
is(value($node, 'crm', 'postgres', q{SELECT count(*) FROM crm.client, attest.sealed_info(email) i WHERE i.generation < 2}), 0, 'all of them');
is(out('crm', $alpha, 'SELECT * FROM crm.clients ORDER BY client_id'), $opened, 'and they open');
out('crm', $alpha, q{SELECT attest.erase_person(:'learner', 'asked for it', 'dpo')});
is(value($node, 'crm', 'postgres', q{SELECT email_blind IS NULL, email IS NULL FROM crm.client WHERE client_id = :'learner'}, %$alpha),
	't|f', 'an erasure takes the blind values');
is(out('crm', $alpha, $find, email => 'premiere@marker.example'), 0, 'the person is not found any more');
is_refused(as_manager('crm', $alpha, q{SELECT email FROM crm.clients WHERE client_id = :'learner'}), 'TA307', 'nor opened', 'premiere@');
is(out('crm', $alpha, $find, email => 'deux@marker.example'), 1, 'the others are');

# --- adoption while in use, with the server killed ---

my $pass = "$dir/passphrase";
append_to_file($pass, "an old passphrase\n");
chmod 0600, $pass;
my $count = 60_000;
value($node, 'crm', 'owner', <<'SQL');
CREATE TABLE crm.contact (
  tenant_id int NOT NULL, contact_id uuid NOT NULL DEFAULT attest.uuid_v7(), person uuid NOT NULL DEFAULT attest.uuid_v7(),
  phone bytea NOT NULL, number int NOT NULL, PRIMARY KEY (tenant_id, contact_id));
SELECT attest.protect('crm.contact');
GRANT SELECT, INSERT, UPDATE ON crm.contact TO app;
SQL
value($node, 'crm', 'postgres', qq{INSERT INTO crm.contact (tenant_id, person, phone, number)
  SELECT tenant_id, person_id, pgp_sym_encrypt('markerphone ' || n, 'an old passphrase', 's2k-mode=0'), n
  FROM (SELECT n, p.tenant_id, p.person_id, row_number() OVER (PARTITION BY n ORDER BY person_id) AS r
    FROM generate_series(1, $count) n, attest_data.person p WHERE p.anonymised_at IS NULL) x WHERE r = 1 + n % 7});
is(value($node, 'crm', 'postgres', 'SELECT count(*), count(DISTINCT tenant_id) FROM crm.contact'), "$count|2", 'values of two tenants');

my $adopt = "CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', '$pass')";
my $progress = q{SELECT state, next_block, blocks, rows_sealed FROM attest_data.adoption};
my $write = q{UPDATE crm.contact SET phone = pgp_sym_encrypt('markerphone ' || number, 'an old passphrase', 's2k-mode=0') WHERE number % 500 = :written;
  INSERT INTO crm.contact (person, phone, number) VALUES (:'second', pgp_sym_encrypt('markerphone ' || 1000000 + :written, 'an old passphrase', 's2k-mode=0'), 1000000 + :written)};
my $written = 0;
my ($kills, $midway, $reached) = (0, 0, 0);

sub progress { return split /\|/, run_sql($node, 'crm', 'postgres', $progress)->{out} || 'none|0|0' }

for my $kill (1 .. 8)
{
	my ($out, $err) = ('', '');
	my $call = do
	{
		local $ENV{PGAPPNAME} = 'adopting';
		IPC::Run::start([ 'psql', '-Xq', @from, '-d', 'crm', '-c', $adopt ], '>', \$out, '2>', \$err);
	};
	my $writing = as_manager('crm', $alpha, $write, written => $written + 1);
	$written++ if $writing->{ok};
	# Once it is some way further than at the last kill; the first time, anywhere.
	my ($state, $next, $blocks);
	for (1 .. 100)
	{
		($state, $next, $blocks) = progress();
		last if $kill == 1 || $state eq 'done' || $next > $reached;
		$call->pump_nb;
	}
	my $pid = run_sql($node, 'crm', 'postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'adopting'})->{out};
	kill 'KILL', $pid if $pid;
	$kills++ if $pid;
	$call->finish;
	# Not through a pipe: a psql that finds no server does not read its input.
	for (1 .. 300)
	{
		last if run_log([ 'psql', '-Xq', '-o', '/dev/null', @from, '-d', 'crm', '-c', 'SELECT true' ]);
		select undef, undef, undef, 0.1;
	}
	($state, $reached, $blocks) = progress();
	$midway++ if $state eq 'running' && $reached > 0 && $reached < $blocks;
	last if $state eq 'done' || $reached > 0.7 * $blocks;
}
cmp_ok($kills, '>=', 3, "the server was killed $kills times under attest.adopt()");
cmp_ok($midway, '>=', 1, "$midway times in the middle of the table");

is(value($node, 'crm', 'postgres', q{SELECT state FROM attest_data.adoption}), 'running', 'it has not ended');
is(value($node, 'crm', 'postgres', q{SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'crm.contact'::regclass AND attname = 'phone'}),
	'bytea', 'the old column is there');
value($node, 'crm', 'postgres', $adopt);
is(value($node, 'crm', 'postgres', q{SELECT state, next_block = blocks FROM attest_data.adoption}), 'done|t', 'called again, it ends');
is(value($node, 'crm', 'postgres', q{SELECT count(*), count(phone), bool_and(attest.is_sealed(phone, person, 'crm.contact.phone')) FROM crm.contact}),
	join('|', ($count + $written) x 2, 't'), 'every value is sealed, those written meanwhile too');
for my $tenant ($alpha, $beta)
{
	is(out('crm', $tenant, q{SELECT count(*) FROM crm.contact WHERE attest.unseal(phone, person, 'crm.contact.phone') <> 'markerphone ' || number}),
		0, "$tenant->{code}: each opens to what it was");
}
is_refused(as_manager('crm', $alpha, q{INSERT INTO crm.contact (person, phone, number) VALUES (:'second', '\\x1234', 1)}), 'TA306', 'the old way of writing');
is(out('crm', $alpha, q{INSERT INTO crm.contact (person, phone, number) VALUES (:'second', attest.plain('markerphone new'), 1)
  RETURNING attest.unseal(phone)}), 'markerphone new', 'the new one');

# A column in clear leaves nothing behind in the files of the table.
value($node, 'crm', 'owner', <<'SQL');
CREATE TABLE crm.remark (tenant_id int NOT NULL, person uuid NOT NULL, remark text, PRIMARY KEY (tenant_id, person));
GRANT SELECT ON crm.remark TO app;
SQL
value($node, 'crm', 'postgres', q{INSERT INTO crm.remark SELECT tenant_id, person_id, 'Markerremark ' || person_id FROM attest_data.person WHERE anonymised_at IS NULL});
sub in_files
{
	value($node, 'crm', 'postgres', 'CHECKPOINT');
	my $path = value($node, 'crm', 'postgres', q{SELECT pg_relation_filepath('crm.remark')});

	return slurp_file($node->data_dir . "/$path") =~ /Markerremark/ ? 1 : 0;
}
is(in_files(), 1, 'a clear column is in the files of its table');
value($node, 'crm', 'owner', q{CALL attest.adopt('crm.remark', 'remark', 'clear', 'person')});
is(in_files(), 0, 'once adopted, nothing of it is');
is(out('crm', $beta, q{SELECT count(*) FROM crm.remark WHERE attest.unseal(remark, person, 'crm.remark.remark') = 'Markerremark ' || person}), 4, 'and it opens');

my $log = slurp_file($node->logfile);
unlike($log, qr/an old passphrase|markerphone \d|premiere\@marker/, 'the server log holds no passphrase and no value');

$node->stop;
done_testing();
