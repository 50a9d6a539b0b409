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

CREATE FUNCTION attest_internal.describe(name text, facts text[], OUT code text, OUT reason text, OUT hint text) RETURNS record
AS 'MODULE_PATHNAME', 'attest_describe' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.describe(text, text[]) IS
'What an error of the catalogue would say with these facts, without raising it: SQLSTATE, message and detail, hint. For reports of many faults.';
