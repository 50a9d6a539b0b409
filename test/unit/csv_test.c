/*
 * csv_test.c
 *		Comma-separated values (src/person/csv), without a server: prints TAP.
 *
 * Sources: RFC 4180, section 2, by rule; csv.h for what the house adds.
 */
#include "person/csv.h"
#include "tap.h"

#define BOM "\xEF\xBB\xBF"

/*
 * One case: a text, and what is read of it: each record as its line, a colon, and
 * its fields in brackets; at last the fault and its line, where there is one.
 */
typedef struct Case
{
	const char *what; /* with its source */
	const char *text;
	size_t length;
	const char *expected;
} Case;

#define TEXT(text) text, sizeof(text) - 1

#define UNCLOSED "a quote is not closed"
#define INSIDE   "a quote stands inside a field without quotes"
#define AFTER    "there is text after a closing quote"
#define RETURN   "a carriage return stands without a line feed"

static const Case cases[] = {
	{"records end in CRLF; rule 1", TEXT("aaa,bbb\r\nzzz,yyy\r\n"), "1:[aaa][bbb] 2:[zzz][yyy]"},
	{"or in LF; csv.h", TEXT("aaa,bbb\nzzz,yyy\n"), "1:[aaa][bbb] 2:[zzz][yyy]"},
	{"the last may have no end; rule 2", TEXT("a,b\r\nc,d"), "1:[a][b] 2:[c][d]"},
	{"spaces belong to a field; rule 4", TEXT(" a , b \n"), "1:[ a ][ b ]"},
	{"in quotes too; rule 2", TEXT("a,\"b\""), "1:[a][b]"},
	{"records may differ in length; csv.h", TEXT("a\nb,c\n"), "1:[a] 2:[b][c]"},
	{"fields in quotes; rule 5", TEXT("\"a\",\"b\",c\n"), "1:[a][b][c]"},
	{"line ends in quotes; rule 6", TEXT("\"a\r\nb\",\"c\nd\"\ne\n"), "1:[a\r\nb][c\nd] 4:[e]"},
	{"commas in quotes; rule 6", TEXT("\"a,b\",\",\"\n"), "1:[a,b][,]"},
	{"doubled quotes; rule 7", TEXT("\"a\"\"b\",\"\"\"\",\"\"\"c\"\"\"\n"), "1:[a\"b][\"][\"c\"]"},
	{"empty fields", TEXT(",\n,,\n\"\"\n\"\",\"\"\n"), "1:[][] 2:[][][] 3:[] 4:[][]"},
	{"an empty last field", TEXT("a,\r\nb,"), "1:[a][] 2:[b][]"},
	{"a mark of byte order; csv.h", TEXT(BOM "a,b\n"), "1:[a][b]"},
	{"the same before a quote", TEXT(BOM "\"a\"\n"), "1:[a]"},
	{"the same and nothing else", TEXT(BOM), ""},
	{"a second mark is text", TEXT(BOM BOM "a\n"), "1:[" BOM "a]"},
	{"half a mark is text", TEXT("\xEF\xBB"), "1:[\xEF\xBB]"},
	{"nothing", TEXT(""), ""},
	{"one line end", TEXT("\r\n"), ""},
	{"blank lines; csv.h", TEXT("\n\r\na\n\n\r\n\nb\n\n"), "3:[a] 7:[b]"},
	{"a line of a space is none", TEXT(" \n"), "1:[ ]"},
	{"lines after a field of three", TEXT("\"1\n2\n3\",x\ny\n"), "1:[1\n2\n3][x] 4:[y]"},
	{"UTF-8 as it is", TEXT("pr\xc3\xa9nom,\"\xe2\x82\xac\"\n"), "1:[pr\xc3\xa9nom][\xe2\x82\xac]"},
	{"an apostrophe is text", TEXT("d'Arc,'x'\n"), "1:[d'Arc]['x']"},
	{"a quote not closed", TEXT("a\nb,\"c"), "1:[a] " UNCLOSED " at 2"},
	{"the same, noticed lines later", TEXT("a\n\"b\nc\nd\n"), "1:[a] " UNCLOSED " at 2"},
	{"the same, after doubled quotes", TEXT("\"a\"\""), UNCLOSED " at 1"},
	{"the same, the last byte", TEXT("a,\""), UNCLOSED " at 1"},
	{"a quote inside", TEXT("x\na\"b\",c\n"), "1:[x] " INSIDE " at 2"},
	{"a quote after a space", TEXT("a, \"b\"\n"), INSIDE " at 1"},
	{"text after a quote", TEXT("\"a\"b,c\n"), AFTER " at 1"},
	{"a space after a quote", TEXT("\"a\" ,c\n"), AFTER " at 1"},
	{"a quote within quotes", TEXT("\"a\"b\"\n"), AFTER " at 1"},
	{"a mark after the beginning", TEXT("a\n\"b\"" BOM "\n"), "1:[a] " AFTER " at 2"},
	{"a return by itself", TEXT("a\rb\n"), RETURN " at 1"},
	{"the same, at the end", TEXT("x\n\"a\"\r"), "1:[x] " RETURN " at 2"},
	{"the same, at the beginning", TEXT("\ra\n"), RETURN " at 1"},
	{"two returns", TEXT("a\r\r\nb\n"), RETURN " at 1"},
	{"a return by itself in quotes", TEXT("\"a\rb\"\n"), "1:[a\rb]"},
};

/* Writes down what is read, as `expected` has it. */
static void
tell(CsvReader *reader, Bytes *told)
{
	char text[128];

	told->length = 0;
	while (csv_next(reader))
	{
		append(told, text,
			   (size_t) snprintf(text, sizeof(text), "%s%d:", told->length > 0 ? " " : "",
								 reader->record_line));
		for (int i = 0; i < reader->count; i++)
		{
			append(told, "[", 1);
			append(told, reader->fields[i].text, reader->fields[i].length);
			append(told, "]", 1);
		}
	}
	if (reader->fault != NULL)
		append(told, text,
			   (size_t) snprintf(text, sizeof(text), "%s%s at %d", told->length > 0 ? " " : "",
								 reader->fault, reader->line));
}

/* Reads from memory of exactly this length. */
static bool
reads(const char *text, size_t length, const char *expected, size_t expected_length)
{
	static CsvReader reader;
	char *exact = malloc(length + 1);
	Bytes told = {0};
	bool right;

	if (exact == NULL)
		abort();
	memcpy(exact + 1, text, length);
	csv_begin(&reader, exact + 1, length);
	tell(&reader, &told);
	append(&told, "", 1);
	right = told.length == expected_length + 1 && memcmp(told.data, expected, told.length) == 0;
	if (!right)
		printf("#      got: %s\n# expected: %s\n", (char *) told.data, expected);
	free(told.data);
	free(exact);
	return right;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
		ok(reads(cases[i].text, cases[i].length, cases[i].expected, strlen(cases[i].expected)),
		   "CSV: %s", cases[i].what);
	ok(reads(TEXT("a\0b,\"\0\"\n"), TEXT("1:[a\0b][\0]")), "CSV: a zero byte is text like another");
}

/* A record with this many fields, each one letter. */
static void
test_field_count(int count, bool right, const char *what)
{
	static CsvReader reader;
	char text[4 * CSV_MAX_FIELDS];
	int length = 0;
	bool read;

	while (length < 2 * count)
	{
		text[length++] = 'x';
		text[length++] = ',';
	}
	text[length - 1] = '\n';
	csv_begin(&reader, text, (size_t) length);
	read = csv_next(&reader);
	ok(read == right && reader.count == (right ? count : CSV_MAX_FIELDS) &&
		   (right || strcmp(reader.fault, "the record has too many fields") == 0),
	   "CSV: %d fields %s", count, what);
}

/* A fault is the last word: the reader stays where it was. */
static void
test_after_fault(void)
{
	static CsvReader reader;
	char text[2 * CSV_MAX_FIELDS];
	size_t length = 0;
	bool stays = true;

	while (length < CSV_MAX_FIELDS)
		text[length++] = ',';
	memcpy(text + length, "\n\nb\n", 4);
	csv_begin(&reader, text, length + 4);
	for (int i = 0; i < 3; i++)
		stays = stays && !csv_next(&reader) && reader.line == 1 && reader.fault != NULL;
	ok(stays, "CSV: after a fault nothing is read, and its line stays");
}

/* Random texts of the bytes that matter, in quotes: what was written is read. */
static void
test_round_trips(void)
{
	static const char letters[] = "a,\"\r\n;\0 ";
	static CsvReader reader;
	size_t wrong = 0;

	for (int round = 0; round < 20000; round++)
	{
		char plain[16], text[40] = "\"";
		size_t count = next_random() % sizeof(plain);
		size_t length = 1;

		for (size_t i = 0; i < count; i++)
		{
			plain[i] = letters[next_random() % (sizeof(letters) - 1)];
			if (plain[i] == '"')
				text[length++] = '"';
			text[length++] = plain[i];
		}
		memcpy(text + length, "\",x\n", 4);
		csv_begin(&reader, text, length + 4);
		wrong += !csv_next(&reader) || reader.count != 2 || reader.fields[0].length != count ||
				 memcmp(reader.fields[0].text, plain, count) != 0 ||
				 reader.fields[1].text[0] != 'x' || csv_next(&reader) || reader.fault != NULL;
	}
	ok(wrong == 0, "CSV: 20000 random fields in quotes are read as they were");
}

/* What a reader that may get more text keeps for later. */
static void
test_half(const char *text, const char *expected, size_t rest)
{
	static CsvReader reader;
	Bytes told = {0};
	char *copy = strdup(text);

	csv_begin(&reader, copy, strlen(text));
	reader.more = true;
	tell(&reader, &told);
	append(&told, "", 1);
	ok(strcmp((char *) told.data, expected) == 0 && reader.fault == NULL &&
		   reader.length - reader.at == rest && !csv_next(&reader),
	   "CSV: %zu of %zu bytes are kept of a text that may go on", rest, strlen(text));
	free(copy);
	free(told.data);
}

static void
test_halves(void)
{
	test_half("a,b\nc,d", "1:[a][b]", 3);
	test_half("a,b\nc,d\r", "1:[a][b]", 4);
	test_half("a,b\n\r", "1:[a][b]", 1);
	test_half("a,b\nc,\"d", "1:[a][b]", 4);
	test_half("a,b\nc,\"d\"", "1:[a][b]", 5);
	test_half("a,b\nc,\"d\ne", "1:[a][b]", 6);
	test_half("a,b\nc,d\n", "1:[a][b] 2:[c][d]", 0);
	test_half("a,b\nc,d,", "1:[a][b]", 4);
}

/* Cut anywhere and joined again, a text reads as it does whole. */
static void
test_cuts(void)
{
	static const char whole[] = "a,\"b\"\"\r\nc\"\r\n\"\",d\n\r\ne,f\n\"g\n\",\"\"\"\"\n";
	size_t length = sizeof(whole) - 1;
	size_t wrong = 0;

	for (size_t cut = 0; cut <= length; cut++)
	{
		static CsvReader reader;
		Bytes told = {0};
		char *copy = malloc(length);

		memcpy(copy, whole, length);
		csv_begin(&reader, copy, cut);
		reader.more = true;
		reader.scan = true;
		while (csv_next(&reader))
			;
		wrong += reader.fault != NULL;
		reader.length = length;
		reader.half = reader.more = false;
		tell(&reader, &told);
		wrong += reader.fault != NULL || reader.at != length;
		free(told.data);
		free(copy);
	}
	ok(wrong == 0, "CSV: a text cut in two at any byte is read to its end");
}

static void
test_delimiters(void)
{
	static const struct
	{
		const char *text;
		char delimiter;
	} lines[] = {{"a,b;c", ','}, {"a;b,c", ';'},     {"a\tb", '\t'}, {"abc", ','},
				 {"", ','},      {"\"a,b\";c", ';'}, {"a\n;b", ','}, {"\"a\n;b\"\tc", '\t'}};
	static CsvReader reader;
	char text[] = "a;\"b;\"\"c\"\n1,5;2\n";

	for (size_t i = 0; i < LENGTH(lines); i++)
		ok(csv_delimiter(lines[i].text, strlen(lines[i].text)) == lines[i].delimiter,
		   "CSV: what parts the fields of line %zu", i + 1);
	csv_begin(&reader, text, sizeof(text) - 1);
	reader.delimiter = ';';
	ok(csv_next(&reader) && reader.count == 2 && reader.fields[1].length == 4 &&
		   memcmp(reader.fields[1].text, "b;\"c", 4) == 0 && csv_next(&reader) &&
		   reader.fields[0].length == 3,
	   "CSV: semicolons part fields, a comma is text then");
}

int
main(void)
{
	test_cases();
	test_halves();
	test_cuts();
	test_delimiters();
	test_field_count(CSV_MAX_FIELDS, true, "are read");
	test_field_count(CSV_MAX_FIELDS + 1, false, "are too many");
	test_after_fault();
	test_round_trips();
	return tests_done();
}
