/*
 * adopt_secret.c
 *		Reads the passphrase or key of columns that pgcrypto encrypted: see
 *		adopt_secret.h.  It never comes from the text of a statement, which is logged.
 */
#include "vault/adopt_secret.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utils/builtins.h"
#include "vault/keyring_command.h"
#include "vault/keyring_file.h"

#define SECRET_MAX 1024 /* bytes */

/* Fills the buffer from the file; false with what is wrong. */
static bool
read_file(const char *path, char buffer[KEYRING_MAX_BYTES], size_t *length,
		  char what[KEYRING_FACT_MAX])
{
	/* Not blocking: a pipe would wait for a writer before it can be refused. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	KeyringFault fault;
	struct stat info;
	ssize_t got = -1;

	strlcpy(what, errno == ELOOP ? gettext_noop("it is a symbolic link") : strerror(errno),
			KEYRING_FACT_MAX);
	if (fd < 0)
		return false;
	*length = 0;
	if (!keyring_is_safe(fd, path, &info, &fault))
		strlcpy(what, fault.first, KEYRING_FACT_MAX);
	else
	{
		strlcpy(what, gettext_noop("it cannot be read"), KEYRING_FACT_MAX);
		while ((got = read(fd, buffer + *length, KEYRING_MAX_BYTES - *length)) > 0)
			*length += (size_t) got;
	}
	close(fd);
	return got == 0 && *length < KEYRING_MAX_BYTES;
}

static bytea *
from_bytes(const char *data, size_t length)
{
	bytea *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), data, length);
	return result;
}

/* Of the form \x and whole bytes, as PostgreSQL prints bytea. */
static bool
is_hexadecimal(const char *data, size_t length)
{
	if (length <= 2 || length % 2 != 0 || data[0] != '\\' || data[1] != 'x')
		return false;
	for (size_t i = 2; i < length; i++)
	{
		if (!isxdigit((unsigned char) data[i]))
			return false;
	}
	return true;
}

static bytea *
from_hexadecimal(const char *data, size_t length)
{
	bytea *result = palloc(VARHDRSZ + length / 2);

	SET_VARSIZE(result, VARHDRSZ + length / 2);
	(void) hex_decode(data, length, VARDATA(result));
	return result;
}

bytea *
adopt_secret_read(const char *file, const char *command)
{
	char buffer[KEYRING_MAX_BYTES];
	char what[KEYRING_FACT_MAX];
	size_t length = 0;
	bytea *result = NULL;
	bool got = file != NULL ? read_file(file, buffer, &length, what)
							: keyring_run_command(command, buffer, &length, what);

	if (got && length > 0 && buffer[length - 1] == '\n')
		length--;
	if (got && length == 0)
		strlcpy(what, gettext_noop("it is empty"), KEYRING_FACT_MAX);
	else if (got && length > SECRET_MAX)
		strlcpy(what, gettext_noop("it is longer than 1024 bytes"), KEYRING_FACT_MAX);
	else if (got)
		result = is_hexadecimal(buffer, length) ? from_hexadecimal(buffer + 2, length - 2)
												: from_bytes(buffer, length);
	crypto_wipe(buffer, sizeof(buffer));
	if (result == NULL)
		fail(ERR_secret_unusable, file != NULL ? file : "secret_command", what);
	return result;
}
