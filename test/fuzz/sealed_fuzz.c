/*
 * sealed_fuzz.c
 *		Sealed values: one header for its bytes, one text for a value, one padding for a
 *		plain text, no changed value opens, and no carrier is taken for a sealed value,
 *		in either form.
 */
#include "core/base64.h"
#include "crypto/crypto.h"
#include "fuzz.h"
#include "vault/sealed_format.h"

#define TENANT 7

static const uint8_t key[CRYPTO_KEY_BYTES] = "a key that only this test knows";

/* The form of sealed_format.h, said again, apart from the reader. */
static bool
has_form(const uint8_t *value, size_t size)
{
	return size >= SEALED_HEADER_BYTES + SEALED_BUCKET + CRYPTO_TAG_BYTES &&
		   (size - SEALED_HEADER_BYTES) % SEALED_BUCKET == 0 && value[0] == 1 && value[1] == 1 &&
		   value[2] <= 1 && value[3] == 0 && !is_zero(value + 4, 4);
}

static void
fuzz_header(const uint8_t *value, size_t size)
{
	uint8_t again[SEALED_HEADER_BYTES];
	SealedHeader header;
	bool read = sealed_read(value, size, &header);

	REQUIRE(read == has_form(value, size));
	if (!read)
		return;
	sealed_write(&header, again);
	REQUIRE(memcmp(value, again, sizeof(again)) == 0);
}

/* A carrier is one by its first bytes; sealed_read() refuses every one. */
static void
fuzz_carrier(const uint8_t *value, size_t size)
{
	static const uint8_t begin[SEALED_CARRIER_BYTES] = {1, 0, 0, 0};
	bool carries = size >= sizeof(begin) && memcmp(value, begin, sizeof(begin)) == 0;
	uint8_t *carrier = malloc(SEALED_CARRIER_BYTES + size);
	SealedHeader header;

	REQUIRE(sealed_is_carrier(value, size) == carries);
	REQUIRE(!carries || !sealed_read(value, size, &header));
	REQUIRE(carrier != NULL);
	sealed_write_carrier(carrier);
	memcpy(carrier + SEALED_CARRIER_BYTES, value, size);
	REQUIRE(sealed_is_carrier(carrier, SEALED_CARRIER_BYTES + size));
	REQUIRE(!sealed_read(carrier, SEALED_CARRIER_BYTES + size, &header));
	free(carrier);
}

/* The input as the text form after its prefix: what is read is written the same again. */
static void
fuzz_text(const char *text, size_t size)
{
	size_t capacity = base64_decoded_capacity(size);
	uint8_t *value = malloc(capacity + 1);
	char *again = malloc(size + 1);
	size_t length, written;
	SealedHeader header;

	REQUIRE(value != NULL && again != NULL);
	if (base64url_decode(text, size, value, capacity, &length) &&
		sealed_read(value, length, &header))
	{
		REQUIRE(!sealed_is_carrier(value, length));
		REQUIRE(base64url_encoded_length(length) == size);
		REQUIRE(base64url_encode(value, length, again, size, &written));
		REQUIRE(written == size && memcmp(again, text, size) == 0);
	}
	free(again);
	free(value);
}

/* A padding is taken off exactly when adding it gives the same bytes. */
static void
fuzz_padding(const uint8_t *padded, size_t size)
{
	size_t marker = size;
	size_t length;
	bool canonical;

	while (marker > 0 && padded[marker - 1] == 0)
		marker--;
	canonical =
		marker > 0 && padded[marker - 1] == 0x80 && sealed_padded_length(marker - 1) == size;
	REQUIRE(sealed_unpad(padded, size, &length) == canonical);
	REQUIRE(!canonical || length == marker - 1);
}

/* Opens the value as the vault does; false where a part of it refuses. */
static bool
open_value(const uint8_t *value, size_t size, uint8_t *out, size_t *length)
{
	uint8_t context[SEALED_CONTEXT_BYTES];
	SealedHeader header;
	CryptoBytes cipher;

	if (!sealed_read(value, size, &header))
		return false;
	sealed_context(value, TENANT, context);
	cipher = CRYPTO_BYTES(value + SEALED_HEADER_BYTES, size - SEALED_HEADER_BYTES);
	return crypto_open(key, header.nonce, CRYPTO_BYTES(context, sizeof(context)), cipher, out) &&
		   sealed_unpad(out, cipher.length - CRYPTO_TAG_BYTES, length);
}

static uint8_t *
seal_value(const SealedHeader *header, const uint8_t *plain, size_t length)
{
	size_t padded_length = sealed_padded_length(length);
	uint8_t *value = malloc(SEALED_HEADER_BYTES + padded_length + CRYPTO_TAG_BYTES);
	uint8_t *padded = malloc(padded_length);
	uint8_t context[SEALED_CONTEXT_BYTES];

	REQUIRE(value != NULL && padded != NULL);
	memcpy(padded, plain, length);
	sealed_pad(padded, length);
	sealed_write(header, value);
	sealed_context(value, TENANT, context);
	REQUIRE(crypto_seal(key, header->nonce, CRYPTO_BYTES(context, sizeof(context)),
						CRYPTO_BYTES(padded, padded_length), value + SEALED_HEADER_BYTES));
	free(padded);
	return value;
}

/* Header and text from the input: sealed, opened, and with one bit changed refused. */
static void
fuzz_value(const uint8_t *data, size_t size)
{
	SealedHeader header = {.content = data[0] % 2, .generation = 1U + data[1]};
	const uint8_t *plain = data + 4;
	size_t length = size - 4;
	uint8_t *value, *out;
	size_t total, opened, bit;

	memset(header.nonce, data[0], sizeof(header.nonce));
	memset(header.subject, data[1], sizeof(header.subject));
	value = seal_value(&header, plain, length);
	total = SEALED_HEADER_BYTES + sealed_padded_length(length) + CRYPTO_TAG_BYTES;
	out = malloc(total - SEALED_HEADER_BYTES - CRYPTO_TAG_BYTES);
	REQUIRE(out != NULL && open_value(value, total, out, &opened));
	REQUIRE(opened == length && memcmp(out, plain, length) == 0);

	bit = ((size_t) data[2] << 8 | data[3]) % (total * 8);
	value[bit / 8] ^= (uint8_t) (1 << bit % 8);
	REQUIRE(!open_value(value, total, out, &opened));
	free(out);
	free(value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_header(data, size);
	fuzz_carrier(data, size);
	fuzz_text((const char *) data, size);
	fuzz_padding(data, size);
	if (size >= 4)
		fuzz_value(data, size);
	return 0;
}
