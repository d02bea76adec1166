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

/// The keys and tokens of this run, in a folder that goes with it.
pub struct Keys {
    folder: PathBuf,
    jwks: String,
}

impl Keys {
    pub fn make() -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("portcullis-bench-{}", process::id()));
        fs::create_dir_all(&folder)?;
        let mut public = Vec::new();
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
            let tokens: Vec<_> = (0..DISTINCT).map(|number| key.token(kid, &Payload::new(number).json())).collect();
            fs::write(folder.join(format!("{name}.tokens")), tokens.join("\n") + "\n")?;
            for (claim, good, bad) in BAD_CLAIMS {
                let token = key.token(kid, &Payload::new(0).json().replace(good, bad));
                fs::write(folder.join(format!("{name}.bad-{claim}")), token)?;
            }
            fs::write(folder.join(format!("{name}.lua")), script(&folder.join(format!("{name}.tokens"))))?;
        }
        let jwks = serde_json::json!({ "keys": public }).to_string();
        fs::write(folder.join("jwks.json"), &jwks)?;
        Ok(Self { folder, jwks })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The script for `wrk`. Servers that check nothing get the same requests as with HS256.
    pub fn script(&self, algorithm: Option<Algorithm>) -> PathBuf {
        self.folder.join(format!("{}.lua", algorithm.unwrap_or(Algorithm::Hs256).name()))
    }

    pub fn first_token(&self, algorithm: Option<Algorithm>) -> io::Result<String> {
        let name = algorithm.unwrap_or(Algorithm::Hs256).name();
        let tokens = fs::read_to_string(self.folder.join(format!("{name}.tokens")))?;
        Ok(tokens.lines().next().unwrap_or_default().to_owned())
    }

    /// One token for each thing that a server must check, by the name of that thing.
    pub fn bad_tokens(&self, algorithm: Algorithm) -> io::Result<Vec<(&'static str, String)>> {
        let good = self.first_token(Some(algorithm))?;
        let (input, signature) = good.rsplit_once('.').unwrap_or_default();
        // Another first character: still base64url, which some peers answer otherwise.
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let mut all = vec![("signature", format!("{input}.{first}{}", signature.get(1..).unwrap_or_default()))];
        for (claim, ..) in BAD_CLAIMS {
            let file = self.folder.join(format!("{}.bad-{claim}", algorithm.name()));
            all.push((claim, fs::read_to_string(file)?));
        }
        Ok(all)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// All requests are made before the load begins; then they are sent in turn.
fn script(tokens: &Path) -> String {
    format!(
        r#"local requests, at = {{}}, 0

function init()
    for token in io.lines("{}") do
        requests[#requests + 1] = wrk.format("GET", "/me", {{ ["Host"] = "localhost", ["Authorization"] = "Bearer " .. token }})
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
"#,
        tokens.display()
    )
}
