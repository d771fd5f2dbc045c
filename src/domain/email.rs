//! E-mail addresses of accounts: a pattern, nothing trimmed, nothing converted
//! (`contract/validation.md` §4). Whether a mail arrives is not decided here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::quote::quote;
use crate::error::Invalid;

/// An e-mail address, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is not `local@domain` with a dot-atom or a quoted string before the sign and at least two
    /// labels after it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // A quoted local part may hold the sign itself, a domain never does.
        let fits =
            text.rsplit_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(format!("email: {} is not an e-mail address", quote(text))))
        }
    }

    /// Reads an address where the empty text stands for none.
    ///
    /// # Errors
    /// As [`Email::parse`].
    pub fn parse_optional(text: &str) -> Result<Option<Self>, Invalid> {
        if text.is_empty() { Ok(None) } else { Self::parse(text).map(Some) }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A dot-atom or a quoted string.
fn is_local_part(text: &str) -> bool {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => is_quoted(inside),
        None => text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character)),
    }
}

fn is_atom_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_letter_beyond_ascii(c)
}

/// What stands between the quotation marks: no control character (a line break would end a mail's
/// header), and neither a quotation mark nor a backslash but behind a backslash.
fn is_quoted(inside: &str) -> bool {
    let mut escaped = false;
    for c in inside.chars() {
        let plain = matches!(c, ' '..='~' | '\t') || is_letter_beyond_ascii(c);
        if !plain || (c == '"' && !escaped) {
            return false;
        }
        escaped = c == '\\' && !escaped;
    }
    !escaped
}

/// Two labels or more, perhaps with a final dot. The last begins and ends with a letter, so that an
/// address of numbers is none.
fn is_domain(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.rsplit_once('.').is_some_and(|(first, last)| {
        is_enclosed(first, |c| is_domain_letter(c) || c.is_ascii_digit(), |c| is_inner(c) || c == '.')
            && is_enclosed(last, is_domain_letter, is_inner)
    })
}

/// Whether a text is not empty, begins and ends with what `edge` allows and holds what `inner` allows.
fn is_enclosed(text: &str, edge: impl Fn(char) -> bool, inner: impl Fn(char) -> bool) -> bool {
    text.starts_with(&edge) && text.ends_with(&edge) && text.chars().all(inner)
}

fn is_domain_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || is_letter_beyond_ascii(c)
}

fn is_inner(c: char) -> bool {
    is_domain_letter(c) || c.is_ascii_digit() || matches!(c, '-' | '~')
}

/// The `ucschar` of RFC 3987 within the basic plane, without white space.
fn is_letter_beyond_ascii(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{ffef}')
        && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn these_are_addresses() {
        let long = format!("{}@b.cc", "x".repeat(300));
        for text in [
            "a@b.c",
            "A@B.CC",
            "\"q q\"@c.dd",
            "\"a@b\"@c.dd",
            r#""a\"b\\"@c.dd"#,
            "ü@ü.de",
            "first.last+tag@sub.example.co.uk",
            "!#$%&'*+-/=?^_`{|}~@b.cc",
            "a@1.b",
            "a@a-b.c-d",
            "a@b~c.dd",
            "a@example.com.",
            &long,
        ] {
            assert_eq!(Email::parse(text).map(|email| email.0).as_deref(), Ok(text));
        }
    }

    #[test]
    fn these_are_not() {
        for text in [
            "",
            " ",
            "a",
            "a@",
            "@b.cc",
            "a@b",
            "a@b.cc ",
            " a@b.cc",
            "a b@c.dd",
            "a@b c.dd",
            "a@-b.cc",
            "a@b-.cc",
            "a@b.-cc",
            "a@b.cc-",
            "a@[127.0.0.1]",
            "a@b..cc",
            "a@.b.cc",
            "a@b.cc..",
            "a@1.2",
            "a@b.c1",
            "a@b.1c",
            "a,b@c.dd",
            "a@b.cc,d@e.ff",
            "a@b@c.dd",
            ".a@b.cc",
            "a.@b.cc",
            "a..b@c.dd",
            "a\n@b.cc",
            "\"a\r\nBcc: x\"@b.cc",
            "\"a\"b\"@c.dd",
            "\"a\\\"@c.dd",
            "\"@b.cc",
            "a@b_c.dd",
            "a\u{a0}@b.cc",
            "😀@b.cc",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn no_address_is_not_a_wrong_one() {
        assert_eq!(Email::parse_optional(""), Ok(None));
        assert!(Email::parse_optional(" ").is_err());
        assert_eq!(Email::parse_optional("a@b.cc").unwrap().unwrap().as_str(), "a@b.cc");
    }

    proptest! {
        #[test]
        fn no_address_can_break_a_mail_header(text in "\"?[ -~\r\n\u{80}-\u{ff}]{0,12}\"?@[a-z\r\n.]{0,9}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(!email.as_str().contains(char::is_control));
            }
        }

        #[test]
        fn any_text_is_kept_as_it_is_or_refused(text in any::<String>()) {
            prop_assert!(Email::parse(&text).is_ok_and(|email| email.as_str() == text) || Email::parse(&text).is_err());
        }
    }
}
