-- person: import of files of people.

CREATE TYPE attest_internal.import_rules AS (
  names text[], kinds text[], patterns text[], accepted text[], always boolean[], profiles text[], profile_rules text[],
  nir_authorised boolean
);
COMMENT ON TYPE attest_internal.import_rules IS
'The rules of fields of the entered tenant, for many records: the columns of attest.person_fields(), and for each profile a letter a field: required, optional or forbidden.';

CREATE FUNCTION attest_internal.import_rules() RETURNS attest_internal.import_rules
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules attest_internal.import_rules;
BEGIN
  SELECT array_agg(f.name ORDER BY f.n), array_agg(f.kind ORDER BY f.n), array_agg(f.pattern ORDER BY f.n),
    array_agg(f.accepted ORDER BY f.n), array_agg(c.required ORDER BY f.n)
  INTO rules.names, rules.kinds, rules.patterns, rules.accepted, rules.always
  FROM attest.person_fields() WITH ORDINALITY f (name, category, sealed, sensitivity, kind, pattern, accepted, description, n)
  JOIN attest.import_columns() c ON c.name = f.name;
  SELECT array_agg(p.profile), array_agg(p.letters) INTO rules.profiles, rules.profile_rules
  FROM (
    SELECT r.profile, string_agg(left(r.rule, 1), '' ORDER BY array_position(rules.names, r.field)) AS letters
    FROM attest.field_rules() r
    GROUP BY r.profile
  ) p;
  rules.nir_authorised := attest_internal.nir_authorised();
  RETURN rules;
END
$$;
COMMENT ON FUNCTION attest_internal.import_rules() IS 'The rules of fields as they stand in the entered tenant.';

CREATE FUNCTION attest_internal.read_header(source bytea, final boolean,
  OUT columns text[], OUT delimiter text, OUT marked boolean, OUT next int, OUT line int) RETURNS record
AS 'MODULE_PATHNAME', 'attest_read_header' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.read_header(bytea, boolean) IS
'The first record of a CSV in UTF-8: its fields, what parts them, whether a mark of byte order stands before; the byte and the line after it. NULL while the record may go on (not final). Errors TA332, TA335.';

CREATE FUNCTION attest_internal.cut_records(format text, layout text, source bytea, at int, line int, final boolean,
  OUT next int, OUT next_line int, OUT records int, OUT next_layout text) RETURNS record
AS 'MODULE_PATHNAME', 'attest_cut_records' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.cut_records(text, text, bytea, int, int, boolean) IS
'Cuts whole records, a block of them, off a file from a byte on: where the next block begins, how many records. Layout: what parts the fields of a CSV, or what was seen of a JSON. Errors TA332, TA335, TA336 with the line.';

CREATE FUNCTION attest_internal.read_people(source bytea, first_line int, format text, delimiter text, columns text[],
  skip int[], rules attest_internal.import_rules) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_read_people' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 500 COST 1000;
COMMENT ON FUNCTION attest_internal.read_people(bytea, int, text, text, text[], int[], attest_internal.import_rules) IS
'The records of a block of a file as rows of the columns that the caller names: fields, and line, n, error, column_name, facts, fields, record. Every field is checked. Lines to skip are in order.';

CREATE FUNCTION attest_internal.csv_record(fields text[], delimiter text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_csv_record' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.csv_record(text[], text) IS
'A record of CSV without its line end. A field that a spreadsheet would take for a formula gets an apostrophe in front.';

CREATE FUNCTION attest_internal.import_markers() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT '{line,column,code,reason}'::text[] $$;
COMMENT ON FUNCTION attest_internal.import_markers() IS
'Columns that attest.rejected_rows() adds; an import passes over them.';

CREATE FUNCTION attest_internal.check_header(header text[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[] := ARRAY(SELECT c.name FROM attest.import_columns() c) || attest_internal.import_markers();
  missing text;
  unknown text;
BEGIN
  SELECT string_agg(c.name, ', ') INTO missing FROM attest.import_columns() c WHERE c.required AND NOT c.name = ANY (header);
  -- The first record of a file without a header is a person: only numbers of columns, then.
  SELECT string_agg(CASE WHEN header && known THEN h.name ELSE h.number::text END, ', ' ORDER BY h.number) INTO unknown
  FROM unnest(header) WITH ORDINALITY h (name, number)
  WHERE NOT h.name = ANY (known) OR h.number > array_position(header, h.name);
  IF missing IS NOT NULL OR unknown IS NOT NULL THEN
    PERFORM attest_internal.fail('csv_columns', coalesce(missing, '-'), coalesce(left(unknown, 200), '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_header(text[]) IS 'Error TA331 unless the first record names the columns of attest.import_columns().';

-- --- staging ---

CREATE FUNCTION attest.open_import(format text DEFAULT 'csv', source text DEFAULT 'file') RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_import uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  IF (format IN ('csv', 'json')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'format', 'csv or json');
  ELSIF coalesce(source, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'source');
  END IF;
  PERFORM attest_internal.check_person_field('source', source);
  INSERT INTO attest_data.import (tenant_id, import_id, format, source, layout, columns)
  VALUES (attest_internal.required_tenant(), new_import, open_import.format, open_import.source,
    CASE format WHEN 'json' THEN 's' END, CASE format WHEN 'json' THEN ARRAY(SELECT f.name FROM attest.person_fields() f) END);
  RETURN new_import;
END
$$;
COMMENT ON FUNCTION attest.open_import(text, text) IS
'Opens an import of people: csv (RFC 4180; commas, semicolons or tabs) or json (an array of objects, or one a line), UTF-8. The source is the provenance of those who do not give one: file, erp, application, form, manual. Then attest.stage_rows(), attest.check_import(), attest.load_import(). For managers and HR managers.';

CREATE FUNCTION attest_internal.lock_import(import uuid, open_only boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_state text;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  SELECT i.state INTO found_state FROM attest_data.import i
  WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = import FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'import', coalesce(import::text, '-'));
  ELSIF open_only AND found_state <> 'open' THEN
    PERFORM attest_internal.fail('import_closed', found_state);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.lock_import(uuid, boolean) IS
'Locks an import until the transaction ends. Error TA105 where the tenant has none with this id, TA337 where it must be open and is not.';

CREATE FUNCTION attest_internal.stage_header(import uuid, source bytea, final boolean) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  header record;
BEGIN
  SELECT * INTO header FROM attest_internal.read_header(source, final);
  IF header.columns IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM attest_internal.check_header(header.columns);
  UPDATE attest_data.import i
  SET columns = header.columns, layout = header.delimiter, marked = header.marked, next_line = header.line
  WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = import;
  RETURN header.next;
END
$$;
COMMENT ON FUNCTION attest_internal.stage_header(uuid, bytea, boolean) IS
'Takes the first record of a CSV as the names of its columns, and returns where it ends; NULL while it may go on. Error TA331 on wrong columns.';

CREATE FUNCTION attest_internal.stage_bytes(import uuid, chunk bytea, final boolean) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  staged attest_data.import;
  whole bytea;
  at int := 0;
  cut record;
  done int := 0;
BEGIN
  SELECT * INTO staged FROM attest_data.import i WHERE i.tenant_id = tenant AND i.import_id = import;
  whole := coalesce(attest_internal.unseal_bytes(staged.rest, import, 'import.rest'), '') || chunk;
  IF staged.columns IS NULL THEN
    at := attest_internal.stage_header(import, whole, final);
    SELECT * INTO staged FROM attest_data.import i WHERE i.tenant_id = tenant AND i.import_id = import;
  END IF;
  WHILE at IS NOT NULL LOOP
    cut := attest_internal.cut_records(staged.format, staged.layout, whole, at, staged.next_line, final);
    IF cut.records > 0 THEN
      INSERT INTO attest_data.import_block (tenant_id, import_id, first_line, records, source)
      VALUES (tenant, import, staged.next_line, cut.records,
        attest_internal.seal_bytes(substr(whole, at + 1, cut.next - at), import, 'import.rows'));
    END IF;
    done := done + cut.records;
    at := cut.next;
    staged.next_line := cut.next_line;
    staged.layout := cut.next_layout;
    EXIT WHEN cut.records = 0;
  END LOOP;
  whole := substr(whole, coalesce(at, 0) + 1);
  UPDATE attest_data.import i
  SET next_line = staged.next_line, layout = staged.layout, records = i.records + done,
    rest = CASE WHEN length(whole) > 0 AND NOT final THEN attest_internal.seal_bytes(whole, import, 'import.rest') END
  WHERE i.tenant_id = tenant AND i.import_id = import;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.stage_bytes(uuid, bytea, boolean) IS
'Stages the whole records of a part of a file, sealed under a key of the import; what is left waits for the next part, or with final must be whole. Returns how many records.';

CREATE FUNCTION attest.stage_rows(import uuid, chunk bytea) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.lock_import(import, true);
  RETURN attest_internal.stage_bytes(import, coalesce(chunk, ''), false);
END
$$;
COMMENT ON FUNCTION attest.stage_rows(uuid, bytea) IS
'Adds a part of the file, which may end anywhere, to an open import, and returns how many records it completed. Error TA335 with a hint for a file that is not UTF-8, TA331 on wrong columns, TA332 or TA336 on a text that is not CSV or JSON: the part is not taken then. For managers and HR managers.';

CREATE FUNCTION attest.stage_rows(import uuid, chunk text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN attest.stage_rows(import, convert_to(coalesce(chunk, ''), 'UTF8'));
END
$$;
COMMENT ON FUNCTION attest.stage_rows(uuid, text) IS 'As attest.stage_rows(import, chunk bytea), for a part that was read as text.';

-- --- judging ---

CREATE FUNCTION attest_internal.judge_import(import uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  today text := to_char(attest_internal.local_day(), 'YYYY-MM-DD');
  -- Nobody born up to this day is under 18; of the others is_minor() says it.
  young text := to_char(attest_internal.local_day() - interval '18 years 1 day', 'YYYY-MM-DD');
  several boolean := (SELECT count(*) > 1 FROM attest_data.tenant_key k WHERE k.tenant_id = tenant AND k.state <> 'destroyed');
  rules attest_internal.import_rules := attest_internal.import_rules();
  staged attest_data.import;
BEGIN
  PERFORM attest_internal.stage_bytes(import, '', true);
  SELECT * INTO staged FROM attest_data.import i WHERE i.tenant_id = tenant AND i.import_id = import;
  DELETE FROM attest_data.import_fault f WHERE f.tenant_id = tenant AND f.import_id = import;
  INSERT INTO attest_data.import_fault (tenant_id, import_id, line, column_name, error, facts)
  WITH given AS MATERIALIZED (
    -- No name leaves this part: what follows sorts lines, references and blind values.
    SELECT r.line, r.reference, coalesce(r.allow_duplicate, '') IN ('yes', 'true') AS allowed,
      CASE WHEN r.error IS NOT NULL THEN r.error
        WHEN r.parental_date IS NULL AND r.parental_reference IS NULL AND r.birth_date > young
          AND attest_internal.is_minor(r.birth_date::date) THEN 'minor_not_authorised'
        WHEN r.parental_date IS NULL AND r.parental_reference IS NULL THEN NULL
        WHEN r.parental_date IS NULL OR r.parental_reference IS NULL THEN 'field_required'
        WHEN r.parental_date > today THEN 'field_unknown_value' END AS error,
      CASE WHEN r.error IS NOT NULL THEN r.column_name
        WHEN r.parental_date IS NOT NULL OR r.parental_reference IS NOT NULL THEN 'parental_date' END AS column_name,
      CASE WHEN r.error IS NOT NULL THEN r.facts
        WHEN r.parental_date IS NULL OR r.parental_reference IS NULL THEN '{"parental_date, parental_reference"}'
        ELSE '{parental_date,today or earlier}' END::text[] AS facts,
      CASE WHEN r.error IS NULL THEN attest.blind('person.nir', r.nir) END AS nir_blind,
      CASE WHEN r.error IS NULL THEN attest.blind('person.identity', s.identity) END AS identity_blind,
      CASE WHEN r.error IS NULL AND several THEN attest.blind_candidates('person.nir', r.nir) END AS nir_blinds,
      CASE WHEN r.error IS NULL AND several THEN attest.blind_candidates('person.identity', s.identity) END AS identity_blinds
    FROM attest_data.import_block b
    CROSS JOIN LATERAL attest_internal.read_people(attest_internal.unseal_bytes(b.source, b.import_id, 'import.rows'),
      b.first_line, staged.format, staged.layout, staged.columns, '{}', rules)
      AS r (line int, error text, column_name text, facts text[], reference text, last_name text, first_name text,
        birth_date text, nir text, parental_date text, parental_reference text, allow_duplicate text)
    CROSS JOIN LATERAL (SELECT attest_internal.search_name(r.last_name, r.first_name, NULL) || ' ' || r.birth_date) s (identity)
    WHERE b.tenant_id = tenant AND b.import_id = import
  ), placed AS (
    SELECT g.*, coalesce(g.nir_blinds, ARRAY[g.nir_blind]) AS nirs, coalesce(g.identity_blinds, ARRAY[g.identity_blind]) AS identities,
      row_number() OVER (PARTITION BY g.reference COLLATE "C" ORDER BY g.line) AS of_reference,
      row_number() OVER nir AS of_nir, first_value(g.reference) OVER nir AS nir_reference,
      row_number() OVER identity AS of_identity, first_value(g.reference) OVER identity AS identity_reference
    FROM given g WHERE g.error IS NULL
    WINDOW nir AS (PARTITION BY g.nir_blind ORDER BY g.line), identity AS (PARTITION BY g.identity_blind ORDER BY g.line)
  )
  SELECT tenant, import, g.line, g.column_name, g.error, g.facts FROM given g WHERE g.error IS NOT NULL
  UNION ALL
  SELECT tenant, import, p.line, CASE d.error WHEN 'code_taken' THEN 'reference' END, d.error, d.facts
  FROM placed p
  -- One look-up in indexes a record.  The planner knows nothing of a file that has just come: a join that it
  -- means for a few records would compare each of them with the whole register, and so would = ANY (...).
  LEFT JOIN LATERAL (
    SELECT true AS taken FROM attest_data.person k WHERE k.tenant_id = tenant AND k.reference = p.reference
    UNION ALL
    SELECT true FROM attest_data.person_alias a WHERE a.tenant_id = tenant AND a.reference = p.reference LIMIT 1
  ) t ON true
  LEFT JOIN LATERAL (
    SELECT c.shared, c.reference
    FROM (
      SELECT 'nir' AS shared, k.* FROM unnest(p.nirs) v (blind) CROSS JOIN LATERAL (
        SELECT k.reference, k.person_id FROM attest_data.person k WHERE k.tenant_id = tenant AND k.nir_blind = v.blind OFFSET 0) k
      UNION ALL
      SELECT 'last_name, first_name, birth_date', k.* FROM unnest(p.identities) v (blind) CROSS JOIN LATERAL (
        SELECT k.reference, k.person_id FROM attest_data.person k WHERE k.tenant_id = tenant AND k.identity_blind = v.blind OFFSET 0) k
    ) c
    WHERE NOT p.allowed ORDER BY c.shared, c.person_id LIMIT 1
  ) k ON true
  CROSS JOIN LATERAL (
    SELECT 'code_taken', ARRAY[p.reference] WHERE p.of_reference > 1 OR t.taken
    UNION ALL
    SELECT 'person_known', ARRAY[k.shared, coalesce(k.reference, '-')] WHERE k.shared IS NOT NULL
    UNION ALL
    SELECT 'person_known', ARRAY['nir', p.nir_reference] WHERE p.of_nir > 1 AND p.nir_blind IS NOT NULL AND NOT p.allowed
    UNION ALL
    SELECT 'person_known', ARRAY['last_name, first_name, birth_date', p.identity_reference] WHERE p.of_identity > 1 AND p.identity_blind IS NOT NULL AND NOT p.allowed
    LIMIT 1
  ) d (error, facts);
END
$$;
COMMENT ON FUNCTION attest_internal.judge_import(uuid) IS
'Finds what is wrong with each record staged, as attest.add_person() would: fields, rules of the tenant, NIR, minors, references and people that are there already, in the register or further up in the file. The faults are in attest_data.import_fault.';

CREATE FUNCTION attest_internal.import_lines(import uuid, OUT line int) RETURNS SETOF int
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
DECLARE
  rules attest_internal.import_rules := attest_internal.import_rules();
BEGIN
  RETURN QUERY
  SELECT r.line FROM attest_data.import i
  JOIN attest_data.import_block b ON b.tenant_id = i.tenant_id AND b.import_id = i.import_id
  CROSS JOIN LATERAL attest_internal.read_people(attest_internal.unseal_bytes(b.source, b.import_id, 'import.rows'),
    b.first_line, i.format, i.layout, i.columns, '{}', rules) AS r (line int)
  WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = import;
END
$$;
COMMENT ON FUNCTION attest_internal.import_lines(uuid) IS 'Where each record staged begins in the file.';

CREATE FUNCTION attest.check_import(
  import uuid, OUT line int, OUT outcome text, OUT person_id uuid, OUT column_name text, OUT code text, OUT reason text, OUT hint text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET work_mem = '1GB' AS $$
#variable_conflict use_column
BEGIN
  PERFORM attest_internal.lock_import(import, true);
  PERFORM attest_internal.judge_import(import);
  RETURN QUERY
  SELECT l.line, CASE WHEN f.line IS NULL THEN 'acceptable' ELSE 'rejected' END, NULL::uuid, f.column_name, d.code, d.reason, d.hint
  FROM attest_internal.import_lines(import) l
  LEFT JOIN LATERAL (SELECT * FROM attest_data.import_fault f
    WHERE f.tenant_id = attest.current_tenant() AND f.import_id = import AND f.line = l.line LIMIT 1) f ON true
  LEFT JOIN LATERAL attest_internal.describe(f.error, f.facts) d ON f.line IS NOT NULL
  ORDER BY l.line;
END
$$;
COMMENT ON FUNCTION attest.check_import(uuid) IS
'A dry run of attest.load_import(): a row a record, acceptable or rejected, with the column, SQLSTATE, reason and hint; never a value. Loads nothing. Ends the file: a record that is not whole is an error. For managers and HR managers.';

-- --- loading ---

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
'Loads what is staged: a row a record, loaded with the person_id, or rejected with the column, SQLSTATE, reason and hint; never a value. Rejected records change nothing, the others are loaded. The records staged are destroyed then, but for the rejected: attest.rejected_rows(). For managers and HR managers.';

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
'Imports people from a file, csv or json, in UTF-8, in one call: attest.open_import(), stage_rows() and load_import(), or with dry_run check_import() and discard_import(). A row a record: its line, loaded (acceptable in a dry run) or rejected, the person_id, or the column, SQLSTATE, reason and hint; never a value. Rejected records change nothing and can be had again: attest.imports has the id for attest.rejected_rows(). Errors TA331, TA332, TA335, TA336 refuse the whole file.';

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
