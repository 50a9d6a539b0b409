/*
 * columns.c
 *		Work on all the protected columns of one person, in every table of users.
 *
 * The tables belong to users, whose triggers must not run with the rights of
 * attest: each UPDATE runs as the owner of its table, as VACUUM does.  What is to
 * be done besides is told to the trigger of the columns by columns_task().
 */
#include "vault/columns.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "tenant/isolation.h"
#include "utils/rel.h"

ATTEST_FUNCTION(attest_columns_reblind);
ATTEST_FUNCTION(attest_columns_reseal);
ATTEST_FUNCTION(attest_columns_erase);
ATTEST_FUNCTION(attest_columns_merge);

static OwnerStatement select_tables = {
	.sql = "SELECT l.objoid FROM pg_seclabel l JOIN pg_class c ON c.oid = l.objoid "
		   "WHERE l.provider = '" LABEL_PROVIDER "' AND l.classoid = 'pg_class'::regclass "
		   "AND l.label = '" LABEL_SUBJECT "' AND c.relpersistence <> 't' ORDER BY 1",
	.nargs = 0};

static ColumnsTask running_task = COLUMNS_KEEP;

ColumnsTask
columns_task(void)
{
	return running_task;
}

static const char *
quoted_column(Oid table, AttrNumber column)
{
	return quote_identifier(get_attname(table, column, false));
}

char *
columns_table_name(Oid table)
{
	char *name = get_rel_name(table);

	if (name == NULL)
		fail(ERR_unknown_object, "table", "-");
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), name);
}

/* The UPDATE for the rows of a person; NULL where there is nothing to do in the table. */
static char *
statement_for(Oid table, const SealedTable *columns, ColumnsTask task)
{
	const char *subject = quoted_column(table, columns->subject);
	StringInfoData sql;
	StringInfoData filled;

	initStringInfo(&sql);
	initStringInfo(&filled);
	if (task == COLUMNS_MERGE)
	{
		appendStringInfo(&sql, "UPDATE %s SET %s = $3 WHERE tenant_id = $1 AND %s = $2",
						 columns_table_name(table), subject, subject);
		return sql.data;
	}
	appendStringInfo(&sql, "UPDATE %s SET %s = %s", columns_table_name(table), subject, subject);
	for (int i = 0; i < columns->count; i++)
	{
		const char *blind;

		if (columns->columns[i].blind == InvalidAttrNumber)
			continue;
		blind = quoted_column(table, columns->columns[i].blind);
		appendStringInfo(&filled, "%s%s IS NOT NULL", filled.len ? " OR " : "", blind);
		if (task == COLUMNS_ERASE)
			appendStringInfo(&sql, ", %s = NULL", blind);
	}
	if (columns->count == 0 || (task != COLUMNS_RESEAL && filled.len == 0))
		return NULL;
	appendStringInfo(&sql, " WHERE tenant_id = $1 AND %s = $2", subject);
	if (task != COLUMNS_RESEAL)
		appendStringInfo(&sql, " AND (%s)", filled.data);
	return sql.data;
}

/*
 * What runs as somebody else must not leave triggers for the end of the transaction, when
 * they would run as the caller: the server refuses it.
 */
static void
fire_deferred_at_once(Relation table)
{
	const TriggerDesc *triggers = table->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (!triggers->triggers[i].tgdeferrable)
			continue;
		(void) SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
		return;
	}
}

void
columns_run_as_owner(Oid table, bool every_tenant, const char *sql, int count, Oid *types,
					 Datum *values)
{
	Relation relation = table_open(table, AccessShareLock);
	int flags = SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION;
	int nest = NewGUCNestLevel();
	Oid caller;
	int context;
	int done;

	/* What the owner's functions find must not depend on who called attest. */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("row_security", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	fire_deferred_at_once(relation);
	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(relation->rd_rel->relowner,
						   context | flags | (every_tenant ? SECURITY_NOFORCE_RLS : 0));
	done = SPI_execute_with_args(sql, count, types, values, NULL, false, 0);
	if (done < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(done));
	SetUserIdAndSecContext(caller, context);
	AtEOXact_GUC(false, nest);
	table_close(relation, NoLock);
}

/* The tables of which a column is labelled as that of the person. */
static int
protected_tables(Oid **tables)
{
	MemoryContext caller = CurrentMemoryContext;
	int count;

	SPI_connect();
	core_execute_as_owner(&select_tables, NULL, true);
	count = (int) SPI_processed;
	*tables = MemoryContextAlloc(caller, sizeof(Oid) * (size_t) Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		bool isnull;

		(*tables)[i] = DatumGetObjectId(
			SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
	return count;
}

/* Runs the task on every table; the number of rows.  A merge moves them to another person. */
static int
update_person(const pg_uuid_t *person, const pg_uuid_t *other, ColumnsTask task)
{
	ColumnsTask before = running_task;
	Oid types[] = {INT4OID, UUIDOID, UUIDOID};
	Datum values[] = {Int32GetDatum(tenant_required()), UUIDPGetDatum(person),
					  UUIDPGetDatum(other)};
	Oid *tables;
	int count = protected_tables(&tables);
	int rows = 0;

	PG_TRY();
	{
		running_task = task;
		for (int i = 0; i < count; i++)
		{
			char *sql = statement_for(tables[i], labels_of_table(tables[i]), task);

			CHECK_FOR_INTERRUPTS();
			if (sql == NULL)
				continue;
			SPI_connect();
			columns_run_as_owner(tables[i], false, sql, lengthof(types), types, values);
			rows += (int) SPI_processed;
			SPI_finish();
		}
	}
	PG_FINALLY();
	{
		running_task = before;
	}
	PG_END_TRY();
	return rows;
}

/* attest_internal.columns_reblind(person uuid) */
Datum
attest_columns_reblind(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(update_person(PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(0), COLUMNS_REBLIND));
}

/* attest_internal.columns_reseal(person uuid) */
Datum
attest_columns_reseal(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(update_person(PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(0), COLUMNS_RESEAL));
}

/* attest_internal.columns_erase(person uuid) */
Datum
attest_columns_erase(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(update_person(PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(0), COLUMNS_ERASE));
}

/* attest_internal.columns_merge(keep uuid, dropped uuid) */
Datum
attest_columns_merge(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(update_person(PG_GETARG_UUID_P(1), PG_GETARG_UUID_P(0), COLUMNS_MERGE));
}
