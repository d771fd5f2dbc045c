//! Whether the time of an answer tells which names exist (`design/security.md` S14): tries with unknown names against
//! tries with wrong passwords, in turns, on one connection.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::process::{ADMIN, Process};
use super::say;

/// A try: who is asked for, and what comes of it.
struct Guess {
    path: &'static str,
    name: String,
}

/// Tries each so often, and says the means and their ratio.
pub(crate) fn run(tries: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Else the eleventh is answered without a look at it.
    let uncounted = [("USERSD__DEFENDER__ENABLED", "false")];
    let server = Process::usersd_with(folder.path(), "guesses", &uncounted);
    let admin = Client::new(server.address).signed_in(ADMIN.0, ADMIN.1);
    make_accounts(admin);
    let client = Client::new(server.address);
    for (kind, path, others) in [
        ("admin", "/api/v2/token", &["disabled", "elsewhere"][..]),
        ("user", "/api/v2/user/token", &["disabled", "expired", "passwordless"]),
    ] {
        let guess = |name: &str| Guess { path, name: name.to_owned() };
        let known = if kind == "admin" { ADMIN.0 } else { "known" };
        let mut guesses = vec![guess(known), guess("unknown")];
        guesses.extend(others.iter().map(|name| guess(name)));
        compare(kind, &client, &guesses, tries);
    }
}

fn make_accounts(mut admin: Client) {
    for (name, status, allow_list) in [("disabled", 0, &[][..]), ("elsewhere", 1, &["192.0.2.0/24"])] {
        let draft = json!({"username": name, "password": "right", "status": status, "permissions": ["*"],
            "filters": {"allow_list": allow_list}});
        admin.post("/api/v2/admins", &draft).expect(201);
    }
    for (name, password, status, expiration) in [
        ("known", "right", 1, 0),
        ("disabled", "right", 0, 0),
        ("expired", "right", 1, 1),
        ("passwordless", "", 1, 0),
    ] {
        let draft = json!({"username": name, "password": password, "status": status, "home_dir": "/srv/x",
            "expiration_date": expiration, "permissions": {"/": ["*"]}});
        admin.post("/api/v2/users", &draft).expect(201);
    }
}

/// The first guess is at a password that exists; the others are held against it.
fn compare(kind: &str, client: &Client, guesses: &[Guess], tries: usize) {
    let mut clients: Vec<Client> =
        guesses.iter().map(|guess| client.clone().basic(&guess.name, "wrong")).collect();
    let mut sums = vec![Duration::ZERO; guesses.len()];
    for turn in 0..tries {
        // Each begins a turn as often as the others: what the machine does between two turns hits all alike.
        for place in 0..guesses.len() {
            let index = (turn + place) % guesses.len();
            let since = Instant::now();
            clients[index].get(guesses[index].path).expect(401);
            sums[index] += since.elapsed();
        }
    }
    let mean =
        |sum: Duration| sum.as_secs_f64() * 1000.0 / f64::from(u32::try_from(tries).unwrap_or(u32::MAX));
    say(&format!("{kind}, wrong password: {:.3} ms, mean of {tries}", mean(sums[0])));
    for (guess, sum) in guesses.iter().zip(&sums).skip(1) {
        let ratio = mean(*sum) / mean(sums[0]);
        say(&format!("{kind}, {}: {:.3} ms, {ratio:.3} of that", guess.name, mean(*sum)));
    }
}
