/*
 * esf_tally.c
 *		The type attest.esf_tally, its operators, aggregates and accessors.
 *
 * The type is the struct of tally.h, passed by reference, of fixed size.  As the
 * state of an aggregate it is changed in place; elsewhere it is copied.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "esf/esf.h"
#include "esf/publish.h"

#define PG_GETARG_TALLY(n) ((EsfTally *) PG_GETARG_POINTER(n))
#define PG_RETURN_TALLY(t) PG_RETURN_POINTER(t)

ATTEST_FUNCTION(attest_esf_tally_in);
ATTEST_FUNCTION(attest_esf_tally_out);
ATTEST_FUNCTION(attest_esf_tally_recv);
ATTEST_FUNCTION(attest_esf_tally_send);
ATTEST_FUNCTION(attest_esf_tally_eq);
ATTEST_FUNCTION(attest_esf_tally_plus);
ATTEST_FUNCTION(attest_esf_tally_minus);
ATTEST_FUNCTION(attest_esf_tally_of);
ATTEST_FUNCTION(attest_tally_esf_step);
ATTEST_FUNCTION(attest_merge_esf_tally_step);
ATTEST_FUNCTION(attest_esf_count);
ATTEST_FUNCTION(attest_esf_framework);
ATTEST_FUNCTION(attest_esf_rows);
ATTEST_FUNCTION(attest_esf_suppressed_rows);

static EsfTally *
new_tally(void)
{
	EsfTally *tally = palloc(sizeof(EsfTally));

	esf_tally_clear(tally);
	return tally;
}

static EsfTally *
copy_tally(const EsfTally *tally)
{
	EsfTally *copy = palloc(sizeof(EsfTally));

	*copy = *tally;
	return copy;
}

/* --- input and output --- */

Datum
attest_esf_tally_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	EsfTally *tally = new_tally();

	if (!esf_tally_parse(text, strlen(text), tally))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("this is not an ESF tally"),
				 errhint("Write \"none\", or the framework and counters of women, men and "
						 "non-binary people, such as \"esf+;complete=2/1/0;EECO01=2/1/0\".")));
	PG_RETURN_TALLY(tally);
}

Datum
attest_esf_tally_out(PG_FUNCTION_ARGS)
{
	char *text = palloc(ESF_TALLY_TEXT_MAX);

	esf_tally_format(PG_GETARG_TALLY(0), text);
	PG_RETURN_CSTRING(text);
}

Datum
attest_esf_tally_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int length = message->len - message->cursor;
	const char *bytes = pq_getmsgbytes(message, length);
	EsfTally *tally = new_tally();

	if (!esf_tally_read((const uint8 *) bytes, (size_t) length, tally))
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("these bytes are not an ESF tally"),
						errhint("Send what the binary output of attest.esf_tally gave, whole.")));
	PG_RETURN_TALLY(tally);
}

Datum
attest_esf_tally_send(PG_FUNCTION_ARGS)
{
	bytea *bytes = palloc(VARHDRSZ + ESF_TALLY_BYTES);

	SET_VARSIZE(bytes, VARHDRSZ + ESF_TALLY_BYTES);
	esf_tally_write(PG_GETARG_TALLY(0), (uint8 *) VARDATA(bytes));
	PG_RETURN_BYTEA_P(bytes);
}

/* --- operators --- */

Datum
attest_esf_tally_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(memcmp(PG_GETARG_TALLY(0), PG_GETARG_TALLY(1), sizeof(EsfTally)) == 0);
}

static void
require_sum(EsfTallyFault fault)
{
	switch (fault)
	{
		case ESF_TALLY_OK:
			return;
		case ESF_TALLY_OTHER_FRAMEWORK:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("tallies of different ESF frameworks do not add up"),
							errhint("Group by framework: esf+ and esf have different codes.")));
			break;
		case ESF_TALLY_BELOW_ZERO:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("a counter of the ESF tally would fall below zero"),
							errhint("Only take away what was added before.")));
			break;
		case ESF_TALLY_TOO_LARGE:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("a counter of the ESF tally would be too large"),
							errhint("A counter goes up to 10 to the power of 15.")));
			break;
	}
}

Datum
attest_esf_tally_plus(PG_FUNCTION_ARGS)
{
	EsfTally *sum = copy_tally(PG_GETARG_TALLY(0));

	require_sum(esf_tally_add(sum, PG_GETARG_TALLY(1)));
	PG_RETURN_TALLY(sum);
}

Datum
attest_esf_tally_minus(PG_FUNCTION_ARGS)
{
	EsfTally *rest = copy_tally(PG_GETARG_TALLY(0));

	require_sum(esf_tally_subtract(rest, PG_GETARG_TALLY(1)));
	PG_RETURN_TALLY(rest);
}

/* --- counting --- */

static void
reject_gender(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown gender in an ESF tally"),
			 errhint("Accepted are F, M and N (non-binary); for an incomplete record also null.")));
}

/* F, M or N; anything else is 22023. */
static EsfGender
gender_from_text(const text *name)
{
	if (VARSIZE_ANY_EXHDR(name) == 1)
	{
		switch (*VARDATA_ANY(name))
		{
			case 'F':
				return ESF_WOMEN;
			case 'M':
				return ESF_MEN;
			case 'N':
				return ESF_NEITHER;
		}
	}
	reject_gender();
	pg_unreachable();
}

/* A text argument as it lies; short texts, which all of these are, need no unpacking. */
static text *
text_argument(FunctionCallInfo fcinfo, int number)
{
	text *value = (text *) PG_GETARG_POINTER(number);

	if (VARATT_IS_COMPRESSED(value) || VARATT_IS_EXTERNAL(value))
		return PG_GETARG_TEXT_PP(number);
	return value;
}

/* Counts the participation of arguments first (framework), gender and set. */
static void
count_arguments(FunctionCallInfo fcinfo, int first, EsfTally *tally)
{
	text *name = text_argument(fcinfo, first);
	uint64_t set = (uint64_t) PG_GETARG_INT64(first + 2);
	EsfGender gender = ESF_GENDER_UNKNOWN;
	EsfFramework framework;

	if (!esf_framework_parse(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &framework))
		framework = esf_framework_from_text(name);
	if ((set & ~esf_all_bits(framework)) != 0)
		set = esf_checked_set(framework, (int64) set);

	if (tally->framework != ESF_NO_FRAMEWORK && tally->framework != (int64_t) framework)
		require_sum(ESF_TALLY_OTHER_FRAMEWORK);
	if (!PG_ARGISNULL(first + 1))
		gender = gender_from_text(text_argument(fcinfo, first + 1));
	else if (set != 0)
		reject_gender();
	esf_tally_count(tally, framework, gender, set);
}

/* attest.esf_tally_of(framework text, gender text, indicators bigint) */
Datum
attest_esf_tally_of(PG_FUNCTION_ARGS)
{
	EsfTally *tally;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	tally = new_tally();
	count_arguments(fcinfo, 0, tally);
	PG_RETURN_TALLY(tally);
}

/* The state of an aggregate, to be changed in place; a copy outside of one. */
static EsfTally *
state_argument(FunctionCallInfo fcinfo)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PG_GETARG_TALLY(0);
	return copy_tally(PG_GETARG_TALLY(0));
}

/* One row of attest.tally_esf(framework text, gender text, indicators bigint) */
Datum
attest_tally_esf_step(PG_FUNCTION_ARGS)
{
	EsfTally *state;

	if (PG_ARGISNULL(0))
		elog(ERROR, "the state of attest.tally_esf() is null");
	state = state_argument(fcinfo);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(3))
		count_arguments(fcinfo, 1, state);
	PG_RETURN_TALLY(state);
}

/* One row of attest.merge_esf_tally(esf_tally), and the combining of both aggregates */
Datum
attest_merge_esf_tally_step(PG_FUNCTION_ARGS)
{
	EsfTally *state = state_argument(fcinfo);

	require_sum(esf_tally_add(state, PG_GETARG_TALLY(1)));
	PG_RETURN_TALLY(state);
}

/* --- accessors --- */

/* attest.esf_count(tally attest.esf_tally, code text, gender text DEFAULT NULL) */
Datum
attest_esf_count(PG_FUNCTION_ARGS)
{
	int64_t buffer[ESF_GENDERS_OR_UNKNOWN];
	const int64_t *values;
	int64 sum = 0;
	text *code;
	int n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	code = PG_GETARG_TEXT_PP(1);
	values = esf_tally_counters(PG_GETARG_TALLY(0), VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code), &n,
								buffer);
	if (values == NULL)
	{
		if (PG_GETARG_TALLY(0)->framework == ESF_NO_FRAMEWORK)
			PG_RETURN_INT64(0);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown code of an ESF indicator"),
				 errhint("Accepted are the codes of attest.esf_catalogue() for the framework "
						 "of the tally, \"complete\", \"left\" and \"incomplete\".")));
	}
	if (!PG_ARGISNULL(2))
		PG_RETURN_INT64(values[gender_from_text(PG_GETARG_TEXT_PP(2))]);
	for (int i = 0; i < n; i++)
		sum += values[i];
	PG_RETURN_INT64(sum);
}

/* attest.esf_framework(tally attest.esf_tally) */
Datum
attest_esf_framework(PG_FUNCTION_ARGS)
{
	const EsfTally *tally = PG_GETARG_TALLY(0);

	if (tally->framework == ESF_NO_FRAMEWORK)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(esf_framework_name((EsfFramework) tally->framework)));
}

/*
 * Indicators of entities have no gender, and no count in a tally: null, and so is
 * a hidden cell.
 */
static void
put_row(ReturnSetInfo *result, const EsfTable *table, int row, Datum incomplete,
		bool incomplete_null)
{
	const EsfIndicator *indicator;
	Datum values[7];
	bool nulls[7] = {false};
	int count;

	indicator = &esf_catalogue(table->framework, &count)[row];
	values[0] = CStringGetTextDatum(indicator->code);
	values[1] = CStringGetTextDatum(indicator->title);
	for (int column = 0; column < ESF_COLUMNS; column++)
	{
		values[2 + column] = Int64GetDatum(table->cells[row][column]);
		nulls[2 + column] = indicator->data == ESF_DATA_ENTITY || table->hidden[row][column];
	}
	values[6] = incomplete;
	nulls[6] = indicator->data == ESF_DATA_ENTITY || incomplete_null;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* All rows; counts from 1 to threshold - 1 and what protects them are null. */
static void
put_rows(FunctionCallInfo fcinfo, const EsfTally *tally, int64 threshold)
{
	EsfTable *table = palloc(sizeof(EsfTable));
	int64 incomplete = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (tally->framework == ESF_NO_FRAMEWORK)
		return;
	for (int gender = 0; gender < ESF_GENDERS_OR_UNKNOWN; gender++)
		incomplete += tally->incomplete[gender];
	esf_table_fill(table, tally);
	esf_table_suppress(table, threshold);
	for (int row = 0; row < table->rows; row++)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, table, row, Int64GetDatum(incomplete),
				incomplete > 0 && incomplete < threshold);
}

/* attest.esf_rows(tally attest.esf_tally) */
Datum
attest_esf_rows(PG_FUNCTION_ARGS)
{
	put_rows(fcinfo, PG_GETARG_TALLY(0), 0);
	return (Datum) 0;
}

/* attest_internal.esf_suppressed_rows(tally attest.esf_tally, threshold int) */
Datum
attest_esf_suppressed_rows(PG_FUNCTION_ARGS)
{
	put_rows(fcinfo, PG_GETARG_TALLY(0), PG_GETARG_INT32(1));
	return (Datum) 0;
}
