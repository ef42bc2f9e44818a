//! The doors: who calls, may they, and what they said in words of ours.
//!
//! Root's logins come over a socket of the daemon's own ([`socket`]); everybody's own account,
//! lockers and administrators over the system bus ([`system`]).

mod caller;
mod pace;
mod quota;
pub mod socket;
pub mod system;

use zbus::{DBusError, Message, message::Header, names::ErrorName};

use crate::auth::Failure;

pub use caller::CallerUid;
pub use quota::Quotas;

/// A [`Failure`] as an error of the bus.
#[derive(Debug)]
pub struct Fails(Failure);

impl DBusError for Fails {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&(self.0.said.as_str(),))
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_static_str_unchecked(self.0.fault.name())
    }

    fn description(&self) -> Option<&str> {
        Some(&self.0.said)
    }
}
