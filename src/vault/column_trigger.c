/*
 * column_trigger.c
 *		The trigger of attest.protect_columns(): BEFORE INSERT OR UPDATE, for each row.
 *
 * It seals carriers with the tenant, the person and the purpose of their row,
 * leaves what is sealed for this very row alone, so that an upsert, a restored dump
 * or a copied row is not sealed twice, and refuses everything else.  Blind values
 * follow the sealed ones.
 *
 * The header of a sealed value does not name the tenant; one that was sealed for
 * the same person and purpose by another tenant is stored, and does not open.
 */
#include "vault/columns.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "tenant/tenant.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"

ATTEST_FUNCTION(attest_seal_columns);
/* Those of sealed.c, reseal.c and blind.c, called as SQL calls them. */
extern Datum attest_seal(PG_FUNCTION_ARGS);
extern Datum attest_unseal(PG_FUNCTION_ARGS);
extern Datum attest_reseal(PG_FUNCTION_ARGS);
extern Datum attest_transfer(PG_FUNCTION_ARGS);
extern Datum attest_blind(PG_FUNCTION_ARGS);

/* The row on its way, and what changes in it. */
typedef struct Row
{
	const SealedTable *table;
	TupleDesc shape;
	HeapTuple old; /* NULL for an INSERT */
	HeapTuple new;
	Datum subject;
	bool has_subject;
	bool same_subject; /* as in the old row */
} Row;

typedef struct Cell
{
	Datum value;
	bool isnull;
} Cell;

static Cell
cell_of(HeapTuple tuple, TupleDesc shape, AttrNumber column)
{
	Cell cell;

	Assert(tuple != NULL);
	cell.value = heap_getattr(tuple, column, shape, &cell.isnull);
	return cell;
}

/* Byte for byte the same, toasted or not. */
static bool
is_same(Cell a, Cell b)
{
	if (a.isnull || b.isnull)
		return a.isnull && b.isnull;
	return datumIsEqual(a.value, b.value, false, -1);
}

static void
set_cell(Row *row, AttrNumber column, Cell cell)
{
	int number = column;

	row->new =
		heap_modify_tuple_by_cols(row->new, row->shape, 1, &number, &cell.value, &cell.isnull);
}

static const char *
column_name(const Row *row, AttrNumber column)
{
	return NameStr(TupleDescAttr(row->shape, column - 1)->attname);
}

/* Before something is sealed or opened for the row. */
static void
require_place(const Row *row)
{
	Cell tenant = cell_of(row->new, row->shape, row->table->tenant);
	int32 entered = tenant_required();

	if (tenant.isnull || DatumGetInt32(tenant.value) != entered)
		fail(ERR_bad_value, "tenant_id", "that of the entered tenant");
	if (!row->has_subject)
		fail(ERR_field_required, column_name(row, row->table->subject));
}

static Datum
seal_text(const Row *row, const SealedColumn *column, Datum plain)
{
	return DirectFunctionCall3(attest_seal, plain, row->subject, PointerGetDatum(column->purpose));
}

static Datum
open_text(const Row *row, const SealedColumn *column, Datum sealed)
{
	return DirectFunctionCall3(attest_unseal, sealed, row->subject,
							   PointerGetDatum(column->purpose));
}

static void
set_blind(Row *row, const SealedColumn *column, Datum plain)
{
	Cell blind = {.value =
					  DirectFunctionCall2(attest_blind, PointerGetDatum(column->purpose), plain)};

	set_cell(row, column->blind, blind);
}

/* Raises unless the value was sealed for the person of the row and the purpose of the column. */
static void
require_sealed_here(const Row *row, const SealedColumn *column, const bytea *value)
{
	SealedHeader header;

	if (!sealed_read((const uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &header) ||
		!row->has_subject ||
		memcmp(header.subject, DatumGetUUIDP(row->subject)->data, SEALED_SUBJECT_BYTES) != 0 ||
		memcmp(header.purpose, column->fingerprint, SEALED_PURPOSE_BYTES) != 0)
		fail(ERR_sealed_elsewhere, column_name(row, column->sealed));
}

/*
 * The blind value of a value that came sealed.  Without a tenant (a restored dump
 * has none) the one that came with it is kept.
 */
static void
follow_sealed(Row *row, const SealedColumn *column, Datum value)
{
	if (column->blind == InvalidAttrNumber || tenant_context() == NULL)
		return;
	require_place(row);
	set_blind(row, column, open_text(row, column, value));
}

/*
 * A value that the UPDATE leaves as it is.  Its blind value may go (erasure), but not
 * become another one.
 */
static void
keep_value(Row *row, const SealedColumn *column, Cell value)
{
	ColumnsTask task = columns_task();
	Cell blind;

	if (task == COLUMNS_RESEAL)
	{
		Cell sealed = {.value = DirectFunctionCall1(attest_reseal, value.value)};

		set_cell(row, column->sealed, sealed);
	}
	if (column->blind == InvalidAttrNumber)
		return;
	blind = cell_of(row->new, row->shape, column->blind);
	if (task == COLUMNS_REBLIND ||
		(!blind.isnull && !is_same(blind, cell_of(row->old, row->shape, column->blind))))
		follow_sealed(row, column, value.value);
}

/* The row goes to another person; its blind values stay true. */
static void
move_value(Row *row, const SealedColumn *column, Cell value)
{
	Cell before = cell_of(row->old, row->shape, row->table->subject);
	Cell sealed = {
		.value = DirectFunctionCall3(attest_transfer, value.value, before.value, row->subject)};

	set_cell(row, column->sealed, sealed);
}

static void
take_value(Row *row, const SealedColumn *column, Cell value)
{
	bytea *bytes = DatumGetByteaPP(value.value);

	if (carrier_is(bytes))
	{
		Datum plain = PointerGetDatum(carrier_text(bytes));
		Cell sealed;

		require_place(row);
		sealed = (Cell){.value = seal_text(row, column, plain)};
		set_cell(row, column->sealed, sealed);
		if (column->blind != InvalidAttrNumber)
			set_blind(row, column, plain);
	}
	else
	{
		require_sealed_here(row, column, bytes);
		follow_sealed(row, column, PointerGetDatum(bytes));
	}
}

static void
pass_column(Row *row, const SealedColumn *column)
{
	Cell value = cell_of(row->new, row->shape, column->sealed);
	Cell nothing = {.isnull = true};

	if (value.isnull)
	{
		if (column->blind != InvalidAttrNumber &&
			!cell_of(row->new, row->shape, column->blind).isnull)
			set_cell(row, column->blind, nothing);
	}
	else if (row->old && columns_task() == COLUMNS_MERGE)
		move_value(row, column, value);
	else if (row->same_subject && is_same(value, cell_of(row->old, row->shape, column->sealed)))
		keep_value(row, column, value);
	else
		take_value(row, column, value);
}

static void
require_call(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(((TriggerData *) fcinfo->context)->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(((TriggerData *) fcinfo->context)->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(((TriggerData *) fcinfo->context)->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this trigger is BEFORE INSERT OR UPDATE, for each row")));
}

/* The labels, read once a statement. */
static const SealedTable *
table_of(FunctionCallInfo fcinfo, Oid table)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = labels_of_table(table);
		MemoryContextSwitchTo(before);
	}
	return fcinfo->flinfo->fn_extra;
}

/* attest.seal_columns() */
Datum
attest_seal_columns(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Row row = {0};
	Cell subject;

	require_call(fcinfo);
	row.table = table_of(fcinfo, RelationGetRelid(trigger->tg_relation));
	row.shape = RelationGetDescr(trigger->tg_relation);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		row.old = trigger->tg_trigtuple;
	row.new = row.old ? trigger->tg_newtuple : trigger->tg_trigtuple;
	subject = cell_of(row.new, row.shape, row.table->subject);
	row.subject = subject.value;
	row.has_subject = !subject.isnull;
	row.same_subject =
		row.old && row.has_subject && !cell_of(row.old, row.shape, row.table->subject).isnull &&
		datumIsEqual(subject.value, cell_of(row.old, row.shape, row.table->subject).value, false,
					 UUID_LEN);
	for (int i = 0; i < row.table->count; i++)
		pass_column(&row, &row.table->columns[i]);
	return PointerGetDatum(row.new);
}
