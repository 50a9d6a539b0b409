/*
 * secret.c
 *		Secrets of accounts: hashed, compared, and guarded against guessing.
 *
 * The SQL around these decides nothing by itself from a secret: it gets a yes or a
 * no, after the same work whether the account exists or not.
 */
#include "core/core.h"

#include "core/base64.h"
#include "catalog/pg_collation.h"
#include "crypto/verify.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "tenant/shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

ATTEST_FUNCTION(attest_hash_secret);
ATTEST_FUNCTION(attest_secret_matches);
ATTEST_FUNCTION(attest_crypt_matches);
ATTEST_FUNCTION(attest_take_guess);
ATTEST_FUNCTION(attest_forgive_guesses);
ATTEST_FUNCTION(attest_hide_statement);
ATTEST_FUNCTION(attest_base64url_bytes);
ATTEST_FUNCTION(attest_verify_jws);
ATTEST_FUNCTION(attest_jws_key_is_usable);
ATTEST_FUNCTION(attest_change_rights);
ATTEST_FUNCTION(attest_rights_changed);

static CryptoBytes
varlena_bytes(struct varlena *value)
{
	return CRYPTO_BYTES(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

#define GETARG_BYTES(n) varlena_bytes((struct varlena *) PG_GETARG_BYTEA_PP(n))

static bytea *
new_bytes(size_t length)
{
	bytea *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	return result;
}

/* attest_internal.hash_secret(secret text, salt bytea, cost int) */
Datum
attest_hash_secret(PG_FUNCTION_ARGS)
{
	CryptoBytes salt = GETARG_BYTES(1);
	bytea *hash = new_bytes(SECRET_HASH_BYTES);

	if (salt.length != SECRET_SALT_BYTES ||
		!secret_hash(GETARG_BYTES(0), salt.data, PG_GETARG_INT32(2), (uint8 *) VARDATA(hash)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not hash a secret")));
	PG_RETURN_BYTEA_P(hash);
}

/* attest_internal.secret_matches(secret text, salt bytea, cost int, hash bytea) */
Datum
attest_secret_matches(PG_FUNCTION_ARGS)
{
	CryptoBytes salt = GETARG_BYTES(1);
	CryptoBytes expected = GETARG_BYTES(3);
	uint8 hash[SECRET_HASH_BYTES];
	bool matches;

	if (salt.length != SECRET_SALT_BYTES || expected.length != SECRET_HASH_BYTES ||
		!secret_hash(GETARG_BYTES(0), salt.data, PG_GETARG_INT32(2), hash))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not hash a secret")));
	matches = crypto_equal(hash, expected.data, SECRET_HASH_BYTES);
	crypto_wipe(hash, sizeof(hash));
	PG_RETURN_BOOL(matches);
}

/*
 * attest_internal.crypt_matches(secret text, crypt_hash text).  The function of pgcrypto
 * is called as one, not by a statement: a statement would be seen.
 */
Datum
attest_crypt_matches(PG_FUNCTION_ARGS)
{
	CryptoBytes expected = varlena_bytes((struct varlena *) PG_GETARG_TEXT_PP(1));
	CryptoBytes found;
	Oid function;

	SPI_connect();
	function = core_pgcrypto_function("crypt", 2);
	SPI_finish();
	found = varlena_bytes((struct varlena *) PG_DETOAST_DATUM_PACKED(OidFunctionCall2Coll(
		function, DEFAULT_COLLATION_OID, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1))));
	PG_RETURN_BOOL(found.length == expected.length &&
				   crypto_equal(found.data, expected.data, found.length));
}

/* attest_internal.take_guess(name text) */
Datum
attest_take_guess(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(shared_take_guess(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetCurrentTimestamp()));
}

/* attest_internal.forgive_guesses(name text) */
Datum
attest_forgive_guesses(PG_FUNCTION_ARGS)
{
	shared_forgive_guesses(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* attest_internal.hide_statement(): a secret or ticket may stand in its text. */
Datum
attest_hide_statement(PG_FUNCTION_ARGS)
{
	pgstat_report_activity(STATE_RUNNING, "<hidden by attest>");
	PG_RETURN_VOID();
}

/* attest_internal.base64url_bytes(text): NULL when it is not strict base64url. */
Datum
attest_base64url_bytes(PG_FUNCTION_ARGS)
{
	CryptoBytes input = varlena_bytes((struct varlena *) PG_GETARG_TEXT_PP(0));
	size_t capacity = base64_decoded_capacity(input.length);
	bytea *result = new_bytes(capacity);
	size_t done;

	if (!base64url_decode((const char *) input.data, input.length, (uint8 *) VARDATA(result),
						  capacity, &done))
		PG_RETURN_NULL();
	SET_VARSIZE(result, VARHDRSZ + done);
	PG_RETURN_BYTEA_P(result);
}

static bool
algorithm_of(text *name, JwsAlgorithm *algorithm)
{
	static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};
	char *wanted = text_to_cstring(name);

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(names[i], wanted) == 0)
		{
			*algorithm = (JwsAlgorithm) i;
			return true;
		}
	}
	return false;
}

static bool
key_of(FunctionCallInfo fcinfo, JwsKey *key)
{
	key->first = GETARG_BYTES(1);
	key->second = GETARG_BYTES(2);
	return algorithm_of(PG_GETARG_TEXT_PP(0), &key->algorithm);
}

/* attest_internal.jws_key_is_usable(alg text, first bytea, second bytea) */
Datum
attest_jws_key_is_usable(PG_FUNCTION_ARGS)
{
	JwsKey key;

	PG_RETURN_BOOL(key_of(fcinfo, &key) && verify_key_is_usable(&key));
}

/* attest_internal.verify_jws(alg text, first bytea, second bytea, input text, signature bytea) */
Datum
attest_verify_jws(PG_FUNCTION_ARGS)
{
	JwsKey key;

	PG_RETURN_BOOL(key_of(fcinfo, &key) && verify_jws(&key, GETARG_BYTES(3), GETARG_BYTES(4)));
}

/* attest_internal.change_rights(): trigger of the tables that rights follow from. */
Datum
attest_change_rights(PG_FUNCTION_ARGS)
{
	shared_change_rights();
	PG_RETURN_POINTER(NULL);
}

/* attest_internal.rights_changed(): the same, for a table without triggers. */
Datum
attest_rights_changed(PG_FUNCTION_ARGS)
{
	shared_change_rights();
	PG_RETURN_VOID();
}
