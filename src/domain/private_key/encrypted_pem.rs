//! Private keys in PEM form whose headers say that they are encrypted (RFC 1421 §4.6.1), as OpenSSL made them before
//! PKCS#8: the passphrase becomes a key by one round of MD5, so that such a file is quickly guessed. Read, never made.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::unreadable;
use crate::error::Invalid;

/// How many bytes of the initialisation vector are the salt of the passphrase.
const SALT_BYTES: usize = 8;

/// The ciphers by their names in `DEK-Info`, with the length of their keys in bytes.
const CIPHERS: [(&str, &Algorithm, usize); 3] =
    [("AES-128-CBC", &AES_128, 16), ("AES-192-CBC", &AES_192, 24), ("AES-256-CBC", &AES_256, 32)];

/// Opens the content of a block with this `DEK-Info`.
///
/// # Errors
/// When the cipher is another one, the header is broken, or the passphrase is wrong: that is noticed here in all but
/// one of 256 cases, and else by the content that comes out.
pub(super) fn open(
    content: &[u8],
    encryption: Option<&str>,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, Invalid> {
    let (name, vector) = encryption.and_then(|info| info.split_once(',')).ok_or_else(unreadable)?;
    let cipher = CIPHERS.iter().find(|(known, ..)| *known == name.trim());
    let (_, algorithm, key_bytes) = cipher.ok_or_else(|| {
        Invalid::new("the key is encrypted with another cipher than AES-CBC, convert it with ssh-keygen -p")
    })?;
    let mut iv = [0; 16];
    hex::decode_to_slice(vector.trim(), &mut iv).map_err(|_| unreadable())?;
    let key = stretch(passphrase, &iv[..SALT_BYTES], *key_bytes);

    let key = UnboundCipherKey::new(algorithm, &key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
    let key = key.map_err(|_| unreadable())?;
    let mut opened = Zeroizing::new(content.to_vec());
    let start = DecryptionContext::Iv128(FixedLength::from(iv));
    let length = key.decrypt(&mut opened, start).map_err(|_| super::does_not_open())?.len();
    opened.truncate(length);
    Ok(opened)
}

/// `EVP_BytesToKey` of OpenSSL with MD5 and one round: each digest is of the one before, passphrase and salt.
fn stretch(passphrase: &str, salt: &[u8], bytes: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(bytes + 16));
    let mut last: Zeroizing<[u8; 16]> = Zeroizing::default();
    while key.len() < bytes {
        let mut hasher = Md5::new();
        if !key.is_empty() {
            hasher.update(*last);
        }
        hasher.update(passphrase);
        hasher.update(salt);
        *last = hasher.finalize().into();
        key.extend_from_slice(&*last);
    }
    key.truncate(bytes);
    key
}
