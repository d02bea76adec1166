//! The password helper behind the strategy.

use std::{sync::Arc, time::Duration};

use auth_basic::{Argon2Passwords, Basic, BasicLogin, Password};
use auth_core::{BoxError, Chain};

use crate::support::{answer, basic, run};

/// Cheap to compute. No password has this hash.
const REFERENCE: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn chain_of(passwords: Argon2Passwords, bobs: &str) -> Chain<String> {
    let bobs: Arc<str> = bobs.into();
    Chain::new().or(Basic::new("demo").verify(move |login: BasicLogin| {
        let (passwords, bobs) = (passwords.clone(), Arc::clone(&bobs));
        async move {
            let stored = (login.username() == "bob").then_some(&*bobs);
            let is_right = passwords.verify(stored, login.password()).await?;
            Ok::<_, BoxError>(is_right.then(|| login.username().to_owned()))
        }
    }))
}

#[tokio::test]
async fn only_the_right_password_is_let_in_and_other_answers_are_equal() {
    let passwords = Argon2Passwords::with_params_of(REFERENCE).unwrap();
    let stored = passwords.hash(&Password::new("secret")).await.unwrap();
    let chain = chain_of(passwords, &stored);
    assert_eq!(*run(&chain, basic("bob:secret")).await.unwrap(), "bob");
    let wrong = answer(&run(&chain, basic("bob:wrong")).await.unwrap_err());
    let unknown = answer(&run(&chain, basic("mallory:secret")).await.unwrap_err());
    assert_eq!(wrong, unknown);
    assert_eq!(wrong.0, 401);
}

#[tokio::test]
async fn unusable_stored_hash_is_503() {
    let chain = chain_of(Argon2Passwords::with_params_of(REFERENCE).unwrap(), "{SSHA}abc");
    assert_eq!(run(&chain, basic("bob:secret")).await.unwrap_err().status(), 503);
}

/// In a flood, some requests get an answer and the others a 503 at once. No answer is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn flood_of_logins_is_answered_with_503() {
    let passwords = Argon2Passwords::new().max_parallel(1).max_wait(Duration::ZERO);
    let chain = chain_of(passwords, REFERENCE);
    let logins: Vec<_> = (0..20)
        .map(|_| {
            let chain = chain.clone();
            tokio::spawn(async move { run(&chain, basic("mallory:x")).await.unwrap_err().status().as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for login in logins {
        statuses.push(login.await.unwrap());
    }
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&401) && statuses.contains(&503), "{statuses:?}");
}
