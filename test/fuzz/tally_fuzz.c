/*
 * tally_fuzz.c
 *		Text of attest.tally: what is read is consistent, printed and read back the same;
 *		sums and differences undo each other or are refused.
 */
#include "attendance/tally.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	char printed[TALLY_TEXT_MAX];
	Tally tally, again, sum;

	if (tally_parse(text, size, &tally) == NULL)
	{
		REQUIRE(tally_is_consistent(&tally));
		tally_print(&tally, printed);
		REQUIRE(strlen(printed) < TALLY_TEXT_MAX);
		REQUIRE(tally_parse(printed, strlen(printed), &again) == NULL);
		REQUIRE(tally_equal(&tally, &again));
		sum = tally;
		if (tally_add(&sum, &tally))
		{
			REQUIRE(tally_is_consistent(&sum));
			REQUIRE(tally_subtract(&sum, &tally) && tally_equal(&sum, &tally));
		}
	}
	free(text);
	return 0;
}
