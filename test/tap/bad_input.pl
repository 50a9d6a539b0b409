#!/usr/bin/perl
# Every bad input is refused with an SQLSTATE of its own and a hint, repeats nothing
# personal, and changes nothing.
use strict;
use warnings;

use Attest;
use MIME::Base64 qw(decode_base64 encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('input');
my $db = 'school';
attest_database($node, $db);
my $alpha = new_tenant($node, $db, 'alpha');
my $beta = new_tenant($node, $db, 'beta');
my %ticket = map { ($_ => ticket($node, $db, 'alpha', $_)) } qw(manager trainer stranger learner);
my $png = signature('s01-1', 'png');
my @people = ('Dupont-Secret', 'Marie-Secret', '1985-03-14', '285039911600142');

# check(name, sqlstate, who, sql, variables): tried as the account, or as a role where
# the name begins with "role ", and compared with what is stored before and after.
my $before = digests($node, $db);

sub check
{
	my ($name, $state, $who, $sql, %variable) = @_;
	my @secrets = @{ delete $variable{secrets} // [] };
	my %known = (%$alpha, %variable);
	my $result =
	  $who =~ /^role (\w+)$/
	  ? run_sql($node, $db, $1, $sql, %known)
	  : as_tenant($node, $db, 'app', $ticket{$who} // $who, $sql, %known);

	is_refused($result, $state, $name, @secrets);
	unchanged("$name: nothing has changed");
	return;
}

# Compares with the last state, so that one fault is reported once.
sub unchanged
{
	my ($name) = @_;
	my $now = digests($node, $db);

	is($now, $before, $name);
	$before = $now;
	return;
}

# --- signatures ---

sub data_url { return 'data:image/png;base64,' . encode_base64($_[0], '') }

# A whole PNG of 8-bit grey: the rows come from a function of x and y.
sub grey_png
{
	my ($width, $height, $ink) = @_;
	require Compress::Zlib;
	my $rows = join '', map { my $y = $_; "\0" . join('', map { chr($ink->($_, $y) ? 0 : 255) } 0 .. $width - 1) } 0 .. $height - 1;
	my $chunk = sub {
		my ($type, $data) = @_;
		return pack('N', length $data) . $type . $data . pack('N', Compress::Zlib::crc32($type . $data));
	};
	return "\x89PNG\r\n\x1a\n" . $chunk->('IHDR', pack('NNC5', $width, $height, 8, 0, 0, 0, 0))
	  . $chunk->('IDAT', Compress::Zlib::compress($rows)) . $chunk->('IEND', '');
}

my ($bytes) = map { decode_base64($_) } $png =~ /,(.*)/;
my $sign = q{SELECT attest.sign(:'slot', :'learner', :'signature')};
my %capture = (
	'a truncated PNG' => [ 'TA201', data_url(substr $bytes, 0, int(length($bytes) / 2)) ],
	'a PNG without its last byte' => [ 'TA201', data_url(substr $bytes, 0, -1) ],
	'a PNG with a byte after it' => [ 'TA201', data_url($bytes . 'x') ],
	'an empty data URL' => [ 'TA203', 'data:,' ],
	'an empty PNG data URL' => [ 'TA203', 'data:image/png;base64,' ],
	'a blank PNG' => [ 'TA203', data_url(grey_png(300, 120, sub { 0 })) ],
	'a dot' => [ 'TA202', data_url(grey_png(300, 120, sub { $_[0] == 150 && $_[1] == 60 })) ],
	'no strokes' => [ 'TA203', '[]' ],
	'an empty text' => [ 'TA201', '' ],
	'a JPEG' => [ 'TA201', 'data:image/jpeg;base64,/9j/4AAQ' ],
	'strokes cut short' => [ 'TA201', substr(signature('s01-1', 'strokes'), 0, 500) ],
);
for my $name (sort keys %capture)
{
	my ($state, $signature) = @{ $capture{$name} };
	check("signing with $name", $state, 'manager', $sign, signature => $signature);
	check("countersigning with $name", $state, 'trainer',
		q{SELECT attest.countersign(:'past_slot', :'signature')}, signature => $signature);
}
check('signing with nothing at all', 'TA203', 'manager', q{SELECT attest.sign(:'slot', :'learner', NULL)});

# --- people ---

my $header = join ',', qw(reference profile last_name first_name gender birth_date nir);
my %row = (reference => 'N-1', profile => 'learner', last_name => $people[0], first_name => $people[1], gender => 'F',
	birth_date => $people[2], nir => $people[3]);
my $import = q{SELECT * FROM attest.import_people(:'csv')};

sub csv { my %r = (%row, @_); return "$header\n" . join(',', map { $r{$_} } split /,/, $header) . "\n" }

check('a CSV without a required column', 'TA331', 'manager', $import,
	csv => "reference,profile,first_name,gender\nN-1,learner,$people[1],F\n", secrets => \@people);
check('a CSV with an unknown column', 'TA331', 'manager', $import,
	csv => "$header,shoe_size\n" . join(',', @row{ split /,/, $header }) . ",38\n", secrets => \@people);
check('a CSV without its header', 'TA331', 'manager', $import,
	csv => join(',', @row{ split /,/, $header }) . "\n", secrets => \@people);
check('a CSV with a column twice', 'TA331', 'manager', $import,
	csv => "$header,last_name\n" . join(',', @row{ split /,/, $header }) . ",$people[0]\n", secrets => \@people);
check('an empty CSV', 'TA331', 'manager', $import, csv => '');
check('a CSV with a quote not closed', 'TA332', 'manager', $import, csv => csv(last_name => "\"$people[0]"),
	secrets => \@people);
check('a CSV with text after a quote', 'TA332', 'manager', $import, csv => csv(last_name => "\"$people[0]\"x"),
	secrets => \@people);

my $bytes_of = q{SELECT * FROM attest.import_people(decode(:'hex', 'hex'))};
check('a CSV in Windows-1252', 'TA335', 'manager', $bytes_of, hex => unpack('H*', csv(first_name => "$people[1]\xe9")), secrets => \@people);
check('a CSV in UTF-16', 'TA335', 'manager', $bytes_of, hex => unpack('H*', "\xff\xfe" . join "\0", split //, csv()), secrets => \@people);
check('a CSV read as Latin-1 that was Windows-1252', 'TA335', 'manager', $import, csv => csv(first_name => "$people[1]\xc2\x9c"), secrets => \@people);
check('a CSV with a byte of zero', 'TA335', 'manager', $bytes_of, hex => unpack('H*', csv(first_name => "$people[1]\0")), secrets => \@people);
check('a CSV whose quote swallows a megabyte', 'TA332', 'manager',
	q{SELECT attest.stage_rows(attest.open_import(), :'csv' || repeat('x', 1100000))}, csv => csv(last_name => "\"$people[0]"), secrets => \@people);
my $json = q{SELECT * FROM attest.import_people(:'json', 'json')};
check('a JSON that is none', 'TA336', 'manager', $json, json => qq([{"last_name": "$people[0]", ]), secrets => \@people);
check('a JSON with a key twice', 'TA336', 'manager', $json, json => qq([{"last_name": "$people[0]", "last_name": ""}]), secrets => \@people);
check('a JSON of no objects', 'TA336', 'manager', $json, json => qq(["$people[0]"]), secrets => \@people);
check('a format that is none', 'TA012', 'manager', q{SELECT attest.open_import('xlsx')});
check('a part for an import that is not there', 'TA105', 'manager', q{SELECT attest.stage_rows(attest.uuid_v7(), :'csv')}, csv => csv(), secrets => \@people);
check('an import by a learner', 'TA005', 'learner', $import, csv => csv(), secrets => \@people);
check('a search for nothing', 'TA012', 'manager', q{SELECT attest.find_people(' - ')});
check('a search for too many', 'TA012', 'manager', q{SELECT attest.find_people('a', 1001)});

my $add = q{SELECT attest.add_person(:'details')};
my %field = (
	nir => [ 'TA322', $people[3] ],
	gender => [ 'TA334', 'X' ],
	profile => [ 'TA334', 'volunteer' ],
	birth_date => [ 'TA334', '1985-02-30' ],
	last_name => [ 'TA333', '' ],
	employer_siret => [ 'TA324', '73282932000075' ],
);
for my $name (sort keys %field)
{
	my ($state, $bad) = @{ $field{$name} };
	my %details = (%row, nir => '', $name => $bad);
	my @secrets = (@people[ 0, 1, 3 ], $name eq 'birth_date' ? $bad : $people[2]);
	check("add_person with a bad $name", $state, 'manager', $add,
		details => JSON::PP->new->encode(\%details), secrets => \@secrets);

	my @columns = ((split /,/, $header), 'employer_siret');
	my @staged = qw(import import_block import_fault subject_key);
	my $register = digests($node, $db, @staged);
	my $result = as_tenant($node, $db, 'app', $ticket{manager}, $import,
		csv => join(',', @columns) . "\n" . join(',', map { $details{$_} // '' } @columns) . "\n");
	my ($line, $outcome, undef, $column, $code, $reason, $hint) = split /\|/, $result->{out};
	is("$line $outcome $column $code", "2 rejected $name $state", "import with a bad $name: the row says $state");
	isnt($hint, '', "import with a bad $name: with a hint");
	is((join ', ', grep { index("$reason $hint $result->{err}", $_) >= 0 } @secrets), '',
		"import with a bad $name: repeats no personal data");
	is(digests($node, $db, @staged), $register, "import with a bad $name: nothing has changed but the import");
	$before = digests($node, $db);
}
check('a key that add_person does not know', 'TA012', 'manager', $add,
	details => JSON::PP->new->encode({ %row, nir => '', birthdate => $people[2] }), secrets => \@people);
check('a reference that is taken', 'TA011', 'manager', $add,
	details => JSON::PP->new->encode({ %row, nir => '', reference => 'alpha-1' }), secrets => \@people);
is(run_sql($node, $db, 'postgres', q{SELECT attest_internal.date_of(:'d' COLLATE "fr-x-icu") IS NULL}, d => "19\xd9\xa8\xd9\xa4-02-03")->{out}, 't',
	'digits of other scripts are no digits of a date, whatever the collation');
check('a SIRET with a wrong key', 'TA324', 'role app', q{SELECT :'s'::attest.siret}, s => '73282932000075');
check('plain text in a sealed column', 'TA306', 'role postgres',
	q{UPDATE attest_data.person SET last_name = (:'plain' || '')::text::attest.sealed}, plain => $people[0],
	secrets => \@people);
check('binary input that is not sealed', 'TA306', 'role postgres',
	q{SELECT attest_internal.unseal_bytes('att1:AAAA', :'learner', 'x')});

# --- planning and signing ---

my $slot = q{SELECT attest.plan_slot(:'session', };
check('a slot that ends before it starts', 'TA101', 'manager', "$slot now(), now() - interval '1 hour')");
check('a slot without length', 'TA101', 'manager', "$slot now(), now())");
check('a slot of 13 hours', 'TA102', 'manager', "$slot now(), now() + interval '13 hours')");
check('a slot outside its session', 'TA110', 'manager', "$slot now() + interval '60 days', now() + interval '1441 hours')");
check('a session that ends before it starts', 'TA012', 'manager',
	q{SELECT attest.plan_session(:'course', 'x', '2026-02-02', '2026-02-01')});
check('signing twice', 'TA104', 'manager', q{SELECT attest.sign(:'past_slot', :'learner', :'png')}, png => $png);
check('signing for someone not enrolled', 'TA103', 'manager', q{SELECT attest.sign(:'slot', :'trainer', :'png')}, png => $png);
check('signing in the future', 'TA109', 'manager',
	q{SELECT attest.sign(:'slot', :'learner', :'png', claimed_at => now() + interval '6 minutes')}, png => $png);
check('signing for another learner', 'TA005', 'learner', q{SELECT attest.sign(:'slot', :'second', :'png')}, png => $png);
check('signing an unknown slot', 'TA105', 'manager', q{SELECT attest.sign(attest.uuid_v7(), :'learner', :'png')}, png => $png);
check('enrolling twice', 'TA111', 'manager', q{SELECT attest.enrol(:'session', :'learner')});
check('countersigning as a manager', 'TA005', 'manager', q{SELECT attest.countersign(:'slot', :'png')}, png => $png);
check('countersigning a slot of another trainer', 'TA106', 'stranger', q{SELECT attest.countersign(:'slot', :'png')}, png => $png);
check('countersigning before anybody signed', 'TA108', 'trainer', q{SELECT attest.countersign(:'slot', :'png')}, png => $png);
check('planning as a learner', 'TA005', 'learner', "$slot now(), now() + interval '1 hour')");
check('taking part twice', 'TA401', 'manager',
	q{SELECT attest.record_participation(:'operation', :'learner', '{"entry": "2024-01-01"}')});
check('an absence without a reason', 'TA333', 'manager', q{SELECT attest.record_presence(:'slot', :'learner', 'absent', '')});
check('more minutes than the slot has', 'TA012', 'manager',
	q{SELECT attest.record_presence(:'slot', :'learner', 'late', 'x', 1000)});

as_tenant($node, $db, 'app', $ticket{manager}, q{SELECT attest.sign(:'slot', :'second', :'png', client_id => :'client')},
	%$alpha, png => $png, client => '018f0000-0000-7000-8000-000000000001');
$before = digests($node, $db);
check('a client_id used again for another person', 'TA112', 'manager',
	q{SELECT attest.sign(:'slot', :'learner', :'png', client_id => '018f0000-0000-7000-8000-000000000001')}, png => $png);
as_tenant($node, $db, 'app', $ticket{trainer}, q{SELECT attest.countersign(:'past_slot', :'png')}, %$alpha, png => $png);
$before = digests($node, $db);
check('countersigning twice', 'TA107', 'trainer', q{SELECT attest.countersign(:'past_slot', :'png')}, png => $png);

# --- values left out ---

my @without = (
	q{attest.create_course('c', 't', NULL)}, q{attest.create_course(NULL, 't')},
	q{attest.plan_session(:'course', NULL, '2026-01-01', '2026-01-02')},
	q{attest.plan_slot(:'session', now(), now() + interval '1 hour', NULL)}, q{attest.plan_slot(NULL, now(), now())},
	q{attest.record_presence(:'slot', :'learner', NULL, 'x', 5)},
	q{attest.create_operation(NULL, 't', 'esf+', '2024-01-01', '2024-12-31')},
	q{attest.create_operation('o', NULL, 'esf+', '2024-01-01', '2024-12-31')},
	q{attest.record_participation(:'operation', :'second', NULL)},
	q{attest.set_operation_parameters(:'operation', NULL, 'x')}, q{attest.set_operation_parameters(NULL, '{}', 'x')},
	q{attest.enrol(NULL, :'learner')}, q{attest.enrol(:'session', NULL)}, q{attest.assign_trainer(:'slot', NULL)},
	q{attest.withdraw(:'session', :'learner', NULL)}, q{attest.countersign(NULL, :'png')},
	q{attest.place_hold(NULL, 'x')}, q{attest.place_hold(:'learner', NULL)}, q{attest.set_retention_rule(NULL, '1 year', 'x')},
	q{attest.set_retention_rule('learner', NULL, 'x')}, q{attest.add_person(NULL)}, q{attest.esf_report(NULL)},
);
for my $call (@without)
{
	my $who = $call =~ /countersign/ ? 'trainer' : 'manager';
	my $result = as_tenant($node, $db, 'app', $ticket{$who}, "SELECT $call", %$alpha, png => $png);
	like($result->{state}, qr/^TA/, "$call: an error of attest") or diag($result->{err} || $result->{out});
}
for my $call (q{attest.create_tenant('gamma', NULL, 'company')}, q{attest.create_tenant('gamma', 'n', NULL)},
	q{attest.create_tenant(NULL, 'n', 'company')}, q{attest.create_account('alpha', NULL, 'manager')},
	q{attest.create_account('alpha', 'x', NULL)}, q{attest.create_account('alpha', 'x', 'learner', attest.uuid_v7())},
	q{attest.create_account('alpha', 'x', 'learner', NULL, '2026-02-02', '2026-02-01')},
	q{attest.issue_ticket(NULL, 'manager')}, q{attest.issue_ticket('alpha', NULL)},
	q{attest.issue_ticket('alpha', 'manager', NULL)}, q{attest.issue_ticket('alpha', 'manager', '-1 hour')},
	q{attest.issue_ticket('alpha', 'manager', '25 hours')}, q{attest.issue_ticket('alpha', 'manager', '213503983 days')},
	q{attest.run_job('nothing')}, q{attest.run_job(NULL)})
{
	my $result = run_sql($node, $db, 'operator', "SELECT $call");
	like($result->{state}, qr/^TA/, "$call: an error of attest") or diag($result->{err} || $result->{out});
	eventually($node, $db, 'SELECT 1', '1', "$call: the server is back") if $result->{err} =~ /server closed/;
}
unchanged('values left out: nothing has changed');

# --- tickets ---

check('an unknown tenant', 'TA006', 'role operator', q{SELECT attest.issue_ticket('nowhere', 'manager')});
check('an unknown account', 'TA007', 'role operator', q{SELECT attest.issue_ticket('alpha', 'nobody')});
check('a code that is taken', 'TA011', 'role operator', q{SELECT attest.create_tenant('alpha', 'x', 'company')});
check('no ticket', 'TA001', 'role app', "$slot now(), now() + interval '1 hour')");
check('an empty ticket', 'TA002', 'role app', q{SELECT attest.enter('')});
check('an expired ticket', 'TA003', 'role app', q{SELECT attest.enter(:'old')},
	old => do { my $old = ticket($node, $db, 'alpha', 'manager', '1 second'); sleep 2; $old });
my $tampered = $ticket{manager};
substr($tampered, 30, 1) = substr($tampered, 30, 1) eq 'A' ? 'B' : 'A';
check('a tampered ticket', 'TA002', 'role app', q{SELECT attest.enter(:'t')}, t => $tampered);
check('a ticket cut short', 'TA002', 'role app', q{SELECT attest.enter(:'t')}, t => substr($ticket{manager}, 0, -1));
check('a second tenant in one transaction', 'TA004', 'manager', q{SELECT attest.enter(:'other')},
	other => ticket($node, $db, 'beta', 'manager'));

# --- keyring ---

my $issue = q{SELECT attest.issue_ticket('alpha', 'manager')};
my $keyring = $node->{keyring};
my $text = slurp_file($keyring);

rename $keyring, "$keyring.away";
check('no keyring', 'TA301', 'role operator', $issue);
check('entering without a keyring', 'TA301', 'manager', 'SELECT 1');
is(value($node, $db, 'operator', q{SELECT code FROM attest.doctor() WHERE code = 'keyring_unusable'}), 'keyring_unusable',
	'the doctor names the missing keyring');
symlink "$keyring.away", $keyring;
check('a keyring that is a symbolic link', 'TA302', 'role operator', $issue);
unlink $keyring;
rename "$keyring.away", $keyring;
chmod 0644, $keyring;
check('a keyring that others may read', 'TA302', 'role operator', $issue);
chmod 0600, $keyring;

sub rewrite
{
	my ($path, $content) = @_;
	open my $out, '>', $path or die "$path: $!";
	chmod 0600, $path;
	print $out $content;
	close $out or die "$path: $!";
	return;
}

rewrite($keyring, $text =~ s/(kek 1 active )(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/er);
check('a keyring with a damaged key', 'TA303', 'role operator', $issue);
rewrite($keyring, '');
check('an empty keyring', 'TA303', 'role operator', $issue);
rewrite($keyring, "kek one active\n");
check('a keyring with nonsense', 'TA303', 'role operator', $issue);
rewrite($keyring, $text);
check('a keyring that is already there', 'TA308', 'role operator', q{SELECT attest.create_keyring()});

my $inside = $node->data_dir . '/keyring';
rewrite($inside, $text);
$node->append_conf('postgresql.conf', "attest.keyring_file = '$inside'\n");
$node->reload;
eventually($node, $db, 'SHOW attest.keyring_file', $inside, 'the keyring is moved into the data directory');
check('a keyring in the data directory', 'TA302', 'role operator', $issue);
$node->append_conf('postgresql.conf', "attest.keyring_file = ''\n");
$node->reload;
eventually($node, $db, 'SHOW attest.keyring_file', '', 'the keyring is not set');
check('a keyring that is not set', 'TA301', 'role operator', $issue);
$node->append_conf('postgresql.conf', "attest.keyring_file = '$keyring'\n");
$node->reload;
eventually($node, $db, 'SHOW attest.keyring_file', $keyring, 'the keyring is back');
unchanged('after all keyrings: nothing has changed');
isnt(value($node, $db, 'operator', $issue), '', 'and tickets are issued again');

# --- before setup ---

value($node, 'postgres', 'postgres', 'CREATE DATABASE bare');
value($node, 'bare', 'postgres', 'SET client_min_messages = error; CREATE EXTENSION attest CASCADE');
for my $call (q{attest.create_tenant('x1', 'x', 'company')}, q{attest.issue_ticket('x1', 'm')}, q{attest.run_job('retention')})
{
	is_refused(run_sql($node, 'bare', 'operator', "SELECT $call"), 'TA008', "before setup, $call");
}
is(value($node, 'bare', 'operator', q{SELECT code FROM attest.doctor() WHERE code = 'setup_missing'}), 'setup_missing',
	'the doctor says that setup is missing');

# --- the log ---

my $log = slurp_file($node->logfile);
is((join ', ', grep { index($log, $_) >= 0 } @people), '', 'the server log holds no name, birth date or NIR');

$node->stop;
done_testing();
