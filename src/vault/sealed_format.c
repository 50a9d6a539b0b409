/*
 * sealed_format.c
 *		The bytes of a sealed value: see sealed_format.h.
 */
#include "vault/sealed_format.h"

#include <string.h>

#include "core/bytes.h"

#define PADDING_MARKER 0x80

/* At fixed places, without a BytesReader: every value is read so, row by row. */
bool
sealed_read(const uint8_t *value, size_t length, SealedHeader *header)
{
	size_t rest = length - SEALED_HEADER_BYTES;

	if (length < SEALED_HEADER_BYTES || value[0] != SEALED_VERSION ||
		value[1] != SEALED_AES_256_GCM || value[2] > SEALED_BYTES || value[3] != 0)
		return false;
	header->content = (SealedContent) value[2];
	header->generation = (uint32_t) value[4] << 24 | (uint32_t) value[5] << 16 |
						 (uint32_t) value[6] << 8 | (uint32_t) value[7];
	memcpy(header->purpose, value + 8, SEALED_PURPOSE_BYTES);
	memcpy(header->subject, value + SEALED_VARIED_BYTES, SEALED_SUBJECT_BYTES);
	memcpy(header->nonce, value + SEALED_BOUND_BYTES, CRYPTO_NONCE_BYTES);
	return header->generation != 0 && rest >= SEALED_BUCKET + CRYPTO_TAG_BYTES &&
		   rest % SEALED_BUCKET == 0;
}

void
sealed_write(const SealedHeader *header, uint8_t *out)
{
	BytesWriter writer = {.data = out, .capacity = SEALED_HEADER_BYTES};

	bytes_put_number(&writer, SEALED_VERSION, 1);
	bytes_put_number(&writer, SEALED_AES_256_GCM, 1);
	bytes_put_number(&writer, header->content, 1);
	bytes_put_number(&writer, 0, 1);
	bytes_put_number(&writer, header->generation, 4);
	bytes_put(&writer, header->purpose, SEALED_PURPOSE_BYTES);
	bytes_put(&writer, header->subject, SEALED_SUBJECT_BYTES);
	bytes_put(&writer, header->nonce, CRYPTO_NONCE_BYTES);
}

bool
sealed_is_carrier(const uint8_t *value, size_t length)
{
	return length >= SEALED_CARRIER_BYTES && value[0] == SEALED_VERSION &&
		   value[1] == SEALED_CARRIER && value[2] == 0 && value[3] == 0;
}

void
sealed_write_carrier(uint8_t *out)
{
	memset(out, 0, SEALED_CARRIER_BYTES);
	out[0] = SEALED_VERSION;
	out[1] = SEALED_CARRIER;
}

void
sealed_context(const uint8_t *value, int32_t tenant, uint8_t context[SEALED_CONTEXT_BYTES])
{
	BytesWriter writer = {.data = context, .capacity = SEALED_CONTEXT_BYTES};

	bytes_put(&writer, value, SEALED_BOUND_BYTES);
	bytes_put_number(&writer, (uint32_t) tenant, 4);
}

size_t
sealed_padded_length(size_t length)
{
	return (length / SEALED_BUCKET + 1) * SEALED_BUCKET;
}

void
sealed_pad(uint8_t *padded, size_t length)
{
	memset(padded + length, 0, sealed_padded_length(length) - length);
	padded[length] = PADDING_MARKER;
}

bool
sealed_unpad(const uint8_t *padded, size_t padded_length, size_t *length)
{
	size_t at = padded_length;

	while (at > 0 && padded_length - at < SEALED_BUCKET && padded[at - 1] == 0)
		at--;
	if (at == 0 || padded[at - 1] != PADDING_MARKER)
		return false;
	/* one padding for a text: no bucket more than it needs */
	if (sealed_padded_length(at - 1) != padded_length)
		return false;
	*length = at - 1;
	return true;
}
