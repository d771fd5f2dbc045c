//! Moving in and out: `cargo bench --bench moving`. A dump of many users, hashes given, goes into an empty store
//! and out again; what is printed is users per second and the most memory the process ever had.
//! `USERSD_BENCH_USERS` says how many users.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark reports to whoever runs it"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use usersd::app::{self, Atomic, ExportRequest, ImportFormat, ImportProgress, ImportRequest};
use usersd::service::moving::Mode;
use usersd::settings::Settings;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Users, unless the variable says otherwise.
const USERS: usize = 100_000;

fn main() {
    let users = users();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dump = folder.path().join("dump.json");
    write_dump(&dump, users);
    let bytes = dump.metadata().expect("the dump is there").len();
    println!("a dump of {users} users, {} MiB", bytes >> 20);
    for (what, atomic) in [("import", Atomic::No), ("import, all or nothing", Atomic::Yes)] {
        let mut settings = Settings::default();
        settings.store.path = folder.path().join(format!("store-{}", u8::from(atomic == Atomic::Yes)));
        settings.store.reserve_mib = 0;
        let took = time(|| import(&settings, &dump, atomic));
        report(what, users, took);
        if atomic == Atomic::Yes {
            let request =
                ExportRequest { file: folder.path().join("again.json"), scopes: None, indent: false };
            let took = time(|| {
                app::export(&settings, &request, &mut std::io::sink())
                    .unwrap_or_else(|why| panic!("{}", why.report()));
            });
            report("export, start included", users, took);
        }
    }
}

fn users() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the size of the benchmark is set from outside")]
    std::env::var("USERSD_BENCH_USERS").map_or(USERS, |text| text.parse().expect("a number"))
}

fn write_dump(path: &Path, users: usize) {
    let mut out = BufWriter::new(File::create(path).expect("a file"));
    let hash = "$2a$10$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq";
    out.write_all(b"{\"users\":[").expect("it is written");
    for number in 0..users {
        let name = format!("user-{number:08}");
        let user = json!({
            "username": name, "status": 1, "password": hash, "email": format!("{name}@example.com"),
            "home_dir": format!("/srv/sftp/{name}"), "permissions": {"/": ["*"], "/in": ["upload", "list"]},
            "created_at": 1_700_000_000_000_i64, "last_login": 1_700_000_000_000_i64, "uid": number,
            "description": "somebody who moves", "filters": {"denied_protocols": ["FTP"]},
        });
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
