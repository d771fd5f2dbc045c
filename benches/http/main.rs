//! The server against a bare handler on the same framework, as ratios taken in one run: both are processes of
//! their own, get the same load in turns, and answer with the same bytes. Absolute figures say more of the machine.
//!
//! `cargo bench --bench http` compares (about a minute), `cargo bench --bench http -- start` measures the start,
//! `-- forgot` the times of requests for reset codes, `-- guesses` whether time tells which names exist,
//! `-- comparison` whether it tells how much of a secret was right, `-- storm` reading while many sign in;
//! `cargo bench --bench http -- fill --base …` loads users into a running server, to try it out by hand.

mod bare;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/program/client.rs"]
mod client;
mod compare;
mod comparison;
mod forgot;
mod guesses;
mod load;
mod mail;
mod process;
mod start;
mod storm;
mod users;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures the server over real sockets of the loopback")]
struct Arguments {
    #[command(flatten)]
    compare: Compare,
    /// Given by cargo.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What the comparison takes.
#[derive(Args)]
struct Compare {
    /// Users in the store
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Seconds of one turn of one server
    #[arg(long, default_value_t = 0.8)]
    seconds: f64,
    /// Turns of each server for each figure
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections that ask at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Threads of each server
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Only the figures whose name holds this text
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Subcommand)]
enum Command {
    /// Measure binary, memory and time of a start
    Start {
        /// Starts of each kind
        #[arg(long, default_value_t = 9)]
        runs: usize,
    },
    /// Ask whether the time of a comparison tells how much of a secret was right
    Comparison {
        /// Guesses of each kind
        #[arg(long, default_value_t = 10_000)]
        tries: usize,
    },
    /// Ask whether time tells which names exist
    Guesses {
        /// Tries with each name
        #[arg(long, default_value_t = 500)]
        tries: usize,
    },
    /// Measure whether the time of a request for a reset code tells who has an account
    Forgot {
        /// Requests for users, and as many for names that nobody has
        #[arg(long, default_value_t = 500)]
        tries: usize,
    },
    /// Measure reading while many sign in
    Storm {
        /// Clients that sign in
        #[arg(long, default_value_t = 64)]
        clients: usize,
        /// Seconds for each of the two figures
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// Load users into a running server
    Fill {
        /// Where it listens
        #[arg(long, default_value = "127.0.0.1:8080")]
        base: SocketAddr,
        /// Name of an admin
        #[arg(long, default_value = "admin")]
        admin: String,
        /// His password
        #[arg(long, default_value = "password")]
        password: String,
        /// How many users
        #[arg(long, default_value_t = 10_000)]
        users: usize,
    },
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
        None => compare::run(&arguments.compare),
        Some(Command::Start { runs }) => start::run(runs),
        Some(Command::Comparison { tries }) => comparison::run(tries),
        Some(Command::Guesses { tries }) => guesses::run(tries),
        Some(Command::Forgot { tries }) => forgot::run(tries),
        Some(Command::Storm { clients, seconds }) => storm::run(clients, seconds),
        Some(Command::Fill { base, admin, password, users }) => {
            let admin = client::Client::new(base).signed_in(&admin, &password);
            say(&users::fill(&admin, users));
        }
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
