/*
 * crypto.c
 *		The only file that includes OpenSSL's headers: see crypto.h.
 *
 * Algorithms are fetched and contexts are made once a process: a fetch and a
 * context cost more than sealing a short value.
 */
#include "crypto/crypto.h"

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

/* OpenSSL counts in int; no value of attest comes near. */
#define INPUT_LIMIT ((size_t) INT_MAX / 2)

static EVP_CIPHER *gcm = NULL;
static EVP_CIPHER_CTX *gcm_context = NULL;
static EVP_MAC *hmac = NULL;
static EVP_MAC_CTX *hmac_context = NULL;

static bool
refuse(void)
{
	ERR_clear_error();
	return false;
}

static bool
prepare_gcm(void)
{
	if (gcm == NULL)
		gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (gcm != NULL && gcm_context == NULL)
		gcm_context = EVP_CIPHER_CTX_new();
	return gcm_context != NULL;
}

static bool
prepare_hmac(void)
{
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (hmac != NULL && hmac_context == NULL)
		hmac_context = EVP_MAC_CTX_new(hmac);
	return hmac_context != NULL;
}

bool
crypto_sha256(CryptoBytes input, uint8_t digest[CRYPTO_DIGEST_BYTES])
{
	if (EVP_Q_digest(NULL, "SHA256", NULL, input.data, input.length, digest, NULL) != 1)
		return refuse();
	return true;
}

/* HMAC of up to three ranges, one after the other. */
static bool
hmac_ranges(const uint8_t *key, const CryptoBytes *ranges, int count, uint8_t *mac)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *) "SHA256", 0),
		OSSL_PARAM_construct_end()};
	size_t length = 0;

	if (!prepare_hmac() || EVP_MAC_init(hmac_context, key, CRYPTO_KEY_BYTES, params) != 1)
		return refuse();
	for (int i = 0; i < count; i++)
	{
		if (ranges[i].length > 0 &&
			EVP_MAC_update(hmac_context, ranges[i].data, ranges[i].length) != 1)
			return refuse();
	}
	if (EVP_MAC_final(hmac_context, mac, &length, CRYPTO_DIGEST_BYTES) != 1)
		return refuse();
	return length == CRYPTO_DIGEST_BYTES;
}

bool
crypto_hmac(const uint8_t key[CRYPTO_KEY_BYTES], CryptoBytes input,
			uint8_t mac[CRYPTO_DIGEST_BYTES])
{
	return hmac_ranges(key, &input, 1, mac);
}

/* OpenSSL takes no NULL, even for nothing. */
static OSSL_PARAM
octets(const char *name, CryptoBytes bytes)
{
	return OSSL_PARAM_construct_octet_string(
		name, bytes.length > 0 ? (void *) bytes.data : (void *) "", bytes.length);
}

bool
crypto_hkdf(CryptoBytes secret, CryptoBytes salt, CryptoBytes info, uint8_t *out, size_t length)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *) "SHA256", 0),
		octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
		octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	bool done = context != NULL && EVP_KDF_derive(context, out, length, params) == 1;

	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return done ? true : refuse();
}

bool
crypto_derive(const uint8_t key[CRYPTO_KEY_BYTES], const char *label, uint8_t out[CRYPTO_KEY_BYTES])
{
	return crypto_hkdf(CRYPTO_BYTES(key, CRYPTO_KEY_BYTES), CRYPTO_BYTES("", 0),
					   CRYPTO_BYTES(label, strlen(label)), out, CRYPTO_KEY_BYTES);
}

static bool
gcm_start(const uint8_t *key, const uint8_t *nonce, CryptoBytes context, int encrypt)
{
	int length = 0;

	if (!prepare_gcm() || context.length > INPUT_LIMIT)
		return false;
	if (EVP_CipherInit_ex2(gcm_context, gcm, key, nonce, encrypt, NULL) != 1)
		return false;
	return context.length == 0 ||
		   EVP_CipherUpdate(gcm_context, NULL, &length, context.data, (int) context.length) == 1;
}

static bool
gcm_seal(const uint8_t *key, const uint8_t *nonce, CryptoBytes context, CryptoBytes plain,
		 uint8_t *out)
{
	int length = 0;
	int rest = 0;

	if (plain.length > INPUT_LIMIT || !gcm_start(key, nonce, context, 1))
		return false;
	if (plain.length > 0 &&
		EVP_CipherUpdate(gcm_context, out, &length, plain.data, (int) plain.length) != 1)
		return false;
	if (EVP_CipherFinal_ex(gcm_context, out + length, &rest) != 1)
		return false;
	return EVP_CIPHER_CTX_ctrl(gcm_context, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_BYTES,
							   out + plain.length) == 1;
}

static bool
gcm_open(const uint8_t *key, const uint8_t *nonce, CryptoBytes context, CryptoBytes input,
		 uint8_t *out)
{
	size_t cipher_length = input.length - CRYPTO_TAG_BYTES;
	int length = 0;
	int rest = 0;

	if (input.length > INPUT_LIMIT || !gcm_start(key, nonce, context, 0))
		return false;
	if (cipher_length > 0 &&
		EVP_CipherUpdate(gcm_context, out, &length, input.data, (int) cipher_length) != 1)
		return false;
	if (EVP_CIPHER_CTX_ctrl(gcm_context, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG_BYTES,
							(void *) (input.data + cipher_length)) != 1)
		return false;
	return EVP_CipherFinal_ex(gcm_context, out + length, &rest) == 1;
}

bool
crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
			CryptoBytes context, CryptoBytes plain, uint8_t *out)
{
	if (gcm_seal(key, nonce, context, plain, out))
		return true;
	OPENSSL_cleanse(out, plain.length + CRYPTO_TAG_BYTES);
	return refuse();
}

bool
crypto_open(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
			CryptoBytes context, CryptoBytes input, uint8_t *out)
{
	if (input.length < CRYPTO_TAG_BYTES)
		return false;
	if (gcm_open(key, nonce, context, input, out))
		return true;
	OPENSSL_cleanse(out, input.length - CRYPTO_TAG_BYTES);
	return refuse();
}

bool
crypto_hedged_nonce(const uint8_t key[CRYPTO_KEY_BYTES], CryptoBytes context, CryptoBytes plain,
					uint8_t nonce[CRYPTO_NONCE_BYTES])
{
	struct
	{
		uint8_t random[16];
		uint64_t context_length; /* where the context ends and the plain text begins */
	} fresh = {.context_length = context.length};
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	CryptoBytes ranges[] = {CRYPTO_BYTES(&fresh, sizeof(fresh)), context, plain};

	if (!crypto_random(fresh.random, sizeof(fresh.random)) || !hmac_ranges(key, ranges, 3, mac))
		return false;
	memcpy(nonce, mac, CRYPTO_NONCE_BYTES);
	return true;
}

bool
crypto_random(uint8_t *out, size_t length)
{
	if (length > INPUT_LIMIT || RAND_bytes(out, (int) length) != 1)
		return refuse();
	return true;
}

bool
crypto_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void
crypto_wipe(void *data, size_t length)
{
	OPENSSL_cleanse(data, length);
}

const char *
crypto_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
