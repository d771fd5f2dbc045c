//! Slow work away from the threads that serve requests, and never more at once than the machine bears: so much at
//! work, so much waiting, the next one is told to come back. Its threads yield to those that serve: where all cores
//! are at work, a request that is quickly answered does not wait for a turn among hashes.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{Semaphore, oneshot};

use crate::error::Error;

/// When to come back after a refusal: by then a full queue of usual work has moved on.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How much more than their callers the threads yield (setpriority(2)): their share of a contended core is a tenth of
/// that of a thread that serves, so that a storm of sign-ins slows no reader and a storm of readers stops no sign-in.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// The most that a thread can yield.
#[cfg(target_os = "linux")]
const MOST_NICENESS: i32 = 19;

/// Threads for work of one kind, with a queue before them; cheap to clone.
#[derive(Debug, Clone)]
pub struct BoundedPool {
    /// One permit for each request at work or waiting.
    pub(super) places: Arc<Semaphore>,
    /// One permit for each request at work.
    pub(super) workers: Arc<Semaphore>,
    threads: Arc<ThreadPool>,
}

impl BoundedPool {
    /// A pool of so many workers, for which so many requests may wait; its threads have this name. They are all
    /// started here and stay, so that a system that has none left says so at the start and not to a request.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system refuses a thread.
    pub fn new(name: &'static str, workers: NonZeroUsize, waiting: usize) -> Result<Self, Error> {
        let workers = workers.get().min(Semaphore::MAX_PERMITS);
        let places = workers.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        let threads = ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|_| name.to_owned())
            .start_handler(|_| yield_to_others())
            // The hook for panics has told of it, and whoever waits is told below.
            .panic_handler(|_| ())
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            places: Arc::new(Semaphore::new(places)),
            workers: Arc::new(Semaphore::new(workers)),
            threads: Arc::new(threads),
        })
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
        let (answer, done) = oneshot::channel();
        self.threads.spawn(move || {
            // Both go back before the answer, after a panic too; the place first: whoever gets the worker finds
            // the queue already shorter.
            let permits = (place, worker);
            let result = work();
            drop(permits);
            // Nobody listens where the request was given up.
            let _ = answer.send(result);
        });
        done.await.map_err(|_| Error::internal("slow work panicked"))
    }
}

/// Lowers the priority of the calling thread. Elsewhere than on Linux it would be that of the whole process.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let lowered = getpriority_process(None)
            .and_then(|now| setpriority_process(None, (now + NICENESS).min(MOST_NICENESS)));
        if let Err(why) = lowered {
            log::debug!("threads for slow work keep the usual priority: {why}");
        }
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
        let pool = BoundedPool::new("slow", NonZeroUsize::MIN, 0).unwrap();
        let (name, theirs) =
            pool.run(move || (std::thread::current().name().map(str::to_owned), niceness())).await.unwrap();
        assert_eq!((name.as_deref(), theirs), (Some("slow"), (before + NICENESS).min(MOST_NICENESS)));
        assert_eq!(niceness(), before);
    }

    #[tokio::test]
    async fn its_threads_are_there_before_there_is_work() {
        let pool = BoundedPool::new("slow", NonZeroUsize::new(3).unwrap(), 0).unwrap();
        assert_eq!(pool.threads.current_num_threads(), 3);
        let names = || pool.threads.broadcast(|_| std::thread::current().name().map(str::to_owned));
        assert_eq!(names(), vec![Some("slow".to_owned()); 3]);
    }
}
