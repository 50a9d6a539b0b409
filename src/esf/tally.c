/*
 * tally.c
 *		Counts of ESF participations: adding up, text and bytes.
 */
#include "esf/tally.h"

#include <stdio.h>
#include <string.h>

#define FORMAT_VERSION 1
#define EMPTY_TEXT     "none"

_Static_assert(sizeof(EsfTally) == sizeof(int64_t) * (1 + ESF_TALLY_COUNTERS),
			   "the counters follow each other without padding");

/* All counters as one array, in the order of the struct. */
static int64_t *
counters(EsfTally *tally)
{
	return (int64_t *) tally + 1;
}

static const int64_t *
const_counters(const EsfTally *tally)
{
	return (const int64_t *) tally + 1;
}

void
esf_tally_clear(EsfTally *tally)
{
	memset(tally, 0, sizeof(*tally));
	tally->framework = ESF_NO_FRAMEWORK;
}

/* --- adding up --- */

static EsfTallyFault
combine(EsfTally *tally, const EsfTally *other, int sign)
{
	EsfTally sum = *tally;
	int64_t *values = counters(&sum);
	const int64_t *changes = const_counters(other);

	if (other->framework == ESF_NO_FRAMEWORK)
		return ESF_TALLY_OK;
	if (tally->framework != ESF_NO_FRAMEWORK && tally->framework != other->framework)
		return ESF_TALLY_OTHER_FRAMEWORK;
	sum.framework = other->framework;
	for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
	{
		values[i] += sign * changes[i];
		if (values[i] < 0)
			return ESF_TALLY_BELOW_ZERO;
		if (values[i] > ESF_TALLY_MAX)
			return ESF_TALLY_TOO_LARGE;
	}
	*tally = sum;
	return ESF_TALLY_OK;
}

EsfTallyFault
esf_tally_add(EsfTally *tally, const EsfTally *other)
{
	return combine(tally, other, 1);
}

EsfTallyFault
esf_tally_subtract(EsfTally *tally, const EsfTally *other)
{
	return combine(tally, other, -1);
}

/* --- names of counters --- */

static bool
is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* The bit of a code, or -1; -1 in the empty tally, which has no codes. */
static int
bit_of(const EsfTally *tally, const char *name, size_t len)
{
	if (tally->framework == ESF_NO_FRAMEWORK)
		return -1;
	return esf_code_bit((EsfFramework) tally->framework, name, len);
}

/* Copies the counters of a bit, which lie apart, next to each other. */
static void
gather(const EsfTally *tally, int bit, int64_t *values)
{
	for (int gender = 0; gender < ESF_GENDERS; gender++)
		values[gender] = tally->counts[gender][bit];
}

const int64_t *
esf_tally_counters(const EsfTally *tally, const char *name, size_t len, int *n,
				   int64_t buffer[ESF_GENDERS_OR_UNKNOWN])
{
	int bit = bit_of(tally, name, len);

	*n = ESF_GENDERS;
	if (is_word(name, len, "complete"))
		return tally->complete;
	if (is_word(name, len, "left"))
		return tally->left;
	if (is_word(name, len, "incomplete"))
	{
		*n = ESF_GENDERS_OR_UNKNOWN;
		return tally->incomplete;
	}
	if (bit < 0)
		return NULL;
	gather(tally, bit, buffer);
	return buffer;
}

/* --- text --- */

static char *
put_counters(char *at, const char *name, const int64_t *values, int n)
{
	bool any = false;

	for (int i = 0; i < n; i++)
		any = any || values[i] != 0;
	if (!any)
		return at;
	at += sprintf(at, ";%s=", name);
	for (int i = 0; i < n; i++)
		at += sprintf(at, "%s%lld", i == 0 ? "" : "/", (long long) values[i]);
	return at;
}

void
esf_tally_format(const EsfTally *tally, char *text)
{
	const EsfIndicator *catalogue;
	char *at = text;
	int count;

	if (tally->framework == ESF_NO_FRAMEWORK)
	{
		memcpy(text, EMPTY_TEXT, sizeof(EMPTY_TEXT));
		return;
	}
	catalogue = esf_catalogue((EsfFramework) tally->framework, &count);
	at += sprintf(at, "%s", esf_framework_name((EsfFramework) tally->framework));
	at = put_counters(at, "complete", tally->complete, ESF_GENDERS);
	at = put_counters(at, "left", tally->left, ESF_GENDERS);
	at = put_counters(at, "incomplete", tally->incomplete, ESF_GENDERS_OR_UNKNOWN);
	for (int bit = 0; bit < count; bit++)
	{
		int64_t values[ESF_GENDERS];

		gather(tally, bit, values);
		at = put_counters(at, catalogue[bit].code, values, ESF_GENDERS);
	}
}

/* A number of digits up to ESF_TALLY_MAX; moves *at behind it. */
static bool
take_number(const char **at, const char *end, int64_t *number)
{
	const char *start = *at;
	int64_t value = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
	{
		value = value * 10 + (**at - '0');
		if (value > ESF_TALLY_MAX)
			return false;
	}
	*number = value;
	return *at > start;
}

/* n numbers between slashes, up to the end. */
static bool
take_numbers(const char *at, const char *end, int64_t *values, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (i > 0 && (at == end || *at++ != '/'))
			return false;
		if (!take_number(&at, end, &values[i]))
			return false;
	}
	return at == end;
}

/* What was read already: a bit a code, and above them the three words. */
#define SEEN_COMPLETE   60
#define SEEN_LEFT       61
#define SEEN_INCOMPLETE 62

static bool
mark(uint64_t *seen, int bit)
{
	bool first = (*seen & ESF_BIT(bit)) == 0;

	*seen |= ESF_BIT(bit);
	return first;
}

/* One "name=numbers". */
static bool
take_field(const char *field, const char *end, EsfTally *tally, uint64_t *seen)
{
	const char *sign = memchr(field, '=', (size_t) (end - field));
	int64_t values[ESF_GENDERS];
	size_t len;
	int bit;

	if (sign == NULL)
		return false;
	len = (size_t) (sign - field);
	if (is_word(field, len, "complete"))
		return mark(seen, SEEN_COMPLETE) &&
			   take_numbers(sign + 1, end, tally->complete, ESF_GENDERS);
	if (is_word(field, len, "left"))
		return mark(seen, SEEN_LEFT) && take_numbers(sign + 1, end, tally->left, ESF_GENDERS);
	if (is_word(field, len, "incomplete"))
		return mark(seen, SEEN_INCOMPLETE) &&
			   take_numbers(sign + 1, end, tally->incomplete, ESF_GENDERS_OR_UNKNOWN);
	bit = bit_of(tally, field, len);
	if (bit < 0 || !mark(seen, bit) || !take_numbers(sign + 1, end, values, ESF_GENDERS))
		return false;
	for (int gender = 0; gender < ESF_GENDERS; gender++)
		tally->counts[gender][bit] = values[gender];
	return true;
}

bool
esf_tally_parse(const char *text, size_t len, EsfTally *tally)
{
	const char *end = text + len;
	const char *at = memchr(text, ';', len);
	EsfFramework framework;
	uint64_t seen = 0;

	esf_tally_clear(tally);
	if (is_word(text, len, EMPTY_TEXT))
		return true;
	if (at == NULL)
		at = end;
	if (!esf_framework_parse(text, (size_t) (at - text), &framework))
		return false;
	tally->framework = framework;
	while (at < end)
	{
		const char *field = at + 1;

		at = memchr(field, ';', (size_t) (end - field));
		if (at == NULL)
			at = end;
		if (!take_field(field, at, tally, &seen))
			return false;
	}
	return true;
}

/* --- bytes --- */

void
esf_tally_write(const EsfTally *tally, uint8_t *bytes)
{
	const int64_t *values = const_counters(tally);

	*bytes++ = FORMAT_VERSION;
	*bytes++ = (uint8_t) (tally->framework + 1);
	for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
	{
		for (int shift = 56; shift >= 0; shift -= 8)
			*bytes++ = (uint8_t) ((uint64_t) values[i] >> shift);
	}
}

/* Counters of codes that the framework does not have must be zero. */
static bool
fits_framework(const EsfTally *tally)
{
	int count = 0;

	if (tally->framework == ESF_NO_FRAMEWORK)
	{
		for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
		{
			if (const_counters(tally)[i] != 0)
				return false;
		}
		return true;
	}
	(void) esf_catalogue((EsfFramework) tally->framework, &count);
	for (int gender = 0; gender < ESF_GENDERS; gender++)
	{
		for (int bit = count; bit < ESF_2014_COUNT; bit++)
		{
			if (tally->counts[gender][bit] != 0)
				return false;
		}
	}
	return true;
}

bool
esf_tally_read(const uint8_t *bytes, size_t len, EsfTally *tally)
{
	int64_t *values = counters(tally);

	if (len != ESF_TALLY_BYTES || bytes[0] != FORMAT_VERSION || bytes[1] > ESF_2014 + 1)
		return false;
	tally->framework = (int64_t) bytes[1] - 1;
	bytes += 2;
	for (int i = 0; i < ESF_TALLY_COUNTERS; i++)
	{
		uint64_t value = 0;

		for (int k = 0; k < 8; k++)
			value = value << 8 | *bytes++;
		if (value > (uint64_t) ESF_TALLY_MAX)
			return false;
		values[i] = (int64_t) value;
	}
	return fits_framework(tally);
}
