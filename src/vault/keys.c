/*
 * keys.c
 *		Keys of people: made, found, cached, forgotten.
 *
 * KEK (keyring) wraps tenant key (attest_data.tenant_key) wraps subject key
 * (attest_data.subject_key).
 *
 * Unwrapped keys are kept for the transaction at most, and every use asks whether
 * they still hold (key_epoch.h): an erasure elsewhere is felt by the next value, also
 * within a statement.  Where that number cannot be known they are kept for a second.
 * A subtransaction that fails may have made the keys that it put into the cache, so
 * its failure empties the cache too.
 */
#include "vault/key_rows.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tenant/tenant.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "vault/key_epoch.h"
#include "vault/wrap.h"

#define CACHE_START      128
#define CACHE_MAX        131072
#define BLIND_LIFETIME   1000 /* ms, where nobody tells that keys have changed */
#define FIRST_WINDOW     16
#define LAST_WINDOW      2048
#define TRY_AHEAD_EVERY  64
#define INSERT_ATTEMPTS  3
#define CREATE_MAX_BATCH 10000

ATTEST_FUNCTION(attest_forget_keys);
ATTEST_FUNCTION(attest_keys_changed);
ATTEST_FUNCTION(attest_create_subject_keys);
ATTEST_FUNCTION(attest_make_subject_key);
ATTEST_FUNCTION(attest_rewrap_subject_key);
ATTEST_FUNCTION(attest_subject_key_opens);

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

/*
 * Under the lock that a rotation takes before it destroys a tenant key: no key is ever
 * wrapped under one that is gone.
 */
static OwnerStatement insert_subjects = {
	.sql =
		"WITH wrapping AS MATERIALIZED (SELECT FROM attest_data.tenant_key t "
		"  WHERE t.tenant_id = $1 AND t.generation = $4 AND t.state <> 'destroyed' FOR KEY SHARE) "
		"INSERT INTO attest_data.subject_key (tenant_id, subject_id, generation, "
		"  tenant_generation, wrapped) "
		"SELECT $1, s.subject, 1, $4, s.wrapped FROM wrapping, unnest($2, $3) s (subject, wrapped) "
		"WHERE NOT EXISTS (SELECT FROM attest_data.erased_subject e WHERE e.tenant_id = $1 "
		"  AND e.subject_id = s.subject) "
		"ON CONFLICT DO NOTHING RETURNING subject_id",
	.nargs = 4,
	.types = {INT4OID, UUIDARRAYOID, BYTEAARRAYOID, INT4OID}};

/* The generation asked for, or with 0 the newest. */
static OwnerStatement select_subject = {
	.sql = "SELECT generation, tenant_generation, wrapped FROM attest_data.subject_key "
		   "WHERE tenant_id = $1 AND subject_id = $2 AND (generation = $3 OR $3 = 0) "
		   "ORDER BY generation DESC LIMIT 1",
	.nargs = 3,
	.types = {INT4OID, UUIDOID, INT4OID}};

/* Those of the person and of those next in order of their ids. */
static OwnerStatement select_ahead = {
	.sql = "SELECT generation, tenant_generation, wrapped, subject_id "
		   "FROM attest_data.subject_key WHERE tenant_id = $1 AND subject_id >= $2 "
		   "ORDER BY subject_id, generation LIMIT $3",
	.nargs = 3,
	.types = {INT4OID, UUIDOID, INT4OID}};

static OwnerStatement select_erased = {
	.sql = "SELECT erased_at::date::text FROM attest_data.erased_subject "
		   "WHERE tenant_id = $1 AND subject_id = $2",
	.nargs = 2,
	.types = {INT4OID, UUIDOID}};

static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;
static CacheEntry *last_found = NULL; /* mostly the one asked for next */
static uint64 cache_epoch = 0;
static TimestampTz cache_since = 0;

/*
 * Reading ahead: a scan opens people in the order of their ids, more or less, and one
 * query for many keys is much cheaper than one each.  The window doubles while what
 * was read ahead is used, and is dropped when it is not.
 */
static struct
{
	int window;
	int hits; /* since the last look ahead */
	int misses;
} ahead;

/* --- cache --- */

void
keys_forget(void)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	crypto_forget_keys();
	tenant_keys_forget();
	blind_forget();
	memset(&ahead, 0, sizeof(ahead));
	if (cache == NULL)
		return;
	hash_seq_init(&scan, cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		crypto_wipe(&entry->value, sizeof(entry->value));
	cache = NULL;
	last_found = NULL;
	MemoryContextReset(cache_context);
}

void
keys_drop_outdated(void)
{
	uint64 epoch = key_epoch();

	if (epoch != 0 && epoch == cache_epoch)
		return;
	if (epoch == 0 && cache_epoch == 0 &&
		!TimestampDifferenceExceeds(cache_since, GetCurrentTimestamp(), BLIND_LIFETIME))
		return;
	keys_forget();
	cache_epoch = epoch;
	cache_since = GetCurrentTimestamp();
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

static const SubjectKey *
cached(int32 tenant, const pg_uuid_t *subject, uint32 generation)
{
	CacheKey id = {.tenant = tenant, .generation = generation, .subject = *subject};

	if (cache == NULL)
		return NULL;
	if (last_found == NULL || memcmp(&last_found->id, &id, sizeof(id)) != 0)
		last_found = hash_search(cache, &id, HASH_FIND, NULL);
	return last_found == NULL ? NULL : &last_found->value;
}

static const SubjectKey *
remember(int32 tenant, const pg_uuid_t *subject, uint32 generation, const SubjectKey *key)
{
	CacheKey id = {.tenant = tenant, .generation = generation, .subject = *subject};
	CacheEntry *entry = hash_search(get_cache(), &id, HASH_ENTER, NULL);

	entry->value = *key;
	return &entry->value;
}

/* A transaction that works through a large register must not fill the memory. */
static void
keep_cache_small(void)
{
	if (cache != NULL && hash_get_num_entries(cache) > CACHE_MAX)
		keys_forget();
}

/* --- reading --- */

/* A row of select_subject or select_ahead, before another query takes its place. */
typedef struct KeyRow
{
	uint32 generation;
	uint32 tenant_generation;
	bytea *wrapped;
	pg_uuid_t subject;
} KeyRow;

static KeyRow
take_row(int row)
{
	return (KeyRow){.generation = key_rows_number(row, 1),
					.tenant_generation = key_rows_number(row, 2),
					.wrapped = key_rows_bytes(row, 3)};
}

/* False where the row is damaged, or its tenant key is not there. */
static bool
open_row(int32 tenant, const KeyRow *row, SubjectKey *result)
{
	KeyPlace place = {.tenant = tenant, .subject = &row->subject, .generation = row->generation};
	const TenantKey *wrapping = tenant_key_find(tenant, row->tenant_generation);

	result->generation = row->generation;
	return wrapping != NULL && unwrap_key(row->wrapped, wrapping->key, &place, result->key);
}

static bool
read_subject_key(int32 tenant, const pg_uuid_t *subject, uint32 generation, SubjectKey *result)
{
	Datum values[] = {Int32GetDatum(tenant), UUIDPGetDatum(subject),
					  Int32GetDatum((int32) generation)};
	KeyRow row;

	core_read_now_as_owner(&select_subject, values);
	if (SPI_processed == 0)
		return false;
	row = take_row(0);
	row.subject = *subject;
	if (open_row(tenant, &row, result))
		return true;
	if (tenant_key_find(tenant, row.tenant_generation) == NULL)
		tenant_key_refuse(tenant, row.tenant_generation);
	fail(ERR_seal_broken);
}

/* Puts the keys of the person and of the next ones into the cache. */
static void
read_ahead(int32 tenant, const pg_uuid_t *subject)
{
	Datum values[] = {Int32GetDatum(tenant), UUIDPGetDatum(subject), Int32GetDatum(ahead.window)};
	SubjectKey key;
	KeyRow *rows;
	int count;

	core_read_now_as_owner(&select_ahead, values);
	count = (int) SPI_processed;
	rows = palloc(count * sizeof(KeyRow) + 1);
	for (int i = 0; i < count; i++)
	{
		bool isnull;

		rows[i] = take_row(i);
		rows[i].subject =
			*DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 4, &isnull));
	}
	for (int i = 0; i < count; i++)
	{
		if (open_row(tenant, &rows[i], &key))
			(void) remember(tenant, &rows[i].subject, rows[i].generation, &key);
	}
	crypto_wipe(&key, sizeof(key));
}

/* Whether it pays to look ahead at this miss. */
static bool
choose_window(void)
{
	bool used = ahead.hits * 2 >= ahead.window;

	ahead.misses++;
	ahead.hits = 0;
	if (ahead.window > 0)
		ahead.window = used ? Min(ahead.window * 2, LAST_WINDOW) : 0;
	else if (ahead.misses % TRY_AHEAD_EVERY == FIRST_WINDOW)
		ahead.window = FIRST_WINDOW;
	return ahead.window > 0;
}

/* Raises when the person's key was destroyed on purpose. */
static void
refuse_erased(int32 tenant, const pg_uuid_t *subject)
{
	Datum values[] = {Int32GetDatum(tenant), UUIDPGetDatum(subject)};

	core_read_now_as_owner(&select_erased, values);
	if (SPI_processed > 0)
		fail(ERR_person_erased, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
}

/* --- making --- */

/*
 * Makes and caches first keys for people who have none and are not erased; returns how
 * many it made.
 */
static int
insert_subject_keys(int32 tenant, const Datum *subjects, int count)
{
	const TenantKey *wrapping = tenant_key_active(tenant);
	SubjectKey *keys = palloc(count * sizeof(SubjectKey));
	Datum *wrapped = palloc(count * sizeof(Datum));
	Datum values[4] = {Int32GetDatum(tenant)};
	int made;

	for (int i = 0; i < count; i++)
	{
		KeyPlace place = {.tenant = tenant, .subject = DatumGetUUIDP(subjects[i]), .generation = 1};

		keys[i].generation = 1;
		wrap_new_key(&place, keys[i].key);
		wrapped[i] = PointerGetDatum(wrap_key(keys[i].key, wrapping->key, &place));
	}
	values[1] = PointerGetDatum(
		construct_array((Datum *) subjects, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[2] = PointerGetDatum(construct_array(wrapped, count, BYTEAOID, -1, false, TYPALIGN_INT));
	values[3] = Int32GetDatum((int32) wrapping->generation);
	core_execute_as_owner(&insert_subjects, values, false);
	made = (int) SPI_processed;
	/* Where some had a key already, what was made for them is not theirs. */
	for (int i = 0; i < count && made == count; i++)
	{
		(void) remember(tenant, DatumGetUUIDP(subjects[i]), 0, &keys[i]);
		(void) remember(tenant, DatumGetUUIDP(subjects[i]), 1, &keys[i]);
	}
	crypto_wipe(keys, count * sizeof(SubjectKey));
	return made;
}

/* The newest key of a person, made when there is none. */
static void
find_or_make(int32 tenant, const pg_uuid_t *subject, SubjectKey *key)
{
	Datum one = UUIDPGetDatum(subject);

	for (int i = 0; i < INSERT_ATTEMPTS; i++)
	{
		if (read_subject_key(tenant, subject, 0, key))
			return;
		refuse_erased(tenant, subject);
		/* A rotation may have destroyed the tenant key that was cached. */
		if (insert_subject_keys(tenant, &one, 1) == 0)
			tenant_keys_forget();
		else
		{
			*key = *cached(tenant, subject, 0);
			return;
		}
	}
	if (!read_subject_key(tenant, subject, 0, key))
		fail(ERR_key_missing, "the person's key");
}

const SubjectKey *
keys_for_sealing(int32 tenant, const pg_uuid_t *subject)
{
	const SubjectKey *known;
	SubjectKey key;

	keys_drop_outdated();
	known = cached(tenant, subject, 0);
	if (known != NULL)
		return known;
	keep_cache_small();
	SPI_connect();
	find_or_make(tenant, subject, &key);
	SPI_finish();
	/* Also by its generation: what is sealed and opened in one statement. */
	(void) remember(tenant, subject, key.generation, &key);
	known = remember(tenant, subject, 0, &key);
	crypto_wipe(&key, sizeof(key));
	return known;
}

/* Puts the key of a generation into the cache; NULL where there is none.  SPI is connected. */
static const SubjectKey *
look_up(int32 tenant, const pg_uuid_t *subject, uint32 generation)
{
	const SubjectKey *known;
	SubjectKey key;

	keep_cache_small();
	if (choose_window())
		read_ahead(tenant, subject);
	known = cached(tenant, subject, generation);
	if (known == NULL && read_subject_key(tenant, subject, generation, &key))
	{
		known = remember(tenant, subject, generation, &key);
		crypto_wipe(&key, sizeof(key));
	}
	return known;
}

const SubjectKey *
keys_find(int32 tenant, const pg_uuid_t *subject, uint32 generation)
{
	const SubjectKey *known;

	keys_drop_outdated();
	known = cached(tenant, subject, generation);
	if (known != NULL)
	{
		ahead.hits++;
		return known;
	}
	SPI_connect();
	known = look_up(tenant, subject, generation);
	SPI_finish();
	return known;
}

const SubjectKey *
keys_for_opening(int32 tenant, const pg_uuid_t *subject, uint32 generation)
{
	const SubjectKey *known = keys_find(tenant, subject, generation);

	if (known != NULL)
		return known;
	SPI_connect();
	refuse_erased(tenant, subject);
	/* a value of another tenant, or of a key that was lost: no oracle */
	fail(ERR_seal_broken);
}

/* --- for SQL --- */

/* attest_internal.forget_keys() */
Datum
attest_forget_keys(PG_FUNCTION_ARGS)
{
	keys_forget();
	PG_RETURN_VOID();
}

/* attest_internal.keys_changed() */
Datum
attest_keys_changed(PG_FUNCTION_ARGS)
{
	keys_forget();
	key_epoch_change();
	PG_RETURN_VOID();
}

/* attest_internal.create_subject_keys(subjects uuid[]) */
Datum
attest_create_subject_keys(PG_FUNCTION_ARGS)
{
	int32 tenant = tenant_required();
	int64 made = 0;
	Datum *subjects;
	bool *nulls;
	int count;

	keys_drop_outdated();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &subjects,
					  &nulls, &count);
	SPI_connect();
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			fail(ERR_bad_value, "subjects", "an array without NULL");
	}
	for (int i = 0; i < count; i += CREATE_MAX_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		keep_cache_small();
		made += insert_subject_keys(tenant, subjects + i, Min(count - i, CREATE_MAX_BATCH));
	}
	SPI_finish();
	PG_RETURN_INT64(made);
}

/* The tenant key of a generation, for the primitives of rotation; SPI is connected. */
static const TenantKey *
required_key(int32 tenant, uint32 generation)
{
	const TenantKey *key;

	keys_drop_outdated();
	key = tenant_key_find(tenant, generation);
	if (key == NULL)
		tenant_key_refuse(tenant, generation);
	return key;
}

/* Copies out of SPI's memory, which ends with the connection. */
static Datum
finish_wrapped(bytea *wrapped)
{
	bytea *result = SPI_palloc(VARSIZE(wrapped));

	memcpy(result, wrapped, VARSIZE(wrapped));
	SPI_finish();
	return PointerGetDatum(result);
}

/*
 * attest_internal.make_subject_key(subject uuid, generation int, tenant_generation int):
 * a new key of a person, wrapped.
 */
Datum
attest_make_subject_key(PG_FUNCTION_ARGS)
{
	KeyPlace place = {.tenant = tenant_required(),
					  .subject = PG_GETARG_UUID_P(0),
					  .generation = (uint32) PG_GETARG_INT32(1)};
	uint8 key[CRYPTO_KEY_BYTES];
	bytea *wrapped;

	SPI_connect();
	wrap_new_key(&place, key);
	wrapped = wrap_key(key, required_key(place.tenant, (uint32) PG_GETARG_INT32(2))->key, &place);
	crypto_wipe(key, sizeof(key));
	return finish_wrapped(wrapped);
}

/*
 * attest_internal.rewrap_subject_key(subject uuid, generation int, tenant_generation int,
 * wrapped bytea, new_tenant_generation int)
 */
Datum
attest_rewrap_subject_key(PG_FUNCTION_ARGS)
{
	KeyRow row = {.subject = *PG_GETARG_UUID_P(0),
				  .generation = (uint32) PG_GETARG_INT32(1),
				  .tenant_generation = (uint32) PG_GETARG_INT32(2),
				  .wrapped = PG_GETARG_BYTEA_PP(3)};
	KeyPlace place = {
		.tenant = tenant_required(), .subject = &row.subject, .generation = row.generation};
	SubjectKey key;
	bytea *wrapped;

	SPI_connect();
	(void) required_key(place.tenant, row.tenant_generation);
	if (!open_row(place.tenant, &row, &key))
		fail(ERR_seal_broken);
	wrapped =
		wrap_key(key.key, required_key(place.tenant, (uint32) PG_GETARG_INT32(4))->key, &place);
	crypto_wipe(&key, sizeof(key));
	return finish_wrapped(wrapped);
}

/*
 * attest_internal.subject_key_opens(subject uuid, generation int, tenant_generation int,
 * wrapped bytea): under a tenant key that is there.
 */
Datum
attest_subject_key_opens(PG_FUNCTION_ARGS)
{
	KeyRow row = {.subject = *PG_GETARG_UUID_P(0),
				  .generation = (uint32) PG_GETARG_INT32(1),
				  .tenant_generation = (uint32) PG_GETARG_INT32(2),
				  .wrapped = PG_GETARG_BYTEA_PP(3)};
	SubjectKey key;
	bool opens;

	keys_drop_outdated();
	SPI_connect();
	opens = open_row(tenant_required(), &row, &key);
	crypto_wipe(&key, sizeof(key));
	SPI_finish();
	PG_RETURN_BOOL(opens);
}
