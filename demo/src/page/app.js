"use strict";

const TUTORIAL_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMDAxIiwibmFtZSI6ImFkbWluIiwiaWF0IjoxNTE2MDQ0NDQ0fQ.aWj5grFWJwcsbgxNJ7HdfL5PUfD8fMh9GwXutuR86GE";

const element = (id) => document.getElementById(id);
const how = () => document.querySelector("input[name=how]:checked").value;

element("token").value = TUTORIAL_TOKEN;

function log(text, kind = "", where = "log") {
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString("en-GB");
  const what = document.createElement("span");
  what.className = kind;
  what.textContent = text;
  const line = document.createElement("li");
  line.append(time, what);
  element(where).append(line);
  line.scrollIntoView({ block: "nearest" });
}

/** A message about credentials, and not of the application. */
function logAuth(what, message, kind) {
  log(`${what} ${JSON.stringify(message, hideSecrets)}`, kind);
}

const hideSecrets = (name, value) => (["token", "access_token", "refresh_token", "ticket", "credentials"].includes(name) ? "…" : value);

/**
 * One tab each: `{ path, open(), send(text), refresh(token), close() }`; the files after this one fill it in. `refresh`
 * waits for the answer, and gives whether the token was taken.
 */
const channels = {};
let current = null;

/** `open` and `connected` are in; everything else is not. */
function show(state) {
  const wasLeft = document.activeElement === element("disconnect");
  element("state").textContent = state;
  element("state").className = `pill ${state}`;
  const open = state === "open" || state === "connected";
  const busy = open || state === "connecting";
  for (const id of ["connect", "carrier", "place", "transport"]) element(id).disabled = busy;
  for (const id of ["message", "send", "refresh"]) element(id).disabled = !open;
  element("disconnect").disabled = !busy;
  if (open) element("message").focus();
  else {
    end = null;
    showLeft();
    // A disabled button would lose the keyboard focus.
    if (wasLeft && !busy) element("connect").focus();
  }
}

/** The state of a connection that the server has ended for this reason; `undefined` if it has nothing against the user. */
const stateAfter = (reason) => ({
  token_expired: "expired",
  revoked: "revoked",
  invalid_credentials: "refused",
  forbidden: "refused",
  auth_timeout: "refused",
  too_many_connections: "refused",
  displaced: "refused",
})[reason];

/** When the open connection ends, in milliseconds; `Infinity` if never, and `null` if none is open. */
let end = null;

/** The open connection ends in so many seconds; never, if that is `undefined`. */
function endsIn(seconds) {
  end = seconds === undefined ? Infinity : Date.now() + 1000 * seconds;
  showLeft();
}

function showLeft() {
  const left = end === null ? null : Math.max(0, Math.ceil((end - Date.now()) / 1000));
  element("left").textContent = left === null ? "" : left === Infinity ? "never ends" : `${clock(left)} left`;
  element("left").classList.toggle("soon", left !== null && left <= 60);
}

/** `14:59`, or `1:00:00`. */
function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

setInterval(showLeft, 250);

function choose(name) {
  if (current === name) return;
  channels[current]?.close();
  current = name;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const selected = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = selected ? 0 : -1;
  }
  element("panel").setAttribute("aria-labelledby", `tab-${name}`);
  for (const other of ["websocket", "socketio"]) element(`${other}-fields`).hidden = other !== name;
  showPath();
  show("idle");
}

function showPath() {
  element("connect").textContent = `Connect to ${channels[current].path}`;
}

function showFields() {
  for (const name of ["nothing", "token", "basic", "session"]) element(`${name}-fields`).hidden = name !== how();
  for (const channel of Object.values(channels)) channel.chosen?.();
  if (current) showPath();
}

const toBase64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const toBase64Url = (text) => toBase64(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** What is presented if the browser is to add the cookie of the login. */
const COOKIE = {};

/** The login of this browser: `{ name, expires_in }`; `null` if there is none. The next file keeps it. */
let session = null;

/** What is presented: `{ scheme, credentials }`, as in `Authorization`, or `COOKIE`; `null` for nobody. */
function presented() {
  if (how() === "session") return session && COOKIE;
  if (how() === "token") return { scheme: "Bearer", credentials: element("token").value.trim() };
  return how() === "basic" ? login() : null;
}

function login() {
  return { scheme: "Basic", credentials: toBase64(`${element("username").value}:${element("password").value}`) };
}

function authorization(who = presented()) {
  return who?.scheme ? { Authorization: `${who.scheme} ${who.credentials}` } : {};
}

/** In how many seconds what is presented ends; `undefined` if never. The server has the last word, by its own clock. */
function lifetime() {
  if (how() === "session") return session?.expires_in;
  if (how() !== "token") return undefined;
  try {
    const payload = element("token").value.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(payload));
    return exp === undefined ? undefined : exp - Date.now() / 1000;
  } catch {
    return undefined;
  }
}

/**
 * Asks a route and says in the log what it answered, challenges included. With a `body`, it is sent as JSON. Without content in
 * the answer, the result is an empty object. `refused` is called with the
 * status of a refusal, and the seconds to wait.
 */
async function ask(method, path, who = presented(), body = undefined, refused = () => {}) {
  const headers = { ...authorization(who), ...(body && { "Content-Type": "application/json" }) };
  // Without `omit`, the browser shows its own password prompt when Basic is refused.
  const credentials = who === COOKIE ? "same-origin" : "omit";
  let response;
  try {
    response = await fetch(path, { method, headers, credentials, cache: "no-store", body: body && JSON.stringify(body) });
  } catch {
    log(`${method} ${path} → no answer; is the server running?`, "bad");
    return null;
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) {
    log(`${method} ${path} → ${response.status}${response.status === 204 ? "" : ` ${JSON.stringify(answer, hideSecrets)}`}`, "good");
    return answer;
  }
  const challenges = response.headers.get("WWW-Authenticate");
  const wait = response.headers.get("Retry-After");
  refused(response.status, Number(wait));
  log(`${method} ${path} → ${response.status} ${answer.code ?? ""}${wait ? `, again in ${wait} s` : ""}${challenges ? `\n${challenges}` : ""}`, "bad");
  return null;
}

element("me").onclick = async () => {
  if (how() === "session") await look();
  await ask("GET", "/api/me");
};

/** Gets the next token of the login. It is lost when the page is closed. */
let refreshToken = null;

function fillIn({ token, refresh_token }) {
  element("token").value = token;
  refreshToken = refresh_token;
}

/** The next tokens of the login that was begun here; a new login, if there is none. */
async function freshTokens() {
  let answer = null;
  let isDead = true;
  if (how() === "token" && refreshToken) {
    // Without an answer, or after a 503, the same token is good again.
    isDead = false;
    const refused = (status) => { isDead = status === 400; };
    answer = await ask("POST", "/api/refresh", null, { refresh_token: refreshToken }, refused);
    if (answer) answer.token = answer.access_token;
  }
  if (isDead) answer = await ask("POST", "/api/token", login());
  if (answer) refreshToken = answer.refresh_token;
  return answer;
}

// The refresh token belongs to the token that was filled in.
element("token").oninput = () => { refreshToken = null; };
element("get-token").onclick = async () => {
  // The route takes Basic alone. With the cookie, the browser would ask for a password.
  const answer = await ask("POST", "/api/token", how() === "session" ? login() : presented());
  if (answer) {
    fillIn(answer);
    document.querySelector("input[value=token]").checked = true;
    showFields();
    log(`a fresh token is filled in; it is good for ${answer.expires_in} seconds`);
  }
};
element("log-out").onclick = () => logOut("/api/logout");
element("log-out-everywhere").onclick = () => logOut("/api/logout?everywhere=1");
let refreshing = false;
element("refresh").onclick = async () => {
  // A second refresh before the answer would count as a wrong credential.
  if (refreshing) return;
  refreshing = true;
  try {
    const answer = await freshTokens();
    if (answer && await channels[current].refresh(answer.token)) {
      // With the old token, a logout would no longer find the connection.
      fillIn(answer);
      log("the connection uses the fresh token now; it is filled in, too");
    }
  } finally {
    refreshing = false;
  }
};
element("connect").onclick = () => channels[current].open();
element("disconnect").onclick = () => channels[current].close();
for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.onclick = () => choose(tab.id.replace("tab-", ""));
  tab.onkeydown = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    choose(current === "socketio" ? "websocket" : "socketio");
    element(`tab-${current}`).focus();
  };
}
element("send-form").onsubmit = (event) => {
  event.preventDefault();
  const message = element("message").value;
  if (!channels[current].send(message)) return;
  log(`→ ${message}`);
  element("message").value = "";
};
for (const radio of document.querySelectorAll("input[name=how]")) radio.onchange = showFields;
showFields();
