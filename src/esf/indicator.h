/*
 * indicator.h
 *		The common indicators of the European Social Fund as one pure function:
 *		one participation in, the set of indicators it counts for out.
 *
 * Two frameworks: ESF+ 2021-2027 (Reg. (EU) 2021/1057, Annex I) and ESF
 * 2014-2020 (Reg. (EU) No 1304/2013, Annex I).  No clock, no memory, no server:
 * the same record gives the same set on any day and in any process.
 *
 * Out of reach of one participation, hence never in a result: indicators of
 * entities (EECO18, EECO19, CO20-CO23), which the catalogue lists so that a
 * report can name them, and the ESF+ support of Annexes II and III.
 */
#ifndef ATTEST_ESF_INDICATOR_H
#define ATTEST_ESF_INDICATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum EsfFramework
{
	ESF_PLUS, /* "esf+", 2021-2027 */
	ESF_2014  /* "esf", 2014-2020 */
} EsfFramework;

/* Every answer has four states: "not known" and "refused" are not "no". */
typedef enum EsfAnswer
{
	ESF_UNKNOWN,
	ESF_NO,
	ESF_YES,
	ESF_REFUSED
} EsfAnswer;

typedef enum EsfSex
{
	ESF_SEX_UNKNOWN,
	ESF_FEMALE,
	ESF_MALE,
	ESF_NON_BINARY /* "according to national law", Annex I of 2021/1057 */
} EsfSex;

/* Exactly one at a time; at entry only the first three can be true. */
typedef enum EsfStatus
{
	ESF_STATUS_UNKNOWN,
	ESF_UNEMPLOYED,
	ESF_INACTIVE,
	ESF_EMPLOYED,
	ESF_JOB_SEARCHING /* after leaving: looks for work, registered or not */
} EsfStatus;

/* Proleptic Gregorian calendar, years 1 to 9999; year 0 is "not known". */
typedef struct EsfDate
{
	int year;
	int month;
	int day;
} EsfDate;

typedef struct EsfNumber
{
	bool known;
	int value;
} EsfNumber;

typedef struct EsfChange
{
	EsfDate on;
	EsfStatus status;
} EsfChange;

/*
 * One person in one operation.  All-zero means that nothing is known.  With
 * several stays in one operation, entry and what was true at entry are those of
 * the first, exit and results those of the last (Commission FAQ for 2014-2020,
 * participants: an operation reports a person once).
 */
typedef struct EsfParticipation
{
	EsfSex sex;
	EsfDate birth;
	EsfDate entry;
	EsfDate exit;

	/* at entry */
	EsfStatus status_entry;
	EsfNumber unemployed_months; /* completed months */
	EsfAnswer in_education;
	EsfNumber isced; /* highest level attained, 0 to 8 (ISCED 2011) */
	EsfAnswer disability;
	EsfAnswer third_country_national;
	EsfAnswer foreign_background;
	EsfAnswer minority;
	EsfAnswer homeless;
	EsfAnswer rural;
	EsfAnswer other_disadvantaged;

	/* household at entry: asked for in ESF until 2018 only */
	EsfAnswer jobless_household;
	EsfAnswer dependent_children;
	EsfAnswer single_adult;

	/* upon leaving and six months after */
	EsfStatus status_exit;
	const EsfChange *changes; /* in any order; on one day the later entry is the last */
	size_t n_changes;
	EsfAnswer new_education;
	EsfAnswer qualification;
	EsfStatus status_6m;
	EsfAnswer improved_6m;
	EsfAnswer reached_6m; /* "no" is no answer of the person: counts nowhere */

	/* Youth Employment Initiative, ESF only: Annex II of 1304/2013 */
	EsfAnswer yei; /* the participation is supported by it */
	EsfAnswer yei_completed;
	EsfAnswer yei_offer; /* of employment, education, apprenticeship or traineeship */
	EsfAnswer education_6m;
	EsfAnswer self_employed_6m;
} EsfParticipation;

/* What the regulations leave to guidance, and guidance to national practice. */
typedef struct EsfParams
{
	int ltu_youth_below;    /* ESF+ 0 (no age rule), ESF 25 */
	int ltu_months_youth;   /* long-term: more than 12 in ESF+, 6 in ESF */
	int ltu_months_adult;   /* long-term: more than 12 in both */
	bool ltu_at_least;      /* false: more than these months; true: at least */
	int exit_window_days;   /* 28 in both, the last day included */
	bool cr05_employed_too; /* false: CR05 leaves out who was employed at entry */
} EsfParams;

/* Bits of a set of ESF+ indicators; the order is that of the codes. */
enum
{
	ESF_EECO01,
	ESF_EECO02,
	ESF_EECO03,
	ESF_EECO04,
	ESF_EECO05,
	ESF_EECO06,
	ESF_EECO07,
	ESF_EECO08,
	ESF_EECO09,
	ESF_EECO10,
	ESF_EECO11,
	ESF_EECO12,
	ESF_EECO13,
	ESF_EECO14,
	ESF_EECO15,
	ESF_EECO16,
	ESF_EECO17,
	ESF_EECO18,
	ESF_EECO19,
	ESF_EECR01,
	ESF_EECR02,
	ESF_EECR03,
	ESF_EECR04,
	ESF_EECR05,
	ESF_EECR06,
	ESF_PLUS_COUNT
};

/* Bits of a set of ESF 2014-2020 indicators; the order is that of the codes. */
enum
{
	ESF_CI01,
	ESF_CI02,
	ESF_CI03,
	ESF_CI04,
	ESF_CI05,
	ESF_CI06,
	ESF_CI07,
	ESF_CI08,
	ESF_CI09,
	ESF_CI10,
	ESF_CI11,
	ESF_CI12,
	ESF_CO01,
	ESF_CO02,
	ESF_CO03,
	ESF_CO04,
	ESF_CO05,
	ESF_CO06,
	ESF_CO07,
	ESF_CO08,
	ESF_CO09,
	ESF_CO10,
	ESF_CO11,
	ESF_CO12,
	ESF_CO13,
	ESF_CO14,
	ESF_CO15,
	ESF_CO16,
	ESF_CO17,
	ESF_CO18,
	ESF_CO19,
	ESF_CO20,
	ESF_CO21,
	ESF_CO22,
	ESF_CO23,
	ESF_CR01,
	ESF_CR02,
	ESF_CR03,
	ESF_CR04,
	ESF_CR05,
	ESF_CR06,
	ESF_CR07,
	ESF_CR08,
	ESF_CR09,
	ESF_2014_COUNT
};

#define ESF_BIT(indicator) (UINT64_C(1) << (indicator))

/* Beside the indicators in a set: the person has left.  Results are of leavers only. */
#define ESF_LEAVER 62

typedef enum EsfDataClass
{
	ESF_DATA_TOTAL,    /* summed from other indicators */
	ESF_DATA_ENTITY,   /* about projects, services or firms */
	ESF_DATA_PERSONAL, /* "*": GDPR Art. 4(1) */
	ESF_DATA_SENSITIVE /* "**": GDPR Art. 9 (Directive 95/46/EC Art. 8 before) */
} EsfDataClass;

typedef struct EsfIndicator
{
	const char *code; /* as in SFC; the regulations print none */
	EsfFramework framework;
	EsfDataClass data;
	const char *source;
	const char *point; /* of the annex; empty for Annex II */
	const char *title;
} EsfIndicator;

/* What a record must have, in the order in which it is named when missing. */
enum
{
	ESF_NEED_SEX,
	ESF_NEED_BIRTH,
	ESF_NEED_ENTRY,
	ESF_NEED_STATUS_ENTRY,
	ESF_NEED_ISCED,
	ESF_NEED_UNEMPLOYED_MONTHS,
	ESF_NEED_COUNT
};

/* Completed years; beyond them a date is mistyped. */
#define ESF_MAX_AGE 120

/* Dates that cannot both be true. */
typedef enum EsfContradiction
{
	ESF_NO_CONTRADICTION,
	ESF_BIRTH_AFTER_ENTRY,
	ESF_TOO_OLD, /* beyond ESF_MAX_AGE at entry */
	ESF_EXIT_BEFORE_ENTRY,
	ESF_CHANGE_BEFORE_EXIT
} EsfContradiction;

/* "esf+" or "esf", exactly so.  False, and nothing written, for anything else. */
static inline bool
esf_framework_parse(const char *text, size_t len, EsfFramework *framework)
{
	if (len == 4 && memcmp(text, "esf+", 4) == 0)
		*framework = ESF_PLUS;
	else if (len == 3 && memcmp(text, "esf", 3) == 0)
		*framework = ESF_2014;
	else
		return false;
	return true;
}

extern const char *esf_framework_name(EsfFramework framework);

/* YYYY-MM-DD, exactly so, a day that exists.  False, and nothing written, otherwise. */
extern bool esf_date_parse(const char *text, size_t len, EsfDate *date);
extern bool esf_date_known(EsfDate date);

/* Days since 2000-01-01 (negative before) of a known date. */
extern int esf_date_days(EsfDate date);

/*
 * Age in completed years.  Who is born on 29 February completes a year on
 * 1 March of common years (as PostgreSQL's age() has it).  Both dates known.
 */
extern int esf_age(EsfDate birth, EsfDate on);

/* The defaults documented at EsfParams. */
extern const EsfParams *esf_default_params(EsfFramework framework);

/*
 * Bits ESF_NEED_...: what keeps the record out of every indicator (2021/1057
 * Art. 17(5); Commission FAQ for 2014-2020 on completeness).  0 when complete;
 * the rule is the same in both frameworks.  A value out of its range is missing.
 */
extern uint64_t esf_missing(const EsfParticipation *participation);

/* The key that esf_missing means by bit `need`. */
extern const char *esf_need_name(int need);

/* The first contradiction between known dates. */
extern EsfContradiction esf_contradiction(const EsfParticipation *participation);

/*
 * The indicators the participation counts for, as ESF_BIT()s; 0 when the record
 * is incomplete.  Only "yes" counts: no, refused and unknown count alike as not
 * having the characteristic, and refused and unknown block nothing.  Results
 * need an exit.  The dates must be free of contradictions.
 */
extern uint64_t esf_indicators(EsfFramework framework, const EsfParams *params,
							   const EsfParticipation *participation);

/* The same with ESF_BIT(ESF_LEAVER) for who has left: what a tally counts. */
extern uint64_t esf_indicator_set(EsfFramework framework, const EsfParams *params,
								  const EsfParticipation *participation);

/*
 * The set without the results that were not established yet: none before the
 * exit; until six months after it those upon leaving only (points 3 and 4 of
 * 2021/1057, Annex I; (3) and (4) of 1304/2013, Annex I).
 */
extern uint64_t esf_established_set(EsfFramework framework, uint64_t set, bool has_left,
									bool six_months_past);

/* All bits that a set of the framework may have. */
static inline uint64_t
esf_all_bits(EsfFramework framework)
{
	int count = framework == ESF_PLUS ? ESF_PLUS_COUNT : ESF_2014_COUNT;

	return (ESF_BIT(count) - 1) | ESF_BIT(ESF_LEAVER);
}

/* The bit of a code of the framework; -1 for any other text. */
extern int esf_code_bit(EsfFramework framework, const char *code, size_t len);

/* All indicators of a framework; entry i is the one of bit i. */
extern const EsfIndicator *esf_catalogue(EsfFramework framework, int *count);

#endif /* ATTEST_ESF_INDICATOR_H */
