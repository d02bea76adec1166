//! Auto traits of the public types.

use auth_core::{
    Accept, Anonymous, AuthRequest, Authenticated, Carrier, Chain, Challenge, ConfigError, Evidence, ManualClock,
    Needs, Origin, Outcome, Payload, PrincipalId, Redirect, Refusal, Rejection, RequestInfo, Requirement, Scopes,
    Secret, SystemClock, Transport, UnreadableOrigin, UserAuthentication, Verdict, extract,
};

use crate::support::Name;

fn crosses_threads<T: Send + Sync>() {}

#[test]
fn public_types_are_send_and_sync() {
    crosses_threads::<Chain<Name>>();
    crosses_threads::<Authenticated<Name>>();
    crosses_threads::<Anonymous<std::cell::Cell<()>>>();
    crosses_threads::<Evidence>();
    crosses_threads::<Outcome<Name>>();
    crosses_threads::<Accept<Name>>();
    crosses_threads::<Verdict<Name>>();
    crosses_threads::<(Refusal, Rejection, Redirect, ConfigError)>();
    crosses_threads::<(Secret, PrincipalId, Payload, Needs, Challenge, Carrier, Transport)>();
    crosses_threads::<(AuthRequest<'static>, RequestInfo)>();
    crosses_threads::<(SystemClock, ManualClock)>();
    crosses_threads::<(Origin, UnreadableOrigin)>();
    crosses_threads::<(Requirement, Scopes, UserAuthentication)>();
    crosses_threads::<(extract::AnyOf, extract::Credential<'static>, extract::Malformed)>();
    crosses_threads::<(extract::AuthScheme, extract::Header, extract::Query, extract::Cookie)>();
    crosses_threads::<(extract::Subprotocol, extract::PayloadField, extract::SocketIoAuthField)>();
}

/// A multi-threaded server moves the future of a request from thread to thread.
#[test]
fn future_of_a_chain_is_send() {
    fn is_send(_: impl Send) {}
    is_send(async |chain: Chain<Name>, request: AuthRequest<'_>| {
        let _ = chain.authenticate(&request).await;
    });
    let chain: Chain<Name> = Chain::new().or(crate::support::jwt(crate::support::Say::Absent));
    let head = crate::support::head("/", &[]);
    is_send(chain.authenticate(&AuthRequest::new(&head, Transport::Http, crate::support::now())));
}
