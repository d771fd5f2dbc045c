//! Slow work away from the threads that serve requests, and never more at once than the machine bears: so much at
//! work, so much waiting, the next one is told to come back.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::Error;

/// When to come back after a refusal: by then a full queue of usual work has moved on.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Threads for work of one kind, with a queue before them; cheap to clone. Runs inside a tokio runtime.
#[derive(Debug, Clone)]
pub struct BoundedPool {
    /// One permit for each request at work or waiting.
    pub(super) places: Arc<Semaphore>,
    /// One permit for each request at work.
    pub(super) workers: Arc<Semaphore>,
}

impl BoundedPool {
    /// A pool of so many workers, for which so many requests may wait.
    #[must_use]
    pub fn new(workers: NonZeroUsize, waiting: usize) -> Self {
        let workers = workers.get().min(Semaphore::MAX_PERMITS);
        let places = workers.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), workers: Arc::new(Semaphore::new(workers)) }
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
        spawn_blocking(move || {
            let done = work();
            // The place first: whoever gets the worker finds the queue already shorter.
            drop((place, worker));
            done
        })
        .await
        .map_err(Error::internal)
    }
}
