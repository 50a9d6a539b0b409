/*
 * json_rows.h
 *		Cuts a JSON text into its objects: an array of objects, or one object after the
 *		other, such as one a line.  Pure: no server.
 *
 * Each object is checked by core/json, whose limits hold.  Objects are counted and not
 * lines: a whole file may be one line.  The text may come in parts: `layout` and `number`
 * carry over what has been seen.
 */
#ifndef ATTEST_PERSON_JSON_ROWS_H
#define ATTEST_PERSON_JSON_ROWS_H

#include <stdbool.h>
#include <stddef.h>

/* What has been seen, and so what may follow. */
enum JsonLayout
{
	JSON_ROWS_START = 's',  /* nothing */
	JSON_ROWS_FIRST = '[',  /* the array was opened */
	JSON_ROWS_AFTER = 'a',  /* an object of the array */
	JSON_ROWS_NEXT = ',',   /* a comma of the array */
	JSON_ROWS_LINES = 'l',  /* an object, and no array */
	JSON_ROWS_CLOSED = 'c', /* the array was closed */
	JSON_ROWS_PART =
		'p' /* a part of a text that was checked: signs between objects are passed over */
};

typedef struct JsonRows
{
	const char *text;
	size_t length;
	size_t at;
	int number;        /* of the next object, from 1 */
	char layout;       /* of JsonLayout */
	bool more;         /* set: other text follows */
	bool half;         /* then said of the last object; `at` is where it begins */
	const char *fault; /* what is wrong at `number`, NULL while all is well */
	const char *object;
	size_t object_length;
	int object_number;
} JsonRows;

/* Starts on a text that outlives it. */
extern void json_rows_begin(JsonRows *rows, const char *text, size_t length);

/* Finds the next object; false at the end, at half an object or on a fault. */
extern bool json_rows_next(JsonRows *rows);

#endif /* ATTEST_PERSON_JSON_ROWS_H */
