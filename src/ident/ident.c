/*
 * ident.c
 *		The types attest.nir, attest.siret and attest.siren, and version 7 uuids.
 *
 * The types are fixed strings of canonical characters.  attest.siret and attest.siren
 * have the comparisons that people expect of a code.  attest.nir has none: a NIR is
 * never joined, sorted or indexed in clear (see vault for the blind index), and the
 * errors of its input never repeat what was typed.
 */
#include "ident/ident.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "ident/identifier.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

ATTEST_FUNCTION(attest_uuid_v7);
ATTEST_FUNCTION(attest_nir_in);
ATTEST_FUNCTION(attest_nir_out);
ATTEST_FUNCTION(attest_nir_recv);
ATTEST_FUNCTION(attest_nir_send);
ATTEST_FUNCTION(attest_nir_check);
ATTEST_FUNCTION(attest_nir_parts);
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
ATTEST_FUNCTION(attest_siret_check);
ATTEST_FUNCTION(attest_siren_in);
ATTEST_FUNCTION(attest_siren_out);
ATTEST_FUNCTION(attest_siren_recv);
ATTEST_FUNCTION(attest_siren_send);
ATTEST_FUNCTION(attest_siren_cmp);
ATTEST_FUNCTION(attest_siren_eq);
ATTEST_FUNCTION(attest_siren_ne);
ATTEST_FUNCTION(attest_siren_lt);
ATTEST_FUNCTION(attest_siren_le);
ATTEST_FUNCTION(attest_siren_gt);
ATTEST_FUNCTION(attest_siren_ge);
ATTEST_FUNCTION(attest_siren_hash);
ATTEST_FUNCTION(attest_siren_check);
ATTEST_FUNCTION(attest_siren);

#define MICROS_PER_MILLI INT64CONST(1000)

void
uuid_v7(TimestampTz at, pg_uuid_t *uuid)
{
	int64 micros = at + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	uint64 millis = pg_hton64((uint64) (micros / MICROS_PER_MILLI) << 16);
	uint16 fraction = (uint16) ((micros % MICROS_PER_MILLI) * 4096 / MICROS_PER_MILLI);

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

const char *
ident_fault_fact(IdentifierFault fault)
{
	switch (fault)
	{
		case IDENTIFIER_LENGTH:
			return "its length is wrong";
		case IDENTIFIER_CHARACTER:
			return "it holds a character that cannot stand there";
		case IDENTIFIER_SIREN:
			return "the SIREN at its beginning is wrong";
		case IDENTIFIER_SPECIMEN:
			return "it is the number of a specimen, which nobody has";
		default:
			return "its sex, month, department or order cannot be";
	}
}

/*
 * Parses or raises; the error never shows the number itself.  That of a NIR has no
 * context either: COPY quotes there what was read.
 */
static char *
parse_or_fail(IdentifierParser parser, const char *text, size_t length, size_t stored,
			  AttestError malformed, AttestError wrong_key)
{
	char *result = palloc(stored);
	IdentifierFault fault = parser(text, length, result);

	if (fault != IDENTIFIER_OK && parser == nir_parse)
		error_context_stack = NULL;
	if (fault == IDENTIFIER_KEY)
		fail(wrong_key);
	if (fault != IDENTIFIER_OK)
		fail(malformed, ident_fault_fact(fault));
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

static char *
siren_from_text(const char *text, size_t length)
{
	return parse_or_fail(siren_parse, text, length, SIREN_LENGTH, ERR_siren_malformed,
						 ERR_siren_wrong_key);
}

/* A fault as SQL: its code, or NULL. */
static Datum
fault_datum(FunctionCallInfo fcinfo, IdentifierFault fault)
{
	if (fault == IDENTIFIER_OK)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(identifier_code(fault)));
}

static bytea *
send_characters(const char *value, int length)
{
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbytes(&out, value, length);
	return pq_endtypsend(&out);
}

/* --- NIR --- */

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

Datum
attest_nir_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(send_characters(PG_GETARG_POINTER(0), NIR_LENGTH));
}

static NirLevel
nir_level(text *name)
{
	static const char *const levels[] = {"wellformed", "plausible", "definitive"};

	for (int i = 0; i < (int) lengthof(levels); i++)
	{
		if (VARSIZE_ANY_EXHDR(name) == strlen(levels[i]) &&
			memcmp(VARDATA_ANY(name), levels[i], strlen(levels[i])) == 0)
			return (NirLevel) i;
	}
	fail(ERR_bad_value, "level", "wellformed, plausible or definitive");
}

/* attest.nir_check(number text, level text) */
Datum
attest_nir_check(PG_FUNCTION_ARGS)
{
	text *number = PG_GETARG_TEXT_PP(0);
	NirLevel level = nir_level(PG_GETARG_TEXT_PP(1));

	return fault_datum(fcinfo, nir_check(VARDATA_ANY(number), VARSIZE_ANY_EXHDR(number), level));
}

static int
year_of(DateADT day)
{
	int year, month, date;

	if (DATE_NOT_FINITE(day))
		fail(ERR_bad_value, "as_of", "a day");
	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &date);
	return year;
}

/* attest.nir_parts(number nir, as_of date): the columns in the order of the declaration */
Datum
attest_nir_parts(PG_FUNCTION_ARGS)
{
	NirParts parts;
	TupleDesc shape;
	Datum values[9];
	bool nulls[9] = {false};
	bool abroad;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "attest.nir_parts returns a row");
	nir_parts(PG_GETARG_POINTER(0), year_of(PG_GETARG_DATEADT(1)), &parts);
	abroad = parts.born == NIR_BORN_ABROAD;

	values[0] = PointerGetDatum(cstring_to_text_with_len(&parts.sex, 1));
	values[1] = Int32GetDatum(parts.birth_year);
	values[2] = Int32GetDatum(parts.birth_month);
	nulls[2] = parts.birth_month == 0;
	values[3] = CStringGetTextDatum(parts.department);
	values[4] = BoolGetDatum(abroad);
	nulls[4] = parts.born == NIR_BORN_UNKNOWN;
	values[5] = values[6] = CStringGetTextDatum(parts.place);
	nulls[5] = parts.born != NIR_BORN_IN_FRANCE;
	nulls[6] = !abroad;
	values[7] = Int32GetDatum(parts.order);
	values[8] = BoolGetDatum(parts.provisional);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls)));
}

/* --- SIRET --- */

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

/* attest.siret_check(number text) */
Datum
attest_siret_check(PG_FUNCTION_ARGS)
{
	text *number = PG_GETARG_TEXT_PP(0);
	char siret[SIRET_LENGTH];

	return fault_datum(fcinfo, siret_parse(VARDATA_ANY(number), VARSIZE_ANY_EXHDR(number), siret));
}

/* --- SIREN --- */

Datum
attest_siren_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);

	PG_RETURN_POINTER(siren_from_text(text, strlen(text)));
}

Datum
attest_siren_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pnstrdup(PG_GETARG_POINTER(0), SIREN_LENGTH));
}

Datum
attest_siren_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);

	PG_RETURN_POINTER(siren_from_text(pq_getmsgbytes(message, SIREN_LENGTH), SIREN_LENGTH));
}

Datum
attest_siren_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(send_characters(PG_GETARG_POINTER(0), SIREN_LENGTH));
}

static int
siren_compare(FunctionCallInfo fcinfo)
{
	return memcmp(PG_GETARG_POINTER(0), PG_GETARG_POINTER(1), SIREN_LENGTH);
}

Datum
attest_siren_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(siren_compare(fcinfo));
}

Datum
attest_siren_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siren_compare(fcinfo) == 0);
}

Datum
attest_siren_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siren_compare(fcinfo) != 0);
}

Datum
attest_siren_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siren_compare(fcinfo) < 0);
}

Datum
attest_siren_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siren_compare(fcinfo) <= 0);
}

Datum
attest_siren_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siren_compare(fcinfo) > 0);
}

Datum
attest_siren_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(siren_compare(fcinfo) >= 0);
}

Datum
attest_siren_hash(PG_FUNCTION_ARGS)
{
	return hash_any((unsigned char *) PG_GETARG_POINTER(0), SIREN_LENGTH);
}

/* attest.siren_check(number text) */
Datum
attest_siren_check(PG_FUNCTION_ARGS)
{
	text *number = PG_GETARG_TEXT_PP(0);
	char siren[SIREN_LENGTH];

	return fault_datum(fcinfo, siren_parse(VARDATA_ANY(number), VARSIZE_ANY_EXHDR(number), siren));
}

/* attest.siren(number siret): its first nine digits, which siret_parse has checked */
Datum
attest_siren(PG_FUNCTION_ARGS)
{
	char *siren = palloc(SIREN_LENGTH);

	memcpy(siren, PG_GETARG_POINTER(0), SIREN_LENGTH);
	PG_RETURN_POINTER(siren);
}
