// Runs npm's oidc-provider on loopback, with its own defaults but for one client and back-channel logout,
// until its input ends. Arguments: where it is installed. It prints its issuer, reads the client's public
// address, and prints "ready".
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const installed = pathToFileURL(`${process.argv[2]}/node_modules/oidc-provider/lib/index.js`);
const { default: Provider } = await import(installed);

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
console.log(issuer);

const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit(0));
input.once('line', (client) => {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'headcount',
      client_secret: 'a secret: with +%20 in it',
      redirect_uris: [`${client}/sign-in/callback`],
      post_logout_redirect_uris: [`${client}/sign-in`],
      backchannel_logout_uri: `${client}/sign-in/backchannel-logout`,
      backchannel_logout_session_required: true,
    }],
    features: { backchannelLogout: { enabled: true } },
    // By default a person has a subject and nothing else.
    ...(process.argv[3] === 'with-addresses' && {
      claims: { email: ['email', 'email_verified'], profile: ['name'] },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, email: `${id}@acme.example`, email_verified: true, name: `${id} of Acme` }),
      }),
    }),
  });
  server.on('request', provider.callback());
  console.log('ready');
});
