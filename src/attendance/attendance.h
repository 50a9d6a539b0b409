/*
 * attendance.h
 *		Attendance: what the wiring calls.
 */
#ifndef ATTEST_ATTENDANCE_ATTENDANCE_H
#define ATTEST_ATTENDANCE_ATTENDANCE_H

#include "core/core.h"

/* Forgets, when a transaction ends, what a failed statement left for a total. */
extern void attendance_init(void);

#endif /* ATTEST_ATTENDANCE_ATTENDANCE_H */
