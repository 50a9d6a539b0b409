/*
 * keyring_file.c
 *		Finds, checks and reads the keyring.
 *
 * A backend keeps what it has read in locked memory, and looks before every use
 * whether the file is still the one it read: a new epoch is met at once, and one that
 * was taken out is used no more.  Only the key of a ticket is taken without looking for
 * a second: looking costs more than the ticket.  Nothing is read in the postmaster.
 */
#include "vault/keyring_file.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "vault/keyring_command.h"

#define TICKET_LABEL "attest ticket"
#define EXPORT_LABEL "attest key export"

ATTEST_FUNCTION(attest_keyring_status);
ATTEST_FUNCTION(attest_keyring_epochs);
ATTEST_FUNCTION(attest_keyring_mac);
ATTEST_FUNCTION(attest_keys_are_locked);

/* An administrator moves the keyring to a volume with backups of its own. */
static char *keyring_file = NULL;

/* What was read, and of what file or output of the command; NULL or count 0: nothing. */
static Keyring *keyring = NULL;
static struct stat read_file;
static uint64 read_output = 0;

/* The key of the last ticket, and when it was derived. */
typedef struct TicketKey
{
	uint32 epoch; /* 0: none */
	TimestampTz since;
	uint8 key[CRYPTO_KEY_BYTES];
} TicketKey;

static TicketKey *last_ticket = NULL;

bool
keyring_report(KeyringFault *fault, AttestError code, const char *first, const char *second)
{
	fault->code = code;
	strlcpy(fault->first, first, KEYRING_FACT_MAX);
	strlcpy(fault->second, second, KEYRING_FACT_MAX);
	return false;
}

void
keyring_fail(const KeyringFault *fault)
{
	fail(fault->code, fault->first, fault->second);
}

const char *
keyring_path(void)
{
	return keyring_file;
}

static bool
is_inside_data_directory(const char *path)
{
	char file[PATH_MAX];
	char data[PATH_MAX];

	if (realpath(path, file) == NULL || realpath(DataDir, data) == NULL)
		return false;
	return path_is_prefix_of_path(data, file);
}

bool
keyring_is_safe(int fd, const char *path, struct stat *info, KeyringFault *fault)
{
	if (fstat(fd, info) != 0 || !S_ISREG(info->st_mode))
		return keyring_report(fault, ERR_keyring_unsafe, "it is not a plain file", "");
	if (info->st_uid != geteuid())
		return keyring_report(fault, ERR_keyring_unsafe, "it belongs to another user", "");
	if ((info->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return keyring_report(fault, ERR_keyring_unsafe, "others than its owner may use it", "");
	if (is_inside_data_directory(path))
		return keyring_report(fault, ERR_keyring_unsafe, "it lies in the data directory", "");
	return true;
}

static void
forget(void)
{
	if (keyring != NULL)
		crypto_wipe(keyring, sizeof(*keyring));
	if (last_ticket != NULL)
		crypto_wipe(last_ticket, sizeof(*last_ticket));
	memset(&read_file, 0, sizeof(read_file));
	read_output = 0;
}

/* Takes over the text of a keyring, or says what is wrong with it. */
static bool
take_text(const char *text, size_t length, KeyringFault *fault)
{
	char where[16];
	const char *what;
	int line;

	if (keyring == NULL)
		keyring = crypto_secure_alloc(sizeof(*keyring));
	if (keyring == NULL)
		return keyring_report(fault, ERR_keyring_missing, keyring_file, "no memory is left");
	if (keyring_parse(text, length, keyring, &line, &what))
		return true;
	snprintf(where, sizeof(where), "%d", line);
	return keyring_report(fault, ERR_keyring_malformed, where, what);
}

/* --- the file --- */

/* Reads the whole file into text; -1 when it is longer than a keyring can be. */
static ssize_t
read_all(int fd, char *text)
{
	size_t length = 0;
	ssize_t got;

	while ((got = read(fd, text + length, KEYRING_MAX_BYTES + 1 - length)) > 0)
		length += (size_t) got;
	return got < 0 || length > KEYRING_MAX_BYTES ? -1 : (ssize_t) length;
}

static bool
read_open_file(int fd, KeyringFault *fault)
{
	char text[KEYRING_MAX_BYTES + 1];
	struct stat info;
	ssize_t length;
	bool taken;

	if (!keyring_is_safe(fd, keyring_file, &info, fault))
		return false;
	length = read_all(fd, text);
	if (length < 0)
		return keyring_report(fault, ERR_keyring_malformed, "1",
							  "it is too long, or cannot be read");
	taken = take_text(text, (size_t) length, fault);
	crypto_wipe(text, sizeof(text));
	if (taken)
		read_file = info;
	return taken;
}

static bool
read_keyring_file(KeyringFault *fault)
{
	int fd;
	bool taken;

	if (keyring_file[0] == '\0')
		return keyring_report(fault, ERR_keyring_missing, "", "it is not set");
	/* Not blocking: a pipe would wait for a writer before it can be refused. */
	fd = open(keyring_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return keyring_report(fault, ERR_keyring_unsafe, "it is a symbolic link", "");
	if (fd < 0)
		return keyring_report(fault, ERR_keyring_missing, keyring_file, strerror(errno));
	taken = read_open_file(fd, fault);
	close(fd);
	return taken;
}

static bool
is_same_file(void)
{
	struct stat now;

	return lstat(keyring_file, &now) == 0 && now.st_dev == read_file.st_dev &&
		   now.st_ino == read_file.st_ino && now.st_mode == read_file.st_mode &&
		   now.st_uid == read_file.st_uid && now.st_size == read_file.st_size &&
		   now.st_mtim.tv_sec == read_file.st_mtim.tv_sec &&
		   now.st_mtim.tv_nsec == read_file.st_mtim.tv_nsec &&
		   now.st_ctim.tv_sec == read_file.st_ctim.tv_sec &&
		   now.st_ctim.tv_nsec == read_file.st_ctim.tv_nsec;
}

/* --- the command --- */

static bool
read_command_output(KeyringFault *fault)
{
	char text[KEYRING_MAX_BYTES];
	char what[KEYRING_FACT_MAX];
	size_t length;
	uint64 number;
	bool taken;

	if (!keyring_command_output(text, &length, &number, what))
		return keyring_report(fault, ERR_keyring_command, what, "");
	taken = take_text(text, length, fault);
	crypto_wipe(text, sizeof(text));
	if (taken)
		read_output = number;
	return taken;
}

/* --- use --- */

const Keyring *
keyring_current(KeyringFault *fault)
{
	bool from_command = keyring_command_is_set();
	bool read_before = keyring != NULL && keyring->count > 0;

	if (read_before && (from_command ? read_output == keyring_command_number() : is_same_file()))
		return keyring;
	forget();
	if (from_command ? read_command_output(fault) : read_keyring_file(fault))
		return keyring;
	forget();
	return NULL;
}

/* Finds an epoch without raising: for the check hook of the ticket variable. */
static const KeyringEpoch *
find_epoch(uint32 id, KeyringFault *fault)
{
	const Keyring *current = keyring_current(fault);
	const KeyringEpoch *epoch = current == NULL ? NULL : keyring_find(current, id);
	char fact[KEYRING_FACT_MAX];

	if (current != NULL && epoch == NULL)
	{
		snprintf(fact, sizeof(fact), "KEK epoch %u", id);
		keyring_report(fault, ERR_key_missing, fact, "");
	}
	return epoch;
}

void
keyring_key(uint32 *id, uint8 key[CRYPTO_KEY_BYTES])
{
	KeyringFault fault = {0};
	const KeyringEpoch *epoch = find_epoch(*id, &fault);

	if (epoch == NULL)
		keyring_fail(&fault);
	*id = epoch->id;
	memcpy(key, epoch->key, CRYPTO_KEY_BYTES);
}

bool
keyring_has(uint32 id)
{
	KeyringFault fault = {0};
	const KeyringEpoch *epoch = find_epoch(id, &fault);

	if (epoch == NULL && fault.code != ERR_key_missing)
		keyring_fail(&fault);
	return epoch != NULL;
}

static bool
is_last_ticket(uint32 epoch)
{
	TimestampTz now = GetCurrentTimestamp();

	return last_ticket != NULL && epoch != 0 && last_ticket->epoch == epoch &&
		   now >= last_ticket->since && now - last_ticket->since < USECS_PER_SEC;
}

static bool
derive_ticket_key(const KeyringEpoch *epoch, uint8 key[CRYPTO_KEY_BYTES])
{
	if (!crypto_derive(epoch->key, TICKET_LABEL, key))
		return false;
	if (last_ticket == NULL)
		last_ticket = crypto_secure_alloc(sizeof(*last_ticket));
	if (last_ticket != NULL)
	{
		last_ticket->epoch = epoch->id;
		last_ticket->since = GetCurrentTimestamp();
		memcpy(last_ticket->key, key, CRYPTO_KEY_BYTES);
	}
	return true;
}

static bool
ticket_key(uint32 *id, uint8 key[CRYPTO_KEY_BYTES], AttestError *reported)
{
	KeyringFault fault = {0};
	const KeyringEpoch *epoch;

	if (is_last_ticket(*id))
	{
		memcpy(key, last_ticket->key, CRYPTO_KEY_BYTES);
		return true;
	}
	epoch = find_epoch(*id, &fault);
	if (epoch == NULL && reported == NULL)
		keyring_fail(&fault);
	if (epoch == NULL)
	{
		/* An epoch that the keyring does not have is the ticket's fault. */
		*reported = fault.code == ERR_key_missing ? ERR_ticket_invalid : fault.code;
		return false;
	}
	*id = epoch->id;
	return derive_ticket_key(epoch, key);
}

static void
assign_keyring_file(const char *value, void *extra)
{
	forget();
}

void
keyring_file_init(void)
{
	DefineCustomStringVariable(
		"attest.keyring_file", gettext_noop("The file that holds the key encryption keys."),
		gettext_noop("A plain file of the server's user, mode 0600, outside the data directory."),
		&keyring_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, assign_keyring_file, NULL);
	tenant_set_ticket_key_source(ticket_key);
}

/* attest_internal.keyring_status(): NULL when the keyring is usable, else the SQLSTATE. */
Datum
attest_keyring_status(PG_FUNCTION_ARGS)
{
	KeyringFault fault = {0};

	forget();
	if (keyring_current(&fault) != NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(attest_errors[fault.code].sqlstate));
}

/* attest_internal.keyring_epochs(): number and state of each epoch. */
Datum
attest_keyring_epochs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	KeyringFault fault = {0};
	const Keyring *current = keyring_current(&fault);

	if (current == NULL)
		keyring_fail(&fault);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < current->count; i++)
	{
		const KeyringEpoch *epoch = &current->epochs[i];
		Datum values[] = {Int32GetDatum((int32) epoch->id),
						  CStringGetTextDatum(keyring_state(epoch))};
		bool nulls[2] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* attest_internal.keyring_mac(epoch int, body text): of an export of keys. */
Datum
attest_keyring_mac(PG_FUNCTION_ARGS)
{
	uint32 epoch = (uint32) PG_GETARG_INT32(0);
	text *body = PG_GETARG_TEXT_PP(1);
	bytea *mac = palloc(VARHDRSZ + CRYPTO_DIGEST_BYTES);
	uint8 kek[CRYPTO_KEY_BYTES];
	uint8 key[CRYPTO_KEY_BYTES];
	bool made;

	keyring_key(&epoch, kek);
	made = crypto_derive(kek, EXPORT_LABEL, key) &&
		   crypto_hmac(key, CRYPTO_BYTES(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)),
					   (uint8 *) VARDATA(mac));
	crypto_wipe(kek, sizeof(kek));
	crypto_wipe(key, sizeof(key));
	if (!made)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a MAC")));
	SET_VARSIZE(mac, VARHDRSZ + CRYPTO_DIGEST_BYTES);
	PG_RETURN_BYTEA_P(mac);
}

/* attest_internal.keys_are_locked(): whether the memory of keys is locked into RAM. */
Datum
attest_keys_are_locked(PG_FUNCTION_ARGS)
{
	KeyringFault fault = {0};

	(void) keyring_current(&fault);
	PG_RETURN_BOOL(keyring == NULL || crypto_secure_is_locked());
}
