/*
 * status.c
 *		Names and codes of statuses, and what they count for: see status.h.
 */
#include "core/core.h"

#include "attendance/status.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

ATTEST_FUNCTION(attest_status_code);
ATTEST_FUNCTION(attest_status_name);
ATTEST_FUNCTION(attest_presence_statuses);
ATTEST_FUNCTION(attest_count_minutes);

typedef struct StatusEntry
{
	const char *name;
	const char *description;
} StatusEntry;

static const StatusEntry statuses[STATUS_COUNT] = {
#define X(name, description) [STATUS_##name] = {#name, description},
	PRESENCE_STATUSES(X)
#undef X
};

/* attest_internal.status_code(name text): NULL where there is no such status. */
Datum
attest_status_code(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	size_t length = VARSIZE_ANY_EXHDR(name);

	for (int i = 0; i < STATUS_COUNT; i++)
	{
		if (strlen(statuses[i].name) == length &&
			memcmp(statuses[i].name, VARDATA_ANY(name), length) == 0)
			PG_RETURN_INT16(i);
	}
	PG_RETURN_NULL();
}

/* attest.status_name(code smallint) */
Datum
attest_status_name(PG_FUNCTION_ARGS)
{
	int16 code = PG_GETARG_INT16(0);

	if (code < 0 || code >= STATUS_COUNT)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(statuses[code].name));
}

/* attest.presence_statuses(OUT code, OUT name, OUT description) */
Datum
attest_presence_statuses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < STATUS_COUNT; i++)
	{
		Datum values[3] = {Int16GetDatum(i), CStringGetTextDatum(statuses[i].name),
						   CStringGetTextDatum(statuses[i].description)};
		bool nulls[3] = {false, false, false};

		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * attest_internal.count_minutes(as_attended int, as_planned int, grain int,
 *								 status smallint, planned int, attended int)
 */
Datum
attest_count_minutes(PG_FUNCTION_ARGS)
{
	int32 as_attended = PG_GETARG_INT32(0);
	int32 as_planned = PG_GETARG_INT32(1);
	int32 grain = PG_GETARG_INT32(2);
	int16 status = PG_GETARG_INT16(3);
	int32 minutes = 0;

	if (status < 0 || status >= STATUS_COUNT || grain < 1)
		fail(ERR_bad_value, "status and grain", "a status, and one minute or more");
	if (as_planned & (1 << status))
		minutes = PG_GETARG_INT32(4);
	else if (as_attended & (1 << status))
		minutes = PG_GETARG_INT32(5);
	PG_RETURN_INT32(minutes - minutes % grain);
}
