//! A dump as the body of an answer, sent while it is written. A client who takes it too slowly is given up, so
//! that others have their turn and nothing of the past is kept for him; he finds a body that breaks off.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::error::Error;

/// Bytes of a dump sent at a time, and how many such pieces may wait for the client.
const PIECE: usize = 64 << 10;
const PIECES: usize = 4;

/// How long a client may be waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For one piece, and in all before the rate counts.
    grace: Duration,
    /// Bytes in a second that he must take from then on.
    rate: u64,
}

const PATIENCE: Patience = Patience { grace: Duration::from_secs(60), rate: 256 << 10 };

impl Patience {
    /// What is left of it for a client who has taken so much and was waited for so long.
    fn left(self, sent: u64, waited: Duration) -> Duration {
        let all = self.grace + Duration::from_secs(sent / self.rate);
        all.saturating_sub(waited).min(self.grace)
    }
}

/// Runs `write` on a thread of its own and gives what it writes as a body. Call it inside the runtime.
pub fn stream(
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, io::Error>> {
    let (to, from) = mpsc::channel(PIECES);
    let is_whole = Arc::new(AtomicBool::new(false));
    let mut pieces = Pieces::new(to, Handle::current(), PATIENCE);
    let whole = Arc::clone(&is_whole);
    // Who calls this holds the turn, so there is one such thread at a time.
    tokio::task::spawn_blocking(move || match write(&mut pieces) {
        Ok(()) => whole.store(true, Ordering::Release),
        Err(why) => {
            let cause = std::error::Error::source(&why).map(ToString::to_string).unwrap_or_default();
            log::error!("a dump ended early: {why}: {cause}");
        }
    });
    body(from, is_whole)
}

/// The pieces, and an error instead of an end where they are not all.
fn body(
    from: mpsc::Receiver<Bytes>,
    is_whole: Arc<AtomicBool>,
) -> impl Stream<Item = Result<Bytes, io::Error>> {
    stream::unfold(Some((from, is_whole)), |open| async move {
        let (mut from, is_whole) = open?;
        match from.recv().await {
            Some(piece) => Some((Ok(piece), Some((from, is_whole)))),
            None if is_whole.load(Ordering::Acquire) => None,
            None => Some((Err(io::Error::other("the dump ended early")), None)),
        }
    })
}

/// Hands what is written to the connection in pieces, no faster than the client takes them.
struct Pieces {
    to: mpsc::Sender<Bytes>,
    runtime: Handle,
    patience: Patience,
    filled: Vec<u8>,
    sent: u64,
    waited: Duration,
}

impl Pieces {
    fn new(to: mpsc::Sender<Bytes>, runtime: Handle, patience: Patience) -> Self {
        Self { to, runtime, patience, filled: Vec::with_capacity(PIECE), sent: 0, waited: Duration::ZERO }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.filled.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.filled, Vec::with_capacity(PIECE)));
        let length = piece.len() as u64;
        let left = self.patience.left(self.sent, self.waited);
        let began = Instant::now();
        let sending = async { timeout(left, self.to.send(piece)).await };
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => {
                self.sent += length;
                self.waited += began.elapsed();
                Ok(())
            }
            Ok(Err(_)) => Err(io::Error::other("the client has gone")),
            Err(_) => Err(io::Error::other("the client takes it too slowly")),
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.filled.extend_from_slice(bytes);
        if self.filled.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[test]
    fn a_client_has_a_minute_and_then_a_rate_to_keep() {
        let secs = Duration::from_secs;
        let rate = PATIENCE.rate;
        for (sent, waited, left) in [
            (0, 0, 60),
            (0, 59, 1),
            (0, 60, 0),
            (rate, 60, 1),
            (rate - 1, 60, 0),
            (100 * rate, 100, 60),
            (100 * rate, 150, 10),
            (100 * rate, 161, 0),
            (u64::MAX, u64::MAX / 2, 0),
        ] {
            assert_eq!(PATIENCE.left(sent, secs(waited)), secs(left), "{sent} {waited}");
        }
    }

    /// Writes pieces until they are not taken any more, and tells why.
    async fn refused(from: Option<mpsc::Receiver<Bytes>>, to: mpsc::Sender<Bytes>) -> String {
        let patience = Patience { grace: Duration::from_millis(20), rate: 1 << 30 };
        let mut pieces = Pieces::new(to, Handle::current(), patience);
        let piece = vec![0; PIECE];
        let write = move || (0..100).find_map(|_| pieces.write_all(&piece).err());
        let why = tokio::task::spawn_blocking(write).await.unwrap();
        drop(from);
        why.expect("a hundred are too many").to_string()
    }

    #[tokio::test]
    async fn a_client_who_takes_nothing_or_has_gone_is_given_up() {
        let (to, from) = mpsc::channel(PIECES);
        assert_eq!(refused(Some(from), to).await, "the client takes it too slowly");
        let (to, from) = mpsc::channel(PIECES);
        drop(from);
        assert_eq!(refused(None, to).await, "the client has gone");
    }

    #[tokio::test]
    async fn a_dump_that_ended_early_has_no_end() {
        let read = async |write: fn(&mut dyn Write) -> Result<(), Error>| {
            stream(write).collect::<Vec<io::Result<Bytes>>>().await
        };
        let whole = read(|out| {
            out.write_all(b"{}").unwrap();
            out.flush().map_err(Error::internal)
        });
        let whole: Vec<Bytes> = whole.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(whole, [Bytes::from_static(b"{}")]);
        let cut = read(|out| {
            out.write_all(b"{").unwrap();
            out.flush().unwrap();
            Err(Error::internal("no more"))
        });
        let cut = cut.await;
        assert!(cut[0].is_ok() && cut[1].is_err() && cut.len() == 2, "{cut:?}");
        assert!(read(|_| Err(Error::internal("nothing"))).await[0].is_err());
    }
}
