//! What the tests share: a server on a free port with a store of its own, principals who call it, and
//! answers that are held against the API description.

pub(crate) mod described;
mod reply;
mod server;
#[expect(dead_code, reason = "the unit tests use the rest")]
#[path = "../../../src/mail/sink.rs"]
pub(crate) mod sink;

pub(crate) use reply::Reply;
pub(crate) use server::{Principal, TestServer};
