use std::fmt;

/// The public name of a connection: random, and of no use but to tell connections apart.
///
/// It may be logged, shown to other clients, and used to close the connection
/// ([`Revocation::connection`](auth_core::Revocation::connection)).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId([u8; LEN]);

/// 96 random bits, in hexadecimal.
const LEN: usize = 24;

impl ConnectionId {
    /// A new name; `None` if the operating system has no random bits.
    pub(crate) fn new() -> Option<Self> {
        let mut bits = [0; LEN / 2];
        getrandom::fill(&mut bits).ok()?;
        Some(PackedId(bits).name())
    }

    /// The same in 12 bytes.
    pub(crate) fn packed(&self) -> PackedId {
        let byte = |pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let mut bits = [0; LEN / 2];
        for (bits, pair) in bits.iter_mut().zip(self.0.chunks_exact(2)) {
            *bits = byte(pair).unwrap_or_default();
        }
        PackedId(bits)
    }

    /// The name: 24 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// A number from 0 to 1, evenly spread over the connections.
    pub(crate) fn fraction(&self) -> f64 {
        let bits = self.as_str().get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        f64::from(bits.unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
    }
}

/// The bits of a name. An open connection keeps it more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedId([u8; LEN / 2]);

impl PackedId {
    pub(crate) fn name(self) -> ConnectionId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |bits: u8| DIGITS.get(usize::from(bits & 15)).copied().unwrap_or(b'0');
        let mut name = [0; LEN];
        for (pair, bits) in name.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(bits >> 4), digit(bits)]);
        }
        ConnectionId(name)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_24_hexadecimal_digits_and_differ() {
        let (one, other) = (ConnectionId::new().unwrap(), ConnectionId::new().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 24);
        assert_eq!(one.packed().name(), one);
        assert!(one.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn debug_shows_the_name() {
        assert_eq!(
            format!("{:?}", ConnectionId(*b"00112233445566778899aabb")),
            "ConnectionId(00112233445566778899aabb)"
        );
    }

    #[test]
    fn fraction_is_nought_or_more_and_less_than_one() {
        assert_eq!(ConnectionId(*b"000000000000000000000000").fraction(), 0.0);
        assert_eq!(ConnectionId(*b"800000000000000000000000").fraction(), 0.5);
        assert!(ConnectionId(*b"ffffffffffffffffffffffff").fraction() < 1.0);
    }
}
