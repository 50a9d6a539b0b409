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
