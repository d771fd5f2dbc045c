//! The built program as a process of its own, and a plain client that asks it over a socket. What the
//! tests of the executable and of the recorded conversations share; nothing here knows a capability.

mod client;
mod installation;
mod server;

pub(crate) use client::{Answer, Client};
pub(crate) use installation::{ADMIN, Installation};
pub(crate) use server::Server;
