//! The first pass: every element is read and held to every rule, and nothing is written. What is fit to be
//! written is remembered, users by name and number alone.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::incoming::{Incoming, Part, Place};
use super::last_admin::{self, as_he_is};
use super::report::{Noted, Problem, Report, Warning};
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
use crate::service::admins::has_every_permission;
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
        self.report.problems.add(Problem { place, error });
    }
}

/// What a thread has found among users.
#[derive(Default)]
struct Found {
    fit: Vec<(Username, usize)>,
    problems: Noted<Problem>,
    warnings: Noted<Warning>,
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
        checked.report.settle();
        checked
    }

    fn check_roles(&self, incoming: &dyn Incoming, checked: &mut Checked) {
        let mut names = HashSet::new();
        for index in 0..incoming.count(Part::Roles) {
            let mut place = place(incoming, Part::Roles, index);
            let restored = read(&mut place, incoming, |all| all.role(index)).and_then(|draft| {
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
            let restored = read(&mut place, incoming, |all| all.folder(index)).and_then(|draft| {
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
        let Checked { roles, folders, groups, report, .. } = checked;
        let referred = Referred::new(&self.store, options.mode, (roles, folders, &[]));
        let mut names = HashSet::new();
        for index in 0..incoming.count(Part::Groups) {
            let mut place = place(incoming, Part::Groups, index);
            let restored = read(&mut place, incoming, |all| all.group(index)).and_then(|draft| {
                place.name.clone_from(&draft.name);
                let mut group = draft.restore(self.users.naming, &self.users.sealer)?;
                options.openers.settle(group.secrets_mut())?;
                referred.check_folders(&group.virtual_folders)?;
                Ok(group)
            });
            match restored {
                Ok(group) if names.insert(group.name.clone()) => groups.push(group),
                Ok(_) => report.problems.add(Problem { place, error: twice() }),
                Err(error) => report.problems.add(Problem { place, error }),
            }
        }
    }

    fn check_users(
        &self,
        incoming: &dyn Incoming,
        options: &LoadOptions,
        progress: Progress<'_>,
        checked: &mut Checked,
    ) {
        let Checked { roles, folders, groups, report, .. } = checked;
        let referred = Referred::new(&self.store, options.mode, (roles, folders, groups));
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
            report.problems.join(found.problems);
            report.warnings.join(found.warnings);
        }
        fit.sort();
        fit.dedup_by(|later, first| {
            let is_twice = later.0 == first.0;
            if is_twice {
                let mut place = place(incoming, Part::Users, later.1);
                later.0.as_str().clone_into(&mut place.name);
                report.problems.add(Problem { place, error: same_as(first.1) });
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
                referred.check_strength(&user, &password)?;
                self.check_password(&password)?;
                Ok((user, password))
            });
        match restored {
            Ok((user, password)) => {
                let remarks =
                    [incoming.remark(Part::Users, index), odd_name(&user.username), unusable(&password)];
                let warn = |text| Warning { place: place.clone(), text };
                remarks.into_iter().flatten().map(warn).for_each(|warning| found.warnings.add(warning));
                found.fit.push((user.username, index));
            }
            Err(error) => found.problems.add(Problem { place, error }),
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
        let draft = read(place, incoming, |all| all.user(index))?;
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

    fn check_password(&self, password: &PasswordChange) -> Result<(), Error> {
        match password {
            PasswordChange::New(password) => Ok(self.hashing.scheme().check(password)?),
            PasswordChange::Keep | PasswordChange::Clear | PasswordChange::Hashed(_) => Ok(()),
        }
    }

    fn check_admins(&self, incoming: &dyn Incoming, options: &LoadOptions, checked: &mut Checked) {
        let Checked { roles, folders, groups, report, admins, .. } = checked;
        let referred = Referred::new(&self.store, options.mode, (roles, folders, groups));
        let mut names = HashSet::new();
        let mut places = Vec::new();
        for index in 0..incoming.count(Part::Admins) {
            let mut place = place(incoming, Part::Admins, index);
            match self.restore_admin(incoming, index, options, &mut place, &referred) {
                Ok((admin, _)) if !names.insert(admin.username.clone()) => {
                    report.problems.add(Problem { place, error: twice() });
                }
                Ok((admin, password)) => {
                    let warn = |text| Warning { place: place.clone(), text };
                    let remarks = [odd_name(&admin.username), unusable(&password)];
                    remarks.into_iter().flatten().map(warn).for_each(|warning| report.warnings.add(warning));
                    admins.push((admin, password));
                    places.push(place);
                }
                Err(error) => report.problems.add(Problem { place, error }),
            }
        }
        if options.mode != Mode::AddOnly
            && let Some(at) = self.kept_back(admins)
        {
            admins.remove(at);
            report.problems.add(Problem { place: places.swap_remove(at), error: last_admin::refusal() });
        }
    }

    fn restore_admin(
        &self,
        incoming: &dyn Incoming,
        index: usize,
        options: &LoadOptions,
        place: &mut Place,
        referred: &Referred<'_>,
    ) -> Result<(Admin, PasswordChange), Error> {
        let draft = read(place, incoming, |all| all.admin(index))?;
        place.name.clone_from(&draft.username);
        let (mut admin, password) = draft.restore(self.admins, &self.users.sealer)?;
        if admin.filters.totp_config.enabled {
            admin.filters.totp_config.check(&self.totp)?;
        }
        options.openers.settle(admin.secrets_mut())?;
        if admin.username.as_str().len() > MAX_NAME {
            return Err(Error::invalid("username: the name is too long"));
        }
        referred.check_admin(&admin)?;
        self.check_password(&password)?;
        Ok((admin, password))
    }

    /// Which of the admins must not come, since nobody could put everything right afterwards.
    fn kept_back(&self, coming: &[(Admin, PasswordChange)]) -> Option<usize> {
        let stored = self.store.shelf::<Admin>().all();
        let will_be_super = |(admin, password): &(Admin, PasswordChange)| match password {
            PasswordChange::New(_) => has_every_permission(admin),
            PasswordChange::Hashed(hash) => has_every_permission(admin) && hash.check().is_ok(),
            PasswordChange::Keep | PasswordChange::Clear => false,
        };
        let coming_names = coming.iter().map(|each| (each.0.username.as_str(), will_be_super(each)));
        let kept = last_admin::kept_back(stored.iter().map(|admin| as_he_is(admin)), coming_names)?;
        coming.iter().position(|(admin, _)| admin.username.as_str() == kept)
    }

    fn check_api_keys(&self, incoming: &dyn Incoming, checked: &mut Checked) {
        let mut ids = HashSet::new();
        let admins: HashSet<Username> =
            checked.admins.iter().map(|(admin, _)| admin.username.clone()).collect();
        for index in 0..incoming.count(Part::ApiKeys) {
            let mut place = place(incoming, Part::ApiKeys, index);
            let restored = read(&mut place, incoming, |all| all.api_key(index)).and_then(|draft| {
                place.name.clone_from(&draft.id);
                let (key, secret) = draft.restore()?;
                self.check_owner(&key, checked, &admins)?;
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

    /// The account of a key must be there, or come with it; `admins` are those who come.
    fn check_owner(&self, key: &ApiKey, checked: &Checked, admins: &HashSet<Username>) -> Result<(), Error> {
        let Some(name) = key.bound_to() else { return Ok(()) };
        let exists = match key.scope {
            Scope::User => {
                let comes = checked.users.binary_search_by(|(user, _)| user.as_str().cmp(name)).is_ok();
                comes || self.store.has_user(name)
            }
            Scope::Admin => {
                let comes = admins.contains(&Username::trusted(name.to_owned()));
                comes || self.store.shelf::<Admin>().get(name).is_some()
            }
        };
        if exists { Ok(()) } else { Err(references::lost_account(name)) }
    }
}

/// What may be referred to: what is there already and what comes along.
struct Referred<'c> {
    store: &'c Store,
    mode: Mode,
    roles: HashSet<&'c str>,
    folders: HashSet<&'c str>,
    groups: HashMap<&'c str, &'c Group>,
}

impl<'c> Referred<'c> {
    fn new(
        store: &'c Store,
        mode: Mode,
        (roles, folders, groups): (&'c [Role], &'c [Folder], &'c [Group]),
    ) -> Self {
        Self {
            store,
            mode,
            roles: roles.iter().map(|role| role.name.as_str()).collect(),
            folders: folders.iter().map(|folder| folder.name.as_str()).collect(),
            groups: groups.iter().map(|group| (group.name.as_str(), group)).collect(),
        }
    }

    fn check_user(&self, user: &User) -> Result<(), Error> {
        self.check_role(&user.role)?;
        self.check_folders(&user.virtual_folders)?;
        user.groups.iter().try_for_each(|group| self.check_group(&group.name))
    }

    fn check_admin(&self, admin: &Admin) -> Result<(), Error> {
        self.check_role(&admin.role)?;
        admin.groups.iter().try_for_each(|group| self.check_group(&group.name))
    }

    /// A plain password is held to what the user's groups ask of one, as where an admin sets it: the groups as they
    /// will be.
    fn check_strength(&self, user: &User, password: &PasswordChange) -> Result<(), Error> {
        let PasswordChange::New(password) = password else { return Ok(()) };
        let asked = user.groups.giving().map(|group| self.strength_of(&group.name));
        Ok(strength::check(password.expose(), asked.max().unwrap_or(0))?)
    }

    fn strength_of(&self, name: &str) -> i64 {
        let coming = self.groups.get(name).copied();
        let stored = self.store.shelf::<Group>().get(name);
        let stays = self.mode == Mode::AddOnly;
        let will_be = stored.as_deref().filter(|_| stays || coming.is_none()).or(coming);
        will_be.map_or(0, references::strength_of)
    }

    fn check_role(&self, role: &str) -> Result<(), Error> {
        if role.is_empty() || self.roles.contains(role) || self.store.shelf::<Role>().get(role).is_some() {
            return Ok(());
        }
        Err(references::lost_role(role))
    }

    fn check_folders(&self, folders: &VirtualFolders) -> Result<(), Error> {
        let is_there =
            |name: &str| self.folders.contains(name) || self.store.shelf::<Folder>().get(name).is_some();
        let lost = folders.iter().find(|folder| !is_there(folder.name()));
        lost.map_or(Ok(()), |lost| Err(references::lost_folder(lost.name())))
    }

    fn check_group(&self, name: &str) -> Result<(), Error> {
        if self.groups.contains_key(name) || self.store.shelf::<Group>().get(name).is_some() {
            return Ok(());
        }
        Err(references::lost_group(name))
    }
}

/// Where an element stands, its name not known yet.
pub(super) fn place(incoming: &dyn Incoming, part: Part, index: usize) -> Place {
    Place { part, index, name: String::new(), line: incoming.line(part, index) }
}

/// Reads an element; one that does not decode is told of by what can be read of its name.
fn read<T>(
    place: &mut Place,
    incoming: &dyn Incoming,
    read: impl FnOnce(&dyn Incoming) -> Result<T, Error>,
) -> Result<T, Error> {
    read(incoming).inspect_err(|_| place.name = incoming.told_name(place.part, place.index))
}

fn twice() -> Error {
    Error::invalid("an earlier element has the same name, or has it once both are normalised")
}

fn same_as(first: usize) -> Error {
    Error::invalid(format!("users[{first}] has the same name, or has it once both are normalised"))
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
