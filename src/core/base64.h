/*
 * base64.h
 *		Strict base64 and base64url: one text per byte string, no second spelling.
 *
 * base64 is RFC 4648 section 4 with padding (data URLs); base64url is section 5
 * without padding (tickets, sealed values).  Decoding refuses a character outside
 * the alphabet (spaces and line ends included), a wrong length or padding, and
 * padding bits that are not zero (section 3.5).  Nothing is allocated and no text
 * is terminated by a zero byte.  Table look-ups depend on the data: not for keys.
 */
#ifndef ATTEST_CORE_BASE64_H
#define ATTEST_CORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that `length` bytes take; SIZE_MAX where the sum does not fit a size_t. */
size_t base64_encoded_length(size_t length);
size_t base64url_encoded_length(size_t length);

/* A capacity that decoding `length` characters of either alphabet never exceeds. */
size_t base64_decoded_capacity(size_t length);

/*
 * Writes the text of `length` bytes to `out` and its length to *written.  False,
 * with nothing written and *written = 0, when `capacity` is too small.
 */
bool base64_encode(const uint8_t *bytes, size_t length, char *out, size_t capacity,
				   size_t *written);
bool base64url_encode(const uint8_t *bytes, size_t length, char *out, size_t capacity,
					  size_t *written);

/*
 * Reads `length` characters.  True: *done is the number of bytes in `out`.
 * False: *done is the offset of the first character refused (`length` when the
 * text stops too early or `capacity` is too small), and `out` holds no answer.
 */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *done);
bool base64url_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *done);

#endif /* ATTEST_CORE_BASE64_H */
