/*
 * wrap.c
 *		Keys wrapped under keys: see wrap.h.
 */
#include "vault/wrap.h"

#include "core/bytes.h"

static size_t
place_bytes(const KeyPlace *place, uint8 *out, size_t capacity)
{
	const char *kind = place->subject == NULL ? "attest tenant key" : "attest subject key";
	BytesWriter writer = {.data = out, .capacity = capacity};

	bytes_put(&writer, kind, strlen(kind) + 1);
	bytes_put_number(&writer, (uint32) place->tenant, 4);
	bytes_put_number(&writer, place->generation, 4);
	if (place->subject != NULL)
		bytes_put(&writer, place->subject->data, UUID_LEN);
	Assert(!writer.failed);
	return writer.length;
}

bytea *
wrap_key(const uint8 *key, const uint8 *wrapping, const KeyPlace *place)
{
	bytea *result = palloc(VARHDRSZ + WRAPPED_BYTES);
	uint8 *nonce = (uint8 *) VARDATA(result);
	uint8 context[64];
	CryptoBytes where = CRYPTO_BYTES(context, place_bytes(place, context, sizeof(context)));
	CryptoBytes plain = CRYPTO_BYTES(key, CRYPTO_KEY_BYTES);

	SET_VARSIZE(result, VARHDRSZ + WRAPPED_BYTES);
	if (!crypto_hedged_nonce(where, plain, nonce) ||
		!crypto_seal(wrapping, nonce, where, plain, nonce + CRYPTO_NONCE_BYTES))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not wrap a key")));
	return result;
}

bool
unwrap_key(bytea *wrapped, const uint8 *wrapping, const KeyPlace *place, uint8 *key)
{
	const uint8 *data = (const uint8 *) VARDATA_ANY(wrapped);
	uint8 context[64];
	CryptoBytes where = CRYPTO_BYTES(context, place_bytes(place, context, sizeof(context)));

	return VARSIZE_ANY_EXHDR(wrapped) == WRAPPED_BYTES &&
		   crypto_open(wrapping, data, where,
					   CRYPTO_BYTES(data + CRYPTO_NONCE_BYTES, CRYPTO_KEY_BYTES + CRYPTO_TAG_BYTES),
					   key);
}

void
wrap_new_key(const KeyPlace *place, uint8 *key)
{
	uint8 random[CRYPTO_KEY_BYTES];
	uint8 context[64];
	CryptoBytes where = CRYPTO_BYTES(context, place_bytes(place, context, sizeof(context)));
	bool made = crypto_random(random, sizeof(random)) && crypto_hmac(random, where, key);

	crypto_wipe(random, sizeof(random));
	if (!made)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make a key")));
}
