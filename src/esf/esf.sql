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
