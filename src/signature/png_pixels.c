/*
 * png_pixels.c
 *		See png_pixels.h.
 */
#include "signature/png_pixels.h"

#include <stdlib.h>
#include <string.h>

unsigned
png_pixels_bits(const PngPixels *pixels)
{
	static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};

	return (unsigned) channels[pixels->colour_type] * pixels->depth;
}

size_t
png_pixels_row_bytes(const PngPixels *pixels, uint32_t count)
{
	return ((size_t) count * png_pixels_bits(pixels) + 7) / 8 + 1;
}

static unsigned
png_pixels_paeth(unsigned left, unsigned up, unsigned corner)
{
	int by_left = abs((int) up - (int) corner);
	int by_up = abs((int) left - (int) corner);
	int by_corner = abs((int) left + (int) up - 2 * (int) corner);

	if (by_left <= by_up && by_left <= by_corner)
		return left;
	return by_up <= by_corner ? up : corner;
}

/* Filters 3 and 4 go channel by channel, so that the left neighbour stays in a register. */
static void
png_pixels_average(uint8_t *bytes, const uint8_t *above, size_t count, size_t distance)
{
	for (size_t channel = 0; channel < distance; channel++)
	{
		unsigned left = 0;

		for (size_t i = channel; i < count; i += distance)
		{
			left = (bytes[i] + (left + above[i]) / 2) & 0xff;
			bytes[i] = (uint8_t) left;
		}
	}
}

static void
png_pixels_predict(uint8_t *bytes, const uint8_t *above, size_t count, size_t distance)
{
	for (size_t channel = 0; channel < distance; channel++)
	{
		unsigned left = 0;
		unsigned corner = 0;

		for (size_t i = channel; i < count; i += distance)
		{
			left = (bytes[i] + png_pixels_paeth(left, above[i], corner)) & 0xff;
			corner = above[i];
			bytes[i] = (uint8_t) left;
		}
	}
}

bool
png_pixels_unfilter(const PngPixels *pixels, uint8_t *row, const uint8_t *above, size_t row_bytes)
{
	uint8_t *bytes = row + 1;
	size_t count = row_bytes - 1;
	size_t distance = (png_pixels_bits(pixels) + 7) / 8;

	switch (row[0])
	{
		case 0:
			return true;
		case 1:
			for (size_t i = distance; i < count; i++)
				bytes[i] = (uint8_t) (bytes[i] + bytes[i - distance]);
			return true;
		case 2:
			for (size_t i = 0; i < count; i++)
				bytes[i] = (uint8_t) (bytes[i] + above[i + 1]);
			return true;
		case 3:
			png_pixels_average(bytes, above + 1, count, distance);
			return true;
		case 4:
			png_pixels_predict(bytes, above + 1, count, distance);
			return true;
		default:
			return false;
	}
}

static unsigned
png_pixels_sample(const uint8_t *bytes, size_t index, unsigned depth)
{
	size_t bit = index * depth;

	if (depth == 8)
		return bytes[index];
	if (depth == 16)
		return (unsigned) bytes[index * 2] << 8 | bytes[index * 2 + 1];
	return (unsigned) bytes[bit / 8] >> (8 - depth - bit % 8) & ((1U << depth) - 1);
}

static uint8_t
png_pixels_to_8_bits(unsigned sample, unsigned depth)
{
	if (depth == 16)
		return (uint8_t) (sample >> 8);
	return (uint8_t) (sample * 255 / ((1U << depth) - 1));
}

static bool
png_pixels_from_palette(const PngPixels *pixels, const uint8_t *bytes, uint32_t count,
						uint8_t *rgba)
{
	for (size_t i = 0; i < count; i++)
	{
		unsigned index = png_pixels_sample(bytes, i, pixels->depth);

		if (index >= pixels->palette_count)
			return false;
		memcpy(rgba + i * 4, pixels->palette[index], 4);
	}
	return true;
}

/* Grey and RGB, with or without alpha or a transparent sample. */
static void
png_pixels_from_samples(const PngPixels *pixels, const uint8_t *bytes, uint32_t count,
						uint8_t *rgba)
{
	unsigned depth = pixels->depth;
	unsigned colours = (pixels->colour_type & 2) != 0 ? 3 : 1;
	bool alpha = (pixels->colour_type & 4) != 0;
	size_t at = 0;

	for (uint8_t *pixel = rgba; pixel < rgba + (size_t) count * 4; pixel += 4)
	{
		bool clear = pixels->keyed;

		for (unsigned c = 0; c < colours; c++)
		{
			unsigned sample = png_pixels_sample(bytes, at++, depth);

			clear = clear && sample == pixels->key[c];
			pixel[c] = png_pixels_to_8_bits(sample, depth);
		}
		if (colours == 1)
			pixel[1] = pixel[2] = pixel[0];
		pixel[3] = clear ? 0 : 255;
		if (alpha)
			pixel[3] = png_pixels_to_8_bits(png_pixels_sample(bytes, at++, depth), depth);
	}
}

const uint8_t *
png_pixels_expand(const PngPixels *pixels, const uint8_t *row, uint32_t count, uint8_t *rgba)
{
	const uint8_t *bytes = row + 1;

	if (pixels->colour_type == 6 && pixels->depth == 8)
		return bytes;
	if (pixels->colour_type == 3)
		return png_pixels_from_palette(pixels, bytes, count, rgba) ? rgba : NULL;
	png_pixels_from_samples(pixels, bytes, count, rgba);
	return rgba;
}
