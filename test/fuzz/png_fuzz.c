/*
 * png_fuzz.c
 *		The PNG reader and the ink analysis: every pixel is delivered once, ink lies in the image.
 */
#include <zlib.h>

#include "fuzz.h"
#include "signature/ink.h"
#include "signature/png.h"

static uint64_t fuzz_pixels;

/* Touches every byte delivered. */
static void
fuzz_row(void *context, const PngRow *row)
{
	uint32_t *sum = context;

	*sum += (uint32_t) crc32(0, row->rgba, row->count * 4);
	fuzz_pixels += row->count;
}

static void
fuzz_put_uint32(uint8_t *out, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t) (value >> (24 - 8 * i));
}

/* Mutates, then repairs the signature and the CRCs, else nothing gets past them. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const uint8_t signature[8] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
	size_t at = sizeof(signature);

	size = LLVMFuzzerMutate(data, size, max_size);
	if (size < at || seed % 16 == 0)
		return size;
	memcpy(data, signature, sizeof(signature));
	while (size - at >= 12)
	{
		uint32_t length = (uint32_t) data[at] << 24 | (uint32_t) data[at + 1] << 16 |
						  (uint32_t) data[at + 2] << 8 | data[at + 3];

		if (length > size - at - 12)
			break;
		fuzz_put_uint32(data + at + 8 + length,
						(uint32_t) crc32(0, data + at + 4, (uInt) length + 4));
		at += (size_t) length + 12;
	}
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PngProfile small = png_generous_profile;
	PngResult strict, generous;
	InkReport report;
	uint32_t sum = 0;

	small.max_pixels = 1 << 16; /* time is better spent on structure */
	strict = png_read(data, size, &png_strict_profile, NULL, NULL);
	fuzz_pixels = 0;
	generous = png_read(data, size, &small, fuzz_row, &sum);
	REQUIRE(generous.offset <= size && strict.offset <= size);
	if (generous.code != SIGNATURE_OK)
		return 0;
	REQUIRE(fuzz_pixels == (uint64_t) generous.info.width * generous.info.height);
	if (ink_read_png(data, size, &small, &ink_default_policy, &report).code != SIGNATURE_OK)
		return 0;
	REQUIRE(report.pixels <= fuzz_pixels && (report.pixels > 0) == (report.components > 0));
	REQUIRE(report.right < report.width && report.bottom < report.height);
	return 0;
}
