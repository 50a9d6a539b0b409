// Tokens of an identity provider, made with node's cryptography: what enters, what does not.
import pg from 'pg';
import { bystander, ENTER_JWT, PEOPLE, people, refusal, tap, within } from './common.mjs';
import { ALGORITHMS, claims, forgeries, ISSUER, makeKey, token } from './tokens.mjs';

const { check, equal } = tap('tokens');
const pool = new pg.Pool({ max: 1 });
const operator = new pg.Pool({ max: 1, user: 'operator' });
const [AUDIENCE, OTHER] = ['attest-alpha', 'attest-beta'];
const IMPORT = 'SELECT attest.import_jwk($1, $2, $3)';
const bring = (audience, jwk) => operator.query(IMPORT, [ISSUER, audience, jwk]);
const enters = (credential, work = () => {}) => within(pool, credential, work, ENTER_JWT);

// Two tenants, each with a key of each algorithm under the same kid.
const keys = {};
for (const [tenant, audience] of [['alpha', AUDIENCE], ['beta', OTHER]]) {
  await operator.query('SELECT attest.add_identity_provider($1, $2, $3)', [tenant, ISSUER, audience]);
  keys[audience] = {};
  for (const alg of ALGORITHMS) {
    const key = makeKey(alg, `key ${alg}`);
    keys[audience][alg] = key;
    await bring(audience, key.jwk);
  }
}
const { pid } = await bystander(pool);
const nobody = { pid, people: 0, tenant: null };

for (const alg of ALGORITHMS) {
  const key = keys[AUDIENCE][alg];
  for (const [tenant, audience] of [['alpha', AUDIENCE], ['beta', OTHER]]) {
    const seen = await enters(token(keys[audience][alg], claims(audience)), async (client) => ({
      people: (await client.query(PEOPLE)).rows,
      who: (await client.query('SELECT tenant, profile, pg_backend_pid() AS pid FROM attest.whoami()')).rows[0],
    }));
    equal(seen, { people: people(tenant), who: { tenant, profile: 'manager', pid } }, `${alg}: enters ${tenant}`);
    equal(await bystander(pool), nobody, `${alg}: the next transaction on the server connection is nobody`);
  }
  const listed = token(key, claims(['other', AUDIENCE]));
  equal((await refusal(enters(listed))).code, undefined, `${alg}: a list of audiences enters`);

  const forged = forgeries(key, AUDIENCE, makeKey(alg, key.kid));
  forged['the key of another tenant'] = token(keys[OTHER][alg], claims(AUDIENCE));
  const answers = [];
  for (const [name, credential] of Object.entries(forged)) {
    const error = await refusal(enters(credential));
    equal(error.code, 'TA017', `${alg}: refuses ${name}`);
    answers.push(`${error.message}|${error.detail}|${error.hint}`);
  }
  equal(new Set(answers).size, 1, `${alg}: every refusal reads the same`);
  check(!answers[0].includes('undefined|undefined'), `${alg}: with a hint`, answers[0]);
  equal(await bystander(pool), nobody, `${alg}: and leaves nobody`);
}

for (const [name, credential] of [['no token', null], ['an empty token', ''], ['a ticket', process.env.ALPHA]]) {
  equal((await refusal(enters(credential))).code, 'TA017', `${name} is refused`);
}

// --- keys ---
for (const [name, jwk] of [
  ['a private key', { ...keys[AUDIENCE].ES256.jwk, ...keys[AUDIENCE].ES256.privateKey.export({ format: 'jwk' }) }],
  ['RSA of 1024 bits', makeKey('RS256', 'k', 1024).jwk],
  ['EC on P-384', makeKey('ES256', 'k', 'P-384').jwk],
  ['a secret of 16 bytes', makeKey('HS256', 'k', 16).jwk],
  ['an RSA key for HS256', { ...keys[AUDIENCE].RS256.jwk, alg: 'HS256' }],
  ['a key for encryption', { ...keys[AUDIENCE].RS256.jwk, use: 'enc' }],
]) {
  const error = await refusal(bring(AUDIENCE, jwk));
  check(/^TA/.test(error.code) && Boolean(error.hint), `${name} is not imported`, error);
}
equal((await refusal(pool.query(IMPORT, [ISSUER, AUDIENCE, keys[AUDIENCE].HS256.jwk]))).code, '42501', 'an application imports no key');

const [old, renewed] = [keys[AUDIENCE].EdDSA, makeKey('EdDSA', keys[AUDIENCE].EdDSA.kid)];
await bring(AUDIENCE, renewed.jwk);
equal((await refusal(enters(token(old, claims(AUDIENCE))))).code, 'TA017', 'a key that was replaced enters no more');
equal((await refusal(enters(token(renewed, claims(AUDIENCE))))).code, undefined, 'the one in its place does');
await operator.query('SELECT attest.drop_jwk($1, $2, $3)', [ISSUER, AUDIENCE, renewed.kid]);
equal((await refusal(enters(token(renewed, claims(AUDIENCE))))).code, 'TA017', 'until it is dropped');

await Promise.all([pool.end(), operator.end()]);
