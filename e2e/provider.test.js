// auth-jwt checks the tokens of an independent provider.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { claims, startJudge } from "./lib/judge.js";
import { CLIENT, RESOURCES, newKeys, startProvider } from "./lib/provider.js";

const API = "https://api.example/";
const FILES = "https://files.example/";
const LEEWAY = 60;

let running;
beforeEach(() => { running = []; });
afterEach(() => Promise.all(running.map((one) => one.stop())));

async function started(starting) {
  const one = await starting;
  running.push(one);
  return one;
}

/** A provider, and a judge of its tokens who has fetched what there is to fetch. */
async function world(options) {
  const provider = await started(startProvider(options));
  const judge = await started(startJudge(provider.issuer, API));
  provider.asked();
  return { provider, judge };
}

const alg = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).alg;

describe("discovery", () => {
  const documents = { "": "/.well-known/openid-configuration", "--oauth": "/.well-known/oauth-authorization-server" };
  for (const [flag, document] of Object.entries(documents)) {
    for (const [resource, algorithm] of Object.entries(RESOURCES)) {
      test(`${document} leads to the key of an ${algorithm} token`, async () => {
        const provider = await started(startProvider());
        const judge = await started(startJudge(provider.issuer, resource, ...flag ? [flag] : []));
        assert.deepEqual(provider.asked(), [document, "/jwks"]);
        const token = await provider.clientToken(resource);
        assert.equal(alg(token), algorithm);
        assert.equal(await judge.judge(token), `accepted ${CLIENT} notes:read`);
        assert.deepEqual(provider.asked(), ["/token"], "the token alone causes no fetch");
      });
    }
  }
});

describe("a token", () => {
  test("of a logged-in person is accepted", async () => {
    const { provider, judge } = await world();
    const { access_token } = await provider.logIn("ann", API);
    assert.equal(await judge.judge(access_token), "accepted ann notes:read");
  });

  test("for another resource is refused", async () => {
    const { provider, judge } = await world();
    assert.equal(await judge.judge(await provider.clientToken(FILES)), "invalid_credentials");
  });

  test("of another provider is not recognized, and causes no fetch", async () => {
    const { provider, judge } = await world();
    const other = await started(startProvider());
    assert.equal(await judge.judge(await other.clientToken(API)), "unrecognized");
    assert.deepEqual(provider.asked(), []);
  });

  test("that was modified is refused", async () => {
    const { provider, judge } = await world();
    const [header, payload, signature] = (await provider.clientToken(API)).split(".");
    const changed = { ...claims(`${header}.${payload}`), sub: "admin" };
    const forged = [header, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
    assert.equal(await judge.judge(forged), "invalid_credentials");
  });

  test("ends at its exp plus the leeway", async () => {
    const { provider, judge } = await world({ ttl: 30 });
    const token = await provider.clientToken(API);
    const { iat, exp } = claims(token);
    assert.equal(exp - iat, 30);
    assert.equal(await judge.judge(token, exp + LEEWAY - 1), `accepted ${CLIENT} notes:read`);
    assert.equal(await judge.judge(token, exp + LEEWAY), "token_expired");
  });
});

describe("an ID token", () => {
  test("is not an access token, even with the right audience, and vice versa", async () => {
    const provider = await started(startProvider());
    const { access_token, id_token } = await provider.logIn("ann", API);
    // The control: it works for its own purpose.
    const client = await started(startJudge(provider.issuer, CLIENT, "--id-token"));
    assert.equal(await client.judge(id_token), "accepted ann");
    assert.equal(await client.judge(access_token), "invalid_credentials");
    const resource = await started(startJudge(provider.issuer, CLIENT));
    assert.equal(await resource.judge(id_token), "invalid_credentials");
  });
});

describe("rotation", () => {
  test("new keys are fetched with the first token that names one, and the old keys no longer work", async () => {
    const { provider, judge } = await world();
    const old = await provider.clientToken(API);
    assert.equal(await judge.judge(old), `accepted ${CLIENT} notes:read`);
    provider.publish(newKeys());
    assert.equal(await judge.judge(old), `accepted ${CLIENT} notes:read`, "the judge does not know yet");
    const token = await provider.clientToken(API);
    provider.asked();
    assert.equal(await judge.judge(token), `accepted ${CLIENT} notes:read`);
    assert.deepEqual(provider.asked(), ["/jwks"]);
    assert.equal(await judge.judge(old), "unrecognized", "it is a 401 too, unless another strategy has its key");
    assert.deepEqual(provider.asked(), [], "one fetch in 30 s is enough");
  });

  test("old keys that are still published keep working", async () => {
    const old = newKeys();
    const { provider, judge } = await world({ keys: old });
    const before = await provider.clientToken(API);
    provider.publish([...newKeys(), ...old]);
    const after = await provider.clientToken(API);
    for (const token of [after, before, after]) assert.equal(await judge.judge(token), `accepted ${CLIENT} notes:read`);
  });

  test("a second rotation within 30 s is noticed after that time", async () => {
    const { provider, judge } = await world();
    provider.publish(newKeys());
    const first = await provider.clientToken(API);
    const { iat } = claims(first);
    assert.equal(await judge.judge(first, iat + 1), `accepted ${CLIENT} notes:read`);
    provider.publish(newKeys());
    const second = await provider.clientToken(API);
    provider.asked();
    assert.equal(await judge.judge(second, iat + 30), "unrecognized");
    assert.deepEqual(provider.asked(), []);
    assert.equal(await judge.judge(second, iat + 31), `accepted ${CLIENT} notes:read`);
    assert.deepEqual(provider.asked(), ["/jwks"]);
  });

  test("without a provider, the last keys work for an hour beyond their lifetime", async () => {
    const { provider, judge } = await world({ ttl: 7200 });
    const token = await provider.clientToken(API);
    const { iat } = claims(token);
    await running.shift().stop();
    assert.equal(await judge.judge(token, iat + 600 + 3540), `accepted ${CLIENT} notes:read`);
    assert.equal(await judge.judge(token, iat + 600 + 3660), "unavailable");
  });
});
