-- person: loading what an import has staged and judged.

CREATE FUNCTION attest_internal.import_statement(columns text[], on_conflict text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  read text;
  names text;
  vals text;
BEGIN
  -- Columns of the file that are columns of the person, as canonical() and sealed_fields() would store them.
  SELECT string_agg(format(', %I text', f.name), ''),
    string_agg(format(', %I', f.name), '') FILTER (WHERE a.attname IS NOT NULL),
    string_agg(CASE WHEN f.sealed THEN format(', attest.seal(r.%1$I, r.person_id, %2$L)', f.name, 'person.' || f.name)
      ELSE format(', r.%I::%s', f.name, format_type(a.atttypid, a.atttypmod)) END, '') FILTER (WHERE a.attname IS NOT NULL)
  INTO read, names, vals
  FROM attest.person_fields() f
  LEFT JOIN pg_attribute a ON a.attrelid = 'attest_data.person'::regclass AND a.attname = f.name
    AND f.name = ANY (attest_internal.person_columns())
  WHERE f.name = ANY (columns) OR f.name = ANY ('{birth_name,birth_date,nir,email,source,parental_date,parental_reference}');
  -- $1 tenant, $2 block, $3 first line, $4 format, $5 layout, $6 columns, $7 lines to skip, $8 rules, $9 people, $10 import, $11 source
  RETURN 'WITH r AS MATERIALIZED (SELECT s.*, ($9::uuid[])[s.n] AS person_id
      FROM attest_internal.read_people($2, $3, $4, $5, $6, $7, $8) AS s (line int, n int' || read || ')
    ), stored AS (
      INSERT INTO attest_data.person AS p (tenant_id, person_id, profiles, source, import_id, birth_year, search_name, nir_blind,
        email_blind, identity_blind' || replace(names, ', source', '') || ')
      SELECT $1, r.person_id, ARRAY[r.profile], coalesce(r.source, $11), $10, left(r.birth_date, 4)::int,
        attest.seal(attest_internal.search_name(r.last_name, r.first_name, r.birth_name), r.person_id, ''person.search_name''),
        attest.blind(''person.nir'', r.nir),
        attest.blind(''person.email'', lower(r.email)),
        attest.blind(''person.identity'', attest_internal.search_name(r.last_name, r.first_name, NULL) || '' '' || r.birth_date)'
        || replace(vals, ', r.source::text', '') || '
      FROM r ' || on_conflict || ' RETURNING p.person_id
    ), authorised AS (
      INSERT INTO attest_data.parental_authorisation (tenant_id, authorisation_id, person_id, given_on, reference)
      SELECT $1, attest.uuid_v7(), r.person_id, r.parental_date::date,
        attest.seal(r.parental_reference, r.person_id, ''person.parental_reference'')
      FROM r JOIN stored s ON s.person_id = r.person_id WHERE r.parental_date IS NOT NULL
    ), late AS (
      -- Somebody else took the reference since the records were judged.
      INSERT INTO attest_data.import_fault (tenant_id, import_id, line, column_name, error, facts)
      SELECT $1, $10, r.line, ''reference'', ''code_taken'', ARRAY[r.reference]
      FROM r WHERE NOT EXISTS (SELECT FROM stored s WHERE s.person_id = r.person_id)
    )
    SELECT r.line, r.person_id FROM r JOIN stored s ON s.person_id = r.person_id';
END
$$;
COMMENT ON FUNCTION attest_internal.import_statement(text[], text) IS
'The statement that stores the people of a block with these columns, by the catalogue of fields: all that attest_internal.store_person() stores of one.';

CREATE FUNCTION attest_internal.load_blocks(import uuid, OUT line int, OUT person_id uuid) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
  tenant int := attest_internal.required_tenant();
  rules attest_internal.import_rules := attest_internal.import_rules();
  staged attest_data.import;
  store text;
  block record;
  skip int[];
  people uuid[];
  source bytea;
  done int;
BEGIN
  SELECT * INTO staged FROM attest_data.import i WHERE i.tenant_id = tenant AND i.import_id = import;
  store := attest_internal.import_statement(staged.columns, '');
  FOR block IN
    SELECT b.first_line, b.records, b.source, lead(b.first_line) OVER (ORDER BY b.first_line) AS next_line
    FROM attest_data.import_block b WHERE b.tenant_id = tenant AND b.import_id = import ORDER BY b.first_line
  LOOP
    skip := ARRAY(SELECT f.line FROM attest_data.import_fault f WHERE f.tenant_id = tenant AND f.import_id = import
      AND f.line >= block.first_line AND f.line < coalesce(block.next_line, 2147483647) ORDER BY f.line);
    people := ARRAY(SELECT attest.uuid_v7() FROM generate_series(1, block.records - cardinality(skip)));
    PERFORM attest_internal.create_subject_keys(people);
    source := attest_internal.unseal_bytes(block.source, import, 'import.rows');
    BEGIN
      RETURN QUERY EXECUTE store USING tenant, source, block.first_line, staged.format, staged.layout, staged.columns, skip, rules,
        people, import, staged.source;
    EXCEPTION WHEN unique_violation THEN
      -- Somebody else took a reference since the records were judged: once more, around it.
      RETURN QUERY EXECUTE attest_internal.import_statement(staged.columns, 'ON CONFLICT (tenant_id, reference) DO NOTHING')
      USING tenant, source, block.first_line, staged.format, staged.layout, staged.columns, skip, rules, people, import, staged.source;
    END;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done < cardinality(people) THEN
      -- Keys of those whose reference somebody else took meanwhile.
      DELETE FROM attest_data.subject_key k WHERE k.tenant_id = tenant AND k.subject_id = ANY (ARRAY(
        SELECT u.id FROM unnest(people) u (id)
        WHERE NOT EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = tenant AND p.person_id = u.id)));
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.load_blocks(uuid) IS
'Stores the records staged that have no fault, block by block, each person under a key of their own; returns their lines and ids.';

CREATE FUNCTION attest_internal.keep_rejected(import uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  rules attest_internal.import_rules := attest_internal.import_rules();
BEGIN
  WITH old AS (
    DELETE FROM attest_data.import_block b WHERE b.tenant_id = tenant AND b.import_id = import RETURNING b.*
  ), bounded AS (
    SELECT o.*, lead(o.first_line, 1, 2147483647) OVER (ORDER BY o.first_line) AS next_line FROM old o
  )
  INSERT INTO attest_data.import_block (tenant_id, import_id, first_line, records, source)
  SELECT tenant, import, r.line, 1, attest_internal.seal_bytes(r.record, import, 'import.rows')
  FROM bounded b JOIN attest_data.import i ON i.tenant_id = tenant AND i.import_id = import
  CROSS JOIN LATERAL attest_internal.read_people(attest_internal.unseal_bytes(b.source, import, 'import.rows'),
    b.first_line, i.format, i.layout, i.columns, '{}', rules) AS r (line int, record bytea)
  CROSS JOIN LATERAL (SELECT FROM attest_data.import_fault f
    WHERE f.tenant_id = tenant AND f.import_id = import AND f.line = r.line LIMIT 1) f
  WHERE EXISTS (SELECT FROM attest_data.import_fault f WHERE f.tenant_id = tenant AND f.import_id = import
      AND f.line >= b.first_line AND f.line < b.next_line);
END
$$;
COMMENT ON FUNCTION attest_internal.keep_rejected(uuid) IS 'Destroys the records staged, but for those with a fault.';

CREATE FUNCTION attest_internal.empty_import(import uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
BEGIN
  DELETE FROM attest_data.import_block b WHERE b.tenant_id = tenant AND b.import_id = import;
  DELETE FROM attest_data.import_fault f WHERE f.tenant_id = tenant AND f.import_id = import;
  UPDATE attest_data.import i SET rest = NULL, emptied_at = now(), state = CASE i.state WHEN 'open' THEN 'discarded' ELSE i.state END
  WHERE i.tenant_id = tenant AND i.import_id = import AND i.emptied_at IS NULL;
  -- In a restored backup, an import of keys may have brought the tombstone.
  IF FOUND AND NOT EXISTS (SELECT FROM attest_data.erased_subject e WHERE e.tenant_id = tenant AND e.subject_id = import) THEN
    PERFORM attest_internal.destroy_subject_key(import, 'import');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.empty_import(uuid) IS
'Destroys the records that an import holds and the key they are sealed under, for backups too; the import itself stays as provenance.';

CREATE FUNCTION attest_internal.load_report(
  import uuid, OUT line int, OUT outcome text, OUT person_id uuid, OUT column_name text, OUT code text, OUT reason text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
#variable_conflict use_column
DECLARE
  faults int;
BEGIN
  RETURN QUERY SELECT l.line, 'loaded', l.person_id, NULL, NULL, NULL, NULL FROM attest_internal.load_blocks(import) l;
  RETURN QUERY
  SELECT f.line, 'rejected', NULL::uuid, f.column_name, d.code, d.reason, d.hint
  FROM attest_data.import_fault f CROSS JOIN LATERAL attest_internal.describe(f.error, f.facts) d
  WHERE f.tenant_id = attest.current_tenant() AND f.import_id = import;
  GET DIAGNOSTICS faults = ROW_COUNT;
  UPDATE attest_data.import i
  SET state = 'loaded', loaded = i.records - faults, rejected = faults, loaded_at = now(), loaded_by = attest.current_account()
  WHERE i.tenant_id = attest.current_tenant() AND i.import_id = import;
  IF faults = 0 THEN
    PERFORM attest_internal.empty_import(import);
  ELSE
    PERFORM attest_internal.keep_rejected(import);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.load_report(uuid) IS 'Loads an import whose records have been judged, and reports; loaded records first.';

CREATE FUNCTION attest.load_import(
  import uuid, OUT line int, OUT outcome text, OUT person_id uuid, OUT column_name text, OUT code text, OUT reason text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
#variable_conflict use_column
BEGIN
  PERFORM attest_internal.lock_import(import, true);
  PERFORM attest_internal.judge_import(import);
  RETURN QUERY SELECT * FROM attest_internal.load_report(import) r ORDER BY r.line;
END
$$;
COMMENT ON FUNCTION attest.load_import(uuid) IS
'Loads what is staged: a row a record, with its line (in JSON its number), loaded with the person_id, or rejected with the column, SQLSTATE, reason and hint; never a value. Rejected records change nothing, the others are loaded. The records staged are destroyed then, but for the rejected: attest.rejected_rows(). For managers and HR managers.';

CREATE FUNCTION attest.discard_import(import uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.lock_import(import, false);
  PERFORM attest_internal.empty_import(import);
END
$$;
COMMENT ON FUNCTION attest.discard_import(uuid) IS
'Destroys the records that an import still holds, staged or rejected, with their key. People that were loaded stay. After 30 days the job import does it. For managers and HR managers.';

CREATE FUNCTION attest.rejected_rows(import uuid) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
DECLARE
  rules attest_internal.import_rules := attest_internal.import_rules();
  staged attest_data.import;
  rows text[];
BEGIN
  PERFORM attest_internal.lock_import(import, false);
  SELECT * INTO staged FROM attest_data.import i WHERE i.tenant_id = attest.current_tenant() AND i.import_id = import;
  -- In order of the blocks: nothing is sorted that was opened.
  rows := ARRAY(
    SELECT CASE staged.format
      WHEN 'csv' THEN attest_internal.csv_record(attest_internal.without_markers(r.fields, staged.columns)
        || ARRAY[r.line::text, f.column_name, d.code, d.reason], staged.layout)
      ELSE ((convert_from(r.record, 'UTF8')::jsonb - attest_internal.import_markers())
        || jsonb_build_object('line', r.line, 'column', f.column_name, 'code', d.code, 'reason', d.reason))::text END
    FROM (SELECT b.* FROM attest_data.import_block b
      WHERE b.tenant_id = attest.current_tenant() AND b.import_id = import ORDER BY b.first_line OFFSET 0) b
    CROSS JOIN LATERAL attest_internal.read_people(attest_internal.unseal_bytes(b.source, import, 'import.rows'),
      b.first_line, staged.format, staged.layout, staged.columns, '{}', rules) AS r (line int, fields text[], record bytea)
    CROSS JOIN LATERAL (SELECT * FROM attest_data.import_fault f
      WHERE f.tenant_id = attest.current_tenant() AND f.import_id = import AND f.line = r.line OFFSET 0) f
    CROSS JOIN LATERAL attest_internal.describe(f.error, f.facts) d);
  IF staged.format = 'json' THEN
    RETURN CASE staged.layout WHEN 'l' THEN array_to_string(rows, chr(10)) ELSE '[' || array_to_string(rows, ',' || chr(10)) || ']' END;
  END IF;
  RETURN CASE WHEN staged.marked THEN chr(65279) ELSE '' END
    || array_to_string(attest_internal.csv_record(attest_internal.without_markers(staged.columns, staged.columns)
      || attest_internal.import_markers(), staged.layout) || rows, chr(10)) || chr(10);
END
$$;
COMMENT ON FUNCTION attest.rejected_rows(uuid) IS
'The records of a checked or loaded import that were rejected, in the format that was sent, with line, column, code and reason added: correct them and send them again, an import passes over these columns. In CSV a field that a spreadsheet would run as a formula gets an apostrophe in front, which an import of such a file takes off. For managers and HR managers.';

CREATE FUNCTION attest_internal.without_markers(fields text[], columns text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN columns && attest_internal.import_markers() THEN
    ARRAY(SELECT f.field FROM unnest(fields, columns) WITH ORDINALITY f (field, name, n)
      WHERE NOT coalesce(f.name, '') = ANY (attest_internal.import_markers()) ORDER BY f.n) ELSE fields END
$$;
COMMENT ON FUNCTION attest_internal.without_markers(text[], text[]) IS 'The fields of a record but those of the columns that attest.rejected_rows() adds.';

-- --- in one call ---

CREATE FUNCTION attest.import_people(
  source bytea, format text DEFAULT 'csv', dry_run boolean DEFAULT false, OUT line int, OUT outcome text, OUT person_id uuid,
  OUT column_name text, OUT code text, OUT reason text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
DECLARE
  import uuid := attest.open_import(format);
BEGIN
  PERFORM attest.stage_rows(import, source);
  IF dry_run THEN
    RETURN QUERY SELECT * FROM attest.check_import(import);
    PERFORM attest_internal.empty_import(import);
  ELSE
    RETURN QUERY SELECT * FROM attest.load_import(import);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.import_people(bytea, text, boolean) IS
'Imports people from a file, csv or json, in UTF-8, in one call: attest.open_import(), stage_rows() and load_import(), or with dry_run check_import() and discard_import(). A row a record: its line (in JSON its number), loaded (acceptable in a dry run) or rejected, the person_id, or the column, SQLSTATE, reason and hint; never a value. Rejected records change nothing and can be had again: attest.imports has the id for attest.rejected_rows(). Errors TA331, TA332, TA335, TA336 refuse the whole file.';

CREATE FUNCTION attest.import_people(
  source text, format text DEFAULT 'csv', dry_run boolean DEFAULT false, OUT line int, OUT outcome text, OUT person_id uuid,
  OUT column_name text, OUT code text, OUT reason text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
BEGIN
  RETURN QUERY SELECT * FROM attest.import_people(convert_to(source, 'UTF8'), format, dry_run);
END
$$;
COMMENT ON FUNCTION attest.import_people(text, text, boolean) IS 'As attest.import_people(bytea, format, dry_run), for a file that was read as text.';

CREATE FUNCTION attest_internal.import_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old record;
  emptied bigint := 0;
BEGIN
  FOR old IN
    SELECT i.import_id FROM attest_data.import i
    WHERE i.tenant_id = attest_internal.required_tenant() AND i.emptied_at IS NULL AND i.opened_at < now() - interval '30 days'
    ORDER BY i.import_id FOR UPDATE SKIP LOCKED
  LOOP
    PERFORM attest_internal.empty_import(old.import_id);
    emptied := emptied + 1;
  END LOOP;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.import_job() IS
'Destroys the records that imports opened more than 30 days ago still hold, and returns how many imports there were.';
