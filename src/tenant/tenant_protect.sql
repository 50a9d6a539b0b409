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
  WHERE i.indrelid = tab AND (i.indisunique OR i.indisexclusion)
    -- without the columns of INCLUDE, which make nothing unique
    AND NOT tenant = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1]) LIMIT 1;
  IF fault IS NOT NULL THEN
    RETURN fault;
  END IF;
  -- A reference that leaves the tenant out would tell whether a row of another tenant exists.
  SELECT format('foreign key %I does not hold tenant_id on both sides', k.conname) INTO fault FROM pg_constraint k
  WHERE k.contype = 'f' AND tab IN (k.conrelid, k.confrelid) AND k.confrelid <> 'attest_data.tenant'::regclass
    AND NOT EXISTS (SELECT FROM unnest(k.conkey, k.confkey) AS c (own, other)
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.own AND a.attname = 'tenant_id'
      JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = c.other AND b.attname = 'tenant_id') LIMIT 1;
  RETURN fault;
END
$$;
COMMENT ON FUNCTION attest_internal.unprotectable(regclass) IS 'What keeps a table from being isolated by tenant; NULL when nothing does.';

CREATE FUNCTION attest.check_protectable(tab regclass) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fault text := attest_internal.unprotectable(tab);
BEGIN
  -- A permissive one would restrict nothing.
  IF fault IS NULL AND NOT attest_internal.has_policy(tab, 'tenant_isolation', '(tenant_id = attest.current_tenant())')
      AND EXISTS (SELECT FROM pg_policy WHERE polrelid = tab AND polname = 'tenant_isolation') THEN
    fault := 'its policy tenant_isolation is another one than that of attest';
  END IF;
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
