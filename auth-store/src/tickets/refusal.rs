use auth_core::Refusal;
use http::StatusCode;

/// Who may not have a ticket.
pub(super) fn forbidden(code: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, code)
}
