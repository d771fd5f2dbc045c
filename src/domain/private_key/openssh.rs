//! OpenSSH's own form of private keys (`PROTOCOL.key` of OpenSSH). Read here by hand because scalars
//! come with their leading zeros cut off, and because the work an encrypted key may ask for has a limit.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use bcrypt_pbkdf::bcrypt_pbkdf;
use zeroize::Zeroizing;

use super::{CURVES, LEAST_RSA_BITS, does_not_open, locked, too_small, unreadable};
use crate::error::Invalid;

const MAGIC: &[u8] = b"openssh-key-v1\0";
const AES_KEY_LEN: usize = 32;
const AES_BLOCK_LEN: usize = 16;

/// How often a passphrase is stretched at most; `ssh-keygen` does it 24 times unless told otherwise,
/// its manual's readers 100 times. One round takes some milliseconds.
const MOST_ROUNDS: u32 = 256;

/// Names of the curves in the order of [`CURVES`], with the length of a scalar.
const CURVE_NAMES: [(&[u8], usize); 3] = [(b"nistp256", 32), (b"nistp384", 48), (b"nistp521", 66)];

/// Checks the decoded content of an OpenSSH private key.
pub(super) fn check(content: &[u8], passphrase: Option<&str>) -> Result<(), Invalid> {
    let file = File::read(content).ok_or_else(unreadable)?;
    match (file.cipher == b"none" && file.kdf == b"none", passphrase) {
        (true, None) => check_section(file.section).ok_or_else(unreadable)?,
        (true, Some(_)) => Err(Invalid::new("there is a passphrase, but the key is not encrypted")),
        (false, None) => Err(locked()),
        (false, Some(passphrase)) => {
            let opened = file.decrypt(passphrase)?;
            check_section(&opened).ok_or_else(does_not_open)?
        }
    }
}

/// The outer layer: how the section with the key is encrypted, and that section.
struct File<'a> {
    cipher: &'a [u8],
    kdf: &'a [u8],
    kdf_options: &'a [u8],
    section: &'a [u8],
}

impl<'a> File<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(content.strip_prefix(MAGIC)?);
        let (cipher, kdf, kdf_options) = (reader.string()?, reader.string()?, reader.string()?);
        let keys = reader.number()?;
        let _public = reader.string()?;
        let section = reader.string()?;
        (keys == 1).then_some(Self { cipher, kdf, kdf_options, section })
    }

    fn decrypt(&self, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, Invalid> {
        if self.kdf != b"bcrypt" || !self.section.len().is_multiple_of(AES_BLOCK_LEN) {
            return Err(unreadable());
        }
        let mut options = Reader(self.kdf_options);
        let salt = options.string().ok_or_else(unreadable)?;
        let rounds = options.number().ok_or_else(unreadable)?;
        if rounds > MOST_ROUNDS {
            return Err(Invalid::new(format!("the key is encrypted with more than {MOST_ROUNDS} rounds")));
        }
        let mut derived = Zeroizing::new([0; AES_KEY_LEN + AES_BLOCK_LEN]);
        bcrypt_pbkdf(passphrase, salt, rounds, &mut *derived).map_err(|_| unreadable())?;

        let (key, iv) = derived.split_at(AES_KEY_LEN);
        let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| unreadable())?;
        let key = match self.cipher {
            b"aes256-ctr" => DecryptingKey::ctr(key),
            b"aes256-cbc" => DecryptingKey::cbc(key),
            _ => {
                return Err(Invalid::new(
                    "the key is encrypted with another cipher than aes256-ctr or aes256-cbc",
                ));
            }
        };
        let iv = FixedLength::try_from(iv).map_err(|_| unreadable())?;
        let mut section = Zeroizing::new(self.section.to_vec());
        key.and_then(|key| key.decrypt(&mut section, DecryptionContext::Iv128(iv)).map(drop))
            .map_err(|_| unreadable())?;
        Ok(section)
    }
}

/// Checks the inner layer; `None` when it is not the form at all, as behind a wrong passphrase.
fn check_section(section: &[u8]) -> Option<Result<(), Invalid>> {
    let mut reader = Reader(section);
    if reader.number()? != reader.number()? {
        return None;
    }
    let checked = match reader.string()? {
        b"ssh-ed25519" => check_ed25519(&mut reader)?,
        b"ssh-rsa" => check_rsa(&mut reader)?,
        b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521" => check_ecdsa(&mut reader)?,
        _ => return Some(Err(Invalid::new("this kind of private key is not supported"))),
    };
    let _comment = reader.string()?;
    reader.0.iter().copied().eq((1..=u8::MAX).take(reader.0.len())).then_some(checked)
}

fn check_ed25519(reader: &mut Reader<'_>) -> Option<Result<(), Invalid>> {
    let (public, private) = (reader.string()?, reader.string()?);
    let (seed, again) = private.split_at_checked(32)?;
    let fits = again == public && Ed25519KeyPair::from_seed_and_public_key(seed, public).is_ok();
    Some(if fits { Ok(()) } else { Err(unreadable()) })
}

fn check_rsa(reader: &mut Reader<'_>) -> Option<Result<(), Invalid>> {
    let [modulus, exponent, private, _coefficient, p, q] = [
        reader.integer()?,
        reader.integer()?,
        reader.integer()?,
        reader.integer()?,
        reader.integer()?,
        reader.integer()?,
    ];
    let parts = [exponent, private, p, q];
    Some(match bits(modulus) {
        ..LEAST_RSA_BITS => Err(too_small()),
        _ if parts.iter().any(|part| part.is_empty()) => Err(unreadable()),
        _ => Ok(()),
    })
}

fn check_ecdsa(reader: &mut Reader<'_>) -> Option<Result<(), Invalid>> {
    let (name, point, scalar) = (reader.string()?, reader.string()?, reader.integer()?);
    let at = CURVE_NAMES.iter().position(|(known, _)| *known == name)?;
    let len = CURVE_NAMES[at].1;
    let mut padded = Zeroizing::new(vec![0; len.checked_sub(scalar.len())?]);
    padded.extend_from_slice(scalar);
    let fits = EcdsaKeyPair::from_private_key_and_public_key(CURVES[at], &padded, point).is_ok();
    Some(if fits { Ok(()) } else { Err(unreadable()) })
}

/// How many bits a number has that starts with a byte other than zero.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Reads the wire encoding of SSH (RFC 4251 §5) piece by piece.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The bytes of a whole number that is not negative, without leading zeros.
    fn integer(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| *first >= 0x80) {
            return None;
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(&bytes[zeros..])
    }
}
