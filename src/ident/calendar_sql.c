/*
 * calendar_sql.c
 *		French public holidays and working days, for SQL.
 */
#include "ident/ident.h"

#include "ident/calendar.h"
#include "utils/builtins.h"
#include "utils/date.h"

ATTEST_FUNCTION(attest_holiday);
ATTEST_FUNCTION(attest_add_working_days);

/* A working lifetime: keeps a mistyped count from walking through centuries. */
#define MAX_WORKING_DAYS 20000

#define ACCEPTED_ZONES                                                                      \
	"mainland, alsace_moselle, alsace_moselle_protestant, guadeloupe, martinique, guyane, " \
	"reunion, mayotte, saint_barthelemy, saint_martin, saint_pierre_et_miquelon"

static CalendarZone
zone_of(const text *name)
{
	for (int zone = 0; zone < ZONE_COUNT; zone++)
		if (VARSIZE_ANY_EXHDR(name) == strlen(calendar_zones[zone]) &&
			memcmp(VARDATA_ANY(name), calendar_zones[zone], VARSIZE_ANY_EXHDR(name)) == 0)
			return (CalendarZone) zone;
	fail(ERR_field_unknown_value, "zone", ACCEPTED_ZONES);
}

static WorkingDays
kind_of(const text *name)
{
	char *kind = text_to_cstring(name);

	if (strcmp(kind, "ouvres") == 0)
		return WORKING_OUVRES;
	if (strcmp(kind, "ouvrables") == 0)
		return WORKING_OUVRABLES;
	fail(ERR_field_unknown_value, "kind", "ouvres, ouvrables");
}

static int32
day_within(DateADT day)
{
	if (DATE_NOT_FINITE(day) || day < CALENDAR_FIRST_DAY || day > CALENDAR_LAST_DAY)
		fail(ERR_bad_value, "day", "a day of the years 1 to 9999");
	return day;
}

/* attest.holiday(day date, zone text) */
Datum
attest_holiday(PG_FUNCTION_ARGS)
{
	int32 day = day_within(PG_GETARG_DATEADT(0));
	const char *name = calendar_holiday(day, zone_of(PG_GETARG_TEXT_PP(1)));

	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* attest.add_working_days(day date, days int, zone text, kind text) */
Datum
attest_add_working_days(PG_FUNCTION_ARGS)
{
	int32 day = day_within(PG_GETARG_DATEADT(0));
	int32 days = PG_GETARG_INT32(1);
	CalendarZone zone = zone_of(PG_GETARG_TEXT_PP(2));
	WorkingDays kind = kind_of(PG_GETARG_TEXT_PP(3));

	if (days < -MAX_WORKING_DAYS || days > MAX_WORKING_DAYS)
		fail(ERR_bad_value, "days", "from -20000 to 20000");
	day = calendar_add_working(day, days, zone, kind);
	PG_RETURN_DATEADT(day_within(day));
}
