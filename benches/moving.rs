//! Moving in and out: `cargo bench --bench moving`. A dump of many users, hashes given, goes into an empty store
//! and out again; what is printed is users per second and the most memory the process ever had.
//! `USERSD_BENCH_USERS` says how many users; with `USERSD_BENCH_FULL=1` each has keys, networks, patterns and a
//! description, 2.5 kB in all.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark reports to whoever runs it"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use usersd::app::{self, Atomic, ExportRequest, ImportFormat, ImportProgress, ImportRequest};
use usersd::service::moving::Mode;
use usersd::settings::Settings;

/// Users, unless the variable says otherwise.
const USERS: usize = 100_000;

/// What a process of its own does, so that the memory it takes is its own too.
const PHASE: &str = "USERSD_BENCH_PHASE";
/// Where it does it.
const FOLDER: &str = "USERSD_BENCH_FOLDER";

fn main() {
    match (from_outside(PHASE), from_outside(FOLDER)) {
        (Some(phase), Some(folder)) => run(&phase, Path::new(&folder)),
        _ => all(),
    }
}

fn all() {
    let users = users();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dump = folder.path().join("dump.json");
    write_dump(&dump, users);
    let bytes = dump.metadata().expect("the dump is there").len();
    println!("a dump of {users} users, {} MiB", bytes >> 20);
    for phase in ["import", "import, all or nothing", "export, start included"] {
        let this = std::env::current_exe().expect("the bench knows itself");
        let ended = Command::new(this).env(PHASE, phase).env(FOLDER, folder.path()).status();
        assert!(ended.is_ok_and(|status| status.success()), "{phase} failed");
    }
}

fn run(phase: &str, folder: &Path) {
    let (dump, again) = (folder.join("dump.json"), folder.join("again.json"));
    let mut settings = Settings::default();
    settings.store.reserve_mib = 0;
    settings.store.path = folder.join(if phase == "import" { "store" } else { "other-store" });
    let took = time(|| match phase {
        "import" => import(&settings, &dump, Atomic::No),
        "import, all or nothing" => import(&settings, &dump, Atomic::Yes),
        _ => {
            let request = ExportRequest { file: again, scopes: None, indent: false };
            app::export(&settings, &request, &mut std::io::sink())
                .unwrap_or_else(|why| panic!("{}", why.report()));
        }
    });
    report(phase, users(), took);
}

fn users() -> usize {
    from_outside("USERSD_BENCH_USERS").map_or(USERS, |text| text.parse().expect("a number"))
}

#[expect(clippy::disallowed_methods, reason = "the size of the benchmark is set from outside")]
fn from_outside(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What makes a user a full one.
fn fill(user: &mut Value, number: usize) {
    let key = |at: usize| {
        // An Ed25519 key of the form that is stored: its 32 bytes are these numbers.
        let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        blob.extend(Sha256::digest(format!("{number}/{at}")));
        format!("ssh-ed25519 {} someone@example.com", STANDARD.encode(blob))
    };
    user["public_keys"] = (0..4).map(key).collect();
    user["description"] = format!("somebody who moves, number {number}. ").repeat(20).into();
    user["additional_info"] = "told by whoever made the user ".repeat(15).into();
    user["filters"]["allowed_ip"] =
        (0..12).map(|net| json!(format!("10.{net}.{}.0/24", number % 256))).collect();
    user["filters"]["file_patterns"] = json!([{"path": "/in", "allowed_patterns": ["*.jpg", "*.png"]}, {"path": "/out", "denied_patterns": ["*.zip"]}]);
}

fn write_dump(path: &Path, users: usize) {
    let mut out = BufWriter::new(File::create(path).expect("a file"));
    let hash = "$2a$10$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq";
    let is_full = from_outside("USERSD_BENCH_FULL").is_some();
    out.write_all(b"{\"users\":[").expect("it is written");
    for number in 0..users {
        let name = format!("user-{number:08}");
        let mut user = json!({
            "username": name, "status": 1, "password": hash, "email": format!("{name}@example.com"),
            "home_dir": format!("/srv/sftp/{name}"), "permissions": {"/": ["*"], "/in": ["upload", "list"]},
            "created_at": 1_700_000_000_000_i64, "last_login": 1_700_000_000_000_i64, "uid": number,
            "description": "somebody who moves", "filters": {"denied_protocols": ["FTP"]},
        });
        if is_full {
            fill(&mut user, number);
        }
        let separator = if number == 0 { "" } else { ",\n" };
        write!(out, "{separator}{user}").expect("it is written");
    }
    out.write_all(b"],\"version\":16}").and_then(|()| out.flush()).expect("it is written");
}

fn import(settings: &Settings, dump: &Path, atomic: Atomic) {
    let request = ImportRequest {
        file: dump.to_owned(),
        format: ImportFormat::Dump,
        shadow: None,
        mode: Mode::Replace,
        check: false,
        atomic,
        master_key_file: None,
        keep_sealed: false,
    };
    let quiet: ImportProgress = Arc::new(|_, _, _| ());
    let imported = app::import(settings, &request, &quiet).unwrap_or_else(|why| panic!("{}", why.report()));
    assert!(imported.report.problems.is_empty());
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn report(what: &str, users: usize, took: Duration) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    let rate = users as f64 / took.as_secs_f64();
    println!("{what}: {rate:.0} users/s ({:.2} s), memory at most {peak}", took.as_secs_f64());
}
