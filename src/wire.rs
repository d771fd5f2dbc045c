//! Writes JSON as `contract/endpoints.md` §1 says: one line, with `<`, `>`, `&`, U+2028 and U+2029 as
//! escapes, so that no answer can be mistaken for markup or script. Reading is `api::json`'s.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value as one line of JSON without its end.
///
/// # Errors
/// When the value refuses to be serialised, such as a map whose keys are not texts.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut line, OneLine))?;
    Ok(line)
}

/// Writes a value as one line of JSON that ends in `\n`: a body as it is sent and stored.
///
/// # Errors
/// As [`to_bytes`].
pub fn to_line<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = to_bytes(value)?;
    line.push(b'\n');
    Ok(line)
}

/// No blanks, and the five characters of the contract escaped; the rest is `serde_json`'s.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment.as_bytes();
        let mut at = 0;
        // Most texts hold none of these bytes, and are sent as a whole.
        while let Some(ahead) = rest[at..].iter().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xE2)) {
            at += ahead;
            if let Some((escape, length)) = escape(&rest[at..]) {
                writer.write_all(&rest[..at])?;
                writer.write_all(escape)?;
                rest = &rest[at + length..];
                at = 0;
            } else {
                at += 1;
            }
        }
        writer.write_all(rest)
    }
}

/// The escape of the character that `rest` begins with, and how many bytes it stands for.
fn escape(rest: &[u8]) -> Option<(&'static [u8; 6], usize)> {
    match rest {
        [b'<', ..] => Some((b"\\u003c", 1)),
        [b'>', ..] => Some((b"\\u003e", 1)),
        [b'&', ..] => Some((b"\\u0026", 1)),
        [0xE2, 0x80, 0xA8, ..] => Some((b"\\u2028", 3)),
        [0xE2, 0x80, 0xA9, ..] => Some((b"\\u2029", 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> String {
        String::from_utf8(to_bytes(value).unwrap()).unwrap()
    }

    #[test]
    fn markup_and_line_separators_are_escaped() {
        for (value, written) in [
            ("", r#""""#),
            ("<b>&amp;", r#""\u003cb\u003e\u0026amp;""#),
            ("a\u{2028}b\u{2029}", r#""a\u2028b\u2029""#),
            ("\u{2027}\u{202a}€", "\"\u{2027}\u{202a}€\""),
            ("\"\\/\n\t\u{1}\u{7f}", "\"\\\"\\\\/\\n\\t\\u0001\u{7f}\""),
            ("<\n>", r#""\u003c\n\u003e""#),
        ] {
            assert_eq!(text(value), written);
        }
    }

    #[test]
    fn keys_are_escaped_too_and_a_line_ends() {
        let map = std::collections::BTreeMap::from([("a&b", vec![1, 2]), ("c", vec![])]);
        assert_eq!(to_line(&map).unwrap(), b"{\"a\\u0026b\":[1,2],\"c\":[]}\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_one_line_without_markup_and_reads_back(value: String) {
            let line = to_line(&value).unwrap();
            let text = std::str::from_utf8(&line).unwrap();
            let escaped = ['\n', '<', '>', '&', '\u{2028}', '\u{2029}'];
            prop_assert!(!text[..text.len() - 1].contains(escaped));
            prop_assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), value);
        }
    }
}
