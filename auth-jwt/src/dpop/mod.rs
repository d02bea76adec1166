//! Proofs that the client has the key that its token is bound to (RFC 9449).

mod key;
mod proof;
mod replay;
mod target;

use std::{fmt, time::Duration};

use auth_core::{AuthRequest, ConfigError, Rejection, Transport};
use http::Method;

pub use self::key::DpopKey;
use self::{
    proof::Proof,
    replay::{NotSpent, Replays},
    target::PublicUrl,
};
use crate::{
    Algorithm,
    token::{
        Reason,
        log_text::{joined, quoted, quoted_list},
    },
};

/// How far the `iat` of a proof may differ from the current time, in either direction.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);
const MAX_WINDOW: Duration = Duration::from_secs(300);

const DEFAULT_PROOFS: usize = 100_000;
const DEFAULT_PROOFS_OF_A_KEY: usize = 10_000;

/// How proofs of possession are checked (RFC 9449, 4.3 and 7).
///
/// ```
/// # use auth_jwt::{Dpop, Jwt, VerifyingKey};
/// # fn build(key: VerifyingKey) -> Result<(), auth_core::ConfigError> {
/// let jwt = Jwt::<serde_json::Value>::key(key)
///     .access_token("https://api.example")
///     .issuer("https://id.example")
///     .dpop(Dpop::new("https://api.example")?);
/// # let _ = jwt; Ok(()) }
/// ```
///
/// | The request has | Answer |
/// |---|---|
/// | scheme `DPoP`, a token with `cnf.jkt`, and a good proof | goes on |
/// | any other scheme or carrier, and a token without `cnf` | goes on, unless proofs are [required](Self::required) |
/// | any other scheme or carrier, and a token with `cnf` | 401 `invalid_credentials`: a bound token is not a bearer token |
/// | scheme `DPoP`, and a token without `cnf.jkt`, or with another confirmation besides | 401 `invalid_credentials` |
/// | scheme `DPoP`, and no proof, or one that is wrong, stale or used before | 401 `invalid_dpop_proof` |
/// | two `DPoP` headers | 400 `invalid_request` |
/// | a valid proof, but too many of them in the last minutes | 429 `too_many_requests` |
///
/// A proof is valid if
///
/// - it is a JWT of at most 8 KiB with `typ` `dpop+jwt`, signed by the public key in its `jwk` with one of
///   the [algorithms](Self::algorithms);
/// - the thumbprint of that key is the `jkt` of the token, and `ath` is the hash of the token;
/// - `htm` is exactly the method of the request; `htu` is its URL without query and fragment, compared after normalisation;
/// - `iat` is within the [window](Self::window), and `jti` was not used before with this key.
///
/// The server does not ask for a `nonce`.
///
/// A handshake is a request too: `htm` is `GET`, and `htu` begins with `https`, not `wss`. Browsers cannot send these
/// headers with a WebSocket. Messages on an open connection carry no proof.
///
/// # The memory for used proofs
///
/// It holds at most 100,000 proofs, and at most 10,000 of one key, for as long as they would be accepted. A proof takes about
/// 150 bytes. When it is full, valid proofs are refused with 429 and `Retry-After` until there is room, since a proof that
/// is not remembered could be used twice. The status is not 503, because clients cause it by what they send. The limit for
/// one key keeps a client with one key from filling the memory. A client with tokens for many keys can fill it, so limit the
/// rate of requests per client in front of the server.
///
/// The memory belongs to this process: each of several nodes accepts a proof once. Two layers that ask the same strategy
/// about one request use up one proof together.
pub struct Dpop {
    bases: Vec<PublicUrl>,
    algorithms: Vec<Algorithm>,
    window: Duration,
    required: bool,
    replays: Replays,
}

/// Why a proof is not accepted.
pub(crate) enum ProofError {
    Invalid(Reason),
    Repeated,
    TooMany,
}

impl ProofError {
    fn invalid(why: &'static str) -> Self {
        Self::Invalid(why.into())
    }
}

impl Dpop {
    /// Proofs for the server with this public origin, such as `https://api.example`, as clients see it in front of all
    /// proxies. If a proxy removes a prefix of the path, include it: `https://api.example/v1`. Don't include a prefix that a
    /// router of this process removes (axum's `nest`): the path that the client sent is compared.
    ///
    /// # Errors
    /// If it is not an `https` or `http` URL, or if it has a user, a query or a fragment.
    pub fn new(public_origin: &str) -> Result<Self, ConfigError> {
        let dpop = Self {
            bases: Vec::new(),
            algorithms: Algorithm::ALL.iter().copied().filter(|algorithm| algorithm.is_usual_for_proofs()).collect(),
            window: DEFAULT_WINDOW,
            required: false,
            replays: Replays::new(DEFAULT_PROOFS, DEFAULT_PROOFS_OF_A_KEY),
        };
        dpop.origin(public_origin)
    }

    /// Adds another origin under which clients know the server.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn origin(mut self, public_origin: &str) -> Result<Self, ConfigError> {
        let base = PublicUrl::parse(public_origin).ok_or_else(|| {
            ConfigError::new(
                "the public origin is not a URL: write it as `https://api.example`, without query and user",
            )
        })?;
        self.bases.push(base);
        Ok(self)
    }

    /// Accepts proofs that are signed with one of these algorithms. By default, all with a public key except `ES256K`. The
    /// challenge contains the list.
    ///
    /// # Errors
    /// If the list is empty or contains an HMAC algorithm.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, ConfigError> {
        self.algorithms = algorithms.into_iter().collect();
        if self.algorithms.is_empty() || !self.algorithms.iter().all(|algorithm| algorithm.is_public()) {
            return Err(ConfigError::new(
                "a proof is signed with a private key: name at least one algorithm, and none of the HS algorithms",
            ));
        }
        Ok(self)
    }

    /// How far the `iat` of a proof may differ from the current time, in either direction, inclusive; the default is 60 s.
    ///
    /// # Errors
    /// If it is longer than 300 s, since each proof must be remembered for that long.
    pub fn window(mut self, window: Duration) -> Result<Self, ConfigError> {
        if window > MAX_WINDOW {
            return Err(ConfigError::new(
                "the window for proofs is longer than 300 s: shorten it, and set clocks right",
            ));
        }
        self.window = window;
        Ok(self)
    }

    /// How many proofs are remembered in total and per key; the defaults are 100,000 and 10,000.
    #[must_use]
    pub fn max_proofs(mut self, total: usize, per_key: usize) -> Self {
        self.replays = Replays::new(total, per_key);
        self
    }

    /// Refuses tokens that are not bound to a key. The challenge then names `DPoP` only.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// The parameter `algs` of the challenge (RFC 9449, 7.1).
    pub(crate) fn algs(&self) -> String {
        let names: Vec<_> = self.algorithms.iter().flat_map(|algorithm| algorithm.names()).collect();
        names.join(" ")
    }

    /// Checks the proof that comes with the request and spends it. `jkt` is the thumbprint that the token is bound to.
    pub(crate) fn check(&self, jkt: &str, token: &str, request: &AuthRequest<'_>) -> Result<(), ProofError> {
        let methods: &[&str] = match (request.transport(), &request.parts().method) {
            // Over HTTP/2 a handshake is a CONNECT (RFC 8441); clients may still write the GET of RFC 6455.
            (Transport::WebSocket, &Method::CONNECT) => &["CONNECT", "GET"],
            (Transport::WebSocket | Transport::Http, method) => &[method.as_str()],
            _ => return Err(ProofError::invalid("a proof is for a request, and this is not one")),
        };
        let mut headers = request.parts().headers.get_all("dpop").iter();
        let proof = match (headers.next(), headers.next()) {
            (None, _) => return Err(ProofError::invalid("the request has no proof")),
            (Some(_), Some(_)) => return Err(ProofError::Repeated),
            (Some(proof), None) => proof.to_str().map_err(|_| ProofError::invalid("the proof is not text"))?,
        };
        let proof = Proof::parse(proof, &self.algorithms, jkt).map_err(ProofError::Invalid)?;
        let path = request.target().path();
        if !methods.contains(&proof.htm()) {
            let shown = || (quoted_list(methods.iter().copied()), quoted(proof.htm()));
            return Err(ProofError::Invalid(Reason::from("the proof is for another method").because(shown)));
        }
        if !self.bases.iter().any(|base| base.is_target(proof.htu(), path)) {
            let shown = || (self.shown(), target::shown(proof.htu()));
            return Err(ProofError::Invalid(Reason::from("the proof is for another URL").because(shown)));
        }
        let until = proof.check(token, request.now(), self.window).map_err(ProofError::Invalid)?;
        match self.replays.spend(jkt, proof.jti(), until, request.now()) {
            Ok(()) => {
                request.remember(SpentProof { by: self.address(), jkt: jkt.to_owned(), jti: proof.jti().to_owned() });
                Ok(())
            }
            // This request spent it itself: an outer layer asked before, or the cookies were checked.
            Err(NotSpent::Replayed) if self.has_spent(jkt, proof.jti(), request) => Ok(()),
            Err(NotSpent::Replayed) => Err(ProofError::invalid("the proof was used before")),
            Err(NotSpent::Full) => Err(ProofError::TooMany),
        }
    }

    /// The configured origins, for the log.
    fn shown(&self) -> String {
        format!("the path of the request behind {}", joined(self.bases.iter().map(PublicUrl::shown)))
    }

    fn has_spent(&self, jkt: &str, jti: &str, request: &AuthRequest<'_>) -> bool {
        let is_it = |spent: &SpentProof| spent.by == self.address() && spent.jkt == jkt && spent.jti == jti;
        request.recall(|spent| is_it(spent).then_some(())).is_some()
    }

    /// Identifies this memory for proofs.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// A proof that the current request has used up.
struct SpentProof {
    by: usize,
    jkt: String,
    jti: String,
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("bases", &self.bases)
            .field("algorithms", &self.algorithms)
            .field("window", &self.window)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}

impl From<ProofError> for Rejection {
    fn from(unproven: ProofError) -> Self {
        match unproven {
            ProofError::Invalid(reason) => {
                reason.log("the proof of possession is refused");
                Self::invalid_credentials()
                    .with_code("invalid_dpop_proof")
                    .with_error("invalid_dpop_proof", "The DPoP proof is missing or invalid")
            }
            ProofError::Repeated => {
                tracing::debug!("the header DPoP is repeated");
                Self::invalid_request()
            }
            ProofError::TooMany => {
                tracing::warn!("the memory for proofs of possession is full: proofs are refused for some time");
                Self::too_many_requests()
            }
        }
    }
}

/// The examples of RFC 9449. Its access token is not a JWT, so only the proof is checked.
#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    /// Header of both, 4.2 and 7.1.
    const HEADER: &str = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo",
        "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
    );
    /// 7.1, a request to a protected resource.
    const RESOURCE: &str = concat!(
        "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRy",
        "ZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35",
        "yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    /// 4.2, a request for a token. There is no token to hash yet.
    const GRANT: &str = concat!(
        "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox",
        "NTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    );

    fn check(dpop: &Dpop, method: &str, path: &str, claims: &str, jkt: &str) -> Result<(), &'static str> {
        let proof = format!("{HEADER}.{claims}");
        let request = http::Request::builder().method(method).uri(path).header("dpop", proof);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_562_262_620);
        dpop.check(jkt, TOKEN, &AuthRequest::new(&parts, Transport::Http, now)).map_err(|unproven| match unproven {
            ProofError::Invalid(reason) => reason.why(),
            ProofError::Repeated => "repeated",
            ProofError::TooMany => "too many",
        })
    }

    #[test]
    fn proof_of_the_rfc_for_a_resource_is_accepted_once() {
        let dpop = Dpop::new("https://resource.example.org").unwrap();
        assert_eq!(check(&dpop, "GET", "/protectedresource", RESOURCE, JKT), Ok(()));
        assert_eq!(check(&dpop, "GET", "/protectedresource", RESOURCE, JKT), Err("the proof was used before"));
    }

    #[test]
    fn proof_of_the_rfc_for_another_method_url_or_key_is_refused() {
        let dpop = Dpop::new("https://resource.example.org").unwrap();
        let refused = |method, path, jkt| check(&dpop, method, path, RESOURCE, jkt).unwrap_err();
        assert_eq!(refused("POST", "/protectedresource", JKT), "the proof is for another method");
        assert_eq!(refused("GET", "/other", JKT), "the proof is for another URL");
        let other = JKT.replace('0', "1");
        assert_eq!(
            refused("GET", "/protectedresource", &other),
            "the proof is signed with another key than the token is bound to"
        );
    }

    #[test]
    fn proof_of_the_rfc_for_the_token_endpoint_has_no_token_hash() {
        let dpop = Dpop::new("https://server.example.com").unwrap();
        assert_eq!(check(&dpop, "POST", "/token", GRANT, JKT), Err("the proof is for another token"));
        assert!(Proof::parse(&format!("{HEADER}.{GRANT}"), &[Algorithm::ES256], JKT).is_ok());
    }
}
