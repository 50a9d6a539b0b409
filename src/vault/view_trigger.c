/*
 * view_trigger.c
 *		The INSTEAD OF trigger of views that open sealed columns.
 *
 * A view over one table under attest.protect_columns() is written through: what it
 * shows as attest.unseal(column, ...) goes back as a carrier into that column, what
 * it shows as a column goes there, and what it computes otherwise is read only.  So
 * COPY view FROM loads plain texts, which the table itself refuses.
 */
#include "vault/columns.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "rewrite/rewriteHandler.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

ATTEST_FUNCTION(attest_write_view);

/* What stands behind a column of the view. */
typedef struct ViewColumn
{
	AttrNumber base; /* invalid: computed */
	bool sealed;     /* shown as attest.unseal() */
	bool is_key;     /* of the primary key */
	bool has_default;
} ViewColumn;

typedef struct OpenView
{
	Oid table;
	int count;
	ViewColumn *columns; /* in the order of the view */
	int keys;            /* columns of the primary key that the view shows */
	int keys_of_table;
	/* the statement last prepared */
	char *sql;
	SPIPlanPtr plan;
} OpenView;

/* A statement in the making. */
typedef struct Statement
{
	const OpenView *view;
	TriggerData *trigger;
	StringInfoData sql;
	StringInfoData second; /* VALUES of an INSERT */
	int count;
	Oid types[MaxHeapAttributeNumber * 2];
	Datum values[MaxHeapAttributeNumber * 2];
	char nulls[MaxHeapAttributeNumber * 2];
} Statement;

/* --- the view --- */

/* The number of the only table with sealed columns in the range table, from 1. */
static int
find_base(Query *query, Oid view)
{
	int found = 0;

	for (int i = 1; i <= list_length(query->rtable); i++)
	{
		RangeTblEntry *entry = list_nth_node(RangeTblEntry, query->rtable, i - 1);

		if (entry->rtekind != RTE_RELATION || entry->relid == view ||
			entry->relkind != RELKIND_RELATION || !labels_has_sealed(entry->relid))
			continue;
		if (found != 0)
			fail(ERR_columns_refused,
				 gettext_noop("the view reads two tables with sealed columns"));
		found = i;
	}
	if (found == 0)
		fail(ERR_columns_refused, gettext_noop("the view reads no table with sealed columns"));
	return found;
}

static bool
is_unseal(Oid function)
{
	char *schema = get_namespace_name(get_func_namespace(function));
	char *name = get_func_name(function);

	return schema != NULL && name != NULL && strcmp(schema, "attest") == 0 &&
		   strcmp(name, "unseal") == 0;
}

/* The column of the table that an expression of the view shows. */
static void
describe(Expr *expression, int base, ViewColumn *column)
{
	Var *var = (Var *) expression;

	if (IsA(expression, FuncExpr) && is_unseal(((FuncExpr *) expression)->funcid))
	{
		column->sealed = true;
		var = linitial(((FuncExpr *) expression)->args);
	}
	if (IsA(var, Var) && var->varno == base && var->varattno > 0 && var->varlevelsup == 0)
		column->base = var->varattno;
}

static void
describe_table(OpenView *view)
{
	Relation table = table_open(view->table, AccessShareLock);
	Bitmapset *key = RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_PRIMARY_KEY);

	view->keys_of_table = bms_num_members(key);
	for (int i = 0; i < view->count; i++)
	{
		ViewColumn *column = &view->columns[i];

		if (column->base == InvalidAttrNumber)
			continue;
		column->has_default = TupleDescAttr(RelationGetDescr(table), column->base - 1)->atthasdef;
		column->is_key = !column->sealed &&
						 bms_is_member(column->base - FirstLowInvalidHeapAttributeNumber, key);
		view->keys += column->is_key ? 1 : 0;
	}
	bms_free(key);
	table_close(table, AccessShareLock);
}

static void
forget_plan(void *argument)
{
	OpenView *view = argument;

	if (view->plan != NULL)
		SPI_freeplan(view->plan);
}

static OpenView *
new_view(Relation relation, MemoryContext context)
{
	Query *query = get_view_query(relation);
	int base = find_base(query, RelationGetRelid(relation));
	OpenView *view = MemoryContextAllocZero(context, sizeof(OpenView));
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(*callback));
	ListCell *cell;

	view->table = list_nth_node(RangeTblEntry, query->rtable, base - 1)->relid;
	view->columns = MemoryContextAllocZero(
		context, sizeof(ViewColumn) * (size_t) RelationGetNumberOfAttributes(relation));
	foreach (cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk && view->count < RelationGetNumberOfAttributes(relation))
			describe(entry->expr, base, &view->columns[view->count++]);
	}
	describe_table(view);
	callback->func = forget_plan;
	callback->arg = view;
	MemoryContextRegisterResetCallback(context, callback);
	return view;
}

/* --- the statement --- */

static Datum
cell_of(const Statement *statement, HeapTuple tuple, int column, bool *isnull)
{
	return heap_getattr(tuple, column + 1, RelationGetDescr(statement->trigger->tg_relation),
						isnull);
}

static const char *
quoted_column(const Statement *statement, int column)
{
	return quote_identifier(
		get_attname(statement->view->table, statement->view->columns[column].base, false));
}

/* Adds a parameter for a column of the view; its number, from 1. */
static int
add_parameter(Statement *statement, HeapTuple tuple, int column)
{
	bool isnull;
	Datum value = cell_of(statement, tuple, column, &isnull);
	const ViewColumn *shown = &statement->view->columns[column];

	statement->types[statement->count] = get_atttype(statement->view->table, shown->base);
	statement->nulls[statement->count] = isnull ? 'n' : ' ';
	if (shown->sealed && !isnull)
		value = PointerGetDatum(carrier_make(DatumGetTextPP(value)));
	statement->values[statement->count++] = value;
	return statement->count;
}

static void
refuse_computed(const Statement *statement, int column)
{
	fail(ERR_bad_value,
		 NameStr(TupleDescAttr(RelationGetDescr(statement->trigger->tg_relation), column)->attname),
		 "left as it is: the view computes it");
}

/* A NULL where the table has a default takes the default: COPY gives all columns. */
static void
build_insert(Statement *statement, HeapTuple new)
{
	for (int i = 0; i < statement->view->count; i++)
	{
		const ViewColumn *column = &statement->view->columns[i];
		bool isnull;

		(void) cell_of(statement, new, i, &isnull);
		if (isnull && (column->base == InvalidAttrNumber || column->has_default))
			continue;
		if (column->base == InvalidAttrNumber)
			refuse_computed(statement, i);
		appendStringInfo(&statement->sql, "%s%s", statement->count ? ", " : "",
						 quoted_column(statement, i));
		appendStringInfoString(&statement->second, statement->count ? ", " : "");
		appendStringInfo(&statement->second, "$%d", add_parameter(statement, new, i));
	}
	appendStringInfo(&statement->sql, ") VALUES (%s)", statement->second.data);
}

static bool
is_changed(const Statement *statement, int column)
{
	Form_pg_attribute type =
		TupleDescAttr(RelationGetDescr(statement->trigger->tg_relation), column);
	bool was_null;
	bool is_null;
	Datum before = cell_of(statement, statement->trigger->tg_trigtuple, column, &was_null);
	Datum after = cell_of(statement, statement->trigger->tg_newtuple, column, &is_null);

	if (was_null || is_null)
		return was_null != is_null;
	return !datumIsEqual(before, after, type->attbyval, type->attlen);
}

/* Whether a column changes at all. */
static bool
build_changes(Statement *statement)
{
	for (int i = 0; i < statement->view->count; i++)
	{
		if (!is_changed(statement, i))
			continue;
		if (statement->view->columns[i].base == InvalidAttrNumber)
			refuse_computed(statement, i);
		appendStringInfo(&statement->sql, "%s%s = ", statement->count ? ", " : "",
						 quoted_column(statement, i));
		appendStringInfo(&statement->sql, "$%d",
						 add_parameter(statement, statement->trigger->tg_newtuple, i));
	}
	return statement->count > 0;
}

static void
build_key(Statement *statement)
{
	const char *word = " WHERE";

	if (statement->view->keys == 0 || statement->view->keys != statement->view->keys_of_table)
		fail(ERR_columns_refused,
			 gettext_noop("the view does not show the primary key of its table"));
	for (int i = 0; i < statement->view->count; i++)
	{
		if (!statement->view->columns[i].is_key)
			continue;
		appendStringInfo(&statement->sql, "%s %s = ", word, quoted_column(statement, i));
		appendStringInfo(&statement->sql, "$%d",
						 add_parameter(statement, statement->trigger->tg_trigtuple, i));
		word = " AND";
	}
}

/* False where there is nothing to do. */
static bool
build(Statement *statement)
{
	TriggerEvent event = statement->trigger->tg_event;
	const char *table =
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(statement->view->table)),
								   get_rel_name(statement->view->table));

	initStringInfo(&statement->sql);
	initStringInfo(&statement->second);
	if (TRIGGER_FIRED_BY_INSERT(event))
	{
		appendStringInfo(&statement->sql, "INSERT INTO %s (", table);
		build_insert(statement, statement->trigger->tg_trigtuple);
		return true;
	}
	appendStringInfo(&statement->sql,
					 TRIGGER_FIRED_BY_UPDATE(event) ? "UPDATE %s SET " : "DELETE FROM %s", table);
	if (TRIGGER_FIRED_BY_UPDATE(event) && !build_changes(statement))
		return false;
	build_key(statement);
	return true;
}

/* Prepared once for rows in a row that need the same. */
static bool
run(OpenView *view, Statement *statement, MemoryContext context)
{
	bool found;

	SPI_connect();
	if (view->plan == NULL || strcmp(view->sql, statement->sql.data) != 0)
	{
		SPIPlanPtr plan = SPI_prepare(statement->sql.data, statement->count, statement->types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare: %s", statement->sql.data);
		forget_plan(view);
		view->plan = plan;
		view->sql = MemoryContextStrdup(context, statement->sql.data);
	}
	(void) SPI_execute_plan(view->plan, statement->values, statement->nulls, false, 0);
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/* attest.write_view() */
Datum
attest_write_view(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Statement *statement;
	OpenView *view;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_INSTEAD(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this trigger is INSTEAD OF, for each row of a view")));
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = new_view(trigger->tg_relation, fcinfo->flinfo->fn_mcxt);
	view = fcinfo->flinfo->fn_extra;
	statement = palloc0(sizeof(Statement));
	statement->view = view;
	statement->trigger = trigger;
	if (build(statement) && !run(view, statement, fcinfo->flinfo->fn_mcxt))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple
																 : trigger->tg_trigtuple);
}
