//! Addresses of other servers, read as leniently as the reference reads them: what its clients store
//! must load (`contract/validation.md` §6). Nothing is connected to or normalised here.

use percent_encoding::percent_decode_str;

/// The parts of an address that rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// The host as written, with its port if there is one; empty when the address names none.
    pub host: &'a str,
    /// What stands behind the question mark.
    query: &'a str,
}

impl<'a> Url<'a> {
    /// Reads an address or a reference to one; nearly every text without control characters, broken
    /// percent escapes or an impossible host is one.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return None;
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (scheme, rest) = split_scheme(rest)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !escapes_are_whole(fragment) {
            return None;
        }
        if let Some(rest) = rest.strip_prefix("//")
            && (!scheme.is_empty() || !rest.starts_with('/'))
        {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            let whole = is_user(user) && is_host(host) && escapes_are_whole(path);
            return whole.then_some(Self { host, query });
        }
        let opaque = !scheme.is_empty() && !rest.starts_with('/');
        let first = rest.split('/').next().unwrap_or_default();
        let whole = opaque || (!first.contains(':') && escapes_are_whole(rest));
        whole.then_some(Self { host: "", query })
    }

    /// The first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').filter(|pair| !pair.contains(';') && escapes_are_whole(pair)).find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }
}

/// Splits off the scheme; a text without one is a reference. `None` for a colon with nothing before it.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    match end.map(|end| (&text[..end], &text[end..])) {
        Some(("", rest)) if rest.starts_with(':') => None,
        Some((scheme, rest))
            if rest.starts_with(':') && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            Some((scheme, &rest[1..]))
        }
        _ => Some(("", text)),
    }
}

/// Whether every percent sign is followed by two hexadecimal digits.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|part| {
        let digits = part.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Whether the text may stand before the `@`.
fn is_user(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    text.chars().all(fits) && escapes_are_whole(text)
}

/// Whether the text may be a host with an optional port: a name, or an address in brackets.
fn is_host(text: &str) -> bool {
    let (name, port) = if text.starts_with('[') {
        let Some(end) = text.rfind(']') else { return false };
        text.split_at(end + 1)
    } else {
        text.split_at(text.rfind(':').unwrap_or(text.len()))
    };
    let port_fits = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:]<>\"%".contains(c);
    port_fits && name.strip_prefix('[').unwrap_or(name).chars().all(fits) && host_escapes_fit(name)
}

/// Whether every escape in a host stands for a byte beyond ASCII, or is the `%25` before a zone.
fn host_escapes_fit(name: &str) -> bool {
    let fits = |part: &str| part.starts_with("25") || !part.starts_with(|c| c < '8');
    escapes_are_whole(name) && name.split('%').skip(1).all(fits)
}

/// The text behind query escapes.
fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_everything_is_an_address() {
        for text in [
            "",
            "foo bar",
            "http://x",
            "https://x.example.com/a%20b?c#d",
            "http://127.0.0.1:9999/api/",
            "//host/x",
            "http://[::1]:80/",
            "http://[fe80::1%25eth0]/",
            "http://user:pw@host",
            "mailto:a b",
            "http://ü.example",
            "http://h:/",
            "/a:b",
            "http://%C3%BC/",
            "x?y=%zz",
            "http:",
            "http://",
            "///x",
        ] {
            assert!(Url::parse(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn broken_escapes_impossible_hosts_and_control_characters_are_refused() {
        for text in [
            "http://%zz",
            "http://x/%zz",
            "http://x/%2",
            "%",
            "x#%zz",
            "http://a b/",
            "http://[::1",
            "http://[::1]x",
            "http://h:port/",
            "http://h\n/",
            "\u{7f}",
            ":x",
            "127.0.0.1:80",
            "http://h%20x/",
            "http://u ser@h/",
            "http://a^b/",
            "http://a\\b/",
            "http://a[b]/",
        ] {
            assert!(Url::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_host_is_told_with_its_port() {
        for (text, host) in [
            ("http://unix?socket_path=x", "unix"),
            ("http://unix:80/", "unix:80"),
            ("http://u@h:1/x", "h:1"),
            ("http://[::1]:80", "[::1]:80"),
            ("x", ""),
            ("http:///x", ""),
        ] {
            assert_eq!(Url::parse(text).map(|url| url.host), Some(host), "{text:?}");
        }
    }

    #[test]
    fn a_parameter_is_the_first_of_its_name_decoded() {
        let parameter = |text: &str| Url::parse(text).unwrap().parameter("p");
        assert_eq!(parameter("http://h?p=%2Frun%2Fs&p=2").as_deref(), Some("/run/s"));
        assert_eq!(parameter("http://h?q=1&%70=a+b").as_deref(), Some("a b"));
        assert_eq!(parameter("http://h?p").as_deref(), Some(""));
        assert_eq!(parameter("http://h?p=1;&p=%zz&p=3").as_deref(), Some("3"));
        assert_eq!(parameter("http://h"), None);
    }
}
