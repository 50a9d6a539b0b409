/*
 * esf.c
 *		SQL face of the ESF+ and ESF common indicators: jsonb in, text[] out.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "esf/esf.h"

EsfFramework
esf_framework_from_text(const text *name)
{
	EsfFramework framework;

	if (!esf_framework_parse(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &framework))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown ESF framework"),
						errhint("Accepted are \"esf+\" (2021-2027) and \"esf\" (2014-2020).")));
	return framework;
}

uint64_t
esf_checked_set(EsfFramework framework, int64 set)
{
	if (((uint64_t) set & ~esf_all_bits(framework)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the indicator set has bits that the framework does not have"),
						errhint("Pass what attest.esf_indicator_set() gave for the same "
								"framework.")));
	return (uint64_t) set;
}

static ArrayType *
text_array(const char *const *texts, int count)
{
	Datum *elements = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(texts[i]);
	return construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Codes of the bits of a set, in the order of the catalogue, which is that of the codes. */
static ArrayType *
code_array(EsfFramework framework, uint64_t set)
{
	const char *codes[ESF_LEAVER];
	const EsfIndicator *catalogue;
	int count;
	int n_codes = 0;

	catalogue = esf_catalogue(framework, &count);
	for (int i = 0; i < count; i++)
	{
		if (set & ESF_BIT(i))
			codes[n_codes++] = catalogue[i].code;
	}
	return text_array(codes, n_codes);
}

/* Of framework, participation and, where the function takes them, parameters. */
static uint64_t
set_of_arguments(FunctionCallInfo fcinfo, EsfFramework *framework)
{
	EsfParticipation participation;
	EsfParams params;

	*framework = esf_framework_from_text(PG_GETARG_TEXT_PP(0));
	esf_participation_from_jsonb(PG_GETARG_JSONB_P(1), &participation);
	params = *esf_default_params(*framework);
	if (PG_NARGS() > 2)
		params = esf_params_from_jsonb(*framework, PG_GETARG_JSONB_P(2));
	return esf_indicator_set(*framework, &params, &participation);
}

ATTEST_FUNCTION(attest_esf_indicators);

Datum
attest_esf_indicators(PG_FUNCTION_ARGS)
{
	EsfFramework framework;
	uint64_t set = set_of_arguments(fcinfo, &framework);

	PG_RETURN_ARRAYTYPE_P(code_array(framework, set));
}

ATTEST_FUNCTION(attest_esf_indicator_set);

Datum
attest_esf_indicator_set(PG_FUNCTION_ARGS)
{
	EsfFramework framework;

	PG_RETURN_INT64((int64) set_of_arguments(fcinfo, &framework));
}

/* attest.esf_parameters(framework text, parameters jsonb): all of them, defaults filled in */
ATTEST_FUNCTION(attest_esf_parameters);

Datum
attest_esf_parameters(PG_FUNCTION_ARGS)
{
	EsfFramework framework = esf_framework_from_text(PG_GETARG_TEXT_PP(0));
	EsfParams params = esf_params_from_jsonb(framework, PG_GETARG_JSONB_P(1));

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(esf_params_to_json(&params)));
}

/* attest.esf_codes(framework text, indicators bigint) */
ATTEST_FUNCTION(attest_esf_codes);

Datum
attest_esf_codes(PG_FUNCTION_ARGS)
{
	EsfFramework framework = esf_framework_from_text(PG_GETARG_TEXT_PP(0));

	PG_RETURN_ARRAYTYPE_P(code_array(framework, esf_checked_set(framework, PG_GETARG_INT64(1))));
}

/* attest_internal.esf_established_set(framework, indicators, has_left, six_months_past) */
ATTEST_FUNCTION(attest_esf_established_set);

Datum
attest_esf_established_set(PG_FUNCTION_ARGS)
{
	EsfFramework framework = esf_framework_from_text(PG_GETARG_TEXT_PP(0));
	uint64_t set = esf_checked_set(framework, PG_GETARG_INT64(1));

	PG_RETURN_INT64(
		(int64) esf_established_set(framework, set, PG_GETARG_BOOL(2), PG_GETARG_BOOL(3)));
}

ATTEST_FUNCTION(attest_esf_missing);

Datum
attest_esf_missing(PG_FUNCTION_ARGS)
{
	EsfParticipation participation;
	const char *names[ESF_NEED_COUNT];
	uint64_t set;
	int n_names = 0;

	(void) esf_framework_from_text(PG_GETARG_TEXT_PP(0));
	esf_participation_from_jsonb(PG_GETARG_JSONB_P(1), &participation);
	set = esf_missing(&participation);
	for (int need = 0; need < ESF_NEED_COUNT; need++)
	{
		if (set & ESF_BIT(need))
			names[n_names++] = esf_need_name(need);
	}
	PG_RETURN_ARRAYTYPE_P(text_array(names, n_names));
}

static void
put_catalogue(ReturnSetInfo *result, EsfFramework framework)
{
	int count;
	const EsfIndicator *catalogue = esf_catalogue(framework, &count);

	for (int i = 0; i < count; i++)
	{
		bool nulls[3] = {false};
		Datum values[3] = {CStringGetTextDatum(esf_framework_name(catalogue[i].framework)),
						   CStringGetTextDatum(catalogue[i].code),
						   CStringGetTextDatum(catalogue[i].title)};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

ATTEST_FUNCTION(attest_esf_catalogue);

Datum
attest_esf_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	put_catalogue(result, ESF_PLUS);
	put_catalogue(result, ESF_2014);
	return (Datum) 0;
}
