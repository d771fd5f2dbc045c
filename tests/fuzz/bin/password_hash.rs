//! Feeds `password_hash` with what libFuzzer thinks up.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usersd_fuzz::password_hash(bytes));
