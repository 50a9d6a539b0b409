/*
 * tenant_keys.c
 *		Keys of tenants: made, found, cached; and the primitives that rotation is
 *		made of.  The KEK (keyring) wraps them, in attest_data.tenant_key.
 *
 * The cache is a few places in locked memory: the entered tenant's active key, and
 * while a rotation goes on the retiring one.
 */
#include "vault/key_rows.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "vault/wrap.h"

#define PLACES 4

ATTEST_FUNCTION(attest_make_tenant_key);
ATTEST_FUNCTION(attest_rewrap_tenant_key);
ATTEST_FUNCTION(attest_tenant_key_fault);

static TenantKey *places = NULL;
static int next_place = 0;

/*
 * The first key of a tenant.  Another backend may be making one too: the row that is
 * there first stays, and is then read.
 */
static OwnerStatement insert_first = {
	.sql = "WITH made AS (INSERT INTO attest_data.tenant_key (tenant_id, generation, kek_epoch, "
		   "  wrapped) VALUES ($1, 1, $2, $3) ON CONFLICT DO NOTHING RETURNING kek_epoch), "
		   "known AS (INSERT INTO attest_data.kek_epoch (epoch) SELECT kek_epoch FROM made "
		   "  ON CONFLICT DO NOTHING) "
		   "INSERT INTO attest_data.tenant_key_wrapping (tenant_id, generation, kek_epoch) "
		   "SELECT $1, 1, kek_epoch FROM made",
	.nargs = 3,
	.types = {INT4OID, INT4OID, BYTEAOID}};

static OwnerStatement select_key = {
	.sql = "SELECT generation, kek_epoch, wrapped, state = 'active' FROM attest_data.tenant_key "
		   "WHERE tenant_id = $1 AND state <> 'destroyed' "
		   "AND (generation = $2 OR ($2 = 0 AND state = 'active'))",
	.nargs = 2,
	.types = {INT4OID, INT4OID}};

static OwnerStatement select_in_use = {
	.sql = "SELECT generation FROM attest_data.tenant_key WHERE tenant_id = $1 "
		   "AND state IN ('active', 'retiring') ORDER BY generation DESC",
	.nargs = 1,
	.types = {INT4OID}};

static OwnerStatement select_code = {.sql = "SELECT code FROM attest_data.tenant WHERE id = $1",
									 .nargs = 1,
									 .types = {INT4OID}};

/* --- rows --- */

static Datum
row_value(int row, int column)
{
	bool isnull;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
}

uint32
key_rows_number(int row, int column)
{
	return (uint32) DatumGetInt32(row_value(row, column));
}

bytea *
key_rows_bytes(int row, int column)
{
	return DatumGetByteaPP(row_value(row, column));
}

/* --- cache --- */

void
tenant_keys_forget(void)
{
	if (places != NULL)
		crypto_wipe(places, PLACES * sizeof(TenantKey));
}

static TenantKey *
cached(int32 tenant, uint32 generation)
{
	for (int i = 0; places != NULL && i < PLACES; i++)
	{
		if (places[i].generation != 0 && places[i].tenant == tenant &&
			(generation == 0 ? places[i].active : places[i].generation == generation))
			return &places[i];
	}
	return NULL;
}

static TenantKey *
take_place(void)
{
	if (places == NULL)
		places = crypto_secure_alloc(PLACES * sizeof(TenantKey));
	if (places == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for keys")));
	next_place = (next_place + 1) % PLACES;
	return &places[next_place];
}

/* --- keys --- */

void
tenant_key_refuse(int32 tenant, uint32 generation)
{
	Datum values[] = {Int32GetDatum(tenant)};
	const char *code = NULL;

	core_execute_as_owner(&select_code, values, true);
	if (SPI_processed > 0)
		code = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	fail(ERR_key_missing,
		 psprintf("key generation %u of tenant %s", generation, code == NULL ? "?" : code));
}

/* Raises where the keyring has no such epoch, or another key under its number. */
static void
open_row(bytea *wrapped, uint32 epoch, const KeyPlace *place, uint8 *key)
{
	uint8 kek[CRYPTO_KEY_BYTES];
	bool opened;

	keyring_key(&epoch, kek);
	opened = unwrap_key(wrapped, kek, place, key);
	crypto_wipe(kek, sizeof(kek));
	if (!opened)
		fail(ERR_key_missing, psprintf("the KEK epoch %u that wrapped the tenant's key", epoch));
}

static const TenantKey *
read_key(int32 tenant, uint32 generation)
{
	Datum values[] = {Int32GetDatum(tenant), Int32GetDatum((int32) generation)};
	KeyPlace place = {.tenant = tenant};
	uint8 key[CRYPTO_KEY_BYTES];
	TenantKey *result;

	core_read_now_as_owner(&select_key, values);
	if (SPI_processed == 0)
		return NULL;
	place.generation = key_rows_number(0, 1);
	open_row(key_rows_bytes(0, 3), key_rows_number(0, 2), &place, key);
	result = take_place();
	result->tenant = tenant;
	result->generation = place.generation;
	result->active = DatumGetBool(row_value(0, 4));
	memcpy(result->key, key, CRYPTO_KEY_BYTES);
	crypto_wipe(key, sizeof(key));
	return result;
}

const TenantKey *
tenant_key_find(int32 tenant, uint32 generation)
{
	const TenantKey *key = cached(tenant, generation);

	return key != NULL ? key : read_key(tenant, generation);
}

/* A new key wrapped under the newest epoch, for this place. */
static bytea *
make_wrapped(const KeyPlace *place, uint32 *epoch)
{
	uint8 key[CRYPTO_KEY_BYTES];
	uint8 kek[CRYPTO_KEY_BYTES];
	bytea *wrapped;

	*epoch = 0;
	keyring_key(epoch, kek);
	wrap_new_key(place, key);
	wrapped = wrap_key(key, kek, place);
	crypto_wipe(key, sizeof(key));
	crypto_wipe(kek, sizeof(kek));
	return wrapped;
}

const TenantKey *
tenant_key_active(int32 tenant)
{
	const TenantKey *key = tenant_key_find(tenant, 0);
	KeyPlace first = {.tenant = tenant, .generation = 1};
	Datum values[3] = {Int32GetDatum(tenant)};
	uint32 epoch;

	if (key != NULL)
		return key;
	values[2] = PointerGetDatum(make_wrapped(&first, &epoch));
	values[1] = Int32GetDatum((int32) epoch);
	core_execute_as_owner(&insert_first, values, false);
	key = tenant_key_find(tenant, 0);
	if (key == NULL)
		tenant_key_refuse(tenant, 1);
	return key;
}

void
keys_of_tenant(int32 tenant, uint32 *generation, uint8 key[CRYPTO_KEY_BYTES])
{
	const TenantKey *found;

	keys_drop_outdated();
	found = cached(tenant, *generation);
	if (found == NULL)
	{
		SPI_connect();
		found = *generation == 0 ? tenant_key_active(tenant) : tenant_key_find(tenant, *generation);
		if (found == NULL)
			tenant_key_refuse(tenant, *generation);
		SPI_finish();
	}
	*generation = found->generation;
	memcpy(key, found->key, CRYPTO_KEY_BYTES);
}

int
keys_in_use(int32 tenant, uint32 *generations, int capacity)
{
	Datum values[] = {Int32GetDatum(tenant)};
	int count;

	SPI_connect();
	(void) tenant_key_active(tenant);
	core_read_now_as_owner(&select_in_use, values);
	count = (int) Min(SPI_processed, (uint64) capacity);
	for (int i = 0; i < count; i++)
		generations[i] = key_rows_number(i, 1);
	SPI_finish();
	return count;
}

/* --- primitives of rotation: nothing that they return opens without the keyring --- */

static Datum
wrapped_row(FunctionCallInfo fcinfo, uint32 epoch, bytea *wrapped)
{
	Datum values[] = {Int32GetDatum((int32) epoch), PointerGetDatum(wrapped)};
	bool nulls[2] = {false, false};
	TupleDesc row;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}

/* attest_internal.make_tenant_key(tenant int, generation int) */
Datum
attest_make_tenant_key(PG_FUNCTION_ARGS)
{
	KeyPlace place = {.tenant = PG_GETARG_INT32(0), .generation = (uint32) PG_GETARG_INT32(1)};
	uint32 epoch;
	bytea *wrapped = make_wrapped(&place, &epoch);

	return wrapped_row(fcinfo, epoch, wrapped);
}

/* attest_internal.rewrap_tenant_key(tenant int, generation int, kek_epoch int, wrapped bytea) */
Datum
attest_rewrap_tenant_key(PG_FUNCTION_ARGS)
{
	KeyPlace place = {.tenant = PG_GETARG_INT32(0), .generation = (uint32) PG_GETARG_INT32(1)};
	uint8 key[CRYPTO_KEY_BYTES];
	uint8 kek[CRYPTO_KEY_BYTES];
	uint32 newest = 0;
	bytea *wrapped;

	open_row(PG_GETARG_BYTEA_PP(3), (uint32) PG_GETARG_INT32(2), &place, key);
	keyring_key(&newest, kek);
	wrapped = wrap_key(key, kek, &place);
	crypto_wipe(key, sizeof(key));
	crypto_wipe(kek, sizeof(kek));
	return wrapped_row(fcinfo, newest, wrapped);
}

/*
 * attest_internal.tenant_key_fault(tenant int, generation int, kek_epoch int, wrapped
 * bytea): what keeps the key from being opened, or NULL.
 */
Datum
attest_tenant_key_fault(PG_FUNCTION_ARGS)
{
	KeyPlace place = {.tenant = PG_GETARG_INT32(0), .generation = (uint32) PG_GETARG_INT32(1)};
	uint32 epoch = (uint32) PG_GETARG_INT32(2);
	uint8 key[CRYPTO_KEY_BYTES];
	uint8 kek[CRYPTO_KEY_BYTES];
	bool opened;

	if (!keyring_has(epoch))
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("KEK epoch %u is not in the keyring", epoch)));
	keyring_key(&epoch, kek);
	opened = unwrap_key(PG_GETARG_BYTEA_PP(3), kek, &place, key);
	crypto_wipe(key, sizeof(key));
	crypto_wipe(kek, sizeof(kek));
	if (opened)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(
		cstring_to_text(psprintf("the keyring has another key as KEK epoch %u", epoch)));
}
