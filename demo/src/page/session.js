"use strict";

{
  const other = (text, kind = "") => log(text, kind, "other-log");

  /** The socket of the other pane. */
  let socket = null;
  /** Whose login it was opened for: it is not opened again and again. */
  let watched;

  /** Asks whose login the cookie is. Nothing but the session strategy answers there, so no password prompt comes up. */
  async function look() {
    const response = await fetch("/api/session", { cache: "no-store" }).catch(() => null);
    // Read in any case, or the browser keeps the request open.
    const answer = await response?.json().catch(() => null);
    // Otherwise the server is down, and the login may still be good.
    if (response?.ok) showSession(answer);
    else if (response?.status === 401) showSession(null);
  }

  function showSession(found) {
    session = found;
    element("login").hidden = session !== null;
    element("logged-in").hidden = session === null;
    element("logged-in-as").textContent = session?.name ?? "";
    listDevices();
    if (session?.id !== watched) {
      watched = session?.id;
      if (session && !socket) watch();
    }
  }

  /** Shows where the user is logged in. */
  async function listDevices() {
    const asked = session;
    const response = asked && await fetch("/api/sessions", { cache: "no-store" }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    // Somebody has asked again meanwhile.
    if (session !== asked) return;
    const logins = response?.ok && answer ? answer : [];
    element("devices").hidden = logins.length === 0;
    element("devices").replaceChildren(...logins.map(device));
  }

  function device({ sid, label, used_at, current }) {
    const line = document.createElement("li");
    const what = document.createElement("span");
    const used = new Date(1000 * used_at).toLocaleTimeString("en-GB");
    what.textContent = `${label ?? "unknown"}, ${current ? "this one" : `last used ${used}`}`;
    line.append(what);
    if (!current) {
      const end = document.createElement("button");
      end.type = "button";
      end.textContent = "End";
      end.setAttribute("aria-label", `End ${what.textContent}`);
      end.onclick = async () => {
        end.disabled = true;
        await ask("DELETE", `/api/sessions/${sid}`, COOKIE);
        await look();
      };
      line.append(end);
    }
    return line;
  }

  function showOther(state) {
    element("other-state").textContent = state;
    element("other-state").className = `pill ${state}`;
  }

  /** Opens the socket of the other pane. */
  function watch() {
    element("other").hidden = false;
    const own = new WebSocket(new URL("/ws", location.href.replace(/^http/, "ws")), ["auth.v1"]);
    socket = own;
    showOther("connecting");
    own.onopen = () => {
      showOther("open");
      other(`socket open for ${session?.name ?? "the login"}`, "good");
    };
    own.onmessage = ({ data }) => other(`← ${data}`);
    own.onclose = ({ code, reason }) => {
      if (socket !== own) return;
      socket = null;
      showOther(stateAfter(reason) ?? "closed");
      other(`socket closed: ${code}${reason ? ` ${reason}` : ""}`, "bad");
      look();
    };
  }

  /** When a throttled user may try again, in milliseconds. */
  let again = 0;

  function waitFor(seconds) {
    again = Date.now() + 1000 * seconds;
    showWait();
  }

  function showWait() {
    const left = Math.max(0, Math.ceil((again - Date.now()) / 1000));
    element("login-wait").hidden = left === 0;
    element("login-wait").textContent = `Too many wrong passwords. Try again in ${clock(left)}.`;
    element("login-send").disabled = left > 0;
  }

  setInterval(() => { if (again) showWait(); }, 250);
  // Another user need not wait.
  element("login-username").oninput = () => waitFor(0);

  /** Sends name and password, with more fields, and forgets the password. */
  async function sendLogin(path, more) {
    const [username, password] = ["login-username", "login-password"].map((id) => element(id).value);
    element("login-password").value = "";
    const refused = (status, wait) => { if (status === 429) waitFor(wait); };
    return ask("POST", path, COOKIE, { username, password, ...more }, refused);
  }

  element("login").onsubmit = async (event) => {
    event.preventDefault();
    if (await sendLogin("/login", { remember: element("login-remember").checked })) await look();
    else element("login-password").focus();
  };

  element("register").hidden = false;
  element("register").onclick = async () => {
    if (!element("login").reportValidity()) return;
    const answer = await sendLogin("/api/register", {});
    if (answer) log(`${answer.name} is registered, and may log in`);
    element("login-password").focus();
  };

  const query = new URLSearchParams(location.search);
  const error = query.get("error");
  if (error) {
    // The form was sent without a script.
    log(`POST /login → ${error}`, "bad");
    waitFor(Number(query.get("retryAfter")) || 0);
    history.replaceState(null, "", location.pathname);
  }
  look().then(() => {
    if (!session && !error) return;
    document.querySelector("input[value=session]").checked = true;
    showFields();
  });

  globalThis.look = look;
  globalThis.logOut = async (path) => {
    if (how() === "session") await look();
    const answer = await ask("POST", path);
    if (how() === "session") await look();
    return answer;
  };
}
