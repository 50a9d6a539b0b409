#!/usr/bin/perl
# A hostile author of SQL, who holds a ticket of the tenant alpha and a role of attest_app,
# against the tenant beta; then a careless one, behind a pooler.  Every attempt is one
# line: it must get the expected answer, and nothing of the other tenant may stand in what
# came back or in the server log.
use strict;
use warnings;

use Attack;
use Digest::SHA qw(hmac_sha256);
use IPC::Run ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

sub base64url { return encode_base64($_[0], '') =~ tr{+/=\n}{-_}dr }
sub unbase64url { return decode_base64($_[0] =~ tr{-_}{+/}r) }

my $node = start_cluster();
my $has_pooler = start_pooler();
fill_tenant('alpha', 'Xqaulne');
fill_tenant('beta', 'Xqbourg');
# Tables that are worth a parallel scan.
admin(qq{INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature)
  SELECT t, attest.uuid_v7(), w || n, 'Cours ' || w, 'training' FROM (VALUES (1, 'Xqaulne'), (2, 'Xqbourg')) v (t, w), generate_series(1, 20000) n});
admin('ANALYZE');
note_victims('alpha', 'beta');
my ($alpha, $beta) = map { variable("${_}_ticket") } qw(alpha beta);
my $people = 'SELECT count(*) FROM attest_data.person';
my $mine = admin(qq{$people WHERE tenant_id = 1});
my $courses = 'SELECT count(*) FROM attest_data.course';
cmp_ok(victim_values('beta'), '>', 200, 'beta has values to look for: ' . victim_values('beta'));

# What a careless administrator may have left about.
admin(<<'SQL');
CREATE FUNCTION public.said(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'accepted'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
CREATE FUNCTION public.spy(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'spy %', t; RETURN true; END $$;
CREATE FUNCTION public.spies(a text, b text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'spy %', a; RETURN a = b; END $$;
CREATE OPERATOR public.=~= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.spies, RESTRICT = eqsel);
CREATE FUNCTION public.count_people() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM attest_data.person); END $$;
CREATE FUNCTION public.all_courses() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT title FROM attest_data.course';
CREATE FUNCTION public.count_owned() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM attest_data.person';
ALTER FUNCTION public.count_owned() OWNER TO attest_owner;
CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE public.every_course (LIKE attest_data.course) PARTITION BY LIST (tenant_id);
CREATE ROLE dev LOGIN IN ROLE attest_app; CREATE SCHEMA dev AUTHORIZATION dev; GRANT USAGE ON SCHEMA dev TO app;
SQL

# --- forging ---

group 'forging';
my (undef, $payload, $mac) = split /\./, $alpha;
my $bytes = unbase64url($payload);

session('any character of the ticket changed', <<'SQL', 'TA002');
SELECT string_agg(DISTINCT public.said(format('SET attest.ticket = %L', overlay(:'alpha_ticket' PLACING c FROM i FOR 1))), ' ')
FROM generate_series(1, length(:'alpha_ticket')) i, unnest('{A,B,g,_,.}'::text[]) c WHERE substr(:'alpha_ticket', i, 1) <> c
SQL
session('cut, lengthened, doubled, spaced, padded, bound by hand, empty', <<'SQL', 'TA002');
SELECT string_agg(DISTINCT public.said(format('SELECT attest.enter(%L)', t)), ' ') FROM (
  SELECT left(:'alpha_ticket', n) FROM generate_series(0, length(:'alpha_ticket') - 1) n
  UNION ALL SELECT :'alpha_ticket' || x FROM unnest('{A,=,==," ",.,@,@1,@0,@4294967295,-}'::text[]) x
  UNION ALL SELECT x || :'alpha_ticket' FROM unnest('{" ",A,attest1.}'::text[]) x
  UNION ALL VALUES (upper(:'alpha_ticket')), (replace(:'alpha_ticket', 'attest1', 'attest2')), (repeat('A', 1000000)), (:'alpha_ticket' || E'\n')) f (t)
SQL
my %field = (tenant => [ 4, pack('N', 2) ], account => [ 8, "\1" x 16 ], person => [ 24, "\1" x 16 ], expiry => [ 48, pack('Q>', 2**52) ],
	'key id' => [ 0, pack('N', 2) ], 'the account of an operator' => [ 8, "\0" x 16 ], profile => [ 69, 'operat' ]);
for my $name (sort keys %field)
{
	my $forged = $bytes;
	substr($forged, $field{$name}[0], length $field{$name}[1]) = $field{$name}[1];
	session("another $name under the same MAC", q{SELECT attest.enter(:'forged')}, qr/^TA002$/, forged => 'attest1.' . base64url($forged) . ".$mac");
}
my $for_beta = $bytes;
substr($for_beta, 4, 4) = pack 'N', 2;
my $text = 'attest1.' . base64url($for_beta);
session("the MAC of $_->[0]", q{SELECT attest.enter(:'forged')}, qr/^TA002$/, forged => $text . '.' . base64url(hmac_sha256($text, $_->[1])))
  for [ 'a keyring of another cluster', 'k' x 32 ], [ 'an empty key', '' ], [ 'a key of zeros', "\0" x 32 ], [ 'a key that is the ticket', $alpha ];
session('a MAC of zeros', q{SELECT attest.enter(:'forged')}, qr/^TA002$/, forged => $text . '.' . base64url("\0" x 32));
session('an expired ticket', q{SELECT pg_sleep(1.1) \g /dev/null} . "\nSELECT attest.enter(:'short')", qr/^TA003$/, short => ticket('alpha', 'manager', '1 second'));
admin('CREATE DATABASE other', database => 'postgres');
admin('SET client_min_messages = error; CREATE EXTENSION attest CASCADE', database => 'other');
admin(q{SELECT attest.setup()}, database => 'other');
session('a ticket of another database', q{SELECT attest.enter(:'alpha_ticket')}, qr/^TA002$/, database => 'other');
admin("SELECT attest.add_identity_provider('$_', 'https://$_.example', 'attest')") for qw(alpha beta);
my %key = (alpha => 'a' x 32, beta => 'b' x 32);
admin("SELECT attest.import_jwk('https://$_.example', 'attest', :'jwk')", jwk => qq({"kty": "oct", "alg": "HS256", "kid": "k", "k": "@{[base64url($key{$_})]}"})) for keys %key;
my $modulus = "\xc3" . join('', map { chr(($_ * 37 + 11) % 256) } 1 .. 254) . "\x0b";
admin(q{SELECT attest.import_jwk('https://beta.example', 'attest', :'jwk')}, jwk => qq({"kty": "RSA", "alg": "RS256", "kid": "r", "n": "@{[base64url($modulus)]}", "e": "AQAB"}));
my $claims = '"aud": "attest", "sub": "manager", "exp": ' . (time + 600);
for (
	[ 'the provider of alpha, the issuer of beta', '"alg": "HS256", "kid": "k"', '"iss": "https://beta.example"', $key{alpha} ],
	[ 'no algorithm', '"alg": "none", "kid": "k"', '"iss": "https://beta.example"', '' ],
	[ 'the public key of beta as an HMAC key', '"alg": "HS256", "kid": "r"', '"iss": "https://beta.example"', $modulus ],
	[ 'the algorithm of another key', '"alg": "HS256", "kid": "r"', '"iss": "https://beta.example"', $key{beta} ],
	[ 'two issuers', '"alg": "HS256", "kid": "k"', '"iss": "https://beta.example", "iss": ["https://alpha.example"]', $key{alpha} ],
	[ 'an issuer that is a pattern', '"alg": "HS256", "kid": "k"', '"iss": "https://%.example"', $key{alpha} ])
{
	my ($name, $header, $issuer, $secret) = @$_;
	my $signed = base64url("{$header}") . '.' . base64url("{$issuer, $claims}");
	session("JWT: $name", "BEGIN; SELECT attest.enter_jwt(:'token'); $people", qr/^TA017$/, token => $signed . '.' . base64url(hmac_sha256($signed, $secret)));
}
my $signed = base64url('{"alg": "HS256", "kid": "k"}') . '.' . base64url(qq({"iss": "https://alpha.example", "tenant": "beta", "tenant_id": 2, $claims}));
session('JWT: a tenant among the claims', "BEGIN; SELECT attest.enter_jwt(:'token') \\g /dev/null\nSELECT attest.current_tenant(); $people", "1\n$mine",
	token => $signed . '.' . base64url(hmac_sha256($signed, $key{alpha})));

admin(q{SELECT attest.add_identity_provider('beta', 'https://alpha.example', 'attest-beta')});
admin("SELECT attest.import_jwk('https://alpha.example', 'attest-beta', :'jwk')", jwk => qq({"kty": "oct", "alg": "HS256", "kid": "k", "k": "@{[base64url($key{alpha})]}"}));
$signed = base64url('{"alg": "HS256", "kid": "k"}') . '.' . base64url('{"iss": "https://alpha.example", ' . $claims =~ s/"attest"/["attest-beta", "attest"]/r . '}');
session('JWT: the audiences of two tenants', "BEGIN; SELECT attest.enter_jwt(:'token'); $people", qr/^TA017$/, token => $signed . '.' . base64url(hmac_sha256($signed, $key{alpha})));

# --- the variable ---

group 'variable';
my $enter = q{SELECT attest.enter(:'alpha_ticket') \g /dev/null} . "\n";
session('a session-level SET, in the next transaction', "SET attest.ticket = :'alpha_ticket'; $people", 0);
session('a session-level SET, ten transactions later', "SET attest.ticket = :'alpha_ticket';" . 'BEGIN; COMMIT;' x 10 . $people, 0);
session('set_config beyond the transaction', "SELECT set_config('attest.ticket', :'alpha_ticket', false) \\g /dev/null\n$people", 0);
session('RESET gives back nothing', "SET attest.ticket = :'beta_ticket'; BEGIN; ${enter}RESET attest.ticket; $people", 0);
session('RESET ALL', "BEGIN; ${enter}RESET ALL; $people", 0);
session('DISCARD ALL', "SET attest.ticket = :'alpha_ticket'; DISCARD ALL; $people", 0);
session('a second tenant', "BEGIN; ${enter}SET LOCAL attest.ticket = :'beta_ticket'; $people", qr/^TA004$/);
session('a second tenant, by enter', "BEGIN; ${enter}SELECT attest.enter(:'beta_ticket')", qr/^TA004$/);
session('a second tenant, after a savepoint', "BEGIN; SAVEPOINT s; ${enter}ROLLBACK TO s; SELECT attest.enter(:'beta_ticket')", qr/^TA004$/);
session('a second tenant, after RESET ALL', "BEGIN; ${enter}RESET ALL; SELECT attest.enter(:'beta_ticket')", qr/^TA004$/);
session('a ticket left by a savepoint', "BEGIN; SAVEPOINT s; ${enter}ROLLBACK TO s; $people", 0);
session('a chained transaction', "BEGIN; ${enter}COMMIT AND CHAIN; $people", 0);
session('reading the value back', "BEGIN; ${enter}SELECT current_setting('attest.ticket'); SHOW attest.ticket", "(set)\n(set)");
session('the settings view', q{UPDATE pg_settings SET setting = 'x' WHERE name LIKE 'attest.t%'}, '');
session('a variable beside it', q{SET attest.tenant = 2}, qr/^42602$/);
session('a ticket kept by a role, in a catalogue for all to read', "ALTER ROLE app SET attest.ticket = :'alpha_ticket'", qr/^TA002$/);
session('a ticket kept by a function', "SELECT public.said(format('CREATE FUNCTION dev.f() RETURNS int LANGUAGE sql SET attest.ticket = %L AS \$\$ SELECT 1 \$\$', :'alpha_ticket'))",
	'TA002', role => 'dev');
session('a ticket kept by a database', "ALTER DATABASE school SET attest.ticket = :'beta_ticket'", qr/^TA002$/, role => 'postgres');
session('a ticket among the options of the connection', $people, 0, options => "-c attest.ticket=$alpha");
session('the same, in parallel', "SET force_parallel_mode = on; $people", 0, options => "-c attest.ticket=$alpha");
session('a forged ticket among the options', $people, sub { $_[0]{err} !~ /AAAA|\Q$alpha\E/ }, options => '-c attest.ticket=attest1.AAAA.AAAA');
attempt('SET ROLE to the owner', 'SET ROLE attest_owner', qr/^42501$/);
attempt('SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION postgres', qr/^42501$/);
attempt('row security switched off', "SET LOCAL row_security = off; $people", qr/^42501$/);

# --- behind a pooler ---

group 'pooling';
my $A = "BEGIN; SELECT attest.enter(:'alpha_ticket') \\g /dev/null\n";
my $B = "BEGIN; SELECT attest.enter(:'beta_ticket') \\g /dev/null\n";
my $names = 'SELECT last_name FROM attest.people';
my $gone = qr/^(42P01|34000|42704|3F000|42883|TA014)$/;
my @left = (
	[ 'a cursor WITH HOLD', "$A DECLARE c CURSOR WITH HOLD FOR $names; COMMIT", 'FETCH ALL c' ],
	[ 'a cursor WITH HOLD made before entering', "BEGIN; DECLARE c CURSOR WITH HOLD FOR $names; SELECT attest.enter(:'alpha_ticket'); COMMIT", 'FETCH ALL c' ],
	[ 'a cursor WITH HOLD made by EXECUTE', "$A DO \$\$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR $names'; END \$\$; COMMIT", 'FETCH ALL c' ],
	[ 'a plain cursor', "$A DECLARE c CURSOR FOR $names; COMMIT", 'FETCH ALL c' ],
	[ 'a temporary table', "$A CREATE TEMP TABLE kept AS $names; COMMIT", 'TABLE kept' ],
	[ 'a table of pg_temp', "$A CREATE TABLE pg_temp.kept AS $names; COMMIT", 'TABLE kept' ],
	[ 'a table in a search_path of pg_temp', "$A SET LOCAL search_path = pg_temp; SELECT last_name INTO kept FROM attest.people; COMMIT", 'TABLE kept' ],
	[ 'a temporary table made before entering', "BEGIN; CREATE TEMP TABLE kept (t text); SELECT attest.enter(:'alpha_ticket'); INSERT INTO kept $names; COMMIT", 'TABLE kept' ],
	[ 'a temporary table that empties itself', "$A CREATE TEMP TABLE kept (t text) ON COMMIT DELETE ROWS; INSERT INTO kept $names; COMMIT", 'TABLE kept' ],
	[ 'a temporary table kept after RESET', "$A CREATE TEMP TABLE gone ON COMMIT DROP AS $names; RESET attest.ticket; CREATE TEMP TABLE kept AS TABLE gone; COMMIT", 'TABLE kept' ],
	[ 'a temporary table that drops itself', "$A CREATE TEMP TABLE gone ON COMMIT DROP AS $names; COMMIT", 'TABLE gone' ],
	[ 'a function that holds the data', "$A DO \$\$ BEGIN EXECUTE format('CREATE FUNCTION pg_temp.kept() RETURNS text LANGUAGE sql AS %L', (SELECT format('SELECT %L', string_agg(last_name, ' ')) FROM attest.people)); EXCEPTION WHEN OTHERS THEN END \$\$; COMMIT", 'SELECT pg_temp.kept()' ],
	[ 'an enum that holds the data', "$A DO \$\$ BEGIN EXECUTE format('CREATE TYPE pg_temp.kept AS ENUM (%L)', (SELECT min(last_name) FROM attest.people)); EXCEPTION WHEN OTHERS THEN END \$\$; COMMIT", 'SELECT enum_range(NULL::pg_temp.kept)' ]);
my @variables = (
	[ 'a session variable', "$A SELECT set_config('my.loot', string_agg(last_name, ' '), false) FROM attest.people \\g /dev/null\nCOMMIT" ],
	[ 'a session variable set by SET', "$A DO \$\$ BEGIN EXECUTE format('SET my.loot = %L', (SELECT min(last_name) FROM attest.people)); END \$\$; COMMIT" ],
	[ 'a session variable set before entering', "BEGIN; SET my.loot = 'x'; SELECT attest.enter(:'alpha_ticket') \\g /dev/null\nSELECT set_config('my.loot', min(last_name), false) FROM attest.people \\g /dev/null\nCOMMIT" ]);
my @empty = (
	[ 'a prepared statement with a literal', "$A PREPARE p AS SELECT 'Ker' || 'Xqaulne', 'KerXqaulne'; COMMIT", 'SELECT statement FROM pg_prepared_statements' ],
	[ 'an advisory lock', "$A SELECT pg_advisory_lock(4242); COMMIT", q{SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()} ],
	[ 'LISTEN', "$A LISTEN loot; COMMIT", 'SELECT pg_listening_channels()' ],
	[ 'NOTIFY with data', "LISTEN loot; $A SELECT pg_notify('loot', string_agg(last_name, ' ')) FROM attest.people; COMMIT", q{SELECT 1 WHERE false} ],
	[ 'a large object', "$A SELECT lo_from_bytea(4242, convert_to(string_agg(last_name, ' '), 'UTF8')) FROM attest.people; COMMIT", 'SELECT convert_from(lo_get(oid), $$UTF8$$) FROM pg_largeobject_metadata' ],
	[ 'a large object opened before entering', "BEGIN; SELECT lo_create(4243), lo_open(4243, 131072); SELECT attest.enter(:'alpha_ticket');
	  SELECT lowrite(0, convert_to(string_agg(last_name, ' '), 'UTF8')) FROM attest.people; COMMIT", 'SELECT convert_from(lo_get(oid), $$UTF8$$) FROM pg_largeobject_metadata' ]);
admin('CREATE TABLE public.tickets AS SELECT :\'alpha_ticket\'::text AS t; GRANT SELECT ON public.tickets TO app');
SKIP:
{
	skip 'pgbouncer is not installed', 1 unless $has_pooler;
	pooled($_->[0], $gone, 'alpha', $_->[1], "$B $_->[2]") for @left;
	pooled($_->[0], '', 'alpha', $_->[1], $_->[2]) for @empty;
	pooled($_->[0], sub { $_[0]{out} eq '' }, 'alpha', $_->[1], 'SHOW my.loot') for @variables;
	pooled('an advisory lock, by a function that was ready before', sub { $_[0]{out} !~ /4243/ }, 'alpha', <<'SQL', q{SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()});
DO $$ DECLARE v text; BEGIN FOR i IN 1..2 LOOP v := pg_try_advisory_lock(4241 + i); PERFORM set_config('attest.ticket', (SELECT t FROM public.tickets), true); END LOOP; END $$
SQL
	pooled('rows put into an older temporary table', sub { $_[0]{out} =~ /^0?$/ }, 'alpha', 'CREATE TEMP TABLE kept (t text)', "$A INSERT INTO kept $names; COMMIT", 'SELECT count(*) FROM kept');
	pooled('rows copied into an older temporary table', sub { $_[0]{out} =~ /^0?$/ }, 'alpha', 'CREATE TEMP TABLE kept (t text)', "$A COPY kept FROM STDIN;\nKerXqaulne\n\\.\nCOMMIT", 'SELECT count(*) FROM kept');
	pooled('a view of pg_temp that stands before a view of attest', $gone, 'alpha', <<"SQL", "$A SET LOCAL search_path = attest; SELECT last_name FROM people; COMMIT", 'SHOW b.loot');
SELECT public.said('CREATE FUNCTION pg_temp.steal(t text) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM set_config(''b.loot'', (SELECT string_agg(last_name, '','') FROM attest.people), false); RETURN t; END \$\$');
SELECT public.said('CREATE TEMP VIEW people AS SELECT person_id, pg_temp.steal(last_name) AS last_name FROM attest.people');
SQL
	pooled('a stale ticket', 0, 'alpha', "BEGIN; SET attest.ticket = :'alpha_ticket'; $people; COMMIT", $people);
	pooled('a stale ticket, in parallel', 0, 'alpha', "SET attest.ticket = :'alpha_ticket'", "SET force_parallel_mode = on; $people");
	variable(brief_ticket => ticket('alpha', 'manager', '1 second'));
	pooled('a stale ticket that has expired, in parallel', 0, 'alpha', "SET attest.ticket = :'brief_ticket'; SELECT pg_sleep(1.1)", "SET force_parallel_mode = on; $people");
	pooled('a stale ticket before a ticket of beta', 'f', 'alpha', "SET attest.ticket = :'alpha_ticket'", "$B SELECT bool_or(tenant_id <> 2) FROM attest_data.person; COMMIT");
	pooled('a statement prepared and planned by alpha', 'f', 'alpha', "SET plan_cache_mode = force_generic_plan; PREPARE q AS SELECT bool_or(tenant_id <> 2) FROM attest_data.course", "$A EXECUTE q; COMMIT", "$B EXECUTE q; COMMIT");
	pooled('a search_path of the client before', $mine, 'beta', 'SET search_path = pg_temp, dev', "$A SELECT count(*) FROM attest.people; COMMIT");
	pooled('a role of the client before', $mine, 'beta', 'SET ROLE attest_app', "$A $people; COMMIT");
}

# --- policies ---

group 'policies';
admin('CREATE POLICY oops ON attest_data.person USING (true); CREATE POLICY oops2 ON attest_data.person FOR SELECT TO app USING (true)');
attempt('a permissive policy for everybody', $people, $mine);
session('a permissive policy, without a ticket', $people, 0);
my @unprotecting = ('ALTER TABLE attest_data.person DISABLE ROW LEVEL SECURITY', 'ALTER TABLE ONLY attest_data.person NO FORCE ROW LEVEL SECURITY',
	'DROP POLICY tenant_isolation ON attest_data.person', 'ALTER POLICY tenant_isolation ON attest_data.person USING (true)', 'ALTER TABLE attest_data.presence DISABLE TRIGGER ALL',
	'ALTER TABLE attest_data.person OWNER TO app', 'TRUNCATE attest_data.person CASCADE', 'TRUNCATE attest_data.tenant CASCADE', 'ALTER TABLE attest_data.account RENAME COLUMN tenant_id TO t',
	'ALTER TABLE attest_data.person SET SCHEMA public', 'ALTER SCHEMA attest_data RENAME TO d', 'DROP EXTENSION attest CASCADE', 'DROP EXTENSION pgcrypto CASCADE', 'DROP SCHEMA attest CASCADE',
	'CREATE OR REPLACE TRIGGER change_rights AFTER INSERT ON attest_data.account FOR EACH STATEMENT EXECUTE FUNCTION public.nothing()', 'REASSIGN OWNED BY attest_owner TO app',
	'ALTER TABLE public.every_course ATTACH PARTITION attest_data.course DEFAULT', 'CREATE MATERIALIZED VIEW public.m AS SELECT * FROM attest_data.person', 'CREATE RULE r AS ON SELECT TO attest_data.person DO INSTEAD SELECT 1');
session("for app: $_", "BEGIN; $_; ROLLBACK", qr/^(42501|TA015|42P16|42P17|2BP01|0A000|55000)$/) for @unprotecting;
session("for a superuser: $_", "BEGIN; SET LOCAL client_min_messages = error; $_; ROLLBACK", qr/^(TA015|42P16|42P17|0A000|55000)$/, role => 'postgres') for @unprotecting;
attempt('a child of a protected table', 'CREATE TEMP TABLE child () INHERITS (attest_data.person) ON COMMIT DROP', qr/^42501$/);
attempt('a table of one\'s own made a child', 'CREATE TEMP TABLE child (LIKE attest_data.course) ON COMMIT DROP; ALTER TABLE child INHERIT attest_data.course', qr/^(42501|42809|TA015)$/);
attempt('a partition of a protected table', 'CREATE TEMP TABLE part (LIKE attest_data.course) ON COMMIT DROP; ALTER TABLE attest_data.course ATTACH PARTITION part DEFAULT', qr/^(42501|TA015|42809)$/);
attempt('a trigger on a protected table', 'CREATE TRIGGER t BEFORE INSERT ON attest_data.person EXECUTE FUNCTION attest_internal.refuse_change()', qr/^42501$/);
attempt('an event trigger', 'CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION attest_internal.refuse_change()', qr/^42501$/);

# --- views and functions ---

group 'views';
session('a view of a client role', <<"SQL", "t", role => 'dev');
CREATE VIEW dev.seen AS SELECT tenant_id FROM attest_data.person; GRANT SELECT ON dev.seen TO app;
BEGIN; ${enter}SELECT count(*) = $mine FROM dev.seen; COMMIT
SQL
attempt('the same, for another role', 'SELECT count(*) FROM dev.seen', $mine);
admin('CREATE VIEW public.owned AS SELECT * FROM attest_data.course; CREATE VIEW public.barred WITH (security_barrier) AS SELECT * FROM attest_data.course; GRANT SELECT ON public.owned, public.barred TO app');
attempt("a view with the rights of a superuser: $_", "SELECT * FROM public.$_ LIMIT 50000", qr/^TA015$/) for qw(owned barred);
attempt('a function with the rights of a superuser\'s view', 'SELECT count(*) FROM (SELECT title FROM public.owned OFFSET 0) o WHERE public.spy(title)', qr/^TA015$/);
attempt('a cheap function in a condition', "SELECT count(*) FROM attest_data.person WHERE public.spy(reference) AND public.spy(person_id::text)", $mine);
attempt('a cheap operator in a condition', "$people WHERE reference OPERATOR(public.=~=) :'beta_word'", 0);
attempt('a cheap function in a join', "SELECT count(*) FROM attest_data.person p JOIN attest_data.enrolment e ON public.spy(p.reference) AND p.person_id = e.person_id", 1);
attempt('a cheap function in HAVING and ORDER BY', "SELECT count(*) FROM (SELECT reference FROM attest_data.person GROUP BY 1 HAVING public.spy(reference) ORDER BY public.spy(reference)) x", $mine);
attempt('a cheap function over a view of attest', 'SELECT count(*) FROM attest.people WHERE public.spy(last_name)', $mine);
attempt('a definer function of the owner that forgets the tenant', 'SELECT public.count_owned()', $mine);
session('the same, without a ticket', 'SELECT public.count_owned()', 0);
attempt('a function that the planner opens', "SELECT count(DISTINCT f) FROM (SELECT f FROM public.all_courses() f LIMIT 10) f WHERE public.spy(f)", 1);
admin('GRANT CREATE ON SCHEMA public TO app');
session('an operator of one\'s own before those of the system', <<"SQL", sub { $_[0]{err} !~ /attest_owner/ && $_[0]{out} =~ /\n$mine\nt$/ });
CREATE FUNCTION public.evil(a int, b int) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN
  RAISE NOTICE 'works as %', current_user;
  IF current_user = 'attest_owner' THEN EXECUTE 'ALTER TABLE attest_data.person DISABLE ROW LEVEL SECURITY'; END IF;
  RETURN a OPERATOR(pg_catalog.=) b; END \$\$;
CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = public.evil);
BEGIN; SET LOCAL search_path = public, pg_catalog; SELECT attest.enter(:'alpha_ticket'); SELECT attest.current_tenant(); COMMIT;
BEGIN; ${enter}$people; COMMIT;
SELECT relrowsecurity FROM pg_class WHERE oid OPERATOR(pg_catalog.=) 'attest_data.person'::regclass; DROP OPERATOR public.= (int, int)
SQL
session('a function of one\'s own before those of the system', <<"SQL", sub { $_[0]{err} !~ /attest_owner/ }, as => ticket('alpha', 'trainer'));
CREATE FUNCTION public.format(text, name) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RAISE NOTICE 'works as %', current_user; RETURN 'SELECT public.loot()'; END \$\$;
CREATE FUNCTION public.loot() RETURNS uuid LANGUAGE plpgsql AS \$\$ BEGIN RAISE NOTICE 'works as %', current_user; RETURN NULL; END \$\$;
BEGIN; SET LOCAL search_path = public, pg_catalog; SELECT attest.enter(:'as'); SELECT count(*) FROM attest_data.person; COMMIT
SQL
admin('DROP OPERATOR IF EXISTS public.= (int, int); DROP FUNCTION IF EXISTS public.format(text, name), public.loot(), public.evil(int, int); REVOKE CREATE ON SCHEMA public FROM app; ALTER TABLE attest_data.person ENABLE ROW LEVEL SECURITY');


# --- functions of attest with ids of beta ---

group 'functions';
my @ids = map { variable("beta_$_") } qw(learner second trainer course operation session slot enrolment presence participation);
my $sealed = admin(qq{SELECT last_name FROM attest_data.person WHERE person_id = '$ids[0]'});
my %sample = (uuid => q{:'id'}, text => q{'x'}, jsonb => q{'{"entry": "2023-03-01"}'}, date => 'current_date', interval => q{'1 year'}, integer => 1,
	'timestamp with time zone' => 'now()', 'attest.signature' => q{:'png'}, 'attest.sealed' => q{:'sealed'});
my $callable = admin(q{SELECT p.proname || '|' || string_agg(format_type(t, NULL), ',' ORDER BY n) FROM pg_proc p, unnest(p.proargtypes) WITH ORDINALITY a (t, n)
  WHERE pronamespace = 'attest'::regnamespace AND 'uuid'::regtype = ANY (proargtypes::oid[]) AND has_function_privilege('app', p.oid, 'EXECUTE') GROUP BY p.oid ORDER BY 1});
for my $function (split /\n/, $callable)
{
	my ($name, $types) = split /\|/, $function;
	my $call = "attest.$name(" . join(', ', map { $sample{$_} // 'NULL' } split /,/, $types) . ')';
	my $call_as = sub {
		my ($id) = @_;
		return say_sql('app', "BEGIN; SELECT attest.enter(:'alpha_ticket') \\g /dev/null\nSELECT (x.*)::text FROM $call x; ROLLBACK", id => $id, sealed => $sealed);
	};
	# An id of beta must be answered as one that nobody has.
	my $nobody = '01900000-0000-7000-8000-000000000001';
	my $same = 1;
	for my $id (@ids)
	{
		my ($theirs, $nobodys) = map { my $s = $_; join "\n", map { s/[0-9a-f]{8}-[0-9a-f-]{27}/id/gr } map { s/att1:\S+/sealed/gr } @$s{qw(out err)} } $call_as->($id), $call_as->($nobody);
		$same = 0, diag("$call with $id:\n$theirs\nwith $nobody:\n$nobodys") if $theirs ne $nobodys;
	}
	session("$name($types)", "BEGIN; ${enter}SELECT (x.*)::text FROM $call x; ROLLBACK", sub { $same }, id => $ids[0], sealed => $sealed, given => [ @ids, $sealed ]);
}
session('an inner function', "SELECT string_agg(DISTINCT public.said(c), ' ') FROM unnest(ARRAY['SELECT attest_internal.enter_tenant(2)', 'SELECT attest_internal.retention_job()', 'SELECT attest.issue_ticket(''beta'', ''manager'')',
  'SELECT attest_internal.mint_ticket(2, attest.uuid_v7(), ''manager'', NULL, ''1 hour'')', 'SELECT attest_internal.ticket_for(2, ''manager'', ''1 hour'')', 'SELECT attest_internal.secret_of(''beta'', ''manager'')',
  'SELECT attest.set_secret(''beta'', ''manager'', ''another horse battery'')', 'SELECT attest.grant_tenant(''app'', ''beta'', ''manager'')', 'SELECT attest.create_account(''beta'', ''me'', ''manager'')',
  'SELECT attest.doctor()', 'SELECT attest.create_keyring()', 'SELECT attest.setup()']) c", '42501');

# --- oracles of keys: what the owner of the tables is told ---

group 'oracles';
my $insert = 'INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature) VALUES';
my %owner = (
	'inserting for beta' => [ "$insert (2, attest.uuid_v7(), 'x', 'x', 'x')", qr/^42501$/ ],
	'an id that beta has' => [ "$insert (1, :'beta_course', 'x', 'x', 'x') RETURNING 1; ROLLBACK", 1 ],
	'a code that beta has' => [ "$insert (1, attest.uuid_v7(), :'beta_word' || '-course', 'x', 'x') RETURNING 1; ROLLBACK", 1 ],
	'ON CONFLICT DO NOTHING on a row of beta' => [ "$insert (2, :'beta_course', 'x', 'x', 'x') ON CONFLICT DO NOTHING RETURNING 1", qr/^42501$/ ],
	'ON CONFLICT DO NOTHING on a row nobody has' => [ "$insert (2, attest.uuid_v7(), 'x', 'x', 'x') ON CONFLICT DO NOTHING RETURNING 1", qr/^42501$/ ],
	'ON CONFLICT DO UPDATE on a row of beta' => [ "$insert (2, :'beta_course', 'x', 'x', 'x') ON CONFLICT (tenant_id, course_id) DO UPDATE SET title = 'x'", qr/^42501$/ ],
	'a reference to a row of beta' => [ "INSERT INTO attest_data.session (tenant_id, session_id, course_id, title, starts_on, ends_on, late_after) VALUES (1, attest.uuid_v7(), :'beta_course', 'x', now(), now(), '1s')", qr/^23503$/ ],
	'UPDATE' => [ "UPDATE attest_data.course SET title = 'x' WHERE course_id = :'beta_course' RETURNING *", '' ],
	'UPDATE that moves a row to beta' => [ 'UPDATE attest_data.course SET tenant_id = 2', qr/^42501$/ ],
	'UPDATE FROM' => [ "UPDATE attest_data.course c SET title = p.reference FROM attest_data.person p WHERE p.tenant_id <> c.tenant_id OR p.tenant_id = 2 RETURNING p.*", '' ],
	'DELETE USING' => [ "DELETE FROM attest_data.participation p USING attest_data.person q WHERE q.person_id = :'beta_learner' RETURNING q.*", '' ],
	'MERGE' => [ "MERGE INTO attest_data.course c USING (SELECT :'beta_course'::uuid AS id) s ON c.course_id = s.id WHEN MATCHED THEN UPDATE SET title = 'x' WHEN NOT MATCHED THEN DO NOTHING; SELECT count(*) FROM attest_data.course WHERE title = 'x'", 0 ],
	'MERGE that inserts for beta' => [ "MERGE INTO attest_data.course c USING (SELECT 1) s ON false WHEN NOT MATCHED THEN INSERT (tenant_id, course_id, code, title, nature) VALUES (2, attest.uuid_v7(), 'x', 'x', 'x')", qr/^42501$/ ],
	'INSERT SELECT' => [ "INSERT INTO attest_data.caseload (tenant_id, referent_id, person_id, since) SELECT tenant_id, person_id, person_id, '2020-01-01' FROM attest_data.person WHERE tenant_id = 2 RETURNING *", '' ],
	'a data-modifying CTE' => [ "WITH d AS (DELETE FROM attest_data.participation_evidence RETURNING tenant_id), u AS (UPDATE attest_data.caseload SET until = since RETURNING tenant_id) SELECT bool_or(tenant_id = 2) FROM (TABLE d UNION ALL TABLE u) x; ROLLBACK", 'f' ],
	'a lock on rows' => [ 'SELECT bool_or(tenant_id = 2) FROM (SELECT tenant_id FROM attest_data.person FOR UPDATE) x', 'f' ],
	'a key of beta' => [ "SELECT count(*) FROM attest_data.subject_key WHERE subject_id = :'beta_learner' OR tenant_id = 2", 0 ]);
attempt($_, "SET LOCAL ROLE attest_owner; $owner{$_}[0]", $owner{$_}[1], role => 'postgres') for sort keys %owner;

# --- messages, statistics, plans ---

group 'messages';
attempt('a cast that fails', 'SELECT count(*) FROM attest_data.person WHERE reference::int = 1', qr/^22P02$/);
attempt('a cast that fails on rows of beta only', "SELECT count(*) FROM attest_data.course WHERE (CASE WHEN tenant_id = 2 THEN title ELSE '1' END)::int = 1", 20001);
attempt('a division by zero on rows of beta only', "$courses WHERE 1 / (tenant_id - 2) < 5", 20001);
attempt('a regular expression that fails', q{SELECT count(*) FROM attest_data.course WHERE title ~ '('}, qr/^2201B$/);
attempt('a sum that overflows on rows of beta only', 'SELECT count(*) FROM attest_data.course WHERE (tenant_id::int2 - 1) * 2147483647 * 2 >= 0', 20001);
attempt('a sealed value of beta', "SELECT attest.unseal('$sealed')", qr/^TA305$/, given => [$sealed]);
attempt('a sealed value of beta after sealing for the same person', "SELECT attest.seal('x', :'beta_learner', 'p') IS NOT NULL; SELECT attest.unseal('$sealed')", qr/^TA305$/, given => [$sealed]);
group 'statistics';
attempt('the statistics of the planner', q{SELECT count(*) FROM pg_stats WHERE schemaname = 'attest_data'}, sub { $_[0]{out} !~ /Xq/ });
attempt('most common values', q{SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE schemaname = 'attest_data' AND tablename IN ('person', 'course', 'slot')}, '');
attempt('raw statistics', 'SELECT * FROM pg_statistic', qr/^42501$/);
attempt('extended statistics', 'SELECT * FROM pg_stats_ext; SELECT * FROM pg_statistic_ext_data', qr/^42501$/);
attempt('reltuples count all tenants, which is accepted', q{SELECT reltuples > 40000 FROM pg_class WHERE oid = 'attest_data.course'::regclass}, 't');
attempt('EXPLAIN ANALYZE', "EXPLAIN ANALYZE $courses", qr/^TA01[45]$/);
session('EXPLAIN ANALYZE without a ticket', "EXPLAIN ANALYZE $courses", qr/^TA01[45]$/);
attempt('EXPLAIN with ANALYZE named twice', "EXPLAIN (ANALYZE off, ANALYZE on) $courses", qr/^TA01[45]$/);
session('EXPLAIN ANALYZE of a prepared statement', "PREPARE q AS $courses; EXPLAIN ANALYZE EXECUTE q", qr/^TA01[45]$/);
attempt('EXPLAIN ANALYZE of CREATE TABLE AS', "EXPLAIN ANALYZE CREATE TEMP TABLE x ON COMMIT DROP AS $courses", qr/^TA01[45]$/);
attempt('EXPLAIN ANALYZE of a function that the planner opens', 'EXPLAIN ANALYZE SELECT * FROM public.all_courses()', qr/^TA01[45]$/);
attempt('EXPLAIN', 'EXPLAIN (VERBOSE) SELECT * FROM attest.people WHERE reference > $$a$$', qr/^TA015$/);
attempt('EXPLAIN without costs, whose shape tells how frequent a value is', 'EXPLAIN (COSTS off) SELECT * FROM attest_data.course WHERE title = $$Cours$$', qr/^TA015$/);
session('EXPLAIN without a ticket', "EXPLAIN $courses", qr/^TA015$/);
session('EXPLAIN of a prepared statement', "PREPARE q AS $courses; EXPLAIN EXECUTE q", qr/^TA015$/);
attempt('EXPLAIN of a function that the planner opens', 'EXPLAIN SELECT * FROM public.all_courses()', qr/^TA015$/);
attempt('EXPLAIN of what reads nothing protected', 'EXPLAIN (COSTS off) SELECT 1', sub { $_[0]{out} =~ /Result/ });
attempt('a plan that the server prints', "SET LOCAL client_min_messages = log; SET LOCAL debug_print_plan = on; $courses", qr/^TA015$/);
session('a plan that the server prints, without a ticket', "SET client_min_messages = log; SET debug_print_plan = on; $courses", qr/^TA015$/);
my $seen_in = q{SELECT coalesce(max(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_all_tables WHERE relname = };
attempt('the counters of a scan', "SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; $courses \\g /dev/null\n$seen_in 'course'", qr/^(TA01[45]|42501)$/);
attempt('the counters after a look-up of a code of beta', "SET LOCAL enable_seqscan = off; SELECT count(*) FROM attest.tenants WHERE code = 'beta' \\g /dev/null\n$seen_in 'tenant'", qr/^(TA01[45]|42501)$/);
session('the counters of the tables, without a ticket', q{SELECT max(seq_tup_read) FROM pg_stat_all_tables WHERE relname = 'course'}, qr/^(TA01[45]|42501)$/);

# --- every kind of statement ---

group 'statements';
my $no_foreign = "SELECT coalesce(bool_or(tenant_id <> 1), false) FROM";
my %query = (
	'a condition on the tenant' => [ "$people WHERE tenant_id = 2", 0 ],
	'a condition that is always true' => [ "$people WHERE tenant_id = 2 OR true", $mine ],
	'a join on inequality' => [ "SELECT count(*) FROM attest_data.person p JOIN attest_data.course c ON c.tenant_id <> p.tenant_id", 0 ],
	'a recursive query' => [ "WITH RECURSIVE r AS (SELECT 1 AS t UNION SELECT t + 1 FROM r WHERE t < 9) SELECT count(*) FROM attest_data.person JOIN r ON t = tenant_id", $mine ],
	'window functions' => [ "$no_foreign (SELECT lead(tenant_id, 1) OVER w AS tenant_id FROM attest_data.course WINDOW w AS (ORDER BY code)) x", 'f' ],
	'GROUPING SETS' => [ "$no_foreign (SELECT tenant_id FROM attest_data.course GROUP BY GROUPING SETS ((tenant_id), (title), ())) x", 'f' ],
	'TABLESAMPLE' => [ "$no_foreign attest_data.course TABLESAMPLE bernoulli (100)", 'f' ],
	'ctid' => [ "$no_foreign attest_data.person WHERE ctid = ANY (SELECT format('(%s,%s)', b, n)::tid FROM generate_series(0, 3) b, generate_series(1, 100) n)", 'f' ],
	'a range of ctid' => [ "$no_foreign attest_data.course WHERE ctid > '(0,0)' AND ctid < '(9999,1)'", 'f' ],
	'xmin and tableoid' => [ "$no_foreign attest_data.course WHERE tableoid = 'attest_data.course'::regclass AND xmin::text::int > 0", 'f' ],
	'the next version of a row by ctid' => [ q{SELECT currtid2('attest_data.person', '(0,1)') IS NOT NULL}, 't' ],
	'whole rows' => [ "SELECT count(*) FROM (SELECT to_jsonb(p), p FROM attest_data.person p) j", $mine ],
	'XML of a table' => [ q{SELECT length(table_to_xml('attest_data.person', true, false, '')::text) > 0}, 't' ],
	'XML of a query' => [ q{SELECT query_to_xml('SELECT * FROM attest_data.course LIMIT 30000', true, false, '') IS NOT NULL}, 't' ],
	'a text search over a query' => [ q{SELECT count(*) FROM ts_stat('SELECT to_tsvector(title) FROM attest_data.course')}, sub { 1 } ],
	'COPY of a query' => [ 'COPY (SELECT DISTINCT tenant_id FROM attest_data.course) TO STDOUT', 1 ],
	'COPY of a table' => [ 'COPY attest_data.person TO STDOUT', sub { $_[0]{out} =~ /Xqaulne/ } ],
	'COPY into a table' => [ "COPY attest_data.course FROM STDIN;\n\\.\n", qr/^42501$/ ],
	'COPY to a program' => [ q{COPY attest_data.course TO PROGRAM 'cat'}, qr/^42501$/ ],
	'a cursor that goes both ways' => [ "DECLARE c SCROLL CURSOR FOR SELECT DISTINCT tenant_id FROM attest_data.course; FETCH ALL c; FETCH BACKWARD ALL c", "1\n1" ],
	'a cursor read after RESET' => [ "DECLARE c CURSOR FOR SELECT tenant_id FROM attest_data.person; RESET attest.ticket; FETCH ALL c", sub { $_[0]{out} !~ /2/ } ],
	'a temporary table of the transaction' => [ "CREATE TEMP TABLE x ON COMMIT DROP AS TABLE attest_data.person; $no_foreign x", 'f' ],
	'a sequence' => [ 'CREATE TEMP SEQUENCE s', qr/^TA014$/ ],
	'the sequences of attest' => [ q{SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace::regnamespace::text LIKE 'attest%'}, 0 ],
	'a subtransaction' => [ "SAVEPOINT s; SELECT 1 / 0; ROLLBACK TO s; $people", sub { $_[0]{out} eq $mine } ],
	'a subtransaction in PL/pgSQL' => [ "DO \$\$ BEGIN BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END; RAISE NOTICE '%', (SELECT count(*) FROM attest_data.person); END \$\$", sub { $_[0]{err} =~ /NOTICE:.* $mine\n/ } ],
	'INSERT' => [ "$insert (2, attest.uuid_v7(), 'x', 'x', 'x')", qr/^42501$/ ],
	'UPDATE' => [ "UPDATE attest_data.course SET title = 'x'", qr/^42501$/ ],
	'DELETE' => [ 'DELETE FROM attest_data.course', qr/^42501$/ ],
	'MERGE' => [ 'MERGE INTO attest_data.course c USING attest_data.slot s ON true WHEN MATCHED THEN DELETE', qr/^42501$/ ],
	'UPDATE of a view' => [ "UPDATE attest.people SET reference = 'x'", qr/^(42501|55000)$/ ],
	'TRUNCATE' => [ 'TRUNCATE attest_data.objection', qr/^(42501|TA015)$/ ],
	'LOCK TABLE' => [ 'LOCK TABLE attest_data.person IN EXCLUSIVE MODE', qr/^42501$/ ],
	'VACUUM FULL and ANALYZE' => [ 'ANALYZE attest_data.person', sub { $_[0]{err} =~ /WARNING/ } ],
	'CREATE STATISTICS' => [ 'CREATE STATISTICS dev.s ON tenant_id, code FROM attest_data.course', qr/^42501$/ ],
	'an index on an expression' => [ 'CREATE INDEX ON attest_data.course ((public.spy(title)))', qr/^42501$/ ],
	'a generated column' => [ 'ALTER TABLE attest_data.course ADD leak text GENERATED ALWAYS AS (title) STORED', qr/^42501$/ ],
	'a foreign key to a protected table' => [ 'CREATE TEMP TABLE f (t int, c uuid, FOREIGN KEY (t, c) REFERENCES attest_data.course (tenant_id, course_id)) ON COMMIT DROP', qr/^(42501|42P16)$/ ],
	'logical decoding' => [ q{SELECT pg_create_logical_replication_slot('s', 'test_decoding')}, qr/^(42501|55000)$/ ],
	'a publication' => [ 'CREATE PUBLICATION p FOR TABLE attest_data.course', qr/^42501$/ ],
	'reading a file' => [ q{SELECT pg_read_file('PG_VERSION')}, qr/^42501$/ ],
	'a prepared transaction' => [ q{PREPARE TRANSACTION 'x'}, qr/^TA014$/ ],
	'a snapshot that is handed on' => [ 'SELECT pg_export_snapshot() IS NOT NULL', 't' ]);
attempt($_, @{ $query{$_} }) for sort keys %query;
session('generic plans across tenants', <<"SQL", "1\n0|0");
SET plan_cache_mode = force_generic_plan; PREPARE q AS SELECT DISTINCT tenant_id FROM attest_data.course; PREPARE n AS SELECT count(*), count(DISTINCT tenant_id) FROM attest_data.person;
BEGIN; SELECT attest.enter(:'beta_ticket') \\g /dev/null
EXECUTE q \\g /dev/null
EXECUTE n \\g /dev/null
COMMIT; BEGIN; ${enter}EXECUTE q; COMMIT; EXECUTE n
SQL
session('plans of PL/pgSQL across tenants', <<"SQL", "$mine\n0");
SET plan_cache_mode = force_generic_plan; BEGIN; SELECT attest.enter(:'beta_ticket') \\g /dev/null
SELECT public.count_people() \\g /dev/null
COMMIT; BEGIN; ${enter}SELECT public.count_people(); COMMIT; SELECT public.count_people()
SQL
session('COMMIT within DO', "DO \$\$ BEGIN PERFORM set_config('attest.ticket', (SELECT t FROM public.tickets), true); COMMIT; RAISE NOTICE 'sees %', (SELECT count(*) FROM attest_data.person); END \$\$", sub { $_[0]{err} =~ /sees 0/ });
session('a cursor of DO that is held over COMMIT', "DO \$\$ DECLARE r record; n int := 0; BEGIN PERFORM set_config('attest.ticket', (SELECT t FROM public.tickets), true);
  FOR r IN SELECT tenant_id FROM attest_data.course LOOP COMMIT; IF r.tenant_id <> 1 THEN n := n + 1; END IF; END LOOP; RAISE NOTICE 'foreign %', n; END \$\$", sub { $_[0]{err} =~ /foreign 0/ });
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0; SET force_parallel_mode = on; SET parallel_leader_participation = off;';
my $scan = 'SELECT count(*), min(tenant_id), max(tenant_id) FROM attest_data.course';
session('parallel workers', "$parallel BEGIN; ${enter}SET LOCAL client_min_messages = warning; $scan; COMMIT", '20001|1|1');
admin('GRANT pg_read_all_stats TO app');
session('parallel workers do run', "$parallel BEGIN; ${enter}EXPLAIN $scan; COMMIT", sub { $_[0]{out} =~ /Workers Planned: [1-9]/ });
admin('REVOKE pg_read_all_stats FROM app');
session('parallel workers without a ticket', "$parallel $scan", '0||');
session('parallel workers with a ticket left over', "$parallel SET attest.ticket = :'alpha_ticket'; $scan", '0||');
session('parallel workers after RESET', "$parallel BEGIN; ${enter}RESET attest.ticket; $scan; COMMIT", '0||');
session('parallel workers and a look-up of sight', "$parallel BEGIN; SELECT attest.enter(:'as') \\g /dev/null\nSELECT array_agg(reference) FROM attest_data.person; COMMIT", '{Xqaulne-1}', as => ticket('alpha', 'learner'));
admin("CREATE EXTENSION $_") for qw(dblink postgres_fdw);
my ($host, $port) = ($node->host, $node->port);
attempt('dblink to the same database', "SELECT * FROM public.dblink('host=$host port=$port dbname=school user=app', 'SELECT title FROM attest_data.course') AS t (x text)", qr/^(2F003|42501|08001)$/);
attempt('a foreign server', 'CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw', qr/^42501$/);
{
	my ($out, $err) = ('', '');
	local @ENV{qw(PGHOST PGPORT PGUSER)} = ($host, $port, 'app');
	IPC::Run::run([ 'pg_dump', '--data-only', '-t', 'attest_data.course', 'school' ], '<', '/dev/null', '>', \$out, '2>', \$err);
	judged('pg_dump', { out => $out, err => $err, state => '' }, sub { $_[0]{err} =~ /row-level security/ }, 'beta', -s $node->logfile);
	IPC::Run::run([ 'pg_dump', '--data-only', '--enable-row-security', '-t', 'attest_data.course', 'school' ], '<', '/dev/null', '>', \$out, '2>', \$err);
	judged('pg_dump with row security', { out => $out, err => $err, state => '' }, sub { $_[0]{out} !~ /Cours/ }, 'beta', -s $node->logfile);
}

# --- within a tenant: profiles; login roles that stand for a tenant ---

group 'profiles';
my %as = map { $_ => ticket('alpha', $_) } qw(learner trainer counsellor);
my $object = PostgreSQL::Test::Utils::tempdir_short() . '/object.sql';
PostgreSQL::Test::Utils::append_to_file($object, "BEGIN; SELECT attest.enter(:'t'); SELECT attest.object(:'p'); COMMIT;\n");
my $who = q{SELECT string_agg(DISTINCT left(first_name, -8), ',' ORDER BY left(first_name, -8)) FROM attest.people};
attempt('a learner sees itself', $who, 'Une', as => $as{learner});
attempt('a trainer sees the people of its slots, and itself', $who, 'Trois,Une', as => $as{trainer});
attempt('a counsellor sees its caseload, and itself', $who, 'Deux,Quatre,Une', as => $as{counsellor});
attempt('a learner asks for another', qq{SELECT attest.sign(:'alpha_slot', :'alpha_second', :'png')}, qr/^TA005$/, as => $as{learner});
attempt('a learner objects for another', q{SELECT attest.object(:'alpha_second')}, qr/^TA105$/, as => $as{learner});
attempt('who objects is hidden from the counsellor', "SELECT attest.object(:'alpha_second') \\g /dev/null\nSET LOCAL attest.ticket = :'eve'; $who; ROLLBACK", 'Quatre,Une', eve => $as{counsellor});
session('who objects is hidden at the next statement of a transaction that looked before', <<"SQL", "Deux,Quatre,Une\nQuatre,Une", as => $as{counsellor});
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT attest.enter(:'as') \\g /dev/null
$who;
\\! psql -XqAt -U app -v t="$alpha" -v p="@{[variable('alpha_second')]}" -f @{[$object]} >/dev/null
$who; ROLLBACK
SQL
attempt('he who objected takes it back', q{SELECT attest.withdraw_objection(:'alpha_second')}, '');
attempt('a counsellor of alpha sees nobody of beta', "$people WHERE tenant_id = 2 OR person_id = :'beta_learner'", 0, as => $as{counsellor});
attempt('a case that has ended stays ended in another time zone', "SELECT attest.close_case(:'alpha_counsellor', :'alpha_second', current_date - 2) \\g /dev/null\nSET LOCAL timezone = '<x>+167'; SET LOCAL attest.ticket = :'eve'; $who; ROLLBACK", 'Quatre,Une', eve => $as{counsellor});
ask('operator', q{SELECT attest.create_account('alpha', 'past', 'manager', NULL, current_date - 30, current_date - 2)});
ask('operator', q{SELECT attest.set_secret('alpha', 'past', 'staple battery horse')});
session('an account that has ended stays ended in another time zone', q{SET timezone = '<x>+167'; SELECT attest.login('alpha', 'past', 'staple battery horse') IS NULL}, 't');
admin(q{CREATE ROLE bi LOGIN IN ROLE attest_app; SELECT attest.grant_tenant('bi', 'beta', 'manager')});
admin(q{CREATE ROLE bi3 LOGIN IN ROLE attest_app; SELECT attest.grant_tenant('bi3', 'alpha', 'analyst')});
admin(q{CREATE ROLE bi2 LOGIN IN ROLE attest_app; SELECT attest.grant_tenant('bi2', 'alpha', 'analyst')});
session('a login role that stands for alpha', 'SELECT bool_or(tenant_id <> 1) FROM attest_data.person', 'f', role => 'bi2');
session('a ticket of alpha for a login role of beta', "BEGIN; ${enter}$no_foreign attest_data.person; COMMIT", 'f', role => 'bi');
session('a ticket of alpha put away by a login role of beta', "BEGIN; ${enter}RESET attest.ticket; $people; COMMIT", 0, role => 'bi');
session('a ticket of alpha put away by a login role of beta, in parallel', "$parallel BEGIN; ${enter}RESET attest.ticket; $scan; COMMIT", '0||', role => 'bi');
session('a ticket that holds no more, for a login role of beta', "SET attest.ticket = :'alpha_ticket'; $people", 0, role => 'bi');
session('a login role of beta that then enters alpha', "BEGIN; $people \\g /dev/null\nSELECT attest.enter(:'alpha_ticket'); $no_foreign attest_data.person", qr/^TA004$/, role => 'bi');
session("an auditor, before entering: $_->[0]", "BEGIN; $_->[1]; SELECT attest.enter(:'alpha_ticket'); COMMIT", qr/^TA014$/, role => 'auditor')
  for [ 'a temporary table', 'CREATE TEMP TABLE kept (t text)' ], [ 'a cursor WITH HOLD', 'DECLARE c CURSOR WITH HOLD FOR TABLE attest_data.presence' ];
attempt('an auditor asks for estimates', 'EXPLAIN SELECT * FROM attest_data.presence', qr/^TA015$/, role => 'auditor');
attempt('an auditor asks for counters', "$seen_in 'account_secret'", qr/^TA015$/, role => 'auditor');
attempt('an auditor reads the look-up tables of beta themselves', 'SELECT count(*) FROM attest_data.role_tenant WHERE tenant <> 1; SELECT count(*) FROM attest_data.identity_provider WHERE tenant <> 1; SELECT count(*) FROM attest_data.identity_key WHERE issuer ~ $$beta$$', "0\n0\n0", role => 'auditor');
attempt('an auditor reads the runs of jobs, which are of all tenants', 'SELECT message FROM attest.job_runs', qr/^42501$/, role => 'auditor');
attempt('an auditor reads the look-up tables of beta', 'SELECT count(*) FROM attest.tenant_roles WHERE tenant <> $$alpha$$; SELECT count(*) FROM attest.identity_providers WHERE tenant <> $$alpha$$', "0\n0", role => 'auditor');

# --- sign-on ---

group 'sign-on';
ask('operator', "SELECT attest.create_account('beta', 'target', 'manager'), attest.set_secret('beta', 'target', 'correct horse staple')");
my $try = "SELECT attest.login('beta', 'target', 'wrong secret') \\g /dev/null\n";
my $right = "SELECT attest.login('beta', 'target', 'correct horse staple') IS NULL";
session('wrong guesses, each rolled back', join("\n", map { "BEGIN; ${try}ROLLBACK;" } 1 .. 6) . "\n$right", 't');
admin('SELECT pg_sleep(2.1)');
session('wrong guesses, each in a savepoint', "$right \\g /dev/null\nBEGIN;" . join("\n", map { "SAVEPOINT s; ${try}ROLLBACK TO s;" } 1 .. 6) . "\nROLLBACK; $right", 't');
admin('SELECT pg_sleep(2.1)');
session('wrong guesses, each in an exception of PL/pgSQL', "$right \\g /dev/null\nDO \$\$ BEGIN FOR i IN 1..6 LOOP BEGIN PERFORM attest.login('beta', 'target', 'wrong ' || i); RAISE 'x'; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END \$\$; $right", 't');
session('while closed, the right secret too', $right, 't');
ask('operator', "SELECT attest.create_account('beta', 'crowd', 'manager'), attest.set_secret('beta', 'crowd', 'correct horse staple')");
{
	# Twenty sessions at once; the last to be let in knows the secret.
	local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)} = ($host, $port, 'school', 'app');
	my $at = admin(q{SELECT now() + interval '1.5 seconds'});
	my (@runs, @outs);
	for my $n (0 .. 19)
	{
		my $secret = $n == 19 ? 'correct horse staple' : "wrong $n";
		my $wait = "SELECT pg_sleep_until(timestamptz '$at' + interval '" . ($n == 19 ? 100 : 0) . " milliseconds')";
		$outs[$n] = '';
		push @runs, IPC::Run::start([ 'psql', '-XqAt', '-c', $wait, '-c', "SELECT attest.login('beta', 'crowd', '$secret') IS NULL" ], '<', '/dev/null', '>', \$outs[$n], '2>&1');
	}
	$_->finish for @runs;
	judged('nineteen wrong guesses at once before the right one', { out => $outs[19], err => '', state => '' }, sub { $_[0]{out} =~ /t$/ }, 'beta', -s $node->logfile);
}
session('the counters after a login to an account of beta', "BEGIN; SELECT attest.login('beta', 'manager', 'x') \\g /dev/null\n$seen_in 'account_secret'", qr/^(TA01[45]|42501)$/);
session('the counters of the database, which tell whether a login found an account', "SELECT $_ FROM pg_stat_database", qr/^TA015$/) for qw(tup_returned tup_fetched blks_read blks_hit);
my $locks = q{SELECT string_agg(DISTINCT relation::regclass::text, ' ' ORDER BY relation::regclass::text) FROM pg_locks WHERE pid = pg_backend_pid() AND relation > 16384; COMMIT;};
session('the locks after a login to a tenant, and to none', "BEGIN; SELECT attest.login('beta', 'x', 'x') \\g /dev/null\n$locks BEGIN; SELECT attest.login('gamma', 'x', 'x') \\g /dev/null\n$locks", sub { my @l = split /\n/, $_[0]{out}; @l == 2 && $l[0] eq $l[1] });
my $medians = <<'SQL';
DO $$ DECLARE began timestamptz; times float[][] := '{}'; row float[]; w text[]; m float[];
BEGIN
  FOR i IN 1..20 LOOP
    row := '{}';
    FOREACH w SLICE 1 IN ARRAY ARRAY[['beta', 'manager'], ['beta', 'nobody'], ['gamma', 'manager']] LOOP
      began := clock_timestamp(); PERFORM attest.login(w[1], w[2], 'wrong ' || i); row := row || extract(epoch FROM clock_timestamp() - began)::float;
    END LOOP;
    times := times || ARRAY[row];
  END LOOP;
  SELECT array_agg(x ORDER BY n) INTO m FROM (SELECT n, percentile_cont(0.5) WITHIN GROUP (ORDER BY times[i][n]) x FROM generate_series(1, 20) i, generate_series(1, 3) n GROUP BY n) s;
  RAISE NOTICE 'ratio % % of %', round((m[2] / m[1])::numeric, 3), round((m[3] / m[1])::numeric, 3), m;
END $$
SQL
session('the time of a login tells nothing: unknown account, unknown tenant', $medians, sub {
	my ($account, $tenant) = $_[0]{err} =~ /ratio (\S+) (\S+)/;
	diag("medians of unknown to wrong: $account $tenant");
	return !grep { $_ > 1.2 || $_ < 1 / 1.2 } $account, $tenant;
});

# --- revocation, secrets in sight ---

group 'revocation';
ask('operator', q{SELECT attest.create_account('beta', 'leaver', 'manager')});
my $psql = "psql -XqAt -U postgres -c";
session('felt at the next transaction of a session that is open', <<"SQL", sub { $_[0]{out} =~ /^t\nt(\n0)?$/ }, victim => 'alpha', leaver => ticket('beta', 'leaver'));
BEGIN; SELECT attest.enter(:'leaver') \\g /dev/null
SELECT count(*) > 0 FROM attest_data.person;
\\! $psql "SELECT attest.revoke_account('beta', 'leaver', 'left')" >/dev/null </dev/null
SELECT count(*) > 0 FROM attest_data.person; COMMIT;
BEGIN; SELECT attest.enter(:'leaver') \\g /dev/null
$people
SQL
ask('operator', q{SELECT attest.create_account('beta', 'sleeper', 'manager'), attest.create_account('beta', 'sitter', 'manager')});
session('entered in a transaction that looked before, and in the next', <<"SQL", sub { $_[0]{err} =~ /TA013.*TA013/s && $_[0]{out} !~ /[1-9]/ }, victim => 'alpha', sitter => ticket('beta', 'sitter'));
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM attest_data.person;
\\! $psql "SELECT attest.revoke_account('beta', 'sitter', 'left')" >/dev/null </dev/null
SELECT attest.enter(:'sitter');
$people; ROLLBACK;
BEGIN; SELECT attest.enter(:'sitter');
$people; ROLLBACK
SQL
session('entered by a statement that began before', <<"SQL", sub { $_[0]{err} =~ /TA013.*TA013/s && $_[0]{out} !~ /[1-9]/ }, victim => 'alpha', sleeper => ticket('beta', 'sleeper'));
\\! (sleep 0.5; $psql "SELECT attest.revoke_account('beta', 'sleeper', 'left')" >/dev/null </dev/null) &
BEGIN; SELECT pg_sleep(2), attest.enter(:'sleeper');
ROLLBACK; BEGIN; SELECT attest.enter(:'sleeper');
$people; ROLLBACK
SQL
session('a grant to a login role, taken back under an old snapshot', <<"SQL", '0|0', role => 'bi3');
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 \\g /dev/null
\\! $psql "SELECT attest.revoke_tenant('bi3')" >/dev/null </dev/null
SELECT count(*) AS first FROM attest_data.person \\gset
COMMIT; SELECT :first, count(*) FROM attest_data.person
SQL
session('a grant to a login role, taken back', <<"SQL", "t\n0", role => 'bi2');
SELECT count(*) > 0 FROM attest_data.person;
\\! $psql "SELECT attest.revoke_tenant('bi2')" >/dev/null </dev/null
$people
SQL
ask('operator', q{SELECT attest.create_account('alpha', 'leaver', 'manager')});
session('prepared in two phases', <<"SQL", sub { $_[0]{out} =~ /^0?$/ }, leaver => ticket('alpha', 'leaver'));
BEGIN; SELECT attest.enter(:'leaver') \\g /dev/null
$people \\g /dev/null
COMMIT;
\\! $psql "BEGIN" -c "SELECT attest.revoke_account('alpha', 'leaver', 'left')" -c "PREPARE TRANSACTION 'r'" >/dev/null 2>&1 </dev/null
\\! $psql "COMMIT PREPARED 'r'" >/dev/null 2>&1 </dev/null || $psql "SELECT attest.revoke_account('alpha', 'leaver', 'left')" >/dev/null </dev/null
BEGIN; SELECT attest.enter(:'leaver') \\g /dev/null
$people
SQL
group 'secrets';
my $others = q{\! psql -XqAt -U app -c "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'app'" </dev/null};
session('a ticket that was entered, to the other sessions of the role', "BEGIN; SELECT attest.enter(:'beta_ticket') \\g /dev/null\n$others\nROLLBACK", sub { $_[0]{out} !~ /attest1/ });
session('a ticket set by SET LOCAL, to the other sessions of the role', "BEGIN; SET LOCAL attest.ticket = :'beta_ticket';\n$others\nROLLBACK", sub { $_[0]{out} !~ /attest1/ });
session('a ticket that is refused', "SET attest.ticket = :'bad'", sub { $_[0]{err} !~ /attest1\.AAA/ }, bad => 'attest1.AAAA.BBBB');
session('a secret that was tried, to the other sessions of the role', "SELECT attest.login('beta', 'manager', 'secret Xqbourg');\n$others", sub { $_[0]{out} =~ /^<hidden by attest>$/m && $_[0]{out} !~ /Xqbourg/ });
session('an account that no secret opens', q{SELECT attest.login('beta', 'manager', 'horse battery ' || :'beta_word' || 'x') IS NULL}, 't');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
my $quiet = { out => '', err => '', state => '' };
judged('the whole server log: no ticket', $quiet, sub { $log !~ /attest1\.[A-Za-z0-9_-]{20}/ }, 'beta', -s $node->logfile);
judged('the whole server log: no name and no secret', $quiet, sub { $log !~ /(Ker|Pen|Tre|Pol)Xq|horse battery|correct horse/ }, 'beta', -s $node->logfile);

# --- a server that does not preload the library ---

group 'not preloaded';
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
session('a forged ticket set before the library is there', "SET attest.ticket = 'attest1.AAAA.AAAA'; SELECT attest.current_tenant(); $people", sub { $_[0]{out} !~ /[1-9]/ });
session('a ticket set before the library is there', "SET attest.ticket = :'alpha_ticket'; $people; $people", sub { $_[0]{out} !~ /[1-9]/ });
session('another variable set before the library is there', "SET attest.tenant = 2; SELECT attest.current_tenant(); $people", sub { $_[0]{out} !~ /[1-9]/ });
session('the first statement of a session', $courses, 0);
session('the policies of the catalogue alone', "BEGIN; ${enter}$scan; COMMIT", '20001|1|1');

note(join ', ', counts());
done_testing();
