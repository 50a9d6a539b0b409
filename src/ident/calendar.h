/*
 * calendar.h
 *		French public holidays and working days, without the server.
 *
 * Days are counted from 2000-01-01, as PostgreSQL counts them.
 */
#ifndef ATTEST_IDENT_CALENDAR_H
#define ATTEST_IDENT_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Days that calendar.c can tell: the years 1 to 9999. */
#define CALENDAR_FIRST_DAY (-730119)
#define CALENDAR_LAST_DAY  2921939

/*
 * Zones with the same holidays.  Good Friday in Alsace-Moselle is a holiday only
 * in communes with a Protestant or shared church (ordinance of 16 August 1892,
 * L3134-13 of the Labour Code): hence two zones.
 */
#define CALENDAR_ZONES(X)                                 \
	X(MAINLAND, "mainland")                               \
	X(ALSACE_MOSELLE, "alsace_moselle")                   \
	X(ALSACE_MOSELLE_CHURCH, "alsace_moselle_protestant") \
	X(GUADELOUPE, "guadeloupe")                           \
	X(MARTINIQUE, "martinique")                           \
	X(GUYANE, "guyane")                                   \
	X(REUNION, "reunion")                                 \
	X(MAYOTTE, "mayotte")                                 \
	X(SAINT_BARTHELEMY, "saint_barthelemy")               \
	X(SAINT_MARTIN, "saint_martin")                       \
	X(SAINT_PIERRE_MIQUELON, "saint_pierre_et_miquelon")

typedef enum CalendarZone
{
#define X(name, code) ZONE_##name,
	CALENDAR_ZONES(X)
#undef X
		ZONE_COUNT
} CalendarZone;

extern const char *const calendar_zones[ZONE_COUNT];

/*
 * Days on which one works: jours ouvres are Monday to Friday, jours ouvrables
 * Monday to Saturday, both less the public holidays.
 */
typedef enum WorkingDays
{
	WORKING_OUVRES,
	WORKING_OUVRABLES
} WorkingDays;

/* Easter Sunday of a year of the Gregorian calendar. */
extern int32_t calendar_easter(int year);

/* The name of the holiday, or NULL. */
extern const char *calendar_holiday(int32_t day, CalendarZone zone);

extern bool calendar_is_working(int32_t day, CalendarZone zone, WorkingDays kind);

/*
 * The count-th working day after a day (before it, when negative), which does
 * not count itself; with 0 the day, or the first working day after it.
 * CALENDAR_LAST_DAY + 1 when it lies outside the years that can be told.
 */
extern int32_t calendar_add_working(int32_t day, int count, CalendarZone zone, WorkingDays kind);

#endif /* ATTEST_IDENT_CALENDAR_H */
