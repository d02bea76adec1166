//! A token that two parties have.

use test_support::server::close;

use super::*;

/// Two parties have the token of a login. One of them refreshes twice, and then the other comes.
async fn stolen(owner_is_first: bool) {
    let (log, _guard) = test_support::log::only("auth_session=info");
    let tokens = Tokens::new();
    let server = tokens.serve().await;
    let mut owner = Phone::log_in((&server).into(), "ann").await;
    let mut thief = owner.clone();
    let other = Phone::log_in((&server).into(), "ann").await;
    let (first, second) = if owner_is_first { (&mut owner, &mut thief) } else { (&mut thief, &mut owner) };
    first.refresh().await.unwrap();
    let mut sockets = [first.open(&server).await, second.open(&server).await];
    tokens.advance(301);
    let (mut kept, sid) = (other.open(&server).await, first.sid());

    assert_eq!(second.refresh().await, invalid_grant());
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, close(4403, "revoked"));
    }
    assert_eq!(first.api().await, refused(401, "revoked"));
    assert_eq!(second.api().await, refused(401, "revoked"));
    for _ in 0..2 {
        assert_eq!((first.refresh().await, second.refresh().await), (invalid_grant(), invalid_grant()));
    }
    assert!(kept.echoes("another login of the same user").await);
    assert_eq!((other.api().await, tokens.app.sids("ann").await), (is("ann"), vec![other.sid()]));

    let lines = log.lines();
    let told = |text: &str| lines.iter().filter(|line| line.contains(text) && line.contains(&sid)).count();
    assert_eq!(told("an old refresh token was presented"), 1, "{lines:?}");
    assert_eq!(told("reason=\"refresh_token_reuse\""), 1, "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("WARN") && line.contains("generation=1 newest=2")), "{lines:?}");
}

#[tokio::test]
async fn theft_with_the_thief_first_ends_login_sockets_and_tokens() {
    stolen(false).await;
}

#[tokio::test]
async fn theft_with_the_owner_first_ends_login_sockets_and_tokens() {
    stolen(true).await;
}

/// Both have the newest token, since the thief comes within seconds. One of them uses it later than the other.
#[tokio::test]
async fn thief_within_the_first_seconds_is_found_at_the_next_refresh() {
    for owner_is_first in [false, true] {
        let tokens = Tokens::new();
        let mut owner = tokens.phone("ann").await;
        let mut thief = owner.clone();
        owner.refresh().await.unwrap();
        assert_eq!(thief.refresh().await, Ok(2));
        tokens.advance(600);
        let (first, second) = if owner_is_first { (&mut owner, &mut thief) } else { (&mut thief, &mut owner) };
        assert_eq!(first.refresh().await, Ok(3));
        tokens.advance(600);
        assert_eq!(second.refresh().await, invalid_grant());
        assert_eq!(first.refresh().await, invalid_grant());
        assert_eq!(tokens.app.sids("ann").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn replay_after_an_hour_ends_the_login() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let mut copies = Vec::new();
    for generation in 2..12 {
        copies.push(phone.clone());
        tokens.advance(600);
        assert_eq!(phone.refresh().await, Ok(generation));
    }
    // An old one as well as the last but one.
    let mut replayed = copies.remove(3);
    tokens.advance(3600);
    assert_eq!(replayed.refresh().await, invalid_grant());
    assert_eq!(phone.refresh().await, invalid_grant());
}

#[tokio::test]
async fn made_up_generation_ends_nothing() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    phone.refresh().await.unwrap();
    let parts: Vec<_> = phone.refresh.split('.').map(str::to_owned).collect();
    for generation in ["1", "3", "99"] {
        let made_up = Phone { refresh: format!("{}.{generation}.{}", parts[0], parts[2]), ..phone.clone() };
        assert!(made_up.send().await.is(400, "invalid_grant"));
        assert_eq!(made_up.log_out().await, 204);
    }
    assert_eq!((phone.refresh().await, phone.api().await), (Ok(3), is("ann")));
}
