/*
 * csv_fuzz.c
 *		Comma-separated values: fields lie in the buffer, one after the other, and
 *		records written again in quotes are read as the same records.
 */
#include "fuzz.h"
#include "person/csv.h"

typedef struct Output
{
	char *text;
	size_t length;
	size_t records;
} Output;

static void
write_field(Output *output, const CsvField *field, bool first)
{
	if (!first)
		output->text[output->length++] = ',';
	output->text[output->length++] = '"';
	for (size_t i = 0; i < field->length; i++)
	{
		if (field->text[i] == '"')
			output->text[output->length++] = '"';
		output->text[output->length++] = field->text[i];
	}
	output->text[output->length++] = '"';
}

static void
check_record(const CsvReader *reader, int last_line)
{
	const char *free_from = reader->text;

	REQUIRE(reader->count >= 1 && reader->count <= CSV_MAX_FIELDS);
	REQUIRE(reader->record_line >= last_line && reader->line >= reader->record_line);
	REQUIRE(reader->at <= reader->length && reader->fault == NULL);
	for (int i = 0; i < reader->count; i++)
	{
		const CsvField *field = &reader->fields[i];

		REQUIRE(field->text >= free_from);
		free_from = field->text + field->length;
		REQUIRE(free_from <= reader->text + reader->at);
	}
}

/* Reads all records and writes them in quotes; returns the fault, or NULL. */
static const char *
rewrite(char *text, size_t size, Output *output)
{
	static CsvReader reader;
	int last_line = 1;

	csv_begin(&reader, text, size);
	while (csv_next(&reader))
	{
		check_record(&reader, last_line);
		last_line = reader.line;
		for (int i = 0; i < reader.count; i++)
			write_field(output, &reader.fields[i], i == 0);
		output->text[output->length++] = '\n';
		output->records++;
	}
	REQUIRE(reader.fault != NULL || reader.at == reader.length);
	last_line = reader.line;
	REQUIRE(!csv_next(&reader) && reader.line == last_line);
	return reader.fault;
}

static int
count_lines(const char *text, size_t size)
{
	int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Each field grows by at most its quotes, a comma and a doubled quote for each of its own. */
static Output
make_output(size_t size)
{
	Output output = {.text = malloc(size * 4 + 16)};

	REQUIRE(output.text != NULL);
	return output;
}

/* Cut in two, and scanned first as an import does: the same records, or the same fault. */
static void
check_parts(const uint8_t *data, size_t size, size_t records, const char *fault)
{
	static CsvReader reader;
	char *front = exact_copy(data, size / 2);
	char *whole = exact_copy(data, size);
	size_t found = 0;
	size_t at;

	csv_begin(&reader, front, size / 2);
	reader.scan = reader.more = true;
	while (csv_next(&reader))
		found++;
	at = reader.at;
	REQUIRE(at <= size / 2 && memcmp(front, data, size / 2) == 0);
	if (reader.fault != NULL)
		REQUIRE(fault != NULL);
	else
	{
		csv_begin(&reader, whole, size);
		reader.at = at > 0 ? at : reader.at;
		while (csv_next(&reader))
			found++;
		REQUIRE(found == records && (reader.fault == NULL) == (fault == NULL));
	}
	free(whole);
	free(front);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	Output once = make_output(size);
	Output twice = make_output(size);
	int lines = count_lines(text, size);
	const char *fault = rewrite(text, size, &once);
	char *copy = exact_copy(once.text, once.length);

	REQUIRE(fault == NULL || fault[0] != '\0');
	REQUIRE(once.records <= (size_t) lines);
	check_parts(data, size, once.records, fault);
	REQUIRE(rewrite(copy, once.length, &twice) == NULL);
	REQUIRE(once.records == twice.records && once.length == twice.length);
	REQUIRE(memcmp(once.text, twice.text, once.length) == 0);
	free(copy);
	free(twice.text);
	free(once.text);
	free(text);
	return 0;
}
