//! Slow work away from the threads that serve requests, and never more at once than the machine bears: so much at
//! work, so much waiting, the next one is told to come back. Its threads yield to those that serve: where all cores
//! are at work, a request that is quickly answered does not wait for a turn among hashes.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::error::Error;

/// When to come back after a refusal: by then a full queue of usual work has moved on.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How much the threads yield (setpriority(2)): their share of a contended core is a tenth of that of a thread that
/// serves, so that a storm of sign-ins slows no reader and a storm of readers stops no sign-in.
const NICENESS: i32 = 10;

/// Threads for work of one kind, with a queue before them; cheap to clone.
#[derive(Debug, Clone)]
pub struct BoundedPool {
    /// One permit for each request at work or waiting.
    pub(super) places: Arc<Semaphore>,
    /// One permit for each request at work.
    pub(super) workers: Arc<Semaphore>,
    threads: Arc<Threads>,
}

impl BoundedPool {
    /// A pool of so many workers, for which so many requests may wait; its threads have this name.
    #[must_use]
    pub fn new(name: &str, workers: NonZeroUsize, waiting: usize) -> Self {
        let workers = workers.get().min(Semaphore::MAX_PERMITS);
        let places = workers.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            workers: Arc::new(Semaphore::new(workers)),
            threads: Arc::new(Threads::new(name, workers)),
        }
    }

    /// Does slow work on a thread of its own as soon as a worker is free.
    ///
    /// Whoever stops waiting gives the place back at once; work that has begun goes on to its end and
    /// keeps its worker until then, so that the limits hold for what is really computed.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full, [`Error::Internal`] when the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Error::Busy { retry_after: RETRY_AFTER })?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(Error::internal)?;
        self.threads
            .spawn(move || {
                let done = work();
                // The place first: whoever gets the worker finds the queue already shorter.
                drop((place, worker));
                done
            })
            .await
            .map_err(Error::internal)
    }
}

/// The threads: those for blocking work of a runtime that does nothing else, started when they are needed.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    fn new(name: &str, most: usize) -> Self {
        let runtime = Builder::new_current_thread()
            .thread_name(name)
            .max_blocking_threads(most)
            .on_thread_start(yield_to_others)
            .build();
        Self(Some(runtime.expect("without drivers it asks nothing of the system")))
    }

    fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.0.as_ref().expect("it is there until it is dropped").spawn_blocking(work)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Wherever that happens: nobody waits for the work any more.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lowers the priority of the calling thread. Elsewhere than on Linux it would be that of the whole process.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(why) = rustix::process::setpriority_process(None, NICENESS) {
        log::debug!("slow work has the priority of all other: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_yield_and_those_of_its_callers_do_not() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let pool = BoundedPool::new("slow", NonZeroUsize::MIN, 0);
        let (name, theirs) =
            pool.run(move || (std::thread::current().name().map(str::to_owned), niceness())).await.unwrap();
        assert_eq!((name.as_deref(), theirs), (Some("slow"), NICENESS.max(before)));
        assert_eq!(niceness(), before);
    }
}
