//! Users as they are in real life, made over HTTP by many clients at once, their passwords hashed already.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::client::Client;

/// Clients that load at once: enough for full groups of writes.
const CLIENTS: usize = 64;

/// The name of a user; their order is not that of their making.
pub(crate) fn name(number: usize) -> String {
    const FIRST: [&str; 8] = ["ada", "grace", "edsger", "barbara", "donald", "frances", "niklaus", "radia"];
    format!("{}.{:05x}", FIRST[number % FIRST.len()], number.wrapping_mul(0x9e37) & 0xf_ffff)
}

/// What a client sends to make him.
pub(crate) fn draft(number: usize) -> Value {
    let name = name(number);
    json!({
        "username": name,
        "status": 1,
        "email": format!("{name}@customers.example.com"),
        "password": "$2a$10$gAiD/qQeKs9iY3Ebzu8vL.6oqS4P7vJ7Hkq5n1ZzWqVQ8yJmX4zTu",
        "description": format!("Customer {number}, deliveries of {} each night", number % 17),
        "home_dir": format!("/srv/sftp/{name}"),
        "uid": 10_000 + number,
        "gid": 10_000,
        "quota_size": 10_737_418_240_u64,
        "max_sessions": 4,
        "expiration_date": 4_102_444_800_000_i64,
        "public_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBMZixoSEwHsxT94ahYG9+U4P9z7ezjI9iPKWvQOaefG key"],
        "permissions": {"/": ["list", "download"], "/in": ["list", "upload", "overwrite"], "/out": ["*"]},
        "filters": {
            "allowed_ip": [format!("10.{}.{}.0/24", number / 256 % 256, number % 256)],
            "denied_protocols": ["FTP", "DAV"],
            "file_patterns": [{"path": "/in", "allowed_patterns": ["*.csv", "*.xml", "*.zip"]}],
        },
    })
}

/// Makes so many users; says how fast that was.
pub(crate) fn fill(admin: &Client, users: usize) -> String {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..CLIENTS {
            threads.spawn(|| {
                let mut admin = admin.clone();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= users {
                        return;
                    }
                    admin.post("/api/v2/users", &draft(number)).expect(201);
                }
            });
        }
    });
    let took = start.elapsed();
    format!("{users} users made in {took:.1?} by {CLIENTS} clients, each durable before its answer")
}
