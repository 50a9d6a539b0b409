/*
 * signature.h
 *		The type attest.signature: a capture of a pad, read and measured.
 *
 * Its bytes, numbers big-endian:
 *
 *		offset	size
 *		0		1		version, 1
 *		1		1		kind: 1 PNG image, 2 strokes
 *		2		2		zero
 *		4		8		reasons and warnings, SignatureReasons of codes.h
 *		12		4		width: pixels of the image, or CSS pixels spanned by the strokes
 *		16		4		height
 *		20		4		strokes; 0 for an image
 *		24		4		points; 0 for an image
 *		28		4		duration in ms; 0 for an image
 *		32		32		SHA-256 of the payload
 *		64		n		payload: the PNG file, or the JSON, as received
 *
 * All before the payload follows from it: input and binary input read the
 * payload again and never trust a header from outside.
 */
#ifndef ATTEST_SIGNATURE_SIGNATURE_H
#define ATTEST_SIGNATURE_SIGNATURE_H

#include "core/core.h"

#include "crypto/crypto.h"
#include "signature/codes.h"

#define SIGNATURE_VERSION      1
#define SIGNATURE_HEADER_BYTES 64

typedef enum SignatureKind
{
	SIGNATURE_PNG = 1,
	SIGNATURE_STROKES = 2
} SignatureKind;

typedef struct SignatureHeader
{
	SignatureKind kind;
	SignatureReasons reasons;
	uint32 width;
	uint32 height;
	uint32 strokes;
	uint32 points;
	uint32 duration;
	uint8 digest[CRYPTO_DIGEST_BYTES];
} SignatureHeader;

/* Judges a payload and measures it; raises signature_malformed or signature_empty. */
extern void signature_measure(SignatureKind kind, CryptoBytes payload, SignatureHeader *header);

/* The value of a payload, palloc'ed; raises as signature_measure. */
extern struct varlena *signature_make(SignatureKind kind, CryptoBytes payload);

#endif /* ATTEST_SIGNATURE_SIGNATURE_H */
