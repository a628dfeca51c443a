// A real OpenID provider for the end-to-end tests: oidc-provider with one user, whose name and password are anything, and pages
// that load nothing from elsewhere. It reads its settings as one line of JSON from standard input, {"issuer", "clients"}, listens
// on a free loopback port, and says so. It ends with its standard input, and its keys with it.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Provider } from 'oidc-provider';

const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit());
const { issuer, clients } = JSON.parse(await new Promise((resolve) => { input.once('line', resolve); }));
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`;

const loginForm = page('Sign in at the provider', `<form method="post" id="login">
  <p><label>Name <input name="login" autocomplete="username"></label>
  <p><label>Password <input name="password" type="password" autocomplete="current-password"></label>
  <p><button>Sign in</button></form>`);

const provider = new Provider(issuer, {
  clients,
  extraClientMetadata: { properties: ['id_token_lifetime'] }, // seconds; for tokens that are expired when they are used
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomBytes(8).toString('hex') }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access'],
  claims: { openid: ['sub'], sid: null },
  ttl: { IdToken: (ctx, token, client) => client.id_token_lifetime ?? 3600, AccessToken: 3600, Grant: 86400, Interaction: 600, Session: 86400, RefreshToken: 86400 },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  // These are the user's own apps: nobody is asked whether they may know who it is.
  async loadExistingGrant({ oidc }) {
    const known = oidc.session.grantIdFor(oidc.client.clientId);
    if (known) return provider.Grant.find(known);
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid offline_access');
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      // As other providers do: who comes with a hint is not asked.
      logoutSource(ctx, form) {
        ctx.body = ctx.oidc.entities.IdTokenHint
          ? page('Signing out', `${form.replace('</form>', '<input type="hidden" name="logout" value="yes"></form>')}
            <script>document.forms[0].submit()</script>`)
          : page('Sign out at the provider?', `${form}<button form="op.logoutForm" id="yes" name="logout" value="yes">Yes</button>
            <button form="op.logoutForm">No</button>`);
      },
      postLogoutSuccessSource(ctx) { ctx.body = page('Signed out at the provider', '<p id="signed-out">Bye.'); },
    },
  },
  renderError(ctx, out) {
    ctx.type = 'html';
    ctx.body = page('Error at the provider', `<p>${encodeURIComponent(out.error)}`); // never what came in the address
  },
});
// Seen if a test fails.
for (const event of ['server_error', 'grant.error']) provider.on(event, (ctx, err) => console.error(event, err, err.error_detail));
provider.proxy = true; // Caddy says by X-Forwarded-* that the outside is HTTPS

// The login page. (The consent that a client may insist on for a refresh token is given without asking.)
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === 'consent') {
    return provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId } }).then(() => { ctx.respond = false; });
  }
  if (ctx.method !== 'POST') {
    ctx.type = 'html';
    ctx.body = loginForm;
    return undefined;
  }
  const accountId = new URLSearchParams(await text(ctx.req)).get('login');
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId } });
  ctx.respond = false;
  return undefined;
});

const server = provider.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
