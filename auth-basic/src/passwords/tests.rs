use std::{
    pin::pin,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Poll, Waker},
};

use super::*;

/// A hash without a known password that is cheap to compute.
const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Longer than anything here takes. A broken test must fail, not hang.
const LONG: Duration = Duration::from_secs(10);

fn cheap() -> Argon2Passwords {
    Argon2Passwords::with_params_of(CHEAP).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text)
}

/// The same passwords, and a list of all their computations.
fn counted(mut passwords: Argon2Passwords) -> (Argon2Passwords, Arc<Mutex<Vec<Recipe>>>) {
    let done = Arc::new(Mutex::new(Vec::new()));
    let compute = Arc::clone(&passwords.compute);
    let list = Arc::clone(&done);
    passwords.compute = Arc::new(move |recipe, password, salt| {
        list.lock().unwrap().push(recipe.clone());
        compute(recipe, password, salt)
    });
    (passwords, done)
}

/// Passwords whose work signals its start, then waits for a signal to continue.
fn gated(mut passwords: Argon2Passwords) -> (Argon2Passwords, Receiver<()>, Sender<()>) {
    let (begun, has_begun) = channel();
    let (go_on, told) = channel();
    let told = Mutex::new(told);
    passwords.compute = Arc::new(move |recipe, password, salt| {
        begun.send(()).unwrap();
        told.lock().unwrap().recv_timeout(LONG).unwrap();
        recipe.compute(password, salt)
    });
    (passwords, has_begun, go_on)
}

async fn kind_of(passwords: &Argon2Passwords, stored: Option<&str>) -> PasswordErrorKind {
    passwords.verify(stored, &password("x")).await.unwrap_err().kind()
}

#[tokio::test]
async fn right_password_is_accepted_and_another_is_not() {
    let passwords = cheap();
    let stored = passwords.hash(&password("open sesame")).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
    for (text, is_right) in [("open sesame", true), ("open sesam", false), ("Open sesame", false), ("", false)] {
        assert_eq!(passwords.verify(Some(&stored), &password(text)).await.unwrap(), is_right, "{text}");
    }
}

#[tokio::test]
async fn empty_and_unicode_passwords_work() {
    let passwords = cheap();
    for text in ["", "\u{e9}", "e\u{301}", &"x".repeat(4096)] {
        let stored = passwords.hash(&password(text)).await.unwrap();
        assert!(passwords.verify(Some(&stored), &password(text)).await.unwrap());
    }
    let composed = passwords.hash(&password("\u{e9}")).await.unwrap();
    assert!(!passwords.verify(Some(&composed), &password("e\u{301}")).await.unwrap());
}

#[tokio::test]
async fn every_hash_has_its_own_salt() {
    let passwords = cheap();
    assert_ne!(passwords.hash(&password("a")).await.unwrap(), passwords.hash(&password("a")).await.unwrap());
}

#[tokio::test]
async fn default_parameters_are_those_of_owasp() {
    let stored = Argon2Passwords::default().hash(&password("a")).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
}

#[tokio::test]
async fn hashes_of_the_reference_implementation_are_understood() {
    let passwords = Argon2Passwords::new();
    for stored in [
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        // Without a version, the first version applies, which gives another hash.
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
    ] {
        assert!(passwords.verify(Some(stored), &password("password")).await.unwrap(), "{stored}");
        assert!(passwords.needs_rehash(stored));
    }
}

#[tokio::test]
async fn unknown_user_and_wrong_password_do_the_same_work() {
    let dear = "$argon2i$v=16$m=16,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for passwords in [cheap(), Argon2Passwords::with_params_of(dear).unwrap(), Argon2Passwords::new()] {
        let stored = passwords.hash(&password("right")).await.unwrap();
        let (passwords, done) = counted(passwords);
        assert!(!passwords.verify(None, &password("wrong")).await.unwrap());
        let for_unknown_user = std::mem::take(&mut *done.lock().unwrap());
        assert!(!passwords.verify(Some(&stored), &password("wrong")).await.unwrap());
        let for_wrong_password = std::mem::take(&mut *done.lock().unwrap());
        assert!(passwords.verify(Some(&stored), &password("right")).await.unwrap());
        let for_right_password = std::mem::take(&mut *done.lock().unwrap());

        assert_eq!((for_unknown_user.len(), for_wrong_password.len(), for_right_password.len()), (1, 1, 1));
        assert!(for_unknown_user[0].is_like(&for_wrong_password[0]), "{for_unknown_user:?} {for_wrong_password:?}");
        assert!(for_wrong_password[0].is_like(&for_right_password[0]));
    }
}

#[tokio::test]
async fn unknown_user_has_no_right_password() {
    let stored = cheap().hash(&password("known")).await.unwrap();
    let passwords = Argon2Passwords::with_params_of(&stored).unwrap();
    assert!(!passwords.verify(None, &password("known")).await.unwrap());
    assert!(!passwords.verify(None, &password("")).await.unwrap());
}

#[tokio::test]
async fn stored_text_that_is_not_a_hash_is_an_error_after_the_same_work() {
    let (passwords, done) = counted(cheap());
    for stored in [
        "",
        "x",
        "plain password",
        "$",
        "$argon2id",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA",
        "$argon2id$v=19$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=18$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$",
        "$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "$pbkdf2-sha256$i=600000$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let kind = passwords.verify(Some(stored), &password("x")).await.map_err(|error| error.kind());
        assert_eq!(kind, Err(PasswordErrorKind::UnusableHash), "{stored}");
        let done = std::mem::take(&mut *done.lock().unwrap());
        assert_eq!(done.len(), 1, "{stored}");
        assert!(done[0].is_like(&passwords.reference.recipe), "{stored}");
        assert!(passwords.needs_rehash(stored), "{stored}");
    }
}

#[tokio::test]
async fn stored_hash_may_cost_at_most_eight_times_the_reference() {
    let (passwords, done) = counted(cheap());
    let rest = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for params in ["m=64,t=1,p=1", "m=8,t=8,p=1", "m=16,t=4,p=2", "m=64,t=1,p=8"] {
        let stored = format!("$argon2id$v=19${params}${rest}");
        assert!(!passwords.verify(Some(&stored), &password("x")).await.unwrap(), "{params}");
    }
    done.lock().unwrap().clear();
    for params in [
        "m=65,t=1,p=1",
        "m=8,t=9,p=1",
        "m=16,t=5,p=1",
        "m=4294967295,t=1,p=1",
        "m=8,t=4294967295,p=1",
        "m=4294967295,t=4294967295,p=16777215",
    ] {
        let stored = format!("$argon2id$v=19${params}${rest}");
        assert_eq!(kind_of(&passwords, Some(&stored)).await, PasswordErrorKind::UnusableHash, "{params}");
    }
    assert!(done.lock().unwrap().iter().all(|recipe| recipe.is_like(&passwords.reference.recipe)));
}

#[test]
fn excessive_reference_does_not_build() {
    let rest = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for reference in [
        String::new(),
        "password".into(),
        format!("$argon2id$v=19${rest}"),
        format!("$argon2id$v=19$m=4194305,t=1,p=1${rest}"),
        format!("$argon2id$v=19$m=4194304,t=101,p=1${rest}"),
    ] {
        let error = Argon2Passwords::with_params_of(&reference).unwrap_err().to_string();
        assert!(error.starts_with("the reference "), "{reference}: {error}");
    }
    assert!(Argon2Passwords::with_params_of(&format!("$argon2id$v=19$m=4194304,t=100,p=1${rest}")).is_ok());
}

#[tokio::test]
async fn hash_with_the_parameters_of_the_reference_needs_no_rehash() {
    let passwords = Argon2Passwords::new();
    let stored = passwords.hash(&password("a")).await.unwrap();
    assert!(!passwords.needs_rehash(&stored));
    assert!(!Argon2Passwords::with_params_of(&stored).unwrap().needs_rehash(&stored));
    for other in [
        stored.replace("argon2id", "argon2i"),
        stored.replace("v=19", "v=16"),
        stored.replace("m=19456", "m=19457"),
        stored.replace("t=2", "t=1"),
        stored.replace("p=1", "p=2"),
    ] {
        assert!(passwords.needs_rehash(&other), "{other}");
    }
}

#[test]
fn only_a_weaker_hash_is_outgrown() {
    let hash = |algorithm: &str, params: &str, output: &str| {
        format!("${algorithm}$v=19${params}$c29tZXNhbHRzb21lc2FsdA${output}")
    };
    let long = "A".repeat(43);
    let id = |params: &str| hash("argon2id", params, &long);
    let reference = id("m=64,t=4,p=2");
    let order = [
        hash("argon2i", "m=4096,t=9,p=1", &long),
        id("m=64,t=4,p=2").replace("v=19", "v=16"),
        id("m=64,t=3,p=2"),
        // The same work with less memory is weaker.
        id("m=32,t=8,p=1"),
        hash("argon2id", "m=64,t=4,p=2", &"A".repeat(22)),
        reference.clone(),
        id("m=128,t=2,p=1"),
        id("m=64,t=5,p=1"),
        // More memory and fewer passes: the product counts.
        id("m=512,t=1,p=1"),
    ];
    let passwords = Argon2Passwords::with_params_of(&reference).unwrap();
    for (at, stored) in order.iter().enumerate() {
        assert_eq!(passwords.has_outgrown(stored), at < 5, "{stored}");
        // Nodes with different references never replace each other's hashes in turn.
        let other = Argon2Passwords::with_params_of(stored).unwrap();
        assert!(!(passwords.has_outgrown(stored) && other.has_outgrown(&reference)), "{stored}");
    }
    assert!(!passwords.has_outgrown(&id("m=64,t=4,p=1")), "lanes don't count");
    assert!(passwords.has_outgrown("not a hash") && passwords.has_outgrown(""));
}

#[tokio::test]
async fn cancelled_call_keeps_its_turn_until_the_work_is_done() {
    let (passwords, has_begun, go_on) = gated(cheap().max_parallel(1).max_wait(Duration::ZERO));
    let caller = tokio::spawn({
        let passwords = passwords.clone();
        async move { passwords.verify(None, &password("x")).await }
    });
    tokio::task::spawn_blocking(move || has_begun.recv_timeout(LONG).unwrap()).await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    assert_eq!(kind_of(&passwords, None).await, PasswordErrorKind::Busy);
    go_on.send(()).unwrap();
    drop(passwords.permits.acquire().await.unwrap());
    drop(go_on);
    // The next call gets its turn. It fails only because the gate is gone.
    assert_eq!(kind_of(&passwords, None).await, PasswordErrorKind::Failed);
}

#[tokio::test]
async fn clones_share_the_configured_number_of_turns() {
    for (set, turns) in [(0, 1), (1, 1), (3, 3)] {
        let (passwords, has_begun, go_on) = gated(cheap().max_parallel(set).max_wait(Duration::ZERO));
        let callers: Vec<_> = (0..turns)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.hash(&password("x")).await })
            })
            .collect();
        tokio::task::spawn_blocking(move || (0..turns).for_each(|_| has_begun.recv_timeout(LONG).unwrap()))
            .await
            .unwrap();
        assert_eq!(kind_of(&passwords, None).await, PasswordErrorKind::Busy);
        (0..turns).for_each(|_| go_on.send(()).unwrap());
        for caller in callers {
            assert!(caller.await.unwrap().is_ok());
        }
    }
    assert_eq!(cheap().max_parallel(usize::MAX).permits.available_permits(), Semaphore::MAX_PERMITS);
}

#[test]
fn defaults_are_one_turn_per_core_and_one_second() {
    let passwords = Argon2Passwords::new();
    assert_eq!(passwords.permits.available_permits(), thread::available_parallelism().unwrap().get());
    assert_eq!(passwords.max_wait, Duration::from_secs(1));
}

#[tokio::test]
async fn panic_in_the_work_is_an_error_and_frees_the_turn() {
    let mut passwords = cheap().max_parallel(1).max_wait(Duration::ZERO);
    passwords.compute = Arc::new(|_, _, _| panic!("a panic that a test wants"));
    for _ in 0..3 {
        assert_eq!(kind_of(&passwords, None).await, PasswordErrorKind::Failed);
    }
}

#[tokio::test]
async fn failure_of_argon2_is_an_error_with_its_cause() {
    let mut passwords = cheap();
    passwords.compute = Arc::new(|_, _, _| Err(password_hash::Error::OutOfMemory));
    for stored in [None, Some(CHEAP)] {
        let error = passwords.verify(stored, &password("x")).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (PasswordErrorKind::Failed, "argon2 failed"));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "out of memory");
    }
    assert_eq!(passwords.hash(&password("x")).await.unwrap_err().kind(), PasswordErrorKind::Failed);
}

#[test]
fn missing_runtime_is_an_error() {
    let passwords = cheap();
    let password = password("x");
    let work = pin!(passwords.verify(None, &password));
    let Poll::Ready(Err(error)) = work.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it should have failed at once");
    };
    assert_eq!(error.kind(), PasswordErrorKind::Failed);
}

#[tokio::test]
async fn printed_text_never_holds_password_or_hash() {
    let passwords = cheap();
    let error = passwords.verify(Some("marker-hash"), &password("marker-password")).await.unwrap_err();
    let printed = format!("{passwords:?} {error:?} {error}");
    assert!(printed.starts_with("Argon2Passwords {") && !printed.contains("marker"), "{printed}");
}
