//! The first admin of an empty store: from the environment, or made with a random password that is
//! shown once.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::domain::password::NewPassword;
use crate::exit::{Exit, Failure};
use crate::random;
use crate::settings::FirstAdmin;
use crate::state::State;

/// The name of the first admin when nobody chose one.
const NAME: &str = "admin";

/// An admin who was just made with a password nobody knows yet.
pub(super) struct Newcomer {
    name: String,
    password: Option<NewPassword>,
}

/// Makes the first admin where there is none.
pub(super) async fn ensure(state: &State, wanted: &FirstAdmin) -> Result<Option<Newcomer>, Failure> {
    let name = wanted.name.clone().unwrap_or_else(|| NAME.to_owned());
    let chosen = wanted.password.as_ref().map(|password| NewPassword::new(password.expose()));
    let password = chosen.clone().unwrap_or_else(|| NewPassword::new(random::short_id()));
    let made = state.admins.create_first(&name, &password).await.map_err(|why| {
        Failure::new(Exit::Usage, format!("the first admin {name:?} cannot be made")).because(why)
    })?;
    let shown = if chosen.is_none() { Some(password) } else { None };
    Ok(made.then_some(Newcomer { name, password: shown }))
}

impl Newcomer {
    /// Says how to sign in for the first time. A password made here goes straight to standard error,
    /// once, and never into the log.
    pub(super) fn announce(self, addresses: &[SocketAddr]) {
        let Self { name, password } = self;
        let place = addresses.first().map_or_else(String::new, |address| format!("http://{address}"));
        log::info!("first admin {name:?} is made; sign in with: curl -u {name} {place}/api/v2/token");
        if let Some(password) = password {
            let line =
                format!("Password of the first admin {name:?}, shown this once: {}", password.expose());
            // Nobody reads it when standard error is closed; `usersd admin reset-password` makes another.
            drop(writeln!(std::io::stderr(), "{line}"));
        }
    }
}
