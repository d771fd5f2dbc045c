//! A mail server for tests: takes what it is given on a port of this machine, or behaves badly in a way
//! that is said.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server behaves; verbs are the first four letters of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// It takes everything.
    Polite,
    /// It answers this verb with this line.
    Refuses(&'static str, &'static str),
    /// It hangs up at this verb.
    HangsUp(&'static str),
    /// It never answers this verb.
    Sleeps(&'static str),
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let shared = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&shared);
                tokio::spawn(async move { drop(talk(stream, manner, &kept).await) });
            }
        });
        Self { port, kept, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn mails(&self) -> Vec<SunkMail> {
        self.kept.lock().mails.clone()
    }

    /// Every line that was said to it but for the mails.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.kept.lock().heard.clone()
    }
}

async fn talk(stream: TcpStream, manner: Manner, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let mut mail = SunkMail { from: String::new(), to: Vec::new(), text: String::new() };
    while let Some(line) = line(&mut stream).await? {
        kept.lock().heard.push(line.clone());
        let verb = line.get(..4).unwrap_or(&line).to_uppercase();
        match manner {
            Manner::Refuses(at, answer) if verb == at => {
                stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
                continue;
            }
            Manner::HangsUp(at) if verb == at => return Ok(()),
            Manner::Sleeps(at) if verb == at => tokio::time::sleep(Duration::from_secs(60)).await,
            Manner::Refuses(..) | Manner::HangsUp(_) | Manner::Sleeps(_) | Manner::Polite => {}
        }
        let angled = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match verb.as_str() {
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN XOAUTH2",
            "AUTH" if line == "AUTH LOGIN" => "334 VXNlcm5hbWU6",
            "bWU=" | "BWU=" => "334 UGFzc3dvcmQ6",
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
                stream.write_all(b"354 go on\r\n").await?;
                mail.text = text(&mut stream).await?;
                kept.lock().mails.push(mail.clone());
                "250 kept"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}

/// The lines up to the dot, those that begin with a dot relieved of one (RFC 5321 §4.5.2).
async fn text(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut text = String::new();
    while let Some(line) = line(stream).await? {
        if line == "." {
            break;
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
    }
    Ok(text)
}
