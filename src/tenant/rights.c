/*
 * rights.c
 *		Whether an account may still act: see rights.h.
 */
#include "tenant/rights.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tenant/shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define KNOWN_ACCOUNTS 128
#define KNOWN_FOR      (60 * USECS_PER_SEC)

/* What was found about an account; epoch 0 where the place is free. */
typedef struct KnownAccount
{
	uint64 epoch;
	TimestampTz at;
	int64 issued; /* of the ticket that was asked about */
	uint8 account[TICKET_UUID_BYTES];
	int32 tenant;
	bool may_act;
} KnownAccount;

typedef struct KnownRole
{
	uint64 epoch;
	TimestampTz at;
	Oid role;
	bool mapped;
	Ticket ticket;
} KnownRole;

static KnownAccount known_accounts[KNOWN_ACCOUNTS];
static KnownRole known_role;

static OwnerStatement select_account = {
	/* Days of the tenant: the session's time zone is its client's to choose. */
	.sql = "SELECT a.revoked_at IS NULL AND (now() AT TIME ZONE t.time_zone)::date BETWEEN "
		   "a.valid_from AND coalesce(a.valid_until, 'infinity') "
		   "AND $3 >= coalesce(a.tickets_after, '-infinity') "
		   "FROM attest_data.account a JOIN attest_data.tenant t ON t.id = a.tenant_id "
		   "WHERE a.tenant_id = $1 AND a.account_id = $2",
	.nargs = 3,
	.types = {INT4OID, UUIDOID, TIMESTAMPTZOID}};

static OwnerStatement select_role = {
	.sql = "SELECT tenant, profile FROM attest_data.role_tenant WHERE role_name = $1",
	.nargs = 1,
	.types = {NAMEOID}};

static Datum
row_value(int column)
{
	bool isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
}

static bool
look_up_account(const Ticket *ticket)
{
	pg_uuid_t account;
	Datum values[3] = {Int32GetDatum(ticket->tenant), UUIDPGetDatum(&account),
					   TimestampTzGetDatum(ticket->issued)};
	bool may_act;

	memcpy(account.data, ticket->account, UUID_LEN);
	SPI_connect();
	core_read_now_as_owner(&select_account, values);
	may_act = SPI_processed == 1 && DatumGetBool(row_value(1));
	SPI_finish();
	return may_act;
}

static KnownAccount *
find_known(const Ticket *ticket)
{
	uint32 hash = hash_bytes(ticket->account, TICKET_UUID_BYTES) ^ (uint32) ticket->tenant;

	return &known_accounts[hash % KNOWN_ACCOUNTS];
}

static bool
still_holds(const KnownAccount *known, const Ticket *ticket, uint64 epoch)
{
	return epoch != 0 && known->epoch == epoch && known->tenant == ticket->tenant &&
		   known->issued == ticket->issued &&
		   memcmp(known->account, ticket->account, TICKET_UUID_BYTES) == 0 &&
		   GetCurrentTransactionStartTimestamp() - known->at < KNOWN_FOR;
}

bool
rights_account_may_act(const Ticket *ticket)
{
	/* Read first: a change during the look-up must not be taken as seen. */
	uint64 epoch = shared_rights_epoch();
	KnownAccount *known = find_known(ticket);

	if (still_holds(known, ticket, epoch))
		return known->may_act;
	known->epoch = 0;
	known->may_act = look_up_account(ticket);
	known->tenant = ticket->tenant;
	known->issued = ticket->issued;
	memcpy(known->account, ticket->account, TICKET_UUID_BYTES);
	known->at = GetCurrentTransactionStartTimestamp();
	known->epoch = epoch;
	return known->may_act;
}

static bool
look_up_role(Oid role, Ticket *ticket)
{
	char *name = GetUserNameFromId(role, true);
	NameData role_name = {.data = ""};
	Datum values[1] = {NameGetDatum(&role_name)};
	bool mapped;

	memset(ticket, 0, sizeof(*ticket));
	if (name == NULL)
		return false;
	namestrcpy(&role_name, name);
	SPI_connect();
	core_read_now_as_owner(&select_role, values);
	mapped = SPI_processed == 1;
	if (mapped)
	{
		ticket->tenant = DatumGetInt32(row_value(1));
		strlcpy(ticket->profile, TextDatumGetCString(row_value(2)), sizeof(ticket->profile));
	}
	SPI_finish();
	return mapped;
}

bool
rights_of_login_role(Ticket *ticket)
{
	uint64 epoch = shared_rights_epoch();
	Oid role = GetSessionUserId();

	/* For a minute at most: a row that a superuser deletes by hand moves no epoch. */
	if (epoch == 0 || known_role.epoch != epoch || known_role.role != role ||
		GetCurrentTransactionStartTimestamp() - known_role.at >= KNOWN_FOR)
	{
		known_role.epoch = 0;
		known_role.mapped = core_is_set_up() && look_up_role(role, &known_role.ticket);
		known_role.role = role;
		known_role.at = GetCurrentTransactionStartTimestamp();
		known_role.epoch = epoch;
	}
	*ticket = known_role.ticket;
	return known_role.mapped;
}
