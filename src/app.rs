//! The server put together: settings → store, services, state → bound sockets → running, until a
//! signal asks for the end. The only reader of the settings tree beside `cli`.

mod assemble;
mod control;
mod defender;
mod first_admin;
mod listening;
mod mail;
mod maintenance;
mod moving;
mod proxy_header;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::control::Control;
pub use self::defender::{lift, list_suspects};
pub use self::mail::send_test_mail;
pub use self::maintenance::{back_up, check_store, restore};
pub use self::moving::{
    Atomic, ExportRequest, ImportFormat, ImportProgress, ImportRequest, Imported, export, import,
};
use crate::clock::Clock;
use crate::domain::password::NewPassword;
use crate::exit::{Exit, Failure};
use crate::settings::{SecretText, Settings};
use crate::state::State;
use crate::systemd;

/// How often tokens and reset codes that are over by themselves are forgotten.
const CLEAN_UP_EVERY: Duration = Duration::from_secs(600);
/// How often failed sign-ins are written down; bans are at once.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// A server that is bound to its addresses and ready to run.
pub struct App {
    server: Server,
    addresses: Vec<SocketAddr>,
    state: State,
    signals: Signals,
    control: Option<Control>,
}

impl App {
    /// Opens the store, makes the first admin where there is none, and binds the sockets.
    ///
    /// # Errors
    /// With the exit code for what stands in the way: store, settings or address.
    pub async fn build(settings: Settings, clock: Clock) -> Result<Self, Failure> {
        let state = assemble::state(&settings, clock)?;
        log::info!("usersd {}", env!("CARGO_PKG_VERSION"));
        log::info!("store at {}, {} users", settings.store.path.display(), state.users.count());
        let signals = Signals::listen()?;
        // Before the first admin is made: a password that is shown once must not be lost with an address.
        let (server, addresses) = listening::bind(&settings, &state)?;
        let control = Control::listen(&settings);
        let newcomer = first_admin::ensure(&state, &settings.first_admin).await?;
        for address in &addresses {
            log::info!("listening on http://{address}, API below /api/v2, its description at /openapi/");
        }
        if let Some(newcomer) = newcomer {
            newcomer.announce(&addresses);
        }
        Ok(Self { server, addresses, state, signals, control })
    }

    /// The port of the first address.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// What handlers reach; tests look into it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// A handle that ends [`App::run`] from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Answers requests until the handle or a signal asks for the end; then those under way are
    /// answered, and the store is synced and closed.
    ///
    /// # Errors
    /// When the sockets fail or the store cannot be closed in order.
    pub async fn run(self) -> Result<(), Failure> {
        let status = format!("serving {} users on {}", self.state.users.count(), listed(&self.addresses));
        systemd::ready(&status);
        let mut tasks = vec![
            actix_web::rt::spawn(self.signals.stop(self.server.handle())),
            actix_web::rt::spawn(clean_up(self.state.clone())),
            actix_web::rt::spawn(save_failures(self.state.clone())),
            actix_web::rt::spawn(watchdog(self.state.clone())),
        ];
        if let Some(control) = self.control {
            let answering = control.serve(self.state.store.clone(), self.state.clock.clone());
            tasks.push(actix_web::rt::spawn(answering));
        }
        let mails = self.state.reset_codes.mails().cloned();
        let mailing = mails.clone().map(|mails| actix_web::rt::spawn(mails.run()));
        let served = self.server.await;
        for task in tasks {
            task.abort();
            // Cancelled is how it ends; what it held of the store must be gone before the store closes.
            drop(task.await);
        }
        systemd::stopping();
        if let (Some(mails), Some(mailing)) = (mails, mailing) {
            mails.stop();
            if let Err(why) = mailing.await {
                log::error!("the mails did not end in order: {why}");
            }
        }
        if let Err(why) = self.state.defender.save().await {
            log::warn!("the last failed sign-ins were not written: {why}");
        }
        self.state
            .store
            .close()
            .map_err(|why| Failure::new(Exit::Failed, "the store was not closed in order").because(why))?;
        log::info!("stopped");
        served.map_err(|why| Failure::new(Exit::Failed, "the server failed").because(why))
    }
}

/// Serves until a signal comes.
///
/// # Errors
/// As [`App::build`] and [`App::run`].
pub fn serve(settings: Settings) -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async { App::build(settings, Clock::System).await?.run().await })
}

/// Gives an admin another password on the store itself, while no server has it.
///
/// # Errors
/// When the store is in use or refused, there is no such admin, or the password is too weak.
pub fn reset_admin_password(settings: &Settings, name: &str, password: &SecretText) -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async {
        let state = assemble::state(&assemble::of_what_is_there(settings), Clock::System)?;
        let name = state.admins.name(name);
        let reset = state.admins.reset_password(&name, NewPassword::new(password.expose())).await;
        state
            .store
            .close()
            .map_err(|why| Failure::new(Exit::Failed, "the store was not closed in order").because(why))?;
        reset.map_err(|why| {
            Failure::new(Exit::Failed, format!("the password of {:?} was not changed", name.as_str()))
                .because(why)
        })
    })
}

/// The hash of an API key's secret, in the form that stands in the settings file.
///
/// # Errors
/// When `[hashing]` asks for what this machine cannot do.
pub fn hash_api_key_secret(settings: &Settings, secret: &SecretText) -> Result<String, Failure> {
    let failed =
        |why: crate::error::Error| Failure::new(Exit::Failed, "the key cannot be hashed").because(why);
    let scheme = assemble::hashing_scheme(&settings.hashing).map_err(|why| failed(why.into()))?;
    let hash = scheme.hash(&NewPassword::new(secret.expose())).map_err(failed)?;
    Ok(hash.expose().to_owned())
}

/// The signals that end the server. Listened for before it says that it listens: one that comes right
/// after that line must find us ready.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|why| Failure::new(Exit::Failed, "signals cannot be received").because(why))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Ends the server in order when one comes.
    async fn stop(mut self, server: ServerHandle) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        log::info!("{name}: stopping");
        systemd::stopping();
        server.stop(true).await;
    }
}

async fn clean_up(state: State) {
    let mut tick = tokio::time::interval(CLEAN_UP_EVERY);
    loop {
        tick.tick().await;
        if let Err(why) = state.revocations.clean_up().await {
            log::warn!("dead tokens were not forgotten: {why}");
        }
        if let Err(why) = state.reset_codes.clean_up().await {
            log::warn!("requests for reset codes were not forgotten: {why}");
        }
        state.defender.clean_up();
    }
}

async fn save_failures(state: State) {
    let mut tick = tokio::time::interval(SAVE_EVERY);
    loop {
        tick.tick().await;
        if let Err(why) = state.defender.save().await {
            log::warn!("failed sign-ins were not written: {why}");
        }
    }
}

/// Tells the service manager that the server is alive, as long as the store takes writes or a new start would
/// not make it take any: users are read from a full disk as well.
async fn watchdog(state: State) {
    let Some(interval) = systemd::watchdog_interval() else { return };
    let mut tick = tokio::time::interval(interval);
    loop {
        tick.tick().await;
        match state.store.probe().await {
            Ok(()) => systemd::alive(),
            Err(why) => {
                log::error!("the store failed its probe: {why}");
                if state.store.health().is_full {
                    systemd::alive();
                }
            }
        }
    }
}

fn listed(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
