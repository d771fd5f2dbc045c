//! Those who are watched, in memory: a bounded number, found by their text. Whoever is worth least makes room.

use std::collections::{HashMap, HashSet};

use crate::domain::time::UnixMillis;
use crate::domain::watched::{Limits, Subject, SubjectKind, Watched};

/// The most that are watched at a time, of addresses and of accounts.
const MOST: usize = 50_000;

/// Everybody who is watched. Addresses and accounts have room of their own: who makes up names drives out no
/// address.
#[derive(Debug, Default)]
pub(super) struct Lists {
    addresses: List,
    accounts: List,
    /// What has to be written, or removed, in the store.
    changed: HashSet<Subject>,
}

#[derive(Debug, Default)]
struct List(HashMap<Subject, Watched>);

impl Lists {
    /// What is remembered of somebody.
    pub(super) fn get(&self, subject: &Subject) -> Option<&Watched> {
        self.list(subject).0.get(subject)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, subject: &Subject) -> Option<&mut Watched> {
        self.list_mut(subject).0.get_mut(subject)
    }

    /// The same; somebody new is watched from now on.
    pub(super) fn watch(&mut self, subject: &Subject, limits: &Limits, now: UnixMillis) -> &mut Watched {
        let list = self.list_mut(subject);
        if list.0.len() >= MOST && !list.0.contains_key(subject) {
            let gone = list.make_room(limits, now);
            self.changed.extend(gone);
        }
        let list = self.list_mut(subject);
        list.0.entry(subject.clone()).or_insert_with(|| Watched::new(subject.clone()))
    }

    /// Watches somebody who was watched before a restart.
    pub(super) fn restore(&mut self, watched: Watched) {
        let list = self.list_mut(&watched.subject);
        if list.0.len() < MOST {
            list.0.insert(watched.subject.clone(), watched);
        }
    }

    /// Stops watching somebody of whom nothing would be lost.
    pub(super) fn drop_if_over(&mut self, subject: &Subject, limits: &Limits, now: UnixMillis) {
        if self.get(subject).is_some_and(|watched| watched.is_over(limits, now)) {
            self.list_mut(subject).0.remove(subject);
        }
    }

    /// Stops watching everybody of whom nothing would be lost, and has them removed from the store.
    pub(super) fn drop_all_over(&mut self, limits: &Limits, now: UnixMillis) {
        for list in [&mut self.addresses, &mut self.accounts] {
            let gone = list.0.extract_if(|_, watched| watched.is_over(limits, now));
            self.changed.extend(gone.map(|(subject, _)| subject));
        }
    }

    /// Everybody with something to tell of.
    pub(super) fn suspects(&self, limits: &Limits, now: UnixMillis) -> Vec<&Watched> {
        let all = self.addresses.0.values().chain(self.accounts.0.values());
        all.filter(|watched| watched.is_suspect(limits, now)).collect()
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
        if subject.kind() == SubjectKind::Address { &self.addresses } else { &self.accounts }
    }

    fn list_mut(&mut self, subject: &Subject) -> &mut List {
        if subject.kind() == SubjectKind::Address { &mut self.addresses } else { &mut self.accounts }
    }
}

impl List {
    /// Forgets those who are over, and then the less worthy half; gives whom.
    fn make_room(&mut self, limits: &Limits, now: UnixMillis) -> Vec<Subject> {
        let mut gone: Vec<Subject> = Vec::new();
        let over = self.0.extract_if(|_, watched| watched.is_over(limits, now));
        gone.extend(over.map(|(subject, _)| subject));
        if self.0.len() >= MOST {
            let mut worths: Vec<_> =
                self.0.values().filter_map(|watched| watched.worth(limits, now)).collect();
            let middle = worths.len() / 2;
            let (_, middle, _) = worths.select_nth_unstable(middle);
            let (middle, under_way) = (*middle, (3, UnixMillis::default()));
            // All worth the same: all go rather than none, save those with a try under way.
            let less = self.0.extract_if(|_, watched| {
                watched.worth(limits, now).is_none_or(|worth| worth <= middle && worth < under_way)
            });
            gone.extend(less.map(|(subject, _)| subject));
        }
        gone
    }
}

#[cfg(test)]
mod tests {
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
            assert!(lists.accounts.0.len() <= MOST);
        }
        assert!(lists.get(&banned).is_some() && lists.get(&address).is_some());
        assert!(lists.get(&user(2 * MOST - 1)).is_some() && lists.get(&user(0)).is_none());
        assert!(lists.changed.contains(&user(0)), "who is forgotten is removed from the store");
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
