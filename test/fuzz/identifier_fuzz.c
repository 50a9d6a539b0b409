/*
 * identifier_fuzz.c
 *		NIR, SIRET and SIREN: only their own characters come out, with the right key; the
 *		canonical text reads as itself; nothing comes out of a refused text; the levels
 *		of a NIR only grow, and its parts are within their ranges.
 */
#include "fuzz.h"
#include "ident/identifier.h"

#define UNTOUCHED '?'

typedef IdentifierFault (*Parser)(const char *text, size_t length, char *out);

/* Modulo 97 digit by digit, with Corsica as INSEE has it: a second way to the key. */
static int
nir_key_again(const char *nir)
{
	int rest = 0;

	for (int i = 0; i < 13; i++)
	{
		char c = nir[i] == 'A' || nir[i] == 'B' ? '0' : nir[i];

		rest = (rest * 10 + (c - '0')) % 97;
	}
	/* the letter as 0, less 1,000,000 for 2A and 2,000,000 for 2B */
	if (nir[6] == 'A')
		rest += 97 - 1000000 % 97;
	if (nir[6] == 'B')
		rest += 97 - 2000000 % 97;
	return 97 - rest % 97;
}

/* Whatever the year of asking, the parts are those of a date and a place of INSEE. */
static void
check_parts(const char *nir, int as_of_year)
{
	NirParts parts;

	nir_parts(nir, as_of_year, &parts);
	REQUIRE(parts.sex == 'M' || parts.sex == 'F');
	REQUIRE(parts.birth_year >= 0 && parts.birth_year <= 99);
	REQUIRE(parts.birth_month >= 0 && parts.birth_month <= 12);
	REQUIRE(parts.order >= 1 && parts.order <= 999);
	REQUIRE(memcmp(parts.department, nir + 5, strlen(parts.department)) == 0);
	REQUIRE(strlen(parts.place) == (parts.born == NIR_BORN_UNKNOWN ? 0 : 5));
	REQUIRE(parts.born != NIR_BORN_ABROAD || memcmp(parts.place, "99", 2) == 0);
}

static void
check_nir(const char *nir)
{
	for (int i = 0; i < NIR_LENGTH; i++)
	{
		bool corsica = i == 6 && nir[5] == '2' && (nir[i] == 'A' || nir[i] == 'B');

		REQUIRE(corsica || (nir[i] >= '0' && nir[i] <= '9'));
	}
	REQUIRE(nir_key_again(nir) == (nir[13] - '0') * 10 + nir[14] - '0');
	check_parts(nir, 1950 + (nir[12] - '0') * 15);
}

/* A stricter level finds what a weaker one finds, or more. */
static void
check_levels(const char *text, size_t size)
{
	IdentifierFault wellformed = nir_check(text, size, NIR_WELLFORMED);
	IdentifierFault plausible = nir_check(text, size, NIR_PLAUSIBLE);
	IdentifierFault definitive = nir_check(text, size, NIR_DEFINITIVE);

	REQUIRE(wellformed == IDENTIFIER_OK || wellformed < IDENTIFIER_SIREN);
	REQUIRE(wellformed == IDENTIFIER_OK || plausible == wellformed);
	REQUIRE(plausible == IDENTIFIER_OK || definitive == plausible);
	REQUIRE((definitive == IDENTIFIER_OK) == (identifier_code(definitive) == NULL));
}

static int
luhn_sum(const char *digits, int count)
{
	static const int doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
	int sum = 0;

	for (int i = 0; i < count; i++)
	{
		REQUIRE(digits[i] >= '0' && digits[i] <= '9');
		sum += (count - i) % 2 == 0 ? doubled[digits[i] - '0'] : digits[i] - '0';
	}
	return sum;
}

static void
check_siren(const char *siren)
{
	REQUIRE(luhn_sum(siren, SIREN_LENGTH) % 10 == 0);
}

static void
check_siret(const char *siret)
{
	int luhn = luhn_sum(siret, SIRET_LENGTH), plain = 0;

	for (int i = 0; i < SIRET_LENGTH; i++)
		plain += siret[i] - '0';
	if (memcmp(siret, "356000000", 9) == 0 && memcmp(siret, "35600000000048", 14) != 0)
		REQUIRE(plain % 5 == 0);
	else
		REQUIRE(luhn % 10 == 0);
	check_siren(siret);
}

/* Separators before, between and after change nothing. */
static void
check_separated(Parser parse, const char *canonical, size_t length)
{
	char spread[2 * NIR_LENGTH + 1];
	char again[NIR_LENGTH];
	size_t at = 0;

	for (size_t i = 0; i < length; i++)
	{
		spread[at++] = " .-"[(i + (size_t) canonical[0]) % 3];
		spread[at++] = canonical[i];
	}
	spread[at++] = ' ';
	REQUIRE(parse(canonical, length, again) == IDENTIFIER_OK);
	REQUIRE(memcmp(again, canonical, length) == 0);
	REQUIRE(parse(spread, at, again) == IDENTIFIER_OK);
	REQUIRE(memcmp(again, canonical, length) == 0);
}

static void
fuzz_parser(Parser parse, size_t length, const char *text, size_t size,
			void (*check)(const char *canonical))
{
	char *out = malloc(length);
	size_t characters = 0;
	IdentifierFault fault;

	REQUIRE(out != NULL);
	memset(out, UNTOUCHED, length);
	for (size_t i = 0; i < size; i++)
		characters += text[i] != ' ' && text[i] != '.' && text[i] != '-';
	fault = parse(text, size, out);
	REQUIRE((fault == IDENTIFIER_LENGTH) == (characters != length));
	if (fault == IDENTIFIER_OK)
	{
		check(out);
		check_separated(parse, out, length);
	}
	for (size_t i = 0; fault != IDENTIFIER_OK && i < length; i++)
		REQUIRE(out[i] == UNTOUCHED);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_parser(nir_parse, NIR_LENGTH, (const char *) data, size, check_nir);
	fuzz_parser(siret_parse, SIRET_LENGTH, (const char *) data, size, check_siret);
	fuzz_parser(siren_parse, SIREN_LENGTH, (const char *) data, size, check_siren);
	check_levels((const char *) data, size);
	return 0;
}
