//! What is done to every input that libFuzzer thinks up, and by `cargo test` to the seeds: each target
//! feeds one way in from outside and holds what comes out to what usersd promises of it.
//!
//! A target is a plain function of bytes that panics when a promise is broken. Work that is slow on
//! purpose (stretching passwords and passphrases) is left out where an input asks for much of it.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use usersd::api::json;
use usersd::api::path_name::{escape, location, unescape};
use usersd::auth::jwt::{Audience, IpBinding, Subject, Tokens};
use usersd::auth::{api_key, basic};
use usersd::domain::certificate::TlsCertificates;
use usersd::domain::home_dir::{HomeDir, HomeDirRules};
use usersd::domain::password::{PasswordHash, Scheme};
use usersd::domain::private_key;
use usersd::domain::public_key::{PublicKey, PublicKeys};
use usersd::domain::sealer::Sealer;
use usersd::domain::time::UnixMillis;
use usersd::domain::user::User;
use usersd::domain::user_draft::{PasswordChange, UserDraft, UserRules};
use usersd::domain::username::{NamingRules, Username};
use usersd::store::{Record, decode_user, encode_user};
use zeroize::Zeroizing;

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its binary and of its folder of seeds.
pub const ALL: [(&str, Target); 7] = [
    ("user_json", user_json),
    ("names", names),
    ("password_hash", password_hash),
    ("public_key", public_key),
    ("private_key", private_key),
    ("certificate", certificate),
    ("credentials", credentials),
];

/// Passwords that are stretched here are no longer than this.
const PASSWORD_LEN: usize = 40;
/// The most rounds of bcrypt that the passphrase of a private key is stretched with here.
const PASSPHRASE_ROUNDS: u32 = 2;

// ------------------------------------------------------------------ user JSON

/// A body of `POST /users`. A user that is accepted survives the store, is unchanged when his document
/// is sent back with `PUT`, and comes back the same when his confidential document is sent with `POST`.
pub fn user_json(bytes: &[u8]) {
    let Ok(draft) = json::decode::<UserDraft>(bytes) else { return };
    // The keys of the SFTP provider have a target of their own.
    if draft.is_slow_to_settle() {
        return;
    }
    let rules = user_rules();
    let Ok((mut user, change)) = draft.settle(&rules, None) else { return };
    if let PasswordChange::Hashed(hash) = change {
        user.password = Some(hash);
    }
    stored_and_read(&user);

    let shown = serde_json::to_vec(&user).expect("a settled user can be shown");
    let again: UserDraft = json::decode(&shown).expect("what is shown can be read");
    let (updated, change) = again.settle(&rules, Some(&user)).expect("what is shown can be sent back");
    assert_eq!(change, PasswordChange::Keep);
    assert_eq!(updated, user, "sent back with PUT");

    let export = serde_json::to_vec(&confidential(&user)).expect("a value can be written");
    let import: UserDraft = json::decode(&export).expect("an export can be read");
    let (mut created, change) = import.settle(&rules, None).expect("an export can be taken over");
    match (change, &user.password) {
        (PasswordChange::Keep, None) => {}
        (PasswordChange::Hashed(hash), Some(_)) => created.password = Some(hash),
        (change, _) => panic!("an export asks for {change:?}"),
    }
    assert_eq!(created, user, "exported and taken over");
}

fn user_rules() -> UserRules {
    UserRules {
        naming: NamingRules::default(),
        home_dir: HomeDirRules::new(Some("/srv/sftp".to_owned()), "/tmp".to_owned()),
        min_password_strength: 0,
        sealer: Sealer::default(),
    }
}

/// Turns a user into the bytes of a record and back.
fn stored_and_read(user: &User) {
    let body = encode_user(user).expect("a settled user can be stored");
    let bytes = Record::new(7, &body).encode(b"key").expect("its record is small enough");
    let record = Record::decode(b"key", &bytes).expect("a record that was just written");
    let read = decode_user(&record).expect("a stored user can be read");
    assert_eq!(&read, user, "stored and read");
}

/// The user as `confidential_data=1` shows him.
fn confidential(user: &User) -> Value {
    let mut value = serde_json::to_value(user).expect("a settled user can be shown");
    if let Some(hash) = &user.password {
        value["password"] = hash.expose().into();
    }
    user.filesystem.reveal(&mut value["filesystem"]).expect("settled secrets can be shown");
    value
}

// ------------------------------------------------------------------ names

/// A username, a segment of a path and a home directory.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for bits in 0..8 {
        let rules = NamingRules::parse(bits).expect("three bits are rules");
        let normal = Username::normalise(&text, rules);
        assert_eq!(Username::normalise(&normal, rules), normal, "a normal name is normal");
        let Ok(name) = Username::parse(&text, rules) else { continue };
        assert_eq!(name.as_str(), normal, "a name is found under every spelling that made it");
        assert_eq!(Username::parse(name.as_str(), rules).as_ref(), Ok(&name));
        let address = location("/api/v2/users", name.as_str());
        let address = address.to_str().expect("Location is visible ASCII");
        assert_eq!(unescape(address.rsplit('/').next().expect("a last segment")), name.as_str());
        below(&name, "/base");
    }
    assert_eq!(unescape(&escape(&text)), text, "escaped and decoded");
    let decoded = unescape(&text);
    assert_eq!(unescape(&escape(&decoded)), decoded, "decoded, escaped and decoded");
    if let Ok(home) = HomeDir::parse(&text) {
        assert!(home.as_str().starts_with('/'));
        assert!(!home.as_str().split('/').any(|part| matches!(part, "." | "..")), "{home:?} is clean");
        assert_eq!(HomeDir::parse(home.as_str()).as_ref(), Ok(&home));
    }
}

/// A derived home lies inside the directory it is derived from.
fn below(name: &Username, base: &str) {
    let Ok(home) = HomeDir::settle("", Some(base), None, name) else { return };
    let rest = home.as_str().strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
    let rest = rest.unwrap_or_else(|| panic!("{home:?} is not below {base}"));
    assert!(!rest.is_empty() && rest.split('/').all(|part| !matches!(part, "" | "." | "..")), "{home:?}");
}

// ------------------------------------------------------------------ hashes

/// A password, a line feed, and what may be its hash.
pub fn password_hash(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some((password, hash)) = text.split_once('\n') else { return };
    let Some(hash) = PasswordHash::recognise(hash) else { return };
    let strong = matches!(hash.scheme(), Scheme::Bcrypt | Scheme::Argon2id);
    assert_eq!(PasswordHash::recognise_strong(hash.expose()).is_some(), strong);
    let exported = PasswordHash::recognise(&hash.exported()).expect("an export is a hash");
    assert_eq!(exported.scheme(), hash.scheme());
    assert_eq!(exported.check(), hash.check(), "the name of bcrypt says nothing about the rest");
    assert!(!format!("{hash:?}").contains(hash.expose()), "a hash is not printed");
    if hash.check().is_err() {
        assert!(!hash.verify(password), "an unusable hash matches nothing");
    } else if password.len() <= PASSWORD_LEN && is_cheap(&hash) {
        assert_eq!(hash.verify(password), exported.verify(password));
    }
}

/// Whether checking a usable hash takes a millisecond or so.
fn is_cheap(hash: &PasswordHash) -> bool {
    let text = hash.expose();
    // Digits of a salt may make a cheap hash look dear, never the other way round.
    let digits_within =
        |most: usize| text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= most);
    match hash.scheme() {
        Scheme::Bcrypt => text.get(4..6) == Some("04"),
        Scheme::Argon2id => digits_within(2),
        Scheme::Pbkdf2Sha1 | Scheme::Pbkdf2Sha256 | Scheme::Pbkdf2Sha512 | Scheme::Pbkdf2B64SaltSha256 => {
            digits_within(3)
        }
        Scheme::Sha256Crypt | Scheme::Sha512Crypt => text.get(3..15) == Some("rounds=1000$"),
        // Its cost stands in three characters or more: flags, memory, block size.
        Scheme::Yescrypt => {
            let cost = text.split('$').nth(2).unwrap_or_default().as_bytes();
            cost.len() == 3 && matches!(cost[1], b'.'..=b'3') && matches!(cost[2], b'.'..=b'9')
        }
        Scheme::Md5Crypt | Scheme::Apr1 | Scheme::Md5 | Scheme::Sha256 | Scheme::Sha512 => true,
    }
}

// ------------------------------------------------------------------ keys and certificates

/// A public key as text, and the same bytes as the blob within one.
pub fn public_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let blob = format!("ssh-rsa {} comment", STANDARD.encode(bytes));
    for text in [text.as_ref(), &blob] {
        let Ok(key) = PublicKey::parse(text) else { continue };
        assert_eq!(key.as_str(), text, "a key is kept as sent");
        let fingerprint = key.fingerprint();
        assert!(fingerprint.starts_with("SHA256:") && fingerprint.len() == 50, "{fingerprint}");
        let keys = PublicKeys::parse(&["", text, text]).expect("a key of a list is a key");
        assert_eq!(keys.as_slice(), [key], "empty texts and copies are dropped");
        let shown = serde_json::to_vec(&keys).expect("keys can be shown");
        assert_eq!(serde_json::from_slice::<PublicKeys>(&shown).expect("what is shown can be read"), keys);
    }
}

/// A private key as text, and the same bytes as the content of each kind of key file.
pub fn private_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let alone = private_key::check(&text, None);
    assert!(alone.is_err() || private_key::check(&text, Some("password")).is_err(), "one of them is wrong");
    for label in ["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"] {
        let text = armoured(label, bytes);
        let open = private_key::check(&text, None).is_ok();
        if open || rounds(bytes) <= PASSPHRASE_ROUNDS {
            let opens = private_key::check(&text, Some("password")).is_ok();
            assert!(!(open && opens), "a key is encrypted or not");
        }
    }
}

/// How often the OpenSSH key with these bytes asks for its passphrase to be stretched.
fn rounds(bytes: &[u8]) -> u32 {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
    // The name of the function, the length of its options, the salt, the rounds.
    let Some(name) = bytes.windows(10).position(|window| window == b"\0\0\0\x06bcrypt") else { return 0 };
    let salt = number(name + 14).and_then(|length| usize::try_from(length).ok());
    salt.and_then(|length| number(length.checked_add(name + 18)?)).unwrap_or(0)
}

/// A TLS certificate as text, and the same bytes as the certificate itself.
pub fn certificate(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for text in [text, armoured("CERTIFICATE", bytes)] {
        let Ok(certificates) = TlsCertificates::parse("tls_certs", vec![String::new(), text.clone()]) else {
            continue;
        };
        let kept: &[String] = if text.is_empty() { &[] } else { &[text] };
        assert_eq!(certificates.as_slice(), kept, "a certificate is kept as sent");
        let shown = serde_json::to_vec(&certificates).expect("certificates can be shown");
        let read: TlsCertificates = serde_json::from_slice(&shown).expect("what is shown can be read");
        assert_eq!(read, certificates);
    }
}

/// Bytes as a PEM block (RFC 7468).
fn armoured(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}

// ------------------------------------------------------------------ credentials

/// The header `Authorization`, the header of an API key, the claims of a token that is well signed.
pub fn credentials(bytes: &[u8]) {
    let tokens = Tokens::new(&Zeroizing::new(TOKEN_KEY.to_vec()), 1200, IpBinding::Prefix);
    let now = UnixMillis::new(1_700_000_000_000);
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.clone());
        headers.insert(api_key::HEADER, value);
        assert_eq!(api_key::presented(&headers).is_some(), !bytes.is_empty());
        let basic = basic::credentials(&headers);
        let bearer = basic::bearer(&headers);
        assert!(basic.is_none() || bearer.is_none(), "a header has one scheme");
        if let Some(token) = bearer {
            take(&tokens, token, now);
        }
    }
    let text = String::from_utf8_lossy(bytes);
    name_and_password(&text);
    take(&tokens, &signed(bytes), now);
    issue(&tokens, &text, now);
}

/// The key that the tokens of the seeds are signed with.
const TOKEN_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
/// Where requests come from.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Verifies a token as far as a request would.
fn take(tokens: &Tokens, token: &str, now: UnixMillis) {
    let Ok(claims) = tokens.verify(token, now) else { return };
    let admin = claims.check_audience(Audience::Admin);
    let user = claims.check_audience(Audience::User);
    let address = tokens.check_address(&claims, ADDRESS);
    // Verdicts on claims that anybody may have signed: that there are any is all that is asked.
    drop((admin, user, address));
}

/// A token with these bytes for its claims.
fn signed(claims: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_KEY).expect("a key of any length");
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A token that is issued is good at once, for its side of the API and its address alone.
fn issue(tokens: &Tokens, username: &str, now: UnixMillis) {
    let subject = Subject {
        id: 1,
        audience: Audience::User,
        username: username.to_owned(),
        generation: 3,
        permissions: vec![username.to_owned()],
        role: String::new(),
        second_factor_due: false,
        second_factor_protocols: Vec::new(),
        password_change_due: true,
    };
    let issued = tokens.issue(subject, ADDRESS, now).expect("a token can be issued");
    let claims = tokens.verify(&issued.access_token, now).expect("a token just issued is good");
    assert_eq!(claims.username, username);
    assert!(claims.check_audience(Audience::User).is_ok() && claims.check_audience(Audience::Admin).is_err());
    assert!(tokens.check_address(&claims, ADDRESS).is_ok());
}

/// Name and password arrive as they were sent; the first colon ends the name.
fn name_and_password(text: &str) {
    let mut headers = HeaderMap::new();
    let value = format!("Basic {}", STANDARD.encode(text));
    headers.insert(AUTHORIZATION, HeaderValue::try_from(value).expect("base64 is visible ASCII"));
    let read = basic::credentials(&headers);
    let read = read.as_ref().map(|(name, password)| (name.as_str(), password.expose()));
    assert_eq!(read, text.split_once(':'));
}
