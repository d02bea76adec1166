//! Which keys of a published set are used.

use serde_json::{Value, json};

use crate::{log::logged, support::*};

/// A source with this set, which has the test's key and others.
async fn with(world: &World, others: impl IntoIterator<Item = Value>) -> auth_jwt::remote::RemoteJwks {
    world.issuer.publish(&jwks([world.key.jwk()].into_iter().chain(others)));
    world.source().await
}

/// Checks that a key in this form is left out, and that the other key is not.
async fn assert_left_out(key: &Key, jwk: Value) {
    let world = World::new().await;
    let source = with(&world, [jwk.clone()]).await;
    assert_eq!(source.status().keys(), 1, "{jwk}");
    assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
    assert_eq!(world.ask(&source, key).await, UNRECOGNIZED);
}

/// A published secret of a key pair counts in every form, even an unusable one.
fn private_forms() -> Vec<Value> {
    let mut forms: Vec<_> = ["d", "p", "q", "dp", "dq", "qi", "k"].map(|name| json!({ (name): "AAAA" })).into();
    forms.extend([
        json!({ "d": 5 }),
        json!({ "d": "" }),
        json!({ "d": "not base64url!" }),
        json!({ "d": ["AAAA"] }),
        json!({ "d": false }),
        json!({ "oth": [] }),
        json!({ "oth": [{ "r": "AAAA", "d": "AAAA", "t": "AAAA" }] }),
        json!({ "d": "AAAA", "key_ops": ["sign"] }),
        json!({ "d": "AAAA", "key_ops": "sign" }),
        json!({ "d": "AAAA", "use": "enc" }),
        json!({ "d": "AAAA", "alg": "none" }),
        json!({ "d": "AAAA", "alg": 5 }),
        json!({ "d": "AAAA", "kty": "unknown" }),
        json!({ "d": "AAAA", "kty": null, "crv": null }),
        json!({ "d": "AAAA", "use": 5 }),
        json!({ "kty": "oct" }),
    ]);
    forms
}

fn with_members(mut jwk: Value, more: &Value) -> Value {
    jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jwk
}

#[test]
fn key_whose_secret_is_published_is_left_out() {
    run(async {
        let key = Key::new("b");
        for form in private_forms() {
            assert_left_out(&key, with_members(key.jwk(), &form)).await;
        }
    });
}

#[test]
fn published_secret_taints_its_name_and_its_key_pair() {
    run(async {
        let world = World::new().await;
        let key = Key::new("b");
        let namesake = Key::new("b");
        for form in private_forms() {
            // The same name with another key pair, and the same key pair under another name.
            let secret = with_members(key.jwk(), &form);
            let renamed = with_members(secret.clone(), &json!({ "kid": "c" }));
            let source = with(&world, [namesake.jwk(), renamed, secret, key.jwk_with("kid", json!("d"))]).await;
            assert_eq!(source.status().keys(), 1, "{form}");
            assert_eq!(world.ask(&source, &namesake).await, UNRECOGNIZED, "{form}");
            assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        }
        let x = key.jwk()["x"].as_str().unwrap().to_owned();
        for other in [json!({ "kid": "c" }), json!({ "kid": null }), json!({ "kid": "c", "x": format!("{x}=") })] {
            // The order does not matter either.
            let secret = with_members(key.jwk_with("d", json!("AAAA")), &other);
            world.issuer.publish(&jwks([secret, key.jwk(), world.key.jwk()]));
            let source = world.source().await;
            assert_eq!(source.status().keys(), 1, "{other}");
            assert_eq!(world.ask(&source, &key).await, UNRECOGNIZED, "{other}");
        }
    });
}

/// The number of a published private key may be written in a way that no key can be read from.
#[test]
fn published_secret_taints_its_key_pair_however_the_number_is_written() {
    run(async {
        // A number whose base64 and base64url differ in both halves.
        let differs = |half: &str| half.contains(['-', '_']);
        let key = std::iter::repeat_with(|| Key::new("b"))
            .find(|key| {
                let x = key.jwk()["x"].as_str().unwrap().to_owned();
                let (start, end) = x.split_at(20);
                differs(start) && differs(end)
            })
            .unwrap();
        let x = key.jwk()["x"].as_str().unwrap().to_owned();
        let (start, end) = x.split_at(20);
        let base64 = |text: &str| text.replace('-', "+").replace('_', "/");
        // The last of 43 characters has four unused bits.
        let (most, last) = x.split_at(42);
        let next = char::from(last.as_bytes()[0] + 1);
        for written in [
            format!("{start}\n{end}"),
            format!("{}\r\n{}=\r\n", base64(start), base64(end)),
            format!(" {x}"),
            format!("{x}==="),
            format!("{}{end}", base64(start)),
            format!("{start}{}", base64(end)),
            format!("{most}{next}"),
        ] {
            let world = World::new().await;
            let secret = with_members(key.jwk(), &json!({ "kid": "c", "d": "AAAA", "x": written }));
            let source = with(&world, [secret, key.jwk()]).await;
            assert_eq!(source.status().keys(), 1, "{written:?}");
            assert_eq!(world.ask(&source, &key).await, UNRECOGNIZED, "{written:?}");
        }
    });
}

#[test]
fn rsa_key_is_known_again_by_its_modulus() {
    run(async {
        let world = World::new().await;
        let n = encode([[0xff; 255].as_slice(), &[0xfd]].concat());
        let public = json!({ "kty": "RSA", "n": n, "e": "AQAB", "kid": "b" });
        assert_eq!(with(&world, [public.clone()]).await.status().keys(), 2);
        let zero = encode([[0].as_slice(), &[0xff; 255], &[0xfd]].concat());
        for private in [
            json!({ "kty": "RSA", "n": n, "d": "AQ" }),
            json!({ "kty": "RSA", "n": n, "e": "Aw", "d": 5, "kid": "c" }),
            json!({ "kty": "RSA", "n": zero, "oth": [], "kid": "c" }),
        ] {
            assert_eq!(with(&world, [public.clone(), private.clone()]).await.status().keys(), 1, "{private}");
        }
    });
}

#[test]
fn member_that_is_null_is_not_a_secret() {
    run(async {
        let world = World::new().await;
        let key = Key::new("b");
        for name in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            let source = with(&world, [key.jwk_with(name, Value::Null)]).await;
            assert_eq!(world.ask_now(&source, &key), ACCEPTED, "{name}");
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
        assert_eq!(verdict(&source, &token, &world.clock).await, UNRECOGNIZED);
    });
}

#[test]
fn keys_that_share_a_kid_are_used_by_what_fits() {
    run(async {
        let world = World::new().await;
        let all: Vec<_> = (0..5).map(|_| Key::new("b")).collect();
        let other = json!({ "kty": "EC", "crv": "P-256", "kid": "b", "x": P256[0], "y": P256[1] });
        for count in 1..=5 {
            let same = all[..count].iter().map(Key::jwk);
            let source = with(&world, same.chain([other.clone()])).await;
            let (used, said) = if count <= 4 { (count, ACCEPTED) } else { (0, UNRECOGNIZED) };
            assert_eq!(source.status().keys(), used + 2, "{count}");
            for key in &all[..count] {
                assert_eq!(world.ask(&source, key).await, said, "{count}");
            }
            assert_eq!(world.ask_now(&source, &world.key), ACCEPTED);
        }
    });
}

#[test]
fn token_without_kid_is_tried_with_four_keys_at_most() {
    run(async {
        let world = World::new().await;
        let nameless = Key::nameless();
        for (others, said) in [(2, ACCEPTED), (3, INVALID)] {
            let others: Vec<_> = (0..others).map(|n| Key::new(&n.to_string()).jwk()).collect();
            let source = with(&world, others.into_iter().chain([nameless.jwk_with("kid", json!("z"))])).await;
            assert_eq!(world.ask_now(&source, &nameless), said);
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

/// An invalid member, and the reason in the log.
#[test]
fn ambiguous_key_is_left_out_and_logged_with_the_reason() {
    for (member, value, why) in [
        ("alg", json!("ES256"), "contradicts its `kty`"),
        ("alg", json!("none"), "`alg` is unknown"),
        ("alg", json!("Ed448"), "`alg` is unknown"),
        ("alg", json!(1), "must be a string"),
        ("kty", json!("EC"), "an unknown kind"),
        ("kty", json!("okp"), "an unknown kind"),
        ("kty", json!("AKP"), "an unknown kind"),
        ("kty", json!(null), "has no `kty`"),
        ("crv", json!("X25519"), "an unknown kind"),
        ("use", json!("enc"), "not for signatures"),
        ("use", json!("SIG"), "not for signatures"),
        ("key_ops", json!(["sign"]), "another purpose"),
        ("key_ops", json!("verify"), "`key_ops` is not a list"),
        ("x", json!("AAAA"), "32 bytes"),
        ("x", json!("*"), "not base64url"),
        ("x", json!(null), "has no `x`"),
        ("d", json!("AAAA"), "a private key or a secret"),
    ] {
        let key = Key::new("b");
        let log = logged(|| run(assert_left_out(&key, key.jwk_with(member, value.clone()))));
        let line = log.lines().find(|line| line.contains("a published key is left out")).expect(&log);
        assert!(line.contains(r#"kid="b""#) && line.contains(why), "{member} {value}: {line}");
        // Many issuers publish such keys, so they cause no warning.
        let is_warning = !["use", "key_ops"].contains(&member) || value == json!("verify");
        assert_eq!(line.contains("WARN"), is_warning, "{line}");
        assert!(!line.contains("AAAA"), "{line}");
    }
}

#[test]
fn malformed_key_or_key_name_is_left_out_and_logged() {
    for (jwk, why) in [(Key::new("b").jwk_with("kid", json!(1)), "must be a string"), (json!(5), "not a JSON object")] {
        let log = logged(|| {
            run(async {
                let world = World::new().await;
                assert_eq!(with(&world, [jwk.clone()]).await.status().keys(), 1);
            });
        });
        let line = log.lines().find(|line| line.contains("a published key is left out")).expect(&log);
        assert!(line.contains("kid=absent") && line.contains(why), "{line}");
    }
}

#[test]
fn unambiguous_key_is_read() {
    run(async {
        let key = Key::new("b");
        let x = key.jwk()["x"].as_str().unwrap().to_owned();
        for (member, value) in [
            ("alg", json!(null)),
            ("alg", json!("Ed25519")),
            ("use", json!(null)),
            ("key_ops", json!(null)),
            ("key_ops", json!([])),
            ("key_ops", json!(["verify", "sign"])),
            ("x", json!(format!("{x}="))),
            ("x", json!(x.replace('-', "+").replace('_', "/"))),
            ("x5c", json!(null)),
            ("x5c", json!("nonsense")),
            ("ext", json!(true)),
        ] {
            let world = World::new().await;
            let source = with(&world, [key.jwk_with(member, value.clone())]).await;
            assert_eq!(world.ask_now(&source, &key), ACCEPTED, "{member} {value}");
        }
    });
}

/// The name is untrusted, so the log shows it in one line and with a limited length.
#[test]
fn name_of_a_key_is_logged_escaped_and_cut_and_once() {
    let log = logged(|| {
        run(async {
            let world = World::new().await;
            let name = format!("a\nforged line{}", "x".repeat(1000));
            let source = with(&world, [Key::new(&name).jwk_with("alg", json!("none"))]).await;
            world.clock.advance(10 * MINUTE);
            until(&source, |status| status.age().is_some_and(|age| age.is_zero())).await;
            assert_eq!(world.issuer.count(), 2);
        });
    });
    let lines: Vec<_> = log.lines().filter(|line| line.contains("a published key is left out")).collect();
    assert!(lines.len() == 1 && lines[0].contains(r"a\nforged line") && lines[0].len() < 400, "{lines:?}");
}

#[test]
fn unknown_member_is_ignored() {
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
