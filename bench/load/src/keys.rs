use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

use floors::{AUDIENCE, Algorithm, DISTINCT, ISSUER, Key, Payload};

/// Some peers accept only tokens that name their key.
const KID: &str = "1";

/// What a check refuses, and the claims that are changed for it.
const BAD_CLAIMS: [(&str, &str, &str); 3] =
    [("iss", ISSUER, "https://id.example.com"), ("aud", AUDIENCE, "other"), ("exp", "4102444800", "1702444800")];

/// The tokens of this run, and its keys in a folder that goes with it.
pub struct Keys {
    folder: PathBuf,
    jwks: String,
    tokens: Vec<Tokens>,
}

/// The tokens of one algorithm.
struct Tokens {
    algorithm: Algorithm,
    good: Vec<String>,
    /// By what is wrong with them.
    bad: Vec<(&'static str, String)>,
}

impl Keys {
    pub fn make() -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("portcullis-bench-{}", process::id()));
        fs::create_dir_all(&folder)?;
        let (mut public, mut tokens) = (Vec::new(), Vec::new());
        for algorithm in [Algorithm::Hs256, Algorithm::Es256, Algorithm::Rs256] {
            let name = algorithm.name();
            // A secret of text, for peers that take nothing else.
            let (key, kid) = match algorithm {
                Algorithm::Hs256 => (Key::hmac(format!("{:032x}", fastrand::u128(..)).into()), None),
                _ => (Key::generate(algorithm), Some(format!("{KID}-{name}"))),
            };
            let kid = kid.as_deref();
            if kid.is_some() {
                fs::write(folder.join(format!("{name}.pem")), key.public_pem())?;
                public.push(key.jwk(kid));
            } else {
                fs::write(folder.join("secret"), key.secret())?;
            }
            tokens.push(Tokens::new(&key, kid));
        }
        let jwks = serde_json::json!({ "keys": public }).to_string();
        fs::write(folder.join("jwks.json"), &jwks)?;
        Ok(Self { folder, jwks, tokens })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The good tokens. Servers that check nothing get those of HS256.
    pub fn tokens(&self, algorithm: Option<Algorithm>) -> &[String] {
        self.of(algorithm.unwrap_or(Algorithm::Hs256)).map_or(&[], |tokens| &tokens.good)
    }

    /// One token for each thing that a server must check, by the name of that thing.
    pub fn bad_tokens(&self, algorithm: Algorithm) -> &[(&'static str, String)] {
        self.of(algorithm).map_or(&[], |tokens| &tokens.bad)
    }

    fn of(&self, algorithm: Algorithm) -> Option<&Tokens> {
        self.tokens.iter().find(|tokens| tokens.algorithm == algorithm)
    }
}

impl Tokens {
    fn new(key: &Key, kid: Option<&str>) -> Self {
        let good: Vec<_> = (0..DISTINCT).map(|number| key.token(kid, &Payload::new(number).json())).collect();
        let (input, signature) = good[0].rsplit_once('.').unwrap_or_default();
        // Another first character: still base64url, which some peers answer otherwise.
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let mut bad = vec![("signature", format!("{input}.{first}{}", signature.get(1..).unwrap_or_default()))];
        for (claim, right, wrong) in BAD_CLAIMS {
            bad.push((claim, key.token(kid, &Payload::new(0).json().replace(right, wrong))));
        }
        Self { algorithm: key.algorithm(), good, bad }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
