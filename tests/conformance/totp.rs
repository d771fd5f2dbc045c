//! One-time codes, made apart from the code under test (RFC 4226 §5.3, RFC 6238 §4).

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use usersd::clock::Clock;

/// Milliseconds of a period.
const PERIOD: i64 = 30_000;
/// With less than this left of a period its codes may come too late.
const MARGIN: i64 = 3_000;

/// The code of a base32 secret, so many periods from now.
pub(crate) fn code(secret: &str, algorithm: &str, step: i64) -> Result<String, String> {
    let now = Clock::System.now().get();
    at(secret, algorithm, now / PERIOD + step)
}

/// Waits for the next period when this one is nearly over.
pub(crate) fn wait_for_room() {
    let left = PERIOD - Clock::System.now().get() % PERIOD;
    if left < MARGIN {
        std::thread::sleep(Duration::from_millis(left.unsigned_abs()));
    }
}

/// The code of a base32 secret in this period.
pub(crate) fn at(secret: &str, algorithm: &str, period: i64) -> Result<String, String> {
    let key = base32(secret).ok_or_else(|| format!("{secret:?} is not base32"))?;
    let message = period.to_be_bytes();
    let digest = match algorithm {
        "sha1" => digest::<Hmac<Sha1>>(&key, &message),
        "sha256" => digest::<Hmac<Sha256>>(&key, &message),
        "sha512" => digest::<Hmac<Sha512>>(&key, &message),
        other => return Err(format!("there is no algorithm {other:?}")),
    };
    let start = usize::from(digest[digest.len() - 1] & 15);
    let number = digest[start..start + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    Ok(format!("{:06}", (number & 0x7fff_ffff) % 1_000_000))
}

fn digest<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// RFC 4648 §6, upper or lower case, padded or not.
fn base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let value = match character.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held).to_le_bytes()[0]);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

/// RFC 6238, appendix B, the last six of eight digits.
#[test]
fn codes_are_those_of_the_standard() {
    let sha1 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let sha256 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA====";
    for (secret, algorithm, seconds, code) in [
        (sha1, "sha1", 59, "287082"),
        (sha1, "sha1", 1_111_111_109, "081804"),
        (sha1, "sha1", 20_000_000_000, "353130"),
        (sha256, "sha256", 59, "119246"),
        (sha256, "sha256", 1_111_111_109, "084774"),
    ] {
        assert_eq!(at(secret, algorithm, seconds / 30), Ok(code.to_owned()), "{algorithm} {seconds}");
    }
    assert!(at("1", "sha1", 0).is_err());
}
