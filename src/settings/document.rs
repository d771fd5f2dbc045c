//! A settings file as text, and where in it each key stands, so that every complaint can name a line.

use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Settings;
use super::problem::SettingsError;

/// What nobody but the owner and his group may do with a file that holds secrets, and what the group may not.
const OTHERS: u32 = 0o037;
/// The keys whose values are secrets.
pub(super) const SECRETS: [&str; 2] = ["auth.signing_key", "smtp.password"];

/// A settings file that holds nothing but known keys with values of the right type.
#[derive(Debug)]
pub(super) struct Document {
    file: PathBuf,
    /// Its mode when others may read or change it.
    open_mode: Option<u32>,
    text: String,
    places: Vec<Place>,
}

/// A key with all names above it (`smtp.port`, `totp.1.name`), and the bytes it and its value take.
#[derive(Debug)]
struct Place {
    path: String,
    key: Range<usize>,
    value: Range<usize>,
}

impl Document {
    /// Reads a file and checks it by itself, before any variable is laid over it.
    pub(super) fn read(file: &Path) -> Result<Self, SettingsError> {
        let unreadable = |source| SettingsError::Unreadable { file: file.to_owned(), source };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let mode = std::fs::metadata(file).map_err(unreadable)?.permissions().mode() & 0o7777;
        let open_mode = (mode & OTHERS != 0).then_some(mode);
        Ok(Self { open_mode, ..Self::parse(file, text)? })
    }

    /// Checks the text of a file; `file` is for messages only.
    pub(super) fn parse(file: &Path, text: String) -> Result<Self, SettingsError> {
        let mut document = Self { file: file.to_owned(), open_mode: None, text, places: Vec::new() };
        let parsed = DeTable::parse(&document.text).map_err(|why| document.wrong(&why))?;
        let mut places = Vec::new();
        collect(parsed.get_ref(), "", &mut places);
        let mut wrong = Vec::new();
        let mut left = parsed.clone();
        // Each complaint is the parser's first: it hears about the rest when what it complained of is gone.
        while let Err(why) = Settings::deserialize(toml::Deserializer::from(left.clone())) {
            wrong.push(why.clone());
            let Some(at) = why.span() else { break };
            if !take_out(left.get_mut(), at.start) {
                break;
            }
        }
        document.places = places;
        wrong.sort_by_key(|why| why.span().map(|span| span.start));
        match wrong.iter().map(|why| document.complaint(why)).collect::<Vec<_>>() {
            complaints if complaints.is_empty() => Ok(document),
            complaints => Err(SettingsError::Wrong(complaints)),
        }
    }

    /// The file as a table, to lay variables over.
    pub(super) fn table(&self) -> Result<toml::Table, SettingsError> {
        self.text.parse().map_err(|why| self.wrong(&why))
    }

    /// What to tell the operator when the file holds one of these secrets and others may read it.
    pub(super) fn exposure(&self, secrets: &[&'static str]) -> Option<String> {
        let mode = self.open_mode?;
        let secret = secrets.iter().find(|secret| self.places.iter().any(|place| place.path == **secret))?;
        let file = self.file.display();
        Some(format!(
            "{file} holds {secret}, and others may read or change it (mode {mode:04o}): `chmod 600 {file}`"
        ))
    }

    /// `file:line` of a key, or of the nearest one above it that the file holds.
    pub(super) fn line_of(&self, key: &str) -> Option<String> {
        let mut wanted = key;
        loop {
            if let Some(place) = self.places.iter().find(|place| place.path == wanted) {
                return Some(self.line_at(place.key.start));
            }
            wanted = wanted.rsplit_once('.')?.0;
        }
    }

    fn line_at(&self, offset: usize) -> String {
        let before = self.text.as_bytes().iter().take(offset);
        format!("{}:{}", self.file.display(), before.filter(|byte| **byte == b'\n').count() + 1)
    }

    /// The parser's complaint with its place. The line itself is not repeated: it may hold a secret.
    fn complaint(&self, why: &toml::de::Error) -> String {
        let message = why.message().lines().collect::<Vec<_>>().join(", ");
        match why.span() {
            Some(span) => match self.path_around(span.start) {
                Some(path) => format!("{}: {path}: {message}", self.line_at(span.start)),
                None => format!("{}: {message}", self.line_at(span.start)),
            },
            None => format!("{}: {message}", self.file.display()),
        }
    }

    fn wrong(&self, why: &toml::de::Error) -> SettingsError {
        SettingsError::Wrong(vec![self.complaint(why)])
    }

    /// The innermost key whose own bytes or value hold the given byte.
    fn path_around(&self, offset: usize) -> Option<&str> {
        let holds = |place: &&Place| place.key.contains(&offset) || place.value.contains(&offset);
        self.places.iter().rev().find(holds).map(|place| place.path.as_str())
    }
}

/// Takes the innermost key out whose own bytes or value hold the given byte, and says whether there was one. A list
/// goes as a whole: without one of its members, an item of it would be complained of for want of it.
fn take_out(table: &mut DeTable<'_>, offset: usize) -> bool {
    let inner = table.iter_mut().any(|(_, value)| match value.get_mut() {
        DeValue::Table(inner) => take_out(inner, offset),
        DeValue::Array(_)
        | DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => false,
    });
    if inner {
        return true;
    }
    let found = table
        .iter()
        .find(|(key, value)| key.span().contains(&offset) || holds(&value.span(), value.get_ref(), offset));
    let name = found.map(|(key, _)| key.clone());
    name.is_some_and(|name| table.remove(&name).is_some())
}

/// Whether a value or one within it has the given byte. That of a table is its header, where it has one.
fn holds(span: &Range<usize>, value: &DeValue<'_>, offset: usize) -> bool {
    let in_list = |item: &Spanned<DeValue<'_>>| holds(&item.span(), item.get_ref(), offset);
    let in_table =
        |table: &DeTable<'_>| table.iter().any(|(key, value)| key.span().contains(&offset) || in_list(value));
    span.contains(&offset)
        || value.as_array().is_some_and(|items| items.iter().any(in_list))
        || value.as_table().is_some_and(in_table)
}

fn collect(table: &DeTable<'_>, above: &str, places: &mut Vec<Place>) {
    for (key, value) in table {
        let path = format!("{above}{}", key.get_ref());
        places.push(Place { path: path.clone(), key: key.span(), value: value.span() });
        within(value.get_ref(), &path, places);
    }
}

fn within(value: &DeValue<'_>, path: &str, places: &mut Vec<Place>) {
    if let Some(table) = value.as_table() {
        collect(table, &format!("{path}."), places);
    } else if let Some(list) = value.as_array() {
        for (index, item) in list.iter().enumerate() {
            let path = format!("{path}.{index}");
            places.push(Place { path: path.clone(), key: item.span(), value: item.span() });
            within(item.get_ref(), &path, places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        Document::parse(Path::new("usersd.toml"), text.to_owned()).unwrap_err().to_string()
    }

    #[test]
    fn every_complaint_names_file_line_and_key() {
        for (text, begins, holds) in [
            (
                "[smtp]\nprot = 25\n",
                "usersd.toml:2: smtp.prot: ",
                "unknown field `prot`, expected one of `host`",
            ),
            ("\n[smpt]\nhost = \"x\"\n", "usersd.toml:2: smpt: ", "unknown field `smpt`"),
            ("[smtp]\n\nport = \"x\"\n", "usersd.toml:3: smtp.port: ", "invalid type: string \"x\""),
            ("[smtp]\nport = 65536\n", "usersd.toml:2: smtp.port: ", "65536"),
            ("[smtp]\nencryption = \"ssl\"\n", "usersd.toml:2: smtp.encryption: ", "unknown variant `ssl`"),
            ("[http]\nbind = \"x\"\n", "usersd.toml:2: http.bind: ", "\"x\": not an address with a port"),
            ("[http]\nkeep_alive_secs = 0\n", "usersd.toml:2: http.keep_alive_secs: ", "nonzero"),
            (
                "totp = []\n[[auth.api_keys]]\n\nkey = 1\n",
                "usersd.toml:4: auth.api_keys.0.key: ",
                "unknown field `key`",
            ),
            ("[[totp]]\nname = \"a\"\n", "usersd.toml:1: totp.0: ", "missing field `issuer`"),
            ("[http\n", "usersd.toml:1: ", "]"),
            ("[log]\n[log]\n", "usersd.toml:2: ", "duplicate key"),
        ] {
            let complaint = complaint(text);
            assert!(
                complaint.starts_with(begins) && complaint.contains(holds),
                "{text:?} gave {complaint:?}"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
        let text = "[smtp]\nprot = 25\nport = \"x\"\nfrom = \"a@example.com\"\n[smpt]\nhost = \"x\"\n\
                    [[totp]]\nname = \"a\"\nalgo = 1\n[http]\nbnid = \"x\"\n";
        let complaint = complaint(text);
        let told: Vec<_> =
            complaint.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>()).collect();
        let expected = [
            ["usersd.toml:2", "smtp.prot"],
            ["usersd.toml:3", "smtp.port"],
            ["usersd.toml:5", "smpt"],
            ["usersd.toml:9", "totp.0.algo"],
            ["usersd.toml:11", "http.bnid"],
        ];
        assert_eq!(told, expected, "{complaint}");
    }

    #[test]
    fn a_complaint_never_repeats_the_line() {
        for text in [
            "[smtp]\npassword = planted\n",
            "[smtp]\npassword = 4711\n",
            "[smtp]\npassword = \"planted\" 4711\n",
        ] {
            let complaint = complaint(text);
            assert!(!complaint.contains("planted") && !complaint.contains("4711"), "{complaint}");
        }
    }

    #[test]
    fn the_line_of_an_absent_key_is_that_of_the_table_around_it() {
        let document = Document::parse(Path::new("f"), "\n[smtp]\nhost = \"h\"\n".to_owned()).unwrap();
        assert_eq!(document.line_of("smtp.host").as_deref(), Some("f:3"));
        assert_eq!(document.line_of("smtp.from").as_deref(), Some("f:2"));
        assert_eq!(document.line_of("auth.signing_key"), None);
    }
}
