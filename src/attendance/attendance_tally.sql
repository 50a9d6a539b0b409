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
