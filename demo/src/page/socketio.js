"use strict";

{
  const TRANSPORTS = { upgrade: ["polling", "websocket"], polling: ["polling"], websocket: ["websocket"] };
  let socket = null;
  /** The headers of its requests, as long as it polls. */
  let headers = null;

  /** What goes into `auth`; the same two fields that the tutorial's other strategies would read. */
  function auth() {
    if (how() === "token") return { token: element("token").value.trim() };
    if (how() === "basic") return { username: element("username").value, password: element("password").value };
    return {};
  }

  /** Refused at CONNECT, there is a code. Refused before, there is an HTTP answer, if the browser shows it. */
  function why(error) {
    const { status, responseText } = error.context ?? {};
    if (error.type !== "TransportError") return error.message;
    if (!status) return `${error.message}; a browser hides why`;
    try {
      return `HTTP ${status} ${JSON.parse(responseText).code}`;
    } catch {
      return `HTTP ${status}`;
    }
  }

  function open() {
    const inHeaders = element("place").value === "headers";
    const transports = TRANSPORTS[element("transport").value];
    if (inHeaders && ["token", "basic"].includes(how()) && transports.includes("websocket")) {
      log("A page can set headers when polling only: extraHeaders would be missing on the WebSocket. Choose polling.", "bad");
      return;
    }
    show("connecting");
    const seconds = lifetime();
    headers = inHeaders ? authorization() : null;
    const own = io({
      transports,
      // Share nothing with an earlier try. The log shows one try at a time.
      forceNew: true,
      reconnection: false,
      ...(inHeaders ? { extraHeaders: headers } : { auth: auth() }),
    });
    socket = own;
    let reason = "";

    own.on("connect", () => {
      if (socket !== own) return;
      show("connected");
      endsIn(seconds);
      log(`connected over ${own.io.engine.transport.name}`, "good");
      own.io.engine.once("upgrade", (transport) => log(`upgraded to ${transport.name}`));
    });
    own.on("message", (message) => log(`← ${message}`));
    own.on("connect_error", (error) => {
      if (socket !== own) return;
      log(`refused: ${why(error)}`, "bad");
      end(own, "refused");
    });
    own.on("auth_expiring", (expiring) => {
      logAuth("auth_expiring ←", expiring, "wait");
      if (socket === own) endsIn(expiring.ttl);
    });
    own.on("auth_closed", (closed) => { reason = closed.reason; });
    own.on("disconnect", (why) => {
      if (socket !== own) return;
      log(`disconnected: ${reason || why}`, reason ? "bad" : "");
      end(own, stateAfter(reason) ?? "closed");
    });
  }

  /** `own` is over; whatever it still has to say is passed over. */
  function end(own, state) {
    socket = null;
    own.disconnect();
    show(state);
  }

  channels.socketio = {
    path: "/socket.io/",
    open,
    send(message) {
      if (!socket?.connected) return false;
      socket.emit("message", message);
      return true;
    },
    async refresh(token) {
      const own = socket;
      if (!own?.connected) return false;
      logAuth("auth_refresh →", { token }, "soft");
      let answer;
      try {
        answer = await own.timeout(5000).emitWithAck("auth_refresh", { token });
      } catch {
        log("auth_refresh ← no answer", "bad");
        return false;
      }
      logAuth("auth_refresh ←", answer, answer.ok ? "good" : "bad");
      if (socket !== own || !answer.ok) return false;
      // Later polling requests carry the new headers.
      if (headers) headers.Authorization = `Bearer ${token}`;
      endsIn(answer.ttl);
      return true;
    },
    close() {
      if (!socket) return;
      if (socket.connected) socket.disconnect();
      else end(socket, "closed");
    },
  };
}
