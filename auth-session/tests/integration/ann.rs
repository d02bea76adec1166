//! One user with a password, and an application with a form.

use std::sync::{Arc, Mutex};

use auth_basic::{Argon2Passwords, Password};
use auth_core::{BoxError, ManualClock};
use auth_session::{LocalLogin, LocalUsers, async_trait};
use axum::Router;
use test_support::server::Server;

use crate::support::*;

pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
/// Cheap, for tests alone.
pub(crate) const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub(crate) const CHEAPER: &str = "$argon2id$v=19$m=8,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) fn cheap() -> Argon2Passwords {
    Argon2Passwords::with_params_of(CHEAP).unwrap()
}

/// One user, Ann.
#[derive(Clone, Default)]
pub(crate) struct Ann(pub(crate) Arc<Mutex<Kept>>);

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) hash: String,
    pub(crate) asked: Vec<String>,
    pub(crate) stored: usize,
    pub(crate) is_down: bool,
    pub(crate) refuses: bool,
    /// The hash that another request stores after the next look.
    pub(crate) changes_to: Option<String>,
    /// Moved by a second after a look.
    pub(crate) clock: Option<ManualClock>,
}

#[async_trait]
impl LocalUsers for Ann {
    type User = User;

    async fn find(&self, username: &str) -> Result<Option<(User, String)>, BoxError> {
        let mut kept = self.0.lock().unwrap();
        kept.asked.push(username.to_owned());
        if kept.is_down {
            return Err("the users are down".into());
        }
        if let Some(clock) = &kept.clock {
            clock.advance(secs(1));
        }
        let hash = kept.hash.clone();
        if let Some(changed) = kept.changes_to.take() {
            kept.hash = changed;
        }
        Ok((username == "ann").then(|| (User("ann".to_owned()), hash)))
    }

    async fn store_hash(&self, user: &User, old: &str, new: &str) -> Result<bool, BoxError> {
        let mut kept = self.0.lock().unwrap();
        if kept.refuses {
            return Err("the users are read-only".into());
        }
        assert_eq!(user.0, "ann");
        if kept.hash != old {
            return Ok(false);
        }
        kept.stored += 1;
        kept.hash = new.to_owned();
        Ok(true)
    }
}

/// An application with a password form, and what its test needs.
pub(crate) struct Local {
    pub(crate) app: App,
    pub(crate) ann: Ann,
    pub(crate) login: LocalLogin<User>,
}

impl Local {
    pub(crate) async fn new() -> Self {
        Self::with(|login| login).await
    }

    pub(crate) async fn with(set: impl FnOnce(LocalLogin<User>) -> LocalLogin<User>) -> Self {
        let (mut app, ann) = (App::new(), Ann::default());
        let passwords = cheap();
        ann.0.lock().unwrap().hash = passwords.hash(&Password::new(PASSWORD)).await.unwrap();
        let login = LocalLogin::new(app.sessions.clone(), ann.clone()).passwords(passwords);
        let login = set(login.after_login("/inbox").unwrap().after_logout("/bye").unwrap());
        app.router = Router::new()
            .merge(login.routes())
            .layer(app.sessions.layer())
            .merge(Router::new().nest("/app", app.router.clone()));
        Self { app, ann, login }
    }

    pub(crate) async fn serve(&self) -> Server {
        Server::start(self.app.router.clone()).await
    }
}

pub(crate) fn typed(username: &str, password: &str) -> String {
    let fields = [("username", username), ("password", password)];
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) fn right() -> String {
    typed("ann", PASSWORD)
}
