//! How an account refers to groups. The groups themselves live elsewhere; that one exists is for
//! the service to say.

use serde::{Deserialize, Serialize};

use crate::error::Invalid;

/// The number of the group type of which an account may have one: its primary group.
const PRIMARY: i64 = 1;

/// A group by its name, and what it is to the user.
///
/// The kind is 1 (primary), 2 (secondary) or 3 (membership) by intention, but existing data holds
/// other numbers too, so any is kept (`contract/differences.md` §3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupRef {
    /// The group's name.
    pub name: String,
    /// What the group is to the user.
    #[serde(rename = "type")]
    pub kind: i64,
}

/// The groups of a user, in byte order of their names, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupRefs(Vec<GroupRef>);

impl GroupRefs {
    /// Puts the groups that a client sent in order (`contract/validation.md` §1, rule 10).
    ///
    /// # Errors
    /// When a group is named twice or a second one is primary.
    pub fn settle(mut groups: Vec<GroupRef>) -> Result<Self, Invalid> {
        if groups.iter().filter(|group| group.kind == PRIMARY).count() > 1 {
            return Err(Invalid::new("groups: only one group may be primary (type 1)"));
        }
        groups.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        if let Some(twice) = groups.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Invalid::new(format!("groups: the group {:?} is named twice", twice[0].name)));
        }
        Ok(Self(groups))
    }

    /// The groups, in byte order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, GroupRef> {
        self.0.iter()
    }

    /// Whether the user is in no group.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the group of this name out; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|group| group.name != name);
        self.0.len() < before
    }
}

impl<'a> IntoIterator for &'a GroupRefs {
    type Item = &'a GroupRef;
    type IntoIter = std::slice::Iter<'a, GroupRef>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, kind: i64) -> GroupRef {
        GroupRef { name: name.to_owned(), kind }
    }

    #[test]
    fn groups_come_back_in_byte_order() {
        let groups = GroupRefs::settle(vec![group("b", 2), group("a", 3), group("B", 1)]).unwrap();
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["B", "a", "b"]);
    }

    #[test]
    fn a_second_primary_group_is_refused() {
        assert!(GroupRefs::settle(vec![group("a", 1), group("b", 1)]).is_err());
    }

    #[test]
    fn a_group_named_twice_is_refused() {
        assert!(GroupRefs::settle(vec![group("a", 2), group("a", 3)]).is_err());
    }
}
