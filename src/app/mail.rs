//! Settings → mail server, queue and reset codes; and the one message that tries the settings out.

use std::io::Write;
use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::password::NewPassword;
use crate::domain::username::NamingRules;
use crate::error::Invalid;
use crate::exit::{Exit, Failure};
use crate::mail::Mailer;
use crate::mail::dialogue::Dialogue;
use crate::mail::message::{OutgoingMail, Sender};
use crate::mail::smtp::{Authentication, Encryption, Login, SmtpMailer, SmtpOptions};
use crate::mail::templates::Templates;
use crate::service::hashing::HashingPool;
use crate::service::mail_queue::MailQueue;
use crate::service::reset_codes::{ResetCodes, ResetSettings};
use crate::settings::{Settings, SmtpAuth, SmtpEncryption};
use crate::store::Store;

/// The codes of the server, with a queue of mails where there is a mail server.
pub(super) fn reset_codes(
    settings: &Settings,
    store: &Store,
    hashing: &HashingPool,
    clock: &Clock,
) -> Result<ResetCodes, Failure> {
    let lifetime = settings.reset_codes.lifetime;
    let mails = match mailer(settings)? {
        None => None,
        Some(smtp) => {
            let folder = settings.smtp.templates_dir.as_deref();
            let templates = Templates::load(folder, settings.smtp.reset_url.clone()).map_err(|why| {
                Failure::new(Exit::Usage, "smtp.templates_dir: the mails cannot be written").because(why)
            })?;
            let mailer = Mailer::Smtp(Arc::new(smtp));
            Some(MailQueue::new(store.clone(), mailer, templates, clock.clone(), lifetime))
        }
    };
    let reset_settings = ResetSettings {
        naming: NamingRules::parse(settings.users.naming_rules).map_err(wrong)?,
        lifetime,
        requests_per_account: settings.reset_codes.mails_per_hour.get(),
        requests_per_address: settings.reset_codes.requests_per_hour.get(),
        wrong_codes_per_address: settings.reset_codes.wrong_codes_per_minute.get(),
        answers_alike: settings.smtp.uniform_answers,
        name_must_match: settings.reset_codes.name_must_match,
        min_user_strength: settings.users.min_password_strength.into(),
        min_admin_strength: settings.admins.min_password_strength.into(),
    };
    Ok(ResetCodes::new(store.clone(), hashing.clone(), clock.clone(), mails, reset_settings))
}

/// The mail server of the settings, if they name one.
fn mailer(settings: &Settings) -> Result<Option<SmtpMailer>, Failure> {
    let smtp = &settings.smtp;
    let (Some(host), Some(from)) = (smtp.host.clone(), smtp.sender()) else { return Ok(None) };
    let certificates = smtp
        .ca_file
        .as_deref()
        .map(std::fs::read)
        .transpose()
        .map_err(|why| Failure::new(Exit::Usage, "smtp.ca_file: the file cannot be read").because(why))?;
    let password = settings.smtp_password().map_err(Failure::from)?;
    let login = smtp.user.clone().zip(password).map(|(user, password)| Login {
        user,
        password: NewPassword::new(password.expose()),
        authentication: authentication(smtp.auth),
        in_clear_text: smtp.allow_plaintext_credentials,
    });
    let options = SmtpOptions {
        host,
        port: smtp.port.get(),
        encryption: encryption(smtp.encryption),
        certificates,
        login,
        domain: smtp.domain.clone(),
        sender: Sender { from, reply_to: smtp.reply_to.clone() },
        timeout: smtp.timeout,
    };
    SmtpMailer::new(options).map(Some).map_err(wrong)
}

/// Sends one message through the mail server of the settings and prints what was said, passwords left out.
///
/// # Errors
/// When there is no mail server or it does not take the message, with what to change.
pub fn send_test_mail(settings: &Settings, address: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let no_host = || Failure::new(Exit::Usage, "smtp.host is not set, so the server sends no mail");
    let smtp = mailer(settings)?.ok_or_else(no_host)?;
    let mail = OutgoingMail {
        to: address.to_owned(),
        subject: "Test of the mail settings of usersd".to_owned(),
        text: "This message was sent by `usersd mail test`. Mail from usersd arrives here.\n".to_owned(),
        html: String::new(),
        date: Clock::System.now(),
    };
    let mut dialogue = Dialogue::kept();
    let sent = actix_web::rt::System::new().block_on(async {
        match smtp.send(&mail, &mut dialogue).await {
            Ok(mut session) => {
                session.quit().await;
                Ok(())
            }
            Err(why) => Err(why),
        }
    });
    let cannot_print = |why| Failure::new(Exit::Failed, "cannot print what was said").because(why);
    for line in dialogue.lines() {
        writeln!(out, "{line}").map_err(cannot_print)?;
    }
    match sent {
        Ok(()) => writeln!(out, "The mail server took the message for {address}.").map_err(cannot_print),
        Err(why) => {
            let advice = why.advice().map(|advice| format!("\n  try this: {advice}")).unwrap_or_default();
            Err(Failure::new(Exit::Failed, format!("{}{advice}", why.what())))
        }
    }
}

const fn encryption(encryption: SmtpEncryption) -> Encryption {
    match encryption {
        SmtpEncryption::None => Encryption::None,
        SmtpEncryption::Starttls => Encryption::StartTls,
        SmtpEncryption::Tls => Encryption::Tls,
    }
}

const fn authentication(auth: SmtpAuth) -> Authentication {
    match auth {
        SmtpAuth::Plain => Authentication::Plain,
        SmtpAuth::Login => Authentication::Login,
        SmtpAuth::Xoauth2 => Authentication::Xoauth2,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err calls")]
fn wrong(why: Invalid) -> Failure {
    Failure::new(Exit::Usage, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::sink::{CA, Manner, Security, Sink};

    /// What is printed, and the failure if it is one.
    async fn tried(sink: &Sink, lines: &str) -> (String, Option<Failure>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), CA).unwrap();
        let file = folder.path().join("usersd.toml");
        let ca = folder.path().join("ca.pem");
        let text = format!(
            "[smtp]\nhost = \"127.0.0.1\"\nport = {}\nfrom = \"usersd <usersd@example.com>\"\nca_file = \"{}\"\n{lines}\n",
            sink.port(),
            ca.display()
        );
        std::fs::write(&file, text).unwrap();
        let settings = Settings::load(Some(&file), []).unwrap();
        let tried = tokio::task::spawn_blocking(move || {
            let mut out = Vec::new();
            let failure = send_test_mail(&settings, "anna@example.org", &mut out).err();
            (String::from_utf8(out).unwrap(), failure)
        });
        tried.await.unwrap()
    }

    const LOGIN: &str = "user = \"me\"\npassword = \"planted-hush\"\n";

    #[tokio::test]
    async fn the_test_shows_what_was_said_and_no_password() {
        let sink = Sink::open_with(Manner::Polite, Security::StartTls).await;
        let (shown, failure) = tried(&sink, LOGIN).await;
        assert!(failure.is_none(), "{shown}");
        for line in [
            "-> STARTTLS",
            "-- encrypted",
            "-> AUTH PLAIN ******** (as me)",
            "<- 235 welcome",
            "-> RCPT TO:<anna@example.org>",
            "<- 250 kept",
            "The mail server took the message for anna@example.org.",
        ] {
            assert!(shown.lines().any(|found| found == line), "{line:?} is not in:\n{shown}");
        }
        // The password itself, and as AUTH PLAIN and AUTH LOGIN say it.
        for secret in ["hush", "AG1lAHBsYW50ZWQtaHVzaA", "cGxhbnRlZC1odXNo"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let mails = sink.mails();
        assert!(mails.len() == 1 && mails[0].text.contains("usersd mail test"), "{mails:?}");
    }

    #[tokio::test]
    async fn a_failed_test_says_what_to_change() {
        use Security::{ClearText, StartTls, Tls};
        for (manner, security, lines, advice) in [
            (Manner::Polite, ClearText, "", "set smtp.encryption to \"tls\""),
            (
                Manner::Polite,
                ClearText,
                "encryption = \"tls\"",
                "smtp.encryption = \"tls\" is for servers that",
            ),
            (Manner::Polite, Tls, "timeout_secs = 1", "needs smtp.encryption = \"tls\""),
            (Manner::Refuses("AUTH", "535 no"), StartTls, LOGIN, "check smtp.user and the password"),
            (Manner::Refuses("MAIL", "553 not yours"), StartTls, "", "check smtp.from"),
            (Manner::HangsUp("EHLO"), StartTls, "", "check smtp.host and smtp.port"),
            (Manner::Sleeps("RCPT"), StartTls, "timeout_secs = 1", "check smtp.host and smtp.port"),
        ] {
            let sink = Sink::open_with(manner, security).await;
            let (shown, failure) = tried(&sink, lines).await;
            let report = failure.expect("the test fails").report();
            assert!(report.contains("try this: ") && report.contains(advice), "{manner:?}: {report}");
            assert!(!format!("{shown}{report}").contains("hush"), "{shown}{report}");
            assert!(sink.mails().is_empty());
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_and_a_recipient_that_is_refused_are_told() {
        let sink = Sink::open_with(Manner::Refuses("RCPT", "550 no such mailbox"), Security::StartTls).await;
        let (_, failure) = tried(&sink, "").await;
        assert!(failure.unwrap().report().contains("no such mailbox"));
        let settings = Settings::load(None, []).unwrap();
        let failure = send_test_mail(&settings, "anna@example.org", &mut Vec::new()).unwrap_err();
        assert!(failure.exit() == Exit::Usage && failure.report().contains("smtp.host is not set"));
    }
}
