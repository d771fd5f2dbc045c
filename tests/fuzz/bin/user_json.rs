//! Feeds `user_json` with what libFuzzer thinks up.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usersd_fuzz::user_json(bytes));
