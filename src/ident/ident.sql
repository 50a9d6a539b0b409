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
