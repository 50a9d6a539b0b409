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

-- ident, calendar: French public holidays, working days, periods.

CREATE FUNCTION attest.holiday(day date, zone text DEFAULT 'mainland') RETURNS text
AS 'MODULE_PATHNAME', 'attest_holiday' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.holiday(date, text) IS
'Name of the French public holiday on a day, or NULL: new_year, easter_monday, labour_day, victory_1945, ascension, whit_monday, national_day, assumption, all_saints, armistice_1918, christmas; good_friday, saint_stephen in Alsace-Moselle, abolition_of_slavery overseas. zone: mainland, alsace_moselle, alsace_moselle_protestant (communes with a Protestant or shared church: Good Friday too, ordinance of 16 August 1892), guadeloupe, martinique, guyane, reunion, mayotte, saint_barthelemy, saint_martin, saint_pierre_et_miquelon. Source: L3133-1, L3134-13 and L3422-2 of the Labour Code. Error TA334 for another zone, TA012 outside the years 1 to 9999.';

CREATE FUNCTION attest.holidays(year int, zone text DEFAULT 'mainland', OUT day date, OUT name text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.day, h.name
  FROM (SELECT make_date(year, 1, 1) + n AS day, attest.holiday(make_date(year, 1, 1) + n, zone) AS name
    FROM generate_series(0, make_date(year, 12, 31) - make_date(year, 1, 1)) n) h
  WHERE h.name IS NOT NULL
  ORDER BY h.day
$$;
COMMENT ON FUNCTION attest.holidays(int, text) IS 'The French public holidays of a year; zones and names as attest.holiday().';

CREATE FUNCTION attest.add_working_days(day date, days int, zone text DEFAULT 'mainland', kind text DEFAULT 'ouvres') RETURNS date
AS 'MODULE_PATHNAME', 'attest_add_working_days' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.add_working_days(date, int, text, text) IS
'The day that lies so many working days after a day (before it, when negative), which does not count itself (Code of Civil Procedure, art. 641); with 0 the day, or the next working day. kind: ouvres (Monday to Friday) or ouvrables (Monday to Saturday), both less the public holidays of the zone. Errors TA334 for another zone or kind, TA012 for more than 20000 days.';

CREATE FUNCTION attest.due_day(since date, period interval, zone text DEFAULT 'mainland', extend boolean DEFAULT false) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN extend THEN attest.add_working_days((since + period)::date, 0, zone, 'ouvres') ELSE (since + period)::date END
$$;
COMMENT ON FUNCTION attest.due_day(date, interval, text, boolean) IS
'Last day of a period of months and days that an event starts: its day does not count; the same day of the month, or the last one of the month; months first, then days (Code of Civil Procedure, art. 641). With extend, a last day that is a Saturday, a Sunday or a public holiday gives way to the next working day (art. 642).';

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
        AND p.proname !~ '^((nir|siret|sealed|signature|tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash)|tally_(plus|minus|add_slot|merge))$')
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

CREATE FUNCTION attest_internal.require_ink(signature attest.signature) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_require_ink' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.require_ink(attest.signature) IS
'True; error TA203 for a capture without ink, TA202 for one that is only a dot or a speck.';

-- attendance: courses, sessions, slots, enrolments; the presences are in attendance_presence.sql.

CREATE FUNCTION attest_internal.status_code(name text) RETURNS smallint
AS 'MODULE_PATHNAME', 'attest_status_code' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.status_code(text) IS 'Code of a status of presence; NULL where there is none of this name.';

CREATE FUNCTION attest.status_name(code smallint) RETURNS text
AS 'MODULE_PATHNAME', 'attest_status_name' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.status_name(smallint) IS 'Name of a status of presence; NULL where there is none of this code.';

CREATE FUNCTION attest.presence_statuses(OUT code smallint, OUT name text, OUT description text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_presence_statuses' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12;
COMMENT ON FUNCTION attest.presence_statuses() IS 'The statuses of a presence: code as stored, name, what it says.';

CREATE FUNCTION attest_internal.count_minutes(as_attended int, as_planned int, grain int, status smallint, planned int, attended int) RETURNS int
AS 'MODULE_PATHNAME', 'attest_count_minutes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.count_minutes(int, int, int, smallint, int, int) IS
'Minutes that count: those planned or attended where the status (bit = code) is in the set, rounded down to the grain; 0 for other statuses.';

CREATE FUNCTION attest_internal.minutes_counted(rule_version int, status smallint, planned int, attended int) RETURNS int
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  -- Without a rule of the funder: what was attended, and an exempted person as there. A disputed
  -- presence counts as it stood: a dispute decides nothing.
  SELECT CASE WHEN rule_version = 0 THEN attest_internal.count_minutes(2590, 256, 1, status, planned, attended)
    ELSE (SELECT attest_internal.count_minutes(r.as_attended, r.as_planned, r.grain, status, planned, attended)
      FROM attest_data.counting_rule r
      WHERE r.tenant_id = attest.current_tenant() AND r.rule_version = minutes_counted.rule_version) END
$$;
COMMENT ON FUNCTION attest_internal.minutes_counted(int, smallint, int, int) IS
'Minutes that count under a version of a rule of the entered tenant. Version 0: attended for present, late, left_early, partial, in_company and disputed, planned for exempted, none else.';

CREATE FUNCTION attest_internal.rule_for(funder uuid, day date) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT r.rule_version FROM attest_data.counting_rule r
    WHERE r.tenant_id = attest.current_tenant() AND r.funder_id = funder AND r.valid_from <= day
    ORDER BY r.valid_from DESC, r.rule_version DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION attest_internal.rule_for(uuid, date) IS 'The version of the rule that a funder counts a day by; 0 where it has none.';

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

CREATE FUNCTION attest_internal.expect(session uuid, only_slot uuid, only_enrolment uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  added int;
BEGIN
  INSERT INTO attest_data.presence_state (tenant_id, slot_id, person_id, enrolment_id, session_id, day, minutes_planned, rule_version)
  SELECT sl.tenant_id, sl.slot_id, e.person_id, e.enrolment_id, sl.session_id, sl.day,
    extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60,
    CASE WHEN e.funder_id IS NULL THEN 0 ELSE attest_internal.rule_for(e.funder_id, sl.day) END
  FROM attest_data.enrolment e
  JOIN attest_data.slot sl ON sl.tenant_id = e.tenant_id AND sl.session_id = e.session_id AND sl.day BETWEEN e.since AND e.until
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND sl.cancelled_at IS NULL
    AND (only_slot IS NULL OR sl.slot_id = only_slot) AND (only_enrolment IS NULL OR e.enrolment_id = only_enrolment)
  ORDER BY e.enrolment_id, sl.starts_at
  -- Of an earlier enrolment that holds the day, with what was recorded.
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS added = ROW_COUNT;
  RETURN added;
END
$$;
COMMENT ON FUNCTION attest_internal.expect(uuid, uuid, uuid) IS
'Expects the people enrolled in a session on its slots, all or one of a kind: one row of presence_state each, where there is none. The caller holds the row of the session.';

-- --- planning ---

CREATE FUNCTION attest.create_course(
  code text, title text, nature text DEFAULT 'training', provider text DEFAULT NULL, provider_nda text DEFAULT NULL
) RETURNS uuid
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
  -- Declaration number: 11 digits (verp-formation.fr, L6351-1 of the Labour Code).
  IF provider_nda !~ '^[0-9]{11}$' THEN
    PERFORM attest_internal.fail('field_unknown_value', 'provider_nda', '11 digits');
  END IF;
  INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature, provider, provider_nda)
  VALUES (attest_internal.required_tenant(), new_course, create_course.code, create_course.title, create_course.nature,
    nullif(create_course.provider, ''), create_course.provider_nda)
  ON CONFLICT ON CONSTRAINT course_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_course.code);
  END IF;
  RETURN new_course;
END
$$;
COMMENT ON FUNCTION attest.create_course(text, text, text, text, text) IS
'Creates a course; provider and its declaration number (NDA, 11 digits) where another organisation gives it. Nature of the action (L6313-1 of the Labour Code, and integration): training, skills_assessment, validation_of_experience, apprenticeship, integration.';

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

CREATE FUNCTION attest.plan_slot(
  session uuid, starts_at timestamptz, ends_at timestamptz, modality text DEFAULT 'on_site', place text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  here attest_data.place;
  zone text;
  local_day date;
  new_slot uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,trainer');
  -- Slots and enrolments of a session are planned one after the other: each sees all of the other.
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
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
  SELECT * INTO here FROM attest_data.place p
  WHERE p.tenant_id = attest.current_tenant() AND p.name = coalesce(plan_slot.place, planned.place);
  IF plan_slot.place IS NOT NULL AND here.place_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'place', plan_slot.place);
  END IF;
  zone := coalesce(here.time_zone, (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest.current_tenant()));
  local_day := (starts_at AT TIME ZONE zone)::date;
  IF NOT local_day BETWEEN planned.starts_on AND planned.ends_on THEN
    PERFORM attest_internal.fail('outside_session', planned.starts_on::text, planned.ends_on::text, local_day::text);
  END IF;
  INSERT INTO attest_data.slot (tenant_id, slot_id, session_id, day, starts_at, ends_at, modality, time_zone, place_id, holiday)
  VALUES (attest.current_tenant(), new_slot, session, local_day, plan_slot.starts_at, plan_slot.ends_at, plan_slot.modality,
    zone, here.place_id, attest.holiday(local_day, coalesce(here.holiday_zone, 'mainland')) IS NOT NULL);
  PERFORM attest_internal.expect(session, new_slot, NULL);
  RETURN new_slot;
END
$$;
COMMENT ON FUNCTION attest.plan_slot(uuid, timestamptz, timestamptz, text, text) IS
'Plans a slot of a session, half a day as a rule, twelve hours at most; everybody enrolled on its day is expected. Modality: on_site, remote, in_company, work_handed_in. place: one of attest.add_place(), by default that of the session; its time zone gives the day. Errors TA101 bounds, TA102 length, TA110 outside the session.';

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

CREATE FUNCTION attest.enrol(
  session uuid, person uuid, since date DEFAULT NULL, until date DEFAULT NULL, funder text DEFAULT NULL, funding_reference text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  held_since date;
  held_until date;
  payer uuid;
  new_enrolment uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  -- Slots and enrolments of a session are planned one after the other: each sees all of the other.
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
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
  IF funder IS NOT NULL THEN
    SELECT f.funder_id INTO payer FROM attest_data.funder f WHERE f.tenant_id = attest.current_tenant() AND f.code = funder;
    IF NOT FOUND THEN
      PERFORM attest_internal.fail('unknown_object', 'funder', funder);
    END IF;
  END IF;
  INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until, funder_id, funding_reference)
  VALUES (attest.current_tenant(), new_enrolment, session, person, enrol.since, enrol.until, payer, enrol.funding_reference);
  -- Slots that have ended are looked at again: who comes late is absent from none of them unseen.
  UPDATE attest_data.slot s SET closed_at = NULL
  WHERE s.tenant_id = attest.current_tenant() AND s.session_id = session AND s.closed_at IS NOT NULL
    AND s.day BETWEEN enrol.since AND enrol.until;
  PERFORM attest_internal.expect(session, NULL, new_enrolment);
  RETURN new_enrolment;
END
$$;
COMMENT ON FUNCTION attest.enrol(uuid, uuid, date, date, text, text) IS
'Enrols a person in a session for a period of local days, the whole session by default, and expects them on its slots. A person may come late, and come back for a later period. funder: code of attest.add_funder(), one an enrolment, so that a session may have several.';

CREATE FUNCTION attest.withdraw(session uuid, person uuid, last_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  left_enrolment uuid;
  missed record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  UPDATE attest_data.enrolment e SET until = last_day, withdrawn_at = now()
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND e.person_id = person
    AND last_day BETWEEN e.since AND e.until
  RETURNING e.enrolment_id INTO left_enrolment;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'enrolment', coalesce(person::text, '-'));
  END IF;
  DELETE FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = left_enrolment AND st.day > last_day AND st.presence_id IS NULL
    AND NOT EXISTS (SELECT FROM attest_data.presence p
      WHERE p.tenant_id = st.tenant_id AND p.slot_id = st.slot_id AND p.person_id = st.person_id);
  -- Absences that nobody stated, of days on which the person had already left.
  FOR missed IN
    SELECT st.slot_id FROM attest_data.presence_state st
    WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = left_enrolment AND st.day > last_day
      AND st.status = attest_internal.status_code('absent') AND st.method IN ('automatic', 'countersignature')
    ORDER BY st.slot_id
  LOOP
    PERFORM attest_internal.add_event(missed.slot_id, person, 'cancelled', 0, 'cancellation', flags => '{WITHDRAWN}');
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.withdraw(uuid, uuid, date) IS
'Ends the enrolment that holds the day; that day is the last one. The person is expected no more afterwards; what was recorded stays, but an absence that followed from nothing recorded is cancelled.';

CREATE FUNCTION attest.add_place(name text, time_zone text, commune text DEFAULT NULL, holiday_zone text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_place uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'name');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = add_place.time_zone) THEN
    PERFORM attest_internal.fail('bad_value', 'time_zone', 'a name such as Europe/Paris or Indian/Reunion');
  END IF;
  IF commune !~ '^([0-9]{2}|2[AB])[0-9]{3}$' THEN
    PERFORM attest_internal.fail('field_unknown_value', 'commune', 'commune code of INSEE, such as 44109 or 2A004');
  END IF;
  holiday_zone := coalesce(holiday_zone, CASE left(commune, 3) WHEN '971' THEN 'guadeloupe' WHEN '972' THEN 'martinique'
    WHEN '973' THEN 'guyane' WHEN '974' THEN 'reunion' WHEN '975' THEN 'saint_pierre_et_miquelon' WHEN '976' THEN 'mayotte'
    WHEN '977' THEN 'saint_barthelemy' WHEN '978' THEN 'saint_martin'
    ELSE CASE WHEN left(commune, 2) IN ('57', '67', '68') THEN 'alsace_moselle' ELSE 'mainland' END END);
  PERFORM attest.holiday('2026-01-01', holiday_zone);
  INSERT INTO attest_data.place (tenant_id, place_id, name, time_zone, commune, holiday_zone)
  VALUES (attest_internal.required_tenant(), new_place, add_place.name, add_place.time_zone, add_place.commune, add_place.holiday_zone)
  ON CONFLICT ON CONSTRAINT place_tenant_id_name_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', add_place.name);
  END IF;
  RETURN new_place;
END
$$;
COMMENT ON FUNCTION attest.add_place(text, text, text, text) IS
'A place of slots: its time zone (IANA), its commune (code of INSEE), and the zone of its public holidays as attest.holiday() takes it, by default that of the commune; alsace_moselle_protestant is to be said. Slots keep the zone that they were planned in.';

CREATE FUNCTION attest.add_funder(code text, name text, kind text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_funder uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, name');
  END IF;
  IF (kind = ANY (ARRAY['company', 'opco', 'cpf', 'region', 'departement', 'france_travail', 'state', 'european_union', 'person', 'other'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind',
      'company, opco, cpf, region, departement, france_travail, state, european_union, person, other');
  END IF;
  INSERT INTO attest_data.funder (tenant_id, funder_id, code, name, kind)
  VALUES (attest_internal.required_tenant(), new_funder, add_funder.code, add_funder.name, add_funder.kind)
  ON CONFLICT ON CONSTRAINT funder_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', add_funder.code);
  END IF;
  RETURN new_funder;
END
$$;
COMMENT ON FUNCTION attest.add_funder(text, text, text) IS
'Who pays for trainings. Kind, as the BPF (Cerfa 10443) asks for the origin of the money: company, opco, cpf, region, departement, france_travail, state, european_union, person, other.';

CREATE FUNCTION attest_internal.status_set(names text[]) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text;
  bits int := 0;
BEGIN
  FOREACH name IN ARRAY names LOOP
    IF attest_internal.status_code(name) IS NULL THEN
      PERFORM attest_internal.fail('field_unknown_value', 'status', (SELECT string_agg(s.name, ', ' ORDER BY s.code) FROM attest.presence_statuses() s));
    END IF;
    bits := bits | (1 << attest_internal.status_code(name));
  END LOOP;
  RETURN bits;
END
$$;
COMMENT ON FUNCTION attest_internal.status_set(text[]) IS 'Statuses as a set of bits; error TA334 for a name that is none.';

CREATE FUNCTION attest.set_counting_rule(
  funder text, valid_from date, as_attended text[], as_planned text[], basis text, grain int DEFAULT 1
) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  payer uuid;
  new_version int;
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF coalesce(basis, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis');
  END IF;
  IF valid_from IS NULL OR as_attended IS NULL OR as_planned IS NULL OR grain IS NULL OR NOT grain BETWEEN 1 AND 1440 THEN
    PERFORM attest_internal.fail('bad_value', 'valid_from, as_attended, as_planned, grain', 'given; grain from 1 to 1440 minutes');
  END IF;
  SELECT f.funder_id INTO payer FROM attest_data.funder f
  WHERE f.tenant_id = attest_internal.required_tenant() AND f.code = funder;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'funder', coalesce(funder, '-'));
  END IF;
  -- Two rules at once would take one number: the funders of the tenant are the lock.
  PERFORM FROM attest_data.funder f WHERE f.tenant_id = attest.current_tenant() ORDER BY f.funder_id FOR NO KEY UPDATE;
  SELECT coalesce(max(r.rule_version), 0) + 1 INTO new_version FROM attest_data.counting_rule r WHERE r.tenant_id = attest.current_tenant();
  INSERT INTO attest_data.counting_rule (tenant_id, rule_version, funder_id, valid_from, as_attended, as_planned, grain, basis)
  VALUES (attest.current_tenant(), new_version, payer, set_counting_rule.valid_from, attest_internal.status_set(as_attended),
    attest_internal.status_set(as_planned), set_counting_rule.grain, set_counting_rule.basis);
  UPDATE attest_data.presence_state st
  SET rule_version = new_version,
    minutes_counted = attest_internal.minutes_counted(new_version, st.status, st.minutes_planned, st.minutes_attended)
  FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.funder_id = payer
    AND st.tenant_id = e.tenant_id AND st.enrolment_id = e.enrolment_id AND attest_internal.rule_for(payer, st.day) = new_version;
  RETURN new_version;
END
$$;
COMMENT ON FUNCTION attest.set_counting_rule(text, date, text[], text[], text, int) IS
'A new version of what counts for a funder, from a day of slots on: which statuses count the minutes attended, which those planned, rounded down to a grain in minutes; basis: where that is written. Earlier days keep their version; minutes counted of the days it covers are counted anew. Returns the number of the version. For managers.';

-- attendance, what changes a plan or a status afterwards: windows, locks, cancellations, disputes, justifications.

CREATE FUNCTION attest.set_signing(
  session uuid, opens_before interval DEFAULT NULL, closes_after interval DEFAULT NULL, own_device_evidence int DEFAULT 2
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF (own_device_evidence BETWEEN 2 AND 4) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'own_device_evidence', '2 signed, 3 challenged or 4 with the code of the room');
  END IF;
  UPDATE attest_data.session s
  SET opens_before = set_signing.opens_before, closes_after = set_signing.closes_after, own_device_evidence = set_signing.own_device_evidence
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.set_signing(uuid, interval, interval, int) IS
'When signing is open around each slot of a session, by the time claimed (NULL: without limit; outside it is error TA113, TA123 for too little evidence), and the least level of evidence of who signs for themselves: 2 a signature, 3 in answer to a challenge, 4 and with the code shown in the room.';

CREATE FUNCTION attest.set_attendance_policy(
  lock_after interval DEFAULT NULL, absence_after interval DEFAULT '1 day', chain_people int DEFAULT 3,
  chain_within interval DEFAULT '10 seconds', end_margin interval DEFAULT '15 minutes'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF lock_after < interval '0' OR absence_after < interval '0' THEN
    PERFORM attest_internal.fail('bad_value', 'lock_after, absence_after', 'a time from 0 on, or NULL');
  END IF;
  IF (chain_people >= 2 AND chain_within > interval '0' AND end_margin >= interval '0') IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'chain_people, chain_within, end_margin', '2 or more, and times');
  END IF;
  INSERT INTO attest_data.attendance_policy AS p (tenant_id, lock_after, absence_after, chain_people, chain_within, end_margin)
  VALUES (attest_internal.required_tenant(), set_attendance_policy.lock_after, set_attendance_policy.absence_after,
    set_attendance_policy.chain_people, set_attendance_policy.chain_within, set_attendance_policy.end_margin)
  ON CONFLICT ON CONSTRAINT attendance_policy_pkey DO UPDATE
  SET lock_after = EXCLUDED.lock_after, absence_after = EXCLUDED.absence_after, chain_people = EXCLUDED.chain_people,
    chain_within = EXCLUDED.chain_within, end_margin = EXCLUDED.end_margin, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_attendance_policy(interval, interval, int, interval, interval) IS
'Choices of the tenant. lock_after: how long after its end a slot takes changes from others than managers (NULL: always, the default). absence_after: when who did not sign is absent (a day by default; NULL: only by countersigning). The rest is what attest.presence_flags points at: how many people from one device within what time, and what is the end of a slot.';

CREATE FUNCTION attest.cancel_slot(slot uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  cancelled int;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR NO KEY UPDATE;
  PERFORM attest_internal.lock_flags(slot);
  UPDATE attest_data.slot s SET cancelled_at = now(), closed_at = coalesce(s.closed_at, now())
  WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  SELECT count(attest_internal.add_event(slot, st.person_id, 'cancelled', 0, 'cancellation', clock_timestamp(), cancel_slot.reason)) INTO cancelled
  FROM (SELECT s.person_id FROM attest_data.presence_state s
    WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot ORDER BY s.person_id) st;
  RETURN cancelled;
END
$$;
COMMENT ON FUNCTION attest.cancel_slot(uuid, text) IS
'The slot does not take place: everybody expected on it is recorded as cancelled, nothing is planned any more, and nobody signs it (TA118). Returns how many people. For managers.';

CREATE FUNCTION attest.cancel_session(session uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slots int;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  SELECT count(attest.cancel_slot(sl.slot_id, reason)) INTO slots
  FROM (SELECT s.slot_id FROM attest_data.slot s
    WHERE s.tenant_id = attest.current_tenant() AND s.session_id = session AND s.starts_at > now() AND s.cancelled_at IS NULL
    ORDER BY s.starts_at, s.slot_id) sl;
  RETURN slots;
END
$$;
COMMENT ON FUNCTION attest.cancel_session(uuid, text) IS
'Cancels the slots of a session that have not started; what took place stays. Returns how many slots. For managers.';

CREATE FUNCTION attest.dispute(slot uuid, person uuid, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  attended int;
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(person);
  SELECT st.minutes_attended INTO attended FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  RETURN attest_internal.add_event(slot, person, 'disputed', attended, 'dispute', clock_timestamp(), reason);
END
$$;
COMMENT ON FUNCTION attest.dispute(uuid, uuid, text) IS
'Contests what is recorded, at any time: the minutes stay as they are until attest.record_presence() says what holds. Learners for themselves; trainers and managers for others.';

CREATE FUNCTION attest.submit_justification(slot uuid, person uuid, motive text, document bytea) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_justification uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF (motive = ANY (ARRAY['medical', 'family', 'transport', 'summons', 'employer', 'examination', 'other'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'motive', 'medical, family, transport, summons, employer, examination, other');
  END IF;
  IF (octet_length(document) BETWEEN 1 AND 10485760) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'document', 'from 1 byte to 10 MB');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(person);
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person) THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  INSERT INTO attest_data.justification (tenant_id, justification_id, slot_id, person_id, motive, document, digest)
  VALUES (attest.current_tenant(), new_justification, slot, person, submit_justification.motive,
    attest_internal.seal_bytes(submit_justification.document, person, 'justification.document'), sha256(submit_justification.document));
  RETURN new_justification;
END
$$;
COMMENT ON FUNCTION attest.submit_justification(uuid, uuid, text, bytea) IS
'Hands in a document for an absence or lateness; it is sealed. Motive: medical, family, transport, summons, employer, examination, other. Nothing changes until attest.decide_justification().';

CREATE FUNCTION attest.open_justification(justification uuid) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.justification;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,learner,beneficiary,candidate');
  SELECT * INTO held FROM attest_data.justification j
  WHERE j.tenant_id = attest_internal.required_tenant() AND j.justification_id = justification;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'justification', coalesce(justification::text, '-'));
  END IF;
  RETURN attest_internal.unseal_bytes(held.document, held.person_id, 'justification.document');
END
$$;
COMMENT ON FUNCTION attest.open_justification(uuid) IS 'The document that was handed in; NULL once the person is erased.';

CREATE FUNCTION attest.decide_justification(justification uuid, accepted boolean, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.justification;
  decided timestamptz;
  attended int;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent');
  IF accepted IS NULL OR coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'accepted, reason');
  END IF;
  SELECT * INTO held FROM attest_data.justification j
  WHERE j.tenant_id = attest_internal.required_tenant() AND j.justification_id = justification;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'justification', coalesce(justification::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(held.person_id);
  INSERT INTO attest_data.justification_decision (tenant_id, justification_id, accepted, reason)
  VALUES (attest.current_tenant(), held.justification_id, decide_justification.accepted,
    attest.seal(decide_justification.reason, held.person_id, 'justification.reason'))
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT d.decided_at INTO decided FROM attest_data.justification_decision d
    WHERE d.tenant_id = attest.current_tenant() AND d.justification_id = held.justification_id;
    PERFORM attest_internal.fail('already_decided', decided::text);
  ELSIF NOT accepted THEN
    RETURN NULL;
  END IF;
  SELECT st.minutes_attended INTO attended FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = held.slot_id AND st.person_id = held.person_id FOR NO KEY UPDATE;
  RETURN attest_internal.add_event(held.slot_id, held.person_id, 'justified', attended, 'justification', clock_timestamp(), reason,
    attest_internal.lock_flags(held.slot_id), NULL, held.justification_id);
END
$$;
COMMENT ON FUNCTION attest.decide_justification(uuid, boolean, text) IS
'Decides on a document, once, with the reason (sealed). Accepted: the status becomes justified, the minutes attended stay. Returns the event, NULL where refused. Error TA121 when already decided. For managers and HR managers.';

-- attendance, check-in: challenges, codes, countersigning, who is on the board.

CREATE FUNCTION attest.slot_code(slot uuid, OUT code text, OUT qr text, OUT valid_until timestamptz) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  random bytea := uuid_send(gen_random_uuid());
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.lock_flags(slot);
  -- Eight of 32 characters that are not taken for one another, from bytes of the uuid that are all random.
  SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + (get_byte(random, b) & 31), 1), '') INTO code
  FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) b;
  valid_until := now() + interval '1 minute';
  qr := format('attest:1:%s:%s', slot, code);
  DELETE FROM attest_data.slot_code c WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot AND c.expires_at < now();
  INSERT INTO attest_data.slot_code (tenant_id, slot_id, hash, expires_at)
  VALUES (attest.current_tenant(), slot, sha256(convert_to(slot || ':' || code, 'UTF8')), valid_until);
END
$$;
COMMENT ON FUNCTION attest.slot_code(uuid) IS
'A new code to show in the room, good for a minute, and the text of its QR code. Call it every half minute: the last two are good. Only its hash is kept. For managers and trainers.';

CREATE FUNCTION attest_internal.require_code(slot uuid, person uuid, code text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  guesser text := format('slot code %s', person);
BEGIN
  IF NOT attest_internal.take_guess(guesser) OR NOT EXISTS (SELECT FROM attest_data.slot_code c
      WHERE c.tenant_id = attest_internal.required_tenant() AND c.slot_id = slot
        AND c.hash = sha256(convert_to(slot || ':' || upper(code), 'UTF8')) AND c.expires_at > now()) THEN
    PERFORM attest_internal.fail('code_invalid', slot::text);
  END IF;
  PERFORM attest_internal.forgive_guesses(guesser);
END
$$;
COMMENT ON FUNCTION attest_internal.require_code(uuid, uuid, text) IS 'Error TA116 unless the code is one that the slot shows now; after five wrong ones, for growing times.';

CREATE FUNCTION attest.challenge(slot uuid, person uuid, device uuid, code text DEFAULT NULL) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Twice 122 random bits.
  answer bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  signed_already boolean;
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF device IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'device');
  END IF;
  SELECT st.signed INTO signed_already FROM attest_data.presence_state st
  WHERE st.tenant_id = attest_internal.required_tenant() AND st.slot_id = slot AND st.person_id = person;
  IF NOT FOUND THEN
    PERFORM attest_internal.refuse_stranger(slot, person);
  ELSIF signed_already THEN
    PERFORM attest_internal.signed_earlier(slot, person, NULL);
  END IF;
  IF code IS NOT NULL THEN
    PERFORM attest_internal.require_code(slot, person, code);
  END IF;
  INSERT INTO attest_data.challenge AS c (tenant_id, slot_id, person_id, device_id, hash, expires_at, coded)
  VALUES (attest.current_tenant(), slot, person, device, sha256(answer), now() + interval '2 minutes', challenge.code IS NOT NULL)
  ON CONFLICT ON CONSTRAINT challenge_pkey DO UPDATE SET hash = EXCLUDED.hash, expires_at = EXCLUDED.expires_at, coded = EXCLUDED.coded;
  RETURN answer;
END
$$;
COMMENT ON FUNCTION attest.challenge(uuid, uuid, uuid, text) IS
'32 bytes that let one device sign one slot for one person once, within two minutes: attest.sign() takes them. code: what the slot shows in the room now, which raises the evidence. Only a hash is kept. Errors TA103, TA104, TA116.';

CREATE FUNCTION attest.list_digest(slot uuid) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  PERFORM attest_internal.require_slot(slot);
  RETURN attest_internal.list_digest(slot);
END
$$;
COMMENT ON FUNCTION attest.list_digest(uuid) IS
'What a countersignature is bound to: SHA-256 of the id of the slot and then a line "person status minutes_attended" for each person on it, ordered by person, separated by line feeds. A client may compute it from what it shows.';

CREATE FUNCTION attest.countersign(slot uuid, signature attest.signature, shown bytea DEFAULT NULL, client_id uuid DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earlier attest_data.countersignature;
  digest bytea;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('trainer');
  PERFORM attest_internal.require_slot(slot);
  -- Two trainers at once, or one twice: the row of the slot is the lock.
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.slot_trainer t WHERE t.tenant_id = attest.current_tenant() AND t.slot_id = slot
      AND t.trainer_id = attest.current_person()) THEN
    PERFORM attest_internal.fail('trainer_only', slot::text);
  END IF;
  SELECT * INTO earlier FROM attest_data.countersignature c
  WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot;
  IF FOUND AND earlier.client_id = countersign.client_id THEN
    RETURN earlier.countersignature_id;
  ELSIF FOUND THEN
    PERFORM attest_internal.fail('already_countersigned', slot::text, earlier.countersigned_at::text);
  END IF;
  -- Whoever is signing holds the row of their state: wait for them, and see them.
  PERFORM FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
  ORDER BY st.person_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NOT NULL) THEN
    PERFORM attest_internal.fail('nothing_to_countersign', slot::text);
  END IF;
  digest := attest_internal.list_digest(slot);
  IF shown <> digest THEN
    PERFORM attest_internal.fail('list_changed', slot::text, encode(shown, 'hex'), encode(digest, 'hex'));
  END IF;
  PERFORM attest_internal.lock_flags(slot);

  -- Who is expected and has no event by now is absent: the trainer signs that too.
  PERFORM attest_internal.add_event(slot, st.person_id, 'absent', 0, 'countersignature')
  FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NULL;
  UPDATE attest_data.presence_state st SET countersigned = true
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot;
  INSERT INTO attest_data.countersignature (tenant_id, countersignature_id, slot_id, trainer_id, signature_id, list_digest, shown, events, client_id)
  VALUES (attest.current_tenant(), event, slot, attest.current_person(),
    attest_internal.store_signature(slot, attest.current_person(), 'trainer', signature, now()), digest, countersign.shown IS NOT NULL,
    ARRAY(SELECT st.presence_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot ORDER BY st.person_id), countersign.client_id);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.countersign(uuid, attest.signature, bytea, uuid) IS
'The trainer of the ticket countersigns a slot: who has no event becomes absent, and the signature is bound to exactly the list. shown: attest.list_digest() of the list that the trainer saw; another list now is error TA117. Without it, the list as it stands is countersigned. client_id makes the call safe to repeat. Errors TA106 not a trainer of the slot, TA107 already done, TA108 nothing recorded, TA114 locked, TA118 cancelled.';

CREATE FUNCTION attest.live_board(
  slot uuid, OUT person_id uuid, OUT last_name text, OUT first_name text, OUT status text, OUT at timestamptz, OUT method text,
  OUT minutes_attended int, OUT evidence smallint, OUT countersigned boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager');
  PERFORM attest_internal.require_slot(slot);
  RETURN QUERY
  SELECT b.person_id, attest.unseal(p.last_name, p.person_id, 'person.last_name'),
    attest.unseal(p.first_name, p.person_id, 'person.first_name'), b.status, b.claimed_at, b.method,
    b.minutes_attended, b.evidence, b.countersigned
  FROM attest.presences b
  JOIN attest_data.person p ON p.tenant_id = attest.current_tenant() AND p.person_id = b.person_id
  WHERE b.slot_id = slot
  ORDER BY 2, 3;
END
$$;
COMMENT ON FUNCTION attest.live_board(uuid) IS
'Who is expected on a slot and where each stands now: expected until an event, then its status, time, method, minutes and level of evidence.';

-- attendance, around the clock: absences, notices of events, and what comes from tablets that were offline.

CREATE FUNCTION attest_internal.attendance_absence_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended record;
  missing record;
  done bigint := 0;
BEGIN
  -- A slot is closed once, however long the worker was down. Who enrols late opens it again.
  FOR ended IN
    SELECT sl.slot_id, sl.modality FROM attest_data.slot sl
    JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
    LEFT JOIN attest_data.attendance_policy p ON p.tenant_id = sl.tenant_id
    WHERE sl.tenant_id = attest_internal.required_tenant() AND sl.closed_at IS NULL AND sl.ends_at < now()
      AND sl.ends_at + coalesce(se.closes_after, '0') < now()
      AND sl.ends_at + CASE WHEN p.tenant_id IS NULL THEN interval '1 day' ELSE p.absence_after END < now()
    ORDER BY sl.ends_at, sl.slot_id
    LIMIT 500 FOR NO KEY UPDATE OF sl SKIP LOCKED
  LOOP
    -- Whoever signs at this moment is waited for, and is then no longer expected.
    FOR missing IN
      SELECT st.person_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = ended.slot_id AND st.status = 0
      ORDER BY st.person_id FOR NO KEY UPDATE
    LOOP
      PERFORM attest_internal.add_event(ended.slot_id, missing.person_id,
        CASE ended.modality WHEN 'in_company' THEN 'in_company' ELSE 'absent' END, 0, 'automatic');
      done := done + 1;
    END LOOP;
    UPDATE attest_data.slot sl SET closed_at = now() WHERE sl.tenant_id = attest.current_tenant() AND sl.slot_id = ended.slot_id;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_absence_job() IS
'Records as absent whoever is still expected on a slot that has ended, by the policy of the tenant; on a slot in the company, as in_company with no minutes. 500 slots a run at most. Returns how many people.';

CREATE FUNCTION attest_internal.attendance_purge_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  DELETE FROM attest_data.challenge c WHERE c.tenant_id = attest_internal.required_tenant() AND c.expires_at < now();
  DELETE FROM attest_data.slot_code c WHERE c.tenant_id = attest.current_tenant() AND c.expires_at < now();
  DELETE FROM attest_data.event_outbox o WHERE o.tenant_id = attest.current_tenant() AND o.at < now() - interval '7 days';
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_purge_job() IS
'Removes challenges and codes past their time, and notices older than a week; returns the number of notices.';

CREATE FUNCTION attest.events_since(
  after text DEFAULT NULL, most int DEFAULT 100, OUT "position" text, OUT kind text, OUT slot_id uuid, OUT person_id uuid,
  OUT presence_id uuid, OUT at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here bigint := attest_internal.this_server();
  parts text[];
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager,learner,beneficiary,candidate');
  IF after IS NOT NULL AND after !~ '^-?[0-9]{1,19}:[0-9]{1,19}:[0-9a-f-]{36}$' THEN
    PERFORM attest_internal.fail('bad_value', 'after', 'a position of attest.events_since()');
  END IF;
  parts := string_to_array(coalesce(after, here || ':0:00000000-0000-0000-0000-000000000000'), ':');
  IF parts[1] <> here::text THEN
    PERFORM attest_internal.fail('position_unknown');
  END IF;
  -- Transactions are told in the order of their numbers, and only those before the oldest that still
  -- runs: whatever commits later has a greater number than all that was told.
  RETURN QUERY
  SELECT format('%s:%s:%s', here, o.transaction, o.event_id), o.kind, o.slot_id, o.person_id, o.event_id, o.at
  FROM attest_data.event_outbox o
  WHERE o.tenant_id = attest.current_tenant() AND o.server = here
    AND (o.transaction, o.event_id) > (parts[2]::xid8, parts[3]::uuid)
    AND o.transaction < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY o.transaction, o.event_id
  LIMIT least(greatest(coalesce(most, 100), 1), 10000);
END
$$;
COMMENT ON FUNCTION attest.events_since(text, int) IS
'What happened after a position, in one order for all readers of a tenant: a client that reconnects gives the last position it has and misses nothing. NULL: from the oldest kept, a week back. The server notifies on attest_events, without a payload, when there may be more; an event waits for older transactions that write, so look every few seconds too. A position of another server (a restored copy) is error TA122.';

CREATE FUNCTION attest_internal.sync_item(item jsonb, device uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client uuid := (item ->> 'client_id')::uuid;
  slot uuid := (item ->> 'slot')::uuid;
  person uuid := (item ->> 'person')::uuid;
  claimed timestamptz := (item ->> 'claimed_at')::timestamptz;
  drawn attest.signature;
BEGIN
  IF client IS NULL OR slot IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'client_id, slot');
  ELSIF claimed IS NULL AND item ->> 'kind' <> 'countersign' THEN
    PERFORM attest_internal.fail('field_required', 'claimed_at');
  END IF;
  IF item ->> 'kind' IN ('sign', 'countersign') THEN
    drawn := (item ->> 'signature')::attest.signature;
  END IF;
  CASE item ->> 'kind'
    WHEN 'sign' THEN
      RETURN attest.sign(slot, person, drawn, NULL, coalesce((item ->> 'device')::uuid, device), client, claimed,
        coalesce(item ->> 'channel', 'offline'));
    WHEN 'record' THEN
      RETURN attest.record_presence(slot, person, item ->> 'status', item ->> 'reason', (item ->> 'minutes_attended')::int,
        claimed, client, coalesce(item ->> 'method', 'entry'));
    WHEN 'countersign' THEN
      RETURN attest.countersign(slot, drawn, decode(item ->> 'shown', 'hex'), client);
    ELSE
      PERFORM attest_internal.fail('field_unknown_value', 'kind', 'sign, record, countersign');
  END CASE;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.sync_item(jsonb, uuid) IS 'Does what one item of attest.sync() says.';

CREATE FUNCTION attest.sync(
  batch jsonb, OUT item int, OUT client_id text, OUT outcome text, OUT code text, OUT message text, OUT id uuid
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
  work record;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,learner,beneficiary,candidate');
  IF jsonb_typeof(batch -> 'items') IS DISTINCT FROM 'array' OR jsonb_array_length(batch -> 'items') > 1000
      OR pg_column_size(batch) > 67108864 THEN
    PERFORM attest_internal.fail('bad_value', 'batch', 'an object with items, an array of 1000 at most and 64 MB');
  END IF;
  -- One order for all batches, so that two of them never wait for each other; countersignatures last.
  FOR work IN
    SELECT i.number::int, i.body, i.body ->> 'client_id' AS client FROM jsonb_array_elements(batch -> 'items') WITH ORDINALITY i (body, number)
    ORDER BY i.body ->> 'kind' IS NOT DISTINCT FROM 'countersign', i.body ->> 'slot', i.body ->> 'person', i.body ->> 'claimed_at', i.number
  LOOP
    item := work.number;
    client_id := work.client;
    SELECT 'repeated', NULL, NULL, k.id INTO outcome, code, message, id FROM attest_internal.known_client_id(work.client) k (id) WHERE k.id IS NOT NULL;
    IF NOT FOUND THEN
      BEGIN
        id := attest_internal.sync_item(work.body, (batch ->> 'device')::uuid);
        outcome := 'stored';
        code := NULL;
        message := NULL;
      EXCEPTION WHEN OTHERS THEN
        -- What is not the item's fault ends the batch: it is sent again as a whole.
        IF SQLSTATE !~ '^(TA|22)' THEN
          RAISE;
        END IF;
        outcome := 'refused';
        code := SQLSTATE;
        -- A message of class 22 may repeat what was sent.
        message := CASE WHEN SQLSTATE ~ '^TA' THEN SQLERRM ELSE 'a value cannot be read' END;
        id := NULL;
      END;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.sync(jsonb) IS
'Takes what a tablet gathered while it was offline: {"device": uuid, "items": [...]}, 1000 items and 64 MB at most. An item has kind (sign, record, countersign), client_id, slot, person, claimed_at, and signature or status, reason, minutes_attended; for countersign signature and shown, the digest in hexadecimal. A row an item: stored, repeated (it was here already) or refused with the code and message of its error; one refused item spoils no other. Safe to send twice and in any order: the later claim holds, and who sends again sends the same.';

CREATE FUNCTION attest_internal.known_client_id(client text) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted uuid;
BEGIN
  IF client !~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' THEN
    RETURN NULL;
  END IF;
  wanted := client::uuid;
  RETURN coalesce(
    (SELECT p.presence_id FROM attest_data.presence p WHERE p.tenant_id = attest_internal.required_tenant() AND p.client_id = wanted),
    (SELECT c.countersignature_id FROM attest_data.countersignature c WHERE c.tenant_id = attest.current_tenant() AND c.client_id = wanted));
END
$$;
COMMENT ON FUNCTION attest_internal.known_client_id(text) IS 'What a client id already stands for in the entered tenant, or NULL.';

-- attendance, presences: events, and the one status that they come to.

CREATE FUNCTION attest_internal.event_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_event_server' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.event_server() IS
'The system identifier of this cluster; whoever listens is woken once the transaction has committed.';

CREATE FUNCTION attest_internal.this_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_this_server' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.this_server() IS 'The system identifier of this cluster.';

CREATE FUNCTION attest_internal.lock_flags(slot uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_at timestamptz;
  called_off timestamptz;
BEGIN
  SELECT s.ends_at + p.lock_after, s.cancelled_at INTO locked_at, called_off
  FROM attest_data.slot s LEFT JOIN attest_data.attendance_policy p ON p.tenant_id = s.tenant_id
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.slot_id = slot;
  IF called_off IS NOT NULL THEN
    PERFORM attest_internal.fail('slot_cancelled', slot::text, called_off::text);
  ELSIF locked_at < now() THEN
    IF attest.current_profile() <> 'manager' THEN
      PERFORM attest_internal.fail('slot_locked', locked_at::text);
    END IF;
    RETURN '{AFTER_LOCK}';
  END IF;
  RETURN '{}';
END
$$;
COMMENT ON FUNCTION attest_internal.lock_flags(uuid) IS
'What the lock of a slot gives to look at: AFTER_LOCK for a manager, error TA114 for others; TA118 once cancelled.';

CREATE FUNCTION attest_internal.event_rank(method text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN method IN ('automatic', 'countersignature') THEN 1 WHEN method IS NULL THEN 0 ELSE 2 END
$$;
COMMENT ON FUNCTION attest_internal.event_rank(text) IS
'Which event wins: one that somebody stated over one that followed from nothing recorded; within a rank, the later by claimed_at; where that is the same, the greater status, method and minutes, so that events may arrive in any order.';

CREATE FUNCTION attest_internal.add_event(
  slot uuid, person uuid, status text, attended int, method text, claimed_at timestamptz DEFAULT clock_timestamp(), reason text DEFAULT NULL,
  flags text[] DEFAULT '{}', client_id uuid DEFAULT NULL, justification uuid DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  code smallint := attest_internal.status_code(status);
  event uuid := attest.uuid_v7();
  level smallint := CASE WHEN method IN ('automatic', 'countersignature') THEN 0 ELSE 1 END;
  planned int;
  late int;
BEGIN
  SELECT CASE WHEN add_event.status = 'cancelled' THEN 0 ELSE attest_internal.minutes_between(sl.starts_at, sl.ends_at) END INTO planned
  FROM attest_data.slot sl WHERE sl.tenant_id = tenant AND sl.slot_id = slot;
  late := CASE WHEN add_event.status = 'late' THEN planned - attended ELSE 0 END;
  -- The row of the state is the lock of all events of a person on a slot.
  PERFORM FROM attest_data.presence_state st
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
    claimed_at, method, client_id, justification_id, channel, flags, reason)
  VALUES (tenant, planned, attended, code, level, event, slot, person, add_event.claimed_at, add_event.method, add_event.client_id,
    justification, add_event.channel, add_event.flags, attest.seal(add_event.reason, person, 'presence.reason'));
  UPDATE attest_data.presence_state st
  SET status = code, evidence = level, minutes_planned = planned, minutes_attended = attended, late_minutes = late,
    minutes_counted = attest_internal.minutes_counted(st.rule_version, code, planned, attended),
    countersigned = false, method = add_event.method, presence_id = event, claimed_at = add_event.claimed_at
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person
    AND (st.presence_id IS NULL OR (attest_internal.event_rank(add_event.method), add_event.claimed_at, code, add_event.method, attended)
      >= (attest_internal.event_rank(st.method), st.claimed_at, st.status, st.method, st.minutes_attended));
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind)
  VALUES (tenant, event, slot, person, attest_internal.event_server(), add_event.status);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest_internal.add_event(uuid, uuid, text, int, text, timestamptz, text, text[], uuid, uuid, text) IS
'Writes an event, the status that it comes to and the notice of it. Error TA103 where the person is not expected on the slot.';

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

CREATE FUNCTION attest_internal.require_signer(person uuid, signed_at timestamptz, claimed_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,learner,beneficiary,candidate,department_referent');
  IF attest.current_profile() IN ('learner', 'beneficiary', 'candidate') AND person IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('profile_refused', attest.current_profile(), 'the person who signs, or a trainer or manager');
  END IF;
  IF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_signer(uuid, timestamptz, timestamptz) IS
'Who may sign for whom: learners for themselves, staff for all; error TA005. And when: TA109 for a time to come.';

CREATE FUNCTION attest_internal.refuse_stranger(slot uuid, person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.fail('not_enrolled', slot::text);
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_stranger(uuid, uuid) IS 'Why a person cannot be recorded on a slot: error TA105 without such a slot, else TA103.';

CREATE FUNCTION attest_internal.signed_earlier(slot uuid, person uuid, client_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earlier attest_data.presence;
BEGIN
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.client_id = signed_earlier.client_id;
  IF FOUND AND (earlier.slot_id, earlier.person_id) = (slot, person) THEN
    RETURN earlier.presence_id;
  ELSIF FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', client_id::text);
  END IF;
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.slot_id = slot AND p.person_id = person AND p.method = 'signature' LIMIT 1;
  PERFORM attest_internal.fail('already_signed', slot::text, earlier.claimed_at::text);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.signed_earlier(uuid, uuid, uuid) IS
'The event of an earlier call with the same client id; error TA104 where it is another signature, TA112 where the id stands for another slot.';

CREATE FUNCTION attest_internal.check_signing(slot uuid, level int, signed_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules attest_data.session;
  starts_at timestamptz;
  ends_at timestamptz;
BEGIN
  PERFORM attest_internal.lock_flags(slot);
  SELECT s.starts_at, s.ends_at INTO starts_at, ends_at FROM attest_data.slot s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.slot_id = slot;
  SELECT se.* INTO rules FROM attest_data.slot s
  JOIN attest_data.session se ON se.tenant_id = s.tenant_id AND se.session_id = s.session_id
  WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  IF signed_at < starts_at - rules.opens_before OR signed_at > ends_at + rules.closes_after THEN
    PERFORM attest_internal.fail('signing_closed', coalesce((starts_at - rules.opens_before)::text, '-'),
      coalesce((ends_at + rules.closes_after)::text, '-'), signed_at::text);
  ELSIF level < rules.own_device_evidence AND attest.current_profile() IN ('learner', 'beneficiary', 'candidate') THEN
    PERFORM attest_internal.fail('proof_too_weak', level::text, rules.own_device_evidence::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_signing(uuid, int, timestamptz) IS
'Why a signature is refused: TA118 cancelled, TA114 locked, TA113 outside the window, TA123 less evidence than the session asks of who signs for themselves.';

CREATE FUNCTION attest_internal.take_challenge(slot uuid, person uuid, device uuid, challenge bytea) RETURNS smallint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  coded boolean;
BEGIN
  DELETE FROM attest_data.challenge c
  WHERE c.tenant_id = attest_internal.required_tenant() AND c.slot_id = slot AND c.person_id = person AND c.device_id = device
    AND c.hash = sha256(challenge) AND c.expires_at > now()
  RETURNING c.coded INTO coded;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('challenge_invalid', slot::text);
  END IF;
  RETURN CASE WHEN coded THEN 4 ELSE 3 END;
END
$$;
COMMENT ON FUNCTION attest_internal.take_challenge(uuid, uuid, uuid, bytea) IS
'Uses a challenge up; returns the level of evidence that it gives. Error TA115.';

CREATE FUNCTION attest.sign(
  slot uuid, person uuid, signature attest.signature, challenge bytea DEFAULT NULL, device uuid DEFAULT NULL,
  client_id uuid DEFAULT NULL, claimed_at timestamptz DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  signed_at timestamptz := coalesce(claimed_at, now());
  held record;
  level smallint;
  missed int := 0;
  code smallint := 1;
  wins boolean;
  event uuid := attest.uuid_v7();
BEGIN
  -- Conditions are expressions, and the call that names the fault comes after: PERFORM is a run of the executor.
  IF (attest.current_profile() IN ('manager', 'trainer')) IS NOT TRUE OR signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.require_signer(person, signed_at, claimed_at);
  END IF;
  -- The row of the state is the lock of all events of a person on a slot; it says who is expected, too.
  SELECT st.signed, st.presence_id, st.method, st.claimed_at, st.status, st.minutes_attended, sl.starts_at, sl.ends_at, sl.holiday, sl.cancelled_at,
    se.late_after, se.opens_before, se.closes_after, se.own_device_evidence, po.lock_after, extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60 AS planned,
    coalesce(r.as_attended, 2590) AS as_attended, coalesce(r.as_planned, 256) AS as_planned, coalesce(r.grain, 1) AS grain INTO held
  FROM attest_data.presence_state st
  JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
  JOIN attest_data.session se ON se.tenant_id = st.tenant_id AND se.session_id = st.session_id
  JOIN attest_data.person p ON p.tenant_id = st.tenant_id AND p.person_id = st.person_id
  LEFT JOIN attest_data.counting_rule r ON r.tenant_id = st.tenant_id AND r.rule_version = st.rule_version
  LEFT JOIN attest_data.attendance_policy po ON po.tenant_id = st.tenant_id
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person
  FOR NO KEY UPDATE OF st FOR KEY SHARE OF p;
  IF NOT FOUND THEN
    PERFORM attest_internal.refuse_stranger(slot, person);
  ELSIF held.signed THEN
    RETURN attest_internal.signed_earlier(slot, person, client_id);
  END IF;
  level := CASE WHEN challenge IS NULL THEN 2 ELSE attest_internal.take_challenge(slot, person, device, challenge) END;
  IF held.cancelled_at IS NOT NULL OR now() > held.ends_at + held.lock_after OR signed_at < held.starts_at - held.opens_before
      OR signed_at > held.ends_at + held.closes_after OR level < held.own_device_evidence THEN
    PERFORM attest_internal.check_signing(slot, level, signed_at);
  END IF;
  IF signed_at - held.starts_at > held.late_after THEN
    missed := least(held.planned, floor(extract(epoch FROM signed_at - held.starts_at) / 60));
    code := CASE WHEN missed > 0 THEN 2 ELSE 1 END;
  END IF;
  wins := held.presence_id IS NULL OR (2, signed_at, code, 'signature', held.planned - missed)
    >= (attest_internal.event_rank(held.method), held.claimed_at, held.status, held.method, held.minutes_attended);
  IF attest_internal.require_ink(signature) IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  WITH s AS (
    INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
    VALUES (attest.current_tenant(), event, slot, person, 'learner', attest.signature_kind(signature),
      attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
      attest.signature_digest(signature), attest.signature_reasons(signature), signed_at)
  ), e AS (
    INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
      claimed_at, method, client_id, device_id, signature_id, channel, flags)
    VALUES (attest.current_tenant(), held.planned, held.planned - missed, code, level, event, slot, person, signed_at, 'signature',
      sign.client_id, device, event, sign.channel,
      array_remove(ARRAY[
        CASE WHEN signed_at < held.starts_at - interval '15 minutes' OR signed_at > held.ends_at + interval '15 minutes' THEN 'OUTSIDE_SLOT' END,
        CASE WHEN signed_at < held.starts_at - interval '15 minutes' THEN 'BEFORE_SLOT' END,
        CASE WHEN held.holiday THEN 'PUBLIC_HOLIDAY' END, CASE WHEN now() > held.ends_at + held.lock_after THEN 'AFTER_LOCK' END,
        CASE WHEN now() - signed_at > interval '5 minutes' THEN 'OFFLINE' END], NULL))
    ON CONFLICT DO NOTHING RETURNING presence.status
  ), u AS (
    UPDATE attest_data.presence_state st
    SET signed = true, status = code, evidence = level, minutes_planned = held.planned, minutes_attended = held.planned - missed,
      late_minutes = missed, countersigned = false, method = 'signature', presence_id = event, claimed_at = signed_at,
      minutes_counted = attest_internal.count_minutes(held.as_attended, held.as_planned, held.grain, code, held.planned, held.planned - missed)
    FROM e
    WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person AND wins
  )
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind)
  SELECT attest.current_tenant(), event, slot, person, attest_internal.event_server(), CASE code WHEN 2 THEN 'late' ELSE 'present' END FROM e;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', sign.client_id::text);
  ELSIF NOT wins THEN
    UPDATE attest_data.presence_state st SET signed = true
    WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person;
  END IF;
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text) IS
'A person signs a slot; returns the presence_id. challenge: what attest.challenge() gave this device. client_id makes the call safe to repeat; claimed_at is the time on the device where it was offline (flag OFFLINE). Later than the tolerance of the session: late, with the minutes missed taken off. Learners sign for themselves only. Errors TA103 not enrolled, TA104 already signed, TA109 future, TA113 outside the window, TA114 locked, TA115 challenge, TA118 cancelled, TA123 evidence, TA202 and TA203 ink.';

CREATE FUNCTION attest.record_presence(
  slot uuid, person uuid, status text, reason text, minutes_attended int DEFAULT NULL, claimed_at timestamptz DEFAULT NULL,
  client_id uuid DEFAULT NULL, method text DEFAULT 'entry'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  stated_at timestamptz := coalesce(claimed_at, clock_timestamp());
  minutes_planned int;
  earlier attest_data.presence;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  facts := attest_internal.require_slot(slot);
  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  IF status = 'justified' THEN
    PERFORM attest_internal.fail('document_needed');
  ELSIF (status = ANY (ARRAY['present', 'late', 'left_early', 'partial', 'absent', 'excused', 'exempted', 'in_company'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'status', 'present, late, left_early, partial, absent, excused, exempted, in_company');
  ELSIF (method = ANY (ARRAY['entry', 'import', 'badge', 'connection_log', 'work_handed_in', 'paper'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'method', 'entry, import, badge, connection_log, work_handed_in, paper');
  ELSIF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF stated_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  ELSIF status = 'excused' AND stated_at > facts.starts_at THEN
    PERFORM attest_internal.fail('excused_late', facts.starts_at::text, stated_at::text);
  END IF;
  minutes_attended := coalesce(minutes_attended, CASE WHEN status IN ('present', 'in_company') THEN minutes_planned
    WHEN status IN ('absent', 'excused', 'exempted') THEN 0 END);
  IF minutes_attended IS NULL OR NOT minutes_attended BETWEEN 0 AND minutes_planned THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_attended', format('from 0 to %s', minutes_planned));
  END IF;
  PERFORM attest_internal.require_person(person);
  PERFORM FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  SELECT * INTO earlier FROM attest_data.presence p
  WHERE p.tenant_id = attest.current_tenant() AND p.client_id = record_presence.client_id;
  IF FOUND AND (earlier.slot_id, earlier.person_id) = (slot, person) THEN
    RETURN earlier.presence_id;
  ELSIF FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', client_id::text);
  END IF;
  RETURN attest_internal.add_event(slot, person, status, minutes_attended, method, stated_at, reason,
    attest_internal.lock_flags(slot), client_id);
END
$$;
COMMENT ON FUNCTION attest.record_presence(uuid, uuid, text, text, int, timestamptz, uuid, text) IS
'Records a presence, an absence or a correction, as a new event with its reason (sealed) and author. Minutes: all for present and in_company, none for absences, required for late, left_early and partial. excused: claimed_at, when the excuse came, lies before the start (TA119). method: entry, import, badge, connection_log, work_handed_in, paper. client_id makes the call safe to repeat. Locked: managers only, flagged AFTER_LOCK (TA114). Errors TA103, TA118, TA120.';

CREATE FUNCTION attest_internal.list_digest(slot uuid) RETURNS bytea
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(concat_ws(E'\n', slot, string_agg(
    format('%s %s %s', st.person_id, attest.status_name(st.status), st.minutes_attended), E'\n' ORDER BY st.person_id)), 'UTF8'))
  FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
$$;
COMMENT ON FUNCTION attest_internal.list_digest(uuid) IS
'SHA-256 of the list of a slot as it stands: see attest.list_digest().';

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
  documents int;
BEGIN
  -- Times, minutes and digests stay: they are the totals, and name nobody.
  UPDATE attest_data.slot_signature s SET signature = NULL
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.person_id = person AND s.signature IS NOT NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  UPDATE attest_data.justification j SET document = NULL
  WHERE j.tenant_id = attest.current_tenant() AND j.person_id = person AND j.document IS NOT NULL;
  GET DIAGNOSTICS documents = ROW_COUNT;
  RETURN emptied + documents;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_erase(uuid) IS 'What attendance forgets of a person at erasure: the captures and documents; returns their number.';

CREATE FUNCTION attest_internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_change() IS 'Trigger of append-only tables: a correction is a new row.';

-- attendance: the type attest.tally and its aggregates.

CREATE TYPE attest.tally;
COMMENT ON TYPE attest.tally IS
'Totals of attendance: slots, minutes planned, attended and counted, minutes late, signatures, countersigned slots, and slots by status. Exact, of fixed size, added with + and taken away with -; attest.tally_presence() makes it from presences, attest.merge_tally() from others. Text: slots=2 planned=420 due=420 attended=210 present=1 absent=1.';

CREATE FUNCTION attest_internal.tally_in(cstring) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_out(attest.tally) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_tally_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_recv(internal) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_send(attest.tally) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_tally_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_in(cstring) IS 'Text input of attest.tally.';
COMMENT ON FUNCTION attest_internal.tally_out(attest.tally) IS 'Text output of attest.tally.';
COMMENT ON FUNCTION attest_internal.tally_recv(internal) IS 'Binary input of attest.tally.';
COMMENT ON FUNCTION attest_internal.tally_send(attest.tally) IS 'Binary output of attest.tally.';

CREATE TYPE attest.tally (
  INTERNALLENGTH = 160, ALIGNMENT = double, STORAGE = plain,
  INPUT = attest_internal.tally_in, OUTPUT = attest_internal.tally_out,
  RECEIVE = attest_internal.tally_recv, SEND = attest_internal.tally_send
);

CREATE FUNCTION attest.tally_of(
  status smallint, planned int, attended int, counted int, late int DEFAULT 0, signed boolean DEFAULT false,
  countersigned boolean DEFAULT false
) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.tally_of(smallint, int, int, int, int, boolean, boolean) IS
'The tally of one slot of one person: the code of its status, and minutes. NULL without a status; another NULL is 0 or false.';

CREATE FUNCTION attest_internal.tally_plus(attest.tally, attest.tally) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_minus(attest.tally, attest.tally) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_eq(attest.tally, attest.tally) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_tally_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_ne(attest.tally, attest.tally) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_tally_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_plus(attest.tally, attest.tally) IS 'The sum of two tallies; error 22003 when a counter would overflow.';
COMMENT ON FUNCTION attest_internal.tally_minus(attest.tally, attest.tally) IS 'The difference of two tallies; error 22003 when a counter would overflow.';
COMMENT ON FUNCTION attest_internal.tally_eq(attest.tally, attest.tally) IS 'Whether every counter is the same.';
COMMENT ON FUNCTION attest_internal.tally_ne(attest.tally, attest.tally) IS 'Whether a counter differs.';

CREATE OPERATOR attest.+ (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_plus, COMMUTATOR = OPERATOR(attest.+));
CREATE OPERATOR attest.- (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_minus);
CREATE OPERATOR attest.= (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_eq, COMMUTATOR = OPERATOR(attest.=), NEGATOR = OPERATOR(attest.<>));
CREATE OPERATOR attest.<> (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_ne, COMMUTATOR = OPERATOR(attest.<>), NEGATOR = OPERATOR(attest.=));
COMMENT ON OPERATOR attest.+ (attest.tally, attest.tally) IS 'Sum.';
COMMENT ON OPERATOR attest.- (attest.tally, attest.tally) IS 'Difference: what a correction takes away.';
COMMENT ON OPERATOR attest.= (attest.tally, attest.tally) IS 'The same in every counter.';
COMMENT ON OPERATOR attest.<> (attest.tally, attest.tally) IS 'Not the same.';

-- --- aggregates ---

CREATE FUNCTION attest_internal.tally_add_slot(attest.tally, smallint, int, int, int, int, boolean, boolean) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_add_slot' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_merge(attest.tally, attest.tally) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_merge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_add_slot(attest.tally, smallint, int, int, int, int, boolean, boolean) IS 'Transition of attest.tally_presence().';
COMMENT ON FUNCTION attest_internal.tally_merge(attest.tally, attest.tally) IS 'Transition of attest.merge_tally(), and what combines the states of parallel workers.';

CREATE AGGREGATE attest.tally_presence(
  status smallint, planned int, attended int, counted int, late int, signed boolean, countersigned boolean
) (
  SFUNC = attest_internal.tally_add_slot, STYPE = attest.tally, INITCOND = 'slots=0',
  COMBINEFUNC = attest_internal.tally_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.tally_presence(smallint, int, int, int, int, boolean, boolean) IS
'The tally of slots of persons, a row each: code of the status, minutes planned, attended and counted, minutes late, whether signed and countersigned. Rows without a status count nothing.';

CREATE AGGREGATE attest.merge_tally(attest.tally) (
  SFUNC = attest_internal.tally_merge, STYPE = attest.tally, INITCOND = 'slots=0',
  COMBINEFUNC = attest_internal.tally_merge, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.merge_tally(attest.tally) IS 'The sum of tallies.';

-- --- accessors ---

CREATE FUNCTION attest.slots(total attest.tally, status text) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_status' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.slots(attest.tally, text) IS 'Slots with a status, such as absent; the names are in attest.presence_statuses().';

CREATE FUNCTION attest.slots(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_slots' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.slots(attest.tally) IS 'Slots of persons, of every status.';
CREATE FUNCTION attest.minutes_planned(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_planned' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_planned(attest.tally) IS 'Minutes planned.';
CREATE FUNCTION attest.minutes_due(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_due' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_due(attest.tally) IS 'Minutes planned of the slots that have an outcome: neither expected nor cancelled.';
CREATE FUNCTION attest.minutes_attended(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_attended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_attended(attest.tally) IS 'Minutes attended.';
CREATE FUNCTION attest.minutes_counted(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_counted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_counted(attest.tally) IS 'Minutes counted by the rules of the funder.';
CREATE FUNCTION attest.minutes_late(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_late' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_late(attest.tally) IS 'Minutes missed at the start of slots.';
CREATE FUNCTION attest.signatures(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_signatures' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signatures(attest.tally) IS 'Slots that the person signed.';
CREATE FUNCTION attest.countersigned_slots(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_countersigned' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.countersigned_slots(attest.tally) IS 'Slots that a trainer countersigned.';
CREATE FUNCTION attest.presences(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_presences' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.presences(attest.tally) IS 'Slots at which the person was there, for a part at least: present, late, left_early, partial, in_company.';
CREATE FUNCTION attest.absences(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_tally_absences' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.absences(attest.tally) IS 'Slots missed: absent, excused, justified; attest.slots(tally, status) tells them apart.';
CREATE FUNCTION attest.rate(total attest.tally) RETURNS numeric
AS 'MODULE_PATHNAME', 'attest_tally_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.rate(attest.tally) IS 'Attended of due minutes in percent, with one decimal; NULL when none is due.';

-- --- running totals ---

CREATE FUNCTION attest_internal.follow_presence() RETURNS trigger
AS 'MODULE_PATHNAME', 'attest_follow_presence' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.follow_presence() IS
'Trigger of attest_data.presence_state: takes the tally of the old row from the total of the enrolment and adds that of the new one.';

CREATE FUNCTION attest_internal.total_differences(OUT enrolment_id uuid, OUT kept attest.tally, OUT counted attest.tally) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(t.enrolment_id, c.enrolment_id), t.total, c.total
  FROM (SELECT k.enrolment_id, k.total FROM attest_data.enrolment_total k WHERE k.tenant_id = attest_internal.required_tenant()) t
  FULL JOIN (SELECT st.enrolment_id, attest.tally_presence(st.status, st.minutes_planned, st.minutes_attended, st.minutes_counted,
      st.late_minutes, st.signed, st.countersigned) AS total
    FROM attest_data.presence_state st WHERE st.tenant_id = attest_internal.required_tenant() GROUP BY st.enrolment_id) c
    ON c.enrolment_id = t.enrolment_id
  WHERE coalesce(t.total, 'slots=0') OPERATOR(attest.<>) coalesce(c.total, 'slots=0')
$$;
COMMENT ON FUNCTION attest_internal.total_differences() IS
'Enrolments of the entered tenant whose running total is not that of their presences: none, unless somebody changed a row by hand.';

CREATE FUNCTION attest.forecast(
  threshold numeric DEFAULT 80, OUT person_id uuid, OUT session_id uuid, OUT enrolment_id uuid, OUT minutes_planned bigint,
  OUT minutes_attended bigint, OUT minutes_ahead bigint, OUT rate numeric, OUT best_rate numeric, OUT out_of_reach boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.required_tenant();
  IF threshold IS NULL OR NOT threshold BETWEEN 0 AND 100 THEN
    PERFORM attest_internal.fail('bad_value', 'threshold', 'a percentage from 0 to 100');
  END IF;
  RETURN QUERY
  SELECT t.person_id, t.session_id, t.enrolment_id, attest.minutes_planned(t.total), attest.minutes_attended(t.total),
    attest.minutes_planned(t.total) - attest.minutes_due(t.total), attest.rate(t.total), b.rate, b.rate < threshold
  FROM attest_data.enrolment_total t
  CROSS JOIN LATERAL (SELECT round(100.0 * (attest.minutes_attended(t.total) + attest.minutes_planned(t.total) - attest.minutes_due(t.total))
    / nullif(attest.minutes_planned(t.total), 0), 1)) b (rate)
  WHERE t.tenant_id = attest.current_tenant();
END
$$;
COMMENT ON FUNCTION attest.forecast(numeric) IS
'For each enrolment: minutes planned, attended, and ahead (slots without an outcome yet), the rate so far, the rate if everything ahead is attended, and whether even that stays below the threshold, in percent of the minutes planned. A fact to look at, not a decision.';

-- esf: ESF+ 2021-2027 and ESF 2014-2020 common indicators.

CREATE FUNCTION attest.esf_indicators(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_indicators'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicators(text, jsonb) IS
'Codes of the common indicators that one participation (one person in one operation) counts for, sorted; empty when the record is incomplete (see attest.esf_missing). framework: esf+ (2021-2027) or esf (2014-2020). Keys of participation, each optional and null when not known: sex (F, M, N); birth, entry, exit (YYYY-MM-DD); status_entry (unemployed, inactive, employed); unemployed_months (completed months); isced (0 to 8); in_education, disability, third_country_national, foreign_background, minority, homeless, rural, other_disadvantaged, jobless_household, dependent_children, single_adult (at entry), new_education, qualification (upon leaving), improved_6m (true, false or "refused"); status_exit, status_6m (as status_entry, and job_searching); changes_after_exit (array of {"on": date, "status": status}; the last one within 28 days of the exit counts). Only true counts; refused counts as no. Age is in completed years at entry. Results need an exit. Anything else is error 22023. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annex I; Commission FAQ on the reference period of immediate results.';

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

CREATE TYPE attest_internal.participation_facts AS (
  framework text, person_id uuid, facts attest.sealed, frozen text[]
);
COMMENT ON TYPE attest_internal.participation_facts IS 'What the indicators of a participation follow from.';

CREATE FUNCTION attest.create_operation(code text, title text, framework text, starts_on date, ends_on date) RETURNS uuid
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
  INSERT INTO attest_data.operation (tenant_id, operation_id, code, title, framework, starts_on, ends_on)
  VALUES (attest_internal.required_tenant(), new_operation, create_operation.code, create_operation.title,
    create_operation.framework, create_operation.starts_on, create_operation.ends_on)
  ON CONFLICT ON CONSTRAINT operation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_operation.code);
  END IF;
  RETURN new_operation;
END
$$;
COMMENT ON FUNCTION attest.create_operation(text, text, text, date, date) IS
'Creates an operation funded by the European Social Fund; framework esf+ (2021-2027) or esf (2014-2020).';

CREATE FUNCTION attest.record_participation(operation uuid, person uuid, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  entered date;
  whole jsonb;
  new_participation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(person);
  -- Sex, birth and level come from the register, so that a record cannot contradict it.
  SELECT facts || jsonb_strip_nulls(jsonb_build_object('sex', p.gender, 'isced', p.isced,
    'birth', attest.unseal(p.birth_date, p.person_id, 'person.birth_date'))) INTO whole
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  -- Raises on facts that contradict themselves.
  PERFORM attest.esf_missing(funded.framework, whole);
  entered := (whole ->> 'entry')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation (tenant_id, participation_id, operation_id, person_id, gender, entered_on, exited_on, facts)
  VALUES (attest.current_tenant(), new_participation, operation, person, whole ->> 'sex', entered, (whole ->> 'exit')::date,
    attest.seal(whole::text, person, 'esf.facts'))
  ON CONFLICT ON CONSTRAINT participation_tenant_id_operation_id_person_id_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('already_participates', funded.code, entered::text);
  END IF;
  RETURN new_participation;
END
$$;
COMMENT ON FUNCTION attest.record_participation(uuid, uuid, jsonb) IS
'Records that a person takes part in an operation, once (Regulation (EU) 2021/1057: one participation a person and operation). facts: keys as attest.esf_indicators(); sex, birth and isced are those of the register, where it has them. The facts are sealed.';

CREATE FUNCTION attest_internal.participation_codes(participation attest_internal.participation_facts) RETURNS text[]
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(participation.frozen,
    attest.esf_indicators(participation.framework,
      attest.unseal(participation.facts, participation.person_id, 'esf.facts')::jsonb))
$$;
COMMENT ON FUNCTION attest_internal.participation_codes(attest_internal.participation_facts) IS
'Indicators of one participation: frozen at the erasure of the person, otherwise from the sealed facts.';

CREATE FUNCTION attest.esf_report(
  operation_code text, OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
BEGIN
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.code = operation_code;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation_code, '-'));
  END IF;
  RETURN QUERY
  WITH counted AS (
    SELECT p.gender, c.code AS indicator
    FROM attest_data.participation p
    CROSS JOIN LATERAL unnest(attest_internal.participation_codes(ROW(funded.framework, p.person_id, p.facts, p.frozen_indicators))) AS c (code)
    WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = funded.operation_id
  )
  SELECT k.code, k.title, count(*) FILTER (WHERE n.gender = 'F'), count(*) FILTER (WHERE n.gender = 'M'),
    count(*) FILTER (WHERE n.gender = 'N'), count(n.gender)
  FROM attest.esf_catalogue() k LEFT JOIN counted n ON n.indicator = k.code
  WHERE k.framework = funded.framework
  GROUP BY k.code, k.title
  ORDER BY k.code;
END
$$;
COMMENT ON FUNCTION attest.esf_report(text) IS
'Common indicators of an operation by gender, from complete records only. Persons who were anonymised still count. Indicators of entities are listed and stay 0.';

CREATE FUNCTION attest_internal.esf_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  UPDATE attest_data.participation p
  SET frozen_indicators = attest_internal.participation_codes(ROW(o.framework, p.person_id, p.facts, NULL)), facts = NULL
  FROM attest_data.operation o
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND p.facts IS NOT NULL
    AND o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_erase(uuid) IS
'What ESF forgets of a person at erasure: the facts; the indicators they counted for stay. Returns how many records were emptied.';

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
  provider text,
  provider_nda text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, course_id),
  UNIQUE (tenant_id, code)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (63, 'attendance', 2, 'table', $step$
COMMENT ON TABLE attest_data.course IS 'Courses; provider and its declaration number (NDA) where it is not the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (64, 'attendance', 3, 'table', $step$
CREATE TABLE attest_data.place (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  place_id uuid NOT NULL,
  name text NOT NULL,
  time_zone text NOT NULL,
  commune text,
  holiday_zone text NOT NULL,
  PRIMARY KEY (tenant_id, place_id),
  UNIQUE (tenant_id, name)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (65, 'attendance', 4, 'table', $step$
COMMENT ON TABLE attest_data.place IS 'Places of slots: their own time zone and public holidays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (66, 'attendance', 5, 'table', $step$
CREATE TABLE attest_data.session (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  session_id uuid NOT NULL,
  course_id uuid NOT NULL,
  title text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  place text,
  late_after interval NOT NULL,
  opens_before interval,
  closes_after interval,
  own_device_evidence smallint NOT NULL DEFAULT 2 CHECK (own_device_evidence BETWEEN 2 AND 4),
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES attest_data.course (tenant_id, course_id),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (67, 'attendance', 6, 'table', $step$
COMMENT ON TABLE attest_data.session IS 'Sessions of courses, in local days of their slots. opens_before and closes_after: how long around a slot signing is open, NULL without limit. own_device_evidence: the least level of evidence of who signs for themselves.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (68, 'attendance', 7, 'table', $step$
CREATE INDEX session_tenant_course_idx ON attest_data.session (tenant_id, course_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (69, 'attendance', 8, 'table', $step$
CREATE TABLE attest_data.slot (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  session_id uuid NOT NULL,
  day date NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  modality text NOT NULL,
  time_zone text NOT NULL,
  place_id uuid,
  holiday boolean NOT NULL DEFAULT false,
  closed_at timestamptz,
  cancelled_at timestamptz,
  PRIMARY KEY (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, place_id) REFERENCES attest_data.place (tenant_id, place_id),
  CHECK (ends_at > starts_at)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (70, 'attendance', 9, 'table', $step$
COMMENT ON TABLE attest_data.slot IS 'Slots of sessions, half-days as a rule; day is the local day of the start in the zone of the place. closed_at: when the absences were recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (71, 'attendance', 10, 'table', $step$
CREATE INDEX slot_tenant_session_idx ON attest_data.slot (tenant_id, session_id, starts_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (72, 'attendance', 11, 'table', $step$
CREATE INDEX slot_tenant_open_idx ON attest_data.slot (tenant_id, ends_at) WHERE closed_at IS NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (73, 'attendance', 12, 'table', $step$
CREATE TABLE attest_data.slot_trainer (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, trainer_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, trainer_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (74, 'attendance', 13, 'table', $step$
COMMENT ON TABLE attest_data.slot_trainer IS 'Trainers of slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (75, 'attendance', 14, 'table', $step$
CREATE TABLE attest_data.funder (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  funder_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  PRIMARY KEY (tenant_id, funder_id),
  UNIQUE (tenant_id, code)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (76, 'attendance', 15, 'table', $step$
COMMENT ON TABLE attest_data.funder IS 'Who pays for the training of whom; kind as the BPF asks for the origin of the money.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (77, 'attendance', 16, 'table', $step$
CREATE TABLE attest_data.counting_rule (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  rule_version int NOT NULL CHECK (rule_version > 0),
  funder_id uuid NOT NULL,
  valid_from date NOT NULL,
  as_attended int NOT NULL,
  as_planned int NOT NULL,
  grain int NOT NULL CHECK (grain > 0),
  basis text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, rule_version),
  FOREIGN KEY (tenant_id, funder_id) REFERENCES attest_data.funder (tenant_id, funder_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (78, 'attendance', 17, 'table', $step$
CREATE INDEX counting_rule_tenant_funder_idx ON attest_data.counting_rule (tenant_id, funder_id, valid_from)
$step$);

INSERT INTO attest_internal.setup_step VALUES (79, 'attendance', 18, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.counting_rule FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (80, 'attendance', 19, 'table', $step$
COMMENT ON TABLE attest_data.counting_rule IS 'What counts for a funder, versions that are never changed: sets of statuses (bit = code) that count as attended or as planned, rounded down to whole grains of minutes. The newest version whose valid_from is on or before the day of the slot applies.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (81, 'attendance', 20, 'table', $step$
CREATE TABLE attest_data.enrolment (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  funder_id uuid,
  funding_reference text,
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, funder_id) REFERENCES attest_data.funder (tenant_id, funder_id),
  CHECK (until >= since)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (82, 'attendance', 21, 'table', $step$
COMMENT ON TABLE attest_data.enrolment IS 'Periods, in local days, within which a person belongs to a session, and who pays for it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (83, 'attendance', 22, 'table', $step$
CREATE INDEX enrolment_tenant_session_person_idx ON attest_data.enrolment (tenant_id, session_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (84, 'attendance', 23, 'table', $step$
CREATE INDEX enrolment_tenant_person_idx ON attest_data.enrolment (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (85, 'attendance', 24, 'table', $step$
CREATE INDEX enrolment_tenant_funder_idx ON attest_data.enrolment (tenant_id, funder_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (86, 'attendance', 25, 'table', $step$
CREATE TABLE attest_data.slot_signature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
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
  PRIMARY KEY (tenant_id, signature_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (87, 'attendance', 26, 'table', $step$
COMMENT ON TABLE attest_data.slot_signature IS 'Captured signatures, sealed under the key of the signer; NULL once the signer is erased, when the digest stays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (88, 'attendance', 27, 'table', $step$
CREATE INDEX slot_signature_tenant_person_idx ON attest_data.slot_signature (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (89, 'attendance', 28, 'table', $step$
CREATE TABLE attest_data.presence_state (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  day date NOT NULL,
  minutes_planned int NOT NULL CHECK (minutes_planned >= 0),
  minutes_attended int NOT NULL DEFAULT 0 CHECK (minutes_attended >= 0),
  minutes_counted int NOT NULL DEFAULT 0 CHECK (minutes_counted >= 0),
  late_minutes int NOT NULL DEFAULT 0 CHECK (late_minutes >= 0),
  rule_version int NOT NULL DEFAULT 0,
  status smallint NOT NULL DEFAULT 0,
  evidence smallint NOT NULL DEFAULT 0,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  signed boolean NOT NULL DEFAULT false,
  countersigned boolean NOT NULL DEFAULT false,
  method text,
  presence_id uuid,
  claimed_at timestamptz,
  PRIMARY KEY (tenant_id, slot_id, person_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, enrolment_id) REFERENCES attest_data.enrolment (tenant_id, enrolment_id)
) WITH (fillfactor = 75)
$step$);

INSERT INTO attest_internal.setup_step VALUES (90, 'attendance', 29, 'table', $step$
COMMENT ON TABLE attest_data.presence_state IS 'Where each person expected on a slot stands now, as the events give it; written in the transaction of the event, and made anew from the events by attest_internal.restate().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (91, 'attendance', 30, 'table', $step$
CREATE INDEX presence_state_tenant_enrolment_idx ON attest_data.presence_state (tenant_id, enrolment_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (92, 'attendance', 31, 'table', $step$
CREATE INDEX presence_state_tenant_person_idx ON attest_data.presence_state (tenant_id, person_id, day)
$step$);

INSERT INTO attest_internal.setup_step VALUES (93, 'attendance', 32, 'table', $step$
CREATE TABLE attest_data.presence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  minutes_planned int NOT NULL CHECK (minutes_planned >= 0),
  minutes_attended int NOT NULL CHECK (minutes_attended >= 0),
  status smallint NOT NULL,
  evidence smallint NOT NULL,
  presence_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  claimed_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  method text NOT NULL,
  recorded_by uuid DEFAULT attest.current_account(),
  client_id uuid,
  device_id uuid,
  signature_id uuid,
  justification_id uuid,
  channel text,
  flags text[] NOT NULL DEFAULT '{}',
  reason attest.sealed,
  PRIMARY KEY (tenant_id, presence_id),
  FOREIGN KEY (tenant_id, slot_id, person_id) REFERENCES attest_data.presence_state (tenant_id, slot_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (94, 'attendance', 33, 'table', $step$
COMMENT ON TABLE attest_data.presence IS 'Events of presence: append-only. attest_data.presence_state says what they come to.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (95, 'attendance', 34, 'table', $step$
CREATE UNIQUE INDEX presence_tenant_client_idx ON attest_data.presence (tenant_id, client_id) WHERE client_id IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (96, 'attendance', 35, 'table', $step$
CREATE INDEX presence_tenant_slot_person_idx ON attest_data.presence (tenant_id, slot_id, person_id, presence_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (97, 'attendance', 36, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.presence FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (98, 'attendance', 37, 'table', $step$
CREATE TABLE attest_data.justification (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  justification_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  motive text NOT NULL,
  document attest.sealed,
  digest bytea NOT NULL,
  submitted_at timestamptz NOT NULL DEFAULT now(),
  submitted_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, justification_id),
  FOREIGN KEY (tenant_id, slot_id, person_id) REFERENCES attest_data.presence_state (tenant_id, slot_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (99, 'attendance', 38, 'table', $step$
COMMENT ON TABLE attest_data.justification IS 'Documents that justify an absence, sealed under the key of the person; NULL once erased, when the digest stays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (100, 'attendance', 39, 'table', $step$
CREATE INDEX justification_tenant_slot_person_idx ON attest_data.justification (tenant_id, slot_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (101, 'attendance', 40, 'table', $step$
CREATE INDEX justification_tenant_person_idx ON attest_data.justification (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (102, 'attendance', 41, 'table', $step$
CREATE TABLE attest_data.justification_decision (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  justification_id uuid NOT NULL,
  accepted boolean NOT NULL,
  reason attest.sealed,
  decided_at timestamptz NOT NULL DEFAULT now(),
  decided_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, justification_id),
  FOREIGN KEY (tenant_id, justification_id) REFERENCES attest_data.justification (tenant_id, justification_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (103, 'attendance', 42, 'table', $step$
COMMENT ON TABLE attest_data.justification_decision IS 'What was decided on a justification, once.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (104, 'attendance', 43, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.justification_decision FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (105, 'attendance', 44, 'table', $step$
CREATE TABLE attest_data.countersignature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  countersignature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  signature_id uuid NOT NULL,
  list_digest bytea NOT NULL,
  shown boolean NOT NULL,
  events uuid[] NOT NULL,
  countersigned_at timestamptz NOT NULL DEFAULT now(),
  client_id uuid,
  PRIMARY KEY (tenant_id, countersignature_id),
  UNIQUE (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (106, 'attendance', 45, 'table', $step$
COMMENT ON TABLE attest_data.countersignature IS 'Countersignatures of trainers, each bound to a list (its digest) and to the events behind it. shown: the client gave the digest of the list that it had shown.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (107, 'attendance', 46, 'table', $step$
CREATE UNIQUE INDEX countersignature_tenant_client_idx ON attest_data.countersignature (tenant_id, client_id) WHERE client_id IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (108, 'attendance', 47, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.countersignature FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (109, 'attendance', 48, 'table', $step$
CREATE TABLE attest_data.challenge (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  device_id uuid NOT NULL,
  hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  coded boolean NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, person_id, device_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (110, 'attendance', 49, 'table', $step$
COMMENT ON TABLE attest_data.challenge IS 'Challenges that wait to be answered: SHA-256 only. Gone once used; a new one takes the place of the last for the same slot, person and device. coded: given for the rotating code of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (111, 'attendance', 50, 'table', $step$
CREATE TABLE attest_data.slot_code (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, hash),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (112, 'attendance', 51, 'table', $step$
COMMENT ON TABLE attest_data.slot_code IS 'Rotating codes of slots that are still good: SHA-256 only.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (113, 'attendance', 52, 'table', $step$
CREATE TABLE attest_data.attendance_policy (
  tenant_id int PRIMARY KEY DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  lock_after interval,
  absence_after interval,
  chain_people int NOT NULL DEFAULT 3,
  chain_within interval NOT NULL DEFAULT '10 seconds',
  end_margin interval NOT NULL DEFAULT '15 minutes',
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (114, 'attendance', 53, 'table', $step$
COMMENT ON TABLE attest_data.attendance_policy IS 'Choices of a tenant: when a slot is locked, and when who has not signed is absent, both counted from its end, NULL: never; and what attest.presence_flags points at. A tenant without a row has the defaults of attest.set_attendance_policy().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (115, 'attendance', 54, 'table', $step$
CREATE TABLE attest_data.event_outbox (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  event_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  server bigint NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, transaction, event_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (116, 'attendance', 55, 'table', $step$
COMMENT ON TABLE attest_data.event_outbox IS 'What happened, in the order in which attest.events_since() tells it; kept for a week. server: the cluster whose transaction numbers these are.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (117, 'attendance', 56, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.slot_trainer FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (118, 'attendance', 57, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.enrolment FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (119, 'attendance', 58, 'table', $step$
SELECT attest_internal.register_job('absences', 'attendance_absence_job', '5 minutes', 'Records as absent whoever did not sign a slot that has ended.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (120, 'attendance', 59, 'table', $step$
SELECT attest_internal.register_job('attendance purge', 'attendance_purge_job', '1 day', 'Removes challenges, codes and notices that are past their time.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (121, 'attendance', 60, 'table', $step$
CREATE TABLE attest_data.enrolment_total (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  total attest.tally NOT NULL,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, enrolment_id) REFERENCES attest_data.enrolment (tenant_id, enrolment_id)
) WITH (fillfactor = 50)
$step$);

INSERT INTO attest_internal.setup_step VALUES (122, 'attendance', 61, 'table', $step$
COMMENT ON TABLE attest_data.enrolment_total IS 'The running total of each enrolment, kept by a trigger of attest_data.presence_state; attest_internal.total_differences() compares.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (123, 'attendance', 62, 'table', $step$
CREATE INDEX enrolment_total_tenant_session_idx ON attest_data.enrolment_total (tenant_id, session_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (124, 'attendance', 63, 'table', $step$
CREATE INDEX enrolment_total_tenant_person_idx ON attest_data.enrolment_total (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (125, 'attendance', 64, 'table', $step$
CREATE TRIGGER follow_presence AFTER INSERT OR UPDATE OR DELETE ON attest_data.presence_state FOR EACH ROW EXECUTE FUNCTION attest_internal.follow_presence()
$step$);

INSERT INTO attest_internal.setup_step VALUES (126, 'esf', 1, 'table', $step$
CREATE TABLE attest_data.operation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  framework text NOT NULL CHECK (framework IN ('esf+', 'esf')),
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  UNIQUE (tenant_id, code),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (127, 'esf', 2, 'table', $step$
COMMENT ON TABLE attest_data.operation IS 'Operations funded by the European Social Fund.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (128, 'esf', 3, 'table', $step$
CREATE TABLE attest_data.participation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  gender text,
  entered_on date NOT NULL,
  exited_on date,
  facts attest.sealed,
  frozen_indicators text[],
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, participation_id),
  UNIQUE (tenant_id, operation_id, person_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (129, 'esf', 4, 'table', $step$
COMMENT ON TABLE attest_data.participation IS 'Participations in operations; the facts are sealed, and at erasure give way to the indicators they counted for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (130, 'esf', 5, 'table', $step$
CREATE INDEX participation_tenant_person_idx ON attest_data.participation (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (131, 'tenant', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.tenants WITH (security_invoker = true) AS
SELECT id, code, name, kind, time_zone, created_at FROM attest_data.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (132, 'tenant', 2, 'view', $step$
COMMENT ON VIEW attest.tenants IS 'The tenants: all for an operator, the entered one for everybody else.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (133, 'tenant', 3, 'view', $step$
COMMENT ON COLUMN attest.tenants.id IS 'Number of the tenant, the tenant_id of its rows.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (134, 'tenant', 4, 'view', $step$
COMMENT ON COLUMN attest.tenants.code IS 'Short name used in calls.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (135, 'tenant', 5, 'view', $step$
COMMENT ON COLUMN attest.tenants.name IS 'Name of the organisation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (136, 'tenant', 6, 'view', $step$
COMMENT ON COLUMN attest.tenants.kind IS 'departement, training_organisation, guidance_centre, certifier or company.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (137, 'tenant', 7, 'view', $step$
COMMENT ON COLUMN attest.tenants.time_zone IS 'Time zone of the local days of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (138, 'tenant', 8, 'view', $step$
COMMENT ON COLUMN attest.tenants.created_at IS 'When the tenant was created.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (139, 'tenant', 9, 'view', $step$
GRANT SELECT ON attest_data.tenant, attest.tenants TO attest_operator, attest_app, attest_analyst, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (140, 'tenant', 10, 'view', $step$
CREATE OR REPLACE VIEW attest.identity_providers WITH (security_invoker = true) AS
SELECT t.code AS tenant, p.issuer, p.audience, p.account_claim, p.clock_skew, k.kid, k.alg, k.imported_at
FROM attest_data.identity_provider p JOIN attest_data.tenant t ON t.id = p.tenant
LEFT JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience
$step$);

INSERT INTO attest_internal.setup_step VALUES (141, 'tenant', 11, 'view', $step$
COMMENT ON VIEW attest.identity_providers IS 'Identity providers and their keys, a row a key.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (142, 'tenant', 12, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.tenant IS 'Code of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (143, 'tenant', 13, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.issuer IS 'Claim iss of the tokens.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (144, 'tenant', 14, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.audience IS 'Claim aud of the tokens.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (145, 'tenant', 15, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.account_claim IS 'Claim that holds the identifier of the account.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (146, 'tenant', 16, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.clock_skew IS 'By how much the clocks may differ.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (147, 'tenant', 17, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.kid IS 'Id of the key; NULL while no key is imported.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (148, 'tenant', 18, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.alg IS 'The one algorithm the key serves.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (149, 'tenant', 19, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.imported_at IS 'When the key was imported.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (150, 'tenant', 20, 'view', $step$
CREATE OR REPLACE VIEW attest.tenant_roles WITH (security_invoker = true) AS
SELECT r.role_name, t.code AS tenant, r.profile, r.granted_at
FROM attest_data.role_tenant r JOIN attest_data.tenant t ON t.id = r.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (151, 'tenant', 21, 'view', $step$
COMMENT ON VIEW attest.tenant_roles IS 'Login roles that stand for a tenant when no ticket is set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (152, 'tenant', 22, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.role_name IS 'Login role.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (153, 'tenant', 23, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.tenant IS 'Code of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (154, 'tenant', 24, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.profile IS 'Profile it has there.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (155, 'tenant', 25, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.granted_at IS 'Since when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (156, 'tenant', 26, 'view', $step$
GRANT SELECT ON attest_data.identity_provider, attest_data.role_tenant, attest.identity_providers, attest.tenant_roles TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (157, 'tenant', 27, 'view', $step$
GRANT SELECT (issuer, audience, kid, alg, imported_at) ON attest_data.identity_key TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (158, 'worker', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.jobs WITH (security_invoker = true) AS
SELECT name, every, next_run, description FROM attest_data.job
$step$);

INSERT INTO attest_internal.setup_step VALUES (159, 'worker', 2, 'view', $step$
COMMENT ON VIEW attest.jobs IS 'Background jobs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (160, 'worker', 3, 'view', $step$
COMMENT ON COLUMN attest.jobs.name IS 'Name, for attest.run_job().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (161, 'worker', 4, 'view', $step$
COMMENT ON COLUMN attest.jobs.every IS 'Time between two runs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (162, 'worker', 5, 'view', $step$
COMMENT ON COLUMN attest.jobs.next_run IS 'When it is due next.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (163, 'worker', 6, 'view', $step$
COMMENT ON COLUMN attest.jobs.description IS 'What it does.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (164, 'worker', 7, 'view', $step$
CREATE OR REPLACE VIEW attest.job_runs WITH (security_invoker = true) AS
SELECT run_id, job, started_at, ended_at, outcome, done, sqlstate, message FROM attest_data.job_run
$step$);

INSERT INTO attest_internal.setup_step VALUES (165, 'worker', 8, 'view', $step$
COMMENT ON VIEW attest.job_runs IS 'Runs of the background jobs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (166, 'worker', 9, 'view', $step$
COMMENT ON COLUMN attest.job_runs.run_id IS 'Id of the run.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (167, 'worker', 10, 'view', $step$
COMMENT ON COLUMN attest.job_runs.job IS 'Name of the job.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (168, 'worker', 11, 'view', $step$
COMMENT ON COLUMN attest.job_runs.started_at IS 'Start.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (169, 'worker', 12, 'view', $step$
COMMENT ON COLUMN attest.job_runs.ended_at IS 'End; NULL while it runs, or after a crash.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (170, 'worker', 13, 'view', $step$
COMMENT ON COLUMN attest.job_runs.outcome IS 'running, done or failed (for one tenant at least).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (171, 'worker', 14, 'view', $step$
COMMENT ON COLUMN attest.job_runs.done IS 'How many things it did, over all tenants.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (172, 'worker', 15, 'view', $step$
COMMENT ON COLUMN attest.job_runs.sqlstate IS 'SQLSTATE of the last failure.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (173, 'worker', 16, 'view', $step$
COMMENT ON COLUMN attest.job_runs.message IS 'Message of the last failure.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (174, 'worker', 17, 'view', $step$
GRANT SELECT ON attest_data.job, attest_data.job_run, attest.jobs, attest.job_runs TO attest_operator
$step$);

INSERT INTO attest_internal.setup_step VALUES (175, 'person', 1, 'view', $step$
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

INSERT INTO attest_internal.setup_step VALUES (176, 'person', 2, 'view', $step$
COMMENT ON VIEW attest.people IS 'The people of the entered tenant, opened. NIR, disability and parents'' birth place are left out: nobody needs them in a list.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (177, 'person', 3, 'view', $step$
COMMENT ON COLUMN attest.people.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (178, 'person', 4, 'view', $step$
COMMENT ON COLUMN attest.people.reference IS 'The tenant''s own number for the person; NULL once anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (179, 'person', 5, 'view', $step$
COMMENT ON COLUMN attest.people.profiles IS 'Profiles of the person, such as learner.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (180, 'person', 6, 'view', $step$
COMMENT ON COLUMN attest.people.last_name IS 'Last name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (181, 'person', 7, 'view', $step$
COMMENT ON COLUMN attest.people.first_name IS 'First name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (182, 'person', 8, 'view', $step$
COMMENT ON COLUMN attest.people.gender IS 'F, M or N (non-binary).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (183, 'person', 9, 'view', $step$
COMMENT ON COLUMN attest.people.birth_date IS 'Date of birth.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (184, 'person', 10, 'view', $step$
COMMENT ON COLUMN attest.people.birth_place IS 'Place of birth.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (185, 'person', 11, 'view', $step$
COMMENT ON COLUMN attest.people.email IS 'E-mail address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (186, 'person', 12, 'view', $step$
COMMENT ON COLUMN attest.people.phone IS 'Telephone number.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (187, 'person', 13, 'view', $step$
COMMENT ON COLUMN attest.people.address IS 'Postal address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (188, 'person', 14, 'view', $step$
COMMENT ON COLUMN attest.people.postcode IS 'Postcode.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (189, 'person', 15, 'view', $step$
COMMENT ON COLUMN attest.people.commune IS 'Commune code of INSEE; the department only, once anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (190, 'person', 16, 'view', $step$
COMMENT ON COLUMN attest.people.employer_siret IS 'SIRET of the employer.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (191, 'person', 17, 'view', $step$
COMMENT ON COLUMN attest.people.isced IS 'Level of education, ISCED 0 to 8.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (192, 'person', 18, 'view', $step$
COMMENT ON COLUMN attest.people.last_activity IS 'Last activity: retention counts from here; NULL while active.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (193, 'person', 19, 'view', $step$
COMMENT ON COLUMN attest.people.anonymised_at IS 'When the person was anonymised; NULL otherwise.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (194, 'person', 20, 'view', $step$
GRANT SELECT ON attest_data.person, attest.people TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (195, 'retention', 1, 'view', $step$
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

INSERT INTO attest_internal.setup_step VALUES (196, 'retention', 2, 'view', $step$
COMMENT ON VIEW attest.retention_due IS 'When each person who is no longer active will have to be anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (197, 'retention', 3, 'view', $step$
COMMENT ON COLUMN attest.retention_due.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (198, 'retention', 4, 'view', $step$
COMMENT ON COLUMN attest.retention_due.profiles IS 'Profiles of the person; the longest rule holds.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (199, 'retention', 5, 'view', $step$
COMMENT ON COLUMN attest.retention_due.last_activity IS 'Last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (200, 'retention', 6, 'view', $step$
COMMENT ON COLUMN attest.retention_due.due_on IS 'From this day on the retention job anonymises the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (201, 'retention', 7, 'view', $step$
COMMENT ON COLUMN attest.retention_due.basis IS 'Basis of the rules.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (202, 'retention', 8, 'view', $step$
COMMENT ON COLUMN attest.retention_due.on_hold IS 'A hold forbids it for now.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (203, 'retention', 9, 'view', $step$
CREATE OR REPLACE VIEW attest.destruction_certificates WITH (security_invoker = true) AS
SELECT certificate_id, issued_at, persons, body, digest FROM attest_data.destruction_certificate
$step$);

INSERT INTO attest_internal.setup_step VALUES (204, 'retention', 10, 'view', $step$
COMMENT ON VIEW attest.destruction_certificates IS 'Certificates of what the retention job destroyed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (205, 'retention', 11, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.certificate_id IS 'Id of the certificate.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (206, 'retention', 12, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.issued_at IS 'When the work was done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (207, 'retention', 13, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.persons IS 'How many persons were anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (208, 'retention', 14, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.body IS 'The certificate: tenant, time, engine, method, and for each person the basis and the records emptied by room.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (209, 'retention', 15, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.digest IS 'SHA-256 of the body''s text.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (210, 'retention', 16, 'view', $step$
CREATE OR REPLACE VIEW attest.retention_rules WITH (security_invoker = true) AS
SELECT profile, keep, basis, set_at FROM attest_data.retention_rule
$step$);

INSERT INTO attest_internal.setup_step VALUES (211, 'retention', 17, 'view', $step$
COMMENT ON VIEW attest.retention_rules IS 'How long people of each profile are kept.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (212, 'retention', 18, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.profile IS 'Profile the rule is for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (213, 'retention', 19, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.keep IS 'Time after the last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (214, 'retention', 20, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.basis IS 'Law, contract or decision.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (215, 'retention', 21, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.set_at IS 'When the rule was set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (216, 'retention', 22, 'view', $step$
GRANT SELECT (tenant_id, person_id, profiles, last_activity, anonymised_at) ON attest_data.person TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (217, 'retention', 23, 'view', $step$
GRANT SELECT ON attest_data.retention_rule, attest_data.legal_hold, attest_data.destruction_certificate,
  attest.retention_due, attest.destruction_certificates, attest.retention_rules TO attest_app, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (218, 'attendance', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.presences WITH (security_invoker = true) AS
SELECT st.slot_id, st.person_id, st.session_id, se.course_id, st.day, sl.starts_at, sl.ends_at, st.minutes_planned,
  attest.status_name(st.status) AS status, st.minutes_attended, st.method, st.claimed_at, p.recorded_at,
  p.flags || CASE WHEN NOT st.countersigned AND st.presence_id IS NOT NULL AND EXISTS (SELECT FROM attest_data.countersignature c
    WHERE c.tenant_id = st.tenant_id AND c.slot_id = st.slot_id) THEN '{AFTER_COUNTERSIGNATURE}'::text[] ELSE '{}' END AS flags,
  st.presence_id, st.minutes_counted, st.late_minutes, st.evidence, st.signed, st.countersigned, st.enrolment_id, st.rule_version
FROM attest_data.presence_state st
JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
JOIN attest_data.session se ON se.tenant_id = st.tenant_id AND se.session_id = st.session_id
LEFT JOIN attest_data.presence p ON p.tenant_id = st.tenant_id AND p.presence_id = st.presence_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (219, 'attendance', 2, 'view', $step$
COMMENT ON VIEW attest.presences IS 'One row for each slot and person expected on it, with the status that the events come to.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (220, 'attendance', 3, 'view', $step$
COMMENT ON COLUMN attest.presences.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (221, 'attendance', 4, 'view', $step$
COMMENT ON COLUMN attest.presences.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (222, 'attendance', 5, 'view', $step$
COMMENT ON COLUMN attest.presences.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (223, 'attendance', 6, 'view', $step$
COMMENT ON COLUMN attest.presences.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (224, 'attendance', 7, 'view', $step$
COMMENT ON COLUMN attest.presences.day IS 'Local day of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (225, 'attendance', 8, 'view', $step$
COMMENT ON COLUMN attest.presences.starts_at IS 'Start of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (226, 'attendance', 9, 'view', $step$
COMMENT ON COLUMN attest.presences.ends_at IS 'End of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (227, 'attendance', 10, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_planned IS 'Length of the slot, in minutes; 0 once cancelled.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (228, 'attendance', 11, 'view', $step$
COMMENT ON COLUMN attest.presences.status IS 'One of attest.presence_statuses(); expected while there is no event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (229, 'attendance', 12, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_attended IS 'Minutes attended; 0 while expected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (230, 'attendance', 13, 'view', $step$
COMMENT ON COLUMN attest.presences.method IS 'signature, entry (by a trainer or manager), countersignature (absence stated by it), automatic, justification, dispute or cancellation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (231, 'attendance', 14, 'view', $step$
COMMENT ON COLUMN attest.presences.claimed_at IS 'When it happened, by the device that was offline or by the server.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (232, 'attendance', 15, 'view', $step$
COMMENT ON COLUMN attest.presences.recorded_at IS 'When the server recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (233, 'attendance', 16, 'view', $step$
COMMENT ON COLUMN attest.presences.flags IS 'Facts to look at: OUTSIDE_SLOT, AFTER_COUNTERSIGNATURE, OFFLINE.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (234, 'attendance', 17, 'view', $step$
COMMENT ON COLUMN attest.presences.presence_id IS 'Id of the event; NULL while expected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (235, 'attendance', 18, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_counted IS 'Minutes that count under the rule of the funder.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (236, 'attendance', 19, 'view', $step$
COMMENT ON COLUMN attest.presences.late_minutes IS 'Minutes late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (237, 'attendance', 20, 'view', $step$
COMMENT ON COLUMN attest.presences.evidence IS '0 nothing was stated, 1 stated by staff, 2 signed, 3 signed in answer to a challenge, 4 and with the code of the room.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (238, 'attendance', 21, 'view', $step$
COMMENT ON COLUMN attest.presences.signed IS 'The person has signed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (239, 'attendance', 22, 'view', $step$
COMMENT ON COLUMN attest.presences.countersigned IS 'A trainer has countersigned this status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (240, 'attendance', 23, 'view', $step$
COMMENT ON COLUMN attest.presences.enrolment_id IS 'Id of the enrolment.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (241, 'attendance', 24, 'view', $step$
COMMENT ON COLUMN attest.presences.rule_version IS 'Version of the rule that minutes_counted follows; 0: that of attest.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (242, 'attendance', 25, 'view', $step$
CREATE OR REPLACE VIEW attest.learner_totals WITH (security_invoker = true) AS
SELECT m.person_id, m.session_id, s.course_id,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, t.person_id, t.session_id, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t GROUP BY t.tenant_id, t.person_id, t.session_id) m
JOIN attest_data.session s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (243, 'attendance', 26, 'view', $step$
COMMENT ON VIEW attest.learner_totals IS 'Totals of each person in each session: sums of the running totals of enrolments.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (244, 'attendance', 27, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (245, 'attendance', 28, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (246, 'attendance', 29, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (247, 'attendance', 30, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (248, 'attendance', 31, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (249, 'attendance', 32, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_due IS 'Minutes planned of the slots that have an outcome.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (250, 'attendance', 33, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (251, 'attendance', 34, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (252, 'attendance', 35, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (253, 'attendance', 36, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (254, 'attendance', 37, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (255, 'attendance', 38, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (256, 'attendance', 39, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (257, 'attendance', 40, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (258, 'attendance', 41, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (259, 'attendance', 42, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (260, 'attendance', 43, 'view', $step$
CREATE OR REPLACE VIEW attest.session_totals WITH (security_invoker = true) AS
SELECT m.session_id, s.course_id, s.title, s.starts_on, s.ends_on, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, t.session_id, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t GROUP BY t.tenant_id, t.session_id) m
JOIN attest_data.session s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (261, 'attendance', 44, 'view', $step$
COMMENT ON VIEW attest.session_totals IS 'Totals of each session: sums of the running totals of enrolments.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (262, 'attendance', 45, 'view', $step$
COMMENT ON COLUMN attest.session_totals.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (263, 'attendance', 46, 'view', $step$
COMMENT ON COLUMN attest.session_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (264, 'attendance', 47, 'view', $step$
COMMENT ON COLUMN attest.session_totals.title IS 'Title of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (265, 'attendance', 48, 'view', $step$
COMMENT ON COLUMN attest.session_totals.starts_on IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (266, 'attendance', 49, 'view', $step$
COMMENT ON COLUMN attest.session_totals.ends_on IS 'Last day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (267, 'attendance', 50, 'view', $step$
COMMENT ON COLUMN attest.session_totals.learners IS 'Persons expected on a slot at least.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (268, 'attendance', 51, 'view', $step$
COMMENT ON COLUMN attest.session_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (269, 'attendance', 52, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (270, 'attendance', 53, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_due IS 'Minutes planned of the slots that have an outcome.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (271, 'attendance', 54, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (272, 'attendance', 55, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (273, 'attendance', 56, 'view', $step$
COMMENT ON COLUMN attest.session_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (274, 'attendance', 57, 'view', $step$
COMMENT ON COLUMN attest.session_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (275, 'attendance', 58, 'view', $step$
COMMENT ON COLUMN attest.session_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (276, 'attendance', 59, 'view', $step$
COMMENT ON COLUMN attest.session_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (277, 'attendance', 60, 'view', $step$
COMMENT ON COLUMN attest.session_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (278, 'attendance', 61, 'view', $step$
COMMENT ON COLUMN attest.session_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (279, 'attendance', 62, 'view', $step$
COMMENT ON COLUMN attest.session_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (280, 'attendance', 63, 'view', $step$
COMMENT ON COLUMN attest.session_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (281, 'attendance', 64, 'view', $step$
CREATE OR REPLACE VIEW attest.course_totals WITH (security_invoker = true) AS
SELECT m.course_id, c.code, c.title, c.nature, m.sessions, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, s.course_id, count(DISTINCT t.session_id) AS sessions, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t
  JOIN attest_data.session s ON s.tenant_id = t.tenant_id AND s.session_id = t.session_id
  GROUP BY t.tenant_id, s.course_id) m
JOIN attest_data.course c ON c.tenant_id = m.tenant_id AND c.course_id = m.course_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (282, 'attendance', 65, 'view', $step$
COMMENT ON VIEW attest.course_totals IS 'Totals of each course: sums of the running totals of enrolments.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (283, 'attendance', 66, 'view', $step$
COMMENT ON COLUMN attest.course_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (284, 'attendance', 67, 'view', $step$
COMMENT ON COLUMN attest.course_totals.code IS 'Code of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (285, 'attendance', 68, 'view', $step$
COMMENT ON COLUMN attest.course_totals.title IS 'Title of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (286, 'attendance', 69, 'view', $step$
COMMENT ON COLUMN attest.course_totals.nature IS 'Nature of the action.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (287, 'attendance', 70, 'view', $step$
COMMENT ON COLUMN attest.course_totals.sessions IS 'Sessions with a slot at least.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (288, 'attendance', 71, 'view', $step$
COMMENT ON COLUMN attest.course_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (289, 'attendance', 72, 'view', $step$
COMMENT ON COLUMN attest.course_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (290, 'attendance', 73, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (291, 'attendance', 74, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_due IS 'Minutes planned of the slots that have an outcome.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (292, 'attendance', 75, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (293, 'attendance', 76, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (294, 'attendance', 77, 'view', $step$
COMMENT ON COLUMN attest.course_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (295, 'attendance', 78, 'view', $step$
COMMENT ON COLUMN attest.course_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (296, 'attendance', 79, 'view', $step$
COMMENT ON COLUMN attest.course_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (297, 'attendance', 80, 'view', $step$
COMMENT ON COLUMN attest.course_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (298, 'attendance', 81, 'view', $step$
COMMENT ON COLUMN attest.course_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (299, 'attendance', 82, 'view', $step$
COMMENT ON COLUMN attest.course_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (300, 'attendance', 83, 'view', $step$
COMMENT ON COLUMN attest.course_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (301, 'attendance', 84, 'view', $step$
COMMENT ON COLUMN attest.course_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (302, 'attendance', 85, 'view', $step$
CREATE OR REPLACE VIEW attest.funder_totals WITH (security_invoker = true) AS
SELECT m.funder_id, f.code, f.name, f.kind, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, e.funder_id, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t
  JOIN attest_data.enrolment e ON e.tenant_id = t.tenant_id AND e.enrolment_id = t.enrolment_id
  GROUP BY t.tenant_id, e.funder_id) m
LEFT JOIN attest_data.funder f ON f.tenant_id = m.tenant_id AND f.funder_id = m.funder_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (303, 'attendance', 86, 'view', $step$
COMMENT ON VIEW attest.funder_totals IS 'Totals of each funder, over the enrolments that it pays for; a row without funder for the others.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (304, 'attendance', 87, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.funder_id IS 'Id of the funder; NULL: none was named.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (305, 'attendance', 88, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.code IS 'Code of the funder.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (306, 'attendance', 89, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.name IS 'Name of the funder.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (307, 'attendance', 90, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.kind IS 'Origin of the money, as the BPF asks for it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (308, 'attendance', 91, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (309, 'attendance', 92, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (310, 'attendance', 93, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (311, 'attendance', 94, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_due IS 'Minutes planned of the slots that have an outcome.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (312, 'attendance', 95, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (313, 'attendance', 96, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (314, 'attendance', 97, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (315, 'attendance', 98, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (316, 'attendance', 99, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (317, 'attendance', 100, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (318, 'attendance', 101, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (319, 'attendance', 102, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (320, 'attendance', 103, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (321, 'attendance', 104, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (322, 'attendance', 105, 'view', $step$
CREATE OR REPLACE VIEW attest.month_totals WITH (security_invoker = true) AS
SELECT m.month, m.course_id, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT date_trunc('month', st.day)::date AS month, s.course_id, count(DISTINCT st.person_id) AS learners,
    attest.tally_presence(st.status, st.minutes_planned, st.minutes_attended, st.minutes_counted, st.late_minutes, st.signed, st.countersigned) AS total
  FROM attest_data.presence_state st
  JOIN attest_data.session s ON s.tenant_id = st.tenant_id AND s.session_id = st.session_id
  GROUP BY date_trunc('month', st.day), s.course_id) m
$step$);

INSERT INTO attest_internal.setup_step VALUES (323, 'attendance', 106, 'view', $step$
COMMENT ON VIEW attest.month_totals IS 'Totals of each course and month, by the local days of the slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (324, 'attendance', 107, 'view', $step$
COMMENT ON COLUMN attest.month_totals.month IS 'First day of the month.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (325, 'attendance', 108, 'view', $step$
COMMENT ON COLUMN attest.month_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (326, 'attendance', 109, 'view', $step$
COMMENT ON COLUMN attest.month_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (327, 'attendance', 110, 'view', $step$
COMMENT ON COLUMN attest.month_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (328, 'attendance', 111, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (329, 'attendance', 112, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_due IS 'Minutes planned of the slots that have an outcome.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (330, 'attendance', 113, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (331, 'attendance', 114, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (332, 'attendance', 115, 'view', $step$
COMMENT ON COLUMN attest.month_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (333, 'attendance', 116, 'view', $step$
COMMENT ON COLUMN attest.month_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (334, 'attendance', 117, 'view', $step$
COMMENT ON COLUMN attest.month_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (335, 'attendance', 118, 'view', $step$
COMMENT ON COLUMN attest.month_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (336, 'attendance', 119, 'view', $step$
COMMENT ON COLUMN attest.month_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (337, 'attendance', 120, 'view', $step$
COMMENT ON COLUMN attest.month_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (338, 'attendance', 121, 'view', $step$
COMMENT ON COLUMN attest.month_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (339, 'attendance', 122, 'view', $step$
COMMENT ON COLUMN attest.month_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (340, 'attendance', 123, 'view', $step$
CREATE OR REPLACE VIEW attest.bpf_hours WITH (security_invoker = true) AS
SELECT extract(year FROM st.day)::int AS year, c.nature, f.kind AS funding, count(DISTINCT st.person_id) AS trainees,
  round(sum(st.minutes_attended) / 60.0, 2) AS trainee_hours
FROM attest_data.presence_state st
JOIN attest_data.session s ON s.tenant_id = st.tenant_id AND s.session_id = st.session_id
JOIN attest_data.course c ON c.tenant_id = s.tenant_id AND c.course_id = s.course_id
JOIN attest_data.enrolment e ON e.tenant_id = st.tenant_id AND e.enrolment_id = st.enrolment_id
LEFT JOIN attest_data.funder f ON f.tenant_id = e.tenant_id AND f.funder_id = e.funder_id
WHERE st.minutes_attended > 0
GROUP BY 1, 2, 3
$step$);

INSERT INTO attest_internal.setup_step VALUES (341, 'attendance', 124, 'view', $step$
COMMENT ON VIEW attest.bpf_hours IS 'Trainees and trainee-hours of a calendar year for the bilan pédagogique et financier (Cerfa 10443, frame F): sum over trainees of the hours followed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (342, 'attendance', 125, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.year IS 'Calendar year of the local days of the slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (343, 'attendance', 126, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.nature IS 'Nature of the action.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (344, 'attendance', 127, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.funding IS 'Origin of the money; NULL: no funder was named.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (345, 'attendance', 128, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.trainees IS 'Different persons who attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (346, 'attendance', 129, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.trainee_hours IS 'Hours followed, summed over the trainees.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (347, 'attendance', 130, 'view', $step$
CREATE OR REPLACE VIEW attest.presence_flags WITH (security_invoker = true) AS
WITH rule AS (
  SELECT coalesce(max(p.chain_people), 3) AS people, coalesce(max(p.chain_within), '10 seconds') AS within,
    coalesce(max(p.end_margin), '15 minutes') AS margin
  FROM attest_data.attendance_policy p WHERE p.tenant_id = attest.current_tenant()
)
SELECT p.presence_id, p.slot_id, p.person_id, f.flag, p.claimed_at,
  CASE f.flag WHEN 'PUBLIC_HOLIDAY' THEN 'the day of the slot is a public holiday at its place'
    WHEN 'OFFLINE' THEN format('told %s minutes later', floor(extract(epoch FROM p.recorded_at - p.claimed_at) / 60))
    WHEN 'AFTER_LOCK' THEN 'recorded by a manager after the slot was locked'
    WHEN 'WITHDRAWN' THEN 'the person had left the session'
    ELSE format('slot from %s to %s', sl.starts_at AT TIME ZONE sl.time_zone, sl.ends_at AT TIME ZONE sl.time_zone) END AS reason
FROM attest_data.presence p
JOIN attest_data.slot sl ON sl.tenant_id = p.tenant_id AND sl.slot_id = p.slot_id
CROSS JOIN LATERAL unnest(p.flags) f (flag)
UNION ALL
SELECT st.presence_id, st.slot_id, st.person_id, 'AFTER_COUNTERSIGNATURE', st.claimed_at,
  format('the countersignature of %s does not cover it', c.countersigned_at AT TIME ZONE sl.time_zone)
FROM attest_data.presence_state st
JOIN attest_data.countersignature c ON c.tenant_id = st.tenant_id AND c.slot_id = st.slot_id
JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
WHERE NOT st.countersigned AND st.presence_id IS NOT NULL
UNION ALL
SELECT a.presence_id, a.slot_id, a.person_id, 'TWO_PLACES', a.claimed_at,
  format('also signed for the slot from %s to %s', other.starts_at AT TIME ZONE other.time_zone, other.ends_at AT TIME ZONE other.time_zone)
FROM attest_data.presence_state a
JOIN attest_data.slot own ON own.tenant_id = a.tenant_id AND own.slot_id = a.slot_id
JOIN attest_data.presence_state b ON b.tenant_id = a.tenant_id AND b.person_id = a.person_id
  AND b.day BETWEEN a.day - 1 AND a.day + 1 AND b.slot_id <> a.slot_id AND b.signed
JOIN attest_data.slot other ON other.tenant_id = b.tenant_id AND other.slot_id = b.slot_id
WHERE a.signed AND own.starts_at < other.ends_at AND other.starts_at < own.ends_at
UNION ALL
SELECT c.presence_id, c.slot_id, c.person_id, 'DEVICE_CHAIN', c.claimed_at,
  format('%s people from one device within %s', c.people, rule.within)
FROM rule CROSS JOIN LATERAL (
  SELECT p.presence_id, p.slot_id, p.person_id, p.claimed_at, count(*) OVER (PARTITION BY p.tenant_id, p.slot_id, p.device_id
    ORDER BY p.claimed_at RANGE BETWEEN rule.within PRECEDING AND rule.within FOLLOWING) AS people
  FROM attest_data.presence p WHERE p.method = 'signature' AND p.device_id IS NOT NULL
) c WHERE c.people >= rule.people
UNION ALL
SELECT c.presence_id, c.slot_id, c.person_id, 'ALL_AT_END', c.claimed_at,
  format('all %s signatures of the slot came at its end', c.people)
FROM rule CROSS JOIN LATERAL (
  SELECT p.presence_id, p.slot_id, p.person_id, p.claimed_at, count(*) OVER of_slot AS people, min(p.claimed_at) OVER of_slot AS first, sl.ends_at
  FROM attest_data.presence p JOIN attest_data.slot sl ON sl.tenant_id = p.tenant_id AND sl.slot_id = p.slot_id
  WHERE p.method = 'signature' WINDOW of_slot AS (PARTITION BY p.tenant_id, p.slot_id)
) c WHERE c.people >= rule.people AND c.first >= c.ends_at - rule.margin
$step$);

INSERT INTO attest_internal.setup_step VALUES (348, 'attendance', 131, 'view', $step$
COMMENT ON VIEW attest.presence_flags IS 'What a person should look at, with the reason: facts, never a sanction. OUTSIDE_SLOT, BEFORE_SLOT, PUBLIC_HOLIDAY, OFFLINE, AFTER_LOCK, AFTER_COUNTERSIGNATURE, WITHDRAWN, TWO_PLACES, DEVICE_CHAIN, ALL_AT_END. Filter by slot_id or person_id.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (349, 'attendance', 132, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.presence_id IS 'Id of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (350, 'attendance', 133, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (351, 'attendance', 134, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (352, 'attendance', 135, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.flag IS 'What there is to look at.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (353, 'attendance', 136, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.claimed_at IS 'When the event happened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (354, 'attendance', 137, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.reason IS 'The fact behind it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (355, 'attendance', 138, 'view', $step$
CREATE OR REPLACE VIEW attest.justifications WITH (security_invoker = true) AS
SELECT j.justification_id, j.slot_id, j.person_id, j.motive, j.digest, j.submitted_at, d.accepted, d.decided_at
FROM attest_data.justification j
LEFT JOIN attest_data.justification_decision d ON d.tenant_id = j.tenant_id AND d.justification_id = j.justification_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (356, 'attendance', 139, 'view', $step$
COMMENT ON VIEW attest.justifications IS 'Documents handed in for absences, and what was decided.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (357, 'attendance', 140, 'view', $step$
COMMENT ON COLUMN attest.justifications.justification_id IS 'Id of the justification.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (358, 'attendance', 141, 'view', $step$
COMMENT ON COLUMN attest.justifications.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (359, 'attendance', 142, 'view', $step$
COMMENT ON COLUMN attest.justifications.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (360, 'attendance', 143, 'view', $step$
COMMENT ON COLUMN attest.justifications.motive IS 'medical, family, transport, summons, employer, examination or other.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (361, 'attendance', 144, 'view', $step$
COMMENT ON COLUMN attest.justifications.digest IS 'SHA-256 of the document.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (362, 'attendance', 145, 'view', $step$
COMMENT ON COLUMN attest.justifications.submitted_at IS 'When it was handed in.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (363, 'attendance', 146, 'view', $step$
COMMENT ON COLUMN attest.justifications.accepted IS 'The decision; NULL while there is none.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (364, 'attendance', 147, 'view', $step$
COMMENT ON COLUMN attest.justifications.decided_at IS 'When it was decided.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (365, 'attendance', 148, 'view', $step$
CREATE OR REPLACE VIEW attest.compromised_presences WITH (security_invoker = true) AS
SELECT p.presence_id, p.slot_id, p.person_id, attest.status_name(p.status) AS status, p.method, p.recorded_at, a.identifier AS account, c.since AS compromised_since
FROM attest_data.presence p
JOIN attest_data.account_compromise c ON c.tenant_id = p.tenant_id AND c.account_id = p.recorded_by AND p.recorded_at >= c.since
JOIN attest_data.account a ON a.tenant_id = c.tenant_id AND a.account_id = c.account_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (366, 'attendance', 149, 'view', $step$
COMMENT ON VIEW attest.compromised_presences IS 'Events that an account recorded since it was in other hands: to be looked at by people.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (367, 'attendance', 150, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.presence_id IS 'Id of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (368, 'attendance', 151, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (369, 'attendance', 152, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (370, 'attendance', 153, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.status IS 'Status the event gives.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (371, 'attendance', 154, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.method IS 'Method of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (372, 'attendance', 155, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (373, 'attendance', 156, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.account IS 'Identifier of the account.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (374, 'attendance', 157, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.compromised_since IS 'Since when the account was in other hands.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (375, 'attendance', 158, 'view', $step$
GRANT SELECT ON attest_data.account_compromise, attest.compromised_presences TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (376, 'attendance', 159, 'view', $step$
GRANT SELECT (tenant_id, account_id, identifier) ON attest_data.account TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (377, 'attendance', 160, 'view', $step$
GRANT SELECT ON attest_data.presence TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (378, 'attendance', 161, 'view', $step$
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.slot_trainer, attest_data.enrolment, attest_data.presence,
  attest_data.presence_state, attest_data.place, attest_data.funder, attest_data.counting_rule, attest_data.attendance_policy,
  attest_data.countersignature, attest_data.justification, attest_data.justification_decision, attest_data.enrolment_total, attest.presences,
  attest.presence_flags, attest.justifications, attest.learner_totals, attest.session_totals, attest.course_totals,
  attest.funder_totals, attest.month_totals, attest.bpf_hours TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (379, 'attendance', 162, 'view', $step$
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.enrolment, attest_data.presence,
  attest_data.presence_state, attest_data.countersignature, attest_data.place, attest_data.funder, attest_data.counting_rule TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (380, 'esf', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.operations WITH (security_invoker = true) AS
SELECT operation_id, code, title, framework, starts_on, ends_on FROM attest_data.operation
$step$);

INSERT INTO attest_internal.setup_step VALUES (381, 'esf', 2, 'view', $step$
COMMENT ON VIEW attest.operations IS 'Operations of the entered tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (382, 'esf', 3, 'view', $step$
COMMENT ON COLUMN attest.operations.operation_id IS 'Id of the operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (383, 'esf', 4, 'view', $step$
COMMENT ON COLUMN attest.operations.code IS 'Code, for attest.esf_report().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (384, 'esf', 5, 'view', $step$
COMMENT ON COLUMN attest.operations.title IS 'Title.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (385, 'esf', 6, 'view', $step$
COMMENT ON COLUMN attest.operations.framework IS 'esf+ (2021-2027) or esf (2014-2020).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (386, 'esf', 7, 'view', $step$
COMMENT ON COLUMN attest.operations.starts_on IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (387, 'esf', 8, 'view', $step$
COMMENT ON COLUMN attest.operations.ends_on IS 'Last day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (388, 'esf', 9, 'view', $step$
GRANT SELECT ON attest_data.operation, attest.operations TO attest_app, attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (389, 'esf', 10, 'view', $step$
GRANT SELECT ON attest_data.participation TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (390, 'report', 1, 'view', $step$
CREATE OR REPLACE VIEW attest_report.attendance_by_month WITH (security_invoker = true) AS
SELECT date_trunc('month', p.day)::date AS month, c.code AS course, p.status, count(*) AS slots,
  sum(p.minutes_planned) AS minutes_planned, sum(p.minutes_attended) AS minutes_attended
FROM attest.presences p
JOIN attest_data.course c ON c.tenant_id = attest.current_tenant() AND c.course_id = p.course_id
WHERE p.ends_at <= now()
GROUP BY 1, 2, 3
$step$);

INSERT INTO attest_internal.setup_step VALUES (391, 'report', 2, 'view', $step$
COMMENT ON VIEW attest_report.attendance_by_month IS 'Attendance by month, course and status, over the slots that have ended. One row a combination that occurs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (392, 'report', 3, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.month IS 'First day of the month.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (393, 'report', 4, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.course IS 'Code of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (394, 'report', 5, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.status IS 'Status of the presences, as in attest.presences.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (395, 'report', 6, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.slots IS 'Person-slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (396, 'report', 7, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_planned IS 'Person-minutes planned.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (397, 'report', 8, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_attended IS 'Person-minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (398, 'report', 9, 'view', $step$
CREATE OR REPLACE VIEW attest_report.people_by_profile WITH (security_invoker = true) AS
SELECT profile, p.gender, p.birth_year / 10 * 10 AS birth_decade, p.isced::int AS isced, count(*) AS people,
  count(p.anonymised_at) AS anonymised
FROM attest_data.person p CROSS JOIN LATERAL unnest(p.profiles) AS profile
GROUP BY 1, 2, 3, 4
$step$);

INSERT INTO attest_internal.setup_step VALUES (399, 'report', 10, 'view', $step$
COMMENT ON VIEW attest_report.people_by_profile IS 'People by profile, gender, decade of birth and level of education; those anonymised still count. One row a combination that occurs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (400, 'report', 11, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.profile IS 'Profile, such as learner.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (401, 'report', 12, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.gender IS 'F, M or N (non-binary).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (402, 'report', 13, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.birth_decade IS 'Decade of birth, such as 1980.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (403, 'report', 14, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.isced IS 'Level of education, ISCED 0 to 8.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (404, 'report', 15, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.people IS 'People.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (405, 'report', 16, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.anonymised IS 'Of whom anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (406, 'report', 17, 'view', $step$
GRANT SELECT (tenant_id, profiles, gender, birth_year, isced, anonymised_at) ON attest_data.person TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (407, 'report', 18, 'view', $step$
GRANT SELECT ON attest.presences TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (408, 'report', 19, 'view', $step$
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
REVOKE ALL ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest.tally, attest_internal.slot_facts,
  attest_internal.participation_facts FROM PUBLIC;

GRANT USAGE ON SCHEMA attest, attest_internal
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT CREATE ON SCHEMA attest TO attest_owner;
GRANT SELECT ON attest_internal.setup_step TO attest_owner;
GRANT USAGE ON TYPE attest_internal.slot_facts, attest_internal.participation_facts TO attest_owner;
GRANT USAGE ON TYPE attest.nir, attest.siret, attest.sealed, attest.signature, attest.tally
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
      AND p.proname ~ '^((nir|siret|sealed|signature|tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash)|tally_(plus|minus|add_slot|merge))$'
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
  attest.login(text, text, text), attest.enter_jwt(text),
  attest.presence_statuses(), attest.status_name(smallint),
  attest.holiday(date, text), attest.holidays(int, text), attest.add_working_days(date, int, text, text),
  attest.due_day(date, interval, text, boolean)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Totals are sums and name nobody.
GRANT EXECUTE ON FUNCTION
  attest.tally_of(smallint, int, int, int, int, boolean, boolean),
  attest.tally_presence(smallint, int, int, int, int, boolean, boolean), attest.merge_tally(attest.tally),
  attest.slots(attest.tally), attest.slots(attest.tally, text), attest.minutes_planned(attest.tally), attest.minutes_due(attest.tally),
  attest.minutes_attended(attest.tally), attest.minutes_counted(attest.tally), attest.minutes_late(attest.tally),
  attest.signatures(attest.tally), attest.countersigned_slots(attest.tally), attest.presences(attest.tally),
  attest.absences(attest.tally), attest.rate(attest.tally)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Thin clients; the profile of the ticket decides what each call accepts.
GRANT EXECUTE ON FUNCTION
  attest.seal(text, uuid, text), attest.unseal(attest.sealed), attest.unseal(attest.sealed, uuid, text),
  attest.import_columns(), attest.add_person(jsonb), attest.import_people(text), attest.set_last_activity(uuid, date),
  attest.create_course(text, text, text, text, text), attest.add_place(text, text, text, text), attest.add_funder(text, text, text),
  attest.set_counting_rule(text, date, text[], text[], text, int),
  attest.plan_session(uuid, text, date, date, text, interval),
  attest.plan_slot(uuid, timestamptz, timestamptz, text, text),
  attest.assign_trainer(uuid, uuid),
  attest.enrol(uuid, uuid, date, date, text, text), attest.withdraw(uuid, uuid, date),
  attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text),
  attest.countersign(uuid, attest.signature, bytea, uuid),
  attest.record_presence(uuid, uuid, text, text, int, timestamptz, uuid, text),
  attest.slot_code(uuid), attest.challenge(uuid, uuid, uuid, text), attest.list_digest(uuid),
  attest.set_signing(uuid, interval, interval, int), attest.set_attendance_policy(interval, interval, int, interval, interval),
  attest.cancel_slot(uuid, text), attest.cancel_session(uuid, text), attest.dispute(uuid, uuid, text),
  attest.submit_justification(uuid, uuid, text, bytea), attest.open_justification(uuid), attest.decide_justification(uuid, boolean, text),
  attest.events_since(text, int), attest.sync(jsonb),
  attest.live_board(uuid),
  attest.signature_kind(attest.signature), attest.signature_digest(attest.signature),
  attest.signature_payload(attest.signature), attest.signature_reasons(attest.signature),
  attest.create_operation(text, text, text, date, date),
  attest.record_participation(uuid, uuid, jsonb),
  attest.esf_indicators(text, jsonb), attest.esf_missing(text, jsonb),
  attest.assign_case(uuid, uuid, date), attest.close_case(uuid, uuid, date),
  attest.object(uuid), attest.withdraw_objection(uuid),
  attest.set_retention_rule(text, interval, text), attest.place_hold(uuid, text), attest.lift_hold(uuid, text)
  TO attest_app;

GRANT EXECUTE ON FUNCTION attest.forecast(numeric) TO attest_app, attest_analyst;
GRANT EXECUTE ON FUNCTION attest.esf_report(text), attest.esf_catalogue() TO attest_app, attest_analyst;

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
