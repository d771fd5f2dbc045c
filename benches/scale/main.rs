//! The server with as many users as it is made for, as one table of ratios with what is aimed at beside them: durable
//! writes against a bare append and sync on the same disk, deep pages against the first, users against a bare
//! handler, reads under writers against reads alone, starts after a kill, memory.
//!
//! `cargo bench --bench scale -- --users 1000000`; the store is filled through the library, 1,000 users a batch.

#[path = "../http/bare.rs"]
mod bare;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/program/client.rs"]
mod client;
mod disk;
mod figures;
mod fill;
#[path = "../http/load.rs"]
mod load;
#[expect(dead_code, reason = "the comparison uses the rest")]
#[path = "../http/process.rs"]
mod process;
#[expect(dead_code, reason = "the comparison fills over HTTP")]
#[path = "../http/users.rs"]
mod users;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures the server with many users")]
struct Arguments {
    #[command(flatten)]
    scale: Scale,
    /// Given by cargo.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is measured, and how long.
#[derive(clap::Args)]
struct Scale {
    /// Users in the store
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    /// Seconds of each turn
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Turns of each side of a ratio
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of each server
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Folder on the disk under test
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Be the bare server
    #[command(hide = true)]
    Bare {
        /// Where its answers are
        folder: PathBuf,
        /// Threads
        workers: usize,
    },
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.command {
        None => figures::run(&arguments.scale),
        Some(Command::Bare { folder, workers }) => bare::serve(&folder, workers),
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn say(line: &str) {
    println!("{line}");
}

/// The middle of some figures; 0 of none.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
