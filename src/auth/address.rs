//! Where a request comes from: the peer, or the client that a trusted proxy names.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;

use crate::domain::network::IpNetworks;

/// What the settings say about proxies in front of the server (`contract/config.md` §2).
#[derive(Debug, Clone)]
pub struct ProxyRules {
    /// The peers that may name a client.
    pub trusted: IpNetworks,
    /// The header in which they do.
    pub header: Option<HeaderName>,
    /// Which element of the header's list counts, from the right; 0 is the last.
    pub depth: usize,
}

impl ProxyRules {
    /// The address of whoever sent the request. A header is believed only from a trusted peer; one
    /// that names no address leaves the peer's own.
    pub fn client_address(&self, request: &ServiceRequest) -> IpAddr {
        self.address_of(request.request())
    }

    /// The same for a handler's request.
    pub fn address_of(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
        let Some(header) = self.header.as_ref().filter(|_| self.trusted.contains(peer)) else { return peer };
        // What is no text keeps its place: the client may have written it, and a proxy the address behind it.
        let values: Vec<&[u8]> = request
            .headers()
            .get_all(header)
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .collect();
        let named = values.iter().rev().nth(self.depth).and_then(|text| str::from_utf8(text).ok());
        named.and_then(|text| parse_address(text.trim())).unwrap_or(peer)
    }
}

/// An address as proxies write one: bare, or with a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    address.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn rules(depth: usize) -> ProxyRules {
        let trusted = IpNetworks::parse("trusted", &["10.0.0.0/8"]).unwrap();
        ProxyRules { trusted, header: Some(HeaderName::from_static("x-forwarded-for")), depth }
    }

    fn address(peer: &str, header: &str, depth: usize) -> String {
        let request = TestRequest::default()
            .peer_addr(peer.parse().unwrap())
            .insert_header(("X-Forwarded-For", header))
            .to_srv_request();
        rules(depth).client_address(&request).to_string()
    }

    #[test]
    fn a_header_counts_only_from_a_trusted_peer() {
        assert_eq!(address("10.1.1.1:5000", "192.0.2.7", 0), "192.0.2.7");
        assert_eq!(address("11.1.1.1:5000", "192.0.2.7", 0), "11.1.1.1");
    }

    #[test]
    fn elements_are_counted_from_the_right() {
        assert_eq!(address("10.1.1.1:5000", "9.9.9.9, 192.0.2.7", 0), "192.0.2.7");
        assert_eq!(address("10.1.1.1:5000", "9.9.9.9, 192.0.2.7", 1), "9.9.9.9");
        assert_eq!(address("10.1.1.1:5000", "9.9.9.9, 192.0.2.7", 2), "10.1.1.1");
        assert_eq!(address("10.1.1.1:5000", "not an address", 0), "10.1.1.1");
        assert_eq!(address("10.1.1.1:5000", "[2001:db8::1]:99", 0), "2001:db8::1");
    }

    #[test]
    fn what_is_no_text_hides_no_address_behind_it() {
        let header = actix_web::http::header::HeaderValue::from_bytes(b"\xff, 198.51.100.8").unwrap();
        let request = TestRequest::default()
            .peer_addr("10.0.0.1:1".parse().unwrap())
            .insert_header((HeaderName::from_static("x-forwarded-for"), header))
            .to_http_request();
        assert_eq!(rules(0).address_of(&request), "198.51.100.8".parse::<IpAddr>().unwrap());
        assert_eq!(rules(1).address_of(&request), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
