//! The comparison: turns of the one and the other server under the same load, the middle of their ratios.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::load::Load;
use super::process::{ADMIN, Process};
use super::{Compare, median, say, users};

/// Names that are asked for, of all users.
const NAMES: usize = 2000;

/// One figure: two loads, and what their ratio has to be.
struct Figure<'a> {
    name: &'static str,
    one: (&'a Process, Load),
    other: (&'a Process, Load),
    target: Option<f64>,
}

/// Takes all figures and says them.
pub(crate) fn run(asked: &Compare) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let quiet = Process::usersd(folder, "quiet", asked.workers, false);
    let logging = Process::usersd(folder, "logging", asked.workers, true);
    say(&prepare(&quiet, asked.users));
    prepare(&logging, asked.users);
    keep_answers(&sign_in(&quiet), folder, asked.users);
    let bare = Process::bare(folder, asked.workers);
    let proofs = Proofs { token: token(&quiet), logging_token: token(&logging), key: api_key(&quiet) };
    say(&format!(
        "{} connections, {} workers, {} turns of {} s each; ratios of requests a second, and of processor time a \
         request (1 is as good as bare)",
        asked.connections, asked.workers, asked.rounds, asked.seconds
    ));
    say(&format!("{:<44} {:>9} {:>9} {:>6} {:>7} {:>6}", "", "one/s", "other/s", "ratio", "target", "cpu"));
    for figure in figures(&quiet, &logging, &bare, &proofs, asked.users) {
        if figure.name.contains(&asked.only) {
            say(&measure(&figure, asked));
        }
    }
    say(&format!(
        "memory with {} users after this: {:.0} MiB; bare {:.0} MiB",
        asked.users,
        quiet.resident_mib(),
        bare.resident_mib()
    ));
}

/// Headers that say who asks.
struct Proofs {
    token: String,
    logging_token: String,
    key: String,
}

fn figures<'a>(
    quiet: &'a Process,
    logging: &'a Process,
    bare: &'a Process,
    proofs: &Proofs,
    users: usize,
) -> Vec<Figure<'a>> {
    let names = || {
        let step = (users / NAMES).max(1);
        (0..users).step_by(step).map(|number| format!("/api/v2/users/{}", users::name(number)))
    };
    let pages = |limit: usize| {
        let last = users.saturating_sub(limit);
        (0..NAMES).map(move |n| format!("/api/v2/users?limit={limit}&offset={}", n * 7919 % (last + 1)))
    };
    let path = |path: &str| vec![path.to_owned()];
    let with = |process: &'a Process, paths: Vec<String>, proof: &str| {
        (process, Load::new(process.address, paths, proof))
    };
    let figure = |name, one, other, target| Figure { name, one, other, target };
    let (token, key) = (&proofs.token, &proofs.key);
    let user = || with(bare, names().collect(), token);
    let same_page = |name, page: &str| {
        figure(name, with(quiet, path(page), token), with(bare, path(page), token), Some(0.7))
    };
    let gate = |name, proof: &str| {
        figure(
            name,
            with(quiet, path("/api/v2/version"), proof),
            // The header is sent to both, and looked at by one.
            with(quiet, path("/healthz"), proof),
            Some(0.85),
        )
    };
    vec![
        figure("GET /users/{name}, token", with(quiet, names().collect(), token), user(), Some(0.8)),
        figure(
            "GET /users/{name}, token, requests logged",
            with(logging, names().collect(), &proofs.logging_token),
            user(),
            None,
        ),
        figure("GET /users/{name}, API key; bare: token", with(quiet, names().collect(), key), user(), None),
        same_page("GET /users?limit=100, the same page", "/api/v2/users?limit=100"),
        same_page("GET /users?limit=500, the same page", "/api/v2/users?limit=500"),
        figure(
            "GET /users?limit=100, any page; bare: one",
            with(quiet, pages(100).collect(), token),
            with(bare, pages(100).collect(), token),
            Some(0.7),
        ),
        figure(
            "GET /users?limit=500, any page; bare: one",
            with(quiet, pages(500).collect(), token),
            with(bare, pages(500).collect(), token),
            Some(0.7),
        ),
        figure(
            "GET /healthz, no gate",
            with(quiet, path("/healthz"), ""),
            with(bare, path("/healthz"), ""),
            None,
        ),
        gate("the gate: GET /version to /healthz, token", token),
        gate("the gate: GET /version to /healthz, API key", key),
        figure("bare gate: GET /users/{name} to /healthz", user(), with(bare, path("/healthz"), ""), None),
    ]
}

/// How a server did in a turn.
struct Turn {
    /// Requests a second.
    rate: f64,
    /// Seconds of processor time a request.
    cost: f64,
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn take_turn((process, load): &(&Process, Load), connections: usize, seconds: f64) -> Turn {
    let before = process.processor_seconds();
    let answers = load.run(connections, Duration::from_secs_f64(seconds)) as f64;
    Turn { rate: answers / seconds, cost: (process.processor_seconds() - before) / answers }
}

fn measure(figure: &Figure<'_>, asked: &Compare) -> String {
    let turn = |side, seconds| take_turn(side, asked.connections, seconds);
    // Caches fill and the processor finds its pace.
    turn(&figure.one, asked.seconds / 4.0);
    turn(&figure.other, asked.seconds / 4.0);
    let turns: Vec<(Turn, Turn)> = (0..asked.rounds)
        .map(|_| (turn(&figure.one, asked.seconds), turn(&figure.other, asked.seconds)))
        .collect();
    let of = |figure: fn(&(Turn, Turn)) -> f64| median(&turns.iter().map(figure).collect::<Vec<_>>());
    format!(
        "{:<44} {:>9.0} {:>9.0} {:>6.2} {:>7} {:>6.2}",
        figure.name,
        of(|(one, _)| one.rate),
        of(|(_, other)| other.rate),
        of(|(one, other)| one.rate / other.rate),
        figure.target.map_or_else(String::new, |target| format!("≥ {target}")),
        of(|(one, other)| other.cost / one.cost)
    )
}

fn sign_in(server: &Process) -> Client {
    Client::new(server.address).signed_in(ADMIN.0, ADMIN.1)
}

fn prepare(server: &Process, users: usize) -> String {
    users::fill(&sign_in(server), users)
}

/// Keeps what the bare server answers: the very bytes of usersd.
fn keep_answers(admin: &Client, folder: &Path, users: usize) {
    let mut admin = admin.clone();
    for (file, path) in [
        ("user", format!("/api/v2/users/{}", users::name(users / 2))),
        ("100", "/api/v2/users?limit=100".to_owned()),
        ("500", "/api/v2/users?limit=500".to_owned()),
    ] {
        let body = admin.get(&path).expect(200).body;
        say(&format!("{path} has {} bytes", body.len()));
        std::fs::write(folder.join(file), body).expect("the answer is kept");
    }
}

fn token(server: &Process) -> String {
    let answer = Client::new(server.address).basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(200).json();
    format!("Authorization: Bearer {}", answer["access_token"].as_str().expect("a token"))
}

fn api_key(server: &Process) -> String {
    let mut admin = sign_in(server);
    admin.put("/api/v2/admin/profile", &json!({"allow_api_key_auth": true})).expect(200);
    let made =
        admin.post("/api/v2/apikeys", &json!({"name": "bench", "scope": 1, "admin": ADMIN.0})).expect(201);
    format!("X-SFTPGO-API-KEY: {}", made.json()["key"].as_str().expect("a key"))
}
