-- esf: participations as a file, in the columns that a French managing authority imposes.

CREATE FUNCTION attest_internal.esf_csv_rows(source text, OUT line int, OUT fields text[]) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_esf_csv_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_csv_rows(text) IS 'Records of a CSV file of commas, semicolons or tabs, with the line where each begins. Error TA332.';

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
  SELECT CASE WHEN safe <> value OR value ~ E'[",;\t\n\r]' OR value <> btrim(value) THEN '"' || replace(safe, '"', '""') || '"'
    ELSE coalesce(value, '') END
  -- A spreadsheet set to semicolons does not see the quotes in a line of commas: a cell may begin after any separator.
  FROM regexp_replace(regexp_replace(value, E'^(?=[\t\n\r]| *[-=+@])', ''''), E'([,;\t\n\r])(?= *[-=+@])', E'\\1''', 'g') safe
$$;
COMMENT ON FUNCTION attest_internal.csv_cell(text) IS
'A text as a cell of CSV. What a spreadsheet would take for a formula (=, +, -, @, tab or line end first, or after a separator) gets an apostrophe in front (OWASP, CSV injection).';

CREATE FUNCTION attest_internal.file_text(cell text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT nullif(btrim(regexp_replace(regexp_replace(cell, E'([,;\t\n\r])''(?= *[-=+@])', E'\\1', 'g'), E'^''(?=[\t\n\r]| *[-=+@])', '')), '')
$$;
COMMENT ON FUNCTION attest_internal.file_text(text) IS 'A cell of a file without the apostrophes of attest_internal.csv_cell(); NULL when empty.';

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

CREATE FUNCTION attest_internal.file_answer(kind text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE kind WHEN 'entry' THEN 'status_entry' WHEN 'months' THEN 'unemployed_months' WHEN 'single' THEN 'single_adult'
    WHEN 'homeless' THEN 'homeless' WHEN 'exit' THEN 'status_exit' WHEN 'followup' THEN 'status_6m' END
$$;
COMMENT ON FUNCTION attest_internal.file_answer(text) IS
'The fact that answers the question of a coded column of the file; some codes say more besides.';

CREATE FUNCTION attest_internal.code_of_facts(kind text, facts jsonb, given text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  -- The code that was imported, as long as the facts still say the same; else the one that says
  -- most. A code that stands for no fact says nothing once the question has an answer.
  SELECT c.key FROM jsonb_each(attest_internal.file_codes(kind)) c
  WHERE facts @> c.value AND (c.value <> '{}' OR (c.key = given AND NOT facts ? attest_internal.file_answer(kind)))
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

CREATE FUNCTION attest_internal.file_code(kind text, facts jsonb, dossier jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE kind
    WHEN 'months' THEN attest_internal.months_code((facts ->> 'unemployed_months')::int)
    WHEN 'single' THEN CASE facts ->> 'single_adult' WHEN 'true' THEN 'oui' WHEN 'false' THEN 'non' WHEN 'refused' THEN 'refus' END
    WHEN 'exit' THEN attest_internal.code_of_facts(kind, facts, dossier ->> 'exit_situation')
    WHEN 'followup' THEN attest_internal.code_of_facts(kind, facts, dossier ->> 'followup_situation')
    ELSE attest_internal.code_of_facts(kind, facts) END
$$;
COMMENT ON FUNCTION attest_internal.file_code(text, jsonb, jsonb) IS
'What the file says in a coded column of a participation.';

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
    attest_internal.file_code('entry', facts, dossier),
    CASE WHEN facts ->> 'status_entry' = 'unemployed' THEN attest_internal.file_code('months', facts, dossier) END,
    'CITE ' || (facts ->> 'isced'),
    attest_internal.file_code('single', facts, dossier), attest_internal.file_code('homeless', facts, dossier),
    dossier ->> 'questionnaire', attest_internal.file_share(asked),
    facts ->> 'exit', attest_internal.file_code('exit', facts, dossier), held.exit_day::text,
    (held.exit_day - (facts ->> 'exit')::date)::text,
    attest_internal.file_code('followup', facts, dossier),
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

CREATE FUNCTION attest_internal.file_news(cells text[], facts jsonb, dossier jsonb, OUT news text[], OUT replaced text[]) RETURNS record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  coded record;
  codes jsonb;
  held text;
  given text;
BEGIN
  news := cells;
  replaced := '{}';
  FOR coded IN SELECT * FROM (VALUES ('entry', 16), ('months', 17), ('single', 19), ('homeless', 20), ('exit', 24), ('followup', 27)) c (kind, place) LOOP
    codes := attest_internal.file_codes(coded.kind);
    held := attest_internal.file_code(coded.kind, facts, dossier);
    given := lower(attest_internal.file_text(cells[coded.place]));
    IF given = held THEN
      news[coded.place] := NULL;
    ELSIF given IS NOT NULL THEN
      -- Who is said to be inactive is not in a course: there is a code for that.
      replaced := replaced || attest_internal.file_answer(coded.kind)
        || ARRAY(SELECT e.key FROM jsonb_each(codes -> held) e WHERE facts -> e.key = e.value)
        || ARRAY(SELECT jsonb_object_keys(c.value) FROM jsonb_each(codes) c WHERE codes -> given <> '{}' AND c.value @> (codes -> given));
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.file_news(text[], jsonb, jsonb) IS
'What a line of the file says anew of a participation. news: its cells, without the codes that say what is held already (months are known better than their bracket). replaced: the facts that a code which is corrected stood for, such as new_education too, and those by which the new code would be another; they go before the new code is read.';

CREATE FUNCTION attest_internal.import_participation(operation uuid, cells text[], OUT outcome text, OUT participation uuid) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  person uuid;
  given jsonb := attest_internal.file_facts(cells);
  held jsonb;
  kept jsonb;
  corrected jsonb;
  dossier jsonb;
  changes record;
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
  kept := attest_internal.participation_dossier(participation);
  SELECT * INTO changes FROM attest_internal.file_news(cells, held, kept);
  corrected := CASE WHEN outcome = 'recorded' THEN held ELSE (held - changes.replaced) || attest_internal.file_facts(changes.news) END;
  dossier := (kept - ARRAY(SELECT s.situation FROM (VALUES ('status_exit', 'exit_situation'), ('status_6m', 'followup_situation')) s (answer, situation)
    WHERE s.answer = ANY (changes.replaced))) || attest_internal.file_dossier(cells);
  IF corrected <> held OR dossier <> kept THEN
    PERFORM attest_internal.write_participation(participation, corrected, 'import', dossier => dossier);
    outcome := coalesce(outcome, 'updated');
  END IF;
  outcome := coalesce(outcome, 'unchanged');
END
$$;
COMMENT ON FUNCTION attest_internal.import_participation(uuid, text[]) IS
'Records one line of the file, or what it changes: recorded, updated or unchanged. A code that is corrected takes away all that the code before stood for.';

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
'Records and updates participations of an operation from CSV (commas, semicolons or tabs) with the columns of attest.esf_columns(), in that order; returns one row a line: recorded, updated, unchanged or rejected, with the error. People are found by the reference of the register (column 1) or their id; names, birth, sex and what the file computes (2 to 6, 22, 25, 26, 29) are not read. Empty cells change nothing; a code that is corrected replaces all that the code before stood for. A status such as BRSA is kept for the export, and makes nobody a participant. For managers.';
