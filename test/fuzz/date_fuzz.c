/*
 * date_fuzz.c
 *		Dates of ESF participations: each has one text, a place in the calendar that
 *		another formula gives too, and an age that grows on the birthday.
 */
#include "esf/indicator.h"
#include "fuzz.h"

#define DATE_LENGTH 10
#define EPOCH_DAYS  730425 /* 2000-01-01, counted from 0000-03-01 */

/* Days from the civil date with the year beginning in March. */
static int
days_again(EsfDate date)
{
	int year = date.year - (date.month <= 2);
	int month = (date.month + 9) % 12;

	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date.day - 1 -
		   EPOCH_DAYS;
}

static void
check_text(EsfDate date, const char *text)
{
	char again[64];

	snprintf(again, sizeof(again), "%04d-%02d-%02d", date.year, date.month, date.day);
	REQUIRE(strlen(again) == DATE_LENGTH && memcmp(again, text, DATE_LENGTH) == 0);
	REQUIRE(esf_date_known(date));
	REQUIRE(esf_date_days(date) == days_again(date));
}

static void
check_age(EsfDate birth, EsfDate on)
{
	EsfDate turn = birth;
	int age;

	if (esf_date_days(on) < esf_date_days(birth))
		return;
	age = esf_age(birth, on);
	turn.year += age;
	REQUIRE(age >= 0 && days_again(turn) <= days_again(on));
	turn.year++;
	REQUIRE(days_again(turn) > days_again(on));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	size_t first = size < DATE_LENGTH ? size : DATE_LENGTH;
	EsfFramework framework;
	EsfDate birth, on;

	if (esf_framework_parse(text, size, &framework))
	{
		const char *name = esf_framework_name(framework);

		REQUIRE(strlen(name) == size && memcmp(name, text, size) == 0);
	}
	if (!esf_date_parse(text, first, &birth))
		return 0;
	REQUIRE(first == DATE_LENGTH);
	check_text(birth, text);
	if (!esf_date_parse(text + first, size - first, &on))
		return 0;
	check_text(on, text + first);
	check_age(birth, on);
	return 0;
}
