//! Killed at a random moment, again and again: what was answered is there after the restart, what was deleted
//! stays so, nothing is half done, and every way to read tells the same (`design/security.md` T1).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::model::{self, Beliefs, Life, Version};
use super::program::{Client, Installation, Server};
use super::random::Random;

const USERS: &str = "/api/v2/users";
/// Clients that write at once.
const WRITERS: usize = 6;
/// Names each of them writes to: few enough that most are deleted and made again.
const NAMES: u64 = 60;
/// When the server is killed, milliseconds after the first answer.
const LIFE: Range<u64> = 5..250;
/// Rounds, unless `USERSD_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 20;

#[test]
fn a_killed_server_has_lost_nothing_it_answered() {
    let installation = Installation::new().with("USERSD__LOG__REQUESTS", "false");
    let mut random = Random::new();
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    let server = installation.start();
    for role in model::ROLES {
        server.admin().post("/api/v2/roles", &json!({"name": role})).expect(201);
    }
    server.stop();
    let (mut in_all, mut starts) = (0, Vec::new());
    let mut start = || {
        let since = Instant::now();
        let server = installation.start();
        starts.push(since.elapsed());
        server
    };
    for round in 1..=rounds() {
        let server = start();
        let answered = write_until_killed(server, &mut writers, Duration::from_millis(random.within(LIFE)));
        assert!(answered > 0, "nothing was written in round {round}");
        in_all += answered;
        let server = start();
        check(&server, &mut writers).unwrap_or_else(|why| panic!("round {round}: {why}\n{}", server.log()));
        if round % 2 == 0 {
            server.stop();
        } else {
            server.kill();
        }
    }
    report(in_all, starts);
}

/// What is worth knowing of a run that went well, for `cargo test … -- --nocapture`.
#[expect(clippy::print_stdout, reason = "whoever lets this run long wants to know what it did")]
fn report(writes: u64, mut starts: Vec<Duration>) {
    starts.sort_unstable();
    let (middle, longest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    println!(
        "{} kills, {writes} answered creates, updates and deletes: 0 lost, 0 half done, 0 undone; \
         starts took {middle:.0?} in the middle, {longest:.0?} at most",
        rounds()
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the length of the test is set from outside, nightly runs are long"
)]
fn rounds() -> u64 {
    std::env::var("USERSD_KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number of rounds"))
}

/// Lets the writers write until the server is killed under them; gives the number of answered writes.
fn write_until_killed(server: Server, writers: &mut [Writer], life: Duration) -> u64 {
    let admin = server.admin();
    let answered = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for writer in writers {
            let (mut client, answered) = (admin.clone(), &answered);
            threads.spawn(move || writer.write(&mut client, answered));
        }
        let since = Instant::now();
        while answered.load(Ordering::Relaxed) == 0 {
            assert!(since.elapsed() < Duration::from_secs(30), "no write is answered");
            std::thread::yield_now();
        }
        // The moment of death is what this test is about.
        std::thread::sleep(life);
        server.kill();
    });
    answered.into_inner()
}

/// A client with names of its own.
struct Writer {
    number: usize,
    random: Random,
    last: Version,
    beliefs: Beliefs,
}

impl Writer {
    fn new(number: usize) -> Self {
        Self { number, random: Random::new(), last: 0, beliefs: Beliefs::default() }
    }

    /// Writes until the server does not answer any more.
    fn write(&mut self, client: &mut Client, answered: &AtomicU64) {
        loop {
            let name = format!("w{}-{}", self.number, self.random.within(0..NAMES));
            let there = self.beliefs.is_there(&name);
            let deletes = there && self.random.within(0..3) == 0;
            self.last += 1;
            let wanted = if deletes { Life::Absent } else { Life::There(self.last) };
            let path = if there { format!("{USERS}/{name}") } else { USERS.to_owned() };
            let (method, status) = match (there, wanted) {
                (false, _) => ("POST", 201),
                (true, Life::There(_)) => ("PUT", 200),
                (true, Life::Absent) => ("DELETE", 200),
            };
            let body = (!deletes).then(|| model::draft(&name, self.last).to_string());
            self.beliefs.want(&name, wanted);
            match client.send(method, &path, &[], body.as_deref().map(str::as_bytes)) {
                Ok(answer) => drop(answer.expect(status)),
                Err(_) => return,
            }
            self.beliefs.acknowledge(&name);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Reads everything in every way and holds it against what the writers know.
fn check(server: &Server, writers: &mut [Writer]) -> Result<(), String> {
    let mut admin = server.admin();
    let documents = list(&mut admin, "ASC");
    let mut backwards = list(&mut admin, "DESC");
    backwards.reverse();
    if documents != backwards {
        return Err("the list read forwards and backwards differs".to_owned());
    }
    let mut found = BTreeMap::new();
    let mut of_role: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for document in &documents {
        let version = model::version(document)?;
        let name = document["username"].as_str().unwrap_or_default().to_owned();
        check_single(&mut admin, &name, document)?;
        of_role.entry(model::role(version)).or_default().insert(name.clone());
        if found.insert(name.clone(), version).is_some() {
            return Err(format!("{name} is in the list twice"));
        }
    }
    server.wait_for(&format!(", {} users", documents.len()));
    for role in model::ROLES {
        let shown = admin.get(&format!("/api/v2/roles/{role}")).expect(200).json();
        let users: BTreeSet<String> = names(&shown["users"]).collect();
        if users != of_role.remove(role).unwrap_or_default() {
            return Err(format!("the users of the role {role} are not those who have it: {users:?}"));
        }
    }
    for writer in writers {
        writer.beliefs.settle(&mut found)?;
    }
    if let Some(name) = found.keys().next() {
        return Err(format!("nobody ever made {name}"));
    }
    if server.anonymous().get("/readyz").status != 200 {
        return Err("the store takes no writes".to_owned());
    }
    Ok(())
}

/// Reads one user as he is kept and taken apart; both must be as listed.
fn check_single(admin: &mut Client, name: &str, listed: &Value) -> Result<(), String> {
    let single = admin.get(&format!("{USERS}/{name}")).expect(200).json();
    if single != *listed {
        return Err(format!("{name} alone is {single}, in the list {listed}"));
    }
    let whole = admin.get(&format!("{USERS}/{name}?confidential_data=1")).expect(200).json();
    if model::version(&whole)? != model::version(listed)? {
        return Err(format!("{name} taken apart is another version than the stored document"));
    }
    Ok(())
}

fn list(admin: &mut Client, order: &str) -> Vec<Value> {
    const PAGE: usize = 100;
    let mut documents = Vec::new();
    loop {
        let path = format!("{USERS}?limit={PAGE}&offset={}&order={order}", documents.len());
        let page = admin.get(&path).expect(200).json();
        let page = page.as_array().expect("a list");
        documents.extend_from_slice(page);
        if page.len() < PAGE {
            return documents;
        }
    }
}

fn names(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(ToOwned::to_owned))
}
