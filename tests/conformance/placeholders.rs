//! Placeholders: words in angle brackets that stand for a kind of value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Bytes of a sealed secret before its text: nonce and tag.
const SEALED: usize = 24 + 16;

/// The words.
const WORDS: [&str; 13] = [
    "<any>",
    "<int>",
    "<ms>",
    "<text>",
    "<bcrypt>",
    "<argon2id>",
    "<secretbox>",
    "<base64>",
    "<base32>",
    "<hex64>",
    "<uuid>",
    "<jwt>",
    "<time>",
];

/// Whether a text stands for a kind of value: a placeholder, or `<kind> not VALUE`.
pub(crate) fn stands_for(text: &str) -> bool {
    WORDS.contains(&text) || other_than(text).is_some()
}

/// Splits `<kind> not VALUE`.
fn other_than(text: &str) -> Option<(&str, &str)> {
    let (word, other) = text.split_once(" not ")?;
    (WORDS.contains(&word) && !other.contains('\n')).then_some((word, other))
}

/// Holds a value against a placeholder.
///
/// # Errors
/// What was wanted.
pub(crate) fn check(placeholder: &str, came: &Value) -> Result<(), String> {
    match other_than(placeholder) {
        Some((word, other)) if came.as_str() == Some(other) || !is(word, came) => {
            Err(format!("{word} other than {other}"))
        }
        None if !is(placeholder, came) => Err(placeholder.to_owned()),
        Some(_) | None => Ok(()),
    }
}

fn is(word: &str, value: &Value) -> bool {
    let whole = value.is_i64() || value.is_u64();
    match (word, value.as_str()) {
        ("<any>", _) => true,
        ("<int>", _) => whole,
        ("<ms>", _) => value.as_i64().is_some_and(|ms| 1_000_000_000_000 < ms && ms < 10_000_000_000_000),
        ("<text>", Some(text)) => !text.is_empty(),
        ("<bcrypt>", Some(text)) => is_bcrypt(text),
        ("<argon2id>", Some(text)) => is_argon2id(text),
        ("<secretbox>", Some(text)) => is_base64(text, SEALED + 1),
        ("<base64>", Some(text)) => is_base64(text, 1),
        ("<base32>", Some(text)) => {
            let digits = text.trim_end_matches('=');
            digits.len() >= 16 && all(digits, |byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        }
        ("<hex64>", Some(text)) => text.len() == 64 && all(text, is_hex),
        ("<uuid>", Some(text)) => {
            let groups: Vec<&str> = text.split('-').collect();
            groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                && groups.iter().all(|group| all(group, is_hex))
        }
        ("<jwt>", Some(text)) => {
            let part = |part: &str| {
                !part.is_empty() && all(part, |byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            text.split('.').count() == 3 && text.split('.').all(part)
        }
        ("<time>", Some(text)) => is_time(text),
        _ => false,
    }
}

fn all(text: &str, is: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(is)
}

/// Lower case only.
fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && all(text, |byte| byte.is_ascii_digit())
}

/// `$2[aby]$NN$` and 53 characters.
fn is_bcrypt(text: &str) -> bool {
    let Some((version, rest)) = text.strip_prefix("$2").and_then(|rest| rest.split_once('$')) else {
        return false;
    };
    let Some((cost, hash)) = rest.split_once('$') else { return false };
    matches!(version, "a" | "b" | "y")
        && (cost.len() == 2 && is_digits(cost))
        && hash.len() == 53
        && all(hash, |byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte))
}

/// `$argon2id$v=19$m=N,t=N,p=N$SALT$HASH`
fn is_argon2id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("$argon2id$v=19$") else { return false };
    let parts: Vec<&str> = rest.split('$').collect();
    let [costs, salt, hash] = parts[..] else { return false };
    let costs: Vec<&str> = costs.split(',').collect();
    let has = |cost: &str, name: &str| cost.strip_prefix(name).is_some_and(is_digits);
    let is_text = |text: &str| {
        !text.is_empty() && all(text, |byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
    };
    costs.len() == 3
        && has(costs[0], "m=")
        && has(costs[1], "t=")
        && has(costs[2], "p=")
        && is_text(salt)
        && is_text(hash)
}

fn is_base64(text: &str, least: usize) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() >= least)
}

/// RFC 3339: `YYYY-MM-DDThh:mm:ss`, a fraction or none, `Z` or an offset.
fn is_time(text: &str) -> bool {
    let Some((moment, rest)) = text.split_at_checked(19) else { return false };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if end == 0 {
                return false;
            }
            &fraction[end..]
        }
        None => rest,
    };
    let offset = rest.strip_prefix(['+', '-']).is_some_and(|offset| has_form(offset, "00:00"));
    has_form(moment, "0000-00-00T00:00:00") && (rest == "Z" || offset)
}

/// Whether a text is like another, any digit standing for any.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[test]
fn placeholders_know_their_kind() {
    use serde_json::json;
    let hash = "0123456789012345678901234567890123456789012345678901/";
    for (word, right, wrong) in [
        ("<int>", vec![json!(0), json!(-1)], vec![json!(1.0), json!("1"), json!(true), json!(null)]),
        ("<ms>", vec![json!(1_795_000_000_000_i64)], vec![json!(1_795_000_000), json!("1795000000000")]),
        ("<text>", vec![json!("x")], vec![json!(""), json!(1)]),
        (
            "<bcrypt>",
            vec![json!(format!("$2a$10${hash}"))],
            vec![json!(format!("$2x$10${hash}")), json!("$2a$10$")],
        ),
        (
            "<argon2id>",
            vec![json!("$argon2id$v=19$m=1,t=2,p=3$ab$cd")],
            vec![json!("$argon2id$v=19$m=1,t=2$ab$cd")],
        ),
        (
            "<secretbox>",
            vec![json!(STANDARD.encode([0; 41]))],
            vec![json!(STANDARD.encode([0; 40])), json!("*")],
        ),
        (
            "<base32>",
            vec![json!("ABCDEFGHIJ234567==")],
            vec![json!("ABCDEFGHIJ23456"), json!("abcdefghij234567")],
        ),
        ("<hex64>", vec![json!("0f".repeat(32))], vec![json!("0F".repeat(32)), json!("0f")]),
        (
            "<uuid>",
            vec![json!("01234567-89ab-cdef-0123-456789abcdef")],
            vec![json!("01234567-89ab-cdef-0123")],
        ),
        ("<jwt>", vec![json!("a-_.b.c")], vec![json!("a.b"), json!("a..c"), json!("a.b.c.d")]),
        (
            "<time>",
            vec![json!("2026-01-02T03:04:05Z"), json!("2026-01-02T03:04:05.67+01:00")],
            vec![json!("2026-01-02T03:04:05"), json!("2026-01-02T03:04:05.Z"), json!("2026-01-02 03:04:05Z")],
        ),
        ("<text> not old", vec![json!("new"), json!("older")], vec![json!("old"), json!("")]),
    ] {
        assert!(stands_for(word));
        for value in right {
            assert_eq!(check(word, &value), Ok(()), "{value}");
        }
        for value in wrong {
            assert!(check(word, &value).is_err(), "{word} {value}");
        }
    }
    assert!(!stands_for("<b>") && !stands_for("text") && !stands_for("<b> not c"));
}
