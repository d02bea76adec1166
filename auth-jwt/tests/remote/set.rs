//! Which keys of a published set count.

use serde_json::{Value, json};

use crate::support::*;

/// A source with this set, which holds the key of the world and others.
async fn with(world: &World, others: impl IntoIterator<Item = Value>) -> auth_jwt::remote::RemoteJwks {
    world.issuer.publish(&jwks([world.key.jwk()].into_iter().chain(others)));
    world.source().await
}

/// Checks that a key which is published so is left out, and the other is not.
async fn assert_left_out(key: &Key, jwk: Value) {
    let world = World::new().await;
    let source = with(&world, [jwk.clone()]).await;
    assert_eq!(source.status().keys(), 1, "{jwk}");
    assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    assert_eq!(world.ask(&source, key).await, INVALID);
}

#[test]
fn key_with_a_private_member_is_left_out() {
    run(async {
        let key = Key::new("b");
        for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_left_out(&key, key.jwk_with(member, json!("AAAA"))).await;
        }
    });
}

#[test]
fn secret_is_left_out() {
    run(async {
        let world = World::new().await;
        let secret = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": encode([7; 32]) });
        let source = with(&world, [secret]).await;
        assert_eq!(source.status().keys(), 1);
        let claims = json!({ "sub": "1001", "exp": 1_800_000_000 });
        let header = encode(json!({ "alg": "HS256", "kid": "s" }).to_string());
        let input = format!("{header}.{}", encode(claims.to_string()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
        let token = format!("{input}.{}", encode(aws_lc_rs::hmac::sign(&key, input.as_bytes())));
        assert_eq!(verdict(&source, &token, &world.clock).await, INVALID);
    });
}

#[test]
fn keys_that_share_a_kid_are_left_out_all() {
    run(async {
        let world = World::new().await;
        let (one, other) = (Key::new("b"), Key::new("b"));
        let source = with(&world, [one.jwk(), other.jwk()]).await;
        assert_eq!(source.status().keys(), 1);
        for key in [&one, &other] {
            assert_eq!(world.ask(&source, key).await, INVALID);
        }
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn key_is_left_out_if_another_with_its_kid_was_published_with_a_secret() {
    run(async {
        let world = World::new().await;
        let key = Key::new("b");
        let mut signs = key.jwk_with("d", json!("AAAA"));
        for named in [json!({}), json!({ "key_ops": ["sign"] }), json!({ "use": "enc" })] {
            // What such a key is for does not matter: its secret is out.
            signs.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
            let source = with(&world, [key.jwk(), signs.clone()]).await;
            assert_eq!(world.ask(&source, &key).await, INVALID, "{named}");
        }
    });
}

#[test]
fn key_for_encryption_may_share_a_kid() {
    run(async {
        let world = World::new().await;
        let source = with(&world, [world.key.jwk_with("use", json!("enc"))]).await;
        assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    });
}

#[test]
fn alg_kty_crv_use_and_key_ops_must_all_fit() {
    run(async {
        let key = Key::new("b");
        for (member, value) in [
            ("alg", json!("ES256")),
            ("alg", json!("none")),
            ("alg", json!(1)),
            ("kty", json!("EC")),
            ("kty", json!("okp")),
            ("kty", json!(null)),
            ("crv", json!("X25519")),
            ("use", json!("enc")),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!([])),
            ("x", json!("AAAA")),
            ("x", json!("*")),
            ("kid", json!(1)),
        ] {
            assert_left_out(&key, key.jwk_with(member, value)).await;
        }
    });
}

#[test]
fn member_that_nobody_knows_does_no_harm() {
    run(async {
        let world = World::new().await;
        let key = Key::new("b");
        let source = with(&world, [key.jwk_with("x5t", json!({ "any": ["thing"] }))]).await;
        assert_eq!(world.ask_now(&source, &key), ACCEPTED);
    });
}

#[test]
fn key_that_the_token_names_itself_is_never_used() {
    run(async {
        let world = World::new().await;
        let source = with(&world, []).await;
        let attacker = Key::new("x");
        world.issuer.publish(&set(&[&attacker]));
        let token = attacker.token(&world.clock);
        let claims = token.split('.').nth(1).unwrap();
        for (member, value) in [
            ("jwk", attacker.jwk()),
            ("jku", json!(world.issuer.url("/attacker"))),
            ("x5u", json!(world.issuer.url("/attacker"))),
        ] {
            let header = json!({ "alg": "EdDSA", "kid": "a", (member): value });
            let forged = attacker.sign(&format!("{}.{claims}", encode(header.to_string())));
            assert_eq!(now(verdict(&source, &forged, &world.clock)), Some(INVALID), "{member}");
        }
        settle().await;
        assert_eq!(world.issuer.count(), 1);
    });
}
