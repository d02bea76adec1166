//! Base64url as tokens are written in it (RFC 7515, 2).

use base64::{DecodeError, Engine};

/// Adds what `text` stands for to `out`. Padding, and bits after the last byte, are refused.
pub(super) fn decode_onto(out: &mut Vec<u8>, text: &str) -> Result<(), DecodeError> {
    engine().decode_vec(text, out)
}

/// Looks at many characters at once where the processor can: every request asks for the whole of a token.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
fn engine() -> &'static impl Engine {
    use std::sync::LazyLock;

    use base64::engine::{Simd, general_purpose::NO_PAD};

    static ENGINE: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));
    &*ENGINE
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
fn engine() -> &'static impl Engine {
    &base64::engine::general_purpose::URL_SAFE_NO_PAD
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
        let mut out = b"before".to_vec();
        decode_onto(&mut out, text)?;
        Ok(out.split_off(6))
    }

    /// Below and beyond the length from which the two engines go different ways.
    #[test]
    fn every_character_at_every_place_is_decoded_as_by_the_plain_engine() {
        for len in [0, 1, 2, 3, 4, 31, 63, 64, 65, 66, 67, 96, 131] {
            let text: Vec<_> = (0..len).map(|at| b"Ab-_9"[at % 5]).collect();
            for (at, byte) in (0..=len).flat_map(|at| (0..=127_u8).map(move |byte| (at, byte))) {
                let mut text = text.clone();
                // Beyond the end, it is the text as it is.
                text.iter_mut().skip(at).take(1).for_each(|place| *place = byte);
                let text = str::from_utf8(&text).unwrap();
                assert_eq!(decode(text), URL_SAFE_NO_PAD.decode(text), "{text}");
            }
        }
    }
}
