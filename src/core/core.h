/*
 * core.h
 *		What every room may lean on: errors, byte readers and writers, SPI.
 */
#ifndef ATTEST_CORE_CORE_H
#define ATTEST_CORE_CORE_H

#include "core/compat.h"

#include "core/errors.h"

/* The release, as in attest.control; the Makefile passes it in. */
#ifndef ATTEST_VERSION
#error "ATTEST_VERSION must come from the Makefile"
#endif

extern void core_init(void);

#define OWNER_STATEMENT_ARGS 4

/* A statement that is prepared at its first use and kept for the session. */
typedef struct OwnerStatement
{
	const char *sql;
	int nargs;
	Oid types[OWNER_STATEMENT_ARGS];
	struct _SPI_plan *plan;
} OwnerStatement;

/*
 * Runs a statement through SPI as the role attest_owner, whatever role calls; SPI
 * must be connected.  Used where a caller needs the effect of a row that it may
 * not read (wrapped keys), never for its data.  Rows are in SPI_tuptable.  Raises
 * setup_needed, or the statement's own error.
 */
extern void core_execute_as_owner(OwnerStatement *statement, Datum *values, bool read_only);

/*
 * The same for a query, on what is committed now: a transaction of REPEATABLE READ, or a
 * statement that runs for long, must not find the key of somebody who was erased since
 * its snapshot, nor a right that was taken back.
 */
extern void core_read_now_as_owner(OwnerStatement *statement, Datum *values);

/* The oid of the role attest_owner; raises setup_needed where it is missing. */
extern Oid core_owner_oid(void);

/*
 * The function of the extension pgcrypto with this name and number of arguments; SPI
 * must be connected.  Raises unknown_object.
 */
extern Oid core_pgcrypto_function(const char *name, int count);

/* True when the tables made by attest.setup() are there. */
extern bool core_is_set_up(void);

#endif /* ATTEST_CORE_CORE_H */
