-- tenant: setup, tenants, accounts, tickets, isolation, doctor.

-- --- context ---

CREATE FUNCTION attest_internal.plan_current_tenant(internal) RETURNS internal
AS 'MODULE_PATHNAME', 'attest_plan_current_tenant' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.plan_current_tenant(internal) IS
'Support function of attest.current_tenant() for the planner: plans call attest_internal.planned_tenant() in its place.';

CREATE FUNCTION attest.current_tenant() RETURNS int
AS 'MODULE_PATHNAME', 'attest_current_tenant' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE SUPPORT attest_internal.plan_current_tenant;
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
  valid_from date DEFAULT NULL, valid_until date DEFAULT NULL
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
  valid_from := coalesce(valid_from, attest_internal.local_day());
  IF valid_until < valid_from THEN
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
'Creates an account of a tenant: an identifier (a pseudonym, not an e-mail address), a profile, the person of the register behind it, and the days within which it may act, from today on by default. Days are local days of the tenant.';

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
