/*
 * guard.h
 *		Statements that are refused: those that outlive a transaction while a ticket
 *		is bound, and those that would take the protection off attest_data.
 */
#ifndef ATTEST_TENANT_GUARD_H
#define ATTEST_TENANT_GUARD_H

extern void guard_init(void);

#endif /* ATTEST_TENANT_GUARD_H */
