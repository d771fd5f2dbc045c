//! Remembers for a while which passwords were right, so that a client that signs in with each request
//! does not cost a hash each time. Kept are keyed digests only: no password, no hash, no name.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Holder;
use crate::clock::Clock;
use crate::domain::password::{NewPassword, PasswordHash};
use crate::domain::time::UnixMillis;
use crate::random;

/// How many proofs are kept unless the settings say otherwise.
pub const DEFAULT_ENTRIES: usize = 4096;

/// How long a proof counts unless the settings say otherwise.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// Stands for holder, stored hash and password; worth nothing without the key of this process.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proof([u8; 32]);

/// The passwords that were right lately: a bounded number, each for a bounded time.
///
/// A changed hash makes another proof, so nothing has to be removed when a password changes.
pub struct VerificationCache {
    /// A whole block of SHA-256, the form in which HMAC takes a key.
    key: Zeroizing<[u8; 64]>,
    /// When each proof ends.
    proofs: Cache<Proof, UnixMillis>,
    lifetime_millis: i64,
    clock: Clock,
}

impl VerificationCache {
    /// An empty cache with a key of its own.
    #[must_use]
    pub fn new(entries: usize, lifetime: Duration, clock: Clock) -> Self {
        let lifetime_millis = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        Self { key: Zeroizing::new(random::bytes()), proofs: Cache::new(entries), lifetime_millis, clock }
    }

    /// What would be remembered if the password is right.
    pub fn proof(&self, holder: Holder<'_>, stored: &PasswordHash, given: &NewPassword) -> Proof {
        let (kind, name) = match holder {
            Holder::User(name) => ("user", name),
            Holder::Admin(name) => ("admin", name),
            Holder::ApiKey(id) => ("api_key", id),
        };
        let mut mac = Hmac::<Sha256>::new((&*self.key).into());
        for part in [kind, name, stored.expose(), given.expose()] {
            // The length first: parts cannot be shifted into one another.
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        Proof(mac.finalize().into_bytes().into())
    }

    /// Whether this was right a short while ago.
    pub fn knows(&self, proof: &Proof) -> bool {
        match self.proofs.get(proof) {
            Some(end) if self.clock.now() < end => true,
            Some(_) => {
                self.proofs.remove(proof);
                false
            }
            None => false,
        }
    }

    /// Remembers what was right.
    pub fn remember(&self, proof: Proof) {
        self.proofs.insert(proof, self.clock.now().plus(self.lifetime_millis));
    }
}

impl fmt::Debug for VerificationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationCache").field("entries", &self.proofs.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(clock: &Clock) -> VerificationCache {
        VerificationCache::new(16, Duration::from_secs(600), clock.clone())
    }

    #[test]
    fn each_part_of_a_login_makes_another_proof() {
        let cache = cache(&Clock::fixed(UnixMillis::new(0)));
        let proof = |holder, hash, given| {
            cache.proof(holder, &PasswordHash::recognise(hash).unwrap(), &NewPassword::new(given))
        };
        cache.remember(proof(Holder::User("anna"), "$2a$x", "right"));
        assert!(cache.knows(&proof(Holder::User("anna"), "$2a$x", "right")));
        for (holder, hash, given) in [
            (Holder::Admin("anna"), "$2a$x", "right"),
            (Holder::ApiKey("anna"), "$2a$x", "right"),
            (Holder::User("ann"), "$2a$x", "right"),
            (Holder::User("anna"), "$2a$y", "right"),
            (Holder::User("anna"), "$2a$x", "wrong"),
            (Holder::User("anna"), "$2a$xr", "ight"),
        ] {
            assert!(!cache.knows(&proof(holder, hash, given)), "{holder:?} {hash} {given}");
        }
    }

    #[test]
    fn a_proof_ends_with_its_lifetime_even_if_it_is_used() {
        let clock = Clock::fixed(UnixMillis::new(1_000));
        let cache = cache(&clock);
        let hash = PasswordHash::recognise("$2a$x").unwrap();
        let proof = || cache.proof(Holder::User("anna"), &hash, &NewPassword::new("right"));
        cache.remember(proof());
        clock.advance(599_999);
        assert!(cache.knows(&proof()));
        clock.advance(1);
        assert!(!cache.knows(&proof()));
        clock.advance(-600_000);
        assert!(!cache.knows(&proof()), "what has ended is forgotten");
    }

    #[test]
    fn only_so_many_proofs_are_kept_and_none_is_known_elsewhere() {
        let clock = Clock::fixed(UnixMillis::new(0));
        let (one, other) = (cache(&clock), cache(&clock));
        let hash = PasswordHash::recognise("$2a$x").unwrap();
        for name in 0..1000 {
            one.remember(one.proof(Holder::User(&name.to_string()), &hash, &NewPassword::new("right")));
        }
        assert!(one.proofs.len() <= 16);
        let proof = |cache: &VerificationCache| cache.proof(Holder::User("a"), &hash, &NewPassword::new("b"));
        assert!(proof(&one) != proof(&other), "each process has its own key");
        assert!(!format!("{one:?}").contains("right"));
    }
}
