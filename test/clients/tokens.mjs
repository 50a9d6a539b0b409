// Keys of an identity provider and the tokens that it signs, with the cryptography of node.
import crypto from 'node:crypto';

export const ISSUER = 'https://id.example.org';
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'HS256'];

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const makers = {
  RS256: (bits = 2048) => crypto.generateKeyPairSync('rsa', { modulusLength: bits }),
  ES256: (namedCurve = 'P-256') => crypto.generateKeyPairSync('ec', { namedCurve }),
  EdDSA: () => crypto.generateKeyPairSync('ed25519'),
  HS256: (bytes = 32) => {
    const secret = crypto.createSecretKey(crypto.randomBytes(bytes));
    return { publicKey: secret, privateKey: secret };
  },
};

const signers = {
  RS256: (text, key) => crypto.sign('sha256', text, key),
  ES256: (text, key) => crypto.sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (text, key) => crypto.sign(null, text, key),
  HS256: (text, key) => crypto.createHmac('sha256', key).update(text).digest(),
  none: () => Buffer.alloc(0),
};

// A key: its pair, and the JWK that is given to attest.import_jwk().
export function makeKey(alg, kid, size) {
  const pair = makers[alg](size);
  return { alg, kid, ...pair, jwk: { ...pair.publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' } };
}

export const claims = (audience, changed = {}) => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, aud: audience, sub: 'manager', iat: now, exp: now + 300, ...changed };
};

export const signed = (header, body, sign) => {
  const text = `${part(header)}.${part(body)}`;
  return `${text}.${sign(Buffer.from(text)).toString('base64url')}`;
};

export const token = (key, body, header = {}) =>
  signed({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header }, body, (text) => signers[key.alg](text, key.privateKey));

// Tokens that must not enter, each for one reason, by name.
export function forgeries(key, audience, strange) {
  const good = claims(audience);
  const [header, , signature] = token(key, good).split('.');
  const as = (alg, secret) => signed({ alg, kid: key.kid }, good, (text) => signers[alg](text, secret));
  const forged = {
    'alg none': as('none'),
    'alg none with the signature left': `${part({ alg: 'none', kid: key.kid })}.${part(good)}.${signature}`,
    'a tampered payload': `${header}.${part({ ...good, sub: 'dpo' })}.${signature}`,
    'another key': token({ ...strange, kid: key.kid }, good),
    'an unknown kid': token(key, good, { kid: 'unknown' }),
    'an expired token': token(key, claims(audience, { exp: good.iat - 60 })),
    'another audience': token(key, claims('elsewhere')),
    'another issuer': token(key, claims(audience, { iss: 'https://elsewhere.example.org' })),
    'an unknown account': token(key, claims(audience, { sub: 'nobody' })),
    'a signature cut short': token(key, good).slice(0, -4),
    'a signature of zeros': signed({ alg: key.alg, kid: key.kid }, good, () => Buffer.alloc(Buffer.from(signature, 'base64url').length)),
  };
  if (key.alg !== 'HS256') {
    // The public key, which everybody has, taken for the secret of HS256.
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
    const der = key.publicKey.export({ type: 'spki', format: 'der' });
    forged['its public key as a secret, PEM'] = as('HS256', pem);
    forged['its public key as a secret, DER'] = as('HS256', der);
    forged['its public key as a secret, JWK'] = as('HS256', Buffer.from(key.jwk.n ?? key.jwk.x, 'base64url'));
    forged['its public key as a secret, under its own alg'] =
      signed({ alg: key.alg, kid: key.kid }, good, (text) => signers.HS256(text, pem));
  }
  if (key.alg === 'ES256') {
    forged['a signature in DER'] = signed({ alg: key.alg, kid: key.kid }, good, (text) => crypto.sign('sha256', text, key.privateKey));
  }
  return forged;
}
