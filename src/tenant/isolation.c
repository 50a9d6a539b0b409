/*
 * isolation.c
 *		Adds "tenant_id = attest.current_tenant()" to every table of attest_data,
 *		below whatever policies the catalogue holds.
 *
 * Permissive policies are OR-ed, so one careless USING (true) would open a
 * table; a restriction from row_security_policy_hook_restrictive is AND-ed and
 * cannot be dropped.  The policies of the catalogue stay: they protect sessions
 * that have not loaded the library, and they show in \d.
 */
#include "core/core.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_oper.h"
#include "rewrite/rowsecurity.h"
#include "tcop/utility.h"
#include "tenant/isolation.h"
#include "tenant/tenant.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define TENANT_COLUMN "tenant_id"

static row_security_policy_hook_type previous_hook = NULL;
static ProcessUtility_hook_type previous_utility = NULL;

/* tenant_id = attest.current_tenant(), for range table entry 1. */
static Expr *
tenant_restriction(AttrNumber column)
{
	Oid function = LookupFuncName(list_make2(makeString("attest"), makeString("current_tenant")), 0,
								  NULL, false);
	Oid equals =
		OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString("=")), INT4OID, INT4OID);
	Var *tenant = makeVar(1, column, INT4OID, -1, InvalidOid, 0);
	FuncExpr *entered =
		makeFuncExpr(function, INT4OID, NIL, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	Expr *restriction = make_opclause(equals, BOOLOID, false, (Expr *) tenant, (Expr *) entered,
									  InvalidOid, InvalidOid);

	set_opfuncid((OpExpr *) restriction);
	return restriction;
}

static RowSecurityPolicy *
tenant_policy(AttrNumber column)
{
	RowSecurityPolicy *policy = palloc0(sizeof(RowSecurityPolicy));
	Datum everybody = ObjectIdGetDatum(ACL_ID_PUBLIC);

	policy->policy_name = pstrdup("attest tenant isolation");
	policy->polcmd = '*';
	policy->roles = construct_array(&everybody, 1, OIDOID, sizeof(Oid), true, TYPALIGN_INT);
	policy->permissive = false;
	policy->qual = tenant_restriction(column);
	policy->with_check_qual = copyObject(policy->qual);
	policy->hassublinks = false;
	return policy;
}

static List *
restrict_to_tenant(CmdType command, Relation relation)
{
	List *policies = previous_hook ? previous_hook(command, relation) : NIL;
	char *schema = get_namespace_name(RelationGetNamespace(relation));
	AttrNumber column;

	if (schema == NULL || strcmp(schema, "attest_data") != 0)
		return policies;
	column = get_attnum(RelationGetRelid(relation), TENANT_COLUMN);
	if (column == InvalidAttrNumber)
		return policies;
	return lappend(policies, tenant_policy(column));
}

static const char *
keeps_rows(const RangeVar *table, OnCommitAction at_commit)
{
	return table->relpersistence == RELPERSISTENCE_TEMP && at_commit != ONCOMMIT_DROP
			   ? "CREATE TEMPORARY TABLE"
			   : NULL;
}

/* What the statement would leave to the next transaction of the connection, or NULL. */
static const char *
what_outlives(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_DeclareCursorStmt:
			return ((const DeclareCursorStmt *) statement)->options & CURSOR_OPT_HOLD
					   ? "DECLARE CURSOR WITH HOLD"
					   : NULL;
		case T_CreateStmt:
			return keeps_rows(((const CreateStmt *) statement)->relation,
							  ((const CreateStmt *) statement)->oncommit);
		case T_CreateTableAsStmt:
			return keeps_rows(((const CreateTableAsStmt *) statement)->into->rel,
							  ((const CreateTableAsStmt *) statement)->into->onCommit);
		case T_ListenStmt:
			return "LISTEN";
		case T_TransactionStmt:
			return ((const TransactionStmt *) statement)->kind == TRANS_STMT_PREPARE
					   ? "PREPARE TRANSACTION"
					   : NULL;
		default:
			return NULL;
	}
}

/* Its counts of rows removed by the policies are those of other tenants. */
static void
refuse_counting(const ExplainStmt *statement)
{
	ListCell *cell;

	foreach (cell, statement->options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "analyze") == 0 && defGetBoolean(option) && !superuser())
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
							errmsg("EXPLAIN ANALYZE is refused under a ticket"),
							errhint("Use EXPLAIN, or ask a superuser.")));
	}
}

/*
 * Behind a pooler the next transaction of a connection is another tenant's, so
 * nothing that holds rows may stay behind.
 */
static void
refuse_leftovers(PlannedStmt *statement, const char *query, bool read_only,
				 ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
				 DestReceiver *dest, QueryCompletion *completion)
{
	if (tenant_context() != NULL)
	{
		const char *what = what_outlives(statement->utilityStmt);

		if (what != NULL)
			fail(ERR_outlives_ticket, what);
		if (IsA(statement->utilityStmt, ExplainStmt))
			refuse_counting((const ExplainStmt *) statement->utilityStmt);
	}
	if (previous_utility)
		previous_utility(statement, query, read_only, context, params, environment, dest,
						 completion);
	else
		standard_ProcessUtility(statement, query, read_only, context, params, environment, dest,
								completion);
}

void
isolation_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = refuse_leftovers;
	previous_hook = row_security_policy_hook_restrictive;
	row_security_policy_hook_restrictive = restrict_to_tenant;
}
