/*
 * keyring_command.h
 *		A keyring that a command prints: attest.keyring_command.
 *
 * The command runs in a worker of its own, at the start of the server and whenever the
 * configuration is read again, and never in a backend, which holds data of clients.
 * What it printed lies in shared memory, where the backends take it from.
 */
#ifndef ATTEST_VAULT_KEYRING_COMMAND_H
#define ATTEST_VAULT_KEYRING_COMMAND_H

#include "vault/keyring_file.h"

extern void keyring_command_init(void);

extern bool keyring_command_is_set(void);

/* A number that changes with every output; 0 while there is none. */
extern uint64 keyring_command_number(void);

/*
 * The last output, for which it waits at the start of the server; false, with what is
 * wrong, where there is none.
 */
extern bool keyring_command_output(char text[KEYRING_MAX_BYTES], size_t *length, uint64 *number,
								   char what[KEYRING_FACT_MAX]);

/*
 * Runs a command, for attest.keyring_command_timeout at most, and takes what it prints;
 * false, with what is wrong, where it fails.
 */
extern bool keyring_run_command(const char *command, char text[KEYRING_MAX_BYTES], size_t *length,
								char what[KEYRING_FACT_MAX]);

/* The worker: checks the keyring at the start and logs what is wrong with it. */
ATTEST_EXPORT void attest_keyring_main(Datum arg);

#endif /* ATTEST_VAULT_KEYRING_COMMAND_H */
