//! The forms of the `Authorization` header, and the answers.

use auth_basic::{Basic, BasicLogin};
use auth_core::{Chain, PrincipalId, RefusalKind, Rejection, RequestInfo, Strategy as _, Verdict};
use proptest::prelude::*;

use crate::support::{
    Fallible, Seen, StoreDown, answer, assert_malformed, basic, challenges, everybody, everybody_of, only_bob, request,
    run, run_parts, verified,
};

#[tokio::test]
async fn one_or_more_blanks_follow_the_scheme() {
    for blanks in [" ", "  ", "          "] {
        let value = basic("a:b").replace(' ', blanks);
        assert_eq!(*run(&everybody(), value).await.unwrap(), Seen::new("a", "b"));
    }
}

#[tokio::test]
async fn utf8_arrives_as_sent() {
    for (username, password) in [("Zoë", "pässwörd"), ("Zoe\u{308}", "e\u{301}"), ("用户", "🔑"), ("\u{fb01}", "Å")]
    {
        let user = run(&everybody(), basic(format!("{username}:{password}"))).await.unwrap();
        assert_eq!(*user, Seen::new(username, password));
    }
}

#[tokio::test]
async fn evidence_has_the_user_name_within_the_realm_unless_it_is_empty() {
    for (realm, username) in [("demo", "Zoë"), ("other", "1001")] {
        let user = run(&everybody_of(Basic::new(realm)), basic(format!("{username}:b"))).await.unwrap();
        assert_eq!(user.evidence().names(), [PrincipalId::new(realm, username)]);
        assert_eq!(
            (user.evidence().ids().len(), user.evidence().counts_from()),
            (0, user.evidence().authenticated_at())
        );
    }
    let key_as_password = run(&everybody(), basic(":key")).await.unwrap();
    assert_eq!(key_as_password.evidence().names(), []);
}

#[tokio::test]
async fn malformed_header_is_400_and_does_not_reach_verify() {
    for (value, why) in [
        ("Basic", "nothing after the scheme"),
        ("Basic ", "a blank after the scheme"),
        ("Basic    ", "blanks after the scheme"),
        ("Basic\tYTpi", "a tab after the scheme"),
        ("Basic \tYTpi", "a tab among the blanks"),
        ("Basic YTpi YTpi", "two words"),
        ("Basic YTpi, Basic YTpi", "a list"),
        ("Basic YTpi,", "a comma behind"),
        ("Basic \"YTpi\"", "quotes"),
        ("Basic realm=\"x\"", "parameters"),
        ("Basic a:b", "not encoded"),
        ("Basic *****", "no base64"),
        ("Basic YTpiYw", "padding is missing"),
        ("Basic YTpiYw=", "half of the padding"),
        ("Basic YTpiYw===", "too much padding"),
        ("Basic YTpi====", "padding where none belongs"),
        ("Basic ====", "padding alone"),
        ("Basic YTpiYx==", "the bits left over are not zero"),
        ("Basic YTp-", "the alphabet for URLs"),
        ("Basic Y", "a single character"),
    ] {
        assert_malformed(value, why).await;
    }
    for (value, why) in [
        (basic(""), "an empty text"),
        (basic("ab"), "no colon"),
        (basic(b"a:\xa3"), "Latin-1"),
        (basic(b"\xff:b"), "no UTF-8"),
        (basic("a:b\n"), "a line break in the password"),
        (basic("a\0:b"), "a zero in the user name"),
        (basic("a:b\x7f"), "DEL"),
        (basic("a\u{85}:b"), "a control character beyond ASCII"),
    ] {
        assert_malformed(value, why).await;
    }
    assert_malformed(b"Basic YTpi\xff", "a byte beyond ASCII").await;
}

#[tokio::test]
async fn repeated_basic_header_is_malformed() {
    let value = basic("bob:secret");
    for second in [value.as_str(), "Bearer abc", ""] {
        for lines in [[value.as_str(), second], [second, value.as_str()]] {
            let refusal = run_parts(&only_bob(), &request(&lines), None).await.unwrap_err();
            assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_request"));
        }
    }
}

#[tokio::test]
async fn credentials_of_4_kib_are_read_and_longer_ones_are_malformed() {
    // 3072 bytes are 4096 characters of base64.
    let password = "b".repeat(3070);
    let longest = basic(format!("a:{password}"));
    assert_eq!(longest.len(), "Basic ".len() + 4096);
    assert_eq!(*run(&everybody(), &longest).await.unwrap(), Seen::new("a", &password));
    assert_malformed(format!("{longest}A"), "4097 characters").await;
    assert_malformed(basic(format!("a:{password}b")), "one byte more").await;
}

#[tokio::test]
async fn body_limit_can_be_set() {
    let value = basic("a:b");
    assert!(run(&everybody_of(Basic::new("demo").max_len(4)), &value).await.is_ok());
    let refusal = run(&everybody_of(Basic::new("demo").max_len(3)), &value).await.unwrap_err();
    assert_eq!(refusal.status(), 400);
    let long = basic(format!("a:{}", "b".repeat(10_000)));
    assert!(run(&everybody_of(Basic::new("demo").max_len(20_000)), long).await.is_ok());
}

#[tokio::test]
async fn unknown_user_and_wrong_password_get_the_same_answer() {
    let unknown = answer(&run(&only_bob(), basic("mallory:secret")).await.unwrap_err());
    let wrong = answer(&run(&only_bob(), basic("bob:wrong")).await.unwrap_err());
    assert_eq!(unknown, wrong);
    assert_eq!(unknown.0, 401);
    assert!(unknown.1.contains(&r#"www-authenticate: Basic realm="demo", charset="UTF-8""#.to_owned()), "{unknown:?}");
    assert!(unknown.1.contains(&"cache-control: no-store".to_owned()), "{unknown:?}");
}

#[tokio::test]
async fn broken_store_is_unavailable_without_a_challenge() {
    let broken = verified(|_: BasicLogin| async { Err::<Option<Seen>, _>(StoreDown) });
    let refusal = run(&broken, basic("bob:secret")).await.unwrap_err();
    let (status, lines, body) = answer(&refusal);
    assert_eq!((status, refusal.kind()), (503, RefusalKind::Unavailable));
    assert!(lines.iter().any(|line| line.starts_with("retry-after: ")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("www-authenticate")), "{lines:?}");
    assert!(!body.contains("store"), "{body}");
}

#[tokio::test]
async fn malformed_header_does_not_ask_a_broken_store() {
    let broken = verified(|_: BasicLogin| async { Err::<Option<Seen>, _>(StoreDown) });
    assert_eq!(run(&broken, "Basic YTpi=").await.unwrap_err().status(), 400);
    assert_eq!(run(&broken, "Bearer YTpi").await.unwrap_err().status(), 401);
}

#[tokio::test]
async fn panic_of_verify_is_an_internal_error() {
    async fn broken(login: BasicLogin) -> Fallible<Option<Seen>> {
        assert!(login.username().is_empty(), "a panic that a test wants");
        Ok(None)
    }
    let refusal = run(&verified(broken), basic("bob:secret")).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (500, "internal_error"));
}

#[tokio::test]
async fn verify_can_reject_with_its_own_code() {
    let locked =
        verified(|_: BasicLogin| async { Verdict::<Seen>::reject(Rejection::forbidden().with_code("account_locked")) });
    let refusal = run(&locked, basic("bob:secret")).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (403, "account_locked"));
}

#[tokio::test]
async fn extras_of_the_verdict_are_in_the_evidence() {
    #[derive(Clone, Debug, PartialEq)]
    struct Role(&'static str);
    let chain = verified(|_: BasicLogin| async { Verdict::accept(Seen::new("bob", "")).with_extra(Role("admin")) });
    let user = run(&chain, basic("bob:secret")).await.unwrap();
    assert_eq!(user.evidence().extra(), Some(&Role("admin")));
}

#[tokio::test]
async fn verify_can_read_the_request() {
    let chain =
        verified(
            |login: BasicLogin, info: RequestInfo| async move { Some(Seen::new(login.username(), info.uri().path())) },
        );
    assert_eq!(*run(&chain, basic("bob:secret")).await.unwrap(), Seen::new("bob", "/"));
}

#[tokio::test]
async fn without_browser_prompt_the_scheme_is_unknown_to_browsers() {
    let chain = everybody_of(Basic::new("demo").without_browser_prompt());
    for authorization in [&[][..], &["Basic *****"]] {
        let refusal = run_parts(&chain, &request(authorization), None).await.unwrap_err();
        assert_eq!(challenges(&refusal), [r#"xBasic realm="demo", charset="UTF-8""#]);
    }
    // Clients still send Basic, and only that.
    assert!(run(&chain, basic("a:b")).await.is_ok());
    assert!(run(&chain, basic("a:b").replace("Basic", "xBasic")).await.is_err());
}

#[tokio::test]
async fn strategy_is_named_in_the_evidence() {
    let chain = everybody_of(Basic::new("demo").named("staff"));
    assert_eq!(chain.name(), "staff");
    assert_eq!(run(&chain, basic("a:b")).await.unwrap().evidence().strategy(), "staff");
}

#[tokio::test]
async fn two_realms_in_one_chain_are_two_challenges_and_the_first_decides() {
    let refuse = |realm: &str| Basic::new(realm).verify(|_: BasicLogin| async { None::<Seen> });
    let chain = Chain::new()
        .or(refuse("staff"))
        .or(Basic::new("guests").verify(|_: BasicLogin| async { Some(Seen::new("guest", "")) }));
    let refusal = run(&chain, basic("a:b")).await.unwrap_err();
    assert_eq!(
        challenges(&refusal),
        [r#"Basic realm="staff", charset="UTF-8""#, r#"Basic realm="guests", charset="UTF-8""#]
    );
    assert_eq!(run(&chain.try_next_on_reject(), basic("a:b")).await.unwrap().0, "guest");
}

#[tokio::test]
async fn chain_with_basic_has_a_challenge() {
    assert!(everybody().validate().is_ok());
    assert!(!everybody().needs().payload());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    /// Any text without control characters, and without a colon in the user name, arrives unchanged.
    #[test]
    fn every_login_that_the_rfc_allows_arrives(username in "[^:\\p{Cc}]{0,40}", password in "\\P{Cc}{0,40}") {
        let user = block_on(run(&everybody(), basic(format!("{username}:{password}")))).unwrap();
        prop_assert_eq!(&*user, &Seen::new(&username, &password));
    }

    /// For any bytes after the scheme, the answer is accepted, 400 or missing, never a system failure.
    #[test]
    fn strategy_survives_any_header(rest in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut value = b"Basic ".to_vec();
        value.extend(rest);
        if http::HeaderValue::from_bytes(&value).is_ok()
            && let Err(refusal) = block_on(run(&everybody(), value))
        {
            prop_assert_eq!(refusal.status().as_u16(), 400);
        }
    }

    /// The same for any bytes inside the base64.
    #[test]
    fn strategy_survives_any_bytes_in_the_base64(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Err(refusal) = block_on(run(&everybody(), basic(bytes))) {
            prop_assert_eq!(refusal.status().as_u16(), 400);
        }
    }
}
