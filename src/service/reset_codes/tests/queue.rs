//! The queue of mails: patience, restarts, and that nothing of it tells who has an account.

use super::*;
use crate::mail::error::MailError;
use crate::mail::sink::{Manner, Sink};
use crate::service::mail_queue::MailStatus;

#[tokio::test]
async fn a_mail_that_is_not_taken_is_tried_again_later_and_later() {
    let world = World::new().await;
    world.outbox.fail_with(Some(MailError::passing("busy")));
    world.forgot("anna").await.unwrap();
    for wait in [5_000, 30_000, 120_000, 300_000] {
        world.queue.pass().await;
        world.clock.advance(wait - 1);
        let before = world.queue.status();
        world.queue.pass().await;
        assert_eq!(world.queue.status(), before, "too early for the next try");
        assert_eq!(before.waiting, 1);
        world.clock.advance(1);
    }
    assert_eq!(world.queue.status().failures_in_a_row, 4);
    world.outbox.fail_with(None);
    world.queue.pass().await;
    assert_eq!(world.outbox.take().len(), 1);
    assert_eq!((world.queue.status().waiting, world.queue.status().failures_in_a_row), (0, 0));
    world.queue.pass().await;
    assert!(world.outbox.take().is_empty(), "each mail once");
}

#[tokio::test]
async fn nothing_is_done_about_a_request_before_its_answer_is_long_out() {
    let world = World::new().await;
    world.forgot("anna").await.unwrap();
    let start = std::time::Instant::now();
    let begun = |millis| world.queue.begun(start + Duration::from_millis(millis));
    // Seen at 1,000, so due between 1,050 and 1,150.
    assert!(begun(1_000).is_empty());
    // Those who ask meanwhile wait as long, and keep nobody waiting.
    world.forgot("nobody").await.unwrap();
    assert!(begun(1_049).is_empty());
    let mut both = begun(1_150);
    assert_eq!(both[0], "user/anna");
    both.extend(begun(1_199));
    assert_eq!(both, ["user/anna", "user/nobody"]);
    assert!(begun(9_999).is_empty(), "both are tried again by the clock");
    world.clock.advance(5_000);
    assert_eq!(begun(10_000), ["user/anna", "user/nobody"]);
}

#[tokio::test]
async fn a_mail_is_given_up_when_it_never_will_be_taken_or_is_too_old() {
    let world = World::new().await;
    world.outbox.fail_with(Some(MailError::lasting("no such mailbox")));
    world.forgot("anna").await.unwrap();
    world.queue.pass().await;
    assert!(world.pending("user/anna").is_none());

    world.outbox.fail_with(Some(MailError::passing("busy")));
    world.forgot("anna").await.unwrap();
    world.queue.pass().await;
    world.clock.advance(600_000);
    world.outbox.fail_with(None);
    world.queue.pass().await;
    assert!(world.pending("user/anna").is_none() && world.outbox.take().is_empty());
}

#[tokio::test]
async fn a_request_that_nobody_dealt_with_is_mailed_by_the_next_process() {
    let world = World::new().await;
    world.forgot("anna").await.unwrap();
    let outbox = Arc::new(Outbox::default());
    let mailer = Mailer::Recording(Arc::clone(&outbox));
    let templates = Templates::load(None, None).unwrap();
    let lifetime = Duration::from_secs(600);
    let next = MailQueue::new(world.store.clone(), mailer, templates, world.clock.clone(), lifetime);
    let running = tokio::spawn(next.clone().run());
    while next.status().waiting > 0 {
        tokio::task::yield_now().await;
    }
    next.stop();
    running.await.unwrap();
    let code = code_in(&outbox.take()[0].text);
    assert_eq!(world.reset(USER, "anna", &code).await, "ok user/anna");
}

#[tokio::test]
async fn a_request_takes_as_long_with_a_slow_mail_server() {
    let sink = Sink::open(Manner::Sleeps("RCPT")).await;
    let options = crate::mail::smtp::tests::options(sink.port());
    let mailer = Mailer::Smtp(Arc::new(crate::mail::smtp::SmtpMailer::new(options).unwrap()));
    let world = World::sending(settings(), mailer, Arc::default()).await;
    let running = tokio::spawn(world.queue.clone().run());
    world.forgot("anna").await.unwrap();
    while sink.heard().iter().all(|line| !line.starts_with("RCPT")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let begun = std::time::Instant::now();
    world.forgot("nobody").await.unwrap();
    world.forgot("anna").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "no request waits for the mail server");
    running.abort();
}

/// What `/readyz` tells after each pass, while the mail server fails, is well again, fails again.
async fn told_of(name: &str) -> Vec<(usize, u32)> {
    let world = World::new().await;
    let mut told = Vec::new();
    let mut look = |world: &World| {
        let MailStatus { waiting, failures_in_a_row } = world.queue.status();
        told.push((waiting, failures_in_a_row));
    };
    for (fault, wait) in [(true, 5_000), (true, 30_000), (false, 60_000), (true, 5_000), (false, 60_000)] {
        world.outbox.fail_with(fault.then(|| MailError::passing("busy")));
        world.forgot(name).await.unwrap();
        look(&world);
        world.queue.pass().await;
        look(&world);
        world.clock.advance(wait);
        world.queue.pass().await;
        look(&world);
        world.clock.advance(60_000);
    }
    told
}

#[tokio::test]
async fn the_figures_of_the_queue_do_not_tell_who_has_an_account() {
    let known = told_of("anna").await;
    assert!(known.contains(&(1, 2)) && known.contains(&(0, 0)), "{known:?}");
    assert_eq!(known, told_of("nobody").await);
}

#[tokio::test]
async fn names_that_nobody_has_make_the_server_knock_once_a_minute_at_most() {
    let world = World::with(ResetSettings { requests_per_address: 1000, ..settings() }).await;
    for number in 0..50 {
        world.forgot(&format!("nobody{number}")).await.unwrap();
    }
    world.queue.pass().await;
    assert_eq!(world.outbox.knocks(), 1);
    world.clock.advance(59_999);
    world.forgot("nobody").await.unwrap();
    world.queue.pass().await;
    assert_eq!(world.outbox.knocks(), 1);
    world.clock.advance(1);
    // A mail shows as much as a knock.
    assert_eq!(world.mails_after(USER, "anna").await.len(), 1);
    world.forgot("nobody").await.unwrap();
    world.queue.pass().await;
    assert_eq!(world.outbox.knocks(), 1);
}

#[tokio::test]
async fn a_mailbox_that_is_not_open_yet_is_tried_again_and_not_told_of() {
    let world = World::new().await;
    world.outbox.fail_with(Some(MailError::passing("greylisted").about_message()));
    world.forgot("anna").await.unwrap();
    world.queue.pass().await;
    let well = MailStatus { waiting: 0, failures_in_a_row: 0 };
    assert_eq!(world.queue.status(), well);
    world.clock.advance(5_000);
    world.outbox.fail_with(None);
    world.queue.pass().await;
    assert_eq!((world.outbox.take().len(), world.queue.status()), (1, well));
}
