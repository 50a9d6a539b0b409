/*
 * person.h
 *		The register of people.
 */
#ifndef ATTEST_PERSON_PERSON_H
#define ATTEST_PERSON_PERSON_H

#include "core/core.h"

extern void person_init(void);

/* --- entitlement.c --- */

extern void entitlement_init(void);

#endif /* ATTEST_PERSON_PERSON_H */
