-- vault, sealed columns of users' own tables.

-- --- carriers ---

CREATE FUNCTION attest.plain(plain text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_plain' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION attest.plain(text) IS
'A text on its way into a column under attest.protect_columns(), whose trigger seals it for the person and the purpose of its row. It is not printed, not sent and not stored: error TA342 elsewhere, in temporary tables too.';

CREATE FUNCTION attest.is_sealed(value attest.sealed) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_is_sealed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.is_sealed(attest.sealed) IS 'Whether the value is sealed: not so for one of attest.plain(). It is not opened.';

CREATE FUNCTION attest.is_sealed(value attest.sealed, subject uuid, purpose text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_is_sealed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.is_sealed(attest.sealed, uuid, text) IS
'Whether the value is sealed, by what its header says for this person and purpose. It is not opened.';

CREATE FUNCTION attest.sealed_info(
  value attest.sealed, OUT version int, OUT algorithm text, OUT content text, OUT generation int, OUT purpose_fingerprint bytea, OUT bytes_at_most int
) RETURNS record
AS 'MODULE_PATHNAME', 'attest_sealed_info' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.sealed_info(attest.sealed) IS
'What a sealed value tells without a key: version, algorithm, text or bytes, generation of the person''s key, the first 8 bytes of the SHA-256 of its purpose, and how long the text is at most (texts are padded by 16 bytes). Error TA342 for a value of attest.plain().';

-- --- the columns, by their labels ---

CREATE FUNCTION attest.protected_columns(OUT tab regclass, OUT column_name name, OUT kind text, OUT purpose text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.attrelid::regclass, a.attname, split_part(l.label, ' ', 1), nullif(regexp_replace(l.label, '^[a-z]+ ?', ''), '')
  FROM pg_seclabel l JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
  WHERE l.provider = 'attest' AND l.classoid = 'pg_class'::regclass AND l.objsubid > 0
  ORDER BY 1, a.attnum
$$;
COMMENT ON FUNCTION attest.protected_columns() IS
'The columns under attest.protect_columns(): table, column, kind (subject: the person; sealed; blind) and purpose.';

CREATE FUNCTION attest.seal_columns() RETURNS trigger
AS 'MODULE_PATHNAME', 'attest_seal_columns' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.seal_columns() IS
'Trigger of attest.protect_columns(), BEFORE INSERT OR UPDATE of each row: seals the values of attest.plain(), leaves those sealed for this row, refuses others with TA343, and keeps blind values in step.';

CREATE FUNCTION attest.write_view() RETURNS trigger
AS 'MODULE_PATHNAME', 'attest_write_view' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.write_view() IS
'INSTEAD OF trigger, for each row, of a view over one table under attest.protect_columns(): what the view shows by attest.unseal() is written as attest.plain() into its column, so that COPY view FROM loads plain texts. UPDATE and DELETE need the primary key in the view. A NULL takes the default of the table where there is one.';

CREATE FUNCTION attest_internal.check_blind_purpose(purpose text) RETURNS void
AS 'MODULE_PATHNAME', 'attest_check_blind_purpose' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.check_blind_purpose(text) IS 'Error TA341 for a purpose that names something of few values.';

CREATE FUNCTION attest_internal.distinct_values(tab regclass, column_name name) RETURNS double precision
AS 'MODULE_PATHNAME', 'attest_distinct_values' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.distinct_values(regclass, name) IS 'How many distinct values a column has, by the last ANALYZE; NULL before it.';

CREATE FUNCTION attest_internal.columns_erase(person uuid) RETURNS int
AS 'MODULE_PATHNAME', 'attest_columns_erase' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.columns_erase(uuid) IS
'Takes the blind values of a person out of the tables of attest.protect_columns(); the number of rows. What is sealed goes with the key.';

CREATE FUNCTION attest_internal.columns_reblind(person uuid) RETURNS int
AS 'MODULE_PATHNAME', 'attest_columns_reblind' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.columns_reblind(uuid) IS
'Computes the blind values of a person in the tables of attest.protect_columns() again, under the active key of the tenant; the number of rows.';

CREATE FUNCTION attest_internal.columns_reseal(person uuid) RETURNS int
AS 'MODULE_PATHNAME', 'attest_columns_reseal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.columns_reseal(uuid) IS
'Seals the values of a person in the tables of attest.protect_columns() again, under the newest key of the person; the number of rows.';

CREATE FUNCTION attest_internal.columns_merge(keep uuid, dropped uuid) RETURNS int
AS 'MODULE_PATHNAME', 'attest_columns_merge' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.columns_merge(uuid, uuid) IS
'Moves the rows of the dropped person in the tables of attest.protect_columns() to the kept one, whose values they seal from then on; the number of rows.';

CREATE FUNCTION attest_internal.move_rows(tab regclass, tenant_column name, person_column name, keep uuid, dropped uuid) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_move_rows' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.move_rows(regclass, name, name, uuid, uuid) IS
'Lets the rows of a user''s table that point at the dropped person point at the kept one, and seals for the one what was sealed for the other; the number of rows. Works as the owner of the table.';

-- --- protecting ---

CREATE FUNCTION attest.refuse_clear(value text) RETURNS attest.sealed
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF value IS NOT NULL THEN
    PERFORM attest_internal.fail('columns_refused', 'a column to seal holds clear values: use attest.adopt()');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest.refuse_clear(text) IS 'NULL for NULL; error TA344 for a clear value, which attest.adopt() seals.';

CREATE FUNCTION attest_internal.column_label(tab regclass, column_name name) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.label FROM pg_seclabel l JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
  WHERE l.provider = 'attest' AND l.classoid = 'pg_class'::regclass AND a.attrelid = tab AND a.attname = column_name
$$;
COMMENT ON FUNCTION attest_internal.column_label(regclass, name) IS 'The security label of attest on a column; NULL for none.';

CREATE FUNCTION attest_internal.column_type(tab regclass, column_name name) RETURNS regtype
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_type regtype;
BEGIN
  SELECT a.atttypid INTO found_type FROM pg_attribute a
  WHERE a.attrelid = tab AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'column', coalesce(column_name::text, '-'));
  END IF;
  RETURN found_type;
END
$$;
COMMENT ON FUNCTION attest_internal.column_type(regclass, name) IS 'The type of a column; error TA105 where there is none, or it is generated.';

CREATE FUNCTION attest_internal.new_purpose(tab regclass, column_name name) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  chosen text;
BEGIN
  SELECT n.nspname || '.' || c.relname || '.' || column_name INTO chosen
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tab;
  IF octet_length(convert_to(chosen, 'UTF8')) > 60 THEN
    chosen := left(encode(sha256(convert_to(chosen, 'UTF8')), 'hex'), 32);
  END IF;
  -- A column that has gone to another name keeps its purpose: no two share one.
  WHILE EXISTS (SELECT FROM attest.protected_columns() p WHERE p.purpose = chosen) LOOP
    chosen := chosen || '+';
  END LOOP;
  RETURN chosen;
END
$$;
COMMENT ON FUNCTION attest_internal.new_purpose(regclass, name) IS
'The purpose of a column that is about to be protected: schema.table.column, or a digest of it when longer than 60 bytes; with a + when a column had that name before.';

CREATE FUNCTION attest_internal.seal_check(tab regclass, column_name name) RETURNS name
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.conname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
  WHERE k.conrelid = tab AND k.contype = 'c' AND k.convalidated AND a.attname = column_name
    AND starts_with(pg_get_constraintdef(k.oid), format('CHECK (attest.is_sealed(%I, ', column_name)) LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.seal_check(regclass, name) IS
'The CHECK that refuses what the trigger of attest.protect_columns() would, should it be missing; NULL where there is none.';

CREATE FUNCTION attest_internal.new_check_name(tab regclass, column_name name) RETURNS name
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT left(column_name, 45) || '_is_sealed' || coalesce('_' || nullif(count(*), 0), '') FROM pg_constraint k
  WHERE k.conrelid = tab AND starts_with(k.conname, left(column_name, 45) || '_is_sealed')
$$;
COMMENT ON FUNCTION attest_internal.new_check_name(regclass, name) IS 'A name for the CHECK of a column that no other has.';

CREATE FUNCTION attest_internal.column_statements(tab regclass, subject_column name, column_name name) RETURNS SETOF text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  label text := attest_internal.column_label(tab, column_name);
BEGIN
  IF attest_internal.column_type(tab, column_name) <> 'attest.sealed'::regtype THEN
    RETURN NEXT format('ALTER TABLE %s ALTER %I DROP DEFAULT, ALTER %I TYPE attest.sealed USING attest.refuse_clear(%I::text)',
      tab, column_name, column_name, column_name);
  END IF;
  IF label IS NULL THEN
    label := 'sealed ' || attest_internal.new_purpose(tab, column_name);
    RETURN NEXT format('SECURITY LABEL FOR attest ON COLUMN %s.%I IS %L', tab, column_name, label);
  ELSIF label NOT LIKE 'sealed %' THEN
    PERFORM attest_internal.fail('columns_refused', format('column %I serves as: %s', column_name, label));
  END IF;
  -- It also checks the rows that are there.
  IF attest_internal.seal_check(tab, column_name) IS NULL THEN
    RETURN NEXT format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (attest.is_sealed(%I, %I, %L))',
      tab, attest_internal.new_check_name(tab, column_name), column_name, subject_column, substr(label, 8));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.column_statements(regclass, name, name) IS 'The statements that give one column its type, its label and its CHECK.';

CREATE FUNCTION attest.protection_statements(tab regclass, subject_column name, columns text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  column_name text;
  other name;
BEGIN
  IF tab IS NULL OR subject_column IS NULL OR coalesce(cardinality(columns), 0) = 0 OR array_position(columns, NULL) IS NOT NULL THEN
    PERFORM attest_internal.fail('field_required', 'tab, subject_column, columns');
  END IF;
  IF columns && ARRAY['tenant_id', subject_column::text] THEN
    PERFORM attest_internal.fail('columns_refused', 'tenant_id and the column of the person stay in clear');
  END IF;
  IF attest_internal.column_type(tab, subject_column) <> 'uuid'::regtype THEN
    PERFORM attest_internal.fail('columns_refused', format('column %I is not the uuid of a person', subject_column));
  END IF;
  SELECT p.column_name INTO other FROM attest.protected_columns() p WHERE p.tab = protection_statements.tab AND p.kind = 'subject';
  IF other <> subject_column THEN
    PERFORM attest_internal.fail('columns_refused', format('its column of the person is %I', other));
  END IF;
  RETURN NEXT format('SECURITY LABEL FOR attest ON COLUMN %s.%I IS %L', tab, subject_column, 'subject');
  FOREACH column_name IN ARRAY columns LOOP
    RETURN QUERY SELECT s FROM attest_internal.column_statements(tab, subject_column, column_name::name) s;
  END LOOP;
  -- Triggers run in the order of their names: this one sees what the others made.
  IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = tab AND t.tgfoid = 'attest.seal_columns()'::regprocedure) THEN
    RETURN NEXT format('CREATE TRIGGER zz_attest_seal BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION attest.seal_columns()', tab);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.protection_statements(regclass, name, text[]) IS
'The statements that attest.protect_columns() runs after attest.protect(). Error TA344 where the columns cannot be protected.';

CREATE PROCEDURE attest.protect_columns(tab regclass, subject_column name, columns text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  statement text;
BEGIN
  PERFORM attest.protection_statements(tab, subject_column, columns);
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tab);
  PERFORM attest.protect(tab);
  FOR statement IN SELECT s FROM attest.protection_statements(tab, subject_column, columns) s LOOP
    EXECUTE statement;
  END LOOP;
END
$$;
COMMENT ON PROCEDURE attest.protect_columns(regclass, name, text[]) IS
'Puts columns of a table of yours under seal, and the table under attest.protect(): subject_column is the uuid of the person of a row, columns are of type attest.sealed or become so while they hold nothing. Write attest.plain(text) into them; a trigger seals it for the person and the purpose schema.table.column (attest.protected_columns() shows it), which stays when the column is renamed. Values sealed for another row are refused with TA343, clear ones with TA306. Safe to run again. For the owner of the table.';

CREATE FUNCTION attest.blind_statement(tab regclass, sealed_column name, blind_column name) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sealed text := attest_internal.column_label(tab, sealed_column);
  label text := attest_internal.column_label(tab, blind_column);
BEGIN
  IF coalesce(sealed, '') NOT LIKE 'sealed %' THEN
    PERFORM attest_internal.fail('columns_refused', format('column %s is not under attest.protect_columns()', coalesce(quote_ident(sealed_column), '-')));
  END IF;
  PERFORM attest_internal.check_blind_purpose(substr(sealed, 8));
  IF attest_internal.column_type(tab, blind_column) <> 'bytea'::regtype
      OR (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = tab AND a.attname = blind_column) THEN
    PERFORM attest_internal.fail('columns_refused', format('column %I is not bytea, or is NOT NULL: an erasure empties it', blind_column));
  END IF;
  IF label IS DISTINCT FROM 'blind ' || substr(sealed, 8)
      AND (label IS NOT NULL OR EXISTS (SELECT FROM attest.protected_columns() p WHERE p.kind = 'blind' AND p.purpose = substr(sealed, 8))) THEN
    PERFORM attest_internal.fail('columns_refused', format('column %I, or %I, has another counterpart', sealed_column, blind_column));
  END IF;
  RETURN format('SECURITY LABEL FOR attest ON COLUMN %s.%I IS %L', tab, blind_column, 'blind ' || substr(sealed, 8));
END
$$;
COMMENT ON FUNCTION attest.blind_statement(regclass, name, name) IS
'The statement that attest.protect_blind() runs. Error TA341 or TA344 where the column cannot hold blind values.';

CREATE PROCEDURE attest.protect_blind(tab regclass, sealed_column name, blind_column name)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE attest.blind_statement(tab, sealed_column, blind_column);
END
$$;
COMMENT ON PROCEDURE attest.protect_blind(regclass, name, name) IS
'Lets a bytea column hold the blind values of a sealed one, by which its rows are found: WHERE email_blind = ANY (attest.blind_candidates(purpose, value)). The trigger of attest.protect_columns() fills it, from the values as they are written: normalise them first. Error TA341 where the name says that there are few values. For the owner of the table.';

-- --- doctor ---

CREATE FUNCTION attest_internal.protect_call(tab regclass, column_name name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('CALL attest.protect_columns(%L, %L, %L);', protect_call.tab,
    coalesce(max(p.column_name) FILTER (WHERE p.kind = 'subject'), '...'),
    array_remove(array_agg(p.column_name) FILTER (WHERE p.kind = 'sealed' AND p.column_name IS DISTINCT FROM protect_call.column_name)
      || protect_call.column_name, NULL))
  FROM attest.protected_columns() p WHERE p.tab = protect_call.tab
$$;
COMMENT ON FUNCTION attest_internal.protect_call(regclass, name) IS 'The call that protects the columns of a table again, or a column for the first time.';

CREATE FUNCTION attest_internal.columns_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT 'seal_trigger_missing', 'critical', p.tab::text, 'the trigger that seals columns of the table is missing or disabled',
    CASE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.tab AND t.tgname = 'zz_attest_seal')
      THEN format('ALTER TABLE %s ENABLE TRIGGER zz_attest_seal;', p.tab) ELSE attest_internal.protect_call(p.tab, NULL) END
  FROM attest.protected_columns() p
  WHERE p.kind = 'subject' AND NOT EXISTS (SELECT FROM pg_trigger t
    WHERE t.tgrelid = p.tab AND t.tgfoid = 'attest.seal_columns()'::regprocedure AND t.tgenabled IN ('O', 'A'));

  RETURN QUERY
  SELECT 'sealed_column_open', 'warning', format('%s.%I', c.oid::regclass, a.attname),
    'a sealed column without the trigger and the CHECK of attest.protect_columns() would store attest.plain() values as they are',
    attest_internal.protect_call(c.oid, a.attname)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
    AND c.relnamespace NOT IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'attest_data' OR starts_with(n.nspname, 'pg_temp_'))
    AND attest_internal.seal_check(c.oid, a.attname) IS NULL;

  RETURN QUERY
  SELECT 'blind_values_repeat', 'warning', format('%s.%I', p.tab, p.column_name),
    format('a blind column has about %s distinct values: frequencies give them away', round(attest_internal.distinct_values(p.tab, p.column_name))),
    format('ALTER TABLE %s DROP COLUMN %I;', p.tab, p.column_name)
  FROM attest.protected_columns() p JOIN pg_class c ON c.oid = p.tab
  WHERE p.kind = 'blind' AND attest_internal.distinct_values(p.tab, p.column_name) < least(1000, c.reltuples / 10);
END
$$;
COMMENT ON FUNCTION attest_internal.columns_findings() IS 'What attest.doctor() says about the sealed columns of users'' tables.';
