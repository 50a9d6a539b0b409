/*
 * ticket.h
 *		The ticket that names who works, for which tenant.  Pure: no server.
 *
 * Text form: attest1.<payload>.<mac>, both parts in base64url.  The MAC is
 * HMAC-SHA-256 under the ticket key of the keyring over everything before the
 * last dot, so a ticket proves itself and may pass through untrusted hands.
 */
#ifndef ATTEST_TENANT_TICKET_H
#define ATTEST_TENANT_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

#define TICKET_PROFILE_MAX  31
#define TICKET_DATABASE_MAX 63
#define TICKET_UUID_BYTES   16
#define TICKET_NONCE_BYTES  12
#define TICKET_TEXT_MAX     512

typedef struct Ticket
{
	uint32_t key_id; /* epoch of the keyring whose ticket key made the MAC */
	int32_t tenant;
	uint8_t account[TICKET_UUID_BYTES]; /* all zero: the operator or a worker */
	uint8_t person[TICKET_UUID_BYTES];  /* all zero: the account is no person of the register */
	int64_t issued;                     /* microseconds since 2000-01-01 UTC */
	int64_t expires;
	uint8_t nonce[TICKET_NONCE_BYTES];
	char profile[TICKET_PROFILE_MAX + 1];
	char database[TICKET_DATABASE_MAX + 1]; /* a ticket holds in one database */
} Ticket;

/*
 * Writes the text form, with its terminator.  False when a string of the ticket
 * is too long, or on a failure of the MAC.
 */
extern bool ticket_write(const Ticket *ticket, const uint8_t key[CRYPTO_KEY_BYTES],
						 char text[TICKET_TEXT_MAX]);

/*
 * Reads the form without judging it: fills the ticket and the MAC found, and
 * tells how many characters of the text the MAC covers.  False on any other form.
 */
extern bool ticket_read(const char *text, size_t length, Ticket *ticket,
						uint8_t mac[CRYPTO_DIGEST_BYTES], size_t *covered);

/* Whether the MAC is the right one for the covered text, in constant time. */
extern bool ticket_verify(const char *text, size_t covered, const uint8_t key[CRYPTO_KEY_BYTES],
						  const uint8_t mac[CRYPTO_DIGEST_BYTES]);

#endif /* ATTEST_TENANT_TICKET_H */
