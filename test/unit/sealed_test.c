/*
 * sealed_test.c
 *		The bytes of sealed values (src/vault/sealed_format), without a server:
 *		prints TAP.  Paddings follow ISO/IEC 9797-1, method 2, in buckets of 16.
 */
#include "tap.h"
#include "vault/sealed_format.h"

#define LONGEST  64
#define SMALLEST (SEALED_HEADER_BYTES + SEALED_BUCKET + CRYPTO_TAG_BYTES)

/* The form of sealed_format.h, byte by byte, and room for the smallest text. */
static const uint8_t value[SMALLEST] = "\1\1\1\0\1\2\3\4purposesa subject's uuidtwelve bytes";

/* Reads from memory of exactly this length. */
static bool
read_exact(const uint8_t *bytes, size_t length, SealedHeader *found)
{
	uint8_t *exact = malloc(length + 1);
	bool read;

	if (exact == NULL)
		abort();
	memcpy(exact + 1, bytes, length);
	read = sealed_read(exact + 1, length, found);
	free(exact);
	return read;
}

static void
test_header(void)
{
	uint8_t again[SEALED_HEADER_BYTES + 1];
	SealedHeader found;

	again[SEALED_HEADER_BYTES] = 0xaa;
	ok(read_exact(value, sizeof(value), &found) && found.content == SEALED_BYTES &&
		   found.generation == 0x01020304 && memcmp(found.purpose, "purposes", 8) == 0 &&
		   memcmp(found.subject, "a subject's uuid", 16) == 0 &&
		   memcmp(found.nonce, "twelve bytes", 12) == 0,
	   "a header is read");
	sealed_write(&found, again);
	ok(memcmp(again, value, SEALED_HEADER_BYTES) == 0 && again[SEALED_HEADER_BYTES] == 0xaa,
	   "and written again, not a byte more");
}

/* Every value of every byte before the purpose: most are refused. */
static void
test_header_bytes(void)
{
	/* the largest value of the byte that is read, and the smallest */
	static const struct
	{
		const char *what;
		size_t at;
		int first, last;
	} cases[] = {
		{"version", 0, 1, 1},       {"algorithm", 1, 1, 1},    {"content", 2, 0, 1},
		{"reserved byte", 3, 0, 0}, {"generation", 7, 0, 255},
	};
	uint8_t changed[sizeof(value)];
	SealedHeader found;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		bool right = true;

		memcpy(changed, value, sizeof(value));
		for (int byte = 0; byte < 256; byte++)
		{
			changed[cases[i].at] = (uint8_t) byte;
			right = right && read_exact(changed, sizeof(changed), &found) ==
								 (byte >= cases[i].first && byte <= cases[i].last);
		}
		ok(right, "%s: only %d to %d", cases[i].what, cases[i].first, cases[i].last);
	}
	memcpy(changed, value, sizeof(value));
	memset(changed + 4, 0, 4);
	ok(!read_exact(changed, sizeof(changed), &found), "generation 0 is refused");
}

static void
test_lengths(void)
{
	uint8_t longer[SMALLEST + 100] = {0};
	bool right = true;
	SealedHeader found;

	memcpy(longer, value, sizeof(value));
	for (size_t length = 0; length <= sizeof(longer); length++)
	{
		bool fits = length >= SMALLEST && (length - SEALED_HEADER_BYTES) % SEALED_BUCKET == 0;

		right = right && read_exact(longer, length, &found) == fits;
	}
	ok(right, "0 to %zu bytes: only a header, whole buckets and a tag are read", sizeof(longer));
}

static void
test_context(void)
{
	uint8_t context[SEALED_CONTEXT_BYTES + 1];

	context[SEALED_CONTEXT_BYTES] = 0xaa;
	sealed_context(value, -2, context);
	ok(memcmp(context, value, SEALED_BOUND_BYTES) == 0 &&
		   memcmp(context + SEALED_BOUND_BYTES, "\xff\xff\xff\xfe\xaa", 5) == 0,
	   "bound are the header up to the subject, and the tenant");
}

static void
test_padding(void)
{
	for (size_t length = 0; length <= LONGEST; length++)
	{
		size_t padded_length = sealed_padded_length(length);
		uint8_t *padded = malloc(padded_length);
		size_t found = SIZE_MAX;
		bool right;

		if (padded == NULL)
			abort();
		memset(padded, 0xaa, padded_length);
		sealed_pad(padded, length);
		right = padded_length == length / 16 * 16 + 16 && padded[length] == 0x80 &&
				is_wiped(padded + length + 1, padded_length - length - 1) &&
				(length == 0 || padded[length - 1] == 0xaa);
		right = right && sealed_unpad(padded, padded_length, &found) && found == length;
		/* texts that end like a padding keep their end */
		memset(padded, 0x80, length);
		right = right && sealed_unpad(padded, padded_length, &found) && found == length;
		memset(padded, 0, length);
		right = right && sealed_unpad(padded, padded_length, &found) && found == length;
		free(padded);
		ok(right, "%zu bytes are padded to %zu, and back", length, padded_length);
	}
}

static void
test_junk(void)
{
	static const struct
	{
		const char *what;
		const char *padded;
		size_t length;
	} cases[] = {
		{"nothing", "", 0},
		{"zeros only", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
		{"no marker", "sixteen letters!", 16},
		{"another marker", "fifteen letters\1", 16},
		{"a bit after the marker", "\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16},
		{"a bucket more than needed", "fifteen letters\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32},
		{"the marker a bucket ago", "fourteen let..\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32},
		{"half a bucket", "seven..\x80", 8},
		{"a bucket and a half", "twenty-three letters...\x80", 24},
	};
	size_t length;

	for (size_t i = 0; i < LENGTH(cases); i++)
		ok(!sealed_unpad((const uint8_t *) cases[i].padded, cases[i].length, &length),
		   "padding refused: %s", cases[i].what);
}

/* Random buckets of few different bytes: a padding comes off exactly when it was put on so. */
static void
test_random_padding(void)
{
	static const uint8_t letters[] = {0, 0, 0, 0x80, 1};
	uint8_t bytes[3 * SEALED_BUCKET], again[sizeof(bytes)];
	bool right = true;
	size_t taken = 0;

	for (int round = 0; round < 100000; round++)
	{
		size_t total = SEALED_BUCKET * (1 + next_random() % 3);
		size_t length;

		for (size_t i = 0; i < total; i++)
			bytes[i] = letters[next_random() % LENGTH(letters)];
		if (!sealed_unpad(bytes, total, &length))
			continue;
		taken++;
		memcpy(again, bytes, total);
		sealed_pad(again, length);
		right = right && sealed_padded_length(length) == total && memcmp(again, bytes, total) == 0;
	}
	ok(right && taken > 0, "%zu random paddings: each is the one that padding gives", taken);
}

/* A carrier is told by its first four bytes, and is never read as a sealed value. */
static void
test_carrier(void)
{
	uint8_t carrier[SMALLEST];
	SealedHeader found;
	bool others = false;

	memcpy(carrier, value, sizeof(carrier));
	sealed_write_carrier(carrier);
	ok(sealed_is_carrier(carrier, sizeof(carrier)) &&
		   sealed_is_carrier(carrier, SEALED_CARRIER_BYTES),
	   "a carrier is one, with a text or an empty one");
	ok(!sealed_is_carrier(carrier, SEALED_CARRIER_BYTES - 1) && !sealed_is_carrier(carrier, 0),
	   "less than its first bytes is none");
	ok(!read_exact(carrier, sizeof(carrier), &found), "a carrier is not read");
	ok(!sealed_is_carrier(value, sizeof(value)), "a sealed value is no carrier");
	for (size_t at = 0; at < SEALED_CARRIER_BYTES; at++)
	{
		carrier[at] ^= 0x80;
		others = others || sealed_is_carrier(carrier, sizeof(carrier));
		carrier[at] ^= 0x80;
	}
	ok(!others, "with another first byte it is none");
}

int
main(void)
{
	test_carrier();
	test_header();
	test_header_bytes();
	test_lengths();
	test_context();
	test_padding();
	test_junk();
	test_random_padding();
	return tests_done();
}
