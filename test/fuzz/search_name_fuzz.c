/*
 * search_name_fuzz.c
 *		Names as a search compares them: folding never grows, ends where it says, is
 *		stable, leaves no sign of ASCII but single blanks; a name matches itself.
 */
#include "fuzz.h"
#include "person/search_name.h"

static void
check_form(const char *folded, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) folded[i];

		REQUIRE(c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ' ');
		REQUIRE(c != ' ' || (i > 0 && i + 1 < length && folded[i - 1] != ' '));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	char *once = exact_copy(data, size);
	size_t length = search_name_fold(text, size, once);
	char *folded = exact_copy(once, length);
	char *twice = exact_copy(once, length);

	REQUIRE(length <= size);
	check_form(once, length);
	REQUIRE(search_name_fold(folded, length, twice) == length);
	REQUIRE(memcmp(folded, twice, length) == 0);
	REQUIRE(search_name_match(folded, length, folded, length) == 0);
	REQUIRE(search_name_match(folded, length, folded, length / 2) >= 0);
	free(twice);
	free(folded);
	free(once);
	free(text);
	return 0;
}
