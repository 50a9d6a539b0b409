/*
 * shared.c
 *		Shared memory of the room: see shared.h.
 *
 * The epoch is an atomic; the places of guesses are under one lock, held for a few
 * instructions.
 */
#include "tenant/shared.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#define PLACES             8192
#define MAX_CLOSED_SECONDS 900

typedef struct Place
{
	uint32 wrong; /* in a row */
	TimestampTz last;
} Place;

typedef struct Guesses
{
	uint64 seed;
	Place places[PLACES];
} Guesses;

typedef struct Shared
{
	LWLock *lock;
	pg_atomic_uint64 rights_epoch;
	Guesses guesses;
} Shared;

static Shared *shared = NULL;
static Guesses own_guesses; /* without preloading */
static bool change_at_commit = false;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
	RequestNamedLWLockTranche("attest_tenant", 1);
}

static void
seed_guesses(Guesses *guesses)
{
	if (!pg_strong_random(&guesses->seed, sizeof(guesses->seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
}

static void
start_memory(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("attest tenants", sizeof(Shared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(Shared));
		shared->lock = &GetNamedLWLockTranche("attest_tenant")->lock;
		pg_atomic_init_u64(&shared->rights_epoch, 1);
		seed_guesses(&shared->guesses);
	}
	LWLockRelease(AddinShmemInitLock);
}

static void
change_after_commit(XactEvent event, void *arg)
{
	/* COMMIT PREPARED would come from anywhere, and tell nobody. */
	if (event == XACT_EVENT_PRE_PREPARE && change_at_commit)
		fail(ERR_outlives_transaction, "a prepared transaction");
	if (event == XACT_EVENT_COMMIT && change_at_commit && shared != NULL)
		pg_atomic_fetch_add_u64(&shared->rights_epoch, 1);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		change_at_commit = false;
}

void
shared_init(void)
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
shared_rights_epoch(void)
{
	/* A transaction that changes rights must not trust what it knew before. */
	if (shared == NULL || change_at_commit || RecoveryInProgress())
		return 0;
	return pg_atomic_read_u64(&shared->rights_epoch);
}

void
shared_change_rights(void)
{
	change_at_commit = true;
}

/* --- guesses --- */

static Guesses *
lock_guesses(void)
{
	if (shared != NULL)
	{
		LWLockAcquire(shared->lock, LW_EXCLUSIVE);
		return &shared->guesses;
	}
	if (own_guesses.seed == 0)
		seed_guesses(&own_guesses);
	return &own_guesses;
}

static void
unlock_guesses(void)
{
	if (shared != NULL)
		LWLockRelease(shared->lock);
}

static Place *
find_place(Guesses *guesses, const char *name)
{
	uint64 hash =
		hash_any_extended((const unsigned char *) name, (int) strlen(name), guesses->seed);

	return &guesses->places[DatumGetUInt64(hash) % PLACES];
}

static int
closed_seconds(uint32 wrong)
{
	uint32 beyond = wrong > SHARED_FREE_GUESSES ? wrong - SHARED_FREE_GUESSES : 0;

	if (beyond == 0)
		return 0;
	return beyond >= 10 ? MAX_CLOSED_SECONDS : Min(1 << beyond, MAX_CLOSED_SECONDS);
}

bool
shared_take_guess(const char *name, TimestampTz now)
{
	Guesses *guesses = lock_guesses();
	Place *place = find_place(guesses, name);
	bool open = now >= place->last + closed_seconds(place->wrong) * USECS_PER_SEC;

	if (open)
	{
		place->wrong = Min(place->wrong + 1, 1000000);
		place->last = now;
	}
	unlock_guesses();
	return open;
}

void
shared_forgive_guesses(const char *name)
{
	find_place(lock_guesses(), name)->wrong = 0;
	unlock_guesses();
}
