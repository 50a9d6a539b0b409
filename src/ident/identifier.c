/*
 * identifier.c
 *		French identifiers: see identifier.h.
 */
#include "ident/identifier.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '.' || c == '-';
}

/* Copies what is not a separator; false when it is not exactly `wanted` long. */
static bool
squeeze(const char *text, size_t length, char *out, size_t wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
	{
		if (is_separator(text[i]))
			continue;
		if (n == wanted)
			return false;
		out[n++] = text[i];
	}
	return n == wanted;
}

static int
two_digits(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* 01-12, or 20-42 and 50-99 where the civil status is incomplete (INSEE). */
static bool
is_nir_month(int month)
{
	return (month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50;
}

/* 1 and 2 men and women; 3, 4, 7 and 8 are waiting numbers. */
static bool
is_nir_sex(char c)
{
	return c == '1' || c == '2' || c == '3' || c == '4' || c == '7' || c == '8';
}

static bool
has_nir_structure(const char *nir)
{
	if (!is_nir_sex(nir[0]) || !is_nir_month(two_digits(nir + 3)))
		return false;
	return memcmp(nir + 5, "00", 2) != 0 && memcmp(nir + 10, "000", 3) != 0;
}

static IdentifierFault
check_nir_characters(char *nir)
{
	for (int i = 0; i < NIR_LENGTH; i++)
	{
		if (i == 6 && nir[5] == '2' && (nir[i] == 'a' || nir[i] == 'b'))
			nir[i] -= 'a' - 'A';
		if (i == 6 && nir[5] == '2' && (nir[i] == 'A' || nir[i] == 'B'))
			continue;
		if (!is_digit(nir[i]))
			return IDENTIFIER_CHARACTER;
	}
	return IDENTIFIER_OK;
}

static int
nir_key(const char *nir)
{
	uint64_t number = 0;

	for (int i = 0; i < 13; i++)
	{
		char c = nir[i];

		if (c == 'A')
			c = '9';
		else if (c == 'B')
			c = '8';
		/* 2A counts as 19 and 2B as 18: the 2 before the letter as a 1 */
		if (i == 5 && !is_digit(nir[6]))
			c = '1';
		number = number * 10 + (uint64_t) (c - '0');
	}
	return 97 - (int) (number % 97);
}

IdentifierFault
nir_parse(const char *text, size_t length, char *out)
{
	char nir[NIR_LENGTH];

	if (!squeeze(text, length, nir, NIR_LENGTH))
		return IDENTIFIER_LENGTH;
	if (check_nir_characters(nir) != IDENTIFIER_OK)
		return IDENTIFIER_CHARACTER;
	if (!has_nir_structure(nir))
		return IDENTIFIER_STRUCTURE;
	if (nir_key(nir) != two_digits(nir + 13))
		return IDENTIFIER_KEY;
	memcpy(out, nir, NIR_LENGTH);
	return IDENTIFIER_OK;
}

static bool
passes_luhn(const char *digits, int count)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
	{
		int d = digits[count - 1 - i] - '0';

		if (i % 2 == 1)
			d = d > 4 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

/* A place of La Poste other than its head office, which has NIC 00004 and its key. */
static bool
is_la_poste(const char *siret)
{
	return memcmp(siret, "356000000", 9) == 0 && memcmp(siret + 9, "00048", 5) != 0;
}

static bool
passes_la_poste(const char *digits)
{
	int sum = 0;

	for (int i = 0; i < SIRET_LENGTH; i++)
		sum += digits[i] - '0';
	return sum % 5 == 0;
}

IdentifierFault
siret_parse(const char *text, size_t length, char *out)
{
	char siret[SIRET_LENGTH];

	if (!squeeze(text, length, siret, SIRET_LENGTH))
		return IDENTIFIER_LENGTH;
	for (int i = 0; i < SIRET_LENGTH; i++)
	{
		if (!is_digit(siret[i]))
			return IDENTIFIER_CHARACTER;
	}
	if (is_la_poste(siret) ? !passes_la_poste(siret) : !passes_luhn(siret, SIRET_LENGTH))
		return IDENTIFIER_KEY;
	memcpy(out, siret, SIRET_LENGTH);
	return IDENTIFIER_OK;
}
