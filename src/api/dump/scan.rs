//! Finds the elements of a dump without reading them: one pass over the bytes that keeps nothing but places,
//! so that a file of any size takes 16 bytes for each object. Whether an element is well-formed is found out
//! when it is decoded.

use std::io::{self, Read};

/// The members of a dump that are lists.
pub(super) const LISTS: [&str; 10] = [
    "users",
    "groups",
    "folders",
    "admins",
    "api_keys",
    "shares",
    "event_actions",
    "event_rules",
    "roles",
    "ip_lists",
];
/// The member that is an object.
pub(super) const CONFIGS: &str = "configs";

/// The longest name of a member that is looked at: each letter of a known one may be an escape of six.
const MAX_NAME: usize = 6 * 16;
/// The longest element.
const MAX_ELEMENT: u64 = 16 << 20;
/// Bytes read at a time.
const BLOCK: usize = 64 << 10;

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) line: u32,
}

/// The places of everything in a dump.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// In the order of [`LISTS`].
    lists: [Vec<Span>; LISTS.len()],
    /// The settings, if there is such a member.
    pub(super) configs: Option<Span>,
}

impl Contents {
    /// The elements of a list; none of an unknown one.
    pub(super) fn list(&self, member: &str) -> &[Span] {
        LISTS.iter().position(|list| *list == member).map_or(&[], |at| &self.lists[at])
    }
}

/// Why bytes are no dump.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the file is empty")]
    Empty,
    #[error("a dump is an object, {{…}}")]
    NoObject,
    #[error("it ends in the middle, at line {0}")]
    Cut(u64),
    #[error("the character {found:?} in line {line} does not belong there")]
    Character { found: char, line: u64 },
    #[error("{member} in line {line} is no list")]
    NoList { member: &'static str, line: u64 },
    #[error("{member} stands there twice, again in line {line}")]
    Twice { member: &'static str, line: u64 },
    #[error("the name of a member in line {0} is no JSON text")]
    Name(u64),
    #[error("the element in line {0} is too long")]
    TooLong(u64),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Finds everything in a dump; what follows it is not looked at.
pub(super) fn scan(from: impl Read) -> Result<Contents, Broken> {
    let mut scanner = Scanner::new(from);
    let mut contents = Contents::default();
    let mut seen = [false; LISTS.len()];
    match scanner.visible()? {
        None => return Err(Broken::Empty),
        Some(b'{') => scanner.pass(),
        Some(_) => return Err(Broken::NoObject),
    }
    if scanner.needed()? == b'}' {
        return Ok(contents);
    }
    loop {
        let name = scanner.name()?;
        scanner.expect(b':')?;
        let list = LISTS.iter().position(|list| name.eq_ignore_ascii_case(list.as_bytes()));
        if let Some(at) = list {
            if std::mem::replace(&mut seen[at], true) {
                return Err(Broken::Twice { member: LISTS[at], line: scanner.line });
            }
            contents.lists[at] = scanner.list(LISTS[at])?;
        } else {
            let span = scanner.value()?;
            if name.eq_ignore_ascii_case(CONFIGS.as_bytes())
                && contents.configs.replace(span.fits()?).is_some()
            {
                return Err(Broken::Twice { member: CONFIGS, line: scanner.line });
            }
        }
        if !scanner.more(b'}')? {
            return Ok(contents);
        }
    }
}

/// A place that may be too long.
struct Place {
    offset: u64,
    end: u64,
    line: u64,
}

impl Place {
    fn fits(&self) -> Result<Span, Broken> {
        let length = self.end - self.offset;
        let too_long = || Broken::TooLong(self.line);
        if length > MAX_ELEMENT {
            return Err(too_long());
        }
        Ok(Span {
            offset: self.offset,
            length: u32::try_from(length).map_err(|_| too_long())?,
            line: u32::try_from(self.line).unwrap_or(u32::MAX),
        })
    }
}

struct Scanner<R> {
    from: R,
    block: Box<[u8]>,
    at: usize,
    filled: usize,
    /// The place of the block's first byte.
    start: u64,
    line: u64,
}

impl<R: Read> Scanner<R> {
    fn new(from: R) -> Self {
        Self { from, block: vec![0; BLOCK].into(), at: 0, filled: 0, start: 0, line: 1 }
    }

    fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        while self.at == self.filled {
            self.start += self.filled as u64;
            (self.at, self.filled) = (0, 0);
            match self.from.read(&mut self.block) {
                Ok(0) => return Ok(None),
                Ok(read) => self.filled = read,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(Some(self.block[self.at]))
    }

    /// Passes the byte that was looked at.
    fn pass(&mut self) {
        self.line += u64::from(self.block[self.at] == b'\n');
        self.at += 1;
    }

    /// Passes all bytes before one that is looked for, as many at a time as there are.
    fn pass_to(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> Result<u8, Broken> {
        loop {
            if self.peek()?.is_none() {
                return Err(Broken::Cut(self.line));
            }
            let here = &self.block[self.at..self.filled];
            let found = find(here);
            let passed = found.unwrap_or(here.len());
            self.line += here[..passed].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            self.at += passed;
            if found.is_some() {
                return Ok(self.block[self.at]);
            }
        }
    }

    /// The next byte that is no white space.
    fn visible(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.pass(),
                other => return Ok(other),
            }
        }
    }

    fn needed(&mut self) -> Result<u8, Broken> {
        self.visible()?.ok_or(Broken::Cut(self.line))
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Broken> {
        if self.needed()? != wanted {
            return Err(self.wrong());
        }
        self.pass();
        Ok(())
    }

    fn wrong(&self) -> Broken {
        let found = char::from(self.block[self.at]);
        let found = if found.is_ascii() { found } else { char::REPLACEMENT_CHARACTER };
        Broken::Character { found, line: self.line }
    }

    /// Passes a comma (true) or the closing bracket (false).
    fn more(&mut self, closing: u8) -> Result<bool, Broken> {
        let found = self.needed()?;
        if found != b',' && found != closing {
            return Err(self.wrong());
        }
        self.pass();
        Ok(found == b',')
    }

    /// A member's name without its escapes; nothing where no known name is so long.
    fn name(&mut self) -> Result<Vec<u8>, Broken> {
        if self.needed()? != b'"' {
            return Err(self.wrong());
        }
        let mut name = vec![b'"'];
        self.string(|byte| {
            if name.len() <= MAX_NAME {
                name.push(byte);
            }
        })?;
        if name.len() > MAX_NAME {
            return Ok(Vec::new());
        }
        name.push(b'"');
        let wrong = |_| Broken::Name(self.line);
        serde_json::from_slice::<String>(&name).map(String::into_bytes).map_err(wrong)
    }

    /// Passes a string from its opening quote on.
    fn string(&mut self, mut with: impl FnMut(u8)) -> Result<(), Broken> {
        self.pass();
        loop {
            let byte = self.peek()?.ok_or(Broken::Cut(self.line))?;
            self.pass();
            match byte {
                b'"' => return Ok(()),
                b'\\' => {
                    with(byte);
                    let escaped = self.peek()?.ok_or(Broken::Cut(self.line))?;
                    with(escaped);
                    self.pass();
                }
                _ => with(byte),
            }
        }
    }

    /// The same for a string that nobody wants to know.
    fn pass_string(&mut self) -> Result<(), Broken> {
        self.pass();
        loop {
            let found = self.pass_to(|bytes| memchr::memchr2(b'"', b'\\', bytes))?;
            self.pass();
            if found == b'"' {
                return Ok(());
            }
            self.peek()?.ok_or(Broken::Cut(self.line))?;
            self.pass();
        }
    }

    /// The places of a list's elements; `null` is an empty list.
    fn list(&mut self, member: &'static str) -> Result<Vec<Span>, Broken> {
        let mut spans = Vec::new();
        let first = self.needed()?;
        if first != b'[' {
            let line = self.line;
            let place = self.value()?;
            // No other word begins so.
            let is_null = first == b'n' && place.end - place.offset == 4;
            return if is_null { Ok(spans) } else { Err(Broken::NoList { member, line }) };
        }
        self.pass();
        if self.needed()? == b']' {
            self.pass();
            return Ok(spans);
        }
        loop {
            spans.push(self.value()?.fits()?);
            if !self.more(b']')? {
                return Ok(spans);
            }
        }
    }

    /// Passes a value and tells its place.
    fn value(&mut self) -> Result<Place, Broken> {
        let first = self.needed()?;
        let (offset, line) = (self.offset(), self.line);
        match first {
            b'{' | b'[' => self.nested()?,
            b'"' => self.pass_string()?,
            b',' | b':' | b'}' | b']' => return Err(self.wrong()),
            _ => {
                while let Some(byte) = self.peek()? {
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') {
                        break;
                    }
                    self.pass();
                }
            }
        }
        Ok(Place { offset, end: self.offset(), line })
    }

    /// Passes an object or a list: brackets are counted, and only strings hide them.
    fn nested(&mut self) -> Result<(), Broken> {
        let is_wanted = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
        let mut depth = 0_u64;
        loop {
            match self.pass_to(|bytes| bytes.iter().position(is_wanted))? {
                b'"' => {
                    self.pass_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                _ => depth -= 1,
            }
            self.pass();
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Gives one byte at a time, the worst a reader can do.
    struct Slow<'b>(&'b [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            self.0 = rest;
            into[0] = *first;
            Ok(1)
        }
    }

    fn texts(bytes: &[u8], member: &str) -> Result<Vec<String>, String> {
        let contents = scan(Slow(bytes)).map_err(|why| why.to_string())?;
        let text = |span: &Span| {
            let offset = usize::try_from(span.offset).unwrap();
            String::from_utf8(bytes[offset..offset + span.length as usize].to_vec()).unwrap()
        };
        Ok(contents.list(member).iter().map(text).collect())
    }

    #[test]
    fn elements_are_found_wherever_they_stand() {
        let dump = br#" {"version":16, "Users" : [ {"a":"}]\"{"} ,{"b":[{}]},"x" , 17 ],
            "roles":null,"configs":{"a":1},"unknown":{"users":[1]},"admins":[]} trailing"#;
        assert_eq!(texts(dump, "users").unwrap(), [r#"{"a":"}]\"{"}"#, r#"{"b":[{}]}"#, "\"x\"", "17"]);
        assert!(texts(dump, "roles").unwrap().is_empty() && texts(dump, "admins").unwrap().is_empty());
        assert!(texts(b"{}", "users").unwrap().is_empty());
    }

    #[test]
    fn escaped_names_are_names_and_none_stands_twice() {
        assert_eq!(texts(br#"{"\u0075ser\u0073":[1,2]}"#, "users"), Ok(vec!["1".into(), "2".into()]));
        for twice in [
            r#"{"users":[],"\u0075sers":[]}"#,
            r#"{"users":[],"USERS":[]}"#,
            r#"{"configs":{},"config\u0073":{}}"#,
        ] {
            let why = texts(twice.as_bytes(), "users").unwrap_err();
            assert!(why.contains("stands there twice"), "{twice}: {why}");
        }
        let long = "\\u0061".repeat(100);
        assert_eq!(
            texts(format!("{{\"{long}\":[],\"users\":[1]}}").as_bytes(), "users"),
            Ok(vec!["1".into()])
        );
        assert!(texts(br#"{"\x":1}"#, "users").unwrap_err().contains("no JSON text"));
    }

    #[test]
    fn lines_are_counted_from_one() {
        let dump = b"{\n\"users\": [\n {},\n {\n}\n, {\"a\":\"\\n\"}]}";
        let lines: Vec<u32> = scan(&dump[..]).unwrap().list("users").iter().map(|span| span.line).collect();
        assert_eq!(lines, [3, 4, 6]);
    }

    #[test]
    fn what_is_no_dump_is_told_with_its_line() {
        for (text, why) in [
            ("", "the file is empty"),
            (" \n", "the file is empty"),
            ("[]", "a dump is an object, {…}"),
            ("\"x\"", "a dump is an object, {…}"),
            ("null", "a dump is an object, {…}"),
            ("{", "it ends in the middle, at line 1"),
            ("{\"users\":[\n{}", "it ends in the middle, at line 2"),
            ("{\"users\":[{\"a\":\"", "it ends in the middle, at line 1"),
            ("{\"users\":[],", "it ends in the middle, at line 1"),
            ("{users:[]}", "the character 'u' in line 1 does not belong there"),
            ("{\"a\":}", "the character '}' in line 1 does not belong there"),
            ("{\"users\":[{} {}]}", "the character '{' in line 1 does not belong there"),
            ("{\"users\":{}}", "users in line 1 is no list"),
            ("{\"users\":true}", "users in line 1 is no list"),
            ("{\"users\":[],\n\"USERS\":[]}", "users stands there twice, again in line 2"),
        ] {
            assert_eq!(texts(text.as_bytes(), "users").unwrap_err(), why, "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..5).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_element_is_found_whole(
            elements in prop::collection::vec(any_json(), 0..6), other in any_json(), pretty: bool,
        ) {
            let dump = json!({"a": other, "users": elements, "z": other});
            let text = if pretty { serde_json::to_string_pretty(&dump) } else { serde_json::to_string(&dump) };
            let found = texts(text.unwrap().as_bytes(), "users").unwrap();
            let found: Vec<Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, elements);
        }

        #[test]
        fn it_does_not_matter_how_many_bytes_are_read_at_a_time(
            elements in prop::collection::vec(any_json(), 0..6),
            broken in r#"[{}\[\]",:\\ausernl1\n ]{0,60}"#,
            cut: prop::sample::Index,
        ) {
            let whole = serde_json::to_string_pretty(&json!({"users": elements, "configs": elements})).unwrap();
            for text in [&whole[..], &format!("{{{broken}"), &format!("{{\"users\":[{{{broken}")] {
                for bytes in [text.as_bytes(), &text.as_bytes()[..cut.index(text.len() + 1)]] {
                    let found = |contents: Result<Contents, Broken>| {
                        contents.map(|found| (found.lists, found.configs)).map_err(|why| why.to_string())
                    };
                    prop_assert_eq!(found(scan(Slow(bytes))), found(scan(bytes)));
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(scan(&bytes[..]));
        }

        #[test]
        fn no_text_of_its_characters_makes_it_panic(text in r#"[{}\[\]",:\\ausernl1 ]{0,40}"#) {
            drop(scan(format!("{{{text}").as_bytes()));
        }
    }
}
