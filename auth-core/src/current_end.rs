use std::time::SystemTime;

use crate::{BoxError, EndCheck, Evidence, Extras, evidence::earlier};

/// An end that may move while a connection is open.
impl Evidence {
    /// Whether the end may move: the strategy of a credential in it has set an [`EndCheck`]. Then
    /// [`expires_at`](Self::expires_at) is the end that was known at the check.
    #[must_use]
    pub fn has_moving_end(&self) -> bool {
        self.ending().is_some() || self.parts().iter().any(Self::has_moving_end)
    }

    /// When it ends now, exclusive: the earliest end of all its credentials. `None` if it has no end. A credential that has ended
    /// counts as ended since the Unix epoch.
    ///
    /// A credential with an [`EndCheck`] is asked, and any other keeps its end. An end that the application has set with
    /// [`Accept::expires_at`](crate::Accept::expires_at) stays the latest one. `used_at` is when the client last sent a message
    /// over the connection.
    ///
    /// # Errors
    /// If a check failed.
    pub async fn current_end(&self, used_at: SystemTime) -> Result<Option<SystemTime>, BoxError> {
        let mut ends = Ends { checks: Vec::new(), end: None };
        ends.add(self);
        let Ends { checks, mut end } = ends;
        for (check, extras) in checks {
            let current = check.ends_at(extras, used_at).await?.unwrap_or(SystemTime::UNIX_EPOCH);
            end = earlier(end, Some(current));
        }
        Ok(end)
    }
}

/// What the end of a whole depends on.
struct Ends<'e> {
    checks: Vec<(&'e dyn EndCheck, &'e Extras)>,
    /// The earliest end that does not move.
    end: Option<SystemTime>,
}

impl<'e> Ends<'e> {
    fn add(&mut self, evidence: &'e Evidence) {
        let (ending, parts, is_bounded) = (evidence.ending(), evidence.parts(), evidence.is_bounded());
        self.checks.extend(ending.map(|(check, extras)| (&**check, extras)));
        if is_bounded || (ending.is_none() && parts.is_empty()) {
            self.end = earlier(self.end, evidence.expires_at());
        }
        // Where the application has set the end, it stands in place of those of the parts, unless they move.
        parts.iter().filter(|part| !is_bounded || part.has_moving_end()).for_each(|part| self.add(part));
    }
}
