/*
 * verify_test.c
 *		Signatures of JSON Web Signatures (src/crypto/verify), without a server: prints
 *		TAP.  The hashing of secrets, in the same room, is tested by scrypt_test.c.
 *
 * Vectors: Wycheproof (see tap.h).  A JWS is opened here as attest.enter_jwt() does it:
 * three parts of strict base64url, and the key decides the algorithm.
 */
#include "core/base64.h"
#include "crypto/verify.h"
#include "core/json.h"
#include "tap.h"

#define TEXT_MAX 4096 /* the longest string of the vectors has 1,800 characters */

/* ---- reading the vectors ---- */

/* What a group says of its key, as members of a JWK; the point of an EC key also in hexadecimal. */
typedef struct GroupKey
{
	char alg[16];
	Bytes k, n, e, x, y;
} GroupKey;

typedef struct Vector
{
	unsigned id;
	char result; /* of "valid", "invalid", "acceptable" */
	Bytes key, msg, sig, tag;
	char jws[TEXT_MAX];
} Vector;

typedef void (*VectorTest)(const GroupKey *key, Vector *vector);

static unsigned vectors_tested;
static char text[TEXT_MAX];

static bool
read_text(JsonReader *reader)
{
	size_t length;

	return json_string(reader, text, sizeof(text), &length) && length < sizeof(text);
}

static void
read_hex(JsonReader *reader, Bytes *bytes)
{
	bytes->length = 0;
	if (!read_text(reader))
		return;
	for (size_t i = 0; text[i] != '\0' && text[i + 1] != '\0'; i += 2)
	{
		char digits[3] = {text[i], text[i + 1], '\0'};
		uint8_t byte = (uint8_t) strtoul(digits, NULL, 16);

		append(bytes, &byte, 1);
	}
}

static bool
decode(const char *from, size_t length, Bytes *bytes)
{
	static uint8_t out[TEXT_MAX];
	size_t done;

	bytes->length = 0;
	if (!base64url_decode(from, length, out, sizeof(out), &done))
		return false;
	append(bytes, out, done);
	return true;
}

static Bytes *
member(GroupKey *key, const char *name)
{
	Bytes *members[] = {&key->k, &key->n, &key->e, &key->x, &key->y};
	static const char names[] = "knexy";
	const char *at = strchr(names, name[0]);

	return at != NULL && name[0] != '\0' && name[1] == '\0' ? members[at - names] : NULL;
}

static void
read_jwk(JsonReader *reader, GroupKey *key)
{
	JsonScope scope;

	json_enter(reader, '{', &scope);
	while (json_next(reader, &scope))
	{
		Bytes *bytes = member(key, json_key(&scope));

		if (bytes != NULL && read_text(reader))
			decode(text, strlen(text), bytes);
		else if (strcmp(json_key(&scope), "alg") == 0 && read_text(reader))
			snprintf(key->alg, sizeof(key->alg), "%.15s", text);
		else if (bytes == NULL)
			json_skip(reader);
	}
}

/* 04, x and y: some groups have no JWK. */
static void
read_public_key(JsonReader *reader, GroupKey *key)
{
	static Bytes point;
	JsonScope scope;

	json_enter(reader, '{', &scope);
	while (json_next(reader, &scope))
	{
		if (strcmp(json_key(&scope), "uncompressed") != 0)
		{
			json_skip(reader);
			continue;
		}
		read_hex(reader, &point);
		key->x.length = key->y.length = 0;
		append(&key->x, point.data + 1, point.length / 2);
		append(&key->y, point.data + 1 + point.length / 2, point.length / 2);
	}
}

static void
read_vector(JsonReader *reader, Vector *vector)
{
	static const char *const names[] = {"key", "msg", "sig", "tag"};
	Bytes *fields[] = {&vector->key, &vector->msg, &vector->sig, &vector->tag};
	JsonScope scope;
	double number = 0;

	json_enter(reader, '{', &scope);
	while (json_next(reader, &scope))
	{
		const char *name = json_key(&scope);

		Bytes *bytes = NULL;

		for (size_t i = 0; i < LENGTH(names); i++)
			bytes = strcmp(name, names[i]) == 0 ? fields[i] : bytes;
		if (bytes != NULL)
			read_hex(reader, bytes);
		else if (strcmp(name, "jws") == 0 && read_text(reader))
			memcpy(vector->jws, text, strlen(text) + 1);
		else if (strcmp(name, "result") == 0 && read_text(reader))
			vector->result = text[0];
		else if (strcmp(name, "tcId") == 0 && json_number(reader, &number))
			vector->id = (unsigned) number;
		else
			json_skip(reader);
	}
}

static void
read_tests(JsonReader *reader, const GroupKey *key, VectorTest test)
{
	static Vector vector;
	JsonScope list;

	json_enter(reader, '[', &list);
	while (json_next(reader, &list))
	{
		read_vector(reader, &vector);
		test(key, &vector);
	}
}

/* One pass for the key, which may come last, and one for its tests. */
static void
read_group(JsonReader *reader, VectorTest test)
{
	static GroupKey key;
	JsonReader start = *reader;
	JsonScope scope;

	key.alg[0] = '\0';
	key.k.length = key.n.length = key.e.length = key.x.length = key.y.length = 0;
	for (int pass = 0; pass < 2; pass++)
	{
		*reader = start;
		json_enter(reader, '{', &scope);
		while (json_next(reader, &scope))
		{
			const char *name = json_key(&scope);

			if (pass == 1 && strcmp(name, "tests") == 0)
				read_tests(reader, &key, test);
			else if (pass == 0 && strcmp(name, "publicKey") == 0)
				read_public_key(reader, &key);
			else if (pass == 0 &&
					 (strcmp(name, "publicKeyJwk") == 0 || strcmp(name, "keyJwk") == 0 ||
					  strcmp(name, "public") == 0 || strcmp(name, "private") == 0))
				read_jwk(reader, &key);
			else
				json_skip(reader);
		}
	}
}

static void
read_vectors(const char *name, Bytes *file, VectorTest test)
{
	JsonReader reader = {.text = (const char *) file->data, .length = file->length, .max_depth = 9};
	JsonScope root, list;

	vectors_tested = 0;
	json_enter(&reader, '{', &root);
	while (json_next(&reader, &root))
	{
		if (strcmp(json_key(&root), "testGroups") != 0)
		{
			json_skip(&reader);
			continue;
		}
		json_enter(&reader, '[', &list);
		while (json_next(&reader, &list))
			read_group(&reader, test);
	}
	ok(json_finish(&reader) && vectors_tested > 0, "Wycheproof %s: %u vectors fit", name,
	   vectors_tested);
}

/* ---- what is asked of each vector ---- */

static CryptoBytes
bytes_of(const Bytes *bytes)
{
	return CRYPTO_BYTES(bytes->data != NULL ? bytes->data : (const uint8_t *) "", bytes->length);
}

static JwsKey
jws_key(JwsAlgorithm algorithm, const Bytes *first, const Bytes *second)
{
	static const Bytes none = {0};

	return (JwsKey){algorithm, bytes_of(first), bytes_of(second != NULL ? second : &none)};
}

/* Also: no bit of a right signature may change, and no byte go missing or be added. */
static bool
is_exact(const JwsKey *key, CryptoBytes input, Bytes *signature)
{
	size_t step = signature->length > 64 ? 7 : 1;
	bool exact = true;

	for (size_t bit = 0; bit < signature->length * 8; bit += step)
	{
		signature->data[bit / 8] ^= (uint8_t) (1 << bit % 8);
		exact = exact && !verify_jws(key, input, bytes_of(signature));
		signature->data[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	for (size_t length = 0; length < signature->length; length++)
		exact = exact && !verify_jws(key, input, CRYPTO_BYTES(signature->data, length));
	append(signature, "", 1);
	exact = exact && !verify_jws(key, input, bytes_of(signature));
	signature->length--;
	return exact && verify_jws(key, input, bytes_of(signature));
}

static void
check(const char *name, const JwsKey *key, Vector *v, CryptoBytes input, Bytes *signature)
{
	static const char *last_name;
	bool right = verify_jws(key, input, bytes_of(signature));

	vectors_tested++;
	ok(right == (v->result == 'v'), "%s; Wycheproof %u", name, v->id);
	if (!right || name == last_name)
		return;
	last_name = name;
	ok(is_exact(key, input, signature), "%s: a right signature is right in every bit only", name);
}

static void
test_eddsa(const GroupKey *key, Vector *v)
{
	JwsKey made = jws_key(JWS_EDDSA, &key->x, NULL);

	check("Ed25519", &made, v, bytes_of(&v->msg), &v->sig);
}

static void
test_p256(const GroupKey *key, Vector *v)
{
	JwsKey made = jws_key(JWS_ES256, &key->x, &key->y);

	check("ECDSA P-256, r and s", &made, v, bytes_of(&v->msg), &v->sig);
}

/* "acceptable" (the NULL of the digest's name left out) is not accepted. */
static void
test_rsa(const GroupKey *key, Vector *v)
{
	JwsKey made = jws_key(JWS_RS256, &key->n, &key->e);

	check(key->n.length > 300 ? "RSA 3072" : "RSA 2048", &made, v, bytes_of(&v->msg), &v->sig);
}

/* A key of fewer than 32 bytes is no key of HS256, and a tag is never cut. */
static void
test_hmac(const GroupKey *key, Vector *v)
{
	JwsKey made = jws_key(JWS_HS256, &v->key, NULL);

	(void) key;
	if (v->key.length < 32 || v->tag.length < 32)
		v->result = 'i';
	check("HMAC-SHA-256", &made, v, bytes_of(&v->msg), &v->tag);
}

static bool
algorithm_of(const char *name, JwsAlgorithm *algorithm)
{
	static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};

	for (size_t i = 0; i < LENGTH(names); i++)
	{
		*algorithm = (JwsAlgorithm) i;
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* The header's algorithm must be the key's. */
static bool
header_agrees(const Bytes *header, const char *alg)
{
	JsonReader reader = {
		.text = (const char *) header->data, .length = header->length, .max_depth = 4};
	JsonScope scope;
	bool agrees = false;

	if (header->length == 0 || !json_enter(&reader, '{', &scope))
		return false;
	while (json_next(&reader, &scope))
	{
		if (strcmp(json_key(&scope), "alg") == 0 && read_text(&reader))
			agrees = strcmp(text, alg) == 0;
		else
			json_skip(&reader);
	}
	return agrees && json_finish(&reader);
}

static bool
jws_is_right(const GroupKey *key, const JwsKey *made, const char *jws, Bytes *signature)
{
	static Bytes header, payload;
	const char *first = strchr(jws, '.');
	const char *second = first != NULL ? strchr(first + 1, '.') : NULL;

	if (second == NULL || strchr(second + 1, '.') != NULL)
		return false;
	return decode(jws, (size_t) (first - jws), &header) && header_agrees(&header, key->alg) &&
		   decode(first + 1, (size_t) (second - first - 1), &payload) &&
		   decode(second + 1, strlen(second + 1), signature) &&
		   verify_jws(made, CRYPTO_BYTES(jws, (size_t) (second - jws)), bytes_of(signature));
}

/*
 * Left out: keys of other algorithms; 370, whose text is that of a valid one, and 372,
 * which holds a character that is not base64url and is called valid.
 */
static void
test_jws(const GroupKey *key, Vector *v)
{
	static Bytes signature;
	JwsAlgorithm algorithm;
	JwsKey made;

	if (!algorithm_of(key->alg, &algorithm) || v->id == 370 || v->id == 372)
		return;
	made = algorithm == JWS_HS256   ? jws_key(algorithm, &key->k, NULL)
		   : algorithm == JWS_RS256 ? jws_key(algorithm, &key->n, &key->e)
									: jws_key(algorithm, &key->x, &key->y);
	vectors_tested++;
	ok(jws_is_right(key, &made, v->jws, &signature) == (v->result == 'v'), "JWS %s; Wycheproof %u",
	   key->alg, v->id);
}

#define VISITOR(name)                                    \
	static void visit_##name(const char *file, Bytes *b) \
	{                                                    \
		read_vectors(file, b, test_##name);              \
	}
VISITOR(eddsa)
VISITOR(p256)
VISITOR(rsa)
VISITOR(hmac)
VISITOR(jws)

/* ---- keys ---- */

/* RFC 8037, appendix A: the key, and the signature of "eyJhbGciOiJFZERTQSJ9.<payload>". */
static const char ed25519_x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
static const char ed25519_input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char ed25519_signature[] =
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/* RFC 7515, appendix A.3: a point of P-256. */
static const char p256_x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char p256_y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

static bool
usable(JwsAlgorithm algorithm, CryptoBytes first, CryptoBytes second)
{
	JwsKey key = {algorithm, first, second};
	bool is_usable = verify_key_is_usable(&key);

	/* A key that is not usable verifies nothing. */
	return is_usable || verify_jws(&key, CRYPTO_BYTES("x", 1), CRYPTO_BYTES("x", 1));
}

static void
test_rsa_keys(void)
{
	uint8_t n[1025], e[9] = {0};
	static const uint8_t f4[] = {1, 0, 1}, three[] = {0, 3}, one[] = {1}, even[] = {2},
						 zero[] = {0};

	for (size_t i = 0; i < sizeof(n); i++)
		n[i] = (uint8_t) (next_random() | 1);
	n[0] = 0;
	n[1] |= 0x80;
	e[0] = e[8] = 1;
#define RSA(bytes, exponent) \
	usable(JWS_RS256, CRYPTO_BYTES(n + 1, bytes), CRYPTO_BYTES(exponent, sizeof(exponent)))
	ok(RSA(256, f4) && RSA(1024, f4) && RSA(256, three), "RSA of 2048 to 8192 bits");
	ok(usable(JWS_RS256, CRYPTO_BYTES(n, 257), CRYPTO_BYTES(f4, 3)), "RSA: a zero before n");
	ok(!RSA(255, f4) && !RSA(128, f4) && !RSA(0, f4), "RSA under 2048 bits is refused");
	ok(!usable(JWS_RS256, CRYPTO_BYTES(n, 256), CRYPTO_BYTES(f4, 3)),
	   "RSA under 2048 bits behind a zero is refused");
	n[1] &= 0x7f;
	ok(!RSA(256, f4), "RSA of 2047 bits is refused");
	n[1] |= 0x80;
	ok(!RSA(256, one) && !RSA(256, even) && !RSA(256, zero), "RSA: e of 0, 1 and 2 is refused");
	ok(!RSA(256, e), "RSA: e of more than 64 bits is refused");
	ok(!usable(JWS_RS256, CRYPTO_BYTES(n + 1, 256), CRYPTO_BYTES("", 0)), "RSA without e");
#undef RSA
}

static void
test_other_keys(void)
{
	Bytes x = {0}, y = {0};
	static const uint8_t long_key[64] = {1}, zeros[32] = {0};
	CryptoBytes none = CRYPTO_BYTES("", 0);

	decode(p256_x, strlen(p256_x), &x);
	decode(p256_y, strlen(p256_y), &y);
	ok(usable(JWS_ES256, bytes_of(&x), bytes_of(&y)), "a point of P-256");
	ok(!usable(JWS_ES256, bytes_of(&y), bytes_of(&x)), "a point beside the curve is refused");
	ok(!usable(JWS_ES256, CRYPTO_BYTES(zeros, 32), CRYPTO_BYTES(zeros, 32)) &&
		   !usable(JWS_ES256, CRYPTO_BYTES(x.data, 31), bytes_of(&y)) &&
		   !usable(JWS_ES256, bytes_of(&x), none),
	   "as are (0, 0), a short coordinate and a missing one");
	ok(usable(JWS_HS256, CRYPTO_BYTES(long_key, 32), none) &&
		   usable(JWS_HS256, CRYPTO_BYTES(long_key, 64), none) &&
		   !usable(JWS_HS256, CRYPTO_BYTES(long_key, 31), none) && !usable(JWS_HS256, none, none),
	   "HS256: 32 bytes or more");
	ok(!usable(JWS_EDDSA, CRYPTO_BYTES(long_key, 31), none) &&
		   !usable(JWS_EDDSA, CRYPTO_BYTES(long_key, 33), none),
	   "Ed25519: 32 bytes");
	free(x.data);
	free(y.data);
}

/* The RFC's own example, and its key under every other algorithm. */
static void
test_confusion(void)
{
	static const JwsAlgorithm others[] = {JWS_HS256, JWS_RS256, JWS_ES256};
	CryptoBytes input = CRYPTO_BYTES(ed25519_input, strlen(ed25519_input));
	Bytes x = {0}, signature = {0};
	bool refused = true;
	JwsKey key;

	decode(ed25519_x, strlen(ed25519_x), &x);
	decode(ed25519_signature, strlen(ed25519_signature), &signature);
	key = jws_key(JWS_EDDSA, &x, NULL);
	ok(is_exact(&key, input, &signature), "RFC 8037, A.4");
	for (size_t i = 0; i < LENGTH(others); i++)
	{
		key = jws_key(others[i], &x, &x);
		refused = refused && !verify_jws(&key, input, bytes_of(&signature));
	}
	key = jws_key((JwsAlgorithm) 99, &x, &x);
	ok(refused && !verify_jws(&key, input, bytes_of(&signature)) && !verify_key_is_usable(&key),
	   "the same key and signature under another algorithm are refused");
	free(x.data);
	free(signature.data);
}

int
main(void)
{
	each_vector("wycheproof", "ed25519_test.json", visit_eddsa);
	each_vector("wycheproof", "ecdsa_secp256r1_sha256_p1363_test.json", visit_p256);
	each_vector("wycheproof", "rsa_signature_2048_sha256_test.json", visit_rsa);
	each_vector("wycheproof", "rsa_signature_3072_sha256_test.json", visit_rsa);
	each_vector("wycheproof", "hmac_sha256_test.json", visit_hmac);
	each_vector("wycheproof", "json_web_signature_test.json", visit_jws);
	test_rsa_keys();
	test_other_keys();
	test_confusion();
	return tests_done();
}
