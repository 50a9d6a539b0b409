-- ident: identifiers and row ids.

CREATE FUNCTION attest.uuid_v7() RETURNS uuid
AS 'MODULE_PATHNAME', 'attest_uuid_v7' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION attest.uuid_v7() IS
'A new row id: version 7 uuid (RFC 9562), ordered by the time of its making.';

CREATE TYPE attest.nir;
COMMENT ON TYPE attest.nir IS
'Social security number (NIR) of 13 characters and its key. Spaces, dots and hyphens are accepted. It has no comparison: never index or join it in clear.';

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

CREATE TYPE attest.siret;
COMMENT ON TYPE attest.siret IS
'SIRET of an establishment, 14 digits, checked by Luhn or by the rule of La Poste. Spaces, dots and hyphens are accepted.';

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
