/*
 * field_rules.c
 *		The fields of a record of a person, checked: see field_rules.h.
 */
#include "person/field_rules.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "ident/ident.h"
#include "person/dates.h"
#include "regex/regex.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define KEPT_VALUE 24

typedef enum FieldKind
{
	FIELD_TEXT, /* with a pattern or without */
	FIELD_REFERENCE,
	FIELD_DATE,
	FIELD_NIR,
	FIELD_SIRET
} FieldKind;

typedef struct FieldRule
{
	const char *name;
	FieldKind kind;
	text *pattern; /* NULL: anything */
	const char *accepted;
	bool always; /* required of every profile, before its rules are looked at */
	/* the value last accepted: records of a file have many in common */
	int accepted_length;
	char accepted_last[KEPT_VALUE];
} FieldRule;

struct FieldRules
{
	int count;
	int profile_field;
	bool nir_authorised;
	int profile_count;
	char **profiles;
	char **profile_rules; /* a letter a field: r required, o optional, f forbidden */
	FieldRule fields[FIELDS_MAX];
};

/* --- reading them --- */

static Datum *
column_elements(HeapTupleHeader row, const char *name, Oid type, bool **nulls, int *count)
{
	bool isnull;
	Datum array = GetAttributeByName(row, name, &isnull);
	Datum *elements;

	if (isnull)
		elog(ERROR, "the rules of fields lack %s", name);
	deconstruct_array(DatumGetArrayTypeP(array), type, type == BOOLOID ? 1 : -1, type == BOOLOID,
					  type == BOOLOID ? TYPALIGN_CHAR : TYPALIGN_INT, &elements, nulls, count);
	return elements;
}

static char **
column_strings(HeapTupleHeader row, const char *name, int *count)
{
	bool *nulls;
	Datum *elements = column_elements(row, name, TEXTOID, &nulls, count);
	char **strings = palloc(sizeof(char *) * (Size) Max(*count, 1));

	for (int i = 0; i < *count; i++)
		strings[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
	return strings;
}

static FieldKind
kind_of(const char *name, const char *kind)
{
	if (strcmp(name, "reference") == 0)
		return FIELD_REFERENCE;
	if (strcmp(kind, "date") == 0)
		return FIELD_DATE;
	if (strcmp(kind, "nir") == 0)
		return FIELD_NIR;
	return strcmp(kind, "siret") == 0 ? FIELD_SIRET : FIELD_TEXT;
}

FieldRules *
field_rules_read(HeapTupleHeader row)
{
	FieldRules *rules = palloc0(sizeof(FieldRules));
	int counts[5];
	char **names = column_strings(row, "names", &rules->count);
	char **kinds = column_strings(row, "kinds", &counts[0]);
	char **patterns = column_strings(row, "patterns", &counts[1]);
	char **accepted = column_strings(row, "accepted", &counts[2]);
	bool *nulls;
	Datum *always = column_elements(row, "always", BOOLOID, &nulls, &counts[3]);
	bool isnull;

	rules->profiles = column_strings(row, "profiles", &rules->profile_count);
	rules->profile_rules = column_strings(row, "profile_rules", &counts[4]);
	rules->nir_authorised = DatumGetBool(GetAttributeByName(row, "nir_authorised", &isnull));
	if (rules->count > FIELDS_MAX || counts[4] != rules->profile_count)
		elog(ERROR, "the rules of fields do not fit");
	for (int i = 0; i < 4; i++)
	{
		if (counts[i] != rules->count)
			elog(ERROR, "the rules of fields do not fit");
	}
	for (int i = 0; i < rules->count; i++)
		rules->fields[i] =
			(FieldRule){.name = names[i],
						.kind = kind_of(names[i], kinds[i]),
						.pattern = patterns[i] == NULL ? NULL : cstring_to_text(patterns[i]),
						.accepted = accepted[i],
						.always = DatumGetBool(always[i])};
	for (int i = 0; i < rules->profile_count; i++)
	{
		if (strlen(rules->profile_rules[i]) != (size_t) rules->count)
			elog(ERROR, "the rules of fields do not fit");
	}
	rules->profile_field = field_rules_find(rules, "profile");
	return rules;
}

int
field_rules_count(const FieldRules *rules)
{
	return rules->count;
}

const char *
field_rules_name(const FieldRules *rules, int field)
{
	return rules->fields[field].name;
}

int
field_rules_find(const FieldRules *rules, const char *name)
{
	for (int i = 0; i < rules->count; i++)
	{
		if (strcmp(rules->fields[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* --- checking --- */

static FieldFault
fault_of(const char *error, const char *column, const char *first, const char *second)
{
	return (FieldFault){.error = error, .column = column, .facts = {first, second}};
}

static const FieldFault no_fault = {0};

/* A number, which takes its canonical form. */
static FieldFault
check_number(const FieldRule *rule, FieldValue *value)
{
	bool nir = rule->kind == FIELD_NIR;
	char *canonical = palloc(nir ? NIR_LENGTH : SIRET_LENGTH);
	IdentifierFault fault = nir ? nir_parse(value->text, (size_t) value->length, canonical)
								: siret_parse(value->text, (size_t) value->length, canonical);

	if (fault == IDENTIFIER_KEY)
		return fault_of(nir ? "nir_wrong_key" : "siret_wrong_key", rule->name, NULL, NULL);
	if (fault != IDENTIFIER_OK)
		return fault_of(nir ? "nir_malformed" : "siret_malformed", rule->name,
						ident_fault_fact(fault), NULL);
	*value = (FieldValue){.text = canonical, .length = nir ? NIR_LENGTH : SIRET_LENGTH};
	return no_fault;
}

static bool
fits_pattern(FieldRule *rule, const FieldValue *value)
{
	if (value->length == rule->accepted_length &&
		memcmp(value->text, rule->accepted_last, (size_t) value->length) == 0)
		return true;
	if (!RE_compile_and_execute(rule->pattern, (char *) value->text, value->length, REG_ADVANCED,
								DEFAULT_COLLATION_OID, 0, NULL))
		return false;
	if (value->length <= KEPT_VALUE)
	{
		memcpy(rule->accepted_last, value->text, (size_t) value->length);
		rule->accepted_length = value->length;
	}
	return true;
}

static FieldFault
check_value(FieldRule *rule, FieldValue *value)
{
	if (value->length == 0)
		return rule->always ? fault_of("field_required", rule->name, rule->name, NULL) : no_fault;
	if (rule->kind == FIELD_NIR || rule->kind == FIELD_SIRET)
		return check_number(rule, value);
	/* It lies in clear, is searched, and stands in errors. */
	if (rule->kind == FIELD_REFERENCE &&
		nir_check(value->text, (size_t) value->length, NIR_PLAUSIBLE) == IDENTIFIER_OK)
		return fault_of("field_unknown_value", rule->name, rule->name,
						"a number of your own, no social security number");
	if (rule->kind == FIELD_DATE)
		return date_is_written(value->text, (size_t) value->length)
				   ? no_fault
				   : fault_of("field_unknown_value", rule->name, rule->name,
							  "a date that exists, as YYYY-MM-DD");
	if (rule->pattern != NULL && !fits_pattern(rule, value))
		return fault_of("field_unknown_value", rule->name, rule->name, rule->accepted);
	return no_fault;
}

/* What the tenant asks of people of the profile of the record. */
static FieldFault
check_profile(const FieldRules *rules, const FieldValue *values)
{
	const FieldValue *profile = &values[rules->profile_field];
	const char *letters = NULL;
	const char *name = NULL;

	for (int i = 0; i < rules->profile_count && letters == NULL; i++)
	{
		name = rules->profiles[i];
		if (strlen(name) == (size_t) profile->length &&
			memcmp(name, profile->text, (size_t) profile->length) == 0)
			letters = rules->profile_rules[i];
	}
	for (int i = 0; i < rules->count && letters != NULL; i++)
	{
		const char *field = rules->fields[i].name;

		if (letters[i] == 'r' && values[i].length == 0)
			return fault_of("field_required", field, field, NULL);
		if (letters[i] == 'f' && values[i].length > 0)
			return fault_of("field_forbidden", field, field, name);
	}
	return no_fault;
}

FieldFault
field_rules_check(FieldRules *rules, FieldValue *values)
{
	for (int i = 0; i < rules->count; i++)
	{
		FieldFault fault = check_value(&rules->fields[i], &values[i]);

		if (fault.error != NULL)
			return fault;
	}
	for (int i = 0; i < rules->count; i++)
	{
		if (rules->fields[i].kind == FIELD_NIR && values[i].length > 0 && !rules->nir_authorised)
			return fault_of("nir_not_authorised", rules->fields[i].name, NULL, NULL);
	}
	return check_profile(rules, values);
}

FieldFault
field_rules_canonical(const FieldRules *rules, FieldValue *values)
{
	for (int i = 0; i < rules->count; i++)
	{
		FieldFault fault = no_fault;

		if (values[i].length > 0 &&
			(rules->fields[i].kind == FIELD_NIR || rules->fields[i].kind == FIELD_SIRET))
			fault = check_number(&rules->fields[i], &values[i]);
		if (fault.error != NULL)
			return fault;
	}
	return no_fault;
}
