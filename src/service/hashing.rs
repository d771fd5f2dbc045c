//! Passwords are hashed and checked here, away from the threads that serve requests, and never more at
//! once than the machine bears: so many at work, so many waiting, the next one is told to come back.
//! An unknown name costs what a wrong password costs.

pub mod cache;

use std::num::NonZeroUsize;
use std::sync::Arc;

use self::cache::VerificationCache;
use super::bounded::BoundedPool;
use crate::domain::password::{HashingScheme, NewPassword, PasswordHash};
use crate::error::Error;
use crate::random;

/// How much hashing goes on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingLimits {
    /// Hashes computed at once; each takes a core, and with Argon2id its memory.
    pub workers: NonZeroUsize,
    /// Requests that may wait for a worker.
    pub waiting: usize,
}

impl Default for HashingLimits {
    /// As many workers as there are cores, 256 waiting.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { workers, waiting: 256 }
    }
}

/// Whose password or key it is: kinds of accounts share names, never proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// The user of this name.
    User(&'a str),
    /// The admin of this name.
    Admin(&'a str),
    /// The API key of this id.
    ApiKey(&'a str),
}

/// What need not be computed once a password is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Savings {
    /// The usual hash in addition to a cheap one: whoever is let in may know.
    TheUsualHash,
    /// Nothing: something else than the password may still keep him out.
    Nothing,
}

/// Hashes and checks passwords within its limits; cheap to clone.
#[derive(Debug, Clone)]
pub struct HashingPool {
    scheme: HashingScheme,
    /// What is compared with when there is nothing to compare with.
    dummy: PasswordHash,
    slots: BoundedPool,
    cache: Option<Arc<VerificationCache>>,
    /// How many hashes were computed to check passwords.
    #[cfg(test)]
    pub(super) computed: Arc<std::sync::atomic::AtomicUsize>,
}

impl HashingPool {
    /// Prepares the pool; takes as long as one hash.
    ///
    /// # Errors
    /// [`Error::Internal`] when the scheme cannot make a hash on this machine or the system refuses a thread.
    pub fn new(
        scheme: HashingScheme,
        limits: HashingLimits,
        cache: Option<VerificationCache>,
    ) -> Result<Self, Error> {
        let dummy = scheme.hash(&NewPassword::new(random::short_id()))?;
        let slots = BoundedPool::new("hashing", limits.workers, limits.waiting)?;
        Ok(Self {
            scheme,
            dummy,
            slots,
            cache: cache.map(Arc::new),
            #[cfg(test)]
            computed: Arc::default(),
        })
    }

    /// How new hashes are made.
    pub fn scheme(&self) -> &HashingScheme {
        &self.scheme
    }

    /// Hashes a password with the scheme of the settings.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the scheme cannot hold the password, [`Error::Busy`] when the queue is full.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, Error> {
        self.scheme.check(&password)?;
        let scheme = self.scheme;
        self.run(move || scheme.hash(&password)).await?
    }

    /// Whether a password is the one whose hash is stored.
    ///
    /// Without a stored hash, or with one that cannot be computed, the answer is no after the work of a
    /// usual hash, so that the time does not tell which names exist; so it is after a wrong password for a hash that
    /// costs less than the usual one, as those made elsewhere do. A right password that was proved a short while
    /// ago needs no work.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub async fn verify(
        &self,
        holder: Holder<'_>,
        stored: Option<PasswordHash>,
        given: NewPassword,
    ) -> Result<bool, Error> {
        let stored = stored.filter(|hash| hash.check().is_ok());
        let proof = match (&self.cache, &stored) {
            (Some(cache), Some(hash)) => Some((cache, cache.proof(holder, hash, &given))),
            (Some(_) | None, Some(_) | None) => None,
        };
        if let Some((cache, proof)) = &proof
            && cache.knows(proof)
        {
            return Ok(true);
        }
        let is_right = self.compute(stored, given, Savings::TheUsualHash).await?;
        if is_right && let Some((cache, proof)) = proof {
            cache.remember(proof);
        }
        Ok(is_right)
    }

    /// Whether [`HashingPool::verify`] would say yes without work. No means nothing: ask that.
    pub fn knows(&self, holder: Holder<'_>, stored: &PasswordHash, given: &NewPassword) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.knows(&cache.proof(holder, stored, given)))
    }

    /// [`HashingPool::verify`], computed each time and never remembered: for an account that asks for more than the password. What
    /// is remembered there would tell by its quick answer, to whoever lacks the rest, that the password is right.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub async fn verify_anew(&self, stored: Option<PasswordHash>, given: NewPassword) -> Result<bool, Error> {
        self.compute(stored.filter(|hash| hash.check().is_ok()), given, Savings::Nothing).await
    }

    /// Answers with this work: the stored hash, if there is one, and the usual one where that is missing or costs
    /// less. A right password in place of a wrong one saves no more than `saves` says.
    async fn compute(
        &self,
        stored: Option<PasswordHash>,
        given: NewPassword,
        saves: Savings,
    ) -> Result<bool, Error> {
        let is_cheap = stored.as_ref().is_none_or(|hash| hash.costs_less_than(&self.scheme));
        let usual = is_cheap.then(|| self.dummy.clone());
        #[cfg(test)]
        let computed = Arc::clone(&self.computed);
        let compute = move |hash: &PasswordHash| {
            #[cfg(test)]
            computed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            hash.verify(given.expose())
        };
        let work = move || {
            let is_right = stored.as_ref().is_some_and(&compute);
            if !(is_right && saves == Savings::TheUsualHash)
                && let Some(usual) = usual
            {
                std::hint::black_box(compute(&usual));
            }
            is_right
        };
        self.run(work).await
    }

    /// Does other slow work within the same limits, see [`BoundedPool::run`].
    ///
    /// # Errors
    /// As that.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> {
        self.slots.run(work)
    }
}

/// A hash that was sent, as it is. One that lets nobody in is stored too, as clients expect (`contract/passwords.md` §1),
/// but the log says so: its user would be told no more than that his password is wrong.
pub(super) fn accepted(hash: PasswordHash, account: &str) -> PasswordHash {
    if let Err(why) = hash.check() {
        log::warn!("no password will be right for {account:?}: {why}");
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::task::Poll;
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::time::UnixMillis;

    fn pool(workers: usize, waiting: usize) -> HashingPool {
        let limits = HashingLimits { workers: NonZeroUsize::new(workers).unwrap(), waiting };
        let cache = VerificationCache::new(8, Duration::from_secs(600), Clock::fixed(UnixMillis::new(0)));
        HashingPool::new(HashingScheme::bcrypt(4).unwrap(), limits, Some(cache)).unwrap()
    }

    fn password(text: &str) -> NewPassword {
        NewPassword::new(text)
    }

    async fn is_pending<T>(mut future: impl Future<Output = T> + Unpin) -> bool {
        poll_fn(|context| Poll::Ready(Pin::new(&mut future).poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_hashed_password_is_verified_and_another_is_not() {
        let pool = pool(2, 0);
        let hash = pool.hash(password("right")).await.unwrap();
        let verify = |given| pool.verify(Holder::User("anna"), Some(hash.clone()), password(given));
        assert!(!verify("wrong").await.unwrap());
        assert!(verify("right").await.unwrap());
        assert!(verify("right").await.unwrap());
        assert!(!verify("wrong").await.unwrap());
        let long = pool.hash(password(&"x".repeat(73))).await;
        assert!(matches!(long, Err(Error::Invalid(_))));
    }

    #[tokio::test]
    async fn without_a_usable_hash_no_password_is_right() {
        let pool = pool(1, 0);
        let costly = PasswordHash::recognise("$2a$31$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq");
        for stored in [None, PasswordHash::recognise("{MD5}zz"), costly] {
            assert!(!pool.verify(Holder::Admin("x"), stored, password("password")).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_proved_password_needs_no_worker_and_a_wrong_one_does() {
        let pool = pool(1, 0);
        let hash = pool.hash(password("right")).await.unwrap();
        let verify = |holder, given| pool.verify(holder, Some(hash.clone()), password(given));
        assert!(verify(Holder::User("anna"), "right").await.unwrap());
        let _every_place = pool.slots.places.acquire().await.unwrap();
        assert!(verify(Holder::User("anna"), "right").await.unwrap());
        assert!(matches!(verify(Holder::User("anna"), "wrong").await, Err(Error::Busy { .. })));
        assert!(matches!(verify(Holder::Admin("anna"), "right").await, Err(Error::Busy { .. })));
        assert!(matches!(verify(Holder::User("bert"), "right").await, Err(Error::Busy { .. })));
        let unknown = pool.verify(Holder::User("anna"), None, password("right")).await;
        assert!(matches!(unknown, Err(Error::Busy { .. })), "an unknown name takes a worker as well");
    }

    #[tokio::test]
    async fn a_wrong_password_costs_a_usual_hash_at_least_whatever_is_stored() {
        let pool = pool(1, 0);
        let usual = pool.hash(password("password")).await.unwrap();
        let cheap = |text| PasswordHash::recognise(text);
        let md5 = "{MD5}5f4dcc3b5aa765d61d8327deb882cf99";
        let md5_crypt = "$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.";
        for (stored, wrong, right, right_anew) in [
            (None, 1, 1, 1),
            (cheap("{MD5}broken"), 1, 1, 1),
            (cheap(md5), 2, 1, 2),
            (cheap(md5_crypt), 2, 1, 2),
            (Some(usual), 1, 1, 1),
        ] {
            let computed = || pool.computed.swap(0, Ordering::SeqCst);
            let is_usable = stored.as_ref().is_some_and(|hash| hash.check().is_ok());
            assert!(!pool.verify(Holder::User("a"), stored.clone(), password("wrong")).await.unwrap());
            assert_eq!(computed(), wrong, "{stored:?}");
            let given = password("password");
            assert_eq!(pool.verify_anew(stored.clone(), given.clone()).await.unwrap(), is_usable);
            assert_eq!(computed(), right_anew, "{stored:?}");
            assert_eq!(pool.verify(Holder::User("a"), stored.clone(), given).await.unwrap(), is_usable);
            assert_eq!(computed(), right, "{stored:?}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_no_slot_is_lost() {
        let pool = pool(1, 1);
        let (finish, wait) = mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let at_work = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move || {
                    begun.send(()).unwrap();
                    wait.recv().unwrap();
                })
                .await
            }
        });
        has_begun.await.unwrap();

        let mut waiting = Box::pin(pool.run(|| ()));
        assert!(is_pending(&mut waiting).await);
        assert!(matches!(pool.hash(password("x")).await, Err(Error::Busy { .. })));

        drop(waiting);
        let mut next = Box::pin(pool.hash(password("x")));
        assert!(is_pending(&mut next).await, "the place was given back");

        at_work.abort();
        assert!(at_work.await.unwrap_err().is_cancelled());
        assert!(is_pending(&mut next).await, "the work goes on and keeps its worker");
        finish.send(()).unwrap();
        assert!(next.await.unwrap().verify("x"));
        assert_eq!((pool.slots.places.available_permits(), pool.slots.workers.available_permits()), (2, 1));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_internal_error_and_frees_its_worker() {
        let pool = pool(1, 0);
        let done = pool.run(|| panic!("on purpose")).await;
        assert!(matches!(done, Err::<(), _>(Error::Internal(_))));
        assert_eq!((pool.slots.places.available_permits(), pool.slots.workers.available_permits()), (1, 1));
    }

    #[tokio::test]
    async fn never_more_than_the_workers_are_at_work() {
        let pool = pool(2, 100);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (now, most, pool) = (Arc::clone(&now), Arc::clone(&most), pool.clone());
            let work = move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            };
            all.spawn(async move { pool.run(work).await });
        }
        for done in all.join_all().await {
            assert!(done.is_ok());
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }
}
