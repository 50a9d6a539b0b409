/*
 * json_rows.c
 *		Cuts a JSON text into its objects: see json_rows.h.
 */
#include "person/json_rows.h"

#include <string.h>

#include "core/json.h"

#define MAX_DEPTH 8

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

void
json_rows_begin(JsonRows *rows, const char *text, size_t length)
{
	memset(rows, 0, sizeof(*rows));
	rows->text = text;
	rows->length = length;
	rows->number = 1;
	rows->layout = JSON_ROWS_START;
}

static bool
fail_with(JsonRows *rows, const char *fault)
{
	rows->fault = fault;
	return false;
}

/* Steps over a mark of byte order before all else; a part of one may be half of it. */
static bool
skip_mark(JsonRows *rows)
{
	size_t left = rows->length - rows->at;
	size_t size = left < 3 ? left : 3;

	if (rows->layout != JSON_ROWS_START || size == 0 ||
		memcmp(rows->text + rows->at, BYTE_ORDER_MARK, size) != 0)
		return false;
	rows->half = size < 3 && rows->more;
	rows->at += size < 3 ? 0 : 3;
	return size == 3;
}

static void
skip_blanks(JsonRows *rows)
{
	while (rows->at < rows->length)
	{
		char c = rows->text[rows->at];
		bool between = rows->layout == JSON_ROWS_PART && (c == ',' || c == '[' || c == ']');

		if (skip_mark(rows))
			continue;
		if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && !between)
			return;
		rows->at++;
	}
}

/* Where the object at `at` ends, by its braces; 0 when it does not. */
static size_t
object_end(const JsonRows *rows)
{
	bool quoted = false;
	size_t depth = 0;

	for (size_t i = rows->at; i < rows->length; i++)
	{
		char c = rows->text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '{')
			depth++;
		else if (!quoted && c == '}' && --depth == 0)
			return i + 1;
	}
	return 0;
}

static bool
fail_as(JsonRows *rows, JsonFault fault)
{
	if (fault == JSON_DUPLICATE_KEY)
		return fail_with(rows, "an object has a key twice");
	if (fault == JSON_LIMIT)
		return fail_with(rows, "an object is too deep, or has too many or too long keys");
	return fail_with(rows, "this is not JSON");
}

/* The object at `at`: its end, and that it is well-formed. */
static bool
take_object(JsonRows *rows)
{
	size_t end = object_end(rows);
	JsonReader reader = {.text = rows->text + rows->at,
						 .length = (end > 0 ? end : rows->length) - rows->at,
						 .max_depth = MAX_DEPTH};

	if (end == 0 && rows->more)
	{
		rows->half = true;
		return false;
	}
	if (!json_skip(&reader) || !json_finish(&reader))
		return fail_as(rows, reader.fault);
	rows->object = reader.text;
	rows->object_length = reader.length;
	rows->object_number = rows->number++;
	rows->at = end;
	return true;
}

/* At the end of the text: whether it may end here. */
static bool
take_end(JsonRows *rows)
{
	if (!rows->more && (rows->layout == JSON_ROWS_FIRST || rows->layout == JSON_ROWS_AFTER ||
						rows->layout == JSON_ROWS_NEXT))
		return fail_with(rows, "the array is not closed");
	return false;
}

/* What follows `layout` when the sign c stands there; 0 when it must not. */
static int
next_layout(int layout, int c)
{
	switch (layout)
	{
		case JSON_ROWS_START:
			return c == '[' ? JSON_ROWS_FIRST : c == '{' ? JSON_ROWS_LINES : 0;
		case JSON_ROWS_FIRST:
			return c == ']' ? JSON_ROWS_CLOSED : c == '{' ? JSON_ROWS_AFTER : 0;
		case JSON_ROWS_AFTER:
			return c == ']' ? JSON_ROWS_CLOSED : c == ',' ? JSON_ROWS_NEXT : 0;
		case JSON_ROWS_NEXT:
			return c == '{' ? JSON_ROWS_AFTER : 0;
		case JSON_ROWS_LINES:
		case JSON_ROWS_PART:
			return c == '{' ? layout : 0;
		default:
			return 0;
	}
}

bool
json_rows_next(JsonRows *rows)
{
	while (rows->fault == NULL && !rows->half)
	{
		char sign;
		int follows;

		skip_blanks(rows);
		if (rows->half)
			return false;
		if (rows->at == rows->length)
			return take_end(rows);
		sign = rows->text[rows->at];
		follows = next_layout(rows->layout, sign);
		if (follows == 0 && rows->layout == JSON_ROWS_CLOSED)
			return fail_with(rows, "there is text after the array");
		if (follows == 0)
			return fail_with(rows, "an object was expected: an array of them, or one a line");
		if (sign != '{')
			rows->at++;
		else if (!take_object(rows))
			return false;
		rows->layout = (char) follows;
		if (sign == '{')
			return true;
	}
	return false;
}
