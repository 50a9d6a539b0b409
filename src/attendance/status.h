/*
 * status.h
 *		The statuses of a person on a slot, once: code, name, meaning.
 *
 * The codes are stored, so the order never changes: new ones go to the end.  Method,
 * evidence and what a funder counts stand beside the status, never in it.
 */
#ifndef ATTEST_ATTENDANCE_STATUS_H
#define ATTEST_ATTENDANCE_STATUS_H

#define PRESENCE_STATUSES(X)                                                  \
	X(EXPECTED, "expected")     /* no event yet */                            \
	X(PRESENT, "present")       /* from the start to the end */               \
	X(LATE, "late")             /* came after the tolerance */                \
	X(LEFT_EARLY, "left_early") /* left before the end */                     \
	X(PARTIAL, "partial")       /* there for some of it, in several pieces */ \
	X(ABSENT, "absent")         /* not there, no ground given */              \
	X(EXCUSED, "excused")       /* not there, said before */                  \
	X(JUSTIFIED, "justified")   /* not there, with a document, after */       \
	X(EXEMPTED, "exempted")     /* need not be there, counts as there */      \
	X(IN_COMPANY, "in_company") /* at the company, in alternation */          \
	X(CANCELLED, "cancelled")   /* the slot did not take place */             \
	X(DISPUTED, "disputed")     /* the person or the trainer contests it */

typedef enum PresenceStatus
{
#define X(name, text) PRESENCE_##name,
	PRESENCE_STATUSES(X)
#undef X
		PRESENCE_STATUS_COUNT
} PresenceStatus;

#endif /* ATTEST_ATTENDANCE_STATUS_H */
