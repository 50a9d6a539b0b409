/*
 * rotation.c
 *		Rotations of keys, while readers and writers go on: procedures that commit as
 *		they go.
 *
 * Every rotation has the same steps, each a function of attest_internal
 * (vault_rotation.sql) in a transaction of its own:
 *
 *		start		a new generation becomes active; or an unfinished rotation is taken up
 *		(wait)		until the transactions have ended that may have used the old one
 *		people		the next people to do, a page of ids
 *		person		one person; commits without waiting for the disk, like all that is
 *					simply done again after a crash
 *		finish		the old generation goes, once nobody needs it
 *
 * A crash between any two leaves a rotation that the next call takes up.  No lock is
 * held for longer than the work for one person.
 */
#include "vault/vault.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* The advisory lock of rotations: "attest" and one more, as two numbers. */
#define LOCK_CLASS  0x61747465
#define LOCK_OBJECT 0x73740001

#define MAX_PAUSE 10000 /* ms */

ATTEST_FUNCTION(attest_rotate_tenant_key);
ATTEST_FUNCTION(attest_reseal_people);
ATTEST_FUNCTION(attest_rotate_keys);

static OwnerStatement start_statement = {.sql = "SELECT attest_internal.start_rotation($1, $2)",
										 .nargs = 2,
										 .types = {TEXTOID, TEXTOID}};

static OwnerStatement people_statement = {
	.sql = "SELECT p FROM attest_internal.rotation_people($1, $2) p",
	.nargs = 2,
	.types = {UUIDOID, UUIDOID}};

static OwnerStatement rooms_statement = {.sql = "SELECT attest_internal.room_functions($1)",
										 .nargs = 1,
										 .types = {TEXTOID}};

static OwnerStatement person_statement = {.sql = "SELECT attest_internal.rotate_person($1, $2, $3)",
										  .nargs = 3,
										  .types = {UUIDOID, UUIDOID, REGPROCARRAYOID}};

static OwnerStatement finish_statement = {.sql = "SELECT attest_internal.finish_rotation($1)",
										  .nargs = 1,
										  .types = {UUIDOID}};

static OwnerStatement prepare_statement = {
	.sql = "SELECT code FROM attest_internal.prepare_rotation() code"};

static OwnerStatement rewrap_statement = {.sql = "SELECT attest_internal.rewrap_tenant_keys()"};

/* --- one at a time --- */

static LOCKTAG
rotation_lock(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, LOCK_CLASS, LOCK_OBJECT, 2);
	return tag;
}

static void
lock_rotations(void)
{
	LOCKTAG tag = rotation_lock();

	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		fail(ERR_rotation_running);
}

static void
unlock_rotations(void)
{
	LOCKTAG tag = rotation_lock();

	(void) LockRelease(&tag, ExclusiveLock, true);
}

/* --- steps --- */

static void
end_step(bool to_disk)
{
	if (!to_disk)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	SPI_commit();
	CHECK_FOR_INTERRUPTS();
}

static void
run(OwnerStatement *statement, Datum *values)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	core_execute_as_owner(statement, values, false);
	PopActiveSnapshot();
}

/*
 * Until every transaction of this database has ended that is running now: what it
 * wrote under the old key can be seen then, and it uses the old key no more.
 */
static void
wait_for_others(void)
{
	VirtualTransactionId *others;
	int count;

	others = GetCurrentVirtualXIDs(InvalidTransactionId, false, false,
								   PROC_IS_AUTOVACUUM | PROC_IN_VACUUM, &count);
	for (int i = 0; i < count; i++)
		(void) VirtualXactLock(others[i], true);
	pfree(others);
}

static void
pause_for(int ms)
{
	if (ms <= 0)
		return;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Copies the ids of the next page; returns how many. */
static int
next_people(const pg_uuid_t *rotation, const pg_uuid_t *after, pg_uuid_t **people)
{
	Datum values[] = {UUIDPGetDatum(rotation), UUIDPGetDatum(after)};
	int count;

	run(&people_statement, values);
	count = (int) SPI_processed;
	*people = SPI_palloc(count * sizeof(pg_uuid_t) + 1);
	for (int i = 0; i < count; i++)
	{
		bool isnull;

		(*people)[i] =
			*DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	end_step(false);
	return count;
}

/* What the rooms have to do for each person of this kind of rotation: an array of functions. */
static Datum
room_functions(const char *kind)
{
	const char *suffix = strcmp(kind, "tenant_key") == 0 ? "_reblind" : "_reseal";
	Datum values[] = {CStringGetTextDatum(suffix)};
	Datum functions;
	bool isnull;

	run(&rooms_statement, values);
	functions = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	functions = datumCopy(functions, false, -1);
	end_step(false);
	return functions;
}

/* Everybody once, in order of their ids. */
static void
rotate_everybody(const pg_uuid_t *rotation, Datum functions, int pause)
{
	pg_uuid_t after = {{0}};
	pg_uuid_t *people;
	int count;

	while ((count = next_people(rotation, &after, &people)) > 0)
	{
		for (int i = 0; i < count; i++)
		{
			Datum values[] = {UUIDPGetDatum(rotation), UUIDPGetDatum(&people[i]), functions};

			run(&person_statement, values);
			end_step(false);
			pause_for(pause);
		}
		after = people[count - 1];
		pfree(people);
	}
}

static bool
finish(const pg_uuid_t *rotation)
{
	Datum values[] = {UUIDPGetDatum(rotation)};
	bool isnull;
	bool done;

	run(&finish_statement, values);
	done = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	end_step(true);
	return done;
}

static void
rotate(const char *kind, const char *tenant, int pause)
{
	Datum values[] = {CStringGetTextDatum(kind), CStringGetTextDatum(tenant)};
	pg_uuid_t rotation;
	Datum functions;
	bool isnull;

	run(&start_statement, values);
	rotation =
		*DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	end_step(true);
	functions = room_functions(kind);
	do
	{
		wait_for_others();
		rotate_everybody(&rotation, functions, pause);
	} while (!finish(&rotation));
}

/* --- procedures --- */

static void
require_own_transaction(FunctionCallInfo fcinfo)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		fail(ERR_not_in_transaction);
}

static int
pause_argument(FunctionCallInfo fcinfo, int number)
{
	int pause = PG_ARGISNULL(number) ? 0 : PG_GETARG_INT32(number);

	if (pause < 0 || pause > MAX_PAUSE)
		fail(ERR_bad_value, "pause_ms", "0 to 10000");
	return pause;
}

/* The text lives through the commits. */
static char *
tenant_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		fail(ERR_unknown_tenant, "-");
	return MemoryContextStrdup(PortalContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

/* Runs rotations of this kind for the tenants, under the lock. */
static void
rotate_locked(const char *kind, List *tenants, int pause, bool rewrap)
{
	ListCell *cell;

	lock_rotations();
	PG_TRY();
	{
		foreach (cell, tenants)
			rotate(kind, lfirst(cell), pause);
		if (rewrap)
		{
			run(&rewrap_statement, NULL);
			end_step(true);
		}
	}
	PG_FINALLY();
	{
		unlock_rotations();
	}
	PG_END_TRY();
}

static void
rotate_one(FunctionCallInfo fcinfo, const char *kind)
{
	MemoryContext old = MemoryContextSwitchTo(PortalContext);
	List *tenants;
	int pause;

	require_own_transaction(fcinfo);
	pause = pause_argument(fcinfo, 1);
	tenants = list_make1(tenant_argument(fcinfo));
	MemoryContextSwitchTo(old);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	rotate_locked(kind, tenants, pause, false);
	SPI_finish();
}

/* CALL attest.rotate_tenant_key(tenant_code text, pause_ms int) */
Datum
attest_rotate_tenant_key(PG_FUNCTION_ARGS)
{
	rotate_one(fcinfo, "tenant_key");
	PG_RETURN_VOID();
}

/* CALL attest.reseal_people(tenant_code text, pause_ms int) */
Datum
attest_reseal_people(PG_FUNCTION_ARGS)
{
	rotate_one(fcinfo, "subject_keys");
	PG_RETURN_VOID();
}

/* CALL attest.rotate_keys(pause_ms int) */
Datum
attest_rotate_keys(PG_FUNCTION_ARGS)
{
	List *tenants = NIL;
	int pause;

	require_own_transaction(fcinfo);
	pause = pause_argument(fcinfo, 0);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	run(&prepare_statement, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(PortalContext);

		tenants = lappend(tenants, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		MemoryContextSwitchTo(old);
	}
	end_step(true);
	rotate_locked("tenant_key", tenants, pause, true);
	SPI_finish();
	PG_RETURN_VOID();
}
