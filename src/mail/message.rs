//! A message before it is sent, and its form on the wire (RFC 5322, MIME): plain text and HTML side by side,
//! quoted-printable, headers that nobody can break out of.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use super::error::MailError;
use crate::domain::time::UnixMillis;
use crate::random;

/// What the mails say that they come from.
const AGENT: &str = concat!("usersd/", env!("CARGO_PKG_VERSION"));

/// A message to one address. Its text may hold a code: it has no [`Debug`] that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// The address it goes to.
    pub to: String,
    /// The subject; control characters are taken out when it is sent.
    pub subject: String,
    /// The text for readers without HTML.
    pub text: String,
    /// The text as HTML; empty for a mail of text alone.
    pub html: String,
    /// The date it bears.
    pub date: UnixMillis,
}

impl std::fmt::Debug for OutgoingMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingMail").field("to", &self.to).finish_non_exhaustive()
    }
}

/// Who mails come from, and where answers go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The address, with a name perhaps.
    pub from: Mailbox,
    /// Where answers go, if not there.
    pub reply_to: Option<Mailbox>,
}

/// A message as the mail server gets it.
pub(super) struct Composed {
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

impl OutgoingMail {
    /// Writes the message out.
    ///
    /// # Errors
    /// When it goes to no address that SMTP knows.
    pub(super) fn compose(&self, sender: &Sender) -> Result<Composed, MailError> {
        let to: Address = self
            .to
            .parse()
            .map_err(|why| MailError::lasting(format!("{:?} is no address for mail: {why}", self.to)))?;
        let mut builder = Message::builder()
            .from(sender.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&self.subject))
            .date(system_time(self.date))
            .message_id(Some(format!("<{}@{}>", random::short_id(), sender.from.email.domain())))
            .user_agent(AGENT.to_owned())
            // RFC 3834: whatever answers mail by itself leaves this one alone.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".into(),
            ));
        if let Some(reply_to) = &sender.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let text = part(ContentType::TEXT_PLAIN, &self.text);
        let message = if self.html.is_empty() {
            builder.singlepart(text)
        } else {
            let parts = MultiPart::alternative().singlepart(text);
            builder.multipart(parts.singlepart(part(ContentType::TEXT_HTML, &self.html)))
        };
        let message =
            message.map_err(|why| MailError::lasting(format!("the mail cannot be written: {why}")))?;
        Ok(Composed { envelope: message.envelope().clone(), bytes: message.formatted() })
    }
}

/// Quoted-printable breaks lines of more than 76 characters only, with a mark that every reader undoes: a code on
/// a line of its own is never touched.
fn part(kind: ContentType, text: &str) -> SinglePart {
    let text = text.lines().flat_map(|line| [line.trim_end_matches('\r'), "\r\n"]).collect::<String>();
    SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(text)
}

/// A header is one line: what could begin another is taken out.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn system_time(moment: UnixMillis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(moment.get().try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> OutgoingMail {
        OutgoingMail {
            to: "anna@example.com".into(),
            subject: "Ünusual \"name\"".into(),
            text: "first\n\"CODE\"\n".into(),
            html: "<p class=\"a\">ü</p>\n\"CODE\"\n".into(),
            date: UnixMillis::new(1_700_000_000_000),
        }
    }

    fn sender() -> Sender {
        Sender { from: "Users <users@example.org>".parse().unwrap(), reply_to: None }
    }

    fn composed(mail: &OutgoingMail, sender: &Sender) -> String {
        String::from_utf8(mail.compose(sender).unwrap().bytes).unwrap()
    }

    #[test]
    fn a_mail_has_its_headers_and_both_texts() {
        let mut sender = sender();
        sender.reply_to = Some("help@example.org".parse().unwrap());
        let wire = composed(&mail(), &sender);
        for line in [
            "From: Users <users@example.org>",
            "To: anna@example.com",
            "Reply-To: help@example.org",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "MIME-Version: 1.0",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "\"CODE\"",
        ] {
            assert!(wire.split("\r\n").any(|found| found == line), "{line} is not in\n{wire}");
        }
        assert!(wire.contains("@example.org>\r\n") && wire.contains("User-Agent: usersd/"));
        assert!(wire.is_ascii() && !wire.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn no_text_adds_a_header() {
        for subject in ["a\r\nBcc: eve@example.com", "a\nX: y\n\nbody", "\r\n.\r\nMAIL FROM:<x>", "a\0b"] {
            let composed = composed(&OutgoingMail { subject: subject.into(), ..mail() }, &sender());
            let (head, _) = composed.split_once("\r\n\r\n").unwrap();
            for line in head.split("\r\n") {
                let name = line.split(':').next().unwrap();
                assert!(!["Bcc", "X", "MAIL FROM", "."].contains(&name), "{line}");
            }
        }
        for to in ["a@b.cc\r\nBcc: x@y.zz", "a@b.cc, x@y.zz", "a@b.cc>", "Anna <a@b.cc>", ""] {
            assert!(OutgoingMail { to: to.into(), ..mail() }.compose(&sender()).is_err(), "{to}");
        }
    }

    #[test]
    fn debug_shows_no_text() {
        assert!(!format!("{:?}", mail()).contains("CODE"));
    }
}
