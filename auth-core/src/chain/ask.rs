//! One strategy of a chain or of an `and`, and how it is asked.

use std::{error::Error, fmt, mem, panic::resume_unwind, sync::Arc};

use super::{
    panic::{Caught, catch_panic, catch_panic_of},
    terms::as_if_wrong,
};
use crate::{
    AuthRequest, BoxError, Challenge, Evidence, Outcome, Principal, Rejection, Start, Strategy,
    notes::{Acceptances, Notes},
};

/// A strategy, with its name and challenges.
pub(super) struct Node<U> {
    pub(super) strategy: Arc<dyn Strategy<User = U>>,
    pub(super) name: Arc<str>,
    pub(super) challenges: Arc<[Challenge]>,
}

/// What a strategy says, and what chains inside it have noted.
pub(super) struct Answer<U> {
    pub(super) outcome: Outcome<U>,
    /// Without acceptances `inside`: each is part of the outcome, or given up.
    pub(super) noted: Option<Box<Acceptances>>,
}

impl<U> Answer<U> {
    pub(super) fn absent() -> Self {
        Self { outcome: Outcome::Absent, noted: None }
    }
}

/// What a strategy itself says, or its panic.
type Answered<U> = Caught<Result<Outcome<U>, BoxError>>;

impl<U: Principal> Node<U> {
    pub(super) fn new<S: Strategy<User = U>>(strategy: S) -> Self {
        let mut challenges = Vec::new();
        strategy.challenges(&mut challenges);
        Self { name: strategy.name().into(), challenges: challenges.into(), strategy: Arc::new(strategy) }
    }

    /// Asks the strategy, and puts its name and challenges on what it says, unless a chain inside it has put others there.
    ///
    /// What chains inside it have accepted is attached to its acceptance, even if it built a new one. `None` if it is absent, and
    /// no chain inside it has noted anything. Most strategies of a chain say so, and it costs half of an answer.
    pub(super) async fn ask(&self, request: &AuthRequest<'_>) -> Result<Option<Answer<U>>, BoxError> {
        let notes = Notes::default();
        let answered = self.answer(&request.noting(&notes)).await;
        match (answered, notes.into_acceptances()) {
            (Ok(Ok(Outcome::Absent)), None) => Ok(None),
            (Ok(Ok(outcome)), None) if !request.is_explicit_only() => {
                Ok(Some(Answer { outcome: self.labelled(outcome, request), noted: None }))
            }
            (answered, noted) => self.conclude(answered, noted, request).map(Some),
        }
    }

    #[cold]
    fn may_renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> bool {
        let may = self.strategy.may_renew(request, open);
        if !may {
            tracing::debug!(strategy = &*self.name, "the strategy is not asked: it may not renew the connection");
        }
        may
    }

    /// What the strategy itself says.
    async fn answer(&self, request: &AuthRequest<'_>) -> Answered<U> {
        if let Some(open) = request.open()
            && !self.may_renew(request, open)
        {
            return Ok(Ok(Outcome::Reject(Rejection::invalid_credentials())));
        }
        // Caught here too: a panic after another user's credential was accepted would show that it is good.
        // `?` and a match around the wait would keep the whole start in the future, twice: 144 bytes.
        let mut answer = match catch_panic_of(|| self.strategy.start(request)) {
            Ok(Start::Waits(answer)) => answer,
            Ok(Start::Done(answer)) => return Ok(answer),
            Err(panic) => return Err(panic),
        };
        catch_panic(answer.as_mut()).await
    }

    /// Handles a failure, what chains inside have noted, and an answer for which only explicit credentials count.
    #[cold]
    fn conclude(
        &self,
        answered: Answered<U>,
        mut noted: Option<Box<Acceptances>>,
        request: &AuthRequest<'_>,
    ) -> Result<Answer<U>, BoxError> {
        let instead = noted.as_deref().zip(request.open()).and_then(|(noted, open)| instead_of(&answered, noted, open));
        let mut outcome = match (answered, &instead) {
            (Ok(Ok(outcome)), _) => outcome,
            // The outage shows only behind good credentials.
            (Ok(Err(cause)), Some(instead)) => {
                tracing::error!(strategy = &*self.name, %cause, "a strategy has failed at a renewal by another user");
                Outcome::Reject(instead.clone())
            }
            (Err(_), Some(instead)) => {
                tracing::error!(strategy = &*self.name, "a strategy has panicked at a renewal by another user");
                Outcome::Reject(instead.clone())
            }
            (Ok(Err(cause)), None) => return Err(Failed::of(&self.name, cause)),
            (Err(panic), None) => resume_unwind(panic),
        };
        if request.is_explicit_only() {
            outcome = match outcome {
                // A client certificate, for example: the browser sends it by itself, so it does not count here.
                Outcome::Accept(accept) if accept.evidence().carrier.is_ambient() => Outcome::Absent,
                // A redirect answers a missing credential. It speaks against none.
                Outcome::Redirect(_) => Outcome::Absent,
                outcome => outcome,
            };
        }
        // An acceptance is compared later, as a whole. So is a half that cookies complete.
        if let Some(instead) = instead
            && !noted.as_ref().is_some_and(|noted| noted.is_half)
            && !matches!(outcome, Outcome::Accept(_))
        {
            // Any other answer after another user's credential was accepted would show that it is good.
            outcome = Outcome::Reject(instead);
        }
        if let Some(noted) = &mut noted {
            attach(&mut outcome, noted);
        }
        Ok(Answer { outcome: self.labelled(outcome, request), noted })
    }

    fn labelled(&self, outcome: Outcome<U>, request: &AuthRequest<'_>) -> Outcome<U> {
        match outcome {
            Outcome::Accept(accept) => Outcome::Accept(accept.found_by(&self.name, &self.challenges, request)),
            Outcome::Reject(rejection) => Outcome::Reject(rejection.presented_to(&self.name, &self.challenges)),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect.said_by(&self.name)),
            other @ (Outcome::Absent | Outcome::Unrecognized) => other,
        }
    }
}

/// At a renewal by another user: the rejection that takes the place of every answer but an acceptance.
fn instead_of<U>(answered: &Answered<U>, noted: &Acceptances, open: &Evidence) -> Option<Rejection> {
    let passed_over = noted.passed_over.as_ref();
    // A guest behind a wrong credential counts as that credential.
    let is_guest = |evidence: &Evidence| passed_over.is_some() && !evidence.is_named();
    let is_anothers = |evidence: &&Evidence| evidence.names_another_than(open) || is_guest(evidence);
    // The other half of an `and` is revoked, whether this half is wrong or another user's.
    let is_final = matches!(answered, Ok(Ok(Outcome::Reject(rejection))) if rejection.is_final());
    let another = noted.inside.iter().chain(noted.given_up.iter().filter(|_| !is_final)).find(is_anothers);
    another.map(|another| as_if_wrong(another, passed_over, None))
}

/// Attaches what chains inside a strategy have accepted to its acceptance. What does not belong to it is given up.
fn attach<U>(outcome: &mut Outcome<U>, noted: &mut Acceptances) {
    let inside = mem::take(&mut noted.inside);
    let Outcome::Accept(accept) = outcome else {
        return noted.given_up.extend(inside);
    };
    let (own, other): (Vec<_>, Vec<_>) =
        inside.into_iter().partition(|inside| accept.evidence().holds(inside.serial()));
    if own.is_empty() {
        accept.evidence_mut().stands_on(other);
    } else {
        noted.given_up.extend(other);
    }
}

impl<U> Clone for Node<U> {
    fn clone(&self) -> Self {
        Self {
            strategy: Arc::clone(&self.strategy),
            name: Arc::clone(&self.name),
            challenges: Arc::clone(&self.challenges),
        }
    }
}

/// An error of a strategy, with the strategy's name for the log. It displays as the error does.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) strategy: Arc<str>,
    pub(super) cause: BoxError,
}

impl Failed {
    /// Keeps the name of the innermost strategy.
    fn of(strategy: &Arc<str>, cause: BoxError) -> BoxError {
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
