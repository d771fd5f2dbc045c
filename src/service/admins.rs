//! Admins: added, replaced, removed, and what no admin may do to himself
//! (`contract/endpoints.md` §8, `contract/differences.md` §1).

use std::sync::Arc;

use super::hashing::{HashingPool, accepted};
use super::references;
use crate::clock::Clock;
use crate::domain::admin::{Admin, AdminDraft, AdminRules};
use crate::domain::api_key::Scope;
use crate::domain::password::{NewPassword, PasswordHash, strength};
use crate::domain::permission::Permission;
use crate::domain::status::Status;
use crate::domain::user_draft::PasswordChange;
use crate::domain::username::Username;
use crate::error::Error;
use crate::store::{Shelved as _, Store, Txn, Window};

/// The admins of the server.
#[derive(Debug, Clone)]
pub struct Admins {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    rules: AdminRules,
}

/// Who changes an admin: his own name decides what he may not do to himself.
#[derive(Debug, Clone)]
pub struct AdminEditor {
    /// The name of the admin who asks; `None` for a key of the configuration file.
    pub name: Option<Username>,
    /// Whether an API key speaks for him.
    pub by_api_key: bool,
}

impl Admins {
    /// Admins kept in `store` under `rules`.
    pub fn new(store: Store, hashing: HashingPool, clock: Clock, rules: AdminRules) -> Self {
        Self { store, hashing, clock, rules }
    }

    /// The name under which an admin is looked up, whoever writes it how.
    pub fn name(&self, given: &str) -> Username {
        Username::trusted(Username::normalise(given, self.rules.naming).into_owned())
    }

    /// The admin of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, name: &Username) -> Result<Arc<Admin>, Error> {
        self.store.shelf::<Admin>().get(name.as_str()).ok_or(Error::NotFound)
    }

    /// A window of the admins in byte order of their names.
    pub fn list(&self, window: Window) -> Vec<Arc<Admin>> {
        self.store.shelf::<Admin>().page(window)
    }

    /// Adds an admin.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`] for a name that is taken or a role that does not
    /// exist, [`Error::Busy`].
    pub async fn create(&self, draft: AdminDraft) -> Result<Admin, Error> {
        let (mut admin, password) = draft.settle(self.rules, None)?;
        if self.store.shelf::<Admin>().get(admin.username.as_str()).is_some() {
            return Err(duplicate(&admin.username));
        }
        admin.password = self.hashed(&admin.username, password).await?;
        let now = self.clock.now();
        (admin.created_at, admin.updated_at) = (now, now);
        self.store
            .write(move |txn| {
                if txn.has_item::<Admin>(admin.username.as_str())? {
                    return Err(duplicate(&admin.username));
                }
                check_references(txn, &admin)?;
                admin.id = txn.next_id(Admin::KIND)?;
                txn.put_item(&admin)?;
                Ok(admin)
            })
            .await
    }

    /// Replaces an admin by the draft; what stays is told at [`AdminDraft::settle`]. Earlier tokens
    /// end when the password, the status, the permissions or the role change.
    ///
    /// # Errors
    /// As [`Admins::create`], [`Error::NotFound`], and [`Error::Malformed`] for what no admin may
    /// do to himself or to the last one with every permission.
    pub async fn replace(
        &self,
        editor: &AdminEditor,
        name: &Username,
        draft: AdminDraft,
    ) -> Result<(), Error> {
        // A first look refuses before the password is hashed; the second one, in the line of writers, counts.
        let (_, password) = self.settle_over(editor, &*self.get(name)?, draft.clone())?;
        let hash = self.hashed(name, password).await?;
        let (this, editor, name, now) = (self.clone(), editor.clone(), name.clone(), self.clock.now());
        self.store
            .write(move |txn| {
                let current = txn.item::<Admin>(name.as_str())?.ok_or(Error::NotFound)?;
                let (mut admin, _) = this.settle_over(&editor, &current, draft)?;
                if hash.is_some() {
                    admin.password = hash;
                }
                admin.updated_at = now;
                if ends_tokens(&current, &admin) {
                    admin.account.generation += 1;
                }
                check_references(txn, &admin)?;
                if is_super(&current) && !is_super(&admin) {
                    keep_one_super_admin(txn, &admin.username)?;
                }
                txn.put_item(&admin)
            })
            .await
    }

    /// What becomes of a stored admin by this draft of this editor.
    fn settle_over(
        &self,
        editor: &AdminEditor,
        stored: &Admin,
        draft: AdminDraft,
    ) -> Result<(Admin, PasswordChange), Error> {
        let (mut admin, password) = draft.settle(self.rules, Some(stored))?;
        if editor.name.as_ref() == Some(&stored.username) {
            protect_self(editor, stored, &mut admin)?;
        }
        Ok((admin, password))
    }

    /// Changes an admin in place, in the store's one line of writers; gives what `change` gives.
    ///
    /// # Errors
    /// Whatever `change` says, [`Error::NotFound`], storage failures.
    pub async fn change<T, F>(&self, name: &Username, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Admin) -> Result<T, Error> + Send + 'static,
    {
        let name = name.clone();
        self.store
            .write(move |txn| {
                let mut admin = txn.item::<Admin>(name.as_str())?.ok_or(Error::NotFound)?;
                let outcome = change(&mut admin)?;
                txn.put_item(&admin)?;
                Ok(outcome)
            })
            .await
    }

    /// Removes an admin, and with him the API keys bound to him.
    ///
    /// # Errors
    /// [`Error::Malformed`] for oneself and for the last admin with every permission,
    /// [`Error::NotFound`], storage failures.
    pub async fn remove(&self, editor: &AdminEditor, name: &Username) -> Result<(), Error> {
        if editor.name.as_ref() == Some(name) {
            return Err(Error::malformed("you cannot delete yourself"));
        }
        let name = name.clone();
        self.store
            .write(move |txn| {
                let admin = txn.item::<Admin>(name.as_str())?.ok_or(Error::NotFound)?;
                if is_super(&admin) {
                    keep_one_super_admin(txn, &name)?;
                }
                txn.delete_item::<Admin>(name.as_str())?;
                txn.delete_keys_of(Scope::Admin, name.as_str())
            })
            .await
    }

    /// Gives an admin another password without knowing the old one: the operator's way back in. It
    /// enables the account, ends its tokens and takes away a second factor that may be lost.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a password that is too weak.
    pub async fn reset_password(&self, name: &Username, password: NewPassword) -> Result<(), Error> {
        strength::check(password.expose(), self.rules.min_password_strength)?;
        let hash = self.hashing.hash(password).await?;
        let now = self.clock.now();
        self.change(name, move |admin| {
            admin.password = Some(hash);
            admin.status = Status::Enabled;
            admin.filters.totp_config = crate::domain::second_factor::AdminTotp::default();
            admin.filters.recovery_codes.clear();
            admin.account.generation += 1;
            admin.updated_at = now;
            Ok(())
        })
        .await
    }

    /// Makes the first admin, with every permission, on a store that has none; says whether it did.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or password that breaks a rule, storage failures.
    pub async fn create_first(&self, name: &str, password: &NewPassword) -> Result<bool, Error> {
        if !self.store.shelf::<Admin>().is_empty() {
            return Ok(false);
        }
        let draft = AdminDraft {
            username: name.to_owned(),
            password: password.clone(),
            status: 1,
            permissions: vec![Permission::Any],
            ..AdminDraft::default()
        };
        self.create(draft).await.map(|_| true)
    }

    /// The hash that a draft asks for; none where the stored one stays.
    async fn hashed(&self, name: &Username, change: PasswordChange) -> Result<Option<PasswordHash>, Error> {
        match change {
            PasswordChange::Keep | PasswordChange::Clear => Ok(None),
            PasswordChange::Hashed(hash) => Ok(Some(accepted(hash, name.as_str()))),
            PasswordChange::New(password) => self.hashing.hash(password).await.map(Some),
        }
    }
}

/// What an admin may not do to himself, and what silently stays when he tries
/// (`contract/endpoints.md` §8).
fn protect_self(editor: &AdminEditor, stored: &Admin, admin: &mut Admin) -> Result<(), Error> {
    if editor.by_api_key {
        return Err(Error::malformed("updating the own admin with an API key is not allowed"));
    }
    if !stored.permissions.is_same_set(&admin.permissions) {
        return Err(Error::malformed("you cannot change your permissions"));
    }
    if !admin.status.is_enabled() {
        return Err(Error::malformed("you cannot disable yourself"));
    }
    if stored.role != admin.role {
        return Err(Error::malformed("you cannot add/change your role"));
    }
    admin.filters.require_password_change = stored.filters.require_password_change;
    admin.filters.require_two_factor = stored.filters.require_two_factor;
    Ok(())
}

/// Holds what a load brings for the very admin who loads it to what he may do to himself; who comes as he is needs
/// no leave for it.
///
/// # Errors
/// [`Error::Malformed`] for what no admin may do to himself, [`Error::Invalid`] when his second factor would go while
/// it is required.
pub(super) fn protect_loader(
    loader: Option<&AdminEditor>,
    stored: &Admin,
    admin: &mut Admin,
) -> Result<(), Error> {
    let Some(loader) = loader.filter(|loader| loader.name.as_ref() == Some(&stored.username)) else {
        return Ok(());
    };
    if *stored == (Admin { updated_at: stored.updated_at, ..admin.clone() }) {
        return Ok(());
    }
    protect_self(loader, stored, admin)?;
    if stored.filters.totp_config.enabled && admin.owes_second_factor() {
        return Err(Error::invalid("two-factor authentication must be enabled"));
    }
    Ok(())
}

/// Holds what an admin refers to against the store: roles 409, groups 400.
pub(super) fn check_references(txn: &Txn<'_>, admin: &Admin) -> Result<(), Error> {
    references::check_role(txn, &admin.role)?;
    admin.groups.iter().try_for_each(|group| references::check_group(txn, &group.name))
}

/// Whether this admin can put everything right again: he can sign in and then do anything.
pub(super) fn is_super(admin: &Admin) -> bool {
    has_every_permission(admin) && admin.password.as_ref().is_some_and(|hash| hash.check().is_ok())
}

/// Whether an admin who can sign in could do anything.
pub(super) fn has_every_permission(admin: &Admin) -> bool {
    admin.status.is_enabled() && admin.permissions.as_slice() == [Permission::Any]
}

/// Refuses to let go of the last enabled admin with every permission.
fn keep_one_super_admin(txn: &Txn<'_>, leaving: &Username) -> Result<(), Error> {
    let others = txn.items::<Admin>()?;
    if others.iter().any(|admin| admin.username != *leaving && is_super(admin)) {
        return Ok(());
    }
    Err(Error::malformed("this is the last enabled admin with every permission"))
}

pub(super) fn ends_tokens(before: &Admin, after: &Admin) -> bool {
    before.password != after.password
        || before.status != after.status
        || !before.permissions.is_same_set(&after.permissions)
        || before.role != after.role
        // What became due is asked at the next sign-in.
        || (after.filters.require_two_factor && !before.filters.require_two_factor)
        || (after.filters.require_password_change && !before.filters.require_password_change)
        || before.filters.allow_list != after.filters.allow_list
}

fn duplicate(name: &Username) -> Error {
    Error::Conflict(
        format!("duplicated key not allowed: username {name:?} already exists", name = name.as_str()).into(),
    )
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::password::HashingScheme;
    use crate::domain::permission::Permissions;
    use crate::domain::time::UnixMillis;
    use crate::domain::username::NamingRules;
    use crate::service::hashing::HashingLimits;
    use crate::store::StoreOptions;

    fn admins(folder: &tempfile::TempDir) -> Admins {
        let options = StoreOptions { reserve_bytes: 0, ..StoreOptions::new(folder.path().join("store")) };
        let limits = HashingLimits { workers: NonZeroUsize::MIN, waiting: 8 };
        let hashing = HashingPool::new(HashingScheme::bcrypt(4).unwrap(), limits, None).unwrap();
        let rules = AdminRules { naming: NamingRules::parse(5).unwrap(), min_password_strength: 0 };
        let clock = Clock::fixed(UnixMillis::new(1_000));
        Admins::new(Store::open(&options).unwrap(), hashing, clock, rules)
    }

    fn draft(name: &str, permissions: &[Permission]) -> AdminDraft {
        AdminDraft {
            username: name.to_owned(),
            password: NewPassword::new("another password"),
            status: 1,
            permissions: permissions.to_vec(),
            ..AdminDraft::default()
        }
    }

    #[tokio::test]
    async fn who_loses_permissions_while_his_password_is_hashed_does_not_write_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let admins = admins(&folder);
        admins.create(draft("root", &[Permission::Any])).await.unwrap();
        let ann = admins.create(draft("ann", &[Permission::Any])).await.unwrap().username;
        let editor = AdminEditor { name: Some(ann.clone()), by_api_key: false };

        let (finish, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let hashing = admins.hashing.clone();
            async move { hashing.run(move || wait.recv()).await }
        });
        tokio::task::yield_now().await;
        let mut own = Box::pin(admins.replace(&editor, &ann, draft("ann", &[Permission::Any])));
        assert!((&mut own).now_or_never().is_none(), "it waits for its hash");
        let demote = |admin: &mut Admin| {
            admin.permissions = Permissions::parse(vec![Permission::ViewUsers]).unwrap();
            Ok(())
        };
        admins.change(&ann, demote).await.unwrap();
        finish.send(()).unwrap();
        assert!(matches!(own.await, Err(Error::Malformed(_))));
        assert_eq!(admins.get(&ann).unwrap().permissions.as_slice(), [Permission::ViewUsers]);
        busy.await.unwrap().unwrap().unwrap();
    }
}
