/*
 * dates.h
 *		Dates of the register as they are written.  Pure: no server.
 */
#ifndef ATTEST_PERSON_DATES_H
#define ATTEST_PERSON_DATES_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text is a date that exists, as YYYY-MM-DD, of the years 1900 to 2099. */
static inline bool
date_is_written(const char *text, size_t length)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int parts[3] = {0};
	int part = 0;
	bool leap;

	if (length != 10 || text[4] != '-' || text[7] != '-')
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (i == 4 || i == 7)
			part++;
		else if (text[i] < '0' || text[i] > '9')
			return false;
		else
			parts[part] = parts[part] * 10 + (text[i] - '0');
	}
	if (parts[0] < 1900 || parts[0] > 2099 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1)
		return false;
	/* of these years only 1900 is divisible by four and yet none */
	leap = parts[0] % 4 == 0 && parts[0] != 1900;
	return parts[2] <= days[parts[1] - 1] + (leap && parts[1] == 2 ? 1 : 0);
}

#endif /* ATTEST_PERSON_DATES_H */
