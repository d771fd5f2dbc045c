//! A user under the settings of his groups: what holds when he signs in (`contract/auth.md` §7,
//! `contract/passwords.md` §5). What is stored and shown of him stays his own.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::ops::Deref;

use super::{Group, PRIMARY, SECONDARY};
use crate::domain::filters::Filters;
use crate::domain::home_dir::HomeDir;
use crate::domain::placeholders::Placeholders;
use crate::domain::tls_username::TlsUsername;
use crate::domain::user::User;
use crate::domain::word::distinct;
use crate::error::Invalid;

/// A user with what his groups give him put in.
///
/// | setting | primary group | secondary groups |
/// |---|---|---|
/// | home directory; provider, unless it is the local one | takes the user's place | – |
/// | limits, quotas, expiration and strength of passwords, start directory, TLS name | where the user has none | – |
/// | switches: hooks off, no checks, API keys, anonymous | on if either has them on | – |
/// | permissions, patterns, folders | for paths that have none yet | the same, but for `/` |
/// | networks, times of access, denied protocols and methods, second factor, self service | added | added |
///
/// Whoever is anonymous then may read alone, and sign in neither here nor over SSH.
///
/// The primary group comes first, then the others by name; other kinds of membership give nothing. An
/// order to change the password concerns one account, so no group gives it. Names fill the placeholders
/// in paths.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveUser(User);

impl EffectiveUser {
    /// Puts into a user what those of these groups give that he is in.
    ///
    /// # Errors
    /// When his name cannot stand in a path that a group makes of it.
    pub fn new<G: Borrow<Group>>(user: User, groups: &[G]) -> Result<Self, Invalid> {
        if user.groups.is_empty() {
            return Ok(Self(narrowed(user)));
        }
        let (username, role, members) = (user.username.clone(), user.role.clone(), user.groups.clone());
        let placeholders = Placeholders { username: username.as_str(), role: &role };
        let groups = groups.iter().map(Borrow::borrow).map(|group| (group.name.as_str(), group));
        let groups: HashMap<&str, &Group> = groups.collect();
        let mut effective = user;
        for kind in [PRIMARY, SECONDARY] {
            for member in members.iter().filter(|member| member.kind == kind) {
                let Some(group) = groups.get(member.name.as_str()) else { continue };
                if kind == PRIMARY {
                    fill(&mut effective, group, &placeholders)?;
                }
                add(&mut effective, group, kind == PRIMARY, &placeholders)?;
            }
        }
        Ok(Self(narrowed(effective)))
    }
}

/// Narrows whoever is anonymous, by himself or by his group, to what that means.
fn narrowed(mut user: User) -> User {
    if user.filters.is_anonymous {
        user.permissions = user.permissions.read_only();
        user.filters.denied_protocols = user.filters.protocols_denied_in_force();
        user.filters.denied_login_methods = user.filters.methods_denied_in_force();
    }
    user
}

impl Deref for EffectiveUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

/// What only the primary group gives.
fn fill(user: &mut User, group: &Group, placeholders: &Placeholders<'_>) -> Result<(), Invalid> {
    let settings = &group.user_settings;
    if !settings.home_dir.as_str().is_empty() {
        user.home_dir = HomeDir::parse(&placeholders.fill(settings.home_dir.as_str())?)?;
    }
    if settings.filesystem.is_remote_or_encrypted() {
        user.filesystem = settings.filesystem.filled(placeholders)?;
    }
    fill_zero(&mut user.max_sessions, settings.max_sessions);
    fill_zero(&mut user.quota_size, settings.quota_size);
    fill_zero(&mut user.quota_files, settings.quota_files);
    fill_zero(&mut user.upload_bandwidth, settings.upload_bandwidth);
    fill_zero(&mut user.download_bandwidth, settings.download_bandwidth);
    if (user.upload_data_transfer, user.download_data_transfer, user.total_data_transfer) == (0, 0, 0) {
        user.upload_data_transfer = settings.upload_data_transfer;
        user.download_data_transfer = settings.download_data_transfer;
        user.total_data_transfer = settings.total_data_transfer;
    }
    fill_filters(&mut user.filters, settings.filters.get(), placeholders)
}

fn fill_filters(own: &mut Filters, given: &Filters, placeholders: &Placeholders<'_>) -> Result<(), Invalid> {
    fill_zero(&mut own.max_upload_file_size, given.max_upload_file_size);
    fill_zero(&mut own.ftp_security, given.ftp_security);
    fill_zero(&mut own.default_shares_expiration, given.default_shares_expiration);
    fill_zero(&mut own.max_shares_expiration, given.max_shares_expiration);
    fill_zero(&mut own.password_expiration, given.password_expiration);
    fill_zero(&mut own.password_strength, given.password_strength);
    if own.tls_username == TlsUsername::default() {
        own.tls_username = given.tls_username;
    }
    if own.start_directory.is_root() {
        own.start_directory = placeholders.fill(given.start_directory.as_str())?.into();
    }
    own.hooks.external_auth_disabled |= given.hooks.external_auth_disabled;
    own.hooks.pre_login_disabled |= given.hooks.pre_login_disabled;
    own.hooks.check_password_disabled |= given.hooks.check_password_disabled;
    own.disable_fs_checks |= given.disable_fs_checks;
    own.allow_api_key_auth |= given.allow_api_key_auth;
    own.is_anonymous |= given.is_anonymous;
    Ok(())
}

/// What every group gives that gives anything.
fn add(
    user: &mut User,
    group: &Group,
    is_primary: bool,
    placeholders: &Placeholders<'_>,
) -> Result<(), Invalid> {
    let (own, given) = (&mut user.filters, group.user_settings.filters.get());
    let granted = &group.user_settings.permissions;
    if given.is_anonymous {
        user.permissions.add_missing(&granted.read_only(), is_primary, placeholders)?;
    } else {
        user.permissions.add_missing(granted, is_primary, placeholders)?;
    }
    user.virtual_folders.add_missing(&group.virtual_folders, placeholders)?;
    own.file_patterns.add_missing(&given.file_patterns, is_primary, placeholders)?;
    own.allowed_ip = own.allowed_ip.with(&given.allowed_ip);
    own.denied_ip = own.denied_ip.with(&given.denied_ip);
    own.denied_protocols = own.denied_protocols.and(&given.protocols_denied_in_force());
    own.denied_login_methods = own.denied_login_methods.and(&given.methods_denied_in_force());
    own.bandwidth_limits.extend_from_slice(&given.bandwidth_limits);
    own.access_time.extend_from_slice(&given.access_time);
    own.web_client = distinct(own.web_client.iter().chain(&given.web_client).copied());
    own.two_factor_protocols =
        distinct(own.two_factor_protocols.iter().chain(&given.two_factor_protocols).copied());
    Ok(())
}

/// Puts a number into the place of none.
fn fill_zero(own: &mut i64, given: i64) {
    if *own == 0 {
        *own = given;
    }
}

#[cfg(test)]
mod tests;
