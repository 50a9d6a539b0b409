/*
 * columns.h
 *		Sealed columns of users' own tables: carriers, and what the labels of a
 *		table say about its columns.
 */
#ifndef ATTEST_VAULT_COLUMNS_H
#define ATTEST_VAULT_COLUMNS_H

#include "vault/vault.h"

#include "access/attnum.h"
#include "executor/execdesc.h"
#include "vault/sealed_format.h"

/* --- carrier.c --- */

extern bool carrier_is(const bytea *value);

/* The plain text, in the encoding of the database. */
extern text *carrier_text(const bytea *carrier);

extern bytea *carrier_make(const text *plain);

/*
 * Raises carrier_unsealed where the statement would store values of attest.sealed in a
 * table without columns under attest.protect_columns(): nothing seals its carriers there.
 */
extern void carrier_require_sealing(const QueryDesc *query);

extern Oid carrier_sealed_type(void);

/* --- labels.c --- */

typedef struct SealedColumn
{
	AttrNumber sealed;
	AttrNumber blind; /* of its blind value; invalid for none */
	text *purpose;
	uint8 fingerprint[SEALED_PURPOSE_BYTES];
} SealedColumn;

typedef struct SealedTable
{
	AttrNumber tenant;
	AttrNumber subject; /* uuid of the person */
	int count;
	SealedColumn *columns;
} SealedTable;

/*
 * What attest.protect_columns() has said about the columns of a table: security
 * labels, because they follow a column through renames, dumps and restores.
 * Allocated in the current context.  Raises columns_refused where the columns that
 * the labels need are gone.
 */
extern SealedTable *labels_of_table(Oid table);

/* Whether a table has a sealed column under attest.protect_columns(). */
extern bool labels_has_sealed(Oid table);

/* --- columns.c --- */

/* What is being done with all the rows of a person; the trigger helps. */
typedef enum ColumnsTask
{
	COLUMNS_KEEP,    /* nothing: an UPDATE of a user */
	COLUMNS_REBLIND, /* blind values are computed again */
	COLUMNS_RESEAL,  /* values are sealed again, under the newest key of the person */
	COLUMNS_ERASE,   /* blind values go */
	COLUMNS_MERGE    /* values are sealed for another person, whom the row is moved to */
} ColumnsTask;

extern ColumnsTask columns_task(void);

/* The name of a table with its schema, quoted. */
extern char *columns_table_name(Oid table);

/*
 * Runs a statement on a table of a user through SPI, which must be connected, as the
 * owner of the table: its triggers must not have the rights of attest.  Row level
 * security holds the owner to the entered tenant; with every_tenant it does not, for
 * statements that give away no row.  Where the table has triggers that may be deferred,
 * constraints are immediate from then on to the end of the transaction.
 */
extern void columns_run_as_owner(Oid table, bool every_tenant, const char *sql, int count,
								 Oid *types, Datum *values);

#endif /* ATTEST_VAULT_COLUMNS_H */
