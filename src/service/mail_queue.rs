//! Mails with codes, from the request in the store to the mail server, with patience: a request stays until the
//! server has taken its mail, over restarts and crashes, and is tried again at growing intervals until it is
//! too old. The code is made for each try and exists in clear text only in the mail itself.
//!
//! A mail is sent twice only when the process, or the connection, dies between the message and the server's "250" or
//! the write that notes it, which follows at once; the second one then holds a new code, and the first no longer works.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinError, JoinSet};

use super::reset_codes::candidate::Candidate;
use crate::clock::Clock;
use crate::domain::reset_code::{Digest, IssuedCode, PendingReset, Progress, ResetCode};
use crate::domain::time::UnixMillis;
use crate::error::Error;
use crate::mail::Mailer;
use crate::mail::error::MailError;
use crate::mail::message::OutgoingMail;
use crate::mail::templates::{ResetMail, Templates};
use crate::random;
use crate::store::Store;

/// Connections to the mail server at once.
const AT_ONCE: usize = 8;
/// Requests that are dealt with at once. Most of a flood are for names that nobody has; they wait as long as a mail
/// takes, and keep no mail from its way.
const UNDER_WAY: usize = 512;
/// How long a stop waits for the mails under way. One that is cut off is sent anew after the next start.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Waits before the second try, the third and so on, in milliseconds; the last one repeats.
const WAITS: [i64; 4] = [5_000, 30_000, 120_000, 300_000];
/// How long what was seen of the mail server stands for what it would do, in milliseconds.
const SEEN_FOR: i64 = 60_000;
/// How often the log says that the queue fares badly, at most, in milliseconds.
const COMPLAINT_EVERY: i64 = 60_000;
/// How long a new request waits before anything is done about it, in milliseconds, at least and less than: until long
/// after its answer, which takes as long whatever has to be done, and nobody can tell when.
const BEGINS_AFTER: (u64, u64) = (50, 150);
/// How long the queue sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The queue; cheap to clone.
#[derive(Debug, Clone)]
pub struct MailQueue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    mailer: Mailer,
    templates: Templates,
    clock: Clock,
    /// How long a code is valid, and how long a request is worth a mail.
    lifetime: Duration,
    wake: Notify,
    connections: Semaphore,
    is_stopping: AtomicBool,
    course: Mutex<Course>,
}

/// What is known of the tries; forgotten with the process, after which all begin anew.
#[derive(Debug, Default)]
struct Course {
    /// The requests whose mail is on its way.
    under_way: HashSet<String>,
    tries: HashMap<String, Tries>,
    pace: Pace,
    failures_in_a_row: u32,
    complained_at: Option<UnixMillis>,
}

impl Course {
    /// Notes what became of a try, in earnest or not. A mail that is refused for its own sake says that the
    /// server is well.
    fn note(&mut self, taken: &Result<(), MailError>) {
        self.pace.failed = taken.as_ref().is_err_and(|why| !why.is_about_message());
        if !self.pace.failed && self.failures_in_a_row > 0 {
            log::info!("the mail server takes mails again");
        }
        self.failures_in_a_row = if self.pace.failed { self.failures_in_a_row.saturating_add(1) } else { 0 };
    }
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: usize,
    next: Due,
    /// Whether it is only this mail that is not taken yet.
    is_held: bool,
}

impl Tries {
    fn none(seen: Instant) -> Self {
        Self { count: 0, next: Due::soon(seen), is_held: false }
    }
}

/// When a request is tried.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// For the first time: by a clock that nobody sets, for it is a matter of milliseconds.
    First(Instant),
    /// Again.
    At(UnixMillis),
}

impl Due {
    /// A moment soon after the answer to a request that is seen for the first time.
    fn soon(seen: Instant) -> Self {
        let (least, most) = BEGINS_AFTER;
        let more = u64::from_le_bytes(random::bytes()) % (most - least);
        Self::First(seen + Duration::from_millis(least + more))
    }

    /// How long it is until then; nothing when that is over.
    fn wait(self, (moment, now): Now) -> Duration {
        match self {
            Self::First(at) => at.saturating_duration_since(moment),
            Self::At(at) => Duration::from_millis((at.get() - now.get()).try_into().unwrap_or(0)),
        }
    }
}

/// One moment on both clocks.
type Now = (Instant, UnixMillis);

/// How the last try went that talked to the mail server.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    took: Duration,
    failed: bool,
    /// When it began; none has since the process started.
    seen_at: Option<UnixMillis>,
}

/// How the queue fares, and nothing of whom its mails are for: requests for accounts that do not exist count
/// like all others, and a mailbox that is not open yet does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailStatus {
    /// Requests whose mail is still to be sent.
    pub waiting: usize,
    /// Tries at which the mail server failed since the last one at which it did not.
    pub failures_in_a_row: u32,
}

/// Until this moment; for ever where there is none.
async fn stop_of(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// The right to try a request; nobody else tries it meanwhile.
struct Claim {
    queue: MailQueue,
    request: Arc<PendingReset>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.queue.0.course.lock().under_way.remove(&self.request.id);
    }
}

impl MailQueue {
    /// A queue that takes requests from `store` to `mailer`.
    pub fn new(store: Store, mailer: Mailer, templates: Templates, clock: Clock, lifetime: Duration) -> Self {
        Self(Arc::new(Inner {
            store,
            mailer,
            templates,
            clock,
            lifetime,
            wake: Notify::new(),
            connections: Semaphore::new(AT_ONCE),
            is_stopping: AtomicBool::new(false),
            course: Mutex::default(),
        }))
    }

    /// Says that there is something to do.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Asks [`MailQueue::run`] to end when the mails under way are done; what waits stays in the store.
    pub fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// How the queue fares.
    pub fn status(&self) -> MailStatus {
        let unsent = self.unsent();
        let course = self.0.course.lock();
        let is_held = |id: &str| course.tries.get(id).is_some_and(|tries| tries.is_held);
        MailStatus {
            waiting: unsent.iter().filter(|request| !is_held(&request.id)).count(),
            failures_in_a_row: course.failures_in_a_row,
        }
    }

    /// Sends what is to be sent until it is asked to stop. What an earlier process left comes first.
    pub async fn run(self) {
        let mut under_way = JoinSet::new();
        let mut stops_at = None;
        loop {
            let is_stopping = self.0.is_stopping.load(Ordering::SeqCst);
            if is_stopping {
                let over = *stops_at.get_or_insert_with(|| Instant::now() + STOP_WITHIN);
                if under_way.is_empty() || Instant::now() >= over {
                    return under_way.shutdown().await;
                }
            }
            while let Some(done) = under_way.try_join_next() {
                complain_of(&done);
            }
            // One moment for both: what comes due between the two would be overslept.
            let now = self.now();
            if !is_stopping {
                for claim in self.claim_due(UNDER_WAY.saturating_sub(under_way.len()), now) {
                    under_way.spawn(claim.attempt());
                }
            }
            tokio::select! {
                () = self.0.wake.notified() => {}
                Some(done) = under_way.join_next() => complain_of(&done),
                () = tokio::time::sleep(self.until_next(now)) => {}
                () = stop_of(stops_at) => {}
            }
        }
    }

    fn now(&self) -> Now {
        (Instant::now(), self.0.clock.now())
    }

    /// Claims so many of the requests that are due, the oldest first, and sets when they are due again should
    /// nothing come of it. Those that are seen for the first time are due soon.
    fn claim_due(&self, room: usize, now: Now) -> Vec<Claim> {
        let mut unsent = self.unsent();
        unsent.sort_by_key(|request| request.asked_at);
        let mut course = self.0.course.lock();
        // A request that was replaced or dealt with is not tried again.
        let ids: HashSet<&str> = unsent.iter().map(|request| request.id.as_str()).collect();
        course.tries.retain(|id, _| ids.contains(id.as_str()));
        let mut claims = Vec::new();
        for request in unsent {
            let course = &mut *course;
            let tries = course.tries.entry(request.id.clone()).or_insert_with(|| Tries::none(now.0));
            let is_due = tries.next.wait(now).is_zero();
            if claims.len() == room || !is_due || course.under_way.contains(&request.id) {
                continue;
            }
            tries.next = Due::At(now.1.plus(WAITS[tries.count.min(WAITS.len() - 1)]));
            tries.count += 1;
            course.under_way.insert(request.id.clone());
            claims.push(Claim { queue: self.clone(), request });
        }
        claims
    }

    /// Does everything that is due, and all that is new, once, for tests.
    #[cfg(test)]
    pub(super) async fn pass(&self) {
        let (seen, now) = self.now();
        self.claim_due(0, (seen, now));
        let (_, most) = BEGINS_AFTER;
        for claim in self.claim_due(usize::MAX, (seen + Duration::from_millis(most), now)) {
            claim.attempt().await;
        }
    }

    /// The accounts whose mails would begin at this moment, for tests; they count as tried.
    #[cfg(test)]
    pub(super) fn begun(&self, moment: Instant) -> Vec<String> {
        let claims = self.claim_due(AT_ONCE, (moment, self.0.clock.now()));
        claims.iter().map(|claim| claim.request.account.as_str().to_owned()).collect()
    }

    fn unsent(&self) -> Vec<Arc<PendingReset>> {
        let mut pending = self.0.store.shelf::<PendingReset>().all();
        pending.retain(|request| request.is_unsent());
        pending
    }

    /// How long nothing is due but what is under way or waits for others to be done.
    fn until_next(&self, now: Now) -> Duration {
        let course = self.0.course.lock();
        let later = course.tries.values().map(|tries| tries.next.wait(now)).filter(|wait| !wait.is_zero());
        later.min().map_or(LONGEST_SLEEP, |wait| wait.min(LONGEST_SLEEP))
    }

    /// Makes a code for the request, notes its hash and mails it to whom it belongs to.
    ///
    /// A request that belongs to nobody goes the same way, with the same mail written and the same notes made;
    /// it takes as long as the last mail did and comes out as that one came out, so that what follows a request
    /// tells no more than its answer.
    async fn deliver(&self, request: &Arc<PendingReset>) -> Result<(), Error> {
        let now = self.0.clock.now();
        let lifetime = i64::try_from(self.0.lifetime.as_millis()).unwrap_or(i64::MAX);
        if request.is_over(lifetime, now) {
            log::warn!("no mail for {:?}: the request is too old", request.account.as_str());
            return self.forget(request).await;
        }
        let candidate = Candidate::find(&self.0.store, &request.account, request.address, now)?;
        let recipient = candidate.as_ref().and_then(|candidate| Some((candidate, candidate.mailbox()?)));
        let code = ResetCode::random();
        let issued = IssuedCode {
            code: Digest::of_code(&request.account, &code),
            account: recipient.map_or_else(Digest::random, |(candidate, _)| candidate.mark),
            expires_at: now.plus(lifetime),
        };
        if !self.note(request, Progress::Sending(issued)).await? {
            return Ok(());
        }
        let to = recipient.map(|(_, email)| email.as_str());
        let taken = match self.written(request, &code, to.unwrap_or_default()) {
            Ok(mail) if to.is_some() => self.send(request, &mail).await,
            Ok(_) => self.pretend(request).await,
            Err(why) => Err(why),
        };
        match taken {
            Ok(()) => self.note(request, Progress::Sent(issued)).await.map(drop),
            Err(why) if why.is_final() => {
                log::warn!("no mail for {:?}, given up: {why}", request.account.as_str());
                self.forget(request).await
            }
            Err(why) => {
                log::warn!("no mail for {:?} yet: {why}", request.account.as_str());
                self.hold(request, why.is_about_message());
                Ok(())
            }
        }
    }

    fn written(&self, request: &PendingReset, code: &ResetCode, to: &str) -> Result<OutgoingMail, MailError> {
        let mail = ResetMail {
            code,
            username: &request.given_name,
            account: &request.account,
            lifetime: self.0.lifetime,
        };
        let text =
            self.0.templates.reset_password(&mail).map_err(|why| MailError::lasting(why.to_string()))?;
        Ok(OutgoingMail {
            to: to.to_owned(),
            subject: text.subject,
            text: text.text,
            html: text.html,
            date: self.0.clock.now(),
        })
    }

    async fn send(&self, request: &PendingReset, mail: &OutgoingMail) -> Result<(), MailError> {
        let taken = self.seen(self.0.mailer.send(mail)).await;
        if taken.is_ok() {
            log::info!("a mail with a code for {:?} is handed over", request.account.as_str());
        }
        taken
    }

    /// Does as if there were a mail. Once in a while, when no mail has shown it, somebody must go and see how
    /// the mail server does: as often as that, and not as often as strangers think up names.
    async fn pretend(&self, request: &PendingReset) -> Result<(), MailError> {
        let account = request.account.as_str();
        log::info!(
            "no mail for {account:?}, asked for from {}: no such account, or not now",
            request.address
        );
        let now = self.0.clock.now();
        let pace = self.0.course.lock().pace;
        if pace.seen_at.is_none_or(|at| at.plus(SEEN_FOR) <= now) {
            return self.seen(self.0.mailer.knock()).await;
        }
        tokio::time::sleep(pace.took).await;
        let taken = if pace.failed { Err(MailError::passing("as with others")) } else { Ok(()) };
        self.0.course.lock().note(&taken);
        taken
    }

    /// Watches a try that talks to the mail server, as soon as there is a connection for it.
    async fn seen(&self, talk: impl Future<Output = Result<(), MailError>>) -> Result<(), MailError> {
        let _connection = self.0.connections.acquire().await.expect("the semaphore is never closed");
        // At once, so that of many who want to see one goes.
        self.0.course.lock().pace.seen_at = Some(self.0.clock.now());
        let begun = Instant::now();
        let taken = talk.await;
        let mut course = self.0.course.lock();
        course.pace.took = begun.elapsed();
        course.note(&taken);
        taken
    }

    /// Notes why a mail waits, and says now and then how many do.
    fn hold(&self, request: &PendingReset, is_held: bool) {
        let now = self.0.clock.now();
        let mut course = self.0.course.lock();
        if let Some(tries) = course.tries.get_mut(&request.id) {
            tries.is_held = is_held;
        }
        if is_held || course.complained_at.is_some_and(|at| now < at.plus(COMPLAINT_EVERY)) {
            return;
        }
        course.complained_at = Some(now);
        drop(course);
        let MailStatus { waiting, failures_in_a_row } = self.status();
        log::warn!(
            "{waiting} requests for mails wait, {failures_in_a_row} tries failed in a row: `usersd mail test \
             ADDRESS` shows why"
        );
    }

    /// Notes how far a request has come, unless a newer one took its place; says whether it is still there.
    async fn note(&self, request: &PendingReset, progress: Progress) -> Result<bool, Error> {
        let (id, account) = (request.id.clone(), request.account.clone());
        self.0
            .store
            .write(move |txn| {
                let current = txn.item::<PendingReset>(account.as_str())?.filter(|current| current.id == id);
                let Some(current) = current else { return Ok(false) };
                txn.put_item(&PendingReset { progress, ..current })?;
                Ok(true)
            })
            .await
    }

    async fn forget(&self, request: &PendingReset) -> Result<(), Error> {
        let (id, account) = (request.id.clone(), request.account.clone());
        self.0
            .store
            .write(move |txn| {
                if txn.item::<PendingReset>(account.as_str())?.is_some_and(|current| current.id == id) {
                    txn.delete_item::<PendingReset>(account.as_str())?;
                }
                Ok(())
            })
            .await
    }
}

fn complain_of(done: &Result<(), JoinError>) {
    if let Err(why) = done {
        log::error!("a mail was not dealt with to its end: {why}");
    }
}

impl Claim {
    async fn attempt(self) {
        if let Err(why) = self.queue.deliver(&self.request).await {
            log::error!("a mail for {:?} must wait: {why:?}", self.request.account.as_str());
        }
    }
}
