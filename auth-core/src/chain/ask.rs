use std::{error::Error, fmt, panic::resume_unwind, sync::Arc};

use super::{panic::catch_panic, terms::as_if_wrong};
use crate::{
    AuthRequest, BoxError, Evidence, Outcome, Rejection, Strategy,
    notes::{Acceptances, Notes},
};

/// Asks a strategy. What chains inside of it have accepted is attached to its acceptance, even if it built a new one.
pub(super) async fn ask<S: Strategy + ?Sized>(
    strategy: &S,
    request: &AuthRequest<'_>,
) -> Result<Answer<S::User>, BoxError> {
    let notes = Notes::default();
    let may_renew = request.open().is_none_or(|open| strategy.may_renew(request, open));
    let answered = match may_renew {
        // Caught here too, since a panic after another user's credential was accepted would tell that it is good.
        true => catch_panic(strategy.authenticate(&request.noting(&notes)).as_mut()).await,
        false => {
            tracing::debug!(strategy = strategy.name(), "the strategy is not asked: it may not renew what is open");
            Ok(Ok(Outcome::Reject(Rejection::invalid_credentials())))
        }
    };
    let Acceptances { inside, mut given_up, is_half, passed_over } = notes.into_acceptances();
    let another = request.open().and_then(|open| {
        // A guest behind a wrong credential counts for that.
        let is_guest = |evidence: &Evidence| passed_over.is_some() && !evidence.is_named();
        let is_anothers = |evidence: &&Evidence| evidence.names_another_than(open) || is_guest(evidence);
        // The other half of an `and` says that it is revoked whether this one is wrong or another user's.
        let is_final = matches!(&answered, Ok(Ok(Outcome::Reject(rejection))) if rejection.is_final());
        inside.iter().chain(given_up.iter().filter(|_| !is_final)).find(is_anothers)
    });
    let mut outcome = match (answered, another) {
        (Ok(Ok(outcome)), _) => outcome,
        // An outage that shows behind good credentials only.
        (Ok(Err(cause)), Some(another)) => {
            tracing::error!(strategy = strategy.name(), %cause, "a strategy has failed at a renewal by another user");
            Outcome::Reject(as_if_wrong(another, passed_over.as_ref(), &[]))
        }
        (Err(_), Some(another)) => {
            tracing::error!(strategy = strategy.name(), "a strategy has panicked at a renewal by another user");
            Outcome::Reject(as_if_wrong(another, passed_over.as_ref(), &[]))
        }
        (Ok(Err(cause)), None) => return Err(cause),
        (Err(panic), None) => resume_unwind(panic),
    };
    if request.is_explicit_only() {
        outcome = match outcome {
            // A client certificate, say: the browser has added it, so it counts as if it were not there.
            Outcome::Accept(accept) if accept.evidence.carrier.is_ambient() => Outcome::Absent,
            // It tells what to do about a credential that is missing, and speaks against none.
            Outcome::Redirect(_) => Outcome::Absent,
            outcome => outcome,
        };
    }
    // What cookies complete is accepted as a whole, and compared then; so is what is accepted.
    if let Some(another) = another
        && !is_half
        && !matches!(outcome, Outcome::Accept(_))
    {
        // What is said after another user's credential was accepted would tell that it is good.
        outcome = Outcome::Reject(as_if_wrong(another, passed_over.as_ref(), &[]));
    }
    match &mut outcome {
        Outcome::Accept(accept) => {
            let (own, other): (Vec<_>, Vec<_>) =
                inside.into_iter().partition(|inside| accept.evidence.holds(inside.serial));
            if own.is_empty() {
                accept.evidence.stands_on(other);
            } else {
                given_up.extend(other);
            }
        }
        _ => given_up.extend(inside),
    }
    Ok(Answer { outcome, given_up, is_half, passed_over })
}

/// What a strategy says, and what chains inside of it have noted.
pub(super) struct Answer<U> {
    pub(super) outcome: Outcome<U>,
    pub(super) given_up: Vec<Evidence>,
    pub(super) is_half: bool,
    pub(super) passed_over: Option<Rejection>,
}

/// An error of a strategy, with the name of the strategy for the log. It shows itself as the error does.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) strategy: Arc<str>,
    pub(super) cause: BoxError,
}

impl Failed {
    /// The innermost strategy counts.
    pub(super) fn of(strategy: &Arc<str>, cause: BoxError) -> BoxError {
        if cause.is::<Self>() { cause } else { Box::new(Self { strategy: Arc::clone(strategy), cause }) }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
