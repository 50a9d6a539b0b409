/*
 * import_read.c
 *		attest_internal.read_people(): the records of a block of a file as rows.
 *
 * The caller names the columns that it wants.  Beside the fields of the register:
 *
 *		line		where the record begins in the file, in JSON its number in it
 *		n			its number among those read, from 1
 *		error, column_name, facts	what is wrong with it, NULL when nothing; where the
 *					caller does not ask, fields are not checked
 *		fields		the fields of a CSV as they were sent
 *		record		the bytes of the record
 */
#include "core/core.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/json.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "person/csv.h"
#include "person/field_rules.h"
#include "person/json_rows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "vault/vault.h"

#define MAX_COLUMNS  256
#define MAX_DEPTH    8
#define JSON_NO_TEXT gettext_noop("a text, a number, true, false or null")

ATTEST_FUNCTION(attest_read_people);

/* What a column of the result is, where it is no field. */
typedef enum Special
{
	COLUMN_LINE = -1,
	COLUMN_NUMBER = -2,
	COLUMN_ERROR = -3,
	COLUMN_ABOUT = -4,
	COLUMN_FACTS = -5,
	COLUMN_FIELDS = -6,
	COLUMN_RECORD = -7
} Special;

static const char *const special_names[] = {"line",  "n",      "error", "column_name",
											"facts", "fields", "record"};

typedef struct Reading
{
	FieldRules *rules;
	/* the columns of the file: a field, or -1 for one that is passed over */
	int column_count;
	int columns[MAX_COLUMNS];
	bool neutralised; /* the file is one that attest.rejected_rows() wrote */
	/* the columns of the result: a field, or a Special */
	TupleDesc row;
	Tuplestorestate *store;
	int *wanted;
	bool checks; /* whether a record may have an error */
	int *skip;   /* lines, in order */
	int skip_count;
	int skip_at;
	int number;
	/* the record at hand */
	int line;
	const char *record;
	size_t record_length;
	const CsvReader *csv; /* NULL for JSON */
	FieldValue values[FIELDS_MAX];
	FieldFault fault;
} Reading;

/* --- what is read, and what is wanted --- */

static void
map_columns(Reading *reading, ArrayType *columns)
{
	Datum *names;
	bool *nulls;

	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
					  &reading->column_count);
	if (reading->column_count > MAX_COLUMNS)
		elog(ERROR, "a file has %d columns", reading->column_count);
	for (int i = 0; i < reading->column_count; i++)
	{
		char *name = TextDatumGetCString(names[i]);

		reading->columns[i] = field_rules_find(reading->rules, name);
		reading->neutralised = reading->neutralised || strcmp(name, "code") == 0;
	}
}

static int
wanted_column(const Reading *reading, const char *name)
{
	int field = field_rules_find(reading->rules, name);

	for (int i = 0; field < 0 && i < (int) lengthof(special_names); i++)
	{
		if (strcmp(special_names[i], name) == 0)
			return -1 - i;
	}
	if (field < 0)
		elog(ERROR, "no column of people is named %s", name);
	return field;
}

static void
map_result(Reading *reading, ReturnSetInfo *result)
{
	reading->row = result->setDesc;
	reading->store = result->setResult;
	reading->wanted = palloc(sizeof(int) * (Size) reading->row->natts);
	for (int i = 0; i < reading->row->natts; i++)
	{
		reading->wanted[i] =
			wanted_column(reading, NameStr(TupleDescAttr(reading->row, i)->attname));
		reading->checks = reading->checks || reading->wanted[i] == COLUMN_ERROR;
	}
}

static void
take_skipped(Reading *reading, ArrayType *array)
{
	Datum *lines;
	bool *nulls;

	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &lines, &nulls,
					  &reading->skip_count);
	reading->skip = palloc(sizeof(int) * (Size) Max(reading->skip_count, 1));
	for (int i = 0; i < reading->skip_count; i++)
		reading->skip[i] = DatumGetInt32(lines[i]);
}

/* Whether the record at hand is to be skipped; records and skip are in order of lines. */
static bool
is_skipped(Reading *reading)
{
	while (reading->skip_at < reading->skip_count &&
		   reading->skip[reading->skip_at] < reading->line)
		reading->skip_at++;
	return reading->skip_at < reading->skip_count &&
		   reading->skip[reading->skip_at] == reading->line;
}

/* --- rows --- */

static Datum
facts_datum(const FieldFault *fault)
{
	Datum facts[2];
	int count = 0;

	for (int i = 0; i < 2; i++)
	{
		if (fault->facts[i] != NULL)
			facts[count++] = CStringGetTextDatum(fault->facts[i]);
	}
	return PointerGetDatum(construct_array(facts, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
fields_datum(const CsvReader *csv)
{
	Datum fields[CSV_MAX_FIELDS];

	for (int i = 0; i < csv->count; i++)
	{
		const CsvField *field = &csv->fields[i];
		char *utf8 = pnstrdup(field->text, field->length);

		fields[i] = CStringGetTextDatum(pg_any_to_server(utf8, (int) field->length, PG_UTF8));
	}
	return PointerGetDatum(construct_array(fields, csv->count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static Datum
special_datum(const Reading *reading, Special column, bool *isnull)
{
	bytea *record;

	*isnull = false;
	switch (column)
	{
		case COLUMN_LINE:
			return Int32GetDatum(reading->line);
		case COLUMN_NUMBER:
			return Int32GetDatum(reading->number);
		case COLUMN_ERROR:
			return text_or_null(reading->fault.error, isnull);
		case COLUMN_ABOUT:
			return text_or_null(reading->fault.column, isnull);
		case COLUMN_FACTS:
			return facts_datum(&reading->fault);
		case COLUMN_FIELDS:
			*isnull = reading->csv == NULL;
			return *isnull ? (Datum) 0 : fields_datum(reading->csv);
		case COLUMN_RECORD:
			record = palloc(VARHDRSZ + reading->record_length);
			SET_VARSIZE(record, VARHDRSZ + reading->record_length);
			memcpy(VARDATA(record), reading->record, reading->record_length);
			return PointerGetDatum(record);
	}
	elog(ERROR, "no column has the number %d", (int) column);
}

/* Checks the record at hand and puts it out, unless it is skipped. */
static void
put_record(Reading *reading, Datum *values, bool *nulls)
{
	if (is_skipped(reading))
		return;
	reading->number++;
	if (reading->fault.error == NULL)
		reading->fault = reading->checks ? field_rules_check(reading->rules, reading->values)
										 : field_rules_canonical(reading->rules, reading->values);
	for (int i = 0; i < reading->row->natts; i++)
	{
		int column = reading->wanted[i];

		if (column < 0)
			values[i] = special_datum(reading, (Special) column, &nulls[i]);
		else if ((nulls[i] = reading->values[column].length == 0) == false)
			values[i] = PointerGetDatum(cstring_to_text_with_len(reading->values[column].text,
																 reading->values[column].length));
	}
	tuplestore_putvalues(reading->store, reading->row, values, nulls);
}

/* A value of the file, of UTF-8, in the encoding of the database. */
static FieldValue
server_value(const char *utf8, size_t length)
{
	char *text = pg_any_to_server(utf8, (int) length, PG_UTF8);

	return (FieldValue){.text = text, .length = text == utf8 ? (int) length : (int) strlen(text)};
}

/* --- CSV --- */

/* Undoes what attest.rejected_rows() does to fields that look like a formula. */
static void
drop_apostrophe(CsvField *field)
{
	size_t at = 0;

	while (at < field->length && field->text[at] == '\'')
		at++;
	if (at > 0 && at < field->length && strchr("=+-@\t\r", field->text[at]) != NULL)
	{
		field->text++;
		field->length--;
	}
}

static void
take_csv_record(Reading *reading, CsvReader *csv)
{
	memset(reading->values, 0, sizeof(FieldValue) * (size_t) field_rules_count(reading->rules));
	memset(&reading->fault, 0, sizeof(reading->fault));
	reading->line = csv->record_line;
	for (int i = 0; i < csv->count; i++)
	{
		CsvField *field = &csv->fields[i];

		if (reading->neutralised)
			drop_apostrophe(field);
		if (i < reading->column_count && reading->columns[i] >= 0)
			reading->values[reading->columns[i]] = server_value(field->text, field->length);
	}
	if (csv->count != reading->column_count)
		reading->fault = (FieldFault){
			.error = "csv_malformed",
			.facts = {psprintf("%d", csv->record_line),
					  psprintf("%d fields instead of %d", csv->count, reading->column_count)}};
}

static void
read_csv(Reading *reading, char *text, size_t length, int first_line, char delimiter,
		 MemoryContext each)
{
	CsvReader *csv = palloc(sizeof(CsvReader));
	Datum *values = palloc(sizeof(Datum) * (Size) reading->row->natts);
	bool *nulls = palloc(sizeof(bool) * (Size) reading->row->natts);
	/* reading unquotes in place: what is kept of a record is its copy */
	char *untouched = palloc(length + 1);
	size_t start = 0;

	memcpy(untouched, text, length);
	csv_begin(csv, text, length);
	csv->at = 0;
	csv->line = first_line;
	csv->delimiter = delimiter;
	reading->csv = csv;
	while (csv_next(csv))
	{
		MemoryContext caller = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		while (untouched[start] == '\r' || untouched[start] == '\n')
			start++;
		reading->record = untouched + start;
		reading->record_length = csv->at - start;
		start = csv->at;
		take_csv_record(reading, csv);
		put_record(reading, values, nulls);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(each);
	}
	if (csv->fault != NULL)
		fail(ERR_csv_malformed, psprintf("%d", csv->line), csv->fault);
}

/* --- JSON --- */

/* One value of an object: a scalar as its text. */
static bool
take_json_value(JsonReader *json, FieldValue *value)
{
	char kind = json_peek(json);
	size_t start = json->at;
	size_t capacity = json->length - json->at + 1;
	size_t length;
	char *text;

	*value = (FieldValue){0};
	if (kind == '"')
	{
		text = palloc(capacity);
		(void) json_string(json, text, capacity, &length);
		*value = server_value(text, length);
		return true;
	}
	(void) json_skip(json);
	if (kind != 'n' && kind != '{' && kind != '[')
		*value = server_value(json->text + start, json->at - start);
	return kind != '{' && kind != '[';
}

static bool
is_marker(const char *key)
{
	return strcmp(key, "line") == 0 || strcmp(key, "column") == 0 || strcmp(key, "code") == 0 ||
		   strcmp(key, "reason") == 0;
}

static void
take_json_record(Reading *reading, const JsonRows *rows)
{
	JsonReader json = {.text = rows->object, .length = rows->object_length, .max_depth = MAX_DEPTH};
	JsonScope scope;
	int key = 0;

	memset(reading->values, 0, sizeof(FieldValue) * (size_t) field_rules_count(reading->rules));
	memset(&reading->fault, 0, sizeof(reading->fault));
	reading->line = rows->object_number;
	reading->record = rows->object;
	reading->record_length = rows->object_length;
	(void) json_enter(&json, '{', &scope);
	while (json_next(&json, &scope))
	{
		int field = field_rules_find(reading->rules, json_key(&scope));
		FieldValue value;
		bool scalar = take_json_value(&json, &value);

		key++;
		if (reading->fault.error != NULL || is_marker(json_key(&scope)))
			continue;
		/* a key that is none of ours may be a value gone astray: its number says enough */
		if (field < 0)
			reading->fault =
				(FieldFault){.error = "csv_columns", .facts = {"-", psprintf("%d", key)}};
		else if (!scalar)
			reading->fault =
				(FieldFault){.error = "field_unknown_value",
							 .column = field_rules_name(reading->rules, field),
							 .facts = {field_rules_name(reading->rules, field), JSON_NO_TEXT}};
		else
			reading->values[field] = value;
	}
}

static void
read_json(Reading *reading, const char *text, size_t length, int first_line, MemoryContext each)
{
	Datum *values = palloc(sizeof(Datum) * (Size) reading->row->natts);
	bool *nulls = palloc(sizeof(bool) * (Size) reading->row->natts);
	JsonRows rows;

	json_rows_begin(&rows, text, length);
	rows.layout = JSON_ROWS_PART;
	rows.number = first_line;
	while (json_rows_next(&rows))
	{
		MemoryContext caller = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		take_json_record(reading, &rows);
		put_record(reading, values, nulls);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(each);
	}
	if (rows.fault != NULL)
		fail(ERR_json_malformed, psprintf("%d", rows.number), rows.fault);
}

/*
 * attest_internal.read_people(source bytea, first_line int, format text, delimiter text,
 *		columns text[], skip int[], rules attest_internal.import_rules): records as named
 */
Datum
attest_read_people(PG_FUNCTION_ARGS)
{
	bytea *source = PG_GETARG_BYTEA_PP(0);
	size_t length = VARSIZE_ANY_EXHDR(source);
	bool csv = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(2)), "csv") == 0;
	MemoryContext each =
		AllocSetContextCreate(CurrentMemoryContext, "attest record", ALLOCSET_DEFAULT_SIZES);
	Reading *reading = palloc0(sizeof(Reading));
	char *copy = palloc(length + 1);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	reading->rules = field_rules_read(PG_GETARG_HEAPTUPLEHEADER(6));
	map_columns(reading, PG_GETARG_ARRAYTYPE_P(4));
	map_result(reading, (ReturnSetInfo *) fcinfo->resultinfo);
	take_skipped(reading, PG_GETARG_ARRAYTYPE_P(5));
	opened_stays_in_memory();
	memcpy(copy, VARDATA_ANY(source), length);
	if (csv)
		read_csv(reading, copy, length, PG_GETARG_INT32(1),
				 text_to_cstring(PG_GETARG_TEXT_PP(3))[0], each);
	else
		read_json(reading, copy, length, PG_GETARG_INT32(1), each);
	MemoryContextDelete(each);
	return (Datum) 0;
}
