//! The mail server of the settings: one connection for each mail (RFC 5321), kept from others' eyes as the
//! settings say. A password never crosses the network in clear text unless they say that, too.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::dialogue::Dialogue;
use super::error::MailError;
use super::message::{Composed, OutgoingMail, Sender};
use crate::domain::password::NewPassword;
use crate::error::Invalid;

/// How long a server may look at a message before it says whether it takes it. RFC 5321 §4.5.3.2.6 gives it ten minutes,
/// in which a code is over.
const TAKEN_WITHIN: Duration = Duration::from_secs(300);
/// What stands in place of a password.
const MASK: &str = "********";

type SmtpError = lettre::transport::smtp::Error;

/// How the connection is kept from others' eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// STARTTLS; without it nothing is sent.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// How the server proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// AUTH PLAIN (RFC 4616).
    Plain,
    /// AUTH LOGIN.
    Login,
    /// XOAUTH2; the password is an access token.
    Xoauth2,
}

impl Authentication {
    const fn mechanism(self) -> Mechanism {
        match self {
            Self::Plain => Mechanism::Plain,
            Self::Login => Mechanism::Login,
            Self::Xoauth2 => Mechanism::Xoauth2,
        }
    }
}

/// Who the server is to the mail server.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password, or the token.
    pub password: NewPassword,
    /// How they are said.
    pub authentication: Authentication,
    /// Whether they may be said in clear text.
    pub in_clear_text: bool,
}

/// Where the mail server is and how it is talked to (`contract/config.md` §4).
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from others' eyes.
    pub encryption: Encryption,
    /// Certificates (PEM) to trust besides the public ones.
    pub certificates: Option<Vec<u8>>,
    /// Who signs in; `None` for nobody.
    pub login: Option<Login>,
    /// The name to greet with; `None` for the host's.
    pub domain: Option<String>,
    /// Who mails come from.
    pub sender: Sender,
    /// How long the talk with the server may take, from connecting until it asks for the message.
    pub timeout: Duration,
}

/// Sends mails through a mail server.
pub struct SmtpMailer {
    options: SmtpOptions,
    /// The host as DNS and certificates know it.
    host: String,
    tls: Option<TlsParameters>,
    greeting: ClientId,
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A connection over which a mail was handed over.
pub struct Session(AsyncSmtpConnection);

impl Session {
    /// Says goodbye, as good manners ask; the mail is gone already.
    pub async fn quit(&mut self) {
        if let Err(why) = self.0.quit().await {
            log::debug!("the mail server did not say goodbye: {why}");
        }
    }
}

impl SmtpMailer {
    /// Prepares to talk to a mail server; does not talk to it yet.
    ///
    /// # Errors
    /// When the certificates are none, or a password would cross the network in clear text.
    pub fn new(options: SmtpOptions) -> Result<Self, Invalid> {
        let host = options.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match options.encryption {
            Encryption::None => None,
            Encryption::StartTls | Encryption::Tls => Some(tls(&host, options.certificates.as_deref())?),
        };
        if let (Some(login), Encryption::None) = (&options.login, options.encryption) {
            if !login.in_clear_text {
                return Err(Invalid::new(
                    "smtp.encryption: \"none\" would send the password in clear text; choose \"starttls\" or \
                     \"tls\", or set smtp.allow_plaintext_credentials",
                ));
            }
            log::warn!("smtp: the password goes to {}:{} in clear text", options.host, options.port);
        }
        let greeting = options.domain.clone().map_or_else(ClientId::default, ClientId::Domain);
        Ok(Self { options, host, tls, greeting })
    }

    /// Hands a message over and leaves the connection open for the goodbye.
    ///
    /// # Errors
    /// What went wrong at which step; whether another try makes sense.
    pub async fn send(&self, mail: &OutgoingMail, dialogue: &mut Dialogue) -> Result<Session, MailError> {
        let message = mail.compose(&self.options.sender)?;
        let ready = self.in_time(Box::pin(async {
            let mut session = self.open(dialogue).await?;
            announce(&mut session.0, &message, dialogue).await?;
            Ok(session)
        }));
        let handed_over = match ready.await {
            Ok(mut session) => hand_over(&mut session.0, &message, dialogue).await.map(|()| session),
            Err(why) => Err(why),
        };
        handed_over.map_err(|why| self.without_secrets(why, dialogue))
    }

    /// Takes the password out of what a server repeats that should not.
    fn without_secrets(&self, why: MailError, dialogue: &mut Dialogue) -> MailError {
        let Some(login) = &self.options.login else { return why };
        let (user, password) = (login.user.as_str(), login.password.expose());
        let forms = [
            password.to_owned(),
            STANDARD.encode(password),
            STANDARD.encode(format!("\0{user}\0{password}")),
            STANDARD.encode(format!("user={user}\x01auth=Bearer {password}\x01\x01")),
        ];
        // The longest first: the password may stand in one of the others.
        let masked = |text: &str| {
            forms
                .iter()
                .rev()
                .filter(|form| !form.is_empty())
                .fold(text.to_owned(), |text, form| text.replace(form, MASK))
        };
        dialogue.rewrite(masked);
        why.rewritten(masked)
    }

    /// Goes as far as a message would go, up to the point where it would be handed over, and leaves the
    /// connection open for the goodbye.
    ///
    /// # Errors
    /// What went wrong at which step.
    pub async fn knock(&self) -> Result<Session, MailError> {
        let dialogue = &mut Dialogue::silent();
        let opened = self.in_time(Box::pin(self.open(dialogue))).await;
        opened.map_err(|why| self.without_secrets(why, &mut Dialogue::silent()))
    }

    async fn in_time(
        &self,
        talk: impl Future<Output = Result<Session, MailError>>,
    ) -> Result<Session, MailError> {
        let limit = self.options.timeout;
        timeout(limit, talk).await.unwrap_or_else(|_| {
            Err(MailError::passing(format!("the mail server did not answer within {limit:?}")).with_advice(
                "check smtp.host and smtp.port; a server that begins with TLS, usually on port 465, needs \
                 smtp.encryption = \"tls\", one that does not \"starttls\"",
            ))
        })
    }

    async fn open(&self, dialogue: &mut Dialogue) -> Result<Session, MailError> {
        let mut connection = self.connect(dialogue).await?;
        self.encrypt(&mut connection, dialogue).await?;
        self.sign_in(&mut connection, dialogue).await?;
        Ok(Session(connection))
    }

    async fn connect(&self, dialogue: &mut Dialogue) -> Result<AsyncSmtpConnection, MailError> {
        let SmtpOptions { port, encryption, .. } = self.options;
        dialogue.note(|| format!("connecting to {} port {port}, encryption {encryption:?}", self.host));
        let wrapped = self.tls.clone().filter(|_| encryption == Encryption::Tls);
        let limit = Some(self.options.timeout);
        let server = (self.host.as_str(), port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, limit, &self.greeting, wrapped, None).await;
        let connection = connected.map_err(|why| {
            dialogue.note(|| format!("failed: {}", said(&why)));
            let advice = if is_about_tls(&why) { TLS_ADVICE } else { CONNECT_ADVICE };
            failed("cannot connect to the mail server", &why).with_advice(advice)
        })?;
        dialogue.ours(|| format!("EHLO {}", self.greeting));
        dialogue.theirs(|| offers(&connection));
        Ok(connection)
    }

    async fn encrypt(
        &self,
        connection: &mut AsyncSmtpConnection,
        dialogue: &mut Dialogue,
    ) -> Result<(), MailError> {
        let Some(tls) = self.tls.clone().filter(|_| self.options.encryption == Encryption::StartTls) else {
            return Ok(());
        };
        if !connection.can_starttls() {
            let why = MailError::passing("the mail server offers no STARTTLS, so nothing was sent");
            return Err(why.with_advice(
                "set smtp.encryption to \"tls\", usually with port 465, or to \"none\" for a server on this machine",
            ));
        }
        dialogue.ours(|| "STARTTLS".into());
        connection.starttls(tls, &self.greeting).await.map_err(|why| {
            dialogue.note(|| format!("failed: {}", said(&why)));
            failed("TLS failed", &why).with_advice(TLS_ADVICE)
        })?;
        dialogue.note(|| "encrypted".into());
        dialogue.ours(|| format!("EHLO {}", self.greeting));
        dialogue.theirs(|| offers(connection));
        Ok(())
    }

    async fn sign_in(
        &self,
        connection: &mut AsyncSmtpConnection,
        dialogue: &mut Dialogue,
    ) -> Result<(), MailError> {
        let Some(login) = &self.options.login else { return Ok(()) };
        let mechanism = login.authentication.mechanism();
        if !connection.server_info().supports_auth_mechanism(mechanism) {
            let why = MailError::passing(format!("the mail server does not offer AUTH {mechanism}"));
            return Err(why.with_advice(
                "set smtp.auth to one that it offers; servers often offer none before the connection is encrypted",
            ));
        }
        dialogue.ours(|| format!("AUTH {mechanism} ******** (as {})", login.user));
        let credentials = Credentials::new(login.user.clone(), login.password.expose().to_owned());
        let answer = connection.auth(&[mechanism], &credentials).await;
        expect("the mail server refused user or password", answer, dialogue).map_err(|why| {
            why.with_advice(
                "check smtp.user and the password; accounts with a second factor need a password made for \
                 applications, and smtp.auth = \"xoauth2\" a fresh access token",
            )
        })
    }
}

const CONNECT_ADVICE: &str = "check smtp.host and smtp.port, and whether a firewall stands between";
const TLS_ADVICE: &str = "smtp.encryption = \"tls\" is for servers that begin with TLS, usually on port 465, \
                          \"starttls\" for the others; a certificate of a private authority needs smtp.ca_file, \
                          and smtp.host must be a name in it";

/// The envelope and the wish to send a message, each step answered before the next.
async fn announce(
    connection: &mut AsyncSmtpConnection,
    message: &Composed,
    dialogue: &mut Dialogue,
) -> Result<(), MailError> {
    let from = Mail::new(message.envelope.from().cloned(), parameters(connection, message)?);
    dialogue.ours(|| from.to_string());
    expect("the mail server refused the sender", connection.command(from).await, dialogue)
        .map_err(|why| why.with_advice("check smtp.from: it must be an address this server may send for"))?;
    for recipient in message.envelope.to() {
        let to = Rcpt::new(recipient.clone(), Vec::new());
        dialogue.ours(|| to.to_string());
        expect("the mail server refused the recipient", connection.command(to).await, dialogue)?;
    }
    dialogue.ours(|| "DATA".into());
    expect("the mail server refused the message", connection.command(Data).await, dialogue)
}

/// The message. A server that says nothing to it for so long may have taken it: sending it once more would make the
/// code in it void, so that it counts as taken.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    message: &Composed,
    dialogue: &mut Dialogue,
) -> Result<(), MailError> {
    dialogue.ours(|| format!("the message, {} bytes", message.bytes.len()));
    if let Ok(answer) = timeout(TAKEN_WITHIN, connection.message(&message.bytes)).await {
        return expect("the mail server refused the message", answer, dialogue);
    }
    dialogue.note(|| format!("no answer within {TAKEN_WITHIN:?}; the message may be taken"));
    log::warn!("the mail server did not say within {TAKEN_WITHIN:?} whether it took a mail");
    Ok(())
}

/// What must be said of addresses and texts beyond ASCII (RFC 6531, RFC 6152).
fn parameters(connection: &AsyncSmtpConnection, message: &Composed) -> Result<Vec<MailParameter>, MailError> {
    let mut parameters = Vec::new();
    let addresses = message.envelope.from().into_iter().chain(message.envelope.to());
    if !addresses.into_iter().all(|address| address.to_string().is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let why = "the address is not ASCII, and the mail server does not offer SMTPUTF8";
            return Err(MailError::lasting(why));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !message.bytes.is_ascii() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// Writes an answer down; what is not a yes is an error.
fn expect(step: &str, answer: Result<Response, SmtpError>, dialogue: &mut Dialogue) -> Result<(), MailError> {
    match answer {
        Ok(answer) if answer.is_positive() => {
            dialogue
                .theirs(|| format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join("\n")));
            Ok(())
        }
        Ok(answer) => {
            dialogue.theirs(|| format!("{} {}", answer.code(), answer.first_line().unwrap_or_default()));
            Err(MailError::passing(format!("{step}: {}", answer.code())))
        }
        Err(why) => {
            dialogue.theirs(|| said(&why));
            Err(failed(step, &why))
        }
    }
}

/// A failure of the mail server (RFC 5321 §4.2.1: 5xx stays, 4xx passes) or on the way to it (passes).
///
/// A password that is refused passes too: it is the settings that are wrong then, and not the mail.
fn failed(step: &str, why: &SmtpError) -> MailError {
    let text = format!("{step}: {}", said(why));
    let concerns_message = step.contains("recipient") || step.contains("message");
    match (why.is_permanent(), why.is_transient()) {
        (true, _) if concerns_message => MailError::lasting(text),
        (_, true) if concerns_message => MailError::passing(text).about_message(),
        _ => MailError::passing(text),
    }
}

/// An error on one line; it names its causes itself, and one layer of them twice.
fn said(why: &SmtpError) -> String {
    let text = why.to_string().replace("Connection error: ", "");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether TLS failed, and not the way to the server.
fn is_about_tls(why: &SmtpError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(why);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        cause = error.source();
    }
    why.is_tls()
}

/// The answer to EHLO, as far as it matters.
fn offers(connection: &AsyncSmtpConnection) -> String {
    let info = connection.server_info();
    let known = [
        Extension::StartTls,
        Extension::EightBitMime,
        Extension::SmtpUtfEight,
        Extension::Authentication(Mechanism::Plain),
        Extension::Authentication(Mechanism::Login),
        Extension::Authentication(Mechanism::Xoauth2),
    ];
    let offered = known.into_iter().filter(|one| info.supports_feature(*one)).map(|one| one.to_string());
    let offered = offered.collect::<Vec<_>>().join(", ");
    format!(
        "250 {} offers {}",
        info.name(),
        if offered.is_empty() { "nothing beyond the basics" } else { &offered }
    )
}

fn tls(host: &str, certificates: Option<&[u8]>) -> Result<TlsParameters, Invalid> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = certificates {
        let is_pem = pem.windows(b"BEGIN CERTIFICATE".len()).any(|window| window == b"BEGIN CERTIFICATE");
        let certificate = Certificate::from_pem(pem).ok().filter(|_| is_pem);
        let wrong = || Invalid::new("smtp.ca_file: there are no certificates (PEM) in it");
        builder = builder.add_root_certificate(certificate.ok_or_else(wrong)?);
    }
    builder.build().map_err(|why| Invalid::new(format!("smtp.host, smtp.ca_file: {}", said(&why))))
}

#[cfg(test)]
pub(crate) mod tests;
