/*
 * gcm_loop.c
 *		What OpenSSL alone takes for the values of the bench: AES-256-GCM over texts of
 *		20 bytes that lie ready in memory, one context and one key set up before, and a
 *		counter as nonce.  Prints, for each round, nanoseconds a value to seal and to open.
 *
 * usage: gcm_loop ROUNDS VALUES
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT  20
#define NONCE 12
#define TAG   16

static double
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec * 1e9 + (double) at.tv_nsec;
}

static void
set_nonce(unsigned char *nonce, int value)
{
	memset(nonce, 0, NONCE);
	memcpy(nonce, &value, sizeof(value));
}

static int
seal(EVP_CIPHER_CTX *context, int value, const unsigned char *text, unsigned char *out)
{
	unsigned char nonce[NONCE];
	int length;

	set_nonce(nonce, value);
	return EVP_EncryptInit_ex2(context, NULL, NULL, nonce, NULL) == 1 &&
		   EVP_EncryptUpdate(context, out, &length, text, TEXT) == 1 &&
		   EVP_EncryptFinal_ex(context, out + TEXT, &length) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, out + TEXT) == 1;
}

static int
open_one(EVP_CIPHER_CTX *context, int value, unsigned char *sealed, unsigned char *out)
{
	unsigned char nonce[NONCE];
	int length;

	set_nonce(nonce, value);
	return EVP_DecryptInit_ex2(context, NULL, NULL, nonce, NULL) == 1 &&
		   EVP_DecryptUpdate(context, out, &length, sealed, TEXT) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, sealed + TEXT) == 1 &&
		   EVP_DecryptFinal_ex(context, out + TEXT, &length) == 1;
}

int
main(int argc, char **argv)
{
	int rounds = argc == 3 ? atoi(argv[1]) : 0;
	int values = argc == 3 ? atoi(argv[2]) : 0;
	unsigned char(*texts)[TEXT] = calloc((size_t) values, TEXT);
	unsigned char(*sealed)[TEXT + TAG] = calloc((size_t) values, TEXT + TAG);
	unsigned char key[32] = "the key of this loop, 32 long..";
	unsigned char out[TEXT + TAG];
	EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	EVP_CIPHER_CTX *sealing = EVP_CIPHER_CTX_new();
	EVP_CIPHER_CTX *opening = EVP_CIPHER_CTX_new();

	if (values <= 0 || texts == NULL || sealed == NULL ||
		EVP_EncryptInit_ex2(sealing, gcm, key, NULL, NULL) != 1 ||
		EVP_DecryptInit_ex2(opening, gcm, key, NULL, NULL) != 1)
		return 2;
	for (int i = 0; i < values; i++)
		memcpy(texts[i] + TEXT - sizeof(i), &i, sizeof(i));
	for (int round = 0; round <= rounds; round++)
	{
		double began = now();
		double sealed_at;

		for (int i = 0; i < values; i++)
		{
			if (!seal(sealing, i, texts[i], sealed[i]))
				return 1;
		}
		sealed_at = now();
		for (int i = 0; i < values; i++)
		{
			if (!open_one(opening, i, sealed[i], out) || memcmp(out, texts[i], TEXT) != 0)
				return 1;
		}
		/* the first round does not count */
		if (round > 0)
			printf("%.1f %.1f\n", (sealed_at - began) / values, (now() - sealed_at) / values);
	}
	return 0;
}
