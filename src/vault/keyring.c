/*
 * keyring.c
 *		Reads and writes the text of a keyring: see keyring.h.
 */
#include "vault/keyring.h"

#include <stdio.h>
#include <string.h>

#include "core/base64.h"

#define CHECK_BYTES      8
#define CHECK_LABEL      "attest keyring check"
#define MAX_EPOCH_DIGITS 9
#define MAX_EPOCH        999999999

/* A word of a line: a range of its text. */
typedef struct Word
{
	const char *text;
	size_t length;
} Word;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static Word
next_word(const char **at, const char *end)
{
	Word word;

	while (*at < end && is_blank(**at))
		(*at)++;
	word.text = *at;
	while (*at < end && !is_blank(**at))
		(*at)++;
	word.length = (size_t) (*at - word.text);
	return word;
}

static bool
word_is(Word word, const char *expected)
{
	return word.length == strlen(expected) && memcmp(word.text, expected, word.length) == 0;
}

static bool
word_number(Word word, uint32_t *number)
{
	*number = 0;
	if (word.length == 0 || word.length > MAX_EPOCH_DIGITS)
		return false;
	for (size_t i = 0; i < word.length; i++)
	{
		if (word.text[i] < '0' || word.text[i] > '9')
			return false;
		*number = *number * 10 + (uint32_t) (word.text[i] - '0');
	}
	return *number > 0;
}

static bool
word_bytes(Word word, uint8_t *out, size_t wanted)
{
	size_t done;

	return base64url_decode(word.text, word.length, out, wanted, &done) && done == wanted;
}

static bool
check_value(const uint8_t *key, uint8_t check[CHECK_BYTES])
{
	uint8_t derived[CRYPTO_KEY_BYTES];

	if (!crypto_derive(key, CHECK_LABEL, derived))
		return false;
	memcpy(check, derived, CHECK_BYTES);
	crypto_wipe(derived, sizeof(derived));
	return true;
}

/* Reads what follows the word "kek"; NULL, or what is wrong. */
static const char *
parse_epoch(const char *at, const char *end, KeyringEpoch *epoch)
{
	uint8_t found[CHECK_BYTES];
	uint8_t right[CHECK_BYTES];
	Word state;

	if (!word_number(next_word(&at, end), &epoch->id))
		return "the epoch is not a number from 1";
	state = next_word(&at, end);
	epoch->active = word_is(state, "active");
	if (!epoch->active && !word_is(state, "retiring"))
		return "the state is neither active nor retiring";
	if (!word_bytes(next_word(&at, end), epoch->key, CRYPTO_KEY_BYTES))
		return "the key is not 32 bytes in base64url";
	if (!word_bytes(next_word(&at, end), found, CHECK_BYTES))
		return "the check value is not 8 bytes in base64url";
	if (next_word(&at, end).length != 0)
		return "there is text after the check value";
	if (!check_value(epoch->key, right) || !crypto_equal(found, right, CHECK_BYTES))
		return "the key does not match its check value";
	return NULL;
}

static const char *
add_epoch(Keyring *keyring, const KeyringEpoch *epoch)
{
	if (keyring->count == KEYRING_MAX_EPOCHS)
		return "there are too many epochs";
	for (int i = 0; i < keyring->count; i++)
	{
		if (keyring->epochs[i].id == epoch->id)
			return "the epoch is there twice";
	}
	keyring->epochs[keyring->count++] = *epoch;
	return NULL;
}

static const char *
parse_line(const char *at, const char *end, Keyring *keyring)
{
	KeyringEpoch epoch;
	const char *fault;
	Word word = next_word(&at, end);

	if (word.length == 0 || word.text[0] == '#')
		return NULL;
	if (!word_is(word, "kek"))
		return "it does not begin with kek";
	fault = parse_epoch(at, end, &epoch);
	if (fault == NULL)
		fault = add_epoch(keyring, &epoch);
	crypto_wipe(&epoch, sizeof(epoch));
	return fault;
}

bool
keyring_parse(const char *text, size_t length, Keyring *keyring, int *line, const char **fault)
{
	const char *end = text + length;

	memset(keyring, 0, sizeof(*keyring));
	*fault = NULL;
	for (*line = 1; text < end; (*line)++)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		const char *line_end = newline != NULL ? newline : end;

		*fault = parse_line(text, line_end, keyring);
		if (*fault != NULL)
			break;
		text = newline != NULL ? newline + 1 : end;
	}
	if (*fault == NULL && keyring_find(keyring, 0) == NULL)
		*fault = "no epoch is active";
	if (*fault != NULL)
		crypto_wipe(keyring, sizeof(*keyring));
	return *fault == NULL;
}

bool
keyring_write_epoch(const KeyringEpoch *epoch, char line[KEYRING_LINE_MAX])
{
	uint8_t check[CHECK_BYTES];
	char key_text[64];
	char check_text[16];
	size_t key_length;
	size_t check_length;
	int written;

	if (epoch->id == 0 || epoch->id > MAX_EPOCH || !check_value(epoch->key, check) ||
		!base64url_encode(epoch->key, CRYPTO_KEY_BYTES, key_text, sizeof(key_text), &key_length) ||
		!base64url_encode(check, CHECK_BYTES, check_text, sizeof(check_text), &check_length))
		return false;
	written = snprintf(line, KEYRING_LINE_MAX, "kek %u %s %.*s %.*s\n", epoch->id,
					   epoch->active ? "active" : "retiring", (int) key_length, key_text,
					   (int) check_length, check_text);
	crypto_wipe(key_text, sizeof(key_text));
	return written > 0 && written < KEYRING_LINE_MAX;
}

const KeyringEpoch *
keyring_find(const Keyring *keyring, uint32_t id)
{
	const KeyringEpoch *found = NULL;

	for (int i = 0; i < keyring->count; i++)
	{
		const KeyringEpoch *epoch = &keyring->epochs[i];

		if (id != 0 && epoch->id == id)
			return epoch;
		if (id == 0 && epoch->active && (found == NULL || epoch->id > found->id))
			found = epoch;
	}
	return found;
}
