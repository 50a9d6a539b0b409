/*
 * strokes.c
 *		See strokes.h.
 */
#include "signature/strokes.h"

#include <math.h>
#include <string.h>

#include "core/json.h"

#define STROKES_MAX_DEPTH  16
#define STROKES_MAX_COLOUR 64

const StrokesPolicy strokes_default_policy = {
	.max_bytes = 2 << 20,
	.max_strokes = 200,
	.max_points = 20000,
	.max_coordinate = 32767.0,
	.min_time = 946684800000.0,
	.max_time = 4102444800000.0,
	.min_stroke_points = 3,
	.min_duration = 150.0,
	.min_path = 40.0,
	.min_path_share = 0.5,
	.synthetic_steps = 20,
	.min_step_deviation = 0.5,
	.min_speed_variation = 0.02,
};

/* HTML, CanvasCompositing: the values of globalCompositeOperation. */
static const char *const strokes_composites[] = {
	"source-over",
	"source-in",
	"source-out",
	"source-atop",
	"destination-over",
	"destination-in",
	"destination-out",
	"destination-atop",
	"lighter",
	"copy",
	"xor",
	"multiply",
	"screen",
	"overlay",
	"darken",
	"lighten",
	"color-dodge",
	"color-burn",
	"hard-light",
	"soft-light",
	"difference",
	"exclusion",
	"hue",
	"saturation",
	"color",
	"luminosity",
};

#define STROKES_COMPOSITE_COUNT (sizeof(strokes_composites) / sizeof(strokes_composites[0]))

/* Mean and sum of squared deviations as they grow (Welford 1962). */
typedef struct StrokesSpread
{
	uint32_t count;
	double mean;
	double squares;
} StrokesSpread;

typedef struct StrokesParser
{
	const StrokesPolicy *policy;
	StrokesPointCallback callback;
	void *context;
	JsonReader json;
	StrokesResult result;
	uint32_t all_strokes, all_points;
	uint32_t stroke_points; /* of the current stroke */
	StrokesPoint last;      /* of the ink */
	StrokesSpread step, speed;
} StrokesParser;

static bool
strokes_fail(StrokesParser *parser, SignatureCode code, size_t offset)
{
	if (parser->result.code == SIGNATURE_OK)
	{
		parser->result.code = code;
		parser->result.offset = offset;
	}
	return false;
}

/* Takes over a fault of the JSON reader, if there is one. */
static bool
strokes_json_ok(StrokesParser *parser)
{
	switch (parser->json.fault)
	{
		case JSON_OK:
			return parser->result.code == SIGNATURE_OK;
		case JSON_DUPLICATE_KEY:
			return strokes_fail(parser, STROKES_DUPLICATE_KEY, parser->json.at);
		case JSON_LIMIT:
			return strokes_fail(parser, STROKES_LIMIT, parser->json.at);
		case JSON_SYNTAX:
			break;
	}
	return strokes_fail(parser, STROKES_SYNTAX, parser->json.at);
}

/* Whether a value of the kind that `first` begins is next; '0' stands for a number. */
static bool
strokes_expect(StrokesParser *parser, char first)
{
	char next = json_peek(&parser->json);

	if (!strokes_json_ok(parser))
		return false;
	if (next == '-' || (next >= '0' && next <= '9'))
		next = '0';
	if (next == first)
		return true;
	if (next == '\0' || strchr("[{\"tfn0", next) == NULL)
		return strokes_fail(parser, STROKES_SYNTAX, parser->json.at);
	return strokes_fail(parser, STROKES_SHAPE, parser->json.at);
}

static void
strokes_spread_add(StrokesSpread *spread, double value)
{
	double delta = value - spread->mean;

	spread->count++;
	spread->mean += delta / spread->count;
	spread->squares += delta * (value - spread->mean);
}

static double
strokes_deviation(const StrokesSpread *spread)
{
	return spread->count == 0 ? 0.0 : sqrt(spread->squares / spread->count);
}

/* From the previous point of the same stroke to this one. */
static void
strokes_measure_step(StrokesParser *parser, const StrokesPoint *point)
{
	StrokesSummary *summary = &parser->result.summary;
	double time = point->time - parser->last.time;
	double distance = hypot(point->x - parser->last.x, point->y - parser->last.y);

	summary->path += distance;
	summary->equal_steps += time == 0.0 ? 1 : 0;
	strokes_spread_add(&parser->step, time);
	if (time > 0.0)
		strokes_spread_add(&parser->speed, distance / time);
}

static void
strokes_measure(StrokesParser *parser, const StrokesPoint *point)
{
	StrokesSummary *summary = &parser->result.summary;

	if (summary->points == 0)
	{
		summary->start = summary->end = point->time;
		summary->left = summary->right = point->x;
		summary->top = summary->bottom = point->y;
	}
	else if (point->time < parser->last.time)
		summary->backwards++;
	if (parser->stroke_points > 0)
		strokes_measure_step(parser, point);
	else
		summary->strokes++;

	summary->points++;
	parser->stroke_points++;
	if (parser->stroke_points > summary->longest)
		summary->longest = parser->stroke_points;
	summary->start = fmin(summary->start, point->time);
	summary->end = fmax(summary->end, point->time);
	summary->left = fmin(summary->left, point->x);
	summary->right = fmax(summary->right, point->x);
	summary->top = fmin(summary->top, point->y);
	summary->bottom = fmax(summary->bottom, point->y);
	parser->last = *point;
}

/* A number from `low` to `high`, else `code`. */
static bool
strokes_number(StrokesParser *parser, double low, double high, SignatureCode code, double *value)
{
	size_t start;

	if (!strokes_expect(parser, '0'))
		return false;
	start = parser->json.at;
	if (!json_number(&parser->json, value))
		return strokes_json_ok(parser);
	return (*value >= low && *value <= high) || strokes_fail(parser, code, start);
}

/* The value of one key of a point; *seen collects a bit for each required key. */
static bool
strokes_point_member(StrokesParser *parser, const char *key, StrokesPoint *point, unsigned *seen)
{
	const StrokesPolicy *policy = parser->policy;
	double limit = policy->max_coordinate;

	if (strcmp(key, "x") == 0)
	{
		*seen |= 1;
		return strokes_number(parser, -limit, limit, STROKES_COORDINATE, &point->x);
	}
	if (strcmp(key, "y") == 0)
	{
		*seen |= 2;
		return strokes_number(parser, -limit, limit, STROKES_COORDINATE, &point->y);
	}
	if (strcmp(key, "time") == 0)
	{
		*seen |= 4;
		return strokes_number(parser, policy->min_time, policy->max_time, STROKES_TIME,
							  &point->time);
	}
	if (strcmp(key, "pressure") == 0)
		return strokes_number(parser, 0.0, 1.0, STROKES_PRESSURE, &point->pressure);
	return json_skip(&parser->json) || strokes_json_ok(parser);
}

static bool
strokes_point(StrokesParser *parser, bool eraser)
{
	StrokesPoint point = {.stroke = parser->all_strokes - 1, .eraser = eraser};
	unsigned seen = 0;
	JsonScope scope;
	size_t start;

	if (!strokes_expect(parser, '{') || !json_enter(&parser->json, '{', &scope))
		return strokes_json_ok(parser);
	start = parser->json.at - 1;
	while (json_next(&parser->json, &scope))
	{
		if (!strokes_point_member(parser, json_key(&scope), &point, &seen))
			return false;
	}
	if (!strokes_json_ok(parser))
		return false;
	if (seen != 7)
		return strokes_fail(parser, STROKES_SHAPE, start);
	if (++parser->all_points > parser->policy->max_points)
		return strokes_fail(parser, STROKES_TOO_LARGE, start);

	if (!eraser)
		strokes_measure(parser, &point);
	if (parser->callback != NULL)
		parser->callback(parser->context, &point);
	return true;
}

static bool
strokes_points(StrokesParser *parser, bool eraser)
{
	JsonScope scope;

	if (!strokes_expect(parser, '[') || !json_enter(&parser->json, '[', &scope))
		return strokes_json_ok(parser);
	while (json_next(&parser->json, &scope))
	{
		if (!strokes_point(parser, eraser))
			return false;
	}
	return strokes_json_ok(parser);
}

/* #rgb, #rgba, #rrggbb, #rrggbbaa, a name, or rgb(), rgba(), hsl(), hsla() of plain numbers. */
static bool
strokes_is_colour(const char *text, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t word = strspn(text, letters);
	size_t numbers;

	if (text[0] == '#')
		return strspn(text + 1, "0123456789abcdefABCDEF") == length - 1 &&
			   (length == 4 || length == 5 || length == 7 || length == 9);
	if (word == length)
		return word >= 3 && word <= 24;
	if (word < 3 || word > 4 || text[word] != '(' ||
		(strncmp(text, "rgb", 3) != 0 && strncmp(text, "hsl", 3) != 0) ||
		(word == 4 && text[3] != 'a'))
		return false;
	numbers = strspn(text + word + 1, "0123456789.,%/ ");
	return numbers >= 5 && word + numbers + 2 == length && text[length - 1] == ')';
}

/* The colour ends up in SVG: nothing but a colour may pass. */
static bool
strokes_colour(StrokesParser *parser)
{
	char colour[STROKES_MAX_COLOUR + 1];
	size_t start, length;

	if (!strokes_expect(parser, '"'))
		return false;
	start = parser->json.at;
	if (!json_string(&parser->json, colour, sizeof(colour), &length))
		return strokes_json_ok(parser);
	if (length > STROKES_MAX_COLOUR || !strokes_is_colour(colour, length))
		return strokes_fail(parser, STROKES_COLOUR, start);
	return true;
}

static bool
strokes_composite(StrokesParser *parser, bool *eraser)
{
	char name[32];
	size_t start, length;

	if (!strokes_expect(parser, '"'))
		return false;
	start = parser->json.at;
	if (!json_string(&parser->json, name, sizeof(name), &length))
		return strokes_json_ok(parser);
	*eraser = strcmp(name, "destination-out") == 0;
	for (size_t i = 0; length < sizeof(name) && i < STROKES_COMPOSITE_COUNT; i++)
	{
		if (strcmp(name, strokes_composites[i]) == 0)
			return true;
	}
	return strokes_fail(parser, STROKES_COMPOSITE, start);
}

/* The value of one key of a group; points are skipped and their place kept. */
static bool
strokes_group_member(StrokesParser *parser, const char *key, bool *eraser, size_t *points)
{
	if (strcmp(key, "penColor") == 0 || strcmp(key, "color") == 0)
		return strokes_colour(parser);
	if (strcmp(key, "compositeOperation") == 0)
		return strokes_composite(parser, eraser);
	if (strcmp(key, "points") == 0)
	{
		if (!strokes_expect(parser, '['))
			return false;
		*points = parser->json.at;
	}
	return json_skip(&parser->json) || strokes_json_ok(parser);
}

/*
 * Points are read after the other keys of their group, since only then is it known
 * whether they are ink.
 */
static bool
strokes_group(StrokesParser *parser)
{
	size_t start, end;
	size_t points = 0; /* never the place of points: a bracket stands there */
	bool eraser = false;
	JsonScope scope;

	if (!strokes_expect(parser, '{') || !json_enter(&parser->json, '{', &scope))
		return strokes_json_ok(parser);
	start = parser->json.at - 1;
	if (++parser->all_strokes > parser->policy->max_strokes)
		return strokes_fail(parser, STROKES_TOO_LARGE, start);
	while (json_next(&parser->json, &scope))
	{
		if (!strokes_group_member(parser, json_key(&scope), &eraser, &points))
			return false;
	}
	if (!strokes_json_ok(parser))
		return false;
	if (points == 0)
		return strokes_fail(parser, STROKES_SHAPE, start);

	end = parser->json.at;
	parser->json.at = points;
	parser->stroke_points = 0;
	parser->result.summary.erasers += eraser ? 1 : 0;
	if (!strokes_points(parser, eraser))
		return false;
	parser->json.at = end;
	return true;
}

static bool
strokes_groups(StrokesParser *parser)
{
	JsonScope scope;

	if (parser->json.length > parser->policy->max_bytes)
		return strokes_fail(parser, STROKES_TOO_LARGE, parser->policy->max_bytes);
	if (!strokes_expect(parser, '[') || !json_enter(&parser->json, '[', &scope))
		return strokes_json_ok(parser);
	while (json_next(&parser->json, &scope))
	{
		if (!strokes_group(parser))
			return false;
	}
	json_finish(&parser->json);
	return strokes_json_ok(parser);
}

static void
strokes_summarise(StrokesParser *parser)
{
	StrokesSummary *summary = &parser->result.summary;

	summary->duration = summary->end - summary->start;
	summary->steps = parser->step.count;
	summary->step_deviation = strokes_deviation(&parser->step);
	summary->speeds = parser->speed.count;
	if (parser->speed.mean > 0.0)
		summary->speed_variation = strokes_deviation(&parser->speed) / parser->speed.mean;
}

static SignatureReasons
strokes_reasons(const StrokesSummary *summary, const StrokesPolicy *policy)
{
	double diagonal = hypot(summary->right - summary->left, summary->bottom - summary->top);
	SignatureReasons reasons = 0;

	if (summary->backwards > 0)
		reasons |= SIGNATURE_REASON_BIT(TIME_BACKWARDS);
	if (summary->points == 0)
		return SIGNATURE_REASON_BIT(STROKES_EMPTY);
	if (summary->longest < policy->min_stroke_points)
		reasons |= SIGNATURE_REASON_BIT(STROKES_DOT);
	if (summary->path < fmax(policy->min_path, policy->min_path_share * diagonal))
		reasons |= SIGNATURE_REASON_BIT(STROKES_SHORT);
	if (summary->duration < policy->min_duration)
		reasons |= SIGNATURE_REASON_BIT(STROKES_QUICK);
	if (summary->steps >= policy->synthetic_steps &&
		summary->step_deviation < policy->min_step_deviation)
		reasons |= SIGNATURE_REASON_BIT(SYNTHETIC_TIMING);
	if (summary->speeds >= policy->synthetic_steps && summary->path > 0.0 &&
		summary->speed_variation < policy->min_speed_variation)
		reasons |= SIGNATURE_REASON_BIT(SYNTHETIC_MOTION);
	return reasons;
}

StrokesResult
strokes_read(const char *text, size_t length, const StrokesPolicy *policy,
			 StrokesPointCallback callback, void *context)
{
	StrokesParser parser = {
		.policy = policy,
		.callback = callback,
		.context = context,
		.json = {.text = text, .length = length, .max_depth = STROKES_MAX_DEPTH}};

	if (!strokes_groups(&parser))
		return parser.result;
	strokes_summarise(&parser);
	parser.result.offset = length;
	parser.result.reasons = strokes_reasons(&parser.result.summary, policy);
	return parser.result;
}
