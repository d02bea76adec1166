mod identity;

use std::{fmt, mem, sync::Arc, time::SystemTime};

use async_trait::async_trait;

use crate::{
    BoxError, Carrier, Challenge, EndCheck, Extras, Id, KnownCredential, PrincipalId,
    facts::{Ending, Facts, Held},
    few::Few,
};

/// How a user was authenticated.
///
/// # Names and ids
///
/// Evidence has [`names`](Self::names): the one that the user type gives itself (see [`Principal`](crate::Principal)), then
/// those that the strategy has verified. It has [`ids`](Self::ids), each with its issuer. Names and ids are only added, never
/// removed. So a `map_user`, a nested chain or an `and` never changes which revocations cover a user.
#[derive(Clone)]
pub struct Evidence {
    pub(crate) strategy: Option<Arc<str>>,
    pub(crate) carrier: Carrier,
    pub(crate) authenticated_at: SystemTime,
    expires_at: Option<SystemTime>,
    pub(crate) issued_at: Option<SystemTime>,
    /// It was issued at an unknown instant.
    pub(crate) undated: bool,
    facts: Held,
    /// The challenges of the strategy that accepted, for later checks.
    pub(crate) challenges: Option<Arc<[Challenge]>>,
    rare: Option<Box<Rare>>,
}

/// What the evidence of a single credential has nothing of once it is sealed. Boxed, since every open connection keeps its
/// evidence.
#[derive(Clone, Default)]
struct Rare {
    parts: Vec<Evidence>,
    /// The revocation checks to run before it is sealed.
    checks: Few<Check>,
    /// Identifies an acceptance that a chain has noted. 0 until then.
    serial: u64,
    /// Set if a new acceptance was built from this one: its extras are not inherited.
    behind: bool,
    /// Set if the application has set the end, which then bounds an end that moves.
    bounded: bool,
    /// When the credential itself ends, according to its strategy, if the whole ends at another time.
    credential_end: Option<CredentialEnd>,
    /// Asked for the end that the strategy set, if that may move.
    ending: Option<Ending>,
}

#[derive(Clone, Copy)]
struct CredentialEnd(Option<SystemTime>);

/// A revocation check that is equal only to itself.
#[derive(Clone)]
pub(crate) struct Check(pub(crate) Arc<dyn RevocationCheck>);

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Evidence {
    pub(crate) fn new(carrier: Carrier) -> Self {
        Self::of(carrier, Held::Own(Facts::default()))
    }

    pub(crate) fn of_known(carrier: Carrier, known: &KnownCredential) -> Self {
        Self::of(carrier, Held::Known(known.clone(), None))
    }

    fn of(carrier: Carrier, facts: Held) -> Self {
        Self {
            strategy: None,
            carrier,
            authenticated_at: SystemTime::UNIX_EPOCH,
            expires_at: None,
            issued_at: None,
            undated: false,
            facts,
            challenges: None,
            rare: None,
        }
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The evidence of an `and`: the earliest end and the weakest carrier count. The parts hold the rest.
    pub(crate) fn both(left: Self, right: Self) -> Self {
        let mut both = Self::new(left.carrier.weaker(right.carrier));
        both.strategy = Some(format!("{}+{}", left.strategy(), right.strategy()).into());
        both.put_end(earlier(left.expires_at, right.expires_at));
        both.rare_mut().parts = vec![left, right];
        both
    }

    /// Attaches, as parts, the acceptances that a new one was built from: their names, ids and checks stay in force. The
    /// weakest carrier counts, and the earliest end unless the new one sets its own.
    pub(crate) fn stands_on(&mut self, behind: Vec<Self>) {
        let (mut end, is_new, sets_end) = (None, self.strategy.is_none(), self.expires_at.is_some());
        for mut behind in behind {
            self.carrier = self.carrier.weaker(behind.carrier);
            end = earlier(end, behind.expires_at);
            if self.strategy.is_none() {
                self.strategy = behind.strategy.clone();
                self.challenges = behind.challenges.clone();
            }
            behind.rare_mut().behind = true;
            self.rare_mut().parts.push(behind);
        }
        if is_new && !self.parts().is_empty() {
            let has_check = self.ending().is_some();
            // A new acceptance isn't a credential, so only the credentials behind it have an end of their own.
            let rare = self.rare_mut();
            rare.credential_end = Some(CredentialEnd(None));
            rare.bounded |= sets_end && !has_check;
        }
        if self.expires_at.is_none() && end.is_some() {
            self.put_end(end);
        }
    }

    /// Sets the end. Once the strategy is known, the application sets it, and the credential keeps its own.
    pub(crate) fn set_end(&mut self, end: SystemTime) {
        if self.strategy.is_some() {
            self.rare_mut().bounded = true;
        }
        self.put_end(Some(end));
    }

    fn put_end(&mut self, end: Option<SystemTime>) {
        if self.strategy.is_some() {
            let own = CredentialEnd(self.expires_at);
            self.rare_mut().credential_end.get_or_insert(own);
        }
        self.expires_at = end;
    }

    /// Sets what is asked for the end of the credential, which may move.
    pub(crate) fn set_end_check(&mut self, check: Arc<dyn EndCheck>) {
        if let Some(ending) = self.facts.set_end_check(check) {
            self.rare_mut().ending = Some(ending);
        }
    }

    fn change_facts(&mut self, change: impl FnOnce(&mut Facts)) {
        if let Some(ending) = self.facts.change(change) {
            self.rare_mut().ending = Some(ending);
        }
    }

    /// What is asked for the end of this credential, apart from its parts, and the extras to ask with.
    pub(crate) fn ending(&self) -> Option<(&Arc<dyn EndCheck>, &Extras)> {
        let rare = || self.rare.as_ref()?.ending.as_ref().map(|(check, extras)| (check, extras));
        self.facts.ending().or_else(rare)
    }

    /// Whether the application has set the end.
    pub(crate) fn is_bounded(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.bounded)
    }

    /// When the credential itself ends, according to its strategy.
    pub(crate) fn credential_end(&self) -> Option<SystemTime> {
        let own = self.rare.as_ref().and_then(|rare| rare.credential_end);
        own.map_or(self.expires_at, |CredentialEnd(end)| end)
    }

    /// Whether a new acceptance was built from it.
    pub(crate) fn is_behind(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.behind)
    }

    /// Whether it is of one credential, and nothing must be asked about it.
    pub(crate) fn is_simple(&self) -> bool {
        self.rare.as_ref().is_none_or(|rare| rare.checks.is_empty() && rare.parts.is_empty())
    }

    /// Forgets what was needed only until it is sealed.
    pub(crate) fn seal(&mut self) {
        let is_spent = |rare: &Rare| {
            rare.parts.is_empty() && !rare.behind && rare.credential_end.is_none() && rare.ending.is_none()
        };
        debug_assert!(self.rare.as_ref().is_none_or(|rare| rare.checks.is_empty()), "the checks have run");
        self.rare.take_if(|rare| is_spent(rare));
    }

    /// Its number, which identifies an acceptance that a chain has noted. `next` gives it one, if it has none.
    pub(crate) fn ensure_serial(&mut self, next: impl FnOnce() -> u64) {
        let serial = &mut self.rare_mut().serial;
        if *serial == 0 {
            *serial = next();
        }
    }

    pub(crate) fn serial(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.serial)
    }

    /// Whether it is, or contains, the acceptance with this number.
    pub(crate) fn holds(&self, serial: u64) -> bool {
        self.serial() == serial || self.parts().iter().any(|part| part.holds(serial))
    }

    pub(crate) fn change_extras(&mut self, change: impl FnOnce(&mut Extras)) {
        self.change_facts(|facts| change(&mut facts.extras));
    }

    pub(crate) fn extras(&self) -> &Extras {
        &self.facts.get().extras
    }

    pub(crate) fn add_check(&mut self, check: &Arc<dyn RevocationCheck>) {
        self.rare_mut().checks.add(Check(Arc::clone(check)));
    }

    /// Whether it is of one credential, has no checks yet, and all of `checks` say at once that it is not revoked.
    pub(crate) fn passes_at_once(&self, checks: &[Arc<dyn RevocationCheck>]) -> bool {
        self.is_simple() && checks.iter().all(|check| check.is_any_revoked_at_once(self) == Some(false))
    }

    /// Moves all checks, including those of the parts, to `all`, without duplicates.
    pub(crate) fn move_checks_to(&mut self, all: &mut Few<Check>) {
        let Some(rare) = &mut self.rare else { return };
        mem::take(&mut rare.checks).iter().for_each(|check| all.add(check.clone()));
        rare.parts.iter_mut().for_each(|part| part.move_checks_to(all));
    }

    /// The name of the strategy that accepted; `a+b` for an `and`.
    #[must_use]
    pub fn strategy(&self) -> &str {
        self.strategy.as_deref().unwrap_or_default()
    }

    /// What carried the credential. For several credentials, the weakest carrier.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// When the credential was checked.
    #[must_use]
    pub fn authenticated_at(&self) -> SystemTime {
        self.authenticated_at
    }

    /// When the credential ends, exclusive: at that instant it is no longer good. For several, the earliest end. `None` if it
    /// has no end. An end that [may move](Self::has_moving_end) is the one that was known at the check.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// When the credential was issued, if known.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at
    }

    /// The instant that a revocation of everything up to an instant compares with: when the credential was issued, or else
    /// when it was checked. A credential that was issued at an unknown instant counts from the beginning of time.
    #[must_use]
    pub fn counts_from(&self) -> SystemTime {
        match self.issued_at {
            Some(at) => at,
            None if self.undated => SystemTime::UNIX_EPOCH,
            None => self.authenticated_at,
        }
    }

    /// A typed extra. For an `and`, the first part with an extra of this type counts. An acceptance that was built from an
    /// earlier one has only its own extras.
    #[must_use]
    pub fn extra<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let sides = || self.parts().iter().filter(|part| !part.is_behind());
        self.extras().get().or_else(|| sides().find_map(Self::extra))
    }

    /// What `derive` makes of the [`names`](Self::names) and [`ids`](Self::ids), for a [`RevocationCheck`] whose keys are hashes of
    /// them. It is made once for a [`KnownCredential`], and kept with it. `None` if a request has added a name or an id, if the evidence
    /// is not of a known credential, or if another function has its result there: then call the function yourself.
    ///
    /// The result lives as long as the credential, perhaps in a store. So it must not hold a store.
    pub fn derived<T: Send + Sync + 'static>(&self, derive: fn(&[PrincipalId], &[Id]) -> T) -> Option<&T> {
        self.facts.derived(derive)
    }

    /// The evidence of both sides of an `and`, from left to right, and of the acceptances that a new one was built from. Empty
    /// for a single strategy.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        self.rare.as_ref().map(|rare| &*rare.parts).unwrap_or_default()
    }

    /// Whether the credential is past its end at the instant `now`.
    #[must_use]
    pub fn is_expired_at(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

pub(crate) fn earlier(one: Option<SystemTime>, other: Option<SystemTime>) -> Option<SystemTime> {
    one.into_iter().chain(other).min()
}

impl fmt::Debug for Evidence {
    /// Omits ids, names and extras, which are personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("strategy", &self.strategy())
            .field("carrier", &self.carrier)
            .field("authenticated_at", &self.authenticated_at)
            .field("expires_at", &self.expires_at)
            .field("parts", &self.parts())
            .finish_non_exhaustive()
    }
}

/// Checks whether a good credential was revoked.
///
/// The outermost chain asks when it knows all ids of an acceptance and all names of its user.
#[async_trait]
pub trait RevocationCheck: Send + Sync + 'static {
    /// Whether this credential was revoked: by an [id](Evidence::ids) and its issuer, or by a [name](Evidence::names) of its
    /// user. For an `and`, this is called for the whole and for each part.
    ///
    /// # Errors
    /// If the store failed. The client reads 503 and is not let in.
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError>;

    /// Whether the evidence or one of its [parts](Evidence::parts) was revoked. By default it calls
    /// [`is_revoked`](Self::is_revoked) for each. Override it if the store can answer for all of them in one query.
    ///
    /// # Errors
    /// If the store failed.
    async fn is_any_revoked(&self, whole: &Evidence) -> Result<bool, BoxError> {
        let mut open = vec![whole];
        while let Some(evidence) = open.pop() {
            if self.is_revoked(evidence).await? {
                return Ok(true);
            }
            open.extend(evidence.parts());
        }
        Ok(false)
    }

    /// What [`is_any_revoked`](Self::is_any_revoked) would say, if that is known without waiting. `None`, the default, if somebody has
    /// to be asked. The chain then asks. It must not do I/O, and it is not called for the two sides of an `and`.
    ///
    /// # Security
    /// `Some(false)` lets the request in, and `is_any_revoked` is not called. A wrapper that checks more must not forward it.
    fn is_any_revoked_at_once(&self, whole: &Evidence) -> Option<bool> {
        let _ = whole;
        None
    }
}

#[async_trait]
impl<C: RevocationCheck + ?Sized> RevocationCheck for Arc<C> {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        (**self).is_revoked(evidence).await
    }

    async fn is_any_revoked(&self, whole: &Evidence) -> Result<bool, BoxError> {
        (**self).is_any_revoked(whole).await
    }

    fn is_any_revoked_at_once(&self, whole: &Evidence) -> Option<bool> {
        (**self).is_any_revoked_at_once(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_small_since_open_connections_keep_it() {
        let size = size_of::<Evidence>();
        assert!(size <= 208, "{size}");
    }
}
