//! Patterns as a tree of segments. Literals go before names, and segments are compared as they came:
//! no escape is undone, no dot or slash resolved.

/// The patterns of a table, or those below one segment.
#[derive(Debug, Default, Clone)]
pub(super) struct Tree {
    literals: Vec<(&'static str, Tree)>,
    name: Option<(&'static str, Box<Tree>)>,
    /// The number of the pattern that ends here.
    index: Option<usize>,
}

/// A pattern that fits a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'p> {
    /// The pattern's number.
    pub(super) index: usize,
    /// What the pattern calls its name, and the name as it stands in the path.
    pub(super) name: Option<(&'static str, &'p str)>,
}

impl Tree {
    /// Adds a pattern under a number, and tells the number it has: an older one if it is known.
    pub(super) fn insert(&mut self, pattern: &'static str, index: usize) -> usize {
        assert!(pattern.matches('{').count() <= 1, "{pattern} has more than one name");
        let segments = pattern.strip_prefix('/').expect("a pattern begins with a slash").split('/');
        let end = segments.fold(self, Self::child);
        *end.index.get_or_insert(index)
    }

    fn child(&mut self, segment: &'static str) -> &mut Self {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return &mut self.name.get_or_insert_with(|| (name, Box::default())).1;
        }
        let place = self.literals.iter().position(|(literal, _)| *literal == segment).unwrap_or_else(|| {
            self.literals.push((segment, Self::default()));
            self.literals.len() - 1
        });
        &mut self.literals[place].1
    }

    /// Finds the pattern of a raw path, one trailing slash aside.
    pub(super) fn find<'p>(&self, path: &'p str) -> Option<Found<'p>> {
        let path = path.strip_prefix('/')?;
        self.below(Some(path.strip_suffix('/').unwrap_or(path)))
    }

    fn below<'p>(&self, rest: Option<&'p str>) -> Option<Found<'p>> {
        let Some(rest) = rest else { return self.index.map(|index| Found { index, name: None }) };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        let literal = self.literals.iter().find(|(literal, _)| *literal == segment);
        if let Some(found) = literal.and_then(|(_, child)| child.below(rest)) {
            return Some(found);
        }
        let (name, child) = self.name.as_ref().filter(|_| !segment.is_empty())?;
        let found = child.below(rest)?;
        Some(Found { name: Some((name, segment)), ..found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [&str; 6] = [
        "/healthz",
        "/v2/users",
        "/v2/users/{username}",
        "/v2/users/{username}/2fa/disable",
        "/v2/quotas/users/scans",
        "/v2/quotas/users/{username}/scan",
    ];

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (index, pattern) in PATTERNS.iter().enumerate() {
            assert_eq!(tree.insert(pattern, index), index);
        }
        tree
    }

    #[test]
    fn a_path_finds_its_pattern_and_name() {
        for (path, index, name) in [
            ("/healthz", 0, None),
            ("/v2/users", 1, None),
            ("/v2/users/", 1, None),
            ("/v2/users/bob", 2, Some("bob")),
            ("/v2/users/bob/", 2, Some("bob")),
            ("/v2/users/a%2Fb", 2, Some("a%2Fb")),
            ("/v2/users/..", 2, Some("..")),
            ("/v2/users/.", 2, Some(".")),
            ("/v2/users/2fa/2fa/disable", 3, Some("2fa")),
            ("/v2/quotas/users/scans", 4, None),
            ("/v2/quotas/users/scans/scan", 5, Some("scans")),
        ] {
            let found = tree().find(path).map(|found| (found.index, found.name.map(|(_, name)| name)));
            assert_eq!(found, Some((index, name)), "{path}");
        }
    }

    #[test]
    fn nothing_is_cleaned() {
        for path in [
            "",
            "*",
            "/",
            "//",
            "/v2",
            "//v2/users",
            "/v2//users",
            "/v2/users//",
            "/v2/users/bob//",
            "/v2/users//bob",
            "/v2/./users",
            "/v2/users/./bob",
            "/v2/users/x/../bob",
            "/v2/users/bob/2fa",
            "/v2/users/bob/2fa/disable/x",
            "/v2/Users",
            "/v2/us%65rs",
            "/v2%2Fusers",
            "v2/users",
        ] {
            assert_eq!(tree().find(path), None, "{path}");
        }
    }

    #[test]
    fn a_known_pattern_keeps_its_number() {
        assert_eq!(tree().insert("/v2/users", 9), 1);
    }
}
