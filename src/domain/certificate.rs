//! TLS client certificates of a user (`contract/validation.md` §9): PEM texts, stored as they were sent.
//! Nobody vouches for them here: a certificate is compared, not verified.

use serde::{Deserialize, Serialize};
use x509_parser::prelude::parse_x509_certificate;
use x509_parser::public_key::PublicKey;

use super::pem;
use crate::error::Invalid;

/// The fewest bits an RSA key may have.
const RSA_BITS: usize = 2048;

/// The TLS certificates of a user: empty texts are dropped, copies stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct TlsCertificates(Vec<String>);

impl TlsCertificates {
    /// Takes texts, each with a certificate in its first whole PEM block, whatever that is called and whatever
    /// stands around it. Messages name the member, and positions that count from 0, empty texts included.
    ///
    /// # Errors
    /// When a text holds no certificate, or one with a short RSA key.
    pub fn parse(member: &str, texts: Vec<String>) -> Result<Self, Invalid> {
        for (place, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            check(text).map_err(|why| Invalid::new(format!("{member}[{place}]: {why}")))?;
        }
        Ok(Self(texts.into_iter().filter(|text| !text.is_empty()).collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts in the order in which they were given.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for TlsCertificates {
    type Error = Invalid;

    fn try_from(texts: Vec<String>) -> Result<Self, Invalid> {
        Self::parse("filters.tls_certs", texts)
    }
}

/// Fails with the reason unless the first whole PEM block holds a certificate with a key that is long enough.
fn check(text: &str) -> Result<(), Invalid> {
    let block = pem::first_block(text).ok_or_else(|| Invalid::new("no PEM block found"))?;
    let no_certificate = || Invalid::new("the first PEM block holds no certificate");
    let (rest, certificate) = parse_x509_certificate(&block.content).map_err(|_| no_certificate())?;
    if !rest.is_empty() {
        return Err(no_certificate());
    }
    let key = certificate.public_key().parsed().map_err(|_| no_certificate())?;
    match rsa_bits(&key) {
        Some(bits) if bits < RSA_BITS => {
            Err(Invalid::new(format!("RSA keys must have at least {RSA_BITS} bits, this one has {bits}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// The bits of an RSA key's modulus; the parser's own count is in whole bytes.
fn rsa_bits(key: &PublicKey<'_>) -> Option<usize> {
    let PublicKey::RSA(rsa) = key else { return None };
    let start = rsa.modulus.iter().position(|byte| *byte != 0).unwrap_or(rsa.modulus.len());
    let modulus = &rsa.modulus[start..];
    Some(modulus.first().map_or(0, |high| 8 * modulus.len() - high.leading_zeros() as usize))
}

#[cfg(test)]
mod tests;
