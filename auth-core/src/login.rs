use std::{fmt, sync::Arc, time::SystemTime};

/// When and how the user logged in at the issuer, as a typed extra of the [`Evidence`](crate::Evidence).
///
/// A token may be a minute old, and the login behind it a week. A strategy for tokens fills this from `auth_time`, `acr` and `amr`
/// (OpenID Connect Core, 2; RFC 9068, 2.2.1); a verify callback may add its own with
/// [`Verdict::with_extra`](crate::Verdict::with_extra).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserAuthentication {
    at: Option<SystemTime>,
    acr: Option<Box<str>>,
    /// Shared by clones. Few have them, and each evidence has room for this.
    amr: Option<Arc<Methods>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Methods(Vec<String>);

impl UserAuthentication {
    /// Neither time nor class nor methods are known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time of the login.
    #[must_use]
    pub fn with_time(mut self, at: SystemTime) -> Self {
        self.at = Some(at);
        self
    }

    /// Sets the authentication context class that the login satisfied (`acr`).
    #[must_use]
    pub fn with_acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into().into_boxed_str());
        self
    }

    /// Sets the methods by which the user proved who it is (`amr`, RFC 8176): `["pwd", "otp"]`.
    #[must_use]
    pub fn with_amr(mut self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let methods: Vec<String> = methods.into_iter().map(Into::into).collect();
        self.amr = (!methods.is_empty()).then(|| Arc::new(Methods(methods)));
        self
    }

    /// The time of the login, if known.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        self.at
    }

    /// The authentication context class, if it is known.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// The methods by which the user proved who it is, in no order; empty if they are unknown.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        self.amr.as_deref().map(|methods| methods.0.as_slice()).unwrap_or_default()
    }
}

impl fmt::Debug for UserAuthentication {
    /// Redacted: when somebody logged in belongs to a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserAuthentication(<redacted>)")
    }
}
