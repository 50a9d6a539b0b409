/*
 * errors.c
 *		Raises the errors of errors.h, for C and for SQL.
 */
#include "core/core.h"

#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_FACTS 3

/* The server's own _() looks in its own catalogue; ours is po/. */
#define translate(message) dgettext(TEXTDOMAIN, (message))

const ErrorEntry attest_errors[ATTEST_ERROR_COUNT] = {
#define X(name, sqlstate, message, detail, hint) {#name, sqlstate, message, detail, hint},
	ATTEST_ERRORS(X)
#undef X
};

ATTEST_FUNCTION(attest_fail);
ATTEST_FUNCTION(attest_describe);
ATTEST_FUNCTION(attest_error_catalog);

static int
sqlstate_code(const char *s)
{
	return MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
}

/* A fact may be words of po/; the empty one would name the catalogue's header. */
static const char *
translate_fact(const char *fact)
{
	return fact[0] == '\0' ? fact : translate(fact);
}

/* Puts the facts in the place of %1 to %3 of a (translated) template. */
static char *
fill_in(const char *template, const char *const *facts, int count)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *p = template; *p; p++)
	{
		int which = (p[0] == '%') ? p[1] - '1' : -1;

		if (which < 0 || which >= MAX_FACTS)
			appendStringInfoChar(&out, *p);
		else
		{
			appendStringInfoString(&out, which < count ? translate_fact(facts[which]) : "-");
			p++;
		}
	}
	return out.data;
}

static void
raise_entry(const ErrorEntry *entry, const char *const *facts, int count)
{
	ereport(ERROR, (errcode(sqlstate_code(entry->sqlstate)),
					errmsg_internal("%s", translate(entry->message)),
					entry->detail
						? errdetail_internal("%s", fill_in(translate(entry->detail), facts, count))
						: 0,
					errhint("%s", translate(entry->hint))));
}

void
error_raise(AttestError code, ...)
{
	const char *facts[MAX_FACTS];
	const char *fact;
	int count = 0;
	va_list args;

	va_start(args, code);
	while (count < MAX_FACTS && (fact = va_arg(args, const char *)) != NULL)
		facts[count++] = fact;
	va_end(args);

	raise_entry(&attest_errors[code], facts, count);
	pg_unreachable();
}

bool
error_report_guc(AttestError code, const char *fact)
{
	const ErrorEntry *entry = &attest_errors[code];

	GUC_check_errcode(sqlstate_code(entry->sqlstate));
	GUC_check_errmsg("%s", translate(entry->message));
	if (fact != NULL && entry->detail != NULL)
		GUC_check_errdetail("%s", fill_in(translate(entry->detail), &fact, 1));
	GUC_check_errhint("%s", translate(entry->hint));
	return false;
}

static const ErrorEntry *
find_entry(const char *name)
{
	for (int i = 0; i < ATTEST_ERROR_COUNT; i++)
	{
		if (strcmp(attest_errors[i].name, name) == 0)
			return &attest_errors[i];
	}
	elog(ERROR, "no error is named \"%s\"", name);
}

/* The facts that SQL gives, MAX_FACTS at most; returns how many. */
static int
take_facts(ArrayType *array, const char **facts)
{
	Datum *elements;
	bool *nulls;
	int count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	count = Min(count, MAX_FACTS);
	for (int i = 0; i < count; i++)
		facts[i] = nulls[i] ? "-" : TextDatumGetCString(elements[i]);
	return count;
}

/* attest_internal.fail(name text, VARIADIC facts text[]) */
Datum
attest_fail(PG_FUNCTION_ARGS)
{
	const ErrorEntry *entry = find_entry(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *facts[MAX_FACTS];

	raise_entry(entry, facts, take_facts(PG_GETARG_ARRAYTYPE_P(1), facts));
	PG_RETURN_VOID();
}

/* attest_internal.describe(name text, facts text[]): code, reason, hint */
Datum
attest_describe(PG_FUNCTION_ARGS)
{
	const ErrorEntry *entry = find_entry(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *facts[MAX_FACTS];
	int count = take_facts(PG_GETARG_ARRAYTYPE_P(1), facts);
	const char *reason = translate(entry->message);
	bool nulls[3] = {false};
	Datum values[3];
	TupleDesc row;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "describe must return a row");
	if (entry->detail != NULL)
		reason = psprintf("%s: %s", reason, fill_in(translate(entry->detail), facts, count));
	values[0] = CStringGetTextDatum(entry->sqlstate);
	values[1] = CStringGetTextDatum(reason);
	values[2] = CStringGetTextDatum(translate(entry->hint));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* attest.error_catalog() */
Datum
attest_error_catalog(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < ATTEST_ERROR_COUNT; i++)
	{
		const ErrorEntry *entry = &attest_errors[i];
		Datum values[5];
		bool nulls[5] = {false};

		values[0] = CStringGetTextDatum(entry->sqlstate);
		values[1] = CStringGetTextDatum(entry->name);
		values[2] = CStringGetTextDatum(translate(entry->message));
		nulls[3] = entry->detail == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(translate(entry->detail));
		values[4] = CStringGetTextDatum(translate(entry->hint));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
