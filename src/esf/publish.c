/*
 * publish.c
 *		Suppression of small cells, with the cells that protect them.
 *
 * The sums that hold in a table are linear equations.  A hidden cell is given
 * away when the equations, with the shown cells put in, leave it one value:
 * Gaussian elimination tells.  As long as one is, the smallest cell that shares an
 * equation with it is hidden too.  Practice of official statistics (secondary
 * suppression); the numbers 1 to 4 are what French authorities ask for.
 *
 * Readers know more: zeros are shown, so what is hidden is 1 at least, and some
 * indicators are a part of others.  From there the equations narrow each hidden
 * cell; where that leaves a small one a single number, more is hidden.
 */
#include "esf/publish.h"

#include <math.h>
#include <string.h>

#define MAX_MEMBERS   4
#define MAX_EQUATIONS (ESF_2014_COUNT + 2 * ESF_COLUMNS)
#define MAX_CELLS     (ESF_2014_COUNT * ESF_COLUMNS)
#define TINY          1e-9
#define MAX_ROUNDS    100 /* of narrowing bounds, which hold after any */

typedef struct Cell
{
	int row;
	int column;
} Cell;

/* The first member is the sum of the others. */
typedef struct Equation
{
	int count;
	Cell members[MAX_MEMBERS];
} Equation;

typedef struct Equations
{
	int count;
	Equation list[MAX_EQUATIONS];
} Equations;

void
esf_table_fill(EsfTable *table, const EsfTally *tally)
{
	memset(table, 0, sizeof(*table));
	table->framework = (EsfFramework) tally->framework;
	(void) esf_catalogue(table->framework, &table->rows);
	for (int row = 0; row < table->rows; row++)
	{
		for (int gender = 0; gender < ESF_GENDERS; gender++)
		{
			table->cells[row][gender] = tally->counts[gender][row];
			table->cells[row][ESF_GENDERS] += tally->counts[gender][row];
		}
	}
}

static void
add_partition(Equations *equations, const int rows[MAX_MEMBERS])
{
	for (int column = 0; column < ESF_COLUMNS; column++)
	{
		Equation *equation = &equations->list[equations->count++];

		equation->count = MAX_MEMBERS;
		for (int i = 0; i < MAX_MEMBERS; i++)
			equation->members[i] = (Cell){rows[i], column};
	}
}

static void
list_equations(const EsfTable *table, Equations *equations)
{
	static const int by_status[] = {ESF_EECO01, ESF_EECO02, ESF_EECO04, ESF_EECO05};
	static const int by_level[] = {ESF_EECO01, ESF_EECO09, ESF_EECO10, ESF_EECO11};

	equations->count = 0;
	for (int row = 0; row < table->rows; row++)
	{
		Equation *equation = &equations->list[equations->count++];

		equation->count = ESF_COLUMNS;
		equation->members[0] = (Cell){row, ESF_GENDERS};
		for (int gender = 0; gender < ESF_GENDERS; gender++)
			equation->members[1 + gender] = (Cell){row, gender};
	}
	if (table->framework == ESF_PLUS)
	{
		add_partition(equations, by_status);
		add_partition(equations, by_level);
	}
}

static bool
is_hidden(const EsfTable *table, Cell cell)
{
	return table->hidden[cell.row][cell.column];
}

static int64_t
value_of(const EsfTable *table, Cell cell)
{
	return table->cells[cell.row][cell.column];
}

/* --- elimination --- */

/* Rows are equations, columns are hidden cells; what is shown only moves the right side. */
typedef struct Matrix
{
	int rows;
	int columns;
	double at[MAX_EQUATIONS][MAX_CELLS];
} Matrix;

static void
fill_matrix(const EsfTable *table, const Equations *equations, Matrix *matrix)
{
	int number[ESF_2014_COUNT][ESF_COLUMNS];

	memset(matrix, 0, sizeof(*matrix));
	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
			number[row][column] = table->hidden[row][column] ? matrix->columns++ : -1;
	}
	matrix->rows = equations->count;
	for (int i = 0; i < equations->count; i++)
	{
		for (int k = 0; k < equations->list[i].count; k++)
		{
			Cell cell = equations->list[i].members[k];

			if (number[cell.row][cell.column] >= 0)
				matrix->at[i][number[cell.row][cell.column]] = k == 0 ? -1 : 1;
		}
	}
}

static void
swap_rows(Matrix *matrix, int a, int b)
{
	for (int column = 0; column < matrix->columns; column++)
	{
		double kept = matrix->at[a][column];

		matrix->at[a][column] = matrix->at[b][column];
		matrix->at[b][column] = kept;
	}
}

static void
clear_column(Matrix *matrix, int pivot, int column)
{
	double by = matrix->at[pivot][column];

	for (int k = 0; k < matrix->columns; k++)
		matrix->at[pivot][k] /= by;
	for (int row = 0; row < matrix->rows; row++)
	{
		double factor = matrix->at[row][column];

		if (row == pivot || fabs(factor) < TINY)
			continue;
		for (int k = 0; k < matrix->columns; k++)
			matrix->at[row][k] -= factor * matrix->at[pivot][k];
	}
}

static void
reduce(Matrix *matrix)
{
	int pivot = 0;

	for (int column = 0; column < matrix->columns && pivot < matrix->rows; column++)
	{
		int best = pivot;

		for (int row = pivot + 1; row < matrix->rows; row++)
		{
			if (fabs(matrix->at[row][column]) > fabs(matrix->at[best][column]))
				best = row;
		}
		if (fabs(matrix->at[best][column]) < TINY)
			continue;
		swap_rows(matrix, pivot, best);
		clear_column(matrix, pivot, column);
		pivot++;
	}
}

/* Whether a reduced row says what one hidden cell is, and which. */
static bool
is_alone(const Matrix *matrix, int row, int *column)
{
	int found = -1;

	for (int k = 0; k < matrix->columns; k++)
	{
		if (fabs(matrix->at[row][k]) < TINY)
			continue;
		if (found >= 0)
			return false;
		found = k;
	}
	*column = found;
	return found >= 0;
}

static Cell
hidden_cell(const EsfTable *table, int number)
{
	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
		{
			if (table->hidden[row][column] && number-- == 0)
				return (Cell){row, column};
		}
	}
	return (Cell){0, 0};
}

/* The cells that are given away; returns how many. */
static int
find_given_away(const EsfTable *table, const Equations *equations, Cell found[MAX_EQUATIONS])
{
	static Matrix matrix;
	int count = 0;
	int column;

	fill_matrix(table, equations, &matrix);
	reduce(&matrix);
	for (int row = 0; row < matrix.rows; row++)
	{
		if (is_alone(&matrix, row, &column))
			found[count++] = hidden_cell(table, column);
	}
	return count;
}

bool
esf_table_gives_away(const EsfTable *table, int row, int column)
{
	Equations equations;
	Cell found[MAX_EQUATIONS];
	int count;

	list_equations(table, &equations);
	count = find_given_away(table, &equations, found);
	for (int i = 0; i < count; i++)
	{
		if (found[i].row == row && found[i].column == column)
			return true;
	}
	return false;
}

/* --- suppression --- */

static bool
is_small(int64_t value, int64_t threshold)
{
	return value > 0 && value < threshold;
}

/* Hides the smallest cell of an equation that is shown and not zero; false when there is none. */
static bool
hide_one(EsfTable *table, const Equation *equation)
{
	int best = -1;

	for (int k = equation->count - 1; k >= 0; k--)
	{
		Cell cell = equation->members[k];

		if (is_hidden(table, cell) || value_of(table, cell) == 0)
			continue;
		if (best < 0 || value_of(table, cell) < value_of(table, equation->members[best]))
			best = k;
	}
	if (best < 0)
		return false;
	table->hidden[equation->members[best].row][equation->members[best].column] = true;
	return true;
}

static bool
holds(const Equation *equation, Cell cell)
{
	for (int k = 0; k < equation->count; k++)
	{
		if (equation->members[k].row == cell.row && equation->members[k].column == cell.column)
			return true;
	}
	return false;
}

/* Hides one cell more in an equation with one of the cells; false when none is left to hide. */
static bool
hide_beside(EsfTable *table, const Equations *equations, const Cell *cells, int count,
			int64_t threshold)
{
	for (int i = 0; i < count; i++)
	{
		if (!is_small(value_of(table, cells[i]), threshold))
			continue;
		for (int k = 0; k < equations->count; k++)
		{
			if (holds(&equations->list[k], cells[i]) && hide_one(table, &equations->list[k]))
				return true;
		}
	}
	return false;
}

/*
 * Protects one small cell that is given away; false when there is none.  Where all
 * that it adds up with is hidden already, others of these are given away too, and
 * those are protected.
 */
static bool
protect_one(EsfTable *table, const Equations *equations, int64_t threshold)
{
	Cell found[MAX_EQUATIONS];
	int count = find_given_away(table, equations, found);

	for (int i = 0; i < count; i++)
	{
		if (is_small(value_of(table, found[i]), threshold))
			return hide_beside(table, equations, found, count, threshold) ||
				   hide_beside(table, equations, found, count, INT64_MAX);
	}
	return false;
}

/*
 * Several hidden parts of a shown sum that are few people together: zeros are
 * shown, so each is 1 at least, and a sum of 2 for two of them tells all.
 */
static bool
widen_one(EsfTable *table, const Equation *equation, int64_t threshold)
{
	int64_t sum = 0;
	int count = 0;

	if (is_hidden(table, equation->members[0]))
		return false;
	for (int k = 1; k < equation->count; k++)
	{
		if (!is_hidden(table, equation->members[k]))
			continue;
		sum += value_of(table, equation->members[k]);
		count++;
	}
	if (count == 0 || (sum >= threshold && sum > count))
		return false;
	return hide_one(table, equation);
}

/* --- bounds --- */

/* Rows that together count no more than another one, as they count some of its people each. */
#define MAX_PARTS 3
typedef struct Parts
{
	int whole;
	int count;
	int rows[MAX_PARTS];
} Parts;

static const Parts plus_parts[] = {
	{ESF_EECO01, 3, {ESF_EECO06, ESF_EECO07, ESF_EECO08}},
	{ESF_EECO01, 3, {ESF_EECO05, ESF_EECR01, ESF_EECR04}},
	{ESF_EECO01, 2, {ESF_EECO05, ESF_EECR05}},
	{ESF_EECO02, 1, {ESF_EECO03}},
	{ESF_EECO04, 1, {ESF_EECR01}},
	{ESF_EECO05, 1, {ESF_EECR06}},
	{ESF_EECO01, 1, {ESF_EECO12}},
	{ESF_EECO01, 1, {ESF_EECO13}},
	{ESF_EECO01, 1, {ESF_EECO14}},
	{ESF_EECO01, 1, {ESF_EECO15}},
	{ESF_EECO01, 1, {ESF_EECO16}},
	{ESF_EECO01, 1, {ESF_EECO17}},
	{ESF_EECO01, 1, {ESF_EECR02}},
	{ESF_EECO01, 1, {ESF_EECR03}},
};

static const Parts esf_2014_parts[] = {
	{ESF_CO01, 1, {ESF_CO02}}, {ESF_CO03, 1, {ESF_CO04}}, {ESF_CO07, 1, {ESF_CO08}},
	{ESF_CO12, 1, {ESF_CO13}}, {ESF_CO17, 1, {ESF_CO18}}, {ESF_CO03, 1, {ESF_CR01}},
	{ESF_CO05, 1, {ESF_CR07}}, {ESF_CO07, 1, {ESF_CR08}}, {ESF_CR06, 1, {ESF_CR08}},
	{ESF_CR06, 1, {ESF_CR09}}, {ESF_CO01, 1, {ESF_CI01}}, {ESF_CO01, 1, {ESF_CI02}},
	{ESF_CO01, 1, {ESF_CI03}}, {ESF_CI01, 1, {ESF_CI04}}, {ESF_CI02, 1, {ESF_CI05}},
	{ESF_CI03, 1, {ESF_CI06}}, {ESF_CO04, 1, {ESF_CI07}}, {ESF_CO04, 1, {ESF_CI08}},
	{ESF_CO04, 1, {ESF_CI09}}, {ESF_CI11, 1, {ESF_CI12}},
};

/* Between which numbers readers know each cell to lie. */
typedef struct Bounds
{
	int64_t low[ESF_2014_COUNT][ESF_COLUMNS];
	int64_t high[ESF_2014_COUNT][ESF_COLUMNS];
	bool changed;
} Bounds;

static void
start_bounds(const EsfTable *table, Bounds *bounds)
{
	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
		{
			bool hidden = table->hidden[row][column];

			bounds->low[row][column] = hidden ? 1 : table->cells[row][column];
			bounds->high[row][column] = hidden ? ESF_TALLY_MAX : table->cells[row][column];
		}
	}
}

/* Where what is known contradicts itself, as in a tally that nobody counted, bounds meet. */
static void
narrow(Bounds *bounds, Cell cell, int64_t low, int64_t high)
{
	int64_t *lowest = &bounds->low[cell.row][cell.column];
	int64_t *highest = &bounds->high[cell.row][cell.column];

	if (low > *lowest && *lowest < *highest)
	{
		*lowest = low < *highest ? low : *highest;
		bounds->changed = true;
	}
	if (high < *highest && *lowest < *highest)
	{
		*highest = high > *lowest ? high : *lowest;
		bounds->changed = true;
	}
}

static void
narrow_equation(Bounds *bounds, const Equation *equation)
{
	Cell sum = equation->members[0];
	int64_t low = 0;
	int64_t high = 0;

	for (int k = 1; k < equation->count; k++)
	{
		low += bounds->low[equation->members[k].row][equation->members[k].column];
		high += bounds->high[equation->members[k].row][equation->members[k].column];
	}
	narrow(bounds, sum, low, high);
	for (int k = 1; k < equation->count; k++)
	{
		Cell cell = equation->members[k];
		int64_t other_low = low - bounds->low[cell.row][cell.column];
		int64_t other_high = high - bounds->high[cell.row][cell.column];

		narrow(bounds, cell, bounds->low[sum.row][sum.column] - other_high,
			   bounds->high[sum.row][sum.column] - other_low);
		low = other_low + bounds->low[cell.row][cell.column];
		high = other_high + bounds->high[cell.row][cell.column];
	}
}

static void
narrow_parts(Bounds *bounds, const Parts *parts, int column)
{
	int64_t low = 0;

	for (int i = 0; i < parts->count; i++)
		low += bounds->low[parts->rows[i]][column];
	narrow(bounds, (Cell){parts->whole, column}, low, ESF_TALLY_MAX);
	for (int i = 0; i < parts->count; i++)
	{
		int row = parts->rows[i];

		narrow(bounds, (Cell){row, column}, 0,
			   bounds->high[parts->whole][column] - (low - bounds->low[row][column]));
	}
}

static void
narrow_all_parts(Bounds *bounds, EsfFramework framework)
{
	const Parts *parts = framework == ESF_PLUS ? plus_parts : esf_2014_parts;
	size_t size = framework == ESF_PLUS ? sizeof(plus_parts) : sizeof(esf_2014_parts);

	for (size_t i = 0; i < size / sizeof(Parts) * ESF_COLUMNS; i++)
		narrow_parts(bounds, &parts[i / ESF_COLUMNS], (int) (i % ESF_COLUMNS));
}

static void
find_bounds(const EsfTable *table, const Equations *equations, Bounds *bounds)
{
	start_bounds(table, bounds);
	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		bounds->changed = false;
		for (int k = 0; k < equations->count; k++)
			narrow_equation(bounds, &equations->list[k]);
		narrow_all_parts(bounds, table->framework);
		if (!bounds->changed)
			break;
	}
}

bool
esf_table_pins_down(const EsfTable *table, int row, int column)
{
	Equations equations;
	Bounds bounds;

	list_equations(table, &equations);
	find_bounds(table, &equations, &bounds);
	return table->hidden[row][column] && bounds.low[row][column] == bounds.high[row][column];
}

/* Hides the smallest cell in any equation with a hidden one; false when there is none. */
static bool
hide_near(EsfTable *table, const Equations *equations)
{
	const Equation *best = NULL;
	int64_t least = INT64_MAX;

	for (int i = 0; i < equations->count; i++)
	{
		const Equation *equation = &equations->list[i];
		bool any = false;
		int64_t smallest = INT64_MAX;

		for (int k = 0; k < equation->count; k++)
		{
			int64_t value = value_of(table, equation->members[k]);

			if (is_hidden(table, equation->members[k]))
				any = true;
			else if (value > 0 && value < smallest)
				smallest = value;
		}
		if (any && smallest < least)
		{
			least = smallest;
			best = equation;
		}
	}
	return best != NULL && hide_one(table, best);
}

/* Protects one small cell whose bounds leave it one number; false when there is none. */
static bool
loosen_one(EsfTable *table, const Equations *equations, int64_t threshold)
{
	Bounds bounds;

	find_bounds(table, equations, &bounds);
	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
		{
			Cell cell = {row, column};

			if (is_hidden(table, cell) && is_small(value_of(table, cell), threshold) &&
				bounds.low[row][column] == bounds.high[row][column])
				return hide_beside(table, equations, &cell, 1, threshold) ||
					   hide_near(table, equations);
		}
	}
	return false;
}

void
esf_table_suppress(EsfTable *table, int64_t threshold)
{
	Equations equations;
	bool changed = true;

	list_equations(table, &equations);
	for (int row = 0; row < table->rows; row++)
	{
		for (int column = 0; column < ESF_COLUMNS; column++)
			table->hidden[row][column] = is_small(table->cells[row][column], threshold);
	}
	/* Each round hides a cell more, so it ends. */
	while (changed)
	{
		changed = false;
		for (int k = 0; k < equations.count; k++)
			changed = widen_one(table, &equations.list[k], threshold) || changed;
		if (!changed)
			changed = protect_one(table, &equations, threshold);
		if (!changed)
			changed = loosen_one(table, &equations, threshold);
	}
}
