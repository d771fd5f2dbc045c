//! Where a user's files are: given, or derived from his name (`contract/validation.md` §3). Always an
//! absolute, cleaned path; a derived one lies inside the directory it is derived from.

use serde::{Deserialize, Serialize};

use super::filesystem::Provider;
use super::path;
use super::quote::quote;
use super::username::Username;
use crate::error::Invalid;

/// The home directory of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HomeDir(String);

impl HomeDir {
    /// Cleans a given directory.
    ///
    /// # Errors
    /// When it is empty or relative.
    pub fn parse(given: &str) -> Result<Self, Invalid> {
        if given.is_empty() {
            return Err(Invalid::new("home_dir is mandatory"));
        }
        path::absolute(given)
            .map(Self)
            .ok_or_else(|| Invalid::new(format!("home_dir: {} is not an absolute path", quote(given))))
    }

    /// Takes the given directory or, where it is empty, one of the user's own below the base directory.
    /// `temp_dir` is to be passed only for storage that needs no local home; it serves where there is no
    /// base directory.
    ///
    /// # Errors
    /// When nothing is given and nothing can be derived, when the directory is relative, or when the
    /// name would lead out of the directory it is put below.
    pub fn settle(
        given: &str,
        base_dir: Option<&str>,
        temp_dir: Option<&str>,
        username: &Username,
    ) -> Result<Self, Invalid> {
        match base_dir.or(temp_dir) {
            Some(parent) if given.is_empty() => path::below(parent, username.as_str())
                .ok_or_else(|| {
                    let name = quote(username.as_str());
                    Invalid::new(format!(
                        "home_dir: a directory named {name} would not lie inside the base directory"
                    ))
                })
                .and_then(|home| Self::parse(&home)),
            Some(_) | None => Self::parse(given),
        }
    }

    /// The directory as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HomeDir {
    type Error = Invalid;

    fn try_from(given: String) -> Result<Self, Invalid> {
        Self::parse(&given)
    }
}

impl From<HomeDir> for String {
    fn from(home: HomeDir) -> Self {
        home.0
    }
}

/// What the server's settings say about home directories that a request does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeDirRules {
    base_dir: Option<String>,
    temp_dir: String,
}

impl HomeDirRules {
    /// Homes below `base_dir`; where there is none, those of remote storage below `temp_dir`.
    #[must_use]
    pub fn new(base_dir: Option<String>, temp_dir: String) -> Self {
        Self { base_dir, temp_dir }
    }

    /// The home directory of a user whose files are with `provider`.
    ///
    /// # Errors
    /// As [`HomeDir::settle`].
    pub fn settle(&self, given: &str, username: &Username, provider: Provider) -> Result<HomeDir, Invalid> {
        let temp_dir = (!provider.needs_home_dir()).then_some(self.temp_dir.as_str());
        HomeDir::settle(given, self.base_dir.as_deref(), temp_dir, username)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settle(given: &str, base_dir: Option<&str>, temp_dir: Option<&str>, name: &str) -> Option<String> {
        HomeDir::settle(given, base_dir, temp_dir, &Username::trusted(name.to_owned())).ok().map(String::from)
    }

    #[test]
    fn a_given_directory_is_cleaned_and_must_be_absolute() {
        for (given, home) in
            [("/a/../b//c/", "/b/c"), ("//x", "/x"), ("/a/..", "/"), ("/srv/ü x", "/srv/ü x")]
        {
            assert_eq!(settle(given, Some("/base"), Some("/tmp"), "u").as_deref(), Some(home));
        }
        for given in ["relative/dir", "./x", "../x", " /x", "C:\\x", "~/x", "."] {
            assert_eq!(settle(given, Some("/base"), Some("/tmp"), "u"), None, "{given:?}");
        }
    }

    #[test]
    fn an_empty_directory_is_derived_from_the_name() {
        assert_eq!(settle("", Some("/srv/sftp"), None, "u").as_deref(), Some("/srv/sftp/u"));
        assert_eq!(settle("", Some("/srv/sftp"), Some("/tmp"), "u").as_deref(), Some("/srv/sftp/u"));
        assert_eq!(settle("", None, Some("/tmp/"), "u").as_deref(), Some("/tmp/u"));
        assert_eq!(settle("", None, None, "u"), None);
        assert_eq!(settle("", Some("relative"), None, "u"), None);
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_base_directory() {
        for (name, home) in
            [("a/../b", "/base/b"), ("a//c", "/base/a/c"), ("..a", "/base/..a"), ("/etc", "/base/etc")]
        {
            assert_eq!(settle("", Some("/base"), None, name).as_deref(), Some(home));
        }
        for name in [".", "..", "../x", "../base", "a/../../x", "a/..", "/", "a/../../base/b"] {
            assert_eq!(settle("", Some("/base"), None, name), None, "{name:?}");
            assert_eq!(settle("", None, Some("/tmp"), name), None, "{name:?}");
        }
        let refused =
            HomeDir::settle("", Some("/base"), None, &Username::trusted("..".to_owned())).unwrap_err();
        assert!(refused.to_string().starts_with("home_dir: "), "{refused}");
    }

    proptest! {
        #[test]
        fn a_derived_home_lies_inside_the_base_directory(name in "[./\\\\a\0]{1,16}") {
            if let Some(home) = settle("", Some("/base"), None, &name) {
                prop_assert!(home.starts_with("/base/"));
                prop_assert!(home.split('/').all(|part| part != ".." && part != "."));
            }
        }

        #[test]
        fn a_home_reads_back_as_itself(given in "/[./a ]{0,16}") {
            let home = HomeDir::parse(&given).unwrap();
            let json = serde_json::to_string(&home).unwrap();
            prop_assert_eq!(serde_json::from_str::<HomeDir>(&json).unwrap(), home);
        }
    }
}
