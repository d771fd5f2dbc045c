//! Time-based one-time codes (RFC 6238) of 6 digits and 30 seconds: secrets, their `otpauth` URL, and the
//! check of a code. A code counts for its own step and one on either side, and each step once per account.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_rs::{Algorithm, Builder, Secret};
use zeroize::Zeroizing;

use super::configuration::{TotpAlgorithm, TotpConfiguration};
use crate::domain::time::UnixMillis;
use crate::random;

const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
const STEPS_AROUND: u16 = 1;

/// RFC 4226 §4 recommends 160 bits.
const SECRET_BYTES: usize = 20;

/// The least that is read: the 80 bits that early authenticators used.
const SHORTEST_SECRET_BYTES: usize = 10;

/// All but the characters that RFC 3986 §2.3 never needs escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotpRefusal {
    /// It has not 6 characters.
    #[error("Input length unexpected")]
    WrongLength,
    /// The secret is not base32, or far too short for one.
    #[error("Decoding of secret as base32 failed.")]
    BadSecret,
    /// Its step, or a later one, was used before.
    #[error("this passcode was already used")]
    AlreadyUsed,
    /// It is not the code of this time.
    #[error("invalid passcode")]
    Mismatch,
}

impl TotpRefusal {
    /// The `error` member of the answer to a validation; a plain mismatch has none (`contract/mfa.md` §2).
    pub fn reason(self) -> Option<String> {
        (self != Self::Mismatch).then(|| self.to_string())
    }
}

/// Whose codes they are, as authenticators show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpAccount<'a> {
    /// A user of this name.
    User(&'a str),
    /// An admin of this name.
    Admin(&'a str),
}

impl fmt::Display for TotpAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "User \"{name}\""),
            Self::Admin(name) => write!(f, "Admin \"{name}\""),
        }
    }
}

/// What server and authenticator share; never printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Secret);

impl TotpSecret {
    /// A fresh secret of 160 bits.
    #[must_use]
    pub fn random() -> Self {
        Self(Secret::new_stack(random::bytes::<SECRET_BYTES>()))
    }

    /// Reads base32 (RFC 4648 §6) in either case, with or without padding and surrounding blanks.
    ///
    /// # Errors
    /// [`TotpRefusal::BadSecret`] when it is not that, or holds less than 80 bits.
    pub fn parse(text: &str) -> Result<Self, TotpRefusal> {
        let text = Zeroizing::new(text.trim().trim_end_matches('=').to_ascii_uppercase());
        let secret = Secret::try_from_base32(&*text).map_err(|_| TotpRefusal::BadSecret)?;
        if secret.as_bytes().len() < SHORTEST_SECRET_BYTES {
            return Err(TotpRefusal::BadSecret);
        }
        Ok(Self(secret))
    }

    /// The secret in base32 without padding, for its owner and for sealing.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_base32())
    }

    /// The URL that authenticators read, as `contract/mfa.md` §1; it holds the secret.
    pub fn url(&self, configuration: &TotpConfiguration, account: TotpAccount<'_>) -> Zeroizing<String> {
        let issuer = utf8_percent_encode(&configuration.issuer, ESCAPED);
        let account = account.to_string();
        let (account, algorithm) = (utf8_percent_encode(&account, ESCAPED), configuration.algo);
        let secret = self.expose();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?algorithm={algorithm}&digits={DIGITS}&issuer={issuer}&period={STEP_SECONDS}&secret={}",
            *secret
        ))
    }

    /// Checks a code and tells the step it belongs to, to be remembered with the account.
    ///
    /// `last_used_step` is the step remembered last: it and all before it are spent (RFC 6238 §5.2).
    ///
    /// # Errors
    /// [`TotpRefusal`] says why the code does not count.
    pub fn check(
        &self,
        algorithm: TotpAlgorithm,
        passcode: &str,
        (now, last_used_step): (UnixMillis, Option<u64>),
    ) -> Result<u64, TotpRefusal> {
        let passcode = passcode.trim();
        if passcode.len() != usize::from(DIGITS) {
            return Err(TotpRefusal::WrongLength);
        }
        let seconds = u64::try_from(now.seconds()).map_err(|_| TotpRefusal::Mismatch)?;
        let totp = Builder::new()
            .with_algorithm(match algorithm {
                TotpAlgorithm::Sha1 => Algorithm::SHA1,
                TotpAlgorithm::Sha256 => Algorithm::SHA256,
                TotpAlgorithm::Sha512 => Algorithm::SHA512,
            })
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(STEPS_AROUND)
            .with_secret(self.0.clone())
            // The strict variant refuses the 80-bit secrets that this server reads.
            .build_noncompliant();
        match totp.check(passcode, seconds) {
            Some(step) if last_used_step.is_some_and(|last| step <= last) => Err(TotpRefusal::AlreadyUsed),
            Some(step) => Ok(step),
            None => Err(TotpRefusal::Mismatch),
        }
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> UnixMillis {
        UnixMillis::new(seconds * 1000)
    }

    fn secret(bytes: &str) -> TotpSecret {
        TotpSecret(Secret::new(bytes.as_bytes().into()))
    }

    /// RFC 6238 Appendix B with the secrets of its erratum 2866, cut to the last 6 of the 8 digits.
    #[test]
    fn the_vectors_of_rfc_6238_are_accepted() {
        let sha1 = secret("12345678901234567890");
        let sha256 = secret("12345678901234567890123456789012");
        let sha512 = secret("1234567890123456789012345678901234567890123456789012345678901234");
        for (seconds, one, two, three) in [
            (59, "287082", "119246", "693936"),
            (1_111_111_109, "081804", "084774", "091201"),
            (1_111_111_111, "050471", "062674", "943326"),
            (1_234_567_890, "005924", "819424", "441116"),
            (2_000_000_000, "279037", "698825", "618901"),
            (20_000_000_000, "353130", "737706", "863826"),
        ] {
            let (now, step) = ((at(seconds), None), seconds.unsigned_abs() / 30);
            assert_eq!(sha1.check(TotpAlgorithm::Sha1, one, now), Ok(step), "{seconds}");
            assert_eq!(sha256.check(TotpAlgorithm::Sha256, two, now), Ok(step), "{seconds}");
            assert_eq!(sha512.check(TotpAlgorithm::Sha512, three, now), Ok(step), "{seconds}");
            assert_eq!(sha1.check(TotpAlgorithm::Sha256, one, now), Err(TotpRefusal::Mismatch));
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_one_step_late() {
        let secret = secret("12345678901234567890");
        let step = 1_111_111_111 / 30;
        for (seconds, expected) in [
            (step * 30, Ok(step)),
            (step * 30 + 59, Ok(step)),
            (step * 30 + 60, Err(TotpRefusal::Mismatch)),
            (step * 30 - 30, Ok(step)),
            (step * 30 - 31, Err(TotpRefusal::Mismatch)),
        ] {
            let found = secret.check(TotpAlgorithm::Sha1, "050471", (at(seconds), None));
            assert_eq!(found, expected.map(i64::unsigned_abs), "{seconds}");
        }
    }

    #[test]
    fn a_step_and_those_before_it_are_spent_once_it_is_used() {
        let secret = secret("12345678901234567890");
        let (now, step) = (at(1_111_111_111), 1_111_111_111 / 30);
        let check = |last| secret.check(TotpAlgorithm::Sha1, "050471", (now, last));
        assert_eq!(check(Some(step - 1)), Ok(step));
        assert_eq!(check(Some(step)), Err(TotpRefusal::AlreadyUsed));
        assert_eq!(check(Some(step + 1)), Err(TotpRefusal::AlreadyUsed));
        let wrong = secret.check(TotpAlgorithm::Sha1, "050472", (now, Some(step)));
        assert_eq!(wrong, Err(TotpRefusal::Mismatch));
    }

    #[test]
    fn what_is_not_six_digits_is_refused() {
        let secret = secret("12345678901234567890");
        let check = |code| secret.check(TotpAlgorithm::Sha1, code, (at(59), None));
        for code in ["", "12", "0287082", "94287082", "éééé", "     "] {
            assert_eq!(check(code), Err(TotpRefusal::WrongLength), "{code:?}");
        }
        for code in ["abcdef", "+28708", "-87082", "2870é", "ééé"] {
            assert_eq!(check(code), Err(TotpRefusal::Mismatch), "{code:?}");
        }
        assert_eq!(check(" 287082 "), Ok(1));
        assert_eq!(
            secret.check(TotpAlgorithm::Sha1, "287082", (UnixMillis::new(-1), None)),
            Err(TotpRefusal::Mismatch)
        );
    }

    #[test]
    fn refusals_say_why_unless_the_code_is_merely_wrong() {
        for (refusal, reason) in [
            (TotpRefusal::WrongLength, Some("Input length unexpected")),
            (TotpRefusal::BadSecret, Some("Decoding of secret as base32 failed.")),
            (TotpRefusal::AlreadyUsed, Some("this passcode was already used")),
            (TotpRefusal::Mismatch, None),
        ] {
            assert_eq!(refusal.reason().as_deref(), reason);
        }
    }

    #[test]
    fn a_secret_is_32_characters_of_base32_and_is_not_printed() {
        let secret = TotpSecret::random();
        let text = secret.expose();
        assert_eq!(text.len(), 32);
        assert!(text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')));
        assert_ne!(secret, TotpSecret::random());
        assert_eq!(format!("{secret:?}"), "TotpSecret(redacted)");
    }

    #[test]
    fn secrets_are_read_as_people_copy_them() {
        let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(secret.0.as_bytes(), b"12345678901234567890");
        for text in ["gezdgnbvgy3tqojqgezdgnbvgy3tqojq", " GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ=== "] {
            assert_eq!(TotpSecret::parse(text).unwrap(), secret, "{text}");
        }
        assert!(TotpSecret::parse("JBSWY3DPEHPK3PXP").is_ok());
        for text in ["", "!!", "JBSWY3DP", "0EZDGNBVGY3TQOJQ", "GEZDGNBV-GY3TQOJQ", "éZDGNBVGY3TQOJQ"] {
            assert_eq!(TotpSecret::parse(text), Err(TotpRefusal::BadSecret), "{text:?}");
        }
    }

    #[test]
    fn the_url_names_the_issuer_and_the_account() {
        let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let mut configuration = TotpConfiguration {
            name: "Default".to_owned(),
            issuer: "SFTPGo".to_owned(),
            algo: TotpAlgorithm::Sha1,
        };
        assert_eq!(
            *secret.url(&configuration, TotpAccount::User("anna")),
            "otpauth://totp/SFTPGo:User%20%22anna%22?algorithm=SHA1&digits=6&issuer=SFTPGo&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        configuration.issuer = "My & Co".to_owned();
        configuration.algo = TotpAlgorithm::Sha512;
        assert_eq!(
            *secret.url(&configuration, TotpAccount::Admin("jürg:x_y-z")),
            "otpauth://totp/My%20%26%20Co:Admin%20%22j%C3%BCrg%3Ax_y-z%22?algorithm=SHA512&digits=6&issuer=My%20%26%20Co&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }

    proptest! {
        #[test]
        fn a_secret_survives_writing_and_reading(bytes in prop::collection::vec(any::<u8>(), 10..64)) {
            let secret = TotpSecret(Secret::new(bytes.into()));
            prop_assert_eq!(TotpSecret::parse(&secret.expose()), Ok(secret));
        }

        #[test]
        fn no_code_panics(code in ".{0,8}", seconds in any::<i64>(), last in any::<Option<u64>>()) {
            let secret = secret("12345678901234567890");
            let refused = secret.check(TotpAlgorithm::Sha1, &code, (UnixMillis::new(seconds), last)).is_err();
            prop_assert!(refused || code.trim().len() == 6);
        }
    }
}
