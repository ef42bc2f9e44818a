//! What leaves the daemon for people: the log.

pub mod log;

pub use log::Log;
