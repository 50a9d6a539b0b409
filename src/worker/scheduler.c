/*
 * scheduler.c
 *		Runs the jobs of one database.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "commands/async.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/timestamp.h"
#include "utils/memutils.h"

#define EVENTS_CHANNEL "attest_events"
#define EVENTS_PAUSE   100L  /* ms between two notifications, at least */
#define LOOK_PAUSE     1000L /* ms between two looks for jobs that only notifications cause */

/* An administrator raises it where jobs may start late, to save wake-ups. */
static int scheduler_interval = 30;

void
scheduler_init(void)
{
	DefineCustomIntVariable(
		"attest.scheduler_interval", gettext_noop("Time between two looks for jobs that are due."),
		NULL, &scheduler_interval, 30, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

/*
 * Gives up the rights of the bootstrap superuser for those of attest_owner, for
 * the rest of the process.  False where attest is not set up in this database.
 */
static bool
become_owner(void)
{
	bool ready;

	StartTransactionCommand();
	ready = OidIsValid(get_extension_oid("attest", true)) && core_is_set_up();
	if (ready)
		SetSessionAuthorization(core_owner_oid(), false);
	CommitTransactionCommand();
	return ready;
}

static bool
still_set_up(void)
{
	bool ready;

	StartTransactionCommand();
	ready = OidIsValid(get_extension_oid("attest", true)) && core_is_set_up();
	CommitTransactionCommand();
	return ready;
}

static void
notify(void)
{
	StartTransactionCommand();
	Async_Notify(EVENTS_CHANNEL, NULL);
	CommitTransactionCommand();
}

static void
run_jobs(MemoryContext round)
{
	MemoryContextSwitchTo(round);
	while (job_run_next())
		MemoryContextReset(round);
	MemoryContextReset(round);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Whatever woke it: the latch, the time, or a new configuration. */
static void
wait(int wake_events, long milliseconds)
{
	(void) WaitLatch(MyLatch, wake_events | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 PG_WAIT_EXTENSION);
	if (wake_events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

void
attest_scheduler_main(Datum arg)
{
	Oid database = DatumGetObjectId(arg);
	TimestampTz looked_at = 0;
	MemoryContext round;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	/* The owner of a database may set its search_path: not for what runs here. */
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	/* Nor their default of isolation: erasures must see what is committed (TA319). */
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	if (!become_owner() || !registry_enter_scheduler(database))
		return;

	round = AllocSetContextCreate(TopMemoryContext, "attest scheduler", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		bool events = registry_take_events();

		/* Also every second while there are events: what woke it may have been a job. */
		if (!events ||
			TimestampDifferenceExceeds(looked_at, GetCurrentTimestamp(), (int) LOOK_PAUSE))
		{
			if (!still_set_up())
				return;
			run_jobs(round);
			looked_at = GetCurrentTimestamp();
		}
		if (events)
		{
			notify();
			wait(0, EVENTS_PAUSE);
			wait(WL_LATCH_SET, LOOK_PAUSE);
		}
		else
			wait(WL_LATCH_SET, scheduler_interval * 1000L);
	}
}
