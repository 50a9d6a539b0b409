#!/usr/bin/perl
# A dump restored into another database, and into another cluster that has the same
# keyring, is equal in every row and every definition, and its sealed values open;
# with another keyring they do not, and the error says which key is missing.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Utils;
use Test::More;

# A line for each fact about the objects of attest that a dump has to carry.
my $catalogue = <<'SQL';
WITH space AS (SELECT oid, nspname FROM pg_namespace WHERE nspname ~ '^attest'),
facts (kind, name, fact) AS (
  SELECT 'schema'::text, nspname::text, concat_ws(' ', nspowner::regrole, (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(nspacl) g),
    obj_description(oid, 'pg_namespace')) FROM pg_namespace WHERE nspname ~ '^attest'
  UNION ALL
  SELECT 'relation ' || c.relkind::text, c.oid::regclass::text, concat_ws(' ', c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity,
    (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) g),
    c.reloptions, obj_description(c.oid, 'pg_class')) FROM pg_class c JOIN space s ON s.oid = c.relnamespace
  UNION ALL
  SELECT 'column', a.attrelid::regclass::text || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(a.attacl) g), col_description(a.attrelid, a.attnum))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN space s ON s.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0
  UNION ALL
  SELECT 'view', v.oid::regclass::text, pg_get_viewdef(v.oid) FROM pg_class v JOIN space s ON s.oid = v.relnamespace WHERE v.relkind = 'v'
  UNION ALL
  SELECT 'policy', p.polrelid::regclass::text || ' ' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::regrole[],
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p
  UNION ALL
  SELECT 'trigger', t.tgrelid::regclass::text || ' ' || t.tgname, concat(pg_get_triggerdef(t.oid), t.tgenabled) FROM pg_trigger t WHERE NOT t.tgisinternal
  UNION ALL
  SELECT 'constraint', k.conrelid::regclass::text || ' ' || k.conname, concat(pg_get_constraintdef(k.oid), k.convalidated)
  FROM pg_constraint k JOIN space s ON s.oid = k.connamespace WHERE k.conrelid <> 0
  UNION ALL
  SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN space s ON s.oid = c.relnamespace
  UNION ALL
  SELECT 'function', p.oid::regprocedure::text, concat_ws(' ', p.proowner::regrole,
    (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) g),
    obj_description(p.oid, 'pg_proc'), CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END) FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'type', t.oid::regtype::text, concat_ws(' ', t.typowner::regrole,
    (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(coalesce(t.typacl, acldefault('T', t.typowner))) g),
    t.typstorage, t.typlen, obj_description(t.oid, 'pg_type')) FROM pg_type t JOIN space s ON s.oid = t.typnamespace WHERE t.typelem = 0 AND t.typrelid = 0
  UNION ALL
  SELECT 'member', pg_describe_object(d.classid, d.objid, 0), e.extname || e.extversion FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'attest'
)
SELECT replace(concat_ws(' | ', f.kind, f.name, f.fact), E'\n', ' ') FROM facts f ORDER BY 1;
SQL

sub catalogue { return value($_[0], $_[1], 'postgres', "SET search_path = pg_catalog;\n$catalogue") }

# Shows the first lines that differ: a whole catalogue would drown them.
sub same_lines
{
	my ($got, $wanted, $name) = @_;
	my %wanted = map { ($_ => 1) } split /\n/, $wanted;
	my %got = map { ($_ => 1) } split /\n/, $got;
	my @extra = grep { !$wanted{$_} } sort keys %got;
	my @missing = grep { !$got{$_} } sort keys %wanted;
	my $count = keys %wanted;

	ok(!@extra && !@missing && $count > 0, "$name ($count facts)");
	diag("not expected: $_") for grep { defined } @extra[ 0 .. 4 ];
	diag("missing: $_") for grep { defined } @missing[ 0 .. 4 ];
	return;
}

my $people = q{SELECT p::text FROM attest.people p ORDER BY person_id;
  SELECT person_id, attest.unseal(nir, person_id, 'person.nir'), attest.unseal(disability, person_id, 'person.disability'),
    attest.unseal(parents_birth_place, person_id, 'person.parents_birth_place') FROM attest_data.person ORDER BY person_id;
  SELECT presence_id, attest.unseal(reason, person_id, 'presence.reason') FROM attest_data.presence WHERE reason IS NOT NULL ORDER BY 1};

sub opened
{
	my ($node, $db, $query) = @_;
	my $all = '';

	for my $code (qw(alpha departement-44 formation-ocean))
	{
		my $result = as_tenant($node, $db, 'app', ticket($node, $db, $code, 'manager'), $query // $people);
		return $result->{err} unless $result->{ok};
		$all .= "$result->{out}\n";
	}
	return $all;
}

# --- a database full of everything ---

my $node = attest_cluster('origin');
attest_database($node, 'school');
my $alpha = new_tenant($node, 'school', 'alpha');
my $png = signature('s01-1', 'png');
my $strokes = signature('s03-1', 'strokes');
my $done = as_tenant($node, 'school', 'app', ticket($node, 'school', 'alpha', 'trainer'),
	q{SELECT attest.sign(:'slot', :'learner', :'png'), attest.sign(:'slot', :'second', :'strokes');
	  SELECT attest.countersign(:'past_slot', :'strokes')}, %$alpha, png => $png, strokes => $strokes);
ok($done->{ok}, 'a trainer lets people sign and countersigns') or diag($done->{err});

my %csv = ('departement-44' => [ 'departement', demo_file('departement-44.csv') ],
	'formation-ocean' => [ 'training_organisation', demo_file('formation-ocean.csv') ]);
for my $code (sort keys %csv)
{
	my ($kind, $text) = @{ $csv{$code} };
	value($node, 'school', 'operator', q{SELECT attest.create_tenant(:'code', :'code', :'kind'), attest.create_account(:'code', 'manager', 'manager'),
		attest.authorise_nir(:'code', 'test', 'T-1')},
		code => $code, kind => $kind);
	my $loaded = as_tenant($node, 'school', 'app', ticket($node, 'school', $code, 'manager'), <<'SQL', csv => $text);
SELECT count(*) FILTER (WHERE outcome = 'loaded'), count(*) FILTER (WHERE outcome = 'rejected') FROM attest.import_people(:'csv');
SELECT attest.set_retention_rule('learner', '3 years', 'contract'), attest.set_retention_rule('beneficiary', '2 years', 'law') \gset t_
SELECT attest.place_hold(person_id, 'litigation') FROM attest.retention_due ORDER BY due_on LIMIT 1 \gset t_
SQL
	is($loaded->{out}, $code eq 'departement-44' ? '52|8' : '38|4', "the people of $code are imported") or diag($loaded->{err});
}
value($node, 'school', 'operator', <<'SQL');
SELECT attest.set_secret('alpha', 'manager', 'correct horse battery');
SELECT attest.declare_compromise('alpha', 'stranger', now() - interval '1 day');
SELECT attest.add_identity_provider('alpha', 'https://id.example.org', 'alpha');
SELECT attest.import_jwk('https://id.example.org', 'alpha', '{"kty": "oct", "alg": "HS256", "kid": "k", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}');
SELECT attest.grant_tenant('auditor', 'alpha', 'dpo');
SQL
$done = as_tenant($node, 'school', 'app', ticket($node, 'school', 'alpha', 'manager'),
	q{SELECT attest.assign_case(:'trainer', :'learner'), attest.object(:'learner');
	  SELECT attest.add_place('Paris', 'Europe/Paris', '75056'), attest.add_funder('REG', 'A region', 'region'), attest.set_attendance_policy();
	  SELECT attest.set_counting_rule('REG', '2025-01-01', '{present}', '{exempted}', 'agreement');
	  SELECT attest.submit_justification(:'past_slot', :'second', 'medical', 'a document') AS paper \gset
	  SELECT attest.decide_justification(:'paper', true, 'ill'), code FROM attest.slot_code(:'slot');
	  SELECT attest.plan_slot(:'session', now(), now() + interval '1 hour') AS other \gset
	  SELECT attest.challenge(:'other', :'learner', :'learner')}, %$alpha);
ok($done->{ok}, 'a case is assigned, and a person objects') or diag($done->{err});
$done = as_tenant($node, 'school', 'postgres', ticket($node, 'school', 'alpha', 'manager'), <<'SQL');
UPDATE attest_data.event_outbox SET at = at - interval '8 days' WHERE (tenant_id, transaction, event_id) =
  (SELECT tenant_id, transaction, event_id FROM attest_data.event_outbox WHERE tenant_id = attest.current_tenant() ORDER BY transaction, event_id LIMIT 1);
SELECT attest_internal.attendance_purge_job();
SQL
is($done->{out}, '1', 'a notice is a week old, and gone') or diag($done->{err});
$done = as_tenant($node, 'school', 'app', ticket($node, 'school', 'alpha', 'manager'), <<'SQL', %$alpha);
SELECT attest.set_field_policy('learner', 'caf_number', 'optional'), attest.change_person(:'second', '{"phone": "0261910000"}') \gset t_
SELECT attest.add_person(jsonb_build_object('reference', 'double', 'profile', 'learner', 'last_name', 'Penalpha', 'first_name', 'Deux alpha',
  'gender', 'M', 'birth_date', '1971-11-02', 'allow_duplicate', 'yes')) AS double \gset
SELECT attest.merge_people(:'second', :'double', 'entered twice') \gset t_
SELECT attest.add_person(jsonb_build_object('reference', 'minor', 'profile', 'learner', 'last_name', 'Jeunalpha', 'first_name', 'Six',
  'gender', 'F', 'birth_date', to_char(now() - interval '16 years', 'YYYY-MM-DD'), 'parental_date', '2026-01-05', 'parental_reference', 'alpha 12')) \gset t_
SQL
ok($done->{ok}, 'a person changes, two become one, and a minor is authorised') or diag($done->{err});
my %followed = values_of(as_tenant($node, 'school', 'app', ticket($node, 'school', 'departement-44', 'manager'), <<'SQL'));
SELECT person_id AS followed FROM attest.people WHERE 'beneficiary' = ANY (profiles) AND last_activity IS NULL ORDER BY reference LIMIT 1 \gset
SELECT person_id AS referent FROM attest.people WHERE reference = 'LB-0056' \gset
SELECT attest.create_organisation('CD', 'Insertion', 'departement', '2020-01-01') AS organisation \gset
SELECT attest.assign_case(:'referent', :'followed', '2025-01-01'), attest.join_organisation(:'referent', :'organisation', '2024-01-01'),
  attest.set_followup('low_weeks', '3') \g /dev/null
\echo followed=:followed
\echo organisation=:organisation
\echo referent=:referent
SQL
value($node, 'school', 'operator', q{SELECT attest.create_account('departement-44', 'referent', 'department_referent', :'referent')}, %followed);
$done = as_tenant($node, 'school', 'app', ticket($node, 'school', 'departement-44', 'referent'), <<'SQL', %followed);
SELECT attest.record_situation(:'followed', '2025-03-03', '{"rights": "open", "obliged": true, "entered_on": "2025-03-01"}'),
  attest.orient(:'followed', :'organisation', '2025-04-14', 'social', '2025-04-16'),
  attest.sign_contract(:'followed', :'organisation', '2025-05-12', '2025-05-14', '2025-10-31'),
  attest.record_period(:'followed', 'reduction', 'health', '2025-06-04', '2025-06-15', 300),
  attest.record_activity(:'followed', 'workshop', 120, '2025-05-14 09:00+02', note => 'CV') \gset t_
SELECT attest.record_interaction(:'followed', 'call', 'Rappel du rendez-vous');
SELECT count(*) FROM attest.read_interactions(:'followed');
SQL
ok($done->{ok}, 'somebody is followed up') or diag($done->{err});
value($node, 'school', 'postgres', q{SELECT attest.run_job('retention')});
eventually($node, 'school', q{SELECT outcome FROM attest.job_runs}, 'done', 'the retention job has run');
# An erasure empties the imports that hold records: here is one since.
$done = as_tenant($node, 'school', 'app', ticket($node, 'school', 'alpha', 'manager'),
	q{SELECT outcome FROM attest.import_people(E'reference,profile,last_name,first_name,gender\nZ-1,learner,Kerzed,Zoe,X\n')});
is($done->{out}, 'rejected', 'a record is kept to be corrected') or diag($done->{err});
cmp_ok(value($node, 'school', 'postgres', 'SELECT count(*) FROM attest_data.destruction_certificate'), '>', 0,
	'and has left certificates of destruction');
value($node, 'school', 'operator', q{CALL attest.rotate_tenant_key('alpha'); SELECT attest.confirm_backup('nightly', clock_timestamp())});
# Restored copies have schedulers of their own: nothing may be due while rows are compared.
value($node, 'school', 'postgres', q{UPDATE attest_data.job SET next_run = 'infinity'});
value($node, 'school', 'postgres', <<'SQL');
CREATE INDEX added_by_the_dba ON attest_data.presence (tenant_id, claimed_at);
COMMENT ON INDEX attest_data.added_by_the_dba IS 'ours';
GRANT SELECT ON attest_data.course TO auditor;
SQL

value($node, 'school', 'operator', q{SELECT attest.import_account('alpha', 'imported', 'manager', '$2a$04$' || repeat('x', 53))});
value($node, 'school', 'postgres', q{CREATE TABLE public.remark (tenant_id int NOT NULL, person uuid NOT NULL, remark text, PRIMARY KEY (tenant_id, person));
  INSERT INTO public.remark SELECT tenant_id, person_id, 'Remarque alpha' FROM attest_data.person WHERE anonymised_at IS NULL});
value($node, 'school', 'postgres', q{CALL attest.adopt('public.remark', 'remark', 'clear', 'person')});

my $empty = value($node, 'school', 'postgres', q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class c
  WHERE relnamespace = 'attest_data'::regnamespace AND relkind = 'r'
  AND (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', oid::regclass), false, true, '')))[1]::text = '0'});
is($empty, '', 'no table of attest_data is empty');

my $rows = digests($node, 'school');
my $facts = catalogue($node, 'school');
my $texts = opened($node, 'school');
like($texts, qr/Keralpha,"Une alpha"/, 'names open before the dump');

# --- the dump ---

my $dir = PostgreSQL::Test::Utils::tempdir();
my @from = ('-h', $node->host, '-p', $node->port, '-U', 'postgres');
command_ok([ 'pg_dump', @from, '-Fc', '-f', "$dir/school.dump", 'school' ], 'pg_dump');
command_ok([ 'pg_dump', @from, '-f', "$dir/school.sql", 'school' ], 'pg_dump as text');
command_ok([ 'pg_dumpall', @from, '--roles-only', '-f', "$dir/roles.sql" ], 'pg_dumpall of the roles');

my @names = grep { length > 4 } split /\n/, opened($node, 'school',
	q{SELECT unnest(ARRAY[last_name, email, phone, address]) FROM attest.people});
push @names, 'Remarque alpha', 'Keralpha', 'Une alpha', 'Motif alpha', '265068699587047', 'une@alpha.example', substr($png, 200, 60), '1990-05-17';
my $dump = slurp_file("$dir/school.sql");
cmp_ok(scalar(@names), '>', 80, 'known names: ' . scalar @names);
is((join ', ', grep { index($dump, $_) >= 0 } @names), '', 'the dump holds none of them in clear');
like($dump, qr/att1:/, 'it holds sealed values');

# --- restored ---

sub is_equal
{
	my ($where, $db, $name) = @_;

	is(digests($where, $db), $rows, "$name: every row of attest_data is equal");
	same_lines(catalogue($where, $db), $facts, "$name: every definition, grant and comment is equal");
	is(opened($where, $db), $texts, "$name: every sealed value opens");
	is(value($where, $db, 'operator', q{SELECT string_agg(code, ' ') FROM attest.doctor() WHERE code NOT IN ('worker_down')}), '',
		"$name: the doctor finds nothing");
	like(value($where, $db, 'postgres', 'SELECT attest.setup()'), qr/ is set up/, "$name: setup runs again");
	is(digests($where, $db), $rows, "$name: and changes no row");
	same_lines(catalogue($where, $db), $facts, "$name: and no definition");
	return;
}

command_ok([ 'createdb', @from, 'copy' ], 'a second database');
command_ok([ 'pg_restore', @from, '--exit-on-error', '-d', 'copy', "$dir/school.dump" ], 'pg_restore into it');
is_equal($node, 'copy', 'same cluster');

command_ok([ 'createdb', @from, 'text' ], 'a third database');
command_ok([ 'psql', @from, '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'text', '-f', "$dir/school.sql" ], 'the text dump goes into it');
is(digests($node, 'text'), $rows, 'text dump: every row of attest_data is equal');
same_lines(catalogue($node, 'text'), $facts, 'text dump: every definition is equal');

my $ticket = ticket($node, 'school', 'alpha', 'manager');
is_refused(as_tenant($node, 'copy', 'app', $ticket, 'SELECT 1'), 'TA002', 'a ticket of the origin in its copy');

my $other = attest_cluster('other', keyring => $node->{keyring});
my @to = ('-h', $other->host, '-p', $other->port, '-U', 'postgres');
my $sessions = slurp_file("$dir/roles.sql") =~ s/^(CREATE|ALTER) ROLE postgres.*\n//mgr;
is(run_sql($other, 'postgres', 'postgres', $sessions)->{err}, '', 'the roles go into another cluster');
command_ok([ 'createdb', @to, 'school' ], 'a database there');
command_ok([ 'pg_restore', @to, '--exit-on-error', '-d', 'school', "$dir/school.dump" ], 'pg_restore into it');
is_equal($other, 'school', 'other cluster, same keyring');

# --- without the key ---

# A keyring that opens tickets but not the values: they were wrapped under another key.
sub opens_nothing
{
	my ($state, $name) = @_;
	my $result = run_sql($other, 'school', 'operator', q{SELECT attest.issue_ticket('alpha', 'manager')});

	if ($result->{ok})
	{
		$result = as_tenant($other, 'school', 'app', $result->{out}, 'SELECT last_name FROM attest.people');
	}
	is_refused($result, $state, $name, 'Keralpha');
	return;
}

my $keyring = slurp_file($node->{keyring});
rename $node->{keyring}, "$node->{keyring}.away";
opens_nothing('TA301', 'no keyring');
value($other, 'school', 'operator', 'SELECT attest.create_keyring()');
opens_nothing('TA304', 'a keyring with another key of the same number');
append_to_file($node->{keyring}, ($keyring =~ /^(kek.*\n)/m)[0] =~ s/kek 1 active/kek 2 retiring/r);
opens_nothing('TA304', 'a keyring that knows the key by another number');
unlink $node->{keyring};
rename "$node->{keyring}.away", $node->{keyring};
is(opened($other, 'school'), $texts, 'the right keyring again: every sealed value opens');

# --- the extension goes and comes back ---

my $kept = digests($node, 'copy');
my $dropped = run_sql($node, 'copy', 'postgres', 'DROP EXTENSION attest');
is($dropped->{state}, '2BP01', 'DROP EXTENSION is refused while the data needs its types');
is(digests($node, 'copy'), $kept, 'and changes nothing');
is(run_sql($node, 'postgres', 'postgres', 'SELECT count(*) FROM pg_roles WHERE rolname ~ \'^attest_\'')->{out}, 5, 'the roles stay');

$other->stop;
$node->stop;
done_testing();
