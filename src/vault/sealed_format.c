/*
 * sealed_format.c
 *		The bytes of a sealed value: see sealed_format.h.
 */
#include "vault/sealed_format.h"

#include <string.h>

#include "core/bytes.h"

#define PADDING_MARKER 0x80

bool
sealed_read(const uint8_t *value, size_t length, SealedHeader *header)
{
	BytesReader reader = {.data = value, .length = length};
	uint64_t version = bytes_take_number(&reader, 1);
	uint64_t algorithm = bytes_take_number(&reader, 1);
	uint64_t content = bytes_take_number(&reader, 1);
	uint64_t zero = bytes_take_number(&reader, 1);
	size_t rest;

	header->generation = (uint32_t) bytes_take_number(&reader, 4);
	bytes_copy(&reader, header->purpose, SEALED_PURPOSE_BYTES);
	bytes_copy(&reader, header->subject, SEALED_SUBJECT_BYTES);
	bytes_copy(&reader, header->nonce, CRYPTO_NONCE_BYTES);
	if (reader.failed || version != SEALED_VERSION || algorithm != SEALED_AES_256_GCM)
		return false;
	if (content > SEALED_BYTES || zero != 0 || header->generation == 0)
		return false;
	header->content = (SealedContent) content;
	rest = length - SEALED_HEADER_BYTES;
	return rest >= SEALED_BUCKET + CRYPTO_TAG_BYTES && rest % SEALED_BUCKET == 0;
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
