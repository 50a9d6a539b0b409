/*
 * core.c
 *		The version, and the few server facilities that every room shares.
 */
#include "core/core.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#define OWNER_ROLE "attest_owner"

ATTEST_FUNCTION(attest_version);

void
core_init(void)
{
	pg_bindtextdomain(TEXTDOMAIN);
}

Oid
core_owner_oid(void)
{
	Oid owner = get_role_oid(OWNER_ROLE, true);

	if (!OidIsValid(owner))
		fail(ERR_setup_needed);
	return owner;
}

bool
core_is_set_up(void)
{
	Oid schema = get_namespace_oid("attest_data", true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid("schema_version", schema));
}

static void
prepare(OwnerStatement *statement)
{
	SPIPlanPtr plan;

	if (statement->plan != NULL)
		return;
	plan = SPI_prepare(statement->sql, statement->nargs, statement->types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare: %s", statement->sql);
	statement->plan = plan;
}

void
core_execute_as_owner(OwnerStatement *statement, Datum *values, bool read_only)
{
	Oid caller;
	int context;
	int nest;

	if (!core_is_set_up())
		fail(ERR_setup_needed);

	/*
	 * The caller's search_path must not choose the operators that run with the
	 * owner's rights.  An error needs no undoing here: the abort restores both.
	 */
	nest = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	/*
	 * A plan made while the table was empty is kept while an import fills it: it
	 * must not be the scan of the whole table that is best for an empty one.
	 */
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	/* pg_dump turns it off, to be refused what policies would restrict: not here. */
	if (!row_security)
		(void) set_config_option("row_security", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(core_owner_oid(), context | SECURITY_LOCAL_USERID_CHANGE);
	prepare(statement);
	(void) SPI_execute_plan(statement->plan, values, NULL, read_only, 0);
	SetUserIdAndSecContext(caller, context);
	AtEOXact_GUC(true, nest);
}

void
core_read_now_as_owner(OwnerStatement *statement, Datum *values)
{
	/* For a relation that is no catalogue this snapshot is always a new one. */
	PushActiveSnapshot(GetCatalogSnapshot(InvalidOid));
	core_execute_as_owner(statement, values, true);
	PopActiveSnapshot();
}

Oid
core_pgcrypto_function(const char *name, int count)
{
	static OwnerStatement find = {
		.sql = "SELECT p.oid FROM pg_extension e "
			   "JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid "
			   "JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid "
			   "WHERE e.extname = 'pgcrypto' AND p.proname = $1 AND p.pronargs = $2",
		.nargs = 2,
		.types = {TEXTOID, INT4OID}};
	Datum values[] = {CStringGetTextDatum(name), Int32GetDatum(count)};
	bool isnull;

	core_execute_as_owner(&find, values, true);
	if (SPI_processed != 1)
		fail(ERR_unknown_object, "function of pgcrypto", name);
	return DatumGetObjectId(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* attest.version() */
Datum
attest_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ATTEST_VERSION));
}
