//! The one place that asks what time it is, so that tests can say it instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::UnixMillis;

/// Tells the time: the system's, or one that a test sets.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands still until it is moved; milliseconds since 1970.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn fixed(now: UnixMillis) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(now.get())))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask the system")]
            Self::System => UnixMillis::new(jiff::Timestamp::now().as_millisecond()),
            Self::Fixed(now) => UnixMillis::new(now.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock by so many milliseconds; the system's clock is left alone.
    pub fn advance(&self, millis: i64) {
        if let Self::Fixed(now) = self {
            now.fetch_add(millis, Ordering::SeqCst);
        }
    }
}
