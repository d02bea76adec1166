//! A login whose end moves while a connection is open.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use auth_core::{Accept, AuthRequest, BoxError, Carrier, Challenge, EndCheck, Extras, Outcome, Strategy, async_trait};
use tokio::sync::watch;

use crate::users::{START, User};

/// The value of `Authorization` that [`Login`] accepts, as the user `ann`.
pub const LOGIN: &str = "Login ann";

/// What the store says about the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It ends this many seconds after [`START`].
    Ends(u64),
    /// It has ended.
    HasEnded,
    /// The store is down.
    Fails,
    /// The check panics.
    Panics,
    /// Nothing, until it says something else.
    Hangs,
}

/// Accepts [`LOGIN`] until a minute after [`START`], or as the test says.
#[derive(Clone)]
pub struct Login {
    says: watch::Sender<Says>,
    asked: Arc<Mutex<Vec<SystemTime>>>,
}

impl Login {
    /// A login whose end has not moved.
    pub fn new() -> Self {
        Self { says: watch::Sender::new(Says::Ends(60)), asked: Arc::default() }
    }

    /// From now on the store says this.
    pub fn say(&self, says: Says) {
        self.says.send_replace(says);
    }

    /// When the client was said to have used it last, at each question, in seconds after [`START`].
    pub fn asked(&self) -> Vec<u64> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().map(|used_at| used_at.duration_since(*START).unwrap().as_secs()).collect()
    }
}

impl Default for Login {
    fn default() -> Self {
        Self::new()
    }
}

fn at(secs: u64) -> SystemTime {
    *START + Duration::from_secs(secs)
}

#[async_trait]
impl EndCheck for Login {
    async fn ends_at(&self, _: &Extras, used_at: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        // Before the question shows: what the test says after it is for the next one.
        let mut says = *self.says.borrow();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(used_at);
        if says == Says::Hangs {
            says = *self.says.subscribe().wait_for(|says| *says != Says::Hangs).await?;
        }
        match says {
            Says::Ends(secs) => Ok(Some(at(secs))),
            Says::HasEnded => Ok(None),
            Says::Panics => panic!("the store panics"),
            Says::Fails | Says::Hangs => Err("the store is down".into()),
        }
    }
}

#[async_trait]
impl Strategy for Login {
    type User = User;

    fn name(&self) -> &str {
        "login"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        let is_login = request.parts().headers.get("authorization").is_some_and(|value| value == LOGIN);
        if !is_login {
            return Ok(Outcome::Absent);
        }
        let ends = match *self.says.borrow() {
            Says::Ends(secs) => secs,
            // Only open connections wait for it: requests are let in.
            Says::Hangs => 600,
            _ => 60,
        };
        let accept = Accept::new(User("ann".into()), Carrier::Header).expires_at(at(ends));
        Ok(Outcome::Accept(accept.end_check(Arc::new(self.clone()))))
    }
}
