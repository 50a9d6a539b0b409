// What a program that uses node-postgres can rely on.
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';

const { ALPHA, BETA } = process.env;
const PEOPLE = 'SELECT reference, last_name, first_name FROM attest.people ORDER BY reference';
let failed = false;

function check(condition, name, seen) {
  console.log(`${condition ? 'ok' : 'not ok'} - node: ${name}`);
  if (!condition) {
    failed = true;
    console.log(`# ${JSON.stringify(seen)}`);
  }
}

const equal = (got, wanted, name) => check(isDeepStrictEqual(got, wanted), name, { got, wanted });
const people = (tenant) =>
  [1, 2, 3].map((n) => ({ reference: `${tenant}-${n}`, last_name: `Nom ${n} ${tenant}`, first_name: 'Zoé' }));

// Socket, port, role and database come from the environment, as for every client.
const pool = new pg.Pool({ max: 1 });

// Runs the work in one transaction that has entered with the ticket.
async function within(ticket, work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT attest.enter($1)', [ticket]);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function refused(ticket, sql, values, state, name) {
  try {
    await within(ticket, (client) => client.query(sql, values));
  } catch (error) {
    equal(error.code, state, `${name}: SQLSTATE ${state}`);
    check(Boolean(error.hint), `${name}: with a hint`, error.hint);
    check(!/Nom|Zoé/.test(`${error.message}${error.detail}${error.where}`), `${name}: names nobody`, error.message);
    return error;
  }
  check(false, `${name}: is refused`);
  return {};
}

const rows = async (sql, values) => (await pool.query(sql, values)).rows;
const capture = JSON.parse(await readFile(`${process.cwd()}/demo/signatures/s05-1.json`, 'utf8'));
const sign = 'SELECT attest.sign($1, $2, $3) AS presence';

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
const presence = (await within(ALPHA, (client) => client.query(sign, [slot, person, capture.png]))).rows[0].presence;
await within(ALPHA, (client) => client.query(sign, [slot, other, JSON.stringify(capture.strokes)]));
const signed = await within(ALPHA, (client) => client.query(
  'SELECT status, method, presence_id FROM attest.presences WHERE slot_id = $1 AND person_id = $2', [slot, person]));
equal(signed.rows, [{ status: 'present', method: 'signature', presence_id: presence }], 'a person signs with a PNG');

// --- errors ---
const twice = await refused(ALPHA, sign, [slot, other, capture.png], 'TA104', 'signing twice');
check(`${twice.detail}`.includes(slot), 'signing twice: the detail names the slot', twice.detail);
await refused(ALPHA, sign, [read.slots[3], person, capture.png.slice(0, 400)], 'TA201', 'a signature cut short');
await refused(ALPHA, sign, [read.slots[3], person, 'data:,'], 'TA203', 'an empty signature');
await refused(BETA, sign, [slot, person, capture.png], 'TA105', 'a slot of another tenant');
await refused(ALPHA, 'SELECT attest.enter($1)', [BETA], 'TA004', 'a second tenant');
await refused(ALPHA.slice(0, -2), 'SELECT 1', [], 'TA002', 'a ticket cut short');
equal(await rows(sign, [slot, person, capture.png]).catch((error) => error.code), 'TA001', 'no ticket: SQLSTATE TA001');
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
process.exitCode = failed ? 1 : 0;
