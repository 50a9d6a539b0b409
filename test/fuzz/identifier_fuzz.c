/*
 * identifier_fuzz.c
 *		NIR and SIRET: only their own characters come out, with the right key; the
 *		canonical text reads as itself; nothing comes out of a refused text.
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

static void
check_nir(const char *nir)
{
	for (int i = 0; i < NIR_LENGTH; i++)
	{
		bool corsica = i == 6 && nir[5] == '2' && (nir[i] == 'A' || nir[i] == 'B');

		REQUIRE(corsica || (nir[i] >= '0' && nir[i] <= '9'));
	}
	REQUIRE(nir_key_again(nir) == (nir[13] - '0') * 10 + nir[14] - '0');
}

static void
check_siret(const char *siret)
{
	static const int doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
	int luhn = 0, plain = 0;

	for (int i = 0; i < SIRET_LENGTH; i++)
	{
		int digit = siret[i] - '0';

		REQUIRE(digit >= 0 && digit <= 9);
		luhn += i % 2 == 0 ? doubled[digit] : digit;
		plain += digit;
	}
	if (memcmp(siret, "356000000", 9) == 0 && memcmp(siret, "35600000000048", 14) != 0)
		REQUIRE(plain % 5 == 0);
	else
		REQUIRE(luhn % 10 == 0);
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
	return 0;
}
