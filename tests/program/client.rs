//! HTTP/1.1 over one kept-alive connection, blocking, nothing hidden: what is sent is what was asked for,
//! and an answer that did not arrive whole is an error, never a part of one.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Longer than anything that is asked takes, shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who calls the server: an address, headers that say who, a connection once there is one.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
    connection: Option<BufReader<TcpStream>>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self { address: self.address, headers: self.headers.clone(), connection: None }
    }
}

impl Client {
    /// Somebody without any proof.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new(), connection: None }
    }

    /// The same with one header more, in place of one of that name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a name and a password.
    pub(crate) fn basic(self, name: &str, password: &str) -> Self {
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        self.with("Authorization", &format!("Basic {encoded}"))
    }

    /// The same, signed in as an admin.
    pub(crate) fn signed_in(&self, name: &str, password: &str) -> Self {
        let answer = self.clone().basic(name, password).get("/api/v2/token").expect(200);
        let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
        self.clone().with("Authorization", &format!("Bearer {token}"))
    }

    /// `GET`; the path is the whole one.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    /// `POST` of JSON.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

    /// `PUT` of JSON.
    pub(crate) fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path, Some(body))
    }

    /// `DELETE`.
    pub(crate) fn delete(&mut self, path: &str) -> Answer {
        self.ask("DELETE", path, None)
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes());
        let kind = [("Content-Type".to_owned(), "application/json".to_owned())];
        let more = if body.is_some() { &kind[..] } else { &[] };
        self.send(method, path, more, body.as_deref()).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    /// Sends a request and reads its answer. A kept connection that the server has closed meanwhile is
    /// replaced once; only then, so that nothing is done twice.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        more: &[(String, String)],
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let head = self.head(method, path, more, body);
        if let Some(kept) = self.connection.take() {
            match self.exchange(kept, method, &head, body) {
                Err(why) if matches!(why.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {}
                outcome => return outcome,
            }
        }
        let fresh = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        fresh.set_read_timeout(Some(PATIENCE))?;
        fresh.set_write_timeout(Some(PATIENCE))?;
        fresh.set_nodelay(true)?;
        self.exchange(BufReader::new(fresh), method, &head, body)
    }

    fn head(&self, method: &str, path: &str, more: &[(String, String)], body: Option<&[u8]>) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        let replaced = |name: &str| more.iter().any(|(other, _)| other == name);
        let own = self.headers.iter().filter(|(name, _)| !replaced(name));
        for (name, value) in own.chain(more) {
            write!(head, "{name}: {value}\r\n").expect("a String takes whatever is written");
        }
        if body.is_some() || matches!(method, "POST" | "PUT" | "PATCH") {
            let length = body.map_or(0, <[u8]>::len);
            write!(head, "Content-Length: {length}\r\n").expect("a String takes whatever is written");
        }
        head + "\r\n"
    }

    fn exchange(
        &mut self,
        mut connection: BufReader<TcpStream>,
        method: &str,
        head: &str,
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let request = [head.as_bytes(), body.unwrap_or_default()].concat();
        // A server may refuse a request before it has read it all: the answer counts, not the write.
        let written = connection.get_mut().write_all(&request);
        let answer = match (Answer::read(&mut connection, method == "HEAD"), written) {
            (Ok(answer), _) => answer,
            (Err(_), Err(why)) if why.kind() == ErrorKind::BrokenPipe => {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            (Err(why), _) => return Err(why),
        };
        if !answer.header("Connection").eq_ignore_ascii_case("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads an answer; `headless` ones are those to `HEAD`, which have no body whatever they say.
    pub(crate) fn read(from: &mut impl BufRead, headless: bool) -> io::Result<Self> {
        let first = line(from)?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status line: {first:?}")))?;
        let mut answer = Self { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let header = line(from).map_err(cut_off)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').ok_or_else(|| io::Error::other("no header"))?;
            answer.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if !headless && !matches!(status, 100..=199 | 204 | 304) {
            answer.body = answer.read_body(from).map_err(cut_off)?;
        }
        Ok(answer)
    }

    fn read_body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("Transfer-Encoding").eq_ignore_ascii_case("chunked") {
            loop {
                let size = usize::from_str_radix(&line(from)?, 16).map_err(io::Error::other)?;
                let start = body.len();
                body.resize(start + size, 0);
                from.read_exact(&mut body[start..])?;
                line(from)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match self.header("Content-Length").parse() {
            Ok(length) => {
                body.resize(length, 0);
                from.read_exact(&mut body)?;
            }
            Err(_) => drop(from.read_to_end(&mut body)?),
        }
        Ok(body)
    }

    /// The values of a header, joined; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {:?}", self.text()))
    }

    /// Fails the test unless the answer has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 || !line.ends_with('\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// An answer that began and did not end: the request was heard and must not be sent again.
fn cut_off(why: io::Error) -> io::Error {
    if why.kind() == ErrorKind::UnexpectedEof {
        return io::Error::new(ErrorKind::ConnectionAborted, "the answer was cut off");
    }
    why
}
