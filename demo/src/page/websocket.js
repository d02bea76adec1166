"use strict";

{
  let socket = null;

  function open() {
    if (how() === "basic") {
      log("A page cannot send Basic to a WebSocket. Get a token with it, then connect.", "bad");
      return;
    }
    const url = new URL("/ws", location.href.replace(/^http/, "ws"));
    const protocols = how() === "token" ? ["auth.v1", `auth.bearer.${toBase64Url(element("token").value.trim())}`] : [];
    let opened = false;
    show("connecting");
    const own = new WebSocket(url, protocols);
    socket = own;
    own.onopen = () => {
      if (socket !== own) return;
      opened = true;
      show("open");
      log(`socket open${own.protocol ? `, subprotocol ${own.protocol}` : ""}`, "good");
    };
    own.onmessage = (event) => log(`← ${event.data}`);
    own.onclose = async (event) => {
      // Another tab was chosen meanwhile.
      if (socket !== own) return;
      socket = null;
      if (!opened) {
        show("refused");
        log("socket refused; a browser hides why, so the route is asked with the same credential:", "bad");
        if (await ask("GET", "/api/me")) {
          log("the route takes it: so the token has just ended, or this page may not open sockets", "bad");
        }
        return;
      }
      const refused = event.code === 4401 || event.code === 4403;
      show(event.reason === "token_expired" ? "expired" : refused ? "refused" : "closed");
      log(`socket closed: ${event.code}${event.reason ? ` ${event.reason}` : ""}`, event.code === 1000 ? "" : "bad");
    };
  }

  channels.websocket = {
    path: "/ws",
    open,
    send(message) {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(message);
      return true;
    },
    close() {
      if (!socket) return;
      const open = socket.readyState === WebSocket.OPEN;
      socket.close(1000);
      // What has not opened yet would look refused.
      if (!open) {
        socket = null;
        show("closed");
      }
    },
  };
}

choose("websocket");
