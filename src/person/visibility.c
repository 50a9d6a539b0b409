/*
 * visibility.c
 *		attest.may_see(): which people the profile of the ticket lets through.
 *
 * Some profiles see every person of their tenant.  For the others a set is loaded
 * by one query, the union of the functions <room>_visible(profile, person) of
 * attest_internal, and kept for the transaction, as long as rights do not change:
 * an objection is felt at the next statement.
 */
#include "core/core.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "person/person.h"
#include "tenant/shared.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "vault/vault.h"

ATTEST_FUNCTION(attest_may_see);

static MemoryContext set_context = NULL;

/* The set, and what it was loaded for. */
static struct
{
	HTAB *people;
	uint64 epoch;
	TimestampTz statement;
	uint8 person[TICKET_UUID_BYTES];
	char profile[TICKET_PROFILE_MAX + 1];
} visible;

/* SELECT * FROM attest_internal.a_visible($1, $2) UNION ALL ... */
static OwnerStatement compose = {
	.sql =
		"SELECT string_agg(format('SELECT * FROM attest_internal.%I($1, $2)', proname), "
		"' UNION ALL ' ORDER BY proname) FROM pg_catalog.pg_proc "
		"WHERE pronamespace = 'attest_internal'::regnamespace AND right(proname, 8) = '_visible'"};

static OwnerStatement load = {.nargs = 2, .types = {TEXTOID, UUIDOID}};
static bool loading = false;

/* Profiles that work for the whole tenant. */
static bool
sees_everybody(const char *profile)
{
	static const char *const profiles[] = {"manager", "hr_manager",     "dpo",
										   "analyst", PROFILE_OPERATOR, PROFILE_WORKER};

	for (int i = 0; i < (int) lengthof(profiles); i++)
	{
		if (strcmp(profile, profiles[i]) == 0)
			return true;
	}
	return false;
}

static void
forget(XactEvent event, void *arg)
{
	visible.people = NULL;
	loading = false;
	if (set_context != NULL)
		MemoryContextReset(set_context);
}

static void
forget_at_subabort(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		forget(XACT_EVENT_ABORT, NULL);
}

static HTAB *
new_set(void)
{
	HASHCTL control = {.keysize = UUID_LEN, .entrysize = UUID_LEN};

	if (set_context == NULL)
	{
		set_context = AllocSetContextCreate(TopMemoryContext, "attest visible people",
											ALLOCSET_DEFAULT_SIZES);
		RegisterXactCallback(forget, NULL);
		RegisterSubXactCallback(forget_at_subabort, NULL);
	}
	MemoryContextReset(set_context);
	control.hcxt = set_context;
	return hash_create("attest visible people", 256, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* SPI is connected.  The caller's search_path has no say in what the owner will run. */
static void
compose_load(void)
{
	if (load.sql != NULL)
		return;
	core_execute_as_owner(&compose, NULL, true);
	load.sql = MemoryContextStrdup(TopMemoryContext,
								   SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
}

/*
 * The functions read tables whose policies call may_see(): while the set is being
 * loaded, that answers yes.
 */
static void
load_set(const Ticket *context)
{
	Datum values[2];
	pg_uuid_t person;
	HTAB *people = new_set();

	memcpy(person.data, context->person, UUID_LEN);
	values[0] = CStringGetTextDatum(context->profile);
	values[1] = UUIDPGetDatum(&person);
	loading = true;
	SPI_connect();
	compose_load();
	core_read_now_as_owner(&load, values);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			(void) hash_search(people, DatumGetUUIDP(id)->data, HASH_ENTER, NULL);
	}
	SPI_finish();
	loading = false;
	visible.people = people;
}

/* A set holds for a statement, and beyond it while rights do not change. */
static bool
set_holds(const Ticket *context, uint64 epoch)
{
	if (visible.people == NULL || strcmp(visible.profile, context->profile) != 0 ||
		memcmp(visible.person, context->person, UUID_LEN) != 0)
		return false;
	return visible.statement == GetCurrentStatementStartTimestamp() ||
		   (epoch != 0 && visible.epoch == epoch);
}

static bool
is_in_set(const Ticket *context, const pg_uuid_t *person)
{
	uint64 epoch = shared_rights_epoch();

	if (!set_holds(context, epoch))
	{
		visible.people = NULL;
		load_set(context);
		visible.epoch = epoch;
		visible.statement = GetCurrentStatementStartTimestamp();
		strlcpy(visible.profile, context->profile, sizeof(visible.profile));
		memcpy(visible.person, context->person, UUID_LEN);
	}
	return hash_search(visible.people, person->data, HASH_FIND, NULL) != NULL;
}

static bool
may_see(const pg_uuid_t *person)
{
	const Ticket *context = tenant_context();

	if (context == NULL)
		return false;
	if (loading || sees_everybody(context->profile) ||
		memcmp(person->data, context->person, UUID_LEN) == 0)
		return true;
	return is_in_set(context, person);
}

/* attest.may_see(person uuid) */
Datum
attest_may_see(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(may_see(PG_GETARG_UUID_P(0)));
}

void
person_init(void)
{
	vault_set_subject_check(may_see);
	entitlement_init();
}
