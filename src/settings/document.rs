//! A settings file as text, and where in it each key stands, so that every complaint can name a line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Settings;
use super::problem::SettingsError;

/// A settings file that holds nothing but known keys with values of the right type.
#[derive(Debug)]
pub(super) struct Document {
    file: PathBuf,
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
        let text = std::fs::read_to_string(file)
            .map_err(|source| SettingsError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(file, text)
    }

    /// Checks the text of a file; `file` is for messages only.
    pub(super) fn parse(file: &Path, text: String) -> Result<Self, SettingsError> {
        let mut document = Self { file: file.to_owned(), text, places: Vec::new() };
        let parsed = DeTable::parse(&document.text).map_err(|why| document.wrong(&why))?;
        let mut places = Vec::new();
        collect(parsed.get_ref(), "", &mut places);
        document.places = places;
        toml::from_str::<Settings>(&document.text).map_err(|why| document.wrong(&why))?;
        Ok(document)
    }

    /// The file as a table, to lay variables over.
    pub(super) fn table(&self) -> Result<toml::Table, SettingsError> {
        self.text.parse().map_err(|why| self.wrong(&why))
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
    fn wrong(&self, why: &toml::de::Error) -> SettingsError {
        let message = why.message().lines().collect::<Vec<_>>().join(", ");
        let line = match why.span() {
            Some(span) => match self.path_around(span.start) {
                Some(path) => format!("{}: {path}: {message}", self.line_at(span.start)),
                None => format!("{}: {message}", self.line_at(span.start)),
            },
            None => format!("{}: {message}", self.file.display()),
        };
        SettingsError::Wrong(vec![line])
    }

    /// The innermost key whose own bytes or value hold the given byte.
    fn path_around(&self, offset: usize) -> Option<&str> {
        let holds = |place: &&Place| place.key.contains(&offset) || place.value.contains(&offset);
        self.places.iter().rev().find(holds).map(|place| place.path.as_str())
    }
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
