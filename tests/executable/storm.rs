//! A thousand sign-ins at once: each is answered, with what it came for or with when to come back, and the memory
//! stays within the stated bounds (`design/security.md` S18). What happens is asserted, not how long it takes.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::program::{ADMIN, Answer, Installation, Server};

/// How many sign in at once.
const MANY: usize = 1000;
/// What the server may use, MiB: two hashes of 64 MiB at once, and everything else. Without the bound on hashing
/// a thousand would take 64,000.
const CEILING_MIB: u64 = 400;

/// A server whose hashes take much memory, so that too many at once would be seen.
fn installation() -> Installation {
    Installation::new()
        .with("USERSD__HASHING__ALGORITHM", "argon2id")
        .with("USERSD__HASHING__ARGON2_MEMORY_KIB", "65536")
        .with("USERSD__HASHING__WORKERS", "2")
        .with("USERSD__HASHING__QUEUE", "20")
}

/// A file for each connection, here and in the server, which inherits the limit.
fn allow_many_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = 4096;
    if current.is_some_and(|current| current < wanted) {
        let current = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        setrlimit(Resource::Nofile, Rlimit { current, maximum })
            .expect("the soft limit may rise to the hard one");
    }
}

/// Asks over a connection for each, all before the first answer is read; gives how many got which status.
fn storm(server: &Server, credentials: impl Fn(usize) -> (String, String)) -> BTreeMap<u16, usize> {
    let ask = |number| {
        let mut stream = TcpStream::connect(server.address()).expect("the server takes connections");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("an option of TCP");
        let (name, password) = credentials(number);
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        // Where the settings believe it, the storm comes from somewhere else than who asks afterwards.
        let head = "GET /api/v2/token HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1";
        let request = format!("{head}\r\nAuthorization: Basic {encoded}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the request is taken");
        stream
    };
    let streams: Vec<TcpStream> = (0..MANY).map(ask).collect();
    let mut statuses = BTreeMap::new();
    for stream in streams {
        let answer = Answer::read(&mut BufReader::new(stream), false).expect("every request is answered");
        if matches!(answer.status, 429 | 503) {
            let wait: u64 = answer.header("Retry-After").parse().expect("when to come back");
            assert!(wait > 0);
        }
        *statuses.entry(answer.status).or_default() += 1;
    }
    assert_eq!(statuses.values().sum::<usize>(), MANY);
    assert!(server.peak_mib() < CEILING_MIB, "{} MiB, {statuses:?}", server.peak_mib());
    // And it goes on as before.
    server.admin().get("/api/v2/users").expect(200);
    statuses
}

#[test]
fn a_thousand_right_sign_ins_at_once_are_let_in_or_told_when_to_come_back() {
    allow_many_files();
    let server = installation().with("USERSD__DEFENDER__ENABLED", "true").start();
    let statuses = storm(&server, |_| (ADMIN.0.to_owned(), ADMIN.1.to_owned()));
    assert!(statuses.keys().all(|status| matches!(status, 200 | 429 | 503)), "{statuses:?}");
    assert!(statuses.contains_key(&200), "{statuses:?}");
    server.stop();
}

#[test]
fn a_thousand_unknown_names_at_once_cost_no_more_than_the_queue_bears() {
    allow_many_files();
    let server = installation().start();
    let statuses = storm(&server, |number| (format!("nobody{number}"), "x".to_owned()));
    assert!(statuses.keys().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
    assert!(statuses.contains_key(&401), "{statuses:?}");
    server.stop();
}

#[test]
fn of_a_thousand_guesses_at_once_ten_are_looked_at() {
    allow_many_files();
    let server = installation()
        .with("USERSD__DEFENDER__ENABLED", "true")
        .with("USERSD__HTTP__PROXY_ALLOWED", "127.0.0.1")
        .with("USERSD__HTTP__CLIENT_IP_HEADER", "X-Forwarded-For")
        .start();
    let statuses = storm(&server, |number| (format!("nobody{number}"), "x".to_owned()));
    assert_eq!(statuses.get(&401), Some(&10), "{statuses:?}");
    assert!(statuses.keys().all(|status| matches!(status, 401 | 429 | 503)), "{statuses:?}");
    server.stop();
}
