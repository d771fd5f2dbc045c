//! What many clients saw of a few users must have one order in which nothing is lost: each user is a register that is
//! created, replaced and patched in a known state, removed and read, and the history of each is searched for such
//! an order. `USERSD_HISTORY_OPS` says how many calls are made (10,000).

mod checker;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use awc::http::Method;
use serde_json::json;

use self::checker::{Call, Op, Outcome, check};
use crate::harness::{Principal, Reply, TestServer};

const CLIENTS: u64 = 8;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// What all clients share: the one clock of the history, and the history.
#[derive(Default)]
struct Recorder {
    moment: Cell<u64>,
    value: Cell<i64>,
    calls: RefCell<BTreeMap<&'static str, Vec<Call>>>,
}

impl Recorder {
    fn moment(&self) -> u64 {
        self.moment.set(self.moment.get() + 1);
        self.moment.get()
    }

    /// A value that no other write has.
    fn value(&self) -> i64 {
        self.value.set(self.value.get() + 1);
        self.value.get()
    }
}

/// Numbers without a pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// One client with what it last knew of each user.
struct Client {
    caller: Principal,
    dice: Dice,
    known: BTreeMap<&'static str, String>,
    recorder: Rc<Recorder>,
}

impl Client {
    async fn call(&mut self) {
        let name = NAMES[usize::try_from(self.dice.below(NAMES.len() as u64)).unwrap()];
        let known = self.known.get(name).cloned();
        let value = self.recorder.value();
        let op = match (self.dice.below(100), known) {
            (0..15, _) => Op::Create { value },
            (15..25, _) => Op::Write { value, expected: None },
            (25..65, Some(tag)) => Op::Write { value, expected: Some(tag) },
            (65..75, Some(tag)) => Op::Remove { expected: Some(tag) },
            (75..79, _) => Op::Remove { expected: None },
            (_, _) => Op::Read,
        };
        let start = self.recorder.moment();
        let reply = self.send(name, &op).await;
        let end = self.recorder.moment();
        let outcome = outcome(&op, &reply);
        match &outcome {
            Outcome::Done { tag } | Outcome::Seen { tag, .. } => {
                self.known.insert(name, tag.clone());
            }
            // A tag that failed is tried again now and then: it must go on failing.
            Outcome::Stale | Outcome::Taken | Outcome::Gone if self.dice.below(4) > 0 => {
                self.known.remove(name);
            }
            Outcome::Stale | Outcome::Taken | Outcome::Gone | Outcome::Removed => {}
        }
        let call = Call { start, end, op, outcome };
        self.recorder.calls.borrow_mut().entry(name).or_default().push(call);
    }

    async fn send(&mut self, name: &str, op: &Op) -> Reply {
        let path = format!("/users/{name}");
        let user = |value: &i64| json!({"username": name, "permissions": {"/": ["*"]}, "uid": value});
        let in_state = |expected: &Option<String>| match expected {
            Some(tag) => self.caller.clone().with("If-Match", tag),
            None => self.caller.clone(),
        };
        match op {
            Op::Create { value } => self.caller.post("/users", &user(value)).await,
            Op::Read => self.caller.get(&path).await,
            Op::Remove { expected } => in_state(expected).delete(&path).await,
            Op::Write { value, expected } if value % 3 == 0 => {
                let caller = in_state(expected).with("Content-Type", "application/merge-patch+json");
                caller.send(&Method::PATCH, &path, json!({"uid": value}).to_string()).await
            }
            Op::Write { value, expected } => in_state(expected).put(&path, &user(value)).await,
        }
    }
}

fn outcome(op: &Op, reply: &Reply) -> Outcome {
    let tag = || reply.header("ETag").to_owned();
    match (op, reply.status) {
        (Op::Create { .. }, 201) | (Op::Write { .. }, 200) => Outcome::Done { tag: tag() },
        (Op::Read, 200) => Outcome::Seen { value: reply.json()["uid"].as_i64().unwrap(), tag: tag() },
        (Op::Remove { .. }, 200) => Outcome::Removed,
        (Op::Create { .. }, 409) => Outcome::Taken,
        (Op::Write { .. } | Op::Remove { .. }, 412) => Outcome::Stale,
        (Op::Write { .. } | Op::Remove { .. } | Op::Read, 404) => Outcome::Gone,
        (op, status) => panic!("{op:?}: {status} {}", reply.text),
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever has the time asks for more, and for a test alone")]
fn ops() -> u64 {
    std::env::var("USERSD_HISTORY_OPS").map_or(10_000, |text| text.parse().unwrap())
}

#[actix_web::test]
async fn the_history_of_every_user_has_an_order_in_which_no_change_is_lost() {
    let ops = ops();
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let recorder = Rc::new(Recorder::default());
    let clients = (1..=CLIENTS).map(|number| {
        let dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut client =
            Client { caller: admin.clone(), dice, known: BTreeMap::new(), recorder: Rc::clone(&recorder) };
        async move {
            for _ in 0..ops / CLIENTS {
                client.call().await;
            }
        }
    });
    futures_util::future::join_all(clients).await;
    let (mut done, mut stale) = (0, 0);
    for (name, calls) in recorder.calls.borrow().iter() {
        check(calls).unwrap_or_else(|why| panic!("user {name}: {why}"));
        done += calls.iter().filter(|call| matches!(call.outcome, Outcome::Done { .. })).count();
        stale += calls.iter().filter(|call| call.outcome == Outcome::Stale).count();
    }
    let ops = usize::try_from(ops).unwrap();
    assert!(done > ops / 10 && stale > ops / 100, "of {ops} calls {done} wrote, {stale} were too late");
}
