//! What a writer may believe of its users: those it has an answer for are certain, the one it was waiting for
//! when the server died may be as before or as wanted, and nothing in between.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A user at one moment of his life; every member that the test looks at follows from the number.
pub(crate) type Version = u64;

/// The two roles that users change between.
pub(crate) const ROLES: [&str; 2] = ["even", "odd"];

/// The role of a version.
pub(crate) fn role(version: Version) -> &'static str {
    if version.is_multiple_of(2) { ROLES[0] } else { ROLES[1] }
}

/// What a client sends to make a version.
pub(crate) fn draft(name: &str, version: Version) -> Value {
    json!({
        "username": name,
        "status": 1,
        "permissions": {"/": ["*"]},
        "uid": version,
        "email": format!("{name}.{version}@example.com"),
        "description": format!("version {version} {}", "of a text that takes some room ".repeat(20)),
        "additional_info": version.to_string(),
        "role": role(version),
    })
}

/// The version a document shows.
///
/// # Errors
/// When its members are of different ones.
pub(crate) fn version(document: &Value) -> Result<Version, String> {
    let name = document["username"].as_str().ok_or("a user without a name")?;
    let version = document["uid"].as_u64().ok_or("a user without a number")?;
    let expected = draft(name, version);
    for (member, value) in expected.as_object().into_iter().flatten() {
        if document[member] != *value {
            return Err(format!("{name} is of version {version}, but {member} is {}", document[member]));
        }
    }
    Ok(version)
}

/// Whether a user is there, and which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Life {
    /// He was never made, or is deleted.
    #[default]
    Absent,
    /// He is there in this version.
    There(Version),
}

impl From<Option<Version>> for Life {
    fn from(version: Option<Version>) -> Self {
        version.map_or(Self::Absent, Self::There)
    }
}

/// What is known of a user.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// What the last answer said.
    sure: Life,
    /// What the request says that has no answer.
    wanted: Option<Life>,
}

/// The users of one writer.
#[derive(Debug, Default)]
pub(crate) struct Beliefs(BTreeMap<String, Known>);

impl Beliefs {
    /// Whether a user is there, as far as the answers say.
    pub(crate) fn is_there(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|known| known.sure != Life::Absent)
    }

    /// Notes what is about to be asked for.
    pub(crate) fn want(&mut self, name: &str, life: Life) {
        self.0.entry(name.to_owned()).or_default().wanted = Some(life);
    }

    /// Notes that what was asked for is answered.
    pub(crate) fn acknowledge(&mut self, name: &str) {
        let known = self.0.entry(name.to_owned()).or_default();
        if let Some(wanted) = known.wanted.take() {
            known.sure = wanted;
        }
    }

    /// Holds what is found after a restart against what may be, and believes it from now on.
    ///
    /// # Errors
    /// When an answered write is lost, undone or half done.
    pub(crate) fn settle(&mut self, found: &mut BTreeMap<String, Version>) -> Result<(), String> {
        for (name, known) in &mut self.0 {
            let came = Life::from(found.remove(name));
            if came != known.sure && Some(came) != known.wanted {
                return Err(format!("{name} is {came:?} after the restart, known is {known:?}"));
            }
            *known = Known { sure: came, wanted: None };
        }
        Ok(())
    }
}

#[test]
fn an_answered_write_is_certain_and_a_pending_one_may_go_either_way() {
    let mut beliefs = Beliefs::default();
    beliefs.want("a", Life::There(1));
    beliefs.acknowledge("a");
    beliefs.want("b", Life::There(2));
    beliefs.acknowledge("b");
    beliefs.want("b", Life::Absent);
    let found = |users: &[(&str, Version)]| {
        users.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
    };
    assert!(beliefs.settle(&mut found(&[("b", 2)])).is_err(), "a is lost");
    assert!(beliefs.settle(&mut found(&[("a", 2), ("b", 2)])).is_err(), "a is another");
    assert_eq!(beliefs.settle(&mut found(&[("a", 1)])), Ok(()));
    assert!(beliefs.settle(&mut found(&[("a", 1), ("b", 2)])).is_err(), "b was seen to be gone");
}

#[test]
fn a_document_of_two_versions_is_no_version() {
    let mut document = draft("a", 7);
    assert_eq!(version(&document), Ok(7));
    document["email"] = "a.6@example.com".into();
    assert!(version(&document).is_err());
}
