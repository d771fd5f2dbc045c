//! Whether the time of a comparison tells how much of a secret was right (`design/security.md` S12): guesses that are
//! wrong at their beginning against guesses that are wrong at their end, in random order, by Welch's t. No server.

use std::hint::black_box;
use std::time::Instant;

use usersd::domain::password::{HashingScheme, NewPassword};
use usersd::domain::reset_code::Digest;
use usersd::random;

use super::say;

/// From here on the two are told apart.
const LIMIT: f64 = 4.5;

/// Times of one class of guesses: count, mean, sum of squared deviations (Welford).
#[derive(Default)]
struct Times {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Times {
    fn add(&mut self, time: f64) {
        self.count += 1.0;
        let before = time - self.mean;
        self.mean += before / self.count;
        self.squares += before * (time - self.mean);
    }

    fn variance_of_mean(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Compares each so often, and says how far apart the classes are.
pub(crate) fn run(tries: usize) {
    let secret = random::short_id();
    let scheme = HashingScheme::bcrypt(4).expect("a cost that bcrypt knows");
    let hash = scheme.hash(&NewPassword::new(secret.clone())).expect("a hash");
    tell("secret of an API key", tries, |late| {
        let guess = wrong(&secret, late);
        let since = Instant::now();
        assert!(!black_box(hash.verify(&guess)));
        since
    });
    let code = hex::encode(random::bytes::<32>());
    let stored = Digest::try_from(code.clone()).expect("64 digits");
    tell("digest of a code", tries, |late| {
        let guess = Digest::try_from(wrong(&code, late)).expect("64 digits");
        let since = Instant::now();
        // Once is below what a clock can tell.
        for _ in 0..100 {
            assert!(!black_box(black_box(&stored) == black_box(&guess)));
        }
        since
    });
}

/// The text with another character at its end or beginning, of the same alphabet.
fn wrong(text: &str, late: bool) -> String {
    let mut guess = text.to_owned().into_bytes();
    let place = if late { guess.len() - 1 } else { 0 };
    guess[place] = if guess[place] == b'2' { b'3' } else { b'2' };
    String::from_utf8(guess).expect("ASCII")
}

fn tell(what: &str, tries: usize, guess: impl Fn(bool) -> Instant) {
    let (mut early, mut late) = (Times::default(), Times::default());
    for _ in 0..2 * tries {
        let is_late = random::bytes::<1>()[0] & 1 == 1;
        let time = guess(is_late).elapsed().as_secs_f64();
        if is_late { late.add(time) } else { early.add(time) }
    }
    let distance = (late.mean - early.mean) / (late.variance_of_mean() + early.variance_of_mean()).sqrt();
    let verdict = if distance.abs() < LIMIT { "not told apart" } else { "told apart" };
    say(&format!("{what}: t = {distance:.2} over 2 x {tries}, {verdict} (limit {LIMIT})"));
}
