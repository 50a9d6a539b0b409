/*
 * keyring_file.c
 *		Finds, checks, reads and creates the keyring file.
 *
 * A backend reads the file once and keeps the keys until the variable changes or
 * an epoch is asked for that it does not know.  Nothing is read in the postmaster.
 */
#include "vault/vault.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "tenant/tenant.h"
#include "utils/builtins.h"

#define TICKET_LABEL "attest ticket"
#define FACT_MAX     256

ATTEST_FUNCTION(attest_create_keyring);
ATTEST_FUNCTION(attest_keyring_status);

/* Why the keyring cannot be had: an error of errors.h and its facts. */
typedef struct KeyringFault
{
	AttestError code;
	char first[FACT_MAX];
	char second[FACT_MAX];
} KeyringFault;

/* An administrator moves the keyring to a volume with backups of its own. */
static char *keyring_file = NULL;

static Keyring keyring;
static bool keyring_loaded = false;

static bool
report(KeyringFault *fault, AttestError code, const char *first, const char *second)
{
	fault->code = code;
	strlcpy(fault->first, first, FACT_MAX);
	strlcpy(fault->second, second, FACT_MAX);
	return false;
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

/* The rules of server.key, and outside the data directory. */
static bool
is_safe(int fd, const char *path, KeyringFault *fault)
{
	struct stat info;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		return report(fault, ERR_keyring_unsafe, "it is not a plain file", "");
	if (info.st_uid != geteuid())
		return report(fault, ERR_keyring_unsafe, "it belongs to another user", "");
	if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return report(fault, ERR_keyring_unsafe, "others than its owner may use it", "");
	if (is_inside_data_directory(path))
		return report(fault, ERR_keyring_unsafe, "it lies in the data directory", "");
	return true;
}

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
parse_file(int fd, KeyringFault *fault)
{
	char text[KEYRING_MAX_BYTES + 1];
	char where[16];
	const char *what;
	Keyring read_ring;
	ssize_t length;
	int line;

	if (!is_safe(fd, keyring_file, fault))
		return false;
	length = read_all(fd, text);
	if (length < 0)
		return report(fault, ERR_keyring_malformed, "1", "it is too long, or cannot be read");
	if (keyring_parse(text, (size_t) length, &read_ring, &line, &what))
	{
		keyring = read_ring;
		keyring_loaded = true;
	}
	crypto_wipe(&read_ring, sizeof(read_ring));
	crypto_wipe(text, sizeof(text));
	snprintf(where, sizeof(where), "%d", line);
	return keyring_loaded || report(fault, ERR_keyring_malformed, where, what);
}

static void
forget(void)
{
	crypto_wipe(&keyring, sizeof(keyring));
	keyring_loaded = false;
}

static bool
load(KeyringFault *fault)
{
	int fd;
	bool loaded;

	forget();
	if (keyring_file[0] == '\0')
		return report(fault, ERR_keyring_missing, "", "it is not set");
	/* Not blocking: a pipe would wait for a writer before it can be refused. */
	fd = open(keyring_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return report(fault, ERR_keyring_unsafe, "it is a symbolic link", "");
	if (fd < 0)
		return report(fault, ERR_keyring_missing, keyring_file, strerror(errno));
	loaded = parse_file(fd, fault);
	close(fd);
	return loaded;
}

/* Finds an epoch without raising: for the check hook of the ticket variable. */
static const KeyringEpoch *
find_epoch(uint32 id, KeyringFault *fault)
{
	const KeyringEpoch *epoch = keyring_loaded ? keyring_find(&keyring, id) : NULL;
	char fact[FACT_MAX];

	if (epoch == NULL && load(fault))
	{
		epoch = keyring_find(&keyring, id);
		snprintf(fact, sizeof(fact), "KEK epoch %u", id);
		report(fault, ERR_key_missing, fact, "");
	}
	return epoch;
}

void
keyring_key(uint32 *id, uint8 key[CRYPTO_KEY_BYTES])
{
	KeyringFault fault;
	const KeyringEpoch *epoch = find_epoch(*id, &fault);

	if (epoch == NULL)
		fail(fault.code, fault.first, fault.second);
	*id = epoch->id;
	memcpy(key, epoch->key, CRYPTO_KEY_BYTES);
}

static bool
ticket_key(uint32 *id, uint8 key[CRYPTO_KEY_BYTES], AttestError *reported)
{
	KeyringFault fault;
	const KeyringEpoch *epoch = find_epoch(*id, &fault);

	if (epoch == NULL && reported == NULL)
		fail(fault.code, fault.first, fault.second);
	if (epoch == NULL)
	{
		/* An epoch that the keyring does not have is the ticket's fault. */
		*reported = fault.code == ERR_key_missing ? ERR_ticket_invalid : fault.code;
		return false;
	}
	*id = epoch->id;
	return crypto_derive(epoch->key, TICKET_LABEL, key);
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

static bool
make_first_epoch(char line[KEYRING_LINE_MAX])
{
	KeyringEpoch epoch = {.id = 1, .active = true};
	bool made = crypto_random(epoch.key, CRYPTO_KEY_BYTES) && keyring_write_epoch(&epoch, line);

	crypto_wipe(&epoch, sizeof(epoch));
	return made;
}

static bool
write_file(int fd, const char *line)
{
	static const char comment[] =
		"# attest keyring: keep it out of the data directory and of the backups of the data,\n"
		"# with backups of its own. Without it no sealed value can be opened.\n";

	return write(fd, comment, sizeof(comment) - 1) == (ssize_t) (sizeof(comment) - 1) &&
		   write(fd, line, strlen(line)) == (ssize_t) strlen(line) && pg_fsync(fd) == 0;
}

/*
 * Writes the new keyring beside its place, so that no crash can leave half a
 * file there; false with the fault where the place is not fit for one.
 */
static bool
write_aside(const char *path, KeyringFault *fault)
{
	char line[KEYRING_LINE_MAX];
	bool written;
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return report(fault, ERR_keyring_missing, keyring_file, strerror(errno));
	if (!is_safe(fd, path, fault))
	{
		close(fd);
		return false;
	}
	written = make_first_epoch(line) && write_file(fd, line);
	crypto_wipe(line, sizeof(line));
	close(fd);
	return written || report(fault, ERR_keyring_missing, keyring_file, "it cannot be written");
}

/* attest.create_keyring(): makes the file, with one new epoch. */
Datum
attest_create_keyring(PG_FUNCTION_ARGS)
{
	char *aside = psprintf("%s.new", keyring_file);
	KeyringFault fault;
	bool placed;

	if (keyring_file[0] == '\0')
		fail(ERR_keyring_missing, "", "it is not set");
	if (!write_aside(aside, &fault))
	{
		unlink(aside);
		fail(fault.code, fault.first, fault.second);
	}
	/* Unlike rename(), link() never replaces a file that is there. */
	placed = link(aside, keyring_file) == 0;
	unlink(aside);
	if (!placed)
		fail(ERR_keyring_exists, keyring_file);
	fsync_fname(keyring_file, false);
	PG_RETURN_TEXT_P(cstring_to_text(keyring_file));
}

/* attest_internal.keyring_status(): NULL when the keyring is usable, else the SQLSTATE. */
Datum
attest_keyring_status(PG_FUNCTION_ARGS)
{
	KeyringFault fault;

	if (load(&fault))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(attest_errors[fault.code].sqlstate));
}
