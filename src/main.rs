//! The program: arguments, a command, an exit code. Nothing is decided here.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use usersd::cli::{self, Cli};
use usersd::exit::Exit;

/// Faster with many small objects on many threads than the system's, and smaller after them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(Cli::parse(), &mut std::io::stdout().lock()) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            // Nobody is left to tell when standard error is gone; the exit code still says it.
            drop(writeln!(std::io::stderr(), "usersd: {}", failure.report()));
            failure.exit().into()
        }
    }
}
