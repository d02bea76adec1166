use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{PublicKey, RsaComponents};
use crate::algorithm::Family;

/// The required members of a public key, which identify it (RFC 7638, 3.2), sorted by name.
pub(crate) struct PublicMembers(Vec<(&'static str, String)>);

impl PublicMembers {
    /// `None` unless it is RSA, an uncompressed point or the 32 bytes of Ed25519.
    pub(crate) fn of(key: &PublicKey) -> Option<Self> {
        match key {
            PublicKey::Rsa(RsaComponents { n, e }) => {
                Some(Self(vec![("e", encode(e)), ("kty", "RSA".into()), ("n", encode(n))]))
            }
            PublicKey::Point(Family::Ed25519, public) => {
                let members = vec![("crv", "Ed25519".into()), ("kty", "OKP".into()), ("x", encode(public))];
                (public.len() == 32).then_some(Self(members))
            }
            PublicKey::Point(Family::Ec(curve), public) => {
                let len = curve.coordinate_len();
                let (x, y) = public.strip_prefix(&[4])?.split_at_checked(len)?;
                let crv = curve.name().into();
                let members = vec![("crv", crv), ("kty", "EC".into()), ("x", encode(x)), ("y", encode(y))];
                (y.len() == len).then_some(Self(members))
            }
            PublicKey::Point(Family::Hmac | Family::Rsa, _) => None,
        }
    }

    /// SHA-256 over the members, in base64url.
    pub(crate) fn thumbprint(&self) -> String {
        // Names and values contain nothing to escape.
        let members: Vec<_> = self.0.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
        encode(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()))
    }

    pub(crate) fn into_members(self) -> impl Iterator<Item = (&'static str, String)> {
        self.0.into_iter()
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
