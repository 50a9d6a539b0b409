/*
 * ticket_fuzz.c
 *		Tickets: no text is taken for genuine, and each ticket has one text.
 *
 * The first byte says how the rest is read: as the text of a ticket (even), or as
 * a payload that is spelt in base64url (odd), else few inputs would get that far.
 */
#include "core/base64.h"
#include "crypto/crypto.h"
#include "fuzz.h"
#include "tenant/ticket.h"

#define PREFIX "attest1."

static uint8_t secret[CRYPTO_KEY_BYTES];

/* One byte of a genuine ticket changed: no form of it may be genuine. */
static void
fuzz_forgery(const char *genuine, size_t length, size_t at, uint8_t change)
{
	char *forged = exact_copy(genuine, length);
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	size_t covered;
	Ticket ticket;

	forged[at] = (char) (forged[at] ^ change);
	REQUIRE(!ticket_read(forged, length, &ticket, mac, &covered) ||
			!ticket_verify(forged, covered, secret, mac));
	free(forged);
}

/* The reader took it: then the writer gives the same text, but for the MAC. */
static void
fuzz_same_text(const Ticket *ticket, const char *text, size_t length, size_t covered)
{
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	char again[TICKET_TEXT_MAX];
	size_t covered_again;
	Ticket reread;

	REQUIRE(ticket_write(ticket, secret, again));
	REQUIRE(strlen(again) == length && memcmp(again, text, covered + 1) == 0);
	REQUIRE(ticket_read(again, length, &reread, mac, &covered_again));
	REQUIRE(covered_again == covered && ticket_verify(again, covered, secret, mac));
	REQUIRE(strcmp(reread.profile, ticket->profile) == 0);
	REQUIRE(strcmp(reread.database, ticket->database) == 0);
	REQUIRE(reread.key_id == ticket->key_id && reread.tenant == ticket->tenant);
	REQUIRE(reread.issued == ticket->issued && reread.expires == ticket->expires);
	fuzz_forgery(again, length, (ticket->key_id ^ (size_t) ticket->issued) % length,
				 (uint8_t) (ticket->tenant | 1));
}

static void
fuzz_text(const char *text, size_t length)
{
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	size_t covered;
	Ticket ticket;

	if (!ticket_read(text, length, &ticket, mac, &covered))
		return;
	REQUIRE(length < TICKET_TEXT_MAX && covered < length && text[covered] == '.');
	REQUIRE(!ticket_verify(text, covered, secret, mac));
	fuzz_same_text(&ticket, text, length, covered);
}

static void
fuzz_payload(const uint8_t *payload, size_t size)
{
	static const uint8_t no_mac[CRYPTO_DIGEST_BYTES];
	char text[TICKET_TEXT_MAX] = PREFIX;
	size_t length = sizeof(PREFIX) - 1;
	size_t written;
	char *exact;

	if (!base64url_encode(payload, size, text + length, sizeof(text) - length - 64, &written))
		return;
	length += written;
	text[length++] = '.';
	REQUIRE(base64url_encode(no_mac, sizeof(no_mac), text + length, 64, &written));
	exact = exact_copy(text, length + written);
	fuzz_text(exact, length + written);
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* drawn once a run: no input, and no corpus, can know it */
	if (is_zero(secret, sizeof(secret)))
		REQUIRE(crypto_random(secret, sizeof(secret)));
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		fuzz_text((const char *) data + 1, size - 1);
	else
		fuzz_payload(data + 1, size - 1);
	return 0;
}
