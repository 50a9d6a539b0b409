/*
 * codes.h
 *		Every machine code that the checks of a signature can give, listed once:
 *		its name, its severity and one sentence for the person who reads it.
 *
 * An error refuses the input.  A reason is a fact about a well-formed input that
 * a person should look at; it is never a sanction by itself.  A warning is worth
 * a note only.  Reasons and warnings come first, so that a set of them is one
 * 64-bit word; errors stand alone, since the first one ends a check.
 */
#ifndef ATTEST_SIGNATURE_CODES_H
#define ATTEST_SIGNATURE_CODES_H

#include <stdint.h>

/* X(name, severity, message) */
#define SIGNATURE_REASONS(X)                                                                       \
	X(INK_BLANK, REASON, "the image holds no ink; ask the person to sign again")                   \
	X(INK_DOT, REASON, "the ink is only a dot or a speck; ask the person to sign in full")         \
	X(INK_FLOOD, REASON, "more than half of the canvas is ink; clear the canvas and sign again")   \
	X(INK_LINE, REASON, "the ink is one straight line; ask the person to sign in full")            \
	X(INK_PHOTO, REASON, "the image looks like a photograph; capture the signature on a canvas")   \
	X(CANVAS_NOISE, REASON,                                                                        \
	  "the border has no single colour; switch off the browser's canvas protection for this site") \
	X(INK_CLIPPED, WARNING, "the ink runs off the canvas; offer a larger one")                     \
	X(PNG_METADATA, WARNING, "the image carries metadata; send it without text, EXIF or profiles") \
	X(STROKES_EMPTY, REASON, "no stroke leaves ink; ask the person to sign again")                 \
	X(STROKES_DOT, REASON, "no stroke has three points; ask the person to sign in full")           \
	X(STROKES_SHORT, REASON, "the pen travelled too little; ask the person to sign in full")       \
	X(STROKES_QUICK, REASON, "the signature took too little time; ask the person to sign again")   \
	X(SYNTHETIC_TIMING, REASON,                                                                    \
	  "the points follow each other like clockwork; check that a hand drew them")                  \
	X(SYNTHETIC_MOTION, REASON, "the pen moved at one constant speed; check that a hand drew it")  \
	X(TIME_BACKWARDS, WARNING, "a point is earlier than the one before; check the device's clock")

#define SIGNATURE_ERRORS(X)                                                                        \
	X(OUT_OF_MEMORY, ERROR, "the server has no memory left for this check; try again later")       \
	X(MIME_MISMATCH, ERROR, "the content is not of the type on its label; send the true type")     \
	X(DATAURL_SYNTAX, ERROR, "this is not a PNG data URL; begin it with data:image/png;base64,")   \
	X(DATAURL_EMPTY, ERROR, "the data URL is empty; give the canvas a size before reading it")     \
	X(BASE64, ERROR, "the base64 text is malformed; send standard base64 with padding, no spaces") \
	X(PNG_TOO_LARGE, ERROR, "the image exceeds the size limits; send a smaller one")               \
	X(PNG_NOT_PNG, ERROR, "the content does not begin as a PNG file; send a PNG image")            \
	X(PNG_TRUNCATED, ERROR, "the file ends before the image does; send it again in full")          \
	X(PNG_BAD_CHUNK_LEN, ERROR, "a chunk has an impossible length; export the image again")        \
	X(PNG_BAD_CHUNK_TYPE, ERROR, "a chunk has an impossible name; export the image again")         \
	X(PNG_CRC, ERROR, "a chunk does not match its checksum; send the file again")                  \
	X(PNG_BAD_IHDR, ERROR,                                                                         \
	  "the image header is not accepted; export with 8 bits per channel, not interlaced")          \
	X(PNG_BAD_DIM, ERROR, "the width or height is impossible; export the image again")             \
	X(PNG_CHUNK_ORDER, ERROR, "a chunk stands in a wrong place; export the image again")           \
	X(PNG_DUP_CHUNK, ERROR, "a chunk that may occur once is repeated; export the image again")     \
	X(PNG_UNKNOWN_CRITICAL, ERROR, "the image needs an unknown extension; export it as plain PNG") \
	X(PNG_ANIMATED, ERROR, "the image is animated; send a still image")                            \
	X(PNG_BAD_PLTE, ERROR, "the palette is malformed or misplaced; export the image again")        \
	X(PNG_NO_PLTE, ERROR, "the image needs a palette and has none; export the image again")        \
	X(PNG_BAD_TRNS, ERROR, "the transparency chunk is malformed; export the image again")          \
	X(PNG_PALETTE_INDEX, ERROR, "a pixel lies outside the palette; export the image again")        \
	X(PNG_ZLIB_HEADER, ERROR, "the compressed data begins wrongly; export the image again")        \
	X(PNG_ZLIB_DICT, ERROR, "the compressed data asks for a dictionary; export the image again")   \
	X(PNG_ZLIB_DATA, ERROR, "the compressed data is damaged; send the file again")                 \
	X(PNG_ZLIB_CHECKSUM, ERROR, "the compressed data ends in a wrong checksum; send it again")     \
	X(PNG_DATA_LONG, ERROR, "there is data beyond the last pixel; export the image again")         \
	X(PNG_DATA_SHORT, ERROR, "pixels are missing; send the file again in full")                    \
	X(PNG_BAD_FILTER, ERROR, "a row names an unknown filter; export the image again")              \
	X(PNG_ANCILLARY_LEN, ERROR, "an optional chunk has a wrong length; send it without metadata")  \
	X(PNG_TOO_MANY_CHUNKS, ERROR, "there are too many optional chunks; send it without metadata")  \
	X(PNG_TRAILING_DATA, ERROR, "bytes follow the end of the image; send the image alone")         \
	X(STROKES_TOO_LARGE, ERROR, "there are too many bytes, strokes or points; send fewer")         \
	X(STROKES_SYNTAX, ERROR, "this is not valid JSON; send the output of toData() unchanged")      \
	X(STROKES_LIMIT, ERROR,                                                                        \
	  "the JSON is nested too deep or an object has too many or long keys; "                       \
	  "send the output of toData() unchanged")                                                     \
	X(STROKES_DUPLICATE_KEY, ERROR, "an object names a key twice; send toData() unchanged")        \
	X(STROKES_SHAPE, ERROR, "a value has the wrong kind or is missing; send toData() unchanged")   \
	X(STROKES_COLOUR, ERROR, "the pen colour is not a CSS colour; use #rrggbb, rgb() or a name")   \
	X(STROKES_COMPOSITE, ERROR, "the composite operation is not one of canvas; use source-over")   \
	X(STROKES_COORDINATE, ERROR, "a coordinate is out of range; send CSS pixels of the canvas")    \
	X(STROKES_TIME, ERROR, "a time is out of range; send milliseconds since 1970 (Date.now())")    \
	X(STROKES_PRESSURE, ERROR, "a pressure is out of range; send a number from 0 to 1")

#define SIGNATURE_CODE_ENUMERATOR(name, severity, message) name,

typedef enum SignatureCode
{
	SIGNATURE_OK,
	SIGNATURE_REASONS(SIGNATURE_CODE_ENUMERATOR) SIGNATURE_FIRST_ERROR,
	SIGNATURE_LAST_REASON = SIGNATURE_FIRST_ERROR - 1,
	SIGNATURE_ERRORS(SIGNATURE_CODE_ENUMERATOR) SIGNATURE_CODE_COUNT
} SignatureCode;

#undef SIGNATURE_CODE_ENUMERATOR

typedef enum SignatureSeverity
{
	SIGNATURE_SEVERITY_NONE,
	SIGNATURE_SEVERITY_WARNING,
	SIGNATURE_SEVERITY_REASON,
	SIGNATURE_SEVERITY_ERROR
} SignatureSeverity;

typedef struct SignatureCodeInfo
{
	const char *name;    /* "PNG_TRUNCATED"; "OK" for SIGNATURE_OK */
	const char *message; /* what is wrong; what to do.  Lower case, no full stop */
	SignatureSeverity severity;
} SignatureCodeInfo;

/* A set of reasons and warnings; errors have no bit. */
typedef uint64_t SignatureReasons;
#define SIGNATURE_REASON_BIT(code) (UINT64_C(1) << (unsigned) (code))

_Static_assert(SIGNATURE_LAST_REASON < 64, "a set of reasons is one 64-bit word");

/* The row of a code; never NULL.  A number outside the enum gives the row of SIGNATURE_OK. */
const SignatureCodeInfo *signature_code_info(SignatureCode code);

/* "none", "warning", "reason" or "error". */
const char *signature_severity_name(SignatureSeverity severity);

#endif /* ATTEST_SIGNATURE_CODES_H */
