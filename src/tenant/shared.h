/*
 * shared.h
 *		What the backends of a cluster tell each other, in shared memory: that rights
 *		have changed, and how often a secret was guessed wrong.
 *
 * Without preloading there is no shared memory: every transaction then looks its
 * rights up, and wrong guesses are counted by each backend for itself.
 */
#ifndef ATTEST_TENANT_SHARED_H
#define ATTEST_TENANT_SHARED_H

#include "core/core.h"

#include "datatype/timestamp.h"

extern void shared_init(void);

/*
 * A number that changes whenever accounts, role mappings or caseloads change, in
 * any database.  What was looked up under the same number still holds.  0: the
 * number cannot be known (not preloaded, or a standby, where changes arrive by
 * replay), so nothing that was looked up earlier may be relied on.
 */
extern uint64 shared_rights_epoch(void);

/* Changes the number when the transaction commits, and at once for this backend. */
extern void shared_change_rights(void);

/*
 * Guesses for one identifier, kept outside the transaction: a ROLLBACK does not
 * undo them.  Each counts as wrong from when it is taken, so that sessions that try
 * at once are not all let in; a right one forgives them.  The name is hashed into a
 * fixed number of places under a random key of this start of the server; two names
 * may share a place, which can only make the answer stricter.  After
 * SHARED_FREE_GUESSES wrong ones in a row the place is closed for 2, 4, 8 ...
 * seconds, to 15 minutes.
 */
#define SHARED_FREE_GUESSES 5
extern bool shared_take_guess(const char *name, TimestampTz now);
extern void shared_forgive_guesses(const char *name);

#endif /* ATTEST_TENANT_SHARED_H */
