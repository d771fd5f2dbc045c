//! What a full user costs beside the hash of his password: decoding the body, settling it into a user, encoding his
//! record; then all of it with the store, as processor time of the whole process.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use usersd::api::json;
use usersd::domain::home_dir::HomeDirRules;
use usersd::domain::sealer::Sealer;
use usersd::domain::user::User;
use usersd::domain::user_draft::{UserDraft, UserRules};
use usersd::domain::username::NamingRules;
use usersd::store::{Record, Store, StoreOptions, encode_user};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bodies of the recorded conversations.
const TEMPLATES: &str = include_str!("../tests/conformance/templates.json");
/// Users that are stored, and how many clients' worth of them at a time.
const STORED: usize = 20_000;
const AT_ONCE: usize = 64;
/// Clock ticks of the kernel's accounts in a second (proc(5)); 100 on every Linux of today.
const TICKS: f64 = 100.0;
/// Microseconds of processor time that a user may take.
const TARGET: f64 = 60.0;

/// The full body, for a user of this name.
fn full(name: &str) -> Vec<u8> {
    let templates: Value = serde_json::from_str(TEMPLATES).expect("the templates are JSON");
    templates["full"].to_string().replace("{p}a", name).into_bytes()
}

/// The same with a file system whose credentials are to be sealed.
fn full_with_secret(name: &str) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&full(name)).expect("the body is JSON");
    body["filesystem"] = serde_json::json!({"provider": 1, "s3config": {
        "bucket": "files", "region": "eu-west-1", "access_key": "AKIA",
        "access_secret": {"status": "Plain", "payload": "forty characters of a secret access key."},
    }});
    body.to_string().into_bytes()
}

fn rules() -> UserRules {
    UserRules {
        naming: NamingRules::default(),
        home_dir: HomeDirRules::new(Some("/srv/sftp".into()), "/tmp".into()),
        min_password_strength: 0,
        sealer: Sealer::default(),
    }
}

fn decode(body: &[u8]) -> UserDraft {
    json::decode(body).expect("the body decodes")
}

fn settle(draft: UserDraft, rules: &UserRules) -> User {
    draft.settle(rules, None).expect("the draft is a user").0
}

fn encode(user: &User) -> Vec<u8> {
    let body = encode_user(user).expect("a settled user can be stored");
    Record::new(7, &body).encode(b"key").expect("a record of usual size")
}

fn steps(criterion: &mut Criterion) {
    let rules = rules();
    for (what, body) in [("full user", full("ada")), ("full user with a secret", full_with_secret("ada"))] {
        let user = settle(decode(&body), &rules);
        let mut group = criterion.benchmark_group(what);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("decode", |b| b.iter(|| black_box(decode(&body))));
        group.bench_function("decode and settle", |b| b.iter(|| black_box(settle(decode(&body), &rules))));
        group.bench_function("encode", |b| b.iter(|| black_box(encode(&user))));
        group.bench_function("decode, settle and encode", |b| {
            b.iter(|| black_box(encode(&settle(decode(&body), &rules))));
        });
        group.finish();
    }
}

/// Seconds of processor time of this process so far (proc(5), fields 14 and 15).
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the kernel tells");
    let (_, fields) = stat.rsplit_once(") ").expect("the command stands in parentheses");
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / TICKS
}

#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark reports to whoever runs it"
)]
fn stored(_: &mut Criterion) {
    let directory = tempfile::tempdir_in(".").expect("a directory on the disk under test");
    let path = directory.path().join("store");
    let store = Store::open(&StoreOptions { reserve_bytes: 0, ..StoreOptions::new(path) })
        .expect("a new store opens");
    let rules = rules();
    let bodies: Vec<Vec<u8>> = (0..STORED).map(|number| full(&format!("user-{number:06}"))).collect();
    let (begun, before) = (Instant::now(), processor_seconds());
    for group in bodies.chunks(AT_ONCE) {
        let users: Vec<User> = group.iter().map(|body| settle(decode(body), &rules)).collect();
        store
            .write_blocking(move |txn| users.iter().try_for_each(|user| txn.put_user(user).map(drop)))
            .expect("users are stored");
    }
    let each = (processor_seconds() - before) * 1e6 / STORED as f64;
    let verdict = if each <= TARGET { "held" } else { "missed" };
    println!(
        "decoded, settled and stored, {AT_ONCE} at a time: {each:.1} µs of processor time each (target ≤ {TARGET}: \
         {verdict}), {:.1} µs with the disk",
        begun.elapsed().as_secs_f64() * 1e6 / STORED as f64
    );
}

criterion_group!(benches, steps, stored);
criterion_main!(benches);
