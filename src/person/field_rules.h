/*
 * field_rules.h
 *		The fields of a record of a person, checked by the rules of the register.
 *
 * The rules are those of attest.person_fields() and attest.field_rules(),
 * read once for many records: what is checked here is what attest_internal.
 * check_fields() and check_rules() check for one, in the same order, with the same
 * errors, as codes in place of exceptions.
 */
#ifndef ATTEST_PERSON_FIELD_RULES_H
#define ATTEST_PERSON_FIELD_RULES_H

#include "core/core.h"

#define FIELDS_MAX 96

/* A value of a record, in the encoding of the database; length 0 for none. */
typedef struct FieldValue
{
	const char *text; /* not terminated */
	int length;
} FieldValue;

/* What is wrong with a record: an error of the catalogue, and the field it is about. */
typedef struct FieldFault
{
	const char *error; /* its name; NULL while all is well */
	const char *column;
	const char *facts[2]; /* NULL for none */
} FieldFault;

typedef struct FieldRules FieldRules;

/* From a row of attest_internal.import_rules. */
extern FieldRules *field_rules_read(HeapTupleHeader row);

extern int field_rules_count(const FieldRules *rules);

/* The number of the field of this name, or -1. */
extern int field_rules_find(const FieldRules *rules, const char *name);
extern const char *field_rules_name(const FieldRules *rules, int field);

/* Checks the values of all fields; those that have a canonical form take it. */
extern FieldFault field_rules_check(FieldRules *rules, FieldValue *values);

/* For values that were checked before: those that have a canonical form take it. */
extern FieldFault field_rules_canonical(const FieldRules *rules, FieldValue *values);

#endif /* ATTEST_PERSON_FIELD_RULES_H */
