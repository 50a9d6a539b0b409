/*
 * keyring_test.c
 *		Keyrings (src/vault/keyring), without a server: prints TAP.
 *
 * The check values come from another implementation: Python's hmac, with HKDF as
 * RFC 5869 has it.
 */
#include "tap.h"
#include "vault/keyring.h"

/* Thirty-two bytes 0x01 and thirty-two bytes 0x02, and their check values. */
#define KEY_1   "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define KEY_2   "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
#define CHECK_1 "vzVfxgqsRsU"
#define CHECK_2 "NxzqeXPrbho"
#define PAIR_1  KEY_1 " " CHECK_1
#define PAIR_2  KEY_2 " " CHECK_2

#define ACTIVE_1   "kek 1 active " PAIR_1
#define ACTIVE_2   "kek 2 active " PAIR_2
#define RETIRING_1 "kek 1 retiring " PAIR_1
#define RETIRING_2 "kek 2 retiring " PAIR_2
#define PREPARED_2 "kek 2 prepared " PAIR_2
#define RETIRED_1  "kek 1 retired " CHECK_1
#define RETIRED_2  "kek 2 retired " CHECK_2

/* Read from memory of exactly this length, into a keyring that is not clean. */
static bool
parse(const char *text, size_t length, Keyring *keyring, int *line, const char **fault)
{
	char *exact = malloc(length + 1);
	bool read;

	if (exact == NULL)
		abort();
	memcpy(exact + 1, text, length);
	memset(keyring, 0xaa, sizeof(*keyring));
	read = keyring_parse(exact + 1, length, keyring, line, fault);
	free(exact);
	return read;
}

static void
test_good(void)
{
	static const struct
	{
		const char *what;
		const char *text;
		int count;
		uint32_t newest; /* the active epoch that wraps */
	} cases[] = {
		{"one line", ACTIVE_1 "\n", 1, 1},
		{"the last line without its newline", ACTIVE_1, 1, 1},
		{"two epochs, the older retiring", RETIRING_1 "\n" ACTIVE_2 "\n", 2, 2},
		{"two epochs, the newer retiring", ACTIVE_1 "\n" RETIRING_2 "\n", 2, 1},
		{"two active, the newer first", ACTIVE_2 "\n" ACTIVE_1 "\n", 2, 2},
		{"comments and empty lines", "# one\n\n \t\n  #two\n#" ACTIVE_2 "\n" ACTIVE_1 "\n#", 1, 1},
		{"CRLF", "# one\r\n\r\n" RETIRING_1 "\r\n" ACTIVE_2 "\r\n", 2, 2},
		{"blanks", " \tkek\t1  active\t \t" KEY_1 "   " CHECK_1 " \t\n", 1, 1},
		{"leading zeros of the epoch", "kek 000000001 active " PAIR_1, 1, 1},
		{"the largest epoch", "kek 999999999 active " PAIR_1, 1, 999999999},
		{"an epoch that is retired", RETIRED_1 "\n" ACTIVE_2 "\n", 2, 2},
		{"a retired one of a higher number", ACTIVE_1 "\n" RETIRED_2, 2, 1},
		{"a prepared epoch", ACTIVE_1 "\n" PREPARED_2 "\n", 2, 1},
		{"one key in two epochs", ACTIVE_1 "\nkek 2 retiring " PAIR_1, 2, 1},
	};
	const char *fault;
	Keyring keyring;
	int line;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		bool read = parse(cases[i].text, strlen(cases[i].text), &keyring, &line, &fault);

		ok(read && fault == NULL && keyring.count == cases[i].count &&
			   keyring_find(&keyring, 0)->id == cases[i].newest,
		   "good keyring: %s", cases[i].what);
	}
}

#define EPOCH_FAULT "the epoch is not a number from 1"
#define STATE_FAULT "the state is not prepared, active, retiring or retired"
#define KEY_FAULT   "the key is not 32 bytes in base64url"
#define CHECK_FAULT "the check value is not 8 bytes in base64url"
#define AFTER_FAULT "there is text after the check value"
#define MATCH_FAULT "the key does not match its check value"
#define TWICE_FAULT "the epoch is there twice"
#define WORD_FAULT  "it does not begin with kek"
#define NONE_FAULT  "no epoch is active"
#define OLDER_FAULT "the prepared epoch is not the newest"

static const struct
{
	const char *text;
	int line;
	const char *fault;
} faults[] = {
	{"", 1, NONE_FAULT},
	{"\n\n", 3, NONE_FAULT},
	{"# only a comment", 2, NONE_FAULT},
	{RETIRING_1 "\n", 2, NONE_FAULT},
	{PREPARED_2 "\n", 2, NONE_FAULT},
	{PREPARED_2 "\nkek 3 active " PAIR_1 "\n", 3, OLDER_FAULT},
	{PREPARED_2 "\nkek 3 prepared " PAIR_1 "\n" ACTIVE_1, 4, OLDER_FAULT},
	{"key 1 active " PAIR_1, 1, WORD_FAULT},
	{"KEK 1 active " PAIR_1, 1, WORD_FAULT},
	{"kek1 active " PAIR_1, 1, WORD_FAULT},
	{KEY_1, 1, WORD_FAULT},
	{"\xef\xbb\xbf" ACTIVE_1, 1, WORD_FAULT},
	{"kek", 1, EPOCH_FAULT},
	{"kek 0 active " PAIR_1, 1, EPOCH_FAULT},
	{"kek -1 active " PAIR_1, 1, EPOCH_FAULT},
	{"kek +1 active " PAIR_1, 1, EPOCH_FAULT},
	{"kek 1a active " PAIR_1, 1, EPOCH_FAULT},
	{"kek 1000000000 active " PAIR_1, 1, EPOCH_FAULT},
	{"kek 4294967297 active " PAIR_1, 1, EPOCH_FAULT},
	{"kek active " PAIR_1, 1, EPOCH_FAULT},
	{"kek 1", 1, STATE_FAULT},
	{"kek 1 Active " PAIR_1, 1, STATE_FAULT},
	{"kek 1 activ " PAIR_1, 1, STATE_FAULT},
	{"kek 1 actives " PAIR_1, 1, STATE_FAULT},
	{"kek 1 " PAIR_1, 1, STATE_FAULT},
	{"kek 1 active", 1, KEY_FAULT},
	{"kek 1 active AQEB " CHECK_1, 1, KEY_FAULT},
	{"kek 1 active " KEY_1 "= " CHECK_1, 1, KEY_FAULT},
	{"kek 1 active " KEY_1 "AQEB " CHECK_1, 1, KEY_FAULT},
	{"kek 1 active AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF " CHECK_1, 1, KEY_FAULT},
	{"kek 1 active /QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE " CHECK_1, 1, KEY_FAULT},
	{"kek 1 active " KEY_1, 1, CHECK_FAULT},
	{"kek 1 active " KEY_1 "\n" CHECK_1, 1, CHECK_FAULT},
	{"kek 1 active " KEY_1 " AAAA", 1, CHECK_FAULT},
	{"kek 1 active " KEY_1 " " CHECK_1 "A", 1, CHECK_FAULT},
	{ACTIVE_1 " # a comment", 1, AFTER_FAULT},
	{ACTIVE_1 " " ACTIVE_2, 1, AFTER_FAULT},
	{"kek 1 active " KEY_1 " " CHECK_2, 1, MATCH_FAULT},
	{"kek 1 active " KEY_2 " " CHECK_1, 1, MATCH_FAULT},
	{"kek 1 active " KEY_1 " AAAAAAAAAAA", 1, MATCH_FAULT},
	{ACTIVE_1 "\n" RETIRING_1, 2, TWICE_FAULT},
	{ACTIVE_1 "\n" RETIRED_1, 2, TWICE_FAULT},
	{RETIRED_1 "\n", 2, NONE_FAULT},
	{RETIRED_1 "\n" RETIRING_2, 3, NONE_FAULT},
	{"kek 1 retired", 1, CHECK_FAULT},
	{"kek 1 retired " PAIR_1, 1, CHECK_FAULT},
	{"kek 1 retired " KEY_1, 1, CHECK_FAULT},
	{"kek 1 retired " CHECK_1 " " CHECK_1, 1, AFTER_FAULT},
	{ACTIVE_1 "\n\n# same\nkek 01 active " PAIR_2 "\n", 4, TWICE_FAULT},
	{"# one\r\n" ACTIVE_1 "\r\nnonsense\r\n" ACTIVE_2, 3, WORD_FAULT},
};

/* Whether the fault shows six characters of the text in a row, as a key would. */
static bool
tells(const char *fault, const char *text)
{
	char part[7] = {0};

	for (const char *at = text; strlen(at) >= 6; at++)
	{
		memcpy(part, at, 6);
		if (strcspn(part, " \n") == 6 && strstr("active prepared", part) == NULL &&
			strstr(fault, part) != NULL)
			return true;
	}
	return false;
}

static void
test_faults(void)
{
	const char *fault;
	Keyring keyring;
	int line;

	for (size_t i = 0; i < LENGTH(faults); i++)
	{
		const char *text = faults[i].text;
		bool read = parse(text, strlen(text), &keyring, &line, &fault);
		bool right =
			!read && fault != NULL && strcmp(fault, faults[i].fault) == 0 && line == faults[i].line;

		ok(right && is_wiped(&keyring, sizeof(keyring)) && !tells(fault, text),
		   "bad keyring %zu, line %d: %s", i, faults[i].line, faults[i].fault);
	}
}

/* Every byte of a line, changed to any other that is no blank. */
static void
test_changed_bytes(void)
{
	char text[] = ACTIVE_1;
	size_t wrong = 0;
	const char *fault;
	Keyring keyring;
	int line;

	for (size_t at = 0; at < sizeof(text) - 1; at++)
	{
		char right = text[at];

		for (int byte = 0; byte < 256; byte++)
		{
			bool read;

			text[at] = (char) byte;
			read = parse(text, sizeof(text) - 1, &keyring, &line, &fault);
			/* another epoch, or another blank, is another good line */
			if (read && text[at] != right && at != 4 && strchr("\t\r ", byte) == NULL)
				wrong++;
			if (!read && !is_wiped(&keyring, sizeof(keyring)))
				wrong++;
		}
		text[at] = right;
	}
	ok(wrong == 0, "any byte of a line changed is noticed, and no key stays behind");
}

static KeyringEpoch
make_epoch(uint32_t id, bool active)
{
	KeyringEpoch epoch = {.id = id, .active = active};

	for (size_t i = 0; i < sizeof(epoch.key); i++)
		epoch.key[i] = (uint8_t) next_random();
	return epoch;
}

/* Writes `count` epochs; returns the length of the text. */
static size_t
write_epochs(KeyringEpoch *epochs, int count, char *text)
{
	size_t length = 0;

	for (int i = 0; i < count; i++)
	{
		epochs[i] = make_epoch((uint32_t) i + 1, i % 3 != 0);
		if (!keyring_write_epoch(&epochs[i], text + length))
			return 0;
		length += strlen(text + length);
	}
	return length;
}

static void
test_counts(void)
{
	KeyringEpoch epochs[KEYRING_MAX_EPOCHS + 1];
	char text[(KEYRING_MAX_EPOCHS + 1) * KEYRING_LINE_MAX];
	bool same = true;
	const char *fault;
	Keyring keyring;
	int line;

	for (int count = 2; count <= KEYRING_MAX_EPOCHS; count++)
	{
		size_t length = write_epochs(epochs, count, text);

		same = same && length > 0 && length <= KEYRING_MAX_BYTES &&
			   parse(text, length, &keyring, &line, &fault) && keyring.count == count;
		for (int i = 0; same && i < count; i++)
			same = keyring.epochs[i].id == epochs[i].id &&
				   keyring.epochs[i].active == epochs[i].active &&
				   memcmp(keyring.epochs[i].key, epochs[i].key, CRYPTO_KEY_BYTES) == 0;
	}
	ok(same, "2 to %d epochs are written and read", KEYRING_MAX_EPOCHS);
	ok(!parse(text, write_epochs(epochs, KEYRING_MAX_EPOCHS + 1, text), &keyring, &line, &fault) &&
		   strcmp(fault, "there are too many epochs") == 0 && line == KEYRING_MAX_EPOCHS + 1 &&
		   is_wiped(&keyring, sizeof(keyring)),
	   "%d epochs are too many", KEYRING_MAX_EPOCHS + 1);
}

static void
test_write(void)
{
	KeyringEpoch epoch = {.id = 1, .active = true};
	char text[KEYRING_LINE_MAX];

	memset(epoch.key, 1, sizeof(epoch.key));
	ok(keyring_write_epoch(&epoch, text) && strcmp(text, ACTIVE_1 "\n") == 0,
	   "the line of an active epoch");
	epoch.active = false;
	ok(keyring_write_epoch(&epoch, text) && strcmp(text, RETIRING_1 "\n") == 0,
	   "the line of a retiring epoch");
	memset(&epoch, 0, sizeof(epoch));
	epoch = (KeyringEpoch){
		.id = 1, .retired = true, .check = {0xbf, 0x35, 0x5f, 0xc6, 0x0a, 0xac, 0x46, 0xc5}};
	ok(keyring_write_epoch(&epoch, text) && strcmp(text, RETIRED_1 "\n") == 0,
	   "the line of a retired epoch, without its key");
	epoch.active = true;
	ok(!keyring_write_epoch(&epoch, text), "active and retired at once is not written");
	epoch.retired = false;
	epoch.id = 999999999;
	ok(keyring_write_epoch(&epoch, text), "the largest epoch is written");
	epoch.id = 0;
	ok(!keyring_write_epoch(&epoch, text), "epoch 0 is not written");
	epoch.id = 1000000000;
	ok(!keyring_write_epoch(&epoch, text), "nor one that could not be read again");
}

static void
test_find(void)
{
	Keyring keyring = {.count = 3,
					   .epochs = {{.id = 1, .active = true}, {.id = 9}, {.id = 7, .active = true}}};
	Keyring retiring = {.count = 1, .epochs = {{.id = 5}}};

	ok(keyring_find(&keyring, 0) == &keyring.epochs[2], "0 finds the newest active epoch");
	ok(keyring_find(&keyring, 1) == &keyring.epochs[0], "an id finds its epoch");
	ok(keyring_find(&keyring, 9) == &keyring.epochs[1], "retiring or not");
	ok(keyring_find(&keyring, 6) == NULL, "an id that is not there finds none");
	ok(keyring_find(&retiring, 0) == NULL, "0 finds none where none is active");
}

/* What a keyring says of an id: a letter for its state, or - where it is not there. */
static char
state_of(const Keyring *keyring, uint32_t id)
{
	for (int i = 0; i < keyring->count; i++)
	{
		if (keyring->epochs[i].id == id)
			return strcmp(keyring_state(&keyring->epochs[i]), "retired") == 0
					   ? 'x'
					   : keyring_state(&keyring->epochs[i])[0];
	}
	return '-';
}

static void
test_add(void)
{
	Keyring keyring = {0};
	uint8_t first[CRYPTO_KEY_BYTES];

	ok(keyring_add(&keyring) == 1 && state_of(&keyring, 1) == 'a', "the first epoch is 1");
	memcpy(first, keyring_find(&keyring, 1)->key, sizeof(first));
	ok(keyring_add(&keyring) == 2 && state_of(&keyring, 1) == 'r' && state_of(&keyring, 2) == 'a',
	   "a new epoch is active, the one before retiring");
	ok(memcmp(first, keyring_find(&keyring, 1)->key, sizeof(first)) == 0 &&
		   memcmp(first, keyring_find(&keyring, 2)->key, sizeof(first)) != 0,
	   "with a key of its own");
	ok(!keyring_retire(&keyring, 2), "the only active epoch is not retired");
	ok(!keyring_retire(&keyring, 3), "nor one that is not there");
	ok(keyring_retire(&keyring, 1) && state_of(&keyring, 1) == 'x' &&
		   keyring_find(&keyring, 1) == NULL &&
		   is_wiped(keyring.epochs[0].key, sizeof(keyring.epochs[0].key)),
	   "a retired epoch keeps its number and loses its key");
	ok(!keyring_retire(&keyring, 1), "once");
	ok(keyring_prepare(&keyring) == 3, "its number is not taken again");
	ok(state_of(&keyring, 3) == 'p' && state_of(&keyring, 2) == 'a' &&
		   keyring_find(&keyring, 0)->id == 2 && keyring_find(&keyring, 3) != NULL,
	   "a prepared epoch opens, and the active one goes on wrapping");
	memcpy(first, keyring_find(&keyring, 3)->key, sizeof(first));
	ok(keyring_prepare(&keyring) == 3 && keyring.count == 3, "one is enough");
	ok(keyring_add(&keyring) == 3 && state_of(&keyring, 3) == 'a' && state_of(&keyring, 2) == 'r' &&
		   memcmp(first, keyring_find(&keyring, 3)->key, sizeof(first)) == 0,
	   "it is the next to be active");
	ok(keyring_prepare(&keyring) == 4 && keyring_retire(&keyring, 4) &&
		   state_of(&keyring, 4) == 'x' && keyring_add(&keyring) == 5,
	   "and may be retired before");
}

static void
test_full(void)
{
	Keyring keyring = {0};
	bool added = true;
	Keyring highest = {.count = 1, .epochs = {{.id = KEYRING_MAX_ID, .active = true}}};

	for (uint32_t id = 1; id <= KEYRING_MAX_EPOCHS; id++)
		added = added && keyring_add(&keyring) == id;
	ok(added && keyring_add(&keyring) == 0 && keyring.count == KEYRING_MAX_EPOCHS,
	   "%d epochs are added, and no more", KEYRING_MAX_EPOCHS);
	ok(keyring_retire(&keyring, 5) && keyring_retire(&keyring, 3) &&
		   keyring_add(&keyring) == KEYRING_MAX_EPOCHS + 1 && state_of(&keyring, 3) == '-' &&
		   state_of(&keyring, 5) == 'x' && state_of(&keyring, 4) == 'r' &&
		   keyring.count == KEYRING_MAX_EPOCHS,
	   "the oldest retired one makes room");
	ok(keyring_add(&highest) == 0, "after the highest number there is none");
}

int
main(void)
{
	test_good();
	test_faults();
	test_changed_bytes();
	test_counts();
	test_write();
	test_find();
	test_add();
	test_full();
	return tests_done();
}
