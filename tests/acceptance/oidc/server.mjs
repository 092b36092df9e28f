// A certified OpenID provider on loopback for tests; it knows nothing of hardpoint.
//
//   node server.mjs '{"redirect_uris": ["https://shop.example/auth/callback/acme"]}'
//
// Prints {"issuer": "http://127.0.0.1:PORT"} and serves until its stdin ends. Nobody has to click:
// login_hint names the person, or "deny". POST /-/rotate signs with new keys from now on; GET /-/counts
// says how often each path was asked for. Besides the redirect URIs it may be told of a `key` (the public
// JWK of the client "shop-key") and of a `notices` address for back-channel logout.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const options = JSON.parse(process.argv[2]);

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomUUID() };
}

function client(id, method, more = {}) {
  return {
    client_id: id,
    ...(method.startsWith('client_secret') ? { client_secret: 'shop-secret' } : {}),
    token_endpoint_auth_method: method,
    redirect_uris: options.redirect_uris,
    post_logout_redirect_uris: ['https://shop.example/'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(options.notices ? { backchannel_logout_uri: options.notices } : {}),
    ...more,
  };
}

function provider(issuer, keys) {
  const made = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomUUID()] },
    clients: [
      client('shop', 'client_secret_basic'),
      client('shop-post', 'client_secret_post'),
      client('shop-public', 'none'),
      ...(options.key ? [client('shop-key', 'private_key_jwt', { jwks: { keys: [options.key] } })] : []),
      {
        client_id: 'robot',
        client_secret: 'shop-secret',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials', 'urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      },
    ],
    scopes: ['openid', 'offline_access', 'email', 'calendar'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    pkce: { required: () => true },
    // Its own refuses loopback, where the test listens for notices of sign-outs.
    fetch: (url, { dispatcher, ...asked }) => fetch(url, asked),
    rotateRefreshToken: true,
    issueRefreshToken: (_, client, code) => code.scopes.has('offline_access'),
    ttl: { AccessToken: 600, RefreshToken: 3600, IdToken: 300, Grant: 3600, Session: 3600, Interaction: 600 },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    interactions: { url: (_, { uid }) => `/-/decide/${uid}` },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@people.example`, email_verified: true }),
    }),
  });
  made.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/-/decide/')) return next();
    const asked = await made.interactionDetails(ctx.req, ctx.res);
    const person = asked.params.login_hint ?? 'ada';
    const decision = {};
    if (person === 'deny') {
      decision.error = 'access_denied';
    } else if (asked.prompt.name === 'login') {
      decision.login = { accountId: person };
    } else {
      const grant = new made.Grant({ accountId: person, clientId: asked.params.client_id });
      grant.addOIDCScope(asked.params.scope);
      decision.consent = { grantId: await grant.save() };
    }
    ctx.respond = false;
    await made.interactionFinished(ctx.req, ctx.res, decision);
  });
  return made.callback();
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let keys = [signingKey()];
  let answer = provider(issuer, keys);
  const counts = {};
  server.on('request', (req, res) => {
    const path = req.url.split('?')[0];
    counts[path] = (counts[path] ?? 0) + 1;
    if (path === '/-/counts') return res.end(JSON.stringify(counts));
    if (req.url !== '/-/rotate') return answer(req, res);
    keys = [signingKey(), ...keys]; // grants are kept in the process, beyond one provider's life
    answer = provider(issuer, keys);
    return res.end();
  });
  console.log(JSON.stringify({ issuer }));
});
process.stdin.resume().on('end', () => process.exit(0));
