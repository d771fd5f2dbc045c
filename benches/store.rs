//! The store's speed, as ratios taken in one run: reads against a plain map, deep pages against the first one,
//! durable writes against a bare append and sync on the same disk. Searches are told in users a second. Absolute
//! figures say more of the machine.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use usersd::clock::Clock;
use usersd::domain::entity_tag::Tagger;
use usersd::domain::home_dir::HomeDirRules;
use usersd::domain::password::HashingScheme;
use usersd::domain::sealer::Sealer;
use usersd::domain::user::User;
use usersd::domain::user_draft::{UserDraft, UserRules};
use usersd::domain::username::NamingRules;
use usersd::service::hashing::{HashingLimits, HashingPool};
use usersd::service::requester::Requester;
use usersd::service::sessions::Sessions;
use usersd::service::users::{ListQuery, StateRules, UserFilter, Users};
use usersd::store::{Store, StoreOptions, Window};

/// Users in the store that is read.
const USERS: usize = 100_000;
/// Bytes of a user's document.
const BYTES: usize = 1200;

static RULES: LazyLock<UserRules> = LazyLock::new(|| UserRules {
    naming: NamingRules::default(),
    home_dir: HomeDirRules::new(Some("/srv/sftp".into()), "/tmp".into()),
    min_password_strength: 0,
    sealer: Sealer::default(),
});

/// A user whose document has about [`BYTES`] bytes.
fn user(name: &str) -> User {
    let text = "x".repeat(BYTES - 600);
    let json = format!(r#"{{"username":"{name}","status":1,"description":"{text}"}}"#);
    let mut draft: UserDraft = serde_json::from_str(&json).expect("the draft decodes");
    draft.permissions = serde_json::from_str(r#"{"/":["*"]}"#).expect("permissions decode");
    draft.settle(&RULES, None).expect("the draft is a user").0
}

fn open(document_cache_bytes: u64) -> (TempDir, Store) {
    let directory = tempfile::tempdir_in(".").expect("a directory on the disk under test");
    let path = directory.path().join("store");
    let options = StoreOptions { document_cache_bytes, reserve_bytes: 0, ..StoreOptions::new(path) };
    let store = Store::open(&options).expect("a new store opens");
    (directory, store)
}

fn name(number: usize) -> String {
    format!("user-{number:08}")
}

fn filled(document_cache_bytes: u64) -> (TempDir, Store) {
    let (directory, store) = open(document_cache_bytes);
    for first in (0..USERS).step_by(1000) {
        store
            .write_blocking(move |txn| {
                (first..first + 1000).try_for_each(|number| txn.put_user(&user(&name(number))).map(drop))
            })
            .expect("users are stored");
    }
    (directory, store)
}

/// Numbers below [`USERS`] without a pattern.
fn scattered() -> impl FnMut() -> usize {
    let mut step = 0_usize;
    move || {
        step = step.wrapping_add(1);
        (step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % USERS
    }
}

fn reads(criterion: &mut Criterion) {
    let map: HashMap<String, Bytes> = (0..USERS).map(|n| (name(n), Bytes::from(vec![b'x'; BYTES]))).collect();
    let (_cached_directory, cached) = filled(1 << 30);
    let (_uncached_directory, uncached) = filled(0);
    let mut group = criterion.benchmark_group("point read");
    let mut next = scattered();
    group.bench_function("plain map and copy", |b| {
        b.iter(|| black_box(map.get(&name(next())).map(|document| document.to_vec())));
    });
    for (what, store) in [("cached", &cached), ("from the engine", &uncached)] {
        let mut next = scattered();
        group.bench_function(what, |b| {
            b.iter(|| black_box(store.user_document(&name(next())).expect("it can be read")));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("page");
    for (what, store) in [("cached", &cached), ("from the engine", &uncached)] {
        for (limit, offset) in [(100, 0), (100, USERS / 10 * 9), (500, USERS / 2)] {
            group.bench_function(BenchmarkId::new(what, format!("{limit} at {offset}")), |b| {
                b.iter(|| {
                    black_box(
                        store
                            .users_page(None, None, Window { offset, limit, descending: false })
                            .expect("it can be read"),
                    )
                });
            });
        }
    }
    group.finish();
}

/// Appends and syncs so many times: what the disk can do at best.
fn raw(directory: &TempDir, times: u64) -> Duration {
    let mut file = File::create(directory.path().join("raw")).expect("a file");
    let block = vec![b'x'; BYTES];
    let start = Instant::now();
    for _ in 0..times {
        file.write_all(&block).and_then(|()| file.sync_data()).expect("it is written");
    }
    start.elapsed()
}

/// Creates so many users, this many at a time.
fn create(store: &Store, clients: u64, times: u64, made: &AtomicU64) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let share = times / clients + u64::from(client < times % clients);
            scope.spawn(move || {
                for _ in 0..share {
                    let name =
                        format!("new-{:x}", made.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b1));
                    let user = user(&name);
                    store.write_blocking(move |txn| txn.put_user(&user)).expect("it is stored");
                }
            });
        }
    });
    start.elapsed()
}

#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark reports to whoever runs it"
)]
fn writes(criterion: &mut Criterion) {
    let (directory, store) = open(64 << 20);
    let made = AtomicU64::new(0);
    // What was done and how long it took, over all samples of each.
    let totals: RefCell<Vec<(String, u64, Duration)>> = RefCell::default();
    let note = |what: &str, times: u64, took: Duration| {
        let mut totals = totals.borrow_mut();
        match totals.iter_mut().find(|(known, ..)| known == what) {
            Some((_, count, sum)) => (*count, *sum) = (*count + times, *sum + took),
            None => totals.push((what.to_owned(), times, took)),
        }
        took
    };
    let mut group = criterion.benchmark_group("durable write");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(4));
    let mut append = |what: &str| {
        group.bench_function(what, |b| b.iter_custom(|times| note("raw", times, raw(&directory, times))));
    };
    append("bare append and sync before");
    for clients in [1, 8, 64] {
        let syncs = store.health().syncs;
        let (mut count, what) = (0, format!("create, {clients} clients"));
        group.bench_function(&what, |b| {
            b.iter_custom(|times| {
                // Fewer than there are clients would measure fewer clients.
                let rounds = times.max(clients * 4);
                count += rounds;
                let took = note(&what, rounds, create(&store, clients, rounds, &made));
                took.mul_f64(times as f64 / rounds as f64)
            });
        });
        let syncs = store.health().syncs - syncs;
        println!("{what}: {:.1} writes a sync", count as f64 / syncs.max(1) as f64);
    }
    group.bench_function("bare append and sync after", |b| {
        b.iter_custom(|times| note("raw", times, raw(&directory, times)));
    });
    group.finish();
    let rate = |(_, count, took): &(String, u64, Duration)| *count as f64 / took.as_secs_f64();
    let totals = totals.borrow();
    let Some(raw) = totals.iter().find(|(what, ..)| what == "raw").map(rate) else { return };
    for total in totals.iter() {
        println!("{}: {:.0}/s, {:.2} of a bare append and sync", total.0, rate(total), rate(total) / raw);
    }
}

/// Searches that look at every user, in users a second.
fn searches(criterion: &mut Criterion) {
    let (_directory, store) = filled(0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let limits = HashingLimits::default();
    let scheme = HashingScheme::bcrypt(4).expect("a cost that is allowed");
    let hashing = HashingPool::new(scheme, limits, None).expect("hashing works");
    let states = StateRules { tagger: Tagger::new(b"of this benchmark"), require_if_match: false };
    let sessions = Sessions::default();
    let users = Users::new(store, hashing, Clock::System, sessions, Arc::new(RULES.clone()), states)
        .expect("threads for searches");
    let mut group = criterion.benchmark_group("search");
    group.throughput(Throughput::Elements(USERS as u64)).sample_size(10);
    let all = UserFilter::default;
    for (what, filter) in [
        ("status", UserFilter { status: Some(0), ..all() }),
        ("email", UserFilter { email: Some("nobody@example.com".into()), ..all() }),
        ("text", UserFilter { search: Some("nowhere".into()), ..all() }),
    ] {
        group.bench_function(what, |b| {
            b.iter(|| {
                let window = Window { offset: 0, limit: 100, descending: false };
                let query = ListQuery { window, after: None, filter: filter.clone() };
                let listing = runtime.block_on(users.list(&Requester::default(), query));
                let total = listing.expect("the users can be read").total;
                assert_eq!(black_box(total), Some(0));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, searches, reads, writes);
criterion_main!(benches);
