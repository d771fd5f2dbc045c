//! Who is calling and what they may do: proofs become a caller here, before any handler or body.

pub mod address;
pub mod api_key;
pub mod at_once;
pub mod basic;
pub mod caller;
pub mod gate;
pub mod jwt;
pub mod rate;
pub mod revocations;
