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
use zbus::connection::Builder;
use zbus::message::Body;
use zbus::{Connection, DynamicType};
use zruntime::SharedRuntime;

use crate::clock::{Clock, settle_down};
use crate::context::Context;
use crate::dialogue::Peer;
use crate::failed::Failed;
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

/// mfad, for one login.
pub(crate) struct Wire<'a> {
    clock: Clock,
    line: Line<'a>,
}

/// The connection, and what is asked over it.
struct Line<'a> {
    place: Place<'a>,
    door: Door,
    runtime: SharedRuntime,
    context: &'a Context,
    connection: Option<Connection>,
}

/// Does `work` with a wire to mfad, and leaves no thread, descriptor or task behind.
///
/// Connecting, every call, the user's typing and closing happen in here, in one `block_on`, since
/// zbus starts a thread for whatever outlives it.
pub(crate) fn with<'a, T>(
    place: Place<'a>,
    door: Door,
    context: &'a Context,
    work: impl AsyncFnOnce(&mut Wire<'a>) -> Result<T, Failed>,
) -> Result<T, Failed> {
    zbus::block_on(async {
        let done = match Wire::new(place, door, context) {
            Ok(mut wire) => work(&mut wire).await,
            Err(failed) => Err(failed),
        };
        settle_down().await;
        done
    })
}

impl<'a> Wire<'a> {
    fn new(place: Place<'a>, door: Door, context: &'a Context) -> Result<Self, Failed> {
        let runtime = SharedRuntime::current()?;
        let clock = Clock::start(&runtime, place.span);
        Ok(Self { clock, line: Line { place, door, runtime, context, connection: None } })
    }

    /// Settles what an auth phase proved.
    pub(crate) async fn settle(&mut self, ticket: &[u8]) -> Result<Step, Failed> {
        self.anew(async |line| line.step("Settle", &(ticket,)).await).await
    }

    /// Asks whether an account phase may pass that had no auth phase.
    pub(crate) async fn admit(&mut self) -> Result<Step, Failed> {
        self.anew(async |line| line.open("Admit").await).await
    }

    /// A call on a new connection, in what is left of the time.
    async fn anew(
        &mut self,
        call: impl AsyncFnOnce(&Line<'a>) -> Result<Step, Failed>,
    ) -> Result<Step, Failed> {
        let Self { clock, line } = self;
        let done = clock
            .bound(async {
                line.connect().await?;
                call(line).await
            })
            .await;
        done.map_err(|failed| explained(failed, self.line.connection.as_ref()))
    }
}

impl Peer for Wire<'_> {
    async fn begin(&mut self) -> Result<Step, Failed> {
        self.anew(async |line| match line.door {
            Door::Socket => line.open("Begin").await,
            Door::Bus => {
                line.own_account().await?;
                line.step("Begin", &(line.context.service.as_bytes(),)).await
            }
        })
        .await
    }

    async fn answer(&mut self, token: &[u8], answer: &Answer) -> Result<Step, Failed> {
        let Self { clock, line } = self;
        clock.bound(line.step("Answer", &(token, answer.to_wire()))).await
    }

    fn typed(&mut self) {
        self.clock.restart();
    }
}

/// Whether a connection was there when the time was over.
fn explained(failed: Failed, connection: Option<&Connection>) -> Failed {
    match (failed, connection) {
        (Failed::Silent, None) => Failed::Unreachable,
        (failed, _) => failed,
    }
}

impl Line<'_> {
    /// Makes the connection, in place of an earlier one.
    async fn connect(&mut self) -> Result<(), Failed> {
        self.connection = None;
        let builder = match self.door {
            Door::Socket => Builder::unix_stream(socket::reach(self.place, &self.runtime).await?).p2p(),
            Door::Bus => Builder::unix_stream(socket::reach_bus(self.place.bus, &self.runtime).await?),
        };
        self.connection = Some(builder.build().await?);
        Ok(())
    }

    /// A call that names the login: `Begin` and `Admit`.
    async fn open(&self, method: &'static str) -> Result<Step, Failed> {
        let (user, service) = (self.context.user.as_bytes(), self.context.service.as_bytes());
        self.step(method, &(user, service, &self.context.facts)).await
    }

    /// A call that answers a step.
    async fn step(
        &self,
        method: &'static str,
        body: &(impl Serialize + DynamicType),
    ) -> Result<Step, Failed> {
        let interface = match self.door {
            Door::Socket => names::AUTHENTICATOR,
            Door::Bus => names::LOCKER,
        };
        Ok(self.call(interface, method, body).await?.deserialize()?)
    }

    /// Makes sure that the user to be proven is the caller himself: the bus's door proves the
    /// caller, and a locker may have been told to ask for somebody else.
    async fn own_account(&self) -> Result<(), Failed> {
        let status: Status = self.call(names::ACCOUNT, "Status", &()).await?.deserialize()?;
        let own = status.user == self.context.user.as_bytes();
        own.then_some(()).ok_or(Failed::NotOwnAccount)
    }

    async fn call(
        &self,
        interface: &'static str,
        method: &'static str,
        body: &(impl Serialize + DynamicType),
    ) -> Result<Body, Failed> {
        let connection = self.connection.as_ref().ok_or(Failed::Lost)?;
        let destination = match self.door {
            Door::Socket => None,
            Door::Bus => Some(names::BUS_NAME),
        };
        let reply =
            connection.call_method(destination, names::OBJECT_PATH, Some(interface), method, body).await?;
        Ok(reply.body())
    }
}

#[cfg(test)]
mod tests;
