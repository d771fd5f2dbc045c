//! Bytes ⇄ record: version, flags, checksum, revision, the public JSON as it is shown and the private part.
//! The only file that says `bincode`. A record is bound to its key: under another one it does not decode.

use std::borrow::Cow;

use super::compression::{compressed, decompressed};
use crate::error::Error;

/// Decodes a private part.
pub use bincode::Decode;
/// Encodes a private part; derive it on storage structs, next to [`Decode`]. The order of the members *is* the
/// format: a changed struct is a new struct.
pub use bincode::Encode;

/// The record format that is written.
const VERSION: u8 = 1;
/// Version, flags, checksum, revision and length of the public part.
const HEADER: usize = 18;
/// The answer must be rendered at read time, since it shows parts of other objects.
const TO_RENDER: u8 = 0b0000_0010;
/// The public part stands there in fewer bytes, see [`compressed`].
const COMPRESSED: u8 = 0b0000_0100;
/// The private part of one record is never larger; a damaged length must not ask for gigabytes.
const PRIVATE_LIMIT: usize = 1 << 20;

/// Stored bytes that cannot be trusted, or a value that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// Fewer bytes than a record has at least.
    #[error("it is cut short")]
    Short,
    /// Written by another version.
    #[error("it has the unknown record version {0}")]
    Version(u8),
    /// A flag nobody set.
    #[error("it has unknown flags")]
    Flags,
    /// The bytes are not those that were written here.
    #[error("its checksum does not fit")]
    Checksum,
    /// The lengths inside do not fit.
    #[error("its lengths do not fit")]
    Length,
    /// The compressed JSON cannot be taken apart.
    #[error("its JSON is not compressed as it says")]
    Compression,
    /// The JSON does not decode or encode.
    #[error("its JSON does not fit: {0}")]
    Public(String),
    /// The private part does not decode or encode.
    #[error("its private part does not fit: {0}")]
    Private(String),
    /// The private part of a value would be larger than one may be.
    #[error("password hash, recovery codes and the keys of secrets take more than 1 MiB together")]
    TooLarge,
}

impl From<Damaged> for Error {
    /// Why a value could not be stored: only its size is the client's doing.
    fn from(why: Damaged) -> Self {
        match why {
            Damaged::TooLarge => Self::invalid(why.to_string()),
            Damaged::Short
            | Damaged::Version(_)
            | Damaged::Flags
            | Damaged::Checksum
            | Damaged::Length
            | Damaged::Compression
            | Damaged::Public(_)
            | Damaged::Private(_) => Self::internal(why),
        }
    }
}

/// What is stored of one thing, apart from its key and revision.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// The JSON exactly as it is shown, without a line feed at its end.
    pub public: Vec<u8>,
    /// What is never shown, see [`encode_private`].
    pub private: Vec<u8>,
    /// The JSON shows parts of other objects, which a reader must put in.
    pub to_render: bool,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("public", &self.public.len())
            .field("private", &"[hidden]")
            .field("to_render", &self.to_render)
            .finish()
    }
}

/// A stored record, taken apart and copied only where it has to be.
#[derive(Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The revision of the write that made it: grows with every write to the store.
    pub revision: u64,
    /// The JSON shows parts of other objects, which a reader must put in.
    pub to_render: bool,
    /// The JSON exactly as it is shown, without a line feed at its end.
    pub public: Cow<'a, [u8]>,
    /// What is never shown, see [`decode_private`].
    pub private: &'a [u8],
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("revision", &self.revision)
            .field("to_render", &self.to_render)
            .field("public", &self.public.len())
            .field("private", &"[hidden]")
            .finish()
    }
}

impl<'a> Record<'a> {
    /// A body as it is written with this revision.
    pub fn new(revision: u64, body: &'a Body) -> Self {
        Self {
            revision,
            to_render: body.to_render,
            public: Cow::Borrowed(&body.public),
            private: &body.private,
        }
    }

    /// The record's bytes under this key.
    ///
    /// # Errors
    /// When the public part is longer than a record can say (4 GiB).
    pub fn encode(&self, key: &[u8]) -> Result<Vec<u8>, Damaged> {
        let less = compressed(&self.public);
        let flags = if self.to_render { TO_RENDER } else { 0 } | if less.is_some() { COMPRESSED } else { 0 };
        let public = less.as_deref().unwrap_or(&self.public);
        let length = u32::try_from(public.len()).map_err(|_| Damaged::Length)?;
        let mut bytes = Vec::with_capacity(HEADER + public.len() + self.private.len());
        bytes.extend_from_slice(&[VERSION, flags, 0, 0, 0, 0]);
        bytes.extend_from_slice(&self.revision.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(public);
        bytes.extend_from_slice(self.private);
        let checksum = checksum(key, &bytes);
        bytes[2..6].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Takes apart the bytes that were stored under this key.
    ///
    /// # Errors
    /// When they are not what [`Record::encode`] wrote for this key.
    pub fn decode(key: &[u8], bytes: &'a [u8]) -> Result<Self, Damaged> {
        if bytes.len() < HEADER {
            return Err(Damaged::Short);
        }
        if bytes[0] != VERSION {
            return Err(Damaged::Version(bytes[0]));
        }
        if u32::from_le_bytes(array(&bytes[2..6])?) != checksum(key, bytes) {
            return Err(Damaged::Checksum);
        }
        if bytes[1] & !(TO_RENDER | COMPRESSED) != 0 {
            return Err(Damaged::Flags);
        }
        let length = u32::from_le_bytes(array(&bytes[14..18])?);
        let length = usize::try_from(length).map_err(|_| Damaged::Length)?;
        let (public, private) = bytes[HEADER..].split_at_checked(length).ok_or(Damaged::Length)?;
        let is_compressed = bytes[1] & COMPRESSED != 0;
        let public = if is_compressed {
            decompressed(public).ok_or(Damaged::Compression)?.into()
        } else {
            Cow::Borrowed(public)
        };
        let revision = u64::from_le_bytes(array(&bytes[6..14])?);
        Ok(Self { revision, to_render: bytes[1] & TO_RENDER != 0, public, private })
    }
}

#[cfg(test)]
impl Record<'_> {
    /// The bytes that were written before documents were compressed.
    pub(super) fn encode_as_before_compression(&self, key: &[u8]) -> Vec<u8> {
        let flags = if self.to_render { TO_RENDER } else { 0 };
        let length = u32::try_from(self.public.len()).unwrap().to_le_bytes();
        let mut bytes = [&[VERSION, flags, 0, 0, 0, 0][..], &self.revision.to_le_bytes(), &length].concat();
        bytes.extend_from_slice(&self.public);
        bytes.extend_from_slice(self.private);
        let checksum = checksum(key, &bytes);
        bytes[2..6].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// The checksum over the key and everything but the checksum's own place.
fn checksum(key: &[u8], bytes: &[u8]) -> u32 {
    let seeded = crc32c::crc32c_append(crc32c::crc32c(key), &bytes[..2]);
    crc32c::crc32c_append(seeded, &bytes[6..])
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Damaged> {
    bytes.try_into().map_err(|_| Damaged::Length)
}

/// The bytes of a private part.
///
/// # Errors
/// When it is larger than a private part may be.
pub fn encode_private<T: Encode>(value: &T) -> Result<Vec<u8>, Damaged> {
    let bytes = bincode::encode_to_vec(value, bincode::config::standard())
        .map_err(|error| Damaged::Private(error.to_string()))?;
    if bytes.len() > PRIVATE_LIMIT {
        return Err(Damaged::TooLarge);
    }
    Ok(bytes)
}

/// The private part that these bytes are.
///
/// # Errors
/// When they are not exactly the bytes of one `T`.
pub fn decode_private<T: Decode<()>>(bytes: &[u8]) -> Result<T, Damaged> {
    let config = bincode::config::standard().with_limit::<PRIVATE_LIMIT>();
    let (value, read) =
        bincode::decode_from_slice(bytes, config).map_err(|error| Damaged::Private(error.to_string()))?;
    if read == bytes.len() { Ok(value) } else { Err(Damaged::Private("bytes are left over".into())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Private {
        hash: String,
        codes: Vec<(String, bool)>,
        step: Option<u64>,
    }

    fn example() -> Body {
        let private = Private { hash: "$2b$".into(), codes: vec![("abc".into(), true)], step: Some(70_000) };
        Body { public: br#"{"a":1}"#.to_vec(), private: encode_private(&private).unwrap(), to_render: true }
    }

    #[test]
    fn the_layout_on_disk_does_not_change() {
        let bytes = Record::new(0x0102_0304, &example()).encode(b"\x02joe").unwrap();
        assert_eq!(hex::encode(bytes), GOLDEN);
    }

    /// Version 1, flag, checksum, revision, length 7, the JSON; then "$2b$", one code, the step.
    const GOLDEN: &str =
        "0102c5b23a190403020100000000070000007b2261223a317d042432622401036162630101fc70110100";

    /// The same with a document that is long enough to be compressed.
    fn longer_example() -> Body {
        let public =
            br#"{"id":1,"status":1,"username":"joe","home_dir":"/srv/joe","permissions":{"/":["*"]}}"#;
        Body { public: public.to_vec(), ..example() }
    }

    #[test]
    fn a_compressed_record_can_be_read_for_ever() {
        let bytes = hex::decode(GOLDEN_COMPRESSED).unwrap();
        let (body, key) = (longer_example(), b"\x02joe");
        assert_eq!(Record::decode(key, &bytes).unwrap(), Record::new(0x0102_0304, &body));
        let written_now = Record::new(0x0102_0304, &body).encode(key).unwrap();
        assert_eq!(written_now[..2], bytes[..2]);
    }

    /// Version 1, both flags, checksum, revision, length; the document's length and its block; then as above.
    const GOLDEN_COMPRESSED: &str = concat!(
        "0106ff5c61420403020100000000280000005400000005bf0904790a0a7005206a6f2a0422686f190404fc040216000faa0400",
        "60222a225d7d7d042432622401036162630101fc70110100",
    );

    #[test]
    fn every_flipped_bit_is_noticed() {
        for body in [example(), longer_example()] {
            let bytes = Record::new(7, &body).encode(b"\x02joe").unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(Record::decode(b"\x02joe", &flipped).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn every_cut_and_every_appended_byte_is_noticed() {
        for body in [example(), longer_example()] {
            let mut bytes = Record::new(7, &body).encode(b"k").unwrap();
            for length in 0..bytes.len() {
                assert!(Record::decode(b"k", &bytes[..length]).is_err(), "{length}");
            }
            bytes.push(0);
            assert_eq!(Record::decode(b"k", &bytes), Err(Damaged::Checksum));
        }
    }

    /// What a fault in the compression itself would leave behind.
    #[test]
    fn a_block_that_cannot_be_taken_apart_is_noticed_under_a_right_checksum() {
        let body = longer_example();
        let good = Record::new(7, &body).encode(b"k").unwrap();
        let signed = |mut bytes: Vec<u8>| {
            let checksum = checksum(b"k", &bytes);
            bytes[2..6].copy_from_slice(&checksum.to_le_bytes());
            bytes
        };
        assert_eq!(signed(good.clone()), good);
        let mut longer = good.clone();
        longer[HEADER] += 1;
        assert_eq!(Record::decode(b"k", &signed(longer)), Err(Damaged::Compression));
        for position in HEADER..good.len() - body.private.len() {
            for change in [0x01, 0x10, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[position] ^= change;
                // Other JSON or none: never more than was there, never a panic.
                match Record::decode(b"k", &signed(bytes)) {
                    Ok(other) => assert_eq!(other.public.len(), body.public.len()),
                    Err(why) => assert_eq!(why, Damaged::Compression, "byte {position}"),
                }
            }
        }
        let mut plain = good;
        plain[1] &= !COMPRESSED;
        let read = Record::decode(b"k", &plain);
        assert_eq!(read, Err(Damaged::Checksum), "the flag is covered too");
    }

    #[test]
    fn records_from_before_the_compression_are_read() {
        let body = longer_example();
        let bytes = Record::new(7, &body).encode_as_before_compression(b"k");
        assert_eq!(Record::decode(b"k", &bytes).unwrap(), Record::new(7, &body));
    }

    #[test]
    fn a_record_under_another_name_is_noticed() {
        let bytes = Record::new(7, &example()).encode(b"\x02joe").unwrap();
        assert_eq!(Record::decode(b"\x02jim", &bytes), Err(Damaged::Checksum));
    }

    #[test]
    fn left_over_bytes_and_huge_lengths_are_refused_in_the_private_part() {
        let mut bytes = example().private;
        bytes.push(0);
        assert!(decode_private::<Private>(&bytes).is_err());
        // A length of 2^63 in front of a text of no bytes.
        let huge = [253, 0, 0, 0, 0, 0, 0, 0, 0x80];
        assert!(decode_private::<String>(&huge).is_err());
    }

    #[test]
    fn a_private_part_over_the_limit_is_refused() {
        assert!(encode_private(&"x".repeat(PRIVATE_LIMIT - 16)).is_ok());
        let why = encode_private(&"x".repeat(PRIVATE_LIMIT)).unwrap_err();
        assert!(matches!(why.into(), Error::Invalid(_)), "whoever sent it is told");
        assert!(matches!(Damaged::Length.into(), Error::Internal(_)));
    }

    #[test]
    fn debug_shows_no_private_bytes() {
        let body = Body { private: b"SECRET".to_vec(), ..Body::default() };
        assert!(!format!("{body:?} {:?}", Record::new(1, &body)).contains("83"));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            key in prop::collection::vec(any::<u8>(), 0..40),
            public in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                "(\"permissions\":[{}a-c]{0,3}){0,20}".prop_map(String::into_bytes),
            ],
            private in prop::collection::vec(any::<u8>(), 0..300),
            revision: u64,
            to_render: bool,
        ) {
            let body = Body { public, private, to_render };
            let bytes = Record::new(revision, &body).encode(&key).unwrap();
            prop_assert_eq!(Record::decode(&key, &bytes).unwrap(), Record::new(revision, &body));
        }

        #[test]
        fn private_parts_round_trip(hash: String, codes: Vec<(String, bool)>, step: Option<u64>) {
            let private = Private { hash, codes, step };
            let bytes = encode_private(&private).unwrap();
            prop_assert_eq!(decode_private::<Private>(&bytes).unwrap(), private);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Record::decode(b"k", &bytes).is_err());
            drop(decode_private::<Private>(&bytes));
        }
    }
}
