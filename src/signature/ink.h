/*
 * ink.h
 *		What is drawn on a canvas: where the ink is, how much, in how many pieces,
 *		and what a person should look at.
 *
 * Memory is a few rows of runs, never an image.  The background is the majority
 * colour of the one-pixel border, and the last border pixel arrives with the last
 * row, so the analysis guesses it from the first row; when the whole border says
 * otherwise, ink_end() asks for the rows again.  So an ordinary canvas is read
 * once, any other one twice, and the answer is always that of the whole border.
 */
#ifndef ATTEST_SIGNATURE_INK_H
#define ATTEST_SIGNATURE_INK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signature/codes.h"
#include "signature/png.h"

/* Thresholds, to be versioned by whoever stores verdicts; shares are parts per million. */
typedef struct InkPolicy
{
	uint32_t min_alpha;        /* ink on a transparent canvas: alpha from here on */
	uint32_t min_contrast;     /* ink on an opaque one: luma this far from the background */
	uint32_t min_border_share; /* below: CANVAS_NOISE */
	uint32_t min_side;         /* INK_DOT: both sides of the bounding box are below, */
	uint32_t min_pixels;       /* or fewer pixels of ink than this */
	uint32_t max_coverage;     /* above: INK_FLOOD */
	uint32_t max_aspect;       /* INK_LINE: one piece, and a longer bounding box */
	uint32_t max_colours;      /* INK_PHOTO: more colours than this (at most 511), */
	uint32_t photo_coverage;   /* and more coverage than this */
	uint32_t max_edges;        /* INK_CLIPPED: ink touches more edges than this */
} InkPolicy;

/*
 * Alpha 96, contrast 48 (canvas noise is +-5), border 60 %, 12 x 12 and 40 pixels,
 * flood 50 %, aspect 15, photo 256 colours and 30 %, one edge.
 */
extern const InkPolicy ink_default_policy;

typedef struct InkBackground
{
	bool transparent;
	uint8_t luma;          /* 0 when transparent */
	uint32_t border_share; /* ppm of the border that agrees */
} InkBackground;

#define INK_EDGE_LEFT   1U
#define INK_EDGE_TOP    2U
#define INK_EDGE_RIGHT  4U
#define INK_EDGE_BOTTOM 8U

typedef struct InkReport
{
	uint32_t width;
	uint32_t height;
	InkBackground background;
	uint64_t pixels;                   /* of ink */
	uint32_t left, top, right, bottom; /* bounding box, inclusive; zeros without ink */
	uint32_t coverage;                 /* ink, ppm of the canvas */
	uint32_t density;                  /* ink, ppm of the bounding box */
	uint64_t components;               /* pieces; pixels that touch at a corner are one piece */
	uint32_t edges;                    /* INK_EDGE_* that ink touches */
	uint32_t colours;                  /* distinct RGBA values, counted to max_colours + 1 */
	SignatureReasons reasons;          /* INK_* and CANVAS_NOISE */
} InkReport;

/* A running analysis. */
typedef struct InkScan InkScan;

/*
 * Starts on a canvas of 1 to 2^24 by 1 to 2^31-1 pixels.  NULL without memory.  The
 * policy must outlive the scan.
 */
InkScan *ink_begin(uint32_t width, uint32_t height, const InkPolicy *policy);

/* Takes the next row from the top: 4 * width bytes of RGBA, not premultiplied. */
void ink_row(InkScan *scan, const uint8_t *rgba);

/*
 * After `height` rows.  True: *report holds the answer.  False: the guess of the
 * background was wrong; give all rows once more, then the answer is true.
 */
bool ink_end(InkScan *scan, InkReport *report);

/* Accepts NULL. */
void ink_free(InkScan *scan);

/*
 * Reads and analyses a PNG file that is not interlaced.  *report counts only when
 * the result's code is SIGNATURE_OK.
 */
PngResult ink_read_png(const uint8_t *data, size_t length, const PngProfile *profile,
					   const InkPolicy *policy, InkReport *report);

#endif /* ATTEST_SIGNATURE_INK_H */
