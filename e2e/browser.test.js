// The page in a real browser: its own, and a foreign one.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { startBrowser } from "./lib/chromium.js";
import { startDemo } from "./lib/demo.js";

const CLIENT = readFileSync(join(import.meta.dirname, "node_modules/socket.io-client/dist/socket.io.min.js"), "utf8");

let demo;
let browser;
before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** The demo's page, with this tab chosen. */
async function open(tab) {
  const page = await browser.newPage();
  page.setDefaultTimeout(8000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(demo.url);
  await page.click(`#tab-${tab}`);
  assert.equal(await page.textContent("#state"), "idle");
  return { page, errors };
}

async function state(page, expected) {
  await page.waitForSelector(`#state.${expected}`);
  assert.equal(await page.textContent("#state"), expected);
}

async function says(page, text) {
  await page.fill("#message", text);
  await page.click("#send");
  await page.getByText(`← server response: ${text}`, { exact: true }).waitFor();
}

test("the page loads nothing from elsewhere", async () => {
  const page = await browser.newPage();
  const elsewhere = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(demo.url) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  await page.goto(demo.url, { waitUntil: "networkidle" });
  assert.deepEqual(elsewhere, []);
  await page.close();
});

describe("Socket.IO in the page", () => {
  const ways = [["auth", "polling"], ["auth", "websocket"], ["auth", "upgrade"], ["headers", "polling"]];
  for (const [place, transport] of ways) {
    test(`the tutorial's token in ${place} over ${transport} is in, and is answered`, async () => {
      const { page, errors } = await open("socketio");
      await page.selectOption("#place", place);
      await page.selectOption("#transport", transport);
      await page.click("#connect");
      await state(page, "connected");
      await says(page, "hello");
      await page.click("#disconnect");
      await state(page, "closed");
      assert.deepEqual(errors, []);
      await page.close();
    });

    test(`a bad token in ${place} over ${transport} is refused, with its reason`, async () => {
      const { page } = await open("socketio");
      await page.selectOption("#place", place);
      await page.selectOption("#transport", transport);
      await page.fill("#token", "a.b.c");
      await page.click("#connect");
      await state(page, "refused");
      const reason = place === "auth" ? "unauthorized:invalid_credentials" : "HTTP 401 invalid_credentials";
      assert.match(await page.textContent("#log"), new RegExp(reason));
      await page.close();
    });

    test(`a token in ${place} over ${transport} that expires is shown as that`, async () => {
      const { page } = await open("socketio");
      await page.selectOption("#place", place);
      await page.selectOption("#transport", transport);
      await page.fill("#token", demo.token("1001", 3));
      await page.click("#connect");
      await state(page, "connected");
      await state(page, "expired");
      assert.match(await page.textContent("#log"), /disconnected: token_expired/);
      await page.close();
    });
  }

  test("nobody is refused", async () => {
    const { page } = await open("socketio");
    await page.check("input[value=nothing]");
    await page.click("#connect");
    await state(page, "refused");
    assert.match(await page.textContent("#log"), /unauthorized:missing_credentials/);
    await page.close();
  });

  test("a login is in, and a wrong one is refused without the browser asking for another", async () => {
    const { page } = await open("socketio");
    await page.check("input[value=basic]");
    for (const [place, transport] of ways) {
      await page.selectOption("#place", place);
      await page.selectOption("#transport", transport);
      await page.fill("#password", "password");
      await page.click("#connect");
      await state(page, "connected");
      await page.click("#disconnect");
      await state(page, "closed");
      await page.fill("#password", "guess");
      await page.click("#connect");
      await state(page, "refused");
    }
    await page.close();
  });
});

describe("WebSocket in the page", () => {
  test("a token in a subprotocol is in, and is answered", async () => {
    const { page } = await open("websocket");
    await page.click("#connect");
    await state(page, "open");
    await says(page, "hello");
    await page.close();
  });

  test("a bad one is refused", async () => {
    const { page } = await open("websocket");
    await page.fill("#token", "a.b.c");
    await page.click("#connect");
    await state(page, "refused");
    await page.close();
  });

  test("one that expires closes the socket with 4401", async () => {
    const { page } = await open("websocket");
    await page.fill("#token", demo.token("1001", 2));
    await page.click("#connect");
    await state(page, "open");
    await state(page, "expired");
    assert.match(await page.textContent("#log"), /socket closed: 4401 token_expired/);
    await page.close();
  });
});

describe("WebSocket in the page of a demo that accepts, then closes", () => {
  let telling;
  before(async () => {
    telling = await startDemo("--accept-then-close");
  });
  after(() => telling?.stop());

  /** The close that a page of the demo sees; 1006 where the browser hides why. */
  async function close(url, token) {
    const page = await browser.newPage();
    await page.goto(url);
    const seen = await page.evaluate((token) => new Promise((resolve) => {
      const socket = new WebSocket("/ws", ["auth.v1", `auth.bearer.${toBase64Url(token)}`]);
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    }), token);
    await page.close();
    return seen;
  }

  test("a bad token shows 4401 and why, not 1006", async () => {
    assert.deepEqual(await close(telling.url, "a.b.c"), { code: 4401, reason: "invalid_credentials" });
    assert.deepEqual(await close(demo.url, "a.b.c"), { code: 1006, reason: "" });
  });

  test("an unknown user shows 4401, and the page says refused", async () => {
    const page = await browser.newPage();
    await page.goto(telling.url);
    await page.fill("#token", telling.token("1002", 60));
    await page.click("#connect");
    await state(page, "refused");
    assert.match(await page.textContent("#log"), /socket closed: 4401 invalid_credentials/);
    await page.close();
  });
});

describe("a page of a foreign origin", () => {
  let foreign;
  before(async () => {
    foreign = createServer((request, response) => {
      const script = request.url === "/client.js";
      response.setHeader("content-type", script ? "text/javascript" : "text/html");
      response.end(script ? CLIENT : '<!doctype html><script src="/client.js"></script>');
    });
    await new Promise((resolve) => foreign.listen(0, "127.0.0.1", resolve));
  });
  after(() => foreign.close());

  /** What a page of `origin` gets from the demo with its cookie alone, and the statuses that the browser saw. */
  async function withCookie(origin, transport) {
    const context = await browser.newContext();
    // A cookie belongs to the host, whatever the port.
    await context.addCookies([{ name: "jwt", value: demo.token("1001", 60), url: demo.url }]);
    const page = await context.newPage();
    // The status as it came over the wire: from the page, and from the test, the browser hides a foreign one.
    const urls = new Map();
    const seen = new Map();
    const network = await context.newCDPSession(page);
    await network.send("Network.enable");
    // The two come in any order, and after the page has gone on.
    network.on("Network.requestWillBeSent", ({ requestId, request }) => urls.set(requestId, request.url));
    network.on("Network.responseReceivedExtraInfo", ({ requestId, statusCode }) => seen.set(requestId, statusCode));
    const statuses = () => [...seen].filter(([id]) => urls.get(id)?.includes("/socket.io/?")).map(([, status]) => status);
    await page.goto(origin);
    const outcome = await page.evaluate(([url, transport]) => new Promise((resolve) => {
      const socket = io(url, { transports: [transport], reconnection: false, withCredentials: true });
      socket.on("connect", () => resolve("connected"));
      socket.on("connect_error", (error) => resolve(error.type ?? error.message));
    }), [demo.url, transport]);
    for (let tries = 0; transport === "polling" && statuses().length === 0 && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await context.close();
    return { outcome, statuses: statuses() };
  }

  for (const transport of ["polling", "websocket"]) {
    test(`a cookie connects the demo's own page over ${transport}, and a foreign one not`, async () => {
      assert.equal((await withCookie(demo.url, transport)).outcome, "connected");
      const foreignPage = await withCookie(`http://127.0.0.1:${foreign.address().port}`, transport);
      assert.equal(foreignPage.outcome, "TransportError");
      // Over polling a browser would hide an answer from a foreign page anyway: what counts is that it was refused.
      if (transport === "polling") assert.deepEqual(foreignPage.statuses, [403]);
    });
  }
});
