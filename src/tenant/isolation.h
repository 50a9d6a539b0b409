/*
 * isolation.h
 *		The row restriction that no policy can widen.
 */
#ifndef ATTEST_TENANT_ISOLATION_H
#define ATTEST_TENANT_ISOLATION_H

extern void isolation_init(void);

#endif /* ATTEST_TENANT_ISOLATION_H */
