//! The table: each figure taken in turns of its two sides, the middle of the ratios, and what is aimed at.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::client::Client;
use super::load::{Connection, Load};
use super::process::{ADMIN, Process};
use super::{Scale, disk, fill, median, say, users};

/// Names that are asked for, at most: far more than any cache of documents holds.
const NAMES: usize = 200_000;
/// Connections that read.
const READERS: usize = 16;
/// Connections that write beside them.
const WRITERS: usize = 64;
/// Settings for little memory, as they are said in the table.
const SMALL: [(&str, &str); 2] =
    [("USERSD__STORE__ENGINE_CACHE_MIB", "16"), ("USERSD__STORE__DOCUMENT_CACHE_MIB", "16")];

/// What is aimed at.
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// A line of the table.
fn row(name: &str, measured: &str, figure: f64, aim: &Aim) {
    let (sign, bound, reached) = match aim {
        Aim::AtLeast(bound) => ("≥", bound, figure >= *bound),
        Aim::AtMost(bound) => ("≤", bound, figure <= *bound),
    };
    let verdict = if reached { "reached" } else { "SHORT" };
    say(&format!("{name:<46} {measured:>34} {figure:>9.2}  {sign} {bound:<8.2} {verdict}"));
}

/// Takes all figures and says them.
pub(crate) fn run(asked: &Scale) {
    assert!((200..=fill::MOST).contains(&asked.users), "between 200 and {} users", fill::MOST);
    let folder = tempfile::tempdir_in(&asked.folder).expect("a folder on the disk under test");
    let folder = folder.path();
    say(&fill::fill(&folder.join("many"), asked.users));
    say(&fill::fill(&folder.join("tenth"), asked.users / 10));
    let workers = asked.workers.to_string();
    let shipped = [("USERSD__HTTP__WORKERS", workers.as_str())];
    let server = Process::usersd_with(folder, "many", &shipped);
    let fresh_mib = server.resident_mib();
    let mut bench = Bench { asked, folder, token: token(&server), made: AtomicUsize::new(0) };
    say(&format!("{:<46} {:>34} {:>9}  {:<10} ", "", "measured", "figure", "aim"));
    for (connections, aim) in [(1, 0.5), (16, 3.0), (64, 6.0)] {
        bench.creates(&server, connections, aim);
    }
    for order in ["ASC", "DESC"] {
        bench.pages(&server, order);
    }
    bench.users_against_bare(&server);
    bench.reads_under_writers(&server);
    let mib = server.resident_mib();
    memory("memory after this, shipped settings", (fresh_mib, mib), 1024.0, asked.users);
    // Dropped, a server is killed.
    drop(server);
    let server = bench.start("many", &shipped, asked.users);
    drop(server);
    // The tenth gets writes of its own before it is killed.
    let tenth = Process::usersd_with(folder, "tenth", &shipped);
    bench.token = token(&tenth);
    bench.create_for(&tenth, 16, Duration::from_secs_f64(asked.seconds));
    drop(tenth);
    drop(bench.start("tenth", &shipped, asked.users / 10));
    bench.small_memory(&[&shipped[..], &SMALL[..]].concat());
}

fn memory(name: &str, (fresh, now): (f64, f64), million: f64, users: usize) {
    row(
        name,
        &format!("{fresh:.0} MiB at the start, {now:.0} now"),
        now,
        &Aim::AtMost(of_a_million(million, users)),
    );
}

/// The share of what is aimed at with a million users, above what a server under load needs with few.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn of_a_million(aim: f64, users: usize) -> f64 {
    const FEW_MIB: f64 = 50.0;
    FEW_MIB + (aim - FEW_MIB) * users as f64 / 1_000_000.0
}

fn token(server: &Process) -> String {
    let answer = Client::new(server.address).basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(200).json();
    format!("Authorization: Bearer {}", answer["access_token"].as_str().expect("a token"))
}

struct Bench<'a> {
    asked: &'a Scale,
    folder: &'a Path,
    token: String,
    /// Users made while measuring.
    made: AtomicUsize,
}

impl Bench<'_> {
    fn turn(&self) -> Duration {
        Duration::from_secs_f64(self.asked.seconds)
    }

    /// Durable creates, each with a hash given, against appends and syncs just before and after.
    fn creates(&self, server: &Process, connections: usize, aim: f64) {
        let (mut rates, mut raws, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.asked.rounds {
            let before = disk::appends_a_second(self.folder, self.turn() / 3);
            let rate = self.create_for(server, connections, self.turn());
            let raw = f64::midpoint(before, disk::appends_a_second(self.folder, self.turn() / 3));
            rates.push(rate);
            raws.push(raw);
            ratios.push(rate / raw);
        }
        row(
            &format!("durable creates, {connections} connections, of F"),
            &format!("{:.0}/s, F {:.0}/s", median(&rates), median(&raws)),
            median(&ratios),
            &Aim::AtLeast(aim),
        );
    }

    /// Creates users for so long; gives how many a second.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn create_for(&self, server: &Process, connections: usize, length: Duration) -> f64 {
        let start = Instant::now();
        let stop = AtomicBool::new(false);
        let made = std::thread::scope(|threads| {
            let writers: Vec<_> = (0..connections)
                .map(|_| {
                    let stop = &stop;
                    threads.spawn(move || self.create_until(server, stop))
                })
                .collect();
            std::thread::sleep(length);
            stop.store(true, Ordering::Relaxed);
            writers.into_iter().map(|writer| writer.join().expect("every create is answered")).sum::<usize>()
        });
        made as f64 / start.elapsed().as_secs_f64()
    }

    fn create_until(&self, server: &Process, stop: &AtomicBool) -> usize {
        let mut connection = Connection::open(server.address);
        let mut made = 0;
        while !stop.load(Ordering::Relaxed) {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let mut draft = users::draft(number);
            draft["username"] = format!("new.{:08x}", number.wrapping_mul(0x9e37_79b1) & 0xffff_ffff).into();
            let body = draft.to_string();
            let head = format!(
                "POST /api/v2/users HTTP/1.1\r\nHost: {}\r\n{}\r\nContent-Length: {}\r\n\r\n",
                server.address,
                self.token,
                body.len()
            );
            connection.exchange((head + &body).as_bytes());
            made += 1;
        }
        made
    }

    /// The time of a page at nine tenths of all users against that of a first page.
    fn pages(&self, server: &Process, order: &str) {
        let deep = self.asked.users / 10 * 9;
        let mut connection = Connection::open(server.address);
        let mut page = |offset: usize| {
            let request = format!(
                "GET /api/v2/users?limit=100&offset={offset}&order={order} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n",
                server.address, self.token
            );
            let start = Instant::now();
            connection.exchange(request.as_bytes());
            start.elapsed().as_secs_f64() * 1e6
        };
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for turn in 0..300 {
            // Other users each time, within what one page and its neighbours hold.
            let shift = turn * 7 % 100;
            first.push(page(shift));
            last.push(page(deep - shift));
        }
        let (first, last) = (median(&first), median(&last));
        row(
            &format!("page of 100 at {deep} against 0, {order}, time"),
            &format!("{last:.0} µs, {first:.0} µs"),
            last / first,
            &Aim::AtMost(1.5),
        );
    }

    /// Requests for users from all over the store.
    fn names(&self, server: &Process) -> Load {
        let users = self.asked.users;
        let paths = (0..users.min(NAMES)).map(|step| {
            let number = (step + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            format!("/api/v2/users/{}", users::name(number % users))
        });
        Load::new(server.address, paths, &self.token)
    }

    fn users_against_bare(&self, server: &Process) {
        let mut client = Client::new(server.address).signed_in(ADMIN.0, ADMIN.1);
        for (file, path) in [
            ("user", format!("/api/v2/users/{}", users::name(self.asked.users / 2))),
            ("100", "/api/v2/users?limit=100".to_owned()),
            ("500", "/api/v2/users?limit=500".to_owned()),
        ] {
            let body = client.get(&path).expect(200).body;
            std::fs::write(self.folder.join(file), body).expect("the answer is kept");
        }
        let bare = Process::bare(self.folder, self.asked.workers);
        let (ours, theirs) = (self.names(server), self.names(&bare));
        // The engine reads its pages once.
        ours.run(READERS, self.turn());
        let (mut rates, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.asked.rounds {
            let (ours, theirs) = (self.rate(&ours), self.rate(&theirs));
            rates.push(ours);
            bares.push(theirs);
            ratios.push(ours / theirs);
        }
        row(
            "GET /users/{name}, any of all, against bare",
            &format!("{:.0}/s, {:.0}/s", median(&rates), median(&bares)),
            median(&ratios),
            &Aim::AtLeast(0.6),
        );
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn rate(&self, load: &Load) -> f64 {
        load.run(READERS, self.turn()) as f64 / self.asked.seconds
    }

    fn reads_under_writers(&self, server: &Process) {
        let names = self.names(server);
        let (mut alone, mut under, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.asked.rounds {
            let undisturbed = self.rate(&names);
            let stop = AtomicBool::new(false);
            let disturbed = std::thread::scope(|threads| {
                for _ in 0..WRITERS {
                    threads.spawn(|| self.create_until(server, &stop));
                }
                let rate = self.rate(&names);
                stop.store(true, Ordering::Relaxed);
                rate
            });
            alone.push(undisturbed);
            under.push(disturbed);
            ratios.push(disturbed / undisturbed);
        }
        row(
            &format!("reads beside {WRITERS} writers, against alone"),
            &format!("{:.0}/s, {:.0}/s", median(&under), median(&alone)),
            median(&ratios),
            &Aim::AtLeast(0.3),
        );
    }

    /// Starts a server on the store of one that was killed.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn start(&self, name: &str, variables: &[(&str, &str)], users: usize) -> Process {
        let start = Instant::now();
        let server = Process::usersd_with(self.folder, name, variables);
        let seconds = start.elapsed().as_secs_f64();
        let aim = Aim::AtMost((5e-6 * users as f64).max(0.2));
        row(&format!("start after kill -9, {users} users"), "seconds until it listens", seconds, &aim);
        server
    }

    fn small_memory(&self, variables: &[(&str, &str)]) {
        let server = Process::usersd_with(self.folder, "many", variables);
        let fresh = server.resident_mib();
        self.names(&server).run(READERS, self.turn() * 2);
        let said = SMALL.map(|(name, value)| {
            format!("{} {value}", name.trim_start_matches("USERSD__STORE__").to_lowercase())
        });
        say(&format!("little memory: {}", said.join(", ")));
        memory("memory after reads, little memory", (fresh, server.resident_mib()), 300.0, self.asked.users);
    }
}
