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

/*
 * Whether the profile of the ticket may open what is sealed for a purpose, such as
 * person.nir: registered likewise.  The purpose is given by its fingerprint, the
 * VAULT_PURPOSE_BYTES that lie in the header of a sealed value.  Without a subject (NULL)
 * it is asked whether the profile opens the purpose of everybody.
 */
#define VAULT_PURPOSE_BYTES 8
typedef bool (*PurposeCheck)(const pg_uuid_t *subject, const uint8 *purpose);
extern void vault_set_purpose_check(PurposeCheck check);

/* Whether the profile of the ticket may open what is sealed of anybody for a purpose. */
extern bool vault_opens_of_everybody(text *purpose);

/* The fingerprint of a purpose, a name of 1 to 63 bytes; raises bad_value for others. */
extern void vault_purpose(const char *name, size_t length, uint8 purpose[VAULT_PURPOSE_BYTES]);

/* --- keyring_file.c --- */

extern void keyring_file_init(void);

/*
 * The key of an epoch of the keyring (0: the newest active one; *epoch is then
 * set).  Reads the keyring when it was not read yet, or has changed since.
 * Raises keyring_missing, keyring_unsafe, keyring_malformed or key_missing.
 */
extern void keyring_key(uint32 *epoch, uint8 key[CRYPTO_KEY_BYTES]);

/* Whether the keyring holds the key of an epoch; raises where there is no keyring. */
extern bool keyring_has(uint32 epoch);

/* --- keys.c, tenant_keys.c --- */

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

/* As keys_for_opening(), or with 0 the newest; NULL where there is no such key, or not any more. */
extern const SubjectKey *keys_find(int32 tenant, const pg_uuid_t *subject, uint32 generation);

/*
 * A key of the entered tenant, to derive from: the generation asked for, or the
 * active one for 0 (made when the tenant has none yet; *generation is then set).
 * Raises key_missing for a generation that is not there.  The caller wipes key.
 */
extern void keys_of_tenant(int32 tenant, uint32 *generation, uint8 key[CRYPTO_KEY_BYTES]);

/*
 * The generations of the tenant's key that are active or retiring, newest first: two
 * while a rotation goes on.  Returns how many.
 */
extern int keys_in_use(int32 tenant, uint32 *generations, int capacity);

/* Forgets every key of the cache, and wipes it. */
extern void keys_forget(void);

/* The same, if keys have changed since they were cached. */
extern void keys_drop_outdated(void);

/* --- blind.c --- */

#define VAULT_PURPOSE_MAX 63 /* bytes of the name of a purpose */

/* Raises blind_refused for a purpose of few values, and bad_value for no name. */
extern void blind_require_purpose(const char *purpose);

/* The blind value of a text in UTF-8, under the active key of the tenant. */
extern bytea *blind_value(int32 tenant, const char *purpose, CryptoBytes utf8);

/* Forgets the index keys; keys_forget() calls it. */
extern void blind_forget(void);

/* --- opened.c --- */

extern void opened_init(void);

/*
 * To be called by whatever handles the plain text of what is sealed: from here to the end
 * of the transaction this process writes no temporary file.  What outgrows its memory is
 * refused (opened_too_much).
 */
extern void opened_stays_in_memory(void);

#endif /* ATTEST_VAULT_VAULT_H */
