/*
 * import.c
 *		Files of people: cut into blocks of records, read again, written back.
 *
 * A file comes in parts, in UTF-8.  What is cut off a part are whole records, checked
 * for their form (attest_internal.cut_records); the caller keeps them sealed.  Records
 * are read from such a block (attest_internal.read_people) with every field checked.
 * A file that is no CSV or JSON is refused as a whole; a record that is wrong is not.
 */
#include "core/core.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "person/csv.h"
#include "person/json_rows.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define BLOCK_BYTES   65536 /* a block ends with the record that reaches this, */
#define BLOCK_RECORDS 1000  /* or with this many */
#define RECORD_MAX    1048576

ATTEST_FUNCTION(attest_read_header);
ATTEST_FUNCTION(attest_cut_records);
ATTEST_FUNCTION(attest_csv_record);

/* A file, or what came of it so far. */
typedef struct Part
{
	const char *text;
	int length;
	int at;
	int line; /* of the character at `at` */
	bool final;
} Part;

static Part
part_of(bytea *source, int at, int line, bool final)
{
	Part part = {.text = VARDATA_ANY(source),
				 .length = (int) VARSIZE_ANY_EXHDR(source),
				 .at = at,
				 .line = line,
				 .final = final};

	if (at < 0 || at > part.length || line < 1)
		elog(ERROR, "a part of %d bytes has no byte %d", part.length, at);
	return part;
}

static void
refuse(AttestError error, int line, const char *fault)
{
	fail(error, psprintf("%d", line), fault);
}

static int
line_of(const Part *part, int at)
{
	int line = part->line;

	for (int i = part->at; i < at; i++)
		line += part->text[i] == '\n';
	return line;
}

/*
 * Raises unless the bytes up to `end` are UTF-8.  The signs U+0080 to U+009F are what
 * letters of Windows-1252 become when they are taken for Latin-1, and U+FFFD what is
 * put where they could not be read: both were lost before the file came here.
 */
static void
require_utf8(const Part *part, int end)
{
	const unsigned char *text = (const unsigned char *) part->text;
	int good = pg_encoding_verifymbstr(PG_UTF8, part->text + part->at, end - part->at);

	if (good < end - part->at)
		refuse(ERR_not_utf8, line_of(part, part->at + good), "a byte that is not UTF-8");
	for (int i = part->at; i + 1 < end; i++)
	{
		if (text[i] < 0x80)
			continue;
		if (text[i] == 0xC2 && text[i + 1] < 0xA0)
			refuse(ERR_not_utf8, line_of(part, i), "a control character in place of a letter");
		if (i + 2 < end && text[i] == 0xEF && text[i + 1] == 0xBF && text[i + 2] == 0xBD)
			refuse(ERR_not_utf8, line_of(part, i), "a sign that stands for a letter that was lost");
	}
}

/* What does not end within RECORD_MAX bytes never will, and must not be kept. */
static void
require_short(const Part *part, AttestError error)
{
	if (part->length - part->at > RECORD_MAX)
		refuse(error, part->line, "a record is longer than 1 MB, or a quote is not closed");
}

static CsvReader *
csv_reader(const Part *part, char delimiter)
{
	CsvReader *reader = palloc(sizeof(CsvReader));

	csv_begin(reader, (char *) part->text + part->at, (size_t) (part->length - part->at));
	if (part->at > 0 || part->line > 1)
		reader->at = 0; /* a mark of byte order within a file is text */
	reader->scan = true;
	reader->more = !part->final;
	reader->line = part->line;
	reader->delimiter = delimiter;
	return reader;
}

static HeapTuple
form_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc row;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the function must return a row");
	return heap_form_tuple(BlessTupleDesc(row), values, nulls);
}

static Datum
strings_array(const CsvReader *reader)
{
	Datum fields[CSV_MAX_FIELDS];

	for (int i = 0; i < reader->count; i++)
	{
		const CsvField *field = &reader->fields[i];
		char *utf8 = pnstrdup(field->text, field->length);

		fields[i] = CStringGetTextDatum(pg_any_to_server(utf8, (int) field->length, PG_UTF8));
	}
	return PointerGetDatum(
		construct_array(fields, reader->count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * attest_internal.read_header(source bytea, final boolean): columns, delimiter, marked,
 *		next, line
 */
Datum
attest_read_header(PG_FUNCTION_ARGS)
{
	Part part = part_of(PG_GETARG_BYTEA_PP(0), 0, 1, PG_GETARG_BOOL(1));
	char delimiter[2] = {csv_delimiter(part.text, (size_t) part.length)};
	CsvReader *reader = csv_reader(&part, delimiter[0]);
	bool marked = reader->at > 0;
	bool nulls[5] = {false};
	Datum values[5];
	char *copy;

	if (!csv_next(reader))
	{
		require_short(&part, ERR_csv_malformed);
		if (reader->fault != NULL)
		{
			require_utf8(&part, part.length);
			refuse(ERR_csv_malformed, reader->line, reader->fault);
		}
		if (!part.final)
			PG_RETURN_NULL();
	}
	part.at = 0;
	require_utf8(&part, (int) reader->at);
	copy = pnstrdup(part.text, reader->at);
	values[3] = Int32GetDatum((int) reader->at);
	values[4] = Int32GetDatum(reader->line);
	/* again, now unquoted */
	csv_begin(reader, copy, reader->at);
	reader->delimiter = delimiter[0];
	(void) csv_next(reader);
	values[0] = strings_array(reader);
	values[1] = CStringGetTextDatum(delimiter);
	values[2] = BoolGetDatum(marked);
	PG_RETURN_DATUM(HeapTupleGetDatum(form_row(fcinfo, values, nulls)));
}

/* What was cut off. */
typedef struct Cut
{
	int next;
	int line;
	int records;
	char layout;
} Cut;

static Cut
cut_csv(const Part *part, char delimiter)
{
	CsvReader *reader = csv_reader(part, delimiter);
	Cut cut = {.next = part->at, .line = part->line, .layout = delimiter};

	while (cut.records < BLOCK_RECORDS && cut.next - part->at < BLOCK_BYTES && csv_next(reader))
	{
		cut.records++;
		cut.next = part->at + (int) reader->at;
		cut.line = reader->line;
	}
	if (reader->fault != NULL)
	{
		require_utf8(part, part->length);
		refuse(ERR_csv_malformed, reader->line, reader->fault);
	}
	return cut;
}

static Cut
cut_json(const Part *part, char layout)
{
	Cut cut = {.next = part->at, .line = part->line, .layout = layout};
	JsonRows rows;

	json_rows_begin(&rows, part->text + part->at, (size_t) (part->length - part->at));
	rows.layout = layout;
	rows.number = part->line;
	rows.more = !part->final;
	while (cut.records < BLOCK_RECORDS && cut.next - part->at < BLOCK_BYTES)
	{
		bool found = json_rows_next(&rows);

		if (rows.fault != NULL)
		{
			require_utf8(part, part->length);
			refuse(ERR_json_malformed, rows.number, rows.fault);
		}
		/* the end of the array stands behind the last object */
		cut.next = part->at + (int) rows.at;
		cut.line = rows.number;
		cut.layout = rows.layout;
		if (!found)
			break;
		cut.records++;
	}
	return cut;
}

/*
 * attest_internal.cut_records(format text, layout text, source bytea, at int, line int,
 *		final boolean): next, line, records, layout
 */
Datum
attest_cut_records(PG_FUNCTION_ARGS)
{
	bool csv = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(0)), "csv") == 0;
	char *given = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Part part =
		part_of(PG_GETARG_BYTEA_PP(2), PG_GETARG_INT32(3), PG_GETARG_INT32(4), PG_GETARG_BOOL(5));
	Cut cut = csv ? cut_csv(&part, given[0]) : cut_json(&part, given[0]);
	char layout[2] = {cut.layout};
	bool nulls[4] = {false};
	Datum values[4];

	if (cut.records == 0)
		require_short(&part, csv ? ERR_csv_malformed : ERR_json_malformed);
	require_utf8(&part, cut.next);
	values[0] = Int32GetDatum(cut.next);
	values[1] = Int32GetDatum(cut.line);
	values[2] = Int32GetDatum(cut.records);
	values[3] = CStringGetTextDatum(layout);
	PG_RETURN_DATUM(HeapTupleGetDatum(form_row(fcinfo, values, nulls)));
}

/* --- writing CSV --- */

/* Spreadsheets take such a field for a formula, and run it. */
static bool
looks_like_formula(const char *text, int length)
{
	int at = 0;

	while (at < length && text[at] == '\'')
		at++;
	return at < length && strchr("=+-@\t\r", text[at]) != NULL;
}

static void
write_field(StringInfo out, const char *text, int length, char delimiter)
{
	bool formula = looks_like_formula(text, length);
	bool quoted = formula || length == 0;

	for (int i = 0; i < length && !quoted; i++)
		quoted = text[i] == delimiter || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
	if (!quoted)
	{
		appendBinaryStringInfo(out, text, length);
		return;
	}
	appendStringInfoChar(out, '"');
	if (formula)
		appendStringInfoChar(out, '\'');
	for (int i = 0; i < length; i++)
	{
		if (text[i] == '"')
			appendStringInfoChar(out, '"');
		appendStringInfoChar(out, text[i]);
	}
	appendStringInfoChar(out, '"');
}

/* attest_internal.csv_record(fields text[], delimiter text) */
Datum
attest_csv_record(PG_FUNCTION_ARGS)
{
	char *delimiter = text_to_cstring(PG_GETARG_TEXT_PP(1));
	StringInfoData out;
	Datum *fields;
	bool *nulls;
	int count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &fields, &nulls,
					  &count);
	initStringInfo(&out);
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoChar(&out, delimiter[0]);
		if (!nulls[i])
			write_field(&out, VARDATA_ANY(DatumGetTextPP(fields[i])),
						(int) VARSIZE_ANY_EXHDR(DatumGetTextPP(fields[i])), delimiter[0]);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
