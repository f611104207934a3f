// A real OpenID Connect provider (npm's oidc-provider) for tests. It says its port on standard output, takes one line of
// JSON, {"clients": [...], "accounts": {...}}, says "ready", and ends when its standard input does.
//
// Whoever comes to a sign-in there says who they are in a form, or in the address: /interaction/UID?account=ann. Empty
// means that they refuse.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(new URL("../web/package.json", import.meta.url)).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(found));

const jwk = (kind, options, use) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }), ...use });

function provide(issuer, { clients, accounts }) {
  const provider = new Provider(issuer, {
    clients,
    jwks: {
      keys: [
        jwk("rsa", { modulusLength: 2048 }, { kid: "rsa", use: "sig" }),
        jwk("ec", { namedCurve: "P-256" }, { kid: "ec", use: "sig", alg: "ES256" }),
      ],
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    cookies: { keys: ["a key for tests"] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
  });
  provider.on("server_error", (_ctx, error) => console.error(error));
  return provider;
}

const FORM = '<!doctype html><title>Provider</title><form><input name="account"><button>Sign in</button></form>';

async function interact(provider, request, response) {
  const account = new URL(request.url, provider.issuer).searchParams.get("account");
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "login" && account === null) return response.setHeader("content-type", "text/html").end(FORM);
  let result = { error: "access_denied" };
  if (prompt.name === "login" && account) result = { login: { accountId: account } };
  if (prompt.name === "consent") {
    const grant = (grantId && (await provider.Grant.find(grantId))) || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

let provider;
const server = createServer((request, response) => {
  if (!provider) response.writeHead(503).end();
  else if (request.url.startsWith("/interaction/")) interact(provider, request, response).catch((error) => { console.error(error); response.writeHead(500).end(); });
  else provider.callback()(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  provider = provide(`http://127.0.0.1:${server.address().port}`, JSON.parse(line));
  console.log("ready");
});
lines.on("close", () => process.exit(0));
