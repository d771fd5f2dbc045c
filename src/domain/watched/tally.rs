//! Failures within a time that moves along, and the ban that so many of them bring.

use serde::{Deserialize, Serialize};

use super::subject::Mark;
use crate::domain::time::UnixMillis;

/// No ban of repeated ones grows longer than this, in milliseconds.
const LONGEST_BAN: i64 = 60 * 60 * 1000;

/// How much failing is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failures within the time.
    pub failures: usize,
    /// Failures within the time, of an account, of tries that brought a one-time code.
    pub failures_with_code: usize,
    /// The time, in milliseconds.
    pub window: i64,
    /// How long a first ban lasts, in milliseconds.
    pub ban: i64,
    /// Failures of an account without a success in between, however long that takes.
    pub failures_in_a_row: usize,
}

/// A try that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    at: UnixMillis,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    with_code: bool,
    /// Of whom it was, if it takes only the code that was missing to take it back. Not kept over a restart.
    #[serde(skip)]
    lacks_code_of: Option<Mark>,
}

/// The failures of whoever is counted together. Tries under way count as failures until they turn out to be
/// none, so that many at once are no more than one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    failures: Vec<Failure>,
    /// Bans of which each followed the last one within a day.
    bans: u32,
    banned_until: UnixMillis,
    #[serde(skip)]
    under_way: usize,
    #[serde(skip)]
    under_way_with_code: usize,
}

impl Tally {
    /// Milliseconds that a ban still lasts.
    pub(super) fn banned_for(&self, limits: &Limits, now: UnixMillis) -> Option<i64> {
        let left = self.banned_until.get().saturating_sub(now.get());
        // One that lasts longer than any was made before the clock was put back.
        (left > 0 && left <= LONGEST_BAN.max(limits.ban)).then_some(left)
    }

    /// Until when a ban lasts.
    pub(super) fn banned_until(&self, limits: &Limits, now: UnixMillis) -> Option<UnixMillis> {
        self.banned_for(limits, now).map(|left| now.plus(left))
    }

    /// Whether one more try can fail before the limit is passed, those under way included.
    pub(super) fn has_room(&mut self, with_code: bool, limits: &Limits, now: UnixMillis) -> bool {
        let begin = now.plus(-limits.window);
        self.failures.retain(|failure| failure.at > begin && failure.at <= now);
        self.adapt(limits);
        let codes = self.failures.iter().filter(|failure| failure.with_code).count();
        self.failures.len() + self.under_way < limits.failures
            && (!with_code || codes + self.under_way_with_code < limits.failures_with_code)
    }

    /// Forgets the oldest of more failures than the limits let stand without a ban, as they were kept under more
    /// lenient ones: the next failure brings the ban, and nobody waits for room that no try's end makes.
    fn adapt(&mut self, limits: &Limits) {
        let surplus = (self.failures.len() + 1).saturating_sub(limits.failures).min(self.failures.len());
        self.failures.drain(..surplus);
        let codes = self.failures.iter().filter(|failure| failure.with_code).count();
        let mut surplus = (codes + 1).saturating_sub(limits.failures_with_code);
        self.failures.retain(|failure| {
            let goes = failure.with_code && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }

    pub(super) fn enter(&mut self, with_code: bool) {
        self.under_way += 1;
        self.under_way_with_code += usize::from(with_code);
    }

    pub(super) fn leave(&mut self, with_code: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        self.under_way_with_code = self.under_way_with_code.saturating_sub(usize::from(with_code));
    }

    /// Counts a failure; says whether it was the one that brings a ban.
    pub(super) fn fail(&mut self, with_code: bool, limits: &Limits, now: UnixMillis) -> bool {
        self.failures.push(Failure { at: now, with_code, lacks_code_of: None });
        let codes = self.failures.iter().filter(|failure| failure.with_code).count();
        if self.failures.len() < limits.failures && codes < limits.failures_with_code {
            return false;
        }
        self.failures.clear();
        let is_repeated = now.get().saturating_sub(self.banned_until.get()) < UnixMillis::DAY;
        self.bans = if is_repeated { self.bans.saturating_add(1) } else { 1 };
        let doubled = limits.ban.saturating_mul(1 << (self.bans - 1).min(20));
        self.banned_until = now.plus(doubled.min(LONGEST_BAN).max(limits.ban));
        true
    }

    /// Has the failure that was just counted taken back as soon as this account proves to be its own; one that
    /// brought a ban stays.
    pub(super) fn mark_last(&mut self, account: Mark) {
        if let Some(last) = self.failures.last_mut() {
            last.lacks_code_of = Some(account);
        }
    }

    /// Takes such failures back; says whether there were any.
    pub(super) fn take_back(&mut self, account: Mark) -> bool {
        let before = self.failures.len();
        self.failures.retain(|failure| failure.lacks_code_of != Some(account));
        self.failures.len() < before
    }

    /// Forgets the failures, and the ban they brought.
    pub(super) fn clear(&mut self) {
        let (under_way, under_way_with_code) = (self.under_way, self.under_way_with_code);
        *self = Self { under_way, under_way_with_code, ..Self::default() };
    }

    /// Forgets the failures, not the ban they brought.
    pub(super) fn forget_failures(&mut self) {
        self.failures.clear();
    }

    /// How many failures count now.
    pub(super) fn count(&self, limits: &Limits, now: UnixMillis) -> usize {
        let begin = now.plus(-limits.window);
        self.failures.iter().filter(|failure| failure.at > begin && failure.at <= now).count()
    }

    /// When something happened last that still has a meaning; `None` when nothing has.
    pub(super) fn last(&self, limits: &Limits, now: UnixMillis) -> Option<UnixMillis> {
        if self.under_way > 0 || self.banned_for(limits, now).is_some() {
            return Some(now);
        }
        let last = self.failures.last().map(|failure| failure.at).filter(|_| self.count(limits, now) > 0);
        last.or((self.bans(now) > 0).then_some(self.banned_until))
    }

    /// How many bans are remembered, each soon after another, the last one within a day or under way.
    pub(super) fn bans(&self, now: UnixMillis) -> usize {
        let remembers = now.get().saturating_sub(self.banned_until.get()) < UnixMillis::DAY;
        if remembers { usize::try_from(self.bans).unwrap_or(usize::MAX) } else { 0 }
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Subject, SubjectKind};
    use super::*;

    const NOON: UnixMillis = UnixMillis::new(1_000_000_000);
    const LIMITS: Limits =
        Limits { failures: 3, failures_with_code: 2, window: 1000, ban: 5000, failures_in_a_row: 100 };

    fn fail(tally: &mut Tally, with_code: bool, at: i64) -> bool {
        tally.fail(with_code, &LIMITS, NOON.plus(at))
    }

    fn fail_thrice(tally: &mut Tally, now: UnixMillis) {
        for _ in 0..3 {
            tally.fail(false, &LIMITS, now);
        }
    }

    #[test]
    fn so_many_within_the_time_bring_a_ban_and_others_do_not() {
        let mut tally = Tally::default();
        assert!(!fail(&mut tally, false, 0) && !fail(&mut tally, false, 500));
        assert!(tally.has_room(false, &LIMITS, NOON.plus(1000)), "the first one is over");
        assert!(!fail(&mut tally, false, 1000) && fail(&mut tally, false, 1001));
        assert_eq!(tally.banned_for(&LIMITS, NOON.plus(1001)), Some(5000));
        assert_eq!(tally.banned_for(&LIMITS, NOON.plus(6001)), None);
    }

    #[test]
    fn failures_kept_under_more_lenient_limits_leave_room_for_the_one_that_brings_a_ban() {
        let lenient = Limits { failures: 50, failures_with_code: 40, ..LIMITS };
        let mut tally = Tally::default();
        for _ in 0..8 {
            assert!(!tally.fail(true, &lenient, NOON));
        }
        assert!(tally.has_room(true, &LIMITS, NOON));
        assert_eq!(tally.count(&LIMITS, NOON), 1, "two with a code bring a ban");
        assert!(fail(&mut tally, true, 0));
    }

    #[test]
    fn tries_with_a_code_have_a_limit_of_their_own() {
        let mut tally = Tally::default();
        assert!(!fail(&mut tally, true, 0));
        assert!(tally.has_room(true, &LIMITS, NOON));
        tally.enter(true);
        assert!(!tally.has_room(true, &LIMITS, NOON) && tally.has_room(false, &LIMITS, NOON));
        tally.leave(true);
        assert!(fail(&mut tally, true, 1));
    }

    #[test]
    fn what_lacked_a_code_is_taken_back_by_its_account_alone_and_no_ban_is() {
        let mark = |name| Subject::account(SubjectKind::User, name).mark();
        let mut tally = Tally::default();
        tally.mark_last(mark("anna"));
        fail(&mut tally, false, 0);
        tally.mark_last(mark("anna"));
        fail(&mut tally, false, 0);
        assert!(!tally.take_back(mark("bob")) && tally.take_back(mark("anna")));
        assert_eq!(tally.count(&LIMITS, NOON), 1);
        for _ in 0..2 {
            fail(&mut tally, false, 0);
            tally.mark_last(mark("anna"));
        }
        assert!(!tally.take_back(mark("anna")));
        assert!(tally.banned_for(&LIMITS, NOON).is_some());
    }

    #[test]
    fn those_under_way_count_until_they_are_over() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            assert!(tally.has_room(false, &LIMITS, NOON));
            tally.enter(false);
        }
        assert!(!tally.has_room(false, &LIMITS, NOON));
        tally.leave(false);
        assert!(tally.has_room(false, &LIMITS, NOON));
    }

    #[test]
    fn each_ban_soon_after_another_is_twice_as_long_up_to_an_hour() {
        let (mut tally, mut now, mut lengths) = (Tally::default(), NOON, Vec::new());
        for _ in 0..12 {
            fail_thrice(&mut tally, now);
            let left = tally.banned_for(&LIMITS, now).unwrap();
            lengths.push(left);
            now = now.plus(left);
        }
        assert_eq!(lengths[..4], [5000, 10_000, 20_000, 40_000]);
        assert_eq!(lengths.last(), Some(&LONGEST_BAN));
        now = now.plus(UnixMillis::DAY);
        fail_thrice(&mut tally, now);
        assert_eq!(tally.banned_for(&LIMITS, now), Some(5000));
    }

    #[test]
    fn a_clock_that_was_ahead_bans_nobody_for_years() {
        let mut tally = Tally::default();
        let years = 10 * 365 * UnixMillis::DAY;
        fail_thrice(&mut tally, NOON.plus(years));
        assert!(tally.banned_for(&LIMITS, NOON.plus(years)).is_some());
        assert_eq!(tally.banned_for(&LIMITS, NOON), None);
        assert!(tally.has_room(false, &LIMITS, NOON));
    }
}
