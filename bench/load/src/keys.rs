use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

use floors::{Algorithm, DISTINCT, Key, Payload};

/// Some peers accept only tokens that name their key.
const KID: &str = "1";

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
