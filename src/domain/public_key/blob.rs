//! The binary form of SSH public keys and certificates (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4,
//! OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f). A blob is taken whole or not at all: every field is
//! there, well formed, and nothing follows.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, EcdsaVerificationAlgorithm,
    ParsedPublicKey,
};

/// What kind of key it is, and what its strength depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// RSA with a modulus of so many bits.
    Rsa { bits: usize },
    /// DSA.
    Dsa,
    /// ECDSA over one of the three NIST curves, also in a security key.
    Ecdsa,
    /// Ed25519, also in a security key.
    Ed25519,
}

/// A key: its kind, and the blob of the plain key, which is the whole blob unless it is a certificate.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) family: Family,
    pub(super) plain: Vec<u8>,
}

/// What makes the algorithm's name of a plain key that of a certificate.
const CERTIFICATE: &str = "-cert-v01@openssh.com";
/// What ends the name of a key that lives in a security key.
const SECURITY_KEY: &str = "@openssh.com";
/// The longest RSA modulus that OpenSSH takes.
const RSA_MOST_BITS: usize = 16_384;
/// The longest exponent that OpenSSL takes for a large modulus.
const RSA_EXPONENT_BITS: usize = 64;

/// Reads a blob.
pub(super) fn parse(blob: &[u8]) -> Option<Blob> {
    let mut fields = Fields(blob);
    let name = std::str::from_utf8(fields.string()?).ok()?;
    let Some(stem) = name.strip_suffix(CERTIFICATE) else {
        let family = fields.key(name)?;
        return fields.end().map(|()| Blob { family, plain: blob.to_vec() });
    };
    let plain_name = if stem.starts_with("sk-") { format!("{stem}{SECURITY_KEY}") } else { stem.to_owned() };
    let _nonce = fields.string()?;
    let before = fields.0;
    let family = fields.key(&plain_name)?;
    let key = &before[..before.len() - fields.0.len()];
    fields.certificate()?;
    fields.end()?;
    let length = u32::try_from(plain_name.len()).ok()?;
    Some(Blob { family, plain: [&length.to_be_bytes()[..], plain_name.as_bytes(), key].concat() })
}

/// What is left to read of a blob.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of one algorithm, without its name.
    fn key(&mut self, name: &str) -> Option<Family> {
        match name {
            "ssh-rsa" => self.rsa(),
            "ssh-dss" => {
                for _ in ["p", "q", "g", "y"] {
                    self.positive()?;
                }
                Some(Family::Dsa)
            }
            "ecdsa-sha2-nistp256" => self.point("nistp256", 32, &ECDSA_P256_SHA256_ASN1),
            "ecdsa-sha2-nistp384" => self.point("nistp384", 48, &ECDSA_P384_SHA384_ASN1),
            "ecdsa-sha2-nistp521" => self.point("nistp521", 66, &ECDSA_P521_SHA512_ASN1),
            "sk-ecdsa-sha2-nistp256@openssh.com" => {
                let family = self.point("nistp256", 32, &ECDSA_P256_SHA256_ASN1)?;
                self.application().map(|()| family)
            }
            "ssh-ed25519" => self.ed25519(),
            "sk-ssh-ed25519@openssh.com" => {
                let family = self.ed25519()?;
                self.application().map(|()| family)
            }
            _ => None,
        }
    }

    /// An odd exponent of at least 3 and an odd modulus.
    fn rsa(&mut self) -> Option<Family> {
        let (exponent, modulus) = (self.positive()?, self.positive()?);
        let odd = |number: &[u8]| number.last().is_some_and(|low| low & 1 == 1);
        let bits = bits(modulus);
        let fits = odd(exponent)
            && odd(modulus)
            && (2..=RSA_EXPONENT_BITS).contains(&self::bits(exponent))
            && bits <= RSA_MOST_BITS;
        fits.then_some(Family::Rsa { bits })
    }

    /// The name of the curve and a point that lies on it, not compressed (SEC 1 §2.3.3, §3.2.2.1).
    fn point(
        &mut self,
        curve: &str,
        coordinate: usize,
        algorithm: &'static EcdsaVerificationAlgorithm,
    ) -> Option<Family> {
        let (name, point) = (self.string()?, self.string()?);
        let fits = name == curve.as_bytes() && point.len() == 1 + 2 * coordinate && point[0] == 4;
        (fits && ParsedPublicKey::new(algorithm, point).is_ok()).then_some(Family::Ecdsa)
    }

    fn ed25519(&mut self) -> Option<Family> {
        (self.string()?.len() == 32).then_some(Family::Ed25519)
    }

    /// The application a security key's key is for: a text such as `ssh:`.
    fn application(&mut self) -> Option<()> {
        std::str::from_utf8(self.string()?).ok().map(|_| ())
    }

    /// What follows the key in a certificate: serial, type, id, principals, validity, options, the
    /// authority's key and its signature.
    fn certificate(&mut self) -> Option<()> {
        let _serial = self.take(8)?;
        let [0, 0, 0, 1 | 2] = self.take(4)? else { return None };
        let _id = self.string()?;
        Fields(self.string()?).strings()?;
        let _valid_after = self.take(8)?;
        let _valid_before = self.take(8)?;
        for _ in ["critical options", "extensions"] {
            Fields(self.string()?).strings()?;
        }
        let _reserved = self.string()?;
        let mut authority = Fields(self.string()?);
        let name = std::str::from_utf8(authority.string()?).ok()?;
        authority.key(name)?;
        authority.end()?;
        let mut signature = Fields(self.string()?);
        signature.string()?;
        signature.string()?;
        Some(())
    }

    /// Strings up to the end.
    fn strings(&mut self) -> Option<()> {
        while !self.0.is_empty() {
            self.string()?;
        }
        Some(())
    }

    /// A number above zero, without its leading zero bytes.
    fn positive(&mut self) -> Option<&'a [u8]> {
        let number = self.string()?;
        let negative = number.first().is_some_and(|high| high & 0x80 != 0);
        let start = number.iter().position(|byte| *byte != 0)?;
        (!negative).then(|| &number[start..])
    }

    /// Bytes with their length before them.
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        self.take(usize::try_from(length).ok()?)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The bits of a number that has no leading zero byte.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |high| 8 * number.len() - high.leading_zeros() as usize)
}
