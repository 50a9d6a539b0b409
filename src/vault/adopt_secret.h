/*
 * adopt_secret.h
 *		The passphrase or key of columns that pgcrypto encrypted.
 */
#ifndef ATTEST_VAULT_ADOPT_SECRET_H
#define ATTEST_VAULT_ADOPT_SECRET_H

#include "core/core.h"

/*
 * Reads a secret from a file of the server, which must be as safe as the keyring, or
 * from what a command prints; the other is NULL.  One newline at the end is left out,
 * and a secret that begins with \x is bytes in hexadecimal.  In the current context;
 * the caller wipes it.  Raises secret_unusable.
 */
extern bytea *adopt_secret_read(const char *file, const char *command);

#endif /* ATTEST_VAULT_ADOPT_SECRET_H */
