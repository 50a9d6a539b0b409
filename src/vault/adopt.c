/*
 * adopt.c
 *		Columns that were in clear, or that pgcrypto encrypted, become sealed ones.
 *
 * While attest.adopt() walks over a table, a trigger keeps the new, sealed column in
 * step with the old one, for the rows that it touches and for those that clients
 * write.  It opens what is in the old column and gives it as a carrier to the trigger
 * of attest.protect_columns(), which runs after it.
 */
#include "vault/columns.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "tenant/tenant.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "vault/adopt_secret.h"

ATTEST_FUNCTION(attest_adopt_column);
ATTEST_FUNCTION(attest_register_adoption);

typedef enum AdoptKind
{
	ADOPT_CLEAR,
	ADOPT_PGP_SYM,
	ADOPT_AES
} AdoptKind;

static const char *const kind_names[] = {"clear", "pgp_sym", "aes"};

/* What the trigger needs of an adoption, read once a statement. */
typedef struct Adoption
{
	AttrNumber before; /* the old column */
	AttrNumber after;  /* the sealed one */
	AdoptKind kind;
	Oid function; /* output of the type, or the one of pgcrypto that decrypts */
	bytea *secret;
} Adoption;

static OwnerStatement select_adoption = {
	.sql = "SELECT a.kind, a.secret_file, a.secret_command FROM attest_data.adoption a "
		   "WHERE a.table_name = $1 AND a.column_name = $2 AND a.state = 'running'",
	.nargs = 2,
	.types = {TEXTOID, TEXTOID}};

/* $1: table, column, kind, column of the person, file, command; $2: blocks of the table. */
static OwnerStatement insert_adoption = {
	.sql = "INSERT INTO attest_data.adoption AS a (table_name, column_name, kind, subject_column, "
		   "secret_file, secret_command, blocks) "
		   "VALUES ($1[1], $1[2], $1[3], $1[4], $1[5], $1[6], $2) "
		   "ON CONFLICT ON CONSTRAINT adoption_pkey DO UPDATE SET kind = EXCLUDED.kind, "
		   "subject_column = EXCLUDED.subject_column, secret_file = EXCLUDED.secret_file, "
		   "secret_command = EXCLUDED.secret_command, state = 'running', ended_at = NULL, "
		   "blocks = CASE a.state WHEN 'running' THEN a.blocks ELSE EXCLUDED.blocks END, "
		   "next_block = CASE a.state WHEN 'running' THEN a.next_block ELSE 0 END, "
		   "rows_sealed = CASE a.state WHEN 'running' THEN a.rows_sealed ELSE 0 END",
	.nargs = 2,
	.types = {TEXTARRAYOID, INT8OID}};

static AdoptKind
kind_of(const char *name)
{
	for (int i = 0; i < (int) lengthof(kind_names); i++)
	{
		if (strcmp(kind_names[i], name) == 0)
			return (AdoptKind) i;
	}
	fail(ERR_bad_value, "kind", "clear, pgp_sym or aes");
}

/* --- starting --- */

static char *
argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* Raises unless the secret is named where one is needed, by whom it may be, and can be read. */
static void
require_secret(AdoptKind kind, const char *file, const char *command)
{
	bytea *secret;

	if ((file != NULL) + (command != NULL) != (kind == ADOPT_CLEAR ? 0 : 1))
		fail(ERR_bad_value, "the secret",
			 kind == ADOPT_CLEAR ? "left out for clear columns"
								 : "given as secret_file or as secret_command");
	if (command != NULL && !has_privs_of_role(GetUserId(), ROLE_PG_EXECUTE_SERVER_PROGRAM))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only members of pg_execute_server_program may run a command"),
						errhint("Use secret_file.")));
	if (kind == ADOPT_CLEAR)
		return;
	secret = adopt_secret_read(file, command);
	crypto_wipe(secret, VARSIZE(secret));
}

/*
 * attest.register_adoption(tab regclass, column_name text, kind text,
 * subject_column text, secret_file text, secret_command text)
 */
Datum
attest_register_adoption(PG_FUNCTION_ARGS)
{
	Relation relation;
	Datum facts[6];
	bool nulls[6] = {false};
	int dimension = lengthof(facts);
	int first = 1;
	Datum values[2];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		fail(ERR_field_required, "tab, column_name, kind, subject_column");
	relation = table_open(PG_GETARG_OID(0), AccessShareLock);
	if (!owns_relation(GetUserId(), RelationGetRelid(relation)))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, RelationGetRelationName(relation));
	require_secret(kind_of(argument(fcinfo, 2)), argument(fcinfo, 4), argument(fcinfo, 5));
	facts[0] = CStringGetTextDatum(columns_table_name(RelationGetRelid(relation)));
	for (int i = 1; i < (int) lengthof(facts); i++)
	{
		facts[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i);
	}
	values[0] = PointerGetDatum(
		construct_md_array(facts, nulls, 1, &dimension, &first, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = Int64GetDatum((int64) RelationGetNumberOfBlocks(relation));
	table_close(relation, NoLock);
	SPI_connect();
	core_execute_as_owner(&insert_adoption, values, false);
	SPI_finish();
	PG_RETURN_VOID();
}

/* --- the trigger --- */

static void
wipe_secret(void *argument)
{
	bytea *secret = argument;

	crypto_wipe(VARDATA(secret), VARSIZE(secret) - VARHDRSZ);
}

/* Reads the secret into memory that is wiped when it goes. */
static bytea *
keep_secret(const char *file, const char *command, MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	MemoryContextCallback *callback = palloc0(sizeof(*callback));
	bytea *secret = adopt_secret_read(file, command);

	MemoryContextSwitchTo(before);
	callback->func = wipe_secret;
	callback->arg = secret;
	MemoryContextRegisterResetCallback(context, callback);
	return secret;
}

/* The row of attest_data.adoption, copied; raises where there is none. */
static void
read_adoption(Oid table, const char *column, Adoption *adoption, char **file, char **command)
{
	Datum values[] = {CStringGetTextDatum(columns_table_name(table)), CStringGetTextDatum(column)};
	MemoryContext caller = CurrentMemoryContext;
	HeapTuple row;
	TupleDesc shape;

	SPI_connect();
	core_execute_as_owner(&select_adoption, values, true);
	if (SPI_processed == 0)
		fail(ERR_unknown_object, "adoption", column);
	row = SPI_tuptable->vals[0];
	shape = SPI_tuptable->tupdesc;
	adoption->kind = kind_of(SPI_getvalue(row, shape, 1));
	*file = SPI_getvalue(row, shape, 2);
	*command = SPI_getvalue(row, shape, 3);
	*file = *file ? MemoryContextStrdup(caller, *file) : NULL;
	*command = *command ? MemoryContextStrdup(caller, *command) : NULL;
	if (adoption->kind == ADOPT_AES)
		adoption->function = core_pgcrypto_function("decrypt", 3);
	else if (adoption->kind == ADOPT_PGP_SYM)
		adoption->function = core_pgcrypto_function("pgp_sym_decrypt_bytea", 2);
	SPI_finish();
}

static Adoption *
new_adoption(Relation relation, char **arguments, MemoryContext context)
{
	Adoption *adoption = MemoryContextAllocZero(context, sizeof(Adoption));
	Oid table = RelationGetRelid(relation);
	bool varlena;
	char *command;
	char *file;

	adoption->before = get_attnum(table, arguments[0]);
	adoption->after = get_attnum(table, arguments[1]);
	if (adoption->before <= 0 || adoption->after <= 0)
		fail(ERR_unknown_object, "column", arguments[adoption->before <= 0 ? 0 : 1]);
	read_adoption(table, arguments[0], adoption, &file, &command);
	if (adoption->kind == ADOPT_CLEAR)
		getTypeOutputInfo(get_atttype(table, adoption->before), &adoption->function, &varlena);
	else
		adoption->secret = keep_secret(file, command, context);
	return adoption;
}

/* What is in the old column, as text. */
static text *
open_old(const Adoption *adoption, Datum value)
{
	bytea *plain;

	if (adoption->kind == ADOPT_CLEAR)
		return cstring_to_text(OidOutputFunctionCall(adoption->function, value));
	if (adoption->kind == ADOPT_AES)
		plain = DatumGetByteaPP(OidFunctionCall3(adoption->function, value,
												 PointerGetDatum(adoption->secret),
												 CStringGetTextDatum("aes")));
	else
		plain = DatumGetByteaPP(
			OidFunctionCall2(adoption->function, value, PointerGetDatum(adoption->secret)));
	/* A wrong key opens to noise; a right one, to what was once a text. */
	if (!pg_verify_mbstr(GetDatabaseEncoding(), VARDATA_ANY(plain), (int) VARSIZE_ANY_EXHDR(plain),
						 true))
		fail(ERR_adoption_failed, gettext_noop("a value does not open to a text"));
	return (text *) plain;
}

/* So that an error, of pgcrypto too, says which row it is about. */
static void
name_row(void *argument)
{
	HeapTuple row = argument;

	if (ItemPointerIsValid(&row->t_self))
		errcontext("adopting the row at (%u,%u)", ItemPointerGetBlockNumber(&row->t_self),
				   ItemPointerGetOffsetNumber(&row->t_self));
}

static Datum
carrier_of_old(const Adoption *adoption, HeapTuple row, Datum value)
{
	ErrorContextCallback context = {
		.previous = error_context_stack, .callback = name_row, .arg = row};
	text *plain;
	Datum carrier;

	error_context_stack = &context;
	plain = open_old(adoption, value);
	error_context_stack = context.previous;
	carrier = PointerGetDatum(carrier_make(plain));
	crypto_wipe(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	return carrier;
}

/*
 * The new row: the old column goes over where it changes, or has not gone over yet; a
 * value that is taken out of it goes from the sealed column too.
 */
static HeapTuple
step(const Adoption *adoption, TriggerData *trigger, HeapTuple old, HeapTuple new)
{
	TupleDesc shape = RelationGetDescr(trigger->tg_relation);
	Form_pg_attribute type = TupleDescAttr(shape, adoption->before - 1);
	int column = adoption->after;
	bool is_null;
	bool was_null = true;
	bool after_null;
	Datum value = heap_getattr(new, adoption->before, shape, &is_null);
	Datum before = 0;
	Datum result = 0;
	bool changed;

	(void) heap_getattr(new, adoption->after, shape, &after_null);
	if (old != NULL)
		before = heap_getattr(old, adoption->before, shape, &was_null);
	changed = is_null != was_null ||
			  (!is_null && !datumIsEqual(value, before, type->attbyval, type->attlen));
	if (is_null ? (!changed || after_null) : (!changed && !after_null))
		return new;
	if (!is_null)
		result = carrier_of_old(adoption, old ? old : new, value);
	return heap_modify_tuple_by_cols(new, shape, 1, &column, &result, &is_null);
}

/* attest.adopt_column(): arguments are the old and the sealed column. */
Datum
attest_adopt_column(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple old = NULL;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 2)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this trigger is BEFORE INSERT OR UPDATE, for each row")));
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = new_adoption(trigger->tg_relation, trigger->tg_trigger->tgargs,
												fcinfo->flinfo->fn_mcxt);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		old = trigger->tg_trigtuple;
	return PointerGetDatum(step(fcinfo->flinfo->fn_extra, trigger, old,
								old ? trigger->tg_newtuple : trigger->tg_trigtuple));
}
