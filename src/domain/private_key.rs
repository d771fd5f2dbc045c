//! SSH private keys, as a front end needs them to sign in at another server: whether a text is one
//! (`contract/validation.md` §6, provider 5). No key is kept, shown or used here.

mod encrypted_pem;
mod openssh;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
};

use super::pem;
use crate::error::Invalid;

/// The least number of bits of an RSA key.
const LEAST_RSA_BITS: usize = 2048;

/// The curves SSH knows.
const CURVES: [&EcdsaSigningAlgorithm; 3] =
    [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING];

/// Checks that a text is a private key that opens with the passphrase, if there is one: RSA from 2048
/// bits, ECDSA or Ed25519 in OpenSSH's form, PKCS#1, PKCS#8 or SEC 1; PKCS#1 and SEC 1 may be encrypted as RFC 1421
/// has it.
///
/// It takes up to a second or two when the key is encrypted, the passphrase being stretched as often as
/// the key's file says (within a limit): run it where waiting is allowed.
///
/// # Errors
/// When it is none, is encrypted and no passphrase is given, does not open with the one given, or is
/// not encrypted and one is given all the same.
pub fn check(text: &str, passphrase: Option<&str>) -> Result<(), Invalid> {
    let block = pem::first_block(text).ok_or_else(|| Invalid::new("not a private key in PEM form"))?;
    if block.label == "OPENSSH PRIVATE KEY" {
        return openssh::check(&block.content, passphrase);
    }
    if block.label == "ENCRYPTED PRIVATE KEY" {
        return Err(Invalid::new(
            "this form of encryption is not supported, convert the key with ssh-keygen -p",
        ));
    }
    match (block.is_encrypted, passphrase) {
        (false, None) => check_content(block.label, &block.content),
        (false, Some(_)) => Err(Invalid::new("there is a passphrase, but the key is not encrypted")),
        (true, None) => Err(locked()),
        (true, Some(passphrase)) => {
            let opened = encrypted_pem::open(&block.content, block.encryption, passphrase)?;
            let checked = check_content(block.label, &opened);
            // A wrong passphrase may open to anything, seldom to something padded as it should be.
            checked.map_err(|why| if why == unreadable() { does_not_open() } else { why })
        }
    }
}

/// Checks the content of a block that is not encrypted, or no longer.
fn check_content(label: &str, content: &[u8]) -> Result<(), Invalid> {
    match label {
        "RSA PRIVATE KEY" => check_rsa(&rsa::KeyPair::from_der(content)),
        "EC PRIVATE KEY" => check_sec1(content),
        "PRIVATE KEY" => check_pkcs8(content),
        _ => Err(Invalid::new("this kind of private key is not supported")),
    }
}

/// The library's verdict on an RSA key, told apart where the client can do something about it.
fn check_rsa(read: &Result<rsa::KeyPair, aws_lc_rs::error::KeyRejected>) -> Result<(), Invalid> {
    match read {
        Ok(_) => Ok(()),
        Err(why) if why.description_() == "TooSmall" => Err(too_small()),
        Err(_) => Err(unreadable()),
    }
}

fn check_sec1(der: &[u8]) -> Result<(), Invalid> {
    let fits = CURVES.iter().any(|curve| EcdsaKeyPair::from_private_key_der(curve, der).is_ok());
    if fits { Ok(()) } else { Err(unreadable()) }
}

fn check_pkcs8(der: &[u8]) -> Result<(), Invalid> {
    let fits = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).is_ok()
        || CURVES.iter().any(|curve| EcdsaKeyPair::from_pkcs8(curve, der).is_ok());
    if fits { Ok(()) } else { check_rsa(&rsa::KeyPair::from_pkcs8(der)) }
}

fn too_small() -> Invalid {
    Invalid::new("RSA keys below 2048 bits are not accepted")
}

fn locked() -> Invalid {
    Invalid::new("the key is encrypted and there is no plain passphrase")
}

fn does_not_open() -> Invalid {
    Invalid::new("the key does not open with the passphrase")
}

fn unreadable() -> Invalid {
    Invalid::new("the key cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys made for these tests with `ssh-keygen` and `openssl`; they open nothing.
    macro_rules! key {
        ($name:literal) => {
            include_str!(concat!("../../tests/data/private_keys/", $name))
        };
    }

    const PASSPHRASE: Option<&str> = Some("secret phrase");

    fn refusal(text: &str, passphrase: Option<&str>) -> String {
        check(text, passphrase).unwrap_err().to_string()
    }

    #[test]
    fn keys_of_every_supported_form_are_accepted() {
        for (name, text) in [
            ("openssh ed25519", key!("openssh_ed25519")),
            ("openssh rsa", key!("openssh_rsa_2048")),
            ("openssh p256", key!("openssh_p256")),
            ("openssh p384", key!("openssh_p384")),
            ("openssh p521", key!("openssh_p521")),
            ("openssh p521, scalar of 65 bytes", key!("openssh_p521_short")),
            ("pkcs1 rsa", key!("pkcs1_rsa_2048")),
            ("pkcs8 rsa", key!("pkcs8_rsa_2048")),
            ("pkcs8 ed25519", key!("pkcs8_ed25519")),
            ("pkcs8 p256", key!("pkcs8_p256")),
            ("pkcs8 p521", key!("pkcs8_p521")),
            ("sec1 p256", key!("sec1_p256")),
            ("sec1 p384", key!("sec1_p384")),
        ] {
            assert_eq!(check(text, None), Ok(()), "{name}");
            assert!(refusal(text, PASSPHRASE).contains("not encrypted"), "{name}");
            assert_eq!(check(&text.replace('\n', "\r\n"), None), Ok(()), "{name} with CR LF");
            assert_eq!(check(&format!("a note\n{text}\nmore"), None), Ok(()), "{name} between other text");
        }
    }

    #[test]
    fn an_encrypted_key_opens_with_its_passphrase_only() {
        for text in [
            key!("openssh_ed25519_ctr"),
            key!("openssh_p256_cbc"),
            key!("pkcs1_rsa_encrypted"),
            key!("sec1_p256_encrypted"),
        ] {
            assert_eq!(check(text, PASSPHRASE), Ok(()));
            assert!(refusal(text, Some("wrong")).contains("does not open"));
            assert!(refusal(text, None).contains("encrypted"));
        }
    }

    #[test]
    fn a_key_encrypted_as_of_old_is_held_to_its_headers() {
        let text = key!("sec1_p256_encrypted");
        let with = |old: &str, new: &str| refusal(&text.replacen(old, new, 1), PASSPHRASE);
        assert!(with("AES-256-CBC", "DES-EDE3-CBC").contains("another cipher"));
        assert!(with("AES-256-CBC", "AES-128-CBC").contains("does not open"));
        for (old, new) in
            [("DEK-Info:", "X:"), ("AES-256-CBC,", "AES-256-CBC"), ("AES-256-CBC,", "AES-256-CBC,00")]
        {
            assert_eq!(with(old, new), unreadable().to_string(), "{new}");
        }
        assert!(with("Proc-Type:", "X:").contains("not encrypted"));
    }

    #[test]
    fn a_key_that_asks_for_endless_work_is_refused_at_once() {
        assert!(refusal(key!("openssh_ed25519_endless"), PASSPHRASE).contains("rounds"));
    }

    #[test]
    fn weak_keys_are_refused_by_name() {
        for text in [key!("openssh_rsa_1024"), key!("pkcs1_rsa_1024"), key!("pkcs8_rsa_1024")] {
            assert_eq!(refusal(text, None), too_small().to_string());
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for (text, why) in [
            ("garbage", "PEM"),
            ("", "PEM"),
            ("-----BEGIN PRIVATE KEY-----\n", "PEM"),
            ("-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "PEM"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"),
            ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "cannot be read"),
            ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "cannot be read"),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
                "cannot be read",
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not supported"),
            (key!("pkcs1_rsa_encrypted"), "no plain passphrase"),
            (key!("pkcs8_ed25519_encrypted"), "ssh-keygen"),
        ] {
            assert!(refusal(text, None).contains(why), "{text}");
        }
    }

    #[test]
    fn a_damaged_key_is_refused_and_never_a_panic() {
        let whole = pem::first_block(key!("openssh_ed25519")).unwrap().content;
        for len in 0..whole.len() {
            assert!(openssh::check(&whole[..len], None).is_err(), "cut at {len}");
        }
        let encrypted = pem::first_block(key!("openssh_ed25519_ctr")).unwrap().content;
        for len in (0..encrypted.len()).step_by(7) {
            assert!(openssh::check(&encrypted[..len], PASSPHRASE).is_err(), "cut at {len}");
        }
    }
}
