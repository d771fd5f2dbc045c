//! Bytes → [`Tree`]: the grammar of RFC 8259, exactly, for the first value of the input. Text that is no
//! Unicode becomes U+FFFD instead of an error; nesting is bounded, so recursion here and later is too.

use std::borrow::Cow;

use super::tree::Tree;

/// How deep arrays and objects may nest (`design/security.md` S42).
const MAX_DEPTH: usize = 128;

/// Why bytes are no JSON value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// There is nothing but white space.
    Empty,
    /// They end before the value does.
    Cut,
    /// A character may not stand where it stands.
    Character { found: char, line: usize, column: usize },
    /// The value nests too deep.
    Deep,
}

/// Reads the first value and tells where it ends.
pub(super) fn parse(bytes: &[u8]) -> Result<(Tree<'_>, usize), Broken> {
    let mut parser = Parser { bytes, text: std::str::from_utf8(bytes).ok(), at: 0, depth: 0 };
    if parser.next_visible().is_none() {
        return Err(Broken::Empty);
    }
    match parser.value() {
        Ok(tree) => Ok((tree, parser.at)),
        Err(Stop::Here) => Err(parser.broken()),
        Err(Stop::Deep) => Err(Broken::Deep),
    }
}

/// That the parser goes no further. What is wrong is told once, at the end: every value hands its result
/// up, and a small one is handed up faster.
enum Stop {
    /// The character at the parser's place is wrong, or there is none.
    Here,
    /// The value nests too deep.
    Deep,
}

struct Parser<'i> {
    bytes: &'i [u8],
    /// All of the bytes, where all of them are text, so that no string is looked at again.
    text: Option<&'i str>,
    at: usize,
    depth: usize,
}

impl<'i> Parser<'i> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips white space and looks at what comes next.
    fn next_visible(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    /// The error for the present place: its character is wrong, or there is none.
    fn broken(&self) -> Broken {
        let (before, rest) = self.bytes.split_at(self.at);
        let Some(chunk) = rest.utf8_chunks().next() else { return Broken::Cut };
        let mut lines = before.rsplit(|byte| *byte == b'\n');
        let column = lines.next().map_or(0, <[u8]>::len) + 1;
        Broken::Character {
            found: chunk.valid().chars().next().unwrap_or(char::REPLACEMENT_CHARACTER),
            line: lines.count() + 1,
            column,
        }
    }

    fn value(&mut self) -> Result<Tree<'i>, Stop> {
        match self.next_visible() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Tree::String(self.string()?)),
            Some(b't') => self.word(b"true", Tree::Bool(true)),
            Some(b'f') => self.word(b"false", Tree::Bool(false)),
            Some(b'n') => self.word(b"null", Tree::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Stop::Here),
        }
    }

    fn word(&mut self, word: &[u8], meaning: Tree<'i>) -> Result<Tree<'i>, Stop> {
        for byte in word {
            if self.peek() != Some(*byte) {
                return Err(Stop::Here);
            }
            self.at += 1;
        }
        Ok(meaning)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Tree<'i>, Stop>) -> Result<Tree<'i>, Stop> {
        if self.depth == MAX_DEPTH {
            return Err(Stop::Deep);
        }
        self.depth += 1;
        self.at += 1;
        let tree = read(self)?;
        self.depth -= 1;
        Ok(tree)
    }

    fn array(&mut self) -> Result<Tree<'i>, Stop> {
        let mut elements = Vec::new();
        if self.next_visible() == Some(b']') {
            self.at += 1;
            return Ok(Tree::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            if !self.more(b']')? {
                return Ok(Tree::Array(elements));
            }
        }
    }

    fn object(&mut self) -> Result<Tree<'i>, Stop> {
        let mut members = Vec::new();
        if self.next_visible() == Some(b'}') {
            self.at += 1;
            return Ok(Tree::Object(members));
        }
        loop {
            if self.next_visible() != Some(b'"') {
                return Err(Stop::Here);
            }
            let name = self.string()?;
            if self.next_visible() != Some(b':') {
                return Err(Stop::Here);
            }
            self.at += 1;
            members.push((name, self.value()?));
            if !self.more(b'}')? {
                return Ok(Tree::Object(members));
            }
        }
    }

    /// Passes a comma (true) or the closing bracket (false).
    fn more(&mut self, closing: u8) -> Result<bool, Stop> {
        match self.next_visible() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == closing => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(Stop::Here),
        }
    }

    fn number(&mut self) -> Result<Tree<'i>, Stop> {
        let start = self.at;
        self.pass(b"-");
        if !self.pass(b"0") {
            self.digits()?;
        }
        if self.pass(b".") {
            self.digits()?;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            self.digits()?;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).expect("a number is ASCII");
        Ok(Tree::Number(text))
    }

    fn pass(&mut self, any_of: &[u8]) -> bool {
        let passes = self.peek().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(passes);
        passes
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(Stop::Here) } else { Ok(()) }
    }

    /// Reads a string from its opening quote on; borrows it when nothing in it needs to change.
    fn string(&mut self) -> Result<Cow<'i, str>, Stop> {
        self.at += 1;
        let first = self.plain_run();
        if self.pass(b"\"") {
            return Ok(first);
        }
        let mut text = first.into_owned();
        loop {
            if self.pass(b"\"") {
                return Ok(Cow::Owned(text));
            }
            if !self.pass(b"\\") {
                return Err(Stop::Here);
            }
            text.push(self.escape()?);
            text.push_str(&self.plain_run());
        }
    }

    /// The text up to a quote, a backslash, a control character or the end.
    fn plain_run(&mut self) -> Cow<'i, str> {
        let start = self.at;
        self.at += plain_length(&self.bytes[start..]);
        match self.text {
            Some(text) => Cow::Borrowed(&text[start..self.at]),
            None => as_text(&self.bytes[start..self.at]),
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, Stop> {
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(Stop::Here),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads the digits of `\uXXXX`, and its other half where it has one; a half alone is U+FFFD.
    fn code_point(&mut self) -> Result<char, Stop> {
        let unit = self.four_digits()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        let after_unit = self.at;
        if unit < 0xDC00 && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let other = self.four_digits()?;
            if (0xDC00..0xE000).contains(&other) {
                let code = 0x1_0000 + ((unit - 0xD800) << 10) + (other - 0xDC00);
                return Ok(char::from_u32(code).expect("two surrogates make a character"));
            }
            // What follows is no second half: it speaks for itself.
            self.at = after_unit;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, Stop> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            number = number * 16 + digit.ok_or(Stop::Here)?;
            self.at += 1;
        }
        Ok(number)
    }
}

/// How many bytes stand before the first quote, backslash or control character. Looks at eight at a time:
/// most of a document is text, and most of it plain.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    // The top bit of each byte below `limit`; above the first such byte a borrow may set others.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & TOPS;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let ends = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if ends != 0 {
            return index * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let plain = rest.iter().position(|byte| ends_plain_text(*byte)).unwrap_or(rest.len());
    words.len() * 8 + plain
}

fn ends_plain_text(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F)
}

/// Bytes as text, each one that belongs to no character replaced by U+FFFD: byte by byte as the
/// reference, where the standard library would replace a broken sequence as a whole.
fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| ends_plain_text(*byte)).unwrap_or(bytes.len())
    }

    proptest! {
        #[test]
        fn eight_at_a_time_find_what_one_by_one_find(bytes: Vec<u8>) {
            prop_assert_eq!(plain_length(&bytes), one_by_one(&bytes));
        }

        #[test]
        fn plain_text_ends_where_it_ends(
            mut bytes in proptest::collection::vec(0x20..=0xFF_u8, 1..64),
            place: prop::sample::Index,
            end in prop_oneof![Just(b'"'), Just(b'\\'), 0..0x20_u8],
        ) {
            let place = place.index(bytes.len());
            bytes[place] = end;
            prop_assert_eq!(plain_length(&bytes), one_by_one(&bytes));
        }
    }
}
