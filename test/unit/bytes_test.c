/*
 * bytes_test.c
 *		The reader and the writer of bytes (src/core/bytes.h), without a server:
 *		prints TAP.
 */
#include "core/bytes.h"
#include "tap.h"

/* Bytes 1, 2, 3 ... so that a number shows where it was read. */
static const uint8_t counted[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void
test_numbers(void)
{
	static const uint64_t numbers[] = {0,          1,          0x7f,       0x80,
									   0xff,       0x100,      0xffff,     0x10000,
									   0x7fffffff, 0x80000000, UINT32_MAX, 1ULL << 32,
									   INT64_MAX,  UINT64_MAX, 1ULL << 63, 0x0102030405060708};
	uint8_t memory[8];
	bool right = true;

	for (size_t i = 0; i < LENGTH(numbers); i++)
	{
		for (size_t width = 1; width <= 8; width++)
		{
			BytesWriter writer = {.data = memory, .capacity = width};
			BytesReader reader = {.data = memory, .length = width};
			uint64_t kept = width == 8 ? numbers[i] : numbers[i] & ((1ULL << 8 * width) - 1);

			bytes_put_number(&writer, numbers[i], width);
			right = right && !writer.failed && writer.length == width &&
					bytes_take_number(&reader, width) == kept && bytes_finished(&reader);
		}
	}
	ok(right, "numbers of 1 to 8 bytes are written and read, their lowest bytes kept");
}

static void
test_order(void)
{
	BytesReader reader = {.data = counted, .length = sizeof(counted)};
	uint8_t memory[4];
	BytesWriter writer = {.data = memory, .capacity = sizeof(memory)};

	ok(bytes_take_number(&reader, 1) == 1 && bytes_take_number(&reader, 2) == 0x0203 &&
		   bytes_take_number(&reader, 4) == 0x04050607 && !bytes_finished(&reader) &&
		   bytes_take_number(&reader, 2) == 0x0809 && bytes_finished(&reader),
	   "numbers are big-endian, one after the other");
	bytes_put_number(&writer, 1, 1);
	bytes_put_number(&writer, 0x0203, 2);
	bytes_put(&writer, counted + 3, 1);
	ok(!writer.failed && memcmp(memory, counted, 4) == 0, "and written so");
}

/* From memory of exactly its size, so that a byte too far is seen. */
static void
test_ends(void)
{
	bool right = true;

	for (size_t length = 0; length <= sizeof(counted); length++)
	{
		uint8_t *exact = malloc(length + 1);

		if (exact == NULL)
			abort();
		memcpy(exact + 1, counted, length);
		for (size_t count = 0; count <= length + 2; count++)
		{
			BytesReader reader = {.data = exact + 1, .length = length};
			uint8_t copy[16] = {0};

			bytes_copy(&reader, copy, count);
			right = right && reader.failed == (count > length);
			right = right && bytes_finished(&reader) == (count == length);
			right = right && memcmp(copy, counted, reader.failed ? 0 : count) == 0;
			right = right && (!reader.failed || (is_wiped(copy, sizeof(copy)) && reader.at == 0));
		}
		free(exact);
	}
	ok(right, "no more is read than there is, and nothing of what is too long");
}

static void
test_reader_faults(void)
{
	BytesReader reader = {.data = counted, .length = sizeof(counted)};
	uint8_t copy = 0xaa;

	ok(bytes_take(&reader, 8) == counted && bytes_take(&reader, 2) == NULL && reader.at == 8,
	   "what was read does not count twice");
	reader = (BytesReader){.data = counted, .length = sizeof(counted)};
	ok(bytes_take(&reader, SIZE_MAX) == NULL && reader.failed,
	   "a count that would wrap is refused");
	ok(bytes_take(&reader, 1) == NULL && bytes_take_number(&reader, 1) == 0 && reader.at == 0,
	   "after a fault nothing is read");
	bytes_copy(&reader, &copy, 1);
	ok(copy == 0xaa && !bytes_finished(&reader), "nothing is copied, nothing is finished");
	ok(bytes_take(&reader, 0) == NULL, "not even nothing is taken");
}

static void
test_writer_faults(void)
{
	uint8_t memory[5] = {0, 0, 0, 0, 0xaa};
	BytesWriter writer = {.data = memory, .capacity = 4};

	bytes_put(&writer, counted, 3);
	bytes_put_number(&writer, 0x0102, 2);
	ok(writer.failed && writer.length == 3 && memory[3] == 0, "what does not fit is not begun");
	bytes_put(&writer, counted, 1);
	ok(writer.length == 3 && memory[3] == 0, "after a fault nothing is written");

	writer = (BytesWriter){.data = memory, .capacity = 4, .length = 3};
	bytes_put(&writer, counted, SIZE_MAX);
	ok(writer.failed && writer.length == 3, "a count that would wrap is refused");
	writer = (BytesWriter){.data = memory, .capacity = 4};
	bytes_put(&writer, counted, 4);
	bytes_put(&writer, counted, 0);
	ok(!writer.failed && writer.length == 4 && memory[4] == 0xaa, "it may be filled to its end");
}

int
main(void)
{
	test_numbers();
	test_order();
	test_ends();
	test_reader_faults();
	test_writer_faults();
	return tests_done();
}
