/*
 * esf_read.c
 *		Reads a participation and parameters from jsonb, each by the table of its keys.
 *
 * A participation is data about a person: messages name the key at fault and
 * what it accepts, never the value.
 */
#include "core/compat.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "esf/esf.h"

/* A century: beyond it the number is not in months. */
#define MAX_UNEMPLOYED_MONTHS 1200
#define MAX_ISCED             8
/* Half a year after the exit the results of the longer term begin. */
#define MAX_WINDOW_DAYS 180

typedef enum ValueKind
{
	VALUE_SEX,
	VALUE_DATE,
	VALUE_ENTRY_STATUS,
	VALUE_EXIT_STATUS,
	VALUE_MONTHS,
	VALUE_ISCED,
	VALUE_ANSWER,
	VALUE_CHANGES,
	VALUE_LIMIT_AGE,
	VALUE_LIMIT_MONTHS,
	VALUE_LIMIT_DAYS,
	VALUE_CHOICE
} ValueKind;

typedef struct Key
{
	const char *name;
	ValueKind kind;
	size_t offset; /* of the member of EsfParticipation or EsfParams */
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
#define LIMIT(member, kind)                        \
	{                                              \
#member, kind, offsetof(EsfParams, member) \
	}

static const Key participation_keys[] = {
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

static const Key param_keys[] = {
	LIMIT(ltu_youth_below, VALUE_LIMIT_AGE),     LIMIT(ltu_months_youth, VALUE_LIMIT_MONTHS),
	LIMIT(ltu_months_adult, VALUE_LIMIT_MONTHS), LIMIT(ltu_at_least, VALUE_CHOICE),
	LIMIT(exit_window_days, VALUE_LIMIT_DAYS),   LIMIT(cr05_employed_too, VALUE_CHOICE),
};

/* An object that is read, by its keys. */
typedef struct Shape
{
	const Key *keys;
	int n_keys;
} Shape;

static const Shape participation_shape = {participation_keys, lengthof(participation_keys)};
static const Shape params_shape = {param_keys, lengthof(param_keys)};

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
	[VALUE_LIMIT_AGE] =
		gettext_noop("Accepted are a whole number of years from 0 to 120 and null (the default)."),
	[VALUE_LIMIT_MONTHS] = gettext_noop("Accepted are a whole number of completed months from 0 to "
										"1200 and null (the default)."),
	[VALUE_LIMIT_DAYS] =
		gettext_noop("Accepted are a whole number of days from 0 to 180 and null (the default)."),
	[VALUE_CHOICE] = gettext_noop("Accepted are true, false and null (the default)."),
};

static const Word sexes[] = {{"F", ESF_FEMALE}, {"M", ESF_MALE}, {"N", ESF_NON_BINARY}};

/* Nobody enters as a job searcher: who looks for work is unemployed or inactive. */
#define ENTRY_STATUSES 3
static const Word statuses[] = {{"unemployed", ESF_UNEMPLOYED},
								{"inactive", ESF_INACTIVE},
								{"employed", ESF_EMPLOYED},
								{"job_searching", ESF_JOB_SEARCHING}};

static void
reject_value(const Shape *shape, const Key *key)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					shape == &params_shape ? errmsg("invalid value in parameters")
										   : errmsg("invalid value in participation"),
					errdetail("The value of key \"%s\" is not accepted.", key->name),
					errhint("%s", dgettext(TEXTDOMAIN, accepted[key->kind]))));
}

static void
reject_key(const Shape *shape, const JsonbValue *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < shape->n_keys; i++)
		appendStringInfo(&known, "%s%s", i == 0 ? "" : ", ", shape->keys[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 shape == &params_shape ? errmsg("unknown key in parameters")
									: errmsg("unknown key in participation"),
			 errdetail("The key is \"%.*s\".",
					   pg_mbcliplen(name->val.string.val, name->val.string.len, NAMEDATALEN - 1),
					   name->val.string.val),
			 errhint("Accepted keys are %s.", known.data)));
}

static void
reject_object(const Shape *shape)
{
	if (shape == &params_shape)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the parameters are not a JSON object"),
						errhint("Pass one object with the parameters to set, {} for the "
								"defaults.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("participation is not a JSON object"),
			 errhint("Pass one object whose keys describe one person in one "
					 "operation.")));
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
		case ESF_TOO_OLD:
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("implausible age in participation"),
				 errdetail("The date \"birth\" is more than %d years before the date \"entry\".",
						   ESF_MAX_AGE),
				 errhint("Correct one of the two dates.")));
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
read_whole(const JsonbValue *value, int max, int *number)
{
	char *digits;
	size_t len;

	if (value->type != jbvNumeric)
		return false;
	digits = numeric_normalize(value->val.numeric);
	len = strlen(digits);
	if (len > 4 || strspn(digits, "0123456789") != len || pg_strtoint32(digits) > max)
		return false;
	*number = pg_strtoint32(digits);
	return true;
}

static bool
read_number(const JsonbValue *value, int max, EsfNumber *number)
{
	number->known = read_whole(value, max, &number->value);
	return number->known;
}

static bool
read_choice(const JsonbValue *value, bool *choice)
{
	if (value->type != jbvBool)
		return false;
	*choice = value->val.boolean;
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
read_value(const Key *key, const JsonbValue *value, void *record)
{
	void *member = (char *) record + key->offset;
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
			return read_changes(value, record);
		case VALUE_LIMIT_AGE:
			return read_whole(value, ESF_MAX_AGE, member);
		case VALUE_LIMIT_MONTHS:
			return read_whole(value, MAX_UNEMPLOYED_MONTHS, member);
		case VALUE_LIMIT_DAYS:
			return read_whole(value, MAX_WINDOW_DAYS, member);
		case VALUE_CHOICE:
			return read_choice(value, member);
	}
	pg_unreachable();
}

static const Key *
find_key(const Shape *shape, const JsonbValue *name)
{
	for (int i = 0; i < shape->n_keys; i++)
	{
		if (is_string(name, shape->keys[i].name))
			return &shape->keys[i];
	}
	reject_key(shape, name);
	pg_unreachable();
}

/* Reads the members that an object has a key for; null leaves a member as it is. */
static void
read_object(Jsonb *json, const Shape *shape, void *record)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue name;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(json))
		reject_object(shape);
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &name, true)) != WJB_DONE)
	{
		const Key *key;

		if (token != WJB_KEY)
			continue;
		key = find_key(shape, &name);
		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type != jbvNull && !read_value(key, &value, record))
			reject_value(shape, key);
	}
}

void
esf_participation_from_jsonb(Jsonb *json, EsfParticipation *participation)
{
	memset(participation, 0, sizeof(*participation));
	read_object(json, &participation_shape, participation);
	check_dates(participation);
}

EsfParams
esf_params_from_jsonb(EsfFramework framework, Jsonb *json)
{
	EsfParams params = *esf_default_params(framework);

	read_object(json, &params_shape, &params);
	return params;
}

char *
esf_params_to_json(const EsfParams *params)
{
	StringInfoData json;

	initStringInfo(&json);
	for (int i = 0; i < params_shape.n_keys; i++)
	{
		const Key *key = &params_shape.keys[i];
		const void *member = (const char *) params + key->offset;

		appendStringInfo(&json, "%s\"%s\":", i == 0 ? "{" : ",", key->name);
		if (key->kind == VALUE_CHOICE)
			appendStringInfoString(&json, *(const bool *) member ? "true" : "false");
		else
			appendStringInfo(&json, "%d", *(const int *) member);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}
