/*
 * keyring.h
 *		The keyring file: key encryption keys (KEK) by epoch.
 *
 * The file lives outside the data directory, so that a backup of the data holds
 * no key that opens it.  Its text form, one epoch a line, # for comments:
 *
 *		kek <epoch> <state> <key in base64url> <check value in base64url>
 *		kek <epoch> retired <check value in base64url>
 *
 * The state is prepared (opens only; the next to be active, so it has the highest number),
 * active (wraps and opens; the highest active epoch wraps), retiring (opens only) or retired
 * (the key is gone; the line says that its number was taken).  The check value tells a
 * damaged key from a wrong one.
 */
#ifndef ATTEST_VAULT_KEYRING_H
#define ATTEST_VAULT_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

#define KEYRING_MAX_EPOCHS  16
#define KEYRING_MAX_BYTES   8192
#define KEYRING_LINE_MAX    160
#define KEYRING_MAX_ID      999999999
#define KEYRING_CHECK_BYTES 8

typedef struct KeyringEpoch
{
	uint32_t id; /* from 1 */
	bool prepared;
	bool active;
	bool retired;
	uint8_t key[CRYPTO_KEY_BYTES]; /* zero where it is retired */
	uint8_t check[KEYRING_CHECK_BYTES];
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

/*
 * Writes the line of one epoch, with its newline; false for an id that cannot be read
 * again.  The check value is computed, unless the epoch is retired.
 */
extern bool keyring_write_epoch(const KeyringEpoch *epoch, char line[KEYRING_LINE_MAX]);

/* The word for the state of an epoch. */
extern const char *keyring_state(const KeyringEpoch *epoch);

/* The epoch with this id, or the newest active one for 0; NULL where its key is not there. */
extern const KeyringEpoch *keyring_find(const Keyring *keyring, uint32_t id);

/*
 * Adds a prepared epoch with a random key, above every number that was ever taken,
 * unless there is one.  The oldest retired line makes room.  Returns its number, 0 where
 * there is no room or no randomness.
 */
extern uint32_t keyring_prepare(Keyring *keyring);

/* Makes the prepared epoch active, or a new one; the active ones become retiring. */
extern uint32_t keyring_add(Keyring *keyring);

/*
 * Takes the key of an epoch out and keeps its number; false where it is not there, or
 * is the last active one.
 */
extern bool keyring_retire(Keyring *keyring, uint32_t id);

#endif /* ATTEST_VAULT_KEYRING_H */
