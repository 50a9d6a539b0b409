/*
 * vault.c
 *		Wiring of the room.
 */
#include "vault/vault.h"

void
vault_init(void)
{
	keyring_file_init();
	keys_init();
	opened_init();
}
