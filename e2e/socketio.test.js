// The npm client, with every way to send a credential.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";

import { MOVED_CLOCK, startDemo } from "./lib/demo.js";

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
const ADMIN = "1001";
const GUEST = "1003";
const PATIENCE = 30_000;
const basic = (name, password) => `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;

let demo;
before(async () => { demo = await startDemo(); });
after(() => demo.stop());

/** A test with a server of its own, whose clock it moves. */
function moved(name, play) {
  test(name, async () => {
    const shared = demo;
    demo = await startDemo(MOVED_CLOCK);
    try {
      await play();
    } finally {
      await demo.stop();
      demo = shared;
    }
  });
}

/** The event, within a time that a busy machine keeps, too. */
function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${event}`)), PATIENCE);
    emitter.once(event, (...what) => {
      clearTimeout(late);
      resolve(what);
    });
  });
}

function client(transport, { header, auth } = {}) {
  return io(demo.url, {
    transports: TRANSPORTS[transport],
    forceNew: true,
    reconnection: false,
    auth,
    extraHeaders: header && { Authorization: header },
  });
}

/** `connected`, the code of the refusal, or the status of the refusal before engine.io. */
async function outcome(transport, credential) {
  const socket = client(transport, credential);
  try {
    return await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("neither in nor out")), PATIENCE).unref();
      socket.once("connect", () => resolve("connected"));
      socket.once("connect_error", (error) => resolve(
        error.type === "TransportError" ? Number(/\d{3}$/.exec(error.context?.status ?? error.description?.message)) : error.message,
      ));
    });
  } finally {
    socket.disconnect();
  }
}

/** In, and over the transport that it stays with: upgraded, or with a poll that waits. */
async function settled(socket, transport) {
  await once(socket, "connect");
  const { engine } = socket.io;
  if (transport === "upgrade" && engine.transport.name === "polling") await once(engine, "upgrade");
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

async function echoes(socket, text) {
  const answer = once(socket, "message");
  socket.emit("message", text);
  assert.deepEqual(await answer, [`server response: ${text}`]);
}

for (const transport of Object.keys(TRANSPORTS)) {
  describe(`over ${transport}`, () => {
    // Wrong credentials count by user and address, so each test has its own server.
    let shared;
    before(async () => { [shared, demo] = [demo, await startDemo()]; });
    after(async () => { await demo.stop(); demo = shared; });

    const rows = [
      ["nothing", () => ({}), "unauthorized:missing_credentials"],
      ["a bad token in auth", () => ({ auth: { token: "a.b.c" } }), "unauthorized:invalid_credentials"],
      ["an expired token in auth", () => ({ auth: { token: demo.token(ADMIN, 0) } }), "unauthorized:token_expired"],
      ["a good token in auth", () => ({ auth: { token: demo.token(ADMIN, 60) } }), "connected"],
      ["a bad login in auth", () => ({ auth: { username: "admin", password: "guess" } }), "unauthorized:invalid_credentials"],
      ["a good login in auth", () => ({ auth: { username: "admin", password: "password" } }), "connected"],
      ["a bad token in a header", () => ({ header: "Bearer a.b.c" }), 401],
      ["an expired token in a header", () => ({ header: `Bearer ${demo.token(ADMIN, 0)}` }), 401],
      ["a good token in a header", () => ({ header: `bearer ${demo.token(ADMIN, 60)}` }), "connected"],
      ["a bad login in a header", () => ({ header: basic("admin", "guess") }), 401],
      ["a good login in a header", () => ({ header: basic("admin", "password") }), "connected"],
      ["the same user in both", () => ({ header: basic("admin", "password"), auth: { token: demo.token(ADMIN, 60) } }), "connected"],
      ["two users", () => ({ header: `Bearer ${demo.token(ADMIN, 60)}`, auth: { token: demo.token(GUEST, 60) } }), "unauthorized:invalid_credentials"],
    ];
    for (const [what, credential, expected] of rows) {
      test(`${what}: ${expected}`, async () => assert.equal(await outcome(transport, credential()), expected));
    }

    test("a message is answered at once", async () => {
      const socket = client(transport, { auth: { token: demo.token(ADMIN, 60) } });
      await once(socket, "connect");
      await echoes(socket, "hi");
      if (transport === "upgrade" && socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
      assert.equal(socket.io.engine.transport.name, transport === "polling" ? "polling" : "websocket");
      await echoes(socket, "again");
      socket.disconnect();
    });

    moved("a fresh token keeps the connection beyond the end of the old one", async () => {
      const socket = client(transport, { auth: { token: demo.token(ADMIN, 600) } });
      const expiring = once(socket, "auth_expiring");
      await settled(socket, transport);
      demo.advance(545);
      const [{ ttl }] = await expiring;
      assert.ok(ttl > 0 && ttl <= 60, `${ttl} s are left`);
      const refresh = (sub, ttl) => socket.timeout(PATIENCE).emitWithAck("auth_refresh", { token: demo.token(sub, ttl) });
      assert.deepEqual(await refresh(GUEST, 6000), { ok: false, code: "invalid_credentials" });
      const refreshed = await refresh(ADMIN, 6000);
      assert.equal(refreshed.ok, true);
      assert.ok(refreshed.ttl > 5000 && refreshed.ttl <= 5455, `${refreshed.ttl} s are left`);
      demo.advance(600);
      await echoes(socket, "still here");
      socket.disconnect();
    });

    test("three wrong tokens end the connection with a reason", async () => {
      const socket = client(transport, { auth: { token: demo.token(ADMIN, 60) } });
      await once(socket, "connect");
      const ended = Promise.all([once(socket, "auth_closed"), once(socket, "disconnect")]);
      for (let tries = 0; tries < 3; tries++) {
        const answer = await socket.timeout(PATIENCE).emitWithAck("auth_refresh", { token: "a.b.c" });
        assert.deepEqual(answer, { ok: false, code: "invalid_credentials" });
      }
      assert.deepEqual((await ended)[0], [{ reason: "invalid_credentials" }]);
    });

    for (const place of ["auth", "header"]) {
      moved(`a token in ${place} that expires ends the connection, and says so`, async () => {
        const token = demo.token(ADMIN, 6000);
        const socket = client(transport, place === "auth" ? { auth: { token } } : { header: `Bearer ${token}` });
        await settled(socket, transport);
        const ended = Promise.all([once(socket, "auth_closed"), once(socket, "disconnect")]);
        demo.advance(6000);
        const [closed, disconnected] = await ended;
        assert.deepEqual(closed, [{ reason: "token_expired" }]);
        assert.equal(disconnected[0], "io server disconnect");
        assert.equal(socket.connected, false);
      });
    }
  });
}

moved("a client with an expired token reconnects with a fresh one", async () => {
  const ttls = [600, 6000];
  const socket = io(demo.url, {
    transports: TRANSPORTS.upgrade,
    forceNew: true,
    auth: (send) => send({ token: demo.token(ADMIN, ttls.shift()) }),
  });
  await settled(socket, "upgrade");
  const ended = Promise.all([once(socket, "auth_closed"), once(socket, "disconnect")]);
  demo.advance(600);
  await ended;
  // The server has ended the connection, so the client does not reconnect by itself.
  socket.connect();
  await once(socket, "connect");
  await echoes(socket, "in again");
  socket.disconnect();
});

test("the demo serves the unchanged client of the npm package", async () => {
  const packaged = readFileSync(join(import.meta.dirname, "node_modules/socket.io-client/dist/socket.io.min.js"), "utf8");
  const page = await (await fetch(demo.url)).text();
  const [, path] = /src="(\/[^"]*socket\.io\.min\.js)"/.exec(page);
  assert.equal(await (await fetch(new URL(path, demo.url))).text(), packaged);
});

test("a sid is useless to another user", async () => {
  const socket = client("polling", { header: `Bearer ${demo.token(ADMIN, 60)}` });
  await once(socket, "connect");
  const url = `${demo.url}/socket.io/?EIO=4&transport=polling&sid=${socket.io.engine.id}`;
  const guest = { headers: { Authorization: `Bearer ${demo.token(GUEST, 60)}` } };
  assert.equal((await fetch(url, guest)).status, 403);
  assert.equal((await fetch(url, { ...guest, method: "POST", body: '42["message","hi"]' })).status, 403);
  assert.equal((await fetch(url)).status, 401);
  const upgrade = io(demo.url, {
    transports: ["websocket"], forceNew: true, reconnection: false, extraHeaders: guest.headers,
    query: { sid: socket.io.engine.id },
  });
  const [error] = await once(upgrade, "connect_error");
  assert.match(String(error.description?.message), /403$/);
  await echoes(socket, "still mine");
  socket.disconnect();
});

test("two hundred clients connect, echo and leave, and nothing remains", async () => {
  const open = () => readdirSync(`/proc/${demo.pid}/fd`).length;
  const token = demo.token(ADMIN, 600);
  const before = open();
  const sockets = [];
  // Forty at a time, because at most fifty from one address may be pending.
  while (sockets.length < 200) {
    const next = Array.from({ length: 40 }, (_, n) =>
      client(Object.keys(TRANSPORTS)[n % 3], n % 2 ? { auth: { token } } : { header: `Bearer ${token}` }));
    await Promise.all(next.map((socket) => once(socket, "connect")));
    sockets.push(...next);
  }
  await Promise.all(sockets.map((socket, n) => echoes(socket, `hello from ${n}`)));
  for (const socket of sockets) socket.disconnect();
  for (let tries = 0; open() > before + 5 && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(open() <= before + 5, `${open()} files are open, ${before} were`);
});
