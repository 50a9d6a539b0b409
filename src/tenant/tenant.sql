-- tenant: setup, tenants, accounts, tickets, isolation, doctor.

-- --- context ---

CREATE FUNCTION attest.current_tenant() RETURNS int
AS 'MODULE_PATHNAME', 'attest_current_tenant' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest.current_tenant() IS
'The tenant entered in this transaction, or NULL. Policies compare tenant_id with it.';

CREATE FUNCTION attest.current_account() RETURNS uuid
AS 'MODULE_PATHNAME', 'attest_current_account' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest.current_account() IS 'The account of the ticket, or NULL.';

CREATE FUNCTION attest.current_profile() RETURNS text
AS 'MODULE_PATHNAME', 'attest_current_profile' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest.current_profile() IS 'The profile of the ticket, such as trainer, or NULL.';

CREATE FUNCTION attest.current_person() RETURNS uuid
AS 'MODULE_PATHNAME', 'attest_current_person' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest.current_person() IS 'The person of the register behind the ticket, or NULL.';

CREATE FUNCTION attest_internal.required_tenant() RETURNS int
AS 'MODULE_PATHNAME', 'attest_required_tenant' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.required_tenant() IS
'The tenant entered in this transaction; error TA001 when there is none.';

CREATE FUNCTION attest_internal.require_profile(accepted text) RETURNS void
AS 'MODULE_PATHNAME', 'attest_require_profile' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.require_profile(text) IS
'Error TA001 without a ticket, TA005 unless its profile is in the comma-separated list. Work of attest itself passes.';

CREATE FUNCTION attest.enter(ticket text) RETURNS void
AS 'MODULE_PATHNAME', 'attest_enter' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.enter(text) IS
'Enters the tenant of the ticket until the end of the transaction. Pass the ticket as a bind parameter. Errors TA002 invalid, TA003 expired, TA004 second tenant.';

CREATE FUNCTION attest_internal.enter_tenant(tenant_id int) RETURNS void
AS 'MODULE_PATHNAME', 'attest_enter_tenant' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.enter_tenant(int) IS
'Enters a tenant for the work of an operator; callers pin attest.ticket, so that it ends with them.';

CREATE FUNCTION attest_internal.mint_ticket(tenant_id int, account uuid, profile text, person uuid, lifetime interval) RETURNS text
AS 'MODULE_PATHNAME', 'attest_mint_ticket' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.mint_ticket(int, uuid, text, uuid, interval) IS
'Makes and signs a ticket; lifetime of 24 hours at most.';

CREATE FUNCTION attest.whoami(
  OUT tenant text, OUT profile text, OUT account uuid, OUT person uuid, OUT explanation text
) LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  profile := attest.current_profile();
  account := attest.current_account();
  person := attest.current_person();
  IF attest.current_tenant() IS NULL THEN
    explanation := 'No ticket holds in this transaction: views show no row. '
      'Call attest.enter(ticket) after BEGIN; a ticket ends with its transaction.';
    RETURN;
  END IF;
  SELECT t.code INTO tenant FROM attest_data.tenant t WHERE t.id = attest.current_tenant();
  explanation := format('Working for %s as %s until the end of this transaction.', tenant, profile);
END
$$;
COMMENT ON FUNCTION attest.whoami() IS
'Who works in this transaction, for which tenant, and why nothing is visible when nothing is.';

-- --- setup ---

CREATE FUNCTION attest_internal.is_restricted(tab regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_policy p
    WHERE p.polrelid = tab AND p.polname = 'tenant_isolation' AND NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
      AND pg_get_expr(p.polqual, p.polrelid) = '(tenant_id = attest.current_tenant())'
      AND pg_get_expr(p.polwithcheck, p.polrelid) = '(tenant_id = attest.current_tenant())')
$$;
COMMENT ON FUNCTION attest_internal.is_restricted(regclass) IS
'Whether the restrictive policy on the tenant stands on the table as attest.setup() made it: for every command and everybody.';

CREATE FUNCTION attest_internal.protect_tables() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tab regclass;
  done int := 0;
BEGIN
  FOR tab IN
    SELECT c.oid
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relnamespace = 'attest_data'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tab);
    -- Made again where one is missing or was altered.
    IF NOT attest_internal.is_restricted(tab)
        OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = tab AND polname = 'tenant_rows') THEN
      EXECUTE format('DROP POLICY IF EXISTS tenant_isolation ON %s', tab);
      EXECUTE format('DROP POLICY IF EXISTS tenant_rows ON %s', tab);
      EXECUTE format('CREATE POLICY tenant_isolation ON %s AS RESTRICTIVE '
        'USING (tenant_id = attest.current_tenant()) WITH CHECK (tenant_id = attest.current_tenant())', tab);
      EXECUTE format('CREATE POLICY tenant_rows ON %s '
        'USING (tenant_id = attest.current_tenant()) WITH CHECK (tenant_id = attest.current_tenant())', tab);
    END IF;
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.protect_tables() IS
'Puts every table of attest_data that has a tenant_id under row level security, forced, with its two policies. Returns their number.';

CREATE FUNCTION attest_internal.run_steps() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  task attest_internal.setup_step;
  done int := 0;
BEGIN
  IF to_regclass('attest_data.schema_version') IS NULL THEN
    CREATE TABLE attest_data.schema_version (
      room text NOT NULL, step int NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (room, step));
    COMMENT ON TABLE attest_data.schema_version IS 'The table steps of attest.setup() that this database has been through.';
  END IF;
  FOR task IN SELECT * FROM attest_internal.setup_step ORDER BY position LOOP
    IF task.kind = 'table' THEN
      INSERT INTO attest_data.schema_version (room, step) VALUES (task.room, task.step) ON CONFLICT DO NOTHING;
      CONTINUE WHEN NOT FOUND;
    END IF;
    EXECUTE task.statement;
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.run_steps() IS
'Runs, as attest_owner, the setup steps that this database has not been through, and every view step.';

-- --- tenants and accounts (operators) ---

CREATE FUNCTION attest_internal.tenant_of(tenant_code text) RETURNS int
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_id int;
BEGIN
  IF to_regclass('attest_data.tenant') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  SELECT id INTO found_id FROM attest_data.tenant WHERE code = tenant_code;
  IF found_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_tenant', coalesce(tenant_code, '-'));
  END IF;
  RETURN found_id;
END
$$;
COMMENT ON FUNCTION attest_internal.tenant_of(text) IS 'The id of a tenant by its code; error TA006 when there is none.';

CREATE FUNCTION attest.create_tenant(code text, name text, kind text, time_zone text DEFAULT 'Europe/Paris') RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_id int;
BEGIN
  IF to_regclass('attest_data.tenant') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  IF create_tenant.code IS NULL OR create_tenant.code !~ '^[a-z][a-z0-9-]{1,62}$' THEN
    PERFORM attest_internal.fail('bad_value', 'code', '2 to 63 of a-z, 0-9 and -, beginning with a letter');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = time_zone) THEN
    PERFORM attest_internal.fail('bad_value', 'time_zone', 'a name of pg_timezone_names, such as Europe/Paris');
  END IF;
  IF (kind = ANY (ARRAY['departement', 'training_organisation', 'guidance_centre', 'certifier', 'company'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'kind',
      'departement, training_organisation, guidance_centre, certifier or company');
  END IF;
  IF coalesce(create_tenant.name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'name');
  END IF;
  -- Ids are small and dense; one tenant at a time is created.
  LOCK TABLE attest_data.tenant IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM attest_data.tenant t WHERE t.code = create_tenant.code) THEN
    PERFORM attest_internal.fail('code_taken', create_tenant.code);
  END IF;
  INSERT INTO attest_data.tenant (id, code, name, kind, time_zone)
  SELECT coalesce(max(t.id), 0) + 1, create_tenant.code, create_tenant.name, create_tenant.kind, create_tenant.time_zone
  FROM attest_data.tenant t
  RETURNING id INTO new_id;
  RETURN new_id;
END
$$;
COMMENT ON FUNCTION attest.create_tenant(text, text, text, text) IS
'Creates a tenant and returns its id. Kinds: departement, training_organisation, guidance_centre, certifier, company. Local days of the tenant use its time zone.';

CREATE FUNCTION attest.create_account(
  tenant_code text, identifier text, profile text, person uuid DEFAULT NULL,
  valid_from date DEFAULT current_date, valid_until date DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  new_account uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  IF (profile = ANY (ARRAY['manager', 'trainer', 'learner', 'beneficiary', 'candidate', 'department_referent',
      'external_referent', 'counsellor', 'hr_manager', 'dpo', 'jury_member'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'profile', 'one of the profiles of an account, see the glossary');
  END IF;
  IF coalesce(create_account.identifier, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'identifier');
  END IF;
  IF valid_from IS NULL OR valid_until < valid_from THEN
    PERFORM attest_internal.fail('bad_value', 'valid_until', 'a day on or after valid_from');
  END IF;
  IF person IS NOT NULL THEN
    PERFORM attest_internal.require_person(person);
  END IF;
  IF EXISTS (SELECT FROM attest_data.account a WHERE a.tenant_id = attest.current_tenant()
      AND a.identifier = create_account.identifier) THEN
    PERFORM attest_internal.fail('code_taken', create_account.identifier);
  END IF;
  INSERT INTO attest_data.account (tenant_id, account_id, identifier, profile, person_id, valid_from, valid_until)
  VALUES (attest.current_tenant(), new_account, create_account.identifier, create_account.profile, person,
    create_account.valid_from, create_account.valid_until);
  RETURN new_account;
END
$$;
COMMENT ON FUNCTION attest.create_account(text, text, text, uuid, date, date) IS
'Creates an account of a tenant: an identifier (a pseudonym, not an e-mail address), a profile, the person of the register behind it, and the days within which it may act.';

CREATE FUNCTION attest.issue_ticket(tenant_code text, identifier text, lifetime interval DEFAULT '15 minutes') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  found_account record;
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT * INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = issue_ticket.identifier
    AND a.revoked_at IS NULL AND current_date >= a.valid_from AND current_date <= coalesce(a.valid_until, 'infinity');
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  RETURN attest_internal.mint_ticket(attest.current_tenant(), found_account.account_id, found_account.profile,
    found_account.person_id, lifetime);
END
$$;
COMMENT ON FUNCTION attest.issue_ticket(text, text, interval) IS
'A ticket for an account, for a gateway that has signed the person on. Lifetime of 24 hours at most. Error TA007 for an account that is unknown, revoked or out of its dates.';

-- --- doctor ---

CREATE FUNCTION attest.doctor(OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  findings regproc;
BEGIN
  FOR findings IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace AND p.proname LIKE '%\_findings'
    ORDER BY p.proname
  LOOP
    RETURN QUERY EXECUTE format('SELECT f.code, f.severity, f.object, f.message, f.fix FROM %s() f', findings);
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.doctor() IS
'What is wrong with this installation, a row a finding: stable code, severity (critical, warning), object, message, fix. Empty when all is well. It asks every function <room>_findings() of attest_internal.';

CREATE FUNCTION attest_internal.unsafe_grants(OUT object text, OUT holder text, OUT privilege text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH held AS (
    -- tables and views: reading only, nothing for everybody, and the keys for nobody
    SELECT c.oid::regclass::text AS object, g.grantee, g.privilege_type AS privilege
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
    WHERE c.relnamespace IN ('attest_data'::regnamespace, 'attest'::regnamespace, 'attest_report'::regnamespace)
      AND g.grantee <> c.relowner AND (g.grantee = 0 OR g.privilege_type <> 'SELECT'
        OR c.oid IN ('attest_data.tenant_key'::regclass, 'attest_data.subject_key'::regclass))
    UNION ALL
    SELECT c.oid::regclass::text, g.grantee, format('%s (%I)', g.privilege_type, a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) g
    WHERE c.relnamespace IN ('attest_data'::regnamespace, 'attest'::regnamespace, 'attest_report'::regnamespace)
      AND g.grantee <> c.relowner AND (g.grantee = 0 OR g.privilege_type <> 'SELECT')
    UNION ALL
    -- functions: none for everybody, the inner ones for attest_owner, but for those of the types
    SELECT 'FUNCTION ' || p.oid::regprocedure::text, g.grantee, g.privilege_type
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND g.grantee <> p.proowner
      AND (g.grantee = 0 OR p.pronamespace = 'attest_internal'::regnamespace AND g.grantee <> 'attest_owner'::regrole
        AND p.proname !~ '^(nir|siret|sealed|signature)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash)$')
  )
  SELECT held.object, CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(held.grantee)) END, held.privilege
  FROM held
$$;
COMMENT ON FUNCTION attest_internal.unsafe_grants() IS 'Grants on the objects of attest that open more than attest.setup() does.';

CREATE FUNCTION attest_internal.relations_over_tenants() RETURNS SETOF regclass
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE reading (relation) AS (
    SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'attest_data'::regnamespace
    UNION
    SELECT r.ev_class FROM reading JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = reading.relation
      AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid
  )
  SELECT reading.relation::regclass FROM reading
$$;
COMMENT ON FUNCTION attest_internal.relations_over_tenants() IS 'Tables of attest_data, the views over them, and the views over those.';

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
  SELECT 'rls_missing', 'critical', c.oid::regclass::text,
    'row level security is off or not forced on a tenant table', 'SELECT attest.setup();'
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
  WHERE c.relnamespace = 'attest_data'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity);

  RETURN QUERY
  SELECT 'policy_missing', 'critical', c.oid::regclass::text,
    'a tenant table has no restrictive policy on the tenant', 'SELECT attest.setup();'
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
  WHERE c.relnamespace = 'attest_data'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT attest_internal.is_restricted(c.oid);

  RETURN QUERY
  SELECT 'view_not_invoker', 'critical', v.oid::regclass::text, 'a view over attest_data works with the rights of its owner',
    format('ALTER VIEW %s SET (security_invoker = true);', v.oid::regclass)
  FROM attest_internal.relations_over_tenants() r JOIN pg_class v ON v.oid = r
  WHERE v.relkind = 'v' AND NOT coalesce(v.reloptions && '{security_invoker=true,security_invoker=on}', false);

  RETURN QUERY
  SELECT 'materialized_view', 'critical', v.oid::regclass::text,
    'a materialized view keeps rows of attest_data outside row level security', format('DROP MATERIALIZED VIEW %s;', v.oid::regclass)
  FROM attest_internal.relations_over_tenants() r JOIN pg_class v ON v.oid = r
  WHERE v.relkind = 'm';

  RETURN QUERY
  SELECT 'unsafe_grant', 'critical', g.object, format('%s holds %s', g.holder, g.privilege),
    format('REVOKE %s ON %s FROM %s;', g.privilege, g.object, g.holder)
  FROM attest_internal.unsafe_grants() g;

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text,
    'a role that works with attest escapes row level security',
    format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS;', r.rolname)
  FROM pg_roles r
  WHERE r.rolname = 'attest_owner' AND (r.rolsuper OR r.rolbypassrls)
    OR r.rolbypassrls AND NOT r.rolsuper AND EXISTS (SELECT FROM unnest(ARRAY['attest_app', 'attest_analyst', 'attest_auditor']) g
      WHERE pg_has_role(r.oid, g, 'MEMBER'))
    OR r.rolsuper AND EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE m.member = r.oid AND g.rolname IN ('attest_app', 'attest_analyst', 'attest_auditor'));

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, 'a member of attest_owner works with the rights of the tables'' owner',
    format('REVOKE attest_owner FROM %I;', r.rolname)
  FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
  WHERE g.rolname = 'attest_owner';

  RETURN QUERY
  SELECT 'parameters_logged', 'warning', s.name, 'values of statements may reach the server log',
    format('ALTER SYSTEM SET %s = %s;', s.name, wanted.value)
  FROM pg_settings s JOIN (VALUES ('log_parameter_max_length', '0'), ('log_parameter_max_length_on_error', '0'),
    ('log_min_error_statement', 'panic')) AS wanted (name, value) ON wanted.name = s.name
  WHERE s.setting <> wanted.value
  ORDER BY s.name;
END
$$;
COMMENT ON FUNCTION attest_internal.tenant_findings() IS 'What attest.doctor() says about isolation, grants and logging.';
