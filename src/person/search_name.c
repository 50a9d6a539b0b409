/*
 * search_name.c
 *		Names as a search compares them: see search_name.h.
 */
#include "person/search_name.h"

#include <stdint.h>
#include <string.h>

/* What a letter becomes: '.' stays as it is, '#' is in two_letters. */
static const char latin[] = /* U+00C0 to U+024F; bases of the Unicode decompositions */
	"aaaaaa#ceeeeiiiidnooooo.ouuuuy##aaaaaa#ceeeeiiiidnooooo.ouuuuy#y"
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii##jjkkkllllll."
	".llnnnnnnnnnoooooo##rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"
	"bbbb..occdddd.eeeffg.#iikkl.mnnooo##ppr..s.ttttuuuvyyzzz.......w"
	"....#########aaiioouuuuuuuuuueaaaa##ggggkkoooozzj###gg#wnnaa##oo"
	"aaaaeeeeiiiioooorrrruuuussttyyhhnd##zzaaeeooooooooyylntj##acclts"
	"z..buveejjqqrryy";
static const char latin_additional[] = /* U+1E00 to U+1EFF */
	"aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
	"mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
	"wwwwwwwwwwxxxxyyzzzzzzhtwy.sss#daaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
	"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy##vvyy";

static const struct
{
	uint16_t from, to;
	char letters[4];
} two_letters[] = {
	{0x00C6, 0x00C6, "ae"},  {0x00DE, 0x00DE, "th"},  {0x00DF, 0x00DF, "ss"},
	{0x00E6, 0x00E6, "ae"},  {0x00FE, 0x00FE, "th"},  {0x0132, 0x0133, "ij"},
	{0x0152, 0x0153, "oe"},  {0x0195, 0x0195, "hv"},  {0x01A2, 0x01A3, "oi"},
	{0x01C4, 0x01C6, "dz"},  {0x01C7, 0x01C9, "lj"},  {0x01CA, 0x01CC, "nj"},
	{0x01E2, 0x01E3, "ae"},  {0x01F1, 0x01F3, "dz"},  {0x01F6, 0x01F6, "hv"},
	{0x01FC, 0x01FD, "ae"},  {0x0222, 0x0223, "ou"},  {0x0238, 0x0238, "db"},
	{0x0239, 0x0239, "qp"},  {0x1E9E, 0x1E9E, "ss"},  {0x1EFA, 0x1EFB, "ll"},
	{0xFB00, 0xFB00, "ff"},  {0xFB01, 0xFB01, "fi"},  {0xFB02, 0xFB02, "fl"},
	{0xFB03, 0xFB03, "ffi"}, {0xFB04, 0xFB04, "ffl"}, {0xFB05, 0xFB06, "st"},
};

typedef struct Range
{
	uint32_t from, to;
} Range;

/* Combining marks of Latin, and signs without width: nothing is left of them. */
static const Range dropped[] = {{0x00AD, 0x00AD}, {0x0300, 0x036F}, {0x1AB0, 0x1AFF},
								{0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x2060, 0x2060},
								{0x20D0, 0x20FF}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};

/* Signs of Latin-1, modifier letters used as apostrophes, general punctuation. */
static const Range parting[] = {{0x0080, 0x00A9}, {0x00AB, 0x00B9}, {0x00BB, 0x00BF},
								{0x00D7, 0x00D7}, {0x00F7, 0x00F7}, {0x02B9, 0x02BD},
								{0x2000, 0x206F}, {0x2212, 0x2212}, {0x3000, 0x3000}};

/* Capitals whose small letters lie at a fixed distance: Greek, Cyrillic. */
static const struct
{
	uint16_t from, to, distance;
} capitals[] = {{0x0391, 0x03AB, 0x20}, {0x0400, 0x040F, 0x50}, {0x0410, 0x042F, 0x20}};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_within(const Range *ranges, size_t count, uint32_t point)
{
	for (size_t i = 0; i < count; i++)
	{
		if (point >= ranges[i].from && point <= ranges[i].to)
			return true;
	}
	return false;
}

/* The code point at text, and how many bytes it takes; a byte that is no UTF-8 is a blank. */
static uint32_t
take_point(const uint8_t *text, size_t length, size_t *size)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t want = text[0] < 0x80 ? 1 : text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
	uint32_t point = want == 1 ? text[0] : text[0] & (0x7F >> want);

	*size = 1;
	if (want == 1)
		return point;
	if (want > length || text[0] < 0xC2 || text[0] > 0xF4)
		return ' ';
	for (size_t i = 1; i < want; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
			return ' ';
		point = (point << 6) | (text[i] & 0x3F);
	}
	if (point < least[want])
		return ' ';
	*size = want;
	return point;
}

/* The letters of a Latin letter, NULL for any other. */
static const char *
latin_letters(uint32_t point, char single[2])
{
	char base = '.';

	if (point >= 0x00C0 && point <= 0x024F)
		base = latin[point - 0x00C0];
	else if (point >= 0x1E00 && point <= 0x1EFF)
		base = latin_additional[point - 0x1E00];
	else if (point == 0x00AA || point == 0x00BA) /* ordinal signs */
		base = point == 0x00AA ? 'a' : 'o';
	else if (point >= 0xFB00 && point <= 0xFB06)
		base = '#';
	if (base == '.')
		return NULL;
	for (size_t i = 0; base == '#' && i < LENGTH(two_letters); i++)
	{
		if (point >= two_letters[i].from && point <= two_letters[i].to)
			return two_letters[i].letters;
	}
	single[0] = base;
	single[1] = '\0';
	return single;
}

/* What a Greek or Cyrillic capital is in small; both take two bytes. */
static uint32_t
small_letter(uint32_t point)
{
	for (size_t i = 0; i < LENGTH(capitals); i++)
	{
		if (point >= capitals[i].from && point <= capitals[i].to)
			return point + capitals[i].distance;
	}
	return point;
}

/* Writes what one code point of `size` bytes becomes; 0 for nothing. */
static size_t
fold_point(uint32_t point, const char *text, size_t size, char *out)
{
	char single[2];
	const char *letters;
	uint32_t small;

	if (point >= 'A' && point <= 'Z')
		point += 'a' - 'A';
	if (point < 0x80)
	{
		*out =
			(char) ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9') ? point : ' ');
		return 1;
	}
	letters = latin_letters(point, single);
	if (letters != NULL)
	{
		size_t count = 0;

		for (; letters[count] != '\0'; count++)
			out[count] = letters[count];
		return count;
	}
	if (is_within(dropped, LENGTH(dropped), point))
		return 0;
	if (is_within(parting, LENGTH(parting), point))
	{
		*out = ' ';
		return 1;
	}
	memcpy(out, text, size);
	small = small_letter(point);
	if (small != point)
	{
		out[0] = (char) (0xC0 | (small >> 6));
		out[1] = (char) (0x80 | (small & 0x3F));
	}
	return size;
}

size_t
search_name_fold(const char *text, size_t length, char *out)
{
	size_t at = 0;
	size_t done = 0;

	while (at < length)
	{
		size_t size;
		uint32_t point = take_point((const uint8_t *) text + at, length - at, &size);
		size_t written = fold_point(point, text + at, size, out + done);

		/* of several blanks one, and none in front */
		if (written == 1 && out[done] == ' ' && (done == 0 || out[done - 1] == ' '))
			written = 0;
		done += written;
		at += size;
	}
	return done > 0 && out[done - 1] == ' ' ? done - 1 : done;
}

/* Where the word at `at` ends. */
static size_t
word_end(const char *text, size_t length, size_t at)
{
	const char *blank = at < length ? memchr(text + at, ' ', length - at) : NULL;

	return blank == NULL ? length : (size_t) (blank - text);
}

/* -1: no word of the name begins so; 0: one is this word; 1: one begins so. */
static int
match_word(const char *name, size_t name_length, const char *word, size_t word_length)
{
	int found = -1;

	for (size_t at = 0; at < name_length;)
	{
		size_t end = word_end(name, name_length, at);

		if (end - at >= word_length && memcmp(name + at, word, word_length) == 0)
		{
			if (end - at == word_length)
				return 0;
			found = 1;
		}
		at = end + 1;
	}
	return found;
}

int
search_name_match(const char *name, size_t name_length, const char *query, size_t query_length)
{
	int misses = 0;

	for (size_t at = 0; at < query_length;)
	{
		size_t end = word_end(query, query_length, at);
		int found = match_word(name, name_length, query + at, end - at);

		if (found < 0)
			return -1;
		misses += found;
		at = end + 1;
	}
	return misses;
}
