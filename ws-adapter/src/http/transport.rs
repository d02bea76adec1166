use auth_core::Transport;
use http::{Method, header::UPGRADE, request::Parts};
use hyper::ext::Protocol;

/// Distinguishes a WebSocket handshake from a plain request.
///
/// A handshake is an HTTP/1.1 request with `websocket` in its `Upgrade` (RFC 6455, 4.1), or an HTTP/2 extended
/// `CONNECT` with `:protocol = websocket` (RFC 8441, 4). A request that only looks like one (another method, a list of
/// protocols) counts as one too: the rules for handshakes are stricter.
pub fn classify(parts: &Parts) -> Transport {
    let upgrade = parts.headers.get_all(UPGRADE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
    let mut upgrade = upgrade.map(<[u8]>::trim_ascii);
    let extended = || extended_connect(parts).is_some_and(is_websocket);
    if upgrade.any(|protocol| protocol.eq_ignore_ascii_case(b"websocket")) || extended() {
        Transport::WebSocket
    } else {
        Transport::Http
    }
}

/// Whether the head is followed by a stream of some protocol instead of a body (RFC 8441, 4; RFC 9220, 3).
pub fn is_extended_connect(parts: &Parts) -> bool {
    extended_connect(parts).is_some()
}

/// The `:protocol` of an extended `CONNECT`.
fn extended_connect(parts: &Parts) -> Option<&Protocol> {
    parts.extensions.get().filter(|_| parts.method == Method::CONNECT)
}

fn is_websocket(protocol: &Protocol) -> bool {
    protocol.as_str().eq_ignore_ascii_case("websocket")
}

#[cfg(test)]
mod tests {
    use http::{Request, request::Builder};

    use super::*;

    fn classified(builder: Builder) -> Transport {
        classify(&builder.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn plain_request_is_http() {
        assert_eq!(classified(Request::get("/")), Transport::Http);
        assert_eq!(classified(Request::get("/").header("upgrade", "h2c")), Transport::Http);
    }

    #[test]
    fn upgrade_to_websocket_is_a_handshake_in_any_case() {
        assert_eq!(classified(Request::get("/").header("upgrade", "WebSocket")), Transport::WebSocket);
    }

    #[test]
    fn request_that_resembles_a_handshake_counts_as_one() {
        assert_eq!(classified(Request::post("/").header("upgrade", "websocket")), Transport::WebSocket);
        assert_eq!(classified(Request::get("/").header("upgrade", "h2c, websocket")), Transport::WebSocket);
    }

    #[test]
    fn extended_connect_is_a_handshake_for_websocket_only() {
        let connect = |protocol| Request::connect("/").extension(Protocol::from_static(protocol));
        assert_eq!(classified(connect("websocket")), Transport::WebSocket);
        assert_eq!(classified(connect("connect-udp")), Transport::Http);
        assert_eq!(classified(Request::connect("example.com:443")), Transport::Http);
    }

    #[test]
    fn only_an_extended_connect_has_no_body() {
        let is_extended = |builder: Builder| is_extended_connect(&builder.body(()).unwrap().into_parts().0);
        for protocol in ["websocket", "connect-udp"] {
            assert!(is_extended(Request::connect("/").extension(Protocol::from_static(protocol))), "{protocol}");
        }
        assert!(!is_extended(Request::connect("example.com:443").header("upgrade", "websocket")));
        assert!(!is_extended(Request::post("/").header("upgrade", "websocket")));
        assert!(!is_extended(Request::get("/").header("upgrade", "websocket")));
    }
}
