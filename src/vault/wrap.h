/*
 * wrap.h
 *		Keys wrapped under keys.
 *
 * A wrapped key is nonce, ciphertext and tag of AES-256-GCM, bound to its place, so
 * that a row copied to another tenant, person or generation does not open.
 */
#ifndef ATTEST_VAULT_WRAP_H
#define ATTEST_VAULT_WRAP_H

#include "core/core.h"

#include "crypto/crypto.h"
#include "utils/uuid.h"

#define WRAPPED_BYTES (CRYPTO_NONCE_BYTES + CRYPTO_KEY_BYTES + CRYPTO_TAG_BYTES)

/* Where a key belongs; subject is NULL for the key of a tenant. */
typedef struct KeyPlace
{
	int32 tenant;
	const pg_uuid_t *subject;
	uint32 generation;
} KeyPlace;

/* Raises where OpenSSL refuses. */
extern bytea *wrap_key(const uint8 *key, const uint8 *wrapping, const KeyPlace *place);

/* False, and key wiped, unless it was wrapped so for this place. */
extern bool unwrap_key(bytea *wrapped, const uint8 *wrapping, const KeyPlace *place, uint8 *key);

/*
 * Makes a key for the place; raises where there are no random bytes.  Two machines cloned
 * with their random state still make different keys for different places, which is why a
 * nonce under a key need not name the place again.
 */
extern void wrap_new_key(const KeyPlace *place, uint8 *key);

#endif /* ATTEST_VAULT_WRAP_H */
