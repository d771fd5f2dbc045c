//! How often something may happen within a time: counted by whoever does it, exactly, and forgotten
//! with the process. What is remembered is bounded, whoever comes.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

use parking_lot::Mutex;

use crate::domain::time::UnixMillis;

/// The most that are remembered at a time; those not heard of longest make room.
const MAX_KNOWN: usize = 50_000;

/// At most so many events within a time that moves along.
#[derive(Debug)]
pub(super) struct Limit {
    most: usize,
    /// Milliseconds.
    within: i64,
    /// Moments by a keyed hash of who it was: names have any length, and nobody can aim at another's number.
    events: Mutex<HashMap<u64, Vec<UnixMillis>>>,
    hasher: RandomState,
}

impl Limit {
    /// At most so many within so many milliseconds.
    pub(super) fn new(most: u32, within: i64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { most, within, events: Mutex::default(), hasher: RandomState::new() }
    }

    /// Counts an event and says whether it was still allowed; one that was not is not counted.
    pub(super) fn take(&self, who: impl Hash, now: UnixMillis) -> bool {
        let key = self.hasher.hash_one(who);
        let mut events = self.events.lock();
        if events.len() >= MAX_KNOWN && !events.contains_key(&key) {
            self.make_room(&mut events, now);
        }
        let moments = events.entry(key).or_default();
        let begin = now.plus(-self.within);
        moments.retain(|moment| *moment > begin);
        let is_allowed = moments.len() < self.most;
        if is_allowed {
            moments.push(now);
        }
        is_allowed
    }

    /// Takes an event back that turned out to be none.
    pub(super) fn give_back(&self, who: impl Hash, now: UnixMillis) {
        let key = self.hasher.hash_one(who);
        if let Some(moments) = self.events.lock().get_mut(&key)
            && let Some(position) = moments.iter().rposition(|moment| *moment == now)
        {
            moments.remove(position);
        }
    }

    /// Forgets who was not heard of within the time, and then as many as it takes.
    fn make_room(&self, events: &mut HashMap<u64, Vec<UnixMillis>>, now: UnixMillis) {
        let begin = now.plus(-self.within);
        events.retain(|_, moments| moments.last().is_some_and(|last| *last > begin));
        if events.len() < MAX_KNOWN {
            return;
        }
        let mut last: Vec<UnixMillis> =
            events.values().filter_map(|moments| moments.last().copied()).collect();
        let (_, middle, _) = last.select_nth_unstable(MAX_KNOWN / 2);
        let middle = *middle;
        events.retain(|_, moments| moments.last().is_some_and(|last| *last > middle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis::new(1_000_000);

    #[test]
    fn so_many_are_allowed_within_the_time_and_each_for_himself() {
        let limit = Limit::new(2, 1000);
        let take = |who: &str, at: i64| limit.take(who, NOON.plus(at));
        assert!(take("anna", 0) && take("anna", 400));
        assert!(!take("anna", 999) && take("bert", 999));
        assert!(take("anna", 1000), "the first one is over");
        assert!(!take("anna", 1399) && take("anna", 1400));
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        let limit = Limit::new(1, 1000);
        for _ in 0..5 {
            assert!(limit.take("anna", NOON));
            limit.give_back("anna", NOON);
        }
        assert!(limit.take("anna", NOON) && !limit.take("anna", NOON));
        limit.give_back("bert", NOON);
    }

    #[test]
    fn many_at_once_get_no_more_than_one_after_the_other() {
        let limit = Limit::new(5, 1000);
        let allowed = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let taken = (0..50).filter(|_| limit.take("anna", NOON)).count();
                    allowed.fetch_add(taken, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
        assert_eq!(allowed.into_inner(), 5);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_latest_stay() {
        let limit = Limit::new(1, i64::MAX / 2);
        let many = i64::try_from(MAX_KNOWN).unwrap();
        for number in 0..many + 10 {
            assert!(limit.take(number, NOON.plus(number)));
        }
        assert!(limit.events.lock().len() <= MAX_KNOWN);
        let last = many + 9;
        assert!(!limit.take(last, NOON.plus(last)));
        // All at one moment: nobody is older than another, so all are forgotten rather than none.
        let limit = Limit::new(1, 1000);
        for number in 0..2 * MAX_KNOWN {
            limit.take(number, NOON);
        }
        assert!(limit.events.lock().len() <= MAX_KNOWN);
    }
}
