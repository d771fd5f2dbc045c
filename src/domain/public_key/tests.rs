//! Keys and certificates made with `ssh-keygen`, its fingerprints, and blobs put together by hand.

use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIPaChPDf6fwPK9shSzgqVdt353MzEMeq8C4/29OkVixN";
const ED25519_FINGERPRINT: &str = "SHA256:MlJ8Re/ID6bCFDRxwht+/OKWROMspHIQRKBZ7ucJpR0";
const ECDSA_256: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDHVXGmtEoDEgpoIKsVVQysVaqXBfOzze1yDd7ahtnRtAABBcu2G8331fCAvo3SMVbQRylu6WqEBFFBpTySmGJI=";
const ECDSA_256_CERTIFICATE: &str = "AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgEXikT8Cd9ZLPo4PL4Q717tyumQaZ9aWr9bvWZ2kUQYUAAAAIbmlzdHAyNTYAAABBBDHVXGmtEoDEgpoIKsVVQysVaqXBfOzze1yDd7ahtnRtAABBcu2G8331fCAvo3SMVbQRylu6WqEBFFBpTySmGJIAAAAAAAAAAAAAAAEAAAADaWQxAAAAEAAAAAVhbGljZQAAAANib2IAAAAAAAAAAP//////////AAAAGwAAAA1mb3JjZS1jb21tYW5kAAAABgAAAAJscwAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAg9oKE8N/p/A8r2yFLOCpV23fnczMQx6rwLj/b06RWLE0AAABTAAAAC3NzaC1lZDI1NTE5AAAAQL8pI8LMpsyPpv8H8rR0oSof7R0T5Lm1xa1ZOkM0xuXiYM/N5BSrY6oiNHuBqvtwliZjruHYaNGNcru5D1klAgM=";
const ECDSA_256_FINGERPRINT: &str = "SHA256:Ot7aCGCBAz1kKcsAsM0xVEcaeeCbHBOe6nOMMRw3BGM";
const ECDSA_384: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBF3SJGm8dZXbTJpYHAny56YQRWzxAz1/m4D/NIw6+nwuVa95zK4KTSZa4iAPb6WFq+EwJ9rYqcCpTRl637hPno58aOFLuU2NE45Ta1iYmXe9ezGrYYG1h+n4xfsjzf3yFw==";
const ECDSA_521: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAE3Nx32Paj0o9VqSTpYxPD57jmnX9OHv39jQJXydaxKUfoGQur82AjLNJmAJCnZCd8r/s19iq4N3/Rb+iM+/ZobtwBNC2TaeLUIBOGBNG5s6OozWhMejC9skWW/mHCBfSq1+moexDWdY0MKessfo0iSO0RNsaxH9kKbeqTk43P5qT+Ijw==";
const RSA_2048: &str = "AAAAB3NzaC1yc2EAAAADAQABAAABAQC/DwEtoTFnPCEJKjHUV98jAn851TfWbAH/PyEnItN2xN4Z+FMn+gxcC2nnoTUNqXJZCXY5szHTMRcV9TgLJsyZ69WR9nP65aO3ZykuQXvpL4xbFq+1YuyTXLnflNL0ldCPgvLQDCrxaehBUgIKvKxIXP21j4TLddeP0ymUAV1sIg1lK23l2A09n6NlTmc+LoHoXXiyZW543XUOn8XBNZrFvWGV9AGkD6tCtKxVS2LhObRmFQS+NGl3Gzxfl7jDrB1YC9BkeIZcRgvXtZD6fOKD0JM9jumIa2rnqkwJPq/VtjjsIU/tCVPDiDnrgTI55Fci7+Z7AsapKgBshM2TI8MH";
const RSA_2048_CERTIFICATE: &str = "AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgpVW6JcLdyZpBpZoNHKTZqE0qrn4lQZLTgYX1pcTDLWQAAAADAQABAAABAQC/DwEtoTFnPCEJKjHUV98jAn851TfWbAH/PyEnItN2xN4Z+FMn+gxcC2nnoTUNqXJZCXY5szHTMRcV9TgLJsyZ69WR9nP65aO3ZykuQXvpL4xbFq+1YuyTXLnflNL0ldCPgvLQDCrxaehBUgIKvKxIXP21j4TLddeP0ymUAV1sIg1lK23l2A09n6NlTmc+LoHoXXiyZW543XUOn8XBNZrFvWGV9AGkD6tCtKxVS2LhObRmFQS+NGl3Gzxfl7jDrB1YC9BkeIZcRgvXtZD6fOKD0JM9jumIa2rnqkwJPq/VtjjsIU/tCVPDiDnrgTI55Fci7+Z7AsapKgBshM2TI8MHAAAAAAAAAAAAAAABAAAAA2lkMQAAAAAAAAAAAAAAAP//////////AAAAAAAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAAKwAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAAhuaXN0cDUyMQAAAIUEATc3HfY9qPSj1WpJOljE8PnuOadf04e/f2NAlfJ1rEpR+gZC6vzYCMs0mYAkKdkJ3yv+zX2Krg3f9Fv6Iz79mhu3AE0LZNp4tQgE4YE0bmzo6jNaEx6ML2yRZb+YcIF9KrX6ah7ENZ1jQwp6yx+jSJI7RE2xrEf2Qpt6pOTjc/mpP4iPAAAApwAAABNlY2RzYS1zaGEyLW5pc3RwNTIxAAAAjAAAAEIAyweNd4G0GoruDVur8rNnb6GW4x9H3itt5Y/la4/n5VgB91RkSXRjQqdKIQDujKh6KmkUrKXJji5//CM7r5FZMDQAAABCAM/xHi5f1LSnY4ehj/VtyKlaTGo6ejStz8lWKF7X4MfHC7VTUB4EEUtMyAFm1dNha/KNcT18HCy7/qNqCSWj7g3E";
const RSA_2048_FINGERPRINT: &str = "SHA256:cmZXMo1lGh6lf2mtFPAC2jDuYIg92nrfNygpfJSreao";
const RSA_1024: &str = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQCqPis1eEiTVN8p6dtMCcIxgGrORwXZ1O+dRzVRgacNy71+1uRlHeMQCY6DSk24uDe13IBEMGiq9baQ2ExFPmLBviLfRc5JPwgbqqc7zKD3N81LFIfi2/PYr+naYxW5A9dCqR54c/oeZZq7CcOKoaOAUyF4rrUQnZlma1nsSo8vEQ==";

/// A blob of fields, each with its length before it.
fn blob(fields: &[&[u8]]) -> Vec<u8> {
    let length = |field: &[u8]| u32::try_from(field.len()).unwrap().to_be_bytes();
    fields.iter().flat_map(|field| [&length(field)[..], field].concat()).collect()
}

fn line(word: &str, fields: &[&[u8]]) -> String {
    format!("{word} {}", STANDARD.encode(blob(fields)))
}

/// A point on the curve P-256: that of a key.
fn point() -> Vec<u8> {
    let blob = STANDARD.decode(ECDSA_256).unwrap();
    blob[blob.len() - 65..].to_vec()
}

/// An RSA modulus of so many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut number = vec![0; bits.div_ceil(8)];
    number[0] = 1 << ((bits - 1) % 8);
    *number.last_mut().unwrap() |= 1;
    if number[0] & 0x80 != 0 {
        number.insert(0, 0);
    }
    number
}

#[test]
fn keys_of_every_kind_are_taken_and_kept_as_sent() {
    let sk_ed25519 = line("sk-ssh-ed25519@openssh.com", &[b"sk-ssh-ed25519@openssh.com", &[7; 32], b"ssh:"]);
    let point = point();
    let sk_ecdsa = b"sk-ecdsa-sha2-nistp256@openssh.com";
    let sk_ecdsa = line("sk-ecdsa-sha2-nistp256@openssh.com", &[sk_ecdsa, b"nistp256", &point, b"ssh:"]);
    for text in [
        format!("ssh-ed25519 {ED25519}"),
        format!("ssh-ed25519 {ED25519} ünï code & more # stuff\n"),
        format!("  ssh-ed25519\t \t{ED25519}\tcomment \r\n"),
        format!("ecdsa-sha2-nistp256 {ECDSA_256} a"),
        format!("ecdsa-sha2-nistp384 {ECDSA_384} a"),
        format!("ecdsa-sha2-nistp521 {ECDSA_521} a"),
        format!("ssh-rsa {RSA_2048}"),
        format!("ecdsa-sha2-nistp256-cert-v01@openssh.com {ECDSA_256_CERTIFICATE} a"),
        format!("ssh-rsa-cert-v01@openssh.com {RSA_2048_CERTIFICATE}"),
        sk_ed25519,
        sk_ecdsa,
    ] {
        assert_eq!(PublicKey::parse(&text).unwrap().as_str(), text);
    }
}

#[test]
fn what_stands_around_a_key_is_passed_over() {
    for text in [
        format!("ssh-rsa {ED25519}"),
        format!("# comment\n\n  # another\nssh-ed25519 {ED25519}"),
        format!("no key here\nssh-ed25519 AAAA\nssh-ed25519 {ED25519}"),
        format!("no-pty ssh-ed25519 {ED25519}"),
        format!("from=\"10.0.0.0/8, *.x\",command=\"echo \\\"a b\\\" c\"  ssh-ed25519 {ED25519} me"),
        format!("ssh-ed25519 {ED25519}\nssh-rsa {RSA_1024}"),
    ] {
        let key = PublicKey::parse(&text).unwrap();
        assert_eq!((key.fingerprint().as_str(), key.as_str()), (ED25519_FINGERPRINT, text.as_str()));
    }
}

#[test]
fn texts_without_a_key_are_refused() {
    let cut = &ED25519[..40];
    for text in [
        String::new(),
        " ".to_owned(),
        "garbage".to_owned(),
        "# nothing".to_owned(),
        format!("# ssh-ed25519 {ED25519}"),
        "ssh-ed25519".to_owned(),
        "ssh-ed25519 ".to_owned(),
        ED25519.to_owned(),
        format!("{ED25519} comment"),
        format!("ssh-ed25519 {cut}"),
        format!("ssh-ed25519 {ED25519}AAAA"),
        format!("ssh-ed25519\n{ED25519}"),
        format!("from=\"x ssh-ed25519 {ED25519}"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n".to_owned(),
        format!("---- BEGIN SSH2 PUBLIC KEY ----\n{ED25519}\n---- END SSH2 PUBLIC KEY ----\n"),
    ] {
        assert!(PublicKey::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn a_blob_is_taken_whole_or_not_at_all() {
    let (point, off_the_curve) = (point(), [&[4][..], &[7; 64]].concat());
    let compressed = [&[2][..], &[7; 32]].concat();
    let modulus = modulus(2048);
    let negative = &modulus[1..];
    for fields in [
        &[&b"ssh-ed25519"[..], &[7; 31]][..],
        &[b"ssh-ed25519", &[7; 33]],
        &[b"ssh-ed25519", &[7; 32], b"more"],
        &[b"ssh-ed448", &[7; 57]],
        &[b"sk-ssh-ed25519@openssh.com", &[7; 32]],
        &[b"ecdsa-sha2-nistp256", b"nistp384", &point],
        &[b"ecdsa-sha2-nistp384", b"nistp384", &point],
        &[b"ecdsa-sha2-nistp256", b"nistp256", &compressed],
        &[b"ecdsa-sha2-nistp256", b"nistp256", &off_the_curve],
        &[b"ecdsa-sha2-nistp256", b"nistp256", &[[4; 1].as_slice(), &[0; 64]].concat()],
        &[b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", &off_the_curve, b"ssh:"],
        &[b"ecdsa-sha2-nistp384", b"nistp384", &[&[4][..], &[7; 96]].concat()],
        &[b"ecdsa-sha2-nistp521", b"nistp521", &[&[4][..], &[0; 132]].concat()],
        &[b"ecdsa-sha2-nistp256", b"nistp256", b""],
        &[b"ssh-rsa", &[1, 0, 1]],
        &[b"ssh-rsa", &[1], &modulus],
        &[b"ssh-rsa", &[4], &modulus],
        &[b"ssh-rsa", &[1, 0, 1], negative],
        &[b"ssh-rsa", &[1, 0, 1], &[0, 0]],
        &[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", &[7; 32]],
        &[b"\xff"],
        &[],
    ] {
        assert!(PublicKey::parse(&line("ssh", fields)).is_err(), "{fields:?}");
    }
    assert!(PublicKey::parse(&line("ssh-rsa", &[b"ssh-rsa", &[3], &modulus])).is_ok());
}

#[test]
fn weak_keys_are_refused_whatever_comes_after_them() {
    let dsa = line("ssh-dss", &[b"ssh-dss", &[7], &[7], &[7], &[7]]);
    for text in [dsa.clone(), format!("{dsa}\nssh-ed25519 {ED25519}")] {
        assert!(PublicKey::parse(&text).unwrap_err().to_string().contains("DSA"));
    }
    assert!(PublicKey::parse(&format!("ssh-rsa {RSA_1024}")).unwrap_err().to_string().contains("1024"));
    for (bits, taken) in [(2047, false), (2048, true), (2049, true), (16_384, true), (16_385, false)] {
        let text = line("ssh-rsa", &[b"ssh-rsa", &[1, 0, 1], &modulus(bits)]);
        assert_eq!(PublicKey::parse(&text).is_ok(), taken, "{bits} bits");
    }
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    for (encoded, fingerprint) in [
        (ED25519, ED25519_FINGERPRINT),
        (ECDSA_256, ECDSA_256_FINGERPRINT),
        (ECDSA_256_CERTIFICATE, ECDSA_256_FINGERPRINT),
        (RSA_2048, RSA_2048_FINGERPRINT),
        (RSA_2048_CERTIFICATE, RSA_2048_FINGERPRINT),
    ] {
        assert_eq!(PublicKey::parse(&format!("ssh {encoded}")).unwrap().fingerprint(), fingerprint);
    }
}

#[test]
fn a_list_loses_empty_texts_and_exact_copies() {
    let (one, other) = (format!("ssh-ed25519 {ED25519} a"), format!("ssh-ed25519 {ED25519} b"));
    let keys = PublicKeys::parse(&["", &one, &other, "", &one]).unwrap();
    assert_eq!(serde_json::to_value(&keys).unwrap(), serde_json::json!([one, other]));
    let refused = PublicKeys::parse(&["", &one, "garbage"]).unwrap_err().to_string();
    assert!(refused.starts_with("public_keys[2]: "), "{refused}");
}

proptest! {
    #[test]
    fn a_broken_blob_is_refused_and_nothing_falls(at in 0_usize..900, byte in any::<u8>(), cut in any::<bool>()) {
        for encoded in [ED25519, ECDSA_521, RSA_2048, ECDSA_256_CERTIFICATE, RSA_2048_CERTIFICATE] {
            let mut bytes = STANDARD.decode(encoded).unwrap();
            let at = at % bytes.len();
            if cut {
                bytes.truncate(at);
                prop_assert!(blob::parse(&bytes).is_none());
            } else {
                bytes[at] = byte;
                prop_assert!(blob::parse(&bytes).is_none_or(|key| !key.plain.is_empty()));
            }
        }
    }

    #[test]
    fn any_text_is_kept_as_it_is_or_refused(text in "[ \t\"\\\\#a]{0,9}(ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPaChPDf6fwPK9shSzgqVdt353MzEMeq8C4/29OkVixN)?[ -~\n]{0,9}") {
        prop_assert!(PublicKey::parse(&text).map_or(true, |key| key.as_str() == text));
    }
}
