//! The seeds of the fuzz targets, run through the very same functions, without libFuzzer. An input that
//! once broke a promise becomes a seed and is held to it from then on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[expect(unreachable_pub, reason = "it is a library for the binaries of the fuzz targets")]
#[path = "../fuzz/targets.rs"]
mod targets;

/// The names in a folder beside the targets, without their endings.
fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder of the fuzz targets");
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries.filter_map(|entry| stem(&entry.expect("a readable entry").path())).collect()
}

#[test]
fn every_target_has_a_binary_and_seeds_and_nothing_else_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let targets: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names_in(&folder.join("bin")), targets);
    assert_eq!(names_in(&folder.join("seeds")), targets);
}

#[test]
fn every_seed_keeps_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    for (name, target) in targets::ALL {
        let mut seeds = 0;
        for entry in fs::read_dir(folder.join(name)).expect("a folder of seeds") {
            let path = entry.expect("a readable entry").path();
            let bytes = fs::read(&path).expect("a readable seed");
            // What a target says when it panics does not tell which seed it was.
            let kept = std::panic::catch_unwind(|| target(&bytes));
            assert!(kept.is_ok(), "{} breaks a promise", path.display());
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}
