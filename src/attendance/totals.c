/*
 * totals.c
 *		The running total of each enrolment: attest_data.enrolment_total follows every
 *		change of attest_data.presence_state, in the same transaction.
 *
 * A change takes the tally of the old row away and adds that of the new one, so the cost
 * does not depend on how long the history is.  There is a row an enrolment: who signs at
 * once on one slot meets on none.  Changes of one enrolment that follow each other in a
 * statement are added up and written once: an enrolment begins with all slots of a session.
 */
#include "attendance/attendance.h"

#include "access/xact.h"
#include "attendance/tally.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

ATTEST_FUNCTION(attest_follow_presence);

/* The columns of presence_state that a total is made of, where this table has them. */
enum
{
	COLUMN_TENANT,
	COLUMN_ENROLMENT,
	COLUMN_STATUS,
	COLUMN_PLANNED,
	COLUMN_ATTENDED,
	COLUMN_COUNTED,
	COLUMN_LATE,
	COLUMN_SIGNED,
	COLUMN_COUNTERSIGNED,
	COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {
	[COLUMN_TENANT] = "tenant_id",
	[COLUMN_ENROLMENT] = "enrolment_id",
	[COLUMN_STATUS] = "status",
	[COLUMN_PLANNED] = "minutes_planned",
	[COLUMN_ATTENDED] = "minutes_attended",
	[COLUMN_COUNTED] = "minutes_counted",
	[COLUMN_LATE] = "late_minutes",
	[COLUMN_SIGNED] = "signed",
	[COLUMN_COUNTERSIGNED] = "countersigned",
};

typedef struct Columns
{
	Datum value[COLUMN_COUNT];
} Columns;

/* Tenant, enrolment, what is added. */
static OwnerStatement change_total = {
	.sql = "UPDATE attest_data.enrolment_total SET total = total OPERATOR(attest.+) $3 "
		   "WHERE tenant_id = $1 AND enrolment_id = $2",
	.nargs = 3,
	.types = {INT4OID, UUIDOID, InvalidOid}};

/* The same, for the first row of an enrolment: person and session are those of the row. */
static OwnerStatement begin_total = {
	.sql = "INSERT INTO attest_data.enrolment_total AS t (tenant_id, enrolment_id, person_id, "
		   "session_id, total) SELECT e.tenant_id, e.enrolment_id, e.person_id, e.session_id, $3 "
		   "FROM attest_data.enrolment e WHERE e.tenant_id = $1 AND e.enrolment_id = $2 "
		   "ON CONFLICT ON CONSTRAINT enrolment_total_pkey DO UPDATE "
		   "SET total = t.total OPERATOR(attest.+) EXCLUDED.total",
	.nargs = 3,
	.types = {INT4OID, UUIDOID, InvalidOid}};

static void
read_columns(Relation relation, HeapTuple tuple, Columns *columns)
{
	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		int number = SPI_fnumber(RelationGetDescr(relation), column_names[i]);
		bool isnull;

		if (number <= 0)
			elog(ERROR, "presence_state has no column %s", column_names[i]);
		columns->value[i] = SPI_getbinval(tuple, RelationGetDescr(relation), number, &isnull);
		if (isnull)
			elog(ERROR, "column %s of presence_state is empty", column_names[i]);
	}
}

static bool
same_enrolment(const Columns *a, const Columns *b)
{
	return a->value[COLUMN_TENANT] == b->value[COLUMN_TENANT] &&
		   memcmp(DatumGetPointer(a->value[COLUMN_ENROLMENT]),
				  DatumGetPointer(b->value[COLUMN_ENROLMENT]), UUID_LEN) == 0;
}

static void
make_tally(const Columns *columns, Tally *tally)
{
	TallySlot slot = {.status = (PresenceStatus) DatumGetInt16(columns->value[COLUMN_STATUS]),
					  .planned = DatumGetInt32(columns->value[COLUMN_PLANNED]),
					  .attended = DatumGetInt32(columns->value[COLUMN_ATTENDED]),
					  .counted = DatumGetInt32(columns->value[COLUMN_COUNTED]),
					  .late = DatumGetInt32(columns->value[COLUMN_LATE]),
					  .is_signed = DatumGetBool(columns->value[COLUMN_SIGNED]),
					  .is_countersigned = DatumGetBool(columns->value[COLUMN_COUNTERSIGNED])};

	if ((int) slot.status < 0 || slot.status >= STATUS_COUNT)
		fail(ERR_bad_value, "status", "a code of attest.presence_statuses()");
	memset(tally, 0, sizeof(*tally));
	(void) tally_add_slot(tally, &slot);
}

/*
 * What is still to be added to the total of an enrolment.  The trigger after the statement
 * writes it; when the statement fails before, nothing of its subtransaction does.
 */
static struct
{
	SubTransactionId within; /* invalid: nothing is */
	int32 tenant;
	pg_uuid_t enrolment;
	Tally change;
} pending;

static void
forget_at_end(XactEvent event, void *arg)
{
	pending.within = InvalidSubTransactionId;
}

void
attendance_init(void)
{
	RegisterXactCallback(forget_at_end, NULL);
}

static void
write_change(int32 tenant, const pg_uuid_t *enrolment, const Tally *change)
{
	Datum values[3] = {Int32GetDatum(tenant), UUIDPGetDatum(enrolment), PointerGetDatum(change)};

	core_execute_as_owner(&change_total, values, false);
	if (SPI_processed == 0)
		core_execute_as_owner(&begin_total, values, false);
}

static void
write_pending(void)
{
	if (pending.within != GetCurrentSubTransactionId())
		return;
	write_change(pending.tenant, &pending.enrolment, &pending.change);
	pending.within = InvalidSubTransactionId;
}

static void
add_to_total(const Columns *columns, const Tally *change)
{
	int32 tenant = DatumGetInt32(columns->value[COLUMN_TENANT]);
	const pg_uuid_t *enrolment = DatumGetUUIDP(columns->value[COLUMN_ENROLMENT]);
	Tally sum = pending.change;

	if (pending.within == GetCurrentSubTransactionId() && pending.tenant == tenant &&
		memcmp(&pending.enrolment, enrolment, UUID_LEN) == 0 && tally_add(&sum, change))
	{
		pending.change = sum;
		return;
	}
	write_pending();
	/* What waits for another subtransaction stays apart: one of the two may be undone. */
	if (pending.within != InvalidSubTransactionId)
	{
		write_change(tenant, enrolment, change);
		return;
	}
	pending.within = GetCurrentSubTransactionId();
	pending.tenant = tenant;
	pending.enrolment = *enrolment;
	pending.change = *change;
}

/* The plans take a parameter of the type, whose oid the catalogue gives. */
static void
know_type(void)
{
	Oid type;

	if (OidIsValid(begin_total.types[2]))
		return;
	type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("tally"),
						   ObjectIdGetDatum(get_namespace_oid("attest", false)));
	change_total.types[2] = begin_total.types[2] = type;
}

static void
follow_row(const TriggerData *trigger)
{
	Relation relation = trigger->tg_relation;
	TriggerEvent event = trigger->tg_event;
	Columns before = {{0}}, after = {{0}};
	Tally old = {{0}}, change = {{0}};

	if (!TRIGGER_FIRED_BY_INSERT(event))
	{
		read_columns(relation, trigger->tg_trigtuple, &before);
		make_tally(&before, &old);
	}
	if (!TRIGGER_FIRED_BY_DELETE(event))
	{
		read_columns(relation,
					 TRIGGER_FIRED_BY_UPDATE(event) ? trigger->tg_newtuple : trigger->tg_trigtuple,
					 &after);
		make_tally(&after, &change);
	}
	if (TRIGGER_FIRED_BY_UPDATE(event) && !same_enrolment(&before, &after))
	{
		/* a person merged into another: the slot goes to another enrolment */
		Tally none = {{0}};

		(void) tally_subtract(&none, &old);
		add_to_total(&before, &none);
		add_to_total(&after, &change);
	}
	else
	{
		(void) tally_subtract(&change, &old);
		add_to_total(TRIGGER_FIRED_BY_DELETE(event) ? &before : &after, &change);
	}
}

/*
 * attest_internal.follow_presence(): trigger of attest_data.presence_state, after each row
 * and after the statement.
 */
Datum
attest_follow_presence(PG_FUNCTION_ARGS)
{
	const TriggerData *trigger = (const TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event))
		elog(ERROR, "follow_presence() is a trigger after rows and statements");
	SPI_connect();
	know_type();
	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		follow_row(trigger);
	else
		write_pending();
	SPI_finish();
	return PointerGetDatum(NULL);
}
