/*
 * keyring.c
 *		Reads and writes the text of a keyring: see keyring.h.
 */
#include "vault/keyring.h"

#include <stdio.h>
#include <string.h>

#include "core/base64.h"

#define CHECK_LABEL      "attest keyring check"
#define MAX_EPOCH_DIGITS 9

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
check_value(const uint8_t *key, uint8_t check[KEYRING_CHECK_BYTES])
{
	uint8_t derived[CRYPTO_KEY_BYTES];

	if (!crypto_derive(key, CHECK_LABEL, derived))
		return false;
	memcpy(check, derived, KEYRING_CHECK_BYTES);
	crypto_wipe(derived, sizeof(derived));
	return true;
}

/* Reads what follows the word "kek"; NULL, or what is wrong. */
static const char *
parse_epoch(const char *at, const char *end, KeyringEpoch *epoch)
{
	uint8_t right[KEYRING_CHECK_BYTES];
	Word state;

	memset(epoch, 0, sizeof(*epoch));
	if (!word_number(next_word(&at, end), &epoch->id))
		return "the epoch is not a number from 1";
	state = next_word(&at, end);
	epoch->prepared = word_is(state, "prepared");
	epoch->active = word_is(state, "active");
	epoch->retired = word_is(state, "retired");
	if (!epoch->prepared && !epoch->active && !epoch->retired && !word_is(state, "retiring"))
		return "the state is not prepared, active, retiring or retired";
	if (!epoch->retired && !word_bytes(next_word(&at, end), epoch->key, CRYPTO_KEY_BYTES))
		return "the key is not 32 bytes in base64url";
	if (!word_bytes(next_word(&at, end), epoch->check, KEYRING_CHECK_BYTES))
		return "the check value is not 8 bytes in base64url";
	if (next_word(&at, end).length != 0)
		return "there is text after the check value";
	if (!epoch->retired && (!check_value(epoch->key, right) ||
							!crypto_equal(epoch->check, right, KEYRING_CHECK_BYTES)))
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

/* What no line shows alone; NULL, or what is wrong. */
static const char *
check_whole(const Keyring *keyring)
{
	uint32_t highest = 0;

	if (keyring_find(keyring, 0) == NULL)
		return "no epoch is active";
	for (int i = 0; i < keyring->count; i++)
	{
		if (keyring->epochs[i].id > highest)
			highest = keyring->epochs[i].id;
	}
	for (int i = 0; i < keyring->count; i++)
	{
		/* it would become the newest without being it, or be one of two */
		if (keyring->epochs[i].prepared && keyring->epochs[i].id != highest)
			return "the prepared epoch is not the newest";
	}
	return NULL;
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
	if (*fault == NULL)
		*fault = check_whole(keyring);
	if (*fault != NULL)
		crypto_wipe(keyring, sizeof(*keyring));
	return *fault == NULL;
}

const char *
keyring_state(const KeyringEpoch *epoch)
{
	return epoch->prepared  ? "prepared"
		   : epoch->active  ? "active"
		   : epoch->retired ? "retired"
							: "retiring";
}

/* "kek 3 retired <check>", or with the key; the length, or 0. */
static int
write_line(const KeyringEpoch *epoch, const uint8_t *check, char *line)
{
	char key_text[64] = "";
	char check_text[16];
	size_t key_length = 0;
	size_t check_length;
	int written;

	if (!base64url_encode(check, KEYRING_CHECK_BYTES, check_text, sizeof(check_text),
						  &check_length) ||
		(!epoch->retired &&
		 !base64url_encode(epoch->key, CRYPTO_KEY_BYTES, key_text, sizeof(key_text), &key_length)))
		return 0;
	written = snprintf(line, KEYRING_LINE_MAX, "kek %u %s%s%.*s %.*s\n", epoch->id,
					   keyring_state(epoch), epoch->retired ? "" : " ", (int) key_length, key_text,
					   (int) check_length, check_text);
	crypto_wipe(key_text, sizeof(key_text));
	return written;
}

bool
keyring_write_epoch(const KeyringEpoch *epoch, char line[KEYRING_LINE_MAX])
{
	uint8_t check[KEYRING_CHECK_BYTES];
	int written;

	if (epoch->id == 0 || epoch->id > KEYRING_MAX_ID ||
		epoch->prepared + epoch->active + epoch->retired > 1)
		return false;
	memcpy(check, epoch->check, sizeof(check));
	if (!epoch->retired && !check_value(epoch->key, check))
		return false;
	written = write_line(epoch, check, line);
	return written > 0 && written < KEYRING_LINE_MAX;
}

const KeyringEpoch *
keyring_find(const Keyring *keyring, uint32_t id)
{
	const KeyringEpoch *found = NULL;

	for (int i = 0; i < keyring->count; i++)
	{
		const KeyringEpoch *epoch = &keyring->epochs[i];

		if (epoch->retired)
			continue;
		if (id != 0 && epoch->id == id)
			return epoch;
		if (id == 0 && epoch->active && (found == NULL || epoch->id > found->id))
			found = epoch;
	}
	return found;
}

/* Takes the oldest retired line out when the keyring is full. */
static void
make_room(Keyring *keyring)
{
	int oldest = -1;

	if (keyring->count < KEYRING_MAX_EPOCHS)
		return;
	for (int i = 0; i < keyring->count; i++)
	{
		if (keyring->epochs[i].retired &&
			(oldest < 0 || keyring->epochs[i].id < keyring->epochs[oldest].id))
			oldest = i;
	}
	if (oldest < 0)
		return;
	keyring->count--;
	memmove(&keyring->epochs[oldest], &keyring->epochs[oldest + 1],
			(size_t) (keyring->count - oldest) * sizeof(KeyringEpoch));
}

uint32_t
keyring_prepare(Keyring *keyring)
{
	KeyringEpoch *added;
	uint32_t highest = 0;

	for (int i = 0; i < keyring->count; i++)
	{
		if (keyring->epochs[i].prepared)
			return keyring->epochs[i].id;
		if (keyring->epochs[i].id > highest)
			highest = keyring->epochs[i].id;
	}
	make_room(keyring);
	if (keyring->count == KEYRING_MAX_EPOCHS || highest >= KEYRING_MAX_ID)
		return 0;
	added = &keyring->epochs[keyring->count];
	memset(added, 0, sizeof(*added));
	if (!crypto_random(added->key, CRYPTO_KEY_BYTES) || !check_value(added->key, added->check))
		return 0;
	added->id = highest + 1;
	added->prepared = true;
	keyring->count++;
	return added->id;
}

uint32_t
keyring_add(Keyring *keyring)
{
	uint32_t id = keyring_prepare(keyring);

	for (int i = 0; i < keyring->count && id != 0; i++)
	{
		KeyringEpoch *epoch = &keyring->epochs[i];

		epoch->active = epoch->id == id;
		epoch->prepared = false;
	}
	return id;
}

bool
keyring_retire(Keyring *keyring, uint32_t id)
{
	const KeyringEpoch *newest;

	for (int i = 0; i < keyring->count; i++)
	{
		KeyringEpoch *epoch = &keyring->epochs[i];

		if (epoch->id != id || epoch->retired)
			continue;
		newest = keyring_find(keyring, 0);
		if (newest == NULL || newest->id == id)
			return false;
		epoch->prepared = false;
		epoch->active = false;
		epoch->retired = true;
		crypto_wipe(epoch->key, sizeof(epoch->key));
		return true;
	}
	return false;
}
