/*
 * isolation.h
 *		The row restriction that no policy can widen.
 */
#ifndef ATTEST_TENANT_ISOLATION_H
#define ATTEST_TENANT_ISOLATION_H

#include "core/core.h"

/* Security labels: of a table under attest.protect(), and of its sealed columns. */
#define LABEL_PROVIDER "attest"
#define LABEL_TENANT   "tenant"
#define LABEL_SUBJECT  "subject" /* column with the uuid of the person */
#define LABEL_SEALED   "sealed " /* then the purpose */
#define LABEL_BLIND    "blind "  /* then the purpose */

extern void isolation_init(void);

/*
 * Whether the table is under the isolation of tenants: one of attest_data with a
 * tenant_id, or one that attest.protect() has labelled.
 */
extern bool isolation_covers(Oid table);

#endif /* ATTEST_TENANT_ISOLATION_H */
