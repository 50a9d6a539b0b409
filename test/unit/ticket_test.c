/*
 * ticket_test.c
 *		Tickets (src/tenant/ticket), without a server: prints TAP.
 */
#include "core/base64.h"
#include "tap.h"
#include "tenant/ticket.h"

#define PREFIX        "attest1."
#define PREFIX_LENGTH (sizeof(PREFIX) - 1)
#define PROFILE_AT    68 /* of the length byte of the profile, within the payload */

static const uint8_t key[CRYPTO_KEY_BYTES] = "the key of these tests, 32 long";

static const Ticket ordinary = {
	.key_id = 3,
	.tenant = 42,
	.account = "an account uuid",
	.person = "a person's uuid",
	.issued = 820000000000000,
	.expires = 820000600000000,
	.nonce = "nonce of 12",
	.profile = "trainer",
	.database = "centre",
};

static bool
same_ticket(const Ticket *a, const Ticket *b)
{
	return a->key_id == b->key_id && a->tenant == b->tenant && a->issued == b->issued &&
		   a->expires == b->expires && memcmp(a->account, b->account, TICKET_UUID_BYTES) == 0 &&
		   memcmp(a->person, b->person, TICKET_UUID_BYTES) == 0 &&
		   memcmp(a->nonce, b->nonce, TICKET_NONCE_BYTES) == 0 &&
		   strcmp(a->profile, b->profile) == 0 && strcmp(a->database, b->database) == 0;
}

/* Read from memory of exactly this length, and verified. */
static bool
is_genuine(const char *text, size_t length, const uint8_t *secret, Ticket *ticket)
{
	char *exact = malloc(length + 1);
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	size_t covered;
	bool genuine;

	if (exact == NULL)
		abort();
	memcpy(exact + 1, text, length);
	genuine = ticket_read(exact + 1, length, ticket, mac, &covered) &&
			  ticket_verify(exact + 1, covered, secret, mac);
	free(exact);
	return genuine;
}

static void
test_round_trips(void)
{
	Ticket largest = ordinary, smallest = {0}, result;
	const struct
	{
		const char *what;
		const Ticket *ticket;
	} cases[] = {{"an ordinary ticket", &ordinary},
				 {"the largest numbers and longest strings", &largest},
				 {"zeros and empty strings", &smallest}};

	largest.key_id = UINT32_MAX;
	largest.tenant = INT32_MIN;
	largest.issued = INT64_MIN;
	largest.expires = INT64_MAX;
	memset(largest.profile, 'p', TICKET_PROFILE_MAX);
	memset(largest.database, 'd', TICKET_DATABASE_MAX);
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char text[TICKET_TEXT_MAX];

		ok(ticket_write(cases[i].ticket, key, text) &&
			   is_genuine(text, strlen(text), key, &result) &&
			   same_ticket(&result, cases[i].ticket),
		   "%s: written, read and verified", cases[i].what);
	}
}

/* The form, byte by byte, from another implementation: Python's struct and hmac. */
static void
test_form(void)
{
	static const char expected[] =
		"attest1."
		"AAAAAwAAACphbiBhY2NvdW50IHV1aWQAYSBwZXJzb24ncyB1dWlkAAAC6ckgt0AAAALpyUR6"
		"hgBub25jZSBvZiAxMgAHdHJhaW5lcgZjZW50cmU."
		"AeTP7aAXSrghNPwzd4IrJBR2qn7ga91nxxN3JREPRgI";
	char text[TICKET_TEXT_MAX];

	ok(ticket_write(&ordinary, key, text) && strcmp(text, expected) == 0,
	   "an ordinary ticket has the text that Python gives it");
}

static void
test_strings_too_long(void)
{
	char text[TICKET_TEXT_MAX];
	Ticket *ticket = malloc(sizeof(*ticket)); /* on the heap, its end is guarded */

	if (ticket == NULL)
		abort();
	*ticket = ordinary;
	memset(ticket->profile, 'p', sizeof(ticket->profile));
	ok(!ticket_write(ticket, key, text), "a profile without its end is refused");
	*ticket = ordinary;
	/* to the end of the memory, past the array: there is no zero to stop at */
	memset((char *) ticket + offsetof(Ticket, database), 'd',
		   sizeof(*ticket) - offsetof(Ticket, database));
	ok(!ticket_write(ticket, key, text), "a database name without its end is refused");
	free(ticket);
}

static void
test_changed_bytes(void)
{
	char text[TICKET_TEXT_MAX];
	size_t length, genuine = 0, changes = 0;
	Ticket result;

	ticket_write(&ordinary, key, text);
	length = strlen(text);
	for (size_t at = 0; at < length; at++)
	{
		char right = text[at];

		for (int byte = 0; byte < 256; byte++)
		{
			text[at] = (char) byte;
			if (text[at] == right)
				continue;
			changes++;
			genuine += is_genuine(text, length, key, &result);
		}
		text[at] = right;
	}
	ok(genuine == 0, "none of the %zu changes of one byte gives a genuine ticket", changes);
	ok(is_genuine(text, length, key, &result), "the unchanged text still is one");
}

static void
test_cuts(void)
{
	char text[TICKET_TEXT_MAX * 2];
	size_t length, genuine = 0;
	Ticket result;

	ticket_write(&ordinary, key, text);
	length = strlen(text);
	for (size_t cut = 0; cut < length; cut++)
	{
		genuine += is_genuine(text, cut, key, &result);
		genuine += is_genuine(text + length - cut, cut, key, &result);
	}
	ok(genuine == 0, "no beginning and no end of a ticket is one");
	memset(text + length, 'A', sizeof(text) - length);
	for (size_t longer = length + 1; longer <= sizeof(text); longer++)
		genuine += is_genuine(text, longer, key, &result);
	ok(genuine == 0, "a ticket with text after it is none");
}

static void
test_other_keys(void)
{
	uint8_t other[CRYPTO_KEY_BYTES];
	char text[TICKET_TEXT_MAX];
	size_t genuine = 0;
	Ticket result;

	ticket_write(&ordinary, key, text);
	for (size_t bit = 0; bit < sizeof(other) * 8; bit++)
	{
		memcpy(other, key, sizeof(other));
		other[bit / 8] ^= (uint8_t) (1 << bit % 8);
		genuine += is_genuine(text, strlen(text), other, &result);
	}
	ok(genuine == 0, "no key with one bit changed verifies");
}

/* ---- payloads that the writer never makes, under their right MAC ---- */

/* Spells a payload as a ticket; its length, 0 where it does not fit. */
static size_t
spell(const Bytes *payload, char *text, size_t capacity)
{
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	size_t length = PREFIX_LENGTH;
	size_t written;

	memcpy(text, PREFIX, PREFIX_LENGTH);
	if (!base64url_encode(payload->data, payload->length, text + length, capacity - length,
						  &written))
		return 0;
	length += written;
	crypto_hmac(key, CRYPTO_BYTES(text, length), mac);
	text[length++] = '.';
	if (!base64url_encode(mac, sizeof(mac), text + length, capacity - length, &written))
		return 0;
	return length + written;
}

/* The fixed part, all zero but the account, then two strings as they are. */
static void
make_payload(Bytes *payload, const char *strings, size_t length)
{
	static const uint8_t fixed[PROFILE_AT] = {0, 0, 0, 1, 0, 0, 0, 1, 9};

	payload->length = 0;
	append(payload, fixed, sizeof(fixed));
	append(payload, strings, length);
}

static void
test_payloads(void)
{
#define STRINGS(text) text, sizeof(text) - 1
	static const struct
	{
		const char *what;
		bool right;
		const char *strings;
		size_t length;
	} cases[] = {
		{"both strings", true, STRINGS("\1p\1d")},
		{"both empty", true, STRINGS("\0\0")},
		{"31 bytes of profile", true, STRINGS("\37ppppppppppppppppppppppppppppppp\0")},
		{"32 bytes of profile", false, STRINGS("\40pppppppppppppppppppppppppppppppp\0")},
		{"64 bytes of database", false,
		 STRINGS("\0\100dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd")},
		{"a zero within the profile", false, STRINGS("\3p\0p\1d")},
		{"a zero at its end", false, STRINGS("\2p\0\1d")},
		{"a zero within the database", false, STRINGS("\1p\3d\0d")},
		{"a byte after the database", false, STRINGS("\1p\1dx")},
		{"a profile longer than the payload", false, STRINGS("\5p\1d")},
		{"a database longer than the payload", false, STRINGS("\1p\2d")},
		{"no database", false, STRINGS("\1p")},
		{"no strings", false, STRINGS("")},
		{"length 255", false, STRINGS("\377p")},
	};
	char text[TICKET_TEXT_MAX * 2];
	Bytes payload = {0};
	Ticket result;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		make_payload(&payload, cases[i].strings, cases[i].length);
		ok(is_genuine(text, spell(&payload, text, sizeof(text)), key, &result) == cases[i].right,
		   "payload with %s: %s", cases[i].what, cases[i].right ? "read" : "refused");
	}
	free(payload.data);
}

/* Every length of a payload, down to none and up to more than the reader holds. */
static void
test_payload_lengths(void)
{
	char text[TICKET_TEXT_MAX * 2];
	Bytes payload = {0};
	size_t genuine = 0;
	Ticket result;
	uint8_t zero = 0;

	while (payload.length < 400)
	{
		size_t length = spell(&payload, text, sizeof(text));

		genuine += is_genuine(text, length, key, &result);
		append(&payload, &zero, 1);
	}
	ok(genuine == 1, "of zeros only the payload with two empty strings is read");
	free(payload.data);
}

int
main(void)
{
	test_round_trips();
	test_form();
	test_strings_too_long();
	test_changed_bytes();
	test_cuts();
	test_other_keys();
	test_payloads();
	test_payload_lengths();
	return tests_done();
}
