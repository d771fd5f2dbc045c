//! Who failed too often, shown and let off on the store itself, while no server has it.

use std::fmt::Write as _;

use super::assemble;
use crate::clock::Clock;
use crate::domain::watched::Subject;
use crate::error::Error;
use crate::exit::{Exit, Failure};
use crate::service::defender::{Defender, Suspect};
use crate::settings::Settings;

/// Everybody with failures, bans or locks, one on a line.
///
/// # Errors
/// When the store is in use or refused.
pub fn list_suspects(settings: &Settings) -> Result<String, Failure> {
    with_defender(settings, async |defender| {
        let mut text = String::new();
        for suspect in defender.suspects() {
            writeln!(text, "{}", line(&suspect)).expect("a String takes whatever is written");
        }
        Ok(text)
    })
}

/// Lets an address or account off; says whom.
///
/// # Errors
/// When the store is in use or refused, or there is nothing to let off.
pub fn lift(settings: &Settings, whom: &str) -> Result<String, Failure> {
    with_defender(settings, async |defender| {
        let mut text = String::new();
        for subject in Subject::meant_by(whom) {
            match defender.lift(&subject).await {
                Ok(()) => {
                    writeln!(text, "{:?} is let off.", subject.as_str())
                        .expect("a String takes whatever is written");
                }
                Err(Error::NotFound) => {}
                Err(why) => {
                    return Err(Failure::new(Exit::Failed, format!("{whom:?} was not let off")).because(why));
                }
            }
        }
        if text.is_empty() {
            return Err(Failure::new(Exit::Failed, format!("{whom:?} has no failures that count")));
        }
        Ok(text)
    })
}

fn with_defender(
    settings: &Settings,
    work: impl AsyncFnOnce(&Defender) -> Result<String, Failure>,
) -> Result<String, Failure> {
    actix_web::rt::System::new().block_on(async {
        let state = assemble::state(&assemble::of_what_is_there(settings), Clock::System);
        let state = state.map_err(|why| {
            let elsewhere = "a running server shows and lifts at /api/v2/defender/hosts and /accounts";
            let in_use = || Failure::new(Exit::StoreInUse, format!("{why}; {elsewhere}"));
            if why.exit() == Exit::StoreInUse { in_use() } else { why }
        })?;
        let done = work(&state.defender).await;
        state
            .store
            .close()
            .map_err(|why| Failure::new(Exit::Failed, "the store was not closed in order").because(why))?;
        done
    })
}

/// `address/192.0.2.7  3 failures`; what a terminal would obey is escaped.
fn line(suspect: &Suspect) -> String {
    let mut words = vec![suspect.subject.as_str().escape_debug().to_string()];
    if suspect.failures > 0 {
        words.push(format!("{} failures", suspect.failures));
    }
    if let Some(until) = suspect.banned_until {
        let until = jiff::Timestamp::from_millisecond(until.get());
        words.push(until.map_or_else(|_| "banned".to_owned(), |until| format!("banned until {until:.0}")));
    }
    if suspect.is_locked {
        words.push("locked".to_owned());
    }
    words.join("  ")
}
