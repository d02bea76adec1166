//! The audience of a token, the client that it was issued to, and other required claims.

use auth_jwt::Jwt;
use serde_json::{Value, json};

use crate::support::*;

/// The result for a token with these additional claims.
fn with(jwt: Jwt<Value>, more: Value) -> &'static str {
    verdict(jwt, &token(&claims(more)))
}

#[test]
fn audience_may_be_a_text_or_in_a_list() {
    for aud in [json!("chat"), json!(["chat"]), json!(["mail", "chat"])] {
        assert_eq!(with(jwt().audience("chat"), json!({ "aud": aud })), ACCEPTED, "{aud}");
    }
}

#[test]
fn another_audience_is_refused() {
    for aud in [json!("Chat"), json!(""), json!([]), json!(["mail"]), json!("chat ")] {
        assert_eq!(with(jwt().audience("chat"), json!({ "aud": aud })), INVALID, "{aud}");
    }
}

#[test]
fn missing_audience_is_refused() {
    assert_eq!(with(jwt().audience("chat"), json!({})), INVALID);
}

#[test]
fn any_of_several_audiences_will_do() {
    assert_eq!(with(jwt().audience("chat").audience("mail"), json!({ "aud": ["mail", "news"] })), ACCEPTED);
}

#[test]
fn audience_of_another_type_is_refused() {
    for wrong in [json!(null), json!(1), json!({ "chat": 1 }), json!(["chat", 1]), json!([["chat"]])] {
        assert_eq!(with(jwt().audience("chat"), json!({ "aud": wrong })), INVALID, "{wrong}");
        assert_eq!(with(jwt().dangerous_ignore_audience(), json!({ "aud": wrong })), INVALID, "{wrong}");
    }
}

#[test]
fn audience_is_refused_if_none_is_configured() {
    for aud in [json!("chat"), json!(["chat"]), json!([])] {
        assert_eq!(with(jwt(), json!({ "aud": aud })), INVALID, "{aud}");
    }
}

#[test]
fn audience_may_be_ignored_if_none_is_configured() {
    assert_eq!(with(jwt().dangerous_ignore_audience(), json!({ "aud": "mail" })), ACCEPTED);
}

#[test]
fn a_configured_audience_is_never_ignored() {
    assert_eq!(with(jwt().audience("chat").dangerous_ignore_audience(), json!({ "aud": "mail" })), INVALID);
}

#[test]
fn client_id_is_the_audience_if_configured_and_aud_is_absent() {
    let jwt = || jwt().audience("app").client_id_as_audience();
    assert_eq!(with(jwt(), json!({ "client_id": "app" })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "aud": "app" })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "aud": "app", "client_id": "other" })), ACCEPTED);
    for wrong in [
        json!({}),
        json!({ "client_id": "other" }),
        json!({ "client_id": 1 }),
        json!({ "client_id": ["app"] }),
        json!({ "client_id": null }),
        json!({ "client_id": "app", "aud": "other" }),
        json!({ "client_id": "app", "aud": [] }),
        json!({ "client_id": "app", "aud": null }),
    ] {
        assert_eq!(with(jwt(), wrong.clone()), INVALID, "{wrong}");
    }
    assert_eq!(with(crate::support::jwt().audience("app"), json!({ "client_id": "app" })), INVALID);
    // As with `aud`: a token for an audience is refused if none is configured.
    assert_eq!(with(crate::support::jwt().client_id_as_audience(), json!({ "client_id": "app" })), INVALID);
}

/// Cognito's ID tokens name in `aud` what its access tokens name in `client_id`.
#[test]
fn id_token_is_refused_if_client_id_is_the_audience() {
    let jwt = || jwt().audience("app").client_id_as_audience();
    let id = || json!({ "aud": "app", "token_use": "id" });
    assert_eq!(with(jwt(), id()), INVALID);
    assert_eq!(with(jwt(), json!({ "client_id": "app", "token_use": "id" })), INVALID);
    assert_eq!(with(jwt(), json!({ "client_id": "app", "token_use": "access" })), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "client_id": "app", "token_use": 5 })), ACCEPTED);
    // To accept them, require it.
    let both = || jwt().require_claim("token_use", "access").require_claim("token_use", "id");
    assert_eq!(with(both(), id()), ACCEPTED);
    assert_eq!(with(jwt().require_claim("token_use", "access"), id()), INVALID);
    assert_eq!(with(crate::support::jwt().audience("app"), id()), ACCEPTED);
}

#[test]
fn authorized_party_is_required_once_one_is_trusted() {
    let jwt = || jwt().authorized_party("web").authorized_party("app");
    for good in [
        json!({ "azp": "web" }),
        json!({ "azp": "app" }),
        json!({ "client_id": "app" }),
        json!({ "azp": "web", "client_id": "app" }),
    ] {
        assert_eq!(with(jwt(), good.clone()), ACCEPTED, "{good}");
    }
    for bad in [
        json!({}),
        json!({ "azp": "other" }),
        json!({ "azp": "Web" }),
        json!({ "azp": "web", "client_id": "other" }),
        json!({ "azp": "other", "client_id": "web" }),
        json!({ "azp": 1 }),
        json!({ "azp": ["web"] }),
        json!({ "azp": null, "client_id": "web" }),
        json!({ "azp": "web", "client_id": 1 }),
    ] {
        assert_eq!(with(jwt(), bad.clone()), INVALID, "{bad}");
    }
}

#[test]
fn required_claims_have_one_of_their_values() {
    let jwt = || {
        jwt()
            .require_claim("token_use", "access")
            .require_claim("https://example.com/hd", "a.example")
            .require_claim("https://example.com/hd", "b.example")
    };
    let say =
        |token_use: Value, hd: Value| with(jwt(), json!({ "token_use": token_use, "https://example.com/hd": hd }));
    assert_eq!(say(json!("access"), json!("a.example")), ACCEPTED);
    assert_eq!(say(json!("access"), json!("b.example")), ACCEPTED);
    assert_eq!(with(jwt(), json!({ "token_use": "access" })), INVALID);
    for wrong in [json!("id"), json!("Access"), json!(""), json!(["access"]), json!(null), json!(1), json!({})] {
        assert_eq!(say(wrong.clone(), json!("a.example")), INVALID, "{wrong}");
    }
    assert_eq!(say(json!("access"), json!("c.example")), INVALID);
}
