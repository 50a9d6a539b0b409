/*
 * dataurl.h
 *		The data URL of a canvas (RFC 2397), in the one spelling that
 *		canvas.toDataURL("image/png") gives.
 */
#ifndef ATTEST_SIGNATURE_DATAURL_H
#define ATTEST_SIGNATURE_DATAURL_H

#include <stddef.h>
#include <stdint.h>

#include "signature/codes.h"

/*
 * Decodes "data:image/png;base64," followed by strict base64.  `capacity` of
 * base64_decoded_capacity(length) always suffices.
 *
 * SIGNATURE_OK: *done is the number of bytes in `out`; that they are a PNG image
 * is for the caller to check (PNG_NOT_PNG or MIME_MISMATCH).  Otherwise *done is
 * the offset of the fault in `text`:
 *	DATAURL_EMPTY	"data:," (a canvas without area) or an empty payload
 *	DATAURL_SYNTAX	another beginning, letter case and parameters included
 *	BASE64			a payload that is not strict base64, or too small a capacity
 */
SignatureCode dataurl_decode(const char *text, size_t length, uint8_t *out, size_t capacity,
							 size_t *done);

#endif /* ATTEST_SIGNATURE_DATAURL_H */
