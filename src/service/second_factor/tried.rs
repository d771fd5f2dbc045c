//! Codes that were tried, also on secrets that belong to no account yet: each counts once within the time
//! in which it could count. Bounded, and gone with a restart; what an account used up is stored with it.

use std::collections::HashMap;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::domain::second_factor::totp::TotpSecret;
use crate::domain::time::UnixMillis;

/// How long a code is remembered, in milliseconds: longer than any window it is good for.
const REMEMBERED_FOR: i64 = 120_000;
/// How many codes are remembered at most.
const MOST: usize = 100_000;

/// The codes that were tried a short while ago, as digests of secret and code, and until when they count.
#[derive(Debug, Default)]
pub(super) struct TriedCodes(Mutex<HashMap<[u8; 32], UnixMillis>>);

impl TriedCodes {
    /// Remembers this try; says whether it is the first.
    pub(super) fn is_first(&self, secret: &TotpSecret, passcode: &str, now: UnixMillis) -> bool {
        let mut digest = Sha256::new();
        digest.update(secret.expose().as_bytes());
        digest.update([0]);
        digest.update(passcode.trim().as_bytes());
        let mut tried = self.0.lock();
        if tried.len() >= MOST {
            tried.retain(|_, until| *until > now);
            if tried.len() > MOST / 2 {
                // Else each of the next tries would go through all of them again.
                tried.clear();
            }
        }
        let before = tried.insert(digest.finalize().into(), now.plus(REMEMBERED_FOR));
        before.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_once_while_it_is_remembered() {
        let (tried, one, other) = (TriedCodes::default(), TotpSecret::random(), TotpSecret::random());
        let at = UnixMillis::new;
        assert!(tried.is_first(&one, "123456", at(0)));
        assert!(!tried.is_first(&one, " 123456", at(1)));
        assert!(tried.is_first(&one, "123457", at(1)) && tried.is_first(&other, "123456", at(1)));
        assert!(tried.is_first(&one, "123456", at(1 + REMEMBERED_FOR)));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (tried, secret) = (TriedCodes::default(), TotpSecret::random());
        for code in 0..=MOST {
            assert!(tried.is_first(&secret, &code.to_string(), UnixMillis::new(0)));
        }
        assert!(tried.0.lock().len() <= MOST);
    }
}
