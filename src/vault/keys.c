/*
 * keys.c
 *		Tenant keys and subject keys: made, wrapped, found, forgotten.
 *
 * KEK (keyring) wraps tenant key (attest_data.tenant_key) wraps subject key
 * (attest_data.subject_key).  A wrapped key is nonce, ciphertext and tag of
 * AES-256-GCM, bound to its place by the context, so that a row copied to
 * another tenant or person does not open.
 *
 * Unwrapped keys are kept for the transaction only: an erasure elsewhere is
 * felt at the next one.  A subtransaction that fails may have made the keys
 * that it put into the cache, so its failure empties the cache too.
 */
#include "vault/vault.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/bytes.h"
#include "executor/spi.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define WRAPPED_BYTES (CRYPTO_NONCE_BYTES + CRYPTO_KEY_BYTES + CRYPTO_TAG_BYTES)
#define CACHE_START   128

ATTEST_FUNCTION(attest_forget_keys);

/* What a wrapped key is bound to. */
typedef struct KeyPlace
{
	const char *kind;
	int32 tenant;
	const pg_uuid_t *subject; /* NULL for a tenant key */
	uint32 generation;
} KeyPlace;

typedef struct CacheKey
{
	int32 tenant;
	uint32 generation; /* 0 for the newest */
	pg_uuid_t subject;
} CacheKey;

typedef struct CacheEntry
{
	CacheKey id; /* hash key of entry - MUST BE FIRST */
	SubjectKey value;
} CacheEntry;

static OwnerStatement insert_tenant = {
	.sql = "INSERT INTO attest_data.tenant_key (tenant_id, generation, kek_epoch, wrapped) "
		   "VALUES ($1, 1, $2, $3) ON CONFLICT DO NOTHING",
	.nargs = 3,
	.types = {INT4OID, INT4OID, BYTEAOID}};

/* The generation asked for, or with 0 the newest. */
static OwnerStatement select_tenant = {
	.sql = "SELECT generation, kek_epoch, wrapped FROM attest_data.tenant_key "
		   "WHERE tenant_id = $1 AND (generation = $2 OR $2 = 0) "
		   "ORDER BY generation DESC LIMIT 1",
	.nargs = 2,
	.types = {INT4OID, INT4OID}};

static OwnerStatement insert_subject = {
	.sql = "INSERT INTO attest_data.subject_key (tenant_id, subject_id, generation, "
		   "tenant_generation, wrapped) VALUES ($1, $2, 1, $3, $4) ON CONFLICT DO NOTHING",
	.nargs = 4,
	.types = {INT4OID, UUIDOID, INT4OID, BYTEAOID}};

static OwnerStatement select_subject = {
	.sql = "SELECT generation, tenant_generation, wrapped FROM attest_data.subject_key "
		   "WHERE tenant_id = $1 AND subject_id = $2 AND (generation = $3 OR $3 = 0) "
		   "ORDER BY generation DESC LIMIT 1",
	.nargs = 3,
	.types = {INT4OID, UUIDOID, INT4OID}};

static OwnerStatement select_erased = {
	.sql = "SELECT erased_at::date::text FROM attest_data.erased_subject "
		   "WHERE tenant_id = $1 AND subject_id = $2",
	.nargs = 2,
	.types = {INT4OID, UUIDOID}};

static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;

/* The tenant key last used, by generation. */
static struct
{
	int32 tenant;
	uint32 generation;
	uint8 key[CRYPTO_KEY_BYTES];
} tenant_key_used;

void
keys_forget(void)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	crypto_forget_keys();
	crypto_wipe(&tenant_key_used, sizeof(tenant_key_used));
	blind_forget();
	if (cache == NULL)
		return;
	hash_seq_init(&scan, cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		crypto_wipe(&entry->value, sizeof(entry->value));
	cache = NULL;
	MemoryContextReset(cache_context);
}

static void
forget_at_end(XactEvent event, void *arg)
{
	keys_forget();
}

static void
forget_at_subabort(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		keys_forget();
}

void
keys_init(void)
{
	RegisterXactCallback(forget_at_end, NULL);
	RegisterSubXactCallback(forget_at_subabort, NULL);
}

static HTAB *
get_cache(void)
{
	HASHCTL control = {.keysize = sizeof(CacheKey), .entrysize = sizeof(CacheEntry)};

	if (cache != NULL)
		return cache;
	if (cache_context == NULL)
		cache_context =
			AllocSetContextCreate(TopMemoryContext, "attest keys", ALLOCSET_DEFAULT_SIZES);
	control.hcxt = cache_context;
	cache = hash_create("attest subject keys", CACHE_START, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return cache;
}

static SubjectKey *
cache_slot(int32 tenant, const pg_uuid_t *subject, uint32 generation, bool *found)
{
	CacheKey id = {.tenant = tenant, .generation = generation, .subject = *subject};
	CacheEntry *entry = hash_search(get_cache(), &id, found ? HASH_ENTER : HASH_FIND, found);

	return entry == NULL ? NULL : &entry->value;
}

/* --- wrapping --- */

static size_t
place_bytes(const KeyPlace *place, uint8 *out, size_t capacity)
{
	BytesWriter writer = {.data = out, .capacity = capacity};

	bytes_put(&writer, place->kind, strlen(place->kind) + 1);
	bytes_put_number(&writer, (uint32) place->tenant, 4);
	bytes_put_number(&writer, place->generation, 4);
	if (place->subject != NULL)
		bytes_put(&writer, place->subject->data, UUID_LEN);
	Assert(!writer.failed);
	return writer.length;
}

static bytea *
wrap_key(const uint8 *key, const uint8 *wrapping, const KeyPlace *place)
{
	bytea *result = palloc(VARHDRSZ + WRAPPED_BYTES);
	uint8 *nonce = (uint8 *) VARDATA(result);
	uint8 context[64];
	CryptoBytes where = CRYPTO_BYTES(context, place_bytes(place, context, sizeof(context)));
	CryptoBytes plain = CRYPTO_BYTES(key, CRYPTO_KEY_BYTES);

	SET_VARSIZE(result, VARHDRSZ + WRAPPED_BYTES);
	if (!crypto_hedged_nonce(where, plain, nonce) ||
		!crypto_seal(wrapping, nonce, where, plain, nonce + CRYPTO_NONCE_BYTES))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not wrap a key")));
	return result;
}

static bool
unwrap_key(bytea *wrapped, const uint8 *wrapping, const KeyPlace *place, uint8 *key)
{
	const uint8 *data = (const uint8 *) VARDATA_ANY(wrapped);
	uint8 context[64];
	CryptoBytes where = CRYPTO_BYTES(context, place_bytes(place, context, sizeof(context)));

	return VARSIZE_ANY_EXHDR(wrapped) == WRAPPED_BYTES &&
		   crypto_open(wrapping, data, where,
					   CRYPTO_BYTES(data + CRYPTO_NONCE_BYTES, CRYPTO_KEY_BYTES + CRYPTO_TAG_BYTES),
					   key);
}

static void
new_key(uint8 *key)
{
	if (!crypto_random(key, CRYPTO_KEY_BYTES))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make a key")));
}

/* --- rows --- */

static Datum
row_value(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

static uint32
row_number(int column)
{
	bool isnull;

	return (uint32) DatumGetInt32(row_value(column, &isnull));
}

static bytea *
row_bytes(int column)
{
	bool isnull;

	return DatumGetByteaPP(row_value(column, &isnull));
}

/* --- tenant keys --- */

static void
insert_tenant_key(int32 tenant)
{
	KeyPlace place = {.kind = "attest tenant key", .tenant = tenant, .generation = 1};
	uint8 key[CRYPTO_KEY_BYTES];
	uint8 kek[CRYPTO_KEY_BYTES];
	uint32 epoch = 0;
	Datum values[3];

	keyring_key(&epoch, kek);
	new_key(key);
	values[0] = Int32GetDatum(tenant);
	values[1] = Int32GetDatum((int32) epoch);
	values[2] = PointerGetDatum(wrap_key(key, kek, &place));
	crypto_wipe(key, sizeof(key));
	crypto_wipe(kek, sizeof(kek));
	core_execute_as_owner(&insert_tenant, values, false);
}

/* Leaves the key of one generation (0: the newest) in tenant_key_used. */
static bool
read_tenant_key(int32 tenant, uint32 generation, bool read_only)
{
	Datum values[] = {Int32GetDatum(tenant), Int32GetDatum((int32) generation)};
	KeyPlace place = {.kind = "attest tenant key", .tenant = tenant};
	uint8 kek[CRYPTO_KEY_BYTES];
	uint32 epoch;
	bool opened;

	core_execute_as_owner(&select_tenant, values, read_only);
	if (SPI_processed == 0)
		return false;
	place.generation = row_number(1);
	epoch = row_number(2);
	keyring_key(&epoch, kek);
	opened = unwrap_key(row_bytes(3), kek, &place, tenant_key_used.key);
	crypto_wipe(kek, sizeof(kek));
	/* The keyring has an epoch of this number, but not the key that wrapped. */
	if (!opened)
		fail(ERR_key_missing, psprintf("the KEK epoch %u that wrapped the tenant's key", epoch));
	tenant_key_used.tenant = tenant;
	tenant_key_used.generation = place.generation;
	return true;
}

static bool
use_tenant_key(int32 tenant, uint32 generation, bool read_only)
{
	if (tenant_key_used.tenant == tenant && tenant_key_used.generation != 0 &&
		(generation == 0 || generation == tenant_key_used.generation))
		return true;
	return read_tenant_key(tenant, generation, read_only);
}

static void
require_tenant_key(int32 tenant)
{
	if (use_tenant_key(tenant, 0, false))
		return;
	insert_tenant_key(tenant);
	if (!use_tenant_key(tenant, 0, false))
		fail(ERR_key_missing, "the tenant's key");
}

void
keys_of_tenant(int32 tenant, uint32 *generation, uint8 key[CRYPTO_KEY_BYTES])
{
	SPI_connect();
	if (*generation == 0)
		require_tenant_key(tenant);
	else if (!use_tenant_key(tenant, *generation, true))
		fail(ERR_key_missing, psprintf("key generation %u of the tenant", *generation));
	SPI_finish();
	*generation = tenant_key_used.generation;
	memcpy(key, tenant_key_used.key, CRYPTO_KEY_BYTES);
}

/* --- subject keys --- */

static void
insert_subject_key(int32 tenant, const pg_uuid_t *subject)
{
	KeyPlace place = {
		.kind = "attest subject key", .tenant = tenant, .subject = subject, .generation = 1};
	uint8 key[CRYPTO_KEY_BYTES];
	Datum values[4];

	require_tenant_key(tenant);
	new_key(key);
	values[0] = Int32GetDatum(tenant);
	values[1] = UUIDPGetDatum(subject);
	values[2] = Int32GetDatum((int32) tenant_key_used.generation);
	values[3] = PointerGetDatum(wrap_key(key, tenant_key_used.key, &place));
	crypto_wipe(key, sizeof(key));
	core_execute_as_owner(&insert_subject, values, false);
}

static bool
read_subject_key(int32 tenant, const pg_uuid_t *subject, uint32 generation, bool read_only,
				 SubjectKey *result)
{
	Datum values[] = {Int32GetDatum(tenant), UUIDPGetDatum(subject),
					  Int32GetDatum((int32) generation)};
	KeyPlace place = {.kind = "attest subject key", .tenant = tenant, .subject = subject};
	uint32 tenant_generation;
	bytea *wrapped;

	core_execute_as_owner(&select_subject, values, read_only);
	if (SPI_processed == 0)
		return false;
	place.generation = row_number(1);
	tenant_generation = row_number(2);
	wrapped = row_bytes(3);
	if (!use_tenant_key(tenant, tenant_generation, read_only))
		fail(ERR_key_missing, psprintf("key generation %u of the tenant", tenant_generation));
	if (!unwrap_key(wrapped, tenant_key_used.key, &place, result->key))
		fail(ERR_seal_broken);
	result->generation = place.generation;
	return true;
}

/* Raises when the person's key was destroyed on purpose. */
static void
refuse_erased(int32 tenant, const pg_uuid_t *subject, bool read_only)
{
	Datum values[] = {Int32GetDatum(tenant), UUIDPGetDatum(subject)};

	core_execute_as_owner(&select_erased, values, read_only);
	if (SPI_processed > 0)
		fail(ERR_person_erased, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
}

static const SubjectKey *
remember(int32 tenant, const pg_uuid_t *subject, uint32 generation, SubjectKey *key)
{
	bool found;
	SubjectKey *slot = cache_slot(tenant, subject, generation, &found);

	*slot = *key;
	crypto_wipe(key, sizeof(*key));
	return slot;
}

const SubjectKey *
keys_for_sealing(int32 tenant, const pg_uuid_t *subject)
{
	const SubjectKey *cached = cache_slot(tenant, subject, 0, NULL);
	SubjectKey key;
	SubjectKey copy;

	if (cached != NULL)
		return cached;
	SPI_connect();
	if (!read_subject_key(tenant, subject, 0, false, &key))
	{
		refuse_erased(tenant, subject, false);
		insert_subject_key(tenant, subject);
		if (!read_subject_key(tenant, subject, 0, false, &key))
			fail(ERR_key_missing, "the person's key");
	}
	SPI_finish();
	/* Also by its generation: what is sealed and opened in one statement. */
	copy = key;
	(void) remember(tenant, subject, key.generation, &copy);
	return remember(tenant, subject, 0, &key);
}

const SubjectKey *
keys_for_opening(int32 tenant, const pg_uuid_t *subject, uint32 generation)
{
	const SubjectKey *cached = cache_slot(tenant, subject, generation, NULL);
	SubjectKey key;

	if (cached != NULL)
		return cached;
	SPI_connect();
	if (!read_subject_key(tenant, subject, generation, true, &key))
	{
		refuse_erased(tenant, subject, true);
		/* a value of another tenant, or of a key that was lost: no oracle */
		fail(ERR_seal_broken);
	}
	SPI_finish();
	return remember(tenant, subject, generation, &key);
}

/* attest_internal.forget_keys() */
Datum
attest_forget_keys(PG_FUNCTION_ARGS)
{
	keys_forget();
	PG_RETURN_VOID();
}
