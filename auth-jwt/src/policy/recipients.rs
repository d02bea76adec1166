//! The audience of a token, and the client that it was given to.

use crate::token::{
    Audience, Refused, RegisteredClaims,
    refused::{many, optional},
};

/// What the strategy demands of `aud`, `azp` and `client_id`.
#[derive(Default)]
pub(crate) struct Recipients {
    pub(crate) audiences: Vec<String>,
    pub(crate) authorized_parties: Vec<String>,
    pub(crate) client_id_as_audience: bool,
    pub(crate) ignore_audience: bool,
}

/// The audiences that are ours, for one token.
#[derive(Clone, Copy)]
pub(crate) struct Ours<'a> {
    /// That of the profile.
    own: Option<&'a str>,
    named: &'a [String],
}

impl Recipients {
    /// What counts for a token: the audience of the profile and those of the strategy, or in their place those that the
    /// source of its key demands.
    pub(crate) fn ours<'a>(&'a self, own: Option<&'a str>, demanded: Option<&'a [String]>) -> Ours<'a> {
        match demanded {
            Some(named) => Ours { own: None, named },
            None => Ours { own, named: &self.audiences },
        }
    }

    pub(crate) fn check_audience(&self, claims: &RegisteredClaims<'_>, ours: Ours<'_>) -> Result<(), Refused> {
        let client = match &claims.aud {
            None if self.client_id_as_audience => claims.profile.client_id()?.map(Audience::One),
            _ => None,
        };
        match claims.aud.as_ref().or(client.as_ref()) {
            None if ours.is_empty() => Ok(()),
            // A token for somebody must be refused by everybody else (RFC 7519, 4.1.3).
            Some(_) if ours.is_empty() && self.ignore_audience => Ok(()),
            Some(aud) if aud.any(|name| ours.contains(name)) => Ok(()),
            aud => Err(Refused::invalid("the token is for another audience, or for none")
                .because(|| (ours.shown(), Audience::shown(aud)))),
        }
    }

    /// The authorized party of what is not an ID token. RFC 9068 calls it `client_id`, OpenID Connect `azp`.
    pub(crate) fn check_party(&self, claims: &RegisteredClaims<'_>) -> Result<(), Refused> {
        if self.authorized_parties.is_empty() {
            return Ok(());
        }
        let (azp, client_id) = (claims.profile.azp()?, claims.profile.client_id()?);
        let mut parties = azp.into_iter().chain(client_id).peekable();
        if parties.peek().is_some() && parties.all(|party| self.trusts(party)) {
            return Ok(());
        }
        Err(Refused::invalid("the token was given to a client that is not trusted, or does not say to whom").because(
            || {
                let expected = many(self.authorized_parties.iter().map(String::as_str));
                (expected, format!("azp {}, client_id {}", optional(azp), optional(client_id)))
            },
        ))
    }

    /// The authorized party of an ID token for this client.
    pub(crate) fn check_party_of_id_token(&self, claims: &RegisteredClaims<'_>, client: &str) -> Result<(), Refused> {
        let azp = claims.profile.azp()?;
        let why = match azp {
            Some(azp) if azp == client || self.trusts(azp) => return Ok(()),
            Some(_) => "the ID token was given to another client",
            None if claims.aud.as_ref().is_some_and(Audience::is_many) => {
                "the ID token does not say whom it was given to"
            }
            None => return Ok(()),
        };
        Err(Refused::invalid(why).because(|| {
            let trusted = self.authorized_parties.iter().map(String::as_str);
            (many([client].into_iter().chain(trusted)), optional(azp))
        }))
    }

    fn trusts(&self, party: &str) -> bool {
        self.authorized_parties.iter().any(|known| known == party)
    }
}

impl Ours<'_> {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.own == Some(name) || self.named.iter().any(|named| named == name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_none() && self.named.is_empty()
    }

    pub(crate) fn shown(&self) -> String {
        many(self.own.into_iter().chain(self.named.iter().map(String::as_str)))
    }
}
