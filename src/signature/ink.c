/*
 * ink.c
 *		See ink.h.
 *
 * Each row is cut into runs of ink.  Pieces are counted by union-find over the runs
 * of two rows: a new run is a piece more, a join of two pieces one less.
 */
#include "signature/ink.h"

#include <stdlib.h>
#include <string.h>

/* Sixteen levels agree as one colour: wider than the noise of +-5 that browsers add. */
#define INK_LUMA_WINDOW 16

/* Colours are counted in a hash table that is never more than half full. */
#define INK_COLOUR_SLOTS 1024
#define INK_COLOUR_LIMIT (INK_COLOUR_SLOTS / 2 - 1)

const InkPolicy ink_default_policy = {
	.min_alpha = 96,
	.min_contrast = 48,
	.min_border_share = 600000,
	.min_side = 12,
	.min_pixels = 40,
	.max_coverage = 500000,
	.max_aspect = 15,
	.max_colours = 256,
	.photo_coverage = 300000,
	.max_edges = 1,
};

/* Columns first to last of one row; `piece` is the index of the row's first run of the piece. */
typedef struct InkRun
{
	uint32_t first;
	uint32_t last;
	uint32_t piece;
} InkRun;

typedef struct InkBorder
{
	uint64_t total;
	uint64_t transparent;
	uint64_t luma[256];
} InkBorder;

struct InkScan
{
	const InkPolicy *policy;
	InkReport report;
	InkBorder border;
	bool background_known;
	uint32_t y;
	uint32_t run_count, above_count;
	InkRun *runs, *above; /* of this row and of the row above */
	uint32_t *parents;    /* union-find: runs above, then runs of this row */
	uint32_t *firsts;     /* of a root: the first run of this row in its piece */
	uint32_t last_colour;
	bool slot_used[INK_COLOUR_SLOTS];
	uint32_t slots[INK_COLOUR_SLOTS];
};

/* In floating point: the pixels of the largest canvas, 2^55, times a million pass 64 bits. */
static uint32_t
ink_ppm(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (uint32_t) ((double) part * 1e6 / (double) whole);
}

/* ITU-R BT.601 luma, in 256ths. */
static uint32_t
ink_luma(const uint8_t *pixel)
{
	return (77U * pixel[0] + 150U * pixel[1] + 29U * pixel[2]) >> 8;
}

static void
ink_reset(InkScan *scan)
{
	InkReport fresh = {.width = scan->report.width, .height = scan->report.height};

	fresh.background = scan->report.background;
	scan->report = fresh;
	memset(&scan->border, 0, sizeof(scan->border));
	memset(scan->slot_used, 0, sizeof(scan->slot_used));
	scan->y = 0;
	scan->above_count = 0;
}

InkScan *
ink_begin(uint32_t width, uint32_t height, const InkPolicy *policy)
{
	size_t max_runs = (size_t) width / 2 + 1;
	InkScan *scan = calloc(1, sizeof(InkScan));

	if (scan == NULL)
		return NULL;
	scan->policy = policy;
	scan->report.width = width;
	scan->report.height = height;
	scan->runs = calloc(max_runs, sizeof(InkRun));
	scan->above = calloc(max_runs, sizeof(InkRun));
	scan->parents = calloc(2 * max_runs, sizeof(uint32_t));
	scan->firsts = calloc(2 * max_runs, sizeof(uint32_t));
	if (scan->runs != NULL && scan->above != NULL && scan->parents != NULL && scan->firsts != NULL)
		return scan;
	ink_free(scan);
	return NULL;
}

void
ink_free(InkScan *scan)
{
	if (scan == NULL)
		return;
	free(scan->runs);
	free(scan->above);
	free(scan->parents);
	free(scan->firsts);
	free(scan);
}

static void
ink_border_pixel(InkScan *scan, const uint8_t *pixel)
{
	scan->border.total++;
	if (pixel[3] < scan->policy->min_alpha)
		scan->border.transparent++;
	else
		scan->border.luma[ink_luma(pixel)]++;
}

static void
ink_border_row(InkScan *scan, const uint8_t *rgba)
{
	uint32_t width = scan->report.width;
	bool whole = scan->y == 0 || scan->y + 1 == scan->report.height;
	uint32_t step = whole || width == 1 ? 1 : width - 1;

	for (uint64_t x = 0; x < width; x += step)
		ink_border_pixel(scan, rgba + x * 4);
}

/* The border's majority: alpha first, then the fullest window of luma and its mean. */
static InkBackground
ink_border_majority(const InkBorder *border)
{
	InkBackground background = {.transparent = true};
	uint64_t best = border->transparent;
	uint64_t window = 0;

	for (unsigned end = 0; end < 256; end++)
	{
		uint64_t weighted = 0;

		window += border->luma[end];
		if (end >= INK_LUMA_WINDOW)
			window -= border->luma[end - INK_LUMA_WINDOW];
		if (window <= best)
			continue;
		best = window;
		for (unsigned i = end < INK_LUMA_WINDOW ? 0 : end - INK_LUMA_WINDOW + 1; i <= end; i++)
			weighted += border->luma[i] * i;
		background.transparent = false;
		background.luma = (uint8_t) ((weighted + window / 2) / window);
	}
	background.border_share = ink_ppm(best, border->total);
	return background;
}

/* On an opaque canvas a pixel counts as it looks over the background. */
static bool
ink_is_ink(const InkScan *scan, const uint8_t *pixel)
{
	int contrast;

	if (scan->report.background.transparent)
		return pixel[3] >= scan->policy->min_alpha;
	contrast = ((int) ink_luma(pixel) - scan->report.background.luma) * pixel[3] / 255;
	return (uint32_t) abs(contrast) >= scan->policy->min_contrast;
}

static void
ink_count_colour(InkScan *scan, const uint8_t *pixel)
{
	uint32_t colour = 0;
	uint32_t slot;

	if (pixel[3] != 0)
		memcpy(&colour, pixel, sizeof(colour));
	if ((colour == scan->last_colour && scan->report.colours > 0) ||
		scan->report.colours > scan->policy->max_colours || scan->report.colours > INK_COLOUR_LIMIT)
		return;
	scan->last_colour = colour;
	slot = colour * UINT32_C(2654435761) % INK_COLOUR_SLOTS;
	while (scan->slot_used[slot] && scan->slots[slot] != colour)
		slot = (slot + 1) % INK_COLOUR_SLOTS;
	if (scan->slot_used[slot])
		return;
	scan->slot_used[slot] = true;
	scan->slots[slot] = colour;
	scan->report.colours++;
}

static void
ink_cut_runs(InkScan *scan, const uint8_t *rgba)
{
	bool inside = false;

	scan->run_count = 0;
	for (uint32_t x = 0; x < scan->report.width; x++)
	{
		const uint8_t *pixel = rgba + (size_t) x * 4;
		bool ink = ink_is_ink(scan, pixel);

		ink_count_colour(scan, pixel);
		if (ink && !inside)
			scan->runs[scan->run_count++].first = x;
		if (ink)
			scan->runs[scan->run_count - 1].last = x;
		inside = ink;
	}
}

/* Ink pixels, bounding box and edges, from the runs of a row. */
static void
ink_measure_runs(InkScan *scan)
{
	InkReport *report = &scan->report;
	uint32_t first, last;

	if (scan->run_count == 0)
		return;
	first = scan->runs[0].first;
	last = scan->runs[scan->run_count - 1].last;
	if (report->pixels == 0)
	{
		report->top = scan->y;
		report->left = first;
	}
	report->left = first < report->left ? first : report->left;
	report->right = last > report->right ? last : report->right;
	report->bottom = scan->y;
	for (uint32_t i = 0; i < scan->run_count; i++)
		report->pixels += scan->runs[i].last - scan->runs[i].first + 1;

	report->edges |= first == 0 ? INK_EDGE_LEFT : 0;
	report->edges |= last + 1 == report->width ? INK_EDGE_RIGHT : 0;
	report->edges |= scan->y == 0 ? INK_EDGE_TOP : 0;
	report->edges |= scan->y + 1 == report->height ? INK_EDGE_BOTTOM : 0;
}

static uint32_t
ink_root(uint32_t *parents, uint32_t node)
{
	while (parents[node] != node)
	{
		parents[node] = parents[parents[node]];
		node = parents[node];
	}
	return node;
}

static void
ink_join(InkScan *scan, uint32_t a, uint32_t b)
{
	uint32_t root_a = ink_root(scan->parents, a);
	uint32_t root_b = ink_root(scan->parents, b);

	if (root_a == root_b)
		return;
	scan->parents[root_b] = root_a;
	scan->report.components--;
}

/* Joins each run with the runs above that it touches, corners included. */
static void
ink_join_runs(InkScan *scan)
{
	uint32_t start = 0;

	for (uint32_t i = 0; i < scan->above_count; i++)
		scan->parents[i] = scan->above[i].piece;
	for (uint32_t i = 0; i < scan->run_count; i++)
		scan->parents[scan->above_count + i] = scan->above_count + i;
	scan->report.components += scan->run_count;

	for (uint32_t i = 0; i < scan->run_count; i++)
	{
		const InkRun *run = &scan->runs[i];

		while (start < scan->above_count && scan->above[start].last + 1 < run->first)
			start++;
		for (uint32_t j = start; j < scan->above_count && scan->above[j].first <= run->last + 1;
			 j++)
			ink_join(scan, j, scan->above_count + i);
	}
}

/* Names each piece by its first run in this row, for the row below. */
static void
ink_name_pieces(InkScan *scan)
{
	for (uint32_t i = 0; i < scan->above_count + scan->run_count; i++)
		scan->firsts[i] = UINT32_MAX;
	for (uint32_t i = 0; i < scan->run_count; i++)
	{
		uint32_t root = ink_root(scan->parents, scan->above_count + i);

		if (scan->firsts[root] == UINT32_MAX)
			scan->firsts[root] = i;
		scan->runs[i].piece = scan->firsts[root];
	}
}

void
ink_row(InkScan *scan, const uint8_t *rgba)
{
	InkRun *runs = scan->runs;

	if (scan->y >= scan->report.height)
		return;
	ink_border_row(scan, rgba);
	if (scan->y == 0 && !scan->background_known)
		scan->report.background = ink_border_majority(&scan->border);
	ink_cut_runs(scan, rgba);
	ink_measure_runs(scan);
	ink_join_runs(scan);
	ink_name_pieces(scan);

	scan->runs = scan->above;
	scan->above = runs;
	scan->above_count = scan->run_count;
	scan->y++;
}

static SignatureReasons
ink_shape_reasons(const InkReport *report, const InkPolicy *policy)
{
	uint64_t width = (uint64_t) report->right - report->left + 1;
	uint64_t height = (uint64_t) report->bottom - report->top + 1;
	uint64_t longer = width > height ? width : height;
	uint64_t shorter = width > height ? height : width;
	SignatureReasons reasons = 0;

	if (report->pixels == 0)
		return SIGNATURE_REASON_BIT(INK_BLANK);
	if (longer < policy->min_side || report->pixels < policy->min_pixels)
		reasons |= SIGNATURE_REASON_BIT(INK_DOT);
	if (longer > shorter * policy->max_aspect && report->components == 1)
		reasons |= SIGNATURE_REASON_BIT(INK_LINE);
	return reasons;
}

static SignatureReasons
ink_reasons(const InkReport *report, const InkPolicy *policy)
{
	SignatureReasons reasons = ink_shape_reasons(report, policy);

	if (report->coverage > policy->max_coverage)
		reasons |= SIGNATURE_REASON_BIT(INK_FLOOD);
	if (report->colours > policy->max_colours && report->coverage > policy->photo_coverage)
		reasons |= SIGNATURE_REASON_BIT(INK_PHOTO);
	if ((uint32_t) __builtin_popcount(report->edges) > policy->max_edges)
		reasons |= SIGNATURE_REASON_BIT(INK_CLIPPED);
	if (report->background.border_share < policy->min_border_share)
		reasons |= SIGNATURE_REASON_BIT(CANVAS_NOISE);
	return reasons;
}

bool
ink_end(InkScan *scan, InkReport *report)
{
	InkBackground guess = scan->report.background;
	InkBackground truth = ink_border_majority(&scan->border);
	InkReport *mine = &scan->report;
	uint64_t box;

	scan->background_known = true;
	mine->background = truth;
	if (guess.transparent != truth.transparent || guess.luma != truth.luma)
	{
		ink_reset(scan);
		return false;
	}
	box = ((uint64_t) mine->right - mine->left + 1) * ((uint64_t) mine->bottom - mine->top + 1);
	mine->coverage = ink_ppm(mine->pixels, (uint64_t) mine->width * mine->height);
	mine->density = ink_ppm(mine->pixels, box);
	mine->reasons = ink_reasons(mine, scan->policy);
	*report = *mine;
	return true;
}

static void
ink_take_png_row(void *context, const PngRow *row)
{
	ink_row((InkScan *) context, row->rgba);
}

PngResult
ink_read_png(const uint8_t *data, size_t length, const PngProfile *profile, const InkPolicy *policy,
			 InkReport *report)
{
	PngProfile straight = *profile;
	PngResult result;
	InkScan *scan;
	bool done = false;

	straight.interlaced = false;
	memset(report, 0, sizeof(*report));
	result = png_read_header(data, length, &straight);
	if (result.code != SIGNATURE_OK)
		return result;
	scan = ink_begin(result.info.width, result.info.height, policy);
	if (scan == NULL)
	{
		result.code = OUT_OF_MEMORY;
		return result;
	}
	while (!done)
	{
		result = png_read(data, length, &straight, ink_take_png_row, scan);
		done = result.code != SIGNATURE_OK || ink_end(scan, report);
	}
	ink_free(scan);
	return result;
}
