//! A store full of users as a server would have written them, made through the library and fast.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use usersd::domain::home_dir::HomeDirRules;
use usersd::domain::sealer::Sealer;
use usersd::domain::user::User;
use usersd::domain::user_draft::{UserDraft, UserRules};
use usersd::domain::username::NamingRules;
use usersd::store::{Store, StoreOptions};

use super::users;

/// Users of one batch.
const BATCH: usize = 1000;

/// The most users there are names for.
pub(crate) const MOST: usize = 1 << 20;

fn user(number: usize) -> User {
    static RULES: LazyLock<UserRules> = LazyLock::new(|| UserRules {
        naming: NamingRules::default(),
        home_dir: HomeDirRules::new(None, "/tmp".into()),
        min_password_strength: 0,
        sealer: Sealer::default(),
    });
    let draft: UserDraft = serde_json::from_value(users::draft(number)).expect("the draft decodes");
    draft.settle(&RULES, None).expect("the draft is a user").0
}

/// Makes a store with so many users in it, and opens it once more, as after every bulk import. Says how long it took
/// and how large the users' documents are.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn fill(path: &Path, users: usize) -> String {
    let options = StoreOptions::new(path);
    let start = Instant::now();
    // The engine is faster, and its files smaller, when names come in order.
    let mut order: Vec<(String, usize)> = (0..users).map(|number| (users::name(number), number)).collect();
    order.sort_unstable();
    let numbers: Vec<usize> = order.into_iter().map(|(_, number)| number).collect();
    let store = Store::open(&options).expect("a new store opens");
    for batch in numbers.chunks(BATCH) {
        let batch: Vec<User> = batch.iter().map(|number| user(*number)).collect();
        let put = store.write_blocking(move |txn| {
            batch.into_iter().try_for_each(|mut user| {
                user.id = txn.next_user_id()?;
                txn.put_user(&user).map(drop)
            })
        });
        put.expect("the users are stored");
    }
    let one = store.user_document(&users::name(0)).expect("it can be read").expect("it is there");
    let bytes = one.stored().json().len();
    store.close().expect("the store closes");
    drop(store);
    let took = start.elapsed();
    Store::open(&options).expect("the store opens again").close().expect("the store closes");
    format!(
        "{users} users of {bytes} bytes made in {took:.1?}, {:.0} a second",
        users as f64 / took.as_secs_f64()
    )
}
