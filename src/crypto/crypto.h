/*
 * crypto.h
 *		The only door to OpenSSL: bytes in, bytes out, no server, no SQL.
 *
 * Every function returns false when OpenSSL refuses, with its error queue
 * cleared, and leaves nothing allocated behind.  None may be called in the
 * postmaster: contexts and random state belong to one process.
 */
#ifndef ATTEST_CRYPTO_CRYPTO_H
#define ATTEST_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_KEY_BYTES    32 /* AES-256 and HMAC-SHA-256 keys */
#define CRYPTO_DIGEST_BYTES 32 /* SHA-256 */
#define CRYPTO_NONCE_BYTES  12 /* 96 bits, SP 800-38D 8.2 */
#define CRYPTO_TAG_BYTES    16 /* full GCM tag */

/* A range of bytes that somebody else owns. */
typedef struct CryptoBytes
{
	const uint8_t *data;
	size_t length;
} CryptoBytes;

#define CRYPTO_BYTES(pointer, size) ((CryptoBytes){(const uint8_t *) (pointer), (size)})

/* SHA-256 (FIPS 180-4) of the bytes. */
extern bool crypto_sha256(CryptoBytes input, uint8_t digest[CRYPTO_DIGEST_BYTES]);

/* HMAC-SHA-256 (RFC 2104, FIPS 198-1). */
extern bool crypto_hmac(const uint8_t key[CRYPTO_KEY_BYTES], CryptoBytes input,
						uint8_t mac[CRYPTO_DIGEST_BYTES]);

/*
 * HKDF-SHA-256 (RFC 5869): length bytes for the purpose that info names, from a
 * secret and a salt that may be empty.  More than 255 digests are refused.
 */
extern bool crypto_hkdf(CryptoBytes secret, CryptoBytes salt, CryptoBytes info, uint8_t *out,
						size_t length);

/* The same without salt: a key for the purpose label, from a uniformly random key. */
extern bool crypto_derive(const uint8_t key[CRYPTO_KEY_BYTES], const char *label,
						  uint8_t out[CRYPTO_KEY_BYTES]);

/*
 * AES-256-GCM (SP 800-38D).  seal writes plain.length bytes of ciphertext and
 * then the tag to out; open takes that form, refuses an input shorter than the
 * tag, and writes input.length - CRYPTO_TAG_BYTES bytes.  On failure the output is wiped.
 */
extern bool crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES],
						const uint8_t nonce[CRYPTO_NONCE_BYTES], CryptoBytes context,
						CryptoBytes plain, uint8_t *out);
extern bool crypto_open(const uint8_t key[CRYPTO_KEY_BYTES],
						const uint8_t nonce[CRYPTO_NONCE_BYTES], CryptoBytes context,
						CryptoBytes input, uint8_t *out);

/* Forgets the keys that the last calls of crypto_seal() and crypto_open() left set up. */
extern void crypto_forget_keys(void);

/*
 * A fresh nonce, hedged: a pseudorandom function, under a key of this process, of new
 * random bytes, the context and the plain text.  A machine cloned with its random state
 * still does not repeat a nonce over two different plain texts or contexts.  A context has at
 * most 255 bytes.
 */
extern bool crypto_hedged_nonce(CryptoBytes context, CryptoBytes plain,
								uint8_t nonce[CRYPTO_NONCE_BYTES]);

extern bool crypto_random(uint8_t *out, size_t length);

/* Compares in a time that depends on the length only. */
extern bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t length);

/* Overwrites, in a way that the compiler does not remove. */
extern void crypto_wipe(void *data, size_t length);

/*
 * Memory for keys that live long: zeroed, within OpenSSL's secure heap, which is
 * locked into RAM and left out of core dumps where the system allows it.  NULL when
 * there is none left.  The heap is made at the first call, in the process that asks.
 */
extern void *crypto_secure_alloc(size_t size);

/* Whether that memory is locked: false where the limit on locked memory is too low. */
extern bool crypto_secure_is_locked(void);

/* The OpenSSL that is running, such as "OpenSSL 3.0.22 ..." */
extern const char *crypto_library_version(void);

#endif /* ATTEST_CRYPTO_CRYPTO_H */
