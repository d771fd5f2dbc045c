//! A server under load, as a process: started, watched, and gone when the value is.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Text whose hash tokens are signed with.
pub(crate) const SIGNING_KEY: &str = "of-a-benchmark-and-of-nothing-else-0123456789";
/// Name and password of the first admin.
pub(crate) const ADMIN: (&str, &str) = ("admin", "password");

/// Clock ticks of the kernel's accounts in a second (proc(5)); 100 on every Linux of today.
const TICKS: f64 = 100.0;

/// A running server.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts usersd on a store in this folder; its log goes to a file there.
    pub(crate) fn usersd(folder: &Path, name: &str, workers: usize, logs_requests: bool) -> Self {
        let (workers, logs_requests) = (workers.to_string(), logs_requests.to_string());
        let settings = [("USERSD__HTTP__WORKERS", &*workers), ("USERSD__LOG__REQUESTS", &*logs_requests)];
        Self::usersd_with(folder, name, &settings)
    }

    /// The same with further settings; it logs no requests unless they say so.
    pub(crate) fn usersd_with(folder: &Path, name: &str, settings: &[(&str, &str)]) -> Self {
        let log = folder.join(format!("{name}.log"));
        let child = usersd(&folder.join(name))
            .env("USERSD__HTTP__PARALLEL_REQUESTS_PER_ADDRESS", "10000")
            .env("USERSD__LOG__REQUESTS", "false")
            .envs(settings.iter().copied())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("usersd starts");
        // The child is ours to end from here on, also when it says nothing.
        let mut process = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        process.address = wait_for_address(&log);
        process
    }

    /// Starts the bare server, this program in another part, with answers from this folder.
    pub(crate) fn bare(folder: &Path, workers: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program has a file"))
            .arg("bare")
            .arg(folder)
            .arg(workers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bare server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the bare server speaks");
        let address = line.trim().parse().expect("the bare server says where it listens");
        Self { child, address }
    }

    /// Seconds of processor time used so far (proc(5), fields 14 and 15).
    pub(crate) fn processor_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the process runs");
        let (_, fields) = stat.rsplit_once(") ").expect("the command stands in parentheses");
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
        ticks.sum::<f64>() / TICKS
    }

    /// Memory in use, MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        resident_mib(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program with a store of its own and little else.
pub(crate) fn usersd(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usersd"));
    command
        .env_clear()
        .env("USERSD__HTTP__BIND", "127.0.0.1:0")
        // What is measured is the server, from one address.
        .env("USERSD__HTTP__REQUESTS_PER_SECOND_PER_ADDRESS", "0")
        .env("USERSD__STORE__PATH", store)
        .env("USERSD__AUTH__SIGNING_KEY", SIGNING_KEY)
        .env("USERSD_FIRST_ADMIN", ADMIN.0)
        .env("USERSD_FIRST_ADMIN_PASSWORD", ADMIN.1)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Memory a process uses, MiB (proc(5), `VmRSS`).
pub(crate) fn resident_mib(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the process runs");
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<f64>().ok()).expect("the kernel tells") / 1024.0
}

fn wait_for_address(log: &Path) -> SocketAddr {
    let since = Instant::now();
    loop {
        let said = fs::read_to_string(log).expect("the log can be read");
        if let Some((_, rest)) = said.split_once("listening on http://")
            && let Some((address, _)) = rest.split_once(',')
        {
            return address.parse().expect("an address");
        }
        assert!(since.elapsed() < Duration::from_secs(120), "usersd does not listen:\n{said}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
