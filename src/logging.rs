//! Where log records go: standard error, one line each whatever the message holds, with the time, or,
//! when the journal reads, with its priority mark instead.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use env_logger::{Builder, Target, WriteStyle};
use log::{Level, LevelFilter, Record};

use crate::exit::{Exit, Failure};
use crate::settings::LogSettings;

/// The target of the records about requests, one for each; `[log] requests` switches it.
pub const REQUESTS: &str = "usersd::requests";

/// The target of the records about who changed, learned or tried what; `[log] audit` switches it.
pub const AUDIT: &str = "usersd::audit";

/// Starts logging for the whole process. `journal` is the device and inode of the journal's stream.
///
/// # Errors
/// When logging was started before.
pub fn start(settings: &LogSettings, journal: Option<(u64, u64)>) -> Result<(), Failure> {
    let mut builder = Builder::new();
    builder.parse_filters(&settings.filter).target(Target::Stderr);
    if !settings.requests {
        builder.filter_module(REQUESTS, LevelFilter::Off);
    }
    if !settings.audit {
        builder.filter_module(AUDIT, LevelFilter::Off);
    }
    if journal.is_some() && journal == stderr_identity() {
        builder.write_style(WriteStyle::Never);
        builder.format(|out, record| out.write_all(journal_line(record).as_bytes()));
    } else {
        builder.format(|out, record| {
            let (time, level) = (out.timestamp_millis(), record.level());
            let style = out.default_level_style(level);
            writeln!(out, "{time} {style}{level:5}{style:#} {}", text(record))
        });
    }
    builder.try_init().map_err(|why| Failure::new(Exit::Failed, "cannot start logging").because(why))
}

/// Device and inode of standard error, by which the journal's stream is recognised (systemd.exec(5)).
fn stderr_identity() -> Option<(u64, u64)> {
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().ok()?;
    let file = std::fs::File::from(stderr).metadata().ok()?;
    Some((file.dev(), file.ino()))
}

/// A line as the journal takes it: priority in front (sd-daemon(3)), no time, no colour.
fn journal_line(record: &Record<'_>) -> String {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    format!("<{priority}>{}\n", text(record))
}

fn text(record: &Record<'_>) -> String {
    format!("{}: {}", record.target(), one_line(&record.args().to_string()))
}

/// The message without control characters: nothing that a client sent can begin a line of its own.
fn one_line(message: &str) -> Cow<'_, str> {
    let harmful = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    if !message.contains(harmful) {
        return Cow::Borrowed(message);
    }
    let mut line = String::with_capacity(message.len() + 8);
    for character in message.chars() {
        if harmful(character) {
            write!(line, "{}", character.escape_default()).expect("a String takes whatever is written");
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        for (message, line) in [
            ("plain, äöü", "plain, äöü"),
            ("a\nb", "a\\nb"),
            ("a\r\n<0>forged", "a\\r\\n<0>forged"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(one_line(message), line);
        }
    }

    #[test]
    fn the_journal_gets_a_priority_and_no_time() {
        let record = |level, message| {
            journal_line(&Record::builder().level(level).target("usersd::store").args(message).build())
        };
        assert_eq!(record(Level::Error, format_args!("disk\nfull")), "<3>usersd::store: disk\\nfull\n");
        assert_eq!(record(Level::Info, format_args!("open")), "<6>usersd::store: open\n");
    }
}
