/*
 * tenant.h
 *		Who works, for which tenant: the context that every room relies on.
 */
#ifndef ATTEST_TENANT_TENANT_H
#define ATTEST_TENANT_TENANT_H

#include "core/core.h"

#include "tenant/ticket.h"
#include "utils/uuid.h"

/* Profiles of tickets that attest makes for itself; no account can have them. */
#define PROFILE_OPERATOR "operator"
#define PROFILE_WORKER   "worker"

extern void tenant_init(void);

/*
 * The ticket of this transaction, or NULL when none is bound to it or it has
 * expired.  Valid until the end of the statement.
 */
extern const Ticket *tenant_context(void);

/*
 * Whether the running transaction has worked for a tenant, even if it has put the
 * ticket away since: what it has read is still at hand.  Looks nothing up.
 */
extern bool tenant_was_entered(void);

/*
 * Whether a ticket was set in the running transaction and there is none any more: the
 * login role then stands for no tenant, of which a parallel worker knows nothing.
 */
extern bool tenant_ticket_was_put_away(void);

/* The local id of the top-level transaction; in a parallel worker the leader's. */
extern LocalTransactionId tenant_transaction(void);

/* The tenant of this transaction; raises no_context or ticket_expired. */
extern int32 tenant_required(void);

/*
 * Enters a tenant for attest's own work, until the end of the transaction, with
 * one of the profiles above.  Raises second_tenant.
 */
extern void tenant_enter(int32 tenant, const char *profile);

/*
 * Where ticket keys come from: the room that holds the keyring registers this.
 * It fills the key of the epoch, or of the newest epoch when *key_id is 0 (and
 * then sets it).  Where there is no such key it raises; with *fault (in a GUC
 * check hook) it returns false instead, and says what is wrong with the keyring.
 */
typedef bool (*TicketKeySource)(uint32 *key_id, uint8 key[CRYPTO_KEY_BYTES], AttestError *fault);
extern void tenant_set_ticket_key_source(TicketKeySource source);

#endif /* ATTEST_TENANT_TENANT_H */
