use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap, request::Parts};

/// How the address of a client is found. It limits what one address can hold without a credential, and how often it may guess.
///
/// It is the address of the peer, unless trusted proxies are named. A header that no trusted proxy has set is never read: any
/// client can send one.
///
/// # What counts as one client
///
/// | Address | Counts by | May hold |
/// |---|---|---|
/// | IPv4, also as `::ffff:192.0.2.1` or `64:ff9b::192.0.2.1` | the address | the limit of one address |
/// | IPv6 | its /64 | the limit of one address |
/// | | its /56 | twice that |
/// | | its /48 | four times that |
///
/// Customers are given a /64, a /56 or a /48 (RFC 6177), so an IPv6 address counts in all three. 6to4 (`2002::/16`) and
/// Teredo (`2001::/32`) have no rule of their own: a 6to4 /48 is one IPv4 address, and all clients of a Teredo server share a
/// /64. Clients on one link-local network share a /64 too, and so do IPv4 clients behind a translator with a prefix of its
/// own (NAT64 or SIIT other than `64:ff9b::/96`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    trusted_hops: usize,
}

impl ClientAddress {
    /// The peer of the connection. On axum the server has to tell it, with
    /// `into_make_service_with_connect_info::<SocketAddr>()`; elsewhere put a [`SocketAddr`] into the request's
    /// extensions. If the address is unknown, all clients count as one, only the limit on all of them holds, and one warning is
    /// logged.
    #[must_use]
    pub const fn peer() -> Self {
        Self { trusted_hops: 0 }
    }

    /// What the proxies in front of this server say in `X-Forwarded-For`. `trusted_hops` is how many of them every request
    /// passes. Each adds the address of its own peer, so the client's address is that many from the right. Anything further left
    /// may be made up.
    ///
    /// # Security
    /// A number too high lets a client choose its address; clients that get past the proxies can do so too. A number too
    /// low makes all clients of a proxy one address.
    #[must_use]
    pub const fn behind_proxies(trusted_hops: usize) -> Self {
        Self { trusted_hops }
    }

    /// The whole address; [`AddressPrefix::of`](crate::AddressPrefix::of) says how it counts. A request that comes past the
    /// proxies, or through one that adds no address, counts as its peer's. `None` if the server doesn't tell the peer.
    #[must_use]
    pub fn of(self, parts: &Parts) -> Option<IpAddr> {
        let told = self.trusted_hops.checked_sub(1).and_then(|between| forwarded(&parts.headers, between));
        told.or_else(|| peer(&parts.extensions))
    }
}

impl Default for ClientAddress {
    fn default() -> Self {
        Self::peer()
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(address)) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(address.ip());
    }
    extensions.get::<SocketAddr>().map(SocketAddr::ip)
}

/// The entry with `between` others to its right.
fn forwarded(headers: &HeaderMap, between: usize) -> Option<IpAddr> {
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let entries = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|&b| b == b','));
    let entry = std::str::from_utf8(entries.map(<[u8]>::trim_ascii).nth(between)?).ok()?;
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(lines: &[&str]) -> Parts {
        let mut builder = Request::get("/").extension("192.0.2.1:5".parse::<SocketAddr>().unwrap());
        for line in lines {
            builder = builder.header("x-forwarded-for", *line);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn address(hops: usize, lines: &[&str]) -> Option<String> {
        ClientAddress::behind_proxies(hops).of(&parts(lines)).map(|address| address.to_string())
    }

    #[test]
    fn without_trusted_proxies_it_is_the_peer_whatever_a_header_says() {
        assert_eq!(address(0, &["198.51.100.7"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(ClientAddress::default(), ClientAddress::behind_proxies(0));
    }

    #[test]
    fn behind_proxies_it_is_as_many_from_the_right_as_are_trusted() {
        let lines = ["203.0.113.9, 198.51.100.7", "198.51.100.8"];
        assert_eq!(address(1, &lines).as_deref(), Some("198.51.100.8"));
        assert_eq!(address(2, &lines).as_deref(), Some("198.51.100.7"));
        assert_eq!(address(3, &lines).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn what_has_come_past_the_proxies_counts_as_its_peers() {
        assert_eq!(address(1, &[]).as_deref(), Some("192.0.2.1"));
        assert_eq!(address(2, &["198.51.100.7"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(address(1, &["unknown"]).as_deref(), Some("192.0.2.1"));
        let (unknown, ()) = Request::get("/").body(()).unwrap().into_parts();
        assert_eq!(ClientAddress::peer().of(&unknown), None);
    }

    #[test]
    fn port_is_left_out() {
        assert_eq!(address(1, &["198.51.100.7:80"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(address(1, &["[2001:db8::1]:80"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(address(1, &["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
    }
}
