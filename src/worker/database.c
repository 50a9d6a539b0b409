/*
 * database.c
 *		Lets go of a database that is about to be dropped, renamed or copied.
 *
 * The server refuses these while a session is connected, and a scheduler always
 * is.  So it is ended first; core then waits for it, up to five seconds, and the
 * launcher starts it again at its next look if the database is still there.
 */
#include "worker/worker.h"

#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"

static ProcessUtility_hook_type previous_utility = NULL;

/* The template that CREATE DATABASE copies. */
static const char *
template_name(const CreatedbStmt *statement)
{
	ListCell *cell;

	foreach (cell, statement->options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/* ALTER DATABASE ... SET TABLESPACE copies the files. */
static bool
moves_files(const AlterDatabaseStmt *statement)
{
	ListCell *cell;

	foreach (cell, statement->options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

/* The database that nobody may be connected to during this statement, or NULL. */
static const char *
database_to_leave(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return ((const DropdbStmt *) statement)->dbname;
		case T_CreatedbStmt:
			return template_name((const CreatedbStmt *) statement);
		case T_AlterDatabaseStmt:
			if (moves_files((const AlterDatabaseStmt *) statement))
				return ((const AlterDatabaseStmt *) statement)->dbname;
			return NULL;
		case T_RenameStmt:
			if (((const RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				return ((const RenameStmt *) statement)->subname;
			return NULL;
		default:
			return NULL;
	}
}

/* Core checks again: this keeps others from ending a scheduler by trying. */
static bool
may_end_scheduler(Oid database)
{
	return OidIsValid(database) && database != MyDatabaseId && owns_database(GetUserId(), database);
}

static void
leave_database(PlannedStmt *statement, const char *query, bool read_only,
			   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
			   DestReceiver *dest, QueryCompletion *completion)
{
	const char *database = database_to_leave(statement->utilityStmt);
	Oid oid = database == NULL ? InvalidOid : get_database_oid(database, true);

	if (may_end_scheduler(oid))
		registry_stop_scheduler(oid);
	if (previous_utility)
		previous_utility(statement, query, read_only, context, params, environment, dest,
						 completion);
	else
		standard_ProcessUtility(statement, query, read_only, context, params, environment, dest,
								completion);
}

void
database_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = leave_database;
}
