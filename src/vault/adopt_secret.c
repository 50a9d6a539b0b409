/*
 * adopt_secret.c
 *		Reads the passphrase or key of columns that pgcrypto encrypted: see
 *		adopt_secret.h.  It never comes from the text of a statement, which is logged.
 */
#include "vault/adopt_secret.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define SECRET_MAX 1024 /* bytes */

/* The rules of server.key, and outside the data directory; NULL when they are kept. */
static const char *
what_is_unsafe(int fd, const char *path)
{
	char file[PATH_MAX];
	char data[PATH_MAX];
	struct stat info;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		return "it is not a plain file";
	if (info.st_uid != geteuid())
		return "it belongs to another user";
	if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others than its owner may use it";
	if (realpath(path, file) == NULL || realpath(DataDir, data) == NULL ||
		path_is_prefix_of_path(data, file))
		return "it lies in the data directory";
	return NULL;
}

/* Fills the buffer from the file; NULL, or what is wrong. */
static const char *
read_file(const char *path, char *buffer, size_t *length)
{
	/* Not blocking: a pipe would wait for a writer before it can be refused. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *fault;
	ssize_t got = 0;

	if (fd < 0)
		return errno == ELOOP ? "it is a symbolic link" : strerror(errno);
	fault = what_is_unsafe(fd, path);
	*length = 0;
	while (fault == NULL && *length <= SECRET_MAX &&
		   (got = read(fd, buffer + *length, SECRET_MAX + 1 - *length)) > 0)
		*length += (size_t) got;
	close(fd);
	return got < 0 ? "it cannot be read" : fault;
}

static bytea *
from_bytes(const char *data, size_t length)
{
	bytea *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), data, length);
	return result;
}

static bool
is_hexadecimal(const char *data, size_t length)
{
	return length > 2 && length % 2 == 0 && data[0] == '\\' && data[1] == 'x' &&
		   strspn(data + 2, "0123456789abcdefABCDEF") == length - 2;
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
	char buffer[SECRET_MAX + 2];
	size_t length = 0;
	const char *fault = read_file(file, buffer, &length);
	bytea *result = NULL;

	if (fault == NULL && length > SECRET_MAX)
		fault = "it is longer than 1024 bytes";
	if (fault == NULL && length > 0 && buffer[length - 1] == '\n')
		length--;
	if (fault == NULL && length == 0)
		fault = "it is empty";
	buffer[length] = '\0';
	if (fault == NULL)
		result = is_hexadecimal(buffer, length) ? from_hexadecimal(buffer + 2, length - 2)
												: from_bytes(buffer, length);
	crypto_wipe(buffer, sizeof(buffer));
	if (fault != NULL)
		fail(ERR_secret_unusable, file, fault);
	return result;
}
