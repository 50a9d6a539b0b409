/*
 * entitlement.c
 *		attest.may_open(): which fields of a person the profile of the ticket opens.
 *
 * attest.unseal() asks here by the purpose of a value, so the answer holds for
 * whatever SQL reaches it.  Purposes of other rooms are theirs.  A sealed value
 * tells only the fingerprint of its purpose, so every field must be in the list: a
 * test compares it with attest.person_fields().
 */
#include "core/core.h"

#include "person/person.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/uuid.h"
#include "vault/vault.h"

ATTEST_FUNCTION(attest_may_open);

#define ROOM_PREFIX "person."

/* What the fields of the register tell of a person; a profile opens a set of these. */
enum
{
	OPENS_NAME = 1,
	OPENS_CONTACT = 2,
	OPENS_FILE = 4,     /* the rest of what is ordinary */
	OPENS_DELICATE = 8, /* health (GDPR art. 9), and what may reveal an origin */
	OPENS_NIR = 16,     /* Code of social security, R115-1 and decree 2019-341 */
	OPENS_ALL = 31
};

static const struct
{
	const char *purpose;
	int opens;
} fields[] = {
	{"person.search_name", OPENS_NAME},
	{"person.identity", OPENS_NAME | OPENS_FILE}, /* of blind values: names and birth date */
	{"person.reference", OPENS_NAME},
	{"person.profile", OPENS_NAME},
	{"person.civility", OPENS_NAME},
	{"person.last_name", OPENS_NAME},
	{"person.first_name", OPENS_NAME},
	{"person.birth_name", OPENS_NAME},
	{"person.gender", OPENS_NAME},
	{"person.last_activity", OPENS_NAME},
	{"person.email", OPENS_CONTACT},
	{"person.other_email", OPENS_CONTACT},
	{"person.phone", OPENS_CONTACT},
	{"person.mobile", OPENS_CONTACT},
	{"person.birth_date", OPENS_FILE},
	{"person.birth_place", OPENS_FILE},
	{"person.address", OPENS_FILE},
	{"person.postcode", OPENS_FILE},
	{"person.commune", OPENS_FILE},
	{"person.isced", OPENS_FILE},
	{"person.diploma", OPENS_FILE},
	{"person.training_goal", OPENS_FILE},
	{"person.france_travail_number", OPENS_FILE},
	{"person.caf_number", OPENS_FILE},
	{"person.job_sought", OPENS_FILE},
	{"person.unemployed_since", OPENS_FILE},
	{"person.employer_siret", OPENS_FILE},
	{"person.employer_name", OPENS_FILE},
	{"person.job_title", OPENS_FILE},
	{"person.contract", OPENS_FILE},
	{"person.hired_on", OPENS_FILE},
	{"person.service", OPENS_FILE},
	{"person.professional_status", OPENS_FILE},
	{"person.comments", OPENS_FILE},
	{"person.parental_date", OPENS_FILE},
	{"person.parental_reference", OPENS_FILE},
	{"person.merge_reason", OPENS_FILE},
	{"person.disability", OPENS_DELICATE},
	{"person.parents_birth_place", OPENS_DELICATE},
	{"person.birth_continent", OPENS_DELICATE},
	{"person.nir", OPENS_NIR},
};

static const struct
{
	const char *profile;
	int opens;
} profiles[] = {
	{"manager", OPENS_ALL},
	{"hr_manager", OPENS_ALL},
	{"dpo", OPENS_ALL},
	{PROFILE_OPERATOR, OPENS_ALL},
	{PROFILE_WORKER, OPENS_ALL},
	{"department_referent", OPENS_NAME | OPENS_CONTACT | OPENS_FILE | OPENS_DELICATE},
	{"external_referent", OPENS_NAME | OPENS_CONTACT | OPENS_FILE},
	{"counsellor", OPENS_NAME | OPENS_CONTACT | OPENS_FILE},
	{"trainer", OPENS_NAME | OPENS_CONTACT},
	{"jury_member", OPENS_NAME},
};

/* Of a person, or without one of everybody. */
static int
profile_opens(const Ticket *context, const pg_uuid_t *subject)
{
	/* People read what is held about them (GDPR art. 15). */
	if (subject != NULL && memcmp(context->person, subject->data, UUID_LEN) == 0)
		return OPENS_ALL;
	for (int i = 0; i < (int) lengthof(profiles); i++)
	{
		if (strcmp(profiles[i].profile, context->profile) == 0)
			return profiles[i].opens;
	}
	return 0;
}

/* What the fingerprint of a purpose asks for; 0: a purpose of another room. */
static int
purpose_asks(const uint8 *purpose)
{
	static uint8 fingerprints[lengthof(fields)][VAULT_PURPOSE_BYTES];
	static bool known = false;
	/* A column is opened row by row. */
	static uint8 last[VAULT_PURPOSE_BYTES];
	static int last_asks = -1;

	if (last_asks >= 0 && memcmp(last, purpose, sizeof(last)) == 0)
		return last_asks;
	for (int i = 0; i < (int) lengthof(fields) && !known; i++)
		vault_purpose(fields[i].purpose, strlen(fields[i].purpose), fingerprints[i]);
	known = true;
	last_asks = 0;
	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		if (memcmp(fingerprints[i], purpose, VAULT_PURPOSE_BYTES) == 0)
			last_asks = fields[i].opens;
	}
	memcpy(last, purpose, sizeof(last));
	return last_asks;
}

/* For attest.unseal(), which knows a purpose by its fingerprint only. */
static bool
may_open(const pg_uuid_t *subject, const uint8 *purpose)
{
	const Ticket *context = tenant_context();
	int asks = purpose_asks(purpose);

	return context != NULL && (asks == 0 || (profile_opens(context, subject) & asks) == asks);
}

/* attest.may_open(person uuid, purpose text) */
Datum
attest_may_open(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(1);
	size_t length = VARSIZE_ANY_EXHDR(name);
	uint8 purpose[VAULT_PURPOSE_BYTES];

	vault_purpose(VARDATA_ANY(name), length, purpose);
	if (length >= strlen(ROOM_PREFIX) &&
		memcmp(VARDATA_ANY(name), ROOM_PREFIX, strlen(ROOM_PREFIX)) == 0 &&
		purpose_asks(purpose) == 0)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(may_open(PG_GETARG_UUID_P(0), purpose));
}

void
entitlement_init(void)
{
	vault_set_purpose_check(may_open);
}
