use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use auth_core::{ConfigError, Origin, OriginPolicy, Refusal, Secret, SiteVerdict, extract::try_cookie};
use cookie::SameSite;
use http::{HeaderMap, HeaderValue, header, request::Parts};

use crate::{limit::LoginLimit, set_cookie::set_cookie};

/// No login lives longer: browsers keep no cookie longer (RFC 6265bis, 5.5).
pub(crate) const LONGEST: Duration = Duration::from_secs(400 * 86_400);

/// How often a login that is in use is noted as used, at most.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// How long a login lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) lifetime: Lifetime,
    pub(crate) remembered: Lifetime,
    pub(crate) sockets_count_as_use: bool,
    /// Other issuers in whose tokens the `sid` of a login stands.
    pub(crate) token_issuers: Vec<String>,
    /// How many logins a user may have at once; `None` for any number.
    pub(crate) max_logins: Option<LoginLimit>,
    pub(crate) origin: Origin,
    /// Which pages are ours.
    ours: OriginPolicy,
    pub(crate) cookie_name: String,
    pub(crate) is_secure: bool,
}

impl Settings {
    pub(crate) fn new(
        public_origin: &str,
        ours: OriginPolicy,
        name: &str,
        lifetime: Lifetime,
        remembered: Lifetime,
    ) -> Result<Self, ConfigError> {
        let origin = Origin::new(public_origin)?;
        // Written as browsers write it, in lower case.
        let text = origin.to_string();
        let is_secure = match text.split_once("://") {
            Some(("https", _)) => true,
            Some(("http", place)) if is_loopback(place) => false,
            _ => {
                return Err(ConfigError::new(format!(
                    "`{text}` cannot have a session cookie: the public origin must be `https://…`, or `http://` on a loopback \
                     such as `http://localhost:3000`"
                )));
            }
        };
        if name.starts_with("__") {
            return Err(ConfigError::new(
                "the name of the session cookie must not have a prefix: it gets `__Host-` itself",
            ));
        }
        let cookie_name = if is_secure { format!("__Host-{name}") } else { name.to_owned() };
        try_cookie(Cow::from(cookie_name.clone()))?;
        for Lifetime { idle, absolute } in [lifetime, remembered] {
            if idle < Duration::from_secs(1) || absolute < idle || absolute > LONGEST {
                return Err(ConfigError::new(
                    "the idle end of a login must be at least a second, and the absolute end must not be before it or after \
                     400 days",
                ));
            }
        }
        let ours = ours.public(&text)?;
        let (sockets_count_as_use, token_issuers, max_logins) = (false, Vec::new(), None);
        Ok(Self {
            lifetime,
            remembered,
            sockets_count_as_use,
            token_issuers,
            max_logins,
            origin,
            ours,
            cookie_name,
            is_secure,
        })
    }

    pub(crate) fn lifetime(&self, remember: bool) -> Lifetime {
        if remember { self.remembered } else { self.lifetime }
    }

    /// No login lives longer, whatever happens to it.
    pub(crate) fn longest(&self) -> Duration {
        self.lifetime.absolute.max(self.remembered.absolute)
    }

    /// The refusal of a request that changes something, if a foreign page may have sent it. A request that says nothing about its
    /// page is that of a program, unless it has a cookie.
    pub(crate) fn refuse_foreign(&self, request: &Parts) -> Option<Refusal> {
        match self.ours.judge_write(request) {
            SiteVerdict::Ours => None,
            SiteVerdict::Unsaid if !request.headers.contains_key(header::COOKIE) => None,
            SiteVerdict::Unsaid | SiteVerdict::CrossSite => Some(self.ours.refuse_write(request)),
        }
    }

    /// Whether a use has to be noted in the store. Small idle spans are noted more often.
    pub(crate) fn is_touch_due(idle: Duration, noted: SystemTime, now: SystemTime) -> bool {
        let every = TOUCH_EVERY.min(idle / 4);
        now.duration_since(noted).is_ok_and(|since| since >= every)
    }

    /// Puts `Set-Cookie` on a response.
    pub(crate) fn write(&self, cookie: &CookieOut, headers: &mut HeaderMap) {
        let (value, max_age) = match cookie {
            CookieOut::Keep => return,
            CookieOut::Set { value, max_age } => (value.expose(), *max_age),
            CookieOut::Remove => ("", Some(Duration::ZERO)),
        };
        let max_age = max_age.map(|age| age.min(LONGEST));
        if let Some(line) = set_cookie(&self.cookie_name, value, SameSite::Lax, self.is_secure, max_age) {
            headers.append(header::SET_COOKIE, line);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

/// What happens to the cookie of the browser.
#[derive(Clone, Debug, Default)]
pub(crate) enum CookieOut {
    #[default]
    Keep,
    /// `max_age` only for a login that is remembered.
    Set {
        value: Secret,
        max_age: Option<Duration>,
    },
    Remove,
}

/// Whether a host, perhaps with a port, is this machine.
fn is_loopback(place: &str) -> bool {
    let host = match place.strip_prefix('[') {
        Some(rest) => {
            let address = rest.split_once(']').map(|(address, _)| address);
            return address.and_then(|text| text.parse::<Ipv6Addr>().ok()).is_some_and(|ip| ip.is_loopback());
        }
        None => place.split_once(':').map_or(place, |(host, _)| host),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(origin: &str, name: &str) -> Result<Settings, ConfigError> {
        let lifetime = Lifetime { idle: Duration::from_secs(60), absolute: Duration::from_secs(600) };
        Settings::new(origin, OriginPolicy::default(), name, lifetime, lifetime)
    }

    #[test]
    fn name_of_the_cookie_follows_from_the_public_origin() {
        let cases = [
            ("https://app.example", "__Host-session"),
            ("https://app.example:8443", "__Host-session"),
            ("https://localhost", "__Host-session"),
            ("http://localhost:3000", "session"),
            ("http://app.localhost", "session"),
            ("http://127.0.0.1", "session"),
            ("http://127.1.2.3:80", "session"),
            ("http://[::1]:3000", "session"),
        ];
        for (origin, name) in cases {
            assert_eq!(settings(origin, "session").unwrap().cookie_name, name, "{origin}");
        }
        for origin in [
            "http://app.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://[::2]",
            "http://128.0.0.1",
            "capacitor://localhost",
            "https://app.example/path",
            "app.example",
            "",
        ] {
            assert!(settings(origin, "session").is_err(), "{origin}");
        }
    }

    #[test]
    fn name_of_the_cookie_is_a_token_without_a_prefix() {
        for name in ["", "a b", "a;b", "a=b", "__Host-session", "__Secure-session"] {
            assert!(settings("http://localhost", name).is_err(), "{name}");
        }
        assert_eq!(settings("https://app.example", "app").unwrap().cookie_name, "__Host-app");
    }

    #[test]
    fn use_is_noted_once_a_minute_or_four_times_in_an_idle_span() {
        let (start, secs) = (SystemTime::UNIX_EPOCH, Duration::from_secs);
        let is_due = |idle, after| Settings::is_touch_due(secs(idle), start, start + secs(after));
        assert!(!is_due(3600, 59) && is_due(3600, 60));
        assert!(!is_due(40, 9) && is_due(40, 10));
        // The clock was set back.
        assert!(!Settings::is_touch_due(secs(3600), start + secs(600), start));
    }
}
