/*
 * events.c
 *		Notices of what happened: where their numbers come from, and the wake-up.
 */
#include "core/core.h"

#include "access/xlog.h"
#include "worker/worker.h"

ATTEST_FUNCTION(attest_event_server);
ATTEST_FUNCTION(attest_this_server);

/* attest_internal.event_server() */
Datum
attest_event_server(PG_FUNCTION_ARGS)
{
	worker_announce_at_commit();
	PG_RETURN_INT64((int64) GetSystemIdentifier());
}

/* attest_internal.this_server() */
Datum
attest_this_server(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) GetSystemIdentifier());
}
