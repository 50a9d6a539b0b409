#!/usr/bin/perl
# What is sealed is nowhere in clear.  Markers are written through every path, as bind
# parameters, on a server that logs every statement and duration under the settings that
# attest.doctor() asks for.  Then everything that the server leaves behind is searched:
# the data directory with heap, WAL and temporary files, its log, a dump, a base backup,
# the statistics.  One marker lies in a table in clear: a search that finds it, and it
# only, finds what is there.
#
# The client is pgbench in its extended mode: it binds its variables.
use strict;
use warnings;

use Attest;
use File::Find ();
use IPC::Run ();
use JSON::PP ();
use MIME::Base64 ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('plaintext', conf => <<'CONF');
shared_preload_libraries = 'attest, pg_stat_statements'
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
log_statement = all
log_min_duration_statement = 0
log_duration = on
log_lock_waits = on
log_temp_files = 0
wal_level = replica
max_wal_senders = 4
wal_keep_size = 1GB
CONF
my $db = 'school';
attest_database($node, $db);
my $school = new_tenant($node, $db, 'alpha');
value($node, $db, 'postgres', 'CREATE EXTENSION pg_stat_statements');

# --- markers ---

# A marker is a word that nothing else holds; its name says which path it was written by.
my %marker;
sub marker { my ($path) = @_; return $marker{$path} = "Zqv${path}kwj" }

my %nir = (added => '270034410912385', imported => '253072B07300470', refused => '295109912611199', copied => '184019711000199');

# Words in any case, their hexadecimal, and their base64 at the three places of a group.
sub forms_of
{
	my ($word) = @_;
	my @base64 = map { substr MIME::Base64::encode_base64(('x' x $_) . $word, ''), $_ ? 4 : 0, int(length($word) / 3) * 4 - 4 } 0 .. 2;

	return map { quotemeta } @base64;
}

my $proof = 'Zqvplantedkwj';

sub found_in
{
	my ($text) = @_;
	my %found;
	my $numbers = join '|', values %nir;
	my $encoded = join '|', map { forms_of($_) } values %marker;

	$found{ lc $1 } = 1 while $text =~ /(zqv[a-z0-9]{1,24}kwj)/gi;
	$found{ pack 'H*', lc $1 } = 1 while $text =~ /(5a7176(?:[0-9a-f]{2}){1,24}6b776a)/gi;
	$found{$1} = 1 while $text =~ /($numbers)/g;
	if ($encoded) { $found{"base64 $1"} = 1 while $text =~ /($encoded)/g }
	return %found;
}

# Every file below the paths, as one list of what was found in them.
sub found_below
{
	my ($count, %found) = (0);

	File::Find::find({ no_chdir => 1, wanted => sub {
		return unless -f $_;
		$count++;
		my %in = found_in(eval { slurp_file($_) } // '');
		$found{$_} = $File::Find::name for keys %in;
	} }, @_);
	return ($count, %found);
}

sub only_the_proof
{
	my ($name, %found) = @_;
	my $ok = is((join ' ', sort keys %found), lc $proof, "$name: the marker in clear, and no other");

	diag("$_: " . ($found{$_} // "")) for $ok ? () : grep { $_ ne lc $proof } sort keys %found;
	return $ok;
}

# --- paths ---

our $ticket = ticket($node, $db, 'alpha', 'manager');
my $scripts = PostgreSQL::Test::Utils::tempdir();
as_tenant($node, $db, 'app', $ticket, q{SELECT attest.set_field_policy('learner', f, 'optional')
	FROM unnest(ARRAY['job_sought', 'service', 'professional_status', 'comments']) f});

# bound(script, variable => value): runs the script as the app (or the role AS) within a
# transaction of the tenant, every variable a bind parameter.  Returns what pgbench complained of.
sub bound
{
	my ($script, %variable) = @_;
	my ($out, $err) = ('', '');
	my $role = delete $variable{AS} // 'app';
	my $enter = $ticket ? "SELECT attest.enter(:ticket);\n" : '';
	$variable{ticket} = $ticket if $ticket;
	my @with = map { ('-D', "$_=$variable{$_}") } sort keys %variable;

	open my $file, '>', "$scripts/run" or die $!;
	print $file "BEGIN;\n$enter$script;\nCOMMIT;\n";
	close $file;
	my $ok = IPC::Run::run([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-f', "$scripts/run", @with,
		'-h', $node->host, '-p', $node->port, '-U', $role, $db ], '>', \$out, '2>', \$err);
	return $ok ? '' : $err =~ /(ERROR: .*)/s ? $1 : "pgbench: $err";
}

sub done { my ($name, @call) = @_; return is(bound(@call), '', "written: $name") }
sub refused { my ($name, $message, @call) = @_; return like(bound(@call), $message, "refused: $name") }

# The fields of a person that take any text, and those that are sealed and take a code.
sub person
{
	my ($path, %more) = @_;
	my %takes = map { ($_ => 1) } split /\n/, value($node, $db, 'app', 'SELECT name FROM attest.import_columns()');
	my %details = (reference => "ref-$path", profile => 'learner', gender => 'F', birth_date => '1980-02-29',
		parental_date => '1997-01-05', %more);

	for my $field (grep { $takes{$_} } qw(last_name first_name birth_name birth_place phone mobile address diploma training_goal
		job_sought employer_name job_title parents_birth_place service professional_status comments parental_reference))
	{
		$details{$field} //= marker("$path$field" =~ s/_//gr);
	}
	$details{parental_date} //= '2020-01-31' if $takes{parental_date};
	$details{$_} //= lc(marker("$path$_" =~ s/_//gr)) . '@example.org' for grep { $takes{$_} } qw(email other_email);
	return \%details;
}

sub json { return JSON::PP->new->canonical->encode($_[0]) }

done('all fields allowed', q{SELECT attest.set_field_policy(r.profile, r.field, 'optional') FROM attest.field_rules('{learner}') r WHERE r.rule = 'forbidden'});

my $literal = q{SELECT attest.add_person(:details::jsonb)};
done('a person added', $literal, details => json(person('added', nir => $nir{added})));
refused('a NIR with a wrong key', qr/key of the social security number/, $literal, details => json(person('wrongnir', nir => $nir{refused})));
refused('JSON that is cut off', qr/invalid input syntax for type json/, $literal, details => substr json(person('cut')), 0, -9);
refused('an unknown field', qr/not acceptable/, $literal, details => json({ %{ person('unknown') }, marker('key') => 'x' }));

sub csv { my @people = @_; my @names = sort keys %{ $people[0] }; return join "\n", join(',', @names), map { my $p = $_; join ',', map { qq{"$p->{$_}"} } @names } @people }

my $import = q{SELECT * FROM attest.import_people(:file)};
my @good = (person('imported', nir => $nir{imported}), person('importedbad', nir => $nir{refused}));
done('people imported, one of them rejected', $import, file => csv(@good));
refused('a file that is no CSV', qr/CSV/, $import, file => csv(person('broken')) . qq{\n"Zqvunclosedkwj});
refused('a file without a header', qr/columns/, $import, file => marker('head') . ',' . marker('headtwo') . "\n");

my %of = map { ($_ => $school->{$_}) } qw(learner second trainer slot past_slot);
done('a sealed value', q{CREATE TEMP TABLE t ON COMMIT DROP AS SELECT attest.seal(:text, :learner::uuid, 'note.text') AS sealed},
	%of, text => marker('sealed'));
refused('a purpose too long', qr/not acceptable/, q{SELECT attest.seal(:text, :learner::uuid, :purpose)}, %of,
	text => marker('purpose'), purpose => marker('purposename') x 4);
refused('an error beside a marker', qr/division by zero/, q{SELECT attest.seal(:text, :learner::uuid, 'p'), 1 / (length(:text) - length(:text))},
	%of, text => marker('divided'));
refused('a plain text for a sealed value', qr/not a sealed value/, q{SELECT :text::attest.sealed}, text => marker('cast'));
done('a reason of absence', q{SELECT attest.record_presence(:past_slot::uuid, :second::uuid, 'absent', :reason)}, %of, reason => marker('absence'));
done('a hold', q{SELECT attest.place_hold(:learner::uuid, :reason)}, %of, reason => marker('hold'));
done('the end of a hold', q{SELECT attest.lift_hold(:learner::uuid, :reason)}, %of, reason => marker('lift'));
done('an objection', q{SELECT attest.object(:learner::uuid)}, %of);
done('a signature', q{SELECT attest.sign(:slot::uuid, :learner::uuid, :capture::attest.signature)}, %of, capture => signature('s03-1', 'png'));
refused('a signature that is none', qr/cannot be read/, q{SELECT attest.sign(:slot::uuid, :second::uuid, :capture::attest.signature)}, %of,
	capture => marker('capture'));

# --- the register, imports, secrets ---

done('a person changed', q{SELECT attest.change_person(:second::uuid, :changes::jsonb)}, %of,
	changes => json({ last_name => marker('changed'), address => marker('moved') }));
refused('a change to a wrong NIR', qr/key of the social security number/, q{SELECT attest.change_person(:second::uuid, :changes::jsonb)}, %of,
	changes => json({ nir => $nir{refused} }));
done('a search by name', q{SELECT * FROM attest.find_people(:query, 10)}, query => $marker{addedlastname});
done('a search for nobody', q{SELECT * FROM attest.find_people(:query, 10)}, query => marker('nobody'));
done('a blind value', q{SELECT attest.blind('person.nir', :value)}, value => $nir{added});
done('a search for duplicates', q{SELECT * FROM attest.find_duplicates(:details::jsonb)}, details => json(person('double', nir => $nir{added})));
refused('the same person again', qr/in the register already/, $literal, details => json(person('again', nir => $nir{added})));
done('details read', q{SELECT * FROM attest.person_details(:second::uuid)}, %of);
done('an import staged, checked, loaded', q{SELECT attest.open_import('json') AS import
\gset
SELECT attest.stage_rows(:import::uuid, :file);
SELECT * FROM attest.check_import(:import::uuid);
SELECT * FROM attest.load_import(:import::uuid);
SELECT length(attest.rejected_rows(:import::uuid))}, file => join "\n", map { json($_) } person('staged'), person('stagedbad', nir => $nir{refused}));
done('people merged', q{SELECT attest.merge_people(:learner::uuid, p.person_id, :reason) FROM attest_data.person p WHERE p.reference = 'ref-staged'}, %of,
	reason => marker('merged'));

# --- attendance, follow-up, ESF ---

done('a dispute', q{SELECT attest.dispute(:past_slot::uuid, :learner::uuid, :reason)}, %of, reason => marker('dispute'));
done('a document and its decision', q{SELECT attest.submit_justification(:past_slot::uuid, :second::uuid, 'medical', convert_to(:document, 'UTF8')) AS paper
\gset
SELECT attest.decide_justification(:paper::uuid, true, :reason);
SELECT length(attest.open_justification(:paper::uuid))}, %of, document => marker('document'), reason => marker('decision'));
refused('a motive that is none', qr/not accepted/, q{SELECT attest.submit_justification(:past_slot::uuid, :second::uuid, :motive, '\x00')}, %of, motive => marker('motive'));

my %followed = (operation => $school->{operation}, values_of(as_tenant($node, $db, 'app', $ticket, <<'SQL')));
SELECT 'organisation=' || attest.create_organisation('CD', 'Service', 'departement', '2020-01-01');
SELECT 'referent=' || attest.add_person('{"reference": "referent", "profile": "department_referent", "last_name": "R", "first_name": "R"}');
SQL
value($node, $db, 'operator', q{SELECT attest.create_account('alpha', 'referent', 'department_referent', :'referent')}, referent => $followed{referent});
done('a caseload', q{SELECT attest.join_organisation(:referent::uuid, :organisation::uuid, '2020-01-01'), attest.assign_case(:referent::uuid, :second::uuid, '2020-01-01'),
	attest.record_situation(:second::uuid, '2026-02-02', '{"rights": "open", "obliged": true, "entered_on": "2026-02-01", "couple": false, "children": false}')}, %of, %followed);
{
	local $ticket = ticket($node, $db, 'alpha', 'referent');

	done('an interaction, corrected and read', q{SELECT attest.record_interaction(:second::uuid, 'comment', :content) AS said
\gset
SELECT attest.record_interaction(:second::uuid, 'comment', :better, corrects => :said::uuid, reason => :reason);
SELECT * FROM attest.read_interactions(:second::uuid)}, %of, content => marker('interaction'), better => marker('interactionbetter'), reason => marker('interactionreason'));
	refused('an interaction of no kind', qr/not accepted/, q{SELECT attest.record_interaction(:second::uuid, :kind, :content)}, %of,
		kind => marker('kind'), content => marker('interactionlost'));
	done('an activity, corrected', q{SELECT attest.record_activity(:second::uuid, 'interview', 60, day => '2026-03-24', proof => :proof, note => :note) AS activity
\gset
SELECT attest.record_activity(:second::uuid, 'interview', 50, day => '2026-03-24', corrects => :activity::uuid, reason => :reason)}, %of,
		proof => marker('proof'), note => marker('note'), reason => marker('activityreason'));
	refused('an activity of no kind', qr/not accepted/, q{SELECT attest.record_activity(:second::uuid, :kind, 60, day => '2026-03-24', note => :note)}, %of,
		kind => marker('activitykind'), note => marker('activitynote'));
	done('an orientation and a contract, corrected; a period', q{SELECT attest.orient(:second::uuid, :organisation::uuid, '2026-03-09', 'social') AS orientation
\gset
SELECT attest.orient(:second::uuid, :organisation::uuid, '2026-03-10', 'social', corrects => :orientation::uuid, reason => :oriented);
SELECT attest.sign_contract(:second::uuid, :organisation::uuid, '2026-03-20', '2026-03-23', '2026-12-31', weekly_minutes => 900) AS contract
\gset
SELECT attest.sign_contract(:second::uuid, :organisation::uuid, '2026-03-20', '2026-03-23', '2026-12-31', weekly_minutes => 900, corrects => :contract::uuid, reason => :signed);
SELECT attest.record_period(:second::uuid, 'exemption', 'carer', '2026-04-01', '2026-04-03', requested_on => '2026-03-25', decided_on => '2026-03-26', proof => :proof)}, %of, %followed,
		oriented => marker('oriented'), signed => marker('signed'), proof => marker('periodproof'));
	refused('a ground that is none', qr/closed list/, q{SELECT attest.sign_contract(:second::uuid, :organisation::uuid, '2026-03-20', '2027-01-01', '2027-12-31',
		weekly_minutes => 60, ground => :ground)}, %of, %followed, ground => marker('ground'));
	done('the file read', q{SELECT * FROM attest.followup_file(:second::uuid)}, %of);
}
done('a record cancelled', q{SELECT attest.record_activity(:second::uuid, 'workshop', 60, day => '2026-03-25') AS activity
\gset
SELECT attest.cancel_record('activity', :activity::uuid, :reason)}, %of, reason => marker('cancelled'));

done('a participation, corrected', q{SELECT attest.record_participation(:operation::uuid, :second::uuid, '{"entry": "2024-03-01", "status_entry": "inactive"}') AS participation
\gset
SELECT attest.correct_participation(:participation::uuid, '{"isced": 3}', :reason);
SELECT * FROM attest.participation_history}, %of, %followed, reason => marker('corrected'));
for my $facts ({ entry => '2024-03-01', status_entry => marker('fact') }, { entry => '2024-03-01', marker('factname') => 'x' }, { entry => marker('factday') })
{
	refused('facts of a participation', qr/ERROR/, q{SELECT attest.record_participation(:operation::uuid, :learner::uuid, :facts::jsonb)}, %of, %followed, facts => json($facts));
}
my @columns = split /\n/, value($node, $db, 'app', 'SELECT unnest(attest.esf_columns())');
my $participations = q{SELECT * FROM attest.import_participations('alpha-fse', :file)};
refused('a file of other columns', qr/columns/, $participations, file => marker('esfhead') . ';x');
done('a file of participations, all wrong', $participations, file => join "\n", join(',', @columns), join ',', map { marker("esfcell$_") } 1 .. @columns);

# As an operator: what the accounts of people know.
sub as_operator
{
	my ($script, %variable) = @_;
	local $ticket = '';

	return bound($script, AS => 'operator', %variable);
}
is(as_operator(q{SELECT attest.set_secret('alpha', 'trainer', :secret)}, secret => marker('secret') . ' horse battery staple'), '', 'written: a secret');
like(as_operator(q{SELECT attest.set_secret('alpha', 'trainer', :secret)}, secret => 'ZqvwkwjZqv'), qr/too weak/, 'refused: a weak secret');
is(as_operator(q{SELECT attest.login('alpha', 'trainer', :secret)}, secret => marker('guess')), '', 'tried: a wrong secret');

# Rows copied by a client, in a transaction of the tenant.
sub copied
{
	my ($into, @rows) = @_;

	open my $file, '>', "$scripts/copy" or die $!;
	print $file map { "$_\n" } @rows;
	close $file;
	return as_tenant($node, $db, 'app', $ticket, "\\copy $into FROM '$scripts/copy' (FORMAT csv)");
}
# --- a table of a user, under attest.protect_columns() ---

value($node, $db, 'postgres', $_) for 'CREATE ROLE crm LOGIN IN ROLE attest_operator; CREATE SCHEMA crm AUTHORIZATION crm; GRANT USAGE ON SCHEMA crm TO app', <<'SQL';
SET ROLE crm;
CREATE TABLE crm.client (tenant_id int NOT NULL, client_id int NOT NULL, person uuid, name attest.sealed, note attest.sealed,
  visits int CHECK (visits >= 0), PRIMARY KEY (tenant_id, client_id));
CALL attest.protect_columns('crm.client', 'person', '{name,note}');
GRANT SELECT, INSERT, UPDATE, DELETE ON crm.client TO app;
CREATE VIEW crm.clients WITH (security_invoker = true) AS SELECT client_id, person, attest.unseal(name, person, 'crm.client.name') AS name,
  attest.unseal(note, person, 'crm.client.note') AS note, visits, tenant_id FROM crm.client;
CREATE TRIGGER write INSTEAD OF INSERT OR UPDATE OR DELETE ON crm.clients FOR EACH ROW EXECUTE FUNCTION attest.write_view();
GRANT SELECT, INSERT, UPDATE, DELETE ON crm.clients TO app;
SQL
my $insert = q{INSERT INTO crm.client (client_id, person, name, note, visits) VALUES (:id::int, :learner::uuid, attest.plain(:name), attest.plain(:note), :visits::int)};
done('a row', $insert, %of, id => 1, name => marker('rowname'), note => marker('rownote'), visits => 1);
done('an upsert', "$insert ON CONFLICT (tenant_id, client_id) DO UPDATE SET name = EXCLUDED.name, note = client.note", %of, id => 1, name => marker('upsert'), note => marker('unused'), visits => 1);
done('an update', q{UPDATE crm.client SET note = attest.plain(:note) WHERE client_id = 1}, note => marker('updated'));
done('an update through the view', q{UPDATE crm.clients SET note = :note WHERE client_id = 1}, note => marker('viewed'));
done('a row through the view', q{INSERT INTO crm.clients (client_id, person, name) VALUES (2, :learner::uuid, :name)}, %of, name => marker('inserted'));
refused('a row that a CHECK refuses', qr/violates check constraint/, $insert, %of, id => 3, name => marker('checked'), note => marker('checkednote'), visits => -1);
refused('a row that is there', qr/duplicate key/, $insert, %of, id => 1, name => marker('twice'), note => marker('twicenote'), visits => 1);
refused('a plain text in a sealed column', qr/not a sealed value/, q{INSERT INTO crm.client (client_id, person, name) VALUES (4, :learner::uuid, :name)}, %of, name => marker('unsealed'));
refused('a text for nobody', qr/ERROR/, q{INSERT INTO crm.client (client_id, name) VALUES (5, attest.plain(:name))}, name => marker('ofnobody'));

is(copied('crm.clients (client_id, person, name, note)', map { "$_,$of{learner}," . marker("copied${_}a") . ',' . marker("copied${_}b") } 10 .. 13)->{err}, '', 'written: COPY through the view');
isnt(copied('crm.client (client_id, person, name)', "20,$of{learner}," . marker('copiedplain'))->{err}, '', 'refused: COPY of plain texts into the table');
isnt(copied('crm.clients (client_id, person, name, visits)', "21,$of{learner}," . marker('copiedchecked') . ',-1')->{err}, '', 'refused: COPY that a CHECK refuses');
isnt(copied('crm.clients (client_id, person, name)', "x,$of{learner}," . marker('copiedtype'))->{err}, '', 'refused: COPY of a wrong number, beside a marker');

# Encrypted by pgcrypto, and adopted: the passphrase comes from a file.
my $passphrase = marker('passphrase');
append_to_file("$scripts/pass", "$passphrase\n");
chmod 0600, "$scripts/pass";
value($node, $db, 'postgres', 'SET ROLE crm; CREATE TABLE crm.contact (tenant_id int NOT NULL, person uuid NOT NULL, phone bytea, PRIMARY KEY (tenant_id, person)); GRANT INSERT ON crm.contact TO app');
done('a value of pgcrypto', q{INSERT INTO crm.contact SELECT :tenant::int, :learner::uuid, public.pgp_sym_encrypt(:phone, :pass)}, %of,
	tenant => $school->{id}, phone => marker('adopted'), pass => $passphrase);
value($node, $db, 'crm', q{CALL attest.adopt('crm.contact', 'phone', 'pgp_sym', 'person', :'file')}, file => "$scripts/pass");
is(as_tenant($node, $db, 'postgres', $ticket, q{SELECT attest.unseal(phone, person, 'crm.contact.phone') FROM crm.contact})->{out}, $marker{adopted}, 'and it opens');

# The context of these errors would quote the row, to the client too.

value($node, $db, 'postgres', 'CREATE TABLE holder (name attest.sealed, nir attest.nir); GRANT INSERT ON holder TO app');
for my $case ([ 'name', marker('copiedname'), 'TA306' ], [ 'nir', $nir{copied}, 'TA322' ])
{
	my $result = copied("holder ($case->[0])", $case->[1]);

	is($result->{state}, $case->[2], "COPY of a plain $case->[0] is refused: $case->[2]");
	ok(index($result->{err}, $case->[1]) < 0, '  and the error does not repeat it') or diag($result->{err});
}

# --- the proof that a search finds: one marker in clear, in each place ---

value($node, $db, 'postgres', "CREATE TABLE clear AS SELECT '$proof' || repeat(' ', 20) || n AS name FROM generate_series(1, 3000) n; ANALYZE clear");
value($node, $db, 'postgres', "CREATE TABLE often AS SELECT '$proof'::text AS name FROM generate_series(1, 3000); ANALYZE");

# --- many people: sorted, hashed, held in cursors, with little memory ---

# Little memory for an import too: what it reads must not go to disk on its way.
sub temporary_bytes { return value($node, $db, 'postgres', 'SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()') }

my $made = temporary_bytes();
for my $part (0 .. 4)
{
	my @crowd = map { { reference => "crowd-$_", profile => 'learner', gender => 'M', birth_date => '1970-01-01', last_name => "Zqvcrowd${_}kwj", first_name => 'x' x 40 } }
	  $part * 600 + 1 .. $part * 600 + 600;
	done("six hundred people imported, part $part", "SET LOCAL work_mem = '64kB';\n$import", file => csv(@crowd));
}
{
	my @crowd = map { { reference => "staged-$_", profile => 'learner', gender => 'M', birth_date => '1970-01-01', last_name => "Zqvstaged${_}kwj", first_name => 'x' x 40 } } 1 .. 700;
	done('seven hundred people staged and loaded', q{SET LOCAL work_mem = '64kB';
SELECT attest.open_import('csv') AS import
\gset
SELECT attest.stage_rows(:import::uuid, :file);
SELECT * FROM attest.check_import(:import::uuid);
SELECT * FROM attest.load_import(:import::uuid);
SELECT length(attest.rejected_rows(:import::uuid))}, file => csv(@crowd));
}
{
	my $many = q{INSERT INTO crm.client (client_id, person, name, note) SELECT n, :learner::uuid, name, attest.plain(repeat('x', 40))
	  FROM (SELECT n, attest.plain('Zqv' || n || 'kwj') AS name FROM generate_series(1000, 4000) n OFFSET 0) s ORDER BY md5(n::text)};
	done('many rows sorted on their way', "SET LOCAL work_mem = '64kB';\n$many", %of);
	refused('so many that they do not fit', qr/do not fit into memory/, "SET LOCAL work_mem = '64kB'; SET LOCAL attest.opened_memory = '64kB';\n$many", %of);
}
is(temporary_bytes(), $made, 'and none of these wrote a temporary file');

# What is read from a paused query is what the files of it hold meanwhile.
sub while_paused
{
	my ($role, $sql, $look) = @_;
	my ($in, $out, $err) = ("SET work_mem = '64kB';\n$sql;\n\\echo paused\nSELECT pg_sleep(60);\n", '', '');
	my $psql = IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-U', $role, '-d', $db, '-v', "ticket=$ticket", '-v', 'VERBOSITY=verbose' ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));

	$psql->pump until $out =~ /paused/ || !$psql->pumpable;
	my @seen = $look->();
	# The backend would sleep on, and keep its files.
	value($node, $db, 'postgres', q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60);'});
	$psql->kill_kill;
	return ($err, @seen);
}

sub temporary_files
{
	my @files = glob($node->data_dir . '/base/pgsql_tmp/*');

	return (scalar(@files), @files ? found_below(@files) : (0));
}

my $enter = q{BEGIN; SELECT attest.enter(:'ticket') \gset};
my ($err, $files, $read, %found) = while_paused('postgres', 'BEGIN; DECLARE c CURSOR FOR SELECT name FROM clear ORDER BY name || 1; FETCH c', \&temporary_files);
cmp_ok($files, '>', 0, 'a sort of a table in clear makes temporary files');
only_the_proof('its temporary files', %found);

($err, $files, $read, %found) = while_paused('app', "$enter\nDECLARE c CURSOR FOR SELECT last_name, first_name FROM attest_data.person ORDER BY created_at, person_id; FETCH c", \&temporary_files);
cmp_ok($files, '>', 0, 'a sort of sealed values makes temporary files');
is((join ' ', keys %found), '', '  which hold nothing in clear');

my %queries = (
	'a sort by an opened name' => 'SELECT last_name, first_name FROM attest.people ORDER BY last_name',
	'a sort of opened values' => 'SELECT last_name, first_name FROM attest.people ORDER BY reference, gender',
	'distinct opened names' => 'SELECT DISTINCT last_name FROM attest.people',
	'a join over opened names' => 'SELECT a.last_name FROM attest.people a JOIN attest.people b ON a.last_name = b.last_name',
	'opened columns of a table of a user' => 'SELECT c.name, c.note, n FROM crm.clients c, generate_series(1, 1000) n WHERE c.client_id < 100 ORDER BY n, 1',
	'a search by name' => 'SELECT * FROM attest.find_people(\'zqvcrowd\', 1000) ORDER BY last_name',
	'an opened CTE' => 'WITH p AS MATERIALIZED (SELECT last_name, first_name FROM attest.people) SELECT a.last_name FROM p a ORDER BY 1',
);
for my $name (sort keys %queries)
{
	($err, $files) = while_paused('app', "$enter\nDECLARE c SCROLL CURSOR FOR $queries{$name}; MOVE ALL IN c; MOVE FIRST IN c", \&temporary_files);
	is("$err$files", '0', "$name stays in memory");
	($err, $files) = while_paused('app', "$enter\nSET LOCAL attest.opened_memory = '64kB';\nDECLARE c SCROLL CURSOR FOR $queries{$name}; MOVE ALL IN c", \&temporary_files);
	like($err, qr/TA317/, '  with too little of it, it is refused');
	is($files, 0, '  and leaves no file');
}

# --- while a call runs, and in the statistics ---

sub in_views
{
	my $views = value($node, $db, 'postgres', q{SELECT format('%I.%I', schemaname, viewname) FROM pg_views
	  WHERE schemaname = 'pg_catalog' AND viewname ~ '^pg_(stat|cursors|prepared|locks|settings)' OR viewname ~ '^pg_stat_statements' ORDER BY 1});
	my $all = join "\n", map { value($node, $db, 'postgres', "SELECT v::text FROM $_ v /* $proof */") } split /\n/, $views;

	return (scalar(split /\n/, $views), found_in($all));
}

open my $file, '>', "$scripts/sleep" or die $!;
print $file "BEGIN;\nSELECT attest.enter(:ticket);\nSELECT attest.add_person(:details::jsonb), pg_sleep(5);\nCOMMIT;\n";
close $file;
my $busy = IPC::Run::start([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-f', "$scripts/sleep", '-D', "ticket=$ticket", '-D', 'details=' . json(person('busy')),
	'-h', $node->host, '-p', $node->port, '-U', 'app', $db ], '>', \my $busy_out, '2>', \my $busy_err);
eventually($node, $db, q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'add_person' AND wait_event = 'PgSleep'}, '1', 'a call is running');
my ($views, %in_views) = in_views();
cmp_ok($views, '>', 30, 'the views of statistics and activity are read');
only_the_proof('views of statistics and activity', %in_views);
$busy->finish;
is($busy_err, '', '  and the call ended well');

# --- all that is left behind ---

value($node, $db, 'postgres', 'VACUUM ANALYZE; CHECKPOINT');
value($node, $db, 'postgres', q{SELECT pg_switch_wal()});
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-f', "$scripts/dump.sql", $db ], 'a dump is made');
only_the_proof('the dump', found_in(slurp_file("$scripts/dump.sql")));
my $backup = $node->backup_dir . '/copy';
command_ok([ 'pg_basebackup', '-h', $node->host, '-p', $node->port, '-U', 'postgres', '-X', 'stream', '-c', 'fast', '-D', $backup ], 'a base backup is made');

sub unused {}
for my $place ([ 'the tables', $node->data_dir . '/base' ], [ 'the WAL', $node->data_dir . '/pg_wal' ], [ 'the data directory', $node->data_dir ],
	[ 'the base backup', $backup ], [ 'the server log', $node->logfile ])
{
	my ($read_files, %in_place) = found_below($place->[1]);
	cmp_ok($read_files, '>', 0, "$place->[0]: $read_files files read");
	only_the_proof($place->[0], %in_place);
}
like(slurp_file($node->logfile), qr/execute <unnamed>: SELECT attest.add_person/, 'the log holds the statements of the clients');
like(slurp_file($node->logfile), qr/duration: /, 'and their durations');
value($node, $db, 'postgres', 'DROP TABLE holder');
is(value($node, $db, 'postgres', q{SELECT string_agg(DISTINCT code, ' ') FROM attest.doctor()}), 'statements_logged',
	'the doctor asks for nothing but not to log statements: their text is the duty of the client');

$node->stop;
done_testing();
