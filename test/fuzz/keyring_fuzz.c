/*
 * keyring_fuzz.c
 *		Keyrings: what is read can be written and read again; a fault tells nothing
 *		of the text and leaves no key behind.
 */
#include "fuzz.h"
#include "vault/keyring.h"

/* Every text that a fault may have: none is made from the file. */
static const char *const faults[] = {"the epoch is not a number from 1",
									 "the state is not prepared, active, retiring or retired",
									 "the key is not 32 bytes in base64url",
									 "the check value is not 8 bytes in base64url",
									 "there is text after the check value",
									 "the key does not match its check value",
									 "there are too many epochs",
									 "the epoch is there twice",
									 "it does not begin with kek",
									 "no epoch is active",
									 "the prepared epoch is not the newest"};

/* A line with its right check value, which no mutation would find. */
static size_t
make_line(unsigned seed, char line[KEYRING_LINE_MAX])
{
	unsigned state = seed / 4 % 8;
	KeyringEpoch epoch = {.id = seed / 32 % 20 + 1,
						  .active = state < 4,
						  .retired = state == 4,
						  .prepared = state == 5};

	memset(epoch.key, (int) (seed >> 24), sizeof(epoch.key));
	memset(epoch.check, (int) (seed >> 16), sizeof(epoch.check));
	REQUIRE(keyring_write_epoch(&epoch, line));
	return strlen(line);
}

/* Now and then puts a good line at the beginning of a line. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t at = seed / 256 % (size + 1);
	char line[KEYRING_LINE_MAX];
	size_t length;

	if (seed % 4 != 0)
		return LLVMFuzzerMutate(data, size, max_size);
	length = make_line(seed, line);
	if (length > max_size - size)
		return LLVMFuzzerMutate(data, size, max_size);
	while (at > 0 && data[at - 1] != '\n')
		at--;
	memmove(data + at + length, data + at, size - at);
	memcpy(data + at, line, length);
	return size + length;
}

static int
count_lines(const char *text, size_t size)
{
	int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	return lines;
}

static void
check_fault(const Keyring *keyring, const char *fault)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		known = known || strcmp(fault, faults[i]) == 0;
	REQUIRE(known);
	REQUIRE(is_zero(keyring, sizeof(*keyring)));
}

static void
check_epochs(const Keyring *keyring)
{
	const KeyringEpoch *newest = keyring_find(keyring, 0);

	REQUIRE(keyring->count >= 1 && keyring->count <= KEYRING_MAX_EPOCHS);
	REQUIRE(newest != NULL && newest->active);
	for (int i = 0; i < keyring->count; i++)
	{
		const KeyringEpoch *epoch = &keyring->epochs[i];

		REQUIRE(epoch->id > 0 && !(epoch->active && epoch->retired));
		REQUIRE(keyring_find(keyring, epoch->id) == (epoch->retired ? NULL : epoch));
		REQUIRE(!epoch->retired || is_zero(epoch->key, sizeof(epoch->key)));
		REQUIRE(!epoch->active || epoch->id <= newest->id);
	}
}

/* Writes every epoch: that text gives the same keyring. */
static void
check_round_trip(const Keyring *keyring)
{
	char text[KEYRING_MAX_EPOCHS * KEYRING_LINE_MAX];
	size_t length = 0;
	const char *fault;
	Keyring again;
	int line;

	for (int i = 0; i < keyring->count; i++)
	{
		REQUIRE(keyring_write_epoch(&keyring->epochs[i], text + length));
		length += strlen(text + length);
	}
	REQUIRE(keyring_parse(text, length, &again, &line, &fault));
	REQUIRE(again.count == keyring->count);
	for (int i = 0; i < keyring->count; i++)
	{
		REQUIRE(again.epochs[i].id == keyring->epochs[i].id);
		REQUIRE(again.epochs[i].active == keyring->epochs[i].active);
		REQUIRE(again.epochs[i].retired == keyring->epochs[i].retired);
		REQUIRE(memcmp(again.epochs[i].check, keyring->epochs[i].check, KEYRING_CHECK_BYTES) == 0);
		REQUIRE(memcmp(again.epochs[i].key, keyring->epochs[i].key, CRYPTO_KEY_BYTES) == 0);
	}
}

/* The prepared epoch or a new one, and the one that was newest retired: still a keyring. */
static void
check_change(const Keyring *keyring)
{
	Keyring changed = *keyring;
	uint32_t newest = keyring_find(keyring, 0)->id;
	uint32_t added = keyring_add(&changed);

	if (added == 0)
		return;
	for (int i = 0; i < keyring->count; i++)
	{
		const KeyringEpoch *epoch = &keyring->epochs[i];

		REQUIRE(epoch->prepared ? epoch->id == added : epoch->id < added);
	}
	REQUIRE(keyring_find(&changed, 0)->id == added);
	REQUIRE(!keyring_retire(&changed, added) && keyring_retire(&changed, newest));
	check_epochs(&changed);
	check_round_trip(&changed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	const char *fault;
	Keyring keyring;
	int line;
	bool read = keyring_parse(text, size, &keyring, &line, &fault);

	REQUIRE(read == (fault == NULL));
	REQUIRE(line >= 1 && line <= count_lines(text, size) + 1);
	if (!read)
		check_fault(&keyring, fault);
	else
	{
		check_epochs(&keyring);
		check_round_trip(&keyring);
		check_change(&keyring);
	}
	return 0;
}
