/*
 * lasting.c
 *		Functions and variables that reach beyond a transaction: see lasting.h.
 */
#include "tenant/lasting.h"

#include "access/xact.h"
#include "tenant/tenant.h"
#include "utils/fmgroids.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"

/* The transaction in which a function of sessions was made ready. */
static LocalTransactionId called_in = InvalidLocalTransactionId;

bool
lasting_matters(void)
{
	return tenant_was_entered() || tenant_context() != NULL;
}

bool
lasting_function_called(void)
{
	return called_in != InvalidLocalTransactionId && called_in == tenant_transaction();
}

/* Session advisory locks, notifications and large objects know no tenant. */
static bool
is_session_function(Oid function)
{
	switch (function)
	{
		case F_PG_ADVISORY_LOCK_INT8:
		case F_PG_ADVISORY_LOCK_INT4_INT4:
		case F_PG_ADVISORY_LOCK_SHARED_INT8:
		case F_PG_ADVISORY_LOCK_SHARED_INT4_INT4:
		case F_PG_TRY_ADVISORY_LOCK_INT8:
		case F_PG_TRY_ADVISORY_LOCK_INT4_INT4:
		case F_PG_TRY_ADVISORY_LOCK_SHARED_INT8:
		case F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4:
		case F_PG_NOTIFY:
		case F_LO_CREAT:
		case F_LO_CREATE:
		case F_LO_FROM_BYTEA:
		case F_LO_OPEN:
		case F_LO_PUT:
		case F_LO_GET_OID:
		case F_LO_GET_OID_INT8_INT4:
		case F_LOWRITE:
		case F_LO_TRUNCATE:
		case F_LO_TRUNCATE64:
			return true;
		default:
			return false;
	}
}

void
lasting_refuse_function(Oid function)
{
	if (!is_session_function(function))
		return;
	if (lasting_matters())
		fail(ERR_outlives_transaction, get_func_name(function));
	called_in = tenant_transaction();
}

/* A variable of the application's own, set for the session and not by SET LOCAL. */
static bool
is_kept_variable(const struct config_generic *variable)
{
	return (variable->flags & GUC_CUSTOM_PLACEHOLDER) != 0 && variable->stack != NULL &&
		   (variable->stack->state == GUC_SET || variable->stack->state == GUC_SET_LOCAL);
}

/* The next client of the connection could read it: set_config() with is_local, or SET LOCAL. */
static void
refuse_kept_variables(XactEvent event, void *arg)
{
	struct config_generic **variables;
	int count;

	if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) ||
		!tenant_was_entered())
		return;
	variables = all_variables(&count);
	for (int i = 0; i < count; i++)
	{
		if (is_kept_variable(variables[i]))
			fail(ERR_outlives_transaction, gettext_noop("a variable that is not set by SET LOCAL"));
	}
}

void
lasting_init(void)
{
	RegisterXactCallback(refuse_kept_variables, NULL);
}
