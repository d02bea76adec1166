mod and;
mod and_then;
mod ask;
mod decide;
mod decision;
mod nested;
mod panic;
mod refuse;
mod renew;
mod terms;

use std::{fmt, sync::Arc};

use crate::{Challenge, ConfigError, Needs, Principal, Redirect, RevocationCheck, Strategy};

/// Strategies in order: the first that owns the credential decides.
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
/// | The strategy says | The chain does | If it ends here |
/// |---|---|---|
/// | [`Accept`](crate::Outcome::Accept) | stop | the user is in |
/// | [`Absent`](crate::Outcome::Absent) | next strategy | 401 with every challenge |
/// | [`Unrecognized`](crate::Outcome::Unrecognized) | next strategy | 401 as for `Reject` |
/// | [`Reject`](crate::Outcome::Reject) | **stop** | 400, 401 or 403 |
/// | [`Redirect`](crate::Outcome::Redirect) | stop | 302 or 303; 401 on a handshake |
/// | `Err` | **stop** | 503 |
/// | panic | stop | 500 |
///
/// The repository's `docs/chain.md` is the whole table, with the tests behind each cell.
///
/// A chain is itself a [`Strategy`], so chains nest; a nested chain hands the evidence on with the name of the strategy
/// that accepted. It is cheap to clone.
///
/// # Security
/// A cookie never makes an answer better that something explicit has made worse, in whatever order their strategies
/// stand: an ambient acceptance stands only if the same chain, asked without cookies, says `Absent` or `Accept`. Put
/// strategies that read cookies last all the same: one that stands first refuses an expired cookie though the header is
/// good.
pub struct Chain<U> {
    nodes: Arc<[Node<U>]>,
    challenges: Arc<[Challenge]>,
    fallback: Option<Fallback>,
    try_next_on_reject: bool,
    revocation: Vec<Arc<dyn RevocationCheck>>,
}

struct Node<U> {
    strategy: Arc<dyn Strategy<User = U>>,
    name: Arc<str>,
    challenges: Arc<[Challenge]>,
}

/// What a refusal carries where no strategy of the chain has a challenge.
#[derive(Clone)]
enum Fallback {
    Challenge(Challenge),
    Redirect(Redirect),
}

/// What [`Chain::new`] makes: no [`Chain`] yet, and no [`Strategy`]. Add a strategy with [`or`](Self::or).
///
/// It has no user type, and would have to let in everybody or nobody. If the compiler names this type, a chain is used
/// to which nothing was added.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChainWithoutStrategy;

impl ChainWithoutStrategy {
    /// The chain of this one strategy, which fixes the user type.
    pub fn or<S: Strategy>(self, strategy: S) -> Chain<S::User> {
        Chain::of(vec![Node::new(strategy)])
    }
}

impl Chain<()> {
    /// An empty chain, to which strategies are added with [`or`](ChainWithoutStrategy::or).
    #[expect(clippy::new_ret_no_self, reason = "a chain without strategies must not be a chain")]
    #[must_use]
    pub fn new() -> ChainWithoutStrategy {
        ChainWithoutStrategy
    }
}

impl<U: Principal> Chain<U> {
    /// Adds a strategy that is asked where all before it found nothing of theirs.
    #[must_use]
    pub fn or<S: Strategy<User = U>>(self, strategy: S) -> Self {
        let nodes = self.nodes.iter().cloned().chain([Node::new(strategy)]).collect();
        let Self { fallback, try_next_on_reject, revocation, .. } = self;
        Self { fallback, try_next_on_reject, revocation, ..Self::of(nodes) }
    }

    /// The chain of the one strategy that `make` makes of this chain.
    fn then<S: Strategy>(self, make: impl FnOnce(Self) -> S) -> Chain<S::User> {
        let fallback = self.fallback.clone();
        Chain { fallback, ..ChainWithoutStrategy.or(make(self)) }
    }

    /// Asks the next strategy after a [`Reject`](crate::Outcome::Reject) too, as Passport does. If none accepts, the first
    /// rejection counts. A credential that is good but revoked stops the chain still.
    ///
    /// # Security
    /// With a strategy behind it that accepts everybody, an *expired* token comes in as a guest.
    #[must_use]
    pub fn try_next_on_reject(mut self) -> Self {
        self.try_next_on_reject = true;
        self
    }

    /// Asks about every acceptance of this chain, whatever the strategy, whether it was revoked. Called again, another
    /// check is asked as well.
    ///
    /// The check travels with the acceptance: the outermost chain asks it, once for each acceptance, when every name of the
    /// user is known. So it does not matter where in a tree of chains it stands, and a store that is away refuses nobody whose
    /// acceptance did not come through this chain. Callbacks (`verify`, [`and_then`](Self::and_then)) have run by then.
    ///
    /// It is asked about what was accepted and then given up as well: by a callback that says `Absent`, or as half of an
    /// `and`. A revocation is final: no other strategy is tried after it, in whatever nesting and also under
    /// [`try_next_on_reject`](Self::try_next_on_reject).
    #[must_use]
    pub fn revocation(mut self, check: impl RevocationCheck) -> Self {
        self.revocation.push(Arc::new(check));
        self
    }

    /// Names the challenge that a refusal carries if no strategy of the chain has one.
    #[must_use]
    pub fn fallback_challenge(mut self, challenge: Challenge) -> Self {
        self.fallback = Some(Fallback::Challenge(challenge));
        self
    }

    /// Names where a refusal sends the client if no strategy of the chain has a challenge: a login page.
    #[must_use]
    pub fn fallback_redirect(mut self, redirect: Redirect) -> Self {
        self.fallback = Some(Fallback::Redirect(redirect));
        self
    }

    /// What the middleware has to prepare before, or to take away after.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.nodes.iter().for_each(|node| needs.merge(node.strategy.needs()));
        needs
    }

    /// Whether the chain can stand in front of a service. The middleware asks when it is built.
    ///
    /// # Errors
    /// If no strategy has a challenge and no fallback is named, since a 401 has to carry one (RFC 9110, 15.5.2).
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.challenges.is_empty() && self.fallback.is_none() {
            return Err(ConfigError::new(
                "no strategy of the chain has a challenge, and a 401 must carry one: \
                 name it with `fallback_challenge`, or a login page with `fallback_redirect`",
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

impl<U: Principal> Node<U> {
    fn new<S: Strategy<User = U>>(strategy: S) -> Self {
        let mut challenges = Vec::new();
        strategy.challenges(&mut challenges);
        Self { name: strategy.name().into(), challenges: challenges.into(), strategy: Arc::new(strategy) }
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
