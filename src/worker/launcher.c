/*
 * launcher.c
 *		Starts a scheduler in every database that may hold attest.
 */
#include "worker/worker.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define SETTLE_PAUSE  50L /* ms */
#define SETTLE_ROUNDS 200 /* ten seconds, for a server under load */

/* An administrator raises it on a cluster with many databases without attest. */
static int launcher_interval = 60;

void
launcher_settings_init(void)
{
	DefineCustomIntVariable(
		"attest.launcher_interval",
		gettext_noop("Time between two looks for databases that need a scheduler."), NULL,
		&launcher_interval, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

void
launcher_init(void)
{
	BackgroundWorker worker = {.bgw_flags =
								   BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
							   .bgw_start_time = BgWorkerStart_RecoveryFinished,
							   .bgw_restart_time = 10};

	strlcpy(worker.bgw_name, "attest launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "attest launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "attest", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "attest_launcher_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* The databases that take connections; the list lives in the current context. */
static List *
list_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	List *databases = NIL;
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!database->datallowconn || database->datistemplate)
			continue;
		old = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return databases;
}

/*
 * Waits until a scheduler has entered the registry, or has left because attest is
 * not set up in its database.  So one slot of max_worker_processes is enough to
 * look through any number of databases.
 */
static void
wait_until_settled(BackgroundWorkerHandle *handle, Oid database)
{
	pid_t pid;

	for (int i = 0; i < SETTLE_ROUNDS && !ShutdownRequestPending; i++)
	{
		if (registry_scheduler(database) != 0 ||
			GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, SETTLE_PAUSE,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* False when no slot is free. */
static bool
start_scheduler(Oid database)
{
	BackgroundWorker worker = {.bgw_flags =
								   BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
							   .bgw_start_time = BgWorkerStart_RecoveryFinished,
							   .bgw_restart_time = BGW_NEVER_RESTART,
							   .bgw_main_arg = ObjectIdGetDatum(database),
							   .bgw_notify_pid = MyProcPid};
	BackgroundWorkerHandle *handle;

	strlcpy(worker.bgw_name, "attest scheduler", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "attest scheduler", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "attest", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "attest_scheduler_main", BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		return false;
	wait_until_settled(handle, database);
	return true;
}

/* Says once, not at each look, that the server has no slot left. */
static void
warn_of_missing_slot(void)
{
	static bool warned = false;

	if (!warned)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker slot is free for a scheduler of attest"),
				 errhint("Increase max_worker_processes: one for the launcher, and one for each "
						 "database where attest is set up.")));
	warned = true;
}

static void
start_missing_schedulers(void)
{
	ListCell *cell;

	foreach (cell, list_databases())
	{
		if (ShutdownRequestPending)
			return;
		if (registry_scheduler(lfirst_oid(cell)) == 0 && !start_scheduler(lfirst_oid(cell)))
		{
			warn_of_missing_slot();
			return;
		}
	}
}

/*
 * Sleeps until the next look is due or somebody calls.  The end of a scheduler sets
 * the latch too, and must not start it again at once: it may have been stopped so
 * that its database can be dropped.
 */
static void
sleep_until_next_look(void)
{
	TimestampTz due =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), launcher_interval * INT64CONST(1000));

	while (!ShutdownRequestPending && !registry_launcher_called())
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due);

		if (left <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}

void
attest_launcher_main(Datum arg)
{
	MemoryContext round;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	if (!registry_enter_launcher())
		return;

	round = AllocSetContextCreate(TopMemoryContext, "attest launcher", ALLOCSET_DEFAULT_SIZES);
	while (!ShutdownRequestPending)
	{
		MemoryContextSwitchTo(round);
		start_missing_schedulers();
		MemoryContextReset(round);
		sleep_until_next_look();
	}
}
