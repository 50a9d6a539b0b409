/*
 * indicator.c
 *		Rules of the ESF+ 2021-2027 and ESF 2014-2020 common indicators.
 *
 * Every rule names its source next to it:
 *
 *		2021/1057	Regulation (EU) 2021/1057, Annex I, with the point
 *		1304/2013	Regulation (EU) No 1304/2013, Annex I, with the point
 *		FAQ			answers of the Commission on the SFC support portal
 *
 * Where these are silent the rule is a member of EsfParams.
 */
#include "esf/indicator.h"

#include <limits.h>
#include <string.h>

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

/*
 * ESF+: more than 12 months at any age.  ESF: more than 6 months below 25, else
 * more than 12.  Immediate results: four weeks (FAQ 13.4.2023, reference period
 * of the immediate result indicators; the guidance for 2014-2020 has the same).
 */
static const EsfParams default_params[] = {
	[ESF_PLUS] = {.ltu_youth_below = 0,
				  .ltu_months_youth = 12,
				  .ltu_months_adult = 12,
				  .exit_window_days = 28},
	[ESF_2014] = {.ltu_youth_below = 25,
				  .ltu_months_youth = 6,
				  .ltu_months_adult = 12,
				  .exit_window_days = 28},
};

static const char *const framework_names[] = {[ESF_PLUS] = "esf+", [ESF_2014] = "esf"};

static const char *const need_names[] = {
	[ESF_NEED_SEX] = "sex",     [ESF_NEED_BIRTH] = "birth",
	[ESF_NEED_ENTRY] = "entry", [ESF_NEED_STATUS_ENTRY] = "status_entry",
	[ESF_NEED_ISCED] = "isced", [ESF_NEED_UNEMPLOYED_MONTHS] = "unemployed_months",
};

_Static_assert(LENGTH(need_names) == ESF_NEED_COUNT, "one name per need");

/* What the rules of both frameworks ask of a complete record, worked out once. */
typedef struct Facts
{
	/* at entry */
	int age;
	bool unemployed;
	bool long_term;
	bool inactive;
	bool employed;
	/* upon leaving */
	bool searching;
	bool learning;
	bool qualified;
	bool placed;
	/* six months after */
	bool placed_6m;
	bool improved_6m;
} Facts;

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Digits only: strtol would take signs and spaces. */
static bool
parse_digits(const char *text, int len, int *value)
{
	int result = 0;

	for (int i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		result = result * 10 + (text[i] - '0');
	}
	*value = result;
	return true;
}

bool
esf_date_parse(const char *text, size_t len, EsfDate *date)
{
	EsfDate parsed;

	if (len != strlen("YYYY-MM-DD") || text[4] != '-' || text[7] != '-')
		return false;
	if (!parse_digits(text, 4, &parsed.year) || !parse_digits(text + 5, 2, &parsed.month) ||
		!parse_digits(text + 8, 2, &parsed.day))
		return false;
	if (parsed.year < 1 || parsed.month < 1 || parsed.month > 12)
		return false;
	if (parsed.day < 1 || parsed.day > days_in_month(parsed.year, parsed.month))
		return false;
	*date = parsed;
	return true;
}

bool
esf_date_known(EsfDate date)
{
	return date.year != 0;
}

/* Days before 1 January of a year since 1 January of year 1. */
static int
days_before_year(int year)
{
	int past = year - 1;

	return past * 365 + past / 4 - past / 100 + past / 400;
}

int
esf_date_days(EsfDate date)
{
	int days = days_before_year(date.year) - days_before_year(2000);

	for (int month = 1; month < date.month; month++)
		days += days_in_month(date.year, month);
	return days + date.day - 1;
}

int
esf_age(EsfDate birth, EsfDate on)
{
	bool before_birthday =
		on.month < birth.month || (on.month == birth.month && on.day < birth.day);

	return on.year - birth.year - before_birthday;
}

const char *
esf_framework_name(EsfFramework framework)
{
	return framework_names[framework];
}

const EsfParams *
esf_default_params(EsfFramework framework)
{
	return &default_params[framework];
}

const char *
esf_need_name(int need)
{
	return need_names[need];
}

/* The bit of an indicator or need if it applies. */
static uint64_t
bit_if(bool applies, int bit)
{
	return applies ? ESF_BIT(bit) : 0;
}

static bool
within(EsfNumber number, int low, int high)
{
	return number.known && low <= number.value && number.value <= high;
}

static bool
is_entry_status(EsfStatus status)
{
	return status == ESF_UNEMPLOYED || status == ESF_INACTIVE || status == ESF_EMPLOYED;
}

/*
 * Point 1.1 of 2021/1057 and the non-sensitive data of 1304/2013 without
 * household, homelessness and rural area (FAQ 12.12.2014 on completeness).
 */
uint64_t
esf_missing(const EsfParticipation *p)
{
	return bit_if(p->sex == ESF_SEX_UNKNOWN, ESF_NEED_SEX) |
		   bit_if(!esf_date_known(p->birth), ESF_NEED_BIRTH) |
		   bit_if(!esf_date_known(p->entry), ESF_NEED_ENTRY) |
		   bit_if(!is_entry_status(p->status_entry), ESF_NEED_STATUS_ENTRY) |
		   bit_if(!within(p->isced, 0, 8), ESF_NEED_ISCED) |
		   bit_if(p->status_entry == ESF_UNEMPLOYED && !within(p->unemployed_months, 0, INT_MAX),
				  ESF_NEED_UNEMPLOYED_MONTHS);
}

static bool
is_before(EsfDate date, EsfDate other)
{
	if (!esf_date_known(date) || !esf_date_known(other))
		return false;
	return esf_date_days(date) < esf_date_days(other);
}

EsfContradiction
esf_contradiction(const EsfParticipation *p)
{
	if (is_before(p->entry, p->birth))
		return ESF_BIRTH_AFTER_ENTRY;
	if (esf_date_known(p->birth) && esf_date_known(p->entry) &&
		esf_age(p->birth, p->entry) > ESF_MAX_AGE)
		return ESF_TOO_OLD;
	if (is_before(p->exit, p->entry))
		return ESF_EXIT_BEFORE_ENTRY;
	for (size_t i = 0; i < p->n_changes; i++)
	{
		if (is_before(p->changes[i].on, p->exit))
			return ESF_CHANGE_BEFORE_EXIT;
	}
	return ESF_NO_CONTRADICTION;
}

/*
 * The status that counts upon leaving: of several changes within four weeks of
 * the exit only the last one, so that job searching and employment exclude each
 * other (FAQ 13.4.2023).
 */
static EsfStatus
status_upon_leaving(const EsfParticipation *p, int window_days)
{
	EsfStatus status = p->status_exit;
	int exit_day = esf_date_days(p->exit);
	int last_day = exit_day;

	for (size_t i = 0; i < p->n_changes; i++)
	{
		int day = esf_date_days(p->changes[i].on);

		if (day >= last_day && day <= exit_day + window_days)
		{
			status = p->changes[i].status;
			last_day = day;
		}
	}
	return status;
}

static bool
is_long_term(const EsfParticipation *p, const EsfParams *params, int age)
{
	bool youth = age < params->ltu_youth_below;
	int limit = youth ? params->ltu_months_youth : params->ltu_months_adult;
	int least = params->ltu_at_least ? limit : limit + 1;

	return p->status_entry == ESF_UNEMPLOYED && p->unemployed_months.value >= least;
}

/*
 * Results are changes since entry: who looked for work, learnt or worked before
 * does not newly do so (2021/1057 points 3 and 4; 1304/2013 points (3) and (4)).
 * What is an improvement is judged by who records it (FAQ 28.7.2014).
 */
static void
establish_results(const EsfParticipation *p, const EsfParams *params, Facts *facts)
{
	EsfStatus leaving = status_upon_leaving(p, params->exit_window_days);

	facts->searching =
		facts->inactive && (leaving == ESF_JOB_SEARCHING || leaving == ESF_UNEMPLOYED);
	facts->learning = p->new_education == ESF_YES && p->in_education != ESF_YES;
	facts->qualified = p->qualification == ESF_YES;
	facts->placed = !facts->employed && leaving == ESF_EMPLOYED;
	facts->placed_6m = !facts->employed && p->status_6m == ESF_EMPLOYED;
	facts->improved_6m = facts->employed && p->improved_6m == ESF_YES;
}

static Facts
establish_facts(const EsfParticipation *p, const EsfParams *params)
{
	Facts facts = {0};

	facts.age = esf_age(p->birth, p->entry);
	facts.unemployed = p->status_entry == ESF_UNEMPLOYED;
	facts.long_term = is_long_term(p, params, facts.age);
	facts.inactive = p->status_entry == ESF_INACTIVE;
	facts.employed = p->status_entry == ESF_EMPLOYED;
	if (esf_date_known(p->exit))
		establish_results(p, params, &facts);
	return facts;
}

/* Each line with its point of 2021/1057, Annex I. */
static uint64_t
plus_outputs(const EsfParticipation *p, const Facts *facts)
{
	uint64_t set = ESF_BIT(ESF_EECO01); /* 1.1: any complete record */

	set |= bit_if(facts->unemployed, ESF_EECO02);                    /* 1.1 */
	set |= bit_if(facts->long_term, ESF_EECO03);                     /* 1.1 */
	set |= bit_if(facts->inactive, ESF_EECO04);                      /* 1.1 */
	set |= bit_if(facts->employed, ESF_EECO05);                      /* 1.1 */
	set |= bit_if(facts->age < 18, ESF_EECO06);                      /* 1.1 */
	set |= bit_if(facts->age >= 18 && facts->age <= 29, ESF_EECO07); /* 1.1 */
	set |= bit_if(facts->age >= 55, ESF_EECO08);                     /* 1.1 */
	set |= bit_if(within(p->isced, 0, 2), ESF_EECO09);               /* 1.1 */
	set |= bit_if(within(p->isced, 3, 4), ESF_EECO10);               /* 1.1 */
	set |= bit_if(within(p->isced, 5, 8), ESF_EECO11);               /* 1.1 */
	set |= bit_if(p->disability == ESF_YES, ESF_EECO12);             /* 1.2 */
	set |= bit_if(p->third_country_national == ESF_YES, ESF_EECO13); /* 1.2 */
	set |= bit_if(p->foreign_background == ESF_YES, ESF_EECO14);     /* 1.2 */
	set |= bit_if(p->minority == ESF_YES, ESF_EECO15);               /* 1.2 */
	set |= bit_if(p->homeless == ESF_YES, ESF_EECO16);               /* 1.2 */
	set |= bit_if(p->rural == ESF_YES, ESF_EECO17);                  /* 1.2 */
	return set;
}

/* Each line with its point of 2021/1057, Annex I. */
static uint64_t
plus_results(const Facts *facts)
{
	uint64_t set = 0;

	set |= bit_if(facts->searching, ESF_EECR01);   /* 3 */
	set |= bit_if(facts->learning, ESF_EECR02);    /* 3 */
	set |= bit_if(facts->qualified, ESF_EECR03);   /* 3 */
	set |= bit_if(facts->placed, ESF_EECR04);      /* 3 */
	set |= bit_if(facts->placed_6m, ESF_EECR05);   /* 4 */
	set |= bit_if(facts->improved_6m, ESF_EECR06); /* 4 */
	return set;
}

/* Each line with its point of 1304/2013, Annex I.  The annex gives the total no code. */
static uint64_t
esf_2014_situation(const EsfParticipation *p, const Facts *facts)
{
	bool above_54 = facts->age > 54;
	bool neet = facts->inactive && p->in_education != ESF_YES;
	uint64_t set = 0;

	set |= bit_if(facts->unemployed, ESF_CO01);                       /* (1) */
	set |= bit_if(facts->long_term, ESF_CO02);                        /* (1) */
	set |= bit_if(facts->inactive, ESF_CO03);                         /* (1) */
	set |= bit_if(neet, ESF_CO04);                                    /* (1) */
	set |= bit_if(facts->employed, ESF_CO05);                         /* (1) */
	set |= bit_if(facts->age < 25, ESF_CO06);                         /* (1) */
	set |= bit_if(above_54, ESF_CO07);                                /* (1) */
	set |= bit_if(above_54 && (facts->unemployed || neet), ESF_CO08); /* (1) */
	set |= bit_if(within(p->isced, 1, 2), ESF_CO09); /* (1): ISCED 0 is in no band */
	set |= bit_if(within(p->isced, 3, 4), ESF_CO10); /* (1) */
	set |= bit_if(within(p->isced, 5, 8), ESF_CO11); /* (1) */
	set |= bit_if(p->rural == ESF_YES, ESF_CO19);    /* (1) */
	return set;
}

/* Each line with its point of 1304/2013, Annex I. */
static uint64_t
esf_2014_disadvantages(const EsfParticipation *p)
{
	bool jobless = p->jobless_household == ESF_YES;
	bool children = p->dependent_children == ESF_YES;
	bool migrant = p->third_country_national == ESF_YES || p->foreign_background == ESF_YES ||
				   p->minority == ESF_YES;
	bool homeless = p->homeless == ESF_YES;
	uint64_t set = 0;

	set |= bit_if(jobless, ESF_CO12);                                       /* (1), as adopted */
	set |= bit_if(jobless && children, ESF_CO13);                           /* (1), as adopted */
	set |= bit_if(p->single_adult == ESF_YES && children, ESF_CO14);        /* (1), as adopted */
	set |= bit_if(migrant, ESF_CO15);                                       /* (1) */
	set |= bit_if(p->disability == ESF_YES, ESF_CO16);                      /* (1) */
	set |= bit_if(p->other_disadvantaged == ESF_YES || homeless, ESF_CO17); /* (1) */
	set |= bit_if(homeless, ESF_CO18);                                      /* (1) */
	return set;
}

/*
 * Each line with its point of 1304/2013, Annex I.  Disadvantaged is who has any
 * of CO12 to CO18; a rural area is no disadvantage of its own (as the statistics
 * office of the Netherlands counts).  That CR05 leaves out who was employed at
 * entry was read in no official text, hence the parameter.
 */
static uint64_t
esf_2014_results(const Facts *facts, bool disadvantaged, const EsfParams *params)
{
	bool any_immediate = facts->searching || facts->learning || facts->qualified || facts->placed;
	bool in_cr05 = disadvantaged && (!facts->employed || params->cr05_employed_too);
	uint64_t set = 0;

	set |= bit_if(facts->searching, ESF_CR01);                    /* (3) */
	set |= bit_if(facts->learning, ESF_CR02);                     /* (3) */
	set |= bit_if(facts->qualified, ESF_CR03);                    /* (3) */
	set |= bit_if(facts->placed, ESF_CR04);                       /* (3) */
	set |= bit_if(in_cr05 && any_immediate, ESF_CR05);            /* (3) */
	set |= bit_if(facts->placed_6m, ESF_CR06);                    /* (4) */
	set |= bit_if(facts->improved_6m, ESF_CR07);                  /* (4) */
	set |= bit_if(facts->placed_6m && facts->age > 54, ESF_CR08); /* (4) */
	set |= bit_if(facts->placed_6m && disadvantaged, ESF_CR09);   /* (4) */
	return set;
}

/*
 * 1304/2013, Annex II: nothing without the support of the initiative.  The codes
 * CI are those of SFC2014; what is upon leaving needs an exit, as in Annex I.
 */
static uint64_t
esf_2014_yei(const EsfParticipation *p, const Facts *facts)
{
	bool neet = facts->inactive && p->in_education != ESF_YES;
	bool completed = p->yei_completed == ESF_YES;
	bool offer = p->yei_offer == ESF_YES;
	bool result = facts->learning || facts->qualified || facts->placed;
	bool working = p->status_6m == ESF_EMPLOYED;
	uint64_t set = 0;

	if (p->yei != ESF_YES || !esf_date_known(p->exit))
		return 0;
	set |= bit_if(facts->unemployed && completed, ESF_CI01);
	set |= bit_if(facts->unemployed && offer, ESF_CI02);
	set |= bit_if(facts->unemployed && result, ESF_CI03);
	set |= bit_if(facts->long_term && completed, ESF_CI04);
	set |= bit_if(facts->long_term && offer, ESF_CI05);
	set |= bit_if(facts->long_term && result, ESF_CI06);
	set |= bit_if(neet && completed, ESF_CI07);
	set |= bit_if(neet && offer, ESF_CI08);
	set |= bit_if(neet && result, ESF_CI09);
	set |= bit_if(p->education_6m == ESF_YES, ESF_CI10);
	set |= bit_if(working, ESF_CI11);
	set |= bit_if(working && p->self_employed_6m == ESF_YES, ESF_CI12);
	return set;
}

uint64_t
esf_indicators(EsfFramework framework, const EsfParams *params, const EsfParticipation *p)
{
	Facts facts;
	uint64_t disadvantages;

	if (esf_missing(p) != 0)
		return 0;
	facts = establish_facts(p, params);
	if (framework == ESF_PLUS)
		return plus_outputs(p, &facts) | plus_results(&facts);

	disadvantages = esf_2014_disadvantages(p);
	return esf_2014_situation(p, &facts) | disadvantages |
		   esf_2014_results(&facts, disadvantages != 0, params) | esf_2014_yei(p, &facts);
}

uint64_t
esf_indicator_set(EsfFramework framework, const EsfParams *params, const EsfParticipation *p)
{
	uint64_t set = esf_indicators(framework, params, p);

	return set | bit_if(set != 0 && esf_date_known(p->exit), ESF_LEAVER);
}

/* The bits of the indicators from one to another, both included. */
static uint64_t
bits_between(int first, int last)
{
	return (ESF_BIT(last + 1) - 1) & ~(ESF_BIT(first) - 1);
}

uint64_t
esf_established_set(EsfFramework framework, uint64_t set, bool has_left, bool six_months_past)
{
	uint64_t leaving = bits_between(ESF_EECR01, ESF_EECR04);
	uint64_t later = bits_between(ESF_EECR05, ESF_EECR06);

	if (framework == ESF_2014)
	{
		leaving = bits_between(ESF_CR01, ESF_CR05) | bits_between(ESF_CI01, ESF_CI09);
		later = bits_between(ESF_CR06, ESF_CR09) | bits_between(ESF_CI10, ESF_CI12);
	}
	if (!has_left)
		return set & ~(leaving | later | ESF_BIT(ESF_LEAVER));
	return six_months_past ? set : set & ~later;
}
