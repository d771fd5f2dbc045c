//! What every handler may reach: services, clock and a few settings, built once in `app` and handed
//! out by `web::Data`. Every member is cheap to clone.

use std::path::Path;
use std::sync::Arc;

use crate::auth::address::ProxyRules;
use crate::auth::api_key::ApiKeyGate;
use crate::auth::jwt::Tokens;
use crate::auth::revocations::Revocations;
use crate::clock::Clock;
use crate::service::admins::Admins;
use crate::service::api_keys::ApiKeys;
use crate::service::defender::Defender;
use crate::service::folders::Folders;
use crate::service::groups::Groups;
use crate::service::login::Logins;
use crate::service::moving::Moving;
use crate::service::own_password::OwnPasswords;
use crate::service::quotas::Quotas;
use crate::service::reset_codes::ResetCodes;
use crate::service::roles::Roles;
use crate::service::second_factor::SecondFactors;
use crate::service::sessions::Sessions;
use crate::service::users::Users;
use crate::store::Store;

/// The state of the server.
#[derive(Debug, Clone)]
pub struct State {
    /// The store, for what only looks.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Where requests come from.
    pub proxies: ProxyRules,
    /// Bearer tokens.
    pub tokens: Tokens,
    /// Tokens that died early.
    pub revocations: Revocations,
    /// API keys at the gate.
    pub api_key_gate: ApiKeyGate,
    /// Whether API keys wait until their account has set up its second factor or changed its password.
    pub api_keys_respect_requirements: bool,
    /// Who failed to, too often.
    pub defender: Defender,
    /// Signing in.
    pub logins: Logins,
    /// The users.
    pub users: Users,
    /// The admins.
    pub admins: Admins,
    /// The API keys as objects.
    pub api_keys: ApiKeys,
    /// The roles.
    pub roles: Roles,
    /// The folders that users share.
    pub folders: Folders,
    /// The groups whose settings users share.
    pub groups: Groups,
    /// What users have in use.
    pub quotas: Quotas,
    /// The second factors of both.
    pub second_factors: SecondFactors,
    /// Changing the own password.
    pub own_passwords: OwnPasswords,
    /// Forgotten passwords.
    pub reset_codes: ResetCodes,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Loading dumps.
    pub moving: Moving,
    /// The folder for dumps on the server.
    pub backups_path: Option<Arc<Path>>,
}
