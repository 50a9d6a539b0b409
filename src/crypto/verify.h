/*
 * verify.h
 *		Signatures of JSON Web Signatures (RFC 7515, RFC 7518, RFC 8037), and the
 *		hashing of secrets.  Pure: no server.
 */
#ifndef ATTEST_CRYPTO_VERIFY_H
#define ATTEST_CRYPTO_VERIFY_H

#include "crypto/crypto.h"

typedef enum JwsAlgorithm
{
	JWS_HS256, /* HMAC-SHA-256 */
	JWS_RS256, /* RSASSA-PKCS1-v1_5 with SHA-256 */
	JWS_ES256, /* ECDSA on P-256 with SHA-256 */
	JWS_EDDSA  /* Ed25519 */
} JwsAlgorithm;

/*
 * A key, as the members of its JWK (RFC 7517, RFC 7518 6, RFC 8037 2), decoded:
 *
 *		algorithm	first	second
 *		HS256		k		-		32 bytes or more (RFC 7518 3.2)
 *		RS256		n		e		n of 2048 bits or more (RFC 7518 3.3), to 8192
 *		ES256		x		y		32 bytes each
 *		EdDSA		x		-		32 bytes
 */
typedef struct JwsKey
{
	JwsAlgorithm algorithm;
	CryptoBytes first;
	CryptoBytes second;
} JwsKey;

/* Whether the members have the lengths above, and make a key that OpenSSL takes. */
extern bool verify_key_is_usable(const JwsKey *key);

/*
 * Whether the signature over the input is right.  ES256 takes the 64 bytes of r
 * and s (RFC 7518 3.4), never DER.  False too for a key that is not usable.
 */
extern bool verify_jws(const JwsKey *key, CryptoBytes input, CryptoBytes signature);

#define SECRET_SALT_BYTES 16
#define SECRET_HASH_BYTES 32

/*
 * scrypt (RFC 7914) with N = 2^cost, r = 8, p = 1: about 100 ms and 32 MiB at
 * cost 15.  False when the cost is out of 10 to 20, or memory is missing.
 */
extern bool secret_hash(CryptoBytes secret, const uint8_t salt[SECRET_SALT_BYTES], int cost,
						uint8_t hash[SECRET_HASH_BYTES]);

#endif /* ATTEST_CRYPTO_VERIFY_H */
