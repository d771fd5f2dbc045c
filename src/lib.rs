//! usersd keeps the users of file transfer services and serves them over REST: one binary with an
//! embedded, durable store.
//!
//! A request falls through the house from top to bottom, and its answer rises the same way:
//!
//! ```text
//! main → cli → app → routes → api → auth → state → service → store, mail, clock → domain → error
//! ```
//!
//! | room | what is decided there |
//! |---|---|
//! | [`routes`] | the one table: method, path, what a route asks of its caller, handler |
//! | [`api`] | HTTP in, HTTP out; no rule of the product |
//! | [`auth`] | who is calling and what he may do |
//! | [`service`] | what the product decides: rules that need the store, the clock, the hashing pool |
//! | [`store`] | sled and nothing but sled: durable writes, pages at any depth, caches |
//! | [`domain`] | values that are right by construction |
//! | [`wire`], [`error`] | how JSON is written; what can go wrong, without HTTP |
//! | [`settings`], [`cli`], [`app`] | how the program is set up, asked and put together |
//!
//! Imports point down only; a test reads the sources and holds them to it. Time comes from
//! [`clock`], randomness from [`random`], and both can be said in tests.

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod domain;
pub mod error;
pub mod exit;
pub mod logging;
pub mod mail;
pub mod random;
pub mod routes;
pub mod service;
pub mod settings;
pub mod state;
pub mod store;
pub mod systemd;
pub mod wire;

/// Many small pieces come and go with every document; jemalloc finds room for them faster than the system's
/// allocator and gives it back when it is quiet.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
