/*
 * sealed.c
 *		The type attest.sealed, and the two functions that close and open it.
 *
 * Input and output move ciphertext only: a dump holds no plain text, and a plain
 * text written into a sealed column is an error, not a silent encryption.  The
 * type has no comparison, so that no index, sort or statistic is ever built of it.
 */
#include "vault/vault.h"

#include "common/hashfn.h"
#include "core/base64.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "vault/sealed_format.h"

#define TEXT_PREFIX   "att1:"
#define PREFIX_LENGTH (sizeof(TEXT_PREFIX) - 1)

ATTEST_FUNCTION(attest_sealed_in);
ATTEST_FUNCTION(attest_sealed_out);
ATTEST_FUNCTION(attest_sealed_recv);
ATTEST_FUNCTION(attest_sealed_send);
ATTEST_FUNCTION(attest_seal);
ATTEST_FUNCTION(attest_unseal);
ATTEST_FUNCTION(attest_seal_bytes);
ATTEST_FUNCTION(attest_unseal_bytes);

StaticAssertDecl(VAULT_PURPOSE_BYTES == SEALED_PURPOSE_BYTES, "a purpose is what a header holds");

static SubjectCheck subject_check = NULL;
static PurposeCheck purpose_check = NULL;

void
vault_set_subject_check(SubjectCheck check)
{
	subject_check = check;
}

void
vault_set_purpose_check(PurposeCheck check)
{
	purpose_check = check;
}

static CryptoBytes
varlena_bytes(struct varlena *value)
{
	return CRYPTO_BYTES(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* --- input and output --- */

/* Raises unless the value has the form of a sealed one. */
static void
require_form(const uint8 *value, size_t length)
{
	SealedHeader header;

	if (!sealed_read(value, length, &header))
		fail_without_context(ERR_not_sealed);
}

static void
refuse_carrier(CryptoBytes value)
{
	if (sealed_is_carrier(value.data, value.length))
		fail(ERR_carrier_unsealed);
}

Datum
attest_sealed_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	bytea *result;
	size_t capacity;
	size_t done;

	if (length < PREFIX_LENGTH || memcmp(text, TEXT_PREFIX, PREFIX_LENGTH) != 0)
		fail_without_context(ERR_not_sealed);
	capacity = base64_decoded_capacity(length - PREFIX_LENGTH);
	if (!AllocSizeIsValid(capacity + VARHDRSZ))
		fail_without_context(ERR_not_sealed);
	result = palloc(capacity + VARHDRSZ);
	if (!base64url_decode(text + PREFIX_LENGTH, length - PREFIX_LENGTH, (uint8 *) VARDATA(result),
						  capacity, &done))
		fail_without_context(ERR_not_sealed);
	require_form((uint8 *) VARDATA(result), done);
	SET_VARSIZE(result, done + VARHDRSZ);
	PG_RETURN_BYTEA_P(result);
}

Datum
attest_sealed_out(PG_FUNCTION_ARGS)
{
	CryptoBytes value = varlena_bytes((struct varlena *) PG_GETARG_BYTEA_PP(0));
	size_t capacity = base64url_encoded_length(value.length);
	size_t written;
	char *text;

	if (sealed_is_carrier(value.data, value.length))
		PG_RETURN_CSTRING(pstrdup("<unsealed>"));
	if (!AllocSizeIsValid(capacity + PREFIX_LENGTH + 1))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("sealed value too long")));
	text = palloc(capacity + PREFIX_LENGTH + 1);
	memcpy(text, TEXT_PREFIX, PREFIX_LENGTH);
	if (!base64url_encode(value.data, value.length, text + PREFIX_LENGTH, capacity, &written))
		elog(ERROR, "base64url of %zu bytes does not fit", value.length);
	text[PREFIX_LENGTH + written] = '\0';
	PG_RETURN_CSTRING(text);
}

Datum
attest_sealed_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int length = message->len - message->cursor;
	const char *data = pq_getmsgbytes(message, length);
	bytea *result;

	require_form((const uint8 *) data, (size_t) length);
	result = palloc((Size) length + VARHDRSZ);
	SET_VARSIZE(result, length + VARHDRSZ);
	memcpy(VARDATA(result), data, (size_t) length);
	PG_RETURN_BYTEA_P(result);
}

Datum
attest_sealed_send(PG_FUNCTION_ARGS)
{
	CryptoBytes value = varlena_bytes((struct varlena *) PG_GETARG_BYTEA_PP(0));
	StringInfoData out;

	refuse_carrier(value);
	pq_begintypsend(&out);
	pq_sendbytes(&out, (const char *) value.data, (int) value.length);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* --- sealing --- */

/* A purpose is a short name, such as person.last_name. */
void
vault_purpose(const char *name, size_t length, uint8 purpose[VAULT_PURPOSE_BYTES])
{
	uint8 digest[CRYPTO_DIGEST_BYTES];

	if (length == 0 || length > VAULT_PURPOSE_MAX)
		fail(ERR_bad_value, "purpose", "a name of 1 to 63 bytes");
	if (!crypto_sha256(CRYPTO_BYTES((const uint8 *) name, length), digest))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a digest")));
	memcpy(purpose, digest, VAULT_PURPOSE_BYTES);
}

#define PURPOSES_KEPT 64

/* The fingerprint of a purpose; those in use are kept, a row is sealed for many. */
static const uint8 *
purpose_fingerprint(text *purpose)
{
	static struct
	{
		size_t length;
		char name[VAULT_PURPOSE_MAX];
		uint8 fingerprint[VAULT_PURPOSE_BYTES];
	} kept[PURPOSES_KEPT];
	static int place = 0; /* of the last one, mostly the one asked for next */
	CryptoBytes name = varlena_bytes((struct varlena *) purpose);

	if (name.length != kept[place].length || memcmp(name.data, kept[place].name, name.length) != 0)
		place = (int) (hash_bytes(name.data, (int) name.length) % PURPOSES_KEPT);
	if (name.length > 0 && name.length == kept[place].length &&
		memcmp(name.data, kept[place].name, name.length) == 0)
		return kept[place].fingerprint;
	kept[place].length = 0;
	vault_purpose((const char *) name.data, name.length, kept[place].fingerprint);
	memcpy(kept[place].name, name.data, name.length);
	kept[place].length = name.length;
	return kept[place].fingerprint;
}

bool
vault_opens_of_everybody(text *purpose)
{
	return purpose_check == NULL || purpose_check(NULL, purpose_fingerprint(purpose));
}

/* The plain text is padded in its place in the result and encrypted there. */
static bytea *
close_value(CryptoBytes plain, SealedContent content, pg_uuid_t *subject, text *purpose)
{
	int32 tenant = tenant_required();
	const SubjectKey *key = keys_for_sealing(tenant, subject);
	SealedHeader header = {.content = content, .generation = key->generation};
	size_t padded_length = sealed_padded_length(plain.length);
	size_t size = VARHDRSZ + SEALED_HEADER_BYTES + padded_length + CRYPTO_TAG_BYTES;
	bytea *result = palloc(size);
	uint8 *value = (uint8 *) VARDATA(result);
	uint8 *body = value + SEALED_HEADER_BYTES;
	uint8 context[SEALED_CONTEXT_BYTES];
	CryptoBytes bound = CRYPTO_BYTES(context, sizeof(context));
	CryptoBytes text = CRYPTO_BYTES(body, padded_length);
	uint8 *nonce = value + SEALED_BOUND_BYTES;

	SET_VARSIZE(result, size);
	memcpy(header.purpose, purpose_fingerprint(purpose), SEALED_PURPOSE_BYTES);
	memcpy(header.subject, subject->data, UUID_LEN);
	sealed_write(&header, value);
	sealed_context(value, tenant, context);
	memcpy(body, plain.data, plain.length);
	sealed_pad(body, plain.length);
	/* The key belongs to the tenant and the subject: the nonce need not hold them again. */
	if (!crypto_hedged_nonce(CRYPTO_BYTES(value, SEALED_VARIED_BYTES), plain, nonce) ||
		!crypto_seal(key->key, nonce, bound, text, body))
	{
		crypto_wipe(body, padded_length);
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not seal a value")));
	}
	return result;
}

static void
require_plain_length(size_t length)
{
	if (length > SEALED_MAX_PLAIN)
		fail(ERR_bad_value, "a value to seal", "at most 64 MiB long");
}

/* attest.seal(plain text, subject uuid, purpose text) */
Datum
attest_seal(PG_FUNCTION_ARGS)
{
	CryptoBytes plain = varlena_bytes((struct varlena *) PG_GETARG_TEXT_PP(0));
	char *utf8;

	require_plain_length(plain.length);
	utf8 = pg_server_to_any((const char *) plain.data, (int) plain.length, PG_UTF8);
	if (utf8 != (const char *) plain.data)
		plain = CRYPTO_BYTES(utf8, strlen(utf8));
	PG_RETURN_BYTEA_P(close_value(plain, SEALED_TEXT, PG_GETARG_UUID_P(1), PG_GETARG_TEXT_PP(2)));
}

/* attest_internal.seal_bytes(plain bytea, subject uuid, purpose text) */
Datum
attest_seal_bytes(PG_FUNCTION_ARGS)
{
	CryptoBytes plain = varlena_bytes((struct varlena *) PG_GETARG_BYTEA_PP(0));

	require_plain_length(plain.length);
	PG_RETURN_BYTEA_P(close_value(plain, SEALED_BYTES, PG_GETARG_UUID_P(1), PG_GETARG_TEXT_PP(2)));
}

/* --- opening --- */

/* The subject and the purpose that the caller expects, where it names them. */
static bool
is_expected(FunctionCallInfo fcinfo, const SealedHeader *header)
{
	if (PG_NARGS() < 3)
		return true;
	return memcmp(PG_GETARG_UUID_P(1)->data, header->subject, UUID_LEN) == 0 &&
		   memcmp(purpose_fingerprint(PG_GETARG_TEXT_PP(2)), header->purpose,
				  SEALED_PURPOSE_BYTES) == 0;
}

/* Opens into a new varlena; raises seal_broken whatever the reason. */
static bytea *
open_value(FunctionCallInfo fcinfo, SealedContent content)
{
	CryptoBytes value = varlena_bytes((struct varlena *) PG_GETARG_BYTEA_PP(0));
	int32 tenant = tenant_required();
	uint8 context[SEALED_CONTEXT_BYTES];
	const SubjectKey *key;
	SealedHeader header;
	pg_uuid_t subject;
	CryptoBytes cipher;
	bytea *result;
	size_t length;

	refuse_carrier(value);
	if (!sealed_read(value.data, value.length, &header) || header.content != content ||
		!is_expected(fcinfo, &header))
		fail(ERR_seal_broken);
	memcpy(subject.data, header.subject, UUID_LEN);
	if (subject_check != NULL && !subject_check(&subject))
		fail(ERR_seal_broken);
	if (purpose_check != NULL && !purpose_check(&subject, header.purpose))
		fail(ERR_field_closed, tenant_context()->profile);
	key = keys_for_opening(tenant, &subject, header.generation);
	opened_stays_in_memory();
	sealed_context(value.data, tenant, context);
	cipher = CRYPTO_BYTES(value.data + SEALED_HEADER_BYTES, value.length - SEALED_HEADER_BYTES);
	result = palloc(VARHDRSZ + cipher.length);
	if (!crypto_open(key->key, header.nonce, CRYPTO_BYTES(context, sizeof(context)), cipher,
					 (uint8 *) VARDATA(result)) ||
		!sealed_unpad((uint8 *) VARDATA(result), cipher.length - CRYPTO_TAG_BYTES, &length))
		fail(ERR_seal_broken);
	SET_VARSIZE(result, VARHDRSZ + length);
	return result;
}

/* attest.unseal(sealed) and attest.unseal(sealed, subject uuid, purpose text) */
Datum
attest_unseal(PG_FUNCTION_ARGS)
{
	bytea *opened = open_value(fcinfo, SEALED_TEXT);
	char *utf8 = VARDATA(opened);
	int length = (int) (VARSIZE(opened) - VARHDRSZ);
	char *plain = pg_any_to_server(utf8, length, PG_UTF8);

	if (plain == utf8)
		PG_RETURN_TEXT_P((text *) opened);
	PG_RETURN_TEXT_P(cstring_to_text(plain));
}

/* attest_internal.unseal_bytes(sealed, subject uuid, purpose text) */
Datum
attest_unseal_bytes(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(open_value(fcinfo, SEALED_BYTES));
}
