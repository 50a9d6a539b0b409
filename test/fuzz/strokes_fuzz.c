/*
 * strokes_fuzz.c
 *		The reader of strokes and its JSON: what is accepted is JSON with finite figures.
 */
#include <math.h>

#include "fuzz.h"
#include "core/json.h"
#include "signature/strokes.h"

static void
fuzz_point(void *context, const StrokesPoint *point)
{
	uint32_t *points = context;

	REQUIRE(fabs(point->x) <= 32767 && fabs(point->y) <= 32767 && point->pressure <= 1);
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
	REQUIRE(result.offset <= size && reader.at <= size);
	if (result.code != SIGNATURE_OK)
		return 0;
	REQUIRE(json && result.summary.points == points && isfinite(result.summary.path));
	REQUIRE(isfinite(result.summary.speed_variation) && isfinite(result.summary.step_deviation));
	return 0;
}
