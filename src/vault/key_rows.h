/*
 * key_rows.h
 *		The rows of keys, for the files of the room that hold them unwrapped.
 */
#ifndef ATTEST_VAULT_KEY_ROWS_H
#define ATTEST_VAULT_KEY_ROWS_H

#include "vault/vault.h"

/* Columns of a row of SPI's result, from 1. */
extern uint32 key_rows_number(int row, int column);
extern bytea *key_rows_bytes(int row, int column);

/* --- tenant_keys.c --- */

typedef struct TenantKey
{
	int32 tenant;
	uint32 generation;
	bool active;
	uint8 key[CRYPTO_KEY_BYTES];
} TenantKey;

/*
 * The key of a generation, or the active one for 0, from the cache or the table; NULL
 * where there is none.  SPI must be connected.  Raises key_missing where the keyring
 * cannot open it.  The pointer is good until the next call.
 */
extern const TenantKey *tenant_key_find(int32 tenant, uint32 generation);

/* The active key, made when the tenant has none. */
extern const TenantKey *tenant_key_active(int32 tenant);

/* Raises key_missing, naming the tenant and the generation. */
extern void tenant_key_refuse(int32 tenant, uint32 generation) __attribute__((noreturn));

/* Wipes the tenant keys that are cached. */
extern void tenant_keys_forget(void);

#endif /* ATTEST_VAULT_KEY_ROWS_H */
