-- tenant, doctor: what is wrong with an installation.

CREATE FUNCTION attest.doctor(OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  findings regproc;
BEGIN
  FOR findings IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, 9) = '_findings'
    ORDER BY p.proname
  LOOP
    RETURN QUERY EXECUTE format('SELECT f.code, f.severity, f.object, f.message, f.fix FROM %s() f', findings);
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.doctor() IS
'What is wrong with this installation, a row a finding: stable code, severity (critical, warning), object, message, fix. Empty when all is well. It asks every function <room>_findings() of attest_internal.';

CREATE FUNCTION attest_internal.protected_tables() RETURNS SETOF regclass
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.oid::regclass
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND (c.relnamespace = to_regnamespace('attest_data') OR EXISTS (
    SELECT FROM pg_seclabel l WHERE l.provider = 'attest' AND l.classoid = 'pg_class'::regclass AND l.objoid = c.oid))
  ORDER BY 1
$$;
COMMENT ON FUNCTION attest_internal.protected_tables() IS 'The tables under the isolation of tenants: those of attest_data, and those of attest.protect().';

CREATE FUNCTION attest_internal.unsafe_grants(OUT object text, OUT holder text, OUT privilege text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH held AS (
    -- tables and views: reading only, nothing for everybody, and the keys for nobody
    SELECT c.oid::regclass::text AS object, g.grantee, g.privilege_type AS privilege
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
    WHERE c.relnamespace IN ('attest_data'::regnamespace, 'attest'::regnamespace, 'attest_report'::regnamespace)
      AND g.grantee <> c.relowner AND (g.grantee = 0 OR g.privilege_type <> 'SELECT'
        OR c.oid IN ('attest_data.tenant_key'::regclass, 'attest_data.subject_key'::regclass, 'attest_data.account_secret'::regclass))
    UNION ALL
    SELECT c.oid::regclass::text, g.grantee, format('%s (%I)', g.privilege_type, a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) g
    WHERE c.relnamespace IN ('attest_data'::regnamespace, 'attest'::regnamespace, 'attest_report'::regnamespace)
      AND g.grantee <> c.relowner AND (g.grantee = 0 OR g.privilege_type <> 'SELECT')
    UNION ALL
    -- functions: none for everybody (but planned_tenant(): see end.sql), the inner ones for attest_owner, but for those of the types
    SELECT 'FUNCTION ' || p.oid::regprocedure::text, g.grantee, g.privilege_type
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND g.grantee <> p.proowner
      AND p.oid <> 'attest_internal.planned_tenant()'::regprocedure
      AND (g.grantee = 0 OR p.pronamespace = 'attest_internal'::regnamespace AND g.grantee <> 'attest_owner'::regrole
        AND p.proname !~ '^(nir|siret|siren|sealed|signature|tally|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$')
    UNION ALL
    -- functions that work for any tenant: not for those who work for the one that they have entered
    SELECT 'FUNCTION ' || p.oid::regprocedure::text, g.grantee, g.privilege_type
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) g JOIN pg_roles r ON r.oid = g.grantee
    WHERE p.pronamespace = 'attest'::regnamespace AND 'tenant_code' = ANY (p.proargnames) AND p.proname <> 'login'
      AND NOT r.rolsuper AND r.rolname NOT IN ('attest_owner', 'attest_operator')
      AND EXISTS (SELECT FROM unnest('{attest_app,attest_analyst,attest_auditor}'::name[]) c WHERE pg_has_role(r.oid, c, 'MEMBER'))
    UNION ALL
    -- tables of attest.protect(): what row level security does not bind
    SELECT c.oid::regclass::text, g.grantee, g.privilege_type
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
    WHERE c.oid IN (SELECT t FROM attest_internal.protected_tables() t) AND c.relnamespace <> 'attest_data'::regnamespace
      AND g.grantee <> c.relowner AND g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
  )
  SELECT held.object, CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(held.grantee)) END, held.privilege
  FROM held
$$;
COMMENT ON FUNCTION attest_internal.unsafe_grants() IS 'Grants on the objects of attest that open more than attest.setup() does.';

CREATE FUNCTION attest_internal.relations_over_tenants() RETURNS SETOF regclass
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE reading (relation) AS (
    SELECT t::oid FROM attest_internal.protected_tables() t
    UNION
    SELECT r.ev_class FROM reading JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = reading.relation
      AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid
  )
  SELECT reading.relation::regclass FROM reading
$$;
COMMENT ON FUNCTION attest_internal.relations_over_tenants() IS 'The tables under isolation, the views over them, and the views over those.';

CREATE FUNCTION attest_internal.tenant_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass('attest_data.schema_version') IS NULL THEN
    RETURN QUERY SELECT 'setup_missing', 'critical', current_database()::text,
      'the tables of attest are not set up', 'SELECT attest.setup();';
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 'rls_missing', 'critical', t::text, 'row level security is off or not forced on a tenant table',
    format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;', t)
  FROM attest_internal.protected_tables() t JOIN pg_class c ON c.oid = t
  WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity);

  RETURN QUERY
  SELECT 'policy_missing', 'critical', t::text, 'a tenant table has no restrictive policy on the tenant',
    CASE WHEN t::text LIKE 'attest_data.%' THEN 'SELECT attest.setup();' ELSE format('SELECT attest.protect(%L);', t) END
  FROM attest_internal.protected_tables() t
  WHERE NOT attest_internal.is_restricted(t);

  RETURN QUERY
  SELECT 'key_without_tenant', 'critical', t::text, attest_internal.unprotectable(t),
    'Put tenant_id into every unique index and foreign key of the table.'
  FROM attest_internal.protected_tables() t
  WHERE attest_internal.unprotectable(t) IS NOT NULL;

  RETURN QUERY
  SELECT 'reference_not_protected', 'critical', k.conrelid::regclass::text,
    format('foreign key %I lets a table without isolation ask whether a tenant table has a row', k.conname),
    format('SELECT attest.protect(%L);', k.conrelid::regclass)
  FROM attest_internal.protected_tables() t JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = t
  WHERE NOT EXISTS (SELECT FROM attest_internal.protected_tables() p WHERE p = k.conrelid);

  RETURN QUERY
  SELECT 'tenant_id_without_default', 'warning', t::text, 'tenant_id does not default to the entered tenant',
    format('ALTER TABLE %s ALTER tenant_id SET DEFAULT attest.current_tenant();', t)
  FROM attest_internal.protected_tables() t
  LEFT JOIN pg_attrdef d ON d.adrelid = t AND d.adnum = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = t AND a.attname = 'tenant_id')
  WHERE pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM 'attest.current_tenant()';

  RETURN QUERY
  SELECT 'view_not_invoker', 'critical', v.oid::regclass::text, 'a view over tenant tables works with the rights of its owner',
    format('ALTER VIEW %s SET (security_invoker = true);', v.oid::regclass)
  FROM attest_internal.relations_over_tenants() r JOIN pg_class v ON v.oid = r
  WHERE v.relkind = 'v' AND NOT coalesce(v.reloptions && '{security_invoker=true,security_invoker=on}', false);

  RETURN QUERY
  SELECT 'materialized_view', 'critical', v.oid::regclass::text,
    'a materialized view keeps rows of tenants outside row level security', format('DROP MATERIALIZED VIEW %s;', v.oid::regclass)
  FROM attest_internal.relations_over_tenants() r JOIN pg_class v ON v.oid = r
  WHERE v.relkind = 'm';

  RETURN QUERY
  SELECT 'rule_on_tenant_table', 'critical', t::text, format('rule %I rewrites statements on a tenant table', r.rulename),
    format('DROP RULE %I ON %s;', r.rulename, t)
  FROM attest_internal.protected_tables() t JOIN pg_rewrite r ON r.ev_class = t;

  RETURN QUERY
  SELECT 'child_not_protected', 'critical', i.inhrelid::regclass::text, 'a child of a tenant table bypasses its policies',
    'Take the table out of the inheritance: ALTER TABLE ... NO INHERIT ...; or drop it.'
  FROM attest_internal.protected_tables() t JOIN pg_inherits i ON i.inhparent = t
  WHERE NOT EXISTS (SELECT FROM attest_internal.protected_tables() p WHERE p = i.inhrelid);
END
$$;
COMMENT ON FUNCTION attest_internal.tenant_findings() IS 'What attest.doctor() says about the tables of the tenants.';

CREATE FUNCTION attest_internal.grant_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- A superuser is a member of everything: only one that was made a member by name counts.
  clients oid[] := ARRAY(SELECT r.oid FROM pg_roles r WHERE left(r.rolname, 7) <> 'attest_' AND EXISTS (
    SELECT FROM unnest(ARRAY['attest_app', 'attest_analyst', 'attest_auditor']) g
    WHERE NOT r.rolsuper AND pg_has_role(r.oid, g, 'MEMBER') OR EXISTS (
      SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid = to_regrole(g))));
BEGIN
  IF to_regclass('attest_data.account_secret') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 'unsafe_grant', 'critical', g.object, format('%s holds %s', g.holder, g.privilege),
    format('REVOKE %s ON %s FROM %s;', g.privilege, g.object, g.holder)
  FROM attest_internal.unsafe_grants() g;

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, 'the owner of the tables escapes row level security',
    format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS;', r.rolname)
  FROM pg_roles r WHERE r.rolname = 'attest_owner' AND (r.rolsuper OR r.rolbypassrls);

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, 'a member of attest_owner works with the rights of the tables'' owner',
    format('REVOKE attest_owner FROM %I;', r.rolname)
  FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
  WHERE g.rolname = 'attest_owner';

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, fault.what, fault.mend
  FROM pg_roles r CROSS JOIN LATERAL (
    SELECT 'a client role is superuser, or has BYPASSRLS, CREATEROLE or REPLICATION' AS what,
      format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION;', r.rolname) AS mend
    WHERE r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication
    UNION ALL
    SELECT format('a client role is a member of %s', g.rolname), format('REVOKE %I FROM %I;', g.rolname, r.rolname)
    FROM pg_roles g
    WHERE g.rolname IN ('attest_operator', 'pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files',
        'pg_write_server_files', 'pg_execute_server_program') AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER')
    UNION ALL
    SELECT format('a client role owns %s', t), format('ALTER TABLE %s OWNER TO attest_owner;', t)
    FROM attest_internal.protected_tables() t JOIN pg_class c ON c.oid = t WHERE c.relowner = r.oid
    UNION ALL
    SELECT format('a client role may create objects in schema %s', n.nspname), format('REVOKE CREATE ON SCHEMA %I FROM %I;', n.nspname, r.rolname)
    FROM pg_namespace n WHERE NOT r.rolsuper AND n.nspname !~ '^pg_' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
    UNION ALL
    SELECT 'a client role may create schemas in this database', format('REVOKE CREATE ON DATABASE %I FROM %I;', current_database(), r.rolname)
    WHERE NOT r.rolsuper AND has_database_privilege(r.oid, current_database(), 'CREATE')
  ) AS fault
  WHERE r.oid = ANY (clients);

  RETURN QUERY
  SELECT 'mapped_role_gone', 'warning', r.role_name::text, 'a role that stood for a tenant is gone: one of the same name would take its place',
    format('SELECT attest.revoke_tenant(%L);', r.role_name)
  FROM attest_data.role_tenant r WHERE to_regrole(quote_ident(r.role_name)) IS NULL;

  RETURN QUERY
  SELECT 'unsafe_default_grant', 'critical', coalesce(n.nspname, '(every schema)')::text,
    format('new objects of %s are open to %s', pg_get_userbyid(d.defaclrole), CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END),
    'Take the default back: ALTER DEFAULT PRIVILEGES ... REVOKE ...;'
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) g
  WHERE d.defaclobjtype IN ('r', 'S') AND d.defaclrole = 'attest_owner'::regrole AND g.grantee <> d.defaclrole;

  RETURN QUERY
  SELECT 'shared_sequence', 'warning', c.oid::regclass::text, 'a sequence that clients can use counts over all tenants',
    format('REVOKE ALL ON SEQUENCE %s FROM attest_app;', c.oid::regclass)
  FROM pg_class c
  WHERE CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('attest_app', c.oid, 'USAGE, SELECT, UPDATE') END
    AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid IN (SELECT t FROM attest_internal.protected_tables() t));
END
$$;
COMMENT ON FUNCTION attest_internal.grant_findings() IS 'What attest.doctor() says about roles and grants.';

CREATE FUNCTION attest_internal.server_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The details and contexts of errors quote rows, lines of COPY and malformed JSON.
  RETURN QUERY
  SELECT 'parameters_logged', 'warning', s.name, 'values of statements may reach the server log',
    format('ALTER SYSTEM SET %s = %s;', s.name, wanted.value)
  FROM pg_settings s JOIN (VALUES ('log_parameter_max_length', '0'), ('log_parameter_max_length_on_error', '0'),
    ('log_min_error_statement', 'panic'), ('log_error_verbosity', 'terse')) AS wanted (name, value) ON wanted.name = s.name
  WHERE s.setting <> wanted.value
  ORDER BY s.name;

  RETURN QUERY
  SELECT 'statements_logged', 'warning', 'log_statement'::text, 'every statement reaches the server log, with the values in its text',
    'ALTER SYSTEM SET log_statement = ddl;'
  FROM pg_settings s WHERE s.name = 'log_statement' AND s.setting IN ('all', 'mod');

  -- A plan made for the parameters of one call holds their values.
  RETURN QUERY
  SELECT 'plans_logged', 'warning', s.name, 'plans reach the server log, with the values of parameters in them',
    format('ALTER SYSTEM SET %s = %s;', s.name, wanted.value)
  FROM pg_settings s JOIN (VALUES ('auto_explain.log_min_duration', '-1'), ('debug_print_parse', 'off'),
    ('debug_print_rewritten', 'off'), ('debug_print_plan', 'off')) AS wanted (name, value) ON wanted.name = s.name
  WHERE s.setting <> wanted.value
  ORDER BY s.name;

  RETURN QUERY
  SELECT 'policy_function_changed', 'critical', p.oid::regprocedure::text,
    format('a function of the policies is not STABLE, %s and PARALLEL SAFE: a plan may keep another tenant', made.leak),
    format('ALTER FUNCTION %s STABLE %s PARALLEL SAFE;', p.oid::regprocedure, made.leak)
  FROM pg_proc p JOIN (VALUES ('attest.current_tenant()', 'LEAKPROOF'), ('attest_internal.planned_tenant()', 'LEAKPROOF'),
    ('attest.may_see(uuid)', 'NOT LEAKPROOF')) AS made (name, leak) ON p.oid = made.name::regprocedure
  WHERE p.provolatile <> 's' OR p.proparallel <> 's' OR p.proleakproof <> (made.leak = 'LEAKPROOF');

  RETURN QUERY
  SELECT 'definer_without_search_path', 'critical', p.oid::regprocedure::text,
    'a SECURITY DEFINER function takes its names from the caller''s search_path',
    format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;', p.oid::regprocedure)
  FROM pg_proc p
  WHERE p.prosecdef AND p.pronamespace <> 'pg_catalog'::regnamespace
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE left(c, 12) = 'search_path=');

  RETURN QUERY
  SELECT 'publication_of_everything', 'warning', p.pubname::text, 'a publication FOR ALL TABLES sends keys and all tenants to its subscribers',
    format('DROP PUBLICATION %I; -- then publish chosen tables', p.pubname)
  FROM pg_publication p WHERE p.puballtables;
END
$$;
COMMENT ON FUNCTION attest_internal.server_findings() IS 'What attest.doctor() says about settings, functions and publications.';
