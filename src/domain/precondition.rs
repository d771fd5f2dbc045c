//! What a request expects of the object it is about: `If-Match` and `If-None-Match` (RFC 9110 §13), read and
//! decided here. Whoever writes must decide them where nobody else can write in between.

use super::entity_tag::EntityTag;
use crate::error::Error;

/// One of the two lists.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    /// These, each with whether it is a weak one.
    Listed(Vec<(bool, EntityTag)>),
}

/// What a request expects; nothing without one of the headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// How a read that passed goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The client gets the object.
    Whole,
    /// The client has it already (304).
    NotModified,
}

impl Preconditions {
    /// Reads the two headers; the lines of each are joined by commas before.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no list of entity tags.
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Error> {
        let read = |header: Option<&str>, complaint| {
            header.map(|text| tags(text).ok_or_else(|| Error::malformed(complaint))).transpose()
        };
        Ok(Self {
            if_match: read(if_match, "invalid If-Match header")?,
            if_none_match: read(if_none_match, "invalid If-None-Match header")?,
        })
    }

    /// Whether the request says which state it wants to change.
    pub fn has_if_match(&self) -> bool {
        self.if_match.is_some()
    }

    /// What a request for an object that is not there ends with: `If-Match: *` is a condition that fails, all
    /// else looks in vain.
    pub fn absent(&self) -> Error {
        match self.if_match {
            Some(Tags::Any) => Error::PreconditionFailed,
            Some(Tags::Listed(_)) | None => Error::NotFound,
        }
    }

    /// Decides a write to an object whose representations have these tags; what counts is the state of its record.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] when the object is another than expected.
    pub fn check_write(&self, current: &[EntityTag]) -> Result<(), Error> {
        let as_expected = self.if_match.as_ref().is_none_or(|tags| tags.match_strongly(current));
        let unexpected = self.if_none_match.as_ref().is_some_and(|tags| tags.name_state(current));
        if as_expected && !unexpected { Ok(()) } else { Err(Error::PreconditionFailed) }
    }

    /// Decides a read of the representation with this tag: the client has it already when it is the same to the byte.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] when the object is another than expected.
    pub fn check_read(&self, current: &EntityTag) -> Result<Reading, Error> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.match_strongly(std::slice::from_ref(current))) {
            return Err(Error::PreconditionFailed);
        }
        let is_known = self.if_none_match.as_ref().is_some_and(|tags| tags.match_weakly(current));
        Ok(if is_known { Reading::NotModified } else { Reading::Whole })
    }
}

impl Tags {
    /// Our tags are strong ones, so a weak one of the client's matches none of them.
    fn match_strongly(&self, current: &[EntityTag]) -> bool {
        self.any(|is_weak, tag| !is_weak && current.iter().any(|current| tag.has_state_of(current)))
    }

    fn name_state(&self, current: &[EntityTag]) -> bool {
        self.any(|_, tag| current.iter().any(|current| tag.has_state_of(current)))
    }

    fn match_weakly(&self, current: &EntityTag) -> bool {
        self.any(|_, tag| tag == current)
    }

    fn any(&self, matches: impl Fn(bool, &EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|(is_weak, tag)| matches(*is_weak, tag)),
        }
    }
}

/// Reads `*` or a list of tags, in which empty elements do not count.
fn tags(text: &str) -> Option<Tags> {
    if text.trim_matches(is_blank) == "*" {
        return Some(Tags::Any);
    }
    let mut listed = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c| is_blank(c) || c == ',');
        if rest.is_empty() {
            return (!listed.is_empty()).then_some(Tags::Listed(listed));
        }
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if opaque.contains(|c: char| c <= ' ' || c == '\u{7f}') {
            return None;
        }
        listed.push((is_weak, EntityTag::new(opaque)));
        rest = after.trim_start_matches(is_blank);
        if !(rest.is_empty() || rest.starts_with(',')) {
            return None;
        }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(opaque: &str) -> EntityTag {
        EntityTag::new(opaque)
    }

    fn if_match(text: &str) -> Preconditions {
        Preconditions::parse(Some(text), None).unwrap()
    }

    fn if_none_match(text: &str) -> Preconditions {
        Preconditions::parse(None, Some(text)).unwrap()
    }

    #[test]
    fn lists_are_read_as_the_grammar_says() {
        let listed = |tags: &[(bool, &str)]| {
            Some(Tags::Listed(tags.iter().map(|(weak, opaque)| (*weak, tag(opaque))).collect()))
        };
        for (text, wanted) in [
            ("*", Some(Tags::Any)),
            (" *\t", Some(Tags::Any)),
            ("\"a\"", listed(&[(false, "a")])),
            ("\"\"", listed(&[(false, "")])),
            ("W/\"a\"", listed(&[(true, "a")])),
            ("\"a\",\"b\"", listed(&[(false, "a"), (false, "b")])),
            (" , \"a, b\"", None),
            ("\"a,b\" ,\t, W/\"c\" ,", listed(&[(false, "a,b"), (true, "c")])),
            ("\"é\\\"", listed(&[(false, "é\\")])),
            ("", None),
            (",", None),
            ("a", None),
            ("\"a", None),
            ("\"a\" \"b\"", None),
            ("\"a\"\"b\"", None),
            ("w/\"a\"", None),
            ("W/ \"a\"", None),
            ("*, \"a\"", None),
            ("\"a\", *", None),
        ] {
            assert_eq!(tags(text), wanted, "{text}");
        }
        assert!(Preconditions::parse(Some("x"), None).is_err());
        assert!(Preconditions::parse(None, Some("x")).is_err());
    }

    #[test]
    fn a_write_needs_a_strong_tag_of_any_representation() {
        let current = [tag("a"), tag("b")];
        for (text, passes) in [
            ("*", true),
            ("\"a\"", true),
            ("\"x\", \"b\"", true),
            ("\"x\"", false),
            ("W/\"a\"", false),
            ("W/\"a\", \"b\"", true),
        ] {
            assert_eq!(if_match(text).check_write(&current).is_ok(), passes, "{text}");
        }
        for (text, passes) in [("*", false), ("\"a\"", false), ("W/\"b\"", false), ("\"x\"", true)] {
            assert_eq!(if_none_match(text).check_write(&current).is_ok(), passes, "{text}");
        }
        assert!(Preconditions::default().check_write(&current).is_ok());
    }

    #[test]
    fn a_read_is_spared_whoever_has_the_object() {
        let read = |conditions: Preconditions| conditions.check_read(&tag("a")).ok();
        assert_eq!(read(Preconditions::default()), Some(Reading::Whole));
        for (text, wanted) in
            [("*", Reading::NotModified), ("\"x\", W/\"a\"", Reading::NotModified), ("\"b\"", Reading::Whole)]
        {
            assert_eq!(read(if_none_match(text)), Some(wanted), "{text}");
        }
        assert_eq!(read(if_match("\"a\"")), Some(Reading::Whole));
        assert_eq!(read(if_match("\"b\"")), None);
        let both = Preconditions::parse(Some("\"b\""), Some("\"a\"")).unwrap();
        assert_eq!(read(both), None, "If-Match is looked at first");
    }

    #[test]
    fn only_a_star_fails_on_what_is_not_there() {
        assert!(matches!(if_match("*").absent(), Error::PreconditionFailed));
        assert!(matches!(if_match("\"a\"").absent(), Error::NotFound));
        assert!(matches!(if_none_match("*").absent(), Error::NotFound));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(opaque in "[!#-~]{0,40}", weak: bool) {
            let text = format!("{}{}", if weak { "W/" } else { "" }, tag(&opaque));
            prop_assert_eq!(tags(&text), Some(Tags::Listed(vec![(weak, tag(&opaque))])));
        }

        #[test]
        fn any_text_has_an_answer(text: String) {
            if let Some(Tags::Listed(tags)) = tags(&text) {
                prop_assert!(!tags.is_empty());
            }
        }
    }
}
