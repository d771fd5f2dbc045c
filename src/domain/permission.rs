//! What an admin may do (`contract/permissions.md`): the words and the set of them that one admin
//! holds. What a user may do in his directories is in `directory`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::word::{self, Word, distinct};
use crate::error::Invalid;

/// One permission of an admin. None implies another, but [`Permission::Any`] implies all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Permission {
    /// Everything.
    Any,
    /// Create users.
    AddUsers,
    /// Replace users and their usage counters.
    EditUsers,
    /// Delete users.
    DeleteUsers,
    /// Read users.
    ViewUsers,
    /// Switch off somebody's second factor.
    DisableMfa,
    /// See transfer sessions.
    ViewConnections,
    /// End transfer sessions.
    CloseConnections,
    /// Read the server's state.
    ViewStatus,
    /// Manage admins.
    ManageAdmins,
    /// Manage API keys.
    ManageApiKeys,
    /// Manage groups.
    ManageGroups,
    /// Manage folders.
    ManageFolders,
    /// Manage roles.
    ManageRoles,
    /// Dump and load data; see what answers hide otherwise.
    ManageSystem,
    /// Read the list of banned hosts.
    ViewDefender,
    /// Lift bans.
    ManageDefender,
    /// Read the log of events.
    ViewEvents,
    /// Start quota scans.
    QuotaScans,
    /// Start retention checks.
    RetentionChecks,
    /// Manage event rules.
    ManageEventRules,
    /// Manage lists of addresses.
    ManageIpLists,
}

impl Permission {
    /// What an admin of a role may not hold (`contract/auth.md` §4): it would reach beyond the role.
    const BEYOND_A_ROLE: [Self; 6] = [
        Self::Any,
        Self::ManageAdmins,
        Self::ManageSystem,
        Self::ManageEventRules,
        Self::ManageIpLists,
        Self::ManageRoles,
    ];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Word for Permission {
    const ALL: &'static [Self] = &[
        Self::Any,
        Self::AddUsers,
        Self::EditUsers,
        Self::DeleteUsers,
        Self::ViewUsers,
        Self::DisableMfa,
        Self::ViewConnections,
        Self::CloseConnections,
        Self::ViewStatus,
        Self::ManageAdmins,
        Self::ManageApiKeys,
        Self::ManageGroups,
        Self::ManageFolders,
        Self::ManageRoles,
        Self::ManageSystem,
        Self::ViewDefender,
        Self::ManageDefender,
        Self::ViewEvents,
        Self::QuotaScans,
        Self::RetentionChecks,
        Self::ManageEventRules,
        Self::ManageIpLists,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::AddUsers => "add_users",
            Self::EditUsers => "edit_users",
            Self::DeleteUsers => "del_users",
            Self::ViewUsers => "view_users",
            Self::DisableMfa => "disable_mfa",
            Self::ViewConnections => "view_conns",
            Self::CloseConnections => "close_conns",
            Self::ViewStatus => "view_status",
            Self::ManageAdmins => "manage_admins",
            Self::ManageApiKeys => "manage_apikeys",
            Self::ManageGroups => "manage_groups",
            Self::ManageFolders => "manage_folders",
            Self::ManageRoles => "manage_roles",
            Self::ManageSystem => "manage_system",
            Self::ViewDefender => "view_defender",
            Self::ManageDefender => "manage_defender",
            Self::ViewEvents => "view_events",
            Self::QuotaScans => "quota_scans",
            Self::RetentionChecks => "retention_checks",
            Self::ManageEventRules => "manage_event_rules",
            Self::ManageIpLists => "manage_ip_lists",
        }
    }
}

impl TryFrom<String> for Permission {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        word::parse("permissions", &text)
    }
}

impl From<Permission> for &'static str {
    fn from(permission: Permission) -> Self {
        permission.word()
    }
}

/// The permissions of an admin: at least one, none twice, `*` alone (`contract/validation.md` §11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Permission>", into = "Vec<Permission>")]
pub struct Permissions {
    /// Shared, because every request carries its caller's permissions along.
    list: Arc<[Permission]>,
    bits: u32,
}

impl Permissions {
    /// Takes a list as it was sent: copies go, `*` swallows the others, the order stays.
    ///
    /// # Errors
    /// When it is empty.
    pub fn parse(list: Vec<Permission>) -> Result<Self, Invalid> {
        if list.is_empty() {
            return Err(Invalid::new("permissions: grant at least one"));
        }
        let list = if list.contains(&Permission::Any) { vec![Permission::Any] } else { distinct(list) };
        let bits = list.iter().fold(0, |bits, permission| bits | permission.bit());
        Ok(Self { list: list.into(), bits })
    }

    /// Whether these permissions allow what `permission` stands for.
    pub const fn may(&self, permission: Permission) -> bool {
        self.bits & (permission.bit() | Permission::Any.bit()) != 0
    }

    /// Whether both grant the same, whatever the order.
    pub const fn is_same_set(&self, other: &Self) -> bool {
        self.bits == other.bits
    }

    /// The first permission that an admin of a role may not hold, if there is one.
    pub fn beyond_a_role(&self) -> Option<Permission> {
        self.list.iter().copied().find(|permission| Permission::BEYOND_A_ROLE.contains(permission))
    }

    /// The permissions in the order in which they were given.
    pub fn as_slice(&self) -> &[Permission] {
        &self.list
    }
}

impl TryFrom<Vec<Permission>> for Permissions {
    type Error = Invalid;

    fn try_from(list: Vec<Permission>) -> Result<Self, Invalid> {
        Self::parse(list)
    }
}

impl From<Permissions> for Vec<Permission> {
    fn from(permissions: Permissions) -> Self {
        permissions.list.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<String, String> {
        let permissions: Permissions = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(serde_json::to_string(&permissions).unwrap())
    }

    #[test]
    fn every_word_reads_back_as_itself() {
        word::assert_table::<Permission>(22);
    }

    #[test]
    fn a_list_loses_its_copies_and_keeps_its_order() {
        assert_eq!(
            parse(r#"["view_users","add_users","view_users"]"#).unwrap(),
            r#"["view_users","add_users"]"#
        );
        assert_eq!(parse(r#"["view_users","*","add_users"]"#).unwrap(), r#"["*"]"#);
    }

    #[test]
    fn an_empty_list_and_an_unknown_word_are_refused() {
        assert!(parse("[]").unwrap_err().contains("permissions: "));
        for word in ["", "fly", "ADD_USERS", " add_users"] {
            assert!(parse(&format!("[\"*\",{word:?}]")).unwrap_err().contains("permissions: "), "{word:?}");
        }
    }

    #[test]
    fn no_permission_implies_another_but_the_star() {
        for &held in Permission::ALL {
            let permissions = Permissions::parse(vec![held]).unwrap();
            for &asked in Permission::ALL {
                assert_eq!(
                    permissions.may(asked),
                    held == Permission::Any || held == asked,
                    "{held:?} for {asked:?}"
                );
            }
        }
    }

    #[test]
    fn a_role_is_not_left_through_a_permission() {
        for &held in Permission::ALL {
            let permissions = Permissions::parse(vec![Permission::ViewUsers, held]).unwrap();
            let beyond = Permission::BEYOND_A_ROLE.contains(&held).then_some(held);
            assert_eq!(permissions.beyond_a_role(), beyond);
        }
    }

    proptest! {
        #[test]
        fn permissions_read_back_as_themselves(list in prop::collection::vec(prop::sample::select(Permission::ALL), 1..30)) {
            let permissions = Permissions::parse(list.clone()).unwrap();
            let json = serde_json::to_string(&permissions).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Permissions>(&json).unwrap(), &permissions);
            prop_assert!(list.iter().all(|&permission| permissions.may(permission)));
            let reversed = Permissions::parse(list.into_iter().rev().collect()).unwrap();
            prop_assert!(reversed.is_same_set(&permissions));
        }
    }
}
