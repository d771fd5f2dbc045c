//! The placeholders in what a group gives to its members: `%username%` and `%role%`, filled in for one
//! user. A name that is more than one part of a path, or a step within one, is refused, so that nothing made
//! of it leads elsewhere (`design/security.md` S41).

use super::quote::quote;
use crate::error::Invalid;

const USERNAME: &str = "%username%";
const ROLE: &str = "%role%";

/// What stands for the placeholders of one user.
#[derive(Debug, Clone, Copy)]
pub struct Placeholders<'a> {
    /// The user's name.
    pub username: &'a str,
    /// The user's role; empty for none.
    pub role: &'a str,
}

impl Placeholders<'_> {
    /// A text with its placeholders filled in, once: what was filled in is not looked at again.
    ///
    /// # Errors
    /// When a name is needed that cannot stand in a path as one part of it.
    pub fn fill(&self, template: &str) -> Result<String, Invalid> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find('%') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix(USERNAME) {
                filled.push_str(one_part(self.username)?);
                rest = after;
            } else if let Some(after) = rest.strip_prefix(ROLE) {
                filled.push_str(one_part(self.role)?);
                rest = after;
            } else {
                filled.push('%');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// A name, unless it would be more than one part of a path or no part at all.
fn one_part(name: &str) -> Result<&str, Invalid> {
    let is_step = name == "." || name == "..";
    if is_step || name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control()) {
        return Err(Invalid::new(format!("{} cannot stand for a placeholder in a path", quote(name))));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::path;

    fn fill(template: &str, username: &str, role: &str) -> Option<String> {
        Placeholders { username, role }.fill(template).ok()
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        for (template, filled) in [
            ("/srv/%username%", "/srv/ann"),
            ("/%role%/%username%/%username%", "/r/ann/ann"),
            ("/100%/%user%/%%username%", "/100%/%user%/%ann"),
            ("", ""),
        ] {
            assert_eq!(fill(template, "ann", "r").as_deref(), Some(filled));
        }
        assert_eq!(fill("/%username%", "%role%", "x").as_deref(), Some("/%role%"));
        assert_eq!(fill("/%role%/a", "ann", "").as_deref(), Some("//a"));
    }

    #[test]
    fn a_name_with_parts_or_steps_is_refused_where_it_is_needed() {
        for name in [".", "..", "a/b", "../x", "a\\b", "a\0", "a\nb"] {
            assert_eq!(fill("/srv/%username%", name, ""), None, "{name:?}");
            assert_eq!(fill("/srv/%role%", "ann", name), None, "{name:?}");
            assert_eq!(fill("/srv", name, name).as_deref(), Some("/srv"));
        }
        assert_eq!(fill("/%username%", "..a", "").as_deref(), Some("/..a"));
    }

    proptest! {
        #[test]
        fn what_is_filled_in_stays_below_its_directory(username in "[./\\\\a%]{1,8}", role in "[./a]{0,4}") {
            if let Some(filled) = fill("/srv/%username%/%role%/x", &username, &role) {
                prop_assert!(path::clean(&filled).starts_with("/srv/"));
            }
        }
    }
}
