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

/* 3, 4: foreigners while they are registered, seen but in no published rule; 7, 8: waiting. */
static bool
is_provisional(char sex)
{
	return sex == '3' || sex == '4' || sex == '7' || sex == '8';
}

/* Communes and countries are not looked up: their lists change every year. */
static IdentifierFault
nir_structure(const char *nir, NirLevel level)
{
	if (nir[0] != '1' && nir[0] != '2' && !is_provisional(nir[0]))
		return IDENTIFIER_SEX;
	if (!is_nir_month(two_digits(nir + 3)))
		return IDENTIFIER_MONTH;
	if (memcmp(nir + 5, "00", 2) == 0)
		return IDENTIFIER_DEPARTMENT;
	if (memcmp(nir + 10, "000", 3) == 0)
		return IDENTIFIER_ORDER;
	/* on the specimen of the card that the health insurance publishes */
	if (memcmp(nir, "269054958815780", NIR_LENGTH) == 0)
		return IDENTIFIER_SPECIMEN;
	if (level == NIR_DEFINITIVE && is_provisional(nir[0]))
		return IDENTIFIER_PROVISIONAL;
	return IDENTIFIER_OK;
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

static IdentifierFault
read_nir(const char *text, size_t length, NirLevel level, char nir[NIR_LENGTH])
{
	if (!squeeze(text, length, nir, NIR_LENGTH))
		return IDENTIFIER_LENGTH;
	if (check_nir_characters(nir) != IDENTIFIER_OK)
		return IDENTIFIER_CHARACTER;
	if (nir_key(nir) != two_digits(nir + 13))
		return IDENTIFIER_KEY;
	return level == NIR_WELLFORMED ? IDENTIFIER_OK : nir_structure(nir, level);
}

IdentifierFault
nir_check(const char *text, size_t length, NirLevel level)
{
	char nir[NIR_LENGTH];

	return read_nir(text, length, level, nir);
}

IdentifierFault
nir_parse(const char *text, size_t length, char *out)
{
	char nir[NIR_LENGTH];
	IdentifierFault fault = read_nir(text, length, NIR_PLAUSIBLE, nir);

	if (fault == IDENTIFIER_OK)
		memcpy(out, nir, NIR_LENGTH);
	return fault;
}

/* Until 1967 these were departments of North Africa, since 1968 they are French. */
static bool
was_north_africa(int department)
{
	return department >= 91 && department <= 95;
}

/* Where the person was born, department 91 to 95: by the birth years that can be meant. */
static int
born_in_old_department(int two_digit_year, int as_of_year)
{
	bool before = false, since = false;

	for (int year = as_of_year - 110; year <= as_of_year; year++)
	{
		if (year % 100 == two_digit_year)
			*(year < 1968 ? &before : &since) = true;
	}
	if (before == since)
		return NIR_BORN_UNKNOWN;
	return before ? NIR_BORN_ABROAD : NIR_BORN_IN_FRANCE;
}

/* The country as INSEE codes it today. */
static const char *
old_country(int department)
{
	if (department == 95)
		return "99350"; /* Morocco */
	return department == 96 ? "99351" /* Tunisia */ : "99352" /* Algeria */;
}

static void
read_place(const char *nir, int as_of_year, NirParts *parts)
{
	int department = nir[6] < 'A' ? two_digits(nir + 5) : 20;
	bool overseas = department == 97 || department == 98;

	memcpy(parts->department, nir + 5, overseas ? 3 : 2);
	parts->born = NIR_BORN_IN_FRANCE;
	if (department == 99 || department == 96)
		parts->born = NIR_BORN_ABROAD;
	else if (was_north_africa(department))
		parts->born = born_in_old_department(parts->birth_year, as_of_year);

	if (parts->born == NIR_BORN_ABROAD && department != 99)
		memcpy(parts->place, old_country(department), 5);
	else if (parts->born != NIR_BORN_UNKNOWN)
		memcpy(parts->place, nir + 5, 5);
}

void
nir_parts(const char *nir, int as_of_year, NirParts *parts)
{
	int month = two_digits(nir + 3);

	memset(parts, 0, sizeof(*parts));
	parts->sex = (nir[0] - '0') % 2 == 1 ? 'M' : 'F';
	parts->provisional = is_provisional(nir[0]);
	parts->birth_year = two_digits(nir + 1);
	parts->birth_month = month <= 12 ? month : 0;
	parts->order = (nir[10] - '0') * 100 + two_digits(nir + 11);
	read_place(nir, as_of_year, parts);
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

static IdentifierFault
read_digits(const char *text, size_t length, char *digits, size_t count)
{
	if (!squeeze(text, length, digits, count))
		return IDENTIFIER_LENGTH;
	for (size_t i = 0; i < count; i++)
	{
		if (!is_digit(digits[i]))
			return IDENTIFIER_CHARACTER;
	}
	return IDENTIFIER_OK;
}

IdentifierFault
siren_parse(const char *text, size_t length, char *out)
{
	char siren[SIREN_LENGTH];
	IdentifierFault fault = read_digits(text, length, siren, SIREN_LENGTH);

	if (fault != IDENTIFIER_OK)
		return fault;
	if (!passes_luhn(siren, SIREN_LENGTH))
		return IDENTIFIER_KEY;
	memcpy(out, siren, SIREN_LENGTH);
	return IDENTIFIER_OK;
}

IdentifierFault
siret_parse(const char *text, size_t length, char *out)
{
	char siret[SIRET_LENGTH];
	IdentifierFault fault = read_digits(text, length, siret, SIRET_LENGTH);

	if (fault != IDENTIFIER_OK)
		return fault;
	if (is_la_poste(siret) ? !passes_la_poste(siret) : !passes_luhn(siret, SIRET_LENGTH))
		return IDENTIFIER_KEY;
	if (!passes_luhn(siret, SIREN_LENGTH))
		return IDENTIFIER_SIREN;
	memcpy(out, siret, SIRET_LENGTH);
	return IDENTIFIER_OK;
}

const char *
identifier_code(IdentifierFault fault)
{
	static const char *const codes[] = {
		[IDENTIFIER_OK] = NULL,
		[IDENTIFIER_LENGTH] = "length",
		[IDENTIFIER_CHARACTER] = "character",
		[IDENTIFIER_KEY] = "key",
		[IDENTIFIER_SIREN] = "siren",
		[IDENTIFIER_SEX] = "sex",
		[IDENTIFIER_MONTH] = "month",
		[IDENTIFIER_DEPARTMENT] = "department",
		[IDENTIFIER_ORDER] = "order",
		[IDENTIFIER_SPECIMEN] = "specimen",
		[IDENTIFIER_PROVISIONAL] = "provisional",
	};

	return codes[fault];
}
