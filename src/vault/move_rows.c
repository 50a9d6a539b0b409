/*
 * move_rows.c
 *		Rows of users' tables that point at a person who becomes another one.
 *
 * As in columns.c the tables belong to users, whose triggers must not run with the rights
 * of attest: rows are read and written as the owner of their table.  The owner may not
 * seal for others, so values are opened and sealed again here, in between.
 */
#include "vault/columns.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"

ATTEST_FUNCTION(attest_move_rows);
/* That of reseal.c, called as SQL calls it. */
extern Datum attest_transfer(PG_FUNCTION_ARGS);

/* Of a row that was read: where it lies, and of what table, before the sealed columns. */
#define PLACE_COLUMNS 2

typedef struct Move
{
	Oid table;
	const char *name;
	const char *person; /* the column, quoted */
	Datum kept;
	Datum dropped;
	int count; /* sealed columns, quoted */
	const char **sealed;
} Move;

static void
find_sealed_columns(Move *move)
{
	Relation table = table_open(move->table, AccessShareLock);
	TupleDesc columns = RelationGetDescr(table);
	Oid sealed = carrier_sealed_type();

	move->sealed = palloc(sizeof(char *) * (size_t) Max(columns->natts, 1));
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && column->attgenerated == '\0' && column->atttypid == sealed)
			move->sealed[move->count++] = quote_identifier(pstrdup(NameStr(column->attname)));
	}
	table_close(table, NoLock);
}

/* The rows of the dropped person, which stay locked: SPI's table of them. */
static SPITupleTable *
read_rows(const Move *move, const char *tenant)
{
	Datum values[] = {Int32GetDatum(tenant_required()), move->dropped};
	Oid types[] = {INT4OID, UUIDOID};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ctid, tableoid");
	for (int i = 0; i < move->count; i++)
		appendStringInfo(&sql, ", %s", move->sealed[i]);
	appendStringInfo(&sql, " FROM %s WHERE %s = $1 AND %s = $2 FOR UPDATE", move->name, tenant,
					 move->person);
	columns_run_as_owner(move->table, false, sql.data, lengthof(values), types, values);
	return SPI_tuptable;
}

/* Writes one row for the kept person, with what was sealed for the dropped one. */
static void
write_row(const Move *move, HeapTuple row, TupleDesc shape)
{
	int parameters = 1 + PLACE_COLUMNS;
	Datum *values = palloc(sizeof(Datum) * (size_t) (parameters + move->count));
	Oid *types = palloc(sizeof(Oid) * (size_t) (parameters + move->count));
	StringInfoData sql;
	bool isnull;

	values[0] = move->kept;
	values[1] = heap_getattr(row, 1, shape, &isnull);
	values[2] = heap_getattr(row, 2, shape, &isnull);
	types[0] = UUIDOID;
	types[1] = TIDOID;
	types[2] = OIDOID;
	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s SET %s = $1", move->name, move->person);
	for (int i = 0; i < move->count; i++)
	{
		Datum value = heap_getattr(row, i + 1 + PLACE_COLUMNS, shape, &isnull);

		if (isnull)
			continue;
		values[parameters] = DirectFunctionCall3(attest_transfer, value, move->dropped, move->kept);
		types[parameters++] = carrier_sealed_type();
		appendStringInfo(&sql, ", %s = $%d", move->sealed[i], parameters);
	}
	appendStringInfoString(&sql, " WHERE ctid = $2 AND tableoid = $3");
	columns_run_as_owner(move->table, false, sql.data, parameters, types, values);
}

/*
 * attest_internal.move_rows(tab regclass, tenant_column name, person_column name, keep uuid,
 *		dropped uuid)
 */
Datum
attest_move_rows(PG_FUNCTION_ARGS)
{
	Move move = {.table = PG_GETARG_OID(0),
				 .name = columns_table_name(PG_GETARG_OID(0)),
				 .person = quote_identifier(NameStr(*PG_GETARG_NAME(2))),
				 .kept = PG_GETARG_DATUM(3),
				 .dropped = PG_GETARG_DATUM(4)};
	SPITupleTable *rows;
	uint64 count;

	find_sealed_columns(&move);
	SPI_connect();
	rows = read_rows(&move, quote_identifier(NameStr(*PG_GETARG_NAME(1))));
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		write_row(&move, rows->vals[i], rows->tupdesc);
	}
	SPI_finish();
	PG_RETURN_INT64((int64) count);
}
