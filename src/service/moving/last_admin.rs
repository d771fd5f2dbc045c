//! Which admin of a load has to stay as he is: whatever comes, there is still somebody who can put everything
//! right, if there was somebody before.

use std::collections::BTreeSet;

use crate::domain::admin::Admin;
use crate::error::Error;
use crate::service::admins::is_super;

/// An admin as [`kept_back`] asks for him.
pub(super) fn as_he_is(admin: &Admin) -> (&str, bool) {
    (admin.username.as_str(), is_super(admin))
}

/// Of the admins that would take the places of others, the one who must not. Both are given by name and with
/// whether he can put everything right ([`is_super`]): those who are `stored`, each once, and
/// those who are `coming`, each once. If they come in the order of their names, it is he who would take away the
/// last; the order in which they are given does not matter.
pub(super) fn kept_back<'n>(
    stored: impl IntoIterator<Item = (&'n str, bool)>,
    coming: impl IntoIterator<Item = (&'n str, bool)>,
) -> Option<&'n str> {
    let supers = stored.into_iter().filter_map(|(name, is_super)| is_super.then_some(name));
    let mut left: BTreeSet<&str> = supers.collect();
    let mut last = None;
    for (name, is_super) in coming {
        if is_super {
            return None;
        }
        if left.remove(name) {
            last = last.max(Some(name));
        }
    }
    if left.is_empty() { last } else { None }
}

/// Why he must not.
pub(super) fn refusal() -> Error {
    Error::invalid("this is the last enabled admin with every permission who can sign in: he must stay so")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_would_take_away_the_last_is_kept_back() {
        let stored = [("ann", true), ("bob", true), ("eve", false)];
        for (coming, kept) in [
            (&[][..], None),
            (&[("ann", false)], None),
            (&[("ann", false), ("bob", false)], Some("bob")),
            (&[("bob", false), ("ann", false), ("zoe", false), ("eve", false)], Some("bob")),
            (&[("bob", false), ("ann", false), ("eve", true)], None),
            (&[("zoe", true), ("bob", false), ("ann", false)], None),
        ] {
            assert_eq!(kept_back(stored, coming.iter().copied()), kept, "{coming:?}");
        }
        assert_eq!(kept_back([("ann", false)], [("ann", false)]), None, "there was none before");
    }

    fn admins() -> impl Strategy<Value = BTreeMap<String, bool>> {
        prop::collection::btree_map("[a-e]", any::<bool>(), 0..5)
    }

    fn each(admins: &BTreeMap<String, bool>) -> impl DoubleEndedIterator<Item = (&str, bool)> {
        admins.iter().map(|(name, is_super)| (name.as_str(), *is_super))
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_order_somebody_is_left(
            stored in admins(),
            loads in prop::collection::vec(admins(), 1..6),
        ) {
            let mut stored = stored;
            for coming in loads {
                let kept = kept_back(each(&stored), each(&coming)).map(str::to_owned);
                let reversed = kept_back(each(&stored), each(&coming).rev());
                prop_assert_eq!(kept.as_deref(), reversed);
                let had_one = stored.values().any(|is_super| *is_super);
                let mut without = stored.clone();
                without.extend(coming.clone());
                let is_needed = had_one && !without.values().any(|is_super| *is_super);
                prop_assert_eq!(kept.is_some(), is_needed, "one is kept back where, and only where, it has to be");
                if let Some(kept) = &kept {
                    prop_assert!(stored[kept] && !coming[kept]);
                }
                stored.extend(coming.into_iter().filter(|(name, _)| Some(name) != kept.as_ref()));
                prop_assert!(!had_one || stored.values().any(|is_super| *is_super));
            }
        }
    }
}
