use auth_core::Refusal;
use http::StatusCode;

/// The refusal of a ticket.
pub(super) fn forbidden(code: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, code)
}
