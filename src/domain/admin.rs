//! The admin: an operator of the server, with permissions (`contract/endpoints.md` §8,
//! `contract/auth.md` §5, `contract/validation.md` §11).

mod restore;

use serde::{Deserialize, Serialize};

use super::account::AccountState;
use super::email::Email;
use super::network::IpNetworks;
use super::omit::is_zero;
use super::password::{NewPassword, PasswordHash, strength};
use super::permission::{Permission, Permissions};
use super::second_factor::{AdminTotp, RecoveryCodeEntry};
use super::status::Status;
use super::time::UnixMillis;
use super::user_draft::PasswordChange;
use super::username::{NamingRules, Username};
use super::word::Word as _;
use crate::error::Invalid;

/// An admin as stored and, but for the password and the keys of secrets, as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Admin {
    /// Number of the admin, counted from 1, never used again.
    pub id: i64,
    /// Whether the admin may sign in.
    pub status: Status,
    /// The name, unique among admins.
    pub username: Username,
    /// Where mail for the admin goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// What the admin may do.
    pub permissions: Permissions,
    /// What narrows the admin's access, and other settings.
    pub filters: AdminFilters,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub additional_info: String,
    /// Groups proposed for the users the admin adds; kept for clients, without effect here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<AdminGroupRef>,
    /// When the admin was added.
    pub created_at: UnixMillis,
    /// When the admin was last changed.
    pub updated_at: UnixMillis,
    /// The last sign-in; 0 if there was none.
    pub last_login: UnixMillis,
    /// The role whose users alone the admin manages.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The hash of the password.
    #[serde(skip)]
    pub password: Option<PasswordHash>,
    /// What the server remembers of the account beyond its settings.
    #[serde(skip)]
    pub account: AccountState,
}

/// The settings of an admin below `filters`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdminFilters {
    /// Networks the admin may come from; none is any.
    #[serde(skip_serializing_if = "IpNetworks::is_empty", deserialize_with = "allow_list")]
    pub allow_list: IpNetworks,
    /// Whether API keys may speak for the admin.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_api_key_auth: bool,
    /// Whether the password must be changed before anything else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_password_change: bool,
    /// Whether a second factor must be set up before anything else.
    pub require_two_factor: bool,
    /// The second factor; set through its own routes.
    pub totp_config: AdminTotp,
    /// Spare codes of the second factor; set through their own routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovery_codes: Vec<RecoveryCodeEntry>,
    /// Preferences for adding users.
    pub preferences: AdminPreferences,
}

/// What an admin prefers when adding users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdminPreferences {
    /// Sections of a user page that a user interface should hide; kept for clients.
    #[serde(skip_serializing_if = "is_zero")]
    pub hide_user_page_sections: i64,
    /// Days until a user expires whose request names no expiration; 0 is never.
    #[serde(skip_serializing_if = "is_zero")]
    pub default_users_expiration: i64,
}

/// A group that an admin proposes for users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdminGroupRef {
    /// The group's name.
    pub name: String,
    /// How the group is proposed.
    pub options: AdminGroupOptions,
}

/// How an admin proposes a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdminGroupOptions {
    /// As what users are added: 0 membership, 1 primary, 2 secondary.
    #[serde(skip_serializing_if = "is_zero")]
    pub add_to_users_as: i64,
}

impl Admin {
    /// Whether a second factor has to be set up before anything else.
    pub fn owes_second_factor(&self) -> bool {
        self.filters.require_two_factor && !self.filters.totp_config.enabled
    }

    /// Whether the admin may sign in from this address as far as status and allow list go.
    pub fn may_sign_in_from(&self, address: std::net::IpAddr) -> bool {
        self.status.is_enabled()
            && (self.filters.allow_list.is_empty() || self.filters.allow_list.contains(address))
    }
}

/// The body of `POST /admins` and `PUT /admins/{username}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `Admin`, told there")]
pub struct AdminDraft {
    pub id: i64,
    pub status: i64,
    pub username: String,
    pub email: String,
    pub password: NewPassword,
    pub permissions: Vec<Permission>,
    pub filters: AdminFilters,
    pub description: String,
    pub additional_info: String,
    pub groups: Vec<AdminGroupRef>,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub last_login: UnixMillis,
    pub role: String,
}

/// What the server's settings say about admins.
#[derive(Debug, Clone, Copy)]
pub struct AdminRules {
    /// How names are normalised and what they may hold.
    pub naming: NamingRules,
    /// The least strength of a new password, in bits; 0 asks for none.
    pub min_password_strength: i64,
}

impl AdminDraft {
    /// Makes an admin of the draft, under the rules of `contract/validation.md` §11.
    ///
    /// What an update keeps of `stored`: `id`, `username`, `created_at`, `last_login`, the second
    /// factor and its codes, and the password when the draft has none or an empty one. Everything
    /// else is replaced.
    ///
    /// # Errors
    /// The first rule that a value breaks, in words that name the member.
    pub fn settle(
        self,
        rules: AdminRules,
        stored: Option<&Admin>,
    ) -> Result<(Admin, PasswordChange), Invalid> {
        let username = match stored {
            Some(stored) => stored.username.clone(),
            None => Username::parse(&self.username, rules.naming)?,
        };
        let password = self.settle_password(rules, stored.is_some_and(|admin| admin.password.is_some()))?;
        let permissions = Permissions::parse(self.permissions)?;
        if !self.role.is_empty() {
            refuse_beyond_a_role(&permissions)?;
        }
        check_groups(&self.groups)?;
        let mut filters = self.filters;
        (filters.totp_config, filters.recovery_codes) = match stored {
            Some(stored) => (stored.filters.totp_config.clone(), stored.filters.recovery_codes.clone()),
            None => Default::default(),
        };
        let admin = Admin {
            id: stored.map_or(0, |admin| admin.id),
            status: Status::parse(self.status)?,
            username,
            email: Email::parse_optional(&self.email)?,
            permissions,
            filters,
            description: self.description,
            additional_info: self.additional_info,
            groups: self.groups,
            created_at: stored.map_or_else(UnixMillis::default, |admin| admin.created_at),
            updated_at: stored.map_or_else(UnixMillis::default, |admin| admin.updated_at),
            last_login: stored.map_or_else(UnixMillis::default, |admin| admin.last_login),
            role: self.role,
            password: stored.and_then(|admin| admin.password.clone()),
            account: stored.map_or_else(AccountState::default, |admin| admin.account),
        };
        Ok((admin, password))
    }

    fn settle_password(&self, rules: AdminRules, has_password: bool) -> Result<PasswordChange, Invalid> {
        if self.password.is_empty() {
            return if has_password {
                Ok(PasswordChange::Keep)
            } else {
                Err(Invalid::new("password: please set a password"))
            };
        }
        if let Some(hash) = PasswordHash::recognise_strong(self.password.expose()) {
            return hash.within_bounds("password").map(PasswordChange::Hashed);
        }
        strength::check(self.password.expose(), rules.min_password_strength)?;
        Ok(PasswordChange::New(self.password.clone()))
    }
}

/// Holds the groups of an admin to their rules; that they exist is for the service to say.
fn check_groups(groups: &[AdminGroupRef]) -> Result<(), Invalid> {
    for group in groups {
        if group.name.is_empty() {
            return Err(Invalid::new("groups: a group needs a name"));
        }
        if !(0..=2).contains(&group.options.add_to_users_as) {
            return Err(Invalid::new(
                "groups: add_to_users_as is 0 (membership), 1 (primary) or 2 (secondary)",
            ));
        }
    }
    if groups.iter().filter(|group| group.options.add_to_users_as == 1).count() > 1 {
        return Err(Invalid::new("groups: only one group may be primary"));
    }
    Ok(())
}

/// An admin of a role manages that role's users, not the server (`contract/auth.md` §4).
fn refuse_beyond_a_role(permissions: &Permissions) -> Result<(), Invalid> {
    match permissions.beyond_a_role() {
        Some(permission) => {
            let word = permission.word();
            Err(Invalid::new(format!("permissions: an admin of a role cannot have {word:?}")))
        }
        None => Ok(()),
    }
}

fn allow_list<'de, D: serde::Deserializer<'de>>(from: D) -> Result<IpNetworks, D::Error> {
    IpNetworks::deserialize_member("filters.allow_list", from)
}
