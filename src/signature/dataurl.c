/*
 * dataurl.c
 *		See dataurl.h.
 */
#include "signature/dataurl.h"

#include <string.h>

#include "core/base64.h"

static const char dataurl_prefix[] = "data:image/png;base64,";
static const char dataurl_no_canvas[] = "data:,";

/* How many leading characters of `text` are those of the prefix. */
static size_t
dataurl_prefix_match(const char *text, size_t length)
{
	size_t at = 0;

	while (at < sizeof(dataurl_prefix) - 1 && at < length && text[at] == dataurl_prefix[at])
		at++;
	return at;
}

SignatureCode
dataurl_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *done)
{
	const size_t prefix = sizeof(dataurl_prefix) - 1;
	const size_t no_canvas = sizeof(dataurl_no_canvas) - 1;

	*done = dataurl_prefix_match(text, length);
	if (length == no_canvas && memcmp(text, dataurl_no_canvas, no_canvas) == 0)
		return DATAURL_EMPTY;
	if (*done < prefix)
		return DATAURL_SYNTAX;
	if (length == prefix)
		return DATAURL_EMPTY;
	if (base64_decode(text + prefix, length - prefix, out, capacity, done))
		return SIGNATURE_OK;
	*done += prefix;
	return BASE64;
}
