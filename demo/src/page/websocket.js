"use strict";

{
  const PATHS = { subprotocol: "/ws", ticket: "/ws?ticket=…", message: "/ws-first-message", cookie: "/ws" };
  const HINTS = {
    subprotocol: "The token goes next to auth.v1, as base64url after auth.bearer.",
    ticket: "A ticket is fetched right before, with the credential you chose. It works once, within 30 seconds.",
    message: "The socket opens for anyone, and waits 10 seconds for a message with your credential.",
    cookie: "The browser adds the cookie of the login by itself, for pages of this server alone.",
  };
  const carrier = () => (how() === "session" ? "cookie" : element("carrier").value);

  const KINDS = { auth_ok: "good", auth_error: "bad", auth_expiring: "wait" };

  /** The try that is under way or open: `{ who, lifetime, socket, isIn, answered }`; an earlier one changes nothing any more. */
  let attempt = null;

  async function open() {
    if (how() === "basic" && carrier() === "subprotocol") {
      log("A page cannot send Basic in a subprotocol. Choose a ticket or the first message, or get a token with it.", "bad");
      return;
    }
    const own = { who: presented(), lifetime: lifetime(), socket: null, isIn: false, answered: null };
    attempt = own;
    show("connecting");
    const url = new URL(carrier() === "message" ? "/ws-first-message" : "/ws", location.href.replace(/^http/, "ws"));
    if (carrier() === "ticket") {
      const answer = await ask("POST", "/api/ws-ticket", own.who);
      // The user has given up meanwhile.
      if (attempt !== own) return;
      if (!answer) return end(own, "refused");
      url.searchParams.set("ticket", answer.ticket);
    }
    // A socket that speaks `auth.v1` can be refreshed.
    const token = own.who && carrier() === "subprotocol" ? [`auth.bearer.${toBase64Url(own.who.credentials)}`] : [];
    own.socket = new WebSocket(url, ["auth.v1", ...token]);
    listen(own, carrier() === "message");
  }

  function listen(own, inFirstMessage) {
    const { socket, who } = own;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      log(`socket open${socket.protocol ? `, subprotocol ${socket.protocol}` : ""}`, "good");
      if (!inFirstMessage) enter(own, own.lifetime);
      else if (who) present(own, who);
      else log("without a credential there is no first message; the server waits 10 seconds");
    };
    socket.onmessage = (event) => {
      const auth = authMessage(event.data);
      if (auth) heard(own, auth);
      else log(`← ${event.data}`);
    };
    socket.onclose = async ({ code, reason }) => {
      own.answered?.(false);
      if (opened) {
        log(`socket closed: ${code}${reason ? ` ${reason}` : ""}`, code === 1000 ? "" : "bad");
        end(own, stateAfter(reason) ?? (code === 4401 || code === 4403 ? "refused" : "closed"));
      } else if (attempt === own) {
        end(own, "refused");
        log("socket refused; a browser hides why, so the route is asked with the same credential:", "bad");
        if (await ask("GET", who === COOKIE ? "/api/session" : "/api/me", who)) {
          log("the route takes it: so it has just ended, or this page may not open sockets", "bad");
        }
      }
    };
  }

  /** What the server says of credentials; `null` if the message is the application's. */
  function authMessage(text) {
    try {
      const message = JSON.parse(text);
      return ["auth_ok", "auth_error", "auth_expiring"].includes(message?.type) ? message : null;
    } catch {
      return null;
    }
  }

  function heard(own, message) {
    logAuth("auth.v1 ←", message, KINDS[message.type]);
    if (attempt !== own) return;
    if (message.type === "auth_ok") enter(own, message.ttl);
    if (message.type === "auth_expiring") endsIn(message.ttl);
    else own.answered?.(message.type === "auth_ok");
  }

  /** `own` is in, for so many seconds. */
  function enter(own, seconds) {
    if (attempt !== own) return;
    if (!own.isIn) show("open");
    own.isIn = true;
    endsIn(seconds);
  }

  function present(own, who) {
    const message = { type: "auth", ...who };
    own.socket.send(JSON.stringify(message));
    logAuth("auth.v1 →", message, "soft");
  }

  /** `own` is over. */
  function end(own, state) {
    if (attempt !== own) return;
    attempt = null;
    show(state);
  }

  channels.websocket = {
    get path() {
      return PATHS[carrier()];
    },
    open,
    /** Another credential, or another place for it, was chosen. */
    chosen() {
      element("carrier-row").hidden = carrier() === "cookie";
      element("carrier-hint").textContent = HINTS[carrier()];
    },
    send(message) {
      if (attempt?.socket?.readyState !== WebSocket.OPEN) return false;
      attempt.socket.send(message);
      return true;
    },
    refresh(token) {
      const own = attempt;
      if (own?.socket?.readyState !== WebSocket.OPEN) return false;
      present(own, { scheme: "Bearer", credentials: token });
      return new Promise((resolve) => { own.answered = resolve; });
    },
    close() {
      if (!attempt) return;
      attempt.socket?.close(1000);
      // At once: another tab may be shown by the time the peer answers.
      end(attempt, "closed");
    },
  };

  element("carrier").onchange = () => {
    channels.websocket.chosen();
    showPath();
  };
  channels.websocket.chosen();
}

choose("websocket");
