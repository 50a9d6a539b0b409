/*
 * calendar_test.c
 *		French public holidays (src/ident/calendar), without a server: prints TAP.
 *
 * Easter Sundays: those published for 2024 to 2035, and 1954, 1981, 2049.
 */
#include "ident/calendar.h"

#include "tap.h"

typedef struct Easter
{
	int year;
	int32_t day; /* since 2000-01-01 */
} Easter;

static const Easter easters[] = {
	{1954, -16694}, {1981, -6831}, {2000, 113},   {2024, 8856},  {2025, 9241},  {2026, 9591},
	{2027, 9948},   {2028, 10333}, {2029, 10683}, {2030, 11068}, {2031, 11425}, {2032, 11775},
	{2033, 12160},  {2034, 12517}, {2035, 12867}, {2049, 18005},
};

int
main(void)
{
	int working = 0;

	for (size_t i = 0; i < LENGTH(easters); i++)
	{
		ok(calendar_easter(easters[i].year) == easters[i].day, "Easter %d", easters[i].year);
	}
	bool sundays = true;

	for (int year = 1583; year <= 9999; year++)
		sundays &= ((calendar_easter(year) % 7) + 7) % 7 == 1;
	ok(sundays, "Easter is a Sunday in every year from 1583 to 9999");
	for (int32_t d = 9132; d < 9132 + 365; d++)
		working += calendar_is_working(d, ZONE_MAINLAND, WORKING_OUVRES);
	ok(working == 251, "2025 has 251 jours ouvres on the mainland");
	ok(calendar_holiday(CALENDAR_FIRST_DAY, ZONE_MAINLAND) != NULL, "1 January of the year 1");
	ok(calendar_holiday(CALENDAR_FIRST_DAY - 1, ZONE_MAINLAND) == NULL, "nothing is told before");
	ok(calendar_holiday(CALENDAR_LAST_DAY + 1, ZONE_MAINLAND) == NULL,
	   "nothing is told after 9999");
	ok(calendar_add_working(CALENDAR_FIRST_DAY, -1, ZONE_MAINLAND, WORKING_OUVRES) ==
		   CALENDAR_LAST_DAY + 1,
	   "no working day before the first");
	ok(calendar_add_working(CALENDAR_LAST_DAY, 1, ZONE_MAINLAND, WORKING_OUVRES) ==
		   CALENDAR_LAST_DAY + 1,
	   "no working day after the last");
	return tests_done();
}
