/*
 * calendar.c
 *		French public holidays and working days, without the server.
 *
 * Sources: L3133-1 of the Labour Code (the eleven days), L3134-13 (Alsace-Moselle),
 * L3422-2 (overseas).  Years since when: 1 May 1920, 8 May 1953 to 1959 and again
 * since 1982, 11 November 1918, Reunion 1981, Guadeloupe 1983.  Days before a
 * holiday was made are not told apart otherwise.
 */
#include "ident/calendar.h"

#define DAYS_400_YEARS 146097
/* From 0000-03-01, where the arithmetic below starts, to 2000-01-01. */
#define DAYS_TO_2000 730425

typedef struct FixedDay
{
	int zone; /* -1: everywhere */
	int month;
	int day;
	int since;
	int until;
	const char *name;
} FixedDay;

#define ALWAYS  1
#define FOREVER 9999

static const FixedDay fixed_days[] = {
	{-1, 1, 1, ALWAYS, FOREVER, "new_year"},
	{-1, 5, 1, 1920, FOREVER, "labour_day"},
	{-1, 5, 8, 1953, 1959, "victory_1945"},
	{-1, 5, 8, 1982, FOREVER, "victory_1945"},
	{-1, 7, 14, ALWAYS, FOREVER, "national_day"},
	{-1, 8, 15, ALWAYS, FOREVER, "assumption"},
	{-1, 11, 1, ALWAYS, FOREVER, "all_saints"},
	{-1, 11, 11, 1918, FOREVER, "armistice_1918"},
	{-1, 12, 25, ALWAYS, FOREVER, "christmas"},
	{ZONE_ALSACE_MOSELLE, 12, 26, ALWAYS, FOREVER, "saint_stephen"},
	{ZONE_ALSACE_MOSELLE_CHURCH, 12, 26, ALWAYS, FOREVER, "saint_stephen"},
	{ZONE_GUADELOUPE, 5, 27, 1983, FOREVER, "abolition_of_slavery"},
	{ZONE_MARTINIQUE, 5, 22, ALWAYS, FOREVER, "abolition_of_slavery"},
	{ZONE_GUYANE, 6, 10, ALWAYS, FOREVER, "abolition_of_slavery"},
	{ZONE_REUNION, 12, 20, 1981, FOREVER, "abolition_of_slavery"},
	{ZONE_MAYOTTE, 4, 27, ALWAYS, FOREVER, "abolition_of_slavery"},
	{ZONE_SAINT_BARTHELEMY, 10, 9, ALWAYS, FOREVER, "abolition_of_slavery"},
	{ZONE_SAINT_MARTIN, 5, 27, ALWAYS, 2017, "abolition_of_slavery"},
	{ZONE_SAINT_MARTIN, 5, 28, 2018, FOREVER, "abolition_of_slavery"},
};

#define FIXED_DAYS (sizeof(fixed_days) / sizeof(fixed_days[0]))

const char *const calendar_zones[ZONE_COUNT] = {
#define X(name, code) code,
	CALENDAR_ZONES(X)
#undef X
};

/* Years start on 1 March here, so that the leap day is the last one. */
static int32_t
day_of(int year, int month, int day)
{
	int y = year - (month <= 2);
	int era = (y >= 0 ? y : y - 399) / 400;
	int of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * DAYS_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_2000;
}

static void
date_of(int32_t day, int *year, int *month, int *day_of_month)
{
	int32_t z = day + DAYS_TO_2000;
	int era = (z >= 0 ? z : z - (DAYS_400_YEARS - 1)) / DAYS_400_YEARS;
	int of_era = z - era * DAYS_400_YEARS;
	int y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * y + y / 4 - y / 100);
	int m = (5 * of_year + 2) / 153;

	*day_of_month = of_year - (153 * m + 2) / 5 + 1;
	*month = m + (m < 10 ? 3 : -9);
	*year = y + era * 400 + (*month <= 2);
}

/* The anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, chapter 8). */
int32_t
calendar_easter(int year)
{
	int a = year % 19;
	int b = year / 100;
	int c = year % 100;
	int d = b / 4;
	int e = b % 4;
	int g = (b - (b + 8) / 25 + 1) / 3;
	int h = (19 * a + b - d - g + 15) % 30;
	int l = (32 + 2 * e + 2 * (c / 4) - h - c % 4) % 7;
	int m = (a + 11 * h + 22 * l) / 451;
	int n = h + l - 7 * m + 114;

	return day_of(year, n / 31, n % 31 + 1);
}

const char *
calendar_holiday(int32_t day, CalendarZone zone)
{
	int year;
	int month;
	int of_month;

	if (day < CALENDAR_FIRST_DAY || day > CALENDAR_LAST_DAY)
		return NULL;
	date_of(day, &year, &month, &of_month);
	for (size_t i = 0; i < FIXED_DAYS; i++)
	{
		const FixedDay *fixed = &fixed_days[i];

		if (fixed->month == month && fixed->day == of_month && year >= fixed->since &&
			year <= fixed->until && (fixed->zone == -1 || fixed->zone == (int) zone))
			return fixed->name;
	}
	switch (day - calendar_easter(year))
	{
		case -2:
			return zone == ZONE_ALSACE_MOSELLE_CHURCH ? "good_friday" : NULL;
		case 1:
			return "easter_monday";
		case 39:
			return "ascension";
		case 50:
			return "whit_monday";
		default:
			return NULL;
	}
}

bool
calendar_is_working(int32_t day, CalendarZone zone, WorkingDays kind)
{
	/* 2000-01-01 was a Saturday: 0 is Saturday, 1 Sunday. */
	int weekday = ((day % 7) + 7) % 7;

	if (weekday == 1 || (weekday == 0 && kind == WORKING_OUVRES))
		return false;
	return calendar_holiday(day, zone) == NULL;
}

int32_t
calendar_add_working(int32_t day, int count, CalendarZone zone, WorkingDays kind)
{
	int step = count < 0 ? -1 : 1;

	if (count == 0)
	{
		if (day >= CALENDAR_FIRST_DAY && day <= CALENDAR_LAST_DAY &&
			calendar_is_working(day, zone, kind))
			return day;
		count = 1;
	}
	while (count != 0)
	{
		day += step;
		if (day < CALENDAR_FIRST_DAY || day > CALENDAR_LAST_DAY)
			return CALENDAR_LAST_DAY + 1;
		if (calendar_is_working(day, zone, kind))
			count -= step;
	}
	return day;
}
