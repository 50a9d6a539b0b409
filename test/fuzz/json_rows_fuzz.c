/*
 * json_rows_fuzz.c
 *		A JSON text cut into objects: they lie in the text, in order, in braces; cut in
 *		two at any place, the text gives the same objects or the same fault.
 */
#include "fuzz.h"
#include "person/json_rows.h"

typedef struct Found
{
	size_t objects;
	size_t bytes;
	unsigned long sum;
} Found;

static void
walk(JsonRows *rows, Found *found)
{
	const char *free_from = rows->text + rows->at;
	int number = rows->number;

	while (json_rows_next(rows))
	{
		REQUIRE(rows->object >= free_from && rows->object_length >= 2);
		free_from = rows->object + rows->object_length;
		REQUIRE(free_from <= rows->text + rows->length && free_from == rows->text + rows->at);
		REQUIRE(rows->object[0] == '{' && free_from[-1] == '}');
		REQUIRE(rows->object_number == number && rows->number == number + 1);
		number = rows->number;
		found->objects++;
		found->bytes += rows->object_length;
		for (size_t i = 0; i < rows->object_length; i++)
			found->sum = found->sum * 31 + (unsigned char) rows->object[i];
	}
	REQUIRE(rows->fault != NULL || rows->half || rows->at == rows->length);
	REQUIRE(!json_rows_next(rows));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cut = size > 0 ? data[0] % (size + 1) : 0;
	char *text = exact_copy(data, size);
	char *front = exact_copy(data, cut);
	Found whole = {0}, parts = {0};
	JsonRows all, first;

	json_rows_begin(&all, text, size);
	walk(&all, &whole);
	json_rows_begin(&first, front, cut);
	first.more = true;
	walk(&first, &parts);
	if (first.fault == NULL)
	{
		char *back = exact_copy(data + first.at, size - first.at);
		JsonRows rest;

		json_rows_begin(&rest, back, size - first.at);
		rest.layout = first.layout;
		rest.number = first.number;
		walk(&rest, &parts);
		REQUIRE((rest.fault == NULL) == (all.fault == NULL));
		REQUIRE(whole.objects == parts.objects && whole.sum == parts.sum);
		free(back);
	}
	else
		REQUIRE(all.fault != NULL);
	free(front);
	free(text);
	return 0;
}
