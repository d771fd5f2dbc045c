//! Sealing and opening of secrets with the local ciphers (`contract/secrets.md` §2, §3). Every secret
//! has a random key of its own; with a master key that one alone no longer opens it. Texts and derived
//! keys are wiped when they are dropped.

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::secret::{Cipher, PlainText, Sealed};
use crate::error::Invalid;
use crate::random;

/// Length of keys: of a secret's own, of the derived one, of the cipher's.
const KEY_LEN: usize = 32;
/// Length of a secretbox's nonce.
const BOX_NONCE_LEN: usize = 24;
/// Length of an AES-GCM nonce.
const GCM_NONCE_LEN: usize = 12;

/// `mode` of a secret that its own key opens.
const MODE_LOCAL: i64 = 0;
/// `mode` of a secret that needs the master key, too.
const MODE_MASTER: i64 = 1;

/// A key of 32 bytes, wiped on drop.
type Key = Zeroizing<[u8; KEY_LEN]>;

/// The server's own key, a text of its operator; secrets sealed with it are of no use elsewhere.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<String>);

impl MasterKey {
    /// Takes the text as it is; no derivation, no trimming.
    ///
    /// # Errors
    /// When the text is empty: "no master key" is said by absence.
    pub fn parse(text: String) -> Result<Self, Invalid> {
        let text = Zeroizing::new(text);
        if text.is_empty() { Err(Invalid::new("a master key cannot be empty")) } else { Ok(Self(text)) }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Payload or key are not written as the cipher writes them, or the mode is unknown.
    #[error("the secret is not written as its cipher demands")]
    Malformed,
    /// It was sealed with a master key and there is none.
    #[error("the secret needs the master key")]
    NoMasterKey,
    /// Key, additional data, master key and payload do not belong together.
    #[error("the secret does not open: it was changed, or another key sealed it")]
    Refused,
    /// It opens, but holds something else than text.
    #[error("the secret holds no text")]
    NotText,
}

/// Seals the secrets of this server, and opens them.
#[derive(Debug, Clone, Default)]
pub struct Sealer {
    master: Option<MasterKey>,
}

impl Sealer {
    /// A sealer with or without a master key.
    #[must_use]
    pub fn new(master: Option<MasterKey>) -> Self {
        Self { master }
    }

    /// Seals a text in a secretbox of its own, bound to the additional data: its owner's name.
    #[must_use]
    pub fn seal(&self, plain: &str, additional_data: &str) -> Sealed {
        let key: Key = Zeroizing::new(random::bytes());
        let nonce: [u8; BOX_NONCE_LEN] = random::bytes();
        let (box_key, mode) = match &self.master {
            Some(master) => (derive(master.0.as_bytes(), &*key, additional_data), MODE_MASTER),
            None => (derive(&*local_material(&*key, additional_data), &*key, additional_data), MODE_LOCAL),
        };
        let payload = STANDARD.encode(close_box(&box_key, &nonce, plain.as_bytes()));
        Sealed::secretbox(payload, hex::encode(key.as_slice()), additional_data.to_owned(), mode)
    }

    /// Opens a sealed secret of either cipher.
    ///
    /// # Errors
    /// When it is damaged, sealed with another key, needs a master key that is not there, or holds no text.
    pub fn open(&self, sealed: &Sealed) -> Result<PlainText, OpenError> {
        let key = Zeroizing::new(hex::decode(sealed.key()).map_err(|_| OpenError::Malformed)?);
        let additional_data = sealed.additional_data();
        let opened = match sealed.cipher() {
            Cipher::Secretbox => {
                let boxed = STANDARD.decode(sealed.payload()).map_err(|_| OpenError::Malformed)?;
                open_box(&self.box_key(&key, additional_data, sealed.mode())?, &boxed)?
            }
            Cipher::Aes256Gcm => {
                let boxed = hex::decode(sealed.payload()).map_err(|_| OpenError::Malformed)?;
                open_gcm(&local_material(&key, additional_data), &boxed, additional_data.as_bytes())?
            }
        };
        text(opened)
    }

    /// The key of a box that was closed earlier: its mode tells how it was derived, not what this
    /// server would do today.
    fn box_key(&self, key: &[u8], additional_data: &str, mode: i64) -> Result<Key, OpenError> {
        match mode {
            MODE_LOCAL => Ok(derive(&*local_material(key, additional_data), key, additional_data)),
            MODE_MASTER => {
                let master = self.master.as_ref().ok_or(OpenError::NoMasterKey)?;
                Ok(derive(master.0.as_bytes(), key, additional_data))
            }
            _ => Err(OpenError::Malformed),
        }
    }
}

/// The secret's key and additional data boiled down: input of the derivation without a master key, and
/// the older cipher's key itself.
fn local_material(key: &[u8], additional_data: &str) -> Key {
    let digest = Sha256::new().chain_update(key).chain_update(additional_data).chain_update(key).finalize();
    Zeroizing::new(digest.into())
}

/// HKDF-SHA256 with the secret's key as salt and the additional data as info.
fn derive(material: &[u8], key: &[u8], additional_data: &str) -> Key {
    let mut derived = Key::default();
    Hkdf::<Sha256>::new(Some(key), material)
        .expand(additional_data.as_bytes(), &mut *derived)
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    derived
}

/// `NaCl` secretbox behind its nonce.
fn close_box(key: &Key, nonce: &[u8; BOX_NONCE_LEN], plain: &[u8]) -> Vec<u8> {
    let boxed = XSalsa20Poly1305::new((&**key).into())
        .encrypt(nonce.into(), plain)
        .expect("a text that fits into memory fits into a box");
    [nonce.as_slice(), &boxed].concat()
}

/// What [`close_box`] closed.
fn open_box(key: &Key, boxed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (nonce, boxed) = boxed.split_first_chunk::<BOX_NONCE_LEN>().ok_or(OpenError::Malformed)?;
    XSalsa20Poly1305::new((&**key).into()).decrypt(nonce.into(), boxed).map_err(|_| OpenError::Refused)
}

/// AES-256-GCM behind its nonce, with associated data.
fn open_gcm(key: &Key, boxed: &[u8], aad: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (nonce, msg) = boxed.split_first_chunk::<GCM_NONCE_LEN>().ok_or(OpenError::Malformed)?;
    Aes256Gcm::new((&**key).into())
        .decrypt(nonce.into(), Payload { msg, aad })
        .map_err(|_| OpenError::Refused)
}

/// The opened bytes as text, wiped if they are none.
fn text(opened: Vec<u8>) -> Result<PlainText, OpenError> {
    match String::from_utf8(opened) {
        Ok(text) => Ok(PlainText::new(text)),
        Err(why) => {
            drop(Zeroizing::new(why.into_bytes()));
            Err(OpenError::NotText)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::secret::Secret;

    const OWNER: &str = "zoë";
    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const PLAIN: &str = "Öpen sesame ";

    // Made with Python: HKDF, Poly1305 and AES-GCM of the package `cryptography` 48, Salsa20 and HSalsa20
    // written out by hand and held to NaCl's published vector below. Key bytes 0–31, nonce bytes 100–123
    // (AES: 200–211).
    const MODE_0: &str = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7D3clIxnnRQGaKSMXfm0VtZVpbEV4J1vEMaG466k=";
    const MODE_1: &str = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7boMmFMtSfjO9b9Souc1IOdLanDvluqrbb83psb0=";
    const NO_DATA: &str = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7T7FeGTEDAaAxXuG7pl3RAcjJMPpjTdgt11+tHQg=";
    const GCM: &str = "c8c9cacbcccdcecfd0d1d2d3207be2061a18c50147427ebb1416f03dafa51974055aea764517732ee0";
    const GCM_NO_DATA: &str =
        "c8c9cacbcccdcecfd0d1d2d3770b1677560464933dd37d393d0f425008a31966e38473eff71810caae";
    const MASTER: &str = "a master key of the server";

    fn with_master(text: &str) -> Sealer {
        Sealer::new(Some(MasterKey::parse(text.to_owned()).unwrap()))
    }

    fn sealed(value: Value) -> Sealed {
        serde_json::from_value::<Secret>(value).unwrap().sealed().unwrap().clone()
    }

    fn boxed(payload: &str, additional_data: &str, mode: i64) -> Sealed {
        sealed(json!({"status": "Secretbox", "payload": payload, "key": KEY,
            "additional_data": additional_data, "mode": mode}))
    }

    fn gcm(payload: &str, additional_data: &str) -> Sealed {
        sealed(
            json!({"status": "AES-256-GCM", "payload": payload, "key": KEY, "additional_data": additional_data}),
        )
    }

    fn opened(sealer: &Sealer, secret: &Sealed) -> Result<String, OpenError> {
        sealer.open(secret).map(|text| text.expose().to_owned())
    }

    #[test]
    fn secrets_made_by_an_independent_implementation_open() {
        let plain = Ok(PLAIN.to_owned());
        assert_eq!(opened(&Sealer::default(), &boxed(MODE_0, OWNER, 0)), plain);
        assert_eq!(opened(&Sealer::default(), &boxed(NO_DATA, "", 0)), plain);
        assert_eq!(opened(&with_master(MASTER), &boxed(MODE_1, OWNER, 1)), plain);
        assert_eq!(opened(&Sealer::default(), &gcm(GCM, OWNER)), plain);
        assert_eq!(opened(&Sealer::default(), &gcm(GCM_NO_DATA, "")), plain);
    }

    #[test]
    fn a_secret_without_master_key_opens_on_a_server_that_has_one_now() {
        assert_eq!(opened(&with_master(MASTER), &boxed(MODE_0, OWNER, 0)), Ok(PLAIN.to_owned()));
        assert_eq!(opened(&with_master(MASTER), &gcm(GCM, OWNER)), Ok(PLAIN.to_owned()));
    }

    #[test]
    fn a_secret_with_master_key_opens_with_that_one_only() {
        assert_eq!(opened(&Sealer::default(), &boxed(MODE_1, OWNER, 1)), Err(OpenError::NoMasterKey));
        assert_eq!(opened(&with_master("another"), &boxed(MODE_1, OWNER, 1)), Err(OpenError::Refused));
        assert_eq!(opened(&with_master(MASTER), &boxed(MODE_1, OWNER, 0)), Err(OpenError::Refused));
        assert_eq!(opened(&with_master(MASTER), &boxed(MODE_1, OWNER, 2)), Err(OpenError::Malformed));
    }

    /// `NaCl`, `tests/secretbox.c` and `tests/secretbox.out`.
    #[test]
    fn the_box_is_nacls_secretbox() {
        let key = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
        let nonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
        let plain = "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a\
            1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057\
            e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040\
            e082f937763848645e0705";
        let cipher = "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4\
            476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738\
            b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de\
            56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5";
        let key: Key = Zeroizing::new(hex::decode(key).unwrap().try_into().unwrap());
        let plain = hex::decode(plain).unwrap();

        let boxed = close_box(&key, &hex::decode(nonce).unwrap().try_into().unwrap(), &plain);
        assert_eq!(hex::encode(&boxed), format!("{nonce}{cipher}"));
        assert_eq!(open_box(&key, &boxed).unwrap(), plain);
    }

    #[test]
    fn a_sealed_secret_has_the_form_of_the_contract() {
        for (sealer, mode) in [(Sealer::default(), 0), (with_master(MASTER), 1)] {
            let sealed = sealer.seal(PLAIN, OWNER);
            assert_eq!(sealed.cipher(), Cipher::Secretbox);
            assert_eq!(STANDARD.decode(sealed.payload()).unwrap().len(), PLAIN.len() + 40);
            assert_eq!((sealed.mode(), sealed.additional_data()), (mode, OWNER));
            assert!(sealed.check().is_ok());
            assert!(sealed.key().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        }
    }

    #[test]
    fn the_same_text_never_looks_the_same() {
        let (one, other) = (Sealer::default().seal(PLAIN, OWNER), Sealer::default().seal(PLAIN, OWNER));
        assert_ne!(one.key(), other.key());
        assert_ne!(one.payload(), other.payload());
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let whole = STANDARD.decode(MODE_0).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let sealed = boxed(&STANDARD.encode(changed), OWNER, 0);
            assert_eq!(opened(&Sealer::default(), &sealed), Err(OpenError::Refused), "byte {at}");
        }
        let whole = hex::decode(GCM).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let sealed = gcm(&hex::encode(changed), OWNER);
            assert_eq!(opened(&Sealer::default(), &sealed), Err(OpenError::Refused), "byte {at}");
        }
        for sealed in [boxed(MODE_0, "zoe", 0), gcm(GCM, "zoe"), boxed(NO_DATA, OWNER, 0), gcm(GCM, "")] {
            assert_eq!(opened(&Sealer::default(), &sealed), Err(OpenError::Refused));
        }
    }

    #[test]
    fn what_was_never_sealed_does_not_open() {
        for sealed in [
            boxed("x", OWNER, 0),
            boxed("", OWNER, 0),
            boxed("AAAA", OWNER, 0),
            gcm("x", OWNER),
            gcm("00", OWNER),
        ] {
            assert_eq!(opened(&Sealer::default(), &sealed), Err(OpenError::Malformed));
        }
        let no_key = sealed(json!({"status": "Secretbox", "payload": MODE_0, "additional_data": OWNER}));
        assert_eq!(opened(&Sealer::default(), &no_key), Err(OpenError::Refused));
        let bad_key = sealed(json!({"status": "Secretbox", "payload": MODE_0, "key": "z".repeat(64)}));
        assert_eq!(opened(&Sealer::default(), &bad_key), Err(OpenError::Malformed));
    }

    #[test]
    fn a_sealer_prints_no_key_and_an_empty_master_key_is_none() {
        assert!(!format!("{:?}", with_master(MASTER)).contains(MASTER));
        assert!(MasterKey::parse(String::new()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(plain in ".*", owner in ".*", master in proptest::option::of(".+")) {
            let sealer = Sealer::new(master.map(|text| MasterKey::parse(text).unwrap()));
            prop_assert_eq!(opened(&sealer, &sealer.seal(&plain, &owner)), Ok(plain));
        }
    }
}
