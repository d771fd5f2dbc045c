//! `[http]`: where the server listens, how long it waits and whom it believes about addresses.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::problem::Problems;
use super::values::{addresses, networks, seconds};

/// `[http]`: the side that clients see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Addresses to listen on, with ports; port 0 takes a free one. Default `127.0.0.1:8080`.
    #[serde(with = "addresses")]
    pub bind: Vec<SocketAddr>,
    /// Threads that serve requests. Default: absent, one per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroUsize>,
    /// Connections open at once, over all threads; more wait to be accepted. Default 20 000.
    pub max_connections: NonZeroUsize,
    /// Seconds a client may take to send the head of a request. Default 10.
    #[serde(rename = "header_timeout_secs", with = "seconds")]
    pub header_timeout: Duration,
    /// Seconds a client may take to send a body. Default 30.
    #[serde(rename = "body_timeout_secs", with = "seconds")]
    pub body_timeout: Duration,
    /// Seconds an idle connection is kept for the next request. Default 60.
    #[serde(rename = "keep_alive_secs", with = "seconds")]
    pub keep_alive: Duration,
    /// Seconds that requests under way may still take when the server stops. Default 10.
    #[serde(rename = "shutdown_timeout_secs", with = "seconds")]
    pub shutdown_timeout: Duration,
    /// Proxies that may say where a request comes from: addresses or networks. Default: none.
    #[serde(with = "networks")]
    pub proxy_allowed: Vec<IpNet>,
    /// Whether such a proxy begins every connection with a PROXY header, version 1 or 2, that names the client;
    /// a connection of a proxy without one is closed. Default false.
    pub proxy_protocol: bool,
    /// Header by which such a proxy names the client, as `X-Forwarded-For`. Default: absent, the peer
    /// is the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip_header: Option<String>,
    /// Which address of that header counts, from the right; 0 is the last (`contract/config.md` §2).
    /// Default 0.
    pub client_ip_header_depth: u8,
    /// Text of the `Server` header. Default `usersd`.
    pub server_header: String,
    /// Requests under way at once from one address; more are answered 429. Default 256.
    pub parallel_requests_per_address: NonZeroU32,
    /// Requests of one address within a second, on the long run; more are answered 429. 0: any number. Default
    /// 5000, more than a script has a reason for.
    pub requests_per_second_per_address: u32,
    /// Requests of one address that may come at once after a pause, where there is such a limit. Default
    /// 50 000.
    pub request_burst_per_address: NonZeroU32,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            bind: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            workers: None,
            max_connections: NonZeroUsize::MIN.saturating_add(19_999),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(10),
            proxy_allowed: Vec::new(),
            proxy_protocol: false,
            client_ip_header: None,
            client_ip_header_depth: 0,
            server_header: "usersd".to_owned(),
            parallel_requests_per_address: NonZeroU32::MIN.saturating_add(255),
            requests_per_second_per_address: 5000,
            request_burst_per_address: NonZeroU32::MIN.saturating_add(49_999),
        }
    }
}

impl HttpSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.unless(!self.bind.is_empty(), "http.bind", "at least one address to listen on is needed");
        problems.unless(
            is_header_text(&self.server_header),
            "http.server_header",
            "must be visible ASCII characters and blanks, at least one",
        );
        problems.unless(
            !self.proxy_protocol || !self.proxy_allowed.is_empty(),
            "http.proxy_protocol",
            "nobody may speak it: name the proxies in http.proxy_allowed",
        );
        match &self.client_ip_header {
            Some(name) if !is_header_name(name) => {
                problems.add("http.client_ip_header", "not the name of a header, such as X-Forwarded-For");
            }
            Some(_) => problems.unless(
                !self.proxy_allowed.is_empty(),
                "http.client_ip_header",
                "nobody may set this header: name the proxies in http.proxy_allowed",
            ),
            None => {}
        }
    }
}

/// A token of RFC 9110 §5.6.2.
fn is_header_name(name: &str) -> bool {
    let other = b"!#$%&'*+-.^_`|~";
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || other.contains(&byte))
}

fn is_header_text(text: &str) -> bool {
    !text.trim().is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}
