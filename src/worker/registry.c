/*
 * registry.c
 *		Who runs, in shared memory.
 *
 * One lock guards everything; it is held for a few instructions only.
 */
#include "worker/worker.h"

#include <signal.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

/* A process of ours; pid 0 where the place is free. */
typedef struct Entry
{
	Oid database;
	int pid;
	Latch *latch;
	pg_atomic_uint32 events; /* of a scheduler: 1 when there is something to announce */
} Entry;

typedef struct Registry
{
	LWLock *lock;
	Entry launcher;
	bool launcher_called; /* somebody wants it to look now */
	Entry schedulers[WORKER_MAX_DATABASES];
} Registry;

static Registry *registry = NULL;
static Entry *own_entry = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Registry)));
	RequestNamedLWLockTranche("attest_worker", 1);
}

static void
start_memory(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	registry = ShmemInitStruct("attest workers", sizeof(Registry), &found);
	if (!found)
	{
		memset(registry, 0, sizeof(Registry));
		registry->lock = &GetNamedLWLockTranche("attest_worker")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
registry_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

bool
registry_exists(void)
{
	return registry != NULL;
}

static void
leave(int code, Datum arg)
{
	LWLockAcquire(registry->lock, LW_EXCLUSIVE);
	memset(own_entry, 0, sizeof(Entry));
	LWLockRelease(registry->lock);
}

/* The place of a database: its own, or a free one, or NULL. The lock is held. */
static Entry *
find_scheduler(Oid database, bool or_free)
{
	Entry *place = NULL;

	for (int i = 0; i < WORKER_MAX_DATABASES; i++)
	{
		Entry *entry = &registry->schedulers[i];

		if (entry->pid != 0 && entry->database == database)
			return entry;
		if (or_free && place == NULL && entry->pid == 0)
			place = entry;
	}
	return place;
}

static bool
enter(Entry *entry, Oid database)
{
	bool free_place = entry != NULL && entry->pid == 0;

	if (free_place)
	{
		*entry = (Entry){.database = database, .pid = MyProcPid, .latch = MyLatch};
		pg_atomic_init_u32(&entry->events, 0);
		own_entry = entry;
	}
	LWLockRelease(registry->lock);
	if (free_place)
		before_shmem_exit(leave, (Datum) 0);
	return free_place;
}

bool
registry_enter_launcher(void)
{
	LWLockAcquire(registry->lock, LW_EXCLUSIVE);
	return enter(&registry->launcher, InvalidOid);
}

bool
registry_enter_scheduler(Oid database)
{
	LWLockAcquire(registry->lock, LW_EXCLUSIVE);
	return enter(find_scheduler(database, true), database);
}

int
registry_launcher(void)
{
	return registry == NULL ? 0 : registry->launcher.pid;
}

int
registry_scheduler(Oid database)
{
	Entry *entry;
	int pid;

	if (registry == NULL)
		return 0;
	LWLockAcquire(registry->lock, LW_SHARED);
	entry = find_scheduler(database, false);
	pid = entry == NULL ? 0 : entry->pid;
	LWLockRelease(registry->lock);
	return pid;
}

static void
wake(const Entry *entry)
{
	if (entry != NULL && entry->pid != 0)
		SetLatch(entry->latch);
}

void
registry_wake_launcher(void)
{
	if (registry == NULL)
		return;
	LWLockAcquire(registry->lock, LW_EXCLUSIVE);
	registry->launcher_called = true;
	wake(&registry->launcher);
	LWLockRelease(registry->lock);
}

bool
registry_launcher_called(void)
{
	bool called;

	LWLockAcquire(registry->lock, LW_EXCLUSIVE);
	called = registry->launcher_called;
	registry->launcher_called = false;
	LWLockRelease(registry->lock);
	return called;
}

void
registry_wake_scheduler(Oid database)
{
	if (registry == NULL)
		return;
	LWLockAcquire(registry->lock, LW_SHARED);
	wake(find_scheduler(database, false));
	LWLockRelease(registry->lock);
}

/* Sets the latch for the first of many only: a commit costs no more than it must. */
void
registry_announce_events(Oid database)
{
	Entry *entry;

	if (registry == NULL)
		return;
	LWLockAcquire(registry->lock, LW_SHARED);
	entry = find_scheduler(database, false);
	if (entry != NULL && pg_atomic_exchange_u32(&entry->events, 1) == 0)
		SetLatch(entry->latch);
	LWLockRelease(registry->lock);
}

bool
registry_take_events(void)
{
	return own_entry != NULL && pg_atomic_exchange_u32(&own_entry->events, 0) != 0;
}

void
registry_stop_scheduler(Oid database)
{
	Entry *entry;

	if (registry == NULL || !OidIsValid(database))
		return;
	LWLockAcquire(registry->lock, LW_SHARED);
	entry = find_scheduler(database, false);
	if (entry != NULL)
		(void) kill(entry->pid, SIGTERM);
	LWLockRelease(registry->lock);
}
