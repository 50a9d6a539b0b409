\echo Use "CREATE EXTENSION attest" to load this file. \quit

-- Roles belong to the cluster: made when missing, never dropped, not members.
DO $roles$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['attest_owner', 'attest_operator', 'attest_app', 'attest_analyst', 'attest_auditor']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', role_name);
    END IF;
  END LOOP;
END
$roles$;

COMMENT ON SCHEMA attest IS 'Public interface of attest: functions, types and views for applications.';

CREATE SCHEMA attest_internal;
COMMENT ON SCHEMA attest_internal IS 'Inner parts of attest: nothing here is for applications.';

-- The statements that attest.setup() runs. A table step runs once in the life of
-- a database; a view step runs at each setup.
CREATE TABLE attest_internal.setup_step (
  position int PRIMARY KEY,
  room text NOT NULL,
  step int NOT NULL,
  kind text NOT NULL CHECK (kind IN ('table', 'view')),
  statement text NOT NULL,
  UNIQUE (room, kind, step)
);
COMMENT ON TABLE attest_internal.setup_step IS 'The statements that attest.setup() runs, in order.';

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

-- ident: identifiers and row ids.

CREATE FUNCTION attest.uuid_v7() RETURNS uuid
AS 'MODULE_PATHNAME', 'attest_uuid_v7' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION attest.uuid_v7() IS
'A new row id: version 7 uuid (RFC 9562), ordered by the time of its making.';

CREATE TYPE attest.nir;
COMMENT ON TYPE attest.nir IS
'Social security number (NIR) of 13 characters and its key, of parts that can be. Spaces, dots and hyphens are accepted, waiting numbers (7, 8; 3, 4) too; the published specimen is not. Errors never repeat it. It has no comparison: never index or join it in clear.';

CREATE FUNCTION attest_internal.nir_in(cstring) RETURNS attest.nir
AS 'MODULE_PATHNAME', 'attest_nir_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.nir_out(attest.nir) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_nir_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.nir_recv(internal) RETURNS attest.nir
AS 'MODULE_PATHNAME', 'attest_nir_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.nir_send(attest.nir) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_nir_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.nir_in(cstring) IS 'Text input of attest.nir.';
COMMENT ON FUNCTION attest_internal.nir_out(attest.nir) IS 'Text output of attest.nir.';
COMMENT ON FUNCTION attest_internal.nir_recv(internal) IS 'Binary input of attest.nir.';
COMMENT ON FUNCTION attest_internal.nir_send(attest.nir) IS 'Binary output of attest.nir.';

CREATE TYPE attest.nir (
  INTERNALLENGTH = 15, ALIGNMENT = char,
  INPUT = attest_internal.nir_in, OUTPUT = attest_internal.nir_out,
  RECEIVE = attest_internal.nir_recv, SEND = attest_internal.nir_send
);

CREATE FUNCTION attest.nir_check(number text, level text DEFAULT 'plausible') RETURNS text
AS 'MODULE_PATHNAME', 'attest_nir_check' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.nir_check(text, text) IS
'What is wrong with a text as a NIR: NULL, or one of length, character, key; from level plausible on sex, month, department, order, specimen; at level definitive also provisional, for a waiting number (7, 8; 3, 4 are seen but in no published rule). Level wellformed passes samples such as 2 00 00 00 000 000 94, whose month cannot be. The type asks for plausible. Error TA012 for another level.';

CREATE FUNCTION attest.nir_parts(
  number attest.nir, as_of date DEFAULT current_date, OUT sex text, OUT birth_year int, OUT birth_month int, OUT department text,
  OUT born_abroad boolean, OUT commune text, OUT country text, OUT order_number int, OUT provisional boolean
) RETURNS record
AS 'MODULE_PATHNAME', 'attest_nir_parts' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.nir_parts(attest.nir, date) IS
'What a NIR says: M or F; birth year, two digits; month, NULL where the civil status is incomplete; department (2A, 971, 99 abroad); whether born abroad; commune or country as INSEE codes them, 5 characters; order among the births of the month; whether it is a waiting number (7, 8; 3, 4). Departments 91 to 96 stand for Algeria, Morocco and Tunisia in old numbers and, but 96, for French departments since 1968: the years that the birth year can stand for, 110 back from as_of, decide; where they disagree, born_abroad, commune and country are NULL. Rule: INSEE.';

CREATE FUNCTION attest.grouped(number attest.nir) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws(' ', left(t, 1), substr(t, 2, 2), substr(t, 4, 2), substr(t, 6, 2), substr(t, 8, 3), substr(t, 11, 3), right(t, 2))
  FROM CAST(number AS text) AS t
$$;
COMMENT ON FUNCTION attest.grouped(attest.nir) IS 'A NIR as it is printed, such as 2 95 10 99 126 111 93.';

CREATE TYPE attest.siret;
COMMENT ON TYPE attest.siret IS
'SIRET of an establishment, 14 digits, checked by Luhn or by the rule of La Poste, and its SIREN by Luhn. Spaces, dots and hyphens are accepted.';

CREATE FUNCTION attest_internal.siret_in(cstring) RETURNS attest.siret
AS 'MODULE_PATHNAME', 'attest_siret_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_out(attest.siret) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_siret_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_recv(internal) RETURNS attest.siret
AS 'MODULE_PATHNAME', 'attest_siret_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_send(attest.siret) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_siret_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.siret_in(cstring) IS 'Text input of attest.siret.';
COMMENT ON FUNCTION attest_internal.siret_out(attest.siret) IS 'Text output of attest.siret.';
COMMENT ON FUNCTION attest_internal.siret_recv(internal) IS 'Binary input of attest.siret.';
COMMENT ON FUNCTION attest_internal.siret_send(attest.siret) IS 'Binary output of attest.siret.';

CREATE TYPE attest.siret (
  INTERNALLENGTH = 14, ALIGNMENT = char,
  INPUT = attest_internal.siret_in, OUTPUT = attest_internal.siret_out,
  RECEIVE = attest_internal.siret_recv, SEND = attest_internal.siret_send
);

CREATE FUNCTION attest_internal.siret_cmp(attest.siret, attest.siret) RETURNS int
AS 'MODULE_PATHNAME', 'attest_siret_cmp' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_eq(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_eq' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_ne(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_ne' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_lt(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_lt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_le(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_le' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_gt(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_gt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_ge(attest.siret, attest.siret) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siret_ge' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siret_hash(attest.siret) RETURNS int
AS 'MODULE_PATHNAME', 'attest_siret_hash' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.siret_cmp(attest.siret, attest.siret) IS 'Order of two SIRETs.';
COMMENT ON FUNCTION attest_internal.siret_eq(attest.siret, attest.siret) IS 'SIRETs are equal.';
COMMENT ON FUNCTION attest_internal.siret_ne(attest.siret, attest.siret) IS 'SIRETs differ.';
COMMENT ON FUNCTION attest_internal.siret_lt(attest.siret, attest.siret) IS 'SIRET is before.';
COMMENT ON FUNCTION attest_internal.siret_le(attest.siret, attest.siret) IS 'SIRET is before or equal.';
COMMENT ON FUNCTION attest_internal.siret_gt(attest.siret, attest.siret) IS 'SIRET is after.';
COMMENT ON FUNCTION attest_internal.siret_ge(attest.siret, attest.siret) IS 'SIRET is after or equal.';
COMMENT ON FUNCTION attest_internal.siret_hash(attest.siret) IS 'Hash of a SIRET.';

CREATE OPERATOR attest.= (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_eq,
  COMMUTATOR = OPERATOR(attest.=), NEGATOR = OPERATOR(attest.<>),
  RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR attest.<> (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_ne,
  COMMUTATOR = OPERATOR(attest.<>), NEGATOR = OPERATOR(attest.=),
  RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR attest.< (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_lt,
  COMMUTATOR = OPERATOR(attest.>), NEGATOR = OPERATOR(attest.>=),
  RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR attest.<= (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_le,
  COMMUTATOR = OPERATOR(attest.>=), NEGATOR = OPERATOR(attest.>),
  RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR attest.> (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_gt,
  COMMUTATOR = OPERATOR(attest.<), NEGATOR = OPERATOR(attest.<=),
  RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR attest.>= (
  LEFTARG = attest.siret, RIGHTARG = attest.siret, FUNCTION = attest_internal.siret_ge,
  COMMUTATOR = OPERATOR(attest.<=), NEGATOR = OPERATOR(attest.<),
  RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR attest.= (attest.siret, attest.siret) IS 'equal';
COMMENT ON OPERATOR attest.<> (attest.siret, attest.siret) IS 'not equal';
COMMENT ON OPERATOR attest.< (attest.siret, attest.siret) IS 'before';
COMMENT ON OPERATOR attest.<= (attest.siret, attest.siret) IS 'before or equal';
COMMENT ON OPERATOR attest.> (attest.siret, attest.siret) IS 'after';
COMMENT ON OPERATOR attest.>= (attest.siret, attest.siret) IS 'after or equal';

CREATE OPERATOR FAMILY attest.siret_btree USING btree;
CREATE OPERATOR FAMILY attest.siret_hash USING hash;
COMMENT ON OPERATOR FAMILY attest.siret_btree USING btree IS 'Order of SIRETs.';
COMMENT ON OPERATOR FAMILY attest.siret_hash USING hash IS 'Hash of SIRETs.';
CREATE OPERATOR CLASS attest.siret_btree DEFAULT FOR TYPE attest.siret USING btree FAMILY attest.siret_btree AS
  OPERATOR 1 attest.<, OPERATOR 2 attest.<=, OPERATOR 3 attest.=, OPERATOR 4 attest.>=, OPERATOR 5 attest.>,
  FUNCTION 1 attest_internal.siret_cmp(attest.siret, attest.siret);
CREATE OPERATOR CLASS attest.siret_hash DEFAULT FOR TYPE attest.siret USING hash FAMILY attest.siret_hash AS
  OPERATOR 1 attest.=,
  FUNCTION 1 attest_internal.siret_hash(attest.siret);
COMMENT ON OPERATOR CLASS attest.siret_btree USING btree IS 'Order of SIRETs.';
COMMENT ON OPERATOR CLASS attest.siret_hash USING hash IS 'Hash of SIRETs.';

CREATE FUNCTION attest.siret_check(number text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_siret_check' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.siret_check(text) IS
'What is wrong with a text as a SIRET: NULL, or one of length, character, key, siren (the key of the SIREN at its beginning).';

CREATE FUNCTION attest.grouped(number attest.siret) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws(' ', left(t, 3), substr(t, 4, 3), substr(t, 7, 3), right(t, 5)) FROM CAST(number AS text) AS t
$$;
COMMENT ON FUNCTION attest.grouped(attest.siret) IS 'A SIRET as it is printed, such as 732 829 320 00074.';

CREATE TYPE attest.siren;
COMMENT ON TYPE attest.siren IS
'SIREN of a company or body, 9 digits, checked by Luhn. Spaces, dots and hyphens are accepted.';

CREATE FUNCTION attest_internal.siren_in(cstring) RETURNS attest.siren
AS 'MODULE_PATHNAME', 'attest_siren_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_out(attest.siren) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_siren_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_recv(internal) RETURNS attest.siren
AS 'MODULE_PATHNAME', 'attest_siren_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_send(attest.siren) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_siren_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.siren_in(cstring) IS 'Text input of attest.siren.';
COMMENT ON FUNCTION attest_internal.siren_out(attest.siren) IS 'Text output of attest.siren.';
COMMENT ON FUNCTION attest_internal.siren_recv(internal) IS 'Binary input of attest.siren.';
COMMENT ON FUNCTION attest_internal.siren_send(attest.siren) IS 'Binary output of attest.siren.';

CREATE TYPE attest.siren (
  INTERNALLENGTH = 9, ALIGNMENT = char,
  INPUT = attest_internal.siren_in, OUTPUT = attest_internal.siren_out,
  RECEIVE = attest_internal.siren_recv, SEND = attest_internal.siren_send
);

CREATE FUNCTION attest_internal.siren_cmp(attest.siren, attest.siren) RETURNS int
AS 'MODULE_PATHNAME', 'attest_siren_cmp' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_eq(attest.siren, attest.siren) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siren_eq' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_ne(attest.siren, attest.siren) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siren_ne' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_lt(attest.siren, attest.siren) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siren_lt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_le(attest.siren, attest.siren) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siren_le' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_gt(attest.siren, attest.siren) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siren_gt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_ge(attest.siren, attest.siren) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_siren_ge' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION attest_internal.siren_hash(attest.siren) RETURNS int
AS 'MODULE_PATHNAME', 'attest_siren_hash' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.siren_cmp(attest.siren, attest.siren) IS 'Order of two SIRENs.';
COMMENT ON FUNCTION attest_internal.siren_eq(attest.siren, attest.siren) IS 'SIRENs are equal.';
COMMENT ON FUNCTION attest_internal.siren_ne(attest.siren, attest.siren) IS 'SIRENs differ.';
COMMENT ON FUNCTION attest_internal.siren_lt(attest.siren, attest.siren) IS 'SIREN is before.';
COMMENT ON FUNCTION attest_internal.siren_le(attest.siren, attest.siren) IS 'SIREN is before or equal.';
COMMENT ON FUNCTION attest_internal.siren_gt(attest.siren, attest.siren) IS 'SIREN is after.';
COMMENT ON FUNCTION attest_internal.siren_ge(attest.siren, attest.siren) IS 'SIREN is after or equal.';
COMMENT ON FUNCTION attest_internal.siren_hash(attest.siren) IS 'Hash of a SIREN.';

CREATE OPERATOR attest.= (
  LEFTARG = attest.siren, RIGHTARG = attest.siren, FUNCTION = attest_internal.siren_eq,
  COMMUTATOR = OPERATOR(attest.=), NEGATOR = OPERATOR(attest.<>),
  RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR attest.<> (
  LEFTARG = attest.siren, RIGHTARG = attest.siren, FUNCTION = attest_internal.siren_ne,
  COMMUTATOR = OPERATOR(attest.<>), NEGATOR = OPERATOR(attest.=),
  RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR attest.< (
  LEFTARG = attest.siren, RIGHTARG = attest.siren, FUNCTION = attest_internal.siren_lt,
  COMMUTATOR = OPERATOR(attest.>), NEGATOR = OPERATOR(attest.>=),
  RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR attest.<= (
  LEFTARG = attest.siren, RIGHTARG = attest.siren, FUNCTION = attest_internal.siren_le,
  COMMUTATOR = OPERATOR(attest.>=), NEGATOR = OPERATOR(attest.>),
  RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR attest.> (
  LEFTARG = attest.siren, RIGHTARG = attest.siren, FUNCTION = attest_internal.siren_gt,
  COMMUTATOR = OPERATOR(attest.<), NEGATOR = OPERATOR(attest.<=),
  RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR attest.>= (
  LEFTARG = attest.siren, RIGHTARG = attest.siren, FUNCTION = attest_internal.siren_ge,
  COMMUTATOR = OPERATOR(attest.<=), NEGATOR = OPERATOR(attest.<),
  RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR attest.= (attest.siren, attest.siren) IS 'equal';
COMMENT ON OPERATOR attest.<> (attest.siren, attest.siren) IS 'not equal';
COMMENT ON OPERATOR attest.< (attest.siren, attest.siren) IS 'before';
COMMENT ON OPERATOR attest.<= (attest.siren, attest.siren) IS 'before or equal';
COMMENT ON OPERATOR attest.> (attest.siren, attest.siren) IS 'after';
COMMENT ON OPERATOR attest.>= (attest.siren, attest.siren) IS 'after or equal';

CREATE OPERATOR FAMILY attest.siren_btree USING btree;
CREATE OPERATOR FAMILY attest.siren_hash USING hash;
COMMENT ON OPERATOR FAMILY attest.siren_btree USING btree IS 'Order of SIRENs.';
COMMENT ON OPERATOR FAMILY attest.siren_hash USING hash IS 'Hash of SIRENs.';
CREATE OPERATOR CLASS attest.siren_btree DEFAULT FOR TYPE attest.siren USING btree FAMILY attest.siren_btree AS
  OPERATOR 1 attest.<, OPERATOR 2 attest.<=, OPERATOR 3 attest.=, OPERATOR 4 attest.>=, OPERATOR 5 attest.>,
  FUNCTION 1 attest_internal.siren_cmp(attest.siren, attest.siren);
CREATE OPERATOR CLASS attest.siren_hash DEFAULT FOR TYPE attest.siren USING hash FAMILY attest.siren_hash AS
  OPERATOR 1 attest.=,
  FUNCTION 1 attest_internal.siren_hash(attest.siren);
COMMENT ON OPERATOR CLASS attest.siren_btree USING btree IS 'Order of SIRENs.';
COMMENT ON OPERATOR CLASS attest.siren_hash USING hash IS 'Hash of SIRENs.';

CREATE FUNCTION attest.siren_check(number text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_siren_check' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.siren_check(text) IS 'What is wrong with a text as a SIREN: NULL, or one of length, character, key.';

CREATE FUNCTION attest.grouped(number attest.siren) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws(' ', left(t, 3), substr(t, 4, 3), right(t, 3)) FROM CAST(number AS text) AS t
$$;
COMMENT ON FUNCTION attest.grouped(attest.siren) IS 'A SIREN as it is printed, such as 732 829 320.';

CREATE FUNCTION attest.siren(number attest.siret) RETURNS attest.siren
AS 'MODULE_PATHNAME', 'attest_siren' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest.siren(attest.siret) IS 'The SIREN of the company that an establishment belongs to.';
CREATE CAST (attest.siret AS attest.siren) WITH FUNCTION attest.siren(attest.siret) AS ASSIGNMENT;
COMMENT ON CAST (attest.siret AS attest.siren) IS 'The SIREN of the company that an establishment belongs to.';

-- ident, calendar: French public holidays, working days, periods.

CREATE FUNCTION attest.holiday(day date, zone text DEFAULT 'mainland') RETURNS text
AS 'MODULE_PATHNAME', 'attest_holiday' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.holiday(date, text) IS
'Name of the French public holiday on a day, or NULL: new_year, easter_monday, labour_day, victory_1945, ascension, whit_monday, national_day, assumption, all_saints, armistice_1918, christmas; good_friday, saint_stephen in Alsace-Moselle, abolition_of_slavery overseas. zone: mainland, alsace_moselle, alsace_moselle_protestant (communes with a Protestant or shared church: Good Friday too, ordinance of 16 August 1892), guadeloupe, martinique, guyane, reunion, mayotte, saint_barthelemy, saint_martin, saint_pierre_et_miquelon. Source: L3133-1, L3134-13 and L3422-2 of the Labour Code. Error TA334 for another zone, TA012 outside the years 1 to 9999.';

CREATE FUNCTION attest.holidays(year int, zone text DEFAULT 'mainland', OUT day date, OUT name text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.day, h.name
  FROM (SELECT make_date(year, 1, 1) + n AS day, attest.holiday(make_date(year, 1, 1) + n, zone) AS name
    FROM generate_series(0, make_date(year, 12, 31) - make_date(year, 1, 1)) n) h
  WHERE h.name IS NOT NULL
  ORDER BY h.day
$$;
COMMENT ON FUNCTION attest.holidays(int, text) IS 'The French public holidays of a year; zones and names as attest.holiday().';

CREATE FUNCTION attest.add_working_days(day date, days int, zone text DEFAULT 'mainland', kind text DEFAULT 'ouvres') RETURNS date
AS 'MODULE_PATHNAME', 'attest_add_working_days' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.add_working_days(date, int, text, text) IS
'The day that lies so many working days after a day (before it, when negative), which does not count itself (Code of Civil Procedure, art. 641); with 0 the day, or the next working day. kind: ouvres (Monday to Friday) or ouvrables (Monday to Saturday), both less the public holidays of the zone. Errors TA334 for another zone or kind, TA012 for more than 20000 days.';

CREATE FUNCTION attest.due_day(since date, period interval, zone text DEFAULT 'mainland', extend boolean DEFAULT false) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN extend THEN attest.add_working_days((since + period)::date, 0, zone, 'ouvres') ELSE (since + period)::date END
$$;
COMMENT ON FUNCTION attest.due_day(date, interval, text, boolean) IS
'Last day of a period of months and days that an event starts: its day does not count; the same day of the month, or the last one of the month; months first, then days (Code of Civil Procedure, art. 641). With extend, a last day that is a Saturday, a Sunday or a public holiday gives way to the next working day (art. 642).';

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

-- tenant, doctor: what is wrong with an installation.

CREATE FUNCTION attest.doctor(OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  findings regproc;
BEGIN
  FOR findings IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, 9) = '_findings'
    ORDER BY p.proname
  LOOP
    RETURN QUERY EXECUTE format('SELECT f.code, f.severity, f.object, f.message, f.fix FROM %s() f', findings);
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.doctor() IS
'What is wrong with this installation, a row a finding: stable code, severity (critical, warning), object, message, fix. Empty when all is well. It asks every function <room>_findings() of attest_internal.';

CREATE FUNCTION attest_internal.protected_tables() RETURNS SETOF regclass
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.oid::regclass
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND (c.relnamespace = to_regnamespace('attest_data') OR EXISTS (
    SELECT FROM pg_seclabel l WHERE l.provider = 'attest' AND l.classoid = 'pg_class'::regclass AND l.objoid = c.oid))
  ORDER BY 1
$$;
COMMENT ON FUNCTION attest_internal.protected_tables() IS 'The tables under the isolation of tenants: those of attest_data, and those of attest.protect().';

CREATE FUNCTION attest_internal.unsafe_grants(OUT object text, OUT holder text, OUT privilege text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH held AS (
    -- tables and views: reading only, nothing for everybody, and the keys for nobody
    SELECT c.oid::regclass::text AS object, g.grantee, g.privilege_type AS privilege
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
    WHERE c.relnamespace IN ('attest_data'::regnamespace, 'attest'::regnamespace, 'attest_report'::regnamespace)
      AND g.grantee <> c.relowner AND (g.grantee = 0 OR g.privilege_type <> 'SELECT'
        OR c.oid IN ('attest_data.tenant_key'::regclass, 'attest_data.subject_key'::regclass, 'attest_data.account_secret'::regclass))
    UNION ALL
    SELECT c.oid::regclass::text, g.grantee, format('%s (%I)', g.privilege_type, a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) g
    WHERE c.relnamespace IN ('attest_data'::regnamespace, 'attest'::regnamespace, 'attest_report'::regnamespace)
      AND g.grantee <> c.relowner AND (g.grantee = 0 OR g.privilege_type <> 'SELECT')
    UNION ALL
    -- functions: none for everybody (but planned_tenant(): see end.sql), the inner ones for attest_owner, but for those of the types
    SELECT 'FUNCTION ' || p.oid::regprocedure::text, g.grantee, g.privilege_type
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND g.grantee <> p.proowner
      AND p.oid <> 'attest_internal.planned_tenant()'::regprocedure
      AND (g.grantee = 0 OR p.pronamespace = 'attest_internal'::regnamespace AND g.grantee <> 'attest_owner'::regrole
        AND p.proname !~ '^(nir|siret|siren|sealed|signature|tally|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$')
    UNION ALL
    -- functions that work for any tenant: not for those who work for the one that they have entered
    SELECT 'FUNCTION ' || p.oid::regprocedure::text, g.grantee, g.privilege_type
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) g JOIN pg_roles r ON r.oid = g.grantee
    WHERE p.pronamespace = 'attest'::regnamespace AND 'tenant_code' = ANY (p.proargnames) AND p.proname <> 'login'
      AND NOT r.rolsuper AND r.rolname NOT IN ('attest_owner', 'attest_operator')
      AND EXISTS (SELECT FROM unnest('{attest_app,attest_analyst,attest_auditor}'::name[]) c WHERE pg_has_role(r.oid, c, 'MEMBER'))
    UNION ALL
    -- tables of attest.protect(): what row level security does not bind
    SELECT c.oid::regclass::text, g.grantee, g.privilege_type
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
    WHERE c.oid IN (SELECT t FROM attest_internal.protected_tables() t) AND c.relnamespace <> 'attest_data'::regnamespace
      AND g.grantee <> c.relowner AND g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
  )
  SELECT held.object, CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(held.grantee)) END, held.privilege
  FROM held
$$;
COMMENT ON FUNCTION attest_internal.unsafe_grants() IS 'Grants on the objects of attest that open more than attest.setup() does.';

CREATE FUNCTION attest_internal.relations_over_tenants() RETURNS SETOF regclass
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE reading (relation) AS (
    SELECT t::oid FROM attest_internal.protected_tables() t
    UNION
    SELECT r.ev_class FROM reading JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = reading.relation
      AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid
  )
  SELECT reading.relation::regclass FROM reading
$$;
COMMENT ON FUNCTION attest_internal.relations_over_tenants() IS 'The tables under isolation, the views over them, and the views over those.';

CREATE FUNCTION attest_internal.tenant_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass('attest_data.schema_version') IS NULL THEN
    RETURN QUERY SELECT 'setup_missing', 'critical', current_database()::text,
      'the tables of attest are not set up', 'SELECT attest.setup();';
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 'rls_missing', 'critical', t::text, 'row level security is off or not forced on a tenant table',
    format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;', t)
  FROM attest_internal.protected_tables() t JOIN pg_class c ON c.oid = t
  WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity);

  RETURN QUERY
  SELECT 'policy_missing', 'critical', t::text, 'a tenant table has no restrictive policy on the tenant',
    CASE WHEN t::text LIKE 'attest_data.%' THEN 'SELECT attest.setup();' ELSE format('SELECT attest.protect(%L);', t) END
  FROM attest_internal.protected_tables() t
  WHERE NOT attest_internal.is_restricted(t);

  RETURN QUERY
  SELECT 'key_without_tenant', 'critical', t::text, attest_internal.unprotectable(t),
    'Put tenant_id into every unique index and foreign key of the table.'
  FROM attest_internal.protected_tables() t
  WHERE attest_internal.unprotectable(t) IS NOT NULL;

  RETURN QUERY
  SELECT 'reference_not_protected', 'critical', k.conrelid::regclass::text,
    format('foreign key %I lets a table without isolation ask whether a tenant table has a row', k.conname),
    format('SELECT attest.protect(%L);', k.conrelid::regclass)
  FROM attest_internal.protected_tables() t JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = t
  WHERE NOT EXISTS (SELECT FROM attest_internal.protected_tables() p WHERE p = k.conrelid);

  RETURN QUERY
  SELECT 'tenant_id_without_default', 'warning', t::text, 'tenant_id does not default to the entered tenant',
    format('ALTER TABLE %s ALTER tenant_id SET DEFAULT attest.current_tenant();', t)
  FROM attest_internal.protected_tables() t
  LEFT JOIN pg_attrdef d ON d.adrelid = t AND d.adnum = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = t AND a.attname = 'tenant_id')
  WHERE pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM 'attest.current_tenant()';

  RETURN QUERY
  SELECT 'view_not_invoker', 'critical', v.oid::regclass::text, 'a view over tenant tables works with the rights of its owner',
    format('ALTER VIEW %s SET (security_invoker = true);', v.oid::regclass)
  FROM attest_internal.relations_over_tenants() r JOIN pg_class v ON v.oid = r
  WHERE v.relkind = 'v' AND NOT coalesce(v.reloptions && '{security_invoker=true,security_invoker=on}', false);

  RETURN QUERY
  SELECT 'materialized_view', 'critical', v.oid::regclass::text,
    'a materialized view keeps rows of tenants outside row level security', format('DROP MATERIALIZED VIEW %s;', v.oid::regclass)
  FROM attest_internal.relations_over_tenants() r JOIN pg_class v ON v.oid = r
  WHERE v.relkind = 'm';

  RETURN QUERY
  SELECT 'rule_on_tenant_table', 'critical', t::text, format('rule %I rewrites statements on a tenant table', r.rulename),
    format('DROP RULE %I ON %s;', r.rulename, t)
  FROM attest_internal.protected_tables() t JOIN pg_rewrite r ON r.ev_class = t;

  RETURN QUERY
  SELECT 'child_not_protected', 'critical', i.inhrelid::regclass::text, 'a child of a tenant table bypasses its policies',
    'Take the table out of the inheritance: ALTER TABLE ... NO INHERIT ...; or drop it.'
  FROM attest_internal.protected_tables() t JOIN pg_inherits i ON i.inhparent = t
  WHERE NOT EXISTS (SELECT FROM attest_internal.protected_tables() p WHERE p = i.inhrelid);
END
$$;
COMMENT ON FUNCTION attest_internal.tenant_findings() IS 'What attest.doctor() says about the tables of the tenants.';

CREATE FUNCTION attest_internal.grant_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- A superuser is a member of everything: only one that was made a member by name counts.
  clients oid[] := ARRAY(SELECT r.oid FROM pg_roles r WHERE left(r.rolname, 7) <> 'attest_' AND EXISTS (
    SELECT FROM unnest(ARRAY['attest_app', 'attest_analyst', 'attest_auditor']) g
    WHERE NOT r.rolsuper AND pg_has_role(r.oid, g, 'MEMBER') OR EXISTS (
      SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.roleid = to_regrole(g))));
BEGIN
  IF to_regclass('attest_data.account_secret') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 'unsafe_grant', 'critical', g.object, format('%s holds %s', g.holder, g.privilege),
    format('REVOKE %s ON %s FROM %s;', g.privilege, g.object, g.holder)
  FROM attest_internal.unsafe_grants() g;

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, 'the owner of the tables escapes row level security',
    format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS;', r.rolname)
  FROM pg_roles r WHERE r.rolname = 'attest_owner' AND (r.rolsuper OR r.rolbypassrls);

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, 'a member of attest_owner works with the rights of the tables'' owner',
    format('REVOKE attest_owner FROM %I;', r.rolname)
  FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
  WHERE g.rolname = 'attest_owner';

  RETURN QUERY
  SELECT 'unsafe_role', 'critical', r.rolname::text, fault.what, fault.mend
  FROM pg_roles r CROSS JOIN LATERAL (
    SELECT 'a client role is superuser, or has BYPASSRLS, CREATEROLE or REPLICATION' AS what,
      format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION;', r.rolname) AS mend
    WHERE r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication
    UNION ALL
    SELECT format('a client role is a member of %s', g.rolname), format('REVOKE %I FROM %I;', g.rolname, r.rolname)
    FROM pg_roles g
    WHERE g.rolname IN ('attest_operator', 'pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files',
        'pg_write_server_files', 'pg_execute_server_program') AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER')
    UNION ALL
    SELECT format('a client role owns %s', t), format('ALTER TABLE %s OWNER TO attest_owner;', t)
    FROM attest_internal.protected_tables() t JOIN pg_class c ON c.oid = t WHERE c.relowner = r.oid
    UNION ALL
    SELECT format('a client role may create objects in schema %s', n.nspname), format('REVOKE CREATE ON SCHEMA %I FROM %I;', n.nspname, r.rolname)
    FROM pg_namespace n WHERE NOT r.rolsuper AND n.nspname !~ '^pg_' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
    UNION ALL
    SELECT 'a client role may create schemas in this database', format('REVOKE CREATE ON DATABASE %I FROM %I;', current_database(), r.rolname)
    WHERE NOT r.rolsuper AND has_database_privilege(r.oid, current_database(), 'CREATE')
  ) AS fault
  WHERE r.oid = ANY (clients);

  RETURN QUERY
  SELECT 'mapped_role_gone', 'warning', r.role_name::text, 'a role that stood for a tenant is gone: one of the same name would take its place',
    format('SELECT attest.revoke_tenant(%L);', r.role_name)
  FROM attest_data.role_tenant r WHERE to_regrole(quote_ident(r.role_name)) IS NULL;

  RETURN QUERY
  SELECT 'unsafe_default_grant', 'critical', coalesce(n.nspname, '(every schema)')::text,
    format('new objects of %s are open to %s', pg_get_userbyid(d.defaclrole), CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END),
    'Take the default back: ALTER DEFAULT PRIVILEGES ... REVOKE ...;'
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) g
  WHERE d.defaclobjtype IN ('r', 'S') AND d.defaclrole = 'attest_owner'::regrole AND g.grantee <> d.defaclrole;

  RETURN QUERY
  SELECT 'shared_sequence', 'warning', c.oid::regclass::text, 'a sequence that clients can use counts over all tenants',
    format('REVOKE ALL ON SEQUENCE %s FROM attest_app;', c.oid::regclass)
  FROM pg_class c
  WHERE CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('attest_app', c.oid, 'USAGE, SELECT, UPDATE') END
    AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid IN (SELECT t FROM attest_internal.protected_tables() t));
END
$$;
COMMENT ON FUNCTION attest_internal.grant_findings() IS 'What attest.doctor() says about roles and grants.';

CREATE FUNCTION attest_internal.server_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The details and contexts of errors quote rows, lines of COPY and malformed JSON.
  RETURN QUERY
  SELECT 'parameters_logged', 'warning', s.name, 'values of statements may reach the server log',
    format('ALTER SYSTEM SET %s = %s;', s.name, wanted.value)
  FROM pg_settings s JOIN (VALUES ('log_parameter_max_length', '0'), ('log_parameter_max_length_on_error', '0'),
    ('log_min_error_statement', 'panic'), ('log_error_verbosity', 'terse')) AS wanted (name, value) ON wanted.name = s.name
  WHERE s.setting <> wanted.value
  ORDER BY s.name;

  RETURN QUERY
  SELECT 'statements_logged', 'warning', 'log_statement'::text, 'every statement reaches the server log, with the values in its text',
    'ALTER SYSTEM SET log_statement = ddl;'
  FROM pg_settings s WHERE s.name = 'log_statement' AND s.setting IN ('all', 'mod');

  -- A plan made for the parameters of one call holds their values.
  RETURN QUERY
  SELECT 'plans_logged', 'warning', s.name, 'plans reach the server log, with the values of parameters in them',
    format('ALTER SYSTEM SET %s = %s;', s.name, wanted.value)
  FROM pg_settings s JOIN (VALUES ('auto_explain.log_min_duration', '-1'), ('debug_print_parse', 'off'),
    ('debug_print_rewritten', 'off'), ('debug_print_plan', 'off')) AS wanted (name, value) ON wanted.name = s.name
  WHERE s.setting <> wanted.value
  ORDER BY s.name;

  RETURN QUERY
  SELECT 'policy_function_changed', 'critical', p.oid::regprocedure::text,
    format('a function of the policies is not STABLE, %s and PARALLEL SAFE: a plan may keep another tenant', made.leak),
    format('ALTER FUNCTION %s STABLE %s PARALLEL SAFE;', p.oid::regprocedure, made.leak)
  FROM pg_proc p JOIN (VALUES ('attest.current_tenant()', 'LEAKPROOF'), ('attest_internal.planned_tenant()', 'LEAKPROOF'),
    ('attest.may_see(uuid)', 'NOT LEAKPROOF')) AS made (name, leak) ON p.oid = made.name::regprocedure
  WHERE p.provolatile <> 's' OR p.proparallel <> 's' OR p.proleakproof <> (made.leak = 'LEAKPROOF');

  RETURN QUERY
  SELECT 'definer_without_search_path', 'critical', p.oid::regprocedure::text,
    'a SECURITY DEFINER function takes its names from the caller''s search_path',
    format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;', p.oid::regprocedure)
  FROM pg_proc p
  WHERE p.prosecdef AND p.pronamespace <> 'pg_catalog'::regnamespace
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE left(c, 12) = 'search_path=');

  RETURN QUERY
  SELECT 'publication_of_everything', 'warning', p.pubname::text, 'a publication FOR ALL TABLES sends keys and all tenants to its subscribers',
    format('DROP PUBLICATION %I; -- then publish chosen tables', p.pubname)
  FROM pg_publication p WHERE p.puballtables;
END
$$;
COMMENT ON FUNCTION attest_internal.server_findings() IS 'What attest.doctor() says about settings, functions and publications.';

-- tenant, imported accounts: crypt() hashes of the system before, good until the first login.

CREATE FUNCTION attest_internal.crypt_matches(secret text, crypt_hash text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_crypt_matches' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.crypt_matches(text, text) IS 'Whether crypt() of pgcrypto gives the hash; compared in constant time.';

CREATE FUNCTION attest.import_secret(tenant_code text, identifier text, crypt_hash text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  -- $2b$ and $2y$ are other names of what pgcrypto calls $2a$.
  hash text := regexp_replace(crypt_hash, '^[$]2[by][$]', '$2a$');
  found_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  -- A cost beyond these would hold up every login; plain DES looks at 8 characters only.
  IF (hash ~ '^([$]2[ax][$](0[4-9]|1[0-4])[$][./0-9A-Za-z]{53}|[$]1[$][./0-9A-Za-z]{1,8}[$][./0-9A-Za-z]{22}|_[./0-9A-Za-z]{3}[.][./0-9A-Za-z]{15})$') IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'crypt_hash', 'a hash of crypt(): bf up to cost 14, md5, or xdes');
  END IF;
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT a.account_id INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = import_secret.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  -- The cost of bf doubles with its number; md5 and xdes as pgcrypto makes it are cheaper than most.
  INSERT INTO attest_data.crypt_setting (weight, setting)
  VALUES (CASE left(hash, 2) WHEN '$2' THEN substr(hash, 5, 2)::int WHEN '$1' THEN 2 ELSE 3 END, CASE left(hash, 2) WHEN '$2' THEN left(hash, 7) || repeat('.', 22) WHEN '$1' THEN '$1$........$' ELSE left(hash, 5) || '....' END)
  ON CONFLICT DO NOTHING;
  INSERT INTO attest_data.account_secret AS s (tenant_id, account_id, salt, cost, crypt_hash)
  VALUES (attest.current_tenant(), found_account, uuid_send(gen_random_uuid()), 15, hash)
  ON CONFLICT ON CONSTRAINT account_secret_pkey DO UPDATE SET hash = NULL, crypt_hash = EXCLUDED.crypt_hash, set_at = now();
END
$$;
COMMENT ON FUNCTION attest.import_secret(text, text, text) IS
'Gives an account the secret behind a hash of crypt() (bf, md5, xdes; also $2b$ and $2y$ of other systems). The first right attest.login() puts an scrypt hash in its place. Pass it as a bind parameter.';

CREATE FUNCTION attest.import_account(
  tenant_code text, identifier text, profile text, crypt_hash text, person uuid DEFAULT NULL,
  valid_from date DEFAULT NULL, valid_until date DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  new_account := attest.create_account(tenant_code, identifier, profile, person, valid_from, valid_until);
  PERFORM attest.import_secret(tenant_code, identifier, crypt_hash);
  RETURN new_account;
END
$$;
COMMENT ON FUNCTION attest.import_account(text, text, text, text, uuid, date, date) IS
'attest.create_account() and attest.import_secret() in one call: an account of the system before, with its crypt() hash.';

CREATE FUNCTION attest_internal.replace_imported(tenant int, identifier text, secret text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  new_salt bytea := uuid_send(gen_random_uuid());
BEGIN
  PERFORM attest_internal.enter_tenant(tenant);
  UPDATE attest_data.account_secret s
  SET salt = new_salt, cost = 15, hash = attest_internal.hash_secret(secret, new_salt, 15), crypt_hash = NULL, set_at = now()
  FROM attest_data.account a
  WHERE s.tenant_id = replace_imported.tenant AND a.tenant_id = s.tenant_id AND a.account_id = s.account_id
    AND a.identifier = replace_imported.identifier AND s.crypt_hash IS NOT NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.replace_imported(int, text, text) IS 'Puts the scrypt hash of a secret in the place of its imported hash.';

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

-- tenant, sign-on: secrets, tokens of identity providers, login roles.

-- --- secrets ---

CREATE FUNCTION attest_internal.hash_secret(secret text, salt bytea, cost int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_hash_secret' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.hash_secret(text, bytea, int) IS 'scrypt (RFC 7914): N = 2^cost, r = 8, p = 1, 32 bytes.';

CREATE FUNCTION attest_internal.secret_matches(secret text, salt bytea, cost int, hash bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_secret_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION attest_internal.secret_matches(text, bytea, int, bytea) IS 'Whether a secret has the hash; compared in constant time.';

CREATE FUNCTION attest_internal.take_guess(name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_take_guess' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.take_guess(text) IS
'Whether a secret may be tried for the name now, after the wrong ones before. The try counts as wrong at once, in shared memory: sessions that try together are not all let in, and ROLLBACK does not undo it.';

CREATE FUNCTION attest_internal.forgive_guesses(name text) RETURNS void
AS 'MODULE_PATHNAME', 'attest_forgive_guesses' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forgive_guesses(text) IS 'Forgets the wrong tries of the name, after a right one.';

CREATE FUNCTION attest.set_secret(tenant_code text, identifier text, secret text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  salt bytea := uuid_send(gen_random_uuid());
  found_account uuid;
BEGIN
  PERFORM attest_internal.hide_statement();
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  SELECT a.account_id INTO found_account FROM attest_data.account a
  WHERE a.tenant_id = attest.current_tenant() AND a.identifier = set_secret.identifier;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_account');
  END IF;
  -- Length over composition (NIST SP 800-63B, 5.1.1.2).
  IF length(secret) < 12 OR length(secret) > 256 THEN
    PERFORM attest_internal.fail('weak_secret', '12 to 256 characters');
  ELSIF (SELECT count(DISTINCT c) FROM regexp_split_to_table(lower(secret), '') c) < 6 THEN
    PERFORM attest_internal.fail('weak_secret', '6 different characters');
  ELSIF position(lower(identifier) IN lower(secret)) > 0 OR position(lower(tenant_code) IN lower(secret)) > 0 THEN
    PERFORM attest_internal.fail('weak_secret', 'neither the identifier nor the tenant''s code in it');
  END IF;
  INSERT INTO attest_data.account_secret AS s (tenant_id, account_id, salt, cost, hash)
  VALUES (attest.current_tenant(), found_account, salt, 15, attest_internal.hash_secret(secret, salt, 15))
  ON CONFLICT ON CONSTRAINT account_secret_pkey DO UPDATE
  SET salt = EXCLUDED.salt, cost = EXCLUDED.cost, hash = EXCLUDED.hash, crypt_hash = NULL, set_at = now();
END
$$;
COMMENT ON FUNCTION attest.set_secret(text, text, text) IS
'Sets the secret of an account for attest.login(); stored as scrypt. Pass it as a bind parameter. Error TA016 for a weak one: 12 characters, 6 of them different, without the identifier.';

CREATE FUNCTION attest_internal.secret_of(
  tenant_code text, identifier text, OUT tenant int, OUT salt bytea, OUT cost int, OUT hash bytea, OUT crypt_hash text, OUT crypt_setting text
) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' SET enable_seqscan = off AS $$
BEGIN
  -- No tenant has id 0: the same tables and indexes are read and locked whether there is such a tenant.
  tenant := coalesce((SELECT t.id FROM attest_data.tenant t WHERE t.code = tenant_code), 0);
  PERFORM attest_internal.enter_tenant(tenant);
  SELECT c.setting INTO crypt_setting FROM attest_data.crypt_setting c
  ORDER BY c.weight DESC, c.setting DESC LIMIT 1;
  SELECT s.salt, s.cost, s.hash, s.crypt_hash INTO salt, cost, hash, crypt_hash
  FROM attest_data.account a JOIN attest_data.account_secret s ON s.tenant_id = a.tenant_id AND s.account_id = a.account_id
  WHERE a.tenant_id = secret_of.tenant AND a.identifier = secret_of.identifier;
END
$$;
COMMENT ON FUNCTION attest_internal.secret_of(text, text) IS
'The stored hash of an account''s secret, NULL where there is none; and the costliest kind of crypt() hash that was ever imported.';

CREATE FUNCTION attest.login(tenant_code text, identifier text, secret text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := current_database() || '/' || coalesce(tenant_code, '') || '/' || coalesce(identifier, '');
  is_open boolean;
  stored record;
  is_right boolean;
  is_imported boolean := false;
BEGIN
  PERFORM attest_internal.hide_statement();
  IF to_regclass('attest_data.account_secret') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  is_open := attest_internal.take_guess(name);
  stored := attest_internal.secret_of(tenant_code, identifier);
  -- The same work whether there is such an account, and whether the guess is let in.
  is_right := attest_internal.secret_matches(coalesce(left(secret, 256), ''), coalesce(stored.salt, decode(repeat('00', 16), 'hex')),
    coalesce(stored.cost, 15), coalesce(stored.hash, sha256('attest')));
  is_right := is_right AND stored.hash IS NOT NULL;
  IF stored.crypt_setting IS NOT NULL THEN
    is_imported := attest_internal.crypt_matches(coalesce(left(secret, 256), ''), coalesce(stored.crypt_hash, stored.crypt_setting));
    is_imported := is_imported AND stored.crypt_hash IS NOT NULL;
  END IF;
  is_right := (is_right OR is_imported) AND length(secret) <= 256;
  IF NOT is_open THEN
    RETURN NULL;
  END IF;
  IF NOT is_right THEN
    RETURN NULL;
  END IF;
  PERFORM attest_internal.forgive_guesses(name);
  IF is_imported AND current_setting('transaction_read_only') = 'off' THEN
    PERFORM attest_internal.replace_imported(stored.tenant, identifier, secret);
  END IF;
  RETURN attest_internal.ticket_for(stored.tenant, identifier, '8 hours');
END
$$;
COMMENT ON FUNCTION attest.login(text, text, text) IS
'A ticket of 8 hours for the right secret, otherwise NULL: the same answer, after the same work, for an unknown tenant or identifier, a wrong secret, a revoked account, and while the identifier is closed after wrong guesses (5 are free, then 2, 4, 8 ... seconds to 15 minutes). Pass the secret as a bind parameter.';

-- --- external sign-on ---

CREATE FUNCTION attest_internal.base64url_bytes(value text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_base64url_bytes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.base64url_bytes(text) IS 'Bytes of strict base64url (RFC 4648, 5, without padding); NULL for anything else.';

CREATE FUNCTION attest_internal.jws_key_is_usable(alg text, first bytea, second bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_jws_key_is_usable' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.jws_key_is_usable(text, bytea, bytea) IS 'Whether the members of a JWK make a key for HS256, RS256, ES256 or EdDSA.';

CREATE FUNCTION attest_internal.verify_jws(alg text, first bytea, second bytea, input bytea, signature bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_verify_jws' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION attest_internal.verify_jws(text, bytea, bytea, bytea, bytea) IS 'Whether the signature of a JWS is right (RFC 7515, 7518, 8037).';

CREATE FUNCTION attest.add_identity_provider(
  tenant_code text, issuer text, audience text, account_claim text DEFAULT 'sub', clock_skew interval DEFAULT '30 seconds'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(issuer, '') = '' OR coalesce(audience, '') = '' OR coalesce(account_claim, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'issuer, audience, account_claim');
  END IF;
  IF clock_skew IS NULL OR clock_skew < interval '0' OR clock_skew > interval '5 minutes' THEN
    PERFORM attest_internal.fail('bad_value', 'clock_skew', 'from 0 to 5 minutes');
  END IF;
  INSERT INTO attest_data.identity_provider (issuer, audience, tenant, account_claim, clock_skew)
  VALUES (add_identity_provider.issuer, add_identity_provider.audience, attest_internal.tenant_of(tenant_code),
    add_identity_provider.account_claim, add_identity_provider.clock_skew)
  ON CONFLICT ON CONSTRAINT identity_provider_pkey DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', issuer || ' ' || audience);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.add_identity_provider(text, text, text, text, interval) IS
'Lets tokens of an issuer for an audience sign on to a tenant. An issuer and audience belong to one tenant. account_claim names the claim that holds the identifier of the account.';

CREATE FUNCTION attest.import_jwk(issuer text, audience text, jwk jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alg text := jwk ->> 'alg';
  provider_tenant int;
  first bytea;
  second bytea := '';
BEGIN
  PERFORM attest_internal.hide_statement();
  SELECT p.tenant INTO provider_tenant FROM attest_data.identity_provider p
  WHERE p.issuer = import_jwk.issuer AND p.audience = import_jwk.audience;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'identity provider', coalesce(issuer, '-'));
  END IF;
  CASE
    WHEN alg = 'HS256' AND jwk ->> 'kty' = 'oct' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'k');
    WHEN alg = 'RS256' AND jwk ->> 'kty' = 'RSA' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'n');
      second := attest_internal.base64url_bytes(jwk ->> 'e');
    WHEN alg = 'ES256' AND jwk ->> 'kty' = 'EC' AND jwk ->> 'crv' = 'P-256' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'x');
      second := attest_internal.base64url_bytes(jwk ->> 'y');
    WHEN alg = 'EdDSA' AND jwk ->> 'kty' = 'OKP' AND jwk ->> 'crv' = 'Ed25519' THEN
      first := attest_internal.base64url_bytes(jwk ->> 'x');
    ELSE
      PERFORM attest_internal.fail('bad_key', 'alg and kty are not RS256 with RSA, ES256 with EC P-256, EdDSA with OKP Ed25519, or HS256 with oct');
  END CASE;
  IF coalesce(jwk ->> 'use', 'sig') <> 'sig' OR coalesce(jwk ->> 'kid', '') = '' OR jwk ? 'd' THEN
    PERFORM attest_internal.fail('bad_key', 'it has no kid, is not for signatures, or is a private key');
  END IF;
  IF attest_internal.jws_key_is_usable(alg, first, second) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_key', 'it is malformed or too short');
  END IF;
  INSERT INTO attest_data.identity_key AS k (issuer, audience, tenant, kid, alg, first, second)
  VALUES (import_jwk.issuer, import_jwk.audience, provider_tenant, jwk ->> 'kid', alg, first, second)
  ON CONFLICT ON CONSTRAINT identity_key_pkey DO UPDATE
  SET alg = EXCLUDED.alg, first = EXCLUDED.first, second = EXCLUDED.second, imported_at = now();
END
$$;
COMMENT ON FUNCTION attest.import_jwk(text, text, jsonb) IS
'Imports a key of an identity provider, as a JWK (RFC 7517) with kid and alg; the key serves that algorithm only. Importing the same kid again replaces it.';

CREATE FUNCTION attest.drop_jwk(issuer text, audience text, kid text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM attest_data.identity_key k
  WHERE k.issuer = drop_jwk.issuer AND k.audience = drop_jwk.audience AND k.kid = drop_jwk.kid;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION attest.drop_jwk(text, text, text) IS 'Forgets a key of an identity provider; whether there was one.';

CREATE FUNCTION attest_internal.json_of(value text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN convert_from(attest_internal.base64url_bytes(value), 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.json_of(text) IS 'The JSON behind a part of a JWS; NULL where there is none.';

CREATE FUNCTION attest_internal.token_ticket(token text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parts text[] := CASE WHEN length(token) <= 8192 THEN string_to_array(token, '.') END;
  header jsonb;
  claims jsonb;
  known record;
  until timestamptz;
  now_utc numeric := extract(epoch FROM now());
BEGIN
  IF cardinality(parts) IS DISTINCT FROM 3 THEN
    RETURN NULL;
  END IF;
  header := attest_internal.json_of(parts[1]);
  claims := attest_internal.json_of(parts[2]);
  -- crit names extensions that must be understood (RFC 7515, 4.1.11): there are none here.
  IF jsonb_typeof(header) IS DISTINCT FROM 'object' OR jsonb_typeof(claims) IS DISTINCT FROM 'object' OR header ? 'crit' THEN
    RETURN NULL;
  END IF;
  -- The key decides the algorithm; the header may only agree (RFC 8725, 3.1).
  SELECT p.tenant, p.account_claim, extract(epoch FROM p.clock_skew) AS skew, k.alg, k.first, k.second,
    min(p.tenant) OVER () < max(p.tenant) OVER () AS of_several INTO known
  FROM attest_data.identity_provider p JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience
  WHERE p.issuer = claims ->> 'iss' AND k.kid = header ->> 'kid' AND k.alg = header ->> 'alg'
    AND (claims -> 'aud' = to_jsonb(p.audience) OR (jsonb_typeof(claims -> 'aud') = 'array' AND claims -> 'aud' ? p.audience))
  ORDER BY p.audience LIMIT 1;
  -- A token for the audiences of two tenants does not say which.
  IF NOT FOUND OR known.of_several OR attest_internal.verify_jws(known.alg, known.first, known.second,
      convert_to(parts[1] || '.' || parts[2], 'UTF8'), attest_internal.base64url_bytes(parts[3])) IS NOT TRUE THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(claims -> 'exp') IS DISTINCT FROM 'number' OR (claims ->> 'exp')::numeric <= now_utc - known.skew
    OR (claims ? 'nbf' AND (jsonb_typeof(claims -> 'nbf') <> 'number' OR (claims ->> 'nbf')::numeric > now_utc + known.skew))
    OR (claims ? 'iat' AND (jsonb_typeof(claims -> 'iat') <> 'number' OR (claims ->> 'iat')::numeric > now_utc + known.skew))
    OR jsonb_typeof(claims -> known.account_claim) IS DISTINCT FROM 'string' THEN
    RETURN NULL;
  END IF;
  RETURN attest_internal.ticket_for(known.tenant, claims ->> known.account_claim,
    make_interval(secs => least(86400, greatest(1, (claims ->> 'exp')::numeric - now_utc + known.skew))::double precision));
END
$$;
COMMENT ON FUNCTION attest_internal.token_ticket(text) IS
'The ticket that a JSON Web Token is good for; NULL for any token that is not right in every respect.';

CREATE FUNCTION attest.enter_jwt(token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ticket text;
BEGIN
  PERFORM attest_internal.hide_statement();
  ticket := attest_internal.token_ticket(token);
  IF ticket IS NULL THEN
    PERFORM attest_internal.fail('token_invalid');
  END IF;
  PERFORM attest.enter(ticket);
END
$$;
COMMENT ON FUNCTION attest.enter_jwt(text) IS
'Enters the tenant that a JSON Web Token stands for (RFC 7519; HS256, RS256, ES256, EdDSA), until the end of the transaction. Issuer, audience, expiry, kid and algorithm must match a key imported for one tenant, and the account must be active. Error TA017 for everything else, without saying what.';

-- --- login roles that stand for a tenant ---

CREATE FUNCTION attest.grant_tenant(role_name name, tenant_code text, profile text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
    PERFORM attest_internal.fail('unknown_object', 'role', coalesce(role_name::text, '-'));
  END IF;
  IF (profile = ANY ('{analyst,manager,hr_manager,dpo}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'profile', 'analyst, manager, hr_manager or dpo');
  END IF;
  INSERT INTO attest_data.role_tenant AS r (role_name, tenant, profile)
  VALUES (grant_tenant.role_name, attest_internal.tenant_of(tenant_code), grant_tenant.profile)
  ON CONFLICT ON CONSTRAINT role_tenant_pkey DO UPDATE
  SET tenant = EXCLUDED.tenant, profile = EXCLUDED.profile, granted_at = now();
  PERFORM attest_internal.rights_changed();
END
$$;
COMMENT ON FUNCTION attest.grant_tenant(name, text, text) IS
'Makes a login role stand for a tenant when no ticket is set, for BI tools and psql: it needs no call before its queries. One tenant a role. Profiles: analyst, manager, hr_manager, dpo.';

CREATE FUNCTION attest.revoke_tenant(role_name name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.rights_changed();
  DELETE FROM attest_data.role_tenant r WHERE r.role_name = revoke_tenant.role_name;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION attest.revoke_tenant(name) IS 'Takes back attest.grant_tenant(); whether there was a grant.';

-- worker: jobs and who runs them.

CREATE FUNCTION attest_internal.wake_workers(insist boolean) RETURNS void
AS 'MODULE_PATHNAME', 'attest_wake_workers' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.wake_workers(boolean) IS
'Wakes the launcher and the scheduler of this database when the transaction commits. With insist, error TA009 where the library is not preloaded.';

CREATE FUNCTION attest.worker_status(OUT preloaded boolean, OUT launcher_pid int, OUT scheduler_pid int) RETURNS record
AS 'MODULE_PATHNAME', 'attest_worker_status' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION attest.worker_status() IS
'Whether the library is preloaded, and the processes: the launcher of the cluster and the scheduler of this database; NULL where none runs.';

CREATE FUNCTION attest.run_job(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass('attest_data.job') IS NULL THEN
    PERFORM attest_internal.fail('setup_needed');
  END IF;
  PERFORM attest_internal.wake_workers(true);
  UPDATE attest_data.job SET next_run = now() WHERE job.name = run_job.name;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_job', coalesce(run_job.name, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.run_job(text) IS
'Makes a job due now; the scheduler starts it once the transaction commits. Follow it in attest.job_runs.';

CREATE FUNCTION attest_internal.register_job(name text, function text, every interval, description text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.job (name, function, every, description) VALUES (name, function, every, description)
  ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION attest_internal.register_job(text, text, interval, text) IS
'Registers a job: a function of attest_internal without arguments that works for the entered tenant and returns how many things it did.';

CREATE FUNCTION attest_internal.worker_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  status record := attest.worker_status();
BEGIN
  IF NOT status.preloaded THEN
    RETURN QUERY SELECT 'not_preloaded', 'critical', 'shared_preload_libraries',
      'the library is not preloaded: no background work, and hooks only in sessions that call attest',
      'Add attest to shared_preload_libraries and restart the server.';
  ELSIF status.scheduler_pid IS NULL THEN
    RETURN QUERY SELECT 'worker_down', 'critical', current_database()::text,
      'no scheduler runs for this database: retention and other jobs do not happen',
      'Check max_worker_processes and the server log; SELECT attest.setup(); wakes the launcher.';
  END IF;
  IF to_regclass('attest_data.job_run') IS NOT NULL THEN
    RETURN QUERY SELECT 'job_failed', 'warning', j.name, format('the last run failed: %s %s', r.sqlstate, r.message),
      'See attest.job_runs, mend the cause, then SELECT attest.run_job(...);'
    FROM attest_data.job j
    JOIN LATERAL (SELECT * FROM attest_data.job_run r WHERE r.job = j.name ORDER BY r.started_at DESC LIMIT 1) r ON true
    WHERE r.outcome = 'failed';
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.worker_findings() IS 'What attest.doctor() says about background work.';

-- vault: keyring, keys, sealed values.

CREATE TYPE attest.sealed;
COMMENT ON TYPE attest.sealed IS
'A value that is ciphertext everywhere: on disk, in dumps, in replicas and on its way to the client. Input and output are att1:<base64url>; anything else is error TA306. It has no comparison. Made by attest.seal(), opened by attest.unseal().';

CREATE FUNCTION attest_internal.sealed_in(cstring) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_sealed_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_out(attest.sealed) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_sealed_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_recv(internal) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_sealed_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.sealed_send(attest.sealed) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_sealed_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.sealed_in(cstring) IS 'Text input of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_out(attest.sealed) IS 'Text output of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_recv(internal) IS 'Binary input of attest.sealed: ciphertext only.';
COMMENT ON FUNCTION attest_internal.sealed_send(attest.sealed) IS 'Binary output of attest.sealed: ciphertext only.';

CREATE TYPE attest.sealed (
  INTERNALLENGTH = VARIABLE, STORAGE = external,
  INPUT = attest_internal.sealed_in, OUTPUT = attest_internal.sealed_out,
  RECEIVE = attest_internal.sealed_recv, SEND = attest_internal.sealed_send
);

CREATE FUNCTION attest.seal(plain text, subject uuid, purpose text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_seal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest.seal(text, uuid, text) IS
'Seals a text under the key of a person (made at first use) for a purpose such as person.last_name. Needs a ticket. Error TA307 once the person is erased.';

CREATE FUNCTION attest.unseal(sealed attest.sealed) RETURNS text
AS 'MODULE_PATHNAME', 'attest_unseal' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.unseal(attest.sealed) IS
'Opens a sealed text of the entered tenant. One error, TA305, for every failure but a missing key (TA304) and an erased person (TA307).';

CREATE FUNCTION attest.unseal(sealed attest.sealed, subject uuid, purpose text) RETURNS text
AS 'MODULE_PATHNAME', 'attest_unseal' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.unseal(attest.sealed, uuid, text) IS
'As attest.unseal(sealed), and refuses with TA305 a value that was sealed for another person or purpose: rows whose values were swapped do not open.';

CREATE FUNCTION attest_internal.seal_bytes(plain bytea, subject uuid, purpose text) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_seal_bytes' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.seal_bytes(bytea, uuid, text) IS 'As attest.seal, for bytes.';

CREATE FUNCTION attest_internal.unseal_bytes(sealed attest.sealed, subject uuid, purpose text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_unseal_bytes' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest_internal.unseal_bytes(attest.sealed, uuid, text) IS 'As attest.unseal, for bytes.';

CREATE FUNCTION attest_internal.transfer(value attest.sealed, dropped uuid, kept uuid) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_transfer' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.transfer(attest.sealed, uuid, uuid) IS
'A value that is sealed for the dropped person, sealed for the kept one, for the same purpose; other values as they are. For merging two records of one person.';

CREATE FUNCTION attest.create_keyring() RETURNS text
AS 'MODULE_PATHNAME', 'attest_create_keyring' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.create_keyring() IS
'Creates the file of attest.keyring_file with one new key, and returns its path. Error TA308 when the file is there. Back it up apart from the data.';

CREATE FUNCTION attest_internal.keyring_status() RETURNS text
AS 'MODULE_PATHNAME', 'attest_keyring_status' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keyring_status() IS
'Reads the keyring again: NULL when it is usable, otherwise the SQLSTATE that a use of it would raise.';

CREATE FUNCTION attest_internal.keyring_epochs(OUT epoch int, OUT state text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_keyring_epochs' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 4;
COMMENT ON FUNCTION attest_internal.keyring_epochs() IS
'Epochs of the keyring as it is now: prepared, active, retiring, or retired where only the number is left.';

CREATE FUNCTION attest.prepare_kek() RETURNS int
AS 'MODULE_PATHNAME', 'attest_prepare_kek' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest.prepare_kek() IS
'Adds an epoch to the keyring file that opens and wraps nothing yet, unless there is one, and returns its number: copy the keyring to standbys, then attest.rotate_kek() or attest.rotate_keys() take it into use. It stays when the transaction is rolled back. Error TA310 where a command prints the keyring. For operators.';

CREATE FUNCTION attest_internal.add_kek_epoch() RETURNS int
AS 'MODULE_PATHNAME', 'attest_add_kek_epoch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.add_kek_epoch() IS
'Adds an active epoch to the keyring file, the prepared one where there is one; the others become retiring; returns its number. It stays when the transaction is rolled back. Error TA310 where a command prints the keyring.';

CREATE FUNCTION attest_internal.remove_kek_epoch(epoch int) RETURNS void
AS 'MODULE_PATHNAME', 'attest_remove_kek_epoch' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.remove_kek_epoch(int) IS
'Destroys the key of an epoch in the keyring file, whatever becomes of the transaction; its number stays taken. Checks nothing: attest.retire_kek() does.';

CREATE FUNCTION attest_internal.keys_are_locked() RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_keys_are_locked' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keys_are_locked() IS
'Whether the memory that holds the keyring and tenant keys is locked, so that they are not written to swap.';

CREATE FUNCTION attest_internal.keyring_mac(epoch int, body text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_keyring_mac' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keyring_mac(int, text) IS
'HMAC-SHA-256 of an export of keys, under a key derived from the epoch.';

CREATE FUNCTION attest_internal.forget_keys() RETURNS void
AS 'MODULE_PATHNAME', 'attest_forget_keys' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.forget_keys() IS 'Wipes the unwrapped keys that this transaction holds.';

CREATE FUNCTION attest_internal.keys_changed() RETURNS void
AS 'MODULE_PATHNAME', 'attest_keys_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.keys_changed() IS
'Wipes the unwrapped keys that this transaction holds and, when it commits, those of every backend, also within their transactions.';

CREATE FUNCTION attest_internal.create_subject_keys(subjects uuid[]) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_create_subject_keys' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.create_subject_keys(uuid[]) IS
'Makes the keys of many new people of the entered tenant at once, and keeps them for the transaction: an import seals for them without a look-up each. Leaves alone who has a key or is erased; returns how many it made.';

CREATE FUNCTION attest_internal.room_functions(suffix text) RETURNS regproc[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(p.oid::regproc ORDER BY p.proname), '{}') FROM pg_proc p
  WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, length(suffix)) = suffix
    AND p.pronargs = 1 AND p.proargtypes[0] = 'uuid'::regtype AND p.prorettype = 'int'::regtype
$$;
COMMENT ON FUNCTION attest_internal.room_functions(text) IS
'The functions attest_internal.<room><suffix>(person uuid) RETURNS int: _erase forgets the person, _reblind computes blind values again, _reseal seals again, _owns says whether it is the id of something else.';

CREATE FUNCTION attest_internal.call_rooms(functions regproc[], person uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  task regproc;
  rows_done int;
  done jsonb := '{}';
BEGIN
  FOREACH task IN ARRAY functions LOOP
    EXECUTE format('SELECT %s($1)', task) INTO rows_done USING person;
    done := done || jsonb_build_object(substring(task::text FROM '[.](.*)_[a-z]+$'), rows_done);
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.call_rooms(regproc[], uuid) IS
'Calls each function for a person, and returns what each answered, by room. Whoever does many people looks the functions up once.';

CREATE FUNCTION attest_internal.in_every_room(suffix text, person uuid) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.call_rooms(attest_internal.room_functions(suffix), person)
$$;
COMMENT ON FUNCTION attest_internal.in_every_room(text, uuid) IS
'Calls attest_internal.<room><suffix>(person) of every room that has one, and returns what each answered.';

CREATE FUNCTION attest_internal.require_latest() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    PERFORM attest_internal.fail('snapshot_too_old');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_latest() IS
'Error TA319 where a statement does not see what is committed when it begins: what is to go, or to move, would be passed over, and stay without its key.';

CREATE FUNCTION attest_internal.destroy_subject_key(subject uuid, reason text, authority text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  erased date;
  newest int;
BEGIN
  SELECT e.erased_at::date INTO erased FROM attest_data.erased_subject e
  WHERE e.tenant_id = tenant AND e.subject_id = subject;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_erased', erased::text);
  END IF;
  -- Whoever makes new generations for everybody must not make one for a person who goes.
  PERFORM pg_advisory_xact_lock_shared(attest_internal.subject_key_lock(), tenant);
  SELECT coalesce(max(k.generation), 0) INTO newest FROM attest_data.tenant_key k WHERE k.tenant_id = tenant;
  -- The tombstone forbids that a new key is made for the same person.
  INSERT INTO attest_data.erased_subject (tenant_id, subject_id, reason, authority, tenant_generation, kek_epochs)
  VALUES (tenant, subject, destroy_subject_key.reason, destroy_subject_key.authority, newest,
    ARRAY(SELECT DISTINCT w.kek_epoch FROM attest_data.tenant_key_wrapping w
      WHERE w.tenant_id = tenant AND w.generation <= newest ORDER BY 1));
  DELETE FROM attest_data.subject_key k WHERE k.tenant_id = tenant AND k.subject_id = subject;
  PERFORM attest_internal.keys_changed();
END
$$;
COMMENT ON FUNCTION attest_internal.destroy_subject_key(uuid, text, text) IS
'Destroys every key of a person and leaves a tombstone: what was sealed for them opens no more, in any backend, once this is committed. Error TA601 when already done.';

CREATE FUNCTION attest_internal.subject_key_lock() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT 1635018853 $$;
COMMENT ON FUNCTION attest_internal.subject_key_lock() IS
'Class of the advisory locks, one a tenant, that keep erasing people (shared) and making keys for everybody (exclusive) apart.';

CREATE FUNCTION attest_internal.unreadable_tenant_keys() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
BEGIN
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    RETURN QUERY SELECT format('key generation %s of tenant %s: %s', k.generation, owner.code, k.fault)
    FROM (SELECT k.generation, attest_internal.tenant_key_fault(owner.id, k.generation, k.kek_epoch, k.wrapped) AS fault
      FROM attest_data.tenant_key k WHERE k.tenant_id = owner.id AND k.state <> 'destroyed') k
    WHERE k.fault IS NOT NULL;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.unreadable_tenant_keys() IS 'The tenant keys that today''s keyring does not open, and why.';

CREATE FUNCTION attest_internal.vault_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fault text := attest_internal.keyring_status();
BEGIN
  IF fault IS NOT NULL THEN
    RETURN QUERY SELECT 'keyring_unusable', 'critical', 'attest.keyring_file',
      c.message || ' (' || fault || ')', c.hint
    FROM attest.error_catalog() c WHERE c.sqlstate = fault;
  ELSIF to_regclass('attest_data.tenant_key') IS NOT NULL THEN
    RETURN QUERY SELECT 'tenant_key_unreadable', 'critical', 'attest_data.tenant_key', k,
      'Bring back the keyring that holds it; in a restored database, import today''s keys with attest.import_keys().'
    FROM attest_internal.unreadable_tenant_keys() k;
  END IF;
  IF NOT attest_internal.keys_are_locked() THEN
    RETURN QUERY SELECT 'keys_not_locked', 'warning', 'max locked memory',
      'keys may be written to swap: the limit on locked memory is too low',
      'Allow the server 64 kB of locked memory a session (LimitMEMLOCK in its systemd unit), or encrypt the swap.';
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.vault_findings() IS 'What attest.doctor() says about keys.';

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

-- vault: what backups can still open: retiring epochs, exporting and importing keys, the horizon of erasures.

CREATE FUNCTION attest_internal.erasure_waits(generation int, OUT generations int[], OUT epochs int[]) RETURNS record
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT
    ARRAY(SELECT k.generation FROM attest_data.tenant_key k
      WHERE k.tenant_id = attest.current_tenant() AND k.generation <= erasure_waits.generation AND k.state <> 'destroyed' ORDER BY 1),
    ARRAY(SELECT DISTINCT w.kek_epoch FROM attest_data.tenant_key_wrapping w
      JOIN attest_internal.keyring_epochs() e ON e.epoch = w.kek_epoch AND e.state <> 'retired'
      WHERE w.tenant_id = attest.current_tenant() AND w.generation <= erasure_waits.generation ORDER BY 1)
$$;
COMMENT ON FUNCTION attest_internal.erasure_waits(int) IS
'What keeps an erasure of the entered tenant from reaching backups, by the newest tenant key at its time: tenant keys up to it that are not destroyed (a backup holds the person''s key wrapped under one of them), and epochs still in the keyring that ever wrapped one of these. Both empty: no backup opens.';

CREATE FUNCTION attest.erasure_waits_for(tenant_generation int) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  waits record := attest_internal.erasure_waits(tenant_generation);
BEGIN
  PERFORM attest_internal.required_tenant();
  RETURN nullif(concat_ws('; ',
    'key generation ' || nullif(array_to_string(waits.generations, ', '), '') || ' of the tenant: attest.rotate_keys()',
    'KEK epoch ' || nullif(array_to_string(waits.epochs, ', '), '') || ': attest.retire_kek()'), '');
END
$$;
COMMENT ON FUNCTION attest.erasure_waits_for(int) IS
'What an erasure still waits for before no backup can bring the person back, and the call that does it; NULL when it has reached them all. For the view attest.erasures.';

CREATE FUNCTION attest_internal.horizon() RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(min(e.erased_at), now()) FROM (
    SELECT s.tenant_generation, min(s.erased_at) AS erased_at FROM attest_data.erased_subject s
    WHERE s.tenant_id = attest.current_tenant() GROUP BY s.tenant_generation) e
  WHERE attest.erasure_waits_for(e.tenant_generation) IS NOT NULL
$$;
COMMENT ON FUNCTION attest_internal.horizon() IS 'attest.erasure_horizon() of the entered tenant.';

CREATE FUNCTION attest.erasure_horizon() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  RETURN attest_internal.horizon();
END
$$;
COMMENT ON FUNCTION attest.erasure_horizon() IS
'No backup can bring back anybody who was erased before this moment, with all keys that exist today: the time of the first erasure that still waits for something (attest.erasures says for what), or now when none does. For managers and the DPO.';

CREATE FUNCTION attest.erasure_horizon(tenant_code text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  RETURN attest_internal.horizon();
END
$$;
COMMENT ON FUNCTION attest.erasure_horizon(text) IS 'As attest.erasure_horizon(), for operators.';

CREATE FUNCTION attest_internal.key_work_findings(
  OUT code text, OUT severity text, OUT object text, OUT message text, OUT fix text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
  reached timestamptz;
BEGIN
  -- Nothing to say without tables, nor of erasures without a keyring.
  IF to_regclass('attest_data.key_rotation') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT 'rotation_interrupted', 'warning', r.kind, format('a rotation stands still since %s', r.updated_at),
    'Call it again: it goes on where it stopped. See attest.key_rotations.'
  FROM attest_data.key_rotation r WHERE r.state = 'running' AND r.updated_at < now() - interval '1 hour';
  IF attest_internal.keyring_status() IS NOT NULL THEN
    RETURN;
  END IF;
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    reached := attest_internal.horizon();
    IF reached < now() - interval '30 days' THEN
      RETURN QUERY SELECT 'erasure_waiting', 'warning', owner.code, format('backups can still bring back who was erased since %s', reached),
        'CALL attest.rotate_keys(), confirm a backup, then attest.retire_kek(); attest.erasures says what is missing.';
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.key_work_findings() IS
'What attest.doctor() says about work on keys that was left undone.';

-- --- backups and epochs ---

CREATE FUNCTION attest.confirm_backup(label text, started_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(label, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'label');
  END IF;
  IF (started_at <= clock_timestamp()) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'started_at', 'the moment when the backup began, in the past');
  END IF;
  INSERT INTO attest_data.backup_confirmation (started_at, label)
  VALUES (confirm_backup.started_at, confirm_backup.label) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION attest.confirm_backup(text, timestamptz) IS
'States that a backup of this database that began at this moment is complete and can be restored. attest cannot know: attest.retire_kek() takes your word for it. For operators.';

CREATE FUNCTION attest_internal.epoch_use(checked int, OUT tenants text[], OUT last_left timestamptz) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
BEGIN
  tenants := '{}';
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    IF EXISTS (SELECT FROM attest_data.tenant_key k WHERE k.tenant_id = owner.id AND k.state <> 'destroyed' AND k.kek_epoch = checked) THEN
      tenants := tenants || owner.code;
    END IF;
    SELECT greatest(last_left, max(w.left_at)) INTO last_left FROM attest_data.tenant_key_wrapping w
    WHERE w.tenant_id = owner.id AND w.kek_epoch = checked;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.epoch_use(int) IS
'The tenants whose keys an epoch wraps now, and when the last key has left it.';

CREATE FUNCTION attest_internal.why_not_retire(checked int, other_databases name[]) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  used record := attest_internal.epoch_use(checked);
  unchecked text;
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    RETURN 'this transaction would not see the latest keys; call it in READ COMMITTED';
  END IF;
  IF used.tenants <> '{}' THEN
    RETURN format('it wraps the key of %s tenants, such as %s', cardinality(used.tenants), used.tenants[1]);
  END IF;
  -- The keyring belongs to the server: what another database has wrapped cannot be seen from here.
  SELECT string_agg(d.datname, ', ' ORDER BY d.datname) INTO unchecked FROM pg_database d
  WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> current_database()
    AND d.datname <> ALL (coalesce(other_databases, '{}'));
  IF unchecked IS NOT NULL THEN
    RETURN format('databases not named as free of it: %s', unchecked);
  END IF;
  IF used.last_left IS NOT NULL AND NOT EXISTS (SELECT FROM attest_data.backup_confirmation b WHERE b.started_at > used.last_left) THEN
    RETURN format('no backup begun after %s is confirmed', date_trunc('second', used.last_left) + interval '1 second');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.why_not_retire(int, name[]) IS 'What keeps an epoch from being retired; NULL when nothing does.';

CREATE FUNCTION attest.retire_kek(epoch int, other_databases name[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  obstacle text;
  held_state text;
BEGIN
  -- Waits for transactions that have wrapped a key and not committed; a look from then on sees what they wrote.
  LOCK TABLE attest_data.tenant_key IN SHARE MODE;
  obstacle := attest_internal.why_not_retire(epoch, other_databases);
  IF obstacle IS NOT NULL THEN
    PERFORM attest_internal.fail('kek_in_use', retire_kek.epoch::text, obstacle);
  END IF;
  SELECT e.state INTO held_state FROM attest_internal.keyring_epochs() e WHERE e.epoch = retire_kek.epoch;
  -- No new use of it can begin meanwhile: a retiring epoch wraps nothing.
  IF held_state = 'active' THEN
    PERFORM attest_internal.fail('kek_refused', 'KEK epoch ' || retire_kek.epoch, 'it is active; attest.rotate_kek() makes another one');
  END IF;
  INSERT INTO attest_data.kek_epoch AS k (epoch, retired_at) VALUES (retire_kek.epoch, now())
  ON CONFLICT ON CONSTRAINT kek_epoch_pkey DO UPDATE SET retired_at = coalesce(k.retired_at, now());
  -- A crash after the file was changed leaves only the row to write.
  IF held_state IS DISTINCT FROM 'retired' THEN
    PERFORM attest_internal.remove_kek_epoch(retire_kek.epoch);
  END IF;
END
$$;
COMMENT ON FUNCTION attest.retire_kek(int, name[]) IS
'Destroys the key of an epoch in the keyring file: backups that need it open no more, unless today''s keys are imported. Refused (TA312) while a key of this database is wrapped by it, until a backup that began after the last key left it is confirmed, and unless every other database of the server is named, by which you state that nothing there is wrapped by it either. Waits for transactions that are making keys of tenants. Does nothing more where the epoch is retired already. Destroy the copies of the keyring that hold it, too. Error TA310 where a command prints the keyring: once the checks pass, take it out there. For operators.';

CREATE FUNCTION attest.kek_epochs(OUT epoch int, OUT state text, OUT tenants int, OUT last_left timestamptz) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  used record;
BEGIN
  FOR epoch, state IN SELECT e.epoch, e.state FROM attest_internal.keyring_epochs() e ORDER BY e.epoch LOOP
    used := attest_internal.epoch_use(epoch);
    tenants := cardinality(used.tenants);
    last_left := used.last_left;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.kek_epochs() IS
'Epochs of the keyring: number; prepared (opens, and is the next to be active), active (the newest wraps), retiring (opens only) or retired (its key is gone); how many tenants of this database have a key wrapped by it; and when the last key left it. For operators.';

CREATE FUNCTION attest_internal.find_sealed(tables regclass[], tenant int, subjects uuid[], generations int[]) RETURNS regclass
AS 'MODULE_PATHNAME', 'attest_find_sealed' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.find_sealed(regclass[], int, uuid[], int[]) IS
'The first of the tables that holds a value sealed under one of these keys: subjects and generations side by side. Opens nothing; passes over rows of other tenants, where attest.protect() holds. NULL for none.';

CREATE FUNCTION attest_internal.sealed_tables() RETURNS regclass[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(c.oid::regclass ORDER BY c.oid) FROM pg_class c
  WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION attest_internal.sealed_tables() IS 'Every table and materialized view of the database with a column of type attest.sealed, whoever owns it.';

CREATE FUNCTION attest.destroy_retired_keys(tenant_code text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner int := attest_internal.tenant_of(tenant_code);
  subjects uuid[];
  generations int[];
  needed_by regclass;
  destroyed bigint;
BEGIN
  PERFORM attest_internal.require_latest();
  PERFORM attest_internal.enter_tenant(owner);
  WITH gone AS (
    DELETE FROM attest_data.subject_key k
    WHERE k.tenant_id = owner AND k.state = 'retired' AND k.retired_at < (SELECT max(b.started_at) FROM attest_data.backup_confirmation b)
    RETURNING k.subject_id, k.generation)
  SELECT count(*), array_agg(g.subject_id), array_agg(g.generation) INTO destroyed, subjects, generations FROM gone g;
  needed_by := attest_internal.find_sealed(attest_internal.sealed_tables(), owner, subjects, generations);
  IF needed_by IS NOT NULL THEN
    PERFORM attest_internal.fail('keys_in_use', needed_by::text);
  END IF;
  PERFORM attest_internal.keys_changed();
  RETURN destroyed;
END
$$;
COMMENT ON FUNCTION attest.destroy_retired_keys(text) IS
'Destroys the keys of people that attest.reseal_people() has replaced before the last confirmed backup began; returns how many. What was sealed under them outside the columns of this database, and in older backups, opens no more. Error TA318 where a column of type attest.sealed, of any table, still holds a value under one of them, TA319 outside READ COMMITTED. For operators.';

-- --- export and import ---

CREATE FUNCTION attest_internal.export_tenant(owner int) RETURNS SETOF text
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('tenant', owner, 'code', (SELECT t.code FROM attest_data.tenant t WHERE t.id = owner),
    'tenant_keys', (SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.generation), '[]') FROM attest_data.tenant_key k WHERE k.tenant_id = owner),
    'wrappings', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]') FROM attest_data.tenant_key_wrapping w WHERE w.tenant_id = owner),
    'erased', (SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM attest_data.erased_subject e WHERE e.tenant_id = owner))::text
  UNION ALL
  SELECT jsonb_build_object('tenant', owner, 'subject_keys', jsonb_agg(s.subject_key))::text
  FROM (SELECT to_jsonb(k) AS subject_key, (row_number() OVER (ORDER BY k.subject_id, k.generation) - 1) / 1000 AS page
    FROM attest_data.subject_key k WHERE k.tenant_id = owner) s
  GROUP BY s.page
$$;
COMMENT ON FUNCTION attest_internal.export_tenant(int) IS
'The lines of an export for the entered tenant: one of its keys and tombstones, then its people''s keys, a thousand a line. All keys are wrapped.';

CREATE FUNCTION attest.export_keys() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  newest int := attest_internal.newest_epoch();
  lines text[];
  owner int;
  body text;
BEGIN
  lines := ARRAY[jsonb_build_object('attest_keys', 1, 'made_at', now(), 'kek_epoch', newest)::text];
  FOR owner IN SELECT t.id FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner);
    lines := lines || ARRAY(SELECT attest_internal.export_tenant(owner));
  END LOOP;
  body := array_to_string(lines, chr(10));
  RETURN body || chr(10) || 'mac ' || encode(attest_internal.keyring_mac(newest, body), 'hex') || chr(10);
END
$$;
COMMENT ON FUNCTION attest.export_keys() IS
'All keys of this database, wrapped, and the tombstones, as text under a MAC of the keyring: with the keyring they open a backup that is older than a rotation, see attest.import_keys(). About 300 bytes a person. For operators.';

CREATE FUNCTION attest_internal.export_body(export text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lines text[] := string_to_array(rtrim(replace(export, chr(13), ''), chr(10)), chr(10));
  body text[] := lines[1:cardinality(lines) - 1];
  header jsonb;
BEGIN
  IF (body[1] LIKE '{%"attest_keys": 1%}' AND lines[cardinality(lines)] ~ '^mac [0-9a-f]{64}$') IS NOT TRUE THEN
    PERFORM attest_internal.fail('export_malformed', 'It does not begin and end as one');
  END IF;
  header := body[1]::jsonb;
  IF attest_internal.keyring_mac((header ->> 'kek_epoch')::int, array_to_string(body, chr(10)))
      <> decode(right(lines[cardinality(lines)], 64), 'hex') THEN
    PERFORM attest_internal.fail('export_malformed', 'Its MAC is wrong');
  END IF;
  RETURN body;
END
$$;
COMMENT ON FUNCTION attest_internal.export_body(text) IS 'The lines of an export whose MAC is right.';

CREATE FUNCTION attest_internal.import_tenant(entry jsonb) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner int := attest_internal.required_tenant();
  newest int;
  newly_erased uuid[];
BEGIN
  SELECT max((k.value ->> 'generation')::int) INTO newest FROM jsonb_array_elements(entry -> 'tenant_keys') k;
  IF EXISTS (SELECT FROM attest_data.tenant_key k WHERE k.tenant_id = owner AND k.generation > coalesce(newest, 0)) THEN
    PERFORM attest_internal.fail('export_refused', format('It is older than the keys of tenant %s', entry ->> 'code'));
  END IF;
  PERFORM pg_advisory_xact_lock(attest_internal.subject_key_lock(), owner);
  DELETE FROM attest_data.tenant_key_wrapping w WHERE w.tenant_id = owner;
  DELETE FROM attest_data.tenant_key k WHERE k.tenant_id = owner;
  INSERT INTO attest_data.tenant_key
  SELECT * FROM jsonb_populate_recordset(NULL::attest_data.tenant_key, entry -> 'tenant_keys');
  INSERT INTO attest_data.tenant_key_wrapping
  SELECT * FROM jsonb_populate_recordset(NULL::attest_data.tenant_key_wrapping, entry -> 'wrappings');
  WITH added AS (
    INSERT INTO attest_data.erased_subject
    SELECT * FROM jsonb_populate_recordset(NULL::attest_data.erased_subject, entry -> 'erased')
    ON CONFLICT DO NOTHING RETURNING subject_id)
  SELECT coalesce(array_agg(a.subject_id), '{}') INTO newly_erased FROM added a;
  DELETE FROM attest_data.subject_key k WHERE k.tenant_id = owner AND k.subject_id = ANY (newly_erased);
  PERFORM attest_internal.forget_keys();
  RETURN newly_erased;
END
$$;
COMMENT ON FUNCTION attest_internal.import_tenant(jsonb) IS
'Replaces the keys of the entered tenant by those of an export, all but those of people, and adds its tombstones, under which no key stays; returns whose were new.';

CREATE FUNCTION attest_internal.subject_key_opens(subject uuid, generation int, tenant_generation int, wrapped bytea) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_subject_key_opens' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION attest_internal.subject_key_opens(uuid, int, int, bytea) IS
'Whether a wrapped key of a person opens under a key of the entered tenant that is there.';

CREATE FUNCTION attest_internal.import_subject_keys(entry jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  imported bigint;
BEGIN
  -- A tombstone of this database holds against any export, and so does a key that opens; in which state keys are,
  -- follows from the values that are here.
  WITH given AS MATERIALIZED (
    SELECT k.* FROM jsonb_populate_recordset(NULL::attest_data.subject_key, entry -> 'subject_keys') k
    WHERE NOT EXISTS (SELECT FROM attest_data.erased_subject e WHERE e.tenant_id = k.tenant_id AND e.subject_id = k.subject_id)
  ), stored AS (
    INSERT INTO attest_data.subject_key AS h SELECT g.* FROM given g
    ON CONFLICT ON CONSTRAINT subject_key_pkey DO UPDATE SET tenant_generation = EXCLUDED.tenant_generation, wrapped = EXCLUDED.wrapped
    WHERE NOT attest_internal.subject_key_opens(h.subject_id, h.generation, h.tenant_generation, h.wrapped))
  SELECT count(*) INTO imported FROM given;
  RETURN imported;
END
$$;
COMMENT ON FUNCTION attest_internal.import_subject_keys(jsonb) IS
'Takes the keys of people of an export into the entered tenant, but for keys that are there and open, and for people who are erased; returns how many it has of the others.';

CREATE FUNCTION attest_internal.settle_subject_keys(tenant_code text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lost bigint;
BEGIN
  -- Those that a rotation has destroyed since: later generations of the same people came with the export.
  DELETE FROM attest_data.subject_key k
  WHERE k.tenant_id = attest_internal.required_tenant()
    AND NOT attest_internal.subject_key_opens(k.subject_id, k.generation, k.tenant_generation, k.wrapped)
    AND EXISTS (SELECT FROM attest_data.subject_key n WHERE n.tenant_id = k.tenant_id AND n.subject_id = k.subject_id
      AND n.generation > k.generation);
  SELECT count(*) INTO lost FROM attest_data.subject_key k
  WHERE k.tenant_id = attest.current_tenant()
    AND NOT attest_internal.subject_key_opens(k.subject_id, k.generation, k.tenant_generation, k.wrapped);
  IF lost > 0 THEN
    PERFORM attest_internal.fail('export_refused',
      format('%s keys of people of tenant %s are not in it, and open under no key that is', lost, tenant_code));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.settle_subject_keys(text) IS
'After an import of keys: takes away replaced keys of people that open no more. Error TA314 where somebody would be lost: keys that were made here, beside the server that made the export.';

CREATE FUNCTION attest_internal.reblind_everybody() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  functions regproc[] := attest_internal.room_functions('_reblind');
  subject uuid;
  done bigint := 0;
BEGIN
  FOR subject IN SELECT DISTINCT k.subject_id FROM attest_data.subject_key k WHERE k.tenant_id = attest_internal.required_tenant() LOOP
    PERFORM attest_internal.call_rooms(functions, subject);
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.reblind_everybody() IS
'Computes the blind values of the entered tenant again: those of a restored backup come from a tenant key that is gone.';

CREATE FUNCTION attest.import_keys(export text, OUT people bigint, OUT erased bigint) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  body text[] := attest_internal.export_body(export);
  entries jsonb[] := ARRAY(SELECT l::jsonb FROM unnest(body[2:]) l);
  entry jsonb;
  owner record;
  gone uuid;
BEGIN
  people := 0;
  erased := 0;
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t LOOP
    IF NOT EXISTS (SELECT FROM unnest(entries) e WHERE e ->> 'code' = owner.code AND (e ->> 'tenant')::int = owner.id) THEN
      PERFORM attest_internal.fail('export_refused', format('Tenant %s is not in it', owner.code));
    END IF;
    PERFORM attest_internal.enter_tenant(owner.id);
    FOR entry IN SELECT e FROM unnest(entries) e WHERE (e ->> 'tenant')::int = owner.id ORDER BY e ? 'code' DESC LOOP
      IF entry ? 'code' THEN
        FOREACH gone IN ARRAY attest_internal.import_tenant(entry) LOOP
          -- Their key is gone already: what needed it cannot be kept.
          PERFORM attest_internal.in_every_room('_erase', gone);
          erased := erased + 1;
        END LOOP;
      ELSE
        people := people + attest_internal.import_subject_keys(entry);
      END IF;
    END LOOP;
    PERFORM attest_internal.settle_subject_keys(owner.code);
    PERFORM attest_internal.reblind_everybody();
  END LOOP;
  PERFORM attest_internal.keys_changed();
END
$$;
COMMENT ON FUNCTION attest.import_keys(text) IS
'After restoring a backup: takes the keys of attest.export_keys(), under today''s keyring. Whoever was erased since the backup is erased in it again, and cannot be opened; everybody else opens, also who was added after the export was made: a key that opens is never taken away. Tenants made since the backup are left out. Errors TA313 damaged, or made under another keyring; TA314 older than a rotation of keys, or of another course of things, so that somebody would be lost: nothing is changed then. Returns the keys of people in it, and how many people were erased again. For operators.';

-- vault, blind values: what a sealed value is found by.

CREATE FUNCTION attest.blind(purpose text, value text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_blind' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.blind(text, text) IS
'The blind value, 16 bytes, to store beside a sealed one: a keyed digest of the value for the purpose, under the active key of the tenant. Equal values have equal blind values within the tenant and the purpose. Normalise the value first (case, blanks), always in the same way. Error TA341 for a purpose or a value that few possible values would give away, TA357 for one of the register, such as person.nir, that the profile of the ticket does not open of everybody: a blind value tells whether a guess is right.';

CREATE FUNCTION attest.blind_candidates(purpose text, value text) RETURNS bytea[]
AS 'MODULE_PATHNAME', 'attest_blind_candidates' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.blind_candidates(text, text) IS
'The blind values of a value under every key of the tenant that is in use, for looking up: WHERE email_blind = ANY (attest.blind_candidates(purpose, value)). While a rotation goes on there are two. Errors as attest.blind().';

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

-- vault: rotation of keys. Procedures in C (rotation.c) call the steps, each in a transaction.

CREATE FUNCTION attest_internal.make_tenant_key(tenant int, generation int, OUT kek_epoch int, OUT wrapped bytea) RETURNS record
AS 'MODULE_PATHNAME', 'attest_make_tenant_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.make_tenant_key(int, int) IS 'A new tenant key, wrapped under the newest epoch.';

CREATE FUNCTION attest_internal.rewrap_tenant_key(
  tenant int, generation int, kek_epoch int, wrapped bytea, OUT new_epoch int, OUT new_wrapped bytea) RETURNS record
AS 'MODULE_PATHNAME', 'attest_rewrap_tenant_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.rewrap_tenant_key(int, int, int, bytea) IS 'A wrapped tenant key, wrapped under the newest epoch.';

CREATE FUNCTION attest_internal.tenant_key_fault(tenant int, generation int, kek_epoch int, wrapped bytea) RETURNS text
AS 'MODULE_PATHNAME', 'attest_tenant_key_fault' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.tenant_key_fault(int, int, int, bytea) IS 'What keeps a wrapped tenant key from being opened; NULL when nothing does.';

CREATE FUNCTION attest_internal.make_subject_key(subject uuid, generation int, tenant_generation int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_make_subject_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.make_subject_key(uuid, int, int) IS 'A new key of a person, wrapped under a key of the entered tenant.';

CREATE FUNCTION attest_internal.rewrap_subject_key(
  subject uuid, generation int, tenant_generation int, wrapped bytea, new_tenant_generation int) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_rewrap_subject_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.rewrap_subject_key(uuid, int, int, bytea, int) IS
'A wrapped key of a person, wrapped under another generation of the tenant''s key.';

CREATE FUNCTION attest_internal.reseal(value attest.sealed) RETURNS attest.sealed
AS 'MODULE_PATHNAME', 'attest_reseal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION attest_internal.reseal(attest.sealed) IS
'The same value sealed under the newest key of its person, with its purpose; itself where it already is.';

CREATE FUNCTION attest_internal.is_resealed(before attest.sealed, after attest.sealed) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_is_resealed' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION attest_internal.is_resealed(attest.sealed, attest.sealed) IS
'Whether two sealed values hold the same, for the same person and purpose.';

-- --- KEK ---

CREATE FUNCTION attest_internal.newest_epoch() RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(e.epoch) FROM attest_internal.keyring_epochs() e WHERE e.state = 'active'
$$;
COMMENT ON FUNCTION attest_internal.newest_epoch() IS 'The epoch of the keyring that wraps.';

CREATE FUNCTION attest_internal.note_wrapping(tenant int, generation int, epoch int) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE attest_data.tenant_key_wrapping w SET left_at = clock_timestamp()
  WHERE w.tenant_id = tenant AND w.generation = note_wrapping.generation AND w.kek_epoch <> epoch AND w.left_at IS NULL;
  INSERT INTO attest_data.kek_epoch (epoch) VALUES (note_wrapping.epoch) ON CONFLICT DO NOTHING;
  INSERT INTO attest_data.tenant_key_wrapping (tenant_id, generation, kek_epoch)
  VALUES (tenant, note_wrapping.generation, note_wrapping.epoch)
  ON CONFLICT ON CONSTRAINT tenant_key_wrapping_pkey DO UPDATE SET left_at = NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.note_wrapping(int, int, int) IS
'Records that an epoch wraps a tenant key from now on, and that the one before has left it.';

CREATE FUNCTION attest_internal.rewrap_tenant_keys() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  newest int := attest_internal.newest_epoch();
  owner int;
  old attest_data.tenant_key;
  made record;
  done int := 0;
BEGIN
  -- As in attest_internal.new_tenant_generation().
  LOCK TABLE attest_data.tenant_key IN ROW EXCLUSIVE MODE;
  FOR owner IN SELECT t.id FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner);
    -- A retiring key is about to go: it must not be wrapped by an epoch that stays.
    SELECT * INTO old FROM attest_data.tenant_key k
    WHERE k.tenant_id = owner AND k.state = 'active' AND k.kek_epoch <> newest FOR NO KEY UPDATE;
    CONTINUE WHEN NOT FOUND;
    made := attest_internal.rewrap_tenant_key(owner, old.generation, old.kek_epoch, old.wrapped);
    UPDATE attest_data.tenant_key k SET kek_epoch = made.new_epoch, wrapped = made.new_wrapped
    WHERE k.tenant_id = owner AND k.generation = old.generation;
    PERFORM attest_internal.note_wrapping(owner, old.generation, made.new_epoch);
    done := done + 1;
  END LOOP;
  IF done > 0 THEN
    INSERT INTO attest_data.key_rotation (rotation_id, kind, generation, state, done, total, updated_at)
    VALUES (attest.uuid_v7(), 'kek', newest, 'done', done, done, clock_timestamp());
  END IF;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.rewrap_tenant_keys() IS
'Wraps the active key of every tenant under the newest epoch; returns how many were under another.';

CREATE FUNCTION attest_internal.has_older_wrapping(newest int) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner int;
BEGIN
  FOR owner IN SELECT t.id FROM attest_data.tenant t LOOP
    PERFORM attest_internal.enter_tenant(owner);
    IF EXISTS (SELECT FROM attest_data.tenant_key k WHERE k.tenant_id = owner AND k.state = 'active' AND k.kek_epoch <> newest) THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END
$$;
COMMENT ON FUNCTION attest_internal.has_older_wrapping(int) IS 'Whether a tenant''s active key is wrapped by another epoch than this one.';

CREATE FUNCTION attest.rotate_kek() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  newest int := attest_internal.newest_epoch();
BEGIN
  -- A new epoch that is not in use everywhere yet comes from a rotation that was
  -- interrupted, or made for another database: it is used up first.
  IF NOT attest_internal.has_older_wrapping(newest) THEN
    newest := attest_internal.add_kek_epoch();
  END IF;
  PERFORM attest_internal.rewrap_tenant_keys();
  RETURN newest;
END
$$;
COMMENT ON FUNCTION attest.rotate_kek() IS
'Adds an epoch to the keyring file, or takes that of attest.prepare_kek(), unless the newest one is not in use for every tenant yet, and wraps the active keys of all tenants of this database under it. Returns the epoch. Error TA310 where a command prints the keyring and its newest epoch is in use already: add one there first. For operators.';

-- --- tenant keys and keys of people ---

CREATE FUNCTION attest_internal.new_tenant_generation(tenant int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  next_generation int;
  made record;
BEGIN
  -- An epoch that is being retired is gone by then, and not the one to wrap under.
  LOCK TABLE attest_data.tenant_key IN ROW EXCLUSIVE MODE;
  SELECT coalesce(max(k.generation), 0) + 1 INTO next_generation FROM attest_data.tenant_key k WHERE k.tenant_id = tenant;
  made := attest_internal.make_tenant_key(tenant, next_generation);
  UPDATE attest_data.tenant_key k SET state = 'retiring' WHERE k.tenant_id = tenant AND k.state = 'active';
  INSERT INTO attest_data.tenant_key (tenant_id, generation, kek_epoch, wrapped)
  VALUES (tenant, next_generation, made.kek_epoch, made.wrapped);
  PERFORM attest_internal.note_wrapping(tenant, next_generation, made.kek_epoch);
  RETURN next_generation;
END
$$;
COMMENT ON FUNCTION attest_internal.new_tenant_generation(int) IS 'Makes a new tenant key active, the one before retiring; returns its generation.';

CREATE FUNCTION attest_internal.renew_subject_keys(tenant int) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrapping int;
  renewed bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(attest_internal.subject_key_lock(), tenant);
  SELECT k.generation INTO wrapping FROM attest_data.tenant_key k WHERE k.tenant_id = tenant AND k.state = 'active';
  INSERT INTO attest_data.subject_key (tenant_id, subject_id, generation, tenant_generation, wrapped)
  SELECT tenant, n.subject_id, n.generation + 1, wrapping, attest_internal.make_subject_key(n.subject_id, n.generation + 1, wrapping)
  FROM (SELECT k.subject_id, max(k.generation) AS generation FROM attest_data.subject_key k
    WHERE k.tenant_id = tenant GROUP BY k.subject_id) n;
  GET DIAGNOSTICS renewed = ROW_COUNT;
  UPDATE attest_data.subject_key k SET state = 'retiring'
  WHERE k.tenant_id = tenant AND k.state = 'active' AND EXISTS (SELECT FROM attest_data.subject_key n
    WHERE n.tenant_id = tenant AND n.subject_id = k.subject_id AND n.generation > k.generation);
  RETURN renewed;
END
$$;
COMMENT ON FUNCTION attest_internal.renew_subject_keys(int) IS
'Makes a new key for everybody of a tenant who has one; those before are retiring. Returns how many.';

CREATE FUNCTION attest_internal.start_rotation(kind text, tenant_code text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner int := attest_internal.tenant_of(tenant_code);
  rotation uuid;
  target int := 0;
  people bigint;
BEGIN
  SELECT r.rotation_id INTO rotation FROM attest_data.key_rotation r
  WHERE r.kind = start_rotation.kind AND r.tenant = owner AND r.state = 'running';
  IF FOUND THEN
    RETURN rotation;
  END IF;
  PERFORM attest_internal.enter_tenant(owner);
  IF kind = 'tenant_key' THEN
    target := attest_internal.new_tenant_generation(owner);
    SELECT count(DISTINCT k.subject_id) INTO people FROM attest_data.subject_key k WHERE k.tenant_id = owner;
  ELSE
    people := attest_internal.renew_subject_keys(owner);
  END IF;
  rotation := attest.uuid_v7();
  INSERT INTO attest_data.key_rotation (rotation_id, kind, tenant, generation, total)
  VALUES (rotation, start_rotation.kind, owner, target, people);
  PERFORM attest_internal.keys_changed();
  RETURN rotation;
END
$$;
COMMENT ON FUNCTION attest_internal.start_rotation(text, text) IS 'Starts a rotation of a tenant, or finds the one that was not finished.';

CREATE FUNCTION attest_internal.rotation_people(rotation uuid, after uuid) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  task attest_data.key_rotation;
BEGIN
  SELECT * INTO task FROM attest_data.key_rotation r WHERE r.rotation_id = rotation;
  PERFORM attest_internal.enter_tenant(task.tenant);
  RETURN QUERY SELECT DISTINCT k.subject_id FROM attest_data.subject_key k
  WHERE k.tenant_id = task.tenant AND k.subject_id > after
    AND CASE task.kind WHEN 'tenant_key' THEN k.tenant_generation < task.generation ELSE k.state = 'retiring' END
  ORDER BY 1 LIMIT 500;
END
$$;
COMMENT ON FUNCTION attest_internal.rotation_people(uuid, uuid) IS 'The next people that a rotation has to do, in order of their ids.';

CREATE FUNCTION attest_internal.reseal_rows(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tab record;
  done int;
  total int := 0;
BEGIN
  FOR tab IN
    SELECT c.oid::regclass AS name, string_agg(format('%1$I = attest_internal.reseal(%1$I)', a.attname), ', ') AS changes
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped
    WHERE c.relnamespace = 'attest_data'::regnamespace AND c.relkind = 'r'
      AND EXISTS (SELECT FROM pg_attribute p WHERE p.attrelid = c.oid AND p.attname = 'person_id' AND NOT p.attisdropped)
    GROUP BY c.oid ORDER BY c.oid::regclass::text
  LOOP
    EXECUTE format('UPDATE %s SET %s WHERE tenant_id = attest.current_tenant() AND person_id = $1', tab.name, tab.changes) USING person;
    GET DIAGNOSTICS done = ROW_COUNT;
    total := total + done;
  END LOOP;
  RETURN total;
END
$$;
COMMENT ON FUNCTION attest_internal.reseal_rows(uuid) IS
'Seals what the tables of attest_data hold of a person under the newest key; returns how many rows there are. What other rooms hold, their functions <room>_reseal() do.';

CREATE FUNCTION attest_internal.rotate_person(rotation uuid, person uuid, functions regproc[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  task attest_data.key_rotation;
BEGIN
  SELECT * INTO task FROM attest_data.key_rotation r WHERE r.rotation_id = rotation;
  PERFORM attest_internal.enter_tenant(task.tenant);
  -- First the records of the person, then their keys: the order in which erasing locks.
  IF task.kind = 'tenant_key' THEN
    PERFORM attest_internal.call_rooms(functions, person);
    UPDATE attest_data.subject_key k
    SET wrapped = attest_internal.rewrap_subject_key(person, k.generation, k.tenant_generation, k.wrapped, task.generation),
      tenant_generation = task.generation
    WHERE k.tenant_id = task.tenant AND k.subject_id = person AND k.tenant_generation < task.generation;
  ELSIF EXISTS (SELECT FROM attest_data.subject_key k WHERE k.tenant_id = task.tenant AND k.subject_id = person) THEN
    PERFORM attest_internal.reseal_rows(person);
    PERFORM attest_internal.call_rooms(functions, person);
    UPDATE attest_data.subject_key k SET state = 'retired', retired_at = clock_timestamp()
    WHERE k.tenant_id = task.tenant AND k.subject_id = person AND k.state = 'retiring';
  END IF;
  UPDATE attest_data.key_rotation r SET done = r.done + 1, updated_at = clock_timestamp() WHERE r.rotation_id = rotation;
END
$$;
COMMENT ON FUNCTION attest_internal.rotate_person(uuid, uuid, regproc[]) IS
'Does one person of a rotation: wraps their keys under the new tenant key and computes their blind values again, or seals their values under their new key, by the functions of the rooms. Doing it again does nothing.';

CREATE FUNCTION attest_internal.finish_rotation(rotation uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  task attest_data.key_rotation;
BEGIN
  SELECT * INTO task FROM attest_data.key_rotation r WHERE r.rotation_id = rotation FOR UPDATE;
  PERFORM attest_internal.enter_tenant(task.tenant);
  -- Waits for those who are making a key under it: they hold a lock on its row.
  PERFORM FROM attest_data.tenant_key k
  WHERE k.tenant_id = task.tenant AND k.generation < task.generation AND k.state = 'retiring' FOR UPDATE;
  IF EXISTS (SELECT FROM attest_data.subject_key k WHERE k.tenant_id = task.tenant
      AND CASE task.kind WHEN 'tenant_key' THEN k.tenant_generation < task.generation ELSE k.state = 'retiring' END) THEN
    RETURN false;
  END IF;
  UPDATE attest_data.tenant_key k SET state = 'destroyed', wrapped = NULL, destroyed_at = clock_timestamp()
  WHERE k.tenant_id = task.tenant AND k.generation < task.generation AND k.state = 'retiring';
  UPDATE attest_data.tenant_key_wrapping w SET left_at = clock_timestamp()
  WHERE w.tenant_id = task.tenant AND w.generation < task.generation AND w.left_at IS NULL;
  UPDATE attest_data.key_rotation r SET state = 'done', updated_at = clock_timestamp() WHERE r.rotation_id = rotation;
  PERFORM attest_internal.keys_changed();
  RETURN true;
END
$$;
COMMENT ON FUNCTION attest_internal.finish_rotation(uuid) IS
'Destroys the retiring tenant key once nothing is wrapped under it; false, and nothing done, while something is.';

CREATE FUNCTION attest_internal.prepare_rotation() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  owner record;
  waits record;
  newest int := attest_internal.newest_epoch();
  spoilt boolean := false;
BEGIN
  FOR owner IN SELECT t.id, t.code FROM attest_data.tenant t ORDER BY t.id LOOP
    PERFORM attest_internal.enter_tenant(owner.id);
    SELECT * INTO waits FROM attest_internal.erasure_waits(
      (SELECT max(e.tenant_generation) FROM attest_data.erased_subject e WHERE e.tenant_id = owner.id));
    spoilt := spoilt OR newest = ANY (waits.epochs);
    IF waits.generations <> '{}' OR EXISTS (SELECT FROM attest_data.tenant_key k
        WHERE k.tenant_id = owner.id AND k.state = 'retiring') THEN
      RETURN NEXT owner.code;
    END IF;
  END LOOP;
  -- The newest epoch has wrapped what must go: the next keys need another.
  IF spoilt THEN
    PERFORM attest_internal.add_kek_epoch();
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.prepare_rotation() IS
'The tenants whose key has to be rotated for erasures, or is being rotated. Adds an epoch where the newest one must be retired for them.';

CREATE PROCEDURE attest.rotate_tenant_key(tenant_code text, pause_ms int DEFAULT 0)
AS 'MODULE_PATHNAME', 'attest_rotate_tenant_key' LANGUAGE C;
COMMENT ON PROCEDURE attest.rotate_tenant_key(text, int) IS
'Gives a tenant a new key: wraps the keys of its people under it and computes blind values again, person by person while the tenant works, with a pause after each, then destroys the old key. Takes up what was interrupted. It first waits for the transactions that are running. Commits as it goes: CALL it outside a transaction. For operators; progress in attest.key_rotations.';

CREATE PROCEDURE attest.reseal_people(tenant_code text, pause_ms int DEFAULT 0)
AS 'MODULE_PATHNAME', 'attest_reseal_people' LANGUAGE C;
COMMENT ON PROCEDURE attest.reseal_people(text, int) IS
'Gives every person of a tenant a new key and seals all their values again under it, person by person while the tenant works. The old keys stay, retired, for backups and values kept elsewhere, until attest.destroy_retired_keys(). Otherwise as attest.rotate_tenant_key().';

CREATE PROCEDURE attest.rotate_keys(pause_ms int DEFAULT 0)
AS 'MODULE_PATHNAME', 'attest_rotate_keys' LANGUAGE C;
COMMENT ON PROCEDURE attest.rotate_keys(int) IS
'All that erasures need to reach backups, short of retiring an epoch: a new epoch where the newest one is concerned, a new key for every tenant that has erased somebody since its last one, and the other tenants'' keys under the newest epoch. Does nothing where nothing is due. Then confirm a backup and call attest.retire_kek(). For operators.';

-- person: the register of people.

CREATE FUNCTION attest_internal.person_missing(person uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alias attest_data.person_alias;
BEGIN
  SELECT * INTO alias FROM attest_data.person_alias a
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.alias_id = person;
  IF FOUND THEN
    PERFORM attest_internal.fail('person_merged', alias.merged_at::date::text, alias.person_id::text);
  END IF;
  PERFORM attest_internal.fail('unknown_object', 'person', coalesce(person::text, '-'));
END
$$;
COMMENT ON FUNCTION attest_internal.person_missing(uuid) IS 'Raises, for a person who is not in the register: TA355 where they were merged into another, TA105 otherwise.';

CREATE FUNCTION attest_internal.require_person(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
  barred boolean;
BEGIN
  -- The lock makes an erasure wait for this transaction, or this one for the erasure.
  SELECT p.anonymised_at, EXISTS (SELECT FROM attest_data.parental_authorisation a
      WHERE a.tenant_id = p.tenant_id AND a.person_id = p.person_id
      HAVING max(a.bars_until) > attest_internal.local_day() AND bool_and(a.revoked_at IS NOT NULL))
  INTO anonymised, barred FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM attest_internal.person_missing(person);
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('person_erased', anonymised::date::text);
  ELSIF barred THEN
    PERFORM attest_internal.fail('minor_not_authorised');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_person(uuid) IS
'Error TA105 unless the person is in the register of the entered tenant, TA355 once merged into another, TA307 once erased, TA353 where a parental authorisation was taken back; keeps the person from being erased until the transaction ends.';

CREATE FUNCTION attest_internal.lock_person(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
BEGIN
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.person_missing(person);
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('person_erased', anonymised::date::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.lock_person(uuid) IS
'As attest_internal.require_person(), for changes of the record itself: one at a time, and whatever a parental authorisation says.';

-- --- who sees whom ---

CREATE FUNCTION attest.may_see(person uuid) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_may_see' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION attest.may_see(uuid) IS
'Whether the profile of the ticket lets a person through. Managers, HR managers, the DPO and analysts see everybody of their tenant; learners, beneficiaries and candidates themselves; trainers the people enrolled in the sessions of their slots; referents and counsellors their caseload, a counsellor without those who object. The policies of every table with people call it.';

CREATE FUNCTION attest_internal.person_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.person_id FROM attest_data.caseload c
  WHERE c.tenant_id = attest.current_tenant() AND c.referent_id = person
    AND profile IN ('department_referent', 'external_referent', 'counsellor')
    AND attest_internal.local_day() BETWEEN c.since AND coalesce(c.until, 'infinity')
    AND NOT (profile = 'counsellor' AND EXISTS (SELECT FROM attest_data.objection o
      WHERE o.tenant_id = c.tenant_id AND o.person_id = c.person_id AND o.withdrawn_at IS NULL))
$$;
COMMENT ON FUNCTION attest_internal.person_visible(text, uuid) IS 'People that the register lets a profile see: the caseload, less those who object to a counsellor.';

CREATE FUNCTION attest.assign_case(referent uuid, person uuid, since date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.require_person(referent);
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.caseload (tenant_id, referent_id, person_id, since)
  VALUES (attest.current_tenant(), referent, person, coalesce(assign_case.since, attest_internal.local_day()))
  ON CONFLICT ON CONSTRAINT caseload_pkey DO UPDATE SET until = NULL;
END
$$;
COMMENT ON FUNCTION attest.assign_case(uuid, uuid, date) IS 'Puts a person on the caseload of a referent or counsellor, from a day on, today by default. For managers and HR managers.';

CREATE FUNCTION attest.close_case(referent uuid, person uuid, last_day date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  UPDATE attest_data.caseload c SET until = coalesce(last_day, attest_internal.local_day() - 1)
  WHERE c.tenant_id = attest_internal.required_tenant() AND c.referent_id = referent AND c.person_id = person
    AND c.until IS NULL;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'case', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.close_case(uuid, uuid, date) IS 'Takes a person off a caseload; last_day, yesterday by default, is the last day on it. For managers and HR managers.';

CREATE FUNCTION attest.object(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo,learner,beneficiary,candidate');
  PERFORM attest_internal.lock_person(person);
  INSERT INTO attest_data.objection (tenant_id, objection_id, person_id)
  SELECT attest.current_tenant(), attest.uuid_v7(), person
  WHERE NOT EXISTS (SELECT FROM attest_data.objection o WHERE o.tenant_id = attest.current_tenant()
    AND o.person_id = person AND o.withdrawn_at IS NULL);
END
$$;
COMMENT ON FUNCTION attest.object(uuid) IS
'Records that a person objects to counsellors seeing their space (GDPR art. 21): it is hidden from the next statement on. For the person, a manager or the DPO.';

CREATE FUNCTION attest.withdraw_objection(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo,learner,beneficiary,candidate');
  PERFORM attest_internal.require_person(person);
  UPDATE attest_data.objection o SET withdrawn_at = now()
  WHERE o.tenant_id = attest.current_tenant() AND o.person_id = person AND o.withdrawn_at IS NULL;
END
$$;
COMMENT ON FUNCTION attest.withdraw_objection(uuid) IS 'Takes back attest.object(). For the person, a manager or the DPO.';

-- person: what the register forgets at erasure.

CREATE FUNCTION attest_internal.person_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  -- What stays counts in statistics and names nobody: gender, birth year, level, department, profiles.
  UPDATE attest_data.person p
  SET reference = NULL, civility = NULL, last_name = NULL, first_name = NULL, birth_name = NULL, birth_date = NULL, birth_place = NULL,
    birth_continent = NULL, nir = NULL, email = NULL, other_email = NULL, phone = NULL, mobile = NULL, address = NULL, postcode = NULL,
    diploma = NULL, training_goal = NULL, france_travail_number = NULL, caf_number = NULL, job_sought = NULL, unemployed_since = NULL,
    employer_siret = NULL, employer_name = NULL, job_title = NULL, contract = NULL, hired_on = NULL, disability = NULL,
    parents_birth_place = NULL, service = NULL, professional_status = NULL, comments = NULL, search_name = NULL, nir_blind = NULL,
    email_blind = NULL, identity_blind = NULL, import_id = NULL,
    commune = left(p.commune, CASE WHEN p.commune LIKE '97%' THEN 3 ELSE 2 END), anonymised_at = now()
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND p.anonymised_at IS NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  DELETE FROM attest_data.person_change c WHERE c.tenant_id = attest_internal.required_tenant() AND c.person_id = person;
  DELETE FROM attest_data.parental_authorisation a WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  -- The old ids keep saying whom they stand for, and nothing else.
  UPDATE attest_data.person_alias a SET reference = NULL, reason = NULL, import_id = NULL
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  DELETE FROM attest_data.account_secret s USING attest_data.account a
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person
    AND s.tenant_id = a.tenant_id AND s.account_id = a.account_id;
  UPDATE attest_data.account a
  SET revoked_at = coalesce(a.revoked_at, now()), identifier = 'erased-' || a.account_id, person_id = NULL
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = person;
  DELETE FROM attest_data.caseload c
  WHERE c.tenant_id = attest_internal.required_tenant() AND person IN (c.person_id, c.referent_id);
  DELETE FROM attest_data.objection o WHERE o.tenant_id = attest_internal.required_tenant() AND o.person_id = person;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.person_erase(uuid) IS
'What the register forgets of a person at erasure; returns how many records were emptied.';

-- person: the catalogue of fields, and the checks of their values.

CREATE FUNCTION attest.person_fields(
  OUT name text, OUT category text, OUT sealed boolean, OUT sensitivity text, OUT kind text, OUT pattern text,
  OUT accepted text, OUT description text
) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE ROWS 40 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY VALUES
    ('reference', 'register', false, 'ordinary', 'text', NULL, NULL, 'your own number for the person, unique in the tenant; no social security number'),
    ('profile', 'register', false, 'ordinary', 'code',
      '^(learner|beneficiary|candidate|trainer|counsellor|manager|hr_manager|department_referent|external_referent|jury_member|contact|signatory)$',
      'learner, beneficiary, candidate, trainer, counsellor, manager, hr_manager, department_referent, external_referent, jury_member, contact, signatory',
      'what the person is to you; a person may have several'),
    ('civility', 'identification', false, 'ordinary', 'code', '^(MME|M)$', 'MME, M', 'form of address'),
    ('last_name', 'identification', true, 'ordinary', 'text', NULL, NULL, 'last name in use'),
    ('first_name', 'identification', true, 'ordinary', 'text', NULL, NULL, 'first name'),
    ('birth_name', 'identification', true, 'ordinary', 'text', NULL, NULL, 'last name at birth, where it differs'),
    ('gender', 'identification', false, 'ordinary', 'code', '^[FMN]$', 'F, M, N', 'F, M or N (non-binary)'),
    ('birth_date', 'identification', true, 'ordinary', 'date', NULL, NULL, 'date of birth; the year stays in clear'),
    ('birth_place', 'identification', true, 'ordinary', 'text', NULL, NULL, 'place of birth'),
    ('birth_continent', 'identification', true, 'origin', 'code', '^(africa|america|asia|europe|oceania)$',
      'africa, america, asia, europe, oceania', 'continent of birth; may reveal an origin'),
    ('nir', 'identification', true, 'national_id', 'nir', NULL, NULL, 'social security number of 15 characters'),
    ('email', 'contact', true, 'ordinary', 'text', '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$', 'an e-mail address', 'e-mail address'),
    ('other_email', 'contact', true, 'ordinary', 'text', '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$', 'an e-mail address',
      'second e-mail address, independent of the organisation'),
    ('phone', 'contact', true, 'ordinary', 'text', NULL, NULL, 'landline'),
    ('mobile', 'contact', true, 'ordinary', 'text', NULL, NULL, 'mobile telephone'),
    ('address', 'contact', true, 'ordinary', 'text', NULL, NULL, 'postal address'),
    ('postcode', 'contact', false, 'ordinary', 'code', '^[0-9]{5}$', '5 digits', 'postcode'),
    ('commune', 'contact', false, 'ordinary', 'code', '^([0-9]{2}|2[AB])[0-9]{3}$',
      'commune code of INSEE, such as 44109 or 2A004', 'commune code of INSEE, 5 characters'),
    ('isced', 'training', false, 'ordinary', 'code', '^[0-8]$', '0 to 8', 'level of education, ISCED 0 to 8'),
    ('diploma', 'training', true, 'ordinary', 'text', NULL, NULL, 'titles of diplomas'),
    ('training_goal', 'training', true, 'ordinary', 'text', NULL, NULL, 'what the person wants to learn, and what for'),
    ('france_travail_number', 'job_search', true, 'ordinary', 'code', '^([0-9]{7}[0-9A-Z]|[0-9]{11})$', '8 or 11 characters',
      'number of the job seeker at France Travail'),
    ('caf_number', 'job_search', true, 'ordinary', 'code', '^[0-9]{7}$', '7 digits', 'number of the beneficiary at the CAF'),
    ('job_sought', 'job_search', true, 'ordinary', 'text', NULL, NULL, 'job that the person looks for'),
    ('unemployed_since', 'job_search', true, 'ordinary', 'date', NULL, NULL, 'first day without a job'),
    ('employer_siret', 'professional_life', false, 'ordinary', 'siret', NULL, NULL, 'SIRET of the employer, 14 digits'),
    ('employer_name', 'professional_life', true, 'ordinary', 'text', NULL, NULL, 'name of the employer'),
    ('job_title', 'professional_life', true, 'ordinary', 'text', NULL, NULL, 'job held'),
    ('contract', 'professional_life', true, 'ordinary', 'code', '^(permanent|fixed_term|temporary|apprenticeship|professionalisation|self_employed|none)$',
      'permanent, fixed_term, temporary, apprenticeship, professionalisation, self_employed, none', 'kind of employment contract'),
    ('hired_on', 'professional_life', true, 'ordinary', 'date', NULL, NULL, 'first day with the employer'),
    ('disability', 'personal_life', true, 'health', 'code', '^(yes|no|refused)$', 'yes, no, refused',
      'disability status: data on health (GDPR art. 9)'),
    ('parents_birth_place', 'personal_life', true, 'origin', 'text', NULL, NULL, 'place of birth of the parents; may reveal an origin'),
    ('service', 'support', true, 'ordinary', 'text', NULL, NULL, 'department or service that the person works in'),
    ('professional_status', 'support', true, 'ordinary', 'text', NULL, NULL, 'professional status'),
    ('comments', 'support', true, 'ordinary', 'text', NULL, NULL, 'comments and feedback of the person'),
    ('parental_date', 'authorisation', false, 'ordinary', 'date', NULL, NULL,
      'day of the authorisation of a holder of parental authority; required under 18 years'),
    ('parental_reference', 'authorisation', true, 'ordinary', 'text', NULL, NULL, 'where that authorisation is kept; required under 18 years'),
    ('last_activity', 'register', false, 'ordinary', 'date', NULL, NULL, 'last activity; empty while the person is active'),
    ('source', 'instruction', false, 'ordinary', 'code', '^(manual|file|erp|application|form)$', 'manual, file, erp, application, form',
      'where the values come from'),
    ('allow_duplicate', 'instruction', false, 'ordinary', 'code', '^(yes|no|true|false)$', 'yes, no', 'yes: store the person even if they seem to be there');
END
$$;
COMMENT ON FUNCTION attest.person_fields() IS
'Every field of a person: category; whether it is sealed; sensitivity (ordinary, health, origin, national_id); kind of value (text, code, date YYYY-MM-DD, nir, siret), the pattern and the values it takes. Fields of the category authorisation are kept beside the person, those of instruction direct the recording. Connection data is in accounts, the history of interactions with a beneficiary in their own follow-up: neither belongs to a field.';

CREATE FUNCTION attest.import_columns(OUT name text, OUT required boolean, OUT description text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.name, f.name IN ('reference', 'profile', 'last_name', 'first_name'),
    concat_ws('; ', f.description, CASE WHEN f.kind = 'date' THEN 'YYYY-MM-DD' ELSE f.accepted END, CASE WHEN f.sealed THEN 'sealed' END)
  FROM attest.person_fields() f
$$;
COMMENT ON FUNCTION attest.import_columns() IS
'The columns that attest.import_people() and the keys that attest.add_person() take. Those not required here may be by the rules of the tenant: attest.field_rules().';

CREATE FUNCTION attest_internal.date_of(value text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
  SELECT CASE
    WHEN value !~ '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN NULL
    WHEN right(value, 2)::int > extract(day FROM (left(value, 7) || '-01')::date + interval '1 month - 1 day') THEN NULL
    ELSE value::date
  END
$$;
COMMENT ON FUNCTION attest_internal.date_of(text) IS
'The date written as YYYY-MM-DD, of the years 1900 to 2099, or NULL: unlike a cast it never repeats the value in an error.';

-- One query for all fields, since one for each would cost more than the checks.
CREATE FUNCTION attest_internal.check_person_values(given jsonb, names text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  expected record;
BEGIN
  FOR expected IN
    SELECT f.name, f.kind, f.pattern, f.accepted, nullif(given ->> f.name, '') AS value
    FROM unnest(names) WITH ORDINALITY n (name, place) JOIN attest.person_fields() f ON f.name = n.name
    WHERE given ->> f.name <> '' OR f.name IN ('reference', 'profile', 'last_name', 'first_name')
    ORDER BY n.place
  LOOP
    IF expected.value IS NULL THEN
      PERFORM attest_internal.fail('field_required', expected.name);
    ELSIF expected.kind = 'nir' THEN
      PERFORM expected.value::attest.nir;
    ELSIF expected.kind = 'siret' THEN
      PERFORM expected.value::attest.siret;
    ELSIF expected.kind = 'date' THEN
      IF attest_internal.date_of(expected.value) IS NULL THEN
        PERFORM attest_internal.fail('field_unknown_value', expected.name, 'a date that exists, as YYYY-MM-DD');
      END IF;
    ELSIF expected.name = 'reference' AND attest.nir_check(expected.value, 'plausible') IS NULL THEN
      -- The reference lies in clear, is searched, and stands in errors: nothing of that may happen to a NIR.
      PERFORM attest_internal.fail('field_unknown_value', 'reference', 'a number of your own, no social security number');
    ELSIF expected.value !~ expected.pattern THEN
      PERFORM attest_internal.fail('field_unknown_value', expected.name, expected.accepted);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.check_person_values(jsonb, text[]) IS
'Raises unless the values of the fields named are acceptable for attest.person_fields(), at the first that is not, in the order of the names. Never repeats a value.';

CREATE FUNCTION attest_internal.check_person_field(field text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.check_person_values(jsonb_build_object(field, value), ARRAY[field]);
END
$$;
COMMENT ON FUNCTION attest_internal.check_person_field(text, text) IS
'Raises unless the value is acceptable for the field of attest.person_fields(). Never repeats the value.';

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
    UNION ALL SELECT true FROM attest_data.person_alias a WHERE a.tenant_id = tenant AND a.reference = p.reference LIMIT 1
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
'A dry run of attest.load_import(): a row a record, with its line (in JSON its number), acceptable or rejected, with the column, SQLSTATE, reason and hint; never a value. Loads nothing. Ends the file: a record that is not whole is an error. For managers and HR managers.';

-- person: what is done with the keys of imports: erasing people, sealing again.

CREATE FUNCTION attest_internal.import_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held record;
  emptied int := 0;
BEGIN
  -- Records are sealed by the file, and one that was rejected may name its person by anything, or wrongly: no
  -- search would find them all.  By the id of an import, that import: a restored backup that lost its key.
  FOR held IN
    SELECT i.import_id FROM attest_data.import i
    WHERE i.tenant_id = attest_internal.required_tenant() AND i.emptied_at IS NULL
      AND (i.import_id = person OR EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = i.tenant_id AND p.person_id = person))
    ORDER BY i.import_id FOR UPDATE OF i
  LOOP
    PERFORM attest_internal.empty_import(held.import_id);
    emptied := emptied + 1;
  END LOOP;
  IF emptied > 0 THEN
    RAISE NOTICE 'imports emptied with the person: %', emptied
      USING HINT = 'Their records, staged or rejected, may have been about the person; send the files again without them.';
  END IF;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.import_erase(uuid) IS
'Empties every import of the tenant that holds records, staged or rejected, when somebody of the register is erased (GDPR art. 17): they may be about the person. Says so in a NOTICE; returns how many imports.';

CREATE FUNCTION attest_internal.import_owns(subject uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*)::int FROM attest_data.import i WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = subject
$$;
COMMENT ON FUNCTION attest_internal.import_owns(uuid) IS '1 where the key of this id seals an import, 0 otherwise.';

CREATE FUNCTION attest_internal.import_reseal(subject uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rests int;
  blocks int;
BEGIN
  UPDATE attest_data.import i SET rest = attest_internal.reseal(i.rest)
  WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = subject AND i.rest IS NOT NULL;
  GET DIAGNOSTICS rests = ROW_COUNT;
  UPDATE attest_data.import_block b SET source = attest_internal.reseal(b.source)
  WHERE b.tenant_id = attest.current_tenant() AND b.import_id = subject;
  GET DIAGNOSTICS blocks = ROW_COUNT;
  RETURN rests + blocks;
END
$$;
COMMENT ON FUNCTION attest_internal.import_reseal(uuid) IS 'Seals what an import holds again under its newest key; returns how many values.';

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

-- person: two records of one human being.

CREATE FUNCTION attest.find_duplicates(
  details jsonb DEFAULT NULL, OUT person_id uuid, OUT reference text, OUT duplicate_id uuid, OUT duplicate_reference text, OUT shared text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo');
  IF details IS NOT NULL THEN
    PERFORM attest_internal.check_fields(details - ARRAY['reference', 'profile'], ARRAY['nir', 'birth_date']);
    RETURN QUERY SELECT s.person_id, s.reference, NULL::uuid, NULL::text, s.shared
    FROM attest_internal.find_same(details, NULL) s WHERE s.person_id IS NOT NULL;
    RETURN;
  END IF;
  RETURN QUERY
  SELECT a.person_id, a.reference, b.person_id, b.reference, 'nir'
  FROM attest_data.person a JOIN attest_data.person b ON b.tenant_id = a.tenant_id AND b.nir_blind = a.nir_blind
  WHERE a.tenant_id = attest_internal.required_tenant() AND b.person_id > a.person_id
  UNION ALL
  SELECT a.person_id, a.reference, b.person_id, b.reference, 'last_name, first_name, birth_date'
  FROM attest_data.person a JOIN attest_data.person b ON b.tenant_id = a.tenant_id AND b.identity_blind = a.identity_blind
  WHERE a.tenant_id = attest_internal.required_tenant() AND b.person_id > a.person_id
  ORDER BY 1, 3, 5;
END
$$;
COMMENT ON FUNCTION attest.find_duplicates(jsonb) IS
'Pairs of people of the register with the same NIR, or the same last and first name (as a search folds them) and birth date; with details as for attest.add_person(), somebody who is there already. Values are not opened. Two people recorded at the same moment do not hold each other up, so look here after imports. While the keys of the tenant rotate, pairs across the old and the new key are not found. For managers, HR managers and the DPO.';

CREATE FUNCTION attest.resolve_person(person uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.person_id FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
  UNION ALL
  SELECT a.person_id FROM attest_data.person_alias a WHERE a.tenant_id = attest.current_tenant() AND a.alias_id = person
$$;
COMMENT ON FUNCTION attest.resolve_person(uuid) IS 'The id that stands for a person today: their own, or the one that they were merged into; NULL for nobody that the profile sees.';

CREATE FUNCTION attest_internal.move_references(keep uuid, dropped uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ref record;
  moved bigint;
  report jsonb := '{}';
BEGIN
  FOR ref IN
    SELECT c.conrelid::regclass AS tab, local.attname AS col,
      (SELECT tenant.attname FROM pg_attribute tenant WHERE tenant.attrelid = c.conrelid AND tenant.attnum = c.conkey[3 - k.n]) AS tenant,
      (SELECT string_agg(format(', %I = attest_internal.transfer(%I, $2, $1)', s.attname, s.attname), '')
        FROM pg_attribute s WHERE s.attrelid = c.conrelid AND s.atttypid = 'attest.sealed'::regtype AND NOT s.attisdropped) AS sealed,
      tab.relnamespace = 'attest_data'::regnamespace AND tab.relowner = 'attest_owner'::regrole AS own
    FROM pg_constraint c JOIN pg_class tab ON tab.oid = c.conrelid
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k (col, target, n)
    JOIN pg_attribute foreign_col ON foreign_col.attrelid = c.confrelid AND foreign_col.attnum = k.target
    JOIN pg_attribute local ON local.attrelid = c.conrelid AND local.attnum = k.col
    WHERE c.contype = 'f' AND c.confrelid = 'attest_data.person'::regclass AND c.conparentid = 0
      AND cardinality(c.conkey) = 2 AND foreign_col.attname = 'person_id'
    ORDER BY c.conrelid::regclass::text, local.attname
  LOOP
    IF ref.own THEN
      EXECUTE format('UPDATE %s SET %I = $1%s WHERE %I = attest_internal.required_tenant() AND %I = $2',
        ref.tab, ref.col, ref.sealed, ref.tenant, ref.col) USING keep, dropped;
      GET DIAGNOSTICS moved = ROW_COUNT;
    ELSE
      moved := attest_internal.move_rows(ref.tab, ref.tenant, ref.col, keep, dropped);
    END IF;
    IF moved > 0 THEN
      report := report || jsonb_build_object(format('%s.%s', ref.tab, ref.col), moved);
    END IF;
  END LOOP;
  RETURN report;
END
$$;
COMMENT ON FUNCTION attest_internal.move_references(uuid, uuid) IS
'Lets every foreign key to the dropped person point at the kept one, in users'' tables too, as their owner, and seals what was sealed for the one for the other. Returns the rows moved by table and column.';

CREATE FUNCTION attest_internal.merge_fields(keep uuid, dropped uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields text[] := array_remove(attest_internal.person_columns(), 'reference');
  held jsonb := attest_internal.opened_fields(keep, fields);
  other jsonb := attest_internal.opened_fields(dropped, fields);
  given jsonb;
  item record;
BEGIN
  -- Active in one of the records is active; otherwise the last activity of both counts.
  SELECT jsonb_build_object('last_activity', CASE WHEN held ->> 'last_activity' IS NOT NULL AND other ->> 'last_activity' IS NOT NULL
      THEN greatest(held ->> 'last_activity', other ->> 'last_activity') END)
    || coalesce(jsonb_object_agg(o.key, o.value) FILTER (WHERE held ->> o.key IS NULL AND o.value IS NOT NULL), '{}')
  INTO given FROM jsonb_each_text(other - 'last_activity') o;
  FOR item IN SELECT o.key, o.value FROM jsonb_each_text(other - 'last_activity') o WHERE o.value <> held ->> o.key LOOP
    PERFORM attest_internal.record_change(keep, item.key, attest.seal(item.value, keep, 'person.' || item.key), 'set_aside');
  END LOOP;
  PERFORM attest_internal.change_fields(keep, given, held, 'merge');
  PERFORM attest_internal.add_profile(keep, profile, 'merge') FROM attest_data.person p CROSS JOIN LATERAL unnest(p.profiles) profile
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_fields(uuid, uuid) IS
'Gives the kept person the fields that only the dropped one has (source merge), and keeps in the history those that differ (source set_aside): the value of the kept one stands.';

CREATE FUNCTION attest_internal.person_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled int;
BEGIN
  -- The same case twice, or a case of themselves.
  DELETE FROM attest_data.caseload c WHERE c.tenant_id = attest_internal.required_tenant()
    AND dropped IN (c.referent_id, c.person_id)
    AND ((c.referent_id IN (keep, dropped) AND c.person_id IN (keep, dropped))
      OR EXISTS (SELECT FROM attest_data.caseload k WHERE k.tenant_id = c.tenant_id AND k.since = c.since
        AND k.referent_id = CASE c.referent_id WHEN dropped THEN keep ELSE c.referent_id END
        AND k.person_id = CASE c.person_id WHEN dropped THEN keep ELSE c.person_id END));
  GET DIAGNOSTICS settled = ROW_COUNT;
  -- Their tickets name a person who is no more.
  UPDATE attest_data.account a SET person_id = keep, tickets_after = now()
  WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id = dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.person_merge(uuid, uuid) IS
'What the register settles before two people become one: cases that both have; accounts go to the kept one, with new tickets. Returns the cases dropped.';

CREATE FUNCTION attest.merge_people(keep uuid, dropped uuid, reason text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  merger regproc;
  settled int;
  report jsonb := '{}';
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  IF keep = dropped THEN
    PERFORM attest_internal.fail('bad_value', 'dropped', 'another person than the one to keep');
  END IF;
  PERFORM attest_internal.require_latest();
  -- Whoever writes for one of them holds a lock of require_person(): wait for them.
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id IN (keep, dropped)
  ORDER BY p.person_id FOR UPDATE;
  PERFORM attest_internal.lock_person(keep), attest_internal.lock_person(dropped);
  INSERT INTO attest_data.person_alias (tenant_id, alias_id, person_id, reference, source, import_id, created_at, created_by, reason)
  SELECT p.tenant_id, p.person_id, keep, p.reference, p.source, p.import_id, p.created_at, p.created_by,
    attest.seal(merge_people.reason, keep, 'person.merge_reason')
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
  -- Each room where two people cannot just become one has a function <room>_merge(keep, dropped).
  FOR merger IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace AND right(p.proname, 6) = '_merge' ORDER BY p.proname
  LOOP
    EXECUTE format('SELECT %s($1, $2)', merger) INTO settled USING keep, dropped;
    report := report || jsonb_build_object(replace(split_part(merger::text, '.', 2), '_merge', ''), settled);
  END LOOP;
  PERFORM attest_internal.merge_fields(keep, dropped);
  report := jsonb_build_object('settled', report, 'moved', attest_internal.move_references(keep, dropped));
  DELETE FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = dropped;
  -- Last: nothing is sealed for the dropped one any more.
  PERFORM attest_internal.destroy_subject_key(dropped, 'merged');
  RETURN report;
END
$$;
COMMENT ON FUNCTION attest.merge_people(uuid, uuid, text) IS
'Makes two records of one human being one. Fields that only the dropped one has go to the kept one; those that differ stay in its history. Everything recorded for the dropped one is sealed anew for the kept one, whose record says since when the old id is an alias (attest.resolve_person()); the key of the dropped one is destroyed. Of enrolments that overlap, that of the kept one stands, and the other days stay with who pays for them; participations in one operation one participation; where both were recorded for a slot, the event that somebody made counts before an automatic absence, and that of the kept one before the other. Error TA356 where both have signed for a slot, TA319 outside READ COMMITTED. Returns what each room settled, and the rows moved. For managers and HR managers.';

-- person: reading one person, by right.

CREATE FUNCTION attest.may_open(person uuid, purpose text) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_may_open' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION attest.may_open(uuid, text) IS
'Whether the profile of the ticket opens what is sealed of a person for a purpose, such as person.nir; attest.unseal() refuses the rest with TA357. Managers, HR managers, the DPO and the person themselves open every field; department referents all but the NIR; external referents and counsellors neither NIR nor what is delicate (disability, origin); trainers names and contact data; jury members names; others nothing. Purposes of other rooms: whoever sees the person.';

CREATE FUNCTION attest.person_details(person uuid, category text DEFAULT NULL, OUT field text, OUT value text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields text[];
BEGIN
  PERFORM attest_internal.required_tenant();
  IF NOT EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person) THEN
    PERFORM attest_internal.person_missing(person);
  END IF;
  IF NOT person_details.category IN (SELECT f.category FROM attest.person_fields() f WHERE f.name = ANY (attest_internal.person_columns())) THEN
    PERFORM attest_internal.fail('bad_value', 'category', 'a category of attest.person_fields()');
  END IF;
  fields := ARRAY(SELECT f.name FROM attest.person_fields() f
    WHERE f.category = coalesce(person_details.category, f.category) AND attest.may_open(person, 'person.' || f.name));
  IF cardinality(fields) = 0 THEN
    PERFORM attest_internal.fail('field_closed', coalesce(attest.current_profile(), '-'));
  END IF;
  RETURN QUERY SELECT f.name, o.value
  FROM jsonb_each_text(attest_internal.opened_fields(person, fields)) o JOIN attest.person_fields() WITH ORDINALITY f (name) ON f.name = o.key
  WHERE o.value IS NOT NULL ORDER BY f.ordinality;
END
$$;
COMMENT ON FUNCTION attest.person_details(uuid, text) IS
'The fields of a person that are filled in, of one category of attest.person_fields() or of all, opened: those that the profile of the ticket opens. Error TA357 where it opens none of the category.';

CREATE FUNCTION attest.person_provenance(
  person uuid, OUT field text, OUT since timestamptz, OUT account_id uuid, OUT source text, OUT import_id uuid
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.required_tenant();
  IF NOT EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person) THEN
    PERFORM attest_internal.person_missing(person);
  END IF;
  RETURN QUERY
  SELECT f.name, coalesce(c.changed_at, p.created_at), CASE WHEN c.change_id IS NULL THEN p.created_by ELSE c.changed_by END,
    coalesce(c.source, p.source), CASE WHEN c.change_id IS NULL THEN p.import_id ELSE c.import_id END
  FROM attest_data.person p CROSS JOIN LATERAL jsonb_each_text(to_jsonb(p)) v (name, value)
  JOIN attest.person_fields() WITH ORDINALITY f (name) ON f.name = v.name OR (f.name = 'profile' AND v.name = 'profiles')
  LEFT JOIN LATERAL (
    SELECT * FROM attest_data.person_change h
    WHERE h.tenant_id = p.tenant_id AND h.person_id = p.person_id AND h.field = f.name AND h.source <> 'set_aside'
    ORDER BY h.change_id DESC LIMIT 1
  ) c ON true
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person AND v.value IS NOT NULL
    AND attest.may_open(person, 'person.' || f.name)
  ORDER BY f.ordinality;
END
$$;
COMMENT ON FUNCTION attest.person_provenance(uuid) IS
'Where the values of a person come from: for each field that is filled in and that the profile opens, since when it has its value, from which account, source and import.';

-- person: which fields a tenant may hold of whom.

CREATE FUNCTION attest_internal.field_defaults(OUT kind text, OUT profile text, OUT required text[], OUT optional text[]) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE ROWS 14 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What the published policies of such services list; what they do not list is forbidden.
  RETURN QUERY VALUES
    (NULL, 'learner', ARRAY['gender'], ARRAY['civility', 'birth_name', 'birth_date', 'birth_place', 'nir', 'email', 'other_email',
      'phone', 'mobile', 'address', 'postcode', 'commune', 'isced', 'diploma', 'training_goal', 'employer_siret', 'employer_name',
      'job_title', 'contract', 'hired_on', 'disability', 'parents_birth_place', 'parental_date', 'parental_reference']),
    (NULL, 'beneficiary', ARRAY['gender'], ARRAY['civility', 'birth_name', 'birth_date', 'birth_place', 'nir', 'email', 'other_email',
      'phone', 'mobile', 'address', 'postcode', 'commune', 'isced', 'diploma', 'training_goal', 'france_travail_number', 'caf_number',
      'job_sought', 'unemployed_since', 'employer_siret', 'employer_name', 'job_title', 'contract', 'hired_on', 'disability',
      'parents_birth_place', 'parental_date', 'parental_reference']),
    (NULL, 'candidate', '{}', ARRAY['civility', 'gender', 'birth_name', 'birth_date', 'birth_place', 'birth_continent', 'nir', 'email',
      'other_email', 'phone', 'mobile', 'address', 'postcode', 'commune', 'isced', 'diploma', 'employer_siret', 'employer_name',
      'job_title', 'contract', 'hired_on', 'parental_date', 'parental_reference']),
    (NULL, 'trainer', '{}', ARRAY['civility', 'gender', 'birth_date', 'email', 'phone', 'mobile', 'address', 'postcode', 'commune',
      'employer_siret', 'employer_name']),
    (NULL, 'counsellor', '{}', ARRAY['civility', 'gender', 'email', 'other_email', 'phone', 'mobile', 'employer_siret', 'employer_name']),
    -- No e-mail address is listed for those who manage the software.
    (NULL, 'manager', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments', 'employer_siret']),
    (NULL, 'hr_manager', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments', 'employer_siret']),
    (NULL, 'department_referent', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments',
      'employer_siret']),
    (NULL, 'external_referent', '{}', ARRAY['civility', 'gender', 'phone', 'mobile', 'service', 'professional_status', 'comments',
      'employer_siret']),
    (NULL, 'jury_member', '{}', ARRAY['civility', 'gender', 'email', 'phone', 'mobile', 'employer_name', 'job_title']),
    (NULL, 'contact', '{}', ARRAY['civility', 'gender', 'email', 'phone', 'mobile', 'employer_siret', 'employer_name', 'job_title']),
    (NULL, 'signatory', ARRAY['email'], ARRAY['civility', 'gender', 'phone', 'mobile', 'employer_siret', 'employer_name', 'job_title']),
    ('guidance_centre', 'counsellor', ARRAY['email'], ARRAY['other_email', 'mobile']),
    -- The counsellor who administers the centre, of whom the same is taken.
    ('guidance_centre', 'manager', ARRAY['email'], ARRAY['other_email', 'mobile']),
    ('guidance_centre', 'beneficiary', ARRAY['birth_date', 'isced'], ARRAY['email', 'phone', 'mobile', 'parental_date', 'parental_reference']);
END
$$;
COMMENT ON FUNCTION attest_internal.field_defaults() IS
'Fields that people of a profile must and may have where a tenant, of any kind or of the kind named, says nothing else.';

CREATE FUNCTION attest.field_rules(profiles text[] DEFAULT NULL, OUT profile text, OUT field text, OUT rule text, OUT set_at timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT d.profile, f.name,
    CASE WHEN f.name IN ('reference', 'profile', 'last_name', 'first_name') THEN 'required'
      WHEN f.name IN ('last_activity', 'source', 'allow_duplicate') THEN 'optional'
      WHEN p.rule IS NOT NULL THEN p.rule
      WHEN f.name = ANY (d.required) THEN 'required'
      WHEN f.name = ANY (d.optional) THEN 'optional'
      ELSE 'forbidden' END,
    p.set_at
  FROM (
    SELECT DISTINCT ON (d.profile) d.* FROM attest_internal.field_defaults() d
    WHERE (profiles IS NULL OR d.profile = ANY (profiles)) AND attest.current_tenant() IS NOT NULL
      AND (d.kind IS NULL OR d.kind = (SELECT t.kind FROM attest_data.tenant t WHERE t.id = attest.current_tenant()))
    ORDER BY d.profile, d.kind NULLS LAST
  ) d
  CROSS JOIN attest.person_fields() f
  LEFT JOIN attest_data.field_policy p ON p.tenant_id = attest.current_tenant() AND p.profile = d.profile AND p.field = f.name;
END
$$;
COMMENT ON FUNCTION attest.field_rules(text[]) IS
'Which fields the entered tenant holds of people of the profiles named, or of every profile: required, optional or forbidden, and when attest.set_field_policy() said so; NULL for a default.';

CREATE FUNCTION attest.set_field_policy(profile text, field text, rule text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(profile, '') = '' OR coalesce(field, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'profile, field');
  END IF;
  PERFORM attest_internal.check_person_field('profile', profile);
  IF NOT EXISTS (SELECT FROM attest.person_fields() f WHERE f.name = field AND f.category NOT IN ('register', 'instruction')
      AND f.name NOT IN ('last_name', 'first_name')) THEN
    PERFORM attest_internal.fail('bad_value', 'field', 'a field of attest.person_fields() that is not part of every record');
  END IF;
  IF rule IS NULL THEN
    DELETE FROM attest_data.field_policy p WHERE p.tenant_id = attest_internal.required_tenant()
      AND p.profile = set_field_policy.profile AND p.field = set_field_policy.field;
    RETURN;
  END IF;
  IF NOT rule = ANY ('{required,optional,forbidden}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'rule', 'required, optional, forbidden');
  END IF;
  INSERT INTO attest_data.field_policy AS p (tenant_id, profile, field, rule)
  VALUES (attest_internal.required_tenant(), set_field_policy.profile, set_field_policy.field, set_field_policy.rule)
  ON CONFLICT ON CONSTRAINT field_policy_pkey DO UPDATE SET rule = EXCLUDED.rule, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_field_policy(text, text, text) IS
'Makes a field of attest.person_fields() required, optional or forbidden for people of a profile, from now on; NULL: the default again. What is held already stays. attest.field_rules() shows the rules. For managers and the DPO.';

CREATE FUNCTION attest_internal.check_rules(profiles text[], given jsonb, whole boolean) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  broken record;
BEGIN
  -- With several profiles, what one needs is required and what one may have is allowed.
  SELECT r.field, bool_or(r.rule = 'required') AS required INTO broken
  FROM attest.field_rules(profiles) r JOIN attest.person_fields() WITH ORDINALITY f (name) ON f.name = r.field
  WHERE whole OR given ? r.field
  GROUP BY r.field, f.ordinality
  HAVING CASE WHEN coalesce(given ->> r.field, '') = '' THEN bool_or(r.rule = 'required') ELSE bool_and(r.rule = 'forbidden') END
  ORDER BY f.ordinality LIMIT 1;
  IF broken.required THEN
    PERFORM attest_internal.fail('field_required', broken.field);
  ELSIF FOUND THEN
    PERFORM attest_internal.fail('field_forbidden', broken.field, array_to_string(profiles, ', '));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_rules(text[], jsonb, boolean) IS
'Error TA351 where a forbidden field is given, TA333 where a required one is empty: of the whole record, or of the fields given.';

-- --- social security numbers ---

CREATE FUNCTION attest.authorise_nir(
  tenant_code text, basis text, reference text, since date DEFAULT NULL, until date DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  new_authorisation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  IF coalesce(basis, '') = '' OR coalesce(reference, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis, reference');
  END IF;
  since := coalesce(since, attest_internal.local_day());
  IF until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  INSERT INTO attest_data.nir_authorisation (tenant_id, authorisation_id, basis, reference, since, until)
  VALUES (attest.current_tenant(), new_authorisation, authorise_nir.basis, authorise_nir.reference, authorise_nir.since,
    authorise_nir.until);
  RETURN new_authorisation;
END
$$;
COMMENT ON FUNCTION attest.authorise_nir(text, text, text, date, date) IS
'Records that a tenant may hold social security numbers: the basis (such as decree 2019-341), the reference of the document, and the days within which it holds. Without it a number is refused with TA352. For operators.';

CREATE FUNCTION attest.revoke_nir(tenant_code text, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET attest.ticket = '' AS $$
DECLARE
  revoked int;
BEGIN
  PERFORM attest_internal.enter_tenant(attest_internal.tenant_of(tenant_code));
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  UPDATE attest_data.nir_authorisation a
  SET revoked_at = now(), revoked_by = session_user, revoke_reason = revoke_nir.reason
  WHERE a.tenant_id = attest.current_tenant() AND a.revoked_at IS NULL;
  GET DIAGNOSTICS revoked = ROW_COUNT;
  RETURN revoked;
END
$$;
COMMENT ON FUNCTION attest.revoke_nir(text, text) IS
'Revokes every authorisation of a tenant to hold social security numbers, and returns how many there were: no further number is taken. Those held stay sealed. For operators.';

CREATE FUNCTION attest_internal.nir_authorised() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM attest_data.nir_authorisation a WHERE a.tenant_id = attest.current_tenant() AND a.revoked_at IS NULL
    AND attest_internal.local_day() BETWEEN a.since AND coalesce(a.until, 'infinity'))
$$;
COMMENT ON FUNCTION attest_internal.nir_authorised() IS 'Whether the entered tenant may hold social security numbers today.';

-- --- minors ---

CREATE FUNCTION attest_internal.is_minor(birth_date date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT birth_date + interval '18 years' > attest_internal.local_day()
$$;
COMMENT ON FUNCTION attest_internal.is_minor(date) IS 'Whether somebody born that day is under 18 on the local day of the tenant.';

CREATE FUNCTION attest_internal.check_authorisation(given jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(given ->> 'parental_date', '') = '' AND coalesce(given ->> 'parental_reference', '') = '' THEN
    IF attest_internal.is_minor(attest_internal.date_of(given ->> 'birth_date')) THEN
      PERFORM attest_internal.fail('minor_not_authorised');
    END IF;
  ELSIF coalesce(given ->> 'parental_date', '') = '' OR coalesce(given ->> 'parental_reference', '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'parental_date, parental_reference');
  ELSIF attest_internal.date_of(given ->> 'parental_date') > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('field_unknown_value', 'parental_date', 'today or earlier');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_authorisation(jsonb) IS
'Error TA353 where the record is of somebody under 18 and gives no authorisation; TA333 or TA334 where it gives half of one, or one of the future.';

CREATE FUNCTION attest_internal.store_authorisation(person uuid, given_on date, reference text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.parental_authorisation (tenant_id, authorisation_id, person_id, given_on, reference)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person, given_on,
    attest.seal(reference, person, 'person.parental_reference'))
$$;
COMMENT ON FUNCTION attest_internal.store_authorisation(uuid, date, text) IS 'Stores a parental authorisation that has been checked.';

CREATE FUNCTION attest.authorise_minor(person uuid, given_on date, reference text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.lock_person(person);
  IF given_on IS NULL OR coalesce(reference, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'given_on, reference');
  END IF;
  IF given_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'given_on', 'today or earlier');
  END IF;
  PERFORM attest_internal.store_authorisation(person, given_on, reference);
END
$$;
COMMENT ON FUNCTION attest.authorise_minor(uuid, date, text) IS
'Records an authorisation of a holder of parental authority for somebody under 18: its day, and where it is kept (sealed). For managers and HR managers.';

CREATE FUNCTION attest.revoke_minor(person uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  born date;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo');
  PERFORM attest_internal.lock_person(person);
  SELECT attest.unseal(p.birth_date, p.person_id, 'person.birth_date')::date INTO born FROM attest_data.person p
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  -- Whole months: the column is in clear, and must not tell the day of birth.
  UPDATE attest_data.parental_authorisation a
  SET revoked_at = now(), revoked_by = attest.current_account(),
    bars_until = (date_trunc('month', born + interval '18 years') + interval '1 month')::date
  WHERE a.tenant_id = attest.current_tenant() AND a.person_id = person AND a.revoked_at IS NULL;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'authorisation', coalesce(person::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.revoke_minor(uuid) IS
'Takes the authorisations for somebody under 18 back: nothing more is recorded for them (TA353) until a new one, or the month after they turn 18. For managers, HR managers and the DPO.';

-- person: recording and changing people.

CREATE FUNCTION attest_internal.person_columns() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT array_agg(f.name) FROM attest.person_fields() f WHERE f.category NOT IN ('authorisation', 'instruction') AND f.name <> 'profile');
END
$$;
COMMENT ON FUNCTION attest_internal.person_columns() IS 'Fields of attest.person_fields() that are columns of the person.';

CREATE FUNCTION attest_internal.canonical(kind text, value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN value = '' THEN NULL WHEN kind = 'nir' THEN value::attest.nir::text WHEN kind = 'siret' THEN value::attest.siret::text
    ELSE value END;
END
$$;
COMMENT ON FUNCTION attest_internal.canonical(text, text) IS 'A checked value of a kind of attest.person_fields() as it is stored; NULL for an empty one.';

CREATE FUNCTION attest_internal.sealed_fields(person uuid, given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_object_agg(f.name,
    CASE WHEN f.sealed THEN attest.seal(v.value, person, 'person.' || f.name)::text ELSE v.value END), '{}')
  FROM attest.person_fields() f CROSS JOIN LATERAL attest_internal.canonical(f.kind, given ->> f.name) v (value)
  WHERE f.name = ANY (attest_internal.person_columns()) AND given ? f.name);
END
$$;
COMMENT ON FUNCTION attest_internal.sealed_fields(uuid, jsonb) IS 'The given fields as the columns of the person hold them.';

CREATE FUNCTION attest_internal.opened_fields(person uuid, fields text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT jsonb_object_agg(f.name,
    CASE WHEN f.sealed THEN attest.unseal(c.value::attest.sealed, person, 'person.' || f.name) ELSE c.value END)
  FROM attest_data.person p CROSS JOIN LATERAL jsonb_each_text(to_jsonb(p)) c (name, value)
  JOIN attest.person_fields() f ON f.name = c.name
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person AND f.name = ANY (fields));
END
$$;
COMMENT ON FUNCTION attest_internal.opened_fields(uuid, text[]) IS 'Fields of a person, opened. Error TA357 for one that the profile of the ticket does not open.';

CREATE FUNCTION attest_internal.identity_of(opened jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest_internal.search_name(opened ->> 'last_name', opened ->> 'first_name', NULL) || ' ' || nullif(opened ->> 'birth_date', '')
$$;
COMMENT ON FUNCTION attest_internal.identity_of(jsonb) IS
'What tells a person from others of the tenant when there is no number: last name, first name and birth date, as a search folds names; NULL without a birth date.';

CREATE FUNCTION attest_internal.derived_fields(person uuid, opened jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'birth_year', left(nullif(opened ->> 'birth_date', ''), 4)::int,
    'search_name', attest.seal(attest_internal.search_name(opened ->> 'last_name', opened ->> 'first_name',
      nullif(opened ->> 'birth_name', '')), person, 'person.search_name')::text,
    'nir_blind', attest.blind('person.nir', attest_internal.canonical('nir', opened ->> 'nir')),
    'email_blind', attest.blind('person.email', lower(nullif(opened ->> 'email', ''))),
    'identity_blind', attest.blind('person.identity', attest_internal.identity_of(opened)))
$$;
COMMENT ON FUNCTION attest_internal.derived_fields(uuid, jsonb) IS
'The columns that follow from names, birth date, NIR and e-mail: the year of birth, the sealed name for searching, the blind values.';

CREATE FUNCTION attest_internal.derived_from() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['last_name', 'first_name', 'birth_name', 'birth_date', 'nir', 'email']
$$;
COMMENT ON FUNCTION attest_internal.derived_from() IS 'Fields that attest_internal.derived_fields() needs.';

CREATE FUNCTION attest_internal.write_person(person uuid, columns jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  assignments text;
BEGIN
  SELECT string_agg(format('%I = r.%I', c.name, c.name), ', ') INTO assignments FROM jsonb_object_keys(columns) c (name);
  IF assignments IS NOT NULL THEN
    EXECUTE format('UPDATE attest_data.person p SET %s FROM jsonb_populate_record(NULL::attest_data.person, $1) r '
      'WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = $2', assignments) USING columns, person;
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.write_person(uuid, jsonb) IS 'Sets columns of a person.';

-- Each blind value is looked up by itself: = ANY (...) would be left to a plan that reads all people of the tenant when
-- it was made while the register was small.
CREATE FUNCTION attest_internal.find_same(opened jsonb, other_than uuid, OUT reference text, OUT person_id uuid, OUT shared text)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
BEGIN
  SELECT s.reference, s.person_id, 'nir' INTO reference, person_id, shared
  FROM unnest(attest.blind_candidates('person.nir', attest_internal.canonical('nir', opened ->> 'nir'))) v (blind)
  CROSS JOIN LATERAL (SELECT p.reference, p.person_id FROM attest_data.person p
    WHERE p.tenant_id = tenant AND p.nir_blind = v.blind AND p.person_id IS DISTINCT FROM other_than OFFSET 0) s
  ORDER BY s.person_id LIMIT 1;
  IF person_id IS NULL THEN
    SELECT s.reference, s.person_id, 'last_name, first_name, birth_date' INTO reference, person_id, shared
    FROM unnest(attest.blind_candidates('person.identity', attest_internal.identity_of(opened))) v (blind)
    CROSS JOIN LATERAL (SELECT p.reference, p.person_id FROM attest_data.person p
      WHERE p.tenant_id = tenant AND p.identity_blind = v.blind AND p.person_id IS DISTINCT FROM other_than OFFSET 0) s
    ORDER BY s.person_id LIMIT 1;
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.find_same(jsonb, uuid) IS
'Somebody of the register with the same NIR, or the same last and first name and birth date; looked up by blind values.';

CREATE FUNCTION attest_internal.check_unknown(opened jsonb, other_than uuid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  same record;
BEGIN
  IF coalesce(opened ->> 'allow_duplicate', '') IN ('yes', 'true') THEN
    RETURN;
  END IF;
  SELECT * INTO same FROM attest_internal.find_same(opened, other_than);
  IF same.person_id IS NOT NULL THEN
    PERFORM attest_internal.fail('person_known', same.shared, coalesce(same.reference, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_unknown(jsonb, uuid) IS 'Error TA354 where the person seems to be in the register already, unless allow_duplicate says yes.';

CREATE FUNCTION attest_internal.check_reference(reference text, other_than uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant()
        AND p.reference = check_reference.reference AND p.person_id IS DISTINCT FROM other_than)
      OR EXISTS (SELECT FROM attest_data.person_alias a WHERE a.tenant_id = attest_internal.required_tenant()
        AND a.reference = check_reference.reference) THEN
    PERFORM attest_internal.fail('code_taken', reference);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_reference(text, uuid) IS 'Error TA011 where another person, or one merged into another, has the reference.';

CREATE FUNCTION attest_internal.check_fields(given jsonb, names text[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF jsonb_typeof(given) IS DISTINCT FROM 'object'
      OR NOT ARRAY(SELECT f.name FROM attest.person_fields() f) @> ARRAY(SELECT jsonb_object_keys(given)) THEN
    PERFORM attest_internal.fail('bad_value', 'details', 'an object whose keys are in attest.person_fields()');
  END IF;
  PERFORM attest_internal.check_person_values(given, coalesce(names, ARRAY(SELECT jsonb_object_keys(given))));
  IF coalesce(given ->> 'nir', '') <> '' AND NOT attest_internal.nir_authorised() THEN
    PERFORM attest_internal.fail('nir_not_authorised');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_fields(jsonb, text[]) IS
'Raises unless the keys are fields, the values of those named (NULL: of those given) are acceptable, and the tenant may hold a social security number that is given.';

CREATE FUNCTION attest_internal.check_person(details jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.check_rules(ARRAY[details ->> 'profile'], details, true);
  PERFORM attest_internal.check_authorisation(details);
  PERFORM attest_internal.check_reference(details ->> 'reference', NULL);
  PERFORM attest_internal.check_unknown(details, NULL);
END
$$;
COMMENT ON FUNCTION attest_internal.check_person(jsonb) IS
'Raises unless a person whose fields have been checked may be recorded: rules of fields, parental authorisation, reference, duplicates.';

CREATE FUNCTION attest_internal.store_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_person uuid := attest.uuid_v7();
BEGIN
  INSERT INTO attest_data.person
  SELECT r.* FROM jsonb_populate_record(NULL::attest_data.person,
    attest_internal.sealed_fields(new_person, details) || attest_internal.derived_fields(new_person, details)
    || jsonb_build_object('tenant_id', attest_internal.required_tenant(), 'person_id', new_person,
      'profiles', ARRAY[details ->> 'profile'], 'source', coalesce(nullif(details ->> 'source', ''), 'manual'),
      'import_id', details ->> 'import_id', 'created_at', now(), 'created_by', attest.current_account())) r
  ON CONFLICT (tenant_id, reference) DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', details ->> 'reference');
  END IF;
  IF coalesce(details ->> 'parental_date', '') <> '' THEN
    PERFORM attest_internal.store_authorisation(new_person, (details ->> 'parental_date')::date, details ->> 'parental_reference');
  END IF;
  RETURN new_person;
END
$$;
COMMENT ON FUNCTION attest_internal.store_person(jsonb) IS
'Stores a person whose record has been checked, with the provenance of its values: source, import_id, account, time.';

CREATE FUNCTION attest.add_person(details jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.check_fields(details, ARRAY(SELECT f.name FROM attest.person_fields() f));
  PERFORM attest_internal.check_person(details);
  RETURN attest_internal.store_person(details);
END
$$;
COMMENT ON FUNCTION attest.add_person(jsonb) IS
'Adds a person to the register; keys as attest.person_fields(). Returns the person_id. Errors TA333, TA334 and those of NIR and SIRET for a value, TA351 for a forbidden field, TA352 for a NIR without authorisation, TA353 for somebody under 18 without authorisation, TA354 for somebody who is there already (allow_duplicate: yes stores them all the same), TA011 for a reference that is taken. For managers and HR managers.';

CREATE FUNCTION attest_internal.record_change(person uuid, field text, previous attest.sealed, source text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO attest_data.person_change (tenant_id, change_id, person_id, field, source, previous)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person, field, source, previous);
END
$$;
COMMENT ON FUNCTION attest_internal.record_change(uuid, text, attest.sealed, text) IS
'Records that a field of a person changes, with the value that it replaces, sealed for the person and the purpose person.<field>.';

CREATE FUNCTION attest_internal.change_fields(person uuid, given jsonb, held jsonb, source text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed jsonb;
  item record;
BEGIN
  SELECT coalesce(jsonb_object_agg(f.name, given ->> f.name), '{}') INTO changed
  FROM attest.person_fields() f
  WHERE f.name = ANY (attest_internal.person_columns()) AND given ? f.name
    AND attest_internal.canonical(f.kind, given ->> f.name) IS DISTINCT FROM held ->> f.name;
  FOR item IN SELECT c.name FROM jsonb_object_keys(changed) c (name) LOOP
    PERFORM attest_internal.record_change(person, item.name,
      attest.seal(held ->> item.name, person, 'person.' || item.name), source);
  END LOOP;
  PERFORM attest_internal.write_person(person, attest_internal.sealed_fields(person, changed)
    || CASE WHEN changed ?| attest_internal.derived_from() THEN attest_internal.derived_fields(person, held || changed) ELSE '{}' END);
  RETURN ARRAY(SELECT c.name FROM jsonb_object_keys(changed) c (name) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION attest_internal.change_fields(uuid, jsonb, jsonb, text) IS
'Gives fields of a person that differ from those held their new values, and records the ones replaced. Returns the fields that changed.';

CREATE FUNCTION attest_internal.add_profile(person uuid, profile text, source text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held text[];
BEGIN
  SELECT p.profiles INTO held FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person;
  IF profile = ANY (held) THEN
    RETURN '{}';
  END IF;
  PERFORM attest_internal.record_change(person, 'profile',
    attest.seal(array_to_string(held, ', '), person, 'person.profile'), source);
  UPDATE attest_data.person p SET profiles = held || profile
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person;
  RETURN '{profile}';
END
$$;
COMMENT ON FUNCTION attest_internal.add_profile(uuid, text, text) IS 'Gives a person one profile more.';

CREATE FUNCTION attest_internal.needed_fields(profiles text[], held jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(r.field, held -> r.field), '{}')
  FROM attest.field_rules(profiles[cardinality(profiles):]) r
  WHERE r.rule = 'required' AND r.field = ANY (attest_internal.person_columns())
    AND NOT r.profile = ANY (profiles[:cardinality(profiles) - 1])
$$;
COMMENT ON FUNCTION attest_internal.needed_fields(text[], jsonb) IS
'What a person holds of the fields that the last of these profiles requires, unless it is among the others too: fields of one more profile are checked like given ones.';

CREATE FUNCTION attest.change_person(person uuid, changes jsonb, source text DEFAULT 'manual') RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
  profiles text[];
  changed text[] := '{}';
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager');
  PERFORM attest_internal.lock_person(person);
  IF coalesce(changes ->> 'parental_date', '') = '' THEN
    PERFORM attest_internal.require_person(person);
  END IF;
  changes := changes - 'source';
  PERFORM attest_internal.check_fields(changes, NULL);
  PERFORM attest_internal.check_person_field('source', source);
  SELECT p.profiles || ARRAY(SELECT changes ->> 'profile' WHERE changes ? 'profile') INTO profiles
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  held := attest_internal.opened_fields(person, attest_internal.person_columns());
  PERFORM attest_internal.check_rules(profiles,
    CASE WHEN changes ? 'profile' THEN attest_internal.needed_fields(profiles, held) ELSE '{}' END || changes, false);
  IF changes ?| ARRAY['birth_date', 'parental_date', 'parental_reference']
      AND (changes ?| ARRAY['parental_date', 'parental_reference'] OR NOT attest_internal.has_authorisation(person)) THEN
    PERFORM attest_internal.check_authorisation(changes);
  END IF;
  IF changes ? 'reference' THEN
    PERFORM attest_internal.check_reference(changes ->> 'reference', person);
  END IF;
  IF changes ?| ARRAY['nir', 'last_name', 'first_name', 'birth_date'] THEN
    PERFORM attest_internal.check_unknown(held || changes, person);
  END IF;
  IF coalesce(changes ->> 'profile', '') <> '' THEN
    changed := attest_internal.add_profile(person, changes ->> 'profile', source);
  END IF;
  IF coalesce(changes ->> 'parental_date', '') <> '' THEN
    PERFORM attest_internal.store_authorisation(person, (changes ->> 'parental_date')::date, changes ->> 'parental_reference');
  END IF;
  RETURN changed || attest_internal.change_fields(person, changes, held, source);
END
$$;
COMMENT ON FUNCTION attest.change_person(uuid, jsonb, text) IS
'Changes fields of a person; keys as attest.person_fields(), NULL empties a field, profile adds one. source: manual, file, erp, application or form. The values replaced are kept, sealed: attest.person_history. Returns the fields that changed. Errors as attest.add_person(). For managers and HR managers.';

CREATE FUNCTION attest_internal.has_authorisation(person uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM attest_data.parental_authorisation a WHERE a.tenant_id = attest.current_tenant()
    AND a.person_id = person AND a.revoked_at IS NULL)
$$;
COMMENT ON FUNCTION attest_internal.has_authorisation(uuid) IS 'Whether a parental authorisation of the person stands.';

CREATE FUNCTION attest.set_last_activity(person uuid, day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held date;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,counsellor');
  PERFORM attest_internal.lock_person(person);
  IF day > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'day', 'today or earlier');
  END IF;
  SELECT p.last_activity INTO held FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  IF held IS NOT DISTINCT FROM day THEN
    RETURN;
  END IF;
  PERFORM attest_internal.record_change(person, 'last_activity',
    attest.seal(to_char(held, 'YYYY-MM-DD'), person, 'person.last_activity'), 'manual');
  UPDATE attest_data.person p SET last_activity = day
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
END
$$;
COMMENT ON FUNCTION attest.set_last_activity(uuid, date) IS
'States the day of a person''s last activity, from which retention counts; NULL: the person is active again.';

CREATE FUNCTION attest_internal.person_reblind(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person
    AND p.anonymised_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  PERFORM attest_internal.write_person(person,
    attest_internal.derived_fields(person, attest_internal.opened_fields(person, attest_internal.derived_from())));
  RETURN 1;
END
$$;
COMMENT ON FUNCTION attest_internal.person_reblind(uuid) IS
'Computes the blind values of a person again, under the active key of the tenant. For the rotation of keys, which finds it by its name; returns how many records.';

-- retention: how long people are kept, and what remains of them afterwards.

CREATE FUNCTION attest.set_retention_rule(profile text, keep interval, basis text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  PERFORM attest_internal.check_person_field('profile', profile);
  IF keep IS NULL OR keep < interval '1 month' THEN
    PERFORM attest_internal.fail('bad_value', 'keep', 'one month or more');
  END IF;
  IF coalesce(basis, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis');
  END IF;
  INSERT INTO attest_data.retention_rule AS r (tenant_id, profile, keep, basis)
  VALUES (attest_internal.required_tenant(), set_retention_rule.profile, set_retention_rule.keep, set_retention_rule.basis)
  ON CONFLICT ON CONSTRAINT retention_rule_pkey DO UPDATE
  SET keep = EXCLUDED.keep, basis = EXCLUDED.basis, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_retention_rule(text, interval, text) IS
'How long people of a profile are kept after their last activity, and on what basis (law, contract, decision). A person with several profiles is kept for the longest; without a rule for each of them, for good. For managers and the DPO.';

CREATE FUNCTION attest.place_hold(person uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_person(person);
  INSERT INTO attest_data.legal_hold (tenant_id, hold_id, person_id, reason, placed_by)
  VALUES (attest_internal.required_tenant(), attest.uuid_v7(), person,
    attest.seal(place_hold.reason, person, 'hold.reason'), attest.current_account());
END
$$;
COMMENT ON FUNCTION attest.place_hold(uuid, text) IS
'Forbids erasing a person until the hold is lifted, for a litigation or a requisition. For managers and the DPO.';

CREATE FUNCTION attest.lift_hold(person uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifted int;
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  UPDATE attest_data.legal_hold h
  SET lifted_at = now(), lifted_by = attest.current_account(),
    lift_reason = attest.seal(lift_hold.reason, person, 'hold.reason')
  WHERE h.tenant_id = attest_internal.required_tenant() AND h.person_id = person AND h.lifted_at IS NULL;
  GET DIAGNOSTICS lifted = ROW_COUNT;
  RETURN lifted;
END
$$;
COMMENT ON FUNCTION attest.lift_hold(uuid, text) IS 'Lifts the holds on a person and returns how many there were. For managers and the DPO.';

CREATE FUNCTION attest_internal.require_subject(subject uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- One erasure at a time: the other one then finds the tombstone.
  PERFORM FROM attest_data.subject_key k
  WHERE k.tenant_id = attest_internal.required_tenant() AND k.subject_id = subject FOR UPDATE;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM attest_data.erased_subject e
        WHERE e.tenant_id = attest.current_tenant() AND e.subject_id = subject)
      OR EXISTS (SELECT FROM attest_data.person_alias a WHERE a.tenant_id = attest.current_tenant() AND a.alias_id = subject)
      OR EXISTS (SELECT FROM jsonb_each_text(attest_internal.in_every_room('_owns', subject)) o WHERE o.value <> '0') THEN
    PERFORM attest_internal.person_missing(subject);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_subject(uuid) IS
'Raises, for somebody who is not in the register, unless there is, or was, a key of theirs: columns of attest.protect_columns() take any uuid as a person. The key of an import or an operation is nobody''s.';

CREATE FUNCTION attest_internal.anonymise_person(person uuid, reason text, authority text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  anonymised timestamptz;
  held date;
  emptied jsonb;
BEGIN
  PERFORM attest_internal.require_latest();
  -- Whoever writes for the person holds a lock of require_person(): wait for them.
  SELECT p.anonymised_at INTO anonymised FROM attest_data.person p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.person_id = person FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.require_subject(person);
  ELSIF anonymised IS NOT NULL THEN
    PERFORM attest_internal.fail('already_erased', anonymised::date::text);
  END IF;
  SELECT h.placed_at::date INTO held FROM attest_data.legal_hold h
  WHERE h.tenant_id = attest_internal.required_tenant() AND h.person_id = person AND h.lifted_at IS NULL LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('person_on_hold', held::text);
  END IF;
  -- The key goes last: the rooms may need it to keep what is anonymous.
  emptied := attest_internal.in_every_room('_erase', person);
  PERFORM attest_internal.destroy_subject_key(person, reason, authority);
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.anonymise_person(uuid, text, text) IS
'Anonymises a person: every room empties its records, then the key is destroyed. Returns records emptied by room. Error TA602 while a hold stands.';

CREATE FUNCTION attest.erase_person(person uuid, reason text, authority text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF coalesce(authority, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'authority');
  END IF;
  RETURN attest_internal.anonymise_person(person, reason, authority);
END
$$;
COMMENT ON FUNCTION attest.erase_person(uuid, text, text) IS
'Erases a person for good: names, contacts, captures and blind values go, what counts in statistics and names nobody stays, the key is destroyed, and every session of the server forgets it at once. A tombstone keeps id, time, reason (such as GDPR art. 17) and the authority that decided: write no names there. Backups follow with attest.rotate_keys(); attest.erasures shows how far. So for somebody whom only columns of attest.protect_columns() know. Imports that hold records, staged or rejected, are emptied, as these may be about the person: a NOTICE says so. Returns records emptied by room. Errors TA601 already erased, TA602 on hold, TA319 outside READ COMMITTED. For managers and the DPO.';

CREATE FUNCTION attest_internal.retention_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due record;
  people jsonb := '[]';
  body jsonb;
BEGIN
  FOR due IN
    SELECT d.person_id, d.due_on, d.basis FROM attest.retention_due d
    WHERE d.due_on <= attest_internal.local_day() AND NOT d.on_hold
    ORDER BY d.due_on, d.person_id
    LIMIT 1000
  LOOP
    people := people || jsonb_build_object('person', due.person_id, 'due_on', due.due_on, 'basis', due.basis,
      'records', attest_internal.anonymise_person(due.person_id, 'retention', due.basis));
  END LOOP;
  IF jsonb_array_length(people) = 0 THEN
    RETURN 0;
  END IF;
  body := jsonb_build_object('tenant', (SELECT t.code FROM attest_data.tenant t WHERE t.id = attest.current_tenant()),
    'done_at', now(), 'engine', 'attest ' || attest.version(), 'method', 'destruction of the key of the person (AES-256) and emptying of records',
    'persons', people);
  INSERT INTO attest_data.destruction_certificate (tenant_id, certificate_id, persons, body, digest)
  VALUES (attest.current_tenant(), attest.uuid_v7(), jsonb_array_length(people), body, sha256(convert_to(body::text, 'UTF8')));
  RETURN jsonb_array_length(people);
END
$$;
COMMENT ON FUNCTION attest_internal.retention_job() IS
'Anonymises the people of the entered tenant who are past their retention, a thousand a run at most, and leaves one certificate of destruction.';

-- signature: the type of a captured signature.

CREATE TYPE attest.signature;
COMMENT ON TYPE attest.signature IS
'A signature as a pad captures it. Input: a PNG data URL of a canvas, or the stroke JSON of signature_pad toData(); both are read in full, measured and refused when malformed (TA201, TA203). Output: attest1:<kind>:<payload in base64url>, which input takes back.';

CREATE FUNCTION attest_internal.signature_in(cstring) RETURNS attest.signature
AS 'MODULE_PATHNAME', 'attest_signature_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.signature_out(attest.signature) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_signature_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.signature_recv(internal) RETURNS attest.signature
AS 'MODULE_PATHNAME', 'attest_signature_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.signature_send(attest.signature) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_signature_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.signature_in(cstring) IS 'Text input of attest.signature.';
COMMENT ON FUNCTION attest_internal.signature_out(attest.signature) IS 'Text output of attest.signature.';
COMMENT ON FUNCTION attest_internal.signature_recv(internal) IS 'Binary input of attest.signature: kind in one byte, payload.';
COMMENT ON FUNCTION attest_internal.signature_send(attest.signature) IS 'Binary output of attest.signature: kind in one byte, payload.';

CREATE TYPE attest.signature (
  INTERNALLENGTH = VARIABLE, STORAGE = external,
  INPUT = attest_internal.signature_in, OUTPUT = attest_internal.signature_out,
  RECEIVE = attest_internal.signature_recv, SEND = attest_internal.signature_send
);

CREATE FUNCTION attest.signature_kind(signature attest.signature) RETURNS text
AS 'MODULE_PATHNAME', 'attest_signature_kind' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_kind(attest.signature) IS 'png or strokes.';

CREATE FUNCTION attest.signature_digest(signature attest.signature) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_signature_digest' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_digest(attest.signature) IS 'SHA-256 of the payload, 32 bytes.';

CREATE FUNCTION attest.signature_payload(signature attest.signature) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_signature_payload' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_payload(attest.signature) IS 'The PNG file or the stroke JSON, as it was received.';

CREATE FUNCTION attest.signature_reasons(signature attest.signature) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_signature_reasons' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signature_reasons(attest.signature) IS
'What a person should look at, as codes such as INK_DOT or SYNTHETIC_TIMING; empty when nothing. Facts, never a sanction.';

CREATE FUNCTION attest_internal.require_ink(signature attest.signature) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_require_ink' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.require_ink(attest.signature) IS
'True; error TA203 for a capture without ink, TA202 for one that is only a dot or a speck.';

-- attendance: courses, sessions, slots, enrolments; the presences are in attendance_presence.sql.

CREATE FUNCTION attest_internal.status_code(name text) RETURNS smallint
AS 'MODULE_PATHNAME', 'attest_status_code' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.status_code(text) IS 'Code of a status of presence; NULL where there is none of this name.';

CREATE FUNCTION attest.status_name(code smallint) RETURNS text
AS 'MODULE_PATHNAME', 'attest_status_name' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.status_name(smallint) IS 'Name of a status of presence; NULL where there is none of this code.';

CREATE FUNCTION attest.presence_statuses(OUT code smallint, OUT name text, OUT description text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_presence_statuses' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 12;
COMMENT ON FUNCTION attest.presence_statuses() IS 'The statuses of a presence: code as stored, name, what it says.';

CREATE FUNCTION attest_internal.count_minutes(as_attended int, as_planned int, grain int, status smallint, planned int, attended int) RETURNS int
AS 'MODULE_PATHNAME', 'attest_count_minutes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.count_minutes(int, int, int, smallint, int, int) IS
'Minutes that count: those planned or attended where the status (bit = code) is in the set, rounded down to the grain; 0 for other statuses.';

CREATE FUNCTION attest_internal.minutes_counted(rule_version int, status smallint, planned int, attended int) RETURNS int
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Without a rule of the funder: what was attended, and an exempted person as there. A disputed
  -- presence counts by attest_internal.contested_status().
  IF rule_version = 0 THEN
    RETURN attest_internal.count_minutes(542, 256, 1, status, planned, attended);
  END IF;
  RETURN (SELECT attest_internal.count_minutes(r.as_attended, r.as_planned, r.grain, status, planned, attended)
    FROM attest_data.counting_rule r
    WHERE r.tenant_id = attest.current_tenant() AND r.rule_version = minutes_counted.rule_version);
END
$$;
COMMENT ON FUNCTION attest_internal.minutes_counted(int, smallint, int, int) IS
'Minutes that count under a version of a rule of the entered tenant. Version 0: attended for present, late, left_early, partial and in_company, planned for exempted, none else.';

CREATE FUNCTION attest_internal.rule_for(funder uuid, day date) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT r.rule_version FROM attest_data.counting_rule r
    WHERE r.tenant_id = attest.current_tenant() AND r.funder_id = funder AND r.valid_from <= day
    ORDER BY r.valid_from DESC, r.rule_version DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION attest_internal.rule_for(uuid, date) IS 'The version of the rule that a funder counts a day by; 0 where it has none.';

CREATE TYPE attest_internal.slot_facts AS (
  slot_id uuid, session_id uuid, day date, starts_at timestamptz, ends_at timestamptz, late_after interval
);
COMMENT ON TYPE attest_internal.slot_facts IS 'What the rules of attendance need to know of a slot.';

CREATE FUNCTION attest_internal.minutes_between(since timestamptz, until timestamptz) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN floor(extract(epoch FROM until - since) / 60)::int;
END
$$;
COMMENT ON FUNCTION attest_internal.minutes_between(timestamptz, timestamptz) IS
'Elapsed whole minutes between two instants, across changes of the clock too.';

CREATE FUNCTION attest_internal.instant_after(since timestamptz, delay interval, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  days interval := date_trunc('day', delay);
BEGIN
  RETURN (since AT TIME ZONE zone + days) AT TIME ZONE zone + (delay - days);
END
$$;
COMMENT ON FUNCTION attest_internal.instant_after(timestamptz, interval, text) IS
'An instant later by so many days on the clock of a place, whatever the time zone of the session, and by so many hours.';

CREATE FUNCTION attest_internal.hold_rules(session uuid, only_enrolment uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT FROM attest_data.funder f
  WHERE f.tenant_id = attest_internal.required_tenant() AND f.funder_id IN (SELECT e.funder_id FROM attest_data.enrolment e
    WHERE e.tenant_id = attest.current_tenant() AND e.session_id = session AND (only_enrolment IS NULL OR e.enrolment_id = only_enrolment))
  ORDER BY f.funder_id FOR SHARE
$$;
COMMENT ON FUNCTION attest_internal.hold_rules(uuid, uuid) IS
'Lets no new rule of the funders of a session, or of one enrolment, come in before the transaction ends: attest.set_counting_rule() would not see what is expected by the old one.';

CREATE FUNCTION attest_internal.expect(session uuid, only_slot uuid, only_enrolment uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  added int;
BEGIN
  PERFORM attest_internal.hold_rules(session, only_enrolment);
  INSERT INTO attest_data.presence_state (tenant_id, slot_id, person_id, enrolment_id, session_id, day, minutes_planned, rule_version)
  SELECT sl.tenant_id, sl.slot_id, e.person_id, e.enrolment_id, sl.session_id, sl.day,
    extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60,
    CASE WHEN e.funder_id IS NULL THEN 0 ELSE attest_internal.rule_for(e.funder_id, sl.day) END
  FROM attest_data.enrolment e
  JOIN attest_data.slot sl ON sl.tenant_id = e.tenant_id AND sl.session_id = e.session_id AND sl.day BETWEEN e.since AND e.until
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND sl.cancelled_at IS NULL
    AND (only_slot IS NULL OR sl.slot_id = only_slot) AND (only_enrolment IS NULL OR e.enrolment_id = only_enrolment)
  ORDER BY e.enrolment_id, sl.starts_at
  -- Taken over already, with what was recorded.
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS added = ROW_COUNT;
  RETURN added;
END
$$;
COMMENT ON FUNCTION attest_internal.expect(uuid, uuid, uuid) IS
'Expects the people enrolled in a session on its slots, all or one of a kind: one row of presence_state each, where there is none. The caller holds the row of the session.';

CREATE FUNCTION attest_internal.take_over(enrolment uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  coming attest_data.enrolment;
  taken int;
BEGIN
  SELECT * INTO coming FROM attest_data.enrolment e
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.enrolment_id = enrolment;
  PERFORM attest_internal.hold_rules(coming.session_id, enrolment);
  -- Cancelled on a slot that takes place: by attest.withdraw(). The person is expected as if there had been no event.
  UPDATE attest_data.presence_state st
  SET status = attest_internal.status_code('expected'), evidence = 0, minutes_counted = 0, method = NULL, presence_id = NULL, claimed_at = NULL,
    minutes_planned = attest_internal.minutes_between(sl.starts_at, sl.ends_at)
  FROM attest_data.slot sl
  WHERE sl.tenant_id = coming.tenant_id AND sl.slot_id = st.slot_id AND sl.cancelled_at IS NULL
    AND st.tenant_id = coming.tenant_id AND st.person_id = coming.person_id AND st.session_id = coming.session_id
    AND st.day BETWEEN coming.since AND coming.until AND st.status = attest_internal.status_code('cancelled');
  -- Periods do not overlap, so these are of one that has ended: what was recorded counts for who pays now.
  UPDATE attest_data.presence_state st
  SET enrolment_id = coming.enrolment_id, rule_version = r.version, minutes_counted = attest_internal.minutes_counted(r.version,
    CASE st.status WHEN attest_internal.status_code('disputed') THEN attest_internal.contested_status(st.slot_id, st.person_id) ELSE st.status END,
    st.minutes_planned, st.minutes_attended)
  FROM attest_data.slot sl CROSS JOIN LATERAL (SELECT CASE WHEN coming.funder_id IS NULL THEN 0 ELSE attest_internal.rule_for(coming.funder_id, sl.day) END) r (version)
  WHERE sl.tenant_id = coming.tenant_id AND sl.slot_id = st.slot_id
    AND st.tenant_id = coming.tenant_id AND st.person_id = coming.person_id AND st.session_id = coming.session_id
    AND st.day BETWEEN coming.since AND coming.until;
  GET DIAGNOSTICS taken = ROW_COUNT;
  RETURN taken;
END
$$;
COMMENT ON FUNCTION attest_internal.take_over(uuid) IS
'Gives an enrolment the slots of its days that are left of an earlier one of the same person, which withdrew: with what was recorded, under the rule of the new funder; what the withdrawal had cancelled is expected again. Returns how many. The caller holds the row of the session.';

-- --- planning ---

CREATE FUNCTION attest.create_course(
  code text, title text, nature text DEFAULT 'training', provider text DEFAULT NULL, provider_nda text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_course uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, title');
  END IF;
  IF (nature = ANY (ARRAY['training', 'skills_assessment', 'validation_of_experience', 'apprenticeship', 'integration'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'nature',
      'training, skills_assessment, validation_of_experience, apprenticeship, integration');
  END IF;
  -- Declaration number: 11 digits (verp-formation.fr, L6351-1 of the Labour Code).
  IF provider_nda !~ '^[0-9]{11}$' THEN
    PERFORM attest_internal.fail('field_unknown_value', 'provider_nda', '11 digits');
  END IF;
  INSERT INTO attest_data.course (tenant_id, course_id, code, title, nature, provider, provider_nda)
  VALUES (attest_internal.required_tenant(), new_course, create_course.code, create_course.title, create_course.nature,
    nullif(create_course.provider, ''), create_course.provider_nda)
  ON CONFLICT ON CONSTRAINT course_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_course.code);
  END IF;
  RETURN new_course;
END
$$;
COMMENT ON FUNCTION attest.create_course(text, text, text, text, text) IS
'Creates a course; provider and its declaration number (NDA, 11 digits) where another organisation gives it. Nature of the action (L6313-1 of the Labour Code, and integration): training, skills_assessment, validation_of_experience, apprenticeship, integration.';

CREATE FUNCTION attest.plan_session(
  course uuid, title text, starts_on date, ends_on date, place text DEFAULT NULL, late_after interval DEFAULT '10 minutes'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_session uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF NOT EXISTS (SELECT FROM attest_data.course c
      WHERE c.tenant_id = attest_internal.required_tenant() AND c.course_id = course) THEN
    PERFORM attest_internal.fail('unknown_object', 'course', coalesce(course::text, '-'));
  END IF;
  IF coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'title');
  END IF;
  IF starts_on IS NULL OR ends_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF late_after IS NULL OR late_after < interval '0' THEN
    PERFORM attest_internal.fail('bad_value', 'late_after', 'a time from 0 on');
  END IF;
  INSERT INTO attest_data.session (tenant_id, session_id, course_id, title, starts_on, ends_on, place, late_after)
  VALUES (attest_internal.required_tenant(), new_session, course, plan_session.title, plan_session.starts_on,
    plan_session.ends_on, plan_session.place, plan_session.late_after);
  RETURN new_session;
END
$$;
COMMENT ON FUNCTION attest.plan_session(uuid, text, date, date, text, interval) IS
'Plans a session of a course between two local days. Who signs later than late_after from the start of a slot is late.';

CREATE FUNCTION attest.plan_slot(
  session uuid, starts_at timestamptz, ends_at timestamptz, modality text DEFAULT 'on_site', place text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  here attest_data.place;
  zone text;
  local_day date;
  new_slot uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,trainer');
  -- Slots and enrolments of a session are planned one after the other: each sees all of the other.
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  IF starts_at IS NULL OR ends_at IS NULL OR ends_at <= starts_at THEN
    PERFORM attest_internal.fail('slot_bounds', coalesce(starts_at::text, '-'), coalesce(ends_at::text, '-'));
  END IF;
  IF ends_at - starts_at > interval '12 hours' THEN
    PERFORM attest_internal.fail('slot_too_long', starts_at::text, ends_at::text);
  END IF;
  IF (modality = ANY (ARRAY['on_site', 'remote', 'in_company', 'work_handed_in'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'modality', 'on_site, remote, in_company, work_handed_in');
  END IF;
  SELECT * INTO here FROM attest_data.place p
  WHERE p.tenant_id = attest.current_tenant() AND p.name = coalesce(plan_slot.place, planned.place);
  IF plan_slot.place IS NOT NULL AND here.place_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'place', plan_slot.place);
  END IF;
  zone := coalesce(here.time_zone, (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest.current_tenant()));
  local_day := (starts_at AT TIME ZONE zone)::date;
  IF NOT local_day BETWEEN planned.starts_on AND planned.ends_on THEN
    PERFORM attest_internal.fail('outside_session', planned.starts_on::text, planned.ends_on::text, local_day::text);
  END IF;
  INSERT INTO attest_data.slot (tenant_id, slot_id, session_id, day, starts_at, ends_at, modality, time_zone, place_id, holiday)
  VALUES (attest.current_tenant(), new_slot, session, local_day, plan_slot.starts_at, plan_slot.ends_at, plan_slot.modality,
    zone, here.place_id, attest.holiday(local_day, coalesce(here.holiday_zone, 'mainland')) IS NOT NULL);
  PERFORM attest_internal.expect(session, new_slot, NULL);
  RETURN new_slot;
END
$$;
COMMENT ON FUNCTION attest.plan_slot(uuid, timestamptz, timestamptz, text, text) IS
'Plans a slot of a session, half a day as a rule, twelve hours at most; everybody enrolled on its day is expected. Modality: on_site, remote, in_company, work_handed_in. place: one of attest.add_place(), by default that of the session; its time zone gives the day. Errors TA101 bounds, TA102 length, TA110 outside the session.';

CREATE FUNCTION attest_internal.require_slot(slot uuid) RETURNS attest_internal.slot_facts
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
BEGIN
  SELECT sl.slot_id, sl.session_id, sl.day, sl.starts_at, sl.ends_at, se.late_after INTO facts
  FROM attest_data.slot sl
  JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
  WHERE sl.tenant_id = attest_internal.required_tenant() AND sl.slot_id = slot;
  IF facts.slot_id IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'slot', coalesce(slot::text, '-'));
  END IF;
  RETURN facts;
END
$$;
COMMENT ON FUNCTION attest_internal.require_slot(uuid) IS 'The slot of the entered tenant, with the tolerance of its session; error TA105 when there is none.';

CREATE FUNCTION attest.assign_trainer(slot uuid, trainer uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(trainer);
  INSERT INTO attest_data.slot_trainer (tenant_id, slot_id, trainer_id)
  VALUES (attest.current_tenant(), slot, trainer) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION attest.assign_trainer(uuid, uuid) IS 'Puts a trainer on a slot; a slot may have several.';

CREATE FUNCTION attest.enrol(
  session uuid, person uuid, since date DEFAULT NULL, until date DEFAULT NULL, funder text DEFAULT NULL, funding_reference text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  planned attest_data.session;
  held_since date;
  held_until date;
  payer uuid;
  new_enrolment uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  -- Slots and enrolments of a session are planned one after the other: each sees all of the other.
  SELECT * INTO planned FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  since := coalesce(since, planned.starts_on);
  until := coalesce(until, planned.ends_on);
  IF until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  SELECT e.since, e.until INTO held_since, held_until FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.session_id = session AND e.person_id = person
    AND e.since <= enrol.until AND e.until >= enrol.since LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_enrolled', held_since::text, held_until::text);
  END IF;
  IF funder IS NOT NULL THEN
    SELECT f.funder_id INTO payer FROM attest_data.funder f WHERE f.tenant_id = attest.current_tenant() AND f.code = funder;
    IF NOT FOUND THEN
      PERFORM attest_internal.fail('unknown_object', 'funder', funder);
    END IF;
  END IF;
  INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until, funder_id, funding_reference)
  VALUES (attest.current_tenant(), new_enrolment, session, person, enrol.since, enrol.until, payer, enrol.funding_reference);
  -- Slots that have ended are looked at again: who comes late is absent from none of them unseen.
  UPDATE attest_data.slot s SET closed_at = NULL
  WHERE s.tenant_id = attest.current_tenant() AND s.session_id = session AND s.closed_at IS NOT NULL
    AND s.day BETWEEN enrol.since AND enrol.until;
  PERFORM attest_internal.take_over(new_enrolment);
  PERFORM attest_internal.expect(session, NULL, new_enrolment);
  RETURN new_enrolment;
END
$$;
COMMENT ON FUNCTION attest.enrol(uuid, uuid, date, date, text, text) IS
'Enrols a person in a session for a period of local days, the whole session by default, and expects them on its slots. A person may come late, and come back for a later period, which takes over what was recorded on its days. funder: code of attest.add_funder(), one an enrolment, so that a session may have several.';

CREATE FUNCTION attest.withdraw(session uuid, person uuid, last_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  left_enrolment uuid;
  missed record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  UPDATE attest_data.enrolment e SET until = last_day, withdrawn_at = now()
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.session_id = session AND e.person_id = person
    AND last_day BETWEEN e.since AND e.until
  RETURNING e.enrolment_id INTO left_enrolment;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'enrolment', coalesce(person::text, '-'));
  END IF;
  DELETE FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = left_enrolment AND st.day > last_day AND st.presence_id IS NULL
    AND NOT EXISTS (SELECT FROM attest_data.presence p
      WHERE p.tenant_id = st.tenant_id AND p.slot_id = st.slot_id AND p.person_id = st.person_id);
  -- Absences that nobody stated, and what an earlier withdrawal had cancelled, of days on which the person had already left.
  FOR missed IN
    SELECT st.slot_id FROM attest_data.presence_state st
    WHERE st.tenant_id = attest.current_tenant() AND st.enrolment_id = left_enrolment AND st.day > last_day
      AND (st.presence_id IS NULL OR st.method IN ('automatic', 'countersignature'))
    ORDER BY st.slot_id
  LOOP
    PERFORM attest_internal.add_event(missed.slot_id, person, 'cancelled', 0, 'cancellation', flags => '{WITHDRAWN}');
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.withdraw(uuid, uuid, date) IS
'Ends the enrolment that holds the day; that day is the last one. The person is expected no more afterwards; what was recorded stays, but an absence that followed from nothing recorded is cancelled.';

CREATE FUNCTION attest.add_place(name text, time_zone text, commune text DEFAULT NULL, holiday_zone text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_place uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'name');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = add_place.time_zone) THEN
    PERFORM attest_internal.fail('bad_value', 'time_zone', 'a name such as Europe/Paris or Indian/Reunion');
  END IF;
  IF commune !~ '^([0-9]{2}|2[AB])[0-9]{3}$' THEN
    PERFORM attest_internal.fail('field_unknown_value', 'commune', 'commune code of INSEE, such as 44109 or 2A004');
  END IF;
  holiday_zone := coalesce(holiday_zone, CASE left(commune, 3) WHEN '971' THEN 'guadeloupe' WHEN '972' THEN 'martinique'
    WHEN '973' THEN 'guyane' WHEN '974' THEN 'reunion' WHEN '975' THEN 'saint_pierre_et_miquelon' WHEN '976' THEN 'mayotte'
    WHEN '977' THEN 'saint_barthelemy' WHEN '978' THEN 'saint_martin'
    ELSE CASE WHEN left(commune, 2) IN ('57', '67', '68') THEN 'alsace_moselle' ELSE 'mainland' END END);
  PERFORM attest.holiday('2026-01-01', holiday_zone);
  INSERT INTO attest_data.place (tenant_id, place_id, name, time_zone, commune, holiday_zone)
  VALUES (attest_internal.required_tenant(), new_place, add_place.name, add_place.time_zone, add_place.commune, add_place.holiday_zone)
  ON CONFLICT ON CONSTRAINT place_tenant_id_name_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', add_place.name);
  END IF;
  RETURN new_place;
END
$$;
COMMENT ON FUNCTION attest.add_place(text, text, text, text) IS
'A place of slots: its time zone (IANA), its commune (code of INSEE), and the zone of its public holidays as attest.holiday() takes it, by default that of the commune; alsace_moselle_protestant is to be said. Slots keep the zone that they were planned in.';

CREATE FUNCTION attest.add_funder(code text, name text, kind text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_funder uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, name');
  END IF;
  IF (kind = ANY (ARRAY['company', 'opco', 'cpf', 'region', 'departement', 'france_travail', 'state', 'european_union', 'person', 'other'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind',
      'company, opco, cpf, region, departement, france_travail, state, european_union, person, other');
  END IF;
  INSERT INTO attest_data.funder (tenant_id, funder_id, code, name, kind)
  VALUES (attest_internal.required_tenant(), new_funder, add_funder.code, add_funder.name, add_funder.kind)
  ON CONFLICT ON CONSTRAINT funder_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', add_funder.code);
  END IF;
  RETURN new_funder;
END
$$;
COMMENT ON FUNCTION attest.add_funder(text, text, text) IS
'Who pays for trainings. Kind, as the BPF (Cerfa 10443) asks for the origin of the money: company, opco, cpf, region, departement, france_travail, state, european_union, person, other.';

CREATE FUNCTION attest_internal.status_set(names text[]) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text;
  bits int := 0;
BEGIN
  FOREACH name IN ARRAY names LOOP
    IF attest_internal.status_code(name) IS NULL THEN
      PERFORM attest_internal.fail('field_unknown_value', 'status', (SELECT string_agg(s.name, ', ' ORDER BY s.code) FROM attest.presence_statuses() s));
    END IF;
    bits := bits | (1 << attest_internal.status_code(name));
  END LOOP;
  RETURN bits;
END
$$;
COMMENT ON FUNCTION attest_internal.status_set(text[]) IS 'Statuses as a set of bits; error TA334 for a name that is none.';

CREATE FUNCTION attest.set_counting_rule(
  funder text, valid_from date, as_attended text[], as_planned text[], basis text, grain int DEFAULT 1
) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  payer uuid;
  new_version int;
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF coalesce(basis, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'basis');
  END IF;
  IF valid_from IS NULL OR as_attended IS NULL OR as_planned IS NULL OR grain IS NULL OR NOT grain BETWEEN 1 AND 1440 THEN
    PERFORM attest_internal.fail('bad_value', 'valid_from, as_attended, as_planned, grain', 'given; grain from 1 to 1440 minutes');
  END IF;
  SELECT f.funder_id INTO payer FROM attest_data.funder f
  WHERE f.tenant_id = attest_internal.required_tenant() AND f.code = funder;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'funder', coalesce(funder, '-'));
  END IF;
  -- Two rules at once would take one number: the funders of the tenant are the lock.
  PERFORM FROM attest_data.funder f WHERE f.tenant_id = attest.current_tenant() ORDER BY f.funder_id FOR NO KEY UPDATE;
  SELECT coalesce(max(r.rule_version), 0) + 1 INTO new_version FROM attest_data.counting_rule r WHERE r.tenant_id = attest.current_tenant();
  INSERT INTO attest_data.counting_rule (tenant_id, rule_version, funder_id, valid_from, as_attended, as_planned, grain, basis)
  VALUES (attest.current_tenant(), new_version, payer, set_counting_rule.valid_from, attest_internal.status_set(as_attended),
    attest_internal.status_set(as_planned), set_counting_rule.grain, set_counting_rule.basis);
  UPDATE attest_data.presence_state st
  SET rule_version = new_version,
    minutes_counted = attest_internal.minutes_counted(new_version, CASE st.status WHEN attest_internal.status_code('disputed')
      THEN attest_internal.contested_status(st.slot_id, st.person_id) ELSE st.status END, st.minutes_planned, st.minutes_attended)
  FROM attest_data.enrolment e
  WHERE e.tenant_id = attest.current_tenant() AND e.funder_id = payer
    AND st.tenant_id = e.tenant_id AND st.enrolment_id = e.enrolment_id AND attest_internal.rule_for(payer, st.day) = new_version;
  RETURN new_version;
END
$$;
COMMENT ON FUNCTION attest.set_counting_rule(text, date, text[], text[], text, int) IS
'A new version of what counts for a funder, from a day of slots on: which statuses count the minutes attended, which those planned, rounded down to a grain in minutes; basis: where that is written. Earlier days keep their version; minutes counted of the days it covers are counted anew. Returns the number of the version. For managers.';

-- attendance, what changes a plan or a status afterwards: windows, locks, cancellations, disputes, justifications.

CREATE FUNCTION attest.set_signing(
  session uuid, opens_before interval DEFAULT NULL, closes_after interval DEFAULT NULL, own_device_evidence int DEFAULT 2
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF (own_device_evidence BETWEEN 2 AND 4) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'own_device_evidence', '2 signed, 3 challenged or 4 with the code of the room');
  END IF;
  UPDATE attest_data.session s
  SET opens_before = set_signing.opens_before, closes_after = set_signing.closes_after, own_device_evidence = set_signing.own_device_evidence
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest.set_signing(uuid, interval, interval, int) IS
'When signing is open around each slot of a session, by the time claimed (NULL: without limit; outside it is error TA113, TA123 for too little evidence), and the least level of evidence of who signs for themselves: 2 a signature, 3 in answer to a challenge, 4 and with the code shown in the room.';

CREATE FUNCTION attest.set_attendance_policy(
  lock_after interval DEFAULT NULL, absence_after interval DEFAULT '1 day', chain_people int DEFAULT 3,
  chain_within interval DEFAULT '10 seconds', end_margin interval DEFAULT '15 minutes'
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager');
  IF lock_after < interval '0' OR absence_after < interval '0' THEN
    PERFORM attest_internal.fail('bad_value', 'lock_after, absence_after', 'a time from 0 on, or NULL');
  END IF;
  IF (chain_people >= 2 AND chain_within > interval '0' AND end_margin >= interval '0') IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'chain_people, chain_within, end_margin', '2 or more, and times');
  END IF;
  INSERT INTO attest_data.attendance_policy AS p (tenant_id, lock_after, absence_after, chain_people, chain_within, end_margin)
  VALUES (attest_internal.required_tenant(), set_attendance_policy.lock_after, set_attendance_policy.absence_after,
    set_attendance_policy.chain_people, set_attendance_policy.chain_within, set_attendance_policy.end_margin)
  ON CONFLICT ON CONSTRAINT attendance_policy_pkey DO UPDATE
  SET lock_after = EXCLUDED.lock_after, absence_after = EXCLUDED.absence_after, chain_people = EXCLUDED.chain_people,
    chain_within = EXCLUDED.chain_within, end_margin = EXCLUDED.end_margin, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_attendance_policy(interval, interval, int, interval, interval) IS
'Choices of the tenant. lock_after: how long after its end a slot takes changes from others than managers (NULL: always, the default). absence_after: when who did not sign is absent (a day by default; NULL: only by countersigning). The rest is what attest.presence_flags points at: how many people from one device within what time, and what is the end of a slot.';

CREATE FUNCTION attest.cancel_slot(slot uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  cancelled int;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR NO KEY UPDATE;
  PERFORM attest_internal.lock_flags(slot);
  UPDATE attest_data.slot s SET cancelled_at = now(), closed_at = coalesce(s.closed_at, now())
  WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  -- Of who was erased nothing is sealed any more: the slot is cancelled for them without the reason.
  SELECT count(attest_internal.add_event(slot, st.person_id, 'cancelled', 0, 'cancellation', NULL, CASE WHEN NOT st.erased THEN cancel_slot.reason END)) INTO cancelled
  FROM (SELECT s.person_id, p.anonymised_at IS NOT NULL AS erased FROM attest_data.presence_state s
    JOIN attest_data.person p ON p.tenant_id = s.tenant_id AND p.person_id = s.person_id
    WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot ORDER BY s.person_id) st;
  RETURN cancelled;
END
$$;
COMMENT ON FUNCTION attest.cancel_slot(uuid, text) IS
'The slot does not take place: everybody expected on it is recorded as cancelled, nothing is planned any more, and nobody signs it (TA118). Returns how many people. For managers.';

CREATE FUNCTION attest.cancel_session(session uuid, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  slots int;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM FROM attest_data.session s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.session_id = session FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'session', coalesce(session::text, '-'));
  END IF;
  SELECT count(attest.cancel_slot(sl.slot_id, reason)) INTO slots
  FROM (SELECT s.slot_id FROM attest_data.slot s
    WHERE s.tenant_id = attest.current_tenant() AND s.session_id = session AND s.starts_at > now() AND s.cancelled_at IS NULL
    ORDER BY s.starts_at, s.slot_id) sl;
  RETURN slots;
END
$$;
COMMENT ON FUNCTION attest.cancel_session(uuid, text) IS
'Cancels the slots of a session that have not started; what took place stays. Returns how many slots. For managers.';

CREATE FUNCTION attest.dispute(slot uuid, person uuid, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  attended int;
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(person);
  SELECT st.minutes_attended INTO attended FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  RETURN attest_internal.add_event(slot, person, 'disputed', attended, 'dispute', NULL, reason);
END
$$;
COMMENT ON FUNCTION attest.dispute(uuid, uuid, text) IS
'Contests what is recorded, at any time: minutes planned, attended and counted stay as they are until attest.record_presence() says what holds. Learners for themselves; trainers and managers for others. Error TA118 where the slot is cancelled.';

CREATE FUNCTION attest.submit_justification(slot uuid, person uuid, motive text, document bytea) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_justification uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF (motive = ANY (ARRAY['medical', 'family', 'transport', 'summons', 'employer', 'examination', 'other'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'motive', 'medical, family, transport, summons, employer, examination, other');
  END IF;
  IF (octet_length(document) BETWEEN 1 AND 10485760) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'document', 'from 1 byte to 10 MB');
  END IF;
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.require_person(person);
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person) THEN
    PERFORM attest_internal.fail('not_enrolled', slot::text);
  END IF;
  INSERT INTO attest_data.justification (tenant_id, justification_id, slot_id, person_id, motive, document, digest)
  VALUES (attest.current_tenant(), new_justification, slot, person, submit_justification.motive,
    attest_internal.seal_bytes(submit_justification.document, person, 'justification.document'), sha256(submit_justification.document));
  RETURN new_justification;
END
$$;
COMMENT ON FUNCTION attest.submit_justification(uuid, uuid, text, bytea) IS
'Hands in a document for an absence or lateness; it is sealed. Motive: medical, family, transport, summons, employer, examination, other. Nothing changes until attest.decide_justification().';

CREATE FUNCTION attest.open_justification(justification uuid) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.justification;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent,learner,beneficiary,candidate');
  SELECT * INTO held FROM attest_data.justification j
  WHERE j.tenant_id = attest_internal.required_tenant() AND j.justification_id = justification;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'justification', coalesce(justification::text, '-'));
  END IF;
  RETURN attest_internal.unseal_bytes(held.document, held.person_id, 'justification.document');
END
$$;
COMMENT ON FUNCTION attest.open_justification(uuid) IS 'The document that was handed in; NULL once the person is erased.';

CREATE FUNCTION attest.decide_justification(justification uuid, accepted boolean, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.justification;
  decided timestamptz;
  stands attest_data.presence_state;
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,department_referent');
  IF accepted IS NULL OR coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'accepted, reason');
  END IF;
  SELECT * INTO held FROM attest_data.justification j
  WHERE j.tenant_id = attest_internal.required_tenant() AND j.justification_id = justification;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'justification', coalesce(justification::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(held.person_id);
  INSERT INTO attest_data.justification_decision (tenant_id, justification_id, person_id, accepted, reason)
  VALUES (attest.current_tenant(), held.justification_id, held.person_id, decide_justification.accepted,
    attest.seal(decide_justification.reason, held.person_id, 'justification.reason'))
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT d.decided_at INTO decided FROM attest_data.justification_decision d
    WHERE d.tenant_id = attest.current_tenant() AND d.justification_id = held.justification_id;
    PERFORM attest_internal.fail('already_decided', decided::text);
  ELSIF NOT accepted THEN
    RETURN NULL;
  END IF;
  SELECT * INTO stands FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = held.slot_id AND st.person_id = held.person_id FOR NO KEY UPDATE;
  -- Only who was not there is absent with a ground (systems.md B.3). Who came late or left early keeps the
  -- minutes, and the document is for those missed; an exemption needs none.
  RETURN attest_internal.add_event(held.slot_id, held.person_id,
    CASE WHEN stands.minutes_attended > 0 OR attest.status_name(stands.status) IN ('present', 'late', 'left_early', 'partial', 'exempted')
      THEN attest.status_name(stands.status) ELSE 'justified' END,
    stands.minutes_attended, 'justification', NULL, reason, attest_internal.lock_flags(held.slot_id), NULL, held.justification_id);
END
$$;
COMMENT ON FUNCTION attest.decide_justification(uuid, boolean, text) IS
'Decides on a document, once, with the reason (sealed). Accepted: an absence becomes justified; who was there for a part keeps the status and the minutes, and the event, of method justification, says that those missed are justified. Returns the event, NULL where refused. Error TA121 when already decided. For managers and HR managers.';

-- attendance, check-in: challenges, codes, countersigning, who is on the board.

CREATE FUNCTION attest.slot_code(slot uuid, OUT code text, OUT qr text, OUT valid_until timestamptz) RETURNS record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  random bytea := uuid_send(gen_random_uuid());
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  PERFORM attest_internal.require_slot(slot);
  PERFORM attest_internal.lock_flags(slot);
  -- Eight of 32 characters that are not taken for one another, from bytes of the uuid that are all random.
  SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + (get_byte(random, b) & 31), 1), '') INTO code
  FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) b;
  valid_until := now() + interval '1 minute';
  qr := format('attest:1:%s:%s', slot, code);
  DELETE FROM attest_data.slot_code c WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot AND c.expires_at < now();
  INSERT INTO attest_data.slot_code (tenant_id, slot_id, hash, expires_at)
  VALUES (attest.current_tenant(), slot, sha256(convert_to(slot || ':' || code, 'UTF8')), valid_until);
END
$$;
COMMENT ON FUNCTION attest.slot_code(uuid) IS
'A new code to show in the room, good for a minute, and the text of its QR code. Call it every half minute: the last two are good. Only its hash is kept. For managers and trainers.';

CREATE FUNCTION attest_internal.require_code(slot uuid, person uuid, code text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  guesser text := format('slot code %s', person);
BEGIN
  IF NOT attest_internal.take_guess(guesser) OR NOT EXISTS (SELECT FROM attest_data.slot_code c
      WHERE c.tenant_id = attest_internal.required_tenant() AND c.slot_id = slot
        AND c.hash = sha256(convert_to(slot || ':' || upper(code), 'UTF8')) AND c.expires_at > now()) THEN
    PERFORM attest_internal.fail('code_invalid', slot::text);
  END IF;
  PERFORM attest_internal.forgive_guesses(guesser);
END
$$;
COMMENT ON FUNCTION attest_internal.require_code(uuid, uuid, text) IS 'Error TA116 unless the code is one that the slot shows now; after five wrong ones, for growing times.';

CREATE FUNCTION attest.challenge(slot uuid, person uuid, device uuid, code text DEFAULT NULL) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Twice 122 random bits.
  answer bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  signed_already boolean;
BEGIN
  PERFORM attest_internal.require_signer(person, now(), NULL);
  IF device IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'device');
  END IF;
  SELECT st.signed INTO signed_already FROM attest_data.presence_state st
  WHERE st.tenant_id = attest_internal.required_tenant() AND st.slot_id = slot AND st.person_id = person;
  IF NOT FOUND THEN
    PERFORM attest_internal.refuse_stranger(slot);
  ELSIF signed_already THEN
    PERFORM attest_internal.signed_earlier(slot, person, NULL);
  END IF;
  IF code IS NOT NULL THEN
    PERFORM attest_internal.require_code(slot, person, code);
  END IF;
  INSERT INTO attest_data.challenge AS c (tenant_id, slot_id, person_id, device_id, hash, expires_at, coded)
  VALUES (attest.current_tenant(), slot, person, device, sha256(answer), now() + interval '2 minutes', challenge.code IS NOT NULL)
  ON CONFLICT ON CONSTRAINT challenge_pkey DO UPDATE SET hash = EXCLUDED.hash, expires_at = EXCLUDED.expires_at, coded = EXCLUDED.coded;
  RETURN answer;
END
$$;
COMMENT ON FUNCTION attest.challenge(uuid, uuid, uuid, text) IS
'32 bytes that let one device sign one slot for one person once, within two minutes: attest.sign() takes them. code: what the slot shows in the room now, which raises the evidence. Only a hash is kept. Errors TA103, TA104, TA116.';

CREATE FUNCTION attest.list_digest(slot uuid) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  PERFORM attest_internal.require_slot(slot);
  RETURN attest_internal.list_digest(slot);
END
$$;
COMMENT ON FUNCTION attest.list_digest(uuid) IS
'What a countersignature is bound to: SHA-256 of the id of the slot and then a line "person status minutes_attended" for each person on it, ordered by person, separated by line feeds. A client may compute it from what it shows.';

CREATE FUNCTION attest.countersign(
  slot uuid, signature attest.signature, shown bytea DEFAULT NULL, client_id uuid DEFAULT NULL, claimed_at timestamptz DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known uuid;
  earlier attest_data.countersignature;
  signed_at timestamptz := coalesce(claimed_at, now());
  digest bytea;
  event uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('trainer');
  PERFORM attest_internal.require_slot(slot);
  -- Two trainers at once, or one twice: the row of the slot is the lock.
  PERFORM FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot FOR UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.slot_trainer t WHERE t.tenant_id = attest.current_tenant() AND t.slot_id = slot
      AND t.trainer_id = attest.current_person()) THEN
    PERFORM attest_internal.fail('trainer_only', slot::text);
  END IF;
  known := attest_internal.earlier_call(client_id, 'countersign', slot, NULL);
  IF known IS NOT NULL THEN
    RETURN known;
  ELSIF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;
  SELECT * INTO earlier FROM attest_data.countersignature c
  WHERE c.tenant_id = attest.current_tenant() AND c.slot_id = slot;
  IF FOUND THEN
    PERFORM attest_internal.fail('already_countersigned', slot::text, earlier.countersigned_at::text);
  END IF;
  -- Whoever is signing holds the row of their state: wait for them, and see them.
  PERFORM FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
  ORDER BY st.person_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NOT NULL) THEN
    PERFORM attest_internal.fail('nothing_to_countersign', slot::text);
  END IF;
  digest := attest_internal.list_digest(slot);
  IF shown <> digest THEN
    PERFORM attest_internal.fail('list_changed', slot::text, encode(shown, 'hex'), encode(digest, 'hex'));
  END IF;
  PERFORM attest_internal.lock_flags(slot);

  -- Who is expected and has no event by now is absent: the trainer signs that too.
  PERFORM attest_internal.add_event(slot, st.person_id, 'absent', 0, 'countersignature', signed_at)
  FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.presence_id IS NULL;
  UPDATE attest_data.presence_state st SET countersigned = true
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot;
  INSERT INTO attest_data.countersignature (tenant_id, countersignature_id, slot_id, trainer_id, signature_id, list_digest, shown, events, countersigned_at, client_id)
  VALUES (attest.current_tenant(), event, slot, attest.current_person(),
    attest_internal.store_signature(slot, attest.current_person(), 'trainer', signature, signed_at), digest, countersign.shown IS NOT NULL,
    ARRAY(SELECT st.presence_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot ORDER BY st.person_id), signed_at, countersign.client_id);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.countersign(uuid, attest.signature, bytea, uuid, timestamptz) IS
'The trainer of the ticket countersigns a slot: who has no event becomes absent, and the signature is bound to exactly the list. shown: attest.list_digest() of the list that the trainer saw; another list now is error TA117. Without it, the list as it stands is countersigned. client_id makes the call safe to repeat; claimed_at is the time on the device where it was offline. Errors TA106 not a trainer of the slot, TA107 already done, TA108 nothing recorded, TA109 future, TA112 client id of another slot, TA114 locked, TA118 cancelled.';

CREATE FUNCTION attest.live_board(
  slot uuid, OUT person_id uuid, OUT last_name text, OUT first_name text, OUT status text, OUT at timestamptz, OUT method text,
  OUT minutes_attended int, OUT evidence smallint, OUT countersigned boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager');
  PERFORM attest_internal.require_slot(slot);
  RETURN QUERY
  SELECT b.person_id, attest.unseal(p.last_name, p.person_id, 'person.last_name'),
    attest.unseal(p.first_name, p.person_id, 'person.first_name'), b.status, b.claimed_at, b.method,
    b.minutes_attended, b.evidence, b.countersigned
  FROM attest.presences b
  JOIN attest_data.person p ON p.tenant_id = attest.current_tenant() AND p.person_id = b.person_id
  WHERE b.slot_id = slot
  ORDER BY 2, 3;
END
$$;
COMMENT ON FUNCTION attest.live_board(uuid) IS
'Who is expected on a slot and where each stands now: expected until an event, then its status, time, method, minutes and level of evidence.';

-- attendance, around the clock: absences, notices of events, and what comes from tablets that were offline.

CREATE FUNCTION attest_internal.attendance_absence_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended record;
  missing record;
  done bigint := 0;
BEGIN
  -- A slot is closed once, however long the worker was down. Who enrols late opens it again.
  FOR ended IN
    SELECT sl.slot_id, sl.modality FROM attest_data.slot sl
    JOIN attest_data.session se ON se.tenant_id = sl.tenant_id AND se.session_id = sl.session_id
    LEFT JOIN attest_data.attendance_policy p ON p.tenant_id = sl.tenant_id
    WHERE sl.tenant_id = attest_internal.required_tenant() AND sl.closed_at IS NULL AND sl.ends_at < now()
      AND sl.ends_at + coalesce(se.closes_after, '0') < now()
      AND attest_internal.instant_after(sl.ends_at, CASE WHEN p.tenant_id IS NULL THEN interval '1 day' ELSE p.absence_after END, sl.time_zone) < now()
    ORDER BY sl.ends_at, sl.slot_id
    LIMIT 500 FOR NO KEY UPDATE OF sl SKIP LOCKED
  LOOP
    -- Whoever signs at this moment is waited for, and is then no longer expected.
    FOR missing IN
      SELECT st.person_id FROM attest_data.presence_state st
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = ended.slot_id AND st.status = 0
      ORDER BY st.person_id FOR NO KEY UPDATE
    LOOP
      PERFORM attest_internal.add_event(ended.slot_id, missing.person_id,
        CASE ended.modality WHEN 'in_company' THEN 'in_company' ELSE 'absent' END, 0, 'automatic');
      done := done + 1;
    END LOOP;
    UPDATE attest_data.slot sl SET closed_at = now() WHERE sl.tenant_id = attest.current_tenant() AND sl.slot_id = ended.slot_id;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_absence_job() IS
'Records as absent whoever is still expected on a slot that has ended, by the policy of the tenant; on a slot in the company, as in_company with no minutes. 500 slots a run at most. Returns how many people.';

CREATE FUNCTION attest_internal.attendance_purge_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here bigint := attest_internal.this_server();
  gone bigint;
BEGIN
  DELETE FROM attest_data.challenge c WHERE c.tenant_id = attest_internal.required_tenant() AND c.expires_at < now();
  DELETE FROM attest_data.slot_code c WHERE c.tenant_id = attest.current_tenant() AND c.expires_at < now();
  -- Of another server: told to nobody here.
  DELETE FROM attest_data.event_outbox o
  WHERE o.tenant_id = attest.current_tenant() AND o.server <> here AND o.at < now() - interval '7 days';
  -- In the order in which they are told, so that what is kept follows on what is gone; and where that ends for whom.
  WITH newest AS (
    SELECT o.transaction, o.event_id FROM attest_data.event_outbox o
    WHERE o.tenant_id = attest.current_tenant() AND o.server = here AND o.at < now() - interval '7 days'
    ORDER BY o.transaction DESC, o.event_id DESC LIMIT 1
  ), removed AS (
    DELETE FROM attest_data.event_outbox o USING newest n
    WHERE o.tenant_id = attest.current_tenant() AND o.server = here AND (o.transaction, o.event_id) <= (n.transaction, n.event_id)
    RETURNING o.person_id, o.transaction, o.event_id
  ), replaced AS (
    DELETE FROM attest_data.event_gone g USING removed r WHERE g.tenant_id = attest.current_tenant() AND g.person_id = r.person_id
  ), remembered AS (
    INSERT INTO attest_data.event_gone (tenant_id, person_id, server, transaction, event_id)
    SELECT DISTINCT ON (r.person_id) attest.current_tenant(), r.person_id, here, r.transaction, r.event_id
    FROM removed r ORDER BY r.person_id, r.transaction DESC, r.event_id DESC
  )
  SELECT count(*) INTO gone FROM removed;
  RETURN gone;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_purge_job() IS
'Removes challenges and codes past their time, and notices older than a week; returns the number of notices.';

CREATE FUNCTION attest.events_since(
  after text DEFAULT NULL, most int DEFAULT 100, OUT "position" text, OUT kind text, OUT slot_id uuid, OUT person_id uuid,
  OUT presence_id uuid, OUT at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here bigint := attest_internal.this_server();
  parts text[];
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,hr_manager,learner,beneficiary,candidate');
  IF after IS NOT NULL AND after !~ '^-?[0-9]{1,19}:[0-9]{1,19}:[0-9a-f-]{36}$' THEN
    PERFORM attest_internal.fail('bad_value', 'after', 'a position of attest.events_since()');
  END IF;
  parts := string_to_array(coalesce(after, here || ':0:00000000-0000-0000-0000-000000000000'), ':');
  IF parts[1] <> here::text OR after IS NOT NULL AND EXISTS (SELECT FROM attest_data.event_gone g
      WHERE g.tenant_id = attest.current_tenant() AND g.server = here AND (g.transaction, g.event_id) > (parts[2]::xid8, parts[3]::uuid)) THEN
    PERFORM attest_internal.fail('position_unknown');
  END IF;
  -- Transactions are told in the order of their numbers, and only those before the oldest that still
  -- runs: whatever commits later has a greater number than all that was told.
  RETURN QUERY
  SELECT format('%s:%s:%s', here, o.transaction, o.event_id), o.kind, o.slot_id, o.person_id, o.event_id, o.at
  FROM attest_data.event_outbox o
  WHERE o.tenant_id = attest.current_tenant() AND o.server = here
    AND (o.transaction, o.event_id) > (parts[2]::xid8, parts[3]::uuid)
    AND o.transaction < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY o.transaction, o.event_id
  LIMIT least(greatest(coalesce(most, 100), 1), 10000);
END
$$;
COMMENT ON FUNCTION attest.events_since(text, int) IS
'What happened after a position, in one order for all readers of a tenant: a client that reconnects gives the last position it has and misses nothing. NULL: from the oldest kept, a week back. The server notifies on attest_events, without a payload, when there may be more; an event waits for older transactions that write, so look every few seconds too. Error TA122 for a position of another server (a restored copy), and for one after which events are no longer kept: then everything is to be read again.';

CREATE FUNCTION attest_internal.sync_item(item jsonb, device uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client uuid := (item ->> 'client_id')::uuid;
  slot uuid := (item ->> 'slot')::uuid;
  person uuid := (item ->> 'person')::uuid;
  claimed timestamptz := (item ->> 'claimed_at')::timestamptz;
  drawn attest.signature;
BEGIN
  IF client IS NULL OR slot IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'client_id, slot');
  ELSIF claimed IS NULL AND item ->> 'kind' <> 'countersign' THEN
    PERFORM attest_internal.fail('field_required', 'claimed_at');
  END IF;
  IF item ->> 'kind' IN ('sign', 'countersign') THEN
    drawn := (item ->> 'signature')::attest.signature;
  END IF;
  CASE item ->> 'kind'
    WHEN 'sign' THEN
      RETURN attest.sign(slot, person, drawn, NULL, coalesce((item ->> 'device')::uuid, device), client, claimed,
        coalesce(item ->> 'channel', 'offline'));
    WHEN 'record' THEN
      RETURN attest.record_presence(slot, person, item ->> 'status', item ->> 'reason', (item ->> 'minutes_attended')::int,
        claimed, client, coalesce(item ->> 'method', 'entry'));
    WHEN 'countersign' THEN
      RETURN attest.countersign(slot, drawn, decode(item ->> 'shown', 'hex'), client, claimed);
    ELSE
      PERFORM attest_internal.fail('field_unknown_value', 'kind', 'sign, record, countersign');
  END CASE;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.sync_item(jsonb, uuid) IS 'Does what one item of attest.sync() says.';

CREATE FUNCTION attest.sync(
  batch jsonb, OUT item int, OUT client_id text, OUT outcome text, OUT code text, OUT message text, OUT id uuid
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_column
DECLARE
  work record;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent,learner,beneficiary,candidate');
  IF jsonb_typeof(batch -> 'items') IS DISTINCT FROM 'array' OR jsonb_array_length(batch -> 'items') > 1000
      OR pg_column_size(batch) > 67108864 THEN
    PERFORM attest_internal.fail('bad_value', 'batch', 'an object with items, an array of 1000 at most and 64 MB');
  END IF;
  -- One order for all batches, so that two of them never wait for each other; countersignatures last.
  FOR work IN
    SELECT i.number::int, i.body, i.body ->> 'client_id' AS client FROM jsonb_array_elements(batch -> 'items') WITH ORDINALITY i (body, number)
    ORDER BY i.body ->> 'kind' IS NOT DISTINCT FROM 'countersign', i.body ->> 'slot', i.body ->> 'person', i.body ->> 'claimed_at', i.number
  LOOP
    item := work.number;
    client_id := work.client;
    code := NULL;
    message := NULL;
    BEGIN
      id := attest_internal.earlier_call(work.client::uuid, work.body ->> 'kind', (work.body ->> 'slot')::uuid, (work.body ->> 'person')::uuid);
      outcome := CASE WHEN id IS NULL THEN 'stored' ELSE 'repeated' END;
      id := coalesce(id, attest_internal.sync_item(work.body, (batch ->> 'device')::uuid));
    EXCEPTION WHEN OTHERS THEN
      -- What is not the item's fault ends the batch: it is sent again as a whole.
      IF SQLSTATE !~ '^(TA|22)' THEN
        RAISE;
      END IF;
      outcome := 'refused';
      code := SQLSTATE;
      -- A message of class 22 may repeat what was sent.
      message := CASE WHEN SQLSTATE ~ '^TA' THEN SQLERRM ELSE 'a value cannot be read' END;
      id := NULL;
    END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.sync(jsonb) IS
'Takes what a tablet gathered while it was offline: {"device": uuid, "items": [...]}, 1000 items and 64 MB at most. An item has kind (sign, record, countersign), client_id, slot, person, claimed_at, and signature or status, reason, minutes_attended; for countersign signature and shown, the digest in hexadecimal. A row an item: stored, repeated (it was here already, for the same kind, slot and person) or refused with the code and message of its error; one refused item spoils no other. Safe to send twice and in any order: the later claim holds, and who sends again sends the same.';

-- attendance: two people become one.

CREATE FUNCTION attest_internal.keep_rest(enrolment uuid, keep uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dropped attest_data.enrolment;
  rest record;
BEGIN
  SELECT * INTO dropped FROM attest_data.enrolment e
  WHERE e.tenant_id = attest_internal.required_tenant() AND e.enrolment_id = keep_rest.enrolment;
  FOR rest IN
    SELECT lower(d.days) AS since, upper(d.days) - 1 AS until
    FROM unnest(datemultirange(daterange(dropped.since, dropped.until, '[]')) - (
      SELECT range_agg(daterange(k.since, k.until, '[]')) FROM attest_data.enrolment k
      WHERE k.tenant_id = dropped.tenant_id AND k.session_id = dropped.session_id AND k.person_id = keep)) d (days)
  LOOP
    UPDATE attest_data.enrolment k
    SET since = least(k.since, rest.since), until = greatest(k.until, rest.until),
      withdrawn_at = CASE WHEN rest.until > k.until THEN dropped.withdrawn_at ELSE k.withdrawn_at END
    WHERE k.tenant_id = dropped.tenant_id AND k.enrolment_id = (SELECT n.enrolment_id FROM attest_data.enrolment n
      WHERE n.tenant_id = dropped.tenant_id AND n.session_id = dropped.session_id AND n.person_id = keep
        AND (n.until = rest.since - 1 OR n.since = rest.until + 1)
        AND (n.funder_id, n.funding_reference) IS NOT DISTINCT FROM (dropped.funder_id, dropped.funding_reference) LIMIT 1);
    IF NOT FOUND THEN
      INSERT INTO attest_data.enrolment (tenant_id, enrolment_id, session_id, person_id, since, until, funder_id, funding_reference, enrolled_at, withdrawn_at)
      VALUES (dropped.tenant_id, attest.uuid_v7(), dropped.session_id, keep, rest.since, rest.until, dropped.funder_id, dropped.funding_reference,
        dropped.enrolled_at, dropped.withdrawn_at);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest_internal.keep_rest(uuid, uuid) IS
'Gives the kept person the days of an enrolment of the dropped one on which they have none: with who pays for them, as part of the period next to them where that is the same.';

CREATE FUNCTION attest_internal.merge_enrolments(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other record;
  settled int := 0;
BEGIN
  FOR other IN
    SELECT d.*, EXISTS (SELECT FROM attest_data.enrolment k WHERE k.tenant_id = d.tenant_id AND k.session_id = d.session_id AND k.person_id = keep
      AND daterange(k.since, k.until, '[]') && daterange(d.since, d.until, '[]')) AS overlaps
    FROM attest_data.enrolment d
    WHERE d.tenant_id = attest_internal.required_tenant() AND d.person_id = dropped
      AND EXISTS (SELECT FROM attest_data.enrolment k WHERE k.tenant_id = d.tenant_id AND k.session_id = d.session_id AND k.person_id = keep)
    ORDER BY d.session_id, d.since
  LOOP
    IF other.overlaps THEN
      PERFORM attest_internal.keep_rest(other.enrolment_id, keep);
    ELSE
      UPDATE attest_data.enrolment e SET person_id = keep WHERE e.tenant_id = other.tenant_id AND e.enrolment_id = other.enrolment_id;
    END IF;
    PERFORM attest_internal.take_over(k.enrolment_id) FROM attest_data.enrolment k
    WHERE k.tenant_id = other.tenant_id AND k.session_id = other.session_id AND k.person_id = keep;
    CONTINUE WHEN NOT other.overlaps;
    -- What was recorded after a withdrawal is of no period: it stays with the last one.
    UPDATE attest_data.presence_state st SET enrolment_id = (SELECT k.enrolment_id FROM attest_data.enrolment k
      WHERE k.tenant_id = other.tenant_id AND k.session_id = other.session_id AND k.person_id = keep ORDER BY k.since DESC LIMIT 1)
    WHERE st.tenant_id = other.tenant_id AND st.enrolment_id = other.enrolment_id;
    DELETE FROM attest_data.enrolment_total t WHERE t.tenant_id = other.tenant_id AND t.enrolment_id = other.enrolment_id;
    DELETE FROM attest_data.enrolment e WHERE e.tenant_id = other.tenant_id AND e.enrolment_id = other.enrolment_id;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_enrolments(uuid, uuid) IS
'Of two enrolments that overlap, that of the kept person stands, with who pays and what counts for them; the other days of the dropped one stay with who pays for those. Returns how many enrolments of the dropped person were joined.';

CREATE FUNCTION attest_internal.merge_slots(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pair record;
  settled int := 0;
BEGIN
  FOR pair IN
    SELECT k.slot_id, k.presence_id AS kept, d.presence_id AS dropped, d.signed,
      k.status = attest_internal.status_code('cancelled') AS kept_left, d.status = attest_internal.status_code('cancelled') AS dropped_left,
      CASE WHEN k.method IN ('automatic', 'countersignature') AND d.method NOT IN ('automatic', 'countersignature') THEN d.status ELSE k.status END AS status,
      CASE WHEN k.method IN ('automatic', 'countersignature') AND d.method NOT IN ('automatic', 'countersignature') THEN d.minutes_attended ELSE k.minutes_attended END AS attended
    FROM attest_data.presence_state k
    JOIN attest_data.presence_state d ON d.tenant_id = k.tenant_id AND d.slot_id = k.slot_id AND d.person_id = merge_slots.dropped
    WHERE k.tenant_id = attest_internal.required_tenant() AND k.person_id = keep
  LOOP
    -- A record that was withdrawn says nothing where the other one was not.
    IF NOT pair.dropped_left AND (pair.kept_left OR pair.kept IS NULL AND pair.dropped IS NOT NULL) THEN
      DELETE FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = keep;
      CONTINUE;
    END IF;
    DELETE FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = merge_slots.dropped;
    IF pair.dropped IS NOT NULL AND NOT pair.dropped_left THEN
      UPDATE attest_data.presence_state st SET signed = st.signed OR pair.signed
      WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = pair.slot_id AND st.person_id = keep;
      PERFORM attest_internal.add_event(pair.slot_id, keep, attest.status_name(pair.status), pair.attended, 'entry',
        reason => 'two records of one person', flags => '{MERGED}');
      settled := settled + 1;
    END IF;
  END LOOP;
  UPDATE attest_data.presence_state st SET person_id = keep WHERE st.tenant_id = attest.current_tenant() AND st.person_id = merge_slots.dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.merge_slots(uuid, uuid) IS
'One state a slot: where both have events, a last event says which counts: not an automatic absence, if there is another; that of the kept one, otherwise. What a withdrawal cancelled does not count beside the other record. Returns the number of slots.';

CREATE FUNCTION attest_internal.attendance_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  twice int;
  settled int;
BEGIN
  SELECT count(*) INTO twice FROM attest_data.presence_state k
  JOIN attest_data.presence_state d ON d.tenant_id = k.tenant_id AND d.slot_id = k.slot_id AND d.person_id = dropped AND d.signed
  WHERE k.tenant_id = tenant AND k.person_id = keep AND k.signed;
  IF twice > 0 THEN
    PERFORM attest_internal.fail('merge_refused', twice::text);
  END IF;
  DELETE FROM attest_data.slot_trainer t WHERE t.tenant_id = tenant AND t.trainer_id = dropped
    AND EXISTS (SELECT FROM attest_data.slot_trainer k WHERE k.tenant_id = t.tenant_id AND k.slot_id = t.slot_id AND k.trainer_id = keep);
  UPDATE attest_data.countersignature c SET trainer_id = keep WHERE c.tenant_id = tenant AND c.trainer_id = dropped;
  SET CONSTRAINTS attest_data.presence_state_fkey, attest_data.justification_state_fkey DEFERRED;
  -- Countersignatures cover the id that an event was recorded for.
  UPDATE attest_data.presence p SET person_id = keep, recorded_for = coalesce(p.recorded_for, p.person_id), reason = attest_internal.transfer(p.reason, dropped, keep)
  WHERE p.tenant_id = tenant AND p.person_id = dropped;
  UPDATE attest_data.justification j SET person_id = keep, document = attest_internal.transfer(j.document, dropped, keep)
  WHERE j.tenant_id = tenant AND j.person_id = dropped;
  UPDATE attest_data.justification_decision d SET person_id = keep, reason = attest_internal.transfer(d.reason, dropped, keep)
  WHERE d.tenant_id = tenant AND d.person_id = dropped;
  UPDATE attest_data.slot_signature s SET person_id = keep, signature = attest_internal.transfer(s.signature, dropped, keep)
  WHERE s.tenant_id = tenant AND s.person_id = dropped;
  DELETE FROM attest_data.challenge c WHERE c.tenant_id = tenant AND c.person_id = dropped;
  UPDATE attest_data.event_outbox o SET person_id = keep WHERE o.tenant_id = tenant AND o.person_id = dropped;
  UPDATE attest_data.event_gone g SET person_id = keep WHERE g.tenant_id = tenant AND g.person_id = dropped;
  settled := attest_internal.merge_slots(keep, dropped) + attest_internal.merge_enrolments(keep, dropped);
  SET CONSTRAINTS attest_data.presence_state_fkey, attest_data.justification_state_fkey IMMEDIATE;
  UPDATE attest_data.enrolment_total t SET person_id = keep WHERE t.tenant_id = tenant AND t.person_id = dropped;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_merge(uuid, uuid) IS
'What attendance settles before two people become one: what was recorded for the one, sealed anew for the other, and enrolments and events of both. Error TA356 where both signed for a slot. Returns how many periods and slots.';

CREATE FUNCTION attest_internal.is_same_event(before jsonb, after jsonb) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT NOT EXISTS (
    SELECT FROM jsonb_each_text(before) b JOIN jsonb_each_text(after) a USING (key)
    WHERE b.value IS DISTINCT FROM a.value AND NOT coalesce(CASE
      WHEN key = 'recorded_for' THEN b.value IS NULL AND a.value = before ->> 'person_id'
      WHEN key IN ('person_id', 'trainer_id') THEN EXISTS (SELECT FROM attest_data.person_alias l
        WHERE l.tenant_id = attest.current_tenant() AND l.alias_id::text = b.value AND l.person_id::text = a.value)
      WHEN b.value LIKE 'att1:%' AND a.value LIKE 'att1:%' THEN before ->> 'person_id' <> after ->> 'person_id'
        OR attest_internal.is_resealed(b.value::attest.sealed, a.value::attest.sealed)
      END, false))
$$;
COMMENT ON FUNCTION attest_internal.is_same_event(jsonb, jsonb) IS
'Whether two versions of a row tell the same event: they differ in what is sealed, and holds the same, and in a person who was merged into another.';

-- attendance, presences: events, and the one status that they come to.

CREATE FUNCTION attest_internal.event_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_event_server' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.event_server() IS
'The system identifier of this cluster; whoever listens is woken once the transaction has committed.';

CREATE FUNCTION attest_internal.this_server() RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_this_server' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.this_server() IS 'The system identifier of this cluster.';

CREATE FUNCTION attest_internal.lock_flags(slot uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_at timestamptz;
  called_off timestamptz;
BEGIN
  SELECT attest_internal.instant_after(s.ends_at, p.lock_after, s.time_zone), s.cancelled_at INTO locked_at, called_off
  FROM attest_data.slot s LEFT JOIN attest_data.attendance_policy p ON p.tenant_id = s.tenant_id
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.slot_id = slot;
  IF called_off IS NOT NULL THEN
    PERFORM attest_internal.fail('slot_cancelled', slot::text, called_off::text);
  ELSIF locked_at < now() THEN
    IF attest.current_profile() <> 'manager' THEN
      PERFORM attest_internal.fail('slot_locked', locked_at::text);
    END IF;
    RETURN '{AFTER_LOCK}';
  END IF;
  RETURN '{}';
END
$$;
COMMENT ON FUNCTION attest_internal.lock_flags(uuid) IS
'What the lock of a slot gives to look at: AFTER_LOCK for a manager, error TA114 for others; TA118 once cancelled.';

CREATE FUNCTION attest_internal.event_rank(method text) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN method IN ('automatic', 'countersignature') THEN 1 WHEN method IS NULL THEN 0 WHEN method = 'cancellation' THEN 3 ELSE 2 END;
END
$$;
COMMENT ON FUNCTION attest_internal.event_rank(text) IS
'Which event wins: a cancellation over all others, one that somebody stated over one that followed from nothing recorded; within a rank, the later by claimed_at; where that is the same, the greater status, method and minutes, so that events may arrive in any order.';

CREATE FUNCTION attest_internal.contested_status(slot uuid, person uuid) RETURNS smallint
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT p.status FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.slot_id = slot AND p.person_id = person
      AND p.status NOT IN (attest_internal.status_code('disputed'), attest_internal.status_code('cancelled'))
      -- What came in later, with an earlier claim, was not contested.
      AND p.recorded_at <= coalesce((SELECT d.recorded_at FROM attest_data.presence_state st
        JOIN attest_data.presence d ON d.tenant_id = st.tenant_id AND d.presence_id = st.presence_id
        WHERE st.tenant_id = p.tenant_id AND st.slot_id = slot AND st.person_id = person
          AND st.status = attest_internal.status_code('disputed')), 'infinity')
    ORDER BY attest_internal.event_rank(p.method) DESC, p.claimed_at DESC, p.status DESC, p.method DESC, p.minutes_attended DESC
    LIMIT 1), attest_internal.status_code('expected'))
$$;
COMMENT ON FUNCTION attest_internal.contested_status(uuid, uuid) IS
'The status beneath a dispute, by which its minutes count: a dispute decides nothing.';

CREATE FUNCTION attest_internal.add_event(
  slot uuid, person uuid, status text, attended int, method text, claimed_at timestamptz DEFAULT NULL, reason text DEFAULT NULL,
  flags text[] DEFAULT '{}', client_id uuid DEFAULT NULL, justification uuid DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant int := attest_internal.required_tenant();
  code smallint := attest_internal.status_code(status);
  event uuid := attest.uuid_v7();
  level smallint := CASE WHEN method IN ('automatic', 'countersignature') THEN 0 ELSE 1 END;
  held attest_data.presence_state;
  counts smallint := code;
  keeps boolean;
  planned int;
BEGIN
  -- The row of the state is the lock of all events of a person on a slot.
  SELECT * INTO held FROM attest_data.presence_state st
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  IF NOT FOUND OR held.status = attest_internal.status_code('cancelled') AND add_event.status <> 'cancelled' THEN
    PERFORM attest_internal.refuse_stranger(slot);
  ELSIF add_event.status = 'disputed' THEN
    counts := attest_internal.contested_status(slot, person);
  END IF;
  SELECT CASE WHEN add_event.status = 'cancelled' THEN 0 ELSE attest_internal.minutes_between(sl.starts_at, sl.ends_at) END INTO planned
  FROM attest_data.slot sl WHERE sl.tenant_id = tenant AND sl.slot_id = slot;
  -- What is done here and now comes after all that is held, also after what a fast clock claimed.
  claimed_at := coalesce(claimed_at, greatest(clock_timestamp(), held.claimed_at + interval '1 microsecond'));
  -- A document for minutes missed leaves the status, and who stated it, as it was.
  keeps := method = 'justification' AND code = held.status;
  INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
    claimed_at, method, client_id, justification_id, channel, flags, reason)
  VALUES (tenant, planned, attended, code, level, event, slot, person, add_event.claimed_at, add_event.method, add_event.client_id,
    justification, add_event.channel, add_event.flags, attest.seal(add_event.reason, person, 'presence.reason'));
  UPDATE attest_data.presence_state st
  SET status = code, evidence = CASE WHEN keeps THEN st.evidence ELSE level END, minutes_planned = planned, minutes_attended = attended,
    late_minutes = CASE WHEN counts = attest_internal.status_code('late') THEN planned - attended ELSE 0 END,
    minutes_counted = attest_internal.minutes_counted(st.rule_version, counts, planned, attended),
    countersigned = keeps AND st.countersigned, method = add_event.method, presence_id = event, claimed_at = add_event.claimed_at
  WHERE st.tenant_id = tenant AND st.slot_id = slot AND st.person_id = person
    AND (st.presence_id IS NULL OR (attest_internal.event_rank(add_event.method), add_event.claimed_at, code, add_event.method, attended)
      >= (attest_internal.event_rank(st.method), st.claimed_at, st.status, st.method, st.minutes_attended));
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind)
  VALUES (tenant, event, slot, person, attest_internal.event_server(), add_event.status);
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest_internal.add_event(uuid, uuid, text, int, text, timestamptz, text, text[], uuid, uuid, text) IS
'Writes an event, the status that it comes to and the notice of it; without claimed_at it happens now, after all that is held. Errors TA103 where the person is not expected on the slot, TA118 where it is cancelled.';

CREATE FUNCTION attest_internal.store_signature(slot uuid, person uuid, role text, signature attest.signature, claimed_at timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_signature uuid := attest.uuid_v7();
BEGIN
  IF signature IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  PERFORM attest_internal.require_ink(signature);
  INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
  VALUES (attest.current_tenant(), new_signature, slot, person, role, attest.signature_kind(signature),
    attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
    attest.signature_digest(signature), attest.signature_reasons(signature), claimed_at);
  RETURN new_signature;
END
$$;
COMMENT ON FUNCTION attest_internal.store_signature(uuid, uuid, text, attest.signature, timestamptz) IS
'Stores a capture: sealed under the key of its signer, its digest and reasons in clear.';

CREATE FUNCTION attest_internal.require_signer(person uuid, signed_at timestamptz, claimed_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,learner,beneficiary,candidate,department_referent');
  IF attest.current_profile() IN ('learner', 'beneficiary', 'candidate') AND person IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('profile_refused', attest.current_profile(), 'the person who signs, or a trainer or manager');
  END IF;
  IF signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_signer(uuid, timestamptz, timestamptz) IS
'Who may sign for whom: learners for themselves, staff for all; error TA005. And when: TA109 for a time to come.';

CREATE FUNCTION attest_internal.refuse_stranger(slot uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  called_off timestamptz;
BEGIN
  PERFORM attest_internal.require_slot(slot);
  SELECT s.cancelled_at INTO called_off FROM attest_data.slot s WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  IF called_off IS NOT NULL THEN
    PERFORM attest_internal.fail('slot_cancelled', slot::text, called_off::text);
  END IF;
  PERFORM attest_internal.fail('not_enrolled', slot::text);
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_stranger(uuid) IS
'Why a person cannot be recorded on a slot: error TA105 without such a slot, TA118 where it is cancelled, else TA103: never enrolled, or gone by then.';

CREATE FUNCTION attest_internal.earlier_call(client uuid, kind text, slot uuid, person uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earlier record;
BEGIN
  IF kind = 'countersign' THEN
    SELECT c.countersignature_id AS id, c.slot_id = slot AS same INTO earlier FROM attest_data.countersignature c
    WHERE c.tenant_id = attest_internal.required_tenant() AND c.client_id = client;
  ELSE
    -- recorded_for: the person may have been merged into another since.
    SELECT p.presence_id AS id, p.slot_id = slot AND person IN (p.person_id, coalesce(p.recorded_for, p.person_id))
      AND (kind = 'sign') = (p.method = 'signature') AS same INTO earlier FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.client_id = client;
  END IF;
  IF FOUND AND earlier.same IS NOT TRUE THEN
    PERFORM attest_internal.fail('client_id_reused', client::text);
  END IF;
  RETURN earlier.id;
END
$$;
COMMENT ON FUNCTION attest_internal.earlier_call(uuid, text, uuid, uuid) IS
'What an earlier call (kind: sign, record, countersign) with this client id made, or NULL; error TA112 where the id stands for another slot, person or kind.';

CREATE FUNCTION attest_internal.signed_earlier(slot uuid, person uuid, client_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known uuid := attest_internal.earlier_call(client_id, 'sign', slot, person);
  signed_at timestamptz;
BEGIN
  IF known IS NULL THEN
    SELECT p.claimed_at INTO signed_at FROM attest_data.presence p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.slot_id = slot AND p.person_id = person AND p.method = 'signature' LIMIT 1;
    PERFORM attest_internal.fail('already_signed', slot::text, signed_at::text);
  END IF;
  RETURN known;
END
$$;
COMMENT ON FUNCTION attest_internal.signed_earlier(uuid, uuid, uuid) IS
'The event of an earlier call with the same client id; error TA104 where it is another signature, TA112 where the id stands for another slot.';

CREATE FUNCTION attest_internal.check_signing(slot uuid, level int, signed_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rules attest_data.session;
  starts_at timestamptz;
  ends_at timestamptz;
BEGIN
  PERFORM attest_internal.lock_flags(slot);
  SELECT s.starts_at, s.ends_at INTO starts_at, ends_at FROM attest_data.slot s
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.slot_id = slot;
  SELECT se.* INTO rules FROM attest_data.slot s
  JOIN attest_data.session se ON se.tenant_id = s.tenant_id AND se.session_id = s.session_id
  WHERE s.tenant_id = attest.current_tenant() AND s.slot_id = slot;
  IF signed_at < starts_at - rules.opens_before OR signed_at > ends_at + rules.closes_after THEN
    PERFORM attest_internal.fail('signing_closed', coalesce((starts_at - rules.opens_before)::text, '-'),
      coalesce((ends_at + rules.closes_after)::text, '-'), signed_at::text);
  ELSIF level < rules.own_device_evidence AND attest.current_profile() IN ('learner', 'beneficiary', 'candidate') THEN
    PERFORM attest_internal.fail('proof_too_weak', level::text, rules.own_device_evidence::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_signing(uuid, int, timestamptz) IS
'Why a signature is refused: TA118 cancelled, TA114 locked, TA113 outside the window, TA123 less evidence than the session asks of who signs for themselves.';

CREATE FUNCTION attest_internal.take_challenge(slot uuid, person uuid, device uuid, challenge bytea) RETURNS smallint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  coded boolean;
BEGIN
  DELETE FROM attest_data.challenge c
  WHERE c.tenant_id = attest_internal.required_tenant() AND c.slot_id = slot AND c.person_id = person AND c.device_id = device
    AND c.hash = sha256(challenge) AND c.expires_at > now()
  RETURNING c.coded INTO coded;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('challenge_invalid', slot::text);
  END IF;
  RETURN CASE WHEN coded THEN 4 ELSE 3 END;
END
$$;
COMMENT ON FUNCTION attest_internal.take_challenge(uuid, uuid, uuid, bytea) IS
'Uses a challenge up; returns the level of evidence that it gives. Error TA115.';

CREATE FUNCTION attest.sign(
  slot uuid, person uuid, signature attest.signature, challenge bytea DEFAULT NULL, device uuid DEFAULT NULL,
  client_id uuid DEFAULT NULL, claimed_at timestamptz DEFAULT NULL, channel text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  signed_at timestamptz := coalesce(claimed_at, now());
  held record;
  level smallint;
  missed int := 0;
  code smallint := 1;
  wins boolean;
  event uuid := attest.uuid_v7();
BEGIN
  -- Conditions are expressions, and the call that names the fault comes after: PERFORM is a run of the executor.
  IF (attest.current_profile() IN ('manager', 'trainer')) IS NOT TRUE OR signed_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.require_signer(person, signed_at, claimed_at);
  END IF;
  -- The row of the state is the lock of all events of a person on a slot; it says who is expected, too.
  SELECT st.signed, st.presence_id, st.method, st.claimed_at, st.status, st.minutes_attended, sl.starts_at, sl.ends_at, sl.holiday, sl.cancelled_at,
    se.late_after, se.opens_before, se.closes_after, se.own_device_evidence, po.lock_after, extract(epoch FROM sl.ends_at - sl.starts_at)::int / 60 AS planned,
    st.rule_version, coalesce(r.rule_version, 0) AS read_version, coalesce(r.as_attended, 542) AS as_attended, coalesce(r.as_planned, 256) AS as_planned, coalesce(r.grain, 1) AS grain INTO held
  FROM attest_data.presence_state st
  JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
  JOIN attest_data.session se ON se.tenant_id = st.tenant_id AND se.session_id = st.session_id
  JOIN attest_data.person p ON p.tenant_id = st.tenant_id AND p.person_id = st.person_id
  LEFT JOIN attest_data.counting_rule r ON r.tenant_id = st.tenant_id AND r.rule_version = st.rule_version
  LEFT JOIN attest_data.attendance_policy po ON po.tenant_id = st.tenant_id
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person
  FOR NO KEY UPDATE OF st FOR KEY SHARE OF p;
  IF NOT FOUND OR held.status = attest_internal.status_code('cancelled') AND NOT held.signed THEN
    PERFORM attest_internal.refuse_stranger(slot);
  ELSIF held.signed THEN
    RETURN attest_internal.signed_earlier(slot, person, client_id);
  END IF;
  level := CASE WHEN challenge IS NULL THEN 2 ELSE attest_internal.take_challenge(slot, person, device, challenge) END;
  IF held.cancelled_at IS NOT NULL OR now() > held.ends_at + held.lock_after OR signed_at < held.starts_at - held.opens_before
      OR signed_at > held.ends_at + held.closes_after OR level < held.own_device_evidence THEN
    PERFORM attest_internal.check_signing(slot, level, signed_at);
  END IF;
  IF signed_at - held.starts_at > held.late_after THEN
    missed := least(held.planned, floor(extract(epoch FROM signed_at - held.starts_at) / 60));
    code := CASE WHEN missed > 0 THEN 2 ELSE 1 END;
  END IF;
  wins := held.presence_id IS NULL OR (2, signed_at, code, 'signature', held.planned - missed) >= (attest_internal.event_rank(held.method), held.claimed_at, held.status, held.method, held.minutes_attended);
  IF attest_internal.require_ink(signature) IS NULL THEN
    PERFORM attest_internal.fail('signature_empty', 'NOTHING', 'there is no signature');
  END IF;
  WITH s AS (
    INSERT INTO attest_data.slot_signature (tenant_id, signature_id, slot_id, person_id, role, kind, signature, digest, reasons, claimed_at)
    VALUES (attest.current_tenant(), event, slot, person, 'learner', attest.signature_kind(signature),
      attest_internal.seal_bytes(attest.signature_payload(signature), person, 'slot.signature'),
      attest.signature_digest(signature), attest.signature_reasons(signature), signed_at)
  ), e AS (
    INSERT INTO attest_data.presence (tenant_id, minutes_planned, minutes_attended, status, evidence, presence_id, slot_id, person_id,
      claimed_at, method, client_id, device_id, signature_id, channel, flags)
    VALUES (attest.current_tenant(), held.planned, held.planned - missed, code, level, event, slot, person, signed_at, 'signature',
      sign.client_id, device, event, sign.channel,
      array_remove(ARRAY[
        CASE WHEN signed_at < held.starts_at - interval '15 minutes' OR signed_at > held.ends_at + interval '15 minutes' THEN 'OUTSIDE_SLOT' END,
        CASE WHEN signed_at < held.starts_at - interval '15 minutes' THEN 'BEFORE_SLOT' END,
        CASE WHEN held.holiday THEN 'PUBLIC_HOLIDAY' END, CASE WHEN now() > held.ends_at + held.lock_after THEN 'AFTER_LOCK' END,
        CASE WHEN now() - signed_at > interval '5 minutes' THEN 'OFFLINE' END], NULL))
    ON CONFLICT DO NOTHING RETURNING presence.status
  ), u AS (
    UPDATE attest_data.presence_state st
    SET signed = true, status = code, evidence = level, minutes_planned = held.planned, minutes_attended = held.planned - missed,
      late_minutes = missed, countersigned = false, method = 'signature', presence_id = event, claimed_at = signed_at,
      -- Where another rule, or enrolment, came in while this waited for the row, the rule that was read beside it is that of before.
      minutes_counted = CASE held.read_version WHEN held.rule_version THEN attest_internal.count_minutes(held.as_attended, held.as_planned, held.grain, code, held.planned, held.planned - missed)
        ELSE attest_internal.minutes_counted(held.rule_version, code, held.planned, held.planned - missed) END
    FROM e
    WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person AND wins
  )
  INSERT INTO attest_data.event_outbox (tenant_id, event_id, slot_id, person_id, server, kind) SELECT attest.current_tenant(), event, slot, person, attest_internal.event_server(), CASE code WHEN 2 THEN 'late' ELSE 'present' END FROM e;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('client_id_reused', sign.client_id::text);
  ELSIF NOT wins THEN
    UPDATE attest_data.presence_state st SET signed = true
    WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = sign.slot AND st.person_id = sign.person;
  END IF;
  RETURN event;
END
$$;
COMMENT ON FUNCTION attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text) IS
'A person signs a slot; returns the presence_id. challenge: what attest.challenge() gave this device. client_id makes the call safe to repeat; claimed_at is the time on the device where it was offline (flag OFFLINE). Later than the tolerance of the session: late, with the minutes missed taken off. Learners sign for themselves only. Errors TA103 not enrolled, TA104 already signed, TA109 future, TA113 outside the window, TA114 locked, TA115 challenge, TA118 cancelled, TA123 evidence, TA202 and TA203 ink.';

CREATE FUNCTION attest.record_presence(
  slot uuid, person uuid, status text, reason text, minutes_attended int DEFAULT NULL, claimed_at timestamptz DEFAULT NULL,
  client_id uuid DEFAULT NULL, method text DEFAULT 'entry'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  facts attest_internal.slot_facts;
  stated_at timestamptz := coalesce(claimed_at, clock_timestamp());
  minutes_planned int;
  most int;
  known uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,trainer,department_referent');
  facts := attest_internal.require_slot(slot);
  minutes_planned := attest_internal.minutes_between(facts.starts_at, facts.ends_at);
  most := CASE WHEN status IN ('absent', 'excused', 'exempted') THEN 0 ELSE minutes_planned END;
  IF status = 'justified' THEN
    PERFORM attest_internal.fail('document_needed');
  ELSIF (status = ANY (ARRAY['present', 'late', 'left_early', 'partial', 'absent', 'excused', 'exempted', 'in_company'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'status', 'present, late, left_early, partial, absent, excused, exempted, in_company');
  ELSIF (method = ANY (ARRAY['entry', 'import', 'badge', 'connection_log', 'work_handed_in', 'paper'])) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'method', 'entry, import, badge, connection_log, work_handed_in, paper');
  ELSIF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF stated_at > now() + interval '5 minutes' THEN
    PERFORM attest_internal.fail('signed_in_future', claimed_at::text, now()::text);
  ELSIF status = 'excused' AND stated_at > facts.starts_at THEN
    PERFORM attest_internal.fail('excused_late', facts.starts_at::text, stated_at::text);
  END IF;
  minutes_attended := coalesce(minutes_attended, CASE WHEN status IN ('present', 'in_company') THEN minutes_planned
    WHEN most = 0 THEN 0 END);
  IF minutes_attended IS NULL OR NOT minutes_attended BETWEEN 0 AND most THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_attended', format('from 0 to %s', most));
  END IF;
  PERFORM attest_internal.require_person(person);
  PERFORM FROM attest_data.presence_state st
  WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot AND st.person_id = person FOR NO KEY UPDATE;
  known := attest_internal.earlier_call(client_id, 'record', slot, person);
  IF known IS NOT NULL THEN
    RETURN known;
  END IF;
  RETURN attest_internal.add_event(slot, person, status, minutes_attended, method, claimed_at, reason,
    attest_internal.lock_flags(slot), client_id);
END
$$;
COMMENT ON FUNCTION attest.record_presence(uuid, uuid, text, text, int, timestamptz, uuid, text) IS
'Records a presence, an absence or a correction, as a new event with its reason (sealed) and author. Minutes: all for present and in_company, none for absences and exemptions, required for late, left_early and partial. excused: claimed_at, when the excuse came, lies before the start (TA119). method: entry, import, badge, connection_log, work_handed_in, paper. client_id makes the call safe to repeat. Locked: managers only, flagged AFTER_LOCK (TA114). Errors TA103, TA118, TA120.';

CREATE FUNCTION attest_internal.list_digest(slot uuid) RETURNS bytea
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(concat_ws(E'\n', slot, string_agg(
    format('%s %s %s', st.person_id, attest.status_name(st.status), st.minutes_attended), E'\n' ORDER BY st.person_id)), 'UTF8'))
  FROM attest_data.presence_state st WHERE st.tenant_id = attest.current_tenant() AND st.slot_id = slot
$$;
COMMENT ON FUNCTION attest_internal.list_digest(uuid) IS
'SHA-256 of the list of a slot as it stands: see attest.list_digest().';

CREATE FUNCTION attest_internal.attendance_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.person_id
  FROM attest_data.slot_trainer t
  JOIN attest_data.slot s ON s.tenant_id = t.tenant_id AND s.slot_id = t.slot_id
  JOIN attest_data.enrolment e ON e.tenant_id = s.tenant_id AND e.session_id = s.session_id
  WHERE t.tenant_id = attest.current_tenant() AND t.trainer_id = person AND profile = 'trainer'
$$;
COMMENT ON FUNCTION attest_internal.attendance_visible(text, uuid) IS 'People that attendance lets a trainer see: those enrolled in the sessions of their slots.';

CREATE FUNCTION attest_internal.attendance_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
  documents int;
BEGIN
  -- Times, minutes and digests stay: they are the totals, and name nobody.
  UPDATE attest_data.slot_signature s SET signature = NULL
  WHERE s.tenant_id = attest_internal.required_tenant() AND s.person_id = person AND s.signature IS NOT NULL;
  GET DIAGNOSTICS emptied = ROW_COUNT;
  UPDATE attest_data.justification j SET document = NULL
  WHERE j.tenant_id = attest.current_tenant() AND j.person_id = person AND j.document IS NOT NULL;
  GET DIAGNOSTICS documents = ROW_COUNT;
  RETURN emptied + documents;
END
$$;
COMMENT ON FUNCTION attest_internal.attendance_erase(uuid) IS 'What attendance forgets of a person at erasure: the captures and documents; returns their number.';

CREATE FUNCTION attest_internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- A rotation of keys seals the same text again, and two records of a person become one: no change of the event.
  IF TG_OP = 'UPDATE' AND attest_internal.is_same_event(to_jsonb(OLD), to_jsonb(NEW)) THEN
    RETURN NEW;
  END IF;
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.refuse_change() IS
'Trigger of append-only tables: a correction is a new row. What is sealed may be sealed anew, and a person who was merged into another give way.';

-- attendance: the type attest.tally and its aggregates.

CREATE TYPE attest.tally;
COMMENT ON TYPE attest.tally IS
'Totals of attendance: slots, minutes planned, due, ahead, attended and counted, minutes late, signatures, countersigned slots, and slots by status. Exact, of fixed size, added with + and taken away with -; attest.tally_presence() makes it from presences, attest.merge_tally() from others. Text: slots=2 planned=420 due=420 attended=210 present=1 absent=1.';

CREATE FUNCTION attest_internal.tally_in(cstring) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_out(attest.tally) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_tally_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_recv(internal) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_send(attest.tally) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_tally_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_in(cstring) IS 'Text input of attest.tally.';
COMMENT ON FUNCTION attest_internal.tally_out(attest.tally) IS 'Text output of attest.tally.';
COMMENT ON FUNCTION attest_internal.tally_recv(internal) IS 'Binary input of attest.tally.';
COMMENT ON FUNCTION attest_internal.tally_send(attest.tally) IS 'Binary output of attest.tally.';

CREATE TYPE attest.tally (
  INTERNALLENGTH = 168, ALIGNMENT = double, STORAGE = plain,
  INPUT = attest_internal.tally_in, OUTPUT = attest_internal.tally_out,
  RECEIVE = attest_internal.tally_recv, SEND = attest_internal.tally_send
);

CREATE FUNCTION attest.tally_of(
  status smallint, planned int, attended int, counted int, late int DEFAULT 0, signed boolean DEFAULT false,
  countersigned boolean DEFAULT false
) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.tally_of(smallint, int, int, int, int, boolean, boolean) IS
'The tally of one slot of one person: the code of its status, and minutes. NULL without a status; another NULL is 0 or false.';

CREATE FUNCTION attest_internal.tally_plus(attest.tally, attest.tally) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_minus(attest.tally, attest.tally) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_eq(attest.tally, attest.tally) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_tally_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_ne(attest.tally, attest.tally) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_tally_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_plus(attest.tally, attest.tally) IS 'The sum of two tallies; error 22003 when a counter would overflow.';
COMMENT ON FUNCTION attest_internal.tally_minus(attest.tally, attest.tally) IS 'The difference of two tallies; error 22003 when a counter would overflow.';
COMMENT ON FUNCTION attest_internal.tally_eq(attest.tally, attest.tally) IS 'Whether every counter is the same.';
COMMENT ON FUNCTION attest_internal.tally_ne(attest.tally, attest.tally) IS 'Whether a counter differs.';

CREATE OPERATOR attest.+ (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_plus, COMMUTATOR = OPERATOR(attest.+));
CREATE OPERATOR attest.- (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_minus);
CREATE OPERATOR attest.= (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_eq, COMMUTATOR = OPERATOR(attest.=), NEGATOR = OPERATOR(attest.<>));
CREATE OPERATOR attest.<> (LEFTARG = attest.tally, RIGHTARG = attest.tally, FUNCTION = attest_internal.tally_ne, COMMUTATOR = OPERATOR(attest.<>), NEGATOR = OPERATOR(attest.=));
COMMENT ON OPERATOR attest.+ (attest.tally, attest.tally) IS 'Sum.';
COMMENT ON OPERATOR attest.- (attest.tally, attest.tally) IS 'Difference: what a correction takes away.';
COMMENT ON OPERATOR attest.= (attest.tally, attest.tally) IS 'The same in every counter.';
COMMENT ON OPERATOR attest.<> (attest.tally, attest.tally) IS 'Not the same.';

-- --- aggregates ---

CREATE FUNCTION attest_internal.tally_add_slot(attest.tally, smallint, int, int, int, int, boolean, boolean) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_add_slot' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION attest_internal.tally_combine(attest.tally, attest.tally) RETURNS attest.tally
AS 'MODULE_PATHNAME', 'attest_tally_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_add_slot(attest.tally, smallint, int, int, int, int, boolean, boolean) IS 'Transition of attest.tally_presence().';
COMMENT ON FUNCTION attest_internal.tally_combine(attest.tally, attest.tally) IS 'Transition of attest.merge_tally(), and what combines the states of parallel workers.';

CREATE AGGREGATE attest.tally_presence(
  status smallint, planned int, attended int, counted int, late int, signed boolean, countersigned boolean
) (
  SFUNC = attest_internal.tally_add_slot, STYPE = attest.tally, INITCOND = 'slots=0',
  COMBINEFUNC = attest_internal.tally_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.tally_presence(smallint, int, int, int, int, boolean, boolean) IS
'The tally of slots of persons, a row each: code of the status, minutes planned, attended and counted, minutes late, whether signed and countersigned. Rows without a status count nothing.';

CREATE AGGREGATE attest.merge_tally(attest.tally) (
  SFUNC = attest_internal.tally_combine, STYPE = attest.tally, INITCOND = 'slots=0',
  COMBINEFUNC = attest_internal.tally_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.merge_tally(attest.tally) IS 'The sum of tallies.';

-- --- accessors ---

CREATE FUNCTION attest.slots(total attest.tally, status text) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_slots' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.slots(attest.tally, text) IS 'Slots with a status, such as absent; the names are in attest.presence_statuses().';

CREATE FUNCTION attest.slots(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_slots' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.slots(attest.tally) IS 'Slots of persons, of every status.';
CREATE FUNCTION attest.minutes_planned(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_minutes_planned' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_planned(attest.tally) IS 'Minutes planned.';
CREATE FUNCTION attest.minutes_due(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_minutes_due' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_due(attest.tally) IS 'Minutes planned of the slots that have an outcome and could be attended: not expected, cancelled or exempted.';
CREATE FUNCTION attest.minutes_ahead(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_minutes_ahead' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_ahead(attest.tally) IS 'Minutes planned of the slots that have no outcome yet.';
CREATE FUNCTION attest.minutes_attended(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_minutes_attended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_attended(attest.tally) IS 'Minutes attended.';
CREATE FUNCTION attest.minutes_counted(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_minutes_counted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_counted(attest.tally) IS 'Minutes counted by the rules of the funder.';
CREATE FUNCTION attest.minutes_late(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_minutes_late' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.minutes_late(attest.tally) IS 'Minutes missed at the start of slots.';
CREATE FUNCTION attest.signatures(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_signatures' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.signatures(attest.tally) IS 'Slots that the person signed.';
CREATE FUNCTION attest.countersigned_slots(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_countersigned_slots' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.countersigned_slots(attest.tally) IS 'Slots that a trainer countersigned.';
CREATE FUNCTION attest.presences(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_presences' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.presences(attest.tally) IS 'Slots at which the person was there, for a part at least: present, late, left_early, partial, in_company.';
CREATE FUNCTION attest.absences(total attest.tally) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_absences' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.absences(attest.tally) IS 'Slots missed: absent, excused, justified; attest.slots(tally, status) tells them apart.';
CREATE FUNCTION attest.rate(total attest.tally) RETURNS numeric
AS 'MODULE_PATHNAME', 'attest_rate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.rate(attest.tally) IS 'Attended of due minutes in percent, with one decimal; NULL when none is due.';

-- --- running totals ---

CREATE FUNCTION attest_internal.follow_presence() RETURNS trigger
AS 'MODULE_PATHNAME', 'attest_follow_presence' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION attest_internal.follow_presence() IS
'Trigger of attest_data.presence_state, after each row and after the statement: takes the tally of the old row from the total of the enrolment and adds that of the new one; what follows for one enrolment in a statement is written once.';

CREATE FUNCTION attest_internal.total_differences(OUT enrolment_id uuid, OUT kept attest.tally, OUT counted attest.tally) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(t.enrolment_id, c.enrolment_id), t.total, c.total
  FROM (SELECT k.enrolment_id, k.total FROM attest_data.enrolment_total k WHERE k.tenant_id = attest_internal.required_tenant()) t
  FULL JOIN (SELECT st.enrolment_id, attest.tally_presence(st.status, st.minutes_planned, st.minutes_attended, st.minutes_counted,
      st.late_minutes, st.signed, st.countersigned) AS total
    FROM attest_data.presence_state st WHERE st.tenant_id = attest_internal.required_tenant() GROUP BY st.enrolment_id) c
    ON c.enrolment_id = t.enrolment_id
  WHERE coalesce(t.total, 'slots=0') OPERATOR(attest.<>) coalesce(c.total, 'slots=0')
$$;
COMMENT ON FUNCTION attest_internal.total_differences() IS
'Enrolments of the entered tenant whose running total is not that of their presences: none, unless somebody changed a row by hand.';

CREATE FUNCTION attest.forecast(
  threshold numeric DEFAULT 80, OUT person_id uuid, OUT session_id uuid, OUT enrolment_id uuid, OUT minutes_planned bigint,
  OUT minutes_attended bigint, OUT minutes_ahead bigint, OUT rate numeric, OUT best_rate numeric, OUT out_of_reach boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.required_tenant();
  IF threshold IS NULL OR NOT threshold BETWEEN 0 AND 100 THEN
    PERFORM attest_internal.fail('bad_value', 'threshold', 'a percentage from 0 to 100');
  END IF;
  RETURN QUERY
  SELECT t.person_id, t.session_id, t.enrolment_id, attest.minutes_planned(t.total), attest.minutes_attended(t.total),
    attest.minutes_ahead(t.total), attest.rate(t.total), round(100.0 * b.best / b.most, 1), 100 * b.best < threshold * b.most
  FROM attest_data.enrolment_total t
  CROSS JOIN LATERAL (SELECT attest.minutes_attended(t.total) + attest.minutes_ahead(t.total),
    nullif(attest.minutes_due(t.total) + attest.minutes_ahead(t.total), 0)) b (best, most)
  WHERE t.tenant_id = attest.current_tenant();
END
$$;
COMMENT ON FUNCTION attest.forecast(numeric) IS
'For each enrolment: minutes planned, attended, and ahead (slots without an outcome yet), the rate so far, the rate if everything ahead is attended, and whether even that stays below the threshold, in percent of the minutes due and ahead. Slots exempted are in neither rate. A fact to look at, not a decision.';

-- followup: people who receive the RSA, from their right to their contract.
-- Every record is dated and append-only: a correction is a new row that replaces an
-- older one, so a report of a past day can be made again.

CREATE FUNCTION attest_internal.keep_record() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NOT EXISTS (
    SELECT FROM jsonb_each_text(to_jsonb(OLD)) b JOIN jsonb_each_text(to_jsonb(NEW)) a USING (key)
    WHERE b.value IS DISTINCT FROM a.value
      -- Erasure empties what is sealed; a new key seals it anew.
      AND (b.value LIKE 'att1:%' AND coalesce(a.value, 'att1:') LIKE 'att1:%') IS NOT TRUE
      -- A person who was merged into another gives way.
      AND NOT (key IN ('person_id', 'author_id') AND EXISTS (SELECT FROM attest_data.person_alias l
        WHERE l.tenant_id = attest.current_tenant() AND l.alias_id::text = b.value AND l.person_id::text = a.value))
  ) THEN
    RETURN NEW;
  END IF;
  PERFORM attest_internal.fail('append_only', TG_TABLE_NAME, TG_OP);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION attest_internal.keep_record() IS
'Trigger of the tables of followup: they only grow. What is sealed may be emptied or sealed anew, and a person who was merged into another give way.';

-- --- settings ---

CREATE FUNCTION attest_internal.followup_default(OUT name text, OUT value text, OUT unit text, OUT minimum int, OUT maximum int, OUT source text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 13 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('weekly_minutes', '900', 'minutes', 60, 2100, 'Labour Code L5411-6: at least 15 hours a week'),
    ('weekly_minutes_max', '2100', 'minutes', 900, 2880, 'choice of attest: 35 hours; Constitutional Council 2023-858 DC, par. 35, says never excessive'),
    ('low_weeks', '2', 'weeks', 2, 12, 'practice: a fact to look at after two consecutive low weeks that were recorded'),
    ('no_contact_days', '60', 'days', 1, 366, 'choice of attest'),
    ('reminder_days', '3', 'days', 1, 60, 'practice of rdv-insertion'),
    ('orientation_weeks', '6', 'weeks', 1, 52, 'Code of Social Action D262-65-2'),
    ('contract_months', '1', 'months', 1, 12, 'Labour Code D5411-14-1, D5411-8-2'),
    ('review_months', '6', 'months', 1, 24, 'Code of Social Action D262-65-2-1'),
    ('review_months_vulnerable', '12', 'months', 1, 24, 'Code of Social Action D262-65-2-1'),
    ('stock_years', '2', 'years', 1, 5, 'decrees of 30 December 2024'),
    ('stock_years_overseas', '3', 'years', 1, 5, 'decree of 13 August 2025'),
    ('extend_deadlines', '0', '0 or 1', 0, 1, 'Code of Civil Procedure, art. 642, which no text extends to these deadlines'),
    ('zone', 'mainland', 'zone', NULL, NULL, 'zone of public holidays, as attest.holiday(); overseas zones have the longer deadline of the stock')
$$;
COMMENT ON FUNCTION attest_internal.followup_default() IS 'The settings of followup: defaults, bounds, sources.';

CREATE FUNCTION attest_internal.followup_setting(wanted text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT s.value FROM attest_data.followup_setting s WHERE s.tenant_id = attest_internal.required_tenant() AND s.name = d.name), d.value)
  FROM attest_internal.followup_default() d WHERE d.name = wanted
$$;
COMMENT ON FUNCTION attest_internal.followup_setting(text) IS 'Value of a setting of followup for the entered tenant.';

CREATE FUNCTION attest.followup_settings(OUT name text, OUT value text, OUT default_value text, OUT unit text, OUT source text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.name, attest_internal.followup_setting(d.name), d.value, d.unit, d.source FROM attest_internal.followup_default() d
$$;
COMMENT ON FUNCTION attest.followup_settings() IS 'The numbers that the follow-up of the RSA rests on: value for the tenant, default, unit, source.';

CREATE FUNCTION attest.set_followup(name text, value text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known record;
BEGIN
  PERFORM attest_internal.require_profile('manager');
  SELECT * INTO known FROM attest_internal.followup_default() d WHERE d.name = set_followup.name;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('field_unknown_value', 'name', (SELECT string_agg(d.name, ', ') FROM attest_internal.followup_default() d));
  ELSIF known.minimum IS NULL THEN
    PERFORM attest.holiday('2000-01-01', coalesce(value, '-'));
  ELSIF (value ~ '^[0-9]{1,5}$') IS NOT TRUE OR NOT value::int BETWEEN known.minimum AND known.maximum THEN
    PERFORM attest_internal.fail('bad_value', name, format('from %s to %s %s', known.minimum, known.maximum, known.unit));
  END IF;
  INSERT INTO attest_data.followup_setting (tenant_id, name, value)
  VALUES (attest_internal.required_tenant(), set_followup.name, set_followup.value)
  ON CONFLICT ON CONSTRAINT followup_setting_pkey DO UPDATE SET value = EXCLUDED.value, set_at = now(), set_by = attest.current_account();
END
$$;
COMMENT ON FUNCTION attest.set_followup(text, text) IS
'Changes a setting of attest.followup_settings() for the tenant. For managers. Errors TA334 unknown, TA012 out of bounds.';

-- --- organisations of referents ---

CREATE FUNCTION attest.organisation_kinds(OUT kind text, OUT employment_service boolean, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 11 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('france_travail', true, 'France Travail'), ('mission_locale', true, 'Mission locale'),
    ('employment_partner', true, 'Maison de l''emploi, PLIE, Cap emploi'), ('business_creation', true, 'Support of business creation'),
    ('iae', true, 'Insertion par l''activité économique'), ('other_placement', true, 'Other placement body'),
    ('departement', false, 'Service of the département'), ('caf', false, 'CAF'), ('msa', false, 'MSA'),
    ('ccas', false, 'CCAS or CIAS'), ('other', false, 'Other body')
$$;
COMMENT ON FUNCTION attest.organisation_kinds() IS
'Kinds of referent organisations, and whether they belong to the public employment service in the widest sense. Source: the lines of table 1 of the yearly OARSA survey (DREES).';

CREATE FUNCTION attest.create_organisation(code text, name text, kind text, since date, until date DEFAULT NULL, siret attest.siret DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(name, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, name');
  END IF;
  IF NOT EXISTS (SELECT FROM attest.organisation_kinds() k WHERE k.kind = create_organisation.kind) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', (SELECT string_agg(k.kind, ', ') FROM attest.organisation_kinds() k));
  END IF;
  IF since IS NULL OR until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  INSERT INTO attest_data.referent_organisation (tenant_id, organisation_id, code, name, kind, siret, since, until)
  VALUES (attest_internal.required_tenant(), made, create_organisation.code, create_organisation.name, create_organisation.kind,
    create_organisation.siret, create_organisation.since, create_organisation.until)
  ON CONFLICT ON CONSTRAINT referent_organisation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_organisation.code);
  END IF;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.create_organisation(text, text, text, date, date, attest.siret) IS
'Adds an organisation that people are referred to; kind as attest.organisation_kinds(). For managers and department referents.';

CREATE FUNCTION attest_internal.require_organisation(organisation uuid, day date) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.referent_organisation;
BEGIN
  SELECT * INTO held FROM attest_data.referent_organisation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.organisation_id = organisation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'organisation', coalesce(organisation::text, '-'));
  ELSIF NOT day BETWEEN held.since AND coalesce(held.until, 'infinity') THEN
    PERFORM attest_internal.fail('organisation_closed', held.code, held.since::text, coalesce(held.until::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.require_organisation(uuid, date) IS 'Error TA105 unless the organisation is there, TA417 unless it works on that day.';

CREATE FUNCTION attest.join_organisation(referent uuid, organisation uuid, since date, until date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager');
  PERFORM attest_internal.require_person(referent);
  IF since IS NULL OR until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  PERFORM attest_internal.require_organisation(organisation, since);
  IF EXISTS (SELECT FROM attest_data.referent_membership m WHERE m.tenant_id = attest.current_tenant() AND m.referent_id = referent
      AND m.since >= join_organisation.since) THEN
    PERFORM attest_internal.fail('bad_value', 'since', 'a day after the start of the last organisation');
  END IF;
  UPDATE attest_data.referent_membership m SET until = join_organisation.since - 1
  WHERE m.tenant_id = attest.current_tenant() AND m.referent_id = referent AND coalesce(m.until, 'infinity') >= join_organisation.since;
  INSERT INTO attest_data.referent_membership (tenant_id, referent_id, organisation_id, since, until)
  VALUES (attest.current_tenant(), referent, organisation, join_organisation.since, join_organisation.until);
END
$$;
COMMENT ON FUNCTION attest.join_organisation(uuid, uuid, date, date) IS
'Says which organisation a referent or counsellor works for from a day on; the one before ends the day before. For managers.';

CREATE FUNCTION attest_internal.organisation_of(referent uuid, day date) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.organisation_id FROM attest_data.referent_membership m
  WHERE m.tenant_id = attest.current_tenant() AND m.referent_id = referent AND day BETWEEN m.since AND coalesce(m.until, 'infinity')
  ORDER BY m.since DESC LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.organisation_of(uuid, date) IS 'The organisation that a referent works for on a day, or NULL.';

-- --- corrections ---

CREATE FUNCTION attest_internal.followup_tables(OUT kind text, OUT tab text, OUT id text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('orientation', 'orientation', 'orientation_id'), ('contract', 'engagement_contract', 'contract_id'),
    ('period', 'commitment_period', 'period_id'), ('activity', 'activity', 'activity_id'), ('interaction', 'interaction', 'interaction_id'),
    ('situation', 'rsa_situation', 'situation_id')
$$;
COMMENT ON FUNCTION attest_internal.followup_tables() IS 'The kinds of records that can be corrected or cancelled, and where they are.';

CREATE FUNCTION attest_internal.require_current(kind text, record uuid, person uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
  held jsonb;
  replaced boolean;
BEGIN
  SELECT * INTO place FROM attest_internal.followup_tables() t WHERE t.kind = require_current.kind;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', (SELECT string_agg(t.kind, ', ') FROM attest_internal.followup_tables() t));
  END IF;
  -- The row is the lock of two corrections at once.
  EXECUTE format('SELECT to_jsonb(t) FROM attest_data.%I t WHERE t.tenant_id = attest_internal.required_tenant() AND t.%I = $1
    AND ($2 IS NULL OR t.person_id = $2) FOR NO KEY UPDATE', place.tab, place.id) INTO held USING record, person;
  IF held IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', kind, coalesce(record::text, '-'));
  END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM attest_data.%I t WHERE t.tenant_id = attest.current_tenant() AND t.replaces = $1)', place.tab)
  INTO replaced USING record;
  IF replaced OR (held ->> 'cancelled')::boolean THEN
    PERFORM attest_internal.fail('already_replaced', kind, record::text);
  END IF;
  RETURN held;
END
$$;
COMMENT ON FUNCTION attest_internal.require_current(text, uuid, uuid) IS
'The record that a correction replaces, locked; error TA105 when there is none of this person, TA414 when it has been replaced or cancelled.';

CREATE FUNCTION attest_internal.check_correction(kind text, corrects uuid, person uuid, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_person(person);
  IF corrects IS NULL THEN
    RETURN;
  END IF;
  PERFORM attest_internal.require_current(kind, corrects, person);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_correction(text, uuid, uuid, text) IS
'Checks the person and, of a correction, the record that it replaces and its reason.';

CREATE FUNCTION attest.cancel_record(kind text, record uuid, reason text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
  place record;
  made uuid := attest.uuid_v7();
BEGIN
  -- Whoever may record the right may take it back.
  PERFORM attest_internal.require_profile(CASE WHEN kind = 'situation' THEN 'manager,department_referent'
    ELSE 'manager,department_referent,external_referent,counsellor' END);
  held := attest_internal.require_current(kind, record, NULL);
  PERFORM attest_internal.require_person((held ->> 'person_id')::uuid);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  END IF;
  IF kind = 'interaction' AND (held ->> 'author_id')::uuid IS DISTINCT FROM attest.current_person() THEN
    PERFORM attest_internal.fail('unknown_object', kind, record::text);
  END IF;
  SELECT * INTO place FROM attest_internal.followup_tables() t WHERE t.kind = cancel_record.kind;
  held := held || jsonb_build_object(place.id, made, 'replaces', record, 'cancelled', true, 'client_id', NULL,
    'recorded_at', clock_timestamp(), 'recorded_by', attest.current_account(),
    'reason', attest.seal(reason, (held ->> 'person_id')::uuid, 'followup.reason'));
  EXECUTE format('INSERT INTO attest_data.%I SELECT (jsonb_populate_record(NULL::attest_data.%I, $1)).*', place.tab, place.tab) USING held;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.cancel_record(text, uuid, text) IS
'Cancels a record, as a new one with a reason (sealed) that replaces it; kind: orientation, contract, period, activity, interaction (by its author only), situation (later ones keep what they took over from it). Errors TA105, TA414 when it has been replaced or cancelled already. For managers, referents and counsellors; situations, for managers and department referents.';

-- followup: the weekly account, deadlines, alerts.
-- What these functions call is estimated at a thousand rows each: compiling such a plan
-- would take longer than running it, hence jit = off.

CREATE FUNCTION attest_internal.account_weeks(who uuid, first_week date, last_week date, today date,
  OUT person_id uuid, OUT week date, OUT state text, OUT minutes int, OUT training int, OUT commitment int, OUT pending int, OUT circumstances text[]
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH setting AS MATERIALIZED (
    SELECT attest_internal.followup_setting('zone') AS zone, attest_internal.followup_setting('weekly_minutes')::int AS weekly_minutes
  ),
  holidays AS (
    SELECT DISTINCT attest_internal.week_of(first_week + n) AS week
    FROM setting CROSS JOIN generate_series(0, last_week - first_week + 6) n
    WHERE n % 7 < 5 AND attest.holiday(first_week + n, setting.zone) IS NOT NULL
  )
  SELECT person_id, week,
    CASE WHEN week + 7 > today THEN 'running' WHEN coalesce(m.recorded, false) THEN 'recorded' ELSE 'unknown' END,
    m.minutes, m.training, c.commitment, coalesce(m.pending, 0),
    array_remove(ARRAY[
      CASE WHEN c.leave_days > 0 THEN 'leave' END, CASE WHEN c.exempt_days > 0 THEN 'exempted' END,
      CASE WHEN c.reduced_days > 0 OR c.commitment * 5 < c.days * setting.weekly_minutes AND c.exempt_days = 0 THEN 'reduced' END,
      CASE WHEN c.days < 5 THEN 'part_of_week' END, CASE WHEN h.week IS NOT NULL THEN 'public_holiday' END], NULL)
  FROM attest_internal.week_minutes(who, first_week, last_week, today) m
  FULL JOIN attest_internal.week_commitments(who, first_week, last_week) c USING (person_id, week)
  LEFT JOIN holidays h USING (week)
  CROSS JOIN setting
$$;
COMMENT ON FUNCTION attest_internal.account_weeks(uuid, date, date, date) IS 'The weeks of attest.weekly_account(), before they are judged.';

CREATE FUNCTION attest.weekly_account(
  person uuid DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL, as_of date DEFAULT NULL,
  OUT person_id uuid, OUT week date, OUT iso_week text, OUT state text, OUT minutes int, OUT training int, OUT commitment int,
  OUT low boolean, OUT pending int, OUT circumstances text[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  today date := coalesce(as_of, attest_internal.local_day());
  last_week date := attest_internal.week_of(coalesce(until, today));
  first_week date := attest_internal.week_of(coalesce(since, last_week - 84));
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor,beneficiary,learner,dpo,analyst');
  IF (last_week - first_week BETWEEN 0 AND 3660) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since, ten years later at most');
  END IF;
  RETURN QUERY
  SELECT w.person_id, w.week, to_char(w.week, 'IYYY-"W"IW'), w.state, w.minutes, w.training, w.commitment,
    CASE WHEN w.state = 'recorded' AND w.commitment > 0 THEN w.minutes + w.pending < w.commitment END, w.pending, w.circumstances
  FROM attest_internal.account_weeks(weekly_account.person, first_week, last_week, today) w
  ORDER BY w.person_id, w.week;
END
$$;
COMMENT ON FUNCTION attest.weekly_account(uuid, date, date, date) IS
'Account of one person, or of all whom the profile sees, by ISO week of the tenant''s local time, whole weeks, by default the last thirteen before as_of (today). state: running, recorded, unknown (nothing was recorded: minutes are NULL, never 0). minutes: done, attended training included, overlaps counted once; training: the part from attendance; commitment: a fifth of the weekly duration for each day from Monday to Friday on which a contract runs and no exemption, NULL without contract; pending: minutes planned and not recorded. low: recorded, and even the pending minutes would not reach the commitment; NULL where nothing can be said. circumstances: leave, exempted, reduced, part_of_week, public_holiday: a low week with none is unexplained. Facts to look at, never a sanction. Source: L5411-6 of the Labour Code. For managers, referents, counsellors, the DPO, analysts, and the person.';

CREATE FUNCTION attest_internal.low_runs(who uuid, first_day date, today date, OUT person_id uuid, OUT since date, OUT until date, OUT weeks int, OUT minutes int, OUT commitment int)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Weeks that follow each other have the same number; an unknown week or one with leave is not there, and breaks the series.
  SELECT w.person_id, min(w.week), max(w.week) + 6, count(*)::int, sum(w.minutes)::int, sum(w.commitment)::int
  FROM (SELECT a.*, a.week - 7 * row_number() OVER (PARTITION BY a.person_id ORDER BY a.week)::int AS series
    FROM attest_internal.account_weeks(who, attest_internal.week_of(first_day) - 91, attest_internal.week_of(today), today) a
    WHERE a.state = 'recorded' AND a.commitment > 0 AND a.minutes + a.pending < a.commitment AND NOT 'leave' = ANY (a.circumstances)) w
  GROUP BY w.person_id, w.series
  HAVING count(*) >= attest_internal.followup_setting('low_weeks')::int
$$;
COMMENT ON FUNCTION attest_internal.low_runs(uuid, date, date) IS
'Series of consecutive low weeks that were recorded, without leave, that have ended by the last day, from thirteen weeks before the first one on.';

-- --- deadlines ---

CREATE FUNCTION attest_internal.decisions(who uuid, day date, known_at timestamptz,
  OUT person_id uuid, OUT decided_on date, OUT notified_on date, OUT path text, OUT outcome text, OUT vulnerable boolean,
  OUT next_decided_on date, OUT next_oriented_on date
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.person_id, o.decided_on, CASE WHEN o.notified_on <= day THEN o.notified_on END, o.path, o.outcome, o.vulnerable,
    lead(o.decided_on) OVER (PARTITION BY o.person_id ORDER BY o.decided_on, o.recorded_at),
    min(o.decided_on) FILTER (WHERE o.outcome = 'oriented') OVER (PARTITION BY o.person_id ORDER BY o.decided_on, o.recorded_at
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
  FROM attest_internal.orientations_at(who, known_at) o
  WHERE o.decided_on <= day
$$;
COMMENT ON FUNCTION attest_internal.decisions(uuid, date, timestamptz) IS 'Decisions until a day, each with the one that follows it.';

CREATE FUNCTION attest_internal.deadline_rows(who uuid, day date, known_at timestamptz,
  OUT person_id uuid, OUT deadline text, OUT starts_on date, OUT period interval, OUT done_on date, OUT interrupted_on date, OUT source text, OUT note text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH situation AS (SELECT * FROM attest_internal.situations_at(who, day, known_at)),
  decision AS (SELECT * FROM attest_internal.decisions(who, day, known_at)),
  signed AS (SELECT c.person_id, c.signed_on FROM attest_internal.contracts_at(who, known_at) c WHERE c.kind = 'engagement' AND c.signed_on <= day),
  number AS (SELECT d.name, attest_internal.followup_setting(d.name)::int AS n FROM attest_internal.followup_default() d WHERE d.minimum IS NOT NULL)
  SELECT s.person_id, 'registration', s.applied_on, interval '0', CASE WHEN s.registered_on <= day THEN s.registered_on END, NULL::date,
    'Labour Code L5411-1 2°', NULL::text
  FROM situation s WHERE s.applied_on BETWEEN '2025-01-01' AND day AND s.registration_exempt IS NOT TRUE
  UNION ALL
  SELECT s.person_id, 'orientation', s.informed_on, make_interval(weeks => (SELECT n FROM number WHERE name = 'orientation_weeks')),
    (SELECT min(d.decided_on) FROM decision d WHERE d.person_id = s.person_id AND d.outcome = 'oriented' AND d.decided_on >= s.informed_on), NULL,
    'Code of Social Action D262-65-2', 'once it has passed, France Travail decides the orientation'
  FROM situation s WHERE s.informed_on BETWEEN '2025-01-01' AND day
  UNION ALL
  SELECT d.person_id, 'contract', d.notified_on, make_interval(months => (SELECT n FROM number WHERE name = 'contract_months')),
    (SELECT min(c.signed_on) FROM signed c WHERE c.person_id = d.person_id AND c.signed_on >= d.decided_on
      AND c.signed_on < coalesce(d.next_oriented_on, 'infinity')), d.next_oriented_on,
    'Labour Code D5411-14-1, D5411-8-2', 'a new decision of orientation starts a new month'
  FROM decision d WHERE d.outcome = 'oriented' AND d.decided_on >= '2025-01-01' AND d.notified_on IS NOT NULL
  UNION ALL
  SELECT s.person_id, 'contract_stock', date '2025-01-01', make_interval(years => (SELECT n FROM number WHERE name =
      CASE WHEN attest_internal.followup_setting('zone') IN ('mainland', 'alsace_moselle', 'alsace_moselle_protestant') THEN 'stock_years' ELSE 'stock_years_overseas' END)),
    (SELECT min(c.signed_on) FROM signed c WHERE c.person_id = s.person_id AND c.signed_on >= '2025-01-01'), NULL,
    'Labour Code D5411-8-2; decrees of 30 December 2024 and 13 August 2025', 'those who received the RSA before 2025'
  FROM situation s
  WHERE s.entered_on < '2025-01-01' AND day >= '2025-01-01'
    AND NOT EXISTS (SELECT FROM decision d WHERE d.person_id = s.person_id AND d.outcome = 'oriented' AND d.decided_on >= '2025-01-01')
  UNION ALL
  SELECT d.person_id, 'review', d.decided_on, make_interval(months => (SELECT n FROM number WHERE name =
      CASE WHEN d.vulnerable THEN 'review_months_vulnerable' ELSE 'review_months' END)), d.next_decided_on, NULL,
    'Code of Social Action L262-31, D262-65-2-1', CASE WHEN d.vulnerable THEN 'longer: vulnerabilities were identified' END
  FROM decision d WHERE d.path = 'social' AND d.decided_on >= '2025-01-01'
$$;
COMMENT ON FUNCTION attest_internal.deadline_rows(uuid, date, timestamptz) IS
'Deadlines since 1 January 2025 that have started by a day: event, period, what met them.';

CREATE FUNCTION attest.deadlines(
  person uuid DEFAULT NULL, as_of date DEFAULT NULL, known_at timestamptz DEFAULT 'infinity',
  OUT person_id uuid, OUT deadline text, OUT starts_on date, OUT due_on date, OUT done_on date, OUT state text, OUT source text, OUT note text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  today date := coalesce(as_of, attest_internal.local_day());
  zone text := attest_internal.followup_setting('zone');
  extend boolean := attest_internal.followup_setting('extend_deadlines') = '1';
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor,beneficiary,dpo,analyst');
  RETURN QUERY
  SELECT r.person_id, r.deadline, r.starts_on, r.due_on, r.done_on,
    CASE WHEN r.done_on <= r.due_on THEN 'met' WHEN r.done_on IS NOT NULL THEN 'met_late'
      WHEN r.interrupted_on IS NOT NULL THEN 'interrupted' WHEN s.rights = 'closed' THEN 'right_closed'
      WHEN r.due_on < today THEN 'overdue' ELSE 'running' END,
    r.source, r.note
  FROM (SELECT d.*, attest.due_day(d.starts_on, d.period, zone, extend) AS due_on
    FROM attest_internal.deadline_rows(deadlines.person, today, coalesce(known_at, 'infinity')) d) r
  LEFT JOIN attest_internal.situations_at(deadlines.person, today, coalesce(known_at, 'infinity')) s ON s.person_id = r.person_id
  ORDER BY r.person_id, r.starts_on, r.deadline;
END
$$;
COMMENT ON FUNCTION attest.deadlines(uuid, date, timestamptz) IS
'Deadlines of the law on full employment, of one person or of all whom the profile sees, as they stand on a day (today) by what was recorded until known_at: registration (on the day of the application), orientation (six weeks from the information), contract (one month from the notification; a new decision interrupts it), contract_stock (two years for those from before 2025, three overseas), review of a social path (six months from the decision, twelve with vulnerabilities). The first day does not count; due_on is the last day in time. state: met, met_late, running, overdue, interrupted, right_closed. Lengths are settings. For managers, referents, counsellors, the DPO, analysts, and the person.';

-- --- alerts ---

CREATE FUNCTION attest.followup_alerts(
  person uuid DEFAULT NULL, as_of date DEFAULT NULL,
  OUT person_id uuid, OUT code text, OUT since date, OUT until date, OUT facts jsonb
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  today date := coalesce(as_of, attest_internal.local_day());
  zone text := (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant());
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor');
  RETURN QUERY
  SELECT r.person_id, 'LOW_WEEKS', r.since, r.until, jsonb_build_object('weeks', r.weeks, 'minutes', r.minutes, 'commitment', r.commitment)
  FROM attest_internal.low_runs(followup_alerts.person, today, today) r
  UNION ALL
  SELECT d.person_id, 'DEADLINE_PASSED', d.due_on, NULL, jsonb_build_object('deadline', d.deadline, 'source', d.source)
  FROM attest.deadlines(followup_alerts.person, today) d WHERE d.state = 'overdue'
  UNION ALL
  SELECT i.person_id, 'INVITATION_UNANSWERED', i.day, NULL, jsonb_build_object('days', today - i.day)
  FROM attest_internal.interactions_at(followup_alerts.person, zone, today) i
  WHERE i.kind = 'invitation' AND NOT i.followed AND today - i.day >= attest_internal.followup_setting('reminder_days')::int
  UNION ALL
  SELECT s.person_id, 'NO_CONTACT', c.since, NULL, jsonb_build_object('days', today - c.since) || CASE WHEN l.day IS NULL THEN jsonb '{"never": true}' ELSE '{}' END
  FROM attest_internal.situations_at(followup_alerts.person, today, 'infinity') s
  LEFT JOIN (SELECT i.person_id, max(i.day) AS day FROM attest_internal.interactions_at(followup_alerts.person, zone, today) i GROUP BY 1) l
    ON l.person_id = s.person_id
  CROSS JOIN LATERAL (SELECT coalesce(l.day, s.informed_on, s.entered_on)) c (since)
  WHERE s.rights <> 'closed' AND today - c.since >= attest_internal.followup_setting('no_contact_days')::int
  ORDER BY 1, 3, 2;
END
$$;
COMMENT ON FUNCTION attest.followup_alerts(uuid, date) IS
'Facts to look at, with their reasons; never a sanction, and nothing is decided by them (GDPR art. 22). LOW_WEEKS: consecutive low weeks that were recorded, of the last thirteen, two at least; DEADLINE_PASSED; INVITATION_UNANSWERED: nothing follows it after reminder_days; NO_CONTACT: none since no_contact_days; with never, none at all since the département was informed, or else since the entry. For managers, referents and counsellors.';

-- followup: activities, and the account of weeks.

CREATE FUNCTION attest.activity_kinds(OUT kind text, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 14 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('training', 'Training that is not recorded by attendance'), ('workshop', 'Workshop, writing a CV'),
    ('interview', 'Interview with a referent'), ('immersion', 'Immersion in a company (PMSMP), a row a day'),
    ('work', 'Paid work, such as a CDDI'), ('job_search', 'Steps of job search'), ('access_to_rights', 'Steps of access to rights'),
    ('health', 'Steps of health'), ('housing', 'Steps of housing'), ('childcare', 'Steps of child care'),
    ('driving_licence', 'Driving licence'), ('volunteering', 'Association, volunteering'), ('own_business', 'Developing an activity of one''s own'),
    ('other', 'Other activity of the plan')
$$;
COMMENT ON FUNCTION attest.activity_kinds() IS
'What counts as an activity of the weekly duration. Source: Ministry of Labour, on L5411-6 of the Labour Code.';

CREATE FUNCTION attest_internal.check_activity(kind text, day date, starts_at timestamptz, outcome text, minutes_planned int, minutes_done int) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM attest.activity_kinds() k WHERE k.kind = check_activity.kind) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', (SELECT string_agg(k.kind, ', ') FROM attest.activity_kinds() k));
  END IF;
  IF (outcome = ANY ('{planned,done,absent,excused}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'outcome', 'planned, done, absent, excused');
  END IF;
  IF day IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'day, starts_at');
  END IF;
  IF outcome <> 'planned' AND day > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'day', 'today or earlier');
  END IF;
  IF minutes_planned NOT BETWEEN 1 AND 1440 OR (outcome = 'planned' AND minutes_planned IS NULL) THEN
    PERFORM attest_internal.fail('bad_value', 'minutes_planned', 'from 1 to 1440');
  END IF;
  IF (CASE outcome WHEN 'planned' THEN minutes_done IS NOT NULL
      WHEN 'done' THEN (minutes_done BETWEEN 1 AND 1440) IS NOT TRUE ELSE coalesce(minutes_done, 0) <> 0 END) THEN
    PERFORM attest_internal.fail('bad_value', 'minutes', 'from 1 to 1440 for what was done, and absent otherwise');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_activity(text, date, timestamptz, text, int, int) IS 'Checks an activity: errors TA334, TA333, TA012.';

CREATE FUNCTION attest_internal.same_activity(client uuid, person uuid, kind text, day date, outcome text, done int) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.activity;
BEGIN
  SELECT * INTO held FROM attest_data.activity a WHERE a.tenant_id = attest_internal.required_tenant() AND a.client_id = client;
  IF held.activity_id IS NOT NULL
      AND (held.person_id, held.kind, held.day, held.outcome, held.minutes_done) IS DISTINCT FROM (person, kind, day, outcome, done) THEN
    PERFORM attest_internal.fail('client_id_taken', client::text);
  END IF;
  RETURN held.activity_id;
END
$$;
COMMENT ON FUNCTION attest_internal.same_activity(uuid, uuid, text, date, text, int) IS
'The activity that a client id stands for, or NULL; error TA418 when it is another one.';

CREATE FUNCTION attest.record_activity(
  person uuid, kind text, minutes int, starts_at timestamptz DEFAULT NULL, day date DEFAULT NULL, outcome text DEFAULT 'done',
  minutes_planned int DEFAULT NULL, proof text DEFAULT NULL, note text DEFAULT NULL, client_id uuid DEFAULT NULL,
  corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
  done int := CASE WHEN outcome <> 'planned' THEN coalesce(minutes, 0) END;
  held uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor');
  IF starts_at IS NOT NULL THEN
    SELECT (record_activity.starts_at AT TIME ZONE t.time_zone)::date INTO day FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant();
  END IF;
  held := attest_internal.same_activity(client_id, person, kind, day, outcome, done);
  IF held IS NOT NULL THEN
    RETURN held;
  END IF;
  PERFORM attest_internal.check_correction('activity', corrects, person, reason);
  PERFORM attest_internal.check_activity(kind, day, starts_at, outcome, minutes_planned, minutes);
  INSERT INTO attest_data.activity (tenant_id, activity_id, person_id, kind, day, starts_at, outcome, minutes_planned, minutes_done,
    client_id, replaces, proof, note, reason)
  VALUES (attest.current_tenant(), made, person, record_activity.kind, record_activity.day, record_activity.starts_at, record_activity.outcome,
    record_activity.minutes_planned, done, record_activity.client_id, corrects,
    attest.seal(proof, person, 'followup.proof'), attest.seal(note, person, 'followup.note'), attest.seal(reason, person, 'followup.reason'))
  ON CONFLICT ON CONSTRAINT activity_tenant_id_client_id_key DO NOTHING;
  IF NOT FOUND THEN
    -- The same call came in at the same time.
    made := attest_internal.same_activity(client_id, person, kind, day, outcome, done);
    IF made IS NULL THEN
      PERFORM attest_internal.fail('client_id_taken', client_id::text);
    END IF;
  END IF;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_activity(uuid, text, int, timestamptz, date, text, int, text, text, uuid, uuid, text) IS
'Records an activity of attest.activity_kinds(): with its start (it then never counts twice where it overlaps another one), or only its local day. outcome: planned (with minutes_planned), done (with minutes, 1440 at most), absent, excused. Training that attendance records counts by itself: do not record it here. proof (a reference), note and reason are sealed. The same client_id again is the same activity. A correction names the record that it replaces, states everything, and says why. Errors TA414 replaced already, TA418 client id of another activity. For managers, referents and counsellors.';

CREATE FUNCTION attest_internal.activity_facts(who uuid, first_day date, last_day date,
  OUT person_id uuid, OUT source text, OUT day date, OUT starts_at timestamptz, OUT minutes_planned int, OUT minutes_done int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Who came late was there at the end of the slot; who attended a part otherwise, at its start. What the job states
  -- because nobody stated anything, and no trainer countersigned, is not known (a tablet may be down): nor does a dispute tell.
  SELECT p.person_id, 'attendance', p.day,
    CASE WHEN p.status = 'late' THEN p.ends_at - make_interval(mins => p.minutes_attended) ELSE p.starts_at END,
    p.minutes_planned,
    CASE WHEN p.status <> 'expected' AND (p.method NOT IN ('automatic', 'dispute') OR p.countersigned
      OR EXISTS (SELECT FROM attest_data.presence e WHERE e.tenant_id = attest_internal.required_tenant() AND e.slot_id = p.slot_id
        AND e.person_id = p.person_id AND e.method NOT IN ('automatic', 'dispute'))) THEN p.minutes_attended END
  FROM attest.presences p
  WHERE (who IS NULL OR p.person_id = who) AND p.day BETWEEN first_day - 1 AND last_day AND p.status <> 'cancelled'
  UNION ALL
  SELECT a.person_id, 'activity', a.day, a.starts_at, a.minutes_planned, a.minutes_done
  FROM attest_data.activity a
  WHERE a.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR a.person_id = who) AND a.day BETWEEN first_day - 1 AND last_day
    AND NOT a.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.activity r WHERE r.tenant_id = a.tenant_id AND r.replaces = a.activity_id)
$$;
COMMENT ON FUNCTION attest_internal.activity_facts(uuid, date, date) IS
'Activities and attended slots around local days; minutes_done is NULL where nothing is recorded yet, or only an absence that the job made for want of anything.';

CREATE FUNCTION attest_internal.week_of(day date) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT day - (extract(isodow FROM day)::int - 1)
$$;
COMMENT ON FUNCTION attest_internal.week_of(date) IS 'The Monday of the ISO week of a day.';

CREATE FUNCTION attest_internal.elapsed_minutes(spans tstzmultirange) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT floor(sum(extract(epoch FROM upper(s) - lower(s))) / 60)::int FROM unnest(spans) s
$$;
COMMENT ON FUNCTION attest_internal.elapsed_minutes(tstzmultirange) IS 'Whole minutes in spans of time, across changes of the clock too; NULL in none.';

CREATE FUNCTION attest_internal.week_minutes(who uuid, first_week date, last_week date, today date,
  OUT person_id uuid, OUT week date, OUT recorded boolean, OUT minutes int, OUT training int, OUT pending int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH zone AS (SELECT t.time_zone AS name FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant()),
  facts AS (SELECT * FROM attest_internal.activity_facts(who, first_week, last_week + 6)),
  spans AS (
    -- What goes past midnight from Sunday to Monday is cut there.
    SELECT f.person_id, w::date AS week, f.source,
      tstzrange(f.starts_at, f.ends_at) * tstzrange(w AT TIME ZONE zone.name, (w + interval '7 days') AT TIME ZONE zone.name) AS span
    FROM (SELECT f.*, f.starts_at + make_interval(mins => f.minutes_done) AS ends_at FROM facts f
      WHERE f.starts_at IS NOT NULL AND f.minutes_done > 0) f
    CROSS JOIN zone
    CROSS JOIN LATERAL generate_series(date_trunc('week', f.starts_at AT TIME ZONE zone.name),
      date_trunc('week', (f.ends_at - interval '1 microsecond') AT TIME ZONE zone.name), interval '7 days') w
  ),
  timed AS (
    SELECT s.person_id, s.week, attest_internal.elapsed_minutes(range_agg(s.span)) AS minutes,
      attest_internal.elapsed_minutes(range_agg(s.span) FILTER (WHERE s.source = 'attendance')) AS training
    FROM spans s GROUP BY s.person_id, s.week
  ),
  told AS (
    SELECT f.person_id, attest_internal.week_of(f.day) AS week, bool_or(f.minutes_done IS NOT NULL) AS recorded,
      sum(f.minutes_done) FILTER (WHERE f.starts_at IS NULL) AS untimed,
      sum(f.minutes_planned) FILTER (WHERE f.minutes_done IS NULL AND f.day < today) AS pending
    FROM facts f GROUP BY 1, 2
  )
  SELECT person_id, week, coalesce(told.recorded, false) OR timed.minutes IS NOT NULL,
    CASE WHEN told.recorded OR timed.minutes IS NOT NULL THEN (coalesce(timed.minutes, 0) + coalesce(told.untimed, 0))::int END,
    CASE WHEN told.recorded OR timed.minutes IS NOT NULL THEN coalesce(timed.training, 0) END, coalesce(told.pending, 0)::int
  FROM timed FULL JOIN told USING (person_id, week)
  WHERE week BETWEEN first_week AND last_week
$$;
COMMENT ON FUNCTION attest_internal.week_minutes(uuid, date, date, date) IS
'Minutes done by person and ISO week of the tenant''s local time: what has a start, without double counting, and what only has a day. NULL where nothing is recorded; pending: planned before today and not recorded.';

CREATE FUNCTION attest_internal.week_commitments(who uuid, first_week date, last_week date,
  OUT person_id uuid, OUT week date, OUT days int, OUT commitment int, OUT exempt_days int, OUT reduced_days int, OUT leave_days int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH promised AS (
    SELECT DISTINCT ON (c.person_id, d.day) c.person_id, d.day, c.weekly_minutes
    FROM (SELECT first_week + n AS day FROM generate_series(0, last_week - first_week + 6) n WHERE n % 7 < 5) d
    JOIN attest_internal.contracts_at(who, 'infinity') c ON d.day BETWEEN c.starts_on AND coalesce(c.ends_on, 'infinity')
    ORDER BY c.person_id, d.day, c.signed_on DESC, c.recorded_at DESC
  ),
  days AS (
    SELECT p.person_id, p.day, p.weekly_minutes, coalesce(bool_or(q.kind = 'exemption'), false) AS exempt, min(q.weekly_minutes) AS reduced,
      coalesce(bool_or(q.kind = 'leave'), false) AS leave
    FROM promised p
    LEFT JOIN attest_internal.periods_at(who, 'infinity') q ON q.person_id = p.person_id AND p.day BETWEEN q.since AND coalesce(q.until, 'infinity')
    GROUP BY p.person_id, p.day, p.weekly_minutes
  )
  SELECT d.person_id, attest_internal.week_of(d.day), count(*)::int,
    -- A fifth of the weekly duration for each day from Monday to Friday.
    (sum(CASE WHEN d.exempt THEN 0 ELSE least(d.weekly_minutes, d.reduced) END) / 5)::int,
    count(*) FILTER (WHERE d.exempt)::int, count(*) FILTER (WHERE d.reduced < d.weekly_minutes)::int, count(*) FILTER (WHERE d.leave)::int
  FROM days d
  GROUP BY 1, 2
$$;
COMMENT ON FUNCTION attest_internal.week_commitments(uuid, date, date) IS
'Minutes promised by person and ISO week: a fifth of the weekly duration for each day from Monday to Friday on which a contract runs, none on days of exemption, rounded down.';

-- followup: contracts of engagement, reductions, exemptions, leave.

CREATE FUNCTION attest.commitment_grounds(OUT kind text, OUT ground text, OUT title text, OUT source text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 14 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.kind, g.ground, g.title, 'Labour Code L5411-6, as amended by law 2023-1196'
  FROM unnest('{reduction,exemption}'::text[]) k (kind), (VALUES
    (1, 'health', 'Particular and proven difficulties of health'), (2, 'disability', 'Disability'), (3, 'invalidity', 'Invalidity'),
    (4, 'carer', 'Carer of a relative'), (5, 'single_parent', 'Single parent without a solution of care for a child under 12'),
    (6, 'individual_situation', 'Individual situation')) g (n, ground, title)
  -- A duration may be reduced for the situation of the person; none at all only for the proven difficulties of the list.
  WHERE k.kind = 'reduction' OR g.ground <> 'individual_situation'
  UNION ALL
  SELECT 'leave', l.ground, l.title, 'practice: weeks of declared leave raise no alert'
  FROM (VALUES ('sick_leave', 'Declared sick leave'), ('leave', 'Declared leave'), ('closure', 'Closure of the organisation')) l (ground, title)
$$;
COMMENT ON FUNCTION attest.commitment_grounds() IS
'The closed list of grounds of a reduction, an exemption and a leave, with sources.';

CREATE FUNCTION attest.contract_actions(OUT action text, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 15 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES ('skills', 'Activities, courses or training to acquire vocational skills'), ('job_search', 'A path of job search'),
    ('iae', 'Insertion par l''activité économique'), ('self_employment', 'Creating, taking over or continuing a business of one''s own'),
    ('subsidised_job', 'Finding a subsidised job'), ('unsubsidised_job', 'Finding a job without subsidy'),
    ('social_link', 'Social links: autonomy, collective activities'), ('mobility', 'Mobility: driving licence, vehicle, transport'),
    ('housing', 'Access to housing, moving, improving a home'), ('care', 'Access to care'),
    ('financial_autonomy', 'Financial autonomy'), ('family', 'Family and parenthood'), ('literacy', 'Literacy'),
    ('administration', 'Access to rights, administrative steps'), ('other', 'Other actions')
$$;
COMMENT ON FUNCTION attest.contract_actions() IS 'The fifteen categories of actions of a contract. Source: table 4 of the yearly OARSA survey (DREES).';

CREATE FUNCTION attest_internal.contracts_at(who uuid, known_at timestamptz,
  OUT contract_id uuid, OUT person_id uuid, OUT organisation_id uuid, OUT kind text, OUT signed_on date, OUT starts_on date, OUT ends_on date,
  OUT weekly_minutes int, OUT actions text[], OUT renews uuid, OUT recorded_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.contract_id, c.person_id, c.organisation_id, c.kind, c.signed_on, c.starts_on, c.ends_on, c.weekly_minutes, c.actions, c.renews, c.recorded_at
  FROM attest_data.engagement_contract c
  WHERE c.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR c.person_id = who)
    AND c.recorded_at <= known_at AND NOT c.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.engagement_contract r WHERE r.tenant_id = c.tenant_id AND r.replaces = c.contract_id AND r.recorded_at <= known_at)
$$;
COMMENT ON FUNCTION attest_internal.contracts_at(uuid, timestamptz) IS 'Contracts that stood at an instant, of one person or of all.';

CREATE FUNCTION attest_internal.check_contract(kind text, signed_on date, starts_on date, ends_on date, weekly_minutes int, ground text, actions text[]) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  least_minutes int := attest_internal.followup_setting('weekly_minutes')::int;
  most_minutes int := attest_internal.followup_setting('weekly_minutes_max')::int;
BEGIN
  IF (kind = ANY ('{engagement,cer,ppae}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', 'engagement, cer, ppae');
  END IF;
  IF signed_on IS NULL OR signed_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'signed_on', 'today or earlier');
  END IF;
  IF starts_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF NOT ARRAY(SELECT a.action FROM attest.contract_actions() a) @> coalesce(actions, '{}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'actions', (SELECT string_agg(a.action, ', ') FROM attest.contract_actions() a));
  END IF;
  IF ground IS NOT NULL AND NOT EXISTS (SELECT FROM attest.commitment_grounds() g WHERE g.kind = 'reduction' AND g.ground = check_contract.ground) THEN
    PERFORM attest_internal.fail('ground_required', (SELECT string_agg(g.ground, ', ') FROM attest.commitment_grounds() g WHERE g.kind = 'reduction'));
  END IF;
  -- A CER or a PPAE, from before 2025, had no such floor.
  IF weekly_minutes IS NULL OR weekly_minutes < 1 OR weekly_minutes > most_minutes
      OR (weekly_minutes < least_minutes AND ground IS NULL AND kind = 'engagement') THEN
    PERFORM attest_internal.fail('weekly_hours', coalesce(weekly_minutes::text, '-'), least_minutes::text, most_minutes::text);
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_contract(text, date, date, date, int, text, text[]) IS
'Checks the terms of a contract: errors TA334, TA012, TA412 a ground out of the list, TA411 hours below the floor without a ground, none, or above the ceiling.';

CREATE FUNCTION attest_internal.check_contract_overlap(person uuid, contract uuid, starts_on date, ends_on date) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other record;
BEGIN
  SELECT c.starts_on, c.ends_on INTO other FROM attest_internal.contracts_at(person, 'infinity') c
  WHERE c.contract_id IS DISTINCT FROM contract
    AND daterange(c.starts_on, c.ends_on, '[]') && daterange(check_contract_overlap.starts_on, check_contract_overlap.ends_on, '[]')
  LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('period_overlaps', other.starts_on::text, coalesce(other.ends_on::text, '-'));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_contract_overlap(uuid, uuid, date, date) IS 'Error TA413 where another contract of the person runs in the period.';

CREATE FUNCTION attest_internal.end_contract(contract uuid, person uuid, last_day date) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb := attest_internal.require_current('contract', contract, person);
  made uuid := attest.uuid_v7();
BEGIN
  IF (held ->> 'starts_on')::date > last_day THEN
    PERFORM attest_internal.fail('bad_value', 'starts_on', 'a day after the start of the contract that is renewed');
  ELSIF (held ->> 'ends_on')::date <= last_day THEN
    RETURN contract;
  END IF;
  held := held || jsonb_build_object('contract_id', made, 'replaces', contract, 'ends_on', last_day, 'recorded_at', clock_timestamp(),
    'recorded_by', attest.current_account(), 'reason', attest.seal('renewed', person, 'followup.reason'));
  INSERT INTO attest_data.engagement_contract SELECT (jsonb_populate_record(NULL::attest_data.engagement_contract, held)).*;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest_internal.end_contract(uuid, uuid, date) IS
'Ends a contract that is renewed, if it runs longer; returns the record that stands.';

CREATE FUNCTION attest.sign_contract(
  person uuid, organisation uuid, signed_on date, starts_on date, ends_on date DEFAULT NULL, weekly_minutes int DEFAULT NULL,
  ground text DEFAULT NULL, actions text[] DEFAULT '{}', kind text DEFAULT 'engagement', renews uuid DEFAULT NULL,
  corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
  minutes int := coalesce(weekly_minutes, attest_internal.followup_setting('weekly_minutes')::int);
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent');
  PERFORM attest_internal.check_correction('contract', corrects, person, reason);
  -- Two contracts of a person at once: the row of the person is the lock.
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  PERFORM attest_internal.check_contract(kind, signed_on, starts_on, ends_on, minutes, ground, actions);
  PERFORM attest_internal.require_organisation(organisation, signed_on);
  IF renews IS NOT NULL THEN
    renews := attest_internal.end_contract(renews, person, starts_on - 1);
  END IF;
  PERFORM attest_internal.check_contract_overlap(person, corrects, starts_on, ends_on);
  INSERT INTO attest_data.engagement_contract (tenant_id, contract_id, person_id, organisation_id, kind, signed_on, starts_on, ends_on,
    weekly_minutes, actions, renews, replaces, ground, reason)
  VALUES (attest.current_tenant(), made, person, organisation, sign_contract.kind, sign_contract.signed_on, sign_contract.starts_on,
    sign_contract.ends_on, minutes, ARRAY(SELECT DISTINCT a FROM unnest(sign_contract.actions) a ORDER BY a),
    sign_contract.renews, corrects, attest.seal(sign_contract.ground, person, 'followup.ground'),
    attest.seal(sign_contract.reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.sign_contract(uuid, uuid, date, date, date, int, text, text[], text, uuid, uuid, text) IS
'Records a contract of engagement as signed (L5411-6 of the Labour Code), with an organisation, its weekly minutes (by default the setting weekly_minutes, 15 hours) and its categories of actions (attest.contract_actions()); kind cer or ppae for those from before 2025. Fewer minutes need a ground of attest.commitment_grounds(), sealed; no duration at all is an exemption: attest.record_period(). renews names the contract that this one renews, which ends the day before at the latest. A correction, such as an earlier end, names the record that it replaces, states every term, and says why. Errors TA411 hours, TA412 ground, TA413 another contract runs, TA414 replaced already, TA417 closed organisation. For managers and referents.';

CREATE FUNCTION attest_internal.periods_at(who uuid, known_at timestamptz,
  OUT period_id uuid, OUT person_id uuid, OUT kind text, OUT since date, OUT until date, OUT weekly_minutes int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.period_id, p.person_id, p.kind, p.since, p.until, p.weekly_minutes
  FROM attest_data.commitment_period p
  WHERE p.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR p.person_id = who)
    AND p.recorded_at <= known_at AND NOT p.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.commitment_period r WHERE r.tenant_id = p.tenant_id AND r.replaces = p.period_id AND r.recorded_at <= known_at)
$$;
COMMENT ON FUNCTION attest_internal.periods_at(uuid, timestamptz) IS 'Reductions, exemptions and leave that stood at an instant, of one person or of all.';

CREATE FUNCTION attest.record_period(
  person uuid, kind text, ground text, since date, until date DEFAULT NULL, weekly_minutes int DEFAULT NULL, requested_on date DEFAULT NULL,
  decided_on date DEFAULT NULL, proof text DEFAULT NULL, corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
  other record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent');
  PERFORM attest_internal.check_correction('period', corrects, person, reason);
  PERFORM FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person FOR NO KEY UPDATE;
  IF (kind = ANY ('{reduction,exemption,leave}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', 'reduction, exemption, leave');
  END IF;
  IF NOT EXISTS (SELECT FROM attest.commitment_grounds() g WHERE g.kind = record_period.kind AND g.ground = record_period.ground) THEN
    PERFORM attest_internal.fail('ground_required', (SELECT string_agg(g.ground, ', ') FROM attest.commitment_grounds() g WHERE g.kind = record_period.kind));
  END IF;
  IF since IS NULL OR until < since THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since');
  END IF;
  IF (kind = 'reduction') <> (weekly_minutes IS NOT NULL) OR weekly_minutes < 1 THEN
    PERFORM attest_internal.fail('bad_value', 'weekly_minutes', 'more than 0 for a reduction, and absent otherwise');
  END IF;
  IF kind = 'exemption' AND requested_on IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'requested_on');
  END IF;
  SELECT p.since, p.until INTO other FROM attest_internal.periods_at(person, 'infinity') p
  WHERE p.kind = record_period.kind AND p.period_id IS DISTINCT FROM corrects
    AND daterange(p.since, p.until, '[]') && daterange(record_period.since, record_period.until, '[]')
  LIMIT 1;
  IF FOUND THEN
    PERFORM attest_internal.fail('period_overlaps', other.since::text, coalesce(other.until::text, '-'));
  END IF;
  INSERT INTO attest_data.commitment_period (tenant_id, period_id, person_id, kind, since, until, weekly_minutes, requested_on, decided_on,
    replaces, ground, proof, reason)
  VALUES (attest.current_tenant(), made, person, record_period.kind, record_period.since, record_period.until, record_period.weekly_minutes,
    record_period.requested_on, record_period.decided_on, corrects, attest.seal(record_period.ground, person, 'followup.ground'),
    attest.seal(record_period.proof, person, 'followup.proof'), attest.seal(record_period.reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_period(uuid, text, text, date, date, int, date, date, text, uuid, text) IS
'Records a period in which the weekly duration is reduced (never to nothing), in which there is none (exemption, on request: requested_on), or a leave. ground: attest.commitment_grounds(); it may be about health, and is sealed, as are proof (a reference) and reason. A correction names the record that it replaces, states everything, and says why. Errors TA412 ground, TA413 another period of the kind runs, TA414 replaced already. For managers and referents.';

-- followup: interactions and comments, the file of a person, erasure, merging.

CREATE FUNCTION attest.interaction_kinds() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['comment', 'call', 'letter', 'email', 'sms', 'visit', 'meeting', 'invitation', 'reminder', 'convocation', 'excuse',
    'observations', 'hearing', 'answer']
$$;
COMMENT ON FUNCTION attest.interaction_kinds() IS
'Kinds of interactions: what referents keep a history of, and the steps from an invitation to a hearing.';

CREATE FUNCTION attest_internal.versions_before(interaction uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE STRICT SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE version AS (
    SELECT i.interaction_id, i.replaces FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant() AND i.interaction_id = interaction
    UNION ALL
    SELECT i.interaction_id, i.replaces FROM version v JOIN attest_data.interaction i ON i.tenant_id = attest.current_tenant() AND i.interaction_id = v.replaces
  )
  SELECT v.interaction_id FROM version v
$$;
COMMENT ON FUNCTION attest_internal.versions_before(uuid) IS 'A version of an interaction and all that it replaces; none for NULL.';

CREATE FUNCTION attest_internal.interactions_at(who uuid, zone text, day date,
  OUT interaction_id uuid, OUT person_id uuid, OUT kind text, OUT day date, OUT followed boolean
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.interaction_id, i.person_id, i.kind, (i.happened_at AT TIME ZONE zone)::date,
    -- What follows an earlier version of it follows it too.
    EXISTS (SELECT FROM attest_data.interaction f WHERE f.tenant_id = i.tenant_id
      AND (f.follows = i.interaction_id OR f.follows IN (SELECT attest_internal.versions_before(i.replaces))) AND NOT f.cancelled
      AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = f.tenant_id AND r.replaces = f.interaction_id))
  FROM attest_data.interaction i
  WHERE i.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR i.person_id = who)
    AND (i.happened_at AT TIME ZONE zone)::date <= interactions_at.day AND NOT i.cancelled AND i.kind <> 'comment'
    AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = i.tenant_id AND r.replaces = i.interaction_id)
$$;
COMMENT ON FUNCTION attest_internal.interactions_at(uuid, text, date) IS
'Interactions that stand, until a local day, without their content; comments are none.';

CREATE FUNCTION attest.record_interaction(
  person uuid, kind text, content text, happened_at timestamptz DEFAULT now(), follows uuid DEFAULT NULL, audience text DEFAULT 'caseload',
  corrects uuid DEFAULT NULL, reason text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('department_referent,external_referent,counsellor');
  PERFORM attest_internal.check_correction('interaction', corrects, person, reason);
  -- Nobody corrects what another one wrote.
  IF corrects IS NOT NULL AND NOT EXISTS (SELECT FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant()
      AND i.interaction_id = corrects AND i.author_id = attest.current_person()) THEN
    PERFORM attest_internal.fail('unknown_object', 'interaction', corrects::text);
  END IF;
  IF (kind = ANY (attest.interaction_kinds())) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'kind', array_to_string(attest.interaction_kinds(), ', '));
  END IF;
  IF (audience = ANY ('{caseload,organisation,author}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'audience', 'caseload, organisation, author');
  END IF;
  IF coalesce(content, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'content');
  END IF;
  IF (happened_at <= clock_timestamp()) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'happened_at', 'now or earlier');
  END IF;
  IF follows IS NOT NULL AND NOT EXISTS (SELECT FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant()
      AND i.interaction_id = record_interaction.follows AND i.person_id = person) THEN
    PERFORM attest_internal.fail('unknown_object', 'interaction', follows::text);
  END IF;
  IF kind = 'convocation' AND NOT EXISTS (SELECT FROM attest_data.interaction i WHERE i.tenant_id = attest.current_tenant()
      AND i.person_id = person AND i.kind IN ('invitation', 'reminder') AND i.happened_at < record_interaction.happened_at AND NOT i.cancelled
      AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = i.tenant_id AND r.replaces = i.interaction_id)) THEN
    PERFORM attest_internal.fail('convocation_uninvited');
  END IF;
  INSERT INTO attest_data.interaction (tenant_id, interaction_id, person_id, kind, happened_at, author_id, organisation_id, audience, follows,
    replaces, content, reason)
  VALUES (attest.current_tenant(), made, person, record_interaction.kind, record_interaction.happened_at, attest.current_person(),
    attest_internal.organisation_of(attest.current_person(), attest_internal.local_day()), record_interaction.audience, record_interaction.follows,
    corrects, attest.seal(record_interaction.content, person, 'followup.interaction'), attest.seal(record_interaction.reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_interaction(uuid, text, text, timestamptz, uuid, text, uuid, text) IS
'Adds to the history of a person; kind of attest.interaction_kinds(). The content is sealed under the key of the person. audience: caseload (referents who follow the person), organisation (those of the author''s), author. follows names the interaction that this one answers or continues. A convocation needs an earlier invitation or reminder: error TA415. A correction is by the author, names the record that it replaces, and says why. For referents and counsellors.';

CREATE FUNCTION attest.read_interactions(
  person uuid, OUT interaction_id uuid, OUT kind text, OUT happened_at timestamptz, OUT author_id uuid, OUT organisation text,
  OUT audience text, OUT follows uuid, OUT corrected boolean, OUT content text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own uuid := attest_internal.organisation_of(attest.current_person(), attest_internal.local_day());
  item record;
  shown int := 0;
BEGIN
  PERFORM attest_internal.require_profile('department_referent,external_referent,counsellor,dpo');
  PERFORM attest_internal.require_person(person);
  FOR item IN
    SELECT i.*, o.code FROM attest_data.interaction i
    LEFT JOIN attest_data.referent_organisation o ON o.tenant_id = i.tenant_id AND o.organisation_id = i.organisation_id
    WHERE i.tenant_id = attest.current_tenant() AND i.person_id = person AND NOT i.cancelled
      AND NOT EXISTS (SELECT FROM attest_data.interaction r WHERE r.tenant_id = i.tenant_id AND r.replaces = i.interaction_id)
      AND (attest.current_profile() = 'dpo' OR i.author_id = attest.current_person() OR i.audience = 'caseload'
        OR i.audience = 'organisation' AND i.organisation_id = own)
    ORDER BY i.happened_at, i.recorded_at
  LOOP
    interaction_id := item.interaction_id; kind := item.kind; happened_at := item.happened_at; author_id := item.author_id;
    organisation := item.code; audience := item.audience; follows := item.follows; corrected := item.replaces IS NOT NULL;
    content := attest.unseal(item.content, person, 'followup.interaction');
    shown := shown + 1;
    RETURN NEXT;
  END LOOP;
  INSERT INTO attest_data.interaction_reading (tenant_id, reading_id, person_id, profile, interactions)
  VALUES (attest.current_tenant(), attest.uuid_v7(), person, attest.current_profile(), shown);
END
$$;
COMMENT ON FUNCTION attest.read_interactions(uuid) IS
'History of a person, opened: for referents and counsellors on whose caseload the person is, and the DPO. Each reading is recorded, unless its transaction is rolled back: attest.interaction_readings().';

CREATE FUNCTION attest.interaction_readings(
  person uuid DEFAULT NULL, OUT person_id uuid, OUT read_at timestamptz, OUT read_by uuid, OUT profile text, OUT interactions int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('dpo');
  RETURN QUERY SELECT r.person_id, r.read_at, r.read_by, r.profile, r.interactions FROM attest_data.interaction_reading r
  WHERE r.tenant_id = attest_internal.required_tenant() AND (interaction_readings.person IS NULL OR r.person_id = interaction_readings.person)
  ORDER BY r.read_at;
END
$$;
COMMENT ON FUNCTION attest.interaction_readings(uuid) IS 'Who read the interactions of whom, and when: account, profile, how many. For the DPO.';

CREATE FUNCTION attest.followup_file(
  person uuid, OUT kind text, OUT record_id uuid, OUT since date, OUT facts jsonb, OUT stands boolean, OUT recorded_at timestamptz, OUT recorded_by uuid
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,external_referent,counsellor,beneficiary,dpo');
  PERFORM attest_internal.require_person(person);
  FOR place IN
    SELECT t.kind, t.tab, t.id, CASE t.kind WHEN 'orientation' THEN 'decided_on' WHEN 'contract' THEN 'starts_on'
      WHEN 'activity' THEN 'day' ELSE 'since' END AS day
    FROM attest_internal.followup_tables() t WHERE t.kind <> 'interaction'
  LOOP
    RETURN QUERY EXECUTE format(
      'SELECT %L, t.%I, t.%I, attest_internal.opened_record(t.person_id, to_jsonb(t)), NOT coalesce((to_jsonb(t) ->> ''cancelled'')::boolean, false)
         AND NOT EXISTS (SELECT FROM attest_data.%I r WHERE r.tenant_id = t.tenant_id AND to_jsonb(r) ->> ''replaces'' = t.%I::text
           AND r.person_id = t.person_id), t.recorded_at, t.recorded_by
       FROM attest_data.%I t WHERE t.tenant_id = attest.current_tenant() AND t.person_id = $1 ORDER BY 3, t.recorded_at',
      place.kind, place.id, place.day, place.tab, place.id, place.tab) USING person;
  END LOOP;
END
$$;
COMMENT ON FUNCTION attest.followup_file(uuid) IS
'Every record of a person''s follow-up but the interactions, opened, also those that were corrected or cancelled (stands is false): situation, orientation, contract, period, activity. For managers, referents, counsellors, the DPO, and the person.';

CREATE FUNCTION attest_internal.opened_record(person uuid, record jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_object_agg(k.key, CASE WHEN k.value #>> '{}' LIKE 'att1:%'
    THEN to_jsonb(attest.unseal((k.value #>> '{}')::attest.sealed, person, 'followup.' || k.key)) ELSE k.value END)
  FROM jsonb_each(jsonb_strip_nulls(record - ARRAY['tenant_id', 'person_id', 'recorded_at', 'recorded_by'])) k
$$;
COMMENT ON FUNCTION attest_internal.opened_record(uuid, jsonb) IS 'A record of followup without what is in every row, its sealed values opened.';

-- --- found by name ---

CREATE FUNCTION attest_internal.followup_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  place record;
  emptied int;
  total int := 0;
BEGIN
  -- Days, minutes and decisions stay: they are the totals of past reports, and name nobody.
  FOR place IN
    SELECT t.tab, string_agg(format('%I = NULL', a.attname), ', ') AS empty, string_agg(format('%I IS NOT NULL', a.attname), ' OR ') AS full_of
    FROM attest_internal.followup_tables() t
    JOIN pg_attribute a ON a.attrelid = ('attest_data.' || t.tab)::regclass AND a.atttypid = 'attest.sealed'::regtype AND NOT a.attisdropped
    GROUP BY t.tab
  LOOP
    EXECUTE format('UPDATE attest_data.%I t SET %s WHERE t.tenant_id = attest_internal.required_tenant() AND t.person_id = $1 AND (%s)',
      place.tab, place.empty, place.full_of) USING person;
    GET DIAGNOSTICS emptied = ROW_COUNT;
    total := total + emptied;
  END LOOP;
  RETURN total;
END
$$;
COMMENT ON FUNCTION attest_internal.followup_erase(uuid) IS
'What followup forgets of a person at erasure: contents, notes, grounds, proofs, reasons; returns how many records were emptied.';

CREATE FUNCTION attest_internal.followup_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settled int;
BEGIN
  -- One organisation at a time: that of the kept referent.
  DELETE FROM attest_data.referent_membership m
  WHERE m.tenant_id = attest_internal.required_tenant() AND m.referent_id = dropped
    AND EXISTS (SELECT FROM attest_data.referent_membership k WHERE k.tenant_id = m.tenant_id AND k.referent_id = keep
      AND daterange(k.since, k.until, '[]') && daterange(m.since, m.until, '[]'));
  GET DIAGNOSTICS settled = ROW_COUNT;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.followup_merge(uuid, uuid) IS
'What followup settles before two people become one: of two referents, the organisations of the kept one. Situations, decisions, contracts and activities of both stand beside each other: of two contracts on a day the one signed last counts. Returns the memberships dropped.';

-- followup: reports for the département.

CREATE FUNCTION attest_internal.report_groups(by text, day date, OUT person_id uuid, OUT group_id uuid, OUT group_code text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH followed AS (
    SELECT s.person_id FROM attest_internal.situations_at(NULL, day, 'infinity') s
    UNION SELECT c.person_id FROM attest_internal.contracts_at(NULL, 'infinity') c WHERE c.starts_on <= day
  ),
  oriented AS (
    SELECT DISTINCT ON (o.person_id) o.person_id, o.organisation_id, o.path
    FROM attest_internal.orientations_at(NULL, 'infinity') o WHERE o.decided_on <= day
    ORDER BY o.person_id, o.decided_on DESC, o.recorded_at DESC
  )
  SELECT f.person_id, NULL::uuid, 'all' FROM followed f WHERE by = 'all'
  UNION ALL SELECT f.person_id, f.person_id, NULL FROM followed f WHERE by = 'person'
  UNION ALL SELECT f.person_id, NULL, coalesce(o.path, 'not_oriented') FROM followed f LEFT JOIN oriented o USING (person_id) WHERE by = 'path'
  UNION ALL
  SELECT f.person_id, o.organisation_id, coalesce(g.code, 'not_oriented')
  FROM followed f LEFT JOIN oriented o USING (person_id)
  LEFT JOIN attest_data.referent_organisation g ON g.tenant_id = attest.current_tenant() AND g.organisation_id = o.organisation_id
  WHERE by = 'organisation'
  UNION ALL
  SELECT f.person_id, c.referent_id, CASE WHEN c.referent_id IS NULL THEN 'no_referent' END
  FROM followed f LEFT JOIN attest_data.caseload c ON c.tenant_id = attest.current_tenant() AND c.person_id = f.person_id
    AND day BETWEEN c.since AND coalesce(c.until, 'infinity')
  WHERE by = 'referent'
$$;
COMMENT ON FUNCTION attest_internal.report_groups(text, date) IS
'Who belongs to which group of a report on a day: people with a situation or a contract.';

CREATE FUNCTION attest.followup_report(
  since date, until date, by text DEFAULT 'organisation',
  OUT group_id uuid, OUT group_code text, OUT people int, OUT with_contract int, OUT weeks int, OUT weeks_unknown int, OUT weeks_low int,
  OUT minutes int, OUT commitment int, OUT interactions int, OUT people_alerted int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  zone text := (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant());
BEGIN
  PERFORM attest_internal.require_profile(CASE WHEN by IN ('person', 'referent') THEN 'manager,department_referent,external_referent,counsellor'
    ELSE 'manager,department_referent,external_referent,counsellor,dpo,analyst' END);
  IF (by = ANY ('{all,organisation,referent,path,person}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'by', 'all, organisation, referent, path, person');
  END IF;
  IF (until - since BETWEEN 0 AND 3660) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'until', 'a day on or after since, ten years later at most');
  END IF;
  RETURN QUERY
  WITH member AS (SELECT * FROM attest_internal.report_groups(by, followup_report.until)),
  account AS (
    SELECT w.person_id, count(*) AS weeks, count(*) FILTER (WHERE w.state = 'unknown') AS unknown, sum(w.minutes) AS minutes,
      count(*) FILTER (WHERE w.state = 'recorded' AND w.minutes + w.pending < w.commitment) AS low,
      sum(w.commitment) FILTER (WHERE w.state = 'recorded') AS commitment
    FROM attest_internal.account_weeks(NULL, attest_internal.week_of(followup_report.since), attest_internal.week_of(followup_report.until),
      least(attest_internal.local_day(), followup_report.until + 7)) w
    -- Weeks that begin in the period, and have ended.
    WHERE w.week BETWEEN followup_report.since AND followup_report.until AND w.state <> 'running'
    GROUP BY w.person_id
  ),
  contact AS (
    SELECT i.person_id, count(*) AS interactions FROM attest_internal.interactions_at(NULL, zone, followup_report.until) i
    WHERE i.day >= followup_report.since GROUP BY i.person_id
  ),
  contracted AS (
    SELECT DISTINCT c.person_id FROM attest_internal.contracts_at(NULL, 'infinity') c
    WHERE followup_report.until BETWEEN c.starts_on AND coalesce(c.ends_on, 'infinity')
  ),
  alerted AS (
    SELECT DISTINCT r.person_id FROM attest_internal.low_runs(NULL, followup_report.since,
      least(attest_internal.local_day(), followup_report.until + 1)) r
    WHERE r.until >= followup_report.since
  )
  SELECT m.group_id, m.group_code, count(*)::int, count(x.person_id)::int, coalesce(sum(a.weeks), 0)::int, coalesce(sum(a.unknown), 0)::int,
    coalesce(sum(a.low), 0)::int, sum(a.minutes)::int, sum(a.commitment)::int, coalesce(sum(i.interactions), 0)::int, count(l.person_id)::int
  FROM member m
  LEFT JOIN contracted x USING (person_id) LEFT JOIN account a USING (person_id) LEFT JOIN contact i USING (person_id)
  LEFT JOIN alerted l USING (person_id)
  GROUP BY m.group_id, m.group_code
  ORDER BY m.group_code, m.group_id;
END
$$;
COMMENT ON FUNCTION attest.followup_report(date, date, text) IS
'Report of a period on the people whom the profile sees, with a situation or a contract: by all, organisation or path (of the last orientation on the last day), referent (of the caseload on the last day: who has two counts with both) or person. weeks: those that begin in the period and have ended; minutes and commitment: of the recorded weeks, NULL where there is none; interactions: without comments; people_alerted: with a series of low weeks that ends in the period, seen from its last day. Small numbers are not suppressed: that is for whoever publishes. For managers, referents and counsellors; but by person or referent, for the DPO and analysts too.';

-- --- the yearly OARSA survey (DREES) ---

CREATE FUNCTION attest.oarsa_lines(OUT table_no int, OUT line text, OUT title text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 60 PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  VALUES (1, 'obliged', 'Subject to rights and duties on 31 December'), (1, 'not_oriented', 'of whom not oriented'), (1, 'oriented', 'of whom oriented')
  UNION ALL SELECT 1, 'oriented:' || k.kind, 'oriented towards: ' || k.title FROM attest.organisation_kinds() k
  UNION ALL VALUES (2, 'registered:france_travail', 'Oriented towards France Travail, and registered there')
  UNION ALL SELECT 2, 'contract:' || k.kind, 'With a valid contract; oriented towards: ' || k.title FROM attest.organisation_kinds() k WHERE k.kind <> 'france_travail'
  UNION ALL VALUES (3, 'under_6_months', 'Valid contract of less than 6 months'), (3, '6_to_12_months', 'of 6 to less than 12 months'),
    (3, '12_months_and_more', 'of 12 months and more'), (3, 'without_end', 'without an end (not a line of the survey)')
  UNION ALL SELECT 4, a.action, 'Valid contract with at least one action: ' || a.title FROM attest.contract_actions() a
  UNION ALL VALUES (5, 'entrants', 'Entered the RSA in the year, and subject on 31 December'), (5, 'oriented', 'of whom oriented for the first time'),
    (5, 'oriented_elsewhere', 'of whom towards another organisation than France Travail'), (5, 'contract', 'of whom with a valid first contract'),
    (5, 'days_to_orientation', 'Mean days from the entry to the first orientation'), (5, 'days_to_contract', 'Mean days from there to the signature'),
    (6, 'to_employment_service', 'Last reorientation of the year: into the employment service'), (6, 'from_employment_service', 'out of it')
$$;
COMMENT ON FUNCTION attest.oarsa_lines() IS 'The lines of tables 1 to 6 of the yearly OARSA survey, in its order.';

CREATE FUNCTION attest_internal.oarsa_bands(person uuid, year int, entered_on date, couple boolean, children boolean, education text,
  OUT dimension text, OUT category text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER ROWS 6 PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT d.dimension, d.category
  FROM attest_data.person p
  CROSS JOIN LATERAL (VALUES
    ('total', 'total'),
    -- Whoever was born in a year has that many years on 31 December.
    ('age', CASE WHEN p.birth_year IS NULL THEN 'unknown' WHEN year - p.birth_year < 25 THEN '0-24' WHEN year - p.birth_year < 30 THEN '25-29'
      WHEN year - p.birth_year < 40 THEN '30-39' WHEN year - p.birth_year < 50 THEN '40-49' WHEN year - p.birth_year < 60 THEN '50-59' ELSE '60+' END),
    ('sex', coalesce(p.gender, 'unknown')),
    ('family', CASE WHEN couple IS NULL OR children IS NULL THEN 'unknown'
      ELSE CASE WHEN couple THEN 'couple' ELSE 'alone' END || CASE WHEN children THEN '_with_children' ELSE '_without_children' END END),
    -- Half-open bands: the last day of a band belongs to the longer one.
    ('seniority', CASE WHEN entered_on IS NULL OR entered_on > make_date(year, 12, 31) THEN 'unknown'
      WHEN entered_on > make_date(year, 12, 31) - interval '6 months' THEN 'under_6_months'
      WHEN entered_on > make_date(year, 12, 31) - interval '1 year' THEN '6_to_12_months'
      WHEN entered_on > make_date(year, 12, 31) - interval '2 years' THEN '1_to_2_years'
      WHEN entered_on > make_date(year, 12, 31) - interval '5 years' THEN '2_to_5_years' ELSE '5_years_and_more' END),
    ('education', coalesce(education, CASE WHEN p.isced <= 2 THEN 'VI_Vbis' WHEN p.isced = 4 THEN 'IV' WHEN p.isced >= 5 THEN 'III_I' ELSE 'unknown' END))
  ) d (dimension, category)
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
$$;
COMMENT ON FUNCTION attest_internal.oarsa_bands(uuid, int, date, boolean, boolean, text) IS
'Where a person falls in each breakdown of the OARSA survey, on 31 December. Without a level of education, ISCED stands for it where it can: ISCED 3 is V or IV, and so unknown.';

CREATE FUNCTION attest_internal.oarsa_people(year int, known_at timestamptz, rights_known_at timestamptz,
  OUT person_id uuid, OUT obliged boolean, OUT entered_on date, OUT registered_on date, OUT couple boolean, OUT children boolean, OUT education text,
  OUT kind text, OUT first_on date, OUT first_kind text, OUT starts_on date, OUT ends_on date, OUT actions text[], OUT first_signed_on date
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH oriented AS (
    SELECT o.person_id, o.decided_on, o.kind, o.recorded_at FROM attest_internal.orientations_at(NULL, known_at) o
    WHERE o.decided_on <= make_date(year, 12, 31) AND o.outcome = 'oriented'
  ),
  last_oriented AS (SELECT DISTINCT ON (o.person_id) o.* FROM oriented o ORDER BY o.person_id, o.decided_on DESC, o.recorded_at DESC),
  valid AS (
    SELECT DISTINCT ON (c.person_id) c.* FROM attest_internal.contracts_at(NULL, known_at) c
    WHERE c.kind <> 'ppae' AND c.signed_on <= make_date(year, 12, 31)
      AND make_date(year, 12, 31) BETWEEN c.starts_on AND coalesce(c.ends_on, 'infinity')
    ORDER BY c.person_id, c.signed_on DESC, c.recorded_at DESC
  )
  SELECT s.person_id, s.rights <> 'closed' AND s.obliged, s.entered_on, s.registered_on, s.couple, s.children, s.education,
    l.kind, f.decided_on, f.kind, v.starts_on, v.ends_on, v.actions,
    -- A first contract is one that no other was signed before since the entry.
    (SELECT min(c.signed_on) FROM attest_internal.contracts_at(s.person_id, known_at) c WHERE c.kind <> 'ppae' AND c.signed_on >= s.entered_on)
  FROM attest_internal.situations_at(NULL, make_date(year, 12, 31), rights_known_at) s
  LEFT JOIN last_oriented l ON l.person_id = s.person_id
  LEFT JOIN LATERAL (SELECT o.* FROM oriented o WHERE o.person_id = s.person_id AND o.decided_on >= s.entered_on
    ORDER BY o.decided_on, o.recorded_at LIMIT 1) f ON true
  LEFT JOIN valid v ON v.person_id = s.person_id
$$;
COMMENT ON FUNCTION attest_internal.oarsa_people(int, timestamptz, timestamptz) IS
'What the OARSA survey needs to know of each person on 31 December of a year.';

CREATE FUNCTION attest_internal.oarsa_marks(table_no int, year int, known_at timestamptz, rights_known_at timestamptz,
  OUT person_id uuid, OUT line text, OUT days int
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  WITH person AS (SELECT * FROM attest_internal.oarsa_people(year, known_at, rights_known_at) p WHERE p.obliged),
  elsewhere AS (SELECT * FROM person p WHERE p.kind <> 'france_travail' AND p.starts_on IS NOT NULL),
  entrant AS (SELECT * FROM person p WHERE extract(year FROM p.entered_on) = year),
  first_contract AS (SELECT * FROM entrant e WHERE e.first_kind <> 'france_travail' AND e.first_signed_on >= e.first_on AND e.starts_on IS NOT NULL),
  step AS (
    SELECT o.person_id, o.decided_on, o.recorded_at, k.employment_service,
      lag(k.employment_service) OVER (PARTITION BY o.person_id ORDER BY o.decided_on, o.recorded_at) AS before
    FROM attest_internal.orientations_at(NULL, known_at) o JOIN attest.organisation_kinds() k ON k.kind = o.kind
    WHERE o.outcome = 'oriented' AND o.decided_on <= make_date(year, 12, 31)
  ),
  reoriented AS (
    SELECT DISTINCT ON (s.person_id) s.* FROM step s
    WHERE s.before <> s.employment_service AND extract(year FROM s.decided_on) = year
    ORDER BY s.person_id, s.decided_on DESC, s.recorded_at DESC
  )
  SELECT p.person_id, x.line, NULL::int FROM person p CROSS JOIN LATERAL unnest(ARRAY['obliged',
    CASE WHEN p.kind IS NULL THEN 'not_oriented' ELSE 'oriented' END, 'oriented:' || p.kind]) x (line) WHERE table_no = 1 AND x.line IS NOT NULL
  UNION ALL SELECT p.person_id, 'registered:france_travail', NULL FROM person p
  WHERE table_no = 2 AND p.kind = 'france_travail' AND p.registered_on <= make_date(year, 12, 31)
  UNION ALL SELECT e.person_id, 'contract:' || e.kind, NULL FROM elsewhere e WHERE table_no = 2
  UNION ALL SELECT e.person_id, CASE WHEN e.ends_on IS NULL THEN 'without_end' WHEN e.ends_on + 1 < e.starts_on + interval '6 months' THEN 'under_6_months'
    WHEN e.ends_on + 1 < e.starts_on + interval '12 months' THEN '6_to_12_months' ELSE '12_months_and_more' END, NULL
  FROM elsewhere e WHERE table_no = 3
  UNION ALL SELECT e.person_id, a.action, NULL FROM elsewhere e CROSS JOIN LATERAL unnest(e.actions) a (action) WHERE table_no = 4
  UNION ALL SELECT e.person_id, 'entrants', NULL FROM entrant e WHERE table_no = 5
  UNION ALL SELECT e.person_id, x.line, e.first_on - e.entered_on FROM entrant e CROSS JOIN LATERAL unnest(ARRAY['oriented', 'days_to_orientation',
    CASE WHEN e.first_kind <> 'france_travail' THEN 'oriented_elsewhere' END]) x (line)
  WHERE table_no = 5 AND e.first_on IS NOT NULL AND x.line IS NOT NULL
  UNION ALL SELECT c.person_id, x.line, c.first_signed_on - c.first_on FROM first_contract c CROSS JOIN LATERAL unnest(ARRAY['contract', 'days_to_contract']) x (line)
  WHERE table_no = 5
  UNION ALL SELECT r.person_id, CASE WHEN r.employment_service THEN 'to_employment_service' ELSE 'from_employment_service' END, NULL
  FROM reoriented r WHERE table_no = 6
$$;
COMMENT ON FUNCTION attest_internal.oarsa_marks(int, int, timestamptz, timestamptz) IS 'Who counts on which line of a table of the OARSA survey.';

CREATE FUNCTION attest.oarsa_table(
  table_no int, year int, known_at timestamptz DEFAULT 'infinity', consolidated boolean DEFAULT false,
  OUT line text, OUT title text, OUT dimension text, OUT category text, OUT people int, OUT mean_days int
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  zone text := (SELECT t.time_zone FROM attest_data.tenant t WHERE t.id = attest_internal.required_tenant());
  known timestamptz := coalesce(known_at, 'infinity');
  rights_known timestamptz;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,analyst');
  IF (table_no BETWEEN 1 AND 6) IS NOT TRUE OR (year BETWEEN 2009 AND 9998) IS NOT TRUE THEN
    PERFORM attest_internal.fail('bad_value', 'table_no, year', 'from 1 to 6, and a year since 2009');
  END IF;
  rights_known := CASE WHEN consolidated THEN known ELSE least(known, make_date(year + 1, 1, 1)::timestamp AT TIME ZONE zone) END;
  RETURN QUERY
  WITH mark AS (
    SELECT m.line, m.days, b.dimension, b.category
    FROM attest_internal.oarsa_marks(oarsa_table.table_no, oarsa_table.year, known, rights_known) m
    LEFT JOIN attest_internal.situations_at(NULL, make_date(oarsa_table.year, 12, 31), rights_known) s ON s.person_id = m.person_id
    CROSS JOIN LATERAL attest_internal.oarsa_bands(m.person_id, oarsa_table.year, s.entered_on, s.couple, s.children, s.education) b
  ),
  grid AS (
    SELECT l.n, l.line, l.title, c.n AS place, c.dimension, c.category
    FROM attest.oarsa_lines() WITH ORDINALITY l (table_no, line, title, n)
    CROSS JOIN (SELECT d.n * 100 + k.n AS n, d.dimension, k.category FROM (VALUES
      (1, 'total', '{total}'::text[]), (2, 'age', '{0-24,25-29,30-39,40-49,50-59,60+,unknown}'), (3, 'sex', '{F,M,N,unknown}'),
      (4, 'family', '{alone_without_children,alone_with_children,couple_without_children,couple_with_children,unknown}'),
      (5, 'seniority', '{under_6_months,6_to_12_months,1_to_2_years,2_to_5_years,5_years_and_more,unknown}'),
      (6, 'education', '{VI_Vbis,V,IV,III_I,unknown}')) d (n, dimension, categories)
      CROSS JOIN LATERAL unnest(d.categories) WITH ORDINALITY k (category, n)) c
    WHERE l.table_no = oarsa_table.table_no
  )
  SELECT g.line, g.title, g.dimension, g.category, count(m.line)::int, CASE WHEN g.line LIKE 'days_%' THEN round(avg(m.days))::int END
  FROM grid g LEFT JOIN mark m USING (line, dimension, category)
  GROUP BY g.n, g.line, g.title, g.place, g.dimension, g.category
  ORDER BY g.n, g.place;
END
$$;
COMMENT ON FUNCTION attest.oarsa_table(int, int, timestamptz, boolean) IS
'A table of the yearly OARSA survey of the DREES, in rows: line, breakdown (total, age on 31 December, sex, family, seniority, education), people. 1 orientation; 2 registered or with a valid contract; 3 duration and 4 actions of valid contracts, of those oriented elsewhere than to France Travail; 5 entrants of the year, with mean delays in days, rounded; 6 the last reorientation of the year into or out of the employment service. Subject: the right is open or suspended and the person obliged (L262-28 of the Code of Social Action); unknown is out. The right is the one not consolidated: as recorded by 31 December, unless consolidated; all else as recorded by known_at. Small numbers are not suppressed: that is for whoever publishes. For managers, department referents and analysts.';

-- followup: the right to the RSA, orientation.

CREATE FUNCTION attest_internal.situation_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['rights', 'obliged', 'applied_on', 'registered_on', 'registration_exempt', 'informed_on', 'entered_on', 'couple', 'children', 'education']
$$;
COMMENT ON FUNCTION attest_internal.situation_keys() IS 'The facts of a situation.';

CREATE FUNCTION attest.record_situation(person uuid, since date, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  whole jsonb;
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.require_person(person);
  IF since IS NULL OR since > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'since', 'today or earlier');
  END IF;
  IF jsonb_typeof(facts) IS DISTINCT FROM 'object' OR NOT attest_internal.situation_keys() @> ARRAY(SELECT jsonb_object_keys(facts)) THEN
    PERFORM attest_internal.fail('bad_value', 'facts', 'an object of ' || array_to_string(attest_internal.situation_keys(), ', '));
  END IF;
  -- What is not said stays as it was.
  SELECT to_jsonb(s) INTO whole FROM attest_data.rsa_situation s
  WHERE s.tenant_id = attest.current_tenant() AND s.person_id = person AND s.since <= record_situation.since AND NOT s.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.rsa_situation r WHERE r.tenant_id = s.tenant_id AND r.replaces = s.situation_id)
  ORDER BY s.since DESC, s.recorded_at DESC, s.situation_id DESC LIMIT 1;
  whole := coalesce(whole, '{}') || facts || jsonb_build_object('tenant_id', attest.current_tenant(), 'situation_id', made,
    'person_id', person, 'since', since, 'cancelled', false, 'recorded_at', clock_timestamp(), 'recorded_by', attest.current_account());
  IF (whole ->> 'rights' = ANY ('{open,suspended,closed}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'rights', 'open, suspended, closed');
  END IF;
  IF NOT coalesce(whole ->> 'education', 'V') = ANY ('{VI_Vbis,V,IV,III_I}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'education', 'VI_Vbis, V, IV, III_I');
  END IF;
  INSERT INTO attest_data.rsa_situation SELECT (jsonb_populate_record(NULL::attest_data.rsa_situation, whole)).*;
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.record_situation(uuid, date, jsonb) IS
'Records what is known of a person''s RSA from a day on; what facts leave out stays as it was. Keys: rights (open, suspended, closed), obliged (subject to rights and duties, L262-28 of the Code of Social Action; null: unknown), applied_on, registered_on (on the list of France Travail), registration_exempt, informed_on (the département received the information on the opening or the transfer), entered_on (most recent entry of the household''s claimant), couple, children (dependent, as the RSA means it), education (VI_Vbis, V, IV, III_I). One with the same day stands in the place of the one before; attest.cancel_record() takes one back. Nothing here makes anybody a participant of an ESF operation. For managers and department referents.';

CREATE FUNCTION attest_internal.situations_at(who uuid, day date, known_at timestamptz,
  OUT person_id uuid, OUT rights text, OUT obliged boolean, OUT applied_on date, OUT registered_on date, OUT registration_exempt boolean,
  OUT informed_on date, OUT entered_on date, OUT couple boolean, OUT children boolean, OUT education text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT ON (s.person_id) s.person_id, s.rights, s.obliged, s.applied_on, s.registered_on, s.registration_exempt,
    s.informed_on, s.entered_on, s.couple, s.children, s.education
  FROM attest_data.rsa_situation s
  WHERE s.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR s.person_id = who)
    AND s.since <= day AND s.recorded_at <= known_at AND NOT s.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.rsa_situation r WHERE r.tenant_id = s.tenant_id AND r.replaces = s.situation_id AND r.recorded_at <= known_at)
  ORDER BY s.person_id, s.since DESC, s.recorded_at DESC, s.situation_id DESC
$$;
COMMENT ON FUNCTION attest_internal.situations_at(uuid, date, timestamptz) IS
'The situation of one person, or of all, on a day, as it was known at an instant.';

CREATE FUNCTION attest_internal.orientations_at(who uuid, known_at timestamptz,
  OUT orientation_id uuid, OUT person_id uuid, OUT organisation_id uuid, OUT kind text, OUT decided_on date, OUT notified_on date,
  OUT path text, OUT outcome text, OUT vulnerable boolean, OUT recorded_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.orientation_id, o.person_id, o.organisation_id, g.kind, o.decided_on, o.notified_on, o.path, o.outcome, o.vulnerable, o.recorded_at
  FROM attest_data.orientation o
  JOIN attest_data.referent_organisation g ON g.tenant_id = o.tenant_id AND g.organisation_id = o.organisation_id
  WHERE o.tenant_id = attest_internal.required_tenant() AND (who IS NULL OR o.person_id = who)
    AND o.recorded_at <= known_at AND NOT o.cancelled
    AND NOT EXISTS (SELECT FROM attest_data.orientation r WHERE r.tenant_id = o.tenant_id AND r.replaces = o.orientation_id AND r.recorded_at <= known_at)
$$;
COMMENT ON FUNCTION attest_internal.orientations_at(uuid, timestamptz) IS 'Decisions that stood at an instant, of one person or of all.';

CREATE FUNCTION attest.orient(
  person uuid, organisation uuid, decided_on date, path text, notified_on date DEFAULT NULL, decided_by text DEFAULT 'departement',
  outcome text DEFAULT 'oriented', vulnerable boolean DEFAULT false, reason text DEFAULT NULL, corrects uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.check_correction('orientation', corrects, person, reason);
  IF decided_on IS NULL OR decided_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'decided_on', 'today or earlier');
  END IF;
  IF notified_on < decided_on OR notified_on > attest_internal.local_day() THEN
    PERFORM attest_internal.fail('bad_value', 'notified_on', 'a day from decided_on to today');
  END IF;
  PERFORM attest_internal.require_organisation(organisation, decided_on);
  IF (path = ANY ('{employment,social_professional,social}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'path', 'employment, social_professional, social');
  END IF;
  IF (decided_by = ANY ('{departement,delegate,france_travail}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'decided_by', 'departement, delegate, france_travail');
  END IF;
  IF (outcome = ANY ('{oriented,maintained}')) IS NOT TRUE THEN
    PERFORM attest_internal.fail('field_unknown_value', 'outcome', 'oriented, maintained');
  END IF;
  IF outcome = 'maintained' AND NOT EXISTS (SELECT FROM attest_internal.orientations_at(person, clock_timestamp()) o
      WHERE o.decided_on <= orient.decided_on AND o.orientation_id IS DISTINCT FROM corrects) THEN
    PERFORM attest_internal.fail('bad_value', 'outcome', 'oriented, since no earlier decision can be maintained');
  END IF;
  INSERT INTO attest_data.orientation (tenant_id, orientation_id, person_id, organisation_id, decided_on, notified_on, decided_by, path,
    outcome, vulnerable, replaces, reason)
  VALUES (attest.current_tenant(), made, person, organisation, orient.decided_on, orient.notified_on, orient.decided_by, orient.path,
    orient.outcome, coalesce(orient.vulnerable, false), corrects, attest.seal(reason, person, 'followup.reason'));
  RETURN made;
END
$$;
COMMENT ON FUNCTION attest.orient(uuid, uuid, date, text, date, text, text, boolean, text, uuid) IS
'Records a decision of orientation towards an organisation (L5411-5-1 of the Labour Code), or of its re-examination: outcome maintained. path: employment, social_professional, social. decided_by: departement, delegate, france_travail (past six weeks, D262-65-2 of the Code of Social Action). vulnerable lengthens the delay of re-examination (D262-65-2-1); the reason is sealed. A correction names the record it replaces and says why. For managers and department referents.';

-- esf: ESF+ 2021-2027 and ESF 2014-2020 common indicators, and counts of them.

CREATE FUNCTION attest.esf_indicators(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_indicators'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicators(text, jsonb) IS
'Codes of the common indicators that one participation (one person in one operation) counts for, sorted; empty when the record is incomplete (see attest.esf_missing). framework: esf+ (2021-2027) or esf (2014-2020). Keys of participation, each optional and null when not known: sex (F, M, N); birth, entry, exit (YYYY-MM-DD); status_entry (unemployed, inactive, employed); unemployed_months (completed months); isced (0 to 8); in_education, disability, third_country_national, foreign_background, minority, homeless, rural, other_disadvantaged, jobless_household, dependent_children, single_adult (at entry), new_education, qualification (upon leaving), improved_6m (true, false or "refused"), and in the same way reached_6m (false: the person could not be reached, which counts nowhere) and, for the Youth Employment Initiative of esf, yei (supported by it), yei_completed, yei_offer, education_6m, self_employed_6m; status_exit, status_6m (as status_entry, and job_searching); changes_after_exit (array of {"on": date, "status": status}; the last one within 28 days of the exit counts). Only true counts; refused counts as no. Age is in completed years at entry. Results need an exit. By the default parameters of attest.esf_parameters(). Anything else is error 22023. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annex I; Commission FAQ on the reference period of immediate results.';

CREATE FUNCTION attest.esf_indicators(framework text, participation jsonb, parameters jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_indicators'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicators(text, jsonb, jsonb) IS
'As attest.esf_indicators(framework, participation), by other parameters than the defaults: those of attest.esf_parameters(), such as {"ltu_at_least": true} where 12 months without work are long-term.';

CREATE FUNCTION attest.esf_parameters(framework text, parameters jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'attest_esf_parameters'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_parameters(text, jsonb) IS
'What the regulations leave to guidance and national practice, as one object: the defaults of the framework (esf+ or esf) with what parameters sets instead; null stands for the default. Long-term unemployed: ltu_months_adult (12) completed months, of those younger than ltu_youth_below (0, no rule of age, in esf+; 25 in esf) at entry ltu_months_youth (12 in esf+, 6 in esf); ltu_at_least true counts from these months on, false (default) beyond them. exit_window_days (28): how long after the exit a change of status still counts, the last day included. cr05_employed_too (false): whether CR05 counts those employed at entry. Error 22023 for another key or value.';

CREATE FUNCTION attest.esf_missing(framework text, participation jsonb) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_missing'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_missing(text, jsonb) IS
'Keys that keep a participation out of every indicator, in the order sex, birth, entry, status_entry, isced, unemployed_months (only of the unemployed); empty when the record is complete. Same arguments and errors as attest.esf_indicators. Source: Regulation (EU) 2021/1057 Art. 17(5); Commission FAQ on completeness (2014-2020).';

CREATE FUNCTION attest.esf_catalogue()
RETURNS TABLE (framework text, code text, title text)
AS 'MODULE_PATHNAME', 'attest_esf_catalogue'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_catalogue() IS
'Every common indicator of both frameworks (esf+, esf): code as used in SFC and English title. Also those that attest.esf_indicators never returns: of entities (EECO18, EECO19, CO20 to CO23) and of the Youth Employment Initiative (CI01 to CI12). ESF 2014-2020 has no code for the total, which is CO01 + CO03 + CO05. Source: Regulation (EU) 2021/1057 Annex I; Regulation (EU) No 1304/2013 Annexes I and II.';

CREATE FUNCTION attest.esf_indicator_set(framework text, participation jsonb) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_esf_indicator_set'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicator_set(text, jsonb) IS
'As attest.esf_indicators(), as bits for attest.tally_esf(): bit n is the code in place n (from 0) of the framework in attest.esf_catalogue(), bit 62 says that the person has left. 0 when the record is incomplete.';

CREATE FUNCTION attest.esf_indicator_set(framework text, participation jsonb, parameters jsonb) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_esf_indicator_set'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_indicator_set(text, jsonb, jsonb) IS
'As attest.esf_indicator_set(framework, participation), by the parameters of attest.esf_parameters().';

CREATE FUNCTION attest.esf_codes(framework text, indicators bigint) RETURNS text[]
AS 'MODULE_PATHNAME', 'attest_esf_codes'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest.esf_codes(text, bigint) IS
'The codes, sorted, of a set that attest.esf_indicator_set() gave for the same framework. Error 22023 for other bits.';

CREATE FUNCTION attest_internal.esf_established_set(framework text, indicators bigint, has_left boolean, six_months_past boolean) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_esf_established_set'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION attest_internal.esf_established_set(text, bigint, boolean, boolean) IS
'A set without the results that were not established yet: none before the exit, until six months after it those upon leaving only.';

CREATE TYPE attest.esf_tally;
COMMENT ON TYPE attest.esf_tally IS
'Counts of ESF participations of one framework by indicator and gender; adds up with others of the same framework. Text: none, or esf+;complete=2/1/0;left=1/0/0;incomplete=0/0/0/1;EECO01=2/1/0 with women/men/non-binary, of incomplete records also gender not known; zeros are left out. Made by attest.esf_tally_of() and attest.tally_esf(), read by attest.esf_count() and attest.esf_rows(). A tally of few people tells about them: publish through attest.esf_published().';

CREATE FUNCTION attest_internal.esf_tally_in(cstring) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_out(attest.esf_tally) RETURNS cstring
AS 'MODULE_PATHNAME', 'attest_esf_tally_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_recv(internal) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_send(attest.esf_tally) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_esf_tally_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_tally_in(cstring) IS 'Text input of attest.esf_tally; error 22P02 for anything that it does not give itself.';
COMMENT ON FUNCTION attest_internal.esf_tally_out(attest.esf_tally) IS 'Text output of attest.esf_tally.';
COMMENT ON FUNCTION attest_internal.esf_tally_recv(internal) IS 'Binary input of attest.esf_tally: length, version and every counter are checked; error 22P03.';
COMMENT ON FUNCTION attest_internal.esf_tally_send(attest.esf_tally) IS 'Binary output of attest.esf_tally: version, framework, counters of 8 bytes.';

CREATE TYPE attest.esf_tally (
  INTERNALLENGTH = 1144, ALIGNMENT = double, STORAGE = plain,
  INPUT = attest_internal.esf_tally_in, OUTPUT = attest_internal.esf_tally_out,
  RECEIVE = attest_internal.esf_tally_recv, SEND = attest_internal.esf_tally_send
);

CREATE FUNCTION attest_internal.esf_tally_eq(attest.esf_tally, attest.esf_tally) RETURNS boolean
AS 'MODULE_PATHNAME', 'attest_esf_tally_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_plus(attest.esf_tally, attest.esf_tally) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION attest_internal.esf_tally_minus(attest.esf_tally, attest.esf_tally) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_tally_eq(attest.esf_tally, attest.esf_tally) IS 'Whether all counters and the framework are the same.';
COMMENT ON FUNCTION attest_internal.esf_tally_plus(attest.esf_tally, attest.esf_tally) IS 'The sum of two tallies; error 22023 when their frameworks differ, 22003 beyond 10^15.';
COMMENT ON FUNCTION attest_internal.esf_tally_minus(attest.esf_tally, attest.esf_tally) IS 'The first tally without the second; error 22003 when a counter would fall below zero.';

CREATE OPERATOR attest.= (
  LEFTARG = attest.esf_tally, RIGHTARG = attest.esf_tally, FUNCTION = attest_internal.esf_tally_eq, COMMUTATOR = OPERATOR(attest.=)
);
CREATE OPERATOR attest.+ (
  LEFTARG = attest.esf_tally, RIGHTARG = attest.esf_tally, FUNCTION = attest_internal.esf_tally_plus, COMMUTATOR = OPERATOR(attest.+)
);
CREATE OPERATOR attest.- (
  LEFTARG = attest.esf_tally, RIGHTARG = attest.esf_tally, FUNCTION = attest_internal.esf_tally_minus
);
COMMENT ON OPERATOR attest.= (attest.esf_tally, attest.esf_tally) IS 'The same counters and framework.';
COMMENT ON OPERATOR attest.+ (attest.esf_tally, attest.esf_tally) IS 'Sum of two tallies of one framework.';
COMMENT ON OPERATOR attest.- (attest.esf_tally, attest.esf_tally) IS 'A tally without another that it contains.';

CREATE FUNCTION attest.esf_tally_of(framework text, gender text, indicators bigint) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_esf_tally_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_tally_of(text, text, bigint) IS
'The tally of one participation: framework esf+ or esf, gender F, M or N, indicators as attest.esf_indicator_set() gives them; 0 is an incomplete record, whose gender may be null. Null without framework or indicators. Error 22023 for anything else.';

CREATE FUNCTION attest_internal.tally_esf_step(attest.esf_tally, text, text, bigint) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_tally_esf_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.tally_esf_step(attest.esf_tally, text, text, bigint) IS 'A row of attest.tally_esf().';
CREATE FUNCTION attest_internal.merge_esf_tally_step(attest.esf_tally, attest.esf_tally) RETURNS attest.esf_tally
AS 'MODULE_PATHNAME', 'attest_merge_esf_tally_step' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.merge_esf_tally_step(attest.esf_tally, attest.esf_tally) IS
'A row of attest.merge_esf_tally(), and the combining of partial results.';

CREATE AGGREGATE attest.tally_esf(framework text, gender text, indicators bigint) (
  SFUNC = attest_internal.tally_esf_step, STYPE = attest.esf_tally, INITCOND = 'none',
  COMBINEFUNC = attest_internal.merge_esf_tally_step, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.tally_esf(text, text, bigint) IS
'Every indicator of one framework by gender in one pass over participations; arguments as attest.esf_tally_of(). Rows without framework or indicators are passed over; the tally of no rows is none. Parallel.';

CREATE AGGREGATE attest.merge_esf_tally(tally attest.esf_tally) (
  SFUNC = attest_internal.merge_esf_tally_step, STYPE = attest.esf_tally, INITCOND = 'none',
  COMBINEFUNC = attest_internal.merge_esf_tally_step, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attest.merge_esf_tally(attest.esf_tally) IS
'Sum of tallies of one framework; error 22023 when they are of both. Parallel.';

CREATE FUNCTION attest.esf_count(tally attest.esf_tally, code text, gender text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'attest_esf_count' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_count(attest.esf_tally, text, text) IS
'How many participations of a gender (F, M, N; all when null) a tally counts for a code of its framework, or as complete, left (complete and with an exit) or incomplete. Error 22023 for another code.';

CREATE FUNCTION attest.esf_framework(tally attest.esf_tally) RETURNS text
AS 'MODULE_PATHNAME', 'attest_esf_framework' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_framework(attest.esf_tally) IS 'Framework of a tally; null of the empty one.';

CREATE FUNCTION attest.esf_rows(
  tally attest.esf_tally, OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint,
  OUT incomplete bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_esf_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.esf_rows(attest.esf_tally) IS
'A tally as rows, one for each indicator of its framework in the order of the codes; no row of the empty one. incomplete, the same on every row: the records that count for no indicator because something is missing. Indicators of entities are null: a tally counts people.';

CREATE FUNCTION attest_internal.esf_suppressed_rows(
  tally attest.esf_tally, threshold int, OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint,
  OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'attest_esf_suppressed_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.esf_suppressed_rows(attest.esf_tally, int) IS
'As attest.esf_rows(), with counts from 1 to threshold - 1 null, and as many others that nobody finds them by subtraction; zeros stay.';

-- esf: the arithmetic that authorities check, by gender.

CREATE FUNCTION attest.esf_rules(OUT framework text, OUT rule text, OUT source text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 80 SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('esf+', 'EECO01 = EECO02 + EECO04 + EECO05', 'Annex I of (EU) 2021/1057: total from employment status; SFC2021 rule 146'),
    ('esf+', 'EECO01 = complete', 'Art. 17(5) of (EU) 2021/1057: complete records, each once'),
    ('esf+', 'EECO03 <= EECO02', 'Annex I, 1.1: unemployed, including long-term unemployed'),
    ('esf+', 'EECO06 + EECO07 + EECO08 <= EECO01', 'Annex I, 1.1: ages below 18, 18 to 29, from 55 on'),
    ('esf+', 'EECO09 + EECO10 + EECO11 = EECO01', 'Annex I, 1.1: ISCED 0 to 8'),
    ('esf+', 'EECO12 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO13 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECO14 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO15 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECO16 <= EECO01', 'Annex I, 1.2'), ('esf+', 'EECO17 <= EECO01', 'Annex I, 1.2'),
    ('esf+', 'EECR01 <= EECO04', 'Annex I, 3: inactive at entry; SFC2021 table 10'),
    ('esf+', 'EECR02 <= EECO01', 'Annex I, 3; SFC2021 table 10'),
    ('esf+', 'EECR03 <= EECO01', 'Annex I, 3; SFC2021 table 10'),
    ('esf+', 'EECR04 <= EECO02 + EECO04', 'Annex I, 3: not employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR05 <= EECO02 + EECO04', 'Annex I, 4: not employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR06 <= EECO05', 'Annex I, 4: employed at entry; SFC2021 table 10'),
    ('esf+', 'EECR01 + EECR04 <= EECO02 + EECO04', 'SFC FAQ of 13.4.2023: job searching and employment exclude each other'),
    ('esf+', 'EECR01 + EECR04 <= left', 'Annex I, 3: upon leaving'),
    ('esf+', 'EECR02 <= left', 'Annex I, 3: upon leaving'), ('esf+', 'EECR03 <= left', 'Annex I, 3: upon leaving'),
    ('esf+', 'EECR05 <= left', 'Annex I, 4: after leaving'), ('esf+', 'EECR06 <= left', 'Annex I, 4: after leaving'),
    ('esf+', 'left <= EECO01', 'Annex I, 3: leavers took part'),
    ('esf+', 'complete + incomplete >= EECO01', 'SFC2014 FAQ of 12.12.2014: incomplete records in the grand total only'),
    ('esf', 'complete = CO01 + CO03 + CO05', 'Annex I of (EU) 1304/2013: total from the output indicators'),
    ('esf', 'CO02 <= CO01', 'Annex I (1): unemployed, including long-term unemployed'),
    ('esf', 'CO04 <= CO03', 'Annex I (1)'),
    ('esf', 'CO06 + CO07 <= complete', 'Annex I (1): ages below 25, above 54'),
    ('esf', 'CO08 <= CO07', 'Annex I (1)'), ('esf', 'CO08 <= CO01 + CO04', 'Annex I (1)'),
    ('esf', 'CO09 + CO10 + CO11 <= complete', 'Annex I (1): ISCED 1 to 8, 0 in no band'),
    ('esf', 'CO12 <= complete', 'Annex I (1) as adopted'), ('esf', 'CO13 <= CO12', 'Annex I (1) as adopted'),
    ('esf', 'CO14 <= complete', 'Annex I (1) as adopted'), ('esf', 'CO15 <= complete', 'Annex I (1)'),
    ('esf', 'CO16 <= complete', 'Annex I (1)'), ('esf', 'CO17 <= complete', 'Annex I (1)'),
    ('esf', 'CO18 <= complete', 'Annex I (1)'), ('esf', 'CO18 <= CO17', 'guidance: who is homeless is disadvantaged'),
    ('esf', 'CO19 <= complete', 'Annex I (1)'),
    ('esf', 'CR01 <= CO03', 'Annex I (3): inactive at entry'),
    ('esf', 'CR02 <= complete', 'Annex I (3)'), ('esf', 'CR03 <= complete', 'Annex I (3)'),
    ('esf', 'CR04 <= CO01 + CO03', 'Annex I (3): not employed at entry'),
    ('esf', 'CR05 <= CO12 + CO14 + CO15 + CO16 + CO17', 'Annex I (3): disadvantaged, each in one of these at least'),
    ('esf', 'CR06 <= CO01 + CO03', 'Annex I (4): not employed at entry'),
    ('esf', 'CR07 <= CO05', 'Annex I (4): employed at entry'),
    ('esf', 'CR08 <= CR06', 'Annex I (4)'), ('esf', 'CR08 <= CO07', 'Annex I (4)'), ('esf', 'CR09 <= CR06', 'Annex I (4)'),
    ('esf', 'CR01 + CR04 <= left', 'Annex I (3): upon leaving'), ('esf', 'CR02 <= left', 'Annex I (3): upon leaving'),
    ('esf', 'CR03 <= left', 'Annex I (3): upon leaving'), ('esf', 'CR05 <= left', 'Annex I (3): upon leaving'),
    ('esf', 'CR06 + CR07 <= left', 'Annex I (4): after leaving, by status at entry'),
    ('esf', 'CI01 <= CO01', 'Annex II: unemployed'), ('esf', 'CI02 <= CO01', 'Annex II: unemployed'), ('esf', 'CI03 <= CO01', 'Annex II: unemployed'),
    ('esf', 'CI04 <= CO02', 'Annex II: long-term unemployed'), ('esf', 'CI05 <= CO02', 'Annex II: long-term unemployed'),
    ('esf', 'CI06 <= CO02', 'Annex II: long-term unemployed'),
    ('esf', 'CI04 <= CI01', 'Annex II'), ('esf', 'CI05 <= CI02', 'Annex II'), ('esf', 'CI06 <= CI03', 'Annex II'),
    ('esf', 'CI07 <= CO04', 'Annex II: inactive, not in education'), ('esf', 'CI08 <= CO04', 'Annex II: inactive, not in education'),
    ('esf', 'CI09 <= CO04', 'Annex II: inactive, not in education'),
    ('esf', 'CI10 <= left', 'Annex II: after leaving'), ('esf', 'CI11 <= left', 'Annex II: after leaving'), ('esf', 'CI12 <= CI11', 'Annex II: self-employment is employment'),
    ('esf', 'left <= complete', 'Annex I (3): leavers took part'),
    ('esf', 'complete + incomplete >= CO01 + CO03 + CO05', 'SFC2014 FAQ of 12.12.2014: incomplete records in the grand total only')
$$;
COMMENT ON FUNCTION attest.esf_rules() IS
'The arithmetic rules that attest.esf_check() applies to each gender, with their sources. complete: complete records; left: those with an exit; incomplete: records that count for no indicator. No number is negative or broken: the type allows none.';

CREATE FUNCTION attest_internal.esf_side(tally attest.esf_tally, side text, gender text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sum(attest.esf_count(tally, c, gender))::bigint FROM unnest(string_to_array(side, ' + ')) c
$$;
COMMENT ON FUNCTION attest_internal.esf_side(attest.esf_tally, text, text) IS 'One side of a rule: the sum of counts.';

CREATE FUNCTION attest.esf_check(
  tally attest.esf_tally, OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.rule, r.a, r.b, CASE r.operator WHEN '=' THEN r.a = r.b WHEN '<=' THEN r.a <= r.b ELSE r.a >= r.b END, r.gender, r.source
  FROM (
    SELECT k.rule, k.source, p.sides[2] AS operator, coalesce(g.gender, 'all') AS gender,
      attest_internal.esf_side(tally, p.sides[1], g.gender) AS a, attest_internal.esf_side(tally, p.sides[3], g.gender) AS b
    FROM attest.esf_rules() k
    CROSS JOIN LATERAL regexp_match(k.rule, '^(.*) (=|<=|>=) (.*)$') p (sides)
    CROSS JOIN (VALUES ('F'), ('M'), ('N'), (NULL)) g (gender)
    WHERE k.framework = attest.esf_framework(tally)
  ) r
$$;
COMMENT ON FUNCTION attest.esf_check(attest.esf_tally) IS
'Every arithmetic rule of the framework of a tally, for women (F), men (M), non-binary people (N) and all, as rows: the two sides, and whether the rule holds. Sources: attest.esf_rules().';

CREATE FUNCTION attest.esf_check_sums(
  tally attest.esf_tally, declared jsonb, OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text
) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM jsonb_object_keys(declared) d WHERE d !~ '^[A-Z]+[0-9]{2}([+][0-9]{2})+$') THEN
    PERFORM attest_internal.fail('bad_value', 'declared', 'an object of sums such as {"EECO02+04": {"F": 1, "M": 2, "N": 0}}');
  END IF;
  RETURN QUERY
  SELECT r.rule, r.a, r.b, r.a IS NOT DISTINCT FROM r.b, r.gender, 'SFC2021 rules 144 to 148: reserved sums'
  FROM (
    SELECT format('%s = %s', d.key, s.side) AS rule, g.gender, (d.value ->> g.gender)::bigint AS a,
      attest_internal.esf_side(tally, s.side, g.gender) AS b
    FROM jsonb_each(declared) d
    CROSS JOIN LATERAL (SELECT string_agg(substring(d.key FROM '^[A-Z]+') || n, ' + ') AS side
      FROM unnest(string_to_array(ltrim(d.key, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), '+')) n) s
    CROSS JOIN (VALUES ('F'), ('M'), ('N')) g (gender)
  ) r;
END
$$;
COMMENT ON FUNCTION attest.esf_check_sums(attest.esf_tally, jsonb) IS
'Compares sums that somebody declares with those of a tally, for each gender: {"EECO02+04": {"F": 1, "M": 2, "N": 0}} must be EECO02 + EECO04. Typed by hand they go wrong, and the Commission refuses the table (SFC2021 rules 144 to 148).';

CREATE FUNCTION attest.esf_check_progress(
  earlier attest.esf_tally, later attest.esf_tally, OUT code text, OUT gender text, OUT before bigint, OUT after bigint, OUT ok boolean
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p.code, p.gender, p.before, p.after, p.before <= p.after
  FROM (
    SELECT c.code, g.gender, attest.esf_count(earlier, c.code, g.gender) AS before, attest.esf_count(later, c.code, g.gender) AS after
    FROM attest.esf_catalogue() c CROSS JOIN (VALUES ('F'), ('M'), ('N')) g (gender)
    WHERE c.framework = coalesce(attest.esf_framework(earlier), attest.esf_framework(later))
  ) p
$$;
COMMENT ON FUNCTION attest.esf_check_progress(attest.esf_tally, attest.esf_tally) IS
'Compares the cumulated values of two reports of one operation or programme, by code and gender: those of the later one are not smaller, unless something was corrected. For two tallies of attest.esf_tally_at(), such as of two ends of periods, or of what was sent (as_of) and what is known now. Error 22023 when they are of both frameworks.';

CREATE FUNCTION attest.esf_check(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL,
  OUT rule text, OUT "left" bigint, OUT "right" bigint, OUT ok boolean, OUT gender text, OUT source text,
  OUT priority text, OUT specific_objective text, OUT region_category text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.rule, c."left", c."right", c.ok, c.gender, c.source, g.priority, g.specific_objective, g.region_category
  FROM attest_internal.esf_groups(operation_code, as_of, period_end) g CROSS JOIN LATERAL attest.esf_check(g.tally) c
$$;
COMMENT ON FUNCTION attest.esf_check(text, timestamptz, date) IS
'The arithmetic rules for an operation or a programme, by priority, specific objective, category of region (SFC2021 checks each) and gender; as_of and period_end as attest.esf_report(). A rule that does not hold points at records to look at: what attest counts itself always holds.';

CREATE FUNCTION attest.esf_incomplete(
  operation_code text, OUT participation_id uuid, OUT person_id uuid, OUT entered_on date, OUT missing text[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
BEGIN
  RETURN QUERY
  SELECT p.participation_id, p.person_id, p.entered_on, m.missing
  FROM attest_data.participation p
  JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
  JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
  CROSS JOIN LATERAL (SELECT attest.esf_missing(o.framework, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb) OFFSET 0) m (missing)
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = ANY (operations) AND cardinality(m.missing) > 0
  ORDER BY p.entered_on, p.participation_id;
END
$$;
COMMENT ON FUNCTION attest.esf_incomplete(text) IS
'Participations of an operation or programme that count for no indicator, with what is missing; only of the people that the profile sees. Nothing can be added for those who were erased.';

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

-- esf: operations and what is recorded for them as a whole.

CREATE FUNCTION attest_internal.check_programme(programme text, framework text, code text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant()
      AND o.programme = check_programme.programme AND o.framework <> check_programme.framework) THEN
    PERFORM attest_internal.fail('bad_value', 'framework', 'the framework of the other operations of the programme');
  END IF;
  IF EXISTS (SELECT FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant()
      AND (o.code = check_programme.programme OR o.programme = check_programme.code)) OR programme = code THEN
    PERFORM attest_internal.fail('bad_value', 'programme', 'a code that is not the code of an operation');
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_programme(text, text, text) IS
'Error TA010 where operations of a programme would be of two frameworks, or an operation and a programme have one code.';

CREATE FUNCTION attest.create_operation(
  code text, title text, framework text, starts_on date, ends_on date,
  programme text DEFAULT NULL, priority text DEFAULT NULL, specific_objective text DEFAULT NULL, region_category text DEFAULT NULL,
  parameters jsonb DEFAULT '{}'
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_operation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  IF coalesce(code, '') = '' OR coalesce(title, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'code, title');
  END IF;
  IF framework IS NULL OR NOT framework = ANY ('{esf+,esf}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'framework', 'esf+, esf');
  END IF;
  IF starts_on IS NULL OR ends_on IS NULL OR ends_on < starts_on THEN
    PERFORM attest_internal.fail('bad_value', 'ends_on', 'a day on or after starts_on');
  END IF;
  IF NOT region_category = ANY ('{less_developed,transition,more_developed,outermost}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'region_category', 'less_developed, transition, more_developed, outermost');
  END IF;
  PERFORM attest_internal.required_tenant(), attest_internal.check_programme(nullif(programme, ''), framework, code);
  INSERT INTO attest_data.operation (tenant_id, operation_id, code, title, framework, starts_on, ends_on,
    programme, priority, specific_objective, region_category, parameters)
  VALUES (attest_internal.required_tenant(), new_operation, create_operation.code, create_operation.title,
    create_operation.framework, create_operation.starts_on, create_operation.ends_on, nullif(create_operation.programme, ''),
    create_operation.priority, create_operation.specific_objective, create_operation.region_category,
    attest.esf_parameters(create_operation.framework, coalesce(create_operation.parameters, '{}')))
  ON CONFLICT ON CONSTRAINT operation_tenant_id_code_key DO NOTHING;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('code_taken', create_operation.code);
  END IF;
  INSERT INTO attest_data.operation_total (tenant_id, operation_id, total)
  VALUES (attest.current_tenant(), new_operation, attest_internal.seal_tally(create_operation.framework::attest.esf_tally, new_operation));
  RETURN new_operation;
END
$$;
COMMENT ON FUNCTION attest.create_operation(text, text, text, date, date, text, text, text, text, jsonb) IS
'Creates an operation funded by the European Social Fund; framework esf+ (2021-2027) or esf (2014-2020). Programme (such as a CCI number), priority, specific objective and category of region (less_developed, transition, more_developed, outermost) group operations in reports; operations of a programme are of one framework. parameters: what the authority rules otherwise than the defaults of attest.esf_parameters(). For managers and department referents.';

CREATE FUNCTION attest.set_operation_parameters(operation uuid, changes jsonb, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  wanted jsonb;
BEGIN
  -- All participations are opened and counted again: a profile that sees some people would leave the others.
  PERFORM attest_internal.require_profile('manager');
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    PERFORM attest_internal.fail('bad_value', 'changes', 'an object with the parameters to change');
  END IF;
  -- Who records by the old parameters has committed, who begins waits: see lock_participation().
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation FOR UPDATE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  wanted := attest.esf_parameters(funded.framework, funded.parameters || changes);
  IF wanted = funded.parameters THEN
    RETURN 0;
  END IF;
  UPDATE attest_data.operation o SET parameters = wanted WHERE o.tenant_id = funded.tenant_id AND o.operation_id = operation;
  INSERT INTO attest_data.operation_parameters (tenant_id, entry_id, operation_id, parameters, reason)
  VALUES (funded.tenant_id, attest.uuid_v7(), operation, wanted, set_operation_parameters.reason);
  RETURN attest_internal.recount_participations(operation, funded.parameters, set_operation_parameters.reason);
END
$$;
COMMENT ON FUNCTION attest.set_operation_parameters(uuid, jsonb, text) IS
'Changes parameters by which the indicators of an operation are counted (attest.esf_parameters(); null: the default), and counts what is recorded again: a participation that counts for something else gets a version of kind parameters, so reports as of an earlier time stay as they were. People who were erased count for what they counted for. Returns how many participations count otherwise. attest.operation_parameters lists the changes. For managers.';

CREATE FUNCTION attest_internal.recount_participations(operation uuid, before jsonb, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  one record;
  facts jsonb;
  recounted bigint := 0;
BEGIN
  FOR one IN
    SELECT p.participation_id, p.person_id, o.framework, o.parameters
    FROM attest_data.participation p JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.operation_id = operation
    ORDER BY p.participation_id
  LOOP
    -- Nobody is erased while their facts are written again; who is erased already keeps what they counted for.
    PERFORM FROM attest_data.person r
    WHERE r.tenant_id = attest.current_tenant() AND r.person_id = one.person_id AND r.anonymised_at IS NULL FOR KEY SHARE;
    CONTINUE WHEN NOT FOUND;
    facts := attest_internal.participation_facts(one.participation_id);
    IF EXISTS (SELECT FROM attest_internal.stay_facts(one.participation_id, facts) s
        WHERE attest.esf_indicator_set(one.framework, s.facts, one.parameters) <> attest.esf_indicator_set(one.framework, s.facts, before)) THEN
      PERFORM attest_internal.write_participation(one.participation_id, facts, 'parameters', reason);
      recounted := recounted + 1;
    END IF;
  END LOOP;
  RETURN recounted;
END
$$;
COMMENT ON FUNCTION attest_internal.recount_participations(uuid, jsonb, text) IS
'Adds a version to each participation of an operation, which the caller has locked, that counts for something else by its parameters than by those of before. Returns how many.';

CREATE FUNCTION attest.record_entities(operation uuid, code text, entities bigint, counted_on date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  accepted text;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  accepted := CASE funded.framework WHEN 'esf+' THEN 'EECO18, EECO19' ELSE 'CO20, CO21, CO22, CO23' END;
  IF code IS NULL OR NOT code = ANY (string_to_array(accepted, ', ')) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'code', accepted);
  END IF;
  IF entities IS NULL OR entities < 0 THEN
    PERFORM attest_internal.fail('bad_value', 'entities', 'a number from 0 on');
  END IF;
  INSERT INTO attest_data.operation_entity (tenant_id, entry_id, operation_id, code, entities, counted_on)
  VALUES (attest.current_tenant(), attest.uuid_v7(), operation, record_entities.code, record_entities.entities,
    coalesce(record_entities.counted_on, attest_internal.local_day()));
END
$$;
COMMENT ON FUNCTION attest.record_entities(uuid, text, bigint, date) IS
'Records how many entities an operation has supported up to a day (today by default): EECO18 public administrations and services, EECO19 small and medium-sized firms (esf+); CO20 projects of social partners, CO21 for women in employment, CO22 for public administrations, CO23 firms (esf). The number of the last day of a code counts; earlier ones stay for reports of an earlier period or as of an earlier time. For managers and department referents.';

CREATE FUNCTION attest_internal.esf_visible(profile text, person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.operation_id FROM attest_data.operation o
  WHERE o.tenant_id = attest.current_tenant() AND profile IN ('department_referent', 'counsellor')
$$;
COMMENT ON FUNCTION attest_internal.esf_visible(text, uuid) IS
'No people: the operations, whose totals are sealed as if for a person, so that those who record participations can open them.';

CREATE FUNCTION attest_internal.seal_tally(tally attest.esf_tally, operation uuid) RETURNS attest.sealed
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.seal(tally::text, operation, 'esf.total')
$$;
COMMENT ON FUNCTION attest_internal.seal_tally(attest.esf_tally, uuid) IS 'Seals the total of an operation under a key of its own.';

CREATE FUNCTION attest_internal.add_pending(operation uuid, participation uuid, version int) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO attest_data.operation_pending (tenant_id, operation_id, participation_id, version, stay, added, removed)
  SELECT n.tenant_id, n.operation_id, n.participation_id, n.version, n.stay, n.counted,
    (SELECT b.counted FROM attest_data.participation_count b WHERE b.tenant_id = n.tenant_id AND b.operation_id = n.operation_id
      AND b.participation_id = n.participation_id AND b.version = n.version - 1 ORDER BY b.stay DESC LIMIT 1)
  FROM attest_data.participation_count n
  WHERE n.tenant_id = attest_internal.required_tenant() AND n.operation_id = operation AND n.participation_id = participation
    AND n.version = add_pending.version
  ORDER BY n.stay DESC LIMIT 1
$$;
COMMENT ON FUNCTION attest_internal.add_pending(uuid, uuid, int) IS
'Notes what a version of a participation changes in the running total of its operation, by its last stay; it is pending until the total holds it. Writers of an operation do not wait for each other.';

CREATE FUNCTION attest_internal.esf_total(operation uuid) RETURNS attest.esf_tally
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.unseal(t.total, t.operation_id, 'esf.total')::attest.esf_tally
    OPERATOR(attest.+) n.added OPERATOR(attest.-) n.removed
  FROM attest_data.operation_total t
  JOIN attest_data.operation o ON o.tenant_id = t.tenant_id AND o.operation_id = t.operation_id
  CROSS JOIN LATERAL (
    SELECT attest.merge_esf_tally(attest_internal.tally_of_count(o.framework, attest.unseal(p.added, p.operation_id, 'esf.count'))) AS added,
      attest.merge_esf_tally(attest_internal.tally_of_count(o.framework, attest.unseal(p.removed, p.operation_id, 'esf.count'))) AS removed
    FROM attest_data.operation_pending p
    WHERE p.tenant_id = t.tenant_id AND p.operation_id = t.operation_id
  ) n
  WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation
$$;
COMMENT ON FUNCTION attest_internal.esf_total(uuid) IS
'The tally of an operation as recorded so far: its running total and what is pending.';

CREATE FUNCTION attest_internal.esf_totals_job() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operation uuid;
  added bigint := 0;
  taken bigint;
BEGIN
  FOR operation IN
    SELECT t.operation_id FROM attest_data.operation_total t
    WHERE t.tenant_id = attest_internal.required_tenant() AND EXISTS (SELECT FROM attest_data.operation_pending p
      WHERE p.tenant_id = t.tenant_id AND p.operation_id = t.operation_id)
    ORDER BY t.operation_id
  LOOP
    -- One at a time for each operation; what others record meanwhile stays pending.
    PERFORM FROM attest_data.operation_total t
    WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation FOR UPDATE;
    taken := attest_internal.fold_total(operation);
    added := added + taken;
  END LOOP;
  RETURN added;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_totals_job() IS
'Adds what is pending to the running totals of the operations of the entered tenant; returns how many versions.';

CREATE FUNCTION attest_internal.fold_total(operation uuid) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
  -- One statement: what it deletes is what it counts, by the same snapshot.
  WITH taken AS (
    DELETE FROM attest_data.operation_pending p
    WHERE p.tenant_id = attest_internal.required_tenant() AND p.operation_id = operation
    RETURNING 1
  ), kept AS (
    UPDATE attest_data.operation_total t SET total = attest_internal.seal_tally(attest_internal.esf_total(operation), operation)
    WHERE t.tenant_id = attest.current_tenant() AND t.operation_id = operation
  )
  SELECT count(*) FROM taken
$$;
COMMENT ON FUNCTION attest_internal.fold_total(uuid) IS
'Adds what is pending to the running total of an operation whose total the caller has locked.';

CREATE FUNCTION attest_internal.tally_of_count(framework text, counted text) RETURNS attest.esf_tally
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE counted WHEN 'void' THEN 'none'
    ELSE attest.esf_tally_of(framework, nullif(left(counted, 1), '-'), substr(counted, 2)::bigint) END
$$;
COMMENT ON FUNCTION attest_internal.tally_of_count(text, text) IS
'The tally of a line of participation_count: gender (- when not known) and indicator set, or void for a participation that was joined to another.';

CREATE FUNCTION attest_internal.esf_reseal(subject uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  totals int;
  counts int;
BEGIN
  UPDATE attest_data.operation_total t SET total = attest_internal.reseal(t.total)
  WHERE t.tenant_id = attest_internal.required_tenant() AND t.operation_id = subject;
  GET DIAGNOSTICS totals = ROW_COUNT;
  UPDATE attest_data.participation_count c SET counted = attest_internal.reseal(c.counted)
  WHERE c.tenant_id = attest.current_tenant() AND c.operation_id = subject;
  GET DIAGNOSTICS counts = ROW_COUNT;
  UPDATE attest_data.operation_pending p SET added = attest_internal.reseal(p.added), removed = attest_internal.reseal(p.removed)
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = subject;
  RETURN totals + counts;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_reseal(uuid) IS
'Seals the totals and counts of an operation again under its newest key; nothing for the id of a person. Returns how many totals and counts there are.';

CREATE FUNCTION attest_internal.esf_owns(subject uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*)::int FROM attest_data.operation o WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = subject
$$;
COMMENT ON FUNCTION attest_internal.esf_owns(uuid) IS '1 where the key of this id seals the totals of an operation, 0 otherwise.';

-- esf: participations, one a person and operation, version by version.

CREATE FUNCTION attest_internal.result_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['exit', 'status_exit', 'changes_after_exit', 'new_education', 'qualification', 'yei_completed', 'yei_offer']
    || attest_internal.followup_keys()
$$;
COMMENT ON FUNCTION attest_internal.result_keys() IS 'Keys of facts that tell of the exit and the time after: those of the last stay count.';

CREATE FUNCTION attest_internal.followup_keys() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['status_6m', 'improved_6m', 'reached_6m', 'education_6m', 'self_employed_6m']
$$;
COMMENT ON FUNCTION attest_internal.followup_keys() IS 'Keys of facts that tell of the situation six months after the exit.';

CREATE FUNCTION attest_internal.only_results(facts jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(r.key, r.value), '{}') FROM jsonb_each(facts) r WHERE r.key = ANY (attest_internal.result_keys())
$$;
COMMENT ON FUNCTION attest_internal.only_results(jsonb) IS 'What facts tell of the exit and the time after.';

CREATE FUNCTION attest_internal.check_keys(facts jsonb, accepted text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF facts IS NULL OR jsonb_typeof(facts) <> 'object' OR EXISTS (SELECT FROM jsonb_object_keys(facts) k WHERE NOT k = ANY (accepted)) THEN
    PERFORM attest_internal.fail('field_unknown_value', 'keys of the facts', array_to_string(accepted, ', '));
  END IF;
END
$$;
COMMENT ON FUNCTION attest_internal.check_keys(jsonb, text[]) IS 'Error TA334 unless the facts are an object with no other keys than those.';

CREATE FUNCTION attest_internal.participation_facts(participation uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb
  FROM attest_data.participation p JOIN attest_data.participation_version v USING (tenant_id, participation_id, version)
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation
$$;
COMMENT ON FUNCTION attest_internal.participation_facts(uuid) IS 'What is known of a participation, opened; NULL once the person is erased.';

CREATE FUNCTION attest_internal.stay_facts(participation uuid, whole jsonb, OUT stay int, OUT entered_on date, OUT facts jsonb) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.stay, s.entered_on, CASE WHEN s.stay = max(s.stay) OVER () THEN whole
    ELSE (whole - attest_internal.result_keys()) || (
      SELECT attest_internal.only_results(attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb) FROM attest_data.participation_version v
      WHERE v.tenant_id = s.tenant_id AND v.participation_id = s.participation_id AND v.stay = s.stay ORDER BY v.version DESC LIMIT 1) END
  FROM attest_data.participation_stay s
  WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = stay_facts.participation
$$;
COMMENT ON FUNCTION attest_internal.stay_facts(uuid, jsonb) IS
'The facts of a participation as they stood at the end of each stay: what was true at the first entry as known in whole, with the exit and results of that stay, which for the last one are those of whole.';

CREATE FUNCTION attest_internal.participation_dossier(participation uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(attest.unseal(v.dossier, v.person_id, 'esf.dossier')::jsonb, '{}')
  FROM attest_data.participation p JOIN attest_data.participation_version v USING (tenant_id, participation_id, version)
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation
$$;
COMMENT ON FUNCTION attest_internal.participation_dossier(uuid) IS 'What imports kept of a participation besides the facts, opened.';

CREATE FUNCTION attest_internal.lock_participation(participation uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  person uuid;
  operation uuid;
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT p.person_id, p.operation_id INTO person, operation FROM attest_data.participation p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'participation', coalesce(participation::text, '-'));
  END IF;
  -- Before all, the operation: its parameters stand while something is counted by them.
  PERFORM FROM attest_data.operation o WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = operation FOR KEY SHARE;
  -- Then the person, then what is recorded of them: the order in which erasing locks.
  PERFORM attest_internal.require_person(person);
  PERFORM FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION attest_internal.lock_participation(uuid) IS
'Lets one transaction at a time write a participation, and keeps the person from being erased and the parameters of the operation from being changed meanwhile. Errors TA005 by profile, TA105 for no participation that the profile sees, TA307.';

CREATE FUNCTION attest_internal.with_register(facts jsonb, person uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  -- Sex and birth are the register's, so that a record cannot contradict it. The level of
  -- education is that at the first entry: what was recorded stands when the person learns more.
  SELECT jsonb_strip_nulls(jsonb_build_object('isced', p.isced)) || jsonb_strip_nulls(facts)
    || jsonb_strip_nulls(jsonb_build_object('sex', p.gender, 'birth', attest.unseal(p.birth_date, p.person_id, 'person.birth_date')))
  FROM attest_data.person p WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person
$$;
COMMENT ON FUNCTION attest_internal.with_register(jsonb, uuid) IS
'Facts with sex and birth of the register, and its level of education where none is given.';

CREATE FUNCTION attest_internal.write_participation(participation uuid, facts jsonb, kind text, reason text DEFAULT NULL, dossier jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.participation;
  funded attest_data.operation;
  whole jsonb;
  entered date;
  left_on date;
BEGIN
  SELECT * INTO held FROM attest_data.participation p
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  SELECT * INTO funded FROM attest_data.operation o WHERE o.tenant_id = held.tenant_id AND o.operation_id = held.operation_id FOR KEY SHARE;
  whole := attest_internal.with_register(facts, held.person_id);
  -- Raise on values that are not accepted and on dates that contradict each other, also those of earlier stays.
  PERFORM attest.esf_missing(funded.framework, whole);
  PERFORM attest.esf_missing(funded.framework, s.facts) FROM attest_internal.stay_facts(participation, whole) s;
  entered := (whole ->> 'entry')::date;
  left_on := (whole ->> 'exit')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation_version (tenant_id, participation_id, version, stay, person_id, kind, reason, facts, dossier)
  VALUES (held.tenant_id, participation, held.version + 1, attest_internal.write_stay(participation, held.person_id, whole, write_participation.kind),
    held.person_id, write_participation.kind,
    attest.seal(write_participation.reason, held.person_id, 'esf.reason'), attest.seal(whole::text, held.person_id, 'esf.facts'),
    coalesce(attest.seal(jsonb_strip_nulls(write_participation.dossier)::text, held.person_id, 'esf.dossier'),
      (SELECT v.dossier FROM attest_data.participation_version v WHERE v.tenant_id = held.tenant_id
        AND v.participation_id = held.participation_id AND v.version = held.version)));
  PERFORM attest_internal.count_stays(participation, held.version + 1, whole);
  -- The first recording of what is known of an exit is kept: a later correction is no delay.
  UPDATE attest_data.participation p
  SET version = held.version + 1, entered_on = entered, exited_on = left_on,
    exit_recorded_at = CASE WHEN left_on IS NULL THEN NULL WHEN write_participation.kind = 're_entry' THEN clock_timestamp()
      ELSE coalesce(p.exit_recorded_at, clock_timestamp()) END,
    followup_recorded_at = CASE WHEN whole ?| attest_internal.followup_keys()
      THEN CASE WHEN write_participation.kind = 're_entry' THEN clock_timestamp() ELSE coalesce(p.followup_recorded_at, clock_timestamp()) END END,
    corrected_at = CASE WHEN write_participation.kind = 'correction' THEN clock_timestamp() ELSE p.corrected_at END
  WHERE p.tenant_id = held.tenant_id AND p.participation_id = participation;
END
$$;
COMMENT ON FUNCTION attest_internal.write_participation(uuid, jsonb, text, text, jsonb) IS
'Adds a version of a participation that the caller has locked, and what it counts for; sex and birth are read from the register again. Nothing of it is ever changed.';

CREATE FUNCTION attest_internal.count_stays(participation uuid, version int, whole jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  recorded timestamptz := clock_timestamp();
BEGIN
  SELECT o.* INTO funded FROM attest_data.participation p JOIN attest_data.operation o USING (tenant_id, operation_id)
  WHERE p.tenant_id = attest_internal.required_tenant() AND p.participation_id = participation;
  INSERT INTO attest_data.participation_count (tenant_id, operation_id, participation_id, version, stay, recorded_at, entered_on, exited_on, counted)
  SELECT funded.tenant_id, funded.operation_id, participation, count_stays.version, s.stay, recorded, s.entered_on, (s.facts ->> 'exit')::date,
    attest.seal(coalesce(s.facts ->> 'sex', '-') || attest.esf_indicator_set(funded.framework, s.facts, funded.parameters),
      funded.operation_id, 'esf.count')
  FROM attest_internal.stay_facts(participation, whole) s;
  PERFORM attest_internal.add_pending(funded.operation_id, participation, count_stays.version);
END
$$;
COMMENT ON FUNCTION attest_internal.count_stays(uuid, int, jsonb) IS
'Records what a version of a participation counts for up to the end of each stay, all at one time, so that a period that ended between two stays is reported from the first one.';

CREATE FUNCTION attest_internal.write_stay(participation uuid, person uuid, facts jsonb, kind text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int := (SELECT max(s.stay) FROM attest_data.participation_stay s
    WHERE s.tenant_id = attest_internal.required_tenant() AND s.participation_id = participation);
BEGIN
  IF last IS NULL THEN
    INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
    VALUES (attest.current_tenant(), participation, 1, person, (facts ->> 'entry')::date, (facts ->> 'exit')::date);
  ELSIF kind <> 're_entry' THEN
    UPDATE attest_data.participation_stay s
    SET exited_on = CASE s.stay WHEN last THEN (facts ->> 'exit')::date ELSE s.exited_on END,
      entered_on = CASE s.stay WHEN 1 THEN (facts ->> 'entry')::date ELSE s.entered_on END
    WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = participation AND s.stay IN (1, last);
  END IF;
  RETURN coalesce(last, 1);
END
$$;
COMMENT ON FUNCTION attest_internal.write_stay(uuid, uuid, jsonb, text) IS
'Keeps the stays of a participation in step with its facts; a further one was added by the re-entry itself. Returns the last one.';

CREATE FUNCTION attest_internal.re_enter(participation uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held attest_data.participation;
  held_facts jsonb;
  entered date;
  code text;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  SELECT * INTO held FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
  SELECT o.code INTO code FROM attest_data.operation o WHERE o.tenant_id = held.tenant_id AND o.operation_id = held.operation_id;
  -- Raises where the facts of this stay are not such by themselves.
  PERFORM attest.esf_missing('esf', facts);
  entered := (facts ->> 'entry')::date;
  IF held.exited_on IS NULL OR entered IS NULL OR entered < held.exited_on THEN
    PERFORM attest_internal.fail('already_participates', code, held.entered_on::text);
  END IF;
  held_facts := attest_internal.participation_facts(participation);
  INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
  SELECT held.tenant_id, participation, max(s.stay) + 1, held.person_id, entered, (facts ->> 'exit')::date
  FROM attest_data.participation_stay s WHERE s.tenant_id = held.tenant_id AND s.participation_id = participation;
  PERFORM attest_internal.write_participation(participation,
    (held_facts - attest_internal.result_keys()) || attest_internal.only_results(facts),
    -- What a file said of the exit before is not said of the new stay.
    're_entry', dossier => attest_internal.participation_dossier(participation) - '{exit_situation,followup_situation,followup}'::text[]);
END
$$;
COMMENT ON FUNCTION attest_internal.re_enter(uuid, jsonb) IS
'A further stay: the first entry and what was true then stay, exit and results become those of the new stay, or open. Error TA401 while the person has not left, or for an entry before they left. Source: Commission FAQ for 2014-2020, participants who enter several times.';

CREATE FUNCTION attest.record_participation(operation uuid, person uuid, facts jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  funded attest_data.operation;
  entered date;
  found_participation uuid;
  new_participation uuid := attest.uuid_v7();
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent,counsellor');
  SELECT * INTO funded FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = operation FOR KEY SHARE;
  IF NOT FOUND THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation::text, '-'));
  END IF;
  PERFORM attest_internal.require_person(person);
  -- Raises on facts that contradict themselves.
  PERFORM attest.esf_missing(funded.framework, facts);
  entered := (facts ->> 'entry')::date;
  IF entered IS NULL OR NOT entered BETWEEN funded.starts_on AND funded.ends_on THEN
    PERFORM attest_internal.fail('bad_value', 'entry', format('a day from %s to %s', funded.starts_on, funded.ends_on));
  END IF;
  INSERT INTO attest_data.participation (tenant_id, participation_id, operation_id, person_id, entered_on)
  VALUES (attest.current_tenant(), new_participation, operation, person, entered)
  ON CONFLICT ON CONSTRAINT participation_tenant_id_operation_id_person_id_key DO NOTHING;
  IF FOUND THEN
    PERFORM attest_internal.write_participation(new_participation, facts, 'entry');
    RETURN new_participation;
  END IF;
  SELECT p.participation_id INTO found_participation FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.operation_id = record_participation.operation AND p.person_id = person;
  PERFORM attest_internal.re_enter(found_participation, facts);
  RETURN found_participation;
END
$$;
COMMENT ON FUNCTION attest.record_participation(uuid, uuid, jsonb) IS
'Records that a person takes part in an operation, and what is known: facts with keys as attest.esf_indicators(). A person has one participation in an operation: entered again after an exit, the first entry stands with what was true then, and exit and results become those of the new stay (Commission FAQ for 2014-2020); error TA401 before that. Sex and birth are those of the register where it has them, so is isced unless given. Whether somebody takes part is only ever recorded, never deduced from a social status. For managers, department referents and counsellors.';

CREATE FUNCTION attest.record_exit(participation uuid, exit date, results jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  PERFORM attest_internal.check_keys(results, attest_internal.result_keys());
  held := attest_internal.participation_facts(participation);
  IF held ? 'exit' THEN
    PERFORM attest_internal.fail('already_left', held ->> 'exit');
  ELSIF exit IS NULL THEN
    PERFORM attest_internal.fail('field_required', 'exit');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || results || jsonb_build_object('exit', record_exit.exit), 'exit');
END
$$;
COMMENT ON FUNCTION attest.record_exit(uuid, date, jsonb) IS
'Records the last day of a participation and the results upon leaving: status_exit, new_education, qualification, yei_completed, yei_offer. When it was first recorded is kept (attest.participations): authorities ask for it within 30 days. Errors TA451 when the exit is known already, 22023 before the entry.';

CREATE FUNCTION attest.record_change_after_exit(participation uuid, changed_on date, status text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  held := attest_internal.participation_facts(participation);
  IF NOT held ? 'exit' THEN
    PERFORM attest_internal.fail('not_left');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || jsonb_build_object('changes_after_exit',
    coalesce(held -> 'changes_after_exit', '[]') || jsonb_build_object('on', changed_on, 'status', status)), 'change');
END
$$;
COMMENT ON FUNCTION attest.record_change_after_exit(uuid, date, text) IS
'Adds a change of status after the exit: unemployed, inactive, employed or job_searching. Changes are only added; of those within 28 days of the exit the last one counts, of one day the one recorded last. Error TA452 before the exit is recorded.';

CREATE FUNCTION attest.record_followup(participation uuid, results jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held jsonb;
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  PERFORM attest_internal.check_keys(results, attest_internal.followup_keys());
  held := attest_internal.participation_facts(participation);
  IF NOT held ? 'exit' THEN
    PERFORM attest_internal.fail('not_left');
  END IF;
  PERFORM attest_internal.write_participation(participation, held || results, 'followup');
END
$$;
COMMENT ON FUNCTION attest.record_followup(uuid, jsonb) IS
'Records the situation six months after the exit: status_6m, improved_6m, education_6m, self_employed_6m, or reached_6m false when the person could not be reached, which is not the same as not asked. Error TA452 before the exit is recorded.';

CREATE FUNCTION attest.correct_participation(participation uuid, changes jsonb, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.lock_participation(participation);
  IF coalesce(reason, '') = '' THEN
    PERFORM attest_internal.fail('field_required', 'reason');
  ELSIF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
    PERFORM attest_internal.fail('bad_value', 'changes', 'an object with the keys to change');
  END IF;
  PERFORM attest_internal.write_participation(participation,
    attest_internal.participation_facts(participation) || changes, 'correction', correct_participation.reason);
END
$$;
COMMENT ON FUNCTION attest.correct_participation(uuid, jsonb, text) IS
'Corrects what is known of a participation: each key of changes replaces the value, null takes it away; sex and birth are read from the register again, also with changes {}. What was known before stays in attest.participation_history, and in reports as of an earlier time.';

CREATE FUNCTION attest.verify_participation(participation uuid, evidence text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,department_referent');
  PERFORM attest_internal.lock_participation(participation);
  IF evidence IS NULL OR NOT evidence = ANY ('{unverified,verified,rejected}') THEN
    PERFORM attest_internal.fail('field_unknown_value', 'evidence', 'unverified, verified, rejected');
  END IF;
  INSERT INTO attest_data.participation_evidence (tenant_id, evidence_id, participation_id, person_id, evidence)
  SELECT p.tenant_id, attest.uuid_v7(), p.participation_id, p.person_id, verify_participation.evidence
  FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
  UPDATE attest_data.participation p SET evidence = verify_participation.evidence
  WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = participation;
END
$$;
COMMENT ON FUNCTION attest.verify_participation(uuid, text) IS
'Says whether the pieces of proof of a participation were checked: unverified, verified, rejected. Earlier verdicts stay. attest.esf_report() counts verified ones alone when asked. For managers and department referents.';

CREATE FUNCTION attest_internal.esf_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  emptied int;
BEGIN
  UPDATE attest_data.participation_version v SET facts = NULL, dossier = NULL, reason = NULL
  WHERE v.tenant_id = attest_internal.required_tenant() AND v.person_id = person AND v.facts IS NOT NULL;
  SELECT count(*) INTO emptied FROM attest_data.participation p
  WHERE p.tenant_id = attest.current_tenant() AND p.person_id = person;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_erase(uuid) IS
'What ESF forgets of a person at erasure: everything known in any version; what the versions counted for stays, sealed for the operation. Returns how many participations there are.';

CREATE FUNCTION attest_internal.esf_merge(keep uuid, dropped uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pair record;
  settled int := 0;
BEGIN
  FOR pair IN
    SELECT a.participation_id AS first, b.participation_id AS second, b.operation_id, b.version, a.exited_on, a.person_id,
      b.exit_recorded_at, b.followup_recorded_at,
      a.exited_on IS NULL OR b.exited_on IS NULL AS is_open, b.exited_on > a.exited_on AS second_left_last
    FROM attest_data.participation a
    JOIN attest_data.participation b ON b.tenant_id = a.tenant_id AND b.operation_id = a.operation_id AND b.participation_id <> a.participation_id
    WHERE a.tenant_id = attest_internal.required_tenant() AND a.person_id IN (keep, dropped) AND b.person_id IN (keep, dropped)
      AND (a.entered_on, a.person_id <> keep) < (b.entered_on, b.person_id <> keep)
    ORDER BY a.participation_id
  LOOP
    -- Who left and came back under another record has two stays; what overlaps, or is more than one, becomes one.
    INSERT INTO attest_data.participation_stay (tenant_id, participation_id, stay, person_id, entered_on, exited_on)
    SELECT attest.current_tenant(), pair.first, (SELECT max(f.stay) + 1 FROM attest_data.participation_stay f
      WHERE f.tenant_id = attest.current_tenant() AND f.participation_id = pair.first), pair.person_id, min(s.entered_on), min(s.exited_on)
    FROM attest_data.participation_stay s WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = pair.second
    HAVING count(*) = 1 AND min(s.entered_on) >= pair.exited_on;
    PERFORM attest_internal.write_participation(pair.first,
      (attest_internal.participation_facts(pair.first) - CASE WHEN pair.is_open OR pair.second_left_last THEN attest_internal.result_keys() ELSE '{}' END)
        || CASE WHEN pair.is_open OR NOT pair.second_left_last THEN '{}' ELSE attest_internal.only_results(attest_internal.participation_facts(pair.second)) END, 'merge');
    -- An exit was first recorded when it was, under whichever record.
    UPDATE attest_data.participation p SET exit_recorded_at = pair.exit_recorded_at, followup_recorded_at = pair.followup_recorded_at
    WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = pair.first AND pair.second_left_last;
    -- The other one counts no more from now on; that it did stays, for reports as of an earlier time.
    INSERT INTO attest_data.participation_count (tenant_id, operation_id, participation_id, version, stay, recorded_at, counted)
    VALUES (attest.current_tenant(), pair.operation_id, pair.second, pair.version + 1, 1, clock_timestamp(), attest.seal('void', pair.operation_id, 'esf.count'));
    PERFORM attest_internal.add_pending(pair.operation_id, pair.second, pair.version + 1);
    DELETE FROM attest_data.participation_version v WHERE v.tenant_id = attest.current_tenant() AND v.participation_id = pair.second;
    DELETE FROM attest_data.participation_stay s WHERE s.tenant_id = attest.current_tenant() AND s.participation_id = pair.second;
    DELETE FROM attest_data.participation_evidence e WHERE e.tenant_id = attest.current_tenant() AND e.participation_id = pair.second;
    DELETE FROM attest_data.participation p WHERE p.tenant_id = attest.current_tenant() AND p.participation_id = pair.second;
    settled := settled + 1;
  END LOOP;
  RETURN settled;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_merge(uuid, uuid) IS
'What ESF settles before two people become one: of two participations in one operation the first entry stands, with its facts, and the last exit with its results, or none while either is open. Returns how many were joined.';

-- esf: reports, checks and published tables.

CREATE FUNCTION attest_internal.esf_operations(operation_code text) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[];
BEGIN
  PERFORM attest_internal.require_profile('manager,hr_manager,dpo,analyst,department_referent,counsellor');
  SELECT array_agg(o.operation_id ORDER BY o.operation_id) INTO operations FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND operation_code IN (o.code, o.programme);
  IF operations IS NULL THEN
    PERFORM attest_internal.fail('unknown_object', 'operation', coalesce(operation_code, '-'));
  END IF;
  RETURN operations;
END
$$;
COMMENT ON FUNCTION attest_internal.esf_operations(text) IS 'The operation with a code, or those of the programme with it. Errors TA005 by profile, TA105 for no such code.';

CREATE FUNCTION attest_internal.esf_moment(as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- '2025-12-31' is midnight at the start of that day: whoever writes it means another report.
  IF isfinite(as_of) AND as_of = date_trunc('day', as_of) THEN
    PERFORM attest_internal.fail('bad_value', 'as_of', 'a moment within a day; for what happened by a day give period_end');
  END IF;
  RETURN coalesce(as_of, 'infinity');
END
$$;
COMMENT ON FUNCTION attest_internal.esf_moment(timestamptz) IS
'The time up to which what is known counts: infinity for null. Error TA012 for the first moment of a day in the time zone of the session, which is how a day given in its place reads.';

CREATE FUNCTION attest_internal.esf_tally_past(operations uuid[], as_of timestamptz, period_end date, verified_only boolean) RETURNS attest.esf_tally
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.tally_esf(l.framework, nullif(left(l.counted, 1), '-'), attest_internal.esf_established_set(
    l.framework, nullif(substr(l.counted, 2), 'oid')::bigint, l.has_left, l.six_months_past))
  FROM (
    SELECT o.framework, attest.unseal(c.counted, c.operation_id, 'esf.count') AS counted,
      period_end IS NULL OR coalesce(c.exited_on <= period_end, false) AS has_left,
      period_end IS NULL OR coalesce(c.exited_on + interval '6 months' <= period_end, false) AS six_months_past
    FROM (
      SELECT DISTINCT ON (n.operation_id, n.participation_id) n.operation_id, n.participation_id, n.exited_on, n.counted
      FROM (
        SELECT k.operation_id, k.participation_id, max(k.version) AS version FROM attest_data.participation_count k
        WHERE k.tenant_id = attest.current_tenant() AND k.operation_id = ANY (operations) AND k.recorded_at <= as_of GROUP BY 1, 2
      ) v
      JOIN attest_data.participation_count n ON n.tenant_id = attest.current_tenant()
        AND n.operation_id = v.operation_id AND n.participation_id = v.participation_id AND n.version = v.version
      WHERE period_end IS NULL OR n.entered_on <= period_end
      ORDER BY n.operation_id, n.participation_id, n.stay DESC
    ) c
    JOIN attest_data.operation o ON o.tenant_id = attest.current_tenant() AND o.operation_id = c.operation_id
    WHERE NOT verified_only OR 'verified' = (
      SELECT e.evidence FROM attest_data.participation_evidence e
      WHERE e.tenant_id = attest.current_tenant() AND e.participation_id = c.participation_id AND e.recorded_at <= as_of
      ORDER BY e.recorded_at DESC, e.evidence_id DESC LIMIT 1)
    OFFSET 0
  ) l
$$;
COMMENT ON FUNCTION attest_internal.esf_tally_past(uuid[], timestamptz, date, boolean) IS
'The tally of operations by what was known at a time, of what had happened by the end of a period: from the last version that each participation had then, its last stay that had begun, without results that were not established yet.';

CREATE FUNCTION attest.esf_tally_at(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, verified_only boolean DEFAULT false
) RETURNS attest.esf_tally
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  operations uuid[] := attest_internal.esf_operations(operation_code);
  known_by timestamptz := attest_internal.esf_moment(as_of);
  nothing attest.esf_tally := (SELECT o.framework FROM attest_data.operation o
    WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = operations[1]);
BEGIN
  IF verified_only THEN
    -- Verdicts belong to people: a profile that sees some of them would count those only.
    PERFORM attest_internal.require_profile('manager,hr_manager,dpo,analyst');
  ELSIF as_of IS NULL AND period_end IS NULL THEN
    RETURN (SELECT attest.merge_esf_tally(attest_internal.esf_total(o)) FROM unnest(operations) o);
  END IF;
  RETURN nothing OPERATOR(attest.+) attest_internal.esf_tally_past(operations, known_by, period_end, coalesce(verified_only, false));
END
$$;
COMMENT ON FUNCTION attest.esf_tally_at(text, timestamptz, date, boolean) IS
'The tally of an operation or of all operations of a programme, by code. Without more, of now, from running totals. period_end: of what had happened by that day, see attest.esf_report(). as_of: as it was known at that moment, whatever was recorded or corrected since. verified_only: of verified participations (not for referents and counsellors). Errors TA005 by profile, TA105 for no such code, TA012 for an as_of that is the start of a day.';

CREATE FUNCTION attest_internal.esf_entities(operations uuid[], as_of timestamptz, period_end date, OUT code text, OUT entities bigint) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.code, sum(l.entities)::bigint FROM (
    SELECT DISTINCT ON (e.operation_id, e.code) e.code, e.entities FROM attest_data.operation_entity e
    WHERE e.tenant_id = attest.current_tenant() AND e.operation_id = ANY (operations) AND e.recorded_at <= coalesce(as_of, 'infinity')
      AND e.counted_on <= coalesce(period_end, 'infinity')
    ORDER BY e.operation_id, e.code, e.counted_on DESC, e.recorded_at DESC, e.entry_id DESC
  ) l GROUP BY l.code
$$;
COMMENT ON FUNCTION attest_internal.esf_entities(uuid[], timestamptz, date) IS
'Numbers of entities of operations, by code, by the end of a period and as known at a time.';

CREATE FUNCTION attest.esf_report(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, verified_only boolean DEFAULT false,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.code, r.title, r.women, r.men, r.non_binary, coalesce(r.total, e.entities, 0), r.incomplete
  FROM attest.esf_rows(attest.esf_tally_at(operation_code, as_of, period_end, verified_only)) r
  LEFT JOIN attest_internal.esf_entities(attest_internal.esf_operations(operation_code), as_of, period_end) e ON e.code = r.code
  ORDER BY r.code
$$;
COMMENT ON FUNCTION attest.esf_report(text, timestamptz, date, boolean) IS
'Every common indicator of an operation, or of all operations of a programme, by gender, cumulated. period_end: what had happened by that day, by what is known now: participations entered by then, results upon leaving of those who had left, results six months after of those for whom they had passed; who left, and came back after that day, counts with the results of the stay before. as_of: as it was known at that moment, whatever was recorded or corrected since; the two go together. The first moment of a day is refused (TA012): a day is a period_end. Only complete records count; incomplete is how many are not, the same on each row: the grand total of participants is total of EECO01 (CO01 + CO03 + CO05 in esf) plus incomplete. People erased since still count. Indicators of entities have no gender; theirs are of attest.record_entities(). Participations are counted, so who takes part in two operations counts twice in their programme. For managers, HR managers, the DPO, analysts, department referents and counsellors.';

CREATE FUNCTION attest.esf_programme_report(
  programme text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, OUT priority text, OUT specific_objective text, OUT region_category text,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT g.priority, g.specific_objective, g.region_category, r.code, r.title, r.women, r.men, r.non_binary,
    coalesce(r.total, e.entities, 0), r.incomplete
  FROM attest_internal.esf_groups(programme, as_of, period_end) g
  CROSS JOIN LATERAL attest.esf_rows(g.tally) r
  LEFT JOIN LATERAL attest_internal.esf_entities(g.operations, as_of, period_end) e ON e.code = r.code
  ORDER BY 1, 2, 3, 4
$$;
COMMENT ON FUNCTION attest.esf_programme_report(text, timestamptz, date) IS
'The report of a programme as the Commission asks for it: by priority, specific objective, category of region and gender (SFC2021, tables 6 and 10). as_of and period_end as attest.esf_report(): what is transmitted as of 30 June or 31 December is a period_end.';

CREATE FUNCTION attest_internal.esf_groups(
  operation_code text, as_of timestamptz, period_end date, OUT priority text, OUT specific_objective text, OUT region_category text,
  OUT operations uuid[], OUT tally attest.esf_tally
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.priority, o.specific_objective, o.region_category, array_agg(o.operation_id),
    attest.merge_esf_tally(attest.esf_tally_at(o.code, as_of, period_end))
  FROM attest_data.operation o
  WHERE o.tenant_id = attest_internal.required_tenant() AND o.operation_id = ANY (attest_internal.esf_operations(operation_code))
  GROUP BY o.priority, o.specific_objective, o.region_category
$$;
COMMENT ON FUNCTION attest_internal.esf_groups(text, timestamptz, date) IS
'Operations by priority, specific objective and category of region, with their tallies.';

CREATE FUNCTION attest.esf_published(
  operation_code text, as_of timestamptz DEFAULT NULL, period_end date DEFAULT NULL, threshold int DEFAULT 5,
  OUT code text, OUT title text, OUT women bigint, OUT men bigint, OUT non_binary bigint, OUT total bigint, OUT incomplete bigint
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF threshold IS NULL OR threshold < 2 THEN
    PERFORM attest_internal.fail('bad_value', 'threshold', 'a number from 2 on');
  END IF;
  RETURN QUERY
  SELECT r.code, r.title, r.women, r.men, r.non_binary, CASE WHEN e.code IS NULL THEN r.total ELSE e.entities END, r.incomplete
  FROM attest_internal.esf_suppressed_rows(attest.esf_tally_at(operation_code, as_of, period_end), threshold) r
  LEFT JOIN attest_internal.esf_entities(attest_internal.esf_operations(operation_code), as_of, period_end) e ON e.code = r.code
  ORDER BY r.code;
END
$$;
COMMENT ON FUNCTION attest.esf_published(text, timestamptz, date, int) IS
'As attest.esf_report(), to be published: counts of people from 1 to threshold - 1 are null, and with them as many others as it takes that nobody finds them by subtraction within the table, nor because what is hidden is no zero and some indicators are a part of others; zeros stay. Publish one table of an operation, not two of times or periods close to each other: their difference is not protected.';

CREATE FUNCTION attest.recount_esf(
  operation_code text, OUT operation text, OUT running attest.esf_tally, OUT recounted attest.esf_tally, OUT ok boolean
) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM attest_internal.require_profile('manager,dpo');
  RETURN QUERY
  SELECT o.code, t.running, o.framework::attest.esf_tally OPERATOR(attest.+) n.recounted,
    t.running OPERATOR(attest.=) (o.framework::attest.esf_tally OPERATOR(attest.+) n.recounted)
  FROM attest_data.operation o
  CROSS JOIN LATERAL (SELECT attest_internal.esf_total(o.operation_id) AS running) t
  CROSS JOIN LATERAL (
    SELECT attest.merge_esf_tally(CASE WHEN v.facts IS NULL
        THEN attest_internal.tally_of_count(o.framework, attest.unseal(c.counted, c.operation_id, 'esf.count'))
        ELSE attest_internal.tally_of_facts(o.framework, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb, o.parameters) END) AS recounted
    FROM (
      SELECT DISTINCT ON (k.participation_id) k.operation_id, k.participation_id, k.version, k.counted
      FROM attest_data.participation_count k WHERE k.tenant_id = o.tenant_id AND k.operation_id = o.operation_id
      ORDER BY k.participation_id, k.version DESC, k.stay DESC
    ) c
    LEFT JOIN attest_data.participation_version v ON v.tenant_id = o.tenant_id AND v.participation_id = c.participation_id AND v.version = c.version
  ) n
  WHERE o.tenant_id = attest.current_tenant() AND o.operation_id = ANY (attest_internal.esf_operations(operation_code));
END
$$;
COMMENT ON FUNCTION attest.recount_esf(text) IS
'Counts the participations of an operation or programme again from what is known of each, opened one by one, and says whether the running total is the same. People who were erased count for what they counted for. For managers and the DPO.';

CREATE FUNCTION attest_internal.tally_of_facts(framework text, facts jsonb, parameters jsonb) RETURNS attest.esf_tally
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT attest.esf_tally_of(framework, facts ->> 'sex', attest.esf_indicator_set(framework, facts, parameters))
$$;
COMMENT ON FUNCTION attest_internal.tally_of_facts(text, jsonb, jsonb) IS 'The tally of one participation by the parameters of its operation.';

INSERT INTO attest_internal.setup_step VALUES (1, 'tenant', 1, 'table', $step$
CREATE TABLE attest_data.tenant (
  id int PRIMARY KEY,
  code text NOT NULL UNIQUE,
  name text NOT NULL,
  kind text NOT NULL,
  time_zone text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (2, 'tenant', 2, 'table', $step$
COMMENT ON TABLE attest_data.tenant IS 'The tenants: a lookup table, of which each tenant sees its own row.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (3, 'tenant', 3, 'table', $step$
ALTER TABLE attest_data.tenant ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (4, 'tenant', 4, 'table', $step$
ALTER TABLE attest_data.tenant FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (5, 'tenant', 5, 'table', $step$
CREATE POLICY own_tenant ON attest_data.tenant FOR SELECT USING (id = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (6, 'tenant', 6, 'table', $step$
CREATE POLICY every_tenant ON attest_data.tenant TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (7, 'tenant', 7, 'table', $step$
CREATE TABLE attest_data.account (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  identifier text NOT NULL,
  profile text NOT NULL,
  person_id uuid,
  valid_from date NOT NULL,
  valid_until date,
  revoked_at timestamptz,
  tickets_after timestamptz,
  change_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  UNIQUE (tenant_id, identifier)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (8, 'tenant', 8, 'table', $step$
COMMENT ON TABLE attest_data.account IS 'Accounts: who may get a ticket, with which profile, and when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (9, 'tenant', 9, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.account FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (10, 'tenant', 10, 'table', $step$
CREATE TABLE attest_data.account_secret (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  salt bytea NOT NULL,
  cost int NOT NULL,
  hash bytea,
  crypt_hash text,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES attest_data.account (tenant_id, account_id),
  CHECK ((hash IS NULL) <> (crypt_hash IS NULL))
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (11, 'tenant', 11, 'table', $step$
COMMENT ON TABLE attest_data.account_secret IS 'Secrets of accounts, as scrypt hashes, or as imported crypt() hashes until the first login.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (12, 'tenant', 12, 'table', $step$
CREATE TABLE attest_data.account_compromise (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  account_id uuid NOT NULL,
  since timestamptz NOT NULL,
  declared_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, account_id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES attest_data.account (tenant_id, account_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (13, 'tenant', 13, 'table', $step$
COMMENT ON TABLE attest_data.account_compromise IS 'Accounts that were in other hands, and since when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (14, 'tenant', 14, 'table', $step$
CREATE TABLE attest_data.identity_provider (
  issuer text NOT NULL,
  audience text NOT NULL,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  account_claim text NOT NULL,
  clock_skew interval NOT NULL,
  PRIMARY KEY (issuer, audience)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (15, 'tenant', 15, 'table', $step$
COMMENT ON TABLE attest_data.identity_provider IS 'Whose tokens sign on to which tenant: a lookup table, of which each tenant sees its own rows.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (16, 'tenant', 16, 'table', $step$
ALTER TABLE attest_data.identity_provider ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (17, 'tenant', 17, 'table', $step$
ALTER TABLE attest_data.identity_provider FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (18, 'tenant', 18, 'table', $step$
CREATE POLICY own_tenant ON attest_data.identity_provider FOR SELECT USING (tenant = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (19, 'tenant', 19, 'table', $step$
CREATE POLICY every_tenant ON attest_data.identity_provider TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (20, 'tenant', 20, 'table', $step$
CREATE TABLE attest_data.identity_key (
  issuer text NOT NULL,
  audience text NOT NULL,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  kid text NOT NULL,
  alg text NOT NULL,
  first bytea NOT NULL,
  second bytea NOT NULL,
  imported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (issuer, audience, kid),
  FOREIGN KEY (issuer, audience) REFERENCES attest_data.identity_provider (issuer, audience)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (21, 'tenant', 21, 'table', $step$
COMMENT ON TABLE attest_data.identity_key IS 'Keys that verify their tokens, as the decoded members of a JWK.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (22, 'tenant', 22, 'table', $step$
ALTER TABLE attest_data.identity_key ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (23, 'tenant', 23, 'table', $step$
ALTER TABLE attest_data.identity_key FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (24, 'tenant', 24, 'table', $step$
CREATE POLICY own_tenant ON attest_data.identity_key FOR SELECT USING (tenant = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (25, 'tenant', 25, 'table', $step$
CREATE POLICY every_tenant ON attest_data.identity_key TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (26, 'tenant', 26, 'table', $step$
CREATE TABLE attest_data.role_tenant (
  role_name name PRIMARY KEY,
  tenant int NOT NULL REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (27, 'tenant', 27, 'table', $step$
COMMENT ON TABLE attest_data.role_tenant IS 'Login roles that stand for a tenant when no ticket is set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (28, 'tenant', 28, 'table', $step$
ALTER TABLE attest_data.role_tenant ENABLE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (29, 'tenant', 29, 'table', $step$
ALTER TABLE attest_data.role_tenant FORCE ROW LEVEL SECURITY
$step$);

INSERT INTO attest_internal.setup_step VALUES (30, 'tenant', 30, 'table', $step$
CREATE POLICY own_tenant ON attest_data.role_tenant FOR SELECT USING (tenant = attest.current_tenant())
$step$);

INSERT INTO attest_internal.setup_step VALUES (31, 'tenant', 31, 'table', $step$
CREATE POLICY every_tenant ON attest_data.role_tenant TO attest_owner, attest_operator USING (true) WITH CHECK (true)
$step$);

INSERT INTO attest_internal.setup_step VALUES (32, 'tenant', 32, 'table', $step$
CREATE TABLE attest_data.crypt_setting (
  weight int NOT NULL,
  setting text NOT NULL,
  PRIMARY KEY (weight, setting)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (33, 'tenant', 33, 'table', $step$
COMMENT ON TABLE attest_data.crypt_setting IS 'Kinds and costs of the crypt() hashes that were imported, with a salt of no account: a lookup table.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (34, 'worker', 1, 'table', $step$
CREATE TABLE attest_data.job (
  name text PRIMARY KEY,
  function text NOT NULL,
  every interval NOT NULL CHECK (every > interval '0'),
  next_run timestamptz NOT NULL DEFAULT now() + interval '1 hour',
  description text NOT NULL
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (35, 'worker', 2, 'table', $step$
COMMENT ON TABLE attest_data.job IS 'Background jobs, registered by the rooms.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (36, 'worker', 3, 'table', $step$
CREATE TABLE attest_data.job_run (
  run_id uuid PRIMARY KEY,
  job text NOT NULL REFERENCES attest_data.job (name),
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text NOT NULL CHECK (outcome IN ('running', 'done', 'failed')),
  done bigint,
  sqlstate text,
  message text
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (37, 'worker', 4, 'table', $step$
COMMENT ON TABLE attest_data.job_run IS 'Runs of the jobs; the row is written before the work starts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (38, 'worker', 5, 'table', $step$
CREATE INDEX job_run_job_started_at_idx ON attest_data.job_run (job, started_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (39, 'vault', 1, 'table', $step$
CREATE TABLE attest_data.kek_epoch (
  epoch int PRIMARY KEY CHECK (epoch > 0),
  first_used_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (40, 'vault', 2, 'table', $step$
COMMENT ON TABLE attest_data.kek_epoch IS 'Epochs of the keyring that ever wrapped a key of this database: a lookup table. Whether an epoch is still there, the keyring says.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (41, 'vault', 3, 'table', $step$
CREATE TABLE attest_data.tenant_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  generation int NOT NULL CHECK (generation > 0),
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retiring', 'destroyed')),
  kek_epoch int NOT NULL,
  wrapped bytea CHECK ((wrapped IS NULL) = (state = 'destroyed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  destroyed_at timestamptz,
  PRIMARY KEY (tenant_id, generation)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (42, 'vault', 4, 'table', $step$
COMMENT ON TABLE attest_data.tenant_key IS 'Keys of the tenants, wrapped under a key of the keyring. Active: wraps and opens; retiring: opens, while a rotation goes on; destroyed: gone, the row stays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (43, 'vault', 5, 'table', $step$
CREATE UNIQUE INDEX tenant_key_tenant_active_idx ON attest_data.tenant_key (tenant_id) WHERE state = 'active'
$step$);

INSERT INTO attest_internal.setup_step VALUES (44, 'vault', 6, 'table', $step$
CREATE TABLE attest_data.tenant_key_wrapping (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  generation int NOT NULL,
  kek_epoch int NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  left_at timestamptz,
  PRIMARY KEY (tenant_id, generation, kek_epoch),
  FOREIGN KEY (tenant_id, generation) REFERENCES attest_data.tenant_key (tenant_id, generation)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (45, 'vault', 7, 'table', $step$
COMMENT ON TABLE attest_data.tenant_key_wrapping IS 'Which epochs ever wrapped which tenant key: an old backup opens with any of them.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (46, 'vault', 8, 'table', $step$
CREATE TABLE attest_data.subject_key (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(), -- that there is such a tenant, the tenant key says
  subject_id uuid NOT NULL,
  generation int NOT NULL CHECK (generation > 0),
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retiring', 'retired')),
  tenant_generation int NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz,
  PRIMARY KEY (tenant_id, subject_id, generation)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (47, 'vault', 9, 'table', $step$
COMMENT ON TABLE attest_data.subject_key IS 'Keys of the persons, wrapped under the key of their tenant. The newest generation seals; older ones open: retiring while values are sealed again, retired once only old backups need them.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (48, 'vault', 10, 'table', $step$
CREATE TABLE attest_data.erased_subject (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  subject_id uuid NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now(),
  reason text NOT NULL,
  authority text,
  tenant_generation int NOT NULL,
  kek_epochs int[] NOT NULL,
  PRIMARY KEY (tenant_id, subject_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (49, 'vault', 11, 'table', $step$
COMMENT ON TABLE attest_data.erased_subject IS 'Tombstones: persons whose keys were destroyed, with the newest tenant key and the epochs that could open a backup of theirs at that time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (50, 'vault', 12, 'table', $step$
CREATE TABLE attest_data.key_rotation (
  rotation_id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('kek', 'tenant_key', 'subject_keys')),
  tenant int REFERENCES attest_data.tenant (id),
  generation int NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  done bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (51, 'vault', 13, 'table', $step$
COMMENT ON TABLE attest_data.key_rotation IS 'Rotations of keys and how far they are: a lookup table.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (52, 'vault', 14, 'table', $step$
CREATE UNIQUE INDEX key_rotation_running_idx ON attest_data.key_rotation (kind, tenant) WHERE state = 'running'
$step$);

INSERT INTO attest_internal.setup_step VALUES (53, 'vault', 15, 'table', $step$
CREATE TABLE attest_data.backup_confirmation (
  started_at timestamptz NOT NULL,
  label text NOT NULL,
  confirmed_at timestamptz NOT NULL DEFAULT now(),
  confirmed_by name NOT NULL DEFAULT session_user,
  PRIMARY KEY (started_at, label)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (54, 'vault', 16, 'table', $step$
COMMENT ON TABLE attest_data.backup_confirmation IS 'Backups that an operator states are complete and were tried: a lookup table.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (55, 'vault', 17, 'table', $step$
CREATE TABLE attest_data.adoption (
  table_name text NOT NULL,
  column_name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('clear', 'pgp_sym', 'aes')),
  subject_column text NOT NULL,
  secret_file text,
  secret_command text,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  next_block bigint NOT NULL DEFAULT 0,
  blocks bigint NOT NULL,
  rows_sealed bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (table_name, column_name)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (56, 'vault', 18, 'table', $step$
COMMENT ON TABLE attest_data.adoption IS 'Columns of users'' tables that attest.adopt() seals, and how far it is: a lookup table.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (57, 'person', 1, 'table', $step$
CREATE TABLE attest_data.person (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  person_id uuid NOT NULL,
  reference text,
  profiles text[] NOT NULL,
  -- identification
  civility text,
  last_name attest.sealed,
  first_name attest.sealed,
  birth_name attest.sealed,
  gender text CHECK (gender IN ('F', 'M', 'N')),
  birth_date attest.sealed,
  birth_year int,
  birth_place attest.sealed,
  birth_continent attest.sealed,
  nir attest.sealed,
  -- contact
  email attest.sealed,
  other_email attest.sealed,
  phone attest.sealed,
  mobile attest.sealed,
  address attest.sealed,
  postcode text,
  commune text,
  -- training
  isced smallint CHECK (isced BETWEEN 0 AND 8),
  diploma attest.sealed,
  training_goal attest.sealed,
  -- job search
  france_travail_number attest.sealed,
  caf_number attest.sealed,
  job_sought attest.sealed,
  unemployed_since attest.sealed,
  -- professional life
  employer_siret attest.siret,
  employer_name attest.sealed,
  job_title attest.sealed,
  contract attest.sealed,
  hired_on attest.sealed,
  -- personal life
  disability attest.sealed,
  parents_birth_place attest.sealed,
  -- support
  service attest.sealed,
  professional_status attest.sealed,
  comments attest.sealed,
  -- derived: for searching, and for finding the same person again
  search_name attest.sealed,
  nir_blind bytea,
  email_blind bytea,
  identity_blind bytea,
  -- the register's own
  last_activity date,
  source text NOT NULL DEFAULT 'manual',
  import_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by uuid DEFAULT attest.current_account(),
  anonymised_at timestamptz,
  PRIMARY KEY (tenant_id, person_id),
  UNIQUE (tenant_id, reference)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (58, 'person', 2, 'table', $step$
COMMENT ON TABLE attest_data.person IS 'The register of people; what names a person is sealed. Fields: attest.person_fields().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (59, 'person', 3, 'table', $step$
CREATE INDEX person_tenant_last_activity_idx ON attest_data.person (tenant_id, last_activity) WHERE anonymised_at IS NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (60, 'person', 4, 'table', $step$
CREATE INDEX person_tenant_nir_idx ON attest_data.person (tenant_id, nir_blind) WHERE nir_blind IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (61, 'person', 5, 'table', $step$
CREATE INDEX person_tenant_email_idx ON attest_data.person (tenant_id, email_blind) WHERE email_blind IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (62, 'person', 6, 'table', $step$
CREATE INDEX person_tenant_identity_idx ON attest_data.person (tenant_id, identity_blind) WHERE identity_blind IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (63, 'person', 7, 'table', $step$
CREATE TABLE attest_data.person_change (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  change_id uuid NOT NULL,
  person_id uuid NOT NULL,
  field text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by uuid DEFAULT attest.current_account(),
  source text NOT NULL,
  import_id uuid,
  previous attest.sealed,
  PRIMARY KEY (tenant_id, change_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (64, 'person', 8, 'table', $step$
COMMENT ON TABLE attest_data.person_change IS 'What people were before: one row a field that changed, the value that it replaced sealed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (65, 'person', 9, 'table', $step$
CREATE INDEX person_change_tenant_person_idx ON attest_data.person_change (tenant_id, person_id, field, changed_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (66, 'person', 10, 'table', $step$
CREATE TABLE attest_data.person_alias (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  alias_id uuid NOT NULL,
  person_id uuid NOT NULL,
  reference text,
  source text NOT NULL,
  import_id uuid,
  created_at timestamptz NOT NULL,
  created_by uuid,
  merged_at timestamptz NOT NULL DEFAULT now(),
  merged_by uuid DEFAULT attest.current_account(),
  reason attest.sealed,
  PRIMARY KEY (tenant_id, alias_id),
  UNIQUE (tenant_id, reference),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (67, 'person', 11, 'table', $step$
COMMENT ON TABLE attest_data.person_alias IS 'Ids of people who were merged into another, with the provenance of their record.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (68, 'person', 12, 'table', $step$
CREATE INDEX person_alias_tenant_person_idx ON attest_data.person_alias (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (69, 'person', 13, 'table', $step$
CREATE TABLE attest_data.field_policy (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  field text NOT NULL,
  rule text NOT NULL CHECK (rule IN ('required', 'optional', 'forbidden')),
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, profile, field)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (70, 'person', 14, 'table', $step$
COMMENT ON TABLE attest_data.field_policy IS 'Where a tenant departs from the default rules of fields.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (71, 'person', 15, 'table', $step$
CREATE TABLE attest_data.nir_authorisation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  authorisation_id uuid NOT NULL,
  basis text NOT NULL,
  reference text NOT NULL,
  since date NOT NULL,
  until date,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by name NOT NULL DEFAULT session_user,
  revoked_at timestamptz,
  revoked_by name,
  revoke_reason text,
  PRIMARY KEY (tenant_id, authorisation_id),
  CHECK (until >= since)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (72, 'person', 16, 'table', $step$
COMMENT ON TABLE attest_data.nir_authorisation IS 'On what basis, and when, a tenant may hold social security numbers.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (73, 'person', 17, 'table', $step$
CREATE TABLE attest_data.parental_authorisation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  authorisation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  given_on date NOT NULL,
  reference attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by uuid DEFAULT attest.current_account(),
  revoked_at timestamptz,
  revoked_by uuid,
  bars_until date,
  PRIMARY KEY (tenant_id, authorisation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (74, 'person', 18, 'table', $step$
COMMENT ON TABLE attest_data.parental_authorisation IS 'Authorisations of holders of parental authority for people under 18.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (75, 'person', 19, 'table', $step$
CREATE INDEX parental_authorisation_tenant_person_idx ON attest_data.parental_authorisation (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (76, 'person', 20, 'table', $step$
CREATE TABLE attest_data.caseload (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  referent_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, referent_id, person_id, since),
  FOREIGN KEY (tenant_id, referent_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (77, 'person', 21, 'table', $step$
COMMENT ON TABLE attest_data.caseload IS 'Which referent or counsellor follows whom, and when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (78, 'person', 22, 'table', $step$
CREATE INDEX caseload_tenant_person_idx ON attest_data.caseload (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (79, 'person', 23, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.caseload FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (80, 'person', 24, 'table', $step$
CREATE TABLE attest_data.objection (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  objection_id uuid NOT NULL,
  person_id uuid NOT NULL,
  objected_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (tenant_id, objection_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (81, 'person', 25, 'table', $step$
COMMENT ON TABLE attest_data.objection IS 'Objections of people to counsellors seeing their space.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (82, 'person', 26, 'table', $step$
CREATE INDEX objection_tenant_person_idx ON attest_data.objection (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (83, 'person', 27, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.objection FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (84, 'person', 28, 'table', $step$
CREATE TABLE attest_data.import (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  import_id uuid NOT NULL,
  format text NOT NULL CHECK (format IN ('csv', 'json')),
  source text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'loaded', 'discarded')),
  layout text,
  columns text[],
  marked boolean NOT NULL DEFAULT false,
  next_line int NOT NULL DEFAULT 1,
  rest attest.sealed,
  records int NOT NULL DEFAULT 0,
  loaded int,
  rejected int,
  opened_at timestamptz NOT NULL DEFAULT now(),
  opened_by uuid DEFAULT attest.current_account(),
  loaded_at timestamptz,
  loaded_by uuid,
  emptied_at timestamptz,
  PRIMARY KEY (tenant_id, import_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (85, 'person', 29, 'table', $step$
COMMENT ON TABLE attest_data.import IS 'Imports of people. What is staged is sealed under a key of the import, which is the subject; the row stays as provenance.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (86, 'person', 30, 'table', $step$
CREATE TABLE attest_data.import_block (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  import_id uuid NOT NULL,
  first_line int NOT NULL,
  records int NOT NULL,
  source attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, import_id, first_line),
  FOREIGN KEY (tenant_id, import_id) REFERENCES attest_data.import (tenant_id, import_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (87, 'person', 31, 'table', $step$
COMMENT ON TABLE attest_data.import_block IS 'Staged records as they were sent, sealed by the block; after loading, those that were rejected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (88, 'person', 32, 'table', $step$
CREATE TABLE attest_data.import_fault (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  import_id uuid NOT NULL,
  line int NOT NULL,
  column_name text,
  error text NOT NULL,
  facts text[] NOT NULL,
  PRIMARY KEY (tenant_id, import_id, line),
  FOREIGN KEY (tenant_id, import_id) REFERENCES attest_data.import (tenant_id, import_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (89, 'person', 33, 'table', $step$
COMMENT ON TABLE attest_data.import_fault IS 'Why records of an import are rejected: an error of the catalogue and its facts, never a value but a reference.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (90, 'person', 34, 'table', $step$
SELECT attest_internal.register_job('import', 'import_job', '1 day', 'Destroys the staged and rejected records of imports that are 30 days old.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (91, 'retention', 1, 'table', $step$
CREATE TABLE attest_data.retention_rule (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  profile text NOT NULL,
  keep interval NOT NULL,
  basis text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, profile)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (92, 'retention', 2, 'table', $step$
COMMENT ON TABLE attest_data.retention_rule IS 'How long people of a profile are kept after their last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (93, 'retention', 3, 'table', $step$
CREATE TABLE attest_data.legal_hold (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  hold_id uuid NOT NULL,
  person_id uuid NOT NULL,
  reason attest.sealed NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  placed_by uuid,
  lifted_at timestamptz,
  lifted_by uuid,
  lift_reason attest.sealed,
  PRIMARY KEY (tenant_id, hold_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (94, 'retention', 4, 'table', $step$
COMMENT ON TABLE attest_data.legal_hold IS 'Holds: people who must not be erased for now.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (95, 'retention', 5, 'table', $step$
CREATE INDEX legal_hold_tenant_person_idx ON attest_data.legal_hold (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (96, 'retention', 6, 'table', $step$
CREATE TABLE attest_data.destruction_certificate (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  certificate_id uuid NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  persons int NOT NULL,
  body jsonb NOT NULL,
  digest bytea NOT NULL,
  PRIMARY KEY (tenant_id, certificate_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (97, 'retention', 7, 'table', $step$
COMMENT ON TABLE attest_data.destruction_certificate IS 'What the retention job did: who (by id), when, on what basis, how.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (98, 'retention', 8, 'table', $step$
SELECT attest_internal.register_job('retention', 'retention_job', '1 day', 'Anonymises people past their retention and leaves a certificate of destruction.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (99, 'attendance', 1, 'table', $step$
CREATE TABLE attest_data.course (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  course_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  nature text NOT NULL,
  provider text,
  provider_nda text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, course_id),
  UNIQUE (tenant_id, code)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (100, 'attendance', 2, 'table', $step$
COMMENT ON TABLE attest_data.course IS 'Courses; provider and its declaration number (NDA) where it is not the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (101, 'attendance', 3, 'table', $step$
CREATE TABLE attest_data.place (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  place_id uuid NOT NULL,
  name text NOT NULL,
  time_zone text NOT NULL,
  commune text,
  holiday_zone text NOT NULL,
  PRIMARY KEY (tenant_id, place_id),
  UNIQUE (tenant_id, name)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (102, 'attendance', 4, 'table', $step$
COMMENT ON TABLE attest_data.place IS 'Places of slots: their own time zone and public holidays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (103, 'attendance', 5, 'table', $step$
CREATE TABLE attest_data.session (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  session_id uuid NOT NULL,
  course_id uuid NOT NULL,
  title text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  place text,
  late_after interval NOT NULL,
  opens_before interval,
  closes_after interval,
  own_device_evidence smallint NOT NULL DEFAULT 2 CHECK (own_device_evidence BETWEEN 2 AND 4),
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, course_id) REFERENCES attest_data.course (tenant_id, course_id),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (104, 'attendance', 6, 'table', $step$
COMMENT ON TABLE attest_data.session IS 'Sessions of courses, in local days of their slots. opens_before and closes_after: how long around a slot signing is open, NULL without limit. own_device_evidence: the least level of evidence of who signs for themselves.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (105, 'attendance', 7, 'table', $step$
CREATE INDEX session_tenant_course_idx ON attest_data.session (tenant_id, course_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (106, 'attendance', 8, 'table', $step$
CREATE TABLE attest_data.slot (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  session_id uuid NOT NULL,
  day date NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  modality text NOT NULL,
  time_zone text NOT NULL,
  place_id uuid,
  holiday boolean NOT NULL DEFAULT false,
  closed_at timestamptz,
  cancelled_at timestamptz,
  PRIMARY KEY (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, place_id) REFERENCES attest_data.place (tenant_id, place_id),
  CHECK (ends_at > starts_at)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (107, 'attendance', 9, 'table', $step$
COMMENT ON TABLE attest_data.slot IS 'Slots of sessions, half-days as a rule; day is the local day of the start in the zone of the place. closed_at: when the absences were recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (108, 'attendance', 10, 'table', $step$
CREATE INDEX slot_tenant_session_idx ON attest_data.slot (tenant_id, session_id, starts_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (109, 'attendance', 11, 'table', $step$
CREATE INDEX slot_tenant_open_idx ON attest_data.slot (tenant_id, ends_at) WHERE closed_at IS NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (110, 'attendance', 12, 'table', $step$
CREATE TABLE attest_data.slot_trainer (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, trainer_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, trainer_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (111, 'attendance', 13, 'table', $step$
COMMENT ON TABLE attest_data.slot_trainer IS 'Trainers of slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (112, 'attendance', 14, 'table', $step$
CREATE TABLE attest_data.funder (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  funder_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  PRIMARY KEY (tenant_id, funder_id),
  UNIQUE (tenant_id, code)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (113, 'attendance', 15, 'table', $step$
COMMENT ON TABLE attest_data.funder IS 'Who pays for the training of whom; kind as the BPF asks for the origin of the money.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (114, 'attendance', 16, 'table', $step$
CREATE TABLE attest_data.counting_rule (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  rule_version int NOT NULL CHECK (rule_version > 0),
  funder_id uuid NOT NULL,
  valid_from date NOT NULL,
  as_attended int NOT NULL,
  as_planned int NOT NULL,
  grain int NOT NULL CHECK (grain > 0),
  basis text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, rule_version),
  FOREIGN KEY (tenant_id, funder_id) REFERENCES attest_data.funder (tenant_id, funder_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (115, 'attendance', 17, 'table', $step$
CREATE INDEX counting_rule_tenant_funder_idx ON attest_data.counting_rule (tenant_id, funder_id, valid_from)
$step$);

INSERT INTO attest_internal.setup_step VALUES (116, 'attendance', 18, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.counting_rule FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (117, 'attendance', 19, 'table', $step$
COMMENT ON TABLE attest_data.counting_rule IS 'What counts for a funder, versions that are never changed: sets of statuses (bit = code) that count as attended or as planned, rounded down to whole grains of minutes. The newest version whose valid_from is on or before the day of the slot applies.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (118, 'attendance', 20, 'table', $step$
CREATE TABLE attest_data.enrolment (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  funder_id uuid,
  funding_reference text,
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES attest_data.session (tenant_id, session_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, funder_id) REFERENCES attest_data.funder (tenant_id, funder_id),
  CHECK (until >= since)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (119, 'attendance', 21, 'table', $step$
COMMENT ON TABLE attest_data.enrolment IS 'Periods, in local days, within which a person belongs to a session, and who pays for it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (120, 'attendance', 22, 'table', $step$
CREATE INDEX enrolment_tenant_session_person_idx ON attest_data.enrolment (tenant_id, session_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (121, 'attendance', 23, 'table', $step$
CREATE INDEX enrolment_tenant_person_idx ON attest_data.enrolment (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (122, 'attendance', 24, 'table', $step$
CREATE INDEX enrolment_tenant_funder_idx ON attest_data.enrolment (tenant_id, funder_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (123, 'attendance', 25, 'table', $step$
CREATE TABLE attest_data.slot_signature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  signature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('learner', 'trainer')),
  kind text NOT NULL,
  signature attest.sealed,
  digest bytea NOT NULL,
  reasons text[] NOT NULL,
  claimed_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, signature_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (124, 'attendance', 26, 'table', $step$
COMMENT ON TABLE attest_data.slot_signature IS 'Captured signatures, sealed under the key of the signer; NULL once the signer is erased, when the digest stays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (125, 'attendance', 27, 'table', $step$
CREATE INDEX slot_signature_tenant_person_idx ON attest_data.slot_signature (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (126, 'attendance', 28, 'table', $step$
CREATE TABLE attest_data.presence_state (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  day date NOT NULL,
  minutes_planned int NOT NULL CHECK (minutes_planned >= 0),
  minutes_attended int NOT NULL DEFAULT 0 CHECK (minutes_attended >= 0),
  minutes_counted int NOT NULL DEFAULT 0 CHECK (minutes_counted >= 0),
  late_minutes int NOT NULL DEFAULT 0 CHECK (late_minutes >= 0),
  rule_version int NOT NULL DEFAULT 0,
  status smallint NOT NULL DEFAULT 0,
  evidence smallint NOT NULL DEFAULT 0,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  signed boolean NOT NULL DEFAULT false,
  countersigned boolean NOT NULL DEFAULT false,
  method text,
  presence_id uuid,
  claimed_at timestamptz,
  PRIMARY KEY (tenant_id, slot_id, person_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, enrolment_id) REFERENCES attest_data.enrolment (tenant_id, enrolment_id)
) WITH (fillfactor = 75)
$step$);

INSERT INTO attest_internal.setup_step VALUES (127, 'attendance', 29, 'table', $step$
COMMENT ON TABLE attest_data.presence_state IS 'Where each person expected on a slot stands now, as the events give it; written in the transaction of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (128, 'attendance', 30, 'table', $step$
CREATE INDEX presence_state_tenant_enrolment_idx ON attest_data.presence_state (tenant_id, enrolment_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (129, 'attendance', 31, 'table', $step$
CREATE INDEX presence_state_tenant_person_idx ON attest_data.presence_state (tenant_id, person_id, day)
$step$);

INSERT INTO attest_internal.setup_step VALUES (130, 'attendance', 32, 'table', $step$
CREATE TABLE attest_data.presence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  minutes_planned int NOT NULL CHECK (minutes_planned >= 0),
  minutes_attended int NOT NULL CHECK (minutes_attended >= 0),
  status smallint NOT NULL,
  evidence smallint NOT NULL,
  presence_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  claimed_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  method text NOT NULL,
  recorded_by uuid DEFAULT attest.current_account(),
  client_id uuid,
  device_id uuid,
  signature_id uuid,
  justification_id uuid,
  recorded_for uuid, -- the id that a countersignature covers, where the person was merged into another since
  channel text,
  flags text[] NOT NULL DEFAULT '{}',
  reason attest.sealed,
  PRIMARY KEY (tenant_id, presence_id),
  CONSTRAINT presence_state_fkey FOREIGN KEY (tenant_id, slot_id, person_id)
    REFERENCES attest_data.presence_state (tenant_id, slot_id, person_id) DEFERRABLE
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (131, 'attendance', 33, 'table', $step$
COMMENT ON TABLE attest_data.presence IS 'Events of presence: append-only. attest_data.presence_state says what they come to.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (132, 'attendance', 34, 'table', $step$
CREATE UNIQUE INDEX presence_tenant_client_idx ON attest_data.presence (tenant_id, client_id) WHERE client_id IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (133, 'attendance', 35, 'table', $step$
CREATE INDEX presence_tenant_slot_person_idx ON attest_data.presence (tenant_id, slot_id, person_id, presence_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (134, 'attendance', 36, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.presence FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (135, 'attendance', 37, 'table', $step$
CREATE TABLE attest_data.justification (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  justification_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  motive text NOT NULL,
  document attest.sealed,
  digest bytea NOT NULL,
  submitted_at timestamptz NOT NULL DEFAULT now(),
  submitted_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, justification_id),
  CONSTRAINT justification_state_fkey FOREIGN KEY (tenant_id, slot_id, person_id)
    REFERENCES attest_data.presence_state (tenant_id, slot_id, person_id) DEFERRABLE
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (136, 'attendance', 38, 'table', $step$
COMMENT ON TABLE attest_data.justification IS 'Documents that justify an absence or lateness, sealed under the key of the person; NULL once erased, when the digest stays.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (137, 'attendance', 39, 'table', $step$
CREATE INDEX justification_tenant_slot_person_idx ON attest_data.justification (tenant_id, slot_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (138, 'attendance', 40, 'table', $step$
CREATE INDEX justification_tenant_person_idx ON attest_data.justification (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (139, 'attendance', 41, 'table', $step$
CREATE TABLE attest_data.justification_decision (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  justification_id uuid NOT NULL,
  person_id uuid NOT NULL,
  accepted boolean NOT NULL,
  reason attest.sealed,
  decided_at timestamptz NOT NULL DEFAULT now(),
  decided_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, justification_id),
  FOREIGN KEY (tenant_id, justification_id) REFERENCES attest_data.justification (tenant_id, justification_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (140, 'attendance', 42, 'table', $step$
COMMENT ON TABLE attest_data.justification_decision IS 'What was decided on a justification, once.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (141, 'attendance', 43, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.justification_decision FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (142, 'attendance', 44, 'table', $step$
CREATE TABLE attest_data.countersignature (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  countersignature_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  trainer_id uuid NOT NULL,
  signature_id uuid NOT NULL,
  list_digest bytea NOT NULL,
  shown boolean NOT NULL,
  events uuid[] NOT NULL,
  countersigned_at timestamptz NOT NULL DEFAULT now(),
  client_id uuid,
  PRIMARY KEY (tenant_id, countersignature_id),
  UNIQUE (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id),
  FOREIGN KEY (tenant_id, signature_id) REFERENCES attest_data.slot_signature (tenant_id, signature_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (143, 'attendance', 45, 'table', $step$
COMMENT ON TABLE attest_data.countersignature IS 'Countersignatures of trainers, each bound to a list (its digest) and to the events behind it. shown: the client gave the digest of the list that it had shown.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (144, 'attendance', 46, 'table', $step$
CREATE UNIQUE INDEX countersignature_tenant_client_idx ON attest_data.countersignature (tenant_id, client_id) WHERE client_id IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (145, 'attendance', 47, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.countersignature FOR EACH ROW EXECUTE FUNCTION attest_internal.refuse_change()
$step$);

INSERT INTO attest_internal.setup_step VALUES (146, 'attendance', 48, 'table', $step$
CREATE TABLE attest_data.challenge (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  device_id uuid NOT NULL,
  hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  coded boolean NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, person_id, device_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (147, 'attendance', 49, 'table', $step$
COMMENT ON TABLE attest_data.challenge IS 'Challenges that wait to be answered: SHA-256 only. Gone once used; a new one takes the place of the last for the same slot, person and device. coded: given for the rotating code of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (148, 'attendance', 50, 'table', $step$
CREATE TABLE attest_data.slot_code (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  slot_id uuid NOT NULL,
  hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, slot_id, hash),
  FOREIGN KEY (tenant_id, slot_id) REFERENCES attest_data.slot (tenant_id, slot_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (149, 'attendance', 51, 'table', $step$
COMMENT ON TABLE attest_data.slot_code IS 'Rotating codes of slots that are still good: SHA-256 only.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (150, 'attendance', 52, 'table', $step$
CREATE TABLE attest_data.attendance_policy (
  tenant_id int PRIMARY KEY DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  lock_after interval,
  absence_after interval,
  chain_people int NOT NULL DEFAULT 3,
  chain_within interval NOT NULL DEFAULT '10 seconds',
  end_margin interval NOT NULL DEFAULT '15 minutes',
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account()
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (151, 'attendance', 53, 'table', $step$
COMMENT ON TABLE attest_data.attendance_policy IS 'Choices of a tenant: when a slot is locked, and when who has not signed is absent, both counted from its end, NULL: never; and what attest.presence_flags points at. A tenant without a row has the defaults of attest.set_attendance_policy().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (152, 'attendance', 54, 'table', $step$
CREATE TABLE attest_data.event_outbox (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  event_id uuid NOT NULL,
  slot_id uuid NOT NULL,
  person_id uuid NOT NULL,
  server bigint NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, transaction, event_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (153, 'attendance', 55, 'table', $step$
COMMENT ON TABLE attest_data.event_outbox IS 'What happened, in the order in which attest.events_since() tells it; kept for a week, then attest_data.event_gone remembers where it ended. server: the cluster whose transaction numbers these are.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (154, 'attendance', 56, 'table', $step$
CREATE TABLE attest_data.event_gone (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  person_id uuid NOT NULL,
  transaction xid8 NOT NULL,
  event_id uuid NOT NULL,
  server bigint NOT NULL,
  PRIMARY KEY (tenant_id, transaction, event_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (155, 'attendance', 57, 'table', $step$
COMMENT ON TABLE attest_data.event_gone IS 'The last notice of each person that is no longer kept, so that attest.events_since() refuses a position before it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (156, 'attendance', 58, 'table', $step$
CREATE INDEX event_gone_tenant_person_idx ON attest_data.event_gone (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (157, 'attendance', 59, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.slot_trainer FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (158, 'attendance', 60, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.enrolment FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (159, 'attendance', 61, 'table', $step$
SELECT attest_internal.register_job('absences', 'attendance_absence_job', '5 minutes', 'Records as absent whoever did not sign a slot that has ended.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (160, 'attendance', 62, 'table', $step$
SELECT attest_internal.register_job('attendance purge', 'attendance_purge_job', '1 day', 'Removes challenges, codes and notices that are past their time.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (161, 'attendance', 63, 'table', $step$
CREATE TABLE attest_data.enrolment_total (
  tenant_id int NOT NULL DEFAULT attest.current_tenant(),
  enrolment_id uuid NOT NULL,
  session_id uuid NOT NULL,
  person_id uuid NOT NULL,
  total attest.tally NOT NULL,
  PRIMARY KEY (tenant_id, enrolment_id),
  FOREIGN KEY (tenant_id, enrolment_id) REFERENCES attest_data.enrolment (tenant_id, enrolment_id)
) WITH (fillfactor = 50)
$step$);

INSERT INTO attest_internal.setup_step VALUES (162, 'attendance', 64, 'table', $step$
COMMENT ON TABLE attest_data.enrolment_total IS 'The running total of each enrolment, kept by a trigger of attest_data.presence_state; attest_internal.total_differences() compares.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (163, 'attendance', 65, 'table', $step$
CREATE INDEX enrolment_total_tenant_session_idx ON attest_data.enrolment_total (tenant_id, session_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (164, 'attendance', 66, 'table', $step$
CREATE INDEX enrolment_total_tenant_person_idx ON attest_data.enrolment_total (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (165, 'attendance', 67, 'table', $step$
CREATE TRIGGER follow_presence AFTER INSERT OR UPDATE OR DELETE ON attest_data.presence_state FOR EACH ROW EXECUTE FUNCTION attest_internal.follow_presence()
$step$);

INSERT INTO attest_internal.setup_step VALUES (166, 'attendance', 68, 'table', $step$
CREATE TRIGGER write_total AFTER INSERT OR UPDATE OR DELETE ON attest_data.presence_state FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.follow_presence()
$step$);

INSERT INTO attest_internal.setup_step VALUES (167, 'followup', 1, 'table', $step$
CREATE TABLE attest_data.followup_setting (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  name text NOT NULL,
  value text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  set_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, name)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (168, 'followup', 2, 'table', $step$
COMMENT ON TABLE attest_data.followup_setting IS 'Where a tenant departs from the defaults of attest.followup_settings().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (169, 'followup', 3, 'table', $step$
CREATE TABLE attest_data.referent_organisation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  organisation_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  siret attest.siret,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, organisation_id),
  UNIQUE (tenant_id, code),
  CHECK (until >= since)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (170, 'followup', 4, 'table', $step$
COMMENT ON TABLE attest_data.referent_organisation IS 'Organisations that people are referred to (L5411-5-1 of the Labour Code).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (171, 'followup', 5, 'table', $step$
CREATE TABLE attest_data.referent_membership (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  referent_id uuid NOT NULL,
  organisation_id uuid NOT NULL,
  since date NOT NULL,
  until date,
  PRIMARY KEY (tenant_id, referent_id, since),
  FOREIGN KEY (tenant_id, referent_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  CHECK (until >= since)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (172, 'followup', 6, 'table', $step$
COMMENT ON TABLE attest_data.referent_membership IS 'Which organisation a referent or counsellor works for, and when: one at a time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (173, 'followup', 7, 'table', $step$
CREATE TABLE attest_data.rsa_situation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  situation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  since date NOT NULL,
  rights text NOT NULL CHECK (rights IN ('open', 'suspended', 'closed')),
  obliged boolean,
  applied_on date,
  registered_on date,
  registration_exempt boolean,
  informed_on date,
  entered_on date,
  couple boolean,
  children boolean,
  education text CHECK (education IN ('VI_Vbis', 'V', 'IV', 'III_I')),
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, situation_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.rsa_situation (tenant_id, situation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (174, 'followup', 8, 'table', $step$
COMMENT ON TABLE attest_data.rsa_situation IS 'What is known of the right to the RSA: append-only; of the rows recorded by then and not cancelled, the one with the last day counts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (175, 'followup', 9, 'table', $step$
CREATE INDEX rsa_situation_tenant_person_idx ON attest_data.rsa_situation (tenant_id, person_id, since)
$step$);

INSERT INTO attest_internal.setup_step VALUES (176, 'followup', 10, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.rsa_situation FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (177, 'followup', 11, 'table', $step$
CREATE TABLE attest_data.orientation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  orientation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  organisation_id uuid NOT NULL,
  decided_on date NOT NULL,
  notified_on date,
  decided_by text NOT NULL CHECK (decided_by IN ('departement', 'delegate', 'france_travail')),
  path text NOT NULL CHECK (path IN ('employment', 'social_professional', 'social')),
  outcome text NOT NULL CHECK (outcome IN ('oriented', 'maintained')),
  vulnerable boolean NOT NULL,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, orientation_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.orientation (tenant_id, orientation_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  CHECK (notified_on >= decided_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (178, 'followup', 12, 'table', $step$
COMMENT ON TABLE attest_data.orientation IS 'Decisions of orientation and re-examination: append-only; a correction replaces a row.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (179, 'followup', 13, 'table', $step$
CREATE INDEX orientation_tenant_person_idx ON attest_data.orientation (tenant_id, person_id, decided_on)
$step$);

INSERT INTO attest_internal.setup_step VALUES (180, 'followup', 14, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.orientation FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (181, 'followup', 15, 'table', $step$
CREATE TABLE attest_data.engagement_contract (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  contract_id uuid NOT NULL,
  person_id uuid NOT NULL,
  organisation_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('engagement', 'cer', 'ppae')),
  signed_on date NOT NULL,
  starts_on date NOT NULL,
  ends_on date,
  weekly_minutes int NOT NULL CHECK (weekly_minutes > 0),
  actions text[] NOT NULL,
  renews uuid,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  ground attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, contract_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  FOREIGN KEY (tenant_id, renews) REFERENCES attest_data.engagement_contract (tenant_id, contract_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.engagement_contract (tenant_id, contract_id),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (182, 'followup', 16, 'table', $step$
COMMENT ON TABLE attest_data.engagement_contract IS 'Contracts of engagement, and the CER and PPAE before them: append-only; a correction replaces a row.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (183, 'followup', 17, 'table', $step$
CREATE INDEX engagement_contract_tenant_person_idx ON attest_data.engagement_contract (tenant_id, person_id, starts_on)
$step$);

INSERT INTO attest_internal.setup_step VALUES (184, 'followup', 18, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.engagement_contract FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (185, 'followup', 19, 'table', $step$
CREATE TABLE attest_data.commitment_period (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  period_id uuid NOT NULL,
  person_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('reduction', 'exemption', 'leave')),
  since date NOT NULL,
  until date,
  weekly_minutes int CHECK (weekly_minutes > 0),
  requested_on date,
  decided_on date,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  ground attest.sealed,
  proof attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, period_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.commitment_period (tenant_id, period_id),
  CHECK (until >= since),
  CHECK ((kind = 'reduction') = (weekly_minutes IS NOT NULL))
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (186, 'followup', 20, 'table', $step$
COMMENT ON TABLE attest_data.commitment_period IS 'Periods with a reduced weekly duration, with none, or on leave: append-only; a correction replaces a row. The ground may be about health: it is sealed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (187, 'followup', 21, 'table', $step$
CREATE INDEX commitment_period_tenant_person_idx ON attest_data.commitment_period (tenant_id, person_id, since)
$step$);

INSERT INTO attest_internal.setup_step VALUES (188, 'followup', 22, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.commitment_period FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (189, 'followup', 23, 'table', $step$
CREATE TABLE attest_data.activity (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  activity_id uuid NOT NULL,
  person_id uuid NOT NULL,
  kind text NOT NULL,
  day date NOT NULL,
  starts_at timestamptz,
  outcome text NOT NULL CHECK (outcome IN ('planned', 'done', 'absent', 'excused')),
  minutes_planned int CHECK (minutes_planned > 0),
  minutes_done int CHECK (minutes_done >= 0),
  client_id uuid,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  proof attest.sealed,
  note attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, activity_id),
  UNIQUE (tenant_id, client_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.activity (tenant_id, activity_id),
  CHECK ((outcome = 'planned') = (minutes_done IS NULL))
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (190, 'followup', 24, 'table', $step$
COMMENT ON TABLE attest_data.activity IS 'Activities other than training recorded by attendance: append-only; a correction replaces a row.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (191, 'followup', 25, 'table', $step$
CREATE INDEX activity_tenant_person_idx ON attest_data.activity (tenant_id, person_id, day)
$step$);

INSERT INTO attest_internal.setup_step VALUES (192, 'followup', 26, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.activity FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (193, 'followup', 27, 'table', $step$
CREATE TABLE attest_data.interaction (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  interaction_id uuid NOT NULL,
  person_id uuid NOT NULL,
  kind text NOT NULL,
  happened_at timestamptz NOT NULL,
  author_id uuid,
  organisation_id uuid,
  audience text NOT NULL CHECK (audience IN ('caseload', 'organisation', 'author')),
  follows uuid,
  replaces uuid,
  cancelled boolean NOT NULL DEFAULT false,
  content attest.sealed,
  reason attest.sealed,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, interaction_id),
  UNIQUE (tenant_id, replaces),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, author_id) REFERENCES attest_data.person (tenant_id, person_id),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES attest_data.referent_organisation (tenant_id, organisation_id),
  FOREIGN KEY (tenant_id, follows) REFERENCES attest_data.interaction (tenant_id, interaction_id),
  FOREIGN KEY (tenant_id, replaces) REFERENCES attest_data.interaction (tenant_id, interaction_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (194, 'followup', 28, 'table', $step$
COMMENT ON TABLE attest_data.interaction IS 'History of interactions and comments, sealed under the key of the person: append-only; a correction replaces a row.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (195, 'followup', 29, 'table', $step$
CREATE INDEX interaction_tenant_person_idx ON attest_data.interaction (tenant_id, person_id, happened_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (196, 'followup', 30, 'table', $step$
CREATE INDEX interaction_tenant_follows_idx ON attest_data.interaction (tenant_id, follows) WHERE follows IS NOT NULL
$step$);

INSERT INTO attest_internal.setup_step VALUES (197, 'followup', 31, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.interaction FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (198, 'followup', 32, 'table', $step$
CREATE TABLE attest_data.interaction_reading (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  reading_id uuid NOT NULL,
  person_id uuid NOT NULL,
  read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  read_by uuid DEFAULT attest.current_account(),
  profile text,
  interactions int NOT NULL,
  PRIMARY KEY (tenant_id, reading_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (199, 'followup', 33, 'table', $step$
COMMENT ON TABLE attest_data.interaction_reading IS 'Who read the interactions of whom, and when: append-only.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (200, 'followup', 34, 'table', $step$
CREATE INDEX interaction_reading_tenant_person_idx ON attest_data.interaction_reading (tenant_id, person_id, read_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (201, 'followup', 35, 'table', $step$
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attest_data.interaction_reading FOR EACH ROW EXECUTE FUNCTION attest_internal.keep_record()
$step$);

INSERT INTO attest_internal.setup_step VALUES (202, 'esf', 1, 'table', $step$
CREATE TABLE attest_data.operation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  code text NOT NULL,
  title text NOT NULL,
  framework text NOT NULL CHECK (framework IN ('esf+', 'esf')),
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  programme text,
  priority text,
  specific_objective text,
  region_category text CHECK (region_category IN ('less_developed', 'transition', 'more_developed', 'outermost')),
  parameters jsonb NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  UNIQUE (tenant_id, code),
  CHECK (ends_on >= starts_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (203, 'esf', 2, 'table', $step$
COMMENT ON TABLE attest_data.operation IS 'Operations funded by the European Social Fund.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (204, 'esf', 3, 'table', $step$
CREATE INDEX operation_tenant_programme_idx ON attest_data.operation (tenant_id, programme)
$step$);

INSERT INTO attest_internal.setup_step VALUES (205, 'esf', 4, 'table', $step$
CREATE TRIGGER change_rights AFTER INSERT OR UPDATE OR DELETE ON attest_data.operation FOR EACH STATEMENT EXECUTE FUNCTION attest_internal.change_rights()
$step$);

INSERT INTO attest_internal.setup_step VALUES (206, 'esf', 5, 'table', $step$
CREATE TABLE attest_data.operation_parameters (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  entry_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  parameters jsonb NOT NULL,
  reason text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, entry_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (207, 'esf', 6, 'table', $step$
COMMENT ON TABLE attest_data.operation_parameters IS 'Parameters of the indicators of an operation, as changed one after the other; the last ones are those of the operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (208, 'esf', 7, 'table', $step$
CREATE INDEX operation_parameters_tenant_operation_idx ON attest_data.operation_parameters (tenant_id, operation_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (209, 'esf', 8, 'table', $step$
CREATE TABLE attest_data.participation (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  version int NOT NULL DEFAULT 0,
  entered_on date NOT NULL,
  exited_on date,
  evidence text NOT NULL DEFAULT 'unverified' CHECK (evidence IN ('unverified', 'verified', 'rejected')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  exit_recorded_at timestamptz,
  followup_recorded_at timestamptz,
  corrected_at timestamptz,
  PRIMARY KEY (tenant_id, participation_id),
  UNIQUE (tenant_id, operation_id, person_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id),
  CHECK (exited_on >= entered_on)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (210, 'esf', 9, 'table', $step$
COMMENT ON TABLE attest_data.participation IS 'Participations: one a person and operation. What the indicators follow from is in the versions, sealed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (211, 'esf', 10, 'table', $step$
CREATE INDEX participation_tenant_person_idx ON attest_data.participation (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (212, 'esf', 11, 'table', $step$
CREATE TABLE attest_data.participation_version (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  version int NOT NULL CHECK (version > 0),
  stay int NOT NULL CHECK (stay > 0),
  person_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('entry', 're_entry', 'exit', 'change', 'followup', 'correction', 'import', 'merge', 'parameters')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  reason attest.sealed,
  facts attest.sealed,
  dossier attest.sealed,
  PRIMARY KEY (tenant_id, participation_id, version),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (213, 'esf', 12, 'table', $step$
COMMENT ON TABLE attest_data.participation_version IS 'What was known of a participation after each write, sealed for the person; emptied when the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (214, 'esf', 13, 'table', $step$
CREATE INDEX participation_version_tenant_person_idx ON attest_data.participation_version (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (215, 'esf', 14, 'table', $step$
CREATE TABLE attest_data.participation_stay (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  participation_id uuid NOT NULL,
  stay int NOT NULL CHECK (stay > 0),
  person_id uuid NOT NULL,
  entered_on date NOT NULL,
  exited_on date CHECK (exited_on >= entered_on),
  PRIMARY KEY (tenant_id, participation_id, stay),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (216, 'esf', 15, 'table', $step$
COMMENT ON TABLE attest_data.participation_stay IS 'From when to when a person was in the operation, each time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (217, 'esf', 16, 'table', $step$
CREATE INDEX participation_stay_tenant_person_idx ON attest_data.participation_stay (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (218, 'esf', 17, 'table', $step$
CREATE TABLE attest_data.participation_evidence (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  evidence_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  person_id uuid NOT NULL,
  evidence text NOT NULL CHECK (evidence IN ('unverified', 'verified', 'rejected')),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, evidence_id),
  FOREIGN KEY (tenant_id, participation_id) REFERENCES attest_data.participation (tenant_id, participation_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES attest_data.person (tenant_id, person_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (219, 'esf', 18, 'table', $step$
COMMENT ON TABLE attest_data.participation_evidence IS 'Verdicts on the pieces of proof of a participation, one after the other.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (220, 'esf', 19, 'table', $step$
CREATE INDEX participation_evidence_tenant_participation_idx ON attest_data.participation_evidence (tenant_id, participation_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (221, 'esf', 20, 'table', $step$
CREATE INDEX participation_evidence_tenant_person_idx ON attest_data.participation_evidence (tenant_id, person_id)
$step$);

INSERT INTO attest_internal.setup_step VALUES (222, 'esf', 21, 'table', $step$
CREATE TABLE attest_data.participation_count (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  version int NOT NULL CHECK (version > 0),
  stay int NOT NULL CHECK (stay > 0),
  recorded_at timestamptz NOT NULL,
  entered_on date,
  exited_on date,
  counted attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, operation_id, participation_id, version, stay),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (223, 'esf', 22, 'table', $step$
COMMENT ON TABLE attest_data.participation_count IS 'What each version of a participation counted for, up to the end of each stay: gender and indicators, sealed for the operation. It stays when the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (224, 'esf', 23, 'table', $step$
CREATE TABLE attest_data.operation_pending (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  participation_id uuid NOT NULL,
  version int NOT NULL,
  stay int NOT NULL,
  added attest.sealed NOT NULL,
  removed attest.sealed,
  PRIMARY KEY (tenant_id, operation_id, participation_id, version),
  FOREIGN KEY (tenant_id, operation_id, participation_id, version, stay)
    REFERENCES attest_data.participation_count (tenant_id, operation_id, participation_id, version, stay)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (225, 'esf', 24, 'table', $step$
COMMENT ON TABLE attest_data.operation_pending IS 'Versions that the running total of their operation does not hold yet: what each counts for, and what the one before did.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (226, 'esf', 25, 'table', $step$
CREATE TABLE attest_data.operation_total (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  operation_id uuid NOT NULL,
  total attest.sealed NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (227, 'esf', 26, 'table', $step$
COMMENT ON TABLE attest_data.operation_total IS 'Running totals of the operations: tallies, sealed for the operation, without what is pending.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (228, 'esf', 27, 'table', $step$
CREATE TABLE attest_data.operation_entity (
  tenant_id int NOT NULL DEFAULT attest.current_tenant() REFERENCES attest_data.tenant (id),
  entry_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  code text NOT NULL,
  entities bigint NOT NULL CHECK (entities >= 0),
  counted_on date NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by uuid DEFAULT attest.current_account(),
  PRIMARY KEY (tenant_id, entry_id),
  FOREIGN KEY (tenant_id, operation_id) REFERENCES attest_data.operation (tenant_id, operation_id)
)
$step$);

INSERT INTO attest_internal.setup_step VALUES (229, 'esf', 28, 'table', $step$
COMMENT ON TABLE attest_data.operation_entity IS 'Numbers of supported services, firms and projects; the last day of a code counts, and of that day what was recorded last.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (230, 'esf', 29, 'table', $step$
CREATE INDEX operation_entity_tenant_operation_idx ON attest_data.operation_entity (tenant_id, operation_id, code, recorded_at)
$step$);

INSERT INTO attest_internal.setup_step VALUES (231, 'esf', 30, 'table', $step$
SELECT attest_internal.register_job('esf_totals', 'esf_totals_job', '10 minutes', 'Adds to the running totals of ESF operations what was recorded since, so that reports stay fast. They are exact without it.')
$step$);

INSERT INTO attest_internal.setup_step VALUES (232, 'tenant', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.tenants WITH (security_invoker = true) AS
SELECT id, code, name, kind, time_zone, created_at FROM attest_data.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (233, 'tenant', 2, 'view', $step$
COMMENT ON VIEW attest.tenants IS 'The tenants: all for an operator, the entered one for everybody else.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (234, 'tenant', 3, 'view', $step$
COMMENT ON COLUMN attest.tenants.id IS 'Number of the tenant, the tenant_id of its rows.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (235, 'tenant', 4, 'view', $step$
COMMENT ON COLUMN attest.tenants.code IS 'Short name used in calls.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (236, 'tenant', 5, 'view', $step$
COMMENT ON COLUMN attest.tenants.name IS 'Name of the organisation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (237, 'tenant', 6, 'view', $step$
COMMENT ON COLUMN attest.tenants.kind IS 'departement, training_organisation, guidance_centre, certifier or company.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (238, 'tenant', 7, 'view', $step$
COMMENT ON COLUMN attest.tenants.time_zone IS 'Time zone of the local days of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (239, 'tenant', 8, 'view', $step$
COMMENT ON COLUMN attest.tenants.created_at IS 'When the tenant was created.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (240, 'tenant', 9, 'view', $step$
GRANT SELECT ON attest_data.tenant, attest.tenants TO attest_operator, attest_app, attest_analyst, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (241, 'tenant', 10, 'view', $step$
CREATE OR REPLACE VIEW attest.identity_providers WITH (security_invoker = true) AS
SELECT t.code AS tenant, p.issuer, p.audience, p.account_claim, p.clock_skew, k.kid, k.alg, k.imported_at
FROM attest_data.identity_provider p JOIN attest_data.tenant t ON t.id = p.tenant
LEFT JOIN attest_data.identity_key k ON k.issuer = p.issuer AND k.audience = p.audience
$step$);

INSERT INTO attest_internal.setup_step VALUES (242, 'tenant', 11, 'view', $step$
COMMENT ON VIEW attest.identity_providers IS 'Identity providers and their keys, a row a key.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (243, 'tenant', 12, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.tenant IS 'Code of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (244, 'tenant', 13, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.issuer IS 'Claim iss of the tokens.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (245, 'tenant', 14, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.audience IS 'Claim aud of the tokens.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (246, 'tenant', 15, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.account_claim IS 'Claim that holds the identifier of the account.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (247, 'tenant', 16, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.clock_skew IS 'By how much the clocks may differ.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (248, 'tenant', 17, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.kid IS 'Id of the key; NULL while no key is imported.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (249, 'tenant', 18, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.alg IS 'The one algorithm the key serves.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (250, 'tenant', 19, 'view', $step$
COMMENT ON COLUMN attest.identity_providers.imported_at IS 'When the key was imported.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (251, 'tenant', 20, 'view', $step$
CREATE OR REPLACE VIEW attest.tenant_roles WITH (security_invoker = true) AS
SELECT r.role_name, t.code AS tenant, r.profile, r.granted_at
FROM attest_data.role_tenant r JOIN attest_data.tenant t ON t.id = r.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (252, 'tenant', 21, 'view', $step$
COMMENT ON VIEW attest.tenant_roles IS 'Login roles that stand for a tenant when no ticket is set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (253, 'tenant', 22, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.role_name IS 'Login role.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (254, 'tenant', 23, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.tenant IS 'Code of the tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (255, 'tenant', 24, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.profile IS 'Profile it has there.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (256, 'tenant', 25, 'view', $step$
COMMENT ON COLUMN attest.tenant_roles.granted_at IS 'Since when.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (257, 'tenant', 26, 'view', $step$
GRANT SELECT ON attest_data.identity_provider, attest_data.role_tenant, attest.identity_providers, attest.tenant_roles TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (258, 'tenant', 27, 'view', $step$
GRANT SELECT (issuer, audience, kid, alg, imported_at) ON attest_data.identity_key TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (259, 'worker', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.jobs WITH (security_invoker = true) AS
SELECT name, every, next_run, description FROM attest_data.job
$step$);

INSERT INTO attest_internal.setup_step VALUES (260, 'worker', 2, 'view', $step$
COMMENT ON VIEW attest.jobs IS 'Background jobs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (261, 'worker', 3, 'view', $step$
COMMENT ON COLUMN attest.jobs.name IS 'Name, for attest.run_job().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (262, 'worker', 4, 'view', $step$
COMMENT ON COLUMN attest.jobs.every IS 'Time between two runs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (263, 'worker', 5, 'view', $step$
COMMENT ON COLUMN attest.jobs.next_run IS 'When it is due next.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (264, 'worker', 6, 'view', $step$
COMMENT ON COLUMN attest.jobs.description IS 'What it does.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (265, 'worker', 7, 'view', $step$
CREATE OR REPLACE VIEW attest.job_runs WITH (security_invoker = true) AS
SELECT run_id, job, started_at, ended_at, outcome, done, sqlstate, message FROM attest_data.job_run
$step$);

INSERT INTO attest_internal.setup_step VALUES (266, 'worker', 8, 'view', $step$
COMMENT ON VIEW attest.job_runs IS 'Runs of the background jobs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (267, 'worker', 9, 'view', $step$
COMMENT ON COLUMN attest.job_runs.run_id IS 'Id of the run.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (268, 'worker', 10, 'view', $step$
COMMENT ON COLUMN attest.job_runs.job IS 'Name of the job.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (269, 'worker', 11, 'view', $step$
COMMENT ON COLUMN attest.job_runs.started_at IS 'Start.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (270, 'worker', 12, 'view', $step$
COMMENT ON COLUMN attest.job_runs.ended_at IS 'End; NULL while it runs, or after a crash.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (271, 'worker', 13, 'view', $step$
COMMENT ON COLUMN attest.job_runs.outcome IS 'running, done or failed (for one tenant at least).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (272, 'worker', 14, 'view', $step$
COMMENT ON COLUMN attest.job_runs.done IS 'How many things it did, over all tenants.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (273, 'worker', 15, 'view', $step$
COMMENT ON COLUMN attest.job_runs.sqlstate IS 'SQLSTATE of the last failure.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (274, 'worker', 16, 'view', $step$
COMMENT ON COLUMN attest.job_runs.message IS 'Message of the last failure.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (275, 'worker', 17, 'view', $step$
GRANT SELECT ON attest_data.job, attest_data.job_run, attest.jobs, attest.job_runs TO attest_operator
$step$);

INSERT INTO attest_internal.setup_step VALUES (276, 'vault', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.key_rotations WITH (security_invoker = true) AS
SELECT r.rotation_id, r.kind, t.code AS tenant, r.generation, r.state, r.done, r.total, r.started_at, r.updated_at
FROM attest_data.key_rotation r LEFT JOIN attest_data.tenant t ON t.id = r.tenant
$step$);

INSERT INTO attest_internal.setup_step VALUES (277, 'vault', 2, 'view', $step$
COMMENT ON VIEW attest.key_rotations IS 'Rotations of keys and how far they are.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (278, 'vault', 3, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.rotation_id IS 'Id of the rotation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (279, 'vault', 4, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.kind IS 'kek (tenant keys under a new epoch), tenant_key (people''s keys under a new tenant key) or subject_keys (values under new keys of people).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (280, 'vault', 5, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.tenant IS 'Code of the tenant; NULL for kind kek, which does them all.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (281, 'vault', 6, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.generation IS 'The new epoch (kek) or generation (tenant_key); otherwise 0.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (282, 'vault', 7, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.state IS 'running (or interrupted, when updated_at stands still: call it again) or done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (283, 'vault', 8, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.done IS 'People done; for kek, tenants.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (284, 'vault', 9, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.total IS 'People there were at the start; for kek, tenants.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (285, 'vault', 10, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.started_at IS 'Start.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (286, 'vault', 11, 'view', $step$
COMMENT ON COLUMN attest.key_rotations.updated_at IS 'Last progress; the end, when it is done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (287, 'vault', 12, 'view', $step$
CREATE OR REPLACE VIEW attest.erasures WITH (security_invoker = true) AS
SELECT e.subject_id AS person_id, e.erased_at, e.reason, e.authority, e.tenant_generation, e.kek_epochs,
  attest.erasure_waits_for(e.tenant_generation) AS waits_for
FROM attest_data.erased_subject e
$step$);

INSERT INTO attest_internal.setup_step VALUES (288, 'vault', 13, 'view', $step$
COMMENT ON VIEW attest.erasures IS 'People who were erased, and whether backups can still bring them back.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (289, 'vault', 14, 'view', $step$
COMMENT ON COLUMN attest.erasures.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (290, 'vault', 15, 'view', $step$
COMMENT ON COLUMN attest.erasures.erased_at IS 'When their keys were destroyed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (291, 'vault', 16, 'view', $step$
COMMENT ON COLUMN attest.erasures.reason IS 'Reason given; retention for the job.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (292, 'vault', 17, 'view', $step$
COMMENT ON COLUMN attest.erasures.authority IS 'Who decided, or on what ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (293, 'vault', 18, 'view', $step$
COMMENT ON COLUMN attest.erasures.tenant_generation IS 'The newest tenant key at that time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (294, 'vault', 19, 'view', $step$
COMMENT ON COLUMN attest.erasures.kek_epochs IS 'Epochs that had wrapped it or an older one by then.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (295, 'vault', 20, 'view', $step$
COMMENT ON COLUMN attest.erasures.waits_for IS 'What still has to go before no backup opens, and the call for it; NULL when none does.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (296, 'vault', 21, 'view', $step$
CREATE OR REPLACE VIEW attest.backup_confirmations WITH (security_invoker = true) AS
SELECT started_at, label, confirmed_at, confirmed_by FROM attest_data.backup_confirmation
$step$);

INSERT INTO attest_internal.setup_step VALUES (297, 'vault', 22, 'view', $step$
COMMENT ON VIEW attest.backup_confirmations IS 'Backups that operators have confirmed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (298, 'vault', 23, 'view', $step$
COMMENT ON COLUMN attest.backup_confirmations.started_at IS 'When the backup began.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (299, 'vault', 24, 'view', $step$
COMMENT ON COLUMN attest.backup_confirmations.label IS 'Its name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (300, 'vault', 25, 'view', $step$
COMMENT ON COLUMN attest.backup_confirmations.confirmed_at IS 'When it was confirmed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (301, 'vault', 26, 'view', $step$
COMMENT ON COLUMN attest.backup_confirmations.confirmed_by IS 'By which login role.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (302, 'vault', 27, 'view', $step$
GRANT SELECT ON attest_data.key_rotation, attest.key_rotations TO attest_operator
$step$);

INSERT INTO attest_internal.setup_step VALUES (303, 'vault', 28, 'view', $step$
GRANT SELECT ON attest_data.backup_confirmation, attest.backup_confirmations TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (304, 'vault', 29, 'view', $step$
GRANT SELECT ON attest_data.erased_subject, attest.erasures TO attest_app, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (305, 'vault', 30, 'view', $step$
CREATE OR REPLACE VIEW attest.adoptions WITH (security_invoker = true) AS
SELECT table_name, column_name, kind, state,
  CASE WHEN state = 'done' OR blocks = 0 THEN 100 ELSE round(100.0 * next_block / blocks) END AS percent,
  rows_sealed, started_at, ended_at
FROM attest_data.adoption
$step$);

INSERT INTO attest_internal.setup_step VALUES (306, 'vault', 31, 'view', $step$
COMMENT ON VIEW attest.adoptions IS 'Columns under attest.adopt(), and how far it is.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (307, 'vault', 32, 'view', $step$
COMMENT ON COLUMN attest.adoptions.table_name IS 'Table, with its schema.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (308, 'vault', 33, 'view', $step$
COMMENT ON COLUMN attest.adoptions.column_name IS 'Column.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (309, 'vault', 34, 'view', $step$
COMMENT ON COLUMN attest.adoptions.kind IS 'What it held: clear, pgp_sym or aes.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (310, 'vault', 35, 'view', $step$
COMMENT ON COLUMN attest.adoptions.state IS 'running, also after an interruption, until a call ends it; done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (311, 'vault', 36, 'view', $step$
COMMENT ON COLUMN attest.adoptions.percent IS 'How much of the table it has walked over.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (312, 'vault', 37, 'view', $step$
COMMENT ON COLUMN attest.adoptions.rows_sealed IS 'Rows that it has sealed; those that clients wrote meanwhile come on top.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (313, 'vault', 38, 'view', $step$
COMMENT ON COLUMN attest.adoptions.started_at IS 'When it began.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (314, 'vault', 39, 'view', $step$
COMMENT ON COLUMN attest.adoptions.ended_at IS 'When the sealed column took the place of the old one.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (315, 'vault', 40, 'view', $step$
GRANT SELECT (table_name, column_name, kind, state, next_block, blocks, rows_sealed, started_at, ended_at) ON attest_data.adoption TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (316, 'vault', 41, 'view', $step$
GRANT SELECT ON attest.adoptions TO attest_operator, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (317, 'person', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.people WITH (security_invoker = true) AS
SELECT p.person_id, p.reference, p.profiles,
  CASE WHEN attest.may_open(p.person_id, 'person.last_name') THEN attest.unseal(p.last_name, p.person_id, 'person.last_name') END AS last_name,
  CASE WHEN attest.may_open(p.person_id, 'person.first_name') THEN attest.unseal(p.first_name, p.person_id, 'person.first_name') END AS first_name,
  p.gender,
  CASE WHEN attest.may_open(p.person_id, 'person.birth_date') THEN attest.unseal(p.birth_date, p.person_id, 'person.birth_date') END::date AS birth_date,
  CASE WHEN attest.may_open(p.person_id, 'person.birth_place') THEN attest.unseal(p.birth_place, p.person_id, 'person.birth_place') END AS birth_place,
  CASE WHEN attest.may_open(p.person_id, 'person.email') THEN attest.unseal(p.email, p.person_id, 'person.email') END AS email,
  CASE WHEN attest.may_open(p.person_id, 'person.phone') THEN attest.unseal(p.phone, p.person_id, 'person.phone') END AS phone,
  CASE WHEN attest.may_open(p.person_id, 'person.address') THEN attest.unseal(p.address, p.person_id, 'person.address') END AS address,
  p.postcode, p.commune, p.employer_siret::text AS employer_siret, p.isced, p.last_activity, p.anonymised_at,
  p.civility,
  CASE WHEN attest.may_open(p.person_id, 'person.birth_name') THEN attest.unseal(p.birth_name, p.person_id, 'person.birth_name') END AS birth_name,
  CASE WHEN attest.may_open(p.person_id, 'person.other_email') THEN attest.unseal(p.other_email, p.person_id, 'person.other_email') END AS other_email,
  CASE WHEN attest.may_open(p.person_id, 'person.mobile') THEN attest.unseal(p.mobile, p.person_id, 'person.mobile') END AS mobile,
  CASE WHEN attest.may_open(p.person_id, 'person.diploma') THEN attest.unseal(p.diploma, p.person_id, 'person.diploma') END AS diploma,
  CASE WHEN attest.may_open(p.person_id, 'person.training_goal') THEN attest.unseal(p.training_goal, p.person_id, 'person.training_goal') END AS training_goal,
  CASE WHEN attest.may_open(p.person_id, 'person.france_travail_number') THEN attest.unseal(p.france_travail_number, p.person_id, 'person.france_travail_number') END AS france_travail_number,
  CASE WHEN attest.may_open(p.person_id, 'person.caf_number') THEN attest.unseal(p.caf_number, p.person_id, 'person.caf_number') END AS caf_number,
  CASE WHEN attest.may_open(p.person_id, 'person.job_sought') THEN attest.unseal(p.job_sought, p.person_id, 'person.job_sought') END AS job_sought,
  CASE WHEN attest.may_open(p.person_id, 'person.unemployed_since') THEN attest.unseal(p.unemployed_since, p.person_id, 'person.unemployed_since') END::date AS unemployed_since,
  CASE WHEN attest.may_open(p.person_id, 'person.employer_name') THEN attest.unseal(p.employer_name, p.person_id, 'person.employer_name') END AS employer_name,
  CASE WHEN attest.may_open(p.person_id, 'person.job_title') THEN attest.unseal(p.job_title, p.person_id, 'person.job_title') END AS job_title,
  CASE WHEN attest.may_open(p.person_id, 'person.contract') THEN attest.unseal(p.contract, p.person_id, 'person.contract') END AS contract,
  CASE WHEN attest.may_open(p.person_id, 'person.hired_on') THEN attest.unseal(p.hired_on, p.person_id, 'person.hired_on') END::date AS hired_on,
  CASE WHEN attest.may_open(p.person_id, 'person.service') THEN attest.unseal(p.service, p.person_id, 'person.service') END AS service,
  CASE WHEN attest.may_open(p.person_id, 'person.professional_status') THEN attest.unseal(p.professional_status, p.person_id, 'person.professional_status') END AS professional_status,
  CASE WHEN attest.may_open(p.person_id, 'person.comments') THEN attest.unseal(p.comments, p.person_id, 'person.comments') END AS comments
FROM attest_data.person p
$step$);

INSERT INTO attest_internal.setup_step VALUES (318, 'person', 2, 'view', $step$
COMMENT ON VIEW attest.people IS 'The people that the profile of the ticket sees, with the fields that it opens; NULL for others. What is delicate (NIR, disability, origin) is not in the list: attest.person_details().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (319, 'person', 3, 'view', $step$
COMMENT ON COLUMN attest.people.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (320, 'person', 4, 'view', $step$
COMMENT ON COLUMN attest.people.reference IS 'The tenant''s own number for the person; NULL once anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (321, 'person', 5, 'view', $step$
COMMENT ON COLUMN attest.people.profiles IS 'Profiles of the person, such as learner.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (322, 'person', 6, 'view', $step$
COMMENT ON COLUMN attest.people.last_name IS 'Last name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (323, 'person', 7, 'view', $step$
COMMENT ON COLUMN attest.people.first_name IS 'First name.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (324, 'person', 8, 'view', $step$
COMMENT ON COLUMN attest.people.gender IS 'F, M or N (non-binary).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (325, 'person', 9, 'view', $step$
COMMENT ON COLUMN attest.people.birth_date IS 'Date of birth.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (326, 'person', 10, 'view', $step$
COMMENT ON COLUMN attest.people.birth_place IS 'Place of birth.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (327, 'person', 11, 'view', $step$
COMMENT ON COLUMN attest.people.email IS 'E-mail address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (328, 'person', 12, 'view', $step$
COMMENT ON COLUMN attest.people.phone IS 'Telephone number.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (329, 'person', 13, 'view', $step$
COMMENT ON COLUMN attest.people.address IS 'Postal address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (330, 'person', 14, 'view', $step$
COMMENT ON COLUMN attest.people.postcode IS 'Postcode.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (331, 'person', 15, 'view', $step$
COMMENT ON COLUMN attest.people.commune IS 'Commune code of INSEE; the department only, once anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (332, 'person', 16, 'view', $step$
COMMENT ON COLUMN attest.people.employer_siret IS 'SIRET of the employer.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (333, 'person', 17, 'view', $step$
COMMENT ON COLUMN attest.people.isced IS 'Level of education, ISCED 0 to 8.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (334, 'person', 18, 'view', $step$
COMMENT ON COLUMN attest.people.last_activity IS 'Last activity: retention counts from here; NULL while active.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (335, 'person', 19, 'view', $step$
COMMENT ON COLUMN attest.people.anonymised_at IS 'When the person was anonymised; NULL otherwise.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (336, 'person', 20, 'view', $step$
COMMENT ON COLUMN attest.people.civility IS 'Form of address, MME or M.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (337, 'person', 21, 'view', $step$
COMMENT ON COLUMN attest.people.birth_name IS 'Last name at birth, where it differs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (338, 'person', 22, 'view', $step$
COMMENT ON COLUMN attest.people.other_email IS 'Second e-mail address.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (339, 'person', 23, 'view', $step$
COMMENT ON COLUMN attest.people.mobile IS 'Mobile telephone.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (340, 'person', 24, 'view', $step$
COMMENT ON COLUMN attest.people.diploma IS 'Titles of diplomas.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (341, 'person', 25, 'view', $step$
COMMENT ON COLUMN attest.people.training_goal IS 'What the person wants to learn, and what for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (342, 'person', 26, 'view', $step$
COMMENT ON COLUMN attest.people.france_travail_number IS 'Number at France Travail.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (343, 'person', 27, 'view', $step$
COMMENT ON COLUMN attest.people.caf_number IS 'Number at the CAF.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (344, 'person', 28, 'view', $step$
COMMENT ON COLUMN attest.people.job_sought IS 'Job that the person looks for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (345, 'person', 29, 'view', $step$
COMMENT ON COLUMN attest.people.unemployed_since IS 'First day without a job.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (346, 'person', 30, 'view', $step$
COMMENT ON COLUMN attest.people.employer_name IS 'Name of the employer.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (347, 'person', 31, 'view', $step$
COMMENT ON COLUMN attest.people.job_title IS 'Job held.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (348, 'person', 32, 'view', $step$
COMMENT ON COLUMN attest.people.contract IS 'Kind of employment contract.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (349, 'person', 33, 'view', $step$
COMMENT ON COLUMN attest.people.hired_on IS 'First day with the employer.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (350, 'person', 34, 'view', $step$
COMMENT ON COLUMN attest.people.service IS 'Department or service that the person works in.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (351, 'person', 35, 'view', $step$
COMMENT ON COLUMN attest.people.professional_status IS 'Professional status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (352, 'person', 36, 'view', $step$
COMMENT ON COLUMN attest.people.comments IS 'Comments and feedback of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (353, 'person', 37, 'view', $step$
CREATE OR REPLACE VIEW attest.person_history WITH (security_invoker = true) AS
SELECT c.person_id, c.field, c.changed_at, c.changed_by, c.source, c.import_id,
  CASE WHEN attest.may_open(c.person_id, 'person.' || c.field)
    THEN attest.unseal(c.previous, c.person_id, 'person.' || c.field) END AS previous,
  c.change_id
FROM attest_data.person_change c
$step$);

INSERT INTO attest_internal.setup_step VALUES (354, 'person', 38, 'view', $step$
COMMENT ON VIEW attest.person_history IS 'What the fields of people were before, and since when they are not: one row a change of a field.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (355, 'person', 39, 'view', $step$
COMMENT ON COLUMN attest.person_history.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (356, 'person', 40, 'view', $step$
COMMENT ON COLUMN attest.person_history.field IS 'Field of attest.person_fields().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (357, 'person', 41, 'view', $step$
COMMENT ON COLUMN attest.person_history.changed_at IS 'When it changed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (358, 'person', 42, 'view', $step$
COMMENT ON COLUMN attest.person_history.changed_by IS 'Account that changed it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (359, 'person', 43, 'view', $step$
COMMENT ON COLUMN attest.person_history.source IS 'manual, file, erp, application, form; merge: taken over from a record of the same person; set_aside: in that record, and not taken over.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (360, 'person', 44, 'view', $step$
COMMENT ON COLUMN attest.person_history.import_id IS 'Import that it came with.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (361, 'person', 45, 'view', $step$
COMMENT ON COLUMN attest.person_history.previous IS 'The value that gave way, opened by right; NULL where the field was empty, and for who may not open it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (362, 'person', 46, 'view', $step$
COMMENT ON COLUMN attest.person_history.change_id IS 'Id of the change; later changes have greater ones.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (363, 'person', 47, 'view', $step$
CREATE OR REPLACE VIEW attest.person_aliases WITH (security_invoker = true) AS
SELECT a.alias_id, a.person_id, a.reference, a.merged_at, a.merged_by, a.source, a.import_id, a.created_at, a.created_by,
  CASE WHEN attest.may_open(a.person_id, 'person.merge_reason')
    THEN attest.unseal(a.reason, a.person_id, 'person.merge_reason') END AS reason
FROM attest_data.person_alias a
$step$);

INSERT INTO attest_internal.setup_step VALUES (364, 'person', 48, 'view', $step$
COMMENT ON VIEW attest.person_aliases IS 'Records that were merged into another of the same person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (365, 'person', 49, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.alias_id IS 'Id of the merged record.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (366, 'person', 50, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.person_id IS 'Id of the person that it stands for now.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (367, 'person', 51, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.reference IS 'Reference of the merged record; no other person gets it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (368, 'person', 52, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.merged_at IS 'When it was merged.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (369, 'person', 53, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.merged_by IS 'Account that merged it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (370, 'person', 54, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.source IS 'Where its values came from.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (371, 'person', 55, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.import_id IS 'Import that it came with.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (372, 'person', 56, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.created_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (373, 'person', 57, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.created_by IS 'Account that recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (374, 'person', 58, 'view', $step$
COMMENT ON COLUMN attest.person_aliases.reason IS 'Why it was merged, opened by right.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (375, 'person', 59, 'view', $step$
CREATE OR REPLACE VIEW attest.nir_authorisations WITH (security_invoker = true) AS
SELECT a.authorisation_id, a.basis, a.reference, a.since, a.until, a.recorded_at, a.recorded_by, a.revoked_at, a.revoked_by, a.revoke_reason
FROM attest_data.nir_authorisation a
$step$);

INSERT INTO attest_internal.setup_step VALUES (376, 'person', 60, 'view', $step$
COMMENT ON VIEW attest.nir_authorisations IS 'On what basis, and when, the entered tenant may hold social security numbers.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (377, 'person', 61, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.authorisation_id IS 'Id of the authorisation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (378, 'person', 62, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.basis IS 'Law, decree or decision.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (379, 'person', 63, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.reference IS 'Reference of the document.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (380, 'person', 64, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.since IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (381, 'person', 65, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.until IS 'Last day; NULL: no end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (382, 'person', 66, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (383, 'person', 67, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.recorded_by IS 'Role of the operator who recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (384, 'person', 68, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.revoked_at IS 'When it was revoked; NULL while it stands.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (385, 'person', 69, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.revoked_by IS 'Role of the operator who revoked it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (386, 'person', 70, 'view', $step$
COMMENT ON COLUMN attest.nir_authorisations.revoke_reason IS 'Why it was revoked.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (387, 'person', 71, 'view', $step$
CREATE OR REPLACE VIEW attest.parental_authorisations WITH (security_invoker = true) AS
SELECT a.authorisation_id, a.person_id, a.given_on,
  CASE WHEN attest.may_open(a.person_id, 'person.parental_reference')
    THEN attest.unseal(a.reference, a.person_id, 'person.parental_reference') END AS reference,
  a.recorded_at, a.recorded_by, a.revoked_at, a.revoked_by
FROM attest_data.parental_authorisation a
$step$);

INSERT INTO attest_internal.setup_step VALUES (388, 'person', 72, 'view', $step$
COMMENT ON VIEW attest.parental_authorisations IS 'Authorisations of holders of parental authority for people under 18.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (389, 'person', 73, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.authorisation_id IS 'Id of the authorisation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (390, 'person', 74, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (391, 'person', 75, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.given_on IS 'Day of the authorisation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (392, 'person', 76, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.reference IS 'Where it is kept, opened by right.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (393, 'person', 77, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (394, 'person', 78, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.recorded_by IS 'Account that recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (395, 'person', 79, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.revoked_at IS 'When it was taken back; NULL while it stands.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (396, 'person', 80, 'view', $step$
COMMENT ON COLUMN attest.parental_authorisations.revoked_by IS 'Account that took it back.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (397, 'person', 81, 'view', $step$
GRANT SELECT ON attest_data.person, attest_data.person_change, attest_data.person_alias, attest_data.nir_authorisation,
  attest_data.parental_authorisation, attest.people, attest.person_history, attest.person_aliases,
  attest.nir_authorisations, attest.parental_authorisations TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (398, 'person', 82, 'view', $step$
GRANT SELECT ON attest_data.nir_authorisation, attest.nir_authorisations TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (399, 'person', 83, 'view', $step$
CREATE OR REPLACE VIEW attest.imports WITH (security_invoker = true) AS
SELECT i.import_id, i.format, i.source, i.state, i.records, i.loaded, i.rejected, i.opened_at, i.opened_by, i.loaded_at, i.loaded_by,
  CASE WHEN i.emptied_at IS NULL THEN i.opened_at + interval '30 days' END AS kept_until
FROM attest_data.import i
$step$);

INSERT INTO attest_internal.setup_step VALUES (400, 'person', 84, 'view', $step$
COMMENT ON VIEW attest.imports IS 'Imports of people of the entered tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (401, 'person', 85, 'view', $step$
COMMENT ON COLUMN attest.imports.import_id IS 'Id of the import; people name it as where they come from.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (402, 'person', 86, 'view', $step$
COMMENT ON COLUMN attest.imports.format IS 'csv or json.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (403, 'person', 87, 'view', $step$
COMMENT ON COLUMN attest.imports.source IS 'Provenance of people whose record gives none.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (404, 'person', 88, 'view', $step$
COMMENT ON COLUMN attest.imports.state IS 'open, loaded or discarded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (405, 'person', 89, 'view', $step$
COMMENT ON COLUMN attest.imports.records IS 'Records that were staged.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (406, 'person', 90, 'view', $step$
COMMENT ON COLUMN attest.imports.loaded IS 'Records that were loaded; NULL until then.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (407, 'person', 91, 'view', $step$
COMMENT ON COLUMN attest.imports.rejected IS 'Records that were rejected; NULL until then.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (408, 'person', 92, 'view', $step$
COMMENT ON COLUMN attest.imports.opened_at IS 'When it was opened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (409, 'person', 93, 'view', $step$
COMMENT ON COLUMN attest.imports.opened_by IS 'Account that opened it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (410, 'person', 94, 'view', $step$
COMMENT ON COLUMN attest.imports.loaded_at IS 'When it was loaded; NULL until then.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (411, 'person', 95, 'view', $step$
COMMENT ON COLUMN attest.imports.loaded_by IS 'Account that loaded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (412, 'person', 96, 'view', $step$
COMMENT ON COLUMN attest.imports.kept_until IS 'Until when staged and rejected records are kept; NULL once they are destroyed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (413, 'person', 97, 'view', $step$
GRANT SELECT ON attest_data.import, attest.imports TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (414, 'retention', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.retention_due WITH (security_invoker = true) AS
SELECT p.person_id, p.profiles, p.last_activity, (p.last_activity + r.keep)::date AS due_on, r.basis,
  EXISTS (SELECT FROM attest_data.legal_hold h
    WHERE h.tenant_id = p.tenant_id AND h.person_id = p.person_id AND h.lifted_at IS NULL) AS on_hold
FROM attest_data.person p
CROSS JOIN LATERAL (
  SELECT max(r.keep) AS keep, string_agg(r.basis, '; ' ORDER BY r.profile) AS basis, count(*) AS rules
  FROM attest_data.retention_rule r
  WHERE r.tenant_id = p.tenant_id AND r.profile = ANY (p.profiles)
) r
WHERE p.anonymised_at IS NULL AND p.last_activity IS NOT NULL AND r.rules = cardinality(p.profiles)
$step$);

INSERT INTO attest_internal.setup_step VALUES (415, 'retention', 2, 'view', $step$
COMMENT ON VIEW attest.retention_due IS 'When each person who is no longer active will have to be anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (416, 'retention', 3, 'view', $step$
COMMENT ON COLUMN attest.retention_due.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (417, 'retention', 4, 'view', $step$
COMMENT ON COLUMN attest.retention_due.profiles IS 'Profiles of the person; the longest rule holds.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (418, 'retention', 5, 'view', $step$
COMMENT ON COLUMN attest.retention_due.last_activity IS 'Last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (419, 'retention', 6, 'view', $step$
COMMENT ON COLUMN attest.retention_due.due_on IS 'From this day on the retention job anonymises the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (420, 'retention', 7, 'view', $step$
COMMENT ON COLUMN attest.retention_due.basis IS 'Basis of the rules.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (421, 'retention', 8, 'view', $step$
COMMENT ON COLUMN attest.retention_due.on_hold IS 'A hold forbids it for now.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (422, 'retention', 9, 'view', $step$
CREATE OR REPLACE VIEW attest.destruction_certificates WITH (security_invoker = true) AS
SELECT certificate_id, issued_at, persons, body, digest FROM attest_data.destruction_certificate
$step$);

INSERT INTO attest_internal.setup_step VALUES (423, 'retention', 10, 'view', $step$
COMMENT ON VIEW attest.destruction_certificates IS 'Certificates of what the retention job destroyed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (424, 'retention', 11, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.certificate_id IS 'Id of the certificate.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (425, 'retention', 12, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.issued_at IS 'When the work was done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (426, 'retention', 13, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.persons IS 'How many persons were anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (427, 'retention', 14, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.body IS 'The certificate: tenant, time, engine, method, and for each person the basis and the records emptied by room.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (428, 'retention', 15, 'view', $step$
COMMENT ON COLUMN attest.destruction_certificates.digest IS 'SHA-256 of the body''s text.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (429, 'retention', 16, 'view', $step$
CREATE OR REPLACE VIEW attest.retention_rules WITH (security_invoker = true) AS
SELECT profile, keep, basis, set_at FROM attest_data.retention_rule
$step$);

INSERT INTO attest_internal.setup_step VALUES (430, 'retention', 17, 'view', $step$
COMMENT ON VIEW attest.retention_rules IS 'How long people of each profile are kept.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (431, 'retention', 18, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.profile IS 'Profile the rule is for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (432, 'retention', 19, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.keep IS 'Time after the last activity.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (433, 'retention', 20, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.basis IS 'Law, contract or decision.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (434, 'retention', 21, 'view', $step$
COMMENT ON COLUMN attest.retention_rules.set_at IS 'When the rule was set.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (435, 'retention', 22, 'view', $step$
GRANT SELECT (tenant_id, person_id, profiles, last_activity, anonymised_at) ON attest_data.person TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (436, 'retention', 23, 'view', $step$
GRANT SELECT ON attest_data.retention_rule, attest_data.legal_hold, attest_data.destruction_certificate,
  attest.retention_due, attest.destruction_certificates, attest.retention_rules TO attest_app, attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (437, 'attendance', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.presences WITH (security_invoker = true) AS
SELECT st.slot_id, st.person_id, st.session_id, se.course_id, st.day, sl.starts_at, sl.ends_at, st.minutes_planned,
  attest.status_name(st.status) AS status, st.minutes_attended, st.method, st.claimed_at, p.recorded_at,
  p.flags || CASE WHEN NOT st.countersigned AND st.presence_id IS NOT NULL AND EXISTS (SELECT FROM attest_data.countersignature c
    WHERE c.tenant_id = st.tenant_id AND c.slot_id = st.slot_id) THEN '{AFTER_COUNTERSIGNATURE}'::text[] ELSE '{}' END AS flags,
  st.presence_id, st.minutes_counted, st.late_minutes, st.evidence, st.signed, st.countersigned, st.enrolment_id, st.rule_version
FROM attest_data.presence_state st
JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
JOIN attest_data.session se ON se.tenant_id = st.tenant_id AND se.session_id = st.session_id
LEFT JOIN attest_data.presence p ON p.tenant_id = st.tenant_id AND p.presence_id = st.presence_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (438, 'attendance', 2, 'view', $step$
COMMENT ON VIEW attest.presences IS 'One row for each slot and person expected on it, with the status that the events come to.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (439, 'attendance', 3, 'view', $step$
COMMENT ON COLUMN attest.presences.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (440, 'attendance', 4, 'view', $step$
COMMENT ON COLUMN attest.presences.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (441, 'attendance', 5, 'view', $step$
COMMENT ON COLUMN attest.presences.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (442, 'attendance', 6, 'view', $step$
COMMENT ON COLUMN attest.presences.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (443, 'attendance', 7, 'view', $step$
COMMENT ON COLUMN attest.presences.day IS 'Local day of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (444, 'attendance', 8, 'view', $step$
COMMENT ON COLUMN attest.presences.starts_at IS 'Start of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (445, 'attendance', 9, 'view', $step$
COMMENT ON COLUMN attest.presences.ends_at IS 'End of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (446, 'attendance', 10, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_planned IS 'Length of the slot, in minutes; 0 once cancelled.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (447, 'attendance', 11, 'view', $step$
COMMENT ON COLUMN attest.presences.status IS 'One of attest.presence_statuses(); expected while there is no event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (448, 'attendance', 12, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_attended IS 'Minutes attended; 0 while expected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (449, 'attendance', 13, 'view', $step$
COMMENT ON COLUMN attest.presences.method IS 'signature, entry (by a trainer or manager), countersignature (absence stated by it), automatic, justification (a document was accepted; beside late, left_early or partial: for the minutes missed), dispute or cancellation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (450, 'attendance', 14, 'view', $step$
COMMENT ON COLUMN attest.presences.claimed_at IS 'When it happened, by the device that was offline or by the server.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (451, 'attendance', 15, 'view', $step$
COMMENT ON COLUMN attest.presences.recorded_at IS 'When the server recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (452, 'attendance', 16, 'view', $step$
COMMENT ON COLUMN attest.presences.flags IS 'Facts to look at: OUTSIDE_SLOT, AFTER_COUNTERSIGNATURE, OFFLINE.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (453, 'attendance', 17, 'view', $step$
COMMENT ON COLUMN attest.presences.presence_id IS 'Id of the event; NULL while expected.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (454, 'attendance', 18, 'view', $step$
COMMENT ON COLUMN attest.presences.minutes_counted IS 'Minutes that count under the rule of the funder.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (455, 'attendance', 19, 'view', $step$
COMMENT ON COLUMN attest.presences.late_minutes IS 'Minutes late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (456, 'attendance', 20, 'view', $step$
COMMENT ON COLUMN attest.presences.evidence IS '0 nothing was stated, 1 stated by staff, 2 signed, 3 signed in answer to a challenge, 4 and with the code of the room.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (457, 'attendance', 21, 'view', $step$
COMMENT ON COLUMN attest.presences.signed IS 'The person has signed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (458, 'attendance', 22, 'view', $step$
COMMENT ON COLUMN attest.presences.countersigned IS 'A trainer has countersigned this status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (459, 'attendance', 23, 'view', $step$
COMMENT ON COLUMN attest.presences.enrolment_id IS 'Id of the enrolment.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (460, 'attendance', 24, 'view', $step$
COMMENT ON COLUMN attest.presences.rule_version IS 'Version of the rule that minutes_counted follows; 0: that of attest.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (461, 'attendance', 25, 'view', $step$
CREATE OR REPLACE VIEW attest.learner_totals WITH (security_invoker = true) AS
SELECT m.person_id, m.session_id, s.course_id,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, t.person_id, t.session_id, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t GROUP BY t.tenant_id, t.person_id, t.session_id) m
JOIN attest_data.session s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (462, 'attendance', 26, 'view', $step$
COMMENT ON VIEW attest.learner_totals IS 'Totals of each person in each session: sums of the running totals of enrolments.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (463, 'attendance', 27, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (464, 'attendance', 28, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (465, 'attendance', 29, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (466, 'attendance', 30, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (467, 'attendance', 31, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (468, 'attendance', 32, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (469, 'attendance', 33, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (470, 'attendance', 34, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (471, 'attendance', 35, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (472, 'attendance', 36, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (473, 'attendance', 37, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (474, 'attendance', 38, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (475, 'attendance', 39, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (476, 'attendance', 40, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (477, 'attendance', 41, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (478, 'attendance', 42, 'view', $step$
COMMENT ON COLUMN attest.learner_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (479, 'attendance', 43, 'view', $step$
CREATE OR REPLACE VIEW attest.session_totals WITH (security_invoker = true) AS
SELECT m.session_id, s.course_id, s.title, s.starts_on, s.ends_on, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, t.session_id, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t GROUP BY t.tenant_id, t.session_id) m
JOIN attest_data.session s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (480, 'attendance', 44, 'view', $step$
COMMENT ON VIEW attest.session_totals IS 'Totals of each session: sums of the running totals of enrolments.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (481, 'attendance', 45, 'view', $step$
COMMENT ON COLUMN attest.session_totals.session_id IS 'Id of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (482, 'attendance', 46, 'view', $step$
COMMENT ON COLUMN attest.session_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (483, 'attendance', 47, 'view', $step$
COMMENT ON COLUMN attest.session_totals.title IS 'Title of the session.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (484, 'attendance', 48, 'view', $step$
COMMENT ON COLUMN attest.session_totals.starts_on IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (485, 'attendance', 49, 'view', $step$
COMMENT ON COLUMN attest.session_totals.ends_on IS 'Last day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (486, 'attendance', 50, 'view', $step$
COMMENT ON COLUMN attest.session_totals.learners IS 'Persons expected on a slot at least.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (487, 'attendance', 51, 'view', $step$
COMMENT ON COLUMN attest.session_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (488, 'attendance', 52, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (489, 'attendance', 53, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (490, 'attendance', 54, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (491, 'attendance', 55, 'view', $step$
COMMENT ON COLUMN attest.session_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (492, 'attendance', 56, 'view', $step$
COMMENT ON COLUMN attest.session_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (493, 'attendance', 57, 'view', $step$
COMMENT ON COLUMN attest.session_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (494, 'attendance', 58, 'view', $step$
COMMENT ON COLUMN attest.session_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (495, 'attendance', 59, 'view', $step$
COMMENT ON COLUMN attest.session_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (496, 'attendance', 60, 'view', $step$
COMMENT ON COLUMN attest.session_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (497, 'attendance', 61, 'view', $step$
COMMENT ON COLUMN attest.session_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (498, 'attendance', 62, 'view', $step$
COMMENT ON COLUMN attest.session_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (499, 'attendance', 63, 'view', $step$
COMMENT ON COLUMN attest.session_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (500, 'attendance', 64, 'view', $step$
CREATE OR REPLACE VIEW attest.course_totals WITH (security_invoker = true) AS
SELECT m.course_id, c.code, c.title, c.nature, m.sessions, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, s.course_id, count(DISTINCT t.session_id) AS sessions, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t
  JOIN attest_data.session s ON s.tenant_id = t.tenant_id AND s.session_id = t.session_id
  GROUP BY t.tenant_id, s.course_id) m
JOIN attest_data.course c ON c.tenant_id = m.tenant_id AND c.course_id = m.course_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (501, 'attendance', 65, 'view', $step$
COMMENT ON VIEW attest.course_totals IS 'Totals of each course: sums of the running totals of enrolments.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (502, 'attendance', 66, 'view', $step$
COMMENT ON COLUMN attest.course_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (503, 'attendance', 67, 'view', $step$
COMMENT ON COLUMN attest.course_totals.code IS 'Code of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (504, 'attendance', 68, 'view', $step$
COMMENT ON COLUMN attest.course_totals.title IS 'Title of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (505, 'attendance', 69, 'view', $step$
COMMENT ON COLUMN attest.course_totals.nature IS 'Nature of the action.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (506, 'attendance', 70, 'view', $step$
COMMENT ON COLUMN attest.course_totals.sessions IS 'Sessions with a slot at least.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (507, 'attendance', 71, 'view', $step$
COMMENT ON COLUMN attest.course_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (508, 'attendance', 72, 'view', $step$
COMMENT ON COLUMN attest.course_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (509, 'attendance', 73, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (510, 'attendance', 74, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (511, 'attendance', 75, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (512, 'attendance', 76, 'view', $step$
COMMENT ON COLUMN attest.course_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (513, 'attendance', 77, 'view', $step$
COMMENT ON COLUMN attest.course_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (514, 'attendance', 78, 'view', $step$
COMMENT ON COLUMN attest.course_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (515, 'attendance', 79, 'view', $step$
COMMENT ON COLUMN attest.course_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (516, 'attendance', 80, 'view', $step$
COMMENT ON COLUMN attest.course_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (517, 'attendance', 81, 'view', $step$
COMMENT ON COLUMN attest.course_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (518, 'attendance', 82, 'view', $step$
COMMENT ON COLUMN attest.course_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (519, 'attendance', 83, 'view', $step$
COMMENT ON COLUMN attest.course_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (520, 'attendance', 84, 'view', $step$
COMMENT ON COLUMN attest.course_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (521, 'attendance', 85, 'view', $step$
CREATE OR REPLACE VIEW attest.funder_totals WITH (security_invoker = true) AS
SELECT m.funder_id, f.code, f.name, f.kind, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT t.tenant_id, e.funder_id, count(DISTINCT t.person_id) AS learners, attest.merge_tally(t.total) AS total
  FROM attest_data.enrolment_total t
  JOIN attest_data.enrolment e ON e.tenant_id = t.tenant_id AND e.enrolment_id = t.enrolment_id
  GROUP BY t.tenant_id, e.funder_id) m
LEFT JOIN attest_data.funder f ON f.tenant_id = m.tenant_id AND f.funder_id = m.funder_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (522, 'attendance', 86, 'view', $step$
COMMENT ON VIEW attest.funder_totals IS 'Totals of each funder, over the enrolments that it pays for; a row without funder for the others.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (523, 'attendance', 87, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.funder_id IS 'Id of the funder; NULL: none was named.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (524, 'attendance', 88, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.code IS 'Code of the funder.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (525, 'attendance', 89, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.name IS 'Name of the funder.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (526, 'attendance', 90, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.kind IS 'Origin of the money, as the BPF asks for it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (527, 'attendance', 91, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (528, 'attendance', 92, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (529, 'attendance', 93, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (530, 'attendance', 94, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (531, 'attendance', 95, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (532, 'attendance', 96, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (533, 'attendance', 97, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (534, 'attendance', 98, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (535, 'attendance', 99, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (536, 'attendance', 100, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (537, 'attendance', 101, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (538, 'attendance', 102, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (539, 'attendance', 103, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (540, 'attendance', 104, 'view', $step$
COMMENT ON COLUMN attest.funder_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (541, 'attendance', 105, 'view', $step$
CREATE OR REPLACE VIEW attest.month_totals WITH (security_invoker = true) AS
SELECT m.month, m.course_id, m.learners,
  attest.slots(m.total) AS slots,
  attest.minutes_planned(m.total) AS minutes_planned,
  attest.minutes_due(m.total) AS minutes_due,
  attest.minutes_attended(m.total) AS minutes_attended,
  attest.minutes_counted(m.total) AS minutes_counted,
  attest.rate(m.total) AS rate,
  attest.slots(m.total, 'present') AS present,
  attest.slots(m.total, 'late') AS late,
  attest.slots(m.total, 'left_early') AS left_early,
  attest.slots(m.total, 'absent') AS absent,
  attest.slots(m.total, 'excused') + attest.slots(m.total, 'justified') + attest.slots(m.total, 'exempted') AS excused,
  attest.slots(m.total, 'expected') AS not_recorded,
  m.total
FROM (SELECT date_trunc('month', st.day)::date AS month, s.course_id, count(DISTINCT st.person_id) AS learners,
    attest.tally_presence(st.status, st.minutes_planned, st.minutes_attended, st.minutes_counted, st.late_minutes, st.signed, st.countersigned) AS total
  FROM attest_data.presence_state st
  JOIN attest_data.session s ON s.tenant_id = st.tenant_id AND s.session_id = st.session_id
  GROUP BY date_trunc('month', st.day), s.course_id) m
$step$);

INSERT INTO attest_internal.setup_step VALUES (542, 'attendance', 106, 'view', $step$
COMMENT ON VIEW attest.month_totals IS 'Totals of each course and month, by the local days of the slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (543, 'attendance', 107, 'view', $step$
COMMENT ON COLUMN attest.month_totals.month IS 'First day of the month.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (544, 'attendance', 108, 'view', $step$
COMMENT ON COLUMN attest.month_totals.course_id IS 'Id of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (545, 'attendance', 109, 'view', $step$
COMMENT ON COLUMN attest.month_totals.learners IS 'Different persons.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (546, 'attendance', 110, 'view', $step$
COMMENT ON COLUMN attest.month_totals.slots IS 'Slots, of every status.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (547, 'attendance', 111, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_planned IS 'Minutes planned; nothing for cancelled slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (548, 'attendance', 112, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_due IS 'Minutes planned of the slots that have an outcome, without those exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (549, 'attendance', 113, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_attended IS 'Minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (550, 'attendance', 114, 'view', $step$
COMMENT ON COLUMN attest.month_totals.minutes_counted IS 'Minutes counted by the rules of the funders.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (551, 'attendance', 115, 'view', $step$
COMMENT ON COLUMN attest.month_totals.rate IS 'Attended of due minutes, in percent.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (552, 'attendance', 116, 'view', $step$
COMMENT ON COLUMN attest.month_totals.present IS 'Slots present, from the start to the end.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (553, 'attendance', 117, 'view', $step$
COMMENT ON COLUMN attest.month_totals.late IS 'Slots late.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (554, 'attendance', 118, 'view', $step$
COMMENT ON COLUMN attest.month_totals.left_early IS 'Slots left early.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (555, 'attendance', 119, 'view', $step$
COMMENT ON COLUMN attest.month_totals.absent IS 'Slots absent, without a ground.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (556, 'attendance', 120, 'view', $step$
COMMENT ON COLUMN attest.month_totals.excused IS 'Slots excused, justified or exempted.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (557, 'attendance', 121, 'view', $step$
COMMENT ON COLUMN attest.month_totals.not_recorded IS 'Slots without an outcome yet.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (558, 'attendance', 122, 'view', $step$
COMMENT ON COLUMN attest.month_totals.total IS 'All of it, as attest.tally: attest.slots(total, status), + and attest.merge_tally() take it further.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (559, 'attendance', 123, 'view', $step$
CREATE OR REPLACE VIEW attest.bpf_hours WITH (security_invoker = true) AS
SELECT extract(year FROM st.day)::int AS year, c.nature, f.kind AS funding, count(DISTINCT st.person_id) AS trainees,
  round(sum(st.minutes_attended) / 60.0, 2) AS trainee_hours
FROM attest_data.presence_state st
JOIN attest_data.session s ON s.tenant_id = st.tenant_id AND s.session_id = st.session_id
JOIN attest_data.course c ON c.tenant_id = s.tenant_id AND c.course_id = s.course_id
JOIN attest_data.enrolment e ON e.tenant_id = st.tenant_id AND e.enrolment_id = st.enrolment_id
LEFT JOIN attest_data.funder f ON f.tenant_id = e.tenant_id AND f.funder_id = e.funder_id
WHERE st.minutes_attended > 0
GROUP BY 1, 2, 3
$step$);

INSERT INTO attest_internal.setup_step VALUES (560, 'attendance', 124, 'view', $step$
COMMENT ON VIEW attest.bpf_hours IS 'Trainees and trainee-hours of a calendar year for the bilan pédagogique et financier (Cerfa 10443, frame F): sum over trainees of the hours followed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (561, 'attendance', 125, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.year IS 'Calendar year of the local days of the slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (562, 'attendance', 126, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.nature IS 'Nature of the action.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (563, 'attendance', 127, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.funding IS 'Origin of the money; NULL: no funder was named.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (564, 'attendance', 128, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.trainees IS 'Different persons who attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (565, 'attendance', 129, 'view', $step$
COMMENT ON COLUMN attest.bpf_hours.trainee_hours IS 'Hours followed, summed over the trainees.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (566, 'attendance', 130, 'view', $step$
CREATE OR REPLACE VIEW attest.presence_flags WITH (security_invoker = true) AS
WITH rule AS (
  SELECT coalesce(max(p.chain_people), 3) AS people, coalesce(max(p.chain_within), '10 seconds') AS within,
    coalesce(max(p.end_margin), '15 minutes') AS margin
  FROM attest_data.attendance_policy p WHERE p.tenant_id = attest.current_tenant()
)
SELECT p.presence_id, p.slot_id, p.person_id, f.flag, p.claimed_at,
  CASE f.flag WHEN 'PUBLIC_HOLIDAY' THEN 'the day of the slot is a public holiday at its place'
    WHEN 'OFFLINE' THEN format('told %s minutes later', floor(extract(epoch FROM p.recorded_at - p.claimed_at) / 60))
    WHEN 'AFTER_LOCK' THEN 'recorded by a manager after the slot was locked'
    WHEN 'WITHDRAWN' THEN 'the person had left the session'
    ELSE format('slot from %s to %s', sl.starts_at AT TIME ZONE sl.time_zone, sl.ends_at AT TIME ZONE sl.time_zone) END AS reason
FROM attest_data.presence p
JOIN attest_data.slot sl ON sl.tenant_id = p.tenant_id AND sl.slot_id = p.slot_id
CROSS JOIN LATERAL unnest(p.flags) f (flag)
UNION ALL
SELECT st.presence_id, st.slot_id, st.person_id, 'AFTER_COUNTERSIGNATURE', st.claimed_at,
  format('the countersignature of %s does not cover it', c.countersigned_at AT TIME ZONE sl.time_zone)
FROM attest_data.presence_state st
JOIN attest_data.countersignature c ON c.tenant_id = st.tenant_id AND c.slot_id = st.slot_id
JOIN attest_data.slot sl ON sl.tenant_id = st.tenant_id AND sl.slot_id = st.slot_id
WHERE NOT st.countersigned AND st.presence_id IS NOT NULL
UNION ALL
SELECT a.presence_id, a.slot_id, a.person_id, 'TWO_PLACES', a.claimed_at,
  format('also %s for the slot from %s to %s', CASE WHEN b.signed THEN 'signed' ELSE 'recorded' END,
    other.starts_at AT TIME ZONE other.time_zone, other.ends_at AT TIME ZONE other.time_zone)
FROM attest_data.presence_state a
JOIN attest_data.slot own ON own.tenant_id = a.tenant_id AND own.slot_id = a.slot_id
JOIN attest_data.presence_state b ON b.tenant_id = a.tenant_id AND b.person_id = a.person_id
  AND b.day BETWEEN a.day - 1 AND a.day + 1 AND b.slot_id <> a.slot_id AND (b.signed OR b.minutes_attended > 0)
JOIN attest_data.slot other ON other.tenant_id = b.tenant_id AND other.slot_id = b.slot_id
WHERE (a.signed OR a.minutes_attended > 0) AND own.starts_at < other.ends_at AND other.starts_at < own.ends_at
UNION ALL
SELECT c.presence_id, c.slot_id, c.person_id, 'DEVICE_CHAIN', c.claimed_at,
  format('%s people from one device within %s', c.people, rule.within)
FROM rule CROSS JOIN LATERAL (
  SELECT p.presence_id, p.slot_id, p.person_id, p.claimed_at, count(*) OVER (PARTITION BY p.tenant_id, p.slot_id, p.device_id
    ORDER BY p.claimed_at RANGE BETWEEN rule.within PRECEDING AND rule.within FOLLOWING) AS people
  FROM attest_data.presence p WHERE p.method = 'signature' AND p.device_id IS NOT NULL
) c WHERE c.people >= rule.people
UNION ALL
SELECT c.presence_id, c.slot_id, c.person_id, 'ALL_AT_END', c.claimed_at,
  format('all %s signatures of the slot came at its end', c.people)
FROM rule CROSS JOIN LATERAL (
  SELECT p.presence_id, p.slot_id, p.person_id, p.claimed_at, count(*) OVER of_slot AS people, min(p.claimed_at) OVER of_slot AS first, sl.ends_at
  FROM attest_data.presence p JOIN attest_data.slot sl ON sl.tenant_id = p.tenant_id AND sl.slot_id = p.slot_id
  WHERE p.method = 'signature' WINDOW of_slot AS (PARTITION BY p.tenant_id, p.slot_id)
) c WHERE c.people >= rule.people AND c.first >= c.ends_at - rule.margin
$step$);

INSERT INTO attest_internal.setup_step VALUES (567, 'attendance', 131, 'view', $step$
COMMENT ON VIEW attest.presence_flags IS 'What a person should look at, with the reason: facts, never a sanction. OUTSIDE_SLOT, BEFORE_SLOT, PUBLIC_HOLIDAY, OFFLINE, AFTER_LOCK, AFTER_COUNTERSIGNATURE, WITHDRAWN, TWO_PLACES, DEVICE_CHAIN, ALL_AT_END. Filter by slot_id or person_id.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (568, 'attendance', 132, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.presence_id IS 'Id of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (569, 'attendance', 133, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (570, 'attendance', 134, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (571, 'attendance', 135, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.flag IS 'What there is to look at.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (572, 'attendance', 136, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.claimed_at IS 'When the event happened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (573, 'attendance', 137, 'view', $step$
COMMENT ON COLUMN attest.presence_flags.reason IS 'The fact behind it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (574, 'attendance', 138, 'view', $step$
CREATE OR REPLACE VIEW attest.justifications WITH (security_invoker = true) AS
SELECT j.justification_id, j.slot_id, j.person_id, j.motive, j.digest, j.submitted_at, d.accepted, d.decided_at
FROM attest_data.justification j
LEFT JOIN attest_data.justification_decision d ON d.tenant_id = j.tenant_id AND d.justification_id = j.justification_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (575, 'attendance', 139, 'view', $step$
COMMENT ON VIEW attest.justifications IS 'Documents handed in for absences and lateness, and what was decided.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (576, 'attendance', 140, 'view', $step$
COMMENT ON COLUMN attest.justifications.justification_id IS 'Id of the justification.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (577, 'attendance', 141, 'view', $step$
COMMENT ON COLUMN attest.justifications.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (578, 'attendance', 142, 'view', $step$
COMMENT ON COLUMN attest.justifications.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (579, 'attendance', 143, 'view', $step$
COMMENT ON COLUMN attest.justifications.motive IS 'medical, family, transport, summons, employer, examination or other.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (580, 'attendance', 144, 'view', $step$
COMMENT ON COLUMN attest.justifications.digest IS 'SHA-256 of the document.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (581, 'attendance', 145, 'view', $step$
COMMENT ON COLUMN attest.justifications.submitted_at IS 'When it was handed in.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (582, 'attendance', 146, 'view', $step$
COMMENT ON COLUMN attest.justifications.accepted IS 'The decision; NULL while there is none.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (583, 'attendance', 147, 'view', $step$
COMMENT ON COLUMN attest.justifications.decided_at IS 'When it was decided.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (584, 'attendance', 148, 'view', $step$
CREATE OR REPLACE VIEW attest.compromised_presences WITH (security_invoker = true) AS
SELECT p.presence_id, p.slot_id, p.person_id, attest.status_name(p.status) AS status, p.method, p.recorded_at, a.identifier AS account, c.since AS compromised_since
FROM attest_data.presence p
JOIN attest_data.account_compromise c ON c.tenant_id = p.tenant_id AND c.account_id = p.recorded_by AND p.recorded_at >= c.since
JOIN attest_data.account a ON a.tenant_id = c.tenant_id AND a.account_id = c.account_id
$step$);

INSERT INTO attest_internal.setup_step VALUES (585, 'attendance', 149, 'view', $step$
COMMENT ON VIEW attest.compromised_presences IS 'Events that an account recorded since it was in other hands: to be looked at by people.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (586, 'attendance', 150, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.presence_id IS 'Id of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (587, 'attendance', 151, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.slot_id IS 'Id of the slot.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (588, 'attendance', 152, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.person_id IS 'Id of the person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (589, 'attendance', 153, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.status IS 'Status the event gives.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (590, 'attendance', 154, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.method IS 'Method of the event.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (591, 'attendance', 155, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (592, 'attendance', 156, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.account IS 'Identifier of the account.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (593, 'attendance', 157, 'view', $step$
COMMENT ON COLUMN attest.compromised_presences.compromised_since IS 'Since when the account was in other hands.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (594, 'attendance', 158, 'view', $step$
GRANT SELECT ON attest_data.account_compromise, attest.compromised_presences TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (595, 'attendance', 159, 'view', $step$
GRANT SELECT (tenant_id, account_id, identifier) ON attest_data.account TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (596, 'attendance', 160, 'view', $step$
GRANT SELECT ON attest_data.presence TO attest_auditor
$step$);

INSERT INTO attest_internal.setup_step VALUES (597, 'attendance', 161, 'view', $step$
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.slot_trainer, attest_data.enrolment, attest_data.presence,
  attest_data.presence_state, attest_data.place, attest_data.funder, attest_data.counting_rule, attest_data.attendance_policy,
  attest_data.countersignature, attest_data.justification, attest_data.justification_decision, attest_data.enrolment_total, attest.presences,
  attest.presence_flags, attest.justifications, attest.learner_totals, attest.session_totals, attest.course_totals,
  attest.funder_totals, attest.month_totals, attest.bpf_hours TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (598, 'attendance', 162, 'view', $step$
GRANT SELECT ON attest_data.course, attest_data.session, attest_data.slot, attest_data.enrolment, attest_data.presence,
  attest_data.presence_state, attest_data.countersignature, attest_data.place, attest_data.funder, attest_data.counting_rule TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (599, 'followup', 1, 'view', $step$
CREATE OR REPLACE VIEW attest_report.rsa_weeks WITH (security_invoker = true) AS
SELECT a.week, a.iso_week, count(*) AS people, count(*) FILTER (WHERE a.state = 'recorded') AS recorded,
  count(*) FILTER (WHERE a.state = 'unknown') AS unknown, count(*) FILTER (WHERE a.low) AS low,
  sum(a.minutes) AS minutes, sum(a.training) AS training_minutes, sum(a.commitment) FILTER (WHERE a.state = 'recorded') AS commitment
FROM attest.weekly_account() a
WHERE a.state <> 'running' AND attest.current_tenant() IS NOT NULL
GROUP BY a.week, a.iso_week
$step$);

INSERT INTO attest_internal.setup_step VALUES (600, 'followup', 2, 'view', $step$
COMMENT ON VIEW attest_report.rsa_weeks IS 'Weeks of people with a contract or an activity, the last thirteen that have ended; small numbers are not suppressed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (601, 'followup', 3, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.week IS 'Monday of the week.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (602, 'followup', 4, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.iso_week IS 'ISO week, such as 2026-W48.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (603, 'followup', 5, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.people IS 'People with a contract or an activity in the week.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (604, 'followup', 6, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.recorded IS 'Of whom something was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (605, 'followup', 7, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.unknown IS 'Of whom nothing was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (606, 'followup', 8, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.low IS 'Recorded, below the commitment.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (607, 'followup', 9, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.minutes IS 'Person-minutes done.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (608, 'followup', 10, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.training_minutes IS 'Of these, in training recorded by attendance.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (609, 'followup', 11, 'view', $step$
COMMENT ON COLUMN attest_report.rsa_weeks.commitment IS 'Person-minutes promised in the recorded weeks.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (610, 'followup', 12, 'view', $step$
GRANT SELECT ON attest_report.rsa_weeks TO attest_app, attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (611, 'esf', 1, 'view', $step$
CREATE OR REPLACE VIEW attest.operations WITH (security_invoker = true) AS
SELECT operation_id, code, title, framework, starts_on, ends_on, programme, priority, specific_objective, region_category, parameters
FROM attest_data.operation
$step$);

INSERT INTO attest_internal.setup_step VALUES (612, 'esf', 2, 'view', $step$
COMMENT ON VIEW attest.operations IS 'Operations of the entered tenant.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (613, 'esf', 3, 'view', $step$
COMMENT ON COLUMN attest.operations.operation_id IS 'Id of the operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (614, 'esf', 4, 'view', $step$
COMMENT ON COLUMN attest.operations.code IS 'Code, for attest.esf_report().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (615, 'esf', 5, 'view', $step$
COMMENT ON COLUMN attest.operations.title IS 'Title.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (616, 'esf', 6, 'view', $step$
COMMENT ON COLUMN attest.operations.framework IS 'esf+ (2021-2027) or esf (2014-2020).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (617, 'esf', 7, 'view', $step$
COMMENT ON COLUMN attest.operations.starts_on IS 'First day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (618, 'esf', 8, 'view', $step$
COMMENT ON COLUMN attest.operations.ends_on IS 'Last day.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (619, 'esf', 9, 'view', $step$
COMMENT ON COLUMN attest.operations.programme IS 'Code of the programme, for attest.esf_report() too.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (620, 'esf', 10, 'view', $step$
COMMENT ON COLUMN attest.operations.priority IS 'Priority of the programme.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (621, 'esf', 11, 'view', $step$
COMMENT ON COLUMN attest.operations.specific_objective IS 'Specific objective.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (622, 'esf', 12, 'view', $step$
COMMENT ON COLUMN attest.operations.region_category IS 'less_developed, transition, more_developed or outermost.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (623, 'esf', 13, 'view', $step$
COMMENT ON COLUMN attest.operations.parameters IS 'Parameters by which its indicators are counted: attest.esf_parameters().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (624, 'esf', 14, 'view', $step$
CREATE OR REPLACE VIEW attest.operation_parameters WITH (security_invoker = true) AS
SELECT operation_id, parameters, reason, recorded_at, recorded_by FROM attest_data.operation_parameters
$step$);

INSERT INTO attest_internal.setup_step VALUES (625, 'esf', 15, 'view', $step$
COMMENT ON VIEW attest.operation_parameters IS 'Changes of the parameters of operations, by attest.set_operation_parameters().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (626, 'esf', 16, 'view', $step$
COMMENT ON COLUMN attest.operation_parameters.operation_id IS 'Operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (627, 'esf', 17, 'view', $step$
COMMENT ON COLUMN attest.operation_parameters.parameters IS 'All parameters from then on.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (628, 'esf', 18, 'view', $step$
COMMENT ON COLUMN attest.operation_parameters.reason IS 'Why: the rule of the authority.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (629, 'esf', 19, 'view', $step$
COMMENT ON COLUMN attest.operation_parameters.recorded_at IS 'When it was changed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (630, 'esf', 20, 'view', $step$
COMMENT ON COLUMN attest.operation_parameters.recorded_by IS 'Account that changed it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (631, 'esf', 21, 'view', $step$
CREATE OR REPLACE VIEW attest.participations WITH (security_invoker = true) AS
SELECT p.participation_id, p.operation_id, p.person_id, p.entered_on, p.exited_on, p.evidence, p.recorded_at, p.exit_recorded_at,
  p.followup_recorded_at, p.corrected_at, f.facts,
  attest.esf_missing(o.framework, f.facts) AS missing, attest.esf_indicators(o.framework, f.facts, o.parameters) AS indicators
FROM attest_data.participation p
JOIN attest_data.operation o ON o.tenant_id = p.tenant_id AND o.operation_id = p.operation_id
JOIN attest_data.participation_version v ON v.tenant_id = p.tenant_id AND v.participation_id = p.participation_id AND v.version = p.version
CROSS JOIN LATERAL (SELECT attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb OFFSET 0) f (facts)
$step$);

INSERT INTO attest_internal.setup_step VALUES (632, 'esf', 22, 'view', $step$
COMMENT ON VIEW attest.participations IS 'Participations of the people that the profile sees, with what is known of them, opened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (633, 'esf', 23, 'view', $step$
COMMENT ON COLUMN attest.participations.participation_id IS 'Id of the participation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (634, 'esf', 24, 'view', $step$
COMMENT ON COLUMN attest.participations.operation_id IS 'Operation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (635, 'esf', 25, 'view', $step$
COMMENT ON COLUMN attest.participations.person_id IS 'Person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (636, 'esf', 26, 'view', $step$
COMMENT ON COLUMN attest.participations.entered_on IS 'First entry.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (637, 'esf', 27, 'view', $step$
COMMENT ON COLUMN attest.participations.exited_on IS 'Last exit; NULL while the person takes part.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (638, 'esf', 28, 'view', $step$
COMMENT ON COLUMN attest.participations.evidence IS 'unverified, verified or rejected, by attest.verify_participation().'
$step$);

INSERT INTO attest_internal.setup_step VALUES (639, 'esf', 29, 'view', $step$
COMMENT ON COLUMN attest.participations.recorded_at IS 'When it was first recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (640, 'esf', 30, 'view', $step$
COMMENT ON COLUMN attest.participations.exit_recorded_at IS 'When the exit was first recorded; corrections do not change it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (641, 'esf', 31, 'view', $step$
COMMENT ON COLUMN attest.participations.followup_recorded_at IS 'When the situation six months after was first recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (642, 'esf', 32, 'view', $step$
COMMENT ON COLUMN attest.participations.corrected_at IS 'When it was last corrected; NULL when never.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (643, 'esf', 33, 'view', $step$
COMMENT ON COLUMN attest.participations.facts IS 'What is known, with the keys of attest.esf_indicators(); NULL once the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (644, 'esf', 34, 'view', $step$
COMMENT ON COLUMN attest.participations.missing IS 'Keys that keep it out of every indicator.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (645, 'esf', 35, 'view', $step$
COMMENT ON COLUMN attest.participations.indicators IS 'Codes that it counts for.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (646, 'esf', 36, 'view', $step$
CREATE OR REPLACE VIEW attest.participation_history WITH (security_invoker = true) AS
SELECT v.participation_id, v.version, v.person_id, v.kind, v.recorded_at, v.recorded_by,
  attest.unseal(v.reason, v.person_id, 'esf.reason') AS reason, attest.unseal(v.facts, v.person_id, 'esf.facts')::jsonb AS facts
FROM attest_data.participation_version v
$step$);

INSERT INTO attest_internal.setup_step VALUES (647, 'esf', 37, 'view', $step$
COMMENT ON VIEW attest.participation_history IS 'What was known of participations after each write, opened.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (648, 'esf', 38, 'view', $step$
COMMENT ON COLUMN attest.participation_history.participation_id IS 'Id of the participation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (649, 'esf', 39, 'view', $step$
COMMENT ON COLUMN attest.participation_history.version IS 'Number of the version, from 1.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (650, 'esf', 40, 'view', $step$
COMMENT ON COLUMN attest.participation_history.person_id IS 'Person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (651, 'esf', 41, 'view', $step$
COMMENT ON COLUMN attest.participation_history.kind IS 'entry, re_entry, exit, change (after the exit), followup, correction, import, merge or parameters (of the operation were changed).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (652, 'esf', 42, 'view', $step$
COMMENT ON COLUMN attest.participation_history.recorded_at IS 'When it was recorded.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (653, 'esf', 43, 'view', $step$
COMMENT ON COLUMN attest.participation_history.recorded_by IS 'Account that recorded it.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (654, 'esf', 44, 'view', $step$
COMMENT ON COLUMN attest.participation_history.reason IS 'Why it was corrected, or the parameters changed.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (655, 'esf', 45, 'view', $step$
COMMENT ON COLUMN attest.participation_history.facts IS 'What was known; NULL once the person is erased.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (656, 'esf', 46, 'view', $step$
CREATE OR REPLACE VIEW attest.participation_stays WITH (security_invoker = true) AS
SELECT s.participation_id, s.stay, s.person_id, s.entered_on, s.exited_on FROM attest_data.participation_stay s
$step$);

INSERT INTO attest_internal.setup_step VALUES (657, 'esf', 47, 'view', $step$
COMMENT ON VIEW attest.participation_stays IS 'From when to when people were in an operation, each time.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (658, 'esf', 48, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.participation_id IS 'Id of the participation.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (659, 'esf', 49, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.stay IS 'Number of the stay, from 1.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (660, 'esf', 50, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.person_id IS 'Person.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (661, 'esf', 51, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.entered_on IS 'Entry.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (662, 'esf', 52, 'view', $step$
COMMENT ON COLUMN attest.participation_stays.exited_on IS 'Exit; NULL while it lasts.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (663, 'esf', 53, 'view', $step$
GRANT SELECT ON attest_data.operation, attest_data.operation_parameters, attest.operations, attest.operation_parameters TO attest_app, attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (664, 'esf', 54, 'view', $step$
GRANT SELECT ON attest_data.participation, attest_data.participation_version, attest_data.participation_stay,
  attest.participations, attest.participation_history, attest.participation_stays TO attest_app
$step$);

INSERT INTO attest_internal.setup_step VALUES (665, 'report', 1, 'view', $step$
CREATE OR REPLACE VIEW attest_report.attendance_by_month WITH (security_invoker = true) AS
SELECT date_trunc('month', p.day)::date AS month, c.code AS course, p.status, count(*) AS slots,
  sum(p.minutes_planned) AS minutes_planned, sum(p.minutes_attended) AS minutes_attended
FROM attest.presences p
JOIN attest_data.course c ON c.tenant_id = attest.current_tenant() AND c.course_id = p.course_id
WHERE p.ends_at <= now()
GROUP BY 1, 2, 3
$step$);

INSERT INTO attest_internal.setup_step VALUES (666, 'report', 2, 'view', $step$
COMMENT ON VIEW attest_report.attendance_by_month IS 'Attendance by month, course and status, over the slots that have ended. One row a combination that occurs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (667, 'report', 3, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.month IS 'First day of the month.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (668, 'report', 4, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.course IS 'Code of the course.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (669, 'report', 5, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.status IS 'Status of the presences, as in attest.presences.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (670, 'report', 6, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.slots IS 'Person-slots.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (671, 'report', 7, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_planned IS 'Person-minutes planned.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (672, 'report', 8, 'view', $step$
COMMENT ON COLUMN attest_report.attendance_by_month.minutes_attended IS 'Person-minutes attended.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (673, 'report', 9, 'view', $step$
CREATE OR REPLACE VIEW attest_report.people_by_profile WITH (security_invoker = true) AS
SELECT profile, p.gender, p.birth_year / 10 * 10 AS birth_decade, p.isced::int AS isced, count(*) AS people,
  count(p.anonymised_at) AS anonymised
FROM attest_data.person p CROSS JOIN LATERAL unnest(p.profiles) AS profile
GROUP BY 1, 2, 3, 4
$step$);

INSERT INTO attest_internal.setup_step VALUES (674, 'report', 10, 'view', $step$
COMMENT ON VIEW attest_report.people_by_profile IS 'People by profile, gender, decade of birth and level of education; those anonymised still count. One row a combination that occurs.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (675, 'report', 11, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.profile IS 'Profile, such as learner.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (676, 'report', 12, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.gender IS 'F, M or N (non-binary).'
$step$);

INSERT INTO attest_internal.setup_step VALUES (677, 'report', 13, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.birth_decade IS 'Decade of birth, such as 1980.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (678, 'report', 14, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.isced IS 'Level of education, ISCED 0 to 8.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (679, 'report', 15, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.people IS 'People.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (680, 'report', 16, 'view', $step$
COMMENT ON COLUMN attest_report.people_by_profile.anonymised IS 'Of whom anonymised.'
$step$);

INSERT INTO attest_internal.setup_step VALUES (681, 'report', 17, 'view', $step$
GRANT SELECT (tenant_id, profiles, gender, birth_year, isced, anonymised_at) ON attest_data.person TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (682, 'report', 18, 'view', $step$
GRANT SELECT ON attest.presences TO attest_analyst
$step$);

INSERT INTO attest_internal.setup_step VALUES (683, 'report', 19, 'view', $step$
GRANT SELECT ON attest_report.attendance_by_month, attest_report.people_by_profile TO attest_app, attest_analyst
$step$);

-- Wiring: what needs several rooms at once.

CREATE FUNCTION attest.setup() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
  steps int;
  tables int;
BEGIN
  CREATE SCHEMA IF NOT EXISTS attest_data AUTHORIZATION attest_owner;
  CREATE SCHEMA IF NOT EXISTS attest_report AUTHORIZATION attest_owner;
  -- A restore may have made the schemas before the role was there.
  ALTER SCHEMA attest_data OWNER TO attest_owner;
  ALTER SCHEMA attest_report OWNER TO attest_owner;
  COMMENT ON SCHEMA attest_data IS 'The data of the tenants: ordinary tables under row level security.';
  COMMENT ON SCHEMA attest_report IS 'Reporting views, of plain types, for BI tools.';
  GRANT USAGE ON SCHEMA attest_data TO attest_operator, attest_app, attest_analyst, attest_auditor;
  GRANT USAGE ON SCHEMA attest_report TO attest_app, attest_analyst;
  steps := attest_internal.run_steps();
  tables := attest_internal.protect_tables();
  PERFORM attest_internal.wake_workers(false);
  RETURN format('attest %s is set up: %s steps run, %s tenant tables protected.', attest.version(), steps, tables);
END
$$;
COMMENT ON FUNCTION attest.setup() IS
'Creates or brings up to date the tables, views and policies of attest in this database, as ordinary objects of attest_owner. Safe to run again. For a superuser, after CREATE EXTENSION and after ALTER EXTENSION UPDATE.';

-- The last part: ownership and privileges of every function, in one place.

-- A definer function works as attest_owner, which row level security binds.
DO $owners$
DECLARE
  fn regprocedure;
BEGIN
  FOR fn IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('attest'::regnamespace, 'attest_internal'::regnamespace) AND p.prosecdef
  LOOP
    EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO attest_owner', fn);
  END LOOP;
END
$owners$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA attest, attest_internal FROM PUBLIC;
REVOKE ALL ON TYPE attest.nir, attest.siret, attest.siren, attest.sealed, attest.signature, attest.tally, attest.esf_tally,
  attest_internal.slot_facts, attest_internal.file_record, attest_internal.import_rules FROM PUBLIC;

GRANT USAGE ON SCHEMA attest, attest_internal
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT CREATE ON SCHEMA attest TO attest_owner;
GRANT SELECT ON attest_internal.setup_step TO attest_owner;
GRANT USAGE ON TYPE attest_internal.slot_facts, attest_internal.file_record, attest_internal.import_rules TO attest_owner;
GRANT USAGE ON TYPE attest.nir, attest.siret, attest.siren, attest.sealed, attest.signature, attest.tally, attest.esf_tally
  TO attest_owner, attest_operator, attest_app, attest_analyst, attest_auditor;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA attest, attest_internal TO attest_owner;

-- Input and output of the types, and what policies, defaults and views call.
DO $types$
DECLARE
  fn regprocedure;
BEGIN
  FOR fn IN
    SELECT p.oid::regprocedure
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'attest_internal'::regnamespace
      AND p.proname ~ '^(nir|siret|siren|sealed|signature|tally|esf_tally)_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|plus|minus)$'
  LOOP
    EXECUTE pg_catalog.format(
      'GRANT EXECUTE ON FUNCTION %s TO attest_operator, attest_app, attest_analyst, attest_auditor', fn);
  END LOOP;
END
$types$;

-- Everybody who works with attest.
GRANT EXECUTE ON FUNCTION
  attest.version(), attest.error_catalog(), attest.enter(text), attest.whoami(),
  attest.current_tenant(), attest.current_account(), attest.current_profile(), attest.current_person(),
  attest.uuid_v7(), attest.nir_check(text, text), attest.siret_check(text), attest.siren_check(text),
  attest.nir_parts(attest.nir, date), attest.siren(attest.siret),
  attest.grouped(attest.nir), attest.grouped(attest.siret), attest.grouped(attest.siren), attest.worker_status(), attest.may_see(uuid),
  attest.is_sealed(attest.sealed), attest.is_sealed(attest.sealed, uuid, text),
  attest.login(text, text, text), attest.enter_jwt(text),
  attest.presence_statuses(), attest.status_name(smallint),
  attest.holiday(date, text), attest.holidays(int, text), attest.add_working_days(date, int, text, text),
  attest.due_day(date, interval, text, boolean)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Totals are sums and name nobody.
GRANT EXECUTE ON FUNCTION
  attest.tally_of(smallint, int, int, int, int, boolean, boolean),
  attest.tally_presence(smallint, int, int, int, int, boolean, boolean), attest.merge_tally(attest.tally),
  attest.slots(attest.tally), attest.slots(attest.tally, text), attest.minutes_planned(attest.tally), attest.minutes_due(attest.tally), attest.minutes_ahead(attest.tally),
  attest.minutes_attended(attest.tally), attest.minutes_counted(attest.tally), attest.minutes_late(attest.tally),
  attest.signatures(attest.tally), attest.countersigned_slots(attest.tally), attest.presences(attest.tally),
  attest.absences(attest.tally), attest.rate(attest.tally)
  TO attest_operator, attest_app, attest_analyst, attest_auditor;

-- Thin clients; the profile of the ticket decides what each call accepts.
GRANT EXECUTE ON FUNCTION
  attest.seal(text, uuid, text), attest.unseal(attest.sealed), attest.unseal(attest.sealed, uuid, text),
  attest.blind(text, text), attest.blind_candidates(text, text), attest.plain(text), attest.sealed_info(attest.sealed),
  attest.person_fields(), attest.may_open(uuid, text), attest.person_details(uuid, text), attest.person_provenance(uuid),
  attest.change_person(uuid, jsonb, text), attest.set_field_policy(text, text, text), attest.authorise_minor(uuid, date, text),
  attest.revoke_minor(uuid), attest.find_duplicates(jsonb), attest.resolve_person(uuid), attest.merge_people(uuid, uuid, text),
  attest.field_rules(text[]),
  attest.find_people(text, int),
  attest.import_columns(), attest.add_person(jsonb),
  attest.import_people(text, text, boolean), attest.import_people(bytea, text, boolean),
  attest.open_import(text, text), attest.stage_rows(uuid, text), attest.stage_rows(uuid, bytea), attest.check_import(uuid),
  attest.load_import(uuid), attest.discard_import(uuid), attest.rejected_rows(uuid), attest.set_last_activity(uuid, date),
  attest.create_course(text, text, text, text, text), attest.add_place(text, text, text, text), attest.add_funder(text, text, text),
  attest.set_counting_rule(text, date, text[], text[], text, int),
  attest.plan_session(uuid, text, date, date, text, interval),
  attest.plan_slot(uuid, timestamptz, timestamptz, text, text),
  attest.assign_trainer(uuid, uuid),
  attest.enrol(uuid, uuid, date, date, text, text), attest.withdraw(uuid, uuid, date),
  attest.sign(uuid, uuid, attest.signature, bytea, uuid, uuid, timestamptz, text),
  attest.countersign(uuid, attest.signature, bytea, uuid, timestamptz),
  attest.record_presence(uuid, uuid, text, text, int, timestamptz, uuid, text),
  attest.slot_code(uuid), attest.challenge(uuid, uuid, uuid, text), attest.list_digest(uuid),
  attest.set_signing(uuid, interval, interval, int), attest.set_attendance_policy(interval, interval, int, interval, interval),
  attest.cancel_slot(uuid, text), attest.cancel_session(uuid, text), attest.dispute(uuid, uuid, text),
  attest.submit_justification(uuid, uuid, text, bytea), attest.open_justification(uuid), attest.decide_justification(uuid, boolean, text),
  attest.events_since(text, int), attest.sync(jsonb),
  attest.live_board(uuid),
  attest.signature_kind(attest.signature), attest.signature_digest(attest.signature),
  attest.signature_payload(attest.signature), attest.signature_reasons(attest.signature),
  attest.create_operation(text, text, text, date, date, text, text, text, text, jsonb), attest.set_operation_parameters(uuid, jsonb, text),
  attest.record_entities(uuid, text, bigint, date),
  attest.record_participation(uuid, uuid, jsonb), attest.record_exit(uuid, date, jsonb),
  attest.record_change_after_exit(uuid, date, text), attest.record_followup(uuid, jsonb),
  attest.correct_participation(uuid, jsonb, text), attest.verify_participation(uuid, text),
  attest.esf_incomplete(text), attest.recount_esf(text), attest.esf_columns(),
  attest.export_participations(text), attest.import_participations(text, text),
  attest.esf_indicators(text, jsonb), attest.esf_missing(text, jsonb), attest.esf_indicator_set(text, jsonb),
  attest.esf_indicators(text, jsonb, jsonb), attest.esf_indicator_set(text, jsonb, jsonb), attest.esf_parameters(text, jsonb),
  attest.assign_case(uuid, uuid, date), attest.close_case(uuid, uuid, date),
  attest.object(uuid), attest.withdraw_objection(uuid),
  attest.set_retention_rule(text, interval, text), attest.place_hold(uuid, text), attest.lift_hold(uuid, text),
  attest.erase_person(uuid, text, text), attest.erasure_horizon(), attest.erasure_waits_for(int)
  TO attest_app;

GRANT EXECUTE ON FUNCTION attest.forecast(numeric) TO attest_app, attest_analyst;
GRANT EXECUTE ON FUNCTION
  attest.esf_report(text, timestamptz, date, boolean), attest.esf_programme_report(text, timestamptz, date),
  attest.esf_published(text, timestamptz, date, int), attest.esf_check(text, timestamptz, date), attest.esf_check(attest.esf_tally), attest.esf_check_sums(attest.esf_tally, jsonb),
  attest.esf_check_progress(attest.esf_tally, attest.esf_tally),
  attest.esf_tally_at(text, timestamptz, date, boolean), attest.esf_rules(), attest.esf_catalogue(), attest.esf_codes(text, bigint),
  attest.esf_tally_of(text, text, bigint), attest.esf_count(attest.esf_tally, text, text), attest.esf_framework(attest.esf_tally),
  attest.esf_rows(attest.esf_tally), attest.tally_esf(text, text, bigint), attest.merge_esf_tally(attest.esf_tally)
  TO attest_app, attest_analyst;
-- The follow-up of the RSA: lists and reports, to analysts too.
GRANT EXECUTE ON FUNCTION
  attest.followup_settings(), attest.organisation_kinds(), attest.commitment_grounds(), attest.contract_actions(),
  attest.activity_kinds(), attest.interaction_kinds(), attest.oarsa_lines(),
  attest.weekly_account(uuid, date, date, date), attest.deadlines(uuid, date, timestamptz),
  attest.followup_report(date, date, text), attest.oarsa_table(int, int, timestamptz, boolean)
  TO attest_app, attest_analyst;
GRANT EXECUTE ON FUNCTION
  attest.set_followup(text, text), attest.create_organisation(text, text, text, date, date, attest.siret),
  attest.join_organisation(uuid, uuid, date, date), attest.cancel_record(text, uuid, text),
  attest.record_situation(uuid, date, jsonb),
  attest.orient(uuid, uuid, date, text, date, text, text, boolean, text, uuid),
  attest.sign_contract(uuid, uuid, date, date, date, int, text, text[], text, uuid, uuid, text),
  attest.record_period(uuid, text, text, date, date, int, date, date, text, uuid, text),
  attest.record_activity(uuid, text, int, timestamptz, date, text, int, text, text, uuid, uuid, text),
  attest.followup_alerts(uuid, date), attest.followup_file(uuid),
  attest.record_interaction(uuid, text, text, timestamptz, uuid, text, uuid, text),
  attest.read_interactions(uuid), attest.interaction_readings(uuid)
  TO attest_app;


-- Operators of the installation.
GRANT EXECUTE ON FUNCTION
  attest.create_keyring(), attest.create_tenant(text, text, text, text),
  attest.create_account(text, text, text, uuid, date, date),
  attest.issue_ticket(text, text, interval), attest.set_secret(text, text, text),
  attest.import_secret(text, text, text), attest.import_account(text, text, text, text, uuid, date, date),
  attest.revoke_account(text, text, text), attest.reinstate_account(text, text, text),
  attest.declare_compromise(text, text, timestamptz),
  attest.add_identity_provider(text, text, text, text, interval), attest.import_jwk(text, text, jsonb),
  attest.drop_jwk(text, text, text), attest.grant_tenant(name, text, text), attest.revoke_tenant(name),
  attest.authorise_nir(text, text, text, date, date), attest.revoke_nir(text, text),
  attest.protect(regclass), attest.check_protectable(regclass), attest.protected_columns(), attest.protection_statements(regclass, name, text[]),
  attest.blind_statement(regclass, name, name), attest.refuse_clear(text), attest.seal_columns(), attest.write_view(),
  attest.register_adoption(regclass, text, text, text, text, text), attest.adoption_statements(regclass, name),
  attest.adopt_step(regclass, name), attest.adoption_end(regclass, name), attest.adopt_column(),
  attest.run_job(text), attest.doctor(),
  attest.prepare_kek(), attest.rotate_kek(), attest.confirm_backup(text, timestamptz), attest.retire_kek(int, name[]), attest.kek_epochs(),
  attest.destroy_retired_keys(text), attest.export_keys(), attest.import_keys(text), attest.erasure_horizon(text)
  TO attest_operator;
GRANT EXECUTE ON PROCEDURE
  attest.protect_columns(regclass, name, text[]), attest.protect_blind(regclass, name, name),
  attest.adopt(regclass, name, text, name, text, text),
  attest.rotate_tenant_key(text, int), attest.reseal_people(text, int), attest.rotate_keys(int)
  TO attest_operator;
GRANT EXECUTE ON FUNCTION attest.erasure_waits_for(int) TO attest_auditor;

-- Born here, after privileges were given: it has no list of them, which takes the least time to check.  Nobody but
-- attest's own roles can name it, and it tells what attest.current_tenant() tells.
CREATE FUNCTION attest_internal.planned_tenant() RETURNS int
AS 'MODULE_PATHNAME', 'attest_planned_tenant' LANGUAGE C STABLE LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION attest_internal.planned_tenant() IS
'What the planner puts in the place of attest.current_tenant() for those who may execute that: every look-up checks the privileges of the function that it calls, twice.';
