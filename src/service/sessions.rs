//! Signed-in users, as `/connections` lists them. A session is a token, from the sign-in on; the token
//! itself carries the proof, so this list is only what an operator sees, and may be short after a restart
//! until the tokens are used again. Whoever shows it asks whether the token would still be taken.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::time::UnixMillis;

/// The most sessions that are remembered; those that are over make room, then the one idle longest.
const MAX_SESSIONS: usize = 20_000;

/// A user's session on the server's own side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The token's own name, its claim `jti`.
    pub token_id: String,
    /// The user.
    pub username: String,
    /// The account as the token names it, its claim `sub`: names are given out again.
    pub account: String,
    /// Where he came from.
    pub address: IpAddr,
    /// When he signed in.
    pub since: UnixMillis,
    /// When he was last heard of.
    pub last_activity: UnixMillis,
    /// When the token ends.
    pub expires_at: UnixMillis,
}

/// The sessions of users.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<String, Session>>>);

impl Sessions {
    /// Notes a session, new or known.
    pub fn touch(&self, session: Session) {
        let mut sessions = self.0.lock();
        if let Some(known) = sessions.get_mut(&session.token_id) {
            known.last_activity = session.last_activity;
            return;
        }
        if sessions.len() >= MAX_SESSIONS {
            sessions.retain(|_, known| known.expires_at > session.last_activity);
        }
        if sessions.len() >= MAX_SESSIONS {
            let oldest = sessions.values().min_by_key(|session| session.last_activity);
            if let Some(id) = oldest.map(|session| session.token_id.clone()) {
                sessions.remove(&id);
            }
        }
        sessions.insert(session.token_id.clone(), session);
    }

    /// The sessions that are not over, the oldest first.
    pub fn list(&self, now: UnixMillis) -> Vec<Session> {
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| session.expires_at > now);
        let mut listed: Vec<Session> = sessions.values().cloned().collect();
        drop(sessions);
        listed.sort_by(|a, b| (a.since, &a.token_id).cmp(&(b.since, &b.token_id)));
        listed
    }

    /// The session of this token.
    pub fn get(&self, token_id: &str) -> Option<Session> {
        self.0.lock().get(token_id).cloned()
    }

    /// Forgets the session of a token.
    pub fn end(&self, token_id: &str) {
        self.0.lock().remove(token_id);
    }

    /// Forgets every session of these users.
    pub fn end_all_of_these(&self, usernames: &HashSet<String>) {
        self.0.lock().retain(|_, session| !usernames.contains(&session.username));
    }

    /// Forgets every session of a user.
    pub fn end_all_of(&self, username: &str) {
        self.0.lock().retain(|_, session| session.username != username);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, username: &str, at: i64) -> Session {
        Session {
            token_id: id.into(),
            username: username.into(),
            account: "1.0".into(),
            address: IpAddr::from([127, 0, 0, 1]),
            since: UnixMillis::new(at),
            last_activity: UnixMillis::new(at),
            expires_at: UnixMillis::new(1000),
        }
    }

    #[test]
    fn sessions_are_listed_by_age_until_their_token_ends() {
        let sessions = Sessions::default();
        sessions.touch(session("b", "bob", 2));
        sessions.touch(session("a", "ann", 1));
        let ids =
            |now| sessions.list(UnixMillis::new(now)).into_iter().map(|s| s.token_id).collect::<Vec<_>>();
        assert_eq!(ids(10), ["a", "b"]);
        assert!(ids(1000).is_empty());
    }

    #[test]
    fn a_known_session_keeps_its_beginning() {
        let sessions = Sessions::default();
        sessions.touch(session("a", "ann", 1));
        sessions.touch(session("a", "ann", 5));
        let known = sessions.get("a").unwrap();
        assert_eq!((known.since.get(), known.last_activity.get()), (1, 5));
    }

    #[test]
    fn ending_a_user_ends_all_his_sessions_and_no_others() {
        let sessions = Sessions::default();
        for (id, name) in [("a", "ann"), ("b", "ann"), ("c", "bob")] {
            sessions.touch(session(id, name, 1));
        }
        sessions.end_all_of("ann");
        assert_eq!(sessions.list(UnixMillis::new(2)).len(), 1);
        sessions.end("c");
        assert!(sessions.get("c").is_none());
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        for number in 0..=MAX_SESSIONS {
            sessions.touch(session(&number.to_string(), "ann", i64::try_from(number).unwrap().min(900)));
        }
        assert_eq!(sessions.0.lock().len(), MAX_SESSIONS);
    }
}
