//! The address of the page where a code is entered, as mails show it. It comes from the settings and from
//! nowhere else: what a request says of its host is never believed (`design/security.md` S33).

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::account::AccountKey;
use super::quote::quote;
use super::url::Url;
use crate::error::Invalid;

/// What is escaped of a name: all but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What stands for the name of the account, and for its kind.
const PLACES: [&str; 2] = ["{username}", "{kind}"];

/// An absolute address with places for name and kind of an account. A code never stands in it: addresses
/// are kept in histories and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetLink(String);

impl ResetLink {
    /// The address for an account.
    pub fn of(&self, account: &AccountKey) -> String {
        let [username, kind] = PLACES;
        // The kind first: a name may hold what looks like a place only in escaped form.
        let name = utf8_percent_encode(account.name(), ESCAPED).to_string();
        self.0.replace(kind, account.kind().word()).replace(username, &name)
    }
}

impl FromStr for ResetLink {
    type Err = Invalid;

    /// Reads an address.
    ///
    /// # Errors
    /// When it is not an absolute one of HTTP, or has a place of another name, or one in its host.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let filled = PLACES.iter().fold(text.to_owned(), |text, place| text.replace(place, "x"));
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let has_host =
            host.is_some_and(|host| !host.is_empty() && !host.starts_with(':') && !host.contains(['{', '@']));
        let is_plain = filled.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}\"<>\\^`|".contains(&byte));
        if has_host && is_plain && Url::parse(&filled).is_some_and(|url| !url.host.is_empty()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(format!(
                "{} is not an absolute address of HTTP; behind its host it may hold {{username}} and {{kind}}",
                quote(text)
            )))
        }
    }
}

impl fmt::Display for ResetLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::AccountKind;
    use super::super::username::Username;
    use super::*;

    fn link(text: &str, kind: AccountKind, name: &str) -> String {
        let account = AccountKey::new(kind, &Username::trusted(name.into()));
        text.parse::<ResetLink>().unwrap().of(&account)
    }

    #[test]
    fn places_are_filled_and_nothing_breaks_out_of_them() {
        let text = "https://files.example.com:8443/{kind}/reset?name={username}&next=%2F#top";
        assert_eq!(
            link(text, AccountKind::User, "a&b=c/ä {kind}\r\n\"<"),
            "https://files.example.com:8443/user/reset?name=a%26b%3Dc%2F%C3%A4%20%7Bkind%7D%0D%0A%22%3C&next=%2F#top"
        );
        assert_eq!(link("http://[::1]/{kind}", AccountKind::Admin, "x"), "http://[::1]/admin");
        assert_eq!(link("https://example.com", AccountKind::Admin, "x"), "https://example.com");
    }

    #[test]
    fn only_absolute_addresses_with_known_places_behind_the_host_are_taken() {
        for text in [
            "",
            "files.example.com/reset",
            "/reset",
            "//files.example.com/reset",
            "https:///reset",
            "https://",
            "https://:8080/",
            "ftp://files.example.com/",
            "javascript:alert(1)",
            "https://{username}.example.com/",
            "https://user@example.com/",
            "https://example.com/{code}",
            "https://example.com/{user name}",
            "https://example.com/a b",
            "https://example.com/\"onclick=",
            "https://example.com/a\r\nBcc: x",
            "https://example.com/%zz",
            "https://example.com/ü",
        ] {
            assert!(text.parse::<ResetLink>().is_err(), "{text:?}");
        }
    }
}
