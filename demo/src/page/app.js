"use strict";

const TUTORIAL_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMDAxIiwibmFtZSI6ImFkbWluIiwiaWF0IjoxNTE2MDQ0NDQ0fQ.aWj5grFWJwcsbgxNJ7HdfL5PUfD8fMh9GwXutuR86GE";

const element = (id) => document.getElementById(id);
const how = () => document.querySelector("input[name=how]:checked").value;
let socket = null;

element("token").value = TUTORIAL_TOKEN;

function log(text, kind = "") {
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString("en-GB");
  const what = document.createElement("span");
  what.className = kind;
  what.textContent = text;
  const line = document.createElement("li");
  line.append(time, what);
  element("log").append(line);
  line.scrollIntoView({ block: "nearest" });
}

function show(state) {
  element("state").textContent = state;
  element("state").className = `pill ${state}`;
  const open = state === "open";
  element("connect").disabled = open || state === "connecting";
  for (const id of ["disconnect", "message", "send"]) element(id).disabled = !open;
  if (open) element("message").focus();
}

function showFields() {
  for (const name of ["nothing", "token", "basic"]) element(`${name}-fields`).hidden = name !== how();
}

const toBase64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const toBase64Url = (text) => toBase64(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function authorization() {
  if (how() === "token") return { Authorization: `Bearer ${element("token").value.trim()}` };
  if (how() === "basic") {
    return { Authorization: `Basic ${toBase64(`${element("username").value}:${element("password").value}`)}` };
  }
  return {};
}

/** Asks a route and says in the log what it answered, challenges included. */
async function ask(method, path) {
  let response;
  try {
    // Without `omit`, a browser would ask for a password of its own when Basic is refused.
    response = await fetch(path, { method, headers: authorization(), credentials: "omit", cache: "no-store" });
  } catch {
    log(`${method} ${path} → no answer; is the server running?`, "bad");
    return null;
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) {
    log(`${method} ${path} → ${response.status} ${JSON.stringify({ ...answer, ...(answer.token && { token: "…" }) })}`, "good");
    return answer;
  }
  const challenges = response.headers.get("WWW-Authenticate");
  log(`${method} ${path} → ${response.status} ${answer.code ?? ""}${challenges ? `\n${challenges}` : ""}`, "bad");
  return null;
}

function connect() {
  if (how() === "basic") {
    log("A page cannot send Basic to a socket. Get a token with it, then connect.", "bad");
    return;
  }
  const url = new URL("/ws", location.href.replace(/^http/, "ws"));
  const protocols = how() === "token" ? ["auth.v1", `auth.bearer.${toBase64Url(element("token").value.trim())}`] : [];
  let opened = false;
  show("connecting");
  socket = new WebSocket(url, protocols);
  socket.onopen = () => {
    opened = true;
    show("open");
    log(`socket open${socket.protocol ? `, subprotocol ${socket.protocol}` : ""}`, "good");
  };
  socket.onmessage = (event) => log(`← ${event.data}`);
  socket.onclose = async (event) => {
    socket = null;
    if (!opened) {
      show("refused");
      log("socket refused; a browser hides why, so the route is asked with the same credential:", "bad");
      await ask("GET", "/api/me");
      return;
    }
    show(event.reason === "token_expired" ? "expired" : "closed");
    log(`socket closed: ${event.code}${event.reason ? ` ${event.reason}` : ""}`, event.code === 1000 ? "" : "bad");
  };
}

element("me").onclick = () => ask("GET", "/api/me");
element("get-token").onclick = async () => {
  const answer = await ask("POST", "/api/token");
  if (answer) {
    element("token").value = answer.token;
    document.querySelector("input[value=token]").checked = true;
    showFields();
    log(`a fresh token is filled in; it is good for ${answer.expires_in} seconds`);
  }
};
element("connect").onclick = connect;
element("disconnect").onclick = () => socket?.close(1000);
element("send-form").onsubmit = (event) => {
  event.preventDefault();
  const message = element("message").value;
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(message);
  log(`→ ${message}`);
  element("message").value = "";
};
for (const radio of document.querySelectorAll("input[name=how]")) radio.onchange = showFields;
showFields();
