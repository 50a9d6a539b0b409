// PostGraphile 4 through PgBouncer: it enters, reads and writes.
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { bystander, capture, people as rowsOf, tap } from './common.mjs';
import { serve } from './postgraphile_server.mjs';
import { claims, forgeries, ISSUER, makeKey, token } from './tokens.mjs';

const { ALPHA, BETA } = process.env;
const CONNECTIONS = Number(process.env.CONNECTIONS);
const { check, equal } = tap(`postgraphile, connections ${CONNECTIONS}`);
const pool = new pg.Pool({ max: CONNECTIONS });
const bystanders = new pg.Pool({ max: 1 });
const operator = new pg.Pool({ max: 1, user: 'operator' });
const server = await serve(pool);

async function ask(credential, query, variables) {
  const headers = { 'content-type': 'application/json' };
  if (credential) headers.authorization = `Bearer ${credential}`;
  const answer = await fetch(server.url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  return { status: answer.status, ...(await answer.json()) };
}

const PEOPLE = '{ allPeople(orderBy: NATURAL) { nodes { personId reference lastName firstName } } whoami { tenant profile } }';
const names = (answer) => answer.data?.allPeople?.nodes
  .map((node) => ({ reference: node.reference, last_name: node.lastName, first_name: node.firstName }))
  .sort((a, b) => (a.reference < b.reference ? -1 : 1));
const { pid } = await bystander(bystanders);
const nobody = { pid, people: 0, tenant: null };

// --- reading ---
const asked = await ask(ALPHA, PEOPLE);
equal(names(asked), rowsOf('alpha'), 'people are read with a ticket');
equal(asked.data?.whoami, { tenant: 'alpha', profile: 'manager' }, 'whoami tells who one is');
equal(await bystander(bystanders), nobody, 'the next transaction on the server connection is nobody');
const none = await ask(null, PEOPLE);
equal([names(none), none.data?.whoami.tenant], [[], null], 'without a ticket there is nobody');

const turns = await Promise.all(Array.from({ length: 30 }, async (_, turn) => {
  const [tenant, ticket] = [['alpha', ALPHA], ['beta', BETA], ['nobody', null]][turn % 3];
  const answer = await ask(ticket, PEOPLE);
  return isDeepStrictEqual(names(answer), ticket ? rowsOf(tenant) : []) || answer;
}));
equal(turns.filter((turn) => turn !== true), [], '30 requests at once: each sees its own tenant');

// --- what the role may call ---
const offered = await ask(null, '{ __schema { queryType { fields { name } } mutationType { fields { name } } } }');
const fields = [...offered.data.__schema.queryType.fields, ...offered.data.__schema.mutationType.fields].map((field) => field.name);
check(['allPeople', 'whoami', 'sign', 'createCourse', 'enter', 'enterJwt'].every((name) => fields.includes(name)),
  'what an application may call is offered', fields);
check(['createTenant', 'issueTicket', 'importJwk', 'createKeyring', 'doctor'].every((name) => !fields.includes(name)),
  'what only an operator may call is not', fields);

// --- writing ---
async function call(name, type, fields) {
  const answer = await ask(ALPHA, `mutation ($input: ${type}!) { ${name}(input: $input) { uuid } }`, { input: fields });
  const id = answer.data?.[name]?.uuid;
  check(/^[0-9a-f-]{36}$/.test(id), `${name} answers an id`, answer);
  return id;
}
const day = (days) => new Date(Date.now() + days * 86400000).toISOString();
const person = asked.data?.allPeople?.nodes.find((node) => node.reference === 'alpha-1').personId;
const course = await call('createCourse', 'CreateCourseInput', { code: `graphql-${CONNECTIONS}`, title: 'Cours GraphQL' });
const session = await call('planSession', 'PlanSessionInput',
  { course, title: 'Session', startsOn: day(-1).slice(0, 10), endsOn: day(1).slice(0, 10) });
const slot = await call('planSlot', 'PlanSlotInput', { session, startsAt: day(-0.001), endsAt: day(0.1) });
await call('enrol', 'EnrolInput', { session, person });
const SIGN = 'mutation ($input: SignInput!) { sign(input: $input) { uuid } }';
const { png } = await capture('s04-1');
const input = { slot, person, signature: png };
const signed = await ask(ALPHA, SIGN, { input });
const seen = await ask(ALPHA, 'query ($slot: UUID!) { allPresences(condition: { slotId: $slot }) { nodes { presenceId status method } } }', { slot });
check(seen.data?.allPresences?.nodes.some((node) =>
  isDeepStrictEqual(node, { presenceId: signed.data?.sign?.uuid, status: 'present', method: 'signature' })), 'a person signs', { signed, seen });
equal(await bystander(bystanders), nobody, 'and the next transaction is nobody');

// --- errors ---
async function refused(credential, changed, state, name) {
  const answer = await ask(credential, SIGN, { input: { ...input, ...changed } });
  const error = answer.errors?.[0] ?? {};
  equal(error.errcode, state, `${name}: errcode ${state}`);
  check(Boolean(error.hint), `${name}: with a hint`, answer);
  check(!/Nom|Zoé/.test(JSON.stringify(answer)), `${name}: names nobody`, answer);
  return error;
}
const twice = await refused(ALPHA, {}, 'TA104', 'signing twice');
check(`${twice.detail}`.includes(slot), 'signing twice: the detail names the slot', twice);
await refused(ALPHA, { signature: png.slice(0, 400) }, 'TA201', 'a signature cut short');
await refused(BETA, {}, 'TA105', 'a slot of another tenant');
await refused(null, {}, 'TA001', 'no ticket');
equal(await bystander(bystanders), nobody, 'after errors the next transaction is nobody');

async function turnedAway(credential, state, name) {
  const answer = await ask(credential, PEOPLE);
  equal([answer.status, answer.errors?.[0].errcode, answer.data], [401, state, undefined], `${name}: 401 and ${state}`);
}
await turnedAway(ALPHA.slice(0, -2), 'TA002', 'a ticket cut short');

// --- tokens ---
const AUDIENCE = `attest-graphql-${CONNECTIONS}`;
const key = makeKey('EdDSA', 'graphql');
await operator.query('SELECT attest.add_identity_provider($1, $2, $3)', ['beta', ISSUER, AUDIENCE]);
await operator.query('SELECT attest.import_jwk($1, $2, $3)', [ISSUER, AUDIENCE, key.jwk]);
const good = token(key, claims(AUDIENCE));
const entered = await ask(good, PEOPLE);
equal([names(entered), entered.data?.whoami], [rowsOf('beta'), { tenant: 'beta', profile: 'manager' }], 'a token enters a query');
const created = await ask(good, 'mutation ($input: CreateCourseInput!) { createCourse(input: $input) { query { whoami { tenant } } } }',
  { input: { code: `token-${CONNECTIONS}`, title: 'Cours' } });
equal(created.data?.createCourse?.query.whoami.tenant, 'beta', 'and a mutation');
const forged = forgeries(key, AUDIENCE, makeKey('EdDSA', 'graphql'));
for (const name of ['alg none', 'a tampered payload', 'another key', 'an expired token', 'another audience']) {
  await turnedAway(forged[name], 'TA017', name);
}
const ENTER = 'mutation ($token: String!) { enterJwt(input: { token: $token }) { query { whoami { tenant } } } }';
equal((await ask(null, ENTER, { token: good })).data?.enterJwt?.query.whoami.tenant, 'beta', 'the mutation enterJwt enters for its request');
equal((await ask(null, ENTER, { token: forged['alg none'] })).errors?.[0].errcode, 'TA017', 'and tells TA017 otherwise');
const second = await ask(ALPHA, 'mutation ($ticket: String!) { enter(input: { ticket: $ticket }) { clientMutationId } }', { ticket: BETA });
equal(second.errors?.[0].errcode, 'TA004', 'a second tenant in a request: errcode TA004');
equal(await bystander(bystanders), nobody, 'all of it went over one server connection, which is nobody');

await server.close();
await Promise.all([pool, bystanders, operator].map((each) => each.end()));
