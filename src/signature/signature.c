/*
 * signature.c
 *		The type attest.signature: see signature.h.
 *
 * Input is immutable and depends on no setting: a dump can always be read back.
 */
#include "signature/signature.h"

#include "catalog/pg_type.h"
#include "core/base64.h"
#include "core/bytes.h"
#include "libpq/pqformat.h"
#include "signature/dataurl.h"
#include "signature/ink.h"
#include "signature/strokes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define CANONICAL_PREFIX        "attest1:"
#define CANONICAL_PREFIX_LENGTH (sizeof(CANONICAL_PREFIX) - 1)
#define DATA_URL_SCHEME         "data:"

ATTEST_FUNCTION(attest_signature_in);
ATTEST_FUNCTION(attest_signature_out);
ATTEST_FUNCTION(attest_signature_recv);
ATTEST_FUNCTION(attest_signature_send);
ATTEST_FUNCTION(attest_signature_kind);
ATTEST_FUNCTION(attest_signature_digest);
ATTEST_FUNCTION(attest_signature_payload);
ATTEST_FUNCTION(attest_signature_reasons);
ATTEST_FUNCTION(attest_require_ink);

/* Reasons for which a capture is no signature at all: the person signs again. */
#define REASONS_EMPTY (SIGNATURE_REASON_BIT(INK_BLANK) | SIGNATURE_REASON_BIT(STROKES_EMPTY))
#define REASONS_UNUSABLE                                                 \
	(SIGNATURE_REASON_BIT(INK_DOT) | SIGNATURE_REASON_BIT(STROKES_DOT) | \
	 SIGNATURE_REASON_BIT(STROKES_SHORT))

static const char *const kind_names[] = {
	[SIGNATURE_PNG] = "png",
	[SIGNATURE_STROKES] = "strokes",
};

static void __attribute__((noreturn)) refuse(SignatureCode code, size_t offset)
{
	const SignatureCodeInfo *info = signature_code_info(code);
	char where[32];

	if (code == DATAURL_EMPTY)
		fail(ERR_signature_empty, info->name, info->message);
	snprintf(where, sizeof(where), "%zu", offset);
	fail(ERR_signature_malformed, info->name, where, info->message);
}

/* --- measuring --- */

static void
measure_png(CryptoBytes payload, SignatureHeader *header)
{
	InkReport ink;
	PngResult result =
		ink_read_png(payload.data, payload.length, &png_strict_profile, &ink_default_policy, &ink);

	if (result.code != SIGNATURE_OK)
		refuse(result.code, result.offset);
	header->reasons = result.reasons | ink.reasons;
	header->width = ink.width;
	header->height = ink.height;
}

static void
measure_strokes(CryptoBytes payload, SignatureHeader *header)
{
	StrokesResult result = strokes_read((const char *) payload.data, payload.length,
										&strokes_default_policy, NULL, NULL);
	const StrokesSummary *summary = &result.summary;

	if (result.code != SIGNATURE_OK)
		refuse(result.code, result.offset);
	header->reasons = result.reasons;
	header->width = (uint32) (summary->right - summary->left);
	header->height = (uint32) (summary->bottom - summary->top);
	header->strokes = summary->strokes;
	header->points = summary->points;
	header->duration =
		summary->duration > PG_UINT32_MAX ? PG_UINT32_MAX : (uint32) summary->duration;
}

void
signature_measure(SignatureKind kind, CryptoBytes payload, SignatureHeader *header)
{
	memset(header, 0, sizeof(*header));
	header->kind = kind;
	if (kind == SIGNATURE_PNG)
		measure_png(payload, header);
	else
		measure_strokes(payload, header);
	if (!crypto_sha256(payload, header->digest))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a digest")));
}

static void
write_header(const SignatureHeader *header, uint8 *out)
{
	BytesWriter writer = {.data = out, .capacity = SIGNATURE_HEADER_BYTES};

	bytes_put_number(&writer, SIGNATURE_VERSION, 1);
	bytes_put_number(&writer, header->kind, 1);
	bytes_put_number(&writer, 0, 2);
	bytes_put_number(&writer, header->reasons, 8);
	bytes_put_number(&writer, header->width, 4);
	bytes_put_number(&writer, header->height, 4);
	bytes_put_number(&writer, header->strokes, 4);
	bytes_put_number(&writer, header->points, 4);
	bytes_put_number(&writer, header->duration, 4);
	bytes_put(&writer, header->digest, CRYPTO_DIGEST_BYTES);
}

struct varlena *
signature_make(SignatureKind kind, CryptoBytes payload)
{
	SignatureHeader header;
	size_t size = VARHDRSZ + SIGNATURE_HEADER_BYTES + payload.length;
	struct varlena *value;
	uint8 *data;

	signature_measure(kind, payload, &header);
	value = palloc(size);
	SET_VARSIZE(value, size);
	data = (uint8 *) VARDATA(value);
	write_header(&header, data);
	memcpy(data + SIGNATURE_HEADER_BYTES, payload.data, payload.length);
	return value;
}

/* --- reading a stored value --- */

/* The header of an argument, and its payload; raises on a damaged value. */
static CryptoBytes
read_value(struct varlena *value, SignatureHeader *header)
{
	BytesReader reader = {.data = (uint8 *) VARDATA_ANY(value), .length = VARSIZE_ANY_EXHDR(value)};
	uint64 version = bytes_take_number(&reader, 1);

	header->kind = (SignatureKind) bytes_take_number(&reader, 1);
	(void) bytes_take_number(&reader, 2);
	header->reasons = bytes_take_number(&reader, 8);
	header->width = (uint32) bytes_take_number(&reader, 4);
	header->height = (uint32) bytes_take_number(&reader, 4);
	header->strokes = (uint32) bytes_take_number(&reader, 4);
	header->points = (uint32) bytes_take_number(&reader, 4);
	header->duration = (uint32) bytes_take_number(&reader, 4);
	bytes_copy(&reader, header->digest, CRYPTO_DIGEST_BYTES);
	if (reader.failed || version != SIGNATURE_VERSION ||
		(header->kind != SIGNATURE_PNG && header->kind != SIGNATURE_STROKES))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a stored signature is damaged")));
	return CRYPTO_BYTES(reader.data + reader.at, reader.length - reader.at);
}

#define GETARG_SIGNATURE(header) read_value((struct varlena *) PG_GETARG_BYTEA_PP(0), (header))

/* --- input and output --- */

static struct varlena *
from_data_url(const char *text, size_t length)
{
	size_t capacity = base64_decoded_capacity(length);
	uint8 *png;
	size_t done;
	SignatureCode code;

	if (length > png_strict_profile.max_bytes * 2)
		refuse(PNG_TOO_LARGE, 0);
	png = palloc(capacity);
	code = dataurl_decode(text, length, png, capacity, &done);
	if (code != SIGNATURE_OK)
		refuse(code, done);
	return signature_make(SIGNATURE_PNG, CRYPTO_BYTES(png, done));
}

/* "attest1:<kind>:<payload in base64url>", as attest_signature_out writes it. */
static struct varlena *
from_canonical(const char *text, size_t length)
{
	const char *kind_text = text + CANONICAL_PREFIX_LENGTH;
	size_t capacity = base64_decoded_capacity(length);

	for (SignatureKind kind = SIGNATURE_PNG; kind <= SIGNATURE_STROKES; kind++)
	{
		size_t kind_length = strlen(kind_names[kind]);
		const char *encoded = kind_text + kind_length + 1;
		uint8 *payload;
		size_t done;

		if (strncmp(kind_text, kind_names[kind], kind_length) != 0 || encoded[-1] != ':')
			continue;
		if (!AllocSizeIsValid(capacity))
			refuse(PNG_TOO_LARGE, 0);
		payload = palloc(capacity);
		if (!base64url_decode(encoded, strlen(encoded), payload, capacity, &done))
			refuse(BASE64, (size_t) (encoded - text));
		return signature_make(kind, CRYPTO_BYTES(payload, done));
	}
	refuse(MIME_MISMATCH, CANONICAL_PREFIX_LENGTH);
}

Datum
attest_signature_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);

	if (strncmp(text, DATA_URL_SCHEME, sizeof(DATA_URL_SCHEME) - 1) == 0)
		PG_RETURN_POINTER(from_data_url(text, length));
	if (strncmp(text, CANONICAL_PREFIX, CANONICAL_PREFIX_LENGTH) == 0)
		PG_RETURN_POINTER(from_canonical(text, length));
	PG_RETURN_POINTER(signature_make(SIGNATURE_STROKES, CRYPTO_BYTES(text, length)));
}

Datum
attest_signature_out(PG_FUNCTION_ARGS)
{
	SignatureHeader header;
	CryptoBytes payload = GETARG_SIGNATURE(&header);
	size_t capacity = base64url_encoded_length(payload.length);
	StringInfoData out;
	size_t written;

	initStringInfo(&out);
	appendStringInfo(&out, "%s%s:", CANONICAL_PREFIX, kind_names[header.kind]);
	enlargeStringInfo(&out, (int) capacity);
	if (!base64url_encode(payload.data, payload.length, out.data + out.len, capacity, &written))
		elog(ERROR, "base64url of %zu bytes does not fit", payload.length);
	out.len += (int) written;
	out.data[out.len] = '\0';
	PG_RETURN_CSTRING(out.data);
}

/* Binary form: the kind in one byte, then the payload. */
Datum
attest_signature_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int kind = pq_getmsgbyte(message);
	int length = message->len - message->cursor;
	const char *payload = pq_getmsgbytes(message, length);

	if (kind != SIGNATURE_PNG && kind != SIGNATURE_STROKES)
		refuse(MIME_MISMATCH, 0);
	PG_RETURN_POINTER(signature_make((SignatureKind) kind, CRYPTO_BYTES(payload, length)));
}

Datum
attest_signature_send(PG_FUNCTION_ARGS)
{
	SignatureHeader header;
	CryptoBytes payload = GETARG_SIGNATURE(&header);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbyte(&out, (uint8) header.kind);
	pq_sendbytes(&out, (const char *) payload.data, (int) payload.length);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* --- accessors --- */

static bytea *
bytes_result(CryptoBytes bytes)
{
	bytea *result = palloc(VARHDRSZ + bytes.length);

	Assert(bytes.data != NULL);
	SET_VARSIZE(result, VARHDRSZ + bytes.length);
	memcpy(VARDATA(result), bytes.data, bytes.length);
	return result;
}

Datum
attest_signature_kind(PG_FUNCTION_ARGS)
{
	SignatureHeader header;

	(void) GETARG_SIGNATURE(&header);
	PG_RETURN_TEXT_P(cstring_to_text(kind_names[header.kind]));
}

Datum
attest_signature_digest(PG_FUNCTION_ARGS)
{
	SignatureHeader header;

	(void) GETARG_SIGNATURE(&header);
	PG_RETURN_BYTEA_P(bytes_result(CRYPTO_BYTES(header.digest, CRYPTO_DIGEST_BYTES)));
}

Datum
attest_signature_payload(PG_FUNCTION_ARGS)
{
	SignatureHeader header;
	CryptoBytes payload = GETARG_SIGNATURE(&header);

	PG_RETURN_BYTEA_P(bytes_result(payload));
}

Datum
attest_signature_reasons(PG_FUNCTION_ARGS)
{
	Datum names[SIGNATURE_FIRST_ERROR];
	SignatureHeader header;
	int count = 0;

	(void) GETARG_SIGNATURE(&header);
	for (SignatureCode code = SIGNATURE_OK + 1; code <= SIGNATURE_LAST_REASON; code++)
	{
		if (header.reasons & SIGNATURE_REASON_BIT(code))
			names[count++] = CStringGetTextDatum(signature_code_info(code)->name);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* attest_internal.require_ink(signature): raises unless there is ink to speak of. */
Datum
attest_require_ink(PG_FUNCTION_ARGS)
{
	SignatureHeader header;

	(void) GETARG_SIGNATURE(&header);
	for (SignatureCode code = SIGNATURE_OK + 1; code <= SIGNATURE_LAST_REASON; code++)
	{
		SignatureReasons bit = header.reasons & SIGNATURE_REASON_BIT(code);
		const SignatureCodeInfo *info = signature_code_info(code);

		if (bit & REASONS_EMPTY)
			fail(ERR_signature_empty, info->name, info->message);
		if (bit & REASONS_UNUSABLE)
			fail(ERR_signature_without_ink, info->name, info->message);
	}
	PG_RETURN_BOOL(true);
}
