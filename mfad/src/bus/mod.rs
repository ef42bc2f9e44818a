//! The doors: who calls, may they, and what they said in words of ours.
//!
//! Root's logins come over a socket of the daemon's own ([`socket`]); everybody's own account,
//! lockers and administrators over the system bus ([`system`]). Both read messages in a loop of
//! their own, without an object server: what is called is one `match`, and a login waits for
//! nothing that it does not need.

mod caller;
mod pace;
mod proofs;
mod quota;
mod seats;
pub mod socket;
mod stream;
pub mod system;

use mfa_proto::{fault::Fault, names::OBJECT_PATH};
use serde::de::DeserializeOwned;
use zbus::{Message, Type, message::Header};

use crate::{
    auth::Failure,
    deliver::{Log, Notice},
};

pub use caller::CallerUid;
pub use proofs::Proofs;
pub use quota::Quotas;

/// The longest service name, in bytes.
const LONGEST_SERVICE: usize = 255;

/// The interface and the method of a call to our one object.
fn called<'a>(header: &'a Header<'_>) -> Result<(&'a str, &'a str), Failure> {
    let path = header.path().map(zbus::ObjectPath::as_str);
    let interface = header.interface().map(zbus::names::InterfaceName::as_str);
    let member = header.member().map(zbus::names::MemberName::as_str);
    match (path, interface, member) {
        (Some(OBJECT_PATH), Some(interface), Some(member)) => Ok((interface, member)),
        _ => Err(Failure::new(
            Fault::InvalidArgument,
            format!("there is only {OBJECT_PATH}, and methods are called by interface and name"),
        )),
    }
}

/// The arguments of a call, of exactly the method's types.
fn args<T: DeserializeOwned + Type>(message: &Message) -> Result<T, Failure> {
    let malformed = |_| Failure::new(Fault::InvalidArgument, "the arguments are not of the method's types");
    message.body().deserialize().map_err(malformed)
}

/// Tells the operator what the caller is not told.
fn tell(log: &Log, failure: &Failure) {
    if let Some(logged) = &failure.logged {
        log.tell(Notice::CannotJudge, logged);
    }
}

/// A [`Failure`] as an error of the bus.
fn fails(call: &Header<'_>, failure: &Failure) -> zbus::Result<Message> {
    Message::error(call, failure.fault.name()).build(&(failure.said.as_str(),))
}
