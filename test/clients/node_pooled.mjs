// node-postgres through PgBouncer: two client connections take turns on one server connection.
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { bystander, capture, PEOPLE, people, refusal, SIGN, tap, within } from './common.mjs';

const { ALPHA, BETA } = process.env;
const { check, equal, refused } = tap('node, pooled');
const one = new pg.Pool({ max: 1 });
const two = new pg.Pool({ max: 1 });
const { pid } = await bystander(one);
const nobody = { pid, people: 0, tenant: null };
equal(await bystander(two), nobody, 'a second client is on the same server connection, and nobody');

// --- reading ---
const read = await within(one, ALPHA, async (client) => ({
  people: (await client.query(PEOPLE)).rows,
  who: (await client.query('SELECT tenant, profile, pg_backend_pid() AS pid FROM attest.whoami()')).rows,
  ids: (await client.query('SELECT person_id FROM attest.people ORDER BY reference')).rows.map((row) => row.person_id),
  slots: (await client.query('SELECT slot_id FROM attest_data.slot ORDER BY slot_id')).rows.map((row) => row.slot_id),
}));
equal(read.people, people('alpha'), 'people are read');
equal(read.who, [{ tenant: 'alpha', profile: 'manager', pid }], 'whoami() tells who one is');
equal(await bystander(two), nobody, 'the next transaction, of the other client, is nobody');
equal(await bystander(one), nobody, 'and so is the next of the first');

// --- writing ---
const [person] = read.ids;
const slot = read.slots[5];
const { png } = await capture('s05-1');
const presence = (await within(one, ALPHA, (client) => client.query(SIGN, [slot, person, png]))).rows[0].presence;
equal((await within(two, ALPHA, (client) => client.query(
  'SELECT status, method, presence_id FROM attest.presences WHERE slot_id = $1 AND person_id = $2', [slot, person]))).rows,
[{ status: 'present', method: 'signature', presence_id: presence }], 'what one signs, the other reads');

// --- errors ---
const twice = await refused(within(one, ALPHA, (client) => client.query(SIGN, [slot, person, png])), 'TA104', 'signing twice');
check(`${twice.detail}`.includes(slot), 'signing twice: the detail names the slot', twice.detail);
await refused(within(one, BETA, (client) => client.query(SIGN, [slot, person, png])), 'TA105', 'a slot of another tenant');
// Not one.query(): a pool hangs up on an error before the server is ready again, and then
// PgBouncer closes the server connection.
const plain = await one.connect();
await refused(plain.query(SIGN, [slot, person, png]), 'TA001', 'no ticket');
plain.release();
equal(await bystander(two), nobody, 'after errors the next transaction is nobody');

// --- what stays on the server connection ---
await one.query("SELECT set_config('attest.ticket', $1, false)", [ALPHA]);
equal(await bystander(two), nobody, 'a session-level ticket counts for nothing in the next transaction');
equal(await bystander(one), nobody, 'not even for the client that set it');
equal((await within(two, BETA, (client) => client.query(PEOPLE))).rows, people('beta'), 'and does not stand in the way of another');

const crowd = Array.from({ length: 6 }, () => new pg.Pool({ max: 1 }));
const turns = await Promise.all(Array.from({ length: 60 }, async (_, turn) => {
  const [tenant, ticket] = [['alpha', ALPHA], ['beta', BETA], ['nobody', null]][turn % 3];
  const client = crowd[(turn * 5 + (turn >> 3)) % crowd.length];
  const seen = ticket ? await within(client, ticket, (entered) => entered.query(PEOPLE)) : await client.query(PEOPLE);
  return isDeepStrictEqual(seen.rows, ticket ? people(tenant) : []);
}));
check(turns.every(Boolean), '60 transactions of 6 clients at once: each sees its own tenant', turns);
equal(await bystander(two), nobody, 'all of it went over one server connection');

// PgBouncer closes the server connection of a client that dies in a transaction.
const dying = new pg.Client();
dying.on('error', () => {});
await dying.connect();
await dying.query('BEGIN');
await dying.query('SELECT attest.enter($1)', [ALPHA]);
dying.connection.stream.destroy();
const after = await bystander(two);
equal({ ...after, pid }, nobody, 'a client that dies in its transaction leaves nobody');
check((await refusal(one.query('SELECT attest.enter($1)', [ALPHA]))).code === undefined
  && (await bystander(two)).people === 0, 'entering outside of a transaction block ends with the statement');

await Promise.all([one, two, ...crowd].map((pool) => pool.end()));
