use floors::Algorithm::{self, Es256, Hs256, Rs256};

/// One server, as it is loaded.
pub struct Side {
    pub name: String,
    pub program: &'static str,
    /// The algorithm of the tokens, if the server checks them.
    pub alg: Option<Algorithm>,
    pub environment: Vec<(&'static str, &'static str)>,
    /// What the server does not check: `iss`, `aud` or `exp`. The notes of the page say so too.
    pub unchecked: &'static [&'static str],
}

impl Side {
    fn new(name: &str, program: &'static str, alg: Algorithm) -> Self {
        let name = format!("{name}, {}", alg.name());
        Self { name, program, alg: Some(alg), environment: vec![("ALG", alg.name())], unchecked: &[] }
    }

    fn unchecked(name: &str, environment: Vec<(&'static str, &'static str)>) -> Self {
        Self { name: name.into(), program: "http-bare", alg: None, environment, unchecked: &[] }
    }

    fn remembering(alg: Algorithm) -> Self {
        let mut side = Self::new("ours", "http-portcullis", alg);
        side.name += " remembered";
        side.environment.push(("REMEMBER", "10000"));
        side
    }
}

/// Peers that take no HMAC key are compared on ES256 and RS256.
pub fn all() -> Vec<Side> {
    let mut sides = vec![
        Side::unchecked("bare axum", vec![]),
        Side::unchecked("attach a user", vec![("MODE", "attach")]),
        Side::new("jsonwebtoken 10 by hand", "http-jsonwebtoken10", Hs256),
        Side::new("jsonwebtoken 10 by hand, RustCrypto", "http-jsonwebtoken10-rust-crypto", Hs256),
    ];
    for alg in [Hs256, Es256, Rs256] {
        sides.push(Side::new("tight verifier", "http-tight", alg));
        sides.push(Side::new("jsonwebtoken 11 by hand", "http-jsonwebtoken11", alg));
        sides.push(Side::new("axum-jwt-auth", "http-axum-jwt-auth", alg));
        sides.push(Side::new("jwt-authorizer", "http-jwt-authorizer", alg));
        sides.push(Side::new("ours", "http-portcullis", alg));
    }
    // It takes no EC key.
    sides.push(Side::new("authkestra", "http-authkestra", Rs256));
    for alg in [Es256, Rs256] {
        sides.push(Side::new("tower-oauth2-resource-server", "http-tower-oauth2-resource-server", alg));
        sides.push(Side::new("oauth-resource-server", "http-oauth-resource-server", alg));
        sides.push(Side::remembering(alg));
    }
    sides
}
