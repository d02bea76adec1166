use auth_core::{BoxError, Secret};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

const LEN: usize = 32;

/// A key for this purpose, from the one secret of the demo (HKDF, RFC 5869): so all nodes have the same, also after a restart. A real
/// service gives each purpose a random key of its own, which can be changed alone.
pub(crate) fn derive(secret: &Secret, purpose: &str) -> Result<Secret, BoxError> {
    let root = Salt::new(HKDF_SHA256, b"portcullis demo").extract(secret.expose().as_bytes());
    let mut key = [0; LEN];
    let info = [purpose.as_bytes()];
    root.expand(&info, HKDF_SHA256)
        .and_then(|key_material| key_material.fill(&mut key))
        .map_err(|_| "a key cannot be derived")?;
    Ok(Secret::new(key.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
