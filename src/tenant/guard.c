/*
 * guard.c
 *		Statements that are refused.
 *
 * While a ticket is bound, whatever would outlive the transaction on this
 * connection is refused: behind a pooler the next client of the connection may be
 * of another tenant.  Whether or not a ticket is bound, nobody takes row level
 * security, policies or triggers off the protected tables, or empties them with
 * TRUNCATE, outside attest.setup(), which works as attest_owner in a function.
 */
#include "core/core.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "commands/user.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/utility.h"
#include "tenant/guard.h"
#include "tenant/isolation.h"
#include "tenant/lasting.h"
#include "tenant/plans.h"
#include "tenant/tenant.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_access = NULL;

/* --- what outlives a transaction --- */

/* Whatever the way it is written: TEMP, pg_temp.name, or pg_temp first in the path. */
static bool
is_temporary(const RangeVar *relation)
{
	List *path;
	bool temporary;

	if (relation == NULL)
		return false;
	if (relation->relpersistence == RELPERSISTENCE_TEMP)
		return true;
	if (relation->schemaname != NULL)
		return isAnyTempNamespace(get_namespace_oid(relation->schemaname, true)) ||
			   strcmp(relation->schemaname, "pg_temp") == 0;
	path = fetch_search_path(false);
	temporary = path != NIL && isAnyTempNamespace(linitial_oid(path));
	list_free(path);
	return temporary;
}

static bool
copies_into_lasting(const CopyStmt *statement)
{
	Oid table = statement->is_from && statement->relation != NULL
					? RangeVarGetRelid(statement->relation, AccessShareLock, true)
					: InvalidOid;

	return OidIsValid(table) && plans_is_lasting(table);
}

static bool
is_temporary_name(List *name)
{
	char *object;

	return name != NIL && isAnyTempNamespace(QualifiedNameGetCreationNamespace(name, &object));
}

/* Whether a function, type or the like is made in pg_temp: its text can hold data. */
static bool
makes_temporary_code(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreateFunctionStmt:
			return is_temporary_name(((const CreateFunctionStmt *) statement)->funcname);
		case T_CreateDomainStmt:
			return is_temporary_name(((const CreateDomainStmt *) statement)->domainname);
		case T_CreateEnumStmt:
			return is_temporary_name(((const CreateEnumStmt *) statement)->typeName);
		case T_CreateRangeStmt:
			return is_temporary_name(((const CreateRangeStmt *) statement)->typeName);
		case T_CompositeTypeStmt:
			return is_temporary(((const CompositeTypeStmt *) statement)->typevar);
		case T_DefineStmt:
			return is_temporary_name(((const DefineStmt *) statement)->defnames);
		default:
			return false;
	}
}

/* The name of what would stay behind, or NULL. */
static const char *
what_outlives(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_DeclareCursorStmt:
			if (((const DeclareCursorStmt *) statement)->options & CURSOR_OPT_HOLD)
				return gettext_noop("a cursor WITH HOLD");
			return NULL;
		case T_CreateStmt:
			if (is_temporary(((const CreateStmt *) statement)->relation) &&
				((const CreateStmt *) statement)->oncommit != ONCOMMIT_DROP)
				return gettext_noop("a temporary table without ON COMMIT DROP");
			return NULL;
		case T_CreateTableAsStmt:
			if (is_temporary(((const CreateTableAsStmt *) statement)->into->rel) &&
				((const CreateTableAsStmt *) statement)->into->onCommit != ONCOMMIT_DROP)
				return gettext_noop("a temporary table without ON COMMIT DROP");
			return NULL;
		case T_CreateSeqStmt:
			return is_temporary(((const CreateSeqStmt *) statement)->sequence)
					   ? gettext_noop("a temporary sequence")
					   : NULL;
		case T_ViewStmt:
			return is_temporary(((const ViewStmt *) statement)->view)
					   ? gettext_noop("a temporary view")
					   : NULL;
		case T_TransactionStmt:
			return ((const TransactionStmt *) statement)->kind == TRANS_STMT_PREPARE
					   ? gettext_noop("a prepared transaction")
					   : NULL;
		case T_ListenStmt:
			return "LISTEN";
		case T_NotifyStmt:
			return "NOTIFY";
		case T_PrepareStmt:
			return "PREPARE";
		case T_CopyStmt:
			return copies_into_lasting((const CopyStmt *) statement)
					   ? gettext_noop("a row in an older temporary table")
					   : NULL;
		default:
			return makes_temporary_code(statement) ? gettext_noop("a temporary function or type")
												   : NULL;
	}
}

/* Of what outlives a transaction: what could hold rows that are read later. */
static bool
keeps_rows(const Node *statement)
{
	return !IsA(statement, ListenStmt) && !IsA(statement, NotifyStmt) &&
		   !IsA(statement, TransactionStmt) && !IsA(statement, PrepareStmt);
}

static void
refuse_what_outlives(const Node *statement)
{
	const char *what = what_outlives(statement);

	if (what != NULL && (lasting_matters() || (keeps_rows(statement) && plans_is_client())))
		fail(ERR_outlives_transaction, what);
}

/* --- what takes the protection off --- */

/* attest.setup() does its work in functions of attest_owner. */
static bool
in_setup(void)
{
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	return (context & SECURITY_LOCAL_USERID_CHANGE) != 0 &&
		   user == get_role_oid("attest_owner", true);
}

static bool
is_protected_name(const RangeVar *relation)
{
	Oid table = relation == NULL ? InvalidOid : RangeVarGetRelid(relation, NoLock, true);

	return OidIsValid(table) && isolation_covers(table);
}

static bool
is_own_column(const char *name)
{
	return name != NULL && (strcmp(name, "tenant_id") == 0 || strcmp(name, "person_id") == 0);
}

/* A policy that attest.setup() or attest.protect() makes; others come and go. */
static bool
is_own_policy(Oid table, const char *name)
{
	return strcmp(name, "tenant_isolation") == 0 || strcmp(name, "tenant_people") == 0 ||
		   strcmp(name, "tenant_rows") == 0;
}

/* A trigger that calls a function of attest; others are the administrator's. */
static bool
is_own_trigger(Oid table, const char *name)
{
	Oid trigger = get_trigger_oid(table, name, true);
	char *definition =
		OidIsValid(trigger)
			? TextDatumGetCString(DirectFunctionCall1(pg_get_triggerdef, ObjectIdGetDatum(trigger)))
			: "";

	/* attest.adopt() takes its trigger off at its end: without it, it does not come there. */
	if (strstr(definition, " EXECUTE FUNCTION attest.adopt_column(") != NULL)
		return false;
	return strstr(definition, " EXECUTE FUNCTION attest.") != NULL ||
		   strstr(definition, " EXECUTE FUNCTION attest_internal.") != NULL;
}

/* A protected table that becomes a partition is read under the policies of its parent. */
static const char *
unprotecting_attachment(const AlterTableStmt *statement)
{
	ListCell *cell;

	foreach (cell, statement->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if (command->subtype == AT_AttachPartition &&
			is_protected_name(castNode(PartitionCmd, command->def)->name))
			return "ATTACH PARTITION";
	}
	return NULL;
}

static const char *
unprotecting_command(const AlterTableStmt *statement, Oid table)
{
	ListCell *cell;

	foreach (cell, statement->cmds)
	{
		switch (lfirst_node(AlterTableCmd, cell)->subtype)
		{
			case AT_DisableRowSecurity:
				return "DISABLE ROW LEVEL SECURITY";
			case AT_NoForceRowSecurity:
				return "NO FORCE ROW LEVEL SECURITY";
			case AT_DisableTrig:
			case AT_EnableReplicaTrig:
				if (!is_own_trigger(table, lfirst_node(AlterTableCmd, cell)->name))
					break;
				return "DISABLE TRIGGER";
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
				return "DISABLE TRIGGER";
			case AT_ChangeOwner:
				/* A restored dump gives the tables back to their owner. */
				if (get_rolespec_oid(lfirst_node(AlterTableCmd, cell)->newowner, true) !=
					get_role_oid("attest_owner", true))
					return "OWNER TO";
				break;
			case AT_DropColumn:
			case AT_DropNotNull:
			case AT_AlterColumnType:
				if (!is_own_column(lfirst_node(AlterTableCmd, cell)->name))
					break;
				return "a change of the column";
			case AT_AddInherit:
			case AT_DropInherit:
			case AT_AttachPartition:
			case AT_DetachPartition:
				return "INHERIT";
			default:
				break;
		}
	}
	return NULL;
}

/* Whether the object "name ON table" (a list of names) is ours, on a protected table. */
static bool
is_own_object(List *object, bool (*is_own)(Oid table, const char *name))
{
	RangeVar *relation;
	Oid table;

	if (list_length(object) < 2)
		return false;
	relation = makeRangeVarFromNameList(list_truncate(list_copy(object), list_length(object) - 1));
	table = RangeVarGetRelid(relation, NoLock, true);
	return OidIsValid(table) && isolation_covers(table) && is_own(table, strVal(llast(object)));
}

static const char *
unprotecting_drop(const DropStmt *statement)
{
	bool policy = statement->removeType == OBJECT_POLICY;
	ListCell *cell;

	if (!policy && statement->removeType != OBJECT_TRIGGER)
		return NULL;
	foreach (cell, statement->objects)
	{
		if (is_own_object(lfirst_node(List, cell), policy ? is_own_policy : is_own_trigger))
			return policy ? "DROP POLICY" : "DROP TRIGGER";
	}
	return NULL;
}

static const char *
unprotecting_alter_policy(const AlterPolicyStmt *statement)
{
	return is_protected_name(statement->table) && is_own_policy(InvalidOid, statement->policy_name)
			   ? "ALTER POLICY"
			   : NULL;
}

static bool reads_protected(Node *node, void *within);

/*
 * A view stands for its query, which lists the view itself once more (as OLD and
 * NEW of its rule): within is the view that is being looked into.
 */
static bool
relation_reads_protected(Oid relation, Oid within)
{
	Relation view;
	bool reads;

	if (relation == within)
		return false;
	if (get_rel_relkind(relation) != RELKIND_VIEW)
		return isolation_covers(relation);
	view = table_open(relation, AccessShareLock);
	reads = reads_protected((Node *) get_view_query(view), &relation);
	table_close(view, AccessShareLock);
	return reads;
}

/* Whether a query reads a protected table, at any depth. */
static bool
reads_protected(Node *node, void *within)
{
	check_stack_depth();
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_RELATION &&
			   relation_reads_protected(((RangeTblEntry *) node)->relid, *(Oid *) within);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_protected, within, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_protected, within);
}

static const char *
unprotecting_matview(const CreateTableAsStmt *statement)
{
	Oid none = InvalidOid;

	if (statement->objtype != OBJECT_MATVIEW || !IsA(statement->query, Query))
		return NULL;
	return reads_protected(statement->query, &none) ? "CREATE MATERIALIZED VIEW" : NULL;
}

/* Under another name, or in another schema, a table would not be known any more. */
static const char *
unprotecting_rename(const RenameStmt *statement)
{
	bool ours = is_protected_name(statement->relation);

	switch (statement->renameType)
	{
		case OBJECT_SCHEMA:
			return strcmp(statement->subname, "attest_data") == 0 ? "RENAME of the schema" : NULL;
		case OBJECT_TABLE:
			return ours ? "RENAME of the table" : NULL;
		case OBJECT_COLUMN:
			return ours && is_own_column(statement->subname) ? "RENAME of the column" : NULL;
		case OBJECT_POLICY:
			return ours && is_own_policy(InvalidOid, statement->subname) ? "RENAME of the policy"
																		 : NULL;
		default:
			return NULL;
	}
}

/* Under the name of a trigger of attest, another one would stand. */
static const char *
unprotecting_trigger(const CreateTrigStmt *statement)
{
	if (!statement->replace || !is_protected_name(statement->relation) ||
		!is_own_trigger(RangeVarGetRelid(statement->relation, NoLock, true), statement->trigname))
		return NULL;
	return "CREATE OR REPLACE TRIGGER";
}

/* The tables of attest among all that a role owns. */
static const char *
unprotecting_reassignment(const ReassignOwnedStmt *statement)
{
	Oid owner = get_role_oid("attest_owner", true);

	if (get_rolespec_oid(statement->newrole, true) == owner)
		return NULL;
	return list_member_oid(roleSpecsToIds(statement->roles), owner) ? "REASSIGN OWNED" : NULL;
}

/* What the statement would take off a protected table, or NULL. */
static const char *
what_unprotects(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			if (!is_protected_name(((const AlterTableStmt *) statement)->relation))
				return unprotecting_attachment((const AlterTableStmt *) statement);
			return unprotecting_command(
				(const AlterTableStmt *) statement,
				RangeVarGetRelid(((const AlterTableStmt *) statement)->relation, NoLock, true));
		case T_AlterPolicyStmt:
			return unprotecting_alter_policy((const AlterPolicyStmt *) statement);
		case T_RenameStmt:
			return unprotecting_rename((const RenameStmt *) statement);
		case T_AlterObjectSchemaStmt:
			return is_protected_name(((const AlterObjectSchemaStmt *) statement)->relation)
					   ? "SET SCHEMA"
					   : NULL;
		case T_DropStmt:
			return unprotecting_drop((const DropStmt *) statement);
		case T_CreateTableAsStmt:
			return unprotecting_matview((const CreateTableAsStmt *) statement);
		case T_CreateTrigStmt:
			return unprotecting_trigger((const CreateTrigStmt *) statement);
		case T_ReassignOwnedStmt:
			return unprotecting_reassignment((const ReassignOwnedStmt *) statement);
		default:
			return NULL;
	}
}

static void
guard_utility(PlannedStmt *statement, const char *query, bool read_only,
			  ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
			  DestReceiver *dest, QueryCompletion *completion)
{
	int before;

	if (IsTransactionState())
	{
		const char *what = what_unprotects(statement->utilityStmt);

		if (what != NULL && !in_setup())
			fail(ERR_protected_object, what);
		refuse_what_outlives(statement->utilityStmt);
	}
	before = plans_begin_statement(statement->utilityStmt);
	PG_TRY();
	{
		if (previous_utility)
			previous_utility(statement, query, read_only, context, params, environment, dest,
							 completion);
		else
			standard_ProcessUtility(statement, query, read_only, context, params, environment, dest,
									completion);
	}
	PG_FINALLY();
	{
		plans_end_statement(before);
	}
	PG_END_TRY();
}

/* --- objects --- */

/*
 * The sealed columns would go with their type, whatever DROP ... CASCADE it is that
 * reaches the extension: the data goes first, on purpose, or stays.
 */
static bool
is_drop_with_data(Oid class_id, Oid object_id)
{
	return class_id == ExtensionRelationId && object_id == get_extension_oid("attest", true) &&
		   core_is_set_up();
}

/* TRUNCATE reaches here for every table, those of CASCADE too. */
static bool
is_protected_truncate(Oid table)
{
	return isolation_covers(table) ||
		   get_rel_namespace(table) == get_namespace_oid("attest_data", true);
}

static void
guard_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (previous_access)
		previous_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_FUNCTION_EXECUTE)
	{
		lasting_refuse_function(object_id);
		plans_refuse_counter(object_id);
	}
	if (access == OAT_TRUNCATE && is_protected_truncate(object_id))
		fail(ERR_protected_object, "TRUNCATE");
	if (access == OAT_DROP && sub_id == 0 && is_drop_with_data(class_id, object_id))
		fail(ERR_protected_object, "DROP ... CASCADE");
}

void
guard_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = guard_utility;
	previous_access = object_access_hook;
	object_access_hook = guard_access;
}
