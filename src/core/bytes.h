/*
 * bytes.h
 *		A reader and a writer over a range of bytes.  Pure: no server.
 *
 * Numbers are big-endian.  Both remember a fault and do nothing after it, so a
 * format reads like its own description and is checked once, at the end.
 */
#ifndef ATTEST_CORE_BYTES_H
#define ATTEST_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct BytesReader
{
	const uint8_t *data;
	size_t length;
	size_t at;
	bool failed;
} BytesReader;

typedef struct BytesWriter
{
	uint8_t *data;
	size_t capacity;
	size_t length;
	bool failed;
} BytesWriter;

static inline const uint8_t *
bytes_take(BytesReader *reader, size_t count)
{
	const uint8_t *result = reader->data + reader->at;

	if (reader->failed || count > reader->length - reader->at)
	{
		reader->failed = true;
		return NULL;
	}
	reader->at += count;
	return result;
}

static inline uint64_t
bytes_take_number(BytesReader *reader, size_t width)
{
	const uint8_t *p = bytes_take(reader, width);
	uint64_t number = 0;

	for (size_t i = 0; p != NULL && i < width; i++)
		number = number << 8 | p[i];
	return number;
}

static inline void
bytes_copy(BytesReader *reader, void *out, size_t count)
{
	const uint8_t *p = bytes_take(reader, count);

	if (p != NULL)
		memcpy(out, p, count);
}

/* True when everything was read and nothing is left. */
static inline bool
bytes_finished(const BytesReader *reader)
{
	return !reader->failed && reader->at == reader->length;
}

static inline void
bytes_put(BytesWriter *writer, const void *data, size_t count)
{
	if (writer->failed || count > writer->capacity - writer->length)
	{
		writer->failed = true;
		return;
	}
	memcpy(writer->data + writer->length, data, count);
	writer->length += count;
}

static inline void
bytes_put_number(BytesWriter *writer, uint64_t number, size_t width)
{
	uint8_t big_endian[8];

	for (size_t i = 0; i < width; i++)
		big_endian[i] = (uint8_t) (number >> (8 * (width - 1 - i)));
	bytes_put(writer, big_endian, width);
}

#endif /* ATTEST_CORE_BYTES_H */
