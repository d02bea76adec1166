//! Functions that only refusals, renewals, nested chains and spans need are marked `#[cold]`: the compiler then keeps the code of a
//! usual acceptance together, in fewer cache lines.

mod and;
mod and_then;
mod ask;
mod decide;
mod decision;
mod in_order;
mod nested;
mod panic;
mod refuse;
mod renew;
mod span;
mod terms;

use std::{fmt, sync::Arc};

use self::ask::Node;
use crate::{Challenge, ConfigError, Needs, Principal, Redirect, RevocationCheck, Strategy};

/// Strategies in order. The first that recognizes its credential decides.
///
/// ```
/// # use auth_core::{Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Outcome, Strategy, async_trait};
/// # struct Fixed(&'static str);
/// # #[async_trait] impl Strategy for Fixed {
/// #     type User = String;
/// #     fn name(&self) -> &str { self.0 }
/// #     fn challenges(&self, out: &mut Vec<Challenge>) { out.push(Challenge::bearer(self.0)) }
/// #     async fn authenticate(&self, _: &AuthRequest<'_>) -> Result<Outcome<String>, BoxError> { Ok(Outcome::Absent) }
/// # }
/// # let (jwt, basic, cookie, second_factor) = (Fixed("a"), Fixed("b"), Fixed("c"), Fixed("d"));
/// let either = Chain::new().or(jwt).or(basic); // users of one type: Chain<String>
/// let both = Chain::new().or(cookie).and(second_factor); // Chain<(String, String)>
/// ```
///
/// | The strategy says | The chain | If it ends here |
/// |---|---|---|
/// | [`Accept`](crate::Outcome::Accept) | stops | the user is let in |
/// | [`Absent`](crate::Outcome::Absent) | asks the next strategy | 401 with every challenge |
/// | [`Unrecognized`](crate::Outcome::Unrecognized) | asks the next strategy | 401 as for `Reject` |
/// | [`Reject`](crate::Outcome::Reject) | **stops** | 400, 401, 403 or 429 |
/// | [`Redirect`](crate::Outcome::Redirect) | stops | 302 or 303; 401 on a handshake |
/// | `Err` | **stops** | 503 |
/// | panic | stops | 500 |
///
/// The repository's `docs/chain.md` has the whole table.
///
/// A chain is itself a [`Strategy`], so chains nest. A nested chain passes on the evidence with the name of the strategy that
/// accepted. A chain is cheap to clone.
///
/// # Security
/// A good cookie never makes up for a bad explicit credential, in any order of strategies: the chain keeps an ambient
/// acceptance only if it says `Absent` or `Accept` when asked again without cookies. Still, put strategies that
/// read cookies last. One that comes first rejects an expired cookie even if the header is good.
pub struct Chain<U> {
    nodes: Arc<[Node<U>]>,
    challenges: Arc<[Challenge]>,
    fallback: Option<Fallback>,
    try_next_on_reject: bool,
    revocation: Vec<Arc<dyn RevocationCheck>>,
}

/// What a refusal carries if no strategy of the chain has a challenge.
#[derive(Clone)]
enum Fallback {
    Challenge(Challenge),
    Redirect(Redirect),
}

/// What [`Chain::new`] returns. It is not a [`Chain`] or a [`Strategy`] yet: add a strategy with [`or`](Self::or).
///
/// If a compiler error names this type, the chain has no strategy. An empty chain would have no user type, and would have to
/// let in everybody or nobody.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChainWithoutStrategy;

impl ChainWithoutStrategy {
    /// Makes a chain of this strategy. The strategy fixes the user type.
    pub fn or<S: Strategy>(self, strategy: S) -> Chain<S::User> {
        Chain::of(vec![Node::new(strategy)])
    }
}

impl Chain<()> {
    /// An empty chain. Add strategies with [`or`](ChainWithoutStrategy::or).
    #[expect(clippy::new_ret_no_self, reason = "a chain without strategies must not be a chain")]
    #[must_use]
    pub fn new() -> ChainWithoutStrategy {
        ChainWithoutStrategy
    }
}

impl<U: Principal> Chain<U> {
    /// Adds a strategy. The chain asks it if all strategies before it say `Absent` or `Unrecognized`; with
    /// [`try_next_on_reject`](Self::try_next_on_reject), also if they say `Reject`.
    #[must_use]
    pub fn or<S: Strategy<User = U>>(self, strategy: S) -> Self {
        let nodes = self.nodes.iter().cloned().chain([Node::new(strategy)]).collect();
        let Self { fallback, try_next_on_reject, revocation, .. } = self;
        Self { fallback, try_next_on_reject, revocation, ..Self::of(nodes) }
    }

    /// A chain of the one strategy that `make` builds from this chain.
    fn then<S: Strategy>(self, make: impl FnOnce(Self) -> S) -> Chain<S::User> {
        let fallback = self.fallback.clone();
        Chain { fallback, ..ChainWithoutStrategy.or(make(self)) }
    }

    /// Asks the next strategy after a [`Reject`](crate::Outcome::Reject) too, as Passport does. If none accepts, the first
    /// rejection counts. A revoked credential still stops the chain.
    ///
    /// # Security
    /// If a later strategy accepts everybody, a client with an *expired* token is let in as a guest.
    #[must_use]
    pub fn try_next_on_reject(mut self) -> Self {
        self.try_next_on_reject = true;
        self
    }

    /// Checks every acceptance of this chain for revocation, whatever the strategy. Each call adds a check.
    ///
    /// The check travels with the acceptance. The outermost chain runs it, once for each acceptance, when it knows every name
    /// of the user; callbacks (`verify`, [`and_then`](Self::and_then)) have run by then. So its position in a tree of chains
    /// does not matter, and a store that is down affects only acceptances that came through this chain.
    ///
    /// It also covers what was accepted and then given up: by a callback that says `Absent`, or as half of an `and`. A
    /// revocation is final: no other strategy is asked after it, in any nesting, not even with
    /// [`try_next_on_reject`](Self::try_next_on_reject).
    #[must_use]
    pub fn revocation(mut self, check: impl RevocationCheck) -> Self {
        self.revocation.push(Arc::new(check));
        self
    }

    /// Sets the challenge that a refusal carries if no strategy of the chain has one.
    #[must_use]
    pub fn fallback_challenge(mut self, challenge: Challenge) -> Self {
        self.fallback = Some(Fallback::Challenge(challenge));
        self
    }

    /// Sets where a refusal redirects the client if no strategy of the chain has a challenge: a login page.
    #[must_use]
    pub fn fallback_redirect(mut self, redirect: Redirect) -> Self {
        self.fallback = Some(Fallback::Redirect(redirect));
        self
    }

    /// What the middleware must prepare before the decision, or take out after it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.nodes.iter().for_each(|node| needs.merge(node.strategy.needs()));
        needs
    }

    /// Checks that the chain can guard a service. The middleware calls it when it is built.
    ///
    /// # Errors
    /// If no strategy has a challenge and no fallback is set: a 401 must carry a challenge (RFC 9110, 15.5.2).
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.challenges.is_empty() && self.fallback.is_none() {
            return Err(ConfigError::new(
                "no strategy of the chain has a challenge, and a 401 must carry one: \
                 set one with `fallback_challenge`, or a login page with `fallback_redirect`",
            ));
        }
        Ok(())
    }

    fn of(nodes: Vec<Node<U>>) -> Self {
        let mut challenges: Vec<Challenge> = Vec::new();
        for challenge in nodes.iter().flat_map(|node| &*node.challenges) {
            if !challenges.contains(challenge) {
                challenges.push(challenge.clone());
            }
        }
        Self {
            nodes: nodes.into(),
            challenges: challenges.into(),
            fallback: None,
            try_next_on_reject: false,
            revocation: Vec::new(),
        }
    }
}

impl<U> Clone for Chain<U> {
    fn clone(&self) -> Self {
        Self {
            nodes: Arc::clone(&self.nodes),
            challenges: Arc::clone(&self.challenges),
            fallback: self.fallback.clone(),
            try_next_on_reject: self.try_next_on_reject,
            revocation: self.revocation.clone(),
        }
    }
}

impl<U> fmt::Debug for Chain<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|node| &node.name)).finish()
    }
}
