/*
 * vault.h
 *		Keys and sealed values.
 */
#ifndef ATTEST_VAULT_VAULT_H
#define ATTEST_VAULT_VAULT_H

#include "core/core.h"

#include "crypto/crypto.h"
#include "utils/uuid.h"
#include "vault/keyring.h"

extern void vault_init(void);

/*
 * Whether the profile of the ticket sees a person: the room that knows profiles
 * registers this, and what is sealed for others does not open.
 */
typedef bool (*SubjectCheck)(const pg_uuid_t *subject);
extern void vault_set_subject_check(SubjectCheck check);

/* --- keyring_file.c --- */

extern void keyring_file_init(void);

/*
 * The key of an epoch of the keyring (0: the newest active one; *epoch is then
 * set).  Reads the file when it was not read yet, or does not hold the epoch.
 * Raises keyring_missing, keyring_unsafe, keyring_malformed or key_missing.
 */
extern void keyring_key(uint32 *epoch, uint8 key[CRYPTO_KEY_BYTES]);

/* --- keys.c --- */

/* The key that seals the values of one person. */
typedef struct SubjectKey
{
	uint32 generation;
	uint8 key[CRYPTO_KEY_BYTES];
} SubjectKey;

extern void keys_init(void);

/*
 * The key of a person of the entered tenant, from the cache of this transaction
 * or from the tables.  The pointer is good until the next call.
 *
 * With create, the newest generation, made when the person has none yet; raises
 * person_erased for a person whose key was destroyed.  Without, the generation
 * asked for; raises person_erased, or key_missing where there is no such key.
 */
extern const SubjectKey *keys_for_sealing(int32 tenant, const pg_uuid_t *subject);
extern const SubjectKey *keys_for_opening(int32 tenant, const pg_uuid_t *subject,
										  uint32 generation);

/* Forgets every key of the cache, and wipes it. */
extern void keys_forget(void);

/* --- opened.c --- */

extern void opened_init(void);

/*
 * To be called by whatever handles the plain text of what is sealed: from here to the end
 * of the transaction this process writes no temporary file.  What outgrows its memory is
 * refused (opened_too_much).
 */
extern void opened_stays_in_memory(void);

#endif /* ATTEST_VAULT_VAULT_H */
