/*
 * strokes_fuzz.c
 *		libFuzzer over the reader of strokes and its JSON.
 *
 *		clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc test/fuzz/strokes_fuzz.c \
 *			src/signature/{codes,json,strokes}.c -lm -o strokes_fuzz
 *		./strokes_fuzz -max_len=4096 /tmp/corpus test/fuzz/corpus/strokes
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signature/json.h"
#include "signature/strokes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_point(void *context, const StrokesPoint *point)
{
	uint32_t *points = context;

	if (!(fabs(point->x) <= 32767 && fabs(point->y) <= 32767 && point->pressure <= 1))
		__builtin_trap();
	*points += point->eraser ? 0 : 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JsonReader reader = {.text = (const char *) data, .length = size, .max_depth = 16};
	uint32_t points = 0;
	StrokesResult result;
	bool json;

	result = strokes_read((const char *) data, size, &strokes_default_policy, fuzz_point, &points);
	json = json_skip(&reader) && json_finish(&reader);
	if (result.offset > size || reader.at > size)
		__builtin_trap();
	if (result.code != SIGNATURE_OK)
		return 0;
	if (!json || result.summary.points != points || !isfinite(result.summary.path) ||
		!isfinite(result.summary.speed_variation) || !isfinite(result.summary.step_deviation))
		__builtin_trap();
	return 0;
}
