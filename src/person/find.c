/*
 * find.c
 *		Search by name: what is sealed as person.search_name, and how it is compared.
 */
#include "core/core.h"

#include "mb/pg_wchar.h"
#include "person/search_name.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "vault/scan.h"

ATTEST_FUNCTION(attest_search_name);
ATTEST_FUNCTION(attest_name_misses);
ATTEST_FUNCTION(attest_has_key);

/* The folded form of a text of the server's encoding, in UTF-8. */
static char *
fold_text(text *plain, size_t *length)
{
	const char *data = VARDATA_ANY(plain);
	int size = (int) VARSIZE_ANY_EXHDR(plain);
	char *utf8 = pg_server_to_any(data, size, PG_UTF8);
	size_t utf8_length = utf8 == data ? (size_t) size : strlen(utf8);
	char *folded = palloc(utf8_length + 1);

	*length = search_name_fold(utf8, utf8_length, folded);
	return folded;
}

/* attest_internal.search_name(last_name text, first_name text, birth_name text) */
Datum
attest_search_name(PG_FUNCTION_ARGS)
{
	char *folded[3];
	size_t length[3] = {0};
	size_t total = 0;
	char *all;

	for (int i = 0; i < 3; i++)
	{
		if (!PG_ARGISNULL(i))
			folded[i] = fold_text(PG_GETARG_TEXT_PP(i), &length[i]);
	}
	/* a birth name that is the last name says nothing new */
	if (length[2] > 0 && length[2] == length[0] && memcmp(folded[2], folded[0], length[0]) == 0)
		length[2] = 0;
	all = palloc(length[0] + length[1] + length[2] + 4);
	for (int i = 0; i < 3; i++)
	{
		if (length[i] == 0)
			continue;
		if (total > 0)
			all[total++] = ' ';
		memcpy(all + total, folded[i], length[i]);
		total += length[i];
	}
	if (total == 0)
		PG_RETURN_NULL();
	all[total] = '\0';
	PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(all, (int) total, PG_UTF8)));
}

/*
 * attest_internal.name_misses(person uuid, search_name attest.sealed, generation int,
 *		wrapped bytea, tenant_generation int, query text)
 */
Datum
attest_name_misses(PG_FUNCTION_ARGS)
{
	VaultScanRow row = {.subject = PG_GETARG_UUID_P(0),
						.sealed = PG_GETARG_BYTEA_PP(1),
						.generation = (uint32) PG_GETARG_INT32(2),
						.wrapped = PG_GETARG_BYTEA_PP(3),
						.tenant_generation = (uint32) PG_GETARG_INT32(4)};
	text *query = PG_GETARG_TEXT_PP(5);
	int query_length = (int) VARSIZE_ANY_EXHDR(query);
	char *utf8 = pg_server_to_any(VARDATA_ANY(query), query_length, PG_UTF8);
	const char *name;
	size_t length;
	int misses;

	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = vault_scan_begin(fcinfo->flinfo->fn_mcxt, "person.search_name");
	if (!vault_scan_open(fcinfo->flinfo->fn_extra, &row, &name, &length))
		PG_RETURN_NULL();
	misses = search_name_match(name, length, utf8,
							   utf8 == VARDATA_ANY(query) ? (size_t) query_length : strlen(utf8));
	if (misses < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(misses);
}

/* attest_internal.has_key(person uuid) */
Datum
attest_has_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(keys_find(tenant_required(), PG_GETARG_UUID_P(0), 0) != NULL);
}
