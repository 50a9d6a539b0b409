/*
 * identifier.h
 *		French identifiers: pure checks, no server.
 */
#ifndef ATTEST_IDENT_IDENTIFIER_H
#define ATTEST_IDENT_IDENTIFIER_H

#include <stddef.h>

#define NIR_LENGTH   15 /* 13 characters and the key, without spaces */
#define SIRET_LENGTH 14 /* SIREN of 9 digits and NIC of 5 */

typedef enum IdentifierFault
{
	IDENTIFIER_OK,
	IDENTIFIER_LENGTH,
	IDENTIFIER_CHARACTER,
	IDENTIFIER_STRUCTURE, /* an impossible sex, month, department or order */
	IDENTIFIER_KEY
} IdentifierFault;

/*
 * Reads a social security number (NIR) with its key.  Spaces, dots and hyphens
 * between the characters are passed over.  Writes the NIR_LENGTH canonical
 * characters to out (no terminator) when the answer is IDENTIFIER_OK.
 * Rule: key = 97 - (number mod 97), 2A counted as 19 and 2B as 18 (INSEE).
 */
extern IdentifierFault nir_parse(const char *text, size_t length, char *out);

/*
 * Reads a SIRET.  Same conventions, SIRET_LENGTH digits.  Rule: Luhn over 14
 * digits; La Poste (SIREN 356000000) instead has a digit sum that is a multiple
 * of 5, except its head office, which follows Luhn.
 */
extern IdentifierFault siret_parse(const char *text, size_t length, char *out);

#endif /* ATTEST_IDENT_IDENTIFIER_H */
