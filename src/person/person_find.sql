-- person: search by name.

CREATE FUNCTION attest_internal.search_name(last_name text, first_name text, birth_name text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_search_name' LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.search_name(text, text, text) IS
'Last, first and birth name as a search compares them: without accents and capitals, one blank between words; a birth name that is the last name is left out. NULL when nothing is left.';
