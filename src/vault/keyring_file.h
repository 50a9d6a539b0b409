/*
 * keyring_file.h
 *		Where the keyring comes from, for the files of the room that read and write it.
 */
#ifndef ATTEST_VAULT_KEYRING_FILE_H
#define ATTEST_VAULT_KEYRING_FILE_H

#include "vault/vault.h"

#include <sys/stat.h>

#define KEYRING_FACT_MAX 256

/* Why the keyring cannot be had: an error of errors.h and its facts. */
typedef struct KeyringFault
{
	AttestError code;
	char first[KEYRING_FACT_MAX];
	char second[KEYRING_FACT_MAX];
} KeyringFault;

/* Fills the fault; returns false. */
extern bool keyring_report(KeyringFault *fault, AttestError code, const char *first,
						   const char *second);

/* Raises the error of the fault. */
extern void keyring_fail(const KeyringFault *fault) __attribute__((noreturn));

/* attest.keyring_file, "" where it is not set. */
extern const char *keyring_path(void);

/*
 * The keyring as it is now, read again only where it has changed; NULL with the fault.
 * Never raises.
 */
extern const Keyring *keyring_current(KeyringFault *fault);

/* The rules of server.key, and outside the data directory. */
extern bool keyring_is_safe(int fd, const char *path, struct stat *info, KeyringFault *fault);

#endif /* ATTEST_VAULT_KEYRING_FILE_H */
