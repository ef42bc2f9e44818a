//! mfad over D-Bus: the calls of a login, on one connection.
//!
//! Root speaks to mfad peer to peer, at its own socket. Everybody else, which is to say a screen
//! locker, speaks to `org.mfad1.Locker` on the system bus, which takes no user: the account is the
//! caller's.

use mfa_proto::account::Status;
use mfa_proto::answer::Answer;
use mfa_proto::names;
use mfa_proto::step::Step;
use nix::unistd::geteuid;
use serde::Serialize;
use zbus::DynamicType;
use zbus::message::{Body, Message};

use crate::clock::Clock;
use crate::context::Context;
use crate::dialogue::Peer;
use crate::failed::Failed;
use crate::line::Line;
use crate::socket::{self, Place};

/// By which of mfad's doors the caller comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The socket, for root.
    Socket,
    /// The system bus, for everybody else.
    Bus,
}

impl Door {
    /// The door of this process. By its effective uid: that is what mfad is told by the kernel.
    pub(crate) fn of_this_process() -> Self {
        if geteuid().is_root() { Self::Socket } else { Self::Bus }
    }
}

/// mfad, for one login: connects when it is first called, and hangs up when it is dropped.
pub(crate) struct Wire<'a> {
    place: Place<'a>,
    door: Door,
    context: &'a Context,
    clock: Clock,
    line: Option<Line>,
}

impl<'a> Wire<'a> {
    /// A wire, not yet connected, whose clock runs.
    pub(crate) fn new(place: Place<'a>, door: Door, context: &'a Context) -> Self {
        Self { place, door, context, clock: Clock::start(place.span), line: None }
    }

    /// Settles what an auth phase proved.
    pub(crate) fn settle(&mut self, ticket: &[u8]) -> Result<Step, Failed> {
        self.connect()?;
        self.step("Settle", &(ticket,))
    }

    /// Asks whether an account phase may pass that had no auth phase.
    pub(crate) fn admit(&mut self) -> Result<Step, Failed> {
        self.connect()?;
        self.open("Admit")
    }

    /// Makes the connection, in place of an earlier one.
    fn connect(&mut self) -> Result<(), Failed> {
        self.line = None;
        self.line = Some(match self.door {
            Door::Socket => Line::to_peer(socket::reach(self.place, self.clock)?, self.clock),
            Door::Bus => Line::to_bus(socket::reach_bus(self.place.bus, self.clock)?, self.clock)?,
        });
        Ok(())
    }

    /// A call that names the login: `Begin` and `Admit`.
    fn open(&mut self, method: &'static str) -> Result<Step, Failed> {
        let context = self.context;
        self.step(method, &(context.user.as_bytes(), context.service.as_bytes(), &context.facts))
    }

    /// A call that answers a step.
    fn step(&mut self, method: &'static str, body: &(impl Serialize + DynamicType)) -> Result<Step, Failed> {
        let interface = match self.door {
            Door::Socket => names::AUTHENTICATOR,
            Door::Bus => names::LOCKER,
        };
        Ok(self.call(interface, method, body)?.deserialize()?)
    }

    /// Makes sure that the user to be proven is the caller himself: the bus's door proves the
    /// caller, and a locker may have been told to ask for somebody else.
    fn own_account(&mut self) -> Result<(), Failed> {
        let status: Status = self.call(names::ACCOUNT, "Status", &())?.deserialize()?;
        let own = status.user == self.context.user.as_bytes();
        own.then_some(()).ok_or(Failed::NotOwnAccount)
    }

    fn call(
        &mut self,
        interface: &'static str,
        method: &'static str,
        body: &(impl Serialize + DynamicType),
    ) -> Result<Body, Failed> {
        let call = Message::method_call(names::OBJECT_PATH, method).interface(interface);
        let call = match self.door {
            Door::Socket => call,
            Door::Bus => call.destination(names::BUS_NAME),
        };
        self.line.as_mut().ok_or(Failed::Lost)?.call(&call.build(body)?)
    }
}

impl Peer for Wire<'_> {
    fn begin(&mut self) -> Result<Step, Failed> {
        self.connect()?;
        match self.door {
            Door::Socket => self.open("Begin"),
            Door::Bus => {
                self.own_account()?;
                self.step("Begin", &(self.context.service.as_bytes(),))
            }
        }
    }

    fn answer(&mut self, token: &[u8], answer: &Answer) -> Result<Step, Failed> {
        self.step("Answer", &(token, answer.to_wire()))
    }

    fn typed(&mut self) {
        self.clock = Clock::start(self.place.span);
        if let Some(line) = &mut self.line {
            line.set_clock(self.clock);
        }
    }
}

#[cfg(test)]
mod tests;
