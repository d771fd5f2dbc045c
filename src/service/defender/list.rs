//! Those who are watched, in memory: a bounded number, found by their text. Whoever is worth least makes room.
//!
//! The rule, whoever comes and in what order: who has a try under way is never forgotten; who is banned or locked
//! only for others that are, beyond three quarters of the room; of all others the quarter and what the banned leave
//! is for those who failed most often, and of those for the last. So a crowd of newcomers displaces newcomers.
//!
//! Addresses, accounts and names that no account has stand in lists of their own: names are made up freely, and make
//! room for no more than each other. What an account failed at and where it signed in stays.

use std::collections::{HashMap, HashSet};

use crate::domain::reset_code::Digest;
use crate::domain::time::UnixMillis;
use crate::domain::watched::{Limits, Standing, Subject, SubjectKind, Watched, Worth};

/// The most that are watched at a time, of addresses and of names that no account has.
const MOST: usize = 50_000;
/// The same of accounts, which no stranger can add to; some 100 MB, if that many are active.
const MOST_ACCOUNTS: usize = 200_000;

/// Everybody who is watched.
#[derive(Debug)]
pub(super) struct Lists {
    addresses: List,
    /// Those with a password that can be guessed.
    accounts: List,
    /// Names that nobody has, or nobody with a password.
    made_up: List,
    /// What has to be written, or removed, in the store.
    changed: HashSet<Subject>,
}

#[derive(Debug)]
struct List {
    watched: HashMap<Subject, Watched>,
    most: usize,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            addresses: List::of(MOST),
            accounts: List::of(MOST_ACCOUNTS),
            made_up: List::of(MOST),
            changed: HashSet::new(),
        }
    }
}

impl Lists {
    /// What is remembered of somebody.
    pub(super) fn get(&self, subject: &Subject) -> Option<&Watched> {
        self.list(subject).watched.get(subject)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, subject: &Subject) -> Option<&mut Watched> {
        self.list_mut(subject).watched.get_mut(subject)
    }

    /// The same; somebody new is watched from now on.
    pub(super) fn watch(&mut self, subject: &Subject, limits: &Limits, now: UnixMillis) -> &mut Watched {
        if self.get(subject).is_none() {
            return self.add(new(subject), limits, now);
        }
        self.list_mut(subject).watched.entry(subject.clone()).or_insert_with_key(new)
    }

    /// What is remembered of an account, held against the password there is now, see [`Watched::renew`].
    pub(super) fn renew(
        &mut self,
        account: &Subject,
        password: Option<Digest>,
        limits: &Limits,
        now: UnixMillis,
    ) -> &mut Watched {
        let known = self.list_mut(account).watched.remove(account);
        let mut watched = known.unwrap_or_else(|| new(account));
        watched.renew(password);
        self.add(watched, limits, now)
    }

    /// Watches somebody who was watched before a restart.
    pub(super) fn restore(&mut self, watched: Watched, limits: &Limits, now: UnixMillis) {
        self.add(watched, limits, now);
    }

    /// Watches somebody who is not watched, in the list that is his; who makes room is removed from the store.
    fn add(&mut self, watched: Watched, limits: &Limits, now: UnixMillis) -> &mut Watched {
        let list = if watched.subject.kind() == SubjectKind::Address {
            &mut self.addresses
        } else if watched.has_password() {
            &mut self.accounts
        } else {
            &mut self.made_up
        };
        if list.watched.len() >= list.most {
            self.changed.extend(list.make_room(limits, now));
        }
        list.watched.entry(watched.subject.clone()).insert_entry(watched).into_mut()
    }

    /// Stops watching somebody of whom nothing would be lost.
    pub(super) fn drop_if_over(&mut self, subject: &Subject, limits: &Limits, now: UnixMillis) {
        if self.get(subject).is_some_and(|watched| watched.is_over(limits, now)) {
            self.list_mut(subject).watched.remove(subject);
        }
    }

    /// Stops watching everybody of whom nothing would be lost, and has them removed from the store.
    pub(super) fn drop_all_over(&mut self, limits: &Limits, now: UnixMillis) {
        for list in [&mut self.addresses, &mut self.accounts, &mut self.made_up] {
            let gone = list.watched.extract_if(|_, watched| watched.is_over(limits, now));
            self.changed.extend(gone.map(|(subject, _)| subject));
        }
    }

    /// Everybody with something to tell of.
    pub(super) fn suspects(&self, limits: &Limits, now: UnixMillis) -> Vec<&Watched> {
        let all = [&self.addresses, &self.accounts, &self.made_up];
        all.into_iter()
            .flat_map(|list| list.watched.values())
            .filter(|watched| watched.is_suspect(limits, now))
            .collect()
    }

    /// Notes that somebody has to be written.
    pub(super) fn note_change(&mut self, subject: Subject) {
        self.changed.insert(subject);
    }

    /// Takes at most so many of those who have to be written.
    pub(super) fn take_changed(&mut self, most: usize) -> Vec<Subject> {
        if self.changed.len() <= most {
            return self.changed.drain().collect();
        }
        let later: Vec<Subject> = self.changed.iter().skip(most).cloned().collect();
        let mut taken: Vec<Subject> = self.changed.drain().collect();
        taken.truncate(most);
        self.changed.extend(later);
        taken
    }

    fn list(&self, subject: &Subject) -> &List {
        if subject.kind() == SubjectKind::Address {
            &self.addresses
        } else if self.accounts.watched.contains_key(subject) {
            &self.accounts
        } else {
            &self.made_up
        }
    }

    fn list_mut(&mut self, subject: &Subject) -> &mut List {
        if subject.kind() == SubjectKind::Address {
            &mut self.addresses
        } else if self.accounts.watched.contains_key(subject) {
            &mut self.accounts
        } else {
            &mut self.made_up
        }
    }
}

fn new(subject: &Subject) -> Watched {
    Watched::new(subject.clone())
}

impl List {
    /// An empty one, of so many at most.
    fn of(most: usize) -> Self {
        Self { watched: HashMap::new(), most }
    }

    /// Forgets those who are over, and if need be the least worthy; gives whom. An eighth of the room is free then,
    /// so that not every newcomer costs a look at all, unless tries under way fill it.
    fn make_room(&mut self, limits: &Limits, now: UnixMillis) -> Vec<Subject> {
        let over = self.watched.extract_if(|_, watched| watched.is_over(limits, now));
        let mut gone: Vec<Subject> = over.map(|(subject, _)| subject).collect();
        let room = self.most - self.most.div_ceil(8);
        if self.watched.len() <= room {
            return gone;
        }
        let (mut blocked, mut others, mut busy) = (Vec::new(), Vec::new(), 0);
        for (subject, watched) in &self.watched {
            let Some(worth) = watched.worth(limits, now) else { continue };
            match worth.standing {
                Standing::UnderWay => busy += 1,
                Standing::Blocked => blocked.push((worth, subject)),
                Standing::Failing | Standing::Seen => others.push((worth, subject)),
            }
        }
        let kept = blocked.len().min(self.most / 4 * 3);
        let mut least = beyond(blocked, kept);
        least.extend(beyond(others, room.saturating_sub(kept + busy)));
        for subject in &least {
            self.watched.remove(subject);
        }
        gone.append(&mut least);
        gone
    }
}

/// All but the worthiest so many.
fn beyond(mut all: Vec<(Worth, &Subject)>, most: usize) -> Vec<Subject> {
    let surplus = all.len().saturating_sub(most);
    if surplus > 0 {
        all.select_nth_unstable_by(surplus - 1, |(a, first), (b, second)| {
            a.cmp(b).then_with(|| first.as_str().cmp(second.as_str()))
        });
    }
    all.into_iter().take(surplus).map(|(_, subject)| subject.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::watched::Crowd;

    const NOON: UnixMillis = UnixMillis::new(1_795_000_000_000);
    const LIMITS: Limits =
        Limits { failures: 2, failures_with_code: 2, window: 1_000_000, ban: 5000, failures_in_a_row: 100 };

    fn user(number: usize) -> Subject {
        Subject::account(SubjectKind::User, &number.to_string())
    }

    #[test]
    fn the_number_is_bounded_and_bans_outlast_single_failures() {
        let (mut lists, address) = (Lists::default(), Subject::address("10.0.0.1".parse().unwrap()));
        lists.watch(&address, &LIMITS, NOON).fail(Crowd::Strangers, false, &LIMITS, NOON);
        let banned = user(MOST * 3);
        for _ in 0..2 {
            lists.watch(&banned, &LIMITS, NOON).fail(Crowd::Strangers, false, &LIMITS, NOON);
        }
        for number in 0..2 * MOST {
            let now = NOON.plus(i64::try_from(number / 100).unwrap());
            lists.watch(&user(number), &LIMITS, now).fail(Crowd::Strangers, false, &LIMITS, now);
            assert!(lists.made_up.watched.len() <= MOST);
        }
        assert!(lists.get(&banned).is_some() && lists.get(&address).is_some());
        assert!(lists.get(&user(2 * MOST - 1)).is_some() && lists.get(&user(0)).is_none());
        assert!(lists.changed.contains(&user(0)), "who is forgotten is removed from the store");
    }

    #[test]
    fn made_up_names_displace_no_account_and_no_place_it_signed_in_from() {
        let (mut lists, home) = (Lists::default(), "192.0.2.1".parse().unwrap());
        let password = Some(Digest::of_account(1, None));
        let (anna, bob) = (user(MOST * 3), user(MOST * 3 + 1));
        lists.renew(&anna, password, &LIMITS, NOON).succeed(home, NOON);
        lists.renew(&bob, password, &LIMITS, NOON).fail(Crowd::Strangers, false, &LIMITS, NOON);
        // Each later than all the account has done: among their like they would be worth more.
        let now = NOON.plus(1);
        for number in 0..2 * MOST {
            lists.renew(&user(number), None, &LIMITS, now).fail(Crowd::Strangers, false, &LIMITS, now);
        }
        assert!(lists.made_up.watched.len() <= MOST);
        let admission = lists.renew(&anna, password, &LIMITS, NOON).admits(home, false, &LIMITS, NOON);
        assert_eq!(admission, crate::domain::watched::Admission::Open(Crowd::Familiar));
        assert_eq!(lists.get(&bob).unwrap().failures(&LIMITS, NOON), 1);
    }

    #[test]
    fn the_number_of_accounts_is_bounded_and_one_who_loses_his_password_is_none() {
        let mut lists = Lists { accounts: List::of(16), ..Lists::default() };
        let password = Some(Digest::of_account(1, None));
        for number in 0..100 {
            lists.renew(&user(number), password, &LIMITS, NOON).fail(Crowd::Strangers, false, &LIMITS, NOON);
            assert!(lists.accounts.watched.len() <= 16 && lists.made_up.watched.is_empty());
        }
        let before = lists.accounts.watched.len();
        lists.renew(&user(99), None, &LIMITS, NOON);
        assert_eq!((lists.accounts.watched.len(), lists.made_up.watched.len()), (before - 1, 1));
        lists.renew(&user(99), password, &LIMITS, NOON);
        assert_eq!((lists.accounts.watched.len(), lists.made_up.watched.len()), (before, 0));
    }

    #[test]
    fn a_try_under_way_is_not_forgotten() {
        let mut lists = Lists::default();
        for number in 0..=MOST {
            lists.watch(&user(number), &LIMITS, NOON).enter(Crowd::Strangers, false);
        }
        assert!(lists.get(&user(0)).is_some() && lists.get(&user(MOST)).is_some());
    }

    #[test]
    fn a_flood_of_newcomers_leaves_banned_and_repeated_offenders_alone() {
        let mut lists = Lists::default();
        let address = |number: u32| Subject::address(std::net::Ipv4Addr::from(number).into());
        let fail = |lists: &mut Lists, number, now| {
            lists.watch(&address(number), &LIMITS, now).fail(Crowd::Strangers, false, &LIMITS, now);
        };
        let (quota, all) = (u32::try_from(MOST / 4 * 3).unwrap(), u32::try_from(MOST).unwrap());
        for number in 0..quota {
            fail(&mut lists, number, NOON);
            fail(&mut lists, number, NOON);
        }
        for number in quota..quota + 3 * all {
            fail(&mut lists, number, NOON.plus(1));
        }
        assert!((0..quota).all(|number| lists.get(&address(number)).is_some()));
        // Their bans are over, not the memory of them.
        let later = NOON.plus(LIMITS.ban);
        for number in quota + 3 * all..quota + 6 * all {
            fail(&mut lists, number, later);
        }
        assert!((0..quota).all(|number| lists.get(&address(number)).is_some()));
        assert!(lists.addresses.watched.len() <= MOST);
    }

    /// What happens to one of those who are watched, and how much later.
    fn deeds() -> impl Strategy<Value = Vec<(usize, u8, i64)>> {
        prop::collection::vec(
            (0..60_usize, 0..6_u8, prop_oneof![9 => 0..300_i64, 1 => 0..20_000_i64]),
            0..400,
        )
    }

    proptest! {
        #[test]
        fn the_least_worthy_go_and_the_blocked_for_nobody_but_blocked(deeds in deeds()) {
            const ROOM: usize = 16;
            let limits = Limits { ban: 100_000, failures_in_a_row: 8, ..LIMITS };
            let (mut lists, mut now) = (Lists { made_up: List::of(ROOM), ..Lists::default() }, NOON);
            for (number, deed, later) in deeds {
                now = now.plus(later);
                let mut before: Vec<(Worth, Subject)> = Vec::new();
                for (subject, watched) in &lists.made_up.watched {
                    before.extend(watched.worth(&limits, now).map(|worth| (worth, subject.clone())));
                }
                lists.watch(&user(number), &limits, now);
                let of = |standing: &[Standing]| -> Vec<_> {
                    before.iter().filter(|(worth, _)| standing.contains(&worth.standing)).collect()
                };
                let busy = of(&[Standing::UnderWay]);
                prop_assert!(lists.made_up.watched.len() <= ROOM.max(busy.len() + ROOM / 4 * 3 + 1));
                let stays = |subject: &Subject| lists.get(subject).is_some();
                prop_assert!(busy.iter().all(|(_, subject)| stays(subject)));
                let (blocked, others) = (of(&[Standing::Blocked]), of(&[Standing::Failing, Standing::Seen]));
                if blocked.len() <= ROOM / 4 * 3 {
                    prop_assert!(blocked.iter().all(|(_, subject)| stays(subject)));
                }
                for class in [blocked, others] {
                    let worths = |wanted: bool| {
                        let those = class.iter().filter(move |(_, subject)| stays(subject) == wanted);
                        those.map(|(worth, _)| *worth)
                    };
                    if let (Some(best), Some(least)) = (worths(false).max(), worths(true).min()) {
                        prop_assert!(best <= least, "{best:?} went, {least:?} stayed");
                    }
                }
                let watched = lists.watch(&user(number), &limits, now);
                match deed {
                    0..=2 => drop(watched.fail(Crowd::Strangers, false, &limits, now)),
                    3 => drop(watched.succeed("10.0.0.1".parse().unwrap(), now)),
                    4 => watched.enter(Crowd::Strangers, false),
                    _ => watched.leave(Crowd::Strangers, false),
                }
            }
        }
    }

    #[test]
    fn what_changed_is_taken_piece_by_piece() {
        let mut lists = Lists::default();
        for number in 0..10 {
            lists.note_change(user(number));
        }
        assert_eq!(lists.take_changed(4).len(), 4);
        assert_eq!(lists.take_changed(10).len(), 6);
        assert!(lists.take_changed(1).is_empty());
    }
}
