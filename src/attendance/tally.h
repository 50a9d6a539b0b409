/*
 * tally.h
 *		Totals of attendance: counters that are added, taken away and merged.  Pure: no
 *		server.
 *
 * A tally is a sum of slots of persons, whatever they are grouped by; it names nobody.
 * Every counter is 64 bits wide and checked, so that a total is exact or an error.  A
 * difference of two tallies is one too, which is how a running total follows a
 * correction.
 */
#ifndef ATTEST_ATTENDANCE_TALLY_H
#define ATTEST_ATTENDANCE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attendance/status.h"

/* The counters before those of the statuses: name, what it counts. */
#define TALLY_COUNTERS(X)                                                                          \
	X(SLOTS, "slots")       /* slots of persons, of every status */                                \
	X(PLANNED, "planned")   /* minutes */                                                          \
	X(DUE, "due")           /* minutes planned, of slots with an outcome that could be attended */ \
	X(AHEAD, "ahead")       /* minutes planned, of slots without an outcome yet */                 \
	X(ATTENDED, "attended") /* minutes */                                                          \
	X(COUNTED, "counted")   /* minutes, by the rules of the funder */                              \
	X(LATE, "late_minutes") /* minutes missed at the start */                                      \
	X(SIGNED, "signatures") /* slots with a signature of the person */                             \
	X(COUNTERSIGNED, "countersigned") /* slots that a trainer countersigned */

typedef enum TallyCounter
{
#define X(name, text) TALLY_##name,
	TALLY_COUNTERS(X)
#undef X
		TALLY_STATUSES
} TallyCounter;

#define TALLY_FIELDS (TALLY_STATUSES + STATUS_COUNT)

typedef struct Tally
{
	int64_t value[TALLY_FIELDS]; /* by TallyCounter, then by PresenceStatus */
} Tally;

/* One slot of one person. */
typedef struct TallySlot
{
	PresenceStatus status;
	int32_t planned;  /* minutes */
	int32_t attended; /* minutes */
	int32_t counted;  /* minutes */
	int32_t late;     /* minutes */
	bool is_signed;
	bool is_countersigned;
} TallySlot;

/* Adds a slot; false when a counter would overflow, and the tally is then of no use. */
extern bool tally_add_slot(Tally *tally, const TallySlot *slot);

/* Adds another tally, or takes it away; false when a counter would overflow. */
extern bool tally_add(Tally *tally, const Tally *other);
extern bool tally_subtract(Tally *tally, const Tally *other);

extern bool tally_equal(const Tally *a, const Tally *b);

/* Whether the slots are the sum of the statuses, as sums and differences keep it. */
extern bool tally_is_consistent(const Tally *tally);

/* Name of a field, as in the text form. */
extern const char *tally_field_name(int field);

/*
 * The text form: "slots=2 planned=420 attended=198 present=1 absent=1", each field once
 * at most, in any order; fields that are left out are 0.  On a fault returns what is
 * wrong in a few words that hold nothing of the text, otherwise NULL.
 */
extern const char *tally_parse(const char *text, size_t length, Tally *tally);

#define TALLY_TEXT_MAX ((size_t) TALLY_FIELDS * 40)

/* Writes the text form, ended by a zero byte: slots first, then every field but zeros. */
extern void tally_print(const Tally *tally, char text[TALLY_TEXT_MAX]);

#endif /* ATTEST_ATTENDANCE_TALLY_H */
