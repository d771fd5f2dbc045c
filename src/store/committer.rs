//! The one writer. It runs the waiting writes one after the other, puts what they staged into one batch, waits
//! for one sync and answers them all. No timer: the next group gathers while this one is being synced.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::open::panic_text;
use super::shared::Shared;
use super::txn::{Group, Txn};
use crate::error::Error;

/// Writes that may wait; more make their callers wait for room.
pub(super) const QUEUE: usize = 4096;
/// Writes in one group.
const GROUP_WRITES: usize = 1024;
/// Staged bytes from which a group takes no further write.
const GROUP_BYTES: usize = 4 << 20;

/// A write of whatever kind, in the queue.
pub(super) trait Task: Send {
    /// Decides and stages; `true` accepts what was staged. The result waits for [`Task::answer`].
    fn run(&mut self, txn: &mut Txn<'_>) -> bool;
    /// Answers the caller: with its result when the group is durable, else with the fault.
    fn answer(self: Box<Self>, fault: Option<&Fault>);
}

/// A write and whoever waits for it.
pub(super) struct Job<W, T> {
    work: Option<W>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<W, T> Job<W, T>
where
    W: FnOnce(&mut Txn<'_>) -> Result<T, Error> + Send + 'static,
    T: Send + 'static,
{
    /// A write, and where its answer will come.
    pub(super) fn boxed(work: W) -> (Box<dyn Task>, oneshot::Receiver<Result<T, Error>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), result: None, reply }), answer)
    }
}

impl<W, T> Task for Job<W, T>
where
    W: FnOnce(&mut Txn<'_>) -> Result<T, Error> + Send,
    T: Send,
{
    fn run(&mut self, txn: &mut Txn<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        // What a write that panics has staged is thrown away with it: nothing is seen half-changed.
        let result = catch_unwind(AssertUnwindSafe(|| work(txn))).unwrap_or_else(|panic| {
            Err(Error::internal(format!("a write panicked: {}", panic_text(panic.as_ref()))))
        });
        let accepted = result.is_ok();
        self.result = Some(result);
        accepted
    }

    fn answer(self: Box<Self>, fault: Option<&Fault>) {
        let result = match (fault, self.result) {
            (Some(fault), _) => Err(fault.clone().into()),
            (None, Some(result)) => result,
            (None, None) => Err(Fault::Closed.into()),
        };
        // A caller that went away does not want to know.
        drop(self.reply.send(result));
    }
}

/// Serves the queue until no sender is left, then syncs a last time.
pub(super) fn run(shared: &Arc<Shared>, mut queue: mpsc::Receiver<Box<dyn Task>>) -> Result<(), Fault> {
    while let Some(first) = queue.blocking_recv() {
        serve(shared, first, &mut queue);
    }
    shared.settle()
}

fn serve(shared: &Shared, first: Box<dyn Task>, queue: &mut mpsc::Receiver<Box<dyn Task>>) {
    if let Some(fault) = shared.refusal() {
        first.answer(Some(&fault));
        return;
    }
    let mut group = Group::new(shared);
    let mut waiting = Vec::new();
    let mut next = Some(first);
    while let Some(mut task) = next {
        let mut txn = group.txn();
        let accepted = task.run(&mut txn);
        let staged = txn.into_staged();
        if accepted {
            group.accept(staged);
        }
        waiting.push(task);
        let full = waiting.len() >= GROUP_WRITES || group.bytes() >= GROUP_BYTES;
        next = if full { None } else { queue.try_recv().ok() };
    }
    // A refusal may rest on another write of the group, so it too waits for the sync.
    let fault = match group.into_changes() {
        Some((changes, revision)) => shared.commit(&changes, revision).err(),
        None => None,
    };
    for task in waiting {
        task.answer(fault.as_ref());
    }
    // After the answers: an older mark promises less, and nobody need wait for this one.
    if let Err(error) = shared.mark.sync_when_due() {
        log::error!("the mark of the last durable write is not on the disk: {error}");
    }
}
