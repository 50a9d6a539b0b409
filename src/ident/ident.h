/*
 * ident.h
 *		Types of identifiers, and row ids.
 */
#ifndef ATTEST_IDENT_IDENT_H
#define ATTEST_IDENT_IDENT_H

#include "core/core.h"

#include "datatype/timestamp.h"
#include "ident/identifier.h"
#include "utils/uuid.h"

/*
 * Writes a version 7 uuid (RFC 9562, 5.7): 48 bits of milliseconds since 1970,
 * 12 bits of sub-millisecond fraction (its method 3), 62 random bits.  Row ids made in one
 * session sort in the order of their making to a quarter of a microsecond.
 */
extern void uuid_v7(TimestampTz at, pg_uuid_t *uuid);

/* What nir_malformed and siret_malformed say of a fault; never of the number. */
extern const char *ident_fault_fact(IdentifierFault fault);

#endif /* ATTEST_IDENT_IDENT_H */
