/*
 * key_epoch.c
 *		The number that makes caches drop: see key_epoch.h.
 */
#include "vault/key_epoch.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

typedef struct Shared
{
	pg_atomic_uint64 epoch;
} Shared;

static Shared *shared = NULL;
static bool change_at_commit = false;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
}

static void
start_memory(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("attest keys", sizeof(Shared), &found);
	if (!found)
		pg_atomic_init_u64(&shared->epoch, 1);
	LWLockRelease(AddinShmemInitLock);
}

static void
change_after_commit(XactEvent event, void *arg)
{
	/* COMMIT PREPARED would come from anywhere, and tell nobody. */
	if (event == XACT_EVENT_PRE_PREPARE && change_at_commit)
		fail(ERR_outlives_transaction, "a prepared transaction");
	if (event == XACT_EVENT_COMMIT && change_at_commit && shared != NULL)
		pg_atomic_fetch_add_u64(&shared->epoch, 1);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		change_at_commit = false;
}

void
key_epoch_init(void)
{
	RegisterXactCallback(change_after_commit, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

uint64
key_epoch(void)
{
	if (shared == NULL || RecoveryInProgress())
		return 0;
	return pg_atomic_read_u64(&shared->epoch);
}

void
key_epoch_change(void)
{
	change_at_commit = true;
}

void
key_epoch_advance(void)
{
	if (shared != NULL)
		pg_atomic_fetch_add_u64(&shared->epoch, 1);
}
