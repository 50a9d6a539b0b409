/*
 * worker.c
 *		Wiring of the room, and its SQL functions.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

ATTEST_FUNCTION(attest_wake_workers);
ATTEST_FUNCTION(attest_worker_status);

static bool wake_at_commit = false;
static bool announce_at_commit = false;

/* A job that was just made due is seen by the scheduler only once committed. */
static void
wake_after_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && wake_at_commit)
	{
		registry_wake_launcher();
		registry_wake_scheduler(MyDatabaseId);
	}
	if (event == XACT_EVENT_COMMIT && announce_at_commit)
		registry_announce_events(MyDatabaseId);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		wake_at_commit = announce_at_commit = false;
}

void
worker_announce_at_commit(void)
{
	announce_at_commit = true;
}

void
worker_init(void)
{
	scheduler_init();
	launcher_settings_init();
	RegisterXactCallback(wake_after_commit, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	registry_init();
	launcher_init();
	database_init();
}

/* attest_internal.wake_workers(): at commit; raises not_preloaded when asked to insist. */
Datum
attest_wake_workers(PG_FUNCTION_ARGS)
{
	if (!registry_exists() && PG_GETARG_BOOL(0))
		fail(ERR_not_preloaded);
	wake_at_commit = true;
	PG_RETURN_VOID();
}

/* attest.worker_status(): preloaded, launcher and scheduler of this database. */
Datum
attest_worker_status(PG_FUNCTION_ARGS)
{
	int launcher = registry_launcher();
	int scheduler = registry_scheduler(MyDatabaseId);
	bool nulls[3] = {false, launcher == 0, scheduler == 0};
	Datum values[3] = {BoolGetDatum(registry_exists()), Int32GetDatum(launcher),
					   Int32GetDatum(scheduler)};
	TupleDesc row;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}
