//! Word to the service manager: started, stopping, alive. Without one (`NOTIFY_SOCKET` absent) every
//! function does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

/// Says that requests are answered from now on, and how things stand.
pub fn ready(status: &str) {
    say(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says how things stand, for `systemctl status`.
pub fn status(status: &str) {
    say(&[NotifyState::Status(status)]);
}

/// Says that the server is going to end.
pub fn stopping() {
    say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// How often [`alive`] has to be called, twice as often as the manager asks; `None` when it does not ask.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|deadline| deadline / 2)
}

/// Says that the server is alive; to be called only after something was seen to work.
pub fn alive() {
    say(&[NotifyState::Watchdog]);
}

fn say(state: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(state) {
        log::warn!("the service manager cannot be told: {why}");
    }
}
