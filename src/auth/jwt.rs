//! Bearer tokens: signed and verified, nothing stored (RFC 7519, RFC 8725; `contract/auth.md` §1).
//!
//! One algorithm, HS256, whatever a token's header says. A token is bound to the kind of account,
//! to the address it was made for (as far as the settings ask) and to the account's number and generation.

use std::net::IpAddr;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::domain::time::UnixMillis;
use crate::error::Error;
use crate::random;

/// Seconds by which a clock may be behind ours before a token is too new for it.
const NOT_BEFORE_SECS: i64 = 30;
/// Seconds a token is still taken after its end, for clocks that differ.
const LEEWAY_SECS: i64 = 5;
/// How many tokens are remembered as signed by us, some 500 bytes each.
const REMEMBERED: usize = 4_096;

/// For which side of the API a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The admins' side.
    Admin,
    /// The users' own side.
    User,
}

impl Audience {
    /// The word in the claim `aud`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "API",
            Self::User => "APIUser",
        }
    }
}

/// How tightly a token is bound to the address it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpBinding {
    /// The very address.
    Ip,
    /// The network around it: /24 for IPv4, /64 for IPv6.
    Prefix,
    /// Any address.
    None,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The side of the API and the address.
    pub aud: Vec<String>,
    /// The end, in seconds since 1970.
    pub exp: i64,
    /// The beginning, in seconds since 1970.
    pub nbf: i64,
    /// The token's own name, for logging out.
    pub jti: String,
    /// The account's number and its generation when the token was made: names are given out again,
    /// numbers never are.
    pub sub: String,
    /// The account.
    pub username: String,
    /// What an admin may do, or what a user may not; told to clients, never trusted.
    pub permissions: Vec<String>,
    /// The account's role.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// A second factor has to be set up before anything else.
    #[serde(default, rename = "2fa_required", skip_serializing_if = "std::ops::Not::not")]
    pub second_factor_due: bool,
    /// The protocols for which a user needs a second factor.
    #[serde(default, rename = "2fa_protos", skip_serializing_if = "Vec::is_empty")]
    pub second_factor_protocols: Vec<String>,
    /// The password has to be changed before anything else.
    #[serde(default, rename = "chpwd", skip_serializing_if = "std::ops::Not::not")]
    pub password_change_due: bool,
}

/// The account a token is made for.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The side of the API.
    pub audience: Audience,
    /// The account's name.
    pub username: String,
    /// The account's number, which no other account ever gets.
    pub id: i64,
    /// The account's generation.
    pub generation: u64,
    /// What an admin may do, or what a user may not.
    pub permissions: Vec<String>,
    /// The account's role.
    pub role: String,
    /// Whether a second factor has to be set up first.
    pub second_factor_due: bool,
    /// The protocols for which a user needs a second factor.
    pub second_factor_protocols: Vec<String>,
    /// Whether the password has to be changed first.
    pub password_change_due: bool,
}

/// A token as its owner gets it.
#[derive(Debug, Serialize)]
pub struct IssuedToken {
    /// The token itself.
    pub access_token: String,
    /// Its end, RFC 3339, whole seconds, UTC.
    pub expires_at: String,
    /// What it says.
    #[serde(skip)]
    pub claims: Claims,
}

/// Signs and verifies tokens.
#[derive(Clone)]
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    lifetime_secs: i64,
    binding: IpBinding,
    /// What tokens say whose signatures were found good, by the digest of the whole token: clients send the same
    /// one with every request. Only the signature is remembered; all that time can change is asked anew.
    signed: Arc<Cache<[u8; 32], Arc<Claims>>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("binding", &self.binding).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens signed with `key`, good for so many seconds, bound to addresses as `binding` says.
    pub fn new(key: &Zeroizing<Vec<u8>>, lifetime_secs: i64, binding: IpBinding) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Times, audience and address are held against our own clock and texts in `verify`.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self {
            signing: EncodingKey::from_secret(key),
            verifying: DecodingKey::from_secret(key),
            validation,
            lifetime_secs,
            binding,
            signed: Arc::new(Cache::new(REMEMBERED)),
        }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// A failure of the cryptographic library.
    pub fn issue(&self, subject: Subject, address: IpAddr, now: UnixMillis) -> Result<IssuedToken, Error> {
        let exp = now.seconds() + self.lifetime_secs;
        let claims = Claims {
            aud: vec![subject.audience.word().to_owned(), address.to_string()],
            exp,
            nbf: now.seconds() - NOT_BEFORE_SECS,
            jti: random::short_id(),
            sub: version(subject.id, subject.generation),
            username: subject.username,
            permissions: subject.permissions,
            role: subject.role,
            second_factor_due: subject.second_factor_due,
            second_factor_protocols: subject.second_factor_protocols,
            password_change_due: subject.password_change_due,
        };
        let access_token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(Error::internal)?;
        let expires_at = jiff::Timestamp::from_second(exp).map_err(Error::internal)?.to_string();
        Ok(IssuedToken { access_token, expires_at, claims })
    }

    /// Reads a token, checks its signature and times.
    ///
    /// Whether it was revoked, for whom it is and from where it may be used is asked afterwards, in
    /// the order of the contract: [`Claims::check_audience`], [`Tokens::check_address`].
    ///
    /// # Errors
    /// [`Error::Unauthorized`] with the contract's text for the cause.
    pub fn verify(&self, token: &str, now: UnixMillis) -> Result<Arc<Claims>, Error> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let claims = if let Some(claims) = self.signed.get(&digest) {
            claims
        } else {
            let claims = Arc::new(self.read_signed(token)?);
            self.signed.insert(digest, Arc::clone(&claims));
            claims
        };
        if claims.exp.saturating_add(LEEWAY_SECS) < now.seconds() {
            return Err(Error::Unauthorized("token is expired".into()));
        }
        if claims.nbf > now.seconds() {
            return Err(Error::Unauthorized("token nbf validation failed".into()));
        }
        Ok(claims)
    }

    /// Reads a token and checks its signature, whatever the time.
    fn read_signed(&self, token: &str) -> Result<Claims, Error> {
        let unauthorized = || Error::Unauthorized("token is unauthorized".into());
        let read = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation)
            .map_err(|_| unauthorized())?;
        if read.header.typ.is_none_or(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(unauthorized());
        }
        Ok(read.claims)
    }

    /// Holds the address of a request against the one the token was made for.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for another address.
    pub fn check_address(&self, claims: &Claims, address: IpAddr) -> Result<(), Error> {
        let fits = |text: &String| {
            text.parse::<IpAddr>().is_ok_and(|made_for| match self.binding {
                IpBinding::Ip => made_for == address,
                IpBinding::Prefix => same_network(made_for, address),
                IpBinding::None => true,
            })
        };
        if self.binding == IpBinding::None || claims.aud.iter().skip(1).any(fits) {
            Ok(())
        } else {
            Err(Error::InvalidToken("Your token is not valid".into()))
        }
    }
}

impl Claims {
    /// When the token was made.
    pub fn issued_at(&self) -> UnixMillis {
        UnixMillis::new(self.nbf.saturating_add(NOT_BEFORE_SECS).saturating_mul(1000))
    }

    /// Holds the side of the API that is asked for against the token's.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token of the other side.
    pub fn check_audience(&self, audience: Audience) -> Result<(), Error> {
        if self.aud.first().is_some_and(|kind| kind == audience.word()) {
            Ok(())
        } else {
            Err(Error::InvalidToken("Your token audience is not valid".into()))
        }
    }

    /// Whether the token was made for this account as it is now: not for an earlier account of the same name,
    /// nor before something that ends tokens.
    pub fn is_for(&self, id: i64, generation: u64) -> bool {
        let parts = self.sub.split_once('.');
        parts.is_some_and(|(of, at)| of.parse() == Ok(id) && at.parse() == Ok(generation))
    }
}

/// An account in one state of its life, as the claim `sub` says it.
pub fn version(id: i64, generation: u64) -> String {
    format!("{id}.{generation}")
}

/// The answer to a token that was good once.
pub fn no_longer_valid() -> Error {
    Error::InvalidToken("Your token is no longer valid".into())
}

/// Whether two addresses lie in the same /24 (IPv4) or /64 (IPv6).
fn same_network(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.octets()[..8] == b.octets()[..8],
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

    fn tokens(binding: IpBinding) -> Tokens {
        Tokens::new(&Zeroizing::new(vec![7; 32]), 1200, binding)
    }

    fn subject() -> Subject {
        Subject {
            audience: Audience::Admin,
            username: "admin".into(),
            id: 7,
            generation: 3,
            permissions: vec!["*".into()],
            role: String::new(),
            second_factor_due: false,
            second_factor_protocols: Vec::new(),
            password_change_due: false,
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_tells_what_it_was_made_of() {
        let issued = tokens(IpBinding::Ip).issue(subject(), address("10.1.1.1"), NOW).unwrap();
        let claims = tokens(IpBinding::Ip).verify(&issued.access_token, NOW).unwrap();
        assert_eq!(claims.aud, ["API", "10.1.1.1"]);
        assert_eq!((claims.exp, claims.nbf), (1_800_001_200, 1_799_999_970));
        assert_eq!(claims.username, "admin");
        assert!(claims.is_for(7, 3));
        assert!(!claims.is_for(7, 4));
        assert!(!claims.is_for(8, 3), "another account of this name");
        assert!(claims.check_audience(Audience::Admin).is_ok());
        assert!(claims.check_audience(Audience::User).is_err());
        assert_eq!(issued.expires_at, "2027-01-15T08:20:00Z");
    }

    #[test]
    fn a_token_ends_with_its_lifetime_and_five_seconds() {
        let tokens = tokens(IpBinding::Ip);
        let token = tokens.issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
        assert!(tokens.verify(&token, NOW.plus(1_205_000)).is_ok());
        assert!(matches!(tokens.verify(&token, NOW.plus(1_206_000)), Err(Error::Unauthorized(_))));
        assert!(matches!(tokens.verify(&token, NOW.plus(-31_000)), Err(Error::Unauthorized(_))));
    }

    #[test]
    fn a_token_changed_in_any_byte_is_refused() {
        let tokens = tokens(IpBinding::Ip);
        let token = tokens.issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert!(tokens.verify(&altered, NOW).is_err(), "byte {position}");
        }
    }

    #[test]
    fn a_remembered_token_makes_no_other_one_good() {
        let tokens = tokens(IpBinding::Ip);
        let token = tokens.issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
        for _ in 0..2 {
            assert!(tokens.verify(&token, NOW).is_ok());
            for position in 0..token.len() {
                let mut bytes = token.clone().into_bytes();
                bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
                assert!(tokens.verify(std::str::from_utf8(&bytes).unwrap(), NOW).is_err(), "byte {position}");
            }
        }
        assert!(matches!(tokens.verify(&token, NOW.plus(1_206_000)), Err(Error::Unauthorized(_))), "it ends");
        let others = Tokens::new(&Zeroizing::new(vec![8; 32]), 1200, IpBinding::Ip);
        assert!(others.verify(&token, NOW).is_err());
    }

    #[test]
    fn more_tokens_than_are_remembered_stay_good() {
        let tokens = tokens(IpBinding::Ip);
        let issue = |_| tokens.issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
        let all: Vec<String> = (0..REMEMBERED + 100).map(issue).collect();
        for _ in 0..2 {
            assert!(all.iter().all(|token| tokens.verify(token, NOW).is_ok()));
        }
        assert!(tokens.signed.len() <= REMEMBERED);
    }

    #[test]
    fn other_algorithms_and_kinds_are_refused_even_with_a_right_signature() {
        let tokens = tokens(IpBinding::Ip);
        let token = tokens.issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
        let parts: Vec<&str> = token.split('.').collect();
        for header in [r#"{"alg":"none","typ":"JWT"}"#, r#"{"alg":"RS256","typ":"JWT"}"#] {
            let header = URL_SAFE_NO_PAD.encode(header);
            for signature in ["", parts[2]] {
                assert!(tokens.verify(&format!("{header}.{}.{signature}", parts[1]), NOW).is_err());
            }
        }
        let key = EncodingKey::from_secret(&[7; 32]);
        let claims = tokens.verify(&token, NOW).unwrap();
        for typ in [None, Some("at+jwt".to_owned())] {
            let header = Header { typ, ..Header::new(Algorithm::HS256) };
            let of_another_kind = jsonwebtoken::encode(&header, &*claims, &key).unwrap();
            assert!(tokens.verify(&of_another_kind, NOW).is_err());
        }
        let hs512 = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &*claims, &key).unwrap();
        assert!(tokens.verify(&hs512, NOW).is_err());
    }

    #[test]
    fn a_token_without_end_or_audience_is_refused() {
        let key = EncodingKey::from_secret(&[7; 32]);
        for missing in ["exp", "aud", "nbf", "sub"] {
            let token =
                tokens(IpBinding::Ip).issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
            let mut claims =
                serde_json::to_value(&*tokens(IpBinding::Ip).verify(&token, NOW).unwrap()).unwrap();
            claims.as_object_mut().unwrap().remove(missing);
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
            assert!(tokens(IpBinding::Ip).verify(&token, NOW).is_err(), "{missing}");
        }
    }

    #[test]
    fn the_binding_decides_from_where_a_token_is_good() {
        let cases = [
            (IpBinding::Ip, "10.1.1.1", true),
            (IpBinding::Ip, "10.1.1.2", false),
            (IpBinding::Prefix, "10.1.1.2", true),
            (IpBinding::Prefix, "10.1.2.1", false),
            (IpBinding::Prefix, "::1", false),
            (IpBinding::None, "192.0.2.1", true),
        ];
        for (binding, from, good) in cases {
            let tokens = tokens(binding);
            let token = tokens.issue(subject(), address("10.1.1.1"), NOW).unwrap().access_token;
            let claims = tokens.verify(&token, NOW).unwrap();
            assert_eq!(tokens.check_address(&claims, address(from)).is_ok(), good, "{binding:?} {from}");
        }
    }
}
