//! The outer structure of keys in DER (X.690). `aws-lc-rs` parses the rest, but it accepts more than the labels and
//! algorithms allow.

use crate::algorithm::Family;

const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017, appendix A.1).
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480, 2.1.1).
const EC: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// An element and the bytes after it.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

/// Whether this is one sequence, without bytes after it.
pub(super) fn is_one_sequence(der: &[u8]) -> bool {
    Element::first(der).is_some_and(|element| element.tag == SEQUENCE && element.rest.is_empty())
}

/// Whether this has the shape of a `SubjectPublicKeyInfo` (RFC 5280, 4.1). PKCS#1 begins with a number instead, and a bare
/// point is not a sequence.
pub(super) fn is_spki(der: &[u8]) -> bool {
    algorithm(der).is_some()
}

/// Whether a `SubjectPublicKeyInfo` is for this family. `true` for keys in another form.
///
/// An RSA key must not be restricted to one scheme (RFC 4055, 1.2), and an EC key must name its curve (RFC 5480, 2.1.1).
pub(super) fn algorithm_fits(family: Family, der: &[u8]) -> bool {
    let Some(algorithm) = algorithm(der) else { return true };
    let oid = Element::first(algorithm).filter(|element| element.tag == OBJECT_IDENTIFIER);
    let parameters = oid.as_ref().and_then(|oid| Element::first(oid.rest));
    let is = |expected: &[u8]| oid.as_ref().is_some_and(|oid| oid.content == expected);
    match family {
        Family::Hmac => false,
        Family::Rsa => is(&RSA),
        Family::Ec(_) => is(&EC) && parameters.is_some_and(|curve| curve.tag == OBJECT_IDENTIFIER),
        // The backend compares the only prefix that there is.
        Family::Ed25519 => true,
    }
}

/// The content of the `AlgorithmIdentifier` in a `SubjectPublicKeyInfo`.
fn algorithm(der: &[u8]) -> Option<&[u8]> {
    let info = Element::first(der).filter(|element| element.tag == SEQUENCE)?;
    let algorithm = Element::first(info.content).filter(|element| element.tag == SEQUENCE)?;
    Some(algorithm.content)
}

impl<'a> Element<'a> {
    fn first(der: &'a [u8]) -> Option<Self> {
        let (&tag, der) = der.split_first()?;
        let (&len, der) = der.split_first()?;
        // A length above 127 is in the bytes that follow (X.690, 8.1.3.5).
        let (len, der) = if len < 0x80 {
            (usize::from(len), der)
        } else {
            let (bytes, der) = der.split_at_checked(usize::from(len & 0x7f))?;
            let is_short = (1..=3).contains(&bytes.len());
            (is_short.then(|| bytes.iter().fold(0, |len, &byte| (len << 8) | usize::from(byte)))?, der)
        };
        let (content, rest) = der.split_at_checked(len)?;
        Some(Self { tag, content, rest })
    }
}
