//! Who failed to prove who he is, how often, and what follows from it (`design/security.md` S15, S16, S22).
//!
//! An address is banned after so many failures. An account is banned likewise, but for two crowds apart:
//! strangers, and those who come from where the account signed in lately. So a stranger who guesses bans
//! strangers, not the owner. Beyond that an account takes only so many failures in a row, the last of which are
//! kept for the owner.

mod subject;
mod tally;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use self::subject::{Mark, Subject, SubjectKind};
pub use self::tally::Limits;

use self::tally::Tally;
use super::network::origin;
use super::reset_code::Digest;
use super::time::UnixMillis;

/// How long a sign-in from somewhere counts as a recent one, in milliseconds.
const RECENT: i64 = 30 * UnixMillis::DAY;
/// How old the note of such a sign-in may be before it is written anew, in milliseconds.
const REFRESHED_AFTER: i64 = UnixMillis::DAY;
/// From how many places an account may have signed in lately.
const MOST_PLACES: usize = 8;
/// How long the row of failures of a name that no account has is remembered, in milliseconds. Shorter, whoever comes
/// back the next day could tell by the lock which names exist.
const ROW_OF_NOBODY: i64 = 30 * UnixMillis::DAY;
/// When to come back to an account that has failed too often in a row; until somebody lets it off, in vain.
const WAIT_FOR_HELP: i64 = UnixMillis::DAY;

/// In which crowd a try is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowd {
    /// Whoever comes from anywhere.
    Strangers,
    /// Whoever comes from where the account signed in lately.
    Familiar,
}

/// What becomes of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may be made; it counts in this crowd.
    Open(Crowd),
    /// Those under way have to be over first.
    Full,
    /// It is not looked at for so many milliseconds.
    Refused(i64),
}

/// A place from which an account signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    address: IpAddr,
    at: UnixMillis,
}

/// What would be lost first by forgetting somebody, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Where an account signed in lately.
    Seen,
    /// Failures, or the memory of a ban.
    Failing,
    /// A ban or a lock that holds now.
    Blocked,
    /// A try that is not over.
    UnderWay,
}

/// How much would be lost by forgetting somebody: the standing goes first, then how often he failed, each ban of
/// the last day counting as the failures that bring one, then how late something happens or happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worth {
    /// What he is.
    pub standing: Standing,
    offences: usize,
    last: UnixMillis,
}

/// An address or an account, and what is remembered of its failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Whose failures these are.
    pub subject: Subject,
    #[serde(default)]
    strangers: Tally,
    #[serde(default)]
    familiar: Tally,
    #[serde(default)]
    in_a_row: usize,
    /// When the last of them was counted.
    #[serde(default)]
    last_in_a_row: UnixMillis,
    /// The password that was guessed at: another one starts anew. None is that of a name that no account has.
    #[serde(default)]
    password: Option<Digest>,
    #[serde(default)]
    places: Vec<Place>,
}

impl Watched {
    /// Somebody who did nothing yet.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            strangers: Tally::default(),
            familiar: Tally::default(),
            in_a_row: 0,
            last_in_a_row: UnixMillis::default(),
            password: None,
            places: Vec::new(),
        }
    }

    /// Holds what is remembered against the password there is now: failures at another one do not count.
    pub fn renew(&mut self, password: Option<Digest>) {
        if self.password != password {
            self.forgive();
        }
        self.password = password;
    }

    /// Takes what was written of a name that no account had: once that was a digest of no password.
    #[must_use]
    pub fn read_back(mut self) -> Self {
        if self.password == Some(Digest::of_account(0, None)) {
            self.password = None;
        }
        self
    }

    /// Whether there is a password to guess: whoever makes up names makes up none of these.
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Forgets the failures and what they brought.
    pub fn forgive(&mut self) {
        self.strangers.clear();
        self.familiar.clear();
        self.in_a_row = 0;
    }

    /// Whether a try from this address may be made now.
    pub fn admits(&mut self, from: IpAddr, with_code: bool, limits: &Limits, now: UnixMillis) -> Admission {
        let crowd = self.crowd(from, now);
        if let Some(left) = self.tally(crowd).banned_for(limits, now) {
            return Admission::Refused(left);
        }
        let with_code = with_code && self.is_account();
        if self.is_account() {
            let most = match crowd {
                Crowd::Strangers => limits.failures_in_a_row.saturating_sub(limits.failures),
                Crowd::Familiar => limits.failures_in_a_row,
            };
            let in_a_row = self.in_a_row(now);
            if in_a_row >= most {
                return Admission::Refused(WAIT_FOR_HELP);
            }
            if in_a_row + self.under_way() >= most {
                return Admission::Full;
            }
        }
        if self.tally(crowd).has_room(with_code, limits, now) {
            Admission::Open(crowd)
        } else {
            Admission::Full
        }
    }

    /// Notes a try under way.
    pub fn enter(&mut self, crowd: Crowd, with_code: bool) {
        self.tally(crowd).enter(with_code);
    }

    /// Notes that a try is over, however it ended.
    pub fn leave(&mut self, crowd: Crowd, with_code: bool) {
        self.tally(crowd).leave(with_code);
    }

    /// Counts a try that failed; says whether nobody of this crowd is let in from now on.
    pub fn fail(&mut self, crowd: Crowd, with_code: bool, limits: &Limits, now: UnixMillis) -> bool {
        let is_account = self.is_account();
        let is_banned = self.tally(crowd).fail(with_code && is_account, limits, now);
        if is_account {
            self.in_a_row = self.in_a_row(now).saturating_add(1);
            self.last_in_a_row = now;
        }
        is_banned || (is_account && self.is_locked(limits, now))
    }

    /// Has the failure of a stranger that was just counted taken back as soon as this account signs in from here:
    /// it lacked nothing but a one-time code.
    pub fn mark_last(&mut self, account: Mark) {
        self.strangers.mark_last(account);
    }

    /// Takes such failures back, once the account signed in; says whether there were any.
    pub fn take_back(&mut self, account: Mark) -> bool {
        self.strangers.take_back(account)
    }

    /// Notes that the account signed in from this address; says whether that changed anything.
    pub fn succeed(&mut self, from: IpAddr, now: UnixMillis) -> bool {
        let had_failures = self.in_a_row > 0 || self.familiar.has_failures();
        self.in_a_row = 0;
        self.familiar.forget_failures();
        let address = origin(from);
        if let Some(place) = self.places.iter_mut().find(|place| place.address == address) {
            let is_old = now.get().saturating_sub(place.at.get()) >= REFRESHED_AFTER;
            if is_old {
                place.at = now;
            }
            return had_failures || is_old;
        }
        if self.places.len() >= MOST_PLACES
            && let Some(oldest) = (0..self.places.len()).min_by_key(|index| self.places[*index].at)
        {
            self.places.swap_remove(oldest);
        }
        self.places.push(Place { address, at: now });
        true
    }

    /// Failures that count now, of both crowds.
    pub fn failures(&self, limits: &Limits, now: UnixMillis) -> usize {
        self.strangers.count(limits, now) + self.familiar.count(limits, now)
    }

    /// Until when strangers, or those from familiar places, are banned.
    pub fn banned_until(&self, limits: &Limits, now: UnixMillis) -> Option<UnixMillis> {
        self.strangers.banned_until(limits, now).max(self.familiar.banned_until(limits, now))
    }

    /// Whether the account has failed so often in a row that no stranger is let in until somebody helps.
    pub fn is_locked(&self, limits: &Limits, now: UnixMillis) -> bool {
        let most = limits.failures_in_a_row.saturating_sub(limits.failures);
        self.is_account() && self.in_a_row(now) >= most
    }

    /// Whether there is anything to tell of its failures.
    pub fn is_suspect(&self, limits: &Limits, now: UnixMillis) -> bool {
        self.failures(limits, now) > 0
            || self.banned_until(limits, now).is_some()
            || self.is_locked(limits, now)
    }

    /// Whether nothing would be lost by forgetting it.
    pub fn is_over(&self, limits: &Limits, now: UnixMillis) -> bool {
        self.worth(limits, now).is_none()
    }

    /// Whether there is nothing to hold against it: no failure and no ban counts, and no try is under way.
    pub fn is_clean(&self, limits: &Limits, now: UnixMillis) -> bool {
        self.worth(limits, now).is_none_or(|worth| worth.standing == Standing::Seen)
    }

    /// Whether the account signed in from this address so lately that one more time would not be noted.
    pub fn is_at_home(&self, from: IpAddr, now: UnixMillis) -> bool {
        let from = origin(from);
        let is_fresh = |place: &Place| now.get().saturating_sub(place.at.get()) < REFRESHED_AFTER;
        self.places.iter().any(|place| place.address == from && is_fresh(place))
    }

    /// How much would be lost by forgetting it, to be compared; `None` when nothing would.
    pub fn worth(&self, limits: &Limits, now: UnixMillis) -> Option<Worth> {
        let last = self.strangers.last(limits, now).max(self.familiar.last(limits, now));
        let recent = |place: &&Place| now.get().saturating_sub(place.at.get()) < RECENT;
        let seen = self.places.iter().filter(recent).map(|place| place.at).max();
        let banned_until = self.banned_until(limits, now);
        let standing = if self.under_way() > 0 {
            Standing::UnderWay
        } else if banned_until.is_some() || self.is_locked(limits, now) {
            Standing::Blocked
        } else if last.is_some() || self.in_a_row(now) > 0 {
            Standing::Failing
        } else if seen.is_some() {
            Standing::Seen
        } else {
            return None;
        };
        let bans = self.strangers.bans(now) + self.familiar.bans(now);
        let offences = self.failures(limits, now).max(self.in_a_row(now));
        let offences = offences.saturating_add(bans.saturating_mul(limits.failures));
        Some(Worth { standing, offences, last: banned_until.max(last).max(seen).unwrap_or_default() })
    }

    /// Failures in a row that count now. Those of an account do until it signs in; a name that no account has must
    /// not be remembered for ever.
    fn in_a_row(&self, now: UnixMillis) -> usize {
        let counts =
            self.has_password() || now.get().saturating_sub(self.last_in_a_row.get()) < ROW_OF_NOBODY;
        if counts { self.in_a_row } else { 0 }
    }

    fn crowd(&self, from: IpAddr, now: UnixMillis) -> Crowd {
        let from = origin(from);
        let is_familiar = self
            .places
            .iter()
            .any(|place| place.address == from && now.get().saturating_sub(place.at.get()) < RECENT);
        if is_familiar { Crowd::Familiar } else { Crowd::Strangers }
    }

    fn tally(&mut self, crowd: Crowd) -> &mut Tally {
        match crowd {
            Crowd::Strangers => &mut self.strangers,
            Crowd::Familiar => &mut self.familiar,
        }
    }

    fn under_way(&self) -> usize {
        self.strangers.under_way() + self.familiar.under_way()
    }

    fn is_account(&self) -> bool {
        self.subject.kind() != SubjectKind::Address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis::new(1_795_000_000_000);
    const LIMITS: Limits =
        Limits { failures: 3, failures_with_code: 2, window: 1000, ban: 5000, failures_in_a_row: 10 };
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

    fn anna() -> Watched {
        Watched::new(Subject::account(SubjectKind::User, "anna"))
    }

    fn attempt(watched: &mut Watched, from: IpAddr, now: UnixMillis) -> Admission {
        let admission = watched.admits(from, false, &LIMITS, now);
        if let Admission::Open(crowd) = admission {
            watched.fail(crowd, false, &LIMITS, now);
        }
        admission
    }

    #[test]
    fn a_stranger_bans_strangers_and_not_the_owner() {
        let mut anna = anna();
        assert!(anna.succeed(HOME, NOON) && !anna.succeed(HOME, NOON));
        for _ in 0..3 {
            assert_eq!(attempt(&mut anna, ELSEWHERE, NOON), Admission::Open(Crowd::Strangers));
        }
        assert_eq!(attempt(&mut anna, ELSEWHERE, NOON), Admission::Refused(5000));
        assert_eq!(anna.admits(HOME, false, &LIMITS, NOON), Admission::Open(Crowd::Familiar));
        let later = NOON.plus(RECENT);
        assert_eq!(anna.admits(HOME, false, &LIMITS, later), Admission::Open(Crowd::Strangers));
    }

    #[test]
    fn clean_is_who_has_nothing_counted_and_at_home_who_signed_in_there_within_a_day() {
        let mut anna = anna();
        assert!(anna.is_clean(&LIMITS, NOON) && !anna.is_at_home(HOME, NOON));
        anna.succeed(HOME, NOON);
        assert!(anna.is_clean(&LIMITS, NOON));
        assert!(anna.is_at_home(HOME, NOON.plus(REFRESHED_AFTER - 1)) && !anna.is_at_home(ELSEWHERE, NOON));
        assert!(!anna.is_at_home(HOME, NOON.plus(REFRESHED_AFTER)));
        anna.enter(Crowd::Strangers, false);
        assert!(!anna.is_clean(&LIMITS, NOON), "a try is under way");
        anna.leave(Crowd::Strangers, false);
        assert!(anna.is_clean(&LIMITS, NOON));
        attempt(&mut anna, ELSEWHERE, NOON);
        assert!(!anna.is_clean(&LIMITS, NOON), "a failure counts");
        assert!(!anna.is_clean(&LIMITS, NOON.plus(LIMITS.window)), "the row has no end but a sign-in");
        anna.succeed(HOME, NOON);
        assert!(!anna.is_clean(&LIMITS, NOON), "what strangers failed at still counts");
        assert!(anna.is_clean(&LIMITS, NOON.plus(LIMITS.window)));
    }

    #[test]
    fn failures_in_a_row_end_and_the_last_ones_are_the_owners() {
        let (mut anna, mut now, mut tries) = (anna(), NOON, [0, 0]);
        anna.succeed(HOME, now);
        for _ in 0..100 {
            for (index, from) in [ELSEWHERE, HOME].into_iter().enumerate() {
                // First everything a stranger can do, then everything from the familiar place.
                if index == 1 && tries[0] < 7 {
                    continue;
                }
                tries[index] += usize::from(matches!(attempt(&mut anna, from, now), Admission::Open(_)));
            }
            now = now.plus(1_000_000);
        }
        assert_eq!(tries, [7, 3], "ten in a row, the last three from the familiar place");
        assert!(anna.is_locked(&LIMITS, now));
        assert_eq!(anna.admits(HOME, false, &LIMITS, now), Admission::Refused(WAIT_FOR_HELP));
        anna.forgive();
        assert_eq!(anna.admits(ELSEWHERE, false, &LIMITS, now), Admission::Open(Crowd::Strangers));
    }

    #[test]
    fn a_row_of_failures_ends_in_time_for_a_name_that_no_account_has_and_for_no_account() {
        let (mut nobody, mut anna) = (anna(), anna());
        anna.renew(Some(Digest::of_account(1, None)));
        for watched in [&mut nobody, &mut anna] {
            let mut now = NOON;
            for _ in 0..7 {
                assert!(matches!(attempt(watched, ELSEWHERE, now), Admission::Open(_)));
                now = now.plus(1_000_000);
            }
            let last = now.plus(-1_000_000);
            let later = last.plus(ROW_OF_NOBODY);
            assert!(watched.is_locked(&LIMITS, later.plus(-1)));
            assert_eq!(watched.is_locked(&LIMITS, later), watched.has_password());
            assert_eq!(watched.is_over(&LIMITS, later), !watched.has_password());
            let is_refused =
                matches!(watched.admits(ELSEWHERE, false, &LIMITS, later), Admission::Refused(_));
            assert_eq!(is_refused, watched.has_password());
        }
    }

    #[test]
    fn another_password_starts_anew_and_success_ends_the_row() {
        let digest = |id| Some(Digest::of_account(id, None));
        let mut anna = anna();
        anna.renew(digest(1));
        for _ in 0..3 {
            attempt(&mut anna, ELSEWHERE, NOON);
        }
        anna.renew(digest(1));
        assert!(matches!(anna.admits(ELSEWHERE, false, &LIMITS, NOON), Admission::Refused(_)));
        anna.renew(digest(2));
        assert!(matches!(anna.admits(ELSEWHERE, false, &LIMITS, NOON), Admission::Open(_)));
        attempt(&mut anna, ELSEWHERE, NOON);
        assert_eq!(anna.in_a_row, 1);
        anna.succeed(HOME, NOON);
        assert_eq!(anna.in_a_row, 0);
    }

    #[test]
    fn what_is_over_has_no_worth_and_bans_have_the_most() {
        let mut anna = anna();
        assert!(anna.is_over(&LIMITS, NOON));
        anna.succeed(HOME, NOON);
        let place = anna.worth(&LIMITS, NOON).unwrap();
        attempt(&mut anna, ELSEWHERE, NOON);
        let failure = anna.worth(&LIMITS, NOON).unwrap();
        attempt(&mut anna, ELSEWHERE, NOON);
        attempt(&mut anna, ELSEWHERE, NOON);
        let ban = anna.worth(&LIMITS, NOON).unwrap();
        assert!(place < failure && failure < ban);
        assert_eq!(
            [place, failure, ban].map(|worth| worth.standing),
            [Standing::Seen, Standing::Failing, Standing::Blocked]
        );
        let mut address = Watched::new(Subject::address(HOME));
        attempt(&mut address, HOME, NOON);
        assert!(!address.is_over(&LIMITS, NOON.plus(999)));
        assert!(address.is_over(&LIMITS, NOON.plus(1000)));
    }

    #[test]
    fn who_failed_more_often_or_was_banned_before_is_worth_more_than_who_failed_last() {
        let address = |failures| {
            let mut watched = Watched::new(Subject::address(HOME));
            for _ in 0..failures {
                attempt(&mut watched, HOME, NOON);
            }
            watched
        };
        let (once, twice, banned) = (address(1), address(2), address(3));
        let mut fresh = Watched::new(Subject::address(ELSEWHERE));
        let later = NOON.plus(900);
        attempt(&mut fresh, ELSEWHERE, later);
        let worth = |watched: &Watched, at| watched.worth(&LIMITS, at).unwrap();
        assert!(worth(&once, later) < worth(&fresh, later) && worth(&fresh, later) < worth(&twice, later));
        let after = NOON.plus(LIMITS.ban);
        attempt(&mut fresh, ELSEWHERE, after);
        assert_eq!(worth(&banned, after).standing, Standing::Failing);
        assert!(worth(&fresh, after) < worth(&banned, after));
    }

    #[test]
    fn only_so_many_places_are_remembered_the_newest() {
        let mut anna = anna();
        for last in 0..20_u8 {
            anna.succeed(IpAddr::from([10, 0, 0, last]), NOON.plus(last.into()));
        }
        assert_eq!(anna.places.len(), MOST_PLACES);
        assert_eq!(anna.crowd(IpAddr::from([10, 0, 0, 19]), NOON.plus(20)), Crowd::Familiar);
        assert_eq!(anna.crowd(IpAddr::from([10, 0, 0, 0]), NOON.plus(20)), Crowd::Strangers);
    }

    #[test]
    fn it_reads_back_but_for_what_is_under_way() {
        let mut anna = anna();
        anna.renew(Some(Digest::of_account(1, None)));
        anna.succeed(HOME, NOON);
        attempt(&mut anna, ELSEWHERE, NOON);
        let text = serde_json::to_string(&anna).unwrap();
        assert_eq!(serde_json::from_str::<Watched>(&text).unwrap(), anna);
    }
}
