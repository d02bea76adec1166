//! What operators see: events through `tracing`, and with the feature `metrics` counters and gauges.
//!
//! Labels are codes and reasons that the program names, never anything that a client sends.

use auth_core::{Evidence, Refusal, Transport};
#[cfg(feature = "connections")]
use http::StatusCode;

/// A request, handshake, transport, `CONNECT` or refresh was let in. It has a target of its own, so that a filter can select it:
/// `ws_adapter::audit=debug`. It does not say who it was.
pub(crate) fn accepted(transport: Transport, evidence: &Evidence) {
    let (strategy, carrier) = (evidence.strategy(), evidence.carrier());
    tracing::debug!(target: "ws_adapter::audit", ?transport, strategy, ?carrier, "accepted");
}

/// A request or handshake was refused. The chain logs its own refusals.
pub(crate) fn refused(transport: Transport, refusal: &Refusal) {
    refusal.log_once(transport);
    count_refused(transport, refusal.code());
}

/// Counts what was refused, where it is logged elsewhere.
pub(crate) fn count_refused(transport: Transport, code: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("auth_refused_total", "transport" => name(transport), "code" => code).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (transport, code);
}

/// The adapter refuses something over an open connection without asking a chain. The fields are those of
/// [`Refusal::log_once`].
#[cfg(feature = "connections")]
pub(crate) fn log_own(transport: Transport, status: StatusCode, code: &'static str, detail: &str) {
    let (strategy, status) = ("", status.as_u16());
    tracing::info!(code, strategy, ?transport, status, detail, "refused");
}

/// A connection without a credential lost its place to another client. It is logged as a refusal.
#[cfg(feature = "connections")]
pub(crate) fn displaced(transport: Transport) {
    let detail = "all places for connections without a credential were taken, and this client had the most of them";
    log_own(transport, StatusCode::SERVICE_UNAVAILABLE, "displaced", detail);
}

#[cfg(feature = "metrics")]
fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "http",
        Transport::WebSocket => "websocket",
        Transport::SocketIo => "socketio",
        Transport::InBand => "in_band",
        _ => "other",
    }
}

#[cfg(feature = "connections")]
pub(crate) use sockets::{Gauge, closed, refreshed};

#[cfg(feature = "connections")]
mod sockets {
    use crate::{Close, ConnectionId};

    /// Counts what is open, or pending, as long as it is held.
    #[derive(Debug)]
    pub(crate) struct Gauge(#[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "only counted"))] Counted);

    #[derive(Clone, Copy, Debug)]
    enum Counted {
        Open,
        Pending,
    }

    impl Gauge {
        pub(crate) fn open() -> Self {
            Self::new(Counted::Open)
        }

        pub(crate) fn pending() -> Self {
            Self::new(Counted::Pending)
        }

        fn new(counted: Counted) -> Self {
            #[cfg(feature = "metrics")]
            metrics::gauge!(counted.name()).increment(1.0);
            Self(counted)
        }
    }

    impl Drop for Gauge {
        fn drop(&mut self) {
            #[cfg(feature = "metrics")]
            metrics::gauge!(self.0.name()).decrement(1.0);
        }
    }

    #[cfg(feature = "metrics")]
    impl Counted {
        fn name(self) -> &'static str {
            match self {
                Self::Open => "auth_connections_open",
                Self::Pending => "auth_connections_pending",
            }
        }
    }

    /// A connection is closed. Reasons of the application's own are counted together, because their number has no bound.
    pub(crate) fn closed(connection: Option<ConnectionId>, close: &Close) {
        let reason = close.known_reason().unwrap_or("application");
        let connection = connection.map(tracing::field::display);
        tracing::debug!(connection, code = close.code(), reason, "a connection is closed");
        #[cfg(feature = "metrics")]
        metrics::counter!("auth_connections_closed_total", "reason" => reason).increment(1);
    }

    /// A credential was presented over an open connection. `code` is `accepted`, or why it was refused.
    pub(crate) fn refreshed(connection: ConnectionId, code: &'static str) {
        tracing::debug!(%connection, code, "a credential is refreshed");
        #[cfg(feature = "metrics")]
        metrics::counter!("auth_refreshes_total", "code" => code).increment(1);
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn label_names_the_transport() {
        for (transport, label) in [
            (Transport::Http, "http"),
            (Transport::WebSocket, "websocket"),
            (Transport::SocketIo, "socketio"),
            (Transport::InBand, "in_band"),
        ] {
            assert_eq!(name(transport), label);
        }
    }
}
