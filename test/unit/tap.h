/*
 * tap.h
 *		What the unit tests share: TAP, bytes that grow, and the folder of test vectors.
 *
 * Files of others (Wycheproof, PngSuite, Omniglot) are read from ATTEST_VECTORS, by
 * default ../shared/vectors; without them those tests are skipped, unless CI=true.
 */
#ifndef ATTEST_TEST_UNIT_TAP_H
#define ATTEST_TEST_UNIT_TAP_H

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int tests_run, tests_failed;

__attribute__((format(printf, 2, 3))) static void
ok(bool passed, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("%sok %d - ", passed ? "" : "not ", ++tests_run);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	tests_failed += passed ? 0 : 1;
}

/* A fixed sequence: the tests are the same on every run. */
static inline uint32_t
next_random(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) (state >> 16);
}

typedef struct Bytes
{
	uint8_t *data;
	size_t length;
	size_t capacity;
} Bytes;

static inline void
append(Bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length > bytes->capacity)
	{
		bytes->capacity = (bytes->length + length) * 2;
		bytes->data = realloc(bytes->data, bytes->capacity);
		if (bytes->data == NULL)
			abort();
	}
	if (length > 0)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static inline bool
read_whole(const char *path, Bytes *bytes)
{
	FILE *file = fopen(path, "rb");
	uint8_t buffer[8192];
	size_t count;

	bytes->length = 0;
	if (file == NULL)
		return false;
	while ((count = fread(buffer, 1, sizeof(buffer), file)) > 0)
		append(bytes, buffer, count);
	fclose(file);
	return true;
}

/*
 * Calls `visit` with each file of a folder of vectors whose name ends so, in any
 * order.  Returns how many there were; an absent folder is a skip or a failure.
 */
static inline unsigned
each_vector(const char *folder, const char *ending, void (*visit)(const char *name, Bytes *file))
{
	const char *root = getenv("ATTEST_VECTORS");
	const char *ci = getenv("CI");
	char path[4096];
	struct dirent *entry;
	unsigned count = 0;
	Bytes file = {0};
	DIR *directory;

	root = root != NULL ? root : "../shared/vectors";
	snprintf(path, sizeof(path), "%s/%s", root, folder);
	directory = opendir(path);
	if (directory == NULL)
	{
		if (ci != NULL && strcmp(ci, "true") == 0)
			ok(false, "the vectors in %s are there", path);
		else
			ok(true, "%s # SKIP no vectors", folder);
		return 0;
	}
	while ((entry = readdir(directory)) != NULL)
	{
		size_t length = strlen(entry->d_name);

		snprintf(path, sizeof(path), "%s/%s/%s", root, folder, entry->d_name);
		if (length < strlen(ending) || strcmp(entry->d_name + length - strlen(ending), ending) != 0)
			continue;
		count++;
		if (read_whole(path, &file))
			visit(entry->d_name, &file);
	}
	closedir(directory);
	free(file.data);
	return count;
}

/* Whether nothing but zeros is left. */
static inline bool
is_wiped(const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* The plan line; the exit status of the program. */
static inline int
tests_done(void)
{
	printf("1..%d\n", tests_run);
	if (tests_failed > 0)
		printf("# %d of %d failed\n", tests_failed, tests_run);
	return tests_failed > 0 ? 1 : 0;
}

#endif /* ATTEST_TEST_UNIT_TAP_H */
