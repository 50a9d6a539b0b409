/*
 * base64_test.c
 *		base64 and base64url (src/core/base64), without a server: prints TAP.
 */
#include "core/base64.h"
#include "tap.h"

typedef bool (*Decoder)(const char *text, size_t length, uint8_t *out, size_t capacity,
						size_t *done);
typedef bool (*Encoder)(const uint8_t *bytes, size_t length, char *out, size_t capacity,
						size_t *written);

static void
test_rfc_4648(void)
{
	static const char *const texts[][2] = {{"", ""},
										   {"f", "Zg=="},
										   {"fo", "Zm8="},
										   {"foo", "Zm9v"},
										   {"foob", "Zm9vYg=="},
										   {"fooba", "Zm9vYmE="},
										   {"foobar", "Zm9vYmFy"}};
	char text[16];
	uint8_t bytes[16];
	size_t length;

	for (size_t i = 0; i < LENGTH(texts); i++)
	{
		const char *plain = texts[i][0], *encoded = texts[i][1];
		size_t bare = strcspn(encoded, "="); /* base64url leaves the padding out */
		bool right = base64_encode((const uint8_t *) plain, strlen(plain), text, 16, &length) &&
					 length == strlen(encoded) && memcmp(text, encoded, length) == 0;

		right = right && base64_decode(encoded, length, bytes, 16, &length) &&
				length == strlen(plain) && memcmp(bytes, plain, length) == 0;
		right = right && base64url_decode(encoded, bare, bytes, 16, &length) &&
				length == strlen(plain) && memcmp(bytes, plain, length) == 0;
		ok(right, "\"%s\" is \"%s\"; RFC 4648, section 10", plain, encoded);
	}
}

static void
test_round_trips(void)
{
	bool standard = true, url = true;
	uint8_t in[70], out[100];
	char text[100];
	size_t written, done;

	for (size_t length = 0; length <= sizeof(in); length++)
	{
		for (size_t i = 0; i < length; i++)
			in[i] = (uint8_t) next_random();
		standard = standard && base64_encode(in, length, text, sizeof(text), &written) &&
				   written == base64_encoded_length(length) &&
				   base64_decode(text, written, out, base64_decoded_capacity(written), &done) &&
				   done == length && memcmp(in, out, length) == 0;
		url = url && base64url_encode(in, length, text, sizeof(text), &written) &&
			  written == base64url_encoded_length(length) &&
			  base64url_decode(text, written, out, length, &done) && done == length &&
			  memcmp(in, out, length) == 0;
	}
	ok(standard, "base64 round trips for 0 to 70 bytes");
	ok(url, "base64url round trips for 0 to 70 bytes");
}

/* Whether it takes exactly what it needs, and touches nothing after it. */
static bool
fills(Encoder encode, size_t length, size_t needed)
{
	static const uint8_t zeros[8];
	char text[16];
	size_t written;

	memset(text, '?', sizeof(text));
	return !encode(zeros, length, text, needed - 1, &written) && written == 0 && text[0] == '?' &&
		   encode(zeros, length, text, needed, &written) && written == needed &&
		   text[needed] == '?';
}

static void
test_capacities(void)
{
	bool right = true;
	uint8_t out[4];
	size_t done;

	ok(fills(base64_encode, 1, 4) && fills(base64_encode, 2, 4) && fills(base64_encode, 3, 4),
	   "base64 is written where it just fits");
	ok(fills(base64url_encode, 1, 2) && fills(base64url_encode, 2, 3) &&
		   fills(base64url_encode, 3, 4),
	   "base64url is written where it just fits");
	ok(!base64_decode("QUJD", 4, out, 2, &done) && done == 4 &&
		   base64_decode("QUJD", 4, out, 3, &done),
	   "decoding needs its capacity, no more");
	for (size_t length = 0; length < 100; length++)
	{
		size_t capacity = base64_decoded_capacity(length);

		right = right && capacity >= length * 3 / 4 && capacity <= length * 3 / 4 + 1;
	}
	ok(right && base64_decoded_capacity(SIZE_MAX) < SIZE_MAX, "the capacity told is near the need");
}

static void
test_overflow(void)
{
	const size_t largest = SIZE_MAX / 4 * 3; /* its base64 is just not too long */

	ok(base64_encoded_length(largest) == SIZE_MAX / 4 * 4 &&
		   base64_encoded_length(largest + 1) == SIZE_MAX &&
		   base64_encoded_length(SIZE_MAX) == SIZE_MAX,
	   "a length of base64 that overflows is told");
	ok(base64url_encoded_length(largest - 1) == SIZE_MAX / 4 * 4 - 1 &&
		   base64url_encoded_length(SIZE_MAX) == SIZE_MAX,
	   "a length of base64url that overflows is told");
}

static void
test_refusals(void)
{
	static const struct
	{
		const char *text;
		size_t fault;
		bool url;
	} cases[] = {
		{"QQ=", 3, false},    {"QQ", 2, false},   {"Q===", 1, false},     {"====", 0, false},
		{"QR==", 1, false},   {"QUF=", 2, false}, {"QQ==QQ==", 2, false}, {"QU D", 2, false},
		{"QUJD\n", 4, false}, {"QU-D", 2, false}, {"QUJDQ", 5, false},    {"QQ==", 2, true},
		{"QU+D", 2, true},    {"QR", 1, true},    {"Q", 1, true},         {"QUJDQ", 5, true}};
	uint8_t out[16];
	size_t done;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		size_t length = strlen(cases[i].text);
		bool taken = cases[i].url ? base64url_decode(cases[i].text, length, out, 16, &done)
								  : base64_decode(cases[i].text, length, out, 16, &done);

		ok(!taken && done == cases[i].fault, "%s refuses case %zu at %zu",
		   cases[i].url ? "base64url" : "base64", i, cases[i].fault);
	}
}

/* How many texts of four characters are read, out of all that these bytes can make. */
static unsigned
count_read(Decoder decode, size_t length, const char *tail)
{
	char text[5];
	uint8_t out[3];
	unsigned count = 0;
	size_t done;

	strcpy(text + 4 - strlen(tail), tail);
	text[0] = 'Q';
	for (unsigned bytes = 0; bytes < 1U << 16; bytes++)
	{
		text[1] = (char) (bytes >> 8);
		if (strlen(tail) < 2)
			text[2] = (char) bytes;
		else if ((bytes & 0xff) != 0)
			continue;
		count += decode(text, length, out, sizeof(out), &done);
	}
	return count;
}

/* With Q at the beginning: bytes whose first six bits are 16, so 1 in 64 of all. */
static void
test_one_spelling(void)
{
	ok(count_read(base64_decode, 4, "==") == 256 / 64, "base64: one text for each byte");
	ok(count_read(base64_decode, 4, "=") == 65536 / 64 + 256 / 64,
	   "base64: one text for each two bytes, or one");
	ok(count_read(base64url_decode, 2, "==") == 256 / 64, "base64url: one text for each byte");
	ok(count_read(base64url_decode, 3, "=") == 65536 / 64, "base64url: one text for two bytes");
}

int
main(void)
{
	test_rfc_4648();
	test_round_trips();
	test_capacities();
	test_overflow();
	test_refusals();
	test_one_spelling();
	return tests_done();
}
