/*
 * rights.h
 *		Whether an account may still act, and which tenant a login role stands for.
 */
#ifndef ATTEST_TENANT_RIGHTS_H
#define ATTEST_TENANT_RIGHTS_H

#include "core/core.h"

#include "tenant/ticket.h"

/*
 * Whether the account behind a ticket is not revoked, within its dates, and the
 * ticket was issued after its last revocation.  Answered from what this backend
 * knows while rights have not changed, for a minute at most; otherwise from the
 * table, which needs the tenant of the ticket to be entered.
 */
extern bool rights_account_may_act(const Ticket *ticket);

/*
 * The tenant and profile that attest.grant_tenant() gave to the session's login
 * role, as a ticket without account; false where it gave none.
 */
extern bool rights_of_login_role(Ticket *ticket);

#endif /* ATTEST_TENANT_RIGHTS_H */
