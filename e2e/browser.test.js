// The demo's page and a foreign page in a real browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { startBrowser } from "./lib/chromium.js";
import { MOVED_CLOCK, startDemo } from "./lib/demo.js";

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

/** The demo's page, with this tab chosen. */
async function open(tab, url = demo.url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
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

/** Chooses a login. */
async function logsIn(page, username = "admin", password = "password") {
  await page.check("input[value=basic]");
  await page.fill("#username", username);
  await page.fill("#password", password);
}

/** The state of a connection that is open, in each tab. */
const OPEN = { websocket: "open", socketio: "connected" };

async function connect(page, tab) {
  await page.click("#connect");
  await state(page, OPEN[tab]);
}

/** Once a message has gone both ways, and polling has become what it stays. */
async function settled(page) {
  await says(page, "hello");
  await page.waitForTimeout(1000);
}

/** What the log says, once it says this. */
async function logged(page, text) {
  await page.locator("#log li", { hasText: text }).first().waitFor();
  return page.textContent("#log");
}

/** In seconds; `Infinity` if the open connection never ends. */
async function left(page) {
  const text = await page.textContent("#left");
  if (text === "never ends") return Infinity;
  const [, minutes, seconds] = /^(\d+):(\d\d) left$/.exec(text) ?? assert.fail(`no time left: ${text}`);
  return 60 * minutes + Number(seconds);
}

/** Once the clock is past this instant, in milliseconds. */
const past = (page, end) => page.waitForFunction((end) => Date.now() > end, end, { timeout: 30_000 });

test("the page loads nothing from other hosts", async () => {
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
    test(`the tutorial's token in ${place} over ${transport} connects, and gets an answer`, async () => {
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

    test(`a bad token in ${place} over ${transport} is refused with a reason`, async () => {
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

    moved(`a token in ${place} over ${transport} that expires is shown as expired`, async () => {
      const { page } = await open("socketio");
      await page.selectOption("#place", place);
      await page.selectOption("#transport", transport);
      await page.fill("#token", demo.token("1001", 600));
      await page.click("#connect");
      await state(page, "connected");
      await settled(page);
      demo.advance(600);
      await state(page, "expired");
      assert.match(await page.textContent("#log"), /disconnected: token_expired/);
      await page.close();
    });
  }

  test("a client without a credential is refused", async () => {
    const { page } = await open("socketio");
    await page.check("input[value=nothing]");
    await page.click("#connect");
    await state(page, "refused");
    assert.match(await page.textContent("#log"), /unauthorized:missing_credentials/);
    await page.close();
  });

  test("a login connects, and a wrong one is refused without a password prompt", async () => {
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
  test("a token in a subprotocol connects, and gets an answer", async () => {
    const { page } = await open("websocket");
    await page.click("#connect");
    await state(page, "open");
    await says(page, "hello");
    await page.close();
  });

  test("a bad token is refused", async () => {
    const { page } = await open("websocket");
    await page.fill("#token", "a.b.c");
    await page.click("#connect");
    await state(page, "refused");
    await page.close();
  });

  moved("a token that expires closes the socket with 4401", async () => {
    const { page } = await open("websocket");
    await page.fill("#token", demo.token("1001", 600));
    await page.click("#connect");
    await state(page, "open");
    demo.advance(600);
    await state(page, "expired");
    assert.match(await page.textContent("#log"), /socket closed: 4401 token_expired/);
    await page.close();
  });
});

describe("WebSocket in the page, by other ways", () => {
  for (const who of ["token", "basic"]) {
    test(`a ticket bought with ${who} opens only one socket, and is never logged`, async () => {
      const { page, errors } = await open("websocket");
      await page.check(`input[value=${who}]`);
      await page.selectOption("#carrier", "ticket");
      const opening = page.waitForEvent("websocket");
      await connect(page, "websocket");
      const url = (await opening).url();
      const ticket = new URL(url).searchParams.get("ticket");
      assert.match(ticket, /^[\w-]{43}$/);
      await says(page, "hello");
      const log = await logged(page, 'POST /api/ws-ticket → 200 {"ticket":"…","expires_in":30}');
      assert.ok(!log.includes(ticket));

      const again = await page.evaluate((url) => new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("refused");
      }), url);
      assert.equal(again, "refused");
      assert.deepEqual(errors, []);
      await page.close();
    });
  }

  test("a new ticket is bought for every connection", async () => {
    const { page } = await open("websocket");
    await page.selectOption("#carrier", "ticket");
    const tickets = new Set();
    page.on("websocket", (socket) => tickets.add(socket.url()));
    for (let round = 0; round < 2; round++) {
      await connect(page, "websocket");
      await page.click("#disconnect");
      await state(page, "closed");
    }
    assert.equal(tickets.size, 2);
    await page.close();
  });

  for (const [who, shown] of [["nothing", "missing_credentials"], ["basic", "invalid_credentials"]]) {
    test(`${who} without a ticket opens no socket`, async () => {
      const { page } = await open("websocket");
      if (who === "basic") await logsIn(page, "admin", "guess");
      else await page.check("input[value=nothing]");
      await page.selectOption("#carrier", "ticket");
      let sockets = 0;
      page.on("websocket", () => { sockets += 1; });
      await page.click("#connect");
      await state(page, "refused");
      await logged(page, `POST /api/ws-ticket → 401 ${shown}`);
      assert.equal(sockets, 0);
      await page.close();
    });
  }

  for (const who of ["token", "basic"]) {
    test(`a first message with ${who} connects, and is not a chat message`, async () => {
      const { page, errors } = await open("websocket");
      await page.check(`input[value=${who}]`);
      await page.selectOption("#carrier", "message");
      await connect(page, "websocket");
      await says(page, "hello");
      assert.equal(await left(page), Infinity);
      const scheme = who === "token" ? "Bearer" : "Basic";
      const log = await logged(page, 'auth.v1 ← {"type":"auth_ok"}');
      assert.ok(log.includes(`auth.v1 → {"type":"auth","scheme":"${scheme}","credentials":"…"}`), log);
      assert.equal(await page.locator("#log li", { hasText: /^[\d:]+[←→]/ }).count(), 2, "hello, and its answer");
      assert.deepEqual(errors, []);
      await page.close();
    });
  }

  test("a first message with a wrong password closes the socket with 4401", async () => {
    const { page } = await open("websocket");
    await logsIn(page, "admin", "guess");
    await page.selectOption("#carrier", "message");
    await page.click("#connect");
    await state(page, "refused");
    await logged(page, "socket closed: 4401 invalid_credentials");
    await page.close();
  });

  moved("without a first message, the socket is closed with 4408", async () => {
    const { page } = await open("websocket");
    await page.check("input[value=nothing]");
    await page.selectOption("#carrier", "message");
    await page.click("#connect");
    await logged(page, "socket open");
    assert.equal(await page.textContent("#state"), "connecting");
    // The deadline is 10 s.
    demo.advance(10);
    await state(page, "refused");
    await logged(page, "socket closed: 4408 auth_timeout");
    await page.close();
  });

  test("Basic in a subprotocol is not tried, and the page suggests another way", async () => {
    const { page } = await open("websocket");
    await page.check("input[value=basic]");
    await page.click("#connect");
    await logged(page, "Choose a ticket or the first message");
    await state(page, "idle");
    await page.close();
  });
});

describe("the remaining time in the page", () => {
  for (const tab of ["websocket", "socketio"]) {
    test(`${tab}: the tutorial's token never ends, and a closed connection shows no time`, async () => {
      const { page } = await open(tab);
      await connect(page, tab);
      assert.equal(await left(page), Infinity);
      await page.click("#disconnect");
      await state(page, "closed");
      assert.equal(await page.textContent("#left"), "");
      await page.close();
    });

    test(`${tab}: the time counts down`, async () => {
      const { page } = await open(tab);
      await page.fill("#token", demo.token("1001", 100));
      await connect(page, tab);
      const first = await left(page);
      assert.ok(first > 60 && first <= 100, `${first} s`);
      await page.waitForFunction((text) => element("left").textContent !== text, await page.textContent("#left"));
      assert.ok(await left(page) < first);
      await page.close();
    });

    moved(`${tab}: a refresh extends it, and the connection outlives its first token`, async () => {
      const { page, errors } = await open(tab);
      const old = demo.token("1001", 600);
      await page.fill("#token", old);
      await connect(page, tab);
      await settled(page);
      demo.advance(545);
      await page.locator("#log li", { hasText: "auth_expiring" }).waitFor();
      assert.ok(await left(page) <= 60);

      await page.click("#refresh");
      await logged(page, "the connection uses the fresh token now");
      assert.ok(await left(page) > 600);
      const log = await page.textContent("#log");
      const answer = { websocket: 'auth.v1 ← {"type":"auth_ok","ttl":', socketio: 'auth_refresh ← {"ok":true,"ttl":' };
      assert.ok(log.includes(answer[tab]), log);
      const fresh = await page.inputValue("#token");
      assert.notEqual(fresh, old);
      assert.ok(!log.includes(fresh));

      demo.advance(600);
      await says(page, "still here");
      assert.equal(await page.locator("#log li", { hasText: /^[\d:]+[←→]/ }).count(), 4, "no chat but these two");
      assert.deepEqual(errors, []);
      await page.close();
    });

    test(`${tab}: another user's token is refused, and the old one stays`, async () => {
      const { page } = await open(tab);
      await page.fill("#token", demo.token("1001", 100));
      await connect(page, tab);
      await logsIn(page, "guest");
      await page.click("#refresh");
      await logged(page, { websocket: '"code":"invalid_credentials"', socketio: '"ok":false' }[tab]);
      assert.ok(await left(page) <= 100);
      await says(page, "still here");
      await page.close();
    });
  }

  moved("socketio: polling requests carry the fresh token", async () => {
    const { page } = await open("socketio");
    await page.selectOption("#place", "headers");
    await page.selectOption("#transport", "polling");
    await page.fill("#token", demo.token("1001", 600));
    await connect(page, "socketio");
    await page.click("#refresh");
    await logged(page, "the connection uses the fresh token now");
    demo.advance(600);
    const polled = page.waitForRequest((request) => request.method() === "POST" && request.url().includes("/socket.io/"));
    await says(page, "still here");
    assert.equal((await polled).headers().authorization, `Bearer ${await page.inputValue("#token")}`);
    await page.close();
  });

  test("a wrong password gets no fresh token, and nothing is sent over the connection", async () => {
    const { page } = await open("websocket");
    await connect(page, "websocket");
    await logsIn(page, "admin", "guess");
    await page.click("#refresh");
    const log = await logged(page, "POST /api/token → 401");
    assert.ok(!log.includes("auth.v1 →"), log);
    await state(page, "open");
    await page.close();
  });
});

describe("a logout in the page", () => {
  /** A page with the token that was given out to another page. */
  async function openWith(tab, token) {
    const { page } = await open(tab);
    await page.fill("#token", token);
    await connect(page, tab);
    return page;
  }

  /** A page of the other user, who is in by a first message. */
  async function guest(url = demo.url) {
    const { page } = await open("websocket", url);
    await logsIn(page, "guest");
    await page.selectOption("#carrier", "message");
    await connect(page, "websocket");
    return page;
  }

  const CLOSED = { websocket: "socket closed: 4403 revoked", socketio: "disconnected: revoked" };

  for (const [tab, second] of [["websocket", "socketio"], ["socketio", "websocket"]]) {
    test(`closes only what its token has opened, in ${tab} and in ${second} of a second page`, async () => {
      const token = demo.token("1001", 600);
      const pages = { own: await openWith(tab, token), second: await openWith(second, token) };
      const others = [await openWith(tab, demo.token("1001", 600)), await guest()];
      await pages.own.click("#log-out");
      await logged(pages.own, 'POST /api/logout → 200 {"revoked":"token"}');
      await state(pages.own, "revoked");
      await state(pages.second, "revoked");
      await logged(pages.own, CLOSED[tab]);
      await logged(pages.second, CLOSED[second]);
      for (const other of others) await says(other, "still here");

      await pages.own.click("#connect");
      await state(pages.own, "refused");
      for (const page of [...Object.values(pages), ...others]) await page.close();
    });
  }

  test("closes what was opened with a ticket bought with the token", async () => {
    const { page } = await open("websocket");
    await page.fill("#token", demo.token("1001", 600));
    await page.selectOption("#carrier", "ticket");
    await connect(page, "websocket");
    await page.click("#log-out");
    await state(page, "revoked");
    await page.close();
  });

  test("finds the connection after a refresh too", async () => {
    const page = await openWith("websocket", demo.token("1001", 600));
    await page.click("#refresh");
    await logged(page, "the connection uses the fresh token now");
    await page.click("#log-out");
    await state(page, "revoked");
    await page.close();
  });

  test("without a credential is refused", async () => {
    const { page } = await open("websocket");
    await page.check("input[value=nothing]");
    await page.click("#log-out");
    await logged(page, "POST /api/logout → 401 missing_credentials");
    await page.close();
  });

  // These revoke credentials that the other tests need.
  describe("of everything", () => {
    let own;
    beforeEach(async () => {
      own = await startDemo();
    });
    afterEach(() => own?.stop());

    test("closes all connections of the user and no others, and a new login works", async () => {
      const one = await open("websocket", own.url);
      await one.page.fill("#token", own.token("1001", 600));
      await connect(one.page, "websocket");
      const two = await open("socketio", own.url);
      await two.page.check("input[value=basic]");
      await connect(two.page, "socketio");
      const other = await guest(own.url);

      await one.page.click("#log-out-everywhere");
      await logged(one.page, 'POST /api/logout?everywhere=1 → 200 {"revoked":"everything"}');
      await state(one.page, "revoked");
      await state(two.page, "revoked");
      await says(other, "still here");

      // A login within the second of the logout is denied too.
      await past(two.page, 1000 * Math.ceil(Date.now() / 1000));
      await connect(two.page, "socketio");
      for (const { page } of [one, two, { page: other }]) await page.close();
    });

    test("is the effect of the tutorial's token, which is refused until a restart", async () => {
      const { page } = await open("websocket", own.url);
      assert.match(await page.textContent("#log-out-hint"), /tutorial's token is good again after a restart/);
      await connect(page, "websocket");
      const other = await guest(own.url);
      await page.click("#log-out");
      await logged(page, 'POST /api/logout → 200 {"revoked":"everything"}');
      await state(page, "revoked");
      await says(other, "still here");
      await page.click("#connect");
      await state(page, "refused");
      await logged(page, "GET /api/me → 401 revoked");
      await page.close();
      await other.close();

      await own.stop();
      own = await startDemo();
      const again = await open("websocket", own.url);
      await connect(again.page, "websocket");
      await again.page.close();
    });
  });
});

test("choosing another tab closes the old connection, and shows the tab's own state", async () => {
  const { page } = await open("websocket");
  await connect(page, "websocket");
  await page.click("#tab-socketio");
  await logged(page, "socket closed: 1000");
  await state(page, "idle");
  await page.close();
});

test("a ticket, a message, a refresh and a disconnect work with the keyboard alone", async () => {
  const { page } = await open("websocket");
  const focused = () => page.evaluate(() => document.activeElement.id);
  const tabTo = async (id, key = "Tab") => {
    for (let steps = 0; await focused() !== id; steps++) {
      assert.ok(steps < 20, `${id} is not reached`);
      await page.keyboard.press(key);
    }
  };
  await tabTo("carrier");
  await page.keyboard.type("ticket");
  assert.equal(await page.inputValue("#carrier"), "ticket");
  await tabTo("connect");
  await page.keyboard.press("Enter");
  await state(page, "open");
  assert.equal(await focused(), "message");
  await page.keyboard.type("hello");
  await page.keyboard.press("Enter");
  await page.getByText("← server response: hello", { exact: true }).waitFor();
  await tabTo("refresh", "Shift+Tab");
  await page.keyboard.press("Enter");
  await logged(page, "the connection uses the fresh token now");
  await tabTo("disconnect", "Shift+Tab");
  await page.keyboard.press("Enter");
  await state(page, "closed");
  assert.equal(await focused(), "connect");
  await page.close();
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

  test("a bad token shows 4401 with a reason, not 1006", async () => {
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
    // A cookie belongs to the host on all ports.
    await context.addCookies([{ name: "jwt", value: demo.token("1001", 60), url: demo.url }]);
    const page = await context.newPage();
    // The status on the wire: the browser hides a foreign one from the page and from the test.
    const urls = new Map();
    const seen = new Map();
    const network = await context.newCDPSession(page);
    await network.send("Network.enable");
    // The two come in any order, maybe after the page has continued.
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

  test("a form of a foreign page is refused in spite of the cookie, a request of the demo's own page is not", async () => {
    const context = await browser.newContext();
    await context.addCookies([{ name: "jwt", value: demo.token("1001", 60), url: demo.url }]);
    const page = await context.newPage();
    const action = `${demo.url}/api/ws-ticket`;
    await page.goto(demo.url);
    assert.equal(await page.evaluate(async (url) => (await fetch(url, { method: "POST" })).status, action), 200);
    await page.goto(`http://127.0.0.1:${foreign.address().port}`);
    const answer = page.waitForResponse(action);
    await page.evaluate((url) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action: url });
      document.documentElement.append(form);
      form.submit();
    }, action);
    const refused = await answer;
    assert.deepEqual([refused.status(), (await refused.json()).code], [403, "cross_site"]);
    assert.equal(await refused.request().headerValue("cookie").then((cookie) => cookie?.startsWith("jwt=")), true);
    await context.close();
  });

  for (const transport of ["polling", "websocket"]) {
    test(`a cookie connects the demo's own page over ${transport}, but not a foreign page`, async () => {
      assert.equal((await withCookie(demo.url, transport)).outcome, "connected");
      const foreignPage = await withCookie(`http://127.0.0.1:${foreign.address().port}`, transport);
      assert.equal(foreignPage.outcome, "TransportError");
      // With polling, the browser hides the answer from a foreign page anyway. The server must have refused it.
      if (transport === "polling") assert.deepEqual(foreignPage.statuses, [403]);
    });
  }
});
