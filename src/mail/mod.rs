//! Mail that leaves the server: what a message is, and the two that take it, the mail server and a list
//! for tests. Which mails are due, and when, is decided in `service`.

pub mod dialogue;
pub mod error;
pub mod message;
#[cfg(test)]
pub(crate) mod sink;
pub mod smtp;
pub mod templates;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::timeout;

use self::dialogue::Dialogue;
use self::error::MailError;
use self::message::OutgoingMail;
use self::smtp::{Session, SmtpMailer};

/// How long a goodbye may take after the mail is already handed over.
const GOODBYE: Duration = Duration::from_secs(2);

/// Takes messages out of the house.
#[derive(Debug, Clone)]
pub enum Mailer {
    /// The mail server of the settings.
    Smtp(Arc<SmtpMailer>),
    /// Keeps what it is given, for tests.
    Recording(Arc<Outbox>),
}

/// What a recording mailer was given, and how it answers.
#[derive(Debug, Default)]
pub struct Outbox {
    mails: Mutex<Vec<OutgoingMail>>,
    fault: Mutex<Option<MailError>>,
    knocks: AtomicUsize,
}

impl Outbox {
    /// How often somebody only knocked.
    pub fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Result<(), MailError> {
        self.fault.lock().clone().map_or(Ok(()), Err)
    }

    /// Takes out the mails that came.
    pub fn take(&self) -> Vec<OutgoingMail> {
        std::mem::take(&mut self.mails.lock())
    }

    /// Answers every mail with this fault from now on, or takes mails again.
    pub fn fail_with(&self, fault: Option<MailError>) {
        *self.fault.lock() = fault;
    }
}

impl Mailer {
    /// Hands a message over; on success somebody else is responsible for it.
    ///
    /// Returns as soon as the mail server has said so: the goodbye comes afterwards, so that whoever
    /// notes the success can do it at once.
    ///
    /// # Errors
    /// Why it was not taken, and whether another try makes sense.
    pub async fn send(&self, mail: &OutgoingMail) -> Result<(), MailError> {
        match self {
            Self::Smtp(smtp) => say_goodbye(smtp.send(mail, &mut Dialogue::silent()).await?),
            Self::Recording(outbox) => {
                outbox.answer()?;
                outbox.mails.lock().push(mail.clone());
            }
        }
        Ok(())
    }

    /// Finds out whether a message would be taken, without one.
    ///
    /// # Errors
    /// Why not.
    pub async fn knock(&self) -> Result<(), MailError> {
        match self {
            Self::Smtp(smtp) => say_goodbye(smtp.knock().await?),
            Self::Recording(outbox) => {
                outbox.knocks.fetch_add(1, Ordering::SeqCst);
                outbox.answer()?;
            }
        }
        Ok(())
    }
}

fn say_goodbye(mut session: Session) {
    tokio::spawn(async move {
        if timeout(GOODBYE, session.quit()).await.is_err() {
            log::debug!("the mail server did not answer the goodbye");
        }
    });
}
