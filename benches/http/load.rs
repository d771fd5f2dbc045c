//! The load: connections that are kept, each a thread that sends ready-made requests one after the other and reads
//! every answer to its end. It does as little as it can, since it shares the machine with the server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Requests to a server, sent in turn.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Vec<Vec<u8>>,
}

impl Load {
    /// `GET` of these paths, with this header.
    pub(crate) fn new(address: SocketAddr, paths: impl IntoIterator<Item = String>, header: &str) -> Self {
        let request = |path: String| {
            let end = if header.is_empty() { "\r\n" } else { "\r\n\r\n" };
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}{end}").into_bytes()
        };
        Self { address, requests: paths.into_iter().map(request).collect() }
    }

    /// Asks over so many connections for so long; gives the number of answers.
    pub(crate) fn run(&self, connections: usize, length: Duration) -> u64 {
        std::thread::scope(|threads| {
            let end = Instant::now() + length;
            // Connections begin far apart, so that none asks for what another has just brought into a cache.
            let first = |connection| connection * self.requests.len() / connections;
            let start = |connection| threads.spawn(move || self.ask(first(connection), end));
            // All are started before one is waited for.
            let running: Vec<_> = (0..connections).map(start).collect();
            running.into_iter().map(|thread| thread.join().expect("every request is answered")).sum()
        })
    }

    fn ask(&self, first: usize, end: Instant) -> u64 {
        let mut connection = Connection::open(self.address);
        let mut answers = 0;
        for request in self.requests.iter().cycle().skip(first) {
            if Instant::now() >= end {
                break;
            }
            connection.exchange(request);
            answers += 1;
        }
        answers
    }
}

/// A kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_nodelay(true).expect("an option of TCP");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("an option of TCP");
        Self { stream, buffer: vec![0; 1 << 18] }
    }

    /// Sends a request and reads its answer, which must be a success with a length.
    pub(crate) fn exchange(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("the request is taken");
        let mut filled = 0;
        let (head, length) = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).expect("an answer comes");
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if let Some(found) = head(&self.buffer[..filled]) {
                break found;
            }
        };
        let mut left = (head + length).saturating_sub(filled);
        while left > 0 {
            let room = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..room]).expect("the body comes");
            assert!(read > 0, "the server closed the connection");
            left -= read;
        }
    }
}

/// Lengths of head and body, once the head is whole.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = str::from_utf8(&bytes[..end]).expect("heads are ASCII");
    assert!(text.starts_with("HTTP/1.1 200 ") || text.starts_with("HTTP/1.1 201 "), "{text}");
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
    });
    Some((end + 4, length.expect("answers have a length")))
}
