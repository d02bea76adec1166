//! Which bodies a strategy sees: the table of the section "Bodies" in `docs/chain.md`, and earlier bugs.

use std::{
    convert::Infallible,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Authenticated, Chain,
    extract::{Extractor as _, bearer, payload_field, socketio_auth},
};
use axum::{
    Router,
    body::Bytes,
    http::StatusCode,
    response::IntoResponse as _,
    routing::{any, post},
};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use ws_adapter::AuthLayer;

use crate::support::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What the layer does with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    LookedInto,
    LeftAlone,
    Refused,
}

impl Verdict {
    /// The words of the table.
    fn text(self) -> &'static str {
        match self {
            Self::LookedInto => "looked into",
            Self::LeftAlone => "left alone",
            Self::Refused => "400 `invalid_body`",
        }
    }
}

/// A row of the table, with samples: headers, and a body in which `TOKEN` stands for a token.
struct Row {
    name: &'static str,
    verdict: Verdict,
    samples: &'static [(&'static [(&'static str, &'static str)], &'static [u8])],
}

const OBJECT: &[u8] = br#"{"token":"TOKEN"}"#;
const PAIR: &[u8] = b"token=TOKEN";

const TABLE: &[Row] = &[
    Row {
        name: "`application/json`, `text/json`, `<type>/<subtype>+json`: an object",
        verdict: Verdict::LookedInto,
        samples: &[
            (&[JSON], OBJECT),
            (&[("content-type", "Application/JSON ; charset=utf-8")], OBJECT),
            (&[("content-type", " application/json charset=utf-8")], OBJECT),
            (&[("content-type", "text/json")], OBJECT),
            (&[("content-type", "application/ld+json")], OBJECT),
            (&[("content-type", "Model/gltf+JSON;x=y")], OBJECT),
            (&[JSON, ("content-encoding", "identity")], OBJECT),
            (&[JSON], b" \r\n\t{ \"token\" : \"TOKEN\" } \n"),
            (&[JSON], b"\xef\xbb\xbf{\"token\":\"TOKEN\"}"),
            (&[JSON], b"{\"tok\\u0065n\":\"TOKEN\"}"),
            (&[JSON], b"{\"n\":1e999,\"m\":-123456789012345678901234567890,\"token\":\"TOKEN\"}"),
            (&[JSON], b"{\"half\":\"\\ud83d\",\"token\":\"TOKEN\"}"),
            (&[JSON], b"{\"deep\":{\"token\":\"x\"},\"list\":[1,[2]],\"no\":null,\"yes\":true,\"token\":\"TOKEN\"}"),
        ],
    },
    Row {
        name: "of such a type: JSON, but not an object",
        verdict: Verdict::LeftAlone,
        samples: &[
            (&[JSON], b"[{\"token\":\"TOKEN\"}]"),
            (&[JSON], b"\"TOKEN\""),
            (&[JSON], b"1e999"),
            (&[JSON], b"null"),
            (&[JSON], b" true "),
        ],
    },
    Row {
        name: "of such a type: not JSON (RFC 8259)",
        verdict: Verdict::Refused,
        samples: &[
            (&[JSON], b"{\"token\":\"TOKEN\""),
            (&[JSON], b"{\"token\":\"TOKEN\"}{}"),
            (&[JSON], b"{\"token\":\"TOKEN\",}"),
            (&[JSON], b"{\"token\":\"TOKEN\",\"n\":01}"),
            (&[JSON], b"{\"token\":\"TOKEN\",\"n\":NaN}"),
            (&[JSON], b"{\"token\":\"TOKEN\",\"n\":\"\xff\"}"),
            (&[JSON], b"{\"token\":\"TOKEN\",\"n\":\"\n\"}"),
            (&[JSON], b"{\"token\":\"TOKEN\",\"\\ud83d\":1}"),
            (&[JSON], b"\xef\xbb\xbf\xef\xbb\xbf{\"token\":\"TOKEN\"}"),
            (&[JSON], b"\xff\xfe{\0}\0"),
            (&[JSON], b"token=TOKEN"),
            (&[JSON], b" "),
            (&[("content-type", "text/json")], b"[1,"),
            (&[("content-type", "image/x+json")], b"TOKEN"),
        ],
    },
    Row {
        name: "`application/x-www-form-urlencoded`",
        verdict: Verdict::LookedInto,
        samples: &[
            (&[FORM], PAIR),
            (&[("content-type", "Application/X-WWW-Form-Urlencoded;charset=utf-8")], PAIR),
            (&[FORM, ("content-encoding", "Identity")], PAIR),
            (&[FORM], b"&a&b=%C3%A9+%&=&tok%65n=TOKEN&"),
            // Axum's `Form` accepts it as a form.
            (&[("content-type", "application/x-www-form-urlencoded2")], PAIR),
            (&[FORM], b"{\"token\":1}&token=TOKEN"),
        ],
    },
    Row {
        name: "of that type: a decoded name or value is not UTF-8",
        verdict: Verdict::Refused,
        samples: &[
            (&[FORM], b"token=TOKEN&a=%FF"),
            (&[FORM], b"token=TOKEN&%ff=a"),
            (&[FORM], b"token=TOKEN&a=\xff"),
            (&[FORM], b"token=TOKEN&a=%C3&b=%A9"),
            (&[FORM], b"\x1f\x8btoken=TOKEN"),
        ],
    },
    Row {
        name: "of these types: empty",
        verdict: Verdict::LeftAlone,
        samples: &[(&[JSON], b""), (&[FORM], b""), (&[JSON, ("content-encoding", "gzip")], b"")],
    },
    Row {
        name: "of these types: with a `Content-Encoding` other than `identity`",
        verdict: Verdict::Refused,
        samples: &[
            (&[JSON, ("content-encoding", "gzip")], OBJECT),
            (&[FORM, ("content-encoding", "br")], PAIR),
            (&[JSON, ("content-encoding", "identity"), ("content-encoding", "deflate")], OBJECT),
            (&[JSON, ("content-encoding", "identity, gzip")], OBJECT),
            (&[FORM, ("content-encoding", "x")], PAIR),
        ],
    },
    Row {
        name: "several types, and one of them is JSON or a form",
        verdict: Verdict::Refused,
        samples: &[
            (&[JSON, JSON], OBJECT),
            (&[("content-type", "text/plain"), JSON], OBJECT),
            (&[JSON, ("content-type", "text/plain")], OBJECT),
            (&[FORM, ("content-type", "multipart/form-data; boundary=x")], PAIR),
            (&[("content-type", "text/plain, application/json")], OBJECT),
            (&[("content-type", "application/json,")], OBJECT),
        ],
    },
    Row {
        name: "`multipart/form-data`, any other type, or none",
        verdict: Verdict::LeftAlone,
        samples: &[
            (
                &[("content-type", "multipart/form-data; boundary=x")],
                b"--x\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\nTOKEN\r\n--x--\r\n",
            ),
            (&[("content-type", "text/plain")], OBJECT),
            (&[("content-type", "text/plain"), ("content-type", "text/html")], OBJECT),
            (&[("content-type", "application/x-ndjson")], OBJECT),
            (&[("content-type", "application/json+x")], OBJECT),
            (&[("content-type", "application/jsonp")], OBJECT),
            (&[("content-type", "+json")], OBJECT),
            (&[("content-type", "application/octet-stream"), ("content-encoding", "gzip")], b"\x1f\x8b"),
            (&[("content-type", "")], OBJECT),
            (&[], OBJECT),
        ],
    },
];

/// The rows of the table in the section "Bodies" of `docs/chain.md`: the body, and what the layer does.
fn rows_of_the_page() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/chain.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Bodies").unwrap();
    let (_, table) = section.split_once("\n| The body | The layer |\n|---|---|\n").unwrap();
    let rows = table.lines().map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.map(|(body, verdict)| (body.to_owned(), verdict.to_owned())).collect()
}

#[test]
fn every_row_of_the_table_of_bodies_has_samples() {
    let shown: Vec<_> = TABLE.iter().map(|row| (row.name.to_owned(), row.verdict.text().to_owned())).collect();
    assert_eq!(rows_of_the_page(), shown);
    assert!(TABLE.iter().all(|row| !row.samples.is_empty()));
}

fn with_token(body: &[u8], token: &str) -> Vec<u8> {
    let Some(at) = body.windows(5).position(|window| window == b"TOKEN") else {
        return body.to_vec();
    };
    [&body[..at], token.as_bytes(), &body[at + 5..]].concat()
}

/// An optional layer in front of a handler that returns the user and the body.
async fn server(chain: Chain<User>) -> Server {
    let whoami = async |user: Option<Authenticated<User>>, body: Bytes| {
        let name = user.map_or_else(|| "guest".to_owned(), |user| user.0.clone());
        (StatusCode::OK, [("x-user", name)], body).into_response()
    };
    let layer = AuthLayer::reading_bodies(chain).allow_anonymous().timer(clock());
    Server::start(Router::new().route("/", any(whoami)).layer(layer)).await
}

fn in_body() -> Chain<User> {
    Chain::new().or(jwt_from(bearer().or(payload_field("token"))))
}

#[tokio::test]
async fn every_body_is_handled_as_the_table_says() {
    let server = server(in_body()).await;
    let good = bearer_of("ann");
    for row in TABLE {
        for &(headers, sample) in row.samples {
            let shown = format!("{headers:?} {}", sample.escape_ascii());
            // If an optional layer overlooks a token, the request is a guest's.
            let answer = server.send(Method::POST, "/", headers, with_token(sample, &token("ann", -60))).await;
            let verdict = match (answer.status, &*answer.code(), answer.header("x-user")) {
                (401, "token_expired", None) => Verdict::LookedInto,
                (200, _, Some("guest")) => Verdict::LeftAlone,
                (400, "invalid_body", None) => Verdict::Refused,
                _ => panic!("{shown}: {answer:?}"),
            };
            assert_eq!(verdict, row.verdict, "{shown}");
            // A good header changes nothing: the same bodies are refused, and the handler gets the others unchanged.
            let body = with_token(sample, &token("ann", 60));
            let bearer = [&[("authorization", &*good)], headers].concat();
            let answer = server.send(Method::POST, "/", &bearer, body.clone()).await;
            if row.verdict == Verdict::Refused {
                assert!(answer.is(400, "invalid_body"), "{shown}");
            } else {
                assert_eq!((answer.status, answer.header("x-user")), (200, Some("ann")), "{shown}");
                assert_eq!(answer.body.as_bytes(), String::from_utf8_lossy(&body).as_bytes(), "{shown}");
            }
        }
    }
}

async fn expired_in(headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server(in_body()).await.send(Method::POST, "/", headers, with_token(body, &token("ann", -60))).await
}

#[tokio::test]
async fn expired_token_beside_a_huge_number_is_not_a_guest() {
    assert!(expired_in(&[JSON], br#"{"token":"TOKEN","n":1e999}"#).await.is(401, "token_expired"));
}

#[tokio::test]
async fn expired_token_after_a_byte_order_mark_is_not_a_guest() {
    assert!(expired_in(&[JSON], b"\xef\xbb\xbf{\"token\":\"TOKEN\"}").await.is(401, "token_expired"));
}

#[tokio::test]
async fn expired_token_in_text_json_is_not_a_guest() {
    assert!(expired_in(&[("content-type", "text/json")], OBJECT).await.is(401, "token_expired"));
}

/// Sends what no HTTP client would send, and returns the raw response.
async fn raw(server: &Server, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("{head}\r\nhost: x\r\nconnection: close, upgrade\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn expired_token_in_a_body_with_an_upgrade_is_not_a_guest() {
    let server = server(in_body()).await;
    let body = with_token(OBJECT, &token("ann", -60));
    for method in ["POST", "GET"] {
        let framing = format!("content-type: application/json\r\ncontent-length: {}", body.len());
        let head = format!("{method} / HTTP/1.1\r\nupgrade: websocket\r\n{framing}");
        let answer = raw(&server, &head, &body).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("token_expired"), "{answer}");
    }
}

#[tokio::test]
async fn empty_chunked_body_has_no_credential() {
    let server = server(in_body()).await;
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let head = format!("POST / HTTP/1.1\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked");
        let answer = raw(&server, &head, b"0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-user: guest"), "{answer}");
    }
}

#[tokio::test]
async fn passwords_that_are_not_utf_8_do_not_become_equal() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let passwords = Arc::clone(&seen);
    let basic = Basic::new("test").from_payload().verify(move |login: BasicLogin| {
        passwords.lock().unwrap().push(login.password().expose().to_owned());
        async move { Ok::<_, Infallible>(Some(User(login.username().to_owned()))) }
    });
    let server = server(Chain::new().or(basic)).await;
    for password in ["%FF", "%FE", "%C3%28"] {
        let body = format!("username=ann&password={password}");
        assert!(server.send(Method::POST, "/", &[FORM], body).await.is(400, "invalid_body"), "{password}");
    }
    // A `%` without two hex digits after it stays as it is, as in the handler.
    let answer = server.send(Method::POST, "/", &[FORM], "username=ann&password=%zz%C3%A9+%2B").await;
    assert_eq!(answer.header("x-user"), Some("ann"));
    assert_eq!(*seen.lock().unwrap(), ["%zzé +"]);
}

/// Routes behind a chain that also serves Socket.IO.
async fn routes() -> Server {
    let login = |login: BasicLogin| async move {
        let known = login.password().expose() == "password";
        Ok::<_, Infallible>(known.then(|| User(login.username().to_owned())))
    };
    let basic = Basic::new("test").from_socketio_auth().verify(login);
    let chain = Chain::new().or(jwt_from(bearer().or(socketio_auth("token")))).or(basic);
    Server::start(Router::new().route("/", post(|body: Bytes| async move { body })).layer(layer(chain))).await
}

/// The login `ann:password`.
const LOGIN: (&str, &str) = ("authorization", "Basic YW5uOnBhc3N3b3Jk");

#[tokio::test]
async fn body_is_not_read_if_the_chain_reads_socket_io_auth() {
    let server = routes().await;
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000));
    for body in [&*long, r#"{"token":{"id":1}}"#, r#"{"token":"csrf"}"#, r#"{"username":"bob"}"#, "{", ""] {
        let answer = server.send(Method::POST, "/", &[LOGIN, JSON], body.to_owned()).await;
        assert_eq!((answer.status, &*answer.body), (200, body));
    }
    let body = "token=csrf&username=bob&a=%FF";
    let answer = server.send(Method::POST, "/", &[LOGIN, FORM], body).await;
    assert_eq!((answer.status, &*answer.body), (200, body));
    let good = format!(r#"{{"token":"{}"}}"#, token("ann", 60));
    assert!(server.send(Method::POST, "/", &[JSON], good).await.is(401, "missing_credentials"));
}
