//! Lists of users. All of them, or all of a role, come from the directory of names; for any other filter users are
//! looked at one by one, in pieces, on a bounded pool, so that a long search holds up nobody else.

use std::sync::{Arc, Weak};

use super::Users;
use crate::domain::time::UnixMillis;
use crate::error::Error;
use crate::service::requester::Requester;
use crate::store::{Glance, Look, PagePart, Store, UsersPage, Window};

/// Users looked at before the search asks whether anybody still waits for it.
const PIECE: usize = 512;

/// Which users a list shows; without any of these, all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// A part of the name, the e-mail address or the description, in any letter case.
    pub search: Option<String>,
    /// The status.
    pub status: Option<i64>,
    /// The role.
    pub role: Option<String>,
    /// A group the user is a member of.
    pub group: Option<String>,
    /// The whole e-mail address, in any letter case.
    pub email: Option<String>,
    /// Whether the expiration date is over.
    pub is_expired: Option<bool>,
}

impl UserFilter {
    /// In the form in which users are compared with it.
    fn folded(mut self) -> Self {
        for text in [&mut self.search, &mut self.email].into_iter().flatten() {
            *text = text.to_lowercase();
        }
        self
    }

    /// Whether a user is shown; the role is the directory's to say.
    fn takes(&self, user: &Glance<'_>, now: UnixMillis) -> bool {
        let is = |wanted: &Option<String>, has: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(has);
        self.status.is_none_or(|status| user.status == status)
            && self.is_expired.is_none_or(|wanted| {
                let date = user.expiration_date;
                (date > 0 && date <= now.get()) == wanted
            })
            && is(&self.email, &|email| user.email.to_lowercase() == email)
            && is(&self.group, &|group| user.groups.iter().any(|one| one.name == group))
            && is(&self.search, &|part| {
                let mut texts = [&user.username, &user.email, &user.description].into_iter();
                texts.any(|text| text.to_lowercase().contains(part))
            })
    }
}

/// The part of a list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Where and how much.
    pub window: Window,
    /// The name behind which the window begins, in the order asked for.
    pub after: Option<String>,
    /// Who is shown.
    pub filter: UserFilter,
}

/// A part of a list.
#[derive(Debug, Default)]
pub struct Listing {
    /// The documents.
    pub parts: Vec<PagePart>,
    /// How many users the whole list has, where it is known without looking at more of them.
    pub total: Option<usize>,
    /// The name behind which the list goes on.
    pub next: Option<String>,
}

impl Users {
    /// A part of the list of users, in byte order of the names; a requester with a role is shown, and counted, his
    /// own users alone, whatever he asks for.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many searches wait; storage failures.
    pub async fn list(&self, requester: &Requester, query: ListQuery) -> Result<Listing, Error> {
        let ListQuery { window, after, mut filter } = query;
        let role = match (requester.role_filter(), filter.role.take()) {
            (Some(own), Some(asked)) if own != asked => {
                return Ok(Listing { total: Some(0), ..Listing::default() });
            }
            (Some(own), Some(_) | None) => Some(own.to_owned()),
            (None, asked) => asked,
        };
        if filter == UserFilter::default() {
            let UsersPage { parts, total, next } =
                self.store.users_page(role.as_deref(), after.as_deref(), window)?;
            return Ok(Listing { parts, total: Some(total), next });
        }
        let (store, filter, now) = (self.store.clone(), filter.folded(), self.clock.now());
        let search = Search { store, role, window, after, filter, now };
        let waiting = Arc::new(());
        let watch = Arc::downgrade(&waiting);
        let listing = self.searches.run(move || search.run(&watch)).await?;
        drop(waiting);
        listing
    }
}

/// A search under way.
struct Search {
    store: Store,
    role: Option<String>,
    window: Window,
    after: Option<String>,
    filter: UserFilter,
    now: UnixMillis,
}

impl Search {
    /// Looks at users until the window is full and it is known whether there is more, or nobody waits any longer.
    /// A window without room counts: it looks at all.
    fn run(&self, watch: &Weak<()>) -> Result<Listing, Error> {
        let Window { offset, limit, descending } = self.window;
        let (mut count, mut is_full) = (0, false);
        let (mut parts, mut last) = (Vec::new(), None);
        let mut after = self.after.clone();
        let piece = Window { offset: 0, limit: PIECE, descending };
        while watch.strong_count() > 0 {
            let piece = self.store.users_piece(self.role.as_deref(), after.as_deref(), piece, |user| {
                if !self.filter.takes(user, self.now) {
                    return Look::Pass;
                }
                count += 1;
                if count <= offset || limit == 0 {
                    return Look::Pass;
                }
                is_full = count - offset > limit;
                if is_full {
                    return Look::Stop;
                }
                last = Some(user.username.to_string());
                Look::Take
            })?;
            parts.extend(piece.documents.into_iter().map(PagePart::One));
            after = piece.next;
            if after.is_none() {
                break;
            }
        }
        let is_counted = !is_full && self.after.is_none();
        Ok(Listing { parts, total: is_counted.then_some(count), next: last.filter(|_| is_full) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn takes(filter: UserFilter, user: &serde_json::Value) -> bool {
        let text = user.to_string();
        filter.folded().takes(&serde_json::from_str(&text).unwrap(), UnixMillis::new(1000))
    }

    #[test]
    fn each_filter_looks_at_its_member() {
        let user = json!({
            "username": "Ada", "status": 1, "email": "ada@Example.com", "description": "née <Byron>",
            "expiration_date": 1000, "groups": [{"name": "poets", "type": 1}], "role": "r", "more": [1, {"x": 2}]
        });
        let plain = json!({"username": "Ada", "status": 0});
        let text = |text: &str| Some(text.to_owned());
        let all = UserFilter::default;
        for (filter, takes_user, takes_plain) in [
            (all(), true, true),
            (UserFilter { search: text("AD"), ..all() }, true, true),
            (UserFilter { search: text("example"), ..all() }, true, false),
            (UserFilter { search: text("NÉE <b"), ..all() }, true, false),
            (UserFilter { search: text("poets"), ..all() }, false, false),
            (UserFilter { status: Some(1), ..all() }, true, false),
            (UserFilter { status: Some(0), ..all() }, false, true),
            (UserFilter { email: text("ADA@example.com"), ..all() }, true, false),
            (UserFilter { email: text("ada"), ..all() }, false, false),
            (UserFilter { group: text("poets"), ..all() }, true, false),
            (UserFilter { group: text("Poets"), ..all() }, false, false),
            (UserFilter { is_expired: Some(true), ..all() }, true, false),
            (UserFilter { is_expired: Some(false), ..all() }, false, true),
            (UserFilter { status: Some(1), search: text("x"), ..all() }, true, false),
            (UserFilter { status: Some(0), search: text("byron"), ..all() }, false, false),
        ] {
            assert_eq!(takes(filter.clone(), &user), takes_user, "{filter:?}");
            assert_eq!(takes(filter.clone(), &plain), takes_plain, "{filter:?}");
        }
    }

    #[test]
    fn a_date_that_was_never_set_or_is_to_come_is_not_over() {
        let expired = || UserFilter { is_expired: Some(true), ..UserFilter::default() };
        for (date, is_over) in [(-5, false), (0, false), (1, true), (1000, true), (1001, false)] {
            let user = json!({"username": "a", "status": 1, "expiration_date": date});
            assert_eq!(takes(expired(), &user), is_over, "{date}");
        }
    }
}
