/*
 * identifier.h
 *		French identifiers: pure checks, no server.
 */
#ifndef ATTEST_IDENT_IDENTIFIER_H
#define ATTEST_IDENT_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>

#define NIR_LENGTH   15 /* 13 characters and the key, without spaces */
#define SIREN_LENGTH 9
#define SIRET_LENGTH 14 /* SIREN of 9 digits and NIC of 5 */

/* In the order of the checks: those of the form come first, up to IDENTIFIER_SIREN. */
typedef enum IdentifierFault
{
	IDENTIFIER_OK,
	IDENTIFIER_LENGTH,
	IDENTIFIER_CHARACTER,
	IDENTIFIER_KEY,
	IDENTIFIER_SIREN, /* a SIRET whose own key is right, and that of its SIREN wrong */
	IDENTIFIER_SEX,
	IDENTIFIER_MONTH,
	IDENTIFIER_DEPARTMENT,
	IDENTIFIER_ORDER,
	IDENTIFIER_SPECIMEN,   /* a number printed on specimens of cards: nobody's */
	IDENTIFIER_PROVISIONAL /* a waiting number, where one for good is asked for */
} IdentifierFault;

/* The fault as a word for clients, such as "key"; NULL for IDENTIFIER_OK. */
extern const char *identifier_code(IdentifierFault fault);

/*
 * How much is asked of a NIR: the form and the key; also that its parts can be; also
 * that it is no waiting number.
 */
typedef enum NirLevel
{
	NIR_WELLFORMED,
	NIR_PLAUSIBLE,
	NIR_DEFINITIVE
} NirLevel;

/*
 * Reads a social security number (NIR) with its key, plausible.  Spaces, dots and
 * hyphens between the characters are passed over.  Writes the NIR_LENGTH canonical
 * characters to out (no terminator) when the answer is IDENTIFIER_OK.
 * Rule: key = 97 - (number mod 97), 2A counted as 19 and 2B as 18 (INSEE).
 */
extern IdentifierFault nir_parse(const char *text, size_t length, char *out);

/* The first fault of the text as a NIR, at this level. */
extern IdentifierFault nir_check(const char *text, size_t length, NirLevel level);

/* What a NIR says. */
typedef struct NirParts
{
	char sex; /* M or F; of waiting numbers too, by odd and even */
	bool provisional;
	int birth_year;  /* two digits: 0 to 99 */
	int birth_month; /* 1 to 12; 0 where the civil status is incomplete */
	enum
	{
		NIR_BORN_IN_FRANCE,
		NIR_BORN_ABROAD,
		NIR_BORN_UNKNOWN
	} born;
	char department[4]; /* 44, 2A, 971; 99 and, of old numbers, 91 to 96 abroad */
	char place[6];      /* code of INSEE: the commune, or 99 and the country; empty if unknown */
	int order;
} NirParts;

/*
 * Reads the parts of the NIR_LENGTH canonical characters of a plausible NIR.
 * Algeria (91-94), Morocco (95) and Tunisia (96) had departments until they
 * became independent; 91 to 95 are French since 1968.  Which of the two is meant
 * follows from the birth year, of which the number has two digits: the years that
 * they can stand for are those of the 110 before as_of_year, that one included.
 */
extern void nir_parts(const char *nir, int as_of_year, NirParts *parts);

/* Reads a SIREN.  Same conventions, SIREN_LENGTH digits, Luhn; La Poste's follows it too. */
extern IdentifierFault siren_parse(const char *text, size_t length, char *out);

/*
 * Reads a SIRET.  Same conventions, SIRET_LENGTH digits.  Rule: Luhn over 14
 * digits and over the SIREN; La Poste (SIREN 356000000) instead has a digit sum
 * that is a multiple of 5, except its head office, which follows Luhn.
 */
extern IdentifierFault siret_parse(const char *text, size_t length, char *out);

#endif /* ATTEST_IDENT_IDENTIFIER_H */
