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
    let mut parser = Parser { bytes, at: 0, depth: 0 };
    if parser.next_visible().is_none() {
        return Err(Broken::Empty);
    }
    let tree = parser.value()?;
    Ok((tree, parser.at))
}

struct Parser<'i> {
    bytes: &'i [u8],
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

    fn value(&mut self) -> Result<Tree<'i>, Broken> {
        match self.next_visible() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Tree::String(self.string()?)),
            Some(b't') => self.word(b"true", Tree::Bool(true)),
            Some(b'f') => self.word(b"false", Tree::Bool(false)),
            Some(b'n') => self.word(b"null", Tree::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.broken()),
        }
    }

    fn word(&mut self, word: &[u8], meaning: Tree<'i>) -> Result<Tree<'i>, Broken> {
        for byte in word {
            if self.peek() != Some(*byte) {
                return Err(self.broken());
            }
            self.at += 1;
        }
        Ok(meaning)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Tree<'i>, Broken>) -> Result<Tree<'i>, Broken> {
        if self.depth == MAX_DEPTH {
            return Err(Broken::Deep);
        }
        self.depth += 1;
        self.at += 1;
        let tree = read(self)?;
        self.depth -= 1;
        Ok(tree)
    }

    fn array(&mut self) -> Result<Tree<'i>, Broken> {
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

    fn object(&mut self) -> Result<Tree<'i>, Broken> {
        let mut members = Vec::new();
        if self.next_visible() == Some(b'}') {
            self.at += 1;
            return Ok(Tree::Object(members));
        }
        loop {
            if self.next_visible() != Some(b'"') {
                return Err(self.broken());
            }
            let name = self.string()?;
            if self.next_visible() != Some(b':') {
                return Err(self.broken());
            }
            self.at += 1;
            members.push((name, self.value()?));
            if !self.more(b'}')? {
                return Ok(Tree::Object(members));
            }
        }
    }

    /// Passes a comma (true) or the closing bracket (false).
    fn more(&mut self, closing: u8) -> Result<bool, Broken> {
        match self.next_visible() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == closing => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.broken()),
        }
    }

    fn number(&mut self) -> Result<Tree<'i>, Broken> {
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

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.broken()) } else { Ok(()) }
    }

    /// Reads a string from its opening quote on; borrows it when nothing in it needs to change.
    fn string(&mut self) -> Result<Cow<'i, str>, Broken> {
        self.at += 1;
        let first = self.plain_run();
        if self.pass(b"\"") {
            return Ok(as_text(first));
        }
        let mut text = as_text(first).into_owned();
        loop {
            if self.pass(b"\"") {
                return Ok(Cow::Owned(text));
            }
            if !self.pass(b"\\") {
                return Err(self.broken());
            }
            text.push(self.escape()?);
            text.push_str(&as_text(self.plain_run()));
        }
    }

    /// The bytes up to a quote, a backslash, a control character or the end.
    fn plain_run(&mut self) -> &'i [u8] {
        let rest = &self.bytes[self.at..];
        let length =
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, Broken> {
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
            _ => return Err(self.broken()),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads the digits of `\uXXXX`, and its other half where it has one; a half alone is U+FFFD.
    fn code_point(&mut self) -> Result<char, Broken> {
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

    fn four_digits(&mut self) -> Result<u32, Broken> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            number = number * 16 + digit.ok_or_else(|| self.broken())?;
            self.at += 1;
        }
        Ok(number)
    }
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
