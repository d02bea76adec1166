//! Base64url without padding (RFC 7515, 2).

use base64::Engine as _;

/// The engine that uses AVX2 or NEON if the processor has it: half the instructions of the other one for a usual token.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: std::sync::LazyLock<base64::engine::Simd> =
    std::sync::LazyLock::new(|| base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD));

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::URL_SAFE_NO_PAD as ENGINE;

/// The engine uses AVX2 or NEON for blocks of 64 characters. The last four characters are never part of a block.
const BLOCK: usize = 64;

/// The text is not base64url.
#[derive(Debug)]
pub(super) struct NotBase64Url;

/// Decodes `text` and appends it to `out`. Padding and bits after the last byte are errors.
pub(super) fn decode_onto(out: &mut Vec<u8>, text: &str) -> Result<(), NotBase64Url> {
    if text.len() > BLOCK {
        return Ok(ENGINE.decode_vec(text, out)?);
    }
    // The HMAC of HS256 is shorter than a block, and character by character it costs as much as the payload. So a short text
    // is filled up with `A`, which stands for six zero bits. That takes half the instructions.
    let mut filled = [b'A'; BLOCK + 4];
    filled.iter_mut().zip(text.as_bytes()).for_each(|(to, &from)| *to = from);
    let mut bytes = [0; (BLOCK + 4) / 4 * 3];
    ENGINE.decode_slice(filled, &mut bytes)?;
    let (decoded, after) = bytes.split_at_checked(text.len() * 3 / 4).ok_or(NotBase64Url)?;
    // A single character after whole groups of four holds no byte, and the bits after the last byte must be zero.
    if text.len() % 4 == 1 || after.first() != Some(&0) {
        return Err(NotBase64Url);
    }
    out.extend_from_slice(decoded);
    Ok(())
}

impl From<base64::DecodeError> for NotBase64Url {
    fn from(_: base64::DecodeError) -> Self {
        Self
    }
}

impl From<base64::DecodeSliceError> for NotBase64Url {
    fn from(_: base64::DecodeSliceError) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    fn decode(text: &str) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        decode_onto(&mut out, text).ok()?;
        Some(out.split_off(6))
    }

    /// The same, bit by bit.
    fn decode_slowly(text: &str) -> Option<Vec<u8>> {
        let sixes: Vec<_> = text.chars().map(|c| ALPHABET.find(c)).collect::<Option<_>>()?;
        let bits: Vec<_> = sixes.iter().flat_map(|six| (0..6).rev().map(move |at| six >> at & 1)).collect();
        let (bytes, unused) = bits.as_chunks::<8>();
        let is_whole = unused.len() < 6 && unused.iter().all(|&bit| bit == 0);
        let byte = |bits: &[usize; 8]| bits.iter().fold(0, |byte, &bit| byte << 1 | bit as u8);
        is_whole.then(|| bytes.iter().map(byte).collect())
    }

    #[test]
    fn every_character_at_every_position_is_decoded_by_the_standard() {
        for len in [0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 62, 63, 64, 65, 66, 67, 96, 97, 99, 127, 128, 135] {
            let text: Vec<_> = "Ab-_9".chars().cycle().take(len).collect();
            for (at, character) in
                (0..=len).flat_map(|at| ('\0'..='\u{80}').chain("éĀ–Ａ😀".chars()).map(move |c| (at, c)))
            {
                let mut text = text.clone();
                // Beyond the end, the text stays as it is.
                text.iter_mut().skip(at).take(1).for_each(|place| *place = character);
                let text = String::from_iter(text);
                assert_eq!(decode(&text), decode_slowly(&text), "{text}");
            }
        }
    }
}
