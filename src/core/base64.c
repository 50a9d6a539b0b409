/*
 * base64.c
 *		See base64.h.
 */
#include "core/base64.h"

static const char base64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a character, or 64 outside the alphabet. */
static unsigned
base64_value(char character, const char *alphabet)
{
	if (character >= 'A' && character <= 'Z')
		return (unsigned) (character - 'A');
	if (character >= 'a' && character <= 'z')
		return (unsigned) (character - 'a') + 26;
	if (character >= '0' && character <= '9')
		return (unsigned) (character - '0') + 52;
	if (character == alphabet[62])
		return 62;
	return character == alphabet[63] ? 63 : 64;
}

size_t
base64_encoded_length(size_t length)
{
	size_t groups = length / 3 + (length % 3 != 0);

	return groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4;
}

size_t
base64url_encoded_length(size_t length)
{
	size_t rest = length % 3;

	if (length / 3 > (SIZE_MAX - 3) / 4)
		return SIZE_MAX;
	return length / 3 * 4 + (rest == 0 ? 0 : rest + 1);
}

size_t
base64_decoded_capacity(size_t length)
{
	return length / 4 * 3 + length % 4;
}

/* Writes the characters of one group of 1 to 3 bytes, without padding. */
static size_t
base64_put_group(const uint8_t *bytes, size_t count, const char *alphabet, char *out)
{
	uint32_t bits = (uint32_t) bytes[0] << 16;

	if (count > 1)
		bits |= (uint32_t) bytes[1] << 8;
	if (count > 2)
		bits |= bytes[2];
	for (size_t i = 0; i <= count; i++)
		out[i] = alphabet[(bits >> (18 - 6 * i)) & 63];
	return count + 1;
}

static size_t
base64_put(const uint8_t *bytes, size_t length, const char *alphabet, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < length; i += 3)
		at += base64_put_group(bytes + i, length - i < 3 ? length - i : 3, alphabet, out + at);
	return at;
}

bool
base64_encode(const uint8_t *bytes, size_t length, char *out, size_t capacity, size_t *written)
{
	size_t total = base64_encoded_length(length);
	size_t at;

	*written = 0;
	if (total == SIZE_MAX || total > capacity)
		return false;
	at = base64_put(bytes, length, base64_alphabet, out);
	while (at < total)
		out[at++] = '=';
	*written = total;
	return true;
}

bool
base64url_encode(const uint8_t *bytes, size_t length, char *out, size_t capacity, size_t *written)
{
	size_t total = base64url_encoded_length(length);

	*written = 0;
	if (total == SIZE_MAX || total > capacity)
		return false;
	*written = base64_put(bytes, length, base64url_alphabet, out);
	return true;
}

/* Reads `count` characters (2 to 4) into count - 1 bytes; false leaves the fault in *fault. */
static bool
base64_take_group(const char *text, size_t count, const char *alphabet, uint8_t *out, size_t *fault)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < count; i++)
	{
		unsigned value = base64_value(text[i], alphabet);

		*fault = i;
		if (value > 63)
			return false;
		bits |= (uint32_t) value << (18 - 6 * i);
	}
	for (size_t i = 0; i + 1 < count; i++)
		out[i] = (uint8_t) (bits >> (16 - 8 * i));
	return count == 4 || (bits & (count == 3 ? 0xffU : 0xffffU)) == 0;
}

/* Reads text without padding: full groups, then a rest of 0, 2 or 3 characters. */
static bool
base64_take(const char *text, size_t length, const char *alphabet, uint8_t *out, size_t capacity,
			size_t *done)
{
	size_t rest = length % 4;
	size_t total = length / 4 * 3 + (rest > 1 ? rest - 1 : 0);
	size_t at = 0;
	size_t fault = 0;

	*done = length;
	if (total > capacity)
		return false;
	for (size_t i = 0; i < length; i += 4)
	{
		size_t count = length - i < 4 ? length - i : 4;

		if (!base64_take_group(text + i, count, alphabet, out + at, &fault))
		{
			*done = i + fault;
			return false;
		}
		at += count - 1;
	}
	*done = rest == 1 ? length : total;
	return rest != 1;
}

bool
base64_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *done)
{
	size_t padding = 0;

	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	if (length % 4 == 0)
		return base64_take(text, length - padding, base64_alphabet, out, capacity, done);

	/* The length is wrong; a wrong character, if there is one, explains more. */
	if (base64_take(text, length - padding, base64_alphabet, out, capacity, done))
		*done = length;
	return false;
}

bool
base64url_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *done)
{
	return base64_take(text, length, base64url_alphabet, out, capacity, done);
}
