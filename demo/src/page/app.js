"use strict";

const TUTORIAL_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMDAxIiwibmFtZSI6ImFkbWluIiwiaWF0IjoxNTE2MDQ0NDQ0fQ.aWj5grFWJwcsbgxNJ7HdfL5PUfD8fMh9GwXutuR86GE";

const element = (id) => document.getElementById(id);
const how = () => document.querySelector("input[name=how]:checked").value;

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

/** One tab each: `{ path, open(), send(text), close() }`; the files after this one fill it in. */
const channels = {};
let current = null;

/** `open` and `connected` are in; everything else is not. */
function show(state) {
  element("state").textContent = state;
  element("state").className = `pill ${state}`;
  const open = state === "open" || state === "connected";
  const busy = open || state === "connecting";
  for (const id of ["connect", "place", "transport"]) element(id).disabled = busy;
  for (const id of ["message", "send"]) element(id).disabled = !open;
  element("disconnect").disabled = !busy;
  if (open) element("message").focus();
}

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
  element("socketio-fields").hidden = name !== "socketio";
  element("connect").textContent = `Connect to ${channels[name].path}`;
  show("idle");
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
