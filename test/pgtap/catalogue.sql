-- The rules for what CREATE EXTENSION and attest.setup() leave behind.
-- A rule is a view of the objects that break it. It is tested twice: the view is empty,
-- and it shows each fault that is planted (and taken back).
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set ON_ERROR_STOP 1
BEGIN;

-- --- what the rules speak of ---

CREATE TEMP VIEW house (schema) AS
SELECT unnest(ARRAY['attest', 'attest_internal', 'attest_data', 'attest_report'])::regnamespace::oid;

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'attest' AND d.deptype = 'e';

CREATE TEMP VIEW fn AS
SELECT p.*, p.oid::regprocedure::text AS name, l.lanname
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN (SELECT schema FROM house);

CREATE TEMP VIEW data_table AS
SELECT c.*, c.oid::regclass::text AS name,
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS of_tenant
FROM pg_class c
WHERE c.relnamespace = 'attest_data'::regnamespace AND c.relkind IN ('r', 'p');

CREATE TEMP VIEW tenant_table AS SELECT * FROM data_table WHERE of_tenant;

CREATE TEMP VIEW data_column AS
SELECT t.oid AS relid, t.name || '.' || a.attname AS name, t.of_tenant, a.attname, a.attnum, a.atttypid, a.attnotnull, a.attidentity
FROM data_table t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped;

CREATE TEMP VIEW api_view AS
SELECT c.*, c.oid::regclass::text AS name
FROM pg_class c
WHERE c.relkind IN ('v', 'm') AND c.relnamespace IN ('attest'::regnamespace, 'attest_report'::regnamespace);

-- --- comments ---

CREATE TEMP VIEW member_without_comment AS
SELECT pg_describe_object(classid, objid, 0) AS object FROM member
WHERE obj_description(objid, classid::regclass::name) IS NULL;

CREATE TEMP VIEW object_without_comment AS
SELECT name AS object FROM fn WHERE obj_description(oid, 'pg_proc') IS NULL
UNION ALL SELECT name FROM data_table WHERE obj_description(oid, 'pg_class') IS NULL
UNION ALL SELECT name FROM api_view WHERE obj_description(oid, 'pg_class') IS NULL
UNION ALL SELECT schema::regnamespace::text FROM house WHERE obj_description(schema, 'pg_namespace') IS NULL;

CREATE TEMP VIEW column_without_comment AS
SELECT v.name || '.' || a.attname AS object
FROM api_view v JOIN pg_attribute a ON a.attrelid = v.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND col_description(v.oid, a.attnum) IS NULL;

-- --- privileges ---

CREATE TEMP VIEW granted_to_public AS
SELECT name || ' ' || g.privilege_type AS object
FROM (
  SELECT name, coalesce(proacl, acldefault('f', proowner)) AS acl FROM fn
  UNION ALL
  SELECT c.oid::regclass::text, c.relacl FROM pg_class c WHERE c.relnamespace IN (SELECT schema FROM house)
  UNION ALL
  SELECT a.attrelid::regclass || '.' || a.attname, a.attacl
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace IN (SELECT schema FROM house)
  UNION ALL
  SELECT n.nspname, n.nspacl FROM pg_namespace n WHERE n.oid IN (SELECT schema FROM house)
  UNION ALL
  -- Arrays and the rows of tables have no privileges of their own.
  SELECT t.oid::regtype::text, coalesce(t.typacl, acldefault('T', t.typowner))
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.typnamespace IN (SELECT schema FROM house) AND t.typelem = 0 AND coalesce(c.relkind, 'c') = 'c'
) granted CROSS JOIN LATERAL aclexplode(granted.acl) g
WHERE g.grantee = 0 AND name <> 'attest_internal.planned_tenant()'; -- see src/end.sql

CREATE TEMP VIEW role_that_may_write AS
SELECT r.rolname || ' may write ' || c.oid::regclass AS object
FROM pg_roles r, pg_class c
WHERE r.rolname IN ('attest_operator', 'attest_app', 'attest_analyst', 'attest_auditor')
  AND c.relnamespace IN (SELECT schema FROM house) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(r.oid, c.oid, 'USAGE, UPDATE')
    ELSE has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
      OR has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE, REFERENCES') END
UNION ALL
SELECT r.rolname || ' may create in ' || schema::regnamespace
FROM pg_roles r, house
WHERE r.rolname IN ('attest_operator', 'attest_app', 'attest_analyst', 'attest_auditor')
  AND has_schema_privilege(r.oid, schema, 'CREATE');

CREATE TEMP VIEW role_too_strong AS
SELECT rolname AS object FROM pg_roles
WHERE rolname ~ '^attest_(owner|operator|app|analyst|auditor)$'
  AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication);

-- --- functions ---

-- A procedure that commits cannot have a setting of its own: it begins by making it.
CREATE TEMP VIEW search_path_not_pinned AS
SELECT name AS object FROM fn
WHERE (lanname NOT IN ('c', 'internal') OR prosecdef)
  AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))
  AND NOT (prokind = 'p' AND NOT prosecdef
    AND prosrc ~ $$^[^;]*;?\s*BEGIN\s+(--[^\n]*\n\s*)*PERFORM pg_catalog\.set_config\('search_path', 'pg_catalog, pg_temp', true\);$$);

CREATE TEMP VIEW definer_not_of_owner AS
SELECT name AS object FROM fn WHERE prosecdef AND pg_get_userbyid(proowner) <> 'attest_owner';

-- Immutable work is the same in a worker; what only reads does not forbid one. What
-- keeps no secret is a promise that only C and the server can make.
CREATE TEMP VIEW promise_out_of_place AS
SELECT name AS object FROM fn
WHERE (provolatile = 'i' AND proparallel <> 's') OR (provolatile = 's' AND proparallel = 'u')
  OR (proleakproof AND lanname <> 'c') OR (lanname <> 'c' AND provolatile = 'v' AND proparallel = 's');

CREATE TEMP VIEW current_tenant_wrong AS
SELECT 'attest.current_tenant()' AS object
WHERE NOT EXISTS (SELECT FROM fn WHERE name = 'attest.current_tenant()' AND lanname = 'c' AND provolatile = 's'
  AND proleakproof AND proparallel = 's' AND NOT prosecdef AND prorettype = 'int4'::regtype);

-- --- tables of tenants ---

CREATE TEMP VIEW tenant_column_wrong AS
SELECT name AS object FROM data_column
WHERE attname = 'tenant_id' AND (atttypid <> 'int4'::regtype OR NOT attnotnull);

CREATE TEMP VIEW key_without_tenant AS
SELECT t.name || ' has no primary key' AS object FROM tenant_table t
WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
UNION ALL
SELECT i.indexrelid::regclass::text
FROM tenant_table t JOIN pg_index i ON i.indrelid = t.oid
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
WHERE a.attname IS DISTINCT FROM 'tenant_id'
UNION ALL
SELECT t.name || ' ' || k.conname
FROM tenant_table t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1]
WHERE a.attname IS DISTINCT FROM 'tenant_id';

CREATE TEMP VIEW reference_without_tenant AS
SELECT t.name || ' ' || k.conname AS object
FROM tenant_table t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'
JOIN pg_attribute here ON here.attrelid = k.conrelid AND here.attnum = k.conkey[1]
JOIN pg_attribute there ON there.attrelid = k.confrelid AND there.attnum = k.confkey[1]
WHERE here.attname <> 'tenant_id'
  OR (k.confrelid = 'attest_data.tenant'::regclass AND there.attname <> 'id')
  OR (k.confrelid <> 'attest_data.tenant'::regclass AND (there.attname <> 'tenant_id' OR cardinality(k.conkey) < 2));

CREATE TEMP VIEW row_security_off AS
SELECT name AS object FROM tenant_table WHERE NOT (relrowsecurity AND relforcerowsecurity);

CREATE TEMP VIEW restriction_wrong AS
SELECT t.name AS object FROM tenant_table t
WHERE (
  SELECT count(*) FROM pg_policy p
  WHERE p.polrelid = t.oid AND p.polname = 'tenant_isolation' AND NOT p.polpermissive AND p.polcmd = '*'
    AND p.polroles = '{0}' AND pg_get_expr(p.polqual, t.oid) = '(tenant_id = attest.current_tenant())'
    AND pg_get_expr(p.polwithcheck, t.oid) = '(tenant_id = attest.current_tenant())'
) <> 1;

CREATE TEMP VIEW policy_with_query AS
SELECT p.polrelid::regclass || ' ' || p.polname AS object
FROM pg_policy p JOIN data_table t ON t.oid = p.polrelid
WHERE p.polqual::text ~ 'SUBLINK' OR p.polwithcheck::text ~ 'SUBLINK'
  OR EXISTS (
    SELECT FROM pg_depend d JOIN pg_proc f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
    JOIN pg_language l ON l.oid = f.prolang
    WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND l.lanname NOT IN ('c', 'internal'));

CREATE TEMP VIEW numbered_column AS
SELECT c.name AS object FROM data_column c LEFT JOIN pg_attrdef d ON d.adrelid = c.relid AND d.adnum = c.attnum
WHERE c.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ 'nextval';

CREATE TEMP VIEW id_not_uuid AS
SELECT name AS object FROM data_column
WHERE of_tenant AND attname ~ '_id$' AND attname <> 'tenant_id' AND atttypid <> 'uuid'::regtype;

-- An oid means something else after a restore, and a reg* column stops pg_upgrade.
CREATE TEMP VIEW oid_in_data AS
SELECT name AS object FROM data_column
WHERE atttypid::regtype::text ~ '^(oid|reg(class|collation|config|dictionary|namespace|oper|operator|proc|procedure|role|type))(\[\])?$';

CREATE TEMP VIEW lookup_not_plain AS
SELECT t.name || ' trigger ' || g.tgname AS object
FROM data_table t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT t.of_tenant AND NOT g.tgisinternal
UNION ALL
SELECT t.name || ' ' || k.conname
FROM data_table t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' JOIN tenant_table far ON far.oid = k.confrelid
WHERE NOT t.of_tenant;

-- --- whose objects ---

CREATE TEMP VIEW data_of_extension AS
SELECT pg_describe_object(m.classid, m.objid, 0) AS object
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.oid <> 'attest_internal.setup_step'::regclass;

CREATE TEMP VIEW object_of_another AS
SELECT c.oid::regclass::text AS object FROM pg_class c
WHERE c.relnamespace IN ('attest'::regnamespace, 'attest_data'::regnamespace, 'attest_report'::regnamespace)
  AND c.relkind <> 'c' AND pg_get_userbyid(c.relowner) <> 'attest_owner';

CREATE TEMP VIEW view_of_owner AS
SELECT name AS object FROM api_view
WHERE relkind <> 'v' OR NOT 'security_invoker=true' = ANY (coalesce(reloptions, '{}'));

-- --- types ---

CREATE TEMP VIEW type_that_compares AS
SELECT o.opcintype::regtype || ' ' || o.opcname AS object FROM pg_opclass o
WHERE o.opcintype IN ('attest.sealed'::regtype, 'attest.nir'::regtype, 'attest.signature'::regtype)
UNION ALL
SELECT c.castsource::regtype || ' as ' || c.casttarget::regtype FROM pg_cast c
WHERE c.castsource IN ('attest.sealed'::regtype, 'attest.nir'::regtype, 'attest.signature'::regtype)
UNION ALL
SELECT o.oid::regoperator::text FROM pg_operator o
WHERE o.oprleft IN ('attest.sealed'::regtype, 'attest.nir'::regtype, 'attest.signature'::regtype);

-- --- the tests ---

-- What the rule finds once the fault is planted, and did not find before.
CREATE FUNCTION pg_temp.finds(rule text, fault text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  query text := format('SELECT coalesce(array_agg(object), ''{}'') FROM %I', rule);
  before text[];
  after text[];
BEGIN
  EXECUTE query INTO before;
  BEGIN
    EXECUTE fault;
    EXECUTE query INTO after;
    RAISE SQLSTATE 'ZZ001';
  EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    RETURN NOT after <@ before;
  END;
END
$$;

-- What the guard refuses to everybody is written into the catalogue, as damage would be.
SET LOCAL allow_system_table_mods = on;
CREATE TEMP TABLE rule (name text, promise text, faults text[], position serial);
INSERT INTO rule VALUES
  ('member_without_comment', 'every member of the extension has a comment', ARRAY[
    'COMMENT ON OPERATOR attest.< (attest.siret, attest.siret) IS NULL']),
  ('object_without_comment', 'every schema, table, view and function has a comment', ARRAY[
    'COMMENT ON TABLE attest_data.person IS NULL',
    'COMMENT ON FUNCTION attest.setup() IS NULL']),
  ('column_without_comment', 'every column of a view has a comment', ARRAY[
    'COMMENT ON COLUMN attest.people.gender IS NULL']),
  ('granted_to_public', 'nothing is granted to PUBLIC', ARRAY[
    'GRANT EXECUTE ON FUNCTION attest.doctor() TO PUBLIC',
    'CREATE TYPE attest_internal.extra AS (a int)',
    'GRANT SELECT (gender) ON attest_data.person TO PUBLIC',
    'GRANT USAGE ON SCHEMA attest_data TO PUBLIC']),
  ('role_that_may_write', 'apps, analysts, auditors and operators write through functions only', ARRAY[
    'GRANT TRUNCATE ON attest_data.person TO attest_app',
    'GRANT UPDATE (gender) ON attest_data.person TO attest_operator']),
  ('role_too_strong', 'the roles of attest cannot log in, bypass row security or make roles', ARRAY[
    'ALTER ROLE attest_owner BYPASSRLS',
    'ALTER ROLE attest_owner LOGIN']),
  ('search_path_not_pinned', 'every function that is not C pins its search_path', ARRAY[
    'ALTER FUNCTION attest.setup() SET search_path = public',
    'ALTER PROCEDURE attest.adopt(regclass, name, text, name, text, text) SECURITY DEFINER']),
  ('definer_not_of_owner', 'every definer function works as attest_owner', ARRAY[
    'ALTER FUNCTION attest.doctor() OWNER TO postgres']),
  ('promise_out_of_place', 'volatility, parallel safety and leakproofness go together', ARRAY[
    'ALTER FUNCTION attest.live_board(uuid) PARALLEL UNSAFE',
    'ALTER FUNCTION attest.esf_missing(text, jsonb) PARALLEL RESTRICTED']),
  ('current_tenant_wrong', 'current_tenant() is stable, leakproof and parallel safe', ARRAY[
    'ALTER FUNCTION attest.current_tenant() IMMUTABLE',
    'ALTER FUNCTION attest.current_tenant() NOT LEAKPROOF']),
  ('tenant_column_wrong', 'tenant_id is an int and never null', ARRAY[
    'CREATE TABLE attest_data.extra (tenant_id int)',
    'CREATE TABLE attest_data.extra (tenant_id bigint NOT NULL)']),
  ('key_without_tenant', 'tenant_id comes first in every key and index of a tenant table', ARRAY[
    'ALTER TABLE attest_data.slot_trainer DROP CONSTRAINT slot_trainer_pkey',
    'ALTER TABLE attest_data.person ADD UNIQUE (person_id, tenant_id)',
    'CREATE INDEX ON attest_data.person ((birth_year + 1), tenant_id)']),
  ('reference_without_tenant', 'tenant_id comes first in every reference between tenant tables', ARRAY[
    'CREATE TABLE attest_data.extra (tenant_id int PRIMARY KEY); ALTER TABLE attest_data.person ADD FOREIGN KEY (tenant_id) REFERENCES attest_data.extra',
    'CREATE TABLE attest_data.extra (id uuid PRIMARY KEY); ALTER TABLE attest_data.person ADD FOREIGN KEY (person_id) REFERENCES attest_data.extra']),
  ('row_security_off', 'row security is on and forced on every tenant table', ARRAY[
    'UPDATE pg_class SET relforcerowsecurity = false WHERE oid = ''attest_data.person''::regclass',
    'UPDATE pg_class SET relrowsecurity = false WHERE oid = ''attest_data.person''::regclass']),
  ('restriction_wrong', 'every tenant table has exactly its restrictive policy, for everybody', ARRAY[
    'UPDATE pg_policy p SET polqual = o.polqual FROM pg_policy o WHERE o.polname = ''tenant_people'' AND o.polrelid = p.polrelid AND p.polrelid = ''attest_data.person''::regclass AND p.polname = ''tenant_isolation''',
    'UPDATE pg_policy SET polroles = ARRAY[''attest_app''::regrole]::oid[] WHERE polrelid = ''attest_data.person''::regclass AND polname = ''tenant_isolation''',
    'DELETE FROM pg_policy WHERE polrelid = ''attest_data.person''::regclass AND polname = ''tenant_isolation''']),
  ('policy_with_query', 'policies call C functions only and hold no query', ARRAY[
    'CREATE POLICY extra ON attest_data.person USING (person_id IN (SELECT a.person_id FROM attest_data.account a))',
    'CREATE FUNCTION attest.extra() RETURNS boolean LANGUAGE sql AS ''SELECT true''; CREATE POLICY extra ON attest_data.person USING (attest.extra())']),
  ('numbered_column', 'no column is numbered by a sequence', ARRAY[
    'CREATE TABLE attest_data.extra (number int GENERATED ALWAYS AS IDENTITY)',
    'CREATE TABLE attest_data.extra (number serial)']),
  ('id_not_uuid', 'row ids are uuids', ARRAY[
    'CREATE TABLE attest_data.extra (tenant_id int NOT NULL, extra_id bigint)']),
  ('oid_in_data', 'no oid is stored', ARRAY[
    'CREATE TABLE attest_data.extra (made_by regprocedure)']),
  ('lookup_not_plain', 'lookup tables have no trigger and point at no tenant data', ARRAY[
    'CREATE TRIGGER extra BEFORE UPDATE ON attest_data.job FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'CREATE TABLE attest_data.extra (a int, b uuid, FOREIGN KEY (a, b) REFERENCES attest_data.person (tenant_id, person_id))']),
  ('data_of_extension', 'tables and views of data are no members of the extension', ARRAY[
    'ALTER EXTENSION attest ADD TABLE attest_data.person']),
  ('object_of_another', 'tables, indexes and views belong to attest_owner', ARRAY[
    'ALTER VIEW attest.people OWNER TO postgres']),
  ('view_of_owner', 'every view works with the rights of its caller', ARRAY[
    'ALTER VIEW attest.people RESET (security_invoker)']),
  ('type_that_compares', 'sealed, nir and signature have no operator class, no operator and no cast', ARRAY[
    'CREATE OPERATOR CLASS attest.extra FOR TYPE attest.nir USING brin AS STORAGE attest.nir',
    'CREATE CAST (attest.sealed AS text) WITH INOUT']);

SELECT plan(1 + count(*)::int + sum(cardinality(faults))::int) FROM rule;

SELECT ok((SELECT count(*) FROM tenant_table) >= 15, 'attest.setup() has made the tables of the tenants');
SELECT is_empty(format('SELECT object FROM %I ORDER BY 1', name), promise) FROM rule ORDER BY position;
SELECT ok(pg_temp.finds(name, fault), 'found: ' || fault)
FROM rule, unnest(faults) WITH ORDINALITY AS f (fault, nth) ORDER BY position, nth;

SELECT * FROM finish();
ROLLBACK;
