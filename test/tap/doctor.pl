#!/usr/bin/perl
# Every fault that undoes isolation or keys is planted once: attest.doctor() names it,
# what it says to do mends it, and afterwards it finds nothing.
use strict;
use warnings;

use Attest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = attest_cluster('doctor');
my $db = 'school';
attest_database($node, $db);
new_tenant($node, $db, 'alpha');
eventually($node, $db, q{SELECT string_agg(code, ' ') FROM attest.doctor()}, '', 'a fresh installation has no finding');

sub findings { return value($node, $db, 'operator', q{SELECT string_agg(DISTINCT code, ' ' ORDER BY code) FROM attest.doctor()}) }

# planted(name, finding, sql that plants, sql that mends unless the fix is to be tried)
sub planted
{
	my ($name, $finding, $plant, $mend) = @_;

	value($node, $db, 'postgres', $_) for split /;\n/, $plant;
	is(findings(), $finding, "$name: $finding");
	my $fixes = value($node, $db, 'operator', q{SELECT string_agg(fix, E'\n' ORDER BY fix) FROM attest.doctor()});
	isnt($fixes, '', '  it says what to do');
	for my $fix (split /\n/, $mend // $fixes)
	{
		my $result = run_sql($node, $db, 'postgres', $fix);
		is($result->{err}, '', "  $fix");
	}
	return is(findings(), '', '  and then nothing is left') unless $fixes =~ /ALTER SYSTEM/;
	$node->reload;
	return eventually($node, $db, q{SELECT string_agg(code, ' ') FROM attest.doctor()}, '', '  and then nothing is left');
}

my $table = 'attest_data.course';

# The guard refuses these to everybody, so they are written into the catalogue, as damage
# done while the library was not loaded would stand there.
my $catalogue = 'SET allow_system_table_mods = on; UPDATE';
my $isolation = "WHERE polrelid = '$table'::regclass AND polname = 'tenant_isolation'";

planted('row security off', 'rls_missing', "$catalogue pg_class SET relrowsecurity = false WHERE oid = '$table'::regclass");
planted('row security not forced', 'rls_missing', "$catalogue pg_class SET relforcerowsecurity = false WHERE oid = '$table'::regclass");
planted('the restrictive policy gone', 'policy_missing', "$catalogue pg_policy SET polname = 'other' $isolation");
planted('the restrictive policy made permissive', 'policy_missing', "$catalogue pg_policy SET polpermissive = true $isolation");
planted('the restrictive policy for some roles only', 'policy_missing',
	"$catalogue pg_policy SET polroles = ARRAY['attest_analyst'::regrole]::oid[] $isolation");
planted('the restrictive policy for reading only', 'policy_missing', "$catalogue pg_policy SET polcmd = 'r' $isolation");
planted('a tenant table without protection', 'policy_missing rls_missing tenant_id_without_default', 'CREATE TABLE attest_data.extra (tenant_id int NOT NULL);
ALTER TABLE attest_data.extra OWNER TO attest_owner');
planted('a unique index that leaves the tenant out', 'key_without_tenant', "CREATE UNIQUE INDEX oracle ON $table (code)", 'DROP INDEX attest_data.oracle');
planted('a rule on a tenant table', 'rule_on_tenant_table', "CREATE RULE also AS ON INSERT TO $table DO ALSO NOTHING");
planted('a child of a tenant table', 'child_not_protected key_without_tenant', "CREATE TABLE public.child () INHERITS ($table)", 'DROP TABLE public.child');
planted('the function of the policies made immutable', 'policy_function_changed', 'ALTER FUNCTION attest.current_tenant() IMMUTABLE');
planted('the function of plans made immutable', 'policy_function_changed', 'ALTER FUNCTION attest_internal.planned_tenant() IMMUTABLE');
planted('the function of sight made immutable', 'policy_function_changed', 'ALTER FUNCTION attest.may_see(uuid) IMMUTABLE LEAKPROOF');
planted('a definer function without search_path', 'definer_without_search_path',
	'CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$');
planted('a publication of everything', 'publication_of_everything', 'CREATE PUBLICATION every FOR ALL TABLES');
planted('a default that opens new tables', 'unsafe_default_grant',
	'ALTER DEFAULT PRIVILEGES FOR ROLE attest_owner IN SCHEMA attest_data GRANT SELECT ON TABLES TO attest_app',
	'ALTER DEFAULT PRIVILEGES FOR ROLE attest_owner IN SCHEMA attest_data REVOKE SELECT ON TABLES FROM attest_app');
planted('a sequence over all tenants', 'shared_sequence', "CREATE SEQUENCE public.counter;
CREATE TABLE public.mine (tenant_id int NOT NULL, id int NOT NULL, PRIMARY KEY (tenant_id, id));
SELECT attest.protect('public.mine');
ALTER SEQUENCE public.counter OWNED BY public.mine.id;
GRANT USAGE ON SEQUENCE public.counter TO attest_app");
planted('a reference from a table without isolation', 'reference_not_protected', 'CREATE TABLE public.asks (tenant_id int NOT NULL, id int, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, id) REFERENCES public.mine (tenant_id, id))');
planted('a reference that crosses the tenant', 'key_without_tenant', 'ALTER TABLE public.asks ADD own int, ADD CONSTRAINT crossed FOREIGN KEY (own, id) REFERENCES public.mine (tenant_id, id)', 'ALTER TABLE public.asks DROP CONSTRAINT crossed');
planted('a unique index that only includes the tenant', 'key_without_tenant', 'CREATE UNIQUE INDEX oracle ON public.asks (id) INCLUDE (tenant_id)', 'DROP INDEX public.oracle');
planted('a table of users open to TRUNCATE', 'unsafe_grant', 'GRANT TRUNCATE ON public.mine TO app');
value($node, $db, 'postgres', q{CREATE TABLE public.sealed (tenant_id int NOT NULL, person uuid NOT NULL, email attest.sealed, email_blind bytea,
  PRIMARY KEY (tenant_id, person))});
value($node, $db, 'postgres', $_) for q{CALL attest.protect_columns('public.sealed', 'person', '{email}')}, q{CALL attest.protect_blind('public.sealed', 'email', 'email_blind')};
planted('the trigger that seals disabled', 'seal_trigger_missing', "$catalogue pg_trigger SET tgenabled = 'D' WHERE tgname = 'zz_attest_seal'");
planted('the trigger that seals gone', 'seal_trigger_missing', q{SET allow_system_table_mods = on; DELETE FROM pg_trigger WHERE tgname = 'zz_attest_seal'});
planted('a sealed column without its CHECK', 'sealed_column_open', 'ALTER TABLE public.sealed DROP CONSTRAINT email_is_sealed');
planted('a blind column of few values', 'blind_values_repeat', q{SET session_replication_role = replica; INSERT INTO public.sealed (tenant_id, person, email_blind) SELECT 1, attest.uuid_v7(), decode(lpad(to_hex(n % 40), 32, '0'), 'hex') FROM generate_series(1, 4000) n; ANALYZE public.sealed},
	q{DELETE FROM public.sealed; ANALYZE public.sealed});
planted('a client that makes roles', 'unsafe_role', 'ALTER ROLE app CREATEROLE');
planted('a client that reads everything', 'unsafe_role', 'GRANT pg_read_all_data TO app');
planted('a client that is an operator', 'unsafe_role', 'GRANT attest_operator TO app');
planted('a client that makes objects', 'unsafe_role', 'GRANT CREATE ON SCHEMA public TO app');
planted('a client that makes schemas', 'unsafe_role', "GRANT CREATE ON DATABASE $db TO app");
planted('a client that owns a table', 'unsafe_role', 'CREATE TABLE public.owned (tenant_id int NOT NULL PRIMARY KEY);
SELECT attest.protect(\'public.owned\');
SET allow_system_table_mods = on; UPDATE pg_class SET relowner = \'app\'::regrole WHERE oid = \'public.owned\'::regclass',
	'DROP TABLE public.owned');
planted('a role that stood for a tenant and is gone', 'mapped_role_gone', "CREATE ROLE fleeting;
SELECT attest.grant_tenant('fleeting', 'alpha', 'analyst');
DROP ROLE fleeting");
planted('every statement logged', 'statements_logged', 'ALTER SYSTEM SET log_statement = mod;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3)');
planted('a view with the rights of its owner', 'view_not_invoker', 'CREATE VIEW public.v AS SELECT code FROM attest_data.course');
planted('a view that lost security_invoker', 'view_not_invoker', 'ALTER VIEW attest.people RESET (security_invoker)');
planted('a view with the rights of its owner, over a view', 'view_not_invoker',
	'CREATE VIEW public.w AS SELECT reference FROM attest.people');
planted('a materialized view', 'materialized_view', "CREATE VIEW public.m WITH (security_invoker = true) AS SELECT code FROM $table;
$catalogue pg_class SET relkind = 'm' WHERE oid = 'public.m'::regclass",
	"$catalogue pg_class SET relkind = 'v' WHERE oid = 'public.m'::regclass; DROP VIEW public.m");
planted('a grant to PUBLIC', 'unsafe_grant', "GRANT SELECT ON $table TO PUBLIC");
planted('a grant to write', 'unsafe_grant', "GRANT UPDATE ON $table TO attest_app");
planted('a grant to truncate', 'unsafe_grant', "GRANT TRUNCATE ON $table TO app");
planted('a grant on a column to PUBLIC', 'unsafe_grant', "GRANT SELECT (title) ON $table TO PUBLIC");
planted('a grant to write a column', 'unsafe_grant', "GRANT UPDATE (title) ON $table TO attest_app");
planted('a grant on the wrapped keys', 'unsafe_grant', 'GRANT SELECT ON attest_data.subject_key TO attest_app');
planted('a grant on an inner function', 'unsafe_grant', 'GRANT EXECUTE ON FUNCTION attest_internal.enter_tenant(int) TO attest_app');
planted('a grant of tickets', 'unsafe_grant', 'GRANT EXECUTE ON FUNCTION attest.issue_ticket(text, text, interval) TO PUBLIC');
planted('a client that makes its own tickets', 'unsafe_grant', 'GRANT EXECUTE ON FUNCTION attest.issue_ticket(text, text, interval) TO app');
planted('clients that make accounts', 'unsafe_grant', 'GRANT EXECUTE ON FUNCTION attest.create_account(text, text, text, uuid, date, date) TO attest_app');
planted('a member with BYPASSRLS', 'unsafe_role', 'CREATE ROLE bypass LOGIN BYPASSRLS IN ROLE attest_app');
planted('a member that is superuser', 'unsafe_role', 'CREATE ROLE boss LOGIN SUPERUSER IN ROLE attest_analyst');
planted('a member of a member with BYPASSRLS', 'unsafe_role', 'CREATE ROLE team IN ROLE attest_app;
CREATE ROLE hidden LOGIN BYPASSRLS IN ROLE team');
planted('an auditor with BYPASSRLS', 'unsafe_role', 'ALTER ROLE auditor BYPASSRLS');
planted('an application that may become the owner', 'unsafe_role', 'GRANT attest_owner TO app', 'REVOKE attest_owner FROM app');
planted('an owner that escapes', 'unsafe_role', 'ALTER ROLE attest_owner BYPASSRLS');

for my $setting (qw(log_parameter_max_length log_parameter_max_length_on_error))
{
	value($node, $db, 'postgres', "ALTER SYSTEM SET $setting = -1");
}
$node->reload;
eventually($node, $db, q{SELECT string_agg(code || ' ' || object, ',') FROM attest.doctor()},
	'parameters_logged log_parameter_max_length,parameters_logged log_parameter_max_length_on_error', 'parameters logged');
planted('statements logged with their errors', 'parameters_logged', 'ALTER SYSTEM SET log_min_error_statement = error;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3)');

planted('the details of errors logged', 'parameters_logged', 'ALTER SYSTEM SET log_error_verbosity = verbose;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3)');
planted('plans logged', 'plans_logged', 'ALTER SYSTEM SET debug_print_plan = on;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3)');

rename $node->{keyring}, "$node->{keyring}.away";
is(findings(), 'keyring_unusable', 'the keyring is missing: keyring_unusable');
rename "$node->{keyring}.away", $node->{keyring};
chmod 0640, $node->{keyring};
is(findings(), 'keyring_unusable', 'the keyring is open to others: keyring_unusable');
chmod 0600, $node->{keyring};
is(findings(), '', 'the keyring is as it was: nothing');

value($node, 'postgres', 'postgres', 'ALTER DATABASE school RENAME TO moved');
is(value($node, 'moved', 'operator', q{SELECT string_agg(code, ' ') FROM attest.doctor()}), 'worker_down',
	'no scheduler runs yet after a rename: worker_down');

$node->stop;
done_testing();
