#!/usr/bin/perl
# What an application role that holds a ticket of tenant alpha can see and do of tenant
# beta: nothing, whatever SQL it sends.  Every attempt is checked for the rows it
# returns, and all it prints is searched for anything that belongs to beta.
use strict;
use warnings;

use Attest;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my $node = attest_cluster('isolation');
my $db = 'school';
attest_database($node, $db);
my $alpha = new_tenant($node, $db, 'alpha');
my $beta = new_tenant($node, $db, 'beta');
my $ticket = ticket($node, $db, 'alpha', 'manager');
my $trainer = ticket($node, $db, 'alpha', 'trainer');
my $foreign = ticket($node, $db, 'beta', 'manager');
my $png = signature('s01-1', 'png');

sub sql { return value($node, $db, 'postgres', @_) }

sql('ANALYZE');
my $stored = digests($node, $db);

# Every word of beta: its ids, its sealed values, and its code, which is in all its texts.
my %theirs = map { ($_ => 1) } grep { /^[0-9a-f]{8}-/ } values %$beta;
for my $table (split /\n/, sql(q{SELECT oid::regclass FROM pg_class c WHERE relnamespace = 'attest_data'::regnamespace AND relkind = 'r'
  AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')}))
{
	$theirs{$_} = 1 for split /\n/, sql(qq{SELECT DISTINCT f.value FROM $table t, jsonb_each_text(to_jsonb(t)) f
	  WHERE t.tenant_id = $beta->{id} AND f.value ~ '^([0-9a-f]{8}-[0-9a-f-]{27}|att1:.*|\\\\x.{40,})\$'});
}
cmp_ok(scalar(keys %theirs), '>', 30, 'beta has values to look for: ' . keys %theirs);
my $attempts = 0;

# Nothing of beta in what came back; an error may repeat what the attempt itself gave.
sub holds_nothing
{
	my ($result, $name, @given) = @_;
	my $text = $result->{out} . $result->{err};

	$attempts++;
	$text =~ s/\Q$_\E//g for @given;
	my @found = grep { index($text, $_) >= 0 } keys %theirs;
	push @found, $text =~ /(\S*beta\S*)/gi;
	return is("@found", '', "$name: nothing of beta");
}

# attempt(name, sql, expected output or qr/SQLSTATE/, option => value):
#	ticket => '' for none; role => 'app'; and psql variables, beta's ids as b_<name>.
my %ids = ((map { ("a_$_" => $alpha->{$_}) } keys %$alpha), (map { ("b_$_" => $beta->{$_}) } keys %$beta));

sub attempt
{
	my ($name, $sql, $expected, %option) = @_;
	my $role = delete $option{role} // 'app';
	my $with = delete $option{ticket} // $ticket;
	my $result = $with eq '' ? run_sql($node, $db, $role, $sql, %ids, %option) : as_tenant($node, $db, $role, $with, $sql, %ids, %option);
	my @given = map { $beta->{$_} } $sql =~ /:'b_(\w+)'/g;

	if (ref $expected) { like($result->{state}, $expected, $name) or diag($result->{out} . $result->{err}) }
	elsif (defined $expected) { is($result->{out}, $expected, $name) or diag($result->{err}) }
	holds_nothing($result, $name, @given);
	return $result;
}

# --- every table and view, for every role ---

my @relations = split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'v')
  AND relnamespace IN ('attest'::regnamespace, 'attest_data'::regnamespace, 'attest_report'::regnamespace) ORDER BY 1});
my @with_tenant = split /\n/, sql(q{SELECT attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
  WHERE attname = 'tenant_id' AND relkind = 'r' ORDER BY 1});

for my $role (qw(app analyst auditor))
{
	for my $relation (@relations)
	{
		attempt("$role reads $relation", "SELECT * FROM $relation", undef, role => $role);
		my $without = attempt("$role reads $relation without a ticket", "SELECT count(*) FROM $relation", undef,
			role => $role, ticket => '');
		next if $relation =~ /job/;
		ok($without->{state} eq '42501' || $without->{out} eq '0', '  and sees no row') or diag($without->{out} . $without->{err});
	}
}

# --- queries ---

my $mine = sql(qq{SELECT count(*) FROM attest_data.person WHERE tenant_id = $alpha->{id}});
my $count = 'SELECT count(*) FROM attest_data.person';
my %query = (
	'a condition on the tenant' => [ qq{$count WHERE tenant_id = $beta->{id}}, 0 ],
	'a condition that is always true' => [ "$count WHERE tenant_id = $beta->{id} OR true", $mine ],
	'an id that was guessed' => [ qq{$count WHERE person_id = :'b_learner'}, 0 ],
	'a join on ids' => [ q{SELECT count(*) FROM attest_data.person p JOIN attest_data.presence e ON e.tenant_id <> p.tenant_id OR e.person_id = :'b_learner'}, 0 ],
	'a full join' => [ q{SELECT count(*) FROM attest_data.course c FULL JOIN attest_data.session s ON false}, 2 ],
	'an anti join' => [ q{SELECT count(*) FROM attest_data.slot s WHERE NOT EXISTS (SELECT FROM attest_data.session e WHERE e.tenant_id = s.tenant_id)}, 0 ],
	'a lateral join' => [ q{SELECT count(*) FROM attest.tenants t, LATERAL (SELECT FROM attest_data.course c WHERE c.tenant_id <> t.id) x}, 0 ],
	'a recursive query' => [ q{WITH RECURSIVE r AS (SELECT tenant_id FROM attest_data.person UNION SELECT r.tenant_id + 1 FROM r WHERE tenant_id < 9)
	  SELECT count(*) FROM attest_data.person JOIN r USING (tenant_id)}, $mine ],
	'a union of tables' => [ q{SELECT count(DISTINCT tenant_id) FROM (SELECT tenant_id FROM attest_data.course UNION ALL SELECT tenant_id FROM attest_data.enrolment) u}, 1 ],
	'a window over all rows' => [ q{SELECT max(n) FROM (SELECT count(*) OVER () AS n FROM attest_data.person) w}, $mine ],
	'a sample' => [ q{SELECT count(*) FROM attest_data.person TABLESAMPLE system (100)}, $mine ],
	'ctid' => [ q{SELECT count(*) FROM attest_data.person WHERE ctid = ANY (SELECT format('(0,%s)', n)::tid FROM generate_series(1, 200) n)}, $mine ],
	'tableoid and system columns' => [ q{SELECT count(xmin) FROM attest_data.course}, 1 ],
	'whole rows as json' => [ q{SELECT count(*) FROM (SELECT to_jsonb(p) FROM attest_data.person p) j}, $mine ],
	'a table as xml' => [ q{SELECT length(table_to_xml('attest_data.course', true, false, '')::text) < 2000}, 't' ],
	'COPY of a query' => [ q{COPY (SELECT tenant_id FROM attest_data.course) TO STDOUT}, $alpha->{id} ],
	'COPY of a table' => [ q{COPY attest_data.course (tenant_id) TO STDOUT}, $alpha->{id} ],
	'a lock on rows' => [ q{SELECT 1 FROM attest_data.person FOR UPDATE}, qr/42501/ ],
	'a cursor' => [ qq{DECLARE c CURSOR FOR SELECT tenant_id FROM attest_data.course; FETCH ALL c}, $alpha->{id} ],
	'EXPLAIN' => [ q{EXPLAIN (VERBOSE) SELECT * FROM attest_data.person WHERE reference IS NOT NULL}, qr/TA015/ ],
	'planner statistics' => [ q{SELECT count(*) FROM pg_stats WHERE schemaname = 'attest_data' AND tablename IN ('person', 'course')}, 0 ],
	'raw statistics' => [ q{SELECT count(*) FROM pg_statistic}, qr/42501/ ],
	'the ticket of the session' => [ q{SELECT current_setting('attest.ticket')}, '(set)' ],
	'the settings view' => [ q{SELECT count(*) FROM pg_settings WHERE name = 'attest.ticket'}, 0 ],
	'row security switched off' => [ "SET LOCAL row_security = off; $count", qr/42501/ ],
);
attempt($_, @{ $query{$_} }) for sort keys %query;

# A function that shows what it is asked about, as cheap as can be, and a cast that fails.
sql(<<'SQL');
CREATE FUNCTION public.spy(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'spy %', t; RETURN true; END $$;
CREATE FUNCTION public.count_people() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM attest_data.person); END $$;
CREATE FUNCTION public.count_owned() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM attest_data.person';
ALTER FUNCTION public.count_owned() OWNER TO attest_owner;
SQL
like(attempt('a function that leaks its argument', q{SELECT count(*) FROM attest_data.course WHERE public.spy(title) AND public.spy(code)}, 1)->{err},
	qr/spy Cours alpha/, '  it did see what is of alpha');
attempt('a cast that fails', q{SELECT count(*) FROM attest_data.course WHERE title::int = 1}, qr/22P02/);
attempt('a division that fails', q{SELECT count(*) FROM attest_data.person WHERE 1 / (tenant_id - :b_id) > 5}, 0);
attempt('a function of the owner of the tables', 'SELECT public.count_owned()', $mine);
attempt('the same without a ticket', 'SELECT public.count_owned()', 0, ticket => '');

# --- writing ---

for my $table (@with_tenant)
{
	attempt("INSERT into $table", "INSERT INTO $table (tenant_id) VALUES ($beta->{id})", qr/42501/);
	attempt("UPDATE of $table", "UPDATE $table SET tenant_id = $alpha->{id}", qr/42501/);
	attempt("DELETE from $table", "DELETE FROM $table", qr/42501/);
	attempt("TRUNCATE of $table", "TRUNCATE $table CASCADE", qr/TA015/);
}
attempt('COPY into a table', "COPY attest_data.course FROM STDIN;\n\\.\n", qr/42501/);
attempt('UPDATE through a view', q{UPDATE attest.people SET reference = 'x'}, qr/42501/);
attempt('MERGE', q{MERGE INTO attest_data.course c USING attest_data.slot s ON true WHEN MATCHED THEN DELETE}, qr/42501/);

# The owner of the tables itself, as definer functions work, is bound to the tenant.
my $course = q{INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature) VALUES};
my %owner = (
	'inserts for beta' => [ "$course ($beta->{id}, attest.uuid_v7(), 'x', 'x', 'x')", qr/42501/ ],
	'inserts for beta unless it is there' => [ "$course ($beta->{id}, :'b_course', 'x', 'x', 'x') ON CONFLICT DO NOTHING", qr/42501/ ],
	'overwrites through a conflict' => [ "$course ($beta->{id}, :'b_course', 'x', 'x', 'x')
	  ON CONFLICT (tenant_id, course_id) DO UPDATE SET title = 'x'", qr/42501/ ],
	'updates beta' => [ "UPDATE attest_data.course SET title = 'x' WHERE tenant_id = $beta->{id} RETURNING 1", '' ],
	'deletes from beta' => [ "DELETE FROM attest_data.participation WHERE person_id = :'b_learner' RETURNING 1", '' ],
	'moves a row to beta' => [ "UPDATE attest_data.course SET tenant_id = $beta->{id}", qr/42501/ ],
	'uses an id that beta has' => [ "$course ($alpha->{id}, :'b_course', 'x', 'x', 'x') RETURNING 1; ROLLBACK", 1 ],
	'refers to a row of beta' => [ "INSERT INTO attest_data.session (tenant_id, session_id, course_id, title, starts_on, ends_on, late_after)
	  VALUES ($alpha->{id}, attest.uuid_v7(), :'b_course', 'x', now(), now(), '1s')", qr/23503/ ],
	'looks for a key of beta' => [ "SELECT count(*) FROM attest_data.subject_key WHERE subject_id = :'b_learner'", 0 ],
);
attempt("the owner $_", "SET LOCAL ROLE attest_owner; $owner{$_}[0]", $owner{$_}[1], role => 'postgres') for sort keys %owner;

# --- guessed ids through the API: the answer is that of an id nobody has ---

sql(q{SELECT attest.create_account('alpha', 'dpo', 'dpo')});
my $sealed = sql(qq{SELECT last_name FROM attest_data.person WHERE person_id = '$beta->{learner}'});
my %call = (
	plan_session => q{attest.plan_session(:'b_course', 'x', '2026-01-01', '2026-01-02')},
	plan_slot => q{attest.plan_slot(:'b_session', now(), now() + interval '1 hour')},
	assign_trainer => q{attest.assign_trainer(:'b_slot', :'a_trainer')},
	'assign_trainer, person' => q{attest.assign_trainer(:'a_slot', :'b_trainer')},
	enrol => q{attest.enrol(:'b_session', :'a_learner')},
	'enrol, person' => q{attest.enrol(:'a_session', :'b_learner')},
	withdraw => q{attest.withdraw(:'b_session', :'b_learner', current_date)},
	sign => q{attest.sign(:'b_slot', :'b_learner', :'png')},
	'sign, person' => q{attest.sign(:'a_slot', :'b_learner', :'png')},
	countersign => q{attest.countersign(:'b_past_slot', :'png')},
	record_presence => q{attest.record_presence(:'b_slot', :'b_learner', 'absent', 'x')},
	live_board => q{attest.live_board(:'b_slot')},
	set_operation_parameters => q{attest.set_operation_parameters(:'b_operation', '{"exit_window_days": 14}', 'x')},
	record_participation => q{attest.record_participation(:'b_operation', :'a_learner', '{"entry": "2023-03-01"}')},
	'record_participation, person' => q{attest.record_participation(:'a_operation', :'b_learner', '{"entry": "2023-03-01"}')},
	place_hold => q{attest.place_hold(:'b_learner', 'x')},
	unseal => q{attest.unseal(:'sealed')},
	'unseal, named' => q{attest.unseal(:'sealed', :'b_learner', 'person.last_name')},
);
for my $name (sort keys %call)
{
	my $with = $name eq 'countersign' ? $trainer : $ticket;
	my $result = attempt("$name with ids of beta", "SELECT $call{$name}", qr/^TA(103|105|305)$/, ticket => $with, png => $png, sealed => $sealed);
	next if $name =~ /unseal/;
	my %nobody = map { ("b_$_" => '01900000-0000-7000-8000-000000000001') } keys %$beta;
	my $unknown = as_tenant($node, $db, 'app', $with, "SELECT $call{$name}", %ids, %nobody, png => $png);
	my @said = map { $_->{err} =~ s/[0-9a-f]{8}-[0-9a-f-]{27}/id/gr } $result, $unknown;
	is($said[0], $said[1], '  the answer tells nothing: an id nobody has gets the same');
}
attempt('lift_hold with an id of beta', q{SELECT attest.lift_hold(:'b_learner', 'x')}, 0);
attempt('esf_report of an operation of beta', q{SELECT * FROM attest.esf_report(:'b_code' || '-fse')}, qr/TA105/);
attempt('a course code that beta uses', q{SELECT attest.create_course(:'b_code' || '-course', 'x') IS NOT NULL; ROLLBACK}, 't');
attempt('a key of its own for a person of beta opens nothing of theirs',
	q{SELECT attest.seal('x', :'b_learner', 'p') IS NOT NULL; SELECT attest.unseal(:'sealed'); ROLLBACK}, qr/TA305/, sealed => $sealed);

# Functions that are not for applications.
is(sql(q{SELECT string_agg(p.oid::regprocedure::text, ' ') FROM pg_proc p WHERE pronamespace = 'attest_internal'::regnamespace
  AND has_function_privilege('app', p.oid, 'EXECUTE') AND proname !~ '^(nir|siret|siren|sealed|signature|tally|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$'
  AND proname <> 'planned_tenant'}),
	'', 'an application may call no inner function but those of the types and what plans call for current_tenant()');
for my $call ("attest_internal.enter_tenant($beta->{id})", "attest_internal.mint_ticket($beta->{id}, NULL, 'manager', NULL, '1 hour')",
	q{attest.issue_ticket(:'b_code', 'manager')}, q{attest_internal.anonymise_person(:'b_learner', 'x')}, 'attest_internal.retention_job()')
{
	attempt("calling $call", "SELECT $call", qr/42501/);
}

# --- the variable ---

sub in_session
{
	my ($name, $sql, $expected) = @_;
	return attempt($name, $sql, $expected, ticket => '', t => $ticket, f => $foreign);
}

in_session('a session-level SET, next statement', "SET attest.ticket = :'t'; $count", 0);
in_session('a session-level SET left by a transaction', "BEGIN; SET attest.ticket = :'t'; $count; COMMIT; $count", "$mine\n0");
in_session('a session-level set_config', "SELECT set_config('attest.ticket', :'t', false) \\gset x_\n$count", 0);
in_session('a SET of beta left for a transaction of alpha',
	"BEGIN; SET attest.ticket = :'f'; COMMIT; BEGIN; SELECT attest.enter(:'t') \\gset\n$count; COMMIT; $count", "$mine\n0");
in_session('RESET ALL', "BEGIN; SELECT attest.enter(:'t') \\gset\nRESET ALL; $count", 0);
in_session('RESET of the variable', "BEGIN; SELECT attest.enter(:'t') \\gset\nRESET attest.ticket; $count", 0);
in_session('DISCARD ALL after a session-level SET', "SET attest.ticket = :'t'; DISCARD ALL; $count", 0);
in_session('SET ROLE', "BEGIN; SELECT attest.enter(:'t') \\gset\nSET LOCAL ROLE attest_app; $count", $mine);
in_session('SET ROLE to the owner', 'SET ROLE attest_owner', qr/42501/);
in_session('SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION attest_owner', qr/42501/);
in_session('a savepoint rolled back', "BEGIN; SAVEPOINT s; SELECT attest.enter(:'t') \\gset\nROLLBACK TO s; $count", 0);
in_session('another tenant after a savepoint', "BEGIN; SAVEPOINT s; SELECT attest.enter(:'t') \\gset\nROLLBACK TO s; SELECT attest.enter(:'f')", qr/TA004/);
in_session('another tenant after RESET', "BEGIN; SELECT attest.enter(:'t') \\gset\nRESET ALL; SET LOCAL attest.ticket = :'f'", qr/TA004/);
in_session('a transaction chained', "BEGIN; SELECT attest.enter(:'t') \\gset\nCOMMIT AND CHAIN; $count", 0);
in_session('a ticket with a binding of its own', qq{BEGIN; SET LOCAL attest.ticket = :'t'; SELECT set_config('attest.ticket', :'f' || '\@1', true)}, qr/TA002/);
in_session('a prepared statement, generic, across tenants', <<"SQL", "$mine|1\n0|0");
SET plan_cache_mode = force_generic_plan;
PREPARE q AS SELECT count(*), count(DISTINCT tenant_id) FROM attest_data.person;
BEGIN; SELECT attest.enter(:'f') \\gset
EXECUTE q \\gset skip_
COMMIT;
BEGIN; SELECT attest.enter(:'t') \\gset
EXECUTE q; COMMIT;
EXECUTE q;
SQL
in_session('a function with a cached plan, across tenants', <<"SQL", "$mine\n0");
SET plan_cache_mode = force_generic_plan;
BEGIN; SELECT attest.enter(:'f') \\gset
SELECT public.count_people() \\gset skip_
COMMIT;
BEGIN; SELECT attest.enter(:'t') \\gset
SELECT public.count_people(); COMMIT;
SELECT public.count_people();
SQL
in_session('a cursor read after its transaction', "BEGIN; SELECT attest.enter(:'f') \\gset\nDECLARE c CURSOR FOR TABLE attest_data.course; COMMIT; FETCH ALL c", qr/34000/);

# Behind a pooler the next transaction of the connection may be anybody's.
my %left = (
	'a cursor WITH HOLD' => 'DECLARE c CURSOR WITH HOLD FOR TABLE attest_data.course',
	'a temporary table' => 'CREATE TEMPORARY TABLE kept AS TABLE attest_data.course',
	'a temporary table that keeps its rows' => 'CREATE TEMPORARY TABLE kept (t text) ON COMMIT PRESERVE ROWS',
	'SELECT INTO' => 'SELECT * INTO TEMPORARY kept FROM attest_data.course',
	'LISTEN' => 'LISTEN something',
	'a prepared transaction' => q{PREPARE TRANSACTION 'kept'},
);
attempt("$_ is not left behind", $left{$_}, qr/TA014/) for sort keys %left;
attempt('a temporary table that goes with the transaction', 'CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT 1 AS n; TABLE gone', 1);
attempt('EXPLAIN ANALYZE, which counts the rows it removes', 'EXPLAIN (ANALYZE) SELECT * FROM attest_data.person', qr/TA015/);

# The payload of a ticket made to name beta, under the MAC of alpha.
my (undef, $payload, $mac) = split /\./, $ticket;
my $bytes = decode_base64($payload =~ tr{-_}{+/}r);
substr($bytes, 4, 4) = pack 'N', $beta->{id};
my $forged = 'attest1.' . (encode_base64($bytes, '') =~ tr{+/=}{-_}dr) . ".$mac";
attempt('a forged ticket', q{SELECT attest.enter(:'forged')}, qr/TA002/, ticket => '', forged => $forged);

# Settings that come with a function, a role, a database or a connection.
# The first three would keep a ticket in a catalogue that others read: they are refused.
for my $setting ("CREATE FUNCTION public.as_other() RETURNS int LANGUAGE sql SET attest.ticket = '$foreign' AS 'SELECT 1'",
	"ALTER ROLE app SET attest.ticket = '$foreign'", "ALTER DATABASE $db SET attest.ticket = '$foreign'")
{
	is(run_sql($node, $db, 'postgres', $setting)->{state}, 'TA002', (split ' SET ', $setting)[0] . ' with a ticket is refused');
}
{
	local $ENV{PGOPTIONS} = "-c attest.ticket=$foreign";
	attempt('a ticket among the options of the connection', $count, 0, ticket => '');
}

# --- parallel workers ---

my $parallel = q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
  SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0; SET force_parallel_mode = on;
  SET parallel_leader_participation = off;};
sql('GRANT pg_read_all_stats TO app');
my $plan = in_session('a parallel plan', "$parallel EXPLAIN $count", undef);
like($plan->{out}, qr/Workers Planned/, '  it has workers');
sql('REVOKE pg_read_all_stats FROM app');
in_session('a parallel plan with a ticket', "$parallel BEGIN; SELECT attest.enter(:'t') \\gset\n$count", $mine);
in_session('a parallel plan without', "$parallel $count", 0);
in_session('a parallel plan with a stale ticket', "$parallel SET attest.ticket = :'f'; $count; BEGIN; $count", "0\n0");
in_session('a parallel plan with a stale ticket of another', "$parallel SET attest.ticket = :'f'; BEGIN; SELECT attest.enter(:'t') \\gset\n$count", $mine);
attempt('a parallel plan with a stale ticket that has expired', "$parallel SET attest.ticket = :'short'; SELECT pg_sleep(2.1) \\gset\n$count", 0,
	ticket => '', short => ticket($node, $db, 'alpha', 'manager', '2 seconds'));
attempt('a parallel plan after a savepoint was rolled back', "$parallel SAVEPOINT s; SELECT attest.enter(:'t') \\gset\nROLLBACK TO s; $count", $mine,
	t => $ticket);

# --- what an operator in the search path is asked ---

sql('CREATE SCHEMA planted AUTHORIZATION app; GRANT USAGE ON SCHEMA planted TO PUBLIC');
value($node, $db, 'app', <<'SQL');
CREATE FUNCTION planted.eq(a int, b int) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'planted: works as %', current_user; RETURN true; END $$;
CREATE FUNCTION planted.eq(a uuid, b uuid) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'planted: works as %', current_user; RETURN true; END $$;
CREATE OPERATOR planted.= (LEFTARG = int, RIGHTARG = int, FUNCTION = planted.eq);
CREATE OPERATOR planted.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = planted.eq);
SQL
my %planted = (
	'opening a value' => q{SELECT last_name FROM attest.people LIMIT 1},
	'sealing a value' => q{SELECT attest.seal('x', :'a_learner', 'p') IS NOT NULL},
	'sealing for somebody new' => q{SELECT attest.seal('x', attest.uuid_v7(), 'p') IS NOT NULL; ROLLBACK},
	'signing' => q{SELECT attest.sign(:'a_slot', :'a_second', :'png') IS NOT NULL; ROLLBACK},
	'asking who one is' => q{SELECT profile FROM attest.whoami()},
);
for my $name (sort keys %planted)
{
	my $result = attempt("an operator in the search path, $name", "SET LOCAL search_path = planted, pg_catalog; $planted{$name}", undef, png => $png);
	unlike($result->{err}, qr/planted: works as attest_owner/, '  it never works as the owner');
	is($result->{state}, '', '  and does not get in the way');
}

# --- policies that somebody adds or drops ---

sql(q{SET ROLE attest_owner; CREATE POLICY oops ON attest_data.person USING (true) WITH CHECK (true)});
attempt('a permissive policy USING (true)', $count, $mine);
attempt('a permissive policy USING (true), without a ticket', $count, 0, ticket => '');
# The guard refuses to drop it; damage done while the library was not loaded:
sql(q{SET allow_system_table_mods = on; UPDATE pg_policy SET polpermissive = true, polqual = NULL
  WHERE polrelid = 'attest_data.person'::regclass AND polname = 'tenant_isolation'});
attempt('and the restrictive policy dropped', $count, $mine);
attempt('and the restrictive policy dropped, without a ticket', $count, 0, ticket => '');
attempt('and the restrictive policy dropped, in parallel', "$parallel $count", 0, ticket => '');
attempt('and an INSERT of the owner', "SET LOCAL ROLE attest_owner; INSERT INTO attest_data.person (tenant_id, person_id, profiles, gender)
  VALUES ($beta->{id}, attest.uuid_v7(), '{learner}', 'F')", qr/42501/, role => 'postgres');
sql('DROP POLICY oops ON attest_data.person');

is(digests($node, $db, 'account'), join("\n", grep { !/^account\|/ } split /\n/, $stored), 'after all attempts: nothing stored has changed');
cmp_ok($attempts, '>=', 40, "$attempts attempts");

$node->stop;
done_testing();
