/*
 * worker.h
 *		Background work: one launcher a cluster, one scheduler a database, jobs.
 *
 *		launcher --starts--> scheduler of database A --runs--> job for tenant 1
 *		                     scheduler of database B           job for tenant 2 ...
 *
 * The launcher looks at the databases from time to time and when it is woken
 * by attest.setup().  A scheduler leaves at once where attest is not set up.
 * It works as the role attest_owner, tenant after tenant, each in a transaction
 * of its own that has entered the tenant: no row of another is ever in sight.
 */
#ifndef ATTEST_WORKER_WORKER_H
#define ATTEST_WORKER_WORKER_H

#include "core/core.h"

#define WORKER_MAX_DATABASES 64

extern void worker_init(void);

/*
 * When this transaction commits, the scheduler of the database sends the notification
 * attest_events, without a payload: a tenant's transaction may not NOTIFY, and one
 * notification for many commits spares them the lock that NOTIFY takes.
 */
extern void worker_announce_at_commit(void);

/* --- registry.c: who runs, in shared memory --- */

extern void registry_init(void);

/* False when the library was not preloaded: there is no registry then. */
extern bool registry_exists(void);

/* Enters this process as the launcher; false when another one lives. */
extern bool registry_enter_launcher(void);

/* Enters this process as the scheduler of a database; false when it has one, or no room. */
extern bool registry_enter_scheduler(Oid database);

/* The process id, 0 where none runs. */
extern int registry_launcher(void);
extern int registry_scheduler(Oid database);

/* Sets the latch of the process; does nothing where none runs. */
extern void registry_wake_launcher(void);

/* For the launcher: whether it was woken since it asked last. */
extern bool registry_launcher_called(void);
extern void registry_wake_scheduler(Oid database);

/* Tells the scheduler of a database that there is something new for those who listen. */
extern void registry_announce_events(Oid database);

/* For a scheduler: whether that was said since it asked last. */
extern bool registry_take_events(void);

/* Asks the scheduler of a database to end; does nothing where none runs. */
extern void registry_stop_scheduler(Oid database);

/* --- launcher.c, scheduler.c: entry points of the processes --- */

ATTEST_EXPORT void attest_launcher_main(Datum arg);
ATTEST_EXPORT void attest_scheduler_main(Datum database);

extern void launcher_settings_init(void); /* also without preload */
extern void launcher_init(void);
extern void scheduler_init(void);

/* --- database.c --- */

extern void database_init(void);

/* --- job.c --- */

/* Runs the next job that is due, if any, for every tenant; false when none was. */
extern bool job_run_next(void);

#endif /* ATTEST_WORKER_WORKER_H */
