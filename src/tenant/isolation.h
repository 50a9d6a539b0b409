/*
 * isolation.h
 *		The row restriction that no policy can widen.
 */
#ifndef ATTEST_TENANT_ISOLATION_H
#define ATTEST_TENANT_ISOLATION_H

#include "core/core.h"

extern void isolation_init(void);

/*
 * Whether the table is under the isolation of tenants: one of attest_data with a
 * tenant_id, or one that attest.protect() has labelled.
 */
extern bool isolation_covers(Oid table);

#endif /* ATTEST_TENANT_ISOLATION_H */
