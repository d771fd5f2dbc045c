//! Codes from request to new password, over a real store, with a clock and a mailer of our own.

mod groups;

use std::num::NonZeroUsize;

use serde_json::{Value, json};

use super::*;
use crate::domain::admin::{AdminDraft, AdminRules};
use crate::domain::entity_tag::Tagger;
use crate::domain::home_dir::HomeDirRules;
use crate::domain::network::IpNetworks;
use crate::domain::password::HashingScheme;
use crate::domain::precondition::Preconditions;
use crate::domain::reset_code::Progress;
use crate::domain::sealer::Sealer;
use crate::domain::status::Status;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::user_draft::{UserDraft, UserRules};
use crate::mail::message::OutgoingMail;
use crate::mail::templates::Templates;
use crate::mail::{Mailer, Outbox};
use crate::service::admins::Admins;
use crate::service::hashing::HashingLimits;
use crate::service::requester::Requester;
use crate::service::sessions::Sessions;
use crate::service::users::{StateRules, Users};
use crate::store::StoreOptions;

mod queue;

const USER: AccountKind = AccountKind::User;
const ADMIN: AccountKind = AccountKind::Admin;
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const NEW: &str = "an0ther Password";

/// A server without HTTP: user `anna` and admin `anna`, both with mail.
struct World {
    store: Store,
    clock: Clock,
    users: Users,
    hashing: HashingPool,
    codes: ResetCodes,
    queue: MailQueue,
    outbox: Arc<Outbox>,
    _folder: tempfile::TempDir,
}

fn settings() -> ResetSettings {
    ResetSettings {
        naming: NamingRules::default(),
        lifetime: Duration::from_secs(600),
        requests_per_account: 5,
        requests_per_address: 20,
        wrong_codes_per_address: 5,
        answers_alike: true,
        name_must_match: true,
        min_user_strength: 0,
        min_admin_strength: 0,
    }
}

impl World {
    async fn new() -> Self {
        Self::with(settings()).await
    }

    async fn with(settings: ResetSettings) -> Self {
        let outbox = Arc::new(Outbox::default());
        Self::sending(settings, Mailer::Recording(Arc::clone(&outbox)), outbox).await
    }

    async fn sending(settings: ResetSettings, mailer: Mailer, outbox: Arc<Outbox>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            engine_cache_bytes: Some(1 << 20),
            reserve_bytes: 0,
            ..StoreOptions::new(folder.path().join("store"))
        };
        let store = Store::open(&options).unwrap();
        let clock = Clock::fixed(UnixMillis::new(1_700_000_000_000));
        let limits = HashingLimits { workers: NonZeroUsize::new(2).unwrap(), waiting: 256 };
        let hashing = HashingPool::new(HashingScheme::bcrypt(4).unwrap(), limits, None).unwrap();
        let rules = UserRules {
            naming: settings.naming,
            home_dir: HomeDirRules::new(Some("/srv".into()), "/tmp".into()),
            min_password_strength: 0,
            sealer: Sealer::default(),
        };
        let states = StateRules { tagger: Tagger::new(b"of this test"), require_if_match: false };
        let users = Users::new(
            store.clone(),
            hashing.clone(),
            clock.clone(),
            Sessions::default(),
            Arc::new(rules),
            states,
        )
        .unwrap();
        let admin_rules = AdminRules { naming: settings.naming, min_password_strength: 0 };
        let admins = Admins::new(store.clone(), hashing.clone(), clock.clone(), admin_rules);
        let templates = Templates::load(None, None).unwrap();
        let queue = MailQueue::new(store.clone(), mailer, templates, clock.clone(), settings.lifetime);
        let codes =
            ResetCodes::new(store.clone(), hashing.clone(), clock.clone(), Some(queue.clone()), settings);
        let world = Self { store, clock, users, hashing, codes, queue, outbox, _folder: folder };
        world.add_user(json!({"username": "anna", "email": "anna@example.com"})).await;
        let admin: AdminDraft =
            serde_json::from_value(json!({"username": "anna", "email": "boss@example.com",
            "password": "old Passw0rd", "status": 1, "permissions": ["*"]}))
            .unwrap();
        admins.create(admin).await.unwrap();
        world
    }

    async fn add_user(&self, mut draft: Value) {
        draft["status"] = json!(1);
        draft["password"] = json!("old Passw0rd");
        draft["permissions"] = json!({"/": ["*"]});
        let draft: UserDraft = serde_json::from_value(draft).unwrap();
        Box::pin(self.users.create(&Requester::default(), draft)).await.unwrap();
    }

    fn user(&self, name: &str) -> User {
        self.store.user(name).unwrap().unwrap().value
    }

    async fn change(&self, change: impl Fn(&mut User)) {
        let name = self.users.name("anna");
        let requester = Requester::default();
        let changed = self.users.change(&requester, &name, |user| {
            change(user);
            Ok(())
        });
        Box::pin(changed).await.unwrap();
    }

    async fn forgot(&self, name: &str) -> Result<(), Error> {
        self.codes.forgot(USER, name, HOME).await
    }

    async fn mails_after(&self, kind: AccountKind, name: &str) -> Vec<OutgoingMail> {
        self.codes.forgot(kind, name, HOME).await.unwrap();
        self.queue.pass().await;
        self.outbox.take()
    }

    async fn code(&self, kind: AccountKind, name: &str) -> String {
        code_in(&self.mails_after(kind, name).await[0].text)
    }

    async fn reset_from(
        &self,
        kind: AccountKind,
        name: &str,
        code: &str,
        address: IpAddr,
    ) -> Result<AccountKey, Error> {
        let code = ResetCode::from(code.to_owned());
        let draft = ResetDraft { name: name.to_owned(), code, password: NewPassword::new(NEW) };
        self.codes.reset(kind, draft, address).await
    }

    /// What came of a reset: `ok` or the text of the refusal.
    async fn reset(&self, kind: AccountKind, name: &str, code: &str) -> String {
        match self.reset_from(kind, name, code, HOME).await {
            Ok(account) => format!("ok {}", account.as_str()),
            Err(why) => why.to_string(),
        }
    }

    fn pending(&self, key: &str) -> Option<Arc<PendingReset>> {
        self.store.shelf::<PendingReset>().get(key)
    }
}

fn code_in(text: &str) -> String {
    text.split('"').nth(1).unwrap().to_owned()
}

fn error(result: Result<(), Error>) -> String {
    result.unwrap_err().to_string()
}

const UNKNOWN: &str = "confirmation code not found";

#[tokio::test]
async fn a_code_by_mail_gives_a_new_password_once_and_ends_tokens() {
    let world = World::new().await;
    world.change(|user| user.filters.require_password_change = true).await;
    let before = world.user("anna");
    let mails = world.mails_after(USER, " anna ").await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "anna@example.com"));
    assert_eq!(mails[0].subject, "Email Verification Code for user \" anna \"");
    let code = code_in(&mails[0].html.replace("lang=\"en\"", "").replace("charset=\"utf-8\"", ""));
    assert_eq!(code, code_in(&mails[0].text));
    world.clock.advance(1000);

    assert_eq!(world.reset(USER, "anna", &code).await, "ok user/anna");
    let user = world.user("anna");
    assert!(user.password.as_ref().unwrap().verify(NEW));
    assert!(!user.filters.require_password_change && user.last_password_change == world.clock.now());
    assert_eq!(user.account.generation, before.account.generation + 1);
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN);
    assert!(world.pending("user/anna").is_none());
}

#[tokio::test]
async fn admins_have_codes_of_their_own() {
    let world = World::new().await;
    let mails = world.mails_after(ADMIN, "anna").await;
    assert_eq!(mails[0].to, "boss@example.com");
    assert_eq!(mails[0].subject, "Email Verification Code for admin \"anna\"");
    let code = code_in(&mails[0].text);
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN);
    assert_eq!(world.reset(ADMIN, "anna", &code).await, "ok admin/anna");
    let admin = world.store.shelf::<Admin>().get("anna").unwrap();
    assert!(admin.password.as_ref().unwrap().verify(NEW) && admin.account.generation == 1);
    assert!(world.user("anna").password.unwrap().verify("old Passw0rd"));
}

#[tokio::test]
async fn what_looks_like_a_hash_is_a_password_like_any_other() {
    let world = World::new().await;
    let code = ResetCode::from(world.code(USER, "anna").await);
    let password = NewPassword::new("{MD5}5f4dcc3b5aa765d61d8327deb882cf99");
    let draft = ResetDraft { name: "anna".into(), code, password: password.clone() };
    world.codes.reset(USER, draft, HOME).await.unwrap();
    let hash = world.user("anna").password.unwrap();
    assert!(hash.verify(password.expose()) && !hash.verify("password"));
}

#[tokio::test]
async fn what_is_missing_is_said_in_order_and_costs_no_code() {
    let world = World::with(ResetSettings { min_user_strength: 200, ..settings() }).await;
    let code = world.code(USER, "anna").await;
    for (code, password, why) in [
        ("", "", "please set a password"),
        ("", "x", "please set a confirmation code"),
        ("nonsense", "x", UNKNOWN),
        (code.as_str(), "x", "insecure password"),
    ] {
        let draft = ResetDraft {
            name: "anna".into(),
            code: ResetCode::from(code.to_owned()),
            password: NewPassword::new(password),
        };
        let refused = world.codes.reset(USER, draft, HOME).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)));
        assert!(refused.to_string().contains(why) || why == "insecure password", "{refused}");
    }
    world.change(|user| user.filters.password_strength = 1).await;
    assert_eq!(world.reset(USER, "anna", &code).await, "ok user/anna");
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_also_over_a_restart() {
    let world = World::new().await;
    let code = world.code(USER, "anna").await;
    world.clock.advance(600_001);
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN);
    let stored = world.pending("user/anna").unwrap();
    assert!(!serde_json::to_string(&*stored).unwrap().contains(&code));
    assert_eq!(world.codes.clean_up().await.unwrap(), 1);
    assert_eq!(world.codes.clean_up().await.unwrap(), 0);
    assert!(world.pending("user/anna").is_none());
}

#[tokio::test]
async fn a_new_request_voids_the_former_code_at_once() {
    let world = World::new().await;
    let first = world.code(USER, "anna").await;
    world.forgot("anna").await.unwrap();
    assert_eq!(world.reset(USER, "anna", &first).await, UNKNOWN);
    world.queue.pass().await;
    let second = code_in(&world.outbox.take()[0].text);
    assert_eq!(world.reset(USER, "anna", &second).await, "ok user/anna");
}

#[tokio::test]
async fn another_password_or_another_account_of_the_name_voids_the_code() {
    let world = World::new().await;
    let code = world.code(USER, "anna").await;
    let hash = world.hashing.hash(NewPassword::new("third Passw0rd")).await.unwrap();
    world.change(|user| user.password = Some(hash.clone())).await;
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN);

    let code = world.code(USER, "anna").await;
    world.change(|user| user.email = serde_json::from_value(json!("new@example.com")).unwrap()).await;
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN, "it lies in the old mailbox");
    world.change(|user| user.email = serde_json::from_value(json!("anna@example.com")).unwrap()).await;

    let code = world.code(USER, "anna").await;
    let name = world.users.name("anna");
    world.users.remove(&Requester::default(), &name, Preconditions::default()).await.unwrap();
    assert!(world.reset(USER, "anna", &code).await.starts_with("Unable to associate"));
    world.add_user(json!({"username": "anna", "email": "anna@example.com"})).await;
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN);
}

#[tokio::test]
async fn whoever_may_not_sign_in_gets_no_mail_and_no_password() {
    type Change = fn(&mut User);
    let world = World::with(ResetSettings { requests_per_account: 100, ..settings() }).await;
    let free = world.user("anna").filters;
    let filters = |value: Value| serde_json::from_value::<crate::domain::filters::Filters>(value).unwrap();
    let cases: [(&str, Change); 2] = [
        ("disabled", |user| user.status = Status::Disabled),
        ("expired", |user| user.expiration_date = UnixMillis::new(1_600_000_000_000)),
    ];
    for (case, change) in cases {
        let code = world.code(USER, "anna").await;
        world.change(change).await;
        assert!(world.reset(USER, "anna", &code).await.starts_with("Unable to associate"), "{case}");
        assert!(world.mails_after(USER, "anna").await.is_empty(), "{case}");
        world
            .change(|user| {
                user.status = Status::Enabled;
                user.expiration_date = UnixMillis::new(0);
            })
            .await;
    }
    for (value, why) in [
        (json!({"denied_protocols": ["HTTP"]}), "Unable to associate"),
        (json!({"denied_login_methods": ["password"]}), "Unable to associate"),
        (json!({"denied_ip": ["192.0.2.0/24"]}), "Unable to associate"),
        (json!({"access_time": [{"day_of_week": 1, "from": "00:00", "to": "00:01"}]}), "Unable to associate"),
        (json!({"web_client": ["password-reset-disabled"]}), "you are not allowed"),
    ] {
        let code = world.code(USER, "anna").await;
        let narrow = filters(value.clone());
        world.change(|user| user.filters = narrow.clone()).await;
        assert!(world.reset(USER, "anna", &code).await.starts_with(why), "{value}");
        let held = world.clone_request("user/anna");
        assert!(world.mails_after(USER, "anna").await.is_empty(), "{value}");
        world.change(|user| user.filters = free.clone()).await;
        world.put_request(held).await;
        assert_eq!(world.reset(USER, "anna", &code).await, "ok user/anna", "the code stays valid: {value}");
    }
}

#[tokio::test]
async fn an_admin_who_may_not_sign_in_gets_no_mail_and_no_password() {
    type Change = fn(&mut Admin);
    let narrow: Change =
        |admin| admin.filters.allow_list = IpNetworks::parse("x", &["198.51.100.0/24"]).unwrap();
    for change in [narrow, |admin| admin.status = Status::Disabled] {
        let world = World::new().await;
        let code = world.code(ADMIN, "anna").await;
        let changed = world.store.write(move |txn| {
            let mut admin = txn.item::<Admin>("anna")?.unwrap();
            change(&mut admin);
            txn.put_item(&admin)
        });
        changed.await.unwrap();
        assert!(world.reset(ADMIN, "anna", &code).await.starts_with("unable to associate"));
        assert!(world.mails_after(ADMIN, "anna").await.is_empty());
        assert!(
            world
                .store
                .shelf::<Admin>()
                .get("anna")
                .unwrap()
                .password
                .as_ref()
                .unwrap()
                .verify("old Passw0rd")
        );
    }
}

impl World {
    fn clone_request(&self, key: &str) -> PendingReset {
        PendingReset::clone(&self.pending(key).unwrap())
    }

    async fn put_request(&self, request: PendingReset) {
        self.store.write(move |txn| txn.put_item(&request)).await.unwrap();
    }
}

#[tokio::test]
async fn every_name_gets_the_same_answer_and_the_same_writes() {
    let world = World::new().await;
    world.add_user(json!({"username": "mute"})).await;
    let revision = || world.store.health().revision;
    let mut writes = Vec::new();
    for name in ["anna", "mute", "nobody", "no\r\nbody"] {
        let before = revision();
        world.forgot(name).await.unwrap();
        let asked = revision() - before;
        world.queue.pass().await;
        writes.push((asked, revision() - before - asked));
        let left = world.pending(&format!("user/{name}")).unwrap();
        assert!(matches!(left.progress, Progress::Sent(_)), "{name:?}");
    }
    assert!(writes.iter().all(|write| *write == (1, 2)), "{writes:?}");
    assert_eq!(world.outbox.take().len(), 1);
}

#[tokio::test]
async fn with_the_references_answers_some_are_told() {
    let world = World::with(ResetSettings { answers_alike: false, ..settings() }).await;
    world.add_user(json!({"username": "mute"})).await;
    assert!(error(world.forgot("mute").await).contains("no e-mail address"));
    assert_eq!(world.forgot("nobody").await.ok(), Some(()));
    world
        .change(|user| {
            user.filters.web_client = serde_json::from_value(json!(["password-reset-disabled"])).unwrap();
        })
        .await;
    assert_eq!(error(world.forgot("anna").await), "you are not allowed to reset your password");
    world.change(|user| user.status = Status::Disabled).await;
    assert_eq!(world.forgot("anna").await.ok(), Some(()));
}

#[tokio::test]
async fn without_a_mail_server_nobody_is_mailed_and_codes_are_still_looked_up() {
    let world = World::new().await;
    let codes =
        ResetCodes::new(world.store.clone(), world.hashing.clone(), world.clock.clone(), None, settings());
    for name in ["anna", "nobody"] {
        let refused = codes.forgot(USER, name, HOME).await.unwrap_err();
        assert!(matches!(&refused, Error::Refused(text) if text == "No SMTP configuration"));
    }
    let code = world.code(USER, "anna").await;
    let draft = ResetDraft { name: "anna".into(), code: code.into(), password: NewPassword::new(NEW) };
    assert!(codes.reset(USER, draft, HOME).await.is_ok());
}

#[tokio::test]
async fn the_name_in_the_path_must_fit_unless_the_settings_say_otherwise() {
    for (name_must_match, answer) in [(true, UNKNOWN), (false, "ok user/anna")] {
        let world = World::with(ResetSettings { name_must_match, ..settings() }).await;
        world.add_user(json!({"username": "bert", "email": "bert@example.com"})).await;
        let code = world.code(USER, "anna").await;
        assert_eq!(world.reset(ADMIN, "anna", &code).await, UNKNOWN);
        assert_eq!(world.reset(USER, "bert", &code).await, answer);
        let after = if name_must_match { "ok user/anna" } else { UNKNOWN };
        assert_eq!(world.reset(USER, " anna", &code).await, after);
        assert!(world.user("bert").password.unwrap().verify("old Passw0rd"));
    }
}

#[tokio::test]
async fn of_fifty_uses_at_once_one_succeeds() {
    let world = Arc::new(World::new().await);
    let code = world.code(USER, "anna").await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (world, code) = (Arc::clone(&world), code.clone());
        all.spawn(async move { world.reset(USER, "anna", &code).await });
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "ok user/anna").count(), 1);
    assert_eq!(answers.iter().filter(|answer| *answer == UNKNOWN).count(), 49);
    assert_eq!(world.user("anna").account.generation, 1);
}

#[tokio::test]
async fn mails_to_an_account_are_limited_without_a_word() {
    let world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.mails_after(USER, "anna").await.len(), 1);
    }
    let last = world.clone_request("user/anna");
    assert!(world.mails_after(USER, "anna").await.is_empty());
    assert_eq!(*world.pending("user/anna").unwrap(), last, "the code that is out stays valid");
    assert_eq!(world.mails_after(ADMIN, "anna").await.len(), 1);
    world.clock.advance(3_600_000);
    assert_eq!(world.mails_after(USER, "anna").await.len(), 1);
}

#[tokio::test]
async fn requests_from_one_address_are_limited_without_a_word() {
    let world = World::new().await;
    for number in 0..20 {
        world.forgot(&format!("nobody{number}")).await.unwrap();
    }
    assert!(world.mails_after(USER, "anna").await.is_empty());
    world.codes.forgot(USER, "anna", IpAddr::from([192, 0, 2, 2])).await.unwrap();
    world.queue.pass().await;
    assert_eq!(world.outbox.take().len(), 1);
}

#[tokio::test]
async fn guesses_are_limited_by_address_and_by_account() {
    let world = World::new().await;
    let code = world.code(USER, "anna").await;
    for _ in 0..5 {
        assert_eq!(world.reset(USER, "anna", "wrong").await, UNKNOWN);
    }
    assert_eq!(world.reset(USER, "anna", &code).await, UNKNOWN, "one too many");
    let elsewhere = |last| IpAddr::from([198, 51, 100, last]);
    assert!(world.reset_from(USER, "anna", &code, elsewhere(1)).await.is_ok());

    let code = world.code(USER, "anna").await;
    for number in 0..20 {
        assert!(world.reset_from(USER, "anna", "wrong", elsewhere(10 + number)).await.is_err());
    }
    assert!(world.reset_from(USER, "anna", &code, elsewhere(99)).await.is_err());
    world.clock.advance(60_000);
    assert!(world.reset_from(USER, "anna", &code, elsewhere(99)).await.is_ok());
}

#[tokio::test]
async fn guesses_from_many_addresses_do_not_keep_out_whoever_asked_for_the_code() {
    let world = World::new().await;
    let code = world.code(USER, "anna").await;
    for number in 0..40 {
        let stranger = IpAddr::from([198, 51, 100, number]);
        assert!(world.reset_from(USER, "anna", "wrong", stranger).await.is_err());
    }
    assert!(world.reset(USER, "anna", "wrong").await == UNKNOWN);
    assert!(world.reset(USER, "anna", &code).await.starts_with("ok"));
}
