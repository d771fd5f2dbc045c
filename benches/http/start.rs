//! What a start costs: the size of the binary, the time until the service manager hears that it is ready, the memory
//! it then uses; on an empty store and on the same store again.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::process::{resident_mib, usersd};
use super::{median, say};

/// What one start took: milliseconds, MiB.
struct Start {
    millis: f64,
    mib: f64,
}

/// Starts so often, and says the middle.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn run(runs: usize) {
    let binary = env!("CARGO_BIN_EXE_usersd");
    let size = std::fs::metadata(binary).expect("the binary is built").len();
    say(&format!("binary: {:.1} MiB ({binary})", size as f64 / 1_048_576.0));
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let folder = tempfile::tempdir().expect("a temporary folder");
        first.push(start(folder.path()));
        again.push(start(folder.path()));
    }
    for (what, starts) in [("first start, store and admin are made", &first), ("start on that store", &again)]
    {
        let of = |figure: fn(&Start) -> f64| median(&starts.iter().map(figure).collect::<Vec<_>>());
        let (millis, mib) = (of(|start| start.millis), of(|start| start.mib));
        say(&format!("{what}: ready after {millis:.0} ms, {mib:.1} MiB in use; median of {runs}"));
    }
}

fn start(folder: &Path) -> Start {
    let place = folder.join("notify");
    if place.exists() {
        std::fs::remove_file(&place).expect("the socket is ours");
    }
    let manager = UnixDatagram::bind(&place).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let since = Instant::now();
    let child = usersd(&folder.join("store")).env("NOTIFY_SOCKET", &place).stderr(Stdio::null()).spawn();
    let mut child = child.expect("usersd starts");
    let mut word = [0; 1024];
    let heard = manager.recv(&mut word);
    let millis = since.elapsed().as_secs_f64() * 1000.0;
    let ready = heard.is_ok_and(|length| word[..length].starts_with(b"READY=1"));
    // Memory is given back, or taken, shortly after the start.
    std::thread::sleep(Duration::from_millis(200));
    let mib = if ready { resident_mib(&child) } else { 0.0 };
    end(&mut child);
    assert!(ready, "usersd does not say that it is ready");
    Start { millis, mib }
}

fn end(child: &mut Child) {
    kill_process(Pid::from_child(child), Signal::TERM).expect("usersd is there until it is waited for");
    child.wait().expect("usersd ends");
}
