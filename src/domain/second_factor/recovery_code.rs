//! Recovery codes: what lets in when the authenticator is lost, each once (`contract/mfa.md` §4 in the
//! form of `contract/differences.md` §1: `RC-` and 22 characters that lose none of their entropy).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::random;

/// How many codes an account gets at a time.
pub const CODES: usize = 12;

/// An account with fewer unused codes gets new ones when its second factor is saved (`contract/mfa.md` §3).
pub const LEAST_UNUSED: usize = 5;

const PREFIX: &str = "RC-";
const CHARACTERS: usize = 22;

/// Upper case only, as codes have always looked, and none that people mistake for another. With exactly 32
/// characters each holds 5 bits, a code 110; a larger alphabet would need lower case, which people
/// who type a printed code get wrong.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// One recovery code in clear text; never printed, wiped when dropped.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// A fresh code of 110 random bits.
    #[must_use]
    pub fn random() -> Self {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + CHARACTERS));
        text.push_str(PREFIX);
        // 32 divides 256: every character is equally likely.
        let bytes = Zeroizing::new(random::bytes::<CHARACTERS>());
        text.extend(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])));
        Self(text)
    }

    /// A fresh set for one account.
    #[must_use]
    pub fn random_set() -> Vec<Self> {
        (0..CODES).map(|_| Self::random()).collect()
    }

    /// Reads a code as people type it: in either case, blanks around it do not count. Codes of other
    /// servers use more letters and are read as well.
    ///
    /// `None` means that the text is no recovery code, and so may be a passcode.
    pub fn parse(text: &str) -> Option<Self> {
        let text = Zeroizing::new(text.trim().to_ascii_uppercase());
        let rest = text.strip_prefix(PREFIX)?;
        let is_code = rest.len() == CHARACTERS && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_code.then_some(Self(text))
    }

    /// The code in clear text, for its owner and for sealing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for RecoveryCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for RecoveryCode {}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_set_has_twelve_different_codes_of_the_known_form() {
        let codes = RecoveryCode::random_set();
        assert_eq!(codes.len(), 12);
        let texts: HashSet<&str> = codes.iter().map(RecoveryCode::expose).collect();
        assert_eq!(texts.len(), 12);
        for text in texts {
            let rest = text.strip_prefix("RC-").unwrap();
            assert!(rest.len() == 22 && rest.bytes().all(|byte| ALPHABET.contains(&byte)), "{text}");
        }
    }

    #[test]
    fn every_character_of_the_alphabet_is_used_about_equally() {
        let text: String = (0..2000).map(|_| RecoveryCode::random().expose()[3..].to_owned()).collect();
        for character in ALPHABET {
            // 1375 are expected, with a standard deviation of 36.
            let count = text.bytes().filter(|byte| byte == character).count();
            assert!((1100..1650).contains(&count), "{}: {count}", char::from(*character));
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = RecoveryCode::random();
        assert_eq!(RecoveryCode::parse(code.expose()).unwrap(), code);
        assert_eq!(RecoveryCode::parse(&format!(" {} ", code.expose().to_lowercase())).unwrap(), code);
        assert_ne!(RecoveryCode::random(), code);
        assert!(RecoveryCode::parse("RC-OOOOOOOOOOIIIIIIIIII10").is_some(), "of another server");
    }

    #[test]
    fn what_is_no_code_is_not_read_as_one() {
        for text in ["", "123456", "RC-", "RC-ABC", "RC-ABCDEFGHJKLMNPQRSTUVWXY", "XX-ABCDEFGHJKLMNPQRSTUVWX"]
        {
            assert!(RecoveryCode::parse(text).is_none(), "{text}");
        }
        assert!(RecoveryCode::parse(&format!("RC-{}", "é".repeat(11))).is_none());
        assert!(RecoveryCode::parse(&format!("RC-{}", "-".repeat(22))).is_none());
    }

    #[test]
    fn a_code_is_not_printed() {
        assert_eq!(format!("{:?}", RecoveryCode::random()), "RecoveryCode(redacted)");
    }
}
