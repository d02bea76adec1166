use std::time::SystemTime;

use auth_core::{Accept, PrincipalId, Scopes, SharedStr, UserAuthentication};

use crate::{issuer::Issuer, policy::CheckedClaims, token::RegisteredClaims};

/// What a verified token adds to the evidence.
pub(super) struct EvidenceClaims {
    end: Option<SystemTime>,
    issued_at: Option<SystemTime>,
    /// Empty if the token has no `iss`.
    issuer: SharedStr,
    subject: Option<SharedStr>,
    id: Option<SharedStr>,
    session: Option<SharedStr>,
    scopes: Option<Scopes>,
    login: Option<UserAuthentication>,
}

impl EvidenceClaims {
    pub(super) fn new(claims: &RegisteredClaims<'_>, issuer: Issuer<'_>, checked: CheckedClaims) -> Self {
        Self {
            end: checked.end,
            issued_at: claims.iat,
            issuer: issuer.shared_name(),
            subject: filled(claims.sub),
            id: filled(claims.jti),
            session: filled(claims.sid),
            scopes: checked.scopes,
            login: checked.login,
        }
    }

    pub(super) fn added_to<U>(self, mut accept: Accept<U>) -> Accept<U> {
        if let Some(end) = self.end {
            accept = accept.expires_at(end);
        }
        accept = match self.issued_at {
            Some(at) => accept.issued_at(at),
            None => accept.issued_at_unknown_time(),
        };
        if let Some(id) = self.id {
            accept = accept.credential_id(&self.issuer, id);
        }
        if let Some(session) = self.session {
            accept = accept.session_id(&self.issuer, session);
        }
        if let Some(subject) = self.subject {
            accept = accept.add_name(PrincipalId::new(self.issuer, subject));
        }
        // Values that the application set take precedence over the token.
        if let (Some(scopes), None) = (self.scopes, accept.evidence().extra::<Scopes>()) {
            accept = accept.extra(scopes);
        }
        if let (Some(login), None) = (self.login, accept.evidence().extra::<UserAuthentication>()) {
            accept = accept.extra(login);
        }
        accept
    }
}

/// An empty claim identifies nothing, so it counts as absent.
fn filled(claim: Option<&str>) -> Option<SharedStr> {
    claim.filter(|text| !text.is_empty()).map(SharedStr::from)
}
