//! The built program itself: how it starts, stops and refuses, what its commands print, what stays on the disk
//! and out of the log, and that a killed server has lost nothing it answered.

mod audit;
mod backup;
mod commands;
mod crash;
mod disk;
mod exhausted;
mod files;
mod model;
mod moving;
#[path = "../program/mod.rs"]
mod program;
mod random;
mod secrets;
mod starting;
mod stopping;
mod storm;
