//! What the disk can do at best: append the bytes of a user and sync, one after the other.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of a user's record.
const BYTES: usize = 1200;

/// Appends and syncs a second for about so long, in this folder.
pub(crate) fn appends_a_second(folder: &Path, length: Duration) -> f64 {
    let path = folder.join("appended");
    let mut file = File::create(&path).expect("a file on the disk under test");
    let block = [b'x'; BYTES];
    let start = Instant::now();
    let mut times = 0.0;
    while start.elapsed() < length {
        file.write_all(&block).and_then(|()| file.sync_data()).expect("it is written");
        times += 1.0;
    }
    let rate = times / start.elapsed().as_secs_f64();
    fs::remove_file(path).expect("it is ours");
    rate
}
