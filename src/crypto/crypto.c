/*
 * crypto.c
 *		The only file that includes OpenSSL's headers: see crypto.h.
 *
 * Algorithms are fetched and contexts are made once a process, and a context keeps
 * the key that it was last used with: a fetch, a context or a key schedule costs more
 * than sealing a short value.
 */
#include "crypto/crypto.h"

#include <limits.h>
#include <pthread.h>
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

/* AES-256-GCM in one direction, set up with a key. */
typedef struct Gcm
{
	EVP_CIPHER_CTX *context;
	bool keyed;
	uint8_t key[CRYPTO_KEY_BYTES];
} Gcm;

#define BLOCK_BYTES  16 /* AES */
#define POOL_BYTES   4096
#define FEED_BYTES   512
#define FEED_RANDOM  8
#define PADDING_MARK 0x80 /* ISO/IEC 9797-1, padding method 2 */

static EVP_CIPHER *gcm = NULL;
static Gcm sealing;
/* Two, since a scan opens a key and then a value, in turns; and the one last used. */
static Gcm opening[2];
static int opened_last = 0;
static EVP_MAC *hmac = NULL;
static EVP_MAC_CTX *hmac_context = NULL;

/* AES-128-CBC under a random key of this process, for nonces (a nonce is no secret). */
static EVP_CIPHER_CTX *chain_context = NULL;

/* Random bytes, fetched many at a time; those that were used are wiped. */
static uint8_t pool[POOL_BYTES];
static size_t pool_left = 0;

static bool
refuse(void)
{
	ERR_clear_error();
	return false;
}

/* The digest is set once: naming it at each use would fetch it each time. */
static bool
prepare_hmac(void)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *) "SHA256", 0),
		OSSL_PARAM_construct_end()};

	if (hmac_context != NULL)
		return true;
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (hmac != NULL)
		hmac_context = EVP_MAC_CTX_new(hmac);
	if (hmac_context != NULL && EVP_MAC_CTX_set_params(hmac_context, params) != 1)
	{
		EVP_MAC_CTX_free(hmac_context);
		hmac_context = NULL;
	}
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
	size_t length = 0;

	if (!prepare_hmac() || EVP_MAC_init(hmac_context, key, CRYPTO_KEY_BYTES, NULL) != 1)
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

/* A context that failed, or whose key is to be forgotten, starts anew. */
static void
gcm_forget(Gcm *side)
{
	OPENSSL_cleanse(side->key, sizeof(side->key));
	EVP_CIPHER_CTX_reset(side->context);
	side->keyed = false;
}

/* Sets key and nonce; naming the cipher again would make its state again. */
static bool
gcm_set(Gcm *side, const uint8_t *key, const uint8_t *nonce)
{
	/* Both are keys of attest: no time to be read from here. */
	bool same = side->keyed && memcmp(side->key, key, CRYPTO_KEY_BYTES) == 0;

	if (same)
		return EVP_CipherInit_ex2(side->context, NULL, NULL, nonce, -1, NULL) == 1;
	if (gcm == NULL)
		gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (gcm != NULL && side->context == NULL)
		side->context = EVP_CIPHER_CTX_new();
	if (side->context == NULL || EVP_CipherInit_ex2(side->context, side->keyed ? NULL : gcm, key,
													nonce, side == &sealing, NULL) != 1)
		return false;
	memcpy(side->key, key, CRYPTO_KEY_BYTES);
	side->keyed = true;
	return true;
}

static bool
gcm_start(Gcm *side, const uint8_t *key, const uint8_t *nonce, CryptoBytes context)
{
	return context.length <= INPUT_LIMIT && gcm_set(side, key, nonce) &&
		   (context.length == 0 ||
			EVP_Cipher(side->context, NULL, context.data, (unsigned int) context.length) >= 0);
}

/* EVP_Cipher() is EVP_CipherUpdate() and, without input, EVP_CipherFinal_ex(). */
static bool
gcm_run(Gcm *side, CryptoBytes input, uint8_t *out)
{
	return input.length == 0 ||
		   EVP_Cipher(side->context, out, input.data, (unsigned int) input.length) >= 0;
}

static bool
gcm_seal(const uint8_t *key, const uint8_t *nonce, CryptoBytes context, CryptoBytes plain,
		 uint8_t *out)
{
	OSSL_PARAM tag[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, out + plain.length, CRYPTO_TAG_BYTES),
		OSSL_PARAM_END};

	return plain.length <= INPUT_LIMIT && gcm_start(&sealing, key, nonce, context) &&
		   gcm_run(&sealing, plain, out) && EVP_Cipher(sealing.context, NULL, NULL, 0) >= 0 &&
		   EVP_CIPHER_CTX_get_params(sealing.context, tag) == 1;
}

/* The one with the key, or the one whose key was used longer ago. */
static Gcm *
choose_opening(const uint8_t *key)
{
	/* Both are keys of attest: no time to be read from here. */
	if (!opening[opened_last].keyed || memcmp(opening[opened_last].key, key, CRYPTO_KEY_BYTES) != 0)
		opened_last = 1 - opened_last;
	return &opening[opened_last];
}

static bool
gcm_open(Gcm *side, const uint8_t *key, const uint8_t *nonce, CryptoBytes context,
		 CryptoBytes input, uint8_t *out)
{
	CryptoBytes cipher = {input.data, input.length - CRYPTO_TAG_BYTES};
	OSSL_PARAM tag[] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
												(void *) (cipher.data + cipher.length),
												CRYPTO_TAG_BYTES),
						OSSL_PARAM_END};

	return input.length <= INPUT_LIMIT && gcm_start(side, key, nonce, context) &&
		   gcm_run(side, cipher, out) && EVP_CIPHER_CTX_set_params(side->context, tag) == 1 &&
		   EVP_Cipher(side->context, NULL, NULL, 0) >= 0;
}

bool
crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
			CryptoBytes context, CryptoBytes plain, uint8_t *out)
{
	if (gcm_seal(key, nonce, context, plain, out))
		return true;
	gcm_forget(&sealing);
	OPENSSL_cleanse(out, plain.length + CRYPTO_TAG_BYTES);
	return refuse();
}

bool
crypto_open(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
			CryptoBytes context, CryptoBytes input, uint8_t *out)
{
	Gcm *side;

	if (input.length < CRYPTO_TAG_BYTES)
		return false;
	side = choose_opening(key);
	if (gcm_open(side, key, nonce, context, input, out))
		return true;
	gcm_forget(side);
	OPENSSL_cleanse(out, input.length - CRYPTO_TAG_BYTES);
	return refuse();
}

void
crypto_forget_keys(void)
{
	if (sealing.keyed)
		gcm_forget(&sealing);
	for (int i = 0; i < 2; i++)
	{
		if (opening[i].keyed)
			gcm_forget(&opening[i]);
	}
}

/* --- nonces --- */

static void
forget_randomness(void)
{
	OPENSSL_cleanse(pool, sizeof(pool));
	pool_left = 0;
	EVP_CIPHER_CTX_free(chain_context);
	chain_context = NULL;
}

static bool
prepare_chain(void)
{
	static bool registered = false;
	static const uint8_t first[BLOCK_BYTES] = {0};
	uint8_t key[BLOCK_BYTES];
	EVP_CIPHER *cbc;
	bool done;

	if (chain_context != NULL)
		return true;
	/* A child must not go on with its parent's. */
	if (!registered && pthread_atfork(NULL, NULL, forget_randomness) != 0)
		return false;
	registered = true;
	cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	chain_context = EVP_CIPHER_CTX_new();
	done = cbc != NULL && chain_context != NULL && RAND_bytes(key, sizeof(key)) == 1 &&
		   EVP_EncryptInit_ex2(chain_context, cbc, key, first, NULL) == 1;
	EVP_CIPHER_free(cbc);
	OPENSSL_cleanse(key, sizeof(key));
	if (!done)
	{
		EVP_CIPHER_CTX_free(chain_context);
		chain_context = NULL;
	}
	return done;
}

static bool
take_random(uint8_t *out, size_t length)
{
	if (pool_left < length)
	{
		if (RAND_bytes(pool, POOL_BYTES) != 1)
			return false;
		pool_left = POOL_BYTES;
	}
	pool_left -= length;
	memcpy(out, pool + pool_left, length);
	memset(pool + pool_left, 0, length);
	return true;
}

/* Blocks on their way into the chain, so that a short value takes one call. */
typedef struct Feed
{
	uint8_t blocks[FEED_BYTES];
	size_t length;
} Feed;

/* Encrypts the blocks in their place. */
static bool
feed_flush(Feed *feed)
{
	size_t length = feed->length;

	feed->length = 0;
	return EVP_Cipher(chain_context, feed->blocks, feed->blocks, (unsigned int) length) > 0;
}

static bool
feed_range(Feed *feed, CryptoBytes range)
{
	size_t at = 0;

	while (at < range.length)
	{
		size_t rest = range.length - at;
		size_t room = FEED_BYTES - feed->length;
		size_t part = rest < room ? rest : room;

		memcpy(feed->blocks + feed->length, range.data + at, part);
		feed->length += part;
		at += part;
		if (feed->length == FEED_BYTES && !feed_flush(feed))
			return false;
	}
	return true;
}

/* Fills up the last block with a mark and zeros, and takes the nonce from it. */
static bool
feed_end(Feed *feed, uint8_t nonce[CRYPTO_NONCE_BYTES])
{
	size_t gap = BLOCK_BYTES - feed->length % BLOCK_BYTES;
	uint8_t *last = feed->blocks + feed->length + gap - BLOCK_BYTES;

	memset(feed->blocks + feed->length, 0, gap);
	feed->blocks[feed->length] = PADDING_MARK;
	feed->length += gap;
	if (!feed_flush(feed))
		return false;
	memcpy(nonce, last, CRYPTO_NONCE_BYTES);
	return true;
}

/*
 * The process encrypts one stream, and a nonce is the last block of what it fed for it,
 * without its last 32 bits: 8 random bytes, the length of the context, the context and
 * the plain text, so that no two messages feed the same.  Two clones of a process go
 * apart with the first block that differs, and stay so.
 */
static bool
chain_nonce(CryptoBytes context, CryptoBytes plain, uint8_t nonce[CRYPTO_NONCE_BYTES])
{
	Feed feed;

	if (context.length > UINT8_MAX || !prepare_chain() || !take_random(feed.blocks, FEED_RANDOM))
		return false;
	feed.blocks[FEED_RANDOM] = (uint8_t) context.length;
	feed.length = FEED_RANDOM + 1;
	if (feed_range(&feed, context) && feed_range(&feed, plain) && feed_end(&feed, nonce))
		return true;
	OPENSSL_cleanse(&feed, sizeof(feed));
	return false;
}

bool
crypto_hedged_nonce(CryptoBytes context, CryptoBytes plain, uint8_t nonce[CRYPTO_NONCE_BYTES])
{
	if (plain.length <= INPUT_LIMIT && chain_nonce(context, plain, nonce))
		return true;
	forget_randomness();
	return refuse();
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

/* Room for the keyring and a few tenant keys; both are powers of two. */
#define SECURE_HEAP_BYTES 16384
#define SECURE_HEAP_LEAST 32

static int secure_heap = -1; /* what CRYPTO_secure_malloc_init() said */

void *
crypto_secure_alloc(size_t size)
{
	if (secure_heap < 0)
		secure_heap = CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_LEAST);
	ERR_clear_error();
	/* Without a secure heap OpenSSL gives ordinary memory. */
	return OPENSSL_secure_zalloc(size);
}

bool
crypto_secure_is_locked(void)
{
	return secure_heap == 1;
}

const char *
crypto_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
