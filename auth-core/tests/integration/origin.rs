//! Origins: which texts are valid, which are equal, and which one is the server's own.

use auth_core::{AllowedOrigin, Origin};

use crate::support::head;

fn origin(text: &str) -> Origin {
    Origin::new(text).unwrap()
}

/// Whether the page at `page` belongs to the host in `Host`.
fn is_own(host: &str, page: &str) -> bool {
    origin(page).is_own(&head("/ws", &[("host", host.as_bytes())]))
}

#[test]
fn origin_displays_as_browsers_send_it() {
    for (text, written) in [
        ("https://app.example", "https://app.example"),
        ("http://app.example", "http://app.example"),
        ("HTTPS://App.EXAMPLE", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("https://app.example:80", "https://app.example:80"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://app.example:0443", "https://app.example"),
        ("https://app.example:0", "https://app.example:0"),
        ("https://app.example:65535", "https://app.example:65535"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://[::1]", "http://[::1]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://a_b.example.", "https://a_b.example."),
        ("capacitor://localhost", "capacitor://localhost"),
        ("Tauri://LocalHost", "tauri://localhost"),
        ("tauri://localhost:443", "tauri://localhost:443"),
        ("http://tauri.localhost", "http://tauri.localhost"),
        ("chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb", "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb"),
        (
            "moz-extension://b2ea3ae4-7f0b-4a5b-8f63-1d2f4a2b9b1e",
            "moz-extension://b2ea3ae4-7f0b-4a5b-8f63-1d2f4a2b9b1e",
        ),
        ("safari-web-extension://B2EA3AE4-7F0B", "safari-web-extension://b2ea3ae4-7f0b"),
        ("https+http://app.example", "https+http://app.example"),
    ] {
        let origin = Origin::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(origin.to_string(), written);
        assert_eq!(Origin::parse(written), Some(origin));
    }
}

#[test]
fn text_that_is_not_one_origin_is_none() {
    for text in [
        "",
        "null",
        "*",
        "app.example",
        "//app.example",
        "https:app.example",
        "https:/app.example",
        "https://",
        "https://:443",
        "://app.example",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?query",
        "https://app.example#fragment",
        "https://app.example https://app.example",
        "https://app.example,https://app.example",
        " https://app.example",
        "https://app.example ",
        "https://app.example\t",
        "https://bücher.example",
        "https://app%2eexample",
        "https://app\\.example",
        "https://*.example",
        "https://app.example,app.example",
        "https://app.example;app.example",
        "https://app.example&",
        // Users.
        "https://user@app.example",
        "https://user:word@app.example",
        "https://app.example@app.example",
        "https://app.example:443@app.example",
        "https://@app.example",
        // Schemes.
        "ws://app.example",
        "wss://app.example",
        "file://app.example",
        "ftp://app.example",
        "blob://app.example",
        "data://app.example",
        "javascript://app.example",
        "about://blank",
        "WSS://app.example",
        "https ://app.example",
        "1app://localhost",
        "-app://localhost",
        "app_x://localhost",
        "tauri://",
        "tauri:///",
        "tauri://localhost/",
        "tauri://localhost:",
        "tauri://user@localhost",
        "tauri://*.localhost.example",
        // Ports.
        "https://app.example:",
        "https://app.example:port",
        "https://app.example:+443",
        "https://app.example:-1",
        "https://app.example: 443",
        "https://app.example:443:443",
        "https://app.example:0x1bb",
        "https://app.example:65536",
        "https://app.example:65979", // 443 above 65536
        "https://app.example:99999999999",
        "https://app.example:18446744073709552059", // 443 above 2^64
        // Addresses.
        "https://::1",
        "https://[::1",
        "https://::1]",
        "https://[]",
        "https://[app.example]",
        "https://[::1]443",
        "https://[::1];443",
        "https://[::1]:",
        "https://[::1]:65536",
        "https://[::1][::1]",
        "https://app.example[::1]",
        "https://[fe80::1%25eth0]",
        "https://[v1.app]",
        "https://[127.0.0.1]",
    ] {
        assert_eq!(Origin::parse(text), None, "{text}");
    }
}

#[test]
fn origins_are_equal_if_scheme_host_and_port_are() {
    let own = origin("https://app.example:443");
    for (other, is_same) in [
        ("https://app.example", true),
        ("Https://APP.example", true),
        ("https://app.example:00443", true),
        ("http://app.example", false),
        ("http://app.example:443", false),
        ("https://app.example:80", false),
        ("https://app.example:8443", false),
        ("https://app.example.", false),
        ("https://sub.app.example", false),
        ("https://app.example.evil.example", false),
        ("https://xapp.example", false),
    ] {
        assert_eq!(origin(other) == own, is_same, "{other}");
    }
}

#[test]
fn origin_longer_than_any_name_and_port_is_none() {
    let padded = |len: usize| format!("https://{}:65535", "a".repeat(len - 14));
    assert!(Origin::parse(&padded(267)).is_some());
    assert!(Origin::parse(&padded(268)).is_none());
    assert!(Origin::parse(&format!("https://app.example:{}443", "0".repeat(300))).is_none());
}

#[test]
fn request_names_one_origin_or_none_or_is_unreadable() {
    let of = |lines: &[&[u8]]| {
        let headers: Vec<_> = lines.iter().map(|line| ("origin", *line)).collect();
        Origin::of(&head("/", &headers))
    };
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&[b"https://app.example"]), Ok(Some(origin("https://app.example"))));
    for unreadable in [
        &[b"null" as &[u8]] as &[&[u8]],
        &[b""],
        &[b"https://app.example:65536"],
        &[b"https://app.example/"],
        &[b"https://app.ex\xe4mple"],
        &[b"https://app.example", b"https://app.example"],
        &[b"null", b"https://app.example"],
    ] {
        let error = of(unreadable).unwrap_err();
        assert_eq!(error.to_string(), "the request does not name exactly one origin", "{unreadable:?}");
    }
}

#[test]
fn origin_is_own_if_host_and_port_match_under_either_scheme() {
    for (host, page) in [
        ("app.example", "https://app.example"),
        ("app.example", "http://app.example"),
        ("App.Example", "https://app.example"),
        ("app.example:443", "https://app.example"),
        ("app.example:80", "http://app.example"),
        ("app.example:3000", "http://app.example:3000"),
        ("app.example:3000", "https://app.example:3000"),
        ("[::1]", "http://[::1]"),
        ("[::1]:3000", "http://[::1]:3000"),
    ] {
        assert!(is_own(host, page), "{host} {page}");
    }
    for (host, page) in [
        ("app.example", "https://evil.example"),
        ("app.example", "https://sub.app.example"),
        ("app.example", "https://app.example.evil.example"),
        ("app.example", "https://app.example:8443"),
        ("app.example", "http://app.example:443"),
        ("app.example:80", "https://app.example"),
        ("app.example:443", "http://app.example"),
        ("app.example:3000", "http://app.example:3001"),
        ("app.example:3000", "http://app.example"),
    ] {
        assert!(!is_own(host, page), "{host} {page}");
    }
}

#[test]
fn host_with_more_than_name_and_port_is_not_own() {
    for host in [
        "",
        ":443",
        "user@app.example",
        "app.example@app.example",
        "app.example:",
        "app.example:port",
        "app.example:+443",
        "app.example:65536",
        "app.example:65979",
        "app.example:99999999999",
        "app.example:443:443",
        "app.example:443@app.example",
        "app.example/",
        "app.example, app.example",
        "https://app.example",
    ] {
        assert!(!is_own(host, "https://app.example"), "{host}");
    }
    assert!(!is_own("[::1];80", "http://[::1]"));
    assert!(!is_own("[::1]80", "http://[::1]"));
}

#[test]
fn missing_repeated_or_illegible_host_is_not_own() {
    let own = origin("https://app.example");
    let host: (&str, &[u8]) = ("host", b"app.example");
    assert!(own.is_own(&head("/", &[host])));
    assert!(!own.is_own(&head("/", &[])));
    assert!(!own.is_own(&head("/", &[host, host])));
    assert!(!own.is_own(&head("/", &[("host", b"app.ex\xe4mple")])));
}

#[test]
fn authority_of_the_target_takes_precedence_over_host() {
    let own = origin("https://app.example");
    assert!(own.is_own(&head("https://app.example/", &[("host", b"evil.example")])));
    assert!(own.is_own(&head("https://app.example:443/", &[])));
    assert!(!own.is_own(&head("https://evil.example/", &[("host", b"app.example")])));
    for target in ["https://user@app.example/", "https://app.example:99999/", "https://app.example:/"] {
        assert!(!own.is_own(&head(target, &[("host", b"app.example")])), "{target}");
    }
}

#[test]
fn configuration_with_an_invalid_origin_is_an_error_that_says_why() {
    for text in ["app.example", "https://app.example/", "*", "null", "ws://app.example", "file://", "tauri:localhost"] {
        for error in [
            Origin::new(text).unwrap_err(),
            AllowedOrigin::new(text).unwrap_err(),
            AllowedOrigin::list(["https://app.example", text]).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains(text) && error.contains("https://app.example:8443"), "{error}");
        }
    }
    assert!(AllowedOrigin::list([]).is_err());
    let own = AllowedOrigin::from(origin("https://app.example"));
    assert_eq!(AllowedOrigin::list(["https://app.example"]).unwrap(), [own]);
}

#[test]
fn origin_of_an_app_is_allowed_by_name_and_never_own() {
    let schemes = ["capacitor", "ionic", "tauri", "app", "chrome-extension", "moz-extension", "safari-web-extension"];
    for scheme in schemes {
        let allowed = AllowedOrigin::new(&format!("{scheme}://localhost")).unwrap();
        let page = origin(&format!("{scheme}://localhost"));
        assert!(allowed.allows(&page) && !page.is_http(), "{scheme}");
        let others = ["http://localhost", "https://localhost", "http://localhost:80", "other://localhost"];
        let own_port = format!("{scheme}://localhost:443");
        for other in others.into_iter().chain([&*own_port, &format!("{scheme}://other")]) {
            assert!(!allowed.allows(&origin(other)), "{scheme} {other}");
            assert!(!AllowedOrigin::new(other).unwrap().allows(&page), "{scheme} {other}");
        }
        for host in ["localhost", "localhost:443", "localhost:80"] {
            let request = head("/ws", &[("host", host.as_bytes())]);
            assert!(!page.is_own(&request) && !allowed.allows_own(&request), "{scheme} {host}");
        }
    }
}

#[test]
fn wildcard_matches_exactly_one_label() {
    for (entry, page, allows) in [
        ("https://*.preview.example", "https://pr-7.preview.example", true),
        ("https://*.preview.example", "HTTPS://PR-7.Preview.Example:443", true),
        ("HTTPS://*.Preview.Example:443", "https://pr-7.preview.example", true),
        ("https://*.preview.example", "https://xn--bcher-kva.preview.example", true),
        ("https://*.a.b.example", "https://x.a.b.example", true),
        ("https://*.preview.example:8443", "https://pr-7.preview.example:8443", true),
        ("http://*.dev.localhost:3000", "http://a.dev.localhost:3000", true),
        ("https://*.preview.example", "https://preview.example", false),
        ("https://*.preview.example", "https://.preview.example", false),
        ("https://*.preview.example", "https://a.b.preview.example", false),
        ("https://*.preview.example", "https://a..preview.example", false),
        ("https://*.preview.example", "https://apreview.example", false),
        ("https://*.preview.example", "https://a.preview.example.", false),
        ("https://*.preview.example", "https://a.preview.example.evil.example", false),
        ("https://*.preview.example", "https://evil.example", false),
        ("https://*.preview.example", "http://a.preview.example", false),
        ("https://*.preview.example", "http://a.preview.example:443", false),
        ("https://*.preview.example", "https://a.preview.example:8443", false),
        ("https://*.preview.example:8443", "https://a.preview.example", false),
        ("https://*.preview.example", "tauri://a.preview.example", false),
        ("https://preview.example", "https://a.preview.example", false),
    ] {
        assert_eq!(AllowedOrigin::new(entry).unwrap().allows(&origin(page)), allows, "{entry} {page}");
    }
}

#[test]
fn wildcard_that_allows_too_much_is_an_error_that_says_why() {
    for text in [
        "https://*",
        "https://*.",
        "https://*:443",
        "https://*.com",
        "https://*.localhost",
        "https://*.example.",
        "https://*..example",
        "https://**.preview.example",
        "https://*.*.example.com",
        "https://*preview.example.com",
        "https://pr-*.preview.example",
        "https://a.*.preview.example",
        "https://preview.example.*",
        "https://*.preview.example:*",
        "https://preview.example:*",
        "https://*.preview.example/",
        "https://*.preview.example/*",
        "https://*.user@preview.example",
        "https://*.0.0.1",
        "https://*.168.0.1",
        "https://*.a.0x7f",
        "https://*.[::1]",
        "*://preview.example",
        "*://*.preview.example",
        "wss://*.preview.example",
        "tauri://*.preview.example",
        "chrome-extension://*",
        "https://*.bücher.example",
    ] {
        let error = AllowedOrigin::new(text).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("write"), "{error}");
    }
}

#[test]
fn allowed_origin_displays_as_configured() {
    for text in
        ["https://*.preview.example", "https://*.preview.example:8443", "https://app.example", "tauri://localhost"]
    {
        assert_eq!(AllowedOrigin::new(text).unwrap().to_string(), text);
    }
}

#[test]
fn wildcard_allows_the_server_itself_one_label_below() {
    let allows_own = |entry: &str, host: &str| {
        AllowedOrigin::new(entry).unwrap().allows_own(&head("/", &[("host", host.as_bytes())]))
    };
    for (entry, host, allows) in [
        ("https://*.preview.example", "pr-7.preview.example", true),
        ("https://*.preview.example", "pr-7.preview.example:443", true),
        ("https://*.preview.example", "preview.example", false),
        ("https://*.preview.example", "a.b.preview.example", false),
        ("https://*.preview.example", "pr-7.preview.example:8443", false),
        ("https://app.example", "App.Example", true),
        ("https://app.example", "other.example", false),
    ] {
        assert_eq!(allows_own(entry, host), allows, "{entry} {host}");
    }
}
