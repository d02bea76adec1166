use std::{collections::BTreeSet, fmt, sync::Arc};

use auth_core::ConfigError;

use crate::token::log_text::quoted;

/// The longest name of a tenant, in bytes.
const LONGEST_TENANT: usize = 128;

/// An issuer with a separate `iss` for each tenant: `https://login.microsoftonline.com/{tenantid}/v2.0`.
///
/// The placeholder is any name in braces. It stands for one whole segment of the path, never for a part of the host. A
/// tenant has 1 to 128 unreserved characters (letters, digits and `-._~`, RFC 3986, 2.3), and is neither `.` nor `..`. It
/// is compared exactly. An `iss` with anything else in that position belongs to another issuer.
///
/// ```
/// use auth_jwt::{IssuerTemplate, Jwt, VerifyingKey};
/// # fn build(key: VerifyingKey) -> Result<(), auth_core::ConfigError> {
///
/// let tenants = ["9188040d-6c67-4c5b-b112-36a304b66dad"];
/// let template = IssuerTemplate::new("https://login.microsoftonline.com/{tenantid}/v2.0", tenants)?;
/// let jwt = Jwt::<serde_json::Value>::key(key).issuer_template(template).audience("chat");
/// # let _ = jwt; Ok(()) }
/// ```
#[derive(Clone)]
pub struct IssuerTemplate(Arc<Template>);

struct Template {
    prefix: String,
    suffix: String,
    tenants: Tenants,
}

enum Tenants {
    Listed(BTreeSet<String>),
    Rule(Box<dyn Fn(&str) -> bool + Send + Sync>),
}

impl IssuerTemplate {
    /// The issuers of these tenants.
    ///
    /// # Errors
    /// If the template is not an `https` or `http` URL with one placeholder that is a whole segment of its path. If it has a
    /// query, a fragment or a character that a URL cannot have. If the list is empty or contains an invalid tenant.
    pub fn new(
        template: impl AsRef<str>,
        tenants: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, ConfigError> {
        let tenants: BTreeSet<String> = tenants.into_iter().map(Into::into).collect();
        if tenants.is_empty() {
            return Err(ConfigError::new("the list of tenants is empty: name one, or use a rule"));
        }
        if !tenants.iter().all(|tenant| is_tenant(tenant)) {
            return Err(ConfigError::new(
                "a tenant is empty, longer than 128 characters, or has characters other than letters, digits and `-._~`",
            ));
        }
        Self::parse(template.as_ref(), Tenants::Listed(tenants))
    }

    /// The issuers of the tenants for which `rule` is true.
    ///
    /// # Errors
    /// As for [`new`](Self::new), except for the list.
    ///
    /// # Security
    /// The rule is called before the signature is checked, so anyone can call it with any tenant. It must not block: use a
    /// lookup in memory.
    pub fn with_rule(
        template: impl AsRef<str>,
        rule: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Self::parse(template.as_ref(), Tenants::Rule(Box::new(rule)))
    }

    /// The issuers of all tenants.
    ///
    /// # Errors
    /// As for [`with_rule`](Self::with_rule).
    ///
    /// # Security
    /// Anyone can open a tenant at such an issuer and sign users in there. It is only safe if the verify callback checks the
    /// tenant.
    pub fn dangerous_any_tenant(template: impl AsRef<str>) -> Result<Self, ConfigError> {
        Self::with_rule(template, |_| true)
    }

    fn parse(template: &str, tenants: Tenants) -> Result<Self, ConfigError> {
        let (prefix, suffix) = split(template).ok_or_else(|| {
            ConfigError::new(
                "this is not a template of an issuer: it must be a URL with one placeholder in braces that is a whole \
                 segment of the path, as in `https://id.example/{tenant}/v2.0`",
            )
        })?;
        Ok(Self(Arc::new(Template { prefix: prefix.to_owned(), suffix: suffix.to_owned(), tenants })))
    }

    /// The tenant in this issuer, if it is an accepted one.
    pub(crate) fn tenant<'a>(&self, issuer: &'a str) -> Option<&'a str> {
        let tenant = issuer.strip_prefix(&self.0.prefix)?.strip_suffix(&self.0.suffix)?;
        let is_ours = is_tenant(tenant)
            && match &self.0.tenants {
                Tenants::Listed(tenants) => tenants.contains(tenant),
                Tenants::Rule(rule) => rule(tenant),
            };
        is_ours.then_some(tenant)
    }

    /// Whether the other is a clone of this one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The issuers that are listed.
    pub(crate) fn listed(&self) -> Vec<String> {
        let issuer = |tenant: &String| format!("{}{tenant}{}", self.0.prefix, self.0.suffix);
        match &self.0.tenants {
            Tenants::Listed(tenants) => tenants.iter().map(issuer).collect(),
            Tenants::Rule(_) => Vec::new(),
        }
    }

    pub(crate) fn shown(&self) -> String {
        let Template { prefix, suffix, tenants } = &*self.0;
        let tenants = match tenants {
            Tenants::Listed(tenants) => format!("({} listed)", tenants.len()),
            Tenants::Rule(_) => "(by a rule)".to_owned(),
        };
        format!("{} {tenants}", quoted(&format!("{prefix}{{tenant}}{suffix}")))
    }
}

/// The parts before and after the placeholder of a valid template.
fn split(template: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = template.split_once('{')?;
    let (name, suffix) = rest.split_once('}')?;
    let origin_and_path = prefix.strip_prefix("https://").or_else(|| prefix.strip_prefix("http://"))?;
    let (host, _) = origin_and_path.split_once('/')?;
    let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_graphic() && !b"{}?#\\\"<>^`|".contains(&b));
    let is_good = !host.is_empty()
        && !host.contains('@')
        && !name.is_empty()
        && [prefix, name, suffix].into_iter().all(is_plain)
        && !name.contains('/')
        && prefix.ends_with('/')
        && (suffix.is_empty() || suffix.starts_with('/'));
    is_good.then_some((prefix, suffix))
}

fn is_tenant(text: &str) -> bool {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (1..=LONGEST_TENANT).contains(&text.len()) && text.bytes().all(is_unreserved) && !matches!(text, "." | "..")
}

impl fmt::Debug for IssuerTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerTemplate({})", self.shown())
    }
}
