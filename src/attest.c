/*
 * attest.c
 *		Wiring: starts the rooms in the order of src/LAYERS.
 */
#include "core/core.h"

#include "attendance/attendance.h"
#include "person/person.h"
#include "tenant/tenant.h"
#include "vault/vault.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

ATTEST_EXPORT void _PG_init(void);

void
_PG_init(void)
{
	core_init();
	tenant_init();
	worker_init();
	vault_init();
	person_init();
	attendance_init();
	MarkGUCPrefixReserved("attest");
}
