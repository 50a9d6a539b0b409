/*
 * sealed_format.h
 *		The bytes of a sealed value.  Pure: no server.
 *
 *		offset	size
 *		0		1		version, 1
 *		1		1		algorithm, 1 = AES-256-GCM
 *		2		1		content: 0 text in UTF-8, 1 bytes
 *		3		1		zero
 *		4		4		generation of the subject key
 *		8		8		fingerprint of the purpose
 *		16		16		subject, the uuid of the person
 *		32		12		nonce
 *		44		n + 16	ciphertext and tag; n is a multiple of 16
 *
 * A carrier, a plain text that is yet to be sealed, is version 1, algorithm 0, two
 * zeros, a nonce, and the text encrypted under a key of its process; sealed_read()
 * refuses it.
 *
 * The first 32 bytes and the tenant are authenticated with the text, so that a
 * value moved to another person, purpose or tenant does not open.
 */
#ifndef ATTEST_VAULT_SEALED_FORMAT_H
#define ATTEST_VAULT_SEALED_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

#define SEALED_VERSION       1
#define SEALED_CARRIER       0 /* in the place of the algorithm */
#define SEALED_AES_256_GCM   1
#define SEALED_BOUND_BYTES   32 /* header bytes that are authenticated */
#define SEALED_VARIED_BYTES  16 /* those before the subject: what differs under one key */
#define SEALED_HEADER_BYTES  44 /* with the nonce */
#define SEALED_CARRIER_BYTES 4  /* before the text of a carrier */
#define SEALED_BUCKET        16 /* texts are padded to a multiple */
#define SEALED_PURPOSE_BYTES 8
#define SEALED_SUBJECT_BYTES 16
#define SEALED_MAX_PLAIN     (1 << 26) /* 64 MiB */

typedef enum SealedContent
{
	SEALED_TEXT = 0,
	SEALED_BYTES = 1
} SealedContent;

typedef struct SealedHeader
{
	SealedContent content;
	uint32_t generation;
	uint8_t purpose[SEALED_PURPOSE_BYTES];
	uint8_t subject[SEALED_SUBJECT_BYTES];
	uint8_t nonce[CRYPTO_NONCE_BYTES];
} SealedHeader;

/* Reads the header of a whole value; false unless the value has the right form. */
extern bool sealed_read(const uint8_t *value, size_t length, SealedHeader *header);

/* Writes the SEALED_HEADER_BYTES of the header. */
extern void sealed_write(const SealedHeader *header, uint8_t *out);

/* Whether the value is a carrier, and the SEALED_CARRIER_BYTES that begin one. */
extern bool sealed_is_carrier(const uint8_t *value, size_t length);
extern void sealed_write_carrier(uint8_t *out);

/* What is authenticated beside the text: the bound header bytes and the tenant. */
#define SEALED_CONTEXT_BYTES (SEALED_BOUND_BYTES + 4)
extern void sealed_context(const uint8_t *value, int32_t tenant,
						   uint8_t context[SEALED_CONTEXT_BYTES]);

/* Length of a plain text once padded: room for one marker byte, then whole buckets. */
extern size_t sealed_padded_length(size_t length);

/* Adds the marker 0x80 and zeros (ISO/IEC 9797-1, method 2) after length bytes. */
extern void sealed_pad(uint8_t *padded, size_t length);

/* Length of the plain text within the padded one; false for any other padding. */
extern bool sealed_unpad(const uint8_t *padded, size_t padded_length, size_t *length);

#endif /* ATTEST_VAULT_SEALED_FORMAT_H */
