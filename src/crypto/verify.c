/*
 * verify.c
 *		Signatures of JSON Web Signatures, and the hashing of secrets: see verify.h.
 *
 * Keys are made for one call and freed before it returns: they belong to tenants
 * and come from tables.
 */
#include "crypto/verify.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define HS256_MIN_BYTES         32
#define RSA_MIN_BYTES           256
#define RSA_MAX_BYTES           1024
#define EXPONENT_MAX_BYTES      8
#define P256_BYTES              32
#define P256_SIGNATURE_BYTES    64 /* r and s */
#define ED25519_KEY_BYTES       32
#define ED25519_SIGNATURE_BYTES 64
#define SCRYPT_BLOCK            8
#define SCRYPT_MEMORY_LIMIT     ((uint64_t) 2 << 30)

static bool
done(bool right)
{
	ERR_clear_error();
	return right;
}

/* Leading zeros of a number are no part of its length. */
static CryptoBytes
without_zeros(CryptoBytes number)
{
	while (number.length > 0 && number.data[0] == 0)
	{
		number.data++;
		number.length--;
	}
	return number;
}

static bool
has_right_lengths(const JwsKey *key)
{
	switch (key->algorithm)
	{
		case JWS_HS256:
			return key->first.length >= HS256_MIN_BYTES;
		case JWS_RS256:
		{
			CryptoBytes n = without_zeros(key->first);
			CryptoBytes e = without_zeros(key->second);

			return n.length >= RSA_MIN_BYTES && n.length <= RSA_MAX_BYTES && n.data[0] >= 0x80 &&
				   e.length >= 1 && e.length <= EXPONENT_MAX_BYTES;
		}
		case JWS_ES256:
			return key->first.length == P256_BYTES && key->second.length == P256_BYTES;
		case JWS_EDDSA:
			return key->first.length == ED25519_KEY_BYTES;
	}
	return false;
}

static EVP_PKEY *
key_from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (context != NULL && params != NULL && EVP_PKEY_fromdata_init(context) == 1)
		(void) EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *
rsa_key(const JwsKey *key)
{
	BIGNUM *n = BN_bin2bn(key->first.data, (int) key->first.length, NULL);
	BIGNUM *e = BN_bin2bn(key->second.data, (int) key->second.length, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *result = NULL;

	/* e = 1 would make every message its own signature. */
	if (n != NULL && e != NULL && builder != NULL && BN_is_odd(e) && !BN_is_one(e) &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL)
		result = key_from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return result;
}

/* A point that is not on the curve is refused by fromdata. */
static EVP_PKEY *
p256_key(const JwsKey *key)
{
	uint8_t point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) "prime256v1", 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end()};

	memcpy(point + 1, key->first.data, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, key->second.data, P256_BYTES);
	return key_from_params("EC", params);
}

static EVP_PKEY *
public_key(const JwsKey *key)
{
	switch (key->algorithm)
	{
		case JWS_RS256:
			return rsa_key(key);
		case JWS_ES256:
			return p256_key(key);
		case JWS_EDDSA:
			return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->first.data,
											   key->first.length);
		default:
			return NULL;
	}
}

bool
verify_key_is_usable(const JwsKey *key)
{
	EVP_PKEY *made;
	bool usable;

	if (!has_right_lengths(key) || key->algorithm == JWS_HS256)
		return has_right_lengths(key);
	made = public_key(key);
	usable = made != NULL;
	EVP_PKEY_free(made);
	return done(usable);
}

static bool
verify_hs256(const JwsKey *key, CryptoBytes input, CryptoBytes signature)
{
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	size_t length = 0;

	if (signature.length != CRYPTO_DIGEST_BYTES)
		return false;
	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key->first.data, key->first.length,
				  input.data, input.length, mac, sizeof(mac), &length) == NULL)
		return done(false);
	return length == sizeof(mac) && crypto_equal(mac, signature.data, sizeof(mac));
}

static bool
verify_with(EVP_PKEY *key, const char *digest, CryptoBytes input, CryptoBytes signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool right =
		context != NULL &&
		EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestVerify(context, signature.data, signature.length, input.data, input.length) == 1;

	EVP_MD_CTX_free(context);
	return done(right);
}

/* OpenSSL wants r and s in DER. */
static bool
verify_p256(EVP_PKEY *key, CryptoBytes input, CryptoBytes signature)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature.data, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(signature.data + P256_BYTES, P256_BYTES, NULL);
	uint8_t *der = NULL;
	int length = 0;
	bool right = false;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1)
	{
		r = s = NULL; /* the pair's now */
		length = i2d_ECDSA_SIG(pair, &der);
	}
	if (length > 0)
		right = verify_with(key, "SHA256", input, CRYPTO_BYTES(der, length));
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	BN_free(r);
	BN_free(s);
	return done(right);
}

static bool
verify_public(const JwsKey *key, EVP_PKEY *made, CryptoBytes input, CryptoBytes signature)
{
	switch (key->algorithm)
	{
		case JWS_RS256:
			return signature.length == (size_t) EVP_PKEY_get_size(made) &&
				   verify_with(made, "SHA256", input, signature);
		case JWS_ES256:
			return signature.length == P256_SIGNATURE_BYTES && verify_p256(made, input, signature);
		case JWS_EDDSA:
			return signature.length == ED25519_SIGNATURE_BYTES &&
				   verify_with(made, NULL, input, signature);
		default:
			return false;
	}
}

bool
verify_jws(const JwsKey *key, CryptoBytes input, CryptoBytes signature)
{
	EVP_PKEY *made;
	bool right;

	if (!has_right_lengths(key))
		return false;
	if (key->algorithm == JWS_HS256)
		return verify_hs256(key, input, signature);
	made = public_key(key);
	right = made != NULL && verify_public(key, made, input, signature);
	EVP_PKEY_free(made);
	return done(right);
}

bool
secret_hash(CryptoBytes secret, const uint8_t salt[SECRET_SALT_BYTES], int cost,
			uint8_t hash[SECRET_HASH_BYTES])
{
	if (cost < 10 || cost > 20)
		return false;
	return done(EVP_PBE_scrypt((const char *) secret.data, secret.length, salt, SECRET_SALT_BYTES,
							   (uint64_t) 1 << cost, SCRYPT_BLOCK, 1, SCRYPT_MEMORY_LIMIT, hash,
							   SECRET_HASH_BYTES) == 1);
}
