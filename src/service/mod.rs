//! What the product decides: rules that need the store, the clock or the hashing pool. Nothing here
//! knows HTTP, JSON or sled.

pub mod admins;
pub mod api_keys;
pub mod bounded;
pub mod defender;
pub mod folders;
pub mod groups;
pub mod hashing;
pub mod login;
pub mod mail_queue;
pub mod moving;
pub mod own_password;
pub mod quotas;
pub mod references;
pub mod requester;
pub mod reset_codes;
pub mod roles;
pub mod second_factor;
pub mod sessions;
pub mod users;
