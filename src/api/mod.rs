//! HTTP in, HTTP out; no rule of the product lives here. One file for each kind of object, and the
//! pieces they share: how bodies are read, pages asked for, names escaped, answers written.

pub mod access_log;
pub mod admins;
pub mod api_keys;
pub mod audit;
pub mod body;
pub mod conditions;
pub mod connections;
pub mod defender;
pub mod dump;
pub mod events;
pub mod folders;
pub mod groups;
pub mod health;
pub mod json;
pub mod moving;
pub mod openapi;
pub mod own_password;
pub mod own_profile;
pub mod own_second_factor;
pub mod page;
pub mod passwords;
pub mod path_name;
pub mod problem;
pub mod quotas;
pub mod response;
pub mod roles;
pub mod routing;
pub mod status;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod user_patch;
pub mod user_query;
pub mod users;
pub mod version;
pub mod view;
