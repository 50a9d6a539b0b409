/*
 * identifier_test.c
 *		NIR, SIRET and SIREN (src/ident/identifier), without a server: prints TAP.
 *
 * Sources of the values:
 *
 *		INSEE		keys made with INSEE's rule, 97 - (number mod 97), by hand
 *		stdnum		the documented values of python-stdnum (fr.nir, fr.siret)
 *		import		samples of a public import template, key right, month 00
 *		specimen	the number printed on the specimen of the card
 *		luhn		made with the rule of Luhn, by hand
 */
#include "ident/identifier.h"
#include "tap.h"

typedef IdentifierFault (*Parser)(const char *text, size_t length, char *out);

typedef struct Case
{
	const char *text;
	IdentifierFault fault;
	const char *what; /* with its source */
} Case;

static const Case nirs[] = {
	{"295109912611193", IDENTIFIER_OK, "a woman born in Greece; stdnum"},
	{"2 95 10 99 126 111 93", IDENTIFIER_OK, "with spaces; stdnum"},
	{"2.95.10.99.126.111-93", IDENTIFIER_OK, "with dots and a hyphen"},
	{" -2951099126 11193. ", IDENTIFIER_OK, "separators around it"},
	{"253072A07300443", IDENTIFIER_OK, "Corsica 2A; stdnum"},
	{"253072B07300470", IDENTIFIER_OK, "Corsica 2B; stdnum"},
	{"253072a07300443", IDENTIFIER_OK, "Corsica 2a, small"},
	{"2 53 07 2b 073 004 70", IDENTIFIER_OK, "Corsica 2b, small, with spaces"},
	{"269054958815780", IDENTIFIER_SPECIMEN, "right key, of nobody; specimen"},
	{"2 69 05 49 588 157 80", IDENTIFIER_SPECIMEN, "the same with spaces"},
	{"184019711000118", IDENTIFIER_OK, "department 97; INSEE"},
	{"290069873501275", IDENTIFIER_OK, "department 98; INSEE"},
	{"191319935100446", IDENTIFIER_OK, "month 31, born abroad; INSEE"},
	{"185017505604901", IDENTIFIER_OK, "key 01; INSEE"},
	{"185017505605097", IDENTIFIER_OK, "key 97; INSEE"},
	{"799017500100134", IDENTIFIER_OK, "waiting number, sex 7; INSEE"},
	{"295109912611199", IDENTIFIER_KEY, "wrong key; stdnum"},
	{"295109912611139", IDENTIFIER_KEY, "key turned round"},
	{"259109912611193", IDENTIFIER_KEY, "two digits turned round"},
	{"253072B07300443", IDENTIFIER_KEY, "2B with the key of 2A"},
	{"185017505605000", IDENTIFIER_KEY, "key 00 in place of 97"},
	{"185017505604998", IDENTIFIER_KEY, "key 98 in place of 01"},
	{"253072C07300443", IDENTIFIER_CHARACTER, "Corsica 2C; stdnum"},
	{"253073A07300443", IDENTIFIER_CHARACTER, "department 3A"},
	{"253072AA7300443", IDENTIFIER_CHARACTER, "a letter after the department"},
	{"25307A207300443", IDENTIFIER_CHARACTER, "department A2"},
	{"A95109912611193", IDENTIFIER_CHARACTER, "a letter for the sex"},
	{"2951099126111O3", IDENTIFIER_CHARACTER, "the letter O in the key"},
	{"2951099126111+3", IDENTIFIER_CHARACTER, "a plus"},
	{"2951099126111\t3", IDENTIFIER_CHARACTER, "a tab is no separator"},
	{"295109912\xc3\xa9"
	 "1193",
	 IDENTIFIER_CHARACTER, "a letter with an accent, UTF-8"},
	{"\xd9\xa2"
	 "9510991261119",
	 IDENTIFIER_CHARACTER, "an Arabic digit, UTF-8"},
	{"29510991261119\xb2", IDENTIFIER_CHARACTER, "a superscript digit, Latin-1"},
	{"2 95 10 99 126 111\xc2\xa0"
	 "93",
	 IDENTIFIER_LENGTH, "a no-break space is no separator"},
	{"2951099126111930", IDENTIFIER_LENGTH, "16 digits"},
	{"29510991261119", IDENTIFIER_LENGTH, "14 digits"},
	{"2951099126111", IDENTIFIER_LENGTH, "no key"},
	{"", IDENTIFIER_LENGTH, "nothing"},
	{"- . - . - . - . ", IDENTIFIER_LENGTH, "separators only"},
	{"200000000000094", IDENTIFIER_MONTH, "month 00; import"},
	{"100000000000047", IDENTIFIER_MONTH, "month 00; import"},
};

static const Case sirets[] = {
	{"73282932000074", IDENTIFIER_OK, "Luhn; stdnum"},
	{"732 829 320 00074", IDENTIFIER_OK, "with spaces; stdnum"},
	{"732.829.320-00074", IDENTIFIER_OK, "with dots and a hyphen"},
	{"35600000000048", IDENTIFIER_OK, "La Poste, head office: Luhn; stdnum"},
	{"35600000009075", IDENTIFIER_OK, "La Poste, sum of digits 35; stdnum"},
	{"35600000049837", IDENTIFIER_OK, "La Poste, sum of digits 45; stdnum"},
	{"00000000000000", IDENTIFIER_OK, "zeros keep the rule"},
	{"73282932000079", IDENTIFIER_KEY, "wrong key; stdnum"},
	{"73282932000047", IDENTIFIER_KEY, "two digits turned round"},
	{"35600000049838", IDENTIFIER_KEY, "La Poste, sum of digits 46; stdnum"},
	{"35600000090015", IDENTIFIER_KEY, "La Poste, Luhn right but sum of digits 29"},
	{"73282932100072", IDENTIFIER_SIREN, "Luhn right over 14 digits, wrong over 9; luhn"},
	{"35600000100048", IDENTIFIER_KEY, "no La Poste: another SIREN, sum of digits 27"},
	{"35600000009070", IDENTIFIER_OK, "La Poste, another sum of digits that is a multiple of 5"},
	{"7328293200007A", IDENTIFIER_CHARACTER, "a letter"},
	{"732829320000\xc3\xa9", IDENTIFIER_CHARACTER, "a letter with an accent, UTF-8"},
	{"7328293200007\xb4", IDENTIFIER_CHARACTER, "a byte above 127"},
	{"732829320", IDENTIFIER_LENGTH, "a SIREN"},
	{"732829320000745", IDENTIFIER_LENGTH, "15 digits"},
	{"", IDENTIFIER_LENGTH, "nothing"},
};

static const Case sirens[] = {
	{"732829320", IDENTIFIER_OK, "Luhn; stdnum"},
	{"404833048", IDENTIFIER_OK, "Luhn; stdnum"},
	{"552008443", IDENTIFIER_OK, "Luhn; stdnum"},
	{"829342559", IDENTIFIER_OK, "of a contract"},
	{"356000000", IDENTIFIER_OK, "La Poste"},
	{"732 829 320", IDENTIFIER_OK, "with spaces"},
	{"732.829.320", IDENTIFIER_OK, "with dots"},
	{"404833047", IDENTIFIER_KEY, "wrong key; stdnum"},
	{"356000001", IDENTIFIER_KEY, "nearly La Poste"},
	{"40483304A", IDENTIFIER_CHARACTER, "a letter"},
	{"40483304\xb2", IDENTIFIER_CHARACTER, "a byte above 127"},
	{"73282932000074", IDENTIFIER_LENGTH, "a SIRET"},
	{"40483304", IDENTIFIER_LENGTH, "8 digits"},
	{"", IDENTIFIER_LENGTH, "nothing"},
};

static const char *
fault_name(IdentifierFault fault)
{
	return fault == IDENTIFIER_OK ? "right" : identifier_code(fault);
}

/* Parses from memory of exactly this length, into memory that shows what is written. */
static IdentifierFault
parse(Parser parser, const char *text, size_t length, char out[NIR_LENGTH + 1])
{
	char *exact = malloc(length + 1);
	IdentifierFault fault;

	if (exact == NULL)
		abort();
	memcpy(exact + 1, text, length);
	memset(out, '?', NIR_LENGTH + 1);
	fault = parser(exact + 1, length, out);
	free(exact);
	return fault;
}

/* The text without separators, in capitals, and nothing after it. */
static bool
is_canonical(const char *out, const char *text, size_t length)
{
	size_t at = 0;

	for (; *text != '\0'; text++)
	{
		char c = *text == 'a' || *text == 'b' ? (char) (*text - 'a' + 'A') : *text;

		if (strchr(" .-", c) == NULL && out[at++] != c)
			return false;
	}
	return at == length && out[at] == '?';
}

static bool
is_untouched(const char *out)
{
	return strspn(out, "?") >= NIR_LENGTH + 1;
}

static void
test_cases(const char *name, Parser parser, size_t length, const Case *cases, size_t count)
{
	char out[NIR_LENGTH + 2] = {0};

	for (const Case *c = cases; c < cases + count; c++)
	{
		IdentifierFault fault = parse(parser, c->text, strlen(c->text), out);
		bool right =
			fault == IDENTIFIER_OK ? is_canonical(out, c->text, length) : is_untouched(out);

		ok(right && fault == c->fault, "%s, %s: %s", name, fault_name(c->fault), c->what);
	}
}

/* Digits and separators of every length: only one length is not refused for it. */
static void
test_lengths(const char *name, Parser parser, size_t length)
{
	char out[NIR_LENGTH + 1];
	char digits[40], spread[80];
	bool right = true;

	memset(digits, '1', sizeof(digits));
	memset(spread, ' ', sizeof(spread));
	for (size_t i = 0; i < sizeof(digits); i++)
		spread[2 * i] = digits[i];
	for (size_t count = 0; count <= sizeof(digits); count++)
	{
		right =
			right && (parse(parser, digits, count, out) != IDENTIFIER_LENGTH) == (count == length);
		right = right &&
				(parse(parser, spread, 2 * count, out) != IDENTIFIER_LENGTH) == (count == length);
	}
	ok(right, "%s: of 0 to 40 digits only %zu have the length", name, length);
}

/* Every byte at every place, a zero byte included. */
static void
test_bytes(const char *name, Parser parser, const char *good, const char *allowed)
{
	size_t length = strlen(good);
	size_t wrong = 0;
	char out[NIR_LENGTH + 1], text[NIR_LENGTH];

	memcpy(text, good, length);
	for (size_t at = 0; at < length; at++)
	{
		for (int byte = 0; byte < 256; byte++)
		{
			IdentifierFault fault;

			text[at] = (char) byte;
			fault = parse(parser, text, length, out);
			if (byte == 0 || strchr(allowed, byte) == NULL)
				wrong += fault != IDENTIFIER_CHARACTER;
			else if (strchr(" .-", byte) != NULL)
				wrong += fault != IDENTIFIER_LENGTH;
			/* one digit for another: both rules always see it */
			else
				wrong += byte != good[at] && fault == IDENTIFIER_OK;
		}
		text[at] = good[at];
	}
	ok(wrong == 0, "%s: any other byte at any place is refused", name);
}

/* ---- the structure of a NIR, over all values of a part ---- */

/* A NIR with its key, made the second way that INSEE gives for Corsica. */
static void
make_nir(char nir[64], const char *body)
{
	long long number;
	char digits[14];

	memcpy(digits, body, 14);
	if (digits[6] == 'A' || digits[6] == 'B')
		digits[6] = '0';
	number = atoll(digits);
	if (body[6] == 'A')
		number -= 1000000;
	if (body[6] == 'B')
		number -= 2000000;
	snprintf(nir, 64, "%.13s%02d", body, (int) (97 - number % 97));
}

static bool
has_structure(const char *body)
{
	char nir[64], out[NIR_LENGTH + 1];
	IdentifierFault fault;

	make_nir(nir, body);
	fault = parse(nir_parse, nir, NIR_LENGTH, out);
	return fault == IDENTIFIER_OK;
}

static void
test_sexes_and_months(void)
{
	static const char sexes[] = "123478";
	bool right = true;
	char body[32];

	for (int sex = 0; sex < 10; sex++)
	{
		snprintf(body, sizeof(body), "%d510199126111", sex);
		right = right && has_structure(body) == (strchr(sexes, '0' + sex) != NULL);
	}
	ok(right, "NIR: sex 1, 2, and 3, 4, 7, 8 of waiting numbers; INSEE");
	right = true;
	for (int month = 0; month < 100; month++)
	{
		bool is_month = (month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50;

		snprintf(body, sizeof(body), "251%02d99126111", month);
		right = right && has_structure(body) == is_month;
	}
	ok(right, "NIR: months 1-12, 20-42 and 50-99; INSEE");
}

static void
test_places_and_orders(void)
{
	bool right = true;
	char body[32];

	for (int department = 0; department < 100; department++)
	{
		snprintf(body, sizeof(body), "25101%02d126111", department);
		right = right && has_structure(body) == (department > 0);
	}
	ok(right, "NIR: departments 01-99; INSEE");
	right = true;
	for (int order = 0; order < 1000; order++)
	{
		snprintf(body, sizeof(body), "251012A004%03d", order);
		right = right && has_structure(body) == (order > 0);
		body[6] = 'B';
		right = right && has_structure(body) == (order > 0);
	}
	ok(right, "NIR: orders 001-999, in both parts of Corsica; INSEE");
}

/* ---- how much is asked ---- */

typedef struct LevelCase
{
	const char *text;
	IdentifierFault faults[3]; /* wellformed, plausible, definitive */
} LevelCase;

static void
test_levels(void)
{
	static const LevelCase cases[] = {
		{"295109912611193", {IDENTIFIER_OK, IDENTIFIER_OK, IDENTIFIER_OK}},
		{"200000000000094", {IDENTIFIER_OK, IDENTIFIER_MONTH, IDENTIFIER_MONTH}},
		{"1 00 00 00 000 000 47", {IDENTIFIER_OK, IDENTIFIER_MONTH, IDENTIFIER_MONTH}},
		{"269054958815780", {IDENTIFIER_OK, IDENTIFIER_SPECIMEN, IDENTIFIER_SPECIMEN}},
		{"799017500100134", {IDENTIFIER_OK, IDENTIFIER_OK, IDENTIFIER_PROVISIONAL}},
		{"295109912611199", {IDENTIFIER_KEY, IDENTIFIER_KEY, IDENTIFIER_KEY}},
		{"253072C07300443", {IDENTIFIER_CHARACTER, IDENTIFIER_CHARACTER, IDENTIFIER_CHARACTER}},
		{"2951099126111930", {IDENTIFIER_LENGTH, IDENTIFIER_LENGTH, IDENTIFIER_LENGTH}},
	};

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const LevelCase *c = &cases[i];
		bool right = true;

		for (int level = NIR_WELLFORMED; level <= NIR_DEFINITIVE; level++)
			right = right && nir_check(c->text, strlen(c->text), level) == c->faults[level];
		ok(right, "NIR, the three levels: %s, %s, %s", fault_name(c->faults[0]),
		   fault_name(c->faults[1]), fault_name(c->faults[2]));
	}
}

/* ---- what a NIR says ---- */

typedef struct PartsCase
{
	const char *body; /* without its key */
	int as_of;
	const char *parts; /* sex, year, month, department, born, place, order, provisional */
} PartsCase;

static void
test_parts(void)
{
	static const PartsCase cases[] = {
		{"2951099126111", 2026, "F 95 10 99 abroad 99126 111"},
		{"253072B073004", 2026, "F 53 7 2B france 2B073 4"},
		{"253072A073004", 2026, "F 53 7 2A france 2A073 4"},
		{"1840197110001", 2026, "M 84 1 971 france 97110 1"},
		{"2900698735012", 2026, "F 90 6 987 france 98735 12"},
		{"1913199351004", 2026, "M 91 0 99 abroad 99351 4"},
		{"1850175056049", 2026, "M 85 1 75 france 75056 49"},
		{"7990175001001", 2026, "M 99 1 75 france 75001 1 provisional"},
		{"8990175001001", 2026, "F 99 1 75 france 75001 1 provisional"},
		{"3990175001001", 2026, "M 99 1 75 france 75001 1 provisional"},
		{"4990175001001", 2026, "F 99 1 75 france 75001 1 provisional"},
		{"2007144109001", 2026, "F 0 0 44 france 44109 1"},
		/* departments of Algeria and Morocco, French since 1968 */
		{"1350691352004", 2026, "M 35 6 91 abroad 99352 4"},
		{"2480392220001", 2026, "F 48 3 92 abroad 99352 1"},
		{"1500194010001", 2026, "M 50 1 94 abroad 99352 1"},
		{"2520195010001", 2026, "F 52 1 95 abroad 99350 1"},
		{"1670191228001", 2026, "M 67 1 91 abroad 99352 1"},
		{"1680191228001", 2026, "M 68 1 91 france 91228 1"},
		{"2900893066150", 2026, "F 90 8 93 france 93066 150"},
		{"1200191228001", 2026, "M 20 1 91 unknown - 1"},
		{"1100191228001", 2026, "M 10 1 91 france 91228 1"},
		{"1100191228001", 1999, "M 10 1 91 abroad 99352 1"},
		{"1350691352004", 2040, "M 35 6 91 unknown - 4"},
		/* Tunisia: never a French department */
		{"1350696010001", 2026, "M 35 6 96 abroad 99351 1"},
		{"1900696010001", 2026, "M 90 6 96 abroad 99351 1"},
	};
	static const char *const born[] = {"france", "abroad", "unknown"};

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char nir[64], said[200], out[NIR_LENGTH + 1];
		NirParts p;

		make_nir(nir, cases[i].body);
		nir_parts(nir, cases[i].as_of, &p);
		snprintf(said, sizeof(said), "%c %d %d %s %s %s %d%s", p.sex, p.birth_year, p.birth_month,
				 p.department, born[p.born], p.place[0] == '\0' ? "-" : p.place, p.order,
				 p.provisional ? " provisional" : "");
		ok(parse(nir_parse, nir, NIR_LENGTH, out) == IDENTIFIER_OK &&
			   strcmp(said, cases[i].parts) == 0,
		   "parts in %d: %s", cases[i].as_of, cases[i].parts);
		if (strcmp(said, cases[i].parts) != 0)
			printf("# said: %s\n", said);
	}
}

/* All places of La Poste: one in five has the sum, and one more the key of Luhn. */
static void
test_la_poste(void)
{
	int accepted = 0, luhn_only = 0;
	char text[32], out[NIR_LENGTH + 1];

	for (int place = 0; place < 100000; place++)
	{
		int sum = 14; /* of 356000000 */

		snprintf(text, sizeof(text), "356000000%05d", place);
		for (int i = 9; i < SIRET_LENGTH; i++)
			sum += text[i] - '0';
		if (parse(siret_parse, text, SIRET_LENGTH, out) != IDENTIFIER_OK)
			continue;
		accepted++;
		luhn_only += sum % 5 != 0;
	}
	ok(accepted == 20001 && luhn_only == 1,
	   "La Poste: 20000 places of 100000 by their sum of digits, the head office by Luhn");
}

int
main(void)
{
	test_cases("NIR", nir_parse, NIR_LENGTH, nirs, LENGTH(nirs));
	test_cases("SIRET", siret_parse, SIRET_LENGTH, sirets, LENGTH(sirets));
	test_cases("SIREN", siren_parse, SIREN_LENGTH, sirens, LENGTH(sirens));
	test_lengths("NIR", nir_parse, NIR_LENGTH);
	test_lengths("SIRET", siret_parse, SIRET_LENGTH);
	test_lengths("SIREN", siren_parse, SIREN_LENGTH);
	test_bytes("NIR", nir_parse, "295109912611193", "0123456789 .-");
	test_bytes("SIRET", siret_parse, "73282932000074", "0123456789 .-");
	test_bytes("SIREN", siren_parse, "732829320", "0123456789 .-");
	test_sexes_and_months();
	test_places_and_orders();
	test_levels();
	test_parts();
	test_la_poste();
	return tests_done();
}
