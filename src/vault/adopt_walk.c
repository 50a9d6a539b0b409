/*
 * adopt_walk.c
 *		attest.adopt() on its way over a table: a range of blocks at a time.
 *
 * Only rows that were there when it began have to be touched, so one pass over the
 * blocks of that time is enough: the trigger of adopt.c does what is written later.
 */
#include "vault/columns.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "storage/itemptr.h"
#include "tenant/tenant.h"
#include "utils/array.h"
#include "utils/builtins.h"

ATTEST_FUNCTION(attest_adopt_tenants);
ATTEST_FUNCTION(attest_adopt_rows);
ATTEST_FUNCTION(attest_adopt_count);

/* Parameters of a range of blocks: its first row and the first of the next range. */
#define RANGE_ARGS 2

static Datum
first_of_block(int64 block)
{
	ItemPointer first = palloc(sizeof(ItemPointerData));

	ItemPointerSet(first, (BlockNumber) Min(block, (int64) MaxBlockNumber), 0);
	return PointerGetDatum(first);
}

static const char *
name_argument(FunctionCallInfo fcinfo, int number)
{
	return quote_identifier(NameStr(*PG_GETARG_NAME(number)));
}

/* attest_internal.adopt_tenants(tab, before name, after name, block, next_block bigint) */
Datum
attest_adopt_tenants(PG_FUNCTION_ARGS)
{
	Oid table = PG_GETARG_OID(0);
	const char *before = name_argument(fcinfo, 1);
	char *sql = psprintf("SELECT coalesce(array_agg(DISTINCT tenant_id), '{}') FROM ONLY %s "
						 "WHERE ctid >= $1 AND ctid < $2 AND %s IS NOT NULL AND %s IS NULL",
						 columns_table_name(table), before, name_argument(fcinfo, 2));
	Datum values[] = {first_of_block(PG_GETARG_INT64(3)), first_of_block(PG_GETARG_INT64(4))};
	Oid types[] = {TIDOID, TIDOID};
	Datum result;
	bool isnull;

	SPI_connect();
	columns_run_as_owner(table, true, sql, RANGE_ARGS, types, values);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	PG_RETURN_DATUM(result);
}

/* attest_internal.adopt_rows(tab, before name, after name, block, next_block bigint) */
Datum
attest_adopt_rows(PG_FUNCTION_ARGS)
{
	Oid table = PG_GETARG_OID(0);
	const char *before = name_argument(fcinfo, 1);
	char *sql =
		psprintf("UPDATE ONLY %s SET %s = %s WHERE ctid >= $1 AND ctid < $2 "
				 "AND tenant_id = $3 AND %s IS NOT NULL AND %s IS NULL",
				 columns_table_name(table), before, before, before, name_argument(fcinfo, 2));
	Datum values[] = {first_of_block(PG_GETARG_INT64(3)), first_of_block(PG_GETARG_INT64(4)),
					  Int32GetDatum(tenant_required())};
	Oid types[] = {TIDOID, TIDOID, INT4OID};
	int64 rows;

	SPI_connect();
	columns_run_as_owner(table, false, sql, lengthof(types), types, values);
	rows = (int64) SPI_processed;
	SPI_finish();
	PG_RETURN_INT64(rows);
}

/* attest_internal.adopt_count(tab regclass, before name, after name) */
Datum
attest_adopt_count(PG_FUNCTION_ARGS)
{
	Oid table = PG_GETARG_OID(0);
	const char *before = name_argument(fcinfo, 1);
	const char *after = name_argument(fcinfo, 2);
	char *sql =
		psprintf("SELECT count(%s), count(*) FILTER (WHERE %s IS NOT NULL AND %s IS NOT NULL) "
				 "FROM ONLY %s",
				 before, before, after, columns_table_name(table));
	TupleDesc descriptor;
	bool nulls[2];
	Datum values[2];

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "attest_internal.adopt_count() is not declared with its columns");
	SPI_connect();
	columns_run_as_owner(table, true, sql, 0, NULL, NULL);
	for (int i = 0; i < (int) lengthof(values); i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &nulls[i]);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
