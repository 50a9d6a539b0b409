/*
 * reseal.c
 *		Seals a value again under the newest key of its person, or of another.
 */
#include "vault/vault.h"

#include "tenant/tenant.h"
#include "vault/sealed_format.h"

ATTEST_FUNCTION(attest_reseal);
ATTEST_FUNCTION(attest_is_resealed);
ATTEST_FUNCTION(attest_transfer);

static CryptoBytes
value_argument(FunctionCallInfo fcinfo, int number)
{
	bytea *value = PG_GETARG_BYTEA_PP(number);

	return CRYPTO_BYTES(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static void
read_header(CryptoBytes value, SealedHeader *header, pg_uuid_t *subject)
{
	if (!sealed_read(value.data, value.length, header))
		fail(ERR_seal_broken);
	memcpy(subject->data, header->subject, UUID_LEN);
}

/* The padded text of a value; *length is that with its padding.  Raises seal_broken. */
static uint8 *
open_padded(CryptoBytes value, const SealedHeader *header, const pg_uuid_t *subject, size_t *length)
{
	int32 tenant = tenant_required();
	const SubjectKey *key = keys_for_opening(tenant, subject, header->generation);
	uint8 context[SEALED_CONTEXT_BYTES];
	CryptoBytes cipher =
		CRYPTO_BYTES(value.data + SEALED_HEADER_BYTES, value.length - SEALED_HEADER_BYTES);
	uint8 *padded = palloc(cipher.length);

	sealed_context(value.data, tenant, context);
	if (!crypto_open(key->key, header->nonce, CRYPTO_BYTES(context, sizeof(context)), cipher,
					 padded))
		fail(ERR_seal_broken);
	*length = cipher.length - CRYPTO_TAG_BYTES;
	return padded;
}

/* Closes the padded text under the key, with what the header says besides. */
static bool
close_padded(const SubjectKey *key, SealedHeader *header, CryptoBytes padded, uint8 *value)
{
	uint8 context[SEALED_CONTEXT_BYTES];
	CryptoBytes bound = CRYPTO_BYTES(context, sizeof(context));

	header->generation = key->generation;
	sealed_write(header, value);
	sealed_context(value, tenant_required(), context);
	if (!crypto_hedged_nonce(bound, padded, header->nonce))
		return false;
	sealed_write(header, value);
	return crypto_seal(key->key, header->nonce, bound, padded, value + SEALED_HEADER_BYTES);
}

/* The value under the newest key of a person, the same one or another. */
static bytea *
seal_again(CryptoBytes value, SealedHeader *header, const pg_uuid_t *from, const pg_uuid_t *to)
{
	size_t length;
	uint8 *padded = open_padded(value, header, from, &length);
	bytea *result = palloc(VARHDRSZ + value.length);
	const SubjectKey *key;
	bool closed;

	SET_VARSIZE(result, VARHDRSZ + value.length);
	memcpy(header->subject, to->data, UUID_LEN);
	/* Only now: opening may move the keys of the cache. */
	key = keys_for_sealing(tenant_required(), to);
	closed = close_padded(key, header, CRYPTO_BYTES(padded, length), (uint8 *) VARDATA(result));
	crypto_wipe(padded, length);
	if (!closed)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not seal a value")));
	return result;
}

/* attest_internal.reseal(value attest.sealed) */
Datum
attest_reseal(PG_FUNCTION_ARGS)
{
	CryptoBytes value = value_argument(fcinfo, 0);
	SealedHeader header;
	pg_uuid_t subject;

	read_header(value, &header, &subject);
	if (keys_for_sealing(tenant_required(), &subject)->generation == header.generation)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_BYTEA_P(seal_again(value, &header, &subject, &subject));
}

/* attest_internal.transfer(value attest.sealed, dropped uuid, kept uuid) */
Datum
attest_transfer(PG_FUNCTION_ARGS)
{
	CryptoBytes value = value_argument(fcinfo, 0);
	SealedHeader header;
	pg_uuid_t subject;

	read_header(value, &header, &subject);
	if (memcmp(subject.data, PG_GETARG_UUID_P(1)->data, UUID_LEN) != 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_BYTEA_P(seal_again(value, &header, &subject, PG_GETARG_UUID_P(2)));
}

static bool
same_place(const SealedHeader *a, const SealedHeader *b)
{
	return a->content == b->content && memcmp(a->subject, b->subject, UUID_LEN) == 0 &&
		   memcmp(a->purpose, b->purpose, SEALED_PURPOSE_BYTES) == 0;
}

/* attest_internal.is_resealed(before attest.sealed, after attest.sealed) */
Datum
attest_is_resealed(PG_FUNCTION_ARGS)
{
	CryptoBytes values[] = {value_argument(fcinfo, 0), value_argument(fcinfo, 1)};
	SealedHeader headers[2];
	pg_uuid_t subject;
	uint8 *padded[2];
	size_t lengths[2];
	bool same;

	for (int i = 0; i < 2; i++)
	{
		read_header(values[i], &headers[i], &subject);
		padded[i] = open_padded(values[i], &headers[i], &subject, &lengths[i]);
	}
	same = same_place(&headers[0], &headers[1]) && lengths[0] == lengths[1] &&
		   memcmp(padded[0], padded[1], lengths[0]) == 0;
	for (int i = 0; i < 2; i++)
		crypto_wipe(padded[i], lengths[i]);
	PG_RETURN_BOOL(same);
}
