/*
 * scrypt_test.c
 *		The hashing of secrets (src/crypto/verify), without a server: prints TAP.
 *
 * The scrypt below is RFC 7914 read line by line.  It is checked against the vectors of
 * the RFC, which have other salts than secret_hash() takes, and then compared with it.
 */
#include <openssl/evp.h>

#include "crypto/verify.h"
#include "tap.h"

static uint32_t
rotated(uint32_t value, int by)
{
	return value << by | value >> (32 - by);
}

/* RFC 7914, 3: columns, then rows. */
static void
salsa20_8(uint32_t block[16])
{
	/* clang-format off */
	static const uint8_t rounds[8][4] = {
		{0, 4, 8, 12}, {5, 9, 13, 1}, {10, 14, 2, 6}, {15, 3, 7, 11},
		{0, 1, 2, 3}, {5, 6, 7, 4}, {10, 11, 8, 9}, {15, 12, 13, 14}};
	/* clang-format on */
	static const int turns[] = {7, 9, 13, 18};
	uint32_t x[16];

	memcpy(x, block, sizeof(x));
	for (int round = 0; round < 4; round++)
		for (int quarter = 0; quarter < 8; quarter++)
			for (int step = 0; step < 4; step++)
			{
				const uint8_t *at = rounds[quarter];

				x[at[(step + 1) % 4]] ^= rotated(x[at[step]] + x[at[(step + 3) % 4]], turns[step]);
			}
	for (int i = 0; i < 16; i++)
		block[i] += x[i];
}

/* RFC 7914, 4, for r = 8: 16 blocks of 64 bytes; words are little-endian, as here. */
static void
block_mix(uint32_t words[256])
{
	uint32_t mixed[256], x[16];

	memcpy(x, words + 240, sizeof(x));
	for (int i = 0; i < 16; i++)
	{
		for (int j = 0; j < 16; j++)
			x[j] ^= words[16 * i + j];
		salsa20_8(x);
		memcpy(mixed + 16 * (i / 2 + (i % 2) * 8), x, sizeof(x));
	}
	memcpy(words, mixed, sizeof(mixed));
}

/* RFC 7914, 5. */
static void
rom_mix(uint32_t words[256], uint32_t n)
{
	uint32_t(*kept)[256] = malloc(sizeof(*kept) * n);

	for (uint32_t i = 0; kept != NULL && i < n; i++)
	{
		memcpy(kept[i], words, sizeof(*kept));
		block_mix(words);
	}
	for (uint32_t i = 0; kept != NULL && i < n; i++)
	{
		const uint32_t *other = kept[words[240] % n];

		for (int j = 0; j < 256; j++)
			words[j] ^= other[j];
		block_mix(words);
	}
	free(kept);
}

/* RFC 7914, 6, for r = 8. */
static void
reference_scrypt(const char *secret, const void *salt, int salt_length, uint32_t n, int p,
				 uint8_t *out, int length)
{
	static uint32_t blocks[16][256];

	PKCS5_PBKDF2_HMAC(secret, (int) strlen(secret), salt, salt_length, 1, EVP_sha256(), p * 1024,
					  (uint8_t *) blocks);
	for (int i = 0; i < p; i++)
		rom_mix(blocks[i], n);
	PKCS5_PBKDF2_HMAC(secret, (int) strlen(secret), (uint8_t *) blocks, p * 1024, 1, EVP_sha256(),
					  length, out);
}

static void
test_scrypt(void)
{
	static const uint8_t salt[SECRET_SALT_BYTES] = "a salt of 16 byt";
	/* RFC 7914, 12: the beginnings of its second and third vector. */
	static const uint8_t second[] = {0xfd, 0xba, 0xbe, 0x1c, 0x9d, 0x34, 0x72, 0x00};
	static const uint8_t third[] = {0x70, 0x23, 0xbd, 0xcb, 0x3a, 0xfd, 0x73, 0x48};
	static const char *const secrets[] = {"", "a", "correct horse battery staple",
										  "\xc3\xa9t\xc3\xa9"};
	uint8_t expected[64], hash[SECRET_HASH_BYTES];

	reference_scrypt("password", "NaCl", 4, 1024, 16, expected, 64);
	ok(memcmp(expected, second, sizeof(second)) == 0, "the reference: RFC 7914, 12, second");
	reference_scrypt("pleaseletmein", "SodiumChloride", 14, 16384, 1, expected, 64);
	ok(memcmp(expected, third, sizeof(third)) == 0, "the reference: RFC 7914, 12, third");
	for (size_t i = 0; i < LENGTH(secrets); i++)
	{
		CryptoBytes secret = CRYPTO_BYTES(secrets[i], strlen(secrets[i]));
		int cost = i == 1 ? 14 : 10;

		reference_scrypt(secrets[i], salt, SECRET_SALT_BYTES, 1U << cost, 1, expected,
						 SECRET_HASH_BYTES);
		ok(secret_hash(secret, salt, cost, hash) && memcmp(hash, expected, SECRET_HASH_BYTES) == 0,
		   "a secret of %zu bytes at cost %d is hashed as RFC 7914 says", secret.length, cost);
	}
	ok(!secret_hash(CRYPTO_BYTES("a", 1), salt, 9, hash) &&
		   !secret_hash(CRYPTO_BYTES("a", 1), salt, 21, hash) &&
		   !secret_hash(CRYPTO_BYTES("a", 1), salt, -1, hash) &&
		   !secret_hash(CRYPTO_BYTES("a", 1), salt, 64, hash),
	   "a cost out of 10 to 20 is refused");
}

int
main(void)
{
	test_scrypt();
	return tests_done();
}
