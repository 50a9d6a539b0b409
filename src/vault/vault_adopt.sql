-- vault, adoption: columns in clear, or encrypted by pgcrypto, become sealed ones.

CREATE FUNCTION attest.register_adoption(
  tab regclass, column_name text, kind text, subject_column text, secret_file text, secret_command text
) RETURNS void
AS 'MODULE_PATHNAME', 'attest_register_adoption' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.register_adoption(regclass, text, text, text, text, text) IS
'First step of attest.adopt(): states what is to be adopted, and tries the secret. For the owner of the table; a command, for members of pg_execute_server_program. Error TA345 where the secret cannot be had.';

CREATE FUNCTION attest.adopt_column() RETURNS trigger
AS 'MODULE_PATHNAME', 'attest_adopt_column' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.adopt_column() IS
'Trigger of attest.adopt(), before that of attest.protect_columns(): keeps the sealed column in step with the old one. Arguments: the old column, the sealed one.';

CREATE FUNCTION attest_internal.adopt_tenants(tab regclass, before name, after name, block bigint, next_block bigint) RETURNS int[]
AS 'MODULE_PATHNAME', 'attest_adopt_tenants' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.adopt_tenants(regclass, name, name, bigint, bigint) IS 'The tenants of the rows of a range of blocks that are still to be adopted.';

CREATE FUNCTION attest_internal.adopt_rows(tab regclass, before name, after name, block bigint, next_block bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_adopt_rows' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.adopt_rows(regclass, name, name, bigint, bigint) IS 'Adopts the rows of the entered tenant in a range of blocks; their number.';

CREATE FUNCTION attest_internal.adopt_count(tab regclass, before name, after name, OUT wanted bigint, OUT sealed bigint) RETURNS record
AS 'MODULE_PATHNAME', 'attest_adopt_count' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.adopt_count(regclass, name, name) IS 'How many rows, of all tenants, hold something in the old column, and how many of these are sealed.';

CREATE FUNCTION attest_internal.table_name(tab regclass) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tab
$$;
COMMENT ON FUNCTION attest_internal.table_name(regclass) IS 'The name of a table with its schema, whatever the search_path.';

CREATE FUNCTION attest_internal.index_to_rewrite_by(tab regclass) RETURNS name
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
  WHERE i.indrelid = tab AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree' AND 0 <> ALL (i.indkey::smallint[])
  ORDER BY i.indisprimary DESC, c.relname LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.index_to_rewrite_by(regclass) IS 'An index by which CLUSTER can write the table anew; NULL for none.';

CREATE FUNCTION attest.adoption_statements(tab regclass, column_name name) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  task attest_data.adoption;
  sealed_column name := left(column_name, 50) || '_sealed';
  trigger_name name := 'zy_attest_adopt_' || left(column_name, 40);
BEGIN
  SELECT a.* INTO STRICT task FROM attest_data.adoption a
  WHERE a.table_name = attest_internal.table_name(tab) AND a.column_name = adoption_statements.column_name;
  IF attest_internal.column_type(tab, column_name) = 'attest.sealed'::regtype OR column_name IN ('tenant_id', task.subject_column)
      OR task.kind <> 'clear' AND attest_internal.column_type(tab, column_name) <> 'bytea'::regtype THEN
    PERFORM attest_internal.fail('columns_refused', format('column %I is sealed, serves attest, or is not bytea', column_name));
  END IF;
  IF attest_internal.index_to_rewrite_by(tab) IS NULL THEN
    PERFORM attest_internal.fail('columns_refused', 'the table has no whole btree index by which it can be written anew');
  END IF;
  IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = tab AND t.tgname = trigger_name) THEN
    RETURN;
  END IF;
  RETURN NEXT format('ALTER TABLE %s ADD COLUMN %I attest.sealed', tab, sealed_column);
  -- The purpose is that of the name that the column will have.
  RETURN NEXT format('SECURITY LABEL FOR attest ON COLUMN %s.%I IS %L', tab, sealed_column,
    'sealed ' || attest_internal.new_purpose(tab, column_name));
  RETURN NEXT format('CALL attest.protect_columns(%L, %L, %L)', tab, task.subject_column, ARRAY[sealed_column]);
  RETURN NEXT format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION attest.adopt_column(%L, %L)',
    trigger_name, tab, column_name, sealed_column);
END
$$;
COMMENT ON FUNCTION attest.adoption_statements(regclass, name) IS
'The statements by which attest.adopt() begins after attest.register_adoption(); none when it goes on. Error TA344 where the column cannot be adopted.';

CREATE FUNCTION attest.adopt_step(tab regclass, column_name name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  step CONSTANT bigint := 64; -- blocks
  sealed_column name := left(column_name, 50) || '_sealed';
  task attest_data.adoption;
  tenants int[] := '{}';
  done bigint := 0;
BEGIN
  SELECT a.* INTO task FROM attest_data.adoption a
  WHERE a.table_name = attest_internal.table_name(tab) AND a.column_name = adopt_step.column_name AND a.state = 'running' FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'adoption', coalesce(column_name::text, '-'));
  END IF;
  WHILE task.next_block < task.blocks LOOP
    tenants := attest_internal.adopt_tenants(tab, column_name, sealed_column, task.next_block, task.next_block + step);
    EXIT WHEN tenants <> '{}';
    task.next_block := task.next_block + step;
  END LOOP;
  IF tenants <> '{}' THEN
    -- One tenant a transaction: the others of these blocks come with the next steps.
    PERFORM attest_internal.enter_tenant(tenants[1]);
    done := attest_internal.adopt_rows(tab, column_name, sealed_column, task.next_block, task.next_block + step);
  END IF;
  UPDATE attest_data.adoption a SET next_block = least(task.next_block, a.blocks), rows_sealed = a.rows_sealed + done
  WHERE a.table_name = task.table_name AND a.column_name = task.column_name;
  RETURN tenants <> '{}';
END
$$;
COMMENT ON FUNCTION attest.adopt_step(regclass, name) IS
'Adopts the rows of one tenant in the next blocks of the table; false when none are left. A transaction each.';

CREATE FUNCTION attest.adoption_end(tab regclass, column_name name) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sealed_column name := left(column_name, 50) || '_sealed';
  counted record;
BEGIN
  counted := attest_internal.adopt_count(tab, column_name, sealed_column);
  IF counted.wanted <> counted.sealed THEN
    PERFORM attest_internal.fail('adoption_failed', format('%s of %s rows are sealed', counted.sealed, counted.wanted));
  END IF;
  UPDATE attest_data.adoption a SET state = 'done', ended_at = clock_timestamp(), next_block = a.blocks
  WHERE a.table_name = attest_internal.table_name(tab) AND a.column_name = adoption_end.column_name AND a.state = 'running';
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'adoption', coalesce(column_name::text, '-'));
  END IF;
  RETURN NEXT format('DROP TRIGGER %I ON %s', 'zy_attest_adopt_' || left(column_name, 40), tab);
  IF (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = tab AND a.attname = column_name) THEN
    RETURN NEXT format('ALTER TABLE %s ALTER %I SET NOT NULL', tab, sealed_column);
  END IF;
  RETURN NEXT format('ALTER TABLE %s DROP COLUMN %I', tab, column_name);
  RETURN NEXT format('ALTER TABLE %s RENAME COLUMN %I TO %I', tab, sealed_column, column_name);
  RETURN NEXT format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', tab, attest_internal.seal_check(tab, sealed_column),
    attest_internal.new_check_name(tab, column_name));
  -- A dropped column stays in its rows until the table is written anew.
  RETURN NEXT format('CLUSTER %s USING %I', tab, attest_internal.index_to_rewrite_by(tab));
  RETURN NEXT format('ALTER TABLE %s SET WITHOUT CLUSTER', tab);
END
$$;
COMMENT ON FUNCTION attest.adoption_end(regclass, name) IS
'The statements by which attest.adopt() ends, in the same transaction. Error TA346 unless as many values are sealed as the old column holds.';

CREATE PROCEDURE attest.adopt(
  tab regclass, column_name name, kind text, subject_column name, secret_file text DEFAULT NULL, secret_command text DEFAULT NULL
)
LANGUAGE plpgsql AS $$
DECLARE
  statement text;
BEGIN
  -- A procedure that commits cannot have a search_path of its own.
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  PERFORM attest.register_adoption(tab, column_name, kind, subject_column, secret_file, secret_command);
  FOR statement IN SELECT s FROM attest.adoption_statements(tab, column_name) s LOOP
    EXECUTE statement;
  END LOOP;
  LOOP
    COMMIT;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXIT WHEN NOT attest.adopt_step(tab, column_name);
  END LOOP;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tab);
  FOR statement IN SELECT s FROM attest.adoption_end(tab, column_name) s LOOP
    EXECUTE statement;
  END LOOP;
END
$$;
COMMENT ON PROCEDURE attest.adopt(regclass, name, text, name, text, text) IS
'Turns a column of a table of yours into a sealed one under attest.protect_columns(), while the table is in use: kind is clear, pgp_sym (pgp_sym_encrypt) or aes (encrypt(..., aes)), the passphrase or key comes from a file or a command on the server. It commits batch by batch and goes on from where it was when called again; attest.adoptions shows how far it is. Clients write the old column meanwhile. Only when every value is sealed does the sealed column take its place, under a lock, and is the table written anew, so that nothing of the old column stays in it. For the owner of the table.';
