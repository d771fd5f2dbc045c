//! Settings → state: every part gets the few values it needs, already typed.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderName;
use zeroize::Zeroizing;

use crate::auth::address::ProxyRules;
use crate::auth::api_key::{ApiKeyGate, StaticKey};
use crate::auth::jwt::{self, Tokens};
use crate::auth::revocations::Revocations;
use crate::clock::Clock;
use crate::domain::admin::AdminRules;
use crate::domain::entity_tag::Tagger;
use crate::domain::home_dir::HomeDirRules;
use crate::domain::network::IpNetworks;
use crate::domain::password::{HashingScheme, PasswordHash};
use crate::domain::sealer::{MasterKey, Sealer};
use crate::domain::second_factor::configuration::{TotpAlgorithm, TotpConfiguration, TotpConfigurations};
use crate::domain::user_draft::UserRules;
use crate::domain::username::NamingRules;
use crate::domain::watched;
use crate::error::Invalid;
use crate::exit::{Exit, Failure};
use crate::service::admins::Admins;
use crate::service::api_keys::ApiKeys;
use crate::service::defender::Defender;
use crate::service::folders::Folders;
use crate::service::groups::Groups;
use crate::service::hashing::cache::{DEFAULT_LIFETIME, VerificationCache};
use crate::service::hashing::{HashingLimits, HashingPool};
use crate::service::login::{LoginSettings, Logins};
use crate::service::moving::{Moving, MovingRules};
use crate::service::own_password::{OwnPasswordSettings, OwnPasswords};
use crate::service::quotas::Quotas;
use crate::service::roles::Roles;
use crate::service::second_factor::{SecondFactorSettings, SecondFactors};
use crate::service::sessions::Sessions;
use crate::service::users::{StateRules, Users};
use crate::settings::{HashAlgorithm, HashingSettings, IpBinding, Settings, TotpHash, TotpSettings};
use crate::state::State;
use crate::store::{OpenError, Store, StoreOptions};

/// Opens the store and builds everything on it.
pub(super) fn state(settings: &Settings, clock: Clock) -> Result<State, Failure> {
    let scheme = hashing_scheme(&settings.hashing).map_err(wrong)?;
    let sealer = sealer(settings)?;
    let naming = NamingRules::parse(settings.users.naming_rules).map_err(wrong)?;
    let static_keys = static_keys(settings).map_err(wrong)?;
    let configurations = totp_configurations(&settings.totp).map_err(wrong)?;
    let second_factor_settings = Arc::new(SecondFactorSettings {
        configurations: configurations.clone(),
        sealer: sealer.clone(),
        recovery_codes_sign_in: settings.auth.recovery_codes_sign_in,
        changes_end_tokens: settings.auth.changes_end_other_tokens,
    });
    let store = open_store(settings)?;
    let key = Zeroizing::new(settings.signing_key().map_err(Failure::from)?.expose().to_vec());

    let hashing = hashing_pool(&settings.hashing, scheme, &clock)?;
    let reset_codes = super::mail::reset_codes(settings, &store, &hashing, &clock)?;
    let defender = defender(settings, &store, &clock)?;
    let second_factors = SecondFactors::new(store.clone(), clock.clone(), second_factor_settings);
    let sessions = Sessions::default();
    let user_rules = Arc::new(UserRules {
        naming,
        home_dir: home_dir_rules(settings),
        min_password_strength: settings.users.min_password_strength.into(),
        sealer,
    });
    let admin_rules =
        AdminRules { naming, min_password_strength: settings.admins.min_password_strength.into() };
    let moving = Moving::new(
        store.clone(),
        hashing.clone(),
        clock.clone(),
        sessions.clone(),
        MovingRules { users: Arc::clone(&user_rules), admins: admin_rules, totp: configurations },
    );
    let login_settings = Arc::new(LoginSettings {
        naming,
        converts_hashes: settings.hashing.convert_at_login,
        sealer: user_rules.sealer.clone(),
    });
    let own_password_settings = OwnPasswordSettings {
        min_user_strength: settings.users.min_password_strength.into(),
        min_admin_strength: settings.admins.min_password_strength.into(),
        ends_other_tokens: settings.auth.changes_end_other_tokens,
    };
    Ok(State {
        proxies: proxies(settings).map_err(wrong)?,
        tokens: Tokens::new(&key, lifetime_secs(settings), ip_binding(settings.auth.ip_binding)),
        revocations: Revocations::new(store.clone(), clock.clone()),
        api_key_gate: ApiKeyGate::new(
            store.clone(),
            (hashing.clone(), defender.clone()),
            clock.clone(),
            static_keys,
        ),
        api_keys_respect_requirements: settings.auth.api_keys_respect_requirements,
        logins: Logins::new(
            store.clone(),
            (hashing.clone(), defender.clone()),
            second_factors.clone(),
            clock.clone(),
            login_settings,
        ),
        folders: Folders::new(store.clone(), hashing.clone(), clock.clone(), Arc::clone(&user_rules)),
        groups: Groups::new(store.clone(), hashing.clone(), clock.clone(), Arc::clone(&user_rules)),
        quotas: Quotas::new(store.clone(), clock.clone()),
        users: Users::new(
            store.clone(),
            hashing.clone(),
            clock.clone(),
            sessions.clone(),
            user_rules,
            StateRules { tagger: Tagger::new(&key), require_if_match: settings.users.require_if_match },
        )
        .map_err(|why| Failure::new(Exit::Failed, "users cannot be searched").because(why))?,
        admins: Admins::new(store.clone(), hashing.clone(), clock.clone(), admin_rules),
        api_keys: ApiKeys::new(store.clone(), hashing.clone(), clock.clone()),
        roles: Roles::new(store.clone(), clock.clone(), naming, sessions.clone()),
        own_passwords: OwnPasswords::new(hashing, defender.clone(), clock.clone(), own_password_settings),
        defender,
        second_factors,
        reset_codes,
        moving,
        backups_path: settings.store.backups_path.as_deref().map(Arc::from),
        sessions,
        store,
        clock,
    })
}

fn defender(settings: &Settings, store: &Store, clock: &Clock) -> Result<Defender, Failure> {
    let wanted = &settings.defender;
    if !wanted.enabled {
        return Ok(Defender::off());
    }
    let count = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let limits = watched::Limits {
        failures: count(wanted.failures),
        failures_with_code: count(wanted.failures_with_code),
        window: millis(wanted.window),
        ban: millis(wanted.ban),
        failures_in_a_row: count(wanted.failures_in_a_row),
    };
    Defender::open(store.clone(), clock.clone(), limits)
        .map_err(|why| Failure::new(Exit::StoreRefused, "the store cannot be read").because(why))
}

pub(super) fn open_store(settings: &Settings) -> Result<Store, Failure> {
    Store::open(&store_options(settings)).map_err(refused)
}

/// The settings for work on what a store holds: none is made where there is none.
pub(super) fn of_what_is_there(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.store.require_data = true;
    settings
}

/// How the store is opened.
pub(super) fn store_options(settings: &Settings) -> StoreOptions {
    const MIB: u64 = 1024 * 1024;
    let store = &settings.store;
    StoreOptions {
        path: store.path.clone(),
        engine_cache_bytes: store.engine_cache_mib.map(|mib| u64::from(mib.get()) * MIB),
        document_cache_bytes: u64::from(store.document_cache_mib) * MIB,
        require_data: store.require_data,
        reserve_bytes: u64::from(store.reserve_mib) * MIB,
    }
}

/// The end of a program whose store does not open.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err calls")]
pub(super) fn refused(why: OpenError) -> Failure {
    let exit = if matches!(why, OpenError::InUse { .. }) { Exit::StoreInUse } else { Exit::StoreRefused };
    Failure::new(exit, why.to_string())
}

pub(super) fn hashing_scheme(hashing: &HashingSettings) -> Result<HashingScheme, Invalid> {
    match hashing.algorithm {
        HashAlgorithm::Bcrypt => HashingScheme::bcrypt(hashing.bcrypt_cost.into()),
        HashAlgorithm::Argon2id => HashingScheme::argon2id(
            hashing.argon2_memory_kib.get(),
            hashing.argon2_iterations.get(),
            hashing.argon2_parallelism.get(),
        ),
    }
}

fn hashing_pool(
    hashing: &HashingSettings,
    scheme: HashingScheme,
    clock: &Clock,
) -> Result<HashingPool, Failure> {
    let mut limits = HashingLimits { waiting: hashing.queue.get(), ..HashingLimits::default() };
    if let Some(workers) = hashing.workers {
        limits.workers = workers;
    }
    let remembers = hashing.cache_entries > 0;
    let cache =
        remembers.then(|| VerificationCache::new(hashing.cache_entries, DEFAULT_LIFETIME, clock.clone()));
    HashingPool::new(scheme, limits, cache)
        .map_err(|why| Failure::new(Exit::Usage, "passwords cannot be hashed as [hashing] says").because(why))
}

fn home_dir_rules(settings: &Settings) -> HomeDirRules {
    let text = |folder: &std::path::PathBuf| folder.to_string_lossy().into_owned();
    let temp_dir = settings.users.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
    HomeDirRules::new(settings.users.base_dir.as_ref().map(text), text(&temp_dir))
}

pub(super) fn sealer(settings: &Settings) -> Result<Sealer, Failure> {
    let master = settings.master_key().map_err(Failure::from)?;
    let master = master.map(|text| MasterKey::parse(text.expose().to_owned())).transpose().map_err(wrong)?;
    Ok(Sealer::new(master))
}

fn totp_configurations(settings: &[TotpSettings]) -> Result<TotpConfigurations, Invalid> {
    let algorithm = |hash| match hash {
        TotpHash::Sha1 => TotpAlgorithm::Sha1,
        TotpHash::Sha256 => TotpAlgorithm::Sha256,
        TotpHash::Sha512 => TotpAlgorithm::Sha512,
    };
    let list = settings.iter().map(|one| TotpConfiguration {
        name: one.name.clone(),
        issuer: one.issuer.clone(),
        algo: algorithm(one.algorithm),
    });
    TotpConfigurations::new(list.collect())
}

fn static_keys(settings: &Settings) -> Result<Vec<StaticKey>, Invalid> {
    let key = |key: &crate::settings::StaticApiKey| {
        let secret = PasswordHash::recognise_strong(key.secret_hash.expose()).ok_or_else(|| {
            Invalid::new(format!("auth.api_keys: the hash of {:?} is of no known kind", key.name))
        })?;
        let secret = secret.within_bounds("auth.api_keys")?;
        Ok(StaticKey {
            id: key.id.clone(),
            name: key.name.clone(),
            secret,
            permissions: key.permissions.clone(),
            expires_at: key.expires_at.map(crate::settings::Expiry::moment).unwrap_or_default(),
        })
    };
    settings.auth.api_keys.iter().map(key).collect()
}

fn proxies(settings: &Settings) -> Result<ProxyRules, Invalid> {
    let http = &settings.http;
    let header = http.client_ip_header.as_deref().map(|name| HeaderName::from_bytes(name.as_bytes()));
    let networks: Vec<String> = http.proxy_allowed.iter().map(ToString::to_string).collect();
    Ok(ProxyRules {
        trusted: IpNetworks::parse("http.proxy_allowed", &networks)?,
        header: header
            .transpose()
            .map_err(|_| Invalid::new("http.client_ip_header: not the name of a header"))?,
        depth: http.client_ip_header_depth.into(),
    })
}

fn lifetime_secs(settings: &Settings) -> i64 {
    i64::try_from(settings.auth.token_lifetime.as_secs()).unwrap_or(i64::MAX)
}

fn ip_binding(binding: IpBinding) -> jwt::IpBinding {
    match binding {
        IpBinding::Ip => jwt::IpBinding::Ip,
        IpBinding::Prefix => jwt::IpBinding::Prefix,
        IpBinding::None => jwt::IpBinding::None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err calls")]
fn wrong(why: Invalid) -> Failure {
    Failure::new(Exit::Usage, why.to_string())
}
