/*
 * esf_csv.c
 *		Lines of a CSV file as rows.
 */
#include "core/core.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "person/csv.h"
#include "utils/array.h"
#include "utils/builtins.h"

ATTEST_FUNCTION(attest_esf_csv_rows);

static Datum
fields_array(const CsvReader *reader)
{
	Datum fields[CSV_MAX_FIELDS];

	for (int i = 0; i < reader->count; i++)
		fields[i] = PointerGetDatum(
			cstring_to_text_with_len(reader->fields[i].text, (int) reader->fields[i].length));
	return PointerGetDatum(
		construct_array(fields, reader->count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* attest_internal.esf_csv_rows(source text): line (int), fields (text[]) */
Datum
attest_esf_csv_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *source = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CsvReader *reader = palloc0(sizeof(CsvReader));

	InitMaterializedSRF(fcinfo, 0);
	csv_begin(reader, source, strlen(source));
	reader->delimiter = csv_delimiter(source, strlen(source));
	while (csv_next(reader))
	{
		Datum values[2] = {Int32GetDatum(reader->record_line), fields_array(reader)};
		bool nulls[2] = {false};

		CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	if (reader->fault != NULL)
		fail(ERR_csv_malformed, psprintf("%d", reader->line), reader->fault);
	return (Datum) 0;
}
