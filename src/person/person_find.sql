-- person: search by name.

CREATE FUNCTION attest_internal.search_name(last_name text, first_name text, birth_name text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_search_name' LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.search_name(text, text, text) IS
'Last, first and birth name as a search compares them: without accents and capitals, one blank between words; a birth name that is the last name is left out. NULL when nothing is left.';

CREATE FUNCTION attest_internal.name_misses(
  person uuid, search_name attest.sealed, generation int, wrapped bytea, tenant_generation int, query text
) RETURNS int
AS 'MODULE_PATHNAME', 'attest_name_misses' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION attest_internal.name_misses(uuid, attest.sealed, int, bytea, int, text) IS
'How many words of the query only begin a word of the name, or NULL where one does neither. Opens the name with the key that the query joins: no look-up a person, so it runs in parallel workers.';

CREATE FUNCTION attest_internal.has_key(person uuid) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_has_key' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest_internal.has_key(uuid) IS
'Whether a person of the entered tenant has a key now, whatever the snapshot of the query says: not so once erased.';

CREATE FUNCTION attest.find_people(
  query text, max int DEFAULT 50,
  OUT person_id uuid, OUT reference text, OUT last_name text, OUT first_name text, OUT birth_year int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
-- Names are sorted in memory: none goes to a temporary file. Policies make the planner expect few people, and look up
-- the key of each; all are read, so two indexes in the same order are better, and so are workers as soon as the table is
-- large (each would make a hash table of all keys).
SET work_mem = '256MB' SET enable_nestloop = off SET enable_hashjoin = off SET enable_seqscan = off
SET enable_bitmapscan = off SET parallel_setup_cost = 0 AS $$
#variable_conflict use_column
DECLARE
  tenant int := attest_internal.required_tenant();
  words text := attest_internal.search_name(query, NULL, NULL);
BEGIN
  PERFORM attest_internal.require_profile(
    'manager,hr_manager,dpo,department_referent,external_referent,counsellor,trainer,jury_member');
  IF words IS NULL OR length(query) > 200 THEN
    PERFORM attest_internal.fail('bad_value', 'query', 'words with a letter or a digit, 200 characters at most');
  ELSIF (max BETWEEN 1 AND 1000) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'max', 'a number from 1 to 1000');
  END IF;
  -- Workers compare names and pass on none; the few that are found are opened at the end.
  RETURN QUERY
  SELECT f.person_id, f.reference, f.last_name, f.first_name, f.birth_year
  FROM (
    SELECT m.person_id, m.reference, m.misses, m.birth_year,
      attest.unseal(m.last_name, m.person_id, 'person.last_name') AS last_name,
      attest.unseal(m.first_name, m.person_id, 'person.first_name') AS first_name
    FROM (
      SELECT s.*
      FROM (
        SELECT p.person_id, p.reference, p.last_name, p.first_name, p.birth_year,
          attest_internal.name_misses(p.person_id, p.search_name, k.generation, k.wrapped, k.tenant_generation, words)
            AS misses
        FROM attest_data.person p
        JOIN attest_data.subject_key k ON k.tenant_id = p.tenant_id AND k.subject_id = p.person_id
        WHERE p.tenant_id = tenant AND p.search_name IS NOT NULL
      ) s
      WHERE s.misses IS NOT NULL
      ORDER BY s.misses, s.reference, s.person_id
      LIMIT max
    ) m
    WHERE attest_internal.has_key(m.person_id) -- not so where they were erased since the snapshot
  ) f
  ORDER BY f.misses, attest_internal.search_name(f.last_name, f.first_name, NULL), f.reference;
END
$$;
COMMENT ON FUNCTION attest.find_people(text, int) IS
'People of the entered tenant whom the profile sees, by the words of their last, first and birth names: accents, capitals and order do not matter, the beginning of a word is enough. Whole words come first; at most max people (1 to 1000). Error TA012 for a query without a letter or digit. Opens the names of the tenant one by one, in parallel where there are many.';
