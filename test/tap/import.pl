#!/usr/bin/perl
# A file of 10,000 people in parts of random size, with faults; what is kept of it; that
# a search by name works in parallel and looks nothing up for each person.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Utils;
use Test::More;

my $people = 10_000;
my $node = attest_cluster('import');
my $db = 'school';
attest_database($node, $db);
value($node, $db, 'operator', q{SELECT attest.create_tenant('alpha', 'Alpha', 'training_organisation')});
value($node, $db, 'operator', q{SELECT attest.create_account('alpha', 'manager', 'manager')});
my $ticket = ticket($node, $db, 'alpha', 'manager');

sub manager { my ($sql, %variable) = @_; my $r = as_tenant($node, $db, 'app', $ticket, $sql, %variable); die $r->{err} unless $r->{ok}; return $r->{out} }

# --- a file as French Excel writes it; every hundredth record has a fault of one of four kinds ---

my @faults = ([ 'TA334', 4, '31/12/1999' ], [ 'TA333', 2, '' ], [ 'TA011', 0, 'L-1' ], [ 'TA332', undef ]);
my (@lines, %expected);
srand 4;
for my $n (1 .. $people)
{
	my @field = ("L-$n", 'learner', "\"Kerimport;$n\"", "Zo\xc3\xab$n", sprintf('%d-%02d-%02d', 1950 + $n % 50, 1 + $n % 12, 1 + $n % 28), 'F');
	if ($n % 100 == 0)
	{
		my ($code, $column, $bad) = @{ $faults[ $n / 100 % 4 ] };
		defined $column ? $field[$column] = $bad : pop @field;
		$expected{$code}++;
	}
	push @lines, join ';', @field;
}
my $file = "\xef\xbb\xbf" . join("\r\n", 'reference;profile;last_name;first_name;birth_date;gender', @lines);
my $import = manager('SELECT attest.open_import()');
for (my $at = 0; $at < length $file;)
{
	my $size = 1 + int rand 60_000;
	manager(q{SELECT attest.stage_rows(:'import', decode(:'part', 'hex'))}, import => $import, part => unpack 'H*', substr $file, $at, $size);
	$at += $size;
}
is(manager(q{SELECT records FROM attest.imports}), $people - 1, 'all records are staged but the last, which may go on');
my $checked = manager(q{SELECT code, count(*) FROM attest.check_import(:'import') GROUP BY 1 ORDER BY 1}, import => $import);
my $report = join("\n", (map { "$_|$expected{$_}" } sort keys %expected), '|' . ($people - $people / 100));
is($checked, $report, 'a dry run finds each fault');
is(value($node, $db, 'postgres', 'SELECT count(*) FROM attest_data.person'), 0, 'and loads nobody');
is(manager(q{SELECT code, count(*) FROM attest.load_import(:'import') GROUP BY 1 ORDER BY 1}, import => $import), $report, 'loading reports the same');
is(manager(q{SELECT count(*), count(DISTINCT last_name), min(last_name) FROM attest.people}), ($people * 0.99) . '|' . ($people * 0.99) . '|Kerimport;1', 'the others are loaded');
is(value($node, $db, 'postgres', q{SELECT count(*), sum(records) FROM attest_data.import_block}), "100|100", 'of the file, the rejected records are kept');
is(manager(q{SELECT count(*) FROM attest.import_people(attest.rejected_rows(:'import'), dry_run => true) WHERE outcome = 'rejected'}, import => $import), 100,
	'which are rejected again as they are');
is(value($node, $db, 'postgres', q{SELECT count(*) FROM attest_data.subject_key k WHERE NOT EXISTS (SELECT FROM attest_data.person p WHERE p.person_id = k.subject_id)
  AND NOT EXISTS (SELECT FROM attest_data.import i WHERE i.import_id = k.subject_id)}), 0, 'no key belongs to nobody');

# --- the job ---

value($node, $db, 'postgres', q{UPDATE attest_data.import SET opened_at = now() - interval '31 days'});
value($node, $db, 'operator', q{SELECT attest.run_job('import')});
eventually($node, $db, q{SELECT count(*) FROM attest_data.import_block}, 0, 'the job destroys what is 30 days old');
is(value($node, $db, 'postgres', q{SELECT count(*) FROM attest_data.subject_key k JOIN attest_data.import i ON i.import_id = k.subject_id}), 0, 'with its key');
is(manager(q{SELECT loaded, rejected, kept_until IS NULL FROM attest.imports WHERE state = 'loaded'}), ($people * 0.99) . '|100|t', 'the import stays as provenance');

# --- searching ---

is(manager(q{SELECT string_agg(reference, ' ') FROM attest.find_people('zoe777')}), join(' ', 'L-777', sort map { "L-777$_" } 0 .. 9), 'whole words come first');
my ($query) = value($node, $db, 'postgres', q{SELECT prosrc FROM pg_proc WHERE proname = 'find_people'}) =~ /FROM \(\n\s+(SELECT p\.person_id.*?IS NOT NULL)\n/s;
$query =~ s/\bwords\b/'zoe'/;
$query =~ s/p\.tenant_id = tenant\b/p.tenant_id = 1/;
value($node, $db, 'postgres', 'VACUUM ANALYZE attest_data.person, attest_data.subject_key, attest_data.tenant_key');
my $plan = value($node, $db, 'postgres', "BEGIN; SELECT attest.enter('$ticket') \\gset\nSET LOCAL ROLE attest_owner; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL parallel_setup_cost = 0;
EXPLAIN SELECT * FROM ($query) m WHERE m.misses IS NOT NULL ORDER BY m.misses, m.reference, m.person_id LIMIT 50");
like($plan, qr/Workers Planned: [1-9]/, 'a search works in parallel');
like($plan, qr/Parallel Seq Scan on person/, 'over the people');
my $reads = sub { value($node, $db, 'postgres', q{SELECT pg_stat_force_next_flush()}); value($node, $db, 'postgres', q{SELECT coalesce(idx_scan, 0) + seq_scan FROM pg_stat_user_tables WHERE relname = 'subject_key'}) };
value($node, $db, 'postgres', q{SELECT pg_stat_reset()});
manager(q{SELECT count(*) FROM attest.find_people('nobody of this name')});
eventually($node, $db, q{SELECT coalesce(idx_scan, 0) + seq_scan BETWEEN 1 AND 20 FROM pg_stat_user_tables WHERE relname = 'subject_key'}, 't', 'keys are read by few scans, not one a person');

done_testing();
