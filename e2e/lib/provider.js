// An independent OpenID provider on a free port of the loopback.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const CLIENT = "notebook";
/** The API, and the algorithm of the tokens for it. */
export const RESOURCES = { "https://api.example/": "ES256", "https://files.example/": "RS256" };
/** Nobody listens there: the code is read from the redirect itself. */
const CALLBACK = "https://notebook.example/callback";
const BASIC = `Basic ${Buffer.from(`${CLIENT}:secret`).toString("base64")}`;
const SCOPES = "notes:read notes:write";

/** A key for each algorithm, with names of their own. */
export function newKeys() {
  const pairs = { ES256: ["ec", { namedCurve: "P-256" }], RS256: ["rsa", { modulusLength: 2048 }] };
  return Object.entries(pairs).map(([alg, [type, options]]) => {
    const { privateKey } = generateKeyPairSync(type, options);
    return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg, use: "sig" };
  });
}

/** Starts a provider with these keys. Tokens live for `ttl` seconds. */
export async function startProvider({ keys = newKeys(), ttl = 600 } = {}) {
  let handle;
  let requests = [];
  const server = createServer((request, response) => {
    requests.push(request.url);
    handle(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const publish = (keys) => { handle = provider(issuer, keys, ttl).callback(); };
  publish(keys);

  return {
    issuer,
    /** Goes on with these keys and no others, as after a restart. */
    publish,
    /** The paths that were asked for since the last time. */
    asked() {
      const asked = requests;
      requests = [];
      return asked;
    },
    /** An access token for a program: the client itself. */
    async clientToken(resource, scope = "notes:read") {
      return (await post(issuer, { grant_type: "client_credentials", resource, scope })).access_token;
    },
    /** `{ access_token, id_token }` for this person, by a log-in with a code. */
    async logIn(sub, resource) {
      const code = await authorize(issuer, sub, resource);
      return post(issuer, { grant_type: "authorization_code", redirect_uri: CALLBACK, code, resource });
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function provider(issuer, keys, ttl) {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: CLIENT,
      client_secret: "secret",
      grant_types: ["client_credentials", "authorization_code"],
      redirect_uris: [CALLBACK],
      response_types: ["code"],
    }],
    jwks: { keys },
    cookies: { keys: ["only for the tests"] },
    pkce: { required: () => false },
    scopes: ["openid"],
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // A login includes consent to everything.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope("openid");
      for (const resource of Object.keys(RESOURCES)) grant.addResourceScope(resource, SCOPES);
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: ttl, ClientCredentials: ttl, IdToken: ttl, AuthorizationCode: 60, Grant: 600, Interaction: 60, Session: 600 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: SCOPES,
          accessTokenFormat: "jwt",
          accessTokenTTL: ttl,
          jwt: { sign: { alg: RESOURCES[resource] } },
        }),
      },
    },
  });
  // The login page: it takes the name from a header, without a password.
  provider.use(async (context, next) => {
    if (!context.path.startsWith("/interaction/")) return next();
    context.respond = false;
    await provider.interactionFinished(context.req, context.res, { login: { accountId: context.get("x-account") } });
  });
  return provider;
}

async function post(issuer, form) {
  const headers = { authorization: BASIC };
  const response = await fetch(`${issuer}/token`, { method: "POST", headers, body: new URLSearchParams(form) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the provider says ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Follows the redirects as a browser does, up to the code. */
async function authorize(issuer, sub, resource) {
  const query = { client_id: CLIENT, response_type: "code", redirect_uri: CALLBACK, scope: "openid notes:read", resource };
  const cookies = new Map();
  let url = `${issuer}/auth?${new URLSearchParams(query)}`;
  for (let hops = 0; hops < 6; hops += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", headers: { cookie, "x-account": sub } });
    await response.arrayBuffer();
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (!location) throw new Error(`the provider stops with ${response.status}`);
    url = new URL(location, url).href;
    if (url.startsWith(CALLBACK)) {
      const answer = new URL(url).searchParams;
      if (!answer.get("code")) throw new Error(`the provider refuses: ${answer}`);
      return answer.get("code");
    }
  }
  throw new Error("the provider redirects too often");
}
