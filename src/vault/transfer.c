/*
 * transfer.c
 *		A sealed value of one person, sealed anew for another.
 *
 * For the merge of two records of one human being: the text does not leave this
 * file, and content, purpose and padding stay as they are.
 */
#include "vault/vault.h"

#include "tenant/tenant.h"
#include "vault/sealed_format.h"

ATTEST_FUNCTION(attest_transfer);

/* Opens the text, padding and all. */
static bool
open_padded(CryptoBytes value, int32 tenant, const SealedHeader *header, uint8 *padded)
{
	uint8 context[SEALED_CONTEXT_BYTES];
	CryptoBytes cipher =
		CRYPTO_BYTES(value.data + SEALED_HEADER_BYTES, value.length - SEALED_HEADER_BYTES);
	const SubjectKey *key;
	pg_uuid_t subject;

	memcpy(subject.data, header->subject, UUID_LEN);
	key = keys_for_opening(tenant, &subject, header->generation);
	sealed_context(value.data, tenant, context);
	return crypto_open(key->key, header->nonce, CRYPTO_BYTES(context, sizeof(context)), cipher,
					   padded);
}

/* Closes a padded text for the person of the header; its generation and nonce are set here. */
static bool
close_padded(CryptoBytes padded, int32 tenant, SealedHeader *header, uint8 *value)
{
	uint8 context[SEALED_CONTEXT_BYTES];
	CryptoBytes bound = CRYPTO_BYTES(context, sizeof(context));
	const SubjectKey *key;
	pg_uuid_t subject;

	memcpy(subject.data, header->subject, UUID_LEN);
	key = keys_for_sealing(tenant, &subject);
	header->generation = key->generation;
	sealed_write(header, value);
	sealed_context(value, tenant, context);
	if (!crypto_hedged_nonce(bound, padded, header->nonce))
		return false;
	sealed_write(header, value);
	return crypto_seal(key->key, header->nonce, bound, padded, value + SEALED_HEADER_BYTES);
}

/* attest_internal.transfer(value sealed, dropped uuid, kept uuid) */
Datum
attest_transfer(PG_FUNCTION_ARGS)
{
	struct varlena *given = (struct varlena *) PG_GETARG_BYTEA_PP(0);
	CryptoBytes value = CRYPTO_BYTES(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	int32 tenant = tenant_required();
	SealedHeader header;
	size_t length;
	uint8 *padded;
	bytea *result;
	bool closed;

	if (!sealed_read(value.data, value.length, &header))
		fail(ERR_seal_broken);
	if (memcmp(header.subject, PG_GETARG_UUID_P(1)->data, UUID_LEN) != 0)
		PG_RETURN_BYTEA_P(given);
	length = value.length - SEALED_HEADER_BYTES - CRYPTO_TAG_BYTES;
	padded = palloc(length);
	if (!open_padded(value, tenant, &header, padded))
		fail(ERR_seal_broken);
	result = palloc(VARHDRSZ + value.length);
	SET_VARSIZE(result, VARHDRSZ + value.length);
	memcpy(header.subject, PG_GETARG_UUID_P(2)->data, UUID_LEN);
	closed = close_padded(CRYPTO_BYTES(padded, length), tenant, &header, (uint8 *) VARDATA(result));
	crypto_wipe(padded, length);
	pfree(padded);
	if (!closed)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not seal a value")));
	PG_RETURN_BYTEA_P(result);
}
