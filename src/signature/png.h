/*
 * png.h
 *		A strict, streaming reader of PNG (ISO/IEC 15948:2004; W3C PNG, third edition).
 *
 * It accepts one spelling of an image and nothing around it: every length and every
 * CRC is checked, the inflated data has exactly the bytes of the image, and no byte
 * follows IEND.  Compressed text and profiles are never inflated.  Memory is two
 * rows, one row of output and zlib's window: never an image; sizes are judged
 * before anything is allocated.
 */
#ifndef ATTEST_SIGNATURE_PNG_H
#define ATTEST_SIGNATURE_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signature/codes.h"

/* No profile can allow more; it bounds a row to 128 MiB. */
#define PNG_WIDTH_CEILING (UINT32_C(1) << 24)

typedef struct PngProfile
{
	size_t max_bytes;    /* of the file */
	uint64_t max_pixels; /* width times height */
	uint32_t max_width;
	uint32_t max_height;
	uint32_t max_ancillary;       /* optional chunks, tRNS included */
	uint32_t max_ancillary_bytes; /* payload of each of them */
	bool any_depth;               /* else 8 bits per sample only */
	bool interlaced;              /* accept Adam7 */
	bool lenient_ancillary;       /* optional chunks: skip checks of length, place and repeats */
} PngProfile;

/* What a canvas writes: 1 MiB, 4096 x 4096, 4 Mpx, 256 optional chunks of 64 KiB. */
extern const PngProfile png_strict_profile;

/* Any PNG of the standard up to 16 MiB and 16 Mpx, for imports and for tests. */
extern const PngProfile png_generous_profile;

typedef struct PngInfo
{
	uint32_t width;
	uint32_t height;
	uint8_t depth;       /* bits per sample */
	uint8_t colour_type; /* 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA */
	bool interlaced;
	bool metadata; /* text, EXIF, a colour profile or a chunk unknown here */
} PngInfo;

/*
 * One row of 8-bit RGBA, not premultiplied; samples of 16 bits keep their high byte.
 * Pixel i lies at column x + i * step of row y.  Without interlace rows come from
 * top to bottom with x 0 and step 1.  The memory is the reader's, until the return.
 */
typedef struct PngRow
{
	const uint8_t *rgba; /* 4 * count bytes */
	uint32_t count;
	uint32_t x;
	uint32_t step;
	uint32_t y;
} PngRow;

/* Must return: a jump out of it would leak the reader's memory. */
typedef void (*PngRowCallback)(void *context, const PngRow *row);

typedef struct PngResult
{
	SignatureCode code;       /* SIGNATURE_OK, PNG_* error or OUT_OF_MEMORY */
	size_t offset;            /* of the fault in the file; its length when accepted */
	SignatureReasons reasons; /* PNG_METADATA */
	PngInfo info;             /* zero where the header was not reached */
} PngResult;

/* Judges signature and IHDR only, to know the size before rows arrive. */
PngResult png_read_header(const uint8_t *data, size_t length, const PngProfile *profile);

/*
 * Judges the whole file; `callback` may be NULL.  Rows are delivered as they are
 * decoded, so they count only when the result is SIGNATURE_OK.
 */
PngResult png_read(const uint8_t *data, size_t length, const PngProfile *profile,
				   PngRowCallback callback, void *context);

#endif /* ATTEST_SIGNATURE_PNG_H */
