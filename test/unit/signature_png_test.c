/*
 * signature_png_test.c
 *		The PNG reader over files made by hand, damaged files and PngSuite: prints TAP.
 */
#include <zlib.h>

#include "signature/png.h"
#include "tap.h"

static const char *
name_of(SignatureCode code)
{
	return signature_code_info(code)->name;
}

static void
append_uint32(Bytes *bytes, uint32_t value)
{
	uint8_t big[4] = {(uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8),
					  (uint8_t) value};

	append(bytes, big, 4);
}

static void
append_chunk(Bytes *file, const char *type, const void *payload, size_t length)
{
	size_t start = file->length + 4;

	append_uint32(file, (uint32_t) length);
	append(file, type, 4);
	append(file, payload, length);
	append_uint32(file, (uint32_t) crc32(0, file->data + start, (uInt) length + 4));
}

/* One letter of a crafted file: a chunk; compressed rows (DEFLATE); or bare bytes (RAW). */
#define RAW     "raw"
#define DEFLATE "deflate"

static const struct
{
	char letter;
	const char *type;
	const char *payload;
	size_t length;
} parts[] = {
#define PART(letter, type, payload)                \
	{                                              \
		letter, type, payload, sizeof(payload) - 1 \
	}
	PART('S', RAW, "\x89PNG\r\n\x1a\n"),
	PART('H', "IHDR", "\0\0\0\2\0\0\0\2\10\6\0\0\0"),     /* 2 x 2 RGBA */
	PART('X', "IHDR", "\0\0\0\2\0\0\0\2\10\3\0\0\0"),     /* 2 x 2 palette */
	PART('1', "IHDR", "\0\0\0\2\0\0\0\2\20\6\0\0\0"),     /* 16 bits */
	PART('2', "IHDR", "\0\0\0\2\0\0\0\2\10\6\0\0\1"),     /* interlaced */
	PART('3', "IHDR", "\0\0\0\0\0\0\0\2\10\6\0\0\0"),     /* no width */
	PART('4', "IHDR", "\0\0\0\2\x80\0\0\0\10\6\0\0\0"),   /* height 2^31 */
	PART('5', "IHDR", "\0\0\x40\0\0\0\x40\0\10\6\0\0\0"), /* 16384 x 16384 */
	PART('6', "IHDR", "\0\0\10\1\0\0\10\0\10\6\0\0\0"),   /* 2049 x 2048 */
	PART('7', "IHDR", "\0\0\0\2\0\0\0\2\10\5\0\0\0"),     /* colour type 5 */
	PART('8', "IHDR", "\0\0\0\1\0\0\0\1\10\6\0\0\0"),     /* 1 x 1 RGBA */
	PART('9', "IHDR", "\0\0\0\2\0\0\0\2\10\6\0\0\0\0"),   /* too long */
	PART('0', "IHDR", "\0\0\0\2\0\0\0\2\10\6\1\0\0"),     /* compression 1 */
	PART('G', "IHDR", "\0\0\0\2\0\0\0\2\3\0\0\0\0"),      /* 3 bits */
	PART('D', DEFLATE, "\0\xff\0\0\xff\0\xff\0\x80\2\1\2\3\4\5\6\7\10"),
	PART('I', DEFLATE, "\0\0\1\1\1\0"),
	PART('J', DEFLATE, "\0\0\1\0\2\0"),                           /* palette index 2 */
	PART('F', DEFLATE, "\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),   /* filter 5 */
	PART('L', DEFLATE, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), /* a byte more */
	PART('M', DEFLATE, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),     /* a byte less */
	PART('N', DEFLATE, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), /* a row more */
	PART('Z', "IDAT", ""),
	PART('E', "IEND", ""),
	PART('e', "IEND", "x"),
	PART('p', "PLTE", "\1\2\3\4\5\6"),
	PART('q', "PLTE", "\1\2\3\4\5\6\7"),
	PART('r', "PLTE", ""),
	PART('t', "tRNS", "\0\x80"),
	PART('u', "tRNS", "\0\1\2"),
	PART('T', "tEXt", "a\0<script>"),
	PART('v', "zzAp", "?"),
	PART('w', "ABCD", "?"),
	PART('x', "acTL", "\0\0\0\1\0\0\0\0"),
	PART('y', "gAMA", "\0\1\2"),
	PART('g', "gAMA", "\0\1\2\3"),
	PART('V', "IdaT", "?"), /* reserved bit */
	PART('R', "ID T", "?"),
	PART('Q', RAW,
		 "\xff\xff\xff\xff"
		 "IDAT0000"), /* length 2^32 - 1 */
	PART('z', RAW, "PK\3\4"),
	PART('n', RAW, "\0"),
#undef PART
};

static void
append_idat(Bytes *file, const void *raw, size_t length)
{
	uLongf size = compressBound(length);
	uint8_t *packed = malloc(size);

	if (packed == NULL || compress2(packed, &size, raw, length, 9) != Z_OK)
		abort();
	append_chunk(file, "IDAT", packed, size);
	free(packed);
}

/* The good stream of 'D' with a fault of zlib's own, or cut into chunks of one byte. */
static void
append_odd_idat(Bytes *file, char what)
{
	uint8_t packed[128] = {0};
	uLongf size = sizeof(packed) - 4;

	compress2(packed, &size, (const uint8_t *) "\0\xff\0\0\xff\0\xff\0\x80\2\1\2\3\4\5\6\7\10", 18,
			  9);
	packed[0] = what == 'h' ? 0x79 : packed[0];
	packed[1] = what == 'd' ? 0x20 + 31 - (0x7800 + 0x20) % 31 : packed[1]; /* dictionary */
	packed[2] |= what == 'b' ? 6 : 0;                                       /* block type 3 */
	packed[size - 1] ^= what == 'a' ? 1 : 0;                                /* Adler */
	size += what == 'l' ? 3 : 0;
	size -= what == 's' ? 4 : 0;
	for (uLongf i = 0; what == 'O' && i < size; i++)
		append_chunk(file, "IDAT", packed + i, 1);
	if (what != 'O')
		append_chunk(file, "IDAT", packed, size);
}

static void
append_large(Bytes *file, char what)
{
	size_t size = what == 'B' ? 64 << 20 : (64 << 10) + 1;
	uint8_t *zeros = calloc(1, size);

	if (what == 'B')
		append_idat(file, zeros, size);
	else if (what == 'Y')
		append_chunk(file, "tEXt", zeros, size);
	for (unsigned i = 0; what == 'W' && i < 257; i++)
		append_chunk(file, "tEXt", "a\0b", 3);
	free(zeros);
}

static void
build(Bytes *file, const char *letters)
{
	file->length = 0;
	for (; *letters != '\0'; letters++)
	{
		if (*letters == 'K')
			file->data[file->length - 1] ^= 1;
		else if (strchr("hdbalsO", *letters) != NULL)
			append_odd_idat(file, *letters);
		else if (strchr("BYW", *letters) != NULL)
			append_large(file, *letters);
		for (size_t i = 0; i < LENGTH(parts); i++)
		{
			if (parts[i].letter != *letters)
				continue;
			if (strcmp(parts[i].type, RAW) == 0)
				append(file, parts[i].payload, parts[i].length);
			else if (strcmp(parts[i].type, DEFLATE) == 0)
				append_idat(file, parts[i].payload, parts[i].length);
			else
				append_chunk(file, parts[i].type, parts[i].payload, parts[i].length);
		}
	}
}

static const struct
{
	const char *letters;
	const char *what;
	SignatureCode code;
} crafted[] = {
	{"SHDE", "plain", SIGNATURE_OK},
	{"SXpIE", "palette", SIGNATURE_OK},
	{"SXptIE", "palette with alpha", SIGNATURE_OK},
	{"SHOZE", "IDAT in single bytes, then an empty one", SIGNATURE_OK},
	{"SHpDE", "suggested palette", SIGNATURE_OK},
	{"SHgDE", "gamma", SIGNATURE_OK},
	{"SHTDE", "text", SIGNATURE_OK},
	{"SHvDE", "unknown optional chunk", SIGNATURE_OK},
	{"SHDEn", "a byte after IEND", PNG_TRAILING_DATA},
	{"SHDEz", "a ZIP after IEND", PNG_TRAILING_DATA},
	{"SHDESHDE", "two images", PNG_TRAILING_DATA},
	{"SHLE", "a byte too many", PNG_DATA_LONG},
	{"SHNE", "a row too many", PNG_DATA_LONG},
	{"SHME", "a byte missing", PNG_DATA_SHORT},
	{"SHlE", "bytes after the stream", PNG_DATA_LONG},
	{"SHDDE", "a second stream", PNG_DATA_LONG},
	{"SHsE", "no Adler checksum", PNG_DATA_SHORT},
	{"SHE", "no IDAT", PNG_DATA_SHORT},
	{"SHZE", "empty IDAT", PNG_DATA_SHORT},
	{"S8BE", "bomb of 64 MB", PNG_DATA_LONG},
	{"SHOTOE", "IDAT in two runs", PNG_CHUNK_ORDER},
	{"SXpJE", "index beyond the palette", PNG_PALETTE_INDEX},
	{"SXIE", "no palette", PNG_NO_PLTE},
	{"SXqIE", "palette of 7 bytes", PNG_BAD_PLTE},
	{"SXrIE", "empty palette", PNG_BAD_PLTE},
	{"SXppIE", "two palettes", PNG_DUP_CHUNK},
	{"SHDpE", "palette after IDAT", PNG_CHUNK_ORDER},
	{"SXtpIE", "tRNS before PLTE", PNG_CHUNK_ORDER},
	{"SXpuIE", "tRNS longer than PLTE", PNG_BAD_TRNS},
	{"SXpttIE", "two tRNS", PNG_DUP_CHUNK},
	{"SHtDE", "tRNS with RGBA", PNG_BAD_TRNS},
	{"SHHDE", "two headers", PNG_DUP_CHUNK},
	{"SDE", "no header", PNG_CHUNK_ORDER},
	{"S9DE", "header of 14 bytes", PNG_BAD_IHDR},
	{"S0DE", "compression 1", PNG_BAD_IHDR},
	{"S7DE", "colour type 5", PNG_BAD_IHDR},
	{"SGDE", "3 bits", PNG_BAD_IHDR},
	{"S1DE", "16 bits in the strict profile", PNG_BAD_IHDR},
	{"S2DE", "interlace in the strict profile", PNG_BAD_IHDR},
	{"S3DE", "width 0", PNG_BAD_DIM},
	{"S4DE", "height 2^31", PNG_BAD_DIM},
	{"S5DE", "16384 x 16384", PNG_TOO_LARGE},
	{"S6DE", "2049 x 2048", PNG_TOO_LARGE},
	{"SHFE", "filter 5", PNG_BAD_FILTER},
	{"SHhE", "zlib header", PNG_ZLIB_HEADER},
	{"SHdE", "zlib dictionary", PNG_ZLIB_DICT},
	{"SHbE", "block type 3", PNG_ZLIB_DATA},
	{"SHaE", "Adler checksum", PNG_ZLIB_CHECKSUM},
	{"SHDe", "IEND with a payload", PNG_BAD_CHUNK_LEN},
	{"SHQ", "chunk of 2^32 - 1 bytes", PNG_BAD_CHUNK_LEN},
	{"SHVE", "reserved bit", PNG_BAD_CHUNK_TYPE},
	{"SHRE", "chunk name with a space", PNG_BAD_CHUNK_TYPE},
	{"SHwDE", "unknown critical chunk", PNG_UNKNOWN_CRITICAL},
	{"SHxDE", "animation", PNG_ANIMATED},
	{"SHyDE", "gamma of 3 bytes", PNG_ANCILLARY_LEN},
	{"SHYDE", "text of 64 KiB and a byte", PNG_ANCILLARY_LEN},
	{"SHggDE", "two gammas", PNG_DUP_CHUNK},
	{"SHDgE", "gamma after IDAT", PNG_CHUNK_ORDER},
	{"SHWDE", "257 texts", PNG_TOO_MANY_CHUNKS},
	{"SHTKDE", "CRC of an optional chunk", PNG_CRC},
	{"SHDEK", "CRC of IEND", PNG_CRC},
	{"SKHDE", "signature", PNG_NOT_PNG},
	{"SHD", "no IEND", PNG_TRUNCATED},
	{"", "empty", PNG_TRUNCATED},
};

static void
test_png_crafted(void)
{
	Bytes file = {0};

	for (size_t i = 0; i < LENGTH(crafted); i++)
	{
		PngResult result;
		bool metadata = strpbrk(crafted[i].letters, "Tv") != NULL;

		build(&file, crafted[i].letters);
		result = png_read(file.data, file.length, &png_strict_profile, NULL, NULL);
		ok(result.code == crafted[i].code && result.offset <= file.length &&
			   (result.code != SIGNATURE_OK || metadata == (result.reasons != 0)),
		   "PNG, %s: %s", crafted[i].what, name_of(result.code));
	}
	free(file.data);
}

/* Reads an exact copy, so that a sanitizer sees a read past the end. */
static PngResult
read_copy(const Bytes *file, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	PngResult result;

	if (copy == NULL)
		abort();
	memcpy(copy, file->data, length);
	result = png_read(copy, length, &png_generous_profile, NULL, NULL);
	free(copy);
	return result;
}

static void
test_png_damage(void)
{
	unsigned cut = 0, changed = 0, tried = 0;
	Bytes file = {0};

	build(&file, "SXptgIE");
	for (size_t length = 0; length < file.length; length++)
		cut += read_copy(&file, length).code == PNG_TRUNCATED ? 0 : 1;
	ok(cut == 0, "a PNG cut at any of %zu bytes is PNG_TRUNCATED", file.length);

	for (size_t i = 0; i < file.length; i++)
	{
		for (unsigned flip = 1; flip < 256; flip++, tried++)
		{
			file.data[i] ^= (uint8_t) flip;
			changed += read_copy(&file, file.length).code == SIGNATURE_OK ? 1 : 0;
			file.data[i] ^= (uint8_t) flip;
		}
	}
	ok(changed == 0, "a PNG with one byte changed is refused (%u of %u accepted)", changed, tried);
	free(file.data);
}

/* ---- pixels ---- */

typedef struct Picture
{
	uint32_t width;
	Bytes rgba;
} Picture;

static void
keep_row(void *context, const PngRow *row)
{
	Picture *picture = context;

	for (size_t i = 0; i < row->count; i++)
	{
		size_t at = ((size_t) row->y * picture->width + row->x + i * row->step) * 4;

		if (at + 4 <= picture->rgba.length)
			memcpy(picture->rgba.data + at, row->rgba + i * 4, 4);
	}
}

static SignatureCode
decode(const Bytes *file, Picture *picture)
{
	PngResult header = png_read_header(file->data, file->length, &png_generous_profile);
	size_t size = (size_t) header.info.width * header.info.height * 4;
	uint8_t *zeros;

	picture->rgba.length = 0;
	if (header.code != SIGNATURE_OK)
		return header.code;
	zeros = calloc(1, size);
	append(&picture->rgba, zeros, size);
	free(zeros);
	picture->width = header.info.width;
	return png_read(file->data, file->length, &png_generous_profile, keep_row, picture).code;
}

/* Applies filter y % 5 to the rows of a random RGB image: the reader must undo it. */
static void
test_png_filters(void)
{
	enum
	{
		side = 20,
		stride = side * 3
	};
	uint8_t image[side][stride], raw[side][stride + 1];
	Bytes file = {0};
	Picture picture = {0};
	bool same = true;

	for (int y = 0; y < side; y++)
	{
		raw[y][0] = (uint8_t) (y % 5);
		for (int x = 0; x < stride; x++)
		{
			int left = x >= 3 ? image[y][x - 3] : 0;
			int up = y > 0 ? image[y - 1][x] : 0;
			int corner = x >= 3 && y > 0 ? image[y - 1][x - 3] : 0;
			int p = left + up - corner;
			int nearest = abs(p - left) <= abs(p - up) && abs(p - left) <= abs(p - corner) ? left
						  : abs(p - up) <= abs(p - corner)                                 ? up
																						   : corner;
			const int guess[5] = {0, left, up, (left + up) / 2, nearest};

			image[y][x] = (uint8_t) next_random();
			raw[y][x + 1] = (uint8_t) (image[y][x] - guess[y % 5]);
		}
	}
	build(&file, "S");
	append_chunk(&file, "IHDR", "\0\0\0\24\0\0\0\24\10\2\0\0\0", 13);
	append_idat(&file, raw, sizeof(raw));
	append_chunk(&file, "IEND", "", 0);
	same = decode(&file, &picture) == SIGNATURE_OK;
	for (int i = 0; same && i < side * side * 3; i++)
		same = picture.rgba.data[i / 3 * 4 + i % 3] == image[i / stride][i % stride];
	ok(same, "the five filters are undone");
	free(file.data);
	free(picture.rgba.data);
}

static void
test_png_palette(void)
{
	static const uint8_t expected[16] = {1, 2, 3, 0, 4, 5, 6, 128, 4, 5, 6, 128, 4, 5, 6, 128};
	Bytes file = {0};
	Picture picture = {0};

	build(&file, "SXptIE");
	ok(decode(&file, &picture) == SIGNATURE_OK &&
		   memcmp(picture.rgba.data, expected, sizeof(expected)) == 0,
	   "palette and alpha reach the pixels");
	free(file.data);
	free(picture.rgba.data);
}

/* ---- PngSuite ---- */

/* What an image of the suite decodes to, to compare the interlaced twins. */
static struct
{
	char name[32];
	uLong crc;
} suite[256];
static unsigned suite_count;

/* Names that begin with x are broken files. */
static void
visit_suite(const char *name, Bytes *file)
{
	Picture picture = {0};
	SignatureCode code = decode(file, &picture);

	ok((code == SIGNATURE_OK) == (name[0] != 'x'), "PngSuite %s: %s", name, name_of(code));
	if (suite_count < LENGTH(suite))
	{
		snprintf(suite[suite_count].name, sizeof(suite[0].name), "%s", name);
		suite[suite_count++].crc = crc32(0, picture.rgba.data, (uInt) picture.rgba.length);
	}
	free(picture.rgba.data);
}

/* basiXYYY is basnXYYY with Adam7: the reader of one checks that of the other. */
static void
test_png_suite(void)
{
	unsigned count = each_vector("pngsuite", ".png", visit_suite);

	if (count == 0)
		return;
	ok(count >= 170, "PngSuite is whole (%u files)", count);
	for (unsigned i = 0; i < suite_count; i++)
	{
		if (strncmp(suite[i].name, "basi", 4) != 0)
			continue;
		for (unsigned j = 0; j < suite_count; j++)
		{
			if (strncmp(suite[j].name, "basn", 4) == 0 &&
				strcmp(suite[j].name + 4, suite[i].name + 4) == 0)
				ok(suite[i].crc == suite[j].crc, "%s shows what %s shows", suite[i].name,
				   suite[j].name);
		}
	}
}

int
main(void)
{
	test_png_crafted();
	test_png_damage();
	test_png_filters();
	test_png_palette();
	test_png_suite();
	return tests_done();
}
