//! A Redis whose users have passwords and permissions.

use std::error::Error as _;

use auth_core::{Refusal, Revocation};
use auth_store::{RedisStore, Revocations};
use test_support::redis::{Kind, Server};

use super::{contract, server::Stored as _};

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_for_a_user_with_the_documented_permissions() {
    let Some(server) = Server::start_as(Kind::WithUser).await else { return };
    contract::holds(server.store(), server.store()).await;
}

#[tokio::test]
async fn wrong_password_is_503_and_logged_without_it() {
    let Some(server) = Server::start_as(Kind::WithUser).await else { return };
    let (log, _guard) = test_support::everything();
    for user in ["app:MARKER@", "MARKER:secret@", ":MARKER@", ""] {
        let store = RedisStore::new(&server.url().replace("app:secret@", user)).unwrap();
        let revocations = Revocations::new(store.clone());
        let error = revocations.revoke(&Revocation::session("issuer", "session")).await.unwrap_err();
        let cause = error.source().unwrap().to_string();
        let expected = if user.is_empty() { "NOAUTH" } else { "Redis refused the user or the password" };
        assert!(cause.contains(expected), "{user}: {cause}");
        assert!(!format!("{error} {error:?} {cause} {store:?}").contains("MARKER"), "{error:?}");
        assert_eq!(Refusal::from(error).status(), 503);
        let _listening = auth_store::Store::subscribe(&store).await;
    }
    let log = log.text();
    assert!(log.contains("Redis refused the user or the password") && !log.contains("MARKER"), "{log}");
}

#[tokio::test]
async fn missing_permission_is_named() {
    let Some(server) = Server::start_as(Kind::WithUser).await else { return };
    let store = server.store().prefix("other:");
    let error = auth_store::Store::put(&store, "key", b"", std::time::Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "Redis refused the command (NOPERM)");
}
