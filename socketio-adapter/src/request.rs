use std::str::FromStr;

use auth_core::{Refusal, Transport};
use http::{
    Method, StatusCode, Version,
    header::{HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION},
    request::Parts,
};
use socketioxide::socket::Sid;

use ws_adapter::adapter::{classify, is_extended_connect};

/// Where a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To engine.io.
    Engine,
    /// Below the path of engine.io, where it would still answer. Clients do not use such paths, so they are refused.
    Near,
    /// To the application.
    Elsewhere,
}

impl Route {
    /// Compares as text, as the service behind does: nothing is decoded, and no dots are resolved.
    pub(super) fn of(path: &str, engine: &str) -> Self {
        match path.strip_prefix(engine.trim_end_matches('/')) {
            Some("" | "/") => Self::Engine,
            Some(rest) if rest.starts_with('/') => Self::Near,
            _ => Self::Elsewhere,
        }
    }
}

/// The transport of a request to engine.io: a handshake, or Socket.IO.
pub(super) fn transport_of(parts: &Parts) -> Transport {
    match classify(parts) {
        Transport::WebSocket => Transport::WebSocket,
        _ => Transport::SocketIo,
    }
}

/// What a request asks of engine.io.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EngineRequest {
    /// Opens a transport by polling.
    Open,
    /// Opens a transport that is a WebSocket from the start.
    OpenSocket,
    /// Waits for messages.
    Poll(Sid),
    /// Brings messages.
    Post(Sid),
    /// Turns a transport that polls into a WebSocket.
    Upgrade(Sid),
}

impl EngineRequest {
    /// Reads the query as engine.io does (raw, without decoding), and refuses what could be read in two ways.
    pub(super) fn of(parts: &Parts, transport: Transport) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        if single(query, "EIO=")? != Some("4") {
            return Err(bad_request());
        }
        let sid = single(query, "sid=")?.map(|sid| Sid::from_str(sid).map_err(|_| unknown_session())).transpose()?;
        let handshake = transport == Transport::WebSocket;
        match (single(query, "transport=")?, &parts.method, sid) {
            (Some("polling"), &Method::GET, None) if !handshake => Ok(Self::Open),
            (Some("polling"), &Method::GET, Some(sid)) if !handshake => Ok(Self::Poll(sid)),
            (Some("polling"), &Method::POST, Some(sid)) if !handshake => Ok(Self::Post(sid)),
            (Some("websocket"), _, sid) if handshake && is_complete(parts) => {
                Ok(sid.map_or(Self::OpenSocket, Self::Upgrade))
            }
            _ => Err(bad_request()),
        }
    }

    /// The transport that it is about, unless it opens one.
    pub(super) fn sid(self) -> Option<Sid> {
        match self {
            Self::Open | Self::OpenSocket => None,
            Self::Poll(sid) | Self::Post(sid) | Self::Upgrade(sid) => Some(sid),
        }
    }
}

/// The refusal for a transport that is not there, or no longer; engine.io's own answer is a 400 too.
pub(super) fn unknown_session() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "unknown_session")
}

/// The refusal of what engine.io would refuse.
pub(super) fn bad_request() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request")
}

/// The value of a parameter, which may be there once.
fn single<'q>(query: &'q str, name: &str) -> Result<Option<&'q str>, Refusal> {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix(name));
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(bad_request()),
    }
}

/// Whether a handshake has what the answer is made from: over HTTP/1.1 what RFC 6455, 4.1 asks for, over HTTP/2 an extended
/// `CONNECT`, which has no key (RFC 8441, 5).
fn is_complete(parts: &Parts) -> bool {
    let only = |name: HeaderName| {
        let mut values = parts.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let is_form_known = match parts.version {
        Version::HTTP_11 => parts.method == Method::GET && only(SEC_WEBSOCKET_KEY).is_some(),
        Version::HTTP_2 => is_extended_connect(parts),
        _ => false,
    };
    is_form_known && only(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn ask(method: &str, query: &str, transport: Transport) -> Result<EngineRequest, u16> {
        let request = Request::builder().method(method).uri(format!("/socket.io/?{query}"));
        let request = request.header(SEC_WEBSOCKET_VERSION, "13").header(SEC_WEBSOCKET_KEY, "key");
        EngineRequest::of(&request.body(()).unwrap().into_parts().0, transport)
            .map_err(|refusal| refusal.status().as_u16())
    }

    fn polling(method: &str, query: &str) -> Result<EngineRequest, u16> {
        ask(method, query, Transport::SocketIo)
    }

    impl std::fmt::Debug for EngineRequest {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("EngineRequest")
        }
    }

    #[test]
    fn only_the_path_itself_leads_to_the_engine() {
        let route = |path| Route::of(path, "/socket.io");
        assert_eq!(route("/socket.io"), Route::Engine);
        assert_eq!(route("/socket.io/"), Route::Engine);
        for near in ["/socket.io/x", "/socket.io/../", "/socket.io//", "/socket.io/?"] {
            assert_eq!(route(near), Route::Near, "{near}");
        }
        for elsewhere in
            ["/socket.iox", "/socket.i", "/", "//socket.io/", "/a/socket.io/", "/Socket.IO/", "/socket%2Eio/"]
        {
            assert_eq!(route(elsewhere), Route::Elsewhere, "{elsewhere}");
        }
        assert_eq!(Route::of("/socket.io/x", "/socket.io/"), Route::Near);
    }

    #[test]
    fn five_kinds_of_request_are_told_apart() {
        let sid = Sid::new();
        assert_eq!(polling("GET", "EIO=4&transport=polling"), Ok(EngineRequest::Open));
        assert_eq!(polling("GET", &format!("EIO=4&transport=polling&sid={sid}")), Ok(EngineRequest::Poll(sid)));
        assert_eq!(polling("POST", &format!("EIO=4&transport=polling&sid={sid}")), Ok(EngineRequest::Post(sid)));
        let socket = |query: &str| ask("GET", query, Transport::WebSocket);
        assert_eq!(socket("EIO=4&transport=websocket"), Ok(EngineRequest::OpenSocket));
        assert_eq!(socket(&format!("EIO=4&transport=websocket&sid={sid}&t=x")), Ok(EngineRequest::Upgrade(sid)));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let sid = Sid::new();
        for query in [
            "",
            "EIO=4",
            "EIO=3&transport=polling",
            "EIO=4&EIO=3&transport=polling",
            "transport=polling",
            "EIO=4&transport=grpc",
            "EIO=4&transport=polling&transport=websocket",
            "EIO=4&transport=websocket",
            "EIO=4&transport=polling&sid=",
            "EIO=4&transport=polling&sid=short",
            &format!("EIO=4&transport=polling&sid={sid}&sid={sid}"),
        ] {
            assert_eq!(polling("GET", query), Err(400), "{query}");
        }
        for method in ["POST", "PUT", "OPTIONS", "HEAD"] {
            assert_eq!(polling(method, "EIO=4&transport=polling"), Err(400), "{method}");
        }
        for (method, sid) in [("GET", String::new()), ("GET", format!("&sid={sid}")), ("POST", format!("&sid={sid}"))] {
            let query = format!("EIO=4&transport=polling{sid}");
            assert_eq!(ask(method, &query, Transport::WebSocket), Err(400), "{method} {query}");
        }
    }

    #[test]
    fn http2_handshake_is_an_extended_connect_with_one_version_and_no_key() {
        let ask = |http: Version, protocol: Option<&'static str>, versions: &[&str]| {
            let uri = "https://example.com/socket.io/?EIO=4&transport=websocket";
            let request = Request::connect(uri).version(http);
            let request =
                versions.iter().fold(request, |request, version| request.header("sec-websocket-version", *version));
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.extend(
                protocol
                    .map(|protocol| {
                        let mut extension = http::Extensions::new();
                        extension.insert(hyper::ext::Protocol::from_static(protocol));
                        extension
                    })
                    .unwrap_or_default(),
            );
            EngineRequest::of(&parts, transport_of(&parts)).map_err(|refusal| refusal.status().as_u16())
        };
        assert_eq!(ask(Version::HTTP_2, Some("websocket"), &["13"]), Ok(EngineRequest::OpenSocket));
        for (http, protocol, versions) in [
            (Version::HTTP_11, Some("websocket"), &["13"][..]),
            (Version::HTTP_2, None, &["13"]),
            (Version::HTTP_2, Some("connect-udp"), &["13"]),
            (Version::HTTP_2, Some("websocket"), &[]),
            (Version::HTTP_2, Some("websocket"), &["12"]),
            (Version::HTTP_2, Some("websocket"), &["13", "13"]),
        ] {
            assert_eq!(ask(http, protocol, versions), Err(400), "{http:?} {protocol:?} {versions:?}");
        }
    }

    #[test]
    fn handshake_needs_one_version_that_is_13_and_one_key() {
        const VERSION: &str = "sec-websocket-version";
        const KEY: &str = "sec-websocket-key";
        let ask = |http: Version, headers: &[(&str, &str)]| {
            let request = Request::get("/socket.io/?EIO=4&transport=websocket").version(http);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let (parts, ()) = request.body(()).unwrap().into_parts();
            EngineRequest::of(&parts, Transport::WebSocket).map_err(|refusal| refusal.status().as_u16())
        };
        let complete = [(VERSION, "13"), (KEY, "key")];
        assert_eq!(ask(Version::HTTP_11, &complete), Ok(EngineRequest::OpenSocket));
        assert_eq!(ask(Version::HTTP_10, &complete), Err(400));
        assert_eq!(ask(Version::HTTP_2, &complete), Err(400), "an HTTP/2 handshake is a CONNECT");
        for headers in [
            &[(VERSION, "13")][..],
            &[(KEY, "key")],
            &[(VERSION, "12"), (KEY, "key")],
            &[(VERSION, "13"), (VERSION, "13"), (KEY, "key")],
            &[(VERSION, "13"), (KEY, "key"), (KEY, "key")],
        ] {
            assert_eq!(ask(Version::HTTP_11, headers), Err(400), "{headers:?}");
        }
    }
}
