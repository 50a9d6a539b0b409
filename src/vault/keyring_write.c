/*
 * keyring_write.c
 *		Makes the keyring file, adds an epoch to it, takes one out.
 *
 * The new text is written aside, flushed and put in place by rename(), so that no
 * crash leaves half a keyring.  Where attest.keyring_command is set the keyring is
 * kept by others, and is only read.
 */
#include "vault/keyring_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "vault/key_epoch.h"
#include "vault/keyring_command.h"

ATTEST_FUNCTION(attest_create_keyring);
ATTEST_FUNCTION(attest_prepare_kek);
ATTEST_FUNCTION(attest_add_kek_epoch);
ATTEST_FUNCTION(attest_remove_kek_epoch);

static void
require_own_file(void)
{
	if (keyring_command_is_set())
		fail(ERR_keyring_read_only);
	if (keyring_path()[0] == '\0')
		fail(ERR_keyring_missing, "", "it is not set");
}

static bool
write_text(int fd, const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

static bool
write_keyring(int fd, const Keyring *keyring)
{
	bool written = write_text(
		fd, "# attest keyring: keep it out of the data directory and of the backups of the data,\n"
			"# with backups of its own. Without it no sealed value can be opened. attest writes\n"
			"# it anew when epochs are added or retired.\n");

	for (int i = 0; i < keyring->count; i++)
	{
		char line[KEYRING_LINE_MAX];

		written = written && keyring_write_epoch(&keyring->epochs[i], line) && write_text(fd, line);
		crypto_wipe(line, sizeof(line));
	}
	return written && pg_fsync(fd) == 0;
}

/* Writes the keyring beside its place; false with the fault where that is not fit for one. */
static bool
write_aside(const char *path, const Keyring *keyring, KeyringFault *fault)
{
	struct stat info;
	bool written;
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return keyring_report(fault, ERR_keyring_missing, keyring_path(), strerror(errno));
	if (!keyring_is_safe(fd, path, &info, fault))
	{
		close(fd);
		return false;
	}
	written = write_keyring(fd, keyring);
	close(fd);
	return written ||
		   keyring_report(fault, ERR_keyring_missing, keyring_path(), "it cannot be written");
}

static char *
parent_directory(void)
{
	char *directory = pstrdup(keyring_path());

	get_parent_directory(directory);
	return directory[0] == '\0' ? pstrdup(".") : directory;
}

/*
 * One writer at a time, of whatever database: a lock on the directory, which ends with
 * the descriptor.  -1 with the fault where there is none.
 */
static int
lock_directory(KeyringFault *fault)
{
	int fd = open(parent_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	keyring_report(fault, ERR_keyring_missing, keyring_path(), strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Makes one change of a copy of the keyring; returns a number, 0 for a refusal. */
typedef uint32 (*KeyringChange)(Keyring *copy, uint32 epoch);

/* Reads, changes and replaces; 0 with the fault where one of them failed. */
static uint32
change_locked(KeyringChange change, uint32 epoch, KeyringFault *fault)
{
	char *aside = psprintf("%s.new", keyring_path());
	const Keyring *current = keyring_current(fault);
	Keyring copy;
	uint32 done;

	if (current == NULL)
		return 0;
	copy = *current;
	done = change(&copy, epoch);
	if (done == 0)
		keyring_report(fault, ERR_kek_refused, psprintf("KEK epoch %u", epoch),
					   "not in the keyring, or the only active one, or one too many");
	else if (!write_aside(aside, &copy, fault))
	{
		unlink(aside);
		done = 0;
	}
	else if (durable_rename(aside, keyring_path(), LOG) != 0)
	{
		keyring_report(fault, ERR_keyring_missing, keyring_path(), "it cannot be replaced");
		done = 0;
	}
	crypto_wipe(&copy, sizeof(copy));
	return done;
}

static uint32
change_file(KeyringChange change, uint32 epoch)
{
	KeyringFault fault = {0};
	uint32 done = 0;
	int lock;

	require_own_file();
	lock = lock_directory(&fault);
	if (lock >= 0)
	{
		done = change_locked(change, epoch, &fault);
		close(lock);
	}
	if (done == 0)
		keyring_fail(&fault);
	return done;
}

static uint32
prepare(Keyring *copy, uint32 epoch)
{
	return keyring_prepare(copy);
}

static uint32
add(Keyring *copy, uint32 epoch)
{
	return keyring_add(copy);
}

static uint32
retire(Keyring *copy, uint32 epoch)
{
	return keyring_retire(copy, epoch) ? epoch : 0;
}

/* attest.create_keyring(): makes the file, with one new epoch. */
Datum
attest_create_keyring(PG_FUNCTION_ARGS)
{
	char *aside = psprintf("%s.new", keyring_path());
	Keyring first = {0};
	KeyringFault fault = {0};
	bool placed;

	require_own_file();
	if (keyring_add(&first) == 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make a key")));
	placed = write_aside(aside, &first, &fault);
	crypto_wipe(&first, sizeof(first));
	if (!placed)
	{
		unlink(aside);
		keyring_fail(&fault);
	}
	/* Unlike rename(), link() never replaces a file that is there. */
	placed = link(aside, keyring_path()) == 0;
	unlink(aside);
	if (!placed)
		fail(ERR_keyring_exists, keyring_path());
	/* The name lasts through a crash when the directory is on disk, as in durable_rename(). */
	fsync_fname(keyring_path(), false);
	fsync_fname(parent_directory(), true);
	PG_RETURN_TEXT_P(cstring_to_text(keyring_path()));
}

/* attest.prepare_kek(): an epoch that opens only, until the next rotation. */
Datum
attest_prepare_kek(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) change_file(prepare, 0));
}

/* attest_internal.add_kek_epoch(): a new active epoch, or the prepared one. */
Datum
attest_add_kek_epoch(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) change_file(add, 0));
}

/* attest_internal.remove_kek_epoch(epoch int): its key is gone when this returns. */
Datum
attest_remove_kek_epoch(PG_FUNCTION_ARGS)
{
	(void) change_file(retire, (uint32) PG_GETARG_INT32(0));
	keys_forget();
	key_epoch_change();
	PG_RETURN_VOID();
}
