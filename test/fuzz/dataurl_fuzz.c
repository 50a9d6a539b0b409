/*
 * dataurl_fuzz.c
 *		Data URLs, base64 and base64url: one spelling for each byte string, nothing
 *		written past the capacity, and faults that lie in the text.
 */
#include "core/base64.h"
#include "fuzz.h"
#include "signature/dataurl.h"

#define PREFIX "data:image/png;base64,"

typedef bool (*Decoder)(const char *text, size_t length, uint8_t *out, size_t capacity,
						size_t *done);
typedef bool (*Encoder)(const uint8_t *bytes, size_t length, char *out, size_t capacity,
						size_t *written);

/* The bytes spelt again are the text. */
static void
check_spelling(Encoder encode, const uint8_t *bytes, size_t count, const char *text, size_t length)
{
	char *again = malloc(length + 1);
	size_t written;

	REQUIRE(again != NULL && encode(bytes, count, again, length, &written));
	REQUIRE(written == length && (length == 0 || memcmp(again, text, length) == 0));
	REQUIRE(length == 0 || !encode(bytes, count, again, length - 1, &written));
	free(again);
}

static void
fuzz_base64(Decoder decode, Encoder encode, const char *text, size_t length)
{
	size_t capacity = base64_decoded_capacity(length);
	uint8_t *out = malloc(capacity + 1);
	uint8_t *exact;
	size_t done, again;

	REQUIRE(out != NULL);
	if (decode(text, length, out, capacity, &done))
	{
		REQUIRE(done <= capacity);
		check_spelling(encode, out, done, text, length);
		exact = exact_copy(out, done);
		REQUIRE(decode(text, length, exact, done, &again) && again == done);
		REQUIRE(done == 0 || !decode(text, length, exact, done - 1, &again));
		free(exact);
	}
	else
		REQUIRE(done <= length);
	free(out);
}

static void
fuzz_dataurl(const char *text, size_t length)
{
	const size_t prefix = sizeof(PREFIX) - 1;
	size_t capacity = base64_decoded_capacity(length);
	uint8_t *out = malloc(capacity + 1);
	SignatureCode code;
	size_t done;

	REQUIRE(out != NULL);
	code = dataurl_decode(text, length, out, capacity, &done);
	REQUIRE(code == SIGNATURE_OK || code == DATAURL_EMPTY || code == DATAURL_SYNTAX ||
			code == BASE64);
	if (code == SIGNATURE_OK)
	{
		REQUIRE(length > prefix && memcmp(text, PREFIX, prefix) == 0);
		check_spelling(base64_encode, out, done, text + prefix, length - prefix);
	}
	else
		REQUIRE(done <= length && (code != BASE64 || done >= prefix));
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;

	fuzz_dataurl(text, size);
	fuzz_base64(base64_decode, base64_encode, text, size);
	fuzz_base64(base64url_decode, base64url_encode, text, size);
	return 0;
}
