/*
 * esf_tally_fuzz.c
 *		Tallies of ESF participations as text and as bytes: what is taken has no counter
 *		out of its range, comes back the same, and adds up with itself.
 */
#include "esf/tally.h"
#include "fuzz.h"

static void
check_tally(const EsfTally *tally)
{
	const int64_t *counters = (const int64_t *) tally + 1;
	char text[ESF_TALLY_TEXT_MAX];
	uint8_t bytes[ESF_TALLY_BYTES];
	EsfTally again;
	EsfTally rest = *tally;

	REQUIRE(tally->framework >= ESF_NO_FRAMEWORK && tally->framework <= ESF_2014);
	for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
		REQUIRE(counters[i] >= 0 && counters[i] <= ESF_TALLY_MAX);
	esf_tally_format(tally, text);
	REQUIRE(strlen(text) < ESF_TALLY_TEXT_MAX);
	REQUIRE(esf_tally_parse(text, strlen(text), &again));
	REQUIRE(memcmp(tally, &again, sizeof(again)) == 0);
	esf_tally_write(tally, bytes);
	REQUIRE(esf_tally_read(bytes, sizeof(bytes), &again));
	REQUIRE(memcmp(tally, &again, sizeof(again)) == 0);
	REQUIRE(esf_tally_subtract(&rest, tally) == ESF_TALLY_OK);
	for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
		REQUIRE(((int64_t *) &rest)[1 + i] == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = exact_copy(data, size);
	EsfTally tally;

	if (esf_tally_parse((const char *) copy, size, &tally))
		check_tally(&tally);
	if (esf_tally_read(copy, size, &tally))
		check_tally(&tally);
	free(copy);
	return 0;
}
