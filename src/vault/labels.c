/*
 * labels.c
 *		What security labels say about the columns of a user's table.
 *
 *		subject				the uuid of the person whom the row belongs to
 *		sealed <purpose>	a sealed column
 *		blind <purpose>		its blind value
 */
#include "vault/columns.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "tenant/isolation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

ATTEST_FUNCTION(attest_distinct_values);
ATTEST_FUNCTION(attest_check_blind_purpose);

typedef struct ColumnLabel
{
	AttrNumber column;
	const char *text;
} ColumnLabel;

/* The text after a word and a blank, or NULL for a label of another kind. */
static const char *
after(const char *label, const char *word)
{
	size_t length = strlen(word);

	return strncmp(label, word, length) == 0 ? label + length : NULL;
}

/* The labels of the columns, in order of column; their number. */
static int
read_labels(Oid table, ColumnLabel **labels)
{
	Relation catalogue = table_open(SecLabelRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	int count = 0;
	int capacity = 16;

	*labels = palloc(sizeof(ColumnLabel) * (size_t) capacity);
	ScanKeyInit(&keys[0], Anum_pg_seclabel_objoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	ScanKeyInit(&keys[1], Anum_pg_seclabel_classoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	scan = systable_beginscan(catalogue, SecLabelObjectIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc shape = RelationGetDescr(catalogue);
		bool isnull;
		int column = DatumGetInt32(heap_getattr(tuple, Anum_pg_seclabel_objsubid, shape, &isnull));
		char *provider =
			TextDatumGetCString(heap_getattr(tuple, Anum_pg_seclabel_provider, shape, &isnull));

		if (column <= 0 || strcmp(provider, LABEL_PROVIDER) != 0)
			continue;
		if (count == capacity)
			*labels = repalloc(*labels, sizeof(ColumnLabel) * (size_t) (capacity *= 2));
		(*labels)[count].column = (AttrNumber) column;
		(*labels)[count++].text =
			TextDatumGetCString(heap_getattr(tuple, Anum_pg_seclabel_label, shape, &isnull));
	}
	systable_endscan(scan);
	table_close(catalogue, AccessShareLock);
	return count;
}

static void
require_type(Oid table, AttrNumber column, Oid type, const char *what)
{
	if (column == InvalidAttrNumber || get_atttype(table, column) != type)
		fail(ERR_columns_refused, what);
}

static AttrNumber
blind_of(const ColumnLabel *labels, int count, const char *purpose)
{
	for (int i = 0; i < count; i++)
	{
		const char *of = after(labels[i].text, LABEL_BLIND);

		if (of != NULL && strcmp(of, purpose) == 0)
			return labels[i].column;
	}
	return InvalidAttrNumber;
}

static void
add_column(SealedTable *result, const ColumnLabel *labels, int count, const ColumnLabel *label,
		   const char *purpose)
{
	SealedColumn *column = &result->columns[result->count++];
	uint8 digest[CRYPTO_DIGEST_BYTES];

	column->sealed = label->column;
	column->blind = blind_of(labels, count, purpose);
	column->purpose = cstring_to_text(purpose);
	if (!crypto_sha256(CRYPTO_BYTES(purpose, strlen(purpose)), digest))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a digest")));
	memcpy(column->fingerprint, digest, SEALED_PURPOSE_BYTES);
}

SealedTable *
labels_of_table(Oid table)
{
	SealedTable *result = palloc0(sizeof(SealedTable));
	ColumnLabel *labels;
	int count = read_labels(table, &labels);

	result->columns = palloc(sizeof(SealedColumn) * (size_t) Max(count, 1));
	result->tenant = get_attnum(table, "tenant_id");
	for (int i = 0; i < count; i++)
	{
		const char *purpose = after(labels[i].text, LABEL_SEALED);

		if (purpose != NULL)
			add_column(result, labels, count, &labels[i], purpose);
		else if (strcmp(labels[i].text, LABEL_SUBJECT) == 0)
			result->subject = labels[i].column;
	}
	require_type(table, result->tenant, INT4OID,
				 gettext_noop("the column tenant_id int is missing"));
	require_type(table, result->subject, UUIDOID,
				 gettext_noop("the column of the person, a uuid, is missing"));
	for (int i = 0; i < result->count; i++)
	{
		if (result->columns[i].blind != InvalidAttrNumber)
			require_type(table, result->columns[i].blind, BYTEAOID,
						 gettext_noop("a blind column is not bytea"));
	}
	return result;
}

bool
labels_has_sealed(Oid table)
{
	ColumnLabel *labels;
	int count = read_labels(table, &labels);

	for (int i = 0; i < count; i++)
	{
		if (after(labels[i].text, LABEL_SEALED) != NULL)
			return true;
	}
	return false;
}

/* attest_internal.check_blind_purpose(purpose text) */
Datum
attest_check_blind_purpose(PG_FUNCTION_ARGS)
{
	blind_require_purpose(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/*
 * attest_internal.distinct_values(tab regclass, column_name name): from the
 * statistics, which the view pg_stats hides under row level security.
 */
Datum
attest_distinct_values(PG_FUNCTION_ARGS)
{
	Oid table = PG_GETARG_OID(0);
	AttrNumber column = get_attnum(table, NameStr(*PG_GETARG_NAME(1)));
	HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	HeapTuple statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table),
										   Int16GetDatum(column), BoolGetDatum(false));
	bool known = HeapTupleIsValid(row) && HeapTupleIsValid(statistics);
	float8 distinct = 0;

	if (known)
		distinct = ((Form_pg_statistic) GETSTRUCT(statistics))->stadistinct;
	/* A negative number is a share of the rows. */
	if (distinct < 0)
		distinct *= -((Form_pg_class) GETSTRUCT(row))->reltuples;
	if (HeapTupleIsValid(row))
		ReleaseSysCache(row);
	if (HeapTupleIsValid(statistics))
		ReleaseSysCache(statistics);
	if (!known)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(distinct);
}
