//! Secrets that come along, sealed elsewhere: what this server can open stays as it is, what the old server's
//! master key opens is sealed anew, the rest is refused or kept, as the operator says.

use crate::domain::sealer::Sealer;
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// What becomes of a sealed secret that nothing opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// It is refused.
    Refuse,
    /// It is kept, but for one that needs a master key: that one is refused.
    TrustLocal,
    /// It is kept.
    Keep,
}

/// What opens the secrets of a file.
#[derive(Debug, Clone)]
pub struct Openers {
    own: Sealer,
    old: Option<Sealer>,
    unopened: Unopened,
}

impl Openers {
    /// This server's sealer, that of the server the file comes from, and what becomes of the rest.
    pub fn new(own: Sealer, old: Option<Sealer>, unopened: Unopened) -> Self {
        Self { own, old, unopened }
    }

    /// Makes every secret one that this server can open.
    ///
    /// # Errors
    /// When one does not open and is not to be kept; the text names its member.
    pub(super) fn settle<'s>(
        &self,
        mut secrets: impl Iterator<Item = (String, &'s mut Secret)>,
    ) -> Result<(), Invalid> {
        secrets.try_for_each(|(member, secret)| self.settle_one(&member, secret))
    }

    fn settle_one(&self, member: &str, secret: &mut Secret) -> Result<(), Invalid> {
        let Some(sealed) = secret.sealed() else { return Ok(()) };
        let Err(why) = self.own.open(sealed) else { return Ok(()) };
        if let Some(plain) = self.old.as_ref().and_then(|old| old.open(sealed).ok()) {
            *secret = self.own.seal(plain.expose(), sealed.additional_data()).into();
            return Ok(());
        }
        match self.unopened {
            Unopened::Keep => Ok(()),
            Unopened::TrustLocal if sealed.mode() == 0 => Ok(()),
            Unopened::TrustLocal | Unopened::Refuse => Err(Invalid::new(format!("{member}: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::sealer::MasterKey;

    fn with(key: &str) -> Sealer {
        Sealer::new(Some(MasterKey::parse(key.to_owned()).unwrap()))
    }

    fn settle(openers: &Openers, mut secret: Secret) -> Result<Secret, String> {
        let settled = openers.settle([("m".to_owned(), &mut secret)].into_iter());
        settled.map(|()| secret).map_err(|why| why.to_string())
    }

    #[test]
    fn what_this_server_opens_stays_byte_for_byte() {
        let openers = Openers::new(with("new"), Some(with("old")), Unopened::Refuse);
        for sealer in [with("new"), Sealer::default()] {
            let secret: Secret = sealer.seal("sesame", "anna").into();
            assert_eq!(settle(&openers, secret.clone()), Ok(secret));
        }
        assert_eq!(settle(&openers, Secret::Empty), Ok(Secret::Empty));
    }

    #[test]
    fn what_the_old_key_opens_is_sealed_anew() {
        let secret: Secret = with("old").seal("sesame", "anna").into();
        for (own, mode) in [(with("new"), 1), (Sealer::default(), 0)] {
            let openers = Openers::new(own.clone(), Some(with("old")), Unopened::Refuse);
            let settled = settle(&openers, secret.clone()).unwrap();
            let sealed = settled.sealed().unwrap();
            assert_eq!((sealed.mode(), sealed.additional_data()), (mode, "anna"));
            assert_eq!(own.open(sealed).unwrap().expose(), "sesame");
        }
    }

    #[test]
    fn what_nothing_opens_is_refused_or_kept_as_asked() {
        let locked: Secret = with("lost").seal("sesame", "anna").into();
        let broken: Secret = serde_json::from_value(
            json!({"status": "Secretbox", "payload": "x", "key": "0".repeat(64), "additional_data": "a"}),
        )
        .unwrap();
        for (unopened, keeps_locked, keeps_broken) in [
            (Unopened::Refuse, false, false),
            (Unopened::TrustLocal, false, true),
            (Unopened::Keep, true, true),
        ] {
            let openers = Openers::new(Sealer::default(), None, unopened);
            assert_eq!(settle(&openers, locked.clone()).is_ok(), keeps_locked, "{unopened:?}");
            assert_eq!(settle(&openers, broken.clone()).is_ok(), keeps_broken, "{unopened:?}");
        }
        let openers = Openers::new(Sealer::default(), None, Unopened::Refuse);
        assert_eq!(settle(&openers, locked).unwrap_err(), "m: the secret needs the master key");
    }
}
