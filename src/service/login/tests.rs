//! What signing in costs and leaves behind, over a real store and hashes that are counted.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::domain::admin::{AdminDraft, AdminRules};
use crate::domain::entity_tag::Tagger;
use crate::domain::home_dir::HomeDirRules;
use crate::domain::password::{HashingScheme, PasswordHash};
use crate::domain::second_factor::configuration::TotpConfigurations;
use crate::domain::secret::Secret;
use crate::domain::user_draft::{UserDraft, UserRules};
use crate::service::admins::Admins;
use crate::service::hashing::HashingLimits;
use crate::service::hashing::cache::VerificationCache;
use crate::service::requester::Requester;
use crate::service::second_factor::SecondFactorSettings;
use crate::service::sessions::Sessions;
use crate::service::users::{StateRules, Users};
use crate::store::StoreOptions;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
/// The moment, secret and code of RFC 6238, appendix B.
const MOMENT: UnixMillis = UnixMillis::new(59_000);
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CODE: &str = "287082";
const RIGHT: &str = "old Passw0rd";

/// A server without HTTP.
struct World {
    store: Store,
    users: Users,
    admins: Admins,
    hashing: HashingPool,
    logins: Logins,
    _folder: TempDir,
}

impl World {
    fn new(scheme: HashingScheme) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            engine_cache_bytes: Some(1 << 20),
            reserve_bytes: 0,
            ..StoreOptions::new(folder.path().join("store"))
        };
        let store = Store::open(&options).unwrap();
        let clock = Clock::fixed(MOMENT);
        let limits = HashingLimits { workers: NonZeroUsize::MIN, waiting: 8 };
        let cache = VerificationCache::new(8, Duration::from_secs(600), clock.clone());
        let hashing = HashingPool::new(scheme, limits, Some(cache)).unwrap();
        let naming = NamingRules::default();
        let rules = UserRules {
            naming,
            home_dir: HomeDirRules::new(Some("/srv".into()), "/tmp".into()),
            min_password_strength: 0,
            sealer: Sealer::default(),
        };
        let states = StateRules { tagger: Tagger::new(b"of this test"), require_if_match: false };
        let sessions = Sessions::default();
        let users =
            Users::new(store.clone(), hashing.clone(), clock.clone(), sessions, Arc::new(rules), states)
                .unwrap();
        let admin_rules = AdminRules { naming, min_password_strength: 0 };
        let admins = Admins::new(store.clone(), hashing.clone(), clock.clone(), admin_rules);
        let factors = SecondFactorSettings {
            configurations: TotpConfigurations::default(),
            sealer: Sealer::default(),
            recovery_codes_sign_in: true,
            changes_end_tokens: true,
        };
        let factors = SecondFactors::new(store.clone(), clock.clone(), Arc::new(factors));
        let settings = Arc::new(LoginSettings { naming, converts_hashes: true, sealer: Sealer::default() });
        let logins = Logins::new(store.clone(), (hashing.clone(), Defender::off()), factors, clock, settings);
        Self { store, users, admins, hashing, logins, _folder: folder }
    }

    async fn add_user(&self, name: &str, password: &str) {
        let draft = json!({"username": name, "status": 1, "password": password, "permissions": {"/": ["*"]}});
        let draft: UserDraft = serde_json::from_value(draft).unwrap();
        Box::pin(self.users.create(&Requester::default(), draft)).await.unwrap();
    }

    async fn add_admin(&self, name: &str) {
        let draft = json!({"username": name, "status": 1, "password": RIGHT, "permissions": ["*"]});
        let draft: AdminDraft = serde_json::from_value(draft).unwrap();
        self.admins.create(draft).await.unwrap();
    }

    /// Has the user asked for a code over this protocol.
    async fn ask_user_for_codes(&self, name: &str, protocol: &str) {
        let change = |user: &mut User| {
            let totp = &mut user.filters.totp_config;
            totp.enabled = true;
            totp.config_name = "Default".to_owned();
            totp.secret = sealed(name);
            totp.protocols = vec![protocol.to_owned()];
            Ok(())
        };
        let name = self.users.name(name);
        Box::pin(self.users.change(&Requester::default(), &name, change)).await.unwrap();
    }

    async fn ask_admin_for_codes(&self, name: &str) {
        let owner = name.to_owned();
        let change = move |admin: &mut Admin| {
            let totp = &mut admin.filters.totp_config;
            totp.enabled = true;
            totp.config_name = "Default".to_owned();
            totp.secret = sealed(&owner);
            Ok(())
        };
        self.admins.change(&Username::trusted(name.to_owned()), change).await.unwrap();
    }

    async fn user(&self, name: &str, password: &str, passcode: Option<&str>) -> bool {
        self.logins.user(attempt(name, password, passcode)).await.is_ok()
    }

    async fn admin(&self, name: &str, password: &str, passcode: Option<&str>) -> bool {
        self.logins.admin(attempt(name, password, passcode)).await.is_ok()
    }

    /// Hashes computed since the last question.
    fn computed(&self) -> usize {
        self.hashing.computed.swap(0, Ordering::SeqCst)
    }

    fn stored(&self, name: &str) -> PasswordHash {
        self.store.user(name).unwrap().unwrap().value.password.unwrap()
    }
}

fn bcrypt() -> HashingScheme {
    HashingScheme::bcrypt(4).unwrap()
}

fn sealed(owner: &str) -> Secret {
    Sealer::default().seal(SECRET, owner).into()
}

fn attempt(name: &str, password: &str, passcode: Option<&str>) -> Attempt {
    Attempt {
        username: name.to_owned(),
        password: NewPassword::new(password),
        passcode: passcode.map(str::to_owned),
        address: HOME,
    }
}

#[tokio::test]
async fn where_a_code_is_asked_for_a_right_password_costs_what_a_wrong_one_costs() {
    let (users, admins) = (World::new(bcrypt()), World::new(bcrypt()));
    users.add_user("anna", RIGHT).await;
    users.ask_user_for_codes("anna", "HTTP").await;
    admins.add_admin("anna").await;
    admins.ask_admin_for_codes("anna").await;
    let tries = [
        ("wrong", None, false),
        (RIGHT, None, false),
        (RIGHT, None, false),
        (RIGHT, Some("000000"), false),
        (RIGHT, Some(CODE), true),
        (RIGHT, None, false),
        (RIGHT, Some(CODE), false),
        ("wrong", Some(CODE), false),
    ];
    for (password, passcode, is_let_in) in tries {
        assert_eq!(users.user("anna", password, passcode).await, is_let_in, "{password} {passcode:?}");
        assert_eq!(admins.admin("anna", password, passcode).await, is_let_in, "{password} {passcode:?}");
        assert_eq!((users.computed(), admins.computed()), (1, 1), "{password} {passcode:?}");
    }
}

#[tokio::test]
async fn a_password_that_is_all_there_is_to_prove_is_remembered() {
    let world = World::new(bcrypt());
    world.add_user("anna", RIGHT).await;
    world.add_user("bob", RIGHT).await;
    world.ask_user_for_codes("bob", "SSH").await;
    for name in ["anna", "bob"] {
        assert!(world.user(name, RIGHT, None).await);
        assert_eq!(world.computed(), 1, "{name}");
        assert!(world.user(name, RIGHT, None).await);
        assert_eq!(world.computed(), 0, "{name}");
    }
    assert!(!world.user("anna", "wrong", None).await && !world.user("nobody", RIGHT, None).await);
    assert_eq!(world.computed(), 2);
}

#[tokio::test]
async fn a_wrong_password_for_a_cheap_hash_costs_what_an_unknown_name_costs_and_a_cheap_hash_more() {
    let world = World::new(bcrypt());
    world.add_user("anna", "$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.").await;
    world.add_user("bob", "{MD5}5f4dcc3b5aa765d61d8327deb882cf99").await;
    world.ask_user_for_codes("bob", "HTTP").await;
    assert!(!world.user("nobody", "password", None).await);
    assert_eq!(world.computed(), 1, "the usual hash");
    for (name, given) in [("anna", "wrong"), ("bob", "wrong"), ("bob", "password")] {
        assert!(!world.user(name, given, None).await);
        assert_eq!(world.computed(), 2, "the usual hash and the cheap one");
    }
}

#[tokio::test]
async fn a_sign_in_takes_over_no_byte_that_the_stored_hash_does_not_prove() {
    let world = World::new(HashingScheme::argon2id(64, 1, 1).unwrap());
    let bcrypt_of = |text: &str| bcrypt().hash(&NewPassword::new(text)).unwrap();
    let (known, whole) = ("x".repeat(72), format!("{}the rest", "x".repeat(72)));
    let old = bcrypt_of(&known);
    world.add_user("anna", old.expose()).await;
    assert!(world.user("anna", &format!("{known}mistyped"), None).await);
    assert_eq!(world.stored("anna"), old);
    assert!(world.user("anna", &whole, None).await, "the owner's own is still right");
    assert!(world.user("anna", &known, None).await);
    assert!(world.stored("anna").expose().starts_with("$argon2id$"), "72 bytes are proved");

    let world = World::new(bcrypt());
    let old = HashingScheme::argon2id(64, 1, 1).unwrap().hash(&NewPassword::new(&*whole)).unwrap();
    world.add_user("anna", old.expose()).await;
    assert!(world.user("anna", &whole, None).await);
    assert_eq!(world.stored("anna"), old, "bcrypt cannot hold it");
}
