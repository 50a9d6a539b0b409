/*
 * find_sealed.c
 *		Looks through tables for values that are sealed under given keys.
 *
 * It reads the headers of the values, as they lie in the table: whose table it is, and
 * what its policies hide from whom, does not matter, because a value that nobody sees
 * is lost with its key all the same.  Nothing of a row leaves this file.
 */
#include "vault/vault.h"

#include "access/detoast.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tenant/isolation.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "vault/columns.h"

ATTEST_FUNCTION(attest_find_sealed);

#define KEYS_START 1024

/* A key of a person: the hash key and the entry. */
typedef struct KeyName
{
	pg_uuid_t subject;
	uint32 generation;
} KeyName;

/* What is looked for, and where. */
typedef struct Search
{
	HTAB *keys;
	int32 tenant;
	Oid sealed;
	MemoryContext row; /* emptied after each */
} Search;

/* The keys of two arrays side by side. */
static HTAB *
index_keys(ArrayType *subjects, ArrayType *generations)
{
	HASHCTL control = {
		.keysize = sizeof(KeyName), .entrysize = sizeof(KeyName), .hcxt = CurrentMemoryContext};
	HTAB *keys = hash_create("attest keys looked for", KEYS_START, &control,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	Datum *subject;
	Datum *generation;
	int count;
	int other;

	deconstruct_array(subjects, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &subject, NULL, &count);
	deconstruct_array(generations, INT4OID, sizeof(int32), true, TYPALIGN_INT, &generation, NULL,
					  &other);
	if (count != other)
		fail(ERR_bad_value, "generations", "as many as subjects");
	for (int i = 0; i < count; i++)
	{
		KeyName name = {.subject = *DatumGetUUIDP(subject[i]),
						.generation = (uint32) DatumGetInt32(generation[i])};

		(void) hash_search(keys, &name, HASH_ENTER, NULL);
	}
	return keys;
}

/* By its header alone: a long value is not read. */
static bool
is_under(const Search *search, Datum value)
{
	struct varlena *head = PG_DETOAST_DATUM_SLICE(value, 0, SEALED_HEADER_BYTES);
	size_t length = toast_raw_datum_size(value) - VARHDRSZ;
	SealedHeader header;
	KeyName name;

	if (!sealed_read((const uint8 *) VARDATA_ANY(head), length, &header))
		return false;
	memcpy(name.subject.data, header.subject, UUID_LEN);
	name.generation = header.generation;
	return hash_search(search->keys, &name, HASH_FIND, NULL) != NULL;
}

static bool
is_of_another_tenant(const Search *search, TupleTableSlot *slot, AttrNumber column)
{
	bool isnull;
	Datum tenant;

	if (column == InvalidAttrNumber)
		return false;
	tenant = slot_getattr(slot, column, &isnull);
	return !isnull && DatumGetInt32(tenant) != search->tenant;
}

static bool
row_holds(const Search *search, TupleTableSlot *slot)
{
	TupleDesc columns = slot->tts_tupleDescriptor;

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		bool isnull;
		Datum value;

		if (column->attisdropped || column->atttypid != search->sealed)
			continue;
		value = slot_getattr(slot, column->attnum, &isnull);
		if (!isnull && is_under(search, value))
			return true;
	}
	return false;
}

/* Where it says whose a row is: elsewhere a column of this name may mean anything. */
static AttrNumber
tenant_column(Oid table)
{
	if (!isolation_covers(table))
		return InvalidAttrNumber;
	return get_attnum(table, "tenant_id");
}

static bool
table_holds(const Search *search, Oid oid)
{
	Relation table = table_open(oid, AccessShareLock);
	AttrNumber tenant = tenant_column(oid);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, NULL);
	MemoryContext caller = MemoryContextSwitchTo(search->row);
	bool found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		found = !is_of_another_tenant(search, slot, tenant) && row_holds(search, slot);
		MemoryContextReset(search->row);
	}
	MemoryContextSwitchTo(caller);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return found;
}

/* attest_internal.find_sealed(tables regclass[], tenant int, subjects uuid[], generations int[]) */
Datum
attest_find_sealed(PG_FUNCTION_ARGS)
{
	Search search = {.keys = index_keys(PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3)),
					 .tenant = PG_GETARG_INT32(1),
					 .sealed = carrier_sealed_type(),
					 .row = AllocSetContextCreate(CurrentMemoryContext, "attest row looked at",
												  ALLOCSET_SMALL_SIZES)};
	Datum *tables;
	int count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT,
					  &tables, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		if (table_holds(&search, DatumGetObjectId(tables[i])))
			PG_RETURN_OID(DatumGetObjectId(tables[i]));
	}
	PG_RETURN_NULL();
}
