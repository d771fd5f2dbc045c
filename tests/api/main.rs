//! The capabilities of the server, each over real HTTP against a server of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admins;
mod api_keys;
mod bad_input;
mod conditions;
mod connections;
mod defender;
mod description;
mod dump_files;
mod folders;
mod group_effects;
mod groups;
mod harness;
mod history;
mod house;
mod limits;
mod list_filters;
mod moving;
mod openapi;
mod passwords;
mod patch;
mod permissions;
mod problems;
mod proxy_protocol;
mod quotas;
mod round_trip;
mod routes;
mod second_factor;
mod self_service;
mod tokens;
#[expect(dead_code, reason = "the recorded conversations go by the system's clock")]
#[path = "../conformance/totp.rs"]
mod totp;
mod users_add;
mod users_list;
mod users_update;
