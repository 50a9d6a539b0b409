/*
 * csv.c
 *		Reads comma-separated values: see csv.h.
 */
#include "person/csv.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

void
csv_begin(CsvReader *reader, char *text, size_t length)
{
	memset(reader, 0, sizeof(*reader));
	reader->text = text;
	reader->length = length;
	reader->line = 1;
	reader->delimiter = ',';
	if (length >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0)
		reader->at = 3;
}

static bool
at_end(const CsvReader *reader)
{
	return reader->at == reader->length;
}

/* Steps over a line end; false when there is none here. */
static bool
take_line_end(CsvReader *reader)
{
	const char *p = reader->text + reader->at;
	size_t left = reader->length - reader->at;
	size_t size = left >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : left >= 1 && p[0] == '\n' ? 1 : 0;

	reader->at += size;
	reader->line += size > 0;
	return size > 0;
}

static bool
fail_with(CsvReader *reader, const char *fault)
{
	reader->fault = fault;
	return false;
}

static bool
take_plain_field(CsvReader *reader, CsvField *field)
{
	size_t start = reader->at;

	while (!at_end(reader))
	{
		char c = reader->text[reader->at];

		if (c == reader->delimiter || c == '\n' || c == '\r')
			break;
		if (c == '"')
			return fail_with(reader, "a quote stands inside a field without quotes");
		reader->at++;
	}
	*field = (CsvField){.text = reader->text + start, .length = reader->at - start};
	return true;
}

/* The opening quote is at reader->at; unquotes in place, behind what was read. */
static bool
take_quoted_field(CsvReader *reader, CsvField *field)
{
	char *text = reader->text;
	size_t start = reader->at++;
	size_t out = start;
	int opened = reader->line;

	for (; !at_end(reader); reader->at++)
	{
		char c = text[reader->at];

		if (c == '"' && (reader->at + 1 == reader->length || text[reader->at + 1] != '"'))
		{
			reader->at++;
			*field = (CsvField){.text = text + start, .length = out - start};
			return true;
		}
		if (c == '"')
			reader->at++;
		if (c == '\n')
			reader->line++;
		if (!reader->scan)
			text[out] = c;
		out++;
	}
	/* the end of the text, where this is noticed, would help nobody */
	reader->line = opened;
	return fail_with(reader, "a quote is not closed");
}

static bool
take_field(CsvReader *reader)
{
	CsvField field;
	bool taken;

	if (reader->count == CSV_MAX_FIELDS)
		return fail_with(reader, "the record has too many fields");
	if (!at_end(reader) && reader->text[reader->at] == '"')
		taken = take_quoted_field(reader, &field);
	else
		taken = take_plain_field(reader, &field);
	if (taken)
		reader->fields[reader->count++] = field;
	return taken;
}

/* Reads fields up to the end of the record. */
static bool
take_record(CsvReader *reader)
{
	while (take_field(reader))
	{
		if (at_end(reader) || take_line_end(reader))
			return true;
		if (reader->text[reader->at] == '\r')
			return fail_with(reader, "a carriage return stands without a line feed");
		if (reader->text[reader->at] != reader->delimiter)
			return fail_with(reader, "there is text after a closing quote");
		reader->at++;
	}
	return false;
}

/* Whether what comes next may still be the end of the record, or change what was read. */
static bool
is_half(const CsvReader *reader, size_t start, bool taken)
{
	size_t left = reader->length - reader->at;

	if (!reader->more)
		return false;
	if (taken)
		return at_end(reader) && (reader->at == start || reader->text[reader->at - 1] != '\n');
	return left == 0 || (left == 1 && reader->text[reader->at] == '\r');
}

bool
csv_next(CsvReader *reader)
{
	size_t start;
	bool taken;

	if (reader->fault != NULL || reader->half)
		return false;
	while (take_line_end(reader))
		;
	if (at_end(reader))
		return false;

	start = reader->at;
	reader->record_line = reader->line;
	reader->count = 0;
	taken = take_record(reader);
	if (is_half(reader, start, taken))
	{
		reader->half = true;
		reader->fault = NULL;
		reader->at = start;
		reader->line = reader->record_line;
		return false;
	}
	return taken;
}

char
csv_delimiter(const char *text, size_t length)
{
	bool quoted = false;

	for (size_t i = 0; i < length && (quoted || text[i] != '\n'); i++)
	{
		if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == ',' || text[i] == ';' || text[i] == '\t'))
			return text[i];
	}
	return ',';
}
