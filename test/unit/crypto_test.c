/*
 * crypto_test.c
 *		The door to OpenSSL (src/crypto), without a server: prints TAP.
 *
 * Vectors: Wycheproof (see tap.h) for AES-GCM, HMAC and HKDF; FIPS 180-4 and NIST
 * CAVP for SHA-256; McGrew and Viega for GCM; RFC 4231 for HMAC.  A key shorter than
 * CRYPTO_KEY_BYTES is filled with zeros, which HMAC itself does (RFC 2104, 2).
 */
#include <limits.h>
#include <openssl/rand.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "core/json.h"
#include "tap.h"

#define NONCES          1000000
#define VECTOR_TEXT     20000 /* the longest string of the vectors, 8160 bytes in hexadecimal */
#define MESSAGE_MAX     100
#define SEALED(size)    ((size) + CRYPTO_TAG_BYTES)
#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t key[CRYPTO_KEY_BYTES] = "the key of these tests, 32 long";
static const uint8_t nonce[CRYPTO_NONCE_BYTES] = "nonce of 12";
static const CryptoBytes no_bytes = {(const uint8_t *) "", 0};

/* ---- a source of random bytes that can be cloned or broken ---- */

static enum { RANDOM_FRESH, RANDOM_CLONED, RANDOM_BROKEN } random_state = RANDOM_FRESH;

/* Stands before OpenSSL's for crypto.c, which calls no other source. */
int
RAND_bytes(unsigned char *out, int length)
{
	if (random_state == RANDOM_FRESH)
		return RAND_priv_bytes(out, length);
	memset(out, 0x5a, (size_t) length);
	return random_state == RANDOM_CLONED;
}

/* ---- hexadecimal ---- */

static void
append_hex(Bytes *bytes, const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i += 2)
	{
		char digits[3] = {text[i], text[i + 1], '\0'};
		uint8_t byte = (uint8_t) strtoul(digits, NULL, 16);

		append(bytes, &byte, 1);
	}
}

static bool
equals_hex(const uint8_t *bytes, size_t length, const char *text)
{
	Bytes expected = {0};
	bool equal;

	append_hex(&expected, text);
	equal = expected.length == length && memcmp(bytes, expected.data, length) == 0;
	free(expected.data);
	return equal;
}

/* ---- Wycheproof ---- */

typedef struct Vector
{
	unsigned id;
	bool valid;
	size_t size; /* of the output that is asked for */
	Bytes key, iv, aad, msg, ct, tag, ikm, salt, info, okm;
} Vector;

/* Whether the vector was tested; false for what the functions of the room do not take. */
typedef bool (*VectorTest)(Vector *vector);

/* The room seals under keys of 256 bits with nonces of 96 bits, and nothing else. */
static unsigned vectors_seen, vectors_tested, keys_unfit, nonces_unfit;

static Bytes *
vector_bytes(Vector *vector, const char *name)
{
	static const struct
	{
		const char *name;
		size_t offset;
	} fields[] = {
		{"key", offsetof(Vector, key)}, {"iv", offsetof(Vector, iv)},
		{"aad", offsetof(Vector, aad)}, {"msg", offsetof(Vector, msg)},
		{"ct", offsetof(Vector, ct)},   {"tag", offsetof(Vector, tag)},
		{"ikm", offsetof(Vector, ikm)}, {"salt", offsetof(Vector, salt)},
		{"okm", offsetof(Vector, okm)}, {"info", offsetof(Vector, info)},
	};

	for (size_t i = 0; i < LENGTH(fields); i++)
	{
		if (strcmp(fields[i].name, name) == 0)
			return (Bytes *) ((char *) vector + fields[i].offset);
	}
	return NULL;
}

static void
read_field(JsonReader *reader, const char *name, Vector *vector)
{
	static char text[VECTOR_TEXT];
	Bytes *bytes = vector_bytes(vector, name);
	double number = 0;
	size_t length;

	if (bytes != NULL)
	{
		bytes->length = 0;
		if (json_string(reader, text, sizeof(text), &length) && length < sizeof(text))
			append_hex(bytes, text);
	}
	else if (strcmp(name, "tcId") == 0)
	{
		json_number(reader, &number);
		vector->id = (unsigned) number;
	}
	else if (strcmp(name, "size") == 0)
	{
		json_number(reader, &number);
		vector->size = (size_t) number;
	}
	else if (strcmp(name, "result") == 0)
		vector->valid = json_string(reader, text, sizeof(text), &length) && text[0] == 'v';
	else
		json_skip(reader);
}

static void
read_tests(JsonReader *reader, VectorTest test)
{
	static Vector vector;
	JsonScope list, one;

	json_enter(reader, '[', &list);
	while (json_next(reader, &list))
	{
		json_enter(reader, '{', &one);
		while (json_next(reader, &one))
			read_field(reader, json_key(&one), &vector);
		vectors_seen++;
		vectors_tested += test(&vector);
	}
}

static void
read_groups(JsonReader *reader, VectorTest test)
{
	JsonScope list, group;

	json_enter(reader, '[', &list);
	while (json_next(reader, &list))
	{
		json_enter(reader, '{', &group);
		while (json_next(reader, &group))
		{
			if (strcmp(json_key(&group), "tests") == 0)
				read_tests(reader, test);
			else
				json_skip(reader);
		}
	}
}

static void
read_vectors(const char *name, Bytes *file, VectorTest test)
{
	JsonReader reader = {.text = (const char *) file->data, .length = file->length, .max_depth = 8};
	JsonScope root;

	vectors_seen = vectors_tested = keys_unfit = nonces_unfit = 0;
	json_enter(&reader, '{', &root);
	while (json_next(&reader, &root))
	{
		if (strcmp(json_key(&root), "testGroups") == 0)
			read_groups(&reader, test);
		else
			json_skip(&reader);
	}
	ok(json_finish(&reader) && vectors_tested > 0 &&
		   vectors_tested + keys_unfit + nonces_unfit == vectors_seen,
	   "Wycheproof %s: %u of %u vectors tested, %u have another size of key, %u of nonce", name,
	   vectors_tested, vectors_seen, keys_unfit, nonces_unfit);
}

static bool
same(const uint8_t *bytes, const Bytes *expected)
{
	return expected->length == 0 || memcmp(bytes, expected->data, expected->length) == 0;
}

static bool
test_gcm_vector(Vector *v)
{
	CryptoBytes context = CRYPTO_BYTES(v->aad.data, v->aad.length);
	CryptoBytes plain = CRYPTO_BYTES(v->msg.data, v->msg.length);
	uint8_t sealed[SEALED(1024)], opened[1024];
	bool right;

	if (v->key.length != CRYPTO_KEY_BYTES)
	{
		keys_unfit++;
		return false;
	}
	if (v->iv.length != CRYPTO_NONCE_BYTES)
	{
		nonces_unfit++;
		return false;
	}
	if (v->tag.length != CRYPTO_TAG_BYTES || v->msg.length > sizeof(opened))
		return false;
	append(&v->ct, v->tag.data, v->tag.length);
	memset(opened, 0xaa, sizeof(opened));
	right = crypto_seal(v->key.data, v->iv.data, context, plain, sealed);
	right = right && same(sealed, &v->ct) == v->valid;
	right = right && crypto_open(v->key.data, v->iv.data, context,
								 CRYPTO_BYTES(v->ct.data, v->ct.length), opened) == v->valid;
	right = right && (v->valid ? same(opened, &v->msg) : is_wiped(opened, v->msg.length));
	ok(right, "AES-256-GCM; Wycheproof %u", v->id);
	return true;
}

/* A key beyond the block of 64 bytes stands for its digest (RFC 2104, 2). */
static bool
test_hmac_vector(Vector *v)
{
	uint8_t padded[CRYPTO_KEY_BYTES] = {0};
	uint8_t mac[CRYPTO_DIGEST_BYTES];
	bool done = true;

	if (v->tag.length > sizeof(mac) || (v->key.length > sizeof(padded) && v->key.length <= 64))
		return false;
	if (v->key.length > sizeof(padded))
		done = crypto_sha256(CRYPTO_BYTES(v->key.data, v->key.length), padded);
	else
		memcpy(padded, v->key.data, v->key.length);
	done = done && crypto_hmac(padded, CRYPTO_BYTES(v->msg.data, v->msg.length), mac);
	ok(done && crypto_equal(mac, v->tag.data, v->tag.length) == v->valid,
	   "HMAC-SHA-256; Wycheproof %u", v->id);
	return true;
}

/* A label that derives, where the vector is like one: 32 bytes, no salt, no zero byte. */
static bool
derives_same(const Vector *v)
{
	uint8_t out[CRYPTO_KEY_BYTES];
	char label[CRYPTO_KEY_BYTES * 8] = "";

	if (!v->valid || v->ikm.length != CRYPTO_KEY_BYTES || v->salt.length > 0 ||
		v->info.length >= sizeof(label))
		return true;
	if (v->info.length > 0)
		memcpy(label, v->info.data, v->info.length);
	if (strlen(label) != v->info.length)
		return true;
	return crypto_derive(v->ikm.data, label, out) &&
		   memcmp(out, v->okm.data, v->okm.length < sizeof(out) ? v->okm.length : sizeof(out)) == 0;
}

static bool
test_hkdf_vector(Vector *v)
{
	uint8_t *out = calloc(1, v->size + 1);
	bool done =
		out != NULL && crypto_hkdf(CRYPTO_BYTES(v->ikm.data, v->ikm.length),
								   CRYPTO_BYTES(v->salt.data, v->salt.length),
								   CRYPTO_BYTES(v->info.data, v->info.length), out, v->size);

	ok(done == v->valid && (!done || (v->okm.length == v->size && same(out, &v->okm))) &&
		   derives_same(v),
	   "HKDF-SHA-256; Wycheproof %u", v->id);
	free(out);
	return true;
}

static void
visit_gcm(const char *name, Bytes *file)
{
	read_vectors(name, file, test_gcm_vector);
}

static void
visit_hmac(const char *name, Bytes *file)
{
	read_vectors(name, file, test_hmac_vector);
}

static void
visit_hkdf(const char *name, Bytes *file)
{
	read_vectors(name, file, test_hkdf_vector);
}

/* ---- vectors that are always there ---- */

static void
test_sha256(void)
{
	static const struct
	{
		const char *hex;
		const char *digest;
		const char *source;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "CAVP, 0 bits"},
		{"616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		 "FIPS 180-4 example, abc"},
		{"6162636462636465636465666465666765666768666768696768696a68696a6b"
		 "696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
		 "FIPS 180-4 example, two blocks"},
		{"d3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1", "CAVP, 8 bits"},
		{"11af", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98",
		 "CAVP, 16 bits"},
		{"b4190e", "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2",
		 "CAVP, 24 bits"},
	};
	static uint8_t million[1000000];
	uint8_t digest[CRYPTO_DIGEST_BYTES];
	Bytes input = {0};

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		input.length = 0;
		append_hex(&input, cases[i].hex);
		ok(crypto_sha256(CRYPTO_BYTES(input.data, input.length), digest) &&
			   equals_hex(digest, sizeof(digest), cases[i].digest),
		   "SHA-256; %s", cases[i].source);
	}
	memset(million, 'a', sizeof(million));
	ok(crypto_sha256(CRYPTO_BYTES(million, sizeof(million)), digest) &&
		   equals_hex(digest, sizeof(digest),
					  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
	   "SHA-256; FIPS 180-2 B.3, a million times a");
	free(input.data);
}

static void
test_hmac(void)
{
	static const struct
	{
		const char *key, *input, *mac;
	} cases[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "dddddddddddddddddddddddddddddddddddddddddddddddddddd"
		 "dddddddddddddddddddddddddddddddddddddddddddddddd",
		 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"0102030405060708090a0b0c0d0e0f10111213141516171819",
		 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
		 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
		 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	};

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		uint8_t padded[CRYPTO_KEY_BYTES] = {0}, mac[CRYPTO_DIGEST_BYTES];
		Bytes secret = {0}, input = {0};

		append_hex(&secret, cases[i].key);
		append_hex(&input, cases[i].input);
		memcpy(padded, secret.data, secret.length);
		ok(crypto_hmac(padded, CRYPTO_BYTES(input.data, input.length), mac) &&
			   equals_hex(mac, sizeof(mac), cases[i].mac),
		   "HMAC-SHA-256; RFC 4231, test case %zu", i + 1);
		free(secret.data);
		free(input.data);
	}
}

static void
test_gcm(void)
{
	static const uint8_t zeros[CRYPTO_KEY_BYTES] = {0};
	uint8_t sealed[SEALED(16)];

	ok(crypto_seal(zeros, zeros, no_bytes, no_bytes, sealed) &&
		   equals_hex(sealed, CRYPTO_TAG_BYTES, "530f8afbc74536b9a963b4f1c4cb738b"),
	   "AES-256-GCM; McGrew and Viega, test case 13");
	ok(crypto_seal(zeros, zeros, no_bytes, CRYPTO_BYTES(zeros, 16), sealed) &&
		   equals_hex(sealed, sizeof(sealed),
					  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
	   "AES-256-GCM; McGrew and Viega, test case 14");
}

/* ---- what crypto.h promises ---- */

static void
test_seal_round_trips(void)
{
	CryptoBytes context = CRYPTO_BYTES("context", 7);
	uint8_t plain[MESSAGE_MAX], sealed[SEALED(MESSAGE_MAX)], opened[MESSAGE_MAX];
	bool right = true;

	for (size_t length = 0; length <= sizeof(plain); length++)
	{
		for (size_t i = 0; i < length; i++)
			plain[i] = (uint8_t) next_random();
		right = right && crypto_seal(key, nonce, context, CRYPTO_BYTES(plain, length), sealed) &&
				crypto_open(key, nonce, context, CRYPTO_BYTES(sealed, SEALED(length)), opened) &&
				memcmp(plain, opened, length) == 0;
	}
	ok(right, "0 to %d bytes are sealed and opened", MESSAGE_MAX);
}

/* Opens with one bit of the key, the nonce, the context or the input changed. */
static bool
opens_changed(const uint8_t *range[4], const size_t sizes[4], size_t which, size_t bit)
{
	uint8_t copies[4][64], opened[64];
	bool refused;

	for (size_t i = 0; i < 4; i++)
		memcpy(copies[i], range[i], sizes[i]);
	copies[which][bit / 8] ^= (uint8_t) (1 << bit % 8);
	memset(opened, 0xaa, sizeof(opened));
	refused = !crypto_open(copies[0], copies[1], CRYPTO_BYTES(copies[2], sizes[2]),
						   CRYPTO_BYTES(copies[3], sizes[3]), opened);
	return !refused || !is_wiped(opened, sizes[3] - CRYPTO_TAG_BYTES) ||
		   opened[sizes[3] - CRYPTO_TAG_BYTES] != 0xaa;
}

static void
test_changed_bits(void)
{
	static const char *const names[] = {"key", "nonce", "context", "ciphertext or tag"};
	static const uint8_t context[] = "context", plain[] = "a plain text of 27 letters";
	uint8_t sealed[SEALED(sizeof(plain))], opened[sizeof(plain)];
	const uint8_t *ranges[] = {key, nonce, context, sealed};
	const size_t sizes[] = {sizeof(key), sizeof(nonce), sizeof(context), sizeof(sealed)};

	crypto_seal(key, nonce, CRYPTO_BYTES(context, sizeof(context)),
				CRYPTO_BYTES(plain, sizeof(plain)), sealed);
	for (size_t which = 0; which < LENGTH(ranges); which++)
	{
		size_t wrong = 0;

		for (size_t bit = 0; bit < sizes[which] * 8; bit++)
			wrong += opens_changed(ranges, sizes, which, bit);
		ok(wrong == 0, "any bit of the %s changed: refused, and the output wiped", names[which]);
	}
	ok(crypto_open(key, nonce, CRYPTO_BYTES(context, sizeof(context)),
				   CRYPTO_BYTES(sealed, sizeof(sealed)), opened) &&
		   memcmp(opened, plain, sizeof(plain)) == 0,
	   "a value opens after another was refused");
}

static void
test_short_input(void)
{
	uint8_t sealed[SEALED(1)], opened[SEALED(1)];
	bool refused = true;

	crypto_seal(key, nonce, no_bytes, CRYPTO_BYTES("x", 1), sealed);
	memset(opened, 0xaa, sizeof(opened));
	for (size_t length = 0; length < CRYPTO_TAG_BYTES; length++)
		refused =
			refused && !crypto_open(key, nonce, no_bytes, CRYPTO_BYTES(sealed, length), opened);
	ok(refused && opened[0] == 0xaa, "input shorter than the tag is refused, nothing written");
	ok(!crypto_open(key, nonce, no_bytes, CRYPTO_BYTES(sealed, CRYPTO_TAG_BYTES), opened),
	   "input without its last byte is refused");
}

/* A context of more bytes than OpenSSL counts; none of them is looked at. */
static void
test_failures(void)
{
	const CryptoBytes endless = {no_bytes.data, INT_MAX};
	uint8_t sealed[SEALED(5)], out[SEALED(5) + 1];

	memset(out, 0xaa, sizeof(out));
	ok(!crypto_seal(key, nonce, endless, CRYPTO_BYTES("plain", 5), out) &&
		   is_wiped(out, SEALED(5)) && out[SEALED(5)] == 0xaa,
	   "sealing that fails wipes its output");
	crypto_seal(key, nonce, no_bytes, CRYPTO_BYTES("plain", 5), sealed);
	memset(out, 0xaa, sizeof(out));
	ok(!crypto_open(key, nonce, endless, CRYPTO_BYTES(sealed, sizeof(sealed)), out) &&
		   is_wiped(out, 5) && out[5] == 0xaa,
	   "opening that fails wipes its output");
}

static int
compare_nonces(const void *a, const void *b)
{
	return memcmp(a, b, CRYPTO_NONCE_BYTES);
}

static void
test_fresh_nonces(void)
{
	uint8_t(*nonces)[CRYPTO_NONCE_BYTES] = malloc((size_t) NONCES * CRYPTO_NONCE_BYTES);
	size_t repeated = 0;
	bool made = nonces != NULL;

	for (size_t i = 0; made && i < NONCES; i++)
		made = crypto_hedged_nonce(CRYPTO_BYTES("context", 7), CRYPTO_BYTES("same", 4), nonces[i]);
	if (made)
		qsort(nonces, NONCES, CRYPTO_NONCE_BYTES, compare_nonces);
	for (size_t i = 1; made && i < NONCES; i++)
		repeated += compare_nonces(nonces[i - 1], nonces[i]) == 0;
	ok(made && repeated == 0, "%d nonces over one text, none twice", NONCES);
	free(nonces);
}

/*
 * The first nonce of a process that begins now: a child, which starts its chain and its
 * random bytes anew.  With random_state cloned, two of them are twins.
 */
static void
nonce_of_child(const void *context, size_t context_length, const void *plain, size_t length,
			   uint8_t *out)
{
	int ends[2];
	pid_t child;

	memset(out, 0, CRYPTO_NONCE_BYTES);
	if (pipe(ends) != 0 || (child = fork()) < 0)
		return;
	if (child == 0)
	{
		bool made = crypto_hedged_nonce(CRYPTO_BYTES(context, context_length),
										CRYPTO_BYTES(plain, length), out);

		_exit(made && write(ends[1], out, CRYPTO_NONCE_BYTES) == CRYPTO_NONCE_BYTES ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], out, CRYPTO_NONCE_BYTES) != CRYPTO_NONCE_BYTES)
		memset(out, 0, CRYPTO_NONCE_BYTES);
	close(ends[0]);
	waitpid(child, NULL, 0);
}

static bool
differs(const char *context, const char *plain, const uint8_t *twin)
{
	uint8_t other[CRYPTO_NONCE_BYTES];
	static const uint8_t none[CRYPTO_NONCE_BYTES] = {0};

	nonce_of_child(context, strlen(context), plain, strlen(plain), other);
	return compare_nonces(other, twin) != 0 && compare_nonces(other, none) != 0;
}

/* Texts of these lengths end within and at the end of a block, and of what is fed at once. */
static bool
lengths_differ(void)
{
	static uint8_t zeros[2000];
	static const size_t lengths[] = {0,   1,   15,  16,  17,  494,  495,
									 496, 497, 511, 512, 513, 1500, 2000};
	uint8_t nonces[lengthof(lengths)][CRYPTO_NONCE_BYTES];
	bool differ = true;

	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		nonce_of_child("context", 7, zeros, lengths[i], nonces[i]);
		for (size_t other = 0; other < i; other++)
			differ = differ && compare_nonces(nonces[i], nonces[other]) != 0;
	}
	return differ;
}

static void
test_hedged_nonces(void)
{
	uint8_t twin[CRYPTO_NONCE_BYTES];

	crypto_hedged_nonce(no_bytes, no_bytes, twin);
	nonce_of_child("context", 7, "plain", 5, twin);
	ok(differs("context", "plain", twin), "two children of a process: the same text, two nonces");
	random_state = RANDOM_CLONED;
	nonce_of_child("context", 7, "plain", 5, twin);
	ok(!differs("context", "plain", twin), "random state cloned: the same text, one nonce");
	ok(differs("context", "plaim", twin), "random state cloned: another text, another nonce");
	ok(differs("contexu", "plain", twin), "random state cloned: another context");
	ok(differs("contextp", "lain", twin), "random state cloned: a byte between the two");
	ok(lengths_differ(), "random state cloned: zeros of other lengths");
	random_state = RANDOM_BROKEN;
	/* What is left of the random bytes that were fetched is used first. */
	for (int i = 0; i < 1000 && crypto_hedged_nonce(no_bytes, no_bytes, twin); i++)
		continue;
	ok(!crypto_hedged_nonce(no_bytes, no_bytes, twin), "no random bytes: no nonce");
	ok(!crypto_random(twin, sizeof(twin)), "no random bytes: told");
	random_state = RANDOM_FRESH;
	ok(crypto_hedged_nonce(no_bytes, no_bytes, twin), "random bytes again: a nonce again");
	ok(!crypto_random(twin, (size_t) INT_MAX), "more random bytes than OpenSSL counts: refused");
}

static bool
opens_to(const uint8_t *with, const uint8_t *sealed, const char *text)
{
	uint8_t out[16];

	return crypto_open(with, nonce, no_bytes, CRYPTO_BYTES(sealed, SEALED(strlen(text))), out) &&
		   memcmp(out, text, strlen(text)) == 0;
}

/* A context keeps the key of the last call: it must not be used for another one. */
static void
test_keys_in_turn(void)
{
	static const uint8_t other_key[CRYPTO_KEY_BYTES] = {1};
	uint8_t a[SEALED(5)], b[SEALED(5)], again[SEALED(5)];

	crypto_seal(key, nonce, no_bytes, CRYPTO_BYTES("plain", 5), a);
	crypto_seal(other_key, nonce, no_bytes, CRYPTO_BYTES("plain", 5), b);
	crypto_seal(key, nonce, no_bytes, CRYPTO_BYTES("plain", 5), again);
	ok(memcmp(a, b, sizeof(a)) != 0 && memcmp(a, again, sizeof(a)) == 0, "two keys in turn");
	ok(opens_to(key, a, "plain") && opens_to(other_key, b, "plain") && opens_to(key, a, "plain"),
	   "opened in turn");
	ok(!opens_to(key, b, "plain") && opens_to(key, a, "plain"), "a failure spoils nothing");
	crypto_forget_keys();
	crypto_seal(key, nonce, no_bytes, CRYPTO_BYTES("plain", 5), again);
	ok(memcmp(a, again, sizeof(a)) == 0 && opens_to(key, again, "plain"), "after forgetting");
	crypto_forget_keys();
	crypto_forget_keys();
}

static void
test_equal(void)
{
	uint8_t a[64], b[64];
	bool right = true;

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t) next_random();
	for (size_t length = 0; length <= sizeof(a); length++)
		right = right && crypto_equal(a, b, length);
	for (size_t bit = 0; bit < sizeof(a) * 8; bit++)
	{
		b[bit / 8] ^= (uint8_t) (1 << bit % 8);
		right = right && !crypto_equal(a, b, sizeof(a)) && crypto_equal(a, b, bit / 8);
		b[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	ok(right, "ranges are equal exactly when every bit is, within the length only");
}

static void
test_derive(void)
{
	uint8_t one[CRYPTO_KEY_BYTES], again[CRYPTO_KEY_BYTES], other[CRYPTO_KEY_BYTES];

	ok(crypto_derive(key, "one", one) && crypto_derive(key, "one", again) &&
		   crypto_derive(key, "other", other) && crypto_equal(one, again, sizeof(one)) &&
		   !crypto_equal(one, other, sizeof(one)),
	   "a label gives one key, another label another");
	crypto_wipe(one, sizeof(one));
	ok(is_wiped(one, sizeof(one)), "wiping leaves zeros");
	ok(strncmp(crypto_library_version(), "OpenSSL ", 8) == 0, "the library tells its version");
}

int
main(void)
{
	each_vector("wycheproof", "aes_gcm_test.json", visit_gcm);
	each_vector("wycheproof", "hmac_sha256_test.json", visit_hmac);
	each_vector("wycheproof", "hkdf_sha256_test.json", visit_hkdf);
	test_sha256();
	test_hmac();
	test_gcm();
	test_seal_round_trips();
	test_changed_bits();
	test_short_input();
	test_failures();
	test_fresh_nonces();
	test_hedged_nonces();
	test_keys_in_turn();
	test_equal();
	test_derive();
	return tests_done();
}
