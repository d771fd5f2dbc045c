//! How many requests of one address come within a time: a bucket for each, filled steadily, from which every
//! request takes one. Bounded; an address whose bucket is full again is not remembered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::domain::network::origin;
use crate::domain::time::UnixMillis;

/// The most addresses that are remembered at a time.
const MOST: usize = 50_000;

/// The limit; its clones count together.
#[derive(Debug, Clone)]
pub struct Rate {
    per_second: f64,
    burst: f64,
    clock: Clock,
    buckets: Arc<Mutex<HashMap<IpAddr, Bucket>>>,
}

/// What an address may still ask, as of a moment.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: UnixMillis,
}

impl Rate {
    /// Lets so many requests of an address pass within a second, on the long run, and so many at once.
    #[must_use]
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32, clock: Clock) -> Self {
        let (per_second, burst) = (f64::from(per_second.get()), f64::from(burst.get()));
        Self { per_second, burst, clock, buckets: Arc::default() }
    }

    /// Counts a request; one that is too many is told how long to wait.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let (address, now) = (origin(address), self.clock.now());
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MOST && !buckets.contains_key(&address) {
            self.make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(address).or_insert(Bucket { left: self.burst, at: now });
        *bucket = Bucket { left: self.left(bucket, now), at: now };
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// What is in a bucket by now; a clock that was put back takes nothing out.
    fn left(&self, bucket: &Bucket, now: UnixMillis) -> f64 {
        let passed = Duration::from_millis(u64::try_from(now.get() - bucket.at.get()).unwrap_or_default());
        passed.as_secs_f64().mul_add(self.per_second, bucket.left).min(self.burst)
    }

    /// Forgets full buckets; if that is not enough, all: then more addresses ask at once than can be told apart.
    fn make_room(&self, buckets: &mut HashMap<IpAddr, Bucket>, now: UnixMillis) {
        buckets.retain(|_, bucket| self.left(bucket, now) < self.burst);
        if buckets.len() > MOST / 2 {
            buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32, burst: u32) -> (Rate, Clock) {
        let clock = Clock::fixed(UnixMillis::new(1_000_000));
        let number = |number| NonZeroU32::new(number).unwrap();
        (Rate::new(number(per_second), number(burst), clock.clone()), clock)
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_burst_passes_and_then_so_many_in_a_second() {
        let (rate, clock) = rate(4, 10);
        assert!((0..10).all(|_| rate.take(address(1)).is_ok()));
        assert_eq!(rate.take(address(1)), Err(Duration::from_millis(250)));
        assert_eq!(rate.take(address(1)), Err(Duration::from_millis(250)), "a refused one takes nothing");
        assert!(rate.take(address(2)).is_ok(), "another address");
        clock.advance(250);
        assert!(rate.take(address(1)).is_ok() && rate.take(address(1)).is_err());
        clock.advance(3_600_000);
        assert_eq!((0..100).filter(|_| rate.take(address(1)).is_ok()).count(), 10);
        clock.advance(-3_600_000);
        assert!(rate.take(address(1)).is_err());
    }

    #[test]
    fn high_rates_are_held_with_a_clock_of_milliseconds() {
        let (rate, clock) = rate(5_000, 100);
        let mut passed = 0;
        for _ in 0..1_000 {
            clock.advance(1);
            passed += (0..10).filter(|_| rate.take(address(1)).is_ok()).count();
        }
        assert!((5_000..=5_100).contains(&passed), "{passed}");
    }

    #[test]
    fn only_so_many_addresses_are_remembered() {
        let (rate, clock) = rate(1, 2);
        let most = u32::try_from(MOST).unwrap();
        for number in 0..2 * most {
            assert!(rate.take(address(number)).is_ok());
            assert!(rate.buckets.lock().len() <= MOST);
        }
        clock.advance(10_000);
        for number in 0..10 * most {
            clock.advance(i64::from(number % 2));
            assert!(rate.take(address(4 * most + number)).is_ok());
        }
        assert!(rate.buckets.lock().len() <= MOST);
    }
}
