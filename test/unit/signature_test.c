/*
 * signature_test.c
 *		The codes, data URLs, ink and strokes, without a server: prints TAP.
 */
#include <math.h>

#include "signature/dataurl.h"
#include "signature/ink.h"
#include "signature/strokes.h"
#include "tap.h"

static const char *
name_of(SignatureCode code)
{
	return signature_code_info(code)->name;
}

/* ---- codes, data URLs ---- */

static void
test_codes(void)
{
	bool sound = true;

	for (int i = 0; i < SIGNATURE_CODE_COUNT; i++)
	{
		const SignatureCodeInfo *info = signature_code_info((SignatureCode) i);
		bool error = info->severity == SIGNATURE_SEVERITY_ERROR;

		sound = sound && info->name != NULL && info->message != NULL;
		sound = sound && error == (i >= SIGNATURE_FIRST_ERROR);
		sound = sound && strcmp(info->name, name_of((SignatureCode) (i + 1))) != 0;
	}
	ok(sound, "every code has a name, a sentence and the severity of its list");
	ok(strcmp(name_of((SignatureCode) 9999), "OK") == 0, "a code outside the enum is answered");
}

static void
test_dataurl(void)
{
	static const struct
	{
		const char *text;
		SignatureCode code;
		size_t done;
	} cases[] = {{"data:image/png;base64,QUJD", SIGNATURE_OK, 3},
				 {"data:,", DATAURL_EMPTY, 5},
				 {"data:image/png;base64,", DATAURL_EMPTY, 22},
				 {"", DATAURL_SYNTAX, 0},
				 {"data:image/jpeg;base64,QUJD", DATAURL_SYNTAX, 11},
				 {"DATA:image/png;base64,QUJD", DATAURL_SYNTAX, 0},
				 {"data:image/png,QUJD", DATAURL_SYNTAX, 14},
				 {"data:image/png;base64,QUI", BASE64, 25},
				 {"data:image/png;base64, QUJ", BASE64, 22}};
	uint8_t out[64];
	size_t done;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		SignatureCode code =
			dataurl_decode(cases[i].text, strlen(cases[i].text), out, sizeof(out), &done);

		ok(code == cases[i].code && done == cases[i].done, "data URL %zu is %s at %zu (%s, %zu)", i,
		   name_of(cases[i].code), cases[i].done, name_of(code), done);
	}
}

/* ---- ink ---- */

enum
{
	CANVAS_WIDTH = 300,
	CANVAS_HEIGHT = 120
};

typedef struct Canvas
{
	uint8_t rgba[CANVAS_HEIGHT][CANVAS_WIDTH][4];
} Canvas;

static void
paint(Canvas *canvas, int x, int y, int width, int height, const char *rgba)
{
	for (int j = y; j < y + height; j++)
	{
		for (int i = x; i < x + width; i++)
			memcpy(canvas->rgba[j][i], rgba, 4);
	}
}

/* Two arches, 3 px wide: two pieces of ink. */
static void
sign(Canvas *canvas, const char *rgba)
{
	for (int x = 40; x < 200; x++)
	{
		int y = (int) (60 + 25 * sin(x / 12.0));

		paint(canvas, x, y, 3, 3, rgba);
		paint(canvas, x + 20, y / 4 + 3, 3, 3, rgba);
	}
}

/* Adds -size to +size to each sample, as browsers do against fingerprinting. */
static void
add_noise(Canvas *canvas, int size)
{
	uint8_t *bytes = &canvas->rgba[0][0][0];

	for (size_t i = 0; i < sizeof(canvas->rgba); i++)
	{
		int value = bytes[i] + (int) (next_random() % (uint32_t) (2 * size + 1)) - size;

		if (i % 4 != 3)
			bytes[i] = (uint8_t) (value < 0 ? 0 : value > 255 ? 255 : value);
	}
}

static InkReport
analyse(const uint8_t *rgba, uint32_t width, uint32_t height, int *passes)
{
	InkScan *scan = ink_begin(width, height, &ink_default_policy);
	InkReport report = {0};
	bool done = scan == NULL;

	for (*passes = 0; !done && *passes < 3; (*passes)++)
	{
		for (uint32_t y = 0; y < height; y++)
			ink_row(scan, rgba + (size_t) y * width * 4);
		done = ink_end(scan, &report);
	}
	ink_free(scan);
	return report;
}

static void
expect_ink(const Canvas *canvas, SignatureReasons reasons, uint64_t components, const char *what)
{
	int passes;
	InkReport report = analyse(&canvas->rgba[0][0][0], CANVAS_WIDTH, CANVAS_HEIGHT, &passes);

	ok(report.reasons == reasons && report.components == components && passes <= 2,
	   "ink, %s: reasons %llx, %llu pieces, %u ppm", what, (unsigned long long) report.reasons,
	   (unsigned long long) report.components, report.coverage);
}

#define BIT SIGNATURE_REASON_BIT

static const char white[] = "\xff\xff\xff\xff", clear[] = "\0\0\0\0", black[] = "\0\0\0\xff",
				  grey[] = "\xf0\xf0\xf0\xff";

static void
test_ink_signatures(void)
{
	static const char *const backgrounds[] = {clear, white, grey};
	static Canvas canvas;

	for (size_t i = 0; i < 3; i++)
	{
		paint(&canvas, 0, 0, CANVAS_WIDTH, CANVAS_HEIGHT, backgrounds[i]);
		expect_ink(&canvas, BIT(INK_BLANK), 0, "nothing");
		add_noise(&canvas, 5);
		expect_ink(&canvas, BIT(INK_BLANK), 0, "nothing but noise of 5");
		sign(&canvas, black);
		expect_ink(&canvas, 0, 2, "a signature over noise of 5");
	}
	paint(&canvas, 0, 0, CANVAS_WIDTH, CANVAS_HEIGHT, black);
	sign(&canvas, white);
	expect_ink(&canvas, 0, 2, "white on black");
	paint(&canvas, 0, 0, CANVAS_WIDTH, CANVAS_HEIGHT, white);
	paint(&canvas, 0, 0, CANVAS_WIDTH, 1, black);
	sign(&canvas, black);
	expect_ink(&canvas, BIT(INK_CLIPPED), 3, "a first row that misleads about the background");
}

static void
test_ink_reasons(void)
{
	static Canvas canvas;

	paint(&canvas, 0, 0, CANVAS_WIDTH, CANVAS_HEIGHT, white);
	paint(&canvas, 50, 50, 11, 11, black);
	expect_ink(&canvas, BIT(INK_DOT), 1, "11 x 11");
	paint(&canvas, 50, 50, 12, 12, black);
	expect_ink(&canvas, 0, 1, "12 x 12");
	paint(&canvas, 0, 0, CANVAS_WIDTH, CANVAS_HEIGHT, clear);
	paint(&canvas, 20, 60, 200, 3, black);
	expect_ink(&canvas, BIT(INK_LINE), 1, "a bar");
	paint(&canvas, 20, 60, 280, 3, black);
	paint(&canvas, 20, 60, 3, 60, black);
	expect_ink(&canvas, BIT(INK_CLIPPED), 1, "ink off two edges");
	paint(&canvas, 10, 10, 250, 100, black);
	expect_ink(&canvas, BIT(INK_FLOOD) | BIT(INK_CLIPPED), 1, "a filled canvas");
	paint(&canvas, 0, 0, CANVAS_WIDTH, CANVAS_HEIGHT, white);
	for (int y = 1; y < CANVAS_HEIGHT - 1; y++)
	{
		for (int x = 1; x < CANVAS_WIDTH - 170; x++)
			memcpy(canvas.rgba[y][x], (uint8_t[4]){(uint8_t) x, (uint8_t) y, 0, 255}, 4);
	}
	expect_ink(&canvas, BIT(INK_PHOTO), 1, "a picture of many colours");
	for (size_t i = 0; i < sizeof(canvas.rgba); i++)
		(&canvas.rgba[0][0][0])[i] = (uint8_t) next_random();
	ok((analyse(&canvas.rgba[0][0][0], CANVAS_WIDTH, CANVAS_HEIGHT, &(int){0}).reasons &
		BIT(CANVAS_NOISE)) != 0,
	   "ink, full random canvas: CANVAS_NOISE");
}

/* Pieces by flood fill of a grid of 0 and 1, which it empties. */
static uint64_t
flood_pieces(uint8_t *grid, int side)
{
	static int stack[64 * 64];
	uint64_t pieces = 0;

	for (int start = 0; start < side * side; start++)
	{
		int depth = 0;

		if (grid[start] == 0)
			continue;
		pieces++;
		grid[start] = 0;
		stack[depth++] = start;
		while (depth > 0)
		{
			int at = stack[--depth];

			for (int k = 0; k < 9; k++)
			{
				int x = at % side + k % 3 - 1, y = at / side + k / 3 - 1;

				if (x < 0 || y < 0 || x >= side || y >= side || grid[y * side + x] == 0)
					continue;
				grid[y * side + x] = 0;
				stack[depth++] = y * side + x;
			}
		}
	}
	return pieces;
}

static void
test_ink_pieces(void)
{
	uint8_t grid[64 * 64], rgba[64 * 64 * 4] = {0};
	bool same = true;

	for (int round = 0; round < 400; round++)
	{
		int side = 8 + round % 57, passes;
		uint64_t pixels = 0;
		InkReport report;

		for (int i = 0; i < side * side; i++)
		{
			bool border =
				i % side == 0 || i % side == side - 1 || i < side || i >= side * (side - 1);

			grid[i] = !border && next_random() % 100 < 20 + (unsigned) round % 60;
			rgba[i * 4 + 3] = grid[i] ? 255 : 0;
			pixels += grid[i];
		}
		report = analyse(rgba, (uint32_t) side, (uint32_t) side, &passes);
		same = same && report.pixels == pixels && passes == 1;
		same = same && report.components == flood_pieces(grid, side);
	}
	ok(same, "pixels and pieces of 400 random images are those of a flood fill");
}

/* ---- strokes ---- */

static void
add_text(Bytes *json, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	append(json, text, strlen(text));
}

static StrokesResult
read_strokes(const Bytes *json)
{
	char *copy = malloc(json->length > 0 ? json->length : 1);
	StrokesResult result;

	if (copy == NULL)
		abort();
	memcpy(copy, json->data, json->length);
	result = strokes_read(copy, json->length, &strokes_default_policy, NULL, NULL);
	free(copy);
	return result;
}

/* `count` points `step` ms and `speed` px/ms apart, each with a jitter. */
static StrokesResult
read_made(int count, int step, int step_jitter, double speed_jitter)
{
	double time = 1.7e12, x = 10.0;
	Bytes json = {0};
	StrokesResult result;

	add_text(&json, "[{\"penColor\":\"black\",\"points\":[");
	for (int i = 0; i < count; i++)
	{
		int pause = step + (step_jitter > 0 ? (int) (next_random() % (uint32_t) step_jitter) : 0);

		add_text(&json, "%s{\"time\":%.0f,\"x\":%.6f,\"y\":%.6f,\"pressure\":0.5}",
				 i > 0 ? "," : "", time, x, 20.0);
		time += pause;
		x += pause * (0.5 + speed_jitter * (next_random() % 1000) / 1000.0);
		x = x > 2000.0 ? 10.0 : x;
	}
	add_text(&json, "]}]");
	result = read_strokes(&json);
	free(json.data);
	return result;
}

static void
test_strokes_made(void)
{
	ok(read_made(40, 10, 8, 1.0).reasons == 0, "strokes, a living hand: no reason");
	ok(read_made(40, 10, 0, 1.0).reasons == BIT(SYNTHETIC_TIMING), "strokes, clockwork");
	ok(read_made(40, 10, 8, 0.0).reasons == BIT(SYNTHETIC_MOTION), "strokes, constant speed");
	ok(read_made(15, 12, 0, 0.0).reasons == 0, "strokes, too few steps to suspect");
	ok(read_made(2, 200, 0, 0.0).reasons == BIT(STROKES_DOT), "strokes, two points");
	ok(read_made(40, 1, 3, 1.0).reasons == BIT(STROKES_QUICK), "strokes, too quick");
	ok(read_made(40, -10, 8, 1.0).reasons == BIT(TIME_BACKWARDS),
	   "strokes, a clock that runs back");
	ok(read_made(20001, 10, 8, 1.0).code == STROKES_TOO_LARGE, "strokes, 20,001 points");
}

#define POINT(t, x, y) "{\"time\":" t ",\"x\":" x ",\"y\":" y "}"
#define GROUP(points)  "[{\"points\":[" points "]}]"
#define COLOUR(text)   "[{\"penColor\":\"" text "\",\"points\":[]}]"

static const struct
{
	const char *text;
	SignatureCode code;
	SignatureReasons reasons;
} stroke_texts[] = {
	{"[]", SIGNATURE_OK, BIT(STROKES_EMPTY)},
	{" [ { \"points\" : [ ] } ]\n", SIGNATURE_OK, BIT(STROKES_EMPTY)},
	{"[{\"points\":[" POINT("17e11", "1", "2") "],\"compositeOperation\":\"destination-out\"}]",
	 SIGNATURE_OK, BIT(STROKES_EMPTY)},
	{GROUP(POINT("1.7E+12", "-1.5e0", "0.25")), SIGNATURE_OK,
	 BIT(STROKES_DOT) | BIT(STROKES_SHORT) | BIT(STROKES_QUICK)},
	{"[{\"z\":{\"a\":[null,true,false,\"\\ud83d\\ude00\\n\"]},\"points\":[]}]", SIGNATURE_OK,
	 BIT(STROKES_EMPTY)},
	{COLOUR("#a0B1c2"), SIGNATURE_OK, BIT(STROKES_EMPTY)},
	{COLOUR("rgba(0, 0, 0, 0.5)"), SIGNATURE_OK, BIT(STROKES_EMPTY)},
	{COLOUR("hsl(120, 50%, 50%)"), SIGNATURE_OK, BIT(STROKES_EMPTY)},
	{COLOUR("red\\\"/><script>"), STROKES_COLOUR, 0},
	{COLOUR("url(#x)"), STROKES_COLOUR, 0},
	{COLOUR("#12345"), STROKES_COLOUR, 0},
	{COLOUR("rgb(1,2,3"), STROKES_COLOUR, 0},
	{COLOUR(""), STROKES_COLOUR, 0},
	{"[{\"points\":[],\"compositeOperation\":\"source\"}]", STROKES_COMPOSITE, 0},
	{"", STROKES_SYNTAX, 0},
	{"[", STROKES_SYNTAX, 0},
	{"[,]", STROKES_SYNTAX, 0},
	{"[{\"points\":[]},]", STROKES_SYNTAX, 0},
	{"[] []", STROKES_SYNTAX, 0},
	{"\xef\xbb\xbf[]", STROKES_SYNTAX, 0},
	{"[{\"points\":[],}]", STROKES_SYNTAX, 0},
	{"[{points:[]}]", STROKES_SYNTAX, 0},
	{"[{\"points\" []}]", STROKES_SYNTAX, 0},
	{"[{\"a\":'b',\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":nul,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":01,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":1.,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":.5,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":+1,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":1e,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":1e999,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":NaN,\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\\x\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\\u00\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\\u0000\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\\ud800\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\\udc00\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\t\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\xc0\xaf\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\xed\xa0\x80\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\xf4\x90\x80\x80\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"a\":\"\xe2\x82\",\"points\":[]}]", STROKES_SYNTAX, 0},
	{"[{\"points\":[],\"points\":[]}]", STROKES_DUPLICATE_KEY, 0},
	{"[{\"points\":[],\"poin\\u0074s\":[]}]", STROKES_DUPLICATE_KEY, 0},
	{"[{\"z\":{\"a\":1,\"a\":2},\"points\":[]}]", STROKES_DUPLICATE_KEY, 0},
	{"[{\"z\":[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]],\"points\":[]}]", STROKES_LIMIT, 0},
	{"[{\"a23456789012345678901234567890123\":0,\"points\":[]}]", STROKES_LIMIT, 0},
	{"{\"points\":[]}", STROKES_SHAPE, 0},
	{"[[{\"x\":1}]]", STROKES_SHAPE, 0},
	{"[{}]", STROKES_SHAPE, 0},
	{"[{\"points\":null}]", STROKES_SHAPE, 0},
	{"[{\"points\":[],\"penColor\":7}]", STROKES_SHAPE, 0},
	{GROUP("{\"x\":1,\"y\":2}"), STROKES_SHAPE, 0},
	{GROUP(POINT("17e11", "null", "2")), STROKES_SHAPE, 0},
	{GROUP(POINT("17e11", "\"1\"", "2")), STROKES_SHAPE, 0},
	{GROUP(POINT("17e11", "32767.5", "2")), STROKES_COORDINATE, 0},
	{GROUP(POINT("17e11", "1", "-1e300")), STROKES_COORDINATE, 0},
	{GROUP(POINT("1700000000", "1", "2")), STROKES_TIME, 0},
	{GROUP(POINT("5e12", "1", "2")), STROKES_TIME, 0},
	{GROUP("{\"time\":17e11,\"x\":1,\"y\":2,\"pressure\":1.5}"), STROKES_PRESSURE, 0},
};

static void
test_strokes_texts(void)
{
	for (size_t i = 0; i < LENGTH(stroke_texts); i++)
	{
		Bytes json = {(uint8_t *) stroke_texts[i].text, strlen(stroke_texts[i].text), 0};
		StrokesResult result = read_strokes(&json);

		ok(result.code == stroke_texts[i].code && result.reasons == stroke_texts[i].reasons &&
			   result.offset <= json.length,
		   "strokes text %zu: %s at %zu", i, name_of(result.code), result.offset);
	}
}

static void
test_strokes_damage(void)
{
	Bytes json = {0};
	size_t whole, accepted = 0;

	add_text(&json, "[{\"penColor\":\"#000\",\"points\":[");
	add_text(&json, POINT("1700000000000", "1", "2") "," POINT("1700000000010", "3", "4") "]}]");
	whole = json.length;
	for (json.length = 0; json.length < whole; json.length++)
		accepted += read_strokes(&json).code == STROKES_SYNTAX ? 0 : 1;
	ok(accepted == 0, "strokes cut at any of %zu bytes are STROKES_SYNTAX", whole);
	for (size_t i = 0; i < whole * 256; i++)
	{
		uint8_t kept = json.data[i / 256];

		json.data[i / 256] = (uint8_t) i;
		accepted += read_strokes(&json).code == SIGNATURE_OK ? 1 : 0;
		json.data[i / 256] = kept;
	}
	ok(accepted > 0, "strokes with any byte changed are judged (%zu of %zu accepted)", accepted,
	   whole * 256);
	json.length = 0;
	for (int i = 0; i < 201; i++)
		add_text(&json, "%s{\"points\":[]}", i > 0 ? "," : "[");
	add_text(&json, "]");
	ok(read_strokes(&json).code == STROKES_TOO_LARGE, "strokes, 201 strokes");
	while (json.length <= strokes_default_policy.max_bytes)
		add_text(&json, "%200s", "");
	ok(read_strokes(&json).offset == strokes_default_policy.max_bytes, "strokes, 2 MiB and more");
	free(json.data);
}

static unsigned drawings_refused, drawings_synthetic, drawings_thin, drawings_backwards;

/* An Omniglot drawing (x,y,t on a canvas of 105, y downwards negative), four times larger. */
static void
visit_drawing(const char *name, Bytes *file)
{
	double x, y, time;
	bool first = true;
	Bytes json = {0};
	StrokesResult result;

	append(file, "", 1);
	add_text(&json, "[{\"color\":\"black\",\"points\":[");
	for (char *line = strtok((char *) file->data, "\n"); line; line = strtok(NULL, "\n"))
	{
		if (strncmp(line, "BREAK", 5) == 0)
			add_text(&json, "]},{\"color\":\"black\",\"points\":[");
		first = first || strncmp(line, "BREAK", 5) == 0;
		if (sscanf(line, "%lf,%lf,%lf", &x, &y, &time) != 3)
			continue;
		add_text(&json, "%s{\"time\":%.0f,\"x\":%.4f,\"y\":%.4f}", first ? "" : ",", 1.7e12 + time,
				 4 * x, -4 * y);
		first = false;
	}
	add_text(&json, "]}]");
	result = read_strokes(&json);
	if (result.code != SIGNATURE_OK)
		printf("# %s: %s at %zu\n", name, name_of(result.code), result.offset);
	drawings_refused += result.code != SIGNATURE_OK ? 1 : 0;
	drawings_synthetic += (result.reasons & (BIT(SYNTHETIC_TIMING) | BIT(SYNTHETIC_MOTION))) != 0;
	drawings_backwards += (result.reasons & BIT(TIME_BACKWARDS)) != 0;
	drawings_thin +=
		(result.reasons & (BIT(STROKES_DOT) | BIT(STROKES_SHORT) | BIT(STROKES_QUICK))) != 0;
	free(json.data);
}

static void
test_strokes_drawings(void)
{
	unsigned count = each_vector("ink", ".txt", visit_drawing);

	if (count == 0)
		return;
	ok(count >= 600 && drawings_refused == 0, "%u human drawings are accepted", count);
	ok(drawings_synthetic == 0, "no human drawing is flagged synthetic");
	ok(drawings_thin <= 3, "at most 3 human drawings are too thin (%u)", drawings_thin);
	ok(drawings_backwards <= 6, "time runs back in few human drawings (%u)", drawings_backwards);
}

int
main(void)
{
	test_codes();
	test_dataurl();
	test_ink_signatures();
	test_ink_reasons();
	test_ink_pieces();
	test_strokes_made();
	test_strokes_texts();
	test_strokes_damage();
	test_strokes_drawings();
	return tests_done();
}
