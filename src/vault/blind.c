/*
 * blind.c
 *		Blind values: what a sealed value is found by without opening any.
 *
 * HMAC-SHA-256, cut to 16 bytes, of the value under a key that HKDF derives from
 * the tenant's key and the purpose.  Equal values of one tenant and purpose have
 * equal blind values, and whoever reads the table sees that they are equal; values
 * of two tenants or purposes cannot be compared.  What has few possible values can
 * be read off the frequencies, so such purposes and values are refused.
 *
 * Values are taken as they come: the caller normalises them (case, blanks), in the
 * same way for writing and for looking up.
 *
 * A blind value tells whether a guess is right.  So that of a field of the register is
 * only made for who may open the field.
 */
#include "vault/vault.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "tenant/tenant.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define BLIND_BYTES     16
#define BLIND_SHORTEST  4 /* bytes: every shorter value is tried in no time */
#define LABEL           "attest blind "
#define CACHE_START     16
#define GENERATIONS_MAX 8 /* of the tenant's key in use: two while a rotation goes on */

ATTEST_FUNCTION(attest_blind);
ATTEST_FUNCTION(attest_blind_candidates);

/*
 * Words of a purpose that say that it has few values, in English and French.  Not
 * a proof: attest.doctor() also counts the distinct values of protected columns.
 */
static const char *const few_values[] = {
	"gender",     "sex",      "sexe",       "genre",       "civility",    "civilite", "nationality",
	"disability", "handicap", "disabled",   "rqth",        "boolean",     "bool",     "flag",
	"marital",    "religion", "ethnicity",  "citizenship", "nationalite", "country",  "pays",
	"isced",      "profile",  "status",     "statut",      "year",        "annee",    "month",
	"mois",       "age",      "department", "departement", "region",      "level",    "niveau",
	"language",   "langue"};

typedef struct IndexKeyId
{
	int32 tenant;
	uint32 generation; /* 0 for the active one */
	char purpose[VAULT_PURPOSE_MAX + 1];
} IndexKeyId;

typedef struct IndexKey
{
	IndexKeyId id; /* hash key of entry - MUST BE FIRST */
	uint8 key[CRYPTO_KEY_BYTES];
} IndexKey;

static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;

void
blind_forget(void)
{
	HASH_SEQ_STATUS scan;
	IndexKey *entry;

	if (cache == NULL)
		return;
	hash_seq_init(&scan, cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		crypto_wipe(entry->key, sizeof(entry->key));
	cache = NULL;
	MemoryContextReset(cache_context);
}

static HTAB *
get_cache(void)
{
	HASHCTL control = {.keysize = sizeof(IndexKeyId), .entrysize = sizeof(IndexKey)};

	if (cache != NULL)
		return cache;
	if (cache_context == NULL)
		cache_context =
			AllocSetContextCreate(TopMemoryContext, "attest index keys", ALLOCSET_SMALL_SIZES);
	control.hcxt = cache_context;
	cache = hash_create("attest index keys", CACHE_START, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return cache;
}

/* Whether a word of the purpose, between points, underscores and hyphens, is on the list. */
static bool
has_few_values(const char *purpose)
{
	for (const char *word = purpose; *word;)
	{
		size_t length = strcspn(word, "._- ");

		for (int i = 0; i < (int) lengthof(few_values); i++)
		{
			if (length == strlen(few_values[i]) && pg_strncasecmp(word, few_values[i], length) == 0)
				return true;
		}
		word += length;
		word += strspn(word, "._- ");
	}
	return false;
}

void
blind_require_purpose(const char *purpose)
{
	size_t length = strlen(purpose);

	if (length == 0 || length > VAULT_PURPOSE_MAX)
		fail(ERR_bad_value, "purpose", "a name of 1 to 63 bytes");
	if (has_few_values(purpose))
		fail(ERR_blind_refused, gettext_noop("the purpose names something that has few values"));
}

/* The index key of a purpose; generation 0 is the active one of the tenant. */
static const uint8 *
index_key(int32 tenant, uint32 generation, const char *purpose)
{
	IndexKeyId id = {.tenant = tenant, .generation = generation};
	uint8 tenant_key[CRYPTO_KEY_BYTES];
	uint8 derived[CRYPTO_KEY_BYTES];
	char label[sizeof(LABEL) + VAULT_PURPOSE_MAX];
	IndexKey *entry;
	bool done;

	keys_drop_outdated();
	strlcpy(id.purpose, purpose, sizeof(id.purpose));
	entry = hash_search(get_cache(), &id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->key;
	blind_require_purpose(purpose);
	snprintf(label, sizeof(label), LABEL "%s", purpose);
	keys_of_tenant(tenant, &generation, tenant_key);
	done = crypto_derive(tenant_key, label, derived);
	crypto_wipe(tenant_key, sizeof(tenant_key));
	if (!done)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not derive a key")));
	/* Getting the key may have emptied the cache. */
	entry = hash_search(get_cache(), &id, HASH_ENTER, NULL);
	memcpy(entry->key, derived, CRYPTO_KEY_BYTES);
	crypto_wipe(derived, sizeof(derived));
	return entry->key;
}

static bytea *
blind_under(const uint8 *key, CryptoBytes value)
{
	bytea *result = palloc(VARHDRSZ + BLIND_BYTES);
	uint8 mac[CRYPTO_DIGEST_BYTES];

	if (!crypto_hmac(key, value, mac))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a digest")));
	SET_VARSIZE(result, VARHDRSZ + BLIND_BYTES);
	memcpy(VARDATA(result), mac, BLIND_BYTES);
	crypto_wipe(mac, sizeof(mac));
	return result;
}

static void
require_value(CryptoBytes value)
{
	if (value.length < BLIND_SHORTEST)
		fail(ERR_blind_refused, gettext_noop("the value is shorter than 4 bytes"));
}

bytea *
blind_value(int32 tenant, const char *purpose, CryptoBytes utf8)
{
	require_value(utf8);
	return blind_under(index_key(tenant, 0, purpose), utf8);
}

/* The text in UTF-8, so that the encoding of the database does not matter. */
static CryptoBytes
utf8_bytes(text *value)
{
	const char *data = VARDATA_ANY(value);
	int length = (int) VARSIZE_ANY_EXHDR(value);
	char *utf8 = pg_server_to_any(data, length, PG_UTF8);

	return CRYPTO_BYTES(utf8, utf8 == data ? (size_t) length : strlen(utf8));
}

/*
 * Whoever may not open a field must not find it by guessing: of a NIR few digits are not
 * known to whoever knows the person, of a birth date few days are possible.
 */
static void
require_entitlement(text *purpose)
{
	if (!vault_opens_of_everybody(purpose))
		fail(ERR_field_closed, tenant_context()->profile);
}

/* attest.blind(purpose text, value text) */
Datum
attest_blind(PG_FUNCTION_ARGS)
{
	int32 tenant = tenant_required();
	char *purpose = text_to_cstring(PG_GETARG_TEXT_PP(0));

	require_entitlement(PG_GETARG_TEXT_PP(0));
	PG_RETURN_BYTEA_P(blind_value(tenant, purpose, utf8_bytes(PG_GETARG_TEXT_PP(1))));
}

/* attest.blind_candidates(purpose text, value text) */
Datum
attest_blind_candidates(PG_FUNCTION_ARGS)
{
	int32 tenant = tenant_required();
	char *purpose = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CryptoBytes value = utf8_bytes(PG_GETARG_TEXT_PP(1));
	uint32 generations[GENERATIONS_MAX];
	Datum candidates[GENERATIONS_MAX];
	int count;

	blind_require_purpose(purpose);
	require_entitlement(PG_GETARG_TEXT_PP(0));
	require_value(value);
	count = keys_in_use(tenant, generations, GENERATIONS_MAX);
	for (int i = 0; i < count; i++)
		candidates[i] =
			PointerGetDatum(blind_under(index_key(tenant, generations[i], purpose), value));
	PG_RETURN_ARRAYTYPE_P(construct_array(candidates, count, BYTEAOID, -1, false, TYPALIGN_INT));
}
