/*
 * plans.h
 *		What plans read and write, whatever statement, function or view they come from.
 */
#ifndef ATTEST_TENANT_PLANS_H
#define ATTEST_TENANT_PLANS_H

#include "core/core.h"

extern void plans_init(void);

/*
 * Around every utility statement: EXPLAIN ANALYZE runs plans to count rows.  The end
 * takes what the beginning gave: the statement itself may be gone by then.
 */
extern int plans_begin_statement(const Node *statement);
extern void plans_end_statement(int before);

/* Refuses a client the counters of tables and databases, which count the rows of all tenants. */
extern void plans_refuse_counter(Oid function);

/* Whether a temporary table was there before this transaction, and so will be after it. */
extern bool plans_is_lasting(Oid table);

/*
 * Whether the login role is one of an application, a BI tool or an auditor.  What such a
 * role makes before it enters would keep what it reads afterwards (a cursor WITH HOLD is
 * read at COMMIT), so it is refused with and without a ticket.
 */
extern bool plans_is_client(void);

#endif /* ATTEST_TENANT_PLANS_H */
