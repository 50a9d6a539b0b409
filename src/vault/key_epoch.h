/*
 * key_epoch.h
 *		A number in shared memory that says when cached keys are out of date.
 *
 * Whoever erases a person, changes which key is active, or takes an epoch out of
 * the keyring counts it up when the transaction commits; every use of a cached key
 * looks at it.  So an erasure is felt at once in every backend of the server, also
 * inside a long transaction.
 */
#ifndef ATTEST_VAULT_KEY_EPOCH_H
#define ATTEST_VAULT_KEY_EPOCH_H

#include "core/core.h"

extern void key_epoch_init(void);

/*
 * What was cached under the same number still holds.  0: the number cannot be known
 * (the library is not preloaded, or a standby, where erasures arrive by replay).
 */
extern uint64 key_epoch(void);

/* Counts up when the transaction commits. */
extern void key_epoch_change(void);

/* Counts up at once: for the worker that has read another keyring. */
extern void key_epoch_advance(void);

#endif /* ATTEST_VAULT_KEY_EPOCH_H */
