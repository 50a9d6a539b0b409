/*
 * strokes.h
 *		The strokes of a signature as signature_pad's toData() gives them, checked
 *		and measured.
 *
 * Accepted: versions 4 and 5, an array of groups {penColor, compositeOperation, ...,
 * points: [{time, x, y, pressure}, ...]}, and versions 2 and 3, {color, points:
 * [{time, x, y}, ...]}.  Keys in any order; unknown keys are checked as JSON and
 * skipped.  x and y are CSS pixels of the client's canvas, whose size is not in the
 * data; time is the client's clock in milliseconds since 1970.  Groups composed
 * with destination-out are erasers: they are checked and counted, not measured.
 */
#ifndef ATTEST_SIGNATURE_STROKES_H
#define ATTEST_SIGNATURE_STROKES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signature/codes.h"

/* Thresholds, to be versioned by whoever stores verdicts. */
typedef struct StrokesPolicy
{
	size_t max_bytes;
	uint32_t max_strokes; /* erasers included, as for points */
	uint32_t max_points;
	double max_coordinate; /* px, either sign */
	double min_time;       /* ms since 1970 */
	double max_time;
	uint32_t min_stroke_points; /* STROKES_DOT: no stroke has as many */
	double min_duration;        /* ms; below: STROKES_QUICK */
	double min_path;            /* px; below: STROKES_SHORT, */
	double min_path_share;      /* also below this share of the bounding box's diagonal */
	uint32_t synthetic_steps;   /* the two tests below need as many steps */
	double min_step_deviation;  /* ms; below: SYNTHETIC_TIMING */
	double min_speed_variation; /* deviation / mean; below: SYNTHETIC_MOTION */
} StrokesPolicy;

/*
 * 2 MiB, 200 strokes, 20,000 points, 32767 px, years 2000 to 2100, 3 points, 150 ms,
 * 40 px and half the diagonal, 20 steps, 0.5 ms, 0.02.  Calibrated on 4,840 human
 * drawings: one in a thousand has 176 ms, or 1.6 ms of deviation, or less.
 */
extern const StrokesPolicy strokes_default_policy;

typedef struct StrokesPoint
{
	uint32_t stroke; /* 0, 1, ... in the order of the data, erasers included */
	bool eraser;
	double x, y;     /* px */
	double time;     /* ms since 1970 */
	double pressure; /* 0 to 1; 0 when absent */
} StrokesPoint;

/* Must return. */
typedef void (*StrokesPointCallback)(void *context, const StrokesPoint *point);

/*
 * Erasers count in `erasers` only.  A step is the time between two points of one
 * stroke; speed is measured over steps that take time.
 */
typedef struct StrokesSummary
{
	uint32_t strokes; /* with at least one point */
	uint32_t erasers;
	uint32_t points;
	uint32_t longest;                /* points of the stroke that has most */
	double start, end;               /* earliest and latest time, ms since 1970 */
	double duration;                 /* ms */
	double path;                     /* px, pen down */
	double left, top, right, bottom; /* bounding box, px */
	uint32_t backwards;              /* points earlier than the one before, also across strokes */
	uint32_t equal_steps;            /* steps of 0 ms */
	uint32_t steps;
	double step_deviation;  /* ms */
	uint32_t speeds;        /* steps that have a speed */
	double speed_variation; /* deviation / mean; 0 when nothing moved */
} StrokesSummary;

typedef struct StrokesResult
{
	SignatureCode code;       /* SIGNATURE_OK or a STROKES_* error */
	size_t offset;            /* of the fault in the text; its length when accepted */
	SignatureReasons reasons; /* STROKES_*, SYNTHETIC_* and TIME_BACKWARDS */
	StrokesSummary summary;
} StrokesResult;

/*
 * Judges `length` bytes of UTF-8; `callback` may be NULL.  Points are delivered as
 * they are read, so they, the summary and the reasons count only when the result is
 * SIGNATURE_OK.
 */
StrokesResult strokes_read(const char *text, size_t length, const StrokesPolicy *policy,
						   StrokesPointCallback callback, void *context);

#endif /* ATTEST_SIGNATURE_STROKES_H */
