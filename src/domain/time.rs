//! Moments on the wire: milliseconds since 1970, UTC (`contract/README.md`, conventions).

use serde::{Deserialize, Serialize};

/// A moment in milliseconds since the Unix epoch, UTC; 0 stands for "never" or "not yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(i64);

impl UnixMillis {
    /// A day in milliseconds.
    pub const DAY: i64 = 86_400_000;

    /// The moment so many milliseconds after the epoch.
    #[must_use]
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment so many milliseconds later, held at the ends of what 64 bits can say.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Whether this is the epoch itself, which stands for "never" or "not yet".
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}
