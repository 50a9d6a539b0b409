/*
 * tally.c
 *		Totals of attendance: see tally.h.
 */
#include "attendance/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const field_names[TALLY_FIELDS] = {
#define X(name, text) [TALLY_##name] = (text),
	TALLY_COUNTERS(X)
#undef X
#define X(name, description) [TALLY_STATUSES + STATUS_##name] = #name,
		PRESENCE_STATUSES(X)
#undef X
};

static bool
count(int64_t *counter, int64_t more)
{
	return !__builtin_add_overflow(*counter, more, counter);
}

bool
tally_add_slot(Tally *tally, const TallySlot *slot)
{
	int64_t *value = tally->value;
	bool ahead = slot->status == STATUS_expected;
	/* who need not come misses nothing: no rate suffers from it (systems.md B.3) */
	bool due = !ahead && slot->status != STATUS_cancelled && slot->status != STATUS_exempted;

	return count(&value[TALLY_SLOTS], 1) && count(&value[TALLY_PLANNED], slot->planned) &&
		   count(&value[TALLY_DUE], due ? slot->planned : 0) &&
		   count(&value[TALLY_AHEAD], ahead ? slot->planned : 0) &&
		   count(&value[TALLY_ATTENDED], slot->attended) &&
		   count(&value[TALLY_COUNTED], slot->counted) && count(&value[TALLY_LATE], slot->late) &&
		   count(&value[TALLY_SIGNED], slot->is_signed) &&
		   count(&value[TALLY_COUNTERSIGNED], slot->is_countersigned) &&
		   count(&value[TALLY_STATUSES + slot->status], 1);
}

bool
tally_add(Tally *tally, const Tally *other)
{
	for (int i = 0; i < TALLY_FIELDS; i++)
	{
		if (__builtin_add_overflow(tally->value[i], other->value[i], &tally->value[i]))
			return false;
	}
	return true;
}

bool
tally_subtract(Tally *tally, const Tally *other)
{
	for (int i = 0; i < TALLY_FIELDS; i++)
	{
		if (__builtin_sub_overflow(tally->value[i], other->value[i], &tally->value[i]))
			return false;
	}
	return true;
}

bool
tally_equal(const Tally *a, const Tally *b)
{
	return memcmp(a->value, b->value, sizeof(a->value)) == 0;
}

bool
tally_is_consistent(const Tally *tally)
{
	int64_t slots = 0;

	for (int i = TALLY_STATUSES; i < TALLY_FIELDS; i++)
	{
		if (!count(&slots, tally->value[i]))
			return false;
	}
	return slots == tally->value[TALLY_SLOTS];
}

const char *
tally_field_name(int field)
{
	return field_names[field];
}

/* --- the text form --- */

static int
find_field(const char *name, size_t length)
{
	for (int i = 0; i < TALLY_FIELDS; i++)
	{
		if (strlen(field_names[i]) == length && memcmp(field_names[i], name, length) == 0)
			return i;
	}
	return -1;
}

/* A whole number with its sign, all of the range; false for anything else. */
static bool
parse_number(const char *at, const char *end, int64_t *number)
{
	bool negative = at < end && *at == '-';

	at += negative;
	*number = 0;
	if (at == end)
		return false;
	for (; at < end; at++)
	{
		int digit = *at - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
			__builtin_add_overflow(*number, negative ? -digit : digit, number))
			return false;
	}
	return true;
}

static const char *
parse_field(const char *at, const char *end, Tally *tally, bool seen[TALLY_FIELDS])
{
	const char *equals = memchr(at, '=', (size_t) (end - at));
	int field = equals == NULL ? -1 : find_field(at, (size_t) (equals - at));

	if (field < 0)
		return "A field is unknown";
	if (seen[field])
		return "A field is there twice";
	seen[field] = true;
	return parse_number(equals + 1, end, &tally->value[field]) ? NULL
															   : "A field is not a whole number";
}

const char *
tally_parse(const char *text, size_t length, Tally *tally)
{
	const char *end = text + length;
	bool seen[TALLY_FIELDS] = {false};
	const char *fault = NULL;

	memset(tally, 0, sizeof(*tally));
	while (fault == NULL && text < end)
	{
		const char *blank = memchr(text, ' ', (size_t) (end - text));
		const char *word_end = blank == NULL ? end : blank;

		if (word_end > text)
			fault = parse_field(text, word_end, tally, seen);
		text = blank == NULL ? end : blank + 1;
	}
	if (fault == NULL && !tally_is_consistent(tally))
		fault = "The slots are not the sum of the statuses";
	return fault;
}

void
tally_print(const Tally *tally, char text[TALLY_TEXT_MAX])
{
	size_t length =
		(size_t) snprintf(text, TALLY_TEXT_MAX, "slots=%" PRId64, tally->value[TALLY_SLOTS]);

	for (int i = TALLY_SLOTS + 1; i < TALLY_FIELDS; i++)
	{
		if (tally->value[i] != 0)
			length += (size_t) snprintf(text + length, TALLY_TEXT_MAX - length, " %s=%" PRId64,
										field_names[i], tally->value[i]);
	}
}
