// GraphQL over WebSocket with the npm client: async-graphql behind the codec, which either answers connection_init or forwards it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloseCode, createClient } from "graphql-ws";
import { WebSocket } from "ws";

import { startGraphql } from "./lib/graphql.js";

let server;
before(async () => { server = await startGraphql(); });
after(() => server.stop());

/** A client whose `connectionParams` come from this function; `closes` has all closes, by code and reason. */
function client(path, connectionParams, options = {}) {
  const closes = [];
  const on = { closed: ({ code, reason }) => closes.push(`${code} ${reason}`) };
  const created = createClient({
    url: server.url + path, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, on, ...options,
  });
  return Object.assign(created, { closes });
}

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

/** The results of an operation, `most` of them. */
async function results(client, query, most = Infinity) {
  const found = [];
  for await (const { data, errors } of client.iterate({ query })) {
    assert.equal(errors, undefined);
    found.push(data);
    if (found.length >= most) break;
  }
  return found;
}

for (const path of ["/graphql", "/consumed"]) {
  describe(path, () => {
    test("a query and a subscription are answered for the user of the token", async () => {
      const acks = [];
      const ann = client(path, () => bearer(server.token("ann", 60)), { lazy: false, on: { connected: () => acks.push("ack") } });
      assert.deepEqual(await results(ann, "{ me }"), [{ me: "ann" }]);
      assert.deepEqual(await results(ann, "subscription { ticks }", 3), [0, 1, 2].map((n) => ({ ticks: `ann ${n}` })));
      assert.deepEqual(await results(ann, "{ me }"), [{ me: "ann" }], "on the same socket");
      assert.deepEqual(acks, ["ack"]);
      await ann.dispose();
    });

    const refused = [
      ["no token", () => undefined, CloseCode.Unauthorized, "invalid_credentials"],
      ["a wrong token", () => bearer("a.b.c"), CloseCode.Unauthorized, "invalid_credentials"],
      ["an expired token", () => bearer(server.token("ann", -60)), CloseCode.Forbidden, "token_expired"],
    ];
    for (const [what, params, code, reason] of refused) {
      test(`${what} is closed with ${code} ${reason}`, async () => {
        await assert.rejects(results(client(path, params), "{ me }"), (close) => close.code === code && close.reason === reason);
      });
    }

    test("the client does not retry with a wrong token", async () => {
      const wrong = client(path, () => bearer("a.b.c"), { retryAttempts: 5, retryWait: async () => {} });
      await assert.rejects(results(wrong, "{ me }"));
      assert.deepEqual(wrong.closes, ["4401 invalid_credentials"]);
    });

    test("a token that expires ends the subscription, and the client sees the code", async () => {
      const ann = client(path, () => bearer(server.token("ann", 600)));
      const seen = [];
      await assert.rejects(async () => {
        for await (const { data } of ann.iterate({ query: "subscription { ticks }" })) {
          seen.push(data.ticks);
          if (seen.length === 1) server.advance(600);
        }
      }, (close) => close.code === CloseCode.Forbidden && close.reason === "token_expired");
      // There is one every 50 ms of real time.
      assert.ok(seen.length > 0 && seen.length <= 20_000 / 50, `${seen.length} results`);
    });

    test("a client reconnects with a fresh token after the end", async () => {
      const ttls = [600, 6000];
      const ann = client(path, () => bearer(server.token("ann", ttls.shift())), { retryAttempts: 1, retryWait: async () => {} });
      const begins = [];
      let count = 0;
      for await (const { data: { ticks } } of ann.iterate({ query: "subscription { ticks }" })) {
        if (count === 0) server.advance(600);
        if (ticks === "ann 0") begins.push(count);
        count += 1;
        if (begins.length === 2 || count >= 400) break;
      }
      assert.equal(begins[0], 0, "the first result is the first tick");
      assert.equal(begins.length, 2, "the subscription has started again");
      assert.deepEqual(ann.closes, ["4403 token_expired"]);
      await ann.dispose();
    });

    test("pings of the client are answered", async () => {
      const pongs = [];
      const ann = client(path, () => bearer(server.token("ann", 60)), {
        keepAlive: 50, lazy: false, on: { pong: (received) => received && pongs.push("pong") },
      });
      await results(ann, "subscription { ticks }", 5);
      assert.ok(pongs.length > 0);
      await ann.dispose();
    });
  });
}

/** A client by hand, for what the one from npm does not do. */
async function talk(path, protocols, ...texts) {
  const socket = new WebSocket(server.url + path, protocols);
  const heard = [];
  socket.on("message", (data) => heard.push(JSON.parse(data)));
  socket.on("open", () => texts.forEach((text) => socket.send(JSON.stringify(text))));
  return new Promise((resolve, reject) => {
    socket.on("close", (code, reason) => resolve({ heard, closed: `${code} ${reason}` }));
    socket.on("error", reject);
  });
}

test("pings before connection_init are answered, and a second connection_init is refused by async-graphql", async () => {
  const init = { type: "connection_init", payload: bearer(server.token("ann", 60)) };
  for (const path of ["/graphql", "/consumed"]) {
    const { heard, closed } = await talk(path, "graphql-transport-ws", { type: "ping" }, init, init);
    assert.deepEqual(heard, [{ type: "pong" }, { type: "connection_ack" }]);
    assert.match(closed, /^4429 /);
  }
});

test("a subscription before connection_init gets 4401, and a client without the subprotocol 4406", async () => {
  const subscribe = { type: "subscribe", id: "1", payload: { query: "{ me }" } };
  assert.deepEqual(await talk("/graphql", "graphql-transport-ws", subscribe), { heard: [], closed: "4401 invalid_credentials" });
  assert.deepEqual(await talk("/graphql", []), { heard: [], closed: "4406 subprotocol_not_acceptable" });
});
