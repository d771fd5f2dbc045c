//! The mailer against a server of our own that behaves well and badly.

use super::*;
use crate::domain::time::UnixMillis;
use crate::mail::sink::{CA, Manner, Security, Sink};

pub(crate) fn options(port: u16) -> SmtpOptions {
    SmtpOptions {
        host: "127.0.0.1".into(),
        port,
        encryption: Encryption::None,
        certificates: None,
        login: None,
        domain: Some("users.example.org".into()),
        sender: Sender { from: "users@example.org".parse().unwrap(), reply_to: None },
        timeout: Duration::from_secs(5),
    }
}

fn login(authentication: Authentication) -> Login {
    Login { user: "me".into(), password: NewPassword::new("hush-hush"), authentication, in_clear_text: true }
}

fn mail() -> OutgoingMail {
    OutgoingMail {
        to: "anna@example.com".into(),
        subject: "Subject".into(),
        text: "..\n\"CODE\"".into(),
        html: String::new(),
        date: UnixMillis::new(0),
    }
}

async fn talk(options: SmtpOptions) -> (Result<(), MailError>, Vec<String>) {
    let mut dialogue = Dialogue::kept();
    let sent = SmtpMailer::new(options).unwrap().send(&mail(), &mut dialogue).await;
    let done = match sent {
        Ok(mut session) => {
            session.quit().await;
            Ok(())
        }
        Err(why) => Err(why),
    };
    (done, dialogue.lines().to_vec())
}

#[tokio::test]
async fn a_mail_arrives_with_its_envelope_and_the_dialogue_is_kept() {
    let sink = Sink::open(Manner::Polite).await;
    let (done, lines) = talk(options(sink.port())).await;
    assert_eq!(done, Ok(()));
    let mail = &sink.mails()[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("users@example.org", &["anna@example.com".to_owned()][..])
    );
    assert!(mail.text.contains("\r\n..\r\n\"CODE\"\r\n"), "{}", mail.text);
    assert_eq!(sink.heard()[0], "EHLO users.example.org");
    for line in ["-> MAIL FROM:<users@example.org>", "-> RCPT TO:<anna@example.com>", "<- 250 kept"] {
        assert!(lines.iter().any(|found| found == line), "{lines:?}");
    }
}

#[tokio::test]
async fn every_way_to_sign_in_is_spoken_and_none_is_shown() {
    for (authentication, line) in [
        (Authentication::Plain, "AUTH PLAIN AG1lAGh1c2gtaHVzaA=="),
        (Authentication::Login, "AUTH LOGIN"),
        (Authentication::Xoauth2, "AUTH XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciBodXNoLWh1c2gBAQ=="),
    ] {
        let sink = Sink::open(Manner::Polite).await;
        let (done, lines) =
            talk(SmtpOptions { login: Some(login(authentication)), ..options(sink.port()) }).await;
        assert_eq!(done, Ok(()), "{authentication:?}");
        assert_eq!(sink.heard()[1], line);
        let shown = lines.join("\n");
        assert!(shown.contains("******** (as me)"), "{shown}");
        for secret in ["hush", "aHVzaC1odXNo", "AG1lAGh1", "dXNlcj1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let logged = format!(
        "{:?}",
        SmtpMailer::new(SmtpOptions { login: Some(login(Authentication::Plain)), ..options(1) })
    );
    assert!(!logged.contains("hush"));
}

#[test]
fn a_password_in_clear_text_is_refused_unless_it_is_allowed() {
    let guarded = Login { in_clear_text: false, ..login(Authentication::Plain) };
    let refused = SmtpMailer::new(SmtpOptions { login: Some(guarded), ..options(25) }).unwrap_err();
    assert!(refused.to_string().contains("smtp.allow_plaintext_credentials"));
}

#[tokio::test]
async fn what_goes_wrong_is_told_with_advice_and_whether_it_passes() {
    for (manner, is_final, part) in [
        (
            Manner::Refuses("RCPT", "550 no such mailbox"),
            true,
            "refused the recipient: permanent error (550): no such mailbox",
        ),
        (Manner::Refuses("RCPT", "450 greylisted"), false, "transient error (450)"),
        (Manner::Refuses("MAIL", "550 not you"), false, "check smtp.from"),
        (Manner::Refuses("DATA", "554 no"), true, "refused the message"),
        (Manner::Refuses("EHLO", "421 too busy"), false, "cannot connect"),
        (Manner::HangsUp("DATA"), false, "refused the message"),
        (Manner::Sleeps("RCPT"), false, "did not answer within 200ms"),
        (Manner::Delays("MAIL", Duration::from_millis(400)), false, "did not answer within 200ms"),
    ] {
        let sink = Sink::open(manner).await;
        let options = SmtpOptions { timeout: Duration::from_millis(200), ..options(sink.port()) };
        let (done, _) = talk(options).await;
        let why = done.unwrap_err();
        assert_eq!(why.is_final(), is_final, "{why}");
        let is_about_message = matches!(manner, Manner::Refuses("RCPT" | "DATA", _));
        assert_eq!(why.is_about_message(), is_about_message, "{why}");
        assert!(why.to_string().contains(part), "{why}");
        assert!(sink.mails().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_looks_long_at_a_mail_it_has_is_not_sent_it_again() {
    let sink = Sink::open(Manner::Delays(".", Duration::from_millis(600))).await;
    let options = SmtpOptions { timeout: Duration::from_millis(200), ..options(sink.port()) };
    let (done, _) = talk(options).await;
    done.unwrap();
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn a_server_that_repeats_the_password_is_not_quoted() {
    for authentication in [Authentication::Plain, Authentication::Login, Authentication::Xoauth2] {
        let login = login(authentication);
        let (user, password) = (login.user.clone(), login.password.expose().to_owned());
        let forms = [
            password.clone(),
            STANDARD.encode(&password),
            STANDARD.encode(format!("\0{user}\0{password}")),
            STANDARD.encode(format!("user={user}\x01auth=Bearer {password}\x01\x01")),
        ];
        for form in &forms {
            let answer: &'static str = Box::leak(format!("535 what is {form}?").into_boxed_str());
            let sink = Sink::open(Manner::Refuses("AUTH", answer)).await;
            let options = SmtpOptions { login: Some(login.clone()), ..options(sink.port()) };
            let (done, lines) = talk(options).await;
            let told = format!("{} {}", done.unwrap_err(), lines.join(" "));
            assert!(told.contains("what is ********?"), "{told}");
            assert!(forms.iter().all(|form| !told.contains(form.as_str())), "{told}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_offers_nothing_or_refuses_the_password_is_told_apart() {
    let gone = Sink::open(Manner::Polite).await.port();
    let sink = Sink::open(Manner::Refuses("AUTH", "535 bad credentials")).await;
    let port = sink.port();
    for (options, part) in [
        (options(gone), "check smtp.host and smtp.port"),
        (SmtpOptions { encryption: Encryption::StartTls, ..options(port) }, "offers no STARTTLS"),
        (
            SmtpOptions { login: Some(login(Authentication::Plain)), ..options(port) },
            "(535): bad credentials",
        ),
    ] {
        let why = talk(options).await.0.unwrap_err();
        assert!(!why.is_final() && why.to_string().contains(part), "{why}");
    }
}

fn encrypted(port: u16, encryption: Encryption, certificates: Option<&[u8]>) -> SmtpOptions {
    SmtpOptions {
        encryption,
        certificates: certificates.map(<[u8]>::to_vec),
        login: Some(Login { in_clear_text: false, ..login(Authentication::Plain) }),
        ..options(port)
    }
}

#[tokio::test]
async fn a_mail_arrives_over_tls_and_the_password_only_there() {
    for (security, encryption) in
        [(Security::StartTls, Encryption::StartTls), (Security::Tls, Encryption::Tls)]
    {
        let sink = Sink::open_with(Manner::Polite, security).await;
        let (done, lines) = talk(encrypted(sink.port(), encryption, Some(CA))).await;
        assert_eq!(done, Ok(()), "{lines:?}");
        assert_eq!(sink.mails().len(), 1);
        let heard = sink.heard();
        let position = |verb: &str| heard.iter().position(|line| line.starts_with(verb));
        let greetings = heard.iter().filter(|line| line.starts_with("EHLO")).count();
        match security {
            Security::StartTls => {
                assert!(greetings == 2 && position("STARTTLS") < position("AUTH"), "{heard:?}");
            }
            Security::Tls | Security::ClearText => assert!(greetings == 1, "{heard:?}"),
        }
    }
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_cannot_prove_who_it_is() {
    let start_tls = Sink::open_with(Manner::Polite, Security::StartTls).await;
    let tls = Sink::open_with(Manner::Polite, Security::Tls).await;
    for (sink, encryption, step) in [
        (&start_tls, Encryption::StartTls, "TLS failed"),
        (&tls, Encryption::Tls, "cannot connect to the mail server"),
    ] {
        let unknown = encrypted(sink.port(), encryption, None);
        let named_otherwise =
            SmtpOptions { host: "localhost".into(), ..encrypted(sink.port(), encryption, Some(CA)) };
        for (options, part) in [(unknown, "UnknownIssuer"), (named_otherwise, "not valid for name")] {
            let why = talk(options).await.0.unwrap_err();
            assert!(why.what().starts_with(step) && why.what().contains(part), "{why}");
            assert!(why.advice().is_some_and(|advice| advice.contains("smtp.ca_file")) && !why.is_final());
        }
        let said = sink.heard();
        assert!(sink.mails().is_empty() && !said.iter().any(|line| line.starts_with("AUTH")), "{said:?}");
    }
}

#[tokio::test]
async fn a_server_of_the_other_kind_of_tls_is_told_apart() {
    let tls = Sink::open_with(Manner::Polite, Security::Tls).await;
    let plain = Sink::open(Manner::Polite).await;
    for (port, encryption) in [(tls.port(), Encryption::StartTls), (plain.port(), Encryption::Tls)] {
        let options =
            SmtpOptions { timeout: Duration::from_millis(300), ..encrypted(port, encryption, Some(CA)) };
        let why = talk(options).await.0.unwrap_err();
        assert!(why.advice().is_some_and(|advice| advice.contains("smtp.encryption = \"tls\"")), "{why}");
    }
    assert!(tls.mails().is_empty() && plain.mails().is_empty());
}

#[tokio::test]
async fn a_knock_goes_as_far_as_a_mail_would_and_leaves_none() {
    let sink = Sink::open_with(Manner::Polite, Security::StartTls).await;
    let mailer = SmtpMailer::new(encrypted(sink.port(), Encryption::StartTls, Some(CA))).unwrap();
    mailer.knock().await.unwrap().quit().await;
    let heard = sink.heard();
    assert!(heard.iter().any(|line| line.starts_with("AUTH")) && sink.mails().is_empty(), "{heard:?}");
    assert!(!heard.iter().any(|line| line.starts_with("MAIL")), "{heard:?}");
    sink.behave(Manner::Refuses("AUTH", "535 no"));
    assert!(mailer.knock().await.is_err());
}

#[test]
fn a_file_without_certificates_is_refused() {
    let options =
        SmtpOptions { encryption: Encryption::Tls, certificates: Some(b"nonsense".to_vec()), ..options(465) };
    assert!(SmtpMailer::new(options).unwrap_err().to_string().starts_with("smtp.ca_file"));
}
