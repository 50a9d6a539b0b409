/*
 * tenant.c
 *		The context of a transaction: the variable attest.ticket and what is read
 *		from it.
 *
 * The variable may be set by anybody, because its value proves itself.  Its
 * check hook verifies the MAC and binds the value to the running top-level
 * transaction by appending the transaction's local id; its assign hook is the
 * only place that writes the current context.  A value that outlives its
 * transaction (a session-level SET behind a pooler) therefore names nobody, and
 * a parallel worker, which receives the bound value, accepts it exactly while
 * its leader is still in that transaction.
 */
#include "tenant/tenant.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "tenant/guard.h"
#include "tenant/isolation.h"
#include "tenant/lasting.h"
#include "tenant/plans.h"
#include "tenant/rights.h"
#include "tenant/shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#define TICKET_VARIABLE     "attest.ticket"
#define OWN_TICKET_LIFETIME (INT64CONST(3600) * USECS_PER_SEC)
#define BINDING_SEPARATOR   '@'

ATTEST_FUNCTION(attest_current_tenant);
ATTEST_FUNCTION(attest_current_account);
ATTEST_FUNCTION(attest_current_profile);
ATTEST_FUNCTION(attest_current_person);
ATTEST_FUNCTION(attest_required_tenant);
ATTEST_FUNCTION(attest_require_profile);
ATTEST_FUNCTION(attest_enter);
ATTEST_FUNCTION(attest_enter_tenant);
ATTEST_FUNCTION(attest_mint_ticket);
ATTEST_FUNCTION(attest_ticket_refused);

/* What the check hook hands to the assign hook. */
typedef struct BoundTicket
{
	bool set;
	LocalTransactionId transaction; /* of this backend, or of its leader */
	Ticket ticket;
} BoundTicket;

static char *ticket_variable = NULL;
static BoundTicket current;
static TicketKeySource key_source = NULL;

/* What was found about the account of the bound ticket, in this transaction. */
static struct
{
	LocalTransactionId transaction;
	int64 issued;
	uint8 account[TICKET_UUID_BYTES];
	bool may_act;
} checked;
static bool checking = false;

/* The last answer of tenant_context(): policies and values ask for it, row by row. */
static struct
{
	LocalTransactionId transaction;
	const Ticket *context;
} answer;

/* What the login role stands for, in this transaction. */
static struct
{
	LocalTransactionId transaction;
	bool mapped;
	Ticket ticket;
} login_role;

/* The tenant that the running transaction has entered first. */
static LocalTransactionId entered_in = InvalidLocalTransactionId;
static int32 entered_tenant = 0;

/* The transaction in which a client last set a ticket, whatever became of it. */
static LocalTransactionId ticket_set_in = InvalidLocalTransactionId;

void
tenant_set_ticket_key_source(TicketKeySource source)
{
	key_source = source;
}

/* In a parallel worker the leader's: the worker runs inside the leader's transaction. */
LocalTransactionId
tenant_transaction(void)
{
	PGPROC *proc = MyProc;

	if (proc == NULL)
		return InvalidLocalTransactionId;
	if (IsParallelWorker() && proc->lockGroupLeader != NULL)
		proc = proc->lockGroupLeader;
	return PROC_LXID(proc);
}

/* A ticket names its database, so that it cannot be carried into another one. */
static bool
is_for_this_database(const Ticket *ticket)
{
	char *name;
	bool same;

	if (!IsTransactionState())
		return false;
	name = get_database_name(MyDatabaseId);
	same = name != NULL && strcmp(name, ticket->database) == 0;
	if (name != NULL)
		pfree(name);
	return same;
}

static bool
is_genuine(const char *text, size_t length, Ticket *ticket, AttestError *fault)
{
	uint8 mac[CRYPTO_DIGEST_BYTES];
	uint8 key[CRYPTO_KEY_BYTES];
	size_t covered;
	bool genuine;

	if (!ticket_read(text, length, ticket, mac, &covered) || ticket->key_id == 0)
		return false;
	if (key_source == NULL || !key_source(&ticket->key_id, key, fault))
		return false;
	genuine = ticket_verify(text, covered, key, mac);
	crypto_wipe(key, sizeof(key));
	return genuine;
}

/* Appends the binding: "<ticket>@<local transaction id>". */
static bool
bind_value(char **value, LocalTransactionId transaction)
{
	size_t size = strlen(*value) + 16;
	char *bound = guc_extra_alloc(size);

	if (bound == NULL)
		return false;
	snprintf(bound, size, "%s%c%u", *value, BINDING_SEPARATOR, transaction);
	guc_extra_free(*value);
	*value = bound;
	return true;
}

static bool
is_zero(const uint8 *uuid)
{
	static const uint8 zero[TICKET_UUID_BYTES] = {0};

	return memcmp(uuid, zero, TICKET_UUID_BYTES) == 0;
}

/*
 * An operator's call enters a tenant for its own length only (the function pins
 * the variable), so a transaction may hold calls for several tenants.
 */
static bool
is_operator_call(const Ticket *ticket)
{
	return is_zero(ticket->account) && strcmp(ticket->profile, PROFILE_OPERATOR) == 0;
}

/* What the assign hook will get; guc.c frees it. */
static bool
hand_over(const BoundTicket *bound, void **extra)
{
	*extra = guc_extra_alloc(sizeof(BoundTicket));
	if (*extra == NULL)
		return false;
	memcpy(*extra, bound, sizeof(BoundTicket));
	return true;
}

/*
 * In a parallel worker: the copy of a value that the leader has verified, which
 * may have expired since, or be left over from an earlier transaction.  A value
 * that is none comes from a role's or a database's settings: nobody.
 */
static bool
take_over(const char *value, BoundTicket *bound, void **extra)
{
	const char *binding = strchr(value, BINDING_SEPARATOR);
	AttestError fault;

	if (binding != NULL && is_genuine(value, (size_t) (binding - value), &bound->ticket, &fault))
	{
		bound->set = true;
		bound->transaction = (LocalTransactionId) strtoul(binding + 1, NULL, 10);
	}
	return hand_over(bound, extra);
}

static bool
check_ticket(char **value, void **extra, GucSource source)
{
	BoundTicket bound = {0};
	AttestError fault = ERR_ticket_invalid;

	if (**value == '\0')
		return hand_over(&bound, extra);
	if (InitializingParallelWorker)
		return take_over(*value, &bound, extra);
	/* ALTER ROLE ... SET and the like would keep a ticket where others read it. */
	if (source == PGC_S_TEST)
		return error_report_guc(ERR_ticket_invalid, NULL);
	/* The ticket may stand in the text of the statement, SET LOCAL too. */
	pgstat_report_activity(STATE_RUNNING, "<hidden by attest>");

	if (strchr(*value, BINDING_SEPARATOR) != NULL ||
		!is_genuine(*value, strlen(*value), &bound.ticket, &fault) ||
		!is_for_this_database(&bound.ticket))
		return error_report_guc(fault, NULL);

	bound.set = true;
	bound.transaction = tenant_transaction();
	if (bound.ticket.expires <= GetCurrentTransactionStartTimestamp())
		return error_report_guc(ERR_ticket_expired, NULL);
	if (!is_operator_call(&bound.ticket) && entered_in == bound.transaction &&
		entered_tenant != bound.ticket.tenant)
		return error_report_guc(ERR_second_tenant, NULL);
	if (!is_operator_call(&bound.ticket) && lasting_function_called())
		return error_report_guc(ERR_outlives_transaction,
								gettext_noop("a function called before the ticket"));
	if (!bind_value(value, bound.transaction))
		return false;
	return hand_over(&bound, extra);
}

static void
assign_ticket(const char *value, void *extra)
{
	const BoundTicket *bound = extra;

	if (bound == NULL)
		return;
	current = *bound;
	answer.transaction = InvalidLocalTransactionId;
	if (bound->set && bound->transaction == tenant_transaction() &&
		!is_operator_call(&bound->ticket))
	{
		ticket_set_in = entered_in = bound->transaction;
		entered_tenant = bound->ticket.tenant;
	}
}

/* The binding and the secret of the ticket stay out of SHOW and pg_settings. */
static const char *
show_ticket(void)
{
	return current.set ? "(set)" : "";
}

static void
end_check(XactEvent event, void *arg)
{
	checking = false;
}

static void
end_check_at_subabort(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	checking = false;
}

void
tenant_init(void)
{
	/*
	 * An administrator has no reason to set this one: it carries the ticket of a
	 * transaction, by SET LOCAL or attest.enter().
	 */
	DefineCustomStringVariable(TICKET_VARIABLE, gettext_noop("The ticket of the transaction."),
							   gettext_noop("Set it with SET LOCAL, or call attest.enter()."),
							   &ticket_variable, "", PGC_USERSET,
							   GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_NO_SHOW_ALL,
							   check_ticket, assign_ticket, show_ticket);
	RegisterXactCallback(end_check, NULL);
	RegisterSubXactCallback(end_check_at_subabort, NULL);
	shared_init();
	isolation_init();
	guard_init();
	lasting_init();
	plans_init();
}

static bool
is_bound(void)
{
	return current.set && IsTransactionState() && current.transaction == tenant_transaction();
}

/* Whether what was found for this transaction is about the same ticket. */
static bool
is_checked(void)
{
	return checked.transaction == tenant_transaction() && checked.issued == current.ticket.issued &&
		   memcmp(checked.account, current.ticket.account, TICKET_UUID_BYTES) == 0;
}

/*
 * Whether the account of the bound ticket may act, asked once a transaction.  The
 * look-up reads a table under the policies that call us: meanwhile the ticket
 * counts, which shows it its own tenant's accounts only.
 */
static bool
may_act(void)
{
	if (checking || is_zero(current.ticket.account))
		return true;
	if (!is_checked())
	{
		checking = true;
		checked.may_act = rights_account_may_act(&current.ticket);
		checking = false;
		checked.transaction = tenant_transaction();
		checked.issued = current.ticket.issued;
		memcpy(checked.account, current.ticket.account, TICKET_UUID_BYTES);
	}
	return checked.may_act;
}

/*
 * What attest.grant_tenant() gave to the login role, for transactions in which no
 * ticket was set: a ticket that holds no more does not fall back to it.
 */
static const Ticket *
login_role_context(void)
{
	if (current.set || !IsTransactionState() || checking || ticket_set_in == tenant_transaction())
		return NULL;
	if (login_role.transaction != tenant_transaction())
	{
		checking = true;
		login_role.mapped = rights_of_login_role(&login_role.ticket);
		checking = false;
		login_role.transaction = tenant_transaction();
	}
	if (!login_role.mapped)
		return NULL;
	/* One tenant a transaction, whichever way it is entered. */
	entered_in = tenant_transaction();
	entered_tenant = login_role.ticket.tenant;
	return &login_role.ticket;
}

bool
tenant_was_entered(void)
{
	return entered_in != InvalidLocalTransactionId && entered_in == tenant_transaction();
}

bool
tenant_ticket_was_put_away(void)
{
	return !current.set && ticket_set_in == tenant_transaction();
}

static const Ticket *
find_context(void)
{
	if (!is_bound())
		return login_role_context();
	return may_act() ? &current.ticket : NULL;
}

/*
 * An answer holds for the transaction, or until the variable changes; while an account is
 * being checked there is none to keep.
 */
const Ticket *
tenant_context(void)
{
	const Ticket *context;

	if (LocalTransactionIdIsValid(answer.transaction) && answer.transaction == tenant_transaction())
		return answer.context;
	context = find_context();
	if (context != NULL && !checking)
	{
		answer.transaction = tenant_transaction();
		answer.context = context;
	}
	return context;
}

/* Never NULL: raises what is missing. */
static const Ticket *
required_context(void)
{
	const Ticket *context = tenant_context();

	if (context != NULL)
		return context;
	if (is_bound())
		fail(ERR_account_refused);
	fail(ERR_no_context);
}

int32
tenant_required(void)
{
	return required_context()->tenant;
}

static void
set_ticket(const char *ticket)
{
	(void) set_config_option(TICKET_VARIABLE, ticket, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, ERROR, false);
}

/* Signs the ticket, with the newest ticket key of the keyring. */
static void
mint(Ticket *ticket, int64 lifetime, char text[TICKET_TEXT_MAX])
{
	uint8 key[CRYPTO_KEY_BYTES];
	bool written;

	ticket->key_id = 0;
	ticket->issued = GetCurrentTimestamp();
	ticket->expires = ticket->issued + lifetime;
	strlcpy(ticket->database, get_database_name(MyDatabaseId), sizeof(ticket->database));
	written = key_source != NULL && key_source(&ticket->key_id, key, NULL) &&
			  crypto_random(ticket->nonce, sizeof(ticket->nonce)) &&
			  ticket_write(ticket, key, text);
	crypto_wipe(key, sizeof(key));
	if (!written)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not sign a ticket")));
}

void
tenant_enter(int32 tenant, const char *profile)
{
	Ticket ticket = {.tenant = tenant};
	char text[TICKET_TEXT_MAX];

	strlcpy(ticket.profile, profile, sizeof(ticket.profile));
	mint(&ticket, OWN_TICKET_LIFETIME, text);
	set_ticket(text);
}

/* attest.enter(ticket text) */
Datum
attest_enter(PG_FUNCTION_ARGS)
{
	/* NULL is what attest.login() answers to a wrong secret. */
	char *ticket = PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (ticket[0] == '\0')
		fail(ERR_ticket_invalid);
	set_ticket(ticket);
	if (is_bound() && !may_act())
		fail(ERR_account_refused);
	PG_RETURN_VOID();
}

/* attest_internal.enter_tenant(tenant_id int) */
Datum
attest_enter_tenant(PG_FUNCTION_ARGS)
{
	tenant_enter(PG_GETARG_INT32(0), PROFILE_OPERATOR);
	PG_RETURN_VOID();
}

/* In microseconds; 0 where it is out of range, so that no sum overflows. */
static int64
ticket_lifetime(const Interval *lifetime)
{
	if (lifetime->month != 0 || lifetime->day < 0 || lifetime->day > 1 || lifetime->time < 0 ||
		lifetime->time > USECS_PER_DAY)
		return 0;
	return lifetime->time + lifetime->day * USECS_PER_DAY;
}

/* attest_internal.mint_ticket(tenant_id, account, profile, person, lifetime) */
Datum
attest_mint_ticket(PG_FUNCTION_ARGS)
{
	Ticket ticket = {.tenant = PG_GETARG_INT32(0)};
	int64 micros = PG_ARGISNULL(4) ? 0 : ticket_lifetime(PG_GETARG_INTERVAL_P(4));
	char signed_text[TICKET_TEXT_MAX];

	memcpy(ticket.account, PG_GETARG_UUID_P(1)->data, UUID_LEN);
	strlcpy(ticket.profile, text_to_cstring(PG_GETARG_TEXT_PP(2)), sizeof(ticket.profile));
	if (!PG_ARGISNULL(3))
		memcpy(ticket.person, PG_GETARG_UUID_P(3)->data, UUID_LEN);
	if (micros <= 0 || micros > USECS_PER_DAY)
		fail(ERR_bad_value, "lifetime", "more than 0 and at most 24 hours");
	mint(&ticket, micros, signed_text);
	PG_RETURN_TEXT_P(cstring_to_text(signed_text));
}

/* attest.current_tenant(): what the policies compare with. */
Datum
attest_current_tenant(PG_FUNCTION_ARGS)
{
	const Ticket *context = tenant_context();

	if (context == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(context->tenant);
}

/* attest_internal.required_tenant(): the same, or an error that says what to do. */
Datum
attest_required_tenant(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(tenant_required());
}

static Datum
uuid_or_null(FunctionCallInfo fcinfo, const uint8 *uuid)
{
	pg_uuid_t *result;

	if (is_zero(uuid))
		PG_RETURN_NULL();
	result = palloc(UUID_LEN);
	memcpy(result->data, uuid, UUID_LEN);
	PG_RETURN_UUID_P(result);
}

Datum
attest_current_account(PG_FUNCTION_ARGS)
{
	const Ticket *context = tenant_context();

	if (context == NULL)
		PG_RETURN_NULL();
	return uuid_or_null(fcinfo, context->account);
}

Datum
attest_current_person(PG_FUNCTION_ARGS)
{
	const Ticket *context = tenant_context();

	if (context == NULL)
		PG_RETURN_NULL();
	return uuid_or_null(fcinfo, context->person);
}

Datum
attest_current_profile(PG_FUNCTION_ARGS)
{
	const Ticket *context = tenant_context();

	if (context == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(context->profile));
}

/* attest_internal.ticket_refused(): a ticket is bound, but its account may not act. */
Datum
attest_ticket_refused(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_bound() && !may_act());
}

/* Work of attest itself: its tickets have no account. */
static bool
is_own_work(const Ticket *context)
{
	return is_zero(context->account) && (strcmp(context->profile, PROFILE_OPERATOR) == 0 ||
										 strcmp(context->profile, PROFILE_WORKER) == 0);
}

/* attest_internal.require_profile(accepted text): names separated by commas. */
Datum
attest_require_profile(PG_FUNCTION_ARGS)
{
	char *accepted = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const Ticket *context = required_context();
	List *names;
	ListCell *cell;

	if (is_own_work(context))
		PG_RETURN_VOID();
	if (!SplitIdentifierString(pstrdup(accepted), ',', &names))
		elog(ERROR, "invalid list of profiles: %s", accepted);
	foreach (cell, names)
	{
		if (strcmp(lfirst(cell), context->profile) == 0)
			PG_RETURN_VOID();
	}
	fail(ERR_profile_refused, context->profile, accepted);
}
