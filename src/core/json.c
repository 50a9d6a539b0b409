/*
 * json.c
 *		See json.h.
 */
#include "core/json.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static bool
json_fail(JsonReader *reader, JsonFault fault, size_t at)
{
	if (reader->fault == JSON_OK)
	{
		reader->fault = fault;
		reader->at = at;
	}
	return false;
}

/* The byte `ahead` of the position, or 0 at the end; a zero byte in the text is a fault anyway. */
static unsigned char
json_byte(const JsonReader *reader, size_t ahead)
{
	if (reader->fault != JSON_OK || reader->length - reader->at <= ahead)
		return 0;
	return (unsigned char) reader->text[reader->at + ahead];
}

static bool
json_is_digit(unsigned char byte)
{
	return byte >= '0' && byte <= '9';
}

char
json_peek(JsonReader *reader)
{
	for (;;)
	{
		unsigned char byte = json_byte(reader, 0);

		if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r')
			return (char) byte;
		reader->at++;
	}
}

/* Where a string goes: it is counted whole and kept as far as there is room. */
typedef struct JsonSink
{
	char *out;
	size_t capacity;
	size_t length;
} JsonSink;

static void
json_put(JsonSink *sink, unsigned byte)
{
	if (sink->length + 1 < sink->capacity)
		sink->out[sink->length] = (char) byte;
	sink->length++;
}

static void
json_put_utf8(JsonSink *sink, uint32_t point)
{
	if (point < 0x80)
	{
		json_put(sink, point);
		return;
	}
	if (point < 0x800)
		json_put(sink, 0xc0 | point >> 6);
	else if (point < 0x10000)
		json_put(sink, 0xe0 | point >> 12);
	else
	{
		json_put(sink, 0xf0 | point >> 18);
		json_put(sink, 0x80 | (point >> 12 & 0x3f));
	}
	if (point >= 0x800)
		json_put(sink, 0x80 | (point >> 6 & 0x3f));
	json_put(sink, 0x80 | (point & 0x3f));
}

/* The size of the UTF-8 character here, 0 when malformed (Unicode 15, table 3-7). */
static unsigned
json_utf8_size(const JsonReader *reader)
{
	unsigned char lead = json_byte(reader, 0);
	unsigned char second = json_byte(reader, 1);
	unsigned size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f))
		return 0;
	if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
		return 0;
	for (unsigned i = 1; i < size; i++)
	{
		if ((json_byte(reader, i) & 0xc0) != 0x80)
			return 0;
	}
	return size;
}

/* Four hexadecimal digits. */
static bool
json_hex(JsonReader *reader, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < 4; i++)
	{
		unsigned char byte = json_byte(reader, 0);
		unsigned char lower = byte | 0x20;

		if (json_is_digit(byte))
			*value = *value << 4 | (uint32_t) (byte - '0');
		else if (lower >= 'a' && lower <= 'f')
			*value = *value << 4 | (uint32_t) (lower - 'a' + 10);
		else
			return json_fail(reader, JSON_SYNTAX, reader->at);
		reader->at++;
	}
	return true;
}

/* What follows \u: one unit, or a pair of surrogates. */
static bool
json_unicode_escape(JsonReader *reader, JsonSink *sink)
{
	size_t start = reader->at;
	uint32_t point, low;

	if (!json_hex(reader, &point))
		return false;
	if (point == 0 || (point >= 0xdc00 && point <= 0xdfff))
		return json_fail(reader, JSON_SYNTAX, start);
	if (point >= 0xd800 && point <= 0xdbff)
	{
		if (json_byte(reader, 0) != '\\' || json_byte(reader, 1) != 'u')
			return json_fail(reader, JSON_SYNTAX, start);
		reader->at += 2;
		if (!json_hex(reader, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return json_fail(reader, JSON_SYNTAX, start);
		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
	}
	json_put_utf8(sink, point);
	return true;
}

static bool
json_escape(JsonReader *reader, JsonSink *sink)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	unsigned char byte = json_byte(reader, 1);
	const char *name = byte == 0 ? NULL : strchr(names, byte);

	if (name == NULL && byte != 'u')
		return json_fail(reader, JSON_SYNTAX, reader->at);
	reader->at += 2;
	if (byte == 'u')
		return json_unicode_escape(reader, sink);
	json_put(sink, (unsigned char) values[name - names]);
	return true;
}

/* One character of a string, escaped or not. */
static bool
json_character(JsonReader *reader, JsonSink *sink)
{
	unsigned char byte = json_byte(reader, 0);
	unsigned size = byte < 0x80 ? 1 : json_utf8_size(reader);

	if (byte == '\\')
		return json_escape(reader, sink);
	if (byte < 0x20 || size == 0)
		return json_fail(reader, JSON_SYNTAX, reader->at);
	for (unsigned i = 0; i < size; i++)
		json_put(sink, json_byte(reader, i));
	reader->at += size;
	return true;
}

bool
json_string(JsonReader *reader, char *out, size_t capacity, size_t *length)
{
	JsonSink sink = {out, capacity, 0};

	if (json_peek(reader) != '"')
		return json_fail(reader, JSON_SYNTAX, reader->at);
	reader->at++;
	while (json_byte(reader, 0) != '"')
	{
		if (!json_character(reader, &sink))
			return false;
	}
	reader->at++;
	out[sink.length < capacity ? sink.length : capacity - 1] = '\0';
	*length = sink.length;
	return true;
}

/* A run of digits into the mantissa; those past the 19th only move the exponent. */
static bool
json_digits(JsonReader *reader, uint64_t *mantissa, int *exponent, bool fraction)
{
	if (!json_is_digit(json_byte(reader, 0)))
		return json_fail(reader, JSON_SYNTAX, reader->at);
	for (; json_is_digit(json_byte(reader, 0)); reader->at++)
	{
		bool room = *mantissa < UINT64_C(1000000000000000000);

		if (room)
			*mantissa = *mantissa * 10 + (uint64_t) (json_byte(reader, 0) - '0');
		if (room && fraction && *exponent > -1000)
			(*exponent)--;
		if (!room && !fraction && *exponent < 1000)
			(*exponent)++;
	}
	return true;
}

static bool
json_exponent(JsonReader *reader, int *exponent)
{
	uint64_t digits = 0;
	int dropped = 0;
	bool negative;
	int value;

	if ((json_byte(reader, 0) | 0x20) != 'e')
		return true;
	reader->at++;
	negative = json_byte(reader, 0) == '-';
	if (negative || json_byte(reader, 0) == '+')
		reader->at++;
	if (!json_digits(reader, &digits, &dropped, false))
		return false;
	value = digits > 5000 ? 5000 : (int) digits;
	*exponent += negative ? -value : value;
	return true;
}

/* mantissa * 10^exponent; the powers to 10^22 are exact, so usual numbers round once. */
static double
json_scale(uint64_t mantissa, int exponent)
{
	double power = 1.0;
	int steps = exponent < 0 ? -exponent : exponent;

	if (mantissa == 0)
		return 0.0;
	for (int i = 0; i < steps && i < 400; i++)
		power *= 10.0;
	return exponent < 0 ? (double) mantissa / power : (double) mantissa * power;
}

bool
json_number(JsonReader *reader, double *value)
{
	bool negative = json_peek(reader) == '-';
	size_t start = reader->at;
	uint64_t mantissa = 0;
	int exponent = 0;

	reader->at += negative ? 1 : 0;
	if (json_byte(reader, 0) == '0' && json_is_digit(json_byte(reader, 1)))
		return json_fail(reader, JSON_SYNTAX, reader->at);
	if (!json_digits(reader, &mantissa, &exponent, false))
		return false;
	if (json_byte(reader, 0) == '.')
	{
		reader->at++;
		if (!json_digits(reader, &mantissa, &exponent, true))
			return false;
	}
	if (!json_exponent(reader, &exponent))
		return false;
	*value = json_scale(mantissa, exponent) * (negative ? -1.0 : 1.0);
	return isfinite(*value) ? true : json_fail(reader, JSON_SYNTAX, start);
}

bool
json_enter(JsonReader *reader, char open, JsonScope *scope)
{
	scope->close = open == '[' ? ']' : '}';
	scope->started = false;
	scope->key_count = 0;
	if (json_peek(reader) != open)
		return json_fail(reader, JSON_SYNTAX, reader->at);
	if (reader->depth >= reader->max_depth)
		return json_fail(reader, JSON_LIMIT, reader->at);
	reader->depth++;
	reader->at++;
	return true;
}

static bool
json_read_key(JsonReader *reader, JsonScope *scope)
{
	size_t start, length;
	char *key;

	json_peek(reader);
	start = reader->at;
	if (scope->key_count == JSON_MAX_KEYS)
		return json_fail(reader, JSON_LIMIT, start);
	key = scope->keys[scope->key_count];
	if (!json_string(reader, key, JSON_MAX_KEY_BYTES + 1, &length))
		return false;
	if (length > JSON_MAX_KEY_BYTES)
		return json_fail(reader, JSON_LIMIT, start);
	for (unsigned i = 0; i < scope->key_count; i++)
	{
		if (strcmp(scope->keys[i], key) == 0)
			return json_fail(reader, JSON_DUPLICATE_KEY, start);
	}
	scope->key_count++;
	if (json_peek(reader) != ':')
		return json_fail(reader, JSON_SYNTAX, reader->at);
	reader->at++;
	return true;
}

bool
json_next(JsonReader *reader, JsonScope *scope)
{
	char next = json_peek(reader);

	if (reader->fault != JSON_OK)
		return false;
	if (next == scope->close)
	{
		reader->at++;
		reader->depth--;
		return false;
	}
	if (scope->started && next != ',')
		return json_fail(reader, JSON_SYNTAX, reader->at);
	if (scope->started)
		reader->at++;
	if (scope->started && json_peek(reader) == scope->close)
		return json_fail(reader, JSON_SYNTAX, reader->at);
	scope->started = true;
	return scope->close == ']' || json_read_key(reader, scope);
}

const char *
json_key(const JsonScope *scope)
{
	return scope->keys[scope->key_count - 1];
}

static bool
json_word(JsonReader *reader, const char *word)
{
	size_t length = strlen(word);

	if (reader->length - reader->at < length ||
		memcmp(reader->text + reader->at, word, length) != 0)
		return json_fail(reader, JSON_SYNTAX, reader->at);
	reader->at += length;
	return true;
}

/* Recurses to max_depth at most. */
bool
json_skip(JsonReader *reader)
{
	char kind = json_peek(reader);
	JsonScope scope;
	char ignored[1];
	size_t length;
	double number;

	switch (kind)
	{
		case '[':
		case '{':
			if (!json_enter(reader, kind, &scope))
				return false;
			while (json_next(reader, &scope))
				json_skip(reader);
			return reader->fault == JSON_OK;
		case '"':
			return json_string(reader, ignored, sizeof(ignored), &length);
		case 't':
			return json_word(reader, "true");
		case 'f':
			return json_word(reader, "false");
		case 'n':
			return json_word(reader, "null");
		default:
			return json_number(reader, &number);
	}
}

bool
json_finish(JsonReader *reader)
{
	json_peek(reader);
	if (reader->fault != JSON_OK)
		return false;
	return reader->at == reader->length || json_fail(reader, JSON_SYNTAX, reader->at);
}
