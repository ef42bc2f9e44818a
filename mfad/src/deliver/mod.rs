//! What leaves the daemon for people: the log.

mod entry;
mod journal;
pub mod kind;
pub mod log;

pub use kind::Notice;
pub use log::Log;
