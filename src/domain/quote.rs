//! A client's own text inside an error message: escaped and short, so that an answer never carries a
//! line break or a megabyte back.

/// How many characters of a refused text are worth repeating.
const SHOWN: usize = 64;

/// The text in quotation marks, control characters escaped, cut after 64 characters.
pub fn quote(text: &str) -> String {
    let mut chars = text.chars();
    let shown: String = chars.by_ref().take(SHOWN).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("{shown:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_escaped_and_short() {
        assert_eq!(quote("a\n\"b\""), r#""a\n\"b\"""#);
        assert_eq!(quote(&"ü".repeat(64)), format!("\"{}\"", "ü".repeat(64)));
        assert_eq!(quote(&"ü".repeat(65)), format!("\"{}\"…", "ü".repeat(64)));
    }
}
