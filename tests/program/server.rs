//! A running server: where it listens, what it writes, how it ends. Whatever happens to the test, the process
//! is gone when the value is.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{ADMIN, Client};

/// How long anything may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a server has written so far, line by line.
#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Lines>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a line that holds this text.
    fn wait_for(&self, text: &str) -> Option<String> {
        let found = |lines: &Lines| lines.lines.iter().find(|line| line.contains(text)).cloned();
        let missing = |lines: &mut Lines| found(lines).is_none() && !lines.ended;
        let waited = self.grown.wait_timeout_while(self.lines(), PATIENCE, missing);
        let (lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&lines)
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
    address: SocketAddr,
}

impl Server {
    /// Starts the program and waits until it says where it listens.
    pub(super) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let log = Arc::new(Log::default());
        let reader = Some(std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                    log.lines().lines.push(String::from_utf8_lossy(&line).into_owned());
                    log.grown.notify_all();
                }
                log.lines().ended = true;
                log.grown.notify_all();
            }
        }));
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, log, reader, address: nowhere };
        server.address = server.wait_for_address();
        server
    }

    fn wait_for_address(&self) -> SocketAddr {
        let line = self.wait_for("listening on http://");
        let rest = line.split_once("listening on http://").map_or("", |(_, rest)| rest);
        let address = rest.split([',', ' ', '/']).next().unwrap_or_default();
        address.parse().unwrap_or_else(|why| panic!("{why}: {line:?}"))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody without any proof.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.address)
    }

    /// The first admin, signed in.
    pub(crate) fn admin(&self) -> Client {
        self.anonymous().signed_in(ADMIN.0, ADMIN.1)
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.lines().lines.join("\n")
    }

    /// Waits for a line that holds this text; fails the test when none comes.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.log.wait_for(text).unwrap_or_else(|| panic!("the server never said {text:?}:\n{}", self.log()))
    }

    /// The most memory it ever used, MiB (proc(5), `VmHWM`).
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("the kernel tells") / 1024
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// Waits for the end of the process; gives its status and all it has written.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        self.finish_log();
        (status, self.log())
    }

    /// Ends the server in order, which must succeed; gives all it has written.
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (status, log) = self.ended();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }

    /// Ends the server at once, without a chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        wait(&mut self.child);
    }

    fn finish_log(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log can be read");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for the end of a process; one that does not end is killed and fails the test.
pub(super) fn wait(child: &mut Child) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process can be waited for") {
            return status;
        }
        if since.elapsed() > PATIENCE {
            drop(child.kill());
            drop(child.wait());
            panic!("the process did not end within {PATIENCE:?}");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
