/*
 * isolation.c
 *		Adds "tenant_id = attest.current_tenant()" to every table of attest_data, and
 *		"attest.may_see(person_id)" where its rows belong to people, below whatever
 *		policies the catalogue holds.
 *
 * Permissive policies are OR-ed, so one careless USING (true) would open a
 * table; a restriction from row_security_policy_hook_restrictive is AND-ed and
 * cannot be dropped.  The policies of the catalogue stay: they protect sessions
 * that have not loaded the library, and they show in \d.
 */
#include "core/core.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "parser/parse_func.h"
#include "parser/parse_oper.h"
#include "rewrite/rowsecurity.h"
#include "tenant/isolation.h"
#include "tenant/tenant.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define TENANT_COLUMN "tenant_id"
#define PERSON_COLUMN "person_id"

ATTEST_FUNCTION(attest_plan_current_tenant);
ATTEST_FUNCTION(attest_planned_tenant);

static row_security_policy_hook_type previous_hook = NULL;

/* A call of attest.<name>(arguments). */
static Expr *
call(const char *name, Oid result, List *arguments, int count, const Oid *types)
{
	List *qualified = list_make2(makeString("attest"), makeString(pstrdup(name)));
	Oid function = LookupFuncName(qualified, count, types, false);

	return (Expr *) makeFuncExpr(function, result, arguments, InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* tenant_id = attest.current_tenant(), for range table entry 1. */
static Expr *
tenant_restriction(AttrNumber column)
{
	Oid equals =
		OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString("=")), INT4OID, INT4OID);
	Var *tenant = makeVar(1, column, INT4OID, -1, InvalidOid, 0);
	Expr *entered = call("current_tenant", INT4OID, NIL, 0, NULL);
	Expr *restriction =
		make_opclause(equals, BOOLOID, false, (Expr *) tenant, entered, InvalidOid, InvalidOid);

	set_opfuncid((OpExpr *) restriction);
	return restriction;
}

/* attest.may_see(person_id), where rows belong to a person; otherwise NULL. */
static Expr *
person_restriction(Relation relation)
{
	Oid uuid = UUIDOID;
	AttrNumber column = get_attnum(RelationGetRelid(relation), PERSON_COLUMN);

	if (column == InvalidAttrNumber ||
		!TupleDescAttr(RelationGetDescr(relation), column - 1)->attnotnull ||
		TupleDescAttr(RelationGetDescr(relation), column - 1)->atttypid != UUIDOID)
		return NULL;
	return call("may_see", BOOLOID, list_make1(makeVar(1, column, UUIDOID, -1, InvalidOid, 0)), 1,
				&uuid);
}

static RowSecurityPolicy *
new_policy(const char *name, Expr *restriction)
{
	RowSecurityPolicy *policy = palloc0(sizeof(RowSecurityPolicy));
	Datum everybody = ObjectIdGetDatum(ACL_ID_PUBLIC);

	policy->policy_name = pstrdup(name);
	policy->polcmd = '*';
	policy->roles = construct_array(&everybody, 1, OIDOID, sizeof(Oid), true, TYPALIGN_INT);
	policy->permissive = false;
	policy->qual = restriction;
	policy->with_check_qual = copyObject(restriction);
	policy->hassublinks = false;
	return policy;
}

static bool
is_own_table(Oid table)
{
	char *schema = get_namespace_name(get_rel_namespace(table));

	return schema != NULL && strcmp(schema, "attest_data") == 0;
}

static bool
is_labelled(Oid table)
{
	ObjectAddress address;
	char *label;

	ObjectAddressSet(address, RelationRelationId, table);
	label = GetSecurityLabel(&address, LABEL_PROVIDER);
	return label != NULL && strcmp(label, LABEL_TENANT) == 0;
}

bool
isolation_covers(Oid table)
{
	AttrNumber column = get_attnum(table, TENANT_COLUMN);

	if (column == InvalidAttrNumber || get_atttype(table, column) != INT4OID)
		return false;
	return is_own_table(table) || is_labelled(table);
}

static List *
restrict_to_tenant(CmdType command, Relation relation)
{
	List *policies = previous_hook ? previous_hook(command, relation) : NIL;
	Oid table = RelationGetRelid(relation);
	Expr *person;

	if (!isolation_covers(table))
		return policies;
	policies = lappend(policies, new_policy("attest tenant isolation",
											tenant_restriction(get_attnum(table, TENANT_COLUMN))));
	/* Tables of users may mean something else by the name. */
	person = is_own_table(table) ? person_restriction(relation) : NULL;
	if (person != NULL)
		policies = lappend(policies, new_policy("attest people of the profile", person));
	return policies;
}

/* attest_internal.planned_tenant(): attest.current_tenant() in plans. */
Datum
attest_planned_tenant(PG_FUNCTION_ARGS)
{
	const Ticket *context = tenant_context();

	if (context == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(context->tenant);
}

/*
 * attest_internal.plan_current_tenant(internal): puts planned_tenant() in the place of
 * attest.current_tenant(), for those who may execute both.  Plans under row level security
 * belong to a role, so nobody else comes to it.
 */
Datum
attest_plan_current_tenant(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	Oid planned =
		GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("planned_tenant"),
						PointerGetDatum(buildoidvector(NULL, 0)),
						ObjectIdGetDatum(get_namespace_oid("attest_internal", true)));
	FuncExpr *asked;

	if (!IsA(request, SupportRequestSimplify) || !OidIsValid(planned))
		PG_RETURN_POINTER(NULL);
	asked = ((SupportRequestSimplify *) request)->fcall;
	if (!may_execute(GetUserId(), asked->funcid) || !may_execute(GetUserId(), planned))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(
		makeFuncExpr(planned, INT4OID, NIL, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

static bool
begins_with(const char *label, const char *word)
{
	return strncmp(label, word, strlen(word)) == 0 && label[strlen(word)] != '\0';
}

/*
 * Only attest.protect() and attest.protect_columns() label: they check their table
 * first.  Whoever may call them may label, nobody else: attest works on what is labelled.
 */
static void
check_label(const ObjectAddress *object, const char *label)
{
	bool known = label != NULL && object->classId == RelationRelationId;

	if (known && object->objectSubId == 0)
		known = strcmp(label, LABEL_TENANT) == 0;
	else if (known)
		known = strcmp(label, LABEL_SUBJECT) == 0 || begins_with(label, LABEL_SEALED) ||
				begins_with(label, LABEL_BLIND);
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is not a label of attest"),
				 errhint("Use attest.protect(table), attest.protect_columns() and "
						 "attest.protect_blind().")));
	if (!has_privs_of_role(GetUserId(), get_role_oid("attest_operator", false)))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only members of attest_operator may label for attest")));
}

void
isolation_init(void)
{
	register_label_provider(LABEL_PROVIDER, check_label);
	previous_hook = row_security_policy_hook_restrictive;
	row_security_policy_hook_restrictive = restrict_to_tenant;
}
