/*
 * esf.c
 *		SQL face of the ESF+ and ESF common indicators: jsonb in, text[] out.
 *
 * A participation is data about a person: messages name the key at fault and
 * what it accepts, never the value.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "esf/esf.h"

/* A century: beyond it the number is not in months. */
#define MAX_UNEMPLOYED_MONTHS 1200
#define MAX_ISCED             8

typedef enum ValueKind
{
	VALUE_SEX,
	VALUE_DATE,
	VALUE_ENTRY_STATUS,
	VALUE_EXIT_STATUS,
	VALUE_MONTHS,
	VALUE_ISCED,
	VALUE_ANSWER,
	VALUE_CHANGES
} ValueKind;

typedef struct Key
{
	const char *name;
	ValueKind kind;
	size_t offset; /* of the member of EsfParticipation */
} Key;

typedef struct Word
{
	const char *text;
	int value;
} Word;

#define KEY(member, kind)                                 \
	{                                                     \
#member, kind, offsetof(EsfParticipation, member) \
	}

static const Key keys[] = {
	KEY(sex, VALUE_SEX),
	KEY(birth, VALUE_DATE),
	KEY(entry, VALUE_DATE),
	KEY(exit, VALUE_DATE),
	KEY(status_entry, VALUE_ENTRY_STATUS),
	KEY(unemployed_months, VALUE_MONTHS),
	KEY(in_education, VALUE_ANSWER),
	KEY(isced, VALUE_ISCED),
	KEY(disability, VALUE_ANSWER),
	KEY(third_country_national, VALUE_ANSWER),
	KEY(foreign_background, VALUE_ANSWER),
	KEY(minority, VALUE_ANSWER),
	KEY(homeless, VALUE_ANSWER),
	KEY(rural, VALUE_ANSWER),
	KEY(other_disadvantaged, VALUE_ANSWER),
	KEY(jobless_household, VALUE_ANSWER),
	KEY(dependent_children, VALUE_ANSWER),
	KEY(single_adult, VALUE_ANSWER),
	KEY(status_exit, VALUE_EXIT_STATUS),
	{"changes_after_exit", VALUE_CHANGES, 0},
	KEY(new_education, VALUE_ANSWER),
	KEY(qualification, VALUE_ANSWER),
	KEY(status_6m, VALUE_EXIT_STATUS),
	KEY(improved_6m, VALUE_ANSWER),
	KEY(reached_6m, VALUE_ANSWER),
	KEY(yei, VALUE_ANSWER),
	KEY(yei_completed, VALUE_ANSWER),
	KEY(yei_offer, VALUE_ANSWER),
	KEY(education_6m, VALUE_ANSWER),
	KEY(self_employed_6m, VALUE_ANSWER),
};

/* What each kind of value accepts, for hints. */
static const char *const accepted[] = {
	[VALUE_SEX] = gettext_noop("Accepted are \"F\", \"M\", \"N\" (non-binary) and null."),
	[VALUE_DATE] = gettext_noop("Accepted are a date written YYYY-MM-DD and null."),
	[VALUE_ENTRY_STATUS] =
		gettext_noop("Accepted are \"unemployed\", \"inactive\", \"employed\" and null."),
	[VALUE_EXIT_STATUS] = gettext_noop("Accepted are \"unemployed\", \"inactive\", \"employed\", "
									   "\"job_searching\" and null."),
	[VALUE_MONTHS] =
		gettext_noop("Accepted are a whole number of completed months from 0 to 1200 and null."),
	[VALUE_ISCED] = gettext_noop("Accepted are a whole number from 0 to 8 and null."),
	[VALUE_ANSWER] = gettext_noop("Accepted are true, false, \"refused\" and null."),
	[VALUE_CHANGES] =
		gettext_noop("Accepted are null and an array of objects, each with a date \"on\" and a "
					 "\"status\": \"unemployed\", \"inactive\", \"employed\" or "
					 "\"job_searching\"."),
};

static const Word sexes[] = {{"F", ESF_FEMALE}, {"M", ESF_MALE}, {"N", ESF_NON_BINARY}};

/* Nobody enters as a job searcher: who looks for work is unemployed or inactive. */
#define ENTRY_STATUSES 3
static const Word statuses[] = {{"unemployed", ESF_UNEMPLOYED},
								{"inactive", ESF_INACTIVE},
								{"employed", ESF_EMPLOYED},
								{"job_searching", ESF_JOB_SEARCHING}};

static void
reject_value(const char *name, ValueKind kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value in participation"),
			 errdetail("The value of key \"%s\" is not accepted.", name),
			 errhint("%s", dgettext(TEXTDOMAIN, accepted[kind]))));
}

static void
reject_key(const JsonbValue *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (size_t i = 0; i < lengthof(keys); i++)
		appendStringInfo(&known, "%s%s", i == 0 ? "" : ", ", keys[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown key in participation"),
			 errdetail("The key is \"%.*s\".",
					   pg_mbcliplen(name->val.string.val, name->val.string.len, NAMEDATALEN - 1),
					   name->val.string.val),
			 errhint("Accepted keys are %s.", known.data)));
}

static void
reject_dates(const char *early, const char *late)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("contradictory dates in participation"),
					errdetail("The date \"%s\" is before the date \"%s\".", early, late),
					errhint("Correct one of the two dates.")));
}

static void
check_dates(const EsfParticipation *participation)
{
	switch (esf_contradiction(participation))
	{
		case ESF_BIRTH_AFTER_ENTRY:
			reject_dates("entry", "birth");
			break;
		case ESF_EXIT_BEFORE_ENTRY:
			reject_dates("exit", "entry");
			break;
		case ESF_CHANGE_BEFORE_EXIT:
			reject_dates("changes_after_exit.on", "exit");
			break;
		case ESF_NO_CONTRADICTION:
			break;
	}
}

static bool
is_string(const JsonbValue *value, const char *string)
{
	return value->type == jbvString && (size_t) value->val.string.len == strlen(string) &&
		   memcmp(value->val.string.val, string, value->val.string.len) == 0;
}

/* The meaning of a string among words; false when it is none of them. */
static bool
read_word(const JsonbValue *value, const Word *words, int n_words, int *meaning)
{
	for (int i = 0; i < n_words; i++)
	{
		if (is_string(value, words[i].text))
		{
			*meaning = words[i].value;
			return true;
		}
	}
	return false;
}

static bool
read_date(const JsonbValue *value, EsfDate *date)
{
	return value->type == jbvString &&
		   esf_date_parse(value->val.string.val, value->val.string.len, date);
}

/* Whole numbers only: 12.5 months must not be rounded across a threshold. */
static bool
read_number(const JsonbValue *value, int max, EsfNumber *number)
{
	char *digits;
	size_t len;

	if (value->type != jbvNumeric)
		return false;
	digits = numeric_normalize(value->val.numeric);
	len = strlen(digits);
	if (len > 4 || strspn(digits, "0123456789") != len || pg_strtoint32(digits) > max)
		return false;
	number->known = true;
	number->value = pg_strtoint32(digits);
	return true;
}

static bool
read_answer(const JsonbValue *value, EsfAnswer *answer)
{
	if (value->type == jbvBool)
		*answer = value->val.boolean ? ESF_YES : ESF_NO;
	else if (is_string(value, "refused"))
		*answer = ESF_REFUSED;
	else
		return false;
	return true;
}

/* One {"on": date, "status": status}; two keys and both found: no other is there. */
static bool
read_change(const JsonbValue *value, EsfChange *change)
{
	JsonbValue on;
	JsonbValue status;
	int meaning;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) != 2)
		return false;
	if (getKeyJsonValueFromContainer(value->val.binary.data, "on", 2, &on) == NULL ||
		getKeyJsonValueFromContainer(value->val.binary.data, "status", 6, &status) == NULL)
		return false;
	if (!read_date(&on, &change->on) || !read_word(&status, statuses, lengthof(statuses), &meaning))
		return false;
	change->status = (EsfStatus) meaning;
	return true;
}

static bool
read_changes(const JsonbValue *value, EsfParticipation *participation)
{
	JsonbContainer *array;
	EsfChange *changes;
	uint32 count;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return false;
	array = value->val.binary.data;
	count = JsonContainerSize(array);
	changes = palloc(sizeof(EsfChange) * count);
	for (uint32 i = 0; i < count; i++)
	{
		if (!read_change(getIthJsonbValueFromContainer(array, i), &changes[i]))
			return false;
	}
	participation->changes = changes;
	participation->n_changes = count;
	return true;
}

/* Reads the value of a key into its member; false when it is not accepted. */
static bool
read_value(const Key *key, const JsonbValue *value, EsfParticipation *participation)
{
	void *member = (char *) participation + key->offset;
	int n_statuses = key->kind == VALUE_EXIT_STATUS ? lengthof(statuses) : ENTRY_STATUSES;
	int meaning;

	switch (key->kind)
	{
		case VALUE_SEX:
			if (!read_word(value, sexes, lengthof(sexes), &meaning))
				return false;
			*(EsfSex *) member = (EsfSex) meaning;
			return true;
		case VALUE_ENTRY_STATUS:
		case VALUE_EXIT_STATUS:
			if (!read_word(value, statuses, n_statuses, &meaning))
				return false;
			*(EsfStatus *) member = (EsfStatus) meaning;
			return true;
		case VALUE_DATE:
			return read_date(value, member);
		case VALUE_MONTHS:
			return read_number(value, MAX_UNEMPLOYED_MONTHS, member);
		case VALUE_ISCED:
			return read_number(value, MAX_ISCED, member);
		case VALUE_ANSWER:
			return read_answer(value, member);
		case VALUE_CHANGES:
			return read_changes(value, participation);
	}
	pg_unreachable();
}

static const Key *
find_key(const JsonbValue *name)
{
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		if (is_string(name, keys[i].name))
			return &keys[i];
	}
	reject_key(name);
	pg_unreachable();
}

void
esf_participation_from_jsonb(Jsonb *json, EsfParticipation *participation)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue name;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("participation is not a JSON object"),
						errhint("Pass one object whose keys describe one person in one "
								"operation.")));
	memset(participation, 0, sizeof(*participation));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &name, true)) != WJB_DONE)
	{
		const Key *key;

		if (token != WJB_KEY)
			continue;
		key = find_key(&name);
		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type != jbvNull && !read_value(key, &value, participation))
			reject_value(key->name, key->kind);
	}
	check_dates(participation);
}

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

static uint64_t
set_of_arguments(FunctionCallInfo fcinfo, EsfFramework *framework)
{
	EsfParticipation participation;

	*framework = esf_framework_from_text(PG_GETARG_TEXT_PP(0));
	esf_participation_from_jsonb(PG_GETARG_JSONB_P(1), &participation);
	return esf_indicator_set(*framework, esf_default_params(*framework), &participation);
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

/* attest.esf_codes(framework text, indicators bigint) */
ATTEST_FUNCTION(attest_esf_codes);

Datum
attest_esf_codes(PG_FUNCTION_ARGS)
{
	EsfFramework framework = esf_framework_from_text(PG_GETARG_TEXT_PP(0));

	PG_RETURN_ARRAYTYPE_P(code_array(framework, esf_checked_set(framework, PG_GETARG_INT64(1))));
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
