//! The header that a proxy writes in front of a connection to say whose it is: the PROXY protocol,
//! versions 1 and 2 (section numbers below are those of its specification). Nothing behind it is read, and no more
//! of it than there may be.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ppp::{v1, v2};
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Less than any header of either version has.
const START: usize = 12;
/// The longest header of version 1 (§2.1).
const LONGEST_LINE: usize = 107;
/// What version 2 has in front of its addresses.
const FIXED: usize = 16;
/// More than any proxy says: addresses take 216 bytes at most, the rest is about certificates and the like.
const LONGEST_REST: usize = 4096;

/// Why a header is not taken.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// Not a byte came, as of those who only look whether somebody listens.
    #[error("it said nothing")]
    Silence,
    /// Neither version begins like this.
    #[error("it said something else")]
    Missing,
    /// More than there may be.
    #[error("it is too long")]
    TooLong,
    /// It ended too early, or does not mean anything.
    #[error("it is malformed")]
    Malformed,
    /// It did not come in time.
    #[error("it took too long")]
    TooSlow,
    /// The connection broke.
    #[error("{0}")]
    Broken(#[from] io::Error),
}

impl Refusal {
    /// Whether there is nothing to blame the peer for.
    pub(super) const fn is_silence(&self) -> bool {
        matches!(self, Self::Silence)
    }
}

/// Reads a header; gives the client it names, or none when the proxy speaks for itself or knows no address.
pub(super) async fn read(stream: &mut TcpStream, time: Duration) -> Result<Option<SocketAddr>, Refusal> {
    timeout(time, read_any(stream)).await.map_err(|_| Refusal::TooSlow)?
}

async fn read_any(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Refusal> {
    let mut start = [0; START];
    let first = stream.read(&mut start).await?;
    if first == 0 {
        return Err(Refusal::Silence);
    }
    fill(stream, &mut start[first..]).await?;
    if start == v2::PROTOCOL_PREFIX {
        read_binary(stream, start.to_vec()).await
    } else if start.starts_with(b"PROXY ") {
        read_line(stream, start.to_vec()).await
    } else {
        Err(Refusal::Missing)
    }
}

async fn read_line(stream: &mut TcpStream, mut line: Vec<u8>) -> Result<Option<SocketAddr>, Refusal> {
    while !line.ends_with(b"\n") {
        let room = LONGEST_LINE.checked_sub(line.len()).filter(|room| *room > 0).ok_or(Refusal::TooLong)?;
        // Looked at first: what stands behind the end is HTTP's.
        let mut ahead = [0; LONGEST_LINE];
        let seen = stream.peek(&mut ahead[..room]).await?;
        if seen == 0 {
            return Err(Refusal::Malformed);
        }
        let taken = ahead[..seen].iter().position(|byte| *byte == b'\n').map_or(seen, |end| end + 1);
        fill(stream, &mut ahead[..taken]).await?;
        line.extend_from_slice(&ahead[..taken]);
    }
    let header = v1::Header::try_from(line.as_slice()).map_err(|_| Refusal::Malformed)?;
    if header.header.len() != line.len() {
        return Err(Refusal::Malformed);
    }
    Ok(match header.addresses {
        v1::Addresses::Tcp4(pair) => Some((pair.source_address, pair.source_port).into()),
        v1::Addresses::Tcp6(pair) => Some((pair.source_address, pair.source_port).into()),
        v1::Addresses::Unknown => None,
    })
}

async fn read_binary(stream: &mut TcpStream, mut header: Vec<u8>) -> Result<Option<SocketAddr>, Refusal> {
    header.resize(FIXED, 0);
    fill(stream, &mut header[START..]).await?;
    let rest = usize::from(u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]));
    if rest > LONGEST_REST {
        return Err(Refusal::TooLong);
    }
    header.resize(FIXED + rest, 0);
    fill(stream, &mut header[FIXED..]).await?;
    let header = v2::Header::try_from(header.as_slice()).map_err(|_| Refusal::Malformed)?;
    if header.command == v2::Command::Local || header.protocol != v2::Protocol::Stream {
        return Ok(None);
    }
    Ok(match header.addresses {
        v2::Addresses::IPv4(pair) => Some((pair.source_address, pair.source_port).into()),
        v2::Addresses::IPv6(pair) => Some((pair.source_address, pair.source_port).into()),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    })
}

/// Reads exactly so many bytes.
async fn fill(stream: &mut TcpStream, bytes: &mut [u8]) -> Result<(), Refusal> {
    let has_ended = |why: &io::Error| why.kind() == io::ErrorKind::UnexpectedEof;
    let read = stream.read_exact(bytes).await.map(drop);
    read.map_err(|why| if has_ended(&why) { Refusal::Malformed } else { Refusal::Broken(why) })
}
