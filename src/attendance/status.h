/*
 * status.h
 *		The statuses of a presence, once: systems.md B.3, "status model that the
 *		market converges on".
 *
 * A row is: name, what it says.  The code of a status is its place, from 0; codes
 * are stored, so rows are only ever added at the end.  The order is also the one
 * of the counters of attest.tally.
 */
#ifndef ATTEST_ATTENDANCE_STATUS_H
#define ATTEST_ATTENDANCE_STATUS_H

#define PRESENCE_STATUSES(X)                                          \
	X(expected, "nothing recorded yet")                               \
	X(present, "there from the start to the end")                     \
	X(late, "came after the tolerance of the session")                \
	X(left_early, "left before the end")                              \
	X(partial, "there for a part, neither late nor left early alone") \
	X(absent, "not there")                                            \
	X(excused, "not there, and said so before the start")             \
	X(justified, "not there; a document was accepted afterwards")     \
	X(exempted, "need not come; counts as there, in no rate")         \
	X(in_company, "at work in the company, as the programme has it")  \
	X(cancelled, "the slot did not take place")                       \
	X(disputed, "what was recorded is contested")

typedef enum PresenceStatus
{
#define X(name, description) STATUS_##name,
	PRESENCE_STATUSES(X)
#undef X
		STATUS_COUNT
} PresenceStatus;

#endif /* ATTEST_ATTENDANCE_STATUS_H */
