// What the clients in JavaScript share: TAP lines, the people of prepare.sql, work in a
// transaction that has entered.
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

export const PEOPLE = 'SELECT reference, last_name, first_name FROM attest.people ORDER BY reference';
export const SIGN = 'SELECT attest.sign($1, $2, $3) AS presence';
export const ENTER = 'SELECT attest.enter($1)';
export const ENTER_JWT = 'SELECT attest.enter_jwt($1)';

export const people = (tenant) =>
  [1, 2, 3].map((n) => ({ reference: `${tenant}-${n}`, last_name: `Nom ${n} ${tenant}`, first_name: 'Zoé' }));

// A signature that a person drew.
export const capture = async (name) =>
  JSON.parse(await readFile(`${process.cwd()}/demo/signatures/${name}.json`, 'utf8'));

// The error that a promise ends with; without one, an object that has no code.
export const refusal = (promise) => promise.then(() => ({}), (error) => error);

// TAP lines without numbers; the exit status tells whether one failed.
export function tap(client) {
  function check(condition, name, seen) {
    console.log(`${condition ? 'ok' : 'not ok'} - ${client}: ${name}`);
    if (!condition) {
      process.exitCode = 1;
      console.log(`# ${JSON.stringify(seen)}`);
    }
  }
  const equal = (got, wanted, name) => check(isDeepStrictEqual(got, wanted), name, { got, wanted });
  async function refused(work, state, name) {
    const error = await refusal(work);
    equal(error.code, state, `${name}: SQLSTATE ${state}`);
    check(Boolean(error.hint), `${name}: with a hint`, error.hint);
    check(!/Nom|Zoé/.test(`${error.message}${error.detail}${error.where}`), `${name}: names nobody`, error.message);
    return error;
  }
  return { check, equal, refused };
}

// Runs the work in one transaction that has entered with the credential.
export async function within(pool, credential, work, enter = ENTER) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(enter, [credential]);
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

// Who one is outside of any transaction that entered: the server connection and nobody.
export async function bystander(pool) {
  const answer = await pool.query(`SELECT pg_backend_pid() AS pid, (SELECT count(*)::int FROM attest.people) AS people,
    (SELECT tenant FROM attest.whoami()) AS tenant`);
  return answer.rows[0];
}
