/*
 * scan.c
 *		Opening the sealed values of a scan: see scan.h.
 */
#include "vault/scan.h"

#include "executor/spi.h"
#include "tenant/tenant.h"
#include "utils/memutils.h"
#include "vault/key_rows.h"
#include "vault/sealed_format.h"
#include "vault/wrap.h"

struct VaultScan
{
	MemoryContext context;
	uint8 purpose[VAULT_PURPOSE_BYTES];
	/* the tenant key last used */
	int32 tenant;
	uint32 tenant_generation;
	uint8 tenant_key[CRYPTO_KEY_BYTES];
	/* what was opened last */
	uint8 *plain;
	size_t capacity;
};

static void
wipe(void *arg)
{
	VaultScan *scan = arg;

	crypto_wipe(scan->tenant_key, sizeof(scan->tenant_key));
	if (scan->plain != NULL)
		crypto_wipe(scan->plain, scan->capacity);
}

VaultScan *
vault_scan_begin(MemoryContext context, const char *purpose)
{
	VaultScan *scan = MemoryContextAllocZero(context, sizeof(VaultScan));
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));

	scan->context = context;
	vault_purpose(purpose, strlen(purpose), scan->purpose);
	*callback = (MemoryContextCallback){.func = wipe, .arg = scan};
	MemoryContextRegisterResetCallback(context, callback);
	return scan;
}

/* Leaves the key of the tenant in the scan; false where it is destroyed. */
static bool
use_tenant_key(VaultScan *scan, int32 tenant, uint32 generation)
{
	const TenantKey *key;

	if (scan->tenant == tenant && scan->tenant_generation == generation)
		return true;
	keys_drop_outdated();
	SPI_connect();
	key = tenant_key_find(tenant, generation);
	if (key != NULL)
	{
		memcpy(scan->tenant_key, key->key, CRYPTO_KEY_BYTES);
		scan->tenant = tenant;
		scan->tenant_generation = generation;
	}
	SPI_finish();
	return key != NULL;
}

/*
 * The key of the person; false where there is none any more.  A rotation that has ended
 * since the snapshot of the query has wrapped keys anew and destroyed the tenant key of
 * before: then the table says it as it is now.
 */
static bool
subject_key(VaultScan *scan, const VaultScanRow *row, int32 tenant, uint8 *key)
{
	KeyPlace place = {.tenant = tenant, .subject = row->subject, .generation = row->generation};
	const SubjectKey *now;

	if (use_tenant_key(scan, tenant, row->tenant_generation))
	{
		if (!unwrap_key(row->wrapped, scan->tenant_key, &place, key))
			fail(ERR_seal_broken);
		return true;
	}
	now = keys_find(tenant, row->subject, row->generation);
	if (now != NULL)
		memcpy(key, now->key, CRYPTO_KEY_BYTES);
	return now != NULL;
}

static uint8 *
room_for(VaultScan *scan, size_t length)
{
	if (length > scan->capacity)
	{
		if (scan->plain != NULL)
		{
			crypto_wipe(scan->plain, scan->capacity);
			pfree(scan->plain);
			scan->plain = NULL;
		}
		scan->plain = MemoryContextAlloc(scan->context, length);
		scan->capacity = length;
	}
	return scan->plain;
}

/* Whether the value was sealed for the person of the row and the purpose of the scan, as a text. */
static bool
is_expected(const VaultScan *scan, const VaultScanRow *row, const SealedHeader *header)
{
	return header->content == SEALED_TEXT &&
		   memcmp(header->subject, row->subject->data, UUID_LEN) == 0 &&
		   memcmp(header->purpose, scan->purpose, VAULT_PURPOSE_BYTES) == 0;
}

bool
vault_scan_open(VaultScan *scan, const VaultScanRow *row, const char **text, size_t *length)
{
	const uint8 *value = (const uint8 *) VARDATA_ANY(row->sealed);
	size_t size = VARSIZE_ANY_EXHDR(row->sealed);
	int32 tenant = tenant_required();
	uint8 context[SEALED_CONTEXT_BYTES];
	uint8 key[CRYPTO_KEY_BYTES];
	SealedHeader header;
	CryptoBytes cipher;
	uint8 *plain;
	bool opened;

	if (!sealed_read(value, size, &header) || !is_expected(scan, row, &header))
		fail(ERR_seal_broken);
	if (header.generation != row->generation)
		return false;
	cipher = CRYPTO_BYTES(value + SEALED_HEADER_BYTES, size - SEALED_HEADER_BYTES);
	plain = room_for(scan, cipher.length);
	sealed_context(value, tenant, context);
	if (!subject_key(scan, row, tenant, key))
		return false;
	opened = crypto_open(key, header.nonce, CRYPTO_BYTES(context, sizeof(context)), cipher, plain);
	crypto_wipe(key, sizeof(key));
	if (!opened || !sealed_unpad(plain, cipher.length - CRYPTO_TAG_BYTES, length))
		fail(ERR_seal_broken);
	*text = (const char *) plain;
	return true;
}
