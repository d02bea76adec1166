//! The audience of a token, and the client that it was issued to.

use crate::token::{
    Audience, RegisteredClaims, TokenError,
    log_text::{quoted_list, quoted_or_absent},
};

/// The requirements for `aud`, `azp` and `client_id`.
#[derive(Default)]
pub(crate) struct Recipients {
    pub(crate) audiences: Vec<String>,
    pub(crate) authorized_parties: Vec<String>,
    pub(crate) client_id_as_audience: bool,
    pub(crate) ignore_audience: bool,
}

/// The accepted audiences for one token.
#[derive(Clone, Copy)]
pub(crate) struct ExpectedAudience<'a> {
    /// The audience of the profile.
    own: Option<&'a str>,
    named: &'a [String],
}

impl Recipients {
    /// The audience of the profile and those of the strategy. Audiences that the key source demands replace all of them.
    pub(crate) fn expected<'a>(&'a self, own: Option<&'a str>, demanded: Option<&'a [String]>) -> ExpectedAudience<'a> {
        match demanded {
            Some(named) => ExpectedAudience { own: None, named },
            None => ExpectedAudience { own, named: &self.audiences },
        }
    }

    pub(crate) fn check_audience(
        &self,
        claims: &RegisteredClaims<'_>,
        expected: ExpectedAudience<'_>,
    ) -> Result<(), TokenError> {
        let client = match &claims.aud {
            None if self.client_id_as_audience => claims.profile.client_id()?.map(Audience::One),
            _ => None,
        };
        match claims.aud.as_ref().or(client.as_ref()) {
            None if expected.is_empty() => Ok(()),
            // A token with an audience must be refused by all others (RFC 7519, 4.1.3).
            Some(_) if expected.is_empty() && self.ignore_audience => Ok(()),
            Some(aud) if aud.any(|name| expected.contains(name)) => Ok(()),
            aud => Err(TokenError::invalid("the token has another audience, or none")
                .because(|| (expected.shown(), Audience::shown(aud)))),
        }
    }

    /// Checks the authorized party of a token that is not an ID token. RFC 9068 calls it `client_id`, OpenID Connect `azp`.
    pub(crate) fn check_party(&self, claims: &RegisteredClaims<'_>) -> Result<(), TokenError> {
        if self.authorized_parties.is_empty() {
            return Ok(());
        }
        let (azp, client_id) = (claims.profile.azp()?, claims.profile.client_id()?);
        let mut parties = azp.into_iter().chain(client_id).peekable();
        if parties.peek().is_some() && parties.all(|party| self.trusts(party)) {
            return Ok(());
        }
        Err(TokenError::invalid("the token was issued to a client that is not trusted, or does not name one").because(
            || {
                let expected = quoted_list(self.authorized_parties.iter().map(String::as_str));
                (expected, format!("azp {}, client_id {}", quoted_or_absent(azp), quoted_or_absent(client_id)))
            },
        ))
    }

    /// Checks the authorized party of an ID token for this client.
    pub(crate) fn check_party_of_id_token(
        &self,
        claims: &RegisteredClaims<'_>,
        client: &str,
    ) -> Result<(), TokenError> {
        let azp = claims.profile.azp()?;
        let why = match azp {
            Some(azp) if azp == client || self.trusts(azp) => return Ok(()),
            Some(_) => "the ID token was issued to another client",
            None if claims.aud.as_ref().is_some_and(Audience::is_many) => {
                "the ID token does not name the client that it was issued to"
            }
            None => return Ok(()),
        };
        Err(TokenError::invalid(why).because(|| {
            let trusted = self.authorized_parties.iter().map(String::as_str);
            (quoted_list([client].into_iter().chain(trusted)), quoted_or_absent(azp))
        }))
    }

    fn trusts(&self, party: &str) -> bool {
        self.authorized_parties.iter().any(|known| known == party)
    }
}

impl ExpectedAudience<'_> {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.own == Some(name) || self.named.iter().any(|named| named == name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_none() && self.named.is_empty()
    }

    pub(crate) fn shown(&self) -> String {
        quoted_list(self.own.into_iter().chain(self.named.iter().map(String::as_str)))
    }
}
