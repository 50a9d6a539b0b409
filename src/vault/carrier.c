/*
 * carrier.c
 *		Carriers, plain texts on their way into a protected column, and what a sealed
 *		value tells about itself.
 *
 * attest.plain() wraps a text as a value of attest.sealed with algorithm 0.  The
 * trigger of attest.protect_columns() seals it with the person and the purpose of
 * its row.  A carrier never leaves the backend: it is not printed, not sent, not
 * read, and the CHECK that goes with the trigger keeps it off the disk.  A statement that
 * calls attest.plain() is refused where it writes into a table that has neither.  What
 * gets past that, by a variable of a function, is lost and not in clear: a carrier is
 * encrypted under a random key that only its process has.
 */
#include "vault/vault.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "vault/columns.h"
#include "vault/sealed_format.h"

/* What a carrier has besides its text. */
#define CARRIER_BYTES (SEALED_CARRIER_BYTES + CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES)

ATTEST_FUNCTION(attest_plain);
ATTEST_FUNCTION(attest_is_sealed);
ATTEST_FUNCTION(attest_sealed_info);

bool
carrier_is(const bytea *value)
{
	return sealed_is_carrier((const uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* The key of this process, made when it is first asked for. */
static const uint8 *
process_key(void)
{
	static uint8 *key = NULL;

	if (key != NULL)
		return key;
	key = crypto_secure_alloc(CRYPTO_KEY_BYTES);
	if (key != NULL && crypto_random(key, CRYPTO_KEY_BYTES))
		return key;
	key = NULL;
	ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make a key")));
}

text *
carrier_text(const bytea *carrier)
{
	const uint8 *nonce = (const uint8 *) VARDATA_ANY(carrier) + SEALED_CARRIER_BYTES;
	size_t size = VARSIZE_ANY_EXHDR(carrier);
	const uint8 *key = process_key();
	CryptoBytes cipher;
	text *result;

	if (size < CARRIER_BYTES)
		fail(ERR_carrier_unsealed);
	cipher =
		CRYPTO_BYTES(nonce + CRYPTO_NONCE_BYTES, size - SEALED_CARRIER_BYTES - CRYPTO_NONCE_BYTES);
	result = palloc(VARHDRSZ + cipher.length);
	/* one of another process, which was stored and cannot be opened any more */
	if (!crypto_open(key, nonce, CRYPTO_BYTES("", 0), cipher, (uint8 *) VARDATA(result)))
		fail(ERR_carrier_unsealed);
	SET_VARSIZE(result, VARHDRSZ + cipher.length - CRYPTO_TAG_BYTES);
	return result;
}

bytea *
carrier_make(const text *plain)
{
	CryptoBytes text = CRYPTO_BYTES(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	const uint8 *key = process_key();
	bytea *result;
	uint8 *nonce;

	if (text.length > SEALED_MAX_PLAIN)
		fail(ERR_bad_value, "a value to seal", "at most 64 MiB long");
	result = palloc(VARHDRSZ + CARRIER_BYTES + text.length);
	SET_VARSIZE(result, VARHDRSZ + CARRIER_BYTES + text.length);
	sealed_write_carrier((uint8 *) VARDATA(result));
	nonce = (uint8 *) VARDATA(result) + SEALED_CARRIER_BYTES;
	if (!crypto_hedged_nonce(CRYPTO_BYTES("", 0), text, nonce) ||
		!crypto_seal(key, nonce, CRYPTO_BYTES("", 0), text, nonce + CRYPTO_NONCE_BYTES))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not seal a value")));
	return result;
}

/* attest.plain(plain text) */
Datum
attest_plain(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(carrier_make(PG_GETARG_TEXT_PP(0)));
}

/* --- where they may go --- */

Oid
carrier_sealed_type(void)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("sealed"),
						   ObjectIdGetDatum(get_namespace_oid("attest", false)));
}

static bool
has_sealed_column(Oid oid, Oid sealed)
{
	Relation table = table_open(oid, AccessShareLock);
	TupleDesc columns = RelationGetDescr(table);
	bool found = false;

	for (int i = 0; i < columns->natts && !found; i++)
		found = !TupleDescAttr(columns, i)->attisdropped &&
				TupleDescAttr(columns, i)->atttypid == sealed;
	table_close(table, NoLock);
	return found;
}

/* Whether it would keep carriers as they are.  A view is written through, or not at all. */
static bool
keeps_carriers(Oid table, Oid sealed)
{
	char kind = get_rel_relkind(table);

	return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
		   has_sealed_column(table, sealed) && !labels_has_sealed(table);
}

/* Whether the statement makes a table, or a materialized view, with such a column. */
static bool
makes_sealed_column(const QueryDesc *query, Oid sealed)
{
	ListCell *cell;

	if (query->dest == NULL ||
		(query->dest->mydest != DestIntoRel && query->dest->mydest != DestTransientRel))
		return false;
	foreach (cell, query->plannedstmt->planTree->targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk && exprType((Node *) entry->expr) == sealed)
			return true;
	}
	return false;
}

void
carrier_require_sealing(const QueryDesc *query)
{
	const PlannedStmt *plan = query->plannedstmt;
	Oid sealed = carrier_sealed_type();
	ListCell *cell;

	if (makes_sealed_column(query, sealed))
		fail(ERR_carrier_unsealed);
	foreach (cell, plan->resultRelations)
	{
		if (keeps_carriers(rt_fetch(lfirst_int(cell), plan->rtable)->relid, sealed))
			fail(ERR_carrier_unsealed);
	}
}

/* --- what a value tells --- */

/* The fingerprint of the purpose last asked for: a CHECK asks for the same, row after row. */
typedef struct KnownPurpose
{
	uint8 fingerprint[SEALED_PURPOSE_BYTES];
	size_t length;
	char name[VAULT_PURPOSE_MAX];
} KnownPurpose;

static const uint8 *
fingerprint_of(FunctionCallInfo fcinfo, CryptoBytes name)
{
	KnownPurpose *known = fcinfo->flinfo->fn_extra;
	uint8 digest[CRYPTO_DIGEST_BYTES];

	if (known != NULL && known->length == name.length &&
		memcmp(known->name, name.data, name.length) == 0)
		return known->fingerprint;
	if (name.length == 0 || name.length > VAULT_PURPOSE_MAX)
		fail(ERR_bad_value, "purpose", "a name of 1 to 63 bytes");
	if (!crypto_sha256(name, digest))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a digest")));
	if (known == NULL)
		known = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(KnownPurpose));
	memcpy(known->fingerprint, digest, SEALED_PURPOSE_BYTES);
	memcpy(known->name, name.data, name.length);
	known->length = name.length;
	fcinfo->flinfo->fn_extra = known;
	return known->fingerprint;
}

/* attest.is_sealed(value sealed) and attest.is_sealed(value sealed, subject uuid, purpose text) */
Datum
attest_is_sealed(PG_FUNCTION_ARGS)
{
	bytea *value = PG_GETARG_BYTEA_PP(0);
	SealedHeader header;
	text *purpose;
	const uint8 *fingerprint;

	if (!sealed_read((const uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &header))
		PG_RETURN_BOOL(false);
	if (PG_NARGS() < 3)
		PG_RETURN_BOOL(true);
	purpose = PG_GETARG_TEXT_PP(2);
	fingerprint =
		fingerprint_of(fcinfo, CRYPTO_BYTES(VARDATA_ANY(purpose), VARSIZE_ANY_EXHDR(purpose)));
	PG_RETURN_BOOL(memcmp(header.subject, PG_GETARG_UUID_P(1)->data, SEALED_SUBJECT_BYTES) == 0 &&
				   memcmp(header.purpose, fingerprint, SEALED_PURPOSE_BYTES) == 0);
}

/* attest.sealed_info(value sealed) */
Datum
attest_sealed_info(PG_FUNCTION_ARGS)
{
	bytea *value = PG_GETARG_BYTEA_PP(0);
	size_t length = VARSIZE_ANY_EXHDR(value);
	SealedHeader header;
	TupleDesc descriptor;
	Datum values[6] = {0};
	bool nulls[6] = {false};
	bytea *purpose = palloc(VARHDRSZ + SEALED_PURPOSE_BYTES);

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "attest.sealed_info() is not declared with its columns");
	if (!sealed_read((const uint8 *) VARDATA_ANY(value), length, &header))
		fail(ERR_carrier_unsealed);
	SET_VARSIZE(purpose, VARHDRSZ + SEALED_PURPOSE_BYTES);
	memcpy(VARDATA(purpose), header.purpose, SEALED_PURPOSE_BYTES);
	length -= SEALED_HEADER_BYTES + CRYPTO_TAG_BYTES;
	values[0] = Int32GetDatum(SEALED_VERSION);
	values[1] = CStringGetTextDatum("AES-256-GCM");
	values[2] = CStringGetTextDatum(header.content == SEALED_TEXT ? "text" : "bytes");
	values[3] = Int32GetDatum((int32) header.generation);
	values[4] = PointerGetDatum(purpose);
	values[5] = Int32GetDatum((int32) length - 1);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
