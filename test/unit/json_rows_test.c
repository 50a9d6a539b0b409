/*
 * json_rows_test.c
 *		A JSON text cut into its objects (src/person/json_rows), and written dates
 *		(src/person/dates): prints TAP.
 *
 * Sources: RFC 8259; json_rows.h.
 */
#include "person/dates.h"
#include "person/json_rows.h"
#include "tap.h"

#define OBJECT "an object was expected: an array of them, or one a line"

static const struct
{
	const char *text, *expected;
} cases[] = {
	{"", ""},
	{" \n\t", ""},
	{"[]", ""},
	{"[ ]\n", ""},
	{"[{}]", "1:{}"},
	{"[{},{},{}]", "1:{} 2:{} 3:{}"},
	{"[{\"a\": 1},\n{\"b\": [1, {\"c\": \"}\"}]}]\n",
	 "1:{\"a\": 1} 2:{\"b\": [1, {\"c\": \"}\"}]}"},
	{"{\"a\": 1}\n{\"b\": 2}\n", "1:{\"a\": 1} 2:{\"b\": 2}"},
	{"{\n\"a\": 1\n}\n{}", "1:{\n\"a\": 1\n} 2:{}"},
	{"\xEF\xBB\xBF{\"a\": \"\\\"}{\"}", "1:{\"a\": \"\\\"}{\"}"},
	{"[{}", "1:{} the array is not closed at 2"},
	{"[{},", "1:{} the array is not closed at 2"},
	{"[", "the array is not closed at 1"},
	{"[{},]", "1:{} " OBJECT " at 2"},
	{"[{} {}]", "1:{} " OBJECT " at 2"},
	{"[{}]\n{}", "1:{} there is text after the array at 2"},
	{"{},{}", "1:{} " OBJECT " at 2"},
	{"1", OBJECT " at 1"},
	{"\n\"a\"", OBJECT " at 1"},
	{"{\"a\": 1", "this is not JSON at 1"},
	{"{\n\"a\": 01}", "this is not JSON at 1"},
	{"{\"a\": \"\xE9\"}", "this is not JSON at 1"},
	{"{\"a\": 1, \"a\": 2}", "an object has a key twice at 1"},
	{"{\"a\": [[[[[[[[[1]]]]]]]]]}",
	 "an object is too deep, or has too many or too long keys at 1"},
	{"{\"a\": 1}}", "1:{\"a\": 1} " OBJECT " at 2"},
};

static void
tell(JsonRows *rows, Bytes *told)
{
	char text[160];

	while (json_rows_next(rows))
	{
		append(told, text,
			   (size_t) snprintf(text, sizeof(text), "%s%d:", told->length > 0 ? " " : "",
								 rows->object_number));
		append(told, rows->object, rows->object_length);
	}
	if (rows->fault != NULL)
		append(told, text,
			   (size_t) snprintf(text, sizeof(text), "%s%s at %d", told->length > 0 ? " " : "",
								 rows->fault, rows->number));
}

static void
test_cases(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		size_t length = strlen(cases[i].text);
		char *exact = malloc(length + 1);
		Bytes told = {0};
		JsonRows rows;
		bool right;

		memcpy(exact + 1, cases[i].text, length);
		json_rows_begin(&rows, exact + 1, length);
		tell(&rows, &told);
		append(&told, "", 1);
		right = strcmp((char *) told.data, cases[i].expected) == 0;
		if (!right)
			printf("#      got: %s\n# expected: %s\n", (char *) told.data, cases[i].expected);
		ok(right, "JSON: case %zu", i + 1);
		free(exact);
		free(told.data);
	}
}

/* Cut at any byte, with the layout carried over, the same objects are found. */
static void
test_cuts(const char *whole, const char *expected)
{
	size_t length = strlen(whole);
	size_t wrong = 0;

	for (size_t cut = 0; cut <= length; cut++)
	{
		Bytes told = {0};
		JsonRows rows, rest;

		json_rows_begin(&rows, whole, cut);
		rows.more = true;
		tell(&rows, &told);
		json_rows_begin(&rest, whole + rows.at, length - rows.at);
		rest.layout = rows.layout;
		rest.number = rows.number;
		tell(&rest, &told);
		append(&told, "", 1);
		wrong += rows.fault != NULL || strcmp((char *) told.data, expected) != 0;
		free(told.data);
	}
	ok(wrong == 0, "JSON: cut in two at any byte, the same is read of %zu bytes", length);
}

static void
test_dates(void)
{
	static const char *const good[] = {"1900-01-01", "2099-12-31", "2000-02-29",
									   "2024-02-29", "1999-02-28", "2001-04-30"};
	static const char *const bad[] = {"",           "1899-12-31", "2100-01-01",  "1900-02-29",
									  "1999-02-29", "2001-04-31", "2001-13-01",  "2001-00-10",
									  "2001-01-00", "2001-1-01",  "2001-01-01 ", "20010-1-01",
									  "2001/01/01", "01-01-2001", "2001-01-3x"};

	for (size_t i = 0; i < LENGTH(good); i++)
		ok(date_is_written(good[i], strlen(good[i])), "date: %s", good[i]);
	for (size_t i = 0; i < LENGTH(bad); i++)
		ok(!date_is_written(bad[i], strlen(bad[i])), "no date: \"%s\"", bad[i]);
}

int
main(void)
{
	test_cases();
	test_cuts("[{\"a\": 1},\n {\"b\": \"\\\"]\"}\n]\n", "1:{\"a\": 1} 2:{\"b\": \"\\\"]\"}");
	test_cuts("{\"a\": 1}\n{\"b\": {\"c\": 2}}\n", "1:{\"a\": 1} 2:{\"b\": {\"c\": 2}}");
	test_dates();
	return tests_done();
}
