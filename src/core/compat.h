/*
 * compat.h
 *		The only place that knows how PostgreSQL 15 to 18 differ, and how the
 *		library exports its entry points.
 *
 * Every file that uses the server includes this one first, in place of
 * postgres.h.  Pure files (bytes in, bytes out) include neither.
 */
#ifndef ATTEST_CORE_COMPAT_H
#define ATTEST_CORE_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/nodes.h"
#include "storage/proc.h"
#include "utils/guc.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Messages of this library are looked up in its own catalogue (po/). */
#undef TEXTDOMAIN
#define TEXTDOMAIN PG_TEXTDOMAIN("attest")

/*
 * The library is built with hidden symbols; only what SQL, the postmaster or a
 * worker calls by name is exported.
 */
#define ATTEST_EXPORT __attribute__((visibility("default")))

/* Declares an SQL-callable function: SQL attest.x is C attest_x. */
#define ATTEST_FUNCTION(name)                   \
	ATTEST_EXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

/* Soft errors in type input came with 16; on 15 they are hard. */
#if PG_VERSION_NUM < 160000
#define ereturn(context, value, ...) ereport(ERROR, __VA_ARGS__)
#endif

/* GUC check hooks hand over memory that guc.c frees: malloc before 16. */
#if PG_VERSION_NUM >= 160000
#define guc_extra_alloc(size)   guc_malloc(LOG, (size))
#define guc_extra_free(pointer) guc_free(pointer)
#else
#define guc_extra_alloc(size)   malloc(size)
#define guc_extra_free(pointer) free(pointer)
#endif

/* The local transaction id of a backend: it names the top-level transaction. */
#if PG_VERSION_NUM >= 170000
#define PROC_LXID(proc) ((proc)->vxid.lxid)
#else
#define PROC_LXID(proc) ((proc)->lxid)
#endif

/* Every variable of the server; needs utils/guc_tables.h. */
#if PG_VERSION_NUM >= 160000
#define all_variables(count) get_guc_variables(count)
#else
#define all_variables(count) (*(count) = GetNumConfigOptions(), get_guc_variables())
#endif

/* Whose rights a plan reads a table with; needs nodes/plannodes.h. */
#if PG_VERSION_NUM >= 160000
#define PlanPermission         RTEPermissionInfo
#define plan_permissions(plan) ((plan)->permInfos)
#else
#define PlanPermission         RangeTblEntry
#define plan_permissions(plan) ((plan)->rtable)
#endif

/* Needs utils/acl.h, and catalog/pg_database.h, pg_class.h or pg_proc.h. */
#if PG_VERSION_NUM >= 160000
#define owns_database(role, database) object_ownercheck(DatabaseRelationId, (database), (role))
#define owns_relation(role, relation) object_ownercheck(RelationRelationId, (relation), (role))
#define may_execute(role, function) \
	(object_aclcheck(ProcedureRelationId, (function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#else
#define owns_relation(role, relation) pg_class_ownercheck((relation), (role))
#define owns_database(role, database) pg_database_ownercheck((database), (role))
#define may_execute(role, function) \
	(pg_proc_aclcheck((function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#endif

/* What ExecutorRun takes after its query: 18 has no word on how often it runs. */
#if PG_VERSION_NUM >= 180000
#define RUN_PARAMETERS ScanDirection direction, uint64 count
#define RUN_ARGUMENTS  direction, count
#else
#define RUN_PARAMETERS ScanDirection direction, uint64 count, bool once
#define RUN_ARGUMENTS  direction, count, once
#endif

#endif /* ATTEST_CORE_COMPAT_H */
