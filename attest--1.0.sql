\echo Use "CREATE EXTENSION attest" to load this file. \quit

-- Roles belong to the cluster: made when missing, never dropped, not members.
DO $roles$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['attest_owner', 'attest_operator', 'attest_app', 'attest_analyst', 'attest_auditor']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', role_name);
    END IF;
  END LOOP;
END
$roles$;

COMMENT ON SCHEMA attest IS 'Public interface of attest: functions, types and views for applications.';

CREATE SCHEMA attest_internal;
COMMENT ON SCHEMA attest_internal IS 'Inner parts of attest: nothing here is for applications.';

-- The statements that attest.setup() runs. A table step runs once in the life of
-- a database; a view step runs at each setup.
CREATE TABLE attest_internal.setup_step (
  position int PRIMARY KEY,
  room text NOT NULL,
  step int NOT NULL,
  kind text NOT NULL CHECK (kind IN ('table', 'view')),
  statement text NOT NULL,
  UNIQUE (room, kind, step)
);
COMMENT ON TABLE attest_internal.setup_step IS 'The statements that attest.setup() runs, in order.';

-- core: version, errors.

CREATE FUNCTION attest.version() RETURNS text
AS 'MODULE_PATHNAME', 'attest_version' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.version() IS
'The release of the attest library that is loaded, such as 1.0. The SQL side: pg_extension.extversion.';

CREATE FUNCTION attest.error_catalog(
  OUT sqlstate text, OUT name text, OUT message text, OUT detail text, OUT hint text
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_error_catalog' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.error_catalog() IS
'Every error that attest raises, in the language of lc_messages: SQLSTATE (class TA), name, message, detail with %1 to %3 for the facts, hint.';

CREATE FUNCTION attest_internal.fail(name text, VARIADIC facts text[] DEFAULT '{}') RETURNS void
AS 'MODULE_PATHNAME', 'attest_fail' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.fail(text, text[]) IS
'Raises an error of the catalogue by its name, with its facts.';

-- ident: identifiers and row ids.

CREATE FUNCTION attest.uuid_v7() RETURNS uuid
AS 'MODULE_PATHNAME', 'attest_uuid_v7' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION attest.uuid_v7() IS
'A new row id: version 7 uuid (RFC 9562), ordered by the time of its making.';

CREATE TYPE attest.nir;
COMMENT ON TYPE attest.nir IS
'Social security number (NIR) of 13 characters and its key. Spaces, dots and hyphens are accepted. It has no comparison: never index or join it in clear.';

CREATE FUNCTION attest_internal.nir_in(cstring) RETURNS attest.nir
AS 'MODULE_PATHNAME', 'attest_nir_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.nir_out(attest.nir) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_nir_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.nir_recv(internal) RETURNS attest.nir
AS 'MODULE_PATHNAME', 'attest_nir_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.nir_send(attest.nir) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_nir_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.nir_in(cstring) IS 'Text input of attest.nir.';
COMMENT ON FUNCTION attest_internal.nir_out(attest.nir) IS 'Text output of attest.nir.';
COMMENT ON FUNCTION attest_internal.nir_recv(internal) IS 'Binary input of attest.nir.';
COMMENT ON FUNCTION attest_internal.nir_send(attest.nir) IS 'Binary output of attest.nir.';

CREATE TYPE attest.nir (
  INTERNALLENGTH = 15, ALIGNMENT = char,
  INPUT = attest_internal.nir_in, OUTPUT = attest_internal.nir_out,
  RECEIVE = attest_internal.nir_recv, SEND = attest_internal.nir_send
);

CREATE TYPE attest.siret;
COMMENT ON TYPE attest.siret IS
'SIRET of an establishment, 14 digits, checked by Luhn or by the rule of La Poste. Spaces, dots and hyphens are accepted.';

CREATE FUNCTION attest_internal.siret_in(cstring) RETURNS attest.siret
AS 'MODULE_PATHNAME', 'attest_siret_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_out(attest.siret) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_siret_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_recv(internal) RETURNS attest.siret
AS 'MODULE_PATHNAME', 'attest_siret_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_send(attest.siret) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_siret_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.siret_in(cstring) IS 'Text input of attest.siret.';
COMMENT ON FUNCTION attest_internal.siret_out(attest.siret) IS 'Text output of attest.siret.';
COMMENT ON FUNCTION attest_internal.siret_recv(internal) IS 'Binary input of attest.siret.';
COMMENT ON FUNCTION attest_internal.siret_send(attest.siret) IS 'Binary output of attest.siret.';

CREATE TYPE attest.siret (
  INTERNALLENGTH = 14, ALIGNMENT = char,
  INPUT = attest_internal.siret_in, OUTPUT = attest_internal.siret_out,
  RECEIVE = attest_internal.siret_recv, SEND = attest_internal.siret_send
);

CREATE FUNCTION attest_internal.siret_cmp(attest.siret, attest.siret) RETURNS int
AS 'MODULE_PATHNAME', 'attest_siret_cmp' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_eq(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_eq' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_ne(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_ne' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_lt(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_lt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_le(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_le' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_gt(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_gt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_ge(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_ge' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_hash(attest.siret) RETURNS int
AS 'MODULE_PATHNAME', 'attest_siret_hash' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.siret_cmp(attest.siret, attest.siret) IS 'Order of two SIRETs.';
COMMENT ON FUNCTION attest_internal.siret_eq(attest.siret, attest.siret) IS 'SIRETs are equal.';
COMMENT ON FUNCTION attest_internal.siret_ne(attest.siret, attest.siret) IS 'SIRETs differ.';
COMMENT ON FUNCTION attest_internal.siret_lt(attest.siret, attest.siret) IS 'SIRET is before.';
COMMENT ON FUNCTION attest_internal.siret_le(attest.siret, attest.siret) IS 'SIRET is before or equal.';
COMMENT ON FUNCTION attest_internal.siret_gt(attest.siret, attest.siret) IS 'SIRET is after.';
COMMENT ON FUNCTION attest_internal.siret_ge(attest.siret, attest.siret) IS 'SIRET is after or equal.';
COMMENT ON FUNCTION attest_internal.siret_hash(attest.siret) IS 'Hash of a SIRET.';

CREATE OPERATOR attest.= (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_eq,
  COMMUTATOR = OPERATOR(attest.=), NEGATOR = OPERATOR(attest.<>),
  RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR attest.<> (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_ne,
  COMMUTATOR = OPERATOR(attest.<>), NEGATOR = OPERATOR(attest.=),
  RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR attest.< (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_lt,
  COMMUTATOR = OPERATOR(attest.>), NEGATOR = OPERATOR(attest.>=),
  RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR attest.<= (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_le,
  COMMUTATOR = OPERATOR(attest.>=), NEGATOR = OPERATOR(attest.>),
  RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR attest.> (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_gt,
  COMMUTATOR = OPERATOR(attest.<), NEGATOR = OPERATOR(attest.<=),
  RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR attest.>= (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_ge,
  COMMUTATOR = OPERATOR(attest.<=), NEGATOR = OPERATOR(attest.<),
  RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR attest.= (attest.siret, attest.siret) IS 'equal';
COMMENT ON OPERATOR attest.<> (attest.siret, attest.siret) IS 'not equal';
COMMENT ON OPERATOR attest.< (attest.siret, attest.siret) IS 'before';
COMMENT ON OPERATOR attest.<= (attest.siret, attest.siret) IS 'before or equal';
COMMENT ON OPERATOR attest.> (attest.siret, attest.siret) IS 'after';
COMMENT ON OPERATOR attest.>= (attest.siret, attest.siret) IS 'after or equal';

CREATE OPERATOR FAMILY attest.siret_btree USING btree;
CREATE OPERATOR FAMILY attest.siret_hash USING hash;
COMMENT ON OPERATOR FAMILY attest.siret_btree USING btree IS 'Order of SIRETs.';
COMMENT ON OPERATOR FAMILY attest.siret_hash USING hash IS 'Hash of SIRETs.';
CREATE OPERATOR CLASS attest.siret_btree DEFAULT FOR TYPE attest.siret USING btree FAMILY attest.siret_btree AS
  OPERATOR 1 attest.<, OPERATOR 2 attest.<=, OPERATOR 3 attest.=, OPERATOR 4 attest.>=, OPERATOR 5 attest.>,
  FUNCTION 1 attest_internal.siret_cmp(attest.siret, attest.siret);
CREATE OPERATOR CLASS attest.siret_hash DEFAULT FOR TYPE attest.siret USING hash FAMILY attest.siret_hash AS
  OPERATOR 1 attest.=,
  FUNCTION 1 attest_internal.siret_hash(attest.siret);
COMMENT ON OPERATOR CLASS attest.siret_btree USING btree IS 'Order of SIRETs.';
COMMENT ON OPERATOR CLASS attest.siret_hash USING hash IS 'Hash of SIRETs.';

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
AS 'MODULE_PATHNAME', 'attest_enter' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.enter(text) IS
'Enters the tenant of the ticket until the end of the transaction. Pass the ticket as a bind parameter. Errors TA002 invalid (NULL too: what attest.login() answers to a wrong secret), TA003 expired, TA004 second tenant, TA013 an account that may not act any more.';

CREATE FUNCTION attest_internal.enter_tenant(tenant_id int) RETURNS void
AS 'MODULE_PATHNAME', 'attest_enter_tenant' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.enter_tenant(int) IS
'Enters a tenant for the work of an operator; callers pin attest.ticket, so that it ends with them.';

CREATE FUNCTION attest_internal.mint_ticket(tenant_id int, account uuid, profile text, person uuid, lifetime interval) RETURNS text
AS 'MODULE_PATHNAME', 'attest_mint_ticket' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.mint_ticket(int, uuid, text, uuid, interval) IS
'Makes and signs a ticket; lifetime of 24 hours at most.';

CREATE FUNCTION attest_internal.ticket_refused() RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_ticket_refused' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION attest_internal.ticket_refused() IS
'Whether a ticket holds in this transaction whose account may not act any more.';

CREATE FUNCTION attest_internal.hide_statement() RETURNS void
AS 'MODULE_PATHNAME', 'attest_hide_statement' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION attest_internal.hide_statement() IS
'Blanks the running statement in pg_stat_activity: a secret or a ticket may stand in its text.';

CREATE FUNCTION attest_internal.change_rights() RETURNS trigger
AS 'MODULE_PATHNAME', 'attest_change_rights' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.change_rights() IS
'Trigger of the tables that rights follow from: at commit, every backend looks its rights up anew.';

CREATE FUNCTION attest_internal.rights_changed() RETURNS void
AS 'MODULE_PATHNAME', 'attest_rights_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.rights_changed() IS
'As the trigger change_rights, for lookup tables, which have no triggers.';

CREATE FUNCTION attest.whoami(
  OUT tenant text, OUT profile text, OUT account uuid, OUT person uuid, OUT explanation text
) LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  profile := attest.current_profile();
  account := attest.current_account();
  person := attest.current_person();
  IF attest_internal.ticket_refused() THEN
    explanation := 'The ticket''s account was revoked, or is out of its dates: views show no row. Ask the operator.';
    RETURN;
  END IF;
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

CREATE FUNCTION attest_internal.has_people(tab regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attrelid = tab AND a.attname = 'person_id' AND a.attnotnull AND c.relnamespace = to_regnamespace('attest_data'))
$$;
COMMENT ON FUNCTION attest_internal.has_people(regclass) IS 'Whether the rows of a table of attest_data belong to people.';

CREATE FUNCTION attest_internal.has_policy(tab regclass, name text, expression text) RETURNS boolean
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_policy p
    WHERE p.polrelid = tab AND p.polname = name AND NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
      AND pg_get_expr(p.polqual, p.polrelid) = expression AND pg_get_expr(p.polwithcheck, p.polrelid) = expression)
$$;
COMMENT ON FUNCTION attest_internal.has_policy(regclass, text, text) IS
'Whether a restrictive policy stands on the table as attest.setup() made it: for every command and everybody.';

CREATE FUNCTION attest_internal.is_restricted(tab regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.has_policy(tab, 'tenant_isolation', '(tenant_id = attest.current_tenant())')
    AND (NOT attest_internal.has_people(tab) OR attest_internal.has_policy(tab, 'tenant_people', 'attest.may_see(person_id)'))
$$;
COMMENT ON FUNCTION attest_internal.is_restricted(regclass) IS
'Whether the restrictive policies on the tenant and, where rows belong to people, on the people stand on the table.';

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
      EXECUTE format('DROP POLICY IF EXISTS tenant_people ON %s', tab);
      EXECUTE format('DROP POLICY IF EXISTS tenant_rows ON %s', tab);
      EXECUTE format('CREATE POLICY tenant_isolation ON %s AS RESTRICTIVE '
        'USING (tenant_id = attest.current_tenant()) WITH CHECK (tenant_id = attest.current_tenant())', tab);
      IF attest_internal.has_people(tab) THEN
        EXECUTE format('CREATE POLICY tenant_people ON %s AS RESTRICTIVE '
          'USING (attest.may_see(person_id)) WITH CHECK (attest.may_see(person_id))', tab);
      END IF;
      EXECUTE format('CREATE POLICY tenant_rows ON %s '
        'USING (tenant_id = attest.current_tenant()) WITH CHECK (tenant_id = attest.current_tenant())', tab);
    END IF;
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.protect_tables() IS
'Puts every table of attest_data that has a tenant_id under row level security, forced, with its policies: the tenant, restrictive; the people that the profile sees, restrictive, where rows belong to people; and the rows of the tenant. Returns their number.';

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

CREATE FUNCTION attest_internal.local_day() RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (now() AT TIME ZONE t.time_zone)::date FROM attest_data.tenant t WHERE t.id = attest.current_tenant()
$$;
COMMENT ON FUNCTION attest_internal.local_day() IS
'The day of the transaction in the time zone of the entered tenant. Rights follow it, and not current_date, which is in the time zone that the client chooses.';

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

CREATE FUNCTION attest_internal.ticket_for(tenant_id int, identifier text, lifetime interval) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  found_account record;
BEGIN
  PERFORM attest_internal.enter_tenant(tenant_id);
  SELECT * INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = ticket_for.tenant_id AND a.identifier = ticket_for.identifier
    AND a.revoked_at IS NULL AND attest_internal.local_day() BETWEEN a.valid_from AND coalesce(a.valid_until, 'infinity');
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN attest_internal.mint_ticket(ticket_for.tenant_id, found_account.account_id, found_account.profile,
    found_account.person_id, lifetime);
END
$$;
COMMENT ON FUNCTION attest_internal.ticket_for(int, text, interval) IS
'A ticket for an account, NULL when it is unknown, revoked or out of its dates.';

CREATE FUNCTION attest.issue_ticket(tenant_code text, identifier text, lifetime interval DEFAULT '15 minutes') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ticket text := attest_internal.ticket_for(attest_internal.tenant_of(tenant_code), identifier, lifetime);
BEGIN
  IF ticket IS NULL THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  RETURN ticket;
END
$$;
COMMENT ON FUNCTION attest.issue_ticket(text, text, interval) IS
'A ticket for an account, for a gateway that has signed the person on. Lifetime of 24 hours at most. Error TA007 for an account that is unknown, revoked or out of its dates.';

CREATE FUNCTION attest_internal.change_account(tenant_code text, identifier text, change text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  UPDATE attest_data.account a
  SET revoked_at = CASE change WHEN 'revoke' THEN now() END, tickets_after = now(), change_reason = reason
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = change_account.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.change_account(text, text, text, text) IS
'Revokes or reinstates an account; tickets issued before hold no more either way.';

CREATE FUNCTION attest.revoke_account(tenant_code text, identifier text, reason text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.change_account(tenant_code, identifier, 'revoke', reason)
$$;
COMMENT ON FUNCTION attest.revoke_account(text, text, text) IS
'Revokes an account: its tickets hold no more from the next transaction on, in every session.';

CREATE FUNCTION attest.reinstate_account(tenant_code text, identifier text, reason text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.change_account(tenant_code, identifier, 'reinstate', reason)
$$;
COMMENT ON FUNCTION attest.reinstate_account(text, text, text) IS
'Lets a revoked account act again, with new tickets; those issued before stay refused.';

CREATE FUNCTION attest.declare_compromise(tenant_code text, identifier text, since timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  broken uuid;
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT a.account_id INTO broken FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = declare_compromise.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  IF since IS NULL OR since > now() THEN
    PERFORM attest_internal.fail('bad_value', 'since', 'a moment in the past');
  END IF;
  INSERT INTO attest_data.account_compromise (tenant_id, account_id, since)
  VALUES (attest.current_tenant(), broken, declare_compromise.since)
  ON CONFLICT ON CONSTRAINT account_compromise_pkey DO UPDATE
  SET since = least(attest_data.account_compromise.since, EXCLUDED.since), declared_at = now();
  PERFORM attest_internal.change_account(tenant_code, identifier, 'revoke', 'compromised');
END
$$;
COMMENT ON FUNCTION attest.declare_compromise(text, text, timestamptz) IS
'States that an account was in other hands since a moment: revokes it, and what it did since shows in attest.compromised_presences. Who it was is a question for people.';

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
    -- functions: none for everybody, the inner ones for attest_owner, but for those of the types
    SELECT 'FUNCTION ' || p.oid::regprocedure::text, g.grantee, g.privilege_type
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND g.grantee <> p.proowner
      AND (g.grantee = 0 OR p.pronamespace = 'attest_internal'::regnamespace AND g.grantee <> 'attest_owner'::regrole
        AND p.proname !~ '^(nir|siret|sealed|signature|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$')
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
  RETURN QUERY
  SELECT 'parameters_logged', 'warning', s.name, 'values of statements may reach the server log',
    format('ALTER SYSTEM SET %s = %s;', s.name, wanted.value)
  FROM pg_settings s JOIN (VALUES ('log_parameter_max_length', '0'), ('log_parameter_max_length_on_error', '0'),
    ('log_min_error_statement', 'panic')) AS wanted (name, value) ON wanted.name = s.name
  WHERE s.setting <> wanted.value
  ORDER BY s.name;

  RETURN QUERY
  SELECT 'statements_logged', 'warning', 'log_statement'::text, 'every statement reaches the server log, with the values in its text',
    'ALTER SYSTEM SET log_statement = ddl;'
  FROM pg_settings s WHERE s.name = 'log_statement' AND s.setting IN ('all', 'mod');

  RETURN QUERY
  SELECT 'policy_function_changed', 'critical', 'attest.current_tenant()'::text,
    'the function of the policies is not STABLE, LEAKPROOF and PARALLEL SAFE: a plan may keep another tenant',
    'ALTER FUNCTION attest.current_tenant() STABLE LEAKPROOF PARALLEL SAFE;'
  FROM pg_proc p WHERE p.oid = 'attest.current_tenant()'::regprocedure
    AND (p.provolatile <> 's' OR NOT p.proleakproof OR p.proparallel <> 's');

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

-- tenant, tables of the users: attest.protect().

CREATE FUNCTION attest_internal.unprotectable(tab regclass) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant smallint;
  fault text;
BEGIN
  SELECT a.attnum INTO tenant FROM pg_attribute a
  WHERE a.attrelid = tab AND a.attname = 'tenant_id' AND a.atttypid = 'int'::regtype AND a.attnotnull AND NOT a.attisdropped;
  IF tenant IS NULL THEN
    RETURN 'it has no column tenant_id int NOT NULL';
  END IF;
  IF (SELECT c.relkind FROM pg_class c WHERE c.oid = tab) <> 'r' OR EXISTS (SELECT FROM pg_inherits i WHERE tab IN (i.inhrelid, i.inhparent)) THEN
    RETURN 'it is not a plain table, or inherits';
  END IF;
  SELECT format('index %s does not hold tenant_id', i.indexrelid::regclass) INTO fault FROM pg_index i
  WHERE i.indrelid = tab AND (i.indisunique OR i.indisexclusion) AND NOT tenant = ANY (i.indkey::smallint[]) LIMIT 1;
  IF fault IS NOT NULL THEN
    RETURN fault;
  END IF;
  -- A reference that leaves the tenant out would tell whether a row of another tenant exists.
  SELECT format('foreign key %I does not hold tenant_id', k.conname) INTO fault FROM pg_constraint k
  WHERE k.contype = 'f' AND ((k.conrelid = tab AND NOT tenant = ANY (k.conkey)) OR (k.confrelid = tab AND NOT tenant = ANY (k.confkey)))
    AND k.confrelid <> 'attest_data.tenant'::regclass LIMIT 1;
  RETURN fault;
END
$$;
COMMENT ON FUNCTION attest_internal.unprotectable(regclass) IS 'What keeps a table from being isolated by tenant; NULL when nothing does.';

CREATE FUNCTION attest.check_protectable(tab regclass) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fault text := attest_internal.unprotectable(tab);
BEGIN
  IF fault IS NOT NULL THEN
    PERFORM attest_internal.fail('not_protectable', fault);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.check_protectable(regclass) IS 'Error TA019 with what keeps a table from attest.protect(); nothing when it may be protected.';

CREATE FUNCTION attest.protect(tab regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest.check_protectable(tab);
  EXECUTE format('ALTER TABLE %s ALTER tenant_id SET DEFAULT attest.current_tenant()', tab);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tab);
  IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = tab AND polname = 'tenant_isolation') THEN
    EXECUTE format('CREATE POLICY tenant_isolation ON %s AS RESTRICTIVE '
      'USING (tenant_id = attest.current_tenant()) WITH CHECK (tenant_id = attest.current_tenant())', tab);
    EXECUTE format('CREATE POLICY tenant_rows ON %s '
      'USING (tenant_id = attest.current_tenant()) WITH CHECK (tenant_id = attest.current_tenant())', tab);
  END IF;
  EXECUTE format('SECURITY LABEL FOR attest ON TABLE %s IS ''tenant''', tab);
END
$$;
COMMENT ON FUNCTION attest.protect(regclass) IS
'Puts a table of yours under the isolation of tenants: row level security, forced, both policies, the restriction from C, and the guard of statements. It needs tenant_id int NOT NULL, in every unique index and foreign key; error TA019 says what is missing. For the owner of the table.';

-- tenant, sign-on: secrets, tokens of identity providers, login roles.

-- --- secrets ---

CREATE FUNCTION attest_internal.hash_secret(secret text, salt bytea, cost int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_hash_secret' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.hash_secret(text, bytea, int) IS 'scrypt (RFC 7914): N = 2^cost, r = 8, p = 1, 32 bytes.';

CREATE FUNCTION attest_internal.secret_matches(secret text, salt bytea, cost int, hash bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_secret_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.secret_matches(text, bytea, int, bytea) IS 'Whether a secret has the hash; compared in constant time.';

CREATE FUNCTION attest_internal.take_guess(name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_take_guess' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.take_guess(text) IS
'Whether a secret may be tried for the name now, after the wrong ones before. The try counts as wrong at once, in shared memory: sessions that try together are not all let in, and ROLLBACK does not undo it.';

CREATE FUNCTION attest_internal.forgive_guesses(name text) RETURNS void
AS 'MODULE_PATHNAME', 'attest_forgive_guesses' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forgive_guesses(text) IS 'Forgets the wrong tries of the name, after a right one.';

CREATE FUNCTION attest.set_secret(tenant_code text, identifier text, secret text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  salt bytea := uuid_send(gen_random_uuid());
  found_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT a.account_id INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = set_secret.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  -- Length over composition (NIST SP 800-63B, 5.1.1.2).
  IF length(secret) < 12 OR length(secret) > 256 THEN
    PERFORM attest_internal.fail('weak_secret', '12 to 256 characters');
  ELSIF (SELECT count(DISTINCT c) FROM regexp_split_to_table(lower(secret), '') c) < 6 THEN
    PERFORM attest_internal.fail('weak_secret', '6 different characters');
  ELSIF position(lower(identifier) IN lower(secret)) > 0 OR position(lower(tenant_code) IN lower(secret)) > 0 THEN
    PERFORM attest_internal.fail('weak_secret', 'neither the identifier nor the tenant''s code in it');
  END IF;
  INSERT INTO attest_data.account_secret AS s (tenant_id, account_id, salt, cost, hash)
  VALUES (attest.current_tenant(), found_account, salt, 15, attest_internal.hash_secret(secret, salt, 15))
  ON CONFLICT ON CONSTRAINT account_secret_pkey DO UPDATE
  SET salt = EXCLUDED.salt, cost = EXCLUDED.cost, hash = EXCLUDED.hash, set_at = now();
END
$$;
COMMENT ON FUNCTION attest.set_secret(text, text, text) IS
'Sets the secret of an account for attest.login(); stored as scrypt. Pass it as a bind parameter. Error TA016 for a weak one: 12 characters, 6 of them different, without the identifier.';

CREATE FUNCTION attest_internal.secret_of(tenant_code text, identifier text, OUT tenant int, OUT salt bytea, OUT cost int, OUT hash bytea) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
BEGIN
  -- No tenant has id 0: the same tables are read and locked whether there is such a tenant.
  tenant := coalesce((SELECT t.id FROM attest_data.tenant t WHERE t.code = tenant_code), 0);
  PERFORM attest_internal.enter_tenant(tenant);
  SELECT s.salt, s.cost, s.hash INTO salt, cost, hash
  FROM attest_data.account a JOIN attest_data.account_secret s ON s.tenant_id = a.tenant_id AND s.account_id = a.account_id
  WHERE a.tenant_id = secret_of.tenant AND a.identifier = secret_of.identifier;
END
$$;
COMMENT ON FUNCTION attest_internal.secret_of(text, text) IS 'The stored hash of an account''s secret; NULL where there is none.';

CREATE FUNCTION attest.login(tenant_code text, identifier text, secret text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := current_database() || '/' || coalesce(tenant_code, '') || '/' || coalesce(identifier, '');
  is_open boolean;
  stored record;
  is_right boolean;
BEGIN
  PERFORM attest_internal.hide_statement();
  IF to_regclass('attest_data.account_secret') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  is_open := attest_internal.take_guess(name);
  stored := attest_internal.secret_of(tenant_code, identifier);
  -- The same work whether there is such an account, and whether the guess is let in.
  is_right := attest_internal.secret_matches(coalesce(left(secret, 256), ''), coalesce(stored.salt, decode(repeat('00', 16), 'hex')),
    coalesce(stored.cost, 15), coalesce(stored.hash, sha256('attest')));
  is_right := is_right AND stored.hash IS NOT NULL AND length(secret) <= 256;
  IF NOT is_open THEN
    RETURN NULL;
  END IF;
  IF NOT is_right THEN
    RETURN NULL;
  END IF;
  PERFORM attest_internal.forgive_guesses(name);
  RETURN attest_internal.ticket_for(stored.tenant, identifier, '8 hours');
END
$$;
COMMENT ON FUNCTION attest.login(text, text, text) IS
'A ticket of 8 hours for the right secret, otherwise NULL: the same answer, after the same work, for an unknown tenant or identifier, a wrong secret, a revoked account, and while the identifier is closed after wrong guesses (5 are free, then 2, 4, 8 ... seconds to 15 minutes). Pass the secret as a bind parameter.';

-- --- external sign-on ---

CREATE FUNCTION attest_internal.base64url_bytes(value text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_base64url_bytes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.base64url_bytes(text) IS 'Bytes of strict base64url (RFC 4648, 5, without padding); NULL for anything else.';

CREATE FUNCTION attest_internal.jws_key_is_usable(alg text, first bytea, second bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_jws_key_is_usable' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.jws_key_is_usable(text, bytea, bytea) IS 'Whether the members of a JWK make a key for HS256, RS256, ES256 or EdDSA.';

CREATE FUNCTION attest_internal.verify_jws(alg text, first bytea, second bytea, input bytea, signature bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_verify_jws' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION attest_internal.verify_jws(text, bytea, bytea, bytea, bytea) IS 'Whether the signature of a JWS is right (RFC 7515, 7518, 8037).';

CREATE FUNCTION attest.add_identity_provider(
  tenant_code text, issuer text, audience text, account_claim text DEFAULT 'sub', clock_skew interval DEFAULT '30 seconds'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(issuer, '') = '' OR coalesce(audience, '') = '' OR coalesce(account_claim, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'issuer, audience, account_claim');
  END IF;
  IF clock_skew IS NULL OR clock_skew < interval '0' OR clock_skew > interval '5 minutes' THEN
    PERFORM attest_internal.fail('bad_value', 'clock_skew', 'from 0 to 5 minutes');
  END IF;
  INSERT INTO attest_data.identity_provider (issuer, audience, tenant, account_claim, clock_skew)
  VALUES (add_identity_provider.issuer, add_identity_provider.audience, attest_internal.tenant_of(tenant_code),
    add_identity_provider.account_claim, add_identity_provider.clock_skew)
  ON CONFLICT ON CONSTRAINT identity_provider_pkey DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', issuer || ' ' || audience);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.add_identity_provider(text, text, text, text, interval) IS
'Lets tokens of an issuer for an audience sign on to a tenant. An issuer and audience belong to one tenant. account_claim names the claim that holds the identifier of the account.';

CREATE FUNCTION attest.import_jwk(issuer text, audience text, jwk jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alg text := jwk ->> 'alg';
  provider_tenant int;
  first bytea;
  second bytea := '';
BEGIN
  PERFORM attest_internal.hide_statement();
  SELECT p.tenant INTO provider_tenant FROM attest_data.identity_provider p
  WHERE p.issuer = import_jwk.issuer AND p.audience = import_jwk.audience;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'identity provider', coalesce(issuer, '-'));
  END IF;
  CASE
    WHEN alg = 'HS256' AND jwk ->> 'kty' = 'oct' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'k');
    WHEN alg = 'RS256' AND jwk ->> 'kty' = 'RSA' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'n');
      second := attest_internal.base64url_bytes(jwk ->> 'e');
    WHEN alg = 'ES256' AND jwk ->> 'kty' = 'EC' AND jwk ->> 'crv' = 'P-256' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'x');
      second := attest_internal.base64url_bytes(jwk ->> 'y');
    WHEN alg = 'EdDSA' AND jwk ->> 'kty' = 'OKP' AND jwk ->> 'crv' = 'Ed25519' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'x');
    ELSE
      PERFORM attest_internal.fail('bad_key', 'alg and kty are not RS256 with RSA, ES256 with EC P-256, EdDSA with OKP Ed25519, or HS256 with oct');
  END CASE;
  IF coalesce(jwk ->> 'use', 'sig') <> 'sig' OR coalesce(jwk ->> 'kid', '') = '' OR jwk ? 'd' THEN
    PERFORM attest_internal.fail('bad_key', 'it has no kid, is not for signatures, or is a private key');
  END IF;
  IF attest_internal.jws_key_is_usable(alg, first, second) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_key', 'it is malformed or too short');
  END IF;
  INSERT INTO attest_data.identity_key AS k (issuer, audience, tenant, kid, alg, first, second)
  VALUES (import_jwk.issuer, import_jwk.audience, provider_tenant, jwk ->> 'kid', alg, first, second)
  ON CONFLICT ON CONSTRAINT identity_key_pkey DO UPDATE
  SET alg = EXCLUDED.alg, first = EXCLUDED.first, second = EXCLUDED.second, imported_at = now();
END
$$;
COMMENT ON FUNCTION attest.import_jwk(text, text, jsonb) IS
'Imports a key of an identity provider, as a JWK (RFC 7517) with kid and alg; the key serves that algorithm only. Importing the same kid again replaces it.';

CREATE FUNCTION attest.drop_jwk(issuer text, audience text, kid text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM attest_data.identity_key k
  WHERE k.issuer = drop_jwk.issuer AND k.audience = drop_jwk.audience AND k.kid = drop_jwk.kid;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION attest.drop_jwk(text, text, text) IS 'Forgets a key of an identity provider; whether there was one.';

CREATE FUNCTION attest_internal.json_of(value text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN convert_from(attest_internal.base64url_bytes(value), 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.json_of(text) IS 'The JSON behind a part of a JWS; NULL where there is none.';

CREATE FUNCTION attest_internal.token_ticket(token text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parts text[] := CASE WHEN length(token) <= 8192 THEN string_to_array(token, '.') END;
  header jsonb;
  claims jsonb;
  known record;
  until timestamptz;
  now_utc numeric := extract(epoch FROM now());
BEGIN
  IF cardinality(parts) IS DISTINCT FROM 3 THEN
    RETURN NULL;
  END IF;
  header := attest_internal.json_of(parts[1]);
  claims := attest_internal.json_of(parts[2]);
  -- crit names extensions that must be understood (RFC 7515, 4.1.11): there are none here.
  IF jsonb_typeof(header) IS DISTINCT FROM 'object' OR jsonb_typeof(claims) IS DISTINCT FROM 'object' OR header ? 'crit' THEN
    RETURN NULL;
  END IF;
  -- The key decides the algorithm; the header may only agree (RFC 8725, 3.1).
  SELECT p.tenant, p.account_claim, extract(epoch FROM p.clock_skew) AS skew, k.alg, k.first, k.second INTO known
  FROM attest_data.identity_provider p JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience
  WHERE p.issuer = claims ->> 'iss' AND k.kid = header ->> 'kid' AND k.alg = header ->> 'alg'
    AND (claims -> 'aud' = to_jsonb(p.audience) OR (jsonb_typeof(claims -> 'aud') = 'array' AND claims -> 'aud' ? p.audience));
  IF NOT FOUND OR attest_internal.verify_jws(known.alg, known.first, known.second,
      convert_to(parts[1] || '.' || parts[2], 'UTF8'), attest_internal.base64url_bytes(parts[3])) IS NOT TRUE THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(claims -> 'exp') IS DISTINCT FROM 'number' OR (claims ->> 'exp')::numeric <= now_utc - known.skew
    OR (claims ? 'nbf' AND (jsonb_typeof(claims -> 'nbf') <> 'number' OR (claims ->> 'nbf')::numeric > now_utc + known.skew))
    OR (claims ? 'iat' AND (jsonb_typeof(claims -> 'iat') <> 'number' OR (claims ->> 'iat')::numeric > now_utc + known.skew))
    OR jsonb_typeof(claims -> known.account_claim) IS DISTINCT FROM 'string' THEN
    RETURN NULL;
  END IF;
  RETURN attest_internal.ticket_for(known.tenant, claims ->> known.account_claim,
    make_interval(secs => least(86400, greatest(1, (claims ->> 'exp')::numeric - now_utc + known.skew))::double precision));
END
$$;
COMMENT ON FUNCTION attest_internal.token_ticket(text) IS
'The ticket that a JSON Web Token is good for; NULL for any token that is not right in every respect.';

CREATE FUNCTION attest.enter_jwt(token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ticket text;
BEGIN
  PERFORM attest_internal.hide_statement();
  ticket := attest_internal.token_ticket(token);
  IF ticket IS NULL THEN
    PERFORM attest_internal.fail('token_invalid');
  END IF;
  PERFORM attest.enter(ticket);
END
$$;
COMMENT ON FUNCTION attest.enter_jwt(text) IS
'Enters the tenant that a JSON Web Token stands for (RFC 7519; HS256, RS256, ES256, EdDSA), until the end of the transaction. Issuer, audience, expiry, kid and algorithm must match a key imported for a tenant, and the account must be active. Error TA017 for everything else, without saying what.';

-- --- login roles that stand for a tenant ---

CREATE FUNCTION attest.grant_tenant(role_name name, tenant_code text, profile text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
    PERFORM attest_internal.fail('unknown_object', 'role', coalesce(role_name::text, '-'));
  END IF;
  IF (profile = ANY ('{analyst,manager,hr_manager,dpo}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'profile', 'analyst, manager, hr_manager or dpo');
  END IF;
  INSERT INTO attest_data.role_tenant AS r (role_name, tenant, profile)
  VALUES (grant_tenant.role_name, attest_internal.tenant_of(tenant_code), grant_tenant.profile)
  ON CONFLICT ON CONSTRAINT role_tenant_pkey DO UPDATE
  SET tenant = EXCLUDED.tenant, profile = EXCLUDED.profile, granted_at = now();
  PERFORM attest_internal.rights_changed();
END
$$;
COMMENT ON FUNCTION attest.grant_tenant(name, text, text) IS
'Makes a login role stand for a tenant when no ticket is set, for BI tools and psql: it needs no call before its queries. One tenant a role. Profiles: analyst, manager, hr_manager, dpo.';

CREATE FUNCTION attest.revoke_tenant(role_name name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.rights_changed();
  DELETE FROM attest_data.role_tenant r WHERE r.role_name = revoke_tenant.role_name;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION attest.revoke_tenant(name) IS 'Takes back attest.grant_tenant(); whether there was a grant.';

-- worker: jobs and who runs them.

CREATE FUNCTION attest_internal.wake_workers(insist boolean) RETURNS void
AS 'MODULE_PATHNAME', 'attest_wake_workers' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.wake_workers(boolean) IS
'Wakes the launcher and the scheduler of this database when the transaction commits. With insist, error TA009 where the library is not preloaded.';

CREATE FUNCTION attest.worker_status(OUT preloaded boolean, OUT launcher_pid int, OUT scheduler_pid int) RETURNS record
AS 'MODULE_PATHNAME', 'attest_worker_status' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION attest.worker_status() IS
'Whether the library is preloaded, and the processes: the launcher of the cluster and the scheduler of this database; NULL where none runs.';

CREATE FUNCTION attest.run_job(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass('attest_data.job') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  PERFORM attest_internal.wake_workers(true);
  UPDATE attest_data.job SET next_run = now() WHERE job.name = run_job.name;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_job', coalesce(run_job.name, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.run_job(text) IS
'Makes a job due now; the scheduler starts it once the transaction commits. Follow it in attest.job_runs.';

CREATE FUNCTION attest_internal.register_job(name text, function text, every interval, description text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.job (name, function, every, description) VALUES (name, function, every, description)
  ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION attest_internal.register_job(text, text, interval, text) IS
'Registers a job: a function of attest_internal without arguments that works for the entered tenant and returns how many things it did.';

CREATE FUNCTION attest_internal.worker_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  status record := attest.worker_status();
BEGIN
  IF NOT status.preloaded THEN
    RETURN QUERY SELECT 'not_preloaded', 'critical', 'shared_preload_libraries',
      'the library is not preloaded: no background work, and hooks only in sessions that call attest',
      'Add attest to shared_preload_libraries and restart the server.';
  ELSIF status.scheduler_pid IS NULL THEN
    RETURN QUERY SELECT 'worker_down', 'critical', current_database()::text,
      'no scheduler runs for this database: retention and other jobs do not happen',
      'Check max_worker_processes and the server log; SELECT attest.setup(); wakes the launcher.';
  END IF;
  IF to_regclass('attest_data.job_run') IS NOT NULL THEN
    RETURN QUERY SELECT 'job_failed', 'warning', j.name, format('the last run failed: %s %s', r.sqlstate, r.message),
      'See attest.job_runs, mend the cause, then SELECT attest.run_job(...);'
    FROM attest_data.job j
    JOIN LATERAL (SELECT * FROM attest_data.job_run r WHERE r.job = j.name ORDER BY r.started_at DESC LIMIT 1) r ON true
    WHERE r.outcome = 'failed';
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.worker_findings() IS 'What attest.doctor() says about background work.';

-- vault: keyring, keys, sealed values.

CREATE TYPE attest.sealed;
COMMENT ON TYPE attest.sealed IS
'A value that is ciphertext everywhere: on disk, in dumps, in replicas and on its way to the client. Input and output are att1:<base64url>; anything else is error TA306. It has no comparison. Made by attest.seal(), opened by attest.unseal().';

CREATE FUNCTION attest_internal.sealed_in(cstring) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_sealed_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_out(attest.sealed) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_sealed_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_recv(internal) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_sealed_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_send(attest.sealed) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_sealed_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.sealed_in(cstring) IS 'Text input of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_out(attest.sealed) IS 'Text output of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_recv(internal) IS 'Binary input of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_send(attest.sealed) IS 'Binary output of attest.sealed: ciphertext only.';

CREATE TYPE attest.sealed (
  INTERNALLENGTH = VARIABLE, STORAGE = external,
  INPUT = attest_internal.sealed_in, OUTPUT = attest_internal.sealed_out,
  RECEIVE = attest_internal.sealed_recv, SEND = attest_internal.sealed_send
);

CREATE FUNCTION attest.seal(plain text, subject uuid, purpose text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_seal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest.seal(text, uuid, text) IS
'Seals a text under the key of a person (made at first use) for a purpose such as person.last_name. Needs a ticket. Error TA307 once the person is erased.';

CREATE FUNCTION attest.unseal(sealed attest.sealed) RETURNS text
AS 'MODULE_PATHNAME', 'attest_unseal' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.unseal(attest.sealed) IS
'Opens a sealed text of the entered tenant. One error, TA305, for every failure but a missing key (TA304) and an erased person (TA307).';

CREATE FUNCTION attest.unseal(sealed attest.sealed, subject uuid, purpose text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_unseal' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.unseal(attest.sealed, uuid, text) IS
'As attest.unseal(sealed), and refuses with TA305 a value that was sealed for another person or purpose: rows whose values were swapped do not open.';

CREATE FUNCTION attest_internal.seal_bytes(plain bytea, subject uuid, purpose text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_seal_bytes' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.seal_bytes(bytea, uuid, text) IS 'As attest.seal, for bytes.';

CREATE FUNCTION attest_internal.unseal_bytes(sealed attest.sealed, subject uuid, purpose text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_unseal_bytes' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest_internal.unseal_bytes(attest.sealed, uuid, text) IS 'As attest.unseal, for bytes.';

CREATE FUNCTION attest.create_keyring() RETURNS text
AS 'MODULE_PATHNAME', 'attest_create_keyring' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.create_keyring() IS
'Creates the file of attest.keyring_file with one new key, and returns its path. Error TA308 when the file is there. Back it up apart from the data.';

CREATE FUNCTION attest_internal.keyring_status() RETURNS text
AS 'MODULE_PATHNAME', 'attest_keyring_status' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keyring_status() IS
'Reads the keyring file again: NULL when it is usable, otherwise the SQLSTATE that a use of it would raise.';

CREATE FUNCTION attest_internal.forget_keys() RETURNS void
AS 'MODULE_PATHNAME', 'attest_forget_keys' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forget_keys() IS 'Wipes the unwrapped keys that this transaction holds.';

CREATE FUNCTION attest_internal.destroy_subject_key(subject uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased date;
BEGIN
  SELECT e.erased_at::date INTO erased FROM attest_data.erased_subject e
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.subject_id = subject;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_erased', erased::text);
  END IF;
  -- The tombstone forbids that a new key is made for the same person.
  INSERT INTO attest_data.erased_subject (tenant_id, subject_id, reason)
  VALUES (attest_internal.required_tenant(), subject, destroy_subject_key.reason);
  DELETE FROM attest_data.subject_key k
  WHERE k.tenant_id = attest_internal.required_tenant() AND k.subject_id = subject;
  PERFORM attest_internal.forget_keys();
END
$$;
COMMENT ON FUNCTION attest_internal.destroy_subject_key(uuid, text) IS
'Destroys every key of a person and leaves a tombstone: what was sealed for them opens no more. Error TA601 when already done.';

CREATE FUNCTION attest_internal.vault_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fault text := attest_internal.keyring_status();
BEGIN
  IF fault IS NOT NULL THEN
    RETURN QUERY SELECT 'keyring_unusable', 'critical', 'attest.keyring_file',
      c.message || ' (' || fault || ')', c.hint
    FROM attest.error_catalog() c WHERE c.sqlstate = fault;
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.vault_findings() IS 'What attest.doctor() says about keys.';

-- person: the register of people, and its import.

CREATE FUNCTION attest_internal.csv_rows(source text, OUT line int, OUT fields text[]) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_csv_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.csv_rows(text) IS
'Records of a CSV text (RFC 4180): the line where each begins, and its fields. Error TA332 where the text is not well-formed.';

CREATE FUNCTION attest.import_columns(OUT name text, OUT required boolean, OUT description text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('reference', true, 'your own number for the person, unique in the tenant'),
    ('profile', true, 'learner, trainer, beneficiary, department_referent, external_referent, counsellor, candidate, manager, hr_manager'),
    ('last_name', true, 'sealed'),
    ('first_name', true, 'sealed'),
    ('gender', true, 'F, M or N (non-binary)'),
    ('birth_date', false, 'YYYY-MM-DD; sealed, the year stays in clear'),
    ('birth_place', false, 'sealed'),
    ('email', false, 'sealed'),
    ('phone', false, 'sealed'),
    ('address', false, 'sealed'),
    ('postcode', false, '5 digits'),
    ('commune', false, 'commune code of INSEE, 5 characters'),
    ('nir', false, 'social security number of 15 characters; sealed'),
    ('employer_siret', false, 'SIRET of the employer, 14 digits'),
    ('isced', false, 'level of education, ISCED 0 to 8'),
    ('disability', false, 'yes, no or refused; sealed'),
    ('parents_birth_place', false, 'sealed'),
    ('last_activity', false, 'YYYY-MM-DD; empty while the person is active')
$$;
COMMENT ON FUNCTION attest.import_columns() IS
'The columns that attest.import_people() and the keys that attest.add_person() take.';

CREATE FUNCTION attest_internal.date_of(value text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
  SELECT CASE
    WHEN value !~ '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN NULL
    WHEN right(value, 2)::int > extract(day FROM (left(value, 7) || '-01')::date + interval '1 month - 1 day') THEN NULL
    ELSE value::date
  END
$$;
COMMENT ON FUNCTION attest_internal.date_of(text) IS
'The date written as YYYY-MM-DD, of the years 1900 to 2099, or NULL: unlike a cast it never repeats the value in an error.';

CREATE FUNCTION attest_internal.check_person_field(field text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  accepted text;
BEGIN
  IF value IS NULL OR value = '' THEN
    IF field IN ('reference', 'profile', 'last_name', 'first_name', 'gender') THEN
      PERFORM attest_internal.fail('field_required', field);
    END IF;
    RETURN;
  END IF;
  CASE field
    WHEN 'nir' THEN PERFORM value::attest.nir;
    WHEN 'employer_siret' THEN PERFORM value::attest.siret;
    WHEN 'profile' THEN
      IF (value = ANY (ARRAY['learner', 'trainer', 'beneficiary', 'department_referent', 'external_referent',
          'counsellor', 'candidate', 'manager', 'hr_manager'])) IS NOT TRUE THEN
        accepted := 'learner, trainer, beneficiary, department_referent, external_referent, counsellor, candidate, manager, hr_manager';
      END IF;
    WHEN 'gender' THEN IF value !~ '^[FMN]$' THEN accepted := 'F, M, N'; END IF;
    WHEN 'disability' THEN IF (value = ANY ('{yes,no,refused}')) IS NOT TRUE THEN accepted := 'yes, no, refused'; END IF;
    WHEN 'isced' THEN IF value !~ '^[0-8]$' THEN accepted := '0 to 8'; END IF;
    WHEN 'postcode' THEN IF value !~ '^[0-9]{5}$' THEN accepted := '5 digits'; END IF;
    WHEN 'commune' THEN
      IF value !~ '^([0-9]{2}|2[AB])[0-9]{3}$' THEN accepted := 'commune code of INSEE, such as 44109 or 2A004'; END IF;
    WHEN 'email' THEN
      IF value !~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$' THEN accepted := 'an e-mail address'; END IF;
    WHEN 'birth_date', 'last_activity' THEN
      IF attest_internal.date_of(value) IS NULL THEN accepted := 'a date that exists, as YYYY-MM-DD'; END IF;
    ELSE
  END CASE;
  IF accepted IS NOT NULL THEN
    PERFORM attest_internal.fail('field_unknown_value', field, accepted);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_person_field(text, text) IS
'Raises unless the value is acceptable for the field of attest.import_columns(). Never repeats the value.';

CREATE FUNCTION attest_internal.store_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_person uuid := attest.uuid_v7();
  field text;
  value text;
  sealed jsonb := '{}';
BEGIN
  FOREACH field IN ARRAY ARRAY['last_name', 'first_name', 'birth_date', 'birth_place', 'email', 'phone', 'address', 'nir',
    'disability', 'parents_birth_place']
  LOOP
    value := nullif(details ->> field, '');
    IF field = 'nir' THEN
      value := value::attest.nir::text;
    END IF;
    sealed := sealed || jsonb_build_object(field, attest.seal(value, new_person, 'person.' || field)::text);
  END LOOP;
  INSERT INTO attest_data.person (tenant_id, person_id, reference, profiles, last_name, first_name, gender,
    birth_date, birth_year, birth_place, email, phone, address, postcode, commune, nir, employer_siret, isced,
    disability, parents_birth_place, last_activity)
  VALUES (attest_internal.required_tenant(), new_person, details ->> 'reference', ARRAY[details ->> 'profile'],
    (sealed ->> 'last_name')::attest.sealed, (sealed ->> 'first_name')::attest.sealed, details ->> 'gender',
    (sealed ->> 'birth_date')::attest.sealed, left(nullif(details ->> 'birth_date', ''), 4)::int,
    (sealed ->> 'birth_place')::attest.sealed, (sealed ->> 'email')::attest.sealed,
    (sealed ->> 'phone')::attest.sealed, (sealed ->> 'address')::attest.sealed,
    nullif(details ->> 'postcode', ''), nullif(details ->> 'commune', ''), (sealed ->> 'nir')::attest.sealed,
    nullif(details ->> 'employer_siret', '')::attest.siret, nullif(details ->> 'isced', '')::smallint,
    (sealed ->> 'disability')::attest.sealed, (sealed ->> 'parents_birth_place')::attest.sealed,
    attest_internal.date_of(nullif(details ->> 'last_activity', '')))
  ON CONFLICT (tenant_id, reference) DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', details ->> 'reference');
  END IF;
  RETURN new_person;
END
$$;
COMMENT ON FUNCTION attest_internal.store_person(jsonb) IS 'Stores a person whose fields have been checked.';

CREATE FUNCTION attest.add_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  IF jsonb_typeof(details) IS DISTINCT FROM 'object'
      OR NOT ARRAY(SELECT c.name FROM attest.import_columns() c) @> ARRAY(SELECT jsonb_object_keys(details)) THEN
    PERFORM attest_internal.fail('bad_value', 'details', 'an object whose keys are in attest.import_columns()');
  END IF;
  FOR item IN SELECT c.name FROM attest.import_columns() c LOOP
    PERFORM attest_internal.check_person_field(item.name, details ->> item.name);
  END LOOP;
  RETURN attest_internal.store_person(details);
END
$$;
COMMENT ON FUNCTION attest.add_person(jsonb) IS
'Adds a person to the register; keys as attest.import_columns(). Returns the person_id. For managers and HR managers.';

CREATE FUNCTION attest_internal.check_header(header text[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  missing text;
  unknown text;
BEGIN
  SELECT string_agg(c.name, ', ') INTO missing FROM attest.import_columns() c WHERE c.required AND NOT c.name = ANY (header);
  -- The first record of a file without a header is a person: only numbers of columns, then.
  SELECT string_agg(CASE WHEN is_header THEN h.name ELSE h.number::text END, ', ' ORDER BY h.number) INTO unknown
  FROM unnest(header) WITH ORDINALITY h (name, number),
    (SELECT header && array_agg(c.name) FROM attest.import_columns() c) AS known (is_header)
  WHERE NOT h.name IN (SELECT c.name FROM attest.import_columns() c) OR h.number > array_position(header, h.name);
  IF missing IS NOT NULL OR unknown IS NOT NULL THEN
    PERFORM attest_internal.fail('csv_columns', coalesce(missing, '-'), coalesce(left(unknown, 200), '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_header(text[]) IS 'Error TA331 unless the first record names the columns of attest.import_columns().';

CREATE FUNCTION attest.import_people(
  source text, OUT line int, OUT outcome text, OUT person_id uuid, OUT column_name text, OUT code text,
  OUT reason text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  header text[];
  item record;
  details jsonb;
  fact text;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  FOR item IN SELECT r.line, r.fields FROM attest_internal.csv_rows(source) r LOOP
    IF header IS NULL THEN
      header := item.fields;
      PERFORM attest_internal.check_header(header);
      CONTINUE;
    END IF;
    line := item.line;
    column_name := NULL; code := NULL; reason := NULL; hint := NULL; person_id := NULL;
    outcome := 'loaded';
    BEGIN
      IF cardinality(item.fields) <> cardinality(header) THEN
        PERFORM attest_internal.fail('csv_malformed', item.line::text,
          format('%s fields instead of %s', cardinality(item.fields), cardinality(header)));
      END IF;
      details := jsonb_object(header, item.fields);
      FOREACH column_name IN ARRAY header LOOP
        PERFORM attest_internal.check_person_field(column_name, details ->> column_name);
      END LOOP;
      column_name := 'reference';
      person_id := attest_internal.store_person(details);
      column_name := NULL;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR SQLSTATE 'TA011' OR SQLSTATE 'TA321'
        OR SQLSTATE 'TA322' OR SQLSTATE 'TA323' OR SQLSTATE 'TA324' OR SQLSTATE 'TA332' OR SQLSTATE 'TA333'
        OR SQLSTATE 'TA334' THEN
      outcome := 'rejected';
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, fact = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      -- Only the details of attest are known never to repeat a value.
      reason := concat_ws(': ', reason, CASE WHEN code LIKE 'TA%' THEN nullif(fact, '') END);
    END;
    RETURN NEXT;
  END LOOP;
  IF header IS NULL THEN
    PERFORM attest_internal.check_header('{}');
  END IF;
END
$$;
COMMENT ON FUNCTION attest.import_people(text) IS
'Imports people from a CSV text whose first record names the columns (attest.import_columns()). A row a record: its line, loaded or rejected, the person_id, or the column, SQLSTATE, reason and hint. Rejected rows change nothing; the others are loaded. Error TA331 on wrong columns, TA332 on a text that is not CSV.';

CREATE FUNCTION attest_internal.require_person(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
BEGIN
  -- The lock makes an erasure wait for this transaction, or this one for the erasure.
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'person', coalesce(person::text, '-'));
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('person_erased', anonymised::date::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_person(uuid) IS
'Error TA105 unless the person is in the register of the entered tenant, TA307 once erased; keeps the person from being erased until the transaction ends.';

CREATE FUNCTION attest.set_last_activity(person uuid, day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,counsellor');
  PERFORM attest_internal.require_person(person);
  IF day > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'day', 'today or earlier');
  END IF;
  UPDATE attest_data.person p SET last_activity = day
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person AND p.anonymised_at IS NULL;
END
$$;
COMMENT ON FUNCTION attest.set_last_activity(uuid, date) IS
'States the day of a person''s last activity, from which retention counts; NULL: the person is active again.';

-- --- who sees whom ---

CREATE FUNCTION attest.may_see(person uuid) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_may_see' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION attest.may_see(uuid) IS
'Whether the profile of the ticket lets a person through. Managers, HR managers, the DPO and analysts see everybody of their tenant; learners, beneficiaries and candidates themselves; trainers the people enrolled in the sessions of their slots; referents and counsellors their caseload, a counsellor without those who object. The policies of every table with people call it.';

CREATE FUNCTION attest_internal.person_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.person_id FROM attest_data.caseload c
  WHERE c.tenant_id = attest.current_tenant() AND c.referent_id = person
    AND profile IN ('department_referent', 'external_referent', 'counsellor')
    AND attest_internal.local_day() BETWEEN c.since AND coalesce(c.until, 'infinity')
    AND NOT (profile = 'counsellor' AND EXISTS (SELECT FROM attest_data.objection o
      WHERE o.tenant_id = c.tenant_id AND o.person_id = c.person_id AND o.withdrawn_at IS NULL))
$$;
COMMENT ON FUNCTION attest_internal.person_visible(text, uuid) IS 'People that the register lets a profile see: the caseload, less those who object to a counsellor.';

CREATE FUNCTION attest.assign_case(referent uuid, person uuid, since date DEFAULT current_date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.require_person(referent);
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.caseload (tenant_id, referent_id, person_id, since)
  VALUES (attest.current_tenant(), referent, person, assign_case.since)
  ON CONFLICT ON CONSTRAINT caseload_pkey DO UPDATE SET until = NULL;
END
$$;
COMMENT ON FUNCTION attest.assign_case(uuid, uuid, date) IS 'Puts a person on the caseload of a referent or counsellor, from a day on. For managers and HR managers.';

CREATE FUNCTION attest.close_case(referent uuid, person uuid, last_day date DEFAULT current_date - 1) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  UPDATE attest_data.caseload c SET until = last_day
  WHERE c.tenant_id = attest_internal.required_tenant() AND c.referent_id = referent AND c.person_id = person
    AND c.until IS NULL;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'case', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.close_case(uuid, uuid, date) IS 'Takes a person off a caseload; last_day, yesterday by default, is the last day on it. For managers and HR managers.';

CREATE FUNCTION attest.object(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo,learner,beneficiary,candidate');
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.objection (tenant_id, objection_id, person_id)
  SELECT attest.current_tenant(), attest.uuid_v7(), person
  WHERE NOT EXISTS (SELECT FROM attest_data.objection o WHERE o.tenant_id = attest.current_tenant()
    AND o.person_id = person AND o.withdrawn_at IS NULL);
END
$$;
COMMENT ON FUNCTION attest.object(uuid) IS
'Records that a person objects to counsellors seeing their space (GDPR art. 21): it is hidden from the next statement on. For the person, a manager or the DPO.';

CREATE FUNCTION attest.withdraw_objection(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo,learner,beneficiary,candidate');
  PERFORM attest_internal.require_person(person);
  UPDATE attest_data.objection o SET withdrawn_at = now()
  WHERE o.tenant_id = attest.current_tenant() AND o.person_id = person AND o.withdrawn_at IS NULL;
END
$$;
COMMENT ON FUNCTION attest.withdraw_objection(uuid) IS 'Takes back attest.object(). For the person, a manager or the DPO.';

CREATE FUNCTION attest_internal.person_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What stays counts in statistics and names nobody: gender, birth year, level, department, profiles.
  UPDATE attest_data.person p
  SET reference = NULL, last_name = NULL, first_name = NULL, birth_date = NULL, birth_place = NULL, email = NULL,
    phone = NULL, address = NULL, postcode = NULL, nir = NULL, disability = NULL, parents_birth_place = NULL,
    employer_siret = NULL, commune = left(p.commune, CASE WHEN p.commune LIKE '97%' THEN 3 ELSE 2 END),
    anonymised_at = now()
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND p.anonymised_at IS NULL;
  DELETE FROM attest_data.account_secret s USING attest_data.account a
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person
    AND s.tenant_id = a.tenant_id AND s.account_id = a.account_id;
  UPDATE attest_data.account a
  SET revoked_at = coalesce(a.revoked_at, now()), identifier = 'erased-' || a.account_id, person_id = NULL
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  DELETE FROM attest_data.caseload c
  WHERE c.tenant_id = attest_internal.required_tenant() AND person IN (c.person_id, c.referent_id);
  DELETE FROM attest_data.objection o WHERE o.tenant_id = attest_internal.required_tenant() AND o.person_id = person;
  RETURN 1;
END
$$;
COMMENT ON FUNCTION attest_internal.person_erase(uuid) IS
'What the register forgets of a person at erasure; returns how many records were emptied.';

-- retention: how long people are kept, and what remains of them afterwards.

CREATE FUNCTION attest.set_retention_rule(profile text, keep interval, basis text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  PERFORM attest_internal.check_person_field('profile', profile);
  IF keep IS NULL OR keep < interval '1 month' THEN
    PERFORM attest_internal.fail('bad_value', 'keep', 'one month or more');
  END IF;
  IF coalesce(basis, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis');
  END IF;
  INSERT INTO attest_data.retention_rule AS r (tenant_id, profile, keep, basis)
  VALUES (attest_internal.required_tenant(), set_retention_rule.profile, set_retention_rule.keep, set_retention_rule.basis)
  ON CONFLICT ON CONSTRAINT retention_rule_pkey DO UPDATE
  SET keep = EXCLUDED.keep, basis = EXCLUDED.basis, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_retention_rule(text, interval, text) IS
'How long people of a profile are kept after their last activity, and on what basis (law, contract, decision). A person with several profiles is kept for the longest; without a rule for each of them, for good. For managers and the DPO.';

CREATE FUNCTION attest.place_hold(person uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.legal_hold (tenant_id, hold_id, person_id, reason, placed_by)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person,
    attest.seal(place_hold.reason, person, 'hold.reason'), attest.current_account());
END
$$;
COMMENT ON FUNCTION attest.place_hold(uuid, text) IS
'Forbids erasing a person until the hold is lifted, for a litigation or a requisition. For managers and the DPO.';

CREATE FUNCTION attest.lift_hold(person uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifted int;
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  UPDATE attest_data.legal_hold h
  SET lifted_at = now(), lifted_by = attest.current_account(),
    lift_reason = attest.seal(lift_hold.reason, person, 'hold.reason')
  WHERE h.tenant_id = attest_internal.required_tenant() AND h.person_id = person AND h.lifted_at IS NULL;
  GET DIAGNOSTICS lifted = ROW_COUNT;
  RETURN lifted;
END
$$;
COMMENT ON FUNCTION attest.lift_hold(uuid, text) IS 'Lifts the holds on a person and returns how many there were. For managers and the DPO.';

CREATE FUNCTION attest_internal.anonymise_person(person uuid, reason text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
  eraser regproc;
  held date;
  records int;
  emptied jsonb := '{}';
BEGIN
  -- Whoever writes for the person holds a lock of require_person(): wait for them.
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'person', coalesce(person::text, '-'));
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('already_erased', anonymised::date::text);
  END IF;
  SELECT h.placed_at::date INTO held FROM attest_data.legal_hold h
  WHERE h.tenant_id = attest_internal.required_tenant() AND h.person_id = person AND h.lifted_at IS NULL LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('person_on_hold', held::text);
  END IF;
  -- Each room that knows people has a function <room>_erase(uuid).
  FOR eraser IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, 6) = '_erase'
    ORDER BY p.proname
  LOOP
    EXECUTE format('SELECT %s($1)', eraser) INTO records USING person;
    emptied := emptied || jsonb_build_object(replace(split_part(eraser::text, '.', 2), '_erase', ''), records);
  END LOOP;
  -- Last: the rooms may have needed the key to keep what is anonymous.
  PERFORM attest_internal.destroy_subject_key(person, reason);
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.anonymise_person(uuid, text) IS
'Anonymises a person: every room empties its records, then the key is destroyed. Returns records emptied by room. Error TA602 while a hold stands.';

CREATE FUNCTION attest_internal.retention_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due record;
  people jsonb := '[]';
  body jsonb;
BEGIN
  FOR due IN
    SELECT d.person_id, d.due_on, d.basis FROM attest.retention_due d
    WHERE d.due_on <= attest_internal.local_day() AND NOT d.on_hold
    ORDER BY d.due_on, d.person_id
    LIMIT 1000
  LOOP
    people := people || jsonb_build_object('person', due.person_id, 'due_on', due.due_on, 'basis', due.basis,
      'records', attest_internal.anonymise_person(due.person_id, 'retention'));
  END LOOP;
  IF jsonb_array_length(people) = 0 THEN
    RETURN 0;
  END IF;
  body := jsonb_build_object('tenant', (SELECT t.code FROM attest_data.tenant t WHERE t.id = attest.current_tenant()),
    'done_at', now(), 'engine', 'attest ' || attest.version(), 'method', 'destruction of the key of the person (AES-256) and emptying of records',
    'persons', people);
  INSERT INTO attest_data.destruction_certificate (tenant_id, certificate_id, persons, body, digest)
  VALUES (attest.current_tenant(), attest.uuid_v7(), jsonb_array_length(people), body, sha256(convert_to(body::text, 'UTF8')));
  RETURN jsonb_array_length(people);
END
$$;
COMMENT ON FUNCTION attest_internal.retention_job() IS
'Anonymises the people of the entered tenant who are past their retention, a thousand a run at most, and leaves one certificate of destruction.';

-- signature: the type of a captured signature.

CREATE TYPE attest.signature;
COMMENT ON TYPE attest.signature IS
'A signature as a pad captures it. Input: a PNG data URL of a canvas, or the stroke JSON of signature_pad toData(); both are read in full, measured and refused when malformed (TA201, TA203). Output: attest1:<kind>:<payload in base64url>, which input takes back.';

CREATE FUNCTION attest_internal.signature_in(cstring) RETURNS attest.signature
AS 'MODULE_PATHNAME', 'attest_signature_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.signature_out(attest.signature) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_signature_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.signature_recv(internal) RETURNS attest.signature
AS 'MODULE_PATHNAME', 'attest_signature_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.signature_send(attest.signature) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_signature_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.signature_in(cstring) IS 'Text input of attest.signature.';
COMMENT ON FUNCTION attest_internal.signature_out(attest.signature) IS 'Text output of attest.signature.';
COMMENT ON FUNCTION attest_internal.signature_recv(internal) IS 'Binary input of attest.signature: kind in one byte, payload.';
COMMENT ON FUNCTION attest_internal.signature_send(attest.signature) IS 'Binary output of attest.signature: kind in one byte, payload.';

CREATE TYPE attest.signature (
  INTERNALLENGTH = VARIABLE, STORAGE = external,
  INPUT = attest_internal.signature_in, OUTPUT = attest_internal.signature_out,
  RECEIVE = attest_internal.signature_recv, SEND = attest_internal.signature_send
);

CREATE FUNCTION attest.signature_kind(signature attest.signature) RETURNS text
AS 'MODULE_PATHNAME', 'attest_signature_kind' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_kind(attest.signature) IS 'png or strokes.';

CREATE FUNCTION attest.signature_digest(signature attest.signature) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_signature_digest' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_digest(attest.signature) IS 'SHA-256 of the payload, 32 bytes.';

CREATE FUNCTION attest.signature_payload(signature attest.signature) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_signature_payload' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_payload(attest.signature) IS 'The PNG file or the stroke JSON, as it was received.';

CREATE FUNCTION attest.signature_reasons(signature attest.signature) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_signature_reasons' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_reasons(attest.signature) IS
'What a person should look at, as codes such as INK_DOT or SYNTHETIC_TIMING; empty when nothing. Facts, never a sanction.';

CREATE FUNCTION attest_internal.require_ink(signature attest.signature) RETURNS void
AS 'MODULE_PATHNAME', 'attest_require_ink' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.require_ink(attest.signature) IS
'Error TA203 for a capture without ink, TA202 for one that is only a dot or a speck.';

-- attendance: courses, sessions, slots, enrolments, presences.
-- Presences are events: the last one of a person on a slot gives the status, none is ever changed.

CREATE TYPE attest_internal.slot_facts AS (
  slot_id uuid, session_id uuid, day date, starts_at timestamptz, ends_at timestamptz, late_after interval
);
COMMENT ON TYPE attest_internal.slot_facts IS 'What the rules of attendance need to know of a slot.';

CREATE FUNCTION attest_internal.minutes_between(since timestamptz, until timestamptz) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT floor(extract(epoch FROM until - since) / 60)::int
$$;
COMMENT ON FUNCTION attest_internal.minutes_between(timestamptz, timestamptz) IS
'Elapsed whole minutes between two instants, across changes of the clock too.';

-- --- planning ---

CREATE FUNCTION attest.create_course(code text, title text, nature text DEFAULT 'training') RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_course uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, title');
  END IF;
  IF (nature = ANY (ARRAY['training', 'skills_assessment', 'validation_of_experience', 'apprenticeship', 'integration'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'nature',
      'training, skills_assessment, validation_of_experience, apprenticeship, integration');
  END IF;
  INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature)
  VALUES (attest_internal.required_tenant(), new_course, create_course.code, create_course.title, create_course.nature)
  ON CONFLICT ON CONSTRAINT course_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_course.code);
  END IF;
  RETURN new_course;
END
$$;
COMMENT ON FUNCTION attest.create_course(text, text, text) IS
'Creates a course. Nature of the action (L6313-1 of the Labour Code, and integration): training, skills_assessment, validation_of_experience, apprenticeship, integration.';

CREATE FUNCTION attest.plan_session(
  course uuid, title text, starts_on date, ends_on date, place text DEFAULT NULL, late_after interval DEFAULT '10 minutes'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_session uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF NOT EXISTS (SELECT FROM attest_data.course c
      WHERE c.tenant_id = attest_internal.required_tenant() AND c.course_id = course) THEN
    PERFORM attest_internal.fail('unknown_object', 'course', coalesce(course::text, '-'));
  END IF;
  IF coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'title');
  END IF;
  IF starts_on IS NULL OR ends_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF late_after IS NULL OR late_after < interval '0' THEN
    PERFORM attest_internal.fail('bad_value', 'late_after', 'a time from 0 on');
  END IF;
  INSERT INTO attest_data.session (tenant_id, session_id, course_id, title, starts_on, ends_on, place, late_after)
  VALUES (attest_internal.required_tenant(), new_session, course, plan_session.title, plan_session.starts_on,
    plan_session.ends_on, plan_session.place, plan_session.late_after);
  RETURN new_session;
END
$$;
COMMENT ON FUNCTION attest.plan_session(uuid, text, date, date, text, interval) IS
'Plans a session of a course between two local days. Who signs later than late_after from the start of a slot is late.';

CREATE FUNCTION attest.plan_slot(session uuid, starts_at timestamptz, ends_at timestamptz, modality text DEFAULT 'on_site') RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  zone text;
  new_slot uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,trainer');
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  IF starts_at IS NULL OR ends_at IS NULL OR ends_at <= starts_at THEN
    PERFORM attest_internal.fail('slot_bounds', coalesce(starts_at::text, '-'), coalesce(ends_at::text, '-'));
  END IF;
  IF ends_at - starts_at > interval '12 hours' THEN
    PERFORM attest_internal.fail('slot_too_long', starts_at::text, ends_at::text);
  END IF;
  IF (modality = ANY (ARRAY['on_site', 'remote', 'in_company', 'work_handed_in'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'modality', 'on_site, remote, in_company, work_handed_in');
  END IF;
  SELECT t.time_zone INTO zone FROM attest_data.tenant t WHERE t.id = attest.current_tenant();
  IF NOT (starts_at AT TIME ZONE zone)::date BETWEEN planned.starts_on AND planned.ends_on THEN
    PERFORM attest_internal.fail('outside_session', planned.starts_on::text, planned.ends_on::text,
      ((starts_at AT TIME ZONE zone)::date)::text);
  END IF;
  INSERT INTO attest_data.slot (tenant_id, slot_id, session_id, day, starts_at, ends_at, modality)
  VALUES (attest.current_tenant(), new_slot, session, (starts_at AT TIME ZONE zone)::date, plan_slot.starts_at,
    plan_slot.ends_at, plan_slot.modality);
  RETURN new_slot;
END
$$;
COMMENT ON FUNCTION attest.plan_slot(uuid, timestamptz, timestamptz, text) IS
'Plans a slot of a session, half a day as a rule, twelve hours at most. Modality: on_site, remote, in_company, work_handed_in. Errors TA101 bounds, TA102 length, TA110 outside the session.';

CREATE FUNCTION attest_internal.require_slot(slot uuid) RETURNS attest_internal.slot_facts
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
BEGIN
  SELECT sl.slot_id, sl.session_id, sl.day, sl.starts_at, sl.ends_at, se.late_after INTO facts
  FROM attest_data.slot sl
  JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
  WHERE sl.tenant_id = attest_internal.required_tenant() AND sl.slot_id = slot;
  IF facts.slot_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'slot', coalesce(slot::text, '-'));
  END IF;
  RETURN facts;
END
$$;
COMMENT ON FUNCTION attest_internal.require_slot(uuid) IS 'The slot of the entered tenant, with the tolerance of its session; error TA105 when there is none.';

CREATE FUNCTION attest.assign_trainer(slot uuid, trainer uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(trainer);
  INSERT INTO attest_data.slot_trainer (tenant_id, slot_id, trainer_id)
  VALUES (attest.current_tenant(), slot, trainer) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION attest.assign_trainer(uuid, uuid) IS 'Puts a trainer on a slot; a slot may have several.';

CREATE FUNCTION attest.enrol(session uuid, person uuid, since date DEFAULT NULL, until date DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  held_since date;
  held_until date;
  new_enrolment uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  -- Two enrolments of a person at once: the row of the person is the lock.
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  since := coalesce(since, planned.starts_on);
  until := coalesce(until, planned.ends_on);
  IF until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  SELECT e.since, e.until INTO held_since, held_until FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.session_id = session AND e.person_id = person
    AND e.since <= enrol.until AND e.until >= enrol.since LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_enrolled', held_since::text, held_until::text);
  END IF;
  INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until)
  VALUES (attest.current_tenant(), new_enrolment, session, person, enrol.since, enrol.until);
  RETURN new_enrolment;
END
$$;
COMMENT ON FUNCTION attest.enrol(uuid, uuid, date, date) IS
'Enrols a person in a session for a period of local days, the whole session by default. A person may come back for a later period.';

CREATE FUNCTION attest.withdraw(session uuid, person uuid, last_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  UPDATE attest_data.enrolment e SET until = last_day
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND e.person_id = person
    AND last_day BETWEEN e.since AND e.until;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'enrolment', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.withdraw(uuid, uuid, date) IS 'Ends the enrolment that holds the day; that day is the last one.';

-- --- presence ---

CREATE FUNCTION attest_internal.require_enrolled(slot uuid, person uuid) RETURNS attest_internal.slot_facts
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts := attest_internal.require_slot(slot);
BEGIN
  IF NOT EXISTS (SELECT FROM attest_data.enrolment e WHERE e.tenant_id = attest.current_tenant()
      AND e.session_id = facts.session_id AND e.person_id = person AND facts.day BETWEEN e.since AND e.until) THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  PERFORM attest_internal.require_person(person);
  RETURN facts;
END
$$;
COMMENT ON FUNCTION attest_internal.require_enrolled(uuid, uuid) IS 'The slot; error TA103 unless the person is enrolled in its session on its day.';

CREATE FUNCTION attest_internal.store_signature(slot uuid, person uuid, role text, signature attest.signature, claimed_at timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_signature uuid := attest.uuid_v7();
BEGIN
  IF signature IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  PERFORM attest_internal.require_ink(signature);
  INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
  VALUES (attest.current_tenant(), new_signature, slot, person, role, attest.signature_kind(signature),
    attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
    attest.signature_digest(signature), attest.signature_reasons(signature), claimed_at);
  RETURN new_signature;
END
$$;
COMMENT ON FUNCTION attest_internal.store_signature(uuid, uuid, text, attest.signature, timestamptz) IS
'Stores a capture: sealed under the key of its signer, its digest and reasons in clear.';

CREATE FUNCTION attest.sign(
  slot uuid, person uuid, signature attest.signature, claimed_at timestamptz DEFAULT NULL, client_id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  signed_at timestamptz := coalesce(claimed_at, now());
  earlier attest_data.presence;
  signed_before timestamptz;
  minutes_late int;
  minutes_planned int;
  flags text[] := '{}';
  event uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,learner,beneficiary,candidate,department_referent');
  IF attest.current_profile() IN ('learner', 'beneficiary', 'candidate') AND person IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('profile_refused', attest.current_profile(), 'the person who signs, or a trainer or manager');
  END IF;
  facts := attest_internal.require_enrolled(slot, person);
  IF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;

  -- One signature a person and slot: the row of the enrolment is the lock.
  PERFORM FROM attest_data.enrolment e WHERE e.tenant_id = attest.current_tenant()
    AND e.session_id = facts.session_id AND e.person_id = person AND facts.day BETWEEN e.since AND e.until FOR UPDATE;
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.client_id = sign.client_id;
  IF FOUND THEN
    IF (earlier.slot_id, earlier.person_id) <> (slot, person) THEN
      PERFORM attest_internal.fail('client_id_reused', sign.client_id::text);
    END IF;
    RETURN earlier.presence_id;
  END IF;
  SELECT p.claimed_at INTO signed_before FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot AND p.person_id = person AND p.method = 'signature' LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_signed', slot::text, signed_before::text);
  END IF;

  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  minutes_late := least(minutes_planned, greatest(0, attest_internal.minutes_between(facts.starts_at, signed_at)));
  IF signed_at - facts.starts_at <= facts.late_after THEN
    minutes_late := 0;
  END IF;
  IF NOT signed_at BETWEEN facts.starts_at - interval '15 minutes' AND facts.ends_at + interval '15 minutes' THEN
    flags := flags || 'OUTSIDE_SLOT'::text;
  END IF;
  -- A countersignature that is there already does not cover this event.
  IF EXISTS (SELECT FROM attest_data.countersignature c WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot) THEN
    flags := flags || 'AFTER_COUNTERSIGNATURE'::text;
  END IF;
  IF now() - signed_at > interval '5 minutes' THEN
    flags := flags || 'OFFLINE'::text;
  END IF;

  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended,
    claimed_at, client_id, signature_id, flags)
  VALUES (attest.current_tenant(), attest.uuid_v7(), slot, person, CASE WHEN minutes_late > 0 THEN 'late' ELSE 'present' END,
    'signature', minutes_planned - minutes_late, signed_at, sign.client_id,
    attest_internal.store_signature(slot, person, 'learner', signature, signed_at), flags)
  RETURNING presence_id INTO event;
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.sign(uuid, uuid, attest.signature, timestamptz, uuid) IS
'A person signs a slot; returns the presence_id. claimed_at is the time on the device where it was offline (flag OFFLINE); client_id makes the call safe to repeat. Later than the tolerance of the session: late, with the minutes missed taken off. Learners sign for themselves only. Errors TA103 not enrolled, TA104 already signed, TA109 future, TA202 and TA203 ink.';

CREATE FUNCTION attest.record_presence(slot uuid, person uuid, status text, reason text, minutes_attended int DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  minutes_planned int;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  facts := attest_internal.require_enrolled(slot, person);
  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  IF (status = ANY (ARRAY['present', 'late', 'left_early', 'absent', 'excused', 'justified', 'exempted'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'status', 'present, late, left_early, absent, excused, justified, exempted');
  END IF;
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  minutes_attended := coalesce(minutes_attended, CASE WHEN status = 'present' THEN minutes_planned
    WHEN status IN ('absent', 'excused', 'justified', 'exempted') THEN 0 END);
  IF minutes_attended IS NULL OR NOT minutes_attended BETWEEN 0 AND minutes_planned THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_attended', format('from 0 to %s', minutes_planned));
  END IF;
  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended, claimed_at, reason)
  VALUES (attest.current_tenant(), event, slot, person, record_presence.status, 'entry', record_presence.minutes_attended,
    now(), attest.seal(record_presence.reason, person, 'presence.reason'));
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.record_presence(uuid, uuid, text, text, int) IS
'Records a presence, an absence or a correction, as a new event with its reason (sealed). Status: present, late, left_early, absent, excused, justified, exempted. Minutes: all for present, none for absences, required for late and left_early.';

CREATE FUNCTION attest.countersign(slot uuid, signature attest.signature) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  signed_before timestamptz;
  list text;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('trainer');
  facts := attest_internal.require_slot(slot);
  -- Two trainers at once, or one twice: the row of the slot is the lock.
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.slot_trainer t WHERE t.tenant_id = attest.current_tenant() AND t.slot_id = slot
      AND t.trainer_id = attest.current_person()) THEN
    PERFORM attest_internal.fail('trainer_only', slot::text);
  END IF;
  SELECT c.countersigned_at INTO signed_before FROM attest_data.countersignature c
  WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_countersigned', slot::text, signed_before::text);
  END IF;
  IF NOT EXISTS (SELECT FROM attest_data.presence p WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot) THEN
    PERFORM attest_internal.fail('nothing_to_countersign', slot::text);
  END IF;

  -- Who is enrolled and has no event by now is absent: the trainer signs that too.
  INSERT INTO attest_data.presence (tenant_id, presence_id, slot_id, person_id, status, method, minutes_attended, claimed_at)
  SELECT e.tenant_id, attest.uuid_v7(), slot, e.person_id, 'absent', 'countersignature', 0, now()
  FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.session_id = facts.session_id AND facts.day BETWEEN e.since AND e.until
    AND NOT EXISTS (SELECT FROM attest_data.presence p
      WHERE p.tenant_id = e.tenant_id AND p.slot_id = slot AND p.person_id = e.person_id);

  SELECT string_agg(format('%s %s %s %s', p.presence_id, p.person_id, p.status, p.minutes_attended), E'\n' ORDER BY p.presence_id)
  INTO list FROM attest_data.presence p WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot;
  INSERT INTO attest_data.countersignature (tenant_id, countersignature_id, slot_id, trainer_id, signature_id, list_digest)
  VALUES (attest.current_tenant(), event, slot, attest.current_person(),
    attest_internal.store_signature(slot, attest.current_person(), 'trainer', signature, now()),
    sha256(convert_to(list, 'UTF8')));
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.countersign(uuid, attest.signature) IS
'The trainer of the ticket countersigns a slot: who has no event becomes absent, and the signature is bound to exactly the list of events (SHA-256 of its lines). Errors TA106 not a trainer of the slot, TA107 already done, TA108 nothing recorded.';

CREATE FUNCTION attest.live_board(
  slot uuid, OUT person_id uuid, OUT last_name text, OUT first_name text, OUT status text, OUT at timestamptz, OUT method text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager');
  PERFORM attest_internal.require_slot(slot);
  RETURN QUERY
  SELECT b.person_id, attest.unseal(p.last_name, p.person_id, 'person.last_name'),
    attest.unseal(p.first_name, p.person_id, 'person.first_name'), b.status, b.claimed_at, b.method
  FROM attest.presences b
  JOIN attest_data.person p ON p.tenant_id = attest.current_tenant() AND p.person_id = b.person_id
  WHERE b.slot_id = slot
  ORDER BY 2, 3;
END
$$;
COMMENT ON FUNCTION attest.live_board(uuid) IS
'Who is expected on a slot and where each stands now: expected until an event, then its status, time and method.';

CREATE FUNCTION attest_internal.attendance_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.person_id
  FROM attest_data.slot_trainer t
  JOIN attest_data.slot s ON s.tenant_id = t.tenant_id AND s.slot_id = t.slot_id
  JOIN attest_data.enrolment e ON e.tenant_id = s.tenant_id AND e.session_id = s.session_id
  WHERE t.tenant_id = attest.current_tenant() AND t.trainer_id = person AND profile = 'trainer'
$$;
COMMENT ON FUNCTION attest_internal.attendance_visible(text, uuid) IS 'People that attendance lets a trainer see: those enrolled in the sessions of their slots.';

CREATE FUNCTION attest_internal.attendance_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  -- Times, minutes and digests stay: they are the totals, and name nobody.
  UPDATE attest_data.slot_signature s SET signature = NULL
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.person_id = person AND s.signature IS NOT NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_erase(uuid) IS 'What attendance forgets of a person at erasure: the captures; returns their number.';

CREATE FUNCTION attest_internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_change() IS 'Trigger of append-only tables: a correction is a new row.';

-- esf: ESF+ 2021-2027 and ESF 2014-2020 common indicators, and counts of them.

CREATE FUNCTION attest.esf_indicators(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_indicators'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicators(text, jsonb) IS
'Codes of the common indicators that one participation (one person in one operation) counts for, sorted; empty when the record is incomplete (see attest.esf_missing). framework: esf+ (2021-2027) or esf (2014-2020). Keys of participation, each optional and null when not known: sex (F, M, N); birth, entry, exit (YYYY-MM-DD); status_entry (unemployed, inactive, employed); unemployed_months (completed months); isced (0 to 8); in_education, disability, third_country_national, foreign_background, minority, homeless, rural, other_disadvantaged, jobless_household, dependent_children, single_adult (at entry), new_education, qualification (upon leaving), improved_6m (true, false or "refused"), and in the same way reached_6m (false: the person could not be reached, which counts nowhere) and, for the Youth Employment Initiative of esf, yei (supported by it), yei_completed, yei_offer, education_6m, self_employed_6m; status_exit, status_6m (as status_entry, and job_searching); changes_after_exit (array of {"on": date, "status": status}; the last one within 28 days of the exit counts). Only true counts; refused counts as no. Age is in completed years at entry. Results need an exit. Anything else is error 22023. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annex I; Commission FAQ on the reference period of immediate results.';

CREATE FUNCTION attest.esf_missing(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_missing'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_missing(text, jsonb) IS
'Keys that keep a participation out of every indicator, in the order sex, birth, entry, status_entry, isced, unemployed_months (only of the unemployed); empty when the record is complete. Same arguments and errors as attest.esf_indicators. Source: Regulation (EU) 2021/1057 Art. 17(5); Commission FAQ on completeness (2014-2020).';

CREATE FUNCTION attest.esf_catalogue()
RETURNS TABLE (framework text, code text, title text)
AS 'MODULE_PATHNAME', 'attest_esf_catalogue'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_catalogue() IS
'Every common indicator of both frameworks (esf+, esf): code as used in SFC and English title. Also those that attest.esf_indicators never returns: of entities (EECO18, EECO19, CO20 to CO23) and of the Youth Employment Initiative (CI01 to CI12). ESF 2014-2020 has no code for the total, which is CO01 + CO03 + CO05. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annexes I and II.';

CREATE FUNCTION attest.esf_indicator_set(framework text, participation jsonb) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_esf_indicator_set'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicator_set(text, jsonb) IS
'As attest.esf_indicators(), as bits for attest.tally_esf(): bit n is the code in place n (from 0) of the framework in attest.esf_catalogue(), bit 62 says that the person has left. 0 when the record is incomplete.';

CREATE FUNCTION attest.esf_codes(framework text, indicators bigint) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_codes'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_codes(text, bigint) IS
'The codes, sorted, of a set that attest.esf_indicator_set() gave for the same framework. Error 22023 for other bits.';


CREATE TYPE attest.esf_tally;
COMMENT ON TYPE attest.esf_tally IS
'Counts of ESF participations of one framework by indicator and gender; adds up with others of the same framework. Text: none, or esf+;complete=2/1/0;left=1/0/0;incomplete=0/0/0/1;EECO01=2/1/0 with women/men/non-binary, of incomplete records also gender not known; zeros are left out. Made by attest.esf_tally_of() and attest.tally_esf(), read by attest.esf_count() and attest.esf_rows(). A tally of few people tells about them: publish through attest.esf_published().';

CREATE FUNCTION attest_internal.esf_tally_in(cstring) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_out(attest.esf_tally) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_esf_tally_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_recv(internal) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_send(attest.esf_tally) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_esf_tally_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_tally_in(cstring) IS 'Text input of attest.esf_tally; error 22P02 for anything that it does not give itself.';
COMMENT ON FUNCTION attest_internal.esf_tally_out(attest.esf_tally) IS 'Text output of attest.esf_tally.';
COMMENT ON FUNCTION attest_internal.esf_tally_recv(internal) IS 'Binary input of attest.esf_tally: length, version and every counter are checked; error 22P03.';
COMMENT ON FUNCTION attest_internal.esf_tally_send(attest.esf_tally) IS 'Binary output of attest.esf_tally: version, framework, counters of 8 bytes.';

CREATE TYPE attest.esf_tally (
  INTERNALLENGTH = 1144, ALIGNMENT = double, STORAGE = plain,
  INPUT = attest_internal.esf_tally_in, OUTPUT = attest_internal.esf_tally_out,
  RECEIVE = attest_internal.esf_tally_recv, SEND = attest_internal.esf_tally_send
);

CREATE FUNCTION attest_internal.esf_tally_eq(attest.esf_tally, attest.esf_tally) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_esf_tally_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_plus(attest.esf_tally, attest.esf_tally) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_minus(attest.esf_tally, attest.esf_tally) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_tally_eq(attest.esf_tally, attest.esf_tally) IS 'Whether all counters and the framework are the same.';
COMMENT ON FUNCTION attest_internal.esf_tally_plus(attest.esf_tally, attest.esf_tally) IS 'The sum of two tallies; error 22023 when their frameworks differ, 22003 beyond 10^15.';
COMMENT ON FUNCTION attest_internal.esf_tally_minus(attest.esf_tally, attest.esf_tally) IS 'The first tally without the second; error 22003 when a counter would fall below zero.';

CREATE OPERATOR attest.= (
  LEFTARG = attest.esf_tally, RIGHTARG = attest.esf_tally, FUNCTION = attest_internal.esf_tally_eq, COMMUTATOR = OPERATOR(attest.=)
);
CREATE OPERATOR attest.+ (
  LEFTARG = attest.esf_tally, RIGHTARG = attest.esf_tally, FUNCTION = attest_internal.esf_tally_plus, COMMUTATOR = OPERATOR(attest.+)
);
CREATE OPERATOR attest.- (
  LEFTARG = attest.esf_tally, RIGHTARG = attest.esf_tally, FUNCTION = attest_internal.esf_tally_minus
);
COMMENT ON OPERATOR attest.= (attest.esf_tally, attest.esf_tally) IS 'The same counters and framework.';
COMMENT ON OPERATOR attest.+ (attest.esf_tally, attest.esf_tally) IS 'Sum of two tallies of one framework.';
COMMENT ON OPERATOR attest.- (attest.esf_tally, attest.esf_tally) IS 'A tally without another that it contains.';

CREATE FUNCTION attest.esf_tally_of(framework text, gender text, indicators bigint) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_tally_of(text, text, bigint) IS
'The tally of one participation: framework esf+ or esf, gender F, M or N, indicators as attest.esf_indicator_set() gives them; 0 is an incomplete record, whose gender may be null. Null without framework or indicators. Error 22023 for anything else.';

CREATE FUNCTION attest_internal.tally_esf_step(attest.esf_tally, text, text, bigint) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_tally_esf_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_esf_step(attest.esf_tally, text, text, bigint) IS 'A row of attest.tally_esf().';
CREATE FUNCTION attest_internal.merge_esf_tally_step(attest.esf_tally, attest.esf_tally) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_merge_esf_tally_step' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.merge_esf_tally_step(attest.esf_tally, attest.esf_tally) IS
'A row of attest.merge_esf_tally(), and the combining of partial results.';

CREATE AGGREGATE attest.tally_esf(framework text, gender text, indicators bigint) (
  SFUNC = attest_internal.tally_esf_step, STYPE = attest.esf_tally, INITCOND = 'none',
  COMBINEFUNC = attest_internal.merge_esf_tally_step, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.tally_esf(text, text, bigint) IS
'Every indicator of one framework by gender in one pass over participations; arguments as attest.esf_tally_of(). Rows without framework or indicators are passed over; the tally of no rows is none. Parallel.';

CREATE AGGREGATE attest.merge_esf_tally(tally attest.esf_tally) (
  SFUNC = attest_internal.merge_esf_tally_step, STYPE = attest.esf_tally, INITCOND = 'none',
  COMBINEFUNC = attest_internal.merge_esf_tally_step, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.merge_esf_tally(attest.esf_tally) IS
'Sum of tallies of one framework; error 22023 when they are of both. Parallel.';

CREATE FUNCTION attest.esf_count(tally attest.esf_tally, code text, gender text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_esf_count' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_count(attest.esf_tally, text, text) IS
'How many participations of a gender (F, M, N; all when null) a tally counts for a code of its framework, or as complete, left (complete and with an exit) or incomplete. Error 22023 for another code.';

CREATE FUNCTION attest.esf_framework(tally attest.esf_tally) RETURNS text
AS 'MODULE_PATHNAME', 'attest_esf_framework' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_framework(attest.esf_tally) IS 'Framework of a tally; null of the empty one.';

CREATE FUNCTION attest.esf_rows(
  tally attest.esf_tally, OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint,
  OUT incomplete bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_esf_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_rows(attest.esf_tally) IS
'A tally as rows, one for each indicator of its framework in the order of the codes; no row of the empty one. incomplete, the same on every row: the records that count for no indicator because something is missing. Indicators of entities are null: a tally counts people.';

CREATE FUNCTION attest_internal.esf_suppressed_rows(
  tally attest.esf_tally, threshold int, OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint,
  OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_esf_suppressed_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_suppressed_rows(attest.esf_tally, int) IS
'As attest.esf_rows(), with counts from 1 to threshold - 1 null, and as many others that nobody finds them by subtraction; zeros stay.';

-- esf: the arithmetic that authorities check, by gender.

CREATE FUNCTION attest.esf_rules(OUT framework text, OUT rule text, OUT source text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 80 SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('esf+', 'EECO01 = EECO02 + EECO04 + EECO05', 'Annex I of (EU) 2021/1057: total from employment status; SFC2021 rule 146'),
    ('esf+', 'EECO01 = complete', 'Art. 17(5) of (EU) 2021/1057: complete records, each once'),
    ('esf+', 'EECO03 <= EECO02', 'Annex I, 1.1: unemployed, including long-term unemployed'),
    ('esf+', 'EECO06 + EECO07 + EECO08 <= EECO01', 'Annex I, 1.1: ages below 18, 18 to 29, from 55 on'),
    ('esf+', 'EECO09 + EECO10 + EECO11 = EECO01', 'Annex I, 1.1: ISCED 0 to 8'),
    ('esf+', 'EECO12 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO13 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECO14 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO15 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECO16 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO17 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECR01 <= EECO04', 'Annex I, 3: inactive at entry; SFC2021 table 10'),
    ('esf+', 'EECR02 <= EECO01', 'Annex I, 3; SFC2021 table 10'),
    ('esf+', 'EECR03 <= EECO01', 'Annex I, 3; SFC2021 table 10'),
    ('esf+', 'EECR04 <= EECO02 + EECO04', 'Annex I, 3: not employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR05 <= EECO02 + EECO04', 'Annex I, 4: not employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR06 <= EECO05', 'Annex I, 4: employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR01 + EECR04 <= EECO02 + EECO04', 'SFC FAQ of 13.4.2023: job searching and employment exclude each other'),
    ('esf+', 'EECR01 + EECR04 <= left', 'Annex I, 3: upon leaving'),
    ('esf+', 'EECR02 <= left', 'Annex I, 3: upon leaving'), ('esf+', 'EECR03 <= left', 'Annex I, 3: upon leaving'),
    ('esf+', 'EECR05 <= left', 'Annex I, 4: after leaving'), ('esf+', 'EECR06 <= left', 'Annex I, 4: after leaving'),
    ('esf+', 'left <= EECO01', 'Annex I, 3: leavers took part'),
    ('esf+', 'complete + incomplete >= EECO01', 'SFC2014 FAQ of 12.12.2014: incomplete records in the grand total only'),
    ('esf', 'complete = CO01 + CO03 + CO05', 'Annex I of (EU) 1304/2013: total from the output indicators'),
    ('esf', 'CO02 <= CO01', 'Annex I (1): unemployed, including long-term unemployed'),
    ('esf', 'CO04 <= CO03', 'Annex I (1)'),
    ('esf', 'CO06 + CO07 <= complete', 'Annex I (1): ages below 25, above 54'),
    ('esf', 'CO08 <= CO07', 'Annex I (1)'), ('esf', 'CO08 <= CO01 + CO04', 'Annex I (1)'),
    ('esf', 'CO09 + CO10 + CO11 <= complete', 'Annex I (1): ISCED 1 to 8, 0 in no band'),
    ('esf', 'CO12 <= complete', 'Annex I (1) as adopted'), ('esf', 'CO13 <= CO12', 'Annex I (1) as adopted'),
    ('esf', 'CO14 <= complete', 'Annex I (1) as adopted'), ('esf', 'CO15 <= complete', 'Annex I (1)'),
    ('esf', 'CO16 <= complete', 'Annex I (1)'), ('esf', 'CO17 <= complete', 'Annex I (1)'),
    ('esf', 'CO18 <= complete', 'Annex I (1)'), ('esf', 'CO18 <= CO17', 'guidance: who is homeless is disadvantaged'),
    ('esf', 'CO19 <= complete', 'Annex I (1)'),
    ('esf', 'CR01 <= CO03', 'Annex I (3): inactive at entry'),
    ('esf', 'CR02 <= complete', 'Annex I (3)'), ('esf', 'CR03 <= complete', 'Annex I (3)'),
    ('esf', 'CR04 <= CO01 + CO03', 'Annex I (3): not employed at entry'),
    ('esf', 'CR05 <= CO12 + CO14 + CO15 + CO16 + CO17', 'Annex I (3): disadvantaged, each in one of these at least'),
    ('esf', 'CR06 <= CO01 + CO03', 'Annex I (4): not employed at entry'),
    ('esf', 'CR07 <= CO05', 'Annex I (4): employed at entry'),
    ('esf', 'CR08 <= CR06', 'Annex I (4)'), ('esf', 'CR08 <= CO07', 'Annex I (4)'), ('esf', 'CR09 <= CR06', 'Annex I (4)'),
    ('esf', 'CR01 + CR04 <= left', 'Annex I (3): upon leaving'), ('esf', 'CR02 <= left', 'Annex I (3): upon leaving'),
    ('esf', 'CR03 <= left', 'Annex I (3): upon leaving'), ('esf', 'CR05 <= left', 'Annex I (3): upon leaving'),
    ('esf', 'CR06 + CR07 <= left', 'Annex I (4): after leaving, by status at entry'),
    ('esf', 'CI01 <= CO01', 'Annex II: unemployed'), ('esf', 'CI02 <= CO01', 'Annex II: unemployed'), ('esf', 'CI03 <= CO01', 'Annex II: unemployed'),
    ('esf', 'CI04 <= CO02', 'Annex II: long-term unemployed'), ('esf', 'CI05 <= CO02', 'Annex II: long-term unemployed'),
    ('esf', 'CI06 <= CO02', 'Annex II: long-term unemployed'),
    ('esf', 'CI04 <= CI01', 'Annex II'), ('esf', 'CI05 <= CI02', 'Annex II'), ('esf', 'CI06 <= CI03', 'Annex II'),
    ('esf', 'CI07 <= CO04', 'Annex II: inactive, not in education'), ('esf', 'CI08 <= CO04', 'Annex II: inactive, not in education'),
    ('esf', 'CI09 <= CO04', 'Annex II: inactive, not in education'),
    ('esf', 'CI10 <= left', 'Annex II: after leaving'), ('esf', 'CI11 <= left', 'Annex II: after leaving'), ('esf', 'CI12 <= CI11', 'Annex II: self-employment is employment'),
    ('esf', 'left <= complete', 'Annex I (3): leavers took part'),
    ('esf', 'complete + incomplete >= CO01 + CO03 + CO05', 'SFC2014 FAQ of 12.12.2014: incomplete records in the grand total only')
$$;
COMMENT ON FUNCTION attest.esf_rules() IS
'The arithmetic rules that attest.esf_check() applies to each gender, with their sources. complete: complete records; left: those with an exit; incomplete: records that count for no indicator. No number is negative or broken: the type allows none.';

CREATE FUNCTION attest_internal.esf_side(tally attest.esf_tally, side text, gender text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sum(attest.esf_count(tally, c, gender))::bigint FROM unnest(string_to_array(side, ' + ')) c
$$;
COMMENT ON FUNCTION attest_internal.esf_side(attest.esf_tally, text, text) IS 'One side of a rule: the sum of counts.';

CREATE FUNCTION attest.esf_check(
  tally attest.esf_tally, OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.rule, r.a, r.b, CASE r.operator WHEN '=' THEN r.a = r.b WHEN '<=' THEN r.a <= r.b ELSE r.a >= r.b END, r.gender, r.source
  FROM (
    SELECT k.rule, k.source, p.sides[2] AS operator, coalesce(g.gender, 'all') AS gender,
      attest_internal.esf_side(tally, p.sides[1], g.gender) AS a, attest_internal.esf_side(tally, p.sides[3], g.gender) AS b
    FROM attest.esf_rules() k
    CROSS JOIN LATERAL regexp_match(k.rule, '^(.*) (=|<=|>=) (.*)$') p (sides)
    CROSS JOIN (VALUES ('F'), ('M'), ('N'), (NULL)) g (gender)
    WHERE k.framework = attest.esf_framework(tally)
  ) r
$$;
COMMENT ON FUNCTION attest.esf_check(attest.esf_tally) IS
'Every arithmetic rule of the framework of a tally, for women (F), men (M), non-binary people (N) and all, as rows: the two sides, and whether the rule holds. Sources: attest.esf_rules().';

CREATE FUNCTION attest.esf_check_sums(
  tally attest.esf_tally, declared jsonb, OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text
) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM jsonb_object_keys(declared) d WHERE d !~ '^[A-Z]+[0-9]{2}([+][0-9]{2})+$') THEN
    PERFORM attest_internal.fail('bad_value', 'declared', 'an object of sums such as {"EECO02+04": {"F": 1, "M": 2, "N": 0}}');
  END IF;
  RETURN QUERY
  SELECT r.rule, r.a, r.b, r.a IS NOT DISTINCT FROM r.b, r.gender, 'SFC2021 rules 144 to 148: reserved sums'
  FROM (
    SELECT format('%s = %s', d.key, s.side) AS rule, g.gender, (d.value ->> g.gender)::bigint AS a,
      attest_internal.esf_side(tally, s.side, g.gender) AS b
    FROM jsonb_each(declared) d
    CROSS JOIN LATERAL (SELECT string_agg(substring(d.key FROM '^[A-Z]+') || n, ' + ') AS side
      FROM unnest(string_to_array(ltrim(d.key, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), '+')) n) s
    CROSS JOIN (VALUES ('F'), ('M'), ('N')) g (gender)
  ) r;
END
$$;
COMMENT ON FUNCTION attest.esf_check_sums(attest.esf_tally, jsonb) IS
'Compares sums that somebody declares with those of a tally, for each gender: {"EECO02+04": {"F": 1, "M": 2, "N": 0}} must be EECO02 + EECO04. Typed by hand they go wrong, and the Commission refuses the table (SFC2021 rules 144 to 148).';

CREATE FUNCTION attest.esf_check(
  operation_code text, as_of timestamptz DEFAULT NULL,
  OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text,
  OUT priority text, OUT specific_objective text, OUT region_category text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.rule, c."left", c."right", c.ok, c.gender, c.source, g.priority, g.specific_objective, g.region_category
  FROM attest_internal.esf_groups(operation_code, as_of) g CROSS JOIN LATERAL attest.esf_check(g.tally) c
$$;
COMMENT ON FUNCTION attest.esf_check(text, timestamptz) IS
'The arithmetic rules for an operation or a programme, by priority, specific objective, category of region (SFC2021 checks each) and gender, as known at a time. A rule that does not hold points at records to look at: what attest counts itself always holds.';

CREATE FUNCTION attest.esf_incomplete(
  operation_code text, OUT participation_id uuid, OUT person_id uuid, OUT entered_on date, OUT missing text[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
BEGIN
  RETURN QUERY
  SELECT p.participation_id, p.person_id, p.entered_on, m.missing
  FROM attest_data.participation p
  JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
  JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
  CROSS JOIN LATERAL (SELECT attest.esf_missing(o.framework, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb) OFFSET 0) m (missing)
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = ANY (operations) AND cardinality(m.missing) > 0
  ORDER BY p.entered_on, p.participation_id;
END
$$;
COMMENT ON FUNCTION attest.esf_incomplete(text) IS
'Participations of an operation or programme that count for no indicator, with what is missing; only of the people that the profile sees. Nothing can be added for those who were erased.';

-- esf: participations as a file, in the columns that a French managing authority imposes.

CREATE FUNCTION attest_internal.esf_csv_rows(source text, OUT line int, OUT fields text[]) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_esf_csv_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_csv_rows(text) IS 'Records of a CSV file, with the line where each begins. Error TA332.';

CREATE FUNCTION attest.esf_columns() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['Identifiant interne', 'NOM', 'Prénom', 'Date de naissance', 'Sexe', 'Commune de résidence', 'Projet',
    'Date d''entrée dans le projet', 'Date de sortie du projet', 'Critères d''éligibilité IAE', 'BRSA', 'Catégorie France Travail',
    'Référent unique (type)', 'Date d''entrée en parcours', 'Date de fin de contrat', 'Situation avant l''entrée', 'Durée sans emploi',
    'Niveau d''instruction', 'Foyer monoparental', 'Sans domicile stable', 'Date de recueil du questionnaire d''entrée',
    'Complétude du questionnaire d''entrée (%)', 'Date de sortie de l''opération', 'Situation à la sortie', 'Date de saisie de la sortie',
    'Délai de saisie (jours)', 'Situation à +6 mois', 'Date du relevé à +6 mois', 'Complétude du dossier participant (%)']
$$;
COMMENT ON FUNCTION attest.esf_columns() IS
'The 29 columns of attest.export_participations() and attest.import_participations(), in their order: as accepted by an ESF+ authority (Seine-Maritime, 2026-2027).';

CREATE FUNCTION attest_internal.csv_cell(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN left(ltrim(value), 1) = ANY (ARRAY['=', '+', '-', '@']) OR left(value, 1) = ANY (ARRAY[chr(9), chr(10), chr(13)])
      THEN '"''' || replace(value, '"', '""') || '"'
    WHEN value ~ ('[",;' || chr(9) || chr(10) || chr(13) || ']') OR value <> btrim(value) THEN '"' || replace(value, '"', '""') || '"'
    ELSE coalesce(value, '') END
$$;
COMMENT ON FUNCTION attest_internal.csv_cell(text) IS
'A text as a cell of CSV. What a spreadsheet would take for a formula (=, +, -, @, tab or line end first) gets an apostrophe in front (OWASP, CSV injection).';

CREATE FUNCTION attest_internal.file_text(cell text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT nullif(btrim(CASE WHEN cell ~ '^''[[:space:]]*[-=+@]' THEN substr(cell, 2) ELSE cell END), '')
$$;
COMMENT ON FUNCTION attest_internal.file_text(text) IS 'A cell of a file without the apostrophe of attest_internal.csv_cell(); NULL when empty.';

CREATE FUNCTION attest_internal.file_date(cell text, column_name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parts text[];
BEGIN
  IF attest_internal.file_text(cell) IS NULL OR cell ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
    RETURN attest_internal.file_text(cell);
  END IF;
  parts := regexp_match(cell, '^([0-9]{2})/([0-9]{2})/([0-9]{4})$');
  IF parts IS NULL THEN
    PERFORM attest_internal.fail('bad_value', column_name, 'a date written YYYY-MM-DD or DD/MM/YYYY');
  END IF;
  RETURN parts[3] || '-' || parts[2] || '-' || parts[1];
END
$$;
COMMENT ON FUNCTION attest_internal.file_date(text, text) IS 'A date of a file as YYYY-MM-DD; spreadsheets write DD/MM/YYYY.';

CREATE FUNCTION attest_internal.file_choice(cell text, choices jsonb, column_name text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  chosen text := attest_internal.file_text(cell);
BEGIN
  IF chosen IS NULL THEN
    RETURN '{}';
  ELSIF NOT choices ? lower(chosen) THEN
    PERFORM attest_internal.fail('field_unknown_value', column_name, (SELECT string_agg(k, ', ') FROM jsonb_object_keys(choices) k));
  END IF;
  RETURN choices -> lower(chosen);
END
$$;
COMMENT ON FUNCTION attest_internal.file_choice(text, jsonb, text) IS
'The facts that a coded cell of a file stands for; none when it is empty. Error TA334 for another code.';

CREATE FUNCTION attest_internal.file_codes(kind text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (CASE kind
    WHEN 'entry' THEN '{"demandeur_emploi": {"status_entry": "unemployed"}, "inactif": {"status_entry": "inactive"},
      "emploi": {"status_entry": "employed"}, "formation": {"status_entry": "inactive", "in_education": true}}'
    WHEN 'months' THEN '{"lt_6m": {"unemployed_months": 0}, "6_12m": {"unemployed_months": 7},
      "12_24m": {"unemployed_months": 13}, "gt_24m": {"unemployed_months": 25}}'
    WHEN 'exit' THEN '{"emploi_durable": {"status_exit": "employed"}, "emploi_transition": {"status_exit": "employed"},
      "emploi": {"status_exit": "employed"}, "formation": {"status_exit": "inactive", "new_education": true},
      "autre_sortie_positive": {}, "inactivite": {"status_exit": "inactive"}, "chomage": {"status_exit": "unemployed"}, "inconnue": {}}'
    WHEN 'followup' THEN '{"emploi_durable": {"status_6m": "employed"}, "emploi_transition": {"status_6m": "employed"},
      "emploi": {"status_6m": "employed"}, "formation": {"status_6m": "inactive", "education_6m": true},
      "autre_sortie_positive": {}, "inactivite": {"status_6m": "inactive"}, "chomage": {"status_6m": "unemployed"}, "inconnue": {},
      "injoignable": {"reached_6m": false}}'
    WHEN 'single' THEN '{"oui": {"single_adult": true, "dependent_children": true}, "non": {"single_adult": false}, "refus": {"single_adult": "refused"}}'
    WHEN 'homeless' THEN '{"oui": {"homeless": true}, "non": {"homeless": false}, "refus": {"homeless": "refused"}}'
  END)::jsonb
$$;
COMMENT ON FUNCTION attest_internal.file_codes(text) IS
'Codes of a column of the file and the facts that they stand for. Brackets of months stand for the least number within them that the indicators cannot mistake for another bracket; a number of months may stand in their place.';

CREATE FUNCTION attest_internal.code_of_facts(kind text, facts jsonb, given text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  -- The code that was imported, as long as the facts still say the same; else the one that says most.
  SELECT c.key FROM jsonb_each(attest_internal.file_codes(kind)) c
  WHERE facts @> c.value AND (c.value <> '{}' OR c.key = given)
    AND NOT (c.key IN ('emploi_durable', 'emploi_transition') AND c.key IS DISTINCT FROM given)
  ORDER BY (c.key = given) IS TRUE DESC, (SELECT count(*) FROM jsonb_object_keys(c.value)) DESC, c.key LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.code_of_facts(text, jsonb, text) IS
'The code of a column of the file for facts; NULL when they say nothing of it.';

CREATE FUNCTION attest_internal.months_code(months int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN months < 6 THEN 'lt_6m' WHEN months <= 12 THEN '6_12m' WHEN months <= 24 THEN '12_24m' ELSE 'gt_24m' END
$$;
COMMENT ON FUNCTION attest_internal.months_code(int) IS 'The bracket of a number of completed months without work.';

-- --- export ---

CREATE TYPE attest_internal.file_record AS (
  reference text, last_name text, first_name text, commune text, code text, exit_day date, followup_day date
);
COMMENT ON TYPE attest_internal.file_record IS 'What a line of the file takes from the register and the operation.';

CREATE FUNCTION attest_internal.file_share(known boolean[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT floor(100.0 * count(*) FILTER (WHERE k) / nullif(count(k), 0))::text FROM unnest(known) k
$$;
COMMENT ON FUNCTION attest_internal.file_share(boolean[]) IS 'How many of the answers that apply (not null) are there, in per cent, rounded down.';

CREATE FUNCTION attest_internal.file_cells(held attest_internal.file_record, facts jsonb, dossier jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked boolean[] := ARRAY[facts ? 'status_entry',
    CASE WHEN facts ->> 'status_entry' = 'unemployed' THEN facts ? 'unemployed_months' END,
    facts ? 'isced', facts ? 'single_adult', facts ? 'homeless'];
BEGIN
  RETURN ARRAY[held.reference, held.last_name, held.first_name, facts ->> 'birth', facts ->> 'sex', held.commune, held.code,
    facts ->> 'entry', facts ->> 'exit', dossier ->> 'iae', coalesce(dossier ->> 'brsa', 'Non renseigné'), dossier ->> 'category',
    dossier ->> 'referent', dossier ->> 'pathway', dossier ->> 'contract_end',
    attest_internal.code_of_facts('entry', facts),
    CASE WHEN facts ->> 'status_entry' = 'unemployed' THEN attest_internal.months_code((facts ->> 'unemployed_months')::int) END,
    'CITE ' || (facts ->> 'isced'),
    CASE facts ->> 'single_adult' WHEN 'true' THEN 'oui' WHEN 'false' THEN 'non' WHEN 'refused' THEN 'refus' END,
    attest_internal.code_of_facts('homeless', facts), dossier ->> 'questionnaire', attest_internal.file_share(asked),
    facts ->> 'exit', attest_internal.code_of_facts('exit', facts, dossier ->> 'exit_situation'), held.exit_day::text,
    (held.exit_day - (facts ->> 'exit')::date)::text,
    attest_internal.code_of_facts('followup', facts, dossier ->> 'followup_situation'),
    coalesce(dossier ->> 'followup', held.followup_day::text),
    attest_internal.file_share(asked || ARRAY[facts ? 'sex', facts ? 'birth', facts ? 'exit', facts ? 'status_exit', facts ? 'status_6m' OR facts ? 'reached_6m'])];
END
$$;
COMMENT ON FUNCTION attest_internal.file_cells(attest_internal.file_record, jsonb, jsonb) IS
'The cells of a line of the file. What is not known is empty, never 0 or no; of BRSA alone the authority wants it said.';

CREATE FUNCTION attest.export_participations(operation_code text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF NOT EXISTS (SELECT FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = ANY (operations)) THEN
    PERFORM attest_internal.fail('nothing_to_export', operation_code);
  END IF;
  RETURN NEXT (SELECT string_agg(attest_internal.csv_cell(c), ',' ORDER BY n) FROM unnest(attest.esf_columns()) WITH ORDINALITY c (c, n));
  RETURN QUERY
  SELECT (SELECT string_agg(CASE WHEN n = 26 THEN coalesce(c, '') ELSE attest_internal.csv_cell(c) END, ',' ORDER BY n)
    FROM unnest(attest_internal.file_cells(
      ROW(coalesce(r.reference, r.person_id::text), attest.unseal(r.last_name, r.person_id, 'person.last_name'),
        attest.unseal(r.first_name, r.person_id, 'person.first_name'), r.commune, o.code,
        (p.exit_recorded_at AT TIME ZONE t.time_zone)::date, (p.followup_recorded_at AT TIME ZONE t.time_zone)::date),
      coalesce(attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb,
        jsonb_strip_nulls(jsonb_build_object('entry', p.entered_on, 'exit', p.exited_on))),
      attest.unseal(v.dossier, v.person_id, 'esf.dossier')::jsonb)) WITH ORDINALITY c (c, n))
  FROM attest_data.participation p
  JOIN attest_data.tenant t ON t.id = p.tenant_id
  JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
  JOIN attest_data.person r ON r.tenant_id = p.tenant_id AND r.person_id = p.person_id
  JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = ANY (operations)
  ORDER BY o.code, p.entered_on, p.participation_id;
END
$$;
COMMENT ON FUNCTION attest.export_participations(text) IS
'The participations of an operation or programme as lines of CSV, first the names of attest.esf_columns(). Opens names: for managers. People who were erased have their dates only. Formulas are neutralised. Column 22 is the share of the answers 16 to 20 that apply, column 29 also of sex, birth, exit and what followed. Error TA453 when there is none: an empty file would look complete.';

-- --- import ---

CREATE FUNCTION attest_internal.file_facts(cells text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names text[] := attest.esf_columns();
  level text := substring(attest_internal.file_text(cells[18]) FROM '^(?:CITE )?([0-8])$');
  months text := attest_internal.file_text(cells[17]);
  left_on text := attest_internal.file_date(cells[9], names[9]);
BEGIN
  IF attest_internal.file_text(cells[18]) IS NOT NULL AND level IS NULL THEN
    PERFORM attest_internal.fail('field_unknown_value', names[18], 'CITE 0 - CITE 8');
  ELSIF left_on <> attest_internal.file_date(cells[23], names[23]) THEN
    PERFORM attest_internal.fail('bad_value', names[23], 'the same day as ' || names[9]);
  END IF;
  RETURN jsonb_strip_nulls(jsonb_build_object('entry', attest_internal.file_date(cells[8], names[8]), 'isced', level::int,
      'exit', coalesce(left_on, attest_internal.file_date(cells[23], names[23]))))
    || attest_internal.file_choice(cells[16], attest_internal.file_codes('entry'), names[16])
    || CASE WHEN months ~ '^[0-9]{1,4}$' THEN jsonb_build_object('unemployed_months', months::int)
      ELSE attest_internal.file_choice(cells[17], attest_internal.file_codes('months'), names[17]) END
    || attest_internal.file_choice(cells[19], attest_internal.file_codes('single'), names[19])
    || attest_internal.file_choice(cells[20], attest_internal.file_codes('homeless'), names[20])
    || attest_internal.file_choice(cells[24], attest_internal.file_codes('exit'), names[24])
    || attest_internal.file_choice(cells[27], attest_internal.file_codes('followup'), names[27]);
END
$$;
COMMENT ON FUNCTION attest_internal.file_facts(text[]) IS 'What the cells of a line of the file say of a participation; empty cells say nothing.';

CREATE FUNCTION attest_internal.file_dossier(cells text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'iae', attest_internal.file_text(cells[10]), 'brsa', nullif(attest_internal.file_text(cells[11]), 'Non renseigné'),
    'category', attest_internal.file_text(cells[12]), 'referent', attest_internal.file_text(cells[13]),
    'pathway', attest_internal.file_date(cells[14], (attest.esf_columns())[14]),
    'contract_end', attest_internal.file_date(cells[15], (attest.esf_columns())[15]),
    'questionnaire', attest_internal.file_date(cells[21], (attest.esf_columns())[21]),
    -- Codes that say more than the facts that they stand for.
    'exit_situation', substring(lower(attest_internal.file_text(cells[24])) FROM '^(emploi_durable|emploi_transition|autre_sortie_positive|inconnue)$'),
    'followup_situation', substring(lower(attest_internal.file_text(cells[27])) FROM '^(emploi_durable|emploi_transition|autre_sortie_positive|inconnue)$'),
    'followup', attest_internal.file_date(cells[28], (attest.esf_columns())[28])))
$$;
COMMENT ON FUNCTION attest_internal.file_dossier(text[]) IS 'What a line of the file says besides the facts; kept sealed, for the export.';

CREATE FUNCTION attest_internal.import_participation(operation uuid, cells text[], OUT outcome text, OUT participation uuid) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  person uuid;
  given jsonb := attest_internal.file_facts(cells);
  extra jsonb := attest_internal.file_dossier(cells);
  held jsonb;
  kept jsonb;
BEGIN
  SELECT p.person_id INTO person FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant()
    AND (p.reference = attest_internal.file_text(cells[1]) OR p.person_id::text = attest_internal.file_text(cells[1]));
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'person', coalesce(left(attest_internal.file_text(cells[1]), 40), '-'));
  END IF;
  SELECT p.participation_id INTO participation FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = operation AND p.person_id = person;
  IF NOT FOUND OR (SELECT (given ->> 'entry')::date >= p.exited_on FROM attest_data.participation p
      WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = import_participation.participation
        AND (given ->> 'entry')::date > p.entered_on) THEN
    outcome := 'recorded';
    participation := attest.record_participation(operation, person, given);
  END IF;
  PERFORM attest_internal.lock_participation(participation);
  held := attest_internal.participation_facts(participation);
  SELECT attest.unseal(v.dossier, v.person_id, 'esf.dossier')::jsonb INTO kept
  FROM attest_data.participation p JOIN attest_data.participation_version v USING (tenant_id, participation_id, version)
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = import_participation.participation;
  -- A bracket says less than the months that are known already.
  IF attest_internal.file_text(cells[17]) = attest_internal.months_code((held ->> 'unemployed_months')::int) THEN
    given := given - 'unemployed_months';
  END IF;
  IF outcome = 'recorded' THEN
    given := '{}';
  END IF;
  IF held || given <> held OR extra <> coalesce(kept, '{}') THEN
    PERFORM attest_internal.write_participation(participation, held || given, 'import', dossier => coalesce(kept, '{}') || extra);
    outcome := coalesce(outcome, 'updated');
  END IF;
  outcome := coalesce(outcome, 'unchanged');
END
$$;
COMMENT ON FUNCTION attest_internal.import_participation(uuid, text[]) IS
'Records one line of the file, or what it changes: recorded, updated or unchanged.';

CREATE FUNCTION attest.import_participations(
  operation_code text, source text, OUT line int, OUT outcome text, OUT participation_id uuid, OUT code text, OUT reason text, OUT detail text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
  names text[] := attest.esf_columns();
  operations uuid[] := attest_internal.esf_operations(operation_code);
  first boolean := true;
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF cardinality(operations) <> 1 THEN
    PERFORM attest_internal.fail('bad_value', 'operation_code', 'the code of one operation');
  END IF;
  FOR item IN SELECT r.line, r.fields FROM attest_internal.esf_csv_rows(coalesce(source, '')) r LOOP
    IF first AND item.fields <> names THEN
      PERFORM attest_internal.fail('csv_columns',
        coalesce((SELECT string_agg(n, ', ') FROM unnest(names) n WHERE NOT n = ANY (item.fields)), '-'),
        coalesce((SELECT left(string_agg(f, ', '), 200) FROM unnest(item.fields) f WHERE NOT f = ANY (names)), '-'));
    ELSIF NOT first THEN
      line := item.line;
      BEGIN
        IF cardinality(item.fields) <> cardinality(names) THEN
          PERFORM attest_internal.fail('csv_malformed', item.line::text, format('%s fields, expected %s', cardinality(item.fields), cardinality(names)));
        ELSIF attest_internal.file_text(item.fields[7]) <> operation_code THEN
          PERFORM attest_internal.fail('bad_value', names[7], operation_code);
        END IF;
        SELECT i.outcome, i.participation INTO outcome, participation_id FROM attest_internal.import_participation(operations[1], item.fields) i;
        code := NULL; reason := NULL; detail := NULL; hint := NULL;
      EXCEPTION WHEN OTHERS THEN
        outcome := 'rejected'; participation_id := NULL;
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      END;
      RETURN NEXT;
    END IF;
    first := false;
  END LOOP;
  IF first THEN
    PERFORM attest_internal.fail('csv_columns', array_to_string(names, ', '), '-');
  END IF;
END
$$;
COMMENT ON FUNCTION attest.import_participations(text, text) IS
'Records and updates participations of an operation from CSV with the columns of attest.esf_columns(), in that order; returns one row a line: recorded, updated, unchanged or rejected, with the error. People are found by the reference of the register (column 1) or their id; names, birth, sex and what the file computes (2 to 6, 22, 25, 26, 29) are not read. Empty cells change nothing. A status such as BRSA is kept for the export, and makes nobody a participant. For managers.';

-- esf: operations and what is recorded for them as a whole.

CREATE FUNCTION attest_internal.check_programme(programme text, framework text, code text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant()
      AND o.programme = check_programme.programme AND o.framework <> check_programme.framework) THEN
    PERFORM attest_internal.fail('bad_value', 'framework', 'the framework of the other operations of the programme');
  END IF;
  IF EXISTS (SELECT FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant()
      AND (o.code = check_programme.programme OR o.programme = check_programme.code)) OR programme = code THEN
    PERFORM attest_internal.fail('bad_value', 'programme', 'a code that is not the code of an operation');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_programme(text, text, text) IS
'Error TA010 where operations of a programme would be of two frameworks, or an operation and a programme have one code.';

CREATE FUNCTION attest.create_operation(
  code text, title text, framework text, starts_on date, ends_on date,
  programme text DEFAULT NULL, priority text DEFAULT NULL, specific_objective text DEFAULT NULL, region_category text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_operation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, title');
  END IF;
  IF framework IS NULL OR NOT framework = ANY ('{esf+,esf}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'framework', 'esf+, esf');
  END IF;
  IF starts_on IS NULL OR ends_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF NOT region_category = ANY ('{less_developed,transition,more_developed,outermost}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'region_category', 'less_developed, transition, more_developed, outermost');
  END IF;
  PERFORM attest_internal.required_tenant(), attest_internal.check_programme(nullif(programme, ''), framework, code);
  INSERT INTO attest_data.operation (tenant_id, operation_id, code, title, framework, starts_on, ends_on,
    programme, priority, specific_objective, region_category)
  VALUES (attest_internal.required_tenant(), new_operation, create_operation.code, create_operation.title,
    create_operation.framework, create_operation.starts_on, create_operation.ends_on, nullif(create_operation.programme, ''),
    create_operation.priority, create_operation.specific_objective, create_operation.region_category)
  ON CONFLICT ON CONSTRAINT operation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_operation.code);
  END IF;
  INSERT INTO attest_data.operation_total (tenant_id, operation_id, total)
  VALUES (attest.current_tenant(), new_operation, attest_internal.seal_tally(create_operation.framework::attest.esf_tally, new_operation));
  RETURN new_operation;
END
$$;
COMMENT ON FUNCTION attest.create_operation(text, text, text, date, date, text, text, text, text) IS
'Creates an operation funded by the European Social Fund; framework esf+ (2021-2027) or esf (2014-2020). Programme (such as a CCI number), priority, specific objective and category of region (less_developed, transition, more_developed, outermost) group operations in reports; operations of a programme are of one framework. For managers and department referents.';

CREATE FUNCTION attest.record_entities(operation uuid, code text, entities bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  accepted text;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  accepted := CASE funded.framework WHEN 'esf+' THEN 'EECO18, EECO19' ELSE 'CO20, CO21, CO22, CO23' END;
  IF code IS NULL OR NOT code = ANY (string_to_array(accepted, ', ')) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'code', accepted);
  END IF;
  IF entities IS NULL OR entities < 0 THEN
    PERFORM attest_internal.fail('bad_value', 'entities', 'a number from 0 on');
  END IF;
  INSERT INTO attest_data.operation_entity (tenant_id, entry_id, operation_id, code, entities)
  VALUES (attest.current_tenant(), attest.uuid_v7(), operation, record_entities.code, record_entities.entities);
END
$$;
COMMENT ON FUNCTION attest.record_entities(uuid, text, bigint) IS
'Records how many entities an operation supports so far: EECO18 public administrations and services, EECO19 small and medium-sized firms (esf+); CO20 projects of social partners, CO21 for women in employment, CO22 for public administrations, CO23 firms (esf). The last number of a code counts, earlier ones stay for reports as of an earlier time. For managers and department referents.';

CREATE FUNCTION attest_internal.esf_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.operation_id FROM attest_data.operation o
  WHERE o.tenant_id = attest.current_tenant() AND profile IN ('department_referent', 'counsellor')
$$;
COMMENT ON FUNCTION attest_internal.esf_visible(text, uuid) IS
'No people: the operations, whose totals are sealed as if for a person, so that those who record participations can open them.';

CREATE FUNCTION attest_internal.seal_tally(tally attest.esf_tally, operation uuid) RETURNS attest.sealed
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.seal(tally::text, operation, 'esf.total')
$$;
COMMENT ON FUNCTION attest_internal.seal_tally(attest.esf_tally, uuid) IS 'Seals the total of an operation under a key of its own.';

CREATE FUNCTION attest_internal.count_participation(operation uuid, participation uuid, version int, counted text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  WITH count AS (
    INSERT INTO attest_data.participation_count (tenant_id, operation_id, participation_id, version, counted)
    VALUES (attest_internal.required_tenant(), operation, participation, count_participation.version,
      attest.seal(count_participation.counted, operation, 'esf.count'))
    RETURNING counted
  )
  INSERT INTO attest_data.operation_pending (tenant_id, operation_id, participation_id, version, added, removed)
  SELECT attest_internal.required_tenant(), operation, participation, count_participation.version, n.counted,
    (SELECT b.counted FROM attest_data.participation_count b WHERE b.tenant_id = attest.current_tenant() AND b.operation_id = operation
      AND b.participation_id = participation AND b.version = count_participation.version - 1)
  FROM count n
$$;
COMMENT ON FUNCTION attest_internal.count_participation(uuid, uuid, int, text) IS
'Records what a version of a participation counts for; it is pending until the running total holds it. Writers of an operation do not wait for each other.';

CREATE FUNCTION attest_internal.esf_total(operation uuid) RETURNS attest.esf_tally
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.unseal(t.total, t.operation_id, 'esf.total')::attest.esf_tally
    OPERATOR(attest.+) n.added OPERATOR(attest.-) n.removed
  FROM attest_data.operation_total t
  JOIN attest_data.operation o ON o.tenant_id = t.tenant_id AND o.operation_id = t.operation_id
  CROSS JOIN LATERAL (
    SELECT attest.merge_esf_tally(attest_internal.tally_of_count(o.framework, attest.unseal(p.added, p.operation_id, 'esf.count'))) AS added,
      attest.merge_esf_tally(attest_internal.tally_of_count(o.framework, attest.unseal(p.removed, p.operation_id, 'esf.count'))) AS removed
    FROM attest_data.operation_pending p
    WHERE p.tenant_id = t.tenant_id AND p.operation_id = t.operation_id
  ) n
  WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation
$$;
COMMENT ON FUNCTION attest_internal.esf_total(uuid) IS
'The tally of an operation as recorded so far: its running total and what is pending.';

CREATE FUNCTION attest_internal.esf_totals_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operation uuid;
  added bigint := 0;
  taken bigint;
BEGIN
  FOR operation IN
    SELECT t.operation_id FROM attest_data.operation_total t
    WHERE t.tenant_id = attest_internal.required_tenant() AND EXISTS (SELECT FROM attest_data.operation_pending p
      WHERE p.tenant_id = t.tenant_id AND p.operation_id = t.operation_id)
    ORDER BY t.operation_id
  LOOP
    -- One at a time for each operation; what others record meanwhile stays pending.
    PERFORM FROM attest_data.operation_total t
    WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation FOR UPDATE;
    taken := attest_internal.fold_total(operation);
    added := added + taken;
  END LOOP;
  RETURN added;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_totals_job() IS
'Adds what is pending to the running totals of the operations of the entered tenant; returns how many versions.';

CREATE FUNCTION attest_internal.fold_total(operation uuid) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  -- One statement: what it deletes is what it counts, by the same snapshot.
  WITH taken AS (
    DELETE FROM attest_data.operation_pending p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.operation_id = operation
    RETURNING 1
  ), kept AS (
    UPDATE attest_data.operation_total t SET total = attest_internal.seal_tally(attest_internal.esf_total(operation), operation)
    WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation
  )
  SELECT count(*) FROM taken
$$;
COMMENT ON FUNCTION attest_internal.fold_total(uuid) IS
'Adds what is pending to the running total of an operation whose total the caller has locked.';

CREATE FUNCTION attest_internal.tally_of_count(framework text, counted text) RETURNS attest.esf_tally
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE counted WHEN 'void' THEN 'none'
    ELSE attest.esf_tally_of(framework, nullif(left(counted, 1), '-'), substr(counted, 2)::bigint) END
$$;
COMMENT ON FUNCTION attest_internal.tally_of_count(text, text) IS
'The tally of a line of participation_count: gender (- when not known) and indicator set, or void for a participation that was joined to another.';

CREATE FUNCTION attest_internal.esf_reseal(subject uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  totals int;
  counts int;
BEGIN
  UPDATE attest_data.operation_total t SET total = attest_internal.reseal(t.total)
  WHERE t.tenant_id = attest_internal.required_tenant() AND t.operation_id = subject;
  GET DIAGNOSTICS totals = ROW_COUNT;
  UPDATE attest_data.participation_count c SET counted = attest_internal.reseal(c.counted)
  WHERE c.tenant_id = attest.current_tenant() AND c.operation_id = subject;
  GET DIAGNOSTICS counts = ROW_COUNT;
  UPDATE attest_data.operation_pending p SET added = attest_internal.reseal(p.added), removed = attest_internal.reseal(p.removed)
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = subject;
  RETURN totals + counts;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_reseal(uuid) IS
'Seals the totals and counts of an operation again under its newest key; nothing for the id of a person. Returns how many totals and counts there are.';

-- esf: participations, one a person and operation, version by version.

CREATE FUNCTION attest_internal.result_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['exit', 'status_exit', 'changes_after_exit', 'new_education', 'qualification', 'yei_completed', 'yei_offer']
    || attest_internal.followup_keys()
$$;
COMMENT ON FUNCTION attest_internal.result_keys() IS 'Keys of facts that tell of the exit and the time after: those of the last stay count.';

CREATE FUNCTION attest_internal.followup_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['status_6m', 'improved_6m', 'reached_6m', 'education_6m', 'self_employed_6m']
$$;
COMMENT ON FUNCTION attest_internal.followup_keys() IS 'Keys of facts that tell of the situation six months after the exit.';

CREATE FUNCTION attest_internal.check_keys(facts jsonb, accepted text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF facts IS NULL OR jsonb_typeof(facts) <> 'object' OR EXISTS (SELECT FROM jsonb_object_keys(facts) k WHERE NOT k = ANY (accepted)) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'keys of the facts', array_to_string(accepted, ', '));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_keys(jsonb, text[]) IS 'Error TA334 unless the facts are an object with no other keys than those.';

CREATE FUNCTION attest_internal.participation_facts(participation uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb
  FROM attest_data.participation p JOIN attest_data.participation_version v USING (tenant_id, participation_id, version)
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation
$$;
COMMENT ON FUNCTION attest_internal.participation_facts(uuid) IS 'What is known of a participation, opened; NULL once the person is erased.';

CREATE FUNCTION attest_internal.lock_participation(participation uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  person uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT p.person_id INTO person FROM attest_data.participation p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'participation', coalesce(participation::text, '-'));
  END IF;
  -- First the person, then what is recorded of them: the order in which erasing locks.
  PERFORM attest_internal.require_person(person);
  PERFORM FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION attest_internal.lock_participation(uuid) IS
'Lets one transaction at a time write a participation, and keeps the person from being erased meanwhile. Errors TA005 by profile, TA105 for no participation that the profile sees, TA307.';

CREATE FUNCTION attest_internal.with_register(facts jsonb, person uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Sex and birth are the register's, so that a record cannot contradict it. The level of
  -- education is that at the first entry: what was recorded stands when the person learns more.
  SELECT jsonb_strip_nulls(jsonb_build_object('isced', p.isced)) || jsonb_strip_nulls(facts)
    || jsonb_strip_nulls(jsonb_build_object('sex', p.gender, 'birth', attest.unseal(p.birth_date, p.person_id, 'person.birth_date')))
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
$$;
COMMENT ON FUNCTION attest_internal.with_register(jsonb, uuid) IS
'Facts with sex and birth of the register, and its level of education where none is given.';

CREATE FUNCTION attest_internal.write_participation(participation uuid, facts jsonb, kind text, reason text DEFAULT NULL, dossier jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.participation;
  funded attest_data.operation;
  whole jsonb;
  indicators bigint;
  entered date;
  left_on date;
BEGIN
  SELECT * INTO held FROM attest_data.participation p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  SELECT * INTO funded FROM attest_data.operation o WHERE o.tenant_id = held.tenant_id AND o.operation_id = held.operation_id;
  whole := attest_internal.with_register(facts, held.person_id);
  -- Raises on values that are not accepted and on dates that contradict each other.
  indicators := attest.esf_indicator_set(funded.framework, whole);
  entered := (whole ->> 'entry')::date;
  left_on := (whole ->> 'exit')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation_version (tenant_id, participation_id, version, person_id, kind, reason, facts, dossier)
  VALUES (held.tenant_id, participation, held.version + 1, held.person_id, write_participation.kind,
    attest.seal(write_participation.reason, held.person_id, 'esf.reason'), attest.seal(whole::text, held.person_id, 'esf.facts'),
    coalesce(attest.seal(jsonb_strip_nulls(write_participation.dossier)::text, held.person_id, 'esf.dossier'),
      (SELECT v.dossier FROM attest_data.participation_version v WHERE v.tenant_id = held.tenant_id
        AND v.participation_id = held.participation_id AND v.version = held.version)));
  PERFORM attest_internal.count_participation(held.operation_id, participation, held.version + 1, coalesce(whole ->> 'sex', '-') || indicators);
  -- The first recording of what is known of an exit is kept: a later correction is no delay.
  UPDATE attest_data.participation p
  SET version = held.version + 1, entered_on = entered, exited_on = left_on,
    exit_recorded_at = CASE WHEN left_on IS NULL THEN NULL WHEN write_participation.kind = 're_entry' THEN clock_timestamp()
      ELSE coalesce(p.exit_recorded_at, clock_timestamp()) END,
    followup_recorded_at = CASE WHEN whole ?| ARRAY['status_6m', 'improved_6m', 'reached_6m']
      THEN CASE WHEN write_participation.kind = 're_entry' THEN clock_timestamp() ELSE coalesce(p.followup_recorded_at, clock_timestamp()) END END,
    corrected_at = CASE WHEN write_participation.kind = 'correction' THEN clock_timestamp() ELSE p.corrected_at END
  WHERE p.tenant_id = held.tenant_id AND p.participation_id = participation;
  PERFORM attest_internal.write_stay(participation, held.person_id, whole, write_participation.kind);
END
$$;
COMMENT ON FUNCTION attest_internal.write_participation(uuid, jsonb, text, text, jsonb) IS
'Adds a version of a participation that the caller has locked, and what it counts for; sex and birth are read from the register again. Nothing of it is ever changed.';

CREATE FUNCTION attest_internal.write_stay(participation uuid, person uuid, facts jsonb, kind text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int := (SELECT max(s.stay) FROM attest_data.participation_stay s
    WHERE s.tenant_id = attest_internal.required_tenant() AND s.participation_id = participation);
BEGIN
  IF kind = 'entry' THEN
    INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
    VALUES (attest.current_tenant(), participation, 1, person, (facts ->> 'entry')::date, (facts ->> 'exit')::date);
  ELSIF kind <> 're_entry' THEN
    UPDATE attest_data.participation_stay s
    SET exited_on = CASE s.stay WHEN last THEN (facts ->> 'exit')::date ELSE s.exited_on END,
      entered_on = CASE s.stay WHEN 1 THEN (facts ->> 'entry')::date ELSE s.entered_on END
    WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = participation AND s.stay IN (1, last);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.write_stay(uuid, uuid, jsonb, text) IS 'Keeps the stays of a participation in step with its facts; a further one is added by the re-entry itself.';

CREATE FUNCTION attest_internal.re_enter(participation uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.participation;
  entered date;
  code text;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  SELECT * INTO held FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
  SELECT o.code INTO code FROM attest_data.operation o WHERE o.tenant_id = held.tenant_id AND o.operation_id = held.operation_id;
  -- Raises where the facts of this stay are not such by themselves.
  PERFORM attest.esf_missing('esf', facts);
  entered := (facts ->> 'entry')::date;
  IF held.exited_on IS NULL OR entered IS NULL OR entered < held.exited_on THEN
    PERFORM attest_internal.fail('already_participates', code, held.entered_on::text);
  END IF;
  PERFORM attest_internal.write_participation(participation,
    (attest_internal.participation_facts(participation) - attest_internal.result_keys())
      || (SELECT coalesce(jsonb_object_agg(r.key, r.value), '{}') FROM jsonb_each(facts) r WHERE r.key = ANY (attest_internal.result_keys())),
    're_entry');
  INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
  SELECT held.tenant_id, participation, max(s.stay) + 1, held.person_id, entered, (facts ->> 'exit')::date
  FROM attest_data.participation_stay s WHERE s.tenant_id = held.tenant_id AND s.participation_id = participation;
END
$$;
COMMENT ON FUNCTION attest_internal.re_enter(uuid, jsonb) IS
'A further stay: the first entry and what was true then stay, exit and results become those of the new stay, or open. Error TA401 while the person has not left, or for an entry before they left. Source: Commission FAQ for 2014-2020, participants who enter several times.';

CREATE FUNCTION attest.record_participation(operation uuid, person uuid, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  entered date;
  found_participation uuid;
  new_participation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(person);
  -- Raises on facts that contradict themselves.
  PERFORM attest.esf_missing(funded.framework, facts);
  entered := (facts ->> 'entry')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation (tenant_id, participation_id, operation_id, person_id, entered_on)
  VALUES (attest.current_tenant(), new_participation, operation, person, entered)
  ON CONFLICT ON CONSTRAINT participation_tenant_id_operation_id_person_id_key DO NOTHING;
  IF FOUND THEN
    PERFORM attest_internal.write_participation(new_participation, facts, 'entry');
    RETURN new_participation;
  END IF;
  SELECT p.participation_id INTO found_participation FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = record_participation.operation AND p.person_id = person;
  PERFORM attest_internal.re_enter(found_participation, facts);
  RETURN found_participation;
END
$$;
COMMENT ON FUNCTION attest.record_participation(uuid, uuid, jsonb) IS
'Records that a person takes part in an operation, and what is known: facts with keys as attest.esf_indicators(). A person has one participation in an operation: entered again after an exit, the first entry stands with what was true then, and exit and results become those of the new stay (Commission FAQ for 2014-2020); error TA401 before that. Sex and birth are those of the register where it has them, so is isced unless given. Whether somebody takes part is only ever recorded, never deduced from a social status. For managers, department referents and counsellors.';

CREATE FUNCTION attest.record_exit(participation uuid, exit date, results jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  PERFORM attest_internal.check_keys(results, attest_internal.result_keys());
  held := attest_internal.participation_facts(participation);
  IF held ? 'exit' THEN
    PERFORM attest_internal.fail('already_left', held ->> 'exit');
  ELSIF exit IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'exit');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || results || jsonb_build_object('exit', record_exit.exit), 'exit');
END
$$;
COMMENT ON FUNCTION attest.record_exit(uuid, date, jsonb) IS
'Records the last day of a participation and the results upon leaving: status_exit, new_education, qualification, yei_completed, yei_offer. When it was first recorded is kept (attest.participations): authorities ask for it within 30 days. Errors TA451 when the exit is known already, 22023 before the entry.';

CREATE FUNCTION attest.record_change_after_exit(participation uuid, changed_on date, status text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  held := attest_internal.participation_facts(participation);
  IF NOT held ? 'exit' THEN
    PERFORM attest_internal.fail('not_left');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || jsonb_build_object('changes_after_exit',
    coalesce(held -> 'changes_after_exit', '[]') || jsonb_build_object('on', changed_on, 'status', status)), 'change');
END
$$;
COMMENT ON FUNCTION attest.record_change_after_exit(uuid, date, text) IS
'Adds a change of status after the exit: unemployed, inactive, employed or job_searching. Changes are only added; of those within 28 days of the exit the last one counts, of one day the one recorded last. Error TA452 before the exit is recorded.';

CREATE FUNCTION attest.record_followup(participation uuid, results jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  PERFORM attest_internal.check_keys(results, attest_internal.followup_keys());
  held := attest_internal.participation_facts(participation);
  IF NOT held ? 'exit' THEN
    PERFORM attest_internal.fail('not_left');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || results, 'followup');
END
$$;
COMMENT ON FUNCTION attest.record_followup(uuid, jsonb) IS
'Records the situation six months after the exit: status_6m, improved_6m, education_6m, self_employed_6m, or reached_6m false when the person could not be reached, which is not the same as not asked. Error TA452 before the exit is recorded.';

CREATE FUNCTION attest.correct_participation(participation uuid, changes jsonb, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    PERFORM attest_internal.fail('bad_value', 'changes', 'an object with the keys to change');
  END IF;
  PERFORM attest_internal.write_participation(participation,
    attest_internal.participation_facts(participation) || changes, 'correction', correct_participation.reason);
END
$$;
COMMENT ON FUNCTION attest.correct_participation(uuid, jsonb, text) IS
'Corrects what is known of a participation: each key of changes replaces the value, null takes it away; sex and birth are read from the register again, also with changes {}. What was known before stays in attest.participation_history, and in reports as of an earlier time.';

CREATE FUNCTION attest.verify_participation(participation uuid, evidence text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.lock_participation(participation);
  IF evidence IS NULL OR NOT evidence = ANY ('{unverified,verified,rejected}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'evidence', 'unverified, verified, rejected');
  END IF;
  INSERT INTO attest_data.participation_evidence (tenant_id, evidence_id, participation_id, person_id, evidence)
  SELECT p.tenant_id, attest.uuid_v7(), p.participation_id, p.person_id, verify_participation.evidence
  FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
  UPDATE attest_data.participation p SET evidence = verify_participation.evidence
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
END
$$;
COMMENT ON FUNCTION attest.verify_participation(uuid, text) IS
'Says whether the pieces of proof of a participation were checked: unverified, verified, rejected. Earlier verdicts stay. attest.esf_report() counts verified ones alone when asked. For managers and department referents.';

CREATE FUNCTION attest_internal.esf_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  UPDATE attest_data.participation_version v SET facts = NULL, dossier = NULL, reason = NULL
  WHERE v.tenant_id = attest_internal.required_tenant() AND v.person_id = person AND v.facts IS NOT NULL;
  SELECT count(*) INTO emptied FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_erase(uuid) IS
'What ESF forgets of a person at erasure: everything known in any version; what the versions counted for stays, sealed for the operation. Returns how many participations there are.';

CREATE FUNCTION attest_internal.esf_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pair record;
  settled int := 0;
BEGIN
  FOR pair IN
    SELECT a.participation_id AS first, b.participation_id AS second, b.operation_id, b.version, b.exited_on,
      a.exited_on IS NULL OR b.exited_on IS NULL AS is_open, b.exited_on > a.exited_on AS second_left_last
    FROM attest_data.participation a
    JOIN attest_data.participation b ON b.tenant_id = a.tenant_id AND b.operation_id = a.operation_id AND b.participation_id <> a.participation_id
    WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id IN (keep, dropped) AND b.person_id IN (keep, dropped)
      AND (a.entered_on, a.person_id <> keep) < (b.entered_on, b.person_id <> keep)
    ORDER BY a.participation_id
  LOOP
    PERFORM attest_internal.write_participation(pair.first,
      (attest_internal.participation_facts(pair.first) - CASE WHEN pair.is_open OR pair.second_left_last THEN attest_internal.result_keys() ELSE '{}' END)
        || CASE WHEN pair.is_open OR NOT pair.second_left_last THEN '{}' ELSE (SELECT jsonb_object_agg(r.key, r.value)
          FROM jsonb_each(attest_internal.participation_facts(pair.second)) r WHERE r.key = ANY (attest_internal.result_keys())) END, 'merge');
    -- The other one counts no more from now on; that it did stays, for reports as of an earlier time.
    PERFORM attest_internal.count_participation(pair.operation_id, pair.second, pair.version + 1, 'void');
    DELETE FROM attest_data.participation_version v WHERE v.tenant_id = attest.current_tenant() AND v.participation_id = pair.second;
    DELETE FROM attest_data.participation_stay s WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = pair.second;
    DELETE FROM attest_data.participation_evidence e WHERE e.tenant_id = attest.current_tenant() AND e.participation_id = pair.second;
    DELETE FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = pair.second;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_merge(uuid, uuid) IS
'What ESF settles before two people become one: of two participations in one operation the first entry stands, with its facts, and the last exit with its results, or none while either is open. Returns how many were joined.';

-- esf: reports, checks and published tables.

CREATE FUNCTION attest_internal.esf_operations(operation_code text) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[];
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo,analyst,department_referent,counsellor');
  SELECT array_agg(o.operation_id ORDER BY o.operation_id) INTO operations FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND operation_code IN (o.code, o.programme);
  IF operations IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation_code, '-'));
  END IF;
  RETURN operations;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_operations(text) IS 'The operation with a code, or those of the programme with it. Errors TA005 by profile, TA105 for no such code.';

CREATE FUNCTION attest_internal.esf_tally_past(operations uuid[], as_of timestamptz, verified_only boolean) RETURNS attest.esf_tally
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.tally_esf(l.framework, nullif(left(l.counted, 1), '-'), nullif(substr(l.counted, 2), 'oid')::bigint)
  FROM (
    SELECT o.framework, attest.unseal(c.counted, c.operation_id, 'esf.count') AS counted
    FROM (
      SELECT DISTINCT ON (n.operation_id, n.participation_id) n.operation_id, n.participation_id, n.counted
      FROM attest_data.participation_count n
      WHERE n.tenant_id = attest.current_tenant() AND n.operation_id = ANY (operations) AND n.recorded_at <= as_of
      ORDER BY n.operation_id, n.participation_id, n.version DESC
    ) c
    JOIN attest_data.operation o ON o.tenant_id = attest.current_tenant() AND o.operation_id = c.operation_id
    WHERE NOT verified_only OR 'verified' = (
      SELECT e.evidence FROM attest_data.participation_evidence e
      WHERE e.tenant_id = attest.current_tenant() AND e.participation_id = c.participation_id AND e.recorded_at <= as_of
      ORDER BY e.recorded_at DESC, e.evidence_id DESC LIMIT 1)
    OFFSET 0
  ) l
$$;
COMMENT ON FUNCTION attest_internal.esf_tally_past(uuid[], timestamptz, boolean) IS
'The tally of operations as known at a time: from the last version that each participation had then.';

CREATE FUNCTION attest.esf_tally_at(operation_code text, as_of timestamptz DEFAULT NULL, verified_only boolean DEFAULT false) RETURNS attest.esf_tally
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
  nothing attest.esf_tally := (SELECT o.framework FROM attest_data.operation o
    WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = operations[1]);
BEGIN
  IF verified_only THEN
    -- Verdicts belong to people: a profile that sees some of them would count those only.
    PERFORM attest_internal.require_profile('manager,hr_manager,dpo,analyst');
  ELSIF as_of IS NULL THEN
    RETURN (SELECT attest.merge_esf_tally(attest_internal.esf_total(o)) FROM unnest(operations) o);
  END IF;
  RETURN nothing OPERATOR(attest.+) attest_internal.esf_tally_past(operations, coalesce(as_of, 'infinity'), coalesce(verified_only, false));
END
$$;
COMMENT ON FUNCTION attest.esf_tally_at(text, timestamptz, boolean) IS
'The tally of an operation or of all operations of a programme, by code: of now from running totals, or as it was known at a time, whatever was recorded or corrected since; of verified participations only when asked (not for referents and counsellors). Errors TA005 by profile, TA105 for no such code.';

CREATE FUNCTION attest_internal.esf_entities(operations uuid[], as_of timestamptz, OUT code text, OUT entities bigint) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.code, sum(l.entities)::bigint FROM (
    SELECT DISTINCT ON (e.operation_id, e.code) e.code, e.entities FROM attest_data.operation_entity e
    WHERE e.tenant_id = attest.current_tenant() AND e.operation_id = ANY (operations) AND e.recorded_at <= coalesce(as_of, 'infinity')
    ORDER BY e.operation_id, e.code, e.recorded_at DESC, e.entry_id DESC
  ) l GROUP BY l.code
$$;
COMMENT ON FUNCTION attest_internal.esf_entities(uuid[], timestamptz) IS 'Numbers of entities of operations, by code, as known at a time.';

CREATE FUNCTION attest.esf_report(
  operation_code text, as_of timestamptz DEFAULT NULL, verified_only boolean DEFAULT false,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.code, r.title, r.women, r.men, r.non_binary, coalesce(r.total, e.entities, 0), r.incomplete
  FROM attest.esf_rows(attest.esf_tally_at(operation_code, as_of, verified_only)) r
  LEFT JOIN attest_internal.esf_entities(attest_internal.esf_operations(operation_code), as_of) e ON e.code = r.code
  ORDER BY r.code
$$;
COMMENT ON FUNCTION attest.esf_report(text, timestamptz, boolean) IS
'Every common indicator of an operation, or of all operations of a programme, by gender. as_of: as it was known at that time, whatever was recorded or corrected since (null: now, from running totals). Only complete records count; incomplete is how many are not, the same on each row: the grand total of participants is total of EECO01 (CO01 + CO03 + CO05 in esf) plus incomplete. People erased since still count. Indicators of entities have no gender; theirs are of attest.record_entities(). Participations are counted, so who takes part in two operations counts twice in their programme. For managers, HR managers, the DPO, analysts, department referents and counsellors.';

CREATE FUNCTION attest.esf_report(
  operation_code text, as_of date, verified_only boolean DEFAULT false,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.* FROM attest_data.tenant t,
    attest.esf_report(operation_code, ((as_of + 1)::timestamp AT TIME ZONE t.time_zone) - interval '1 microsecond', verified_only) r
  WHERE t.id = attest_internal.required_tenant()
$$;
COMMENT ON FUNCTION attest.esf_report(text, date, boolean) IS
'As attest.esf_report(text, timestamptz): what was known at the end of a day in the time zone of the tenant.';

CREATE FUNCTION attest.esf_programme_report(
  programme text, as_of timestamptz DEFAULT NULL, OUT priority text, OUT specific_objective text, OUT region_category text,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT g.priority, g.specific_objective, g.region_category, r.code, r.title, r.women, r.men, r.non_binary,
    coalesce(r.total, e.entities, 0), r.incomplete
  FROM attest_internal.esf_groups(programme, as_of) g
  CROSS JOIN LATERAL attest.esf_rows(g.tally) r
  LEFT JOIN LATERAL attest_internal.esf_entities(g.operations, as_of) e ON e.code = r.code
  ORDER BY 1, 2, 3, 4
$$;
COMMENT ON FUNCTION attest.esf_programme_report(text, timestamptz) IS
'The report of a programme as the Commission asks for it: by priority, specific objective, category of region and gender (SFC2021, tables 6 and 10).';

CREATE FUNCTION attest_internal.esf_groups(
  operation_code text, as_of timestamptz, OUT priority text, OUT specific_objective text, OUT region_category text,
  OUT operations uuid[], OUT tally attest.esf_tally
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.priority, o.specific_objective, o.region_category, array_agg(o.operation_id),
    attest.merge_esf_tally(attest.esf_tally_at(o.code, as_of))
  FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = ANY (attest_internal.esf_operations(operation_code))
  GROUP BY o.priority, o.specific_objective, o.region_category
$$;
COMMENT ON FUNCTION attest_internal.esf_groups(text, timestamptz) IS
'Operations by priority, specific objective and category of region, with their tallies.';

CREATE FUNCTION attest.esf_published(
  operation_code text, as_of timestamptz DEFAULT NULL, threshold int DEFAULT 5,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF threshold IS NULL OR threshold < 2 THEN
    PERFORM attest_internal.fail('bad_value', 'threshold', 'a number from 2 on');
  END IF;
  RETURN QUERY
  SELECT r.code, r.title, r.women, r.men, r.non_binary, CASE WHEN e.code IS NULL THEN r.total ELSE e.entities END, r.incomplete
  FROM attest_internal.esf_suppressed_rows(attest.esf_tally_at(operation_code, as_of), threshold) r
  LEFT JOIN attest_internal.esf_entities(attest_internal.esf_operations(operation_code), as_of) e ON e.code = r.code
  ORDER BY r.code;
END
$$;
COMMENT ON FUNCTION attest.esf_published(text, timestamptz, int) IS
'As attest.esf_report(), to be published: counts of people from 1 to threshold - 1 are null, and with them as many others as it takes that nobody finds them by subtraction within the table; zeros stay. Publish one table of an operation, not two of times close to each other: their difference is not protected.';

CREATE FUNCTION attest.recount_esf(
  operation_code text, OUT operation text, OUT running attest.esf_tally, OUT recounted attest.esf_tally, OUT ok boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  RETURN QUERY
  SELECT o.code, t.running, o.framework::attest.esf_tally OPERATOR(attest.+) n.recounted,
    t.running OPERATOR(attest.=) (o.framework::attest.esf_tally OPERATOR(attest.+) n.recounted)
  FROM attest_data.operation o
  CROSS JOIN LATERAL (SELECT attest_internal.esf_total(o.operation_id) AS running) t
  CROSS JOIN LATERAL (
    SELECT attest.merge_esf_tally(CASE WHEN v.facts IS NULL
        THEN attest_internal.tally_of_count(o.framework, attest.unseal(c.counted, c.operation_id, 'esf.count'))
        ELSE attest_internal.tally_of_facts(o.framework, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb) END) AS recounted
    FROM (
      SELECT DISTINCT ON (k.participation_id) k.operation_id, k.participation_id, k.version, k.counted
      FROM attest_data.participation_count k WHERE k.tenant_id = o.tenant_id AND k.operation_id = o.operation_id
      ORDER BY k.participation_id, k.version DESC
    ) c
    LEFT JOIN attest_data.participation_version v ON v.tenant_id = o.tenant_id AND v.participation_id = c.participation_id AND v.version = c.version
  ) n
  WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = ANY (attest_internal.esf_operations(operation_code));
END
$$;
COMMENT ON FUNCTION attest.recount_esf(text) IS
'Counts the participations of an operation or programme again from what is known of each, opened one by one, and says whether the running total is the same. People who were erased count for what they counted for. For managers and the DPO.';

CREATE FUNCTION attest_internal.tally_of_facts(framework text, facts jsonb) RETURNS attest.esf_tally
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.esf_tally_of(framework, facts ->> 'sex', attest.esf_indicator_set(framework, facts))
$$;
COMMENT ON FUNCTION attest_internal.tally_of_facts(text, jsonb) IS 'The tally of one participation.';

INSERT INTO attest_internal.setup_step VALUES (1, 'tenant', 1, 'table', $step$
CREATE TABLE attest_data.tenant (
  id int PRIMARY KEY,
  code text NOT NULL UNIQUE,
  name text NOT NULL,
  kind text NOT NULL,
  time_zone text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (2, 'tenant', 2, 'table', $step$
COMMENT ON TABLE attest_data.tenant IS 'The tenants: a lookup table, of which each tenant sees its own row.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (3, 'tenant', 3, 'table', $step$
ALTER TABLE attest_data.tenant ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (4, 'tenant', 4, 'table', $step$
ALTER TABLE attest_data.tenant FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (5, 'tenant', 5, 'table', $step$
CREATE POLICY own_tenant ON attest_data.tenant FOR SELECT USING (id = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (6, 'tenant', 6, 'table', $step$
CREATE POLICY every_tenant ON attest_data.tenant TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (7, 'tenant', 7, 'table', $step$
CREATE TABLE attest_data.account (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  identifier text NOT NULL,
  profile text NOT NULL,
  person_id uuid,
  valid_from date NOT NULL,
  valid_until date,
  revoked_at timestamptz,
  tickets_after timestamptz,
  change_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  UNIQUE (tenant_id, identifier)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (8, 'tenant', 8, 'table', $step$
COMMENT ON TABLE attest_data.account IS 'Accounts: who may get a ticket, with which profile, and when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (9, 'tenant', 9, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.account FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (10, 'tenant', 10, 'table', $step$
CREATE TABLE attest_data.account_secret (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  salt bytea NOT NULL,
  cost int NOT NULL,
  hash bytea NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES attest_data.account (tenant_id, account_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (11, 'tenant', 11, 'table', $step$
COMMENT ON TABLE attest_data.account_secret IS 'Secrets of accounts, as scrypt hashes.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (12, 'tenant', 12, 'table', $step$
CREATE TABLE attest_data.account_compromise (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  since timestamptz NOT NULL,
  declared_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES attest_data.account (tenant_id, account_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (13, 'tenant', 13, 'table', $step$
COMMENT ON TABLE attest_data.account_compromise IS 'Accounts that were in other hands, and since when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (14, 'tenant', 14, 'table', $step$
CREATE TABLE attest_data.identity_provider (
  issuer text NOT NULL,
  audience text NOT NULL,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  account_claim text NOT NULL,
  clock_skew interval NOT NULL,
  PRIMARY KEY (issuer, audience)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (15, 'tenant', 15, 'table', $step$
COMMENT ON TABLE attest_data.identity_provider IS 'Whose tokens sign on to which tenant: a lookup table, of which each tenant sees its own rows.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (16, 'tenant', 16, 'table', $step$
ALTER TABLE attest_data.identity_provider ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (17, 'tenant', 17, 'table', $step$
ALTER TABLE attest_data.identity_provider FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (18, 'tenant', 18, 'table', $step$
CREATE POLICY own_tenant ON attest_data.identity_provider FOR SELECT USING (tenant = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (19, 'tenant', 19, 'table', $step$
CREATE POLICY every_tenant ON attest_data.identity_provider TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (20, 'tenant', 20, 'table', $step$
CREATE TABLE attest_data.identity_key (
  issuer text NOT NULL,
  audience text NOT NULL,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  kid text NOT NULL,
  alg text NOT NULL,
  first bytea NOT NULL,
  second bytea NOT NULL,
  imported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (issuer, audience, kid),
  FOREIGN KEY (issuer, audience) REFERENCES attest_data.identity_provider (issuer, audience)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (21, 'tenant', 21, 'table', $step$
COMMENT ON TABLE attest_data.identity_key IS 'Keys that verify their tokens, as the decoded members of a JWK.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (22, 'tenant', 22, 'table', $step$
ALTER TABLE attest_data.identity_key ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (23, 'tenant', 23, 'table', $step$
ALTER TABLE attest_data.identity_key FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (24, 'tenant', 24, 'table', $step$
CREATE POLICY own_tenant ON attest_data.identity_key FOR SELECT USING (tenant = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (25, 'tenant', 25, 'table', $step$
CREATE POLICY every_tenant ON attest_data.identity_key TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (26, 'tenant', 26, 'table', $step$
CREATE TABLE attest_data.role_tenant (
  role_name name PRIMARY KEY,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (27, 'tenant', 27, 'table', $step$
COMMENT ON TABLE attest_data.role_tenant IS 'Login roles that stand for a tenant when no ticket is set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (28, 'tenant', 28, 'table', $step$
ALTER TABLE attest_data.role_tenant ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (29, 'tenant', 29, 'table', $step$
ALTER TABLE attest_data.role_tenant FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (30, 'tenant', 30, 'table', $step$
CREATE POLICY own_tenant ON attest_data.role_tenant FOR SELECT USING (tenant = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (31, 'tenant', 31, 'table', $step$
CREATE POLICY every_tenant ON attest_data.role_tenant TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (32, 'worker', 1, 'table', $step$
CREATE TABLE attest_data.job (
  name text PRIMARY KEY,
  function text NOT NULL,
  every interval NOT NULL CHECK (every > interval '0'),
  next_run timestamptz NOT NULL DEFAULT now() + interval '1 hour',
  description text NOT NULL
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (33, 'worker', 2, 'table', $step$
COMMENT ON TABLE attest_data.job IS 'Background jobs, registered by the rooms.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (34, 'worker', 3, 'table', $step$
CREATE TABLE attest_data.job_run (
  run_id uuid PRIMARY KEY,
  job text NOT NULL REFERENCES attest_data.job (name),
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text NOT NULL CHECK (outcome IN ('running', 'done', 'failed')),
  done bigint,
  sqlstate text,
  message text
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (35, 'worker', 4, 'table', $step$
COMMENT ON TABLE attest_data.job_run IS 'Runs of the jobs; the row is written before the work starts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (36, 'worker', 5, 'table', $step$
CREATE INDEX job_run_job_started_at_idx ON attest_data.job_run (job, started_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (37, 'vault', 1, 'table', $step$
CREATE TABLE attest_data.tenant_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  generation int NOT NULL CHECK (generation > 0),
  kek_epoch int NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, generation)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (38, 'vault', 2, 'table', $step$
COMMENT ON TABLE attest_data.tenant_key IS 'Keys of the tenants, wrapped under a key of the keyring.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (39, 'vault', 3, 'table', $step$
CREATE TABLE attest_data.subject_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  subject_id uuid NOT NULL,
  generation int NOT NULL CHECK (generation > 0),
  tenant_generation int NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, subject_id, generation),
  FOREIGN KEY (tenant_id, tenant_generation) REFERENCES attest_data.tenant_key (tenant_id, generation)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (40, 'vault', 4, 'table', $step$
COMMENT ON TABLE attest_data.subject_key IS 'Keys of the persons, wrapped under the key of their tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (41, 'vault', 5, 'table', $step$
CREATE TABLE attest_data.erased_subject (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  subject_id uuid NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now(),
  reason text NOT NULL,
  PRIMARY KEY (tenant_id, subject_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (42, 'vault', 6, 'table', $step$
COMMENT ON TABLE attest_data.erased_subject IS 'Tombstones: persons whose keys were destroyed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (43, 'person', 1, 'table', $step$
CREATE TABLE attest_data.person (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  person_id uuid NOT NULL,
  reference text,
  profiles text[] NOT NULL,
  last_name attest.sealed,
  first_name attest.sealed,
  gender text NOT NULL CHECK (gender IN ('F', 'M', 'N')),
  birth_date attest.sealed,
  birth_year int,
  birth_place attest.sealed,
  email attest.sealed,
  phone attest.sealed,
  address attest.sealed,
  postcode text,
  commune text,
  nir attest.sealed,
  employer_siret attest.siret,
  isced smallint CHECK (isced BETWEEN 0 AND 8),
  disability attest.sealed,
  parents_birth_place attest.sealed,
  last_activity date,
  created_at timestamptz NOT NULL DEFAULT now(),
  anonymised_at timestamptz,
  PRIMARY KEY (tenant_id, person_id),
  UNIQUE (tenant_id, reference)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (44, 'person', 2, 'table', $step$
COMMENT ON TABLE attest_data.person IS 'The register of people; what names a person is sealed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (45, 'person', 3, 'table', $step$
CREATE INDEX person_tenant_last_activity_idx ON attest_data.person (tenant_id, last_activity) WHERE anonymised_at IS NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (46, 'person', 4, 'table', $step$
CREATE TABLE attest_data.caseload (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  referent_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, referent_id, person_id, since),
  FOREIGN KEY (tenant_id, referent_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (47, 'person', 5, 'table', $step$
COMMENT ON TABLE attest_data.caseload IS 'Which referent or counsellor follows whom, and when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (48, 'person', 6, 'table', $step$
CREATE INDEX caseload_tenant_person_idx ON attest_data.caseload (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (49, 'person', 7, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.caseload FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (50, 'person', 8, 'table', $step$
CREATE TABLE attest_data.objection (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  objection_id uuid NOT NULL,
  person_id uuid NOT NULL,
  objected_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (tenant_id, objection_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (51, 'person', 9, 'table', $step$
COMMENT ON TABLE attest_data.objection IS 'Objections of people to counsellors seeing their space.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (52, 'person', 10, 'table', $step$
CREATE INDEX objection_tenant_person_idx ON attest_data.objection (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (53, 'person', 11, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.objection FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (54, 'retention', 1, 'table', $step$
CREATE TABLE attest_data.retention_rule (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  keep interval NOT NULL,
  basis text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, profile)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (55, 'retention', 2, 'table', $step$
COMMENT ON TABLE attest_data.retention_rule IS 'How long people of a profile are kept after their last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (56, 'retention', 3, 'table', $step$
CREATE TABLE attest_data.legal_hold (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  hold_id uuid NOT NULL,
  person_id uuid NOT NULL,
  reason attest.sealed NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  placed_by uuid,
  lifted_at timestamptz,
  lifted_by uuid,
  lift_reason attest.sealed,
  PRIMARY KEY (tenant_id, hold_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (57, 'retention', 4, 'table', $step$
COMMENT ON TABLE attest_data.legal_hold IS 'Holds: people who must not be erased for now.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (58, 'retention', 5, 'table', $step$
CREATE INDEX legal_hold_tenant_person_idx ON attest_data.legal_hold (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (59, 'retention', 6, 'table', $step$
CREATE TABLE attest_data.destruction_certificate (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  certificate_id uuid NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  persons int NOT NULL,
  body jsonb NOT NULL,
  digest bytea NOT NULL,
  PRIMARY KEY (tenant_id, certificate_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (60, 'retention', 7, 'table', $step$
COMMENT ON TABLE attest_data.destruction_certificate IS 'What the retention job did: who (by id), when, on what basis, how.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (61, 'retention', 8, 'table', $step$
SELECT attest_internal.register_job('retention', 'retention_job', '1 day', 'Anonymises people past their retention and leaves a certificate of destruction.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (62, 'attendance', 1, 'table', $step$
CREATE TABLE attest_data.course (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  course_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  nature text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, course_id),
  UNIQUE (tenant_id, code)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (63, 'attendance', 2, 'table', $step$
COMMENT ON TABLE attest_data.course IS 'Courses.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (64, 'attendance', 3, 'table', $step$
CREATE TABLE attest_data.session (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  session_id uuid NOT NULL,
  course_id uuid NOT NULL,
  title text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  place text,
  late_after interval NOT NULL,
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES attest_data.course (tenant_id, course_id),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (65, 'attendance', 4, 'table', $step$
COMMENT ON TABLE attest_data.session IS 'Sessions of courses, in local days of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (66, 'attendance', 5, 'table', $step$
CREATE INDEX session_tenant_course_idx ON attest_data.session (tenant_id, course_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (67, 'attendance', 6, 'table', $step$
CREATE TABLE attest_data.slot (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  session_id uuid NOT NULL,
  day date NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  modality text NOT NULL,
  PRIMARY KEY (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  CHECK (ends_at > starts_at)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (68, 'attendance', 7, 'table', $step$
COMMENT ON TABLE attest_data.slot IS 'Slots of sessions, half-days as a rule; day is the local day of the start.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (69, 'attendance', 8, 'table', $step$
CREATE INDEX slot_tenant_session_idx ON attest_data.slot (tenant_id, session_id, starts_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (70, 'attendance', 9, 'table', $step$
CREATE TABLE attest_data.slot_trainer (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, trainer_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, trainer_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (71, 'attendance', 10, 'table', $step$
COMMENT ON TABLE attest_data.slot_trainer IS 'Trainers of slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (72, 'attendance', 11, 'table', $step$
CREATE TABLE attest_data.enrolment (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  CHECK (until >= since)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (73, 'attendance', 12, 'table', $step$
COMMENT ON TABLE attest_data.enrolment IS 'Periods, in local days, within which a person belongs to a session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (74, 'attendance', 13, 'table', $step$
CREATE INDEX enrolment_tenant_session_person_idx ON attest_data.enrolment (tenant_id, session_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (75, 'attendance', 14, 'table', $step$
CREATE INDEX enrolment_tenant_person_idx ON attest_data.enrolment (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (76, 'attendance', 15, 'table', $step$
CREATE TABLE attest_data.slot_signature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  signature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('learner', 'trainer')),
  kind text NOT NULL,
  signature attest.sealed,
  digest bytea NOT NULL,
  reasons text[] NOT NULL,
  claimed_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, signature_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (77, 'attendance', 16, 'table', $step$
COMMENT ON TABLE attest_data.slot_signature IS 'Captured signatures, sealed under the key of the signer; NULL once the signer is erased, when the digest stays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (78, 'attendance', 17, 'table', $step$
CREATE INDEX slot_signature_tenant_person_idx ON attest_data.slot_signature (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (79, 'attendance', 18, 'table', $step$
CREATE TABLE attest_data.presence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  presence_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  status text NOT NULL,
  method text NOT NULL CHECK (method IN ('signature', 'entry', 'countersignature')),
  minutes_attended int NOT NULL CHECK (minutes_attended >= 0),
  claimed_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  client_id uuid,
  signature_id uuid,
  flags text[] NOT NULL DEFAULT '{}',
  reason attest.sealed,
  PRIMARY KEY (tenant_id, presence_id),
  UNIQUE (tenant_id, client_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (80, 'attendance', 19, 'table', $step$
COMMENT ON TABLE attest_data.presence IS 'Events of presence: append-only; the last one of a person on a slot counts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (81, 'attendance', 20, 'table', $step$
CREATE INDEX presence_tenant_slot_person_idx ON attest_data.presence (tenant_id, slot_id, person_id, recorded_at, presence_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (82, 'attendance', 21, 'table', $step$
CREATE INDEX presence_tenant_person_idx ON attest_data.presence (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (83, 'attendance', 22, 'table', $step$
CREATE UNIQUE INDEX presence_one_signature_idx ON attest_data.presence (tenant_id, slot_id, person_id) WHERE method = 'signature'
$step$);

INSERT INTO attest_internal.setup_step VALUES (84, 'attendance', 23, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.presence FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (85, 'attendance', 24, 'table', $step$
CREATE TABLE attest_data.countersignature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  countersignature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  signature_id uuid NOT NULL,
  list_digest bytea NOT NULL,
  countersigned_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, countersignature_id),
  UNIQUE (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (86, 'attendance', 25, 'table', $step$
COMMENT ON TABLE attest_data.countersignature IS 'Countersignatures of trainers, each bound to the list of events it covers.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (87, 'attendance', 26, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.countersignature FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (88, 'attendance', 27, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.slot_trainer FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (89, 'attendance', 28, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.enrolment FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (90, 'esf', 1, 'table', $step$
CREATE TABLE attest_data.operation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  framework text NOT NULL CHECK (framework IN ('esf+', 'esf')),
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  programme text,
  priority text,
  specific_objective text,
  region_category text CHECK (region_category IN ('less_developed', 'transition', 'more_developed', 'outermost')),
  PRIMARY KEY (tenant_id, operation_id),
  UNIQUE (tenant_id, code),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (91, 'esf', 2, 'table', $step$
COMMENT ON TABLE attest_data.operation IS 'Operations funded by the European Social Fund.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (92, 'esf', 3, 'table', $step$
CREATE INDEX operation_tenant_programme_idx ON attest_data.operation (tenant_id, programme)
$step$);

INSERT INTO attest_internal.setup_step VALUES (93, 'esf', 4, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.operation FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (94, 'esf', 5, 'table', $step$
CREATE TABLE attest_data.participation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  version int NOT NULL DEFAULT 0,
  entered_on date NOT NULL,
  exited_on date,
  evidence text NOT NULL DEFAULT 'unverified' CHECK (evidence IN ('unverified', 'verified', 'rejected')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  exit_recorded_at timestamptz,
  followup_recorded_at timestamptz,
  corrected_at timestamptz,
  PRIMARY KEY (tenant_id, participation_id),
  UNIQUE (tenant_id, operation_id, person_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  CHECK (exited_on >= entered_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (95, 'esf', 6, 'table', $step$
COMMENT ON TABLE attest_data.participation IS 'Participations: one a person and operation. What the indicators follow from is in the versions, sealed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (96, 'esf', 7, 'table', $step$
CREATE INDEX participation_tenant_person_idx ON attest_data.participation (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (97, 'esf', 8, 'table', $step$
CREATE TABLE attest_data.participation_version (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  version int NOT NULL CHECK (version > 0),
  person_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('entry', 're_entry', 'exit', 'change', 'followup', 'correction', 'import', 'merge')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  reason attest.sealed,
  facts attest.sealed,
  dossier attest.sealed,
  PRIMARY KEY (tenant_id, participation_id, version),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (98, 'esf', 9, 'table', $step$
COMMENT ON TABLE attest_data.participation_version IS 'What was known of a participation after each write, sealed for the person; emptied when the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (99, 'esf', 10, 'table', $step$
CREATE INDEX participation_version_tenant_person_idx ON attest_data.participation_version (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (100, 'esf', 11, 'table', $step$
CREATE TABLE attest_data.participation_stay (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  stay int NOT NULL CHECK (stay > 0),
  person_id uuid NOT NULL,
  entered_on date NOT NULL,
  exited_on date CHECK (exited_on >= entered_on),
  PRIMARY KEY (tenant_id, participation_id, stay),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (101, 'esf', 12, 'table', $step$
COMMENT ON TABLE attest_data.participation_stay IS 'From when to when a person was in the operation, each time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (102, 'esf', 13, 'table', $step$
CREATE INDEX participation_stay_tenant_person_idx ON attest_data.participation_stay (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (103, 'esf', 14, 'table', $step$
CREATE TABLE attest_data.participation_evidence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  evidence_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  evidence text NOT NULL CHECK (evidence IN ('unverified', 'verified', 'rejected')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, evidence_id),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (104, 'esf', 15, 'table', $step$
COMMENT ON TABLE attest_data.participation_evidence IS 'Verdicts on the pieces of proof of a participation, one after the other.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (105, 'esf', 16, 'table', $step$
CREATE INDEX participation_evidence_tenant_participation_idx ON attest_data.participation_evidence (tenant_id, participation_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (106, 'esf', 17, 'table', $step$
CREATE INDEX participation_evidence_tenant_person_idx ON attest_data.participation_evidence (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (107, 'esf', 18, 'table', $step$
CREATE TABLE attest_data.participation_count (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  version int NOT NULL CHECK (version > 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  counted attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, operation_id, participation_id, version),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (108, 'esf', 19, 'table', $step$
COMMENT ON TABLE attest_data.participation_count IS 'What each version of a participation counted for: gender and indicators, sealed for the operation. It stays when the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (109, 'esf', 20, 'table', $step$
CREATE TABLE attest_data.operation_pending (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  version int NOT NULL,
  added attest.sealed NOT NULL,
  removed attest.sealed,
  PRIMARY KEY (tenant_id, operation_id, participation_id, version),
  FOREIGN KEY (tenant_id, operation_id, participation_id, version)
    REFERENCES attest_data.participation_count (tenant_id, operation_id, participation_id, version)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (110, 'esf', 21, 'table', $step$
COMMENT ON TABLE attest_data.operation_pending IS 'Versions that the running total of their operation does not hold yet: what each counts for, and what the one before did.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (111, 'esf', 22, 'table', $step$
CREATE TABLE attest_data.operation_total (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  total attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (112, 'esf', 23, 'table', $step$
COMMENT ON TABLE attest_data.operation_total IS 'Running totals of the operations: tallies, sealed for the operation, without what is pending.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (113, 'esf', 24, 'table', $step$
CREATE TABLE attest_data.operation_entity (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  entry_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  code text NOT NULL,
  entities bigint NOT NULL CHECK (entities >= 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, entry_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (114, 'esf', 25, 'table', $step$
COMMENT ON TABLE attest_data.operation_entity IS 'Numbers of supported services, firms and projects; the last one of a code counts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (115, 'esf', 26, 'table', $step$
CREATE INDEX operation_entity_tenant_operation_idx ON attest_data.operation_entity (tenant_id, operation_id, code, recorded_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (116, 'esf', 27, 'table', $step$
SELECT attest_internal.register_job('esf_totals', 'esf_totals_job', '10 minutes', 'Adds to the running totals of ESF operations what was recorded since, so that reports stay fast. They are exact without it.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (117, 'tenant', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.tenants WITH (security_invoker = true) AS
SELECT id, code, name, kind, time_zone, created_at FROM attest_data.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (118, 'tenant', 2, 'view', $step$
COMMENT ON VIEW attest.tenants IS 'The tenants: all for an operator, the entered one for everybody else.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (119, 'tenant', 3, 'view', $step$
COMMENT ON COLUMN attest.tenants.id IS 'Number of the tenant, the tenant_id of its rows.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (120, 'tenant', 4, 'view', $step$
COMMENT ON COLUMN attest.tenants.code IS 'Short name used in calls.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (121, 'tenant', 5, 'view', $step$
COMMENT ON COLUMN attest.tenants.name IS 'Name of the organisation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (122, 'tenant', 6, 'view', $step$
COMMENT ON COLUMN attest.tenants.kind IS 'departement, training_organisation, guidance_centre, certifier or company.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (123, 'tenant', 7, 'view', $step$
COMMENT ON COLUMN attest.tenants.time_zone IS 'Time zone of the local days of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (124, 'tenant', 8, 'view', $step$
COMMENT ON COLUMN attest.tenants.created_at IS 'When the tenant was created.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (125, 'tenant', 9, 'view', $step$
GRANT SELECT ON attest_data.tenant, attest.tenants TO attest_operator, attest_app, attest_analyst, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (126, 'tenant', 10, 'view', $step$
CREATE OR REPLACE VIEW attest.identity_providers WITH (security_invoker = true) AS
SELECT t.code AS tenant, p.issuer, p.audience, p.account_claim, p.clock_skew, k.kid, k.alg, k.imported_at
FROM attest_data.identity_provider p JOIN attest_data.tenant t ON t.id = p.tenant
LEFT JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience
$step$);

INSERT INTO attest_internal.setup_step VALUES (127, 'tenant', 11, 'view', $step$
COMMENT ON VIEW attest.identity_providers IS 'Identity providers and their keys, a row a key.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (128, 'tenant', 12, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.tenant IS 'Code of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (129, 'tenant', 13, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.issuer IS 'Claim iss of the tokens.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (130, 'tenant', 14, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.audience IS 'Claim aud of the tokens.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (131, 'tenant', 15, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.account_claim IS 'Claim that holds the identifier of the account.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (132, 'tenant', 16, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.clock_skew IS 'By how much the clocks may differ.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (133, 'tenant', 17, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.kid IS 'Id of the key; NULL while no key is imported.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (134, 'tenant', 18, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.alg IS 'The one algorithm the key serves.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (135, 'tenant', 19, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.imported_at IS 'When the key was imported.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (136, 'tenant', 20, 'view', $step$
CREATE OR REPLACE VIEW attest.tenant_roles WITH (security_invoker = true) AS
SELECT r.role_name, t.code AS tenant, r.profile, r.granted_at
FROM attest_data.role_tenant r JOIN attest_data.tenant t ON t.id = r.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (137, 'tenant', 21, 'view', $step$
COMMENT ON VIEW attest.tenant_roles IS 'Login roles that stand for a tenant when no ticket is set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (138, 'tenant', 22, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.role_name IS 'Login role.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (139, 'tenant', 23, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.tenant IS 'Code of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (140, 'tenant', 24, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.profile IS 'Profile it has there.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (141, 'tenant', 25, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.granted_at IS 'Since when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (142, 'tenant', 26, 'view', $step$
GRANT SELECT ON attest_data.identity_provider, attest_data.role_tenant, attest.identity_providers, attest.tenant_roles TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (143, 'tenant', 27, 'view', $step$
GRANT SELECT (issuer, audience, kid, alg, imported_at) ON attest_data.identity_key TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (144, 'worker', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.jobs WITH (security_invoker = true) AS
SELECT name, every, next_run, description FROM attest_data.job
$step$);

INSERT INTO attest_internal.setup_step VALUES (145, 'worker', 2, 'view', $step$
COMMENT ON VIEW attest.jobs IS 'Background jobs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (146, 'worker', 3, 'view', $step$
COMMENT ON COLUMN attest.jobs.name IS 'Name, for attest.run_job().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (147, 'worker', 4, 'view', $step$
COMMENT ON COLUMN attest.jobs.every IS 'Time between two runs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (148, 'worker', 5, 'view', $step$
COMMENT ON COLUMN attest.jobs.next_run IS 'When it is due next.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (149, 'worker', 6, 'view', $step$
COMMENT ON COLUMN attest.jobs.description IS 'What it does.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (150, 'worker', 7, 'view', $step$
CREATE OR REPLACE VIEW attest.job_runs WITH (security_invoker = true) AS
SELECT run_id, job, started_at, ended_at, outcome, done, sqlstate, message FROM attest_data.job_run
$step$);

INSERT INTO attest_internal.setup_step VALUES (151, 'worker', 8, 'view', $step$
COMMENT ON VIEW attest.job_runs IS 'Runs of the background jobs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (152, 'worker', 9, 'view', $step$
COMMENT ON COLUMN attest.job_runs.run_id IS 'Id of the run.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (153, 'worker', 10, 'view', $step$
COMMENT ON COLUMN attest.job_runs.job IS 'Name of the job.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (154, 'worker', 11, 'view', $step$
COMMENT ON COLUMN attest.job_runs.started_at IS 'Start.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (155, 'worker', 12, 'view', $step$
COMMENT ON COLUMN attest.job_runs.ended_at IS 'End; NULL while it runs, or after a crash.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (156, 'worker', 13, 'view', $step$
COMMENT ON COLUMN attest.job_runs.outcome IS 'running, done or failed (for one tenant at least).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (157, 'worker', 14, 'view', $step$
COMMENT ON COLUMN attest.job_runs.done IS 'How many things it did, over all tenants.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (158, 'worker', 15, 'view', $step$
COMMENT ON COLUMN attest.job_runs.sqlstate IS 'SQLSTATE of the last failure.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (159, 'worker', 16, 'view', $step$
COMMENT ON COLUMN attest.job_runs.message IS 'Message of the last failure.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (160, 'worker', 17, 'view', $step$
GRANT SELECT ON attest_data.job, attest_data.job_run, attest.jobs, attest.job_runs TO attest_operator
$step$);

INSERT INTO attest_internal.setup_step VALUES (161, 'person', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.people WITH (security_invoker = true) AS
SELECT p.person_id, p.reference, p.profiles,
  attest.unseal(p.last_name, p.person_id, 'person.last_name') AS last_name,
  attest.unseal(p.first_name, p.person_id, 'person.first_name') AS first_name,
  p.gender,
  attest.unseal(p.birth_date, p.person_id, 'person.birth_date')::date AS birth_date,
  attest.unseal(p.birth_place, p.person_id, 'person.birth_place') AS birth_place,
  attest.unseal(p.email, p.person_id, 'person.email') AS email,
  attest.unseal(p.phone, p.person_id, 'person.phone') AS phone,
  attest.unseal(p.address, p.person_id, 'person.address') AS address,
  p.postcode, p.commune, p.employer_siret::text AS employer_siret, p.isced, p.last_activity, p.anonymised_at
FROM attest_data.person p
$step$);

INSERT INTO attest_internal.setup_step VALUES (162, 'person', 2, 'view', $step$
COMMENT ON VIEW attest.people IS 'The people of the entered tenant, opened. NIR, disability and parents'' birth place are left out: nobody needs them in a list.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (163, 'person', 3, 'view', $step$
COMMENT ON COLUMN attest.people.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (164, 'person', 4, 'view', $step$
COMMENT ON COLUMN attest.people.reference IS 'The tenant''s own number for the person; NULL once anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (165, 'person', 5, 'view', $step$
COMMENT ON COLUMN attest.people.profiles IS 'Profiles of the person, such as learner.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (166, 'person', 6, 'view', $step$
COMMENT ON COLUMN attest.people.last_name IS 'Last name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (167, 'person', 7, 'view', $step$
COMMENT ON COLUMN attest.people.first_name IS 'First name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (168, 'person', 8, 'view', $step$
COMMENT ON COLUMN attest.people.gender IS 'F, M or N (non-binary).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (169, 'person', 9, 'view', $step$
COMMENT ON COLUMN attest.people.birth_date IS 'Date of birth.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (170, 'person', 10, 'view', $step$
COMMENT ON COLUMN attest.people.birth_place IS 'Place of birth.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (171, 'person', 11, 'view', $step$
COMMENT ON COLUMN attest.people.email IS 'E-mail address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (172, 'person', 12, 'view', $step$
COMMENT ON COLUMN attest.people.phone IS 'Telephone number.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (173, 'person', 13, 'view', $step$
COMMENT ON COLUMN attest.people.address IS 'Postal address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (174, 'person', 14, 'view', $step$
COMMENT ON COLUMN attest.people.postcode IS 'Postcode.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (175, 'person', 15, 'view', $step$
COMMENT ON COLUMN attest.people.commune IS 'Commune code of INSEE; the department only, once anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (176, 'person', 16, 'view', $step$
COMMENT ON COLUMN attest.people.employer_siret IS 'SIRET of the employer.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (177, 'person', 17, 'view', $step$
COMMENT ON COLUMN attest.people.isced IS 'Level of education, ISCED 0 to 8.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (178, 'person', 18, 'view', $step$
COMMENT ON COLUMN attest.people.last_activity IS 'Last activity: retention counts from here; NULL while active.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (179, 'person', 19, 'view', $step$
COMMENT ON COLUMN attest.people.anonymised_at IS 'When the person was anonymised; NULL otherwise.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (180, 'person', 20, 'view', $step$
GRANT SELECT ON attest_data.person, attest.people TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (181, 'retention', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.retention_due WITH (security_invoker = true) AS
SELECT p.person_id, p.profiles, p.last_activity, (p.last_activity + r.keep)::date AS due_on, r.basis,
  EXISTS (SELECT FROM attest_data.legal_hold h
    WHERE h.tenant_id = p.tenant_id AND h.person_id = p.person_id AND h.lifted_at IS NULL) AS on_hold
FROM attest_data.person p
CROSS JOIN LATERAL (
  SELECT max(r.keep) AS keep, string_agg(r.basis, '; ' ORDER BY r.profile) AS basis, count(*) AS rules
  FROM attest_data.retention_rule r
  WHERE r.tenant_id = p.tenant_id AND r.profile = ANY (p.profiles)
) r
WHERE p.anonymised_at IS NULL AND p.last_activity IS NOT NULL AND r.rules = cardinality(p.profiles)
$step$);

INSERT INTO attest_internal.setup_step VALUES (182, 'retention', 2, 'view', $step$
COMMENT ON VIEW attest.retention_due IS 'When each person who is no longer active will have to be anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (183, 'retention', 3, 'view', $step$
COMMENT ON COLUMN attest.retention_due.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (184, 'retention', 4, 'view', $step$
COMMENT ON COLUMN attest.retention_due.profiles IS 'Profiles of the person; the longest rule holds.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (185, 'retention', 5, 'view', $step$
COMMENT ON COLUMN attest.retention_due.last_activity IS 'Last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (186, 'retention', 6, 'view', $step$
COMMENT ON COLUMN attest.retention_due.due_on IS 'From this day on the retention job anonymises the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (187, 'retention', 7, 'view', $step$
COMMENT ON COLUMN attest.retention_due.basis IS 'Basis of the rules.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (188, 'retention', 8, 'view', $step$
COMMENT ON COLUMN attest.retention_due.on_hold IS 'A hold forbids it for now.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (189, 'retention', 9, 'view', $step$
CREATE OR REPLACE VIEW attest.destruction_certificates WITH (security_invoker = true) AS
SELECT certificate_id, issued_at, persons, body, digest FROM attest_data.destruction_certificate
$step$);

INSERT INTO attest_internal.setup_step VALUES (190, 'retention', 10, 'view', $step$
COMMENT ON VIEW attest.destruction_certificates IS 'Certificates of what the retention job destroyed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (191, 'retention', 11, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.certificate_id IS 'Id of the certificate.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (192, 'retention', 12, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.issued_at IS 'When the work was done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (193, 'retention', 13, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.persons IS 'How many persons were anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (194, 'retention', 14, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.body IS 'The certificate: tenant, time, engine, method, and for each person the basis and the records emptied by room.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (195, 'retention', 15, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.digest IS 'SHA-256 of the body''s text.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (196, 'retention', 16, 'view', $step$
CREATE OR REPLACE VIEW attest.retention_rules WITH (security_invoker = true) AS
SELECT profile, keep, basis, set_at FROM attest_data.retention_rule
$step$);

INSERT INTO attest_internal.setup_step VALUES (197, 'retention', 17, 'view', $step$
COMMENT ON VIEW attest.retention_rules IS 'How long people of each profile are kept.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (198, 'retention', 18, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.profile IS 'Profile the rule is for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (199, 'retention', 19, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.keep IS 'Time after the last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (200, 'retention', 20, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.basis IS 'Law, contract or decision.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (201, 'retention', 21, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.set_at IS 'When the rule was set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (202, 'retention', 22, 'view', $step$
GRANT SELECT (tenant_id, person_id, profiles, last_activity, anonymised_at) ON attest_data.person TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (203, 'retention', 23, 'view', $step$
GRANT SELECT ON attest_data.retention_rule, attest_data.legal_hold, attest_data.destruction_certificate,
  attest.retention_due, attest.destruction_certificates, attest.retention_rules TO attest_app, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (204, 'attendance', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.presences WITH (security_invoker = true) AS
SELECT sl.slot_id, e.person_id, sl.session_id, se.course_id, sl.day, sl.starts_at, sl.ends_at,
  (extract(epoch FROM sl.ends_at - sl.starts_at) / 60)::int AS minutes_planned,
  coalesce(p.status, 'expected') AS status, coalesce(p.minutes_attended, 0) AS minutes_attended,
  p.method, p.claimed_at, p.recorded_at, p.flags, p.presence_id
FROM attest_data.slot sl
JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
JOIN attest_data.enrolment e ON e.tenant_id = sl.tenant_id AND e.session_id = sl.session_id AND sl.day BETWEEN e.since AND e.until
LEFT JOIN LATERAL (
  SELECT p.* FROM attest_data.presence p
  WHERE p.tenant_id = sl.tenant_id AND p.slot_id = sl.slot_id AND p.person_id = e.person_id
  ORDER BY p.recorded_at DESC, p.presence_id DESC LIMIT 1
) p ON true
$step$);

INSERT INTO attest_internal.setup_step VALUES (205, 'attendance', 2, 'view', $step$
COMMENT ON VIEW attest.presences IS 'One row for each slot and person enrolled on its day, with the status that the last event gives.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (206, 'attendance', 3, 'view', $step$
COMMENT ON COLUMN attest.presences.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (207, 'attendance', 4, 'view', $step$
COMMENT ON COLUMN attest.presences.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (208, 'attendance', 5, 'view', $step$
COMMENT ON COLUMN attest.presences.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (209, 'attendance', 6, 'view', $step$
COMMENT ON COLUMN attest.presences.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (210, 'attendance', 7, 'view', $step$
COMMENT ON COLUMN attest.presences.day IS 'Local day of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (211, 'attendance', 8, 'view', $step$
COMMENT ON COLUMN attest.presences.starts_at IS 'Start of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (212, 'attendance', 9, 'view', $step$
COMMENT ON COLUMN attest.presences.ends_at IS 'End of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (213, 'attendance', 10, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_planned IS 'Length of the slot, in minutes.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (214, 'attendance', 11, 'view', $step$
COMMENT ON COLUMN attest.presences.status IS 'expected (no event yet), present, late, left_early, absent, excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (215, 'attendance', 12, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_attended IS 'Minutes attended; 0 while expected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (216, 'attendance', 13, 'view', $step$
COMMENT ON COLUMN attest.presences.method IS 'signature, entry (by a trainer or manager) or countersignature (absence stated by it).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (217, 'attendance', 14, 'view', $step$
COMMENT ON COLUMN attest.presences.claimed_at IS 'When it happened, by the device that was offline or by the server.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (218, 'attendance', 15, 'view', $step$
COMMENT ON COLUMN attest.presences.recorded_at IS 'When the server recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (219, 'attendance', 16, 'view', $step$
COMMENT ON COLUMN attest.presences.flags IS 'Facts to look at: OUTSIDE_SLOT, AFTER_COUNTERSIGNATURE, OFFLINE.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (220, 'attendance', 17, 'view', $step$
COMMENT ON COLUMN attest.presences.presence_id IS 'Id of the event; NULL while expected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (221, 'attendance', 18, 'view', $step$
CREATE OR REPLACE VIEW attest.learner_totals WITH (security_invoker = true) AS
SELECT p.person_id, p.session_id, p.course_id, count(*)::int AS slots,
  sum(p.minutes_planned)::int AS minutes_planned, sum(p.minutes_attended)::int AS minutes_attended,
  round(100.0 * sum(p.minutes_attended) / sum(p.minutes_planned), 1) AS rate,
  count(*) FILTER (WHERE p.status = 'present')::int AS present,
  count(*) FILTER (WHERE p.status = 'late')::int AS late,
  count(*) FILTER (WHERE p.status = 'left_early')::int AS left_early,
  count(*) FILTER (WHERE p.status = 'absent')::int AS absent,
  count(*) FILTER (WHERE p.status IN ('excused', 'justified', 'exempted'))::int AS excused,
  count(*) FILTER (WHERE p.status = 'expected')::int AS not_recorded
FROM attest.presences p
WHERE p.ends_at <= now()
GROUP BY p.person_id, p.session_id, p.course_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (222, 'attendance', 19, 'view', $step$
COMMENT ON VIEW attest.learner_totals IS 'Totals of each person in each session, over the slots that have ended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (223, 'attendance', 20, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (224, 'attendance', 21, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (225, 'attendance', 22, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (226, 'attendance', 23, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.slots IS 'Slots that have ended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (227, 'attendance', 24, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_planned IS 'Minutes of these slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (228, 'attendance', 25, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (229, 'attendance', 26, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.rate IS 'Attended of planned minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (230, 'attendance', 27, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (231, 'attendance', 28, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (232, 'attendance', 29, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (233, 'attendance', 30, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.absent IS 'Slots absent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (234, 'attendance', 31, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (235, 'attendance', 32, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.not_recorded IS 'Slots without any event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (236, 'attendance', 33, 'view', $step$
CREATE OR REPLACE VIEW attest.session_totals WITH (security_invoker = true) AS
SELECT s.session_id, s.course_id, s.title, s.starts_on, s.ends_on, count(*)::int AS learners,
  sum(t.minutes_planned)::int AS minutes_planned, sum(t.minutes_attended)::int AS minutes_attended,
  round(100.0 * sum(t.minutes_attended) / sum(t.minutes_planned), 1) AS rate,
  sum(t.late)::int AS late, sum(t.absent)::int AS absent, sum(t.excused)::int AS excused, sum(t.not_recorded)::int AS not_recorded
FROM attest.learner_totals t
JOIN attest_data.session s ON s.tenant_id = attest.current_tenant() AND s.session_id = t.session_id
GROUP BY s.session_id, s.course_id, s.title, s.starts_on, s.ends_on
$step$);

INSERT INTO attest_internal.setup_step VALUES (237, 'attendance', 34, 'view', $step$
COMMENT ON VIEW attest.session_totals IS 'Totals of each session, over the slots that have ended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (238, 'attendance', 35, 'view', $step$
COMMENT ON COLUMN attest.session_totals.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (239, 'attendance', 36, 'view', $step$
COMMENT ON COLUMN attest.session_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (240, 'attendance', 37, 'view', $step$
COMMENT ON COLUMN attest.session_totals.title IS 'Title of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (241, 'attendance', 38, 'view', $step$
COMMENT ON COLUMN attest.session_totals.starts_on IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (242, 'attendance', 39, 'view', $step$
COMMENT ON COLUMN attest.session_totals.ends_on IS 'Last day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (243, 'attendance', 40, 'view', $step$
COMMENT ON COLUMN attest.session_totals.learners IS 'Persons with at least one slot that has ended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (244, 'attendance', 41, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_planned IS 'Person-minutes planned.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (245, 'attendance', 42, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_attended IS 'Person-minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (246, 'attendance', 43, 'view', $step$
COMMENT ON COLUMN attest.session_totals.rate IS 'Attended of planned minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (247, 'attendance', 44, 'view', $step$
COMMENT ON COLUMN attest.session_totals.late IS 'Slots late, over all persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (248, 'attendance', 45, 'view', $step$
COMMENT ON COLUMN attest.session_totals.absent IS 'Slots absent, over all persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (249, 'attendance', 46, 'view', $step$
COMMENT ON COLUMN attest.session_totals.excused IS 'Slots excused, justified or exempted, over all persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (250, 'attendance', 47, 'view', $step$
COMMENT ON COLUMN attest.session_totals.not_recorded IS 'Slots without any event, over all persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (251, 'attendance', 48, 'view', $step$
CREATE OR REPLACE VIEW attest.course_totals WITH (security_invoker = true) AS
SELECT c.course_id, c.code, c.title, c.nature, count(DISTINCT t.session_id)::int AS sessions, count(DISTINCT t.person_id)::int AS learners,
  sum(t.minutes_planned)::int AS minutes_planned, sum(t.minutes_attended)::int AS minutes_attended,
  round(100.0 * sum(t.minutes_attended) / sum(t.minutes_planned), 1) AS rate
FROM attest.learner_totals t
JOIN attest_data.course c ON c.tenant_id = attest.current_tenant() AND c.course_id = t.course_id
GROUP BY c.course_id, c.code, c.title, c.nature
$step$);

INSERT INTO attest_internal.setup_step VALUES (252, 'attendance', 49, 'view', $step$
COMMENT ON VIEW attest.course_totals IS 'Totals of each course, over the slots that have ended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (253, 'attendance', 50, 'view', $step$
COMMENT ON COLUMN attest.course_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (254, 'attendance', 51, 'view', $step$
COMMENT ON COLUMN attest.course_totals.code IS 'Code of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (255, 'attendance', 52, 'view', $step$
COMMENT ON COLUMN attest.course_totals.title IS 'Title of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (256, 'attendance', 53, 'view', $step$
COMMENT ON COLUMN attest.course_totals.nature IS 'Nature of the action.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (257, 'attendance', 54, 'view', $step$
COMMENT ON COLUMN attest.course_totals.sessions IS 'Sessions with at least one slot that has ended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (258, 'attendance', 55, 'view', $step$
COMMENT ON COLUMN attest.course_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (259, 'attendance', 56, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_planned IS 'Person-minutes planned.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (260, 'attendance', 57, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_attended IS 'Person-minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (261, 'attendance', 58, 'view', $step$
COMMENT ON COLUMN attest.course_totals.rate IS 'Attended of planned minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (262, 'attendance', 59, 'view', $step$
CREATE OR REPLACE VIEW attest.compromised_presences WITH (security_invoker = true) AS
SELECT p.presence_id, p.slot_id, p.person_id, p.status, p.method, p.recorded_at, a.identifier AS account, c.since AS compromised_since
FROM attest_data.presence p
JOIN attest_data.account_compromise c ON c.tenant_id = p.tenant_id AND c.account_id = p.recorded_by AND p.recorded_at >= c.since
JOIN attest_data.account a ON a.tenant_id = c.tenant_id AND a.account_id = c.account_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (263, 'attendance', 60, 'view', $step$
COMMENT ON VIEW attest.compromised_presences IS 'Events that an account recorded since it was in other hands: to be looked at by people.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (264, 'attendance', 61, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.presence_id IS 'Id of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (265, 'attendance', 62, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (266, 'attendance', 63, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (267, 'attendance', 64, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.status IS 'Status the event gives.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (268, 'attendance', 65, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.method IS 'Method of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (269, 'attendance', 66, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (270, 'attendance', 67, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.account IS 'Identifier of the account.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (271, 'attendance', 68, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.compromised_since IS 'Since when the account was in other hands.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (272, 'attendance', 69, 'view', $step$
GRANT SELECT ON attest_data.account_compromise, attest.compromised_presences TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (273, 'attendance', 70, 'view', $step$
GRANT SELECT (tenant_id, account_id, identifier) ON attest_data.account TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (274, 'attendance', 71, 'view', $step$
GRANT SELECT ON attest_data.presence TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (275, 'attendance', 72, 'view', $step$
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.slot_trainer, attest_data.enrolment, attest_data.presence,
  attest_data.countersignature, attest.presences, attest.learner_totals, attest.session_totals, attest.course_totals TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (276, 'attendance', 73, 'view', $step$
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.enrolment, attest_data.presence TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (277, 'esf', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.operations WITH (security_invoker = true) AS
SELECT operation_id, code, title, framework, starts_on, ends_on, programme, priority, specific_objective, region_category
FROM attest_data.operation
$step$);

INSERT INTO attest_internal.setup_step VALUES (278, 'esf', 2, 'view', $step$
COMMENT ON VIEW attest.operations IS 'Operations of the entered tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (279, 'esf', 3, 'view', $step$
COMMENT ON COLUMN attest.operations.operation_id IS 'Id of the operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (280, 'esf', 4, 'view', $step$
COMMENT ON COLUMN attest.operations.code IS 'Code, for attest.esf_report().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (281, 'esf', 5, 'view', $step$
COMMENT ON COLUMN attest.operations.title IS 'Title.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (282, 'esf', 6, 'view', $step$
COMMENT ON COLUMN attest.operations.framework IS 'esf+ (2021-2027) or esf (2014-2020).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (283, 'esf', 7, 'view', $step$
COMMENT ON COLUMN attest.operations.starts_on IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (284, 'esf', 8, 'view', $step$
COMMENT ON COLUMN attest.operations.ends_on IS 'Last day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (285, 'esf', 9, 'view', $step$
COMMENT ON COLUMN attest.operations.programme IS 'Code of the programme, for attest.esf_report() too.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (286, 'esf', 10, 'view', $step$
COMMENT ON COLUMN attest.operations.priority IS 'Priority of the programme.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (287, 'esf', 11, 'view', $step$
COMMENT ON COLUMN attest.operations.specific_objective IS 'Specific objective.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (288, 'esf', 12, 'view', $step$
COMMENT ON COLUMN attest.operations.region_category IS 'less_developed, transition, more_developed or outermost.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (289, 'esf', 13, 'view', $step$
CREATE OR REPLACE VIEW attest.participations WITH (security_invoker = true) AS
SELECT p.participation_id, p.operation_id, p.person_id, p.entered_on, p.exited_on, p.evidence, p.recorded_at, p.exit_recorded_at,
  p.followup_recorded_at, p.corrected_at, f.facts,
  attest.esf_missing(o.framework, f.facts) AS missing, attest.esf_indicators(o.framework, f.facts) AS indicators
FROM attest_data.participation p
JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
CROSS JOIN LATERAL (SELECT attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb OFFSET 0) f (facts)
$step$);

INSERT INTO attest_internal.setup_step VALUES (290, 'esf', 14, 'view', $step$
COMMENT ON VIEW attest.participations IS 'Participations of the people that the profile sees, with what is known of them, opened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (291, 'esf', 15, 'view', $step$
COMMENT ON COLUMN attest.participations.participation_id IS 'Id of the participation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (292, 'esf', 16, 'view', $step$
COMMENT ON COLUMN attest.participations.operation_id IS 'Operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (293, 'esf', 17, 'view', $step$
COMMENT ON COLUMN attest.participations.person_id IS 'Person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (294, 'esf', 18, 'view', $step$
COMMENT ON COLUMN attest.participations.entered_on IS 'First entry.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (295, 'esf', 19, 'view', $step$
COMMENT ON COLUMN attest.participations.exited_on IS 'Last exit; NULL while the person takes part.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (296, 'esf', 20, 'view', $step$
COMMENT ON COLUMN attest.participations.evidence IS 'unverified, verified or rejected, by attest.verify_participation().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (297, 'esf', 21, 'view', $step$
COMMENT ON COLUMN attest.participations.recorded_at IS 'When it was first recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (298, 'esf', 22, 'view', $step$
COMMENT ON COLUMN attest.participations.exit_recorded_at IS 'When the exit was first recorded; corrections do not change it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (299, 'esf', 23, 'view', $step$
COMMENT ON COLUMN attest.participations.followup_recorded_at IS 'When the situation six months after was first recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (300, 'esf', 24, 'view', $step$
COMMENT ON COLUMN attest.participations.corrected_at IS 'When it was last corrected; NULL when never.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (301, 'esf', 25, 'view', $step$
COMMENT ON COLUMN attest.participations.facts IS 'What is known, with the keys of attest.esf_indicators(); NULL once the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (302, 'esf', 26, 'view', $step$
COMMENT ON COLUMN attest.participations.missing IS 'Keys that keep it out of every indicator.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (303, 'esf', 27, 'view', $step$
COMMENT ON COLUMN attest.participations.indicators IS 'Codes that it counts for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (304, 'esf', 28, 'view', $step$
CREATE OR REPLACE VIEW attest.participation_history WITH (security_invoker = true) AS
SELECT v.participation_id, v.version, v.person_id, v.kind, v.recorded_at, v.recorded_by,
  attest.unseal(v.reason, v.person_id, 'esf.reason') AS reason, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb AS facts
FROM attest_data.participation_version v
$step$);

INSERT INTO attest_internal.setup_step VALUES (305, 'esf', 29, 'view', $step$
COMMENT ON VIEW attest.participation_history IS 'What was known of participations after each write, opened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (306, 'esf', 30, 'view', $step$
COMMENT ON COLUMN attest.participation_history.participation_id IS 'Id of the participation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (307, 'esf', 31, 'view', $step$
COMMENT ON COLUMN attest.participation_history.version IS 'Number of the version, from 1.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (308, 'esf', 32, 'view', $step$
COMMENT ON COLUMN attest.participation_history.person_id IS 'Person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (309, 'esf', 33, 'view', $step$
COMMENT ON COLUMN attest.participation_history.kind IS 'entry, re_entry, exit, change (after the exit), followup, correction, import or merge.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (310, 'esf', 34, 'view', $step$
COMMENT ON COLUMN attest.participation_history.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (311, 'esf', 35, 'view', $step$
COMMENT ON COLUMN attest.participation_history.recorded_by IS 'Account that recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (312, 'esf', 36, 'view', $step$
COMMENT ON COLUMN attest.participation_history.reason IS 'Why it was corrected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (313, 'esf', 37, 'view', $step$
COMMENT ON COLUMN attest.participation_history.facts IS 'What was known; NULL once the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (314, 'esf', 38, 'view', $step$
CREATE OR REPLACE VIEW attest.participation_stays WITH (security_invoker = true) AS
SELECT s.participation_id, s.stay, s.person_id, s.entered_on, s.exited_on FROM attest_data.participation_stay s
$step$);

INSERT INTO attest_internal.setup_step VALUES (315, 'esf', 39, 'view', $step$
COMMENT ON VIEW attest.participation_stays IS 'From when to when people were in an operation, each time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (316, 'esf', 40, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.participation_id IS 'Id of the participation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (317, 'esf', 41, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.stay IS 'Number of the stay, from 1.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (318, 'esf', 42, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.person_id IS 'Person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (319, 'esf', 43, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.entered_on IS 'Entry.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (320, 'esf', 44, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.exited_on IS 'Exit; NULL while it lasts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (321, 'esf', 45, 'view', $step$
GRANT SELECT ON attest_data.operation, attest.operations TO attest_app, attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (322, 'esf', 46, 'view', $step$
GRANT SELECT ON attest_data.participation, attest_data.participation_version, attest_data.participation_stay,
  attest.participations, attest.participation_history, attest.participation_stays TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (323, 'report', 1, 'view', $step$
CREATE OR REPLACE VIEW attest_report.attendance_by_month WITH (security_invoker = true) AS
SELECT date_trunc('month', p.day)::date AS month, c.code AS course, p.status, count(*) AS slots,
  sum(p.minutes_planned) AS minutes_planned, sum(p.minutes_attended) AS minutes_attended
FROM attest.presences p
JOIN attest_data.course c ON c.tenant_id = attest.current_tenant() AND c.course_id = p.course_id
WHERE p.ends_at <= now()
GROUP BY 1, 2, 3
$step$);

INSERT INTO attest_internal.setup_step VALUES (324, 'report', 2, 'view', $step$
COMMENT ON VIEW attest_report.attendance_by_month IS 'Attendance by month, course and status, over the slots that have ended. One row a combination that occurs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (325, 'report', 3, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.month IS 'First day of the month.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (326, 'report', 4, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.course IS 'Code of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (327, 'report', 5, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.status IS 'Status of the presences, as in attest.presences.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (328, 'report', 6, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.slots IS 'Person-slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (329, 'report', 7, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_planned IS 'Person-minutes planned.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (330, 'report', 8, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_attended IS 'Person-minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (331, 'report', 9, 'view', $step$
CREATE OR REPLACE VIEW attest_report.people_by_profile WITH (security_invoker = true) AS
SELECT profile, p.gender, p.birth_year / 10 * 10 AS birth_decade, p.isced::int AS isced, count(*) AS people,
  count(p.anonymised_at) AS anonymised
FROM attest_data.person p CROSS JOIN LATERAL unnest(p.profiles) AS profile
GROUP BY 1, 2, 3, 4
$step$);

INSERT INTO attest_internal.setup_step VALUES (332, 'report', 10, 'view', $step$
COMMENT ON VIEW attest_report.people_by_profile IS 'People by profile, gender, decade of birth and level of education; those anonymised still count. One row a combination that occurs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (333, 'report', 11, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.profile IS 'Profile, such as learner.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (334, 'report', 12, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.gender IS 'F, M or N (non-binary).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (335, 'report', 13, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.birth_decade IS 'Decade of birth, such as 1980.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (336, 'report', 14, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.isced IS 'Level of education, ISCED 0 to 8.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (337, 'report', 15, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.people IS 'People.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (338, 'report', 16, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.anonymised IS 'Of whom anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (339, 'report', 17, 'view', $step$
GRANT SELECT (tenant_id, profiles, gender, birth_year, isced, anonymised_at) ON attest_data.person TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (340, 'report', 18, 'view', $step$
GRANT SELECT ON attest.presences TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (341, 'report', 19, 'view', $step$
GRANT SELECT ON attest_report.attendance_by_month, attest_report.people_by_profile TO attest_app, attest_analyst
$step$);

-- Wiring: what needs several rooms at once.

CREATE FUNCTION attest.setup() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
  steps int;
  tables int;
BEGIN
  CREATE SCHEMA IF NOT EXISTS attest_data AUTHORIZATION attest_owner;
  CREATE SCHEMA IF NOT EXISTS attest_report AUTHORIZATION attest_owner;
  -- A restore may have made the schemas before the role was there.
  ALTER SCHEMA attest_data OWNER TO attest_owner;
  ALTER SCHEMA attest_report OWNER TO attest_owner;
  COMMENT ON SCHEMA attest_data IS 'The data of the tenants: ordinary tables under row level security.';
  COMMENT ON SCHEMA attest_report IS 'Reporting views, of plain types, for BI tools.';
  GRANT USAGE ON SCHEMA attest_data TO attest_operator, attest_app, attest_analyst, attest_auditor;
  GRANT USAGE ON SCHEMA attest_report TO attest_app, attest_analyst;
  steps := attest_internal.run_steps();
  tables := attest_internal.protect_tables();
  PERFORM attest_internal.wake_workers(false);
  RETURN format('attest %s is set up: %s steps run, %s tenant tables protected.', attest.version(), steps, tables);
END
$$;
COMMENT ON FUNCTION attest.setup() IS
'Creates or brings up to date the tables, views and policies of attest in this database, as ordinary objects of attest_owner. Safe to run again. For a superuser, after CREATE EXTENSION and after ALTER EXTENSION UPDATE.';

-- The last part: ownership and privileges of every function, in one place.

-- A definer function works as attest_owner, which row level security binds.
DO $owners$
DECLARE
  fn regprocedure;
BEGIN
  FOR fn IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND p.prosecdef
  LOOP
    EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO attest_owner', fn);
  END LOOP;
END
$owners$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA attest, attest_internal FROM PUBLIC;
REVOKE ALL ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest.esf_tally, attest_internal.slot_facts,
  attest_internal.file_record FROM PUBLIC;

GRANT USAGE ON SCHEMA attest, attest_internal
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT CREATE ON SCHEMA attest TO attest_owner;
GRANT SELECT ON attest_internal.setup_step TO attest_owner;
GRANT USAGE ON TYPE attest_internal.slot_facts, attest_internal.file_record TO attest_owner;
GRANT USAGE ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest.esf_tally
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA attest, attest_internal TO attest_owner;

-- Input and output of the types, and what policies, defaults and views call.
DO $types$
DECLARE
  fn regprocedure;
BEGIN
  FOR fn IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace
      AND p.proname ~ '^(nir|siret|sealed|signature|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$'
  LOOP
    EXECUTE pg_catalog.format(
      'GRANT EXECUTE ON FUNCTION %s TO attest_operator, attest_app, attest_analyst, attest_auditor', fn);
  END LOOP;
END
$types$;

-- Everybody who works with attest.
GRANT EXECUTE ON FUNCTION
  attest.version(), attest.error_catalog(), attest.enter(text), attest.whoami(),
  attest.current_tenant(), attest.current_account(), attest.current_profile(), attest.current_person(),
  attest.uuid_v7(), attest.worker_status(), attest.may_see(uuid),
  attest.login(text, text, text), attest.enter_jwt(text)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Thin clients; the profile of the ticket decides what each call accepts.
GRANT EXECUTE ON FUNCTION
  attest.seal(text, uuid, text), attest.unseal(attest.sealed), attest.unseal(attest.sealed, uuid, text),
  attest.import_columns(), attest.add_person(jsonb), attest.import_people(text), attest.set_last_activity(uuid, date),
  attest.create_course(text, text, text),
  attest.plan_session(uuid, text, date, date, text, interval),
  attest.plan_slot(uuid, timestamptz, timestamptz, text),
  attest.assign_trainer(uuid, uuid),
  attest.enrol(uuid, uuid, date, date), attest.withdraw(uuid, uuid, date),
  attest.sign(uuid, uuid, attest.signature, timestamptz, uuid),
  attest.countersign(uuid, attest.signature),
  attest.record_presence(uuid, uuid, text, text, int),
  attest.live_board(uuid),
  attest.signature_kind(attest.signature), attest.signature_digest(attest.signature),
  attest.signature_payload(attest.signature), attest.signature_reasons(attest.signature),
  attest.create_operation(text, text, text, date, date, text, text, text, text), attest.record_entities(uuid, text, bigint),
  attest.record_participation(uuid, uuid, jsonb), attest.record_exit(uuid, date, jsonb),
  attest.record_change_after_exit(uuid, date, text), attest.record_followup(uuid, jsonb),
  attest.correct_participation(uuid, jsonb, text), attest.verify_participation(uuid, text),
  attest.esf_incomplete(text), attest.recount_esf(text), attest.esf_columns(),
  attest.export_participations(text), attest.import_participations(text, text),
  attest.esf_indicators(text, jsonb), attest.esf_missing(text, jsonb), attest.esf_indicator_set(text, jsonb),
  attest.assign_case(uuid, uuid, date), attest.close_case(uuid, uuid, date),
  attest.object(uuid), attest.withdraw_objection(uuid),
  attest.set_retention_rule(text, interval, text), attest.place_hold(uuid, text), attest.lift_hold(uuid, text)
  TO attest_app;

GRANT EXECUTE ON FUNCTION
  attest.esf_report(text, timestamptz, boolean), attest.esf_report(text, date, boolean), attest.esf_programme_report(text, timestamptz),
  attest.esf_published(text, timestamptz, int), attest.esf_check(text, timestamptz), attest.esf_check(attest.esf_tally), attest.esf_check_sums(attest.esf_tally, jsonb),
  attest.esf_tally_at(text, timestamptz, boolean), attest.esf_rules(), attest.esf_catalogue(), attest.esf_codes(text, bigint),
  attest.esf_tally_of(text, text, bigint), attest.esf_count(attest.esf_tally, text, text), attest.esf_framework(attest.esf_tally),
  attest.esf_rows(attest.esf_tally), attest.tally_esf(text, text, bigint), attest.merge_esf_tally(attest.esf_tally)
  TO attest_app, attest_analyst;

-- Operators of the installation.
GRANT EXECUTE ON FUNCTION
  attest.create_keyring(), attest.create_tenant(text, text, text, text),
  attest.create_account(text, text, text, uuid, date, date),
  attest.issue_ticket(text, text, interval), attest.set_secret(text, text, text),
  attest.revoke_account(text, text, text), attest.reinstate_account(text, text, text),
  attest.declare_compromise(text, text, timestamptz),
  attest.add_identity_provider(text, text, text, text, interval), attest.import_jwk(text, text, jsonb),
  attest.drop_jwk(text, text, text), attest.grant_tenant(name, text, text), attest.revoke_tenant(name),
  attest.protect(regclass), attest.check_protectable(regclass),
  attest.run_job(text), attest.doctor()
  TO attest_operator;
