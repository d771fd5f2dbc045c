//! The defender on a store of its own: what is written when, what a restart leaves, who waits for whom.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tempfile::TempDir;

use super::*;
use crate::store::StoreOptions;

const NOON: UnixMillis = UnixMillis::new(1_795_000_000_000);
const LIMITS: Limits =
    Limits { failures: 10, failures_with_code: 5, window: 300_000, ban: 300_000, failures_in_a_row: 100 };

struct Scene {
    folder: TempDir,
    clock: Clock,
    store: Store,
    defender: Defender,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(NOON);
        let store = open(&folder);
        let defender = Defender::open(store.clone(), clock.clone(), LIMITS).unwrap();
        Self { folder, clock, store, defender }
    }

    /// As after a crash: only what was written is there.
    fn restart(self) -> Self {
        let Self { folder, clock, store, defender } = self;
        store.close().unwrap();
        drop((defender, store));
        let store = open(&folder);
        let defender = Defender::open(store.clone(), clock.clone(), LIMITS).unwrap();
        Self { folder, clock, store, defender }
    }

    async fn fails(&self, name: &str, from: u8) -> bool {
        match self.defender.enter(approach(name, from)).await {
            Ok(tried) => {
                tried.failed().await;
                true
            }
            Err(Error::TooMany { .. }) => false,
            Err(why) => panic!("{why}"),
        }
    }

    async fn succeeds(&self, name: &str, from: u8) -> bool {
        let entered = self.defender.enter(approach(name, from)).await;
        entered.map(Try::succeeded).is_ok()
    }

    fn written(&self) -> usize {
        self.store.items::<Watched>().unwrap().len()
    }
}

fn open(folder: &TempDir) -> Store {
    let options = StoreOptions { reserve_bytes: 0, ..StoreOptions::new(folder.path().join("store")) };
    Store::open(&options).unwrap()
}

fn approach(name: &str, from: u8) -> Approach {
    Approach::new(SubjectKind::User, name, None, IpAddr::from([10, 0, 0, from]))
}

fn address(from: u8) -> Subject {
    Subject::address(IpAddr::from([10, 0, 0, from]))
}

async fn is_pending<T>(mut future: impl Future<Output = T> + Unpin) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut future).poll(context).is_pending())).await
}

#[tokio::test]
async fn a_ban_is_on_disk_at_once_and_single_failures_when_saved() {
    let scene = Scene::new();
    let syncs = scene.store.health().syncs;
    for number in 0..9 {
        assert!(scene.fails(&format!("u{number}"), 1).await);
    }
    assert_eq!(scene.store.health().syncs, syncs, "nothing is written for one failure");
    assert!(scene.fails("u9", 1).await && !scene.fails("u10", 1).await);
    assert_eq!(scene.written(), 1);
    let scene = scene.restart();
    assert!(!scene.fails("u11", 1).await, "the ban outlives a crash");
    assert!(scene.fails("u1", 2).await);
    scene.defender.save().await.unwrap();
    let scene = scene.restart();
    assert_eq!(scene.defender.suspect(&address(2)).unwrap().failures, 1);
}

#[tokio::test]
async fn nothing_done_during_a_ban_makes_it_longer() {
    let scene = Scene::new();
    for number in 0..10 {
        assert!(scene.fails(&number.to_string(), 1).await);
    }
    let until = scene.defender.suspect(&address(1)).unwrap().banned_until;
    scene.clock.advance(200_000);
    assert!(!scene.fails("x", 1).await && !scene.succeeds("x", 1).await);
    assert_eq!(scene.defender.suspect(&address(1)).unwrap().banned_until, until);
    scene.clock.advance(100_000);
    assert!(scene.succeeds("x", 1).await);
}

#[tokio::test]
async fn an_account_bears_a_hundred_failures_in_a_row_whatever_the_time_and_the_addresses() {
    let mut scene = Scene::new();
    assert!(scene.succeeds("anna", 200).await);
    let (mut strangers, mut familiar) = (0, 0);
    for round in 0..60 {
        for from in 0..20 {
            strangers += usize::from(scene.fails("anna", from).await);
        }
        scene.clock.advance(3_600_000);
        if round == 20 {
            scene.defender.save().await.unwrap();
            scene = scene.restart();
        }
    }
    for _ in 0..60 {
        familiar += usize::from(scene.fails("anna", 200).await);
        scene.clock.advance(3_600_000);
    }
    assert_eq!((strangers, familiar), (90, 10));
    let anna = Subject::account(SubjectKind::User, "anna");
    assert!(scene.defender.suspect(&anna).unwrap().is_locked);
    assert!(!scene.succeeds("anna", 200).await);
    scene.defender.lift(&anna).await.unwrap();
    assert!(scene.succeeds("anna", 200).await);
    assert!(matches!(scene.defender.lift(&anna).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn tries_under_way_count_as_failures_until_they_are_over() {
    let scene = Scene::new();
    let mut under_way = Vec::new();
    for number in 0..10 {
        under_way.push(scene.defender.enter(approach(&number.to_string(), 1)).await.unwrap());
    }
    let mut next = Box::pin(scene.defender.enter(approach("next", 1)));
    assert!(is_pending(&mut next).await, "there is no room for one more failure");
    let elsewhere = scene.defender.enter(approach("next", 2)).await;
    assert!(elsewhere.is_ok());
    under_way.pop().unwrap().succeeded();
    next.await.unwrap().succeeded();
    for tried in under_way {
        tried.failed().await;
    }
    assert!(scene.fails("last", 1).await && !scene.fails("last", 1).await);
}

#[tokio::test]
async fn who_waits_for_one_that_brings_the_ban_is_refused() {
    let scene = Scene::new();
    for number in 0..9 {
        assert!(scene.fails(&number.to_string(), 1).await);
    }
    let last = scene.defender.enter(approach("last", 1)).await.unwrap();
    let mut next = Box::pin(scene.defender.enter(approach("next", 1)));
    assert!(is_pending(&mut next).await);
    last.failed().await;
    assert!(matches!(next.await, Err(Error::TooMany { .. })));
}

#[tokio::test]
async fn only_so_many_wait_and_a_try_given_up_is_none() {
    let scene = Scene::new();
    let mut under_way = Vec::new();
    for number in 0..10 {
        under_way.push(scene.defender.enter(approach(&number.to_string(), 1)).await.unwrap());
    }
    let mut waiting: Vec<_> =
        (0..WAITING).map(|_| Box::pin(scene.defender.enter(approach("next", 1)))).collect();
    for next in &mut waiting {
        assert!(is_pending(next).await);
    }
    assert!(matches!(scene.defender.enter(approach("x", 1)).await, Err(Error::Busy { .. })));
    drop((under_way, waiting));
    assert!(scene.defender.suspects().is_empty());
}

#[tokio::test]
async fn who_is_over_is_forgotten_in_memory_and_on_disk() {
    let scene = Scene::new();
    assert!(scene.fails("anna", 1).await);
    scene.defender.save().await.unwrap();
    assert_eq!(scene.written(), 2);
    scene.clock.advance(300_000);
    scene.defender.clean_up();
    scene.defender.save().await.unwrap();
    assert_eq!(scene.written(), 1, "the row of failures of a name lasts longer");
    assert!(scene.defender.suspects().is_empty());
    scene.clock.advance(30 * UnixMillis::DAY);
    scene.defender.clean_up();
    scene.defender.save().await.unwrap();
    assert_eq!(scene.written(), 0, "that of a name nobody has comes to its end");
}

#[tokio::test]
async fn places_and_rows_of_accounts_outlive_a_restart_a_month_and_any_number_of_made_up_names() {
    let scene = Scene::new();
    let hash = crate::domain::password::PasswordHash::recognise("$2a$x");
    let anna = |from| {
        let address = IpAddr::from([10, 0, 0, from]);
        Approach::new(SubjectKind::User, "anna", hash.as_ref(), address)
    };
    scene.defender.enter(anna(200)).await.unwrap().succeeded();
    scene.defender.save().await.unwrap();
    let scene = scene.restart();
    {
        let Some(watch) = &scene.defender.0 else { panic!("it is on") };
        let mut lists = watch.lists.lock();
        for number in 0..100_000 {
            let name = Subject::account(SubjectKind::User, &format!("u{number}"));
            let watched = lists.renew(&name, None, &LIMITS, NOON);
            watched.fail(Crowd::Strangers, false, &LIMITS, NOON);
        }
    }
    for from in 0..10 {
        scene.defender.enter(anna(from)).await.unwrap().failed().await;
    }
    assert!(scene.defender.enter(anna(11)).await.is_err(), "strangers are banned");
    assert!(scene.defender.enter(anna(200)).await.is_ok(), "the owner is not");
    scene.clock.advance(31 * UnixMillis::DAY);
    scene.defender.clean_up();
    scene.defender.save().await.unwrap();
    assert_eq!(scene.written(), 1, "the account's row has no end but a success");
}

#[tokio::test]
async fn expected_is_who_signed_in_from_there_today_while_nothing_is_held_against_either() {
    let scene = Scene::new();
    let expects =
        |from: u8| scene.defender.expects(SubjectKind::User, "anna", IpAddr::from([10, 0, 0, from]));
    assert!(!expects(1), "nobody has signed in yet");
    assert!(scene.succeeds("anna", 1).await);
    assert!(expects(1) && !expects(2));
    let tried = scene.defender.enter(approach("anna", 2)).await.unwrap();
    assert!(!expects(1), "somebody is trying");
    drop(tried);
    assert!(expects(1));
    assert!(scene.fails("bea", 1).await);
    assert!(!expects(1), "something failed there");
    scene.defender.lift(&address(1)).await.unwrap();
    assert!(expects(1));
    scene.clock.advance(UnixMillis::DAY);
    assert!(!expects(1), "the sign-in has to be noted anew");
    assert!(Defender::off().expects(SubjectKind::User, "anna", IpAddr::from([10, 0, 0, 1])));
}

#[tokio::test]
async fn without_a_defender_nobody_is_counted() {
    let defender = Defender::off();
    for _ in 0..1000 {
        defender.enter(approach("anna", 1)).await.unwrap().failed().await;
    }
    assert!(defender.suspects().is_empty() && defender.suspect(&address(1)).is_err());
}
