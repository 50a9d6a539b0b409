/*
 * scan.h
 *		Opening the sealed values of a scan whose query joins the rows of their keys.
 *
 * No SPI, so it works in parallel workers, and a person costs two AES-256-GCM: one
 * for the key, one for the value.  The query is what keeps tenants apart and erased
 * people out: it reads keys under row level security, in its own snapshot.
 */
#ifndef ATTEST_VAULT_SCAN_H
#define ATTEST_VAULT_SCAN_H

#include "vault/vault.h"

typedef struct VaultScan VaultScan;

/* A sealed value, a key of its person, and the tenant key that wraps that key. */
typedef struct VaultScanRow
{
	const pg_uuid_t *subject;
	bytea *sealed;
	uint32 generation;
	bytea *wrapped;
	uint32 tenant_generation;
	bytea *tenant_wrapped;
	uint32 kek_epoch;
} VaultScanRow;

/* A scan of values of one purpose; what it holds is wiped when the context is reset. */
extern VaultScan *vault_scan_begin(MemoryContext context, const char *purpose);

/*
 * Opens a text.  False when it was sealed under another generation of the key than
 * that of the row.  *text is UTF-8, good until the next call.  Raises seal_broken for
 * a value or a key that does not open, key_missing for an epoch that the keyring lacks.
 */
extern bool vault_scan_open(VaultScan *scan, const VaultScanRow *row, const char **text,
							size_t *length);

#endif /* ATTEST_VAULT_SCAN_H */
