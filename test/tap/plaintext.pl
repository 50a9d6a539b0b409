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

my $ticket = ticket($node, $db, 'alpha', 'manager');
my $scripts = PostgreSQL::Test::Utils::tempdir();
as_tenant($node, $db, 'app', $ticket, q{SELECT attest.set_field_policy('learner', f, 'optional')
	FROM unnest(ARRAY['job_sought', 'service', 'professional_status', 'comments']) f});

# bound(script, variable => value): runs the script as the app within a transaction of the
# tenant, every variable a bind parameter.  Returns what pgbench complained of.
sub bound
{
	my ($script, %variable) = @_;
	my ($out, $err) = ('', '');
	my @with = map { ('-D', "$_=$variable{$_}") } sort keys %variable;

	append_to_file("$scripts/run", '');
	open my $file, '>', "$scripts/run" or die $!;
	print $file "BEGIN;\nSELECT attest.enter(:ticket);\n$script;\nCOMMIT;\n";
	close $file;
	IPC::Run::run([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-f', "$scripts/run", '-D', "ticket=$ticket", @with,
		'-h', $node->host, '-p', $node->port, '-U', 'app', $db ], '>', \$out, '2>', \$err);
	return $err =~ /(ERROR: .*)/s ? $1 : '';
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
	$details{$_} //= lc(marker("$path$_" =~ s/_//gr)) . '@example.org' for grep { $takes{$_} } qw(email other_email);
	return \%details;
}

sub json { return JSON::PP->new->canonical->encode($_[0]) }

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

# API of later rooms, where it is there.
sub has { my ($name) = @_; return value($node, $db, 'postgres', 'SELECT to_regproc(:\'name\') IS NOT NULL', name => $name) eq 't' }

SKIP: {
	skip 'no attest.find_people()', 1 unless has('attest.find_people');
	done('a search by name', q{SELECT * FROM attest.find_people(:query, 10)}, query => $marker{addedlastname});
	done('a search for nobody', q{SELECT * FROM attest.find_people(:query, 10)}, query => marker('nobody'));
}
SKIP: {
	skip 'no attest.blind()', 1 unless has('attest.blind');
	done('a blind value', q{SELECT attest.blind('person.nir', :value)}, value => $nir{added});
}

# --- COPY ---


value($node, $db, 'postgres', 'CREATE TABLE holder (name attest.sealed, nir attest.nir)');
for my $case ([ 'name', marker('copiedname'), 'TA306' ], [ 'nir', $nir{copied}, 'TA322' ])
{
	open my $file, '>', "$scripts/copy" or die $!;
	print $file "$case->[1]\n";
	close $file;
	my $result = run_sql($node, $db, 'postgres', "\\set SHOW_CONTEXT always\n\\copy holder ($case->[0]) FROM '$scripts/copy'");
	is($result->{state}, $case->[2], "COPY of a plain $case->[0] is refused: $case->[2]");
	ok(index($result->{err}, $case->[1]) < 0, '  and the error does not repeat it') or diag($result->{err});
}

# --- the proof that a search finds: one marker in clear, in each place ---

value($node, $db, 'postgres', "CREATE TABLE clear AS SELECT '$proof' || repeat(' ', 20) || n AS name FROM generate_series(1, 3000) n; ANALYZE clear");
value($node, $db, 'postgres', "CREATE TABLE often AS SELECT '$proof'::text AS name FROM generate_series(1, 3000); ANALYZE");

# --- many people: sorted, hashed, held in cursors, with little memory ---

# Little memory for an import too: what it reads must not go to disk on its way.
sub temporary_files_made { return value($node, $db, 'postgres', 'SELECT pg_stat_force_next_flush(), temp_files FROM pg_stat_database WHERE datname = current_database()') }

my $made = temporary_files_made();
for my $part (0 .. 4)
{
	my @crowd = map { { reference => "crowd-$_", profile => 'learner', gender => 'M', birth_date => '1970-01-01', last_name => "Zqvcrowd${_}kwj", first_name => 'x' x 40 } }
	  $part * 600 + 1 .. $part * 600 + 600;
	done("six hundred people imported, part $part", "SET LOCAL work_mem = '64kB';\n$import", file => csv(@crowd));
}
is(temporary_files_made(), $made, 'and their import made no temporary file');

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
is(value($node, $db, 'postgres', q{SELECT string_agg(DISTINCT code, ' ') FROM attest.doctor()}), 'statements_logged',
	'the doctor asks for nothing but not to log statements: their text is the duty of the client');

$node->stop;
done_testing();
