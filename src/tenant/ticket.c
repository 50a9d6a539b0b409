/*
 * ticket.c
 *		Writes and reads tickets: see ticket.h.
 */
#include "tenant/ticket.h"

#include <string.h>

#include "core/base64.h"
#include "core/bytes.h"

#define TICKET_PREFIX   "attest1."
#define PREFIX_LENGTH   (sizeof(TICKET_PREFIX) - 1)
#define PAYLOAD_MAX     256
#define MAC_TEXT_LENGTH 43 /* 32 bytes in base64url */

static void
put_string(BytesWriter *writer, const char *s, size_t max)
{
	/* the array of the string has max + 1 bytes: look no further for its end */
	size_t length = strnlen(s, max + 1);

	if (length > max)
		writer->failed = true;
	bytes_put_number(writer, length, 1);
	bytes_put(writer, s, length);
}

static void
take_string(BytesReader *reader, char *out, size_t max)
{
	size_t length = bytes_take_number(reader, 1);

	if (length > max)
		reader->failed = true;
	bytes_copy(reader, out, length);
	out[reader->failed ? 0 : length] = '\0';
	/* a zero byte inside would make two tickets look like one */
	if (strlen(out) != length)
		reader->failed = true;
}

static void
put_payload(BytesWriter *writer, const Ticket *ticket)
{
	bytes_put_number(writer, ticket->key_id, 4);
	bytes_put_number(writer, (uint32_t) ticket->tenant, 4);
	bytes_put(writer, ticket->account, TICKET_UUID_BYTES);
	bytes_put(writer, ticket->person, TICKET_UUID_BYTES);
	bytes_put_number(writer, (uint64_t) ticket->issued, 8);
	bytes_put_number(writer, (uint64_t) ticket->expires, 8);
	bytes_put(writer, ticket->nonce, TICKET_NONCE_BYTES);
	put_string(writer, ticket->profile, TICKET_PROFILE_MAX);
	put_string(writer, ticket->database, TICKET_DATABASE_MAX);
}

static bool
take_payload(BytesReader *reader, Ticket *ticket)
{
	memset(ticket, 0, sizeof(*ticket));
	ticket->key_id = (uint32_t) bytes_take_number(reader, 4);
	ticket->tenant = (int32_t) bytes_take_number(reader, 4);
	bytes_copy(reader, ticket->account, TICKET_UUID_BYTES);
	bytes_copy(reader, ticket->person, TICKET_UUID_BYTES);
	ticket->issued = (int64_t) bytes_take_number(reader, 8);
	ticket->expires = (int64_t) bytes_take_number(reader, 8);
	bytes_copy(reader, ticket->nonce, TICKET_NONCE_BYTES);
	take_string(reader, ticket->profile, TICKET_PROFILE_MAX);
	take_string(reader, ticket->database, TICKET_DATABASE_MAX);
	return bytes_finished(reader);
}

/* Appends bytes in base64url at *length of the text. */
static bool
append_base64(char *text, size_t *length, const uint8_t *bytes, size_t count)
{
	size_t written;

	if (!base64url_encode(bytes, count, text + *length, TICKET_TEXT_MAX - 1 - *length, &written))
		return false;
	*length += written;
	return true;
}

bool
ticket_write(const Ticket *ticket, const uint8_t key[CRYPTO_KEY_BYTES], char text[TICKET_TEXT_MAX])
{
	uint8_t payload[PAYLOAD_MAX];
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	BytesWriter writer = {.data = payload, .capacity = sizeof(payload)};
	size_t length = PREFIX_LENGTH;

	put_payload(&writer, ticket);
	memcpy(text, TICKET_PREFIX, PREFIX_LENGTH);
	if (writer.failed || !append_base64(text, &length, payload, writer.length))
		return false;
	if (!crypto_hmac(key, CRYPTO_BYTES(text, length), mac) || length + 1 >= TICKET_TEXT_MAX)
		return false;
	text[length++] = '.';
	if (!append_base64(text, &length, mac, sizeof(mac)))
		return false;
	text[length] = '\0';
	return true;
}

bool
ticket_read(const char *text, size_t length, Ticket *ticket, uint8_t mac[CRYPTO_DIGEST_BYTES],
			size_t *covered)
{
	uint8_t payload[PAYLOAD_MAX];
	size_t payload_length;
	size_t mac_length;
	BytesReader reader;

	if (length >= TICKET_TEXT_MAX || length < PREFIX_LENGTH + 1 + MAC_TEXT_LENGTH)
		return false;
	*covered = length - MAC_TEXT_LENGTH - 1;
	if (memcmp(text, TICKET_PREFIX, PREFIX_LENGTH) != 0 || text[*covered] != '.')
		return false;
	if (!base64url_decode(text + *covered + 1, MAC_TEXT_LENGTH, mac, CRYPTO_DIGEST_BYTES,
						  &mac_length) ||
		mac_length != CRYPTO_DIGEST_BYTES)
		return false;
	if (!base64url_decode(text + PREFIX_LENGTH, *covered - PREFIX_LENGTH, payload, sizeof(payload),
						  &payload_length))
		return false;
	reader = (BytesReader){.data = payload, .length = payload_length};
	return take_payload(&reader, ticket);
}

bool
ticket_verify(const char *text, size_t covered, const uint8_t key[CRYPTO_KEY_BYTES],
			  const uint8_t mac[CRYPTO_DIGEST_BYTES])
{
	uint8_t expected[CRYPTO_DIGEST_BYTES];

	return crypto_hmac(key, CRYPTO_BYTES(text, covered), expected) &&
		   crypto_equal(expected, mac, CRYPTO_DIGEST_BYTES);
}
