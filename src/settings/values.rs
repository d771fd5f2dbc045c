//! How single values are written in a settings file: durations in whole seconds, addresses and
//! networks one or many, anything with a text form. What a value is worth is judged by its section.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// A duration of at least one second, as a whole number of seconds.
pub(super) mod seconds {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::settings) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.as_secs())
    }

    pub(in crate::settings) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        NonZeroU32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.get().into()))
    }
}

/// Socket addresses: one as text, several as a list, in a variable separated by commas.
pub(super) mod addresses {
    use super::{Deserializer, Serializer, SocketAddr, parsed, socket, written};

    pub(in crate::settings) fn serialize<S: Serializer>(
        list: &[SocketAddr],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        written(list, serializer)
    }

    pub(in crate::settings) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<SocketAddr>, D::Error> {
        parsed(deserializer, socket)
    }
}

/// Networks in CIDR notation, or single addresses; one or many as [`addresses`].
pub(super) mod networks {
    use super::{Deserializer, IpNet, Serializer, network, parsed, written};

    pub(in crate::settings) fn serialize<S: Serializer>(
        list: &[IpNet],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        written(list, serializer)
    }

    pub(in crate::settings) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<IpNet>, D::Error> {
        parsed(deserializer, network)
    }
}

/// An optional value with a text form of its own.
pub(super) mod text_option {
    use serde::de::Error as _;

    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(in crate::settings) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::settings) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|why| D::Error::custom(format_args!("{text:?}: {why}"))))
            .transpose()
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn parsed<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    parse: fn(&str) -> Result<T, &'static str>,
) -> Result<Vec<T>, D::Error> {
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        OneOrMany::Many(texts) => texts,
    };
    texts
        .iter()
        .map(|text| parse(text).map_err(|why| D::Error::custom(format_args!("{text:?}: {why}"))))
        .collect()
}

fn written<T: Display, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(ToString::to_string))
}

fn socket(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "not an address with a port, such as 127.0.0.1:8080 or [::1]:8080")
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "not an address or a network, such as 10.1.1.1 or 10.0.0.0/8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        #[serde(default, with = "addresses")]
        bind: Vec<SocketAddr>,
        #[serde(default, with = "networks")]
        allowed: Vec<IpNet>,
    }

    #[test]
    fn addresses_may_be_one_several_or_separated_by_commas() {
        for (text, count) in [
            (r#"bind = "127.0.0.1:80""#, 1),
            (r#"bind = "127.0.0.1:80, [::1]:80""#, 2),
            (r#"bind = ["127.0.0.1:80", "[::1]:80"]"#, 2),
            ("bind = []", 0),
        ] {
            assert_eq!(toml::from_str::<Holder>(text).unwrap().bind.len(), count, "{text}");
        }
    }

    #[test]
    fn a_bare_address_is_a_network_of_one() {
        let holder: Holder = toml::from_str(r#"allowed = ["10.1.1.1", "10.0.0.0/8", "::1"]"#).unwrap();
        let texts: Vec<String> = holder.allowed.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.1.1.1/32", "10.0.0.0/8", "::1/128"]);
    }

    #[test]
    fn a_wrong_item_is_repeated_with_what_would_be_right() {
        let why = toml::from_str::<Holder>(r#"bind = "localhost""#).unwrap_err();
        assert_eq!(
            why.message(),
            r#""localhost": not an address with a port, such as 127.0.0.1:8080 or [::1]:8080"#
        );
    }
}
