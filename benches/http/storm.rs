//! Reading while many sign in: the time of `GET /users/{name}` at rest, and while clients have passwords hashed
//! without a pause. No request may fail, on either side.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::client::Client;
use super::process::{ADMIN, Process};
use super::{say, users};

/// Users in the store.
const USERS: usize = 1000;
/// The most times that the 99th percentile may grow.
const TARGET: f64 = 5.0;

/// Measures for so many seconds each, with so many clients that sign in.
pub(crate) fn run(clients: usize, seconds: f64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Every sign-in is to cost a hash.
    let server = Process::usersd_with(folder.path(), "storm", &[("USERSD__HASHING__CACHE_ENTRIES", "0")]);
    let admin = Client::new(server.address).signed_in(ADMIN.0, ADMIN.1);
    users::fill(&admin, USERS);
    let length = Duration::from_secs_f64(seconds);
    read(&admin, length / 4);
    let rest = read(&admin, length);

    let (is_over, signed_in) = (AtomicBool::new(false), AtomicU64::new(0));
    let storm = std::thread::scope(|threads| {
        for _ in 0..clients {
            threads.spawn(|| {
                let mut client = Client::new(server.address).basic(ADMIN.0, ADMIN.1);
                while !is_over.load(Ordering::Relaxed) {
                    client.get("/api/v2/token").expect(200);
                    signed_in.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Until every hash in turn is waited for.
        read(&admin, length / 4);
        let storm = read(&admin, length);
        is_over.store(true, Ordering::Relaxed);
        storm
    });

    say(&format!("GET /users/{{name}}, milliseconds; {clients} clients sign in without a pause"));
    say(&format!("{:<10} {:>9} {:>9} {:>9} {:>9}", "", "requests", "median", "p99", "most"));
    for (what, times) in [("at rest", &rest), ("meanwhile", &storm)] {
        let of = |share| percentile(times, share);
        say(&format!("{what:<10} {:>9} {:>9.3} {:>9.3} {:>9.3}", times.len(), of(0.5), of(0.99), of(1.0)));
    }
    let ratio = percentile(&storm, 0.99) / percentile(&rest, 0.99);
    let verdict = if ratio <= TARGET { "held" } else { "missed" };
    let signed_in = signed_in.into_inner();
    say(&format!(
        "p99 {ratio:.2} times as long (target ≤ {TARGET}: {verdict}); {signed_in} signed in, none failed"
    ));
}

/// Reads one user after the other; gives the times, sorted.
fn read(admin: &Client, length: Duration) -> Vec<f64> {
    let mut admin = admin.clone();
    let end = Instant::now() + length;
    let mut times = Vec::new();
    for number in (0..USERS).cycle() {
        let begun = Instant::now();
        if begun >= end {
            break;
        }
        admin.get(&format!("/api/v2/users/{}", users::name(number))).expect(200);
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    times
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a figure for people"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).ceil() as usize).copied().unwrap_or_default()
}
