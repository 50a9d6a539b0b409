/*
 * tally.h
 *		Counts of ESF participations by indicator and gender: no server.
 *
 * A tally counts the indicator sets of participations in one framework.  Tallies
 * of the same framework add up in any order; the empty tally belongs to none and
 * changes nothing.  No person is in it, but a tally of one record tells all of it:
 * what is published goes through attest.esf_published().
 *
 * Text	"esf+;complete=2/1/0;left=1/0/0;incomplete=0/0/0/1;EECO01=2/1/0;..."
 *		Counters of women, men and non-binary people; of the incomplete records
 *		also those of unknown gender.  Counters that are all zero are left out;
 *		input takes them in any order, each once.  The empty tally is "none".
 * Bytes	version (1), framework (0 none, 1 esf+, 2 esf), then every counter in
 *		the order of the struct as 8 bytes, most significant first.
 */
#ifndef ATTEST_ESF_TALLY_H
#define ATTEST_ESF_TALLY_H

#include "esf/indicator.h"

/* Indices of counters; a gender of nobody knows which is for incomplete records only. */
typedef enum EsfGender
{
	ESF_WOMEN,
	ESF_MEN,
	ESF_NEITHER,
	ESF_GENDERS,
	ESF_GENDER_UNKNOWN = ESF_GENDERS,
	ESF_GENDERS_OR_UNKNOWN
} EsfGender;

/* No counter goes beyond, so that sums of a few never overflow. */
#define ESF_TALLY_MAX INT64_C(1000000000000000)

typedef struct EsfTally
{
	int64_t framework; /* EsfFramework, or ESF_NO_FRAMEWORK; 8 bytes: no padding */
	int64_t incomplete[ESF_GENDERS_OR_UNKNOWN];
	int64_t complete[ESF_GENDERS];
	int64_t left[ESF_GENDERS];
	int64_t counts[ESF_GENDERS][ESF_2014_COUNT]; /* [][bit of indicator.h] */
} EsfTally;

#define ESF_NO_FRAMEWORK (-1)

#define ESF_TALLY_COUNTERS \
	(ESF_GENDERS_OR_UNKNOWN + ESF_GENDERS + ESF_GENDERS + ESF_GENDERS * ESF_2014_COUNT)
#define ESF_TALLY_BYTES (2 + 8 * ESF_TALLY_COUNTERS)
/* Four numbers of 16 digits, their code and separators, for each counter. */
#define ESF_TALLY_TEXT_MAX (8 + (ESF_2014_COUNT + 3) * 96)

extern void esf_tally_clear(EsfTally *tally);

/*
 * Inline: an aggregate does this for each row.
 * Counts one participation; the set is 0 when it is incomplete, and only then may
 * the gender be unknown.  The framework must be that of the tally or the tally empty.
 */
static inline void
esf_tally_count(EsfTally *tally, EsfFramework framework, EsfGender gender, uint64_t set)
{
	int64_t *counts;

	tally->framework = framework;
	if (set == 0)
	{
		tally->incomplete[gender]++;
		return;
	}
	tally->complete[gender]++;
	if (set & ESF_BIT(ESF_LEAVER))
		tally->left[gender]++;
	set &= ~ESF_BIT(ESF_LEAVER);
	counts = tally->counts[gender];
	for (; set != 0; set &= set - 1)
		counts[__builtin_ctzll(set)]++;
}

typedef enum EsfTallyFault
{
	ESF_TALLY_OK,
	ESF_TALLY_OTHER_FRAMEWORK,
	ESF_TALLY_BELOW_ZERO,
	ESF_TALLY_TOO_LARGE
} EsfTallyFault;

/* Adds or takes away the counters of another tally; nothing is changed on a fault. */
extern EsfTallyFault esf_tally_add(EsfTally *tally, const EsfTally *other);
extern EsfTallyFault esf_tally_subtract(EsfTally *tally, const EsfTally *other);

/* False, and nothing of use written, unless the text or the bytes are a tally. */
extern bool esf_tally_parse(const char *text, size_t len, EsfTally *tally);
extern bool esf_tally_read(const uint8_t *bytes, size_t len, EsfTally *tally);

/* Writes the text, ended by NUL, into ESF_TALLY_TEXT_MAX; or ESF_TALLY_BYTES bytes. */
extern void esf_tally_format(const EsfTally *tally, char *text);
extern void esf_tally_write(const EsfTally *tally, uint8_t *bytes);

/*
 * The counters named by a code of the framework, or by "complete", "left" or
 * "incomplete"; *n is how many genders they have.  NULL for any other name.
 */
extern const int64_t *esf_tally_counters(const EsfTally *tally, const char *name, size_t len,
										 int *n, int64_t buffer[ESF_GENDERS_OR_UNKNOWN]);

#endif /* ATTEST_ESF_TALLY_H */
