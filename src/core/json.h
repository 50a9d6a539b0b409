/*
 * json.h
 *		A strict pull reader of JSON (RFC 8259) for untrusted text: no allocation,
 *		bounded depth, no duplicate keys.
 *
 * Text is UTF-8 without a byte order mark.  Refused beyond the grammar: a key given
 * twice in one object, \u0000, lone surrogates, more than JSON_MAX_KEYS keys in an
 * object, a key longer than JSON_MAX_KEY_BYTES, a number that is not finite.  After
 * the first fault every function returns false, and `fault` and `at` say what and
 * where.  A walk over an array or object:
 *
 *		if (json_enter(reader, '[', &scope))
 *			while (json_next(reader, &scope))
 *				... read or skip exactly one value ...
 */
#ifndef ATTEST_CORE_JSON_H
#define ATTEST_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_MAX_KEYS      64
#define JSON_MAX_KEY_BYTES 31

typedef enum JsonFault
{
	JSON_OK,
	JSON_SYNTAX,
	JSON_DUPLICATE_KEY,
	JSON_LIMIT /* depth, keys of an object or length of a key */
} JsonFault;

typedef struct JsonReader
{
	const char *text;
	size_t length;
	size_t at; /* offset of the next byte, or of the fault */
	JsonFault fault;
	unsigned depth; /* arrays and objects that are open */
	unsigned max_depth;
} JsonReader;

/* One open array or object. */
typedef struct JsonScope
{
	char close;
	bool started;
	unsigned key_count;
	char keys[JSON_MAX_KEYS][JSON_MAX_KEY_BYTES + 1]; /* the last one is the current key */
} JsonScope;

/* The first byte of the next value or structural character; 0 at the end. */
char json_peek(JsonReader *reader);

/* Opens an array ('[') or object ('{'); a fault when another value stands there. */
bool json_enter(JsonReader *reader, char open, JsonScope *scope);

/* Goes to the next element, in an object past its key; false after the last one. */
bool json_next(JsonReader *reader, JsonScope *scope);

/* The key that json_next() went past, zero-terminated UTF-8. */
const char *json_key(const JsonScope *scope);

/* Exact for up to 15 digits and exponents of +-22, else within a few units in the last place. */
bool json_number(JsonReader *reader, double *value);

/*
 * Reads a string; `out` receives it as zero-terminated UTF-8, cut to `capacity` (at
 * least 1) bytes.  *length is its whole length without the zero.
 */
bool json_string(JsonReader *reader, char *out, size_t capacity, size_t *length);

/* Checks and skips one value of any kind. */
bool json_skip(JsonReader *reader);

/* True when only white space is left. */
bool json_finish(JsonReader *reader);

#endif /* ATTEST_CORE_JSON_H */
