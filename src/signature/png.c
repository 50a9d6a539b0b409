/*
 * png.c
 *		The reader of png.h: chunks, then the rows of the inflated stream.
 *
 * Every check returns false after png_fail(), which keeps the code and the offset;
 * png_read() frees what is left, on every path.
 */
#define ZLIB_CONST

#include "signature/png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "signature/png_pixels.h"

#define PNG_SIGNATURE_SIZE 8
#define PNG_CHUNK_OVERHEAD 12 /* length, type, CRC */
#define PNG_INT_MAX        UINT32_C(0x7fffffff)
#define PNG_IHDR_SIZE      13

const PngProfile png_strict_profile = {
	.max_bytes = 1 << 20,
	.max_pixels = 4 << 20,
	.max_width = 4096,
	.max_height = 4096,
	.max_ancillary = 256,
	.max_ancillary_bytes = 64 << 10,
};

const PngProfile png_generous_profile = {
	.max_bytes = 16 << 20,
	.max_pixels = 16 << 20,
	.max_width = 1 << 16,
	.max_height = 1 << 16,
	.max_ancillary = 256,
	.max_ancillary_bytes = 1 << 20,
	.any_depth = true,
	.interlaced = true,
	.lenient_ancillary = true,
};

typedef enum PngPlace
{
	PNG_ANYWHERE,
	PNG_BEFORE_IDAT,
	PNG_BEFORE_PLTE /* and before IDAT */
} PngPlace;

/* The optional chunks with fixed rules (PNG sections 5.6 and 11.3), tRNS apart. */
typedef struct PngAncillaryRule
{
	char type[5];
	bool repeatable;
	bool metadata;
	PngPlace place;
	uint32_t min_length;
	uint32_t max_length;
} PngAncillaryRule;

static const PngAncillaryRule png_ancillary_rules[] = {
	{"gAMA", false, false, PNG_BEFORE_PLTE, 4, 4},
	{"cHRM", false, false, PNG_BEFORE_PLTE, 32, 32},
	{"sRGB", false, false, PNG_BEFORE_PLTE, 1, 1},
	{"cICP", false, false, PNG_BEFORE_PLTE, 4, 4},
	{"sBIT", false, false, PNG_BEFORE_PLTE, 1, 4},
	{"iCCP", false, true, PNG_BEFORE_PLTE, 4, PNG_INT_MAX},
	{"bKGD", false, false, PNG_BEFORE_IDAT, 1, 6},
	{"hIST", false, false, PNG_BEFORE_IDAT, 2, 512},
	{"pHYs", false, false, PNG_BEFORE_IDAT, 9, 9},
	{"sPLT", true, true, PNG_BEFORE_IDAT, 3, PNG_INT_MAX},
	{"tIME", false, false, PNG_ANYWHERE, 7, 7},
	{"eXIf", false, true, PNG_ANYWHERE, 4, PNG_INT_MAX},
	{"tEXt", true, true, PNG_ANYWHERE, 2, PNG_INT_MAX},
	{"zTXt", true, true, PNG_ANYWHERE, 4, PNG_INT_MAX},
	{"iTXt", true, true, PNG_ANYWHERE, 6, PNG_INT_MAX},
};

#define PNG_RULE_COUNT (sizeof(png_ancillary_rules) / sizeof(png_ancillary_rules[0]))

typedef struct PngChunk
{
	size_t offset; /* of the length field in the file */
	uint32_t length;
	const uint8_t *type;
	const uint8_t *payload;
} PngChunk;

/* Origin and distance of a pass's pixels: the whole image, then the seven of Adam7. */
typedef struct PngPass
{
	uint8_t x, y, dx, dy;
} PngPass;

static const PngPass png_passes[] = {{0, 0, 1, 1}, {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8},
									 {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

#define PNG_ADAM7_LAST 7

typedef struct PngReader
{
	const uint8_t *data;
	size_t length;
	const PngProfile *profile;
	PngRowCallback callback;
	void *context;
	PngResult result;

	bool plte_seen, trns_seen, idat_seen, idat_over;
	bool rule_seen[PNG_RULE_COUNT];
	uint32_t ancillary;
	PngPixels pixels;

	z_stream zlib;
	bool inflating, stream_over, rows_over;
	unsigned pass, last_pass; /* into png_passes */
	uint32_t pass_width, y;
	size_t row_bytes; /* of this pass, filter byte included */
	uint8_t *current, *previous, *rgba;
	uint8_t surplus; /* where a byte after the last row would go */
} PngReader;

static bool
png_fail(PngReader *reader, SignatureCode code, size_t offset)
{
	reader->result.code = code;
	reader->result.offset = offset;
	return false;
}

static uint32_t
png_uint32(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 |
		   bytes[3];
}

static bool
png_is(const PngChunk *chunk, const char *type)
{
	return memcmp(chunk->type, type, 4) == 0;
}

/* Reads the chunk at `offset`, CRC included; no more than the file has is touched. */
static bool
png_next_chunk(PngReader *reader, size_t offset, PngChunk *chunk)
{
	size_t rest = reader->length - offset;
	uLong crc;

	if (rest < PNG_CHUNK_OVERHEAD)
		return png_fail(reader, PNG_TRUNCATED, reader->length);
	chunk->offset = offset;
	chunk->length = png_uint32(reader->data + offset);
	chunk->type = reader->data + offset + 4;
	chunk->payload = chunk->type + 4;
	if (chunk->length > PNG_INT_MAX)
		return png_fail(reader, PNG_BAD_CHUNK_LEN, offset);
	for (unsigned i = 0; i < 4; i++)
	{
		uint8_t letter = chunk->type[i] & (uint8_t) ~0x20;

		if (letter < 'A' || letter > 'Z' || (i == 2 && letter != chunk->type[i]))
			return png_fail(reader, PNG_BAD_CHUNK_TYPE, offset + 4 + i);
	}
	if (chunk->length > rest - PNG_CHUNK_OVERHEAD)
		return png_fail(reader, PNG_TRUNCATED, reader->length);

	crc = crc32(0, chunk->type, chunk->length + 4);
	if (crc != png_uint32(chunk->payload + chunk->length))
		return png_fail(reader, PNG_CRC, offset + 8 + chunk->length);
	return true;
}

/* PNG table 11.1; a depth is a power of two, so a row of it is a mask. */
static bool
png_depth_allowed(uint8_t colour_type, uint8_t depth, bool any_depth)
{
	static const uint8_t depths[7] = {
		1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16};

	if (colour_type > 6 || depth == 0 || (depth & (depth - 1)) != 0)
		return false;
	return (depths[colour_type] & depth) != 0 && (any_depth || depth == 8);
}

static bool
png_ihdr_dimensions(PngReader *reader, const PngChunk *chunk)
{
	const PngProfile *profile = reader->profile;
	PngInfo *info = &reader->result.info;

	info->width = png_uint32(chunk->payload);
	info->height = png_uint32(chunk->payload + 4);
	if (info->width == 0 || info->width > PNG_INT_MAX)
		return png_fail(reader, PNG_BAD_DIM, chunk->offset + 8);
	if (info->height == 0 || info->height > PNG_INT_MAX)
		return png_fail(reader, PNG_BAD_DIM, chunk->offset + 12);
	if (info->width > profile->max_width || info->width > PNG_WIDTH_CEILING)
		return png_fail(reader, PNG_TOO_LARGE, chunk->offset + 8);
	if (info->height > profile->max_height ||
		(uint64_t) info->width * info->height > profile->max_pixels)
		return png_fail(reader, PNG_TOO_LARGE, chunk->offset + 12);
	return true;
}

static bool
png_ihdr(PngReader *reader, const PngChunk *chunk)
{
	PngInfo *info = &reader->result.info;
	const uint8_t *fields = chunk->payload + 8;

	if (!png_is(chunk, "IHDR"))
		return png_fail(reader, PNG_CHUNK_ORDER, chunk->offset);
	if (chunk->length != PNG_IHDR_SIZE)
		return png_fail(reader, PNG_BAD_IHDR, chunk->offset);
	if (!png_ihdr_dimensions(reader, chunk))
		return false;

	info->depth = fields[0];
	info->colour_type = fields[1];
	if (!png_depth_allowed(info->colour_type, info->depth, reader->profile->any_depth))
		return png_fail(reader, PNG_BAD_IHDR, chunk->offset + 16);
	if (fields[2] != 0 || fields[3] != 0)
		return png_fail(reader, PNG_BAD_IHDR, chunk->offset + 18);
	if (fields[4] > 1 || (fields[4] == 1 && !reader->profile->interlaced))
		return png_fail(reader, PNG_BAD_IHDR, chunk->offset + 20);
	info->interlaced = fields[4] == 1;
	reader->pixels.depth = info->depth;
	reader->pixels.colour_type = info->colour_type;
	return true;
}

static bool
png_plte(PngReader *reader, const PngChunk *chunk)
{
	const PngInfo *info = &reader->result.info;
	uint32_t count = chunk->length / 3;
	uint32_t limit = info->colour_type == 3 ? UINT32_C(1) << info->depth : 256;

	if (reader->plte_seen)
		return png_fail(reader, PNG_DUP_CHUNK, chunk->offset);
	if (reader->idat_seen || reader->trns_seen)
		return png_fail(reader, PNG_CHUNK_ORDER, chunk->offset);
	if (info->colour_type == 0 || info->colour_type == 4)
		return png_fail(reader, PNG_BAD_PLTE, chunk->offset);
	if (chunk->length % 3 != 0 || count == 0 || count > limit)
		return png_fail(reader, PNG_BAD_PLTE, chunk->offset);

	for (uint32_t i = 0; i < count; i++)
	{
		memcpy(reader->pixels.palette[i], chunk->payload + (size_t) i * 3, 3);
		reader->pixels.palette[i][3] = 255;
	}
	reader->pixels.palette_count = count;
	reader->plte_seen = true;
	return true;
}

/* PNG section 11.3.1.1: alpha of the palette's first entries, or one transparent sample. */
static bool
png_trns(PngReader *reader, const PngChunk *chunk)
{
	uint8_t colour_type = reader->result.info.colour_type;
	uint32_t samples = colour_type == 0 ? 1 : 3;

	if (reader->trns_seen)
		return png_fail(reader, PNG_DUP_CHUNK, chunk->offset);
	if (reader->idat_seen || (colour_type == 3 && !reader->plte_seen))
		return png_fail(reader, PNG_CHUNK_ORDER, chunk->offset);
	reader->trns_seen = true;
	if (colour_type == 3)
	{
		if (chunk->length == 0 || chunk->length > reader->pixels.palette_count)
			return png_fail(reader, PNG_BAD_TRNS, chunk->offset);
		for (uint32_t i = 0; i < chunk->length; i++)
			reader->pixels.palette[i][3] = chunk->payload[i];
		return true;
	}
	if (colour_type > 2 || chunk->length != samples * 2)
		return png_fail(reader, PNG_BAD_TRNS, chunk->offset);
	reader->pixels.keyed = true;
	for (size_t i = 0; i < samples; i++)
		reader->pixels.key[i] = (uint16_t) (chunk->payload[i * 2] << 8 | chunk->payload[i * 2 + 1]);
	return true;
}

static bool
png_ancillary_rule(PngReader *reader, const PngChunk *chunk, size_t index)
{
	const PngAncillaryRule *rule = &png_ancillary_rules[index];
	bool late = rule->place != PNG_ANYWHERE && reader->idat_seen;

	if (rule->metadata)
		reader->result.info.metadata = true;
	if (reader->profile->lenient_ancillary)
		return true;
	if (chunk->length < rule->min_length || chunk->length > rule->max_length)
		return png_fail(reader, PNG_ANCILLARY_LEN, chunk->offset);
	if (late || (rule->place == PNG_BEFORE_PLTE && reader->plte_seen))
		return png_fail(reader, PNG_CHUNK_ORDER, chunk->offset);
	if (reader->rule_seen[index] && !rule->repeatable)
		return png_fail(reader, PNG_DUP_CHUNK, chunk->offset);
	reader->rule_seen[index] = true;
	return true;
}

static bool
png_ancillary(PngReader *reader, const PngChunk *chunk)
{
	if (png_is(chunk, "acTL") || png_is(chunk, "fcTL") || png_is(chunk, "fdAT"))
		return png_fail(reader, PNG_ANIMATED, chunk->offset);
	if (++reader->ancillary > reader->profile->max_ancillary)
		return png_fail(reader, PNG_TOO_MANY_CHUNKS, chunk->offset);
	if (chunk->length > reader->profile->max_ancillary_bytes)
		return png_fail(reader, PNG_ANCILLARY_LEN, chunk->offset);
	if (png_is(chunk, "tRNS"))
		return png_trns(reader, chunk);
	for (size_t i = 0; i < PNG_RULE_COUNT; i++)
	{
		if (png_is(chunk, png_ancillary_rules[i].type))
			return png_ancillary_rule(reader, chunk, i);
	}
	reader->result.info.metadata = true; /* it may carry anything */
	return true;
}

/* Pixels of one side that a pass holds: origin, origin + distance, ... below `size`. */
static uint32_t
png_pass_pixels(uint32_t size, uint8_t origin, uint8_t distance)
{
	return size > origin ? (size - origin - 1) / distance + 1 : 0;
}

/* Directs zlib to the next row of this pass. */
static void
png_expect_row(PngReader *reader)
{
	reader->zlib.next_out = reader->current;
	reader->zlib.avail_out = (uInt) reader->row_bytes;
}

/* Enters the first pass from `pass` on that has pixels; there is one in every image. */
static void
png_enter_pass(PngReader *reader, unsigned pass)
{
	const PngInfo *info = &reader->result.info;

	for (; pass <= reader->last_pass; pass++)
	{
		const PngPass *grid = &png_passes[pass];

		reader->pass = pass;
		reader->y = grid->y;
		reader->pass_width = png_pass_pixels(info->width, grid->x, grid->dx);
		if (reader->pass_width == 0 || grid->y >= info->height)
			continue;
		reader->row_bytes = png_pixels_row_bytes(&reader->pixels, reader->pass_width);
		memset(reader->previous, 0, reader->row_bytes);
		png_expect_row(reader);
		return;
	}
	reader->rows_over = true;
	reader->zlib.next_out = &reader->surplus;
	reader->zlib.avail_out = 1;
}

/* The only allocations: three rows and zlib's state.  Sizes were judged in IHDR. */
static bool
png_begin_image(PngReader *reader, const PngChunk *chunk)
{
	const PngInfo *info = &reader->result.info;
	size_t row = png_pixels_row_bytes(&reader->pixels, info->width);
	size_t rgba = (size_t) info->width * 4;

	if (info->colour_type == 3 && !reader->plte_seen)
		return png_fail(reader, PNG_NO_PLTE, chunk->offset);
	reader->current = malloc(row);
	reader->previous = malloc(row);
	reader->rgba = malloc(rgba);
	if (reader->current == NULL || reader->previous == NULL || reader->rgba == NULL)
		return png_fail(reader, OUT_OF_MEMORY, chunk->offset);
	if (inflateInit(&reader->zlib) != Z_OK)
		return png_fail(reader, OUT_OF_MEMORY, chunk->offset);

	reader->inflating = true;
	reader->last_pass = info->interlaced ? PNG_ADAM7_LAST : 0;
	png_enter_pass(reader, info->interlaced ? 1 : 0);
	return true;
}

/* A whole row has been inflated: unfilter, expand, deliver, expect the next one. */
static bool
png_take_row(PngReader *reader, size_t offset)
{
	const PngPass *grid = &png_passes[reader->pass];
	uint8_t *row = reader->current;
	const uint8_t *rgba;

	if (!png_pixels_unfilter(&reader->pixels, row, reader->previous, reader->row_bytes))
		return png_fail(reader, PNG_BAD_FILTER, offset);
	rgba = png_pixels_expand(&reader->pixels, row, reader->pass_width, reader->rgba);
	if (rgba == NULL)
		return png_fail(reader, PNG_PALETTE_INDEX, offset);
	if (reader->callback != NULL)
	{
		PngRow delivered = {rgba, reader->pass_width, grid->x, grid->dx, reader->y};

		reader->callback(reader->context, &delivered);
	}

	reader->current = reader->previous;
	reader->previous = row;
	reader->y += grid->dy;
	if (reader->y >= reader->result.info.height)
		png_enter_pass(reader, reader->pass + 1);
	else
		png_expect_row(reader);
	return true;
}

/* zlib does not number its errors: its progress tells where the stream went wrong. */
static SignatureCode
png_zlib_code(const PngReader *reader, int status)
{
	if (status == Z_MEM_ERROR)
		return OUT_OF_MEMORY;
	if (status == Z_NEED_DICT)
		return PNG_ZLIB_DICT;
	if (reader->zlib.total_in <= 2)
		return PNG_ZLIB_HEADER;
	return reader->rows_over ? PNG_ZLIB_CHECKSUM : PNG_ZLIB_DATA;
}

/* One call of inflate() and what follows from it; *more tells whether to go on. */
static bool
png_inflate_step(PngReader *reader, const PngChunk *chunk, bool *more)
{
	z_stream *zlib = &reader->zlib;
	int status = inflate(zlib, Z_NO_FLUSH);
	size_t offset = chunk->offset + 8 + chunk->length - zlib->avail_in;

	/* Before the status: the call that fills the last row may also meet a wrong checksum. */
	if (zlib->avail_out == 0)
	{
		*more = true; /* zlib may hold more output, even without more input */
		if (reader->rows_over)
			return png_fail(reader, PNG_DATA_LONG, offset);
		if (!png_take_row(reader, offset))
			return false;
	}
	else
		*more = zlib->avail_in > 0;
	if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
		return png_fail(reader, png_zlib_code(reader, status), offset);
	if (status != Z_STREAM_END)
		return true;

	*more = false;
	reader->stream_over = true;
	if (!reader->rows_over)
		return png_fail(reader, PNG_DATA_SHORT, offset);
	if (zlib->avail_in > 0)
		return png_fail(reader, PNG_DATA_LONG, offset);
	return true;
}

static bool
png_idat(PngReader *reader, const PngChunk *chunk)
{
	bool more = chunk->length > 0;

	if (reader->idat_over)
		return png_fail(reader, PNG_CHUNK_ORDER, chunk->offset);
	reader->idat_seen = true;
	if (!reader->inflating && !png_begin_image(reader, chunk))
		return false;
	if (reader->stream_over && more)
		return png_fail(reader, PNG_DATA_LONG, chunk->offset);

	reader->zlib.next_in = chunk->payload;
	reader->zlib.avail_in = chunk->length;
	while (more)
	{
		if (!png_inflate_step(reader, chunk, &more))
			return false;
	}
	return true;
}

static bool
png_iend(PngReader *reader, const PngChunk *chunk)
{
	size_t end = chunk->offset + PNG_CHUNK_OVERHEAD;

	if (chunk->length != 0)
		return png_fail(reader, PNG_BAD_CHUNK_LEN, chunk->offset);
	if (!reader->stream_over)
		return png_fail(reader, PNG_DATA_SHORT, chunk->offset);
	if (end != reader->length)
		return png_fail(reader, PNG_TRAILING_DATA, end);
	return true;
}

static bool
png_chunk(PngReader *reader, const PngChunk *chunk)
{
	if (png_is(chunk, "IDAT"))
		return png_idat(reader, chunk);
	reader->idat_over = reader->idat_seen;
	if (png_is(chunk, "IEND"))
		return png_iend(reader, chunk);
	if (png_is(chunk, "PLTE"))
		return png_plte(reader, chunk);
	if (png_is(chunk, "IHDR"))
		return png_fail(reader, PNG_DUP_CHUNK, chunk->offset);
	if ((chunk->type[0] & 0x20) == 0)
		return png_fail(reader, PNG_UNKNOWN_CRITICAL, chunk->offset);
	return png_ancillary(reader, chunk);
}

/* Judges the size, the signature and IHDR. */
static bool
png_open(PngReader *reader, PngChunk *chunk)
{
	static const uint8_t signature[PNG_SIGNATURE_SIZE] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};

	if (reader->length > reader->profile->max_bytes)
		return png_fail(reader, PNG_TOO_LARGE, reader->profile->max_bytes);
	for (size_t i = 0; i < PNG_SIGNATURE_SIZE; i++)
	{
		if (i == reader->length)
			return png_fail(reader, PNG_TRUNCATED, i);
		if (reader->data[i] != signature[i])
			return png_fail(reader, PNG_NOT_PNG, i);
	}
	return png_next_chunk(reader, PNG_SIGNATURE_SIZE, chunk) && png_ihdr(reader, chunk);
}

static bool
png_read_chunks(PngReader *reader)
{
	PngChunk chunk;

	if (!png_open(reader, &chunk))
		return false;
	while (!png_is(&chunk, "IEND"))
	{
		size_t next = chunk.offset + PNG_CHUNK_OVERHEAD + chunk.length;

		if (!png_next_chunk(reader, next, &chunk) || !png_chunk(reader, &chunk))
			return false;
	}
	return true;
}

PngResult
png_read_header(const uint8_t *data, size_t length, const PngProfile *profile)
{
	PngReader reader = {.data = data, .length = length, .profile = profile};
	PngChunk chunk;

	if (png_open(&reader, &chunk))
		reader.result.offset = chunk.offset + PNG_CHUNK_OVERHEAD + chunk.length;
	return reader.result;
}

PngResult
png_read(const uint8_t *data, size_t length, const PngProfile *profile, PngRowCallback callback,
		 void *context)
{
	PngReader reader = {.data = data,
						.length = length,
						.profile = profile,
						.callback = callback,
						.context = context};

	if (png_read_chunks(&reader))
		reader.result.offset = length;
	if (reader.result.info.metadata)
		reader.result.reasons = SIGNATURE_REASON_BIT(PNG_METADATA);
	if (reader.inflating)
		inflateEnd(&reader.zlib);
	free(reader.current);
	free(reader.previous);
	free(reader.rgba);
	return reader.result;
}
