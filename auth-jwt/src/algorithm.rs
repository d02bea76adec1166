use std::fmt;

/// A signature algorithm (`alg`) of RFC 7518, 3.1, RFC 8037, 3.1 or RFC 8812, 3.2, under its name on the wire.
///
/// `none` is not supported. `Ed25519` (RFC 9864, 2.2) is another name of [`EdDSA`](Self::EdDSA), in keys and in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256: one secret signs and verifies.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSA, PKCS#1 v1.5 padding, SHA-256.
    RS256,
    /// RSA, PKCS#1 v1.5 padding, SHA-384.
    RS384,
    /// RSA, PKCS#1 v1.5 padding, SHA-512.
    RS512,
    /// RSA, PSS padding, SHA-256.
    PS256,
    /// RSA, PSS padding, SHA-384.
    PS384,
    /// RSA, PSS padding, SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256. A signature can be changed into a second valid one for the same content.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// ECDSA on secp256k1 with SHA-256 (RFC 8812, 3.2), used by wallets. Needs the feature `es256k`.
    #[cfg(feature = "es256k")]
    ES256K,
    /// Ed25519.
    EdDSA,
}

/// The kind of key that an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Hmac,
    Rsa,
    Ec(Curve),
    Ed25519,
}

/// An elliptic curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    #[cfg(feature = "es256k")]
    Secp256k1,
}

impl Algorithm {
    pub(crate) const ALL: &[Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        #[cfg(feature = "es256k")]
        Self::ES256K,
        Self::EdDSA,
    ];

    /// The name on the wire, `HS256` for example.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            #[cfg(feature = "es256k")]
            Self::ES256K => "ES256K",
            Self::EdDSA => "EdDSA",
        }
    }

    /// All its names on the wire. RFC 9864, 2.2 gives EdDSA on Ed25519 a second name.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        [self.name()].into_iter().chain((self == Self::EdDSA).then_some("Ed25519"))
    }

    /// The algorithm with this exact name. Names are case-sensitive (RFC 7515, 4.1.1).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.names().any(|own| own == name))
    }

    /// Whether a public key verifies it.
    #[cfg(feature = "dpop")]
    pub(crate) fn is_public(self) -> bool {
        self.family() != Family::Hmac
    }

    /// Whether proofs of possession may use it by default. The feature `es256k` doesn't change the default.
    #[cfg(feature = "dpop")]
    pub(crate) fn is_usual_for_proofs(self) -> bool {
        #[cfg(feature = "es256k")]
        if self == Self::ES256K {
            return false;
        }
        self.is_public()
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => Family::Hmac,
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => Family::Rsa,
            Self::ES256 => Family::Ec(Curve::P256),
            Self::ES384 => Family::Ec(Curve::P384),
            Self::ES512 => Family::Ec(Curve::P521),
            #[cfg(feature = "es256k")]
            Self::ES256K => Family::Ec(Curve::Secp256k1),
            Self::EdDSA => Family::Ed25519,
        }
    }

    /// The length of the hash in bytes. An HMAC secret must not be shorter (RFC 7518, 3.2).
    pub(crate) fn hash_len(self) -> usize {
        match self {
            Self::HS384 | Self::RS384 | Self::PS384 | Self::ES384 => 48,
            Self::HS512 | Self::RS512 | Self::PS512 | Self::ES512 | Self::EdDSA => 64,
            Self::HS256 | Self::RS256 | Self::PS256 | Self::ES256 => 32,
            #[cfg(feature = "es256k")]
            Self::ES256K => 32,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Family {
    /// The family's name in a configuration error.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Hmac => "HMAC",
            Self::Rsa => "RSA",
            Self::Ec(curve) => curve.name(),
            Self::Ed25519 => "Ed25519",
        }
    }

    pub(crate) fn algorithms(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |algorithm| algorithm.family() == self)
    }
}

impl Curve {
    const ALL: &[Self] = &[
        Self::P256,
        Self::P384,
        Self::P521,
        #[cfg(feature = "es256k")]
        Self::Secp256k1,
    ];

    /// The value of `crv` (RFC 7518, 6.2.1.1; RFC 8812, 3.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            #[cfg(feature = "es256k")]
            Self::Secp256k1 => "secp256k1",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|curve| curve.name() == name)
    }

    /// The length of a coordinate in bytes (RFC 7518, 6.2.1.2).
    pub(crate) fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
            #[cfg(feature = "es256k")]
            Self::Secp256k1 => 32,
        }
    }
}
