use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A block of addresses that may be one client. [`ClientAddress`](crate::ClientAddress) has a table.
///
/// It is shown as `2001:db8::/48`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressPrefix {
    network: IpAddr,
    bits: u8,
}

impl AddressPrefix {
    /// The prefixes that an address is counted under, the narrowest first.
    ///
    /// - IPv4 counts by the whole address. So does IPv4 inside IPv6: `::ffff:0:0/96` (RFC 4291, 2.5.5.2), which sockets for
    ///   both families report, and `64:ff9b::/96` (RFC 6052, 2.1), behind which a translator puts all clients of IPv4.
    /// - IPv6 counts by /64, /56 and /48, because customers are given any of these (RFC 6177). A 6to4 network is a /48 already
    ///   (RFC 3056, 2). All clients of one Teredo server share a /64 (RFC 4380, 4), and count as one.
    ///
    /// ```
    /// # use auth_core::AddressPrefix;
    /// let counted = AddressPrefix::of("2001:db8:1:2345::6".parse()?).map(|prefix| prefix.to_string());
    /// assert_eq!(counted.collect::<Vec<_>>(), ["2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"]);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn of(address: IpAddr) -> impl Iterator<Item = Self> {
        let address = embedded(address);
        let lengths: &[u8] = if address.is_ipv4() { &[32] } else { &[64, 56, 48] };
        lengths.iter().map(move |&bits| Self { network: network(address, bits), bits })
    }

    /// The length: 32 for IPv4; 64, 56 or 48 for IPv6.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// How many times the limit of one address applies to the block. A wider block may have several customers in it, or
    /// belong to one.
    #[must_use]
    pub fn weight(self) -> usize {
        match self.bits {
            48 => 4,
            56 => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

/// IPv4 inside IPv6 as IPv4.
fn embedded(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into(),
            _ => v6.into(),
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn network(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or_default();
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_counts_by_these_prefixes() {
        for (address, expected) in [
            ("198.51.100.9", &["198.51.100.9/32"][..]),
            ("::ffff:198.51.100.9", &["198.51.100.9/32"]),
            ("64:ff9b::198.51.100.9", &["198.51.100.9/32"]),
            ("2001:db8:1:2345:6:7:8:9", &["2001:db8:1:2345::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"]),
            ("2001:db8:ffff:ffff::", &["2001:db8:ffff:ffff::/64", "2001:db8:ffff:ff00::/56", "2001:db8:ffff::/48"]),
            // A translator's own network has no layout that is known (RFC 8215).
            ("64:ff9b:1::198.51.100.9", &["64:ff9b:1::/64", "64:ff9b:1::/56", "64:ff9b:1::/48"]),
            // 6to4: the /48 is one address of IPv4.
            ("2002:c633:6409:1::2", &["2002:c633:6409:1::/64", "2002:c633:6409::/56", "2002:c633:6409::/48"]),
            // Teredo: the /64 is one server.
            ("2001:0:c633:6401:0:1:2:3", &["2001:0:c633:6401::/64", "2001:0:c633:6400::/56", "2001:0:c633::/48"]),
            ("::1", &["::/64", "::/56", "::/48"]),
            ("::198.51.100.9", &["::/64", "::/56", "::/48"]),
        ] {
            let counted = AddressPrefix::of(address.parse().unwrap());
            let shown: Vec<_> = counted.map(|prefix| prefix.to_string()).collect();
            assert_eq!(shown, expected, "{address}");
        }
    }

    #[test]
    fn wider_prefix_may_hold_more_but_not_as_much_as_all_in_it() {
        let weights =
            |address: &str| AddressPrefix::of(address.parse().unwrap()).map(AddressPrefix::weight).collect::<Vec<_>>();
        assert_eq!(weights("2001:db8::1"), [1, 2, 4]);
        assert_eq!(weights("192.0.2.1"), [1]);
    }
}
