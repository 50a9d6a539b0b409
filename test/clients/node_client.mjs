// What a program that uses node-postgres can rely on.
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { capture, PEOPLE, people, SIGN, tap, within as transaction } from './common.mjs';

const { ALPHA, BETA } = process.env;
const { check, equal, refused: refuse } = tap('node');

// Socket, port, role and database come from the environment, as for every client.
const pool = new pg.Pool({ max: 1 });
const within = (ticket, work) => transaction(pool, ticket, work);
const refused = (ticket, sql, values, state, name) => refuse(within(ticket, (client) => client.query(sql, values)), state, name);
const rows = async (sql, values) => (await pool.query(sql, values)).rows;
const { png, strokes } = await capture('s05-1');

// --- reading ---
equal(await rows(PEOPLE), [], 'without a ticket there is nobody');
const read = await within(ALPHA, async (client) => ({
  people: (await client.query(PEOPLE)).rows,
  who: (await client.query('SELECT tenant, profile FROM attest.whoami()')).rows,
  ids: (await client.query('SELECT person_id FROM attest.people ORDER BY reference')).rows.map((row) => row.person_id),
  slots: (await client.query('SELECT slot_id FROM attest_data.slot ORDER BY slot_id')).rows.map((row) => row.slot_id),
  sealed: (await client.query('SELECT last_name FROM attest_data.person ORDER BY reference LIMIT 1')).rows[0].last_name,
}));
equal(read.people, people('alpha'), 'people are read');
equal(read.who, [{ tenant: 'alpha', profile: 'manager' }], 'whoami() tells who one is');
check(read.sealed.startsWith('att1:'), 'a sealed column is ciphertext', read.sealed);
equal((await within(ALPHA, (client) => client.query('SELECT attest.unseal($1) AS name', [read.sealed]))).rows,
  [{ name: 'Nom 1 alpha' }], 'and goes back to be opened');
equal(await rows(PEOPLE), [], 'the next transaction on the connection sees nobody');
equal(await rows('SELECT tenant FROM attest.whoami()'), [{ tenant: null }], 'and is nobody');

// --- writing ---
const [person, other] = read.ids;
const slot = read.slots[2];
const presence = (await within(ALPHA, (client) => client.query(SIGN, [slot, person, png]))).rows[0].presence;
await within(ALPHA, (client) => client.query(SIGN, [slot, other, JSON.stringify(strokes)]));
const signed = await within(ALPHA, (client) => client.query(
  'SELECT status, method, presence_id FROM attest.presences WHERE slot_id = $1 AND person_id = $2', [slot, person]));
equal(signed.rows, [{ status: 'present', method: 'signature', presence_id: presence }], 'a person signs with a PNG');

// --- errors ---
const twice = await refused(ALPHA, SIGN, [slot, other, png], 'TA104', 'signing twice');
check(`${twice.detail}`.includes(slot), 'signing twice: the detail names the slot', twice.detail);
await refused(ALPHA, SIGN, [read.slots[3], person, png.slice(0, 400)], 'TA201', 'a signature cut short');
await refused(ALPHA, SIGN, [read.slots[3], person, 'data:,'], 'TA203', 'an empty signature');
await refused(BETA, SIGN, [slot, person, png], 'TA105', 'a slot of another tenant');
await refused(ALPHA, 'SELECT attest.enter($1)', [BETA], 'TA004', 'a second tenant');
await refused(ALPHA.slice(0, -2), 'SELECT 1', [], 'TA002', 'a ticket cut short');
equal(await rows(SIGN, [slot, person, png]).catch((error) => error.code), 'TA001', 'no ticket: SQLSTATE TA001');
equal(await rows(PEOPLE), [], 'after errors the next transaction sees nobody');

// --- what stays on the connection ---
await rows("SELECT set_config('attest.ticket', $1, false)", [ALPHA]);
equal(await rows(PEOPLE), [], 'a session-level ticket counts for nothing later');
const turns = [];
for (let turn = 0; turn < 20; turn++) {
  const tenant = turn % 2 ? 'beta' : 'alpha';
  const seen = await within(turn % 2 ? BETA : ALPHA, (client) => client.query({ name: 'people', text: PEOPLE }));
  turns.push(isDeepStrictEqual(seen.rows, people(tenant)));
}
check(turns.every(Boolean), 'one connection and one prepared statement serve two tenants in turn', turns);
equal((await pool.query({ name: 'people', text: PEOPLE })).rows, [], 'and nobody without a ticket');
equal(pool.totalCount, 1, 'all of it went over one connection');

await pool.end();
