-- vault, blind values: what a sealed value is found by.

CREATE FUNCTION attest.blind(purpose text, value text) RETURNS bytea
AS 'MODULE_PATHNAME', 'attest_blind' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.blind(text, text) IS
'The blind value, 16 bytes, to store beside a sealed one: a keyed digest of the value for the purpose, under the active key of the tenant. Equal values have equal blind values within the tenant and the purpose. Normalise the value first (case, blanks), always in the same way. Error TA341 for a purpose or a value that few possible values would give away, TA357 for one of the register, such as person.nir, that the profile of the ticket does not open of everybody: a blind value tells whether a guess is right.';

CREATE FUNCTION attest.blind_candidates(purpose text, value text) RETURNS bytea[]
AS 'MODULE_PATHNAME', 'attest_blind_candidates' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION attest.blind_candidates(text, text) IS
'The blind values of a value under every key of the tenant that is in use, for looking up: WHERE email_blind = ANY (attest.blind_candidates(purpose, value)). While a rotation goes on there are two. Errors as attest.blind().';
