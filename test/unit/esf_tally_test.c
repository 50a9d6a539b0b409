/*
 * esf_tally_test.c
 *		Unit test of src/esf/tally.c and src/esf/publish.c; prints TAP, needs no server.
 *
 * The counts of random tallies are compared with counts taken code by code; hidden
 * cells are audited by another method than the one that hides them (ranks modulo a
 * prime instead of elimination with doubles).
 */
#include "esf/publish.h"
#include "tap.h"

#define ROUNDS 500
#define PRIME  1000003

static EsfFramework
random_framework(void)
{
	return next_random() % 2 ? ESF_PLUS : ESF_2014;
}

static uint64_t
random_set(EsfFramework framework)
{
	uint64_t set = ((uint64_t) next_random() << 32 | next_random()) & esf_all_bits(framework);

	return next_random() % 8 == 0 ? 0 : set;
}

/* Counts the same sets in the tally and one by one, and compares. */
static bool
counts_agree(void)
{
	EsfFramework framework = random_framework();
	int64_t counts[ESF_GENDERS][ESF_2014_COUNT] = {{0}};
	int64_t left[ESF_GENDERS] = {0};
	int64_t complete[ESF_GENDERS] = {0};
	int64_t incomplete[ESF_GENDERS_OR_UNKNOWN] = {0};
	EsfTally tally;
	int count;

	(void) esf_catalogue(framework, &count);
	esf_tally_clear(&tally);
	for (int n = next_random() % 50; n >= 0; n--)
	{
		uint64_t set = random_set(framework);
		int gender = next_random() % (set == 0 ? ESF_GENDERS_OR_UNKNOWN : ESF_GENDERS);

		esf_tally_count(&tally, framework, (EsfGender) gender, set);
		if (set == 0)
			incomplete[gender]++;
		else
			complete[gender]++;
		for (int bit = 0; bit < count && set != 0; bit++)
			counts[gender][bit] += set >> bit & 1;
		if (set != 0)
			left[gender] += set >> ESF_LEAVER & 1;
	}
	return memcmp(tally.counts, counts, sizeof(counts)) == 0 &&
		   memcmp(tally.left, left, sizeof(left)) == 0 &&
		   memcmp(tally.complete, complete, sizeof(complete)) == 0 &&
		   memcmp(tally.incomplete, incomplete, sizeof(incomplete)) == 0;
}

/* A tally whose genders and partitions add up, as those of records do. */
static void
random_tally(EsfTally *tally, EsfFramework framework, int records)
{
	static const int status[] = {ESF_EECO02, ESF_EECO04, ESF_EECO05};

	esf_tally_clear(tally);
	tally->framework = framework;
	for (int n = 0; n < records; n++)
	{
		uint64_t set = random_set(framework) & random_set(framework);

		if (framework == ESF_PLUS && set != 0)
		{
			set &= ~(ESF_BIT(ESF_EECO02) | ESF_BIT(ESF_EECO04) | ESF_BIT(ESF_EECO05) |
					 ESF_BIT(ESF_EECO09) | ESF_BIT(ESF_EECO10) | ESF_BIT(ESF_EECO11));
			set |= ESF_BIT(ESF_EECO01) | ESF_BIT(status[next_random() % 7 % 3]) |
				   ESF_BIT(ESF_EECO09 + next_random() % 5 % 3);
		}
		esf_tally_count(tally, framework, (EsfGender) (next_random() % 40 % ESF_GENDERS), set);
	}
}

static bool
equal(const EsfTally *a, const EsfTally *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
comes_back(const EsfTally *tally)
{
	char text[ESF_TALLY_TEXT_MAX];
	uint8_t bytes[ESF_TALLY_BYTES];
	EsfTally again;

	esf_tally_format(tally, text);
	if (!esf_tally_parse(text, strlen(text), &again) || !equal(tally, &again))
		return false;
	esf_tally_write(tally, bytes);
	return esf_tally_read(bytes, sizeof(bytes), &again) && equal(tally, &again);
}

/* Any split of records adds up to the whole, and what is taken away leaves the rest. */
static bool
adds_up(void)
{
	EsfFramework framework = random_framework();
	EsfTally whole, first, second, sum;

	esf_tally_clear(&whole);
	esf_tally_clear(&first);
	esf_tally_clear(&second);
	for (int n = 0; n < 30; n++)
	{
		uint64_t set = random_set(framework);
		EsfGender gender = (EsfGender) (next_random() % ESF_GENDERS);

		esf_tally_count(&whole, framework, gender, set);
		esf_tally_count(n % 3 ? &first : &second, framework, gender, set);
	}
	sum = first;
	if (esf_tally_add(&sum, &second) != ESF_TALLY_OK || !equal(&sum, &whole))
		return false;
	return esf_tally_subtract(&sum, &first) == ESF_TALLY_OK && equal(&sum, &second);
}

static void
test_faults(void)
{
	uint8_t bytes[ESF_TALLY_BYTES + 1];
	EsfTally a, b, before;
	int taken = 0;

	esf_tally_clear(&a);
	b = a;
	esf_tally_count(&a, ESF_PLUS, ESF_WOMEN, ESF_BIT(ESF_EECO01));
	before = a;
	ok(esf_tally_add(&a, &b) == ESF_TALLY_OK && equal(&a, &before), "empty tally changes nothing");
	ok(esf_tally_add(&b, &a) == ESF_TALLY_OK && equal(&a, &b), "empty tally takes a framework");
	b.framework = ESF_2014;
	ok(esf_tally_add(&a, &b) == ESF_TALLY_OTHER_FRAMEWORK && equal(&a, &before),
	   "frameworks do not mix, and nothing changes");
	b.framework = ESF_PLUS;
	b.left[ESF_MEN] = 1;
	ok(esf_tally_subtract(&a, &b) == ESF_TALLY_BELOW_ZERO && equal(&a, &before),
	   "no counter below zero, and nothing changes");
	b.left[ESF_MEN] = ESF_TALLY_MAX;
	a.left[ESF_MEN] = 1;
	ok(esf_tally_add(&a, &b) == ESF_TALLY_TOO_LARGE, "no counter beyond the limit");
	esf_tally_write(&before, bytes);
	for (size_t length = 0; length <= sizeof(bytes); length++)
		taken += esf_tally_read(bytes, length, &b);
	ok(taken == 1, "bytes of any other length are refused");
	bytes[0] = 2;
	ok(!esf_tally_read(bytes, ESF_TALLY_BYTES, &b), "another version is refused");
	bytes[0] = 1;
	bytes[1] = 3;
	ok(!esf_tally_read(bytes, ESF_TALLY_BYTES, &b), "another framework is refused");
	bytes[1] = 0;
	ok(!esf_tally_read(bytes, ESF_TALLY_BYTES, &b), "counters without a framework are refused");
	bytes[1] = 1;
	bytes[2] = 0x80;
	ok(!esf_tally_read(bytes, ESF_TALLY_BYTES, &b), "a negative counter is refused");
	bytes[2] = 0;
	bytes[ESF_TALLY_BYTES - 1] = 1;
	ok(!esf_tally_read(bytes, ESF_TALLY_BYTES, &b), "a counter that ESF+ does not have is refused");
}

/* --- audit --- */

#define EQUATIONS (ESF_2014_COUNT + 2 * ESF_COLUMNS)
#define CELLS     (ESF_2014_COUNT * ESF_COLUMNS)

static int64_t matrix[EQUATIONS + 1][CELLS];

static int64_t
inverse(int64_t value)
{
	int64_t result = 1;

	for (int power = PRIME - 2; power > 0; power >>= 1)
	{
		if (power & 1)
			result = result * value % PRIME;
		value = value * value % PRIME;
	}
	return result;
}

static int
rank(int rows)
{
	int done = 0;

	for (int column = 0; column < CELLS && done < rows; column++)
	{
		int row = done;

		while (row < rows && matrix[row][column] == 0)
			row++;
		if (row == rows)
			continue;
		for (int k = 0; k < CELLS; k++)
		{
			int64_t kept = matrix[row][k];

			matrix[row][k] = matrix[done][k];
			matrix[done][k] = kept;
		}
		for (row = done + 1; row < rows; row++)
		{
			int64_t factor = matrix[row][column] * inverse(matrix[done][column]) % PRIME;

			for (int k = column; k < CELLS && factor != 0; k++)
				matrix[row][k] = (matrix[row][k] + (PRIME - factor) * matrix[done][k]) % PRIME;
		}
		done++;
	}
	return done;
}

static void
put(const EsfTable *table, int equation, int row, int column, int64_t factor)
{
	if (table->hidden[row][column])
		matrix[equation][row * ESF_COLUMNS + column] = factor;
}

static int
fill(const EsfTable *table)
{
	int equations = 0;

	memset(matrix, 0, sizeof(matrix));
	for (int row = 0; row < table->rows; row++, equations++)
	{
		for (int column = 0; column < ESF_GENDERS; column++)
			put(table, equations, row, column, 1);
		put(table, equations, row, ESF_GENDERS, PRIME - 1);
	}
	for (int column = 0; column < ESF_COLUMNS && table->framework == ESF_PLUS; column++)
	{
		put(table, equations, ESF_EECO01, column, PRIME - 1);
		put(table, equations, ESF_EECO02, column, 1);
		put(table, equations, ESF_EECO04, column, 1);
		put(table, equations++, ESF_EECO05, column, 1);
		put(table, equations, ESF_EECO01, column, PRIME - 1);
		for (int row = ESF_EECO09; row <= ESF_EECO11; row++)
			put(table, equations, row, column, 1);
		equations++;
	}
	return equations;
}

/* A cell is determined when its unit vector adds nothing to the rank. */
static bool
is_determined(const EsfTable *table, int row, int column)
{
	int equations = fill(table);
	int before = rank(equations);

	equations = fill(table);
	matrix[equations][row * ESF_COLUMNS + column] = 1;
	return rank(equations + 1) == before;
}

/* Small cells are hidden and not determined, zeros are shown; false says what is wrong. */
static bool
is_safe(const EsfTable *table, int64_t threshold)
{
	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
		{
			int64_t value = table->cells[row][column];

			if (value == 0 && table->hidden[row][column])
				return false;
			if (value == 0 || value >= threshold)
				continue;
			if (!table->hidden[row][column] || is_determined(table, row, column))
				return false;
		}
	}
	return true;
}

static void
test_suppression(void)
{
	static EsfTable table;
	EsfTally tally;
	int unsafe = 0;
	int agree = 0;
	int asked = 0;
	int shown = 0;

	for (int round = 0; round < 60; round++)
	{
		EsfFramework framework = round % 4 == 0 ? ESF_2014 : ESF_PLUS;

		random_tally(&tally, framework, 5 + (int) (next_random() % 400));
		esf_table_fill(&table, &tally);
		/* Bare: the two methods agree on what is given away. */
		for (int row = 0; row < table.rows; row++)
		{
			for (int column = 0; column < ESF_COLUMNS; column++)
				table.hidden[row][column] = next_random() % 3 == 0;
		}
		for (int k = 0; k < 3; k++)
		{
			int row = (int) (next_random() % (uint32_t) table.rows);
			int column = (int) (next_random() % ESF_COLUMNS);

			if (!table.hidden[row][column])
				continue;
			asked++;
			agree +=
				esf_table_gives_away(&table, row, column) == is_determined(&table, row, column);
		}
		memset(table.hidden, 0, sizeof(table.hidden));
		esf_table_suppress(&table, 5);
		unsafe += !is_safe(&table, 5);
		for (int row = 0; row < table.rows; row++)
			shown += table.cells[row][ESF_GENDERS] > 0 && !table.hidden[row][ESF_GENDERS];
	}
	ok(agree == asked && asked > 20, "given away: both methods say the same of %d cells", asked);
	ok(unsafe == 0, "no small cell of 60 tables is shown or given away; %d of them unsafe", unsafe);
	ok(shown > 400, "most totals are shown: %d", shown);
}

/* Of records that can be: a status, a level, and the long-term among the unemployed. */
static void
few_records(EsfTally *tally)
{
	static const int status[] = {ESF_EECO02, ESF_EECO04, ESF_EECO05};

	esf_tally_clear(tally);
	for (int n = 5 + (int) (next_random() % 30); n > 0; n--)
	{
		int at_entry = status[next_random() % 3];
		uint64_t set = ESF_BIT(ESF_EECO01) | ESF_BIT(at_entry) |
					   ESF_BIT(ESF_EECO09 + (int) (next_random() % 3));

		if (at_entry == ESF_EECO02 && next_random() % 2 == 0)
			set |= ESF_BIT(ESF_EECO03);
		esf_tally_count(tally, ESF_PLUS, (EsfGender) (next_random() % ESF_GENDERS), set);
	}
}

/* How many small cells a published table tells, by bounds. */
static int
count_pinned(const EsfTable *table, int64_t threshold)
{
	int count = 0;

	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
		{
			int64_t value = table->cells[row][column];

			count += value > 0 && value < threshold && esf_table_pins_down(table, row, column);
		}
	}
	return count;
}

/*
 * No equation gives the three men away, but three parts that are not zero make them three
 * at least, and a total of five for three genders, elsewhere, three at most.
 */
static void
test_pinned_down(void)
{
	static EsfTable table;
	EsfTally tally;
	int pinned = 0;
	const char *text = "esf+;complete=8/3/1;EECO01=8/3/1;EECO02=0/1/0;EECO04=2/1/0;EECO05=6/1/1;"
					   "EECO09=1/3/1;EECO10=5/0/0;EECO11=2/0/0";

	(void) esf_tally_parse(text, strlen(text), &tally);
	esf_table_fill(&table, &tally);
	for (int row = 0; row < table.rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
			table.hidden[row][column] = table.cells[row][column] > 0;
	}
	table.hidden[ESF_EECO09][ESF_GENDERS] = false;
	ok(esf_table_pins_down(&table, ESF_EECO01, ESF_MEN) &&
		   !esf_table_gives_away(&table, ESF_EECO01, ESF_MEN),
	   "bounds tell a cell that no subtraction gives away");
	table.hidden[ESF_EECO09][ESF_GENDERS] = true;
	ok(!esf_table_pins_down(&table, ESF_EECO01, ESF_MEN), "without the total they do not");
	for (int round = 0; round < 300; round++)
	{
		few_records(&tally);
		esf_table_fill(&table, &tally);
		esf_table_suppress(&table, 5);
		pinned += count_pinned(&table, 5);
	}
	ok(pinned == 0, "no small cell of 300 tables can be told by bounds; %d can", pinned);
}

/* 1 + 1 = 2 tells all where zeros are shown. */
static void
test_few_together(void)
{
	static EsfTable table;
	EsfTally tally;
	const char *text = "esf;complete=1/1/40;CR03=1/1/40;CR02=0/3/0;CR04=5/6/7";

	(void) esf_tally_parse(text, strlen(text), &tally);
	esf_table_fill(&table, &tally);
	esf_table_suppress(&table, 5);
	ok(table.hidden[ESF_CR03][ESF_WOMEN] && table.hidden[ESF_CR03][ESF_MEN] &&
		   table.hidden[ESF_CR03][ESF_NEITHER] && !table.hidden[ESF_CR03][ESF_GENDERS],
	   "two hidden cells of one person each are not alone");
	ok(table.hidden[ESF_CR02][ESF_MEN] && table.hidden[ESF_CR02][ESF_GENDERS] &&
		   !table.hidden[ESF_CR02][ESF_WOMEN],
	   "a total of few people is hidden, zeros are shown");
	ok(!table.hidden[ESF_CR04][ESF_WOMEN] && !table.hidden[ESF_CR04][ESF_GENDERS],
	   "what is not small stays");
}

int
main(void)
{
	EsfTally tally;
	int wrong = 0;
	int lost = 0;
	int apart = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		wrong += !counts_agree();
		apart += !adds_up();
		random_tally(&tally, random_framework(), (int) (next_random() % 60));
		lost += !comes_back(&tally);
	}
	ok(wrong == 0, "%d random tallies count as counting code by code", ROUNDS);
	ok(apart == 0, "%d random tallies add up from any parts, and come apart again", ROUNDS);
	ok(lost == 0, "%d random tallies come back from text and from bytes", ROUNDS);
	esf_tally_clear(&tally);
	ok(comes_back(&tally), "the empty tally comes back");
	tally.framework = ESF_2014;
	for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
		((int64_t *) &tally)[1 + i] = ESF_TALLY_MAX;
	ok(comes_back(&tally), "the longest text fits");
	test_faults();
	test_suppression();
	test_pinned_down();
	test_few_together();
	printf("1..%d\n", tests_run);
	return tests_failed > 0;
}
