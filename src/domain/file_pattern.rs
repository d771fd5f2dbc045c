//! Which names of files are allowed or denied in a directory (`contract/validation.md` §8, rule 12):
//! shell patterns in lower case, one entry per directory.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::lower_case::lower_case;
use super::path;
use super::placeholders::Placeholders;
use super::quote::quote;
use super::word::distinct;
use crate::error::Invalid;

/// A shell pattern, in lower case: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character that stands
/// for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ShellPattern(String);

impl ShellPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When a class is not closed or empty, or when nothing follows a backslash.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if is_pattern(text) {
            Ok(Self(lower_case(text)))
        } else {
            Err(Invalid::new(format!("filters.file_patterns: {} is not a shell pattern", quote(text))))
        }
    }
}

impl TryFrom<String> for ShellPattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

/// Whether a text follows the grammar of shell patterns.
fn is_pattern(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let whole = match c {
            '\\' => chars.next().is_some(),
            '[' => skip_class(&mut chars).is_some(),
            _ => true,
        };
        if !whole {
            return false;
        }
    }
    true
}

/// Reads on behind the bracket that closes a class; none if the class is broken.
fn skip_class(chars: &mut std::str::Chars<'_>) -> Option<()> {
    if chars.as_str().starts_with('^') {
        chars.next();
    }
    loop {
        skip_class_member(chars)?;
        if chars.as_str().starts_with('-') {
            chars.next();
            skip_class_member(chars)?;
        }
        if chars.as_str().starts_with(']') {
            chars.next();
            return Some(());
        }
    }
}

/// Reads one end of a range; a hyphen or a closing bracket must have a backslash before it.
fn skip_class_member(chars: &mut std::str::Chars<'_>) -> Option<()> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next().map(|_| ()),
        _ => Some(()),
    }
}

/// What happens to files that are denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum DenyPolicy {
    /// They are seen but not opened.
    #[default]
    Show,
    /// They are not even seen.
    Hide,
}

impl DenyPolicy {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde's skip_serializing_if calls")]
    fn is_show(&self) -> bool {
        *self == Self::Show
    }
}

impl TryFrom<i64> for DenyPolicy {
    type Error = Invalid;

    fn try_from(number: i64) -> Result<Self, Invalid> {
        match number {
            0 => Ok(Self::Show),
            1 => Ok(Self::Hide),
            _ => Err(Invalid::new(format!("filters.file_patterns: deny_policy {number} is neither 0 nor 1"))),
        }
    }
}

impl From<DenyPolicy> for i64 {
    fn from(policy: DenyPolicy) -> Self {
        match policy {
            DenyPolicy::Show => 0,
            DenyPolicy::Hide => 1,
        }
    }
}

/// The patterns of one directory, at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FilePatternDraft")]
pub struct FilePattern {
    path: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_patterns: Vec<ShellPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    denied_patterns: Vec<ShellPattern>,
    #[serde(skip_serializing_if = "DenyPolicy::is_show")]
    deny_policy: DenyPolicy,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FilePatternDraft {
    path: String,
    allowed_patterns: Vec<ShellPattern>,
    denied_patterns: Vec<ShellPattern>,
    deny_policy: DenyPolicy,
}

impl TryFrom<FilePatternDraft> for FilePattern {
    type Error = Invalid;

    fn try_from(draft: FilePatternDraft) -> Result<Self, Invalid> {
        let path = path::absolute(&draft.path).ok_or_else(|| {
            Invalid::new(format!("filters.file_patterns: {} is not an absolute path", quote(&draft.path)))
        })?;
        if draft.allowed_patterns.is_empty() && draft.denied_patterns.is_empty() {
            return Err(Invalid::new(format!("filters.file_patterns: no pattern for {}", quote(&path))));
        }
        Ok(Self {
            path,
            allowed_patterns: distinct(draft.allowed_patterns),
            denied_patterns: distinct(draft.denied_patterns),
            deny_policy: draft.deny_policy,
        })
    }
}

/// The patterns of all directories, no directory twice, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<FilePattern>")]
pub struct FilePatterns(Vec<FilePattern>);

impl FilePatterns {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FilePatterns {
    /// Adds the patterns of a group, in directories that have none yet; of `/` only with `root`.
    ///
    /// # Errors
    /// When a name cannot stand for a placeholder.
    pub fn add_missing(
        &mut self,
        added: &Self,
        root: bool,
        placeholders: &Placeholders<'_>,
    ) -> Result<(), Invalid> {
        let mut paths: HashSet<String> = self.0.iter().map(|own| own.path.clone()).collect();
        for pattern in added.0.iter().filter(|pattern| root || pattern.path != "/") {
            let path = path::rooted(&placeholders.fill(&pattern.path)?);
            if paths.insert(path.clone()) {
                self.0.push(FilePattern { path, ..pattern.clone() });
            }
        }
        Ok(())
    }
}

impl TryFrom<Vec<FilePattern>> for FilePatterns {
    type Error = Invalid;

    fn try_from(list: Vec<FilePattern>) -> Result<Self, Invalid> {
        let mut paths = HashSet::new();
        match list.iter().find(|pattern| !paths.insert(&pattern.path)) {
            Some(twice) => {
                Err(Invalid::new(format!("filters.file_patterns: {} has two entries", quote(&twice.path))))
            }
            None => Ok(Self(list)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<String, String> {
        let patterns: FilePatterns = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(serde_json::to_string(&patterns).unwrap())
    }

    #[test]
    fn these_are_shell_patterns() {
        for text in [
            "",
            "*",
            "**",
            "a?",
            "[a-z]*",
            "[^a]",
            "\\*",
            "\\[",
            "[\\]]",
            "[\\-]",
            "[a\\-z]",
            "]",
            "a]b",
            "[[]",
            "[*?]",
            "[^^]",
            "[z-a]",
            "ü[ä-ö]",
            "-",
            "[a-c-e]x]",
            "[a^]",
        ] {
            // A hyphen after a range begins no second range.
            let expected = text != "[a-c-e]x]";
            assert_eq!(is_pattern(text), expected, "{text:?}");
        }
    }

    #[test]
    fn these_are_not() {
        for text in [
            "[", "b[", "\\", "a\\", "[]", "[^]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "[-]", "[\\", "[\\]",
            "zz[", "*[", "[a][",
        ] {
            assert!(!is_pattern(text), "{text:?}");
        }
    }

    #[test]
    fn patterns_are_kept_in_lower_case_and_once() {
        for (sent, kept) in [
            (
                r#"[{"path":"/docs/","allowed_patterns":["*.PDF","*.pdf","*.x"],"denied_patterns":["*.EXE"],"deny_policy":1}]"#,
                r#"[{"path":"/docs","allowed_patterns":["*.pdf","*.x"],"denied_patterns":["*.exe"],"deny_policy":1}]"#,
            ),
            (
                r#"[{"path":"//","denied_patterns":[""],"deny_policy":0}]"#,
                r#"[{"path":"/","denied_patterns":[""]}]"#,
            ),
            ("[]", "[]"),
        ] {
            assert_eq!(parse(sent).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn broken_entries_are_refused() {
        for sent in [
            r#"[{"path":"/a"}]"#,
            r#"[{"allowed_patterns":["*"]}]"#,
            r#"[{"path":".","allowed_patterns":["*"]}]"#,
            r#"[{"path":"a","allowed_patterns":["*"]}]"#,
            r#"[{"path":"/a","allowed_patterns":["["]}]"#,
            r#"[{"path":"/a","denied_patterns":["["]}]"#,
            r#"[{"path":"/a","denied_patterns":["x"],"deny_policy":2}]"#,
            r#"[{"path":"/a","denied_patterns":["x"],"deny_policy":-1}]"#,
            r#"[{"path":"/a","allowed_patterns":["*"]},{"path":"/a/","denied_patterns":["x"]}]"#,
        ] {
            assert!(parse(sent).unwrap_err().contains("filters.file_patterns: "), "{sent}");
        }
    }

    proptest! {
        #[test]
        fn a_text_without_backslash_and_bracket_is_a_pattern(text in "[^\\\\\\[]{0,20}") {
            prop_assert!(is_pattern(&text));
        }

        #[test]
        fn a_pattern_reads_back_as_itself(text in "[\\\\\\[\\]^*?aZ-]{0,12}") {
            if let Ok(pattern) = ShellPattern::parse(&text) {
                prop_assert_eq!(ShellPattern::parse(&pattern.0), Ok(pattern));
            }
        }
    }
}
