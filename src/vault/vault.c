/*
 * vault.c
 *		Wiring of the room.
 */
#include "vault/vault.h"

#include "vault/key_epoch.h"
#include "vault/keyring_command.h"

void
vault_init(void)
{
	key_epoch_init();
	keyring_file_init();
	keyring_command_init();
	keys_init();
	opened_init();
}
