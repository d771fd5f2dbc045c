//! The first pass: every element is read and held to every rule, and nothing is written. What is fit to be
//! written is remembered, users by name and number alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::incoming::{Incoming, Part, Place};
use super::report::{Problem, Report, Warning};
use super::{LoadOptions, Mode, Moving, Progress, workers};
use crate::domain::admin::Admin;
use crate::domain::api_key::{ApiKey, Scope};
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::password::{PasswordHash, strength};
use crate::domain::role::Role;
use crate::domain::user::User;
use crate::domain::user_draft::PasswordChange;
use crate::domain::username::Username;
use crate::domain::virtual_folder::VirtualFolders;
use crate::error::Error;
use crate::service::admins::is_super;
use crate::service::references;
use crate::store::Store;

/// Users that a thread takes at a time.
const PIECE: usize = 256;
/// The longest name of a user or an admin, in bytes: what the store can hold.
const MAX_NAME: usize = 3999;

/// What a file holds that can be written, and what was found wrong with the rest.
#[derive(Debug, Default)]
pub struct Checked {
    /// Problems, warnings, what is left out.
    pub report: Report,
    pub(super) roles: Vec<Role>,
    pub(super) folders: Vec<Folder>,
    pub(super) groups: Vec<Group>,
    /// In the order of names, as the store wants them; the number leads back to the element.
    pub(super) users: Vec<(Username, usize)>,
    pub(super) admins: Vec<(Admin, PasswordChange)>,
    pub(super) api_keys: Vec<(ApiKey, PasswordChange)>,
}

impl Checked {
    fn problem(&mut self, place: Place, error: Error) {
        self.report.problems.push(Problem { place, error });
    }
}

/// What a thread has found among users.
#[derive(Default)]
struct Found {
    fit: Vec<(Username, usize)>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Moving {
    /// Reads everything and says what would become of it.
    pub fn check(&self, incoming: &dyn Incoming, options: &LoadOptions, progress: Progress<'_>) -> Checked {
        let mut checked = Checked::default();
        checked.report.left_out = incoming.left_out().to_vec();
        self.check_roles(incoming, &mut checked);
        self.check_folders(incoming, options, &mut checked);
        self.check_groups(incoming, options, &mut checked);
        self.check_users(incoming, options, progress, &mut checked);
        self.check_admins(incoming, options, &mut checked);
        self.check_api_keys(incoming, &mut checked);
        checked.report.sort();
        checked
    }

    fn check_roles(&self, incoming: &dyn Incoming, checked: &mut Checked) {
        let mut names = HashSet::new();
        for index in 0..incoming.count(Part::Roles) {
            let mut place = place(incoming, Part::Roles, index);
            let restored = incoming.role(index).and_then(|draft| {
                place.name.clone_from(&draft.name);
                Ok(draft.restore(self.users.naming)?)
            });
            match restored {
                Ok(role) if names.insert(role.name.clone()) => checked.roles.push(role),
                Ok(_) => checked.problem(place, twice()),
                Err(error) => checked.problem(place, error),
            }
        }
    }

    fn check_folders(&self, incoming: &dyn Incoming, options: &LoadOptions, checked: &mut Checked) {
        let mut names = HashSet::new();
        for index in 0..incoming.count(Part::Folders) {
            let mut place = place(incoming, Part::Folders, index);
            let restored = incoming.folder(index).and_then(|draft| {
                place.name.clone_from(&draft.name);
                let mut folder = draft.restore(self.users.naming, &self.users.sealer)?;
                options.openers.settle(folder.secrets_mut())?;
                Ok(folder)
            });
            match restored {
                Ok(folder) if names.insert(folder.name.clone()) => checked.folders.push(folder),
                Ok(_) => checked.problem(place, twice()),
                Err(error) => checked.problem(place, error),
            }
        }
    }

    fn check_groups(&self, incoming: &dyn Incoming, options: &LoadOptions, checked: &mut Checked) {
        let mut names = HashSet::new();
        for index in 0..incoming.count(Part::Groups) {
            let mut place = place(incoming, Part::Groups, index);
            let restored = incoming.group(index).and_then(|draft| {
                place.name.clone_from(&draft.name);
                let mut group = draft.restore(self.users.naming, &self.users.sealer)?;
                options.openers.settle(group.secrets_mut())?;
                self.referred(checked).check_folders(&group.virtual_folders)?;
                Ok(group)
            });
            match restored {
                Ok(group) if names.insert(group.name.clone()) => checked.groups.push(group),
                Ok(_) => checked.problem(place, twice()),
                Err(error) => checked.problem(place, error),
            }
        }
    }

    fn referred<'c>(&'c self, checked: &'c Checked) -> Referred<'c> {
        Referred {
            store: &self.store,
            roles: checked.roles.iter().map(|role| role.name.as_str()).collect(),
            folders: checked.folders.iter().map(|folder| folder.name.as_str()).collect(),
            groups: checked.groups.iter().map(|group| group.name.as_str()).collect(),
        }
    }

    fn check_users(
        &self,
        incoming: &dyn Incoming,
        options: &LoadOptions,
        progress: Progress<'_>,
        checked: &mut Checked,
    ) {
        let referred = self.referred(checked);
        let count = incoming.count(Part::Users);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let mut found = Found::default();
            loop {
                let start = next.fetch_add(PIECE, Ordering::Relaxed);
                if start >= count {
                    return found;
                }
                let end = (start + PIECE).min(count);
                for index in start..end {
                    self.check_user(incoming, index, options, &referred, &mut found);
                }
                progress(Part::Users, done.fetch_add(end - start, Ordering::Relaxed) + end - start, count);
            }
        };
        let found: Vec<Found> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..workers().min(count.div_ceil(PIECE))).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut fit = Vec::with_capacity(count);
        for found in found {
            fit.extend(found.fit);
            checked.report.problems.extend(found.problems);
            checked.report.warnings.extend(found.warnings);
        }
        fit.sort();
        fit.dedup_by(|later, first| {
            let is_twice = later.0 == first.0;
            if is_twice {
                let mut place = place(incoming, Part::Users, later.1);
                later.0.as_str().clone_into(&mut place.name);
                checked.report.problems.push(Problem { place, error: same_as(first.1) });
            }
            is_twice
        });
        checked.users = fit;
    }

    fn check_user(
        &self,
        incoming: &dyn Incoming,
        index: usize,
        options: &LoadOptions,
        referred: &Referred<'_>,
        found: &mut Found,
    ) {
        let mut place = place(incoming, Part::Users, index);
        let restored =
            self.restore_user(incoming, index, options, &mut place).and_then(|(user, password)| {
                referred.check_user(&user)?;
                self.check_strength(&user, &password)?;
                self.check_password(&password)?;
                Ok((user, password))
            });
        match restored {
            Ok((user, password)) => {
                let remarks =
                    [incoming.remark(Part::Users, index), odd_name(&user.username), unusable(&password)];
                let warn = |text| Warning { place: place.clone(), text };
                found.warnings.extend(remarks.into_iter().flatten().map(warn));
                found.fit.push((user.username, index));
            }
            Err(error) => found.problems.push(Problem { place, error }),
        }
    }

    /// The user of an element, secrets opened; the same in both passes.
    pub(super) fn restore_user(
        &self,
        incoming: &dyn Incoming,
        index: usize,
        options: &LoadOptions,
        place: &mut Place,
    ) -> Result<(User, PasswordChange), Error> {
        let draft = incoming.user(index)?;
        place.name.clone_from(&draft.username);
        let (mut user, password) = draft.restore(&self.users)?;
        let totp = &user.filters.totp_config;
        if totp.enabled {
            totp.check(&self.totp)?;
        }
        options.openers.settle(user.secrets_mut())?;
        if user.username.as_str().len() > MAX_NAME {
            return Err(Error::invalid("username: the name is too long"));
        }
        Ok((user, password))
    }

    /// A plain password is held to what the user's groups ask of one, as where an admin sets it.
    fn check_strength(&self, user: &User, password: &PasswordChange) -> Result<(), Error> {
        if let PasswordChange::New(password) = password {
            strength::check(password.expose(), references::least_strength(&self.store, &user.groups))?;
        }
        Ok(())
    }

    fn check_password(&self, password: &PasswordChange) -> Result<(), Error> {
        match password {
            PasswordChange::New(password) => Ok(self.hashing.scheme().check(password)?),
            PasswordChange::Keep | PasswordChange::Clear | PasswordChange::Hashed(_) => Ok(()),
        }
    }

    fn check_admins(&self, incoming: &dyn Incoming, options: &LoadOptions, checked: &mut Checked) {
        let mut names = HashSet::new();
        let mut last = None;
        for index in 0..incoming.count(Part::Admins) {
            let mut place = place(incoming, Part::Admins, index);
            match self.restore_admin(incoming, index, options, &mut place, checked) {
                Ok((admin, _)) if !names.insert(admin.username.clone()) => checked.problem(place, twice()),
                Ok((admin, password)) => {
                    let warn = |text| Warning { place: place.clone(), text };
                    let remarks = [odd_name(&admin.username), unusable(&password)];
                    checked.report.warnings.extend(remarks.into_iter().flatten().map(warn));
                    checked.admins.push((admin, password));
                    last = Some(place);
                }
                Err(error) => checked.problem(place, error),
            }
        }
        if let Some(place) = last
            && options.mode != Mode::AddOnly
            && !self.leaves_a_super_admin(&checked.admins)
        {
            checked.problem(place, no_super_admin());
        }
    }

    fn restore_admin(
        &self,
        incoming: &dyn Incoming,
        index: usize,
        options: &LoadOptions,
        place: &mut Place,
        checked: &Checked,
    ) -> Result<(Admin, PasswordChange), Error> {
        let draft = incoming.admin(index)?;
        place.name.clone_from(&draft.username);
        let (mut admin, password) = draft.restore(self.admins, &self.users.sealer)?;
        if admin.filters.totp_config.enabled {
            admin.filters.totp_config.check(&self.totp)?;
        }
        options.openers.settle(admin.secrets_mut())?;
        if admin.username.as_str().len() > MAX_NAME {
            return Err(Error::invalid("username: the name is too long"));
        }
        self.referred(checked).check_admin(&admin)?;
        self.check_password(&password)?;
        Ok((admin, password))
    }

    /// Whether there is an enabled admin with every permission afterwards, if there is one now.
    fn leaves_a_super_admin(&self, incoming: &[(Admin, PasswordChange)]) -> bool {
        let stored = self.store.shelf::<Admin>().all();
        let mut after: BTreeMap<&str, bool> =
            stored.iter().map(|admin| (admin.username.as_str(), is_super(admin))).collect();
        let before = after.values().any(|is_super| *is_super);
        after.extend(incoming.iter().map(|(admin, _)| (admin.username.as_str(), is_super(admin))));
        !before || after.values().any(|is_super| *is_super)
    }

    fn check_api_keys(&self, incoming: &dyn Incoming, checked: &mut Checked) {
        let mut ids = HashSet::new();
        for index in 0..incoming.count(Part::ApiKeys) {
            let mut place = place(incoming, Part::ApiKeys, index);
            let restored = incoming.api_key(index).and_then(|draft| {
                place.name.clone_from(&draft.id);
                let (key, secret) = draft.restore()?;
                self.check_owner(&key, checked)?;
                self.check_password(&secret)?;
                Ok((key, secret))
            });
            match restored {
                Ok((key, _)) if !ids.insert(key.id.clone()) => checked.problem(place, twice()),
                Ok(restored) => checked.api_keys.push(restored),
                Err(error) => checked.problem(place, error),
            }
        }
    }

    /// The account of a key must be there, or come with it.
    fn check_owner(&self, key: &ApiKey, checked: &Checked) -> Result<(), Error> {
        let Some(name) = key.bound_to() else { return Ok(()) };
        let exists = match key.scope {
            Scope::User => {
                let comes = checked.users.binary_search_by(|(user, _)| user.as_str().cmp(name)).is_ok();
                comes || self.store.has_user(name)
            }
            Scope::Admin => {
                let comes = checked.admins.iter().any(|(admin, _)| admin.username.as_str() == name);
                comes || self.store.shelf::<Admin>().get(name).is_some()
            }
        };
        if exists {
            Ok(())
        } else {
            Err(Error::invalid(format!("the account {name:?} of the key does not exist")))
        }
    }
}

/// What may be referred to: what is there already and what comes along.
struct Referred<'c> {
    store: &'c Store,
    roles: HashSet<&'c str>,
    folders: HashSet<&'c str>,
    groups: HashSet<&'c str>,
}

impl Referred<'_> {
    fn check_user(&self, user: &User) -> Result<(), Error> {
        self.check_role(&user.role)?;
        self.check_folders(&user.virtual_folders)?;
        user.groups.iter().try_for_each(|group| self.check_group(&group.name))
    }

    fn check_admin(&self, admin: &Admin) -> Result<(), Error> {
        self.check_role(&admin.role)?;
        admin.groups.iter().try_for_each(|group| self.check_group(&group.name))
    }

    fn check_role(&self, role: &str) -> Result<(), Error> {
        if role.is_empty() || self.roles.contains(role) || self.store.shelf::<Role>().get(role).is_some() {
            return Ok(());
        }
        Err(Error::Conflict(format!("violates foreign key constraint: role {role:?} does not exist").into()))
    }

    fn check_folders(&self, folders: &VirtualFolders) -> Result<(), Error> {
        let is_there =
            |name: &str| self.folders.contains(name) || self.store.shelf::<Folder>().get(name).is_some();
        match folders.iter().find(|folder| !is_there(folder.name())) {
            None => Ok(()),
            Some(lost) => {
                Err(Error::invalid(format!("virtual_folders: folder {:?} does not exist", lost.name())))
            }
        }
    }

    fn check_group(&self, name: &str) -> Result<(), Error> {
        if self.groups.contains(name) || self.store.shelf::<Group>().get(name).is_some() {
            return Ok(());
        }
        Err(Error::invalid(format!("groups: group {name:?} does not exist")))
    }
}

/// Where an element stands, its name not known yet.
pub(super) fn place(incoming: &dyn Incoming, part: Part, index: usize) -> Place {
    Place { part, index, name: String::new(), line: incoming.line(part, index) }
}

fn twice() -> Error {
    Error::invalid("an earlier element has the same name, or has it once both are normalised")
}

fn same_as(first: usize) -> Error {
    Error::invalid(format!("users[{first}] has the same name, or has it once both are normalised"))
}

pub(super) fn no_super_admin() -> Error {
    Error::invalid("after this load no enabled admin would have every permission")
}

/// What is to be said of a name that some clients cannot ask for.
fn odd_name(name: &Username) -> Option<String> {
    let name = name.as_str();
    if name.contains('/') || name == "." || name == ".." {
        return Some("the name must be escaped in paths, which not every client does".to_owned());
    }
    name.chars().any(char::is_control).then(|| "the name holds control characters".to_owned())
}

/// What is to be said of a hash that lets nobody in.
fn unusable(password: &PasswordChange) -> Option<String> {
    let hash: &PasswordHash = match password {
        PasswordChange::Hashed(hash) => hash,
        PasswordChange::Keep | PasswordChange::Clear | PasswordChange::New(_) => return None,
    };
    hash.check().err().map(|why| format!("no password will be right: {why}"))
}
