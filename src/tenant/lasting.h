/*
 * lasting.h
 *		Functions and variables that reach beyond a transaction.
 */
#ifndef ATTEST_TENANT_LASTING_H
#define ATTEST_TENANT_LASTING_H

#include "core/core.h"

extern void lasting_init(void);

/* Whether the running transaction works, or has worked, for a tenant. */
extern bool lasting_matters(void);

/*
 * Called before a function is made ready.  Refuses one that reaches beyond the
 * transaction (session locks, notifications, large objects) while that matters.
 */
extern void lasting_refuse_function(Oid function);

/*
 * Whether such a function was made ready in this transaction, before a tenant was
 * entered: an expression keeps it ready, and could call it again unasked.
 */
extern bool lasting_function_called(void);

#endif /* ATTEST_TENANT_LASTING_H */
