/*
 * publish.h
 *		Which cells of a table of ESF counts to leave out when it is published.
 *
 * A cell below the threshold, but not zero, tells about few people: it is left
 * out, and with it as many further cells as it takes that nobody finds it by
 * subtraction.  What readers can subtract: the genders from the total of a row;
 * in ESF+ also EECO02, EECO04, EECO05 and EECO09 to EECO11 from EECO01.
 */
#ifndef ATTEST_ESF_PUBLISH_H
#define ATTEST_ESF_PUBLISH_H

#include "esf/tally.h"

#define ESF_COLUMNS (ESF_GENDERS + 1) /* and the total */

typedef struct EsfTable
{
	EsfFramework framework;
	int rows; /* in the order of the catalogue */
	int64_t cells[ESF_2014_COUNT][ESF_COLUMNS];
	bool hidden[ESF_2014_COUNT][ESF_COLUMNS];
} EsfTable;

/* The cells of a tally that has a framework, none of them hidden. */
extern void esf_table_fill(EsfTable *table, const EsfTally *tally);

/* Hides cells from 1 to threshold - 1, and what protects them. */
extern void esf_table_suppress(EsfTable *table, int64_t threshold);

/*
 * Whether readers can tell a hidden cell, because what is hidden is no zero and some
 * rows are a part of others: by bounds.
 */
extern bool esf_table_pins_down(const EsfTable *table, int row, int column);

/* Whether the cells that are shown give away a hidden one: by solving what adds up. */
extern bool esf_table_gives_away(const EsfTable *table, int row, int column);

#endif /* ATTEST_ESF_PUBLISH_H */
