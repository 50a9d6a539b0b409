/*
 * scan.h
 *		Opening the sealed values of a scan whose query joins the rows of their keys.
 *
 * One query a scan, for the key of the tenant, so it works in parallel workers, and a
 * person costs two AES-256-GCM: one for the key, one for the value.  The query of the
 * caller is what keeps tenants apart and erased people out: it reads keys under row
 * level security, in its own snapshot.  Only where a rotation has ended since that
 * snapshot are keys looked up one by one.
 */
#ifndef ATTEST_VAULT_SCAN_H
#define ATTEST_VAULT_SCAN_H

#include "vault/vault.h"

typedef struct VaultScan VaultScan;

/* A sealed value, a key of its person, and the generation of the tenant key that wraps it. */
typedef struct VaultScanRow
{
	const pg_uuid_t *subject;
	bytea *sealed;
	uint32 generation;
	bytea *wrapped;
	uint32 tenant_generation;
} VaultScanRow;

/* A scan of values of one purpose; what it holds is wiped when the context is reset. */
extern VaultScan *vault_scan_begin(MemoryContext context, const char *purpose);

/*
 * Opens a text.  False when it was sealed under another generation of the key than
 * that of the row, or the key has gone since.  *text is UTF-8, good until the next call.
 * Raises seal_broken for a value or a key that does not open, key_missing where the
 * keyring cannot open the tenant key.
 */
extern bool vault_scan_open(VaultScan *scan, const VaultScanRow *row, const char **text,
							size_t *length);

#endif /* ATTEST_VAULT_SCAN_H */
