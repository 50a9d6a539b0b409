/*
 * opened.c
 *		Opened values stay in memory.
 *
 * A sort, a hash, a cursor or a function that outgrows work_mem puts its rows into
 * base/pgsql_tmp, in clear.  So once a value was opened, this transaction writes no
 * temporary file.  A query whose plan opens sealed values, and every one after it in the
 * transaction, works with attest.opened_memory, where that is more than work_mem; what
 * does not fit then is refused.
 *
 * Who calls no function that opens is not concerned: sealed values may be sorted on disk.
 */
#include "vault/vault.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "storage/fd.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "vault/columns.h"

#define CARRIER     "plain"
#define OPENERS_MAX 32

static int opened_memory = 64 * 1024; /* kB */

static bool opened = false;   /* a value, in this transaction */
static int limit_before = -1; /* what temp_file_limit was then */

static ExecutorStart_hook_type previous_start = NULL;
static ExecutorRun_hook_type previous_run = NULL;

void
opened_stays_in_memory(void)
{
	if (opened)
		return;
	opened = true;
	limit_before = temp_file_limit;
	temp_file_limit = 0;
}

static void
forget_opened(XactEvent event, void *arg)
{
	if (!opened || event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE)
		return;
	opened = false;
	temp_file_limit = limit_before;
}

/* Hash values, as plans hold them, of the functions of attest that open; -1: to be looked up. */
static struct
{
	uint32 hash;
	bool carries; /* attest.plain() */
} openers[OPENERS_MAX];
static int opener_count = -1;

static void
forget_openers(Datum arg, int cache, uint32 hash)
{
	opener_count = -1;
}

/* Adds the functions of a name in a schema of attest after count others; returns their number. */
static int
add_openers(const char *name, int count)
{
	CatCList *functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));

	for (int i = 0; i < functions->n_members && count < OPENERS_MAX; i++)
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		if (function->pronamespace != get_namespace_oid("attest", true) &&
			function->pronamespace != get_namespace_oid("attest_internal", true))
			continue;
		openers[count].hash = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(function->oid));
		openers[count++].carries = strcmp(name, CARRIER) == 0;
	}
	ReleaseSysCacheList(functions);
	return count;
}

static bool
is_opener(uint32 hash, bool carries_only)
{
	static const char *const names[] = {CARRIER, "unseal", "unseal_bytes", "find_people"};

	if (opener_count < 0)
	{
		int count = 0;

		/* a change that is told meanwhile is looked at the next time */
		for (int i = 0; i < (int) lengthof(names); i++)
			count = add_openers(names[i], count);
		opener_count = count;
	}
	for (int i = 0; i < opener_count; i++)
	{
		if (openers[i].hash == hash && (openers[i].carries || !carries_only))
			return true;
	}
	return false;
}

/*
 * The planner lists every function of users that the plan calls, those of views too.
 * What attest.plain() carries is still to be sealed, and in clear until then.
 */
static bool
plan_opens(const PlannedStmt *plan, bool carries_only)
{
	ListCell *cell;

	foreach (cell, plan->invalItems)
	{
		PlanInvalItem *item = lfirst_node(PlanInvalItem, cell);

		if (item->cacheId == PROCOID && is_opener(item->hashValue, carries_only))
			return true;
	}
	return false;
}

/*
 * Gives the plan the memory it needs, as the SET clause of a function does: an error takes
 * it back too.  Returns the level to end, or 0.
 */
static int
grow_memory(const PlannedStmt *plan)
{
	char value[16];
	int level;

	if (work_mem >= opened_memory || (!opened && !plan_opens(plan, false)))
		return 0;
	snprintf(value, sizeof(value), "%d", opened_memory);
	level = NewGUCNestLevel();
	(void) set_config_option("work_mem", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	return level;
}

static void
shrink_memory(int level)
{
	if (level != 0)
		AtEOXact_GUC(true, level);
}

static void
opened_start(QueryDesc *query, int flags)
{
	int level = grow_memory(query->plannedstmt);

	if (plan_opens(query->plannedstmt, true))
		carrier_require_sealing(query);
	if (previous_start)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	shrink_memory(level);
}

/* The server speaks of temp_file_limit, which nobody has set. */
static void
explain_limit(MemoryContext caller)
{
	if (!opened || geterrcode() != ERRCODE_CONFIGURATION_LIMIT_EXCEEDED)
		return;
	MemoryContextSwitchTo(caller);
	FlushErrorState();
	fail(ERR_opened_too_much, psprintf("%d", opened_memory));
}

static void
opened_run(QueryDesc *query, RUN_PARAMETERS)
{
	MemoryContext caller = CurrentMemoryContext;
	int level = grow_memory(query->plannedstmt);

	if (plan_opens(query->plannedstmt, true))
		opened_stays_in_memory();
	PG_TRY();
	{
		if (previous_run)
			previous_run(query, RUN_ARGUMENTS);
		else
			standard_ExecutorRun(query, RUN_ARGUMENTS);
	}
	PG_CATCH();
	{
		explain_limit(caller);
		PG_RE_THROW();
	}
	PG_END_TRY();
	shrink_memory(level);
}

void
opened_init(void)
{
	DefineCustomIntVariable(
		"attest.opened_memory", gettext_noop("Memory of each sort or hash over opened values."),
		gettext_noop("Opened values are never written to temporary files: what does not fit is "
					 "refused."),
		&opened_memory, 64 * 1024, 64, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	RegisterXactCallback(forget_opened, NULL);
	CacheRegisterSyscacheCallback(PROCOID, forget_openers, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_openers, (Datum) 0);
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = opened_start;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = opened_run;
}
