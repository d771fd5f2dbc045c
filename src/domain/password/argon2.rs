//! Argon2id as the PHC string `$argon2id$v=19$m=…,t=…,p=…$<salt>$<hash>`, base64 without padding
//! (RFC 9106 and the PHC string format), with bounds on memory and time.

use ::argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{SHORTEST_KEY_BYTES, Unusable};
use crate::random;

/// The most memory a hash may ask for: 256 MiB, libsodium's MODERATE; servers use 19 to 128 MiB.
/// More, on all workers at once, would drive the server out of memory.
pub(super) const MAX_MEMORY_KIB: u32 = 256 * 1024;

/// The most memory written in all passes together: 1 GiB, about a second of one core.
pub(super) const MAX_WORK_KIB: u64 = 1024 * 1024;

/// The most lanes; they are computed one after the other and only divide the memory.
pub(super) const MAX_LANES: u32 = 64;

/// Length of salts that are made here.
const SALT_BYTES: usize = 16;

/// Length of hashes that are made here.
const HASH_BYTES: usize = 32;

/// The longest salt or hash that is read; the PHC format allows 64 bytes.
const MAX_FIELD_BYTES: usize = 64;

/// A well-formed hash of bearable cost.
pub(super) struct Argon2id {
    version: Version,
    params: Params,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

impl Argon2id {
    /// Takes apart what follows `$argon2id$`.
    pub(super) fn open(rest: &str) -> Result<Self, Unusable> {
        let fields: Vec<&str> = rest.split('$').collect();
        let [version, costs, salt, expected] = fields[..] else { return Err(Unusable::Broken) };
        let version = number(version, "v=").and_then(|version| Version::try_from(version).ok());
        let costs: Vec<&str> = costs.split(',').collect();
        let [memory, passes, lanes] = costs[..] else { return Err(Unusable::Broken) };
        let cost = (number(memory, "m="), number(passes, "t="), number(lanes, "p="));
        let (Some(version), (Some(memory), Some(passes), Some(lanes))) = (version, cost) else {
            return Err(Unusable::Broken);
        };
        let (salt, expected) = (decode(salt)?, decode(expected)?);
        if salt.len() < ::argon2::MIN_SALT_LEN || expected.len() < SHORTEST_KEY_BYTES {
            return Err(Unusable::Broken);
        }
        if !is_bearable(memory, passes, lanes) {
            return Err(Unusable::TooCostly);
        }
        let params =
            Params::new(memory, passes, lanes, Some(expected.len())).map_err(|_| Unusable::Broken)?;
        Ok(Self { version, params, salt, expected })
    }

    /// The memory written in all passes together.
    pub(super) fn work_kib(&self) -> u64 {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost())
    }

    /// Computes the hash of the password and compares.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut made = vec![0; self.expected.len()];
        Argon2::new(Algorithm::Argon2id, self.version, self.params.clone())
            .hash_password_into(password, &self.salt, &mut made)
            .is_ok_and(|()| super::same(&made, &self.expected))
    }
}

/// Whether these costs stay within what a server may be made to spend.
pub(super) fn is_bearable(memory_kib: u32, passes: u32, lanes: u32) -> bool {
    memory_kib <= MAX_MEMORY_KIB
        && lanes <= MAX_LANES
        && u64::from(memory_kib) * u64::from(passes) <= MAX_WORK_KIB
}

/// Hashes with a fresh salt of 16 bytes into 32 bytes.
///
/// # Errors
/// When the costs are out of range or there is no memory.
pub(super) fn hash(password: &str, (memory, passes, lanes): (u32, u32, u32)) -> ::argon2::Result<String> {
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES))?;
    let salt: [u8; SALT_BYTES] = random::bytes();
    let mut made = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        password.as_bytes(),
        &salt,
        &mut made,
    )?;
    let (salt, made) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(made));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${made}"))
}

fn number(field: &str, name: &str) -> Option<u32> {
    field.strip_prefix(name)?.parse().ok()
}

fn decode(field: &str) -> Result<Vec<u8>, Unusable> {
    match STANDARD_NO_PAD.decode(field) {
        Ok(bytes) if bytes.len() <= MAX_FIELD_BYTES => Ok(bytes),
        Ok(_) | Err(_) => Err(Unusable::Broken),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::password::{PasswordHash, Unusable};

    /// From `test.c` of the reference implementation (phc-winner-argon2).
    #[test]
    fn the_vectors_of_the_reference_implementation_match() {
        for (text, password) in [
            (
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                "password",
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                "password",
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
                "password",
            ),
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify(password), "{text}");
            assert!(!hash.verify("differentpassword"), "{text}");
        }
    }

    #[test]
    fn costs_that_would_stall_the_server_are_not_computed() {
        let rest = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for (costs, check) in [
            ("v=19$m=65536,t=1,p=2", Ok(())),
            ("v=19$m=262144,t=4,p=1", Ok(())),
            ("v=19$m=262144,t=5,p=1", Err(Unusable::TooCostly)),
            ("v=19$m=262145,t=1,p=1", Err(Unusable::TooCostly)),
            ("v=19$m=4294967295,t=4294967295,p=1", Err(Unusable::TooCostly)),
            ("v=19$m=65536,t=1,p=65", Err(Unusable::TooCostly)),
            ("v=19$m=0,t=1,p=1", Err(Unusable::Broken)),
            ("v=19$m=64,t=0,p=1", Err(Unusable::Broken)),
            ("v=19$m=64,t=1,p=0", Err(Unusable::Broken)),
            ("v=19$m=64,t=1", Err(Unusable::Broken)),
            ("v=18$m=64,t=1,p=1", Err(Unusable::Broken)),
            ("m=64,t=1,p=1", Err(Unusable::Broken)),
        ] {
            let hash = PasswordHash::recognise(&format!("$argon2id${costs}{rest}")).unwrap();
            assert_eq!(hash.check(), check, "{costs}");
        }
    }

    #[test]
    fn a_hash_of_a_few_bytes_matches_nobody() {
        let hash = PasswordHash::recognise("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EA").unwrap();
        assert_eq!(hash.check(), Err(Unusable::Broken));
    }
}
