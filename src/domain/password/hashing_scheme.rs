//! How new hashes are made (`contract/passwords.md` §2): a setting of the server, checked when it is read,
//! never above the costs that verification bears.

use super::{NewPassword, PasswordHash, Scheme, argon2, bcrypt};
use crate::error::{Error, Invalid};

/// The function and the cost that new hashes get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingScheme(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bcrypt { cost: u32 },
    Argon2id { memory_kib: u32, iterations: u32, parallelism: u32 },
}

impl HashingScheme {
    /// bcrypt of a cost from 4 to 15; its hashes begin with `$2a$`.
    ///
    /// # Errors
    /// When the cost is out of range.
    pub fn bcrypt(cost: u32) -> Result<Self, Invalid> {
        if (bcrypt::MIN_COST..=bcrypt::MAX_COST).contains(&cost) {
            return Ok(Self(Kind::Bcrypt { cost }));
        }
        let (least, most) = (bcrypt::MIN_COST, bcrypt::MAX_COST);
        Err(Invalid::new(format!("bcrypt: the cost must be from {least} to {most}, not {cost}")))
    }

    /// Argon2id of so much memory, so many passes over it and so many lanes.
    ///
    /// # Errors
    /// When the costs are out of range or above what verification bears.
    pub fn argon2id(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<Self, Invalid> {
        if iterations == 0 || parallelism == 0 {
            return Err(Invalid::new("argon2id: iterations and parallelism must be at least 1"));
        }
        if u64::from(memory_kib) < 8 * u64::from(parallelism) {
            return Err(Invalid::new("argon2id: memory must be at least 8 KiB for each unit of parallelism"));
        }
        if !argon2::is_bearable(memory_kib, iterations, parallelism) {
            return Err(Invalid::new(format!(
                "argon2id: memory must be at most {} KiB, memory times iterations at most {} KiB, parallelism at most {}",
                argon2::MAX_MEMORY_KIB,
                argon2::MAX_WORK_KIB,
                argon2::MAX_LANES
            )));
        }
        Ok(Self(Kind::Argon2id { memory_kib, iterations, parallelism }))
    }

    /// The family of the hashes it makes.
    pub fn scheme(&self) -> Scheme {
        match self.0 {
            Kind::Bcrypt { .. } => Scheme::Bcrypt,
            Kind::Argon2id { .. } => Scheme::Argon2id,
        }
    }

    /// Whether bcrypt of this cost is as much work as a hash made here.
    pub(super) fn is_reached_by_bcrypt(&self, theirs: u32) -> bool {
        matches!(self.0, Kind::Bcrypt { cost } if theirs >= cost)
    }

    /// Whether Argon2id that writes so much memory in all its passes is as much work as a hash made here.
    pub(super) fn is_reached_by_argon2id(&self, theirs_kib: u64) -> bool {
        matches!(self.0, Kind::Argon2id { memory_kib, iterations, .. }
            if theirs_kib >= u64::from(memory_kib) * u64::from(iterations))
    }

    /// Checks that the hash can hold the whole password.
    ///
    /// # Errors
    /// [`Invalid`] with bcrypt and more than 72 bytes: it would ignore the rest, and nothing is cut silently.
    pub fn check(&self, password: &NewPassword) -> Result<(), Invalid> {
        match self.0 {
            Kind::Bcrypt { .. } if password.expose().len() > bcrypt::PASSWORD_BYTES => {
                Err(Invalid::new("password: longer than 72 bytes, the most that bcrypt can hold"))
            }
            Kind::Bcrypt { .. } | Kind::Argon2id { .. } => Ok(()),
        }
    }

    /// Makes a hash with a fresh salt; takes as long as it is meant to take.
    ///
    /// # Errors
    /// [`Error::Invalid`] as [`HashingScheme::check`]; [`Error::Internal`] when there is no memory for it.
    pub fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Error> {
        self.check(password)?;
        let password = password.expose();
        let text = match self.0 {
            Kind::Bcrypt { cost } => bcrypt::hash(password, cost).map_err(Error::internal)?,
            Kind::Argon2id { memory_kib, iterations, parallelism } => {
                argon2::hash(password, (memory_kib, iterations, parallelism))
                    .map_err(|error| Error::internal(error.to_string()))?
            }
        };
        Ok(PasswordHash::made(self.scheme(), text))
    }
}

impl Default for HashingScheme {
    /// bcrypt of cost 10.
    fn default() -> Self {
        Self(Kind::Bcrypt { cost: 10 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_hash_matches_its_password_and_is_recognised() {
        for (scheme, prefix, length) in [
            (HashingScheme::bcrypt(4), "$2a$04$", 60),
            (HashingScheme::argon2id(64, 2, 2), "$argon2id$v=19$m=64,t=2,p=2$", 28 + 22 + 1 + 43),
        ] {
            let scheme = scheme.unwrap();
            let hash = scheme.hash(&NewPassword::new("pässword")).unwrap();
            assert!(hash.expose().starts_with(prefix), "{}", hash.expose());
            assert_eq!(hash.expose().len(), length);
            assert!(hash.verify("pässword"));
            assert!(!hash.verify("password"));
            assert_eq!(PasswordHash::recognise_strong(hash.expose()), Some(hash.clone()));
            assert!(!hash.needs_conversion(&scheme, &NewPassword::new("pässword")));
            assert_ne!(scheme.hash(&NewPassword::new("pässword")).unwrap(), hash);
        }
    }

    #[test]
    fn bcrypt_refuses_what_it_would_cut() {
        let bcrypt = HashingScheme::bcrypt(4).unwrap();
        assert!(bcrypt.hash(&NewPassword::new("x".repeat(72))).is_ok());
        for long in ["x".repeat(73), "ü".repeat(37)] {
            let error = bcrypt.hash(&NewPassword::new(long)).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)));
            assert_eq!(error.to_string(), "password: longer than 72 bytes, the most that bcrypt can hold");
        }
        let argon2id = HashingScheme::argon2id(64, 1, 1).unwrap();
        let long = "x".repeat(100);
        assert!(argon2id.hash(&NewPassword::new(&*long)).unwrap().verify(&long));
    }

    #[test]
    fn costs_out_of_range_are_refused() {
        assert!(HashingScheme::bcrypt(3).is_err());
        assert!(HashingScheme::bcrypt(16).is_err());
        for (memory, iterations, parallelism) in
            [(64, 0, 1), (64, 1, 0), (7, 1, 1), (15, 1, 2), (262_145, 1, 1), (262_144, 5, 1), (65_536, 1, 65)]
        {
            let scheme = HashingScheme::argon2id(memory, iterations, parallelism);
            assert!(scheme.is_err(), "{memory} {iterations} {parallelism}");
        }
        assert_eq!(HashingScheme::default(), HashingScheme::bcrypt(10).unwrap());
    }
}
