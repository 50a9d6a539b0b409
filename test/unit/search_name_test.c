/*
 * search_name_test.c
 *		Names as a search compares them (src/person/search_name): prints TAP.
 *
 * Sources: the Unicode Character Database for decompositions, by code point;
 * names as they are written in France and its neighbours; search_name.h.
 */
#include "person/search_name.h"
#include "tap.h"

static const struct
{
	const char *text, *folded;
} cases[] = {
	{"", ""},
	{" ", ""},
	{"-'", ""},
	{"DUPONT", "dupont"},
	{"Lefèvre", "lefevre"},
	{"Lefe\xCC\x80vre", "lefevre"}, /* U+0300 after the letter */
	{"Le Gall-Riou", "le gall riou"},
	{"  Le   Gall - Riou ", "le gall riou"},
	{"d'Épreuve", "d epreuve"},
	{"d\u2019Épreuve", "d epreuve"},
	{"Jean\u2011Noël", "jean noel"}, /* a hyphen that does not break */
	{"Jean\u00A0Noël", "jean noel"},
	{"Jean\u00ADNoël", "jeannoel"}, /* a soft hyphen is no hyphen */
	{"Jean\u200BNoël", "jeannoel"},
	{"Œuvrard", "oeuvrard"},
	{"Lætitia", "laetitia"},
	{"Straße", "strasse"},
	{"STRAẞE", "strasse"},
	{"Sørensen", "sorensen"},
	{"Łukasz Đorđević", "lukasz dordevic"},
	{"Ðorđe Þór", "dorde thor"},
	{"Nguyễn Thị Ánh", "nguyen thi anh"},
	{"Şükrü İnönü ığ", "sukru inonu ig"},
	{"Ĳsbrand van 't Hoff", "ijsbrand van t hoff"},
	{"ĆAPEK Ļ ŉ ſ", "capek l n s"},
	{"Ǆ ǈ ǋ ǲ", "dz lj nj dz"},
	{"\uFB03 \uFB01 \uFB06", "ffi fi st"},
	{"Mª José 1º", "ma jose 1o"},
	{"ΣΩΦΙΑ", "σωφια"},
	{"Ёлкина ЖУКОВ", "ёлкина жуков"},
	{"李 小龙", "李 小龙"},
	{"O’Brien; M.-J. (née) 2/3", "o brien m j nee 2 3"},
	{"a\tb\r\nc", "a b c"},
	{"a\x01\x7F"
	 "b",
	 "a b"},
	{"\xE9t\xE9", "t"},                 /* Latin-1 is no UTF-8 */
	{"a\xC3", "a"},                     /* cut short */
	{"a\xC0\xAF\xE0\x80\xAF b", "a b"}, /* longer than needed */
	{"\xF8\x88\x80\x80\x80x", "x"},
	{"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
};

static const struct
{
	const char *name, *query;
	int misses;
	const char *what;
} matches[] = {
	{"le gall marie", "le gall", 0, "whole words"},
	{"le gall marie", "marie gall", 0, "in any order"},
	{"le gall marie", "mar", 1, "the beginning of a word"},
	{"le gall marie", "mar ga le", 2, "some whole, some begun"},
	{"le gall marie", "all", -1, "the middle of a word"},
	{"le gall marie", "legall", -1, "two words in one"},
	{"le gall marie", "gall marie anne", -1, "a word too many"},
	{"le gall marie", "maries", -1, "longer than the word"},
	{"marie maria", "maria", 0, "the whole word after one that only begins so"},
	{"marie", "marie marie", 0, "a word twice"},
	{"", "a", -1, "a name of nothing"},
	{"a", "a", 0, "one letter"},
};

static bool
folds(const char *text, const char *folded)
{
	size_t length = strlen(text);
	char *exact = malloc(length + 1);
	char *out = malloc(length + 1);
	size_t done;
	bool right;

	if (exact == NULL || out == NULL)
		abort();
	memcpy(exact + 1, text, length);
	done = search_name_fold(exact + 1, length, out + 1);
	right = done == strlen(folded) && memcmp(out + 1, folded, done) == 0;
	if (!right)
		printf("# %s: got \"%.*s\"\n", text, (int) done, out + 1);
	free(exact);
	free(out);
	return right;
}

/* Every point of the tables becomes something that stays when folded again. */
static void
test_all_points(void)
{
	size_t wrong = 0;

	for (unsigned point = 0x80; point <= 0xFFFF; point++)
	{
		char text[] = {(char) (0xE0 | (point >> 12)), (char) (0x80 | ((point >> 6) & 0x3F)),
					   (char) (0x80 | (point & 0x3F))};
		char two[] = {(char) (0xC0 | (point >> 6)), (char) (0x80 | (point & 0x3F))};
		char once[3], twice[3];
		size_t length =
			point < 0x800 ? search_name_fold(two, 2, once) : search_name_fold(text, 3, once);

		wrong +=
			search_name_fold(once, length, twice) != length || memcmp(once, twice, length) != 0;
	}
	ok(wrong == 0, "fold: every code point up to U+FFFF is stable after one folding");
}

int
main(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
		ok(folds(cases[i].text, cases[i].folded), "fold: case %zu", i + 1);
	test_all_points();
	for (size_t i = 0; i < LENGTH(matches); i++)
		ok(search_name_match(matches[i].name, strlen(matches[i].name), matches[i].query,
							 strlen(matches[i].query)) == matches[i].misses,
		   "match: %s", matches[i].what);
	return tests_done();
}
