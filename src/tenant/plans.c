/*
 * plans.c
 *		What plans read and write: see plans.h.
 *
 * A statement may hide what it does from its own text: EXECUTE runs what was prepared,
 * and the planner opens functions and views.  The plan shows all of it.
 */
#include "tenant/plans.h"

#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "tenant/isolation.h"
#include "tenant/lasting.h"
#include "tenant/tenant.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static ExecutorStart_hook_type previous_start = NULL;
static planner_hook_type previous_planner = NULL;

/* How many EXPLAIN ANALYZE are running, one within the other. */
static int analyzing = 0;

bool
plans_is_client(void)
{
	static const char *const groups[] = {"attest_app", "attest_analyst", "attest_auditor"};
	Oid role = GetSessionUserId();

	if (superuser_arg(role))
		return false;
	for (int i = 0; i < (int) lengthof(groups); i++)
	{
		Oid group = get_role_oid(groups[i], true);

		if (OidIsValid(group) && is_member_of_role_nosuper(role, group))
			return true;
	}
	return false;
}

bool
plans_is_lasting(Oid table)
{
	Relation relation;
	bool lasting;

	if (get_rel_persistence(table) != RELPERSISTENCE_TEMP)
		return false;
	relation = table_open(table, NoLock);
	lasting = relation->rd_createSubid == InvalidSubTransactionId;
	table_close(relation, NoLock);
	return lasting;
}

/* Of several options of a name the last one counts. */
static bool
is_analyze(const Node *statement)
{
	bool on = false;
	ListCell *cell;

	if (!IsA(statement, ExplainStmt))
		return false;
	foreach (cell, ((const ExplainStmt *) statement)->options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, "analyze") == 0)
			on = defGetBoolean(lfirst_node(DefElem, cell));
	}
	return on;
}

int
plans_begin_statement(const Node *statement)
{
	int before = analyzing;

	if (is_analyze(statement))
		analyzing++;
	return before;
}

void
plans_end_statement(int before)
{
	analyzing = before;
}

/* Rows written there would be read by the next client of the connection. */
static void
refuse_lasting_rows(const PlannedStmt *plan)
{
	ListCell *cell;

	foreach (cell, plan->resultRelations)
	{
		RangeTblEntry *entry = rt_fetch(lfirst_int(cell), plan->rtable);

		if (plans_is_lasting(entry->relid) && lasting_matters())
			fail(ERR_outlives_transaction, gettext_noop("a row in an older temporary table"));
	}
}

static bool
reads_protected(const PlannedStmt *plan)
{
	ListCell *cell;

	foreach (cell, plan->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind == RTE_RELATION && isolation_covers(entry->relid))
			return true;
	}
	return false;
}

/* Statistics of tables are of all tenants: who may read them must be told so. */
static bool
may_read_statistics(void)
{
	return !plans_is_client() || has_privs_of_role(GetSessionUserId(), ROLE_PG_READ_ALL_STATS);
}

/*
 * EXPLAIN ANALYZE tells how many rows a filter removed: those of other tenants, to
 * somebody without a ticket too.  Plain EXPLAIN tells estimates, and by the shape of
 * the plan how frequent a guessed value is, among the rows of all tenants.
 */
static void
refuse_explain(const PlannedStmt *plan, int instrument, int flags)
{
	bool counts = analyzing > 0 && instrument != 0 && !superuser();
	bool estimates = (flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 && !may_read_statistics();

	if ((counts || estimates) && reads_protected(plan))
		fail(ERR_protected_object, counts ? "EXPLAIN ANALYZE" : "EXPLAIN");
}

/* Row level security binds the owner of a view, who may be above it. */
static void
refuse_rights_of_view(Oid table, Oid owner)
{
	if (OidIsValid(owner) && owner != GetUserId() && has_bypassrls_privilege(owner) &&
		!has_bypassrls_privilege(GetUserId()) && isolation_covers(table))
		fail(ERR_protected_object, gettext_noop("a view with the rights of its owner"));
}

static void
refuse_rights_of_views(const PlannedStmt *plan)
{
	ListCell *cell;

	foreach (cell, plan_permissions(plan))
	{
		PlanPermission *entry = lfirst(cell);

		refuse_rights_of_view(entry->relid, entry->checkAsUser);
	}
}

/* The plan may be one that is kept: a copy of it runs, in this process alone. */
static void
keep_from_workers(QueryDesc *query)
{
	PlannedStmt *alone;

	if (!query->plannedstmt->parallelModeNeeded || !tenant_ticket_was_put_away())
		return;
	alone = palloc(sizeof(PlannedStmt));
	*alone = *query->plannedstmt;
	alone->parallelModeNeeded = false;
	query->plannedstmt = alone;
}

static void
check_plan(QueryDesc *query, int flags)
{
	keep_from_workers(query);
	refuse_lasting_rows(query->plannedstmt);
	refuse_rights_of_views(query->plannedstmt);
	refuse_explain(query->plannedstmt, query->instrument_options, flags);
	if (previous_start)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

/* Those that go up with what a scan reads, before a filter removes it. */
static bool
is_counter(Oid function)
{
	switch (function)
	{
		case F_PG_STAT_GET_NUMSCANS:
		case F_PG_STAT_GET_TUPLES_RETURNED:
		case F_PG_STAT_GET_TUPLES_FETCHED:
		case F_PG_STAT_GET_BLOCKS_FETCHED:
		case F_PG_STAT_GET_BLOCKS_HIT:
		case F_PG_STAT_GET_XACT_NUMSCANS:
		case F_PG_STAT_GET_XACT_TUPLES_RETURNED:
		case F_PG_STAT_GET_XACT_TUPLES_FETCHED:
		case F_PG_STAT_GET_XACT_BLOCKS_FETCHED:
		case F_PG_STAT_GET_XACT_BLOCKS_HIT:
		case F_PG_STAT_GET_DB_TUPLES_RETURNED:
		case F_PG_STAT_GET_DB_TUPLES_FETCHED:
		case F_PG_STAT_GET_DB_BLOCKS_FETCHED:
		case F_PG_STAT_GET_DB_BLOCKS_HIT:
			return true;
		default:
			return false;
	}
}

void
plans_refuse_counter(Oid function)
{
	if (is_counter(function) && !may_read_statistics())
		fail(ERR_protected_object, get_func_name(function));
}

/* Printed plans hold estimates, as EXPLAIN does; the setting is anybody's. */
static PlannedStmt *
plan_unprinted(Query *query, const char *text, int options, ParamListInfo params)
{
	if (Debug_print_plan && !may_read_statistics())
		fail(ERR_protected_object, "debug_print_plan");
	if (previous_planner)
		return previous_planner(query, text, options, params);
	return standard_planner(query, text, options, params);
}

void
plans_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = check_plan;
	previous_planner = planner_hook;
	planner_hook = plan_unprinted;
}
