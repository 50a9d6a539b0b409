/*
 * keyring.h
 *		The keyring file: key encryption keys (KEK) by epoch.
 *
 * The file lives outside the data directory, so that a backup of the data holds
 * no key that opens it.  Its text form, one epoch a line, # for comments:
 *
 *		kek <epoch> <state> <key in base64url> <check value in base64url>
 *
 * The state is active (wraps and opens; the highest active epoch wraps) or
 * retiring (opens only).  The check value tells a damaged key from a wrong one.
 */
#ifndef ATTEST_VAULT_KEYRING_H
#define ATTEST_VAULT_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

#define KEYRING_MAX_EPOCHS 16
#define KEYRING_MAX_BYTES  8192
#define KEYRING_LINE_MAX   160

typedef struct KeyringEpoch
{
	uint32_t id; /* from 1 */
	bool active;
	uint8_t key[CRYPTO_KEY_BYTES];
} KeyringEpoch;

typedef struct Keyring
{
	int count;
	KeyringEpoch epochs[KEYRING_MAX_EPOCHS];
} Keyring;

/*
 * Reads the text of a keyring.  On a fault returns false and gives the line,
 * from 1, and what is wrong with it in a few words that hold nothing of the line.
 */
extern bool keyring_parse(const char *text, size_t length, Keyring *keyring, int *line,
						  const char **fault);

/* Writes the line of one epoch, with its newline; false for an id that cannot be read again. */
extern bool keyring_write_epoch(const KeyringEpoch *epoch, char line[KEYRING_LINE_MAX]);

/* The epoch with this id, or the newest active one for 0; NULL where there is none. */
extern const KeyringEpoch *keyring_find(const Keyring *keyring, uint32_t id);

#endif /* ATTEST_VAULT_KEYRING_H */
