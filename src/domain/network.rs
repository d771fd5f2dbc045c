//! Networks in CIDR notation: kept as they were typed, matched by what they mean
//! (`contract/validation.md` §8, rule 1).

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use super::quote::quote;
use super::word::distinct;
use crate::error::Invalid;

/// An IP network; host bits may be set and stay in the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct IpNetwork {
    text: String,
    net: IpNet,
}

impl IpNetwork {
    /// Reads one network of a member.
    ///
    /// # Errors
    /// When it is not `address/bits`, without blanks, zones or leading zeros.
    pub fn parse(member: &str, text: &str) -> Result<Self, Invalid> {
        read(text).map(|net| Self { text: text.to_owned(), net }).ok_or_else(|| {
            Invalid::new(format!(
                "{member}: {} is not a network in CIDR notation, like 192.0.2.0/24",
                quote(text)
            ))
        })
    }

    /// Whether the network has this address. An IPv4 address written as IPv6 (RFC 4291 §2.5.5.2) is the
    /// IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.net.contains(&address.to_canonical())
    }

    /// The network as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<IpNetwork> for String {
    fn from(network: IpNetwork) -> Self {
        network.text
    }
}

/// The meaning of `address/bits`; a network of mapped addresses is the IPv4 network.
fn read(text: &str) -> Option<IpNet> {
    let (address, bits) = text.split_once('/')?;
    // `u8::from_str` takes a sign, and a leading zero reads as octal to some.
    let plain =
        bits.bytes().all(|digit| digit.is_ascii_digit()) && (bits.len() == 1 || !bits.starts_with('0'));
    let bits: u8 = bits.parse().ok().filter(|_| plain)?;
    let net = IpNet::new(address.parse().ok()?, bits).ok()?;
    match net.addr() {
        IpAddr::V6(address) if bits >= 96 => Some(mapped(address, bits - 96).unwrap_or(net)),
        IpAddr::V4(_) | IpAddr::V6(_) => Some(net),
    }
}

fn mapped(address: Ipv6Addr, bits: u8) -> Option<IpNet> {
    IpNet::new(IpAddr::V4(address.to_ipv4_mapped()?), bits).ok()
}

/// A list of networks without two of the same text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct IpNetworks(Vec<IpNetwork>);

impl IpNetworks {
    /// Reads the list of a member.
    ///
    /// # Errors
    /// As [`IpNetwork::parse`], for the first that is none.
    pub fn parse<T: AsRef<str>>(member: &str, texts: &[T]) -> Result<Self, Invalid> {
        let texts = distinct(texts.iter().map(AsRef::as_ref));
        texts.into_iter().map(|text| IpNetwork::parse(member, text)).collect::<Result<_, _>>().map(Self)
    }

    /// Reads the list of a member from what serde has: the body of a `deserialize_with` function, which
    /// knows what the value itself does not, the member's name.
    ///
    /// # Errors
    /// As [`IpNetworks::parse`], and when it is no list of texts.
    pub fn deserialize_member<'de, D: Deserializer<'de>>(member: &str, from: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        Self::parse(member, &texts).map_err(serde::de::Error::custom)
    }

    /// Whether one of the networks has this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// These networks and those.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        Self(distinct(self.0.iter().chain(&more.0)).into_iter().cloned().collect())
    }

    /// Whether there is no network at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The networks in the order in which they were given.
    pub fn as_slice(&self) -> &[IpNetwork] {
        &self.0
    }
}

/// Where somebody comes from, as far as it counts: a household has a whole /64 of IPv6.
#[must_use]
pub fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> IpNetwork {
        IpNetwork::parse("allowed_ip", text).unwrap()
    }

    #[test]
    fn networks_are_kept_as_typed() {
        for text in [
            "10.0.0.0/8",
            "10.1.2.3/8",
            "192.0.2.7/32",
            "0.0.0.0/0",
            "2001:DB8::/32",
            "::/0",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(network(text).as_str(), text);
            assert_eq!(serde_json::to_string(&network(text)).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn anything_but_cidr_notation_is_refused() {
        for text in [
            "",
            "x",
            "10.0.0.1",
            "10/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/8 ",
            " 10.0.0.0/8",
            "10.0.0.01/8",
            "10.0.0.256/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0/8/8",
            "::/129",
            "::/999",
            "fe80::1%eth0/64",
            "[::]/0",
            "/8",
            "::1",
        ] {
            let refused = IpNetwork::parse("filters.denied_ip", text).unwrap_err().to_string();
            assert!(refused.starts_with("filters.denied_ip: "), "{refused}");
        }
    }

    #[test]
    fn a_network_has_the_addresses_of_its_prefix() {
        for (text, inside, outside) in [
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::"),
            ("::1/128", "::1", "127.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
            ("::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
            ("0.0.0.0/0", "::ffff:1.2.3.4", "::1"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{inside} is in {text}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{outside} is not in {text}");
        }
    }

    #[test]
    fn equal_texts_of_a_list_count_once() {
        let list =
            IpNetworks::parse("allow_list", &["10.0.0.0/8", "::1/128", "10.0.0.0/8", "10.0.0.1/8"]).unwrap();
        assert_eq!(serde_json::to_string(&list).unwrap(), r#"["10.0.0.0/8","::1/128","10.0.0.1/8"]"#);
        assert!(list.contains("::1".parse().unwrap()));
        assert!(!list.contains("::2".parse().unwrap()));
        assert!(IpNetworks::parse("allow_list", &["10.0.0.0/8", ""]).is_err());
    }

    proptest! {
        #[test]
        fn every_address_lies_in_its_own_network(address in any::<IpAddr>(), bits in 0_u8..=128) {
            let bits = if address.is_ipv4() { bits.min(32) } else { bits };
            let text = format!("{address}/{bits}");
            let network = network(&text);
            prop_assert_eq!(network.as_str(), &text);
            // A prefix shorter than the mapped addresses' own is an IPv6 network, an IPv4 peer is not in it.
            prop_assume!(address.is_ipv4() || bits >= 96 || address.to_canonical().is_ipv6());
            prop_assert!(network.contains(address));
        }

        #[test]
        fn no_text_makes_the_parser_fall(text in "[0-9a-f:./% ]{0,24}") {
            if let Ok(network) = IpNetwork::parse("allowed_ip", &text) {
                prop_assert_eq!(network.as_str(), text);
            }
        }
    }

    #[test]
    fn a_64_of_ipv6_is_one_place() {
        let of = |text: &str| origin(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
    }
}
