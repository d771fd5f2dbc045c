//! Whether the time of an answer tells who has an account: requests for reset codes, half of them for users, half
//! for names that nobody has, while the mail server does well, is slow, is not there.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::process::{ADMIN, Process};
use super::{mail, median, say, users};

/// What a slow mail server takes for a mail.
const SLOW: Duration = Duration::from_millis(300);
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(10);
/// The most by which the times may differ.
const TARGET: f64 = 0.05;

/// Measures the three and says the ratios; so many tries for each half.
pub(crate) fn run(tries: usize) {
    say(&format!(
        "POST forgot-password, {tries} pairs of requests; middle of the milliseconds, middle and mean of the ratio of a \
         user to a name that nobody has"
    ));
    say(&format!(
        "{:<14} {:>9} {:>9} {:>7} {:>9} {:>14}",
        "mail server", "user", "nobody", "ratio", "means", "target"
    ));
    for (state, port) in
        [("well", mail::serve(Duration::ZERO)), ("slow", mail::serve(SLOW)), ("stopped", mail::nowhere())]
    {
        say(&measure(state, port, tries));
    }
}

fn measure(state: &str, port: u16, tries: usize) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let much = "1000000";
    let server = Process::usersd_with(
        folder.path(),
        state,
        &[
            ("USERSD__SMTP__HOST", "127.0.0.1"),
            ("USERSD__SMTP__PORT", &port.to_string()),
            ("USERSD__SMTP__FROM", "usersd@example.com"),
            ("USERSD__SMTP__ENCRYPTION", "none"),
            ("USERSD__RESET_CODES__MAILS_PER_HOUR", much),
            ("USERSD__RESET_CODES__REQUESTS_PER_HOUR", much),
            ("USERSD__LOG__FILTER", "info,usersd::service=error"),
        ],
    );
    users::fill(&Client::new(server.address).signed_in(ADMIN.0, ADMIN.1), tries);
    let mut stranger = Client::new(server.address);
    let mut time_of = |name: &str| {
        // What is left to do for the request before is mostly done by then.
        std::thread::sleep(PAUSE);
        let begun = Instant::now();
        stranger.post(&format!("/api/v2/users/{name}/forgot-password"), &json!({})).expect(200);
        begun.elapsed().as_secs_f64() * 1000.0
    };
    // The first ones open the connection and fill caches.
    for number in 0..20 {
        time_of(&users::name(number));
        time_of(&nobody(number));
    }
    let (mut known, mut unknown, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut user_first = coin();
    for number in 0..tries {
        let (user, nobody) = if user_first() {
            let user = time_of(&users::name(number));
            (user, time_of(&nobody(number)))
        } else {
            let nobody = time_of(&nobody(number));
            (time_of(&users::name(number)), nobody)
        };
        known.push(user);
        unknown.push(nobody);
        ratios.push(user / nobody);
    }
    let ratio = median(&ratios);
    let verdict = if (ratio - 1.0).abs() < TARGET { "held" } else { "missed" };
    format!(
        "{state:<14} {:>9.3} {:>9.3} {ratio:>7.3} {:>9.3} {:>14}",
        median(&known),
        median(&unknown),
        mean(&known) / mean(&unknown),
        format!("±{TARGET} {verdict}")
    )
}

/// A name as long as a user's that is nobody's.
fn nobody(number: usize) -> String {
    let name = users::name(number);
    format!("z{}", &name[1..])
}

/// Says yes or no without a pattern, the same each time (a linear congruential generator): what is left to do for the
/// request before falls on users and others alike.
fn coin() -> impl FnMut() -> bool {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 63 == 1
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}
