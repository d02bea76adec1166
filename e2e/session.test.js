// The login of the demo in a real browser: the form, the cookie, the sockets that hang on it, and a foreign page.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { startBrowser } from "./lib/chromium.js";
import { MOVED_CLOCK, startDemo } from "./lib/demo.js";

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser?.close());

const HOUR = 3600;

/** A test with a demo and a browser profile of its own: `play({ demo, context, tab() })`. */
function inBrowser(name, play, ...flags) {
  test(name, async () => {
    const demo = await startDemo(...flags);
    const context = await browser.newContext();
    context.setDefaultTimeout(30_000);
    const tab = async () => {
      const page = await context.newPage();
      await page.goto(demo.url);
      return page;
    };
    try {
      await play({ demo, context, tab });
    } finally {
      await context.close();
      await demo.stop();
    }
  });
}

async function logIn(page, { username = "admin", password = "password", remember = false } = {}) {
  await page.check("input[value=session]");
  await page.fill("#login-username", username);
  await page.fill("#login-password", password);
  await page.setChecked("#login-remember", remember);
  await page.click("#login-send");
}

const logged = (page, text, log = "#log") => page.locator(`${log} li`, { hasText: text }).first().waitFor();
const other = (page, state) => page.waitForSelector(`#other-state.${state}`);
const cookieOf = async (context) => (await context.cookies()).find(({ name }) => name === "session");

inBrowser("a login is kept in a cookie that no script can read, and is found after a reload", async ({ context, tab }) => {
  const page = await tab();
  await logIn(page);
  await page.getByText("Logged in as admin").waitFor();
  const cookie = await cookieOf(context);
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Lax");
  assert.equal(cookie.path, "/");
  assert.equal(cookie.expires, -1, "it ends with the browser");
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal(await page.inputValue("#login-password"), "");

  await page.reload();
  await page.getByText("Logged in as admin").waitFor();
  await page.click("#me");
  await logged(page, '"strategy":"session"');
});

inBrowser("a wrong password is refused with a code, and leaves no cookie", async ({ context, tab }) => {
  const page = await tab();
  await logIn(page, { password: "guess" });
  await logged(page, "POST /login → 401 invalid_credentials");
  assert.equal(await cookieOf(context), undefined);
  assert.equal(await page.isVisible("#login"), true);
});

inBrowser("wrong passwords are throttled, with the time to wait, and the browser of the user is not", async ({ demo, tab }) => {
  const page = await tab();
  await logIn(page);
  await page.getByText("Logged in as admin").waitFor();
  await page.click("#log-out");
  await page.waitForSelector("#login:visible");

  const elsewhere = await browser.newContext();
  try {
    const stranger = await elsewhere.newPage();
    await stranger.goto(demo.url);
    for (const number of [0, 1]) {
      await logIn(stranger, { password: "guess" });
      await stranger.locator("#log li", { hasText: "401 invalid_credentials" }).nth(number).waitFor();
    }
    await logIn(stranger, { password: "guess" });
    await logged(stranger, "POST /login → 429 too_many_attempts, again in 60 s");
    await stranger.getByRole("alert").getByText(/Try again in (1:00|0:5\d)\./).waitFor();
    assert.equal(await stranger.isDisabled("#login-send"), true);
  } finally {
    await elsewhere.close();
  }
  await logIn(page);
  await page.getByText("Logged in as admin").waitFor();
}, "--login-failures", "2", "--login-wait", "60");

inBrowser("a user who registers can log in", async ({ tab }) => {
  const page = await tab();
  await page.check("input[value=session]");
  for (const [name, password, answer] of [
    ["Ann", "short", "POST /api/register → 422 password_too_short"],
    ["Admin", "correct horse battery", "POST /api/register → 409 name_taken"],
    ["Ann", "correct horse battery", "ann is registered"],
  ]) {
    await page.fill("#login-username", name);
    await page.fill("#login-password", password);
    await page.click("#register");
    await logged(page, answer);
    assert.equal(await page.inputValue("#login-password"), "");
  }
  await logIn(page, { username: "ann", password: "correct horse battery" });
  await page.getByText("Logged in as ann").waitFor();
});

inBrowser("the form works without a script", async ({ demo }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  try {
    const page = await context.newPage();
    const form = async (password) => {
      await page.goto(demo.url);
      const answered = page.waitForResponse((response) => new URL(response.url()).pathname === "/login");
      await page.fill("#login-password", password);
      await page.click("#login-send");
      const response = await answered;
      assert.equal(response.status(), 303);
      return response.headers().location;
    };
    assert.equal(await form("guess"), "/?error=invalid_credentials");
    assert.equal(await form("password"), "/");
    assert.notEqual(await cookieOf(context), undefined);
  } finally {
    await context.close();
  }
});

inBrowser("a remembered login has a cookie that outlives the browser", async ({ context, tab }) => {
  const page = await tab();
  await logIn(page, { remember: true });
  await page.getByText("Logged in as admin").waitFor();
  const { expires } = await cookieOf(context);
  const days = (expires - Date.now() / 1000) / (24 * HOUR);
  assert.ok(days > 1 && days <= 400, `${days} days`);
});

for (const [channel, open] of [["websocket", "open"], ["socketio", "connected"]]) {
  inBrowser(`a logout in one tab closes the sockets of the other, ${channel}`, async ({ context, tab }) => {
    const one = await tab();
    await logIn(one);
    await other(one, "open");
    const two = await tab();
    await two.getByText("Logged in as admin").waitFor();
    await two.click(`#tab-${channel}`);
    await two.click("#connect");
    await two.waitForSelector(`#state.${open}`);
    await other(two, "open");

    await one.click("#log-out");
    await logged(one, "POST /api/logout → 200");
    await two.waitForSelector("#state.revoked");
    await other(one, "revoked");
    await other(two, "revoked");
    await two.waitForSelector("#login:visible");
    assert.equal(await cookieOf(context), undefined);
  });
}

inBrowser("the device list ends the other browser", async ({ demo, tab }) => {
  const elsewhere = await browser.newContext();
  elsewhere.setDefaultTimeout(30_000);
  try {
    const there = await elsewhere.newPage();
    await there.goto(demo.url);
    await logIn(there);
    await other(there, "open");
    const here = await tab();
    await logIn(here);
    await other(here, "open");
    const devices = here.locator("#devices li");
    await devices.nth(1).waitFor();
    assert.equal(await devices.count(), 2);
    assert.equal(await devices.filter({ hasText: "this one" }).count(), 1);
    assert.match(await devices.first().textContent(), /Chrom\w+ on \w+/);

    await here.getByRole("button", { name: /^End / }).click();
    await logged(here, /DELETE \/api\/sessions\/[\w-]{22} → 204/);
    await other(there, "revoked");
    await there.waitForSelector("#login:visible");
    assert.equal(await cookieOf(elsewhere), undefined);
    await devices.nth(1).waitFor({ state: "detached" });
    assert.equal(await devices.count(), 1);
    await here.click("#me");
    await logged(here, '"strategy":"session"');
    await other(here, "open");
  } finally {
    await elsewhere.close();
  }
});

inBrowser("a login that was not used for an hour has ended, and its socket with it", async ({ demo, tab }) => {
  const page = await tab();
  await logIn(page);
  await other(page, "open");
  demo.advance(HOUR);
  await other(page, "expired");
  await page.waitForSelector("#login:visible");
  const response = await page.evaluate(() => fetch("/api/session").then((response) => response.status));
  assert.equal(response, 401);
}, MOVED_CLOCK);

inBrowser("a login that another tab uses keeps the socket of this one", async ({ demo, tab }) => {
  const one = await tab();
  await logIn(one);
  await other(one, "open");
  demo.advance(HOUR / 2);
  const two = await tab();
  await two.getByText("Logged in as admin").waitFor();
  await two.click("#me");
  await logged(two, '"strategy":"session"');
  demo.advance(HOUR / 2 + 60);
  await two.click("#me");
  await two.locator("#log li", { hasText: '"strategy":"session"' }).nth(1).waitFor();
  await other(one, "open");
}, MOVED_CLOCK);

inBrowser("a form and a script of a foreign page are refused, with the login of the browser", async ({ demo, context, tab }) => {
  const page = await tab();
  await logIn(page);
  await other(page, "open");

  const evil = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<form method="post" action="${demo.url}/api/logout?everywhere=1"></form>
      <form id="login" method="post" action="${demo.url}/login">
        <input name="username" value="guest"><input name="password" value="password"></form>`);
  });
  await new Promise((resolve) => { evil.listen(0, "127.0.0.1", resolve); });
  try {
    for (const [form, path] of [["form", "/api/logout"], ["#login", "/login"]]) {
      const foreign = await context.newPage();
      // The same site, another origin: SameSite does not help here, and the cookie comes along.
      await foreign.goto(`http://127.0.0.1:${evil.address().port}/`);
      const answered = foreign.waitForResponse((response) => new URL(response.url()).pathname === path);
      await foreign.evaluate((form) => document.querySelector(form).submit(), form);
      const response = await answered;
      assert.equal(response.status(), 403, path);
      assert.match(response.headers()["content-type"], /problem\+json/);
      // A page that is closed while it navigates may never say so.
      await foreign.waitForURL((url) => url.pathname === path);
      await foreign.close();
    }
    await other(page, "open");
    await page.reload();
    await page.getByText("Logged in as admin").waitFor();
  } finally {
    evil.close();
  }
});
