/*
 * job.c
 *		Runs one job: for every tenant a transaction, a failure kept to itself.
 *
 * The row of a run is written and committed before the work starts, so that a
 * crash is visible afterwards as a run that never ended.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

typedef struct JobRun
{
	pg_uuid_t id;
	char *name;
	char *function;
	List *tenants;
	int64 done;
	ErrorData *failure; /* the last one, NULL where all went well */
} JobRun;

static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* The process came as superuser: no code that a job meets may become that again. */
	SetUserIdAndSecContext(core_owner_oid(), SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
}

static void
commit(void)
{
	SPI_finish();
	SetUserIdAndSecContext(core_owner_oid(), 0);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static char *
text_of(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* Copies the tenants' ids into the context. */
static List *
list_tenants(MemoryContext context)
{
	List *tenants = NIL;
	MemoryContext old;

	SPI_execute("SELECT id FROM attest_data.tenant ORDER BY id", true, 0);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;

		tenants = lappend_int(
			tenants,
			DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
	}
	MemoryContextSwitchTo(old);
	return tenants;
}

/* Takes the job that has waited longest, and records the run; false when none is due. */
static bool
start_run(JobRun *run, MemoryContext context)
{
	bool isnull;

	begin();
	SPI_execute("WITH due AS ("
				"  SELECT name FROM attest_data.job WHERE next_run <= now() ORDER BY next_run"
				"  LIMIT 1 FOR UPDATE SKIP LOCKED"
				"), taken AS ("
				"  UPDATE attest_data.job SET next_run = now() + job.every FROM due"
				"  WHERE job.name = due.name RETURNING job.name, job.function"
				"), run AS ("
				"  INSERT INTO attest_data.job_run (run_id, job, started_at, outcome)"
				"  SELECT attest.uuid_v7(), name, now(), 'running' FROM taken RETURNING run_id"
				") SELECT run.run_id, taken.name, taken.function FROM run, taken",
				false, 0);
	if (SPI_processed == 0)
	{
		commit();
		return false;
	}
	run->name = MemoryContextStrdup(context, text_of(2));
	run->function = MemoryContextStrdup(context, text_of(3));
	run->id =
		*DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run->tenants = list_tenants(context);
	commit();
	return true;
}

static void
run_for_tenant(JobRun *run, int32 tenant)
{
	bool isnull;
	char *call;

	begin();
	call = psprintf("SELECT attest_internal.%s()", quote_identifier(run->function));
	tenant_enter(tenant, PROFILE_WORKER);
	pgstat_report_activity(STATE_RUNNING, run->name);
	SPI_execute(call, false, 0);
	run->done +=
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	commit();
}

/* As run_for_tenant, but an error ends this tenant's part only. */
static void
try_for_tenant(JobRun *run, int32 tenant, MemoryContext context)
{
	PG_TRY();
	{
		run_for_tenant(run, tenant);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		run->failure = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

static void
end_run(const JobRun *run)
{
	Oid types[] = {UUIDOID, INT8OID, TEXTOID, TEXTOID};
	Datum values[4] = {UUIDPGetDatum(&run->id), Int64GetDatum(run->done)};
	const char *nulls = run->failure == NULL ? "  nn" : "    ";

	begin();
	if (run->failure != NULL)
	{
		values[2] = CStringGetTextDatum(unpack_sql_state(run->failure->sqlerrcode));
		values[3] = CStringGetTextDatum(run->failure->message);
	}
	SPI_execute_with_args("UPDATE attest_data.job_run SET ended_at = clock_timestamp(), done = $2,"
						  " sqlstate = $3, message = $4,"
						  " outcome = CASE WHEN $3 IS NULL THEN 'done' ELSE 'failed' END"
						  " WHERE run_id = $1",
						  4, types, values, nulls, false, 0);
	commit();
}

bool
job_run_next(void)
{
	MemoryContext context = CurrentMemoryContext;
	JobRun run = {0};
	ListCell *cell;

	if (!start_run(&run, context))
		return false;
	MemoryContextSwitchTo(context);
	foreach (cell, run.tenants)
	{
		CHECK_FOR_INTERRUPTS();
		try_for_tenant(&run, lfirst_int(cell), context);
	}
	end_run(&run);
	MemoryContextSwitchTo(context);
	return true;
}
