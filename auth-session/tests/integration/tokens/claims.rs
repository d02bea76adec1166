//! What access tokens say.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use auth_core::{BoxError, Principal, PrincipalId};
use auth_session::{SessionUsers, async_trait};
use auth_store::MemoryStore;
use serde_json::json;

use super::*;

fn names(claims: &Json) -> BTreeSet<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn access_token_says_who_and_when_and_how() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    tokens.advance(60);
    phone.refresh().await.unwrap();
    let (claims, iat) = (phone.claims(), 1_800_000_060);
    let all = ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "amr"];
    assert_eq!(names(&claims), BTreeSet::from(all));
    assert_eq!((&claims["iss"], &claims["aud"], &claims["sub"]), (&json!(ISSUER), &json!("api"), &json!("ann")));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(iat), &json!(iat + 600)));
    assert_eq!((&claims["auth_time"], &claims["amr"]), (&json!(iat - 60), &json!(["pwd"])));
    assert_eq!(claims["sid"], json!(phone.sid()));
    let mut tab = phone.clone();
    tab.refresh().await.unwrap();
    assert_ne!(tab.claims()["jti"], claims["jti"]);

    let issued = tokens.tokens.log_in(&User("ann".to_owned())).acr("high").await.unwrap();
    phone.access = issued.access_token().expose().to_owned();
    assert_eq!((&phone.claims()["acr"], phone.claims().get("amr")), (&json!("high"), None));
}

#[tokio::test]
async fn claims_of_the_application_are_read_at_each_refresh_and_ours_win() {
    let names = ["iss", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr", "acr", "role", "aud"];
    let (app, roles) = (App::with(|builder| builder.token_issuer(ISSUER)), std::sync::Arc::new(AtomicUsize::new(0)));
    let read = std::sync::Arc::clone(&roles);
    let tokens = Tokens::of(app, move |tokens| {
        tokens.claims(move |user: &User| {
            let role = format!("{} {}", user.0, read.fetch_add(1, SeqCst));
            names.map(|name| (name, role.clone())).into_iter().collect::<std::collections::BTreeMap<_, _>>()
        })
    });
    let mut phone = tokens.phone("ann").await;
    for round in 0..3 {
        let (claims, role) = (phone.claims(), format!("ann {round}"));
        assert_eq!((&claims["role"], &claims["aud"]), (&json!(role), &json!(role)));
        assert_eq!((&claims["iss"], &claims["sub"], &claims["amr"]), (&json!(ISSUER), &json!("ann"), &json!(["pwd"])));
        assert_eq!((claims.get("nbf"), claims.get("acr"), claims["exp"].is_u64()), (None, None, true));
        assert_eq!(claims["sid"], json!(phone.sid()));
        phone.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn claims_that_are_not_an_object_are_500_and_nothing_is_rotated() {
    let tokens = Tokens::with(|tokens| tokens.claims(|_: &User| "text"));
    let asks: Asked = tokens.router.clone().into();
    let answer = asks.send("POST", "/token/ann", &[], "").await;
    assert!(answer.is(500, "internal_error"), "{answer:?}");
    assert!(tokens.app.sids("ann").await.is_empty());
    let good = Tokens::of(tokens.app.clone(), |tokens| tokens);
    let mut phone = good.phone("ann").await;
    assert_eq!(phone.at(tokens.router.clone()).refresh().await, refused(500, "internal_error"));
    assert_eq!(phone.refresh().await, Ok(2));
}

#[tokio::test]
async fn access_ttl_is_a_second_to_an_hour() {
    let tokens = Tokens::new();
    for (ttl, expected) in [(1_000, Some(1)), (1_999, Some(1)), (3_600_000, Some(3600)), (999, None), (3_600_001, None)]
    {
        let set = tokens.tokens.clone().access_ttl(std::time::Duration::from_millis(ttl));
        let Ok(set) = set else {
            assert_eq!(expected, None);
            continue;
        };
        let issued = set.log_in(&User("ann".to_owned())).await.unwrap();
        assert_eq!(Some(issued.expires_in().as_secs()), expected);
    }
}

/// Users of two providers, as `docs/providers.md` names them.
#[derive(Clone)]
struct Social(&'static str, String);

impl Principal for Social {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new(self.0, &*self.1))
    }
}

struct Socials;

#[async_trait]
impl SessionUsers for Socials {
    type User = Social;

    fn id(&self, user: &Social) -> Result<String, BoxError> {
        Ok(format!("{} {}", user.0, user.1))
    }

    async fn find(&self, id: &str) -> Result<Option<Social>, BoxError> {
        let (issuer, subject) = id.split_once(' ').unwrap();
        let issuer = if issuer == "https://a.example" { "https://a.example" } else { "https://b.example" };
        Ok(Some(Social(issuer, subject.to_owned())))
    }
}

#[tokio::test]
async fn access_tokens_of_users_of_two_providers_are_told_apart() {
    let clock = clock();
    let store = MemoryStore::new().clock(clock.clone());
    let sessions = Sessions::builder(store, Socials, ORIGIN).clock(clock.clone()).token_issuer(ISSUER).build().unwrap();
    let tokens = RefreshTokens::new(&sessions, signer(), [key("k")]).unwrap();
    let mut names = Vec::new();
    for issuer in ["https://a.example", "https://b.example"] {
        let issued = tokens.log_in(&Social(issuer, "1001".to_owned())).await.unwrap();
        let claims = issued.access_token().expose().split('.').nth(1).unwrap().to_owned();
        use base64::Engine as _;
        let claims: Json =
            serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        names.push((claims["iss"].clone(), claims["sub"].clone()));
    }
    assert_ne!(names[0], names[1], "two users have one name");
}
