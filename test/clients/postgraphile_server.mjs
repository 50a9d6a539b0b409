// PostGraphile 4 over the schema attest.  Who asks stands in the header Authorization: a
// ticket of attest, or a JSON Web Token that attest.enter_jwt() accepts.
import http from 'node:http';
import { makePluginHook, postgraphile } from 'postgraphile';

// PostGraphile calls set_config(name, value, true) for each setting after its BEGIN: for
// attest.ticket that does what attest.enter() does.
function pgSettings(request) {
  const credential = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (!credential) return {};
  return credential.startsWith('attest1.') ? { 'attest.ticket': credential } : { token: credential };
}

const attest = {
  withPostGraphileContext: (withContext) => async ({ pgSettings: { token, ...settings }, ...options }, work) => {
    // A token is no setting: attest.enter_jwt() gets it, at the start of the transaction.
    // Without settings PostGraphile would open none for a query.
    const entered = async (context) => {
      if (token) await context.pgClient.query('SELECT attest.enter_jwt($1)', [token]);
      return work(context);
    };
    try {
      return await withContext({ ...options, pgSettings: settings, pgForceTransaction: Boolean(token) }, entered);
    } catch (error) {
      // Whoever is not let in gets 401 with the code, instead of 500 without.
      if (!/^TA0/.test(error.code)) throw error;
      throw Object.assign(new Error(error.message), { statusCode: 401, originalError: error });
    }
  },
};

export function serve(pool) {
  const handler = postgraphile(pool, 'attest', {
    pluginHook: makePluginHook([attest]),
    pgSettings,
    ignoreRBAC: false,
    // The functions are members of the extension, which PostGraphile leaves out otherwise.
    includeExtensionResources: true,
    dynamicJson: true,
    extendedErrors: ['errcode', 'detail', 'hint'],
    bodySizeLimit: '1mb',
    disableQueryLog: true,
    retryOnInitFail: false,
  });
  const server = http.createServer(handler);
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve({
      url: `http://127.0.0.1:${server.address().port}/graphql`,
      close: () => new Promise((done) => {
        server.close(done);
        server.closeAllConnections?.();
      }),
    }));
  });
}
