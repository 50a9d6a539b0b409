-- ident, calendar: French public holidays, working days, periods.

CREATE FUNCTION attest.holiday(day date, zone text DEFAULT 'mainland') RETURNS text
AS 'MODULE_PATHNAME', 'attest_holiday' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.holiday(date, text) IS
'Name of the French public holiday on a day, or NULL: new_year, easter_monday, labour_day, victory_1945, ascension, whit_monday, national_day, assumption, all_saints, armistice_1918, christmas; good_friday, saint_stephen in Alsace-Moselle, abolition_of_slavery overseas. zone: mainland, alsace_moselle, alsace_moselle_protestant (communes with a Protestant or shared church: Good Friday too, ordinance of 16 August 1892), guadeloupe, martinique, guyane, reunion, mayotte, saint_barthelemy, saint_martin, saint_pierre_et_miquelon. Source: L3133-1, L3134-13 and L3422-2 of the Labour Code. Error TA334 for another zone, TA012 outside the years 1 to 9999.';

CREATE FUNCTION attest.holidays(year int, zone text DEFAULT 'mainland', OUT day date, OUT name text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.day, h.name
  FROM (SELECT make_date(year, 1, 1) + n AS day, attest.holiday(make_date(year, 1, 1) + n, zone) AS name
    FROM generate_series(0, make_date(year, 12, 31) - make_date(year, 1, 1)) n) h
  WHERE h.name IS NOT NULL
  ORDER BY h.day
$$;
COMMENT ON FUNCTION attest.holidays(int, text) IS 'The French public holidays of a year; zones and names as attest.holiday().';

CREATE FUNCTION attest.add_working_days(day date, days int, zone text DEFAULT 'mainland', kind text DEFAULT 'ouvres') RETURNS date
AS 'MODULE_PATHNAME', 'attest_add_working_days' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION attest.add_working_days(date, int, text, text) IS
'The day that lies so many working days after a day (before it, when negative), which does not count itself (Code of Civil Procedure, art. 641); with 0 the day, or the next working day. kind: ouvres (Monday to Friday) or ouvrables (Monday to Saturday), both less the public holidays of the zone. Errors TA334 for another zone or kind, TA012 for more than 20000 days.';

CREATE FUNCTION attest.due_day(since date, period interval, zone text DEFAULT 'mainland', extend boolean DEFAULT false) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN extend THEN attest.add_working_days((since + period)::date, 0, zone, 'ouvres') ELSE (since + period)::date END
$$;
COMMENT ON FUNCTION attest.due_day(date, interval, text, boolean) IS
'Last day of a period of months and days that an event starts: its day does not count; the same day of the month, or the last one of the month; months first, then days (Code of Civil Procedure, art. 641). With extend, a last day that is a Saturday, a Sunday or a public holiday gives way to the next working day (art. 642).';
