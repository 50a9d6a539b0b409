/*
 * ident.c
 *		The types attest.nir and attest.siret, and version 7 uuids.
 *
 * Both types are fixed strings of canonical characters.  attest.siret has the
 * comparisons that people expect of a code.  attest.nir has none: a NIR is never
 * joined, sorted or indexed in clear (see vault for the blind index), and the
 * errors of its input never repeat what was typed.
 */
#include "ident/ident.h"

#include "common/hashfn.h"
#include "ident/identifier.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

ATTEST_FUNCTION(attest_uuid_v7);
ATTEST_FUNCTION(attest_nir_in);
ATTEST_FUNCTION(attest_nir_out);
ATTEST_FUNCTION(attest_nir_recv);
ATTEST_FUNCTION(attest_nir_send);
ATTEST_FUNCTION(attest_siret_in);
ATTEST_FUNCTION(attest_siret_out);
ATTEST_FUNCTION(attest_siret_recv);
ATTEST_FUNCTION(attest_siret_send);
ATTEST_FUNCTION(attest_siret_cmp);
ATTEST_FUNCTION(attest_siret_eq);
ATTEST_FUNCTION(attest_siret_ne);
ATTEST_FUNCTION(attest_siret_lt);
ATTEST_FUNCTION(attest_siret_le);
ATTEST_FUNCTION(attest_siret_gt);
ATTEST_FUNCTION(attest_siret_ge);
ATTEST_FUNCTION(attest_siret_hash);

#define MILLISECOND INT64CONST(1000) /* in microseconds */

void
uuid_v7(TimestampTz at, pg_uuid_t *uuid)
{
	int64 micros = at + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	uint64 millis = pg_hton64((uint64) (micros / MILLISECOND) << 16);
	uint16 fraction = (uint16) ((micros % MILLISECOND) * 4096 / MILLISECOND);

	if (!pg_strong_random(uuid->data, UUID_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	memcpy(uuid->data, &millis, 6);
	uuid->data[6] = 0x70 | (unsigned char) (fraction >> 8);
	uuid->data[7] = (unsigned char) fraction;
	uuid->data[8] = 0x80 | (uuid->data[8] & 0x3f);
}

/* attest.uuid_v7() */
Datum
attest_uuid_v7(PG_FUNCTION_ARGS)
{
	pg_uuid_t *uuid = palloc(UUID_LEN);

	uuid_v7(GetCurrentTimestamp(), uuid);
	PG_RETURN_UUID_P(uuid);
}

typedef IdentifierFault (*IdentifierParser)(const char *text, size_t length, char *out);

static const char *
fault_fact(IdentifierFault fault)
{
	switch (fault)
	{
		case IDENTIFIER_LENGTH:
			return "its length is wrong";
		case IDENTIFIER_CHARACTER:
			return "it holds a character that cannot stand there";
		case IDENTIFIER_STRUCTURE:
			return "its sex, month, department or order cannot be";
		default:
			return "its key is wrong";
	}
}

/* Parses or raises; the error never shows the number itself. */
static char *
parse_or_fail(IdentifierParser parser, const char *text, size_t length, size_t stored,
			  AttestError malformed, AttestError wrong_key)
{
	char *result = palloc(stored);
	IdentifierFault fault = parser(text, length, result);

	if (fault == IDENTIFIER_KEY)
		fail(wrong_key);
	if (fault != IDENTIFIER_OK)
		fail(malformed, fault_fact(fault));
	return result;
}

static char *
nir_from_text(const char *text, size_t length)
{
	return parse_or_fail(nir_parse, text, length, NIR_LENGTH, ERR_nir_malformed, ERR_nir_wrong_key);
}

static char *
siret_from_text(const char *text, size_t length)
{
	return parse_or_fail(siret_parse, text, length, SIRET_LENGTH, ERR_siret_malformed,
						 ERR_siret_wrong_key);
}

Datum
attest_nir_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);

	PG_RETURN_POINTER(nir_from_text(text, strlen(text)));
}

Datum
attest_nir_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pnstrdup(PG_GETARG_POINTER(0), NIR_LENGTH));
}

Datum
attest_nir_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);

	PG_RETURN_POINTER(nir_from_text(pq_getmsgbytes(message, NIR_LENGTH), NIR_LENGTH));
}

static bytea *
send_characters(const char *value, int length)
{
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbytes(&out, value, length);
	return pq_endtypsend(&out);
}

Datum
attest_nir_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(send_characters(PG_GETARG_POINTER(0), NIR_LENGTH));
}

Datum
attest_siret_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);

	PG_RETURN_POINTER(siret_from_text(text, strlen(text)));
}

Datum
attest_siret_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pnstrdup(PG_GETARG_POINTER(0), SIRET_LENGTH));
}

Datum
attest_siret_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);

	PG_RETURN_POINTER(siret_from_text(pq_getmsgbytes(message, SIRET_LENGTH), SIRET_LENGTH));
}

Datum
attest_siret_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(send_characters(PG_GETARG_POINTER(0), SIRET_LENGTH));
}

static int
siret_compare(FunctionCallInfo fcinfo)
{
	return memcmp(PG_GETARG_POINTER(0), PG_GETARG_POINTER(1), SIRET_LENGTH);
}

Datum
attest_siret_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(siret_compare(fcinfo));
}

Datum
attest_siret_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siret_compare(fcinfo) == 0);
}

Datum
attest_siret_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siret_compare(fcinfo) != 0);
}

Datum
attest_siret_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siret_compare(fcinfo) < 0);
}

Datum
attest_siret_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siret_compare(fcinfo) <= 0);
}

Datum
attest_siret_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siret_compare(fcinfo) > 0);
}

Datum
attest_siret_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siret_compare(fcinfo) >= 0);
}

Datum
attest_siret_hash(PG_FUNCTION_ARGS)
{
	return hash_any((unsigned char *) PG_GETARG_POINTER(0), SIRET_LENGTH);
}
