//! A mail server for tests: takes what it is given on a port of this machine, in clear text or over TLS, or
//! behaves badly in a way that is said.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The authority behind the server's certificate, which is for 127.0.0.1 (`tests/data/tls`).
pub(crate) const CA: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem"));
const CERTIFICATE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/server.pem"));
const KEY: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/server.key"));

/// How the server behaves; verbs are the first four letters of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// It takes everything.
    Polite,
    /// It answers this verb with this line.
    Refuses(&'static str, &'static str),
    /// It hangs up at this verb.
    HangsUp(&'static str),
    /// It takes its time for this verb; `.` is the end of a mail, which it has by then.
    Delays(&'static str, Duration),
    /// It never answers this verb.
    Sleeps(&'static str),
}

/// Whether the server speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// It does not.
    ClearText,
    /// When it is asked to; before that it lets nobody sign in.
    StartTls,
    /// From the first byte.
    Tls,
}

/// A mail as it came.
#[derive(Debug, Clone)]
pub(crate) struct SunkMail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
}

#[derive(Default)]
struct Kept {
    mails: Vec<SunkMail>,
    heard: Vec<String>,
}

/// The server; it ends when it is dropped.
pub(crate) struct Sink {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    kept: Arc<Mutex<Kept>>,
    task: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    pub(crate) async fn open(manner: Manner) -> Self {
        Self::open_with(manner, Security::ClearText).await
    }

    pub(crate) async fn open_with(manner: Manner, security: Security) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let manner = Arc::new(Mutex::new(manner));
        let host = Host { manner: Arc::clone(&manner), kept: Arc::clone(&kept), security };
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let host = host.clone();
                tokio::spawn(async move {
                    let mut guest = Guest { host, stream: BufReader::new(Box::new(stream)), is_safe: false };
                    drop(guest.talk().await);
                });
            }
        });
        Self { port, manner, kept, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Behaves otherwise from now on.
    pub(crate) fn behave(&self, manner: Manner) {
        *self.manner.lock() = manner;
    }

    pub(crate) fn mails(&self) -> Vec<SunkMail> {
        self.kept.lock().mails.clone()
    }

    /// Every line that was said to it but for the mails.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.kept.lock().heard.clone()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

#[derive(Clone)]
struct Host {
    manner: Arc<Mutex<Manner>>,
    kept: Arc<Mutex<Kept>>,
    security: Security,
}

struct Guest {
    host: Host,
    stream: BufReader<Box<dyn Stream>>,
    is_safe: bool,
}

impl Guest {
    async fn talk(&mut self) -> std::io::Result<()> {
        if self.host.security == Security::Tls {
            self.encrypt().await?;
        }
        self.say("220 sink").await?;
        let mut mail = SunkMail { from: String::new(), to: Vec::new(), text: String::new() };
        while let Some(line) = self.line().await? {
            self.host.kept.lock().heard.push(line.clone());
            let verb = line.get(..4).unwrap_or(&line).to_uppercase();
            let manner = *self.host.manner.lock();
            match manner {
                Manner::Refuses(at, answer) if verb == at => {
                    self.say(answer).await?;
                    continue;
                }
                Manner::HangsUp(at) if verb == at => return Ok(()),
                Manner::Delays(at, time) if verb == at => tokio::time::sleep(time).await,
                Manner::Sleeps(at) if verb == at => tokio::time::sleep(Duration::from_secs(60)).await,
                Manner::Refuses(..)
                | Manner::HangsUp(_)
                | Manner::Delays(..)
                | Manner::Sleeps(_)
                | Manner::Polite => {}
            }
            let angled = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let answer = match verb.as_str() {
                "EHLO" if self.host.security == Security::StartTls && !self.is_safe => {
                    "250-sink\r\n250 STARTTLS"
                }
                "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN XOAUTH2",
                "STAR" => {
                    self.say("220 go ahead").await?;
                    self.encrypt().await?;
                    continue;
                }
                "AUTH" if line == "AUTH LOGIN" => "334 VXNlcm5hbWU6",
                "BWU=" => "334 UGFzc3dvcmQ6",
                "AUTH" | "AHVZ" => "235 welcome",
                "MAIL" => {
                    mail.from = angled();
                    "250 ok"
                }
                "RCPT" => {
                    mail.to.push(angled());
                    "250 ok"
                }
                "DATA" => {
                    self.say("354 go on").await?;
                    mail.text = self.text().await?;
                    self.host.kept.lock().mails.push(mail.clone());
                    if let Manner::Delays(".", time) = manner {
                        tokio::time::sleep(time).await;
                    }
                    "250 kept"
                }
                "QUIT" => return self.say("221 bye").await,
                _ => "250 ok",
            };
            self.say(answer).await?;
        }
        Ok(())
    }

    async fn encrypt(&mut self) -> std::io::Result<()> {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let nothing: Box<dyn Stream> = Box::new(tokio::io::empty());
        let plain = std::mem::replace(&mut self.stream, BufReader::new(nothing)).into_inner();
        let safe = TlsAcceptor::from(Arc::new(config)).accept(plain).await?;
        self.stream = BufReader::new(Box::new(safe));
        self.is_safe = true;
        Ok(())
    }

    async fn say(&mut self, answer: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }

    /// The lines up to the dot, those that begin with a dot relieved of one (RFC 5321 §4.5.2).
    async fn text(&mut self) -> std::io::Result<String> {
        let mut text = String::new();
        while let Some(line) = self.line().await? {
            if line == "." {
                break;
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push_str("\r\n");
        }
        Ok(text)
    }
}
