/*
 * fuzz.h
 *		What the fuzz targets share.  test/fuzz/run builds and runs them.
 *
 * A target checks what its reader promises, not only that it does not crash.
 */
#ifndef ATTEST_TEST_FUZZ_H
#define ATTEST_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The hooks of libFuzzer. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the run, so that libFuzzer keeps the input. */
#define REQUIRE(promise)                                                                  \
	do                                                                                    \
	{                                                                                     \
		if (!(promise))                                                                   \
		{                                                                                 \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #promise); \
			abort();                                                                      \
		}                                                                                 \
	} while (0)

/* A copy of exactly this length, so that AddressSanitizer sees one byte too far. */
static inline void *
exact_copy(const void *data, size_t size)
{
	void *copy = malloc(size > 0 ? size : 1);

	REQUIRE(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* Whether every byte is zero: wiped, or never written. */
static inline bool
is_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return any == 0;
}

#endif /* ATTEST_TEST_FUZZ_H */
