/*
 * tally_type.c
 *		The type attest.tally, its operators, accessors and aggregates: see tally.h.
 *
 * The state of the aggregates is the type itself, of fixed size and without pointers, so
 * that it goes between parallel workers as it is; within an aggregate it is changed in
 * its place.
 */
#include "core/core.h"

#include "attendance/tally.h"
#include "common/int.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define BINARY_VERSION 1

ATTEST_FUNCTION(attest_tally_in);
ATTEST_FUNCTION(attest_tally_out);
ATTEST_FUNCTION(attest_tally_recv);
ATTEST_FUNCTION(attest_tally_send);
ATTEST_FUNCTION(attest_tally_of);
ATTEST_FUNCTION(attest_tally_add_slot);
ATTEST_FUNCTION(attest_tally_combine);
ATTEST_FUNCTION(attest_tally_plus);
ATTEST_FUNCTION(attest_tally_minus);
ATTEST_FUNCTION(attest_tally_eq);
ATTEST_FUNCTION(attest_tally_ne);
ATTEST_FUNCTION(attest_presences);
ATTEST_FUNCTION(attest_absences);
ATTEST_FUNCTION(attest_rate);
ATTEST_FUNCTION(attest_slots);
ATTEST_FUNCTION(attest_minutes_planned);
ATTEST_FUNCTION(attest_minutes_due);
ATTEST_FUNCTION(attest_minutes_ahead);
ATTEST_FUNCTION(attest_minutes_attended);
ATTEST_FUNCTION(attest_minutes_counted);
ATTEST_FUNCTION(attest_minutes_late);
ATTEST_FUNCTION(attest_signatures);
ATTEST_FUNCTION(attest_countersigned_slots);

#define GETARG_TALLY(n) ((Tally *) PG_GETARG_POINTER(n))

static void __attribute__((noreturn)) refuse_overflow(void)
{
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("a counter of the tally is out of range")));
}

static void __attribute__((noreturn)) refuse_text(const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("this is not a tally of attendance"),
			 errdetail_internal("%s.", dgettext(TEXTDOMAIN, fault)),
			 errhint("Write it as \"slots=2 planned=420 attended=210 present=1 absent=1\".")));
}

/* --- input and output --- */

Datum
attest_tally_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	Tally *tally = palloc(sizeof(Tally));
	const char *fault = tally_parse(text, strlen(text), tally);

	if (fault != NULL)
		refuse_text(fault);
	PG_RETURN_POINTER(tally);
}

Datum
attest_tally_out(PG_FUNCTION_ARGS)
{
	char *text = palloc(TALLY_TEXT_MAX);

	tally_print(GETARG_TALLY(0), text);
	PG_RETURN_CSTRING(text);
}

/* A version, then each field. */
Datum
attest_tally_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	Tally *tally = palloc(sizeof(Tally));

	if (pq_getmsgint(message, 2) != BINARY_VERSION)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("unknown version of a tally of attendance")));
	for (int i = 0; i < TALLY_FIELDS; i++)
		tally->value[i] = pq_getmsgint64(message);
	if (!tally_is_consistent(tally))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("this is not a tally of attendance"),
						errdetail("The slots are not the sum of the statuses.")));
	PG_RETURN_POINTER(tally);
}

Datum
attest_tally_send(PG_FUNCTION_ARGS)
{
	const Tally *tally = GETARG_TALLY(0);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendint16(&out, BINARY_VERSION);
	for (int i = 0; i < TALLY_FIELDS; i++)
		pq_sendint64(&out, (uint64) tally->value[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* --- slots --- */

static PresenceStatus
require_status(int16 code)
{
	if (code < 0 || code >= STATUS_COUNT)
		fail(ERR_bad_value, "status", "a code of attest.presence_statuses()");
	return (PresenceStatus) code;
}

/* The slot that arguments from the first one on describe: a NULL is 0 or false. */
static TallySlot
slot_of_arguments(FunctionCallInfo fcinfo, int first)
{
	TallySlot slot = {.status = require_status(PG_GETARG_INT16(first))};

	slot.planned = PG_ARGISNULL(first + 1) ? 0 : PG_GETARG_INT32(first + 1);
	slot.attended = PG_ARGISNULL(first + 2) ? 0 : PG_GETARG_INT32(first + 2);
	slot.counted = PG_ARGISNULL(first + 3) ? 0 : PG_GETARG_INT32(first + 3);
	slot.late = PG_ARGISNULL(first + 4) ? 0 : PG_GETARG_INT32(first + 4);
	slot.is_signed = !PG_ARGISNULL(first + 5) && PG_GETARG_BOOL(first + 5);
	slot.is_countersigned = !PG_ARGISNULL(first + 6) && PG_GETARG_BOOL(first + 6);
	return slot;
}

/* attest.tally_of(status, planned, attended, counted, late, signed, countersigned) */
Datum
attest_tally_of(PG_FUNCTION_ARGS)
{
	Tally *tally = palloc0(sizeof(Tally));
	TallySlot slot;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	slot = slot_of_arguments(fcinfo, 0);
	if (!tally_add_slot(tally, &slot))
		refuse_overflow();
	PG_RETURN_POINTER(tally);
}

/* The first argument: the state itself within an aggregate, otherwise a copy. */
static Tally *
state_argument(FunctionCallInfo fcinfo)
{
	Tally *copy;

	if (AggCheckCallContext(fcinfo, NULL))
		return GETARG_TALLY(0);
	copy = palloc(sizeof(Tally));
	memcpy(copy, GETARG_TALLY(0), sizeof(Tally));
	return copy;
}

/* Transition of attest.tally_presence(): a row without a status counts nothing. */
Datum
attest_tally_add_slot(PG_FUNCTION_ARGS)
{
	Tally *state;
	TallySlot slot;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = state_argument(fcinfo);
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	slot = slot_of_arguments(fcinfo, 1);
	if (!tally_add_slot(state, &slot))
		refuse_overflow();
	PG_RETURN_POINTER(state);
}

/* Transition of attest.merge_tally(), and what combines the states of both aggregates. */
Datum
attest_tally_combine(PG_FUNCTION_ARGS)
{
	Tally *state = state_argument(fcinfo);

	if (!tally_add(state, GETARG_TALLY(1)))
		refuse_overflow();
	PG_RETURN_POINTER(state);
}

/* --- operators --- */

static Tally *
copy_of(const Tally *tally)
{
	Tally *copy = palloc(sizeof(Tally));

	memcpy(copy, tally, sizeof(Tally));
	return copy;
}

Datum
attest_tally_plus(PG_FUNCTION_ARGS)
{
	Tally *sum = copy_of(GETARG_TALLY(0));

	if (!tally_add(sum, GETARG_TALLY(1)))
		refuse_overflow();
	PG_RETURN_POINTER(sum);
}

Datum
attest_tally_minus(PG_FUNCTION_ARGS)
{
	Tally *difference = copy_of(GETARG_TALLY(0));

	if (!tally_subtract(difference, GETARG_TALLY(1)))
		refuse_overflow();
	PG_RETURN_POINTER(difference);
}

Datum
attest_tally_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tally_equal(GETARG_TALLY(0), GETARG_TALLY(1)));
}

Datum
attest_tally_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!tally_equal(GETARG_TALLY(0), GETARG_TALLY(1)));
}

/* --- accessors --- */

static Datum
counter(FunctionCallInfo fcinfo, TallyCounter field)
{
	PG_RETURN_INT64(GETARG_TALLY(0)->value[field]);
}

Datum
attest_minutes_planned(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_PLANNED);
}

Datum
attest_minutes_due(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_DUE);
}

Datum
attest_minutes_ahead(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_AHEAD);
}

Datum
attest_minutes_attended(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_ATTENDED);
}

Datum
attest_minutes_counted(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_COUNTED);
}

Datum
attest_minutes_late(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_LATE);
}

Datum
attest_signatures(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_SIGNED);
}

Datum
attest_countersigned_slots(PG_FUNCTION_ARGS)
{
	return counter(fcinfo, TALLY_COUNTERSIGNED);
}

static int64
sum_of(const Tally *tally, const PresenceStatus *statuses, int count)
{
	int64 sum = 0;

	for (int i = 0; i < count; i++)
	{
		if (pg_add_s64_overflow(sum, tally->value[TALLY_STATUSES + statuses[i]], &sum))
			refuse_overflow();
	}
	return sum;
}

/* attest.presences(tally): slots at which the person was there, for a part at least. */
Datum
attest_presences(PG_FUNCTION_ARGS)
{
	static const PresenceStatus there[] = {STATUS_present, STATUS_late, STATUS_left_early,
										   STATUS_partial, STATUS_in_company};

	PG_RETURN_INT64(sum_of(GETARG_TALLY(0), there, lengthof(there)));
}

/* attest.absences(tally): slots missed, whatever the ground. */
Datum
attest_absences(PG_FUNCTION_ARGS)
{
	static const PresenceStatus missed[] = {STATUS_absent, STATUS_excused, STATUS_justified};

	PG_RETURN_INT64(sum_of(GETARG_TALLY(0), missed, lengthof(missed)));
}

/* attest.rate(tally): attended of due minutes in percent, one decimal; NULL without any. */
Datum
attest_rate(PG_FUNCTION_ARGS)
{
	const Tally *tally = GETARG_TALLY(0);
	Datum rate;

	if (tally->value[TALLY_DUE] == 0)
		PG_RETURN_NULL();
	rate = DirectFunctionCall2(
		numeric_div,
		DirectFunctionCall2(numeric_mul, NumericGetDatum(int64_to_numeric(100)),
							NumericGetDatum(int64_to_numeric(tally->value[TALLY_ATTENDED]))),
		NumericGetDatum(int64_to_numeric(tally->value[TALLY_DUE])));
	return DirectFunctionCall2(numeric_round, rate, Int32GetDatum(1));
}

static int
find_status(const text *name)
{
	for (int i = 0; i < STATUS_COUNT; i++)
	{
		const char *known = tally_field_name(TALLY_STATUSES + i);

		if (VARSIZE_ANY_EXHDR(name) == strlen(known) &&
			memcmp(VARDATA_ANY(name), known, strlen(known)) == 0)
			return i;
	}
	fail(ERR_bad_value, "status", "a name of attest.presence_statuses()");
}

/* attest.slots(tally) and attest.slots(tally, status text) */
Datum
attest_slots(PG_FUNCTION_ARGS)
{
	int field = PG_NARGS() < 2 ? TALLY_SLOTS : TALLY_STATUSES + find_status(PG_GETARG_TEXT_PP(1));

	PG_RETURN_INT64(GETARG_TALLY(0)->value[field]);
}
