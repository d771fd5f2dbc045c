//! Lower case, one character for one character. Unlike `str::to_lowercase` it looks at no neighbours,
//! so that a name is found again whatever was written around it.

/// The text with each character replaced by its simple lower-case form.
pub fn lower_case(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_becomes_exactly_one() {
        for (text, lower) in [("ABC-9", "abc-9"), ("ÄÖ", "äö"), ("ΟΔΟΣ", "οδοσ"), ("İ", "i"), ("ß", "ß")]
        {
            assert_eq!(lower_case(text), lower);
        }
    }
}
