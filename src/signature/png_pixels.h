/*
 * png_pixels.h
 *		The pixels of png.c: undoes a row's filter and turns samples into RGBA.
 *		Internal to the reader.
 */
#ifndef ATTEST_SIGNATURE_PNG_PIXELS_H
#define ATTEST_SIGNATURE_PNG_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PngPixels
{
	uint8_t depth;       /* bits per sample: 1, 2, 4, 8 or 16 */
	uint8_t colour_type; /* 0, 2, 3, 4 or 6 */
	bool keyed;          /* one grey or RGB sample is transparent: `key` */
	uint16_t key[3];
	uint32_t palette_count;
	uint8_t palette[256][4]; /* RGBA */
} PngPixels;

/* 1 to 64. */
unsigned png_pixels_bits(const PngPixels *pixels);

/* Bytes of a row of `count` pixels (at most 2^24), the filter byte included. */
size_t png_pixels_row_bytes(const PngPixels *pixels, uint32_t count);

/*
 * Undoes, in place, the filter that row[0] names (PNG section 9.2).  `row` and
 * `above` have `row_bytes` bytes, at least 2; above the first row are zeros.  False
 * on an unknown filter.
 */
bool png_pixels_unfilter(const PngPixels *pixels, uint8_t *row, const uint8_t *above,
						 size_t row_bytes);

/*
 * The RGBA of the `count` pixels of an unfiltered row: in `rgba` (4 * count bytes),
 * or in the row itself when it is RGBA already.  NULL when a pixel lies outside the
 * palette.
 */
const uint8_t *png_pixels_expand(const PngPixels *pixels, const uint8_t *row, uint32_t count,
								 uint8_t *rgba);

#endif /* ATTEST_SIGNATURE_PNG_PIXELS_H */
