/*
 * csv.h
 *		Reads comma-separated values (RFC 4180).  Pure: no server.
 *
 * Records end in LF or CRLF; a field in quotes may hold commas, line ends and
 * doubled quotes.  A byte order mark at the start and blank lines are passed over.
 * A quote inside an unquoted field, or text after a closing quote, is a fault:
 * guessing there would shift columns in silence.  Fields may be parted by another
 * sign than the comma: French spreadsheets write semicolons.
 */
#ifndef ATTEST_PERSON_CSV_H
#define ATTEST_PERSON_CSV_H

#include <stdbool.h>
#include <stddef.h>

#define CSV_MAX_FIELDS 256

typedef struct CsvField
{
	const char *text; /* without quotes; not terminated */
	size_t length;
} CsvField;

typedef struct CsvReader
{
	char *text; /* unquoted in place */
	size_t length;
	size_t at;
	int line;          /* of the next character, from 1 */
	int record_line;   /* where the last record began */
	const char *fault; /* what is wrong at `line`, NULL while all is well */
	char delimiter;    /* what parts fields, a comma unless it is set */
	bool more;         /* set: other text follows, a record without its end may be half */
	bool half;         /* then said of the last record; `at` is where it begins */
	bool scan;         /* set: nothing is written, so fields in quotes are not unquoted */
	int count;
	CsvField fields[CSV_MAX_FIELDS];
} CsvReader;

/* Starts on a text that the reader may write into, and that outlives it. */
extern void csv_begin(CsvReader *reader, char *text, size_t length);

/* Reads the next record into fields; false at the end, at half a record or on a fault. */
extern bool csv_next(CsvReader *reader);

/* What parts the fields of the first record: comma, semicolon or tab, a comma for want of any. */
extern char csv_delimiter(const char *text, size_t length);

#endif /* ATTEST_PERSON_CSV_H */
