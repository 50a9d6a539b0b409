/*
 * esf_test.c
 *		Unit test of src/esf/indicator.c (-Isrc); prints TAP, needs no server.
 *
 * Each case names where its expectation comes from:
 *
 *		I 1.1		Regulation (EU) 2021/1057, Annex I, point 1.1 (1.2, 3, 4)
 *		1304 (1)	Regulation (EU) No 1304/2013, Annex I, point (1) ((3), (4))
 *		17(5)		Regulation (EU) 2021/1057, Art. 17(5): only complete records count
 *		28 days		Commission FAQ of 13.4.2023 on the immediate results
 *		FAQ S8, S10	Commission FAQs for 2014-2020: completeness, improvement
 *		CBS			Statistics Netherlands on disadvantaged ESF participants
 *		default		a documented default of EsfParams
 */
#include "esf/indicator.h"
#include "tap.h"

#define SET_TEXT    512
#define ROUNDS      200000
#define MAX_CHANGES 4

/* A complete record: a woman of 40, upper secondary, employed, still there. */
#define BASE "sex=F birth=1983-05-10 entry=2023-09-01 in=e isced=3 "

/* Exit on 31 January of a leap year: the nth day after it is n February. */
#define LEFT "exit=2024-01-31 "

/* Left, with all that can be said of a result. */
#define ALL LEFT "months=3 education=n learning=y qualified=y later=e improved=y "

/* One answer to every question that has a yes. */
#define ANSWERS(a)                                                                        \
	"education=" a " disability=" a " tcn=" a " foreign=" a " minority=" a " homeless=" a \
	" rural=" a " other=" a " jobless=" a " children=" a " single=" a " learning=" a      \
	" qualified=" a " improved=" a " "

/* Families of codes that a case looks at. */
#define AGES   "EECO06 EECO07 EECO08 CO06 CO07"
#define LEVELS "EECO09 EECO10 EECO11 CO09 CO10 CO11"
#define STATUS "EECO02 EECO03 EECO04 EECO05 CO01 CO02 CO03 CO04 CO05 CO08"
#define GROUP  "EECO12 EECO13 EECO14 EECO15 EECO16 EECO17 CO12 CO13 CO14 CO15 CO16 CO17 CO18 CO19"
#define ENDS   "EECR CR"
#define EVERY  "E C"

/* In place of a family: the case looks at what is missing. */
#define MISSING "missing"

typedef struct Case
{
	const char *record; /* on top of BASE */
	const char *family;
	const char *expected;
	const char *name; /* with its source */
} Case;

static const Case plus_cases[] = {
	{"birth=2023-09-01", AGES, "EECO06", "born on the day of entry; I 1.1"},
	{"birth=2005-09-02", AGES, "EECO06", "17, eve of 18; I 1.1"},
	{"birth=2005-09-01", AGES, "EECO07", "18 today; I 1.1"},
	{"birth=1993-09-02", AGES, "EECO07", "29, eve of 30; I 1.1"},
	{"birth=1993-09-01", AGES, "", "30 today: no band; I 1.1"},
	{"birth=1968-09-02", AGES, "", "54, eve of 55: no band; I 1.1"},
	{"birth=1968-09-01", AGES, "EECO08", "55 today; I 1.1"},
	{"birth=2004-02-29 entry=2022-02-28", AGES, "EECO06", "leap day, still 17; I 1.1"},
	{"birth=2004-02-29 entry=2022-03-01", AGES, "EECO07", "leap day, now 18; I 1.1"},
	{"isced=0", LEVELS, "EECO09", "ISCED 0; I 1.1"},
	{"isced=2", LEVELS, "EECO09", "ISCED 2; I 1.1"},
	{"isced=3", LEVELS, "EECO10", "ISCED 3; I 1.1"},
	{"isced=4", LEVELS, "EECO10", "ISCED 4; I 1.1"},
	{"isced=5", LEVELS, "EECO11", "ISCED 5; I 1.1"},
	{"isced=8", LEVELS, "EECO11", "ISCED 8; I 1.1"},
	{"in=u months=0", STATUS, "EECO02", "0 months; I 1.1"},
	{"in=u months=12", STATUS, "EECO02", "12 months; default"},
	{"in=u months=13", STATUS, "EECO02 EECO03", "13 months; default"},
	{"in=u months=7 birth=2003-05-10", STATUS, "EECO02", "no age rule; default"},
	{"in=i months=48", STATUS, "EECO04", "months do not make unemployed; I 1.1"},
	{"", STATUS, "EECO05", "employed; I 1.1"},
	{"disability=y", GROUP, "EECO12", "disability; I 1.2"},
	{"tcn=y", GROUP, "EECO13", "third country; I 1.2"},
	{"foreign=y", GROUP, "EECO14", "foreign background; I 1.2"},
	{"minority=y", GROUP, "EECO15", "minority; I 1.2"},
	{"homeless=y", GROUP, "EECO16", "homeless; I 1.2"},
	{"rural=y", GROUP, "EECO17", "rural area; I 1.2"},
	{"other=y jobless=y", GROUP, "", "not in ESF+; I 1.2"},
	{LEFT ANSWERS("n"), EVERY, "EECO01 EECO05 EECO10", "all no; I 1.2"},
	{LEFT ANSWERS("r"), EVERY, "EECO01 EECO05 EECO10", "all refused; I 1.2"},
	{LEFT ANSWERS("?"), EVERY, "EECO01 EECO05 EECO10", "none known; I 1.2"},
	{LEFT ANSWERS("y"), EVERY,
	 "EECO01 EECO05 EECO10 EECO12 EECO13 EECO14 EECO15 EECO16 EECO17 EECR03 EECR06",
	 "all yes; I 1.2, 3, 4"},
	{LEFT "in=i out=e", ENDS, "EECR04", "no change; 28 days"},
	{LEFT "in=i out=j then=0:e", ENDS, "EECR04", "on the day of exit; 28 days"},
	{LEFT "in=i out=i then=28:e", ENDS, "EECR04", "28th day; 28 days"},
	{LEFT "in=i out=i then=29:e", ENDS, "", "29th day; 28 days"},
	{LEFT "in=i out=i then=5:j then=20:e", ENDS, "EECR04", "employed last; 28 days"},
	{LEFT "in=i out=i then=5:e then=20:j", ENDS, "EECR01", "job searching last; 28 days"},
	{LEFT "in=i out=i then=20:e then=5:j", ENDS, "EECR04", "last by date; 28 days"},
	{LEFT "in=i out=i then=20:e then=20:u", ENDS, "EECR01", "two on one day; 28 days"},
	{LEFT "in=i out=i then=5:j then=29:e", ENDS, "EECR01", "last in the window; 28 days"},
	{LEFT "in=i out=e then=5:i", ENDS, "", "job lost in the window; 28 days"},
	{ALL "in=i out=j", ENDS, "EECR01 EECR02 EECR03 EECR05", "inactive, job searching; I 3, 4"},
	{ALL "in=i out=u", ENDS, "EECR01 EECR02 EECR03 EECR05", "inactive, unemployed; I 3, 4"},
	{ALL "in=i out=e", ENDS, "EECR02 EECR03 EECR04 EECR05", "inactive, employed; 28 days"},
	{ALL "in=i out=?", ENDS, "EECR02 EECR03 EECR05", "not known upon leaving; I 3, 4"},
	{ALL "in=u out=j", ENDS, "EECR02 EECR03 EECR05", "job searching: nothing new; I 3, 4"},
	{ALL "in=u out=e", ENDS, "EECR02 EECR03 EECR04 EECR05", "unemployed, employed; I 3, 4"},
	{ALL "out=e", ENDS, "EECR02 EECR03 EECR06", "employed: improvement only; FAQ S10"},
	{ALL "out=e education=y", ENDS, "EECR03 EECR06", "in education before: not newly; I 3"},
	{ALL "out=e education=r", ENDS, "EECR02 EECR03 EECR06", "education refused is no; I 3"},
	{ALL "in=u out=e later=j", ENDS, "EECR02 EECR03 EECR04", "not at six months; I 4"},
	{ALL "in=u out=e exit=?", ENDS, "", "no exit, no result; I 3, 4"},
	{"in=u months=3", MISSING, "", "complete; 17(5)"},
	{"sex=? birth=? entry=? in=? isced=?", MISSING, "sex birth entry status_entry isced",
	 "none; 17(5)"},
	{"sex=?", MISSING, "sex", "no sex; 17(5)"},
	{"birth=?", MISSING, "birth", "no birth; 17(5)"},
	{"entry=?", MISSING, "entry", "no entry; 17(5)"},
	{"in=?", MISSING, "status_entry", "no status; 17(5)"},
	{"in=j", MISSING, "status_entry", "nobody has this status at entry; 17(5)"},
	{"isced=?", MISSING, "isced", "no ISCED level; 17(5)"},
	{"isced=9", MISSING, "isced", "no such ISCED level; 17(5)"},
	{"in=u", MISSING, "unemployed_months", "unemployed since not known when; 17(5)"},
	{"in=i", MISSING, "", "inactive needs no months; 17(5)"},
	{ANSWERS("?"), MISSING, "", "no answer of point 1.2 blocks; 17(5)"},
	{ANSWERS("r"), MISSING, "", "no refusal blocks; 17(5)"},
	{ALL "sex=? homeless=y", EVERY, "", "incomplete: nothing; 17(5)"},
};

static const Case esf_cases[] = {
	{"birth=1998-09-02", AGES, "CO06", "24, eve of 25; 1304 (1)"},
	{"birth=1998-09-01", AGES, "", "25 today: no band; 1304 (1)"},
	{"birth=1968-09-02", AGES, "", "54, eve of 55: no band; 1304 (1)"},
	{"birth=1968-09-01", AGES, "CO07", "55 today: above 54; 1304 (1)"},
	{"isced=0", LEVELS, "", "ISCED 0: in the total only; 1304 (1)"},
	{"isced=1", LEVELS, "CO09", "ISCED 1; 1304 (1)"},
	{"isced=2", LEVELS, "CO09", "ISCED 2; 1304 (1)"},
	{"isced=3", LEVELS, "CO10", "ISCED 3; 1304 (1)"},
	{"isced=4", LEVELS, "CO10", "ISCED 4; 1304 (1)"},
	{"isced=5", LEVELS, "CO11", "ISCED 5; 1304 (1)"},
	{"isced=8", LEVELS, "CO11", "ISCED 8; 1304 (1)"},
	{"in=u months=12", STATUS, "CO01", "12 months; default"},
	{"in=u months=13", STATUS, "CO01 CO02", "13 months; default"},
	{"in=u months=6 birth=2003-05-10", STATUS, "CO01", "20 years, 6 months; default"},
	{"in=u months=7 birth=2003-05-10", STATUS, "CO01 CO02", "20 years, 7 months; default"},
	{"in=u months=7 birth=1998-09-02", STATUS, "CO01 CO02", "eve of 25, 7 months; default"},
	{"in=u months=7 birth=1998-09-01", STATUS, "CO01", "25 today, 7 months; default"},
	{"in=i education=n", STATUS, "CO03 CO04", "inactive; 1304 (1)"},
	{"in=i education=y", STATUS, "CO03", "inactive student; 1304 (1)"},
	{"birth=1960-01-01", STATUS, "CO05", "above 54, employed; 1304 (1)"},
	{"birth=1960-01-01 in=u months=1 education=y", STATUS, "CO01 CO08",
	 "above 54, unemployed; 1304 (1)"},
	{"birth=1960-01-01 in=i education=n", STATUS, "CO03 CO04 CO08", "above 54, inactive; 1304 (1)"},
	{"birth=1960-01-01 in=i education=y", STATUS, "CO03", "above 54, student; 1304 (1)"},
	{"disability=y", GROUP, "CO16", "disability; 1304 (1)"},
	{"tcn=y", GROUP, "CO15", "third country; 1304 (1)"},
	{"foreign=y", GROUP, "CO15", "foreign background; 1304 (1)"},
	{"minority=y", GROUP, "CO15", "minority; 1304 (1)"},
	{"homeless=y", GROUP, "CO17 CO18", "homeless; 1304 (1)"},
	{"rural=y", GROUP, "CO19", "rural area; 1304 (1)"},
	{"other=y", GROUP, "CO17", "other disadvantaged; 1304 (1)"},
	{"jobless=y", GROUP, "CO12", "jobless household; 2013 (1)"},
	{"jobless=y children=y", GROUP, "CO12 CO13", "jobless household with children; 2013 (1)"},
	{"single=y children=y", GROUP, "CO14", "single adult with children; 2013 (1)"},
	{"children=y", GROUP, "", "children alone; 2013 (1)"},
	{"single=y", GROUP, "", "single adult alone; 2013 (1)"},
	{LEFT ANSWERS("r") "in=i", EVERY, "CO03 CO04 CO10", "all refused; FAQ S8"},
	{LEFT ANSWERS("?") "in=i", EVERY, "CO03 CO04 CO10", "none known; FAQ S8"},
	{LEFT "in=i out=i then=28:j", ENDS, "CR01", "28th day; 28 days"},
	{LEFT "in=i out=i then=29:j", ENDS, "", "29th day; 28 days"},
	{ALL "in=i out=j", ENDS, "CR01 CR02 CR03 CR06", "inactive, job searching; 1304 (3), (4)"},
	{ALL "in=u out=e", ENDS, "CR02 CR03 CR04 CR06", "unemployed, employed; 1304 (3), (4)"},
	{ALL "out=e", ENDS, "CR02 CR03 CR07", "employed: improvement; FAQ S10"},
	{ALL "in=u exit=? homeless=y", ENDS, "", "no exit, no result; 1304 (3), (4)"},
	{ALL "in=i out=i rural=y", ENDS, "CR02 CR03 CR06", "rural is no disadvantage; CBS"},
	{ALL "in=i out=i minority=y birth=1960-01-01", ENDS, "CR02 CR03 CR05 CR06 CR08 CR09",
	 "disadvantaged, above 54; 1304 (3), (4)"},
	{LEFT "in=i out=i disability=y later=e", ENDS, "CR06 CR09",
	 "disadvantaged, no immediate result; 1304 (3), (4)"},
	{ALL "homeless=y birth=1960-01-01", ENDS, "CR02 CR03 CR07", "employed at entry; default"},
	{ALL "in=u months=? homeless=y", EVERY, "", "incomplete: nothing; FAQ S8"},
};

/*
 * Consistency rules: over any records as many counts on the left as on the right
 * (=), or at most as many (<).  They hold for each record, hence for each sum.
 */
static char plus_rules[] =
	"EECO02 EECO04 EECO05 = EECO01; EECO03 < EECO02; EECO06 EECO07 EECO08 < EECO01; "
	"EECO09 EECO10 EECO11 = EECO01; EECO12 < EECO01; EECO13 < EECO01; EECO14 < EECO01; "
	"EECO15 < EECO01; EECO16 < EECO01; EECO17 < EECO01; EECR01 < EECO04; "
	"EECR04 < EECO02 EECO04; EECR05 < EECO02 EECO04; EECR06 < EECO05; EECR02 < EECO01; "
	"EECR03 < EECO01; EECR01 EECR04 < EECO02 EECO04";

/* CO01 + CO03 + CO05 is the total. */
static char esf_rules[] =
	"CO02 < CO01; CO04 < CO03; CO06 CO07 < CO01 CO03 CO05; CO08 < CO07; CO08 < CO01 CO04; "
	"CO09 CO10 CO11 < CO01 CO03 CO05; CO13 < CO12; CO12 < CO01 CO03 CO05; "
	"CO14 < CO01 CO03 CO05; CO15 < CO01 CO03 CO05; CO16 < CO01 CO03 CO05; "
	"CO17 < CO01 CO03 CO05; CO18 < CO17; CO19 < CO01 CO03 CO05; CR01 < CO03; "
	"CR02 < CO01 CO03 CO05; CR03 < CO01 CO03 CO05; CR04 < CO01 CO03; CR01 CR04 < CO01 CO03; "
	"CR05 < CO12 CO14 CO15 CO16 CO17; CR05 < CR01 CR02 CR03 CR04; CR06 < CO01 CO03; "
	"CR07 < CO05; CR08 < CR06; CR08 < CO07; CR09 < CR06; CR09 < CO12 CO14 CO15 CO16 CO17";

typedef struct Field
{
	const char *name;
	char kind; /* d date, s status, n number, a answer, x sex */
	size_t offset;
} Field;

#define AT(member) offsetof(EsfParticipation, member)

/* clang-format off */
static const Field fields[] = {
	{"sex", 'x', AT(sex)}, {"birth", 'd', AT(birth)}, {"entry", 'd', AT(entry)},
	{"exit", 'd', AT(exit)}, {"in", 's', AT(status_entry)},
	{"months", 'n', AT(unemployed_months)}, {"isced", 'n', AT(isced)},
	{"education", 'a', AT(in_education)}, {"disability", 'a', AT(disability)},
	{"tcn", 'a', AT(third_country_national)}, {"foreign", 'a', AT(foreign_background)},
	{"minority", 'a', AT(minority)}, {"homeless", 'a', AT(homeless)}, {"rural", 'a', AT(rural)},
	{"other", 'a', AT(other_disadvantaged)}, {"jobless", 'a', AT(jobless_household)},
	{"children", 'a', AT(dependent_children)}, {"single", 'a', AT(single_adult)},
	{"out", 's', AT(status_exit)}, {"learning", 'a', AT(new_education)},
	{"qualified", 'a', AT(qualification)}, {"later", 's', AT(status_6m)},
	{"improved", 'a', AT(improved_6m)},
};
/* clang-format on */

static EsfChange changes[MAX_CHANGES];
static uint64_t sets[ROUNDS];

static void
bail_out(const char *what)
{
	printf("Bail out! cannot read %s\n", what);
	exit(1);
}

/* The place of a letter: words are listed in the order of their enum. */
static int
letter(const char *letters, const char *value)
{
	const char *found = strchr(letters, value[0]);

	if (found == NULL || value[0] == '\0')
		bail_out(value);
	return (int) (found - letters);
}

static EsfDate
date(const char *value)
{
	EsfDate result = {0};

	if (value[0] != '?' && !esf_date_parse(value, strlen(value), &result))
		bail_out(value);
	return result;
}

static void
set_field(EsfParticipation *p, const Field *field, const char *value)
{
	void *member = (char *) p + field->offset;

	switch (field->kind)
	{
		case 'd':
			*(EsfDate *) member = date(value);
			break;
		case 's':
			*(EsfStatus *) member = (EsfStatus) letter("?uiej", value);
			break;
		case 'a':
			*(EsfAnswer *) member = (EsfAnswer) letter("?nyr", value);
			break;
		case 'x':
			*(EsfSex *) member = (EsfSex) letter("?FMN", value);
			break;
		case 'n':
			*(EsfNumber *) member = (EsfNumber){value[0] != '?', atoi(value)};
			break;
	}
}

static EsfDate
day_after_exit(int day)
{
	return day > 0 ? (EsfDate){2024, 2, day} : (EsfDate){2024, 1, 31 + day};
}

static void
set_named(EsfParticipation *p, const char *name, const char *value)
{
	if (strcmp(name, "then") == 0)
	{
		changes[p->n_changes].on = day_after_exit(atoi(value));
		changes[p->n_changes].status = (EsfStatus) letter("?uiej", strchr(value, ':') + 1);
		p->n_changes++;
		return;
	}
	for (size_t i = 0; i < LENGTH(fields); i++)
	{
		if (strcmp(fields[i].name, name) == 0)
		{
			set_field(p, &fields[i], value);
			return;
		}
	}
	bail_out(name);
}

/* Reads "name=value ..." on top of BASE; the changes are shared by all records. */
static EsfParticipation
participation(const char *record)
{
	EsfParticipation p = {.changes = changes};
	char text[1024];

	snprintf(text, sizeof(text), "%s%s", BASE, record);
	for (char *pair = strtok(text, " "); pair != NULL; pair = strtok(NULL, " "))
	{
		char *equals = strchr(pair, '=');

		*equals = '\0';
		set_named(&p, pair, equals + 1);
	}
	return p;
}

/* Whether a code begins with one of the words of a text. */
static bool
in_family(const char *code, const char *family)
{
	for (const char *at = family; *at != '\0'; at += strspn(at, " "))
	{
		size_t len = strcspn(at, " ");

		if (strncmp(code, at, len) == 0)
			return true;
		at += len;
	}
	return false;
}

/* The set of the codes of a family. */
static uint64_t
family_set(EsfFramework framework, const char *family)
{
	int count;
	const EsfIndicator *catalogue = esf_catalogue(framework, &count);
	uint64_t set = 0;

	for (int i = 0; i < count; i++)
		set |= in_family(catalogue[i].code, family) ? ESF_BIT(i) : 0;
	return set;
}

static void
append_word(char *list, const char *word)
{
	strcat(list, list[0] == '\0' ? "" : " ");
	strcat(list, word);
}

static uint64_t
indicators(EsfFramework framework, const EsfParticipation *p)
{
	return esf_indicators(framework, esf_default_params(framework), p);
}

static void
list_missing(const EsfParticipation *p, char *list)
{
	uint64_t missing = esf_missing(p);

	for (int i = 0; i < ESF_NEED_COUNT; i++)
	{
		if (missing & ESF_BIT(i))
			append_word(list, esf_need_name(i));
	}
}

static void
list_codes(EsfFramework framework, uint64_t set, char *list)
{
	int count;
	const EsfIndicator *catalogue = esf_catalogue(framework, &count);

	for (int i = 0; i < count; i++)
	{
		if (set & ESF_BIT(i))
			append_word(list, catalogue[i].code);
	}
}

static void
test_cases(EsfFramework framework, const Case *cases, size_t n_cases)
{
	for (const Case *c = cases; c < cases + n_cases; c++)
	{
		EsfParticipation p = participation(c->record);
		uint64_t family = family_set(framework, c->family);
		char got[SET_TEXT] = "";

		if (strcmp(c->family, MISSING) == 0)
			list_missing(&p, got);
		else
			list_codes(framework, indicators(framework, &p) & family, got);
		ok(strcmp(got, c->expected) == 0, "%s", c->name);
		if (strcmp(got, c->expected) != 0)
			printf("#      got: %s\n# expected: %s\n", got, c->expected);
	}
}

static void
check_bit(const EsfParams *params, EsfFramework framework, int bit, const char *record,
		  bool expected, const char *name)
{
	EsfParticipation p = participation(record);

	ok(((esf_indicators(framework, params, &p) & ESF_BIT(bit)) != 0) == expected, "%s", name);
}

static void
test_params(void)
{
	const EsfParams at_least_12 = {.ltu_months_adult = 12, .ltu_at_least = true};
	const EsfParams from_6_below_30 = {.ltu_youth_below = 30, .ltu_months_youth = 6};
	const EsfParams two_weeks = {.exit_window_days = 14};
	const EsfParams employed_too = {.cr05_employed_too = true};

	check_bit(&at_least_12, ESF_PLUS, ESF_EECO03, "in=u months=12", true,
			  "12 months where at least 12 are long; ECA special report 25/2021");
	check_bit(&at_least_12, ESF_PLUS, ESF_EECO03, "in=u months=11", false,
			  "11 months where at least 12 are long; ECA special report 25/2021");
	check_bit(&from_6_below_30, ESF_PLUS, ESF_EECO03, "in=u months=7 birth=1993-09-02", true,
			  "7 months at 29 where more than 6 below 30 are long; EsfParams");
	check_bit(&two_weeks, ESF_PLUS, ESF_EECR04, LEFT "in=i then=28:e", false,
			  "28th day where two weeks count; EsfParams");
	check_bit(&employed_too, ESF_2014, ESF_CR05, ALL "homeless=y", true,
			  "CR05 where the employed count too; EsfParams");
}

/* What a period takes from a set with everything in it. */
static void
check_established(EsfFramework framework, bool has_left, bool six_months_past, const char *expected,
				  const char *name)
{
	uint64_t all = esf_all_bits(framework);
	uint64_t kept = esf_established_set(framework, all, has_left, six_months_past);
	char taken[SET_TEXT] = "";

	list_codes(framework, all & ~kept, taken);
	ok(strcmp(taken, expected) == 0 && ((kept & ESF_BIT(ESF_LEAVER)) != 0) == has_left, "%s", name);
}

static void
test_established(void)
{
	check_established(ESF_PLUS, false, false, "EECR01 EECR02 EECR03 EECR04 EECR05 EECR06",
					  "no result before the exit; I 3, 4");
	check_established(ESF_PLUS, true, false, "EECR05 EECR06", "upon leaving only; I 3, 4");
	check_established(ESF_PLUS, true, true, "", "six months after, all; I 3, 4");
	check_established(ESF_2014, false, false,
					  "CI01 CI02 CI03 CI04 CI05 CI06 CI07 CI08 CI09 CI10 CI11 CI12 "
					  "CR01 CR02 CR03 CR04 CR05 CR06 CR07 CR08 CR09",
					  "no result before the exit; 1304 (3), (4), Annex II");
	check_established(ESF_2014, true, false, "CI10 CI11 CI12 CR06 CR07 CR08 CR09",
					  "upon leaving only; 1304 (3), (4), Annex II");
	check_established(ESF_2014, true, true, "", "six months after, all; 1304 (3), (4)");
}

static void
check_contradiction(const char *record, EsfContradiction expected, const char *name)
{
	EsfParticipation p = participation(record);

	ok(esf_contradiction(&p) == expected, "%s", name);
}

static void
test_contradictions(void)
{
	check_contradiction("birth=2023-09-01 exit=2023-09-01", ESF_NO_CONTRADICTION, "all one day");
	check_contradiction("birth=2023-09-02", ESF_BIRTH_AFTER_ENTRY, "birth after entry");
	check_contradiction("birth=1902-09-02", ESF_NO_CONTRADICTION, "120 years; plausible");
	check_contradiction("birth=1902-09-01", ESF_TOO_OLD, "121 years; mistyped");
	check_contradiction("birth=1802-09-01 entry=?", ESF_NO_CONTRADICTION, "age not known");
	check_contradiction("exit=2023-08-31", ESF_EXIT_BEFORE_ENTRY, "exit before entry");
	check_contradiction(LEFT "then=0:e then=-1:e", ESF_CHANGE_BEFORE_EXIT,
						"second change before exit");
	check_contradiction("entry=? exit=2023-08-31", ESF_NO_CONTRADICTION, "entry not known");
}

static void
test_dates(void)
{
	static const char bad[] = "2023-02-29 1900-02-29 2023-04-31 2023-13-01 2023-00-10 2023-01-00 "
							  "0000-01-01 2023-1-01 2023-01-1 2023/01/01 +023-01-01 20230101 "
							  "2023-01-32 2023-01-011";
	EsfDate parsed;

	for (const char *at = bad; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " "))
		ok(!esf_date_parse(at, strcspn(at, " "), &parsed), "not a date; ISO 8601");
	ok(esf_date_parse("2000-02-29", 10, &parsed), "2000 was a leap year; Gregorian calendar");
	ok(esf_date_days(date("2024-03-01")) == 8826, "leap day; PostgreSQL, date - date");
	ok(esf_date_days(date("0001-01-01")) == -730119, "first; PostgreSQL, date - date");
	ok(esf_date_days(date("9999-12-31")) == 2921939, "last; PostgreSQL, date - date");
}

static void
test_catalogue(EsfFramework framework, int expected, const char *name)
{
	int count;
	const EsfIndicator *catalogue = esf_catalogue(framework, &count);
	EsfFramework parsed;
	bool sound = count == expected;

	for (int i = 0; i < count; i++)
	{
		sound = sound && catalogue[i].framework == framework && catalogue[i].title[0] != '\0';
		sound = sound && (i == 0 || strcmp(catalogue[i - 1].code, catalogue[i].code) < 0);
	}
	ok(sound, "each code once, ascending, with a title");
	ok(esf_framework_parse(name, strlen(name), &parsed) && parsed == framework, "%s", name);
}

static EsfDate
random_date(int first_year, int years)
{
	return (EsfDate){first_year + rand() % years, 1 + rand() % 12, 1 + rand() % 28};
}

/* Any values free of contradictions; missing ones are rare, so that most records count. */
static EsfParticipation
random_participation(void)
{
	EsfParticipation p = {.changes = changes, .n_changes = (size_t) (rand() % MAX_CHANGES)};

	for (size_t i = 0; i < LENGTH(fields); i++)
	{
		void *member = (char *) &p + fields[i].offset;

		if (fields[i].kind == 's')
			*(EsfStatus *) member = (EsfStatus) (rand() % 9 == 0 ? rand() % 5 : 1 + rand() % 3);
		else if (fields[i].kind == 'a')
			*(EsfAnswer *) member = (EsfAnswer) (rand() % 4);
	}
	p.sex = (EsfSex) (rand() % 20 == 0 ? 0 : 1 + rand() % 3);
	p.birth = random_date(1945, 70);
	p.entry = random_date(2015, 8);
	p.unemployed_months = (EsfNumber){rand() % 20 != 0, rand() % 26};
	p.isced = (EsfNumber){rand() % 20 != 0, rand() % 9};
	if (rand() % 3 != 0)
		p.exit = day_after_exit(0);
	for (size_t i = 0; i < p.n_changes; i++)
		changes[i] = (EsfChange){day_after_exit(rand() % 30), (EsfStatus) (1 + rand() % 4)};
	return p;
}

/* Sums are compared as well, being what is reported.  No code stands on both sides. */
static void
test_rule(EsfFramework framework, const char *rule)
{
	size_t middle = strcspn(rule, "<=");
	bool equal = rule[middle] == '=';
	uint64_t left = family_set(framework, rule) & ~family_set(framework, rule + middle);
	uint64_t right = family_set(framework, rule + middle);
	long sums[2] = {0, 0};
	bool holds = true;

	for (size_t i = 0; i < ROUNDS; i++)
	{
		int l = __builtin_popcountll(sets[i] & left);
		int r = __builtin_popcountll(sets[i] & right);

		holds = holds && (equal ? l == r : l <= r);
		sums[0] += l;
		sums[1] += r;
	}
	ok(holds && (equal ? sums[0] == sums[1] : sums[0] <= sums[1]), "%s", rule);
}

static void
test_random(EsfFramework framework, char *rules)
{
	uint64_t results = family_set(framework, ENDS);
	uint64_t others = family_set(framework, "EECO18 EECO19 CI CO20 CO21 CO22 CO23");
	uint64_t seen = others;
	bool sound = true;

	srand(2021);
	for (size_t i = 0; i < ROUNDS; i++)
	{
		EsfParticipation p = random_participation();

		sets[i] = indicators(framework, &p);
		sound = sound && (sets[i] != 0) == (esf_missing(&p) == 0);
		sound = sound && (esf_date_known(p.exit) || (sets[i] & results) == 0);
		sound = sound && (sets[i] & others) == 0;
		seen |= sets[i];
	}
	ok(sound, "random: only the complete count, results need an exit, entities never");
	ok(seen == family_set(framework, EVERY), "random: every code of persons occurs");
	for (char *rule = strtok(rules, ";"); rule != NULL; rule = strtok(NULL, ";"))
		test_rule(framework, rule + strspn(rule, " "));
}

int
main(void)
{
	test_dates();
	test_cases(ESF_PLUS, plus_cases, LENGTH(plus_cases));
	test_cases(ESF_2014, esf_cases, LENGTH(esf_cases));
	test_params();
	test_established();
	test_contradictions();
	test_catalogue(ESF_PLUS, 25, "esf+");
	test_catalogue(ESF_2014, 44, "esf");
	test_random(ESF_PLUS, plus_rules);
	test_random(ESF_2014, esf_rules);
	return tests_done();
}
